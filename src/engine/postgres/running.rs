//! What sessions run, and how far long commands are, as `pg_stat_activity` and `pg_stat_progress_*` tell it. Plans of running statements
//! are not told by any release.

use super::Postgres;
use super::catalog::{cell, pinned};
use crate::engine::{Running, Session};
use crate::model::plan::Plan;
use crate::model::rows::Table;
use crate::model::{Error, Result, RunningStatement};
use crate::text;
use futures_util::future::BoxFuture;

/// What CLUSTER and VACUUM FULL count differs by phase: pages of the heap where it is read as it lies, rows where it is read by an index or
/// written, and indexes in the end. In other phases nothing goes on.
const CLUSTER: &str = "CASE p.phase WHEN 'seq scanning heap' THEN p.heap_blks_scanned WHEN 'index scanning heap' THEN p.heap_tuples_scanned \
    WHEN 'writing new heap' THEN p.heap_tuples_written WHEN 'rebuilding index' THEN p.index_rebuild_count END";
const CLUSTER_UNIT: &str = "CASE p.phase WHEN 'index scanning heap' THEN ' rows' WHEN 'writing new heap' THEN ' rows' \
    WHEN 'rebuilding index' THEN ' indexes rebuilt' ELSE '' END";

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
    ("pg_stat_progress_cluster", "p.command", CLUSTER, "CASE WHEN p.phase = 'seq scanning heap' THEN p.heap_blks_total END"),
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
            let unit = if *view == "pg_stat_progress_cluster" { CLUSTER_UNIT } else { "''" };
            let database = if backup { "NULL::name" } else { "p.datname" };
            format!(
                "SELECT p.pid, {database} AS database, {command}::text AS command, {relation} AS relation, {phase} AS phase, \
                 ({done})::bigint AS done, nullif(({whole})::bigint, 0) AS whole, {unit} AS unit FROM pg_catalog.{view} p"
            )
        })
        .collect();
    (!parts.is_empty()).then(|| {
        format!(
            "SELECT w.pid AS id, w.database, w.command, w.relation, w.phase, w.done || coalesce(' of ' || w.whole, '') || w.unit AS work, \
             round(100.0 * w.done / w.whole, 1) || ' %' AS done, \
             round(extract(epoch FROM clock_timestamp() - a.query_start)) || ' s' AS running, left(a.query, 500) AS statement \
             FROM ({}) w LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid ORDER BY a.query_start",
            parts.join(" UNION ALL ")
        )
    })
}

/// Sessions that a role may not look into have no state, and this text in the place of their statement.
const HIDDEN: &str = "<insufficient privilege>";

/// Clients that are not idle, and autovacuum. `pg_blocking_pids` is asked only for who waits for a lock at all: it takes the lock
/// manager's own locks for a moment. Parallel workers stand for their leader.
const STATEMENTS: &str = "SELECT a.pid, coalesce(a.usename::text, ''), coalesce(a.datname::text, ''), \
        concat_ws(', ', CASE WHEN a.backend_type = 'client backend' THEN coalesce(host(a.client_addr), 'local') END, nullif(a.application_name, '')), \
        coalesce(a.state, ''), concat_ws(': ', a.wait_event_type, a.wait_event), \
        CASE WHEN a.wait_event_type = 'Lock' THEN array_to_string(pg_catalog.pg_blocking_pids(a.pid), ' ') END, \
        (1000 * extract(epoch FROM clock_timestamp() - CASE WHEN a.state LIKE 'idle%' THEN a.state_change ELSE a.query_start END))::bigint, \
        (1000 * extract(epoch FROM clock_timestamp() - a.xact_start))::bigint, left(a.query, 4000) \
    FROM pg_catalog.pg_stat_activity a \
    WHERE a.pid <> pg_catalog.pg_backend_pid() \
        AND (a.query = '<insufficient privilege>' AND a.datname IS NOT NULL \
            OR a.backend_type IN ('client backend', 'autovacuum worker') AND a.state <> 'idle' AND a.state <> 'disabled') \
    ORDER BY coalesce(a.xact_start, a.query_start), a.pid LIMIT 500";

/// `Client: ClientRead` is what every client waits for that is not heard: it says nothing.
fn waits(event: &str) -> &str {
    if event.starts_with("Client:") { "" } else { event }
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
    fn statements<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<(Vec<RunningStatement>, Vec<String>)>> {
        Box::pin(async move {
            let found = pinned(s, STATEMENTS, &[]).await?;
            let (mut out, mut hidden) = (Vec::new(), 0);
            for r in &found.rows {
                if cell(r, 9) == HIDDEN {
                    hidden += 1;
                    continue;
                }
                out.push(RunningStatement {
                    id: cell(r, 0).parse().unwrap_or_default(),
                    user: cell(r, 1).into(),
                    database: cell(r, 2).into(),
                    client: cell(r, 3).into(),
                    state: cell(r, 4).into(),
                    waits: waits(cell(r, 5)).into(),
                    blocked_by: cell(r, 6).split_whitespace().filter_map(|p| p.parse().ok()).collect(),
                    ms: cell(r, 7).parse().ok(),
                    tx_ms: cell(r, 8).parse().ok(),
                    text: cell(r, 9).into(),
                    far: None,
                });
            }
            let mut notes = Vec::new();
            if hidden > 0 {
                let role = &s.identity().user;
                notes.push(format!(
                    "Hidden from {role}: {} of other roles. GRANT pg_read_all_stats TO {role}; shows what they run.",
                    text::counted(hidden, "session")
                ));
            }
            Ok((out, notes))
        })
    }
}
