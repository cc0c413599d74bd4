//! `holdpoint assess`: what is wrong with a target, as it is found.

use super::args::AssessFormat;
use super::output;
use crate::model::assessment::{Assessment, Seen};
use crate::model::{Error, Result, Severity};
use crate::ops::Cx;
use crate::ops::assess::{self, How, News};
use crate::text;
use std::process::ExitCode;
use std::time::Duration;

/// What stands before a check's line; words, since a screen without colour must do.
fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "ok",
        Severity::Info => "info",
        Severity::Unknown => "unknown",
        Severity::Warning => "WARNING",
        Severity::Critical => "CRITICAL",
    }
}

fn line(seen: &Seen) -> String {
    format!("{:<9}{:<22}{}", mark(seen.severity), seen.name, seen.says)
}

/// What is asked for on the command line.
pub struct Asked {
    pub checks: Vec<String>,
    pub budget: u64,
    pub timeframe: u64,
    pub format: AssessFormat,
    pub nagios: bool,
}

pub async fn assess(cx: &Cx, target: &str, asked: Asked) -> Result<ExitCode> {
    let target = crate::ops::connect::target(cx, target)?;
    let how = How {
        budget: Duration::from_secs(asked.budget),
        pause: Duration::from_secs(asked.timeframe),
        only: asked.checks,
        ..How::default()
    };
    let table = asked.format == AssessFormat::Table;
    let found = assess::assess(cx, target, &how, |news| {
        // A closed pipe must not keep the assessment from ending in order.
        let _ = match news {
            News::Server(server) if table => output::line(&server),
            News::Seen(seen) if table => output::line(&line(&seen)),
            _ => Ok(()),
        };
    })
    .await?;
    match asked.format {
        AssessFormat::Table => summarise(&found)?,
        AssessFormat::Json => output::json(&found)?,
        AssessFormat::Ndjson => output::ndjson(found.checks.iter().flat_map(|c| &c.findings))?,
    }
    // What was read before Ctrl-C is shown all the same.
    if cx.cancel.is_cancelled() {
        return Err(Error::cancelled());
    }
    Ok(ExitCode::from(code(&found, asked.nagios)))
}

fn summarise(found: &Assessment) -> Result<()> {
    let mut worst: Vec<_> = found.checks.iter().flat_map(|c| &c.findings).filter(|f| f.severity >= Severity::Unknown).collect();
    worst.sort_by_key(|f| std::cmp::Reverse(f.severity));
    if !worst.is_empty() {
        output::line("")?;
    }
    for f in worst {
        for (i, part) in text::wrap(&format!("{} {}: {}", mark(f.severity), f.check, text::clean(&f.message)), 78).into_iter().enumerate() {
            output::line(&if i == 0 { part } else { format!("  {part}") })?;
        }
        for next in f.lifts.iter().chain([&f.next]).filter(|n| !n.is_empty()) {
            for (i, part) in text::wrap(&text::clean(next), 74).into_iter().enumerate() {
                output::line(&format!("  {} {part}", if i == 0 { "→" } else { " " }))?;
            }
        }
    }
    output::line("")?;
    let sev = found.summary.sev.map(|s| format!(" (suggested: SEV-{s})")).unwrap_or_default();
    for part in text::wrap(&format!("{}{sev}", text::clean(&found.summary.says)), 80) {
        output::line(&part)?;
    }
    for part in text::wrap(&format!("Next: {}", found.summary.next), 80) {
        output::line(&part)?;
    }
    output::message(&format!(
        "{} checks in {:.1} s of {:.0} s, one connection",
        found.checks.len(),
        found.took / 1000.0,
        found.budget / 1000.0
    ));
    Ok(())
}

/// Our own exit codes (0 sound, 1 findings, 3 no connection, 5 could not see), or those of Nagios' plugins (0 to 3).
fn code(found: &Assessment, nagios: bool) -> u8 {
    match (nagios, found.severity()) {
        (true, Severity::Ok | Severity::Info) => 0,
        (true, Severity::Warning) => 1,
        (true, Severity::Critical) => 2,
        (true, Severity::Unknown) => 3,
        (false, _) if found.server.is_none() => 3,
        (false, Severity::Warning | Severity::Critical) => 1,
        (false, Severity::Unknown) => 5,
        (false, Severity::Ok | Severity::Info) => 0,
    }
}
