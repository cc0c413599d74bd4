//! What was run, for recall; and the editor's buffers, saved as they are typed.

use super::Store;
use crate::model::Result;

/// A statement that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    pub id: i64,
    /// RFC 3339, UTC.
    pub at: String,
    pub target: String,
    pub text: String,
    /// Milliseconds.
    pub took_ms: u64,
    pub rows: Option<u64>,
    pub error: Option<String>,
}

impl Store {
    /// Remembers a statement (secrets redacted by the caller's use of `sql::redact`). The caller checks `target.history`.
    pub fn remember(&self, _at: &str, _target: &str, _text: &str, _took_ms: u64, _rows: Option<u64>, _error: Option<&str>) -> Result<()> {
        unimplemented!()
    }
    /// Newest first, without repeats of the same text; `like` filters by substring.
    pub fn recall(&self, _target: Option<&str>, _like: Option<&str>, _limit: usize) -> Result<Vec<Ran>> {
        unimplemented!()
    }
    /// Saves an editor buffer.
    pub fn save_buffer(&self, _target: &str, _name: &str, _text: &str, _cursor: usize) -> Result<()> {
        unimplemented!()
    }
    /// Buffers of a target: name, text, cursor (byte offset).
    pub fn buffers(&self, _target: &str) -> Result<Vec<(String, String, usize)>> {
        unimplemented!()
    }
    pub fn drop_buffer(&self, _target: &str, _name: &str) -> Result<()> {
        unimplemented!()
    }
}
