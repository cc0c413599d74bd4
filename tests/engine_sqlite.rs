//! The SQLite engine against real files: values, access, cancelling, catalogue, plans, backups, spilled rows.

#[path = "engine_sqlite/backups.rs"]
mod backups;
#[path = "engine_sqlite/beside.rs"]
mod beside;
#[path = "engine_sqlite/catalog.rs"]
mod catalog;
#[path = "engine_sqlite/migrations.rs"]
mod migrations;
#[path = "engine_sqlite/sessions.rs"]
mod sessions;
#[path = "engine_sqlite/spill.rs"]
mod spill;
#[path = "engine_sqlite/watch.rs"]
mod watch;

use holdpoint::config::{AccessMode, EngineKind, Target};
use holdpoint::engine::session::RowStream;
use holdpoint::engine::{Access, Connect, Engine, Event, Role, Scratch, Session, registry};
use holdpoint::model::evidence::Grade;
use holdpoint::model::manifest::{Differences, Manifest};
use holdpoint::model::migration::Applied;
use holdpoint::model::{Align, Cell, Column, Finding, Kind, NodeKind, NodePath, ReadOnly, Result, RowBatch, Severity, Silent, TxState};
use holdpoint::store::spill::RowSpill;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

struct Place {
    dir: TempDir,
}

impl Place {
    /// A directory with a database `t.db` made by `sql`.
    fn with(sql: &str) -> Self {
        let place = Place { dir: tempfile::tempdir().unwrap() };
        rusqlite::Connection::open(place.file()).unwrap().execute_batch(sql).unwrap();
        place
    }
    fn file(&self) -> PathBuf {
        self.dir.path().join("t.db")
    }
    fn target(&self) -> Target {
        Target { path: Some(self.file()), access: AccessMode::Open, ..Target::bare("t", EngineKind::Sqlite) }
    }
    fn engine(&self) -> Arc<dyn Engine> {
        registry::engine(self.target(), None)
    }
    async fn session(&self, access: Access) -> Session {
        self.engine().connect(Connect::new(Role::Query, access)).await.unwrap()
    }
}

fn engine_at(path: &Path) -> Arc<dyn Engine> {
    registry::engine(Target { path: Some(path.to_path_buf()), ..Target::bare("t", EngineKind::Sqlite) }, None)
}

async fn all(mut stream: RowStream) -> Result<(Arc<[Column]>, Vec<RowBatch>, String)> {
    let (mut columns, mut batches, mut tag) = (Arc::from(Vec::new()), Vec::new(), String::new());
    while let Some(event) = stream.next().await {
        match event? {
            Event::Columns(c) => columns = c,
            Event::Rows(b) => batches.push(b),
            Event::Notice(_) | Event::Further(_) => {}
            Event::Done(done) => tag = done.tag,
        }
    }
    Ok((columns, batches, tag))
}

/// Customers and orders, 3000 of each, with an index and a version.
const SHOP: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, phone TEXT);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), total NUMERIC);
    CREATE INDEX by_customer ON orders (customer_id);
    WITH RECURSIVE s(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM s LIMIT 3000)
      INSERT INTO customers SELECT v, 'name ' || v, iif(v % 3, '555-' || v, NULL) FROM s;
    INSERT INTO orders SELECT id, id, id / 4.0 FROM customers;
    PRAGMA user_version = 12;";
