//! Whether an index is there already that does what a candidate would.

use super::super::reasons::{Reason, Why};
use super::super::uses::Use;
use super::super::{Candidate, Key, SMALL, Shape};
use crate::plan::findings::scene::{Product, Scene};
use crate::plan::known::{Index, Table};
use crate::sql::reserved::ident;

/// Rows that an index finds one by one in no time: nothing is saved where the table need not be read for so few.
const FEW_ROWS: f64 = 20.0;

/// Why a candidate is not wanted: an index that is there, or the order in which the rows are stored, does what it would.
pub fn served(c: &Candidate, table: &Table) -> Option<Reason> {
    if let Some((i, one_row)) = table.indexes.iter().find_map(|i| Some((i, serves(i, c, table)?))) {
        let words = match one_row {
            true => format!("the index {} is unique on {}, which is tested: it finds one row at most already", i.name, i.keys.join(", ")),
            false => format!("the index {} serves that already", i.name),
        };
        return Some(Reason::new(Why::Served, &table.name, words).about(&i.name));
    }
    // The rowid: it is found by no index, because the rows themselves lie in its order.
    let own = Index { keys: table.stored_by.clone(), unique: true, ..Index::default() };
    serves(&own, c, table).filter(|_| !own.keys.is_empty()).map(|_| {
        let words = format!("the rows of {} are stored by {} (its rowid), which serves that already", table.name, own.keys.join(", "));
        Reason::new(Why::Served, &table.name, words)
    })
}

/// Whether an index that is there begins like the candidate, and finds so many rows that one which goes on from it may be better.
pub(super) fn goes_on(s: &Scene<'_>, u: &Use<'_>, c: &Candidate, share: Option<f64>) -> bool {
    let rows = u.table.rows.filter(|r| *r >= SMALL);
    let n = s.node(u.at);
    let found = share.zip(rows).map(|(k, r)| k * r).or(n.rows).or(n.est_rows);
    rows.is_some()
        && (c.shapes.contains(&Shape::Join) || found.is_none_or(|f| f >= FEW_ROWS))
        && u.table.indexes.iter().any(|i| i.keys != u.table.stored_by && serves(i, c, u.table) == Some(false))
}

/// Whether the candidate has all columns that the statement needs of the table.
pub(super) fn covers(c: &Candidate, u: &Use<'_>) -> bool {
    // The beginning of a column is not the column.
    let whole = |k: &Key, n: &str| k.column.as_deref() == Some(n) && !k.sql.ends_with(')');
    let has = |n: &String| c.keys.iter().any(|k| whole(k, n)) || c.include.contains(n) || u.table.stored_by.contains(n);
    u.needs.as_ref().is_some_and(|needs| needs.iter().all(has))
}

/// An index that would serve the candidate is there, and the planner may not use it.
pub(super) fn hidden(s: &Scene<'_>, c: &Candidate, u: &Use<'_>) -> Option<Reason> {
    let i = u.table.hidden.iter().find(|i| serves(i, c, u.table).is_some())?;
    let (is, way) = hiding(s.product);
    let says = format!("the index {} would serve that, and it is {is}: the planner may not use it", i.name);
    let mut r =
        Reason::new(Why::Hidden, &u.table.name, says).next("Let the planner use it, instead of building another one.").about(&i.name);
    r.sql = Some(format!("ALTER TABLE {} ALTER INDEX {} {way}", u.table_sql, ident(s.dialect, &i.name)));
    Some(r)
}

/// What an index that the planner may not use is called, and what lets it.
pub fn hiding(product: Product) -> (&'static str, &'static str) {
    if product == Product::MariaDb { ("IGNORED", "NOT IGNORED") } else { ("INVISIBLE", "VISIBLE") }
}

/// Whether an index does what the candidate would; true where that is because it finds one row at most.
fn serves(i: &Index, c: &Candidate, table: &Table) -> Option<bool> {
    if i.method != c.method || i.only_where.is_some() {
        return None;
    }
    let key_at = |n: usize, k: &Key| {
        let class = i.classes.get(n).map_or("", String::as_str);
        let class_fits = class == k.class
            || k.class.is_empty() && class.ends_with("pattern_ops") && n < c.equal
            // Of a column that takes no heed of case an index is like that by itself.
            || k.class.is_empty() && class == "COLLATE NOCASE"
            || k.class.ends_with(class) && !class.is_empty();
        i.keys.get(n).is_some_and(|text| same_key(text, k)) && class_fits
    };
    // A unique lookup finds one row: nothing more can be had from further keys.
    let one_row = i.unique
        && !i.keys.is_empty()
        && i.keys.len() <= c.equal
        && i.keys.iter().all(|text| c.keys[..c.equal].iter().any(|k| same_key(text, k)));
    if one_row {
        // With nothing else in the candidate it is simply the same index.
        return Some(c.keys.len() > i.keys.len() || c.keys.iter().zip(&i.keys).any(|(k, text)| !same_key(text, k)));
    }
    // Where the rows themselves lie in this order, all columns are at hand, and further keys sort nothing.
    let stored = i.unique && !i.keys.is_empty() && i.keys == table.stored_by;
    if stored && c.keys.len() >= i.keys.len() && (c.equal..i.keys.len()).all(|n| key_at(n, &c.keys[n]) && !c.keys[n].down) {
        let equal = c.equal.min(i.keys.len());
        if (0..equal).all(|n| c.keys[..c.equal].iter().any(|k| key_at(n, k))) {
            return Some(false);
        }
    }
    if i.keys.len() < c.keys.len() {
        return None;
    }
    let equal = (0..c.equal).all(|n| c.keys[..c.equal].iter().any(|k| key_at(n, k)));
    let rest: Vec<usize> = (c.equal..c.keys.len()).collect();
    let order = rest.iter().all(|n| key_at(*n, &c.keys[*n]));
    // Read backwards, all directions are turned.
    let down = |n: usize| i.down.get(n).copied().unwrap_or(false);
    let forwards = rest.iter().all(|n| down(*n) == c.keys[*n].down);
    let backwards = rest.iter().all(|n| down(*n) != c.keys[*n].down);
    let has = |column: &String| i.keys.contains(column) || i.also.contains(column);
    (equal && order && (forwards || backwards) && c.include.iter().all(has)).then_some(false)
}

/// Expressions are compared by their letters: servers put parentheses and casts where they like.
pub(super) fn same_key(text: &str, k: &Key) -> bool {
    match &k.column {
        Some(c) => text.eq_ignore_ascii_case(c),
        None => {
            let bare = |t: &str| {
                t.to_lowercase().chars().filter(|c| !matches!(c, '(' | ')' | ' ' | '"' | '`')).collect::<String>().replace("::text", "")
            };
            bare(text) == bare(&k.sql)
        }
    }
}
