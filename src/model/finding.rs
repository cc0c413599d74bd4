//! Findings: what a check read, what it means, and what to do next.

use super::recovery::{Action, Deed};
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

impl Severity {
    /// As it stands in JSON and in what is read.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Ok => "ok",
            Severity::Info => "info",
            Severity::Unknown => "unknown",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// What a finding is, where what follows from several of them depends on it: its words are for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The server was started a short while ago.
    Started,
    /// An account has all the connections that it may have.
    AccountFull,
    /// Everybody's writes may be refused: that they are cannot be seen.
    MayRefuseWrites,
    /// Logins are refused, for whatever reason.
    LoginsRefused,
    /// A replica applies or receives nothing any more.
    ReplicaStopped,
    /// Logins wait for a lock of the catalogue.
    LoginsWait,
    /// No connection: nobody listens there.
    NobodyListens,
    /// No connection yet: the server starts or recovers.
    NotReady,
    /// No connection: logins are taken and not answered.
    LoginHangs,
    /// A process of the server is stopped, or waits for the kernel.
    Stopped,
    /// A statement waits until a disk has room again.
    WantsRoom,
    /// The log says that a disk has no room.
    NoRoom,
    /// The log says that a disk does not write or read.
    Failing,
    /// A standby's log says that its primary no longer has the WAL that it needs.
    WalRemoved,
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
    /// The recovery action that answers it: a suggestion, looked at and approved like any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover: Option<Action>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

impl Finding {
    pub fn new(severity: Severity, check: &str, object: impl Into<String>, message: impl Into<String>) -> Self {
        let (check, object, message) = (check.into(), object.into(), message.into());
        Finding { severity, check, object, message, next: String::new(), lifts: None, recover: None, fault: None }
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
    #[must_use]
    pub fn fault(mut self, fault: impl Into<Option<Fault>>) -> Self {
        self.fault = fault.into();
        self
    }
    /// Names the recovery action that answers it.
    #[must_use]
    pub fn recover(mut self, deed: Deed, object: impl Into<String>) -> Self {
        self.recover = Some(Action { deed, object: object.into(), value: None });
        self
    }
}
