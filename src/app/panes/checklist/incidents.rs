//! The checklists of an incident. They are about a target that need not be open: what they look at, they log in for by themselves.

use super::others;
use crate::app::dialog::{Dialog, Field, Form, Purpose};
use crate::app::effect::{Effect, Operation};
use crate::app::state::{Note, State};
use crate::app::{Action, work};
use crate::config::StepKind;
use crate::ops::checklist::{RunView, StepView};
use crate::ops::checklists::Which;
use crate::ops::incident::{CHECKLISTS, PASTE};
use crate::text;

/// Shows the checklist of the incident on the target that is assessed; again, the other one of the two.
pub fn show(state: &mut State, target: &str, effects: &mut Vec<Effect>) {
    if target.is_empty() {
        return state.say(Note::info("There is no target to be assessed yet."));
    }
    others::choose(state, Which::incident(CHECKLISTS[0], target), effects);
}

/// The incident that the pane shows.
pub(super) fn shown(state: &State) -> Option<Which> {
    state.checklist.other.as_ref().filter(|_| state.checklist.of_incident()).map(|o| o.which.clone())
}

/// The other list of the same incident, or back to what was seen.
pub(super) fn other(state: &mut State, which: &Which, effects: &mut Vec<Effect>) {
    let next = CHECKLISTS.into_iter().find(|c| *c != which.id);
    if let (Some(id), Some(target)) = (next, which.target()) {
        others::choose(state, Which::incident(id, target), effects);
    }
}

/// Signs the step under the cursor, or the next one that wants it.
pub(super) fn sign(state: &mut State, which: &Which) {
    let wants = |s: &&StepView| s.kind == StepKind::Signed;
    let open = |s: &&StepView| wants(s) && !s.ticked();
    let step = state.checklist.chosen().filter(wants).or_else(|| state.checklist.steps().iter().find(open)).cloned();
    match step {
        Some(s) => sign_form(state, which, &s),
        None => state.say(Note::info("No step waits for a signature.")),
    }
}

pub(super) fn sign_form(state: &mut State, which: &Which, step: &StepView) {
    let mut body = vec![work::sentence(&step.help)];
    if let Some(words) = step.facts.get(PASTE) {
        // In a field its key is a letter.
        let key = work::keys_in(state, super::Pane::Checklist, Action::Copy);
        body.extend([String::new(), format!("To paste (Esc, then {key} copies it):")]);
        body.push(text::clean(words).into_owned());
    }
    let name = state.config.operator.clone();
    let fields = vec![Field::new("Name", &name, "who says so"), Field::new("Words", "", "they are kept in the timeline")];
    let purpose = Purpose::SignIncident { which: which.clone(), step: step.id.clone() };
    let mut form = Form::new(text::clean(&step.title).into_owned(), purpose, body, fields);
    form.at = 1;
    state.dialogs.push(Dialog::Form(form));
}

/// The form is complete; an error says what is missing, and in which field.
pub(super) fn signed(
    state: &mut State,
    which: Which,
    step: String,
    name: &str,
    words: &str,
    effects: &mut Vec<Effect>,
) -> Result<(), (String, usize)> {
    let (name, words) = (name.trim().to_string(), words.trim().to_string());
    if name.is_empty() {
        return Err(("Who says so?".into(), 0));
    }
    if words.is_empty() {
        return Err(("A sentence is needed: it stands in the timeline.".into(), 1));
    }
    state.dialogs.pop();
    work::start(state, "signing", false, Operation::SignIncident { which, step, name, text: words }, effects);
    Ok(())
}

/// Runs what needs nobody: signatures that hold nothing up are passed over.
pub(super) fn run_all(state: &mut State, which: Which, effects: &mut Vec<Effect>) {
    let Some(v) = state.checklist.shown() else { return super::no_run(state) };
    let at = v.steps.iter().position(|s| s.kind == StepKind::Proved && !s.ticked()).unwrap_or(0);
    if work::start(state, "working on the incident", false, Operation::RunProvable(which.clone()), effects) {
        state.checklist.running = Some((which, at));
    }
}

/// What stands below the steps of a closed one.
pub(super) fn closed(state: &State, v: &RunView) -> Vec<String> {
    let key = |a| work::keys_in(state, super::Pane::Checklist, a);
    let words = v.steps.last().map_or_else(String::new, |s| work::sentence(&s.summary));
    vec![format!("Handed over: {words}"), format!("{} begins a new incident.", key(Action::RunNext))]
}
