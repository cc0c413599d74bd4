//! Whether the planner was right about the rows of a node, and where asking that would mislead.

use super::build::Facts;
use super::charge::mentions;
use crate::model::plan::{Plan, PlanNode, Role, estimate_error};

/// What the nodes above make of a node's rows.
#[derive(Clone, Copy, Default)]
struct Above {
    /// Why the node need not run to its end.
    cut: Option<&'static str>,
    /// The planner's divisor for partial nodes below this Gather.
    divisor: Option<f64>,
    /// How often that Gather ran: rows over all loops are those of all its rounds.
    rounds: Option<f64>,
    /// Below an Append below a Gather.
    arm: bool,
}

const LIMIT: &str = "a LIMIT above need not read all of it";
const SEMI: &str = "the join above stops at the first match";
const MERGE: &str = "the merge join above may stop early or read rows again";
const EMPTY: &str = "the hash table was empty: the join did not read the other side to its end";
const FIRST: &str = "the subplan may stop at its first row";
const ARM: &str = "the planner divides an arm of a parallel append otherwise than the server";
const GROUPS: &str = "rows of a partial aggregate are groups of single processes";
const BITMAP: &str = "the server counts no rows here";
const NOTHING: &str = "it returns no rows by itself";
const LEAST: &str = "the planner never estimates fewer than one row";
const SAME: &str = "it has the rows of what it holds";

/// Fills the estimate error of each node, or why there is none.
pub(super) fn judge(plan: &Plan, nodes: &mut [PlanNode], facts: &[Facts]) {
    let mut children = vec![Vec::new(); nodes.len()];
    for (i, f) in facts.iter().enumerate() {
        if let Some(p) = f.parent {
            children[p].push(i);
        }
    }
    let partial = partial(nodes, facts, &children);
    let groups = groups(nodes, facts, &children);
    let leader_helps = plan.settings.get("parallel_leader_participation").is_none_or(|v| v != "off");
    let mut above: Vec<Above> = vec![Above::default(); nodes.len()];
    for i in 0..nodes.len() {
        if let Some(p) = facts[i].parent {
            above[i] = below(p, i, &above[p], nodes, facts, &children, leader_helps);
        }
        let a = above[i];
        let n = &mut nodes[i];
        if n.op == "bitmap merge" && n.loops.is_some() {
            n.estimate_doubt = Some(BITMAP.into());
        }
        let (Some(est), Some(rows)) = (n.est_rows, n.rows) else { continue };
        let doubt = match n.op.as_str() {
            "hash" => Some(SAME),
            "insert" | "update" | "delete" | "merge" if est == 0.0 || rows == 0.0 => Some(NOTHING),
            _ if a.cut.is_some() => a.cut,
            _ if a.arm => Some(ARM),
            _ if groups[i] => Some(GROUPS),
            _ if matches!(n.role, Role::SubPlan | Role::InitPlan) && est > 1.0 && rows <= 1.0 => Some(FIRST),
            _ if est == 1.0 && rows == 0.0 => Some(LEAST),
            // One row for each arm is the least for all of them.
            _ if matches!(facts[i].kind.as_str(), "Append" | "Merge Append") && rows < est && est <= children[i].len() as f64 => {
                Some(LEAST)
            }
            _ => None,
        };
        match doubt {
            Some(why) => n.estimate_doubt = Some(why.into()),
            None => {
                n.estimate_error = Some(match (a.divisor.filter(|_| partial[i]), n.rows_total) {
                    // Per process on both sides, but divided by different numbers: compared as wholes.
                    (Some(divisor), Some(total)) => estimate_error(est * divisor, total / a.rounds.unwrap_or(1.0).max(1.0)),
                    _ => estimate_error(est, rows),
                });
            }
        }
    }
}

/// What stands below `p` on the way to its child `c`.
fn below(p: usize, c: usize, above: &Above, nodes: &[PlanNode], facts: &[Facts], children: &[Vec<usize>], leader_helps: bool) -> Above {
    let mut a = *above;
    let (n, f) = (&nodes[p], &facts[p]);
    match nodes[c].role {
        // Subqueries have a life of their own; how far they are read is told by themselves.
        Role::InitPlan => return Above::default(),
        Role::SubPlan => {
            let hashed = nodes[c].subplan.as_deref().is_some_and(|s| f.expressions.iter().any(|(_, e)| hashed(e, s)));
            let exists = nodes[c].subplan.as_deref().is_some_and(|s| f.expressions.iter().any(|(_, e)| stops(e, s)));
            return Above { cut: (exists && !hashed).then_some(FIRST), ..*above };
        }
        // A CTE is read as far as its scans are.
        Role::Cte => {
            let cut = readers_cut(c, nodes, facts);
            return Above { cut, ..Above::default() };
        }
        _ => {}
    }
    if f.kind.starts_with("Gather") {
        let w = f64::from(n.workers_planned.unwrap_or(0));
        let leader = if leader_helps { (1.0 - 0.3 * w).max(0.0) } else { 0.0 };
        a.divisor = (!f.single_copy && w > 0.0).then_some(w + leader);
        a.rounds = n.loops;
    }
    a.arm |= a.divisor.is_some() && matches!(f.kind.as_str(), "Append" | "Merge Append");
    match n.op.as_str() {
        "limit" => a.cut = Some(LIMIT),
        // These read all of their input whatever stands above.
        "hash" => a.cut = None,
        "sort" if f.kind == "Sort" => a.cut = None,
        "aggregate" if f.kind == "Aggregate" && matches!(strategy(&n.raw_op), Strategy::Whole) => a.cut = None,
        _ => {}
    }
    let inner = nodes[c].role == Role::Inner;
    if inner && (f.join_type == "Semi" || f.join_type == "Anti" || f.inner_unique && nodes[c].op != "hash") && f.kind != "Hash Join" {
        a.cut = Some(SEMI);
    }
    if f.kind == "Merge Join" && (inner || nodes[c].est_rows.zip(nodes[c].rows).is_some_and(|(e, r)| r < e)) {
        a.cut = Some(MERGE);
    }
    if f.kind == "Hash Join" && !inner {
        let empty = children[p].iter().any(|h| nodes[*h].op == "hash" && nodes[*h].rows_total == Some(0.0));
        if empty && !matches!(f.join_type.as_str(), "Left" | "Full" | "Anti") {
            a.cut = Some(EMPTY);
        }
    }
    a
}

enum Strategy {
    /// All rows are read before the first is returned.
    Whole,
    Streaming,
}

fn strategy(raw_op: &str) -> Strategy {
    if raw_op.ends_with("GroupAggregate") { Strategy::Streaming } else { Strategy::Whole }
}

/// `hashed SubPlan 1`, and since 17 `(ANY (a = (hashed SubPlan 1).col1))`.
fn hashed(expression: &str, subplan: &str) -> bool {
    mentions(expression, &format!("hashed {subplan}"))
}

/// Since 17 the plan tells what is asked of a subplan.
fn stops(expression: &str, subplan: &str) -> bool {
    mentions(expression, &format!("EXISTS({subplan}")) || expression.contains("(ANY ") || expression.contains("(ALL ")
}

/// Why a CTE need not be read to its end: all of its scans are cut.
fn readers_cut(cte: usize, nodes: &[PlanNode], facts: &[Facts]) -> Option<&'static str> {
    let name = nodes[cte].subplan.as_deref()?.strip_prefix("CTE ")?;
    let mut cut = None;
    for (j, _) in facts.iter().enumerate().filter(|(_, f)| f.reads_cte.as_deref() == Some(name)) {
        let mut limited = false;
        let mut at = j;
        while let Some(p) = facts[at].parent {
            let n = &nodes[p];
            if n.op == "limit" {
                limited = true;
                break;
            }
            if n.op == "hash" || facts[p].kind == "Sort" || n.op == "aggregate" && matches!(strategy(&n.raw_op), Strategy::Whole) {
                break;
            }
            at = p;
        }
        if !limited {
            return None;
        }
        cut = Some(LIMIT);
    }
    cut
}

/// Nodes whose rows are one process's part of a whole: parallel-aware scans, and what stands over them up to the Gather.
fn partial(nodes: &[PlanNode], facts: &[Facts], children: &[Vec<usize>]) -> Vec<bool> {
    let mut out = vec![false; nodes.len()];
    for i in (0..nodes.len()).rev() {
        let gather = facts[i].kind.starts_with("Gather");
        // The first ordinary child: joins are partial when their outer side is.
        let outer = children[i].iter().find(|c| !matches!(nodes[**c].role, Role::InitPlan | Role::Cte | Role::SubPlan));
        out[i] = facts[i].parallel_aware || !gather && outer.is_some_and(|c| out[*c] && facts[i].kind != "Bitmap Heap Scan");
    }
    out
}

/// Partial aggregates and what stands over them, up to what finalizes them.
fn groups(nodes: &[PlanNode], facts: &[Facts], children: &[Vec<usize>]) -> Vec<bool> {
    let mut out = vec![false; nodes.len()];
    let mut gathered = vec![false; nodes.len()];
    for i in 0..nodes.len() {
        gathered[i] = facts[i].parent.is_some_and(|p| gathered[p] || facts[p].kind.starts_with("Gather"))
            && !matches!(nodes[i].role, Role::InitPlan | Role::Cte | Role::SubPlan);
    }
    for i in (0..nodes.len()).rev() {
        let below = children[i].iter().any(|c| out[*c] && !matches!(nodes[*c].role, Role::InitPlan | Role::Cte | Role::SubPlan));
        // So does a DISTINCT below a Gather, which is done once more above it (15 and later).
        let distinct = facts[i].kind == "Unique" && gathered[i];
        out[i] = distinct
            || facts[i].partial_mode == "Partial"
            || below && facts[i].partial_mode != "Finalize" && (gathered[i] || facts[i].kind != "Unique");
    }
    out
}
