//! What comes of a run: rows, notices, its end, and what is said of it.

use super::{TABS, TABS_OF_A_RUN};
use crate::app::blocked::Blocked;
use crate::app::effect::{JobId, ResultId};
use crate::app::msg::RunEvent;
use crate::app::panes::fix;
use crate::app::panes::query::grid_page;
use crate::app::panes::results::{Progress, ResultTab, acts, back};
use crate::app::state::{Note, Pane};
use crate::app::{Action, Effect, State, keys};
use crate::engine::Outcome;
use crate::model::{Column, Dialect, Error, Kind, Notice, Severity};
use crate::sql;
use crate::sql::transaction::{Leaves, leaves};
use crate::text;
use std::sync::Arc;

/// Something of a run came.
pub fn event(state: &mut State, job: JobId, event: RunEvent, effects: &mut Vec<Effect>) {
    let (page, width) = grid_page(state);
    match event {
        RunEvent::Started { result, index, text } => started(state, job, result, index, text, effects),
        RunEvent::Further { before, outcome, result, columns } => further(state, before, outcome, result, columns, effects),
        RunEvent::Columns { result, columns } => {
            if let Some(tab) = state.result_mut(result) {
                tab.set_columns(columns);
            }
            acts::as_before(state, result);
        }
        RunEvent::Rows { result, total, first } => {
            if let Some(tab) = state.result_mut(result) {
                if let Some(batch) = first {
                    let at = total - batch.rows() as u64;
                    tab.take(at, batch);
                }
                tab.grown(total);
                tab.follow(page, width);
                tab.want(page, effects);
            }
        }
        RunEvent::Notice { result, notice } => {
            let note = noted(&notice);
            if let Some(tab) = state.result_mut(result) {
                tab.heard(notice);
            }
            state.say(note);
        }
        RunEvent::Done { result, outcome } => done(state, job, result, outcome, effects),
        RunEvent::Cut { result, why } => {
            let mut note = Note::error(&why);
            if let Some(tab) = state.result_mut(result)
                && let Progress::Done(done) = &tab.progress
            {
                tab.progress = Progress::Cut(done.clone(), why);
            }
            note.severity = Severity::Warning;
            state.say(note);
        }
        RunEvent::Failed { result, error } => failed(state, job, result, error),
        RunEvent::Unasked { result, message, .. } => unasked(state, job, result, message),
        RunEvent::Passed { result, passed } => crate::app::standing::passed(state, result, passed),
        RunEvent::Fix { result, fix } => fix::begun(state, result, false, *fix, effects),
        RunEvent::Finished => ended(state, job, effects),
    }
}

/// A statement began: its result has a tab, and is shown.
fn started(state: &mut State, job: JobId, result: ResultId, index: usize, text: String, effects: &mut Vec<Effect>) {
    let offset = state.query.running.as_ref().filter(|r| r.job == job).and_then(|r| r.offsets.get(index).copied().flatten());
    make_room(state, job, effects);
    let mut tab = ResultTab::new(result, text, offset, state.now);
    tab.job = Some(job);
    tab.record = state.query.expanded;
    if let Some(r) = state.query.running.as_ref().filter(|r| r.job == job) {
        tab.values = r.values.get(index).cloned().unwrap_or_default();
        tab.record |= r.records.get(index).copied().unwrap_or_default();
        (tab.row, tab.column) = r.cursor.unwrap_or_default();
        tab.back.clone_from(&r.back);
        tab.back_to = r.cursor.map(|(row, _)| row).filter(|row| *row > 0);
    }
    if let Some(r) = state.query.running.as_mut().filter(|r| r.job == job) {
        (r.since, r.blocked) = (state.now, Blocked::of("statement"));
    }
    state.query.results.iter_mut().for_each(ResultTab::put_aside);
    state.query.results.push(tab);
    state.query.shown = state.query.results.len() - 1;
    state.query.lower = Pane::Results;
}

/// A statement ended well.
fn done(state: &mut State, job: JobId, result: ResultId, outcome: Outcome, effects: &mut Vec<Effect>) {
    let (page, width) = grid_page(state);
    let now = state.now;
    if let Some(r) = state.query.running.as_mut().filter(|r| r.job == job) {
        r.done += 1;
        r.cut_short = outcome.cut_short;
    }
    if let Some(text) = state.result_mut(result).map(|t| t.text.clone()) {
        crate::app::completion::ran(state, &text);
        if !outcome.rolled_back {
            left(state, &text, effects);
        }
    }
    let auto = state.query.expanded_auto;
    let dialect = state.query.editor.dialect();
    if let Some(tab) = state.result_mut(result) {
        tab.progress = Progress::Done(outcome);
        tab.limited = tab.columns.is_some() && sql::limit::at_end(dialect, &tab.text) == Some(tab.kept);
        tab.back_to = None;
        tab.follow(page, width);
        // By now it is known how wide the rows are.
        tab.record |= auto && tab.too_wide();
        tab.want(page, effects);
        let summary = tab.summary(now);
        let rows = tab.columns.is_some();
        if !rows {
            state.say(Note::ok(summary));
        } else if let Some(keys) = way_to_results(state) {
            state.say(Note::ok(format!("{summary}; {keys} shows them")));
        }
    }
    back::complete(state, result, effects);
}

/// The open transaction ended, and nobody asked for that.
fn unasked(state: &mut State, job: JobId, result: ResultId, message: String) {
    let lone = state.query.running.as_ref().is_none_or(|r| r.job != job || r.offsets.len() == 1);
    if let Some(r) = state.query.running.as_mut().filter(|r| r.job == job) {
        r.unasked.push(message.clone());
    }
    let notice = Notice { severity: "WARNING".into(), message, detail: None, hint: None };
    // An error says it itself.
    if let Some(tab) = state.result_mut(result).filter(|t| matches!(t.progress, Progress::Done(_))) {
        let note = noted(&notice);
        tab.heard(notice);
        state.say(if lone { note.loss() } else { note });
    }
}

/// A statement failed: where in the text, in which statement of the run, and what did not run after it.
fn failed(state: &mut State, job: JobId, result: ResultId, error: Error) {
    let version = state.query.running.as_ref().filter(|r| r.job == job).map(|r| r.version);
    let mut place = None;
    let mut error = match state.result_mut(result).map(|t| t.text.clone()) {
        Some(text) => crate::app::habits::explained(state, &text, error),
        None => error,
    };
    // A data fix has a connection of its own: the console's is still there.
    let fix = state.link.server().is_some_and(|s| s.target.access != crate::config::AccessMode::Open)
        && state.result_mut(result).map(|t| t.text.clone()).is_some_and(|t| {
            let dialect = state.query.editor.dialect();
            sql::classify(dialect, &t).class == sql::Class::Dml
        });
    if error.kind == Kind::Connect
        && !fix
        && let Some(keys) = keys::keys_now(state, Action::Reconnect)
    {
        error = error.hint(format!("{keys} connects again; the buffer and the results stay."));
    }
    let crlf = state.query.editor.crlf;
    if let Some(tab) = state.result_mut(result) {
        // The editor's lines have no CR.
        let crs = |p: usize| if crlf { tab.text.get(..p).map_or(0, |t| t.matches("\r\n").count()) } else { 0 };
        place = tab.offset.and_then(|o| error.position.map(|p| o + p - crs(p)));
        tab.progress = Progress::Failed(error.clone());
        tab.fault = place.zip(version);
    }
    let same = version == Some(state.query.editor.version);
    let place = place.filter(|_| same);
    if let Some(at) = place {
        state.query.editor.error = Some((at, text::clean(&error.message).into_owned()));
    }
    let mut note = match (error.kind, error.stays()) {
        (Kind::Cancelled, Some(kept)) => Note::warning(format!("Cancelled; {kept}")),
        (Kind::Cancelled, None) => Note::info("Cancelled; the session is kept."),
        _ => Note::error(&error),
    };
    let from = state.result_mut(result).and_then(|t| t.offset).filter(|_| same);
    let line = place.or(from).map(|at| state.query.editor.line_of(at) + 1);
    // Of one statement on several lines it is not plain where in it the fault is.
    let lone = state.query.running.as_ref().is_some_and(|r| r.job == job && r.offsets.len() == 1);
    if let (true, Some(line), Some(from)) = (lone && place.is_some(), line, from)
        && line != state.query.editor.line_of(from) + 1
    {
        note.text = format!("Line {line}: {}", note.text);
    }
    if let Some(r) = state.query.running.as_mut().filter(|r| r.job == job) {
        let number = r.done + r.failed + 1;
        r.failed += 1;
        let all = r.offsets.len();
        if all > 1 && error.kind != Kind::Cancelled {
            let place = line.map(|l| format!(", line {l}")).unwrap_or_default();
            note.text = format!("Statement {number} of {all}{place}: {}", note.text);
        }
        let rest = all.saturating_sub(r.done + r.failed);
        if all > 1 && (!state.query.how.go_on || error.kind == Kind::Cancelled) {
            note.more.insert(0, crate::ops::query::stopped(r.done, rest));
        }
    }
    state.say(note);
}

/// The run is over.
fn ended(state: &mut State, job: JobId, effects: &mut Vec<Effect>) {
    let cancelled = state.jobs.iter().any(|j| j.id == job && j.cancelled);
    if cancelled && let Some(r) = state.query.running.as_ref().filter(|r| r.job == job && r.failed == 0) {
        state.say(match r.cut_short {
            true => {
                Note::warning("It was cancelled and ended without an error: what waited in it (SLEEP) was cut short. The session is kept.")
            }
            false => Note::info("It ended by itself before it was cancelled; the session is kept."),
        });
    }
    state.jobs.retain(|j| j.id != job);
    finished(state, job);
    crate::app::completion::read_changes(state, effects);
    crate::app::watch::ended(state, job, effects);
}

/// The keys that lead to the results, when what is on the screen does not show them.
fn way_to_results(state: &State) -> Option<String> {
    if crate::app::layout::arrange(state).has(Pane::Results) {
        return None;
    }
    // A zoomed editor stands above them; elsewhere one goes there.
    let action = if state.view.zoom && state.view.focus == Pane::Editor { Action::Zoom } else { Action::GoResults };
    keys::keys_now(state, action)
}

/// No further statement of the run comes.
fn finished(state: &mut State, job: JobId) {
    if let Some(r) = state.query.running.take_if(|r| r.job == job)
        && r.offsets.len() > 1
    {
        let (done, failed, all) = (r.done, r.failed, r.offsets.len());
        let rest = all.saturating_sub(done + failed);
        if state.query.fix.is_some() {
            if rest > 0 {
                let words = format!("The {} after the data fix did not run.", text::counted(rest as u64, "statement"));
                state.say(Note::warning(words));
            }
            return;
        }
        let mut note = match failed {
            0 if r.unasked.is_empty() => Note::ok(format!("{done} of {all} statements ran.")),
            0 => Note::warning(format!("{done} of {all} statements ran.")).loss(),
            1 if !state.query.how.go_on => return,
            n => Note::warning(format!("{done} of {all} statements ran; {n} failed: each has its own result.")),
        };
        note.more.extend(r.unasked);
        if rest > 0 {
            note.more.push(format!("The {} behind did not run.", text::counted(rest as u64, "statement")));
        }
        if r.dropped > 0 {
            note.more.push(format!(
                "The results of {} are not kept: a run keeps {TABS_OF_A_RUN}.",
                text::counted(r.dropped as u64, "statement")
            ));
        }
        // It counts the errors before it.
        state.sum_up(note);
    }
}

/// A further result of the statement that runs gets a tab of its own; the one on the screen stays there.
fn further(state: &mut State, before: ResultId, outcome: Outcome, result: ResultId, columns: Arc<[Column]>, effects: &mut Vec<Effect>) {
    let (page, _) = grid_page(state);
    let Some(of) = state.result_mut(before) else {
        // It was closed meanwhile, and this one with it.
        return;
    };
    of.progress = Progress::Done(outcome);
    of.back_to = None;
    of.want(page, effects);
    let mut tab = ResultTab::new(result, of.text.clone(), of.offset, of.started);
    (tab.job, tab.record, tab.values) = (of.job, of.record, of.values.clone());
    tab.set_columns(columns);
    let shown = state.query.result().map(|r| r.id);
    if let Some(job) = tab.job {
        make_room(state, job, effects);
    }
    state.query.results.push(tab);
    let at = shown.and_then(|id| state.query.results.iter().position(|r| r.id == id));
    state.query.shown = at.unwrap_or(state.query.results.len() - 1);
}

/// Lets the oldest result go where there are too many: one of an earlier run, or of a long one that ended well.
fn make_room(state: &mut State, job: JobId, effects: &mut Vec<Effect>) {
    let query = &mut state.query;
    let of_run = query.results.iter().filter(|r| r.job == Some(job)).count();
    let free = |r: &ResultTab| r.staged.is_empty() && !r.pinned;
    let at = if of_run >= TABS_OF_A_RUN {
        let dull = query.results.iter().position(|r| free(r) && r.job == Some(job) && matches!(r.progress, Progress::Done(_)));
        if let Some(r) = query.running.as_mut().filter(|r| r.job == job && dull.is_some()) {
            r.dropped += 1;
        }
        dull
    } else if query.results.len() >= TABS {
        query.results.iter().position(|r| free(r) && r.job != Some(job))
    } else {
        None
    };
    if let Some(at) = at {
        let old = query.results.remove(at);
        effects.push(Effect::DropRows { result: old.id });
    }
}

/// How much a notice of the server counts.
fn severity(word: &str) -> Severity {
    match word.to_ascii_lowercase().as_str() {
        "warning" => Severity::Warning,
        "error" | "fatal" | "panic" => Severity::Critical,
        _ => Severity::Info,
    }
}

fn noted(notice: &Notice) -> Note {
    Note { severity: severity(&notice.severity), ..Note::info(format!("{}: {}", notice.severity, notice.message)) }
}

/// The server said something while nothing ran: a notification of another session, a notice.
pub fn heard(state: &mut State, notice: &Notice) {
    let mut note = noted(notice);
    note.more.extend(notice.detail.iter().chain(&notice.hint).cloned());
    state.say(note);
}

/// Keeps what a statement left in the session, to tell it when the session is gone.
fn left(state: &mut State, statement: &str, effects: &mut Vec<Effect>) {
    const TABLE: &str = "temporary table ";
    let made = &mut state.query.made;
    match leaves(state.query.editor.dialect(), statement) {
        Some(Leaves::Made(what)) => {
            // What SQLite's session has is told with its place.
            if let Some(name) = what.strip_prefix(TABLE)
                && state.query.editor.dialect() != Dialect::Sqlite
            {
                effects.push(Effect::TemporaryTable { link: state.link_no, name: name.to_string() });
            }
            if !made.contains(&what) {
                made.push(what);
            }
        }
        Some(Leaves::Unmade(what)) => {
            // Where capitals count, two that differ in them alone are hardly meant.
            made.retain(|m| !m.eq_ignore_ascii_case(&what));
            if let Some(name) = what.strip_prefix(TABLE) {
                crate::app::completion::forget_temporary(state, name);
            }
        }
        Some(Leaves::Cleared) => made.clear(),
        None => {}
    }
}
