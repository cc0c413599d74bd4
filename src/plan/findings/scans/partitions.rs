//! Partitions that were all read (F36).

use super::filter_text;
use crate::model::Severity;
use crate::model::plan::{Confidence, PlanFinding, Role};
use crate::plan::findings::Draft;
use crate::plan::findings::scene::{Product, Scene};
use crate::plan::findings::words::{shorter, spent, took};

/// F36: partitions read from which not pruning is worth a sentence (plans.md §3).
const PARTITIONS: usize = 10;

pub(super) fn partitions(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    match s.product {
        Product::Postgres if n.op == "append" => {}
        Product::MySql | Product::MariaDb => return listed_partitions(s, i),
        _ => return None,
    }
    let members: Vec<usize> = s.children(i).filter(|c| s.node(*c).role == Role::Member).collect();
    let removed = s.attr(i, &["Subplans Removed"]).unwrap_or(0.0);
    let read: Vec<usize> = members.iter().copied().filter(|c| !s.node(*c).never_executed).collect();
    if removed > 0.0 || read.len() < members.len() || read.len() < 2 {
        return None;
    }
    let weight = s.weigh_below(i)?;
    // The scan in each arm, with the filter that all of them have.
    let scans: Vec<usize> = read.iter().filter_map(|m| s.subtree(*m).find(|j| s.is_scan(*j))).collect();
    if scans.len() < read.len() {
        return None;
    }
    // Arms of a UNION ALL: the same table again, or tables of which the catalogue knows that they are parts of nothing.
    let relations: std::collections::BTreeSet<_> = scans.iter().map(|j| s.node(*j).relation.as_deref()).collect();
    if relations.len() < scans.len() || scans.iter().any(|j| s.table(*j).is_some_and(|t| t.partition_key.is_empty())) {
        return None;
    }
    let first = *scans.first()?;
    let condition_text = s.filter(first).or_else(|| s.index_condition(first))?;
    let condition = s.read(condition_text);
    let columns: Vec<String> = condition.columns().iter().map(|c| c.name.to_lowercase()).collect();
    let named = |k: &&String| columns.contains(&k.to_lowercase());
    let key = scans.iter().find_map(|j| s.table(*j)).map(|t| &t.partition_key).filter(|k| !k.is_empty());
    let empty = read.iter().filter(|m| s.node(**m).rows_total == Some(0.0)).count();
    let many = read.len() >= PARTITIONS;
    // A test of the key itself prunes; one of what a cast or a function makes of it does not.
    let tests = s.alias(first).map(|a| condition.predicates_on(a)).unwrap_or_default();
    let plain =
        |k: &String| tests.iter().map(|p| s.uncast(first, p.clone())).any(|p| p.column().is_some_and(|c| c.name.eq_ignore_ascii_case(k)));
    let (sure, because, about, next) = match key {
        Some(key) => match key.iter().find(named) {
            Some(k) if plain(k) => return None,
            // Where the rows are everywhere, a plain comparison would read all of it, too.
            Some(k) if 2 * empty >= read.len() => (
                Confidence::Certain,
                "",
                format!(
                    ", {empty} of them without a row; the partition key ({k}) stands in a cast or a function there, by which no partition is left out"
                ),
                format!("Compare {k} itself with values (a range: {k} >= … AND {k} < …), and see how many partitions are left."),
            ),
            Some(_) => return None,
            None if many => (
                Confidence::Certain,
                "",
                format!("; the condition does not name the partition key ({})", key.join(", ")),
                "Add a condition on the partition key to WHERE, as a plain comparison with a value, and see how many partitions are left."
                    .to_string(),
            ),
            None => return None,
        },
        // Without the key: partitions that were searched in vain are the sign.
        None if many && 2 * empty >= read.len() => (
            Confidence::Likely,
            "the partition key is not known; most of the partitions had no row",
            format!(", {empty} of them without a row"),
            "Add a condition on the partition key to WHERE, as a plain comparison with a value, and see how many partitions are left."
                .to_string(),
        ),
        None => return None,
    };
    Some(
        Draft::new("F36", Severity::Warning, weight, sure)
            .at(s.path(i))
            .number("partitions_read", read.len() as f64)
            .number("partitions_empty", empty as f64)
            .but(sure, because)
            .say(format!("all {} partitions are read for {}{about}{}", read.len(), shorter(condition_text), took(weight)), next),
    )
}

/// MySQL and MariaDB name the partitions at the table.
fn listed_partitions(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let listed = s.attr_text(i, &["partitions"])?;
    let read = listed.split(',').filter(|p| !p.trim().is_empty()).count();
    let table = s.table(i)?;
    let all = table.partitions? as usize;
    let scan = s.scan(i)?;
    let filter = scan.filter.as_ref()?;
    let columns: Vec<String> = filter.columns().iter().map(|c| c.name.to_lowercase()).collect();
    if read < PARTITIONS
        || read < all
        || table.partition_key.is_empty()
        || table.partition_key.iter().any(|k| columns.contains(&k.to_lowercase()))
    {
        return None;
    }
    let weight = scan.weight?;
    Some(Draft::new("F36", Severity::Warning, weight, Confidence::Certain).at(s.path(i)).number("partitions_read", read as f64).say(
        format!(
            "all {read} partitions of {} are read{}; the condition does not name the partition key ({}){}",
            s.name(i),
            filter_text(s, &scan),
            table.partition_key.join(", "),
            spent(weight)
        ),
        "Add a condition on the partition key to WHERE and see which partitions EXPLAIN still lists.",
    ))
}
