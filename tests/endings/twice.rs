//! Ctrl-C twice at once, as `timeout` sends it: the server has heard of it, or it is told that it has not.

use crate::support::{self, maria::MariaServer, pg::PgServer, relay::Relay};
use std::process::{Child, Command, Stdio};

fn start(home: &tempfile::TempDir, url: &str, sql: &str) -> Child {
    let config =
        format!("[store]\npath = \"store/s.db\"\n\n[targets.far]\nurl = \"{url}\"\nenvironment = \"development\"\naccess = \"open\"\n");
    std::fs::write(home.path().join("holdpoint.toml"), config).expect("config");
    support::command(home.path()).args(["query", "far", sql]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
}

/// The second one comes while the order of the first one waits on the line.
fn twice(child: &Child, relay: &Relay) {
    let interrupt = || assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    let before = relay.turns();
    relay.give(0);
    interrupt();
    support::wait_until("the order is on its way", || relay.turns() > before);
    interrupt();
}

/// The order to end it needs a connection that does not come about, and then one that does.
fn is_told_or_ended(relay: &Relay, url: &str, sql: &str, runs: impl Fn() -> bool, ends: impl Fn(&str) -> bool) {
    let home = tempfile::tempdir().expect("home");
    let child = start(&home, url, sql);
    support::wait_until("the statement runs", &runs);
    twice(&child, relay);
    let out = child.wait_with_output().expect("ends");
    let err = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(130), "{err}");
    assert!(err.contains("not confirmed") && ends(&err), "{err}");
    relay.free();
    support::wait_until("what was left is gone", || !runs());

    let child = start(&home, url, sql);
    support::wait_until("the statement runs", &runs);
    twice(&child, relay);
    relay.free();
    let out = child.wait_with_output().expect("ends");
    let err = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(130), "{err}");
    // On a machine that stood still meanwhile it is told once more.
    assert!(!err.contains("not confirmed") || ends(&err), "{err}");
    support::wait_until("the server has ended it", || !runs());
}

#[test]
fn two_at_once_are_told_or_heard_on_mariadb() {
    let server = MariaServer::shared();
    let relay = Relay::to(server.port);
    let sql = MariaServer::asleep(60, "twice_asked");
    let count = |what: &str| {
        let of = "info like '%twice_asked%' and id <> connection_id()";
        server.sql("", &format!("select {what} from information_schema.processlist where {of}"))
    };
    // The command that it names is the one that ends it.
    is_told_or_ended(
        &relay,
        &format!("mysql://root@127.0.0.1:{}/", relay.port),
        &sql,
        || count("count(*)").trim() != "0",
        |told| {
            let command = told.split("; ").nth(1).and_then(|t| t.split(" ends it").next());
            command.map(|c| server.sql("", c)).is_some()
        },
    );
}

#[test]
fn two_at_once_are_told_or_heard_on_postgresql() {
    let pg = PgServer::shared();
    let relay = Relay::to(pg.port);
    let runs = || {
        pg.psql("postgres", "select count(*) from pg_stat_activity where query like 'select pg_sleep(61)%' and state = 'active'").trim()
            != "0"
    };
    is_told_or_ended(
        &relay,
        &format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", relay.port),
        "select pg_sleep(61)",
        runs,
        |told| {
            let command = told.split("; ").nth(1).and_then(|t| t.split(" ends it").next());
            command.is_some_and(|c| pg.psql("postgres", c).trim() == "t")
        },
    );
}
