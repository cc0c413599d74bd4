//! PgBouncer between us and the server: its pools are told by itself, and a login that it does not answer is not laid at the server's door.

mod support;

use holdpoint::model::Severity;
use support::assess::assess;
use support::bouncer::PgBouncer;
use support::held::Held;
use support::shop;
use support::wait_until;

/// A column of SHOW POOLS for the pool of a role.
fn pool(bouncer: &PgBouncer, user: &str, column: usize) -> u32 {
    let pools = bouncer.console("show pools");
    let row = pools.lines().find(|l| l.starts_with(&format!("shop|{user}|")));
    row.and_then(|l| l.split('|').nth(column)?.parse().ok()).unwrap_or(0)
}

const ACTIVE: usize = 2;
const WAITING: usize = 3;

#[test]
fn a_pool_that_is_used_up_is_the_cause_and_not_the_server() {
    let pg = shop::postgres(&[]);
    let bouncer = PgBouncer::start(&pg, 2, "");
    // The pool is the role's own: this one's has room, and everything else is read through it.
    let run = assess(&bouncer.url("oncall"), &["--checks", "PG34,PG03"]);
    assert_eq!((run.code, run.seen("PG34").severity), (Some(0), Severity::Ok), "{:#?}", run.found);
    assert!(run.seen("PG34").says.starts_with("PgBouncer: "), "{:#?}", run.seen("PG34"));
    let open = || Held::of(bouncer.client("oncall", "shop"), "begin; select 1;");
    let (first, second) = (open(), open());
    wait_until("both connections are in use", || pool(&bouncer, "oncall", ACTIVE) == 2);
    let third = Held::of(bouncer.client("oncall", "shop"), "select 1;");
    wait_until("somebody waits", || pool(&bouncer, "oncall", WAITING) == 1);
    let run = assess(&bouncer.url("oncall"), &[]);
    let summary = &run.found.summary;
    assert_eq!((run.code, summary.check.as_str()), (Some(3), "connect"), "{:#?}", run.found);
    assert!(summary.says.contains("for a connection of the pool shop/oncall"), "{}", summary.says);
    assert!(summary.says.contains("all 2 connections to the server are in use (transaction pooling)"), "{}", summary.says);
    assert!(summary.next.contains("PG04") && !summary.next.contains("pg_authid"), "{}", summary.next);
    assert!(run.seen("PG34").severity >= Severity::Warning, "{:#?}", run.seen("PG34"));
    assert!(run.found.checks.iter().all(|c| c.name != "process"), "no process of PostgreSQL is looked for on a pooler's port");
    // Another role has a pool of its own: through it the same is seen, or that its rights do not show it.
    let run = assess(&bouncer.url("postgres"), &["--checks", "PG34"]);
    assert_eq!(run.found.summary.check, "PG34", "{:#?}", run.found);
    assert!(run.found.summary.says.contains("shop/oncall"), "{}", run.found.summary.says);
    let run = assess(&bouncer.url("stranger"), &["--checks", "PG34"]);
    assert_eq!((run.code, run.seen("PG34").severity), (Some(5), Severity::Unknown), "{:#?}", run.found);
    assert!(run.seen("PG34").findings[0].lifts.as_deref().is_some_and(|l| l.starts_with("stats_users = stranger")), "{:#?}", run.found);
    drop((first, second, third));
}

#[test]
fn a_paused_pool_and_a_full_pooler_are_told_and_a_server_that_is_gone_behind_it() {
    let pg = shop::postgres(&[]);
    let bouncer = PgBouncer::start(&pg, 5, "max_client_conn = 4\nserver_login_retry = 1\nserver_connect_timeout = 2");
    bouncer.console("pause shop");
    let waits = Held::of(bouncer.client("oncall", "shop"), "select 1;");
    let run = assess(&bouncer.url("oncall"), &[]);
    assert_eq!(run.found.summary.check, "connect", "{:#?}", run.found);
    assert!(run.found.summary.says.contains("is paused in PgBouncer"), "{:#?}", run.found);
    assert!(run.found.summary.next.contains("RESUME \"shop\";"), "{}", run.found.summary.next);
    bouncer.console("resume shop");
    drop(waits);
    let mut clients: Vec<Held> = Vec::new();
    wait_until("it has as many clients as it may have", || {
        Held::fill(&mut clients, 4, || Held::of(bouncer.client("oncall", "shop"), "select 1;"));
        // The console's is the fifth.
        bouncer.console("show lists").contains("used_clients|5")
    });
    let run = assess(&bouncer.url("oncall"), &[]);
    assert_eq!(run.found.summary.severity, Some(Severity::Critical), "{:#?}", run.found);
    assert!(run.found.summary.says.contains("max_client_conn"), "{}", run.found.summary.says);
    assert!(run.seen("PG34").figures["clients"] >= 100.0, "{:#?}", run.seen("PG34"));
    drop(clients);
    wait_until("they have gone", || bouncer.console("show lists").contains("used_clients|1"));
    drop(pg);
    let run = assess(&bouncer.url("oncall"), &[]);
    assert_eq!((run.code, run.found.summary.severity), (Some(3), Some(Severity::Critical)), "{:#?}", run.found);
    assert!(run.found.summary.next.contains("by its own host and port"), "{:#?}", run.found);
}
