//! Steps that a plan must not have, and upon which table.

use super::operations::{self, named_by, says};
use super::{Measured, Standing};
use crate::model::plan::PlanNode;
use crate::plan::expression::dialect_of;
use crate::plan::places::{Named, named};

/// Whether no node of the plan is that operation, over that relation if one is named.
pub(super) fn never(m: &Measured<'_>, operation: &str, relation: Option<&str>) -> (Standing, String) {
    let plan = m.plan;
    let op = operation.to_lowercase();
    let postgres = plan.engine == "PostgreSQL";
    let names = if postgres || relation.is_none() { Vec::new() } else { named(dialect_of(&plan.engine), m.statement) };
    // A node of the table, a node that is one, and such a one upon a name that may be the table's.
    let (mut seen, mut found, mut doubtful) = (false, None, None);
    plan.root.walk(0, &mut |_, n| {
        let here = match relation {
            None => Some(true),
            Some(r) if postgres => Some(called(n, r)),
            Some(r) => reads(n, r, &names, m.tables),
        };
        seen |= here == Some(true);
        if !n.never_executed && here != Some(false) && (says(&n.op, &op) || n.raw_op.to_lowercase().contains(&op)) {
            let kept = if here.is_some() { &mut found } else { &mut doubtful };
            kept.get_or_insert_with(|| if n.raw_op.is_empty() { n.op.clone() } else { n.raw_op.clone() });
        }
    });
    let (standing, why) = match (found, doubtful, relation) {
        (Some(f), _, Some(r)) => (Standing::Fail, format!("the plan has {f} on {r}")),
        (Some(f), _, None) => (Standing::Fail, format!("the plan has {f}")),
        (None, Some(d), Some(r)) => {
            (Standing::Inconclusive, format!("the plan has {d}, and the statement does not tell whether that name stands for {r}"))
        }
        (None, _, Some(r)) if !seen => (Standing::Inconclusive, format!("the plan reads no {r} by that name: is the name right?")),
        (None, ..) if named_by(&plan.engine, operation) != operations::Named::Exactly => {
            let engine = if plan.engine.is_empty() { "any engine" } else { &plan.engine };
            (Standing::Inconclusive, format!("`{operation}` is no name of a step that is known of {engine}: write it as the plan does"))
        }
        (None, _, Some(r)) => (Standing::Pass, format!("no {operation} on {r} in the plan")),
        (None, _, None) => (Standing::Pass, format!("no {operation} in the plan")),
    };
    (standing, why)
}

fn same(name: &str, r: &str) -> bool {
    name.eq_ignore_ascii_case(r) || name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case(r))
}

/// Whether the node goes by that name: of its table or its alias.
fn called(n: &PlanNode, r: &str) -> bool {
    // PostgreSQL calls the partitions of `meas` `meas_1`, `meas_2` …
    let part = |alias: &String| {
        let number = alias.get(r.len()..).and_then(|n| n.strip_prefix('_'));
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())) && alias[..r.len()].eq_ignore_ascii_case(r)
    };
    [&n.relation, &n.alias].into_iter().flatten().any(|name| same(name, r)) || n.alias.as_ref().is_some_and(part)
}

/// Whether the node reads that table. MySQL, MariaDB and SQLite print the alias alone: what it stands for the statement tells. `None`
/// where it does not: two of its queries use the name for different things, or it is of a view.
fn reads(n: &PlanNode, r: &str, names: &[Named], tables: &[&str]) -> Option<bool> {
    if called(n, r) {
        return Some(true);
    }
    let Some(shown) = n.alias.as_deref().or(n.relation.as_deref()).filter(|s| !s.starts_with(['<', '('])) else { return Some(false) };
    let bare = r.rsplit('.').next().unwrap_or(r);
    // Of a table whose schema is not written any may be meant.
    let means = |name: &[String]| match name {
        [table] => table.eq_ignore_ascii_case(bare),
        name => same(&name.join("."), r),
    };
    let (right, other): (Vec<_>, Vec<_>) =
        names.iter().filter(|(alias, _)| alias.eq_ignore_ascii_case(shown)).partition(|(_, name)| means(name));
    match (right.is_empty(), other.is_empty()) {
        (false, true) => Some(true),
        (false, false) => None,
        (true, false) => Some(false),
        // Within a view: a table by its own name, or one whose name the plan tells beside the alias.
        (true, true) => {
            let own = n.relation.as_deref().is_some_and(|table| table != shown) || tables.iter().any(|t| same(t, shown));
            own.then_some(false)
        }
    }
}
