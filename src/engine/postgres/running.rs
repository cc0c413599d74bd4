//! How far long commands are, as `pg_stat_progress_*` tell it. Plans of running statements are not told by any release.

use super::Postgres;
use super::catalog::pinned;
use crate::engine::{Running, Session};
use crate::model::plan::Plan;
use crate::model::rows::Table;
use crate::model::{Error, Result};
use futures_util::future::BoxFuture;

/// Views by name, with what is done and the whole of it as expressions over `p`, and the column that names the command or NULL.
const VIEWS: [(&str, &str, &str, &str); 6] = [
    ("pg_stat_progress_vacuum", "'VACUUM'", "p.heap_blks_scanned", "p.heap_blks_total"),
    ("pg_stat_progress_analyze", "'ANALYZE'", "p.sample_blks_scanned", "p.sample_blks_total"),
    (
        "pg_stat_progress_create_index",
        "p.command",
        "CASE WHEN p.tuples_total > 0 THEN p.tuples_done ELSE p.blocks_done END",
        "CASE WHEN p.tuples_total > 0 THEN p.tuples_total ELSE p.blocks_total END",
    ),
    ("pg_stat_progress_cluster", "p.command", "p.heap_blks_scanned", "p.heap_blks_total"),
    ("pg_stat_progress_copy", "p.command", "p.bytes_processed", "p.bytes_total"),
    ("pg_stat_progress_basebackup", "'BASE_BACKUP'", "p.backup_streamed", "p.backup_total"),
];

/// One statement over the views that this release has (12 brought three of them, 13 and 14 one or two more each).
fn statement(there: &[String]) -> Option<String> {
    let parts: Vec<String> = VIEWS
        .iter()
        .filter(|(view, ..)| there.iter().any(|t| t == view))
        .map(|(view, command, done, whole)| {
            // A base backup has no phase of its own relation and no database; a copy has no phase.
            let backup = *view == "pg_stat_progress_basebackup";
            let relation = if backup {
                "NULL::text"
            } else {
                "CASE WHEN p.datname = current_database() THEN p.relid::regclass::text ELSE p.relid::text END"
            };
            let phase = if *view == "pg_stat_progress_copy" { "NULL::text" } else { "p.phase" };
            let database = if backup { "NULL::name" } else { "p.datname" };
            format!(
                "SELECT p.pid, {database} AS database, {command}::text AS command, {relation} AS relation, {phase} AS phase, \
                 ({done})::bigint AS done, nullif(({whole})::bigint, 0) AS whole FROM pg_catalog.{view} p"
            )
        })
        .collect();
    (!parts.is_empty()).then(|| {
        format!(
            "SELECT w.pid AS id, w.database, w.command, w.relation, w.phase, w.done || coalesce(' of ' || w.whole, '') AS work, \
             round(100.0 * w.done / w.whole, 1) || ' %' AS done, \
             round(extract(epoch FROM clock_timestamp() - a.query_start)) || ' s' AS running, left(a.query, 500) AS statement \
             FROM ({}) w LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid ORDER BY a.query_start",
            parts.join(" UNION ALL ")
        )
    })
}

impl Running for Postgres {
    fn plan_of<'a>(&'a self, s: &'a Session, id: u64) -> BoxFuture<'a, Result<Plan>> {
        Box::pin(async move {
            let version = &s.identity().version;
            Err(Error::failed(format!(
                "PostgreSQL {version} has no command that tells the plan of a statement in another session, so there is none for {id}"
            ))
            .hint("auto_explain writes plans of slow statements into the server's log when they end; `holdpoint explain --plan FILE` reads them there.")
            .hint("From 14 on, pg_stat_activity.query_id leads to pg_stat_statements; from 18 on, an extension can give plan ids too.")
            .hint("`holdpoint explain TARGET --progress` shows how far VACUUM, CREATE INDEX, COPY and the like are."))
        })
    }
    fn progress<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Table>> {
        Box::pin(async move {
            let names = "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                WHERE n.nspname = 'pg_catalog' AND c.relname LIKE 'pg\\_stat\\_progress\\_%'";
            let there: Vec<String> = pinned(s, names, &[]).await?.rows.into_iter().filter_map(|r| r.into_iter().next().flatten()).collect();
            let statement =
                statement(&there).ok_or_else(|| Error::failed("this server tells no progress: pg_stat_progress_* came with 9.6"))?;
            pinned(s, &statement, &[]).await
        })
    }
}
