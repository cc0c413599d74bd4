//! Words that cannot stand unquoted as the name of a table or column.
//!
//! PostgreSQL: `pg_get_keywords()` of 15, codes R and T, and `system_user` of 16. MariaDB 10.11 and SQLite: every keyword was tried
//! as a column's name (`create table`, `select`, `order by`); what MySQL 8 reserves besides is in its manual, "Keywords and Reserved Words".

use crate::model::Dialect;

/// Whether a bare name means itself: no quotes needed.
pub fn plain(dialect: Dialect, name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b == b'_' || b.is_ascii_alphabetic());
    // Only PostgreSQL folds: there a capital letter is kept by quotes alone.
    let folded = dialect != Dialect::Postgres || !name.bytes().any(|b| b.is_ascii_uppercase());
    first && folded && bytes.all(|b| b == b'_' || b.is_ascii_alphanumeric()) && !reserved(dialect, name)
}

/// The name as it has to be written: quoted only where it must be.
pub fn ident(dialect: Dialect, name: &str) -> String {
    if plain(dialect, name) { name.to_string() } else { dialect.quote_ident(name) }
}

/// Whether the word has to be quoted to be a name.
pub(super) fn reserved(dialect: Dialect, name: &str) -> bool {
    let list = match dialect {
        Dialect::Postgres => POSTGRES,
        Dialect::MySql => MYSQL,
        Dialect::Sqlite => SQLITE,
    };
    list.split_ascii_whitespace().any(|w| w.eq_ignore_ascii_case(name))
}

const POSTGRES: &str = "all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column \
    concurrently constraint create cross current_catalog current_date current_role current_schema current_time \
    current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze from \
    full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit \
    localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references \
    returning right select session_user similar some symmetric table tablesample then to trailing true union unique user \
    using variadic verbose when where window with system_user";

const MYSQL: &str = "accessible add all alter analyze and as asc asensitive before between bigint binary blob both by call cascade case \
    change char character check collate column condition constraint continue convert create cross current_date \
    current_role current_time current_timestamp current_user cursor databases day_hour day_microsecond day_minute \
    day_second dec decimal declare default delayed delete delete_domain_id desc describe deterministic distinct \
    distinctrow div do_domain_ids double drop dual each else elseif enclosed escaped except exists exit explain false \
    fetch float float4 float8 for force foreign from fulltext grant group having high_priority hour_microsecond \
    hour_minute hour_second if ignore ignore_domain_ids in index infile inner inout insensitive insert int int1 int2 int3 \
    int4 int8 integer intersect interval into is iterate join key keys kill leading leave left like limit linear lines \
    load localtime localtimestamp lock long longblob longtext loop low_priority master_demote_to_replica \
    master_demote_to_slave master_ssl_verify_server_cert match maxvalue mediumblob mediumint mediumtext middleint \
    minute_microsecond minute_second mod modifies natural no_write_to_binlog not null numeric offset on optimize \
    optionally or order out outer outfile over page_checksum parse_vcol_expr partition portion precision primary procedure \
    purge range read read_write reads real recursive ref_system_id references regexp release rename repeat replace require \
    resignal restrict return returning revoke right rlike row_number rows schemas second_microsecond select sensitive \
    separator set show signal smallint spatial specific sql sql_big_result sql_buffer_result sql_cache sql_calc_found_rows \
    sql_no_cache sql_small_result sqlexception sqlstate sqlwarning ssl starting stats_auto_recalc stats_persistent \
    stats_sample_pages straight_join table terminated then tinyblob tinyint tinytext to trailing trigger true undo union \
    unique unlock unsigned update usage use using utc_date utc_time utc_timestamp values varbinary varchar varcharacter \
    varying when where while with write xor year_month zerofill cube cume_dist \
    dense_rank empty first_value function generated get grouping groups io_after_gtids io_before_gtids json_table lag last_value lateral lead \
    nth_value ntile of optimizer_costs percent_rank rank stored system virtual window";

const SQLITE: &str = "add all alter and as autoincrement between case cast check collate commit constraint create default deferrable delete \
    distinct drop else escape except exists foreign from group having in index insert intersect into is isnull join limit \
    not nothing notnull null on or order primary raise references returning select set table then to transaction union \
    unique update using values when where";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_need_quotes_get_them() {
        for (dialect, name, written) in [
            (Dialect::Postgres, "orders", "orders"),
            (Dialect::Postgres, "Orders", "\"Orders\""),
            (Dialect::Postgres, "order", "\"order\""),
            (Dialect::Postgres, "date", "date"),
            (Dialect::Postgres, "user", "\"user\""),
            (Dialect::Postgres, "a\"b", "\"a\"\"b\""),
            (Dialect::Postgres, "2nd", "\"2nd\""),
            (Dialect::Postgres, "größe", "\"größe\""),
            (Dialect::MySql, "Orders", "Orders"),
            (Dialect::MySql, "key", "`key`"),
            (Dialect::MySql, "rank`", "`rank```"),
            (Dialect::Sqlite, "Orders", "Orders"),
            (Dialect::Sqlite, "index", "\"index\""),
            (Dialect::Sqlite, "", "\"\""),
        ] {
            assert_eq!(ident(dialect, name), written);
        }
    }
}
