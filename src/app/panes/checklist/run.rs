//! Steps are run: the next one, or all that need nobody.

use super::forms::{close_question, offer_earlier, sign_form};
use super::{APPLIED_EARLIER, RECORD, ask_apply, incidents, no_run};
use crate::app::dialog::Then;
use crate::app::effect::Operation;
use crate::app::state::Note;
use crate::app::{Effect, State, work};
use crate::config::StepKind;
use crate::ops::checklist::{StepState, StepView};
use crate::ops::checklists::Which;
use crate::text;

pub(super) fn run_next(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(v) = state.checklist.shown() else { return no_run(state) };
    if !v.is_about() && !v.applied {
        return state.say(Note::info("Nothing is pending: there is nothing to prove."));
    }
    if let Some(which) = incidents::shown(state).filter(|_| v.closed) {
        return incidents::run_all(state, which, effects);
    }
    let Some(i) = v.next else {
        return state.say(Note::ok("Every step is ticked: nothing is left to do."));
    };
    let step = v.steps[i].clone();
    if step.act {
        return ask_apply(state, None, effects);
    }
    if step.kind == StepKind::Signed {
        return match incidents::shown(state) {
            Some(which) => incidents::sign_form(state, &which, &step),
            None => sign_form(state, &step),
        };
    }
    // What is there already only has to be looked at.
    if step.id == APPLIED_EARLIER && step.state == StepState::Failed {
        return offer_earlier(state, &step);
    }
    if step.id == RECORD {
        return close_question(
            state,
            "Record and close the run?",
            Then::Operate { title: "recording".into(), writes: false, operation: Operation::RunNext(Which::migrations()) },
        );
    }
    let which = state.checklist.which();
    if work::start(state, lower(&step.title), false, Operation::RunNext(which.clone()), effects) {
        state.checklist.running = Some((which, i));
    }
}

pub(super) fn run_all(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(v) = state.checklist.shown() else { return no_run(state) };
    if !v.is_about() && !v.applied {
        return state.say(Note::info("Nothing is pending: there is nothing to prove."));
    }
    if let Some(which) = incidents::shown(state) {
        return incidents::run_all(state, which, effects);
    }
    let next = v.next.filter(|i| provable(&v.steps[*i]));
    let Some(i) = next else { return run_next(state, effects) };
    let elsewhere = v.steps[i].id == APPLIED_EARLIER && v.steps[i].state == StepState::Failed;
    if elsewhere || v.steps[i].id == RECORD {
        return run_next(state, effects);
    }
    let which = state.checklist.which();
    if work::start(state, "running all that needs nobody", false, Operation::RunProvable(which.clone()), effects) {
        state.checklist.running = Some((which, i));
    }
}

/// A program can prove it here without a person.
pub(super) fn provable(s: &StepView) -> bool {
    s.kind == StepKind::Proved && !s.act
}

fn lower(title: &str) -> String {
    let t = text::clean(title);
    let mut c = t.chars();
    c.next().map_or_else(String::new, |f| f.to_lowercase().chain(c).collect())
}
