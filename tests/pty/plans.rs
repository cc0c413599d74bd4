//! Plans as a person meets them: those that follow the typing, seen from the server; a statement that is led through its checklist.

use super::{open, write};
use crate::support::pg::PgServer;
use crate::support::project::Project;
use crate::support::pty::Console;
use crate::support::wait_until;
use std::time::Instant;

/// A console on a development target of the server, where plans follow the typing.
fn typing(home: &std::path::Path, pg: &PgServer) -> Console {
    let target = format!(
        "[targets.one]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\ndatabase = \"postgres\"\n\
         sslmode = \"disable\"\nenvironment = \"development\"\n",
        pg.port
    );
    std::fs::write(home.join("holdpoint.toml"), target).expect("config");
    let mut c = Console::start(home, home, &["open", "one"], 120, 40);
    c.wait_for("no tx");
    // The plan is below the editor from the start on.
    write(&mut c, "select 1");
    c.send("<F6>");
    c.wait_for("Result");
    c
}

/// The first words of all statements in what the server's log has behind a place.
fn statements(log: &str) -> Vec<&str> {
    let sent = |l: &'_ str| {
        l.split_once(" LOG:  statement: ").or_else(|| l.split_once(" LOG:  execute ")?.1.split_once(": ")).map(|(_, s)| s.len())
    };
    log.lines().filter_map(|l| Some(&l[l.len() - sent(l)?..])).map(|s| s.split_whitespace().next().unwrap_or("")).collect()
}

/// EXPLAINs of statements that hold the text, as the server's log has them.
fn explained(pg: &PgServer, text: &str) -> usize {
    pg.log().lines().filter(|l| l.contains("EXPLAIN") && l.contains(text) && !l.contains("STATEMENT:")).count()
}

/// Pauses in typing that may have been since then, each of which takes 350 ms: the last one is over.
fn pauses_within(begun: Instant) -> usize {
    usize::try_from(begun.elapsed().as_millis() / 350).expect("few").max(1)
}

#[test]
fn a_pause_in_typing_costs_the_server_one_statement() {
    let pg = PgServer::start(&["log_statement=all", "log_min_duration_statement=-1"]);
    pg.psql("postgres", "create table parcels (id int primary key, weight int); insert into parcels select g, g from generate_series(1, 1000) g; analyze parcels");
    let home = tempfile::tempdir().expect("home");
    let mut c = typing(home.path(), &pg);
    c.send("<Esc>i<C-a><BS>");
    let before = explained(&pg, "parcels");
    // A burst, key by key, then a pause. On a busy machine the program may get the keys with pauses between: as many as fit into the time.
    let begun = Instant::now();
    for key in "select weight from parcels where id = 7".chars() {
        c.send(&key.to_string());
    }
    c.wait_until("the plan of the whole text is there", |s| s.contains("Index Scan") && s.contains("parcels"));
    let pauses = pauses_within(begun);
    let first = explained(&pg, "parcels") - before;
    assert!((1..=pauses).contains(&first), "{first} statements in {pauses} pauses:\n{}", pg.log());
    // Nothing more comes of moving over it, and one more of one more pause.
    let before_move = pg.log().len();
    c.send("<Left><Left><Right><Right>");
    c.send("<End>");
    let begun = Instant::now();
    for key in " and weight > 3".chars() {
        c.send(&key.to_string());
    }
    c.wait_until("the plan of the longer text is there", |s| s.contains("weight > 3)"));
    let pauses = pauses_within(begun);
    let second = explained(&pg, "parcels") - before - first;
    assert!((1..=pauses).contains(&second), "{second} statements in {pauses} pauses:\n{}", pg.log());
    assert_eq!(explained(&pg, "weight > 3"), 1, "{}", pg.log());
    // All that the server saw of it: beside each EXPLAIN one look at what stands behind the names, which somebody may have changed in
    // between, and the transaction of each, which reads only and is rolled back.
    let log = pg.log();
    let all = statements(&log[before_move..]);
    let (mut plans, mut looks, mut frames) = (0, 0, 0);
    for word in &all {
        match word.to_ascii_uppercase().as_str() {
            "EXPLAIN" => plans += 1,
            "SELECT" | "WITH" => looks += 1,
            "BEGIN" | "SET" | "ROLLBACK" => frames += 1,
            other => panic!("{other}: {log}"),
        }
    }
    assert_eq!((plans, looks <= pauses), (second, true), "{all:?}\n{log}");
    assert!(looks >= 1 && frames <= 9 * pauses, "{all:?}\n{log}");
}

#[test]
fn the_next_key_ends_the_plan_that_follows_the_typing_on_the_server() {
    let pg = PgServer::start(&["log_statement=all"]);
    // The planner computes what is immutable: this plan takes hours.
    pg.psql(
        "postgres",
        "create function slow() returns bigint immutable language sql as \
         'select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b'; create table t (id bigint)",
    );
    let home = tempfile::tempdir().expect("home");
    let mut c = typing(home.path(), &pg);
    let busy = "select count(*) from pg_stat_activity where query like '%EXPLAIN%slow()%' and state = 'active' and pid <> pg_backend_pid()";
    c.send("<Esc>i<C-a><BS>");
    c.send("select id from t where id = slow()");
    wait_until("the server plans it", || pg.psql("postgres", busy).trim() == "1");
    c.send(" ");
    c.send("a");
    wait_until("the next key has ended it", || pg.log().contains("canceling statement due to user request"));
    assert!(!pg.log().contains("statement timeout"), "{}", pg.log());
    // The session goes on: the plan of another text follows.
    c.send("<C-a><BS>");
    c.send("select id from t where id = 4");
    c.wait_until("the plan of the other text is there", |s| s.contains("Seq Scan") && s.contains("id = 4)"));
    wait_until("nothing is left of it", || pg.psql("postgres", busy).trim() == "0");
}

#[test]
fn a_statement_is_led_from_its_plan_to_a_test_that_passes() {
    let p = Project::sqlite();
    p.ok(&["query", "app-dev", "create table parcels (id integer primary key, customer integer, note text)"]);
    p.ok(&[
        "query",
        "app-dev",
        "insert into parcels with recursive s(i) as (select 1 union all select i + 1 from s where i < 40000) \
         select i, i % 2000, printf('%.60c', 'x') from s",
    ]);
    let mut c = open(&p, "app-dev", 120, 40);
    write(&mut c, "select id, note from parcels where customer = 17");
    c.send("<F6>");
    c.wait_until("its plan", |s| s.contains("SCAN parcels"));
    c.send("<Esc> gp");
    // Its test is written first, with the measurement of now.
    c.send("O");
    c.wait_for("Optimize the statement");
    c.send("parcels<Enter><Enter>");
    c.wait_until("its checklist", |s| s.contains("parcels · Query optimization") && s.contains("0 of 7"));
    assert!(p.path("plan-tests/parcels.toml").is_file());
    // All steps up to the one that waits for a change.
    c.send("A");
    c.wait_until("it is held where something has to be changed", |s| s.contains("3 of 7") && s.contains("Make the change"));
    c.wait_until("nothing was changed yet", |s| s.contains("still the baseline's"));
    p.ok(&["query", "app-dev", "create index parcels_customer on parcels (customer)"]);
    p.write("CHANGELOG.md", "- parcels of a customer are found by an index (parcels)\n");
    // Another session: the checklist is taken up where it was left.
    c.kill();
    let mut c = open(&p, "app-dev", 120, 40);
    c.send("<Esc>4");
    c.wait_for("Checklist");
    c.send("o");
    c.wait_until("the list with how each stands", |s| s.contains("3 of 7 ticked, Change made comes next"));
    // Below the migrations' heading, words, entry and a blank, its own heading and words.
    c.send("gjjjjjj<Enter>");
    c.wait_until("it is shown again", |s| s.contains("3 of 7") && s.contains("parcels · Query optimization"));
    c.send("A");
    c.wait_until("every step is ticked", |s| s.contains("7 of 7") && s.contains("Every step is ticked"));
    // Its evidence, and the test run by itself.
    c.send("ge");
    c.wait_for("Evidence · plan-analysed");
    c.send("<Esc> gp");
    c.send("X");
    c.wait_until("the tests of the project", |s| s.contains("Performance tests") && s.contains("pass,"));
    c.send("<Enter>");
    c.wait_until("the verdict with its numbers", |s| s.contains("PASS · parcels") && s.contains("ratio <= 0.8"));
}
