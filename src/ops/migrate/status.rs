//! The migration queue: files against history.

use crate::model::migration::{Applied, Migration, RollbackClass, Standing};
use crate::model::{Finding, Result};
use crate::ops::{Connection, Cx};
use std::path::PathBuf;

/// One line of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueItem {
    pub version: i64,
    pub name: String,
    pub standing: Standing,
    /// The files; `None` when only the history knows the version.
    pub migration: Option<Migration>,
    /// The history row.
    pub applied: Option<Applied>,
    /// Result of the last rollback proof that still fits these very files.
    pub class: Option<RollbackClass>,
    /// One sentence of that proof ("down loses 1,204 values of orders.note").
    pub verdict: Option<String>,
}

/// The queue of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    pub dir: PathBuf,
    /// By version.
    pub items: Vec<QueueItem>,
    pub findings: Vec<Finding>,
    pub transactional_ddl: bool,
    /// False when the history table is not there yet: everything is pending.
    pub history_present: bool,
}

impl Queue {
    /// Pending and late items, in the order in which they would be applied.
    pub fn pending(&self) -> impl Iterator<Item = &QueueItem> {
        self.items.iter().filter(|i| matches!(i.standing, Standing::Pending | Standing::Late))
    }
}

/// Reads the directory and the history. Never writes, and waits for no lock.
pub async fn status(_cx: &Cx, _conn: &Connection) -> Result<Queue> {
    unimplemented!()
}
