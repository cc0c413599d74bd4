//! An emergency assessment: checks, what each saw, and what follows from all of them.

use super::{Finding, Severity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A check of an engine's catalogue. Ids are stable and never used for anything else; sources and thresholds: `reference/operations.md` §2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Check {
    /// `PG03`.
    pub id: &'static str,
    /// Stands beside the verdict: `connections`.
    pub name: &'static str,
    /// What is read, by the server's names.
    pub reads: &'static str,
    /// Why it matters, one sentence.
    pub means: &'static str,
    /// From which figures on it speaks.
    pub limits: &'static [Limit],
    /// It compares two samples: counters since the server's start say nothing of now.
    pub twice: bool,
}

/// A threshold of a check, to be set otherwise per target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// With the check's id the name in the configuration: `"PG03.used" = [80, 90]`.
    pub name: &'static str,
    pub unit: &'static str,
    pub warning: f64,
    pub critical: f64,
}

/// What a check saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The check's id.
    pub check: String,
    pub name: String,
    /// The worst of its findings; `ok` where nothing was found and all was seen.
    pub severity: Severity,
    /// The figures in one line: `188 of 200 (94 %), 150 active`.
    pub says: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Figures by name, for machines and for comparing with another run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
    pub began: Timestamp,
    /// Milliseconds.
    pub took: f64,
}

impl Seen {
    /// All was seen, and nothing found so far.
    pub fn of(check: &Check) -> Seen {
        Seen {
            check: check.id.into(),
            name: check.name.into(),
            severity: Severity::Ok,
            says: String::new(),
            findings: Vec::new(),
            figures: BTreeMap::new(),
            began: Timestamp::now(),
            took: 0.0,
        }
    }
    #[must_use]
    pub fn says(mut self, says: impl Into<String>) -> Seen {
        self.says = says.into();
        self
    }
    #[must_use]
    pub fn figure(mut self, name: &str, value: f64) -> Seen {
        self.figures.insert(name.into(), value);
        self
    }
    /// Adds a finding; the verdict is never better than the worst of them.
    pub fn find(&mut self, finding: Finding) {
        self.severity = self.severity.max(finding.severity);
        self.findings.push(finding);
    }
    /// The check could not see: never the same as finding nothing.
    #[must_use]
    pub fn blind(check: &Check, why: impl Into<String>, lifts: &str) -> Seen {
        let why = why.into();
        let mut seen = Seen::of(check).says(why.clone());
        let mut finding = Finding::new(Severity::Unknown, check.id, check.name, why);
        if !lifts.is_empty() {
            finding = finding.lifts(lifts);
        }
        seen.find(finding);
        seen
    }
}

/// Thresholds as they hold for a target: the checks' own, but for those that its configuration names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits(pub BTreeMap<String, (f64, f64)>);

impl Limits {
    /// Warning and critical. A name that the check does not have trips nothing.
    pub fn of(&self, check: &Check, name: &str) -> (f64, f64) {
        let own = || check.limits.iter().find(|l| l.name == name).map(|l| (l.warning, l.critical));
        self.0.get(&format!("{}.{name}", check.id)).copied().or_else(own).unwrap_or((f64::INFINITY, f64::INFINITY))
    }
}

/// Counters at a moment, for checks that compare two.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// The server's clock, in seconds.
    pub at: f64,
    /// When the counters were last reset, in the server's words: between two different ones nothing can be compared.
    pub since: String,
    /// By the name of what is counted (a database, a statement).
    pub counters: BTreeMap<String, Vec<f64>>,
    /// What stands behind a name (a statement's text).
    pub texts: BTreeMap<String, String>,
}

/// What a role may see of a server, and what all checks need to know of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sight {
    /// Other roles' sessions and statements are visible.
    pub sees_all: bool,
    /// What would make them visible.
    pub grant: String,
    /// It follows another server.
    pub standby: bool,
    /// As the engine numbers its releases: 150018.
    pub version: u32,
}

impl Severity {
    /// Where a figure stands between two thresholds; thresholds that fall (free space) are told by a critical one below the warning.
    pub fn of(figure: f64, limit: (f64, f64)) -> Severity {
        let (warning, critical) = limit;
        let beyond = |at: f64| if critical < warning { figure <= at } else { figure >= at };
        if beyond(critical) {
            Severity::Critical
        } else if beyond(warning) {
            Severity::Warning
        } else {
            Severity::Ok
        }
    }
}

/// All of an assessment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    pub target: String,
    /// Product, version and address; `None` where no connection could be made.
    pub server: Option<String>,
    pub began: Timestamp,
    /// Milliseconds, of the budget's.
    pub took: f64,
    pub budget: f64,
    /// The most likely cause, whether it gets worse, and the next step.
    pub summary: Summary,
    /// In the order in which they were read.
    pub checks: Vec<Seen>,
}

/// The sentence on top.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// The worst that was seen.
    pub severity: Option<Severity>,
    /// The most likely cause in one sentence.
    pub says: String,
    /// What to do next.
    pub next: String,
    /// A suggestion of how severe the incident is, 1 (worst) to 4; `None` where nothing is wrong.
    pub sev: Option<u8>,
    /// The check that it comes from.
    pub check: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_rise_or_fall() {
        let used = (80.0, 90.0);
        assert_eq!([79.9, 80.0, 90.0].map(|v| Severity::of(v, used)), [Severity::Ok, Severity::Warning, Severity::Critical]);
        let free = (20.0, 10.0);
        assert_eq!([21.0, 20.0, 9.0].map(|v| Severity::of(v, free)), [Severity::Ok, Severity::Warning, Severity::Critical]);
        assert_eq!(Severity::of(f64::NAN, used), Severity::Ok, "a figure that is none trips nothing");
    }
}
