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

fn own_schema(p: &Place) -> String {
    match p.name {
        "PostgreSQL" => "public".to_string(),
        "MariaDB" | "MySQL" => p.target.database.clone().expect("database"),
        _ => "main".into(),
    }
}

// Behind the macro, which they use.
#[path = "contract/catalogue.rs"]
mod catalogue;
#[path = "contract/definitions.rs"]
mod definitions;
#[path = "contract/others.rs"]
mod others;
#[path = "contract/proofs.rs"]
mod proofs;
#[path = "contract/statements.rs"]
mod statements;
#[path = "contract/uses.rs"]
mod uses;
