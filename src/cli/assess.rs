//! `holdpoint assess`: what is wrong with a target, as it is found.

pub mod nagios;

use super::args::{AssessFormat, Mutes};
use super::output;
use crate::model::assessment::{Assessment, Seen};
use crate::model::{Error, Finding, Result, Severity};
use crate::ops::Cx;
use crate::ops::assess::handover::Form;
use crate::ops::assess::{self, How, News};
use crate::text;
use std::path::PathBuf;
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
    /// The hand-over's file.
    pub output: Option<PathBuf>,
}

/// What is to be silenced, to speak again, or to be listed; false where nothing of it was asked for.
pub fn mutes(cx: &Cx, target: &str, asked: &Mutes) -> Result<bool> {
    if asked.mute.is_none() && asked.unmute.is_none() && !asked.muted {
        return Ok(false);
    }
    let target = crate::ops::connect::target(cx, target)?;
    let name = &target.name;
    let parts = |what: &str| -> Result<(&'static str, String)> {
        let (check, object) = what.split_once(':').unwrap_or((what, ""));
        Ok((assess::check_id(&target, check)?, object.to_string()))
    };
    if let Some(what) = &asked.mute {
        let (check, object) = parts(what)?;
        let span = asked.span.as_deref().unwrap_or("");
        let unfit = |e: jiff::Error| Error::usage(format!("{span} is no length of time: {e}")).hint("For example --for 4h or --for 7d.");
        let span: jiff::Span = span.parse().map_err(unfit)?;
        let until = cx.clock.now().to_zoned(jiff::tz::TimeZone::UTC).checked_add(span).map_err(unfit)?.timestamp();
        let m = assess::mute(cx, &target, check, &object, asked.reason.as_deref().unwrap_or(""), until)?;
        output::message(&format!("{} is muted on {name} until {}", assess::named(check, &object), m.until));
        // A name that is misspelt silences nothing.
        let last = cx.store.last_assessment(&target.kept_as())?;
        let of_it = |a: &crate::model::assessment::Assessment| -> Vec<String> {
            a.checks.iter().flat_map(|c| &c.findings).filter(|f| f.check == check).map(|f| f.object.clone()).collect()
        };
        if let Some(objects) = last.as_ref().map(of_it).filter(|o| !object.is_empty() && !o.contains(&object)) {
            let there = if objects.is_empty() { "none".to_string() } else { objects.join(", ") };
            output::message(&format!(
                "the last assessment found nothing of {check} about {object}; it has: {}",
                crate::text::clean(&there)
            ));
        }
    } else if let Some(what) = &asked.unmute {
        let (check, object) = parts(what)?;
        assess::unmute(cx, &target, check, &object)?;
        output::message(&format!("{} speaks again on {name}", assess::named(check, &object)));
    } else {
        for m in cx.store.mutes(&target.kept_as())? {
            let over = if m.until <= cx.clock.now() { " (over)" } else { "" };
            output::line(&text::clean(&format!(
                "{} until {}{over}, by {}: {}",
                assess::named(&m.check, &m.object),
                m.until,
                m.by,
                m.reason
            )))?;
        }
    }
    Ok(true)
}

pub async fn assess(cx: &Cx, target_word: &str, asked: Asked) -> Result<ExitCode> {
    let target = crate::ops::connect::target(cx, target_word)?;
    let how = How {
        budget: Duration::from_secs(asked.budget),
        pause: Duration::from_secs(asked.timeframe),
        only: asked.checks,
        ..How::default()
    };
    // A name that says nothing, or a file that is there, is told before anything is read.
    if let Some(path) = &asked.output {
        Form::of(path)?;
        if path.exists() {
            return Err(Error::usage(format!("{} is there already", text::clean(&path.display().to_string()))).hint("Choose another name."));
        }
    }
    // A plugin's output begins with the state, which is known at the end.
    let plugin = asked.nagios && asked.format == AssessFormat::Table;
    let table = asked.format == AssessFormat::Table && !plugin;
    let found = assess::assess(cx, target.clone(), &how, |news| {
        // A closed pipe must not keep the assessment from ending in order.
        let _ = match news {
            News::Server(server) if table => output::line(&server),
            News::Seen(seen) if table => output::line(&line(&seen)),
            _ => Ok(()),
        };
    })
    .await?;
    // A state that is known in part is no state.
    if plugin && cx.cancel.is_cancelled() {
        return Err(Error::cancelled());
    }
    match asked.format {
        AssessFormat::Table if plugin => {
            let (checks, limits) = assess::thresholds(&target)?;
            nagios::lines(nagios::report(&assess::without_constants(&target, &found), &checks, &limits))?;
        }
        AssessFormat::Table => summarise(&found, target_word)?,
        AssessFormat::Json => output::json(&assess::without_constants(&target, &found))?,
        AssessFormat::Ndjson => output::ndjson(found.checks.iter().flat_map(|c| &c.findings))?,
    }
    if let Some(path) = &asked.output {
        assess::write_hand_over(cx, &target, &found, path)?;
        output::message(&format!("the hand-over is in {}", text::clean(&path.display().to_string())));
    }
    // What was read before Ctrl-C is shown all the same.
    if cx.cancel.is_cancelled() {
        return Err(Error::cancelled());
    }
    Ok(ExitCode::from(code(&found, asked.nagios)))
}

/// What was found, each with its next step and the action that does it.
pub(super) fn told(findings: &[&Finding], target: &str) -> Result<()> {
    if !findings.is_empty() {
        output::line("")?;
    }
    for f in findings {
        for (i, part) in text::wrap(&format!("{} {}: {}", mark(f.severity), f.check, text::clean(&f.message)), 78).into_iter().enumerate() {
            output::line(&if i == 0 { part } else { format!("  {part}") })?;
        }
        for next in f.lifts.iter().chain([&f.next]).filter(|n| !n.is_empty()) {
            for (i, part) in text::wrap(&text::clean(next), 74).into_iter().enumerate() {
                output::line(&format!("  {} {part}", if i == 0 { "→" } else { " " }))?;
            }
        }
        // Whole on a line, to be copied: it shows what would be done, and does nothing.
        if let Some(action) = &f.recover {
            output::line(&format!("  → {}", crate::ops::recovery::command(action, target)))?;
        }
    }
    Ok(())
}

/// `target` as it was typed: the commands that are printed take it, too.
fn summarise(found: &Assessment, target: &str) -> Result<()> {
    let mut worst: Vec<_> = found.checks.iter().flat_map(|c| &c.findings).filter(|f| f.severity >= Severity::Unknown).collect();
    worst.sort_by_key(|f| std::cmp::Reverse(f.severity));
    told(&worst, target)?;
    if let Some(before) = found.before.filter(|_| !found.changes.is_empty()) {
        output::line("")?;
        output::line(&format!("Since {before:.0}:"))?;
        for c in &found.changes {
            let words = format!("{} {}: {}", c.turn.word(), assess::named(&c.check, &c.object), text::clean(&c.message));
            for (i, part) in text::wrap(&words, 76).into_iter().enumerate() {
                output::line(&format!("  {}{part}", if i == 0 { "" } else { "  " }))?;
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
    if let Some(action) = &found.summary.recover {
        output::line(&format!("      {}", crate::ops::recovery::command(action, target)))?;
    }
    for note in &found.notes {
        output::message(note);
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
    match found.severity() {
        severity if nagios => nagios::state(severity).1,
        _ if found.server.is_none() => 3,
        severity => self::found(severity),
    }
}

/// The exit code of what was seen.
pub(super) fn found(severity: Severity) -> u8 {
    match severity {
        Severity::Warning | Severity::Critical => 1,
        Severity::Unknown => 5,
        Severity::Ok | Severity::Info => 0,
    }
}
