//! What uses an object, and related tables, as pages of lines that lead there.

use super::ask::{self, Ask};
use crate::app::dialog::Dialog;
use crate::app::keys::dialog_rows;
use crate::app::links::{Goal, Line, Links};
use crate::app::state::Note;
use crate::app::{Effect, State};
use crate::model::{NodeKind, NodePath, Result};
use crate::ops::used_by::{Mention, UsedBy};
use crate::text;

/// Asks what uses the object under the cursor.
pub fn ask_used_by(state: &mut State, effects: &mut Vec<Effect>) {
    let of = |k: NodeKind| !matches!(k, NodeKind::Schema | NodeKind::Group | NodeKind::Index | NodeKind::Constraint | NodeKind::Trigger);
    match state.schema.chosen_path().filter(|p| p.last().is_some_and(|(k, _)| of(*k))) {
        Some(at) => ask::ask(state, Ask::UsedBy { at }, effects),
        None => state.say(Note::info("What uses it is told of tables, views, columns and functions: choose one.")),
    }
}

fn title(at: &NodePath) -> String {
    // A column with its table; the schema is plain from the tree.
    let names: Vec<_> =
        at.0.iter().filter(|(k, _)| !matches!(k, NodeKind::Schema | NodeKind::Group)).map(|(_, n)| text::clean(n)).collect();
    names.join(".")
}

/// The answer came.
pub fn used_by(state: &mut State, at: &NodePath, result: Result<Box<UsedBy>>) {
    let found = match result {
        Ok(f) => f,
        Err(e) => return state.say(Note::error(&e)),
    };
    let mut lines = Vec::new();
    let groups: [(&str, &[NodeKind]); 8] = [
        ("Views", &[NodeKind::View, NodeKind::MaterializedView]),
        ("Functions", &[NodeKind::Function]),
        ("Foreign keys and constraints", &[NodeKind::Constraint]),
        ("Indexes", &[NodeKind::Index]),
        ("Triggers", &[NodeKind::Trigger]),
        ("Columns", &[NodeKind::Column]),
        ("Tables", &[NodeKind::Table]),
        ("Sequences and types", &[NodeKind::Sequence, NodeKind::Type]),
    ];
    for (heading, kinds) in groups {
        let of: Vec<_> = found.dependents.iter().filter(|d| kinds.contains(&d.kind)).collect();
        if of.is_empty() {
            continue;
        }
        lines.push(Line::heading(format!("{heading} ({})", of.len())));
        for d in of {
            let how = if d.by_text { "by text" } else { "" };
            let note: Vec<String> = [text::clean(&d.detail).into_owned(), how.to_string()].into_iter().filter(|n| !n.is_empty()).collect();
            let goal = Some(Goal::Node(d.path.clone()));
            lines.push(Line { text: format!("  {}", text::clean(&d.name)), note: note.join(" · "), goal, heading: false });
        }
    }
    for (heading, list) in [("Saved queries", &found.queries), ("Pending migrations", &found.migrations)] {
        if list.is_empty() {
            continue;
        }
        lines.push(Line::heading(format!("{heading} ({})", list.len())));
        lines.extend(list.iter().map(mention));
    }
    if found.is_empty() {
        lines.push(Line::plain("Nothing that is known."));
    }
    if !found.remarks.is_empty() {
        lines.push(Line::plain(""));
        let wrapped = found.remarks.iter().flat_map(|r| text::wrap(&text::clean(r), page_width(state)));
        lines.extend(wrapped.map(|note| Line { note, ..Line::default() }));
    }
    let page = Links::new(format!("What uses {}", title(at)), lines, None, dialog_rows(state.size.1));
    state.dialogs.push(Dialog::Links(page));
}

/// Columns that a page of lines has for them.
fn page_width(state: &State) -> usize {
    usize::from(state.size.0.saturating_sub(10).min(116))
}

fn mention(m: &Mention) -> Line {
    Line {
        text: format!("  {}", text::clean(&m.name)),
        note: format!("line {}: {}", m.line, text::clean(&m.text)),
        goal: Some(Goal::File(m.path.clone())),
        heading: false,
    }
}

/// Draws the tables round the one under the cursor.
pub fn related(state: &mut State) {
    let Some(at) = state.schema.chosen_relation() else {
        state.say(Note::info("Related tables are drawn round a table: choose one."));
        return;
    };
    let Some(names) = state.completion.names() else {
        state.say(Note::info("The names are still being read."));
        return;
    };
    let width = page_width(state);
    let (schema, table) = (at.name_of(NodeKind::Schema).unwrap_or_default(), at.last().map_or("", |(_, n)| n.as_str()));
    let (lines, middle) = crate::ops::sketch::sketch(&names, schema, table, width);
    let lines = lines.into_iter().map(|l| Line { text: l.text, note: String::new(), heading: l.heading, goal: l.goal.map(Goal::Node) });
    let page = Links::new(format!("Tables related to {}", title(&at)), lines.collect(), Some(middle), dialog_rows(state.size.1));
    state.dialogs.push(Dialog::Links(page));
}
