//! `holdpoint history`: statements that were run before.

use super::output;
use crate::cli::Format;
use crate::model::Result;
use crate::ops::Cx;
use crate::text;
use std::process::ExitCode;
use std::time::Duration;

pub fn history(cx: &Cx, target: Option<&str>, search: Option<&str>, limit: usize, format: Format) -> Result<ExitCode> {
    let runs = cx.store.runs(target, search, limit)?;
    let facts = |r: &crate::store::history::Ran| {
        serde_json::json!({
            "at": r.at, "target": r.target, "text": r.text, "took_ms": r.took_ms, "rows": r.rows, "error": r.error,
            "outcome": r.outcome(),
            "transaction": r.fate.map(crate::store::history::Fate::as_str),
        })
    };
    match format {
        Format::Json => output::json(&runs.iter().map(facts).collect::<Vec<_>>())?,
        Format::Ndjson => output::ndjson(runs.iter().map(facts))?,
        Format::Csv => {
            let mut t = output::TextTable::new(&["at", "target", "rows", "took_ms", "error", "transaction", "statement"]);
            for r in &runs {
                let rows = r.rows.map_or_else(String::new, |n| n.to_string());
                t.row(vec![
                    r.at.clone(),
                    r.target.clone(),
                    rows,
                    r.took_ms.to_string(),
                    r.error.clone().unwrap_or_default(),
                    r.fate.map_or_else(String::new, |f| f.as_str().to_string()),
                    r.text.clone(),
                ]);
            }
            t.csv()?;
        }
        Format::Table => {
            let mut t = output::TextTable::new(&["at", "target", "outcome", ">took", "statement"]);
            for r in &runs {
                t.row(vec![r.at.clone(), r.target.clone(), r.outcome(), took(r.took_ms), text::one_line(&r.text)]);
            }
            t.print()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The store keeps whole milliseconds.
fn took(ms: u64) -> String {
    if ms == 0 { "< 1 ms".into() } else { text::duration(Duration::from_millis(ms)) }
}
