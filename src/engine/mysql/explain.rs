//! Asking for a plan: always inside a transaction that is rolled back, and for a read that is read-only, because even a
//! plain EXPLAIN of MariaDB runs functions in derived tables; always with limits, because it waits for locks.

use super::cancel::Control;
use super::errors;
use crate::engine::Asked;
use crate::model::plan::Plan;
use crate::model::{Dialect, Error, Kind, Result};
use crate::plan::deep;
use crate::plan::mysql::blocks::{literals, work};
use crate::{plan, sql};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};
use std::time::{Duration, Instant};

/// Seconds that an analysed statement may run.
const ANALYZE_SECONDS: u32 = 300;
/// … and one that writes: others wait for what it locks.
const WRITE_SECONDS: u32 = 30;
/// … and the planner of one that is not run.
const PLAN_SECONDS: u32 = 10;
/// What MySQL says in place of a plan of a statement that its older executor runs: an UPDATE or DELETE of one table.
pub(super) const NO_PATHS: &str = "<not executable by iterator executor>";

/// The server and the session's state.
pub(super) struct Server<'a> {
    pub mariadb: bool,
    pub version: &'a str,
    pub in_transaction: bool,
    /// The session's access.
    pub read_only: bool,
    /// Ends what runs under this serial.
    pub control: &'a Control,
    pub serial: u64,
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
        return limited(conn, text, false, &flags, server).await;
    }
    // MariaDB refuses even the plan of a write in a read-only transaction, so the plan of one, which the caller knows to run nothing,
    // is made in one that may write.
    let start = if read && !how.writes { "START TRANSACTION READ ONLY" } else { "START TRANSACTION READ WRITE" };
    conn.query_drop(start).await.map_err(|e| errors::statement(e, ""))?;
    // Whether it is one statement, and a complete one, is the server's word: EXPLAIN in front must not hide a second one. A session that
    // reads only would not even prepare a write outside of this transaction.
    let begun = Instant::now();
    let mut plan = match check_single(conn, text).await {
        Ok(()) => limited(conn, text, analyze, &flags, server).await,
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

/// The plan, asked for with limits and with the planner's flags: MariaDB sets them for a statement, MySQL for the session, where they are
/// put back.
async fn limited(conn: &mut Conn, text: &str, analyze: bool, flags: &str, server: &Server<'_>) -> Result<Plan> {
    if server.mariadb {
        return ask(conn, text, analyze, flags, server).await;
    }
    // Whole seconds only, and one at least. MySQL limits the time of reads alone.
    let read = Duration::from_secs(if analyze { ANALYZE_SECONDS } else { PLAN_SECONDS }.into()).as_millis();
    let mut wanted =
        vec![("lock_wait_timeout", "1".to_string()), ("innodb_lock_wait_timeout", "1".into()), ("max_execution_time", read.to_string())];
    if !flags.is_empty() {
        wanted.push(("optimizer_switch", Dialect::MySql.quote_literal(flags)));
    }
    let names = wanted.iter().map(|(n, _)| format!("@@SESSION.{n}")).collect::<Vec<_>>().join(", ");
    let before: Option<Row> = conn.query_first(format!("SELECT {names}")).await.map_err(|e| errors::statement(e, ""))?;
    let before = wanted.iter().enumerate().map(|(i, (n, _))| (*n, before.as_ref().and_then(|r| told(r, i)))).filter_map(|(n, v)| {
        Some(match v? {
            v if n == "optimizer_switch" => (n, Dialect::MySql.quote_literal(&v)),
            v => (n, v),
        })
    });
    let before: Vec<(&str, String)> = before.collect();
    set_session(conn, &wanted).await?;
    let plan = ask(conn, text, analyze, flags, server).await;
    let back = if conn.is_disconnected() { Ok(()) } else { set_session(conn, &before).await };
    let plan = plan?;
    back?;
    Ok(plan)
}

async fn set_session(conn: &mut Conn, values: &[(&str, String)]) -> Result<()> {
    let list = values.iter().map(|(n, v)| format!("SESSION {n} = {v}")).collect::<Vec<_>>().join(", ");
    conn.query_drop(format!("SET {list}")).await.map_err(|e| errors::statement(e, ""))
}

async fn check_single(conn: &mut Conn, text: &str) -> Result<()> {
    match conn.prep(text).await {
        Ok(s) => conn.close(s).await.map_err(|e| errors::statement(e, text)),
        Err(mysql_async::Error::Server(e)) if e.code == 1295 => Ok(()),
        Err(mysql_async::Error::Driver(mysql_async::DriverError::MixedParams)) => Ok(()),
        Err(e) => Err(errors::statement(e, text)),
    }
}

/// Cell `n` of a row as text.
fn told(row: &Row, n: usize) -> Option<String> {
    match row.as_ref(n)? {
        Value::Bytes(b) => Some(String::from_utf8_lossy(b).into_owned()),
        _ => None,
    }
}

/// What the planner expected of the statement before this one; `None` where nothing was planned.
async fn last_cost(conn: &mut Conn) -> Option<f64> {
    let row: Option<(String, String)> = conn.query_first("SHOW SESSION STATUS LIKE 'Last_query_cost'").await.ok()?;
    row?.1.parse().ok().filter(|c| *c > 0.0)
}

/// What a statement without a cost may cost by the rows that the server expects. Whether a subquery runs for each row is told by the
/// table of EXPLAIN alone; where that cannot be had, it does.
async fn cost_by_rows(conn: &mut Conn, text: &str, raw: &str) -> Option<f64> {
    let mended = literals::mended(raw);
    let raw = mended.as_deref().unwrap_or(raw);
    let mut once: Vec<u64> = Vec::new();
    if !deep::json(raw, |plan| Ok(work::undecided(&plan))).ok()?.is_empty() {
        let prefix = format!("SET STATEMENT max_statement_time = {PLAN_SECONDS}, lock_wait_timeout = 0 FOR EXPLAIN ");
        let rows: Vec<Row> = conn.query(format!("{prefix}{text}")).await.unwrap_or_default();
        let kind = |r: &Row| told(r, 1).is_some_and(|kind| kind == "SUBQUERY");
        once.extend(rows.iter().filter(|r| kind(r)).filter_map(|r| told(r, 0)?.parse::<u64>().ok()));
    }
    deep::json(raw, |plan| Ok(work::expected(&plan, &|id| !once.contains(&id)))).ok()?
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
            format!("SET STATEMENT max_statement_time = {PLAN_SECONDS}, lock_wait_timeout = 0{flags} FOR EXPLAIN FORMAT=JSON ")
        };
        let raw = query(conn, &prefix, text).await?;
        let mut plan = plan::mysql::blocks::parse(&raw, "MariaDB", version, analyze)?;
        // Before 11 the plan itself tells no cost.
        if !analyze && plan.root.est_total_cost.is_none() {
            plan.root.est_total_cost = last_cost(conn).await;
            if plan.root.est_total_cost.is_none() {
                plan.cost_by_rows = cost_by_rows(conn, text, &raw).await;
            }
        }
        // It prices one step of a recursion, in every version.
        if !analyze && raw.contains("\"recursive_union\"") {
            let mended = literals::mended(&raw);
            if deep::json(mended.as_deref().unwrap_or(&raw), |plan| Ok(work::recursive(&plan))).unwrap_or(true) {
                plan.cost_by_rows = Some(f64::INFINITY);
            }
        }
        return Ok(plan);
    }
    if analyze && sql::classify(Dialect::MySql, text).class != sql::Class::Read {
        let mut plan = unrun(conn, text, version).await?;
        let (took, changed) = written(conn, text, server).await?;
        plan.analyzed = true;
        plan.execution_ms = Some(took.as_secs_f64() * 1000.0);
        plan.remarks.push(format!(
            "MySQL measures no step of what writes: the statement was run as it is, and changed {}. Its time was taken here, with the way to the server.",
            crate::text::counted(changed, "row")
        ));
        return Ok(plan);
    }
    if analyze {
        let begun = Instant::now();
        let raw = query(conn, "EXPLAIN ANALYZE FORMAT=TREE ", text).await?;
        cut_off(conn, begun).await?;
        return plan::mysql::paths::parse_tree(&raw, version, true);
    }
    unrun(conn, text, version).await
}

/// MySQL's plan of a statement that is not run.
async fn unrun(conn: &mut Conn, text: &str, version: &str) -> Result<Plan> {
    match query(conn, "EXPLAIN FORMAT=TREE ", text).await {
        Ok(raw) if !raw.contains(NO_PATHS) => return plan::mysql::paths::parse_tree(&raw, version, false),
        Ok(_) => {}
        // Before 8.0.16 there is no TREE; and it is refused for some statements.
        Err(e) if matches!(e.code.as_deref(), Some("1791" | "1235" | "1064")) => {}
        Err(e) => return Err(e),
    }
    // Only the first version of the JSON knows the plans that TREE does not; from 8.3 on a setting says which one is written.
    let other: Option<String> =
        conn.query_first::<String, _>("SELECT @@SESSION.explain_json_format_version").await.unwrap_or_default().filter(|v| v != "1");
    if other.is_some() {
        set_session(conn, &[("explain_json_format_version", "1".into())]).await?;
    }
    let raw = query(conn, "EXPLAIN FORMAT=JSON ", text).await;
    if let Some(v) = other
        && !conn.is_disconnected()
    {
        set_session(conn, &[("explain_json_format_version", v)]).await?;
    }
    plan::mysql::blocks::parse(&raw?, "MySQL", version, false)
}

/// MySQL answers with a plan also when it ended the statement early, and only warns of that: its figures are those of a part.
async fn cut_off(conn: &mut Conn, begun: Instant) -> Result<()> {
    if conn.get_warnings() == 0 {
        return Ok(());
    }
    let took = begun.elapsed().as_secs();
    let warnings: Vec<(String, u32, String)> = conn.query("SHOW WARNINGS").await.map_err(|e| errors::statement(e, ""))?;
    // ER_QUERY_INTERRUPTED, ER_QUERY_TIMEOUT
    match warnings.iter().find(|(_, code, _)| matches!(code, 1317 | 3024)) {
        Some(_) if took < ANALYZE_SECONDS.into() => Err(Error::cancelled()),
        Some(_) => Err(Error::new(
            Kind::Statement,
            format!("the statement ran for {ANALYZE_SECONDS} s, the limit of a measured plan, and was ended"),
        )),
        None => Ok(()),
    }
}

/// Runs a statement that writes, in the transaction that will be rolled back: EXPLAIN ANALYZE of MySQL finds its rows at most, and changes
/// none. Gives its time and the number of rows that it changed.
async fn written(conn: &mut Conn, text: &str, server: &Server<'_>) -> Result<(Duration, u64)> {
    let begun = Instant::now();
    let ran = {
        let work = conn.query_drop(text);
        tokio::pin!(work);
        let limit = Duration::from_secs(WRITE_SECONDS.into());
        match tokio::time::timeout(limit, &mut work).await {
            Ok(ran) => ran.map_err(|e| errors::statement(e, text)),
            Err(_) => {
                // The server has no limit of its own for a write. Its answer is waited for: the connection is needed.
                let ended = server.control.kill(Some(server.serial)).await;
                match (work.await, ended) {
                    (Err(e), Ok(())) => {
                        let e = errors::statement(e, text);
                        Err(if e.kind == Kind::Cancelled {
                            Error::new(
                                Kind::Statement,
                                format!("the statement ran for {WRITE_SECONDS} s, the limit of a trial, and was ended"),
                            )
                        } else {
                            e
                        })
                    }
                    (ran, _) => ran.map_err(|e| errors::statement(e, text)),
                }
            }
        }
    };
    ran?;
    Ok((begun.elapsed(), conn.affected_rows()))
}

async fn query(conn: &mut Conn, prefix: &str, text: &str) -> Result<String> {
    let whole = format!("{prefix}{text}");
    let rows: Vec<Row> = conn.query(whole.as_str()).await.map_err(|e| {
        let mut e = errors::statement(e, &whole);
        e.position = e.position.and_then(|p| p.checked_sub(prefix.len()));
        e
    })?;
    rows.first().and_then(|r| told(r, 0)).ok_or_else(|| Error::new(Kind::Statement, "the server has no plan for this statement"))
}
