//! The plan pane: a tree that follows the typing, or one that was asked for; the last good one stays, marked stale.

use crate::app::dialog::{Dialog, Viewer, Wanted};
use crate::app::editor::scroll;
use crate::app::effect::JobId;
use crate::app::layout::arrange;
use crate::app::list::ListCursor;
use crate::app::msg::Timer;
use crate::app::state::{Note, Pane};
use crate::app::{Action, Effect, State, params};
use crate::model::plan::{Plan, PlanNode};
use crate::model::{Error, Kind, Param, Result};
use crate::sql::{self, Class};
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest statement whose plan follows the typing, in bytes.
const LIVE_LONGEST: usize = 256 * 1024;
/// Typing pauses this long before a live plan is asked for (design §3: at least 300 ms).
const LIVE_AFTER: Duration = Duration::from_millis(350);

/// See the module.
#[derive(Debug, Default)]
pub struct PlanPane {
    pub plan: Option<Plan>,
    /// The statement that the plan belongs to.
    pub text: String,
    /// The text under the cursor is another one by now.
    pub stale: bool,
    /// Why the newest text has no plan.
    pub error: Option<Error>,
    /// Asked for and not answered yet.
    pub waiting: bool,
    pub live: bool,
    pub list: ListCursor,
    /// Counts changes; a timer or an answer of an older one is dropped.
    pub version: u64,
}

impl PlanPane {
    /// Nodes in tree order with their depth.
    pub fn nodes(&self) -> Vec<(usize, &PlanNode)> {
        let mut out = Vec::new();
        if let Some(p) = &self.plan {
            p.root.walk(0, &mut |depth, node| out.push((depth, node)));
        }
        out
    }

    fn len(&self) -> usize {
        let mut n = 0;
        if let Some(p) = &self.plan {
            p.root.walk(0, &mut |_, _| n += 1);
        }
        n
    }
}

/// Lines of the tree on the screen: the details of the chosen node take the rest.
pub fn tree_height(height: usize, nodes: usize) -> usize {
    let details = if height >= 12 { (height / 3).clamp(4, 9) } else { 2.min(height / 3) };
    height.saturating_sub(details).max(1).min(nodes.max(height.saturating_sub(details)))
}

fn page(state: &State) -> usize {
    let h = arrange(state).inside(Pane::Plan).map_or(10, |a| usize::from(a.h));
    // One line for the heading.
    tree_height(h.saturating_sub(1), state.plan.len())
}

/// The editor's text or cursor moved: the plan may be of another statement now.
pub fn touched(state: &mut State, effects: &mut Vec<Effect>) {
    let now = current(state).unwrap_or_default();
    state.plan.stale = state.plan.plan.is_some() && now != state.plan.text;
    if !state.plan.stale && state.plan.plan.is_some() {
        state.plan.error = None;
        return;
    }
    state.plan.version += 1;
    if state.plan.live && state.link.server().is_some() && arrange(state).has(Pane::Plan) {
        effects.push(Effect::After(LIVE_AFTER, Timer::LivePlan { version: state.plan.version }));
    }
}

fn current(state: &State) -> Option<String> {
    let editor = &state.query.editor;
    let s = editor.statement()?;
    Some(editor.text()[s.span].to_string())
}

/// The pause is over: ask, if the text is a complete read.
pub fn live(state: &mut State, version: u64, effects: &mut Vec<Effect>) {
    if version != state.plan.version || !arrange(state).has(Pane::Plan) || state.plan.waiting {
        return;
    }
    let Some(server) = state.link.server() else { return };
    if server.no_plans.is_some() {
        return;
    }
    let dialect = server.dialect;
    let Some(s) = state.query.editor.statement() else { return };
    // Reading a statement of megabytes at each pause would make typing stall; its plan comes when it is asked for.
    if s.span.len() > LIVE_LONGEST {
        return;
    }
    let text = state.query.editor.text()[s.span.clone()].to_string();
    // Parameters that have no value yet are asked for when the plan is asked for.
    let Some(values) = params::remembered(state, &text) else { return };
    let sent = sql::params::inline(dialect, &text, &values).unwrap_or_else(|_| text.clone());
    if !s.complete || sql::classify(dialect, &sent).class != Class::Read {
        return;
    }
    state.plan.waiting = true;
    effects.push(Effect::Explain { link: state.link_no, job: None, version, text, values, analyze: false });
}

/// Asks for the plan of the statement under the cursor, whatever it is.
pub fn ask(state: &mut State, analyze: bool, effects: &mut Vec<Effect>) {
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

/// Asks for the plan of a statement whose parameters have these values.
pub fn explain(state: &mut State, text: String, values: BTreeMap<String, Param>, analyze: bool, effects: &mut Vec<Effect>) {
    if analyze {
        let dialect = state.query.editor.dialect();
        let sent = sql::params::inline(dialect, &text, &values).unwrap_or_else(|_| text.clone());
        let verdict = sql::classify(dialect, &sent);
        if verdict.class != Class::Read {
            state.say(Note::warning(format!("Not analysed, because analysing runs it: {}", verdict.reason)));
            return;
        }
    }
    let job = state.id();
    state.job(job, if analyze { "analyze" } else { "plan" }, false, effects);
    state.plan.version += 1;
    let version = state.plan.version;
    effects.push(Effect::Explain { link: state.link_no, job: Some(job), version, text, values, analyze });
    state.query.lower = Pane::Plan;
    if state.view.focus == Pane::Results {
        state.view.focus = Pane::Plan;
    }
}

/// A plan came, or the reason why not.
pub fn planned(state: &mut State, job: Option<JobId>, version: u64, text: String, result: Result<Plan>, effects: &mut Vec<Effect>) {
    if let Some(id) = job {
        state.jobs.retain(|j| j.id != id);
    } else {
        state.plan.waiting = false;
    }
    match result {
        Ok(plan) => {
            let same = state.plan.text == text;
            state.plan.plan = Some(plan);
            state.plan.error = None;
            if !same {
                state.plan.list = ListCursor::default();
            }
            state.plan.stale = current(state).is_some_and(|now| now != text);
            state.plan.text = text;
            let (len, page) = (state.plan.len(), page(state));
            state.plan.list.follow(len, page);
        }
        Err(e) => {
            if job.is_some() {
                let cancelled = e.kind == Kind::Cancelled;
                state.say(if cancelled { Note::info("Cancelled; the session is kept.") } else { Note::error(&e) });
            }
            state.plan.error = Some(e);
        }
    }
    // The text went on while the answer was on its way.
    if version != state.plan.version && job.is_none() {
        effects.push(Effect::After(Duration::ZERO, Timer::LivePlan { version: state.plan.version }));
    }
}

/// Does an action of this pane; false when it is none of its own.
pub fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let _ = &effects;
    let (len, page) = (state.plan.len(), page(state));
    if state.plan.list.go(action, len, page) {
        return true;
    }
    match action {
        Action::Raw => {
            if let Some(p) = &state.plan.plan {
                state.dialogs.push(Dialog::Viewer(Viewer::new("Plan as the server sent it", p.raw.clone())));
            }
        }
        Action::Open => {
            let nodes = state.plan.nodes();
            if let Some((_, n)) = nodes.get(state.plan.list.at) {
                let text = details(n).join("\n");
                let title = crate::text::clean(&n.raw_op).into_owned();
                state.dialogs.push(Dialog::Viewer(Viewer::new(title, text)));
            }
        }
        Action::Copy => {
            if let Some(p) = &state.plan.plan {
                effects.push(Effect::Copy(p.raw.clone()));
            }
        }
        _ => return false,
    }
    let top = scroll(state.plan.list.top, state.plan.list.at, page, len);
    state.plan.list.top = top;
    true
}

/// All that is known of a node, one line each, not cleaned.
pub fn details(n: &PlanNode) -> Vec<String> {
    let mut out = Vec::new();
    for (k, v) in &n.conditions {
        out.push(format!("{k}  {v}"));
    }
    if let Some(r) = n.removed.total() {
        out.push(format!("removed {} rows", count(r)));
    }
    if let (Some(hit), Some(read)) = (n.pages.hit, n.pages.read) {
        out.push(format!("pages hit {}, read {}", crate::text::thousands(hit), crate::text::thousands(read)));
    }
    if let Some(c) = n.est_total_cost {
        out.push(format!("cost {:.2} to {c:.2}", n.est_startup_cost.unwrap_or(0.0)));
    }
    for (k, v) in &n.attrs {
        out.push(format!("{k}  {v}"));
    }
    if n.never_executed {
        out.push("never executed".into());
    }
    out
}

/// Rows for people: `20`, `9.8 k`, `10.0 M`.
pub fn count(n: f64) -> String {
    match n {
        n if n < 0.0 => "0".into(),
        n if n < 9_999.5 => crate::text::thousands(n.round() as u64),
        n if n < 999_500.0 => format!("{:.1} k", n / 1e3),
        n if n < 999_500_000.0 => format!("{:.1} M", n / 1e6),
        n => format!("{:.1} G", n / 1e9),
    }
}
