//! Cases of the emergency assessment that were once judged wrongly, on real servers and files.

mod support;

use holdpoint::model::Severity;
use std::process::Stdio;
use support::assess::{assess, assess_in};
use support::held::Held;
use support::pg::PgServer;
use support::recover::Home;
use support::shop::{self, assess_postgres, postgres_url};
use support::wait_until;

/// Where whoever is on call may end sessions, too.
fn server(settings: &[&str]) -> PgServer {
    let pg = shop::postgres(settings);
    pg.psql("postgres", "grant pg_signal_backend to oncall");
    pg
}

#[test]
fn a_crash_that_threw_everybody_out_is_no_sound_server() {
    let pg = server(&[]);
    assert_eq!(assess_postgres(&pg, "postgres", &["--checks", "PG02,PG32"]).seen("PG02").severity, Severity::Info, "it has just begun");
    wait_until("it has run for a while", || {
        pg.psql("shop", "select now() - pg_postmaster_start_time() > interval '6 seconds'").trim() == "t"
    });
    let _victim = Held::named(&pg, "shop", "victim", "select pg_sleep(600);");
    let of = || pg.psql("shop", "select pid from pg_stat_activity where application_name = 'victim' and wait_event = 'PgSleep'");
    wait_until("it sleeps", || !of().trim().is_empty());
    let pid = rustix::process::Pid::from_raw(of().trim().parse().expect("a pid")).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
    wait_until("it has recovered", || {
        let ready = pg.client_as("postgres", "shop").args(["-c", "select 1"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        pg.log().contains("terminated by signal 9") && ready.is_ok_and(|s| s.success())
    });
    let crashed = assess_postgres(&pg, "postgres", &["--checks", "PG02,PG32"]);
    assert_eq!(crashed.found.summary.check, "PG02", "{:#?}", crashed.found);
    assert!(crashed.found.summary.says.starts_with("A process of the server crashed "), "{}", crashed.found.summary.says);
    let log = crashed.seen("PG32");
    assert_eq!(log.severity, Severity::Warning, "{log:#?}");
    assert!(
        log.findings.iter().any(|f| f.message.contains("terminated by signal 9") && f.next.contains("All sessions were ended")),
        "{log:#?}"
    );
    assert_eq!(crashed.code, Some(1));
}

#[test]
fn what_is_in_a_database_that_could_not_be_entered_is_unknown_and_its_sessions_can_be_ended_all_the_same() {
    let pg = server(&[]);
    pg.psql("shop", "create table lines (id int, of int references orders); alter table lines disable trigger all; create sequence s as smallint; select setval('s', 32000)");
    let mut idle = pg.client_as("stranger", "shop");
    idle.env("PGAPPNAME", "left");
    let _idle = Held::of(idle, "begin; select 1;");
    let of = || pg.psql("postgres", "select pid from pg_stat_activity where application_name = 'left' and state = 'idle in transaction'");
    wait_until("it is idle", || !of().trim().is_empty());
    let pid = of().trim().to_string();
    let place = format!("host = \"127.0.0.1\"\nport = {}\nuser = \"oncall\"\ndatabase = \"shop\"\nsslmode = \"disable\"", pg.port);
    let home_of = Home::new(&format!("engine = \"postgres\"\n{place}"), "second");
    let home = tempfile::tempdir().expect("a directory");
    let before = assess_in(home.path(), &postgres_url(&pg, "oncall", "shop"), &[]);
    assert_eq!(before.seen("PG36").severity, Severity::Warning, "{:#?}", before.found);
    pg.psql("shop", "revoke connect on database shop from public");
    let after = assess_in(home.path(), &postgres_url(&pg, "oncall", "shop"), &[]);
    let connect = &after.seen("connect").findings[0];
    assert_eq!(connect.lifts.as_deref(), Some("GRANT CONNECT ON DATABASE \"shop\" TO \"oncall\";"));
    assert!(after.found.summary.next.starts_with("Assess again once it may"), "{:#?}", after.found.summary);
    for check in ["PG22", "PG23", "PG27", "PG28", "PG31", "PG36"] {
        let seen = after.seen(check);
        assert_eq!(seen.severity, Severity::Unknown, "{seen:#?}");
        assert!(seen.says.contains("about database shop, and the session is in postgres"), "{seen:#?}");
    }
    assert!(
        after.found.changes.iter().all(|c| !["PG28", "PG36"].contains(&c.check.as_str())),
        "not seen is not gone: {:#?}",
        after.found.changes
    );
    // What it prints can be done by the account that it was printed for.
    let text = home_of.run(4, &["end-idle", &pid]);
    assert!(text.contains("this account may not use database shop: logged into database postgres instead"), "{text}");
    let text = home_of.run(1, &["cancel", &pid]);
    assert!(text.contains("runs nothing now"), "{text}");
    home_of.act(0, &["end-idle", &pid], &pid);
    assert_eq!(of().trim(), "");
}

#[test]
fn what_most_of_the_busy_sessions_wait_for_is_told() {
    let pg = server(&[]);
    let _holder = Held::named(&pg, "shop", "holder", "begin; lock table orders;");
    wait_until("the table is locked", || {
        pg.psql("postgres", "select count(*) from pg_stat_activity where application_name = 'holder' and state = 'idle in transaction'")
            .trim()
            == "1"
    });
    let _waiters: Vec<Held> = (0..6).map(|_| Held::named(&pg, "shop", "waiter", "select count(*) from orders;")).collect();
    wait_until("they wait", || pg.psql("postgres", "select count(*) from pg_stat_activity where wait_event_type = 'Lock'").trim() == "6");
    let found = assess_postgres(&pg, "oncall", &["--checks", "PG08"]);
    let f = &found.seen("PG08").findings[0];
    assert!(f.message.contains("wait for Lock, most of them for relation") && f.next.contains("lock tree"), "{f:#?}");
    assert_eq!(assess_postgres(&pg, "stranger", &["--checks", "PG08"]).seen("PG08").severity, Severity::Unknown);
}

#[test]
fn two_servers_of_one_name_are_two_targets() {
    let (a, b) = (server(&[]), server(&[]));
    let home = tempfile::tempdir().expect("a directory");
    let say = |pg: &PgServer, more: &[&str]| {
        let out = support::command(home.path()).args(["assess", &postgres_url(pg, "postgres", "shop")]).args(more).output().expect("runs");
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
    };
    say(&a, &["--mute", "PG36", "--reason", "known on a", "--for", "1h"]);
    assert!(say(&a, &["--muted"]).contains("known on a"));
    assert!(!say(&b, &["--muted"]).contains("known on a"), "another server is another target");
    for pg in [&a, &b] {
        pg.psql("shop", "create table lines (id int, of int references orders); alter table lines disable trigger all");
    }
    let only = ["--checks", "PG36"];
    let told = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let muted = told(say(&a, &only));
    assert!(muted.contains("Nothing speaks that is not muted; muted: PG36:public.lines (warning) until "), "{muted}");
    assert!(say(&b, &only).contains("WARNING"), "it is not muted there");
    assert!(!say(&a, &["--timeframe", "1"]).contains("Since "));
    assert!(!say(&b, &["--timeframe", "1"]).contains("Since "), "what was found on the other one is nothing to compare with");
    // A part of the checks is no ground for saying where the fault lies.
    let part = told(say(&b, &["--checks", "PG20,PG27", "--timeframe", "1"]));
    assert!(!part.contains("it lies before the database") && part.contains("Only 2 of "), "{part}");
    // A plugin that was called wrongly is no alarm, nor is one without its configuration.
    for (wrong, why) in [
        (&["nosuch"][..], "nosuch"),
        (&["a", "--config", "/nonexist.toml"], "/nonexist.toml"),
        (&["a", "--budget", "soon"], "--budget"),
        (&["a", "--nosuch"], "--nosuch"),
        (&[], "TARGET"),
    ] {
        let out = support::command(home.path()).args(["assess", "--nagios"]).args(wrong).output().expect("runs");
        let said = String::from_utf8_lossy(&out.stdout);
        assert_eq!(out.status.code(), Some(3), "{wrong:?}: {said}");
        assert!(said.starts_with("HOLDPOINT UNKNOWN - ") && said.contains(why), "{wrong:?}: {said}");
    }
}

#[test]
fn an_action_does_not_wait_for_a_standby_that_is_lost_and_its_undo_is_what_was() {
    let pg = server(&[]);
    pg.psql("shop", "alter system set synchronous_standby_names = 'ghost'");
    pg.psql("shop", "select pg_reload_conf()");
    wait_until("it waits for a standby", || pg.psql("shop", "show synchronous_standby_names").trim() == "ghost");
    let home = Home::of(&pg, "solo");
    let mark = home.mark(&["read-only"]);
    let text = home.run(0, &["read-only", "--confirm", "shop", "--seen", &mark, "--reason", "stop", "--confirm-target", "t"]);
    assert!(text.contains("SET synchronous_commit = local") && text.contains("Done: new sessions of shop begin read-only"), "{text}");
    home.act(0, &["raise-limit", "max_wal_size", "4GB"], "max_wal_size");
    let text = home.run(4, &["raise-limit", "max_wal_size", "6GB"]);
    assert!(text.contains("ALTER SYSTEM SET max_wal_size = '4GB'"), "what was before is no RESET: {text}");
}

#[test]
fn reading_a_closed_database_leaves_no_file_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("odd name?&#.db");
    let conn = rusqlite::Connection::open(&path).expect("opened");
    conn.execute_batch("pragma journal_mode = wal; create table p (id integer primary key); insert into p values (1)").expect("filled");
    drop(conn);
    let files = || {
        let mut all: Vec<String> =
            std::fs::read_dir(dir.path()).expect("read").flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        all.sort();
        all
    };
    assert_eq!(files(), ["odd name?&#.db"]);
    let found = assess(&path.display().to_string(), &[]);
    assert_eq!((found.seen("SQ06").severity, found.seen("SQ07").severity), (Severity::Ok, Severity::Ok), "{:#?}", found.found);
    assert_eq!(files(), ["odd name?&#.db"], "whoever may not write what was left there could not write the database any more");
    // One that is open is read with its log.
    let conn = rusqlite::Connection::open(&path).expect("opened");
    conn.execute_batch("pragma foreign_keys = off; create table c (id integer references p (id)); insert into c values (77)")
        .expect("an orphan");
    let found = assess(&path.display().to_string(), &[]);
    assert_eq!(found.seen("SQ07").severity, Severity::Warning, "{:#?}", found.found);
    // An orphan that has been there for long comes behind who keeps everybody from writing now.
    conn.execute_batch("begin immediate").expect("the write lock");
    let found = assess(&path.display().to_string(), &["--timeframe", "5"]);
    assert_eq!(found.found.summary.check, "SQ04", "{:#?}", found.found);
    std::fs::write(dir.path().join("empty.db"), "").expect("written");
    let empty = assess(&dir.path().join("empty.db").display().to_string(), &[]);
    assert!(
        empty.found.summary.says.contains("the file is empty") || empty.found.summary.says.contains("The file is empty"),
        "{:#?}",
        empty.found.summary
    );
}

#[test]
fn a_transaction_that_holds_the_horizon_is_named_with_what_ends_it() {
    let pg = server(&[]);
    let _holder = Held::named(&pg, "shop", "report", "begin isolation level repeatable read; select count(*) from orders;");
    let of = || {
        pg.psql("shop", "select pid from pg_stat_activity where application_name = 'report' and backend_xmin is not null and state = 'idle in transaction'")
    };
    wait_until("it holds the horizon", || !of().trim().is_empty());
    pg.psql("shop", "do $$ begin for i in 1..500 loop perform txid_current(); commit; end loop; end $$");
    let home = tempfile::tempdir().expect("a directory");
    let text = format!("[targets.t]\nurl = \"{}\"\n\n[targets.t.assess]\n\"PG10.age\" = [300, 1e9]\n", postgres_url(&pg, "oncall", "shop"));
    std::fs::write(home.path().join("holdpoint.toml"), text).expect("written");
    let found = assess_in(home.path(), "t", &["--checks", "PG10,PG27"]);
    let f = &found.seen("PG10").findings[0];
    assert!(f.message.contains("holds the horizon for"), "{f:#?}");
    assert_eq!(f.recover.as_ref().map(|a| (a.deed.name(), a.object.clone())), Some(("end-idle", of().trim().to_string())));
    // A role that may not look is not told that nobody holds it.
    let blind = assess_postgres(&pg, "stranger", &["--checks", "PG10,PG24"]);
    assert!(blind.seen("PG10").says.contains("cannot be seen") && blind.seen("PG24").says.contains("cannot be seen"), "{:#?}", blind.found);
}

#[test]
fn orphans_that_came_in_while_triggers_were_disabled_are_warned_of() {
    let pg = server(&[]);
    pg.psql(
        "shop",
        "create table lines (id int, of int references orders); alter table lines disable trigger all; insert into lines values (1, 4711)",
    );
    let found = assess_postgres(&pg, "oncall", &["--checks", "PG36"]);
    let f = &found.seen("PG36").findings[0];
    assert!(f.severity == Severity::Warning && f.message.contains("rows without a parent may have come in"), "{f:#?}");
    // Enabling them looks at nothing that is there: the next step says so, and the row is there still.
    assert!(f.next.contains("does not look at those that are there"), "{f:#?}");
    pg.psql("shop", "alter table lines enable trigger all");
    assert_eq!(assess_postgres(&pg, "oncall", &["--checks", "PG36"]).seen("PG36").severity, Severity::Ok);
    assert_eq!(pg.psql("shop", "select count(*) from lines l where not exists (select from orders o where o.id = l.of)").trim(), "1");
}

/// Exclusive locks on the users' tables and on the catalogue, and hardly a connection left: no assessment waits on it, or makes another wait.
#[test]
fn tables_and_catalogue_locked_and_connections_full_at_once() {
    let pg = server(&["max_connections=12", "superuser_reserved_connections=3", "max_locks_per_transaction=10000"]);
    // 100,000 locks of one session stand in the list that is read.
    let _locks = Held::named(&pg, "postgres", "many", "select count(pg_advisory_lock(i)) from generate_series(1, 100000) i;");
    wait_until("it has its locks", || pg.psql("postgres", "select count(*) from pg_locks where locktype = 'advisory'").trim() == "100000");
    let _tables = Held::named(&pg, "shop", "tables", "begin; lock table orders in access exclusive mode;");
    wait_until("the table is locked", || {
        pg.psql("postgres", "select count(*) from pg_stat_activity where application_name = 'tables' and state = 'idle in transaction'")
            .trim()
            == "1"
    });
    let mut clients: Vec<Held> = Vec::new();
    wait_until("all are connected", || {
        Held::fill(&mut clients, 6, || Held::pg(&pg, "stranger", "shop", "select 1;"));
        pg.psql("postgres", "select count(*) from pg_stat_activity where usename = 'stranger'").trim() == "6"
    });
    let _catalogue = Held::named(&pg, "shop", "catalogue", "begin; lock table pg_class in access exclusive mode;");
    let holds = "select count(*) from pg_locks where relation = 1259 and mode = 'AccessExclusiveLock' and granted";
    wait_until("the catalogue is locked", || pg.psql("postgres", holds).trim() == "1");
    for user in ["postgres", "oncall"] {
        let found = assess_postgres(&pg, user, &[]);
        assert_eq!(
            (found.found.summary.check.as_str(), found.found.summary.severity),
            ("connect", Some(Severity::Critical)),
            "{:#?}",
            found.found
        );
        found.within_its_budget();
        found.nothing_waited();
    }
    assert_eq!(pg.psql("postgres", "select count(*) from pg_locks where not granted").trim(), "0", "nobody waits behind it");
    // A session's process may outlive its client for a moment.
    wait_until("none of ours is left", || {
        pg.psql("postgres", "select count(*) from pg_stat_activity where application_name like 'holdpoint%'").trim() == "0"
    });
}

#[test]
fn the_lock_tree_keeps_one_session_while_it_is_read_again() {
    use holdpoint::config::{Surroundings, files};
    use holdpoint::ops::{Cx, assess::Watch};
    let pg = server(&[]);
    let home = Home::of(&pg, "second");
    let root = home.0.path().to_path_buf();
    let cx = Cx::new(files::load_in(None, &Surroundings::made_up(&root, &root, [])).expect("config"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let target = holdpoint::ops::connect::target(&cx, "t").expect("configured");
    let ours = || {
        pg.psql("postgres", "select string_agg(pid::text, ',') from pg_stat_activity where application_name like 'holdpoint%'")
            .trim()
            .to_string()
    };
    let mut watch = runtime.block_on(Watch::new(&cx, target)).expect("made");
    assert_eq!(ours(), "", "no connection is made yet");
    let mut seen = Vec::new();
    for _ in 0..5 {
        runtime.block_on(watch.look()).expect("looked");
        seen.push(ours());
    }
    assert!(seen[0].parse::<u32>().is_ok() && seen.iter().all(|s| *s == seen[0]), "one session, the same each time: {seen:?}");
    // Where somebody ends it, the next look has another one, and one alone.
    pg.psql("postgres", &format!("select pg_terminate_backend({})", seen[0]));
    wait_until("it looks again", || runtime.block_on(watch.look()).is_ok());
    wait_until("it is another one, alone", || ours().parse::<u32>().is_ok() && ours() != seen[0]);
    drop(watch);
    wait_until("it is gone with the tree", || ours().is_empty());
}

#[test]
fn what_holds_a_lock_without_a_transaction_is_answered_by_what_ends_it_and_a_commit_that_waits_is_not_called_lost() {
    let pg = server(&[]);
    let _holder = Held::named(&pg, "shop", "advisory", "select pg_advisory_lock(5);");
    let count = |what: &str| pg.psql("postgres", &format!("select count(*) from pg_stat_activity where {what}"));
    wait_until("it holds the lock", || count("application_name = 'advisory' and state = 'idle'").trim() == "1");
    let _waiter = Held::named(&pg, "shop", "waiter", "select pg_advisory_lock(5);");
    wait_until("somebody waits", || count("wait_event_type = 'Lock'").trim() == "1");
    let found = assess_postgres(&pg, "oncall", &["--checks", "PG06"]);
    let action = found.seen("PG06").findings[0].recover.clone().expect("an answer");
    assert_eq!(action.deed.name(), "terminate", "{:#?}", found.seen("PG06"));
    let home = Home::of(&pg, "second");
    home.act(0, &["terminate", &action.object], &action.object);
    wait_until("the waiter goes on", || count("wait_event_type = 'Lock'").trim() == "0");
    pg.psql("shop", "alter system set synchronous_standby_names = 'ghost'");
    pg.psql("shop", "select pg_reload_conf()");
    wait_until("commits wait", || pg.psql("shop", "show synchronous_standby_names").trim() == "ghost");
    let _writer = Held::named(&pg, "shop", "writer", "insert into orders values (900, 'new');");
    wait_until("it waits for the standby", || count("wait_event = 'SyncRep'").trim() == "1");
    let pid = pg.psql("postgres", "select pid from pg_stat_activity where wait_event = 'SyncRep'").trim().to_string();
    // Who waits behind it waits for the standby as well: that is the cause, and nobody's end.
    let _behind: Vec<Held> = (0..5).map(|_| Held::named(&pg, "shop", "behind", "insert into orders values (900, 'late');")).collect();
    wait_until("five wait behind it", || count("application_name = 'behind' and wait_event_type = 'Lock'").trim() == "5");
    for user in ["postgres", "oncall"] {
        let found = assess_postgres(&pg, user, &[]);
        assert_eq!(found.found.summary.check, "PG15", "{:#?}", found.found);
        let f = &found.seen("PG06").findings[0];
        assert!(f.message.contains("waiting for a standby to confirm its commit") && f.severity == Severity::Warning, "{f:#?}");
        assert!(f.recover.is_none() && f.next.contains("cancelling rolls nothing back"), "{f:#?}");
    }
    let text = home.run(4, &["cancel", &pid]);
    assert!(text.contains("has committed here already") && !text.contains("rolled back"), "{text}");
    home.act(0, &["cancel", &pid], &pid);
    assert_eq!(pg.psql("shop", "select count(*) from orders where id = 900").trim(), "1");
}

/// Roles, a database and a table, on a server that is there.
fn furnish(pg: &PgServer) {
    pg.create_database("shop");
    pg.psql("postgres", "create role oncall login; grant pg_monitor to oncall; create role stranger login");
    pg.psql(
        "shop",
        "create table orders (id int primary key, state text); insert into orders select i, repeat('x', 500) from generate_series(1, 3000) i",
    );
}

#[test]
fn a_damaged_page_is_named_first_and_writing_is_to_stop() {
    use std::os::unix::fs::FileExt;
    // So few buffers that the table is read from its file again.
    let pg = PgServer::start_checked(&["fsync=on", "shared_buffers=128kB"]);
    furnish(&pg);
    pg.psql("shop", "checkpoint");
    let path = pg.socket.join("data").join(pg.psql("shop", "select pg_relation_filepath('orders')").trim());
    let file = std::fs::File::options().read(true).write(true).open(path).expect("the table's file");
    let at = 20 * 8192 + 4000;
    let mut byte = [0u8];
    file.read_exact_at(&mut byte, at).expect("read");
    file.write_all_at(&[byte[0] ^ 0xff], at).expect("written");
    let read = pg.client_as("postgres", "shop").args(["-c", "select sum(length(state)) from orders"]).output().expect("psql runs");
    assert!(!read.status.success() && String::from_utf8_lossy(&read.stderr).contains("invalid page"), "{read:?}");
    wait_until("it is counted", || {
        pg.psql("shop", "select checksum_failures > 0 from pg_stat_database where datname = 'shop'").trim() == "t"
    });
    for user in ["postgres", "oncall", "stranger"] {
        let found = assess_postgres(&pg, user, &[]);
        let summary = &found.found.summary;
        assert_eq!((summary.check.as_str(), summary.sev), ("PG26", Some(1)), "{user}: {:#?}", found.found);
        assert!(summary.says.contains("failed their checksum") && summary.next.starts_with("Stop writing"), "{summary:#?}");
    }
}

#[test]
fn a_deadlock_storm_is_named_first_for_every_role() {
    let pg = PgServer::start(&["fsync=on", "deadlock_timeout=20ms"]);
    furnish(&pg);
    let loops = |a: u32, b: u32| {
        let one = format!(
            "begin; update orders set state = 'a' where id = {a}; select pg_sleep(0.02); update orders set state = 'b' where id = {b}; commit;\n"
        );
        Held::pg_script(&pg, "postgres", "shop", &one.repeat(20_000))
    };
    let _storm = [loops(1, 2), loops(2, 1), loops(2, 1)];
    wait_until("they meet", || pg.psql("shop", "select deadlocks > 1 from pg_stat_database where datname = 'shop'").trim() == "t");
    for user in ["postgres", "oncall", "stranger"] {
        // How many fall between two samples is the machine's pace.
        let mut summary = Default::default();
        wait_until("a look meets several", || {
            summary = assess_postgres(&pg, user, &["--timeframe", "3"]).found.summary;
            summary.check == "PG19"
        });
        assert!(summary.says.contains("deadlock") && summary.next.contains("in one order"), "{user}: {summary:#?}");
    }
}

#[test]
fn a_hot_row_is_told_as_such_and_nobody_is_to_be_ended_for_it() {
    let pg = server(&[]);
    let round = "begin; update orders set state = 'x' where id = 1; select pg_sleep(0.002); commit;\n".repeat(20_000);
    let _clients: Vec<Held> = (0..24).map(|_| Held::pg_script(&pg, "postgres", "shop", &round)).collect();
    wait_until("many wait", || pg.psql("shop", "select count(*) > 12 from pg_stat_activity where wait_event_type = 'Lock'").trim() == "t");
    for user in ["postgres", "oncall"] {
        // How many wait differs from moment to moment: few are no finding. On a busy machine one transaction may well last from one look to
        // the next, and is in the way then; that another one of the same session is not, the unit test of `moved` shows.
        let mut seen = None;
        wait_until("a look meets many who wait", || {
            let s = assess_postgres(&pg, user, &["--checks", "PG06"]).found.summary;
            seen = (s.check == "PG06" && s.recover.is_none()).then_some(s);
            seen.is_some()
        });
        let s = seen.expect("seen");
        assert!(s.says.contains("many change the same rows at once"), "{}", s.says);
        assert!(s.recover.is_none() && s.next.starts_with("Ending a session helps nobody"), "{s:#?}");
    }
}

#[test]
fn a_hundred_thousand_locks_are_looked_through_in_time() {
    let pg = PgServer::start(&["fsync=on", "max_locks_per_transaction=2000", "max_connections=60"]);
    furnish(&pg);
    let _many = Held::named(&pg, "shop", "many", "select count(pg_advisory_lock(i)) from generate_series(1, 100000) i;");
    wait_until("it has them all", || pg.psql("shop", "select count(*) >= 100000 from pg_locks where locktype = 'advisory'").trim() == "t");
    let _waits = Held::pg(&pg, "postgres", "shop", "select pg_advisory_lock(77);");
    wait_until("one waits", || pg.psql("shop", "select count(*) from pg_locks where not granted").trim() == "1");
    let found = assess_postgres(&pg, "oncall", &[]);
    found.nothing_waited();
    assert!(found.seen("PG06").findings[0].message.contains("“many”"), "{:#?}", found.seen("PG06"));
    found.within_its_budget();
}

#[test]
fn a_sequence_at_its_end_says_so_and_what_lets_it_go_on() {
    let pg = server(&[]);
    pg.psql(
        "shop",
        "create table small (id smallserial primary key); select setval('small_id_seq', 32767);
         create sequence narrow maxvalue 100; create table wide (id bigint default nextval('narrow')); select setval('narrow', 100);
         create table nearly (id serial primary key); select setval('nearly_id_seq', 2147483600)",
    );
    let found = assess_postgres(&pg, "postgres", &["--checks", "PG28"]);
    let of =
        |name: &str| found.seen("PG28").findings.iter().find(|f| f.object == name).unwrap_or_else(|| panic!("{name}: {:#?}", found.found));
    let ended = of("public.small_id_seq");
    assert!(ended.message.contains("every insert that takes one fails"), "{ended:#?}");
    // The statement is whole, and ends before the numbers that are used.
    let statement = ended.next.split("none is used: ").nth(1).and_then(|n| n.split("; For good").next()).expect("a statement");
    pg.psql("shop", statement);
    assert_eq!(pg.psql("shop", "insert into small default values returning id").lines().next(), Some("-32768"), "{statement}");
    assert_eq!(pg.psql("shop", "select seqmax from pg_sequence where seqrelid = 'small_id_seq'::regclass").trim(), "-1");
    let narrow = of("public.narrow");
    assert!(narrow.message.contains("has given its last number") && narrow.next.contains("MAXVALUE"), "{narrow:#?}");
    assert!(of("public.nearly_id_seq").message.contains("99.99 %"), "{:#?}", of("public.nearly_id_seq"));
}

#[test]
fn a_bloated_table_that_autovacuum_leaves_alone_is_a_warning() {
    let pg = server(&[]);
    pg.psql(
        "shop",
        "create table bloated (id int primary key, v text) with (autovacuum_enabled = off); insert into bloated select i, 'x' from generate_series(1, 15000) i",
    );
    pg.psql("shop", "update bloated set v = v || 'x'");
    wait_until("its dead rows are counted", || {
        pg.psql("shop", "select n_dead_tup >= 15000 from pg_stat_user_tables where relname = 'bloated'").trim() == "t"
    });
    let home = tempfile::tempdir().expect("a directory");
    let place = format!("host = \"127.0.0.1\"\nport = {}\nuser = \"oncall\"\ndatabase = \"shop\"\nsslmode = \"disable\"", pg.port);
    let target = format!("[targets.shop]\nengine = \"postgres\"\n{place}\n\n[targets.shop.assess]\nPG24.dead = [12000, 1e9]\n");
    std::fs::write(home.path().join("holdpoint.toml"), target).expect("configuration");
    let found = assess_in(home.path(), "shop", &["--checks", "PG24"]);
    let seen = found.seen("PG24");
    assert_eq!((seen.severity, seen.figures["dead"]), (Severity::Warning, 15000.0), "{seen:#?}");
    assert!(seen.findings[0].message.contains("switched off") && seen.findings[0].next.contains("RESET"), "{seen:#?}");
    let shown = support::command(home.path()).args(["recover", "shop", "vacuum", "public.bloated"]).output().expect("holdpoint runs");
    let said = String::from_utf8_lossy(&shown.stdout) + String::from_utf8_lossy(&shown.stderr);
    assert!(!said.contains("0 B"), "{said}");
}

#[test]
fn a_server_that_has_no_process_for_a_login_is_heard() {
    // What postmaster sends when fork fails: an error of protocol 2, then the end.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listen");
    let port = listener.local_addr().expect("address").port();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for client in listener.incoming() {
            let mut client = client.expect("client");
            let _ = client.read(&mut [0; 1024]);
            let _ = client.write_all(b"Ecould not fork new process for connection: Resource temporarily unavailable\n\0");
        }
    });
    for mode in ["disable", "prefer"] {
        let found = support::assess::assess(&format!("postgres://oncall@127.0.0.1:{port}/shop?sslmode={mode}"), &["--checks", "PG03"]);
        let connect = &found.seen("connect").findings[0];
        assert!(connect.message.contains("could not fork") && connect.next.contains("TasksMax"), "{connect:#?}");
        assert_eq!(connect.severity, Severity::Critical);
    }
}
