//! What a fresh copy needs before something is measured on it, and how large an index is.

use super::MySql;
use crate::engine::{Session, Trials};
use crate::model::{Dialect, Result};
use futures_util::future::BoxFuture;

impl Trials for MySql {
    fn settle(&self, table: &str) -> Vec<String> {
        vec![format!("ANALYZE TABLE {table}")]
    }
    fn index_bytes<'a>(&'a self, s: &'a Session, table: &'a str, index: &'a str) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(async move {
            // InnoDB's own count of the index's pages, which ANALYZE TABLE has just made.
            let lit = |t: &str| Dialect::MySql.quote_literal(t);
            let told = s
                .fetch(format!(
                    "SELECT stat_value * @@innodb_page_size FROM mysql.innodb_index_stats WHERE database_name = DATABASE() \
                     AND table_name = {} AND index_name = {} AND stat_name = 'size'",
                    lit(table),
                    lit(index)
                ))
                .await;
            // Without a right on that table the size is not known; the trial goes on.
            Ok(told.ok().and_then(|t| t.rows.first()?.first()?.as_deref()?.parse().ok()))
        })
    }
}
