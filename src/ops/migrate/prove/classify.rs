//! From two fingerprints to a class. What differs never passes: a difference is either named as harmless here, counted as
//! a loss, or makes the rollback irreversible.

use crate::engine::fingerprint;
use crate::model::CanonicalObject;
use crate::model::manifest::{Differences, Fingerprint};
use crate::model::migration::RollbackClass;
use crate::text::counted;
use std::collections::{BTreeMap, BTreeSet};

/// Kind of the object that holds the order of a table's columns (see `engine::Catalog::objects`).
const ORDER: &str = "column-order";

/// A class with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judgement {
    pub class: RollbackClass,
    pub summary: String,
    pub differences: Vec<String>,
    pub lost: BTreeMap<String, u64>,
}

impl Judgement {
    pub fn irreversible(summary: String) -> Self {
        Judgement { class: RollbackClass::Irreversible, summary, differences: Vec::new(), lost: BTreeMap::new() }
    }
}

/// How two catalogues relate.
enum Schema {
    Same,
    /// The same columns in another order, in these tables.
    OtherOrder(Vec<String>),
    Differs,
}

fn schema(a: &Fingerprint, b: &Fingerprint) -> Schema {
    let split = |f: &Fingerprint| -> (Vec<CanonicalObject>, BTreeMap<String, String>) {
        let (order, rest): (Vec<_>, Vec<_>) = f.objects.iter().cloned().partition(|o| o.kind == ORDER);
        (rest, order.into_iter().map(|o| (o.name, o.definition)).collect())
    };
    let ((rest_a, order_a), (rest_b, order_b)) = (split(a), split(b));
    if rest_a != rest_b || !order_a.keys().eq(order_b.keys()) {
        return Schema::Differs;
    }
    let other: Vec<String> = order_a.iter().filter(|(t, o)| order_b.get(*t) != Some(o)).map(|(t, _)| t.clone()).collect();
    if other.is_empty() { Schema::Same } else { Schema::OtherOrder(other) }
}

/// Longest difference that is told in a summary, in cells of the screen: whole definitions stand in the details.
const SENTENCE: usize = 120;

fn more(all: &[String], shown: usize) -> String {
    let first = all.iter().take(shown).map(|s| crate::text::truncate(s, SENTENCE).into_owned()).collect::<Vec<_>>().join("; ");
    if all.len() > shown { format!("{first}; and {} more", all.len() - shown) } else { first }
}

/// What a lossy rollback loses, with counts. Values that went with their rows are not told again.
fn loss(d: &Differences) -> String {
    let mut parts: Vec<String> = d.lost_rows.iter().map(|(t, n)| format!("{} of {t}", counted(*n, "row"))).collect();
    let with_rows = |column: &str| column.rsplit_once('.').and_then(|(t, _)| d.lost_rows.get(t)).copied().unwrap_or(0);
    parts.extend(d.lost_values.iter().filter(|(c, n)| **n > with_rows(c)).map(|(c, n)| format!("{} of {c}", counted(*n, "value"))));
    if parts.is_empty() {
        format!("the down leaves data otherwise than before: {}", more(&d.data, 2))
    } else {
        format!("the down loses {}", more(&parts, 3))
    }
}

/// Counters that are not where they were: name, number that was next, number that is next.
fn moved(before: &Fingerprint, back: &Fingerprint) -> Vec<(String, i128, i128)> {
    let names: BTreeSet<&String> = before.counters.keys().chain(back.counters.keys()).collect();
    // One that is not there yet starts at 1: SQLite notes them from the first number on.
    let next = |f: &Fingerprint, n: &str| f.counters.get(n).copied().unwrap_or(1);
    names.into_iter().map(|n| (n.clone(), next(before, n), next(back, n))).filter(|(_, was, is)| was != is).collect()
}

/// After the down: `back` against `before`. Tables of `back` must have been read in the column order of `before`.
/// `sets_counters` says that a script moves a counter by itself ([`crate::sql::counters`]).
///
/// Counters: numbers that were given are not given again, so a counter that inserts moved on makes the rollback equivalent,
/// not exact. One that was set, or that stands further back (it will give numbers a second time), was not undone.
pub(super) fn undone(before: &Fingerprint, back: &Fingerprint, sets_counters: bool) -> Judgement {
    let mut judged = content_undone(before, back);
    let names: BTreeSet<&String> = before.beside.keys().chain(back.beside.keys()).collect();
    let others: Vec<String> =
        names.into_iter().filter(|n| before.beside.get(*n) != back.beside.get(*n)).map(|n| format!("{n}: not as before")).collect();
    if !others.is_empty() && judged.class != RollbackClass::Irreversible {
        if judged.class != RollbackClass::Lossy {
            judged.class = RollbackClass::Lossy;
            judged.summary = format!("the down leaves data otherwise than before: {}", more(&others, 2));
        }
        judged.differences.extend(others);
    }
    let moved = moved(before, back);
    if moved.is_empty() || judged.class == RollbackClass::Irreversible {
        return judged;
    }
    let told: Vec<String> = moved.iter().map(|(n, was, is)| format!("{n} gives {is} next, and gave {was} before")).collect();
    if sets_counters || moved.iter().any(|(_, was, is)| is < was) {
        return Judgement {
            class: RollbackClass::Irreversible,
            summary: format!("the down does not undo the up: {}", more(&told, 2)),
            differences: judged.differences.into_iter().chain(told).collect(),
            lost: BTreeMap::new(),
        };
    }
    if judged.class == RollbackClass::Exact {
        judged.class = RollbackClass::Equivalent;
    }
    judged.summary = format!("{}; numbers once given are not given again: {}", judged.summary, more(&told, 2));
    judged.differences.extend(told);
    judged
}

fn content_undone(before: &Fingerprint, back: &Fingerprint) -> Judgement {
    let d = fingerprint::compare(before, back);
    let order = match schema(before, back) {
        Schema::Differs => {
            let mut all: Vec<String> = d.schema.iter().chain(&d.data).cloned().collect();
            // What is there or not says more than how two definitions differ.
            all.sort_by_key(|s| (s.starts_with(ORDER), s.contains(" differs: ")));
            return Judgement {
                class: RollbackClass::Irreversible,
                summary: format!("the down does not undo the up: {}", more(&all, 2)),
                differences: all,
                lost: BTreeMap::new(),
            };
        }
        Schema::OtherOrder(tables) => Some(format!("the columns of {} come back in another order", tables.join(", "))),
        Schema::Same => None,
    };
    if !d.data.is_empty() {
        let lost = d.lost_values.iter().chain(&d.lost_rows).map(|(k, v)| (k.clone(), *v)).collect();
        let mut summary = loss(&d);
        if let Some(o) = &order {
            summary = format!("{summary}; {o}");
        }
        return Judgement { class: RollbackClass::Lossy, summary, differences: d.data, lost };
    }
    match order {
        Some(o) => Judgement {
            class: RollbackClass::Equivalent,
            summary: format!("{o}; the data is the same"),
            differences: d.schema,
            lost: BTreeMap::new(),
        },
        None => Judgement {
            class: RollbackClass::Exact,
            summary: "schema and data are exactly as before".into(),
            differences: Vec::new(),
            lost: BTreeMap::new(),
        },
    }
}

/// After the second up: `second` against `after`, the state after the first one.
pub(super) fn again(judged: Judgement, before: &Fingerprint, after: &Fingerprint, second: &Fingerprint) -> Judgement {
    let d = fingerprint::compare(after, second);
    let failed = |what: &str, all: Vec<String>| Judgement {
        class: RollbackClass::Irreversible,
        summary: format!("up, down and up again {what}: {}", more(&all, 2)),
        differences: all,
        lost: BTreeMap::new(),
    };
    match schema(after, second) {
        Schema::Differs => return failed("give another schema than up alone", d.schema),
        Schema::OtherOrder(_) if judged.class == RollbackClass::Exact => return failed("give other column orders than up alone", d.schema),
        Schema::OtherOrder(_) | Schema::Same => {}
    }
    if d.data.is_empty() || judged.class == RollbackClass::Lossy {
        return judged;
    }
    // The down was exact, and the up gives other data each time: that is a matter of the up alone if it is in columns that
    // the up itself fills (a time, a random value), with the same rows and the same number of values.
    match computed_each_time(before, after, second) {
        Some(columns) => Judgement {
            class: RollbackClass::Equivalent,
            summary: format!("{}; {} come out otherwise each time the up runs", judged.summary, columns.join(", ")),
            differences: d.data,
            lost: judged.lost,
        },
        None => failed("give other data than up alone", d.data),
    }
}

/// The columns in which two runs of the same up differ, if each of them is one that the up adds, or of a table in which it
/// adds rows (numbers from a sequence, times), with as many rows and values both times, and all else equal.
fn computed_each_time(before: &Fingerprint, after: &Fingerprint, second: &Fingerprint) -> Option<Vec<String>> {
    let mut columns = Vec::new();
    if !after.tables.keys().eq(second.tables.keys()) {
        return None;
    }
    for (name, a) in &after.tables {
        let b = second.tables.get(name)?;
        if a == b {
            continue;
        }
        if a.rows != b.rows || a.columns.len() != b.columns.len() {
            return None;
        }
        let was = before.tables.get(name);
        let mut any = false;
        for (x, y) in a.columns.iter().zip(&b.columns) {
            if x == y {
                continue;
            }
            let added = was.is_none_or(|t| t.rows < a.rows || !t.columns.iter().any(|c| c.name == x.name));
            if x.name != y.name || x.values != y.values || !added {
                return None;
            }
            any = true;
            columns.push(format!("{name}.{}", x.name));
        }
        if !any {
            return None;
        }
    }
    Some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TableShape;
    use crate::model::manifest::{ColumnDigest, TableDigest};

    /// A database of one table `t`: columns as (name, values, hash).
    fn print(columns: &[(&str, u64, &str)], rows: u64) -> Fingerprint {
        let names: Vec<String> = columns.iter().map(|c| c.0.to_string()).collect();
        let mut sorted = names.clone();
        sorted.sort();
        let mut hashes: Vec<&str> = columns.iter().map(|c| c.2).collect();
        hashes.sort_unstable();
        let object = |kind: &str, name: &str, definition: String| CanonicalObject { kind: kind.into(), name: name.into(), definition };
        Fingerprint {
            objects: vec![object(ORDER, "t", names.join(", ")), object("table", "t", sorted.join(" "))],
            tables: [(
                "t".to_string(),
                TableDigest {
                    shape: TableShape { schema: None, name: "t".into(), columns: names },
                    rows,
                    hash: hashes.concat(),
                    columns: columns.iter().map(|c| ColumnDigest { name: c.0.into(), values: c.1, hash: c.2.into() }).collect(),
                },
            )]
            .into(),
            ..Fingerprint::default()
        }
    }
    /// The same, read in the order of `like`.
    fn reread(f: &Fingerprint, like: &Fingerprint) -> Fingerprint {
        let mut out = f.clone();
        let (t, l) = (out.tables.get_mut("t").unwrap(), &like.tables["t"]);
        t.shape = l.shape.clone();
        t.columns.sort_by_key(|c| l.columns.iter().position(|x| x.name == c.name));
        out
    }
    const A: &[(&str, u64, &str)] = &[("id", 9, "i"), ("note", 7, "n")];

    fn undone(before: &Fingerprint, back: &Fingerprint) -> Judgement {
        super::undone(before, back, false)
    }

    #[test]
    fn what_lies_outside_tables_counts() {
        let with = |large: &str| Fingerprint { beside: [("large objects".to_string(), large.to_string())].into(), ..print(A, 9) };
        let judged = undone(&print(A, 9), &with("1 ab"));
        assert_eq!(judged.class, RollbackClass::Lossy);
        assert!(judged.summary.contains("large objects: not as before"), "{}", judged.summary);
        assert_eq!(undone(&with("1 ab"), &with("1 ab")).class, RollbackClass::Exact);
        assert_eq!(undone(&with("1 ab"), &with("1 cd")).class, RollbackClass::Lossy);
    }

    #[test]
    fn counters_that_moved_are_never_exact() {
        let at = |n: i128| Fingerprint { counters: [("s".to_string(), n)].into(), ..print(A, 9) };
        assert_eq!(undone(&at(5), &at(5)).class, RollbackClass::Exact);
        let on = undone(&at(5), &at(8));
        assert_eq!(on.class, RollbackClass::Equivalent);
        assert!(on.summary.ends_with("numbers once given are not given again: s gives 8 next, and gave 5 before"), "{}", on.summary);
        // Set by a script, or set back: not undone.
        assert_eq!(super::undone(&at(5), &at(8), true).class, RollbackClass::Irreversible);
        assert_eq!(undone(&at(5), &at(4)).class, RollbackClass::Irreversible);
        // The first number that SQLite gives makes the counter.
        assert_eq!(undone(&print(A, 9), &at(2)).class, RollbackClass::Equivalent);
        let lossy = Fingerprint { counters: [("s".to_string(), 8)].into(), ..print(&[("id", 9, "i"), ("note", 0, "")], 9) };
        let j = undone(&at(5), &lossy);
        assert_eq!((j.class, j.lost["t.note"]), (RollbackClass::Lossy, 7));
        assert!(j.summary.contains("s gives 8 next"), "{}", j.summary);
    }

    #[test]
    fn equal_is_exact() {
        let a = print(A, 9);
        assert_eq!(undone(&a, &a).class, RollbackClass::Exact);
    }

    #[test]
    fn another_order_alone_is_equivalent() {
        let a = print(A, 9);
        let b = print(&[("note", 7, "n"), ("id", 9, "i")], 9);
        let j = undone(&a, &reread(&b, &a));
        assert_eq!(j.class, RollbackClass::Equivalent, "{j:?}");
        assert!(j.summary.contains("the columns of t come back in another order"));
    }

    #[test]
    fn lost_values_are_lossy_and_counted() {
        let a = print(A, 9);
        let j = undone(&a, &print(&[("id", 9, "i"), ("note", 0, "")], 9));
        assert_eq!(j.class, RollbackClass::Lossy);
        assert_eq!(j.summary, "the down loses 7 values of t.note");
        assert_eq!(j.lost["t.note"], 7);
    }

    #[test]
    fn changed_values_are_lossy_too() {
        let j = undone(&print(A, 9), &print(&[("id", 9, "i"), ("note", 7, "other")], 9));
        assert_eq!(j.class, RollbackClass::Lossy);
        assert!(j.summary.contains("t.note: not all of its 7 values are as before"), "{}", j.summary);
    }

    #[test]
    fn a_column_that_stays_is_irreversible() {
        let j = undone(&print(A, 9), &print(&[("id", 9, "i"), ("note", 7, "n"), ("new", 9, "x")], 9));
        assert_eq!(j.class, RollbackClass::Irreversible);
        assert!(j.summary.starts_with("the down does not undo the up"), "{}", j.summary);
    }

    #[test]
    fn leftovers_show_in_the_second_up() {
        let (a, b) = (print(A, 9), print(&[("id", 9, "i"), ("note", 7, "n"), ("new", 9, "x")], 9));
        let second = print(&[("id", 9, "i"), ("note", 8, "n2"), ("new", 9, "x")], 9);
        let j = again(undone(&a, &a), &a, &b, &second);
        assert_eq!(j.class, RollbackClass::Irreversible, "{j:?}");
    }

    #[test]
    fn values_computed_each_time_in_added_columns_are_equivalent() {
        let (a, b) = (print(A, 9), print(&[("id", 9, "i"), ("note", 7, "n"), ("at", 9, "monday")], 9));
        let second = print(&[("id", 9, "i"), ("note", 7, "n"), ("at", 9, "tuesday")], 9);
        let j = again(undone(&a, &a), &a, &b, &second);
        assert_eq!(j.class, RollbackClass::Equivalent, "{j:?}");
        assert!(j.summary.contains("t.at come out otherwise"), "{}", j.summary);
        // Rows that the up adds get other numbers the second time.
        let (more, again_more) = (print(&[("id", 10, "i10"), ("note", 8, "n")], 10), print(&[("id", 10, "i11"), ("note", 8, "n")], 10));
        assert_eq!(again(undone(&a, &a), &a, &more, &again_more).class, RollbackClass::Equivalent);
        let fewer = print(&[("id", 9, "i"), ("note", 7, "n"), ("at", 3, "tuesday")], 9);
        assert_eq!(again(undone(&a, &a), &a, &b, &fewer).class, RollbackClass::Irreversible);
    }
}
