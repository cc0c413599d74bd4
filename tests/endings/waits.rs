//! The command line says for whom it waits.

use super::{mariadb, postgres};
use crate::support;
use std::fs::File;
use std::process::Child;

const SEED: &str = "create table t (id int primary key, v varchar(20)); insert into t values (1, 'as it was');";

/// Starts the program with what it says on standard error going into a file.
fn begin(home: &tempfile::TempDir, args: &[&str]) -> (Child, std::path::PathBuf) {
    let path = home.path().join("said");
    let file = File::create(&path).expect("file");
    let child = support::command(home.path()).args(args).stdout(std::process::Stdio::null()).stderr(file).spawn().expect("start");
    (child, path)
}

/// Each of them waits for the holder, says so, and is done once the holder is gone.
fn each_names(home: &tempfile::TempDir, holder: &str, hold: impl Fn() -> Child, free: impl Fn()) {
    std::fs::write(home.path().join("t.csv"), "id,v\n2,b\n").expect("file");
    let runs: [(&str, &[&str]); 3] = [
        ("statement", &["query", "dev", "update t set v = 'mine' where id = 1"]),
        ("data fix", &["query", "guard", "update t set v = 'fixed' where id = 1", "--commit"]),
        ("import", &["import", "dev", "t", "t.csv", "--commit"]),
    ];
    for (what, args) in runs {
        let mut other = hold();
        let (mut child, said) = begin(home, args);
        let read = || std::fs::read_to_string(&said).expect("said");
        let words = format!("The {what} waits for a lock of {holder}");
        support::wait_until(&words, || read().contains(&words));
        free();
        other.wait().expect("ends");
        assert!(child.wait().expect("ends").success(), "{}", read());
    }
}

#[test]
fn the_holder_is_named_on_postgresql() {
    let (home, pg) = postgres("cli_waits", SEED);
    let sleeps = "from pg_stat_activity where datname = 'cli_waits' and wait_event = 'PgSleep'";
    let hold = || {
        let sql = "begin; update t set v = 'held' where id = 1; insert into t values (2, 'held'); select pg_sleep(600)";
        let child = pg.psql_in_background("cli_waits", sql);
        support::wait_until("the rows are held", || pg.psql("postgres", &format!("select count(*) {sleeps}")).trim() == "1");
        child
    };
    let free = || {
        pg.psql("postgres", &format!("select pg_terminate_backend(pid) {sleeps}"));
        support::wait_until("the holder is gone", || pg.psql("postgres", &format!("select count(*) {sleeps}")).trim() == "0");
    };
    each_names(&home, "postgres@local (pid", hold, free);
    assert_eq!(pg.psql("cli_waits", "select string_agg(v, ' ' order by id) from t").trim(), "fixed b");
}

#[test]
fn the_holder_is_named_on_mariadb() {
    let (home, maria) = mariadb("cli_waits", SEED);
    let sleeps = "select id from information_schema.processlist where db = 'cli_waits' and info like 'select sleep%'";
    let hold = || {
        let sql = "begin; update t set v = 'held' where id = 1; insert into t values (2, 'held'); select sleep(600)";
        let child = maria.sql_in_background("cli_waits", sql);
        support::wait_until("the rows are held", || !maria.sql("", sleeps).trim().is_empty());
        child
    };
    let free = || {
        maria.sql("", &format!("kill {}", maria.sql("", sleeps).trim()));
        support::wait_until("the holder is gone", || maria.sql("", sleeps).trim().is_empty());
    };
    each_names(&home, "root@localhost (id", hold, free);
    assert_eq!(maria.sql("cli_waits", "select group_concat(v order by id separator ' ') from t").trim(), "fixed b");
}
