//! From a key press to what it does: dialogs first, then fields that are typed into, then the keymap of the pane.

use super::action::Action;
use super::dialog::{Dialog, Form};
use super::editor::Move;
use super::effect::Effect;
use super::key::{Code, Key};
use super::keymap::Lookup;
use super::panes::{query, schema};
use super::state::{Pane, State, Workspace};
use super::update;
use crate::model::TxState;
use tui_textarea::{CursorMove, Input, TextArea};

/// Contexts of the keymap that hold now, the most particular first.
pub fn contexts(state: &State) -> Vec<&'static str> {
    if state.typing() { vec!["editor", "global"] } else { vec![state.view.focus.context(), "commands", "global"] }
}

impl State {
    /// Printable keys go into the editor.
    pub fn typing(&self) -> bool {
        self.view.typing && self.view.focus == Pane::Editor
    }
}

/// Whether an action makes sense now; hints, menus and the palette leave the others out.
pub fn applies(state: &State, action: Action) -> bool {
    let server = state.link.server();
    let open = server.is_some();
    match action {
        Action::Run | Action::RunAll | Action::Plan | Action::Analyze | Action::Refresh | Action::Definition => open,
        Action::Unlock => {
            server.is_some_and(|s| s.target.access != crate::config::AccessMode::Open) && state.unlocked.is_none()
        }
        Action::Lock => state.unlocked.is_some(),
        Action::Commit | Action::Rollback => server.is_some_and(|s| s.status.tx != TxState::Idle),
        Action::GoSchema
        | Action::GoQuery
        | Action::GoResults
        | Action::GoPlan
        | Action::GoMigrations
        | Action::GoChecklist
        | Action::GoBackups
        | Action::GoJournal => open || state.view.workspace != Workspace::Start,
        Action::Reconnect => state.link.target_name().is_some(),
        Action::NextResult | Action::PreviousResult => state.query.results.len() > 1,
        Action::CloseResult => !state.query.results.is_empty(),
        Action::Raw => state.plan.plan.is_some(),
        _ => true,
    }
}

/// The actions that the footer offers, most wanted first; those without a key here fall out.
pub fn hints(state: &State) -> Vec<(String, &'static str)> {
    use Action::*;
    let wanted: &[Action] = if state.typing() {
        &[Run, Plan, Analyze, ToggleLower, LeaveEditor, Palette, Help]
    } else {
        match state.view.focus {
            Pane::Start => &[Open, NewTarget, Palette, Help, Quit],
            Pane::Schema => &[Open, Definition, Filter, InsertName, Refresh, GoQuery, Leader, Help],
            Pane::Editor => &[Insert, Run, RunAll, Plan, Analyze, ToggleLower, OpenFile, SaveFile, Leader, Help],
            Pane::Results => &[Open, Copy, CopyRow, NextResult, ToggleLower, Zoom, Insert, Leader, Help],
            Pane::Plan => &[Open, Raw, Analyze, ToggleLower, Zoom, Insert, Leader, Help],
            Pane::Migrations => &[Open, Prove, StartRun, GoChecklist, Apply, Revert, Refresh, Leader, Help],
            Pane::Checklist => &[RunNext, RunProvable, Sign, ShowEvidence, Apply, Refresh, Leader, Help],
            Pane::Backups => &[TakeBackup, VerifyBackup, Open, Refresh, Leader, Help],
            Pane::Journal => &[Open, VerifyJournal, Refresh, Leader, Help],
        }
    };
    let contexts = contexts(state);
    let mut out = Vec::new();
    if !state.jobs.is_empty()
        && let Some(k) = state.keymap.keys_of(&contexts, Cancel)
    {
        out.push((k, Cancel.short()));
    }
    for a in wanted {
        if applies(state, *a)
            && let Some(k) = state.keymap.keys_of(&contexts, *a)
        {
            out.push((k, a.short()));
        }
    }
    out
}

/// A key was pressed.
pub fn key(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    state.messages.shown = None;
    if !state.dialogs.is_empty() {
        return dialog(state, key, effects);
    }
    if state.schema.filtering && state.view.focus == Pane::Schema && filter(state, key) {
        return;
    }
    state.sequence.push(key);
    let contexts = contexts(state);
    match state.keymap.lookup(&contexts, &state.sequence) {
        Lookup::Action(a) => {
            state.sequence.clear();
            update::act(state, a, effects);
        }
        Lookup::Prefix => {}
        Lookup::None => {
            let alone = state.sequence.len() == 1;
            state.sequence.clear();
            if alone && state.typing() {
                edit(state, key, effects);
            }
        }
    }
}

/// Pasted text goes where text is typed, and nowhere else.
pub fn paste(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    state.messages.shown = None;
    match state.dialogs.last_mut() {
        Some(Dialog::Form(f)) => {
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
        None if state.view.focus == Pane::Editor => {
            state.query.editor.insert(text);
            query::edited(state, effects);
        }
        None => state.say(super::state::Note::info("Pasted text goes into the editor or a field; commands are never pasted.")),
    }
}

fn edit(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let page = super::layout::arrange(state).inside(Pane::Editor).map_or(10, |a| usize::from(a.h));
    let editor = &mut state.query.editor;
    let go = match key.code {
        Code::Left if key.ctrl => Some(Move::WordLeft),
        Code::Right if key.ctrl => Some(Move::WordRight),
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
        editor.go(to, key.shift, page);
    } else {
        match key.code {
            Code::Enter => editor.newline(),
            Code::Tab if !key.shift => editor.tab(),
            Code::Backspace if key.ctrl || key.alt => editor.delete_word(),
            Code::Backspace => editor.backspace(),
            Code::Delete => editor.delete(),
            _ => match key.typed() {
                Some(c) => editor.insert_char(c),
                None => return,
            },
        }
    }
    query::edited(state, effects);
}

/// A key in a one-line field; true when the field took it.
pub fn field(input: &mut TextArea<'static>, key: Key) -> bool {
    match key.code {
        Code::Left if key.ctrl => input.move_cursor(CursorMove::WordBack),
        Code::Right if key.ctrl => input.move_cursor(CursorMove::WordForward),
        Code::Left => input.move_cursor(CursorMove::Back),
        Code::Right => input.move_cursor(CursorMove::Forward),
        Code::Home => input.move_cursor(CursorMove::Head),
        Code::End => input.move_cursor(CursorMove::End),
        Code::Backspace => {
            input.input_without_shortcuts(Input { key: tui_textarea::Key::Backspace, ..Input::default() });
        }
        Code::Delete => {
            input.input_without_shortcuts(Input { key: tui_textarea::Key::Delete, ..Input::default() });
        }
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
fn filter(state: &mut State, key: Key) -> bool {
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

/// Moves that every dialog with a list knows.
fn list_move(key: Key) -> Option<Action> {
    Some(match (key.code, key.ctrl) {
        (Code::Up, _) | (Code::Char('p'), true) => Action::Up,
        (Code::Down, _) | (Code::Char('n'), true) => Action::Down,
        (Code::PageUp, _) => Action::PageUp,
        (Code::PageDown, _) => Action::PageDown,
        _ => return None,
    })
}

fn dialog(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let page = usize::from(state.size.1.saturating_sub(6)).max(3);
    let Some(top) = state.dialogs.last_mut() else { return };
    let plain = key.typed();
    match top {
        Dialog::Confirm(c) => {
            let then = if key.code == Code::Esc || (key.code == Code::Char('c') && key.ctrl) {
                c.answers.first().filter(|_| c.answers.len() > 1).map(|a| a.then.clone())
            } else {
                match plain.and_then(|p| c.answers.iter().find(|a| a.key == p)) {
                    Some(a) => Some(a.then.clone()),
                    // Another key answers nothing: a question must not be answered by accident.
                    None => return,
                }
            };
            state.dialogs.pop();
            if let Some(then) = then {
                update::answer(state, then, effects);
            }
        }
        Dialog::Form(f) => match form_key(f, key) {
            FormKey::Stay => {}
            FormKey::Leave => {
                state.dialogs.pop();
            }
            FormKey::Submit => update::submit(state, effects),
        },
        Dialog::Viewer(v) => {
            let height = page.saturating_sub(1).max(1);
            let last = v.lines.len().saturating_sub(height);
            match key.code {
                Code::Esc | Code::Enter | Code::Char('q') => {
                    state.dialogs.pop();
                }
                Code::Up | Code::Char('k') => v.top = v.top.saturating_sub(1),
                Code::Down | Code::Char('j') => v.top = (v.top + 1).min(last),
                Code::PageUp => v.top = v.top.saturating_sub(height),
                Code::PageDown | Code::Char(' ') => v.top = (v.top + height).min(last),
                Code::Home | Code::Char('g') => v.top = 0,
                Code::End | Code::Char('G') => v.top = last,
                Code::Left | Code::Char('h') => v.left = v.left.saturating_sub(8),
                Code::Right | Code::Char('l') => v.left += 8,
                Code::Char('y') => effects.push(Effect::Copy(v.original.clone())),
                _ => {}
            }
        }
        Dialog::Help(h) => {
            let last = h.lines.len().saturating_sub(page);
            match key.code {
                Code::Esc | Code::Enter | Code::Char('q' | '?') | Code::F(1) => {
                    state.dialogs.pop();
                }
                Code::Up | Code::Char('k') => h.top = h.top.saturating_sub(1),
                Code::Down | Code::Char('j') => h.top = (h.top + 1).min(last),
                Code::PageUp => h.top = h.top.saturating_sub(page),
                Code::PageDown | Code::Char(' ') => h.top = (h.top + page).min(last),
                _ => {}
            }
        }
        Dialog::Messages(list) => {
            let len = state.messages.log.len();
            match key.code {
                Code::Esc | Code::Enter | Code::Char('q') => {
                    state.dialogs.pop();
                }
                Code::Up | Code::Char('k') => drop(list.go(Action::Up, len, page)),
                Code::Down | Code::Char('j') => drop(list.go(Action::Down, len, page)),
                Code::Char('y') => {
                    // Newest first, as drawn.
                    let note = state.messages.log.iter().rev().nth(list.at);
                    effects.extend(note.map(|n| Effect::Copy([vec![n.text.clone()], n.more.clone()].concat().join("\n"))));
                }
                _ => {
                    if let Some(a) = list_move(key) {
                        list.go(a, len, page);
                    }
                }
            }
        }
        Dialog::Palette(p) => match key.code {
            Code::Esc => {
                state.dialogs.pop();
            }
            Code::Enter => {
                let choice = p.chosen().map(|e| e.choice.clone());
                state.dialogs.pop();
                if let Some(choice) = choice {
                    update::choose(state, choice, effects);
                }
            }
            _ => {
                if let Some(a) = list_move(key) {
                    let len = p.shown.len();
                    p.list.go(a, len, palette_rows(state.size.1));
                } else if field(&mut p.input, key) {
                    p.matched();
                }
            }
        },
    }
}

/// Lines of matches that the palette shows on a screen of `height` rows.
pub fn palette_rows(height: u16) -> usize {
    usize::from(height.saturating_sub(8)).clamp(4, 16)
}

enum FormKey {
    Stay,
    Leave,
    Submit,
}

fn form_key(f: &mut Form, key: Key) -> FormKey {
    let last = f.fields.len().saturating_sub(1);
    match key.code {
        Code::Esc => return FormKey::Leave,
        Code::Char('c') if key.ctrl => return FormKey::Leave,
        Code::Enter if f.at >= last => return FormKey::Submit,
        Code::Enter | Code::Down => f.at = (f.at + 1).min(last),
        Code::Tab if !key.shift => f.at = if f.at >= last { 0 } else { f.at + 1 },
        Code::Tab => f.at = if f.at == 0 { last } else { f.at - 1 },
        Code::Up => f.at = f.at.saturating_sub(1),
        _ => {
            f.problem = None;
            if let Some(field_at) = f.fields.get_mut(f.at) {
                field(&mut field_at.input, key);
            }
        }
    }
    FormKey::Stay
}
