//! Sizes and use of relations: pages and rows of the last VACUUM or ANALYZE, counters of the statistics collector. No relation is
//! opened for it, so no lock is waited for.

use super::catalog::{Row, cell, pinned};
use crate::engine::Session;
use crate::model::{RelationUsage, Result, Usage};

const FIGURES: &str = "WITH s AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1), \
    ix AS (SELECT i.indrelid, sum(ic.relpages)::bigint AS pages FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid \
        WHERE ic.relnamespace = (SELECT oid FROM s) GROUP BY i.indrelid) \
    SELECT c.relname, CASE WHEN c.reltuples >= 0 AND (c.relpages > 0 OR u.n_live_tup IS NULL) THEN c.reltuples::bigint \
        WHEN c.reltuples >= 0 THEN u.n_live_tup ELSE nullif(u.n_live_tup, 0) END, \
        (c.relpages + coalesce(t.relpages, 0))::bigint * b.size, coalesce(ix.pages, 0) * b.size, u.seq_scan + coalesce(u.idx_scan, 0), u.idx_scan, \
        u.n_tup_ins + u.n_tup_upd + u.n_tup_del, c.reltuples < 0 OR c.relpages = 0 AND u.n_live_tup > 0 \
    FROM pg_catalog.pg_class c CROSS JOIN (SELECT current_setting('block_size')::bigint AS size) b LEFT JOIN ix ON ix.indrelid = c.oid \
    LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid LEFT JOIN pg_catalog.pg_stat_user_tables u ON u.relid = c.oid \
    WHERE c.relnamespace = (SELECT oid FROM s) AND c.relkind IN ('r', 'm') ORDER BY c.relname";

pub(super) async fn of(s: &Session, schema: &str) -> Result<Usage> {
    let rows = pinned(s, FIGURES, &[schema]).await?.rows;
    let mut remarks = Vec::new();
    let since = "SELECT (SELECT to_char(stats_reset, 'YYYY-MM-DD HH24:MI') FROM pg_catalog.pg_stat_database WHERE datname = current_database()), \
        current_setting('track_counts')";
    let told = pinned(s, since, &[]).await?;
    let told = told.rows.first();
    if told.is_some_and(|r| cell(r, 1) == "off") {
        remarks.push("track_counts is off: reads and writes are not counted.".into());
    } else if let Some(at) = told.map(|r| cell(r, 0)).filter(|at| !at.is_empty()) {
        remarks.push(format!("Reads (scans) and writes (rows) since {at}."));
    }
    let unknown = rows.iter().filter(|r| cell(r, 7) == "t").count();
    if unknown > 0 {
        let which = crate::text::counted(unknown as u64, "table");
        remarks.push(format!("Never analyzed: {which}, whose size is not known; ANALYZE tells it."));
    }
    let figure = |r: &Row, i: usize| cell(r, i).parse().ok();
    let relation = |r: &Row| RelationUsage {
        name: cell(r, 0).into(),
        rows: figure(r, 1),
        bytes: figure(r, 2).filter(|_| cell(r, 7) != "t"),
        index_bytes: figure(r, 3).filter(|_| cell(r, 7) != "t"),
        reads: figure(r, 4),
        index_reads: figure(r, 5),
        writes: figure(r, 6),
    };
    Ok(Usage { relations: rows.iter().map(relation).collect(), remarks })
}
