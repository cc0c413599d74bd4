//! A million rows: beside the engine's own client, with every row kept and reachable.

use super::data::{BIG, Side};
use super::measure::{Cost, mean, median, ms, open, peak_mb, percentile, quiet, when};
use super::report::{Budget, Report};
use super::screen::{moves, to_editor};
use std::path::Path;
use std::time::{Duration, Instant};

/// Runs of the query in each program, in turns.
const RUNS: usize = 5;
/// What the title of a complete result says.
const ALL: &str = "1,000,000 rows ·";

pub fn measure(report: &mut Report, home: &Path, side: &Side) {
    let (mut native, mut last, mut first, mut peak) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut keys = None;
    // The first reading warms the server's and the system's caches for both.
    side.native_ms();
    for _ in 0..RUNS {
        native.push(side.native_ms());
        let mut o = open(home, &side.target);
        to_editor(&mut o);
        o.send("select * from big");
        o.wait_for("select * from big");
        quiet(&o, Duration::from_millis(200));
        let began = Instant::now();
        o.send("<F5>");
        first.push(ms(when(&o, "the first row is there", |s| s.contains("name 00000001")).duration_since(began)));
        last.push(ms(when(&o, "all rows are there", |s| s.contains(ALL)).duration_since(began)));
        if keys.is_none() {
            o.send("<Esc> gr");
            quiet(&o, Duration::from_millis(300));
            let (mut steps, mut leaps) = (Cost::default(), Cost::default());
            for key in moves(20) {
                steps.key(&mut o, key);
            }
            // To the end and back, and pages between: every row can be reached.
            for _ in 0..5 {
                leaps.key(&mut o, "G");
                assert!(o.screen().contains(&format!("name {BIG:08}")), "the last row is not there:\n{}", o.screen());
                for key in ["<PgUp>", "<PgUp>", "g", "<PgDn>", "<PgDn>"] {
                    leaps.key(&mut o, key);
                }
            }
            keys = Some((steps, leaps));
        }
        peak.push(peak_mb(o.pid()));
    }
    let name = side.name;
    report.row(
        &format!("{name}: `select *` of 1 M × 10 to the last row"),
        "ms",
        Some(median(native)),
        median(last),
        Budget::Times(side.budget, side.native),
    );
    report.row(&format!("{name}: … first row on the screen"), "ms", None, median(first), Budget::Most(50.0));
    report.row(&format!("{name}: … peak memory"), "MB", None, median(peak), Budget::Most(60.0));
    let (steps, leaps) = keys.expect("measured in the first run");
    report.row(&format!("{name}: … cursor move in the grid"), "bytes", None, mean(&steps.bytes), Budget::Most(300.0));
    let all: Vec<f64> = steps.times.into_iter().chain(leaps.times).collect();
    report.row(&format!("{name}: … key to frame in the grid, p99"), "ms", None, percentile(&all, 0.99), Budget::Most(16.0));
}
