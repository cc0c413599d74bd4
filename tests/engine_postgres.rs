//! The PostgreSQL engine against a real private server.

mod support;

use holdpoint::config::{EngineKind, SslMode, Target};
use holdpoint::engine::session::{Access, Event, Outcome};
use holdpoint::engine::{Connect, Engine, Role, Session, registry};
use holdpoint::model::{Cell, Error, Kind, ReadOnly, Result, TxState};
use std::sync::Arc;
use support::pg::PgServer;

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
