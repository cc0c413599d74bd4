//! What actions do, once a key, the menu or the palette has named them.

use super::action::Action;
use super::buffers;
use super::dialog::{Answer, Confirm, Dialog, Field, Form, Help, Purpose, Then};
use super::editor::Move;
use super::effect::{Effect, Operation};
use super::find;
use super::list::ListCursor;
use super::palette::Palette;
use super::panes::{assess, backups, checklist, files, journal, migrations, plan, query, running, schema, sessions, start};
use super::state::{Note, Pane, State, Workspace};
use super::update::switch_target;
use crate::config::AccessMode;
use crate::config::files::EditorKeys;
use crate::config::keymap::Lookup;
use crate::text;

/// Does an action.
pub fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    if in_pane(state, action, effects) {
        return;
    }
    match action {
        Action::Help => help(state),
        Action::Palette => {
            let p = Palette::new(state);
            state.dialogs.push(Dialog::Palette(p));
        }
        Action::Jump => {
            let p = Palette::objects(state);
            state.dialogs.push(Dialog::Palette(p));
        }
        Action::Run => running::run(state, false, effects),
        Action::RunAll => running::run(state, true, effects),
        Action::Plan => plan::ask(state, false, effects),
        Action::Analyze => plan::ask(state, true, effects),
        Action::ToggleLower => {
            let to = if state.query.lower == Pane::Plan { Pane::Results } else { Pane::Plan };
            if matches!(state.view.focus, Pane::Plan | Pane::Results) {
                state.view.focus = to;
            }
            state.query.lower = to;
            plan::touched(state, effects);
            query::want(state, effects);
        }
        Action::Cancel => cancel(state, effects),
        Action::Quit => quit(state, effects),
        Action::NextPane => cycle(state, true, effects),
        Action::PreviousPane => cycle(state, false, effects),
        Action::Zoom => {
            state.view.zoom = !state.view.zoom;
            query::follow(state);
            query::want(state, effects);
        }
        Action::GoSchema => go(state, Pane::Schema, effects),
        // The checklist of a statement was come to from its plan.
        Action::GoQuery if state.view.focus == Pane::Checklist && state.checklist.of_plan() && state.plan.plan.is_some() => {
            state.view.typing = false;
            go(state, Pane::Plan, effects);
        }
        Action::GoQuery | Action::Insert => {
            go(state, Pane::Editor, effects);
            // vim comes to a text in NORMAL.
            state.view.typing = action == Action::Insert || state.config.editor_keys != crate::config::files::EditorKeys::Vim;
        }
        Action::GoResults => go(state, Pane::Results, effects),
        Action::GoPlan => go(state, Pane::Plan, effects),
        // Asked for by name they take the main area, also where a column beside the query shows them already.
        Action::GoMigrations => {
            state.view.workspace = Workspace::Migrations;
            go(state, Pane::Migrations, effects);
        }
        Action::GoChecklist => {
            state.view.workspace = Workspace::Checklist;
            go(state, Pane::Checklist, effects);
        }
        Action::GoBackups => go(state, Pane::Backups, effects),
        Action::GoJournal => go(state, Pane::Journal, effects),
        Action::GoSessions => go(state, Pane::Sessions, effects),
        Action::GoAssess => assess::go(state, effects),
        Action::GoStart => {
            state.start.lines = start::Start::new(&state.config).lines;
            state.view = super::state::View { workspace: Workspace::Start, focus: Pane::Start, zoom: false, typing: false };
        }
        Action::Messages => state.dialogs.push(Dialog::Messages(ListCursor::default())),
        Action::Unlock => unlock(state),
        Action::Lock => {
            let was = state.unlocked.take().is_some();
            effects.extend(was.then_some(Effect::Lock));
            state.say(if was { Note::ok("The target is read-only again.") } else { Note::info("The target was not unlocked.") });
        }
        Action::Reconnect => {
            if let Some(name) = state.link.target_name().map(str::to_string) {
                switch_target(state, &name, effects);
            }
        }
        Action::Suspend => match state.holds_something() {
            Some(why) => state.say(Note::warning(format!("Not suspended: {why}."))),
            None => effects.push(Effect::Suspend),
        },
        Action::Redraw => effects.push(Effect::Repaint),
        Action::LeaveEditor => {
            let q = &mut state.query;
            q.editor.unselect();
            q.selecting = false;
            q.vim.left_insert(&mut q.editor);
            state.view.typing = false;
        }
        Action::Undo
        | Action::Redo
        | Action::SelectAll
        | Action::Select
        | Action::Unselect
        | Action::Cut
        | Action::Paste
        | Action::DeleteWord
        | Action::DeleteChar
        | Action::DeleteWordRight
        | Action::KillLine
        | Action::KillLineLeft => {
            edit(state, action, effects);
        }
        Action::Complete if state.typing() => super::completion::ask(state, effects),
        Action::Import => super::import::ask(state),
        Action::History => effects.push(Effect::History),
        Action::Library => effects.push(Effect::Library),
        Action::SaveQuery => query::save_query_form(state),
        Action::FindText => find::open(state, false, effects),
        Action::ReplaceText => find::open(state, true, effects),
        Action::FindNextText => find::next(state, true, effects),
        Action::FindPreviousText => find::next(state, false, effects),
        Action::ToggleComment => {
            state.query.editor.toggle_comment();
            query::edited(state, effects);
        }
        Action::Format => query::format(state, effects),
        Action::EditOutside => {
            let e = &state.query.editor;
            effects.push(Effect::EditOutside { text: e.text().to_string(), version: e.version });
        }
        Action::Snippets => super::snippets::list(state),
        Action::NewBuffer => buffers::new(state, effects),
        Action::NextBuffer => buffers::step(state, true, effects),
        Action::PreviousBuffer => buffers::step(state, false, effects),
        Action::CloseBuffer => buffers::close(state, effects),
        Action::ReopenBuffer => buffers::reopen(state, effects),
        Action::OpenFile => query::open_form(state),
        Action::SaveFile => match state.query.file.clone() {
            Some(path) => super::save::start(state, path, effects),
            None => query::save_form(state),
        },
        Action::SaveFileAs => query::save_form(state),
        Action::ExportStatement => files::export_form(state),
        Action::CopyCsv | Action::CopyTsv | Action::CopyJson | Action::CopyMarkdown | Action::CopyInsert => {
            files::copy_rows(state, action, effects);
        }
        Action::LivePlan => {
            state.plan.live = !state.plan.live;
            let words = if state.plan.live { "The plan follows your typing." } else { "The plan comes when you ask for it." };
            state.say(Note::info(words));
            plan::touched(state, effects);
        }
        Action::Begin => running::run_text(state, "BEGIN", effects),
        Action::ManualTransactions => running::toggle_manual(state),
        Action::GoOn => {
            state.query.how.go_on = !state.query.how.go_on;
            let words = if state.query.how.go_on { "Running all goes on after an error." } else { "Running all stops at the first error." };
            state.say(Note::info(words));
        }
        Action::Rollback => running::run_text(state, "ROLLBACK", effects),
        Action::Commit => running::run_text(state, "COMMIT", effects),
        Action::Apply
        | Action::Revert
        | Action::StartRun
        | Action::CloseRun
        | Action::RunNext
        | Action::RunProvable
        | Action::Sign
        | Action::Checklists
        | Action::ShowEvidence => checklist::go_and_act(state, action, effects),
        Action::Prove | Action::ProveAll => {
            go(state, Pane::Migrations, effects);
            migrations::act(state, action, effects);
        }
        Action::TakeBackup | Action::VerifyBackup => {
            act(state, Action::GoBackups, effects);
            backups::act(state, action, effects);
        }
        Action::VerifyJournal => {
            act(state, Action::GoJournal, effects);
            journal::act(state, action, effects);
        }
        Action::EditCell
        | Action::SetNull
        | Action::AddRow
        | Action::DeleteRow
        | Action::WriteEdits
        | Action::DiscardEdits
        | Action::FollowKey => {
            go(state, Pane::Results, effects);
            query::act_results(state, action, effects);
        }
        a if a.of_plan() => {
            go(state, Pane::Plan, effects);
            plan::own(state, a, effects);
        }
        Action::ToggleGuide => {
            state.guide_state.hidden = !state.guide_state.hidden;
            query::follow(state);
            query::want(state, effects);
        }
        Action::NewTarget => start::new_target(state),
        Action::Demo => {
            super::work::start(state, "making the demo", false, Operation::Demo, effects);
        }
        _ => {}
    }
}

fn in_pane(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let page = super::layout::arrange(state).inside(state.view.focus).map_or(10, |a| usize::from(a.h));
    match state.view.focus {
        Pane::Start => start::act(state, action, page, effects),
        Pane::Schema => schema::act(state, action, effects),
        Pane::Editor => act_editor(state, action, page, effects),
        Pane::Results => query::act_results(state, action, effects),
        Pane::Plan => plan::act(state, action, effects),
        Pane::Migrations => migrations::act(state, action, effects),
        Pane::Checklist => checklist::act(state, action, effects),
        Pane::Backups => backups::act(state, action, effects),
        Pane::Journal => journal::act(state, action, effects),
        Pane::Sessions => sessions::act(state, action, effects),
        Pane::Assess => assess::act(state, action, effects),
    }
}

/// A move by words, as the keys that were chosen go by them.
pub(super) fn word_move(state: &State, to: Move) -> Move {
    match to {
        Move::WordLeft if state.config.editor_keys == EditorKeys::Emacs => Move::LettersLeft,
        Move::WordRight if state.config.editor_keys == EditorKeys::Emacs => Move::LettersRight,
        to => to,
    }
}

/// Deletes to where such a move leads. What Emacs deletes it yanks.
pub(super) fn delete_word(state: &mut State, to: Move) {
    if state.config.editor_keys == EditorKeys::Emacs && state.query.editor.selection().is_none() {
        let gone = state.query.editor.kill(word_move(state, to));
        killed(state, &gone, to == Move::WordLeft);
    } else if to == Move::WordLeft {
        state.query.editor.delete_word();
    } else {
        state.query.editor.delete_word_right();
    }
}

/// Keeps what was deleted to be pasted; what is deleted piece by piece is one thing.
fn killed(state: &mut State, gone: &str, before: bool) {
    if gone.is_empty() {
        return;
    }
    let q = &mut state.query;
    if q.killed != Some(q.editor.version.wrapping_sub(1)) {
        q.clipboard.clear();
    }
    q.clipboard.insert_str(if before { 0 } else { q.clipboard.len() }, gone);
    q.killed = Some(q.editor.version);
}

/// Moves in the editor by commands, as any list moves.
fn act_editor(state: &mut State, action: Action, page: usize, effects: &mut Vec<Effect>) -> bool {
    let to = match action {
        Action::Up => Move::Up,
        Action::Down => Move::Down,
        Action::Left => Move::Left,
        Action::Right => Move::Right,
        Action::PageUp => Move::PageUp,
        Action::PageDown => Move::PageDown,
        Action::First => Move::Top,
        Action::Last => Move::Bottom,
        Action::FirstColumn => Move::LineStart,
        Action::LastColumn => Move::LineEnd,
        Action::WordLeft => word_move(state, Move::WordLeft),
        Action::WordRight => word_move(state, Move::WordRight),
        Action::Open => {
            state.view.typing = true;
            return true;
        }
        Action::Copy => {
            let e = &state.query.editor;
            let range = e.selection().or_else(|| e.statement().map(|s| s.span));
            if let Some(text) = range.map(|r| e.text()[r].to_string()) {
                state.query.clipboard.clone_from(&text);
                effects.push(Effect::Copy(text));
            }
            state.query.selecting = false;
            state.query.editor.unselect();
            return true;
        }
        _ => return false,
    };
    let select = state.query.editor.selection().is_some() || state.query.selecting;
    state.query.editor.go(to, select, page);
    query::edited(state, effects);
    true
}

fn edit(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    if state.view.focus != Pane::Editor {
        return;
    }
    match action {
        Action::Undo => {
            let done = state.query.editor.undo();
            state.messages.shown = (!done).then(|| Note::info("Nothing to take back."));
        }
        Action::Redo => drop(state.query.editor.redo()),
        Action::SelectAll => state.query.editor.select_all(),
        Action::Select => {
            state.query.selecting = !state.query.selecting;
            state.query.editor.unselect();
            if state.query.selecting {
                state.query.editor.mark();
            }
        }
        Action::Cut => effects.extend(state.query.editor.cut().map(|t| {
            state.query.clipboard.clone_from(&t);
            state.query.selecting = false;
            Effect::Copy(t)
        })),
        Action::Unselect => {
            state.query.selecting = false;
            state.query.editor.unselect();
        }
        Action::DeleteChar => state.query.editor.delete(),
        Action::DeleteWordRight => delete_word(state, Move::WordRight),
        Action::KillLine => {
            let gone = state.query.editor.kill_line();
            killed(state, &gone, false);
        }
        Action::KillLineLeft => {
            let gone = state.query.editor.kill_line_left();
            if !gone.is_empty() {
                state.query.clipboard = gone;
            }
        }
        Action::Paste => {
            let text = state.query.clipboard.clone();
            if text.is_empty() {
                state.say(Note::info("Paste with your terminal's own key; only what was cut here can be pasted by this one."));
            } else {
                state.query.editor.insert(&text);
            }
        }
        Action::DeleteWord => delete_word(state, Move::WordLeft),
        _ => {}
    }
    query::edited(state, effects);
}

/// A server ends a statement in less, mostly: keys within this time were pressed before anybody could see whether it did, and hang nothing
/// up.
const ENDS: jiff::SignedDuration = jiff::SignedDuration::from_millis(500);

fn cancel(state: &mut State, effects: &mut Vec<Effect>) {
    if !state.sequence.is_empty() {
        state.sequence.clear();
        return;
    }
    // The newest one first: it is what the user waits for.
    let Some(job) = state.jobs.iter_mut().rev().find(|j| !j.cancelled) else {
        let statement = state.query.running.as_ref().is_some_and(|r| state.jobs.iter().any(|j| j.id == r.job));
        if state.query.fix.as_ref().is_some_and(|f| f.answered.is_some()) {
            state.say(Note::info("The server was asked to end the data fix: that cannot be cancelled, and its answer is waited for."));
        } else if state.jobs.is_empty() {
            quit(state, effects);
        } else if state.query.running.as_ref().and_then(|r| r.cancelled).is_some_and(|at| state.now.duration_since(at) < ENDS) {
            state.say(Note::info("Cancelling: the server has been asked."));
        } else if statement && state.link.server().is_some_and(|s| s.status.lost.is_none()) {
            // Asked once, the server did not end it: what is left is to hang up.
            effects.push(Effect::Sever { link: state.link_no });
            state.say(Note::warning("Not ended yet: hanging up …"));
        } else {
            state.say(Note::info("Cancelling was asked for already."));
        }
        return;
    };
    job.cancelled = true;
    let (id, title) = (job.id, job.title.clone());
    effects.push(Effect::Cancel { job: id });
    if let Some(r) = state.query.running.as_mut().filter(|r| r.job == id) {
        r.cancelled = Some(state.now);
    }
    // The footer names the job already, and leaves little room.
    let words = match state.query.running.as_ref().is_some_and(|r| r.job == id) {
        true => format!("Cancelling. {} again hangs up.", super::work::keys(state, Action::Cancel)),
        false => format!("Cancelling {title} …"),
    };
    state.say(Note::info(words));
}

const QUIT: &str = "Quit Holdpoint?";

/// The question to quit is on the screen.
pub(super) fn is_asked_to_quit(state: &State) -> bool {
    matches!(state.dialogs.last(), Some(Dialog::Confirm(c)) if c.title == QUIT)
}

/// What the question to quit says has changed.
pub(super) fn quit_again(state: &mut State, effects: &mut Vec<Effect>) {
    if is_asked_to_quit(state) {
        state.dialogs.pop();
        quit(state, effects);
    }
}

fn quit(state: &mut State, effects: &mut Vec<Effect>) {
    let (mut body, mut label) = match state.holds_something() {
        Some(why) => {
            let committing = state.query.fix.as_ref().is_some_and(|f| f.answered == Some(super::effect::FixAnswer::Commit));
            let what = match committing {
                true => "Ending does not take that back: whether it is committed will not be known here.",
                false => "Ending closes the connection; the server rolls back what is not committed.",
            };
            (vec![format!("On {} {why}.", state.link.target_name().unwrap_or("the target")), what.into()], "end anyway")
        }
        None if state.jobs.is_empty() => (vec!["The editor's text is saved and will be here again.".into()], "quit"),
        None => (vec![format!("{} is running and will be cancelled.", state.jobs[0].title)], "quit"),
    };
    if let Some(why) = state.query.buffers.failed().map(str::to_string) {
        body.retain(|l| !l.starts_with("The editor's text"));
        body.insert(0, format!("The editor's text is NOT saved: {}.", text::clean(&why)));
        let key = super::keys::key_of(state, Action::SaveFileAs).unwrap_or_default();
        body.insert(1, format!("It is tried once more now. {key} saves it into a file elsewhere."));
        label = "end without it";
        super::buffers::save(state, None, effects);
    }
    state.ask(Confirm {
        title: QUIT.into(),
        body,
        answers: vec![Answer::new('n', "stay", Then::Nothing), Answer::new('q', label, Then::Quit)],
    });
}

fn cycle(state: &mut State, forward: bool, effects: &mut Vec<Effect>) {
    let panes: Vec<Pane> = if super::layout::class(state.size) == super::layout::Class::Narrow || state.view.zoom {
        // One workspace at a time: its panes, then the next workspace.
        vec![Pane::Schema, Pane::Editor, state.query.lower, Pane::Migrations, Pane::Checklist, Pane::Backups, Pane::Journal]
    } else {
        super::layout::arrange(state).panes.iter().map(|(p, _)| *p).collect()
    };
    if panes.is_empty() || state.view.workspace == Workspace::Start {
        return;
    }
    let at = panes.iter().position(|p| *p == state.view.focus).unwrap_or(0);
    let next = if forward { (at + 1) % panes.len() } else { (at + panes.len() - 1) % panes.len() };
    state.view.typing = false;
    go(state, panes[next], effects);
}

/// Goes to a pane and reads what it needs.
pub fn go(state: &mut State, pane: Pane, effects: &mut Vec<Effect>) {
    state.go(pane);
    match pane {
        Pane::Plan => plan::touched(state, effects),
        Pane::Results => query::want(state, effects),
        Pane::Migrations => migrations::shown(state, effects),
        Pane::Checklist => checklist::shown(state, effects),
        Pane::Backups => backups::shown(state, effects),
        Pane::Journal => journal::shown(state, effects),
        Pane::Sessions => sessions::shown(state, effects),
        Pane::Assess => assess::due(state, effects),
        Pane::Start | Pane::Schema | Pane::Editor => {}
    }
}

fn help(state: &mut State) {
    let mut lines: Vec<(String, String)> = Vec::new();
    let pane = state.view.focus;
    // What is left of the page beside the keys.
    let width = usize::from(state.size.0.saturating_sub(4).min(120)).saturating_sub(30).max(20);
    let mut section = |title: &str, context: &str, state: &State| {
        lines.push((String::new(), title.to_string()));
        let mut seen: Vec<(Action, usize)> = Vec::new();
        for (keys, name) in state.keymap.bindings(context) {
            let Some(action) = Action::from_name(name) else { continue };
            // A key that the pane itself has leads to what stands there.
            let inner = [pane.context(), "list", "pane"];
            let inner = &inner[..inner.iter().position(|c| *c == context).unwrap_or(0)];
            if state.keymap.lookup(inner, keys) != Lookup::None {
                continue;
            }
            // Few lists can be filtered; the others do not promise it.
            if action == Action::Filter && !matches!(pane, Pane::Schema | Pane::Results | Pane::Plan) {
                continue;
            }
            let keys = crate::config::keymap::show(keys);
            // Several keys of one action stand in one line.
            if let Some((_, at)) = seen.iter().find(|(a, _)| *a == action) {
                let line: &mut (String, String) = &mut lines[*at];
                line.0.push_str(", ");
                line.0.push_str(&keys);
            } else {
                seen.push((action, lines.len()));
                let mut parts = crate::text::wrap(action.doc(), width).into_iter();
                lines.push((keys, parts.next().unwrap_or_default()));
                // No keys would make a heading of it.
                lines.extend(parts.map(|p| (" ".to_string(), p)));
            }
        }
        lines.push((String::new(), String::new()));
    };
    section(&format!("In this pane ({})", pane.context()), pane.context(), state);
    if pane == Pane::Editor {
        section("While typing", "editor", state);
        section("In the list of statements that were run", "history", state);
    }
    if pane == Pane::Results {
        section("In the viewer of a value", "cell", state);
    }
    section("Lists, trees and grids", "list", state);
    section("In every pane", "pane", state);
    section("Everywhere", "global", state);
    lines.extend(super::manual::lines(pane, width));
    let vim = pane == Pane::Editor && state.config.editor_keys == crate::config::files::EditorKeys::Vim;
    if vim {
        let mut all: Vec<(String, String)> = vec![(String::new(), "vim: NORMAL and VISUAL".into())];
        all.extend(super::editor::vim::HELP.iter().map(|(k, doc)| ((*k).to_string(), (*doc).to_string())));
        all.push((String::new(), String::new()));
        lines.splice(0..0, all);
    }
    let title = format!("Help · {}", pane.context());
    state.dialogs.push(Dialog::Help(Help { lines, title, ..Help::default() }));
}

fn unlock(state: &mut State) {
    let Some(server) = state.link.server() else { return };
    if server.target.access == AccessMode::Open {
        state.say(Note::info("The target is open: there is nothing to unlock."));
        return;
    }
    let target = server.target.name.clone();
    let body = vec![
        format!("Type the name of the target to allow guarded writing for 15 minutes: {}", text::clean(&target)),
        "Each INSERT, UPDATE or DELETE then saves the rows as they were, shows how many it changed, and asks.".into(),
        "DDL stays refused: it goes through the migration queue.".into(),
    ];
    let fields = vec![Field::new("Target", "", "exactly as above")];
    state.dialogs.push(Dialog::Form(Form::new("Unlock", Purpose::Unlock { target }, body, fields)));
}
