//! The emergency assessment where a primary has a standby, or an archive that fails: real servers, real faults.

mod support;

use holdpoint::model::Severity;
use std::time::Duration;
use support::assess::{Run, assess};
use support::pg::PgServer;
use support::wait_until;

fn run(pg: &PgServer, user: &str, more: &[&str]) -> Run {
    assess(&format!("postgres://{user}@127.0.0.1:{}/shop?sslmode=disable", pg.port), more)
}

fn primary(settings: &[&str]) -> PgServer {
    let all: Vec<&str> = ["fsync=on"].into_iter().chain(settings.iter().copied()).collect();
    let pg = PgServer::start(&all);
    pg.create_database("shop");
    pg.psql("postgres", "create role oncall login; grant pg_monitor to oncall; create role stranger login");
    pg.psql("shop", "create table orders (id int primary key, state text)");
    pg
}

#[test]
fn a_standby_whose_replay_is_paused_is_named_from_both_sides() {
    let pg = primary(&[]);
    let standby = pg.standby_with(&["fsync=on"]);
    wait_until("the standby streams", || {
        pg.psql("shop", "select count(*) from pg_stat_replication where state = 'streaming'").trim() == "1"
    });
    pg.psql("shop", "insert into orders values (1, 'open')");
    wait_until("it replays", || standby.psql("shop", "select count(*) from orders").trim() == "1");
    let sound = run(&standby, "oncall", &[]);
    assert_eq!(sound.seen("PG16").severity, Severity::Ok, "{:#?}", sound.seen("PG16"));
    assert!(sound.seen("PG02").says.contains("a standby"), "{:#?}", sound.seen("PG02"));
    standby.psql("shop", "select pg_wal_replay_pause()");
    wait_until("it is paused", || standby.psql("shop", "select pg_is_wal_replay_paused()").trim() == "t");
    pg.psql("shop", "insert into orders select i, repeat('x', 500) from generate_series(2, 3000) i");
    let paused = run(&standby, "oncall", &[]);
    assert_eq!(paused.found.summary.check, "PG16", "{:#?}", paused.found);
    assert!(paused.found.summary.says.starts_with("Replay is paused"), "{}", paused.found.summary.says);
    assert!(paused.found.summary.next.contains("pg_wal_replay_resume"), "{}", paused.found.summary.next);
    // The primary's own figure of time stays what it was: that nothing is replayed is seen by looking twice.
    let stands = run(&pg, "oncall", &["--checks", "PG15"]);
    assert!(stands.seen("PG15").findings[0].message.contains("has received what it does not replay"), "{:#?}", stands.seen("PG15"));
    // From the primary's side it is behind; with a threshold that small it says so.
    let home = tempfile::tempdir().expect("a directory");
    let text = format!(
        "[targets.shop]\nurl = \"postgres://oncall@127.0.0.1:{}/shop?sslmode=disable\"\n\n[targets.shop.assess]\nPG15.behind = [1000, 1e12]\n",
        pg.port
    );
    std::fs::write(home.path().join("holdpoint.toml"), text).expect("written");
    let behind = support::assess::assess_in(home.path(), "shop", &["--checks", "PG15"]);
    assert_eq!(behind.seen("PG15").severity, Severity::Warning, "{:#?}", behind.seen("PG15"));
    // A role with nothing sees that there is one, and not how far it is.
    assert_eq!(run(&pg, "stranger", &["--checks", "PG15"]).seen("PG15").severity, Severity::Unknown);
    standby.psql("shop", "select pg_wal_replay_resume()");
    wait_until("it replays again", || standby.psql("shop", "select count(*) from orders").trim() == "3000");
    assert_eq!(run(&standby, "oncall", &[]).seen("PG16").severity, Severity::Ok);
}

#[test]
fn an_archive_that_fails_is_named() {
    let pg = primary(&["archive_mode=on", "archive_command=/bin/false"]);
    pg.psql("shop", "insert into orders values (1, 'open'); select pg_switch_wal()");
    wait_until("it failed", || pg.psql("shop", "select failed_count > 0 from pg_stat_archiver").trim() == "t");
    let found = run(&pg, "oncall", &[]);
    assert_eq!(found.found.summary.check, "PG12", "{:#?}", found.found);
    assert!(found.found.summary.says.starts_with("Archiving fails ("), "{}", found.found.summary.says);
    assert!(found.seen("PG12").figures["ready"] >= 1.0, "{:#?}", found.seen("PG12"));
}

#[test]
fn sequences_disks_and_the_log_are_looked_at() {
    let pg = primary(&[]);
    pg.psql(
        "shop",
        "create table small (id smallserial primary key); select setval('small_id_seq', 32000); \
         create sequence mine; select nextval('mine'); grant select on sequence small_id_seq to oncall",
    );
    let found = run(&pg, "oncall", &[]);
    let room = found.seen("PG28");
    assert_eq!((room.severity, room.findings[0].object.as_str()), (Severity::Critical, "public.small_id_seq"), "{room:#?}");
    // The one that this role may not read is no good news for it.
    let blind = run(&pg, "stranger", &["--checks", "PG28"]);
    assert_eq!(blind.seen("PG28").severity, Severity::Unknown, "{:#?}", blind.seen("PG28"));
    assert!(found.seen("PG14").says.contains("left"), "{:#?}", found.seen("PG14"));
    assert!(found.seen("PG32").says.contains("/log: "), "{:#?}", found.seen("PG32"));
    for check in ["PG17", "PG21", "PG24", "PG30", "PG31"] {
        assert!(found.seen(check).severity <= Severity::Info, "{:#?}", found.seen(check));
    }
    // What other tests write meanwhile may well fill this machine's disk one day.
    assert!(found.seen("PG35").severity <= Severity::Critical, "{:#?}", found.seen("PG35"));
}

#[test]
fn a_catalogue_that_is_locked_everywhere_ends_soon_and_makes_nobody_wait() {
    let pg = primary(&[]);
    let mut locks: Vec<std::process::Child> = ["shop", "postgres"]
        .iter()
        .map(|d| pg.psql_in_background(d, "begin; lock table pg_class in access exclusive mode; select pg_sleep(600)"))
        .collect();
    wait_until("both are locked", || {
        let text = "select count(*) from pg_locks where relation = 1259 and mode = 'AccessExclusiveLock' and granted";
        pg.psql("template1", text).trim() == "2"
    });
    let run = run(&pg, "oncall", &[]);
    assert_eq!((run.code, run.found.summary.check.as_str()), (Some(3), "connect"), "{:#?}", run.found);
    assert!(run.found.summary.says.contains("lock"), "{}", run.found.summary.says);
    assert!(run.took < Duration::from_secs(15), "{:?}", run.took);
    assert_eq!(pg.psql("template1", "select count(*) from pg_locks where not granted").trim(), "0");
    for l in &mut locks {
        l.kill().expect("ended");
        l.wait().expect("ended");
    }
    pg.psql(
        "template1",
        "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()",
    );
}
