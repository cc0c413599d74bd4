//! Looking for a text in the nodes of a plan: a line at the foot of the pane, `n` and `N` from match to match.

use crate::app::State;
use crate::app::keys::field;
use crate::app::state::Note;
use crate::config::keymap::{Code, Key};
use crate::model::plan::PlanNode;
use tui_textarea::TextArea;

/// What is looked for.
#[derive(Debug, Default)]
pub struct Search {
    /// The line takes the keys.
    pub open: bool,
    pub needle: TextArea<'static>,
    /// Lines of the outline that match, in plan order.
    pub matches: Vec<usize>,
    /// Where the cursor was when the search began.
    origin: usize,
}

impl Search {
    pub fn text(&self) -> &str {
        self.needle.lines().first().map_or("", String::as_str)
    }
    /// Which match the cursor is on, counted from 1.
    pub fn place(&self, at: usize) -> Option<usize> {
        self.matches.binary_search(&at).ok().map(|i| i + 1)
    }
}

/// Whether a node holds the text anywhere: in its name, its conditions, its other attributes. In any case, unless a capital is
/// looked for.
fn holds(n: &PlanNode, needle: &str) -> bool {
    let exact = needle.chars().any(char::is_uppercase);
    let has = |s: &str| if exact { s.contains(needle) } else { s.to_lowercase().contains(needle) };
    let names = [Some(&n.op), Some(&n.raw_op), n.relation.as_ref(), n.alias.as_ref(), n.index.as_ref(), n.subplan.as_ref()];
    names.into_iter().flatten().any(|s| has(s))
        || n.conditions.iter().any(|(k, v)| has(k) || has(v))
        || n.attrs.iter().any(|(k, v)| has(k) || has(v))
}

/// Opens the line, with what was looked for before.
pub fn open(state: &mut State) {
    let pane = &mut state.plan;
    pane.search.origin = pane.at();
    pane.search.open = pane.plan.is_some();
}

/// Finds again: the pattern changed, or the plan did.
pub fn find(state: &mut State) {
    let pane = &mut state.plan;
    let needle = pane.search.text().to_string();
    pane.search.matches.clear();
    let Some(plan) = pane.plan.as_ref().filter(|_| !needle.is_empty()) else { return };
    let mut at = 0;
    let mut matches = Vec::new();
    plan.root.walk(0, &mut |_, n| {
        if holds(n, &needle) {
            matches.push(at);
        }
        at += 1;
    });
    pane.search.matches = matches;
}

/// Goes to the next match, or the one before; round the ends.
pub fn next(state: &mut State, forward: bool) {
    let at = state.plan.at();
    let m = &state.plan.search.matches;
    let to = if forward { m.iter().find(|i| **i > at).or(m.first()) } else { m.iter().rev().find(|i| **i < at).or(m.last()) };
    match to.copied() {
        Some(to) => super::go_to(state, to),
        None if state.plan.search.text().is_empty() => open(state),
        None => state.say(Note::info("No node holds that text.")),
    }
}

/// A key while the line is open; false: the pane takes it.
pub fn key(state: &mut State, key: Key) -> bool {
    match key.code {
        Code::Enter => state.plan.search.open = false,
        Code::Esc => {
            let origin = state.plan.search.origin;
            state.plan.search = Search::default();
            super::go_to(state, origin);
        }
        Code::Down => next(state, true),
        Code::Up => next(state, false),
        _ => {
            if !field(&mut state.plan.search.needle, key) {
                return false;
            }
            changed(state);
        }
    }
    true
}

/// Pasted into the line.
pub fn paste(state: &mut State, text: &str) {
    state.plan.search.needle.insert_str(text.lines().next().unwrap_or(""));
    changed(state);
}

/// The cursor goes to the first match from where the search began.
fn changed(state: &mut State) {
    find(state);
    let origin = state.plan.search.origin;
    let m = &state.plan.search.matches;
    let to = m.iter().find(|i| **i >= origin).or(m.first()).copied().unwrap_or(origin);
    super::go_to(state, to);
}
