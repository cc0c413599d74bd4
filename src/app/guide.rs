//! The demo's guide: one thing to do next, from what has really happened so far. It never stands in the way: keys work
//! as always, what was done in another order counts, and one key hides it.

use super::action::Action;
use super::panes::migrations::{shown_version, waits};
use super::panes::results::Progress;
use super::state::{Pane, State};
use super::work::{keys, keys_in};
use crate::model::migration::RollbackClass;
use crate::ops::checklist::{StepState, StepView};
use crate::text;

/// How far the newcomer is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guide {
    /// Steps that are behind them.
    pub reached: usize,
    pub hidden: bool,
    /// A revert on the last environment's target was reported.
    pub reverted: bool,
}

/// A step: what shows that it is done, and what to say until then.
struct Step {
    done: fn(&State) -> bool,
    say: fn(&State) -> String,
}

const STEPS: [Step; 13] = [
    Step {
        done: |s| s.query.results.iter().any(|r| r.offset.is_none()),
        say: |s| format!("Look around: {} on a table shows its rows.", press(s, Pane::Schema, Action::Open)),
    },
    Step {
        done: |s| s.query.results.iter().any(|r| r.offset.is_some() && matches!(r.progress, Progress::Done(_))),
        say: |s| format!("{} runs the statement under the cursor.", press(s, Pane::Editor, Action::Run)),
    },
    Step {
        done: |s| s.plan.plan.is_some(),
        say: |s| format!("{} shows how it is run: it reads a whole table.", press(s, Pane::Editor, Action::Plan)),
    },
    Step {
        done: |s| s.view.focus == Pane::Migrations && s.migrations.queue.is_some(),
        say: |s| format!("{} migrations wait, one adds an index: {}.", s.migrations.pending(), keys(s, Action::GoMigrations)),
    },
    Step {
        done: |s| s.migrations.items().iter().any(|i| waits(i) && i.class.is_some()),
        say: |s| format!("Is there a way back? {} proves it on a copy.", press(s, Pane::Migrations, Action::ProveAll)),
    },
    Step { done: |s| s.checklist.open() && range_ends_at(s, reversible(s)), say: choose_range },
    Step {
        done: |s| earlier(s).is_some_and(|e| e.state != StepState::Failed || !lacks(s, e, 0)),
        say: |s| format!("{} runs what it can and holds; r rehearses.", press(s, Pane::Checklist, Action::RunProvable)),
    },
    Step { done: |s| earlier(s).is_some_and(|e| e.state != StepState::Failed), say: in_between },
    Step {
        done: |s| ticked(s, "rollback-proven"),
        say: |s| at_last(s, |s| format!("{}: backup, restore, way back.", press(s, Pane::Checklist, Action::RunProvable))),
    },
    Step {
        done: |s| ticked(s, "approval"),
        say: |s| at_last(s, |s| format!("A person has to approve: {} signs.", press(s, Pane::Checklist, Action::Sign))),
    },
    Step { done: |s| last_environment(s) && s.checklist.view.as_ref().is_some_and(|v| v.applied), say: |s| at_last(s, last_checks) },
    Step {
        done: |s| s.guide_state.reverted,
        say: |s| at_last(s, |s| format!("{} takes it back; losses are counted first.", press(s, Pane::Checklist, Action::Revert))),
    },
    Step {
        done: |s| s.journal.verified.is_some(),
        say: |s| format!("All of it is on record: {} checks the chain.", press(s, Pane::Journal, Action::VerifyJournal)),
    },
];

fn last_checks(state: &State) -> String {
    let apply = press(state, Pane::Checklist, Action::Apply);
    if ticked(state, "preconditions") {
        return format!("Nothing holds any more: {apply} applies.");
    }
    format!(
        "{} for the last check, then {} applies.",
        press(state, Pane::Checklist, Action::RunNext),
        keys_in(state, Pane::Checklist, Action::Apply)
    )
}

/// The key of an action in a pane, with the key that goes there when the user is elsewhere.
fn press(state: &State, pane: Pane, action: Action) -> String {
    if state.view.focus == pane {
        return keys(state, action);
    }
    let go = match pane {
        Pane::Schema => Action::GoSchema,
        Pane::Migrations => Action::GoMigrations,
        Pane::Checklist => Action::GoChecklist,
        Pane::Backups => Action::GoBackups,
        Pane::Journal => Action::GoJournal,
        _ => Action::GoQuery,
    };
    let there = if pane == Pane::Editor { keys(state, action) } else { keys_in(state, pane, action) };
    format!("{}, then {there}", keys(state, go))
}

/// The open target belongs to the last environment: where the guide wants to end.
fn last_environment(state: &State) -> bool {
    state.environment().is_some_and(|e| state.config.environments.last().is_some_and(|l| l == e))
}

fn step_of<'a>(state: &'a State, id: &str) -> Option<&'a StepView> {
    if !last_environment(state) || !state.checklist.open() {
        return None;
    }
    state.checklist.view.as_ref()?.steps.iter().find(|s| s.id == id)
}

fn earlier(state: &State) -> Option<&StepView> {
    // What is said of the range before it was chosen is no progress.
    step_of(state, "applied-earlier").filter(|_| range_ends_at(state, reversible(state)))
}

fn ticked(state: &State, id: &str) -> bool {
    earlier(state).is_some_and(StepView::ticked) && step_of(state, id).is_some_and(StepView::ticked)
}

/// The step says that something is missing in the environment of that place in the chain.
fn lacks(state: &State, step: &StepView, place: usize) -> bool {
    state.config.environments.get(place).is_some_and(|e| step.why_not.iter().any(|w| w.starts_with(e.as_str())))
}

/// The last pending version before the first one that cannot be taken back.
fn reversible(state: &State) -> Option<i64> {
    let pending: Vec<_> = state.migrations.items().iter().filter(|i| waits(i)).collect();
    pending.iter().take_while(|i| i.class != Some(RollbackClass::Irreversible)).last().map(|i| i.version)
}

/// The run is about a range that can be taken back.
fn range_ends_at(state: &State, upto: Option<i64>) -> bool {
    let Some(v) = &state.checklist.view else { return false };
    v.applied || v.range.last().copied().is_some_and(|last| upto.is_some_and(|u| last <= u))
}

fn choose_range(state: &State) -> String {
    let stuck = state.migrations.items().iter().filter(|i| waits(i) && i.class == Some(RollbackClass::Irreversible)).count();
    let to = reversible(state).map_or_else(String::new, shown_version);
    let apply = press(state, Pane::Migrations, Action::Apply);
    match stuck {
        0 => format!("{apply} asks to apply up to the cursor; go to {to}."),
        n => format!("{n} have none. Go to {to}; {apply} asks to apply up to it."),
    }
}

fn in_between(state: &State) -> String {
    if last_environment(state) {
        return format!("Then qa: {}, and o opens it.", press(state, Pane::Checklist, Action::RunNext));
    }
    let (all, apply) = (press(state, Pane::Checklist, Action::RunProvable), keys_in(state, Pane::Checklist, Action::Apply));
    if state.checklist.view.as_ref().is_some_and(|v| v.applied) {
        return format!("Applied here. {} leads to production.", keys(state, Action::GoStart));
    }
    format!("In {}: {all} proves what is asked, {apply} applies.", text::clean(state.environment().unwrap_or("between")))
}

fn at_last(state: &State, say: fn(&State) -> String) -> String {
    if last_environment(state) { say(state) } else { format!("{} leads back to production.", keys(state, Action::GoStart)) }
}

/// Looks at what is true now; called after each message.
pub fn observe(state: &mut State) {
    if !state.guide {
        return;
    }
    let done = (state.guide_state.reached..STEPS.len()).rev().find(|i| (STEPS[*i].done)(state));
    if let Some(i) = done {
        state.guide_state.reached = i + 1;
    }
}

/// It takes room on the screen.
pub fn shown(state: &State) -> bool {
    state.guide && !state.guide_state.hidden
}

/// `3 of 13` and what to do now.
pub fn words(state: &State) -> (String, String) {
    match STEPS.get(state.guide_state.reached) {
        Some(s) => (format!("{} of {}", state.guide_state.reached + 1, STEPS.len()), (s.say)(state)),
        None => {
            let hide = keys(state, Action::ToggleGuide);
            ("done".into(), format!("That was the whole job. {hide} hides this line."))
        }
    }
}
