//! Reading a directory of migration scripts as sqlx does (`reference` of the format: sqlx-core `migrate/source.rs`).

use crate::model::migration::Migration;
use crate::model::{Finding, Result};
use std::path::Path;

/// What a directory holds: well-formed migrations by version, and a finding for every file that is not right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Directory {
    pub migrations: Vec<Migration>,
    /// `critical` ones stop any run over the directory.
    pub findings: Vec<Finding>,
}

/// Reads the directory, not recursively. The error is for a directory that cannot be read at all.
pub fn read(_dir: &Path) -> Result<Directory> {
    unimplemented!()
}
