//! `holdpoint journal`: show and verify.

use super::args::Journal;
use super::output;
use crate::cli::Format;
use crate::model::Result;
use crate::ops::Cx;
use crate::ops::journal::{self as ops, Filter, Verification};
use std::process::ExitCode;

pub fn journal(cx: &Cx, command: Journal) -> Result<ExitCode> {
    match command {
        Journal::Show { target, limit, format } => {
            let entries = ops::show(cx, &Filter { target, limit: Some(limit), ..Filter::default() })?;
            match format {
                Format::Json => output::json(&entries)?,
                Format::Ndjson => {
                    for e in &entries {
                        let text = serde_json::to_string(e).map_err(|e| crate::model::Error::failed(e.to_string()))?;
                        output::write(format!("{text}\n").as_bytes())?;
                    }
                }
                Format::Table | Format::Csv => {
                    let mut t = output::TextTable::new(&[">seq", "at", "operator", "target", "kind", "what"]);
                    for e in &entries {
                        t.row(vec![e.seq.to_string(), e.at.clone(), e.operator.clone(), e.target.clone(), e.kind.clone(), e.sentence()]);
                    }
                    t.print()?;
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Journal::Verify => match ops::verify(cx)? {
            Verification::Intact { entries, head } => {
                output::line(&format!("The chain of {entries} entries is intact; its head is {head}."))?;
                Ok(ExitCode::SUCCESS)
            }
            Verification::Broken { at, why } => {
                output::line(&format!("The chain is broken at entry {at}: {why}"))?;
                Ok(ExitCode::from(1))
            }
        },
    }
}
