//! What the pane asks of the catalogue beyond lists and definitions, and what it does with the answers.

use super::{Loaded, Schema};
use crate::app::dialog::{Answer, Confirm, Then};
use crate::app::panes::query;
use crate::app::state::{Note, Pane};
use crate::app::{Effect, State};
use crate::model::{NodeKind, NodePath, Result, Usage};
use crate::ops::used_by::UsedBy;
use crate::sql::template::Template;
use crate::text;

/// A question to the catalogue; answered on the background session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The text of a statement over a table or view.
    Template { at: NodePath, template: Template },
    /// Sizes and use of a schema's relations.
    Usage { schema: NodePath },
    /// What uses an object.
    UsedBy { at: NodePath },
}

/// What came of an [`Ask`].
#[derive(Debug)]
pub enum Told {
    Template(Result<String>),
    Usage { schema: NodePath, result: Result<Usage> },
    UsedBy { at: NodePath, result: Result<Box<UsedBy>> },
}

/// The relation that a node is, or belongs to.
pub fn relation_of(path: &NodePath) -> Option<NodePath> {
    let at = path.0.iter().position(|(k, _)| matches!(k, NodeKind::Table | NodeKind::View | NodeKind::MaterializedView))?;
    Some(NodePath(path.0[..=at].to_vec()))
}

impl Schema {
    /// The table or view under the cursor, or the one that the node under it belongs to.
    pub fn chosen_relation(&self) -> Option<NodePath> {
        relation_of(&self.chosen_path()?)
    }
}

/// Asks which statement is to be written over the table under the cursor.
pub fn choose_template(state: &mut State) {
    let Some(at) = state.schema.chosen_relation() else {
        state.say(Note::info("A statement is written over a table or a view: choose one."));
        return;
    };
    let name = at.last().map_or_else(String::new, |(_, n)| text::clean(n).into_owned());
    let table = at.last().is_some_and(|(k, _)| *k == NodeKind::Table);
    let mut answers = vec![Answer::new('n', "none", Then::Nothing)];
    let each = [
        ('s', "SELECT", Template::Select),
        ('i', "INSERT", Template::Insert),
        ('u', "UPDATE", Template::Update),
        ('d', "DELETE", Template::Delete),
    ];
    for (key, label, template) in each {
        if table || template == Template::Select {
            answers.push(Answer::new(key, label, Then::Ask(Ask::Template { at: at.clone(), template })));
        }
    }
    state.ask(Confirm {
        title: format!("Write a statement over {name}"),
        body: vec!["It comes into the editor at the cursor; nothing is run.".into()],
        answers,
    });
}

/// Puts a question.
pub fn ask(state: &mut State, ask: Ask, effects: &mut Vec<Effect>) {
    if state.link.server().is_some() {
        effects.push(Effect::Schema { link: state.link_no, ask });
    }
}

/// An answer came.
pub fn told(state: &mut State, told: Told, effects: &mut Vec<Effect>) {
    match told {
        Told::Template(Ok(text)) => written(state, &text, effects),
        Told::Template(Err(e)) => state.say(Note::error(&e)),
        Told::UsedBy { at, result } => super::uses::used_by(state, &at, result),
        Told::Usage { schema, result } => measured(state, &schema, result),
    }
}

/// Shows or hides sizes and use.
pub fn toggle_sizes(state: &mut State, effects: &mut Vec<Effect>) {
    state.schema.sizes = !state.schema.sizes;
    if !state.schema.sizes {
        return;
    }
    for i in 0..state.schema.nodes.len() {
        let n = &state.schema.nodes[i];
        if n.node.kind == NodeKind::Schema && n.loaded == Loaded::Yes {
            let schema = state.schema.path(i);
            ask(state, Ask::Usage { schema }, effects);
        }
    }
}

/// A list of relations came: its figures are asked for where they are shown.
pub fn listed(state: &mut State, at: &NodePath, effects: &mut Vec<Effect>) {
    if state.schema.sizes && at.last().is_some_and(|(k, _)| *k == NodeKind::Schema) {
        ask(state, Ask::Usage { schema: at.clone() }, effects);
    }
}

fn measured(state: &mut State, schema: &NodePath, result: Result<Usage>) {
    match result {
        Ok(usage) => {
            state.schema.measured(schema, &usage.relations);
            // What holds for the server is told once, not with each list.
            let remarks = usage.remarks.join(" ");
            if !remarks.is_empty() && state.schema.remarked != remarks {
                state.say(Note::info(remarks.clone()));
                state.schema.remarked = remarks;
            }
        }
        Err(e) => state.say(Note::error(&e)),
    }
}

/// A statement goes into the editor, on lines of its own.
fn written(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    let editor = &mut state.query.editor;
    let at = editor.cursor_byte();
    let before = &editor.text()[..at];
    // A statement before it has to be ended, or the two would be one.
    let gap = match before.trim_end() {
        "" => "",
        // A shortcut ends with its line.
        b if b.rsplit('\n').next().is_some_and(|l| l.trim_start().starts_with('\\')) => "\n\n",
        b if !b.ends_with(';') => ";\n\n",
        _ if before.ends_with("\n\n") => "",
        _ if before.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    let with_gap = format!("{gap}{text}");
    editor.insert(&with_gap);
    query::edited(state, effects);
    crate::app::update::go(state, Pane::Editor, effects);
    state.view.typing = true;
}
