//! What uses an object: in the database, in saved queries, in waiting migrations.

use super::*;

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

// An empty list is read as "it may go": what the server would refuse, or what would fail afterwards, has to stand in it.
promise!(what_breaks_with_an_object_is_known_however_it_uses_it, async |p: Place| {
    use holdpoint::ops::{Connection, Cx, used_by};
    let s = p.open(Access::ReadWrite).await;
    let d = s.dialect();
    let other = format!("{}_afar", own_schema(&p));
    let of_maria = d == Dialect::MySql && s.identity().product == "MariaDB";
    let mut made: Vec<String> = match d {
        Dialect::Postgres => vec![
            "create table gone (w int)".into(),
            "create table used (k int, z int, q int)".into(),
            "create rule keeps as on update to used where old.z > 1 do also delete from gone where w = 1".into(),
            "create function builds(c text) returns void language plpgsql as $$ begin execute format('update used set q = %L', c); end $$"
                .into(),
            "create function helper(int, int) returns boolean language sql immutable as 'select $1 > $2'".into(),
            "create operator @@@ (leftarg = int, rightarg = int, function = helper)".into(),
            "create domain checked as int check (helper(value, 1))".into(),
            "create table parted (at int, v int) partition by range (at)".into(),
            "create table parted_1 partition of parted for values from (0) to (10)".into(),
            "create view of_part as select v from parted_1".into(),
            "create sequence numbers".into(),
            "create function next() returns bigint language sql as $$select nextval('numbers')$$".into(),
            "create type shape as (w int, h int)".into(),
            "create table shaped of shape".into(),
            "create table boxes (s shape)".into(),
            "create view widths as select (s).w from boxes".into(),
            "create table rows_of (r used)".into(),
        ],
        Dialect::MySql => vec![
            "create table used (k int, z int, q int, y int default (z + 1))".into(),
            "create table parted (at int, v int) partition by hash (at) partitions 2".into(),
            format!("create database `{other}`"),
            format!("create view `{other}`.seen as select z from `{}`.used", own_schema(&p)),
        ],
        Dialect::Sqlite => vec![
            "create table used (k int, z int, q int, check (q > z))".into(),
            "create virtual table words using fts5(q, content='used')".into(),
        ],
    };
    if of_maria {
        made.extend(["create sequence counts".into(), "create table numbered (n bigint default nextval(counts))".into()]);
        made.push("create procedure builds() execute immediate 'update used set q = 1'".into());
    }
    for sql in &made {
        cells(&s, sql).await;
    }
    let root = NodePath::root().child(NodeKind::Schema, own_schema(&p));
    let used = root.child(NodeKind::Table, "used");
    let parted = root.child(NodeKind::Table, "parted").child(NodeKind::Column, "at");
    let z = used.child(NodeKind::Column, "z");
    let q = used.child(NodeKind::Column, "q");
    let helper = root.child(NodeKind::Group, "Functions").child(NodeKind::Function, "helper(integer, integer)");
    let shape = root.child(NodeKind::Group, "Types").child(NodeKind::Type, "shape");
    let wanted: Vec<(NodePath, &str)> = match d {
        Dialect::Postgres => vec![
            (z.clone(), "rows_of.r"),
            (z, "keeps"),
            (q, "builds"),
            (helper.clone(), ".@@@(integer,integer)"),
            (helper, "checked"),
            (parted, "partitioned by RANGE (at)"),
            (root.child(NodeKind::Table, "parted").child(NodeKind::Column, "v"), "of_part"),
            (root.child(NodeKind::Group, "Sequences").child(NodeKind::Sequence, "numbers"), "next()"),
            (shape.clone(), "shaped"),
            (shape, "widths"),
        ],
        Dialect::MySql => {
            let mut all = vec![(z.clone(), "seen"), (z, "used.y"), (parted, "partitioned by")];
            if of_maria {
                all.extend([(q, "builds"), (root.child(NodeKind::Group, "Sequences").child(NodeKind::Sequence, "counts"), "numbered.n")]);
            }
            all
        }
        Dialect::Sqlite => vec![(z, "CHECK (q > z)"), (q, "words"), (used.clone(), "words")],
    };
    let engine = p.engine();
    let catalog = engine.catalog().get().expect("catalogue");
    for (at, name) in wanted {
        let found = catalog.dependents(&s, &at).await.unwrap_or_else(|e| panic!("{}: {at:?}: {e:?}", p.name));
        assert!(found.iter().any(|u| u.name.contains(name) || u.detail.contains(name)), "{}: {name} uses {at:?}: {found:?}", p.name);
    }
    // What is called otherwise by now is not used by nothing.
    let dir = tempfile::tempdir().expect("directory");
    let around = Surroundings::made_up(dir.path(), dir.path(), []);
    let cx = Cx::new(holdpoint::config::files::load_in(None, &around).expect("configuration"));
    let conn = Connection::over(registry::engine(p.target.clone(), None));
    cells(&s, "alter table used rename column k to kk").await;
    let e = used_by::used_by(&cx, &conn, &used.child(NodeKind::Column, "k")).await.expect_err("it is no longer there");
    assert!(e.message.contains("k is no longer there"), "{}: {e:?}", p.name);
    if d == Dialect::MySql {
        cells(&s, &format!("drop database `{other}`")).await;
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
        ("migrations/20260102000000_built.up.sql", "execute immediate 'delete from orders';\n"),
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
    assert_eq!(
        migrations,
        [("20260101000000 note (up)", 1), ("20260101000000 note (down)", 1), ("20260102000000 built (up)", 1)],
        "{}: {found:?}",
        p.name
    );
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
