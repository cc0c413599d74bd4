//! What a fresh copy needs before something is measured on it, and how large an index is.

use super::MySql;
use crate::engine::{Hiding, Session, Trials};
use crate::model::{Dialect, Effects, Identity, Result};
use futures_util::future::BoxFuture;

/// The server's word for an index that its planner may not use; `None` where it has none.
pub(super) fn hides(id: &Identity) -> Option<&'static str> {
    let number = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u32>().unwrap_or(0);
    let mut parts = id.version.split('.');
    let version = (parts.next().map_or(0, number), parts.next().map_or(0, number));
    match id.product == "MariaDB" {
        true => (version >= (10, 6)).then_some("IGNORED"),
        false => (version >= (8, 0)).then_some("INVISIBLE"),
    }
}

impl Trials for MySql {
    fn hiding(&self, s: &Session, table: &str, index: &str) -> Hiding {
        let index = Dialect::MySql.quote_ident(index);
        let alter = |how: &str| format!("ALTER TABLE {table} ALTER INDEX {index} {how}");
        match hides(s.identity()) {
            Some("IGNORED") => Hiding::Switch { off: alter("IGNORED"), on: alter("NOT IGNORED") },
            Some(_) => Hiding::Switch { off: alter("INVISIBLE"), on: alter("VISIBLE") },
            None => Hiding::SecondCopy,
        }
    }
    fn twin<'a>(&'a self, _s: &'a Session, table: &'a str, name: &'a str) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move { Ok(vec![format!("CREATE TABLE {name} LIKE {table}")]) })
    }
    fn planning_runs(&self) -> bool {
        true
    }
    fn effects<'a>(&'a self, s: &'a Session, text: &'a str) -> BoxFuture<'a, Result<Effects>> {
        Box::pin(super::effects::of(self, s, text))
    }
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
