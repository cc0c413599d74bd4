//! The emergency assessment on a real server with real faults: each is named first, nothing waits, and what a role may not see is
//! `unknown`.

mod support;

use holdpoint::model::Severity;
use holdpoint::model::assessment::{Assessment, Seen};
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::pg::PgServer;
use support::wait_until;

/// A client that keeps its session open until it is dropped.
struct Held(Child);

impl Held {
    fn new(pg: &PgServer, user: &str, database: &str, sql: &str) -> Held {
        let mut c = pg.client("psql");
        c.args(["-X", "-q", "-U", user, "-d", database, "-p", &pg.port.to_string(), "-h"]).arg(&pg.socket);
        let mut child = c.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("psql starts");
        writeln!(child.stdin.as_mut().expect("stdin"), "{sql}").expect("psql reads");
        Held(child)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that is safe against crashes, as the checks want it, with three roles: all rights, a monitor's, none.
fn server(settings: &[&str]) -> PgServer {
    let all: Vec<&str> = ["fsync=on", "max_prepared_transactions=5"].into_iter().chain(settings.iter().copied()).collect();
    let pg = PgServer::start(&all);
    pg.create_database("shop");
    pg.psql("postgres", "create role oncall login; grant pg_monitor to oncall; create role stranger login");
    pg.psql(
        "shop",
        "create table orders (id int primary key, state text); insert into orders select i, 'open' from generate_series(1, 100) i",
    );
    pg.psql("shop", "grant select on orders to public");
    pg
}

struct Run {
    code: Option<i32>,
    found: Assessment,
    took: Duration,
}

impl Run {
    fn seen(&self, check: &str) -> &Seen {
        self.found.checks.iter().find(|c| c.check == check).unwrap_or_else(|| panic!("no check {check}: {:#?}", self.found))
    }
}

fn assess(pg: &PgServer, user: &str, database: &str, more: &[&str]) -> Run {
    let home = tempfile::tempdir().expect("a directory");
    let url = format!("postgres://{user}@127.0.0.1:{}/{database}?sslmode=disable", pg.port);
    let began = Instant::now();
    let mut c: Command = support::command(home.path());
    let out = c.args(["assess", &url, "--format", "json", "--timeframe", "1"]).args(more).output().expect("holdpoint runs");
    let took = began.elapsed();
    let found = serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)));
    Run { code: out.status.code(), found, took }
}

fn waiting(pg: &PgServer) -> usize {
    pg.psql("shop", "select count(*) from pg_locks where not granted").trim().parse().expect("a number")
}

#[test]
fn a_pile_up_behind_ddl_is_named_first_for_every_role() {
    let pg = server(&[]);
    let holder = Held::new(&pg, "postgres", "shop", "begin; select count(*) from orders;");
    wait_until("the reader's lock is held", || {
        pg.psql("shop", "select count(*) from pg_locks where relation = 'orders'::regclass").trim() == "1"
    });
    let _ddl = Held::new(&pg, "postgres", "shop", "alter table orders add column note text;");
    wait_until("the ALTER waits", || waiting(&pg) == 1);
    let _behind: Vec<Held> = (0..6).map(|_| Held::new(&pg, "stranger", "shop", "select count(*) from orders;")).collect();
    wait_until("all wait behind it", || waiting(&pg) == 7);
    for user in ["postgres", "oncall"] {
        let run = assess(&pg, user, "shop", &[]);
        assert_eq!(run.found.summary.check, "PG06", "{:#?}", run.found);
        let says = &run.found.summary.says;
        assert!(says.starts_with("6 sessions wait behind alter table orders add column note text"), "{says}");
        assert!(says.contains("idle in transaction"), "{says}");
        assert!(run.found.summary.next.starts_with("Cancel the waiting statement of pid "), "{}", run.found.summary.next);
        assert_eq!(run.code, Some(1));
    }
    // Without any right it is still seen that they wait, and for whom; what cannot be seen is unknown and names the GRANT.
    let run = assess(&pg, "stranger", "shop", &[]);
    assert_eq!(run.found.summary.check, "PG06", "{:#?}", run.found);
    for check in ["PG04", "PG10", "PG13"] {
        let seen = run.seen(check);
        assert_eq!(seen.severity, Severity::Unknown, "{seen:#?}");
        assert_eq!(seen.findings[0].lifts.as_deref(), Some("GRANT pg_monitor TO \"stranger\";"));
    }
    drop(holder);
    wait_until("the pile is gone", || waiting(&pg) == 0);
    let run = assess(&pg, "oncall", "shop", &[]);
    assert_eq!(run.seen("PG06").severity, Severity::Ok, "{:#?}", run.found);
}

#[test]
fn a_locked_catalogue_is_named_from_another_database() {
    let pg = server(&[]);
    let _lock = Held::new(&pg, "postgres", "shop", "begin; lock table pg_class in access exclusive mode;");
    wait_until("the catalogue is locked", || {
        pg.psql("postgres", "select count(*) from pg_locks where relation = 1259 and mode = 'AccessExclusiveLock' and granted").trim()
            == "1"
    });
    let run = assess(&pg, "oncall", "shop", &[]);
    assert_eq!(run.found.summary.check, "connect", "{:#?}", run.found);
    assert!(
        run.found.summary.says.contains("the catalogue of shop is locked")
            || run.found.summary.says.contains("The catalogue of shop is locked")
    );
    assert!(run.found.checks.len() > 10, "the rest is read all the same");
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
}

#[test]
fn locks_on_every_table_make_no_check_wait() {
    let pg = server(&[]);
    let _lock = Held::new(&pg, "postgres", "shop", "begin; lock table orders in access exclusive mode;");
    wait_until("the table is locked", || {
        pg.psql("postgres", "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted and locktype = 'relation'").trim()
            == "1"
    });
    let run = assess(&pg, "postgres", "shop", &[]);
    for seen in &run.found.checks {
        assert!(!seen.says.contains("lock timeout") && !seen.says.contains("timed out"), "{seen:#?}");
    }
    assert_eq!(waiting(&pg), 0);
}

#[test]
fn a_full_server_says_so_with_and_without_a_connection_left() {
    let pg = server(&["max_connections=8", "superuser_reserved_connections=3"]);
    let mut clients: Vec<Held> = Vec::new();
    let connected =
        || pg.psql("shop", "select count(*) from pg_stat_activity where usename = 'stranger'").trim().parse::<usize>().expect("a number");
    // Our own look takes a connection for a moment: who came meanwhile was refused, and comes again.
    wait_until("all are connected", || {
        clients.retain_mut(|c| c.0.try_wait().expect("psql").is_none());
        if clients.len() < 5 {
            clients.push(Held::new(&pg, "stranger", "shop", "select 1;"));
        }
        connected() == 5
    });
    let run = assess(&pg, "oncall", "shop", &[]);
    assert_eq!((run.code, run.found.summary.check.as_str()), (Some(3), "connect"), "{:#?}", run.found);
    assert!(run.found.summary.says.contains("ll connections are taken"), "{}", run.found.summary.says);
    let run = assess(&pg, "postgres", "shop", &[]);
    assert_eq!(run.found.summary.check, "PG03", "{:#?}", run.found);
    assert!(run.found.summary.says.contains("stranger"), "{}", run.found.summary.says);
    drop(clients);
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
    let run = assess(&pg, "oncall", "shop", &[]);
    assert_eq!(run.found.summary.check, "PG29", "{:#?}", run.found);
    assert!(run.found.summary.says.starts_with("Fsync is off"), "{}", run.found.summary.says);
    assert_eq!(run.seen("PG11").findings[0].object, "gone");
    assert_eq!(run.seen("PG27").findings[0].object, "public.orders_state");
    // Only what is asked for, by name or id.
    let run = assess(&pg, "oncall", "shop", &["--checks", "PG27,replication slots"]);
    let names: Vec<&str> = run.found.checks.iter().map(|c| c.check.as_str()).collect();
    assert_eq!(names, ["connect", "PG11", "PG27"]);
    assert_eq!(assess(&pg, "oncall", "shop", &["--checks", "PG29", "--nagios"]).code, Some(2));
}

#[test]
fn nobody_there_is_told_with_what_it_means() {
    let pg = server(&[]);
    let port = support::server::free_port();
    let home = tempfile::tempdir().expect("a directory");
    let out = support::command(home.path())
        .args(["assess", &format!("postgres://postgres@127.0.0.1:{port}/shop?sslmode=disable")])
        .output()
        .expect("holdpoint runs");
    let said = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(3));
    assert!(said.contains("CRITICAL") && said.contains("not running"), "{said}");
    // A server whose login is refused is not ill.
    let run = assess(&pg, "nobody_at_all", "shop", &[]);
    assert_eq!(run.found.summary.severity, Some(Severity::Unknown), "{:#?}", run.found);
}
