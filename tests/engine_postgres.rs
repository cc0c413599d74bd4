//! The PostgreSQL engine against a real private server.

#[path = "engine_postgres/backups.rs"]
mod backups;
#[path = "engine_postgres/catalog.rs"]
mod catalog;
#[path = "engine_postgres/connecting.rs"]
mod connecting;
#[path = "engine_postgres/migrations.rs"]
mod migrations;
#[path = "engine_postgres/plans.rs"]
mod plans;
#[path = "engine_postgres/read_only.rs"]
mod read_only;
#[path = "engine_postgres/session.rs"]
mod session;
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

async fn take(e: &Arc<dyn Engine>, dir: &std::path::Path) -> Manifest {
    e.backups().get().unwrap().take(dir, "tester", &Silent, &CancellationToken::new()).await.unwrap()
}
