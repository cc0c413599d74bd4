//! Findings: what a check read, what it means, and what to do next.

use serde::{Deserialize, Serialize};

/// How bad a finding is. `Unknown` means that the check could not see: never the same as `Ok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Ok,
    Info,
    Unknown,
    Warning,
    Critical,
}

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub severity: Severity,
    /// Stable id, e.g. `backup-tool-missing`.
    pub check: String,
    /// What it is about: a table, a file, a server.
    pub object: String,
    /// What was read, as one sentence.
    pub message: String,
    /// What to do next; empty when nothing needs doing.
    pub next: String,
    /// What would lift an `unknown`: a GRANT, a package, a setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifts: Option<String>,
}

impl Finding {
    pub fn new(severity: Severity, check: &str, object: impl Into<String>, message: impl Into<String>) -> Self {
        Finding { severity, check: check.into(), object: object.into(), message: message.into(), next: String::new(), lifts: None }
    }
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }
    #[must_use]
    pub fn lifts(mut self, lifts: impl Into<String>) -> Self {
        self.lifts = Some(lifts.into());
        self
    }
}
