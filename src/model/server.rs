//! What a session knows of its server.

use serde::{Deserialize, Serialize};

/// Who is on the other end. Evidence is bound to `server_id` and `database`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `PostgreSQL`, `MariaDB`, `MySQL`, `SQLite`.
    pub product: String,
    /// As the server tells it, e.g. `15.18`.
    pub version: String,
    /// Major version, for "same major" comparisons, e.g. `15` or `10.11`.
    pub major: String,
    /// Where: `127.0.0.1:5432`, a socket, or a file's canonical path.
    pub address: String,
    /// What does not change when the address does: PostgreSQL's system identifier, MariaDB's `server_uid`
    /// (11+) or host+port+datadir hash, MySQL's `server_uuid`, SQLite's device, inode and path.
    pub server_id: String,
    /// Database, schema or file name.
    pub database: String,
    /// What tells a database from an earlier one of the same name: PostgreSQL's `pg_database.oid`. Empty for SQLite, whose
    /// `server_id` names the file, and for MySQL and MariaDB, which keep nothing that would tell.
    #[serde(default)]
    pub database_id: String,
    pub user: String,
    /// A transaction pooler in between, when one was detected.
    pub pooler: Option<String>,
    /// Why this product counts as unverified, when it does.
    pub unverified: Option<String>,
}

impl Identity {
    /// Names the database in evidence: the same server and the same database, however it was reached.
    pub fn subject(&self) -> String {
        let id = if self.database_id.is_empty() { String::new() } else { format!("#{}", self.database_id) };
        format!("{}/{}/{}{id}", self.product, self.server_id, self.database)
    }
}

/// The transaction state of a session, as the server tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TxState {
    /// No transaction: each statement commits by itself.
    #[default]
    Idle,
    /// A transaction is open.
    Open,
    /// A transaction is open and failed: only ROLLBACK is accepted (PostgreSQL).
    Failed,
}

/// What stands behind "read-only" for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadOnly {
    /// Writing is possible.
    #[default]
    No,
    /// The session's setting forbids writes, read back from the server.
    Session,
    /// The role has no privilege to write, or the server is a standby.
    Role,
    /// The file was opened read-only.
    File,
}

/// A message from the server that is not a result: PostgreSQL notices, MySQL warnings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// `NOTICE`, `WARNING`, `Note` … as the server says it.
    pub severity: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
}
