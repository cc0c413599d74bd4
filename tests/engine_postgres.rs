//! The PostgreSQL engine against a real private server.

mod support;

use holdpoint::config::{EngineKind, SslMode, Target};
use holdpoint::engine::session::{Access, Event, Outcome};
use holdpoint::engine::{Connect, Engine, Role, Session, registry};
use holdpoint::model::manifest::Manifest;
use holdpoint::model::migration::Applied;
use holdpoint::model::{Cell, Error, Kind, NodeKind, NodePath, ReadOnly, Result, Severity, Silent, TxState};
use std::sync::Arc;
use std::time::Duration;
use support::pg::PgServer;
use tokio_util::sync::CancellationToken;

fn target(pg: &PgServer, database: &str) -> Target {
    let mut t = Target::bare("test", EngineKind::Postgres);
    t.socket = Some(pg.socket.clone());
    t.port = Some(pg.port);
    t.database = Some(database.into());
    t.user = Some("postgres".into());
    t
}

fn tcp(pg: &PgServer, database: &str) -> Target {
    let mut t = target(pg, database);
    t.socket = None;
    t.host = Some("127.0.0.1".into());
    t
}

fn engine(t: Target) -> Arc<dyn Engine> {
    registry::engine(t, None)
}

fn with_password(t: Target, password: &str) -> Arc<dyn Engine> {
    registry::engine(t, Some(password.to_string().into()))
}

async fn open(t: Target) -> Session {
    engine(t).connect(Connect::new(Role::Query, Access::ReadWrite)).await.expect("connects")
}

async fn open_read_only(t: Target) -> Session {
    engine(t).connect(Connect::new(Role::Query, Access::ReadOnly)).await.expect("connects read-only")
}

async fn refused(e: Arc<dyn Engine>) -> Error {
    e.connect(Connect::new(Role::Query, Access::ReadWrite)).await.err().expect("is refused")
}

/// All events of a statement.
async fn events(s: &Session, sql: &str) -> Result<Vec<Event>> {
    let mut stream = s.run(sql).await?;
    let mut out = Vec::new();
    while let Some(e) = stream.next().await {
        out.push(e?);
    }
    Ok(out)
}

fn done(events: &[Event]) -> Outcome {
    match events.last() {
        Some(Event::Done(o)) => o.clone(),
        other => panic!("no Done at the end: {other:?}"),
    }
}

#[tokio::test]
async fn a_statement_gives_columns_rows_and_its_tag() {
    let pg = PgServer::shared();
    let s = open(target(pg, "postgres")).await;
    let all = events(&s, "select i as n, 'x' || i as t, null::int as nothing from generate_series(1, 3) i").await.unwrap();
    let Event::Columns(c) = &all[0] else { panic!("{all:?}") };
    assert_eq!(
        c.iter().map(|c| (c.name.as_str(), c.type_name.as_str())).collect::<Vec<_>>(),
        [("n", "integer"), ("t", "text"), ("nothing", "integer")]
    );
    let Event::Rows(b) = &all[1] else { panic!("{all:?}") };
    assert_eq!(b.rows(), 3);
    assert_eq!((b.cell(2, 0), b.cell(2, 1), b.cell(2, 2)), (Cell::Number(b"3"), Cell::Text(b"x3"), Cell::Null));
    assert_eq!(done(&all).tag, "SELECT 3");
    assert_eq!(done(&all).affected, None);
    let none = events(&s, "select 1::numeric(10,2) as a, '{}'::text[] as b where false").await.unwrap();
    let Event::Columns(c) = &none[0] else { panic!("{none:?}") };
    assert_eq!(c[0].type_name, "numeric(10,2)");
    assert_eq!(c[1].type_name, "text[]");
    assert_eq!(none.len(), 2, "no batch for no rows");
    assert_eq!(done(&none).tag, "SELECT 0");
}

#[tokio::test]
async fn the_server_enforces_one_statement() {
    let pg = PgServer::shared();
    let s = open(target(pg, "postgres")).await;
    let e = events(&s, "select 1; drop table if exists x").await.unwrap_err();
    assert_eq!(e.code.as_deref(), Some("42601"));
    assert!(e.message.starts_with("one statement at a time"), "{e:?}");
    assert_eq!(events(&s, "").await.map(|e| done(&e).tag).unwrap(), "");
    assert_eq!(s.fetch("select 1").await.unwrap().scalar(), Some("1"));
}

#[tokio::test]
async fn errors_carry_position_detail_and_hint() {
    let pg = PgServer::shared();
    let s = open(target(pg, "postgres")).await;
    let sql = "select 'äöü', nosuch from pg_class";
    let e = events(&s, sql).await.unwrap_err();
    assert_eq!(e.code.as_deref(), Some("42703"));
    assert_eq!(&sql[e.position.unwrap()..][..6], "nosuch");
    let zero = events(&s, "select '\0'").await.unwrap_err();
    assert!(zero.message.contains("zero byte"));
    let all = events(&s, "do $$ begin raise notice 'hello' using detail = 'd', hint = 'h'; end $$").await.unwrap();
    let Event::Notice(n) = &all[0] else { panic!("{all:?}") };
    assert_eq!(
        (n.severity.as_str(), n.message.as_str(), n.detail.as_deref(), n.hint.as_deref()),
        ("NOTICE", "hello", Some("d"), Some("h"))
    );
}

#[tokio::test]
async fn the_transaction_state_is_known() {
    let pg = PgServer::shared();
    let s = open(target(pg, "postgres")).await;
    assert_eq!(s.status().tx, TxState::Idle);
    s.fetch("begin").await.unwrap();
    assert_eq!(s.status().tx, TxState::Open);
    let plan = s.explain("select 1", false).await.unwrap();
    assert_eq!(plan.root.raw_op, "Result");
    assert_eq!(s.status().tx, TxState::Open, "a plan leaves the transaction as it was");
    s.fetch("select 1/0").await.unwrap_err();
    assert_eq!(s.status().tx, TxState::Failed);
    s.explain("select 1", false).await.unwrap_err();
    s.fetch("rollback").await.unwrap();
    assert_eq!(s.status().tx, TxState::Idle);
}

#[tokio::test]
async fn cancel_ends_the_statement_and_keeps_the_session() {
    let pg = PgServer::shared();
    let s = open(tcp(pg, "postgres")).await;
    let pid = s.fetch("select pg_backend_pid()").await.unwrap().scalar().unwrap().to_string();
    let other = open(target(pg, "postgres")).await;
    let mut stream = s.run("select pg_sleep(600)").await.unwrap();
    while other
        .fetch_with(
            "select count(*) from pg_stat_activity where pid = $1::int and query like '%pg_sleep(600)%' and state = 'active'",
            vec![Some(pid.clone())],
        )
        .await
        .unwrap()
        .scalar()
        != Some("1")
    {}
    s.cancel().await.unwrap();
    let mut last = stream.next().await.unwrap();
    while matches!(last, Ok(Event::Columns(_))) {
        last = stream.next().await.unwrap();
    }
    assert_eq!(last.unwrap_err().kind, Kind::Cancelled);
    assert_eq!(s.fetch("select pg_backend_pid()").await.unwrap().scalar(), Some(pid.as_str()));
    // Nothing runs: cancelling does no harm to the next statement.
    for _ in 0..20 {
        s.cancel().await.unwrap();
        assert_eq!(s.fetch("select 1").await.unwrap().scalar(), Some("1"));
    }
}

#[tokio::test]
async fn a_dropped_stream_cancels_on_the_server() {
    let pg = PgServer::shared();
    let s = open(tcp(pg, "postgres")).await;
    let mut stream = s.run("select generate_series(1, 100000000), repeat('x', 100)").await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(Event::Columns(_)))));
    assert!(matches!(stream.next().await, Some(Ok(Event::Rows(_)))));
    drop(stream);
    let start = std::time::Instant::now();
    assert_eq!(s.fetch("select 1").await.unwrap().scalar(), Some("1"));
    assert!(start.elapsed() < std::time::Duration::from_secs(10), "the statement was not cancelled but read to its end");
}

#[tokio::test]
async fn read_only_sessions_are_proven_and_roll_back() {
    let pg = PgServer::shared();
    pg.create_database("ro");
    pg.psql(
        "ro",
        "create table t (i int); create role reader login; revoke create on schema public from public; grant select on t to reader",
    );
    let s = open_read_only(target(pg, "ro")).await;
    assert_eq!(s.status().read_only, ReadOnly::Session);
    let e = s.fetch("insert into t values (1)").await.unwrap_err();
    assert_eq!((e.kind, e.code.as_deref()), (Kind::ReadOnly, Some("25006")));
    let all = events(&s, "select * from t").await.unwrap();
    assert!(done(&all).rolled_back);
    let mut reader = target(pg, "ro");
    reader.user = Some("reader".into());
    assert_eq!(open_read_only(reader).await.status().read_only, ReadOnly::Role);
}

#[tokio::test]
async fn passwords_and_missing_things_are_told_apart() {
    let pg = PgServer::shared();
    let e = refused(engine(target(pg, "no such database"))).await;
    assert_eq!((e.kind, e.code.as_deref()), (Kind::Connect, Some("3D000")));
    let mut nobody = target(pg, "postgres");
    nobody.port = Some(1);
    assert_eq!(refused(engine(nobody)).await.kind, Kind::Connect);
    let mut tls = tcp(pg, "postgres");
    tls.sslmode = SslMode::Require;
    let e = refused(engine(tls)).await;
    assert!(e.message.contains("does not offer TLS"), "{e:?}");
    let _ = with_password(target(pg, "postgres"), "unused").connect(Connect::new(Role::Query, Access::ReadWrite)).await.unwrap();
}

/// A schema with one of nearly everything.
const ZOO: &str = "
create type mood as enum ('sad', 'happy');
create domain price as numeric(10,2) check (value >= 0);
create type pair as (a int, b text);
create table customers (id bigint generated always as identity primary key, name text not null unique, m mood default 'sad', p price, c pair);
create table orders (id serial primary key, customer bigint not null references customers, total numeric(10,2) not null default 0 check (total >= 0),
  twice numeric generated always as (total * 2) stored, at timestamptz not null default now(), note varchar(20) collate \"C\");
create index orders_at on orders (at desc) where total > 10;
create view big as select * from orders where total > 100;
create materialized view per_customer as select customer, sum(total) as total from orders group by customer;
create unique index on per_customer (customer);
create function touch() returns trigger language plpgsql as $$ begin new.at := now(); return new; end $$;
create trigger touched before update on orders for each row execute function touch();
create function add(a int, b int) returns int language sql immutable as 'select a + b';
create function danger() returns void language sql as 'delete from orders';
create table parts (k int not null, v text) partition by range (k);
create table parts_1 partition of parts for values from (0) to (100);
create table parts_2 partition of parts for values from (100) to (200);
alter table customers enable row level security;
create policy all_of_it on customers using (true);
create statistics orders_stats (dependencies) on customer, total from orders;
comment on table orders is 'what was ordered';
comment on column orders.note is 'it''s free text';
create table _sqlx_migrations (version bigint primary key);
insert into customers (name, p, c) values ('a', 1.5, row(1, 'x')), ('b', null, null);
insert into orders (customer, total, note) select 1 + i % 2, i, 'n' || i from generate_series(1, 500) i;
insert into parts select i, 'v' || i from generate_series(0, 199) i;
refresh materialized view per_customer;
analyze;
";

fn path(parts: &[(NodeKind, &str)]) -> NodePath {
    NodePath(parts.iter().map(|(k, n)| (*k, n.to_string())).collect())
}

#[tokio::test]
async fn the_tree_and_definitions_tell_what_is_there() {
    let pg = PgServer::shared();
    pg.create_database("tree");
    pg.psql("tree", ZOO);
    let e = engine(target(pg, "tree"));
    let s = e.connect(Connect::new(Role::Background, Access::ReadOnly)).await.unwrap();
    let c = e.catalog().get().unwrap();
    let schemas = c.children(&s, &NodePath::root()).await.unwrap();
    assert_eq!(schemas.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(), ["public"]);
    let public = NodePath::root().child(NodeKind::Schema, "public");
    let all = c.children(&s, &public).await.unwrap();
    let names: Vec<_> = all.iter().map(|n| (n.kind, n.name.as_str())).collect();
    assert!(
        names.contains(&(NodeKind::Table, "orders"))
            && names.contains(&(NodeKind::View, "big"))
            && names.contains(&(NodeKind::MaterializedView, "per_customer"))
    );
    assert_eq!(&names[names.len() - 3..], [(NodeKind::Group, "Sequences"), (NodeKind::Group, "Functions"), (NodeKind::Group, "Types")]);
    let orders = all.iter().find(|n| n.name == "orders").unwrap();
    assert_eq!(orders.rows, Some(500));
    assert!(orders.bytes.unwrap() >= 3 * 8192);
    assert_eq!(all.iter().find(|n| n.name == "parts_1").unwrap().detail, "partition of parts");

    let at = public.child(NodeKind::Table, "orders");
    let columns = c.children(&s, &at).await.unwrap();
    let by = |n: &str| columns.iter().find(|c| c.name == n).unwrap_or_else(|| panic!("{n} in {columns:?}"));
    assert_eq!(by("id").marks, ["PK", "DEFAULT nextval('public.orders_id_seq'::regclass)"]);
    assert_eq!(by("customer").marks, ["FK → customers.id", "NOT NULL"]);
    assert_eq!(by("twice").marks, ["GENERATED"]);
    assert_eq!(by("note").detail, "character varying(20)");
    let indexes = c.children(&s, &at.child(NodeKind::Group, "Indexes")).await.unwrap();
    assert_eq!(indexes[0].marks, ["PK"]);
    assert_eq!((indexes[1].name.as_str(), indexes[1].detail.as_str()), ("orders_at", "btree (at DESC) WHERE (total > (10)::numeric)"));
    for group in ["Constraints", "Triggers"] {
        assert!(!c.children(&s, &at.child(NodeKind::Group, group)).await.unwrap().is_empty(), "{group}");
    }
    let functions = c.children(&s, &public.child(NodeKind::Group, "Functions")).await.unwrap();
    assert!(functions.iter().any(|f| f.name == "add(a integer, b integer)" && f.detail == "→ integer"));
    assert!(c.children(&s, &public.child(NodeKind::Group, "Types")).await.unwrap().iter().any(|t| t.detail == "enum (sad, happy)"));
    assert_eq!(c.preview(&at, 100).unwrap(), "SELECT * FROM \"public\".\"orders\" LIMIT 100");

    // Every definition runs again in an empty database.
    pg.create_database("tree_again");
    let again = open(target(pg, "tree_again")).await;
    let split = |d: String| d;
    for at in [
        path(&[(NodeKind::Schema, "public"), (NodeKind::Group, "Types"), (NodeKind::Type, "mood")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Group, "Types"), (NodeKind::Type, "price")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Group, "Types"), (NodeKind::Type, "pair")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Table, "customers")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Group, "Sequences"), (NodeKind::Sequence, "orders_id_seq")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Group, "Functions"), (NodeKind::Function, "touch()")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Table, "orders")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::View, "big")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::MaterializedView, "per_customer")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Table, "parts")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Table, "parts_1")]),
        path(&[(NodeKind::Schema, "public"), (NodeKind::Group, "Functions"), (NodeKind::Function, "add(a integer, b integer)")]),
    ] {
        let text = split(c.definition(&s, &at).await.unwrap());
        pg.psql("tree_again", &text);
    }
    let e2 = engine(target(pg, "tree_again"));
    let want = c.objects(&s).await.unwrap();
    let have = e2.catalog().get().unwrap().objects(&again).await.unwrap();
    for kind in ["column", "index", "view", "function", "trigger", "column-order"] {
        for o in have.iter().filter(|o| o.kind == kind) {
            assert_eq!(want.iter().find(|w| (&w.kind, &w.name) == (&o.kind, &o.name)), Some(o));
        }
        assert!(have.iter().any(|o| o.kind == kind), "no {kind}");
    }
    assert!(!want.iter().any(|o| o.name.contains("_sqlx_migrations")), "the history table is left out");
    let tables = c.tables(&s).await.unwrap();
    assert_eq!(
        tables.iter().map(|t| t.full_name()).collect::<Vec<_>>(),
        ["public.customers", "public.orders", "public.parts_1", "public.parts_2"]
    );
    let unsure = c
        .writing_functions(
            &s,
            &["add".into(), "danger".into(), "lower".into(), "pg_catalog.now".into(), "nextval".into(), "no_such".into()],
        )
        .await
        .unwrap();
    assert_eq!(unsure, ["danger", "nextval", "no_such"]);
    let gone = c.definition(&s, &path(&[(NodeKind::Schema, "public"), (NodeKind::Table, "gone")])).await.unwrap_err();
    assert!(gone.message.contains("public.gone is no longer there"));
}

#[tokio::test]
async fn the_history_is_sqlx_s_and_the_lock_s_holder_is_named() {
    let pg = PgServer::shared();
    pg.create_database("history");
    let e = engine(target(pg, "history"));
    let how = || Connect::new(Role::Migration, Access::ReadWrite);
    let s = e.connect(how()).await.unwrap();
    let m = e.migrations().get().unwrap();
    assert_eq!(m.history(&s).await.unwrap(), None);
    m.ensure_history(&s).await.unwrap();
    m.ensure_history(&s).await.unwrap();
    let row = Applied {
        version: 7,
        description: "it's new".into(),
        installed_on: String::new(),
        success: false,
        checksum: "00ff".into(),
        execution_time: -1,
    };
    s.fetch(m.insert_history(&row)).await.unwrap();
    s.fetch(m.finish_history(7, 123)).await.unwrap();
    let history = m.history(&s).await.unwrap().unwrap();
    assert_eq!(history.len(), 1);
    assert!(!history[0].installed_on.is_empty());
    assert_eq!(Applied { installed_on: String::new(), ..history[0].clone() }, Applied { success: true, execution_time: 123, ..row });
    s.fetch(m.delete_history(7)).await.unwrap();
    assert_eq!(m.history(&s).await.unwrap(), Some(vec![]));

    m.lock(&s, Duration::ZERO).await.unwrap();
    let other = e.connect(how()).await.unwrap();
    let held = m.lock(&other, Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(held.kind, Kind::Held);
    let pid = s.fetch("select pg_backend_pid()").await.unwrap().scalar().unwrap().to_string();
    assert!(held.message.contains(&format!("session {pid} (postgres from")), "{held:?}");
    assert!(held.message.contains("holdpoint"), "{held:?}");
    m.unlock(&s).await.unwrap();
    m.lock(&other, Duration::ZERO).await.unwrap();
    assert!(m.unlock(&s).await.is_err(), "not ours any more");
}

#[tokio::test]
async fn preconditions_see_what_is_in_the_way_and_say_what_they_cannot_see() {
    let pg = PgServer::shared();
    pg.create_database("before");
    pg.psql("before", "create table t (i int); create role migrator login; grant all on schema public to migrator");
    let e = engine(target(pg, "before"));
    let how = || Connect::new(Role::Migration, Access::ReadWrite);
    let s = e.connect(how()).await.unwrap();
    let m = e.migrations().get().unwrap();
    let calm = m.preconditions(&s).await.unwrap();
    assert!(calm.iter().all(|f| f.severity <= Severity::Info), "{calm:?}");
    let holder = e.connect(how()).await.unwrap();
    holder.fetch("begin").await.unwrap();
    holder.fetch("lock table t in share mode").await.unwrap();
    let blocked = e.connect(Connect { lock_timeout: None, ..how() }).await.unwrap();
    let _waits = blocked.run("insert into t values (1)").await.unwrap();
    let found = loop {
        let all = m.preconditions(&s).await.unwrap();
        if let Some(f) = all.into_iter().find(|f| f.check == "waiting-locks" && f.severity == Severity::Critical) {
            break f;
        }
    };
    assert!(found.object == "t" && found.message.contains("RowExclusiveLock"), "{found:?}");
    let mut t = target(pg, "before");
    t.user = Some("migrator".into());
    let e = engine(t);
    let blind = e.connect(how()).await.unwrap();
    let all = e.migrations().get().unwrap().preconditions(&blind).await.unwrap();
    let unknown = all.iter().find(|f| f.check == "long-transactions").unwrap();
    assert_eq!((unknown.severity, unknown.lifts.as_deref()), (Severity::Unknown, Some("GRANT pg_read_all_stats TO \"migrator\"")));
}

/// A second server, for restores.
fn elsewhere() -> &'static PgServer {
    static SCRATCH: std::sync::OnceLock<PgServer> = std::sync::OnceLock::new();
    SCRATCH.get_or_init(|| PgServer::start_another(&[]))
}

async fn take(e: &Arc<dyn Engine>, dir: &std::path::Path) -> Manifest {
    e.backups().get().unwrap().take(dir, "tester", &Silent, &CancellationToken::new()).await.unwrap()
}

#[tokio::test]
async fn a_backup_restores_to_the_same_content() {
    let pg = PgServer::shared();
    pg.create_database("saved");
    pg.psql("saved", ZOO);
    pg.psql("saved", "create role owner_of_orders; alter table orders owner to owner_of_orders; create table types (a int[], r int4range, b bytea, f float8, n numeric, t timestamptz, d date, i interval, m money, x xml, v tsvector, j jsonb, u uuid, bits varbit(9), p point, net inet);
        insert into types values ('{1,NULL,3}', '[1,5)', '\\x00ff', 'NaN', 'NaN', 'infinity', '0044-03-15 BC', '1 mon -2 days 03:04:05.678', '12.34', '<a>x</a>', 'fat & cat'::text::tsvector, '{\"a\": [1, null]}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', B'101', '(1,2)', '10.0.0.1/8'), (null, 'empty', null, 'Infinity', -0.00, '-infinity', 'infinity', null, null, null, null, null, null, null, null, null);
        select lo_from_bytea(0, '\\xdeadbeef'); select setval('orders_id_seq', 900)");
    let mut t = target(pg, "saved");
    t.backups = Some(std::env::temp_dir());
    t.scratch = Some("scratch".into());
    t.scratch_target = Some(Box::new(Target { name: "scratch".into(), ..target(elsewhere(), "postgres") }));
    let e = engine(t);
    let b = e.backups().get().unwrap();
    let who = e.connect(Connect::new(Role::Background, Access::ReadOnly)).await.unwrap().identity().clone();
    let pre = b.preflight(&who).await;
    assert!(pre.iter().all(|f| f.severity < Severity::Warning), "{pre:?}");

    let dir = tempfile::tempdir().unwrap();
    let manifest = take(&e, dir.path()).await;
    assert!(manifest.tool.starts_with("pg_dump (PostgreSQL)") && manifest.artefacts.len() > 3, "{manifest:?}");
    assert_eq!(manifest.fingerprint.tables["public.orders"].rows, 500);
    assert_eq!(manifest.facts["large-objects"].split(' ').next(), Some("1"));
    let written = serde_json::to_string(&manifest).unwrap();
    let manifest: Manifest = serde_json::from_str(&written).unwrap();

    let cancel = CancellationToken::new();
    // Where production data lives, nothing is restored.
    let forbidden = open(target(elsewhere(), "postgres")).await.identity().server_id.clone();
    let held = b.restore(dir.path(), &manifest, Some(&forbidden), &Silent, &cancel).await.err().unwrap();
    assert_eq!(held.kind, Kind::Held);

    let scratch = b.restore(dir.path(), &manifest, Some(&who.server_id), &Silent, &cancel).await.unwrap();
    let name = scratch.target.database.clone().unwrap();
    let d = b.compare(dir.path(), &manifest, &scratch, &Silent, &cancel).await.unwrap();
    assert!(d.is_empty(), "{d:#?}");
    // What changes after the restore is seen: data, schema, a sequence, a large object.
    elsewhere().psql(&name, "update orders set note = 'changed' where id = 7; drop index orders_at; select nextval('orders_id_seq'); select lo_unlink(oid) from pg_largeobject_metadata; delete from types where a is null");
    let d = b.compare(dir.path(), &manifest, &scratch, &Silent, &cancel).await.unwrap();
    assert_eq!(d.schema, ["index public.orders_at is missing"]);
    for sign in [
        "public.orders.note: 500 values, other than before",
        "sequence public.orders_id_seq",
        "large objects differ",
        "public.types: 2 rows before, 1 after",
    ] {
        assert!(d.data.iter().any(|l| l.contains(sign)), "{sign} in {d:#?}");
    }
    b.discard(scratch).await.unwrap();
    assert_eq!(elsewhere().psql("postgres", &format!("select count(*) from pg_database where datname = '{name}'")).trim(), "0");
    // Nothing but our own scratch databases is ever dropped.
    elsewhere().psql("postgres", "create database holdpoint_scratch_not_ours");
    let foreign = holdpoint::engine::Scratch {
        target: target(elsewhere(), "holdpoint_scratch_not_ours"),
        grade: holdpoint::model::evidence::Grade::Full,
    };
    assert!(b.discard(foreign).await.unwrap_err().message.contains("left alone"));
    elsewhere().psql("postgres", "drop database holdpoint_scratch_not_ours");
}

/// The negative control: a damaged copy must fail, and nothing is left behind.
#[tokio::test]
async fn a_damaged_dump_is_refused() {
    let pg = PgServer::shared();
    pg.create_database("damaged");
    pg.psql("damaged", ZOO);
    let mut t = target(pg, "damaged");
    t.scratch_target = Some(Box::new(target(elsewhere(), "postgres")));
    let e = engine(t);
    let b = e.backups().get().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let manifest = take(&e, dir.path()).await;
    let cancel = CancellationToken::new();
    let biggest = manifest.artefacts.iter().filter(|a| a.path.ends_with(".gz")).max_by_key(|a| a.bytes).unwrap();
    let path = dir.path().join(&biggest.path);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let e1 = b.restore(dir.path(), &manifest, None, &Silent, &cancel).await.err().unwrap();
    assert!(e1.message.contains("is damaged") && e1.message.contains(&biggest.path), "{e1:?}");
    let mut turned = whole.clone();
    turned[whole.len() / 2] ^= 1;
    std::fs::write(&path, &turned).unwrap();
    assert!(b.restore(dir.path(), &manifest, None, &Silent, &cancel).await.err().unwrap().message.contains("was changed since"));
    // A manifest that was made to fit the damage: then pg_restore itself refuses, and its scratch database goes away.
    let mut forged = manifest.clone();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let sha = |b: &[u8]| hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b));
    for a in &mut forged.artefacts {
        if a.path == biggest.path {
            a.bytes = (whole.len() / 2) as u64;
            a.sha256 = sha(&whole[..whole.len() / 2]);
        }
    }
    forged.id = sha(forged.artefacts.iter().map(|a| a.sha256.as_str()).collect::<String>().as_bytes());
    let e3 = b.restore(dir.path(), &forged, None, &Silent, &cancel).await.err().unwrap();
    assert!(e3.message.starts_with("pg_restore into holdpoint_scratch_"), "{e3:?}");
    let ours = format!("made from backup {}", forged.id);
    let left_ours = elsewhere()
        .psql("postgres", &format!("select count(*) from pg_database d where shobj_description(d.oid, 'pg_database') like '%{ours}%'"));
    assert_eq!(left_ours.trim(), "0");
    // A cancelled backup leaves nothing either.
    let empty = tempfile::tempdir().unwrap();
    let stopped = CancellationToken::new();
    stopped.cancel();
    assert_eq!(b.take(empty.path(), "tester", &Silent, &stopped).await.unwrap_err().kind, Kind::Cancelled);
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
}

/// Every type as the server prints it, with its name.
#[tokio::test]
async fn every_type_arrives_as_the_server_s_text() {
    let pg = PgServer::shared();
    pg.create_database("zoo");
    pg.psql("zoo", "create type mood as enum ('sad', 'happy'); create domain price as numeric(10,2); create type pair as (a int, b text); create type span as range (subtype = float8)");
    let s = open(target(pg, "zoo")).await;
    let cases: &[(&str, &str, &str)] = &[
        ("'{1,NULL,3}'::int[]", "integer[]", "{1,NULL,3}"),
        ("'{{a,b},{\"c d\",NULL}}'::text[]", "text[]", "{{a,b},{\"c d\",NULL}}"),
        ("'happy'::mood", "mood", "happy"),
        ("array['sad'::mood]", "mood[]", "{sad}"),
        ("'[1,5)'::int4range", "int4range", "[1,5)"),
        ("'[1,2]'::span", "span", "[1,2]"),
        ("'\\x00ff'::bytea", "bytea", "\\x00ff"),
        ("'infinity'::timestamptz", "timestamp with time zone", "infinity"),
        ("'0044-03-15 BC'::date", "date", "0044-03-15 BC"),
        ("'NaN'::float8", "double precision", "NaN"),
        ("'NaN'::numeric", "numeric", "NaN"),
        ("1e400::numeric", "numeric", &format!("1{}", "0".repeat(400))),
        ("row(1, 'x', null)", "record", "(1,x,)"),
        ("row(1, 'x')::pair", "pair", "(1,x)"),
        ("12.34::money", "money", "$12.34"),
        ("'<a>b</a>'::xml", "xml", "<a>b</a>"),
        ("'fat cat'::tsvector", "tsvector", "'cat' 'fat'"),
        ("1.5::price", "numeric(10,2)", "1.50"),
        ("'2024-01-02 03:04:05.678'::timestamp(1)", "timestamp(1) without time zone", "2024-01-02 03:04:05.7"),
        ("'1 mon -2 days'::interval day", "interval day", "1 mon -2 days"),
        ("'101'::bit(3)", "bit(3)", "101"),
        ("'ab'::char(4)", "character(4)", "ab  "),
        ("'ab'::bpchar", "bpchar", "ab"),
        ("'ab'::name", "name", "ab"),
        ("'a'::\"char\"", "\"char\"", "a"),
        ("'{\"a\": [1, null]}'::jsonb", "jsonb", "{\"a\": [1, null]}"),
        ("'pg_class'::regclass", "regclass", "pg_class"),
        ("true", "boolean", "t"),
        ("''", "text", ""),
        ("'0/16B3748'::pg_lsn", "pg_lsn", "0/16B3748"),
    ];
    for (sql, name, value) in cases {
        let t = s.fetch(format!("select {sql}")).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        assert_eq!((t.columns[0].type_name.as_str(), t.scalar()), (*name, Some(*value)), "{sql}");
    }
    // A type that appears while the session is open is known by the next statement.
    s.fetch("create type later as enum ('x')").await.unwrap();
    assert_eq!(s.fetch("select 'x'::later").await.unwrap().columns[0].type_name, "later");
    let all = events(&s, "select 'NaN'::float8, 1.5::float8, -3::numeric, '-Infinity'::float4").await.unwrap();
    let Event::Rows(b) = &all[1] else { panic!("{all:?}") };
    assert_eq!(
        [b.cell(0, 0), b.cell(0, 1), b.cell(0, 2), b.cell(0, 3)],
        [Cell::Text(b"NaN"), Cell::Number(b"1.5"), Cell::Number(b"-3"), Cell::Text(b"-Infinity")]
    );
    assert_eq!(
        s.fetch_with("select $1::int + 1, $2::text", vec![Some("41".into()), None]).await.unwrap().rows,
        [[Some("42".to_string()), None]]
    );
    assert_eq!(done(&events(&s, "select").await.unwrap()).tag, "SELECT 1");
}

#[tokio::test]
async fn bytes_that_are_no_utf8_stay_bytes() {
    let pg = PgServer::shared();
    pg.psql("postgres", "create database bytes template template0 encoding sql_ascii locale 'C'");
    pg.psql("bytes", "create table t (v text)");
    let s = open(target(pg, "bytes")).await;
    s.fetch("insert into t values (convert_from('\\x61ff62', 'sql_ascii'))").await.unwrap();
    let all = events(&s, "select v from t").await.unwrap();
    let Event::Rows(b) = &all[1] else { panic!("{all:?}") };
    assert_eq!(b.cell(0, 0), Cell::Text(b"a\xffb"));
}

#[tokio::test]
async fn copy_out_gives_lines_and_copy_in_is_refused_politely() {
    let pg = PgServer::shared();
    pg.create_database("copying");
    pg.psql("copying", "create table t (i int, v text); insert into t values (1, 'a'), (2, null)");
    let s = open(target(pg, "copying")).await;
    let t = s.fetch("copy t to stdout").await.unwrap();
    assert_eq!((t.rows.len(), t.rows[1][0].as_deref(), t.tag.as_str()), (2, Some("2\t\\N"), "COPY 2"));
    let e = s.fetch("copy t from stdin").await.unwrap_err();
    assert!(e.message.contains("FROM STDIN"), "{e:?}");
    assert_eq!(s.fetch("select count(*) from t").await.unwrap().scalar(), Some("2"));
    let ro = open_read_only(target(pg, "copying")).await;
    ro.fetch("copy t from stdin").await.unwrap_err();
    assert_eq!(ro.status().tx, TxState::Idle);
    assert_eq!(ro.fetch("select count(*) from t").await.unwrap().scalar(), Some("2"));
    let binary = events(&s, "copy t to stdout (format binary)").await.unwrap();
    assert!(binary.iter().any(|e| matches!(e, Event::Rows(b) if matches!(b.cell(0, 0), Cell::Binary(x) if x.starts_with(b"PGCOPY")))));
}

/// Design §2.7: SQL means what psql would make of it.
#[tokio::test]
async fn no_setting_differs_from_psql() {
    let pg = PgServer::shared();
    let text = "select name || '=' || coalesce(setting, '') from pg_settings where name not in ('application_name') order by 1";
    let theirs = pg.psql("postgres", text);
    let ours = open(target(pg, "postgres")).await.fetch(text).await.unwrap();
    let ours: String = ours.rows.iter().map(|r| format!("{}\n", r[0].as_deref().unwrap())).collect();
    assert!(ours.lines().count() > 300);
    assert_eq!(ours, theirs);
}

#[tokio::test]
async fn a_lost_connection_is_told_at_once() {
    let pg = PgServer::shared();
    let admin = open(target(pg, "postgres")).await;
    let s = open(tcp(pg, "postgres")).await;
    let pid = s.fetch("select pg_backend_pid()").await.unwrap().scalar().unwrap().to_string();
    let mut stream = s.run("select pg_sleep(600)").await.unwrap();
    while admin
        .fetch_with(
            "select count(*) from pg_stat_activity where pid = $1::int and state = 'active' and query like '%pg_sleep(600)'",
            vec![Some(pid.clone())],
        )
        .await
        .unwrap()
        .scalar()
        != Some("1")
    {}
    admin.fetch_with("select pg_terminate_backend($1::int)", vec![Some(pid)]).await.unwrap();
    let e = loop {
        match stream.next().await.unwrap() {
            Ok(_) => {}
            Err(e) => break e,
        }
    };
    assert_eq!(e.kind, Kind::Connect);
    assert!(e.message.contains("terminating connection due to administrator command"), "{e:?}");
    assert!(s.status().lost.unwrap().contains("administrator command"));
    assert_eq!(s.fetch("select 1").await.unwrap_err().kind, Kind::Connect);

    let idle = open(tcp(pg, "postgres")).await;
    let pid = idle.fetch("select pg_backend_pid()").await.unwrap().scalar().unwrap().to_string();
    let mut w = idle.watch();
    admin.fetch_with("select pg_terminate_backend($1::int)", vec![Some(pid)]).await.unwrap();
    w.wait_for(|s| s.lost.is_some()).await.unwrap();
}

/// Design §2.2: what got through `BEGIN READ ONLY` elsewhere is refused here or leaves nothing behind. The classifier stands before all this.
#[tokio::test]
async fn nothing_written_on_a_read_only_session_stays() {
    let pg = PgServer::shared();
    pg.create_database("escapes");
    pg.psql("escapes", "create table t (i int); insert into t values (1); create sequence q; create function w() returns int language sql as 'insert into t values (9) returning i';
        create procedure p() language plpgsql as $$ begin commit; insert into t values (8); commit; end $$");
    let s = open_read_only(target(pg, "escapes")).await;
    let attempts = [
        "create table x as select 1",
        "select 1 into x",
        "explain analyze create table x as select 1",
        "create materialized view x as select 1",
        "insert into t values (2)",
        "with d as (delete from t returning 1) select * from d",
        "truncate t",
        "drop table t",
        "select w()",
        "call p()",
        "do $$ begin commit; insert into t values (3); end $$",
        "do $$ begin execute 'insert into t values (3)'; end $$",
        "set default_transaction_read_only = off",
        "set session characteristics as transaction read write",
        "set transaction read write",
        "select set_config('transaction_read_only', 'off', false)",
        "select set_config('default_transaction_read_only', 'off', false)",
        "begin read write",
        "commit",
        "commit and chain",
        "rollback and chain",
        "end",
        "abort",
        "savepoint x",
        "prepare transaction 'x'",
        "start transaction read write",
        "commit; insert into t values (4)",
        "select 1; commit; drop table t",
        "/* */ rollback; drop table t",
        "select nextval('q')",
        "lock t",
        "comment on table t is 'x'",
        "copy t from program 'echo 5'",
        "select lo_create(77)",
        "vacuum t",
        "reindex table t",
        "create temp table x (i int)",
        "declare c cursor with hold for select 1",
    ];
    for sql in attempts {
        let result = events(&s, sql).await;
        assert!(result.is_err() || done(&result.unwrap()).rolled_back, "{sql}");
        assert_eq!(s.status().tx, TxState::Idle, "{sql}");
        // After each attempt the session still refuses to write.
        assert_eq!(s.fetch("insert into t values (6)").await.unwrap_err().code.as_deref(), Some("25006"), "after {sql}");
    }
    let left = pg.psql("escapes", "select (select string_agg(i::text, ',') from t), (select count(*) from pg_class where relname = 'x'), (select is_called from q), (select count(*) from pg_largeobject_metadata), obj_description('t'::regclass), (select count(*) from pg_prepared_xacts)");
    assert_eq!(left.trim(), "1|0|f|0||0");
}

#[tokio::test]
async fn large_results_are_streamed() {
    let pg = PgServer::shared();
    let s = open(target(pg, "postgres")).await;
    let mut stream = s.run("select i, md5(i::text) from generate_series(1, 200000) i").await.unwrap();
    let (mut rows, mut batches, mut first) = (0, 0, 0);
    while let Some(e) = stream.next().await {
        if let Event::Rows(b) = e.unwrap() {
            if batches == 0 {
                first = b.rows();
            }
            rows += b.rows();
            batches += 1;
            assert!(b.rows() <= 1024);
        }
    }
    assert_eq!(rows, 200_000);
    assert!(first <= 64, "the first batch is small, so that it shows at once: {first}");
    // One value of 30 MB.
    let t = s.fetch("select repeat('x', 30000000)").await.unwrap();
    assert_eq!(t.scalar().map(str::len), Some(30_000_000));
}

#[tokio::test]
async fn plans_are_read_with_their_numbers() {
    let pg = PgServer::shared();
    pg.create_database("plans");
    pg.psql("plans", "create table a (id int primary key, q int); create table b (id int primary key, a_id int, q int, pad text); insert into a select i, i % 50 from generate_series(1, 20000) i;
        insert into b select i, 1 + i % 20000, i % 100, repeat('x', 50) from generate_series(1, 50000) i; create index b_a on b (a_id); analyze;");
    let s = open(target(pg, "plans")).await;
    s.fetch("set max_parallel_workers_per_gather = 0").await.unwrap();
    let sql = "select a.q, count(*) from a join b on b.a_id = a.id where b.q = 7 and exists (select 1 from b c where c.id = a.id) group by a.q order by 2 desc limit 3";
    let plain = s.explain(sql, false).await.unwrap();
    assert!(!plain.analyzed && plain.execution_ms.is_none() && plain.root.loops.is_none());
    assert_eq!(
        (plain.root.op.as_str(), plain.attrs.get("Settings").map(String::as_str)),
        ("limit", Some("max_parallel_workers_per_gather = 0"))
    );
    let plan = s.explain(sql, true).await.unwrap();
    let (mut own, mut err, mut nodes, mut scans) = (0.0, 0.0, 0, Vec::new());
    plan.root.walk(0, &mut |_, n| {
        nodes += 1;
        own += n.self_ms.unwrap_or(0.0);
        err += n.self_err_ms.unwrap_or(0.0);
        scans.extend(n.relation.clone().map(|r| (r, n.alias.clone())));
    });
    assert!(nodes >= 6 && (own - plan.root.total_ms.unwrap()).abs() <= err + 0.01, "Σ self {own}, root {:?} ± {err}", plan.root.total_ms);
    assert!(scans.iter().any(|(r, a)| r == "public.b" && a.as_deref() == Some("b")), "{scans:?}");
    assert!(plan.planning_ms.is_some() && plan.outside_ms.is_some() && plan.root.pages_hit.unwrap() > 0);
    let filtered = plan.remarks.iter().any(|r| r.contains("reads the whole of public.b: 49500 of 50000 rows"));
    assert!(filtered, "{:?}", plan.remarks);
    let e = s.explain("select nosuch from a", false).await.unwrap_err();
    assert_eq!(e.position, Some(7), "in the user's text, not in ours");
    assert!(s.explain("select 1; drop table a", true).await.is_err());
    assert!(s.explain("select $1::int", false).await.unwrap_err().message.contains("parameters"));
    s.explain("insert into a values (0, 0)", true).await.unwrap_err();
    s.explain("create table made as select 1", true).await.ok();
    assert_eq!(
        s.fetch("select to_regclass('made') is null, count(*) from a").await.unwrap().rows,
        [[Some("t".to_string()), Some("20000".into())]]
    );
    assert!(s.explain("vacuum", false).await.is_err());
}

/// Writes a file that the server's user can read.
fn for_server(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    support::server::Unprivileged::first_of(&["postgres", "nobody"]).own(path);
}

fn openssl(dir: &std::path::Path, args: &[&str]) {
    let mut c = std::process::Command::new("openssl");
    c.args(args).current_dir(dir);
    support::server::run(c, "openssl");
}

#[tokio::test]
async fn authentication_and_tls_work_as_libpq_s() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::Builder::new().prefix("hp-tls-").tempdir_in("/tmp").unwrap();
    let d = dir.path();
    std::fs::set_permissions(d, std::fs::Permissions::from_mode(0o755)).unwrap();
    let hba = "local all postgres trust\nhost all md5user 127.0.0.1/32 md5\nhost all scram 127.0.0.1/32 scram-sha-256\nhost all clear 127.0.0.1/32 password\n\
        hostssl all overtls 127.0.0.1/32 scram-sha-256\nhostssl all bycert 127.0.0.1/32 cert\nhost all kerb 127.0.0.1/32 gss\nhost all peeruser 127.0.0.1/32 reject\nhost all postgres 127.0.0.1/32 trust\nhost all postgres ::1/128 trust\n";
    for_server(&d.join("hba"), hba);
    openssl(
        d,
        &["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=Test CA", "-days", "2"],
    );
    for (name, subject, san) in
        [("server", "/CN=localhost", "subjectAltName=DNS:localhost"), ("client", "/CN=bycert", "subjectAltName=DNS:client")]
    {
        std::fs::write(d.join("ext"), san).unwrap();
        openssl(
            d,
            &["req", "-newkey", "rsa:2048", "-nodes", "-keyout", &format!("{name}.key"), "-out", &format!("{name}.csr"), "-subj", subject],
        );
        openssl(
            d,
            &[
                "x509",
                "-req",
                "-in",
                &format!("{name}.csr"),
                "-CA",
                "ca.crt",
                "-CAkey",
                "ca.key",
                "-CAcreateserial",
                "-days",
                "2",
                "-extfile",
                "ext",
                "-out",
                &format!("{name}.crt"),
            ],
        );
    }
    openssl(
        d,
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "other.key",
            "-out",
            "other.crt",
            "-subj",
            "/CN=Other CA",
            "-days",
            "2",
        ],
    );
    for f in ["server.key", "server.crt", "ca.crt"] {
        let text = std::fs::read_to_string(d.join(f)).unwrap();
        for_server(&d.join(format!("pg-{f}")), &text);
    }
    let set = |k: &str, f: &str| format!("{k}={}", d.join(f).display());
    let settings = [
        set("hba_file", "hba"),
        set("ssl_cert_file", "pg-server.crt"),
        set("ssl_key_file", "pg-server.key"),
        set("ssl_ca_file", "pg-ca.crt"),
        "ssl=on".to_string(),
    ];
    let pg = PgServer::start(&settings.iter().map(String::as_str).collect::<Vec<_>>());
    pg.psql("postgres", "set password_encryption = 'md5'; create role md5user login password 'geheim'; set password_encryption = 'scram-sha-256'; create role scram login password 'pä ss';
        create role clear login password 'klar'; create role overtls login password 'x'; create role bycert login; create role kerb login");
    let user = |name: &str, ssl: SslMode| {
        let mut t = tcp(&pg, "postgres");
        t.user = Some(name.into());
        t.sslmode = ssl;
        t
    };
    let how = || Connect::new(Role::Query, Access::ReadWrite);
    for (name, password) in [("md5user", "geheim"), ("scram", "pä ss"), ("clear", "klar"), ("overtls", "x")] {
        for ssl in [SslMode::Disable, SslMode::Prefer, SslMode::Require] {
            let good = with_password(user(name, ssl), password).connect(how()).await;
            if name == "overtls" && ssl == SslMode::Disable {
                let e = good.err().unwrap();
                assert!(e.hints.iter().any(|h| h.contains("without TLS")), "{e:?}");
                continue;
            }
            let s = good.unwrap_or_else(|e| panic!("{name} {ssl:?}: {e:?}"));
            let tls = s.fetch("select ssl from pg_stat_ssl where pid = pg_backend_pid()").await.unwrap();
            assert_eq!(tls.scalar(), Some(if ssl == SslMode::Disable { "f" } else { "t" }));
            let wrong = refused(with_password(user(name, ssl), "wrong")).await;
            assert_eq!((wrong.kind, wrong.code.as_deref()), (Kind::Connect, Some("28P01")), "{wrong:?}");
            assert!(!format!("{wrong:?}").contains("wrong\""));
            let none = refused(engine(user(name, ssl))).await;
            assert_eq!(none.kind, Kind::PasswordNeeded, "{none:?}");
        }
    }
    let gss = refused(engine(user("kerb", SslMode::Prefer))).await;
    assert!(gss.message.contains("GSSAPI"), "{gss:?}");
    let nobody = refused(engine(user("peeruser", SslMode::Prefer))).await;
    assert_eq!(nobody.code.as_deref(), Some("28000"));

    // Verification: 127.0.0.1 is not in the certificate, localhost is.
    let with_root = |ssl, root: &str, host: &str| {
        let mut t = user("postgres", ssl);
        t.host = Some(host.into());
        t.sslrootcert = Some(d.join(root));
        t
    };
    assert!(engine(with_root(SslMode::VerifyCa, "ca.crt", "127.0.0.1")).connect(how()).await.is_ok());
    assert!(engine(with_root(SslMode::VerifyFull, "ca.crt", "localhost")).connect(how()).await.is_ok());
    assert!(
        engine(with_root(SslMode::VerifyCa, "server.crt", "127.0.0.1")).connect(how()).await.is_ok(),
        "the certificate itself is trusted"
    );
    let e = refused(engine(with_root(SslMode::VerifyFull, "ca.crt", "127.0.0.1"))).await;
    assert!(e.message.contains("TLS with the server") && e.hints[0].contains("127.0.0.1"), "{e:?}");
    for ssl in [SslMode::VerifyCa, SslMode::VerifyFull, SslMode::Require] {
        let e = refused(engine(with_root(ssl, "other.crt", "localhost"))).await;
        assert!(e.message.contains("TLS with the server"), "{e:?}");
    }
    let e = refused(engine(with_root(SslMode::VerifyFull, "no such file", "localhost"))).await;
    assert_eq!(e.kind, Kind::Usage);

    // A client certificate, and cancel through TLS.
    let mut t = user("bycert", SslMode::Require);
    (t.sslcert, t.sslkey) = (Some(d.join("client.crt")), Some(d.join("client.key")));
    let s = engine(t).connect(how()).await.unwrap();
    let stream = s.run("select pg_sleep(600)").await.unwrap();
    let mut stream = stream;
    let cancelled = loop {
        s.cancel().await.unwrap();
        match tokio::time::timeout(Duration::from_millis(50), stream.next()).await {
            Ok(Some(Err(e))) => break e,
            Ok(None) => panic!("ended without an error"),
            _ => {}
        }
    };
    assert_eq!(cancelled.kind, Kind::Cancelled);
    assert_eq!(s.fetch("select 1").await.unwrap().scalar(), Some("1"));

    // Backup tools reach a server that wants a password.
    pg.psql("postgres", "create database own owner scram");
    pg.psql("own", "create table t (i int); insert into t values (1); alter table t owner to scram; grant execute on all functions in schema pg_catalog to scram");
    let mut t = user("scram", SslMode::Require);
    t.database = Some("own".into());
    let place = tempfile::tempdir().unwrap();
    let manifest = take(&with_password(t, "pä ss"), place.path()).await;
    assert_eq!(manifest.fingerprint.tables["public.t"].rows, 1);
}

/// A stand-in for a transaction pooler: passes bytes on, hands out a cancel key of its own, and refuses what `refuse` names.
async fn pooler(to: u16, refuse: Option<&'static str>) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut startup = vec![0u8; 4];
                client.read_exact(&mut startup).await.unwrap();
                let len = u32::from_be_bytes(startup[..4].try_into().unwrap()) as usize;
                startup.resize(len, 0);
                client.read_exact(&mut startup[4..]).await.unwrap();
                if let Some(name) = refuse
                    && startup.windows(name.len()).any(|w| w == name.as_bytes())
                {
                    let body = format!("SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: {name}\0\0");
                    let mut message = vec![b'E'];
                    message.extend((body.len() as u32 + 4).to_be_bytes());
                    message.extend(body.as_bytes());
                    client.write_all(&message).await.unwrap();
                    return;
                }
                let mut server = tokio::net::TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                server.write_all(&startup).await.unwrap();
                // Up to ReadyForQuery the server speaks alone; then the key in between is changed.
                let mut greeting = Vec::new();
                while !greeting.ends_with(&[b'Z', 0, 0, 0, 5, b'I']) {
                    assert_ne!(server.read_buf(&mut greeting).await.unwrap(), 0);
                }
                let key = greeting.windows(5).position(|w| w == [b'K', 0, 0, 0, 12]).unwrap();
                greeting[key + 8] ^= 1;
                client.write_all(&greeting).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn poolers_are_noticed_before_anything_is_set() {
    let pg = PgServer::shared();
    for refuse in [None, Some("lock_timeout")] {
        let port = pooler(pg.port, refuse).await;
        let mut t = tcp(pg, "postgres");
        t.port = Some(port);
        t.sslmode = SslMode::Disable;
        let e = engine(t.clone());
        let s = e.connect(Connect::new(Role::Background, Access::ReadOnly)).await.unwrap();
        assert!(s.identity().pooler.is_some(), "{refuse:?}");
        assert_eq!(s.fetch("show lock_timeout").await.unwrap().scalar(), Some("200ms"), "{refuse:?}");
        assert_eq!(s.fetch("show transaction_read_only").await.unwrap().scalar(), Some("on"));
        let held = e.connect(Connect::new(Role::Migration, Access::ReadWrite)).await.err().unwrap();
        assert!(held.message.contains("is behind a pooler"), "{held:?}");
        t.role = Some("postgres".into());
        assert!(engine(t).connect(Connect::new(Role::Query, Access::ReadWrite)).await.err().unwrap().message.contains("pooler"));
    }
    let direct = open(target(pg, "postgres")).await;
    assert_eq!(direct.identity().pooler, None);
    assert!(direct.identity().server_id.parse::<u64>().is_ok());
    // Something else that listens is not taken for a server.
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut t = tcp(pg, "postgres");
    t.port = Some(port.local_addr().unwrap().port());
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while let Ok((mut c, _)) = port.accept().await {
            let _ = c.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    assert!(refused(engine(t)).await.message.contains("is not a PostgreSQL server"));
}

/// A server that accepts and says nothing costs the connect timeout, not for ever.
#[tokio::test]
async fn silence_ends_by_the_connect_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut t = tcp(PgServer::shared(), "postgres");
    t.port = Some(listener.local_addr().unwrap().port());
    let how = Connect { connect_timeout: Duration::from_millis(300), ..Connect::new(Role::Query, Access::ReadWrite) };
    let e = engine(t).connect(how).await.err().unwrap();
    assert_eq!(e.kind, Kind::Connect);
    assert!(e.message.contains("no answer"), "{e:?}");
}
