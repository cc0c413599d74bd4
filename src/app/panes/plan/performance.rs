//! Performance tests in the plan pane: the project's list, a run with its numbers, and the checklist that leads a statement through one.

use super::trial::{Trial, asked, needed, start};
use crate::app::dialog::{Answer, Confirm, Dialog, Then, page_width};
use crate::app::links::{Goal, Line, Links};
use crate::app::panes::checklist;
use crate::app::state::{Note, Pane};
use crate::app::{Action, Effect, State, keys, work};
use crate::model::{Error, Kind, Result};
use crate::ops::checklists::Which;
use crate::ops::plan_test::{Known, TestReport};
use crate::plan::requirement::Standing;
use crate::text;
use std::path::{Path, PathBuf};

/// What the list of tests is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// One is to be run.
    Run,
    /// The checklist `query-optimization` is to be shown for one of the statement.
    Optimize,
}

/// A test that was run.
#[derive(Debug)]
pub struct Ran {
    pub path: PathBuf,
    /// It was asked for whatever it costs.
    pub anyway: bool,
    /// An error of the kind *held*: it is not safe to run.
    pub result: Result<TestReport>,
    /// Why the run is not on record.
    pub unkept: Option<String>,
}

/// A path as it is shown: from the project's directory on where it is below that.
pub(super) fn shown(state: &State, path: &Path) -> String {
    let dir = &state.config.project_dir;
    let short = path.strip_prefix(dir).or_else(|_| path.strip_prefix(dir.canonicalize().unwrap_or_default())).unwrap_or(path);
    text::clean(&short.display().to_string()).into_owned()
}

/// Why no test can be run here.
fn refused(state: &State) -> Option<String> {
    match state.link.server() {
        None => Some("No target is open.".into()),
        Some(s) => s.no_plans.clone(),
    }
}

/// Asks for the project's tests.
pub(super) fn ask(state: &mut State, effects: &mut Vec<Effect>) {
    if let Some(why) = refused(state) {
        return state.say(Note::warning(why));
    }
    let sql = asked(state).map(|a| a.text);
    start(state, "reading the tests", Trial::Tests { sql, wanted: Wanted::Run }, effects);
}

/// Asks which test the statement has; without one it is written first.
pub(super) fn optimize(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(a) = needed(state) else { return };
    start(state, "looking for its test", Trial::Tests { sql: Some(a.text), wanted: Wanted::Optimize }, effects);
}

/// The tests came.
pub(super) fn told(state: &mut State, known: Vec<Known>, wanted: Wanted, effects: &mut Vec<Effect>) {
    match wanted {
        Wanted::Run if known.is_empty() => {
            let key = work::keys_in(state, Pane::Plan, Action::WritePlanTest);
            state.say(Note::info(format!("No performance test is in plan-tests yet: {key} in the plan writes one of its statement.")));
        }
        Wanted::Run => list(state, "Performance tests", &known, |k| Goal::RunTest(k.path.clone())),
        Wanted::Optimize => {
            let of_it: Vec<Known> = known.into_iter().filter(|k| k.same).collect();
            match of_it.as_slice() {
                [] => super::trial::ask_test(state, true),
                [one] => checklist::choose(state, Which::optimization(&one.path), effects),
                several => list(state, "Which test of the statement?", several, |k| Goal::Checklist(Which::optimization(&k.path))),
            }
        }
    }
}

/// A page of tests, each leading to where `goal` says.
fn list(state: &mut State, title: &str, known: &[Known], goal: impl Fn(&Known) -> Goal) {
    let mut lines = Vec::new();
    let name_w = known.iter().map(|k| text::width(&text::clean(&k.name))).max().unwrap_or(0).min(28);
    let several = known.iter().any(|k| k.same) && known.iter().any(|k| !k.same);
    let mut before = None;
    for k in known {
        if several && before != Some(k.same) {
            if before.is_some() {
                lines.push(Line::plain(""));
            }
            lines.push(Line::heading(if k.same { "Of this statement" } else { "Others" }));
            before = Some(k.same);
        }
        let name = text::clean(&k.name);
        let name = text::truncate(&name, 28);
        let pad = " ".repeat(name_w.saturating_sub(text::width(&name)));
        let last = match &k.last {
            Some((verdict, at)) => format!("{verdict}, {}", at.get(..16).unwrap_or(at).replace('T', " ")),
            None => "not run yet".into(),
        };
        let note = match &k.problem {
            Some(why) => why.clone(),
            None => format!("{last} · {}", k.require.join(", ")),
        };
        let goal = if k.problem.is_none() { Some(goal(k)) } else { Some(Goal::File(k.path.clone())) };
        lines.push(Line { text: format!("{name}{pad}"), note: text::clean(&note).into_owned(), heading: false, goal });
    }
    let rows = keys::dialog_rows(state.size.1);
    state.dialogs.push(Dialog::Links(Links::new(title, lines, None, rows)));
}

/// Runs a test.
pub fn run(state: &mut State, path: PathBuf, anyway: bool, effects: &mut Vec<Effect>) {
    if let Some(why) = refused(state) {
        return state.say(Note::warning(why));
    }
    start(state, "running the test", Trial::Run { path, anyway }, effects);
}

/// It was run: the verdict with its numbers, or why it is not safe.
pub(super) fn ran(state: &mut State, ran: Ran) {
    let report = match ran.result {
        Ok(r) => r,
        Err(e) if e.kind == Kind::Cancelled => return state.say(Note::info("Cancelled; nothing is left of it.")),
        Err(e) if e.kind == Kind::Held => return unsafe_to_run(state, ran.path, ran.anyway, &e),
        Err(e) => return work::failed(state, &e),
    };
    let width = usize::from(page_width(state.size.0)).saturating_sub(2).max(30);
    let mut lines: Vec<Line> = Vec::new();
    for (i, l) in report.lines().iter().enumerate() {
        for part in text::wrap(&text::clean(l), width) {
            lines.push(if i == 0 { Line::heading(part) } else { Line::plain(part) });
        }
    }
    lines.push(Line::plain(""));
    let lead = |words: &str, note: String, goal| Line { text: format!("→ {words}"), note, heading: false, goal: Some(goal) };
    let first = lines.len();
    lines.push(lead("Go on with the checklist query-optimization", String::new(), Goal::Checklist(Which::optimization(&ran.path))));
    lines.push(lead("Run it again", String::new(), Goal::RunTest(ran.path.clone())));
    lines.push(lead("Open its file in the editor", shown(state, &ran.path), Goal::File(ran.path.clone())));
    if let Some(why) = ran.unkept {
        lines.push(Line { note: format!("The run is not on record: {}", text::clean(&why)), ..Line::default() });
    }
    let words = format!("{}: {}", report.word().to_uppercase(), text::clean(&report.sentence()));
    state.say(match report.verdict {
        Standing::Pass => Note::ok(words),
        Standing::Fail | Standing::Inconclusive => Note::warning(words),
    });
    let rows = keys::dialog_rows(state.size.1);
    // The verdict is read first, and Enter goes on.
    let at = if first < rows { Some(first) } else { Some(0) };
    let title = format!("Performance test · {}", text::clean(&report.name));
    state.dialogs.push(Dialog::Links(Links::new(title, lines, at, rows)));
}

/// The verdict *unsafe*: it was not run. What is only costly may be run all the same.
fn unsafe_to_run(state: &mut State, path: PathBuf, anyway: bool, e: &Error) {
    let mut body = vec![work::sentence(&e.message)];
    body.extend(e.hints.iter().map(|h| work::sentence(h)));
    body.push(format!("The test is {}.", shown(state, &path)));
    let mut answers = vec![Answer::new('n', "leave it", Then::Nothing)];
    if !anyway {
        answers.push(Answer::new('a', "run it all the same", Then::RunTest(path)));
    }
    state.say(Note::warning(format!("UNSAFE: {}", e.message)));
    state.ask(Confirm { title: "Unsafe: the test was not run".into(), body, answers });
}
