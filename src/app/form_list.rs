//! The list under a field of a form: files and tables, when the key that completes asks for them. Where there is nothing to complete the
//! same key goes to the next field.

use super::completion::ROWS;
use super::dialog::{Dialog, Field, Form, Takes};
use super::effect::Effect;
use super::list::ListCursor;
use super::msg::Timer;
use super::paths;
use super::state::State;
use super::{Action, keys};
use crate::config::keymap::Key;
use crate::sql::complete::{Proposal, ProposalKind, complete};
use crate::text;
use std::ops::Range;
use std::time::Duration;

/// See the module.
#[derive(Debug, Clone)]
pub struct FormList {
    pub list: Vec<Proposal>,
    pub cursor: ListCursor,
    /// Bytes of the field's text that a proposal replaces.
    pub replace: Range<usize>,
    /// The user moved in the list: then Enter takes what is chosen.
    moved: bool,
}

/// How long keys behind the one that completes wait for the names: they may be meant for the next field.
const HELD: Duration = Duration::from_millis(200);

/// A text that waits for its names: they are for it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    at: usize,
    before: String,
}

fn form(state: &mut State) -> Option<&mut Form> {
    match state.dialogs.last_mut() {
        Some(Dialog::Form(f)) => Some(f),
        _ => None,
    }
}

/// The text before the cursor of the field that is typed into.
fn waits(f: &Form) -> Option<Waits> {
    f.fields.get(f.at).map(|field| Waits { at: f.at, before: before(field) })
}

fn before(field: &Field) -> String {
    field.value().chars().take(field.input.cursor().1).collect()
}

/// A key in a form; true when it was one for the list.
pub fn key(state: &mut State, key: Key, action: Option<Action>, effects: &mut Vec<Effect>) -> bool {
    let Some(f) = form(state) else { return false };
    match &mut f.held {
        Some(_) if action == Some(Action::Back) => f.held = None,
        Some(held) => {
            held.push(key);
            return true;
        }
        None => {}
    }
    let Some(list) = &mut f.list else { return action == Some(Action::Complete) && ask(state, effects) };
    match action {
        Some(a @ (Action::Up | Action::Down | Action::PageUp | Action::PageDown)) => {
            list.cursor.go(a, list.list.len(), ROWS);
            list.moved = true;
        }
        Some(Action::Complete) => take(f),
        Some(Action::Open) if list.moved => take(f),
        Some(Action::Back) => f.list = None,
        Some(_) => {
            f.list = None;
            return false;
        }
        None => {
            f.list = None;
            f.problem = None;
            if let Some(field) = f.fields.get_mut(f.at)
                && keys::field(&mut field.input, key)
            {
                narrow(state, effects);
            }
        }
    }
    true
}

/// Asks for what the field may go on with; false where that is nothing and the next field is meant.
fn ask(state: &mut State, effects: &mut Vec<Effect>) -> bool {
    let Some(f) = form(state) else { return false };
    let Some(field) = f.fields.get(f.at) else { return false };
    // A value that stood there and was not touched is whole.
    let untouched = f.fields.len() > 1 && field.input.is_selecting() && !field.value().ends_with('/');
    let takes = field.takes;
    if takes == Takes::Words || untouched {
        return false;
    }
    f.problem = None;
    let Some(asked) = waits(f) else { return false };
    match takes {
        Takes::Words => return false,
        Takes::File if asked.before.contains("://") => return false,
        Takes::File if asked.before == "~" => put(f, 0..1, "~/"),
        Takes::File => {
            let again = f.waits.replace(asked.clone()).as_ref() == Some(&asked);
            if again && state.paths.busy() {
                let (directory, _) = paths::split(&asked.before);
                let words = format!("{} is still being read.", if directory.is_empty() { "The directory" } else { directory });
                return problem(state, words);
            }
            if let Some(f) = form(state) {
                f.held = Some(Vec::new());
            }
            effects.push(Effect::After(HELD, Timer::FormKeys));
            state.paths.forget();
            paths::listing(state, &asked.before, effects);
        }
        Takes::Table => return tables(state, &asked.before, true, effects),
    }
    true
}

fn problem(state: &mut State, words: String) -> bool {
    if let Some(f) = form(state) {
        f.problem = Some(text::clean(&words).into_owned());
    }
    true
}

/// Keys wait for the names that the one before them asked for.
pub fn holds(state: &State) -> bool {
    matches!(state.dialogs.last(), Some(Dialog::Form(f)) if f.held.is_some())
}

/// The names came, or it takes too long: keys that waited for them do what they do.
pub fn release(state: &mut State, effects: &mut Vec<Effect>) {
    for key in form(state).and_then(|f| f.held.take()).unwrap_or_default() {
        keys::key(state, key, effects);
    }
}

/// The names of a directory, or those of a schema, came: for a text that still waits for them.
pub fn told(state: &mut State, effects: &mut Vec<Effect>) {
    names(state, effects);
    release(state, effects);
}

fn names(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(f) = form(state) else { return };
    let Some(now) = waits(f).filter(|now| f.waits.as_ref() == Some(now)) else { return };
    if f.fields[f.at].takes == Takes::Table {
        if !tables(state, &now.before, true, effects) {
            next(state);
        }
        return;
    }
    files(state, &now.before, effects);
}

fn next(state: &mut State) {
    if let Some(f) = form(state) {
        f.at = (f.at + 1) % f.fields.len().max(1);
        (f.list, f.waits) = (None, None);
    }
}

/// Puts in what is certain, and shows a list where there is a choice.
fn files(state: &mut State, typed: &str, effects: &mut Vec<Effect>) {
    let Some(listing) = paths::listing(state, typed, effects) else { return };
    let (directory, begins) = paths::split(typed);
    let fitting: Vec<paths::Name> = listing.fitting(begins).cloned().collect();
    let (more, why) = (listing.more, listing.problem.clone());
    let Some(f) = form(state) else { return };
    f.waits = None;
    let others = f.fields.len() > 1;
    let whole = fitting.iter().any(|n| n.name == begins && !n.directory);
    match fitting.as_slice() {
        [] => match why {
            Some(why) => drop(problem(state, format!("{directory}: {why}."))),
            None if others => next(state),
            None => drop(problem(state, "Nothing there begins so.".into())),
        },
        _ if whole && others => next(state),
        [one] => put(f, directory.len()..typed.len(), &one.shown()),
        _ => {
            // What was not read may begin otherwise.
            let common = if more { begins.to_string() } else { paths::common(fitting.iter()) };
            if common != begins {
                put(f, directory.len()..typed.len(), &common);
            }
            show(f, directory.len()..directory.len() + common.len(), &fitting);
            if more {
                problem(state, format!("More names than the first {}: type more of the one that is meant.", fitting.len()));
            }
        }
    }
}

fn show(f: &mut Form, replace: Range<usize>, names: &[paths::Name]) {
    let proposal = |n: &paths::Name| Proposal { kind: ProposalKind::Keyword, insert: n.shown(), detail: String::new() };
    open(f, replace, names.iter().map(proposal).collect());
}

fn open(f: &mut Form, replace: Range<usize>, list: Vec<Proposal>) {
    f.list = (!list.is_empty()).then(|| FormList { list, cursor: ListCursor::default(), replace, moved: false });
}

/// The list follows what is typed into the field.
fn narrow(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(f) = form(state) else { return };
    let (Some(now), Some(field)) = (waits(f), f.fields.get(f.at)) else { return };
    match field.takes {
        Takes::Words => {}
        Takes::Table => drop(tables(state, &now.before, false, effects)),
        Takes::File => {
            let (directory, begins) = paths::split(&now.before);
            if let Some(listing) = paths::listing(state, &now.before, &mut Vec::new()) {
                let fitting: Vec<paths::Name> = listing.fitting(begins).cloned().collect();
                if let Some(f) = form(state) {
                    show(f, directory.len()..now.before.len(), &fitting);
                }
            }
        }
    }
}

/// Tables that rows can go into; false when the text is one of them, whole.
fn tables(state: &mut State, typed: &str, asked: bool, effects: &mut Vec<Effect>) -> bool {
    let dialect = state.query.editor.dialect();
    let Some(names) = state.completion.names() else { return problem(state, "The names are still being read.".into()) };
    let statement = format!("insert into {typed}");
    let found = complete(dialect, &statement, statement.len(), &names);
    let ahead = statement.len() - typed.len();
    let replace = found.replace.start.saturating_sub(ahead)..found.replace.end.saturating_sub(ahead);
    let unread = super::completion::read_more(state, &found.unread, effects);
    let fits = |p: &Proposal| matches!(p.kind, ProposalKind::Table | ProposalKind::Schema);
    let list: Vec<Proposal> = found.list.into_iter().filter(fits).collect();
    let Some(f) = form(state) else { return false };
    f.waits = unread.then(|| Waits { at: f.at, before: typed.to_string() });
    let word = &typed[replace.clone()];
    match list.as_slice() {
        _ if !asked => open(f, replace, list),
        [] if unread => {}
        [] if found.complete && !word.is_empty() => return false,
        [] => return problem(state, "No table is called so.".into()),
        _ if list.iter().any(|p| p.insert == word && p.kind == ProposalKind::Table) => return false,
        [one] => {
            let insert = one.insert.clone();
            put(f, replace, &insert);
        }
        _ => open(f, replace, list),
    }
    true
}

fn take(f: &mut Form) {
    let Some(list) = f.list.take() else { return };
    if let Some(chosen) = list.list.get(list.cursor.at) {
        put(f, list.replace, &chosen.insert);
    }
}

/// Puts text into the field that is typed into; the cursor stands behind it.
fn put(f: &mut Form, replace: Range<usize>, text: &str) {
    f.waits = None;
    let Some(field) = f.fields.get_mut(f.at) else { return };
    let mut value = field.value().to_string();
    let end = value[..replace.start].chars().count() + text.chars().count();
    value.replace_range(replace, text);
    field.set(value, end);
}
