//! Measuring a statement that writes: what it sets off is shown first, then a person chooses where it is run.

use super::Asked;
use super::trial::{Trial, start};
use crate::app::dialog::{Answer, Confirm, Dialog, Then, Viewer};
use crate::app::state::{Note, Pane};
use crate::app::{Effect, State};
use crate::ops::gate::{Missing, Place, Prospect};
use crate::ops::write_trial::Tried;
use crate::sql::params::inline;
use crate::text;

/// Rows of the question that its frame, its answers and what is said of the two places take.
const REST: usize = 12;
/// Columns of its text.
const WIDE: usize = 66;

/// What was found out before anything runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub asked: Asked,
    pub prospect: Prospect,
    /// What making a copy means; `None` where there can be none.
    pub copy: Option<String>,
    /// Why the server would rather not: cost or load, by the plain plan.
    pub heavy: Option<String>,
}

/// What it came to.
#[derive(Debug)]
pub struct Done {
    pub asked: Asked,
    pub tried: Tried,
}

/// Asks what the statement sets off.
pub(super) fn look(state: &mut State, asked: Asked, effects: &mut Vec<Effect>) {
    let dialect = state.query.editor.dialect();
    match inline(dialect, &asked.text, &asked.values) {
        Err(name) => state.say(Note::warning(format!("{name} has no value yet: show the plan first."))),
        Ok(text) => start(state, "what the statement sets off", Trial::LookAtWrite { asked, text }, effects),
    }
}

/// It is known: the question.
pub(super) fn seen(state: &mut State, seen: Seen) {
    state.plan.write = Some(Box::new(seen));
    ask(state);
}

fn why_not(missing: &[Missing]) -> String {
    missing.iter().map(|m| m.why.clone()).collect::<Vec<_>>().join("; ")
}

fn ask(state: &mut State) {
    let Some(seen) = &state.plan.write else { return };
    let p = &seen.prospect;
    let all = p.lines();
    // As much as fits; all of it is behind a key of its own.
    let room = usize::from(state.size.1).saturating_sub(REST).clamp(3, 16);
    let mut rows = 0;
    let fits = |l: &&String| {
        rows += text::wrap(l, WIDE).len();
        rows <= room
    };
    let mut body: Vec<String> = all.iter().take_while(fits).cloned().collect();
    if all.len() > body.len() {
        body.push(format!("… and {} more: v shows all.", text::counted((all.len() - body.len()) as u64, "line")));
    }
    let mut answers = vec![Answer::new('n', "leave it", Then::Nothing)];
    match (&seen.copy, p.copy.is_empty()) {
        (Some(words), true) => {
            body.push(words.clone());
            answers.push(Answer::new('s', "on a scratch copy", Then::MeasureWrite(Place::Copy)));
        }
        _ => body.push(format!("Not on a copy: {}.", why_not(&p.copy))),
    }
    if p.here.is_empty() {
        body.extend(seen.heavy.clone());
        answers.push(Answer::new('r', "here, rolled back", Then::MeasureWrite(Place::Here)));
    } else {
        body.push(format!("Not on the target itself: {}.", why_not(&p.here)));
    }
    answers.push(Answer::new('v', "all of it", Then::ShowWrite));
    state.ask(Confirm { title: "It writes. Run it to measure?".into(), body, answers });
}

/// Shows all that is known; the question stays.
pub fn show(state: &mut State) {
    ask(state);
    let Some(seen) = &state.plan.write else { return };
    let p = &seen.prospect;
    let mut lines = p.lines();
    for (title, missing) in [("On a copy", &p.copy), ("On the target itself", &p.here)] {
        lines.push(String::new());
        lines.push(match missing.as_slice() {
            [] => format!("{title}: it may be run."),
            m => format!("{title} it is not run: {}.", why_not(m)),
        });
        lines.extend(missing.iter().map(|m| m.next.clone()).filter(|n| !n.is_empty()));
    }
    let page = Viewer::new("What the statement sets off", lines.join("\n")).prose(state.size.0);
    state.dialogs.push(Dialog::Viewer(page));
}

/// A person chose where.
pub fn measure(state: &mut State, place: Place, effects: &mut Vec<Effect>) {
    let Some(seen) = state.plan.write.take() else { return };
    let title = if place == Place::Copy { "measuring on a copy" } else { "measuring, rolled back" };
    let Seen { asked, prospect, .. } = *seen;
    let trial = Trial::Write { asked, text: prospect.statement, digest: prospect.digest, place };
    start(state, title, trial, effects);
}

/// It was run.
pub(super) fn done(state: &mut State, done: Done) {
    let Done { asked, tried } = done;
    if let Some(d) = tried.differs {
        state.say(Note::warning(d));
    }
    for n in tried.notes {
        state.say(Note::warning(n));
    }
    state.plan.version += 1;
    (state.plan.from, state.plan.over) = (None, None);
    state.plan.stale = super::ask::current(state).is_some_and(|now| now != asked.text);
    super::ask::take(state, tried.plan, asked);
    state.plan.writes = Some(tried.verdict);
    state.query.lower = Pane::Plan;
    if state.view.focus == Pane::Results {
        state.view.focus = Pane::Plan;
    }
}
