//! `holdpoint explain --advise`: which index would help, how far that was tried, or why none does.

use super::args::PlanFormat;
use super::{connect, output, query};
use crate::model::{Error, Result};
use crate::ops::Cx;
use crate::ops::advice::{self, Report, Wanted};
use crate::plan::candidates::{Reason, Why};
use crate::plan::share::Constants;
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
    if matches!(asked.format, PlanFormat::Svg | PlanFormat::Junit) {
        output::page("Advice", "", &[], asked.format)?;
    }
    let sql = query::text_of(sql, file)?;
    let conn = connect::open(cx, target).await?;
    let constants = asked.redact.then(|| Constants::in_texts(conn.dialect(), [sql.as_str()]));
    let tell = |words: &str| match &constants {
        Some(c) => output::message(&c.prose(words)),
        None => output::message(words),
    };
    let report = advice::advise_telling(cx, &conn, &sql, asked.wanted, &tell).await?;
    let bare = asked.redact.then(|| report.redacted());
    let shown = bare.as_ref().unwrap_or(&report);
    match asked.format {
        PlanFormat::Json => output::json(&shown.document(conn.dialect()))?,
        PlanFormat::Ndjson => output::write(format!("{}\n", shown.document(conn.dialect())).as_bytes())?,
        PlanFormat::Table => {
            // The table is the answer; what is to be known of it goes beside it.
            shown.differs.iter().for_each(|d| output::message(d));
            if !shown.advice.is_empty() {
                table(shown).print()?;
            }
            words(shown, conn.dialect()).iter().for_each(|l| output::message(l));
        }
        _ => {
            let mut lines: Vec<String> = shown.differs.iter().cloned().collect();
            if !shown.advice.is_empty() {
                lines.extend(table(shown).lines());
            }
            lines.extend(words(shown, conn.dialect()));
            output::page("Index advice", &shown.statement, &lines, asked.format)?;
        }
    }
    if asked.queue {
        let first = report.advice.first().ok_or_else(|| Error::failed("there is no advice to queue").hint(report.answer()))?;
        let written = advice::queue(cx, &conn, &first.candidate, &first.reasoning().join(" "))?;
        for p in written.iter().flat_map(|q| [&q.up, &q.down]) {
            output::message(&format!("written: {}", text::clean(&p.to_string_lossy())));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(r: &Report) -> output::TextTable {
    let mut t = output::TextTable::new(&["level", "index", "gain", "size"]);
    for a in &r.advice {
        t.row(vec![a.level.word().into(), a.spec.clone(), a.gain(), a.size().unwrap_or_default()]);
    }
    t
}

fn reason(why: &Reason) -> String {
    let next = if why.next.is_empty() { String::new() } else { format!(" {}", why.next) };
    let sql = why.sql.as_ref().map_or(String::new(), |s| format!(" {s};"));
    let table = if why.table.is_empty() { String::new() } else { format!("{}: ", text::clean(&why.table)) };
    format!("{table}{}.{next}{sql}", why.text)
}

fn words(r: &Report, dialect: crate::model::Dialect) -> Vec<String> {
    let mut out = vec![r.answer()];
    // Old statistics make all doubtful that follows.
    let (doubts, others): (Vec<&Reason>, Vec<&Reason>) = r.reasons.iter().partition(|w| w.why == Why::StaleStatistics);
    out.extend(doubts.into_iter().map(reason));
    for (n, a) in r.advice.iter().enumerate() {
        out.push(format!("{}. {};", n + 1, a.candidate.creates(dialect, true)));
        out.extend(a.reasoning().iter().map(|line| format!("   {line}")));
    }
    out.extend(others.into_iter().map(reason));
    out.extend(r.dropped.iter().map(|d| format!("{}: {} ({})", d.left_out().to_lowercase(), d.what, d.reason.text)));
    out.extend(r.verified.iter().map(|v| format!("verified: {}.", v.text)));
    out.extend(r.notes.iter().cloned());
    out
}
