//! Running statements: what is sent with which values, and what came of it.

use super::fix;
use super::query::grid_page;
use super::results::{Progress, ResultTab};
use crate::app::blocked::Blocked;
use crate::app::dialog::{Answer, Confirm, Then, Wanted};
use crate::app::effect::{JobId, ResultId, Statement};
use crate::app::msg::RunEvent;
use crate::app::state::{Note, Pane};
use crate::app::{Action, Effect, State, backslash, keys, params};
use crate::model::{Dialect, Kind, Param, ReadOnly, Severity, TxState};
use crate::sql;
use crate::sql::transaction::{Leaves, commits_implicitly, leaves};
use crate::text;
use std::collections::BTreeMap;

pub mod letter;

/// Result tabs that are kept; the oldest goes first, pinned ones and those with changes stay.
pub const TABS: usize = 9;
/// So many of one run are kept, because each of its statements has its own; beyond it those that ended well go first.
const TABS_OF_A_RUN: usize = 200;

/// Statements that run.
#[derive(Debug, Clone)]
pub struct Running {
    pub job: JobId,
    /// Places of the statements in the editor's text, by index.
    pub offsets: Vec<Option<usize>>,
    /// The editor's version when they were sent: a place is only marked in the text that was sent.
    pub version: u64,
    /// Values of their parameters.
    pub values: Vec<BTreeMap<String, Param>>,
    /// Place of the cursor for the result that takes the place of another one: row and column.
    pub cursor: Option<(u64, usize)>,
    /// What is as before for that result when all its rows are here.
    pub back: Option<super::results::back::Back>,
    /// Statements that ended well, and those that did not.
    pub done: usize,
    pub failed: usize,
    /// The last one was cancelled and ended without an error; see [`crate::engine::Outcome::cut_short`].
    pub cut_short: bool,
    /// Results that could not be kept.
    pub dropped: usize,
    /// Of each statement, whether its rows are shown as records (`\gx`).
    pub records: Vec<bool>,
    /// When the server was asked to end it.
    pub cancelled: Option<jiff::Timestamp>,
    /// When its newest statement began.
    pub since: jiff::Timestamp,
    pub blocked: Blocked,
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
    if !all
        && state.query.editor.selection().is_none()
        && let Some(line) = backslash::on_line(state)
    {
        return backslash::run(state, &line, effects);
    }
    if !all
        && state.query.editor.selection().is_none()
        && let Some((text, offset, rest)) = crate::app::watch::on_line(state)
    {
        return crate::app::watch::begin(state, &rest, text, offset, effects);
    }
    if all && let Some(line) = backslash::first_line(state) {
        state.say(Note::warning(format!(
            "Nothing ran: line {line} is a \\ command, which is run by itself. Take it out, or run statements one by one."
        )));
        return;
    }
    if state.link.server().is_none() {
        state.say(Note::warning("No target is open."));
        return;
    }
    if busy(state) {
        return;
    }
    let editor = &state.query.editor;
    let whole = editor.text();
    let here = |s: &sql::StatementSpan| Statement::of(s, whole, 0);
    let statements: Vec<Statement> = if all {
        editor.statements().iter().map(here).collect()
    } else if let Some(range) = editor.selection() {
        let part = &whole[range.clone()];
        let of = |s: &sql::StatementSpan| Statement::of(s, part, range.start);
        sql::split(editor.reading(), part).iter().map(of).collect()
    } else {
        editor.statement().iter().map(here).collect()
    };
    if let [only] = &statements[..]
        && crate::app::habits::leaves(&only.text)
    {
        return crate::app::acts::act(state, Action::Quit, effects);
    }
    let reading = editor.reading();
    let mut statements = statements;
    for s in &mut statements {
        if let Some((text, as_record)) = sql::terminator::terminated(reading, &s.text) {
            (s.text, s.record) = (text.to_string(), as_record);
        }
    }
    run_these(state, statements, effects);
}

/// Runs statements, asking for the values of their parameters first.
pub fn run_these(state: &mut State, statements: Vec<Statement>, effects: &mut Vec<Effect>) {
    if state.link.server().is_none() {
        state.say(Note::warning("No target is open."));
    } else if !busy(state) && !params::ask(state, Wanted::Run(statements.clone())) {
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
    if statements.is_empty() {
        state.say(Note::info("There is no statement here."));
        return;
    }
    let dialect = state.query.editor.dialect();
    let open = state.link.server().is_some_and(|s| s.status.tx == TxState::Open);
    if open && let Some(commits) = statements.iter().find(|s| commits_implicitly(dialect, &s.text)) {
        let body = vec![
            format!("{} commits the open transaction by itself: what it wrote cannot be rolled back then.", one_line(&commits.text)),
            "Commit or roll back first, or run it all the same.".into(),
        ];
        let answers = vec![Answer::new('n', "do not run it", Then::Nothing), Answer::new('r', "run it", Then::Run(statements))];
        state.ask(Confirm { title: "This ends the transaction".into(), body, answers });
        return;
    }
    start(state, statements, effects);
}

/// Sends statements after all questions.
pub fn start(state: &mut State, mut statements: Vec<Statement>, effects: &mut Vec<Effect>) {
    // What is sent is the file's text, with its line ends: they count in strings and in bodies of functions.
    for s in statements.iter_mut().filter(|s| s.offset.is_some()) {
        s.text = state.query.editor.as_in_file(&s.text);
    }
    let Some(first) = statements.first() else { return };
    let title = one_line(&first.text);
    state.query.editor.error = None;
    let job = state.id();
    let result = state.ids(statements.len() as u64);
    let offsets: Vec<Option<usize>> = statements.iter().map(|s| s.offset).collect();
    state.query.started(job, &offsets, state.now);
    state.job(job, title, false, effects);
    if let Some(r) = &mut state.query.running {
        r.values = statements.iter().map(|s| s.values.clone()).collect();
        r.records = statements.iter().map(|s| s.record).collect();
    }
    effects.push(Effect::Run { link: state.link_no, job, result, statements, how: state.query.how });
    state.query.lower = Pane::Results;
}

/// Runs the statement of a result again; the new result takes its place and its cursor.
pub fn again(state: &mut State, old: ResultId, statement: Statement, effects: &mut Vec<Effect>) {
    if busy(state) {
        return;
    }
    let Some(at) = state.query.results.iter().position(|r| r.id == old) else { return };
    let tab = state.query.results.remove(at);
    effects.push(Effect::DropRows { result: tab.id });
    start(state, vec![statement], effects);
    if let Some(r) = &mut state.query.running {
        r.cursor = Some((tab.row, tab.column));
    }
}

/// The first words of a statement, cleaned.
pub fn one_line(statement: &str) -> String {
    text::truncate(&text::clean(&text::one_line(statement)), 40).into_owned()
}

/// Something of a run came.
pub fn event(state: &mut State, job: JobId, event: RunEvent, effects: &mut Vec<Effect>) {
    let (page, width) = grid_page(state);
    match event {
        RunEvent::Started { result, index, text } => {
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
            state.query.results.push(tab);
            state.query.shown = state.query.results.len() - 1;
            state.query.lower = Pane::Results;
        }
        RunEvent::Further { before, outcome, result, columns } => further(state, before, outcome, result, columns, effects),
        RunEvent::Columns { result, columns } => {
            if let Some(tab) = state.result_mut(result) {
                tab.set_columns(columns);
            }
            super::results::acts::as_before(state, result);
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
        RunEvent::Done { result, outcome } => {
            let now = state.now;
            if let Some(r) = state.query.running.as_mut().filter(|r| r.job == job) {
                r.done += 1;
                r.cut_short = outcome.cut_short;
            }
            if let Some(text) = state.result_mut(result).map(|t| t.text.clone()) {
                crate::app::completion::ran(state, &text, true, effects);
                if !outcome.rolled_back {
                    left(state, &text, effects);
                }
            }
            let auto = state.query.expanded_auto;
            if let Some(tab) = state.result_mut(result) {
                tab.progress = Progress::Done(outcome);
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
            super::results::back::complete(state, result, effects);
        }
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
        RunEvent::Failed { result, error } => {
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
        RunEvent::Passed { result, passed } => crate::app::standing::passed(state, result, passed),
        RunEvent::Fix { result, fix } => fix::begun(state, result, false, *fix, effects),
        RunEvent::Finished => {
            let cancelled = state.jobs.iter().any(|j| j.id == job && j.cancelled);
            if cancelled && let Some(r) = state.query.running.as_ref().filter(|r| r.job == job && r.failed == 0) {
                state.say(match r.cut_short {
                    true => Note::warning(
                        "It was cancelled and ended without an error: what waited in it (SLEEP) was cut short. The session is kept.",
                    ),
                    false => Note::info("It ended by itself before it was cancelled; the session is kept."),
                });
            }
            state.jobs.retain(|j| j.id != job);
            finished(state, job);
            crate::app::watch::ended(state, job, effects);
        }
    }
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
            0 => Note::ok(format!("{done} of {all} statements ran.")),
            1 if !state.query.how.go_on => return,
            n => Note::warning(format!("{done} of {all} statements ran; {n} failed: each has its own result.")),
        };
        if rest > 0 && failed > 1 {
            note.more.push(format!("The {} after them did not run.", text::counted(rest as u64, "statement")));
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
fn further(
    state: &mut State,
    before: ResultId,
    outcome: crate::engine::Outcome,
    result: ResultId,
    columns: std::sync::Arc<[crate::model::Column]>,
    effects: &mut Vec<Effect>,
) {
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

fn severity(word: &str) -> Severity {
    match word.to_ascii_lowercase().as_str() {
        "warning" => Severity::Warning,
        "error" | "fatal" | "panic" => Severity::Critical,
        _ => Severity::Info,
    }
}

fn noted(notice: &crate::model::Notice) -> Note {
    Note { severity: severity(&notice.severity), ..Note::info(format!("{}: {}", notice.severity, notice.message)) }
}

/// The server said something while nothing ran: a notification of another session, a notice.
pub fn heard(state: &mut State, notice: &crate::model::Notice) {
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

/// Between auto-commit and manual transactions.
pub fn toggle_manual(state: &mut State) {
    let Some(server) = state.link.server() else {
        state.say(Note::warning("No target is open."));
        return;
    };
    if server.status.read_only != ReadOnly::No {
        state.say(Note::info("This session is read-only: each statement is rolled back by itself, and there is nothing to commit."));
        return;
    }
    state.query.how.manual = !state.query.how.manual;
    state.say(if state.query.how.manual {
        Note::info("Manual transactions: the first statement begins one, and it stays open until you commit or roll back.")
    } else if state.link.server().is_some_and(|s| s.status.tx != TxState::Idle) {
        Note::warning("Auto-commit from the next transaction on: the one that is open still waits for commit or roll back.")
    } else {
        Note::info("Auto-commit: each statement stands by itself.")
    });
}
