//! The emergency assessment on a real server with real faults: each is named first, nothing waits, and what a role may not see is
//! `unknown`.

mod support;

use holdpoint::model::Severity;
use std::process::Stdio;
use std::time::Duration;
use support::held::Held;
use support::pg::PgServer;
use support::shop::{self, assess_postgres, locks_wanted};
use support::wait_until;

/// Where everybody may read, and transactions may be prepared.
fn server(settings: &[&str]) -> PgServer {
    let pg = shop::postgres(&[&["max_prepared_transactions=5"], settings].concat());
    pg.psql("shop", "grant select on orders to public");
    pg
}

#[test]
fn a_pile_up_behind_ddl_is_named_first_for_every_role() {
    let pg = server(&[]);
    let holder = Held::pg(&pg, "postgres", "shop", "begin; select count(*) from orders;");
    wait_until("the reader's lock is held", || {
        pg.psql("shop", "select count(*) from pg_locks where relation = 'orders'::regclass").trim() == "1"
    });
    let _ddl = Held::pg(&pg, "postgres", "shop", "alter table orders add column note text;");
    wait_until("the ALTER waits", || locks_wanted(&pg) == 1);
    let _behind: Vec<Held> = (0..6).map(|_| Held::pg(&pg, "stranger", "shop", "select count(*) from orders;")).collect();
    wait_until("all wait behind it", || locks_wanted(&pg) == 7);
    for user in ["postgres", "oncall"] {
        let run = assess_postgres(&pg, user, &[]);
        assert_eq!(run.found.summary.check, "PG06", "{:#?}", run.found);
        let says = &run.found.summary.says;
        assert!(says.starts_with("6 sessions wait behind alter table orders add column note text"), "{says}");
        assert!(says.contains("idle in transaction"), "{says}");
        assert!(run.found.summary.next.starts_with("Cancel the waiting statement of pid "), "{}", run.found.summary.next);
        assert_eq!(run.code, Some(1));
    }
    // Without any right it is still seen that they wait, and for whom; what cannot be seen is unknown and names the GRANT.
    let run = assess_postgres(&pg, "stranger", &[]);
    assert_eq!(run.found.summary.check, "PG06", "{:#?}", run.found);
    for check in ["PG04", "PG10", "PG13"] {
        let seen = run.seen(check);
        assert_eq!(seen.severity, Severity::Unknown, "{seen:#?}");
        assert_eq!(seen.findings[0].lifts.as_deref(), Some("GRANT pg_monitor TO \"stranger\";"));
    }
    drop(holder);
    wait_until("the pile is gone", || locks_wanted(&pg) == 0);
    let run = assess_postgres(&pg, "oncall", &[]);
    assert_eq!(run.seen("PG06").severity, Severity::Ok, "{:#?}", run.found);
}

#[test]
fn a_locked_catalogue_is_named_from_another_database() {
    let pg = server(&[]);
    let _lock = Held::pg(&pg, "postgres", "shop", "begin; lock table pg_class in access exclusive mode;");
    wait_until("the catalogue is locked, and its holder idle", || {
        let holder = "pg_locks l join pg_stat_activity a on a.pid = l.pid and a.state = 'idle in transaction'";
        pg.psql("postgres", &format!("select count(*) from {holder} where relation = 1259 and mode = 'AccessExclusiveLock' and granted"))
            .trim()
            == "1"
    });
    // A login that waits for the catalogue takes a place, and is no session yet.
    let _late = Held::pg(&pg, "stranger", "shop", "select 1;");
    let late = "from pg_locks where not granted and pid not in (select pid from pg_stat_activity)";
    wait_until("a login waits", || pg.psql("postgres", &format!("select count(*) {late}")).trim() == "1");
    let run = assess_postgres(&pg, "oncall", &[]);
    assert!(run.seen("PG03").says.contains("1 waiting for locks to log in"), "{:#?}", run.seen("PG03"));
    assert_eq!(run.found.summary.check, "connect", "{:#?}", run.found);
    assert!(
        run.found.summary.says.contains("the catalogue of shop is locked")
            || run.found.summary.says.contains("The catalogue of shop is locked")
    );
    // Who holds it stands in the cause, with the command that shows what would end it.
    assert!(run.found.summary.says.contains("pg_class of database shop is locked by pid "), "{}", run.found.summary.says);
    let pid = pg.psql("postgres", "select pid from pg_locks where relation = 1259 and mode = 'AccessExclusiveLock' and granted");
    let action = run.found.summary.recover.clone().expect("a deed");
    assert_eq!((action.deed.name(), action.object.as_str()), ("end-idle", pid.trim()));
    assert!(run.seen("PG06").severity >= Severity::Warning, "{:#?}", run.seen("PG06"));
    assert!(run.found.checks.len() > 10, "the rest is read all the same");
    run.within_its_budget();
}

/// The server's own limit of waiting for locks is read after the catalogue where its cache is missing, as after a start: such a login hangs.
#[test]
fn a_login_that_hangs_at_the_catalogue_is_seen_from_another_database() {
    let pg = server(&[]);
    let _lock = Held::pg(&pg, "postgres", "shop", "begin; lock table pg_class in access exclusive mode;");
    wait_until("the catalogue is locked", || {
        let text = "select count(*) from pg_locks where relation = 1259 and mode = 'AccessExclusiveLock' and granted";
        pg.psql("postgres", text).trim() == "1"
    });
    let cache = pg.psql(
        "postgres",
        "select setting || '/base/' || oid from pg_settings, pg_database where name = 'data_directory' and datname = 'shop'",
    );
    std::fs::remove_file(std::path::Path::new(cache.trim()).join("pg_internal.init")).expect("the cache of the catalogue");
    let run = assess_postgres(&pg, "oncall", &[]);
    let summary = &run.found.summary;
    assert!(summary.check == "connect" && summary.says.contains("shop is not answered"), "{summary:#?}");
    assert!(summary.says.contains("pg_class of database shop is locked by pid "), "{summary:#?}");
    run.within_its_budget();
}

#[test]
fn a_transaction_of_many_short_statements_is_long() {
    let pg = server(&[]);
    let _chatty = Held::pg(&pg, "postgres", "shop", "begin;\nselect 1 \\watch 0.2");
    let home = tempfile::tempdir().expect("a directory");
    let text = format!(
        "[targets.shop]\nurl = \"postgres://oncall@127.0.0.1:{}/shop?sslmode=disable\"\n\n[targets.shop.assess]\nPG05.age = [2, 600]\n",
        pg.port
    );
    std::fs::write(home.path().join("holdpoint.toml"), text).expect("written");
    wait_until("it is told", || {
        let run = support::assess::assess_in(home.path(), "shop", &["--checks", "PG05"]);
        run.seen("PG05").findings.iter().any(|f| f.severity == Severity::Warning && f.message.contains("one statement after another"))
    });
}

#[test]
fn a_database_that_is_gone_is_critical_where_it_was_there() {
    let pg = server(&[]);
    pg.create_database("gone");
    let home = tempfile::tempdir().expect("a directory");
    let target = format!("[targets.gone]\nurl = \"postgres://postgres@127.0.0.1:{}/gone?sslmode=disable\"\n", pg.port);
    let never = format!("[targets.never]\nurl = \"postgres://postgres@127.0.0.1:{}/never?sslmode=disable\"\n", pg.port);
    std::fs::write(home.path().join("holdpoint.toml"), target + &never).expect("written");
    let of = |target: &str| support::assess::assess_in(home.path(), target, &[]);
    assert_eq!(of("gone").seen("connect").severity, Severity::Ok);
    pg.psql("postgres", "drop database gone");
    for _ in 0..2 {
        let run = of("gone");
        assert_eq!(run.seen("connect").severity, Severity::Critical, "{:#?}", run.found.summary);
        assert!(run.found.summary.next.contains("dropped or renamed") && run.found.checks.len() > 10, "{:#?}", run.found.summary);
        // What never was there is a wrong name.
        assert_eq!(of("never").seen("connect").severity, Severity::Unknown);
    }
}

/// Logins that wait for the catalogue have all the places: who has its lock is seen by the processes alone.
#[test]
fn places_that_logins_have_which_cannot_go_on_lead_to_who_holds_them_up() {
    let pg = server(&["max_connections=8", "superuser_reserved_connections=3"]);
    let _lock = Held::named(&pg, "shop", "holder", "begin; lock table pg_class in access exclusive mode;");
    wait_until("the catalogue is locked, and its holder idle", || {
        pg.psql("postgres", "select count(*) from pg_stat_activity where application_name = 'holder' and state = 'idle in transaction'")
            .trim()
            == "1"
    });
    // One that comes while we look finds no place for a moment.
    let mut late: Vec<Held> = Vec::new();
    wait_until("the logins wait", || {
        Held::fill(&mut late, 4, || Held::pg(&pg, "stranger", "shop", "select 1;"));
        pg.psql("postgres", "select count(*) from pg_locks where not granted").trim() == "4"
    });
    let pid = pg.psql("postgres", "select pid from pg_stat_activity where application_name = 'holder'");
    let summary = assess_postgres(&pg, "oncall", &[]).found.summary;
    assert!(summary.check == "connect" && summary.says.contains("4 logins wait for a lock of the catalogue"), "{summary:#?}");
    assert!(summary.next.starts_with(&format!("kill {} ", pid.trim())), "{summary:#?}");
}

#[test]
fn locks_on_every_table_make_no_check_wait() {
    let pg = server(&[]);
    let _lock = Held::pg(&pg, "postgres", "shop", "begin; lock table orders in access exclusive mode;");
    wait_until("the table is locked", || {
        pg.psql("postgres", "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted and locktype = 'relation'").trim()
            == "1"
    });
    let run = assess_postgres(&pg, "postgres", &[]);
    run.nothing_waited();
    assert_eq!(locks_wanted(&pg), 0);
}

#[test]
fn a_full_server_says_so_with_and_without_a_connection_left() {
    let pg = server(&["max_connections=8", "superuser_reserved_connections=3"]);
    let mut clients: Vec<Held> = Vec::new();
    let connected =
        || pg.psql("shop", "select count(*) from pg_stat_activity where usename = 'stranger'").trim().parse::<usize>().expect("a number");
    wait_until("all are connected", || {
        Held::fill(&mut clients, 5, || Held::pg(&pg, "stranger", "shop", "select 1;"));
        connected() == 5
    });
    let run = assess_postgres(&pg, "oncall", &[]);
    assert_eq!((run.code, run.found.summary.check.as_str()), (Some(3), "connect"), "{:#?}", run.found);
    assert!(run.found.summary.says.contains("ll connections are taken"), "{}", run.found.summary.says);
    let run = assess_postgres(&pg, "postgres", &[]);
    assert_eq!(run.found.summary.check, "PG03", "{:#?}", run.found);
    assert!(run.found.summary.says.contains("stranger"), "{}", run.found.summary.says);
    // Nobody logs in any more: as bad for whoever still can as for whoever cannot, and there is a step that lets somebody in.
    assert_eq!(run.found.summary.sev, Some(1), "{:#?}", run.found.summary);
    let action = run.found.summary.recover.clone().expect("a step");
    let idle = pg.psql("shop", &format!("select state from pg_stat_activity where pid = {}", action.object));
    assert_eq!((action.deed.name(), idle.trim()), ("terminate", "idle"));
    drop(clients);
    // Who has one place has a query: what it asks of the catalogue beforehand is asked there.
    pg.psql("shop", "alter role oncall connection limit 1");
    let place = format!("host = \"127.0.0.1\"\nport = {}\nuser = \"oncall\"\ndatabase = \"shop\"\nsslmode = \"disable\"", pg.port);
    let home = support::recover::Home::new(&format!("engine = \"postgres\"\n{place}"), "solo");
    wait_until("the query is let in", || {
        let out = support::command(home.0.path()).args(["query", "t", "select count(*) from orders"]).output().expect("runs");
        assert!(out.status.success() || String::from_utf8_lossy(&out.stderr).contains("connections"), "{out:?}");
        out.status.success()
    });
}

#[test]
fn what_lasts_is_found_slots_indexes_settings() {
    let pg = server(&["fsync=off"]);
    pg.psql("shop", "select pg_create_physical_replication_slot('gone', true)");
    pg.psql("shop", "insert into orders values (200, 'open'), (201, 'open')");
    // It fails and leaves its index behind.
    let mut c = pg.client("psql");
    c.args(["-X", "-q", "-U", "postgres", "-d", "shop", "-p", &pg.port.to_string(), "-h"]).arg(&pg.socket);
    c.args(["-c", "create unique index concurrently orders_state on orders (state)"]);
    assert!(!c.output().expect("psql runs").status.success());
    let run = assess_postgres(&pg, "oncall", &[]);
    assert_eq!(run.found.summary.check, "PG29", "{:#?}", run.found);
    assert!(run.found.summary.says.starts_with("fsync is off"), "{}", run.found.summary.says);
    let answer = |check: &str| {
        let f = &run.seen(check).findings[0];
        f.recover.as_ref().map(|a| (f.object.clone(), a.deed.name(), a.object.clone()))
    };
    // What is lost with it is no ready command while keeping it is no danger: it may be that of a standby that restarts.
    assert_eq!(answer("PG11"), None, "{:#?}", run.seen("PG11"));
    let home = tempfile::tempdir().expect("a directory");
    let text = format!(
        "[targets.t]\nurl = \"postgres://oncall@127.0.0.1:{}/shop?sslmode=disable\"\n\n[targets.t.assess]\nPG11.kept = [1, 1e12]\n",
        pg.port
    );
    std::fs::write(home.path().join("holdpoint.toml"), text).expect("written");
    pg.psql("shop", "insert into orders select i, 'more' from generate_series(1000, 2000) i");
    let much = support::assess::assess_in(home.path(), "t", &["--checks", "PG11"]);
    let action = much.seen("PG11").findings[0].recover.as_ref().expect("a deed");
    assert_eq!((action.deed.name(), action.object.as_str()), ("drop-slot", "gone"));
    assert_eq!(answer("PG27"), Some(("public.orders_state".into(), "drop-index", "public.orders_state".into())));
    // Only what is asked for, by name or id.
    let run = assess_postgres(&pg, "oncall", &["--checks", "PG27,replication slots"]);
    let names: Vec<&str> = run.found.checks.iter().map(|c| c.check.as_str()).collect();
    assert_eq!(names, ["connect", "PG11", "PG27"]);
    assert_eq!(assess_postgres(&pg, "oncall", &["--checks", "PG29", "--nagios"]).code, Some(2));
    let home = tempfile::tempdir().expect("a directory");
    let (code, out, err) = run_in(home.path(), &pg, &["--checks", "PG29,PG03", "--nagios"]);
    let lines: Vec<&str> = out.lines().collect();
    let (says, figures) = lines[0].split_once(" | ").unwrap_or_else(|| panic!("no figures: {out}"));
    assert_eq!((code, err.as_str()), (Some(2), ""), "{out}");
    assert!(says.starts_with("HOLDPOINT CRITICAL - ") && says.contains("fsync"), "{out}");
    let used = figures.split(' ').find_map(|f| f.strip_prefix("PG03.used=")).unwrap_or_else(|| panic!("{out}"));
    let (value, limits) = used.split_once('%').expect("a share");
    assert!(value.parse::<f64>().is_ok_and(|v| v < 80.0) && limits == ";80;90", "{out}");
    assert!(lines[1].starts_with("Next: ") && lines[2].starts_with("CRITICAL settings"), "{out}");
}

#[test]
fn what_a_server_does_not_count_is_not_hidden_from_anybody() {
    let pg = server(&[]);
    for user in ["postgres", "oncall", "stranger"] {
        let run = assess_postgres(&pg, user, &["--checks", "PG22,PG23", "--timeframe", "1"]);
        let seen = run.seen("PG22");
        assert_eq!((run.code, seen.severity), (Some(0), Severity::Info), "{user}: {:#?}", run.found);
        assert!(seen.says.contains("pg_stat_statements is not in database shop"), "{seen:#?}");
        assert!(seen.findings[0].next.starts_with("CREATE EXTENSION"), "{seen:#?}");
    }
}

#[test]
fn nobody_there_is_told_with_what_it_means() {
    let pg = server(&[]);
    let closed = support::server::ClosedPort::new();
    let port = closed.port;
    let home = tempfile::tempdir().expect("a directory");
    let out = support::command(home.path())
        .args(["assess", &format!("postgres://postgres@127.0.0.1:{port}/shop?sslmode=disable")])
        .output()
        .expect("holdpoint runs");
    let said = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(3));
    assert!(said.contains("CRITICAL") && said.contains("not running"), "{said}");
    // A server whose login is refused is not ill.
    let run = assess_postgres(&pg, "nobody_at_all", &[]);
    assert_eq!(run.found.summary.severity, Some(Severity::Unknown), "{:#?}", run.found);
}

#[test]
fn a_server_that_was_stopped_is_seen_from_outside() {
    let pg = server(&[]);
    let file = std::fs::read_to_string(pg.socket.join("data/postmaster.pid")).expect("its file");
    let pid: i32 = file.lines().next().expect("a line").parse().expect("a pid");
    let pid = rustix::process::Pid::from_raw(pid).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("stopped");
    let run = assess_postgres(&pg, "postgres", &[]);
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).expect("goes on");
    assert_eq!((run.code, run.found.summary.check.as_str()), (Some(3), "connect"), "{:#?}", run.found);
    let process = run.seen("process");
    assert_eq!(process.severity, Severity::Critical, "{process:#?}");
    assert!(process.findings[0].next.contains("kill -CONT"), "{process:#?}");
    assert!(run.seen("listens").says.contains(&format!("on port {}", pg.port)), "{:#?}", run.seen("listens"));
    assert!(run.seen("log").says.contains("/log: "), "{:#?}", run.seen("log"));
    // Where nobody is, that is said as well.
    let closed = support::server::ClosedPort::new();
    let port = closed.port;
    let gone = support::assess::assess(&format!("postgres://postgres@127.0.0.1:{port}/shop?sslmode=disable"), &[]);
    assert!(gone.seen("process").says.starts_with(&format!("no process postgres for port {port}")), "{:#?}", gone.seen("process"));
    assert!(gone.seen("listens").says.starts_with(&format!("nobody on port {port}")), "{:#?}", gone.seen("listens"));
}

#[test]
fn thresholds_of_the_configuration_hold() {
    let pg = server(&[]);
    let home = tempfile::tempdir().expect("a directory");
    let write = |line: &str| {
        let text = format!(
            "[targets.shop]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\ndatabase = \"shop\"\nsslmode = \"disable\"\n\n[targets.shop.assess]\n{line}\n",
            pg.port
        );
        std::fs::write(home.path().join("holdpoint.toml"), text).expect("written");
    };
    write("PG03.used = [0.5, 99]");
    let run = support::assess::assess_in(home.path(), "shop", &["--checks", "PG03"]);
    assert_eq!(run.seen("PG03").severity, Severity::Warning, "{:#?}", run.seen("PG03"));
    write("PG03.uesd = [0.5, 99]");
    let out = support::command(home.path()).args(["assess", "shop"]).output().expect("holdpoint runs");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("holdpoint.toml:10:6") && said.contains("did you mean `PG03.used`?"), "{said}");
    assert_eq!(out.status.code(), Some(2));
}

/// Runs `holdpoint assess` in a home that stays: exit code, standard output, standard error.
fn run_in(home: &std::path::Path, pg: &PgServer, more: &[&str]) -> (Option<i32>, String, String) {
    let url = format!("postgres://postgres@127.0.0.1:{}/shop?sslmode=disable", pg.port);
    let out = support::command(home).args(["assess", &url]).args(more).current_dir(home).output().expect("holdpoint runs");
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

#[test]
fn the_hand_over_tells_what_was_found_and_what_changed_without_constants() {
    let pg = server(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path();
    let all = ["--timeframe", "1"];
    let (_, calm, _) = run_in(home, &pg, &all);
    assert!(!calm.contains("Since "), "there is nothing to compare with yet:\n{calm}");
    // Its own transactions are all rolled back: they are no finding.
    assert!(!calm.contains("transactions are rolled back"), "{calm}");
    let holder = Held::pg(&pg, "postgres", "shop", "begin; update orders set state = 'hunter2' where id = 7;");
    wait_until("the row is locked", || {
        pg.psql("shop", "select count(*) from pg_locks where relation = 'orders'::regclass and mode = 'RowExclusiveLock'").trim() == "1"
    });
    let _ddl = Held::pg(&pg, "postgres", "shop", "alter table orders add note text default 'hunter2 <script>';");
    wait_until("the ALTER waits", || locks_wanted(&pg) == 1);
    let _behind: Vec<Held> =
        (0..6).map(|_| Held::pg(&pg, "postgres", "shop", "select count(*) from orders where state = 'hunter2';")).collect();
    wait_until("all wait behind it", || locks_wanted(&pg) == 7);
    for (file, marks) in [("h.md", "# "), ("h.html", "<!doctype html>"), ("h.json", "{")] {
        let (code, out, err) = run_in(home, &pg, &["--timeframe", "1", "--output", file]);
        assert_eq!(code, Some(1), "{out}\n{err}");
        let written = std::fs::read_to_string(home.join(file)).expect("it is written");
        assert!(written.starts_with(marks), "{written}");
        assert!(written.contains("6 sessions wait behind alter table orders add note text default ?"), "{written}");
        assert!(!written.contains("hunter2") && !written.contains("<script"), "a constant went out in {file}:\n{written}");
        assert!(written.contains("assessed: 6 sessions wait"), "the timeline lacks what was done:\n{written}");
        assert!(!out.contains("hunter2"), "{out}");
        if marks == "# " {
            let table = written.split("## Who waits for whom").nth(1).expect("the locks");
            let place = |what: &str| table.find(what).unwrap_or_else(|| panic!("{what}: {table}"));
            assert!(place("idle in transaction") < place("alter table") && place("alter table") < place("select count"), "{table}");
            // A target that has no name is named by its URL in what is printed to be pasted.
            assert!(
                written.contains(&format!("holdpoint recover 'postgres://postgres@127.0.0.1:{}/shop?sslmode=disable' cancel ", pg.port)),
                "{written}"
            );
        }
    }
    // A file is never written over, and a name must say what it is to be.
    for (name, why) in [("h.md", "is there already"), ("h.txt", "ends in .md, .html or .json")] {
        let (code, _, err) = run_in(home, &pg, &["--output", name]);
        assert!(code == Some(2) && err.contains(why), "{code:?} {err}");
    }
    drop(holder);
    wait_until("the pile is gone", || locks_wanted(&pg) == 0);
    let (_, out, _) = run_in(home, &pg, &all);
    assert!(out.contains("Since ") && out.contains("gone PG06:pid "), "{out}");
    // What is silenced and was never there is told: the name may be misspelt.
    let (code, _, err) = run_in(home, &pg, &["--mute", "PG29:nonsense", "--reason", "r", "--for", "1h"]);
    assert!(code == Some(0) && err.contains("found nothing of PG29 about nonsense; it has: none"), "{code:?} {err}");
}

#[test]
fn what_is_muted_is_silent_until_its_time_and_on_record() {
    let pg = server(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path();
    let holder = Held::pg(&pg, "postgres", "shop", "begin; update orders set state = 'x' where id = 7;");
    wait_until("the row is locked", || {
        pg.psql("shop", "select count(*) from pg_stat_activity where state = 'idle in transaction'").trim() == "1"
    });
    let waiter = Held::pg(&pg, "postgres", "shop", "update orders set state = 'y' where id = 7;");
    wait_until("somebody waits", || locks_wanted(&pg) == 1);
    let locks = ["--checks", "locks", "--nagios"];
    let warned = || run_in(home, &pg, &locks).0 == Some(1);
    // Ten seconds of waiting are the first threshold.
    wait_until("the wait is long enough to warn", warned);
    for (wrong, why) in [
        (&["--mute", "PG06"][..], "--reason"),
        (&["--mute", "PG99", "--reason", "r", "--for", "4h"][..], "there is no check PG99"),
        (&["--mute", "PG06", "--reason", "r", "--for", "soon"][..], "no length of time"),
        (&["--mute", "PG06", "--reason", "r", "--for", "200d"][..], "90 days"),
        (&["--mute", "PG06", "--reason", " ", "--for", "4h"][..], "why is it silenced"),
        (&["--unmute", "PG06"][..], "is not muted"),
    ] {
        let (code, out, err) = run_in(home, &pg, wrong);
        assert!(code == Some(2) && err.contains(why), "{wrong:?}: {code:?} {out} {err}");
    }
    let (code, _, err) = run_in(home, &pg, &["--mute", "locks", "--reason", "the nightly job, known", "--for", "4h"]);
    assert_eq!(code, Some(0), "{err}");
    let (code, out, _) = run_in(home, &pg, &locks);
    assert!(code == Some(0) && out.contains("muted until "), "{code:?} {out}");
    let (_, out, _) = run_in(home, &pg, &["--muted"]);
    assert!(out.contains("PG06 until ") && out.contains("the nightly job, known"), "{out}");
    let journal = support::command(home).args(["journal", "show"]).output().expect("holdpoint runs");
    let journal = String::from_utf8_lossy(&journal.stdout).into_owned();
    assert!(journal.contains("PG06 muted until"), "{journal}");
    assert_eq!(run_in(home, &pg, &["--unmute", "PG06"]).0, Some(0));
    assert!(warned());
    drop((holder, waiter));
}

#[test]
fn a_server_that_goes_away_in_the_middle_is_the_cause() {
    let pg = server(&[]);
    // Something else is wrong as well, and was found before.
    pg.psql("shop", "create table t (id serial primary key); select setval('t_id_seq', 2147483647)");
    let home = tempfile::tempdir().expect("a directory");
    let url = format!("postgres://postgres@127.0.0.1:{}/shop?sslmode=disable", pg.port);
    let mut c = support::command(home.path());
    c.args(["assess", &url, "--format", "json", "--timeframe", "300", "--budget", "600"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let running = c.spawn().expect("holdpoint runs");
    wait_until("it waits for its second samples", || {
        let waits = "select count(*) from pg_stat_activity where application_name like 'holdpoint%' and state = 'idle' \
            and state_change < clock_timestamp() - interval '5 seconds'";
        pg.psql("shop", waits).trim() == "1"
    });
    let file = std::fs::read_to_string(pg.socket.join("data/postmaster.pid")).expect("its file");
    let pid: i32 = file.lines().next().expect("a line").parse().expect("a pid");
    // SIGQUIT: the immediate stop.
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).expect("a process"), rustix::process::Signal::QUIT).expect("stopped");
    let began = std::time::Instant::now();
    let out = running.wait_with_output().expect("it ends");
    assert!(began.elapsed() < Duration::from_secs(100), "the pause is not waited out");
    let found: holdpoint::model::assessment::Assessment = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!((found.summary.check.as_str(), found.summary.sev), ("lost", Some(1)), "{:#?}", found.summary);
    assert!(found.summary.says.starts_with("The server went away in the middle of the assessment"), "{}", found.summary.says);
    assert!(found.checks.iter().any(|s| s.check == "PG28" && s.severity == Severity::Critical), "what was found before is told as well");
    // Whether it is gone by then is the machine's pace; it is looked for.
    assert_eq!(found.checks.iter().filter(|s| s.check == "process").count(), 1, "{:#?}", found.checks);
    let forecast = found.checks.iter().find(|s| s.check == "PG35").expect("it stands there");
    assert_eq!((forecast.severity, forecast.says.as_str()), (Severity::Unknown, "not read: the connection was lost"));
    assert_eq!(out.status.code(), Some(1));
}

#[test]
fn a_login_that_hangs_in_the_server_is_no_firewall() {
    let pg = server(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let mark = dir.path().join("locked");
    // Nobody can ask the server any more: the client says when it is so.
    let lock = format!("begin; lock table pg_authid in access exclusive mode;\n\\! touch {}", mark.display());
    let _lock = Held::pg(&pg, "postgres", "shop", &lock);
    wait_until("the roles are locked", || mark.exists());
    let run = assess_postgres(&pg, "postgres", &[]);
    assert_eq!((run.code, run.found.summary.check.as_str()), (Some(3), "connect"), "{:#?}", run.found.summary);
    let summary = &run.found.summary;
    assert!(summary.says.contains("takes the connection and does not answer the login"), "{}", summary.says);
    assert!(summary.next.contains("pg_authid") && !summary.next.contains("drops the packets"), "{}", summary.next);
    assert!(run.seen("process").says.contains("idle in transaction"), "{:#?}", run.seen("process"));
}

#[test]
fn of_a_server_that_is_down_its_own_log_is_read_or_none() {
    let pg = server(&[]);
    let home = tempfile::tempdir().expect("a directory");
    let configured = |home: &std::path::Path| {
        let text = format!(
            "[targets.shop]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\ndatabase = \"shop\"\nsslmode = \"disable\"\n",
            pg.port
        );
        std::fs::write(home.join("holdpoint.toml"), text).expect("written");
    };
    configured(home.path());
    let well = support::assess::assess_in(home.path(), "shop", &[]);
    let log = well.seen("PG32").places.get("log").cloned().expect("it found its log");
    assert!(log.starts_with(&pg.socket.display().to_string()), "{log}");
    assert_eq!(well.seen("PG14").places["data"], pg.socket.join("data").display().to_string());
    let file = std::fs::read_to_string(pg.socket.join("data/postmaster.pid")).expect("its file");
    let pid: i32 = file.lines().next().expect("a line").parse().expect("a pid");
    let pid = rustix::process::Pid::from_raw(pid).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::QUIT).expect("stopped");
    wait_until("it is down", || !std::path::Path::new(&format!("/proc/{}", pid.as_raw_nonzero())).join("exe").exists());
    let down = support::assess::assess_in(home.path(), "shop", &[]);
    assert!(down.seen("log").says.starts_with(&log), "{:#?}", down.seen("log"));
    assert!(down.seen("log").says.contains("shut"), "{:#?}", down.seen("log"));
    // Who never saw it finds no log: that of another server on this machine would mislead.
    let stranger = tempfile::tempdir().expect("a directory");
    configured(stranger.path());
    let run = support::assess::assess_in(stranger.path(), "shop", &[]);
    assert_eq!(run.seen("log").severity, Severity::Unknown, "{:#?}", run.seen("log"));
}

#[test]
fn what_the_application_rolls_back_is_counted_and_what_the_assessment_does_is_not() {
    let pg = server(&[]);
    let rolls = "begin; update orders set state = 'x' where id = 1; select pg_sleep(0.03); rollback;\n".repeat(20_000);
    let storm = Held::pg_script(&pg, "postgres", "shop", &rolls);
    wait_until("it rolls back", || pg.psql("shop", "select xact_rollback > 5 from pg_stat_database where datname = 'shop'").trim() == "t");
    let run = support::assess::assess(
        &format!("postgres://postgres@127.0.0.1:{}/shop?sslmode=disable", pg.port),
        &["--checks", "PG19", "--timeframe", "4"],
    );
    let seen = run.seen("PG19");
    assert!(seen.figures["rolled_back"] > 80.0 && seen.figures["transactions"] > 300.0, "{seen:#?}");
    drop(storm);
}

#[test]
fn what_keeps_applications_from_writing_and_constraints_from_holding_is_named() {
    let pg = server(&["max_prepared_transactions=5"]);
    pg.psql("shop", "create table lines (id int, of int references orders); alter table lines disable trigger all");
    let run = assess_postgres(&pg, "oncall", &["--checks", "PG29,PG36"]);
    assert_eq!(run.seen("PG36").findings[0].object, "public.lines", "{:#?}", run.found);
    for (set, whose) in [("database shop", "database shop"), ("role oncall", "role oncall"), ("system", "the server")] {
        pg.psql("postgres", &format!("alter {set} set session_replication_role = replica"));
        pg.psql("postgres", "select pg_reload_conf()");
        wait_until("it is told", || {
            let run = assess_postgres(&pg, "oncall", &["--checks", "PG36"]);
            let told = |f: &&holdpoint::model::Finding| f.object == whose && f.severity == Severity::Warning;
            run.seen("PG36").findings.iter().find(told).is_some_and(|f| f.message.contains("no foreign keys"))
        });
        pg.psql("postgres", &format!("alter {set} reset session_replication_role"));
    }
    pg.psql("postgres", "select pg_reload_conf()");
    pg.psql("postgres", "alter database shop set default_transaction_read_only = on");
    let run = assess_postgres(&pg, "oncall", &["--checks", "PG29,PG36"]);
    assert_eq!(run.found.summary.check, "PG29", "{:#?}", run.found.summary);
    assert!(run.found.summary.says.contains("read-only for new sessions"), "{}", run.found.summary.says);
    assert_eq!(run.found.summary.recover.as_ref().map(|a| a.deed.name()), Some("read-write"));
    pg.psql("postgres", "alter database shop reset default_transaction_read_only");
    // The server's own setting is another one's, and what our session has of it is its own.
    pg.psql("postgres", "alter system set default_transaction_read_only = on");
    let run = assess_postgres(&pg, "postgres", &["--checks", "PG29"]);
    assert!(run.found.summary.says.contains("The server begins all sessions read-only"), "{}", run.found.summary.says);
    assert_eq!(run.found.summary.severity, Some(Severity::Critical));
    // Who may not see that is told so, and what lifts it.
    let run = assess_postgres(&pg, "oncall", &["--checks", "PG29"]);
    let unseen = run.seen("PG29");
    assert!(unseen.severity == Severity::Unknown && unseen.says.contains("cannot be seen"), "{unseen:#?}");
    assert!(run.found.summary.says.contains("could not see"), "{:#?}", run.found.summary);
    pg.psql("shop", unseen.findings[0].lifts.as_deref().expect("what lifts it"));
    assert_eq!(assess_postgres(&pg, "oncall", &["--checks", "PG29"]).seen("PG29").severity, Severity::Critical);
    // What a database says itself holds.
    pg.psql("postgres", "alter database shop set default_transaction_read_only = off");
    assert_eq!(assess_postgres(&pg, "postgres", &["--checks", "PG29"]).seen("PG29").severity, Severity::Ok);
    pg.psql("postgres", "alter system reset default_transaction_read_only");
    // Who is in the way without a session has a name all the same.
    pg.psql("shop", "begin; update orders set state = 'p' where id = 3; prepare transaction 'transfer 7'");
    let _waits = Held::pg(&pg, "postgres", "shop", "update orders set state = 'q' where id = 3;");
    wait_until("somebody waits for it", || locks_wanted(&pg) == 1);
    let run = assess_postgres(&pg, "oncall", &["--checks", "PG06"]);
    let told = &run.seen("PG06").findings[0];
    assert!(told.message.contains("the prepared transaction “transfer 7” of “postgres”"), "{told:#?}");
    // Either end may be the wrong one: none stands ready.
    assert!(told.recover.is_none() && told.next.contains("commit-prepared") && told.next.contains("rollback-prepared"), "{told:#?}");
    pg.psql("shop", "rollback prepared 'transfer 7'");
}

#[test]
fn a_pool_that_ends_reading_with_rollback_and_a_checkpoint_by_hand_are_no_alarm() {
    let pg = server(&[]);
    let reads = "begin; select count(*) from orders; select pg_sleep(0.01); rollback;\n".repeat(30_000);
    let pool = Held::pg_script(&pg, "postgres", "shop", &reads);
    wait_until("it reads", || pg.psql("shop", "select xact_rollback > 5 from pg_stat_database where datname = 'shop'").trim() == "t");
    let checkpoints = Held::pg_script(&pg, "postgres", "shop", &"checkpoint; select pg_sleep(0.5);\n".repeat(1000));
    let run = assess_postgres(&pg, "postgres", &["--checks", "PG19,PG21", "--timeframe", "4"]);
    assert!(run.seen("PG19").figures["rolled_back"] > 80.0, "{:#?}", run.seen("PG19"));
    assert!(run.seen("PG21").figures["requested"] >= 10.0, "{:#?}", run.seen("PG21"));
    for check in ["PG19", "PG21"] {
        assert_eq!(run.seen(check).severity, Severity::Ok, "{:#?}", run.seen(check));
    }
    drop((pool, checkpoints));
}
