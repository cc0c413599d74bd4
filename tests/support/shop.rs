//! The shop whose servers are assessed and recovered: a database with orders, and accounts that may see all, what a monitor sees, or nothing.

use super::assess::{Run, assess};
use super::maria::MariaServer;
use super::pg::PgServer;

/// A server that is safe against crashes, as the checks want it, with the roles `oncall` (a monitor) and `stranger`.
pub fn postgres(settings: &[&str]) -> PgServer {
    let pg = plain(&[&["fsync=on"], settings].concat());
    pg.psql("postgres", "create role oncall login; grant pg_monitor to oncall; create role stranger login");
    pg
}

/// The database with its one table alone.
pub fn plain(settings: &[&str]) -> PgServer {
    let pg = PgServer::start(settings);
    pg.create_database("shop");
    pg.psql(
        "shop",
        "create table orders (id int primary key, state text); insert into orders select i, 'open' from generate_series(1, 100) i",
    );
    pg
}

/// Assesses it as one of the roles.
pub fn assess_postgres(pg: &PgServer, user: &str, more: &[&str]) -> Run {
    assess(&postgres_url(pg, user, "shop"), more)
}

pub fn postgres_url(pg: &PgServer, user: &str, database: &str) -> String {
    format!("postgres://{user}@127.0.0.1:{}/{database}?sslmode=disable", pg.port)
}

/// Likewise on MariaDB or MySQL; here an application's account `app` besides.
pub fn maria(options: &[&str]) -> MariaServer {
    let safe = ["--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1", "--innodb-lock-wait-timeout=3000"];
    let my = MariaServer::start(&[&safe, options].concat());
    my.create_database("shop");
    let monitor = if MariaServer::is_mysql() {
        "grant process, replication client on *.* to oncall@'127.0.0.1'; grant select on performance_schema.* to oncall@'127.0.0.1'"
    } else {
        "grant process, slave monitor, binlog monitor on *.* to oncall@'127.0.0.1'"
    };
    my.sql(
        "shop",
        &format!(
            "create user oncall@'127.0.0.1'; {monitor}; grant select on shop.* to oncall@'127.0.0.1'; \
             create user app@'127.0.0.1'; grant all on shop.* to app@'127.0.0.1'; \
             create user stranger@'127.0.0.1'; grant select on shop.* to stranger@'127.0.0.1'; \
             create table orders (id int primary key, state varchar(500)) engine=innodb; \
             insert into orders select seq, 'open' from seq_1_to_100"
        ),
    );
    my
}

/// Assesses it as one of the accounts.
pub fn assess_maria(my: &MariaServer, user: &str, more: &[&str]) -> Run {
    assess(&format!("mysql://{user}@127.0.0.1:{}/shop", my.port), more)
}

/// Sessions in that state of the process list (a pattern of LIKE).
pub fn in_state(my: &MariaServer, state: &str) -> usize {
    let text = format!("select count(*) from information_schema.processlist where state like '{state}'");
    my.sql("", &text).trim().parse().expect("a number")
}

/// Locks that somebody waits for.
pub fn locks_wanted(pg: &PgServer) -> usize {
    pg.psql("shop", "select count(*) from pg_locks where not granted").trim().parse().expect("a number")
}
