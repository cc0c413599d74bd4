//! Whether all of a plan is there: a part of one would be told with wrong times and pages.

use super::sheet::{Draft, Sheet};
use super::value::{Value, get};
use crate::model::{Error, Result};

/// The error for a plan that ends too early.
pub(super) fn cut_off(place: &str) -> Error {
    Error::failed(format!("the plan is cut off: {place}"))
        .hint("Copy all of it, to its last line: of a part, times and pages would be wrong.")
}

/// The error for a plan whose first lines are missing.
pub(super) fn headless() -> Error {
    Error::failed("the beginning of the plan is missing: its first node stands below another one")
        .hint("Copy all of it, from its first line: of a part, estimates and the time of the whole cannot be judged.")
}

/// Nodes below each, subplans aside.
pub(super) fn below(sheet: &Sheet<'_>) -> Vec<usize> {
    let mut below = vec![0usize; sheet.nodes.len()];
    for p in sheet.nodes.iter().filter(|d| get(&d.keys, "Subplan Name").is_none()).filter_map(|d| d.parent) {
        below[p] += 1;
    }
    below
}

/// A node that has to read from others which are not there.
pub(super) fn childless(sheet: &Sheet<'_>) -> Option<String> {
    let kind = |d: &Draft<'_>| get(&d.keys, "Node Type").map(Value::words).unwrap_or_default();
    let found = sheet.nodes.iter().zip(below(sheet)).map(|(d, n)| (kind(d), n)).find(|(kind, n)| *n < fewest_children(kind));
    found.map(|(kind, _)| format!("what {} reads from is not there", crate::text::clean(&kind)))
}

/// YAML has no mark for its end: a node has to read from what its kind reads from, and the last one has every figure that the first has.
pub(super) fn yaml(sheet: &Sheet<'_>) -> Result<()> {
    let figure = |k: &str| k.ends_with(" Blocks") && !k.contains("Heap") || matches!(k, "Plan Width" | "Actual Loops");
    let (Some(first), Some(last)) = (sheet.nodes.first(), sheet.nodes.last()) else { return Ok(()) };
    let lacking = || first.keys.iter().find(|(k, _)| figure(k) && get(&last.keys, k).is_none());
    let place = childless(sheet).or_else(|| lacking().map(|(k, _)| format!("its last node has no {k}")));
    place.map_or(Ok(()), |place| Err(cut_off(&place)))
}

/// So many nodes an operation reads from at least, those of subplans apart.
fn fewest_children(operation: &str) -> usize {
    match operation {
        "Nested Loop" | "Hash Join" | "Merge Join" | "Recursive Union" | "BitmapAnd" | "BitmapOr" => 2,
        "Limit" | "Sort" | "Incremental Sort" | "Aggregate" | "Group" | "Unique" | "Materialize" | "Memoize" | "Result Cache" | "Hash"
        | "Gather" | "Gather Merge" | "LockRows" | "WindowAgg" | "ProjectSet" | "SetOp" | "Subquery Scan" | "Bitmap Heap Scan"
        | "ModifyTable" => 1,
        _ => 0,
    }
}
