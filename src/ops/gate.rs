//! The gate: the one function that turns a checklist's evidence into a [`Clearance`], or says exactly what is missing.

use super::{Connection, Cx};
use crate::model::evidence::Subject;
use crate::model::{Error, Result};

/// The right to apply one range of migrations to one database, once.
///
/// It is made only here, names its subject, and is consumed by use. It cannot be built elsewhere:
/// ```compile_fail
/// let _ = holdpoint::ops::gate::Clearance { run: String::new() };
/// ```
/// nor copied:
/// ```compile_fail
/// fn twice(c: holdpoint::ops::gate::Clearance) -> (holdpoint::ops::gate::Clearance, holdpoint::ops::gate::Clearance) {
///     (c.clone(), c)
/// }
/// ```
/// nor read from a file:
/// ```compile_fail
/// fn thaw(text: &str) -> holdpoint::ops::gate::Clearance {
///     serde_json::from_str(text).unwrap()
/// }
/// ```
#[must_use]
#[derive(Debug)]
pub struct Clearance {
    run: String,
    subject: Subject,
    /// Versions in the order of application, each with the hash of its two scripts.
    range: Vec<(i64, String)>,
}

/// The right to revert one range on one database, once: what a run's clearance gives until the run is closed, or what
/// [`clear_revert`] gives later.
#[must_use]
#[derive(Debug)]
pub struct RevertRight {
    run: String,
    subject: Subject,
    range: Vec<(i64, String)>,
}

/// One step that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub step: String,
    pub title: String,
    /// Why the step does not count: never done, expired, voided by what.
    pub why: String,
    /// What to do, with the command.
    pub next: String,
}

/// Why the gate holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// `apply 0043…0045 on orders-prod`.
    pub act: String,
    pub missing: Vec<Missing>,
}

impl From<Held> for Error {
    fn from(h: Held) -> Error {
        let names: Vec<&str> = h.missing.iter().map(|m| m.step.as_str()).collect();
        let mut e = Error::held(format!("held: {} needs {}", h.act, names.join(", ")));
        e.detail = Some(h.missing.iter().map(|m| format!("{}: {}", m.step, m.why)).collect::<Vec<_>>().join("\n"));
        for m in h.missing {
            if !m.next.is_empty() && !e.hints.contains(&m.next) {
                e.hints.push(m.next);
            }
        }
        e
    }
}

/// Clears the open run's range for application, or says what is missing. `upto` limits the range as everywhere.
/// The outer error is for what failed (no connection, no store); [`Held`] converts into an [`Error`] of kind `Held`.
pub async fn clear(_cx: &Cx, _conn: &Connection, _upto: Option<i64>) -> Result<Result<Clearance, Held>> {
    unimplemented!()
}

/// What a revert would lose, to be shown before the target's name is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevertPreview {
    /// Versions in the order of reverting.
    pub versions: Vec<i64>,
    /// True while the run that applied them is open: its clearance covers the revert.
    pub covered: bool,
    /// What the proof says that the downs lose, and what was written since; sentences with counts.
    pub losses: Vec<String>,
    pub missing: Vec<Missing>,
}

/// What reverting the last applied range (or down to, and including, `downto`) would do.
pub async fn preview_revert(_cx: &Cx, _conn: &Connection, _downto: Option<i64>) -> Result<RevertPreview> {
    unimplemented!()
}

/// Clears a revert. While the run is open its own clearance covers it; later the downs must be proven, and the
/// target's name typed (`typed_target`).
pub async fn clear_revert(
    _cx: &Cx,
    _conn: &Connection,
    _downto: Option<i64>,
    _typed_target: Option<&str>,
) -> Result<Result<RevertRight, Held>> {
    unimplemented!()
}

impl Clearance {
    pub fn subject(&self) -> &Subject {
        &self.subject
    }
    pub fn run(&self) -> &str {
        &self.run
    }
    pub fn versions(&self) -> Vec<i64> {
        self.range.iter().map(|r| r.0).collect()
    }
}

impl RevertRight {
    pub fn subject(&self) -> &Subject {
        &self.subject
    }
    pub fn run(&self) -> &str {
        &self.run
    }
    pub fn versions(&self) -> Vec<i64> {
        self.range.iter().map(|r| r.0).collect()
    }
}
