//! What a backup says of itself, and what comparing two databases found.

use super::{CanonicalObject, Identity, TableShape};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A column's content, independent of row order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnDigest {
    pub name: String,
    /// Values that are not NULL.
    pub values: u64,
    /// Order-independent 128-bit hash of the values, hex.
    pub hash: String,
}

/// A table's content, independent of row order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDigest {
    pub shape: TableShape,
    pub rows: u64,
    /// Order-independent 128-bit hash of whole rows over `shape.columns`, hex.
    pub hash: String,
    pub columns: Vec<ColumnDigest>,
}

/// The fact that says in a sentence what a backup does not hold though its restore is the same as what it does hold.
pub const LACKS: &str = "lacks";
/// The fact that says what the backup holds and a copy made from it has otherwise.
pub const COPY_LACKS: &str = "copy_lacks";

/// Catalogue and content of a database at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Sorted.
    pub objects: Vec<CanonicalObject>,
    /// By full name.
    pub tables: BTreeMap<String, TableDigest>,
    /// What sequences and the like give next, by full name: read for proofs, and not kept with backups, whose tools bring
    /// counters back by themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, i128>,
    /// What lies outside tables (large objects, rows of materialized views), by name: read for proofs, too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub beside: BTreeMap<String, String>,
}

impl Fingerprint {
    /// The same objects and rows; counters may be further on.
    pub fn same_content(&self, other: &Fingerprint) -> bool {
        self.objects == other.objects && self.tables == other.tables
    }
}

/// A file that belongs to a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// Relative to the backup's directory.
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
}

/// Format of the manifests that this program writes and reads. Format 1 had other hashes of rows and columns.
pub const FORMAT: u32 = 2;

/// `manifest.json` of a backup directory. Written last, so its presence says that the backup is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of this file, [`FORMAT`] when this program wrote it.
    pub format: u32,
    /// SHA-256 over the artefacts' hashes in order, hex: names the backup.
    pub id: String,
    /// Name of the target that was backed up.
    pub target: String,
    pub identity: Identity,
    /// RFC 3339, UTC.
    pub taken_at: String,
    pub taken_by: String,
    /// The tool and its version: `pg_dump (PostgreSQL) 15.18`, `VACUUM INTO, SQLite 3.51`.
    pub tool: String,
    pub artefacts: Vec<Artefact>,
    /// Catalogue and content at the backup's moment; what a restore must give again.
    /// Empty tables where the engine proves the restore by dumping it again (MariaDB).
    pub fingerprint: Fingerprint,
    /// Milliseconds that the backup took.
    pub took_ms: u64,
    /// Engine's own facts: snapshot name, binlog position, dump digest.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

/// What is different between two fingerprints; empty means equal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Differences {
    /// Objects only in the first, only in the second, or with another definition: one sentence each.
    pub schema: Vec<String>,
    /// Tables whose content differs: one sentence each, with counts.
    pub data: Vec<String>,
    /// Values of columns that the first had and the second has no more (`table.column` → count of non-NULL values).
    pub lost_values: BTreeMap<String, u64>,
    /// Rows that the first had more of than the second (`table` → count).
    pub lost_rows: BTreeMap<String, u64>,
}

impl Differences {
    pub fn is_empty(&self) -> bool {
        self.schema.is_empty() && self.data.is_empty()
    }
}
