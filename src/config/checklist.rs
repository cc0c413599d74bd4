//! Checklist files: ordered steps, some of them hold points.

use std::time::Duration;

/// How a step is ticked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// By evidence that an operation produced.
    Proved,
    /// By a person, with a name and text.
    Signed,
}

/// A step as the file defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepDef {
    pub id: String,
    pub title: String,
    pub kind: StepKind,
    /// Kind of evidence that ticks it (`model::evidence::Evidence::kind`).
    pub evidence: String,
    /// Blocks all that follows until it is ticked.
    pub hold: bool,
    /// Changes the target: runs only when a person types the target's name.
    pub act: bool,
    /// Environments in which the step applies, by name or `first`, `later`, `last`; empty: all.
    pub environments: Vec<String>,
    /// How long the evidence is good, where the policy says nothing of it; `None`: until its subject changes.
    pub expires: Option<Duration>,
    /// One sentence of help.
    pub help: String,
}

/// A checklist file, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChecklistFile {
    pub id: String,
    pub title: String,
    pub steps: Vec<StepDef>,
}
