//! Joins and their conditions, from the foreign keys that are known.

use super::ProposalKind;
use super::rank::Collecting;
use super::scope::{Scope, Source};
use crate::model::Dialect;
use crate::model::names::{Names, Relation};
use crate::sql::reserved::ident;

/// Tables that a foreign key ties to a source of the query, each with its condition.
pub fn joins(scope: &Scope, first: usize, out: &mut Collecting<'_>) {
    for s in scope.sources.iter().filter(|s| s.at < first) {
        let Some(own) = relation_of(out.names, s) else { continue };
        for key in &out.names.foreign_keys {
            let (mine, other, mine_columns, other_columns) = if is(&key.table, own) {
                (&key.table, &key.referenced, &key.columns, &key.referenced_columns)
            } else if is(&key.referenced, own) {
                (&key.referenced, &key.table, &key.referenced_columns, &key.columns)
            } else {
                continue;
            };
            // A table joined with itself needs an alias, which is the user's to choose.
            if mine == other || scope.sources.iter().any(|s| s.alias.eq_ignore_ascii_case(&other.1)) {
                continue;
            }
            let table = out.table_text(&other.0, &other.1);
            let short = ident(out.dialect, &other.1);
            let on = pairs(out.dialect, &short, other_columns, &ident(out.dialect, &s.alias), mine_columns);
            out.push(ProposalKind::Join, format!("{table} ON {on}"), "foreign key".into(), &other.1, 550);
        }
    }
}

/// Conditions that foreign keys give between the table joined last and those before it.
pub fn conditions(scope: &Scope, first: usize, out: &mut Collecting<'_>) {
    let sources: Vec<&Source> = scope.sources.iter().filter(|s| s.at < first).collect();
    let Some((last, before)) = sources.split_last() else { return };
    let d = out.dialect;
    let Some(joined) = relation_of(out.names, last) else { return };
    for s in before {
        let Some(own) = relation_of(out.names, s) else { continue };
        let (a, b) = (ident(d, &last.alias), ident(d, &s.alias));
        let keys: Vec<String> = out
            .names
            .foreign_keys
            .iter()
            // Of a table that refers to itself both ways have a meaning.
            .flat_map(|k| {
                let referred = is(&k.referenced, joined) && is(&k.table, own);
                let refers = is(&k.table, joined) && is(&k.referenced, own);
                let there = referred.then(|| pairs(d, &a, &k.referenced_columns, &b, &k.columns));
                [there, refers.then(|| pairs(d, &a, &k.columns, &b, &k.referenced_columns))]
            })
            .flatten()
            .collect();
        for on in keys {
            let by = on.clone();
            out.push(ProposalKind::Join, on, "foreign key".into(), &by, 900);
        }
    }
}

fn pairs(d: Dialect, left: &str, left_columns: &[Box<str>], right: &str, right_columns: &[Box<str>]) -> String {
    let both = left_columns.iter().zip(right_columns);
    both.map(|(l, r)| format!("{left}.{} = {right}.{}", ident(d, l), ident(d, r))).collect::<Vec<_>>().join(" AND ")
}

pub fn relation_of<'n>(names: &'n Names, s: &Source) -> Option<&'n Relation> {
    match &s.name[..] {
        [] => None,
        [name] => names.relation(None, name),
        [.., schema, name] => names.relation(Some(schema), name),
    }
}

fn is(table: &(std::sync::Arc<str>, Box<str>), r: &Relation) -> bool {
    table.0 == r.schema && table.1 == r.name
}
