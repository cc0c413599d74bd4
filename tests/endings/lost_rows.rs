//! Rows that cannot be written anywhere: a statement that writes runs to its end all the same, and that it took effect is told.

use super::{home_of_sqlite, mariadb, postgres};
use crate::support;
use crate::support::pty::Console;
use portable_pty::CommandBuilder;
use std::fs::File;

const SEED: &str = "create table ins (id int, filler text);";

fn outcome(home: &tempfile::TempDir) -> String {
    let (text, _) = super::run(home, 0, &["history", "dev", "--format", "json"]);
    let runs: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    let last = runs.iter().find(|r| r["text"].as_str().is_some_and(|t| t.starts_with("insert"))).expect("on record");
    last["outcome"].as_str().unwrap_or("-").to_string()
}

/// Several times: what was a matter of chance went wrong in some of them.
fn on_a_full_disk(home: &tempfile::TempDir, insert: &str) {
    for round in 1..=3 {
        let full = File::options().write(true).open("/dev/full").expect("the device that is always full");
        let out = support::command(home.path()).args(["query", "dev", insert, "--format", "csv"]).stdout(full).output().expect("run");
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(1), "{told}");
        assert!(told.contains("No space left on device") && told.contains("took effect") && told.contains("once more"), "{told}");
        let (count, _) = super::run(home, 0, &["query", "dev", "select count(*) as n from ins", "--format", "csv"]);
        assert_eq!(count, format!("n\r\n{}\r\n", round * 20_000), "{told}");
        assert_eq!(outcome(home), "20,000 rows");
    }
    // One that only reads is ended, and nothing is said of an effect.
    let full = File::options().write(true).open("/dev/full").expect("the device that is always full");
    let out =
        support::command(home.path()).args(["query", "dev", "select * from ins", "--format", "csv"]).stdout(full).output().expect("run");
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(1) && !told.contains("took effect"), "{told}");
}

#[test]
fn a_statement_whose_rows_cannot_be_written_runs_to_its_end() {
    let (home, _) = postgres("full", SEED);
    on_a_full_disk(&home, "insert into ins select g, repeat('x', 1000) from generate_series(1, 20000) g returning *");
    let (home, _) = mariadb("full", SEED);
    on_a_full_disk(&home, "insert into ins select seq, repeat('x', 1000) from seq_1_to_20000 returning *");
    on_a_full_disk(
        &home_of_sqlite(SEED),
        "insert into ins with recursive s(n) as (select 1 union all select n + 1 from s where n < 20000) \
         select n, hex(zeroblob(500)) from s returning *",
    );
}

/// In the console, where no file may grow beyond 4 MiB: what is kept of a result, and what is exported.
#[test]
fn the_console_says_that_a_statement_took_effect_whose_rows_it_cannot_keep() {
    let (home, pg) = postgres("full_console", SEED);
    let mut command = CommandBuilder::new("bash");
    // A write beyond the limit fails, as on a full disk; the signal would end the program.
    command.args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" open dev"]);
    command.arg(support::holdpoint());
    let mut c = Console::spawn(command, home.path(), home.path(), 120, 40, &[]);
    c.wait_for("no tx");
    let insert = "insert into ins select g, repeat('x', 1000) from generate_series(1, 20000) g returning *";
    super::console::run(&mut c, insert);
    c.wait_until("it is told", |s| s.contains("of 20,000 rows kept") && s.contains("took effect"));
    assert!(!c.screen().contains("failed"), "{}", c.screen());
    assert_eq!(pg.psql("full_console", "select count(*) from ins").trim(), "20000");
    support::wait_until("it is on record", || outcome(&home) == "20,000 rows");
    super::console::run(&mut c, "select 1");
    c.wait_for("1 row ·");
}
