//! Scans: rows read for nothing, indexes that find too much, pages read for few rows (F1–F4, F17–F20, F36, F44).

mod indexes;
mod offset;
mod pages;
mod partitions;

use super::Draft;
use super::ddl::index_columns;
use super::scene::{MANY, Product, Scan, Scene, Weight};
use super::words::{count, ms, percent, shorter, spent, try_index, try_on};
use crate::model::Severity;
use crate::model::plan::{Confidence, PlanFinding};
use crate::plan::candidates::TOGETHER;
use crate::plan::expression::{Expr, Predicate, Test};
use indexes::{inefficient_index, order_walk, whole_index};
use offset::{large_offset, statement_offset};
use pages::{cold_read, heap_fetches, lossy_bitmap, pages_per_row};
use partitions::partitions;

/// F1: critical from this share on, and from this many rows read (plans.md §3).
const REMOVED_CRITICAL: (f64, f64) = (0.95, 1e6);
/// A scan that keeps more than this share of what it reads is right: an index would not be quicker (plans.md §3, last line; §7.2).
pub const WORTH_KEEPING: f64 = 0.2;

pub fn look(s: &Scene<'_>, out: &mut Vec<PlanFinding>) {
    let mut told = vec![false; s.places.len()];
    for scan in s.alike_scans() {
        if let Some(found) = slow_scan(s, &scan) {
            scan.arms.iter().for_each(|i| told[*i] = true);
            out.push(found);
        }
    }
    for i in s.all() {
        if let Some(scan) = s.scan(i).filter(|_| !told[i]) {
            // What walks in order for a LIMIT is told as that, not as a bad index or a whole one.
            let found = order_walk(s, &scan)
                .or_else(|| slow_scan(s, &scan))
                .or_else(|| inefficient_index(s, &scan))
                .or_else(|| whole_index(s, &scan));
            out.extend(found);
            out.extend(pages_per_row(s, &scan));
        }
        if s.node(i).never_executed {
            continue;
        }
        out.extend(large_offset(s, i));
        out.extend(lossy_bitmap(s, i));
        out.extend(heap_fetches(s, i));
        out.extend(cold_read(s, i));
        out.extend(partitions(s, i));
    }
    out.extend(statement_offset(s));
}

/// The tests of a scan's filter on its own columns.
pub(super) fn tests(s: &Scene<'_>, scan: &Scan) -> Vec<Predicate> {
    match (&scan.filter, s.alias(scan.at)) {
        (Some(f), Some(alias)) => {
            let own = f.predicates_on(alias).into_iter().map(|p| s.uncast(scan.at, p)).map(|p| s.searchable(p));
            own.filter(|p| s.steady(scan.at, p) && s.converted(scan.at, p).is_none()).collect()
        }
        _ => Vec::new(),
    }
}

/// Which of MariaDB's tests of an outer join are of ON, and which of WHERE, its plan does not tell.
const OUTER_TESTS: &str = "Try an index on the columns by which the tables are joined, then those that ON tests besides";

fn outer_join(scan: &Scan) -> bool {
    fn tells(e: &Expr) -> bool {
        match e {
            Expr::And(parts) => parts.iter().any(tells),
            Expr::Call { name, .. } => name == "trigcond",
            _ => false,
        }
    }
    scan.filter.as_ref().is_some_and(tells)
}

fn filter_text(s: &Scene<'_>, scan: &Scan) -> String {
    scan.filter.as_ref().map_or(String::new(), |f| {
        // Columns of two tables that are called alike are told apart.
        let mut of: Vec<&str> = f.columns().iter().filter_map(|c| c.qualifier.as_deref()).collect();
        of.sort_unstable();
        of.dedup();
        format!(" ({})", shorter(&if of.len() > 1 { f.qualified_sql(s.dialect) } else { f.sql(s.dialect) }))
    })
}

fn slow_scan(s: &Scene<'_>, scan: &Scan) -> Option<PlanFinding> {
    let n = s.node(scan.at);
    if n.op != "table scan" || scan.filter.is_none() && scan.removed().unwrap_or(0.0) <= 0.0 {
        return None;
    }
    let weight = scan.weight?;
    let read = scan.read.filter(|r| *r >= MANY)?;
    let Remedy { columns, ddl, next } = remedy(s, scan);
    let Some(kept) = scan.kept else {
        // SQLite counts no rows that a test dropped: the shape and the size are all there is, and what the steps behind it counted.
        if columns.is_empty() || passed_at_least(s, scan.at).is_some_and(|passed| passed > WORTH_KEEPING * read) {
            return None;
        }
        let columns = columns.join(", ");
        let class = if ddl.as_ref().is_some_and(|d| d.ends_with("COLLATE NOCASE)")) { " COLLATE NOCASE" } else { "" };
        return Some(
            Draft::new("F1", Severity::Warning, weight, Confidence::Possible)
                .at(s.path(scan.at))
                .number("rows_read", read)
                .but(Confidence::Possible, "how many rows pass the tests is not counted here")
                .sql(ddl)
                .say(
                    format!("{} is read whole, {} rows, for a test of {columns}", s.name(scan.at), count(read)),
                    format!("Try an index on ({columns}{class}): {}. If most rows pass the test, the scan is right.", try_on(s, scan.at)),
                ),
        );
    };
    let removed = (read - kept).max(0.0);
    if kept > WORTH_KEEPING * read {
        return None;
    }
    let severity = match () {
        () if removed >= REMOVED_CRITICAL.0 * read && read >= REMOVED_CRITICAL.1 && weight != Weight::Estimated => Severity::Critical,
        () => Severity::Warning,
    };
    let draft = Draft::new("F1", severity, weight, Confidence::Certain).at(s.path(scan.at));
    let draft = scan.arms.iter().filter(|i| **i != scan.at).fold(draft, |d, i| d.at(s.path(*i)));
    let draft = match scan.arms.len() {
        0 => draft,
        n => draft.number("arms", n as f64),
    };
    let draft = draft.number("rows_read", read).number("rows_kept", kept).number("rows_removed", removed).sql(ddl);
    Some(draft.say(dropped(s, scan, weight, read, removed), next))
}

/// SQLite: how many rows of a loop passed its tests, at least: each of them begins a loop of the next table, goes into a b-tree of the
/// same query, or is a row of the result.
fn passed_at_least(s: &Scene<'_>, i: usize) -> Option<f64> {
    let parent = s.parent(i).filter(|_| s.plan.analyzed)?;
    let next = s.children(parent).filter(|c| *c > i && s.is_scan(*c)).find_map(|c| s.node(c).loops);
    let sorted = s.children(parent).filter(|c| s.node(*c).attrs.contains_key("for")).filter_map(|c| s.node(c).rows_total);
    let returned = s.node(parent).rows_total.filter(|_| s.parent(parent).is_none());
    next.or_else(|| sorted.chain(returned).reduce(f64::max))
}

/// How much a scan reads for nothing, as a sentence.
fn dropped(s: &Scene<'_>, scan: &Scan, weight: Weight, read: f64, removed: f64) -> String {
    let (verb, drop) = if weight == Weight::Estimated { ("would read", "drop") } else { ("read", "dropped") };
    let about = s.about(scan);
    let (what, name) = match scan.arms.len() {
        0 => ("the scan", s.name(scan.at)),
        n => {
            let parts = s.indexed_table(scan.at).filter(|t| s.table(scan.at).is_some_and(|own| own.name != t.name));
            ("the scans", parts.map_or(format!("{n} tables or partitions"), |t| format!("{n} partitions of {}", t.name)))
        }
    };
    let worst = match s.own_ms(scan.at).filter(|_| !scan.arms.is_empty()) {
        Some(t) => format!("; the slowest is {} with {}", s.name(scan.at), ms(t)),
        None => String::new(),
    };
    format!(
        "{what} of {name} {verb} {about}{} rows and {drop} {about}{} of them ({}){}{}{worst}",
        count(read),
        count(removed),
        percent(removed, read),
        filter_text(s, scan),
        spent(weight)
    )
}

/// What may be done about a scan that reads rows for nothing.
struct Remedy {
    /// Those an index would be on.
    columns: Vec<String>,
    ddl: Option<String>,
    /// The step that tests it.
    next: String,
}

fn remedy(s: &Scene<'_>, scan: &Scan) -> Remedy {
    let tests = tests(s, scan);
    let columns = index_columns(&tests);
    let on = columns.join(", ");
    // Of a partition alone no index is made: where the catalogue does not tell what it is a part of, the plan cannot.
    let part = !scan.arms.is_empty() && s.indexed_table(scan.at).is_none();
    let hidden = s.hidden_index(scan.at, &columns);
    let classed = s.pattern_class(scan.at, &columns, &tests);
    let there = s.indexed(scan.at, &columns) && classed.is_none();
    let unlike = only_unlike(s, &tests);
    let either = if columns.is_empty() { alternatives(s, scan, &tests) } else { None };
    let ddl = match &hidden {
        Some((_, show)) => Some(show.clone()),
        None if part || there => None,
        None if either.is_some() => either.as_ref().and_then(|e| missing(s, scan.at, e)),
        None => {
            let partial = || unlike.as_ref().and_then(|c| s.index_where(scan.at, &tests, c));
            s.index_for(scan.at, &columns, &tests).or_else(partial)
        }
    };
    let next = if let Some(condition) = &unlike {
        format!(
            "No index finds what is unlike a value; one that holds these rows alone does (WHERE {}): {}.",
            shorter(condition),
            try_on(s, scan.at)
        )
    } else if let Some(either) = &either {
        let each = either.iter().map(|c| format!("({})", c.join(", "))).collect::<Vec<_>>().join(" and ");
        if missing(s, scan.at, either).is_none() {
            format!(
                "An index for each of the alternatives is there, on {each}, and they are not taken together: written as a UNION each finds its rows by itself; compare the plans."
            )
        } else {
            format!("Try an index for each of the alternatives, on {each}, all of them at once: {}.", try_on(s, scan.at))
        }
    } else if columns.is_empty() && outer_join(scan) {
        format!("{OUTER_TESTS}: {}.", try_on(s, scan.at))
    } else if columns.is_empty() && tests.iter().all(|p| matches!(p.test, Test::NotEqual | Test::Other | Test::Or)) {
        "No test in the filter is one that an index of one list of columns serves.".to_string()
    } else if columns.is_empty() {
        "No test in the filter is one that a plain index serves: see what is said of functions, casts and patterns here.".to_string()
    } else if there {
        let compare = match s.product {
            Product::Postgres => "SET enable_seqscan = off",
            Product::MySql | Product::MariaDb => "FORCE INDEX on the table",
            Product::Sqlite => "INDEXED BY on the table",
        };
        format!("An index on ({on}) is there and was not taken: compare with {compare}, or refresh the statistics first.")
    } else if let Some((says, _)) = hidden {
        says
    } else if part {
        format!("Try an index on ({on}) of the table that these are parts of, or of each of them: {}.", try_index(s))
    } else {
        let class = classed.map_or(String::new(), |(_, class)| format!(" {class}"));
        format!("Try an index on ({on}{class}): {}.", try_on(s, scan.at))
    };
    Remedy { columns, ddl, next }
}

/// Alternatives of an OR that take an index each: the columns of each; nothing where one of them none finds.
fn alternatives(s: &Scene<'_>, scan: &Scan, tests: &[Predicate]) -> Option<Vec<Vec<String>>> {
    let found = tests.iter().filter(|p| p.test == Test::Or).find_map(|p| {
        let Expr::Or(parts) = &p.key else { return None };
        let mut each: Vec<Vec<String>> = Vec::new();
        for part in parts {
            let own: Vec<Predicate> = part.predicates().into_iter().map(|p| s.uncast(scan.at, p)).collect();
            let columns = index_columns(&own);
            if columns.is_empty() {
                return None;
            }
            if !each.contains(&columns) {
                each.push(columns);
            }
        }
        Some(each)
    })?;
    (found.len() <= TOGETHER).then_some(found)
}

/// The statements for those of the alternatives that have no index.
fn missing(s: &Scene<'_>, i: usize, either: &[Vec<String>]) -> Option<String> {
    let ddl: Vec<String> = either.iter().filter(|c| !s.indexed(i, c)).filter_map(|c| s.index_on(i, c)).collect();
    (!ddl.is_empty()).then(|| ddl.join("; "))
}

/// The filter as SQL, where all that it says is what a column of the table is not: PostgreSQL and SQLite have indexes over a part of the rows.
fn only_unlike(s: &Scene<'_>, tests: &[Predicate]) -> Option<String> {
    let constant = |p: &Predicate| p.test == Test::NotEqual && p.column().is_some() && p.value.as_ref().is_some_and(Expr::is_constant);
    let fits = matches!(s.product, Product::Postgres | Product::Sqlite) && !tests.is_empty() && tests.iter().all(constant);
    fits.then(|| tests.iter().map(|p| p.sql(s.dialect)).collect::<Vec<_>>().join(" AND "))
}
