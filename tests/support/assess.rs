//! Running `holdpoint assess` and reading what it says.

use holdpoint::model::assessment::{Assessment, Seen};
use std::time::{Duration, Instant};

pub struct Run {
    pub code: Option<i32>,
    pub found: Assessment,
    pub took: Duration,
}

impl Run {
    /// It has a time, and keeps to it, however busy this machine is.
    pub fn within_its_budget(&self) {
        assert!(self.found.took <= self.found.budget, "{} ms of {}", self.found.took, self.found.budget);
    }
    pub fn seen(&self, check: &str) -> &Seen {
        self.found.checks.iter().find(|c| c.check == check).unwrap_or_else(|| panic!("no check {check}: {:#?}", self.found))
    }
    /// Nothing was cut off: no statement waited for a lock or ran into its limit. How long each took tells of the machine alone: whoever
    /// waits for a lock is cut off after 0.1 s, and that is told.
    pub fn nothing_waited(&self) {
        // The log's own lines tell of timeouts, of our first login to a locked catalogue too.
        for seen in self.found.checks.iter().filter(|s| s.name != "log") {
            let says = seen.says.to_lowercase();
            assert!(!says.contains("timeout") && !says.contains("timed out") && !says.contains("max_statement_time"), "{seen:#?}");
        }
    }
}

/// Assesses a URL, with a short pause between the samples unless `more` says otherwise.
pub fn assess(url: &str, more: &[&str]) -> Run {
    let home = tempfile::tempdir().expect("a directory");
    assess_in(home.path(), url, more)
}

/// The same with what is configured in `home`.
pub fn assess_in(home: &std::path::Path, target: &str, more: &[&str]) -> Run {
    assess_with(super::command(home), target, more)
}

/// The same by a command of the program's that was prepared.
pub fn assess_with(mut c: std::process::Command, target: &str, more: &[&str]) -> Run {
    let began = Instant::now();
    c.args(["assess", target, "--format", "json"]).args(more);
    if !more.contains(&"--timeframe") {
        c.args(["--timeframe", "1"]);
    }
    let out = c.output().expect("holdpoint runs");
    let took = began.elapsed();
    let found = serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)));
    Run { code: out.status.code(), found, took }
}
