//! What a plan says: 44 findings, each with its nodes, its numbers, how sure it is, and the step
//! that tests it.
//!
//! A scan of a whole table is no finding by itself, nor is any other operation: only rows read for nothing, time, pages or memory
//! are. Nodes that were never executed, and estimates that cannot be compared (§2.8), say nothing.

use super::known::Known;
use crate::model::Severity;
use crate::model::plan::{Confidence, Plan, PlanFinding};
use scene::{Scene, Weight};
use std::collections::BTreeSet;

mod alike;
pub(super) mod ddl;
mod estimates;
mod joins;
mod limits;
mod memory;
mod parallel;
pub(in crate::plan) mod predicates;
pub(in crate::plan) mod scans;
pub(super) mod scene;
mod sorting;
pub(in crate::plan) mod subplans;
mod whole;
pub(in crate::plan) mod words;

/// A kind of finding: its number in the catalogue, its stable name, and what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    pub id: &'static str,
    pub name: &'static str,
    /// For lists and the manual.
    pub title: &'static str,
}

const fn kind(id: &'static str, name: &'static str, title: &'static str) -> Kind {
    Kind { id, name, title }
}

/// The catalogue, in its order.
pub const KINDS: [Kind; 44] = [
    kind("F1", "slow-scan", "a scan that throws most rows away"),
    kind("F2", "inefficient-index", "an index that finds many rows of which few are kept"),
    kind("F3", "order-limit-walk", "an index walked in order until the LIMIT is full"),
    kind("F4", "large-offset", "rows read to be skipped by OFFSET"),
    kind("F5", "row-estimate", "the lowest node whose rows were misjudged"),
    kind("F6", "nested-loop-by-estimate", "a nested loop chosen because rows were misjudged"),
    kind("F7", "rescanned-table", "a table read whole for each row of another"),
    kind("F8", "type-mismatch", "a column that is cast before it is compared"),
    kind("F9", "function-on-column", "a function of a column that no index knows"),
    kind("F10", "unanchored-pattern", "a pattern without a fixed beginning"),
    kind("F11", "join-filter", "a join that compares many pairs and keeps few"),
    kind("F12", "cartesian-join", "a join without a condition"),
    kind("F13", "sort-spill", "a sort that went to disk"),
    kind("F14", "hash-batches", "a hash table that went to disk"),
    kind("F15", "hash-aggregate-spill", "a grouping that went to disk"),
    kind("F16", "temp-pages", "temporary pages written"),
    kind("F17", "lossy-bitmap", "a bitmap that remembered pages instead of rows"),
    kind("F18", "heap-fetches", "an index-only scan that read the table after all"),
    kind("F19", "cold-read", "time that went into reading from disk"),
    kind("F20", "pages-per-row", "many pages for each row"),
    kind("F21", "cte-rescanned", "a WITH part that is read several times"),
    kind("F22", "subplan-per-row", "a subquery that runs once per row"),
    kind("F23", "not-in", "NOT IN with a subquery"),
    kind("F24", "materialize-rescanned", "kept rows that are read again and again"),
    kind("F25", "memoize-misses", "a cache that rarely has the answer"),
    kind("F26", "workers-missing", "fewer parallel workers than planned"),
    kind("F27", "parallel-overhead", "parallel work that was not worth starting"),
    kind("F28", "worker-skew", "one process that did most of the work"),
    kind("F29", "jit", "compiling that took its time"),
    kind("F30", "planning", "planning that took longer than running"),
    kind("F31", "triggers", "time in triggers"),
    kind("F32", "foreign-key-unindexed", "a foreign key whose column has no index"),
    kind("F33", "stale-statistics", "statistics that are missing or old"),
    kind("F34", "generic-plan", "a plan that is good for these parameters alone"),
    kind("F35", "wide-rows", "wide rows carried through a sort or a hash table"),
    kind("F36", "partitions-unpruned", "partitions that were all read"),
    kind("F37", "late-distinct", "duplicates made by a join and removed afterwards"),
    kind("F38", "filesort", "a sort or a temporary table that an index would spare"),
    kind("F39", "automatic-index", "an index that is built at each run"),
    kind("F40", "join-buffer", "a join through a buffer, without an index"),
    kind("F41", "row-locks", "time in locking rows"),
    kind("F42", "gap", "time that no node explains"),
    kind("F43", "disabled-node", "a step that a setting forbids and the planner took all the same"),
    kind("F44", "whole-index", "an index read from end to end"),
];

/// What the plan shows, the most costly first; a cause stands before what it caused.
pub fn findings(plan: &Plan, known: &Known) -> Vec<PlanFinding> {
    let scene = Scene::new(plan, known);
    let mut out = Vec::new();
    estimates::look(&scene, &mut out);
    scans::look(&scene, &mut out);
    predicates::look(&scene, &mut out);
    joins::look(&scene, &mut out);
    subplans::look(&scene, &mut out);
    memory::look(&scene, &mut out);
    sorting::look(&scene, &mut out);
    parallel::look(&scene, &mut out);
    whole::look(&scene, &mut out);
    // Both ends of a BETWEEN are two tests that say the same.
    out.dedup_by(|a, b| a.id == b.id && a.nodes == b.nodes && a.message == b.message);
    let mut out = joined(&scene, out);
    let rank = |f: &PlanFinding| f.explains_ms.unwrap_or(-1.0);
    // Stable: what explains as much stays in the order above, causes first.
    out.sort_by(|a, b| rank(b).total_cmp(&rank(a)).then(b.severity.cmp(&a.severity)));
    out
}

/// The same said of the arms of one Append (partitions, mostly) is said once.
fn joined(scene: &Scene<'_>, found: Vec<PlanFinding>) -> Vec<PlanFinding> {
    let mut out: Vec<PlanFinding> = Vec::new();
    let mut arms: Vec<BTreeSet<usize>> = Vec::new();
    let arm = |f: &PlanFinding| -> Option<Vec<usize>> {
        let path = f.nodes.first()?;
        (0..path.len()).rev().map(|n| path[..n].to_vec()).find(|p| scene.plan.root.at(p).is_some_and(|n| n.op == "append"))
    };
    // Which of the Append's children a finding is about.
    let which = |f: &PlanFinding, append: &[usize]| -> Vec<usize> {
        f.nodes.iter().filter(|p| p.starts_with(append)).filter_map(|p| p.get(append.len()).copied()).collect()
    };
    for f in found {
        let to = arm(&f);
        let mine: BTreeSet<usize> = to.as_deref().map(|append| which(&f, append)).unwrap_or_default().into_iter().collect();
        // One arm may have two of a kind, which are different things.
        let alike = |(o, arms): (&PlanFinding, &BTreeSet<usize>)| o.id == f.id && arm(o) == to && mine.is_disjoint(arms);
        match to.is_some().then(|| out.iter().zip(&arms).position(alike)).flatten() {
            Some(at) => {
                let o = &mut out[at];
                o.explains_ms = f.explains_ms.map(|ms| ms + o.explains_ms.unwrap_or(0.0)).or(o.explains_ms);
                o.nodes.extend(f.nodes);
                o.severity = o.severity.max(f.severity);
                arms[at].extend(mine);
            }
            None => {
                out.push(f);
                arms.push(mine);
            }
        }
    }
    for (f, n) in out.iter_mut().zip(arms.iter().map(BTreeSet::len)).filter(|(_, n)| *n > 1) {
        // What was told of several arms from the beginning says so itself.
        if f.evidence.contains_key("arms") {
            continue;
        }
        f.evidence.insert("arms".into(), n as f64);
        f.message.push_str(&format!("; the same in {} more of its neighbours", n - 1));
    }
    out
}

/// Fills [`Plan::findings`].
pub fn fill(plan: &mut Plan, known: &Known) {
    limits::doubt(plan, known);
    plan.indexes = known.index_names().or(plan.indexes.take());
    plan.findings = findings(plan, known);
}

/// A finding in the making.
struct Draft {
    found: PlanFinding,
}

impl Draft {
    /// `sure` is what the confidence would be if everything was measured.
    fn new(id: &str, severity: Severity, weight: Weight, sure: Confidence) -> Draft {
        let kind = KINDS.iter().find(|k| k.id == id);
        let (confidence, because) = match weight {
            Weight::Timed(_) => (sure, "measured"),
            Weight::Counted => (sure.min(Confidence::Likely), "counted while it ran, without times"),
            Weight::Estimated => (Confidence::Possible, "from estimates and the plan's shape: nothing was measured here"),
        };
        let explains_ms = match weight {
            Weight::Timed(ms) => Some(ms),
            _ => None,
        };
        let mut found = PlanFinding {
            id: id.into(),
            name: kind.map(|k| k.name).unwrap_or_default().into(),
            severity,
            confidence,
            because: because.into(),
            explains_ms,
            ..PlanFinding::default()
        };
        if let Some(ms) = explains_ms {
            found.evidence.insert("explains_ms".into(), ms);
        }
        Draft { found }
    }
    fn at(mut self, path: &[usize]) -> Self {
        self.found.nodes.push(path.to_vec());
        self
    }
    fn number(mut self, name: &str, value: f64) -> Self {
        self.found.evidence.insert(name.into(), value);
        self
    }
    /// Why it is not surer, in place of what was said of the measuring.
    fn but(mut self, confidence: Confidence, because: &str) -> Self {
        if confidence < self.found.confidence {
            self.found.confidence = confidence;
            self.found.because = because.into();
        }
        self
    }
    fn sql(mut self, sql: Option<String>) -> Self {
        self.found.sql = sql;
        self
    }
    /// The sentence and the next step.
    fn say(mut self, message: String, next: impl Into<String>) -> PlanFinding {
        self.found.message = message;
        self.found.next = next.into();
        self.found
    }
}

#[cfg(test)]
mod tests;
