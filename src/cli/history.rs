//! `holdpoint history`: statements that were run before.

use super::output;
use crate::cli::Format;
use crate::model::{Error, Result};
use crate::ops::Cx;
use crate::text;
use std::process::ExitCode;
use std::time::Duration;

pub fn history(cx: &Cx, target: Option<&str>, search: Option<&str>, limit: usize, format: Format) -> Result<ExitCode> {
    let runs = cx.store.recall(target, search, limit)?;
    let facts = |r: &crate::store::history::Ran| {
        serde_json::json!({
            "at": r.at, "target": r.target, "text": r.text, "took_ms": r.took_ms, "rows": r.rows, "error": r.error,
        })
    };
    match format {
        Format::Json => output::json(&runs.iter().map(facts).collect::<Vec<_>>())?,
        Format::Ndjson => {
            for r in &runs {
                let line = serde_json::to_string(&facts(r)).map_err(|e| Error::failed(e.to_string()))?;
                output::write(format!("{line}\n").as_bytes())?;
            }
        }
        _ => {
            let mut t = output::TextTable::new(&["at", "target", ">rows", ">took", "statement"]);
            for r in &runs {
                let outcome = if r.error.is_some() { "failed".to_string() } else { r.rows.map_or_else(String::new, text::thousands) };
                let one_line = r.text.split_whitespace().collect::<Vec<_>>().join(" ");
                t.row(vec![r.at.clone(), r.target.clone(), outcome, text::duration(Duration::from_millis(r.took_ms)), one_line]);
            }
            t.print()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
