//! How a copy differs from the target now, as far as it changes what is measured there: tables, columns, indexes and triggers that are newer
//! than the backup or gone since, and how many rows. Pure: both catalogues are read by others.

use crate::plan::known::{Index, Known, Table};
use crate::text;

/// By so much the rows of a table may differ before a word is said: both counts are the servers' estimates.
const ROWS: f64 = 1.5;
/// … and tables below this many rows are small on both sides.
const FEW: f64 = 1000.0;
/// Differences that are named; the rest is counted.
const TOLD: usize = 8;

/// What differs, each as a few words: `no index by_total on public.orders (total)`. `triggers` are those of the target and of the copy.
pub(super) fn differences(target: &Known, copy: &Known, triggers: (&[String], &[String])) -> Vec<String> {
    let mut out = Vec::new();
    for t in &target.tables {
        let name = named(t);
        // A table's schema is part of its name, and a MySQL database is not: it is another one on the copy.
        let Some(c) = copy.tables.iter().find(|c| c.name == t.name && c.schema == t.schema) else {
            out.push(format!("no table {name}"));
            continue;
        };
        for column in &t.columns {
            match c.columns.iter().find(|other| other.name == column.name) {
                None => out.push(format!("no column {} in {name}", column.name)),
                Some(other) if other.type_name != column.type_name => {
                    out.push(format!("{name}.{} as {}, now {}", column.name, other.type_name, column.type_name));
                }
                Some(_) => {}
            }
        }
        let gone: Vec<&str> =
            c.columns.iter().map(|o| o.name.as_str()).filter(|o| !t.columns.iter().any(|column| column.name == *o)).collect();
        if !gone.is_empty() {
            out.push(format!("{} in {name}, now gone", gone.join(", ")));
        }
        for i in &t.indexes {
            match c.indexes.iter().find(|other| other.name == i.name) {
                None => out.push(format!("no index {} on {name} ({})", i.name, keys(i))),
                Some(other) if other != i => out.push(format!("the index {} on {name} ({}), now ({})", i.name, keys(other), keys(i))),
                Some(_) => {}
            }
        }
        for i in c.indexes.iter().filter(|i| !t.indexes.iter().any(|now| now.name == i.name)) {
            out.push(format!("the index {} on {name} ({}), now gone or unusable", i.name, keys(i)));
        }
        if let (Some(now), Some(then)) = (t.rows.filter(|r| *r >= 0.0), c.rows.filter(|r| *r >= 0.0))
            && now.max(then) >= FEW
            && (now.max(1.0) / then.max(1.0)).max(then.max(1.0) / now.max(1.0)) > ROWS
        {
            let rows = |n: f64| text::thousands(n.round() as u64);
            out.push(format!("about {} rows in {name}, now about {}", rows(then), rows(now)));
        }
    }
    let (now, then) = triggers;
    out.extend(now.iter().filter(|t| !then.contains(t)).map(|t| format!("no trigger {t}")));
    out.extend(then.iter().filter(|t| !now.contains(t)).map(|t| format!("the trigger {t}, now gone")));
    out
}

/// The sentence, or none where nothing differs.
pub(super) fn sentence(of: &str, target: &str, differences: &[String]) -> Option<String> {
    if differences.is_empty() {
        return None;
    }
    let mut named: Vec<String> = differences.iter().take(TOLD).cloned().collect();
    if differences.len() > TOLD {
        named.push(format!("and {} more", differences.len() - TOLD));
    }
    let target = text::clean(target);
    Some(format!(
        "The copy is{of}, and {target} has changed since; the copy has {}. What is measured is the copy: `holdpoint backup take {target}` takes a \
         newer one.",
        text::clean(&named.join("; "))
    ))
}

fn named(t: &Table) -> String {
    t.schema.as_ref().map_or_else(|| t.name.clone(), |s| format!("{s}.{}", t.name))
}

/// `total, created_at down` as an index has them.
fn keys(i: &Index) -> String {
    let mut out: Vec<String> =
        i.keys.iter().enumerate().map(|(n, k)| if i.down.get(n) == Some(&true) { format!("{k} desc") } else { k.clone() }).collect();
    if !i.also.is_empty() {
        out.push(format!("with {}", i.also.join(", ")));
    }
    if let Some(w) = &i.only_where {
        out.push(format!("where {w}"));
    }
    out.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::known::Column;

    fn column(name: &str, type_name: &str) -> Column {
        Column { name: name.into(), type_name: type_name.into() }
    }

    fn index(name: &str, keys: &[&str]) -> Index {
        Index { name: name.into(), keys: keys.iter().map(|k| (*k).to_string()).collect(), ..Index::default() }
    }

    fn orders() -> Table {
        Table {
            schema: Some("public".into()),
            name: "orders".into(),
            rows: Some(200_000.0),
            columns: vec![column("id", "bigint"), column("total", "numeric")],
            indexes: vec![index("orders_pkey", &["id"])],
            ..Table::default()
        }
    }

    fn known(tables: Vec<Table>) -> Known {
        Known { tables, ..Known::default() }
    }

    #[test]
    fn what_is_newer_or_gone_is_named_and_what_is_the_same_is_not() {
        let then = known(vec![orders()]);
        assert!(differences(&then, &then, (&[], &[])).is_empty());
        let mut now = orders();
        now.columns = vec![column("id", "bigint"), column("total", "double precision"), column("state", "text")];
        now.indexes.push(index("by_total", &["total", "id"]));
        now.rows = Some(400_000.0);
        let lines = Table { schema: Some("public".into()), name: "lines".into(), ..Table::default() };
        assert_eq!(
            differences(&known(vec![now.clone(), lines]), &then, (&["noted BEFORE UPDATE".into()], &[])),
            [
                "public.orders.total as numeric, now double precision",
                "no column state in public.orders",
                "no index by_total on public.orders (total, id)",
                "about 200,000 rows in public.orders, now about 400,000",
                "no table public.lines",
                "no trigger noted BEFORE UPDATE",
            ]
        );
        assert_eq!(
            differences(&then, &known(vec![now]), (&[], &["noted BEFORE UPDATE".into()])),
            [
                "public.orders.total as double precision, now numeric",
                "state in public.orders, now gone",
                "the index by_total on public.orders (total, id), now gone or unusable",
                "about 400,000 rows in public.orders, now about 200,000",
                "the trigger noted BEFORE UPDATE, now gone",
            ]
        );
    }

    /// The same name, and another index: keys, direction, predicate, carried columns.
    #[test]
    fn an_index_that_was_made_anew_under_its_name_differs() {
        let with = |i: Index| known(vec![Table { indexes: vec![i], ..orders() }]);
        let old = index("i", &["total"]);
        for (new, says) in [
            (index("i", &["total", "id"]), "(total), now (total, id)"),
            (Index { down: vec![true], ..index("i", &["total"]) }, "(total), now (total desc)"),
            (Index { only_where: Some("total > 5".into()), ..index("i", &["total"]) }, "(total), now (total, where total > 5)"),
            (Index { also: vec!["id".into()], ..index("i", &["total"]) }, "(total), now (total, with id)"),
        ] {
            let found = differences(&with(new), &with(old.clone()), (&[], &[]));
            assert_eq!(found, [format!("the index i on public.orders {says}")]);
        }
    }

    /// Small tables and estimates that lie near each other are no news.
    #[test]
    fn rows_differ_only_where_it_matters() {
        let of = |rows: f64| known(vec![Table { rows: Some(rows), ..orders() }]);
        assert!(differences(&of(900.0), &of(3.0), (&[], &[])).is_empty());
        assert!(differences(&of(200_000.0), &of(150_000.0), (&[], &[])).is_empty());
        assert!(differences(&of(-1.0), &of(150_000.0), (&[], &[])).is_empty());
        assert_eq!(differences(&of(5_000.0), &of(0.0), (&[], &[])), ["about 0 rows in public.orders, now about 5,000"]);
    }

    #[test]
    fn the_sentence_names_the_backup_and_what_to_do() {
        assert_eq!(sentence(" of the backup of 2026-11-21 10:00", "shop", &[]), None);
        let many: Vec<String> = (0..10).map(|n| format!("no index i{n}")).collect();
        let said = sentence(" of the backup of 2026-11-21 10:00", "shop", &many).unwrap_or_default();
        assert!(said.starts_with("The copy is of the backup of 2026-11-21 10:00, and shop has changed since; the copy has no index i0; "));
        assert!(said.contains("i7; and 2 more.") && said.contains("`holdpoint backup take shop` takes a newer one"), "{said}");
    }
}
