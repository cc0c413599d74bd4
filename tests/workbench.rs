//! The workbench against real servers: what a session is told of itself while statements run.

mod support;

use holdpoint::config::{EngineKind, Target};
use holdpoint::engine::{Access, Connect, Engine, Role, Session, registry};
use holdpoint::sql::complete::complete;
use std::sync::Arc;
use support::maria::MariaServer;
use support::pg::PgServer;

fn postgres(database: &str) -> Arc<dyn Engine> {
    let pg = PgServer::shared();
    pg.create_database(database);
    let mut t = Target::bare("test", EngineKind::Postgres);
    (t.socket, t.port) = (Some(pg.socket.clone()), Some(pg.port));
    (t.database, t.user) = (Some(database.into()), Some("postgres".into()));
    registry::engine(t, None)
}

fn maria(database: &str) -> Arc<dyn Engine> {
    let server = MariaServer::shared();
    server.create_database(database);
    let mut t = Target::bare("test", EngineKind::MySql);
    (t.host, t.port) = (Some("127.0.0.1".into()), Some(server.port));
    (t.database, t.user) = (Some(database.into()), Some("root".into()));
    registry::engine(t, None)
}

async fn open(e: &dyn Engine) -> Session {
    e.connect(Connect::new(Role::Query, Access::ReadWrite)).await.expect("session")
}

async fn run(s: &Session, statements: &[&str]) {
    for text in statements {
        s.fetch(*text).await.unwrap_or_else(|e| panic!("{text}: {e:?}"));
    }
}

/// A background session that stands where this one was sent.
async fn there(e: &dyn Engine, s: &Session) -> Session {
    let how = Connect { place: place(s), ..Connect::new(Role::Background, Access::ReadOnly) };
    e.connect(how).await.expect("session")
}

/// What the session would be proposed first.
async fn best(e: &dyn Engine, s: &Session, text: &str) -> String {
    let names = e.catalog().get().expect("catalogue").names(&there(e, s).await).await.expect("names");
    complete(e.dialect(), text, text.len(), &names).list.first().map(|p| p.insert.clone()).unwrap_or_default()
}

fn place(s: &Session) -> Option<String> {
    s.status().place
}

#[tokio::test]
async fn names_follow_the_search_path() {
    let e = postgres("follow_path");
    let s = open(&*e).await;
    run(
        &s,
        &[
            "create schema sales",
            "create table sales.receipts (id int, amount numeric)",
            "create function sales.total_of(int) returns int language sql as 'select 1'",
        ],
    )
    .await;
    assert_eq!(best(&*e, &s, "select * from rece").await, "sales.receipts");
    assert_eq!(place(&s), None);
    run(&s, &["set search_path = sales, public"]).await;
    assert_eq!(place(&s).as_deref(), Some("sales, public"));
    assert_eq!(best(&*e, &s, "select * from rece").await, "receipts");
    assert_eq!(best(&*e, &s, "select total_").await, "total_of(");
    there(&*e, &s).await.explain("select * from receipts", false).await.expect("a plan looks there too");
    // What a transaction changed goes back with it, also out of a failed one.
    run(&s, &["begin", "set search_path = public"]).await;
    assert_eq!(place(&s).as_deref(), Some("public"));
    s.fetch("select 1/0").await.expect_err("division by zero");
    run(&s, &["rollback"]).await;
    assert_eq!(place(&s).as_deref(), Some("sales, public"));
    run(&s, &["begin", "set local search_path = public", "commit"]).await;
    assert_eq!(place(&s).as_deref(), Some("sales, public"));
    run(&s, &["select set_config('search_path', 'public', false)"]).await;
    assert_eq!(place(&s).as_deref(), Some("public"));
    // Looking takes no snapshot: the isolation level can still be set.
    run(&s, &["begin", "set local search_path = sales", "set transaction isolation level serializable", "rollback"]).await;
    run(&s, &["discard all"]).await;
    assert_eq!(place(&s), None);
}

#[tokio::test]
async fn names_follow_use() {
    let e = maria("follow_use");
    MariaServer::shared().create_database("follow_other");
    let s = open(&*e).await;
    run(&s, &["create table follow_use.mine (id int)", "create table follow_other.receipts (id int, net int, gross int as (net * 2))"])
        .await;
    run(&s, &["create procedure follow_other.tidy_up() select 1"]).await;
    run(&s, &["use follow_other"]).await;
    assert_eq!(place(&s).as_deref(), Some("follow_other"));
    assert_eq!(best(&*e, &s, "select * from rece").await, "receipts");
    assert_eq!(best(&*e, &s, "call ti").await, "tidy_up(");
    assert_eq!(best(&*e, &s, "use follow_o").await, "follow_other");
    assert_eq!(best(&*e, &s, "select @@sql_mo").await, "sql_mode");
    assert_eq!(best(&*e, &s, "update receipts set g").await, "", "what is computed cannot be set");
    there(&*e, &s).await.explain("select * from receipts", false).await.expect("a plan looks there too");
    run(&s, &["drop database follow_other"]).await;
    assert_eq!(place(&s).as_deref(), Some(""), "no database is chosen");
    run(&s, &["use follow_use"]).await;
    assert_eq!(place(&s), None);
}

#[tokio::test]
async fn each_kind_of_name_is_known_on_postgres() {
    let e = postgres("kinds");
    let s = open(&*e).await;
    run(
        &s,
        &[
            "create table t (id int generated always as identity, own int generated by default as identity, net int, gross int generated always as (net * 2) stored)",
            "create type mood as enum ('ok')",
            "create procedure tidy_up() language sql as 'select 1'",
            "create function rows_of() returns setof int language sql as 'select 1'",
            "create materialized view monthly as select 1 as one",
        ],
    )
    .await;
    for (text, proposal) in [
        ("call ti", "tidy_up("),
        ("select 'ok'::moo", "mood"),
        ("select cast('x' as timest", "timestamp with time zone"),
        ("select * from rows_", "rows_of("),
        ("set statement_t", "statement_timeout"),
        ("show work_m", "work_mem"),
        ("refresh materialized view mon", "monthly"),
        ("drop type mo", "mood"),
        ("update t set o", "own"),
        ("update t set gr", ""),
        ("insert into t (i", ""),
    ] {
        assert_eq!(best(&*e, &s, text).await, proposal, "{text}");
    }
}
