//! The checklist: how each step of the run stands, what holds, and what to do next. Forms for what changes a target. The pane shows the
//! migrations' one, or another of the list in its place.

mod forms;
pub mod incidents;
mod others;

pub use forms::{ask_apply, ask_range, ask_revert, gate, ran, revert_preview, submit};
pub use others::{Other, choose, listed};

use super::migrations::{self, shown_range};
use crate::app::dialog::{Dialog, Then, Viewer};
use crate::app::effect::{JobId, Operation};
use crate::app::layout::arrange;
use crate::app::list::ListCursor;
use crate::app::state::{Note, Pane};
use crate::app::work;
use crate::app::{Action, Effect, State, update};
use crate::config::StepKind;
use crate::model::evidence::{Evidence, Grade};
use crate::model::{Error, Result};
use crate::ops::checklist::{RunView, StepOutcome, StepState, StepView};
use crate::ops::checklists::Which;
use crate::text;
use forms::{close_question, offer_earlier, sign, sign_form};

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

/// The word for a proof's grade.
pub fn grade_word(grade: Grade) -> &'static str {
    match grade {
        Grade::Sampled => "sampled",
        Grade::Attached => "attached",
        Grade::Full => "full",
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

fn follow(state: &mut State) {
    let (len, page) = (state.checklist.steps().len(), page(state));
    state.checklist.list.follow(len, page);
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

/// A program can prove it here without a person.
fn provable(s: &StepView) -> bool {
    s.kind == StepKind::Proved && !s.act
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

fn run_next(state: &mut State, effects: &mut Vec<Effect>) {
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

fn run_all(state: &mut State, effects: &mut Vec<Effect>) {
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

fn lower(title: &str) -> String {
    let t = text::clean(title);
    let mut c = t.chars();
    c.next().map_or_else(String::new, |f| f.to_lowercase().chain(c).collect())
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

/// Evidence as a text to read.
fn evidence_text(e: &Evidence) -> String {
    let mut out = vec![work::sentence(&e.summary), String::new()];
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            out.push(format!("{name}: {value}"));
        }
    };
    line("Holds", if e.holds { "yes" } else { "no: it was run and did not prove it" });
    line("Grade", e.grade.map_or("", grade_word));
    line("Class", e.class.map_or("", migrations::class_word));
    line("At", &e.at);
    line("Good until", e.expires.as_deref().unwrap_or("its subject changes"));
    line("By", &format!("{} (claimed) on {}", e.by, e.host));
    line("Imported", e.imported_from.as_deref().unwrap_or(""));
    line("Environment", e.environment.as_deref().unwrap_or(""));
    line("Target", &e.subject.target);
    line("Database", &e.subject.database);
    line("Scripts", &e.subject.scripts);
    line("Schema", &e.subject.schema);
    line("Backup", &e.subject.backup);
    line("Id", &e.id);
    let facts: Vec<_> = e.facts.iter().filter(|(k, _)| *k != "nonce").collect();
    if !facts.is_empty() {
        out.extend([String::new(), "Facts".into()]);
        out.extend(facts.iter().map(|(k, v)| format!("  {k}: {v}")));
    }
    out.join("\n")
}

/// What is shown below the steps: of the step under the cursor what is known and what to do. The first line is the most
/// important one.
pub fn words(state: &State) -> Vec<String> {
    let Some(v) = state.checklist.shown() else { return Vec::new() };
    let key = |a| work::keys_in(state, Pane::Checklist, a);
    if v.closed {
        return match incidents::shown(state) {
            Some(_) => incidents::closed(state, v),
            None => vec!["The run is closed.".into()],
        };
    }
    if !v.is_about() && !v.applied {
        return vec!["Nothing is pending on this target.".into()];
    }
    let at = state.checklist.list.at;
    let mut out = match v.steps.get(at) {
        Some(s) if v.next != Some(at) => of_step(s),
        _ => Vec::new(),
    };
    match v.next.and_then(|i| v.steps.get(i)) {
        None if state.checklist.other.is_some() => out.push("Every step is ticked.".into()),
        None => out.push(format!("Every step is ticked. {} reverts, {} closes the run.", key(Action::Revert), key(Action::CloseRun))),
        // The rule above these words names it.
        Some(_) if v.next != Some(at) => {}
        Some(s) => out.extend(of_next(state, v, s)),
    }
    out
}

/// A step that is not the next one.
fn of_step(s: &StepView) -> Vec<String> {
    let mut out = Vec::new();
    // A failure's summary may be its reasons in one line: they are told below, one by one.
    let told = !s.ticked() && s.why_not.iter().any(|w| !w.is_empty() && s.summary.contains(w.trim_end_matches('.')));
    if told {
        out.extend(s.why_not.iter().map(|w| work::sentence(w)));
        return out;
    }
    if !s.summary.is_empty() {
        let by = s.by.as_ref().filter(|_| s.ticked()).map_or_else(String::new, |b| format!(" ({})", text::clean(b)));
        out.push(format!("{}{by}", work::sentence(&s.summary)));
    } else if !s.help.is_empty() {
        out.push(work::sentence(&s.help));
    }
    if !s.ticked() {
        out.extend(s.why_not.iter().map(|w| work::sentence(w)).filter(|w| *w != work::sentence(&s.summary)));
    }
    if !s.voids_if.is_empty() && s.ticked() {
        out.push(work::sentence(&s.voids_if));
    }
    out
}

/// The step that comes next: what holds, and what to do.
fn of_next(state: &State, v: &RunView, s: &StepView) -> Vec<String> {
    let key = |a| work::keys_in(state, Pane::Checklist, a);
    let title = text::clean(&s.title);
    if state.checklist.running_step().is_some() {
        let cancel = work::keys(state, Action::Cancel);
        return vec![
            format!("Running: {title}. {}", work::sentence(&s.help)),
            format!("{cancel} cancels it; what was proved before stays."),
        ];
    }
    if s.act {
        return vec![format!(
            "Nothing holds: {} applies {}, after you typed the target's name.",
            key(Action::Apply),
            shown_range(&v.range)
        )];
    }
    let why = s.why_not.first().or(Some(&s.summary)).filter(|t| !t.is_empty() && *t != "not done");
    let why = why.map_or_else(|| ".".into(), |w| format!(": {}", text::clean(&dotted(w))));
    // What a program can do at once holds nobody up yet.
    let holds = s.hold || !state.checklist.of_incident();
    let held = holds && v.missing().any(|m| m.id == s.id) && (s.state != StepState::Waiting || s.kind == StepKind::Signed);
    let mut out = vec![format!("{} {title}{why}", if held { "Held." } else { "Next:" })];
    if s.kind == StepKind::Signed {
        out.push(format!("{} signs it.", key(Action::Sign)));
    } else if s.id == APPLIED_EARLIER && s.state == StepState::Failed {
        out.push(format!("{} offers to do it there.", key(Action::RunNext)));
    } else if s.id == RECORD {
        out.push(format!("{} does it, after a question; until then {} is covered.", key(Action::RunNext), key(Action::Revert)));
    } else {
        out.push(format!("{} runs it, {} all that need nobody.", key(Action::RunNext), key(Action::RunProvable)));
    }
    if !s.next.is_empty() && !s.next.starts_with("Run the step") {
        out.push(work::sentence(&s.next));
    }
    if !s.command.is_empty() && !s.next.contains(&s.command) {
        out.push(format!("Or: {}", text::clean(&s.command)));
    }
    if !s.voids_if.is_empty() {
        out.push(work::sentence(&s.voids_if));
    }
    out
}

/// With a full stop, and otherwise as it is.
fn dotted(s: &str) -> String {
    let s = s.trim();
    if s.ends_with(['.', '!', '?']) { s.to_string() } else { format!("{s}.") }
}

/// What is shown of a job that proves a step: its own words, done of total.
pub fn running_job(state: &State) -> Option<(JobId, usize)> {
    let i = state.checklist.running_step()?;
    let (work, _) = work::running(state)?;
    matches!(work.operation, Operation::RunNext(_) | Operation::RunProvable(_)).then_some((work.job, i))
}
