//! Other checklists than the migrations' one: the list to choose from, and what is shown in its place.

use crate::app::dialog::{Dialog, page_width};
use crate::app::effect::Operation;
use crate::app::links::{Goal, Line, Links};
use crate::app::state::{Note, Pane};
use crate::app::work;
use crate::app::{Action, Effect, State, keys, update};
use crate::model::{Error, Result};
use crate::ops::checklist::RunView;
use crate::ops::checklists::{Listed, Which};
use crate::text;

/// A checklist that is shown in the place of the migrations' one.
#[derive(Debug)]
pub struct Other {
    pub which: Which,
    pub view: Option<Box<RunView>>,
    pub loading: bool,
    pub error: Option<Error>,
}

/// What only the checklist of migrations has.
pub(super) fn of_migrations(action: Action) -> bool {
    matches!(action, Action::Apply | Action::Revert | Action::StartRun | Action::CloseRun | Action::Sign)
}

/// Says where what was asked for belongs.
pub(super) fn not_here(state: &mut State, action: Action) {
    let key = work::keys_in(state, Pane::Checklist, Action::Checklists);
    let what = action.short();
    state.say(Note::info(format!("Nothing to {what} here: that belongs to the checklist of migrations, which {key} lists.")));
}

/// Reads the one that is shown again.
pub(super) fn load(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(o) = &mut state.checklist.other else { return };
    o.loading = true;
    let which = o.which.clone();
    work::read(state, Operation::Checklist(which), effects);
}

/// Asks what there is to choose from.
pub(super) fn ask(state: &mut State, effects: &mut Vec<Effect>) {
    if state.link.server().is_none() {
        return state.say(Note::info("No target is open."));
    }
    work::read(state, Operation::Checklists, effects);
}

/// The checklists came: a page to choose from.
pub fn listed(state: &mut State, result: Result<Vec<Listed>>) {
    let all = match result {
        Ok(all) => all,
        Err(e) => return work::failed(state, &e),
    };
    let width = usize::from(page_width(state.size.0)).saturating_sub(4).max(30);
    let now = state.checklist.which();
    let (mut lines, mut at) = (Vec::new(), None);
    for l in all {
        if !lines.is_empty() {
            lines.push(Line::plain(""));
        }
        lines.push(Line::heading(text::clean(&l.title)));
        lines.extend(text::wrap(&text::clean(&l.about), width.saturating_sub(2)).into_iter().map(|p| Line::plain(format!("  {p}"))));
        let name_w = l.entries.iter().map(|e| text::width(&text::clean(&e.name))).max().unwrap_or(0).min(32);
        for e in l.entries {
            let name = text::clean(&e.name);
            let name = text::truncate(&name, 32);
            let pad = " ".repeat(name_w.saturating_sub(text::width(&name)));
            if e.which == now {
                at = Some(lines.len());
            }
            let words = text::clean(&e.words).into_owned();
            lines.push(Line { text: format!("  {name}{pad}"), note: words, heading: false, goal: Some(Goal::Checklist(e.which)) });
        }
        if !l.note.is_empty() {
            let note = text::clean(&l.note);
            lines.extend(text::wrap(&note, width.saturating_sub(2)).into_iter().map(|p| Line {
                note: p,
                text: String::new(),
                ..Line::default()
            }));
        }
    }
    let rows = keys::dialog_rows(state.size.1);
    state.dialogs.push(Dialog::Links(Links::new("Checklists", lines, at, rows)));
}

/// Goes to the pane and shows that checklist, read again.
pub fn choose(state: &mut State, which: Which, effects: &mut Vec<Effect>) {
    if state.checklist.which() != which {
        let other = Other { which: which.clone(), view: None, loading: false, error: None };
        state.checklist.other = (!which.is_migrations()).then_some(other);
        // The step that waits, where it is known.
        state.checklist.list.at = state.checklist.shown().and_then(|v| v.next).unwrap_or(0);
    }
    update::act(state, Action::GoChecklist, effects);
    super::follow(state);
}
