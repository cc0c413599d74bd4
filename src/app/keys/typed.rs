//! Keys and pasted text that are text: in the editor, in fields and in the lines of panes.

use crate::app::dialog::Dialog;
use crate::app::editor::{Move, words};
use crate::app::effect::Effect;
use crate::app::layout::{self, Class, class};
use crate::app::panes::{plan, query, schema};
use crate::app::state::{Note, Pane, State};
use crate::app::{acts, find, snippets};
use crate::config::files::EditorKeys;
use crate::config::keymap::{Code, Key};
use tui_textarea::{CursorMove, Input, TextArea};

/// Pasted text goes where text is typed, and nowhere else.
pub fn paste(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    if class(state.size) == Class::TooSmall {
        return;
    }
    state.messages.read(state.now);
    match state.dialogs.last_mut() {
        Some(Dialog::Form(f)) => {
            (f.problem, f.list) = (None, None);
            if let Some(field) = f.fields.get_mut(f.at) {
                field.input.insert_str(text.lines().collect::<Vec<_>>().join(" "));
            }
        }
        Some(Dialog::Palette(p)) => {
            p.input.insert_str(text.lines().next().unwrap_or(""));
            p.matched();
        }
        Some(_) => {}
        None if state.schema.filtering && state.view.focus == Pane::Schema => {
            if let Some(f) = &mut state.schema.filter {
                f.insert_str(text.lines().next().unwrap_or(""));
            }
            schema::filtered(state);
        }
        None if state.plan.search.open && state.view.focus == Pane::Plan => plan::search::paste(state, text),
        None if state.view.focus == Pane::Editor && state.query.find.open => find::paste(state, text, effects),
        None if state.view.focus == Pane::Editor => {
            state.query.editor.insert(text);
            query::edited(state, effects);
        }
        None => state.say(Note::info("Pasted text goes into the editor or a field; commands are never pasted.")),
    }
}

pub(super) fn edit(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let page = layout::arrange(state).inside(Pane::Editor).map_or(10, |a| usize::from(a.h));
    let go = match key.code {
        Code::Left if key.ctrl => Some(acts::word_move(state, Move::WordLeft)),
        Code::Right if key.ctrl => Some(acts::word_move(state, Move::WordRight)),
        Code::Left => Some(Move::Left),
        Code::Right => Some(Move::Right),
        Code::Up => Some(Move::Up),
        Code::Down => Some(Move::Down),
        Code::Home if key.ctrl => Some(Move::Top),
        Code::End if key.ctrl => Some(Move::Bottom),
        Code::Home => Some(Move::LineStart),
        Code::End => Some(Move::LineEnd),
        Code::PageUp => Some(Move::PageUp),
        Code::PageDown => Some(Move::PageDown),
        _ => None,
    };
    if let Some(to) = go {
        let select = key.shift || state.query.selecting;
        state.query.editor.go(to, select, page);
    } else {
        state.query.selecting = false;
        if state.config.editor_keys == EditorKeys::Vim {
            state.query.vim.types(&mut state.query.editor);
        }
        match key.code {
            Code::Enter => state.query.editor.newline(),
            Code::Tab if !key.shift && snippets::next(state) => {}
            Code::Tab if !key.shift => state.query.editor.tab(),
            Code::Backspace if key.ctrl || key.alt => acts::delete_word(state, Move::WordLeft),
            Code::Backspace => state.query.editor.backspace(),
            Code::Delete => state.query.editor.delete(),
            _ => match key.typed() {
                Some(c) => state.query.editor.insert_char(c),
                None => return,
            },
        }
    }
    query::edited(state, effects);
}

/// A key in a one-line field; true when the field took it.
pub fn field(input: &mut TextArea<'static>, key: Key) -> bool {
    if matches!(key.code, Code::Left | Code::Right | Code::Home | Code::End) {
        // What was selected is kept.
        input.cancel_selection();
    }
    // What a reader sees as one character is gone over and taken away as one, as in the editor.
    let text = input.lines().first().map_or("", String::as_str);
    let at = text.char_indices().nth(input.cursor().1).map_or(text.len(), |(at, _)| at);
    let (left, right) = (words::left(text, at)..at, at..words::right(text, at));
    let letters = |part: std::ops::Range<usize>| if input.is_selecting() { 1 } else { text[part].chars().count().max(1) };
    let (left, right) = (letters(left), letters(right));
    match key.code {
        Code::Left if key.ctrl => input.move_cursor(CursorMove::WordBack),
        Code::Right if key.ctrl => input.move_cursor(CursorMove::WordForward),
        Code::Left => (0..left).for_each(|_| input.move_cursor(CursorMove::Back)),
        Code::Right => (0..right).for_each(|_| input.move_cursor(CursorMove::Forward)),
        Code::Home => input.move_cursor(CursorMove::Head),
        Code::End => input.move_cursor(CursorMove::End),
        Code::Backspace => (0..left).for_each(|_| {
            input.input_without_shortcuts(Input { key: tui_textarea::Key::Backspace, ..Input::default() });
        }),
        Code::Delete => (0..right).for_each(|_| {
            input.input_without_shortcuts(Input { key: tui_textarea::Key::Delete, ..Input::default() });
        }),
        _ if key.code == Code::Char('u') && key.ctrl => {
            input.delete_line_by_head();
        }
        _ if key.code == Code::Char('w') && key.ctrl => {
            input.delete_word();
        }
        _ => match key.typed() {
            Some(c) => input.insert_char(c),
            None => return false,
        },
    }
    true
}

/// A key while the schema's filter is typed; false: the pane takes it.
pub(super) fn filter(state: &mut State, key: Key) -> bool {
    match key.code {
        Code::Enter | Code::Down => {
            state.schema.filtering = false;
            true
        }
        Code::Esc => {
            state.schema.filter = None;
            state.schema.filtering = false;
            schema::filtered(state);
            true
        }
        _ => {
            let Some(f) = &mut state.schema.filter else { return false };
            let took = field(f, key);
            if took {
                schema::filtered(state);
            }
            took
        }
    }
}

/// A line of a pane takes letters: the schema's filter, the search of a plan or of the editor's text.
pub fn line_is_typed(state: &State) -> bool {
    match state.view.focus {
        Pane::Schema => state.schema.filtering && state.schema.filter.is_some(),
        Pane::Plan => state.plan.search.open,
        Pane::Editor => state.query.find.open,
        _ => false,
    }
}
