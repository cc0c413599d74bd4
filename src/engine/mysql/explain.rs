//! Asking for a plan: always inside a transaction that is rolled back, and for a read that is read-only, because even a
//! plain EXPLAIN of MariaDB runs functions in derived tables; always with limits, because it waits for locks.

use super::errors;
use crate::model::plan::Plan;
use crate::model::{Dialect, Error, Kind, Result};
use crate::{plan, sql};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};

/// Seconds that an analysed statement may run.
const ANALYZE_SECONDS: u32 = 300;

pub(super) async fn take(conn: &mut Conn, text: &str, analyze: bool, mariadb: bool, version: &str, in_transaction: bool) -> Result<Plan> {
    let read = sql::classify(Dialect::MySql, text).class == sql::Class::Read;
    if analyze && !read {
        return Err(Error::read_only("only a statement that reads is run to be analysed")
            .hint("The plan without a run shows how a write would go."));
    }
    // Whether it is one statement, and a complete one, is the server's word: EXPLAIN in front must not hide a second one.
    check_single(conn, text).await?;
    if in_transaction {
        // The transaction is the user's: it is neither ended nor made read-only. A plan without a run of a read is harmless there.
        if analyze || !read {
            return Err(Error::failed("a transaction is open on this session")
                .hint("Commit or roll back first; a plan is made in a read-only transaction of its own."));
        }
        return ask(conn, text, false, mariadb, version).await;
    }
    // MariaDB refuses even the plan of a write in a read-only transaction; on a read-only session it stays refused.
    let start = if read { "START TRANSACTION READ ONLY" } else { "START TRANSACTION" };
    conn.query_drop(start).await.map_err(|e| errors::statement(e, ""))?;
    let plan = ask(conn, text, analyze, mariadb, version).await;
    let back = if conn.is_disconnected() { Ok(()) } else { conn.query_drop("ROLLBACK").await };
    let plan = plan?;
    back.map_err(|e| errors::statement(e, ""))?;
    Ok(plan)
}

async fn check_single(conn: &mut Conn, text: &str) -> Result<()> {
    match conn.prep(text).await {
        Ok(s) => conn.close(s).await.map_err(|e| errors::statement(e, text)),
        Err(mysql_async::Error::Server(e)) if e.code == 1295 => Ok(()),
        Err(mysql_async::Error::Driver(mysql_async::DriverError::MixedParams)) => Ok(()),
        Err(e) => Err(errors::statement(e, text)),
    }
}

/// Cell `n` of the first row as text.
fn first(rows: &[Row], n: usize) -> Option<String> {
    match rows.first()?.as_ref(n)? {
        Value::Bytes(b) => Some(String::from_utf8_lossy(b).into_owned()),
        _ => None,
    }
}

async fn ask(conn: &mut Conn, text: &str, analyze: bool, mariadb: bool, version: &str) -> Result<Plan> {
    if mariadb {
        let prefix = if analyze {
            format!("SET STATEMENT max_statement_time = {ANALYZE_SECONDS}, lock_wait_timeout = 1 FOR ANALYZE FORMAT=JSON ")
        } else {
            "SET STATEMENT max_statement_time = 10, lock_wait_timeout = 0 FOR EXPLAIN FORMAT=JSON ".to_string()
        };
        let raw = query(conn, &prefix, text).await?;
        return plan::mysql::blocks::parse(&raw, "MariaDB", version, analyze);
    }
    let prefix = if analyze { "EXPLAIN ANALYZE FORMAT=TREE " } else { "EXPLAIN FORMAT=TREE " };
    match query(conn, prefix, text).await {
        Ok(raw) => plan::mysql::paths::parse_tree(&raw, version, analyze),
        // Before 8.0.16 there is no TREE; and it is refused for some statements.
        Err(e) if !analyze && matches!(e.code.as_deref(), Some("1791" | "1235" | "1064")) => {
            let raw = query(conn, "EXPLAIN FORMAT=JSON ", text).await?;
            if raw.contains("\"query_block\"") {
                plan::mysql::blocks::parse(&raw, "MySQL", version, false)
            } else {
                plan::mysql::paths::parse_json(&raw, version, false)
            }
        }
        Err(e) => Err(e),
    }
}

async fn query(conn: &mut Conn, prefix: &str, text: &str) -> Result<String> {
    let whole = format!("{prefix}{text}");
    let rows: Vec<Row> = conn.query(whole.as_str()).await.map_err(|e| {
        let mut e = errors::statement(e, &whole);
        e.position = e.position.and_then(|p| p.checked_sub(prefix.len()));
        e
    })?;
    first(&rows, 0).ok_or_else(|| Error::new(Kind::Statement, "the server has no plan for this statement"))
}
