//! The checklist: how each step of the run stands, what holds, and what to do next. Forms for what changes a target. The pane shows the
//! migrations' one, or another of the list in its place.

mod arrived;
mod forms;
pub mod incidents;
mod others;
mod run;
mod words;

pub use arrived::{evidence, signed, started, stepped, steps_ended, view};
pub use forms::{ask_apply, ask_range, ask_revert, gate, ran, revert_preview, submit};
pub use others::{Other, choose, listed};
pub use words::{grade_word, words};

use crate::app::dialog::{Dialog, Then, Viewer};
use crate::app::effect::{JobId, Operation};
use crate::app::layout::arrange;
use crate::app::list::ListCursor;
use crate::app::state::{Note, Pane};
use crate::app::work;
use crate::app::{Action, Effect, State, update};
use crate::model::Error;
use crate::ops::checklist::{RunView, StepState, StepView};
use crate::ops::checklists::Which;
use forms::{close_question, sign};
use run::{run_all, run_next};

/// Id of the step that is proven on other targets.
const APPLIED_EARLIER: &str = "applied-earlier";
/// Kind of evidence of the step that closes the run.
const RECORD: &str = "record";

/// See the module.
#[derive(Debug, Default)]
pub struct Checklist {
    pub list: ListCursor,
    /// The run of the migrations, whatever the pane shows: the queue, the tabs and the guide go by it.
    pub view: Option<Box<RunView>>,
    pub loading: bool,
    /// Why there is no run to be seen, or no newer one.
    pub error: Option<Error>,
    /// Another checklist, which the pane shows in its place.
    pub other: Option<Other>,
    /// Step that a job is proving now, and of which checklist.
    pub running: Option<(Which, usize)>,
}

impl Checklist {
    /// A run of migrations is open.
    pub fn open(&self) -> bool {
        self.view.as_ref().is_some_and(|v| v.run.is_some() && !v.closed)
    }

    /// The run that the pane shows.
    pub fn shown(&self) -> Option<&RunView> {
        match &self.other {
            Some(o) => o.view.as_deref(),
            None => self.view.as_deref(),
        }
    }

    fn shown_mut(&mut self) -> Option<&mut RunView> {
        match &mut self.other {
            Some(o) => o.view.as_deref_mut(),
            None => self.view.as_deref_mut(),
        }
    }

    /// Which one the pane shows.
    pub fn which(&self) -> Which {
        self.other.as_ref().map_or_else(Which::migrations, |o| o.which.clone())
    }

    /// The pane shows one of an incident.
    pub fn of_incident(&self) -> bool {
        self.other.as_ref().is_some_and(|o| o.which.target().is_some())
    }

    /// The pane shows one that is about a statement's plan.
    pub fn of_plan(&self) -> bool {
        self.other.as_ref().is_some_and(|o| o.which.is_optimization())
    }

    /// Why nothing, or nothing newer, is shown.
    pub fn problem(&self) -> Option<&Error> {
        match &self.other {
            Some(o) => o.error.as_ref(),
            None => self.error.as_ref(),
        }
    }

    pub fn reading(&self) -> bool {
        self.other.as_ref().map_or(self.loading, |o| o.loading)
    }

    /// The step of the shown run that a job is proving now.
    pub fn running_step(&self) -> Option<usize> {
        self.running.as_ref().filter(|(which, _)| *which == self.which()).map(|(_, i)| *i)
    }

    /// Ticked steps of all.
    pub fn ticks(&self) -> Option<(usize, usize)> {
        self.shown().map(|v| (v.ticked(), v.steps.len()))
    }

    /// What the tab strip says of the migrations: ` 5/11`.
    pub fn tab(&self) -> String {
        let run = self.view.as_ref().filter(|v| !v.range.is_empty());
        run.map_or_else(String::new, |v| format!(" {}/{}", v.ticked(), v.steps.len()))
    }

    pub fn steps(&self) -> &[StepView] {
        self.shown().map_or(&[], |v| &v.steps)
    }

    pub fn chosen(&self) -> Option<&StepView> {
        self.steps().get(self.list.at)
    }

    /// How many steps hold the application of a range, if the run is about that very range.
    pub fn holding(&self, range: &[i64]) -> Option<usize> {
        let v = self.view.as_ref().filter(|v| !v.applied && v.range == range)?;
        Some(v.missing().count())
    }

    /// The state of a step, with what runs now put over it.
    pub fn state_of(&self, i: usize) -> Option<StepState> {
        let s = self.steps().get(i)?;
        Some(if self.running_step() == Some(i) { StepState::Running } else { s.state })
    }
}

fn page(state: &State) -> usize {
    arrange(state).inside(Pane::Checklist).map_or(10, |a| usize::from(list_height(a.h, state.checklist.steps().len())))
}

/// Rows of the steps in a pane of `height`: a heading above, what holds and what to do below.
pub fn list_height(height: u16, steps: usize) -> u16 {
    let steps = u16::try_from(steps).unwrap_or(u16::MAX).max(1);
    // One line for the heading, and four for what to do next where there is room.
    let room = height.saturating_sub(if height >= 12 { 5 } else { 2 });
    steps.min(room.max(1))
}

/// Reads the run of the migrations again, and the one that is shown in its place.
pub fn load(state: &mut State, effects: &mut Vec<Effect>) {
    if state.link.server().is_some() || incidents::shown(state).is_some() {
        others::load(state, effects);
    }
    let Some(server) = state.link.server() else { return };
    let none = server.no_migrations.clone();
    if let Some(why) = none {
        state.checklist.error = Some(Error::failed(why));
        return;
    }
    state.checklist.loading = true;
    work::read(state, Operation::Checklist(Which::migrations()), effects);
}

/// The pane came on the screen.
pub fn shown(state: &mut State, effects: &mut Vec<Effect>) {
    if !state.checklist.reading() {
        // Evidence expires by itself: what is looked at is read again.
        load(state, effects);
    }
}

fn follow(state: &mut State) {
    let (len, page) = (state.checklist.steps().len(), page(state));
    state.checklist.list.follow(len, page);
}

/// Goes to the pane, then does the action.
pub fn go_and_act(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    if state.link.server().is_none() {
        return state.say(Note::info("No target is open."));
    }
    if others::of_migrations(action) {
        state.checklist.other = None;
    }
    update::go(state, Pane::Checklist, effects);
    act(state, action, effects);
}

/// Does an action of this pane; false when it is none of its own.
pub fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let (len, page) = (state.checklist.steps().len(), page(state));
    if state.checklist.list.go(action, len, page) {
        return true;
    }
    match (action, incidents::shown(state)) {
        (Action::Sign, Some(which)) => {
            incidents::sign(state, &which);
            return true;
        }
        (Action::Checklists, Some(which)) if state.link.server().is_none() => {
            incidents::other(state, &which, effects);
            return true;
        }
        (Action::Back, Some(which)) => {
            if let Some(target) = which.target() {
                super::assess::enter(state, target, effects);
            }
            return true;
        }
        _ => {}
    }
    if state.checklist.other.is_some() && others::of_migrations(action) {
        others::not_here(state, action);
        return true;
    }
    match action {
        Action::Checklists => others::ask(state, effects),
        Action::RunNext => run_next(state, effects),
        Action::RunProvable => run_all(state, effects),
        Action::Sign => sign(state),
        Action::ShowEvidence | Action::Open => show_evidence(state, effects),
        Action::Apply => ask_apply(state, None, effects),
        Action::Revert => ask_revert(state, None, effects),
        Action::StartRun => ask_range(state, None),
        Action::CloseRun => close(state),
        Action::Refresh => load(state, effects),
        Action::Filter => state.say(Note::info("This list has no filter; it is short, or newest first.")),
        Action::Copy => {
            let paste = |s: &StepView| s.facts.get(crate::ops::incident::PASTE).cloned();
            let command = |s: &StepView| if s.command.is_empty() { s.summary.clone() } else { s.command.clone() };
            let text = state.checklist.chosen().map(|s| paste(s).unwrap_or_else(|| command(s)));
            effects.extend(text.map(Effect::Copy));
        }
        _ => return false,
    }
    true
}

fn no_run(state: &mut State) {
    let words = match state.checklist.problem() {
        Some(e) => e.message.clone(),
        None => "The checklist is not read yet.".into(),
    };
    state.say(Note::info(words));
}

fn close(state: &mut State) {
    if !state.checklist.open() {
        return state.say(Note::info("No run is open."));
    }
    let operation = Operation::CloseRun;
    close_question(state, "Close the run?", Then::Operate { title: "closing the run".into(), writes: false, operation });
}

fn show_evidence(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(step) = state.checklist.chosen().cloned() else { return no_run(state) };
    match step.evidence {
        Some(id) => work::read(state, Operation::Evidence(id), effects),
        None => {
            let mut lines = vec![step.title.clone(), String::new(), work::sentence(&step.help)];
            if !step.summary.is_empty() {
                lines.push(work::sentence(&step.summary));
            }
            lines.extend(step.why_not.iter().map(|w| work::sentence(w)));
            if !step.next.is_empty() {
                lines.extend([String::new(), "What to do:".into(), format!("  {}", work::sentence(&step.next))]);
            }
            if !step.command.is_empty() {
                lines.push(format!("  {}", step.command));
            }
            lines.extend([String::new(), "There is no evidence yet.".into()]);
            state.dialogs.push(Dialog::Viewer(Viewer::new(step.title, lines.join("\n")).prose(state.size.0)));
        }
    }
}

/// What is shown of a job that proves a step: its own words, done of total.
pub fn running_job(state: &State) -> Option<(JobId, usize)> {
    let i = state.checklist.running_step()?;
    let (work, _) = work::running(state)?;
    matches!(work.operation, Operation::RunNext(_) | Operation::RunProvable(_)).then_some((work.job, i))
}
