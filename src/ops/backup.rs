//! Backups: take, verify by restoring and comparing, list.

use super::{Connection, Cx};
use crate::model::evidence::Evidence;
use crate::model::manifest::{Differences, Manifest};
use crate::model::{Finding, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A backup directory as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub dir: PathBuf,
    /// `None` when the manifest is missing or unreadable: `problem` says what.
    pub manifest: Option<Manifest>,
    pub problem: Option<String>,
    /// Bytes of all artefacts.
    pub bytes: u64,
    /// Age in seconds at the time of listing.
    pub age: Option<i64>,
    /// Of this very database (by identity), not merely of this target's name.
    pub same_database: Option<bool>,
    /// When a restore of it was last verified (RFC 3339) and how long that took.
    pub verified: Option<(String, Duration)>,
}

/// What taking a backup gave.
#[derive(Debug, Clone)]
pub struct TakeReport {
    pub dir: PathBuf,
    pub manifest: Manifest,
    pub findings: Vec<Finding>,
    pub evidence: Evidence,
}

/// What verifying a backup gave.
#[derive(Debug, Clone)]
pub struct VerifyReport {
    pub dir: PathBuf,
    pub backup: String,
    pub differences: Differences,
    /// Time from the start of the restore to a usable database.
    pub restore: Duration,
    pub compare: Duration,
    pub findings: Vec<Finding>,
    /// `holds` is false when there were differences.
    pub evidence: Evidence,
}

/// What would stop a backup, a restore or a proof here: missing tools, no space, no scratch place.
pub async fn preflight(_cx: &Cx, _conn: &Connection) -> Result<Vec<Finding>> {
    unimplemented!()
}

/// Takes a backup into `<backups>/<utc stamp>-<target>/`.
pub async fn take(_cx: &Cx, _conn: &Connection) -> Result<TakeReport> {
    unimplemented!()
}

/// Restores a backup into the scratch place and compares; `dir` is the newest one of this database when `None`.
pub async fn verify(_cx: &Cx, _conn: &Connection, _dir: Option<&Path>) -> Result<VerifyReport> {
    unimplemented!()
}

/// All backups of the target's directory, newest first. Reads manifests only.
pub async fn list(_cx: &Cx, _conn: &Connection) -> Result<Vec<Listed>> {
    unimplemented!()
}
