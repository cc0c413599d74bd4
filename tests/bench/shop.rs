//! The demo: making it, and proving what its five pending migrations do.

use super::measure::ms;
use super::report::{Budget, Report};
use super::support;
use std::path::Path;
use std::time::Instant;

pub fn measure(report: &mut Report, home: &Path) {
    let dir = tempfile::tempdir().expect("directory");
    let shop = dir.path().join("shop");
    let began = Instant::now();
    let out = support::command(home).args(["demo", "--no-open"]).arg(&shop).output().expect("holdpoint");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    report.row("demo: three databases made", "ms", None, ms(began.elapsed()), Budget::Most(10_000.0));

    let run = |args: &[&str]| {
        let out = support::command(home).current_dir(&shop).args(args).output().expect("holdpoint");
        (out.status.code(), format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)))
    };
    let began = Instant::now();
    let (code, said) = run(&["backup", "take", "shop-prod"]);
    assert_eq!(code, Some(0), "{said}");
    report.row("demo: backup taken", "ms", None, ms(began.elapsed()), Budget::None);
    let began = Instant::now();
    let (code, said) = run(&["backup", "verify", "shop-prod"]);
    assert_eq!(code, Some(0), "{said}");
    report.row("demo: backup restored and compared", "ms", None, ms(began.elapsed()), Budget::None);
    let began = Instant::now();
    // Some of the five are made to fail their proof: findings are the right end.
    let (code, said) = run(&["migrate", "prove", "shop-prod"]);
    assert!(code == Some(1) && said.contains("0008"), "exit code {code:?}: {said}");
    report.row("demo: five migrations proven", "ms", None, ms(began.elapsed()), Budget::None);
}
