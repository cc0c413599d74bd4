//! Indexes over a part of the rows: those of one value, or those that have none of the usual ones.

use super::super::reasons::{Reason, Why};
use super::super::uses::Use;
use super::super::{Answers, Candidates, Dropped, KEEPS, Key, Shape};
use super::served::same_key;
use super::{Draft, FEW_VALUES, consider, keeping, list, lucky, make, name, push_new};
use crate::plan::expression::Test;
use crate::plan::findings::scene::{Product, Scene};
use crate::plan::findings::words::percent;
use crate::sql::reserved::ident;

/// An index over the rows alone that have none of the usual values.
pub(super) fn unlike(
    s: &Scene<'_>,
    u: &Use<'_>,
    all: &[Use<'_>],
    share: Option<f64>,
    lucky: Option<f64>,
    equal: &[Key],
    out: &mut Candidates,
) {
    if u.unlike.is_empty() {
        return;
    }
    if let Some(k) = share.filter(|k| *k > KEEPS) {
        let says = format!("{}: reading the whole table is quicker", keeping(u, k));
        let what = format!("{} ({})", u.table_sql, list(&u.unlike.iter().map(|t| t.key.clone()).fold(Vec::new(), push_new)));
        out.dropped.push(Dropped { what, reason: Reason::new(Why::LowSelectivity, &u.table.name, says) });
        return;
    }
    let conditions: Vec<String> = u.unlike.iter().map(|t| t.predicate.sql(s.dialect)).collect();
    let keys = u.unlike.iter().map(|t| t.key.clone()).fold(equal.to_vec(), push_new);
    let kept = share.map_or(String::new(), |k| format!(", which {} of the rows are", percent(k, 1.0)));
    let why = format!("only rows that are none of the usual ones are wanted{kept}: only they need be in the index");
    let mut c = make(s, u, Draft { equal: equal.len(), keys, shapes: vec![Shape::Partial], why });
    c.only_where = Some(conditions.join(" AND "));
    c.name = name(&c, u.table);
    consider(s, u, all, share, lucky, c, out);
}

/// An index over the rows of one literal value alone, for the other keys.
pub(super) fn partial(s: &Scene<'_>, u: &Use<'_>, all: &[Use<'_>], answers: &Answers, equal: &[Key], out: &mut Candidates) {
    if !matches!(s.product, Product::Postgres | Product::Sqlite) {
        return;
    }
    for (column, test, sql) in u.literals(s.dialect) {
        let asked = answers.kept.get(&(u.table_sql.clone(), sql.clone())).copied();
        let values = u
            .table
            .spread
            .get(&column)
            .and_then(|w| w.distinct)
            .or_else(|| answers.distinct.get(&(u.table_sql.clone(), ident(s.dialect, &column))).copied());
        let few = matches!(test, Test::Null | Test::NotNull) || values.is_some_and(|v| v <= FEW_VALUES);
        if !few || asked.is_none_or(|k| k >= KEEPS) {
            continue;
        }
        let rest: Vec<Key> = equal.iter().filter(|k| k.column.as_deref() != Some(column.as_str())).cloned().collect();
        let n = rest.len();
        let mut keys = rest;
        if !u.order.is_empty() {
            keys = u.order.iter().filter(|k| k.column.as_deref() != Some(column.as_str())).cloned().fold(keys, push_new);
        } else if let Some(r) = u.range.first() {
            keys = push_new(keys, r.key.clone());
        } else if let Some((_, k)) = u.join.first() {
            keys = push_new(keys, k.clone());
        }
        let own = Key { sql: ident(s.dialect, &column), column: Some(column.clone()), class: String::new(), down: false };
        let (keys, n) = if keys.is_empty() { (vec![own], 1) } else { (keys, n) };
        let share = asked.unwrap_or(1.0);
        let why = format!(
            "{sql} is a constant of the statement and holds for {} of the rows: only they need be in the index",
            percent(share, 1.0)
        );
        let mut shapes = vec![Shape::Partial];
        if !u.order.is_empty() {
            shapes.insert(0, Shape::Order);
        }
        let mut c = make(s, u, Draft { keys, equal: n, shapes, why });
        c.only_where = Some(sql.clone());
        c.name = name(&c, u.table);
        let there = u.table.indexes.iter().find(|i| {
            i.only_where.as_deref().is_some_and(|w| same_condition(w, &sql))
                && i.keys.len() >= c.keys.len()
                && c.keys.iter().zip(&i.keys).all(|(k, text)| same_key(text, k))
        });
        match there {
            Some(i) => out.dropped.push(Dropped {
                what: c.spec(s.dialect),
                reason: Reason::new(Why::Served, &u.table.name, format!("the index {} serves that already", i.name)).about(&i.name),
            }),
            None => consider(s, u, all, Some(share), lucky(s, u, answers), c, out),
        }
    }
}

/// Conditions are compared without parentheses and casts. SQLite does not say what its partial index is of: then it may be this.
fn same_condition(known: &str, ours: &str) -> bool {
    let bare = |t: &str| {
        let lower = t.to_lowercase();
        let mut out = String::new();
        let mut rest = lower.as_str();
        while let Some(at) = rest.find("::") {
            out.push_str(&rest[..at]);
            rest = rest[at + 2..].trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | ' ' | '.' | '"'));
        }
        out.push_str(rest);
        out.chars().filter(|c| !matches!(c, '(' | ')' | ' ' | '"')).collect::<String>()
    };
    known == "…" || bare(known) == bare(ours)
}
