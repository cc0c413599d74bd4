//! An emergency assessment: checks, what each saw, and what follows from all of them.

use super::lock_tree::LockSession;
use super::recovery::Action;
use super::{Finding, Severity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A check of an engine's catalogue. Ids are stable and never used for anything else.
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
    /// Of the lock tree's check: who waits, and for whom ([`super::lock_tree::LockTree::of`] orders them).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<LockSession>,
    /// Files and directories of the server's own, as it told or as they were found: `data`, `log`, and its `port`. When it is down they say
    /// where to look.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub places: BTreeMap<String, String>,
    /// Servers that follow this one, with where they are: for when it is down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub followers: Vec<String>,
    /// Findings of it that somebody silenced: they stand here as information, with what they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub muted: Vec<Muted>,
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
            sessions: Vec::new(),
            places: BTreeMap::new(),
            followers: Vec::new(),
            muted: Vec::new(),
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
    #[must_use]
    pub fn figures(mut self, all: &[(&str, f64)]) -> Seen {
        self.figures.extend(all.iter().map(|(name, n)| ((*name).to_string(), *n)));
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
    /// The server does not have it, whoever looks: no right would lift that. `next` is how it could have it.
    #[must_use]
    pub fn absent(check: &Check, why: impl Into<String>, next: &str) -> Seen {
        let why = why.into();
        let mut seen = Seen::of(check).says(why.clone());
        seen.find(Finding::new(Severity::Info, check.id, check.name, why).next(next));
        seen
    }
}

/// A finding that is known and accepted for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Muted {
    /// Id of the check.
    pub check: String,
    /// What its finding is about; all of the check's where empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub object: String,
    pub reason: String,
    /// It speaks again from then on.
    pub until: Timestamp,
    pub by: String,
    /// How bad it would be, where it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Severity>,
}

impl Seen {
    /// Silences what is muted at that time: such a finding says nothing worse than information. What could not be seen stays unknown.
    #[must_use]
    pub fn muted_by(mut self, mutes: &[Muted], now: Timestamp) -> Seen {
        let mut any = false;
        for f in self.findings.iter_mut().filter(|f| f.severity >= Severity::Warning) {
            let fits = |m: &&Muted| m.check == self.check && (m.object.is_empty() || m.object == f.object) && m.until > now;
            if let Some(m) = mutes.iter().find(fits) {
                self.muted.push(Muted { object: f.object.clone(), was: Some(f.severity), ..m.clone() });
                f.severity = Severity::Info;
                any = true;
            }
        }
        if any {
            self.severity = self.findings.iter().map(|f| f.severity).max().unwrap_or(Severity::Ok);
            let until = self.muted.iter().map(|m| m.until).min().unwrap_or(now);
            let until = until.strftime("%Y-%m-%d %H:%M UTC");
            // What still speaks is not silenced by what stands beside it.
            self.says = match self.severity >= Severity::Warning {
                true => format!("{} ({} of it muted until {until})", self.says, self.muted.len()),
                false => format!("muted until {until}: {}", self.says),
            };
        }
        self
    }
}

/// What a finding is compared with an earlier assessment's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    New,
    Worse,
    Better,
    Gone,
}

impl Turn {
    pub fn word(self) -> &'static str {
        match self {
            Turn::New => "new",
            Turn::Worse => "worse",
            Turn::Better => "better",
            Turn::Gone => "gone",
        }
    }
}

/// A finding that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub turn: Turn,
    pub check: String,
    pub object: String,
    /// The finding's words: those of now, or of before where it is gone.
    pub message: String,
}

/// What is new, worse, better or gone, in this order. Told are findings that warn; a check that was not read in both says nothing of
/// what is gone, since not looking is not the same as finding nothing.
pub fn changes(before: &Assessment, now: &Assessment) -> Vec<Change> {
    let warns = |a: &Assessment| -> BTreeMap<(String, String), Finding> {
        let all = a.checks.iter().flat_map(|s| &s.findings).filter(|f| f.severity >= Severity::Warning);
        all.map(|f| ((f.check.clone(), f.object.clone()), f.clone())).collect()
    };
    let read = |check: &str| now.checks.iter().any(|s| s.check == check && s.severity != Severity::Unknown);
    // What is silenced is there all the same: neither gone nor, once it speaks again, new.
    let silenced = |a: &Assessment| -> BTreeSet<(String, String)> {
        a.checks.iter().flat_map(|c| c.muted.iter().map(|m| (m.check.clone(), m.object.clone()))).collect()
    };
    let (was_silent, is_silent) = (silenced(before), silenced(now));
    let (mut old, mut new) = (warns(before), warns(now));
    old.retain(|key, _| !is_silent.contains(key));
    new.retain(|key, _| !was_silent.contains(key));
    let change = |turn, f: &Finding| Change { turn, check: f.check.clone(), object: f.object.clone(), message: f.message.clone() };
    let mut out: Vec<Change> = Vec::new();
    for (key, f) in &new {
        match old.get(key) {
            None => out.push(change(Turn::New, f)),
            Some(was) if was.severity < f.severity => out.push(change(Turn::Worse, f)),
            Some(was) if was.severity > f.severity => out.push(change(Turn::Better, f)),
            Some(_) => {}
        }
    }
    out.extend(old.iter().filter(|(key, _)| !new.contains_key(*key) && read(&key.0)).map(|(_, f)| change(Turn::Gone, f)));
    out.sort_by_key(|c| c.turn);
    out
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
    /// What could not be kept or compared, in a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// When the assessment began that it is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
    /// What is not as it was then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

impl Assessment {
    /// All places of the server that its checks told.
    pub fn places(&self) -> BTreeMap<String, String> {
        self.checks.iter().flat_map(|c| c.places.clone()).collect()
    }
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
    /// The recovery action that answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover: Option<Action>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assessment(findings: &[(&str, &str, Severity)]) -> Assessment {
        let mut checks: Vec<Seen> = Vec::new();
        for (check, object, severity) in findings {
            let limits: &'static [Limit] = &[];
            let id: &'static str = if *check == "PG06" { "PG06" } else { "PG27" };
            let of = Check { id, name: "n", reads: "", means: "", limits, twice: false };
            let mut seen = Seen::of(&of).says("it says so");
            seen.find(Finding::new(*severity, check, *object, format!("{object} is {severity:?}")));
            checks.push(seen);
        }
        let t = Timestamp::UNIX_EPOCH;
        Assessment {
            target: "t".into(),
            server: None,
            began: t,
            took: 0.0,
            budget: 0.0,
            summary: Summary::default(),
            checks,
            notes: Vec::new(),
            before: None,
            changes: Vec::new(),
        }
    }

    #[test]
    fn what_is_new_worse_better_or_gone_is_told_and_what_was_not_read_is_not_called_gone() {
        use Severity::{Critical, Ok, Unknown, Warning};
        let before = assessment(&[("PG06", "a", Warning), ("PG06", "b", Critical), ("PG06", "c", Warning), ("PG27", "i", Warning)]);
        let now = assessment(&[("PG06", "a", Critical), ("PG06", "b", Warning), ("PG06", "d", Warning), ("PG27", "i", Unknown)]);
        let told: Vec<(Turn, String)> = changes(&before, &now).into_iter().map(|c| (c.turn, c.object)).collect();
        let is = |turn, object: &str| (turn, object.to_string());
        assert_eq!(told, [is(Turn::New, "d"), is(Turn::Worse, "a"), is(Turn::Better, "b"), is(Turn::Gone, "c")]);
        let read = assessment(&[("PG27", "j", Ok)]);
        assert_eq!(changes(&before, &read).len(), 1, "only the index is known to be gone");
        assert!(changes(&before, &before).is_empty());
    }

    #[test]
    fn what_is_muted_is_not_gone_and_not_new_when_it_speaks_again() {
        let loud = assessment(&[("PG27", "i", Severity::Critical)]);
        let mut quiet = loud.clone();
        let until = Timestamp::from_second(7200).unwrap();
        let mute = Muted { check: "PG27".into(), object: String::new(), reason: "known".into(), until, by: "ann".into(), was: None };
        quiet.checks = quiet.checks.into_iter().map(|s| s.muted_by(std::slice::from_ref(&mute), Timestamp::UNIX_EPOCH)).collect();
        assert_eq!(quiet.checks[0].severity, Severity::Info);
        assert_eq!(changes(&loud, &quiet), []);
        assert_eq!(changes(&quiet, &loud), []);
    }

    #[test]
    fn what_is_muted_says_nothing_worse_than_information_until_its_time() {
        let hour = |h: i64| Timestamp::from_second(h * 3600).unwrap();
        let seen = assessment(&[("PG27", "i", Severity::Critical)]).checks.remove(0);
        let mute = |object: &str| Muted {
            check: "PG27".into(),
            object: object.into(),
            reason: "known".into(),
            until: hour(2),
            by: "ann".into(),
            was: None,
        };
        let quiet = seen.clone().muted_by(&[mute("")], hour(1));
        assert_eq!((quiet.severity, quiet.muted[0].was), (Severity::Info, Some(Severity::Critical)));
        assert!(quiet.says.starts_with("muted until 1970-01-01 02:00 UTC: it says so"), "{}", quiet.says);
        assert_eq!(seen.clone().muted_by(&[mute("i")], hour(1)).severity, Severity::Info);
        let mut two = seen.clone();
        two.find(Finding::new(Severity::Warning, "PG27", "j", "another"));
        let half = two.muted_by(&[mute("i")], hour(1));
        assert_eq!((half.severity, half.says.as_str()), (Severity::Warning, "it says so (1 of it muted until 1970-01-01 02:00 UTC)"));
        assert_eq!(seen.clone().muted_by(&[mute("another")], hour(1)), seen);
        assert_eq!(seen.clone().muted_by(&[mute("")], hour(2)), seen, "its time is over");
        let blind = assessment(&[("PG27", "i", Severity::Unknown)]).checks.remove(0);
        assert_eq!(blind.clone().muted_by(&[mute("")], hour(1)).severity, Severity::Unknown);
    }

    #[test]
    fn thresholds_rise_or_fall() {
        let used = (80.0, 90.0);
        assert_eq!([79.9, 80.0, 90.0].map(|v| Severity::of(v, used)), [Severity::Ok, Severity::Warning, Severity::Critical]);
        let free = (20.0, 10.0);
        assert_eq!([21.0, 20.0, 9.0].map(|v| Severity::of(v, free)), [Severity::Ok, Severity::Warning, Severity::Critical]);
        assert_eq!(Severity::of(f64::NAN, used), Severity::Ok, "a figure that is none trips nothing");
    }
}
