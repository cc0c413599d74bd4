//! `holdpoint explain --advise`: which index would help, how far that was tried, or why none does.

use super::args::PlanFormat;
use super::{connect, output, query};
use crate::model::{Error, Result};
use crate::ops::Cx;
use crate::ops::advice::{self, Report, Wanted};
use crate::text;
use std::path::Path;
use std::process::ExitCode;

/// What is asked for beside the statement.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub wanted: Wanted,
    /// Write the first piece of advice as a pair of migration scripts.
    pub queue: bool,
    pub format: PlanFormat,
    /// Without the constants of the statement.
    pub redact: bool,
}

pub async fn advise(cx: &Cx, target: &str, sql: Option<String>, file: Option<&Path>, asked: Asked) -> Result<ExitCode> {
    if !matches!(asked.format, PlanFormat::Table | PlanFormat::Json | PlanFormat::Ndjson) {
        return Err(Error::usage("advice is told as a table or as JSON: say --format table, json or ndjson"));
    }
    let sql = query::text_of(sql, file)?;
    let conn = connect::open(cx, target).await?;
    let report = advice::advise_telling(cx, &conn, &sql, asked.wanted, &output::message).await?;
    let bare = asked.redact.then(|| report.redacted());
    let shown = bare.as_ref().unwrap_or(&report);
    match asked.format {
        PlanFormat::Json => output::json(&shown.document(conn.dialect()))?,
        PlanFormat::Ndjson => output::write(format!("{}\n", shown.document(conn.dialect())).as_bytes())?,
        _ => table(shown, conn.dialect())?,
    }
    if asked.queue {
        let first = report.advice.first().ok_or_else(|| Error::failed("there is no advice to queue").hint(report.answer()))?;
        let written = advice::queue(cx, &conn, &first.candidate, &first.reasoning().join(" "))?;
        for p in [&written.up, &written.down] {
            output::message(&format!("written: {}", text::clean(&p.to_string_lossy())));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(r: &Report, dialect: crate::model::Dialect) -> Result<()> {
    if let Some(d) = &r.differs {
        output::message(&text::clean(d));
    }
    if !r.advice.is_empty() {
        let mut t = output::TextTable::new(&["level", "index", "gain", "size"]);
        for a in &r.advice {
            t.row(vec![a.level.word().into(), a.spec.clone(), a.gain(), a.size().unwrap_or_default()]);
        }
        t.print()?;
    }
    output::message(&r.answer());
    for (n, a) in r.advice.iter().enumerate() {
        output::message(&format!("{}. {};", n + 1, a.candidate.create(dialect, true)));
        for line in a.reasoning() {
            output::message(&format!("   {line}"));
        }
    }
    for why in &r.reasons {
        let next = if why.next.is_empty() { String::new() } else { format!(" {}", why.next) };
        let sql = why.sql.as_ref().map_or(String::new(), |s| format!(" {s};"));
        let table = if why.table.is_empty() { String::new() } else { format!("{}: ", text::clean(&why.table)) };
        output::message(&format!("{table}{}.{next}{sql}", why.text));
    }
    for d in &r.dropped {
        output::message(&format!("{}: {} ({})", d.left_out().to_lowercase(), d.what, d.reason.text));
    }
    for v in &r.verified {
        output::message(&format!("verified: {}.", v.text));
    }
    for n in &r.notes {
        output::message(n);
    }
    Ok(())
}
