//! Values, access, transactions, cancelling and limits.

use super::*;

#[tokio::test]
async fn values_arrive_as_they_are_stored() {
    let place = Place::with(
        "CREATE TABLE zoo (i INTEGER, r REAL, t TEXT, b BLOB, n NUMERIC(10,2), x);
         INSERT INTO zoo VALUES (9223372036854775807, 9e999, CAST(x'61ff62' AS TEXT), x'00ff', 12.50, NULL);
         INSERT INTO zoo VALUES (-9223372036854775808, -9e999, 'a' || char(0) || 'b', zeroblob(0), 1e17, '');
         INSERT INTO zoo VALUES (0, 49.47, 'ü漢', x'61', 3, 0.1 + 0.2);",
    );
    let s = place.session(Access::ReadOnly).await;
    let (columns, batches, tag) = all(s.run("SELECT * FROM zoo ORDER BY rowid").await.unwrap()).await.unwrap();
    let names: Vec<_> = columns.iter().map(|c| (c.name.as_str(), c.type_name.as_str(), c.align)).collect();
    assert_eq!(
        names,
        [
            ("i", "INTEGER", Align::Right),
            ("r", "REAL", Align::Right),
            ("t", "TEXT", Align::Left),
            ("b", "BLOB", Align::Left),
            ("n", "NUMERIC(10,2)", Align::Right),
            ("x", "", Align::Left)
        ]
    );
    assert_eq!(tag, "SELECT 3");
    let b = &batches[0];
    let row = |r: usize| (0..6).map(|c| b.cell(r, c)).collect::<Vec<_>>();
    let (n, t) = (|s: &'static str| Cell::Number(s.as_bytes()), |s: &'static [u8]| Cell::Text(s));
    assert_eq!(row(0), [n("9223372036854775807"), n("Inf"), t(b"a\xffb"), Cell::Binary(b"\0\xff"), n("12.5"), Cell::Null]);
    assert_eq!(row(1), [n("-9223372036854775808"), n("-Inf"), t(b"a\0b"), Cell::Binary(b""), n("100000000000000000"), t(b"")]);
    assert_eq!(row(2), [n("0"), n("49.47"), t("ü漢".as_bytes()), Cell::Binary(b"a"), n("3"), n("0.30000000000000004")]);
}

#[tokio::test]
async fn zero_rows_still_have_columns_and_writes_have_tags() {
    let place = Place::with("CREATE TABLE t (a INTEGER)");
    let s = place.session(Access::ReadWrite).await;
    let (columns, batches, tag) = all(s.run("SELECT a, a + 1 AS b FROM t").await.unwrap()).await.unwrap();
    assert_eq!(columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(batches.is_empty());
    assert_eq!(tag, "SELECT 0");
    let done = s.fetch("INSERT INTO t VALUES (1), (2), (3)").await.unwrap();
    assert_eq!((done.tag.as_str(), done.affected), ("INSERT 3", Some(3)));
    let done = s.fetch("UPDATE t SET a = a RETURNING a").await.unwrap();
    assert_eq!((done.rows.len(), done.affected), (3, Some(3)));
    assert_eq!(s.fetch("CREATE INDEX i ON t (a)").await.unwrap().tag, "CREATE INDEX");
}

#[tokio::test]
async fn a_file_that_was_replaced_is_not_said_to_be_read_only() {
    let place = Place::with("CREATE TABLE t (a INTEGER)");
    let s = place.session(Access::ReadWrite).await;
    let other = Place::with("CREATE TABLE t (a INTEGER)");
    std::fs::rename(other.file(), place.file()).unwrap();
    let e = s.fetch("INSERT INTO t VALUES (1)").await.unwrap_err();
    assert!(e.message.contains("was moved or replaced while it was open") && !e.message.contains("read-only"), "{e:?}");
}

/// POSIX takes all of a process's locks on a file away when any descriptor of it is closed: a second session must not cost the
/// first one its locks, or another program deletes the write-ahead log, and what is committed then is lost.
#[tokio::test]
async fn another_program_leaves_the_write_ahead_log_of_open_sessions_alone() {
    let place = Place::with("PRAGMA journal_mode = WAL; CREATE TABLE t (a)");
    let s = place.session(Access::ReadWrite).await;
    s.fetch("INSERT INTO t VALUES (1)").await.unwrap();
    let second = place.session(Access::ReadOnly).await;
    assert_eq!(second.fetch("SELECT count(*) FROM t").await.unwrap().scalar(), Some("1"));
    let other = || {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_holdpoint"))
            .args(["query", place.dir.path().join("t.db").to_str().unwrap(), "select count(*) as n from t", "--format", "csv"])
            .env("HOME", place.dir.path())
            .env("XDG_STATE_HOME", place.dir.path())
            .output()
            .unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    assert_eq!(other(), "n\r\n1\r\n");
    s.fetch("INSERT INTO t VALUES (2)").await.unwrap();
    assert_eq!(other(), "n\r\n2\r\n", "what is committed after another program came and went is in the file");
    drop((s, second));
    assert_eq!(other(), "n\r\n2\r\n");
}

#[tokio::test]
async fn parameters_are_bound_and_counted() {
    let place = Place::with("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2)");
    let s = place.session(Access::ReadOnly).await;
    let found = s.fetch_with("SELECT a, ?2 FROM t WHERE a = ?1", vec![Some("2".into()), None]).await.unwrap();
    assert_eq!(found.rows, [[Some("2".to_string()), None]]);
    let e = s.fetch("SELECT ?1").await.unwrap_err();
    assert!(e.message.contains("1 parameters"), "{e}");
}

#[tokio::test]
async fn transactions_show_in_the_status() {
    let place = Place::with("CREATE TABLE t (a)");
    let s = place.session(Access::ReadWrite).await;
    assert_eq!(s.status().tx, TxState::Idle);
    s.fetch("BEGIN").await.unwrap();
    assert_eq!(s.status().tx, TxState::Open);
    s.fetch("INSERT INTO t VALUES (1)").await.unwrap();
    s.fetch("ROLLBACK").await.unwrap();
    assert_eq!(s.status().tx, TxState::Idle);
    assert_eq!(s.fetch("SELECT count(*) FROM t").await.unwrap().scalar(), Some("0"));
}

#[tokio::test]
async fn one_statement_only_and_the_tail_has_no_effect() {
    let place = Place::with("CREATE TABLE t (a)");
    let s = place.session(Access::ReadWrite).await;
    for text in
        ["SELECT 1; SELECT 2", "SELECT 1; PRAGMA foreign_keys = ON", "SELECT 1; nonsense", "INSERT INTO t VALUES (1); DELETE FROM t"]
    {
        let e = s.fetch(text).await.unwrap_err();
        assert!(e.message.contains("more than one statement"), "{text}: {e}");
    }
    // The shell's default, not our build's; and the refused pragma above did not take effect.
    assert_eq!(s.fetch("PRAGMA foreign_keys").await.unwrap().scalar(), Some("0"));
    assert_eq!(s.fetch("SELECT count(*) FROM t").await.unwrap().scalar(), Some("0"));
    assert_eq!(s.fetch("SELECT 1; -- the end\n ; /* really */").await.unwrap().scalar(), Some("1"));
    let many = "SELECT 1;".repeat(100_000);
    assert!(s.fetch(many).await.is_err());
    for text in ["", " ; ", "-- nothing", "SELECT 'a\0b'"] {
        assert_eq!(s.fetch(text).await.unwrap_err().kind, Kind::Statement, "{text:?}");
    }
}

#[tokio::test]
async fn a_syntax_error_has_its_place() {
    let place = Place::with("CREATE TABLE t (a)");
    let s = place.session(Access::ReadOnly).await;
    let e = s.fetch("SELECT a, nope FROM t").await.unwrap_err();
    assert_eq!((e.kind, e.position), (Kind::Statement, Some(10)));
    assert!(e.message.contains("no such column: nope"), "{e}");
}

#[tokio::test]
async fn read_only_has_no_way_out() {
    let place = Place::with(
        "CREATE TABLE t (a); INSERT INTO t VALUES (1); CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES ('hello world');
         CREATE VIRTUAL TABLE g USING rtree(id, lo, hi); INSERT INTO g VALUES (1, 0, 9);",
    );
    let before = std::fs::read(place.file()).unwrap();
    let s = place.session(Access::ReadOnly).await;
    assert_eq!(s.status().read_only, ReadOnly::File);
    let other = place.dir.path().join("other.db");
    let attach = format!("ATTACH '{}' AS x", other.display());
    for text in [
        attach.as_str(),
        "PRAGMA query_only = 0",
        "PRAGMA query_only(0)",
        "EXPLAIN PRAGMA query_only = 0",
        "PRAGMA journal_mode = WAL",
        "PRAGMA writable_schema = ON",
        "PRAGMA user_version = 7",
        "PRAGMA wal_checkpoint",
        "PRAGMA optimize",
        "INSERT INTO t VALUES (2)",
        "UPDATE t SET a = 2",
        "DELETE FROM t",
        "DELETE FROM g_node",
        "INSERT INTO f (f) VALUES ('optimize')",
        "CREATE TABLE u (a)",
        "CREATE TEMP TABLE u (a)",
        "CREATE TEMP VIEW v AS SELECT 1",
        "CREATE TEMP TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE temp.w USING fts5(x)",
        "DROP TABLE t",
        "ALTER TABLE t RENAME TO u",
        "ANALYZE",
        "REINDEX",
        "VACUUM",
        "VACUUM INTO '/dev/null'",
        "SELECT load_extension('x')",
        "WITH x AS (SELECT 1) DELETE FROM t",
        "SELECT * FROM pragma_query_only(0)",
    ] {
        let e = s.fetch(text).await.expect_err(text);
        assert!(matches!(e.kind, Kind::ReadOnly | Kind::Statement), "{text}: {e:?}");
    }
    assert!(!other.exists());
    assert_eq!(s.fetch("PRAGMA query_only").await.unwrap().scalar(), Some("1"));
    assert_eq!(s.status().read_only, ReadOnly::File);
    // Reads of every sort still work.
    assert_eq!(s.fetch("SELECT count(*) FROM t").await.unwrap().scalar(), Some("1"));
    assert_eq!(s.fetch("SELECT x FROM f WHERE f MATCH 'hello'").await.unwrap().scalar(), Some("hello world"));
    assert_eq!(s.fetch("SELECT id FROM g WHERE lo < 5").await.unwrap().scalar(), Some("1"));
    assert_eq!(s.fetch("SELECT name FROM pragma_table_info('t')").await.unwrap().scalar(), Some("a"));
    assert_eq!(s.fetch("PRAGMA integrity_check").await.unwrap().scalar(), Some("ok"));
    drop(s);
    assert_eq!(std::fs::read(place.file()).unwrap(), before);
}

#[tokio::test]
async fn paths_that_are_no_database_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("text.db"), "this is not a database, it only has the name of one, and is long enough to be read as one").unwrap();
    std::fs::create_dir(at("dir.db")).unwrap();
    let how = || Connect::new(Role::Query, Access::ReadWrite);
    for (name, says) in [("missing.db", "there is no file"), ("text.db", "not a SQLite database"), ("dir.db", "is a directory")] {
        let e = engine_at(&at(name)).connect(how()).await.err().unwrap();
        assert_eq!(e.kind, Kind::Connect, "{name}");
        assert!(e.message.contains(says) && e.message.contains(name), "{name}: {e}");
    }
    assert!(!at("missing.db").exists());
    // A path that looks like a URI is a path.
    let odd = dir.path().join("file:odd.db?mode=memory");
    rusqlite::Connection::open_with_flags(&odd, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_CREATE)
        .unwrap()
        .execute_batch("CREATE TABLE odd (a)")
        .unwrap();
    let s = engine_at(&odd).connect(how()).await.unwrap();
    assert_eq!(s.fetch("SELECT name FROM sqlite_schema").await.unwrap().scalar(), Some("odd"));
}

const ENDLESS: &str = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

#[tokio::test]
async fn cancel_ends_the_statement_and_keeps_the_session() {
    let place = Place::with("CREATE TABLE t (a)");
    let s = place.session(Access::ReadWrite).await;
    s.fetch("CREATE TEMP TABLE kept AS SELECT 42 AS a").await.unwrap();
    let stream = s.run(ENDLESS).await.unwrap();
    s.cancel().await.unwrap();
    assert_eq!(all(stream).await.unwrap_err().kind, Kind::Cancelled);
    // Nothing runs: cancelling has no effect on what comes next.
    s.cancel().await.unwrap();
    assert_eq!(s.fetch("SELECT a FROM kept").await.unwrap().scalar(), Some("42"));
    // In the middle of rows.
    let mut stream = s.run("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n").await.unwrap();
    while !matches!(stream.next().await, Some(Ok(Event::Rows(_)))) {}
    s.cancel().await.unwrap();
    assert_eq!(all(stream).await.unwrap_err().kind, Kind::Cancelled);
    assert_eq!(s.fetch("SELECT 1").await.unwrap().scalar(), Some("1"));
}

#[tokio::test]
async fn a_dropped_stream_frees_the_session() {
    let place = Place::with("CREATE TABLE t (a)");
    let s = place.session(Access::ReadOnly).await;
    drop(s.run(ENDLESS).await.unwrap());
    // Would wait for ever if the endless statement went on.
    assert_eq!(s.fetch("SELECT 1").await.unwrap().scalar(), Some("1"));
}

#[tokio::test]
async fn a_time_limit_is_an_error_of_its_own() {
    let place = Place::with("CREATE TABLE t (a)");
    let how = Connect { statement_timeout: Some(Duration::from_millis(30)), ..Connect::new(Role::Background, Access::ReadOnly) };
    let s = place.engine().connect(how).await.unwrap();
    let e = s.fetch(ENDLESS).await.unwrap_err();
    assert_eq!(e.kind, Kind::Statement);
    assert!(e.message.contains("limit"), "{e}");
    assert_eq!(s.fetch("SELECT 1").await.unwrap().scalar(), Some("1"));
}

#[tokio::test]
async fn a_busy_database_is_said_so() {
    let place = Place::with("CREATE TABLE t (a)");
    let other = rusqlite::Connection::open(place.file()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let e = place.engine().connect(Connect::new(Role::Background, Access::ReadOnly)).await.err().unwrap();
    assert!(e.message.contains("locked by another connection"), "{e}");
    other.execute_batch("ROLLBACK").unwrap();
    let s = place.session(Access::ReadWrite).await;
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let e = s.fetch("INSERT INTO t VALUES (1)").await.unwrap_err();
    assert!(e.code.as_deref().unwrap().starts_with("SQLITE_BUSY"), "{e:?}");
}

/// Statements must mean what the shell makes of them: no setting of ours but `busy_timeout` (0 in the shell) and `cache_spill` (from which size
/// on an open transaction goes into the file), see `open.rs`.
#[tokio::test]
async fn settings_are_those_of_the_shell() {
    let place = Place::with("CREATE TABLE t (a)");
    let s = place.session(Access::ReadWrite).await;
    let mut different = Vec::new();
    for pragma in [
        "automatic_index",
        "auto_vacuum",
        "cache_size",
        "cell_size_check",
        "checkpoint_fullfsync",
        "count_changes",
        "defer_foreign_keys",
        "encoding",
        "foreign_keys",
        "full_column_names",
        "fullfsync",
        "hard_heap_limit",
        "ignore_check_constraints",
        "journal_mode",
        "journal_size_limit",
        "legacy_alter_table",
        "locking_mode",
        "mmap_size",
        "page_size",
        "query_only",
        "read_uncommitted",
        "recursive_triggers",
        "reverse_unordered_selects",
        "short_column_names",
        "soft_heap_limit",
        "synchronous",
        "temp_store",
        "threads",
        "trusted_schema",
        "wal_autocheckpoint",
        "writable_schema",
    ] {
        let ours = s.fetch(format!("PRAGMA {pragma}")).await.unwrap().scalar().unwrap_or_default().to_string();
        let shell = std::process::Command::new("sqlite3").arg(place.file()).arg(format!("PRAGMA {pragma}")).output().unwrap();
        let shell = String::from_utf8(shell.stdout).unwrap().trim().to_string();
        if ours != shell {
            different.push(format!("{pragma}: ours {ours}, the shell's {shell}"));
        }
    }
    assert!(different.is_empty(), "{different:#?}");
}

#[tokio::test]
async fn expressions_are_aligned_by_their_first_value() {
    let place = Place::with("CREATE TABLE t (a)");
    let s = place.session(Access::ReadOnly).await;
    let (columns, ..) = all(s.run("SELECT count(*), 'x', 1.5 FROM t").await.unwrap()).await.unwrap();
    assert_eq!(columns.iter().map(|c| c.align).collect::<Vec<_>>(), [Align::Right, Align::Left, Align::Right]);
}

#[tokio::test]
async fn an_interrupted_write_says_that_its_transaction_is_gone() {
    let place = Place::with("CREATE TABLE t (a)");
    let s = place.session(Access::ReadWrite).await;
    s.fetch("BEGIN").await.unwrap();
    s.fetch("INSERT INTO t VALUES (1)").await.unwrap();
    let stream = s.run("INSERT INTO t WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n").await.unwrap();
    s.cancel().await.unwrap();
    let e = all(stream).await.unwrap_err();
    assert_eq!(e.kind, Kind::Cancelled);
    // Interrupted before its first step, the statement never wrote, and the transaction lives on.
    assert_eq!(e.hints.iter().any(|h| h.contains("rolled back")), s.status().tx == TxState::Idle, "{e:?}");
    assert_eq!(s.fetch("SELECT 1").await.unwrap().scalar(), Some("1"));
}

#[tokio::test]
async fn a_schema_that_is_no_text_is_refused() {
    let place = Place::with("CREATE TABLE t (abcd TEXT); INSERT INTO t VALUES ('x')");
    let damage = "PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = CAST(replace(CAST(sql AS BLOB), x'61626364', x'fffefdfc') AS TEXT)";
    rusqlite::Connection::open(place.file()).unwrap().execute_batch(damage).unwrap();
    for access in [Access::ReadOnly, Access::ReadWrite] {
        let e = place.engine().connect(Connect::new(Role::Query, access)).await.err().unwrap();
        assert!(e.message.contains("definition of t is no valid UTF-8"), "{e}");
    }
}

/// Two megabytes are SQLite's own limit, from which on its changes would go into the file, and lock it.
#[tokio::test]
async fn an_open_transaction_of_some_megabytes_keeps_no_look_out() {
    let place = Place::with("CREATE TABLE t (a)");
    let s = place.session(Access::ReadWrite).await;
    s.fetch("BEGIN").await.unwrap();
    let rows =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO t SELECT hex(zeroblob(500)) FROM n";
    s.fetch(rows).await.unwrap();
    let look = place.session(Access::ReadOnly).await;
    assert_eq!(look.fetch("SELECT count(*) FROM t").await.unwrap().scalar(), Some("0"));
    s.fetch("COMMIT").await.unwrap();
    assert_eq!(look.fetch("SELECT count(*) FROM t").await.unwrap().scalar(), Some("20000"));
}

/// Who has the write lock waits for those who read: they are in the way, and not this process.
#[tokio::test]
async fn a_commit_that_waits_for_a_reader_names_its_process() {
    use std::io::{BufRead, Write};
    let place = Place::with("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    let mut c = std::process::Command::new("sqlite3");
    c.arg(place.file()).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut reader = c.spawn().unwrap();
    let mut ask = reader.stdin.take().unwrap();
    ask.write_all(b"begin; select a from t;\n").unwrap();
    let mut line = String::new();
    std::io::BufReader::new(reader.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "1", "it has read, and its transaction is open");
    let s = place.session(Access::ReadWrite).await;
    for text in ["BEGIN", "INSERT INTO t VALUES (2)"] {
        s.fetch(text).await.unwrap();
    }
    let e = s.fetch("COMMIT").await.unwrap_err();
    assert!(e.message.contains(&format!("(process {} (sqlite3))", reader.id())), "{e:?}");
    drop(ask);
    reader.wait().unwrap();
    s.fetch("COMMIT").await.unwrap();
}
