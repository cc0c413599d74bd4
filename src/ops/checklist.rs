//! A checklist run on a target: how each step stands, running the provable ones, signing the others.

mod steps;

use super::gate::judge::{self, Judge, Tick, same_person};
use super::gate::situation::{Situation, look};
use super::record::{Draft, short_id, shown_range};
use super::{Connection, Cx};
use crate::config::files::Approval;
use crate::config::{StepDef, StepKind};
use crate::model::evidence::{Evidence, Grade};
use crate::model::migration::{RollbackClass, Standing};
use crate::model::{Error, Finding, Result};
use crate::store::runs::Run;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Name of the checklist that migrations go by.
pub const SCHEMA_MIGRATION: &str = "schema-migration";

/// How a step stands (glyphs in `screens`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepState {
    Proved,
    Signed,
    /// Not yet, and nothing in the way before it.
    Waiting,
    Running,
    /// Not yet, and a hold point before it is open; or the open hold point itself that needs a person.
    Held,
    /// Ran, and did not prove it.
    Failed,
    Expired,
    /// Was proved, and its subject changed since.
    Voided,
    /// Could not be seen.
    Unknown,
}

/// A step as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepView {
    pub id: String,
    pub title: String,
    pub help: String,
    pub kind: StepKind,
    /// Changes the target: never run without the target's name typed.
    pub act: bool,
    pub hold: bool,
    pub state: StepState,
    /// One sentence: what was proven, or what is the matter.
    pub summary: String,
    pub grade: Option<Grade>,
    pub class: Option<RollbackClass>,
    /// RFC 3339 of the evidence.
    pub at: Option<String>,
    /// `9 min ago`.
    pub age: Option<String>,
    pub by: Option<String>,
    /// Facts of the evidence, for the details.
    pub facts: BTreeMap<String, String>,
    /// What would void the tick.
    pub voids_if: String,
    /// Why it is not ticked; empty when it is.
    pub why_not: Vec<String>,
    /// What to do next, one sentence; empty when nothing.
    pub next: String,
    /// The command that does it.
    pub command: String,
    /// Id of the evidence that it rests on.
    pub evidence: Option<String>,
}

impl StepView {
    /// A step of a list that needs no open target, as it stands by its evidence; what follows from it is the list's to say.
    pub(super) fn by_evidence(def: &StepDef, state: StepState, e: Option<&Evidence>, words: String, now: Timestamp) -> StepView {
        let ticked = matches!(state, StepState::Proved | StepState::Signed);
        StepView {
            id: def.id.clone(),
            title: def.title.clone(),
            help: def.help.clone(),
            kind: def.kind,
            act: false,
            hold: def.hold,
            state,
            summary: if state == StepState::Held { "a hold point before it is open".into() } else { words.clone() },
            grade: None,
            class: None,
            at: e.map(|e| e.at.clone()),
            age: e.and_then(|e| e.at.parse::<Timestamp>().ok()).map(|t| format!("{} ago", judge::age(now.as_second() - t.as_second()))),
            by: e.map(|e| e.by.clone()),
            facts: e.map(|e| e.facts.clone()).unwrap_or_default(),
            voids_if: String::new(),
            why_not: if ticked { Vec::new() } else { vec![words] },
            next: String::new(),
            command: String::new(),
            evidence: e.map(|e| e.id.clone()),
        }
    }

    pub fn ticked(&self) -> bool {
        matches!(self.state, StepState::Proved | StepState::Signed)
    }
}

/// A run of a checklist on a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunView {
    pub checklist: String,
    pub title: String,
    pub target: String,
    pub environment: Option<String>,
    /// `None` before the first step of a run was taken.
    pub run: Option<String>,
    pub issue: Option<String>,
    pub started_by: Option<String>,
    pub started_at: Option<String>,
    /// Versions of the range, in order; empty when nothing is pending.
    pub range: Vec<i64>,
    /// What it is about where that is no range of migrations: the name of a performance test.
    pub subject: Option<String>,
    pub steps: Vec<StepView>,
    /// Index of the step that comes next: the first one not ticked, see also [`RunView::passing_over`].
    pub next: Option<usize>,
    /// Once applied: the range stands, and the run is open until it is closed.
    pub applied: bool,
    pub closed: bool,
    pub findings: Vec<Finding>,
}

impl RunView {
    /// There is something to prove: a range, or a subject.
    pub fn is_about(&self) -> bool {
        !self.range.is_empty() || self.subject.is_some()
    }
    /// The first step not ticked, without those that ran, proved nothing and hold nothing up, as long as there is another one.
    pub fn passing_over(steps: &[StepView]) -> Option<usize> {
        let waits = |s: &StepView| !s.ticked() && (s.hold || s.state != StepState::Failed);
        steps.iter().position(waits).or_else(|| steps.iter().position(|s| !s.ticked()))
    }
    pub fn ticked(&self) -> usize {
        self.steps.iter().filter(|s| s.ticked()).count()
    }
    /// Steps before the act that are not ticked, the act itself left out.
    pub fn missing(&self) -> impl Iterator<Item = &StepView> {
        self.steps.iter().take_while(|s| !s.act).filter(|s| !s.ticked())
    }
}

/// What a run is about, given when it starts; an open run keeps its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Last version of the range; `None`: all pending.
    pub upto: Option<i64>,
    pub issue: Option<String>,
}

/// What running a step gave.
#[derive(Debug, Clone)]
pub struct StepOutcome {
    pub step: String,
    /// False when it ran and did not prove it.
    pub holds: bool,
    pub summary: String,
    pub evidence: Vec<Evidence>,
}

/// Text that a person gives with a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Claimed name of the signer.
    pub name: String,
    /// The reason; must not be empty.
    pub text: String,
    /// The target's name, typed: needed where policy is *solo*.
    pub typed_target: Option<String>,
}

/// The open run of the target, or how a new one would stand.
pub async fn view(cx: &Cx, conn: &Connection, checklist: &str) -> Result<RunView> {
    let session = conn.reader().await?;
    let s = look(cx, conn, &session, checklist, None).await?;
    Ok(show(cx, conn, &s))
}

fn show(cx: &Cx, conn: &Connection, s: &Situation) -> RunView {
    let target = conn.target();
    let judge = Judge { config: &cx.config, target, dialect: conn.dialect(), s };
    let mut steps: Vec<StepView> = Vec::new();
    // The first open hold point: what needs a person there is "held here", and what follows waits.
    let mut held = false;
    for def in &s.steps {
        let tick = judge.tick(def);
        let ticked = tick.ticked();
        let mut v = step_view(cx, conn, s, def, tick);
        if !ticked && !held {
            if matches!(v.state, StepState::Waiting) && (def.kind == StepKind::Signed || def.act) {
                v.state = StepState::Held;
            }
            held = def.hold;
        }
        steps.push(v);
    }
    let mut findings = s.findings.clone();
    findings.extend(s.queue.findings.iter().cloned());
    for (check, why) in [
        ("journal", &s.journal_broken),
        ("environment", &s.other_environment),
        ("unfinished", &s.act_in_the_way),
        ("range", &s.range_problem),
    ] {
        if let Some(why) = why {
            findings.push(Finding::new(crate::model::Severity::Critical, check, target.name.clone(), why.clone()));
        }
    }
    RunView {
        checklist: s.list.id.clone(),
        title: s.list.title.clone(),
        target: target.name.clone(),
        environment: target.environment.clone(),
        run: s.run.as_ref().map(|r| r.id.clone()),
        issue: s.run.as_ref().and_then(|r| r.issue.clone()),
        started_by: s.run.as_ref().map(|r| r.started_by.clone()),
        started_at: s.run.as_ref().map(|r| r.started_at.clone()),
        range: s.versions(),
        subject: None,
        next: steps.iter().position(|v| !v.ticked()),
        steps,
        applied: s.applied,
        closed: s.run.as_ref().is_some_and(|r| !r.open),
        findings,
    }
}

fn step_view(cx: &Cx, conn: &Connection, s: &Situation, def: &StepDef, tick: Tick) -> StepView {
    let ticked = tick.ticked();
    let e = tick.evidence.as_ref().map(|st| &st.evidence);
    let at = e.map(|e| e.at.clone()).filter(|t| !t.is_empty());
    let age =
        at.as_ref().and_then(|t| t.parse::<Timestamp>().ok()).map(|t| format!("{} ago", judge::age(s.now.as_second() - t.as_second())));
    let summary = match (ticked, e) {
        (true, Some(e)) => match &e.imported_from {
            Some(from) => format!("{} (imported from {})", e.summary, crate::text::clean(from)),
            None => e.summary.clone(),
        },
        _ => tick.why.join("; "),
    };
    StepView {
        id: def.id.clone(),
        title: def.title.clone(),
        help: def.help.clone(),
        kind: def.kind,
        act: def.act,
        hold: def.hold,
        state: tick.state,
        summary,
        grade: e.and_then(|e| e.grade),
        class: e.and_then(|e| e.class),
        by: e.map(|e| e.by.clone()).filter(|b| !b.is_empty()),
        facts: e.map(|e| e.facts.clone()).unwrap_or_default(),
        at,
        age,
        voids_if: judge::voids_if(&def.evidence).to_string(),
        next: if ticked { String::new() } else { judge::next(&cx.config, conn.target(), s, def) },
        command: judge::command(&cx.config, conn.target(), s, def),
        evidence: e.map(|e| e.id.clone()),
        why_not: if ticked { Vec::new() } else { tick.why },
    }
}

/// Starts a run, or changes the range and issue of the open one as long as nothing of it is applied.
pub async fn scope(cx: &Cx, conn: &Connection, checklist: &str, scope: &Scope) -> Result<RunView> {
    let session = conn.reader().await?;
    let mut s = look(cx, conn, &session, checklist, scope.upto).await?;
    if make_room(cx, conn, &s)? {
        s = look(cx, conn, &session, checklist, scope.upto).await?;
    }
    match s.open_run() {
        None => {
            s.need_range(&conn.target().name)?;
            start(cx, conn, &s, scope.upto, scope.issue.as_deref())?;
        }
        Some(run) => {
            if run.upto != scope.upto {
                change_range(cx, conn, run, &s, scope.upto)?;
            }
            if let Some(issue) = scope.issue.as_ref().filter(|i| run.issue.as_ref() != Some(i)) {
                cx.store.set_run_issue(&run.id, issue, cx.entry("run-issue", &conn.target().name, serde_json::Value::Null))?;
            }
        }
    }
    view(cx, conn, checklist).await
}

/// In the first environment an applied run makes room for the next range by itself: work there goes on all day, and
/// reverting needs no run. Returns whether it was closed.
pub(in crate::ops) fn make_room(cx: &Cx, conn: &Connection, s: &Situation) -> Result<bool> {
    let target = conn.target();
    let first = cx.config.environments.len() > 1 && target.environment.as_ref() == cx.config.environments.first();
    match s.open_run() {
        Some(run) if first && s.applied && s.act_in_the_way.is_none() && s.queue.pending().next().is_some() => {
            let entry = cx.entry("run-closed", &target.name, serde_json::Value::Null);
            cx.store.close_run(&run.id, "its range is applied, and more is pending", entry)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Opens a run on what was seen.
pub(in crate::ops) fn start(cx: &Cx, conn: &Connection, s: &Situation, upto: Option<i64>, issue: Option<&str>) -> Result<Run> {
    let name = &conn.target().name;
    if s.open_run().is_some() {
        return Err(Error::failed(format!("a run of {} is open on {name} already", s.list.id)));
    }
    let entry = cx.entry("run-started", name, serde_json::Value::Null);
    cx.store.start_run(&format!("r-{}", short_id()), &s.list.id, &s.identity.subject(), upto, issue, entry)
}

/// Gives the open run another range.
pub(in crate::ops) fn change_range(cx: &Cx, conn: &Connection, run: &Run, s: &Situation, upto: Option<i64>) -> Result<()> {
    let name = &conn.target().name;
    let applied = |v: &i64| s.queue.items.iter().any(|i| i.version == *v && !matches!(i.standing, Standing::Pending | Standing::Late));
    if run.versions.iter().flatten().any(applied) {
        return Err(Error::usage(format!(
            "run {} on {name} has applied {} already",
            run.id,
            shown_range(&run.versions.clone().unwrap_or_default())
        ))
        .hint(format!("Revert it, or close the run first: holdpoint run {} {name}", run.checklist)));
    }
    if let Some(limit) = upto.filter(|l| !s.queue.pending().any(|i| i.version == *l)) {
        return Err(Error::usage(format!("{} is not pending on {name}", super::record::shown_version(limit)))
            .hint("See the queue: holdpoint migrate status."));
    }
    cx.store.set_run_upto(&run.id, upto, cx.entry("run-range", name, serde_json::Value::Null))
}

/// The open run, started now if there is none: everything that produces evidence for a checklist belongs to one.
async fn ensure_run(cx: &Cx, conn: &Connection, checklist: &str) -> Result<Situation> {
    cx.store.writable()?;
    let session = conn.reader().await?;
    let s = look(cx, conn, &session, checklist, None).await?;
    if s.open_run().is_some() {
        return Ok(s);
    }
    s.need_range(&conn.target().name)?;
    start(cx, conn, &s, None, None)?;
    look(cx, conn, &session, checklist, None).await
}

fn find<'a>(s: &'a Situation, conn: &Connection, step: &str) -> Result<&'a StepDef> {
    if let Some(def) = s.steps.iter().find(|d| d.id == step) {
        return Ok(def);
    }
    if s.list.steps.iter().any(|d| d.id == step) {
        let env = conn.target().environment.as_deref().unwrap_or("no environment");
        return Err(Error::usage(format!("step {step} does not apply to {} ({env})", conn.target().name)));
    }
    let ids: Vec<&str> = s.steps.iter().map(|d| d.id.as_str()).collect();
    Err(Error::usage(crate::config::toml_file::unknown("step", step, &format!("checklist {}", s.list.id), &ids)))
}

/// Runs the operation of one provable step. Refuses acts and signatures, saying what to do instead.
pub async fn run_step(cx: &Cx, conn: &Connection, checklist: &str, step: &str) -> Result<StepOutcome> {
    let s = ensure_run(cx, conn, checklist).await?;
    let def = find(&s, conn, step)?.clone();
    let next = judge::hint(&cx.config, conn.target(), &s, &def);
    if def.kind == StepKind::Signed {
        return Err(Error::held(format!("held: {} is for a person to sign", def.id)).hint(next));
    }
    if def.act {
        return Err(Error::held(format!("held: {} changes {}, and takes its name typed", def.id, conn.target().name)).hint(next));
    }
    steps::run(cx, conn, &s, &def).await
}

/// Runs the first step that is not ticked, if it needs nobody.
pub async fn run_next(cx: &Cx, conn: &Connection, checklist: &str) -> Result<StepOutcome> {
    let v = view(cx, conn, checklist).await?;
    match v.next {
        Some(i) => run_step(cx, conn, checklist, &v.steps[i].id).await,
        None => Err(Error::usage(format!("every step of {checklist} on {} is ticked", conn.target().name))),
    }
}

/// Runs steps in order until one fails or needs a person; after the apply, validates, records and closes the run. `each` is
/// told after every step.
pub async fn run_all_provable(cx: &Cx, conn: &Connection, checklist: &str, each: &(dyn Fn(&StepOutcome) + Send + Sync)) -> Result<RunView> {
    let mut last: Option<String> = None;
    loop {
        cx.check_cancelled()?;
        let v = view(cx, conn, checklist).await?;
        let Some(next) = v.next.map(|i| &v.steps[i]) else { return Ok(v) };
        if next.kind == StepKind::Signed || next.act || last.as_ref() == Some(&next.id) {
            return Ok(v);
        }
        last = Some(next.id.clone());
        let outcome = run_step(cx, conn, checklist, &next.id).await?;
        each(&outcome);
        let closed = outcome.evidence.iter().any(|e| e.kind == "recorded");
        if !outcome.holds || closed {
            return view(cx, conn, checklist).await;
        }
    }
}

/// Signs a step. A second person's approval is refused to the one who started the run.
pub async fn sign(cx: &Cx, conn: &Connection, checklist: &str, step: &str, signature: &Signature) -> Result<Evidence> {
    let target = conn.target();
    let s = ensure_run(cx, conn, checklist).await?;
    let def = find(&s, conn, step)?;
    if def.kind != StepKind::Signed {
        return Err(Error::usage(format!("{step} is computed, never signed")).hint(judge::hint(&cx.config, target, &s, def)));
    }
    s.need_range(&target.name)?;
    let (name, reason) = (signature.name.trim(), signature.text.trim());
    if name.is_empty() {
        return Err(Error::usage("a signature needs a name"));
    }
    if reason.is_empty() {
        return Err(Error::usage("a signature needs a reason").hint("Say in a sentence why it may be done: --reason \"…\"."));
    }
    let run = s.open_run().ok_or_else(|| Error::failed("no run is open"))?;
    let alone = match cx.config.policy.approval {
        Approval::Second if same_person(name, &run.started_by) => {
            return Err(Error::held(format!(
                "held: {} started this run and cannot approve it: policy asks for a second person",
                crate::text::clean(name)
            ))
            .hint(format!("Ask somebody else: holdpoint checklist sign {} {step}", target.name)));
        }
        Approval::Second => false,
        Approval::Solo => {
            if signature.typed_target.as_deref() != Some(target.name.as_str()) {
                return Err(Error::held(format!("held: to approve alone, type the target's name, {}", target.name)));
            }
            true
        }
    };
    let judge = Judge { config: &cx.config, target, dialect: conn.dialect(), s: &s };
    // Whoever approves must have had the proofs to look at.
    let open: Vec<&StepDef> = s.steps.iter().take_while(|d| d.id != def.id).filter(|d| d.hold && !judge.tick(d).ticked()).collect();
    if let Some(first) = open.first() {
        let names: Vec<&str> = open.iter().map(|d| d.id.as_str()).collect();
        return Err(Error::held(format!("held: before {step}, these must be proved: {}", names.join(", ")))
            .hint(judge::hint(&cx.config, target, &s, first)));
    }
    let losses = s.steps.iter().find(|d| d.evidence == "rollback-proven").and_then(|d| judge.tick(d).evidence).map(|e| e.evidence.summary);
    let how = if alone { "approved alone" } else { "approved" };
    let mut draft =
        Draft::new("approval", target, &s.identity, true, format!("{how} by {}: {}", crate::text::clean(name), crate::text::clean(reason)))
            .scripts(&s.range)
            .fact("run", run.id.clone())
            .fact("approved", if alone { "alone" } else { "by a second person" })
            .fact("reason", reason)
            .fact("range", shown_range(&s.versions()))
            .fact("signed at the console of", format!("{}@{}", cx.operator, cx.host));
    if let Some(l) = losses {
        draft = draft.fact("rollback", l);
    }
    draft.subject.backup = judge.backup().map(|b| b.evidence.subject.backup.clone()).unwrap_or_default();
    draft.by = Some(name.to_string());
    cx.record(draft)
}

/// Closes the open run: reverting its range then needs a proof of its own. Refused while half of it is applied.
pub async fn close(cx: &Cx, conn: &Connection, checklist: &str) -> Result<()> {
    let session = conn.reader().await?;
    let s = look(cx, conn, &session, checklist, None).await?;
    let name = &conn.target().name;
    let run = s.open_run().ok_or_else(|| Error::usage(format!("no run of {checklist} is open on {name}")))?;
    if let Some(why) = &s.act_in_the_way {
        return Err(Error::held(format!("held: {why}")).hint("See what is true now: holdpoint migrate status."));
    }
    let why = if s.applied { "its range is applied" } else { "given up, nothing of its range is applied" };
    let of_run = run.versions.clone().unwrap_or_default();
    if !s.applied && of_run.len() > s.range.len() {
        return Err(Error::held(format!("held: only a part of {} is applied on {name}", shown_range(&of_run)))
            .hint("Apply the rest, or revert what is applied; then close the run."));
    }
    cx.store.close_run(&run.id, why, cx.entry("run-closed", name, serde_json::Value::Null))
}
