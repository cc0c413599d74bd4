//! The same in the real console.

use super::{fates, mariadb, postgres};
use crate::support;
use crate::support::pty::Console;

pub fn open(home: &tempfile::TempDir, target: &str) -> Console {
    let c = Console::start(home.path(), home.path(), &["open", target], 120, 40);
    c.wait_for("no tx");
    c
}

/// The editor holds exactly this text, and it is run.
pub fn run(c: &mut Console, sql: &str) {
    c.send("<Esc>2<C-a><BS>");
    c.wait_until("the editor is empty", |s| !s.contains("▎"));
    c.send(sql);
    let end: String = sql.chars().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect();
    c.wait_for(&end);
    c.send("<F5>");
}

/// The connection of a data fix that waits for its answer goes away.
fn fix_is_lost(home: &tempfile::TempDir, kill: impl FnOnce()) {
    let mut c = open(home, "guard");
    run(&mut c, "update t set v = 'gone' where id = 1");
    c.wait_until("it asks", |s| s.contains("The statement changed 1 row") && s.contains("TX OPEN"));
    kill();
    c.wait_until("it is told at once", |s| {
        s.contains("NOT committed") && s.contains("o understood") && !s.contains("TX OPEN") && !s.contains("r roll back")
    });
    c.send("<Esc>");
    c.wait_until("the result says so, too", |s| s.contains("the data fix is NOT committed") && !s.contains("1 row affected"));
    // The editor's own session is alive.
    run(&mut c, "select v from t where id = 1");
    c.wait_for("as it was");
    support::wait_until("both are on record", || {
        fates(home, "guard").get(1).is_some_and(|f| *f == ("update t set v = 'gone' where id = 1".to_string(), "lost".to_string()))
    });
}

const SEED: &str = "create table t (id int primary key, v varchar(20)); insert into t values (1, 'as it was');";

#[test]
fn a_data_fix_whose_connection_dies_is_told_at_once_on_postgresql() {
    let (home, pg) = postgres("fix_lost", SEED);
    fix_is_lost(&home, || {
        let own = "datname = 'fix_lost' and state = 'idle in transaction'";
        pg.psql("postgres", &format!("select pg_terminate_backend(pid) from pg_stat_activity where {own}"));
    });
}

#[test]
fn a_data_fix_whose_connection_dies_is_told_at_once_on_mariadb() {
    let (home, maria) = mariadb("fix_lost", SEED);
    fix_is_lost(&home, || {
        let of = "select t.trx_mysql_thread_id from information_schema.innodb_trx t join information_schema.processlist p \
                  on p.id = t.trx_mysql_thread_id where p.db = 'fix_lost'";
        // Who asks InnoDB again within a tenth of a second gets the same list of transactions.
        let mut id = String::new();
        support::wait_until("its transaction is seen", || {
            std::thread::sleep(std::time::Duration::from_millis(150));
            id = maria.sql("", of);
            !id.trim().is_empty()
        });
        maria.sql("", &format!("kill {}", id.trim()));
    });
}

#[test]
fn a_call_that_ends_the_transaction_is_told_in_its_result() {
    let (home, _) = mariadb("ended_console", &format!("{SEED} create procedure p_commit() commit"));
    let mut c = open(&home, "dev");
    run(&mut c, "begin");
    c.wait_until("it has begun", |s| s.contains("TX OPEN") && s.contains("BEGIN ·"));
    run(&mut c, "call p_commit()");
    c.wait_until("it is told", |s| s.contains("ended the transaction that was open") && s.contains("no tx"));
}

#[test]
fn a_run_that_goes_on_after_errors_ends_where_its_transaction_is_gone() {
    let home = super::home_of_sqlite("create table t (id integer primary key); insert into t values (1)");
    let mut c = open(&home, "dev");
    c.send("<Esc>2<C-a><BS>");
    c.send("begin; insert into t values (2); insert or rollback into t values (1); insert into t values (3); commit<Esc> re");
    c.wait_for("goes on after an error");
    c.send(" ra");
    c.wait_until("it is told", |s| s.contains("2 of 5 statements ran; 1 failed") && s.contains("The transaction that was open is gone"));
    c.wait_for("The 2 statements behind did not run.");
    let rows = rusqlite::Connection::open(home.path().join("one.db")).expect("database");
    assert_eq!(rows.query_row("select count(*) from t", [], |r| r.get::<_, i64>(0)), Ok(1));
}

/// On a target where everything may run once.
#[test]
fn what_may_write_is_not_repeated() {
    let seed = "create table log (at timestamptz default now());
         create function wl() returns int language sql as 'insert into log default values; select 1'";
    let (home, pg) = postgres("watched", seed);
    let mut c = open(&home, "dev");
    run(&mut c, "select wl() \\watch 1");
    c.wait_for("repeats only what is proven to read: the function wl may write");
    assert_eq!(pg.psql("watched", "select count(*) from log").trim(), "0");
    run(&mut c, "select count(*) from log \\watch 1");
    c.wait_for("run 2; any key stops");
}

#[test]
fn functions_are_listed_with_their_arguments() {
    let (home, _) = postgres(
        "functions",
        "create schema app; create function app.side() returns int language sql as 'select 1';
         create function app.aud() returns trigger language plpgsql as 'begin return new; end';
         create procedure app.proc(a int, b text) language sql as 'select 1';
         create table app.customer (a int); create schema cp; create table cp.customer (a int); create table cp.alone (a int)",
    );
    let mut c = open(&home, "dev");
    run(&mut c, "\\df app.*");
    c.wait_until("all are there", |s| {
        ["side", "aud", "proc", "trigger", "procedure", "a integer, IN b text"].iter().all(|w| s.contains(w))
    });
    run(&mut c, "\\df pr");
    c.wait_for("1 row ·");
    run(&mut c, "\\l");
    c.wait_until("as psql has it", |s| s.contains("template1") && s.contains("ctype"));
    described(&mut c, "\\d customer", |s| s.contains("customer is in 2 schemas, none of them in the search path"));
    described(&mut c, "\\d alone", |s| s.contains("CREATE TABLE \"cp\".\"alone\""));

    let (home, _) = mariadb(
        "functions",
        "create function f(a int, b varchar(10)) returns int deterministic return 1; create procedure p(in x int, out y int) set y = x",
    );
    let mut c = open(&home, "dev");
    run(&mut c, "\\df functions.*");
    c.wait_until("both are there", |s| {
        ["a int(11), b varchar(10)", "IN x int(11), OUT y int(11)", "procedure"].iter().all(|w| s.contains(w))
    });
}

#[test]
fn who_holds_the_lock_of_a_data_fix_is_named() {
    let (home, pg) = postgres("fix_waits", SEED);
    let mut holder = pg.psql_in_background("fix_waits", "begin; update t set v = 'held'; select pg_sleep(600)");
    let held = "select count(*) from pg_stat_activity where datname = 'fix_waits' and wait_event = 'PgSleep'";
    support::wait_until("the row is held", || pg.psql("postgres", held).trim() == "1");
    let mut c = open(&home, "guard");
    run(&mut c, "update t set v = 'mine' where id = 1");
    c.wait_until("the holder is named", |s| s.contains("waits for postgres@local (pid"));
    c.send("<C-c>");
    c.wait_until("it is over", |s| s.contains("ancelled") && !s.contains("TX OPEN"));
    holder.kill().expect("kill");
    holder.wait().expect("ends");
    pg.psql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep' and datname = 'fix_waits'");
    assert_eq!(pg.psql("fix_waits", "select v from t").trim(), "as it was");
}

#[test]
fn why_a_cell_cannot_be_written_is_said_in_its_own_words() {
    let (home, _) = postgres(
        "cells",
        "create table t (id int primary key, amount int); insert into t values (1, 2), (2, 3); create view seen as select * from t where id = 1",
    );
    let mut c = open(&home, "dev");
    run(&mut c, "select from generate_series(1, 7)");
    c.wait_until("rows without columns are counted", |s| s.contains("7 rows ·"));
    run(&mut c, "do $$ begin for i in 1 .. 1500 loop raise notice 'said %', i; end loop; end $$");
    c.wait_until("what was said is there", |s| s.contains("NOTICE: said 2") && s.contains("DO ·"));
    run(&mut c, "select * from seen");
    c.wait_for("1 row ·");
    c.send("<Esc> gr");
    c.send("lc");
    c.wait_for("public.seen is a view");
    run(&mut c, "select * from t");
    c.wait_for("2 rows ·");
    c.send("<Esc> gr");
    c.send("lc");
    c.wait_for("Row 1");
    c.send("<C-u>abc<Enter>");
    c.wait_for("1 change staged");
    c.send("w");
    c.wait_for("Write 1 change");
    c.send("w");
    c.wait_until("the column is named", |s| s.contains("the column amount"));
    assert!(!c.screen().contains("unnamed portal"), "{}", c.screen());
}

#[test]
fn a_result_without_rows_has_no_cell_to_change() {
    let (home, _) = postgres("no_cell", SEED);
    let mut c = open(&home, "dev");
    run(&mut c, "select * from t where id > 1");
    c.wait_for("0 rows ·");
    c.send("<Esc> gr");
    c.send("c");
    c.wait_for("There are no rows here.");
    assert!(!c.screen().contains("still being read"), "{}", c.screen());
}

/// What `\d` shows is there once the names have been read; until then it says so, and is asked again.
fn described(c: &mut Console, typed: &str, shown: impl Fn(&str) -> bool) {
    support::wait_until("the names have been read", || {
        run(c, typed);
        c.wait_until(typed, |s| shown(s) || s.contains("names are still being read"));
        shown(&c.screen())
    });
}

/// Which table a name means is the server's to say: `\d` shows that one.
#[test]
fn a_described_name_is_folded_as_the_server_folds_it() {
    let both = "create table customers (small int); create table \"CUSTOMERS\" (large int); create table \"Only\" (mixed int)";
    let (home, pg) = postgres("folded", both);
    pg.psql("folded", "select small from CUSTOMERS; select large from \"CUSTOMERS\"");
    let mut c = open(&home, "dev");
    for (typed, column) in [("\\d CUSTOMERS", "small"), ("\\d \"CUSTOMERS\"", "large"), ("\\d public.CusTomers", "small")] {
        described(&mut c, typed, |s| s.contains("CREATE TABLE") && s.contains(column));
        c.send("<Esc>");
        c.wait_until("it is closed", |s| !s.contains("CREATE TABLE"));
    }
    described(&mut c, "\\d Only", |s| s.contains("There is no table or view Only") && s.contains("There is \"Only\"."));

    // Names of files, which differ by case here; a server on a Mac or on Windows takes them for one.
    let (home, maria) =
        mariadb("folded", "create table customers (small int); create table CUSTOMERS (large int); create table `Only` (mixed int)");
    maria.sql("folded", "select small from customers; select large from CUSTOMERS");
    let mut c = open(&home, "dev");
    for (typed, column) in [("\\d CUSTOMERS", "large"), ("\\d customers", "small"), ("\\d folded.`Only`", "mixed")] {
        described(&mut c, typed, |s| s.contains("CREATE TABLE") && s.contains(column));
        c.send("<Esc>");
        c.wait_until("it is closed", |s| !s.contains("CREATE TABLE"));
    }
    described(&mut c, "\\d only", |s| s.contains("There is no table or view only"));

    let home = super::home_of_sqlite("create table customers (small int)");
    let mut c = open(&home, "dev");
    for typed in ["\\d CUSTOMERS", "\\d [Customers]", "\\d MAIN.customers"] {
        described(&mut c, typed, |s| s.contains("small") && s.contains("customers"));
        c.send("<Esc>");
        c.wait_until("it is closed", |s| !s.contains("small"));
    }
}

#[test]
fn mariadb_is_spoken_of_in_its_own_words() {
    let (home, _) = mariadb("own_words", "create table t (a int); create function f_tax(a int) returns int deterministic return a");
    let (_, err) = super::run(&home, 4, &["query", "guard", "select f_tax(1)"]);
    assert!(err.contains("a stored function may write") && !err.contains("stable or immutable"), "{err}");
    let (_, err) = super::run(&home, 4, &["query", "guard", "explain delete from t"]);
    assert!(err.contains("refuses EXPLAIN DELETE in a read-only transaction"), "{err}");
    super::run(&home, 0, &["query", "dev", "explain delete from t where a = 1"]);
}

#[test]
fn a_result_with_two_columns_of_one_name_is_sorted_by_mariadb() {
    let (home, _) = mariadb("sorted_console", "create table a (id int, v varchar(9)); insert into a values (1, 'x'), (3, 'z'), (2, 'y');");
    let mut c = open(&home, "dev");
    run(&mut c, "select a.id, b.id, b.v from a join a b on a.id = b.id");
    c.wait_for("3 rows ·");
    c.send("<Esc> grS");
    c.wait_for("Sort on the server");
    c.send("d");
    c.wait_until("the greatest is the first", |s| s.contains("id_2") && s.lines().any(|l| l.contains("1  3     3  z")));
}
