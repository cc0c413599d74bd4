//! The figures of an assessment beside those of others who look at the same server at the same time: `check_postgres`, `mariadb-admin`, the native
//! clients with the queries of the servers' own manuals, and the operating system. A figure that grows while it is read lies between two looks.

mod support;

use std::path::Path;
use std::process::Command;
use support::assess::{Run, assess, assess_with};
use support::held::Held;
use support::maria::MariaServer;
use support::pg::PgServer;
use support::server;
use support::shop::{self, assess_maria, in_state, locks_wanted};
use support::wait_until;

/// What somebody else says before and after the assessment: its figure lies between, or as far beside as is allowed.
struct Told<'a> {
    check: &'a str,
    figure: &'a str,
    off: f64,
    asked: Box<dyn Fn() -> f64 + 'a>,
}

fn told<'a>(check: &'a str, figure: &'a str, off: f64, asked: impl Fn() -> f64 + 'a) -> Told<'a> {
    Told { check, figure, off, asked: Box::new(asked) }
}

/// Looked at until all agree: a session of one who looks may still be counted when the next one looks. Figures that are wrong never agree.
fn agree(all: &[Told<'_>], run: impl Fn() -> Run) {
    let look = || all.iter().map(|t| (t.asked)()).collect::<Vec<f64>>();
    wait_until("the figures agree", || {
        let before = look();
        let run = run();
        let after = look();
        let mut agreed = true;
        for ((t, a), b) in all.iter().zip(before).zip(after) {
            let ours =
                *run.seen(t.check).figures.get(t.figure).unwrap_or_else(|| panic!("{}.{}: {:#?}", t.check, t.figure, run.seen(t.check)));
            let same = a.min(b) - t.off <= ours && ours <= a.max(b) + t.off;
            println!("{}.{}: ours {ours}, theirs {a} and then {b}{}", t.check, t.figure, if same { "" } else { ": NOT THE SAME" });
            agreed &= same;
        }
        agreed
    });
}

fn out(program: &str, args: &[&str]) -> String {
    let mut c = Command::new(server::find(program, &["/usr/bin".into()]).unwrap_or_else(|| panic!("no {program}: {}", server::INSTALL)));
    server::run(
        {
            c.args(args).env("LC_ALL", "C.UTF-8");
            c
        },
        program,
    )
}

/// Seconds since a process began, by `ps`.
fn runs_for(pid: &str) -> f64 {
    out("ps", &["-o", "etimes=", "-p", pid.trim()]).trim().parse().expect("seconds")
}

/// How full the file system of a place is, by `df`, which rounds up.
fn df(place: &Path) -> f64 {
    let shown = out("df", &["--output=pcent", &place.display().to_string()]);
    shown.lines().last().expect("a line").trim().trim_end_matches('%').parse().expect("percent")
}

/// Lengths of the files of a directory that are meant, by the operating system.
fn bytes_of(dir: &Path, meant: impl Fn(&str) -> bool) -> f64 {
    let files = std::fs::read_dir(dir).expect("a directory").map(|f| f.expect("an entry"));
    files.filter(|f| meant(&f.file_name().to_string_lossy())).map(|f| f.metadata().map_or(0, |m| m.len()) as f64).sum()
}

/// The figures that `check_postgres` gives to a monitor, by their labels.
fn check_postgres(pg: &PgServer, action: &str, more: &[&str]) -> Vec<(String, f64)> {
    let mut c = Command::new(server::find("check_postgres", &["/usr/bin".into()]).unwrap_or_else(|| panic!("{}", server::INSTALL)));
    c.args(["-H", "127.0.0.1", "-p", &pg.port.to_string(), "-u", "postgres", "--db", "shop", "--action", action]).args(more);
    // Its exit code is its verdict.
    let said = c.env("LC_ALL", "C.UTF-8").output().expect("check_postgres runs").stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    let (_, figures) = said.split_once('|').unwrap_or_else(|| panic!("{action}: {said}"));
    figures
        .split_whitespace()
        .filter_map(|f| {
            let (label, rest) = f.split_once('=')?;
            let number: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            Some((label.to_string(), number.parse().ok()?))
        })
        .filter(|(label, _)| label != "time")
        .collect()
}

#[test]
fn figures_of_postgresql_are_those_of_check_postgres_psql_and_the_system() {
    let settings = ["autovacuum=off", "archive_mode=on", "archive_command=false", "wal_level=replica", "max_prepared_transactions=5"];
    let pg = shop::postgres(&settings);
    pg.psql("shop", "create table lines (id int, twice int); insert into lines select i, 1 from generate_series(1, 100) i");
    pg.psql("shop", "create sequence little as smallint; select setval('little', 30000)");
    pg.psql("shop", "begin; insert into orders values (2000); prepare transaction 'two'");
    pg.psql("shop", "select pg_create_physical_replication_slot('debezium', true)");
    let twice = ["-c", "create unique index concurrently lines_twice on lines (twice)"];
    assert!(!pg.client_as("postgres", "shop").args(twice).output().expect("psql").status.success(), "an index that cannot be built");
    pg.psql("shop", "insert into lines select i, 2 from generate_series(1, 200000) i; select pg_switch_wal()");
    let idle: Vec<Held> = (0..3).map(|_| Held::pg(&pg, "postgres", "shop", "begin; lock table orders in row share mode;")).collect();
    let number = |text: &str| -> f64 { pg.psql("shop", text).trim().parse().unwrap_or_else(|_| panic!("{text}")) };
    wait_until("they are idle in transactions", || {
        number("select count(*) from pg_stat_activity where state = 'idle in transaction'") == idle.len() as f64
    });
    let _waits = Held::pg(&pg, "postgres", "shop", "begin; lock table orders;");
    wait_until("one waits", || locks_wanted(&pg) == 1);
    let _long = Held::pg(&pg, "postgres", "shop", "select pg_sleep(600);");
    wait_until("a long statement runs", || number("select count(*) from pg_stat_activity where wait_event = 'PgSleep'") == 1.0);
    wait_until("archiving fails", || number("select failed_count from pg_stat_archiver") > 0.0);
    let one = |action: &'static str, label: &'static str, more: &'static [&'static str]| {
        let pg = &pg;
        move || check_postgres(pg, action, more).iter().find(|f| f.0 == label).unwrap_or_else(|| panic!("{action}: no {label}")).1
    };
    let data = pg.socket.join("data");
    let main = std::fs::read_to_string(data.join("postmaster.pid")).expect("its file").lines().next().expect("a pid").to_string();
    let all = [
        told("PG02", "up", 2.0, || runs_for(&main)),
        // The session that counts stands for the other's own.
        told("PG03", "connections", 0.0, || check_postgres(&pg, "backends", &[]).iter().map(|f| f.1).sum()),
        told("PG03", "most", 0.0, || {
            number("select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int")
        }),
        told("PG04", "sessions", 0.0, || number("select count(*) from pg_stat_activity where state = 'idle in transaction'")),
        told("PG04", "idle", 2.0, one("txn_idle", "transaction_time", &["--warning=1", "--critical=9000"])),
        told("PG05", "age", 2.0, || {
            number(
                "select max(extract(epoch from clock_timestamp() - query_start)) from pg_stat_activity where wait_event = 'PgSleep' or wait_event_type = 'Lock'",
            )
        }),
        told("PG06", "waiting", 0.0, || number("select count(*) from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0")),
        told("PG06", "wait", 2.0, || {
            number("select extract(epoch from clock_timestamp() - min(waitstart)) from pg_locks where not granted")
        }),
        told("PG09", "age", 0.0, one("txn_wraparound", "shop", &[])),
        // The other rounds to its units; what the server notes of itself every 15 s may come in between.
        told("PG11", "kept", 100_000.0, one("replication_slots", "debezium", &["--warning=1MB", "--critical=900GB"])),
        told("PG12", "ready", 0.0, || {
            std::fs::read_dir(data.join("pg_wal/archive_status"))
                .expect("a directory")
                .filter(|f| f.as_ref().is_ok_and(|f| f.path().extension().is_some_and(|e| e == "ready")))
                .count() as f64
        }),
        told("PG13", "bytes", 0.0, || bytes_of(&data.join("pg_wal"), |n| n.len() == 24)),
        told("PG14", "used", 1.0, || df(&data)),
        told("PG25", "transactions", 0.0, || number("select count(*) from pg_prepared_xacts")),
        told("PG25", "age", 2.0, one("prepared_txns", "shop", &["--warning=1s", "--critical=9000s"])),
        told("PG27", "indexes", 0.0, || number("select count(*) from pg_index where not indisvalid")),
        told("PG28", "used", 0.01, || number("select max(100.0 * last_value / max_value) from pg_sequences")),
    ];
    let url = shop::postgres_url(&pg, "postgres", "shop");
    agree(&all, || with_the_real_disk(&url));
}

/// The disk of this machine, which other tests leave out.
fn with_the_real_disk(url: &str) -> Run {
    let home = tempfile::tempdir().expect("a directory");
    let mut c = support::command(home.path());
    c.env_remove("HOLDPOINT_TEST_DISK");
    assess_with(c, url, &[])
}

#[test]
fn what_a_standby_is_behind_is_what_psql_tells() {
    let pg = shop::postgres(&[]);
    let standby = pg.standby_with(&["fsync=on", "wal_receiver_status_interval=1"]);
    wait_until("it replays", || standby.psql("postgres", "select count(*) from pg_database where datname = 'shop'").trim() == "1");
    standby.psql("shop", "select pg_wal_replay_pause()");
    wait_until("it is paused", || standby.psql("shop", "select pg_is_wal_replay_paused()").trim() == "t");
    pg.psql("shop", "insert into orders select i, repeat('x', 500) from generate_series(1001, 4000) i");
    let on = |server: &PgServer, text: &str| -> f64 { server.psql("shop", text).trim().parse().unwrap_or_else(|_| panic!("{text}")) };
    let replayed = "select coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), -1) from pg_stat_replication";
    let settled = || {
        let (sent, now) = (on(&pg, replayed), on(&standby, "select pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"));
        sent == now && now > 1_000_000.0
    };
    wait_until("both know of it", settled);
    let slack = 1_000.0;
    agree(&[told("PG15", "behind", slack, || on(&pg, replayed))], || assess(&shop::postgres_url(&pg, "postgres", "shop"), &[]));
    let own = "select pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())";
    agree(&[told("PG16", "behind", slack, || on(&standby, own))], || assess(&shop::postgres_url(&standby, "postgres", "shop"), &[]));
}

#[test]
fn figures_of_mariadb_are_those_of_its_own_tools_and_the_system() {
    let my = shop::maria(&["--log-bin=bin", "--server-id=1"]);
    let number = |text: &str| -> f64 { my.sql("", text).trim().parse().unwrap_or_else(|_| panic!("{text}: {}", my.sql("", text))) };
    let done = |name: &str, sql: &str| {
        let held = Held::maria(&my, "app", &format!("{sql} select get_lock('{name}', 0);"));
        wait_until("it has done its part", || my.sql("", &format!("select is_used_lock('{name}') is not null")).trim() == "1");
        held
    };
    let _open = [done("a", "begin; select count(*) from orders;"), done("b", "begin; select count(*) from orders;")];
    let _row = done("c", "begin; update orders set state = 'x' where id = 5;");
    let _second = Held::maria(&my, "app", "update orders set state = 'y' where id = 5;");
    let row_waits = "select variable_value from information_schema.global_status where variable_name = 'Innodb_row_lock_current_waits'";
    wait_until("one waits for the row", || number(row_waits) == 1.0);
    let _ddl = Held::maria(&my, "root", "alter table orders add column note text;");
    wait_until("the ALTER waits", || in_state(&my, "Waiting for table metadata lock") == 1);
    let _long = Held::maria(&my, "app", "do sleep(600);");
    wait_until("a long statement runs", || in_state(&my, "User sleep") == 1);
    // Its own session is counted, as ours is.
    let status = |name: &str| -> f64 {
        let mut c = Command::new(MariaServer::program("mariadb-admin"));
        c.args(["--no-defaults", "-u", "root", "extended-status"]).arg(format!("--socket={}", my.socket.display()));
        let said = server::run(c, "mariadb-admin");
        let line = said.lines().find(|l| l.split('|').nth(1).is_some_and(|n| n.trim() == name)).unwrap_or_else(|| panic!("no {name}"));
        line.split('|').nth(2).and_then(|v| v.trim().parse().ok()).expect("a number")
    };
    let main = std::fs::read_to_string(my.directory().join("pid")).expect("its file");
    let data = my.directory().join("data");
    let all = [
        told("MY02", "up", 2.0, || status("Uptime")),
        told("MY02", "up", 3.0, || runs_for(&main)),
        told("MY03", "connections", 0.0, || status("Threads_connected")),
        told("MY03", "most", 0.0, || number("select @@max_connections")),
        told("MY04", "running", 1.0, || status("Threads_running")),
        told("MY05", "transactions", 0.0, || number("select count(*) from information_schema.innodb_trx")),
        told("MY05", "age", 2.0, || number("select max(timestampdiff(second, trx_started, now())) from information_schema.innodb_trx")),
        told("MY06", "waiting", 0.0, || status("Innodb_row_lock_current_waits")),
        // Who waits for a row stands between the ALTER and the root, and is counted with it.
        told("MY07", "waiting", 0.0, || in_state(&my, "Waiting for table metadata lock") as f64 + number(row_waits)),
        told("MY08", "age", 2.0, || number("select max(time_ms) / 1000 from information_schema.processlist where command = 'Query'")),
        told("MY09", "length", 2.0, || {
            let said = my.sql("", "show engine innodb status");
            let (_, rest) = said.split_once("History list length ").expect("its length");
            rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a number")
        }),
        told("MY16", "bytes", 0.0, || bytes_of(&data, |n| n.starts_with("bin.0"))),
    ];
    agree(&all, || assess_maria(&my, "root", &[]));
    let url = format!("mysql://root@127.0.0.1:{}/shop", my.port);
    agree(&[told("MY26", "used", 1.0, || df(&data))], || with_the_real_disk(&url));
}

/// The program where the clock of this machine is hours away from the server's.
fn with_another_clock(url: &str, clock: &str) -> Run {
    let home = tempfile::tempdir().expect("a directory");
    let own = support::command(home.path());
    let mut c = Command::new(server::find("faketime", &["/usr/bin".into()]).unwrap_or_else(|| panic!("{}", server::INSTALL)));
    c.current_dir(home.path()).env_clear().envs(own.get_envs().filter_map(|(k, v)| Some((k, v?))));
    // Time goes on as it does; what o'clock it is differs.
    c.args(["--exclude-monotonic", "-f", clock]).arg(own.get_program());
    assess_with(c, url, &[])
}

#[test]
fn ages_are_the_servers_own_whatever_the_clock_of_this_machine_says() {
    let pg = shop::postgres(&[]);
    let _idle = Held::pg(&pg, "postgres", "shop", "begin; lock table orders in row share mode;");
    let _waits = Held::pg(&pg, "postgres", "shop", "begin; lock table orders;");
    wait_until("one waits", || locks_wanted(&pg) == 1);
    let my = shop::maria(&[]);
    let _open = Held::maria_done(&my, "app", "begin; select count(*) from orders;");
    let _ddl = Held::maria(&my, "root", "alter table orders add column note text;");
    wait_until("the ALTER waits", || in_state(&my, "Waiting for table metadata lock") == 1);
    let number = |text: &str| -> f64 { pg.psql("shop", text).trim().parse().unwrap_or_else(|_| panic!("{text}")) };
    let maria = |text: &str| -> f64 { my.sql("", text).trim().parse().unwrap_or_else(|_| panic!("{text}")) };
    let of_pg = [
        told("PG02", "up", 2.0, || number("select extract(epoch from clock_timestamp() - pg_postmaster_start_time())")),
        told("PG04", "idle", 2.0, || {
            number(
                "select max(extract(epoch from clock_timestamp() - state_change)) from pg_stat_activity where state = 'idle in transaction'",
            )
        }),
        told("PG06", "wait", 2.0, || {
            number("select extract(epoch from clock_timestamp() - min(waitstart)) from pg_locks where not granted")
        }),
    ];
    let of_maria = [
        told("MY02", "up", 2.0, || maria("select variable_value from information_schema.global_status where variable_name = 'Uptime'")),
        told("MY05", "age", 2.0, || maria("select max(timestampdiff(second, trx_started, now())) from information_schema.innodb_trx")),
        told("MY07", "wait", 2.0, || {
            maria("select max(time_ms) / 1000 from information_schema.processlist where state like 'Waiting for table metadata lock'")
        }),
    ];
    for clock in ["+9h", "-400d"] {
        let was = std::cell::Cell::new(0);
        let run = |url: &str| {
            let run = with_another_clock(url, clock);
            was.set(run.found.began.as_second() / 3600 - now() / 3600);
            run.nothing_waited();
            run.within_its_budget();
            run
        };
        agree(&of_pg, || run(&shop::postgres_url(&pg, "postgres", "shop")));
        agree(&of_maria, || run(&format!("mysql://root@127.0.0.1:{}/shop", my.port)));
        assert!(if clock.starts_with('+') { was.get() >= 8 } else { was.get() < -9000 }, "the clock did not differ: {} h", was.get());
    }
}

fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs() as i64
}
