//! Our own record in an embedded SQLite file: the hash-chained journal, evidence, runs, history, buffers, spilled results.

pub mod evidence;
pub mod history;
pub mod journal;
pub mod runs;

use crate::model::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The store. When its file cannot be used it is *degraded*: every access is an error that says why, and read-only work goes on.
pub struct Store {
    path: PathBuf,
    inner: Result<Mutex<rusqlite::Connection>>,
}

impl Store {
    /// Opens or creates the store. Never fails: see [`Store::problem`].
    pub fn open(path: &Path) -> Self {
        let _ = path;
        unimplemented!()
    }
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// Why the store cannot be used, for the status line.
    pub fn problem(&self) -> Option<&Error> {
        self.inner.as_ref().err()
    }
}
