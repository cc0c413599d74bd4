//! The plan and its statement point at each other: the node under the cursor marks its table and its conditions in the editor, and
//! the cursor in the editor goes to the node that its words are about.

use crate::app::State;
use crate::app::state::{Note, Pane};
use crate::plan::places::places;
use std::ops::Range;

/// Where in the editor's text the statement of the plan begins, while the two belong together.
fn offset(state: &State) -> Option<usize> {
    let pane = &state.plan;
    if pane.stale || pane.plan.is_none() {
        return None;
    }
    let editor = &state.query.editor;
    let s = editor.statement()?;
    (editor.text().get(s.span.clone())? == pane.asked.text).then_some(s.span.start)
}

/// The bytes of the editor's text that the chosen node is about, in their order.
pub fn marked(state: &State) -> Vec<Range<usize>> {
    if state.plan.marks.is_empty() {
        return Vec::new();
    }
    offset(state).map_or_else(Vec::new, |o| state.plan.marks.iter().map(|r| r.start + o..r.end + o).collect())
}

/// Reads the statement for all nodes, once for a plan.
fn read(state: &mut State) {
    let dialect = state.query.editor.dialect();
    let pane = &mut state.plan;
    if pane.places.is_none()
        && let Some(p) = &pane.plan
    {
        pane.places = Some(places(dialect, &pane.asked.text, &p.root));
    }
}

/// The cursor in the plan moved.
pub(super) fn node_to_sql(state: &mut State) {
    // Only who works in the plan sees where its nodes are; while one types, marks would be noise.
    if state.view.focus != Pane::Plan {
        state.plan.marks.clear();
        return;
    }
    read(state);
    let pane = &mut state.plan;
    let at = pane.at();
    pane.marks = pane.places.as_ref().and_then(|p| p.get(at)).cloned().unwrap_or_default();
}

/// The cursor in the editor moved: the plan's goes to the node whose words it stands in.
pub(super) fn follow_editor(state: &mut State) {
    if state.view.focus != Pane::Editor {
        return;
    }
    state.plan.marks.clear();
    let Some(start) = offset(state) else { return };
    let Some(byte) = state.query.editor.cursor_byte().checked_sub(start) else { return };
    read(state);
    let pane = &state.plan;
    let Some(all) = &pane.places else { return };
    // The narrowest words win; of several nodes that they belong to, the one nearest to the data.
    let narrowest = all
        .iter()
        .enumerate()
        .flat_map(|(i, ranges)| ranges.iter().map(move |r| (r.len(), pane.outline.lines.get(i).map_or(0, |l| l.depth), i, r)))
        .filter(|(_, _, _, r)| r.start <= byte && byte <= r.end)
        .min_by_key(|(len, depth, ..)| (*len, usize::MAX - *depth));
    if let Some((_, _, at, _)) = narrowest
        && at != pane.at()
    {
        super::go_to(state, at);
    }
}

/// Puts the editor's cursor where the chosen node is in the statement, and goes there.
pub(super) fn show(state: &mut State) {
    node_to_sql(state);
    match marked(state).first().map(|r| r.start) {
        Some(byte) => {
            let at = state.plan.at();
            state.query.editor.go_to_byte(byte);
            state.go(Pane::Editor);
            state.view.typing = false;
            crate::app::panes::query::follow(state);
            super::go_to(state, at);
        }
        None if state.plan.stale => state.say(Note::info("The plan is of another text than the one in the editor.")),
        None => state.say(Note::info("This step has no words of its own in the statement.")),
    }
}
