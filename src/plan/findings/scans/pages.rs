//! Pages that PostgreSQL reads for nothing, from outside, or for few rows (F17–F20).

use crate::model::Severity;
use crate::model::plan::{Confidence, PlanFinding};
use crate::plan::findings::Draft;
use crate::plan::findings::scene::{MANY, Product, Scan, Scene};
use crate::plan::findings::words::{count, ms, spent};

/// F17: share of rows that the recheck drops (plans.md §3).
const RECHECK_SHARE: f64 = 0.5;
/// F18: heap fetches as a share of the rows, and at least (plans.md §3).
const HEAP_FETCHES: (f64, f64) = (0.1, 1_000.0);
/// F19: pages read from outside the buffers, and their share of all (plans.md §3).
const COLD: (f64, f64) = (1_000.0, 0.5);
/// F20: pages for each row, and pages at least (plans.md §3).
const PAGES_PER_ROW: (f64, f64) = (100.0, 10_000.0);

pub(super) fn lossy_bitmap(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
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

pub(super) fn heap_fetches(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
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

pub(super) fn cold_read(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
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
    let told = io.map(|t| format!(", {} of them waiting for it", ms(t))).unwrap_or_default();
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

pub(super) fn pages_per_row(s: &Scene<'_>, scan: &Scan) -> Option<PlanFinding> {
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
