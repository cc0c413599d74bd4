//! Apply, revert, rehearse: statement by statement on a dedicated session under the migrator lock, journaled before and after.

use crate::model::evidence::Evidence;
use crate::model::{Finding, Result};
use crate::ops::gate::{Clearance, RevertRight};
use crate::ops::{Connection, Cx};
use std::time::Duration;

/// One migration that was applied or reverted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRun {
    pub version: i64,
    pub name: String,
    pub statements: usize,
    pub took: Duration,
}

/// What an apply did. It ended well: a failure is an error that says exactly what is applied.
#[derive(Debug)]
pub struct ApplyReport {
    /// The checklist run that it belongs to.
    pub run: String,
    pub steps: Vec<StepRun>,
    pub took: Duration,
    pub findings: Vec<Finding>,
    pub evidence: Vec<Evidence>,
    /// Covers reverting the same range; also to be had from [`crate::ops::gate::clear_revert`] until the run is closed.
    pub revert: RevertRight,
}

/// What a revert did.
#[derive(Debug)]
pub struct RevertReport {
    pub run: String,
    pub steps: Vec<StepRun>,
    pub took: Duration,
    pub findings: Vec<Finding>,
    pub evidence: Vec<Evidence>,
}

/// Applies what the clearance names, and nothing else.
pub async fn apply(_cx: &Cx, _conn: &Connection, _clearance: Clearance) -> Result<ApplyReport> {
    unimplemented!()
}

/// Runs the down scripts in the reverse order of application.
pub async fn revert(_cx: &Cx, _conn: &Connection, _right: RevertRight) -> Result<RevertReport> {
    unimplemented!()
}

/// On a target of the first environment: applies, reverts and applies again, which is what later environments ask for.
/// Already applied migrations are reverted and applied again.
pub async fn rehearse(_cx: &Cx, _conn: &Connection, _upto: Option<i64>) -> Result<ApplyReport> {
    unimplemented!()
}
