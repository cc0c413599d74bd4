//! Scans: rows read for nothing, indexes that find too much, pages read for few rows (F1–F4, F17–F20, F36, F44).

use super::Draft;
use super::ddl::index_columns;
use super::scene::{MANY, Product, Scan, Scene, Weight, count, ms, percent, spent};
use crate::model::Severity;
use crate::model::plan::{Confidence, PlanFinding, Role};
use crate::plan::expression::{Expr, Predicate, Test};

/// F2: the share of the rows found that the filter drops (plans.md §3). Of a whole table more has to go, see [`WORTH_KEEPING`].
const REMOVED_SHARE: f64 = 0.5;
/// F1: critical from this share on, and from this many rows read (plans.md §3).
const REMOVED_CRITICAL: (f64, f64) = (0.95, 1e6);
/// A scan that keeps more than this share of what it reads is right: an index would not be quicker (plans.md §3, last line; §7.2).
pub const WORTH_KEEPING: f64 = 0.2;
/// F4: rows read for each row returned, and rows read at least (plans.md §3).
const OFFSET: (f64, f64) = (10.0, 1_000.0);
/// F17: share of rows that the recheck drops (plans.md §3).
const RECHECK_SHARE: f64 = 0.5;
/// F18: heap fetches as a share of the rows, and at least (plans.md §3).
const HEAP_FETCHES: (f64, f64) = (0.1, 1_000.0);
/// F19: pages read from outside the buffers, and their share of all (plans.md §3).
const COLD: (f64, f64) = (1_000.0, 0.5);
/// F20: pages for each row, and pages at least (plans.md §3).
const PAGES_PER_ROW: (f64, f64) = (100.0, 10_000.0);
/// F36: partitions read from which not pruning is worth a sentence (plans.md §3).
const PARTITIONS: usize = 10;

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
fn tests(s: &Scene<'_>, scan: &Scan) -> Vec<Predicate> {
    match (&scan.filter, s.alias(scan.at)) {
        (Some(f), Some(alias)) => {
            let own = f.predicates_on(alias).into_iter().map(|p| s.uncast(scan.at, p)).map(|p| s.searchable(p));
            own.filter(|p| s.steady(scan.at, p) && s.converted(scan.at, p).is_none()).collect()
        }
        _ => Vec::new(),
    }
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

/// A condition for a sentence: the whole of it stands at the node.
pub fn shorter(text: &str) -> String {
    const MOST: usize = 80;
    let text = text.trim();
    let inner = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).filter(|t| balanced(t)).unwrap_or(text);
    if inner.chars().count() <= MOST { inner.to_string() } else { inner.chars().take(MOST - 1).chain(['…']).collect() }
}

fn balanced(text: &str) -> bool {
    let mut depth = 0i32;
    for c in text.chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth < 0 {
            return false;
        }
    }
    true
}

/// How an index is tried without building it for good.
pub fn try_index(s: &Scene<'_>) -> &'static str {
    match s.product {
        Product::Postgres => "build it on a scratch copy, or let HypoPG pretend it, and compare the plans",
        Product::MySql => "build it on a scratch copy (INVISIBLE, with use_invisible_indexes on) and compare EXPLAIN ANALYZE",
        Product::MariaDb => "build it on a scratch copy and compare ANALYZE FORMAT=JSON",
        Product::Sqlite => "build it on a copy of the file and compare the plan and the VM steps",
    }
}

/// The same, of an index on the node's table.
pub fn try_on(s: &Scene<'_>, i: usize) -> String {
    match s.real_table(i) {
        Some(_) => try_index(s).to_string(),
        None => format!("{}; the plan tells only the alias {}, make it on the table that this stands for", try_index(s), s.name(i)),
    }
}

fn slow_scan(s: &Scene<'_>, scan: &Scan) -> Option<PlanFinding> {
    let n = s.node(scan.at);
    if n.op != "table scan" || scan.filter.is_none() && scan.removed().unwrap_or(0.0) <= 0.0 {
        return None;
    }
    let weight = scan.weight?;
    let read = scan.read.filter(|r| *r >= MANY)?;
    let name = s.name(scan.at);
    let columns = index_columns(&tests(s, scan));
    // Of a partition alone no index is made: where the catalogue does not tell what it is a part of, the plan cannot.
    let part = !scan.arms.is_empty() && s.indexed_table(scan.at).is_none();
    let hidden = s.hidden_index(scan.at, &columns);
    let classed = s.pattern_class(scan.at, &columns, &tests(s, scan));
    let there = s.indexed(scan.at, &columns) && classed.is_none();
    let ddl = match &hidden {
        Some((_, show)) => Some(show.clone()),
        None if part || there => None,
        None => s
            .index_for(scan.at, &columns, &tests(s, scan))
            .or_else(|| only_unlike(s, scan).and_then(|c| s.index_where(scan.at, &tests(s, scan), &c))),
    };
    let Some(kept) = scan.kept else {
        // SQLite counts no rows that a test dropped: the shape and the size are all there is.
        if columns.is_empty() {
            return None;
        }
        return Some(
            Draft::new("F1", Severity::Warning, weight, Confidence::Possible)
                .at(s.path(scan.at))
                .number("rows_read", read)
                .but(Confidence::Possible, "how many rows pass the tests is not counted here")
                .sql(ddl)
                .say(
                    format!("{name} is read whole, {} rows, for a test of {}", count(read), columns.join(", ")),
                    format!(
                        "Try an index on ({}): {}. If most rows pass the test, the scan is right.",
                        columns.join(", "),
                        try_on(s, scan.at)
                    ),
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
    let verb = if weight == Weight::Estimated { "would read" } else { "read" };
    let about = s.about(scan);
    let (what, name) = match scan.arms.len() {
        0 => ("the scan", name),
        n => {
            let parts = s.indexed_table(scan.at).filter(|t| s.table(scan.at).is_some_and(|own| own.name != t.name));
            ("the scans", parts.map_or(format!("{n} tables or partitions"), |t| format!("{n} partitions of {}", t.name)))
        }
    };
    let worst = match s.own_ms(scan.at).filter(|_| !scan.arms.is_empty()) {
        Some(t) => format!("; the slowest is {} with {}", s.name(scan.at), ms(t)),
        None => String::new(),
    };
    let message = format!(
        "{what} of {name} {verb} {about}{} rows and drop{} {about}{} of them ({}){}{}{worst}",
        count(read),
        if weight == Weight::Estimated { "" } else { "ped" },
        count(removed),
        percent(removed, read),
        filter_text(s, scan),
        spent(weight)
    );
    let unlike = only_unlike(s, scan);
    let next = if let Some(condition) = &unlike {
        format!(
            "No index finds what is unlike a value; one that holds these rows alone does (WHERE {}): {}.",
            shorter(condition),
            try_on(s, scan.at)
        )
    } else if columns.is_empty() && tests(s, scan).iter().all(|p| matches!(p.test, Test::NotEqual | Test::Other | Test::Or)) {
        "No test in the filter is one that an index of one list of columns serves.".to_string()
    } else if columns.is_empty() {
        "No test in the filter is one that a plain index serves: see what is said of functions, casts and patterns here.".to_string()
    } else if there {
        let compare = match s.product {
            Product::Postgres => "SET enable_seqscan = off",
            Product::MySql | Product::MariaDb => "FORCE INDEX on the table",
            Product::Sqlite => "INDEXED BY on the table",
        };
        format!("An index on ({}) is there and was not taken: compare with {compare}, or refresh the statistics first.", columns.join(", "))
    } else if let Some((says, _)) = hidden {
        says
    } else if part {
        format!("Try an index on ({}) of the table that these are parts of, or of each of them: {}.", columns.join(", "), try_index(s))
    } else {
        let class = classed.map_or(String::new(), |(_, class)| format!(" {class}"));
        format!("Try an index on ({}{class}): {}.", columns.join(", "), try_on(s, scan.at))
    };
    let draft = Draft::new("F1", severity, weight, Confidence::Certain).at(s.path(scan.at));
    let draft = scan.arms.iter().filter(|i| **i != scan.at).fold(draft, |d, i| d.at(s.path(*i)));
    let draft = match scan.arms.len() {
        0 => draft,
        n => draft.number("arms", n as f64),
    };
    let draft = draft.number("rows_read", read).number("rows_kept", kept).number("rows_removed", removed).sql(ddl);
    Some(draft.say(message, next))
}

/// The filter as SQL, where all that it says is what a column of the table is not: PostgreSQL and SQLite have indexes over a part of the rows.
fn only_unlike(s: &Scene<'_>, scan: &Scan) -> Option<String> {
    let tests = tests(s, scan);
    let constant = |p: &Predicate| p.test == Test::NotEqual && p.column().is_some() && p.value.as_ref().is_some_and(Expr::is_constant);
    let fits = matches!(s.product, Product::Postgres | Product::Sqlite) && !tests.is_empty() && tests.iter().all(constant);
    fits.then(|| tests.iter().map(|p| p.sql(s.dialect)).collect::<Vec<_>>().join(" AND "))
}

fn inefficient_index(s: &Scene<'_>, scan: &Scan) -> Option<PlanFinding> {
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

fn order_walk(s: &Scene<'_>, scan: &Scan) -> Option<PlanFinding> {
    let n = s.node(scan.at);
    if !matches!(s.product, Product::Postgres | Product::MySql)
        || !matches!(n.op.as_str(), "index scan" | "index only scan")
        || s.searches(scan.at)
    {
        return None;
    }
    let weight = scan.weight?;
    let removed = scan.removed().filter(|r| *r >= MANY)?;
    let limit = s.limited(scan.top)?;
    let index = index_name(s, scan.at).unwrap_or_else(|| "an index".into());
    // A range before the sort's columns would break their order: equality alone, if there is any.
    let all = tests(s, scan);
    let equal: Vec<Predicate> = all.iter().filter(|p| matches!(p.test, Test::Equal | Test::Null)).cloned().collect();
    let mut columns = index_columns(if equal.is_empty() { &all } else { &equal });
    let sorted: Vec<String> = s
        .table(scan.at)
        .and_then(|t| t.indexes.iter().find(|x| Some(&x.name) == n.index.as_ref()))
        .map(|x| x.keys.clone())
        .unwrap_or_default();
    let filtered = columns.clone();
    columns.extend(sorted.iter().filter(|k| !filtered.contains(k)).cloned());
    let ddl = if sorted.is_empty() || filtered.is_empty() { None } else { s.index_on(scan.at, &columns) };
    let wish = if filtered.is_empty() { "the filter's columns".to_string() } else { filtered.join(", ") };
    Some(
        Draft::new("F3", Severity::Warning, weight, Confidence::Certain)
            .at(s.path(scan.at))
            .at(s.path(limit))
            .number("rows_read", scan.read.unwrap_or(0.0))
            .number("rows_removed", removed)
            .sql(ddl)
            .say(
                format!(
                    "{index} was walked in order for the LIMIT: {} rows of {} did not pass the filter{}{}",
                    count(removed),
                    s.name(scan.at),
                    filter_text(s, scan),
                    spent(weight)
                ),
                format!("Try an index on ({wish}, then the sort's columns): {}. To see the plan without this index, sort by an expression (ORDER BY x + 0).", try_on(s, scan.at)),
            ),
    )
}

/// F44: an index read from end to end that none of the others explains.
fn whole_index(s: &Scene<'_>, scan: &Scan) -> Option<PlanFinding> {
    let n = s.node(scan.at);
    // Up to a LIMIT it is not read from end to end.
    if !matches!(n.op.as_str(), "index scan" | "index only scan") || s.searches(scan.at) || s.ends_early(scan.top) {
        return None;
    }
    let weight = scan.weight?;
    let read = scan.read.filter(|r| *r >= MANY)?;
    let index = index_name(s, scan.at).unwrap_or_else(|| "an index".into());
    let columns = index_columns(&tests(s, scan));
    let (severity, next) = if columns.is_empty() {
        (Severity::Info, "Right where the statement needs every row or their order; if it does not, narrow it in WHERE.".to_string())
    } else {
        (Severity::Warning, format!("Try an index that begins with ({}): {}.", columns.join(", "), try_on(s, scan.at)))
    };
    let sure = if columns.is_empty() { Confidence::Likely } else { Confidence::Certain };
    let draft = Draft::new("F44", severity, weight, sure).at(s.path(scan.at)).number("rows_read", read);
    let sql = if columns.is_empty() || s.indexed(scan.at, &columns) { None } else { s.index_on(scan.at, &columns) };
    Some(draft.sql(sql).say(format!("the whole of {index} of {} is read: {} entries{}", s.name(scan.at), count(read), spent(weight)), next))
}

fn large_offset(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    if n.op != "limit" || !s.plan.analyzed {
        return None;
    }
    let input = s.children(i).find(|c| matches!(s.node(*c).role, Role::Outer | Role::Inner))?;
    let returned = n.rows_total?;
    let read = s.node(input).rows_total?;
    // The input of a LIMIT is read until it is full: what came beyond the rows returned was skipped.
    if read < OFFSET.1 || read < OFFSET.0 * returned.max(1.0) || n.loops.is_some_and(|l| l > 1.0) {
        return None;
    }
    let weight = s.weigh_below(i)?;
    Some(offset(s, i, read, returned, weight))
}

fn offset(s: &Scene<'_>, i: usize, read: f64, returned: f64, weight: Weight) -> PlanFinding {
    Draft::new("F4", Severity::Warning, weight, Confidence::Certain).at(s.path(i)).number("rows_read", read).number("rows_returned", returned).say(
        format!("{} rows are read to return {}: the OFFSET skips the others{}", count(read), count(returned), super::scene::took(weight)),
        "Remember the last row's sort key and ask for what comes after it (WHERE (key) > (last) ORDER BY key LIMIT n); compare a late page with the first one.",
    )
}

/// Where the plan has no node for it (MariaDB, SQLite), or was not run, the statement's own OFFSET.
fn statement_offset(s: &Scene<'_>) -> Option<PlanFinding> {
    let select = s.select.as_ref()?;
    let (skipped, limit) = (select.offset?, select.limit?);
    let told = s.plan.analyzed && s.all().any(|i| s.node(i).op == "limit");
    let returned = s.plan.root.rows_total.filter(|_| s.plan.analyzed).unwrap_or(limit);
    let read = skipped + returned;
    if told || read < OFFSET.1 || read < OFFSET.0 * returned.max(1.0) {
        return None;
    }
    let total = s.total_ms.filter(|t| *t >= super::scene::SELF_MS);
    let weight = match (s.plan.analyzed, total) {
        (true, Some(t)) => Weight::Timed(t),
        (true, None) if s.total_ms.is_some() => return None,
        _ => Weight::Estimated,
    };
    let mut found = offset(s, 0, read, returned, weight);
    found.confidence = Confidence::Likely.min(if weight == Weight::Estimated { Confidence::Possible } else { Confidence::Likely });
    found.because = "the OFFSET is the statement's: how many rows there were to skip is not told".into();
    Some(found)
}

fn lossy_bitmap(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    if n.op != "bitmap heap" {
        return None;
    }
    let lossy = s.attr(i, &["Lossy Heap Blocks"]).unwrap_or(0.0);
    let recheck = n.removed.recheck.unwrap_or(0.0);
    let rows = n.rows_total.unwrap_or(0.0) + n.removed.total().unwrap_or(0.0);
    let dropping = rows >= MANY && recheck >= RECHECK_SHARE * rows;
    if lossy <= 0.0 && !dropping {
        return None;
    }
    let weight = s.weigh(&[i])?;
    let exact = s.attr(i, &["Exact Heap Blocks"]).unwrap_or(0.0);
    let name = s.name(i);
    let (message, next, sql) = if lossy > 0.0 {
        let memory = s.setting("work_mem").map(|w| format!(" (now {w})")).unwrap_or_default();
        (
            format!(
                "the bitmap for {name} did not fit into work_mem: {} pages lossy, {} exact; {} rows were checked again for nothing{}",
                count(lossy),
                count(exact),
                count(recheck),
                spent(weight)
            ),
            format!("Measure again with more work_mem{memory}."),
            Some("SET LOCAL work_mem = '64MB'".to_string()),
        )
    } else {
        (
            format!(
                "the index behind {name} is inexact: {} of {} rows did not pass the recheck{}",
                count(recheck),
                count(rows),
                spent(weight)
            ),
            "Compare with an index that decides the condition itself (another operator class, or a narrower one).".to_string(),
            None,
        )
    };
    let draft = Draft::new("F17", Severity::Warning, weight, Confidence::Certain).at(s.path(i));
    Some(draft.number("lossy_pages", lossy).number("exact_pages", exact).number("rows_rechecked_away", recheck).sql(sql).say(message, next))
}

fn heap_fetches(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    if n.op != "index only scan" || s.product != Product::Postgres {
        return None;
    }
    let fetches = s.attr(i, &["Heap Fetches"])?;
    let rows = n.rows_total? + n.removed.total().unwrap_or(0.0);
    if fetches < HEAP_FETCHES.1 || fetches < HEAP_FETCHES.0 * rows {
        return None;
    }
    let weight = s.weigh(&[i])?;
    Some(
        Draft::new("F18", Severity::Warning, weight, Confidence::Certain)
            .at(s.path(i))
            .number("heap_fetches", fetches)
            .number("rows", rows)
            .sql(s.table_sql(i).map(|t| format!("VACUUM (ANALYZE) {t}")))
            .say(
                format!(
                    "the index-only scan of {} went to the table {} times for {} rows{}",
                    s.name(i),
                    count(fetches),
                    count(rows),
                    spent(weight)
                ),
                "The visibility map is behind: VACUUM the table, run it again, and see whether the fetches are gone.",
            ),
    )
}

fn cold_read(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    if s.product != Product::Postgres {
        return None;
    }
    let p = s.node(i).self_pages;
    let (hit, read) = (p.hit.unwrap_or(0) as f64, p.read? as f64);
    if read < COLD.0 || read < COLD.1 * (hit + read) {
        return None;
    }
    let weight = s.weigh(&[i])?;
    let io = s.attr(i, &["Shared I/O Read Time", "I/O Read Time"]).filter(|t| *t > 0.0);
    let told = io.map(|t| format!(", {} of them waiting for it", super::scene::ms(t))).unwrap_or_default();
    let mut draft = Draft::new("F19", Severity::Info, weight, Confidence::Likely)
        .at(s.path(i))
        .number("pages_read", read)
        .number("pages_hit", hit)
        .but(Confidence::Likely, "measured, but what PostgreSQL reads may still come from the system's cache");
    if let Some(t) = io {
        draft = draft.number("io_ms", t);
    }
    Some(draft.say(
        format!("{} read {} of {} pages from outside the buffers{}{told}", s.name(i), count(read), count(hit + read), spent(weight)),
        "Run it once more: if it is quick when warm, the time was I/O, and only fewer pages or more memory will help.",
    ))
}

fn pages_per_row(s: &Scene<'_>, scan: &Scan) -> Option<PlanFinding> {
    let n = s.node(scan.at);
    if !matches!(n.op.as_str(), "index scan" | "index only scan") || s.product != Product::Postgres {
        return None;
    }
    let pages = n.self_pages.accessed()? as f64;
    // Rows that the index found: what a filter dropped was no fault of the pages (F2).
    let rows = scan.read?;
    if pages < PAGES_PER_ROW.1 || pages < PAGES_PER_ROW.0 * rows.max(1.0) {
        return None;
    }
    // Each search goes down the tree: many loops that find nothing are searches, not bloat.
    let searches = n.loops.unwrap_or(1.0) * 4.0;
    if pages < 2.0 * searches {
        return None;
    }
    let weight = s.weigh(&[scan.at])?;
    let index = n.index.as_deref().unwrap_or("the index");
    Some(
        Draft::new("F20", Severity::Warning, weight, Confidence::Likely)
            .at(s.path(scan.at))
            .number("pages", pages)
            .number("rows", rows)
            .but(Confidence::Likely, "measured, but bloat, dead entries and scattered rows look the same")
            .sql(n.index.as_deref().map(|x| format!("REINDEX INDEX CONCURRENTLY {}", crate::sql::reserved::ident(s.dialect, x))))
            .say(
                format!("{index} of {} touched {} pages for {} rows{}", s.name(scan.at), count(pages), count(rows), spent(weight)),
                "On a scratch copy: REINDEX and measure again (bloat), then CLUSTER (rows scattered), then a covering index.",
            ),
    )
}

fn partitions(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    match s.product {
        Product::Postgres if n.op == "append" => {}
        Product::MySql | Product::MariaDb => return listed_partitions(s, i),
        _ => return None,
    }
    let members: Vec<usize> = s.children(i).filter(|c| s.node(*c).role == Role::Member).collect();
    let removed = s.attr(i, &["Subplans Removed"]).unwrap_or(0.0);
    let read: Vec<usize> = members.iter().copied().filter(|c| !s.node(*c).never_executed).collect();
    if read.len() < PARTITIONS || removed > 0.0 || read.len() < members.len() {
        return None;
    }
    let weight = s.weigh_below(i)?;
    // The scan in each arm, with the filter that all of them have.
    let scans: Vec<usize> = read.iter().filter_map(|m| s.subtree(*m).find(|j| s.is_scan(*j))).collect();
    if scans.len() < read.len() {
        return None;
    }
    // Arms of a UNION ALL: the same table again, or tables of which the catalogue knows that they are parts of nothing.
    let relations: std::collections::BTreeSet<_> = scans.iter().map(|j| s.node(*j).relation.as_deref()).collect();
    if relations.len() < scans.len() || scans.iter().any(|j| s.table(*j).is_some_and(|t| t.partition_key.is_empty())) {
        return None;
    }
    let condition = |j: usize| s.filter(j).or_else(|| s.index_condition(j));
    let condition_text = condition(*scans.first()?)?;
    let columns: Vec<String> = s.read(condition_text).columns().iter().map(|c| c.name.to_lowercase()).collect();
    let key = scans.iter().find_map(|j| s.table(*j)).map(|t| &t.partition_key).filter(|k| !k.is_empty());
    let empty = read.iter().filter(|m| s.node(**m).rows_total == Some(0.0)).count();
    let (sure, because, about) = match key {
        Some(key) if key.iter().any(|k| columns.contains(&k.to_lowercase())) => return None,
        Some(key) => (Confidence::Certain, "", format!("; the condition does not name the partition key ({})", key.join(", "))),
        // Without the key: partitions that were searched in vain are the sign.
        None if 2 * empty >= read.len() => (
            Confidence::Likely,
            "the partition key is not known; most of the partitions had no row",
            format!(", {empty} of them without a row"),
        ),
        None => return None,
    };
    Some(
        Draft::new("F36", Severity::Warning, weight, sure)
            .at(s.path(i))
            .number("partitions_read", read.len() as f64)
            .number("partitions_empty", empty as f64)
            .but(sure, because)
            .say(
                format!("all {} partitions are read for {}{about}{}", read.len(), shorter(condition_text), super::scene::took(weight)),
                "Add a condition on the partition key to WHERE, as a plain comparison with a value, and see how many partitions are left.",
            ),
    )
}

/// MySQL and MariaDB name the partitions at the table.
fn listed_partitions(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let listed = s.attr_text(i, &["partitions"])?;
    let read = listed.split(',').filter(|p| !p.trim().is_empty()).count();
    let table = s.table(i)?;
    let all = table.partitions? as usize;
    let scan = s.scan(i)?;
    let filter = scan.filter.as_ref()?;
    let columns: Vec<String> = filter.columns().iter().map(|c| c.name.to_lowercase()).collect();
    if read < PARTITIONS
        || read < all
        || table.partition_key.is_empty()
        || table.partition_key.iter().any(|k| columns.contains(&k.to_lowercase()))
    {
        return None;
    }
    let weight = scan.weight?;
    Some(Draft::new("F36", Severity::Warning, weight, Confidence::Certain).at(s.path(i)).number("partitions_read", read as f64).say(
        format!(
            "all {read} partitions of {} are read{}; the condition does not name the partition key ({}){}",
            s.name(i),
            filter_text(s, &scan),
            table.partition_key.join(", "),
            spent(weight)
        ),
        "Add a condition on the partition key to WHERE and see which partitions EXPLAIN still lists.",
    ))
}
