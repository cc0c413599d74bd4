//! From what a statement does with a table to the indexes that would serve it, in the order of columns that a B-tree wants: equality,
//! then what ORDER BY asks for, then one range (`reference/plans.md` §7.2).

use super::reasons::{Reason, Why};
use super::uses::{Tested, Use};
use super::{Answers, Candidate, Candidates, Dropped, KEEPS, Key, SMALL, Shape, TOGETHER};
use crate::plan::expression::Test;
use crate::plan::findings::scene::{Product, Scene, percent};
use crate::plan::known::{Index, Table};
use crate::sql::reserved::ident;
use crate::text::thousands;

/// Columns that are carried along at most, and how wide each may be in bytes (plans.md §7.2: "≤ 3 narrow cols").
const CARRIED: (usize, f64) = (3, 64.0);
/// Characters that a column is declared for at most, to be carried along.
const DECLARED: u32 = 100;
/// A partial index is for a value among few: with more, each value would want an index of its own.
const FEW_VALUES: f64 = 50.0;
/// Rows that a LIMIT without an order may read for nothing: reading so few takes no time.
const LUCKY: f64 = 1_000.0;
/// Bytes of a column where nothing else is known.
const WIDTH: f64 = 8.0;
/// Candidates that are tried with all columns that are needed.
const BASES: usize = 2;
/// Rows that an index finds one by one in no time: nothing is saved where the table need not be read for so few.
const FEW_ROWS: f64 = 20.0;
/// Ranges that are tried after the equalities, one at a time.
const RANGES: usize = 2;

/// The share of the table's rows that its own tests keep, and who says so.
pub fn share(u: &Use<'_>, answers: &Answers) -> Option<f64> {
    let asked = u.condition.as_ref().and_then(|c| answers.kept.get(&(u.table_sql.clone(), c.clone())).copied());
    // What was measured on all rows is surer than an estimate.
    match (u.read, u.kept, u.table.rows) {
        (Some(read), Some(kept), Some(rows)) if read > 0.0 && read >= 0.9 * rows && kept <= read => Some(kept / read),
        _ => asked.filter(|_| !u.guessed),
    }
}

/// How a LIMIT without an order ends reading soon: rows that it takes to find so many.
pub fn lucky(s: &Scene<'_>, u: &Use<'_>, answers: &Answers) -> Option<f64> {
    let limit = s.select.as_ref().and_then(|q| q.limit.filter(|_| q.order.is_empty() && q.group.is_empty()))?;
    if !u.limited && s.all().any(|i| s.node(i).op == "limit") {
        return None;
    }
    let share = share(u, answers)?;
    let rows = limit / share.max(1e-9);
    (share > 0.0 && rows <= LUCKY && s.select.as_ref().is_some_and(|q| q.tables.len() == 1)).then_some(rows)
}

const LUCK: &str = "rows come in the order of ORDER BY, and the LIMIT ends reading once it is full; that lives on luck: where the rows that pass \
    the tests stand at the end of that order, the whole index is read";

/// What else may be done where no index serves all alternatives.
pub const UNION: &str = "Written as a UNION, each alternative finds its rows by itself: compare the plans.";

struct Draft {
    keys: Vec<Key>,
    equal: usize,
    shapes: Vec<Shape>,
    why: String,
}

pub fn propose(s: &Scene<'_>, u: &Use<'_>, all: &[Use<'_>], answers: &Answers, out: &mut Candidates) {
    if !u.tested() && u.join.is_empty() && u.range_join.is_empty() && u.order.is_empty() {
        narrow(s, u, out);
        return;
    }
    let share = share(u, answers);
    let lucky = lucky(s, u, answers);
    let fixed = ordered(&u.fixed, u.table);
    let equal: Vec<Key> = fixed.iter().cloned().chain(ordered(&u.among, u.table)).fold(Vec::new(), push_new);
    let expression = |keys: &[Key]| keys.iter().any(|k| k.column.is_none());
    let mut drafts: Vec<Draft> = Vec::new();
    let mut draft = |keys: Vec<Key>, equal: usize, mut shapes: Vec<Shape>, why: String| {
        let keys = without_tail(keys, u.table);
        let equal = equal.min(keys.len());
        if expression(&keys) {
            shapes.push(Shape::Expression);
        }
        if !keys.is_empty() && !drafts.iter().any(|d| same(&d.keys, d.equal, &keys, equal)) {
            drafts.push(Draft { keys, equal, shapes, why });
        }
    };
    // Tests that an index in the order of ORDER BY does not help with leave few rows: how many are walked past is not known.
    let luck = fixed.is_empty() && u.tested() && !u.extreme && share.is_none_or(|k| k <= KEEPS);
    if !u.order.is_empty() {
        let keys = u.order.iter().filter(|k| !fixed.iter().any(|f| f.sql == k.sql)).cloned().fold(fixed.clone(), push_new);
        let why = if u.extreme {
            "the smallest and the largest value stand at the ends of the index: one look is enough"
        } else if !s.all().any(|i| s.node(i).op == "limit") && s.select.as_ref().is_none_or(|q| q.limit.is_none()) {
            "rows come in the order of ORDER BY: nothing is sorted"
        } else if luck {
            LUCK
        } else {
            "rows come in the order of ORDER BY, and the LIMIT ends reading after a few"
        };
        // Few values that an index finds are sorted in no time: better than a walk that may be long.
        if !luck || u.among.is_empty() {
            draft(keys, fixed.len(), vec![Shape::Order], why.into());
        }
        if !fixed.is_empty() && share.is_none_or(|k| k > KEEPS) {
            draft(u.order.clone(), 0, vec![Shape::Order], "rows come in the order of ORDER BY; the tests keep most of them".into());
        }
    }
    let kept = share.map_or(String::new(), |k| format!(", and {} of the rows pass", percent(k, 1.0)));
    if u.range.is_empty() {
        draft(equal.clone(), equal.len(), vec![Shape::Equality], format!("the statement tests {} for equality{kept}", list(&equal)));
    }
    for r in u.range.iter().take(RANGES) {
        let keys = push_new(equal.clone(), r.key.clone());
        let first = if equal.is_empty() { String::new() } else { format!("{} for equality first, then ", list(&equal)) };
        draft(keys, equal.len(), vec![Shape::Range], format!("the statement tests {first}a range of {}{kept}", r.key.sql));
    }
    let mut sides: Vec<&str> = u.join.iter().map(|(o, _)| o.as_str()).collect();
    sides.dedup();
    for (other, key) in &u.range_join {
        let joined = u.join.iter().filter(|(o, _)| o == other).map(|(_, k)| k.clone());
        let first: Vec<Key> = joined.fold(equal.clone(), push_new);
        let n = first.len();
        let why = format!("for each row of {other} a range of {} is looked up", key.sql);
        draft(push_new(first, key.clone()), n, vec![Shape::Join, Shape::Range], why);
    }
    for other in sides {
        let joined: Vec<Key> = u.join.iter().filter(|(o, _)| o == other).map(|(_, k)| k.clone()).collect();
        let keys = joined.iter().cloned().fold(equal.clone(), push_new);
        let n = keys.len();
        let why = format!(
            "each row of {other} is joined by {}{}",
            list(&joined),
            if equal.is_empty() { "" } else { ", with the equalities first" }
        );
        if !u.order.is_empty() {
            let ordered = u.order.iter().cloned().fold(keys.clone(), push_new);
            draft(ordered, n, vec![Shape::Join, Shape::Order], why.clone());
        }
        let mut ranged = keys.clone();
        if let Some(r) = u.range.first() {
            ranged = push_new(ranged, r.key.clone());
        }
        draft(ranged, n, vec![Shape::Join], why.clone());
        if !equal.is_empty() {
            draft(joined.clone(), joined.len(), vec![Shape::Join], why);
        }
    }
    let (first, dropped) = (out.proposed.len(), out.dropped.len());
    let mut bases = Vec::new();
    for d in drafts {
        let c = make(s, u, d);
        if lucky.is_none() && goes_on(s, u, &c, share) {
            bases.push(c.clone());
        }
        consider(s, u, all, share, lucky, c, out);
    }
    bases.truncate(BASES);
    bases.extend(out.proposed.iter().skip(first).filter(|c| c.table == u.table_sql && c.only_where.is_none()).take(BASES).cloned());
    covering(s, u, bases, out);
    let refused = &out.dropped[dropped..];
    if out.proposed.len() == first && !refused.is_empty() && refused.iter().all(|d| d.reason.why == Why::LowSelectivity) {
        let first = u.range.first().map(|r| r.key.clone());
        instead_of_table(s, u, first.into_iter().fold(equal.clone(), push_new), equal.len(), out);
    }
    together(s, u, all, share, lucky, out);
    unlike(s, u, all, share, lucky, &equal, out);
    partial(s, u, all, answers, &equal, out);
    for (method, t) in &u.special {
        let shape = if t.predicate.test == Test::Contains { Shape::Pattern } else { Shape::Contains };
        let why = match shape {
            Shape::Pattern => format!("trigrams find {} by a piece in its middle{kept}", t.key.sql),
            _ => format!("a GIN index finds the elements of {}{kept}", t.key.sql),
        };
        let mut c = make(s, u, Draft { keys: vec![t.key.clone()], equal: 1, shapes: vec![shape], why });
        c.method = Some((*method).to_string());
        consider(s, u, all, share, lucky, c, out);
    }
}

/// The keys without those at the end that every index of the table ends with anyway.
fn without_tail(mut keys: Vec<Key>, table: &Table) -> Vec<Key> {
    let tail = |keys: &[Key], n: usize| {
        keys.iter().rev().take(n).rev().zip(&table.stored_by).all(|(k, c)| k.column.as_ref() == Some(c) && !k.down && k.class.is_empty())
    };
    if let Some(n) = (1..keys.len().min(table.stored_by.len() + 1)).rev().find(|n| tail(&keys, *n)) {
        keys.truncate(keys.len() - n);
    }
    keys
}

fn push_new(mut keys: Vec<Key>, k: Key) -> Vec<Key> {
    if !keys.iter().any(|o| o.sql == k.sql) {
        keys.push(k);
    }
    keys
}

fn same(a: &[Key], a_equal: usize, b: &[Key], b_equal: usize) -> bool {
    a == b
        || a_equal == b_equal && a.len() == b.len() && a[a_equal..] == b[b_equal..] && a[..a_equal].iter().all(|k| b[..b_equal].contains(k))
}

fn list(keys: &[Key]) -> String {
    keys.iter().map(|k| k.sql.as_str()).collect::<Vec<_>>().join(", ")
}

/// Equalities in an order that other statements can use too: where an index begins already, then by how much a column tells.
fn ordered(tests: &[Tested], table: &Table) -> Vec<Key> {
    let mut keys: Vec<Key> = tests.iter().map(|t| t.key.clone()).collect();
    let tells = |k: &Key| k.column.as_ref().and_then(|c| table.spread.get(c)?.distinct).unwrap_or(0.0);
    keys.sort_by(|a, b| tells(b).total_cmp(&tells(a)));
    keys
}

fn make(s: &Scene<'_>, u: &Use<'_>, d: Draft) -> Candidate {
    let mut c = Candidate {
        name: String::new(),
        table: u.table_sql.clone(),
        schema: u.table.schema.clone(),
        relation: u.table.name.clone(),
        keys: d.keys,
        equal: d.equal,
        include: Vec::new(),
        only_where: None,
        method: None,
        shapes: d.shapes,
        luck: d.why == LUCK,
        why: d.why,
        nodes: vec![s.path(u.at).to_vec()],
        partitioned: u.partitioned,
        with: Vec::new(),
    };
    c.name = name(&c, u.table);
    c
}

/// `orders_customer_id_created_at_idx`, within what every engine keeps, and not taken.
fn name(c: &Candidate, table: &Table) -> String {
    let word = |k: &Key| {
        let raw = k.column.clone().unwrap_or_else(|| k.sql.clone());
        let plain: String = raw.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        plain.split('_').filter(|p| !p.is_empty()).collect::<Vec<_>>().join("_")
    };
    let mut parts: Vec<String> = vec![c.relation.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()];
    parts.extend(c.keys.iter().map(word));
    parts.extend(c.method.clone());
    if c.only_where.is_some() {
        parts.push("part".into());
    }
    if c.shapes.contains(&Shape::Covering) {
        parts.push("all".into());
    }
    let mut base = parts.join("_");
    // NAMEDATALEN − 1 is 63; room for `_idx` and a number.
    while base.len() > 56 {
        base.pop();
    }
    let taken = |n: &str| table.indexes.iter().chain(&table.hidden).any(|i| i.name.eq_ignore_ascii_case(n));
    let plain = format!("{base}_idx");
    if !taken(&plain) {
        return plain;
    }
    (2..).map(|n| format!("{base}_idx{n}")).find(|n| !taken(n)).unwrap_or(plain)
}

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
fn goes_on(s: &Scene<'_>, u: &Use<'_>, c: &Candidate, share: Option<f64>) -> bool {
    let rows = u.table.rows.filter(|r| *r >= SMALL);
    let n = s.node(u.at);
    let found = share.zip(rows).map(|(k, r)| k * r).or(n.rows).or(n.est_rows);
    rows.is_some()
        && (c.shapes.contains(&Shape::Join) || found.is_none_or(|f| f >= FEW_ROWS))
        && u.table.indexes.iter().any(|i| i.keys != u.table.stored_by && serves(i, c, u.table) == Some(false))
}

/// Whether the candidate has all columns that the statement needs of the table.
fn covers(c: &Candidate, u: &Use<'_>) -> bool {
    // The beginning of a column is not the column.
    let whole = |k: &Key, n: &str| k.column.as_deref() == Some(n) && !k.sql.ends_with(')');
    let has = |n: &String| c.keys.iter().any(|k| whole(k, n)) || c.include.contains(n) || u.table.stored_by.contains(n);
    u.needs.as_ref().is_some_and(|needs| needs.iter().all(has))
}

/// An index that would serve the candidate is there, and the planner may not use it.
fn hidden(s: &Scene<'_>, c: &Candidate, u: &Use<'_>) -> Option<Reason> {
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
            || k.class == "COLLATE NOCASE"
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
fn same_key(text: &str, k: &Key) -> bool {
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

/// Whether anything in the statement leaves rows out.
pub fn restricted(s: &Scene<'_>, all: &[Use<'_>]) -> bool {
    all.iter().any(|u| u.tested() || !u.obstacles.is_empty())
        || s.all().any(|i| s.node(i).op == "limit")
        || s.select.as_ref().is_some_and(|q| q.limit.is_some())
}

fn consider(s: &Scene<'_>, u: &Use<'_>, all: &[Use<'_>], share: Option<f64>, lucky: Option<f64>, c: Candidate, out: &mut Candidates) {
    let name = &u.table.name;
    let selective = !c.shapes.iter().any(|x| matches!(x, Shape::Join | Shape::Order));
    let why = if let Some(rows) = u.table.rows.filter(|r| *r < SMALL) {
        Some(Reason::new(
            Why::SmallTable,
            name,
            format!("{name} has about {} rows: reading all of them is as quick", thousands(rows.max(0.0) as u64)),
        ))
    } else if let Some(reason) = served(&c, u.table).or_else(|| hidden(s, &c, u)) {
        Some(reason)
    } else if let Some(rows) = lucky.filter(|_| selective) {
        Some(Reason::new(
            Why::LimitLuck,
            name,
            format!("the LIMIT is full after about {} rows of {name}, in whatever order they come", thousands(rows.ceil() as u64)),
        ))
    } else if let Some(k) = share.filter(|k| *k > KEEPS && selective && !covers(&c, u)) {
        Some(Reason::new(
            Why::LowSelectivity,
            name,
            format!("the tests keep {} of {name}: an index finds them one by one, and reading the whole table is quicker", percent(k, 1.0)),
        ))
    } else if c.shapes[0] == Shape::Join && s.product == Product::Postgres && !restricted(s, all) {
        Some(Reason::new(
            Why::EverythingRead,
            name,
            format!("every row of {name} is joined: a hash of the whole table is quicker than so many lookups"),
        ))
    } else {
        None
    };
    match why {
        Some(reason) => out.dropped.push(Dropped { what: c.spec(s.dialect), reason }),
        None => add(c, out),
    }
}

/// One index stands there once, whatever it is for.
fn add(c: Candidate, out: &mut Candidates) {
    let twin = |o: &&mut Candidate| {
        o.table == c.table
            && o.only_where == c.only_where
            && o.method == c.method
            && o.include == c.include
            && o.with == c.with
            && (o.keys == c.keys || same(&o.keys, o.equal, &c.keys, c.equal))
    };
    match out.proposed.iter_mut().find(twin) {
        Some(o) => {
            for node in c.nodes {
                if !o.nodes.contains(&node) {
                    o.nodes.push(node);
                }
            }
            for shape in c.shapes {
                if !o.shapes.contains(&shape) {
                    o.shapes.push(shape);
                }
            }
        }
        None => out.proposed.push(c),
    }
}

/// Whether a column takes little room in an index.
fn is_narrow(s: &Scene<'_>, u: &Use<'_>, column: &str) -> bool {
    match u.table.spread.get(column).and_then(|w| w.width) {
        Some(w) => w <= CARRIED.1,
        None => {
            let kind = u.table.type_of(column).unwrap_or_default();
            s.product == Product::Sqlite || !["text", "blob", "json", "bytea", "xml"].iter().any(|t| kind.contains(t))
        }
    }
}

/// Whether a column can be carried along whatever will be written into it: an entry of an index has a largest size, and a row that does not
/// fit is refused. The average of today's says nothing of that; few different values do.
fn is_bounded(s: &Scene<'_>, u: &Use<'_>, column: &str) -> bool {
    let kind = u.table.type_of(column).unwrap_or_default();
    let long =
        ["text", "blob", "json", "bytea", "xml", "[]", "tsvector", "hstore", "geometry", "geography"].iter().any(|t| kind.contains(t));
    let characters = ["char", "binary", "bit varying", "varbit"].iter().any(|t| kind.contains(t));
    let declared = || kind.split_once('(').and_then(|(_, n)| n.split([')', ',']).next()?.trim().parse::<u32>().ok());
    let bounded =
        !long && (!characters || kind == "\"char\"" || kind == "char" || kind == "character" || declared().is_some_and(|n| n <= DECLARED));
    let few = s.product == Product::Postgres && u.table.spread.get(column).and_then(|w| w.distinct).is_some_and(|d| d <= FEW_VALUES);
    // A row of SQLite's goes on in other pages, in a table and in an index.
    bounded || few || s.product == Product::Sqlite
}

/// All rows are wanted, but few of their columns: an index that has these is a smaller table, in the order of GROUP BY.
fn narrow(s: &Scene<'_>, u: &Use<'_>, out: &mut Candidates) {
    let Some(needs) = u.needs.as_ref().filter(|n| (1..=CARRIED.0 + 1).contains(&n.len())) else { return };
    let beginning = |n: &String| s.product.is_mysql() && u.table.type_of(n).is_some_and(|t| t.contains("text") || t.contains("blob"));
    // As wide as the table, it would be read no sooner.
    let (entry, row) = (8.0 + WIDTH * needs.len() as f64, WIDTH * u.table.columns.len() as f64);
    let order = whole_order(s, u, needs);
    if u.partitioned || order.is_empty() && 2.0 * entry > row || needs.iter().any(|n| !is_narrow(s, u, n) || beginning(n)) {
        return;
    }
    let groups = s.select.as_ref().map(|q| q.group.as_slice()).unwrap_or_default();
    let grouped = groups.iter().filter_map(|g| g.expr.column()).filter_map(|c| needs.iter().find(|n| n.eq_ignore_ascii_case(&c.name)));
    let first = grouped.map(|n| plain_key(s, n)).fold(order.clone(), push_new);
    // What every index of the table has anyway is no key, unless it is the order that is asked for.
    let in_all = |n: &&String| !u.table.stored_by.contains(n);
    let rest = needs.iter().filter(in_all).map(|n| plain_key(s, n));
    let wanted = needs.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut why = format!("the statement needs {wanted} of every row, and the index has no more than that");
    let (mut keys, mut include) = (rest.fold(first, push_new), Vec::new());
    if keys.is_empty() {
        return;
    }
    if !order.is_empty() {
        why = format!("{why}, in the order of ORDER BY");
        if s.product == Product::Postgres && !(1..11).contains(&major(s)) {
            include = keys.split_off(order.len()).into_iter().filter_map(|k| k.column).collect();
        }
    }
    let shapes = if order.is_empty() { vec![Shape::Covering] } else { vec![Shape::Order, Shape::Covering] };
    let mut c = make(s, u, Draft { equal: 0, keys, shapes, why });
    c.include = include;
    consider(s, u, &[], None, None, c, out);
}

/// What ORDER BY asks of a table that is wanted whole, as keys: nothing is sorted where an index has that order.
fn whole_order(s: &Scene<'_>, u: &Use<'_>, needs: &[String]) -> Vec<Key> {
    let Some(q) = s.select.as_ref().filter(|q| q.tables.len() == 1 && q.group.is_empty() && !q.distinct) else { return Vec::new() };
    let key = |k: &crate::plan::expression::SortKey| {
        let c = k.expr.column().filter(|c| c.may_be_of(&u.alias) && k.nulls_first.is_none())?;
        needs.iter().find(|n| n.eq_ignore_ascii_case(&c.name)).map(|n| Key { down: k.descending, ..plain_key(s, n) })
    };
    let mut keys = q.order.iter().map(key).collect::<Option<Vec<Key>>>().unwrap_or_default();
    if keys.iter().all(|k| k.down) {
        keys.iter_mut().for_each(|k| k.down = false);
    }
    keys
}

/// The server's major version; 0 where it is not known.
fn major(s: &Scene<'_>) -> u32 {
    s.plan.version.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
}

/// The tests keep too many rows to look each of them up; an index that has all that is needed is read instead of the table, in the order of
/// GROUP BY within the equalities.
fn instead_of_table(s: &Scene<'_>, u: &Use<'_>, tested: Vec<Key>, equal: usize, out: &mut Candidates) {
    let beginning = |k: &Key| s.product.is_mysql() && k.column.is_some() && k.sql.ends_with(')');
    let Some(needs) = u.needs.as_ref().filter(|_| !tested.is_empty() && !u.partitioned && !tested.iter().any(beginning)) else { return };
    let has = |keys: &[Key], n: &str| keys.iter().any(|k| k.column.as_ref().is_some_and(|c| c.eq_ignore_ascii_case(n)));
    let extra: Vec<&String> = needs.iter().filter(|n| !has(&tested, n) && !u.table.stored_by.contains(n)).collect();
    if extra.is_empty() || extra.len() > CARRIED.0 || extra.iter().any(|n| !is_narrow(s, u, n) || !is_bounded(s, u, n)) {
        return;
    }
    let groups = s.select.as_ref().map(|q| q.group.as_slice()).unwrap_or_default();
    let grouped = groups.iter().filter_map(|g| g.expr.column()).filter_map(|c| extra.iter().find(|n| n.eq_ignore_ascii_case(&c.name)));
    let keys = grouped.map(|n| plain_key(s, n)).fold(tested, push_new);
    let keys = extra.iter().map(|n| plain_key(s, n)).fold(keys, push_new);
    let why = format!("the index has all that the statement needs of {}, so that the table itself is not read", u.table.name);
    let c = make(s, u, Draft { equal, keys, shapes: vec![Shape::Equality, Shape::Covering], why });
    consider(s, u, &[], None, None, c, out);
}

fn plain_key(s: &Scene<'_>, column: &str) -> Key {
    Key { sql: ident(s.dialect, column), column: Some(column.to_string()), class: String::new(), down: false }
}

/// Puts the columns by which rows are grouped in front; how many these are.
fn grouped(s: &Scene<'_>, u: &Use<'_>, extra: &mut [&String]) -> usize {
    let Some(q) = s.select.as_ref().filter(|q| q.tables.len() == 1) else { return 0 };
    if q.distinct && q.group.is_empty() {
        return extra.len();
    }
    let place = |n: &String| {
        let is = |c: &crate::plan::expression::Column| c.may_be_of(&u.alias) && c.name.eq_ignore_ascii_case(n);
        q.group.iter().position(|g| g.expr.column().is_some_and(is))
    };
    extra.sort_by_key(|n| place(n).unwrap_or(usize::MAX));
    extra.iter().filter(|n| place(n).is_some()).count()
}

/// The same with all columns that are needed, where those are few and narrow.
fn covering(s: &Scene<'_>, u: &Use<'_>, bases: Vec<Candidate>, out: &mut Candidates) {
    let Some(needs) = &u.needs else { return };
    let mut made = Vec::new();
    for base in bases {
        // The primary key is in every index of InnoDB, and the rowid in every one of SQLite.
        let there = |n: &String| base.keys.iter().any(|k| k.column.as_ref() == Some(n)) || u.table.stored_by.contains(n);
        let mut extra: Vec<&String> = needs.iter().filter(|n| !there(n)).collect();
        // The beginning of a column is not the column.
        let beginning = |k: &Key| s.product.is_mysql() && k.column.is_some() && k.sql.ends_with(')');
        if extra.is_empty()
            || extra.len() > CARRIED.0
            || !extra.iter().all(|n| is_narrow(s, u, n) && is_bounded(s, u, n))
            || base.keys.iter().any(|k| !k.class.is_empty() || beginning(k))
        {
            continue;
        }
        let mut c = base.clone();
        // In the order of GROUP BY or DISTINCT, behind the equalities, groups stand together.
        let grouped = if base.equal == base.keys.len() { grouped(s, u, &mut extra) } else { 0 };
        let keys = if s.product == Product::Postgres { grouped } else { extra.len() };
        c.keys.extend(extra[..keys].iter().map(|n| plain_key(s, n)));
        c.include = extra[keys..].iter().map(|n| (*n).clone()).collect();
        // INCLUDE is there from 11 on.
        if !c.include.is_empty() && (1..11).contains(&major(s)) {
            continue;
        }
        c.shapes.push(Shape::Covering);
        c.why = format!(
            "{}; with {} in it too, the table itself is not read",
            c.why,
            extra.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(", ")
        );
        c.name = name(&c, u.table);
        made.push(c);
    }
    for c in made {
        match served(&c, u.table).or_else(|| hidden(s, &c, u)) {
            Some(reason) => out.dropped.push(Dropped { what: c.spec(s.dialect), reason }),
            None => add(c, out),
        }
    }
}

/// An index for each of the alternatives of an OR over several columns: what they find is put together.
fn together(s: &Scene<'_>, u: &Use<'_>, all: &[Use<'_>], share: Option<f64>, lucky: Option<f64>, out: &mut Candidates) {
    let way = match s.product {
        Product::Postgres => "BitmapOr",
        Product::MySql | Product::MariaDb => "index_merge",
        Product::Sqlite => "MULTI-INDEX OR",
    };
    for e in &u.either {
        let mut made: Vec<Candidate> = Vec::new();
        for arm in &e.arms {
            let shape = if arm.equal == arm.keys.len() { Shape::Equality } else { Shape::Range };
            let why =
                format!("each alternative of {} is looked up in an index of its own, and what they find is put together ({way})", e.text);
            let c = make(s, u, Draft { keys: arm.keys.clone(), equal: arm.equal, shapes: vec![shape], why });
            if !made.iter().any(|o| same(&o.keys, o.equal, &c.keys, c.equal)) {
                made.push(c);
            }
        }
        let arms = made.len();
        let (there, mut missing): (Vec<_>, Vec<_>) = made.into_iter().map(|c| (served(&c, u.table), c)).partition(|(r, _)| r.is_some());
        if missing.len() > TOGETHER {
            let says = format!(
                "the alternatives {} on {} take {} indexes at once, and so many were not tried together",
                e.text,
                u.table.name,
                missing.len()
            );
            out.reasons.push(Reason::new(Why::Alternatives, &u.table.name, says).next(UNION));
        } else if missing.is_empty() {
            let Some((Some(reason), c)) = there.into_iter().next() else { continue };
            let says = format!("each of the {arms} alternatives of {} has an index", e.text);
            out.dropped.push(Dropped {
                what: c.spec(s.dialect),
                reason: Reason { text: says, index: reason.index, ..Reason::new(Why::Served, &u.table.name, "") },
            });
        } else {
            let mut first = missing.remove(0).1;
            first.with = missing.into_iter().map(|(_, c)| c).collect();
            consider(s, u, all, share, lucky, first, out);
        }
    }
}

/// An index over the rows alone that have none of the usual values.
fn unlike(s: &Scene<'_>, u: &Use<'_>, all: &[Use<'_>], share: Option<f64>, lucky: Option<f64>, equal: &[Key], out: &mut Candidates) {
    if u.unlike.is_empty() {
        return;
    }
    if let Some(k) = share.filter(|k| *k > KEEPS) {
        let says = format!("the tests keep {} of {}: reading the whole table is quicker", percent(k, 1.0), u.table.name);
        let what = format!("{} ({})", u.table_sql, list(&u.unlike.iter().map(|t| t.key.clone()).collect::<Vec<_>>()));
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
fn partial(s: &Scene<'_>, u: &Use<'_>, all: &[Use<'_>], answers: &Answers, equal: &[Key], out: &mut Candidates) {
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
