//! Keys that came together. A terminal without bracketed paste sends a paste as keys: it is taken as one text, without the
//! indentation that Enter gives, the proposals that would follow each letter, and their cost. In a field the letters of a burst are
//! one text too, and what is looked up by it is looked up once; Enter and Tab stay the keys that they are.

use super::completion;
use super::dialog::Dialog;
use super::effect::Effect;
use super::keys;
use super::panes::query;
use super::state::State;
use crate::config::keymap::{Code, Key, Lookup};
use jiff::{SignedDuration, Timestamp};

/// So many keys at once nobody types: they are pasted.
const PASTED: usize = 12;
/// What follows a paste within this time belongs to it: its last piece may be short.
const GOES_ON: SignedDuration = SignedDuration::from_millis(50);

/// Keys go into the editor's text now, and nothing stands between.
pub fn takes_text(state: &State) -> bool {
    state.typing() && state.dialogs.is_empty() && state.sequence.is_empty() && !state.query.find.open
}

/// Keys came together.
pub fn keys(state: &mut State, keys: Vec<Key>, effects: &mut Vec<Effect>) {
    // Text goes in only where it is seen.
    if super::layout::class(state.size) == super::layout::Class::TooSmall {
        return;
    }
    let mut run = String::new();
    let mut last = None;
    let pasted = keys.len() >= PASTED || goes_on(state.query.pasted, state.now);
    for key in keys {
        match text_of(state, key, &run).filter(|_| pasted && takes_text(state)).or_else(|| field_text(state, key)) {
            Some(c) => {
                run.push(c);
                last = Some(key);
            }
            None => {
                insert(state, &mut run, last.take(), effects);
                keys::key(state, key, effects);
            }
        }
    }
    insert(state, &mut run, last, effects);
}

/// What a key puts into the field that is typed into, if one is.
fn field_text(state: &State, key: Key) -> Option<char> {
    let c = key.typed()?;
    let takes = match state.dialogs.last() {
        Some(Dialog::Form(_)) if super::form_list::holds(state) => false,
        Some(Dialog::Form(_) | Dialog::Palette(_)) => state.keymap.lookup(keys::dialog_contexts(state), &[key]) == Lookup::None,
        Some(_) => false,
        None => state.sequence.is_empty() && keys::line_is_typed(state),
    };
    takes.then_some(c)
}

fn goes_on(pasted: Option<Timestamp>, now: Timestamp) -> bool {
    pasted.is_some_and(|at| now.duration_since(at) <= GOES_ON)
}

/// What a key puts into the text by itself. A tab does so between blanks; behind a word it takes a proposal.
fn text_of(state: &State, key: Key, run: &str) -> Option<char> {
    let editor = &state.query.editor;
    match key.code {
        // A line feed: alone it is a key that runs the statement, of which half may be here.
        Code::Char('j') if key == Key::ctrl('j') => Some('\n'),
        Code::Enter => Some('\n'),
        Code::Tab => {
            let before = run.chars().next_back().or_else(|| editor.text()[..editor.cursor_byte()].chars().next_back());
            (state.query.stops.is_none() && before.is_none_or(char::is_whitespace)).then_some('\t')
        }
        _ => key.typed().filter(|_| state.keymap.lookup(&keys::contexts(state), &[key]) == Lookup::None),
    }
}

fn insert(state: &mut State, run: &mut String, last: Option<Key>, effects: &mut Vec<Effect>) {
    let Some(last) = last.filter(|_| !run.is_empty()) else { return };
    if !takes_text(state) {
        return keys::paste(state, &std::mem::take(run), effects);
    }
    state.messages.read(state.now);
    state.query.selecting = false;
    state.query.pasted = Some(state.now);
    state.query.editor.insert(&std::mem::take(run));
    query::edited(state, effects);
    // Proposals for the word at its end: somebody may have typed ahead while the line stood still.
    completion::typed(state, last, effects);
}
