//! Indexes that find too much, or are walked for their order (F2, F3, F44).

use super::{OUTER_TESTS, filter_text, outer_join, tests};
use crate::model::Severity;
use crate::model::plan::{Confidence, PlanFinding};
use crate::plan::expression::{Predicate, Test};
use crate::plan::findings::Draft;
use crate::plan::findings::ddl::index_columns;
use crate::plan::findings::scene::{MANY, Product, Scan, Scene};
use crate::plan::findings::words::{count, percent, spent, try_on};

/// F2: the share of the rows found that the filter drops (plans.md §3). Of a whole table more has to go, see [`WORTH_KEEPING`].
const REMOVED_SHARE: f64 = 0.5;

pub(super) fn inefficient_index(s: &Scene<'_>, scan: &Scan) -> Option<PlanFinding> {
    let n = s.node(scan.at);
    if matches!(n.op.as_str(), "table scan") || !s.searches(scan.at) || s.product == Product::Sqlite {
        return None;
    }
    let weight = scan.weight?;
    let read = scan.read.filter(|r| *r >= MANY)?;
    // Of a bitmap, what the recheck drops is another matter (F17).
    let kept = scan.kept? + if n.op == "bitmap heap" { n.removed.recheck.unwrap_or(0.0) } else { 0.0 };
    let removed = (read - kept).max(0.0);
    if removed < REMOVED_SHARE * read {
        return None;
    }
    let index = index_name(s, scan.at).unwrap_or_else(|| "the index".into());
    let alias = s.alias(scan.at)?;
    let dropped = tests(s, scan);
    let on: Vec<String> = index_columns(&dropped);
    // One row at most for each lookup: no index finds fewer by these columns, however many more it has.
    let sole = finds_one(s, scan.at);
    let mut all: Vec<Predicate> = match s.index_condition(scan.at).filter(|_| !sole) {
        Some(c) => s.read(c).predicates_on(alias).into_iter().map(|p| s.uncast(scan.at, p)).collect(),
        None => Vec::new(),
    };
    all.extend(dropped);
    let columns = index_columns(&all);
    let ddl = if on.is_empty() || s.indexed(scan.at, &columns) { None } else { s.index_on(scan.at, &columns) };
    let next = match () {
        () if on.is_empty() && outer_join(scan) => format!("{OUTER_TESTS}: {}.", try_on(s, scan.at)),
        () if !on.is_empty() && !sole && ddl.is_none() && s.indexed(scan.at, &columns) => {
            format!(
                "An index on ({}) is there, and the plan does not find the rows by all of it: no other one is longer.",
                columns.join(", ")
            )
        }
        () if on.is_empty() => "No test in the filter is one that a plain index serves.".to_string(),
        () if sole && s.indexed(scan.at, &columns) => {
            format!(
                "Each lookup finds one row, so that no other index finds less; the one on ({}) would let the join begin here.",
                columns.join(", ")
            )
        }
        () if sole => format!(
            "Each lookup finds one row, so that no longer index finds less. Where the join may begin here, one on ({}) helps: {}.",
            columns.join(", "),
            try_on(s, scan.at)
        ),
        () => format!("Try one index on ({}), equality first: {}.", columns.join(", "), try_on(s, scan.at)),
    };
    let about = s.about(scan);
    Some(
        Draft::new("F2", Severity::Warning, weight, Confidence::Certain)
            .at(s.path(scan.at))
            .number("rows_found", read)
            .number("rows_kept", kept)
            .number("rows_removed", removed)
            .sql(ddl)
            .say(
                format!(
                    "{index} finds {about}{} rows of {} and the filter drops {about}{} of them ({about}{}){}{}",
                    count(read),
                    s.name(scan.at),
                    count(removed),
                    percent(removed, read),
                    filter_text(s, scan),
                    spent(weight)
                ),
                next,
            ),
    )
}

/// Whether each lookup finds one row at most: by all of a unique key.
fn finds_one(s: &Scene<'_>, i: usize) -> bool {
    let n = s.node(i);
    if n.raw_op.starts_with("eq_ref ") || n.raw_op.starts_with("Single-row index lookup") {
        return true;
    }
    let (Some(t), Some(index)) = (s.table(i), n.index.as_deref()) else { return false };
    let Some(key) = t.indexes.iter().find(|k| k.unique && k.name == index && k.only_where.is_none()) else { return false };
    let tested: Vec<String> = match (s.index_condition(i), s.alias(i)) {
        (Some(c), Some(alias)) => {
            let equal = |p: &Predicate| matches!(p.test, Test::Equal | Test::Join);
            s.read(c).predicates_on(alias).into_iter().filter(equal).filter_map(|p| Some(s.uncast(i, p).column()?.name.clone())).collect()
        }
        _ => return false,
    };
    key.keys.iter().all(|k| tested.iter().any(|c| c.eq_ignore_ascii_case(k)))
}

fn index_name(s: &Scene<'_>, i: usize) -> Option<String> {
    s.node(i).index.clone().or_else(|| s.children(i).find_map(|c| index_name(s, c)))
}

/// Whether SQLite walks an index from one of its ends to the first row that passes: `min` or `max`, a search that looks for nothing.
fn from_its_end(s: &Scene<'_>, i: usize) -> bool {
    let words = s.node(i).raw_op.as_str();
    s.product == Product::Sqlite && words.starts_with("SEARCH ") && words.contains(" INDEX ") && !words.contains('(')
}

fn order_index(s: &Scene<'_>, scan: &Scan, filtered: &[String]) -> String {
    let wish = if filtered.is_empty() { "the filter's columns".to_string() } else { filtered.join(", ") };
    format!("Try an index on ({wish}, then the sort's columns): {}.", try_on(s, scan.at))
}

pub(super) fn order_walk(s: &Scene<'_>, scan: &Scan) -> Option<PlanFinding> {
    let n = s.node(scan.at);
    let extreme = from_its_end(s, scan.at);
    let walked = matches!(s.product, Product::Postgres | Product::MySql)
        && matches!(n.op.as_str(), "index scan" | "index only scan")
        && !s.searches(scan.at);
    if !extreme && !walked {
        return None;
    }
    let weight = scan.weight?;
    // What passes is the last one that is looked at.
    let removed = if extreme { scan.read.filter(|_| scan.filter.is_some()).map(|r| r - 1.0) } else { scan.removed() };
    let removed = removed.filter(|r| *r >= MANY)?;
    let limit = s.limited(scan.top);
    if !extreme && limit.is_none() {
        return None;
    }
    let index = index_name(s, scan.at).unwrap_or_else(|| "an index".into());
    // A range before the sort's columns would break their order: equality alone, if there is any.
    let all = tests(s, scan);
    let equal: Vec<Predicate> = all.iter().filter(|p| matches!(p.test, Test::Equal | Test::Null)).cloned().collect();
    let mut columns = index_columns(if equal.is_empty() { &all } else { &equal });
    let mut sorted: Vec<String> = s
        .table(scan.at)
        .and_then(|t| t.indexes.iter().find(|x| Some(&x.name) == n.index.as_ref()))
        .map(|x| x.keys.clone())
        .unwrap_or_default();
    if extreme {
        sorted.truncate(1);
    }
    let filtered = columns.clone();
    columns.extend(sorted.iter().filter(|k| !filtered.contains(k)).cloned());
    // Of several tests the plan does not say which tells the rows apart: an index on one that most rows pass spares nothing.
    let unsure = !equal.is_empty() && all.iter().any(|p| matches!(p.test, Test::Range | Test::In) && p.column().is_some());
    let ddl = if sorted.is_empty() || filtered.is_empty() || unsure { None } else { s.index_on(scan.at, &columns) };
    let next = if unsure {
        "Which of the tests tells the rows apart, and which index helps, the advice says (`--advise`): it asks the table.".to_string()
    } else {
        order_index(s, scan, &filtered)
    };
    let draft = Draft::new("F3", Severity::Warning, weight, Confidence::Certain).at(s.path(scan.at));
    let draft = match limit {
        Some(limit) => draft.at(s.path(limit)),
        None => draft,
    };
    let how = if extreme { "from its end for min() or max()" } else { "in order for the LIMIT" };
    Some(draft.number("rows_read", scan.read.unwrap_or(0.0)).number("rows_removed", removed).sql(ddl).say(
        format!(
            "{index} was walked {how}: {} rows of {} did not pass the filter{}{}",
            count(removed),
            s.name(scan.at),
            filter_text(s, scan),
            spent(weight)
        ),
        format!("{next} To see the plan without this index, sort by an expression (ORDER BY x + 0)."),
    ))
}

/// F44: an index read from end to end that none of the others explains.
pub(super) fn whole_index(s: &Scene<'_>, scan: &Scan) -> Option<PlanFinding> {
    let n = s.node(scan.at);
    // Up to a LIMIT it is not read from end to end.
    if !matches!(n.op.as_str(), "index scan" | "index only scan") || s.searches(scan.at) || s.ends_early(scan.top) {
        return None;
    }
    let weight = scan.weight?;
    let read = scan.read.filter(|r| *r >= MANY)?;
    let index = index_name(s, scan.at).unwrap_or_else(|| "an index".into());
    // That a value is there leaves out few rows, or none: MariaDB adds it to every join.
    let tested: Vec<Predicate> = tests(s, scan).into_iter().filter(|p| p.test != Test::NotNull).collect();
    let columns = Some(index_columns(&tested)).filter(|c| !s.indexed(scan.at, c)).unwrap_or_default();
    let (severity, next) = if columns.is_empty() {
        (Severity::Info, "Right where the statement needs every row or their order; if it does not, narrow it in WHERE.".to_string())
    } else {
        (Severity::Warning, format!("Try an index that begins with ({}): {}.", columns.join(", "), try_on(s, scan.at)))
    };
    let sure = if columns.is_empty() { Confidence::Likely } else { Confidence::Certain };
    let draft = Draft::new("F44", severity, weight, sure).at(s.path(scan.at)).number("rows_read", read);
    let sql = if columns.is_empty() { None } else { s.index_on(scan.at, &columns) };
    Some(draft.sql(sql).say(format!("the whole of {index} of {} is read: {} entries{}", s.name(scan.at), count(read), spent(weight)), next))
}
