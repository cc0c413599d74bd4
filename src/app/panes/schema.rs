//! The schema tree: a flat list of nodes in tree order, children loaded when a node is opened.

use crate::app::dialog::{Dialog, Viewer};
use crate::app::list::ListCursor;
use crate::app::state::{Note, Pane};
use crate::app::{Action, Effect, State};
use crate::model::{Error, NodeKind, NodePath, Result, SchemaNode};
use crate::text;
use tui_textarea::TextArea;

/// How far a node's children are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    No,
    Loading,
    Yes,
    Failed(String),
}

/// A node and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    pub path: NodePath,
    pub node: SchemaNode,
    pub depth: usize,
    pub open: bool,
    pub loaded: Loaded,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Schema {
    /// Tree order; the descendants of a node follow it with a greater depth.
    pub nodes: Vec<Node>,
    /// Indexes of the nodes that are shown.
    pub visible: Vec<usize>,
    pub list: ListCursor,
    pub loading: bool,
    pub error: Option<Error>,
    /// Typed filter; `Some` also when it is empty but being typed.
    pub filter: Option<TextArea<'static>>,
    pub filtering: bool,
}

impl Schema {
    /// Loaded tables and views with their paths, for the palette.
    pub fn objects(&self) -> impl Iterator<Item = (NodePath, &SchemaNode)> {
        self.nodes.iter().map(|n| (n.path.clone(), &n.node))
    }

    pub fn pattern(&self) -> &str {
        self.filter.as_ref().and_then(|f| f.lines().first()).map_or("", String::as_str)
    }

    /// The node under the cursor.
    pub fn chosen(&self) -> Option<&Node> {
        self.visible.get(self.list.at).and_then(|i| self.nodes.get(*i))
    }

    /// Shows what is open, or what matches the filter with all that stands above it.
    pub fn renew(&mut self) {
        let keep = self.chosen().map(|n| n.path.clone());
        self.visible.clear();
        let pattern = self.pattern().to_string();
        if pattern.is_empty() {
            let mut hidden_below: Option<usize> = None;
            for (i, n) in self.nodes.iter().enumerate() {
                match hidden_below {
                    Some(d) if n.depth > d => continue,
                    _ => hidden_below = None,
                }
                self.visible.push(i);
                if !n.open {
                    hidden_below = Some(n.depth);
                }
            }
        } else {
            let mut hits = crate::app::palette::rank(&pattern, self.nodes.iter().map(|n| n.node.name.as_str()));
            hits.sort_unstable();
            let mut shown = vec![false; self.nodes.len()];
            for hit in hits {
                shown[hit] = true;
                let mut depth = self.nodes[hit].depth;
                let mut i = hit;
                while depth > 0 && i > 0 {
                    i -= 1;
                    if self.nodes[i].depth < depth {
                        depth = self.nodes[i].depth;
                        if shown[i] {
                            break;
                        }
                        shown[i] = true;
                    }
                }
            }
            self.visible.extend(shown.iter().enumerate().filter(|(_, s)| **s).map(|(i, _)| i));
        }
        // The chosen node stays chosen, wherever it moved.
        if let Some(at) = keep.and_then(|p| self.visible.iter().position(|i| self.nodes[*i].path == p)) {
            self.list.at = at;
        }
    }

    /// Puts the children of a node in place of those that were known.
    pub fn loaded(&mut self, at: &NodePath, result: Result<Vec<SchemaNode>>) {
        let (position, depth) = if at.0.is_empty() {
            self.loading = false;
            (None, 0)
        } else {
            let Some(i) = self.nodes.iter().position(|n| n.path == *at) else { return };
            (Some(i), self.nodes[i].depth + 1)
        };
        let children = match result {
            Ok(c) => c,
            Err(e) => {
                match position {
                    Some(i) => self.nodes[i].loaded = Loaded::Failed(text::clean(&e.message).into_owned()),
                    None => self.error = Some(e),
                }
                return;
            }
        };
        let start = position.map_or(0, |i| i + 1);
        let end = self.nodes[start..].iter().position(|n| n.depth < depth).map_or(self.nodes.len(), |n| start + n);
        let fresh: Vec<Node> = children
            .into_iter()
            .map(|node| Node { path: at.child(node.kind, node.name.clone()), node, depth, open: false, loaded: Loaded::No })
            .collect();
        self.nodes.splice(start..end, fresh);
        if let Some(i) = position {
            self.nodes[i].loaded = Loaded::Yes;
        } else {
            self.error = None;
        }
        self.renew();
    }
}

/// Reads the tree from its root; what was open is opened again as far as it comes by.
pub fn load(state: &mut State, effects: &mut Vec<Effect>) {
    state.schema.loading = true;
    state.schema.error = None;
    effects.push(Effect::Children { link: state.link_no, at: NodePath::root() });
}

/// Children came.
pub fn children(state: &mut State, at: &NodePath, result: Result<Vec<SchemaNode>>, effects: &mut Vec<Effect>) {
    let root = at.0.is_empty();
    state.schema.loaded(at, result);
    let asked = effects.len();
    if root {
        // A tree with a single schema, or the usual one, is opened at once: the first list should show tables.
        let schemas: Vec<usize> = (0..state.schema.nodes.len()).filter(|i| state.schema.nodes[*i].node.kind == NodeKind::Schema).collect();
        let own = state.link.server().map_or("", |s| s.identity.database.as_str());
        let named = |wanted: &dyn Fn(&str) -> bool| schemas.iter().copied().find(|i| wanted(&state.schema.nodes[*i].node.name));
        // Where a server's databases are its schemas, the one that the target names.
        let usual = named(&|n| n == own).or_else(|| named(&|n| matches!(n, "public" | "main")));
        if let Some(i) = usual.or_else(|| (schemas.len() == 1).then(|| schemas[0])) {
            open(state, i, effects);
        }
    }
    if effects.len() == asked && std::mem::take(&mut state.completion.wanted) {
        crate::app::completion::load(state, effects);
    }
    let page = page(state);
    let len = state.schema.visible.len();
    state.schema.list.follow(len, page);
}

fn page(state: &State) -> usize {
    let rows = crate::app::layout::arrange(state).inside(Pane::Schema).map_or(10, |a| usize::from(a.h));
    if state.schema.filter.is_some() { rows.saturating_sub(1) } else { rows }
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
        effects.push(Effect::Children { link, at: n.path.clone() });
    }
    state.schema.renew();
}

/// Does an action of this pane; false when it is none of its own.
pub fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> bool {
    let page = page(state);
    let len = state.schema.visible.len();
    if state.schema.list.go(action, len, page) {
        return true;
    }
    let chosen = state.schema.visible.get(state.schema.list.at).copied();
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
                let depth = state.schema.nodes[i].depth;
                let parent = (0..i).rev().find(|j| state.schema.nodes[*j].depth < depth);
                if let Some(at) = parent.and_then(|p| state.schema.visible.iter().position(|v| *v == p)) {
                    state.schema.list.at = at;
                }
            }
            let len = state.schema.visible.len();
            state.schema.list.follow(len, page);
        }
        Action::Open => {
            let Some(i) = chosen else { return true };
            let n = &state.schema.nodes[i];
            match n.node.kind {
                NodeKind::Table | NodeKind::View | NodeKind::MaterializedView => {
                    let at = n.path.clone();
                    preview(state, at, effects);
                }
                _ if n.open => {
                    state.schema.nodes[i].open = false;
                    state.schema.renew();
                }
                _ if n.node.expandable => open(state, i, effects),
                _ => {
                    let text = [n.node.detail.clone(), n.node.marks.join(", ")].join("\n");
                    let title = text::clean(&n.node.name).into_owned();
                    state.dialogs.push(Dialog::Viewer(Viewer::new(title, text.trim())));
                }
            }
        }
        Action::Definition => {
            if let Some(n) = state.schema.chosen() {
                let at = n.path.clone();
                effects.push(Effect::Definition { link: state.link_no, at });
            }
        }
        Action::InsertName => {
            if let (Some(n), Some(server)) = (state.schema.chosen(), state.link.server()) {
                let name = server.dialect.quote_ident(&n.node.name);
                // Only a name that needs quotes gets them.
                let plain = n.node.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                    && !n.node.name.starts_with(|c: char| c.is_ascii_digit());
                let name = if plain { n.node.name.clone() } else { name };
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
        Action::Refresh => {
            crate::app::completion::load(state, effects);
            state.schema.nodes.clear();
            state.schema.renew();
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
    state.schema.renew();
    // The first match itself, not what stands above it.
    let pattern = state.schema.pattern().to_string();
    if !pattern.is_empty() {
        let best = crate::app::palette::rank(&pattern, state.schema.nodes.iter().map(|n| n.node.name.as_str()));
        if let Some(at) = best.first().and_then(|b| state.schema.visible.iter().position(|v| v == b)) {
            state.schema.list.at = at;
        }
    }
    let (len, page) = (state.schema.visible.len(), page(state));
    state.schema.list.follow(len, page);
}

/// Shows the first rows of a table.
pub fn preview(state: &mut State, at: NodePath, effects: &mut Vec<Effect>) {
    if state.link.server().is_none() || super::running::busy(state) {
        return;
    }
    let (job, result) = (state.id(), state.id());
    let title = format!("preview {}", at.last().map_or_else(String::new, |(_, n)| text::clean(n).into_owned()));
    state.query.started(job, &[None]);
    state.job(job, title, false, effects);
    effects.push(Effect::Preview { link: state.link_no, job, result, at });
    state.go(Pane::Results);
    state.view.typing = false;
}

/// A definition came.
pub fn definition(state: &mut State, at: &NodePath, result: Result<String>) {
    let name = at.last().map_or_else(String::new, |(_, n)| text::clean(n).into_owned());
    match result {
        Ok(sql) => state.dialogs.push(Dialog::Viewer(Viewer::new(name, sql).sql())),
        Err(e) => state.say(Note::error(&e)),
    }
}
