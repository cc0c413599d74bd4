//! Operations from the console's side: starting one, one at a time where somebody waits for it, and what its report
//! changes: which pane takes it, and what has to be read again after it.

use super::dialog::{Dialog, Viewer};
use super::effect::{Effect, JobId, Operation};
use super::msg::{CutOff, Ran, Report};
use super::panes::{backups, checklist, journal, migrations, sessions};
use super::state::{Note, Pane, State};
use super::update;
use crate::model::{Error, Kind, Severity};
use crate::ops::recover::Explained;
use crate::text;

/// An operation that somebody waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    pub job: JobId,
    pub operation: Operation,
}

/// Reads something in the background: no line in the footer, and nothing is blocked by it.
pub fn read(state: &mut State, operation: Operation, effects: &mut Vec<Effect>) {
    let job = state.id();
    effects.push(Effect::Operate { link: state.link_no, job, operation });
}

/// Starts an operation with a title in the footer. Only one at a time: the second one is refused, with the reason.
pub fn start(state: &mut State, title: impl Into<String>, writes: bool, operation: Operation, effects: &mut Vec<Effect>) -> bool {
    if let Some(running) = state.work.as_ref().and_then(|w| state.jobs.iter().find(|j| j.id == w.job)) {
        let words = format!("{} is still running: wait for it, or cancel it with {}.", running.title, keys(state, super::Action::Cancel));
        state.say(Note::warning(words));
        return false;
    }
    let job = state.id();
    state.job(job, title, writes, effects);
    state.work = Some(Work { job, operation: operation.clone() });
    effects.push(Effect::Operate { link: state.link_no, job, operation });
    true
}

/// The live key of an action where the user is, or its name for the palette.
pub fn keys(state: &State, action: super::Action) -> String {
    let contexts = super::keys::contexts(state);
    state.keymap.key_for(&contexts, action.name()).map_or_else(|| format!(":{}", action.name()), crate::config::keymap::show)
}

/// The live key of an action in a pane.
pub fn keys_in(state: &State, pane: Pane, action: super::Action) -> String {
    let contexts = [pane.context(), "list", "pane", "global"];
    state.keymap.key_for(&contexts, action.name()).map_or_else(|| format!(":{}", action.name()), crate::config::keymap::show)
}

/// Work that runs, with its job.
pub fn running(state: &State) -> Option<(&Work, &super::state::Job)> {
    let work = state.work.as_ref()?;
    Some((work, state.jobs.iter().find(|j| j.id == work.job)?))
}

/// What may have changed after something was done: the queue, the run, and what is on the screen.
fn read_again(state: &mut State, effects: &mut Vec<Effect>) {
    migrations::load(state, effects);
    checklist::load(state, effects);
    let layout = super::layout::arrange(state);
    state.backups.stale = true;
    if layout.has(Pane::Backups) {
        backups::load(state, effects);
    }
    state.journal.stale = true;
    if layout.has(Pane::Journal) {
        journal::load(state, effects);
    }
}

/// A report came.
pub fn ended(state: &mut State, job: JobId, link: u64, report: Report, effects: &mut Vec<Effect>) {
    if state.work.as_ref().is_some_and(|w| w.job == job) {
        state.work = None;
    }
    match report {
        Report::Demo(Ok(dir)) => state.say(Note::ok(format!("The demo is in {}.", text::clean(&dir.display().to_string())))),
        Report::TargetWritten(Ok(name)) => {
            state.say(Note::ok(format!("Target {} is written.", text::clean(&name))));
            update::switch_target(state, &name, effects);
        }
        Report::Demo(Err(e)) | Report::TargetWritten(Err(e)) => state.say(Note::error(&e)),
        _ if link != state.link_no => {}
        report => of_target(state, report, effects),
    }
}

fn of_target(state: &mut State, report: Report, effects: &mut Vec<Effect>) {
    match report {
        Report::Queue(r) => migrations::queue(state, r, effects),
        Report::Checklist { which, result } => checklist::view(state, &which, result),
        Report::Checklists(r) => checklist::listed(state, r),
        Report::CutOff(r) => cut_off(state, r),
        Report::Step { which, result } => {
            match result {
                Ok(outcome) => checklist::stepped(state, &which, &outcome, true),
                Err(e) => failed(state, &e),
            }
            read_again(state, effects);
        }
        Report::Steps { which, result } => {
            checklist::steps_ended(state, &which, result);
            read_again(state, effects);
        }
        Report::RunStarted(r) => {
            checklist::started(state, r, effects);
            migrations::load(state, effects);
            state.journal.stale = true;
        }
        Report::Signed(r) => {
            match r {
                Ok(e) => {
                    checklist::signed(state, &e);
                    state.say(Note::ok(format!("Signed: {}", text::clean(&e.summary))));
                }
                Err(e) => failed(state, &e),
            }
            read_again(state, effects);
        }
        Report::Evidence(r) => checklist::evidence(state, r),
        Report::Proof(r) => {
            migrations::proved(state, r);
            read_again(state, effects);
        }
        Report::Gate { upto, result } => checklist::gate(state, upto, result),
        Report::Applied(r) => {
            checklist::ran(state, "Applied", r);
            read_again(state, effects);
            // What the tree shows may be gone.
            super::panes::schema::load(state, effects);
        }
        Report::RevertPreview { downto, result } => checklist::revert_preview(state, downto, result),
        Report::Reverted(r) => {
            let last = state.config.environments.last().map(String::as_str);
            state.guide_state.reverted |= matches!(r, Ok(Ok(_))) && state.environment() == last;
            checklist::ran(state, "Reverted", r);
            read_again(state, effects);
            super::panes::schema::load(state, effects);
        }
        Report::Rehearsed { target, result } => {
            match result {
                Ok(ran) => state.say(Note::ok(format!("Rehearsed on {}: {}.", text::clean(&target), ran_words(&ran)))),
                Err(e) => failed(state, &e.context(format_args!("rehearsing on {}", text::clean(&target)))),
            }
            read_again(state, effects);
        }
        Report::RunClosed(r) => {
            match r {
                Ok(()) => state.say(Note::ok("The run is closed. Reverting it now takes a proof of its own.")),
                Err(e) => failed(state, &e),
            }
            read_again(state, effects);
        }
        Report::Backups(r) => backups::listed(state, r),
        Report::Taken(r) => {
            backups::taken(state, r);
            read_again(state, effects);
        }
        Report::Verified(r) => {
            backups::verified(state, r);
            read_again(state, effects);
        }
        Report::Journal { before, result } => journal::entries(state, before, result),
        Report::JournalVerified(r) => journal::verified(state, r),
        Report::Sessions(r) => sessions::told(state, r, effects),
        Report::SessionPlan { id, result } => sessions::planned(state, id, result),
        // Taken by `ended`.
        Report::Demo(_) | Report::TargetWritten(_) => {}
    }
}

/// `0004, 0005 in 1.2 s`.
pub fn ran_words(ran: &Ran) -> String {
    let names: Vec<String> = ran.steps.iter().map(|s| migrations::shown_version(s.version)).collect();
    match names.len() {
        0 => "nothing had to be done".into(),
        _ => format!("{} in {}", names.join(", "), text::duration(ran.took)),
    }
}

/// A failure that has more to say than fits the footer is put in front of the user; a short one is not.
pub fn failed(state: &mut State, e: &Error) {
    state.say(Note::error(e));
    if e.kind == Kind::Cancelled || (e.detail.is_none() && e.hints.is_empty()) {
        return;
    }
    let mut lines = vec![sentence(&e.message)];
    if let Some(d) = &e.detail {
        lines.push(String::new());
        lines.extend(d.lines().map(str::to_string));
    }
    if !e.hints.is_empty() {
        lines.push(String::new());
        lines.push("What to do:".into());
        lines.extend(e.hints.iter().map(|h| format!("  {h}")));
    }
    state.dialogs.push(Dialog::Viewer(Viewer::new("It did not work", lines.join("\n")).prose(state.size.0)));
}

/// The text with a capital at its start and a full stop.
pub fn sentence(s: &str) -> String {
    let s = text::clean(s.trim());
    let mut chars = s.chars();
    let Some(first) = chars.next() else { return String::new() };
    // A file's or an object's name at the start keeps its own letters.
    let word = s.split_whitespace().next().unwrap_or("");
    let plain = word.chars().all(char::is_lowercase);
    let mut out: String = if plain { first.to_uppercase().chain(chars).collect() } else { s.to_string() };
    if !out.ends_with(['.', '!', '?', ':', ';']) {
        out.push('.');
    }
    out
}

fn cut_off(state: &mut State, result: Result<CutOff, Error>) {
    let found = match result {
        Ok(f) => f,
        Err(e) => return state.say(Note::error(&e)),
    };
    if let Some(u) = found.elsewhere.first() {
        let more = if found.elsewhere.len() > 1 { format!(" (and {} more)", found.elsewhere.len() - 1) } else { String::new() };
        state.say(Note::warning(format!(
            "A run on {} was cut off at {}{more}: open that target to see what is true there.",
            text::clean(&u.target),
            text::clean(&u.started_at)
        )));
    }
    if found.here.is_empty() {
        return;
    }
    let mut lines = Vec::new();
    for (i, e) in found.here.iter().enumerate() {
        if i > 0 {
            lines.push(String::new());
        }
        explain(e, &mut lines);
    }
    state.say(Note { severity: Severity::Warning, ..Note::info(sentence(&found.here[0].summary)) });
    state.dialogs.push(Dialog::Viewer(Viewer::new("A run was cut off", lines.join("\n")).prose(state.size.0)));
}

fn explain(e: &Explained, lines: &mut Vec<String>) {
    let u = &e.unfinished;
    lines.push(sentence(&e.summary));
    lines.push(String::new());
    lines.push(format!("Started at {} by {} on {}. The journal's last word: {}", u.started_at, u.started_by, u.host, sentence(&u.last)));
    if !e.truths.is_empty() {
        lines.push(String::new());
        lines.push("What is true now:".into());
        lines.extend(e.truths.iter().map(|t| format!("  {}", sentence(t))));
    }
    if !e.next.is_empty() {
        lines.push(String::new());
        lines.push("What to do:".into());
        lines.extend(e.next.iter().map(|t| format!("  {}", sentence(t))));
    }
    if e.settled {
        lines.push(String::new());
        lines.push("Nothing half-done is left: this is in the journal now, and will not be asked again.".into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_begin_and_end() {
        assert_eq!(sentence("held: no backup"), "held: no backup.");
        assert_eq!(sentence("no backup was taken"), "No backup was taken.");
        assert_eq!(sentence("0004_x.up.sql was edited"), "0004_x.up.sql was edited.");
        assert_eq!(sentence("Done."), "Done.");
        assert_eq!(sentence(""), "");
    }
}
