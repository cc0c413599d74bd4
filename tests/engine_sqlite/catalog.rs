//! The schema tree, plans and the canonical catalogue.

use super::*;

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
    assert_eq!(catalog.preview(&orders, 20, None).as_deref(), Some("SELECT * FROM \"orders\" LIMIT 20"));
    assert_eq!(s.fetch(catalog.preview(&orders, 2, None).unwrap()).await.unwrap().rows.len(), 2);
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

    let joined = "SELECT count(*) FROM customers c JOIN notes n ON n.customer = c.name";
    let plan = s.explain(joined, true).await.unwrap();
    assert!(plan.analyzed && plan.root.rows == Some(1.0) && plan.execution_ms.is_some());
    assert!(plan.counters["vm steps"] > 5000 && plan.counters["full-scan steps"] >= 99, "{:?}", plan.counters);
    let found = holdpoint::plan::findings::findings(&plan, &Default::default());
    // Of a hundred rows it is built in no time, and none is proposed.
    assert!(found.iter().any(|f| f.id == "F39" && f.sql.is_none() && f.next.contains("in no time")), "{found:?}");
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
    let place = Place::with("CREATE TABLE t (a); CREATE VIRTUAL TABLE Fts USING fts5(x); INSERT INTO Fts VALUES ('hello'), ('other')");
    let (engine, s) = (place.engine(), place.session(Access::ReadOnly).await);
    let found = s.fetch("SELECT highlight(Fts, 0, '<', '>') FROM fts('hello')").await.unwrap();
    assert_eq!((found.rows.len(), found.scalar()), (1, Some("<hello>")));
    let names: Vec<String> =
        ["fts", "count", "UPPER", "json_each", "pragma_table_info", "load_extension", "my_own", "pragma_wal_checkpoint"]
            .map(String::from)
            .into();
    let writing = engine.catalog().get().unwrap().writing_functions(&s, &names).await.unwrap();
    assert_eq!(writing, ["load_extension", "my_own", "pragma_wal_checkpoint"]);
}

#[tokio::test]
async fn functions_that_give_rows_are_proposed_before_they_were_used() {
    let place = Place::with("CREATE TABLE t (a)");
    let (engine, s) = (place.engine(), place.session(Access::ReadOnly).await);
    let names = engine.catalog().get().unwrap().names(&s).await.unwrap();
    for (text, wanted) in [("select * from json_ea", "json_each("), ("select * from pragma_table_in", "pragma_table_info(")] {
        let found = holdpoint::sql::complete::complete(engine.dialect(), text, text.len(), &names);
        assert_eq!(found.list.first().map(|p| p.insert.as_str()), Some(wanted), "{text}");
    }
    s.fetch("SELECT count(*) FROM pragma_table_info('t')").await.unwrap();
}
