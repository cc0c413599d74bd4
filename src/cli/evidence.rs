//! `holdpoint evidence`: export and import.

use super::args::Evidence;
use super::output;
use crate::model::Result;
use crate::ops::{Cx, connect, evidence as ops};
use std::process::ExitCode;

pub fn evidence(cx: &Cx, command: Evidence) -> Result<ExitCode> {
    match command {
        Evidence::Export { target, output: to } => {
            connect::target(cx, &target)?;
            match to {
                Some(path) => {
                    let n = ops::export(cx, Some(&target), &path)?;
                    output::message(&format!("{n} records of evidence written to {}", path.display()));
                }
                None => output::write(ops::export_text(cx, Some(&target))?.as_bytes())?,
            }
        }
        Evidence::Import { file } => {
            let report = ops::import(cx, &file)?;
            output::line(&format!("{} records taken from {}, {} known already", report.taken.len(), report.source, report.known))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
