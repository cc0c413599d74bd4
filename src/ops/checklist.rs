//! A checklist run on a target: how each step stands, running the provable ones, signing the others.

use super::{Connection, Cx};
use crate::config::StepKind;
use crate::model::evidence::{Evidence, Grade};
use crate::model::migration::RollbackClass;
use crate::model::{Finding, Result};
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
    pub steps: Vec<StepView>,
    /// Index of the step that comes next: the first one not ticked.
    pub next: Option<usize>,
    /// Once applied: the range stands, and the run is open until it is closed.
    pub applied: bool,
    pub closed: bool,
    pub findings: Vec<Finding>,
}

impl RunView {
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
pub async fn view(_cx: &Cx, _conn: &Connection, _checklist: &str) -> Result<RunView> {
    unimplemented!()
}

/// Starts a run, or changes the range and issue of the open one as long as nothing of it is applied.
pub async fn scope(_cx: &Cx, _conn: &Connection, _checklist: &str, _scope: &Scope) -> Result<RunView> {
    unimplemented!()
}

/// Runs the operation of one provable step. Refuses acts and signatures, saying what to do instead.
pub async fn run_step(_cx: &Cx, _conn: &Connection, _checklist: &str, _step: &str) -> Result<StepOutcome> {
    unimplemented!()
}

/// Runs the first step that is not ticked, if it needs nobody.
pub async fn run_next(_cx: &Cx, _conn: &Connection, _checklist: &str) -> Result<StepOutcome> {
    unimplemented!()
}

/// Runs steps in order until one fails or needs a person. `each` is told after every step, for the screen.
pub async fn run_all_provable(
    _cx: &Cx,
    _conn: &Connection,
    _checklist: &str,
    _each: &(dyn Fn(&StepOutcome) + Send + Sync),
) -> Result<RunView> {
    unimplemented!()
}

/// Signs a step. A second person's approval is refused to the one who started the run.
pub async fn sign(_cx: &Cx, _conn: &Connection, _checklist: &str, _step: &str, _signature: &Signature) -> Result<Evidence> {
    unimplemented!()
}

/// Closes the open run: reverting its range then needs a proof of its own. Refused while half of it is applied.
pub async fn close(_cx: &Cx, _conn: &Connection, _checklist: &str) -> Result<()> {
    unimplemented!()
}
