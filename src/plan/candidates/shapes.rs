//! From what a statement does with a table to the indexes that would serve it, in the order of columns that a B-tree wants: equality,
//! then what ORDER BY asks for, then one range.

mod alternatives;
mod covering;
mod part;
mod served;

pub use alternatives::{EACH, UNION};
pub use served::{hiding, served};

use alternatives::together;
use covering::{covering, instead_of_table, narrow};
use part::{partial, unlike};
use served::{covers, goes_on, hidden};

use super::reasons::{Reason, Why};
use super::uses::{Tested, Use};
use super::{Answers, Candidate, Candidates, Dropped, KEEPS, Key, SMALL, Shape};
use crate::plan::expression::{Column, Test};
use crate::plan::findings::predicates::rewrite;
use crate::plan::findings::scene::{Product, Scene};
use crate::plan::findings::words::percent;
use crate::plan::known::Table;
use crate::text::thousands;

/// A partial index is for a value among few: with more, each value would want an index of its own.
const FEW_VALUES: f64 = 50.0;
/// Rows that a LIMIT without an order may read for nothing: reading so few takes no time.
const LUCKY: f64 = 1_000.0;
/// Candidates that are tried with all columns that are needed.
const BASES: usize = 2;
/// Rows for each value of a column up to which it needs no other beside it.
const ALONE: f64 = 20.0;
/// Ranges that are tried after the equalities, one at a time.
const RANGES: usize = 2;
/// Rows from which on an index of a few pages for the parts of a table is worth telling beside one of all rows.
const BIG: f64 = 100_000.0;
/// How far rows have to lie in the order of a column for such an index: less, and each part may hold any value.
const IN_ORDER: f64 = 0.9;

/// The share of the table's rows that its own tests keep.
pub fn share(u: &Use<'_>, answers: &Answers) -> Option<f64> {
    let asked = || u.condition.as_ref().and_then(|c| answers.kept.get(&(u.table_sql.clone(), c.clone())).copied());
    // What was measured on all rows is surer than an estimate.
    measured_share(u).or_else(|| asked().filter(|_| !u.guessed))
}

fn measured_share(u: &Use<'_>) -> Option<f64> {
    let (read, kept, rows) = (u.read?, u.kept?, u.table.rows?);
    (read > 0.0 && read >= 0.9 * rows && kept <= read).then(|| kept / read)
}

/// `the tests keep 30 % of orders`, and whose word that is: PostgreSQL's planner is asked, on the others the rows are counted.
fn keeping(u: &Use<'_>, share: f64) -> String {
    let who = if u.product == Product::Postgres && measured_share(u).is_none() {
        "the planner expects the tests to keep"
    } else {
        "the tests keep"
    };
    format!("{who} {} of {}", percent(share, 1.0), u.table.name)
}

/// The tests keep so much of the table that reading all of it is right.
pub fn most(u: &Use<'_>, answers: &Answers) -> Option<String> {
    share(u, answers).filter(|k| *k > KEEPS).map(|k| keeping(u, k))
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
    let mut one = |keys: Vec<Key>, equal: usize, shapes: Vec<Shape>, why: String| {
        let keys = without_tail(keys, u.table);
        let equal = equal.min(keys.len());
        if !keys.is_empty() && !drafts.iter().any(|d| same(&d.keys, d.equal, &keys, equal)) {
            drafts.push(Draft { keys, equal, shapes, why });
        }
    };
    let mut draft = |keys: Vec<Key>, equal: usize, mut shapes: Vec<Shape>, why: String| {
        // Whether an index can hold an expression is the server's word: the columns beside it are tried without it, too.
        let (plain, computed): (Vec<Key>, Vec<Key>) = keys.iter().cloned().partition(|k| k.column.is_some());
        if expression(&keys) {
            shapes.push(Shape::Expression);
        }
        let without = (!computed.is_empty() && shapes[0] != Shape::Order).then(|| {
            let n = keys[..equal].iter().filter(|k| k.column.is_some()).count();
            let shapes = shapes.iter().copied().filter(|s| *s != Shape::Expression).collect();
            (plain, n, shapes, format!("{why}; {} is left to the filter here", list(&computed)))
        });
        one(keys, equal, shapes, why);
        if let Some((keys, n, shapes, why)) = without {
            one(keys, n, shapes, why);
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
    let pass = if u.product == Product::Postgres && measured_share(u).is_none() { "are expected to pass" } else { "pass" };
    let kept = share.map_or(String::new(), |k| format!(", and {} of the rows {pass}", percent(k, 1.0)));
    if u.range.is_empty() {
        draft(equal.clone(), equal.len(), vec![Shape::Equality], format!("the statement tests {} for equality{kept}", list(&equal)));
    }
    // What is unlike a value is most of a table, unless it is known to be little.
    let most = |t: &Tested| share.is_none() && matches!(t.predicate.op.as_str(), "<>" | "not in");
    // Costs tell whether further columns are worth their room.
    if s.product == Product::Postgres {
        let tells = |k: &Key| k.column.as_ref().and_then(|c| u.table.spread.get(c)?.distinct);
        if let Some(first) = equal.first().filter(|_| equal.len() > 1)
            && tells(first).zip(u.table.rows).is_some_and(|(d, rows)| d * ALONE >= rows)
        {
            draft(vec![first.clone()], 1, vec![Shape::Equality], format!("{} alone finds a few rows already{kept}", first.sql));
        }
        if !u.range.is_empty() {
            draft(equal.clone(), equal.len(), vec![Shape::Equality], format!("the statement tests {} for equality{kept}", list(&equal)));
        }
        // Where the order's own column is tested, too, the walk begins at its bound.
        if u.order.first().is_some_and(|o| u.range.iter().any(|t| t.key.sql == o.sql)) && u.range.len() > 1 {
            let keys = u.range.iter().map(|t| t.key.clone()).fold(u.order.clone(), push_new);
            let why = "rows come in the order of ORDER BY, and the other columns are tested in the index".to_string();
            draft(fixed.iter().cloned().chain(keys).fold(Vec::new(), push_new), fixed.len(), vec![Shape::Order], why);
        }
    }
    for r in u.range.iter().filter(|t| !most(t)).take(RANGES) {
        let keys = push_new(equal.clone(), r.key.clone());
        let first = if equal.is_empty() { String::new() } else { format!("{} for equality first, then ", list(&equal)) };
        draft(keys, equal.len(), vec![Shape::Range], format!("the statement tests {first}a range of {}{kept}", r.key.sql));
    }
    // Where costs tell nothing: a table of which its own tests leave little is where the join begins, if the other side can be looked up.
    let begins = |other: &str| {
        let of = |o: &&Use<'_>| o.alias.eq_ignore_ascii_case(other) && !o.tested();
        let found = |o: &Use<'_>| {
            let by = |k: &Key| {
                k.column.as_deref().is_some_and(|c| o.table.has_index_on(&[c]) || o.table.stored_by.first().is_some_and(|s| s == c))
            };
            o.join.iter().any(|(side, k)| side.eq_ignore_ascii_case(&u.alias) && by(k))
        };
        u.product != Product::Postgres && share.is_some_and(|k| k <= KEEPS) && all.iter().any(|o| of(&o) && found(o))
    };
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
        let mut c = make(s, u, d);
        let joins = || u.join.iter().filter(|(_, k)| c.keys.first() == Some(k)).any(|(other, _)| begins(other));
        c.behind |= c.shapes.first() == Some(&Shape::Join) && joins();
        if lucky.is_none() && !expression(&c.keys) && goes_on(s, u, &c, share) {
            bases.push(c.clone());
        }
        consider(s, u, all, share, lucky, c, out);
    }
    bases.truncate(BASES);
    // An expression in the index spares no column of the table.
    let plain = |c: &&Candidate| c.table == u.table_sql && c.only_where.is_none() && !expression(&c.keys);
    bases.extend(out.proposed.iter().skip(first).filter(plain).take(BASES).cloned());
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
    if lucky.is_none() && share.is_none_or(|k| k <= KEEPS) && u.table.rows.is_some_and(|r| r >= BIG) {
        brin(s, u, out);
    }
}

/// An index of the smallest and the largest value in each part of the table, where the rows lie in the order of a column of which a range
/// is tested. It is told behind the others, which find rows sooner: it is for who wants its size.
fn brin(s: &Scene<'_>, u: &Use<'_>, out: &mut Candidates) {
    let in_order = |k: &Key| {
        let known = |c: &str| u.table.spread.get(c).and_then(|of| of.correlation).is_some_and(|by| by.abs() >= IN_ORDER);
        k.class.is_empty() && k.column.as_deref().is_some_and(|c| known(c) && !u.table.has_index_on(&[c]))
    };
    let Some(range) = u.range.iter().find(|t| in_order(&t.key)) else { return };
    let why = format!(
        "the rows lie in the order of {}: an index of a few pages tells which parts of the table may hold the range",
        range.key.sql
    );
    let keys = vec![Key { down: false, ..range.key.clone() }];
    let mut c = make(s, u, Draft { keys, equal: 0, shapes: vec![Shape::Range], why });
    c.method = Some("brin".into());
    c.name = name(&c, u.table);
    c.behind = true;
    c.caution = Some("It is as good as that order: rows that are changed or inserted elsewhere make it worse.".into());
    match served(&c, u.table) {
        Some(reason) => out.dropped.push(Dropped { what: c.spec(s.dialect), reason }),
        None => add(c, out),
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
        behind: d.why == LUCK,
        caution: None,
        why: d.why,
        nodes: vec![s.path(u.at).to_vec()],
        partitioned: u.partitioned,
        with: Vec::new(),
        instead: None,
    };
    let tests = || u.fixed.iter().chain(&u.among).chain(&u.range);
    let computed = c.keys.iter().filter(|k| k.column.is_none()).filter_map(|k| tests().find(|t| t.key.sql == k.sql));
    c.instead = computed.filter_map(|t| rewrite(s, &t.predicate)).next();
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

/// Whether anything in the statement leaves rows out.
fn restricted(s: &Scene<'_>, all: &[Use<'_>]) -> bool {
    all.iter().any(|u| u.tested() || !u.obstacles.is_empty())
        || s.all().any(|i| s.node(i).op == "limit")
        || s.select.as_ref().is_some_and(|q| q.limit.is_some())
}

/// The scan's own filter compares with another table's row: it is read again for each of those (a correlated subquery, a LATERAL one), and
/// no join can be made of it.
fn again(s: &Scene<'_>, i: usize) -> bool {
    let other = |c: &Column| c.qualifier.as_deref().is_some_and(|q| s.alias(i) != Some(q));
    s.filter(i).is_some_and(|f| s.read(f).columns().iter().any(|c| other(c)))
}

/// The table is where the join begins, read whole, and all that it is joined with is looked up by indexes that are there.
fn begins_anyway(s: &Scene<'_>, u: &Use<'_>, all: &[Use<'_>]) -> bool {
    let looked_up = |other: &str| all.iter().any(|o| o.alias.eq_ignore_ascii_case(other) && s.searches(o.at));
    !s.searches(u.at) && !again(s, u.at) && !u.join.is_empty() && u.join.iter().all(|(other, _)| looked_up(other))
}

/// A join above has few rows to look up (of a small table, VALUES, a function) and finds few of this table's: that may be quicker than
/// reading all of it.
fn few_lookups(s: &Scene<'_>, u: &Use<'_>) -> bool {
    let Some(rows) = u.table.rows else { return false };
    let few = |i: usize| s.node(i).rows_total.or(s.node(i).est_rows).is_some_and(|n| n <= KEEPS * rows);
    s.above(u.at).filter_map(|a| Some((a, s.sides(a)?))).any(|(join, (outer, inner))| {
        let other = if s.subtree(inner).contains(&u.at) { outer } else { inner };
        // How many a range finds is guessed, and nothing is hashed for one.
        few(other) && (few(join) || s.node(join).op == "nested loop")
    })
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
            format!("{}: an index finds them one by one, and reading the whole table is quicker", keeping(u, k)),
        ))
    } else if c.shapes[0] == Shape::Join && s.product == Product::Postgres && !restricted(s, all) && !again(s, u.at) && !few_lookups(s, u) {
        Some(Reason::new(
            Why::EverythingRead,
            name,
            format!("every row of {name} is joined: a hash of the whole table is quicker than so many lookups"),
        ))
    } else if c.shapes[0] == Shape::Join && !restricted(s, all) && begins_anyway(s, u, all) {
        Some(Reason::new(
            Why::EverythingRead,
            name,
            format!("every row of {name} is joined, and for each of them the other side is found by an index that is there"),
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
