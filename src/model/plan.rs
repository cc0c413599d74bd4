//! One plan model for every engine. `None` is "not known", never zero.
//!
//! Readers in `plan/` fill it from what servers print; times are milliseconds, memory bytes, pages as the engine counts them.

use super::finding::Severity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A whole plan.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// `PostgreSQL`, `MariaDB`, `MySQL`, `SQLite`.
    pub engine: String,
    /// Empty where a plan from a file does not tell.
    pub version: String,
    /// The statement, where the plan itself tells it (auto_explain, MySQL's second JSON).
    pub statement: Option<String>,
    /// True when the statement was really run.
    pub analyzed: bool,
    pub planning_ms: Option<f64>,
    /// As the server reports it.
    pub execution_ms: Option<f64>,
    /// Execution time outside the nodes: triggers after the statement, JIT start-up, executor start and end.
    pub outside_ms: Option<f64>,
    /// What is missing from the sum of the nodes' own times to the root's (`plan::reconcile`): below 0 where nodes claim more than
    /// the root's clock held, because what was clamped away or what no reader of a CTE could hold is counted twice.
    pub unattributed_ms: Option<f64>,
    /// What parallel parts took of the root's clock: the slowest process below each Gather.
    #[serde(default)]
    pub parallel_ms: Option<f64>,
    /// Time of nodes that ran after the root had ended: a data-modifying CTE that nobody reads. Not within the root's time.
    #[serde(default)]
    pub detached_ms: Option<f64>,
    /// Pages of nodes that ran after the root had ended: not within the root's.
    #[serde(default)]
    pub detached_pages: Pages,
    /// Time for turning rows into what is sent to the client (PostgreSQL 17 and later, when asked for); within the execution time.
    #[serde(default)]
    pub serialization_ms: Option<f64>,
    pub root: PlanNode,
    /// Work counters of the whole statement where there are no node times (SQLite: vm steps, full-scan steps, sorts).
    pub counters: BTreeMap<String, u64>,
    /// Settings that differ from the server's defaults, as the plan tells them.
    pub settings: BTreeMap<String, String>,
    pub triggers: Vec<Trigger>,
    pub jit: Option<Jit>,
    /// Anything at the top level that has no field of its own.
    pub attrs: BTreeMap<String, String>,
    /// What the server sent, untouched.
    pub raw: String,
    /// Sentences about the plan that hold whatever the engine ("reads the whole of orders …").
    pub remarks: Vec<String>,
    pub findings: Vec<PlanFinding>,
    /// Names of the indexes that its tables had when it was made; `None` where nobody looked.
    #[serde(default)]
    pub indexes: Option<Vec<String>>,
    /// Statements that other sessions ran at the moment when the plan was asked for; `None` where nobody looked, or the server does
    /// not tell.
    #[serde(default)]
    pub load: Option<u64>,
    /// What it costs by the server's own estimates of rows, in its units: only where the cost that it tells leaves subqueries out.
    /// Infinite where nobody can tell.
    #[serde(default)]
    pub cost_by_rows: Option<f64>,
}

/// A trigger that the statement fired.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Trigger {
    /// Empty where the plan tells its constraint alone: text without VERBOSE.
    pub name: String,
    /// The constraint behind it: a foreign key's check.
    pub constraint: Option<String>,
    pub relation: Option<String>,
    pub calls: Option<f64>,
    /// Over all calls.
    pub ms: Option<f64>,
}

impl Trigger {
    /// What it is called: by its constraint where no name is told.
    pub fn title(&self) -> &str {
        self.constraint.as_deref().filter(|_| self.name.is_empty()).unwrap_or(&self.name)
    }
}

/// Just-in-time compilation of a statement (PostgreSQL 11 and later).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Jit {
    pub functions: Option<f64>,
    pub generation_ms: Option<f64>,
    pub inlining_ms: Option<f64>,
    pub optimization_ms: Option<f64>,
    pub emission_ms: Option<f64>,
    /// Of all processes together: the parts above, too.
    pub total_ms: Option<f64>,
    /// What the leading process took of it, and the user waited for. Of a plan with workers it is known where the plan tells each of
    /// them (VERBOSE).
    #[serde(default)]
    pub leader_ms: Option<f64>,
}

/// Page accesses, not distinct pages. Sums over processes and loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pages {
    pub hit: Option<u64>,
    pub read: Option<u64>,
    pub dirtied: Option<u64>,
    pub written: Option<u64>,
    pub temp_read: Option<u64>,
    pub temp_written: Option<u64>,
}

impl Pages {
    /// Pages that were looked at: from memory and from disk. `None` when neither is known.
    pub fn accessed(&self) -> Option<u64> {
        match (self.hit, self.read) {
            (None, None) => None,
            (h, r) => Some(h.unwrap_or(0) + r.unwrap_or(0)),
        }
    }
    /// Both together; what neither knows stays unknown.
    pub fn plus(&self, other: &Pages) -> Pages {
        let add = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
        };
        Pages {
            hit: add(self.hit, other.hit),
            read: add(self.read, other.read),
            dirtied: add(self.dirtied, other.dirtied),
            written: add(self.written, other.written),
            temp_read: add(self.temp_read, other.temp_read),
            temp_written: add(self.temp_written, other.temp_written),
        }
    }
}

/// Time spent waiting for files, in milliseconds over all loops and processes. Within the time of the node.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Io {
    pub read_ms: Option<f64>,
    pub write_ms: Option<f64>,
    pub temp_read_ms: Option<f64>,
    pub temp_write_ms: Option<f64>,
}

/// What was written to the write-ahead log, over all loops and processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Wal {
    pub records: Option<u64>,
    /// Full page images.
    pub fpi: Option<u64>,
    pub bytes: Option<u64>,
    /// How often the buffers of the log were full (PostgreSQL 18).
    pub buffers_full: Option<u64>,
}

/// Rows that a node read and did not pass on, over all loops.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Removed {
    pub filter: Option<f64>,
    pub join_filter: Option<f64>,
    pub recheck: Option<f64>,
}

impl Removed {
    /// The sum of what is known.
    pub fn total(&self) -> Option<f64> {
        [self.filter, self.join_filter, self.recheck].into_iter().flatten().reduce(|a, b| a + b)
    }
}

/// One process's share of a parallel node.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Process {
    /// `leader`, `worker 0` …
    pub who: String,
    pub loops: Option<f64>,
    /// Over all loops of this process.
    pub rows_total: Option<f64>,
    /// Over all loops of this process.
    pub total_ms: Option<f64>,
}

/// How a node hangs on its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    #[default]
    Outer,
    Inner,
    InitPlan,
    SubPlan,
    Cte,
    Member,
    SelectList,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PlanNode {
    /// Child indexes from the root: the root's is empty. Filled by [`PlanNode::number`].
    pub path: Vec<usize>,
    /// Neutral name: `table scan`, `index scan`, `index only scan`, `nested loop`, `hash join`, `sort`, `aggregate`, `limit` …
    pub op: String,
    /// The engine's own words: `Parallel Seq Scan`, `SCAN orders`.
    pub raw_op: String,
    pub relation: Option<String>,
    pub alias: Option<String>,
    pub index: Option<String>,
    pub role: Role,
    /// `CTE recent`, `InitPlan 1`, `SubPlan 2`: how the engine calls this part.
    pub subplan: Option<String>,
    pub est_startup_cost: Option<f64>,
    pub est_total_cost: Option<f64>,
    /// Estimated rows per loop.
    pub est_rows: Option<f64>,
    /// Estimated bytes of a row.
    pub est_width: Option<f64>,
    /// Actual rows per loop.
    pub rows: Option<f64>,
    /// Actual rows over all loops.
    pub rows_total: Option<f64>,
    /// Rounding error of `rows_total`: servers print means per loop with few digits.
    #[serde(default)]
    pub rows_err: Option<f64>,
    /// The rows counted are those that were looked at: how many of them a test let pass is not counted (SQLite).
    #[serde(default)]
    pub visited: bool,
    pub removed: Removed,
    /// Summed over processes.
    pub loops: Option<f64>,
    /// Time to the first row, over all loops.
    pub startup_ms: Option<f64>,
    /// Inclusive time over all loops and processes.
    pub total_ms: Option<f64>,
    /// Time of this node without what it pulls, clamped at 0.
    pub self_ms: Option<f64>,
    /// Rounding error of `self_ms`: servers print per-loop means with few digits.
    pub self_err_ms: Option<f64>,
    /// What was clamped away: how far below 0 the subtraction went.
    pub clamped_ms: Option<f64>,
    /// The slowest process's time, where processes are told apart.
    pub wall_ms: Option<f64>,
    pub processes: Vec<Process>,
    pub workers_planned: Option<u32>,
    pub workers_launched: Option<u32>,
    /// Runs in several processes, below a Gather: times are sums over them and may be more than what stands above.
    #[serde(default)]
    pub parallel: bool,
    /// Pages touched by this node and its children.
    pub pages: Pages,
    /// Pages touched by this node alone.
    pub self_pages: Pages,
    #[serde(default)]
    pub io: Io,
    #[serde(default)]
    pub self_io: Io,
    #[serde(default)]
    pub wal: Wal,
    #[serde(default)]
    pub self_wal: Wal,
    /// Factor by which rows differ from the estimate, signed by direction: ×33 more is 33, ×33 fewer is −33.
    pub estimate_error: Option<f64>,
    /// Why there is no estimate error although both numbers are known: it would mislead.
    pub estimate_doubt: Option<String>,
    /// Planned and not run even once: all actuals are `None`.
    pub never_executed: bool,
    /// The node's own figures are a share that cannot be known exactly (a CTE read in several places).
    pub approximate: bool,
    /// Why the node's own time is a share or a bound, or was clamped: a sentence for the details.
    #[serde(default)]
    pub time_doubt: Option<String>,
    /// Conditions and keys in the order in which they matter: ("Filter", "state = 'paid'").
    pub conditions: Vec<(String, String)>,
    /// All other keys, kept, never fatal.
    pub attrs: BTreeMap<String, String>,
    pub children: Vec<PlanNode>,
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// From estimates or from a shape alone.
    Possible,
    /// Measured, but another cause would look the same.
    Likely,
    /// The numbers leave no other reading.
    Certain,
}

/// What a plan shows, with its numbers and the step that tests it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanFinding {
    /// `F1` … `F44`.
    pub id: String,
    /// `slow-scan`: stable, for machines and for the manual.
    pub name: String,
    pub severity: Severity,
    pub confidence: Confidence,
    /// Why it is no surer: `measured`, `from estimates: the statement was not run`.
    #[serde(default)]
    pub because: String,
    /// Paths of the nodes concerned, the culprit first.
    pub nodes: Vec<Vec<usize>>,
    /// One sentence with the numbers used.
    pub message: String,
    /// The numbers of the sentence and the thresholds' other sides, by name: `rows_read`, `self_ms`, `plan_rows`.
    #[serde(default)]
    pub evidence: BTreeMap<String, f64>,
    /// What to do next, as a step that tests the finding.
    pub next: String,
    /// A statement that belongs to the next step: never run by itself.
    pub sql: Option<String>,
    /// Milliseconds that the finding explains, for ranking.
    pub explains_ms: Option<f64>,
}

impl Default for PlanFinding {
    fn default() -> Self {
        PlanFinding {
            id: String::new(),
            name: String::new(),
            severity: Severity::Info,
            confidence: Confidence::Possible,
            because: String::new(),
            nodes: Vec::new(),
            message: String::new(),
            evidence: BTreeMap::new(),
            next: String::new(),
            sql: None,
            explains_ms: None,
        }
    }
}

impl PlanNode {
    /// Visits the nodes in plan order with their depth.
    pub fn walk<'a>(&'a self, depth: usize, visit: &mut dyn FnMut(usize, &'a PlanNode)) {
        visit(depth, self);
        for c in &self.children {
            c.walk(depth + 1, visit);
        }
    }
    /// The node at a path.
    pub fn at(&self, path: &[usize]) -> Option<&PlanNode> {
        path.iter().try_fold(self, |n, i| n.children.get(*i))
    }
    /// Fills `path` of this node, the root, and of all below.
    pub fn number(&mut self) {
        for (i, c) in self.children.iter_mut().enumerate() {
            c.path = self.path.clone();
            c.path.push(i);
            c.number();
        }
    }
    /// Fills `self_ms`, `self_err_ms` and `estimate_error` from inclusive times; for engines that report inclusive
    /// time per node (PostgreSQL, MySQL).
    pub fn settle(&mut self) {
        for c in &mut self.children {
            c.settle();
        }
        if self.self_ms.is_none()
            && let Some(total) = self.total_ms
        {
            let below: f64 = self.children.iter().filter(|c| c.role != Role::SelectList).filter_map(|c| c.total_ms).sum();
            self.self_ms = Some((total - below).max(0.0));
        }
        if let (Some(loops), None) = (self.loops, self.self_err_ms) {
            // plans.md §2.6: printed to 0.001 ms per loop.
            self.self_err_ms = Some(0.0005 * loops);
        }
        if let (Some(est), Some(act), None) = (self.est_rows, self.rows, self.estimate_error) {
            self.estimate_error = Some(estimate_error(est, act));
        }
    }
}

/// Signed factor between estimated and actual rows of one loop: one is added to both, so that
/// zero rows have a factor too.
pub fn estimate_error(estimated: f64, actual: f64) -> f64 {
    let (e, a) = (estimated + 1.0, actual + 1.0);
    if a >= e { a / e } else { -(e / a) }
}
