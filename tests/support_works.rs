//! The servers that the other tests rely on really start, answer, and end with the tests.

mod support;

use support::{maria::MariaServer, pg::PgServer};

#[test]
fn postgresql_starts_answers_and_ends() {
    let pg = PgServer::start(&[]);
    assert_eq!(pg.psql("postgres", "select 6*7").trim(), "42");
    let dir = pg.socket.clone();
    drop(pg);
    assert!(!dir.exists(), "the server's directory is left behind");
}

#[test]
fn mariadb_starts_answers_and_ends() {
    let maria = MariaServer::start(&[]);
    assert_eq!(maria.sql("", "select 6*7").trim(), "42");
    let dir = maria.socket.parent().expect("directory").to_path_buf();
    drop(maria);
    assert!(!dir.exists(), "the server's directory is left behind");
}
