//! Asking for a plan: always inside a transaction that is rolled back, and for a read that is read-only, because even a
//! plain EXPLAIN of MariaDB runs functions in derived tables; always with limits, because it waits for locks.

use super::errors;
use crate::engine::Asked;
use crate::model::plan::Plan;
use crate::model::{Dialect, Error, Kind, Result};
use crate::{plan, sql};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};

/// Seconds that an analysed statement may run.
const ANALYZE_SECONDS: u32 = 300;
/// … and one that writes: others wait for what it locks.
const WRITE_SECONDS: u32 = 30;

/// The server and the session's state.
pub(super) struct Server<'a> {
    pub mariadb: bool,
    pub version: &'a str,
    pub in_transaction: bool,
    /// The session's access.
    pub read_only: bool,
}

pub(super) async fn take(conn: &mut Conn, text: &str, how: &Asked, server: &Server<'_>) -> Result<Plan> {
    let (analyze, in_transaction) = (how.analyze, server.in_transaction);
    let flags = flags(&how.settings)?;
    if !how.first.is_empty() {
        return Err(Error::failed("DDL commits by itself here, so nothing can be tried in front of a statement and rolled back"));
    }
    let read = sql::classify(Dialect::MySql, text).class == sql::Class::Read;
    if how.writes && server.read_only {
        return Err(Error::read_only("this session reads only, and a statement that writes is not run on it"));
    }
    if analyze && !read && !how.writes {
        return Err(Error::read_only("only a statement that reads is run to be analysed")
            .hint("The plan without a run shows how a write would go."));
    }
    if in_transaction {
        // The transaction is the user's: it is neither ended nor made read-only. A plan without a run of a read is harmless there.
        if analyze || !read {
            return Err(Error::failed("a transaction is open on this session")
                .hint("Commit or roll back first; a plan is made in a read-only transaction of its own."));
        }
        check_single(conn, text).await?;
        return switched(conn, text, false, &flags, server).await;
    }
    // MariaDB refuses even the plan of a write in a read-only transaction, so the plan of one, which the caller knows to run nothing,
    // is made in one that may write.
    let start = if read && !how.writes { "START TRANSACTION READ ONLY" } else { "START TRANSACTION READ WRITE" };
    conn.query_drop(start).await.map_err(|e| errors::statement(e, ""))?;
    // Whether it is one statement, and a complete one, is the server's word: EXPLAIN in front must not hide a second one. A session that
    // reads only would not even prepare a write outside of this transaction.
    let begun = std::time::Instant::now();
    let mut plan = match check_single(conn, text).await {
        Ok(()) => switched(conn, text, analyze, &flags, server).await,
        Err(e) => Err(e),
    };
    if let Ok(p) = &mut plan
        && how.writes
        && p.execution_ms.is_none()
        && p.root.total_ms.is_none()
    {
        // Of an INSERT of given rows MariaDB tells no time.
        p.execution_ms = Some(begun.elapsed().as_secs_f64() * 1000.0);
        p.remarks
            .push("The server tells no time for this kind of statement: what is shown was taken here, with the way to the server.".into());
    }
    let back = if conn.is_disconnected() { Ok(()) } else { conn.query_drop("ROLLBACK").await };
    let plan = plan?;
    back.map_err(|e| errors::statement(e, ""))?;
    Ok(plan)
}

/// The value of `optimizer_switch` that the settings make: all of them are flags of it, `off` or `on`.
fn flags(wanted: &[(String, String)]) -> Result<String> {
    let mut out: Vec<String> = Vec::new();
    for (name, value) in wanted {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c == '_') || !matches!(value.as_str(), "on" | "off") {
            return Err(Error::usage(format!("{}={} is no flag of optimizer_switch", crate::text::clean(name), crate::text::clean(value))));
        }
        out.push(format!("{name}={value}"));
    }
    Ok(out.join(","))
}

/// The plan with the planner's flags set for it alone: MariaDB sets them for a statement, MySQL for the session, where they are put back.
async fn switched(conn: &mut Conn, text: &str, analyze: bool, flags: &str, server: &Server<'_>) -> Result<Plan> {
    if flags.is_empty() || server.mariadb {
        return ask(conn, text, analyze, flags, server).await;
    }
    let before: Option<String> = conn.query_first("SELECT @@SESSION.optimizer_switch").await.map_err(|e| errors::statement(e, ""))?;
    conn.query_drop(format!("SET SESSION optimizer_switch = '{flags}'")).await.map_err(|e| errors::statement(e, ""))?;
    let plan = ask(conn, text, analyze, flags, server).await;
    let back = match (conn.is_disconnected(), before) {
        (false, Some(old)) => conn.query_drop(format!("SET SESSION optimizer_switch = {}", Dialect::MySql.quote_literal(&old))).await,
        _ => Ok(()),
    };
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

/// What the planner expected of the statement before this one; `None` where nothing was planned.
async fn last_cost(conn: &mut Conn) -> Option<f64> {
    let row: Option<(String, String)> = conn.query_first("SHOW SESSION STATUS LIKE 'Last_query_cost'").await.ok()?;
    row?.1.parse().ok().filter(|c| *c > 0.0)
}

async fn ask(conn: &mut Conn, text: &str, analyze: bool, flags: &str, server: &Server<'_>) -> Result<Plan> {
    let version = server.version;
    if server.mariadb {
        let flags = if flags.is_empty() { String::new() } else { format!(", optimizer_switch = '{flags}'") };
        let prefix = if analyze && sql::classify(Dialect::MySql, text).class != sql::Class::Read {
            format!(
                "SET STATEMENT max_statement_time = {WRITE_SECONDS}, lock_wait_timeout = 1, innodb_lock_wait_timeout = 1{flags} FOR ANALYZE FORMAT=JSON "
            )
        } else if analyze {
            format!("SET STATEMENT max_statement_time = {ANALYZE_SECONDS}, lock_wait_timeout = 1{flags} FOR ANALYZE FORMAT=JSON ")
        } else {
            format!("SET STATEMENT max_statement_time = 10, lock_wait_timeout = 0{flags} FOR EXPLAIN FORMAT=JSON ")
        };
        let raw = query(conn, &prefix, text).await?;
        let mut plan = plan::mysql::blocks::parse(&raw, "MariaDB", version, analyze)?;
        // Before 11 the plan itself tells no cost.
        if !analyze && plan.root.est_total_cost.is_none() {
            plan.root.est_total_cost = last_cost(conn).await;
        }
        return Ok(plan);
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
