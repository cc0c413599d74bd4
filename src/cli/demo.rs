//! `holdpoint demo`: make it, or find it, and open it.

use super::{open, output};
use crate::model::{Result, Silent};
use crate::ops::demo;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

pub async fn demo(dir: &Path, no_open: bool) -> Result<ExitCode> {
    let demo = if std::io::stderr().is_terminal() {
        demo::create(dir, &output::StderrProgress::default()).await?
    } else {
        demo::create(dir, &Silent).await?
    };
    if no_open || !std::io::stdout().is_terminal() {
        let word = if demo.found { "found" } else { "made" };
        output::message(&format!("The demo was {word} in {}.", demo.dir.display()));
        output::message(&format!("Open it: holdpoint demo {}", dir.display()));
        output::line(&demo.config.display().to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    open::open_demo(&demo).await
}
