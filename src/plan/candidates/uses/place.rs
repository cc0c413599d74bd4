//! Each test goes to where an index could serve it, or to what keeps one from it.

use super::{Arm, Either, Obstacle, Tested, Use};
use crate::plan::candidates::keys::{elements, key, trigram};
use crate::plan::expression::{Expr, Predicate, Test};
use crate::plan::findings::scene::{Product, Scene};
use crate::plan::findings::words::shorter;

pub(super) fn place(s: &Scene<'_>, u: &mut Use<'_>, p: &Predicate) {
    let text = || shorter(&p.key.sql(s.dialect));
    if let (Some((kind, value)), Some(c)) = (s.converted(u.at, p), p.column()) {
        return hinder(u, Obstacle::Converted { column: c.name.clone(), kind, value: value.to_string() });
    }
    match p.test {
        Test::NotNull => {
            if p.column().is_some() && !u.not_null.contains(p) {
                u.not_null.push(p.clone());
            }
        }
        Test::Equal | Test::Null | Test::In | Test::Range | Test::Prefix => match key(s, u, p) {
            Ok(Some(key)) => {
                let list = match p.test {
                    Test::Equal | Test::Null => &mut u.fixed,
                    Test::In => &mut u.among,
                    _ => &mut u.range,
                };
                if !list.iter().any(|t| t.key == key) {
                    list.push(Tested { key, predicate: p.clone() });
                }
            }
            Ok(None) => {}
            Err(o) => hinder(u, o),
        },
        Test::Join | Test::RangeJoin => {
            let other = p.value.as_ref().and_then(|v| v.columns().first().and_then(|c| c.qualifier.clone())).unwrap_or_default();
            // A join with the same table's own other half is no join of this one.
            if let Ok(Some(k)) = key(s, u, p) {
                let list = if p.test == Test::Join { &mut u.join } else { &mut u.range_join };
                if !list.contains(&(other.clone(), k.clone())) {
                    list.push((other, k));
                }
            }
        }
        // `a = 1 or a = 2` is a list.
        Test::Or => match same_column(&p.key) {
            Some(e) => {
                let p = Predicate { test: Test::In, key: e, value: None, op: "in".into() };
                place(s, u, &p);
            }
            None => match same_columns(&p.key) {
                // `(a, b) in ((1, 2), (3, 4))`: each of the pairs is found in the same index.
                Some(columns) => {
                    for key in columns {
                        place(s, u, &Predicate { test: Test::In, key, value: None, op: "in".into() });
                    }
                }
                None => match arms(s, u, &p.key) {
                    Some(arms) => u.either.push(Either { text: text(), arms }),
                    None => hinder(u, Obstacle::Alternatives { text: text() }),
                },
            },
        },
        Test::Contains => match trigram(s, u, p) {
            Some(found) => match found {
                Ok(k) => u.special.push(("gin", Tested { key: k, predicate: p.clone() })),
                Err(o) => hinder(u, o),
            },
            None => hinder(u, Obstacle::Unindexable { text: format!("{} {} {}", text(), p.op, value(s, p)) }),
        },
        Test::NotEqual => {
            let whole = matches!(s.product, Product::Postgres | Product::Sqlite) && p.value.as_ref().is_some_and(Expr::is_constant);
            match key(s, u, p) {
                Ok(Some(key)) if whole && key.column.is_some() => u.unlike.push(Tested { key, predicate: p.clone() }),
                _ => hinder(u, Obstacle::Unindexable { text: format!("{} {} {}", text(), p.op, value(s, p)).trim_end().to_string() }),
            }
        }
        // SQLite searches an index for each row that the subquery gives.
        Test::Other
            if s.product == Product::Sqlite
                && among_rows(&p.key).is_some()
                && !s.all().any(|j| s.node(j).raw_op.starts_with("CORRELATED LIST")) =>
        {
            if let Some(what) = among_rows(&p.key) {
                let p = Predicate { test: Test::In, key: what.clone(), value: None, op: "in".into() };
                place(s, u, &p);
            }
        }
        Test::Other => match elements(s, u, p) {
            Some(k) => u.special.push(("gin", Tested { key: k, predicate: p.clone() })),
            None if p.key.columns().is_empty() => {}
            None if asks(&p.key) => hinder(u, Obstacle::Subquery { text: text() }),
            None => hinder(u, Obstacle::Unindexable { text: text() }),
        },
    }
}

/// The keys for each of the alternatives; nothing where one of them is found by no index.
fn arms(s: &Scene<'_>, u: &Use<'_>, either: &Expr) -> Option<Vec<Arm>> {
    let Expr::Or(parts) = either else { return None };
    let arm = |part: &Expr| {
        let (mut keys, mut range) = (Vec::new(), None);
        for p in part.predicates() {
            match (p.test, key(s, u, &p)) {
                (Test::Equal | Test::Null | Test::In, Ok(Some(k))) if !keys.contains(&k) => keys.push(k),
                (Test::Range | Test::Prefix | Test::NotNull, Ok(Some(k))) => range = range.or(Some(k)),
                _ => {}
            }
        }
        let equal = keys.len();
        keys.extend(range);
        (!keys.is_empty()).then_some(Arm { keys, equal })
    };
    parts.iter().map(arm).collect()
}

fn value(s: &Scene<'_>, p: &Predicate) -> String {
    p.value.as_ref().map_or(String::new(), |v| v.sql(s.dialect))
}

fn hinder(u: &mut Use<'_>, o: Obstacle) {
    if !u.obstacles.contains(&o) {
        u.obstacles.push(o);
    }
}

/// Whether it is a test by a subquery, or one of MariaDB's own wrappings round tests that stand in the statement too.
fn asks(e: &Expr) -> bool {
    let mut found = false;
    e.walk(&mut |x| {
        found |= matches!(x, Expr::Subquery(_)) || matches!(x, Expr::Call { name, .. } if name == "<in_optimizer>" || name == "trigcond")
    });
    found
}

/// What is looked for among the rows of a subquery.
fn among_rows(e: &Expr) -> Option<&Expr> {
    match e {
        Expr::In { what, list, negated: false } => matches!(list.as_slice(), [Expr::Subquery(_)]).then_some(&**what),
        _ => None,
    }
}

/// The column of alternatives that all test it for equality.
fn same_column(e: &Expr) -> Option<Expr> {
    let Expr::Or(parts) = e else { return None };
    let mut found: Option<Expr> = None;
    for part in parts {
        match part.predicates().as_slice() {
            [p] if matches!(p.test, Test::Equal | Test::In | Test::Null)
                && p.column().is_some()
                && found.as_ref().is_none_or(|f| *f == p.key) =>
            {
                found = Some(p.key.clone());
            }
            _ => return None,
        }
    }
    found
}

/// The columns of alternatives of which each tests all of them for equality.
fn same_columns(e: &Expr) -> Option<Vec<Expr>> {
    let Expr::Or(parts) = e else { return None };
    let mut found: Option<Vec<Expr>> = None;
    for part in parts {
        let mut own: Vec<Expr> = Vec::new();
        for p in part.predicates() {
            if !matches!(p.test, Test::Equal | Test::In) || p.column().is_none() {
                return None;
            }
            own.push(p.key);
        }
        match &found {
            None => found = Some(own),
            Some(f) if f.len() == own.len() && own.iter().all(|k| f.contains(k)) => {}
            Some(_) => return None,
        }
    }
    found.filter(|f| f.len() > 1)
}
