//! `\watch`: a read that runs again and again until a key is pressed or it fails.

use super::effect::{Effect, JobId, Statement};
use super::msg::Timer;
use super::panes::results::Progress;
use super::panes::running;
use super::state::{Note, State};
use crate::sql::{Class, classify, params};
use crate::text;
use std::time::Duration;

/// What is watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    every: Duration,
    job: JobId,
    /// Runs that ended.
    runs: u64,
}

/// Without an interval, as psql does it.
const USUAL: f64 = 2.0;
const SHORTEST: f64 = 0.1;
const LONGEST: f64 = 86_400.0;

/// Begins with the statement before the cursor's line.
pub fn start(state: &mut State, rest: &str, effects: &mut Vec<Effect>) {
    let editor = &state.query.editor;
    let Some(span) = editor.statement_before(editor.cursor_line()) else {
        return state.say(Note::info("There is no statement before this line."));
    };
    let text = editor.text()[span.span.clone()].to_string();
    begin(state, rest, text, span.span.start, effects);
}

/// The statement that ends in `\watch` on the cursor's line, as psql takes it too: its text, its place, and what stands behind the word.
pub fn on_line(state: &State) -> Option<(String, usize, String)> {
    const WORD: &str = "\\watch";
    let editor = &state.query.editor;
    let line = editor.line_span(editor.cursor_line());
    let whole = editor.text();
    let at = line.start + whole[line.clone()].rfind(WORD)?;
    if !editor.is_shortcut(at) {
        return None;
    }
    let rest = whole[at + WORD.len()..line.end].trim().trim_end_matches(';').trim().to_string();
    let of = editor.statements().iter().rev().find(|s| s.span.start < at)?;
    let text = whole[of.span.start..of.span.end.min(at)].trim_end().trim_end_matches(';').trim_end().to_string();
    Some((text, of.span.start, rest))
}

/// Begins with a statement.
pub fn begin(state: &mut State, rest: &str, text: String, offset: usize, effects: &mut Vec<Effect>) {
    let typed = rest.trim().trim_start_matches("i=").trim_start_matches("interval=");
    let seconds = if typed.is_empty() { Some(USUAL) } else { typed.parse::<f64>().ok() };
    let Some(seconds) = seconds.filter(|s| (SHORTEST..=LONGEST).contains(s)) else {
        return state.say(Note::warning("\\watch takes the seconds between two runs: 0.1 to 86400, 2 when none are given."));
    };
    let dialect = state.query.editor.dialect();
    let verdict = classify(dialect, &text);
    if verdict.class != Class::Read {
        return state.say(Note::warning(format!("\\watch repeats only what is proven to read: {}.", verdict.reason)));
    }
    if !params::placeholders(dialect, &text).is_empty() {
        return state.say(Note::warning("\\watch takes a statement without parameters: write the values into it."));
    }
    running::run_these(state, vec![Statement::new(text, Some(offset))], effects);
    watched(effects);
    if let Some(r) = &state.query.running {
        state.query.watch = Some(Watch { every: Duration::from_secs_f64(seconds), job: r.job, runs: 0 });
        state.say(Note::info(format!("Runs again every {}; any key stops.", text::duration(Duration::from_secs_f64(seconds)))));
    }
}

/// What was just sent is repeated by itself.
fn watched(effects: &mut [Effect]) {
    if let Some(Effect::Run { how, .. }) = effects.iter_mut().rev().find(|e| matches!(e, Effect::Run { .. })) {
        how.watched = true;
    }
}

/// A run ended: the next one follows unless this one failed.
pub fn ended(state: &mut State, job: JobId, effects: &mut Vec<Effect>) {
    let Some(watch) = state.query.watch.as_mut().filter(|w| w.job == job) else { return };
    let done = state.query.results.iter().any(|r| r.job == Some(job) && matches!(r.progress, Progress::Done(_)));
    if !done {
        // The error stands in the footer.
        state.query.watch = None;
        return;
    }
    watch.runs += 1;
    let (every, runs) = (watch.every, watch.runs);
    effects.push(Effect::After(every, Timer::Watch { job }));
    state.say(Note::info(format!("Every {}, run {runs}; any key stops.", text::duration(every))));
}

/// The time for the next run came.
pub fn due(state: &mut State, job: JobId, effects: &mut Vec<Effect>) {
    if state.query.watch.as_ref().is_none_or(|w| w.job != job) {
        return;
    }
    let of = state.query.results.iter().find(|r| r.job == Some(job));
    let lost = state.link.server().is_none_or(|s| s.status.lost.is_some());
    let Some(tab) = of.filter(|_| !lost && state.query.running.is_none() && state.query.fix.is_none()) else {
        // Its result was closed, or something else runs.
        state.query.watch = None;
        return;
    };
    let id = tab.id;
    let statement = Statement { values: tab.values.clone(), record: tab.record, ..Statement::new(tab.text.clone(), tab.offset) };
    running::again(state, id, statement, effects);
    watched(effects);
    if let (Some(r), Some(w)) = (&mut state.query.running, &mut state.query.watch) {
        w.job = r.job;
    }
}

/// A key: it stops the watching, and does nothing else. False when nothing was watched.
pub fn stopped(state: &mut State) -> bool {
    let Some(watch) = state.query.watch.take() else { return false };
    state.say(Note::info(format!("Stopped after {}.", text::counted(watch.runs, "run"))));
    true
}
