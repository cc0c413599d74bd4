//! What other sessions run now, the plans of it, and how far long commands are.

use super::assess::innodb;
use super::catalog::at;
use super::{MySql, mariadb};
use crate::engine::{Running, Session};
use crate::model::plan::Plan;
use crate::model::rows::Table;
use crate::model::{Error, Kind, Result, RunningStatement};
use crate::{plan, text};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

/// MariaDB tells the stage of ALTER TABLE, CREATE INDEX and the like in its process list.
const MARIADB: &str = "SELECT ID AS id, DB AS `database`, COMMAND AS command, STATE AS stage, CONCAT(STAGE, ' of ', MAX_STAGE) AS stages, \
    CONCAT(ROUND(PROGRESS, 1), ' %') AS done, CONCAT(TIME, ' s') AS running, LEFT(INFO, 500) AS statement \
    FROM information_schema.PROCESSLIST WHERE MAX_STAGE > 0 ORDER BY TIME DESC LIMIT 100";

/// MySQL tells stages with their work to those who may read them, where their instruments and the consumer are on.
const MYSQL: &str = "SELECT t.PROCESSLIST_ID AS id, t.PROCESSLIST_DB AS `database`, t.PROCESSLIST_COMMAND AS command, s.EVENT_NAME AS stage, \
    CONCAT(s.WORK_COMPLETED, ' of ', s.WORK_ESTIMATED) AS work, CONCAT(ROUND(100 * s.WORK_COMPLETED / NULLIF(s.WORK_ESTIMATED, 0), 1), ' %') AS done, \
    CONCAT(t.PROCESSLIST_TIME, ' s') AS running, LEFT(t.PROCESSLIST_INFO, 500) AS statement \
    FROM performance_schema.events_stages_current s JOIN performance_schema.threads t ON t.THREAD_ID = s.THREAD_ID \
    WHERE s.WORK_ESTIMATED IS NOT NULL AND t.PROCESSLIST_ID IS NOT NULL ORDER BY t.PROCESSLIST_TIME DESC LIMIT 100";

/// What is not idle. A login without PROCESS sees its own sessions alone.
fn statements(mariadb: bool) -> String {
    let ms = if mariadb { "CAST(p.TIME_MS AS UNSIGNED)" } else { "p.TIME * 1000" };
    format!(
        "SELECT p.ID, COALESCE(p.USER, ''), COALESCE(p.DB, ''), COALESCE(p.HOST, ''), p.COMMAND, COALESCE(p.STATE, ''), {ms}, \
         LEFT(COALESCE(p.INFO, ''), 4000) FROM information_schema.PROCESSLIST p WHERE p.ID <> CONNECTION_ID() \
         AND p.COMMAND NOT IN ('Daemon', 'Binlog Dump', 'Binlog Dump GTID', 'Slave_IO', 'Slave_SQL', 'Slave_worker') \
         AND p.USER NOT IN ('system user', 'event_scheduler') ORDER BY 7 DESC, p.ID LIMIT 2000"
    )
}

/// Sessions that are connected; those that are seen; whether this login may see all.
const SEEN: &str = "SELECT (SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER NOT IN ('system user', 'event_scheduler')), \
    (SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'PROCESS')";

/// What a login without PROCESS does not see, as a sentence.
async fn unseen(s: &Session) -> Option<String> {
    let found = s.fetch(SEEN).await.ok()?;
    let row = found.rows.first()?;
    let (seen, all): (u64, u64) = (at(row, 0).parse().ok()?, at(row, 1).parse().ok()?);
    let connected = s.fetch("SHOW GLOBAL STATUS LIKE 'Threads_connected'").await.ok()?;
    let connected: u64 = at(connected.rows.first()?, 1).parse().ok()?;
    let hidden = connected.saturating_sub(seen);
    let user = &s.identity().user;
    (all == 0 && hidden > 0).then(|| {
        format!("Hidden from {user}: {} of other users. GRANT PROCESS ON *.* TO it shows what they run.", text::counted(hidden, "session"))
    })
}

/// MySQL tells the stages of long commands only where this consumer is on.
async fn untold_stages(s: &Session) -> Option<String> {
    let on =
        s.fetch("SELECT COUNT(*) FROM performance_schema.setup_consumers WHERE NAME = 'events_stages_current' AND ENABLED = 'YES'").await;
    match on {
        Ok(t) if t.scalar() == Some("0") => Some(
            "How far long commands are is not counted: UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME = \
             'events_stages_current' switches it on."
                .into(),
        ),
        _ => None,
    }
}

impl Running for MySql {
    fn plan_of<'a>(&'a self, s: &'a Session, id: u64) -> BoxFuture<'a, Result<Plan>> {
        Box::pin(async move {
            let version = s.identity().version.clone();
            if mariadb(s) {
                let counted = s.fetch(format!("SHOW ANALYZE FORMAT=JSON FOR {id}")).await;
                let (table, analyzed) = match counted {
                    // Before 10.9 there is neither SHOW ANALYZE nor a JSON of SHOW EXPLAIN.
                    Err(e) if e.code.as_deref() == Some("1064") => {
                        return Err(Error::failed(format!("MariaDB {version} does not tell the plan of a running statement as JSON"))
                            .hint("SHOW ANALYZE is there from 10.9 on; SHOW EXPLAIN FOR the id shows a table before."));
                    }
                    other => (other.map_err(|e| said(s, e, id))?, true),
                };
                let raw = table.scalar().ok_or_else(|| idle(id))?;
                return plan::mysql::blocks::parse(raw, "MariaDB", &version, analyzed);
            }
            match s.fetch(format!("EXPLAIN FORMAT=TREE FOR CONNECTION {id}")).await {
                // An UPDATE or DELETE of one table has none in this form; the first version of the JSON, which a session chooses, tells it.
                Ok(table) if table.scalar().is_some_and(|t| t.contains(super::explain::NO_PATHS)) => {
                    let table = first_json(s, id).await?;
                    let raw = table.scalar().ok_or_else(|| idle(id))?;
                    if raw.contains(super::explain::NO_PATHS) {
                        return Err(Error::failed(format!("session {id} changes one table, and MySQL does not tell such a plan here"))
                            .hint(format!("EXPLAIN FORMAT=TRADITIONAL FOR CONNECTION {id} shows which index it reads.")));
                    }
                    Ok(plan::detect::read(raw, Some(plan::detect::Family::MySql))?.plan)
                }
                Ok(table) => plan::mysql::paths::parse_tree(table.scalar().ok_or_else(|| idle(id))?, &version, false),
                // Before 8.0.16 there is no TREE; and it is refused for some statements.
                Err(e) if matches!(e.code.as_deref(), Some("1791" | "1235" | "1064")) => {
                    let table = first_json(s, id).await?;
                    let raw = table.scalar().ok_or_else(|| idle(id))?;
                    Ok(plan::detect::read(raw, Some(plan::detect::Family::MySql))?.plan)
                }
                Err(e) => Err(said(s, e, id)),
            }
        })
    }
    fn progress<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Table>> {
        Box::pin(async move { s.fetch(if mariadb(s) { MARIADB } else { MYSQL }).await })
    }
    fn statements<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<(Vec<RunningStatement>, Vec<String>)>> {
        Box::pin(async move {
            let found = s.fetch(statements(mariadb(s))).await?;
            // Both take a privilege that not every login has; what they would tell is left empty then.
            let open = innodb::open(s).await.unwrap_or_default();
            let transactions: BTreeMap<u64, u64> = open.list.iter().map(|t| (t.session, 1000 * t.open)).collect();
            // Who is only supposed to be in the way is not named here.
            let pairs = match innodb::row_waits(s, &open).await {
                Ok((pairs, false)) => pairs,
                _ => BTreeMap::new(),
            };
            let mut out = Vec::new();
            for r in &found.rows {
                let id = at(r, 0).parse().unwrap_or_default();
                let tx_ms = transactions.get(&id).copied();
                let sleeps = at(r, 4) == "Sleep";
                if sleeps && tx_ms.is_none() {
                    continue;
                }
                let blocked_by = pairs.get(&id).cloned().unwrap_or_default();
                let stage = at(r, 5);
                let waits = if stage.ends_with("lock") {
                    stage
                } else if open.waiting().any(|t| t.session == id) {
                    "row lock"
                } else {
                    ""
                };
                let state = match (sleeps, stage) {
                    (true, _) => "idle in transaction",
                    (false, "") => at(r, 4),
                    (false, stage) => stage,
                };
                out.push(RunningStatement {
                    id,
                    user: at(r, 1).into(),
                    database: at(r, 2).into(),
                    client: at(r, 3).into(),
                    state: state.into(),
                    waits: waits.into(),
                    blocked_by,
                    ms: at(r, 6).parse().ok(),
                    tx_ms,
                    text: at(r, 7).into(),
                    far: None,
                });
            }
            let mut notes: Vec<String> = unseen(s).await.into_iter().collect();
            if !mariadb(s) {
                notes.extend(untold_stages(s).await);
            }
            Ok((out, notes))
        })
    }
}

/// The first version of the JSON, whatever this session's setting (from 8.3 on) would have written: the second one knows no more plans than
/// TREE does.
async fn first_json(s: &Session, id: u64) -> Result<Table> {
    let version = s.fetch("SELECT @@SESSION.explain_json_format_version").await;
    let other = version.ok().and_then(|t| t.scalar().map(str::to_string)).filter(|v| v != "1");
    if other.is_some() {
        s.fetch("SET SESSION explain_json_format_version = 1").await?;
    }
    let told = s.fetch(format!("EXPLAIN FORMAT=JSON FOR CONNECTION {id}")).await.map_err(|e| said(s, e, id));
    if let Some(v) = other {
        s.fetch(format!("SET SESSION explain_json_format_version = {v}")).await?;
    }
    told
}

fn idle(id: u64) -> Error {
    Error::failed(format!("session {id} runs no statement that has a plan")).hint("It may have ended just now; ask again while it runs.")
}

/// What the server says of an id, in words that name it.
fn said(s: &Session, e: Error, id: u64) -> Error {
    match e.code.as_deref() {
        // ER_NO_SUCH_THREAD
        Some("1094") => Error::failed(format!("there is no session {id}")).hint("SHOW PROCESSLIST lists the sessions with their ids."),
        // ER_TARGET_NOT_EXPLAINABLE, ER_EXPLAIN_NOT_SUPPORTED
        Some("1933" | "3012") => idle(id),
        // ER_ACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR
        Some("1045" | "1227") => Error::new(
            Kind::Unknown,
            format!("the server does not tell this login about session {id}: {}", e.message),
        )
        .hint(if !mariadb(s) {
            "MySQL tells a statement's plan to the account that runs it, and to one with ALL PRIVILEGES ON *.*: log in as one of these."
        } else {
            "GRANT PROCESS ON *.* lets it see sessions of others."
        }),
        _ => e,
    }
}
