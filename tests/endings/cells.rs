//! Edited cells in the real console: whom they wait for, and what became of them.

use super::console::{open, run};
use super::{mariadb, postgres};
use crate::support;

const SEED: &str = "create table t (id int primary key, v varchar(20)); insert into t values (1, 'as it was');";

/// Changes the first row's `v` in the console, while another session holds that row; then it is cancelled.
fn waits(home: &tempfile::TempDir, target: &str, holder: &str) {
    let mut c = open(home, target);
    run(&mut c, "select * from t");
    c.wait_for("1 row ·");
    c.send("<Esc> gr");
    c.send("lc");
    c.wait_for("Row 1");
    c.send("<C-u>mine<Enter>");
    c.wait_for("1 change staged");
    c.send("w");
    c.wait_for("Write 1 change");
    c.send("w");
    c.wait_until("the holder is named", |s| s.contains(&format!("The cell edit waits for a lock of {holder}")));
    c.wait_for(&format!("waits for {holder}"));
    c.send("<C-c>");
    c.wait_until("it is told what became of them", |s| {
        let told = s.split_whitespace().collect::<Vec<_>>().join(" ");
        told.contains("cancelled") && told.contains("All changes were rolled back; they are still staged.")
    });
    c.wait_for("1 change staged");
}

#[test]
fn cell_edits_that_wait_name_the_holder_on_postgresql() {
    let (home, pg) = postgres("cells_wait", SEED);
    let mut holder = pg.psql_in_background("cells_wait", "begin; update t set v = 'held'; select pg_sleep(600)");
    let held = "select count(*) from pg_stat_activity where datname = 'cells_wait' and wait_event = 'PgSleep'";
    support::wait_until("the row is held", || pg.psql("postgres", held).trim() == "1");
    waits(&home, "guard", "postgres@local (pid");
    waits(&home, "dev", "postgres@local (pid");
    holder.kill().expect("kill");
    holder.wait().expect("ends");
    pg.psql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep' and datname = 'cells_wait'");
    assert_eq!(pg.psql("cells_wait", "select v from t").trim(), "as it was");
}

#[test]
fn cell_edits_that_wait_name_the_holder_on_mariadb() {
    let (home, maria) = mariadb("cells_wait", SEED);
    let mut holder = maria.sql_in_background("cells_wait", "begin; update t set v = 'held'; select sleep(600)");
    let held = "select id from information_schema.processlist where db = 'cells_wait' and info like 'select sleep%'";
    support::wait_until("the row is held", || !maria.sql("", held).trim().is_empty());
    waits(&home, "guard", "root@localhost (id");
    waits(&home, "dev", "root@localhost (id");
    maria.sql("", &format!("kill {}", maria.sql("", held).trim()));
    holder.wait().expect("ends");
    assert_eq!(maria.sql("cells_wait", "select v from t").trim(), "as it was");
}
