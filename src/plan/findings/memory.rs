//! Memory: sorts, hash tables and groupings that went to disk, temporary pages, wide rows (F13–F16, F35).

use super::Draft;
use super::scene::{MANY, Product, SELF_MS, SELF_SHARE, Scene, Weight};
use super::words::{count, ms, shorter, spent};
use crate::model::Severity;
use crate::model::plan::{Confidence, PlanFinding};

/// F14: batches from which it is critical (plans.md §3).
const BATCHES: f64 = 8.0;
/// F16: temporary pages that a node wrote itself (plans.md §3).
const TEMP_PAGES: f64 = 1_000.0;
/// F35: bytes of a row, and rows (plans.md §3).
const WIDE: (f64, f64) = (2_000.0, 10_000.0);

pub fn look(s: &Scene<'_>, out: &mut Vec<PlanFinding>) {
    for i in s.all() {
        if s.node(i).never_executed {
            continue;
        }
        let spilled = sort(s, i).or_else(|| hash(s, i)).or_else(|| grouping(s, i));
        // One spill is told once, by what spilled.
        out.extend(spilled.or_else(|| temporary(s, i)));
        out.extend(wide(s, i));
    }
}

/// ` (work_mem is 4MB)`
fn memory(s: &Scene<'_>) -> String {
    s.setting("work_mem").map(|w| format!(" (work_mem is {w})")).unwrap_or_default()
}

/// Enough for what went to disk: in memory rows take about twice the room.
fn more(kilobytes: f64) -> String {
    let mut megabytes = 8.0;
    while megabytes * 1024.0 < 2.5 * kilobytes && megabytes < 4096.0 {
        megabytes *= 2.0;
    }
    format!("SET LOCAL work_mem = '{megabytes:.0}MB'")
}

fn sort(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    if s.product == Product::MariaDb {
        let passes = s.attr(i, &["r_sort_passes"]).filter(|p| *p >= 1.0)?;
        // Straight over a table the sort is in that table's other time, with the tests of its rows: it took as much at most. Reading the
        // rows is not the sort's.
        let table = s.children(i).find(|c| s.is_scan(*c));
        let weight = match (table.and_then(|t| s.attr(t, &["r_other_time_ms"])), s.total_ms) {
            (Some(other), Some(total)) if other >= SELF_MS && other >= SELF_SHARE * total => Weight::Timed(other),
            (Some(_), Some(_)) => return None,
            _ => s.weigh(&[i])?,
        };
        let took = match weight {
            Weight::Timed(t) if table.is_some() => format!(", {} at most", ms(t)),
            w => spent(w),
        };
        let buffer = s.attr_text(i, &["r_buffer_size"]).map(|b| format!(" (buffer {b})")).unwrap_or_default();
        return Some(
            Draft::new("F13", Severity::Warning, weight, Confidence::Certain)
                .at(s.path(i))
                .number("sort_passes", passes)
                .sql(Some("SET STATEMENT sort_buffer_size = 16777216 FOR SELECT …".into()))
                .say(
                    format!(
                        "the sort of {} rows did not fit into its buffer: {} merge passes over disk{buffer}{took}",
                        count(n.rows_total.unwrap_or(0.0)),
                        count(passes)
                    ),
                    "Measure again with a larger sort_buffer_size for this statement alone, or with an index that has the order already.",
                ),
        );
    }
    if s.product == Product::MySql {
        // The plan itself does not tell; the statement's counters may.
        let passes = *s.plan.counters.get("sort_merge_passes").or_else(|| s.plan.counters.get("Sort_merge_passes"))? as f64;
        if n.op != "sort" || passes < 1.0 {
            return None;
        }
        let weight = s.weigh(&[i])?;
        return Some(
            Draft::new("F13", Severity::Warning, weight, Confidence::Likely)
                .at(s.path(i))
                .number("sort_passes", passes)
                .but(Confidence::Likely, "the counter is the statement's, not this sort's")
                .sql(Some("SET SESSION sort_buffer_size = 16777216".into()))
                .say(
                    format!("the sort did not fit into its buffer: {} merge passes over disk{}", count(passes), spent(weight)),
                    "Measure again with a larger sort_buffer_size, or with an index that has the order already.",
                ),
        );
    }
    if n.op != "sort" {
        return None;
    }
    let method = s.attr_text(i, &["Sort Method"]).unwrap_or("");
    // Of an incremental sort and of workers the methods stand in groups.
    let told: String = n
        .attrs
        .iter()
        .filter(|(k, _)| k.contains("Sort") || k.contains("Groups") || k.starts_with("Worker "))
        .map(|(_, v)| v.as_str())
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase();
    let disk = s.attr_text(i, &["Sort Space Type"]) == Some("Disk") || method.starts_with("external") || told.contains("external");
    if !disk {
        return None;
    }
    let weight = s.weigh(&[i])?;
    let kilobytes = on_disk(s, i).or_else(|| n.self_pages.temp_written.map(|p| p as f64 * 8.0));
    // What it sorted is what it was given; a LIMIT takes fewer from it.
    let sorted = s.children(i).find_map(|c| s.node(c).rows_total).or(n.rows_total).unwrap_or(0.0);
    let wrote = kilobytes.map(|k| format!("{} kB", count(k))).unwrap_or_else(|| "some of it".into());
    let by = s.condition(i, &["Sort Key"]).map(|k| format!(" by {}", shorter(k))).unwrap_or_default();
    let mut draft =
        Draft::new("F13", Severity::Warning, weight, Confidence::Certain).at(s.path(i)).sql(Some(more(kilobytes.unwrap_or(16_384.0))));
    if let Some(k) = kilobytes {
        draft = draft.number("disk_kb", k);
    }
    let how = if method.is_empty() { "external sort" } else { method };
    Some(draft.say(
        format!("the sort{by} of {} rows wrote {wrote} to disk ({how}){}{}", count(sorted), memory(s), spent(weight)),
        "Measure again with more work_mem for this transaction alone, or with an index that has the order already.",
    ))
}

/// Kilobytes that a sort wrote to disk, by all its processes: the node's own figure is the leader's, and each worker has its own.
fn on_disk(s: &Scene<'_>, i: usize) -> Option<f64> {
    let leader = s.attr(i, &["Sort Space Used"]).filter(|_| s.attr_text(i, &["Sort Space Type"]) != Some("Memory"));
    let workers =
        s.node(i).attrs.iter().filter(|(k, v)| k.starts_with("Worker ") && v.contains("Sort Space Type Disk")).filter_map(|(_, v)| {
            let digits: String = v.split("Sort Space Used ").nth(1)?.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            digits.parse::<f64>().ok()
        });
    leader.into_iter().chain(workers).reduce(|a, b| a + b)
}

fn hash(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    if n.op != "hash" {
        return None;
    }
    let batches = s.attr(i, &["Hash Batches", "Batches"]).filter(|b| *b > 1.0)?;
    let planned = s.attr(i, &["Original Hash Batches", "Original Batches"]);
    let kilobytes = s.attr(i, &["Peak Memory Usage", "Memory Usage"]);
    // Writing and reading the batches is the join's work too.
    let nodes: Vec<usize> = std::iter::once(i).chain(s.parent(i)).collect();
    let weight = s.weigh(&nodes)?;
    let below = || s.children(i).next().map(|c| s.node(c));
    let rows = n.rows_total.or(below().and_then(|c| c.rows_total)).unwrap_or(0.0);
    let expected = n.est_rows.or(below().and_then(|c| c.est_rows)).unwrap_or(0.0);
    if planned.is_some_and(|p| p >= batches) && expected >= 10.0 * rows.max(1.0) {
        return Some(
            Draft::new("F14", Severity::Warning, weight, Confidence::Certain)
                .at(s.path(i))
                .number("batches", batches)
                .number("rows", rows)
                .number("plan_rows", expected)
                .say(
                    format!(
                        "the hash table was divided into {} batches for {} planned rows, and {} came{}",
                        count(batches),
                        count(expected),
                        count(rows),
                        spent(weight)
                    ),
                    "More memory is no cure: mend the estimate of its rows (F5), and explain again.",
                ),
        );
    }
    let severity = if batches >= BATCHES { Severity::Critical } else { Severity::Warning };
    let grown = planned.filter(|p| *p < batches).map(|p| format!(", {} planned", count(p))).unwrap_or_default();
    let needs = kilobytes.map(|k| format!("; all of it needs about {} kB", count(k * batches))).unwrap_or_default();
    let mut draft = Draft::new("F14", severity, weight, Confidence::Certain)
        .at(s.path(i))
        .number("batches", batches)
        .sql(Some(more(kilobytes.unwrap_or(4096.0) * batches / 2.0)));
    if let Some(k) = kilobytes {
        draft = draft.number("memory_kb", k);
    }
    Some(draft.say(
        format!("the hash table of {} rows went to disk in {} batches{grown}{needs}{}{}", count(rows), count(batches), memory(s), spent(weight)),
        "Measure again with more work_mem (or hash_mem_multiplier) for this transaction alone; if it grew beyond the plan, mend the estimate first.",
    ))
}

fn grouping(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    if n.op != "aggregate" || s.product != Product::Postgres {
        return None;
    }
    let disk = s.attr(i, &["Disk Usage"]).unwrap_or(0.0);
    let batches = s.attr(i, &["HashAgg Batches", "Batches"]).unwrap_or(0.0);
    if disk <= 0.0 && batches <= 1.0 {
        return None;
    }
    let weight = s.weigh(&[i])?;
    // HAVING drops groups that were made.
    let groups = n.rows_total.unwrap_or(0.0) + n.removed.total().unwrap_or(0.0);
    Some(
        Draft::new("F15", Severity::Warning, weight, Confidence::Certain)
            .at(s.path(i))
            .number("disk_kb", disk)
            .number("batches", batches)
            .sql(Some(more(disk.max(4096.0))))
            .say(
                format!("the grouping into {} groups wrote {} kB to disk in {} batches{}{}", count(groups), count(disk), count(batches), memory(s), spent(weight)),
                "Measure again with more work_mem for this transaction alone; whether rows that come in the groups' order would do, `--advise` tells.",
            ),
    )
}

fn temporary(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    let written = n.self_pages.temp_written.filter(|p| *p as f64 >= TEMP_PAGES)? as f64;
    // What a hash join writes is its hash table's spill, told there.
    if n.op == "hash join" && s.children(i).any(|c| s.attr(c, &["Hash Batches", "Batches"]).is_some_and(|b| b > 1.0)) {
        return None;
    }
    let weight = s.weigh(&[i])?;
    Some(
        Draft::new("F16", Severity::Warning, weight, Confidence::Certain)
            .at(s.path(i))
            .number("temp_pages_written", written)
            .sql(Some(more(written * 8.0)))
            .say(
                format!(
                    "{} wrote {} temporary pages ({} kB){}{}",
                    s.node(i).raw_op,
                    count(written),
                    count(written * 8.0),
                    memory(s),
                    spent(weight)
                ),
                "Measure again with more work_mem for this transaction alone, or keep fewer rows and columns.",
            ),
    )
}

fn wide(s: &Scene<'_>, i: usize) -> Option<PlanFinding> {
    let n = s.node(i);
    if !matches!(n.op.as_str(), "sort" | "hash") || s.product != Product::Postgres {
        return None;
    }
    let width = n.est_width.filter(|w| *w >= WIDE.0)?;
    let rows = (if s.plan.analyzed { n.rows_total.or(n.est_rows) } else { n.est_rows }).filter(|r| *r >= WIDE.1.max(MANY))?;
    let weight = s.weigh(&[i])?;
    let verb = if weight == Weight::Estimated { "would carry" } else { "carries" };
    let megabytes = width * rows / 1_048_576.0;
    Some(
        Draft::new("F35", Severity::Warning, weight, Confidence::Likely)
            .at(s.path(i))
            .number("width_bytes", width)
            .number("rows", rows)
            .but(Confidence::Likely, "the width is the planner's estimate")
            .say(
                format!("the {} {verb} {} rows of about {} bytes, {megabytes:.0} MB{}", n.op, count(rows), count(width), spent(weight)),
                "Sort or join on the keys alone and fetch the wide columns afterwards, for the rows that are left; compare.",
            ),
    )
}
