//! The SQLite engine against real files: values, access, cancelling, catalogue, plans, backups, spilled rows.

use holdpoint::config::{AccessMode, EngineKind, Target};
use holdpoint::engine::session::RowStream;
use holdpoint::engine::{Access, Connect, Engine, Event, Role, Scratch, Session, registry};
use holdpoint::model::evidence::Grade;
use holdpoint::model::manifest::{Differences, Manifest};
use holdpoint::model::migration::Applied;
use holdpoint::model::{Align, Cell, Column, Finding, Kind, NodeKind, NodePath, ReadOnly, Result, RowBatch, Severity, Silent, TxState};
use holdpoint::store::spill::RowSpill;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

struct Place {
    dir: TempDir,
}

impl Place {
    /// A directory with a database `t.db` made by `sql`.
    fn with(sql: &str) -> Self {
        let place = Place { dir: tempfile::tempdir().unwrap() };
        rusqlite::Connection::open(place.file()).unwrap().execute_batch(sql).unwrap();
        place
    }
    fn file(&self) -> PathBuf {
        self.dir.path().join("t.db")
    }
    fn target(&self) -> Target {
        Target { path: Some(self.file()), access: AccessMode::Open, ..Target::bare("t", EngineKind::Sqlite) }
    }
    fn engine(&self) -> Arc<dyn Engine> {
        registry::engine(self.target(), None)
    }
    async fn session(&self, access: Access) -> Session {
        self.engine().connect(Connect::new(Role::Query, access)).await.unwrap()
    }
}

fn engine_at(path: &Path) -> Arc<dyn Engine> {
    registry::engine(Target { path: Some(path.to_path_buf()), ..Target::bare("t", EngineKind::Sqlite) }, None)
}

async fn all(mut stream: RowStream) -> Result<(Arc<[Column]>, Vec<RowBatch>, String)> {
    let (mut columns, mut batches, mut tag) = (Arc::from(Vec::new()), Vec::new(), String::new());
    while let Some(event) = stream.next().await {
        match event? {
            Event::Columns(c) => columns = c,
            Event::Rows(b) => batches.push(b),
            Event::Notice(_) => {}
            Event::Done(done) => tag = done.tag,
        }
    }
    Ok((columns, batches, tag))
}

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
    assert_eq!(row(0), [n("9223372036854775807"), t(b"Inf"), t(b"a\xffb"), Cell::Binary(b"\0\xff"), n("12.5"), Cell::Null]);
    assert_eq!(row(1), [n("-9223372036854775808"), t(b"-Inf"), t(b"a\0b"), Cell::Binary(b""), n("100000000000000000"), t(b"")]);
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

fn path(parts: &[(NodeKind, &str)]) -> NodePath {
    NodePath(parts.iter().map(|(k, n)| (*k, n.to_string())).collect())
}

#[tokio::test]
async fn the_tree_shows_columns_keys_and_indexes() {
    let place = Place::with(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT DEFAULT 'x');
         CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE, total NUMERIC);
         CREATE INDEX orders_by_customer ON orders (customer_id, total DESC);
         CREATE VIEW big AS SELECT * FROM orders WHERE total > 100;
         CREATE TRIGGER log AFTER INSERT ON orders BEGIN SELECT 1; END;
         INSERT INTO customers VALUES (1, 'a', 'b'), (2, 'c', 'd'); INSERT INTO orders VALUES (1, 1, 5), (2, 1, 6), (3, 2, 7);",
    );
    let s = place.session(Access::ReadOnly).await;
    let engine = place.engine();
    let catalog = engine.catalog().get().unwrap();
    let roots = catalog.children(&s, &NodePath::root()).await.unwrap();
    assert_eq!(roots.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(), ["main"]);
    let main = path(&[(NodeKind::Schema, "main")]);
    let tables = catalog.children(&s, &main).await.unwrap();
    assert_eq!(
        tables.iter().map(|n| (n.kind, n.name.as_str(), n.rows)).collect::<Vec<_>>(),
        [(NodeKind::Table, "customers", None), (NodeKind::Table, "orders", None), (NodeKind::View, "big", None)]
    );
    rusqlite::Connection::open(place.file()).unwrap().execute_batch("ANALYZE").unwrap();
    let tables = catalog.children(&s, &main).await.unwrap();
    assert_eq!(tables[1].rows, Some(3));
    let orders = main.child(NodeKind::Table, "orders");
    let nodes = catalog.children(&s, &orders).await.unwrap();
    let show: Vec<_> = nodes.iter().map(|n| format!("{} {} [{}]", n.name, n.detail, n.marks.join(", "))).collect();
    assert_eq!(
        show,
        [
            "id INTEGER [PK]",
            "customer_id INTEGER [FK → customers.id, NOT NULL]",
            "total NUMERIC []",
            "Indexes 1 []",
            "Foreign keys 1 []",
            "Triggers 1 []"
        ]
    );
    let customers = catalog.children(&s, &main.child(NodeKind::Table, "customers")).await.unwrap();
    assert_eq!(customers[1].marks, ["UQ", "NOT NULL"]);
    assert_eq!(customers[2].marks, ["DEFAULT 'x'"]);
    let indexes = catalog.children(&s, &orders.child(NodeKind::Group, "Indexes")).await.unwrap();
    assert_eq!((indexes[0].name.as_str(), indexes[0].detail.as_str()), ("orders_by_customer", "(customer_id, total DESC)"));
    let keys = catalog.children(&s, &orders.child(NodeKind::Group, "Foreign keys")).await.unwrap();
    assert_eq!((keys[0].name.as_str(), keys[0].detail.as_str()), ("(customer_id)", "→ customers (id) ON DELETE CASCADE"));
    let triggers = catalog.children(&s, &orders.child(NodeKind::Group, "Triggers")).await.unwrap();
    assert_eq!(triggers[0].name, "log");
    let ddl = catalog.definition(&s, &orders).await.unwrap();
    assert!(ddl.starts_with("CREATE TABLE orders") && ddl.contains("CREATE INDEX") && ddl.contains("CREATE TRIGGER"), "{ddl}");
    assert_eq!(catalog.preview(&orders, 20).as_deref(), Some("SELECT * FROM \"orders\" LIMIT 20"));
    assert_eq!(s.fetch(catalog.preview(&orders, 2).unwrap()).await.unwrap().rows.len(), 2);
}

#[tokio::test]
async fn a_plan_names_scans_indexes_and_missing_indexes() {
    let place = Place::with(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, region TEXT);
         CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, total NUMERIC);
         CREATE TABLE notes (customer TEXT, body TEXT);
         CREATE INDEX orders_by_customer ON orders (customer_id);
         INSERT INTO customers SELECT value, 'c' || value, 'r' FROM generate_series(1, 100);
         INSERT INTO notes SELECT 'c' || value, 'n' FROM generate_series(1, 5000);
         ANALYZE;"
            .replace(
                "generate_series(1, 100)",
                "(WITH RECURSIVE s(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM s LIMIT 100) SELECT * FROM s)",
            )
            .replace(
                "generate_series(1, 5000)",
                "(WITH RECURSIVE s(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM s LIMIT 5000) SELECT * FROM s)",
            )
            .as_str(),
    );
    let s = place.session(Access::ReadOnly).await;
    let plan = s
        .explain("SELECT c.name, o.total FROM customers AS c JOIN orders o ON o.customer_id = c.id ORDER BY o.total", false)
        .await
        .unwrap();
    let mut seen = Vec::new();
    plan.root.walk(0, &mut |depth, n| {
        seen.push((depth, n.op.clone(), n.relation.clone().unwrap_or_default(), n.index.clone().unwrap_or_default()))
    });
    assert!(
        seen.contains(&(1, "table scan".into(), "customers".into(), String::new()))
            || seen.contains(&(1, "table scan".into(), "orders".into(), String::new())),
        "{seen:?}"
    );
    assert!(seen.iter().any(|n| n.1 == "sort"), "{seen:?}");
    assert!(!plan.analyzed && plan.execution_ms.is_none() && plan.counters.is_empty());
    assert!(plan.remarks.iter().any(|r| r.contains("reads the whole of")), "{:?}", plan.remarks);

    let joined = "SELECT count(*) FROM customers c JOIN notes n ON n.customer = c.name";
    let plan = s.explain(joined, true).await.unwrap();
    assert!(plan.analyzed && plan.root.rows == Some(1.0) && plan.execution_ms.is_some());
    assert!(plan.counters["vm steps"] > 5000 && plan.counters["full-scan steps"] >= 99, "{:?}", plan.counters);
    assert!(plan.remarks.iter().any(|r| r.contains("CREATE INDEX")), "{:?}", plan.remarks);
    assert_eq!(plan.raw.lines().count(), {
        let mut n = 0;
        plan.root.walk(0, &mut |_, _| n += 1);
        n - 1
    });

    // A write can be looked at, and is never run; nor is anything that takes effect while it is prepared.
    let plan = s.explain("DELETE FROM orders WHERE customer_id = 3", false).await.unwrap();
    assert!(plan.raw.contains("orders_by_customer"), "{}", plan.raw);
    let w = place.session(Access::ReadWrite).await;
    for text in
        ["DELETE FROM customers", "PRAGMA foreign_keys = ON", "BEGIN", "CREATE TABLE x (a)", "INSERT INTO notes VALUES (1, 2) RETURNING 1"]
    {
        assert!(w.explain(text, true).await.is_err(), "{text}");
    }
    assert!(w.explain("PRAGMA foreign_keys = ON", false).await.is_err());
    assert_eq!(w.fetch("PRAGMA foreign_keys").await.unwrap().scalar(), Some("0"));
    assert_eq!(w.fetch("SELECT count(*) FROM customers").await.unwrap().scalar(), Some("100"));
    assert_eq!(w.status().tx, TxState::Idle);
    let e = w.explain("SELECT nope FROM customers", false).await.unwrap_err();
    assert_eq!(e.position, Some(7));
    // The guard is back to normal after all that.
    w.fetch("CREATE TABLE y (a)").await.unwrap();
}

#[tokio::test]
async fn the_canonical_catalogue_sees_what_matters_only() {
    let place = Place::with(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, customer_id INTEGER REFERENCES customers (id), total NUMERIC UNIQUE);
         CREATE VIRTUAL TABLE words USING fts5(w); INSERT INTO words VALUES ('a');
         CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY);
         CREATE VIEW v AS SELECT * FROM orders; CREATE TRIGGER tr AFTER INSERT ON orders BEGIN SELECT 1; END;",
    );
    let engine = place.engine();
    let catalog = engine.catalog().get().unwrap();
    let s = place.session(Access::ReadWrite).await;
    let before = catalog.objects(&s).await.unwrap();
    assert!(before.is_sorted());
    assert!(!before.iter().any(|o| o.name.contains("sqlx") || o.name.contains("words_data") || o.name.contains("sqlite_")), "{before:#?}");
    for (kind, name) in [
        ("table", "orders"),
        ("column", "orders.total"),
        ("foreign key", "orders.(customer_id)"),
        ("view", "v"),
        ("trigger", "tr"),
        ("setting", "user_version"),
    ] {
        assert!(before.iter().any(|o| o.kind == kind && o.name == name), "{kind} {name}: {before:#?}");
    }
    // Up and down: the stored text has other blanks and quotes, the schema is the same.
    for text in [
        "ALTER TABLE customers ADD COLUMN phone TEXT DEFAULT ''",
        "ALTER TABLE customers DROP COLUMN phone",
        "ALTER TABLE orders RENAME TO purchases",
        "ALTER TABLE purchases RENAME TO orders",
        "ALTER TABLE customers RENAME COLUMN name TO full_name",
        "ALTER TABLE customers RENAME COLUMN full_name TO \"name\"",
    ] {
        s.fetch(text).await.unwrap();
    }
    let text = s.fetch("SELECT group_concat(sql, ';') FROM sqlite_schema").await.unwrap();
    assert!(text.scalar().unwrap().contains("\"orders\""), "the rename left quotes: {text:?}");
    assert_eq!(catalog.objects(&s).await.unwrap(), before);
    for (change, back) in [
        ("CREATE INDEX i ON orders (total)", "DROP INDEX i"),
        ("PRAGMA user_version = 3", "PRAGMA user_version = 0"),
        ("CREATE VIEW w AS SELECT 1 AS one", "DROP VIEW w"),
    ] {
        s.fetch(change).await.unwrap();
        assert_ne!(catalog.objects(&s).await.unwrap(), before, "{change}");
        s.fetch(back).await.unwrap();
        assert_eq!(catalog.objects(&s).await.unwrap(), before, "{back}");
    }
    let tables = catalog.tables(&s).await.unwrap();
    assert_eq!(
        tables.iter().map(|t| (t.name.as_str(), t.columns.len())).collect::<Vec<_>>(),
        [("customers", 2), ("orders", 3), ("words", 1)]
    );
}

#[tokio::test]
async fn functions_that_may_write_are_told_from_those_that_do_not() {
    let place = Place::with("CREATE TABLE t (a)");
    let (engine, s) = (place.engine(), place.session(Access::ReadOnly).await);
    let names: Vec<String> =
        ["count", "UPPER", "json_each", "pragma_table_info", "load_extension", "my_own", "pragma_wal_checkpoint"].map(String::from).into();
    let writing = engine.catalog().get().unwrap().writing_functions(&s, &names).await.unwrap();
    assert_eq!(writing, ["load_extension", "my_own", "pragma_wal_checkpoint"]);
}

const SHOP: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, phone TEXT);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), total NUMERIC);
    CREATE INDEX by_customer ON orders (customer_id);
    WITH RECURSIVE s(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM s LIMIT 3000)
      INSERT INTO customers SELECT v, 'name ' || v, iif(v % 3, '555-' || v, NULL) FROM s;
    INSERT INTO orders SELECT id, id, id / 4.0 FROM customers;
    PRAGMA user_version = 12;";

struct Backup {
    place: Place,
    dir: PathBuf,
    engine: Arc<dyn Engine>,
    manifest: Manifest,
    never: CancellationToken,
}

impl Backup {
    async fn of(place: Place) -> Self {
        let target = Target { scratch: Some(place.dir.path().join("scratch").to_string_lossy().into_owned()), ..place.target() };
        let engine = registry::engine(target, None);
        let dir = place.dir.path().join("backup");
        std::fs::create_dir(&dir).unwrap();
        let never = CancellationToken::new();
        let manifest = engine.backups().get().unwrap().take(&dir, "tester", &Silent, &never).await.unwrap();
        Backup { place, dir, engine, manifest, never }
    }
    fn copy(&self) -> PathBuf {
        self.dir.join(&self.manifest.artefacts[0].path)
    }
    async fn restore(&self) -> Result<Scratch> {
        self.engine.backups().get().unwrap().restore(&self.dir, &self.manifest, None, &Silent, &self.never).await
    }
    async fn compare(&self, scratch: &Scratch) -> Result<Differences> {
        self.engine.backups().get().unwrap().compare(&self.dir, &self.manifest, scratch, &Silent, &self.never).await
    }
    async fn discard(&self, scratch: Scratch) -> Result<()> {
        self.engine.backups().get().unwrap().discard(scratch).await
    }
    fn scratch_entries(&self) -> usize {
        std::fs::read_dir(self.place.dir.path().join("scratch")).map(|d| d.count()).unwrap_or(0)
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_backup_is_taken_restored_compared_and_discarded() {
    let b = Backup::of(Place::with(SHOP)).await;
    let m = &b.manifest;
    assert_eq!((m.format, m.taken_by.as_str(), m.artefacts.len()), (1, "tester", 1));
    assert_eq!(m.artefacts[0].bytes, std::fs::metadata(b.copy()).unwrap().len());
    assert_eq!(m.fingerprint.tables["customers"].rows, 3000);
    assert_eq!(m.fingerprint.tables["customers"].columns[2].values, 2000);
    assert_eq!(mode(&b.copy()), 0o600);
    let s = b.place.session(Access::ReadOnly).await;
    assert_eq!(m.identity.subject(), s.identity().subject());

    let scratch = b.restore().await.unwrap();
    assert_eq!(scratch.grade, Grade::Full);
    let file = scratch.target.path.clone().unwrap();
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    assert_eq!(b.compare(&scratch).await.unwrap(), Differences::default());

    // Negative controls: changed content, changed schema, lost rows must be found.
    for (change, what) in [
        ("UPDATE customers SET name = 'other' WHERE id = 1500", "customers.name"),
        ("UPDATE customers SET phone = NULL WHERE id = 1", "customers.phone"),
        ("DELETE FROM orders WHERE id = 7", "orders: 3000 rows before, 2999 after"),
        ("DROP INDEX by_customer", "index by_customer is missing"),
        ("PRAGMA user_version = 13", "user_version differs"),
    ] {
        let fresh = b.restore().await.unwrap();
        rusqlite::Connection::open(fresh.target.path.as_ref().unwrap()).unwrap().execute_batch(change).unwrap();
        let d = b.compare(&fresh).await.unwrap();
        assert!(d.schema.iter().chain(&d.data).any(|line| line.contains(what)), "{change}: {d:?}");
        b.discard(fresh).await.unwrap();
    }
    b.discard(scratch).await.unwrap();
    assert!(!file.exists());
    assert_eq!(b.scratch_entries(), 0);
    // What restore did not make is never removed.
    let own = Scratch { target: b.place.target(), grade: Grade::Full };
    assert!(b.discard(own).await.unwrap_err().message.contains("left alone"));
    assert!(b.place.file().exists());
}

#[tokio::test]
async fn a_tampered_or_truncated_backup_is_refused() {
    let b = Backup::of(Place::with(SHOP)).await;
    let good = std::fs::read(b.copy()).unwrap();
    let mut edited = good.clone();
    let at = edited.len() / 2;
    edited[at] ^= 1;
    for (bytes, says) in [(edited.as_slice(), "SHA-256"), (&good[..good.len() - 4096], "cut off"), (b"".as_slice(), "cut off")] {
        std::fs::write(b.copy(), bytes).unwrap();
        let e = b.restore().await.err().unwrap();
        assert!(e.message.contains(says), "{e}");
        assert_eq!(b.scratch_entries(), 0, "nothing is left in scratch");
    }
    std::fs::write(b.copy(), &good).unwrap();
    let scratch = b.restore().await.unwrap();
    b.discard(scratch).await.unwrap();

    // Another database's backup does not fit, even under the same name.
    let other = Backup::of(Place::with(SHOP)).await;
    let e = other.engine.backups().get().unwrap().restore(&b.dir, &b.manifest, None, &Silent, &b.never).await.err().unwrap();
    assert!(e.message.contains("is of"), "{e}");
    // Nor does it fit the same path once the file was replaced.
    std::fs::copy(b.place.file(), b.place.dir.path().join("swap")).unwrap();
    std::fs::rename(b.place.dir.path().join("swap"), b.place.file()).unwrap();
    assert!(b.restore().await.is_err());
}

#[tokio::test]
async fn a_damaged_copy_never_compares_equal() {
    let b = Backup::of(Place::with(SHOP)).await;
    let scratch = b.restore().await.unwrap();
    let file = scratch.target.path.clone().unwrap();
    // Smash a page in the middle, as a bad disk would.
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.len() / 2 / 4096 * 4096;
    bytes[at..at + 4096].fill(0x5a);
    std::fs::write(&file, bytes).unwrap();
    match b.compare(&scratch).await {
        Ok(d) => assert!(!d.is_empty()),
        Err(e) => assert!(e.message.contains("damaged"), "{e}"),
    }
}

#[tokio::test]
async fn a_cancelled_backup_leaves_nothing() {
    let place = Place::with(SHOP);
    let (engine, dir) = (place.engine(), place.dir.path().join("backup"));
    std::fs::create_dir(&dir).unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    let e = engine.backups().get().unwrap().take(&dir, "tester", &Silent, &stop).await.unwrap_err();
    assert_eq!(e.kind, Kind::Cancelled);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
}

#[tokio::test]
async fn a_source_that_keeps_moving_gives_no_backup() {
    let place = Place::with("PRAGMA journal_mode = WAL; CREATE TABLE n (i)");
    rusqlite::Connection::open(place.file())
        .unwrap()
        .execute_batch(
            "CREATE TABLE big AS WITH RECURSIVE s(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM s LIMIT 200000) SELECT v, hex(randomblob(40)) AS t FROM s",
        )
        .unwrap();
    let dir = place.dir.path().join("backup");
    std::fs::create_dir(&dir).unwrap();
    let (stop, file) = (Arc::new(AtomicBool::new(false)), place.file());
    let stopped = stop.clone();
    let (started, running) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        let conn = rusqlite::Connection::open(file).unwrap();
        conn.execute_batch("PRAGMA synchronous = OFF").unwrap();
        while !stopped.load(Ordering::Relaxed) {
            conn.execute("INSERT INTO n VALUES (1)", []).unwrap();
            let _ = started.send(());
        }
    });
    running.recv().unwrap();
    let e = place.engine().backups().get().unwrap().take(&dir, "tester", &Silent, &CancellationToken::new()).await.unwrap_err();
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    assert!(e.message.contains("written to during each of 3 copies"), "{e}");
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
}

#[tokio::test]
async fn committed_rows_that_stand_in_the_wal_are_in_the_backup() {
    let place = Place::with("CREATE TABLE t (a)");
    let writer = rusqlite::Connection::open(place.file()).unwrap();
    writer.execute_batch("PRAGMA journal_mode = WAL; INSERT INTO t VALUES (1), (2); BEGIN; INSERT INTO t VALUES (3);").unwrap();
    let b = Backup::of(place).await;
    assert_eq!(b.manifest.fingerprint.tables["t"].rows, 2);
    assert_eq!(b.manifest.facts["source_journal_mode"], "wal");
    let scratch = b.restore().await.unwrap();
    assert!(b.compare(&scratch).await.unwrap().is_empty());
}

#[tokio::test]
async fn preflight_says_what_is_missing() {
    let place = Place::with(SHOP);
    let s = place.session(Access::ReadOnly).await;
    let check = async |target: Target| {
        let engine = registry::engine(target, None);
        let found = engine.backups().get().unwrap().preflight(s.identity()).await;
        found.into_iter().map(|f| (f.check, f.severity)).collect::<Vec<_>>()
    };
    let of = |name: &str, severity| (name.to_string(), severity);
    let found = check(place.target()).await;
    assert!(
        found.contains(&of("scratch-missing", Severity::Warning)) && found.contains(&of("backup-space", Severity::Unknown)),
        "{found:?}"
    );
    let full =
        Target { backups: Some(place.dir.path().join("b")), scratch: Some(place.file().to_string_lossy().into_owned()), ..place.target() };
    let found = check(full).await;
    assert!(found.contains(&of("backup-space", Severity::Ok)) && found.contains(&of("scratch-writable", Severity::Critical)), "{found:?}");
    let gone = Target { path: Some(place.dir.path().join("gone.db")), ..place.target() };
    assert_eq!(check(gone).await, [of("backup-source", Severity::Critical)]);
}

#[tokio::test]
async fn the_history_table_is_sqlx_s_own() {
    let place = Place::with("CREATE TABLE t (a)");
    let engine = place.engine();
    let migrations = engine.migrations().get().unwrap();
    let s = engine.connect(Connect::new(Role::Migration, Access::ReadWrite)).await.unwrap();
    assert!(migrations.transactional_ddl());
    assert_eq!(migrations.history(&s).await.unwrap(), None);
    migrations.ensure_history(&s).await.unwrap();
    migrations.ensure_history(&s).await.unwrap();
    assert_eq!(migrations.history(&s).await.unwrap(), Some(vec![]));
    let row = Applied {
        version: 20240101,
        description: "it's first".into(),
        installed_on: String::new(),
        success: true,
        checksum: "00ff".repeat(24),
        execution_time: -1,
    };
    s.fetch("BEGIN").await.unwrap();
    s.fetch(migrations.insert_history(&row)).await.unwrap();
    s.fetch("COMMIT").await.unwrap();
    s.fetch(migrations.finish_history(row.version, 1234)).await.unwrap();
    let rows = migrations.history(&s).await.unwrap().unwrap();
    assert!(!rows[0].installed_on.is_empty());
    assert_eq!(rows, [Applied { installed_on: rows[0].installed_on.clone(), execution_time: 1234, ..row.clone() }]);
    // The types that sqlx declares and stores.
    let types = s.fetch("SELECT group_concat(name || ' ' || type, ',') FROM pragma_table_info('_sqlx_migrations')").await.unwrap();
    assert_eq!(
        types.scalar(),
        Some("version BIGINT,description TEXT,installed_on TIMESTAMP,success BOOLEAN,checksum BLOB,execution_time BIGINT")
    );
    let stored = s.fetch("SELECT typeof(checksum), length(checksum), typeof(success) FROM _sqlx_migrations").await.unwrap();
    assert_eq!(stored.rows[0], [Some("blob".into()), Some("48".into()), Some("integer".into())]);
    s.fetch(migrations.delete_history(row.version)).await.unwrap();
    assert_eq!(migrations.history(&s).await.unwrap(), Some(vec![]));

    // The lock tells a writer from none, and the preconditions too.
    migrations.lock(&s, Duration::from_secs(1)).await.unwrap();
    let severity = |found: &[Finding], check: &str| found.iter().find(|f| f.check == check).map(|f| f.severity);
    let found = migrations.preconditions(&s).await.unwrap();
    for check in ["sqlite-writable", "sqlite-writers", "sqlite-sound", "sqlite-foreign-keys"] {
        assert_eq!(severity(&found, check), Some(Severity::Ok), "{found:?}");
    }
    let other = rusqlite::Connection::open(place.file()).unwrap();
    other
        .execute_batch(
            "CREATE TABLE c (p REFERENCES t (rowid)); DROP TABLE c; CREATE TABLE p (id INTEGER PRIMARY KEY);
                         CREATE TABLE k (p REFERENCES p (id)); INSERT INTO k VALUES (9); BEGIN IMMEDIATE",
        )
        .unwrap_err();
    other.execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO k VALUES (9); BEGIN IMMEDIATE").unwrap();
    let e = migrations.lock(&s, Duration::ZERO).await.unwrap_err();
    assert!(e.message.contains("locked by another connection (this process)"), "{e}");
    let found = migrations.preconditions(&s).await.unwrap();
    assert_eq!(severity(&found, "sqlite-writers"), Some(Severity::Critical));
    assert_eq!(severity(&found, "sqlite-foreign-keys"), Some(Severity::Warning), "{found:?}");
    let s = place.session(Access::ReadOnly).await;
    assert_eq!(severity(&migrations.preconditions(&s).await.unwrap(), "sqlite-writable"), Some(Severity::Critical));
}

#[tokio::test]
async fn a_result_spills_and_every_row_comes_back() {
    let place = Place::with(SHOP);
    let s = place.session(Access::ReadOnly).await;
    let mut stream = s.run("SELECT a.id, b.id, a.name, b.phone FROM customers a, customers b LIMIT 60000").await.unwrap();
    let spill = RowSpill::new(place.dir.path().join("spill"));
    let mut first = None;
    while let Some(event) = stream.next().await {
        if let Event::Rows(batch) = event.unwrap() {
            first.get_or_insert(batch.rows());
            spill.append(batch).unwrap();
        }
    }
    assert!(first.unwrap() <= 64, "the first rows come at once");
    assert_eq!(spill.rows(), 60_000);
    assert!(spill.bytes_on_disk() > 1_000_000);
    for row in [0u64, 63, 64, 2999, 3000, 59_999] {
        let (batch, start) = spill.batch_for(row).unwrap();
        let r = (row - start) as usize;
        assert_eq!(batch.cell(r, 0), Cell::Number((row / 3000 + 1).to_string().as_bytes()));
        assert_eq!(batch.cell(r, 1), Cell::Number((row % 3000 + 1).to_string().as_bytes()));
    }
    assert!(spill.batch_for(60_000).is_none());
}
