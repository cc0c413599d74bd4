//! Running statements: what is sent with which values, and what came of it.

use super::fix;
use crate::app::blocked::Blocked;
use crate::app::dialog::{Answer, Confirm, Then, Wanted};
use crate::app::effect::{JobId, ResultId, Statement};
use crate::app::state::{Note, Pane};
use crate::app::{Action, Effect, State, backslash, params};
use crate::model::{Param, ReadOnly, TxState};
use crate::sql;
use crate::sql::transaction::first_implicit_commit;
use crate::text;
use std::collections::BTreeMap;

mod events;
pub mod letter;

pub use events::{event, heard};

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
    /// What ended the open transaction in another way than its statement says, in the words of the run.
    pub unasked: Vec<String>,
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
    let (open, writes) = state.link.server().map_or((false, false), |s| (s.status.tx == TxState::Open, s.status.read_only == ReadOnly::No));
    let texts = statements.iter().map(|s| s.text.as_str());
    if let Some(at) = first_implicit_commit(dialect, open, state.query.how.manual && writes, texts) {
        let commits = one_line(&statements[at].text);
        let place = if at == 0 { String::new() } else { format!("Statement {} of {}: ", at + 1, statements.len()) };
        let first = if at == 0 || open { "Commit or roll back first" } else { "Put a COMMIT before it" };
        let body = vec![
            format!("{place}{commits} commits the open transaction by itself: what it wrote cannot be rolled back then."),
            format!("{first}, or run it all the same."),
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
    crate::app::completion::run_begins(state);
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
