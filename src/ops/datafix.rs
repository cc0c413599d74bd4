//! The short built-in checklist for DML on a guarded target: before-image, blast radius, transaction, the caller's commit.

use super::query::Unlock;
use super::{Connection, Cx};
use crate::engine::Session;
use crate::model::Result;
use std::path::PathBuf;

/// Rows as they were before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BeforeImage {
    Saved {
        path: PathBuf,
        rows: u64,
    },
    /// Nothing existed before (INSERT).
    NotNeeded,
}

/// A data fix that ran and waits for commit or rollback. Dropping it rolls back: the connection closes.
pub struct DataFix {
    session: Session,
    target: String,
    text: String,
    /// Rows that the statement changed, as the server counts.
    pub affected: u64,
    pub before: BeforeImage,
}

/// Runs one DML statement in a transaction of its own: saves the rows as they are, runs it, and rolls back by itself
/// when it changed more rows than the target's `blast_radius`. What is returned waits for the caller.
pub async fn begin(_cx: &Cx, _conn: &Connection, _unlock: Option<&Unlock>, _text: &str) -> Result<DataFix> {
    unimplemented!()
}

impl DataFix {
    /// Makes it permanent.
    pub async fn commit(self, _cx: &Cx) -> Result<()> {
        let _ = (&self.session, &self.target, &self.text);
        unimplemented!()
    }
    /// Takes it back.
    pub async fn rollback(self, _cx: &Cx) -> Result<()> {
        unimplemented!()
    }
}
