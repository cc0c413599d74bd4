//! What a session holds, and who waits for it, as InnoDB tells.

use super::cancel::CONTROL;
use super::catalog::at;
use super::{MySql, errors};
use crate::engine::{Locks, Session};
use crate::model::{Error, HeldLock, Result, Waiting};
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
            let _ = tokio::time::timeout(Duration::from_secs(1), control.conn.disconnect()).await;
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
                object: format!("{} rows in {} tables", at(r, 0), at(r, 1)),
                mode: format!("{} changed", at(r, 2)),
            };
            Ok(found.rows.iter().filter(|r| at(r, 0) != "0").map(one).collect())
        })
    }
    fn waiting_for<'a>(&'a self, s: &'a Session, backend: u64) -> BoxFuture<'a, Result<Vec<Waiting>>> {
        Box::pin(async move {
            let joined = if s.identity().product == "MySQL" && !s.identity().major.starts_with('5') { MYSQL } else { MARIADB };
            let found = s
                .fetch(format!(
                    "SELECT DISTINCT CONCAT(COALESCE(p.USER, ''), '@', COALESCE(p.HOST, ''), ' (id ', r.trx_mysql_thread_id, ')'), \
                     GREATEST(0, TIMESTAMPDIFF(SECOND, r.trx_wait_started, NOW())), LEFT(COALESCE(r.trx_query, ''), 500) \
                     FROM {joined} LEFT JOIN information_schema.PROCESSLIST p ON p.ID = r.trx_mysql_thread_id \
                     WHERE b.trx_mysql_thread_id = {backend} LIMIT 50"
                ))
                .await?;
            let one = |r: &Vec<Option<String>>| Waiting {
                who: at(r, 0).to_string(),
                seconds: at(r, 1).parse().unwrap_or(0),
                statement: at(r, 2).to_string(),
            };
            Ok(found.rows.iter().map(one).collect())
        })
    }
}
