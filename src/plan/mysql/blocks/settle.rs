//! Whose time it is in query blocks. A table's two times, a sort's and a block nested loop's are their own already; a block tells its
//! whole. What a block's parts leave of it is its own: sending rows, grouping, window functions.

use crate::model::plan::{Pages, PlanNode, Role, estimate_error};

/// Share of a block, and milliseconds, that two clocks of the server may differ by.
const TOLERANCE: (f64, f64) = (0.01, 0.1);

/// Fills own and inclusive times and pages, and estimate errors. Returns the sum of the own times.
pub(super) fn settle(root: &mut PlanNode) -> f64 {
    let own = times(root);
    pages(root);
    estimates(root);
    own.unwrap_or(0.0)
}

/// Sums of doubles are not exact.
pub(super) fn zeroed(ms: f64) -> f64 {
    if ms.abs() < 1e-9 { 0.0 } else { ms }
}

/// Own times of a node and all below it; `None` where nothing is timed.
fn times(n: &mut PlanNode) -> Option<f64> {
    let mut below: Option<f64> = None;
    for c in &mut n.children {
        below = add(below, times(c));
    }
    if let Some(own) = n.self_ms {
        below = below.map(|b| b - overlap(n, own));
        let sum = own + below.unwrap_or(0.0);
        n.total_ms = Some(n.total_ms.unwrap_or(sum));
        n.self_err_ms = Some(0.0);
        return Some(sum);
    }
    let Some(total) = n.total_ms else {
        // It has no clock: a join's time is told by the tables that it joins.
        n.total_ms = below;
        return below;
    };
    let mut below = below.unwrap_or(0.0);
    // The clock of a sort over a table holds that table's reading, but not how the rows of a derived table came to be: they were
    // there before.
    if n.op == "sort" {
        let read: f64 = n.children.iter().filter_map(|c| c.self_ms).sum();
        let rest = zeroed(total - read);
        n.self_ms = Some(rest.max(0.0));
        n.self_err_ms = Some(0.0);
        n.clamped_ms = (rest < 0.0).then_some(-rest);
        n.total_ms = Some(rest.max(0.0) + below);
        return n.total_ms;
    }
    let most = total + (TOLERANCE.0 * total).max(TOLERANCE.1);
    if below > most {
        below -= held_elsewhere(n, below - total);
    }
    let rest = zeroed(total - below);
    n.self_ms = Some(rest.max(0.0));
    n.self_err_ms = Some(0.0);
    n.clamped_ms = (rest < 0.0).then_some(-rest);
    Some(below + rest.max(0.0))
}

fn add(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
    }
}

/// The time of a table over a materialised block holds the writes into the temporary table, and so does what that block's parts leave
/// of the block: never both. The block's own time gives way. Returns by how much.
fn overlap(table: &mut PlanNode, own: f64) -> f64 {
    let mut given = 0.0;
    for m in table.children.iter_mut().filter(|c| c.op == "materialize") {
        for block in &mut m.children {
            let less = block.self_ms.unwrap_or(0.0).min(own - given);
            if less > 0.0 {
                block.self_ms = block.self_ms.map(|ms| zeroed(ms - less));
                block.time_doubt = Some("what it took to write the temporary table is told by the table that reads it".into());
                given += less;
            }
        }
    }
    given
}

/// A subquery that the sort evaluates is inside the sort's clock, and is listed beside it: where the parts are more than the block by
/// as much, the sort (or the table below it) that can hold the subquery pays. Returns what was taken.
fn held_elsewhere(block: &mut PlanNode, excess: f64) -> f64 {
    let mut subqueries = Vec::new();
    listed(block, &mut subqueries);
    let mut taken = 0.0;
    for (id, ms) in subqueries {
        if taken >= excess {
            break;
        }
        let mention = format!("subquery#{id}");
        let holder = |n: &PlanNode| n.op == "sort" && n.self_ms.is_some_and(|own| own >= ms * (1.0 - TOLERANCE.0));
        let by_name = |n: &PlanNode| holder(n) && n.conditions.iter().any(|(_, c)| c.contains(&mention));
        let any = |n: &PlanNode| n.role != Role::SubPlan && n.self_ms.is_some_and(|own| own >= ms * (1.0 - TOLERANCE.0));
        let Some(path) = find(block, &by_name).or_else(|| find(block, &holder)).or_else(|| find(block, &any)) else { continue };
        let mut at = &mut *block;
        let mut holder = &*at;
        for i in &path {
            holder = &holder.children[*i];
        }
        let less = ms.min(holder.self_ms.unwrap_or(0.0));
        for i in path {
            at = &mut at.children[i];
            at.total_ms = at.total_ms.map(|all| zeroed(all - less));
        }
        at.self_ms = at.self_ms.map(|own| zeroed(own - less));
        at.approximate = true;
        at.time_doubt = Some(format!("its clock held the {ms:.3} ms of subquery {id}, which are told there"));
        taken += less;
    }
    taken
}

/// The subqueries that this block evaluates, wherever they are listed: those of HAVING stand below the temporary table.
fn listed(n: &PlanNode, out: &mut Vec<(String, f64)>) {
    for c in &n.children {
        if c.role == Role::SubPlan {
            out.extend(id(c).zip(c.total_ms));
        } else if !c.raw_op.starts_with("query block") {
            listed(c, out);
        }
    }
}

/// `query block #2`, perhaps below a cache.
fn id(n: &PlanNode) -> Option<String> {
    match n.raw_op.split_once('#') {
        Some((_, id)) => Some(id.to_string()),
        None => n.children.first().and_then(id),
    }
}

/// The first node in plan order below this one, but not in a subquery of it, that fits.
fn find(n: &PlanNode, fits: &dyn Fn(&PlanNode) -> bool) -> Option<Vec<usize>> {
    for (i, c) in n.children.iter().enumerate().filter(|(_, c)| c.role != Role::SubPlan) {
        if fits(c) {
            return Some(vec![i]);
        }
        if let Some(mut path) = find(c, fits) {
            path.insert(0, i);
            return Some(path);
        }
    }
    None
}

/// Pages are told of tables; the others have those of what is below them.
fn pages(n: &mut PlanNode) -> Pages {
    let mut all = n.self_pages;
    for c in &mut n.children {
        all = all.plus(&pages(c));
    }
    n.pages = all;
    all
}

fn estimates(n: &mut PlanNode) {
    if let (Some(est), Some(act), None) = (n.est_rows, n.rows, &n.estimate_doubt) {
        if est <= 1.0 && act == 0.0 {
            n.estimate_doubt = Some("one row was expected, the least that the server expects".into());
        } else {
            n.estimate_error = Some(estimate_error(est, act));
        }
    }
    for c in &mut n.children {
        estimates(c);
    }
}
