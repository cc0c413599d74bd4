//! From a key press to what it does: dialogs first, then fields that are typed into, then the keymap of the pane.

mod dialogs;
mod offered;
mod typed;

pub use dialogs::{answered, dialog_contexts, dialog_rows, palette_rows};
pub use offered::{applies, hints, key_of, keys_now};
pub use typed::{field, line_is_typed, paste};

use super::action::Action;
use super::completion;
use super::editor::vim::Did;
use super::effect::Effect;
use super::find;
use super::layout::{Class, class};
use super::panes::running::letter;
use super::panes::{cells, plan, query};
use super::rest;
use super::state::{Pane, State};
use super::update;
use crate::config::files::EditorKeys;
use crate::config::keymap::{Code, Key, Lookup};
use dialogs::dialog;
use typed::{edit, filter};

/// Contexts of the keymap that hold now, the most particular first.
pub fn contexts(state: &State) -> Vec<&'static str> {
    // The leader's keys are the panes', also where it was pressed while typing.
    let led = state.sequence.first() == Some(&Key::char(' '));
    if state.typing() && !led { vec!["editor", "global"] } else { vec![state.view.focus.context(), "list", "pane", "global"] }
}

impl State {
    /// Printable keys go into the editor.
    pub fn typing(&self) -> bool {
        self.view.typing && self.view.focus == Pane::Editor
    }
}

/// A key was pressed.
pub fn key(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    // What is not on the screen is not acted upon.
    if class(state.size) == Class::TooSmall {
        return;
    }
    if rest::followed(state, effects) {
        return;
    }
    if state.query.held.is_some() && cells::held(state, key) {
        return;
    }
    state.messages.read(state.now);
    // What is watched stops; a key that cancels does that, too.
    if super::watch::stopped(state) && key != Key::ctrl('c') {
        return;
    }
    if rest::unready(state) {
        // What is typed on is text still, and no answer.
        rest::pressed(state);
        if state.typing() && key.typed().is_some() {
            edit(state, key, effects);
        }
        return;
    }
    if !state.dialogs.is_empty() {
        return dialog(state, key, effects);
    }
    if state.schema.filtering && state.view.focus == Pane::Schema && filter(state, key) {
        return;
    }
    if state.plan.search.open && state.view.focus == Pane::Plan && plan::search::key(state, key) {
        return;
    }
    if state.sequence.is_empty() && (completion::key(state, key, effects) || find::key(state, key, effects) || vim(state, key, effects)) {
        return;
    }
    if !state.sequence.is_empty() && (key.code == Code::Esc || key == Key::ctrl('c')) {
        state.sequence.clear();
        return;
    }
    let contexts = contexts(state);
    state.sequence.push(key);
    let found = match state.keymap.lookup(&contexts, &state.sequence) {
        Lookup::Action(name) => Action::from_name(name),
        // The next keys are shown until one is pressed.
        Lookup::Prefix(_) => return,
        Lookup::None => None,
    };
    match found {
        // Typing goes on when the command is done: a letter that was meant as text must never be a command.
        Some(Action::Leader) => state.sequence = vec![Key::char(' ')],
        Some(a) => {
            let alone = state.sequence.len() == 1 && key.typed().is_some();
            state.sequence.clear();
            if matches!(a, Action::Run | Action::RunAll | Action::Plan | Action::Analyze) {
                completion::close(state);
            }
            if !(alone && letter::held(state, a, key)) {
                update::act(state, a, effects);
            }
        }
        None => {
            let alone = state.sequence.len() == 1;
            state.sequence.clear();
            if alone && state.typing() {
                edit(state, key, effects);
                completion::typed(state, key, effects);
            }
        }
    }
}

/// A key for the vim keys, when they are chosen and no text is typed; false: it is none of theirs.
fn vim(state: &mut State, key: Key, effects: &mut Vec<Effect>) -> bool {
    if state.config.editor_keys != EditorKeys::Vim || state.view.focus != Pane::Editor || state.view.typing {
        return false;
    }
    let q = &mut state.query;
    match q.vim.key(&mut q.editor, key) {
        Did::NotMine => return false,
        Did::Done => {}
        Did::Insert => state.view.typing = true,
        Did::Search => find::once(state, effects),
        Did::Next(n) => {
            (0..n).for_each(|_| find::next(state, true, effects));
            find::arrived(state);
        }
        Did::Yanked => q.clipboard = q.vim.register().to_string(),
    }
    query::edited(state, effects);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Surroundings;
    use crate::config::keymap::{Keymap, sequence};
    use std::path::Path;
    use std::sync::Arc;

    #[test]
    fn the_leader_menu_opens_while_typing() {
        let around = Surroundings::made_up(Path::new("/nowhere"), Path::new("/nowhere"), []);
        let config = Arc::new(crate::config::files::load_in(None, &around).unwrap());
        let mut state = State::new(config, Keymap::builtin().unwrap(), (80, 24), jiff::Timestamp::UNIX_EPOCH);
        state.view.focus = Pane::Editor;
        state.view.typing = true;
        let mut effects = Vec::new();
        for k in sequence("F10 r").unwrap() {
            key(&mut state, k, &mut effects);
        }
        assert!(matches!(state.keymap.lookup(&contexts(&state), &state.sequence), Lookup::Prefix(_)), "{:?}", state.sequence);
        state.sequence.clear();
        state.view.typing = true;
        key(&mut state, Key::char(' '), &mut effects);
        assert!(state.sequence.is_empty() && state.typing(), "a blank is text");
    }
}
