//! What made a plan another one: an index that came or went, or the estimate that moved first.

use super::{Change, MOVED, Pair, class, name};
use crate::model::plan::{Plan, PlanNode, Role};

pub(super) fn causes(before: &Plan, after: &Plan, pairs: &[Pair]) -> Vec<String> {
    let mut out = Vec::new();
    for (k, v) in &after.settings {
        match before.settings.get(k) {
            Some(old) if old != v => out.push(format!("The setting {k} was {old} and is {v}.")),
            None => out.push(format!("The setting {k} is {v} now.")),
            Some(_) => {}
        }
    }
    out.extend(
        before
            .settings
            .keys()
            .filter(|k| !after.settings.contains_key(*k))
            .map(|k| format!("The setting {k} is the server's default again.")),
    );
    if !before.version.is_empty() && !after.version.is_empty() && before.version != after.version {
        out.push(format!("The server is another version: {} before, {} now.", before.version, after.version));
    }
    let changed: Vec<(&PlanNode, &PlanNode)> = pairs
        .iter()
        .filter(|p| matches!(p.change, Change::Replaced | Change::Moved))
        .filter_map(|p| Some((before.root.at(p.before.as_ref()?)?, after.root.at(p.after.as_ref()?)?)))
        .collect();
    // The lowest estimates that moved: those above follow from them.
    let factor = |a: f64, b: f64| ((a + 1.0) / (b + 1.0)).max((b + 1.0) / (a + 1.0));
    let mut estimates: Vec<(usize, String)> = Vec::new();
    for p in pairs {
        let (Some(b), Some(a)) = (&p.before, &p.after) else { continue };
        let (Some(was), Some(now)) = (before.root.at(b), after.root.at(a)) else { continue };
        let (Some(from), Some(to)) = (whole(before, b), whole(after, a)) else { continue };
        // The inner side of a loop is estimated for one round: another way to read it is another number, and no cause.
        let comparable =
            was.op == now.op || was.relation.is_none() || class(&was.op) != "scan" || (was.role == now.role && was.role != Role::Inner);
        // Other engines count what an access looks at: by an index the rows of its key, without it all of them.
        let comparable = comparable
            && (!matches!(after.engine.as_str(), "MySQL" | "MariaDB" | "SQLite") || was.relation.is_none() || indexes(was) == indexes(now));
        // One look below a loop, or all of it at once: two numbers of different things.
        let comparable = comparable && each(before, b) == each(after, a);
        if factor(from, to) >= MOVED && comparable && now.relation.is_some() {
            let table = now.relation.clone().unwrap_or_default();
            estimates.push((a.len(), format!("{table} was expected to give {} rows, and now {}", rows(from), rows(to))));
        }
    }
    estimates.sort_by_key(|e| std::cmp::Reverse(e.0));
    let by_index = by_index(before, after, pairs);
    // A join that lost its index became another one for that.
    let lost = by_index.iter().any(|(gone, _)| *gone);
    out.extend(by_index.iter().filter(|(gone, _)| *gone).map(|(_, words)| words.clone()));
    for (_, words) in estimates.into_iter().take(3) {
        out.push(match changed.iter().find(|(b, a)| !lost && b.op != a.op) {
            Some((b, a)) => format!("{words}: with that {} became {}.", name(b), name(a)),
            None => format!("{words}."),
        });
    }
    out.extend(by_index.into_iter().filter(|(gone, _)| !gone).map(|(_, words)| words));
    if out.is_empty() && !changed.is_empty() {
        out.push("The estimates are as before: something that they do not show has changed, such as an index, a setting or the order of the joins.".into());
    }
    out
}

/// Tables that are read by another index: whether it is gone, and a sentence.
fn by_index(before: &Plan, after: &Plan, pairs: &[Pair]) -> Vec<(bool, String)> {
    let both = pairs.iter().filter_map(|p| Some((before.root.at(p.before.as_ref()?)?, after.root.at(p.after.as_ref()?)?)));
    both.filter_map(|(b, a)| {
        // A bitmap over another index is the same step.
        let (was, now) = (indexes(b), indexes(a));
        let r = a.relation.as_ref().filter(|_| was != now)?;
        match (&was, &now) {
            (_, Some(i)) => {
                let was = was.as_ref().map_or_else(|| name(b), |i| format!("index {i}"));
                Some((false, format!("{r} is read by index {i} now, and was by {was}.")))
            }
            (Some(i), None) => Some((true, format!("{r} is not read by index {i} any more: {}.", name(a)))),
            (None, None) => None,
        }
    })
    .collect()
}

/// The rows that a step is expected to give, all processes together: below a Gather the planner tells those of one (plans.md §2.8).
pub fn whole(plan: &Plan, path: &[usize]) -> Option<f64> {
    let n = plan.root.at(path)?;
    let rows = n.est_rows?;
    // What stands on a parallel scan is divided among the processes as that is; the inner side of a join need not be.
    fn divided(n: &PlanNode) -> bool {
        let outer = |c: &&PlanNode| !matches!(c.role, Role::Inner | Role::InitPlan | Role::Cte | Role::SubPlan);
        n.raw_op.starts_with("Parallel ") || n.children.iter().find(outer).is_some_and(divided)
    }
    if !divided(n) {
        return Some(rows);
    }
    let gather = (0..path.len()).rev().filter_map(|l| plan.root.at(&path[..l])).find(|a| a.raw_op.starts_with("Gather"));
    let workers = gather.and_then(|g| g.workers_planned).map_or(0.0, f64::from);
    let leads = plan.settings.get("parallel_leader_participation").is_none_or(|v| v != "off");
    let leader = if leads { (1.0 - 0.3 * workers).max(0.0) } else { 0.0 };
    Some(if workers > 0.0 { (rows * (workers + leader)).round() } else { rows })
}

/// Whether a step is run once for each row of a loop: nothing between keeps what it read.
fn each(plan: &Plan, path: &[usize]) -> bool {
    for l in (0..path.len()).rev() {
        let (Some(above), Some(n)) = (plan.root.at(&path[..l]), plan.root.at(&path[..=l])) else { return false };
        if above.op == "nested loop" && n.role == Role::Inner {
            return true;
        }
        if matches!(above.op.as_str(), "hash" | "sort" | "materialize" | "aggregate") {
            return false;
        }
    }
    false
}

/// The indexes by which a step reads its table: its own, or those of the bitmaps below it, which name no table.
fn indexes(n: &PlanNode) -> Option<String> {
    fn collect(n: &PlanNode, out: &mut Vec<String>) {
        for c in n.children.iter().filter(|c| c.relation.is_none() && c.op.starts_with("bitmap")) {
            out.extend(c.index.clone());
            collect(c, out);
        }
    }
    if n.index.is_some() {
        return n.index.clone();
    }
    let mut below = Vec::new();
    collect(n, &mut below);
    (!below.is_empty()).then(|| below.join(" and "))
}

fn rows(n: f64) -> String {
    crate::text::thousands(n.max(0.0).round() as u64)
}
