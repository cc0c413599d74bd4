//! The hand-over: what was found, what changed, what was done and when, for whoever comes next. Markdown, JSON, or one HTML page.

mod page;

use super::super::{Cx, incident};
use super::kept::redacted;
use crate::config::Target;
use crate::model::assessment::Assessment;
use crate::model::{Dialect, Error, Result};
use crate::store::journal::{Entry, Filter};
use crate::text;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// Entries of the journal that are told, at most: the newest.
const ENTRIES: usize = 200;
/// So far back the timeline goes from the assessment, in seconds: an incident of a day and a night.
const BACK: i64 = 24 * 3600;

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Markdown,
    Json,
    Html,
}

impl Form {
    /// By the ending of a file.
    pub fn of(path: &Path) -> Result<Form> {
        match path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("md" | "markdown") => Ok(Form::Markdown),
            Some("json") => Ok(Form::Json),
            Some("html" | "htm") => Ok(Form::Html),
            _ => Err(Error::usage(format!("what is {} to be? Its name does not say", text::clean(&path.display().to_string())))
                .hint("A hand-over ends in .md, .html or .json.")),
        }
    }
}

/// Something that was done, by the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// RFC 3339, UTC.
    pub at: String,
    pub by: String,
    pub says: String,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HandOver {
    /// What names the target on a command line.
    #[serde(skip)]
    pub word: String,
    pub written: Timestamp,
    pub by: String,
    pub assessment: Assessment,
    /// Oldest first.
    pub timeline: Vec<Event>,
    /// What is missing in it, in a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Of an assessment, with what the journal knows of its target; without the constants of statements.
pub fn of(cx: &Cx, target: &Target, assessment: &Assessment, dialect: Dialect) -> HandOver {
    let mut notes = Vec::new();
    let filter = Filter { target: Some(assessment.target.clone()), limit: Some(ENTRIES), ..Filter::default() };
    let of_target = cx.store.entries(&filter);
    // What was done to the server counts, whoever's target it was done by.
    let acted = incident::done_to(cx, target, &incident::ACTIONS);
    let (mut entries, acted) = of_target.and_then(|own| Ok((own, acted?))).unwrap_or_else(|e| {
        notes.push(format!("The journal could not be read: {}.", e.message));
        (Vec::new(), Vec::new())
    });
    let cut_off: BTreeSet<i64> = acted.iter().filter(|e| incident::is_unended(e, &acted)).map(|e| e.seq).collect();
    let own: BTreeSet<i64> = entries.iter().map(|e| e.seq).collect();
    let done: BTreeSet<i64> = acted.iter().map(|e| e.seq).collect();
    entries.extend(acted.into_iter().filter(|e| !own.contains(&e.seq)));
    entries.sort_by_key(|e| std::cmp::Reverse(e.seq));
    let me = format!("{}@{}", cx.operator, cx.host);
    let from = assessment.began.as_second() - BACK;
    // What came from another machine happened there and then, not when it was imported.
    let gathered = cx.store.evidence(None).unwrap_or_default();
    let event = |e: &Entry| {
        let origin = e.text("id").and_then(|id| gathered.iter().map(|s| &s.evidence).find(|g| g.id == id && g.imported_from.is_some()));
        let mut says = match e.text("evidence") {
            Some(kind) => format!("{kind}: {}", e.sentence()),
            None if cut_off.contains(&e.seq) => incident::told(e),
            None => e.sentence(),
        };
        if e.target != assessment.target {
            says.push_str(&format!(" (as target {})", e.target));
        }
        match origin {
            Some(g) => Event { at: g.at.clone(), by: format!("{}@{}", g.by, g.host), says },
            None => Event { at: e.at.clone(), by: format!("{}@{}", e.operator, e.host), says },
        }
    };
    // Of another server that bears the same name nothing is told.
    let place = target.leads();
    let elsewhere = |e: &Entry| {
        let of_evidence =
            || gathered.iter().map(|s| &s.evidence).find(|g| e.text("id") == Some(g.id.as_str()) && g.imported_from.is_none());
        let told = e.text("place").map(str::to_string).or_else(|| of_evidence()?.facts.get("place").cloned());
        told.is_some_and(|p| p != place)
    };
    let recent = |e: &Event| e.at.parse::<Timestamp>().is_ok_and(|t| t.as_second() >= from);
    let mut timeline: Vec<Event> =
        entries.iter().rev().filter(|e| done.contains(&e.seq) || !elsewhere(e)).map(event).filter(recent).collect();
    timeline.push(Event { at: stamp(assessment.began), by: me.clone(), says: format!("assessed: {}", assessment.summary.says) });
    timeline.sort_by(|a, b| a.at.cmp(&b.at));
    HandOver {
        word: target.word().to_string(),
        written: cx.clock.now(),
        by: me,
        assessment: redacted(assessment, dialect),
        timeline,
        notes,
    }
}

/// To the second, as the journal has it.
fn stamp(t: Timestamp) -> String {
    t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl HandOver {
    pub fn render(&self, form: Form) -> Result<String> {
        match form {
            Form::Json => serde_json::to_string_pretty(self)
                .map(|s| s + "\n")
                .map_err(|e| Error::failed(format!("the hand-over cannot be written: {e}"))),
            Form::Markdown => Ok(page::of(&page::Markdown, self)),
            Form::Html => Ok(page::of(&page::Html, self)),
        }
    }
}
