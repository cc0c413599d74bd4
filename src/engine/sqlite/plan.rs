//! `EXPLAIN QUERY PLAN` as a [`Plan`].

use super::guard::Guard;
use crate::model::plan::Plan;
use crate::model::{Error, Result};
use rusqlite::Connection;
use std::path::Path;

/// The plan of one statement; `analyze` also runs it and counts.
pub fn explain(
    _conn: &Connection,
    _guard: &Guard,
    _path: &Path,
    _text: &str,
    _analyze: bool,
    _cancelled: &dyn Fn() -> bool,
) -> Result<Plan> {
    Err(Error::failed("plans of SQLite are not there yet"))
}
