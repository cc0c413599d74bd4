//! One plan model for every engine (`reference/plans.md` §5). `None` is "not known", never zero.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A whole plan.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// `PostgreSQL`, `MariaDB`, `MySQL`, `SQLite`.
    pub engine: String,
    pub version: String,
    /// True when the statement was really run.
    pub analyzed: bool,
    pub planning_ms: Option<f64>,
    /// As the server reports it.
    pub execution_ms: Option<f64>,
    /// Execution time outside the nodes: triggers, JIT start-up, executor start and end.
    pub outside_ms: Option<f64>,
    /// Node time that could not be given to one node.
    pub unattributed_ms: Option<f64>,
    pub root: PlanNode,
    /// Work counters of the whole statement where there are no node times (SQLite: vm steps, full-scan steps, sorts).
    pub counters: BTreeMap<String, u64>,
    /// Anything at the top level that has no field of its own: settings, JIT, triggers.
    pub attrs: BTreeMap<String, String>,
    /// What the server sent, untouched.
    pub raw: String,
    /// Sentences about the plan that hold whatever the engine ("reads the whole of orders …").
    pub remarks: Vec<String>,
}

/// How a node hangs on its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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

/// One node. Times are milliseconds, memory bytes, pages as the engine counts them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PlanNode {
    /// Neutral name: `table scan`, `index scan`, `index only scan`, `nested loop`, `hash join`, `sort`, `aggregate`, `limit` …
    pub op: String,
    /// The engine's own words: `Parallel Seq Scan`, `SCAN orders`.
    pub raw_op: String,
    pub relation: Option<String>,
    pub alias: Option<String>,
    pub index: Option<String>,
    pub role: Role,
    pub est_startup_cost: Option<f64>,
    pub est_total_cost: Option<f64>,
    /// Estimated rows per loop.
    pub est_rows: Option<f64>,
    /// Actual rows per loop.
    pub rows: Option<f64>,
    /// Actual rows over all loops.
    pub rows_total: Option<f64>,
    pub rows_removed: Option<f64>,
    pub loops: Option<f64>,
    /// Inclusive time over all loops.
    pub total_ms: Option<f64>,
    /// Time of this node without its children, clamped at 0.
    pub self_ms: Option<f64>,
    /// Rounding error of `self_ms`: the server prints per-loop means to 0.001 ms.
    pub self_err_ms: Option<f64>,
    pub wall_ms: Option<f64>,
    /// Pages touched by this node and its children: hit and read.
    pub pages_hit: Option<u64>,
    pub pages_read: Option<u64>,
    /// Factor by which rows differ from the estimate, signed by direction: ×33 more is 33, ×33 fewer is −33.
    pub estimate_error: Option<f64>,
    /// Planned and not run even once: all actuals are `None`.
    pub never_executed: bool,
    /// Conditions and keys in the order in which they matter: ("Filter", "state = 'paid'").
    pub conditions: Vec<(String, String)>,
    /// All other keys, kept, never fatal.
    pub attrs: BTreeMap<String, String>,
    pub children: Vec<PlanNode>,
}

impl PlanNode {
    /// Visits the nodes in plan order with their depth.
    pub fn walk<'a>(&'a self, depth: usize, visit: &mut dyn FnMut(usize, &'a PlanNode)) {
        visit(depth, self);
        for c in &self.children {
            c.walk(depth + 1, visit);
        }
    }
    /// Fills `self_ms`, `self_err_ms` and `estimate_error` from inclusive times; for engines that report inclusive
    /// time per node (PostgreSQL, MySQL). Right for serial plans; parallel and CTE attribution is a later step.
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
            let (e, a) = (est + 1.0, act + 1.0);
            self.estimate_error = Some(if a >= e { a / e } else { -(e / a) });
        }
    }
}
