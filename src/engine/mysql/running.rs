//! Plans of statements that other sessions run now, and how far long commands are.

use super::MySql;
use crate::engine::{Running, Session};
use crate::model::plan::Plan;
use crate::model::rows::Table;
use crate::model::{Error, Kind, Result};
use crate::plan;
use futures_util::future::BoxFuture;

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

fn mariadb(s: &Session) -> bool {
    s.identity().product == "MariaDB"
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
                    other => (other.map_err(|e| said(e, id))?, true),
                };
                let raw = table.scalar().ok_or_else(|| idle(id))?;
                return plan::mysql::blocks::parse(raw, "MariaDB", &version, analyzed);
            }
            match s.fetch(format!("EXPLAIN FORMAT=TREE FOR CONNECTION {id}")).await {
                Ok(table) => plan::mysql::paths::parse_tree(table.scalar().ok_or_else(|| idle(id))?, &version, false),
                // Before 8.0.16 there is no TREE; and it is refused for some statements.
                Err(e) if matches!(e.code.as_deref(), Some("1791" | "1235" | "1064")) => {
                    let table = s.fetch(format!("EXPLAIN FORMAT=JSON FOR CONNECTION {id}")).await.map_err(|e| said(e, id))?;
                    let raw = table.scalar().ok_or_else(|| idle(id))?;
                    Ok(plan::detect::read(raw, Some(plan::detect::Family::MySql))?.plan)
                }
                Err(e) => Err(said(e, id)),
            }
        })
    }
    fn progress<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Table>> {
        Box::pin(async move { s.fetch(if mariadb(s) { MARIADB } else { MYSQL }).await })
    }
}

fn idle(id: u64) -> Error {
    Error::failed(format!("session {id} runs no statement that has a plan")).hint("It may have ended just now; ask again while it runs.")
}

/// What the server says of an id, in words that name it.
fn said(e: Error, id: u64) -> Error {
    match e.code.as_deref() {
        // ER_NO_SUCH_THREAD
        Some("1094") => Error::failed(format!("there is no session {id}")).hint("SHOW PROCESSLIST lists the sessions with their ids."),
        // ER_TARGET_NOT_EXPLAINABLE, ER_EXPLAIN_NOT_SUPPORTED
        Some("1933" | "3012") => idle(id),
        // ER_ACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR
        Some("1045" | "1227") => {
            Error::new(Kind::Unknown, format!("the server does not tell this login about session {id}: {}", e.message))
                .hint("GRANT PROCESS ON *.* lets it see sessions of others.")
        }
        _ => e,
    }
}
