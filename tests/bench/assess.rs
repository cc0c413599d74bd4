//! The emergency: what a busy server loses to an assessment, when its first findings come, and what the terminal is sent meanwhile.

use super::measure::{self, median, ms};
use super::report::{Budget, Report};
use super::support;
use super::support::cost::{COUNTED, of_postgres};
use super::support::pg::PgServer;
use std::path::Path;
use std::process::Child;
use std::time::Instant;

/// Clients that work all the time.
const CLIENTS: &str = "50";
/// Seconds of one run: an assessment with its two samples takes about six.
const SECONDS: &str = "8";
/// Runs with and without an assessment, in turns.
const PAIRS: usize = 12;

fn load(pg: &PgServer) -> Child {
    let mut c = pg.client("pgbench");
    c.args(["-n", "-N", "-c", CLIENTS, "-j", "2", "-T", SECONDS, "-U", "postgres", "-p", &pg.port.to_string(), "-h"]).arg(&pg.socket);
    c.arg("busy").stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().expect("pgbench starts")
}

/// Transactions a second by pgbench's own count.
fn rate(load: Child) -> f64 {
    let out = load.wait_with_output().expect("pgbench ends");
    let text = String::from_utf8_lossy(&out.stdout);
    let line = text.lines().find_map(|l| l.strip_prefix("tps = ")).unwrap_or_else(|| panic!("no rate: {text}"));
    line.split_whitespace().next().expect("a number").parse().expect("a number")
}

pub fn measure(report: &mut Report, home: &Path) {
    let [statements, planning] = COUNTED;
    let pg = PgServer::start(&["fsync=on", "synchronous_commit=off", statements, planning]);
    pg.create_database("busy");
    let mut c = pg.client("pgbench");
    c.args(["-i", "-q", "-s", "10", "-U", "postgres", "-p", &pg.port.to_string(), "-h"]).arg(&pg.socket).arg("busy");
    support::server::run(c, "pgbench -i");
    let url = pg.url("busy");
    let assess = || {
        let out = support::command(home).args(["assess", &url]).output().expect("holdpoint");
        assert!(String::from_utf8_lossy(&out.stdout).contains("PostgreSQL"), "{}", String::from_utf8_lossy(&out.stderr));
    };
    // The caches, and one of each outside the count.
    rate(load(&pg));
    assess();
    let mut ratios = Vec::new();
    for i in 0..PAIRS {
        let quiet = || rate(load(&pg));
        let looked_at = || {
            let load = load(&pg);
            assess();
            rate(load)
        };
        // Each comes first as often as the other.
        let (without, with) = if i % 2 == 0 {
            let a = quiet();
            (a, looked_at())
        } else {
            let b = looked_at();
            (quiet(), b)
        };
        ratios.push(with / without);
    }
    let lost = |ratio: f64| 100.0 * (1.0 - ratio);
    report.row(
        "assess: throughput of 50 clients lost, median of 12 pairs, %",
        "",
        None,
        lost(median(ratios.clone())).max(0.0),
        Budget::Most(1.0),
    );
    let spread = measure::percentile(&ratios, 0.75) - measure::percentile(&ratios, 0.25);
    report.row("assess: … half of the pairs lie within, %", "", None, 100.0 * spread, Budget::None);

    // What the server and the operating system count for it differs little from run to run.
    let busy = load(&pg);
    let cost = of_postgres(&pg, home, "busy");
    rate(busy);
    report.row("assess: its session's share of the machine over its run, 50 clients", "%", None, cost.share(), Budget::Most(1.0));
    report.row("assess: … processor time of its session", "ms", None, ms(cost.busy), Budget::None);
    report.row("assess: … statements", "", None, cost.statements, Budget::None);
    report.row("assess: … pages read, all from the cache or counted as such", "", None, cost.read, Budget::None);

    let busy = load(&pg);
    let began = Instant::now();
    let c = support::pty::Console::start(home, home, &["open", &url, "--assess"], 80, 24);
    let first = measure::when(&c, "the first findings", |s| s.contains("locks") && s.contains("connections"));
    report.row("assess: first findings on the screen, 50 clients", "ms", None, ms(first.duration_since(began)), Budget::Most(2000.0));
    let end = measure::when(&c, "its end", |s| s.contains("checks in "));
    let bytes = c.last_arrival().map_or(0, |a| a.1) as f64;
    let seconds = end.duration_since(began).as_secs_f64();
    report.row("assess: bytes to the terminal a second", "bytes", None, bytes / seconds, Budget::Most(2048.0));
    report.row("assess: whole, of a budget of 60 s", "ms", None, ms(end.duration_since(began)), Budget::Most(60_000.0));
    rate(busy);
}
