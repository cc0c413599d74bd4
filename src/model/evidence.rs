//! Evidence: recorded facts that a checklist's steps are ticked by.

use super::migration::RollbackClass;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much a proof covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    Sampled,
    Attached,
    Full,
}

/// What a piece of evidence is about. Changing any part of it voids the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Name of the target.
    pub target: String,
    /// [`super::Identity::subject`] of the database.
    pub database: String,
    /// SHA-256 over the scripts' hashes in order (up and down of every migration of the range), hex; empty where no script is concerned.
    #[serde(default)]
    pub scripts: String,
    /// SHA-256 over the canonical catalogue, hex; empty where the schema does not matter.
    #[serde(default)]
    pub schema: String,
    /// Id of the backup that it rests on; empty where none is.
    #[serde(default)]
    pub backup: String,
}

/// A recorded fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// SHA-256 of the content, hex: an edited record no longer fits its id.
    pub id: String,
    /// Stable kind: `files-intact`, `down-present`, `rollback-proven`, `applied-earlier`, `backup-taken`,
    /// `restore-verified`, `preconditions`, `approval`, `applied`, `reverted`, `validated`, `recorded`.
    pub kind: String,
    pub subject: Subject,
    pub grade: Option<Grade>,
    /// One sentence for people.
    pub summary: String,
    /// Facts by name: counts, durations, paths, class.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    pub class: Option<RollbackClass>,
    /// False when the operation ran and did not prove it: recorded all the same, and never a tick.
    pub holds: bool,
    /// RFC 3339, UTC.
    pub at: String,
    /// RFC 3339, UTC; `None`: good until the subject changes.
    pub expires: Option<String>,
    /// Claimed operator name.
    pub by: String,
    /// Host on which it was gathered; with `imported_from` when it came from elsewhere.
    pub host: String,
    #[serde(default)]
    pub imported_from: Option<String>,
    /// Environment of the target at the time.
    pub environment: Option<String>,
}
