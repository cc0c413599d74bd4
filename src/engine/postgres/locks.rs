//! What a session holds, and who waits for it.

use super::Postgres;
use super::catalog::{cell, pinned};
use crate::engine::{Locks, Session};
use crate::model::{Blocker, HeldLock, Result, Waiting};
use futures_util::future::BoxFuture;

/// Tables alone: indexes and the catalogue follow from them. Locks on rows stand in the rows and are not listed by the server.
const HELD: &str = "SELECT CASE WHEN l.locktype = 'relation' THEN l.relation::regclass::text ELSE l.locktype || coalesce(' ' || l.objid, '') END, \
        string_agg(DISTINCT l.mode, ', ' ORDER BY l.mode) \
    FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation \
    WHERE l.pid = $1::int AND l.granted AND (l.locktype = 'advisory' OR (l.locktype = 'relation' AND c.relkind IN ('r', 'p', 'm', 'v', 'S') \
        AND c.relnamespace <> 'pg_catalog'::regnamespace)) \
    GROUP BY 1 ORDER BY 1";

/// Only sessions that wait for a lock at all are asked about: `pg_blocking_pids` takes the lock manager's own locks for a moment.
const WAITING: &str = "SELECT coalesce(usename, '') || '@' || coalesce(host(client_addr), 'local') || ' (pid ' || pid || coalesce(', ' || nullif(application_name, ''), '') || ')', \
        greatest(0, extract(epoch FROM clock_timestamp() - coalesce(query_start, clock_timestamp())))::bigint, left(query, 500) \
    FROM pg_catalog.pg_stat_activity WHERE wait_event_type = 'Lock' AND $1::int = ANY (pg_catalog.pg_blocking_pids(pid)) ORDER BY query_start LIMIT 50";

/// Asks for the blockers only while the session waits for a lock at all. A prepared transaction has no process: its number is 0, and which it
/// is follows from what is waited for; the oldest is named, where several have it.
const BLOCKERS: &str = "WITH b AS (SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids(pid)) AS pid FROM pg_catalog.pg_stat_activity \
        WHERE pid = $1::int AND wait_event_type = 'Lock') \
    SELECT CASE WHEN b.pid = 0 THEN coalesce((SELECT 'the prepared transaction ' || quote_literal(p.gid) || ' of ' || p.owner FROM pg_catalog.pg_prepared_xacts p \
            WHERE EXISTS (SELECT FROM pg_catalog.pg_locks w WHERE w.pid = $1::int AND NOT w.granted AND (w.transactionid = p.transaction \
                OR EXISTS (SELECT FROM pg_catalog.pg_locks h WHERE h.virtualtransaction = '-1/' || p.transaction::text AND h.granted \
                    AND h.locktype = w.locktype AND h.database IS NOT DISTINCT FROM w.database AND h.relation IS NOT DISTINCT FROM w.relation))) \
            ORDER BY p.prepared LIMIT 1), 'a prepared transaction') ELSE coalesce(a.usename::text, '') || '@' || coalesce(host(a.client_addr), 'local') || ' (pid ' || b.pid \
            || coalesce(', ' || nullif(a.application_name, ''), '') || ')' END, \
        CASE WHEN a.state LIKE 'idle in transaction%' THEN greatest(0, extract(epoch FROM clock_timestamp() - a.state_change))::bigint END, left(a.query, 500) \
    FROM b LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid ORDER BY a.xact_start NULLS FIRST LIMIT 20";

const RUNNING: &str = "SELECT left(query, 500) FROM pg_catalog.pg_stat_activity WHERE pid = $1::int AND state <> 'idle'";

/// Reads its object in the statement that acts: a process id may be somebody else's by now.
const END: &str = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
    WHERE pid = $1::int AND state <> 'idle' AND usename = current_user AND datname = current_database()";

impl Locks for Postgres {
    fn running<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move { Ok(pinned(s, RUNNING, &[&backend.to_string()]).await?.rows.first().map(|r| cell(r, 0).to_string())) })
    }
    fn end<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { Ok(pinned(s, END, &[&backend.to_string()]).await?.rows.first().is_some_and(|r| cell(r, 0) == "t")) })
    }
    fn busy<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<u64>> {
        // The state is NULL for sessions that the role may not look into.
        const BUSY: &str = "SELECT count(*) FROM pg_catalog.pg_stat_activity \
            WHERE backend_type = 'client backend' AND state = 'active' AND pid <> pg_catalog.pg_backend_pid()";
        Box::pin(async move { Ok(pinned(s, BUSY, &[]).await?.rows.first().and_then(|r| cell(r, 0).parse().ok()).unwrap_or(0)) })
    }
    fn held<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<Vec<HeldLock>>> {
        Box::pin(async move {
            let found = pinned(s, HELD, &[&backend.to_string()]).await?;
            Ok(found.rows.iter().map(|r| HeldLock { object: cell(r, 0).to_string(), mode: cell(r, 1).to_string() }).collect())
        })
    }
    fn waiting_for<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<Vec<Waiting>>> {
        Box::pin(async move {
            let found = pinned(s, WAITING, &[&backend.to_string()]).await?;
            let one = |r: &Vec<Option<String>>| Waiting {
                who: cell(r, 0).to_string(),
                seconds: cell(r, 1).parse().unwrap_or(0),
                statement: cell(r, 2).to_string(),
            };
            Ok(found.rows.iter().map(one).collect())
        })
    }
    fn blockers<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<Vec<Blocker>>> {
        Box::pin(async move {
            let found = pinned(s, BLOCKERS, &[&backend.to_string()]).await?;
            let one = |r: &Vec<Option<String>>| Blocker {
                who: cell(r, 0).to_string(),
                idle: cell(r, 1).parse().ok(),
                statement: cell(r, 2).to_string(),
                known: true,
            };
            Ok(found.rows.iter().map(one).collect())
        })
    }
}
