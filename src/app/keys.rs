//! From a key press to what it does: dialogs first, then fields that are typed into, then the keymap of the pane.

use super::action::Action;
use super::completion;
use super::dialog::{Dialog, Purpose, Viewer};
use super::editor::Move;
use super::editor::vim::Did;
use super::effect::Effect;
use super::find;
use super::form_list;
use super::layout::{Class, class};
use super::list::ListCursor;
use super::palette::Finds;
use super::panes::running::letter;
use super::panes::{assess, cells, plan, query, schema};
use super::rest;
use super::state::{Pane, State, Workspace};
use super::update;
use crate::config::files::EditorKeys;
use crate::config::keymap::{Code, Key, Lookup, show};
use crate::model::TxState;
use crate::ops::find::Way;
use tui_textarea::{CursorMove, Input, TextArea};

/// Lines of a form's text that a page key goes on.
const SCROLLED: usize = 3;

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

/// Whether an action makes sense now; hints, menus and the palette leave the others out.
pub fn applies(state: &State, action: Action) -> bool {
    let server = state.link.server();
    let open = server.is_some();
    match action {
        // A plan in the editor is shown without any target.
        Action::Plan => open || !state.query.editor.is_blank(),
        // An assessment logs in by itself.
        Action::Refresh if state.view.focus == Pane::Assess => true,
        Action::Run | Action::RunAll | Action::Analyze | Action::Refresh | Action::Definition | Action::Jump => open,
        Action::GoAssess => assess::candidate(state).is_some() || !state.assess.target.is_empty(),
        Action::ToggleGuide => state.guide,
        Action::CopyQualified | Action::Template | Action::Sizes | Action::UsedBy | Action::Related => {
            open && state.view.focus == Pane::Schema
        }
        Action::Complete => open && state.typing(),
        Action::Open | Action::Copy | Action::VerifyBackup => match state.view.focus {
            Pane::Journal => !state.journal.items().is_empty(),
            Pane::Backups => !state.backups.items().is_empty(),
            _ => true,
        },
        Action::Filter => match state.view.focus {
            Pane::Schema => open,
            Pane::Results => state.query.result().is_some_and(|r| r.rows > 0),
            Pane::Plan => state.plan.plan.is_some(),
            _ => false,
        },
        Action::Unlock => server.is_some_and(|s| s.target.access != crate::config::AccessMode::Open) && state.unlocked.is_none(),
        Action::Lock => state.unlocked.is_some(),
        Action::Import => open,
        Action::Begin => server.is_some_and(|s| s.status.tx == TxState::Idle && s.status.read_only == crate::model::ReadOnly::No),
        Action::ManualTransactions => server.is_some_and(|s| s.status.read_only == crate::model::ReadOnly::No),
        Action::Commit | Action::Rollback => server.is_some_and(|s| s.status.tx != TxState::Idle),
        Action::GoSchema
        | Action::GoQuery
        | Action::GoResults
        | Action::GoPlan
        | Action::GoMigrations
        | Action::GoChecklist
        | Action::GoBackups
        | Action::GoSessions
        | Action::GoJournal => open || state.view.workspace != Workspace::Start,
        Action::Reconnect => state.link.target_name().is_some(),
        Action::ExportStatement => open,
        Action::Export | Action::CopyCsv | Action::CopyTsv | Action::CopyJson | Action::CopyMarkdown | Action::CopyInsert => {
            state.query.result().is_some_and(|r| r.columns.is_some())
        }
        Action::EditCell | Action::SetNull | Action::AddRow | Action::DeleteRow | Action::FollowKey => {
            open && state.query.result().is_some_and(|r| r.columns.is_some())
        }
        Action::WriteEdits | Action::DiscardEdits => state.query.result().is_some_and(|r| !r.staged.is_empty()),
        Action::SortRows | Action::FilterRows => state.query.result().is_some_and(|r| r.kept > 0),
        Action::HistoryScope => matches!(state.dialogs.last(), Some(Dialog::Palette(p)) if p.finds == Finds::History),
        Action::ToggleWrap | Action::CellForm => matches!(state.dialogs.last(), Some(Dialog::Cell(_))),
        Action::ClearFilter => state.query.result().is_some_and(|r| r.view.of.filter.is_some()),
        Action::HideColumn
        | Action::AllColumns
        | Action::ColumnLeft
        | Action::ColumnRight
        | Action::Wider
        | Action::Narrower
        | Action::Freeze
        | Action::RecordView
        | Action::SortOnServer => state.query.result().is_some_and(|r| r.columns.is_some()),
        Action::NextResult | Action::PreviousResult => state.query.results.len() > 1,
        Action::PinResult => state.query.result().is_some(),
        Action::CompareResults => state.query.results.iter().filter(|r| r.columns.is_some()).count() > 1,
        Action::MarkRows => state.query.result().is_some_and(|r| r.rows > 0),
        Action::ColumnStatistics | Action::Chart => state.query.result().is_some_and(|r| r.kept > 0),
        Action::FindAgain | Action::FindBackwards => !state.query.sought.is_empty() && state.query.result().is_some_and(|r| r.rows > 0),
        Action::CloseResult => !state.query.results.is_empty(),
        // They need no plan that is there already.
        Action::PlanHistory | Action::OpenPlan => true,
        Action::WhatIf | Action::ParamSets | Action::WritePlanTest | Action::RunPlanTest | Action::Optimize => open,
        a if a == Action::Raw || a.of_plan() => state.plan.plan.is_some(),
        Action::Checklists => open || state.view.focus == Pane::Assess || state.checklist.of_incident(),
        // Other checklists than that of migrations have none of it.
        Action::Sign if state.view.focus == Pane::Checklist && state.checklist.of_incident() => true,
        Action::Apply | Action::Revert | Action::StartRun | Action::CloseRun | Action::Sign => {
            state.view.focus != Pane::Checklist || state.checklist.other.is_none()
        }
        Action::LockTree => state.view.focus == Pane::Assess,
        Action::HandOver => state.assess.whole.is_some(),
        Action::Recover => state.assess.tree.is_some(),
        Action::SessionPlan | Action::SessionStatement => state.view.focus == Pane::Sessions && state.sessions.chosen().is_some(),
        _ => true,
    }
}

/// What the footer offers, most wanted first: keys and words, from the live keymap.
pub fn hints(state: &State) -> Vec<(String, &'static str)> {
    let contexts = contexts(state);
    let mut out = Vec::new();
    if !state.jobs.is_empty()
        && let Some(k) = state.keymap.key_for(&contexts, Action::Cancel.name())
    {
        out.push((show(k), Action::Cancel.short()));
    }
    for (keys, name) in state.keymap.hints(contexts[0], &contexts) {
        if let Some(a) = Action::from_name(name).filter(|a| applies(state, *a)) {
            // The leader is best known by the key that starts its sequences.
            let leads = a == Action::Leader && matches!(state.keymap.lookup(&contexts, &[Key::char(' ')]), Lookup::Prefix(_));
            // While typing, the key that works everywhere is the one to learn.
            let everywhere = state.keymap.key_for(&["global"], name).filter(|_| state.typing());
            // In results and plans the same key looks for something.
            let finds = a == Action::Filter && matches!(state.view.focus, Pane::Results | Pane::Plan);
            let words = if finds { "find" } else { a.short() };
            out.push((if leads { Key::char(' ').to_string() } else { show(everywhere.unwrap_or(keys)) }, words));
        }
    }
    out
}

/// The keys of an action where the user is, as people read them.
pub fn key_of(state: &State, action: Action) -> Option<String> {
    // While text is typed most keys mean text; what is said then holds after Esc.
    let mut contexts = contexts(state);
    if state.typing() {
        contexts = vec!["query", "list", "pane", "global"];
    }
    state.keymap.key_for(&contexts, action.name()).map(show)
}

/// The keys that do an action right now: while text is typed, the leader's key stands where the sequence begins with a blank.
pub fn keys_now(state: &State, action: Action) -> Option<String> {
    if !state.typing() {
        return key_of(state, action);
    }
    let here = state.keymap.key_for(&contexts(state), action.name()).map(show);
    here.or_else(|| {
        let keys = key_of(state, action)?;
        let blank = Key::char(' ').to_string();
        match (keys.strip_prefix(&blank), state.keymap.key_for(&["global"], Action::Leader.name()).map(show)) {
            (Some(rest), Some(leader)) => Some(format!("{leader}{rest}")),
            _ => Some(format!("Esc {keys}")),
        }
    })
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
        None => state.say(super::state::Note::info("Pasted text goes into the editor or a field; commands are never pasted.")),
    }
}

fn edit(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let page = super::layout::arrange(state).inside(Pane::Editor).map_or(10, |a| usize::from(a.h));
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
        let select = key.shift || state.query.selecting;
        state.query.editor.go(to, select, page);
    } else {
        state.query.selecting = false;
        if state.config.editor_keys == EditorKeys::Vim {
            state.query.vim.types(&mut state.query.editor);
        }
        match key.code {
            Code::Enter => state.query.editor.newline(),
            Code::Tab if !key.shift && super::snippets::next(state) => {}
            Code::Tab if !key.shift => state.query.editor.tab(),
            Code::Backspace if key.ctrl || key.alt => state.query.editor.delete_word(),
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

/// Contexts of the keymap that hold in the dialog on top.
pub fn dialog_contexts(state: &State) -> &'static [&'static str] {
    match state.dialogs.last() {
        Some(Dialog::Palette(p)) if p.finds == Finds::History => &["history", "form", "global"],
        Some(Dialog::Form(_) | Dialog::Palette(_)) => &["form", "global"],
        Some(Dialog::Cell(_)) => &["cell", "help", "list", "global"],
        _ => &["help", "list", "global"],
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

fn dialog(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let page = dialog_rows(state.size.1);
    let action = dialog_action(state, key);
    if form_list::key(state, key, action, effects) {
        return;
    }
    // Where nothing is completed the key goes on, as it does in forms elsewhere.
    let action = action.map(|a| if a == Action::Complete { Action::Down } else { a });
    let charts = matches!(state.keymap.lookup(&["results"], &[key]), Lookup::Action(name) if name == Action::Chart.name());
    let Some(top) = state.dialogs.last_mut() else { return };
    match top {
        Dialog::Confirm(c) => {
            // The first answer is the safe one; a letter of another may have more behind it, and be none.
            let first = c.answers.first().map(|a| a.key);
            match key.typed().filter(|p| c.answers.iter().any(|a| a.key == *p)) {
                Some(p) if Some(p) != first => rest::letter(state, p, effects),
                Some(p) => answered(state, p, effects),
                None if action == Some(Action::Back) => first.into_iter().for_each(|p| answered(state, p, effects)),
                // Another key answers nothing: a question must not be answered by accident.
                None => {}
            }
        }
        Dialog::Form(f) => {
            let last = f.fields.len().saturating_sub(1);
            match action {
                Some(Action::Back) => drop(state.dialogs.pop()),
                Some(Action::Open) if f.at >= last => update::submit(state, effects),
                // The key that runs goes on with what is filled in, from any field.
                Some(Action::Run | Action::Plan | Action::Analyze) if matches!(f.purpose, Purpose::Values(_)) => {
                    update::submit(state, effects)
                }
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
                        field(&mut at.input, key);
                    }
                }
            }
        }
        Dialog::Viewer(v) => {
            let mut list = ListCursor { at: v.top, top: v.top };
            let last = v.lines.len().saturating_sub(page);
            match action {
                Some(Action::Back | Action::Open) => drop(state.dialogs.pop()),
                Some(Action::Copy) => effects.push(Effect::Copy(v.original.clone())),
                Some(Action::Left) => v.left = v.left.saturating_sub(8),
                Some(Action::Right) => v.left += 8,
                Some(a) if list.go(a, v.lines.len(), page) => v.top = if a == Action::Last { last } else { list.at.min(last) },
                _ => {}
            }
        }
        Dialog::Chart(chart) => match action {
            Some(Action::Back | Action::Open) => drop(state.dialogs.pop()),
            Some(Action::Copy) => effects.push(Effect::Copy(chart.text())),
            _ if charts => chart.turn(true),
            Some(a) => chart.go(a, page),
            None => {}
        },
        Dialog::Cell(v) => {
            let width = usize::from(super::dialog::page_width(state.size.0));
            if action.is_some_and(|a| !v.act(a, page, width, effects)) {
                state.dialogs.pop();
            }
        }
        Dialog::Help(h) if h.typing => {
            match (key.code, key.typed()) {
                (Code::Esc, _) => (h.typing, h.found) = (false, None),
                (Code::Enter, _) => h.typing = false,
                (Code::Backspace, _) => drop(h.sought.pop()),
                (_, Some(c)) => h.sought.push(c),
                _ => return,
            }
            if h.typing {
                h.seek(h.top, Way::Forwards, page);
            }
        }
        Dialog::Help(h) => {
            let mut list = ListCursor { at: h.top, top: h.top };
            let last = h.lines.len().saturating_sub(page);
            match action {
                Some(Action::Back | Action::Open | Action::Help) => drop(state.dialogs.pop()),
                Some(Action::Filter) => (h.typing, h.sought, h.found) = (true, String::new(), None),
                None if key.typed() == Some('n') => h.seek(h.found.map_or(h.top, |at| at + 1), Way::Forwards, page),
                None if key.typed() == Some('N') => h.seek(h.found.map_or(h.top, |at| at + h.lines.len() - 1), Way::Backwards, page),
                Some(a) if list.go(a, h.lines.len(), page) => h.top = if a == Action::Last { last } else { list.at.min(last) },
                _ if key.typed() == Some('?') => drop(state.dialogs.pop()),
                _ => {}
            }
        }
        Dialog::Links(l) => match action {
            Some(Action::Back) => drop(state.dialogs.pop()),
            Some(Action::Open) => {
                let goal = l.lines.get(l.list.at).and_then(|l| l.goal.clone());
                if let Some(goal) = goal {
                    state.dialogs.pop();
                    super::links::follow(state, goal, effects);
                }
            }
            Some(Action::Copy) => effects.push(Effect::Copy(l.text())),
            Some(Action::Left) => l.left = l.left.saturating_sub(8),
            Some(Action::Right) => l.left += 8,
            Some(a) => drop(l.list.go(a, l.lines.len(), page)),
            None => {}
        },
        Dialog::Messages(list) => {
            let len = state.messages.log.len();
            match action {
                Some(Action::Back) => drop(state.dialogs.pop()),
                Some(Action::Open) => {
                    if let Some(note) = state.messages.log.iter().rev().nth(list.at) {
                        let text = [vec![note.text.clone()], note.more.clone()].concat().join("\n");
                        let viewer = Viewer::new("Message", text).prose(state.size.0);
                        state.dialogs.push(Dialog::Viewer(viewer));
                    }
                }
                Some(Action::Copy) => {
                    // Newest first, as drawn.
                    let note = state.messages.log.iter().rev().nth(list.at);
                    effects.extend(note.map(|n| Effect::Copy([vec![n.text.clone()], n.more.clone()].concat().join("\n"))));
                }
                Some(a) => drop(list.go(a, len, page)),
                None => {}
            }
        }
        Dialog::Palette(p) => match action {
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
                if field(&mut p.input, key) {
                    p.matched();
                }
            }
        },
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
