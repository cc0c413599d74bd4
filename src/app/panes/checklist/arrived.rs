//! What came back: a run, the outcome of steps, a signature, evidence.

use super::forms::offer_earlier;
use super::run::provable;
use super::words::evidence_text;
use super::{APPLIED_EARLIER, follow};
use crate::app::dialog::{Dialog, Viewer};
use crate::app::panes::migrations::shown_range;
use crate::app::state::{Note, State};
use crate::app::{Action, Effect, update, work};
use crate::config::StepKind;
use crate::model::Result;
use crate::model::evidence::Evidence;
use crate::ops::checklist::{RunView, StepOutcome, StepState};
use crate::ops::checklists::Which;
use crate::text;

/// A run came.
pub fn view(state: &mut State, which: &Which, result: Result<Box<RunView>>) {
    let c = &mut state.checklist;
    let here = c.which() == *which;
    let (view, loading, error) = match &mut c.other {
        Some(o) if here => (&mut o.view, &mut o.loading, &mut o.error),
        _ if which.is_migrations() => (&mut c.view, &mut c.loading, &mut c.error),
        // Of one that is not shown any more.
        _ => return,
    };
    *loading = false;
    match result {
        Err(e) => *error = Some(e),
        Ok(v) => {
            let moved = view.as_ref().is_none_or(|old| old.next != v.next || old.run != v.run);
            *error = None;
            if here
                && moved
                && let Some(next) = v.next
            {
                c.list.at = next;
            }
            *view = Some(v);
        }
    }
    if work::running(state).is_none() {
        state.checklist.running = None;
    }
    follow(state);
}

/// One step was run; `last`: nothing else follows it.
pub fn stepped(state: &mut State, which: &Which, outcome: &StepOutcome, last: bool) {
    let c = &mut state.checklist;
    let mut title = outcome.step.clone();
    let here = c.which() == *which;
    let mut running = None;
    let mut at = c.list.at;
    if let Some(v) = c.shown_mut().filter(|_| here) {
        if let Some(i) = v.steps.iter().position(|s| s.id == outcome.step) {
            let s = &mut v.steps[i];
            s.state = if outcome.holds { StepState::Proved } else { StepState::Failed };
            s.summary.clone_from(&outcome.summary);
            title.clone_from(&s.title);
        }
        v.next = match which.is_migrations() {
            true => v.steps.iter().position(|s| !s.ticked()),
            false => RunView::passing_over(&v.steps),
        };
        // What proved nothing ends the run of migrations, and elsewhere only where it holds something up.
        let on = outcome.holds || (!which.is_migrations() && v.steps.iter().any(|s| s.id == outcome.step && !s.hold));
        running = v.next.filter(|i| !last && on && provable(&v.steps[*i]));
        at = v.next.unwrap_or(at);
    }
    if here {
        c.running = running.map(|i| (which.clone(), i));
        c.list.at = at;
    }
    if last {
        let words = format!("{}: {}", text::clean(&title), work::sentence(&outcome.summary));
        state.say(if outcome.holds { Note::ok(words) } else { Note::warning(words) });
    }
    follow(state);
}

/// A step was signed: until the run is read again, a quick key must not be offered the same signature.
pub fn signed(state: &mut State, e: &Evidence) {
    let c = &mut state.checklist;
    let Some(v) = &mut c.view else { return };
    let next = v.next.and_then(|i| v.steps.get_mut(i));
    if let Some(s) = next.filter(|s| e.holds && s.kind == StepKind::Signed && s.id == e.kind) {
        s.state = StepState::Signed;
        s.summary.clone_from(&e.summary);
        v.next = v.steps.iter().position(|s| !s.ticked());
        c.list.at = v.next.unwrap_or(c.list.at);
    }
    follow(state);
}

/// All that needs nobody was run.
pub fn steps_ended(state: &mut State, which: &Which, result: Result<Box<RunView>>) {
    state.checklist.running = None;
    match result {
        Err(e) => work::failed(state, &e),
        Ok(v) => {
            let note = match v.next.and_then(|i| v.steps.get(i)) {
                None => Note::ok("Every step is ticked."),
                Some(s) if s.state == StepState::Failed => {
                    Note::warning(format!("{}: {}", text::clean(&s.title), work::sentence(&s.summary)))
                }
                Some(s) if s.act => Note::ok(format!("Nothing holds any more: {} applies.", work::keys(state, Action::Apply))),
                Some(s) => Note::info(format!("{} comes next. {}", text::clean(&s.title), work::sentence(&s.next))),
            };
            state.say(note);
            let elsewhere =
                v.next.and_then(|i| v.steps.get(i)).filter(|s| s.id == APPLIED_EARLIER && s.state == StepState::Failed).cloned();
            view(state, which, Ok(v));
            if let Some(step) = elsewhere {
                offer_earlier(state, &step);
            }
        }
    }
}

/// A run was started, or its range was changed.
pub fn started(state: &mut State, result: Result<Box<RunView>>, effects: &mut Vec<Effect>) {
    match result {
        Err(e) => work::failed(state, &e),
        Ok(v) => {
            state.say(Note::ok(format!("The run is about {} now.", shown_range(&v.range))));
            state.checklist.other = None;
            view(state, &Which::migrations(), Ok(v));
            update::act(state, Action::GoChecklist, effects);
        }
    }
}

/// A step's evidence came.
pub fn evidence(state: &mut State, result: Result<Option<Box<Evidence>>>) {
    match result {
        Err(e) => work::failed(state, &e),
        Ok(None) => state.say(Note::warning("That evidence is not in the store any more.")),
        Ok(Some(e)) => {
            let title = format!("Evidence · {}", text::clean(&e.kind));
            state.dialogs.push(Dialog::Viewer(Viewer::new(title, evidence_text(&e)).prose(state.size.0)));
        }
    }
}
