//! Migrations as they stand in a directory and in a database's history table.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A script file of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    pub path: PathBuf,
    /// The file's text, exactly.
    pub text: String,
    /// SHA-256 of the file's bytes, hex: what evidence is bound to.
    pub sha256: String,
}

/// An up script with its down script, found by file name (`<version>_<name>.up.sql`, `.down.sql`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    pub version: i64,
    pub name: String,
    pub up: Script,
    pub down: Option<Script>,
    /// The up script starts with `-- no-transaction` (sqlx's rule).
    pub no_transaction: bool,
}

/// A row of sqlx's `_sqlx_migrations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    pub version: i64,
    pub description: String,
    /// As the server prints it.
    pub installed_on: String,
    pub success: bool,
    /// SHA-384 of the up file's bytes, hex.
    pub checksum: String,
    /// Nanoseconds; −1 while unknown.
    pub execution_time: i64,
}

/// Where a migration stands on a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    Applied,
    Pending,
    /// Pending, though a later version is applied already.
    Late,
    /// Applied, and the up file was changed since.
    Edited,
    /// Applied with other line ends than the file has now: the same text.
    LineEnds,
    /// In the history with `success = false`: half applied.
    Dirty,
    /// In the history, and no file has this version.
    FileMissing,
}

/// What the rollback proof found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RollbackClass {
    /// Schema and data are exactly as before.
    Exact,
    /// The schema is as before, data was lost; with counts.
    Lossy,
    /// Not equal in form, equal in effect; with the reason.
    Equivalent,
    /// The down script is missing, empty, fails, or does not undo its up.
    Irreversible,
}
