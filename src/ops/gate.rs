//! The gate: the one place that turns a checklist's evidence into a [`Clearance`], or says exactly what is missing.

pub(in crate::ops) mod judge;
pub(in crate::ops) mod losses;
pub(in crate::ops) mod recovery;
mod revert;
pub(in crate::ops) mod situation;
pub(in crate::ops) mod trial;

pub use recovery::{RecoveryRight, Yes, approve_recovery, clear_recovery};
pub use revert::RevertPreview;
pub use trial::{Place, Prospect, TrialRight, clear_trial, look_at_trial};

use super::checklist::SCHEMA_MIGRATION;
use super::record::shown_range;
use super::{Connection, Cx, backup};
use crate::config::files::Approval;
use crate::engine::{Access, Connect, Role};
use crate::model::evidence::Subject;
use crate::model::{Error, Result};
use crate::store::journal::Verification;
use judge::Judge;
use situation::{Situation, look};
use std::path::Path;

/// Artefacts up to this many bytes are read through again right before an apply; larger ones are compared by size
/// (their restore was verified by evidence that names the same backup).
const READ_THROUGH: u64 = 2 << 30;

/// The right to apply one range of migrations to one database, once.
///
/// It is made only here, names its subject, and is consumed by use. It cannot be built elsewhere:
/// ```compile_fail,E0451
/// use holdpoint::{model::evidence::Subject, ops::gate::Clearance};
/// fn forge(subject: Subject) -> Clearance {
///     Clearance { run: String::new(), subject, range: vec![], cleared: vec![], preconditions: false, schema_after: None }
/// }
/// ```
/// nor copied:
/// ```compile_fail,E0599
/// fn twice(c: holdpoint::ops::gate::Clearance) -> (holdpoint::ops::gate::Clearance, holdpoint::ops::gate::Clearance) {
///     (c.clone(), c)
/// }
/// ```
/// nor used twice:
/// ```compile_fail,E0382
/// use holdpoint::ops::{gate::Clearance, migrate, Connection, Cx};
/// async fn twice(cx: &Cx, conn: &Connection, c: Clearance) {
///     let _ = migrate::apply(cx, conn, c).await;
///     let _ = migrate::apply(cx, conn, c).await;
/// }
/// ```
/// nor read from a file:
/// ```compile_fail,E0277
/// fn thaw(text: &str) -> holdpoint::ops::gate::Clearance {
///     serde_json::from_str(text).unwrap()
/// }
/// ```
#[must_use]
#[derive(Debug)]
pub struct Clearance {
    pub(in crate::ops) run: String,
    pub(in crate::ops) subject: Subject,
    /// Versions in the order of application, each with the hash of its two scripts.
    pub(in crate::ops) range: Vec<(i64, String)>,
    /// Step and evidence by which it was cleared.
    pub(in crate::ops) cleared: Vec<(String, String)>,
    /// The preconditions were asked for: they are read once more on the run's own session.
    pub(in crate::ops) preconditions: bool,
    /// Hash of the catalogue that the proof found after the ups.
    pub(in crate::ops) schema_after: Option<String>,
}

/// The right to revert one range on one database, once: what a run's clearance gives until the run is closed, or what
/// [`clear_revert`] gives later. Like a [`Clearance`] it cannot be built or copied:
/// ```compile_fail,E0599
/// fn twice(c: holdpoint::ops::gate::RevertRight) -> (holdpoint::ops::gate::RevertRight, holdpoint::ops::gate::RevertRight) {
///     (c.clone(), c)
/// }
/// ```
#[must_use]
#[derive(Debug)]
pub struct RevertRight {
    pub(in crate::ops) run: String,
    pub(in crate::ops) subject: Subject,
    /// Versions in the order of application, each with the hash of its two scripts.
    pub(in crate::ops) range: Vec<(i64, String)>,
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
    /// `applying 0043…0045 to orders-prod`.
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

/// Clears the pending range for application, or says what is missing. `upto` limits the range, as everywhere; an open
/// run that is about another range is changed to it (which voids what was proven of the other one).
/// The outer error is for what failed (no connection, no store); [`Held`] converts into an [`Error`] of kind `Held`.
pub async fn clear(cx: &Cx, conn: &Connection, upto: Option<i64>) -> Result<Result<Clearance, Held>> {
    cx.store.writable()?;
    let target = conn.target();
    // A session of its own: what a cached one knows of the server may be old.
    let session = conn.engine().connect(Connect::new(Role::Background, Access::ReadOnly)).await?;
    let mut s = look(cx, conn, &session, SCHEMA_MIGRATION, upto).await?;
    if super::checklist::make_room(cx, conn, &s)? {
        s = look(cx, conn, &session, SCHEMA_MIGRATION, upto).await?;
    }
    if let (Some(run), Some(limit)) = (s.open_run(), upto)
        && s.range.last().map(|m| m.version) != Some(limit)
        && !s.applied
    {
        super::checklist::change_range(cx, conn, run, &s, Some(limit))?;
        s = look(cx, conn, &session, SCHEMA_MIGRATION, upto).await?;
    }
    session.close().await;
    // A screen may know the chain from a minute ago; here it is walked now.
    if let Verification::Broken { why, .. } = cx.store.verify_journal()? {
        s.journal_broken = Some(why);
    }
    s.need_range(&target.name)?;
    if s.applied {
        return Err(Error::usage(format!("{} is applied already on {}", shown_range(&s.versions()), target.name))
            .hint(format!("Validate, record and close the run: holdpoint run schema-migration {}", target.name)));
    }
    let judge = Judge { config: &cx.config, target, dialect: conn.dialect(), s: &s };
    let act = format!("applying {} to {}", shown_range(&s.versions()), target.name);
    let mut missing = blocked(&s);
    let mut cleared = Vec::new();
    for step in s.steps.iter().take_while(|d| !d.act) {
        let tick = judge.tick(step);
        // A second person is neither who started the run nor who applies it.
        let own_approval = cx.config.policy.approval == Approval::Second
            && step.evidence == "approval"
            && tick.evidence.as_ref().is_some_and(|e| judge::same_person(&e.evidence.by, &cx.operator));
        match (&tick.evidence, tick.ticked()) {
            (Some(_), true) if own_approval => missing.push(Missing {
                step: step.id.clone(),
                title: step.title.clone(),
                why: format!("{} signed it, and cannot apply it too: policy asks for two people", crate::text::clean(&cx.operator)),
                next: "Let the other one apply it, or somebody else approve it.".into(),
            }),
            (Some(e), true) => cleared.push((step.id.clone(), e.evidence.id.clone())),
            _ if !step.hold => {}
            _ => missing.push(Missing {
                step: step.id.clone(),
                title: step.title.clone(),
                why: tick.why.join("; "),
                next: judge::hint(&cx.config, target, &s, step),
            }),
        }
    }
    let uses_backup = s.steps.iter().any(|d| d.evidence == "backup-taken");
    let backup = if uses_backup { judge.backup() } else { None };
    if let (Some(b), true) = (backup, missing.is_empty()) {
        let dir = b.evidence.facts.get("dir").cloned().unwrap_or_default();
        let read = backup::read_manifest(Path::new(&dir));
        let sound = match read {
            Err(e) => Err(e),
            Ok((m, _)) if m.artefacts.iter().map(|a| a.bytes).sum::<u64>() <= READ_THROUGH => {
                backup::check_artefacts(Path::new(&dir), &m, &*cx.progress, &cx.cancel).await
            }
            Ok((m, _)) => backup::check_sizes(Path::new(&dir), &m),
        };
        match sound {
            Ok(()) => {}
            Err(e) if e.kind == crate::model::Kind::Cancelled => return Err(e),
            Err(e) => missing.push(Missing {
                step: "backup-taken".into(),
                title: "Backup taken".into(),
                why: e.message,
                next: format!("Take a backup: holdpoint backup take {}", target.name),
            }),
        }
    }
    if !missing.is_empty() {
        let held = Held { act, missing };
        let steps: Vec<&str> = held.missing.iter().map(|m| m.step.as_str()).collect();
        cx.journal(
            "held",
            &target.name,
            serde_json::json!({ "summary": format!("held: {} needs {}", held.act, steps.join(", ")), "missing": steps }),
        )?;
        return Ok(Err(held));
    }
    let run = match s.open_run() {
        Some(r) => r.id.clone(),
        None => super::checklist::start(cx, conn, &s, upto, None)?.id,
    };
    let mut subject = s.subject(&target.name);
    subject.backup = backup.map(|b| b.evidence.subject.backup.clone()).unwrap_or_default();
    let schema_after = cleared
        .iter()
        .filter_map(|(_, id)| s.evidence.iter().find(|e| e.evidence.id == *id && e.evidence.kind == "rollback-proven"))
        .find_map(|e| e.evidence.facts.get("schema after").cloned());
    let preconditions = s.steps.iter().any(|d| d.evidence == "preconditions");
    Ok(Ok(Clearance { run, subject, range: s.hashes(), cleared, preconditions, schema_after }))
}

/// What blocks any act, whatever the checklist says.
fn blocked(s: &Situation) -> Vec<Missing> {
    let mut missing = Vec::new();
    if let Some(why) = &s.journal_broken {
        missing.push(Missing {
            step: "journal".into(),
            title: "Journal intact".into(),
            why: format!("the journal does not verify: {why}"),
            next: "Look at it: holdpoint journal verify. Keep the file as it is, and go on with another [store] path.".into(),
        });
    }
    if let Some(why) = &s.other_environment {
        missing.push(Missing {
            step: "environment".into(),
            title: "One environment".into(),
            why: why.clone(),
            next: "Use the target of the later environment, whose steps protect it. If it is that no more, give the project another [store] path.".into(),
        });
    }
    if let Some(why) = &s.act_in_the_way {
        missing.push(Missing {
            step: "unfinished".into(),
            title: "Nothing unfinished".into(),
            why: why.clone(),
            next: "Let it end, or have it explained: holdpoint migrate status.".into(),
        });
    }
    missing
}

/// What reverting would do: the open run's applied range; without one, the range that was applied last; with `downto`,
/// everything applied down to and including that version.
pub async fn preview_revert(cx: &Cx, conn: &Connection, downto: Option<i64>) -> Result<RevertPreview> {
    Ok(revert::plan(cx, conn, downto).await?.preview)
}

/// Clears a revert. While the run is open its own clearance covers it; later the downs must be proven, and the
/// target's name typed (`typed_target`).
pub async fn clear_revert(
    cx: &Cx,
    conn: &Connection,
    downto: Option<i64>,
    typed_target: Option<&str>,
) -> Result<Result<RevertRight, Held>> {
    cx.store.writable()?;
    let plan = revert::plan(cx, conn, downto).await?;
    let name = &conn.target().name;
    let mut missing = plan.preview.missing;
    if !plan.preview.covered && typed_target != Some(name.as_str()) {
        let losses = if plan.preview.losses.is_empty() { String::new() } else { format!(" ({})", plan.preview.losses.join("; ")) };
        missing.push(Missing {
            step: "typed-name".into(),
            title: "The target's name, typed".into(),
            why: format!("the run that applied it is closed{losses}"),
            next: format!("Type the target's name, {name}, to revert all the same."),
        });
    }
    if missing.is_empty() {
        return Ok(Ok(RevertRight { run: plan.run, subject: plan.subject, range: plan.range }));
    }
    Ok(Err(Held { act: format!("reverting {} on {name}", shown_range(&plan.preview.versions)), missing }))
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
    /// The right to take back what this clearance applied, from the catalogue as the run left it.
    pub(in crate::ops) fn into_revert_right(self, schema: String) -> RevertRight {
        RevertRight { run: self.run, subject: Subject { schema, ..self.subject }, range: self.range }
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
