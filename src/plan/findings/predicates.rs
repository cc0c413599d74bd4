//! Conditions that no index serves as they are written: casts, functions, patterns, NOT IN (F8, F9, F10, F23).

use super::Draft;
use super::scans::{WORTH_KEEPING, tests};
use super::scene::{MANY, Product, Scan, Scene, Weight};
use super::words::{count, shorter, spent, try_on};
use crate::model::Severity;
use crate::model::plan::{Confidence, PlanFinding};
use crate::plan::expression::{Column, Expr, Predicate, Test};
use crate::sql::reserved::ident;

pub fn look(s: &Scene<'_>, out: &mut Vec<PlanFinding>) {
    for i in s.all() {
        if s.node(i).never_executed {
            continue;
        }
        if let Some(scan) = s.scan(i) {
            filters(s, &scan, out);
        }
        out.extend(join_cast(s, i));
    }
    out.extend(not_in(s));
}

/// A scan's own tests, where the scan weighs enough.
fn filters(s: &Scene<'_>, scan: &Scan, out: &mut Vec<PlanFinding>) {
    let (Some(filter), Some(weight), Some(alias)) = (&scan.filter, scan.weight, s.alias(scan.at)) else { return };
    // Nothing measured: only where there is much to read.
    let rows = scan.read.or_else(|| s.table_rows(scan.at));
    if !matches!(weight, Weight::Timed(_)) && rows.is_none_or(|r| r < MANY) {
        return;
    }
    // SQLite: a search already narrows, and what its tests drop is not counted.
    if s.product == Product::Sqlite && s.searches(scan.at) {
        return;
    }
    // Few rows dropped: no index would spare anything.
    if let (Some(removed), Some(read)) = (scan.removed(), scan.read)
        && removed < (1.0 - WORTH_KEEPING) * read
    {
        return;
    }
    let tests = filter.predicates_on(alias);
    // Of several it is the equality that keeps few.
    let equal = |p: &Predicate| matches!(p.test, Test::Equal | Test::In | Test::Prefix);
    let narrow = tests.iter().any(|p| equal(p) && !p.key.has_unread());
    for p in tests.into_iter().filter(|p| !narrow || p.test != Test::Range) {
        match p.test {
            Test::Contains => out.push(pattern(s, scan, weight, &p)),
            Test::Equal | Test::In | Test::Range | Test::Prefix if p.column().is_none() => out.extend(computed(s, scan, weight, &p)),
            _ if s.converted(scan.at, &p).is_some() => out.extend(silent_cast(s, scan, weight, &p)),
            _ => {}
        }
    }
}

/// F9 or F8: the tested thing is not the column itself.
fn computed(s: &Scene<'_>, scan: &Scan, weight: Weight, p: &Predicate) -> Option<PlanFinding> {
    if p.key.has_unread() || p.key.columns().is_empty() || matches!(p.key, Expr::Row(_)) {
        return None;
    }
    if let Some((column, to)) = p.key.cast_column() {
        return match cast_kind(s, scan.at, column, to) {
            Cast::Harmless | Cast::Unknown => None,
            Cast::Shortens => Some(function(s, scan, weight, p)),
            // Where there is no index, none is lost; unless it is all that the filter says, and no plain index could serve it.
            Cast::Mismatch
                if s.table(scan.at).is_some_and(|t| !t.has_index_on(&[&column.name]))
                    && tests(s, scan).iter().any(|t| t.column().is_some()) =>
            {
                None
            }
            Cast::Mismatch => Some(mismatch(s, scan.at, weight, column, to, p)),
        };
    }
    Some(function(s, scan, weight, p))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cast {
    /// The same bytes: an index on the column serves it.
    Harmless,
    /// Depends on the column's type, which is not known.
    Unknown,
    /// A timestamp made a date: a function in other words.
    Shortens,
    /// The other side has another type.
    Mismatch,
}

fn cast_kind(s: &Scene<'_>, i: usize, column: &Column, to: &str) -> Cast {
    let to = to.to_lowercase();
    let from = s.table(i).and_then(|t| t.type_of(&column.name));
    let textual =
        |t: &str| ["text", "character", "varchar", "char", "bpchar", "name", "citext", "\"char\""].iter().any(|w| t.starts_with(w));
    let time = |t: &str| t.starts_with("timestamp") || t.starts_with("datetime");
    if to.starts_with("date") && !to.starts_with("datetime") {
        return match from.as_deref() {
            Some(t) if t.starts_with("date") && !t.starts_with("datetime") => Cast::Harmless,
            _ => Cast::Shortens,
        };
    }
    match from.as_deref() {
        Some(f) if textual(f) && textual(&to) => Cast::Harmless,
        // Domains and arrays of the same are relabelled too.
        Some(f) if f.split('(').next() == to.split('(').next() => Cast::Harmless,
        // The planner compares across the widths of integers, and dates with timestamps, by one index.
        Some(f) if s.product == Product::Postgres && time(f) && time(&to) => Cast::Shortens,
        Some(_) => Cast::Mismatch,
        // `(name)::text` is what PostgreSQL prints for every varchar.
        None if textual(&to) => Cast::Unknown,
        None if to.starts_with("numeric")
            || to.starts_with("double")
            || to.starts_with("real")
            || to.starts_with("decimal")
            || to.starts_with("bigint")
            || to.starts_with("int") =>
        {
            Cast::Mismatch
        }
        None => Cast::Unknown,
    }
}

fn mismatch(s: &Scene<'_>, i: usize, weight: Weight, column: &Column, to: &str, p: &Predicate) -> PlanFinding {
    let own = s.table(i).and_then(|t| t.type_of(&column.name));
    let indexed = s.table(i).map(|t| t.has_index_on(&[&column.name]));
    let is = own.as_ref().map(|t| format!(" ({t})")).unwrap_or_default();
    let so = match indexed {
        Some(true) => "its index cannot be used",
        Some(false) => "an index on it could not be used",
        None => "an index on it cannot be used",
    };
    let (sure, because) = match (own.is_some(), indexed) {
        (true, Some(true)) => (Confidence::Certain, ""),
        _ => (Confidence::Likely, "the column's type and indexes are not known here, or it has no index yet"),
    };
    Draft::new("F8", Severity::Warning, weight, sure).at(s.path(i)).but(sure, because).say(
        format!("{}.{}{is} is compared as {to}: {so}{}", s.name(i), column.name, spent(weight)),
        remedy(s, own.as_deref(), column, to, p, indexed == Some(false)),
    )
}

/// What to write instead, where that finds the same rows.
fn remedy(s: &Scene<'_>, own: Option<&str>, column: &Column, to: &str, p: &Predicate, unindexed: bool) -> String {
    let condition = shorter(&p.key.qualified_sql(s.dialect));
    let whole = |t: &str| ["int", "bigint", "smallint"].iter().any(|w| t.to_lowercase().starts_with(w));
    let fractions = |t: &str| ["numeric", "decimal", "double", "real", "float"].iter().any(|w| t.starts_with(w));
    if p.test == Test::Prefix {
        format!("A pattern is of text, and the column is none: ask for a range of {} (>= its beginning AND < the next one).", column.name)
    } else if own.is_some_and(fractions) && whole(to) {
        format!(
            "The cast rounds, so that comparing the column itself finds other rows: ask for the range of {} that is rounded to the value (the condition is {condition}), or index the expression.",
            column.name
        )
    } else if unindexed {
        format!(
            "Give the other side the column's type instead (the condition is {condition}): then a plain index on {} can serve it.",
            column.name
        )
    } else {
        format!("Cast the other side to the column's type instead (the condition is {condition}), and see whether the index is taken.")
    }
}

/// F8: a text column beside a number, converted without a word.
fn silent_cast(s: &Scene<'_>, scan: &Scan, weight: Weight, p: &Predicate) -> Option<PlanFinding> {
    let (own, value) = s.converted(scan.at, p)?;
    let column = ident(s.dialect, &p.column()?.name);
    let so = if s.indexed(scan.at, std::slice::from_ref(&p.column()?.name)) { "its index cannot" } else { "no index on it could" };
    let next = match p.test {
        Test::Equal => format!("Write the value as text ({column} = '{value}') and see whether an index is taken."),
        _ => "Write the values as text, and see whether an index is taken; as text, 10 comes before 9.".to_string(),
    };
    Some(Draft::new("F8", Severity::Warning, weight, Confidence::Certain).at(s.path(scan.at)).say(
        format!(
            "{}.{} ({own}) is compared with the number {value}: each value is converted, {so} be used{}",
            s.name(scan.at),
            p.column()?.name,
            spent(weight)
        ),
        next,
    ))
}

/// F8 on the joins: a column of an inner relation that is cast for the comparison.
fn join_cast(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    if !matches!(n.op.as_str(), "nested loop" | "hash join" | "merge join") {
        return None;
    }
    let text = s.condition(i, &["Join Filter", "Hash Cond", "Hash condition", "Merge Cond"])?;
    let e = s.read(text);
    let found =
        e.conjuncts().into_iter().find_map(|c| {
            let Expr::Compare { op, left, right } = c else { return None };
            let both = !left.columns().is_empty() && !right.columns().is_empty();
            let side =
                [left, right].into_iter().find_map(|side| {
                    let (column, to) = side.cast_column()?;
                    let at = s.subtree(i).skip(1).find(|j| {
                        s.is_scan(*j) && column.qualifier.as_deref().is_some_and(|q| s.alias(*j).is_some_and(|a| a.eq_ignore_ascii_case(q)))
                    })?;
                    (cast_kind(s, at, column, to) == Cast::Mismatch && s.table(at).is_none_or(|t| t.has_index_on(&[&column.name])))
                        .then_some((at, column.clone(), to.to_string()))
                })?;
            (op == "=" && both).then_some(side)
        });
    let (at, column, to) = found?;
    // What the missing index costs is the scan and the join.
    let weight = s.weigh(&[i, at])?;
    if !matches!(weight, Weight::Timed(_)) && s.node(at).rows_total.or(s.node(at).est_rows).is_none_or(|r| r < MANY) {
        return None;
    }
    let known = s.table(at).is_some();
    let mut draft = Draft::new("F8", Severity::Warning, weight, Confidence::Likely).at(s.path(i)).at(s.path(at));
    if !known {
        draft = draft.but(Confidence::Likely, "whether the column has an index is not known here");
    }
    Some(draft.say(
        format!(
            "the join compares {}.{} as {to} ({}): an index on it cannot be used{}",
            s.name(at),
            column.name,
            shorter(text),
            spent(weight)
        ),
        "Give both columns one type: try it on a scratch copy with ALTER TABLE … TYPE, or cast the other side, and compare the plans.",
    ))
}

/// F9.
fn function(s: &Scene<'_>, scan: &Scan, weight: Weight, p: &Predicate) -> PlanFinding {
    let shown = p.key.sql(s.dialect);
    let rewritten = rewrite(s, p);
    // An index must be the same tomorrow: what depends on the session's time zone is not.
    let unstable = depends_on_session(s, scan.at, &p.key);
    let ddl = if unstable { None } else { s.expression_index(scan.at, &p.key) };
    let can = !unstable && s.product != Product::MariaDb;
    let next = match (&rewritten, can) {
        (Some(r), true) => format!("Write it as {r}, which a plain index serves, or index the expression: {}.", try_on(s, scan.at)),
        (Some(r), false) => format!("Write it as {r}, which a plain index serves; compare the plans."),
        (None, true) => format!("Index the expression: {}.", try_on(s, scan.at)),
        (None, false) if s.product == Product::MariaDb => {
            format!(
                "MariaDB indexes no expressions: add a generated column for {shown}, index it, and compare it in WHERE, on a scratch copy first."
            )
        }
        (None, false) => {
            "It depends on the session's settings, so no index can hold it: compare the column itself with a range.".to_string()
        }
    };
    let mut draft = Draft::new("F9", Severity::Warning, weight, Confidence::Likely)
        .at(s.path(scan.at))
        .but(Confidence::Likely, "measured; whether an index on the expression is quicker has to be tried")
        .sql(ddl);
    if let Some(r) = scan.read {
        draft = draft.number("rows_read", r);
    }
    draft.say(
        format!(
            "{} is filtered by {}, which an index on {} does not know{}",
            s.name(scan.at),
            shorter(&shown),
            names(&p.key),
            spent(weight)
        ),
        next,
    )
}

fn names(e: &Expr) -> String {
    e.columns().iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn depends_on_session(s: &Scene<'_>, i: usize, key: &Expr) -> bool {
    if s.product != Product::Postgres {
        return false;
    }
    let has_zone = |t: String| t.contains("with time zone") || t == "timestamptz";
    let type_of = |c: &Column| s.table(i).and_then(|t| t.type_of(&c.name));
    let zoned = key.columns().iter().any(|c| type_of(c).is_none_or(has_zone));
    let surely_zoned = key.columns().iter().any(|c| type_of(c).is_some_and(has_zone));
    let mut found = false;
    key.walk(&mut |e| match e {
        Expr::Call { name, .. } => {
            let name = name.rsplit('.').next().unwrap_or(name).trim_matches('"');
            found |= matches!(
                name,
                "to_char" | "now" | "age" | "current_date" | "current_timestamp" | "localtimestamp" | "concat" | "concat_ws" | "format"
            );
            found |= zoned && matches!(name, "date" | "date_trunc" | "date_part" | "extract");
        }
        // A day is not always as long: where the zone changes its clocks.
        Expr::Arithmetic { .. } => found |= surely_zoned,
        // What is no column's is the same tomorrow.
        Expr::Cast { what, to } if !what.columns().is_empty() => {
            found |= zoned && (to.starts_with("date") || to.starts_with("time")) || to.contains("with time zone");
        }
        _ => {}
    });
    found
}

/// The same test with the column alone on one side, where it is certain to mean the same.
pub(in crate::plan) fn rewrite(s: &Scene<'_>, p: &Predicate) -> Option<String> {
    let value = p.value.as_ref()?.sql(s.dialect);
    match &p.key {
        Expr::Arithmetic { op, left, right } if p.test == Test::Equal || p.test == Test::Range => {
            let column = left.column()?;
            let Expr::Constant(n) = &**right else { return None };
            n.parse::<f64>().ok()?;
            let back = match op.as_str() {
                "+" => "-",
                "-" => "+",
                _ => return None,
            };
            Some(format!("{} {} {value} {back} {n}", ident(s.dialect, &column.name), p.op))
        }
        key if p.test == Test::Equal => {
            let column = key.cast_column().filter(|(_, to)| to.starts_with("date")).map(|(c, _)| c).or_else(|| match key {
                Expr::Call { name, args } if name == "date" && args.len() == 1 => args[0].column(),
                _ => None,
            });
            let c = ident(s.dialect, &column?.name);
            let day = match s.product {
                Product::Postgres => format!("{value} + 1"),
                Product::Sqlite => format!("date({value}, '+1 day')"),
                _ => format!("{value} + INTERVAL 1 DAY"),
            };
            Some(format!("{c} >= {value} AND {c} < {day}"))
        }
        _ => None,
    }
}

/// F10.
fn pattern(s: &Scene<'_>, scan: &Scan, weight: Weight, p: &Predicate) -> PlanFinding {
    let p = &s.uncast(scan.at, p.clone());
    let column = p.key.columns().first().map(|c| c.name.clone()).unwrap_or_default();
    let c = ident(s.dialect, &column);
    let table = s.table_sql(scan.at);
    let name = s.relation(scan.at).and_then(|r| r.rsplit('.').next()).unwrap_or("table");
    let key = p.key.sql(s.dialect);
    let (next, sql) = match s.product {
        Product::Postgres => (
            "A trigram index (extension pg_trgm) finds such patterns from three letters on: build it on a scratch copy and compare.".to_string(),
            table.map(|t| {
                let of = if p.key.column().is_some() { c.clone() } else { format!("({key})") };
                let index = s.index_with(&t, name, &format!("{column}_trgm"), "gin", &format!("{of} gin_trgm_ops"));
                format!("CREATE EXTENSION IF NOT EXISTS pg_trgm; {index}")
            }),
        ),
        Product::MySql | Product::MariaDb => (
            "A full-text index finds words, not parts of them: if words will do, build it on a scratch copy and use MATCH … AGAINST.".to_string(),
            table.map(|t| format!("ALTER TABLE {t} ADD FULLTEXT ({c})")),
        ),
        Product::Sqlite => {
            ("An FTS5 table with the trigram tokenizer finds such patterns from three letters on: build it on a copy of the file and compare.".to_string(), None)
        }
    };
    let what = p.pattern().map(|t| format!(" '{}'", shorter(&t))).unwrap_or_default();
    let kind = if p.op == "ilike" { "a pattern that ignores case" } else { "a pattern without a fixed beginning" };
    Draft::new("F10", Severity::Warning, weight, Confidence::Certain)
        .at(s.path(scan.at))
        .sql(sql)
        .say(format!("{}.{column} is searched for {kind}{what}: no B-tree serves it{}", s.name(scan.at), spent(weight)), next)
}

/// F23.
fn not_in(s: &Scene<'_>) -> Option<PlanFinding> {
    let said = s
        .plan
        .statement
        .as_deref()
        .or(s.known.statement.as_deref())
        .map(|t| t.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase());
    let written = said.as_ref().map(|t| t.contains("not in (select") || t.contains("not in ( select") || t.contains("<> all (select"));
    if written == Some(false) {
        return None;
    }
    for i in s.all() {
        let n = s.node(i);
        if n.never_executed {
            continue;
        }
        let mut sub = None;
        // Reading a condition is the dear part.
        let negated = |t: &str| t.to_lowercase().contains("not ") || t.contains('!');
        for (_, text) in n.conditions.iter().filter(|(_, t)| negated(t) && !super::subplans::looked_up(s, t)) {
            s.read(text).walk(&mut |e| {
                if let Expr::Not(inner) = e {
                    inner.walk(&mut |x| match x {
                        Expr::Subquery(t) if !t.to_lowercase().starts_with("hashed") && !t.to_lowercase().starts_with("alternatives") => {
                            sub = Some(t.clone())
                        }
                        Expr::Call { name, .. } if name == "<in_optimizer>" => sub = Some("the subquery".into()),
                        _ => {}
                    });
                }
                if let Expr::In { negated: true, list, .. } = e
                    && let [Expr::Subquery(t)] = list.as_slice()
                {
                    sub = Some(t.clone());
                }
            });
        }
        if s.product == Product::Sqlite && n.raw_op.starts_with("CORRELATED LIST SUBQUERY") && written == Some(true) {
            sub = Some("the subquery".into());
        }
        if sub.is_none() {
            continue;
        }
        let plans: Vec<usize> = s.children(i).filter(|c| s.node(*c).role == crate::model::plan::Role::SubPlan).collect();
        // MySQL's way of hashing.
        if !plans.is_empty() && plans.iter().all(|c| super::subplans::runs_once(s, *c)) {
            continue;
        }
        let below = plans.iter().filter_map(|c| s.weigh_below(*c)).next();
        let weight = match (s.weigh(&[i]), below) {
            (Some(Weight::Timed(a)), Some(Weight::Timed(b))) => Weight::Timed(a + b),
            (_, Some(b @ Weight::Timed(_))) => b,
            (Some(a), _) => a,
            (None, _) => continue,
        };
        let loops = plans.iter().filter_map(|c| s.node(*c).loops).fold(None, |a: Option<f64>, l| Some(a.map_or(l, |a| a.max(l))));
        let times = loops.map(|l| format!(", {} times", count(l))).unwrap_or_default();
        let mut draft =
            Draft::new("F23", Severity::Warning, weight, if written == Some(true) { Confidence::Certain } else { Confidence::Possible })
                .at(s.path(i))
                .but(
                    if written == Some(true) { Confidence::Certain } else { Confidence::Possible },
                    "NOT EXISTS in an OR looks the same in the plan",
                );
        for c in plans {
            draft = draft.at(s.path(c));
        }
        let (what, next) = match written {
            Some(true) => (
                "by NOT IN with a subquery that is not hashed",
                "Write NOT EXISTS (… WHERE x = outer.x) and compare. Mind the difference: NOT IN finds nothing at all when the subquery holds a NULL.",
            ),
            _ => (
                "by a negated subquery that is not hashed (NOT IN, or NOT EXISTS beside an OR: the plan prints them alike)",
                "NOT IN: write NOT EXISTS (… WHERE x = outer.x) and compare; mind that NOT IN finds nothing at all when the subquery holds a NULL. \
                 NOT EXISTS beside an OR: write the alternatives as a UNION ALL that leaves out doubles, and compare.",
            ),
        };
        return Some(draft.say(format!("{} is filtered {what}: it is searched row by row{times}{}", s.name(i), spent(weight)), next));
    }
    None
}
