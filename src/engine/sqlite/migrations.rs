//! sqlx's history table on SQLite, and what must hold before a run.

use super::Sqlite;
use crate::engine::{Migrations, Session};
use crate::model::migration::Applied;
use crate::model::{Dialect, Error, Finding, Result};
use futures_util::future::BoxFuture;
use std::time::{Duration, Instant};

mod preconditions;

/// As sqlx writes it: the same columns, types and defaults, so that both tools can be used in turn.
const CREATE: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
)";

impl Migrations for Sqlite {
    fn transactional_ddl(&self) -> bool {
        true
    }
    fn begin(&self) -> &'static str {
        // A deferred transaction could be refused the write lock half-way.
        "BEGIN IMMEDIATE"
    }

    fn history<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Option<Vec<Applied>>>> {
        Box::pin(async move {
            let there = s.fetch("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'").await?;
            if there.rows.is_empty() {
                return Ok(None);
            }
            let table = s
                .fetch(
                    "SELECT version, description, installed_on, success, lower(hex(checksum)), execution_time
                     FROM main._sqlx_migrations ORDER BY version",
                )
                .await?;
            table.rows.into_iter().map(applied).collect::<Result<Vec<_>>>().map(Some)
        })
    }

    fn ensure_history<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { s.fetch(CREATE).await.map(drop) })
    }

    fn insert_history(&self, row: &Applied) -> String {
        // Hexadecimal digits only, whatever the field holds: it goes into the text unquoted.
        let checksum: String = row.checksum.chars().filter(char::is_ascii_hexdigit).collect();
        format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES ({}, {}, {}, x'{checksum}', {})",
            row.version,
            Dialect::Sqlite.quote_literal(&row.description),
            row.success,
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
            // sqlx takes no lock on SQLite. The run's own transactions are the lock; here it is only found out whether somebody
            // else is writing right now.
            let start = Instant::now();
            loop {
                match s.fetch("BEGIN IMMEDIATE").await {
                    Ok(_) => return s.fetch("ROLLBACK").await.map(drop),
                    Err(e) if e.code.as_deref().is_some_and(|c| c.starts_with("SQLITE_BUSY")) => {
                        if start.elapsed() >= wait {
                            return Err(e.context("checking that nobody else writes"));
                        }
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    Err(e) => return Err(e),
                }
            }
        })
    }

    fn unlock<'a>(&'a self, _s: &'a Session) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn preconditions<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Vec<Finding>>> {
        Box::pin(preconditions::findings(s))
    }

    fn session_setup(&self, _lock_timeout: Duration) -> Vec<String> {
        // The busy timeout is set when the connection is opened.
        Vec::new()
    }
}

fn applied(row: Vec<Option<String>>) -> Result<Applied> {
    let bad = |what: &str| Error::failed(format!("_sqlx_migrations holds a row whose {what} cannot be read"));
    let mut cells = row.into_iter().map(Option::unwrap_or_default);
    let mut next = || cells.next().unwrap_or_default();
    Ok(Applied {
        version: next().parse().map_err(|_| bad("version"))?,
        description: next(),
        installed_on: next(),
        success: next() == "1",
        checksum: next(),
        execution_time: next().parse().map_err(|_| bad("execution_time"))?,
    })
}
