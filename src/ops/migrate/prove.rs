//! The rollback proof: up, down and up again on a scratch restore of the backup, with catalogue and data compared.

use crate::model::evidence::Evidence;
use crate::model::migration::RollbackClass;
use crate::model::{Finding, Result};
use crate::ops::{Connection, Cx};
use std::collections::BTreeMap;
use std::time::Duration;

/// How one unit (a migration, or the whole range) came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepProof {
    /// `None` for the whole range.
    pub version: Option<i64>,
    pub name: String,
    pub class: RollbackClass,
    /// One sentence: what was lost, why equivalent, why irreversible.
    pub summary: String,
    /// What is otherwise than before, one sentence each.
    pub differences: Vec<String>,
    /// `table.column` → values, `table` → rows.
    pub lost: BTreeMap<String, u64>,
    /// Time of the up script's statements, one by one (text's first line, time).
    pub statements: Vec<(String, Duration)>,
    pub up: Duration,
    pub down: Option<Duration>,
}

/// The proof of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofReport {
    /// Id of the backup that the scratch database was restored from.
    pub backup: String,
    pub steps: Vec<StepProof>,
    /// All ups, then all downs in reverse, then all ups again; `None` when a step of it cannot be run.
    pub range: Option<StepProof>,
    /// Whether the range counts as proven under the policy.
    pub holds: bool,
    /// Why not, one sentence each.
    pub why_not: Vec<String>,
    pub findings: Vec<Finding>,
    /// Recorded whether it holds or not.
    pub evidence: Vec<Evidence>,
}

/// Proves the pending migrations up to and including version `upto` (all when `None`) on a restore of the newest valid
/// backup of this very database; takes and verifies a backup first when there is none.
pub async fn prove(_cx: &Cx, _conn: &Connection, _upto: Option<i64>) -> Result<ProofReport> {
    unimplemented!()
}
