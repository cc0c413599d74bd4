//! The terminal: enter and leave, input, the loop, jobs, clipboard.

use crate::config::Target;
use crate::model::{Error, Result};
use crate::ops::Cx;
use std::path::PathBuf;

/// How the console starts.
pub struct Start {
    pub cx: Cx,
    /// The target to open; the start screen when `None`.
    pub target: Option<Target>,
    /// SQL file for the editor.
    pub file: Option<PathBuf>,
    /// Show the demo's guide.
    pub guide: bool,
}

/// Runs the console until the user leaves it.
pub async fn run(start: Start) -> Result<()> {
    let _ = (start.cx, start.target, start.file, start.guide);
    Err(Error::failed("the console is not built yet"))
}
