//! Rows that are read to be skipped by OFFSET (F4).

use crate::model::Severity;
use crate::model::plan::{Confidence, PlanFinding, Role};
use crate::plan::findings::Draft;
use crate::plan::findings::scene::{SELF_MS, Scene, Weight};
use crate::plan::findings::words::{count, took};

/// F4: rows read for each row returned, and rows read at least (plans.md §3).
const OFFSET: (f64, f64) = (10.0, 1_000.0);

pub(super) fn large_offset(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    if n.op != "limit" || !s.plan.analyzed {
        return None;
    }
    let input = s.children(i).find(|c| matches!(s.node(*c).role, Role::Outer | Role::Inner))?;
    let returned = n.rows_total?;
    let read = s.node(input).rows_total?;
    // The input of a LIMIT is read until it is full: what came beyond the rows returned was skipped.
    if read < OFFSET.1 || read < OFFSET.0 * returned.max(1.0) || n.loops.is_some_and(|l| l > 1.0) {
        return None;
    }
    let weight = s.weigh_below(i)?;
    Some(offset(s, i, read, returned, weight))
}

/// Where the plan has no node for it (MariaDB, SQLite), or was not run, the statement's own OFFSET.
pub(super) fn statement_offset(s: &Scene<'_>) -> Option<PlanFinding> {
    let select = s.select.as_ref()?;
    let (skipped, limit) = (select.offset?, select.limit?);
    let told = s.plan.analyzed && s.all().any(|i| s.node(i).op == "limit");
    let returned = s.plan.root.rows_total.filter(|_| s.plan.analyzed).unwrap_or(limit);
    let read = skipped + returned;
    if told || read < OFFSET.1 || read < OFFSET.0 * returned.max(1.0) {
        return None;
    }
    let total = s.total_ms.filter(|t| *t >= SELF_MS);
    let weight = match (s.plan.analyzed, total) {
        (true, Some(t)) => Weight::Timed(t),
        (true, None) if s.total_ms.is_some() => return None,
        _ => Weight::Estimated,
    };
    let mut found = offset(s, 0, read, returned, weight);
    found.confidence = Confidence::Likely.min(if weight == Weight::Estimated { Confidence::Possible } else { Confidence::Likely });
    found.because = "the OFFSET is the statement's: how many rows there were to skip is not told".into();
    Some(found)
}

fn offset(s: &Scene<'_>, i: usize, read: f64, returned: f64, weight: Weight) -> PlanFinding {
    Draft::new("F4", Severity::Warning, weight, Confidence::Certain).at(s.path(i)).number("rows_read", read).number("rows_returned", returned).say(
        format!("{} rows are read to return {}: the OFFSET skips the others{}", count(read), count(returned), took(weight)),
        "Remember the last row's sort key and ask for what comes after it (WHERE (key) > (last) ORDER BY key LIMIT n); compare a late page with the first one.",
    )
}
