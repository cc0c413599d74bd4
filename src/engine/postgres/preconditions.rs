//! What must hold right before a run on PostgreSQL. What the role may not see is `unknown`, with the GRANT.

use super::catalog::{Row, cell};
use crate::engine::Session;
use crate::model::{Dialect, Finding, Result, Severity};
use crate::text;
use std::time::Duration;

/// Seconds after which an open transaction is worth a warning, and after which it blocks a run: DDL would wait for it,
/// and everybody else would wait behind the DDL.
const OLD: (i64, i64) = (60, 600);
/// Bytes of WAL that a standby may be behind before it is worth a warning: a second or two of heavy writing.
const BEHIND: i64 = 64 * 1024 * 1024;

pub(super) async fn findings(s: &Session) -> Result<Vec<Finding>> {
    let id = s.identity();
    let server = id.address.clone();
    let mut out = Vec::new();
    if let Some(pooler) = &id.pooler {
        out.push(
            Finding::new(Severity::Critical, "behind-pooler", &server, format!("the connection goes through {pooler}"))
                .next("Migrations need a session of their own: give the target the server's own address."),
        );
    }
    let state = s
        .fetch(
            "SELECT pg_catalog.pg_is_in_recovery(), current_setting('default_transaction_read_only'), \
             pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') OR (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)",
        )
        .await?;
    let row = state.rows.first().cloned().unwrap_or_default();
    out.push(match (cell(&row, 0), cell(&row, 1)) {
        ("t", _) => Finding::new(Severity::Critical, "server-writable", &server, "the server is a standby")
            .next("Run migrations on its primary: they arrive here by replication."),
        (_, "on") => Finding::new(Severity::Critical, "server-writable", &server, "default_transaction_read_only is on for this session")
            .next("Turn it off for the role that migrates, or find out who made the server read-only and why."),
        _ => Finding::new(Severity::Ok, "server-writable", &server, "the server is a primary and writable"),
    });
    let sees_all = cell(&row, 2) == "t";
    let grant = format!("GRANT pg_read_all_stats TO {}", Dialect::Postgres.quote_ident(&id.user));
    out.extend(transactions(s, sees_all, &grant).await?);
    out.extend(waiting(s).await?);
    out.push(invalid_indexes(s).await?);
    if cell(&row, 0) != "t" {
        out.extend(standbys(s, sees_all, &grant).await?);
    }
    out.push(
        Finding::new(Severity::Info, "free-disk", &server, "PostgreSQL does not tell how much disk is free")
            .next("Look on the server when a table is rewritten or an index built: the new copy needs its room."),
    );
    Ok(out)
}

fn seconds(s: &str) -> String {
    text::duration(Duration::from_secs(s.parse().unwrap_or(0)))
}

fn whose(r: &Row) -> String {
    format!("session {} ({}, {}, {})", cell(r, 0), cell(r, 1), cell(r, 2), cell(r, 3))
}

/// Old transactions of this database, prepared ones too, and what else holds locks for long.
async fn transactions(s: &Session, sees_all: bool, grant: &str) -> Result<Vec<Finding>> {
    const CHECK: &str = "long-transactions";
    let database = s.identity().database.clone();
    let mut out = Vec::new();
    let open = s
        .fetch(
            "SELECT pid, coalesce(usename, '?'), coalesce(nullif(application_name, ''), 'unnamed'), coalesce(state, '?'), \
             extract(epoch FROM now() - xact_start)::bigint, backend_type, left(query, 200), query LIKE 'autovacuum:%wraparound%' \
             FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND pid <> pg_catalog.pg_backend_pid() AND xact_start IS NOT NULL ORDER BY xact_start",
        )
        .await?;
    let (mut oldest, mut worst) = (None, Severity::Ok);
    for r in &open.rows {
        let age: i64 = cell(r, 4).parse().unwrap_or(0);
        if cell(r, 7) == "t" {
            out.push(
                Finding::new(
                    Severity::Warning,
                    "wraparound-vacuum",
                    &database,
                    format!("an autovacuum against wraparound runs: {}", cell(r, 6)),
                )
                .next("It does not give way to DDL on its table: let it end first."),
            );
        } else if cell(r, 2) == "pg_dump" {
            out.push(
                Finding::new(
                    Severity::Warning,
                    "dump-running",
                    &database,
                    format!("{} is a dump: it holds a lock on every table until it ends", whose(r)),
                )
                .next("DDL would wait for it, and everybody else behind the DDL: let it end first."),
            );
        }
        if oldest.is_none() && cell(r, 5) == "client backend" {
            worst = if age >= OLD.1 {
                Severity::Critical
            } else if age >= OLD.0 {
                Severity::Warning
            } else {
                Severity::Ok
            };
            oldest = Some(format!("the oldest open transaction is {} old: {}", seconds(cell(r, 4)), whose(r)));
        }
    }
    let found = Finding::new(worst, CHECK, &database, oldest.unwrap_or_else(|| "no other transaction is open".into()));
    out.push(match (worst, sees_all) {
        (Severity::Ok, false) => Finding::new(Severity::Unknown, CHECK, &database, "open transactions of other roles cannot be seen")
            .next("Ask somebody who can see them, or grant the privilege.")
            .lifts(grant),
        (Severity::Ok, true) => found,
        _ => found.next("Wait for it, or ask its owner to end it: DDL would wait for its locks."),
    });
    let prepared = s
        .fetch(
            "SELECT gid, owner, extract(epoch FROM now() - prepared)::bigint FROM pg_catalog.pg_prepared_xacts WHERE database = current_database() ORDER BY prepared LIMIT 1",
        )
        .await?;
    if let Some(r) = prepared.rows.first() {
        out.push(
            Finding::new(
                Severity::Critical,
                "prepared-transactions",
                &database,
                format!("the prepared transaction `{}` of {} is {} old and holds its locks", cell(r, 0), cell(r, 1), seconds(cell(r, 2))),
            )
            .next("Its transaction manager has to COMMIT PREPARED or ROLLBACK PREPARED it."),
        );
    }
    Ok(out)
}

/// Who waits for whom on relations of this database.
async fn waiting(s: &Session) -> Result<Vec<Finding>> {
    let database = s.identity().database.clone();
    let t = s
        .fetch(
            "SELECT l.pid, coalesce(l.relation::pg_catalog.regclass::text, l.locktype), l.mode, array_to_string(pg_catalog.pg_blocking_pids(l.pid), ', ') \
             FROM pg_catalog.pg_locks l WHERE NOT l.granted AND l.pid <> pg_catalog.pg_backend_pid() \
             AND (l.database IS NULL OR l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())) LIMIT 20",
        )
        .await?;
    if t.rows.is_empty() {
        return Ok(vec![Finding::new(Severity::Ok, "waiting-locks", &database, "nobody waits for a lock")]);
    }
    Ok(t.rows
        .iter()
        .map(|r| {
            Finding::new(
                Severity::Critical,
                "waiting-locks",
                cell(r, 1),
                format!("session {} waits for {} on {}, held up by {}", cell(r, 0), cell(r, 2), cell(r, 1), cell(r, 3)),
            )
            .next("Let the queue clear first: DDL would stand in it and hold up everybody behind.")
        })
        .collect())
}

async fn invalid_indexes(s: &Session) -> Result<Finding> {
    let t = s
        .fetch(
            "SELECT i.indexrelid::pg_catalog.regclass FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
             WHERE NOT i.indisvalid AND c.relkind = 'i' ORDER BY 1",
        )
        .await?;
    let names: Vec<&str> = t.rows.iter().map(|r| cell(r, 0)).collect();
    let database = s.identity().database.clone();
    Ok(if names.is_empty() {
        Finding::new(Severity::Ok, "invalid-indexes", database, "every index is valid")
    } else {
        Finding::new(
            Severity::Warning,
            "invalid-indexes",
            names.join(", "),
            "an index is invalid: its CREATE INDEX CONCURRENTLY failed or is still running",
        )
        .next("Drop it and build it again: it costs on every write and serves no query.")
    })
}

async fn standbys(s: &Session, sees_all: bool, grant: &str) -> Result<Vec<Finding>> {
    const CHECK: &str = "replication-lag";
    let server = s.identity().address.clone();
    let t = s
        .fetch(
            "SELECT coalesce(nullif(application_name, ''), host(client_addr), pid::text), state, \
             pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), replay_lsn)::bigint FROM pg_catalog.pg_stat_replication",
        )
        .await?;
    if t.rows.is_empty() {
        return Ok(vec![Finding::new(Severity::Ok, CHECK, server, "no standby is connected")]);
    }
    Ok(t.rows
        .iter()
        .map(|r| match cell(r, 2).parse::<i64>() {
            Err(_) if !sees_all => Finding::new(Severity::Unknown, CHECK, cell(r, 0), "how far the standby is behind cannot be seen")
                .next("Ask somebody who can see it, or grant the privilege.")
                .lifts(grant),
            Err(_) => Finding::new(Severity::Info, CHECK, cell(r, 0), format!("a standby is in state {}", cell(r, 1))),
            Ok(bytes) => {
                let severity = if bytes > BEHIND { Severity::Warning } else { Severity::Ok };
                let behind = text::bytes(bytes.max(0).unsigned_abs());
                let f = Finding::new(severity, CHECK, cell(r, 0), format!("the standby is {behind} behind"));
                if severity == Severity::Ok { f } else { f.next("Wait until it has caught up, or the run will put it further behind.") }
            }
        })
        .collect())
}
