//! Whose time it is: self times of access paths, with the error that the printed digits leave, and estimate errors.

use crate::model::plan::{PlanNode, Role, estimate_error};

/// Fills `self_ms`, `self_err_ms`, `clamped_ms`, `removed` and `estimate_error`. `self_err_ms` holds the error of each node's total
/// when this begins. Returns the time of the select list's subqueries beside the tree.
pub(super) fn attribute(root: &mut PlanNode) -> f64 {
    held_by_words(root);
    while_optimising(root);
    own(root);
    by_several(root);
    doubt(root, None);
    let mut beside = 0.0;
    root.walk(0, &mut |_, n| {
        if n.role == Role::SelectList {
            beside += inclusive(n).0;
        }
    });
    beside
}

/// Total time of a node and its error. One that is not timed (`Repeat until convergence`) takes as long as what stands below it.
fn inclusive(n: &PlanNode) -> (f64, f64) {
    if let Some(total) = n.total_ms {
        return (total, n.self_err_ms.unwrap_or(0.0));
    }
    n.children.iter().filter(|c| c.role != Role::SelectList).map(inclusive).fold((0.0, 0.0), |(t, e), (ct, ce)| (t + ct, e + ce))
}

/// A subquery of the select list is evaluated by whoever makes the row. Where the words tell that this is a node with a clock, its
/// time is inside that clock: then it is the node's subplan, and is subtracted there. A node whose time cannot hold it does not pay.
fn held_by_words(root: &mut PlanNode) {
    // Below a node that makes rows of its own, the subquery stands under that node, or under a heading that has no clock.
    fn below(n: &mut PlanNode) {
        for c in &mut n.children {
            below(c);
        }
        if n.raw_op.starts_with("Stream results") || n.raw_op.starts_with("Aggregate using temporary table") || makes_table(n) {
            for i in 0..n.children.len() {
                take(n, i, None);
                for j in 0..n.children[i].children.len() {
                    if n.children[i].total_ms.is_none() {
                        take(n, i, Some(j));
                    }
                }
            }
        }
    }
    // The subquery at this place becomes the node's own, if the node had the time.
    fn take(n: &mut PlanNode, i: usize, j: Option<usize>) {
        let left = room(n);
        let c = match j {
            None => &mut n.children[i],
            Some(j) => &mut n.children[i].children[j],
        };
        if c.role == Role::SelectList && left >= inclusive(c).0 {
            c.role = Role::SubPlan;
        }
    }
    below(root);
    // At the top, only an expression that mentions it (`sum((select #2))`) tells.
    for i in 0..root.children.len() {
        let c = &root.children[i];
        let number = c.subplan.as_deref().and_then(|s| s.strip_prefix("Select ")).and_then(|s| s.split(' ').next()).map(str::to_string);
        let (Role::SelectList, Some(number)) = (c.role, number) else { continue };
        if root.raw_op.contains(&format!("(select {number})")) && room(root) >= inclusive(c).0 {
            root.children[i].role = Role::SubPlan;
        }
    }
}

/// A subquery that depends on nothing may be computed while the statement is optimised: its value then stands in a range above it, and no
/// node's clock ran meanwhile. One that took longer than the node that it hangs on was; it is beside the root, as the select list is.
fn while_optimising(n: &mut PlanNode) {
    let (total, err) = inclusive(n);
    for c in &mut n.children {
        let once = c.subplan.as_deref().is_some_and(|h| h.contains("run only once"));
        let (own, own_err) = inclusive(c);
        if c.role == Role::SubPlan && once && n.total_ms.is_some() && own - own_err > total + err {
            c.role = Role::SelectList;
        }
        while_optimising(c);
    }
}

/// Where a sort, a window or a temporary table stands between, rows are made there and not outside: those nodes pay for the select list's
/// subqueries, in turn, the deepest first. The sum is known, the shares are not. Where they had no time for it, nothing changes.
fn by_several(n: &mut PlanNode) {
    for c in &mut n.children {
        by_several(c);
    }
    for i in 0..n.children.len() {
        if n.children[i].role != Role::SelectList {
            continue;
        }
        let c = &n.children[i];
        let (owed, err) = inclusive(c);
        let number = c.subplan.as_deref().and_then(|s| s.strip_prefix("Select ")).and_then(|s| s.split(' ').next());
        let mention = number.map(|number| format!("(select {number})"));
        let chain = chain(n);
        let payers = |pays: &dyn Fn(&PlanNode) -> bool| -> Vec<usize> {
            let mut at = &*n;
            let mut out = Vec::new();
            for depth in 0..=chain.len() {
                if pays(at) && at.self_ms.is_some() {
                    out.push(depth);
                }
                if let Some(next) = chain.get(depth) {
                    at = &at.children[*next];
                }
            }
            out.reverse();
            out
        };
        let mut all = payers(&|p| mention.as_ref().is_some_and(|m| p.raw_op.contains(m)));
        if all.is_empty() {
            let makes = |p: &PlanNode| p.raw_op.starts_with("Stream results") || p.raw_op.starts_with("Aggregate using temporary table");
            all = payers(&|p| makes(p) || makes_table(p) || p.op == "window");
        }
        let room = |depth: usize, n: &PlanNode| {
            along(n, &chain[..depth]).map_or((0.0, 0.0), |p| (p.self_ms.unwrap_or(0.0), p.self_err_ms.unwrap_or(0.0)))
        };
        let (have, have_err) = all.iter().map(|d| room(*d, n)).fold((0.0, 0.0), |(t, e), (pt, pe)| (t + pt, e + pe));
        if all.is_empty() || have + have_err + err < owed {
            continue;
        }
        let mut left = owed;
        let several = all.len() > 1;
        for depth in all {
            let Some(p) = along_mut(n, &chain[..depth]) else { continue };
            let own = p.self_ms.unwrap_or(0.0);
            let part = left.min(own);
            p.self_ms = Some(own - part);
            p.self_err_ms = Some(p.self_err_ms.unwrap_or(0.0) + err);
            p.approximate |= several;
            left -= part;
        }
        n.clamped_ms = if left > 0.0 { Some(n.clamped_ms.unwrap_or(0.0) + left) } else { n.clamped_ms };
        n.children[i].role = Role::SubPlan;
    }
}

/// From a node down to where its rows come from: the place of each next node, as long as there is one.
fn chain(n: &PlanNode) -> Vec<usize> {
    let mut out = Vec::new();
    let mut at = n;
    loop {
        let mut below = at.children.iter().enumerate().filter(|(_, c)| !matches!(c.role, Role::SelectList | Role::SubPlan));
        match (below.next(), below.next()) {
            (Some((i, next)), None) => {
                out.push(i);
                at = next;
            }
            _ => return out,
        }
    }
}

fn along<'n>(n: &'n PlanNode, path: &[usize]) -> Option<&'n PlanNode> {
    path.iter().try_fold(n, |n, i| n.children.get(*i))
}

fn along_mut<'n>(n: &'n mut PlanNode, path: &[usize]) -> Option<&'n mut PlanNode> {
    path.iter().try_fold(n, |n, i| n.children.get_mut(*i))
}

/// Whether a node writes down the rows of a whole query block.
pub(super) fn makes_table(n: &PlanNode) -> bool {
    matches!(n.op.as_str(), "materialize" | "union" | "set operation")
}

/// Time that a node has for more than what is subtracted from it already, its error included.
fn room(n: &PlanNode) -> f64 {
    let (total, err) = inclusive(n);
    n.children.iter().filter(|c| c.role != Role::SelectList).map(inclusive).fold(total + err, |room, (t, e)| room - t + e)
}

/// Top down: a node's total error is read by its parent before it becomes the error of its own time.
fn own(n: &mut PlanNode) {
    if let Some(total) = n.total_ms {
        let (below, err) =
            n.children.iter().filter(|c| c.role != Role::SelectList).map(inclusive).fold((0.0, 0.0), |(t, e), (ct, ce)| (t + ct, e + ce));
        let rest = total - below;
        n.self_ms = Some(rest.max(0.0));
        n.clamped_ms = (rest < 0.0).then_some(-rest);
        n.self_err_ms = Some(n.self_err_ms.unwrap_or(0.0) + err);
    }
    if n.op == "filter"
        && let (Some(kept), Some(read)) = (n.rows_total, n.children.first().and_then(|c| c.rows_total))
    {
        n.removed.filter = Some((read - kept).max(0.0));
    }
    for c in &mut n.children {
        own(c);
    }
}

/// Estimate errors, and why there is none where it would mislead.
fn doubt(n: &mut PlanNode, above: Option<&'static str>) {
    if let (Some(est), Some(act)) = (n.est_rows, n.rows) {
        let reason = above.or((est <= 1.0 && act == 0.0).then_some("one row was expected, the least that MySQL expects"));
        match reason {
            Some(why) => n.estimate_doubt = Some(why.into()),
            None => n.estimate_error = Some(estimate_error(est, act)),
        }
    }
    let blocks = matches!(n.op.as_str(), "sort" | "aggregate" | "hash" | "materialize" | "union" | "set operation");
    let below = if n.op == "limit" {
        Some("below a limit: it need not run to its end")
    } else if blocks {
        None
    } else {
        above
    };
    let lower = n.raw_op.to_ascii_lowercase();
    let stops = lower.contains("semijoin") || lower.contains("antijoin");
    for c in &mut n.children {
        let inner = (stops && c.role == Role::Inner).then_some("inner side of a join that stops at the first match");
        doubt(c, if matches!(c.role, Role::SubPlan | Role::SelectList) { None } else { inner.or(below) });
    }
}
