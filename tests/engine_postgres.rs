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
