//! sqlx's history table and migrator lock on PostgreSQL, so that both tools can be used in turn.

use super::Postgres;
use super::catalog::cell;
use super::preconditions;
use crate::engine::{Migrations, Session};
use crate::model::migration::Applied;
use crate::model::{Dialect, Error, Finding, Kind, Result, TxState};
use futures_util::future::BoxFuture;
use std::time::{Duration, Instant};

/// As sqlx writes it: the same columns, types and defaults.
const CREATE: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
)";

/// How often a taken lock is tried again: each try is one short statement, and no transaction is open in between.
const POLL: Duration = Duration::from_millis(250);

/// sqlx's key: a constant times the CRC-32 (ISO-HDLC) of the database's name.
fn lock_key(database: &str) -> i64 {
    0x3d32_ad9e_i64 * i64::from(crc32fast::hash(database.as_bytes()))
}

impl Migrations for Postgres {
    fn transactional_ddl(&self) -> bool {
        true
    }

    fn history<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Option<Vec<Applied>>>> {
        Box::pin(async move {
            let there = s.fetch("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").await?;
            if there.scalar() != Some("t") {
                return Ok(None);
            }
            let text = "SELECT version, description, installed_on, success, encode(checksum, 'hex'), execution_time FROM _sqlx_migrations ORDER BY version";
            let table = s.fetch(text).await?;
            table.rows.iter().map(applied).collect::<Result<Vec<_>>>().map(Some)
        })
    }

    fn ensure_history<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { s.fetch(CREATE).await.map(drop) })
    }

    fn insert_history(&self, row: &Applied) -> String {
        // Hexadecimal digits only, whatever the field holds: it goes into the text unescaped.
        let checksum: String = row.checksum.chars().filter(char::is_ascii_hexdigit).collect();
        format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES ({}, {}, {}, decode('{checksum}', 'hex'), {})",
            row.version,
            Dialect::Postgres.quote_literal(&row.description),
            if row.success { "TRUE" } else { "FALSE" },
            row.execution_time,
        )
    }

    fn finish_history(&self, version: i64, execution_time: i64) -> String {
        format!("UPDATE _sqlx_migrations SET success = TRUE, execution_time = {execution_time} WHERE version = {version}")
    }

    fn delete_history(&self, version: i64) -> String {
        format!("DELETE FROM _sqlx_migrations WHERE version = {version}")
    }

    fn lock<'a>(&'a self, s: &'a Session, wait: Duration) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if s.status().tx != TxState::Idle {
                // A snapshot held while waiting would block CREATE INDEX CONCURRENTLY of the very run that is waited for.
                return Err(Error::failed("the migration lock is not taken inside an open transaction"));
            }
            let database = &s.identity().database;
            let key = lock_key(database);
            let start = Instant::now();
            loop {
                if s.fetch(format!("SELECT pg_catalog.pg_try_advisory_lock({key})")).await?.scalar() == Some("t") {
                    return Ok(());
                }
                let left = wait.saturating_sub(start.elapsed());
                if left.is_zero() {
                    return Err(holder(s, database, key).await);
                }
                tokio::time::sleep(POLL.min(left)).await;
            }
        })
    }

    fn unlock<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let key = lock_key(&s.identity().database);
            match s.fetch(format!("SELECT pg_catalog.pg_advisory_unlock({key})")).await?.scalar() {
                Some("t") => Ok(()),
                _ => Err(Error::failed("the migration lock was not held by this session any more")
                    .hint("Somebody may have run migrations at the same time: compare the history with the schema.")),
            }
        })
    }

    fn preconditions<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Vec<Finding>>> {
        Box::pin(preconditions::findings(s))
    }

    fn session_setup(&self, lock_timeout: Duration) -> Vec<String> {
        // A limit that the role has for everyday work must not cut a run in half: what bounds it is its own lock timeout.
        vec![
            format!("SET lock_timeout = {}", lock_timeout.as_millis()),
            "SET statement_timeout = 0".into(),
            "SET idle_in_transaction_session_timeout = 0".into(),
        ]
    }
}

/// Names who holds the lock, as far as it can be seen.
async fn holder(s: &Session, database: &str, key: i64) -> Error {
    let held = Error::new(Kind::Held, format!("another session holds the migration lock of {database}"));
    let text = format!(
        "SELECT l.pid, a.usename, coalesce(host(a.client_addr), 'the local socket'), coalesce(nullif(a.application_name, ''), 'an unnamed program'), \
         coalesce(a.state, 'unknown'), extract(epoch FROM now() - a.backend_start)::bigint, left(a.query, 500) \
         FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
         AND l.classid = {} AND l.objid = {} AND l.objsubid = 1",
        (key >> 32) as u32,
        key as u32
    );
    match s.fetch(text).await.ok().and_then(|t| t.rows.into_iter().next()) {
        Some(r) => {
            let message = format!(
                "session {} ({} from {}, {}, {}) holds the migration lock of {database}",
                cell(&r, 0),
                cell(&r, 1),
                cell(&r, 2),
                cell(&r, 3),
                cell(&r, 4)
            );
            let e = Error { message, ..held };
            let e = if cell(&r, 6).is_empty() { e } else { e.detail(format!("last statement: {}", cell(&r, 6))) };
            e.hint("Wait for it to end; if its program is gone, the server frees the lock when the connection closes.")
        }
        None => held.hint("It was freed in the meantime, or cannot be seen: try again."),
    }
}

fn applied(row: &Vec<Option<String>>) -> Result<Applied> {
    let bad = |what: &str| Error::failed(format!("_sqlx_migrations holds a row whose {what} cannot be read"));
    Ok(Applied {
        version: cell(row, 0).parse().map_err(|_| bad("version"))?,
        description: cell(row, 1).into(),
        installed_on: cell(row, 2).into(),
        success: cell(row, 3) == "t",
        checksum: cell(row, 4).into(),
        execution_time: cell(row, 5).parse().map_err(|_| bad("execution_time"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_key_is_sqlx_s() {
        // CRC-32 by Python's zlib.
        assert_eq!(lock_key("postgres"), 0x3d32_ad9e * 0x156a8775);
    }
}
