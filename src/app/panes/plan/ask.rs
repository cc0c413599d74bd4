//! Asking for plans: those that follow the typing, those that are asked for, and the question before a statement is measured
//! that is expected to take long.

use super::{PlanPane, View};
use crate::app::dialog::{Answer, Confirm, Then, Wanted};
use crate::app::effect::JobId;
use crate::app::layout::arrange;
use crate::app::list::ListCursor;
use crate::app::msg::Timer;
use crate::app::panes::plan::outline::Outline;
use crate::app::state::{Note, Pane};
use crate::app::{Effect, State, params};
use crate::model::plan::Plan;
use crate::model::{Dialect, Error, Kind, Param, Result};
use crate::ops;
use crate::sql::{self, Class};
use crate::text;
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest statement whose plan follows the typing, in bytes.
const LIVE_LONGEST: usize = 256 * 1024;
/// Typing pauses this long before a live plan is asked for.
const LIVE_AFTER: Duration = Duration::from_millis(350);

/// A statement with the values of its parameters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Asked {
    pub text: String,
    pub values: BTreeMap<String, Param>,
}

/// The statement under the cursor.
pub fn current(state: &State) -> Option<String> {
    let editor = &state.query.editor;
    let s = editor.statement()?;
    Some(editor.text()[s.span].to_string())
}

/// The editor's text or cursor moved: the plan may be of another statement now, and one that is being asked for is not wanted any
/// more.
pub fn touched(state: &mut State, effects: &mut Vec<Effect>) {
    // Compared where it stands: it may be megabytes.
    let editor = &state.query.editor;
    let now = editor.statement().map_or("", |s| &editor.text()[s.span]);
    let over = state.plan.from.is_some() && state.plan.over.as_deref().unwrap_or_default() == now;
    let waits_for_it = state.plan.waiting_for.as_deref() == Some(now);
    let stale = state.plan.plan.is_some() && now != state.plan.asked.text;
    if over {
        super::marks::follow_editor(state);
        return;
    }
    state.plan.stale = stale;
    if !state.plan.stale && state.plan.plan.is_some() {
        state.plan.error = None;
        super::marks::follow_editor(state);
        return;
    }
    state.plan.version += 1;
    if state.plan.waiting && !waits_for_it {
        effects.push(Effect::CancelLivePlan);
    }
    if state.plan.live && state.link.server().is_some() && arrange(state).has(Pane::Plan) {
        effects.push(Effect::After(LIVE_AFTER, Timer::LivePlan { version: state.plan.version }));
    }
}

/// The pause is over: ask, if the text is a complete read.
pub fn live(state: &mut State, version: u64, effects: &mut Vec<Effect>) {
    if version != state.plan.version || !arrange(state).has(Pane::Plan) {
        return;
    }
    if state.plan.waiting {
        // At most one is under way; this one is asked for when that one has ended.
        state.plan.missed = true;
        return;
    }
    let Some(server) = state.link.server() else { return };
    if server.no_plans.is_some() {
        return;
    }
    let dialect = server.dialect;
    let Some(s) = state.query.editor.statement() else {
        state.plan.error = None;
        return;
    };
    // Reading a statement of megabytes at each pause would make typing stall; its plan comes when it is asked for.
    if s.span.len() > LIVE_LONGEST {
        return;
    }
    let text = state.query.editor.text()[s.span.clone()].to_string();
    // Parameters that have no value yet are asked for when the plan is asked for.
    let Some(values) = params::remembered(state, &text) else { return };
    let sent = sql::params::inline(dialect, &text, &values).unwrap_or_else(|_| text.clone());
    if !s.complete || sql::classify(dialect, &sent).class != Class::Read {
        // What was wrong with the statement that stood here before is wrong with this one no more.
        if state.plan.asked.text != text {
            state.plan.error = None;
        }
        return;
    }
    state.plan.waiting = true;
    state.plan.waiting_for = Some(text.clone());
    effects.push(Effect::Explain { link: state.link_no, job: None, version, text, values, analyze: false });
}

/// Asks for the plan of the statement under the cursor, whatever it is.
pub fn ask(state: &mut State, analyze: bool, effects: &mut Vec<Effect>) {
    if !analyze && super::share::of_editor(state) {
        return;
    }
    let Some(server) = state.link.server() else {
        state.say(Note::warning("No target is open."));
        return;
    };
    if let Some(why) = server.no_plans.clone() {
        state.say(Note::warning(why));
        return;
    }
    let Some(text) = current(state) else {
        state.say(Note::info("There is no statement under the cursor."));
        return;
    };
    if !params::ask(state, Wanted::Plan { text: text.clone(), analyze }) {
        explain(state, text, BTreeMap::new(), analyze, effects);
    }
}

/// Asks for the plan of a statement whose parameters have these values. Measuring asks for the plain plan first.
pub fn explain(state: &mut State, text: String, values: BTreeMap<String, Param>, analyze: bool, effects: &mut Vec<Effect>) {
    let asked = Asked { text, values };
    if !analyze {
        send(state, asked, false, effects);
        return;
    }
    let dialect = state.query.editor.dialect();
    let sent = sql::params::inline(dialect, &asked.text, &asked.values).unwrap_or_else(|_| asked.text.clone());
    let mut verdict = sql::classify(dialect, &sent);
    if verdict.class == Class::Dml {
        super::write::look(state, asked, effects);
        return;
    }
    // A read that locks its rows is measured without its locking clause.
    if verdict.class == Class::Other
        && let Some(bare) = sql::locking::without_locks(dialect, &sent)
    {
        verdict = sql::classify(dialect, bare);
    }
    if verdict.class != Class::Read {
        state.say(Note::warning(format!("Not analysed, because analysing runs it: {}", verdict.reason)));
        return;
    }
    let under_way = state.plan.measuring.as_ref().is_some_and(|(job, m)| *m == asked && state.jobs.iter().any(|j| j.id == *job));
    if under_way || state.plan.then_analyze.as_ref() == Some(&asked) && state.jobs.iter().any(|j| j.title == "plan") {
        state.say(Note::info("This statement is being measured already. Ctrl-C cancels it."));
        return;
    }
    // Also where its plan is known: how busy the server is was asked for then, not now.
    state.plan.then_analyze = Some(asked.clone());
    send(state, asked, false, effects);
}

/// Asks without a question.
pub fn send(state: &mut State, asked: Asked, analyze: bool, effects: &mut Vec<Effect>) {
    let job = state.id();
    state.job(job, if analyze { "analyze" } else { "plan" }, false, effects);
    state.plan.version += 1;
    if analyze {
        state.plan.then_analyze = None;
        state.plan.measuring = Some((job, asked.clone()));
    }
    let version = state.plan.version;
    effects.push(Effect::Explain { link: state.link_no, job: Some(job), version, text: asked.text, values: asked.values, analyze });
    state.query.lower = Pane::Plan;
    if state.view.focus == Pane::Results {
        state.view.focus = Pane::Plan;
    }
}

/// Why a statement is asked about before it is measured.
fn heavy(state: &State, plan: &Plan) -> Option<String> {
    ops::explain::heavy(&state.link.server()?.target, plan)
}

fn question(state: &mut State, asked: Asked, numbers: String) {
    state.ask(Confirm {
        title: "Really run it?".into(),
        body: vec![
            numbers,
            "Measuring runs the statement to its end; it reads only, and is rolled back. It can be cancelled while it runs.".into(),
        ],
        answers: vec![Answer::new('n', "leave it", Then::Nothing), Answer::new('a', "analyze", Then::Analyze(asked))],
    });
}

/// Why the statement may be measured, for the verdict.
fn proof(dialect: Dialect, text: &str) -> String {
    let verdict = sql::classify(dialect, text);
    if verdict.class != Class::Read {
        return verdict.reason;
    }
    let list = |names: &[String]| {
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let more = names.len().saturating_sub(4);
        names.truncate(4);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{rest}", text::clean(&names.join(", ")))
    };
    match (verdict.calls.is_empty(), verdict.functions.is_empty()) {
        (true, _) => "one query, and it calls no function".into(),
        (false, true) => format!("one query, and what it calls only reads ({})", list(&verdict.calls)),
        (false, false) => format!("one query; by the catalogue {} writes nothing", list(&verdict.functions)),
    }
}

/// A plan came, or the reason why not.
pub fn planned(state: &mut State, job: Option<JobId>, version: u64, text: String, result: Result<Plan>, effects: &mut Vec<Effect>) {
    if let Some(id) = job {
        state.jobs.retain(|j| j.id != id);
    } else {
        state.plan.waiting = false;
        state.plan.waiting_for = None;
    }
    let then = state.plan.then_analyze.take_if(|a| job.is_some() && a.text == text);
    match result {
        Ok(plan) => {
            let values = then.as_ref().map(|a| a.values.clone()).or_else(|| params::remembered(state, &text)).unwrap_or_default();
            let dialect = state.query.editor.dialect();
            let sent = sql::params::inline(dialect, &text, &values).unwrap_or_else(|_| text.clone());
            state.plan.proof = proof(dialect, &sent);
            state.plan.writes = (sql::classify(dialect, &sent).class == Class::Dml).then(|| "only planned, not run".to_string());
            (state.plan.from, state.plan.over) = (None, None);
            state.plan.stale = current(state).is_some_and(|now| now != text);
            take(state, plan, Asked { text, values });
            if let Some(asked) = then {
                match state.plan.plan.as_ref().and_then(|p| heavy(state, p)) {
                    Some(numbers) => question(state, asked, numbers),
                    None => send(state, asked, true, effects),
                }
            }
        }
        // The text went on: nobody waits for that plan.
        Err(e) if job.is_none() && e.kind == Kind::Cancelled => {}
        Err(e) => failed(state, job, e),
    }
    // The text went on while the answer was on its way, and its own pause is over.
    if std::mem::take(&mut state.plan.missed) && version != state.plan.version {
        effects.push(Effect::After(Duration::ZERO, Timer::LivePlan { version: state.plan.version }));
    }
}

fn failed(state: &mut State, job: Option<JobId>, e: Error) {
    if job.is_some() {
        let cancelled = e.kind == Kind::Cancelled;
        state.say(if cancelled { Note::info("Cancelled; the session is kept.") } else { Note::error(&e) });
    }
    state.plan.error = Some(e);
}

/// Puts a plan on the screen. One of the same shape keeps the cursor, the folds and what is looked for.
pub fn take(state: &mut State, plan: Plan, asked: Asked) {
    let outline = Outline::new(&plan);
    super::kept::step_aside(state);
    state.plan.at_time = Some(state.now);
    let pane: &mut PlanPane = &mut state.plan;
    let same = pane.outline.same_shape(&outline);
    let at = pane.at();
    let folds: Vec<bool> = if same { pane.outline.lines.iter().map(|l| l.folded).collect() } else { Vec::new() };
    pane.outline = outline;
    pane.outline.fold_as(&folds);
    if !pane.outline.has(pane.heat) {
        pane.heat = pane.outline.next_heat(pane.heat);
    }
    if pane.asked.text != asked.text && !same {
        pane.list = ListCursor::default();
        pane.view = View::Tree;
    }
    pane.plan = Some(plan);
    pane.error = None;
    pane.asked = asked;
    pane.details_top = 0;
    pane.places = None;
    super::search::find(state);
    super::go_to(state, if same { at } else { 0 });
}
