//! Built-in functions: which are harmless in a read, and which never are.
//!
//! *Harmless* means: writes nothing, locks nothing, ends nothing, reads no file, and runs no SQL handed to it as text. The
//! PostgreSQL list was checked against `pg_proc`: immutable or stable, or one of the volatile ones that only look
//! (sizes, clocks, random numbers, `pg_sleep`). Names that only newer servers have built in are left out, because on an older
//! one somebody may have defined them. What is on neither list is looked up in the catalogue by the engine.

use crate::model::Dialect;
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

/// Functions of PostgreSQL's own `pg_catalog` that are volatile and yet only read, and whose names are too new or too common to be
/// taken without a look at the schema: when the catalogue says that the call is `pg_catalog`'s, it is harmless.
pub const PG_CATALOG_HARMLESS: [&str; 13] = [
    "array_sample",
    "array_shuffle",
    "random_normal",
    "uuidv4",
    "uuidv7",
    // Names, sizes and times of the server's own files.
    "pg_ls_archive_statusdir",
    "pg_ls_logdir",
    "pg_ls_logicalmapdir",
    "pg_ls_logicalsnapdir",
    "pg_ls_replslotdir",
    "pg_ls_tmpdir",
    "pg_ls_waldir",
    "pg_stat_file",
];

/// Whether a call of this built-in name (unqualified, as the dialect folds it) only reads.
pub(super) fn harmless(dialect: Dialect, name: &str) -> bool {
    static SETS: OnceLock<[HashSet<&'static str>; 3]> = OnceLock::new();
    let sets = SETS.get_or_init(|| {
        let set = |own: &'static str| COMMON.split_whitespace().chain(own.split_whitespace()).collect();
        [set(POSTGRES), set(MYSQL), set(SQLITE)]
    });
    let set = match dialect {
        Dialect::Postgres => &sets[0],
        Dialect::MySql => &sets[1],
        Dialect::Sqlite => &sets[2],
    };
    set.contains(name)
}

/// Functions of [`MYSQL`] that MySQL does not have (MariaDB's `information_schema.SQL_FUNCTIONS`), and those that MariaDB does not have.
const MARIADB_ALONE: &str = "add_months chr column_add column_check column_create column_delete column_exists column_get column_json column_list \
     crc32c decode_histogram geometryfromtext json_compact json_detailed json_equals json_exists json_loose json_normalize json_query lengthb median \
     natural_sort_key nvl nvl2 percentile_cont percentile_disc sformat sys_guid to_char";
const MYSQL_ALONE: &str = "any_value bin_to_uuid format_bytes format_pico_time geomcollection grouping gtid_subset gtid_subtract icu_version is_uuid \
     json_schema_valid json_schema_validation_report json_storage_free json_storage_size mbrcoveredby mbrcovers ps_current_thread_id ps_thread_id \
     regexp_like roles_graphml st_aswkb st_aswkt st_buffer_strategy st_frechetdistance st_geohash st_hausdorffdistance st_latfromgeohash \
     st_latitude st_lineinterpolatepoint st_lineinterpolatepoints st_longfromgeohash st_longitude st_makeenvelope st_pointatdistance \
     st_pointfromgeohash st_simplify st_swapxy st_symdifference st_transform st_validate statement_digest statement_digest_text uuid_to_bin \
     validate_password_strength from_vector string_to_vector to_vector vector_dim vector_to_string";

/// Built-in functions of MariaDB or MySQL, which have them apart, for completion.
pub fn of_mysql(mariadb: bool) -> impl Iterator<Item = &'static str> {
    let others: HashSet<&str> = if mariadb { MYSQL_ALONE } else { MARIADB_ALONE }.split_whitespace().collect();
    known(Dialect::MySql).filter(move |f| !others.contains(f))
}

/// Built-in functions by name: the harmless ones.
pub fn known(dialect: Dialect) -> impl Iterator<Item = &'static str> {
    let own = match dialect {
        Dialect::Postgres => POSTGRES,
        Dialect::MySql => MYSQL,
        Dialect::Sqlite => SQLITE,
    };
    COMMON.split_whitespace().chain(own.split_whitespace())
}

/// What a function on the deny list does, as the end of the sentence "`name` …". `name` is its last part in lower case.
pub(super) fn denied(dialect: Dialect, name: &str) -> Option<&'static str> {
    static EXACT: OnceLock<[HashMap<&'static str, &'static str>; 3]> = OnceLock::new();
    let exact = EXACT.get_or_init(|| {
        let map = |list: &'static [(&'static str, &'static str)]| {
            list.iter().flat_map(|&(names, what)| names.split_whitespace().map(move |n| (n, what))).collect()
        };
        [map(PG_DENIED), map(MYSQL_DENIED), map(SQLITE_DENIED)]
    });
    let (exact, prefixes) = match dialect {
        Dialect::Postgres => (&exact[0], PG_DENIED_PREFIXES),
        Dialect::MySql => (&exact[1], MYSQL_DENIED_PREFIXES),
        Dialect::Sqlite => (&exact[2], &[][..]),
    };
    exact.get(name).copied().or_else(|| prefixes.iter().find(|(p, _)| name.starts_with(p)).map(|(_, what)| *what))
}

/// In all three.
const COMMON: &str = "abs acos asin atan atan2 avg ceil ceiling coalesce concat concat_ws cos cot count cume_dist degrees dense_rank exp first_value \
     floor format lag last_value lead length ln log log10 lower ltrim max min mod nth_value ntile nullif octet_length percent_rank \
     pi pow power radians rank replace reverse round row_number rtrim sign sin sqrt substr substring sum tan trim upper char date \
     time cast json_object";

const POSTGRES: &str = "acosd acosh acldefault aclexplode age area array_agg array_append array_cat array_dims array_fill array_length array_lower \
     array_ndims array_position array_positions array_prepend array_remove array_replace array_to_json array_to_string \
     array_to_tsvector array_upper ascii asind asinh atan2d atand atanh bernoulli bit_and bit_count bit_length bit_or bit_xor \
     bool_and bool_or bound_box box bpchar broadcast btrim cardinality cbrt center char_length character_length chr circle \
     clock_timestamp col_description convert convert_from convert_to corr cosd cosh cotd covar_pop covar_samp current_catalog \
     current_database current_date current_query current_role current_schema current_schemas current_setting current_time \
     current_timestamp current_user currval date_bin date_part date_trunc datemultirange daterange decode diagonal diameter div \
     encode enum_first enum_last enum_range every extract factorial family format_type gcd gen_random_uuid generate_series \
     generate_subscripts get_bit get_byte get_current_ts_config getdatabaseencoding greatest has_any_column_privilege \
     has_column_privilege has_database_privilege has_foreign_data_wrapper_privilege has_function_privilege has_language_privilege \
     has_parameter_privilege has_schema_privilege has_sequence_privilege has_server_privilege has_table_privilege \
     has_tablespace_privilege has_type_privilege height host hostmask inet_client_addr inet_client_port inet_merge inet_same_family \
     inet_server_addr inet_server_port initcap int4multirange int4range int8multirange int8range is_normalized isclosed isempty \
     isfinite ishorizontal isopen isparallel isperp isvertical json_agg json_array_elements json_array_elements_text \
     json_array_length json_build_array json_build_object json_each json_each_text json_extract_path json_extract_path_text \
     json_object_agg json_object_keys json_populate_record json_populate_recordset json_strip_nulls json_to_record json_to_recordset \
     json_to_tsvector json_typeof jsonb_agg jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array \
     jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object \
     jsonb_object_agg jsonb_object_keys jsonb_path_exists jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query \
     jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz jsonb_path_query_tz \
     jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record \
     jsonb_to_recordset jsonb_to_tsvector jsonb_typeof justify_days justify_hours justify_interval lastval lcm least left like line \
     localtime localtimestamp lower_inc lower_inf lpad lseg macaddr8_set7bit make_date make_interval make_time make_timestamp \
     make_timestamptz masklen md5 min_scale mode multirange mxid_age netmask network normalize now npoints num_nonnulls num_nulls \
     nummultirange numnode numrange obj_description overlaps overlay parse_ident path pclose percentile_cont percentile_disc \
     pg_available_extension_versions pg_available_extensions pg_backend_pid pg_blocking_pids pg_char_to_encoding pg_client_encoding \
     pg_collation_actual_version pg_collation_for pg_collation_is_visible pg_column_compression pg_column_is_updatable \
     pg_column_size pg_column_toast_chunk_id pg_conf_load_time pg_control_checkpoint pg_control_init pg_control_recovery \
     pg_control_system pg_conversion_is_visible pg_current_logfile pg_current_snapshot pg_current_wal_flush_lsn \
     pg_current_wal_insert_lsn pg_current_wal_lsn pg_current_xact_id_if_assigned pg_cursor pg_database_collation_actual_version \
     pg_database_size pg_describe_object pg_encoding_max_length pg_encoding_to_char pg_extension_update_paths pg_filenode_relation \
     pg_function_is_visible pg_get_backend_memory_contexts pg_get_catalog_foreign_keys pg_get_constraintdef pg_get_expr \
     pg_get_function_arg_default pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result \
     pg_get_function_sqlbody pg_get_functiondef pg_get_indexdef pg_get_keywords pg_get_multixact_members pg_get_object_address \
     pg_get_partition_constraintdef pg_get_partkeydef pg_get_publication_tables pg_get_replica_identity_index \
     pg_get_replication_slots pg_get_ruledef pg_get_serial_sequence pg_get_shmem_allocations pg_get_statisticsobjdef \
     pg_get_statisticsobjdef_columns pg_get_statisticsobjdef_expressions pg_get_triggerdef pg_get_userbyid pg_get_viewdef \
     pg_get_wait_events pg_get_wal_replay_pause_state pg_get_wal_resource_managers pg_get_wal_summarizer_state pg_has_role \
     pg_hba_file_rules pg_ident_file_mappings pg_identify_object pg_identify_object_as_address pg_index_column_has_property \
     pg_index_has_property pg_indexam_has_property pg_indexam_progress_phasename pg_indexes_size pg_is_in_recovery \
     pg_is_other_temp_schema pg_is_wal_replay_paused pg_jit_available pg_last_committed_xact pg_last_wal_receive_lsn \
     pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_listening_channels pg_lock_status pg_mcv_list_items pg_my_temp_schema \
     pg_notification_queue_usage pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible pg_options_to_table \
     pg_partition_ancestors pg_partition_root pg_partition_tree pg_postmaster_start_time pg_prepared_statement pg_prepared_xact \
     pg_relation_filenode pg_relation_filepath pg_relation_is_publishable pg_relation_is_updatable pg_relation_size \
     pg_safe_snapshot_blocking_pids pg_sequence_last_value pg_sequence_parameters pg_settings_get_flags \
     pg_show_all_file_settings pg_show_all_settings pg_show_replication_origin_status pg_size_bytes pg_size_pretty pg_sleep \
     pg_sleep_for pg_sleep_until pg_snapshot_xip pg_snapshot_xmax pg_snapshot_xmin pg_stat_get_activity pg_stat_get_archiver \
     pg_stat_get_backend_idset pg_stat_get_progress_info pg_stat_get_slru pg_stat_get_subscription pg_stat_get_wal \
     pg_stat_get_wal_senders pg_stat_statements pg_statistics_obj_is_visible pg_table_is_visible pg_table_size \
     pg_tablespace_databases pg_tablespace_location pg_tablespace_size pg_timezone_abbrevs pg_timezone_names pg_total_relation_size \
     pg_trigger_depth pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible \
     pg_type_is_visible pg_typeof pg_visible_in_snapshot pg_wal_lsn_diff pg_walfile_name pg_walfile_name_offset \
     pg_xact_commit_timestamp pg_xact_commit_timestamp_origin pg_xact_status phraseto_tsquery plainto_tsquery point polygon popen \
     position querytree quote_ident quote_literal quote_nullable radius random range_agg range_intersect_agg range_merge \
     regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table \
     regexp_substr regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy repeat right \
     row_security_active row_to_json rpad scale session_user set_bit set_byte set_masklen setweight sha224 sha256 sha384 sha512 \
     shobj_description sind sinh slope split_part starts_with statement_timestamp stddev stddev_pop stddev_samp string_agg \
     string_to_array string_to_table strip strpos system tand tanh text timeofday timestamp timestamptz timezone to_ascii to_char \
     to_date to_hex to_json to_jsonb to_number to_regclass to_regcollation to_regnamespace to_regoper to_regoperator to_regproc \
     to_regprocedure to_regrole to_regtype to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim_array trim_scale \
     trunc ts_debug ts_delete ts_filter ts_headline ts_lexize ts_parse ts_rank ts_rank_cd ts_token_type tsmultirange tsquery_phrase \
     tsrange tstzmultirange tstzrange tsvector_to_array txid_current_if_assigned txid_current_snapshot txid_snapshot_xip \
     txid_snapshot_xmax txid_snapshot_xmin txid_status txid_visible_in_snapshot unistr unnest upper_inc upper_inf var_pop var_samp \
     variance version websearch_to_tsquery width width_bucket xml_is_well_formed xml_is_well_formed_content \
     xml_is_well_formed_document xmlagg xmlcomment xmlconcat xmlelement xmlexists xmlforest xmlparse xmlpi xmlroot xmlserialize \
     xmltable xpath xpath_exists";

// The last lines are MariaDB's alone (`information_schema.SQL_FUNCTIONS`), then MySQL's (its manual, "Built-In Function and Operator
// Reference"); a stored function of such a name is looked for like any other.
const MYSQL: &str = "json_array adddate addtime aes_decrypt aes_encrypt ascii benchmark bin bit_and bit_count bit_length bit_or bit_xor \
     character_length char_length charset coercibility collation compress connection_id conv convert convert_tz crc32 curdate \
     current_date current_role current_time current_timestamp current_user curtime database datediff date_add date_format date_sub \
     datetime day dayname dayofmonth dayofweek dayofyear default elt export_set extract extractvalue field find_in_set found_rows \
     from_base64 from_days from_unixtime geomcollection geometrycollection geometryfromtext get_format greatest group_concat hex \
     hour if ifnull inet6_aton inet6_ntoa inet_aton inet_ntoa insert instr interval isnull is_free_lock is_ipv4 is_ipv4_compat \
     is_ipv4_mapped is_ipv6 is_used_lock json_arrayagg json_array_append json_array_insert json_contains json_contains_path \
     json_depth json_extract json_insert json_keys json_length json_merge json_merge_patch json_merge_preserve json_objectagg \
     json_overlaps json_pretty json_quote json_remove json_replace json_search json_set json_table json_type json_unquote json_valid \
     json_value last_day lcase least left linestring locate localtime localtimestamp log2 lpad makedate maketime make_set \
     mbrcontains mbrintersects mbrwithin md5 median microsecond mid minute month monthname multilinestring multipoint multipolygon \
     name_const now oct ord percentile_cont percentile_disc period_add period_diff point polygon position quarter quote rand \
     random_bytes regexp_instr regexp_replace regexp_substr repeat right row_count rpad schema sec_to_time second session_user sha \
     sha1 sha2 sleep soundex space std stddev stddev_pop stddev_samp strcmp str_to_date st_area st_asgeojson st_astext st_contains \
     st_distance st_distance_sphere st_geomfromtext st_intersects st_length st_srid st_within st_x st_y subdate substring_index \
     subtime sysdate system_user timediff timestamp timestampadd timestampdiff time_format time_to_sec to_base64 to_days to_seconds \
     truncate ucase uncompress uncompressed_length unhex unix_timestamp updatexml user utc_date utc_time utc_timestamp uuid \
     uuid_short value values variance var_pop var_samp version week weekday weekofyear weight_string xor year yearweek \
     add_months chr column_add column_check column_create column_delete column_exists column_get column_json column_list crc32c \
     decode_histogram json_compact json_detailed json_equals json_exists json_loose json_normalize json_query lengthb natural_sort_key \
     nvl nvl2 sformat sys_guid to_char \
     any_value bin_to_uuid format_bytes format_pico_time grouping gtid_subset gtid_subtract icu_version is_uuid \
     json_schema_valid json_schema_validation_report json_storage_free json_storage_size mbrcoveredby mbrcovers mbrdisjoint mbrequals \
     mbroverlaps mbrtouches ps_current_thread_id ps_thread_id regexp_like roles_graphml st_asbinary st_aswkb st_aswkt st_buffer \
     st_buffer_strategy st_centroid st_collect st_convexhull st_crosses st_difference st_dimension st_disjoint st_endpoint st_envelope \
     st_equals st_exteriorring st_frechetdistance st_geohash st_geomcollfromtext st_geometryn st_geometrytype st_geomfromgeojson \
     st_geomfromwkb st_hausdorffdistance st_interiorringn st_intersection st_isclosed st_isempty st_issimple st_isvalid st_latfromgeohash \
     st_latitude st_linefromtext st_lineinterpolatepoint st_lineinterpolatepoints st_longfromgeohash st_longitude st_makeenvelope \
     st_numgeometries st_numinteriorring st_numinteriorrings st_numpoints st_overlaps st_pointatdistance st_pointfromgeohash \
     st_pointfromtext st_pointfromwkb st_pointn st_polyfromtext st_simplify st_startpoint st_swapxy st_symdifference st_touches \
     st_transform st_union st_validate statement_digest statement_digest_text uuid_to_bin validate_password_strength \
     from_vector string_to_vector to_vector vector_dim vector_to_string";

const SQLITE: &str = "json_array acosh asinh atanh bm25 changes cosh current_date current_time current_timestamp datetime decimal decimal_add decimal_cmp \
     decimal_mul decimal_sub decimal_sum generate_series glob group_concat hex highlight ieee754 if ifnull iif instr json json_array_insert json_array_length \
     json_each json_error_position json_extract json_group_array json_group_object json_insert json_patch json_pretty json_quote json_remove \
     json_replace json_set json_tree json_type json_valid jsonb jsonb_array jsonb_each jsonb_extract jsonb_group_array jsonb_group_object jsonb_insert \
     jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set jsonb_tree julianday last_insert_rowid like likelihood likely log2 match \
     matchinfo median offsets percentile percentile_cont percentile_disc printf quote random randomblob regexp rtreecheck sha1 sha3 sinh snippet soundex \
     sqlite_compileoption_get sqlite_compileoption_used sqlite_offset sqlite_source_id sqlite_version strftime string_agg subtype tanh timediff total \
     total_changes trunc typeof unhex unicode unistr unistr_quote unixepoch unlikely zeroblob \
     pragma_table_info pragma_table_xinfo pragma_table_list pragma_index_info pragma_index_xinfo pragma_index_list pragma_foreign_key_list \
     pragma_foreign_key_check pragma_database_list pragma_compile_options pragma_function_list pragma_module_list pragma_pragma_list \
     pragma_collation_list pragma_integrity_check pragma_quick_check pragma_user_version pragma_page_count pragma_freelist_count pragma_encoding";

const PG_DENIED: &[(&str, &str)] = &[
    ("pg_terminate_backend pg_cancel_backend", "ends another session's work"),
    ("nextval setval", "moves a sequence, which a rollback does not undo"),
    ("set_config setseed", "changes the session's settings"),
    (
        "pg_reload_conf pg_rotate_logfile pg_rotate_logfile_old pg_promote pg_switch_wal pg_log_backend_memory_contexts",
        "acts on the server",
    ),
    ("loread lowrite", "opens large objects"),
    ("pg_read_file pg_read_file_old pg_read_binary_file pg_ls_dir", "reads files of the server"),
    ("pg_notify", "sends a notification"),
    ("txid_current pg_current_xact_id", "takes a transaction id"),
    ("pg_start_backup pg_stop_backup pg_backup_start pg_backup_stop", "starts or ends a backup"),
    ("pg_export_snapshot pg_nextoid currtid currtid2 pg_extension_config_dump pg_stop_making_pinned_objects", "acts on the server"),
    ("pg_logical_slot_get_changes pg_logical_slot_get_binary_changes pg_replication_slot_advance", "moves a replication slot"),
    ("pg_logical_emit_message", "writes to the log of the server"),
    (
        "query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema table_to_xml table_to_xml_and_xmlschema \
         schema_to_xml schema_to_xml_and_xmlschema database_to_xml database_to_xml_and_xmlschema ts_stat ts_rewrite",
        "runs SQL that it is given as text",
    ),
    ("crosstab crosstabn crosstab2 crosstab3 crosstab4 connectby xpath_table", "runs SQL that it is given as text"),
    ("brin_summarize_new_values brin_summarize_range brin_desummarize_range gin_clean_pending_list", "writes to an index"),
    ("pg_import_system_collations", "writes to the catalogue"),
    // Names of types in strings, with domains whose checks call anything.
    (
        "pg_input_is_valid pg_input_error_info domain_in domain_recv record_in record_recv array_in array_recv range_in range_recv multirange_in \
         multirange_recv anyarray_in",
        "reads a value of a type that it is given as text",
    ),
    (
        "pg_stat_clear_snapshot pg_stat_force_next_flush pg_stat_statements_reset pg_qualstats_reset pg_wait_sampling_reset_profile",
        "resets statistics",
    ),
    (
        "pg_truncate_visibility_map heap_force_kill heap_force_freeze pg_buffercache_evict pg_buffercache_evict_all pg_sync_replication_slots",
        "acts on storage",
    ),
];

const PG_DENIED_PREFIXES: &[(&str, &str)] = &[
    ("lo_", "writes or opens large objects"),
    ("dblink", "runs SQL on another connection"),
    ("pg_advisory_", "takes or gives back an advisory lock"),
    ("pg_try_advisory_", "takes an advisory lock"),
    ("pg_drop_", "drops what others may need"),
    ("pg_create_", "creates something on the server"),
    ("pg_copy_", "copies a replication slot"),
    ("pg_wal_replay_", "acts on recovery"),
    ("pg_replication_origin_", "acts on replication"),
    ("pg_stat_reset", "resets statistics"),
    ("pg_clear_", "resets statistics"),
    ("pg_restore_", "writes statistics"),
    ("pg_file_", "writes files of the server"),
    ("binary_upgrade_", "writes to the catalogue"),
    ("postgres_fdw_disconnect", "closes connections"),
];

const MYSQL_DENIED: &[(&str, &str)] = &[
    ("get_lock release_lock release_all_locks", "takes or gives back a lock"),
    ("load_file", "reads files of the server"),
    ("nextval setval next_value", "moves a sequence"),
    (
        "master_pos_wait source_pos_wait master_gtid_wait wait_for_executed_gtid_set wait_until_sql_thread_after_gtids",
        "waits for replication",
    ),
    ("last_insert_id", "may set the session's last insert id"),
    ("des_encrypt", "reads a key file of the server"),
    ("eval", "runs what it is given as text"),
];

const MYSQL_DENIED_PREFIXES: &[(&str, &str)] = &[
    ("sys_exec", "runs programs on the server"),
    ("sys_eval", "runs programs on the server"),
    ("sys_set", "acts on the server"),
    ("lib_mysqludf_", "runs foreign code on the server"),
    ("keyring_key_", "acts on the keyring"),
    ("group_replication_", "acts on replication"),
    ("asynchronous_connection_failover_", "acts on replication"),
    ("service_get_", "takes locks"),
    ("service_release_", "gives back locks"),
    ("audit_log_", "acts on the audit log"),
    ("mysql_firewall_", "acts on the firewall"),
    ("version_tokens_", "takes locks or sets tokens"),
    ("set_", "changes settings"),
    ("wsrep_sync_", "waits for replication"),
];

const SQLITE_DENIED: &[(&str, &str)] = &[
    ("load_extension", "loads foreign code"),
    ("writefile", "writes a file"),
    ("readfile fsdir lsmode", "reads files"),
    ("edit", "starts an editor"),
    ("fts3_tokenizer", "can load foreign code"),
    ("optimize", "writes to a full-text index"),
    ("sqlite_log sqlar_compress zipfile zipfile_cds usleep", "is a tool of the sqlite3 program"),
    ("eval sha3_query", "runs SQL that it is given as text"),
    ("shell_add_schema shell_putsnl shell_module_schema", "is a tool of the sqlite3 program"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_function_is_on_both_lists() {
        for (d, own) in [(Dialect::Postgres, POSTGRES), (Dialect::MySql, MYSQL), (Dialect::Sqlite, SQLITE)] {
            for name in COMMON.split_whitespace().chain(own.split_whitespace()) {
                assert_eq!(denied(d, name), None, "{d:?} {name}");
            }
        }
    }

    #[test]
    fn the_dangerous_ones_are_denied() {
        for name in ["nextval", "pg_terminate_backend", "lo_import", "dblink_exec", "pg_try_advisory_xact_lock", "query_to_xml"] {
            assert!(denied(Dialect::Postgres, name).is_some() && !harmless(Dialect::Postgres, name), "{name}");
        }
        for name in ["get_lock", "load_file", "sys_exec"] {
            assert!(denied(Dialect::MySql, name).is_some() && !harmless(Dialect::MySql, name), "{name}");
        }
        assert!(denied(Dialect::Sqlite, "load_extension").is_some());
        assert!(harmless(Dialect::Postgres, "pg_sleep") && denied(Dialect::Postgres, "pg_sleep").is_none());
    }
}
