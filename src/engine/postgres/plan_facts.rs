//! What findings and advice upon a plan need to know of its tables, in one statement that counts nothing.

use super::catalog::{array, cell, pinned};
use crate::engine::{Asked, Measuring, Session};
use crate::model::Result;
use crate::plan::known::{Column, ForeignKey, Index, Known, Spread, Statistics, Table};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Key columns of all partitioned tables above; NULL where a key is an expression. Partitioned tables came with version 10.
const PARTITION_KEY: &str = "(WITH RECURSIVE up AS (SELECT c.oid AS o UNION ALL SELECT h.inhparent FROM pg_catalog.pg_inherits h JOIN up ON h.inhrelid = up.o) \
    SELECT CASE WHEN bool_and(a.attname IS NOT NULL) THEN json_agg(DISTINCT a.attname) END FROM up \
    JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = up.o CROSS JOIN unnest(p.partattrs::int2[]) k(n) \
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = k.n AND k.n > 0)";

/// Rows changed since ANALYZE. A session hands its counts over late: what it inserted before its own ANALYZE is counted as changed after
/// it. Where rows were only ever inserted, and the statistics were made of as many as that, nothing is known to have changed. (VACUUM and
/// CREATE INDEX count the rows as well, and make no statistics.)
const CHANGED: &str = "CASE WHEN st.n_tup_upd = 0 AND st.n_tup_del = 0 AND st.n_tup_ins <= c.reltuples \
        AND (abs(st.n_live_tup - c.reltuples) <= 1 OR abs(st.n_live_tup - st.n_mod_since_analyze - c.reltuples) <= 1) \
        AND greatest(st.last_analyze, st.last_autoanalyze) >= coalesce(greatest(st.last_vacuum, st.last_autovacuum), '-infinity') \
        THEN NULL ELSE st.n_mod_since_analyze::float8 END";

/// `indnkeyatts` came with version 11: before, every column of an index was a key.
const TABLES: &str = "SELECT n.nspname, c.relname, CASE WHEN c.reltuples >= 0 THEN c.reltuples::float8 END, \
    (SELECT json_agg(json_build_object('name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum) \
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), \
    (SELECT json_agg(json_build_object('name', x.relname, 'unique', i.indisunique, 'where', pg_catalog.pg_get_expr(i.indpred, i.indrelid), \
            'method', nullif(am.amname, 'btree'), 'down', (SELECT json_agg((o.n & 1) = 1 ORDER BY o.k) FROM unnest(i.indoption::int2[]) WITH ORDINALITY o(n, k)), \
            'classes', (SELECT json_agg(CASE WHEN oc.opcdefault THEN '' ELSE oc.opcname END ORDER BY o.k) \
                FROM unnest(i.indclass::oid[]) WITH ORDINALITY o(c, k) JOIN pg_catalog.pg_opclass oc ON oc.oid = o.c), \
            'also', (SELECT json_agg(a.attname ORDER BY u.k) FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(n, k) \
                JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.n \
                WHERE u.k > coalesce((to_jsonb(i) ->> 'indnkeyatts')::int, i.indnatts)), 'keys', \
            (SELECT json_agg(coalesce(a.attname, pg_catalog.pg_get_indexdef(i.indexrelid, g.k, true)) ORDER BY g.k) \
                FROM generate_series(1, coalesce((to_jsonb(i) ->> 'indnkeyatts')::int, i.indnatts)) g(k) \
                LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = (i.indkey::int2[])[g.k - 1] AND a.attnum > 0)) ORDER BY x.relname) \
        FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am am ON am.oid = x.relam \
        WHERE i.indrelid = c.oid AND i.indisvalid), \
    (SELECT json_agg(json_build_object('name', k.conname, 'schema', rn.nspname, 'table', r.relname, 'to', f.relname, 'columns', \
            (SELECT json_agg(a.attname ORDER BY u.p) FROM unnest(k.conkey) WITH ORDINALITY u(n, p) JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n), \
            'indexed', EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL \
                AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey AND i.indnatts >= cardinality(k.conkey)))) \
        FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class r ON r.oid = k.conrelid JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace \
        JOIN pg_catalog.pg_class f ON f.oid = k.confrelid WHERE k.contype = 'f' AND c.oid IN (k.conrelid, k.confrelid)), \
    {partition_key}, \
    {changed}, to_char(greatest(st.last_analyze, st.last_autoanalyze), 'YYYY-MM-DD HH24:MI'), \
    st.last_analyze IS NULL AND st.last_autoanalyze IS NULL AND c.relkind <> 'p' \
        AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = c.relname) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_catalog.pg_stat_all_tables st ON st.relid = c.oid \
    WHERE c.relkind IN ('r', 'p', 'm') AND (n.nspname || '.' || c.relname = ANY ($1::text[]) \
        OR c.relname = ANY ($1::text[]) AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema') ORDER BY 1, 2";

/// Below 0 the number of values is a share of the rows.
const SPREAD: &str = "SELECT schemaname, tablename, attname, n_distinct, avg_width, correlation FROM pg_catalog.pg_stats \
    WHERE schemaname || '.' || tablename = ANY ($1::text[]) AND NOT (inherited AND EXISTS (SELECT 1 FROM pg_catalog.pg_stats o \
        WHERE o.schemaname = pg_stats.schemaname AND o.tablename = pg_stats.tablename AND o.attname = pg_stats.attname AND NOT o.inherited))";

const EXTENSIONS: &str =
    "SELECT e.extname, n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace";

/// See `Measuring::generic_cost`. Prepared statements came through every version; EXPLAIN (GENERIC_PLAN) only with 16.
async fn generic_cost(s: &Session, text: &str, parameters: usize) -> Result<Option<f64>> {
    // Behind a pooler the next statement may come to another process, which knows nothing of this one.
    if parameters == 0 || s.identity().pooler.is_some() {
        return Ok(None);
    }
    const NAME: &str = "holdpoint_generic";
    if s.fetch(format!("PREPARE {NAME} AS {text}")).await.is_err() {
        // A type that cannot be told, or a statement that cannot be prepared.
        return Ok(None);
    }
    let nulls = vec!["NULL"; parameters].join(", ");
    let how = Asked { settings: vec![("plan_cache_mode".into(), "force_generic_plan".into())], ..Asked::new(false) };
    let plan = s.explain_as(format!("EXECUTE {NAME}({nulls})"), how).await;
    s.fetch(format!("DEALLOCATE {NAME}")).await?;
    Ok(plan?.root.est_total_cost)
}

/// See `Catalog::spread`.
pub(super) async fn spread(s: &Session, mut known: Known) -> Result<Known> {
    let names: Vec<String> = known.tables.iter().filter_map(|t| Some(format!("{}.{}", t.schema.as_ref()?, t.name))).collect();
    for r in pinned(s, SPREAD, &[&array(&names)]).await?.rows {
        let Some(t) = known.tables.iter_mut().find(|t| t.schema.as_deref() == Some(cell(&r, 0)) && t.name == cell(&r, 1)) else { continue };
        let told: Option<f64> = cell(&r, 3).parse().ok();
        let distinct = told.and_then(|d| if d < 0.0 { t.rows.map(|rows| -d * rows) } else { Some(d).filter(|d| *d > 0.0) });
        t.spread
            .insert(cell(&r, 2).to_string(), Spread { distinct, width: cell(&r, 4).parse().ok(), correlation: cell(&r, 5).parse().ok() });
    }
    known.extensions = pinned(s, EXTENSIONS, &[]).await?.rows.iter().map(|r| (cell(r, 0).to_string(), cell(r, 1).to_string())).collect();
    Ok(known)
}

/// By the session's own search_path, as the plan names them.
const SCHEMAS: &str = "SELECT p.proname, min(n.nspname) FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
    WHERE p.proname = ANY ($1::text[]) AND pg_catalog.pg_function_is_visible(p.oid) \
    GROUP BY 1 HAVING count(DISTINCT n.nspname) = 1 AND min(n.nspname) <> 'pg_catalog'";

/// See `Catalog::schemas_of`.
pub(super) async fn schemas_of(s: &Session, functions: &[String]) -> Result<BTreeMap<String, String>> {
    if functions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = s.fetch_with(SCHEMAS.to_string(), vec![Some(array(functions))]).await?;
    Ok(found.rows.iter().map(|r| (cell(r, 0).to_string(), cell(r, 1).to_string())).collect())
}

/// See `Catalog::kept`: what the planner expects with the condition and without, neither of which is run.
pub(super) async fn kept(s: &Session, table: &str, condition: &str) -> Result<Option<f64>> {
    let all = s.explain(format!("SELECT 1 FROM {table}"), false).await?.root.est_rows;
    let some = s.explain(format!("SELECT 1 FROM {table} WHERE {condition}"), false).await?.root.est_rows;
    Ok(match (all, some) {
        (Some(all), Some(some)) if all > 0.0 => Some((some / all).min(1.0)),
        _ => None,
    })
}

/// Settings that findings name.
const SETTINGS: &str = "SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings \
    WHERE name IN ('work_mem', 'hash_mem_multiplier', 'max_parallel_workers', 'max_parallel_workers_per_gather')";

#[derive(Deserialize)]
struct Attribute {
    name: String,
    r#type: String,
}

#[derive(Deserialize)]
struct Indexed {
    name: String,
    unique: bool,
    r#where: Option<String>,
    keys: Option<Vec<String>>,
    method: Option<String>,
    down: Option<Vec<bool>>,
    also: Option<Vec<String>>,
    classes: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Reference {
    name: String,
    schema: String,
    table: String,
    to: String,
    columns: Option<Vec<String>>,
    indexed: bool,
}

/// See `Catalog::plan_facts`.
pub(super) async fn of(s: &Session, relations: &[String]) -> Result<Known> {
    let major: u32 = s.identity().version.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(10);
    let text = TABLES.replace("{changed}", CHANGED).replace("{partition_key}", if major >= 10 { PARTITION_KEY } else { "NULL::json" });
    let rows = pinned(s, &text, &[&array(relations)]).await?.rows;
    let list = |text: &str| serde_json::from_str::<Vec<String>>(text).unwrap_or_default();
    let tables = rows
        .iter()
        .map(|r| Table {
            schema: Some(cell(r, 0).to_string()),
            name: cell(r, 1).to_string(),
            rows: cell(r, 2).parse().ok(),
            columns: serde_json::from_str::<Vec<Attribute>>(cell(r, 3))
                .unwrap_or_default()
                .into_iter()
                .map(|a| Column { name: a.name, type_name: a.r#type })
                .collect(),
            indexes: serde_json::from_str::<Vec<Indexed>>(cell(r, 4))
                .unwrap_or_default()
                .into_iter()
                .map(|i| Index {
                    name: i.name,
                    keys: i.keys.unwrap_or_default(),
                    unique: i.unique,
                    only_where: i.r#where,
                    down: i.down.unwrap_or_default(),
                    also: i.also.unwrap_or_default(),
                    classes: i.classes.unwrap_or_default(),
                    method: i.method,
                })
                .collect(),
            stored_by: Vec::new(),
            hidden: Vec::new(),
            foreign_keys: serde_json::from_str::<Vec<Reference>>(cell(r, 5))
                .unwrap_or_default()
                .into_iter()
                .map(|k| ForeignKey {
                    name: k.name,
                    schema: Some(k.schema),
                    table: k.table,
                    columns: k.columns.unwrap_or_default(),
                    to_table: k.to,
                    indexed: k.indexed,
                })
                .collect(),
            partition_key: list(cell(r, 6)),
            partitions: None,
            statistics: Statistics {
                missing: Some(cell(r, 9) == "t"),
                made: Some(cell(r, 8)).filter(|m| !m.is_empty()).map(str::to_string),
                changed: cell(r, 7).parse().ok(),
            },
            spread: BTreeMap::new(),
        })
        .collect();
    let settings: BTreeMap<String, String> =
        pinned(s, SETTINGS, &[]).await?.rows.iter().map(|r| (cell(r, 0).to_string(), cell(r, 1).to_string())).collect();
    Ok(Known { tables, settings, ..Known::default() })
}

impl Measuring for super::Postgres {
    fn generic_cost<'a>(
        &'a self,
        s: &'a Session,
        text: &'a str,
        parameters: usize,
    ) -> futures_util::future::BoxFuture<'a, Result<Option<f64>>> {
        Box::pin(generic_cost(s, text, parameters))
    }
    fn planner_settings<'a>(
        &'a self,
        s: &'a Session,
    ) -> futures_util::future::BoxFuture<'a, Result<std::collections::BTreeMap<String, String>>> {
        Box::pin(planner_settings(s))
    }
    fn common_values<'a>(
        &'a self,
        s: &'a Session,
        table: &'a str,
        column: &'a str,
    ) -> futures_util::future::BoxFuture<'a, Result<Option<Vec<String>>>> {
        Box::pin(common_values(s, table, column))
    }
}

/// See `Measuring::planner_settings`.
async fn planner_settings(s: &Session) -> Result<BTreeMap<String, String>> {
    // What the planner goes by, and what the executor has to work with. The target of statistics is ANALYZE's.
    let text = "SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings \
        WHERE category LIKE 'Query Tuning%' AND name <> 'default_statistics_target' \
        OR name LIKE 'jit%' OR name LIKE 'max\\_parallel\\_workers%' OR name LIKE 'io\\_%' \
        OR name IN ('work_mem', 'hash_mem_multiplier', 'shared_buffers', 'temp_buffers', 'effective_io_concurrency', 'max_worker_processes', \
        'parallel_leader_participation', 'force_parallel_mode', 'debug_parallel_query', 'enable_async_append', 'ignore_system_indexes') ORDER BY 1";
    // Not pinned: that switches compiling off for itself, and would tell so.
    Ok(s.fetch(text).await?.rows.iter().map(|r| (cell(r, 0).to_string(), cell(r, 1).to_string())).collect())
}

/// See `Measuring::common_values`. A value of the histogram is rarer than every one of the list of common ones.
async fn common_values(s: &Session, table: &str, column: &str) -> Result<Option<Vec<String>>> {
    // Those of inheritance trees stand for a partitioned table.
    let text = "SELECT to_json(s.most_common_vals::text::text[])::text, to_json(s.histogram_bounds::text::text[])::text FROM pg_catalog.pg_stats s \
        WHERE s.tablename = $1 AND s.attname = $2 AND s.schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY s.inherited DESC LIMIT 1";
    let rows = pinned(s, text, &[table, column]).await?.rows;
    let Some(r) = rows.first() else { return Ok(None) };
    let list = |i: usize| serde_json::from_str::<Vec<String>>(cell(r, i)).unwrap_or_default();
    let (mut values, histogram) = (list(0), list(1));
    // From the middle: the ends of a histogram are extremes.
    let half = histogram.len() / 2;
    values.extend(histogram.get(half).cloned());
    if values.len() < 3 {
        values.extend(histogram.into_iter().enumerate().filter(|(i, _)| *i != half).map(|(_, v)| v).take(3));
    }
    Ok(Some(values).filter(|v| !v.is_empty()))
}
