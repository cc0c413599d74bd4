//! The one function that changes the state: a message in, effects out.

use super::action::Action;
use super::dialog::{Answer, Confirm, Dialog, Field, Form, Help, Purpose, Then, Viewer};
use super::effect::{Effect, Operation};
use super::keys;
use super::link::Link;
use super::list::ListCursor;
use super::msg::{Msg, Timer};
use super::palette::{Choice, Palette};
use super::panes::{backups, checklist, journal, migrations, plan, query, schema, start};
use super::state::{Note, Pane, State, Workspace};
use crate::config::AccessMode;
use crate::model::{Kind, TxState};
use crate::text;
use secrecy::SecretString;
use std::path::PathBuf;

/// Takes a message and says what is to be done.
pub fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    let mut effects = Vec::new();
    handle(state, msg, &mut effects);
    super::guide::observe(state);
    effects
}

fn handle(state: &mut State, msg: Msg, effects: &mut Vec<Effect>) {
    match msg {
        Msg::Now(at) => state.now = at,
        Msg::Key(k) => keys::key(state, k, effects),
        Msg::Paste(t) => keys::paste(state, &t, effects),
        Msg::Resize(w, h) => {
            state.size = (w, h);
            query::follow(state);
            query::want(state, effects);
        }
        Msg::Focus(f) => state.focused = f,
        Msg::Stop(_) => {
            query::save_buffer(state, None, effects);
            effects.push(Effect::Quit(0));
        }
        Msg::Resumed => effects.push(Effect::Repaint),
        Msg::Timer(Timer::Tick) => state.ticked(effects),
        Msg::Timer(Timer::SaveBuffer { version }) => query::save_buffer(state, Some(version), effects),
        Msg::Timer(Timer::LivePlan { version }) => plan::live(state, version, effects),
        Msg::Connected { link, server } if link == state.link_no => connected(state, *server, effects),
        Msg::ConnectFailed { link, error } if link == state.link_no => connect_failed(state, error),
        Msg::Status { link, status } if link == state.link_no => status_changed(state, status, effects),
        Msg::Children { link, at, result } if link == state.link_no => schema::children(state, &at, result, effects),
        Msg::Definition { link, at, result } if link == state.link_no => schema::definition(state, &at, result),
        Msg::Run { job, event } => query::event(state, job, event, effects),
        Msg::Found { job, result, row } => query::found(state, job, result, row, effects),
        Msg::Window { result, batches, error } => {
            if let Some(tab) = state.result_mut(result) {
                for (first, batch) in batches {
                    tab.take(first, batch);
                }
            }
            query::want(state, effects);
            if let Some(e) = error {
                state.say(Note::error(&e));
            }
        }
        Msg::Planned { link, job, version, text, result, .. } if link == state.link_no => {
            plan::planned(state, job, version, text, result, effects);
        }
        Msg::Recovered { link, runs } if link == state.link_no => recovered(state, runs),
        Msg::Unlocked { link, result } if link == state.link_no => match result {
            Ok(until) => {
                state.unlocked = Some(until);
                state.say(Note::warning("Guarded writing is allowed for 15 minutes. Each write asks before it commits."));
                state.tick(effects);
            }
            Err(e) => state.say(Note::error(&e)),
        },
        Msg::FixEnded { answer, result } => {
            state.query.fix = None;
            match (answer, result) {
                (super::effect::FixAnswer::Commit, Ok(())) => state.say(Note::ok("Committed.")),
                (super::effect::FixAnswer::RollBack, Ok(())) => state.say(Note::ok("Rolled back: nothing was changed.")),
                (_, Err(e)) => state.say(Note::error(&e)),
            }
        }
        Msg::FileOpened { path, result } => match result {
            Ok(content) => {
                query::save_buffer(state, None, effects);
                state.query.editor.set_text(&content);
                state.say(Note::info(format!("Opened {}.", text::clean(&path.display().to_string()))));
                state.query.file = Some(path);
                if state.view.workspace != Workspace::Start {
                    state.go(Pane::Editor);
                }
                query::edited(state, effects);
            }
            Err(e) => state.say(Note::error(&e)),
        },
        Msg::FileSaved { path, result } => match result {
            Ok(()) => {
                state.say(Note::ok(format!("Saved to {}.", text::clean(&path.display().to_string()))));
                state.query.file = Some(path);
            }
            // Refused because the file is there: ask.
            Err(e) if e.kind == Kind::Held => state.dialogs.push(Dialog::Confirm(Confirm {
                title: "The file is there already".into(),
                body: vec![text::clean(&path.display().to_string()).into_owned()],
                answers: vec![Answer::new('n', "leave it", Then::Nothing), Answer::new('o', "overwrite", Then::OverwriteFile(path))],
            })),
            Err(e) => state.say(Note::error(&e)),
        },
        Msg::BufferLoaded { target, result } => {
            if state.query.buffer_of.as_deref() == Some(target.as_str()) {
                match result {
                    // What was typed meanwhile wins.
                    Ok(Some(content)) if state.query.editor.is_blank() => {
                        state.query.editor.set_text(&content);
                        state.query.saved = state.query.editor.version;
                        query::edited(state, effects);
                    }
                    Ok(_) => {}
                    Err(e) => state.say(Note::error(&e)),
                }
            }
        }
        Msg::BufferSaved { result } => {
            if let Err(e) = result {
                state.query.saved = 0;
                state.say(Note::error(&e));
            }
        }
        Msg::Progress { job, step, done, total } => {
            if let Some(j) = state.jobs.iter_mut().find(|j| j.id == job) {
                (j.step, j.done, j.total) = (step, done, total);
            }
        }
        Msg::Ended { job, link, report } => {
            state.jobs.retain(|j| j.id != job);
            super::work::ended(state, job, link, report, effects);
        }
        Msg::Configured { config, guide, open } => {
            state.guide |= guide;
            state.config = config;
            state.start = start::Start::new(&state.config);
            if let Some(name) = open {
                switch_target(state, &name, effects);
            }
        }
        Msg::Stepped { link, outcome } if link == state.link_no => checklist::stepped(state, &outcome, false),
        Msg::Said(note) => state.say(note),
        // Answers of an earlier connection.
        Msg::Connected { .. }
        | Msg::ConnectFailed { .. }
        | Msg::Status { .. }
        | Msg::Children { .. }
        | Msg::Definition { .. }
        | Msg::Planned { .. }
        | Msg::Stepped { .. }
        | Msg::Recovered { .. }
        | Msg::Unlocked { .. } => {}
    }
}

fn connected(state: &mut State, server: super::link::Server, effects: &mut Vec<Effect>) {
    let target = server.target.clone();
    let first = state.config.environments.first();
    state.plan = plan::PlanPane {
        live: target.live_plan.unwrap_or(target.environment.is_some() && target.environment.as_ref() == first) && server.no_plans.is_none(),
        ..plan::PlanPane::default()
    };
    state.query.editor.set_dialect(server.dialect);
    state.link = Link::Open(Box::new(server));
    schema::load(state, effects);
    if state.query.buffer_of.as_deref() != Some(&target.name) {
        // A file given on the command line stays; otherwise each target has its own buffer.
        if state.query.file.is_none() {
            state.query.editor.set_text("");
            state.query.saved = state.query.editor.version;
            effects.push(Effect::LoadBuffer { target: target.name.clone() });
        }
        state.query.buffer_of = Some(target.name);
    }
    migrations::connected(state, effects);
    plan::touched(state, effects);
    state.tick(effects);
}

/// Runs that were cut off are explained before anything else is done.
fn recovered(state: &mut State, runs: Vec<crate::model::Result<crate::ops::recover::Explained>>) {
    for run in runs {
        match run {
            Ok(e) => {
                let u = &e.unfinished;
                let mut lines = vec![
                    e.summary.clone(),
                    String::new(),
                    format!("The {} was started by {} on {} at {}.", u.direction, u.started_by, u.host, u.started_at),
                    format!("The journal knows last: {}.", u.last),
                    String::new(),
                ];
                lines.extend(e.truths.iter().cloned());
                lines.push(String::new());
                lines.extend(e.next.iter().cloned());
                let note = Note { more: e.next.clone(), ..Note::warning(e.summary.clone()) };
                state.say(note);
                view_text(state, "A run was cut off", lines.join("\n"));
            }
            Err(e) => state.say(Note::error(&e)),
        }
    }
}

fn connect_failed(state: &mut State, error: crate::model::Error) {
    let target = state.link.target_name().unwrap_or("").to_string();
    if error.kind == Kind::PasswordNeeded {
        let body = vec![text::clean(&error.message).into_owned()];
        let fields = vec![Field::new("Password", "", "kept in memory until Holdpoint ends").secret()];
        let form = Form::new(format!("Password for {target}"), Purpose::Password { target: target.clone() }, body, fields);
        state.dialogs.push(Dialog::Form(form));
    }
    state.say(Note::error(&error));
    state.link = Link::Failed { target, error };
}

fn status_changed(state: &mut State, status: crate::engine::SessionStatus, effects: &mut Vec<Effect>) {
    let reconnect = keys::key_of(state, Action::Reconnect);
    let Some(server) = state.link.server_mut() else { return };
    let lost = status.lost.clone().filter(|_| server.status.lost.is_none());
    let had_tx = server.status.tx != TxState::Idle;
    server.status = status;
    if let Some(why) = lost {
        let mut note = Note { severity: crate::model::Severity::Critical, ..Note::info(format!("The connection is gone: {why}")) };
        if let Some(keys) = reconnect {
            note.more.push(format!("{keys} connects again; the buffer and the results stay."));
        }
        if had_tx {
            note.more.push("The transaction that was open is rolled back by the server.".into());
        }
        state.say(note);
    }
    state.tick(effects);
}

/// Connects to another target, after asking when something is open on this one.
pub fn switch_target(state: &mut State, name: &str, effects: &mut Vec<Effect>) {
    if let Some(why) = state.holds_something() {
        state.dialogs.push(Dialog::Confirm(Confirm {
            title: format!("Leave {}?", state.link.target_name().unwrap_or("")),
            body: vec![format!("Here {why}."), "Leaving closes the connection; the server rolls back what is not committed.".into()],
            answers: vec![Answer::new('n', "stay", Then::Nothing), Answer::new('l', "leave", Then::Connect(name.to_string()))],
        }));
        return;
    }
    connect(state, name, None, effects);
}

/// Starts connecting.
pub fn connect(state: &mut State, name: &str, password: Option<SecretString>, effects: &mut Vec<Effect>) {
    query::save_buffer(state, None, effects);
    for j in &state.jobs {
        effects.push(Effect::Cancel { job: j.id });
    }
    state.jobs.clear();
    state.work = None;
    if state.link.target_name() != Some(name) {
        for r in state.query.results.drain(..) {
            effects.push(Effect::DropRows { result: r.id });
        }
        state.schema = schema::Schema::default();
        state.migrations = migrations::Migrations::default();
        state.checklist = checklist::Checklist::default();
        state.backups = backups::Backups::default();
    }
    state.query.running = None;
    state.query.fix = None;
    state.unlocked = None;
    state.link_no += 1;
    state.link = Link::Connecting { target: name.to_string(), since: Some(state.now) };
    if state.view.workspace == Workspace::Start {
        state.view = super::state::View { workspace: Workspace::Query, focus: Pane::Schema, zoom: false, typing: false };
        if super::layout::class(state.size) == super::layout::Class::Narrow {
            state.view.workspace = Workspace::Schema;
        }
    }
    effects.push(Effect::Connect { link: state.link_no, target: name.to_string(), password });
    state.tick(effects);
}

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
        Action::Run => query::run(state, false, effects),
        Action::RunAll => query::run(state, true, effects),
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
        Action::GoQuery | Action::Insert => {
            go(state, Pane::Editor, effects);
            state.view.typing = true;
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
            state.query.editor.unselect();
            state.view.typing = false;
        }
        Action::Undo | Action::Redo | Action::SelectAll | Action::Select | Action::Cut | Action::Paste | Action::DeleteWord => {
            edit(state, action, effects);
        }
        Action::OpenFile => query::open_form(state),
        Action::SaveFile => query::save_form(state),
        Action::LivePlan => {
            state.plan.live = !state.plan.live;
            let words = if state.plan.live { "The plan follows your typing." } else { "The plan comes when you ask for it." };
            state.say(Note::info(words));
            plan::touched(state, effects);
        }
        Action::Rollback => query::run_text(state, "ROLLBACK", effects),
        Action::Commit => query::run_text(state, "COMMIT", effects),
        Action::Apply
        | Action::Revert
        | Action::StartRun
        | Action::CloseRun
        | Action::RunNext
        | Action::RunProvable
        | Action::Sign
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
    }
}

/// Moves in the editor by commands, as any list moves.
fn act_editor(state: &mut State, action: Action, page: usize, effects: &mut Vec<Effect>) -> bool {
    use super::editor::Move;
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
        Action::Open => {
            state.view.typing = true;
            return true;
        }
        Action::Copy => {
            let e = &state.query.editor;
            let range = e.selection().or_else(|| e.statement().map(|s| s.span));
            effects.extend(range.map(|r| Effect::Copy(e.text()[r].to_string())));
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
            if !state.query.selecting {
                state.query.editor.unselect();
            }
        }
        Action::Cut => effects.extend(state.query.editor.cut().map(|t| {
            state.query.clipboard.clone_from(&t);
            Effect::Copy(t)
        })),
        Action::Paste => {
            let text = state.query.clipboard.clone();
            if text.is_empty() {
                state.say(Note::info("Paste with your terminal's own key; only what was cut here can be pasted by this one."));
            } else {
                state.query.editor.insert(&text);
            }
        }
        Action::DeleteWord => state.query.editor.delete_word(),
        _ => {}
    }
    query::edited(state, effects);
}

fn cancel(state: &mut State, effects: &mut Vec<Effect>) {
    if !state.sequence.is_empty() {
        state.sequence.clear();
        return;
    }
    // The newest one first: it is what the user waits for.
    let Some(job) = state.jobs.iter_mut().rev().find(|j| !j.cancelled) else {
        if state.jobs.is_empty() {
            quit(state, effects);
        } else {
            state.say(Note::info("Cancelling was asked for already."));
        }
        return;
    };
    job.cancelled = true;
    let (id, title) = (job.id, job.title.clone());
    effects.push(Effect::Cancel { job: id });
    state.say(Note::info(format!("Cancelling {title} …")));
}

fn quit(state: &mut State, effects: &mut Vec<Effect>) {
    let _ = &effects;
    let (body, label) = match state.holds_something() {
        Some(why) => {
            let what = "Ending closes the connection; the server rolls back what is not committed.";
            (vec![format!("On {} {why}.", state.link.target_name().unwrap_or("the target")), what.into()], "end anyway")
        }
        None if state.jobs.is_empty() => (vec!["The editor's text is saved and will be here again.".into()], "quit"),
        None => (vec![format!("{} is running and will be cancelled.", state.jobs[0].title)], "quit"),
    };
    state.dialogs.push(Dialog::Confirm(Confirm {
        title: "Quit Holdpoint?".into(),
        body,
        answers: vec![Answer::new('n', "stay", Then::Nothing), Answer::new('q', label, Then::Quit)],
    }));
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
        Pane::Start | Pane::Schema | Pane::Editor => {}
    }
}

fn help(state: &mut State) {
    let mut lines: Vec<(String, String)> = Vec::new();
    let pane = state.view.focus;
    let mut section = |title: &str, context: &str, state: &State| {
        lines.push((String::new(), title.to_string()));
        let mut seen: Vec<(Action, usize)> = Vec::new();
        for (keys, name) in state.keymap.bindings(context) {
            let Some(action) = Action::from_name(name) else { continue };
            let keys = crate::config::keymap::show(keys);
            // Several keys of one action stand in one line.
            if let Some((_, at)) = seen.iter().find(|(a, _)| *a == action) {
                let line: &mut (String, String) = &mut lines[*at];
                line.0.push_str(", ");
                line.0.push_str(&keys);
            } else {
                seen.push((action, lines.len()));
                lines.push((keys, action.doc().to_string()));
            }
        }
        lines.push((String::new(), String::new()));
    };
    section(&format!("In this pane ({})", pane.context()), pane.context(), state);
    if pane == Pane::Editor {
        section("While typing", "editor", state);
    }
    section("Lists, trees and grids", "list", state);
    section("In every pane", "pane", state);
    section("Everywhere", "global", state);
    let title = format!("Help · {}", pane.context());
    state.dialogs.push(Dialog::Help(Help { lines, title, top: 0 }));
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

/// An answer was given.
pub fn answer(state: &mut State, then: Then, effects: &mut Vec<Effect>) {
    match then {
        Then::Nothing => {}
        Then::Quit => {
            query::save_buffer(state, None, effects);
            effects.push(Effect::Quit(0));
        }
        Then::Fix(answer) => effects.push(Effect::AnswerFix(answer)),
        Then::Operate { title, writes, operation } => {
            super::work::start(state, title, writes, operation, effects);
        }
        Then::OverwriteFile(path) => {
            effects.push(Effect::SaveFile { path, text: state.query.editor.file_text(), overwrite: true });
        }
        Then::Follow { target, upto } => {
            // What is open here may refuse to be left: then nothing is followed.
            state.follow = upto.map(|u| (target.clone(), u));
            switch_target(state, &target, effects);
        }
        Then::Connect(name) => connect(state, &name, None, effects),
        Then::Action(a) => act(state, a, effects),
    }
}

/// The palette's choice.
pub fn choose(state: &mut State, choice: Choice, effects: &mut Vec<Effect>) {
    match choice {
        Choice::Action(a) => act(state, a, effects),
        Choice::Target(name) => switch_target(state, &name, effects),
        Choice::Object(at) => schema::preview(state, at, effects),
    }
}

/// A path as typed: `~/` is the home directory as the effect's doer knows it.
fn typed_path(s: &str) -> PathBuf {
    PathBuf::from(s.trim())
}

/// The form on top is complete.
pub fn submit(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Dialog::Form(form)) = state.dialogs.last_mut() else { return };
    let purpose = form.purpose.clone();
    let first = form.value(0).to_string();
    match purpose {
        Purpose::Password { target } => {
            state.dialogs.pop();
            connect(state, &target, Some(SecretString::from(first)), effects);
        }
        Purpose::Unlock { target } => {
            if first != target {
                form.problem = Some("That is not the name of this target.".into());
                return;
            }
            state.dialogs.pop();
            effects.push(Effect::Unlock { link: state.link_no, typed: first });
        }
        Purpose::Find => {
            state.dialogs.pop();
            query::find(state, first, effects);
        }
        Purpose::OpenFile | Purpose::SaveFile if first.trim().is_empty() => form.problem = Some("Which file?".into()),
        Purpose::OpenFile => {
            state.dialogs.pop();
            effects.push(Effect::OpenFile(typed_path(&first)));
        }
        Purpose::SaveFile => {
            let path = typed_path(&first);
            // The file that the text came from may be written again without a question.
            let overwrite = state.query.file.as_ref() == Some(&path);
            state.dialogs.pop();
            effects.push(Effect::SaveFile { path, text: state.query.editor.file_text(), overwrite });
        }
        Purpose::NewTarget => {
            let (place, environment) = (form.value(1).to_string(), form.value(2).to_string());
            match start::target_toml(&state.config, &first, &place, &environment) {
                Err(problem) => form.problem = Some(problem),
                Ok(toml) => {
                    state.dialogs.pop();
                    let path = state.config.project_dir.join("holdpoint.toml");
                    let mut body = vec![format!("This will be added to {}:", text::clean(&path.display().to_string())), String::new()];
                    body.extend(toml.lines().map(|l| format!("  {}", text::clean(l))));
                    let operation = Operation::WriteTarget { path, text: toml, name: first.trim().to_string() };
                    let then = Then::Operate { title: "writing the target".into(), writes: false, operation };
                    state.dialogs.push(Dialog::Confirm(Confirm {
                        title: "Write the target?".into(),
                        body,
                        answers: vec![Answer::new('n', "no", Then::Nothing), Answer::new('w', "write", then)],
                    }));
                }
            }
        }
        Purpose::Sign { .. } | Purpose::Apply { .. } | Purpose::Revert { .. } | Purpose::StartRun => checklist::submit(state, effects),
    }
}

/// A text to read, above everything.
pub fn view_text(state: &mut State, title: impl Into<String>, content: impl Into<String>) {
    state.dialogs.push(Dialog::Viewer(Viewer::new(title, content)));
}
