//! Indexes that have all that a statement needs of a table, so that the table itself is not read.

use super::super::uses::Use;
use super::super::{Candidate, Candidates, Dropped, Key, Shape};
use super::served::{hidden, served};
use super::{Draft, FEW_VALUES, add, consider, make, name, push_new};
use crate::plan::findings::ddl::beginning;
use crate::plan::findings::scene::{Product, Scene};
use crate::sql::reserved::ident;

/// Columns that are carried along at most, and how wide each may be in bytes (plans.md §7.2: "≤ 3 narrow cols").
const CARRIED: (usize, f64) = (3, 64.0);

/// Characters that a column is declared for at most, to be carried along.
const DECLARED: u32 = 100;

/// Bytes of a column where nothing else is known.
const WIDTH: f64 = 8.0;

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
    // Few values of a text are a state or a kind; of a document they are its first ones.
    let words = kind == "text" || kind.starts_with("character varying");
    let few =
        words && s.product == Product::Postgres && u.table.spread.get(column).and_then(|w| w.distinct).is_some_and(|d| d <= FEW_VALUES);
    // A row of SQLite's goes on in other pages, in a table and in an index.
    is_limited(u, column) || few || s.product == Product::Sqlite
}

/// Whether its type keeps a column short.
fn is_limited(u: &Use<'_>, column: &str) -> bool {
    let kind = u.table.type_of(column).unwrap_or_default();
    let long =
        ["text", "blob", "json", "bytea", "xml", "[]", "tsvector", "hstore", "geometry", "geography"].iter().any(|t| kind.contains(t));
    let characters = ["char", "binary", "bit varying", "varbit"].iter().any(|t| kind.contains(t));
    let declared = || kind.split_once('(').and_then(|(_, n)| n.split([')', ',']).next()?.trim().parse::<u32>().ok());
    !long && (!characters || kind == "\"char\"" || kind == "char" || kind == "character" || declared().is_some_and(|n| n <= DECLARED))
}

/// All rows are wanted, but few of their columns: an index that has these is a smaller table, in the order of GROUP BY.
pub(super) fn narrow(s: &Scene<'_>, u: &Use<'_>, out: &mut Candidates) {
    if u.needs.as_ref().is_some_and(Vec::is_empty) {
        return counted(s, u, out);
    }
    let Some(needs) = u.needs.as_ref().filter(|n| (1..=CARRIED.0 + 1).contains(&n.len())) else { return };
    let beginning = |n: &String| s.product.is_mysql() && u.table.type_of(n).is_some_and(|t| !beginning(&t).is_empty());
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

/// `count(*)` of a whole table reads its smallest index: where all that are there have an entry as wide as a key for each row, one on the
/// narrowest column is smaller.
fn counted(s: &Scene<'_>, u: &Use<'_>, out: &mut Candidates) {
    let sole = s.select.as_ref().is_some_and(|q| q.tables.len() == 1 && q.limit.is_none() && q.group.is_empty() && !q.distinct);
    let width = |c: &str| u.table.spread.get(c).and_then(|w| w.width);
    let whole = |i: &&crate::plan::known::Index| i.only_where.is_none() && i.method.is_none() && i.keys != u.table.stored_by;
    if !sole || u.partitioned || u.table.indexes.iter().filter(whole).any(|i| !i.unique) {
        return;
    }
    let row: f64 = u.table.columns.iter().map(|c| width(&c.name).unwrap_or(WIDTH)).sum();
    let small = |kind: &str| {
        ["smallint", "tinyint", "boolean", "\"char\"", "integer", "int(", "date"].iter().any(|t| kind.starts_with(t)) || kind == "int"
    };
    let alike = |c: &str| u.table.spread.get(c).and_then(|w| w.distinct).unwrap_or(f64::INFINITY);
    let fixed = u.table.columns.iter().filter(|c| small(&c.type_name.to_lowercase()) && !u.table.stored_by.contains(&c.name));
    let Some(column) = fixed.min_by(|a, b| alike(&a.name).total_cmp(&alike(&b.name))).filter(|_| row >= 4.0 * WIDTH) else { return };
    let why = "all rows are counted, and the index is the smallest thing that has them all".to_string();
    let c = make(s, u, Draft { equal: 0, keys: vec![plain_key(s, &column.name)], shapes: vec![Shape::Covering], why });
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
pub(super) fn instead_of_table(s: &Scene<'_>, u: &Use<'_>, tested: Vec<Key>, equal: usize, out: &mut Candidates) {
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
pub(super) fn covering(s: &Scene<'_>, u: &Use<'_>, bases: Vec<Candidate>, out: &mut Candidates) {
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
        let endless: Vec<&str> = extra.iter().filter(|n| !is_limited(u, n) && s.product == Product::Postgres).map(|n| n.as_str()).collect();
        if !endless.is_empty() {
            c.behind = true;
            c.caution = Some(format!(
                "Nothing limits the length of {}: with it in the index, a row in which it is longer than about 2,700 bytes cannot be written any more.",
                endless.join(", ")
            ));
        }
        made.push(c);
    }
    for c in made {
        match served(&c, u.table).or_else(|| hidden(s, &c, u)) {
            Some(reason) => out.dropped.push(Dropped { what: c.spec(s.dialect), reason }),
            None => add(c, out),
        }
    }
}
