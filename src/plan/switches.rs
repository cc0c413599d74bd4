//! Planner settings that may be tried for one plan: a closed list for each dialect, with what values they take. Pure; whatever is not
//! here is not sent, so that a what-if is never a way to another setting.

use crate::model::Dialect;

/// PostgreSQL's `enable_…`, without the word. A server that does not have one says so.
const ENABLE: [&str; 24] = [
    "async_append",
    "bitmapscan",
    "distinct_reordering",
    "gathermerge",
    "group_by_reordering",
    "hashagg",
    "hashjoin",
    "incremental_sort",
    "indexonlyscan",
    "indexscan",
    "material",
    "memoize",
    "mergejoin",
    "nestloop",
    "parallel_append",
    "parallel_hash",
    "partition_pruning",
    "partitionwise_aggregate",
    "partitionwise_join",
    "presorted_aggregate",
    "self_join_elimination",
    "seqscan",
    "sort",
    "tidscan",
];

/// Flags of `optimizer_switch`, of MariaDB and of MySQL.
const FLAGS: [&str; 48] = [
    "batched_key_access",
    "block_nested_loop",
    "condition_fanout_filter",
    "condition_pushdown_for_derived",
    "condition_pushdown_for_subquery",
    "condition_pushdown_from_having",
    "derived_condition_pushdown",
    "derived_merge",
    "derived_with_keys",
    "duplicateweedout",
    "exists_to_in",
    "extended_keys",
    "firstmatch",
    "hash_join",
    "hypergraph_optimizer",
    "in_to_exists",
    "index_condition_pushdown",
    "index_merge",
    "index_merge_intersection",
    "index_merge_sort_intersection",
    "index_merge_sort_union",
    "index_merge_union",
    "join_cache_bka",
    "join_cache_hashed",
    "join_cache_incremental",
    "loosescan",
    "materialization",
    "mrr",
    "mrr_cost_based",
    "mrr_sort_keys",
    "not_null_range_scan",
    "optimize_join_buffer_size",
    "orderby_uses_equalities",
    "outer_join_with_cache",
    "partial_match_rowid_merge",
    "partial_match_table_scan",
    "prefer_ordering_index",
    "rowid_filter",
    "semijoin",
    "semijoin_with_cache",
    "skip_scan",
    "split_materialized",
    "subquery_cache",
    "subquery_materialization_cost_based",
    "subquery_to_derived",
    "table_elimination",
    "use_index_extensions",
    "use_invisible_indexes",
];

/// Most memory that a what-if may give a sort or a hash, in megabytes: each node of a plan may take it, in each process.
const MOST_MEMORY_MB: u64 = 1024;

/// Not a setting of a server: an index that the planner is to do without. Whoever takes settings from here takes it out first.
pub const HIDDEN: &str = "hidden_index";

/// Several settings with commas between them. What follows a comma and is no setting belongs to the value: the name of an index may hold one.
pub fn parts(words: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut from = 0;
    for (at, _) in words.match_indices(',') {
        if words[at + 1..].split(',').next().is_none_or(|next| next.contains('=')) {
            out.push(words[from..at].trim());
            from = at + 1;
        }
    }
    out.push(words[from..].trim());
    out
}

/// Reads `name=value`; the error says what would be right.
pub fn read(dialect: Dialect, words: &str) -> Result<(String, String), String> {
    if let Some((name, index)) = words.split_once('=')
        && name.trim().eq_ignore_ascii_case(HIDDEN)
    {
        let index = index.trim();
        return if index.is_empty() { Err(format!("{HIDDEN} is the name of an index")) } else { Ok((HIDDEN.into(), index.into())) };
    }
    if dialect == Dialect::Sqlite {
        return Err("SQLite has no planner settings that could be tried; INDEXED BY or NOT INDEXED in the statement is its way".into());
    }
    let Some((name, value)) = words.split_once('=') else {
        return Err(format!("`{words}` is not NAME=VALUE, such as {}", example(dialect)));
    };
    let (name, value) = (name.trim().to_lowercase(), value.trim().to_lowercase());
    let flag = |v: &str| match v {
        "on" | "true" | "1" => Ok("on".to_string()),
        "off" | "false" | "0" => Ok("off".to_string()),
        _ => Err(format!("{name} is on or off, not `{v}`")),
    };
    let number = |least: f64, most: f64| match value.parse::<f64>() {
        Ok(n) if n >= least && n <= most => Ok(value.clone()),
        _ => Err(format!("{name} is a number from {least} to {most}, not `{value}`")),
    };
    let value = match (dialect, name.as_str()) {
        (Dialect::MySql, n) if FLAGS.contains(&n) => flag(&value)?,
        (Dialect::Postgres, n) if n.strip_prefix("enable_").is_some_and(|e| ENABLE.contains(&e)) => flag(&value)?,
        (Dialect::Postgres, "jit") => flag(&value)?,
        (Dialect::Postgres, "work_mem") => memory(&value)?,
        (Dialect::Postgres, "random_page_cost" | "seq_page_cost") => number(0.0, 1000.0)?,
        (Dialect::Postgres, "hash_mem_multiplier") => number(1.0, 16.0)?,
        (Dialect::Postgres, "max_parallel_workers_per_gather") => {
            number(0.0, 64.0)?.parse::<u32>().map_err(|_| format!("{name} is a whole number, not `{value}`"))?.to_string()
        }
        (Dialect::Postgres, "plan_cache_mode") => {
            return Err(
                "plan_cache_mode makes no difference here: the values stand in the statement, so that each plan is made for them".into()
            );
        }
        _ => return Err(format!("{name} is not among the settings that are tried; {} are", all(dialect))),
    };
    Ok((name, value))
}

fn memory(value: &str) -> Result<String, String> {
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let wrong = || format!("work_mem is an amount such as 64MB, up to {MOST_MEMORY_MB}MB, not `{value}`");
    let n: u64 = value[..digits].parse().map_err(|_| wrong())?;
    let (kb, unit) = match value[digits..].trim() {
        "kb" => (n, "kB"),
        "mb" => (n.saturating_mul(1024), "MB"),
        "gb" => (n.saturating_mul(1024 * 1024), "GB"),
        _ => return Err(wrong()),
    };
    if !(64..=MOST_MEMORY_MB * 1024).contains(&kb) {
        return Err(wrong());
    }
    Ok(format!("{n}{unit}"))
}

/// One that is often asked for.
pub fn example(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::MySql => "index_merge=off",
        Dialect::Sqlite => "hidden_index=",
        _ => "enable_seqscan=off",
    }
}

/// What can be tried, in words.
pub fn all(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => {
            "enable_seqscan and the other enable_…, work_mem, random_page_cost, seq_page_cost, hash_mem_multiplier, jit, max_parallel_workers_per_gather, hidden_index=NAME"
        }
        Dialect::MySql => "the flags of optimizer_switch, hidden_index=NAME",
        Dialect::Sqlite => "hidden_index=NAME",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pg(words: &str) -> Result<(String, String), String> {
        read(Dialect::Postgres, words)
    }

    #[test]
    fn what_is_on_the_list_is_read() {
        let is = |words: &str, name: &str, value: &str| assert_eq!(pg(words), Ok((name.into(), value.into())), "{words}");
        is("enable_seqscan=off", "enable_seqscan", "off");
        is(" ENABLE_HashJoin = false", "enable_hashjoin", "off");
        is("work_mem=64MB", "work_mem", "64MB");
        is("work_mem=64 kb", "work_mem", "64kB");
        is("random_page_cost=1.1", "random_page_cost", "1.1");
        is("max_parallel_workers_per_gather=0", "max_parallel_workers_per_gather", "0");
        assert_eq!(read(Dialect::MySql, "index_merge=off"), Ok(("index_merge".into(), "off".into())));
    }

    #[test]
    fn several_stand_with_commas() {
        assert_eq!(parts("hash_join=off,index_merge=off , mrr=on"), ["hash_join=off", "index_merge=off", "mrr=on"]);
        assert_eq!(parts("hidden_index=a,b"), ["hidden_index=a,b"]);
        assert_eq!(parts("jit=off"), ["jit=off"]);
    }

    #[test]
    fn nothing_else_is() {
        for words in [
            "enable_seqscan",
            "enable_seqscan=maybe",
            "enable_everything=on",
            "statement_timeout=0",
            "transaction_read_only=off",
            "work_mem=64MB'; drop table t; --",
            "work_mem=2GB",
            "work_mem=1kB",
            "search_path=evil",
            "random_page_cost=nan",
            "max_parallel_workers_per_gather=1.5",
            "index_merge=off",
            "plan_cache_mode=force_generic_plan",
        ] {
            assert!(pg(words).is_err(), "{words}");
        }
        assert!(read(Dialect::MySql, "sql_mode=on").is_err());
        assert_eq!(read(Dialect::Sqlite, "Hidden_Index = by_Name"), Ok((HIDDEN.into(), "by_Name".into())));
        assert!(read(Dialect::Postgres, "hidden_index= ").is_err());
        assert!(read(Dialect::Sqlite, "enable_seqscan=off").unwrap_err().contains("SQLite has no planner settings"));
    }

    proptest! {
        #[test]
        fn what_passes_is_plain(words in "[a-z_]{1,30}=\\PC{0,20}") {
            for d in [Dialect::Postgres, Dialect::MySql] {
                if let Ok((name, value)) = read(d, &words) {
                    prop_assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
                    prop_assert!(value.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '+'  || c == '-'), "{}", value);
                }
            }
        }
    }
}
