//! What a node did: its counters per loop made totals, and the shares of its processes.

use crate::model::plan::{Io, Pages, PlanNode, Process, Removed, Wal};
use crate::plan::postgres::value::{Keys, Value, get};

/// Raw figures of one node, per loop.
#[derive(Default)]
pub(super) struct Actual {
    pub(super) startup: Option<f64>,
    pub(super) total: Option<f64>,
    pub(super) rows: Option<f64>,
    pub(super) decimals: u8,
    pub(super) loops: Option<f64>,
    pub(super) removed: Removed,
    pub(super) io: Io,
    pub(super) wal: Wal,
    pub(super) pages: Pages,
}

fn add_pages(to: &mut Option<u64>, v: &Value<'_>) {
    if let Some(n) = v.number().filter(|n| *n >= 0.0) {
        *to = Some(to.unwrap_or(0).saturating_add(n as u64));
    }
}

fn add_ms(to: &mut Option<f64>, v: &Value<'_>) {
    if let Some(n) = v.number() {
        *to = Some(to.unwrap_or(0.0) + n);
    }
}

/// Takes a counter of a node or of a worker; false when the key is none. Shared and local pages are one: both are pages of tables.
pub(super) fn counter(a: &mut Actual, key: &str, v: &Value<'_>) -> bool {
    match key {
        "Actual Startup Time" => a.startup = v.number(),
        "Actual Total Time" => a.total = v.number(),
        "Actual Rows" => {
            a.rows = v.number();
            a.decimals = v.decimals();
        }
        "Actual Loops" => a.loops = v.number(),
        "Shared Hit Blocks" | "Local Hit Blocks" => add_pages(&mut a.pages.hit, v),
        "Shared Read Blocks" | "Local Read Blocks" => add_pages(&mut a.pages.read, v),
        "Shared Dirtied Blocks" | "Local Dirtied Blocks" => add_pages(&mut a.pages.dirtied, v),
        "Shared Written Blocks" | "Local Written Blocks" => add_pages(&mut a.pages.written, v),
        "Temp Read Blocks" => add_pages(&mut a.pages.temp_read, v),
        "Temp Written Blocks" => add_pages(&mut a.pages.temp_written, v),
        "I/O Read Time" | "Shared I/O Read Time" | "Local I/O Read Time" => add_ms(&mut a.io.read_ms, v),
        "I/O Write Time" | "Shared I/O Write Time" | "Local I/O Write Time" => add_ms(&mut a.io.write_ms, v),
        "Temp I/O Read Time" => add_ms(&mut a.io.temp_read_ms, v),
        "Temp I/O Write Time" => add_ms(&mut a.io.temp_write_ms, v),
        "WAL Records" => add_pages(&mut a.wal.records, v),
        "WAL FPI" => add_pages(&mut a.wal.fpi, v),
        "WAL Bytes" => add_pages(&mut a.wal.bytes, v),
        "WAL Buffers Full" => add_pages(&mut a.wal.buffers_full, v),
        _ => return false,
    }
    true
}

pub(super) fn actuals(n: &mut PlanNode, a: Actual, workers: &[Value<'_>]) {
    let Some(loops) = a.loops else {
        (n.pages, n.io, n.wal) = (a.pages, a.io, a.wal);
        return;
    };
    if loops <= 0.0 {
        n.never_executed = true;
        return;
    }
    (n.pages, n.io, n.wal) = (a.pages, a.io, a.wal);
    n.loops = Some(loops);
    n.rows = a.rows;
    n.rows_total = a.rows.map(|r| r * loops);
    // One loop's rows are a whole number; a mean is printed as a whole number up to 17, with two decimals since.
    let step = if a.decimals == 0 { 0.5 } else { 0.5 * 0.1f64.powi(i32::from(a.decimals)) };
    n.rows_err = a.rows.map(|_| if loops > 1.0 { step * loops } else { 0.0 });
    n.startup_ms = a.startup.map(|t| t * loops);
    n.total_ms = a.total.map(|t| t * loops);
    // Means per loop, like the rows themselves.
    let times = |v: Option<f64>| v.map(|r| r * loops);
    n.removed = Removed { filter: times(a.removed.filter), join_filter: times(a.removed.join_filter), recheck: times(a.removed.recheck) };
    for w in workers {
        if let Value::Object(keys) = w {
            worker(n, keys);
        }
    }
    leader(n, loops);
    // A bitmap of bitmaps counts no rows, and prints 0.
    if matches!(n.raw_op.as_str(), "BitmapAnd" | "BitmapOr") {
        (n.rows, n.rows_total, n.rows_err) = (None, None, None);
    }
}

/// Adds a worker's share, and what else it tells as an attribute.
fn worker(n: &mut PlanNode, keys: &Keys<'_>) {
    let who = format!("worker {}", get(keys, "Worker Number").map(Value::words).unwrap_or_default());
    let mut a = Actual::default();
    let mut told = Vec::new();
    for (k, v) in keys.iter().filter(|(k, _)| k != "Worker Number") {
        let timing = matches!(k.as_ref(), "Actual Startup Time" | "Actual Total Time" | "Actual Rows" | "Actual Loops");
        counter(&mut a, k, v);
        if !timing && !v.is_nothing() {
            told.push(format!("{k} {}", v.words()));
        }
    }
    if !told.is_empty() {
        n.attrs.insert(format!("Worker{}", who.trim_start_matches("worker")), told.join(", "));
    }
    if let Some(loops) = a.loops {
        n.processes.push(Process { who, loops: a.loops, rows_total: a.rows.map(|r| r * loops), total_ms: a.total.map(|t| t * loops) });
    }
}

/// What is left of the sum is the leader's.
fn leader(n: &mut PlanNode, loops: f64) {
    if n.processes.is_empty() {
        return;
    }
    let sum = |f: fn(&Process) -> Option<f64>| n.processes.iter().map(f).sum::<Option<f64>>();
    let left = loops - sum(|p| p.loops).unwrap_or(0.0);
    if left > 0.0 {
        let rest = |all: Option<f64>, theirs: Option<f64>| all.zip(theirs).map(|(a, t)| (a - t).max(0.0));
        let leader = Process {
            who: "leader".into(),
            loops: Some(left),
            rows_total: rest(n.rows_total, sum(|p| p.rows_total)),
            total_ms: rest(n.total_ms, sum(|p| p.total_ms)),
        };
        n.processes.insert(0, leader);
    }
    n.wall_ms = n.processes.iter().filter_map(|p| p.total_ms).reduce(f64::max);
}
