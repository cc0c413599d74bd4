//! Finding any object of the open target among the names in memory: relations, columns, functions, sequences, types, indexes
//! and triggers. Bounded at each key, however many there are.

use super::fuzzy::Fuzzy;
use crate::model::names::{Names, Relation};
use crate::model::{NodeKind, NodePath};
use std::collections::HashSet;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub path: NodePath,
    /// The name, not cleaned: columns and what hangs on a table with the table's.
    pub label: String,
    /// Kind and schema.
    pub note: String,
}

impl Found {
    /// A table or a view itself.
    pub fn has_rows(&self) -> bool {
        self.path.last().is_some_and(|(k, _)| relation(*k))
    }
}

fn relation(kind: NodeKind) -> bool {
    matches!(kind, NodeKind::Table | NodeKind::View | NodeKind::MaterializedView)
}

/// Tables that are shown for one column's name: `id` is in all of them, and `orders.id` finds the one.
const TABLES_OF_A_COLUMN: usize = 8;
/// Distinct names of columns that are looked at for a key.
const COLUMN_NAMES: usize = 100_000;
/// Schemas whose tables are looked at for `schema.table`.
const SCHEMAS_BEFORE_A_DOT: usize = 8;
/// Tables whose columns are looked at for `table.column`.
const TABLES_BEFORE_A_DOT: usize = 100;

/// Objects that match, best first, with their scores; without a pattern the relations as they come.
pub fn search(names: &Names, pattern: &str, most: usize) -> Vec<(u32, Found)> {
    let mut query = Fuzzy::new(pattern);
    let own: Vec<&Relation> = names.relations.iter().filter(|r| !r.system).collect();
    if query.is_empty() {
        return own.into_iter().take(most).map(|r| (0, of_relation(names, r))).collect();
    }
    let mut out: Vec<(u32, Found)> = Vec::new();
    for (score, i) in query.scored(names.own.iter()).into_iter().take(most) {
        out.push((score, of_relation(names, own[i])));
    }
    // A dot leads to tables and columns, and a single letter that nearly every name has to tables: another look through all of the
    // places would take longer than a frame besides.
    let enough = pattern.contains('.') || pattern.trim().chars().nth(1).is_none();
    let found_places = if enough { Vec::new() } else { query.scored(names.placed.iter()) };
    for (score, i) in found_places.into_iter().take(most) {
        let Some((p, name)) = names.places.get(i).zip(names.placed.get(i)) else { continue };
        let label = match &p.relation {
            Some((_, on)) => format!("{on}.{name}"),
            None => name.to_string(),
        };
        out.push((score, found(p.path(name), &label, p.kind.word(), &p.schema)));
    }
    for (score, i) in query.scored(names.columns.iter().take(COLUMN_NAMES).map(|(n, _)| &**n)).into_iter().take(most) {
        let (name, having) = &names.columns[i];
        // Tables along the search path first.
        let mut tables: Vec<&Relation> = having.iter().filter_map(|i| names.relations.get(*i as usize)).collect();
        tables.sort_by_cached_key(|r| (!names.on_path(&r.schema), std::cmp::Reverse(used(names, &r.name))));
        out.extend(tables.into_iter().take(TABLES_OF_A_COLUMN).map(|r| (score, of_column(r, name))));
    }
    if let Some((before, after)) = pattern.rsplit_once('.') {
        qualified(names, &own, before, after, most, &mut out);
    }
    out.sort_by_key(|(score, f)| (std::cmp::Reverse(*score), f.path.0.len()));
    let mut seen = HashSet::new();
    out.retain(|(_, f)| seen.insert(f.path.clone()));
    without_indexes_of_keys(&mut out);
    out.truncate(most);
    out
}

/// `schema.table` and `table.column`, each half by a few letters.
fn qualified(names: &Names, own: &[&Relation], before: &str, after: &str, most: usize, out: &mut Vec<(u32, Found)>) {
    let (mut first, mut second) = (Fuzzy::new(before), Fuzzy::new(after));
    let schemas: Vec<(u32, usize)> = first.scored(names.schemas.iter().map(String::as_str));
    for (score, i) in schemas.into_iter().take(SCHEMAS_BEFORE_A_DOT) {
        let schema = names.schemas[i].as_str();
        let inside: Vec<&Relation> = own.iter().copied().filter(|r| *r.schema == *schema).collect();
        let hits = second.scored(inside.iter().map(|r| &*r.name));
        out.extend(hits.into_iter().take(most).map(|(s, i)| (score + s, of_relation(names, inside[i]))));
    }
    // The table may have its schema before it.
    let table = before.rsplit('.').next().unwrap_or(before);
    let tables = Fuzzy::new(table).scored(names.own.iter());
    for (score, i) in tables.into_iter().take(TABLES_BEFORE_A_DOT) {
        let r = own[i];
        let hits = second.scored(r.columns.iter().map(|c| &*c.name));
        out.extend(hits.into_iter().take(most).map(|(s, i)| (score + s, of_column(r, &r.columns[i].name))));
    }
}

/// A key and the index that serves it bear one name: once is enough.
fn without_indexes_of_keys(out: &mut Vec<(u32, Found)>) {
    let of = |f: &Found| (f.path.name_of(NodeKind::Schema).map(str::to_string), f.label.clone());
    let is = |f: &Found, kind| f.path.last().is_some_and(|(k, _)| *k == kind);
    let keys: HashSet<_> = out.iter().filter(|(_, f)| is(f, NodeKind::Constraint)).map(|(_, f)| of(f)).collect();
    out.retain(|(_, f)| !is(f, NodeKind::Index) || !keys.contains(&of(f)));
}

fn used(names: &Names, name: &str) -> u32 {
    names.used.get(&name.to_lowercase()).copied().unwrap_or(0)
}

fn found(path: NodePath, label: &str, word: &str, schema: &str) -> Found {
    Found { path, label: label.into(), note: format!("{word} of {schema}") }
}

fn of_relation(names: &Names, r: &Relation) -> Found {
    let word = r.kind.word();
    // The usual schema needs no word.
    if r.schema.is_empty() || names.path.first().is_some_and(|p| **p == *r.schema) {
        return Found { path: r.path(), label: r.name.to_string(), note: word.into() };
    }
    found(r.path(), &r.name, word, &r.schema)
}

fn of_column(r: &Relation, name: &str) -> Found {
    found(r.path().child(NodeKind::Column, name), &format!("{}.{name}", r.name), "column", &r.schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::Collector;

    fn shop() -> Names {
        let mut c = Collector::default();
        for (schema, table) in [("public", "orders"), ("public", "order_lines"), ("audit", "orders")] {
            c.relation(schema, table, NodeKind::Table, false);
            for column in ["id", "customer_id", "note"] {
                c.column(column, "text");
            }
        }
        c.relation("pg_catalog", "pg_class", NodeKind::Table, true);
        c.column("relname", "name");
        c.place("public", None, "Functions", NodeKind::Function, "order_total(integer)");
        c.place("public", Some((NodeKind::Table, "orders")), "Indexes", NodeKind::Index, "orders_by_customer");
        c.finish(vec!["public".into()], vec!["audit".into(), "pg_catalog".into(), "public".into()], Vec::new())
    }

    fn labels(pattern: &str) -> Vec<String> {
        search(&shop(), pattern, 50).into_iter().map(|(_, f)| format!("{} ({})", f.label, f.note)).collect()
    }

    #[test]
    fn every_kind_of_object_is_found() {
        let found = labels("order");
        for wanted in [
            "orders (table)",
            "orders (table of audit)",
            "order_total(integer) (function of public)",
            "orders.orders_by_customer (index of public)",
        ] {
            assert!(found.iter().any(|f| f == wanted), "{wanted}: {found:?}");
        }
        assert_eq!(labels("customer_id")[0], "orders.customer_id (column of public)", "the search path's tables first");
        assert!(labels("relname").is_empty() && labels("pg_class").is_empty(), "the system's own are not in the tree");
    }

    #[test]
    fn a_dot_leads_from_table_to_column_and_from_schema_to_table() {
        assert_eq!(labels("lines.no")[0], "order_lines.note (column of public)");
        assert_eq!(labels("aud.ord")[0], "orders (table of audit)");
        let path = &search(&shop(), "orders_by", 5)[0].1.path;
        assert_eq!(
            path.0.iter().map(|(_, n)| n.as_str()).collect::<Vec<_>>(),
            ["public", "orders", "Indexes", "orders_by_customer"],
            "a path of the tree"
        );
    }
}
