//! Running statements: what is sent with which values, and what came of it.

use super::fix;
use super::query::grid_page;
use super::results::{Progress, ResultTab};
use crate::app::dialog::Wanted;
use crate::app::effect::{JobId, Statement};
use crate::app::msg::RunEvent;
use crate::app::state::{Note, Pane};
use crate::app::{Effect, State, params};
use crate::model::{Kind, Severity};
use crate::sql;
use crate::text;

/// Result tabs that are kept; the oldest goes first.
const TABS: usize = 9;

/// Statements that run.
#[derive(Debug, Clone)]
pub struct Running {
    pub job: JobId,
    /// Places of the statements in the editor's text, by index.
    pub offsets: Vec<Option<usize>>,
    /// The editor's version when they were sent: a place is only marked in the text that was sent.
    pub version: u64,
}

/// True, with a message, when statements are running or a data fix waits.
pub fn busy(state: &mut State) -> bool {
    if state.query.fix.is_some() {
        fix::ask(state);
        return true;
    }
    if state.query.running.is_some() {
        state.say(Note::info("A statement is running. Ctrl-C cancels it."));
        return true;
    }
    false
}

/// Runs statements of the editor.
pub fn run(state: &mut State, all: bool, effects: &mut Vec<Effect>) {
    let Some(server) = state.link.server() else {
        state.say(Note::warning("No target is open."));
        return;
    };
    let dialect = server.dialect;
    if busy(state) {
        return;
    }
    let editor = &state.query.editor;
    let whole = editor.text();
    let here = |s: &sql::StatementSpan| Statement::new(&whole[s.span.clone()], Some(s.span.start));
    let statements: Vec<Statement> = if all {
        editor.statements().iter().map(here).collect()
    } else if let Some(range) = editor.selection() {
        let part = &whole[range.clone()];
        let of = |s: &sql::StatementSpan| Statement::new(&part[s.span.clone()], Some(range.start + s.span.start));
        sql::split(dialect, part).iter().map(of).collect()
    } else {
        editor.statement().iter().map(here).collect()
    };
    if !params::ask(state, Wanted::Run(statements.clone())) {
        send(state, statements, effects);
    }
}

/// Sends statements that did not come from the editor, such as COMMIT.
pub fn run_text(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    if state.link.server().is_some() && !busy(state) {
        send(state, vec![Statement::new(text, None)], effects);
    }
}

/// Sends statements whose parameters have their values.
pub fn send(state: &mut State, statements: Vec<Statement>, effects: &mut Vec<Effect>) {
    let Some(first) = statements.first() else {
        state.say(Note::info("There is no statement here."));
        return;
    };
    let title = one_line(&first.text);
    state.query.editor.error = None;
    let job = state.id();
    let result = state.ids(statements.len() as u64);
    let offsets: Vec<Option<usize>> = statements.iter().map(|s| s.offset).collect();
    state.query.started(job, &offsets);
    state.job(job, title, false, effects);
    effects.push(Effect::Run { link: state.link_no, job, result, statements });
    state.query.lower = Pane::Results;
}

/// The first words of a statement, cleaned.
pub fn one_line(statement: &str) -> String {
    let words: Vec<&str> = statement.split_whitespace().take(12).collect();
    text::truncate(&text::clean(&words.join(" ")), 40).into_owned()
}

/// Something of a run came.
pub fn event(state: &mut State, job: JobId, event: RunEvent, effects: &mut Vec<Effect>) {
    let (page, width) = grid_page(state);
    match event {
        RunEvent::Started { result, index, text } => {
            let offset = state.query.running.as_ref().filter(|r| r.job == job).and_then(|r| r.offsets.get(index).copied().flatten());
            if state.query.results.len() >= TABS {
                let old = state.query.results.remove(0);
                effects.push(Effect::DropRows { result: old.id });
            }
            let now = state.now;
            state.query.results.push(ResultTab::new(result, text, offset, now));
            state.query.shown = state.query.results.len() - 1;
            state.query.lower = Pane::Results;
        }
        RunEvent::Columns { result, columns } => {
            if let Some(tab) = state.result_mut(result) {
                tab.set_columns(columns);
            }
        }
        RunEvent::Rows { result, total, first } => {
            if let Some(tab) = state.result_mut(result) {
                if let Some(batch) = first {
                    let at = total - batch.rows() as u64;
                    tab.take(at, batch);
                }
                tab.rows = total;
                tab.follow(page, width);
                tab.want(page, effects);
            }
        }
        RunEvent::Notice { result, notice } => {
            let note = Note { severity: severity(&notice.severity), ..Note::info(format!("{}: {}", notice.severity, notice.message)) };
            if let Some(tab) = state.result_mut(result) {
                tab.notices.push(notice);
            }
            state.say(note);
        }
        RunEvent::Done { result, outcome } => {
            let now = state.now;
            if let Some(text) = state.result_mut(result).map(|t| t.text.clone()) {
                crate::app::completion::ran(state, &text, true, effects);
            }
            if let Some(tab) = state.result_mut(result) {
                tab.progress = Progress::Done(outcome);
                tab.want(page, effects);
                let summary = tab.summary(now);
                if tab.columns.is_none() {
                    state.say(Note::ok(summary));
                }
            }
        }
        RunEvent::Failed { result, error } => {
            let version = state.query.running.as_ref().filter(|r| r.job == job).map(|r| r.version);
            let mut place = None;
            if let Some(tab) = state.result_mut(result) {
                place = tab.offset.and_then(|o| error.position.map(|p| o + p));
                tab.progress = Progress::Failed(error.clone());
            }
            if let Some(at) = place
                && version == Some(state.query.editor.version)
            {
                state.query.editor.error = Some((at, text::clean(&error.message).into_owned()));
            }
            let note = if error.kind == Kind::Cancelled { Note::info("Cancelled; the session is kept.") } else { Note::error(&error) };
            state.say(note);
        }
        RunEvent::Fix { result, fix } => fix::begun(state, result, *fix, effects),
        RunEvent::Finished => {
            state.jobs.retain(|j| j.id != job);
            if state.query.running.as_ref().is_some_and(|r| r.job == job) {
                state.query.running = None;
            }
        }
    }
}

fn severity(word: &str) -> Severity {
    match word.to_ascii_lowercase().as_str() {
        "warning" => Severity::Warning,
        "error" | "fatal" | "panic" => Severity::Critical,
        _ => Severity::Info,
    }
}
