//! The journal: append-only, each record's hash over its content and the hash before it.

use serde::{Deserialize, Serialize};

/// A record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub seq: i64,
    /// RFC 3339, UTC.
    pub at: String,
    /// `backup-taken`, `statement-before`, `evidence`, `sign` …
    pub kind: String,
    pub operator: String,
    pub host: String,
    pub target: String,
    /// The record's own facts.
    pub body: serde_json::Value,
    pub prev_hash: String,
    pub hash: String,
}

/// Which entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub target: Option<String>,
    pub kind: Option<String>,
    /// Only entries with a greater sequence number.
    pub after: Option<i64>,
    pub limit: Option<usize>,
}

/// What walking the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    Intact {
        entries: u64,
        head: String,
    },
    Broken {
        /// Sequence number of the first record that does not fit.
        at: i64,
        why: String,
    },
}

impl Entry {
    /// The record in one line for people.
    pub fn sentence(&self) -> String {
        let text = |k: &str| self.body.get(k).and_then(serde_json::Value::as_str).map(str::to_string);
        text("summary").unwrap_or_else(|| self.kind.clone())
    }
}
