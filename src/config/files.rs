//! Finding, reading and layering the configuration files.

use super::Target;
use crate::model::Result;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Who approves, and how long evidence is good (design §2.3, §6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub approval: Approval,
    pub backup_expires: Duration,
    pub approval_expires: Duration,
    /// Lowest grade that a proof must have.
    pub lowest_grade: crate::model::evidence::Grade,
    /// Whether lossy rollbacks may be applied (they are always shown).
    pub allow_lossy: bool,
}

/// `[policy] approval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// Somebody other than the operator who started the run signs.
    Second,
    /// The operator signs alone, with a typed reason and the target's name; recorded as *approved alone*.
    Solo,
}

/// Everything that was configured.
#[derive(Debug, Clone)]
pub struct Config {
    pub targets: BTreeMap<String, Target>,
    /// Names in promotion order: `development`, `qa`, `production` unless configured.
    pub environments: Vec<String>,
    pub policy: Policy,
    /// `[store] path`, or `$XDG_STATE_HOME/holdpoint/store.db`.
    pub store_path: PathBuf,
    pub theme: String,
    /// Files that were read, in order.
    pub read_from: Vec<PathBuf>,
    /// Directory of the project file, or the working directory.
    pub project_dir: PathBuf,
    /// Claimed operator name: `[operator] name`, `HOLDPOINT_OPERATOR`, or the login name.
    pub operator: String,
    /// Directory for spilled results and buffers: `$XDG_STATE_HOME/holdpoint`, or beside the configured store.
    pub state_dir: PathBuf,
}

/// Loads all layers. `explicit` is `--config FILE`, which then must exist and replaces the search for a project file.
pub fn load(_explicit: Option<&Path>, _cwd: &Path) -> Result<Config> {
    unimplemented!()
}
