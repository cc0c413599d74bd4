//! What a slow line costs: round trips from the login to the tables' names, and from `F5` to the rows. What goes beyond the promised
//! number is held back by a relay, so the screen stays without it.

mod support;

use support::maria::MariaServer;
use support::pg::PgServer;
use support::pty::Console;
use support::relay::Relay;

/// A console on the target, through the relay.
fn open(home: &std::path::Path, url: &str, access: &str) -> Console {
    let target = format!("[targets.far]\nurl = \"{url}\"\nenvironment = \"qa\"\naccess = \"{access}\"\n");
    std::fs::write(home.join("holdpoint.toml"), target).expect("configuration");
    Console::start(home, home, &["open", "far"], 100, 30)
}

/// The statement's rows come with one round trip besides its own; the second run is as cheap as the first.
fn runs_with_one_more(relay: &Relay, c: &mut Console, access: &str) {
    c.send("<Esc>2");
    c.send("select name from parts where id = 7");
    c.wait_for("where id = 7");
    for told in ["1 row ·", "2/2"] {
        relay.wait_until_quiet();
        relay.give(2);
        c.send("<F5>");
        c.wait_until(&format!("the row is there after two round trips ({access})"), |s| s.contains("washer") && s.contains(told));
        relay.free();
    }
}

#[test]
fn postgresql_over_a_slow_line() {
    let pg = PgServer::start(&[]);
    pg.create_database("far");
    pg.psql("far", "create table parts (id int primary key, name text); insert into parts values (7, 'washer')");
    for access in ["open", "guarded", "read-only"] {
        let home = tempfile::tempdir().expect("home");
        let relay = Relay::to(pg.port);
        // The question whether the server speaks TLS, the login, and four more.
        relay.give_each(2 + 4);
        let mut c = open(home.path(), &format!("postgres://postgres@127.0.0.1:{}/far", relay.port), access);
        c.wait_for("parts");
        relay.free();
        runs_with_one_more(&relay, &mut c, access);
    }
}

#[test]
fn mariadb_over_a_slow_line() {
    let my = MariaServer::start(&[]);
    my.create_database("far");
    my.sql("far", "create table parts (id int primary key, name text); insert into parts values (7, 'washer')");
    for access in ["open", "guarded", "read-only"] {
        let home = tempfile::tempdir().expect("home");
        let relay = Relay::to(my.port);
        // The user's session: its login and its settings. The one that reads the catalogue: the same, the databases, the tables.
        relay.give(2 + 4);
        let mut c = open(home.path(), &format!("mysql://root@127.0.0.1:{}/far", relay.port), access);
        c.wait_for("parts");
        relay.free();
        runs_with_one_more(&relay, &mut c, access);
    }
}
