//! The one function that changes the state: a message in, effects out.

use super::action::Action;
pub use super::acts::{act, go};
pub use super::answers::{answer, choose, submit};
use super::buffers;
use super::completion;
use super::dialog::{Answer, Confirm, Dialog, Form, Then, Viewer};
use super::effect::Effect;
use super::keys;
use super::link::Link;
use super::msg::{Msg, Timer};
use super::palette::Palette;
use super::panes::{assess, backups, cells, checklist, files, fix, migrations, plan, query, running, schema, sessions, start};
use super::rest;
use super::state::{Note, Pane, State, Workspace};
use crate::model::TxState;
use crate::store::history::Fate;
use crate::text;
use secrecy::SecretString;

/// Takes a message and says what is to be done.
pub fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    let mut effects = Vec::new();
    let (by_hand, asked) = (matches!(msg, Msg::Key(_) | Msg::Keys(_) | Msg::Paste(_) | Msg::Timer(Timer::Letter { .. })), state.asked());
    handle(state, msg, &mut effects);
    if !by_hand {
        rest::begin(state, asked, &mut effects);
    }
    super::guide::observe(state);
    effects
}

fn handle(state: &mut State, msg: Msg, effects: &mut Vec<Effect>) {
    match msg {
        Msg::Now(at) => state.now = at,
        Msg::Key(k) => keys::key(state, k, effects),
        Msg::Keys(keys) => super::burst::keys(state, keys, effects),
        Msg::Paste(t) => keys::paste(state, &t, effects),
        Msg::Resize(w, h) => {
            state.size = (w, h);
            query::follow(state);
            query::want(state, effects);
            // A window that was smaller for a moment has lost what was cut off, and may have the size of the last frame again.
            effects.push(Effect::Repaint);
            plan::follow(state);
        }
        Msg::Focus(f) => {
            state.focused = f;
            sessions::looked_at(state, effects);
            assess::due(state, effects);
        }
        Msg::Stop(_) => {
            buffers::save(state, None, effects);
            effects.push(Effect::Quit(0));
        }
        Msg::Resumed => effects.push(Effect::Repaint),
        Msg::Timer(Timer::Tick(clock)) if clock == state.clock => state.ticked(effects),
        // The clock was set to come sooner since.
        Msg::Timer(Timer::Tick(_)) => {}
        Msg::Timer(Timer::SaveBuffer { version }) => buffers::save(state, Some(version), effects),
        Msg::Timer(Timer::Watch { job }) => super::watch::due(state, job, effects),
        Msg::Timer(Timer::FormKeys) => super::form_list::release(state, effects),
        Msg::Timer(Timer::Letter { question }) => {
            if let Some(letter) = rest::alone(state, question) {
                keys::answered(state, letter, effects);
            }
        }
        Msg::Timer(Timer::Rest { question, presses }) => rest::over(state, question, presses, effects),
        Msg::Timer(Timer::Sessions { round }) => sessions::due(state, round, effects),
        Msg::Timer(Timer::LockTree) => assess::due(state, effects),
        Msg::Assessing { job, news } => assess::news(state, job, news),
        Msg::Recovery { job, result } => assess::recover::told(state, job, result, effects),
        Msg::LockTree { job, result } => assess::looked(state, job, result, effects),
        Msg::Assessed { job, result } => {
            state.jobs.retain(|j| j.id != job);
            assess::ended(state, job, result, effects);
        }
        Msg::Timer(Timer::LivePlan { version }) => plan::live(state, version, effects),
        Msg::Connected { link, server } if link == state.link_no => connected(state, *server, effects),
        Msg::ConnectFailed { link, error } if link == state.link_no => connect_failed(state, error),
        Msg::Status { link, status } if link == state.link_no => status_changed(state, status, effects),
        Msg::Outline { link, at, names } if link == state.link_no => schema::outlined(state, &at, names),
        Msg::Children { link, at, result } if link == state.link_no => schema::children(state, &at, result, effects),
        Msg::Definition { link, at, result } if link == state.link_no => schema::definition(state, &at, result),
        Msg::Schema { link, told } if link == state.link_no => schema::told(state, told, effects),
        Msg::Names { link, result } if link == state.link_no => {
            completion::loaded(state, result, effects);
            super::backslash::describe::again(state, effects);
            super::backslash::again(state);
        }
        Msg::NamesOf { link, schema, result } if link == state.link_no => completion::loaded_more(state, &schema, result, effects),
        Msg::TemporaryTable { link, name, columns } if link == state.link_no => completion::temporary(state, name, &columns),
        Msg::Run { job, event } => running::event(state, job, event, effects),
        Msg::TableOf { link, result, table, info, then } if link == state.link_no => {
            cells::table(state, result, table, info, then, effects);
        }
        Msg::CellsWait { job, result, fix } => cells::waits(state, job, result, *fix, effects),
        Msg::CellsWritten { job, result, outcome } => cells::written(state, job, result, outcome, effects),
        Msg::Compared { job, before, now, compared } => super::panes::results::compare::compared(state, job, before, now, compared),
        Msg::ColumnTold { job, result, column, told } => super::panes::results::column::told(state, job, result, column, told),
        Msg::Found { job, result, found } => query::found(state, job, result, found, effects),
        Msg::RowsDone { job, result, work, report } => query::rows_done(state, job, result, work, report, effects),
        Msg::Exported { job, path, result } => query::exported(state, job, &path, result),
        Msg::RowsToCopy { job, result } => files::copied(state, job, result, effects),
        Msg::Window { result, view, batches, error } => {
            if let Some(tab) = state.result_mut(result)
                && tab.view.number == view
            {
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
        Msg::PlanHistory { result } => plan::kept::told(state, result),
        Msg::Advised { link, job, result } if link == state.link_no => plan::advice::told(state, job, result),
        Msg::AdviceQueued { link, result } if link == state.link_no => plan::advice::queued(state, result, effects),
        Msg::KeptPlan { result } => plan::kept::opened(state, result.map(|b| *b)),
        Msg::Tried { link, job, result } => {
            state.jobs.retain(|j| j.id != job);
            if link == state.link_no {
                plan::trial::tried(state, result, effects);
            }
        }
        Msg::PlanRead { path, result } => plan::share::read(state, &path, result.map(|b| *b)),
        Msg::Recovered { link, runs } if link == state.link_no => recovered(state, runs),
        Msg::Unlocked { link, result } if link == state.link_no => match result {
            Ok(until) => {
                state.unlocked = Some(until);
                state.say(Note::warning("Guarded writing is allowed for 15 minutes. Each write asks before it commits."));
                state.tick(effects);
            }
            Err(e) => state.say(Note::error(&e)),
        },
        Msg::Waiting { link, result } if link == state.link_no => fix::waiting(state, result),
        Msg::Unasked { link, notice } if link == state.link_no => running::heard(state, &notice),
        Msg::Unasked { .. } => {}
        Msg::Blockers { job, result } => super::blocked::told(state, job, result),
        Msg::FixEnded { answer, result } => fix::ended(state, &answer, result, effects),
        Msg::FixLost { why } => fix::lost(state, &why),
        Msg::Imported { job, import, result } => super::import::ended(state, job, *import, result),
        // A store that cannot be used says so by itself.
        Msg::Values { target, result } => {
            if let Ok(values) = result
                && state.link.target_name() == Some(target.as_str())
            {
                super::params::loaded(state, values);
            }
        }
        Msg::History { result } => match result {
            Ok(runs) if runs.is_empty() => state.say(Note::info("Nothing was run yet.")),
            Ok(runs) => {
                let p = Palette::history(state, runs);
                state.dialogs.push(Dialog::Palette(p));
            }
            Err(e) => state.say(Note::error(&e)),
        },
        Msg::Recalled { result } => match result {
            Ok(Some(text)) => query::insert_text(state, &text, effects),
            Ok(None) => state.say(Note::warning("The history no longer has this statement: it made room for newer ones.")),
            Err(e) => state.say(Note::error(&e)),
        },
        Msg::Library { saved, notes } => {
            for n in notes {
                state.say(Note::warning(n));
            }
            if saved.is_empty() {
                let dir = text::clean(&state.config.project_dir.join("queries").display().to_string()).into_owned();
                let key = keys::key_of(state, Action::SaveQuery).unwrap_or_default();
                state.say(Note::info(format!("No saved queries yet: {key} saves one into {dir}.")));
            } else {
                let p = Palette::library(state, saved);
                state.dialogs.push(Dialog::Palette(p));
            }
        }
        Msg::QuerySaved { path, result } => match result {
            Ok(()) => state.say(Note::ok(format!("Saved as {}.", text::clean(&path.display().to_string())))),
            Err(e) => state.say(Note::error(&e)),
        },
        Msg::EditedOutside { version, result } => query::edited_outside(state, version, result, effects),
        Msg::FileOpened { path, result } => match result {
            Ok(content) => buffers::file_opened(state, path, &content, effects),
            Err(e) => state.say(Note::error(&e)),
        },
        Msg::Directory(listing) => super::paths::read(state, listing, effects),
        Msg::FileSaved { path, version, result } => super::save::ended(state, path, version, result, effects),
        Msg::BuffersLoaded { target, result } => buffers::loaded(state, &target, result, effects),
        Msg::BufferReopened { target, result } => buffers::reopened(state, &target, result, effects),
        Msg::BufferSaved { result } => buffers::kept(state, result, effects),
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
        Msg::Stepped { link, which, outcome } if link == state.link_no => checklist::stepped(state, &which, &outcome, false),
        Msg::LeftBehind { link, backend, result } if link == state.link_no => left_behind(state, backend, result),
        Msg::Said(note) => state.say(note),
        // Answers of an earlier connection.
        Msg::Connected { .. }
        | Msg::ConnectFailed { .. }
        | Msg::LeftBehind { .. }
        | Msg::Status { .. }
        | Msg::Outline { .. }
        | Msg::Children { .. }
        | Msg::Definition { .. }
        | Msg::Schema { .. }
        | Msg::Planned { .. }
        | Msg::Advised { .. }
        | Msg::AdviceQueued { .. }
        | Msg::Stepped { .. }
        | Msg::Names { .. }
        | Msg::NamesOf { .. }
        | Msg::Recovered { .. }
        | Msg::Waiting { .. }
        | Msg::TableOf { .. }
        | Msg::TemporaryTable { .. }
        | Msg::Unlocked { .. } => {}
    }
}

fn connected(state: &mut State, server: super::link::Server, effects: &mut Vec<Effect>) {
    let target = server.target.clone();
    let first = state.config.environments.first();
    let live =
        target.live_plan.unwrap_or(target.environment.is_some() && target.environment.as_ref() == first) && server.no_plans.is_none();
    state.plan = plan::PlanPane::new(live);
    state.query.editor.read_as(server.status.reading);
    let gone = std::mem::take(&mut state.query.made);
    if !gone.is_empty() {
        let words = format!("A new session: gone with the one before are {}.", text::clean(&gone.join(", ")));
        state.say(Note::warning(words).loss());
    }
    state.link = Link::Open(Box::new(server));
    schema::load(state, effects);
    completion::forget(state);
    state.completion.wanted = true;
    state.query.kept_values.clear();
    if target.history {
        effects.push(Effect::LoadValues { target: target.name.clone() });
    }
    if state.query.buffer_of.as_deref() != Some(&target.name) {
        // What was typed, or opened from the command line, before any target was open stays.
        if state.query.buffer_of.is_some() {
            buffers::forget(state);
        }
        effects.push(Effect::LoadBuffers { target: target.name.clone() });
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
    if error.asks() {
        state.dialogs.push(Dialog::Form(Form::secret(&error, &target, false)));
    }
    state.say(Note::error(&error));
    state.link = Link::Failed { target, error };
}

/// What runs ends a transaction, so that nobody here knows how it ended when the connection is lost meanwhile.
fn status_changed(state: &mut State, status: crate::engine::SessionStatus, effects: &mut Vec<Effect>) {
    let reconnect = keys::keys_now(state, Action::Reconnect);
    let Some(server) = state.link.server_mut() else { return };
    let lost = status.lost.clone().filter(|_| server.status.lost.is_none());
    let had_tx = server.status.tx != TxState::Idle;
    let was_lost = status.lost.is_some();
    let moved = server.status.place != status.place && !was_lost;
    let beside = [&server.status.place, &status.place].iter().any(|p| matches!(p, Some(crate::model::Place::Beside(_))));
    let before = server.status.tx;
    server.status = status;
    if was_lost && had_tx {
        // The line that stays says what went with the connection, whichever of them was noticed first.
        server.status.tx = before;
    }
    state.query.editor.read_as(server.status.reading);
    let open = server.status.tx != TxState::Idle;
    if open != had_tx {
        state.query.tx_since = open.then_some(state.now);
        state.query.waiting.clear();
    }
    if had_tx && !open && state.query.running.is_none() {
        completion::read_changes(state, effects);
    }
    if moved {
        state.query.tables.clear();
        completion::load(state, effects);
        if beside {
            // Databases came or went; along a search path the tree stays as it is.
            state.schema.forget();
            super::panes::schema::load(state, effects);
        }
    }
    if lost.is_some() && state.query.running.is_none() {
        // A statement that runs tells itself what became of its transaction: it may have been a COMMIT.
        super::standing::ended(state, Fate::Lost);
    }
    if let Some(why) = lost {
        let with = match (had_tx, super::standing::committing(state)) {
            (false, _) => "",
            (true, false) => ", and with it the open transaction",
            (true, true) => " while the transaction ended",
        };
        let mut note = Note { severity: crate::model::Severity::Critical, ..Note::info(format!("The connection is gone{with}: {why}")) };
        if had_tx && super::standing::committing(state) {
            note.more.push("Whether it is committed is not known: look at what it wrote before you write it again.".into());
        } else if had_tx {
            note.more.push("The transaction that was open is rolled back by the server.".into());
            // Said once more with the new session: this note may be gone by then.
            state.query.made.insert(0, "what the open transaction had written".into());
        }
        if !state.query.made.is_empty() {
            note.more.push(format!("Gone with it: {}.", text::clean(&state.query.made.join(", "))));
        }
        if let Some(keys) = reconnect {
            note.more.push(format!("{keys} connects again; the buffer and the results stay."));
        }
        state.say(note.loss());
    }
    state.tick(effects);
}

/// The server's word on a statement whose connection was closed under it.
fn left_behind(state: &mut State, backend: u64, result: crate::model::Result<Option<String>>) {
    // A data fix leaves the user's own connection as it is.
    let lost = state.link.server().is_some_and(|s| s.status.lost.is_some());
    let again = keys::keys_now(state, Action::Reconnect).filter(|_| lost);
    let again = again.map(|k| format!("{k} connects again; the buffer and the results stay."));
    state.messages.answered(
        super::note::BEING_LOOKED_AT,
        match &result {
            Ok(None) => "the server ended it, too",
            Ok(Some(_)) => "the server goes on with it",
            Err(_) => "whether it goes on there could not be seen",
        },
    );
    match result {
        Ok(None) => {
            let mut note = Note::ok(format!("The server ended the statement: its session {backend} runs nothing any more."));
            note.more.extend(again);
            state.say(note);
        }
        Ok(Some(statement)) => {
            let body = vec![
                format!("Session {backend} of the server goes on with it, holding its locks:"),
                super::panes::running::one_line(&statement),
                "Cancelling and closing the connection did not end it.".into(),
            ];
            let answers = vec![
                Answer::new('n', "leave it running", Then::Nothing),
                Answer::new('e', format!("end session {backend} on the server"), Then::EndSession(backend)),
            ];
            state.ask(Confirm { title: "The statement still runs".into(), body, answers });
        }
        Err(e) => {
            let mut note = Note::error(&e);
            note.text = format!("Whether session {backend} goes on with the statement could not be seen: {}", note.text);
            note.more.extend(again);
            state.say(note);
        }
    }
}

/// Connects to another target, after asking when something is open on this one.
pub fn switch_target(state: &mut State, name: &str, effects: &mut Vec<Effect>) {
    if state.link.target_name() == Some(name) {
        return reconnect(state, name, effects);
    }
    if let Some(why) = state.holds_something() {
        state.ask(Confirm {
            title: format!("Leave {}?", state.link.target_name().unwrap_or("")),
            body: vec![format!("Here {why}."), "Leaving closes the connection; the server rolls back what is not committed.".into()],
            answers: vec![Answer::new('n', "stay", Then::Nothing), Answer::new('l', "leave", Then::Connect(name.to_string()))],
        });
        return;
    }
    connect(state, name, None, effects);
}

/// Connects anew to the target that is open, after asking when something would end with its connection. Staged changes stay: each row is
/// looked for by its key and its old values when they are written.
fn reconnect(state: &mut State, name: &str, effects: &mut Vec<Effect>) {
    let staged = state.staged().map(|words| format!("{words}: kept, and checked against the rows when you write."));
    let Some(why) = state.session_holds() else {
        connect(state, name, None, effects);
        if let Some(words) = staged {
            state.say(Note::info(words));
        }
        return;
    };
    let mut body =
        vec![format!("Here {why}."), "The connection is closed and made anew; the server rolls back what is not committed.".into()];
    body.extend(staged);
    state.ask(Confirm {
        title: format!("Reconnect to {name}?"),
        body,
        answers: vec![Answer::new('n', "stay", Then::Nothing), Answer::new('r', "reconnect", Then::Connect(name.to_string()))],
    });
}

/// Another target is opened: pinned results stay, to be compared with its own.
fn leave_results(state: &mut State, opened: &str, effects: &mut Vec<Effect>) {
    let (left, dialect) = (state.link.target_name().unwrap_or_default().to_string(), state.query.editor.dialect());
    let q = &mut state.query;
    q.results.retain_mut(|r| {
        let stays = r.pinned && r.progress != query::Progress::Running;
        if stays {
            r.leave(&left, dialect, opened);
        } else {
            effects.push(Effect::DropRows { result: r.id });
        }
        stays
    });
    q.shown = q.results.len().saturating_sub(1);
    query::want(state, effects);
}

/// Starts connecting.
pub fn connect(state: &mut State, name: &str, password: Option<SecretString>, effects: &mut Vec<Effect>) {
    buffers::save(state, None, effects);
    for j in &state.jobs {
        effects.push(Effect::Cancel { job: j.id });
    }
    state.jobs.clear();
    state.work = None;
    let unlocked = state.unlocked.take().is_some();
    if state.link.target_name() == Some(name) {
        state.query.made.extend(unlocked.then(|| "the guarded access that you had opened".to_string()));
    } else {
        state.query.made.clear();
        state.query.how.manual = false;
        leave_results(state, name, effects);
        state.schema = schema::Schema::default();
        state.migrations = migrations::Migrations::default();
        state.checklist = checklist::Checklist::default();
        state.sessions = sessions::Sessions::default();
        state.backups = backups::Backups::default();
    }
    super::standing::ended(state, Fate::RolledBack);
    state.query.running = None;
    state.query.watch = None;
    state.query.fix = None;
    state.query.tables.clear();
    state.query.tx_since = None;
    state.query.waiting.clear();
    state.query.waiting_unknown = None;
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

/// A text to read, above everything.
fn view_text(state: &mut State, title: impl Into<String>, content: impl Into<String>) {
    state.dialogs.push(Dialog::Viewer(Viewer::new(title, content)));
}
