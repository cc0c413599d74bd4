//! `holdpoint manual`: the manual's pages, which `?` shows in the console.

use super::output;
use crate::config::manual::{PAGES, page};
use crate::config::toml_file::nearest;
use crate::model::{Error, Result};
use std::process::ExitCode;

pub fn manual(name: Option<&str>) -> Result<ExitCode> {
    let Some(name) = name else {
        for p in PAGES {
            output::line(&format!("{:<14} {}", p.name, p.title()))?;
        }
        output::message("`holdpoint manual PAGE` prints one of them, as Markdown or TOML.");
        return Ok(ExitCode::SUCCESS);
    };
    let Some(found) = page(name) else {
        let hint = match nearest(name, PAGES.iter().map(|p| p.name)) {
            Some(meant) => format!("If you meant it: `holdpoint manual {meant}`."),
            None => "`holdpoint manual` lists the pages.".into(),
        };
        return Err(Error::usage(format!("the manual has no page `{name}`")).hint(hint));
    };
    output::write(found.text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
