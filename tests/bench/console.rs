//! Measures the console in a pseudo-terminal, each figure beside its floor in the same run; see README.md beside this file.
//!
//! `cargo bench` prints a Markdown table and fails when a figure is beyond twice its budget. Run with `--floor` it is the
//! floor itself: a minimal ratatui program.

mod assess;
mod data;
mod measure;
mod names;
mod report;
mod rows;
mod screen;
mod servers;
mod shop;
#[path = "../support/mod.rs"]
mod support;

use report::Report;
use std::process::ExitCode;
use support::maria::MariaServer;
use support::pg::PgServer;

/// What can be asked for by name; without a name, all of it.
const PARTS: [&str; 7] = ["screen", "sqlite", "names", "postgres", "mariadb", "assess", "demo"];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if args.iter().any(|a| a == "--floor") {
        screen::floor_program();
        return ExitCode::SUCCESS;
    }
    if let Some(unknown) = args.iter().find(|a| !PARTS.contains(&a.as_str())) {
        eprintln!("there is no part {unknown}; the parts are {}", PARTS.join(", "));
        return ExitCode::from(2);
    }
    let wanted = |part: &str| args.is_empty() || args.iter().any(|a| a == part);
    let missing = data::missing_tools(&wanted);
    if !missing.is_empty() {
        eprintln!("{} not on this machine: {}", missing.join(", "), support::server::INSTALL);
        return ExitCode::from(2);
    }

    let home = tempfile::tempdir().expect("home");
    let home = home.path();
    let mut report = Report::default();
    if wanted("screen") || wanted("sqlite") {
        let dir = tempfile::tempdir().expect("directory");
        let file = data::sqlite(dir.path());
        if wanted("screen") {
            screen::measure(&mut report, home, &file);
        }
        if wanted("sqlite") {
            rows::measure(&mut report, home, &data::Side::sqlite(&file));
        }
    }
    if wanted("names") {
        let dir = tempfile::tempdir().expect("directory");
        names::sqlite(&mut report, home, dir.path());
        let pg = PgServer::start(&["max_locks_per_transaction=1024"]);
        names::postgres(&mut report, home, &pg);
        let maria = MariaServer::start(&[]);
        names::mariadb(&mut report, home, &maria);
    }
    if wanted("postgres") {
        let pg = PgServer::start(&["max_locks_per_transaction=1024"]);
        rows::measure(&mut report, home, &data::Side::postgres(&pg));
        servers::postgres(&mut report, home, &pg);
    }
    if wanted("mariadb") {
        // The whole table in memory, as PostgreSQL has it in the system's cache: the disk is not what is measured.
        let maria = MariaServer::start(&["--innodb-buffer-pool-size=512M"]);
        rows::measure(&mut report, home, &data::Side::mariadb(&maria));
        servers::mariadb(&mut report, home, &maria);
    }
    if wanted("assess") {
        assess::measure(&mut report, home);
    }
    if wanted("demo") {
        shop::measure(&mut report, home);
    }
    report.end()
}
