//! The plan pane: a tree that follows the typing, or one that was asked for; the last good one stays, marked stale.

pub mod advice;
pub mod ask;
pub mod details;
pub mod kept;
pub mod marks;
pub mod outline;
pub mod performance;
pub mod search;
pub mod share;
pub mod trial;
pub mod write;

use crate::app::dialog::{Dialog, Viewer};
use crate::app::effect::JobId;
use crate::app::layout::arrange;
use crate::app::links::{Goal, Line as Link, Links};
use crate::app::list::ListCursor;
use crate::app::state::{Note, Pane};
use crate::app::{Action, Effect, State};
use crate::model::Error;
use crate::model::plan::{Plan, PlanNode};
use crate::text;
use jiff::Timestamp;
use std::ops::Range;

pub use crate::plan::words;
pub use ask::{Asked, ask, explain, live, planned, touched};
pub use outline::{Heat, Outline};

/// How the nodes are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    #[default]
    Tree,
    /// A node is as wide as its share of the time.
    Flame,
    /// A node is as wide as its rows.
    Flow,
}

/// See the module.
#[derive(Debug, Default)]
pub struct PlanPane {
    pub plan: Option<Plan>,
    /// The tree as lines.
    pub outline: Outline,
    pub heat: Heat,
    pub view: View,
    /// The statement that the plan belongs to, with its values.
    pub asked: Asked,
    /// Why the statement may be run to be measured.
    pub proof: String,
    /// The plan comes from there and was not asked for now: a file, the history.
    pub from: Option<String>,
    /// … while this statement stood under the cursor; another one takes its place.
    over: Option<String>,
    /// When it came.
    pub at_time: Option<Timestamp>,
    /// What advice was given last, for the page that lists it.
    pub advice: Option<Box<crate::ops::advice::Report>>,
    /// Kept by hand, to compare with.
    pub kept: Option<kept::Other>,
    /// The one that was on the screen before.
    pub previous: Option<kept::Other>,
    /// The text under the cursor is another one by now.
    pub stale: bool,
    /// Why the newest text has no plan.
    pub error: Option<Error>,
    /// A live plan is asked for and not answered yet.
    pub waiting: bool,
    /// … of this text.
    waiting_for: Option<String>,
    /// A pause ended while one was under way.
    missed: bool,
    pub live: bool,
    /// Among the visible lines of the outline.
    pub list: ListCursor,
    /// First line of the details that is shown.
    pub details_top: usize,
    pub search: search::Search,
    /// Of a plan of a statement that writes: what was done with it.
    pub writes: Option<String>,
    /// A statement that writes, while it is asked about.
    write: Option<Box<write::Seen>>,
    /// Measured as soon as its plain plan is there and is not too heavy.
    then_analyze: Option<Asked>,
    /// What was sent last to be measured, and its job.
    measuring: Option<(JobId, Asked)>,
    /// What the node under the cursor is in the statement: its table and its conditions, as bytes of the statement.
    pub marks: Vec<Range<usize>>,
    /// The same for every node, once it was needed.
    places: Option<Vec<Vec<Range<usize>>>>,
    /// Counts changes; a timer or an answer of an older one is dropped.
    pub version: u64,
}

impl PlanPane {
    /// Without a plan; whether one follows the typing.
    pub fn new(live: bool) -> Self {
        PlanPane { live, ..PlanPane::default() }
    }

    /// The line of the outline that the cursor is on.
    pub fn at(&self) -> usize {
        self.outline.visible.get(self.list.at).copied().unwrap_or(0)
    }

    /// The node of a line.
    pub fn node(&self, at: usize) -> Option<&PlanNode> {
        self.plan.as_ref()?.root.at(&self.outline.path(at))
    }
}

/// Rows of the pane by what they show, top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Verdict, and where the total went.
    pub told: usize,
    /// Names of the columns.
    pub head: usize,
    pub tree: usize,
    /// What is known of the chosen node, with its title.
    pub details: usize,
}

/// Divides `height` rows. The tree has what it needs, up to two thirds; details take the rest.
pub fn parts(pane: &PlanPane, height: usize) -> Parts {
    let Some(plan) = &pane.plan else { return Parts { told: 0, head: 0, tree: height, details: 0 } };
    let told = match height {
        // There the heading has to do.
        h if h < 9 => 0,
        h if h < 16 => 1,
        _ => 2,
    };
    // Of what was not run there is little to tell.
    let told = if plan.analyzed { told } else { usize::from(height >= 14) };
    let figures = pane.outline.figures || pane.view != View::Tree;
    let head = usize::from(height >= 6 && figures);
    let rest = height - told - head;
    let least = match rest {
        r if r < 5 => 0,
        r if r < 10 => 3,
        r => (r / 3).clamp(4, 14),
    };
    let nodes = if pane.view == View::Flame {
        pane.outline.lines.iter().map(|l| l.depth + 1).max().unwrap_or(1)
    } else {
        pane.outline.visible.len()
    };
    let tree = nodes.min(rest - least).max(rest.min(3));
    Parts { told, head, tree, details: rest - tree }
}

fn page(state: &State) -> usize {
    let h = arrange(state).inside(Pane::Plan).map_or(10, |a| usize::from(a.h));
    let search = usize::from(state.plan.search.open);
    parts(&state.plan, h.saturating_sub(search)).tree
}

/// Puts the cursor on a line of the outline, unfolding what hides it.
pub fn go_to(state: &mut State, at: usize) {
    let pane = &mut state.plan;
    if pane.outline.visible.binary_search(&at).is_err() && at < pane.outline.lines.len() {
        pane.outline.reveal(at);
    }
    let before = pane.at();
    pane.list.at = pane.outline.place(at);
    if before != at {
        pane.details_top = 0;
    }
    settle(state);
}

/// The tree on a screen of another size.
pub fn follow(state: &mut State) {
    let page = page(state);
    state.plan.list.follow(state.plan.outline.visible.len(), page);
}

/// After the cursor or the lines changed: on the screen, and marked in the statement.
fn settle(state: &mut State) {
    let page = page(state);
    let pane = &mut state.plan;
    pane.list.follow(pane.outline.visible.len(), page);
    marks::node_to_sql(state);
}

/// Does an action of this pane; false when it is none of its own.
pub fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let (len, page) = (state.plan.outline.visible.len(), page(state));
    if state.plan.view == View::Flame && flame_move(state, action) {
        return true;
    }
    let before = state.plan.list.at;
    if state.plan.list.go(action, len, page) {
        if state.plan.list.at != before {
            state.plan.details_top = 0;
        }
        settle(state);
        return true;
    }
    match action {
        Action::Left => left(state),
        Action::Right => right(state),
        Action::Open => open(state),
        Action::Raw => {
            if let Some(p) = &state.plan.plan {
                state.dialogs.push(Dialog::Viewer(Viewer::new("Plan as the server sent it", p.raw.clone())));
            }
        }
        Action::Copy => {
            let pane = &state.plan;
            if let (Some(p), Some(n)) = (&pane.plan, pane.node(pane.at())) {
                effects.push(Effect::Copy(details::page(p, n, &pane.outline.path(pane.at()))));
            }
        }
        Action::Filter => search::open(state),
        Action::FindNextText => search::next(state, true),
        Action::FindPreviousText => search::next(state, false),
        Action::Back if !state.plan.search.text().is_empty() => state.plan.search = search::Search::default(),
        Action::Back if state.plan.view != View::Tree => state.plan.view = View::Tree,
        _ => return own(state, action, effects),
    }
    settle(state);
    true
}

/// Actions that belong to the plan wherever they are asked for; false for others.
pub fn own(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    match action {
        Action::Advise => advice::ask(state, false, effects),
        Action::AdviseMeasured => advice::ask(state, true, effects),
        Action::PinPlan => kept::pin(state),
        Action::ComparePlans => kept::compare_now(state),
        Action::PlanHistory => kept::ask(state, effects),
        Action::SharePlan => share::ask(state),
        Action::OpenPlan => share::ask_file(state),
        Action::WhatIf => trial::ask_what_if(state),
        Action::ParamSets => trial::ask_sets(state),
        Action::WritePlanTest => trial::ask_test(state, false),
        Action::RunPlanTest => performance::ask(state, effects),
        Action::Optimize => performance::optimize(state, effects),
        Action::PlanHeat => {
            let pane = &mut state.plan;
            pane.heat = pane.outline.next_heat(pane.heat);
            let words = format!("Heat is {}.", pane.outline.heat_name(pane.heat));
            state.say(Note::info(words));
        }
        Action::FoldCold => fold_cold(state),
        Action::NextHot => hot(state, true),
        Action::PreviousHot => hot(state, false),
        Action::FlameView => toggle(state, View::Flame),
        Action::FlowView => toggle(state, View::Flow),
        Action::PlanFindings => findings(state),
        Action::DetailsDown => state.plan.details_top += 1,
        Action::DetailsUp => state.plan.details_top = state.plan.details_top.saturating_sub(1),
        Action::ShowInSql => marks::show(state),
        _ => return false,
    }
    settle(state);
    true
}

fn toggle(state: &mut State, view: View) {
    state.plan.view = if state.plan.view == view { View::Tree } else { view };
}

fn fold_cold(state: &mut State) {
    let pane = &mut state.plan;
    let at = pane.at();
    if pane.outline.any_folded() {
        pane.outline.unfold_all();
        state.say(Note::info("All branches are unfolded."));
    } else {
        let hidden = pane.outline.fold_cold(pane.heat);
        let words = match hidden {
            0 => "No branch is cold: nothing was folded.".to_string(),
            n => format!("{} in cold branches folded, by {}.", text::counted(n as u64, "node"), pane.outline.heat_name(pane.heat)),
        };
        state.say(Note::info(words));
    }
    let pane = &mut state.plan;
    pane.list.at = pane.outline.place(at);
}

fn hot(state: &mut State, forward: bool) {
    let pane = &state.plan;
    match pane.outline.next_hot(pane.at(), pane.heat, forward) {
        Some(to) => {
            let hot = pane.outline.hot(pane.heat);
            let rank = hot.iter().position(|h| *h == to).map_or(0, |r| r + 1);
            let words = format!("Hot node {rank} of {} by {}.", hot.len(), pane.outline.heat_name(pane.heat));
            go_to(state, to);
            state.say(Note::info(words));
        }
        None => {
            let words = format!("No node is hot by {}.", pane.outline.heat_name(pane.heat));
            state.say(Note::info(words));
        }
    }
}

/// Closes the branch, or goes to the node above.
fn left(state: &mut State) {
    let pane = &mut state.plan;
    let at = pane.at();
    if !pane.outline.fold(at, true)
        && let Some(p) = pane.outline.lines.get(at).and_then(|l| l.parent)
    {
        go_to(state, p);
    }
}

/// Opens the branch, or goes to the first node below.
fn right(state: &mut State) {
    let pane = &mut state.plan;
    let at = pane.at();
    let below = pane.outline.children(at).next();
    if !pane.outline.fold(at, false)
        && let Some(b) = below
    {
        go_to(state, b);
    }
}

/// Moves in the flame: up and down between levels, left and right between neighbours.
fn flame_move(state: &mut State, action: Action) -> bool {
    let pane = &state.plan;
    let at = pane.at();
    let Some(line) = pane.outline.lines.get(at) else { return false };
    let beside = |step: isize| {
        let all: Vec<usize> = line.parent.map_or_else(Vec::new, |p| pane.outline.children(p).collect());
        let here = all.iter().position(|c| *c == at)?;
        all.get(here.checked_add_signed(step)?).copied()
    };
    let to = match action {
        Action::Up => line.parent,
        // The widest one is where the time goes.
        Action::Down => pane.outline.children(at).reduce(|a, b| if width(pane, b) > width(pane, a) { b } else { a }),
        Action::Left => beside(-1),
        Action::Right => beside(1),
        _ => return false,
    };
    if let Some(to) = to {
        go_to(state, to);
    }
    true
}

/// What a node and all below it take in the flame: time, or cost where nothing was measured.
pub fn width(pane: &PlanPane, at: usize) -> f64 {
    let n = pane.node(at);
    // Where several processes work at a time, it is the slowest one that is waited for.
    let v = if pane.outline.timed { n.and_then(|n| n.wall_ms.or(n.total_ms)) } else { n.and_then(|n| n.est_total_cost) };
    v.unwrap_or(0.0).max(0.0)
}

fn open(state: &mut State) {
    let pane = &mut state.plan;
    let at = pane.at();
    if pane.outline.fold(at, false) {
        return;
    }
    if let (Some(p), Some(n)) = (&pane.plan, pane.node(at)) {
        let viewer = Viewer::new(words::label(n), details::page(p, n, &pane.outline.path(at))).prose(state.size.0);
        state.dialogs.push(Dialog::Viewer(viewer));
    }
}

/// All findings as a page; Enter goes to the node of one.
fn findings(state: &mut State) {
    let pane = &state.plan;
    let Some(plan) = &pane.plan else { return };
    if plan.findings.is_empty() {
        let words =
            if plan.analyzed { "Nothing was found in this plan." } else { "Nothing was found in the estimates; measuring shows more." };
        state.say(Note::info(words));
        return;
    }
    let width = usize::from(state.size.0.saturating_sub(14)).clamp(30, 104);
    let mut lines = Vec::new();
    for f in &plan.findings {
        let goal = f.nodes.first().map(|p| Goal::PlanNode(p.clone()));
        let who = f.nodes.first().and_then(|p| plan.root.at(p)).map_or_else(String::new, |n| format!(" · {}", words::short(n)));
        lines.push(Link { text: format!("{} {}{who}", f.id, text::clean(&f.name)), note: f.severity.word().into(), heading: false, goal });
        for l in text::wrap(&text::clean(&f.message), width) {
            lines.push(Link::plain(format!("    {l}")));
        }
        for l in text::wrap(&text::clean(&f.next), width.saturating_sub(6)).iter().filter(|l| !l.is_empty()) {
            lines.push(Link { note: l.clone(), text: "   ".into(), ..Link::default() });
        }
    }
    let page = crate::app::keys::dialog_rows(state.size.1);
    state.dialogs.push(Dialog::Links(Links::new(format!("Findings · {}", plan.findings.len()), lines, None, page)));
}

/// Goes to a node by its path.
pub fn go_to_path(state: &mut State, path: &[usize]) {
    if let Some(at) = state.plan.outline.index(path) {
        state.go(Pane::Plan);
        go_to(state, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Surroundings;
    use crate::config::keymap::Keymap;
    use std::path::Path;
    use std::sync::Arc;

    #[test]
    fn the_actions_of_the_pane_are_those_that_it_does() {
        let around = Surroundings::made_up(Path::new("/nowhere"), Path::new("/nowhere"), []);
        let config = Arc::new(crate::config::files::load_in(None, &around).unwrap());
        for a in Action::ALL {
            let mut state = State::new(config.clone(), Keymap::builtin().unwrap(), (120, 40), Timestamp::UNIX_EPOCH);
            assert_eq!(own(&mut state, *a, &mut Vec::new()), a.of_plan(), "{}", a.name());
        }
    }
}
