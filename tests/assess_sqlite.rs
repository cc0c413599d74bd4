//! The emergency assessment of SQLite files with real faults: each is named, the file is left as it was, and nobody is kept from writing.

mod support;

use holdpoint::model::Severity;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use support::assess::{Run, assess};

/// A database with some rows.
fn database(dir: &Path, setup: &str) -> (PathBuf, Connection) {
    let path = dir.join("shop.db");
    let conn = Connection::open(&path).expect("a database");
    conn.execute_batch(setup).expect("set up");
    conn.execute_batch(
        "create table customers (id integer primary key, name text); \
         create table orders (id integer primary key, customer int references customers (id), note text); \
         insert into customers values (1, 'a'); \
         with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000) insert into orders select i, 1, hex(randomblob(50)) from n",
    )
    .expect("filled");
    (path, conn)
}

fn run(path: &Path, more: &[&str]) -> Run {
    assess(&path.display().to_string(), more)
}

#[test]
fn a_sound_file_is_sound_and_stays_as_it_was() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, conn) = database(dir.path(), "");
    drop(conn);
    let before = std::fs::read(&path).expect("the file");
    let run = run(&path, &[]);
    // How full the disk of the tests is, is not ours.
    for seen in run.found.checks.iter().filter(|c| c.check != "SQ11") {
        assert_eq!(seen.severity, Severity::Ok, "{seen:#?}");
    }
    assert_eq!(run.seen("SQ06").says, "quick_check: ok");
    assert_eq!(std::fs::read(&path).expect("the file"), before);
    assert_eq!(std::fs::read_dir(dir.path()).expect("the directory").count(), 1, "nothing is left beside it");
}

#[test]
fn who_has_the_write_lock_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    for mode in ["pragma journal_mode = wal", "pragma journal_mode = delete"] {
        let place = dir.path().join(mode.rsplit(' ').next().expect("a mode"));
        std::fs::create_dir(&place).expect("made");
        let (path, conn) = database(&place, mode);
        conn.execute_batch("begin immediate; update customers set name = 'b'").expect("locked");
        let run = run(&path, &["--checks", "SQ04", "--timeframe", "5"]);
        assert_eq!(run.found.summary.check, "SQ04", "{:#?}", run.found);
        let me = format!("process {} (", std::process::id());
        assert!(run.found.summary.says.to_lowercase().starts_with(&me), "{}", run.found.summary.says);
        conn.execute_batch("commit").expect("the assessment kept nobody from committing");
        let after = assess(&path.display().to_string(), &["--checks", "SQ04"]);
        assert_eq!(after.seen("SQ04").severity, Severity::Ok);
        assert!(after.seen("SQ04").says.contains("open in"), "{:#?}", after.seen("SQ04"));
    }
}

#[test]
fn a_file_that_is_locked_for_itself_says_by_whom() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, conn) = database(dir.path(), "");
    conn.execute_batch("pragma locking_mode = exclusive; begin exclusive; update customers set name = 'b'").expect("locked");
    let run = run(&path, &[]);
    assert_eq!((run.code, run.found.summary.check.as_str()), (Some(3), "connect"), "{:#?}", run.found);
    assert!(run.found.summary.says.contains(&std::process::id().to_string()), "{}", run.found.summary.says);
}

#[test]
fn a_reader_that_holds_the_log_up_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, writer) = database(dir.path(), "pragma journal_mode = wal");
    let reader = Connection::open(&path).expect("opened");
    reader.execute_batch("begin; select count(*) from orders").expect("a snapshot");
    // Each round is a commit, after which a checkpoint is tried.
    for _ in 0..60 {
        writer.execute_batch("update orders set note = hex(randomblob(200))").expect("written");
    }
    let run = run(&path, &[]);
    assert_eq!(run.found.summary.check, "SQ05", "{:#?}", run.found);
    let says = &run.found.summary.says;
    assert!(says.starts_with("The write-ahead log has grown to ") && says.contains(&std::process::id().to_string()), "{says}");
    drop(reader);
}

#[test]
fn a_reader_that_began_on_an_empty_log_is_named_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, writer) = database(dir.path(), "pragma journal_mode = wal");
    writer.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).expect("emptied");
    let reader = Connection::open(&path).expect("opened");
    reader.execute_batch("begin; select count(*) from orders").expect("a snapshot of the file alone");
    for _ in 0..60 {
        writer.execute_batch("update orders set note = hex(randomblob(200))").expect("written");
    }
    let run = run(&path, &[]);
    assert_eq!(run.found.summary.check, "SQ05", "{:#?}", run.found);
    let says = &run.found.summary.says;
    assert!(says.contains(&format!("while process {} (", std::process::id())), "{says}");
    assert!(run.seen("SQ04").says.starts_with("read by "), "{:#?}", run.seen("SQ04"));
    drop(reader);
}

#[test]
fn damage_and_orphans_are_found() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, conn) = database(dir.path(), "");
    conn.execute_batch("pragma foreign_keys = off; insert into orders values (9001, 77, ''), (9002, 78, '')").expect("orphans");
    drop(conn);
    let orphans = run(&path, &[]);
    assert_eq!(orphans.found.summary.check, "SQ07", "{:#?}", orphans.found);
    assert!(orphans.found.summary.says.starts_with("2 rows of orders refer to rows of customers"), "{}", orphans.found.summary.says);
    // A page in the middle is overwritten.
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("the file");
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xa5; 4096], 10 * 4096).expect("smashed");
    let damaged = run(&path, &[]);
    assert_eq!(damaged.found.summary.check, "SQ06", "{:#?}", damaged.found);
    assert_eq!(damaged.found.summary.severity, Some(Severity::Critical));
    // How it is recovered is printed for a person, and touches nothing.
    assert_eq!(damaged.found.summary.recover.as_ref().map(|a| a.deed.name()), Some("salvage"), "{:#?}", damaged.found.summary);
    let before = std::fs::read(&path).expect("the file");
    let home = tempfile::tempdir().expect("a home");
    let out = support::command(home.path()).args(["recover", path.to_str().expect("a path"), "salvage"]).output().expect("runs");
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.status.code(), Some(4), "{text}");
    assert!(text.contains("shop.db .recover |") && text.contains("lost_and_found") && text.contains("Do yourself what is shown"), "{text}");
    assert_eq!(std::fs::read(&path).expect("the file"), before);
}

#[test]
fn a_file_replaced_under_a_program_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, conn) = database(dir.path(), "");
    let copy = dir.path().join("copy");
    std::fs::copy(&path, &copy).expect("copied");
    std::fs::rename(&copy, &path).expect("replaced");
    let run = run(&path, &[]);
    assert_eq!(run.found.summary.check, "SQ01", "{:#?}", run.found);
    assert!(run.found.summary.says.contains("deleted or replaced under it"), "{}", run.found.summary.says);
    drop(conn);
}

#[test]
fn no_file_and_no_database_are_told_apart() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("not.db");
    std::fs::write(&path, "this is no database, however long it is: ".repeat(40)).expect("written");
    let run = run(&path, &[]);
    assert_eq!(run.code, Some(3));
    assert!(run.found.summary.says.contains("not a SQLite database"), "{}", run.found.summary.says);
}

#[test]
fn a_file_that_was_a_database_and_is_gone_is_critical() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, conn) = database(dir.path(), "");
    drop(conn);
    std::fs::write(dir.path().join("holdpoint.toml"), format!("[targets.shop]\nengine = \"sqlite\"\npath = \"{}\"\n", path.display()))
        .expect("written");
    let of = || support::assess::assess_in(dir.path(), "shop", &[]);
    assert_eq!(of().seen("connect").severity, Severity::Ok);
    std::fs::write(&path, "this is no database, however long it is: ".repeat(40)).expect("overwritten");
    assert_eq!(of().seen("connect").severity, Severity::Critical);
    std::fs::remove_file(&path).expect("removed");
    let run = of();
    assert_eq!(run.seen("connect").severity, Severity::Critical, "{:#?}", run.found);
    assert!(run.found.summary.says.contains("an earlier assessment was in it"), "{}", run.found.summary.says);
}

#[test]
fn a_copy_that_was_cut_off_is_told_from_a_damaged_file_and_a_closed_log_from_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, conn) = database(dir.path(), "pragma journal_mode = wal");
    drop(conn);
    let run = run(&path, &[]);
    assert!(run.seen("SQ08").says.starts_with("journal_mode wal"), "{:#?}", run.seen("SQ08"));
    assert!(!run.seen("SQ05").says.contains("none"), "{:#?}", run.seen("SQ05"));
    let whole = std::fs::read(&path).expect("the file");
    // At half a page more the library itself refuses it; at whole pages only a read of what is not there does.
    for length in [whole.len() / 2 + 100, whole.len() / 4096 / 2 * 4096] {
        let cut = dir.path().join(format!("cut-{length}.db"));
        std::fs::write(&cut, &whole[..length]).expect("written");
        let run = assess(&cut.display().to_string(), &[]);
        assert_eq!(run.found.summary.severity, Some(Severity::Critical), "{:#?}", run.found);
        assert!(
            run.found.summary.says.contains("the file is cut off: its header counts")
                || run.found.summary.says.starts_with("The file is cut off"),
            "{:#?}",
            run.found
        );
        assert!(run.found.summary.next.contains("the original may be sound"), "{}", run.found.summary.next);
        assert_eq!(run.found.checks.iter().filter(|c| c.check == "SQ01").count(), 1, "{:#?}", run.found);
    }
    // Where a row lacks its parent, one of them is named.
    let conn = Connection::open(&path).expect("opened");
    conn.execute_batch("pragma foreign_keys = off; update orders set customer = 77 where id = 1234").expect("orphaned");
    drop(conn);
    let run = assess(&path.display().to_string(), &["--checks", "SQ07"]);
    let told = &run.seen("SQ07").findings[0];
    assert_eq!(told.message, "1 row of orders refers to rows of customers that are not there, rowid 1234 among them");
    assert!(told.next.starts_with("PRAGMA foreign_key_check(\"orders\"); lists them."), "{told:#?}");
}

#[test]
fn room_that_deleted_rows_left_is_told_and_no_alarm() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, conn) = database(dir.path(), "");
    conn.execute_batch(
        "create table bulk (b blob); \
         with recursive n(i) as (select 1 union all select i + 1 from n where i < 30) insert into bulk select zeroblob(1000000) from n; \
         delete from bulk",
    )
    .expect("filled and emptied");
    drop(conn);
    let run = run(&path, &["--checks", "SQ09"]);
    let told = run.seen("SQ09");
    assert_eq!((told.severity, run.code), (Severity::Info, Some(0)), "{told:#?}");
    assert!(told.figures["free"] > 90.0 && told.findings[0].message.contains(" of the file are free ("), "{told:#?}");
    assert!(told.findings[0].next.contains("VACUUM"), "{told:#?}");
}
