//! The schema tree: children are loaded when a node is opened; going to a node opens what stands above it.

mod ask;
mod tree;
mod uses;

pub use ask::{Ask, Told, ask, told};
pub use tree::{Goal, Loaded, Node, Schema};

use crate::app::dialog::{Dialog, Viewer};
use crate::app::state::{Note, Pane};
use crate::app::{Action, Effect, State};
use crate::model::{NodeKind, NodePath, Result, SchemaNode};
use crate::sql::template;
use crate::text;
use tui_textarea::TextArea;

/// Reads the tree from its root; what was open is opened again.
pub fn load(state: &mut State, effects: &mut Vec<Effect>) {
    state.schema.loading = true;
    state.schema.error = None;
    effects.push(Effect::Children { link: state.link_no, at: NodePath::root() });
}

/// Children came.
pub fn children(state: &mut State, at: &NodePath, result: Result<Vec<SchemaNode>>, effects: &mut Vec<Effect>) {
    let root = at.0.is_empty();
    let now = state.now;
    let again = state.schema.loaded(at, result, now);
    let asked = effects.len();
    // From behind: opening one does not move those before it.
    for i in again.iter().rev() {
        open(state, *i, effects);
    }
    if root {
        // A tree with a single schema, or the usual one, is opened at once: the first list should show tables.
        let schemas: Vec<usize> = (0..state.schema.nodes.len()).filter(|i| state.schema.nodes[*i].node.kind == NodeKind::Schema).collect();
        let own = state.link.server().map_or("", |s| s.identity.database.as_str());
        let named = |wanted: &dyn Fn(&str) -> bool| schemas.iter().copied().find(|i| wanted(&state.schema.nodes[*i].node.name));
        // Where a server's databases are its schemas, the one that the target names.
        let usual = named(&|n| n == own).or_else(|| named(&|n| matches!(n, "public" | "main")));
        // A tree that was read again opens what was open.
        let first = usual.or_else(|| (schemas.len() == 1).then(|| schemas[0])).filter(|_| again.is_empty());
        if let Some(i) = first {
            open(state, i, effects);
        }
    }
    pursue(state, effects);
    if effects.len() == asked && std::mem::take(&mut state.completion.wanted) {
        crate::app::completion::load(state, effects);
    }
    // Figures come behind the names: they do not keep completion waiting.
    ask::listed(state, at, effects);
    let page = page(state);
    let len = state.schema.visible.len();
    state.schema.list.follow(len, page);
}

/// The names of a list came before the rest of it.
pub fn outlined(state: &mut State, at: &NodePath, names: Vec<SchemaNode>) {
    if state.schema.outlined(at, names) {
        let (len, page) = (state.schema.visible.len(), page(state));
        state.schema.list.follow(len, page);
    }
}

fn page(state: &State) -> usize {
    let rows = crate::app::layout::arrange(state).inside(Pane::Schema).map_or(10, |a| usize::from(a.h));
    // The filter's line, and the headings of the figures.
    rows.saturating_sub(usize::from(state.schema.filter.is_some()) + usize::from(state.schema.sizes))
}

fn open(state: &mut State, index: usize, effects: &mut Vec<Effect>) {
    let link = state.link_no;
    let Some(n) = state.schema.nodes.get_mut(index) else { return };
    if !n.node.expandable {
        return;
    }
    n.open = true;
    if matches!(n.loaded, Loaded::No | Loaded::Failed(_)) {
        n.loaded = Loaded::Loading;
        effects.push(Effect::Children { link, at: state.schema.path(index) });
    }
    state.schema.renew();
}

/// Goes to the node of a path: opens what stands above it, as its lists come, and puts the cursor there.
pub fn jump(state: &mut State, to: NodePath, effects: &mut Vec<Effect>) {
    state.go(Pane::Schema);
    state.view.typing = false;
    // What is gone to may not match the filter.
    state.schema.filter = None;
    state.schema.filtering = false;
    state.schema.renew();
    state.schema.goal = Some(Goal { path: to, asked: true });
    pursue(state, effects);
    let (len, page) = (state.schema.visible.len(), page(state));
    state.schema.list.follow(len, page);
}

/// The next step towards the goal, if there is one.
fn pursue(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(goal) = state.schema.goal.take() else { return };
    if state.schema.loading {
        state.schema.goal = Some(goal);
        return;
    }
    let (near, known) = state.schema.find(&goal.path);
    let mut above = near;
    let mut closed = Vec::new();
    if known == goal.path.0.len() {
        above = near.and_then(|i| state.schema.parent(i));
    }
    while let Some(i) = above {
        closed.push(i);
        above = state.schema.parent(i);
    }
    for i in closed.into_iter().rev() {
        open(state, i, effects);
    }
    state.schema.choose(near);
    let loading = near.is_some_and(|i| state.schema.nodes[i].loaded == Loaded::Loading);
    if known == goal.path.0.len() {
        return;
    }
    if loading {
        state.schema.goal = Some(goal);
        return;
    }
    // The cursor stays as near as it came.
    let name = goal.path.last().map_or_else(String::new, |(_, n)| text::clean(n).into_owned());
    let failed = near.is_some_and(|i| matches!(state.schema.nodes[i].loaded, Loaded::Failed(_)));
    if goal.asked && !failed {
        let mut note = Note::warning(format!("{name} is not in the tree."));
        if let Some(keys) = crate::app::keys::key_of(state, Action::Refresh) {
            note.more.push(format!("{keys} in the schema tree reads it again."));
        }
        state.say(note);
    }
}

/// Does an action of this pane; false when it is none of its own.
pub fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let page = page(state);
    let len = state.schema.visible.len();
    // Who moves does not wait for what is still on its way.
    state.schema.goal = None;
    if state.schema.list.go(action, len, page) {
        return true;
    }
    let chosen = state.schema.at();
    match action {
        Action::Right => {
            if let Some(i) = chosen {
                if state.schema.nodes[i].open {
                    state.schema.list.go(Action::Down, len, page);
                } else {
                    open(state, i, effects);
                }
            }
        }
        Action::Left => {
            let Some(i) = chosen else { return true };
            if state.schema.nodes[i].open {
                state.schema.nodes[i].open = false;
                state.schema.renew();
            } else {
                let parent = state.schema.parent(i);
                state.schema.choose(parent);
            }
            let len = state.schema.visible.len();
            state.schema.list.follow(len, page);
        }
        Action::Open => {
            let Some(i) = chosen else { return true };
            let n = &state.schema.nodes[i];
            match n.node.kind {
                NodeKind::Table | NodeKind::View | NodeKind::MaterializedView => {
                    let at = state.schema.path(i);
                    preview(state, at, effects);
                }
                _ if n.open => {
                    state.schema.nodes[i].open = false;
                    state.schema.renew();
                }
                _ if n.node.expandable => open(state, i, effects),
                _ => {
                    let parts = [n.node.detail.clone(), n.node.marks.join(", "), n.node.comment.clone()];
                    let text = parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("\n");
                    let title = n.node.name.clone();
                    state.dialogs.push(Dialog::Viewer(Viewer::new(title, text.trim()).prose(state.size.0)));
                }
            }
        }
        Action::Definition => {
            if let Some(at) = state.schema.chosen_path() {
                effects.push(Effect::Definition { link: state.link_no, at });
            }
        }
        Action::InsertName => {
            if let (Some(n), Some(server)) = (state.schema.chosen(), state.link.server()) {
                // Only a name that needs quotes gets them.
                let name = crate::sql::reserved::ident(server.dialect, &n.node.name);
                state.query.editor.insert(&name);
                super::query::edited(state, effects);
                state.say(Note::info(format!("{} is in the editor.", text::clean(&name))));
            }
        }
        Action::Copy => {
            if let Some(n) = state.schema.chosen() {
                effects.push(Effect::Copy(n.node.name.clone()));
            }
        }
        Action::CopyQualified => {
            let name = state.schema.chosen_path().zip(state.link.server()).and_then(|(at, s)| template::qualified(s.dialect, &at));
            if let Some(name) = name {
                state.say(Note::info(format!("{} is copied.", text::clean(&name))));
                effects.push(Effect::Copy(name));
            }
        }
        Action::Template => ask::choose_template(state),
        Action::Sizes => ask::toggle_sizes(state, effects),
        Action::UsedBy => uses::ask_used_by(state, effects),
        Action::Related => uses::related(state),
        Action::Refresh => {
            crate::app::completion::load(state, effects);
            state.schema.forget();
            load(state, effects);
        }
        Action::Filter => {
            state.schema.filter.get_or_insert_with(TextArea::default);
            state.schema.filtering = true;
        }
        Action::Back if state.schema.filter.is_some() => {
            state.schema.filter = None;
            state.schema.filtering = false;
            state.schema.renew();
            let len = state.schema.visible.len();
            state.schema.list.follow(len, page);
        }
        _ => return false,
    }
    true
}

/// The filter's text changed.
pub fn filtered(state: &mut State) {
    state.schema.filtered();
    let (len, page) = (state.schema.visible.len(), page(state));
    state.schema.list.follow(len, page);
}

/// Shows the first rows of a table.
pub fn preview(state: &mut State, at: NodePath, effects: &mut Vec<Effect>) {
    if state.link.server().is_none() || super::running::busy(state) {
        return;
    }
    let (job, result) = (state.id(), state.id());
    let title = format!("preview {}", at.last().map_or("", |(_, n)| n));
    state.query.started(job, &[None], state.now);
    state.job(job, title, false, effects);
    effects.push(Effect::Preview { link: state.link_no, job, result, at });
    state.go(Pane::Results);
    state.view.typing = false;
}

/// A definition came.
pub fn definition(state: &mut State, at: &NodePath, result: Result<String>) {
    let name = at.last().map_or_else(String::new, |(_, n)| text::clean(n).into_owned());
    match result {
        Ok(sql) => {
            let mut viewer = Viewer::new(name, sql).sql();
            // The columns are what is looked for: sequences that the table needs before it are above them.
            let table = viewer.lines.iter().position(|l| l.starts_with("CREATE ") && l.contains("TABLE "));
            let last = viewer.lines.len().saturating_sub(crate::app::keys::dialog_rows(state.size.1));
            viewer.top = table.unwrap_or(0).min(last);
            state.dialogs.push(Dialog::Viewer(viewer));
        }
        Err(e) => state.say(Note::error(&e)),
    }
}
