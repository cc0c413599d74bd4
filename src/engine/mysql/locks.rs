//! What a session holds, and who waits for it, as InnoDB tells.

use super::assess::innodb;
use super::cancel::CONTROL;
use super::catalog::at;
use super::{MySql, errors};
use crate::engine::{Locks, Session};
use crate::model::rows::Table;
use crate::model::{Blocker, Error, HeldLock, Kind, Result, Waiting};
use futures_util::future::BoxFuture;
use mysql_async::prelude::Queryable;
use std::time::Duration;

/// MariaDB and MySQL 5.7 list waits in information_schema; MySQL 8 moved them.
const MARIADB: &str = "information_schema.INNODB_LOCK_WAITS w JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id \
    JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id";
const MYSQL: &str = "performance_schema.data_lock_waits w JOIN information_schema.INNODB_TRX b ON b.trx_id = w.BLOCKING_ENGINE_TRANSACTION_ID \
    JOIN information_schema.INNODB_TRX r ON r.trx_id = w.REQUESTING_ENGINE_TRANSACTION_ID";

impl Locks for MySql {
    fn running<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let text = format!(
                "SELECT LEFT(COALESCE(INFO, COMMAND), 500) FROM information_schema.PROCESSLIST WHERE ID = {backend} AND COMMAND <> 'Sleep'"
            );
            Ok(s.fetch(text).await?.rows.first().map(|r| at(r, 0).to_string()))
        })
    }
    fn busy<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<u64>> {
        const BUSY: &str =
            "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND IN ('Query', 'Execute') AND ID <> CONNECTION_ID()";
        Box::pin(async move { Ok(s.fetch(BUSY).await?.rows.first().and_then(|r| at(r, 0).parse().ok()).unwrap_or(0)) })
    }
    fn end<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            // KILL takes a number alone, and the numbers of connections are not used again.
            if self.running(s, backend).await?.is_none() {
                return Ok(false);
            }
            // A read-only session sends reads alone: this goes the way that cancelling goes.
            let mut control = self.connector.connect_to(None, CONTROL).await?;
            let sent = tokio::time::timeout(CONTROL, control.conn.query_drop(format!("KILL CONNECTION {backend}"))).await;
            control.way.part(control.conn, Duration::from_secs(1)).await;
            match sent {
                Ok(Ok(())) => Ok(true),
                // ER_NO_SUCH_THREAD: it has ended meanwhile.
                Ok(Err(mysql_async::Error::Server(e))) if e.code == 1094 => Ok(false),
                Ok(Err(e)) => Err(errors::statement(e, "")),
                Err(_) => Err(Error::connect("the server did not answer")),
            }
        })
    }
    fn held<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<Vec<HeldLock>>> {
        Box::pin(async move {
            let found = s
                .fetch(format!(
                    "SELECT trx_rows_locked, trx_tables_locked, trx_rows_modified FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id = {backend}"
                ))
                .await?;
            let one = |r: &Vec<Option<String>>| HeldLock {
                object: {
                    let of = |c: usize, noun: &str| crate::text::counted(at(r, c).parse().unwrap_or(0), noun);
                    format!("{} in {}", of(0, "row"), of(1, "table"))
                },
                mode: format!("{} changed", at(r, 2)),
            };
            Ok(found.rows.iter().filter(|r| at(r, 0) != "0").map(one).collect())
        })
    }
    fn waiting_for<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<Vec<Waiting>>> {
        Box::pin(async move {
            let found = waiting_for_rows(s, backend).await?;
            let one = |r: &Vec<Option<String>>| Waiting {
                who: at(r, 0).to_string(),
                seconds: at(r, 1).parse().unwrap_or(0),
                statement: at(r, 2).to_string(),
            };
            let mut out: Vec<Waiting> = found.iter().map(one).collect();
            out.extend(waiting_for_tables(s, backend).await?.iter().map(one).filter(|w| found.iter().all(|r| at(r, 0) != w.who)));
            Ok(out)
        })
    }
    fn blockers<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<Vec<Blocker>>> {
        Box::pin(blockers(s, backend))
    }
}

/// Who waits for a row that a session has: who, seconds, statement.
async fn waiting_for_rows(s: &Session, backend: u64) -> Result<Vec<Vec<Option<String>>>> {
    let who = "COALESCE(p.USER, ''), '@', COALESCE(p.HOST, ''), ' (id '";
    if !innodb::is_crowded(s).await? {
        let joined = if is_mysql_8(s) { MYSQL } else { MARIADB };
        let text = format!(
            "SELECT DISTINCT CONCAT({who}, r.trx_mysql_thread_id, ')'), \
             GREATEST(0, TIMESTAMPDIFF(SECOND, r.trx_wait_started, NOW())), LEFT(COALESCE(r.trx_query, ''), 500) \
             FROM {joined} LEFT JOIN information_schema.PROCESSLIST p ON p.ID = r.trx_mysql_thread_id \
             WHERE b.trx_mysql_thread_id = {backend} LIMIT 50"
        );
        return Ok(s.fetch(text).await?.rows);
    }
    let (waits, supposed) = innodb::row_waits(s, &innodb::open(s).await?).await?;
    let behind = waits.iter().filter(|(_, by)| by.contains(&backend)).take(50).map(|(id, _)| id.to_string());
    let behind = behind.chain(["0".into()]).collect::<Vec<_>>().join(", ");
    let perhaps = if supposed { ", perhaps" } else { "" };
    let text = format!(
        "SELECT CONCAT({who}, p.ID, '{perhaps})'), p.TIME, LEFT(COALESCE(p.INFO, ''), 500) FROM information_schema.PROCESSLIST p \
         WHERE p.ID IN ({behind})"
    );
    Ok(s.fetch(text).await?.rows)
}

/// Who waits for a whole table (a metadata lock) that a session has used in its transaction: who, seconds, statement. MySQL tells it;
/// MariaDB tells what a session holds where its plugin metadata_lock_info is installed, and else only who waits so in its database.
async fn waiting_for_tables(s: &Session, backend: u64) -> Result<Vec<Vec<Option<String>>>> {
    let one = |perhaps: &str| {
        format!(
            "SELECT DISTINCT CONCAT(COALESCE(p.USER, ''), '@', COALESCE(p.HOST, ''), ' (id ', p.ID, '{perhaps})'), p.TIME, LEFT(COALESCE(p.INFO, ''), 500)"
        )
    };
    let waits = "p.STATE = 'Waiting for table metadata lock'";
    let ways = if is_mysql_8(s) {
        vec![format!(
            "{} FROM performance_schema.threads ht JOIN performance_schema.metadata_locks h ON h.OWNER_THREAD_ID = ht.THREAD_ID AND h.LOCK_STATUS = 'GRANTED' \
             JOIN performance_schema.metadata_locks w ON w.OBJECT_TYPE = h.OBJECT_TYPE AND w.OBJECT_SCHEMA <=> h.OBJECT_SCHEMA \
             AND w.OBJECT_NAME <=> h.OBJECT_NAME AND w.LOCK_STATUS = 'PENDING' AND w.OWNER_THREAD_ID <> h.OWNER_THREAD_ID \
             JOIN performance_schema.threads wt ON wt.THREAD_ID = w.OWNER_THREAD_ID JOIN information_schema.PROCESSLIST p ON p.ID = wt.PROCESSLIST_ID \
             WHERE ht.PROCESSLIST_ID = {backend} LIMIT 50",
            one("")
        )]
    } else {
        vec![
            format!(
                "{} FROM information_schema.PROCESSLIST p JOIN information_schema.METADATA_LOCK_INFO m ON m.THREAD_ID = {backend} \
                 AND m.TABLE_NAME <> '' AND INSTR(p.INFO, m.TABLE_NAME) > 0 WHERE {waits} LIMIT 50",
                one("")
            ),
            format!(
                "{} FROM information_schema.PROCESSLIST p WHERE {waits} \
                 AND p.DB <=> (SELECT o.DB FROM information_schema.PROCESSLIST o WHERE o.ID = {backend}) LIMIT 50",
                one(", perhaps")
            ),
        ]
    };
    for way in ways {
        // The lists need not be there, nor be open to everybody.
        match s.fetch(way).await {
            Ok(found) => return Ok(found.rows),
            Err(e) if matches!(e.kind, Kind::Connect | Kind::Cancelled) => return Err(e),
            Err(_) => {}
        }
    }
    Ok(Vec::new())
}

/// What is told of a session `p` of the process list.
const WHO: &str = "CONCAT(COALESCE(p.USER, ''), '@', COALESCE(p.HOST, ''), ' (id ', p.ID, ')'), IF(p.COMMAND = 'Sleep', p.TIME, NULL), \
    LEFT(COALESCE(p.INFO, ''), 500), p.ID";

async fn blockers(s: &Session, backend: u64) -> Result<Vec<Blocker>> {
    let state = s.fetch(format!("SELECT COALESCE(STATE, '') FROM information_schema.PROCESSLIST WHERE ID = {backend}")).await?;
    let state = state.scalar().unwrap_or_default().to_string();
    let joined = if is_mysql_8(s) { MYSQL } else { MARIADB };
    let rows = format!(
        "SELECT DISTINCT {WHO} FROM {joined} JOIN information_schema.PROCESSLIST p ON p.ID = b.trx_mysql_thread_id \
         WHERE r.trx_mysql_thread_id = {backend} LIMIT 20"
    );
    // A row's lock shows in InnoDB's own list, which is left alone where hundreds wait; that of a whole table in the server's, if it keeps one.
    let mut found = match innodb::is_crowded(s).await? {
        true => Table::default(),
        false => s.fetch(rows).await?,
    };
    // `System lock` is no wait: MySQL keeps that word while CREATE TABLE … SELECT copies.
    let waits = state.ends_with("lock") && state != "System lock";
    if found.rows.is_empty() && waits {
        for tables in [
            // MariaDB's plugin metadata_lock_info names no object that is waited for: all that others hold is what may be in the way.
            format!(
                "SELECT DISTINCT {WHO} FROM information_schema.METADATA_LOCK_INFO m JOIN information_schema.PROCESSLIST p ON p.ID = m.THREAD_ID \
                 WHERE m.THREAD_ID <> {backend} AND m.TABLE_NAME <> '' AND m.LOCK_TYPE LIKE '%metadata lock%' \
                 AND (SELECT INSTR(w.INFO, m.TABLE_NAME) FROM information_schema.PROCESSLIST w WHERE w.ID = {backend}) > 0 LIMIT 20"
            ),
            format!(
                "SELECT DISTINCT {WHO} FROM performance_schema.metadata_locks w JOIN performance_schema.threads wt ON wt.THREAD_ID = w.OWNER_THREAD_ID \
                 JOIN performance_schema.metadata_locks h ON h.OBJECT_TYPE = w.OBJECT_TYPE AND h.OBJECT_SCHEMA <=> w.OBJECT_SCHEMA \
                 AND h.OBJECT_NAME <=> w.OBJECT_NAME AND h.LOCK_STATUS = 'GRANTED' AND h.OWNER_THREAD_ID <> w.OWNER_THREAD_ID \
                 JOIN performance_schema.threads ht ON ht.THREAD_ID = h.OWNER_THREAD_ID \
                 JOIN information_schema.PROCESSLIST p ON p.ID = ht.PROCESSLIST_ID \
                 WHERE wt.PROCESSLIST_ID = {backend} AND w.LOCK_STATUS = 'PENDING' LIMIT 20"
            ),
        ] {
            // Neither need be there.
            if let Ok(told) = s.fetch(tables).await
                && !told.rows.is_empty()
            {
                found = told;
                break;
            }
        }
    }
    if found.rows.is_empty() && waits {
        return Ok(vec![Blocker { who: state, idle: None, statement: String::new(), known: false }]);
    }
    let mut out = Vec::new();
    for r in &found.rows {
        let mut statement = at(r, 2).to_string();
        if statement.is_empty() {
            // What an idle session ran last is kept by the performance schema alone, where that is on.
            let last = format!(
                "SELECT LEFT(e.SQL_TEXT, 500) FROM performance_schema.threads t JOIN performance_schema.events_statements_current e \
                 ON e.THREAD_ID = t.THREAD_ID WHERE t.PROCESSLIST_ID = {} AND e.SQL_TEXT IS NOT NULL LIMIT 1",
                at(r, 3).parse::<u64>().unwrap_or(0)
            );
            statement = s.fetch(last).await.ok().and_then(|t| t.scalar().map(str::to_string)).unwrap_or_default();
        }
        out.push(Blocker { who: at(r, 0).to_string(), idle: at(r, 1).parse().ok(), statement, known: true });
    }
    Ok(out)
}

/// It keeps who waits for whose row in the performance schema.
pub(super) fn is_mysql_8(s: &Session) -> bool {
    s.identity().product == "MySQL" && !s.identity().major.starts_with('5')
}
