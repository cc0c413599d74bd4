//! Runs that were cut off: found at the next start, compared with what is really there, and explained.

use super::{Connection, Cx};
use crate::model::Result;

/// A run that began and has no end in the journal, and whose process is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Id of the act in the journal.
    pub act: String,
    pub run: String,
    pub target: String,
    /// `apply` or `revert`.
    pub direction: String,
    pub started_at: String,
    pub started_by: String,
    pub host: String,
    /// Versions that the act was to run.
    pub versions: Vec<i64>,
    /// The last thing that the journal knows: `0043, statement 2 of 3 was sent and not answered`.
    pub last: String,
}

/// What is true now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    pub unfinished: Unfinished,
    /// One sentence: what happened.
    pub summary: String,
    /// For each version, what is true now.
    pub truths: Vec<String>,
    /// What to do next.
    pub next: Vec<String>,
    /// True when nothing half-done is left, so that the act could be marked as explained.
    pub settled: bool,
}

/// Acts without an end, from the store alone: cheap, for every start. Acts whose process still runs on this host are left out.
pub fn unfinished(_cx: &Cx) -> Result<Vec<Unfinished>> {
    unimplemented!()
}

/// Compares journal, history table and schema, says what is true, and journals that when it is settled.
pub async fn explain(_cx: &Cx, _conn: &Connection, _what: &Unfinished) -> Result<Explained> {
    unimplemented!()
}
