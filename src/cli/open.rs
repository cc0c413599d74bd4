//! `holdpoint` and `holdpoint open`: the console.

use super::{connect, context};
use crate::model::{Error, Result};
use crate::ops::demo::{self, Demo};
use crate::tui::{self, Start};
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

/// Opens the console on a target, or on the start screen. A single argument that ends in `.sql` is a file.
pub async fn open(config: Option<&Path>, target: Option<&str>, file: Option<&Path>, assess: bool) -> Result<ExitCode> {
    let cx = context(config)?;
    let (target, file) = match (target, file) {
        (Some(t), None) if t.ends_with(".sql") && !cx.config.targets.contains_key(t) => (None, Some(Path::new(t))),
        other => other,
    };
    let target = target.map(|t| connect::target(&cx, t)).transpose()?;
    need_terminal()?;
    tui::run(Start { cx, target, file: file.map(Path::to_path_buf), assess, guide: false }).await?;
    Ok(ExitCode::SUCCESS)
}

/// Opens the demo on its production target, with its guide.
pub async fn open_demo(demo: &Demo) -> Result<ExitCode> {
    need_terminal()?;
    let cx = context(Some(&demo.config))?;
    let target = crate::ops::connect::target(&cx, demo::START_TARGET)?;
    tui::run(Start { cx, target: Some(target), file: Some(demo.start.clone()), assess: false, guide: true }).await?;
    Ok(ExitCode::SUCCESS)
}

fn need_terminal() -> Result<()> {
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Error::usage("the console needs a terminal, and standard input or output is none")
        .hint("Every operation also runs without it: see `holdpoint --help`."))
}
