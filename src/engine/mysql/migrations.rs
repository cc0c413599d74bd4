//! sqlx's history table and lock on MySQL and MariaDB, and what must hold before a run.

use super::MySql;
use super::catalog::{at, lit};
use crate::engine::{Migrations, Session};
use crate::model::migration::Applied;
use crate::model::{Error, Finding, Kind, Result, Severity};
use futures_util::future::BoxFuture;
use std::time::{Duration, Instant};

/// As sqlx writes it: the same columns, types and defaults, so that both tools can be used in turn.
const CREATE: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
)";

/// Seconds after which an open transaction is worth a warning, and after which it blocks a run: DDL would wait for it,
/// and everybody else would wait behind the DDL.
const OLD: (i64, i64) = (60, 600);

/// The name of sqlx's migrator lock for a database: hexadecimal of a constant times the CRC-32 of the name.
fn lock_name(database: &str) -> String {
    format!("{:x}", 0x3d32_ad9e_i64 * i64::from(crc32fast::hash(database.as_bytes())))
}

async fn database(s: &Session) -> Result<String> {
    let now = s.fetch("SELECT DATABASE()").await?;
    now.scalar().map(str::to_string).ok_or_else(|| {
        Error::usage("no database is chosen").hint("Name one in the target's `database`: migrations are about one database.")
    })
}

impl Migrations for MySql {
    fn transactional_ddl(&self) -> bool {
        false
    }

    fn begin(&self) -> &'static str {
        // Also where the server's default is read-only.
        "START TRANSACTION READ WRITE"
    }

    fn history<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Option<Vec<Applied>>>> {
        Box::pin(async move {
            let there = s
                .fetch("SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '_sqlx_migrations'")
                .await?;
            if there.rows.is_empty() {
                return Ok(None);
            }
            let table = s
                .fetch(
                    "SELECT version, description, installed_on, success, LOWER(HEX(checksum)), execution_time \
                     FROM _sqlx_migrations ORDER BY version",
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
            lit(&row.description),
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
            if s.status().tx != crate::model::TxState::Idle {
                return Err(Error::failed("the migration lock is not taken inside an open transaction"));
            }
            let db = database(s).await?;
            let name = lit(&lock_name(&db));
            let start = Instant::now();
            loop {
                // Never longer than a second on the server, so that cancelling and the deadline are looked at between.
                let left = wait.saturating_sub(start.elapsed());
                let seconds = u8::from(left >= Duration::from_secs(1));
                let got = s.fetch(format!("SELECT GET_LOCK({name}, {seconds})")).await?;
                match got.scalar() {
                    Some("1") => return Ok(()),
                    Some("0") if start.elapsed() < wait => {
                        if seconds == 0 {
                            tokio::time::sleep(Duration::from_millis(50).min(left)).await;
                        }
                    }
                    Some("0") => return Err(holder(s, &db, &name).await),
                    _ => return Err(Error::failed(format!("the server could not take the migration lock of {db}"))),
                }
            }
        })
    }

    fn unlock<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let name = lit(&lock_name(&database(s).await?));
            let released = s.fetch(format!("SELECT RELEASE_LOCK({name})")).await?;
            match released.scalar() {
                Some("1") => Ok(()),
                _ => Err(Error::failed("the migration lock was not held by this session any more")
                    .hint("Somebody may have run migrations at the same time: compare the history with the schema.")),
            }
        })
    }

    fn preconditions<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Vec<Finding>>> {
        Box::pin(preconditions(s))
    }

    fn session_setup(&self, lock_timeout: Duration) -> Vec<String> {
        // Whole seconds, at least one: MySQL knows no shorter wait.
        let seconds = lock_timeout.as_secs().max(1);
        vec![format!("SET SESSION lock_wait_timeout = {seconds}"), format!("SET SESSION innodb_lock_wait_timeout = {seconds}")]
    }
}

/// Who holds the lock, as far as it can be seen.
async fn holder(s: &Session, db: &str, name: &str) -> Error {
    let held = Error::new(Kind::Held, format!("another session holds the migration lock of {db}"));
    let who = s
        .fetch(format!(
            "SELECT IS_USED_LOCK({name}), p.USER, p.HOST, p.COMMAND, p.TIME, p.INFO FROM (SELECT 1) one \
             LEFT JOIN information_schema.PROCESSLIST p ON p.ID = IS_USED_LOCK({name})"
        ))
        .await;
    match who.as_ref().map(|t| t.rows.first().map(Vec::as_slice)) {
        Ok(Some(r)) if !at(r, 1).is_empty() => {
            let e = Error {
                message: format!(
                    "connection {} ({}@{}, {} for {} s) holds the migration lock of {db}",
                    at(r, 0),
                    at(r, 1),
                    at(r, 2),
                    at(r, 3).to_lowercase(),
                    at(r, 4)
                ),
                ..held
            };
            let e = if at(r, 5).is_empty() { e } else { e.detail(at(r, 5).to_string()) };
            e.hint("Wait for it to end; if its program is gone, the server frees the lock when the connection closes.")
        }
        Ok(Some(r)) if !at(r, 0).is_empty() => {
            Error { message: format!("connection {} holds the migration lock of {db}", at(r, 0)), ..held }
                .hint("GRANT PROCESS lets this user see whose it is.")
        }
        _ => held.hint("It was freed in the meantime, or cannot be seen: try again."),
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

/// The server refused to show it: a privilege is missing.
fn refused(e: &Error) -> bool {
    matches!(e.code.as_deref(), Some("1227" | "1142" | "1044" | "1143"))
}

async fn preconditions(s: &Session) -> Result<Vec<Finding>> {
    let id = s.identity();
    let (server, me) = (id.address.clone(), id.user.clone());
    let quoted = match me.split_once('@') {
        Some((user, host)) => format!("'{user}'@'{host}'"),
        None => me.clone(),
    };
    let maria = id.product == "MariaDB";
    let mut out = Vec::new();
    if let Some(pooler) = &id.pooler {
        out.push(
            Finding::new(Severity::Critical, "behind-pooler", &server, format!("the connection goes through {pooler}"))
                .next("Migrations need one connection to the server itself: locks and settings belong to it."),
        );
    }
    let read_only = s.fetch("SELECT @@global.read_only").await?;
    if matches!(read_only.scalar(), Some("0" | "OFF")) {
        out.push(Finding::new(Severity::Ok, "server-writable", &server, "the server is not read-only"));
    } else {
        out.push(
            Finding::new(Severity::Critical, "server-writable", &server, "the server has read_only set")
                .next("Run migrations on the primary; or SET GLOBAL read_only = 0 if this is meant to be it."),
        );
    }
    out.push(transactions(s, &server, &quoted).await?);
    out.extend(waiting(s, &server, &quoted, maria).await?);
    out.push(replica(s, &server, &quoted, maria).await?);
    Ok(out)
}

async fn transactions(s: &Session, server: &str, me: &str) -> Result<Finding> {
    const CHECK: &str = "long-transactions";
    let list = s
        .fetch(
            "SELECT t.trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), COALESCE(p.USER, ''), COALESCE(p.HOST, ''), COALESCE(p.COMMAND, '') \
             FROM information_schema.INNODB_TRX t LEFT JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id \
             WHERE t.trx_mysql_thread_id <> CONNECTION_ID() ORDER BY t.trx_started LIMIT 1",
        )
        .await;
    let list = match list {
        Ok(list) => list,
        Err(e) if refused(&e) => {
            return Ok(Finding::new(Severity::Unknown, CHECK, server, "open transactions of others cannot be seen")
                .next("Ask somebody who can see them, or grant the privilege.")
                .lifts(format!("GRANT PROCESS ON *.* TO {me}")));
        }
        Err(e) => return Err(e),
    };
    let Some(r) = list.rows.first() else {
        return Ok(Finding::new(Severity::Ok, CHECK, server, "no other transaction is open"));
    };
    let age: i64 = at(r, 1).parse().unwrap_or(0);
    let text = format!("the oldest open transaction is {age} s old: connection {} ({}@{}, {})", at(r, 0), at(r, 2), at(r, 3), at(r, 4));
    let severity = match age {
        a if a >= OLD.1 => Severity::Critical,
        a if a >= OLD.0 => Severity::Warning,
        _ => Severity::Ok,
    };
    let f = Finding::new(severity, CHECK, server, text);
    Ok(if severity == Severity::Ok {
        f
    } else {
        f.next("DDL on a table that it used waits for it, and everybody else behind the DDL: let it end first.")
    })
}

async fn waiting(s: &Session, server: &str, me: &str, maria: bool) -> Result<Vec<Finding>> {
    const CHECK: &str = "metadata-locks";
    // Without PROCESS the list silently holds only one's own connections.
    let sees = s
        .fetch("SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'PROCESS' AND GRANTEE = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')")
        .await?;
    let list = s
        .fetch("SELECT ID, USER, HOST, TIME, INFO FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for%metadata lock%' ORDER BY TIME DESC")
        .await?;
    if let Some(r) = list.rows.first() {
        return Ok(vec![
            Finding::new(
                Severity::Critical,
                CHECK,
                server,
                format!(
                    "{} connection(s) wait for a metadata lock; {} ({}@{}) since {} s: {}",
                    list.rows.len(),
                    at(r, 0),
                    at(r, 1),
                    at(r, 2),
                    at(r, 3),
                    at(r, 4)
                ),
            )
            .next("Somebody holds a table, often an idle transaction: a migration would queue behind it."),
        ]);
    }
    if sees.scalar() == Some("0") {
        let product = if maria { "MariaDB" } else { "MySQL" };
        return Ok(vec![
            Finding::new(Severity::Unknown, CHECK, server, format!("{product} shows only this user's own connections"))
                .next("Ask somebody who can see them, or grant the privilege.")
                .lifts(format!("GRANT PROCESS ON *.* TO {me}")),
        ]);
    }
    Ok(vec![Finding::new(Severity::Ok, CHECK, server, "nobody waits for a metadata lock")])
}

async fn replica(s: &Session, server: &str, me: &str, maria: bool) -> Result<Finding> {
    const CHECK: &str = "not-a-replica";
    let (statement, grant) =
        if maria { ("SHOW ALL SLAVES STATUS", "SLAVE MONITOR") } else { ("SHOW REPLICA STATUS", "REPLICATION CLIENT") };
    match s.fetch(statement).await {
        Ok(t) if t.rows.is_empty() => Ok(Finding::new(Severity::Ok, CHECK, server, "the server replicates from nobody")),
        Ok(_) => Ok(Finding::new(Severity::Critical, CHECK, server, "the server is a replica")
            .next("Run migrations on its primary: they arrive here by replication.")),
        Err(e) if refused(&e) => Ok(Finding::new(Severity::Unknown, CHECK, server, "whether the server is a replica cannot be seen")
            .next("Ask somebody who can see it, or grant the privilege.")
            .lifts(format!("GRANT {grant} ON *.* TO {me}"))),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_sqlxs_own() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926, "the IEEE polynomial, as sqlx uses it");
        assert_eq!(lock_name("123456789"), format!("{:x}", 0x3d32_ad9e_u64 * 0xcbf4_3926_u64));
    }
}
