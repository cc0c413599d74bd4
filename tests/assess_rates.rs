//! What the assessment counts while it looks, and what fills up: each is told from a real load.

mod support;

use holdpoint::model::Severity;
use holdpoint::model::assessment::Seen;
use std::sync::atomic::{AtomicBool, Ordering};
use support::assess::{assess, assess_in};
use support::held::Held;
use support::shop::{assess_maria, maria, plain, postgres_url};
use support::wait_until;

/// Looks again until what was made meanwhile is seen: how much of it falls between two samples is the machine's pace.
fn sees(what: &str, mut look: impl FnMut() -> Seen) -> Seen {
    let mut seen = None;
    wait_until(what, || {
        let now = look();
        let found = !now.findings.is_empty();
        seen = Some(now);
        found
    });
    seen.expect("it was looked at")
}

#[test]
fn sorts_that_do_not_fit_into_memory_are_counted_by_what_they_write() {
    let pg = plain(&[]);
    let sort = "select count(*) from (select g from generate_series(1, 1000000) g order by -g offset 0) s;\n";
    let _sorts: Vec<Held> =
        (0..2).map(|_| Held::pg_script(&pg, "postgres", "shop", &format!("set work_mem = '64kB';\n{}", sort.repeat(5_000)))).collect();
    let told = sees("temporary files are written", || {
        assess(&postgres_url(&pg, "postgres", "shop"), &["--checks", "PG18", "--timeframe", "4"]).seen("PG18").clone()
    });
    assert!(told.severity >= Severity::Warning && told.figures["written"] > 1e9, "{told:#?}");
    assert!(told.findings[0].message.ends_with(" of temporary files are written a minute"), "{told:#?}");
}

/// The queue holds 8 GB: what is told of it is told by a lower threshold.
#[test]
fn notifications_that_a_listener_has_not_read_fill_their_queue() {
    let pg = plain(&[]);
    let home = tempfile::tempdir().expect("a directory");
    let text = format!(
        "[targets.shop]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\ndatabase = \"shop\"\nsslmode = \"disable\"\n\n\
         [targets.shop.assess]\nPG33.used = [0.0001, 0.8]\n",
        pg.port
    );
    std::fs::write(home.path().join("holdpoint.toml"), text).expect("written");
    let look = || assess_in(home.path(), "shop", &["--checks", "PG33"]).seen("PG33").clone();
    let notify = "select count(pg_notify('c', repeat('x', 7000) || g)) from generate_series(1, 1000) g";
    pg.psql("shop", notify);
    assert_eq!(look().severity, Severity::Ok, "nobody listens, and nothing is kept: {:#?}", look());
    let _listens = Held::named(&pg, "shop", "listens", "listen c; begin; select 1;");
    wait_until("it listens", || {
        pg.psql("shop", "select count(*) from pg_stat_activity where application_name = 'listens' and state = 'idle in transaction'").trim()
            == "1"
    });
    pg.psql("shop", notify);
    let told = look();
    assert_eq!(told.severity, Severity::Warning, "{told:#?}");
    assert!(told.findings[0].next.contains("keeps a transaction open"), "{told:#?}");
}

#[test]
fn a_redo_log_that_fills_faster_than_pages_are_flushed_is_told() {
    let my = maria(&["--innodb-log-file-size=4M", "--innodb-adaptive-flushing=0", "--innodb-max-dirty-pages-pct=99"]);
    my.sql("shop", "create table bulk (id int primary key, b longtext) engine=innodb");
    let load = "replace into bulk select seq, repeat(md5(rand()), 20) from seq_1_to_4000;\n".repeat(20_000);
    let _load = Held::maria_script(&my, "app", &load);
    let told = sees("the log is full", || assess_maria(&my, "oncall", &["--checks", "MY13"]).seen("MY13").clone());
    assert!(told.severity >= Severity::Warning && told.figures["used"] >= 75.0, "{told:#?}");
    assert!(told.findings[0].next.contains("innodb_log_file_size"), "{told:#?}");
}

#[test]
fn temporary_tables_on_disk_and_the_statement_that_takes_the_time_are_named() {
    let my = maria(&["--performance-schema=ON"]);
    my.sql("shop", "create table notes (t text); insert into notes select md5(seq) from seq_1_to_20000");
    assert_eq!(assess_maria(&my, "root", &["--checks", "MY14"]).seen("MY14").severity, Severity::Ok);
    let _load = Held::maria_script(&my, "app", &"select count(*) from (select distinct t from notes where t <> 'x') d;\n".repeat(20_000));
    let told = sees("tables go to disk", || assess_maria(&my, "root", &["--checks", "MY14", "--timeframe", "4"]).seen("MY14").clone());
    assert!(told.findings[0].message.contains(" of the temporary tables are made on disk, "), "{told:#?}");
    let told =
        sees("one statement takes the time", || assess_maria(&my, "root", &["--checks", "MY17", "--timeframe", "4"]).seen("MY17").clone());
    let says = &told.findings[0].message;
    assert!(says.starts_with("one statement takes ") && says.to_lowercase().contains("distinct"), "{told:#?}");
    assert!(!says.contains("'x'"), "no value of anybody's: {says}");
}

#[test]
fn open_files_near_their_limit_are_told() {
    let my = maria(&[]);
    let number = |text: &str| my.sql("", text).trim().parse::<f64>().expect("a number");
    my.sql("shop", "create table parts (id int) engine=myisam partition by hash (id) partitions 60; select count(*) from parts");
    let most = number("select @@open_files_limit");
    let open = number("select variable_value from information_schema.global_status where variable_name = 'Open_files'");
    assert!(open >= 60.0, "{open} files");
    let home = tempfile::tempdir().expect("a directory");
    let share = 100.0 * 50.0 / most;
    let text = format!(
        "[targets.shop]\nengine = \"mysql\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"root\"\ndatabase = \"shop\"\nsslmode = \"disable\"\n\n\
         [targets.shop.assess]\nMY15.files = [{share}, 99]\n",
        my.port
    );
    std::fs::write(home.path().join("holdpoint.toml"), text).expect("written");
    let told = assess_in(home.path(), "shop", &["--checks", "MY15"]).seen("MY15").clone();
    assert_eq!(told.severity, Severity::Warning, "{told:#?}");
    assert!(told.findings[0].message.contains(&format!(" of {most} files are open")), "{told:#?}");
    // By its own limits nothing is near.
    assert_eq!(assess_maria(&my, "root", &["--checks", "MY15"]).seen("MY15").severity, Severity::Ok);
}

#[test]
fn logins_with_a_wrong_password_are_counted_while_they_come() {
    let my = maria(&[]);
    my.sql("", "create user batch@'127.0.0.1' identified by 'right'");
    let stop = AtomicBool::new(false);
    let told = std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let out = Held::maria_client(&my, "batch").args(["-pwrong", "-e", "select 1"]).output().expect("the client runs");
                    assert!(!out.status.success());
                }
            });
        }
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            sees("refused logins", || assess_maria(&my, "oncall", &["--checks", "MY20", "--timeframe", "4"]).seen("MY20").clone())
        }));
        stop.store(true, Ordering::Relaxed);
        told
    })
    .unwrap_or_else(|e| std::panic::resume_unwind(e));
    assert_eq!(told.severity, Severity::Critical, "{told:#?}");
    assert!(told.findings[0].message.contains(" logins are refused"), "{told:#?}");
    assert!(told.findings[0].next.starts_with("A wrong password"), "{told:#?}");
}
