//! The emergency assessment where a primary has a standby, or an archive that fails: real servers, real faults.

mod support;

use holdpoint::model::Severity;
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
    let standby = pg.standby_with(&["fsync=on", "wal_receiver_status_interval=1"]);
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
    // The primary's own figure of time stays what it was: that nothing is replayed is seen by what the standby says twice.
    wait_until("a look meets two words of it", || {
        let stands = run(&pg, "oncall", &["--checks", "PG15,PG37", "--timeframe", "3"]);
        assert_eq!(stands.seen("PG15").severity, Severity::Ok, "{:#?}", stands.seen("PG15"));
        stands.seen("PG37").findings.first().is_some_and(|f| f.message.contains("has received what it does not replay"))
    });
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
    let blind = run(&pg, "stranger", &["--checks", "PG15,PG37"]);
    assert_eq!([blind.seen("PG15").severity, blind.seen("PG37").severity], [Severity::Unknown; 2]);
    standby.psql("shop", "select pg_wal_replay_resume()");
    wait_until("it replays again", || standby.psql("shop", "select count(*) from orders").trim() == "3000");
    assert_eq!(run(&standby, "oncall", &[]).seen("PG16").severity, Severity::Ok);
}

/// A primary shows nothing of a standby that is gone: it is known from before.
#[test]
fn a_standby_that_is_gone_is_missed() {
    let pg = primary(&[]);
    let standby = pg.standby();
    let streaming = || pg.psql("shop", "select count(*) from pg_stat_replication where state = 'streaming'").trim().to_string();
    wait_until("the standby streams", || streaming() == "1");
    let home = tempfile::tempdir().expect("a directory");
    let text = format!("[targets.shop]\nurl = \"postgres://oncall@127.0.0.1:{}/shop?sslmode=disable\"\n", pg.port);
    std::fs::write(home.path().join("holdpoint.toml"), text).expect("written");
    let of = || support::assess::assess_in(home.path(), "shop", &[]);
    assert_eq!(of().seen("PG15").severity, Severity::Ok);
    standby.kill();
    wait_until("it is gone", || streaming() == "0");
    for _ in 0..2 {
        let run = of();
        let seen = run.seen("PG15");
        assert_eq!(seen.severity, Severity::Warning, "{seen:#?}");
        assert!(seen.findings[0].message.contains("is connected no longer") && seen.says.contains("gone since"), "{seen:#?}");
    }
}

#[test]
fn a_standby_that_was_promoted_is_no_all_clear_while_its_primary_lives() {
    let pg = primary(&[]);
    let standby = pg.standby_with(&["fsync=on"]);
    wait_until("it replays", || standby.psql("postgres", "select count(*) from pg_database where datname = 'shop'").trim() == "1");
    let home = tempfile::tempdir().expect("a directory");
    let text = format!("[targets.shop]\nurl = \"postgres://oncall@127.0.0.1:{}/shop?sslmode=disable\"\n", standby.port);
    std::fs::write(home.path().join("holdpoint.toml"), text).expect("written");
    let look = || support::assess::assess_in(home.path(), "shop", &[]);
    assert_ne!(look().found.summary.check, "PG02");
    assert_eq!(standby.psql("shop", "select pg_promote()").trim(), "t");
    // Told again, not only where the last look was one at a standby.
    for _ in 0..2 {
        let found = look();
        let s = &found.found.summary;
        assert!(s.check == "PG02" && s.says.starts_with("It followed another server at "), "{:#?}", found.found);
        assert_eq!(found.code, Some(1));
    }
}

#[test]
fn a_standby_that_has_not_yet_said_what_it_replayed_is_no_warning() {
    let pg = primary(&[]);
    // Its word for what it received comes before the replay, the next one only after this time.
    let standby = pg.standby_with(&["fsync=on", "wal_receiver_status_interval=1h"]);
    wait_until("it replays", || standby.psql("postgres", "select count(*) from pg_database where datname = 'shop'").trim() == "1");
    let owes = || pg.psql("shop", "select count(*) from pg_stat_replication where flush_lsn > replay_lsn").trim() == "1";
    // It said what it received before anything was replayed, and would say nothing more for a minute, whatever it replays.
    standby.psql("shop", "select pg_wal_replay_pause()");
    pg.psql("shop", "create table t (i int)");
    wait_until("it owes a word", owes);
    let found = run(&pg, "postgres", &["--checks", "PG15,PG37"]);
    for check in ["PG15", "PG37"] {
        assert_eq!(found.seen(check).severity, Severity::Ok, "{:#?}", found.seen(check));
    }
    // Nor is it said to be seen: how its next word is had stands beside it.
    assert!(found.seen("PG37").says.contains("--timeframe 12"), "{:#?}", found.seen("PG37"));
}

#[test]
fn a_statement_that_holds_a_standbys_replay_up_is_named_there() {
    let pg = primary(&[]);
    let standby = pg.standby_with(&["fsync=on", "max_standby_streaming_delay=-1"]);
    pg.psql("shop", "insert into orders select i, 'open' from generate_series(1, 1000) i");
    wait_until("it replays", || standby.psql("shop", "select count(*) from orders").trim() == "1000");
    let _reads =
        support::held::Held::named(&standby, "shop", "report", "begin isolation level repeatable read; select count(*) from orders;");
    let of =
        || standby.psql("shop", "select pid from pg_stat_activity where application_name = 'report' and state = 'idle in transaction'");
    wait_until("it reads", || !of().trim().is_empty());
    pg.psql("shop", "delete from orders where id > 500");
    pg.psql("shop", "vacuum orders");
    pg.psql("shop", "insert into orders values (5000, 'new')");
    wait_until("replay is held up", || {
        standby
            .psql("shop", "select count(*) from pg_stat_activity where backend_type = 'startup' and wait_event like 'RecoveryConflict%'")
            .trim()
            == "1"
    });
    wait_until("it is old enough to be told", || {
        standby.psql("shop", "select now() - pg_last_xact_replay_timestamp() > interval '11 s'").trim() == "t"
    });
    for user in ["postgres", "oncall"] {
        let found = run(&standby, user, &[]);
        assert_eq!(found.found.summary.check, "PG16", "{:#?}", found.found);
        assert!(found.found.summary.says.starts_with("Replay is held up by postgres (pid "), "{}", found.found.summary.says);
        let action = found.found.summary.recover.as_ref().expect("a deed");
        assert_eq!((action.deed.name(), action.object.as_str()), ("end-idle", of().trim()));
    }
    assert_eq!(run(&standby, "stranger", &["--checks", "PG16"]).seen("PG16").severity, Severity::Unknown);
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
fn an_archive_that_does_nothing_or_hangs_is_named() {
    let pg = primary(&["archive_mode=on"]);
    pg.psql("shop", "insert into orders values (1, 'open'); select pg_switch_wal()");
    let found = run(&pg, "oncall", &[]);
    assert_eq!(found.found.summary.check, "PG12", "{:#?}", found.found);
    assert!(found.found.summary.says.contains("archive_command is empty"), "{}", found.found.summary.says);
    pg.psql("postgres", "alter system set archive_command = 'until [ -e let-go ]; do sleep 0.1; done'");
    pg.psql("postgres", "select pg_reload_conf()");
    wait_until("it is at work", || {
        pg.psql(
            "postgres",
            "select count(*) from pg_ls_archive_statusdir() where name like '%.ready' and modification < now() - interval '2 s'",
        )
        .trim()
            != "0"
    });
    let home = tempfile::tempdir().expect("a directory");
    let text = format!(
        "[targets.shop]\nurl = \"postgres://oncall@127.0.0.1:{}/shop?sslmode=disable\"\n\n[targets.shop.assess]\nPG12.oldest = [1, 900]\n",
        pg.port
    );
    std::fs::write(home.path().join("holdpoint.toml"), text).expect("written");
    let hangs = support::assess::assess_in(home.path(), "shop", &["--checks", "PG12"]);
    // The server waits for it to end when it is stopped.
    std::fs::write(pg.socket.join("data/let-go"), "").expect("written");
    assert!(hangs.seen("PG12").findings[0].message.starts_with("archiving stands still: 1 file"), "{:#?}", hangs.seen("PG12"));
}

#[test]
fn limits_of_roles_and_databases_and_roles_that_cannot_write_are_named() {
    let pg = primary(&[]);
    pg.psql("postgres", "create role app login connection limit 1");
    pg.psql("shop", "grant insert on orders to app; create sequence s8; create table s8t (id int primary key default nextval('s8')); select setval('s8', 2100000000)");
    let full = run(&pg, "postgres", &["--checks", "PG28"]);
    assert_eq!(full.seen("PG28").findings.first().map(|f| f.object.as_str()), Some("public.s8"), "{:#?}", full.found);
    pg.psql("shop", "drop table s8t; drop sequence s8");
    let mut c = pg.client_as("app", "shop");
    let _one = support::held::Held::of(
        {
            c.env("PGAPPNAME", "one");
            c
        },
        "select 1;",
    );
    wait_until("it is there", || pg.psql("shop", "select count(*) from pg_stat_activity where usename = 'app'").trim() == "1");
    for user in ["postgres", "oncall", "stranger"] {
        let found = run(&pg, user, &["--checks", "PG03"]);
        let told = &found.seen("PG03").findings[0];
        assert_eq!((told.object.as_str(), told.severity), ("role app", Severity::Warning), "{told:#?}");
        assert!(told.next.contains("ALTER ROLE \"app\" CONNECTION LIMIT -1;"), "{told:#?}");
    }
    pg.psql(
        "postgres",
        "alter role app connection limit -1; alter role app set default_transaction_read_only = on; \
        alter role stranger set default_transaction_read_only = on",
    );
    let found = run(&pg, "oncall", &["--checks", "PG29"]);
    let roles = found.seen("PG29").findings.iter().map(|f| f.object.as_str()).filter(|o| o.starts_with("role "));
    let told: Vec<&str> = roles.collect();
    assert_eq!(told, ["role app"], "one that may not write is set so on purpose: {:#?}", found.found);
    // Who may not log in for the database's own limit sees the server from another one.
    pg.psql("postgres", "alter database shop connection limit 1");
    let found = run(&pg, "oncall", &[]);
    assert_eq!(found.found.summary.check, "connect", "{:#?}", found.found);
    assert!(found.found.summary.says.contains("by its own limit: logged into database postgres"), "{}", found.found.summary.says);
    assert!(found.found.summary.next.contains("ALTER DATABASE \"shop\" CONNECTION LIMIT -1;"), "{}", found.found.summary.next);
    assert_eq!(found.seen("PG28").severity, Severity::Unknown, "{:#?}", found.seen("PG28"));
    // What is to be restarted for is named.
    pg.psql("postgres", "alter system set wal_buffers = '8MB'");
    pg.psql("postgres", "select pg_reload_conf()");
    wait_until("it is told", || pg.psql("postgres", "select pending_restart from pg_settings where name = 'wal_buffers'").trim() == "t");
    let found = run(&pg, "oncall", &["--checks", "PG02"]);
    assert!(
        found.seen("PG02").says.contains("waits for a restart: ") && found.seen("PG02").says.contains("wal_buffers"),
        "{:#?}",
        found.seen("PG02")
    );
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
    run.within_its_budget();
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
