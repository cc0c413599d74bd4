//! A disk that fills, and one that is full: a small file system of the test's own, in a mount namespace that ends with it.

mod support;

use holdpoint::model::Severity;
use std::path::Path;
use std::process::Command;
use support::assess::assess;
use support::held::Held;
use support::pg::PgServer;
use support::recover::Home;
use support::shop::{assess_maria, maria};
use support::wait_until;

/// Names the small disk's directory to the process that sees it.
const DISK: &str = "HOLDPOINT_TEST_SMALL_DISK";

/// Runs this very test again where a file system of that size is mounted, as nobody else sees it.
fn on_a_small_disk(test: &str, megabytes: u32, body: impl FnOnce(&Path)) {
    if let Some(dir) = std::env::var_os(DISK) {
        return body(Path::new(&dir));
    }
    let dir = tempfile::tempdir_in("/tmp").expect("a directory");
    let mount = format!("mount -t tmpfs -o size={megabytes}m,mode=0777 none \"$1\" && shift && exec \"$@\"");
    let mut c = Command::new("unshare");
    c.args(["-m", "sh", "-c", &mount, "sh"]).arg(dir.path()).arg(std::env::current_exe().expect("this program"));
    c.args(["--exact", test, "--ignored", "--nocapture"]).env(DISK, dir.path());
    assert!(c.status().expect("unshare runs").success(), "{test} failed on the small disk");
}

#[test]
#[ignore = "mounts a file system: as root, cargo test --test assess_disk -- --ignored"]
fn a_disk_of_wal_that_fills_is_the_cause_with_all_that_keep_it_and_then_why_nobody_answers() {
    on_a_small_disk("a_disk_of_wal_that_fills_is_the_cause_with_all_that_keep_it_and_then_why_nobody_answers", 320, |disk| {
        let settings = ["fsync=on", "max_wal_size=64MB", "archive_mode=on", "archive_command=false", "full_page_writes=off"];
        let pg = PgServer::start_with("pg_wal", disk, &settings);
        pg.create_database("shop");
        pg.psql(
            "shop",
            "create table filler (t text); select pg_create_physical_replication_slot('debezium', true); select pg_switch_wal()",
        );
        wait_until("archiving failed", || pg.psql("shop", "select failed_count > 0 from pg_stat_archiver").trim() == "t");
        let url = format!("postgres://postgres@127.0.0.1:{}/shop?sslmode=disable", pg.port);
        let some = "insert into filler select string_agg(md5(random()::text), '') from generate_series(1, 60000) \\watch 0.2";
        let filling = Held::pg(&pg, "postgres", "shop", some);
        let found = assess(&url, &["--timeframe", "5"]);
        let s = &found.found.summary;
        assert_eq!((s.check.as_str(), s.sev), ("PG35", Some(1)), "{:#?}", found.found);
        assert!(s.says.starts_with("The disk of WAL is full in ≈ "), "{}", s.says);
        assert!(
            s.says.contains("slot debezium is inactive and holds ") && s.says.contains(" wait for the archiver, which fails"),
            "{}",
            s.says
        );
        assert!(s.next.starts_with("Both keep the same WAL") && s.recover.is_none(), "{s:#?}");
        // Dropping the slot would lose its consumer, and give no room.
        let home = Home::of(&pg, "solo");
        let shown = home.run(0, &["drop-slot", "debezium", "--dry-run"]);
        assert!(shown.contains("because archiving fails") && shown.contains("It gives little room"), "{shown}");
        wait_until("the disk is full, and the server down", || {
            let up = pg.client("pg_isready").arg("-q").arg("-h").arg(&pg.socket).args(["-p", &pg.port.to_string()]).status();
            pg.log().contains("No space left on device") && !up.expect("pg_isready").success()
        });
        drop(filling);
        let main = std::fs::read_to_string(pg.socket.join("data/postmaster.pid")).unwrap_or_default();
        let found = assess(&url, &[]);
        // Without room for its recovery it may not heed a request to end in order.
        if let Some(pid) = main.lines().next() {
            let _ = Command::new("kill").args(["-QUIT", pid]).status();
        }
        let s = &found.found.summary;
        assert_eq!((s.check.as_str(), s.sev), ("connect", Some(1)), "{:#?}", found.found);
        assert!(s.says.starts_with("Its disk is full: the file system of WAL ("), "{}", s.says);
        assert!(s.next.starts_with("Make room first, else it stops again"), "{}", s.next);
    });
}

#[test]
#[ignore = "mounts a file system: as root, cargo test --test assess_disk -- --ignored"]
fn a_statement_that_found_the_disk_full_is_told_when_there_is_room_again() {
    on_a_small_disk("a_statement_that_found_the_disk_full_is_told_when_there_is_room_again", 300, |disk| {
        let pg = PgServer::start_with("", disk, &["fsync=on", "work_mem=64kB", "max_wal_size=32MB", "min_wal_size=32MB"]);
        pg.create_database("shop");
        let url = format!("postgres://postgres@127.0.0.1:{}/shop?sslmode=disable", pg.port);
        let before = assess(&url, &[]).found;
        assert_ne!(before.summary.check, "PG32", "{before:#?}");
        let sorts = "select count(*) from (select repeat(md5(g::text), 30) t from generate_series(1, 600000) g order by 1 offset 1) x";
        let mut c = pg.client("psql");
        c.args(["-X", "-U", "postgres", "-p", &pg.port.to_string(), "-c", sorts, "-h"]).arg(&pg.socket).arg("shop");
        let told = c.output().expect("psql");
        assert!(String::from_utf8_lossy(&told.stderr).contains("No space left on device"), "{told:?}");
        let found = assess(&url, &[]).found;
        let s = &found.summary;
        assert!(s.check == "PG32" && s.says.contains("No space left on device"), "{found:#?}");
    });
}

#[test]
#[ignore = "mounts a file system: as root, cargo test --test assess_disk -- --ignored"]
fn an_index_build_with_room_to_end_fills_no_disk() {
    on_a_small_disk("an_index_build_with_room_to_end_fills_no_disk", 400, |disk| {
        let pg = PgServer::start_with("", disk, &["fsync=on", "max_wal_size=32MB", "min_wal_size=32MB"]);
        pg.create_database("shop");
        pg.psql(
            "shop",
            "create table big as select (select string_agg(md5((g * 100 + k)::text), '') from generate_series(1, 15) k) t \
             from generate_series(1, 100000) g; analyze big; checkpoint; \
             create function slow(text) returns text immutable language plpgsql as $$ begin \
             if hashtext($1) % 5 = 0 then perform pg_sleep(0.001); end if; return $1; end $$",
        );
        let build = "set maintenance_work_mem = '1MB'; create index slowly on big (slow(t));";
        let _build = Held::pg(&pg, "postgres", "shop", build);
        // It spills what it sorts: that grows by more than a megabyte in each second.
        wait_until("the build writes", || pg.psql("shop", "select coalesce(sum(size), 0) > 2000000 from pg_ls_tmpdir()").trim() == "t");
        let url = format!("postgres://postgres@127.0.0.1:{}/shop?sslmode=disable", pg.port);
        let found = assess(&url, &["--timeframe", "5"]).found;
        let seen = found.checks.iter().find(|c| c.check == "PG35").expect("the forecast");
        assert!(seen.figures["full"] < 900.0, "it grows fast enough for an alarm: {seen:#?}");
        assert!(seen.severity <= Severity::Info && found.summary.check != "PG35", "{found:#?}");
        assert!(seen.findings[0].message.contains("CREATE INDEX of big writes it"), "{seen:#?}");
        assert_eq!(pg.psql("shop", "select count(*) from pg_stat_progress_create_index").trim(), "1", "it had ended before");
    });
}

#[test]
#[ignore = "mounts a file system: as root, cargo test --test assess_disk -- --ignored"]
fn a_statement_whose_temporary_files_fill_the_disk_is_named() {
    on_a_small_disk("a_statement_whose_temporary_files_fill_the_disk_is_named", 240, |disk| {
        let pg = PgServer::start_with("", disk, &["fsync=on", "work_mem=64kB", "max_wal_size=32MB", "min_wal_size=32MB"]);
        pg.create_database("shop");
        pg.psql(
            "shop",
            "create function slow(int) returns text volatile language plpgsql as $$ begin \
             if $1 % 5 = 0 then perform pg_sleep(0.001); end if; return repeat(md5($1::text), 15); end $$",
        );
        let _sort = Held::pg(
            &pg,
            "postgres",
            "shop",
            "select count(*) from (select slow(g) x from generate_series(1, 400000) g order by 1 offset 1) y;",
        );
        wait_until("the sort writes", || pg.psql("shop", "select coalesce(sum(size), 0) > 2000000 from pg_ls_tmpdir()").trim() == "t");
        let url = format!("postgres://postgres@127.0.0.1:{}/shop?sslmode=disable", pg.port);
        let found = assess(&url, &["--timeframe", "5"]).found;
        let pid = pg.psql("shop", "select pid from pg_stat_activity where query like '%slow(g)%' and pid <> pg_backend_pid()");
        let s = &found.summary;
        assert!(s.check == "PG35" && s.says.contains(&format!("pid {} writes", pid.trim())) && s.says.contains("slow(g)"), "{found:#?}");
        assert_eq!(s.recover.as_ref().map(|a| a.object.as_str()), Some(pid.trim()), "{s:#?}");
    });
}

#[test]
#[ignore = "mounts a file system: as root, cargo test --test assess_disk -- --ignored"]
fn a_disk_of_binary_logs_that_fills_is_forecast_and_then_named_while_commits_hang() {
    on_a_small_disk("a_disk_of_binary_logs_that_fills_is_forecast_and_then_named_while_commits_hang", 150, |disk| {
        let log = format!("--log-bin={}/bin", disk.display());
        let my = maria(&[&log, "--server-id=1", "--binlog-format=row", "--max-binlog-size=16M"]);
        my.sql("shop", "create table filler (t longblob)");
        let row = "insert into filler values (repeat('x', 500000)); do sleep(0.1);\n";
        let filling = Held::maria_script(&my, "root", &row.repeat(600));
        wait_until("it writes", || my.sql("shop", "select count(*) > 3 from filler").trim() == "1");
        let found = assess_maria(&my, "root", &["--timeframe", "5"]).found;
        let s = &found.summary;
        assert_eq!((s.check.as_str(), s.sev), ("MY27", Some(1)), "{found:#?}");
        assert!(s.says.contains("is full in ≈ ") && s.says.contains("binary log"), "{}", s.says);
        wait_until("the disk is full, and a commit waits for room", || {
            let free = rustix::fs::statvfs(disk).expect("the disk").f_bfree;
            free == 0
                && my.sql("", "select count(*) from information_schema.processlist where command = 'Query' and time > 3").trim() == "1"
        });
        let run = assess_maria(&my, "root", &[]);
        // Whoever asks for the list of binary logs now waits with the commit, and cannot be killed.
        run.within_its_budget();
        assert_eq!(run.seen("MY16").severity, Severity::Unknown, "{:#?}", run.seen("MY16"));
        let s = &run.found.summary;
        assert!(s.check == "MY26" && s.sev == Some(1) && s.says.contains("binary log"), "{:#?}", run.found);
        // It would wait for room with its end, too.
        let main = std::fs::read_to_string(my.directory().join("pid")).expect("its process");
        assert!(Command::new("kill").args(["-KILL", main.trim()]).status().expect("kill").success());
        drop(filling);
    });
}

#[test]
#[ignore = "mounts a file system: as root, cargo test --test assess_disk -- --ignored"]
fn a_full_disk_of_a_tablespace_is_no_all_clear() {
    on_a_small_disk("a_full_disk_of_a_tablespace_is_no_all_clear", 60, |disk| {
        let pg = PgServer::start(&[]);
        pg.create_database("shop");
        let space = disk.join("space");
        std::fs::create_dir(&space).expect("a directory");
        let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(pg.socket.join("data")).expect("its data"));
        std::os::unix::fs::chown(&space, Some(owner), None).expect("the server's own");
        pg.psql("shop", &format!("create tablespace small location '{}'", space.display()));
        let _ = std::fs::write(disk.join("fill"), vec![0u8; 64 << 20]);
        assert!(std::fs::write(disk.join("more"), vec![0u8; 64 << 20]).is_err(), "it is full by then");
        let url = format!("postgres://postgres@127.0.0.1:{}/shop?sslmode=disable", pg.port);
        let found = assess(&url, &["--timeframe", "1"]);
        let seen = found.seen("PG14");
        assert!(seen.severity == Severity::Critical && seen.findings[0].message.contains("tablespace small"), "{seen:#?}");
    });
}
