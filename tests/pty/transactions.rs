//! Transactions in the real console: manual ones, the clock, who waits, and what is said when the session goes.

use super::{palette, write};
use crate::support::pg::PgServer;
use crate::support::pty::Console;
use crate::support::wait_until;

fn open(home: &std::path::Path, pg: &PgServer, access: &str) -> Console {
    let target = format!(
        "[store]\npath = \"store/s.db\"\n\n[targets.one]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\ndatabase = \"postgres\"\n\
         sslmode = \"disable\"\nenvironment = \"development\"\naccess = \"{access}\"\n",
        pg.port
    );
    std::fs::write(home.join("holdpoint.toml"), target).expect("config");
    let c = Console::start(home, home, &["open", "one"], 120, 30);
    c.wait_for("no tx");
    c
}

/// Another session that wants the same row, until it is let go.
fn blocked(pg: &PgServer) -> std::process::Child {
    pg.psql_in_background("postgres", "update t set v = 'other' where id = 1")
}

#[test]
fn a_manual_transaction_is_kept_shown_and_ended_by_its_user() {
    let pg = PgServer::start(&[]);
    pg.psql("postgres", "create table t (id int primary key, v text); insert into t values (1, 'as it was')");
    let home = tempfile::tempdir().expect("home");
    let mut c = open(home.path(), &pg, "open");
    palette(&mut c, "manual-transactions");
    c.wait_for("manual, no tx");
    write(&mut c, "update t set v = 'mine' where id = 1");
    c.send("<F5>");
    c.wait_until("it has run", |s| s.contains("TX OPEN") && s.contains("1 row affected"));
    assert_eq!(pg.psql("postgres", "select v from t").trim(), "as it was", "nothing is committed yet");
    let mut other = blocked(&pg);
    c.wait_until("it is told who waits", |s| s.contains("blocks 1"));
    palette(&mut c, "rollback");
    c.wait_for("manual, no tx");
    assert!(other.wait().expect("the other one goes on").success());
    write(&mut c, "update t set v = 'kept' where id = 1");
    c.send("<F5>");
    c.wait_until("it has run", |s| s.contains("TX OPEN") && s.contains("1 row affected"));
    c.send("<Esc><C-q>");
    c.wait_for("a transaction is open");
    c.send("n");
    palette(&mut c, "commit");
    c.wait_for("manual, no tx");
    assert_eq!(pg.psql("postgres", "select v from t").trim(), "kept");
    // What cannot stand in a transaction is not put into one.
    write(&mut c, "vacuum t");
    c.send("<F5>");
    c.wait_for("VACUUM");
    c.wait_for("manual, no tx");
}

#[test]
fn a_data_fix_in_the_console_shows_its_rows_and_commits() {
    let pg = PgServer::start(&[]);
    pg.psql("postgres", "create table t (id int primary key, v text); insert into t values (1, 'as it was'), (2, 'x')");
    let home = tempfile::tempdir().expect("home");
    let mut c = open(home.path(), &pg, "guarded");
    write(&mut c, "update t set v = 'fixed' where id = :id");
    c.send("<F5>");
    c.wait_for("Values for this run");
    c.send("1<Enter>");
    c.wait_until("it asks", |s| s.contains("id 1: v as it was → fixed") && s.contains("c commit"));
    c.send("v");
    c.wait_for("RowExclusiveLock");
    c.send("<Esc>");
    c.wait_for("r roll back");
    c.send("c");
    c.wait_for("Committed.");
    wait_until("it is kept", || pg.psql("postgres", "select v from t where id = 1").trim() == "fixed");
}

#[test]
fn what_a_dead_session_took_with_it_is_said() {
    let pg = PgServer::start(&[]);
    let home = tempfile::tempdir().expect("home");
    let mut c = open(home.path(), &pg, "open");
    write(&mut c, "create temp table mine (a_column int)");
    c.send("<F5>");
    c.wait_for("CREATE TABLE ·");
    // Its columns are proposed: only this session knows them.
    write(&mut c, "select * from mine where a_co");
    c.wait_for("a_column");
    write(&mut c, "set search_path to pg_temp");
    c.send("<F5>");
    c.wait_for("SET ·");
    pg.psql(
        "postgres",
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'",
    );
    c.wait_for("CONNECTION LOST");
    palette(&mut c, "reconnect");
    c.wait_for("gone with the one before are temporary table mine, setting search_path");
}
