//! Keys in the dialog on top.

use super::typed::field;
use crate::app::action::Action;
use crate::app::dialog::{self, Dialog, Help, Purpose, Viewer};
use crate::app::effect::Effect;
use crate::app::list::ListCursor;
use crate::app::palette::Finds;
use crate::app::state::State;
use crate::app::{acts, form_list, links, rest, update};
use crate::config::keymap::{Code, Key, Lookup};
use crate::ops::find::Way;

/// Lines of a form's text that a page key goes on.
const SCROLLED: usize = 3;

/// Contexts of the keymap that hold in the dialog on top.
pub fn dialog_contexts(state: &State) -> &'static [&'static str] {
    match state.dialogs.last() {
        Some(Dialog::Palette(p)) if p.finds == Finds::History => &["history", "form", "global"],
        Some(Dialog::Form(_) | Dialog::Palette(_)) => &["form", "global"],
        Some(Dialog::Cell(_)) => &["cell", "help", "list", "global"],
        _ => &["help", "list", "global"],
    }
}

/// What a key means in a dialog: typed text is never a command in forms and the palette.
fn dialog_action(state: &State, key: Key) -> Option<Action> {
    let action = match state.keymap.lookup(dialog_contexts(state), &[key]) {
        Lookup::Action(name) => Action::from_name(name),
        _ => None,
    };
    match (action, key.code) {
        // Ctrl-C and Esc leave, whatever the keymap says: a dialog must have a way out.
        (Some(Action::Cancel), _) | (_, Code::Esc) => Some(Action::Back),
        (None, Code::PageUp) => Some(Action::PageUp),
        (None, Code::PageDown) => Some(Action::PageDown),
        (a, _) => a,
    }
}

/// A question is answered.
pub fn answered(state: &mut State, letter: char, effects: &mut Vec<Effect>) {
    let Some(Dialog::Confirm(c)) = state.dialogs.last() else { return };
    let Some(then) = c.answers.iter().find(|a| a.key == letter).map(|a| a.then.clone()) else { return };
    state.dialogs.pop();
    update::answer(state, then, effects);
}

/// A key that was pressed in a dialog, and what it means there.
#[derive(Clone, Copy)]
struct Pressed {
    key: Key,
    action: Option<Action>,
    /// Lines that a page key goes on.
    page: usize,
}

pub(super) fn dialog(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let page = dialog_rows(state.size.1);
    let action = dialog_action(state, key);
    // Who wants to leave is asked whether to, and what is asked now stays below.
    if action == Some(Action::Quit) && !acts::is_asked_to_quit(state) {
        return acts::act(state, Action::Quit, effects);
    }
    if form_list::key(state, key, action, effects) {
        return;
    }
    // Where nothing is completed the key goes on, as it does in forms elsewhere.
    let action = action.map(|a| if a == Action::Complete { Action::Down } else { a });
    let charts = matches!(state.keymap.lookup(&["results"], &[key]), Lookup::Action(name) if name == Action::Chart.name());
    let pressed = Pressed { key, action, page };
    let Some(top) = state.dialogs.last_mut() else { return };
    let stays = match top {
        Dialog::Confirm(_) => return question(state, pressed, effects),
        Dialog::Form(_) => return form(state, pressed, effects),
        Dialog::Links(_) => return list_of_links(state, pressed, effects),
        Dialog::Messages(_) => return messages(state, pressed, effects),
        Dialog::Palette(_) => return palette(state, pressed, effects),
        Dialog::Viewer(v) => viewer(v, pressed, effects),
        Dialog::Help(h) if h.typing => {
            seek(h, pressed);
            true
        }
        Dialog::Help(h) => help(h, pressed),
        Dialog::Chart(chart) => match action {
            Some(Action::Back | Action::Open) => false,
            _ => {
                match action {
                    Some(Action::Copy) => effects.push(Effect::Copy(chart.text())),
                    _ if charts => chart.turn(true),
                    Some(a) => chart.go(a, page),
                    None => {}
                }
                true
            }
        },
        Dialog::Cell(v) => {
            let width = usize::from(dialog::page_width(state.size.0));
            action.is_none_or(|a| v.act(a, page, width, effects))
        }
    };
    if !stays {
        state.dialogs.pop();
    }
}

fn question(state: &mut State, pressed: Pressed, effects: &mut Vec<Effect>) {
    let Some(Dialog::Confirm(c)) = state.dialogs.last() else { return };
    // The first answer is the safe one; a letter of another may have more behind it, and be none.
    let first = c.answers.first().map(|a| a.key);
    match pressed.key.typed().filter(|p| c.answers.iter().any(|a| a.key == *p)) {
        Some(p) if Some(p) != first => rest::letter(state, p, effects),
        Some(p) => answered(state, p, effects),
        None if pressed.action == Some(Action::Back) => first.into_iter().for_each(|p| answered(state, p, effects)),
        // Another key answers nothing: a question must not be answered by accident.
        None => {}
    }
}

fn form(state: &mut State, pressed: Pressed, effects: &mut Vec<Effect>) {
    let Some(Dialog::Form(f)) = state.dialogs.last_mut() else { return };
    let last = f.fields.len().saturating_sub(1);
    match pressed.action {
        Some(Action::Back) => drop(state.dialogs.pop()),
        Some(Action::Open) if f.at >= last => update::submit(state, effects),
        // The key that runs goes on with what is filled in, from any field.
        Some(Action::Run | Action::Plan | Action::Analyze) if matches!(f.purpose, Purpose::Values(_)) => update::submit(state, effects),
        Some(Action::Open) => f.at += 1,
        Some(Action::PageDown) => {
            let shape = f.shape(state.size);
            f.scroll = (f.scroll + SCROLLED).min(shape.body.len().saturating_sub(shape.room));
        }
        Some(Action::PageUp) => f.scroll = f.scroll.saturating_sub(SCROLLED),
        Some(Action::Down) => f.at = if f.at >= last { 0 } else { f.at + 1 },
        Some(Action::Up) => f.at = if f.at == 0 { last } else { f.at - 1 },
        _ => {
            f.problem = None;
            if let Some(at) = f.fields.get_mut(f.at) {
                field(&mut at.input, pressed.key);
            }
        }
    }
}

/// False when it is closed; so for the others here.
fn viewer(v: &mut Viewer, pressed: Pressed, effects: &mut Vec<Effect>) -> bool {
    let mut list = ListCursor { at: v.top, top: v.top };
    let last = v.lines.len().saturating_sub(pressed.page);
    match pressed.action {
        Some(Action::Back | Action::Open) => return false,
        Some(Action::Copy) => effects.push(Effect::Copy(v.original.clone())),
        Some(Action::Left) => v.left = v.left.saturating_sub(8),
        Some(Action::Right) => v.left += 8,
        Some(a) if list.go(a, v.lines.len(), pressed.page) => v.top = if a == Action::Last { last } else { list.at.min(last) },
        _ => {}
    }
    true
}

/// What is looked for in the help is typed.
fn seek(h: &mut Help, pressed: Pressed) {
    match (pressed.key.code, pressed.key.typed()) {
        (Code::Esc, _) => (h.typing, h.found) = (false, None),
        (Code::Enter, _) => h.typing = false,
        (Code::Backspace, _) => drop(h.sought.pop()),
        (_, Some(c)) => h.sought.push(c),
        _ => return,
    }
    if h.typing {
        h.seek(h.top, Way::Forwards, pressed.page);
    }
}

fn help(h: &mut Help, pressed: Pressed) -> bool {
    let mut list = ListCursor { at: h.top, top: h.top };
    let (letter, page) = (pressed.key.typed(), pressed.page);
    let last = h.lines.len().saturating_sub(page);
    match pressed.action {
        Some(Action::Back | Action::Open | Action::Help) => return false,
        Some(Action::Filter) => (h.typing, h.sought, h.found) = (true, String::new(), None),
        None if letter == Some('n') => h.seek(h.found.map_or(h.top, |at| at + 1), Way::Forwards, page),
        None if letter == Some('N') => h.seek(h.found.map_or(h.top, |at| at + h.lines.len() - 1), Way::Backwards, page),
        Some(a) if list.go(a, h.lines.len(), page) => h.top = if a == Action::Last { last } else { list.at.min(last) },
        _ => return letter != Some('?'),
    }
    true
}

fn list_of_links(state: &mut State, pressed: Pressed, effects: &mut Vec<Effect>) {
    let Some(Dialog::Links(l)) = state.dialogs.last_mut() else { return };
    match pressed.action {
        Some(Action::Back) => drop(state.dialogs.pop()),
        Some(Action::Open) => {
            let goal = l.lines.get(l.list.at).and_then(|l| l.goal.clone());
            if let Some(goal) = goal {
                state.dialogs.pop();
                links::follow(state, goal, effects);
            }
        }
        Some(Action::Copy) => effects.push(Effect::Copy(l.text())),
        Some(Action::Left) => l.left = l.left.saturating_sub(8),
        Some(Action::Right) => l.left += 8,
        Some(a) => drop(l.list.go(a, l.lines.len(), pressed.page)),
        None => {}
    }
}

fn messages(state: &mut State, pressed: Pressed, effects: &mut Vec<Effect>) {
    let Some(Dialog::Messages(list)) = state.dialogs.last_mut() else { return };
    // Newest first, as drawn.
    let chosen = || state.messages.log.iter().rev().nth(list.at).map(|n| [vec![n.text.clone()], n.more.clone()].concat().join("\n"));
    match pressed.action {
        Some(Action::Back) => drop(state.dialogs.pop()),
        Some(Action::Open) => {
            if let Some(text) = chosen() {
                state.dialogs.push(Dialog::Viewer(Viewer::new("Message", text).prose(state.size.0)));
            }
        }
        Some(Action::Copy) => effects.extend(chosen().map(Effect::Copy)),
        Some(a) => drop(list.go(a, state.messages.log.len(), pressed.page)),
        None => {}
    }
}

fn palette(state: &mut State, pressed: Pressed, effects: &mut Vec<Effect>) {
    let Some(Dialog::Palette(p)) = state.dialogs.last_mut() else { return };
    match pressed.action {
        Some(Action::Back) => drop(state.dialogs.pop()),
        Some(Action::HistoryScope) => p.toggle_own(),
        Some(Action::Open) => {
            let choice = p.chosen().map(|e| e.choice.clone());
            state.dialogs.pop();
            if let Some(choice) = choice {
                update::choose(state, choice, effects);
            }
        }
        Some(a) if p.list.go(a, p.shown.len(), palette_rows(state.size.1)) => {}
        _ => {
            if field(&mut p.input, pressed.key) {
                p.matched();
            }
        }
    }
}

/// Lines of text that a viewer, help and the messages show on a screen of `height` rows.
pub fn dialog_rows(height: u16) -> usize {
    usize::from(height.saturating_sub(6)).max(3)
}

/// Lines of matches that the palette shows on a screen of `height` rows.
pub fn palette_rows(height: u16) -> usize {
    usize::from(height.saturating_sub(8)).clamp(4, 16)
}
