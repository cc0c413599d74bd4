//! The words of each dialect, by what they mean in a query: the closed world of the read grammar, and of colouring.
//!
//! The lists together hold every keyword that the servers themselves report (`pg_get_keywords()`,
//! `information_schema.keywords`, `sqlite3_keyword_name()`). A word in none of them is a name.

use crate::model::Dialect;
use std::sync::OnceLock;

/// What a keyword means inside a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Part of the grammar of queries and expressions; coloured.
    Query,
    /// Begins other statements, harmless as a name inside a query; coloured.
    Verb,
    /// Has no place in a query that only reads; coloured.
    Refused,
    /// A keyword that mostly serves as a name; not coloured, harmless inside a query.
    Name,
}

/// The word's meaning; `None` for what is no keyword. Case does not matter.
pub(super) fn word(dialect: Dialect, bytes: &[u8]) -> Option<Word> {
    // Each by itself: a session speaks one of them, and the first frame waits for it.
    static TABLES: [OnceLock<Table>; 3] = [const { OnceLock::new() }; 3];
    let (table, lists) = match dialect {
        Dialect::Postgres => (&TABLES[0], POSTGRES),
        Dialect::MySql => (&TABLES[1], MYSQL),
        Dialect::Sqlite => (&TABLES[2], SQLITE),
    };
    table.get_or_init(|| Table::new(lists)).get(bytes)
}

/// Whether the lexer calls the word a keyword.
pub(super) fn is_coloured(dialect: Dialect, bytes: &[u8]) -> bool {
    matches!(word(dialect, bytes), Some(Word::Query | Word::Verb | Word::Refused))
}

/// Bytes of a word that are its key in the table; the few longer ones are in a list.
const KEY: usize = 16;

/// Slots: a power of two, several times the number of words, so that most probes are the last.
const SLOTS: usize = 4096;

/// A hash table over short words, because every word of a text is looked up.
struct Table {
    /// Zero where there is none: no word is empty.
    keys: Vec<u128>,
    kinds: Vec<Word>,
    long: Vec<(&'static str, Word)>,
}

fn key(bytes: &[u8]) -> Option<u128> {
    let mut lower = [0u8; KEY];
    lower.get_mut(..bytes.len())?.copy_from_slice(bytes);
    lower.make_ascii_lowercase();
    Some(u128::from_le_bytes(lower))
}

fn slot(key: u128) -> usize {
    // Multiplying spreads every byte to the top bits.
    let folded = (key as u64) ^ ((key >> 64) as u64).rotate_left(29);
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as usize % SLOTS
}

impl Table {
    fn new(lists: [&'static str; 4]) -> Self {
        let kinds = [Word::Query, Word::Verb, Word::Refused, Word::Name];
        let mut table = Table { keys: vec![0; SLOTS], kinds: vec![Word::Query; SLOTS], long: Vec::new() };
        for (word, kind) in lists.into_iter().zip(kinds).flat_map(|(list, kind)| list.split_whitespace().map(move |w| (w, kind))) {
            match key(word.as_bytes()) {
                Some(key) => {
                    let mut at = slot(key);
                    while table.keys[at] != 0 && table.keys[at] != key {
                        at = (at + 1) % SLOTS;
                    }
                    (table.keys[at], table.kinds[at]) = (key, kind);
                }
                None => table.long.push((word, kind)),
            }
        }
        table
    }

    fn get(&self, bytes: &[u8]) -> Option<Word> {
        let Some(key) = key(bytes) else {
            return self.long.iter().find(|(w, _)| w.as_bytes().eq_ignore_ascii_case(bytes)).map(|w| w.1);
        };
        let mut at = slot(key);
        while self.keys[at] != 0 {
            if self.keys[at] == key {
                return Some(self.kinds[at]);
            }
            at = (at + 1) % SLOTS;
        }
        None
    }
}

/// PostgreSQL: query, verbs, refused in a query, names.
const POSTGRES: [&str; 4] = [
    "all and any array as asc asymmetric authorization between bigint bit boolean both by case cast char character coalesce collate collation \
     cross cube current_catalog current_date current_role current_schema current_time current_timestamp current_user date dec decimal desc \
     distinct double else end escape except exists extract false fetch filter first float for freeze from full greatest group grouping \
     groups having ilike in inner int integer intersect interval is isnull join json lateral last leading least left like limit localtime \
     localtimestamp materialized national natural nchar no none normalize not notnull null nullif nulls numeric offset on only or order \
     ordinality others outer over overlaps overlay partition placing position precision range real recursive right rollup row rows \
     select session_user setof sets similar smallint some substring symmetric system_user table tablesample text then ties time timestamp to \
     trailing treat trim true unbounded union unique using values varchar variadic varying when where window with within without xmlattributes \
     xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable zone json_array json_arrayagg \
     json_exists json_object json_objectagg json_query json_scalar json_serialize json_table json_value merge_action user verbose",
    "abort add analyse analyze begin call checkpoint close cluster comment commit deallocate discard explain import listen load lock move \
     notify reassign refresh reindex release reset rollback savepoint security show start unlisten vacuum cascade database domain each \
     extension function if index inherits language replace owner procedure publication restrict role rule schema sequence \
     server subscription tablespace temp temporary trigger type unlogged view transaction isolation exclude policy rename",
    "alter check column concurrently constraint copy create declare default deferrable delete do drop execute foreign grant initially insert \
     into merge prepare primary references returning revoke set truncate update",
    "absent absolute access action admin after aggregate also always asensitive assertion assignment at atomic attach attribute backward \
     before binary breadth cache called cascaded catalog chain characteristics class columns comments committed compression conditional \
     configuration conflict connection constraints content continue conversion cost csv current cursor cycle data day defaults deferred \
     definer delimiter delimiters depends depth detach dictionary disable document empty enable encoding encrypted enforced enum error event \
     excluding exclusive expression external family finalize following force format forward functions generated global granted handler \
     header hold hour identity immediate immutable implicit include including increment indent indexes inherit inline inout input insensitive \
     instead invoker key keys label large leakproof level local location locked logged mapping match matched maxvalue \
     method minute minvalue mode month name names nested new next nfc nfd nfkc nfkd normalized nothing nowait object objects of off oids old omit operator \
     option options out overriding owned parallel parameter parser partial passing password path period plan plans preceding prepared preserve prior \
     privileges procedural procedures program quote quotes read recheck ref referencing relative repeatable replica restart \
     return returns routine routines scalar schemas scroll search second sequences serializable session share simple skip snapshot source sql \
     stable standalone statement statistics stdin stdout storage stored strict string strip support sysid system tables target template \
     transform trusted types uescape uncommitted unconditional unencrypted unknown until valid validate validator value version views virtual \
     volatile whitespace work wrapper write xml year yes split partitions lsn wait",
];

/// MySQL and MariaDB: query, verbs, refused in a query, names.
const MYSQL: [&str; 4] = [
    "accessible against all and any as asc ascii between bigint binary bit blob bool boolean both by case cast char character charset \
     coalesce collate cross cube current_date current_role current_time current_timestamp current_user date datetime day_hour \
     day_microsecond day_minute day_second dec decimal desc distinct distinctrow div double dual else empty end escape except exists \
     extract false fields fetch first float float4 float8 following for force from full fulltext grouping groups group having high_priority \
     hour_microsecond hour_minute hour_second ignore in inner int int1 int2 int3 int4 int8 integer intersect interval is json join json_table \
     key language last lateral leading left like limit localtime localtimestamp long longblob longtext match mediumblob mediumint mediumtext \
     member middleint minus minute_microsecond minute_second mod mode names national natural nchar nested next no not null numeric nvarchar of \
     offset on only or order ordinality outer over partition path position preceding precision primary quarter query range real regexp \
     recursive right rlike rollup row rows second_microsecond select separator signed smallint some sounds sql_big_result sql_buffer_result \
     sql_cache sql_calc_found_rows sql_no_cache sql_small_result straight_join substring system_time table text then ties time timestamp \
     tinyblob tinyint tinytext to trailing trim true unbounded union unique unsigned using utc_date utc_time utc_timestamp \
     value values varbinary varchar varchar2 varcharacter varying week when where window with within without xor year_month zerofill \
     cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number",
    "begin binlog cache checksum close comment commit database databases deallocate delayed engine event events execute explain \
     describe flush handler help if import index install keys leave loop open prepare processlist repeat release reset \
     rollback savepoint schema schemas show shutdown sequence signal slave sql start stop temporary trigger triggers function view uninstall use user variables \
     while replica tables tablespace transaction truncate xa global session declare do",
    "alter analyze call change check column condition constraint create cursor default delete deterministic drop dumpfile each elseif enclosed \
     escaped exit foreign generated grant infile inout insert into iterate kill linear lines load lock low_priority maxvalue modifies \
     no_write_to_binlog optimize option optionally out outfile page_checksum procedure purge raise read_write reads references \
     rename repair replace require resignal restrict return returning revoke set spatial specific sqlexception sqlstate sqlwarning \
     ssl starting stats_auto_recalc stats_persistent stats_sample_pages stored terminated undo unlock update upgrade usage virtual write \
     delete_domain_id do_domain_ids ignore_domain_ids ref_system_id cascade add asensitive before insensitive sensitive read",
    "account action admin after aggregate algorithm always at atomic authors auto autoextend_size auto_increment avg avg_row_length backup block \
     body btree byte cascaded catalog_name chain changed channel cipher class_origin client clob code collation columns column_add \
     column_check column_create column_delete column_get column_name committed compact completion compressed concurrent connection consistent \
     constraint_catalog constraint_name constraint_schema contains context continue contributors convert cpu current current_pos cursor_name \
     cycle data datafile day definer delay_key_write des_key_file diagnostics directory disable discard disk dynamic enable ends engines enum \
     error errors every examined exception exchange exclude expansion expire export extended extent_size fast faults federated file fixed \
     follows format found general get get_format goto grants hard hash history host hosts hour id identified ignored ignore_server_ids \
     immediate increment indexes initial_size insert_method invisible invoker io io_thread ipc isolation isopen issuer key_block_size lastval leaves \
     less level list local locked locks logfile logs master master_connect_retry master_delay master_demote_to_replica master_demote_to_slave \
     master_gtid_pos master_heartbeat_period master_host master_log_file master_log_pos master_password master_port master_server_id master_ssl \
     master_ssl_ca master_ssl_capath master_ssl_cert master_ssl_cipher master_ssl_crl master_ssl_crlpath master_ssl_key \
     master_ssl_verify_server_cert master_user master_use_gtid max_connections_per_hour max_queries_per_hour max_rows max_size \
     max_statement_time max_updates_per_hour max_user_connections medium memory merge message_text microsecond migrate minute minvalue min_rows modify \
     monitor month mutex mysql mysql_errno name never nextval nocache nocycle nodegroup nomaxvalue nominvalue none notfound nowait no_wait \
     number old_password one online checkpoint duplicate restart options others overlaps owner package pack_keys page parser parse_vcol_expr partial partitioning partitions \
     password period persistent phase plugin plugins port portion precedes preserve prev previous privileges process profile profiles proxy \
     quick raw read_only rebuild recover redofile redo_buffer_size redundant relay relaylog relay_log_file relay_log_pos relay_thread reload \
     remove reorganize repeatable replay replicas replication replica_pos restore resume returned_sqlstate returns reuse reverse role routine \
     rowcount rownum rowtype row_count row_format rtree schedule schema_name second security serial serializable server setval share simple skip slaves \
     slave_pos slow snapshot socket soft soname source sql_thread sql_tsi_day sql_tsi_hour sql_tsi_minute sql_tsi_month sql_tsi_quarter \
     sql_tsi_second sql_tsi_week sql_tsi_year stage starts statement status storage string subclass_origin subject subpartition \
     subpartitions super suspend swaps switches sysdate system table_checksum table_name temptable than threads timestampadd \
     timestampdiff transactional type uncommitted undefined undofile undo_buffer_size unicode unknown until user_resources use_frm versioning via \
     visible wait warnings weight_string work wrapper x509 xml year elsif manual nulls parallel qualify system_user tablesample",
];

/// SQLite: query, verbs, refused in a query, names.
const SQLITE: [&str; 4] = [
    "all and as asc between by case cast collate cross current_date current_time current_timestamp desc distinct else end escape except \
     exclude exists filter first following from full glob group groups having in indexed inner intersect is isnull join last left like \
     limit match materialized natural not notnull null nulls of offset on or order others outer over partition preceding range recursive regexp \
     right row rows select ties then to unbounded union unique using values when where window with without",
    "abort analyze attach before begin cascade commit conflict database deferred detach each explain fail if ignore immediate index \
     instead plan pragma query raise reindex release rename restrict rollback savepoint table temp temporary transaction trigger vacuum view virtual after",
    "add alter autoincrement check constraint create default deferrable delete drop foreign insert into nothing primary references \
     replace returning set update",
    "action always column current do exclusive for generated initially key no",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stands_once_in_lower_case() {
        for lists in [POSTGRES, MYSQL, SQLITE] {
            let mut seen = std::collections::HashSet::new();
            for w in lists.iter().flat_map(|l| l.split_whitespace()) {
                assert!(seen.insert(w) && w.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{w}");
            }
            let table = Table::new(lists);
            assert!(seen.iter().all(|w| table.get(w.to_ascii_uppercase().as_bytes()).is_some()));
        }
    }

    #[test]
    fn words_are_found() {
        assert_eq!(word(Dialect::Postgres, b"SeLeCt"), Some(Word::Query));
        assert_eq!(word(Dialect::Postgres, b"into"), Some(Word::Refused));
        assert_eq!(word(Dialect::MySql, b"name"), Some(Word::Name));
        assert_eq!(word(Dialect::MySql, b"zebra"), None);
        assert_eq!(word(Dialect::Sqlite, b"_x"), None);
        assert_eq!(word(Dialect::Sqlite, b""), None);
        assert_eq!(word(Dialect::MySql, b"Minute_Microsecond"), Some(Word::Query));
        assert_eq!(word(Dialect::MySql, b"a_name_that_is_longer_than_any_keyword_of_it"), None);
        assert_eq!(word(Dialect::Sqlite, b"without"), Some(Word::Query));
        assert!(!is_coloured(Dialect::Postgres, b"name") && is_coloured(Dialect::Postgres, b"WITH"));
    }
}
