//! Evidence as files: export on one host, import on another, hash-bound, with the source shown.

use super::Cx;
use crate::model::Result;
use crate::model::evidence::Evidence;
use std::path::Path;

/// What an import took in.
#[derive(Debug, Clone)]
pub struct ImportReport {
    pub taken: Vec<Evidence>,
    /// Already there.
    pub known: usize,
    /// Host that exported it.
    pub source: String,
}

/// All evidence of a target (of all targets when `None`), newest first.
pub fn list(_cx: &Cx, _target: Option<&str>) -> Result<Vec<Evidence>> {
    unimplemented!()
}

/// Writes a bundle of the target's evidence; returns how many records it holds.
pub fn export(_cx: &Cx, _target: Option<&str>, _to: &Path) -> Result<usize> {
    unimplemented!()
}

/// The bundle as text, for stdout.
pub fn export_text(_cx: &Cx, _target: Option<&str>) -> Result<String> {
    unimplemented!()
}

/// Reads a bundle. An edited or cut bundle is refused as a whole; nothing of it is taken.
pub fn import(_cx: &Cx, _from: &Path) -> Result<ImportReport> {
    unimplemented!()
}
