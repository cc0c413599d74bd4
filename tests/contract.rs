//! What every engine promises, run over all of them: SQLite in a file, PostgreSQL and MariaDB as private servers.

mod support;

use holdpoint::config::surroundings::Surroundings;
use holdpoint::config::{AccessMode, EngineKind, SslMode, Target};
use holdpoint::engine::{Access, Connect, Engine, Event, Role, Session, registry};
use holdpoint::model::{Cell, Dialect, Kind, NodeKind, NodePath, ReadOnly, Silent, TxState};
use std::sync::Arc;
use support::maria::MariaServer;
use support::pg::PgServer;
use tokio_util::sync::CancellationToken;

/// An engine over a database of its own, with what is needed to make another one.
struct Place {
    name: &'static str,
    target: Target,
    /// Keeps the SQLite file alive.
    _dir: Option<tempfile::TempDir>,
}

fn fresh_name() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static N: AtomicU32 = AtomicU32::new(0);
    format!("contract_{}", N.fetch_add(1, Ordering::Relaxed))
}

fn sqlite() -> Place {
    let dir = tempfile::tempdir().expect("directory");
    let file = dir.path().join("contract.db");
    std::fs::File::create(&file).expect("file");
    std::fs::create_dir(dir.path().join("scratch")).expect("scratch");
    let mut target = Target::bare("contract", EngineKind::Sqlite);
    target.path = Some(file);
    target.scratch = Some(dir.path().join("scratch").display().to_string());
    Place { name: "SQLite", target, _dir: Some(dir) }
}

fn postgres() -> Place {
    let server = PgServer::shared();
    let name = fresh_name();
    server.create_database(&name);
    let mut target = Target::bare("contract", EngineKind::Postgres);
    target.host = Some("127.0.0.1".into());
    target.port = Some(server.port);
    target.user = Some("postgres".into());
    target.database = Some(name);
    target.sslmode = SslMode::Disable;
    let mut scratch = target.clone();
    scratch.name = "scratch".into();
    scratch.database = Some("postgres".into());
    target.scratch = Some("scratch".into());
    target.scratch_target = Some(Box::new(scratch));
    Place { name: "PostgreSQL", target, _dir: None }
}

fn mariadb() -> Place {
    let server = MariaServer::shared();
    let name = fresh_name();
    server.create_database(&name);
    let mut target = Target::bare("contract", EngineKind::MySql);
    target.socket = Some(server.socket.clone());
    target.user = Some("root".into());
    target.database = Some(name);
    let mut scratch = target.clone();
    scratch.name = "scratch".into();
    scratch.database = None;
    target.scratch = Some("scratch".into());
    target.scratch_target = Some(Box::new(scratch));
    Place { name: if MariaServer::is_mysql() { "MySQL" } else { "MariaDB" }, target, _dir: None }
}

impl Place {
    fn engine(&self) -> Arc<dyn Engine> {
        let mut t = self.target.clone();
        t.access = AccessMode::Open;
        registry::engine(t, None)
    }
    async fn open(&self, access: Access) -> Session {
        self.engine().connect(Connect::new(Role::Query, access)).await.unwrap_or_else(|e| panic!("{}: {e:?}", self.name))
    }
}

/// Makes one test for each engine out of one promise.
macro_rules! promise {
    ($(#[$doc:meta])* $name:ident, $body:expr) => {
        mod $name {
            use super::*;
            fn run(place: Place) {
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
                let body: fn(Place) -> futures_util::future::BoxFuture<'static, ()> = |p| Box::pin(($body)(p));
                runtime.block_on(async {
                    tokio::time::timeout(support::PATIENCE * 2, body(place)).await.expect("in time");
                });
            }
            #[test]
            fn sqlite() {
                run(super::sqlite());
            }
            #[test]
            fn postgresql() {
                run(super::postgres());
            }
            #[test]
            fn mariadb() {
                run(super::mariadb());
            }
        }
    };
}

async fn cells(s: &Session, sql: &str) -> Vec<Vec<Option<String>>> {
    s.fetch(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}")).rows
}

promise!(values_come_as_the_servers_text, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    let rows = cells(&s, "select 1, 'a''b', null, 1.50, 'ü漢'").await;
    let text = |t: &str| Some(t.to_string());
    // SQLite has no decimals: 1.50 is a floating-point number there.
    let decimal = if p.name == "SQLite" { "1.5" } else { "1.50" };
    assert_eq!(rows, vec![vec![text("1"), text("a'b"), None, text(decimal), text("ü漢")]]);
});

promise!(zero_rows_still_have_columns, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table t (id int, name varchar(20))").await;
    let table = s.fetch("select id, name from t").await.expect("select");
    let names: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["id", "name"]);
    assert!(table.rows.is_empty());
    assert!(table.columns.iter().all(|c| !c.type_name.is_empty()), "{:?}", table.columns);
});

promise!(only_one_statement_runs, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table t (id int)").await;
    let e = s.fetch("insert into t values (1); insert into t values (2)").await.expect_err("two statements must be refused");
    assert!(!e.message.is_empty());
    assert_eq!(cells(&s, "select count(*) from t").await[0][0].as_deref(), Some("0"), "nothing of it may have run");
});

promise!(affected_rows_and_transaction_state_are_told, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table t (id int)").await;
    assert_eq!(s.status().tx, TxState::Idle);
    s.fetch("begin").await.expect("begin");
    assert_eq!(s.status().tx, TxState::Open);
    let t = s.fetch("insert into t values (1), (2), (3)").await.expect("insert");
    assert_eq!(t.affected, Some(3));
    s.fetch("rollback").await.expect("rollback");
    assert_eq!(s.status().tx, TxState::Idle);
    assert_eq!(cells(&s, "select count(*) from t").await[0][0].as_deref(), Some("0"));
});

promise!(an_error_keeps_the_session, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    let e = s.fetch("select * from no_such_table").await.expect_err("an error");
    assert_eq!(e.kind, Kind::Statement);
    assert!(e.message.contains("no_such_table"), "{e:?}");
    assert_eq!(cells(&s, "select 7").await[0][0].as_deref(), Some("7"));
});

promise!(a_read_only_session_cannot_write, async |p: Place| {
    let w = p.open(Access::ReadWrite).await;
    cells(&w, "create table t (id int)").await;
    cells(&w, "insert into t values (1)").await;
    let s = p.open(Access::ReadOnly).await;
    assert_ne!(s.status().read_only, ReadOnly::No, "the session must say what stands behind read-only");
    for sql in ["insert into t values (2)", "update t set id = 3", "delete from t", "create table u (id int)", "drop table t"] {
        s.fetch(sql).await.map(|_| ()).expect_err(sql);
    }
    assert_eq!(cells(&s, "select id from t").await, vec![vec![Some("1".to_string())]]);
    assert_eq!(cells(&w, "select id from t").await, vec![vec![Some("1".to_string())]]);
});

promise!(cancel_ends_the_statement_and_keeps_the_session, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    let slow = match s.dialect() {
        Dialect::Postgres => "select pg_sleep(600)",
        Dialect::MySql => &MariaServer::asleep(600, "long"),
        Dialect::Sqlite => "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c",
    };
    let mut stream = s.run(slow).await.expect("run");
    // The statement is running once the actor took it; cancelling again until it ends needs no guess about when that is.
    let end = loop {
        tokio::select! {
            event = stream.next() => match event {
                Some(Ok(Event::Columns(_) | Event::Notice(_))) => {}
                other => break other,
            },
            () = tokio::time::sleep(std::time::Duration::from_millis(50)) => s.cancel().await.expect("cancel"),
        }
    };
    match end {
        Some(Err(e)) => assert_eq!(e.kind, Kind::Cancelled, "{e:?}"),
        other => panic!("the statement ended otherwise: {other:?}"),
    }
    assert_eq!(cells(&s, "select 8").await[0][0].as_deref(), Some("8"));
});

promise!(a_stream_that_is_dropped_frees_the_session, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    let many = match s.dialect() {
        Dialect::Postgres => "select * from generate_series(1, 50000000)",
        Dialect::MySql => &format!("select seq from {}", MariaServer::numbers(50_000_000)),
        Dialect::Sqlite => "with recursive c(x) as (select 1 union all select x + 1 from c where x < 50000000) select x from c",
    };
    let mut stream = s.run(many).await.expect("run");
    loop {
        match stream.next().await {
            Some(Ok(Event::Rows(b))) => {
                assert!(matches!(b.cell(0, 0), Cell::Number(_) | Cell::Text(_)));
                break;
            }
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    drop(stream);
    assert_eq!(cells(&s, "select 9").await[0][0].as_deref(), Some("9"));
});

promise!(statements_over_a_table_run_as_they_are_written, async |p: Place| {
    use holdpoint::ops::{Connection, Cx, schema};
    use holdpoint::sql::template::Template;
    let s = p.open(Access::ReadWrite).await;
    let d = s.dialect();
    let q = |n: &str| d.quote_ident(n);
    let counted = match d {
        Dialect::Postgres => "int generated by default as identity primary key",
        Dialect::MySql => "int auto_increment primary key",
        Dialect::Sqlite => "integer primary key",
    };
    for sql in [
        format!(
            "create table {} (id {counted}, {} varchar(20) not null, {} int, twice int generated always as (2 * {}) stored)",
            q("Odd Table"),
            q("select"),
            q("two words"),
            q("two words")
        ),
        format!("create view looked_at as select id, {} from {}", q("select"), q("Odd Table")),
        "create table pairs (a int not null, b int not null, note varchar(20), primary key (b, a))".into(),
        "create table keyless (a int)".into(),
    ] {
        cells(&s, &sql).await;
    }
    let mut target = p.target.clone();
    target.access = AccessMode::Open;
    let dir = tempfile::tempdir().expect("directory");
    let around = Surroundings::made_up(dir.path(), dir.path(), []);
    let cx = Cx::new(holdpoint::config::files::load_in(None, &around).expect("configuration"));
    let conn = Connection::over(registry::engine(target, None));
    let schema_name = match d {
        Dialect::Postgres => "public".to_string(),
        Dialect::MySql => p.target.database.clone().expect("database"),
        Dialect::Sqlite => "main".into(),
    };
    let at = |kind, name: &str| NodePath::root().child(NodeKind::Schema, &*schema_name).child(kind, name);
    for (table, values) in [("Odd Table", 2), ("pairs", 3)] {
        for (template, affected) in [(Template::Insert, 1), (Template::Update, 1), (Template::Select, 0), (Template::Delete, 1)] {
            let text = schema::template(&cx, &conn, &at(NodeKind::Table, table), template).await.expect("a statement");
            assert!(!text.contains("public") && !text.contains(&schema_name.to_uppercase()), "the bare name is enough: {text}");
            let text = text.trim_end().trim_end_matches(';');
            let given = holdpoint::sql::params::placeholders(d, text);
            if template == Template::Insert {
                assert_eq!(given.len(), values, "{}: {text}", p.name);
            }
            let values = holdpoint::sql::params::names(&given)
                .into_iter()
                // What an UPDATE sets is new, or MariaDB does not count the row.
                .map(|n| (n, if template == Template::Update && !matches!(n, ":id" | ":a" | ":b") { "2" } else { "1" }))
                .map(|(n, v)| (n.to_string(), holdpoint::sql::params::typed_value(d, v)))
                .collect();
            let text = &holdpoint::sql::params::inline(d, text, &values).expect("values in their places");
            let t = s.fetch(text.clone()).await.unwrap_or_else(|e| panic!("{}: {text}: {e:?}", p.name));
            if template == Template::Select {
                assert_eq!(t.rows.len(), 1, "{}: {text}", p.name);
            } else {
                assert_eq!(t.affected, Some(affected), "{}: {text}", p.name);
            }
        }
    }
    let text = schema::template(&cx, &conn, &at(NodeKind::View, "looked_at"), Template::Select).await.expect("a statement");
    assert!(text.contains(&q("select")), "{text}");
    cells(&s, text.trim_end().trim_end_matches(';')).await;
    schema::template(&cx, &conn, &at(NodeKind::View, "looked_at"), Template::Delete).await.expect_err("a view");
    if d != Dialect::Sqlite {
        let e = schema::template(&cx, &conn, &at(NodeKind::Table, "keyless"), Template::Update).await.expect_err("no key");
        assert!(e.message.contains("no primary key"), "{e:?}");
    }
});

promise!(comments_come_with_the_nodes, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    let schema = match s.dialect() {
        // SQLite keeps comments only in a definition's text.
        Dialect::Sqlite => return,
        Dialect::Postgres => {
            for sql in [
                "create table orders (id int primary key, total int)",
                "comment on table orders is 'what was bought'",
                "comment on column orders.total is 'in cents'",
                "comment on index orders_pkey is 'counts up'",
            ] {
                cells(&s, sql).await;
            }
            "public".to_string()
        }
        Dialect::MySql => {
            let sql = "create table orders (id int, total int comment 'in cents', primary key (id) comment 'counts up') comment 'what was bought'";
            cells(&s, sql).await;
            p.target.database.clone().expect("database")
        }
    };
    let engine = p.engine();
    let catalog = engine.catalog().get().expect("catalogue");
    let schema = NodePath::root().child(NodeKind::Schema, schema);
    let orders = schema.child(NodeKind::Table, "orders");
    let indexes = orders.child(NodeKind::Group, "Indexes");
    for (at, name, comment) in [(&schema, "orders", "what was bought"), (&orders, "total", "in cents"), (&orders, "id", "")] {
        let list = catalog.children(&s, at).await.expect("children");
        assert_eq!(list.iter().find(|n| n.name == name).expect(name).comment, comment, "{}", p.name);
    }
    assert_eq!(catalog.children(&s, &indexes).await.expect("children")[0].comment, "counts up", "{}", p.name);
    // What comes sooner has the same names in the same order.
    if let Some(names) = catalog.outline(&s, &schema).await.expect("outline") {
        let named = |l: Vec<holdpoint::model::SchemaNode>| {
            l.into_iter().filter(|n| n.kind != NodeKind::Group).map(|n| (n.kind, n.name, n.expandable)).collect::<Vec<_>>()
        };
        assert_eq!(named(names), named(catalog.children(&s, &schema).await.expect("children")), "{}", p.name);
    }
});

fn own_schema(p: &Place) -> String {
    match p.name {
        "PostgreSQL" => "public".to_string(),
        "MariaDB" | "MySQL" => p.target.database.clone().expect("database"),
        _ => "main".into(),
    }
}

promise!(sizes_come_from_statistics, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table big (id int primary key, filler varchar(200))").await;
    cells(&s, "create table empty_one (id int)").await;
    cells(&s, "create view looking as select id from big").await;
    cells(&s, "create index big_filler on big (filler)").await;
    let many = match s.dialect() {
        Dialect::Postgres => "insert into big select n, repeat('x', 180) from generate_series(1, 2000) n",
        Dialect::MySql => &format!("insert into big select seq, repeat('x', 180) from {}", MariaServer::numbers(2000)),
        Dialect::Sqlite => {
            "with recursive c(n) as (select 1 union all select n + 1 from c where n < 2000) insert into big select n, printf('%.180c', 'x') from c"
        }
    };
    cells(&s, many).await;
    cells(&s, if s.dialect() == Dialect::MySql { "analyze table big" } else { "analyze" }).await;
    // As the console looks: read-only, with a short limit for locks.
    let engine = p.engine();
    let reader = engine.connect(Connect::new(Role::Background, Access::ReadOnly)).await.expect("a background session");
    let catalog = engine.catalog().get().expect("catalogue");
    let schema = own_schema(&p);
    // Somebody holds the table: nothing waits for that.
    if s.dialect() == Dialect::Postgres {
        cells(&s, "begin").await;
        cells(&s, "lock table big in access exclusive mode").await;
    }
    let usage = catalog.usage(&reader, &schema).await.unwrap_or_else(|e| panic!("{}: {e:?}", p.name));
    let names: Vec<_> = usage.relations.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["big", "empty_one"], "{}", p.name);
    let big = &usage.relations[0];
    assert!((1_000..4_000).contains(&big.rows.unwrap_or(0)), "{}: {big:?}", p.name);
    assert!((300_000..4_000_000).contains(&big.bytes.unwrap_or(0)), "{}: {big:?}", p.name);
    assert!(big.index_bytes.unwrap_or(0) > 4_000, "{}: {big:?}", p.name);
    match p.name {
        "PostgreSQL" => assert!(big.reads.is_some() && big.writes.is_some(), "{big:?}"),
        "SQLite" => assert!(usage.remarks.iter().any(|r| r.contains("no reads or writes")), "{:?}", usage.remarks),
        // Either there are figures, or it is said how to get them.
        _ => assert!(big.reads.is_some() || usage.remarks.iter().any(|r| r.contains("userstat")), "{usage:?}"),
    }
});

promise!(what_uses_an_object_is_known, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    let d = s.dialect();
    for sql in match d {
        Dialect::Postgres => &[
            "create table customers (id int primary key, name text, worth int, grade int generated always as (worth / 10) stored)",
            "create table orders (id int primary key, customer_id int references customers on delete cascade, total int check (total > 0))",
            "create index by_name on customers (lower(name))",
            "create view rich as select id, name from customers where worth > 5",
            "create view richer as select id from rich",
            "create function count_rich() returns bigint language plpgsql as $$ begin return (select count(*) from customers where worth > 5); end $$",
            "create function unrelated() returns text language sql as $$ select 'customers' -- customers\n $$",
            "create function touch() returns trigger language plpgsql as $$ begin return new; end $$",
            "create trigger touched before update of name on customers for each row execute function touch()",
        ][..],
        Dialect::MySql => &[
            "create table customers (id int primary key, name varchar(40), worth int, grade int as (worth / 10) stored)",
            "create table orders (id int primary key, customer_id int, total int check (total > 0), constraint of_customer foreign key (customer_id) references customers (id) on delete cascade)",
            "create index by_name on customers (name)",
            "create view rich as select id, name from customers where worth > 5",
            "create view richer as select id from rich",
            "create function count_rich() returns bigint reads sql data return (select count(*) from customers where worth > 5)",
            "create function unrelated() returns text deterministic return 'customers'",
            "create trigger touched before update on customers for each row set new.name = upper(new.name)",
        ],
        Dialect::Sqlite => &[
            "create table customers (id int primary key, name text, worth int, grade int generated always as (worth / 10) stored)",
            "create table orders (id int primary key, customer_id int references customers on delete cascade, total int check (total > 0))",
            "create index by_name on customers (lower(name))",
            "create view rich as select id, name from customers where worth > 5",
            "create view richer as select id from rich",
            "create trigger touched after update of name on customers begin select 'orders'; end",
        ],
    } {
        cells(&s, sql).await;
    }
    let engine = p.engine();
    let catalog = engine.catalog().get().expect("catalogue");
    let schema = NodePath::root().child(NodeKind::Schema, own_schema(&p));
    let customers = schema.child(NodeKind::Table, "customers");
    let users = async |at: NodePath| {
        let mut out = Vec::new();
        for u in catalog.dependents(&s, &at).await.unwrap_or_else(|e| panic!("{}: {at:?}: {e:?}", p.name)) {
            // Each leads to a node of the tree.
            let (last, above) = u.path.0.split_last().expect("a path");
            let list = catalog.children(&s, &NodePath(above.to_vec())).await.expect("the list above");
            assert!(list.iter().any(|n| (n.kind, &n.name) == (last.0, &last.1)), "{}: {u:?}", p.name);
            out.push((u.kind, last.1.clone(), u.by_text));
        }
        out
    };
    let has =
        |found: &[(NodeKind, String, bool)], kind: NodeKind, name: &str| found.iter().any(|(k, n, _)| *k == kind && n.starts_with(name));
    let table = users(customers.clone()).await;
    for (kind, name) in [(NodeKind::View, "rich"), (NodeKind::Index, "by_name"), (NodeKind::Trigger, "touched")] {
        assert!(has(&table, kind, name), "{}: {name} uses customers: {table:?}", p.name);
    }
    let key = if d == Dialect::MySql {
        "of_customer"
    } else if d == Dialect::Sqlite {
        "(customer_id)"
    } else {
        "orders_customer_id_fkey"
    };
    assert!(has(&table, NodeKind::Constraint, key), "{}: {table:?}", p.name);
    assert!(!has(&table, NodeKind::View, "richer"), "{}: not the table itself: {table:?}", p.name);
    if d != Dialect::Sqlite {
        let by_text = table.iter().find(|(_, n, _)| n.starts_with("count_rich")).unwrap_or_else(|| panic!("{}: {table:?}", p.name));
        assert!(by_text.2, "found by its text alone");
        assert!(!has(&table, NodeKind::Function, "unrelated"), "{}: a string is no name: {table:?}", p.name);
    }
    let column = users(customers.child(NodeKind::Column, "worth")).await;
    assert!(has(&column, NodeKind::View, "rich") && has(&column, NodeKind::Column, "grade"), "{}: {column:?}", p.name);
    assert!(!has(&column, NodeKind::Index, "by_name") && !has(&column, NodeKind::Trigger, "touched"), "{}: {column:?}", p.name);
    let name = users(customers.child(NodeKind::Column, "name")).await;
    for (kind, wanted) in [(NodeKind::View, "rich"), (NodeKind::Index, "by_name"), (NodeKind::Trigger, "touched")] {
        assert!(has(&name, kind, wanted), "{}: {wanted} uses customers.name: {name:?}", p.name);
    }
    assert!(!has(&name, NodeKind::Column, "grade"), "{}: {name:?}", p.name);
    let view = users(schema.child(NodeKind::View, "rich")).await;
    assert!(has(&view, NodeKind::View, "richer"), "{}: {view:?}", p.name);
    if d == Dialect::Postgres {
        let touch = schema.child(NodeKind::Group, "Functions").child(NodeKind::Function, "touch()");
        assert!(has(&users(touch).await, NodeKind::Trigger, "touched"));
    }
});

promise!(saved_queries_and_waiting_migrations_are_looked_through, async |p: Place| {
    use holdpoint::ops::{Connection, Cx, used_by};
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table orders (id int primary key, total int)").await;
    let dir = tempfile::tempdir().expect("directory");
    for (name, text) in [
        ("queries/late.sql", "-- what is late\nselect id\nfrom orders where total > 5"),
        ("queries/deep/other.sql", "select 'orders' as word -- orders"),
        ("migrations/20260101000000_note.up.sql", "alter table orders add note int;\n"),
        ("migrations/20260101000000_note.down.sql", "alter table orders drop column note;\n"),
    ] {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
        std::fs::write(path, text).expect("a file");
    }
    let around = Surroundings::made_up(dir.path(), dir.path(), []);
    let cx = Cx::new(holdpoint::config::files::load_in(None, &around).expect("configuration"));
    let mut target = p.target.clone();
    target.access = AccessMode::Open;
    target.migrations = Some(dir.path().join("migrations"));
    let conn = Connection::over(registry::engine(target.clone(), None));
    let orders = NodePath::root().child(NodeKind::Schema, own_schema(&p)).child(NodeKind::Table, "orders");
    let found = used_by::used_by(&cx, &conn, &orders).await.expect("what uses it");
    let queries: Vec<_> = found.queries.iter().map(|m| (m.name.as_str(), m.line, m.text.as_str())).collect();
    assert_eq!(queries, [("late", 3, "from orders where total > 5")], "{}", p.name);
    let migrations: Vec<_> = found.migrations.iter().map(|m| (m.name.as_str(), m.line)).collect();
    assert_eq!(migrations, [("20260101000000 note (up)", 1), ("20260101000000 note (down)", 1)], "{}: {found:?}", p.name);
    assert!(found.remarks.is_empty(), "{:?}", found.remarks);
    let total = used_by::used_by(&cx, &conn, &orders.child(NodeKind::Column, "total")).await.expect("what uses it");
    assert_eq!((total.queries.len(), total.migrations.len()), (1, 0), "{}: {total:?}", p.name);
    // Without a directory that is said, and the rest is told.
    target.migrations = None;
    let conn = Connection::over(registry::engine(target, None));
    let found = used_by::used_by(&cx, &conn, &orders).await.expect("what uses it");
    assert_eq!(found.queries.len(), 1);
    assert!(found.remarks.iter().any(|r| r.contains("no migrations directory")), "{:?}", found.remarks);
});

/// A bit of everything that a definition has to tell.
fn everything(d: Dialect) -> Vec<&'static str> {
    match d {
        Dialect::Postgres => vec![
            "create schema other",
            "comment on schema other is 'apart'",
            "create type mood as enum ('good', 'it''s bad')",
            "comment on type mood is 'of a customer'",
            "create domain cents as bigint default 0 check (value >= 0)",
            "create domain label as text collate \"C\" not null constraint short check (length(value) < 9)",
            "comment on domain cents is 'money'",
            "create type pair as (a int, b text collate \"C\")",
            "create type spans as range (subtype = float8, subtype_diff = float8mi)",
            "create sequence free_numbers as smallint increment by -2 minvalue -100 maxvalue 9 start with 9 cache 3 cycle",
            "comment on sequence free_numbers is 'counts down'",
            "create function other.twice(n int default 1, variadic rest int[] default '{}') returns int language sql immutable strict parallel safe cost 7 as $$ select 2 * n $$",
            "comment on function other.twice(int, int[]) is 'doubles; it''s quick'",
            "create procedure nothing(inout x int) language plpgsql as $$ begin x := 1; end $$",
            "create function add_up(state int, n int) returns int language sql as $$ select coalesce(state, 0) + coalesce(n, 0) $$",
            "create aggregate total_of(int) (sfunc = add_up, stype = int, initcond = '0', combinefunc = add_up, parallel = safe)",
            "comment on aggregate total_of(int) is 'sum'",
            "create function touch() returns trigger language plpgsql as $$ begin return new; end $$",
            "create table customers (id serial primary key, name varchar(40) not null default 'nobody; really', \"Mixed Case\" text collate \"C\", feeling mood default 'good', \
             worth cents, tags text[] default '{}', constraint named check (name <> ''), constraint one_name unique (name, feeling))",
            "comment on table customers is 'who buys; it''s long'",
            "comment on column customers.name is 'as told'",
            "comment on constraint named on customers is 'never empty'",
            "alter table customers alter column name set statistics 77, alter column tags set storage external, alter column name set (n_distinct = 5)",
            "create index customers_lower_again on customers using btree (lower(name) desc nulls last) include (worth) where worth > 5",
            "create unique index customers_cover on customers (\"Mixed Case\" text_pattern_ops, worth desc) with (fillfactor = 70)",
            "comment on index customers_cover is 'by pattern'",
            "alter table customers cluster on customers_cover",
            "create statistics customers_stats (dependencies) on name, worth from customers",
            "create table other.orders (id bigint generated always as identity (start with 100 increment by 5), customer_id int not null references customers on delete cascade deferrable initially deferred, \
             nr int generated by default as identity, total numeric(10, 2) not null, vat numeric generated always as (total * 0.2) stored, during tstzrange, \
             primary key (id), exclude using gist (during with &&)) with (fillfactor = 90, autovacuum_enabled = false)",
            "alter table other.orders add constraint big_again check (total < 1000000) not valid",
            "alter table other.orders replica identity full",
            "create trigger touched_again before update of total on other.orders for each row when (old.total is distinct from new.total) execute function touch()",
            "create trigger asleep after insert on other.orders referencing new table as fresh for each statement execute function touch()",
            "alter table other.orders disable trigger asleep",
            "comment on trigger asleep on other.orders is 'not now'",
            "create rule keep as on delete to other.orders where old.total > 5 do instead nothing",
            "alter table other.orders enable row level security",
            "alter table other.orders force row level security",
            "create policy mine on other.orders as restrictive for select to public using (total > 0)",
            "create unlogged table log (at timestamptz default now(), line text compression pglz)",
            "create table parent (a int, b text not null)",
            "create table child (c int) inherits (parent)",
            "create table measured (at date not null, value int, primary key (at)) partition by range (at)",
            "create index measured_value on measured (value)",
            "create trigger measuring after insert on measured for each row execute function touch()",
            "create table measured_2025 partition of measured (constraint sane check (value > 0)) for values from ('2025-01-01') to ('2026-01-01')",
            "create table measured_rest partition of measured default",
            "create table \"Odd; Name\" (\"a\"\"b\" int)",
            "create view rich with (security_barrier = true) as select id, name from customers where worth > 5 with local check option",
            "comment on view rich is 'few'",
            "comment on column rich.name is 'of the rich'",
            "create function insert_rich() returns trigger language plpgsql as $$ begin return null; end $$",
            "create trigger into_rich instead of insert on rich for each row execute function insert_rich()",
            "create materialized view sums as select customer_id, sum(total) as total from other.orders group by 1",
            "create unique index sums_by on sums (customer_id)",
            "create materialized view unfilled as select 1 as one with no data",
            "create view richer as select * from rich join sums on sums.customer_id = rich.id",
        ],
        Dialect::MySql if MariaServer::is_mysql() => vec![
            "create function twice(n int) returns int deterministic comment 'doubles; it''s quick' return 2 * n",
            "create procedure nothing(inout x int) modifies sql data begin if x > 1 then set x = 1; end if; end",
            "create table customers (id int auto_increment primary key comment 'counts; up', name varchar(40) not null default 'nobody; really', `Mixed Case` text, \
             feeling enum('good', 'it''s bad') default 'good', worth decimal(10, 2) default 0 check (worth >= 0), at timestamp default current_timestamp on update current_timestamp, \
             upper_name varchar(40) as (upper(name)) virtual, stored_name varchar(40) as (lower(name)) stored, place point not null srid 4326, doc json, \
             marked varchar(36) default (uuid()), unseen int invisible, \
             unique key one_name (name, feeling) comment 'once', fulltext key words (`Mixed Case`), key beginning (`Mixed Case`(7)), \
             key folded ((lower(name))), key falling (worth desc, name), key asleep (feeling) invisible, key many ((cast(doc->'$.tags' as char(20) array))), \
             spatial key (place), constraint sane check (name <> '') not enforced) \
             comment 'who buys; it''s long' row_format = dynamic default charset = utf8mb4 collate = utf8mb4_unicode_ci",
            "create table orders (id bigint unsigned, customer_id int not null, total decimal(10, 2), primary key (id), key (customer_id), \
             constraint of_customer foreign key (customer_id) references customers (id) on delete cascade on update restrict) engine = InnoDB",
            "create table parts (id int, at date) partition by range (year(at)) (partition p0 values less than (2020), partition p1 values less than maxvalue)",
            "create table `odd; name` (`a``b` int) engine = MyISAM",
            "create trigger touched_again before update on orders for each row begin if new.total < 0 then set new.total = 0; end if; end",
            "create view rich as select id, name from customers where worth > 5 with local check option",
            "create sql security invoker view richer as select rich.id from rich join orders on orders.customer_id = rich.id",
            "create event nightly on schedule every 1 day starts '2030-01-01 00:00:00' disable comment 'rests' do begin delete from orders where total = 0; end",
        ],
        Dialect::MySql => vec![
            "create sequence numbers start with 5 increment by 2 maxvalue 99 cycle",
            "create function twice(n int) returns int deterministic comment 'doubles; it''s quick' return 2 * n",
            "create function long_one(n int) returns int deterministic begin declare x int; set x = n; while x > 3 do set x = x - 1; end while; return x; end",
            "create procedure nothing(inout x int) modifies sql data begin if x > 1 then set x = 1; end if; end",
            "create table customers (id int auto_increment primary key comment 'counts; up', name varchar(40) not null default 'nobody; really', `Mixed Case` text, \
             feeling enum('good', 'it''s bad') default 'good', worth decimal(10, 2) default 0 check (worth >= 0), at timestamp default current_timestamp on update current_timestamp, \
             upper_name varchar(40) as (upper(name)) virtual, stored_name varchar(40) as (lower(name)) stored, place point, doc json, \
             unique key one_name (name, feeling) comment 'once', fulltext key words (`Mixed Case`), key beginning (`Mixed Case`(7)), constraint sane check (name <> '')) \
             comment 'who buys; it''s long' row_format = dynamic default charset = utf8mb4 collate = utf8mb4_unicode_ci",
            "insert into customers (name) values ('one'), ('two')",
            "create table orders (id bigint unsigned, customer_id int not null, total decimal(10, 2), primary key (id), key (customer_id), \
             constraint of_customer foreign key (customer_id) references customers (id) on delete cascade on update restrict) engine = InnoDB",
            "create table parts (id int, at date) partition by range (year(at)) (partition p0 values less than (2020), partition p1 values less than maxvalue)",
            "create table `odd; name` (`a``b` int) engine = Aria",
            "create trigger touched_again before update on orders for each row begin if new.total < 0 then set new.total = 0; end if; end",
            "create view rich as select id, name from customers where worth > 5 with local check option",
            "create sql security invoker view richer as select rich.id from rich join orders on orders.customer_id = rich.id",
            "create event nightly on schedule every 1 day starts '2030-01-01 00:00:00' disable comment 'rests' do begin delete from orders where total = 0; end",
        ],
        Dialect::Sqlite => vec![
            "create table customers (id integer primary key autoincrement, name text not null default 'nobody; really' collate nocase, \"Mixed Case\" text, \
             worth real default (1.5) check (worth >= 0), twice real generated always as (worth * 2) virtual, /* a comment; here */ constraint named unique (name, worth))",
            "create table orders (id integer not null, customer_id int references customers on delete cascade deferrable initially deferred, total numeric, primary key (id desc, total))",
            "create table pairs (a int, b int, primary key (b, a)) without rowid, strict",
            "create index orders_again on orders (total desc, lower(customer_id)) where total > 5",
            "create unique index customers_cover on customers (\"Mixed Case\" collate rtrim)",
            "create table \"odd; name\" (\"a\"\"b\" int)",
            "create trigger touched_again after update of total on orders for each row when new.total < 0 begin update orders set total = 0 where id = new.id; delete from pairs where a = 'x;y'; end",
            "create view rich as select id, name from customers where worth > 5",
            "create trigger into_rich instead of insert on rich begin insert into customers (name) values (new.name); end",
            "create virtual table words using fts5(body, tokenize = 'porter')",
        ],
    }
}

promise!(a_definition_makes_the_object_again, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    let d = s.dialect();
    // PostgreSQL compresses as a column says since 14 (`tests/matrix` comes here with older ones).
    let compresses = d != Dialect::Postgres || s.identity().major.parse::<u32>().is_ok_and(|m| m >= 14);
    for sql in everything(d) {
        cells(&s, &if compresses { sql.to_string() } else { sql.replace(" compression pglz", "") }).await;
    }
    let engine = p.engine();
    let catalog = engine.catalog().get().expect("catalogue");
    let mut todo = vec![NodePath::root()];
    let mut definitions: Vec<(NodePath, String)> = Vec::new();
    let mut leaves: Vec<(NodePath, String)> = Vec::new();
    let own = p.target.database.clone().unwrap_or_default();
    while let Some(at) = todo.pop() {
        for n in catalog.children(&s, &at).await.unwrap_or_else(|e| panic!("{}: {at:?}: {e:?}", p.name)) {
            let path = at.child(n.kind, &n.name);
            match n.kind {
                // Only the database itself; public is everywhere.
                NodeKind::Schema if d == Dialect::MySql && n.name != own => continue,
                NodeKind::Schema if d != Dialect::Postgres || n.name == "public" => {}
                NodeKind::Group | NodeKind::Column => {}
                // Parts of a virtual table come with it.
                NodeKind::Table if n.detail == "part of a virtual table" => continue,
                // Those of MySQL are no part of their table's definition.
                NodeKind::Trigger if d == Dialect::MySql => {
                    definitions.push((path.clone(), catalog.definition(&s, &path).await.expect("definition")));
                }
                NodeKind::Index | NodeKind::Constraint | NodeKind::Trigger => {
                    if n.name.ends_with("_again") {
                        leaves.push((path.clone(), catalog.definition(&s, &path).await.expect("definition")));
                    }
                }
                _ => {
                    let text = catalog.definition(&s, &path).await.unwrap_or_else(|e| panic!("{}: {path:?}: {e:?}", p.name));
                    // Sequences of columns come with their table.
                    let of_column = n.kind == NodeKind::Sequence && (text.contains("OWNED BY") || n.name.starts_with("orders_"));
                    if !of_column {
                        definitions.push((path.clone(), text));
                    }
                }
            }
            if n.expandable {
                todo.push(path);
            }
        }
    }
    let expected = catalog.objects(&s).await.expect("objects");
    assert!(leaves.len() >= usize::from(d != Dialect::MySql) * 2, "{leaves:?}");

    let empty = match d {
        Dialect::Postgres => super::postgres(),
        Dialect::MySql => super::mariadb(),
        Dialect::Sqlite => super::sqlite(),
    };
    let new = empty.open(Access::ReadWrite).await;
    // Objects need each other: again and again, until none is left.
    while !definitions.is_empty() {
        let before = definitions.len();
        let mut refused = Vec::new();
        for (path, text) in definitions {
            let statements: Vec<String> = holdpoint::sql::split(d, &text).into_iter().map(|st| text[st.span].to_string()).collect();
            if d != Dialect::MySql {
                cells(&new, "begin").await;
            }
            let mut error = None;
            for sql in &statements {
                if let Err(e) = new.fetch(sql.clone()).await {
                    error = Some((sql.clone(), e));
                    break;
                }
            }
            if d != Dialect::MySql {
                cells(&new, if error.is_some() { "rollback" } else { "commit" }).await;
            }
            if let Some((sql, e)) = error {
                refused.push((path, text, format!("{sql}\n{e:?}")));
            }
        }
        assert!(refused.len() < before, "{}: {}", p.name, refused.iter().map(|r| r.2.as_str()).collect::<Vec<_>>().join("\n\n"));
        definitions = refused.into_iter().map(|(path, text, _)| (path, text)).collect();
    }
    let compare = async |why: &str| {
        let objects = empty.engine().catalog().get().expect("catalogue").objects(&new).await.expect("objects");
        let missing: Vec<_> = expected.iter().filter(|o| !objects.contains(o)).collect();
        let more: Vec<_> = objects.iter().filter(|o| !expected.contains(o)).collect();
        // The database's own name and settings are no object of the definitions.
        let counts = |o: &&&holdpoint::model::CanonicalObject| !matches!(o.kind.as_str(), "owner" | "privileges" | "database");
        let (missing, more): (Vec<_>, Vec<_>) = (missing.iter().filter(counts).collect(), more.iter().filter(counts).collect());
        assert!(missing.is_empty() && more.is_empty(), "{} {why}:\nmissing {missing:#?}\ninstead {more:#?}", p.name);
    };
    compare("after all definitions").await;
    for (path, text) in leaves {
        let (kind, name) = path.last().expect("a name");
        let name = d.quote_ident(name);
        let table = path.name_of(NodeKind::Table).map(|t| d.quote_ident(t)).unwrap_or_default();
        let schema = path.name_of(NodeKind::Schema).map(|t| d.quote_ident(t)).unwrap_or_default();
        let drop = match (kind, d) {
            (NodeKind::Index, _) => format!("drop index {schema}.{name}"),
            (NodeKind::Constraint, _) => format!("alter table {schema}.{table} drop constraint {name}"),
            (_, Dialect::Postgres) => format!("drop trigger {name} on {schema}.{table}"),
            _ => format!("drop trigger {name}"),
        };
        cells(&new, &drop).await;
        for st in holdpoint::sql::split(d, &text) {
            cells(&new, &text[st.span]).await;
        }
        compare(&text).await;
    }
});

promise!(every_name_leads_to_a_node_of_the_tree, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    for sql in match s.dialect() {
        Dialect::Postgres => &[
            "create table parent (id serial primary key)",
            "create table child (id int primary key, parent_id int references parent, \"Odd Name\" text)",
            "create index child_parent on child (parent_id)",
            "create view both_of_them as select child.id from child",
            "create materialized view kept as select 1 as one",
            "create type mood as enum ('good', 'bad')",
            "create function twice(n int) returns int language sql as 'select 2 * n'",
            "create function touch() returns trigger language plpgsql as 'begin return new; end'",
            "create trigger touched before update on child for each row execute function touch()",
        ][..],
        Dialect::MySql => &[
            "create table parent (id int primary key)",
            "create table child (id int primary key, parent_id int, `Odd Name` text, foreign key (parent_id) references parent (id))",
            "create index child_parent on child (parent_id)",
            "create view both_of_them as select child.id from child",
            "create function twice(n int) returns int deterministic return 2 * n",
            "create procedure nothing() begin end",
            "create trigger touched before update on child for each row set new.id = old.id",
        ],
        Dialect::Sqlite => &[
            "create table parent (id integer primary key)",
            "create table child (id integer primary key, parent_id int references parent, \"Odd Name\" text unique)",
            "create index child_parent on child (parent_id)",
            "create view both_of_them as select child.id from child",
            "create trigger touched after update on child begin select 1; end",
        ],
    } {
        cells(&s, sql).await;
    }
    let engine = p.engine();
    let catalog = engine.catalog().get().expect("catalogue");
    let names = catalog.names(&s).await.expect("names");
    let mut paths: Vec<NodePath> = Vec::new();
    for r in names.relations.iter().filter(|r| !r.system) {
        paths.push(r.path());
        paths.extend(r.columns.iter().map(|c| r.path().child(NodeKind::Column, &*c.name)));
    }
    paths.extend(names.places().map(|(p, name)| p.path(name)));
    for wanted in ["child", "Odd Name", "child_parent", "touched", "both_of_them"] {
        assert!(paths.iter().any(|p| p.last().is_some_and(|(_, n)| n == wanted)), "{}: {wanted}", p.name);
    }
    if s.dialect() != Dialect::Sqlite {
        assert!(paths.iter().any(|p| p.last().is_some_and(|(k, n)| *k == NodeKind::Function && n.starts_with("twice"))), "{}", p.name);
    }
    for path in paths {
        // The way that the console goes: each list along the path has the next name.
        let mut above = NodePath::root();
        for (kind, name) in &path.0 {
            let list = catalog.children(&s, &above).await.unwrap_or_else(|e| panic!("{}: {above:?}: {e:?}", p.name));
            assert!(list.iter().any(|n| n.kind == *kind && n.name == *name), "{}: {path:?} has no {name}", p.name);
            above = above.child(*kind, name);
        }
    }
    let having = names.columns.iter().find(|(n, _)| &**n == "parent_id").expect("parent_id");
    assert_eq!(having.1.iter().map(|i| &*names.relations[*i as usize].name).collect::<Vec<_>>(), ["child"]);
});

promise!(the_catalogue_shows_what_is_there, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table parent (id int primary key)").await;
    cells(
        &s,
        "create table child (id int primary key, parent_id int not null, name varchar(20), foreign key (parent_id) references parent (id))",
    )
    .await;
    cells(&s, "create index child_name on child (name)").await;
    cells(&s, "create view both_of_them as select child.id from child").await;
    let engine = p.engine();
    let catalog = engine.catalog().get().expect("catalogue");
    // Wherever the engine puts them: look through the tree, loading as a user would.
    let mut todo = vec![NodePath::root()];
    let mut seen = Vec::new();
    while let Some(at) = todo.pop() {
        for n in catalog.children(&s, &at).await.unwrap_or_else(|e| panic!("{}: {at:?}: {e:?}", p.name)) {
            let path = at.child(n.kind, &n.name);
            if n.expandable {
                todo.push(path.clone());
            }
            seen.push((path, n));
        }
    }
    let find = |kind: NodeKind, name: &str| {
        seen.iter().find(|(_, n)| n.kind == kind && n.name == name).unwrap_or_else(|| panic!("{}: no {kind:?} {name}", p.name))
    };
    let (child, _) = find(NodeKind::Table, "child");
    find(NodeKind::View, "both_of_them");
    find(NodeKind::Index, "child_name");
    let (_, column) = find(NodeKind::Column, "parent_id");
    assert!(column.marks.iter().any(|m| m.contains("parent")), "{}: the foreign key is not marked: {:?}", p.name, column.marks);
    let definition = catalog.definition(&s, child).await.expect("definition");
    assert!(definition.to_lowercase().contains("create table") && definition.contains("parent_id"), "{definition}");
    let preview = catalog.preview(child, 10, None).expect("preview");
    s.fetch(preview).await.expect("the preview runs");
});

promise!(completion_knows_tables_columns_keys_and_functions, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table parent (id int primary key, label varchar(20))").await;
    cells(&s, "create table child (id int primary key, parent_id int not null, foreign key (parent_id) references parent (id))").await;
    cells(&s, "create view both_of_them as select child.id as child_id from child").await;
    let engine = p.engine();
    let names = engine.catalog().get().expect("catalogue").names(&s).await.unwrap_or_else(|e| panic!("{}: {e:?}", p.name));
    let child = names.relation(None, "child").unwrap_or_else(|| panic!("{}: no child", p.name));
    assert_eq!(child.columns.iter().map(|c| &*c.name).collect::<Vec<_>>(), ["id", "parent_id"], "{}", p.name);
    assert!(child.columns[0].type_name.to_lowercase().starts_with("int"), "{}: {}", p.name, child.columns[0].type_name);
    assert_eq!(names.relation(None, "both_of_them").map(|r| r.kind), Some(NodeKind::View), "{}", p.name);
    if s.dialect() != Dialect::MySql {
        // What can conflict: keys of several columns, unique indexes, a key without an index of its own, and a column with an odd name.
        cells(&s, "create table entry (id integer primary key, a int, b int, c int, \"Odd \"\"Name\" int, note text, unique (b, \"Odd \"\"Name\"))").await;
        cells(&s, "create unique index entry_c on entry (c) where c > 0").await;
        cells(&s, "create index entry_a on entry (a)").await;
        let names = engine.catalog().get().expect("catalogue").names(&s).await.expect("names");
        let text = "insert into entry (a) values (1) on conflict (";
        let found = holdpoint::sql::complete::complete(s.dialect(), text, text.len(), &names);
        let found: Vec<&str> = found.list.iter().map(|f| f.insert.as_str()).collect();
        assert_eq!(found, ["id", "b", "c", "\"Odd \"\"Name\""], "{}", p.name);
        assert!(s.fetch("insert into entry (id, b, \"Odd \"\"Name\") values (1, 1, 1) on conflict (a) do nothing").await.is_err());
        cells(&s, "drop table entry").await;
    }
    assert_eq!(names.foreign_keys.len(), 1, "{}: {:?}", p.name, names.foreign_keys);
    assert!(names.functions.iter().any(|f| &**f == "coalesce" || &**f == "count"), "{}", p.name);
    let text = "select * from child c join ";
    let found = holdpoint::sql::complete::complete(s.dialect(), text, text.len(), &names);
    let best = found.list.first().map(|f| f.insert.clone()).unwrap_or_default();
    assert_eq!(best, "parent on parent.id = c.parent_id", "{}", p.name);
    // Databases that were left for later are read by their name.
    if s.dialect() == Dialect::MySql {
        assert!(names.unread.iter().any(|u| u == "mysql") && names.relation(Some("mysql"), "user").is_none(), "{:?}", names.unread);
        let mut names = names;
        let more = engine.catalog().get().expect("catalogue").names_of(&s, "mysql").await.expect("names of mysql");
        assert!(more.iter().all(|r| r.system), "the server's own");
        names.add("mysql", &more);
        let text = "select * from mysql.db where us";
        let found = holdpoint::sql::complete::complete(s.dialect(), "select * from mysql.d", 21, &names);
        assert!(found.list.iter().any(|f| f.insert == "db") && found.unread.is_empty(), "{found:?}");
        let found = holdpoint::sql::complete::complete(s.dialect(), text, text.len(), &names);
        assert!(
            found.list.iter().any(|f| f.insert == "user" || f.insert == "`User`" || f.insert == "`user`" || f.insert == "User"),
            "{found:?}"
        );
    } else {
        assert!(names.unread.is_empty(), "{}: {:?}", p.name, names.unread);
    }
});

promise!(the_canonical_catalogue_notices_changes_and_only_changes, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table t (id int primary key, name varchar(20))").await;
    let engine = p.engine();
    let catalog = engine.catalog().get().expect("catalogue");
    let before = catalog.objects(&s).await.expect("objects");
    assert!(!before.is_empty());
    assert_eq!(before, catalog.objects(&s).await.expect("objects"));
    cells(&s, "alter table t add column extra int").await;
    assert_ne!(before, catalog.objects(&s).await.expect("objects"), "{}: an added column was not noticed", p.name);
    cells(&s, "alter table t drop column extra").await;
    assert_eq!(before, catalog.objects(&s).await.expect("objects"), "{}: add and drop must leave nothing", p.name);
    cells(&s, "create index t_name on t (name)").await;
    assert_ne!(before, catalog.objects(&s).await.expect("objects"), "{}: an index was not noticed", p.name);
});

promise!(a_plan_has_a_tree_and_analyze_never_writes, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table t (id int primary key, grp int)").await;
    cells(&s, "insert into t values (1, 1), (2, 1), (3, 2)").await;
    let r = p.open(Access::ReadOnly).await;
    let plan = r.explain("select grp, count(*) from t where id > 1 group by grp order by 2", false).await.expect("plan");
    assert!(!plan.analyzed);
    let mut scans = 0;
    plan.root.walk(0, &mut |_, n| scans += usize::from(n.relation.as_deref().is_some_and(|r| r == "t" || r.ends_with(".t"))));
    assert_eq!(scans, 1, "{}: {:#?}", p.name, plan.root);
    let plan = r.explain("select * from t where id > 1", true).await.expect("analyze");
    assert!(plan.analyzed);
    assert!(plan.execution_ms.is_some(), "{}", p.name);
    r.explain("delete from t", true).await.map(|_| ()).expect_err("a write must not be analysed");
    assert_eq!(cells(&s, "select count(*) from t").await[0][0].as_deref(), Some("3"));
});

promise!(a_backup_restores_equal_and_a_damaged_one_does_not, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table t (id int primary key, name varchar(20))").await;
    for i in 0..50 {
        cells(&s, &format!("insert into t values ({i}, 'name {i}')")).await;
    }
    let engine = p.engine();
    let backups = engine.backups().get().expect("backups");
    let dir = tempfile::tempdir().expect("directory");
    let cancel = CancellationToken::new();
    let manifest = backups.take(dir.path(), "tester", &Silent, &cancel).await.unwrap_or_else(|e| panic!("{}: {e:?}", p.name));
    assert!(!manifest.artefacts.is_empty());
    assert_eq!(manifest.identity.subject(), s.identity().subject());
    let scratch = backups.restore(dir.path(), &manifest, None, &Silent, &cancel).await.unwrap_or_else(|e| panic!("{}: {e:?}", p.name));
    let same = backups.compare(dir.path(), &manifest, &scratch, &Silent, &cancel).await.expect("compare");
    assert!(same.is_empty(), "{}: {same:?}", p.name);
    // The negative control: one changed value in the restored copy must be found.
    let other = registry::engine(scratch.target.clone(), None);
    let w = other.connect(Connect::new(Role::Migration, Access::ReadWrite)).await.expect("scratch");
    cells(&w, "update t set name = 'other' where id = 7").await;
    w.close().await;
    let differs = backups.compare(dir.path(), &manifest, &scratch, &Silent, &cancel).await.expect("compare");
    assert!(!differs.is_empty(), "{}: a changed value was not noticed", p.name);
    backups.discard(scratch).await.expect("discard");
    // A damaged artefact is refused before anything is restored.
    let largest = manifest.artefacts.iter().max_by_key(|a| a.bytes).expect("artefact");
    let file = dir.path().join(&largest.path);
    let bytes = std::fs::read(&file).expect("artefact");
    std::fs::write(&file, &bytes[..bytes.len() / 2]).expect("truncate");
    let e = backups.restore(dir.path(), &manifest, None, &Silent, &cancel).await.err().expect("a truncated backup must be refused");
    assert!(e.message.contains(&largest.path) || e.detail.iter().any(|d| d.contains(&largest.path)), "{}: {e:?}", p.name);
});

promise!(the_identity_names_the_server_and_the_database, async |p: Place| {
    let s = p.open(Access::ReadOnly).await;
    let again = p.open(Access::ReadWrite).await;
    let id = s.identity();
    assert_eq!(id, again.identity());
    assert!(!id.server_id.is_empty() && !id.version.is_empty() && !id.database.is_empty(), "{id:?}");
    assert!(id.product.contains(p.name), "{id:?}");
});

promise!(a_results_columns_name_the_table_that_they_come_from, async |p: Place| {
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table a_parent (id int not null, part int not null, note varchar(20), primary key (part, id))").await;
    cells(&s, "create table no_key (x int)").await;
    cells(&s, "create view a_view as select id from a_parent").await;
    let engine = p.engine();
    let catalog = engine.catalog().get().expect("catalog");
    let t = s.fetch("select p.note as n, p.id, p.id + 1 as more from a_parent p").await.expect("select");
    let origin = t.columns[0].origin.clone().expect("note comes from the table");
    assert_eq!(t.columns[2].origin, None, "what is computed comes from no column");
    let info = catalog.table(&s, &origin.table).await.expect("table").expect("is there");
    assert_eq!((info.name.as_str(), info.key.as_slice()), ("a_parent", &["part".to_string(), "id".into()][..]));
    let note = info.columns.iter().find(|c| c.id == origin.column).expect("its column");
    assert!(note.name == "note" && note.nullable && !note.generated, "{note:?}");
    assert!(!info.columns[0].nullable);
    // The same by the name that a statement has.
    let by_name = catalog.table(&s, &["a_parent".to_string()]).await.expect("table").expect("is there");
    assert_eq!(by_name, info);
    let none = catalog.table(&s, &["no_key".to_string()]).await.expect("table").expect("is there").key;
    // A SQLite table without a key still has its row numbers.
    assert_eq!(none, if p.name == "SQLite" { vec!["rowid".to_string()] } else { vec![] });
    assert_eq!(catalog.table(&s, &["a_view".to_string()]).await.expect("no error"), None);
    assert_eq!(catalog.table(&s, &["nowhere".to_string()]).await.expect("no error"), None);
});

promise!(who_waits_for_a_transaction_is_seen, async |p: Place| {
    let engine = p.engine();
    let locks = match engine.locks() {
        holdpoint::engine::Capability::No(why) => return assert!(!why.is_empty()),
        other => other.get().expect("locks"),
    };
    let s = p.open(Access::ReadWrite).await;
    cells(&s, "create table held (id int primary key, v int)").await;
    cells(&s, "insert into held values (1, 1)").await;
    cells(&s, "begin").await;
    cells(&s, "update held set v = 2 where id = 1").await;
    let watcher = engine.connect(Connect::new(Role::Background, Access::ReadOnly)).await.expect("watcher");
    let backend = s.backend().expect("a server names its connections");
    assert_eq!(locks.running(&watcher, backend).await.expect("looked").filter(|t| !t.contains("update held")), None);
    let held = locks.held(&watcher, backend).await.expect("held");
    assert!(!held.is_empty(), "{}: a write holds something", p.name);
    assert!(locks.waiting_for(&watcher, backend).await.expect("nobody yet").is_empty());
    let other = p.open(Access::ReadWrite).await;
    let blocked = tokio::spawn(async move { other.fetch("update held set v = 3 where id = 1").await });
    let found = loop {
        let now = locks.waiting_for(&watcher, backend).await.expect("waiting");
        if let Some(first) = now.into_iter().next() {
            break first;
        }
        // InnoDB renews what it tells of transactions only when nobody has asked for 0.1 s.
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    };
    assert!(found.statement.contains("update held"), "{found:?}");
    cells(&s, "rollback").await;
    blocked.await.expect("joined").expect("goes on");
    // Who waits for the whole table, to change it.
    cells(&s, "begin").await;
    cells(&s, "update held set v = 4 where id = 1").await;
    let other = p.open(Access::ReadWrite).await;
    let blocked = tokio::spawn(async move { other.fetch("alter table held add column more int").await });
    // What InnoDB told before may stand there for a moment.
    while !locks.waiting_for(&watcher, backend).await.expect("waiting").iter().any(|w| w.statement.contains("alter table held")) {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    }
    cells(&s, "rollback").await;
    blocked.await.expect("joined").expect("goes on");
});

promise!(a_session_that_runs_something_is_seen_and_can_be_ended, async |p: Place| {
    let engine = p.engine();
    let Ok(locks) = engine.locks().get() else { return };
    let watcher = engine.connect(Connect::new(Role::Background, Access::ReadOnly)).await.expect("watcher");
    let s = p.open(Access::ReadWrite).await;
    let backend = s.backend().expect("a server names its connections");
    // A server sends its answer before it takes the statement out of its list: what opened the session may stand there for a moment.
    while locks.running(&watcher, backend).await.expect("looked").is_some() {
        tokio::task::yield_now().await;
    }
    assert!(!locks.end(&watcher, backend).await.expect("looked"), "nothing runs yet");
    let slow = if p.name == "PostgreSQL" { "select pg_sleep(600)" } else { "select sleep(600)" };
    let running = tokio::spawn(async move { s.fetch(slow).await });
    while !locks.running(&watcher, backend).await.expect("looked").is_some_and(|t| t.contains("sleep(600)")) {
        tokio::task::yield_now().await;
    }
    // MariaDB shows the text while it is prepared, too; then for a moment nothing runs.
    while locks.busy(&watcher).await.expect("counted") == 0 {
        tokio::task::yield_now().await;
    }
    while !locks.end(&watcher, backend).await.expect("ended") {
        tokio::task::yield_now().await;
    }
    running.await.expect("joined").expect_err("its connection is gone");
    while locks.running(&watcher, backend).await.expect("looked").is_some() {
        tokio::task::yield_now().await;
    }
});
