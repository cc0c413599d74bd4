//! The tree itself: a flat list of nodes in tree order, and which of them are shown. Every step here is at most one walk over
//! the list: 50,000 tables in one schema are looked through at each key.

use crate::app::fuzzy::Fuzzy;
use crate::app::list::ListCursor;
use crate::model::names::{Collector, Names};
use crate::model::{Error, NodeKind, NodePath, RelationUsage, Result, SchemaNode};
use crate::text;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
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
    pub node: SchemaNode,
    pub depth: usize,
    pub open: bool,
    pub loaded: Loaded,
    /// When its children were read.
    pub read_at: Option<Timestamp>,
    /// Size and use, where they were asked for.
    pub usage: Option<Box<RelationUsage>>,
}

/// Where the cursor is going.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    pub path: NodePath,
    /// Somebody asked for it, and is told when it is not there.
    pub asked: bool,
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
    /// When the first list was read.
    pub read_at: Option<Timestamp>,
    /// What was open before the tree was read again.
    pub reopen: HashSet<NodePath>,
    /// Size and use are shown beside the relations.
    pub sizes: bool,
    /// What was told of the figures as a whole.
    pub remarked: String,
    /// Where the cursor is going: chosen as soon as the lists above it are there.
    pub goal: Option<Goal>,
}

impl Schema {
    pub fn pattern(&self) -> &str {
        self.filter.as_ref().and_then(|f| f.lines().first()).map_or("", String::as_str)
    }

    /// Index of the node under the cursor.
    pub fn at(&self) -> Option<usize> {
        self.visible.get(self.list.at).copied()
    }

    /// The node under the cursor.
    pub fn chosen(&self) -> Option<&Node> {
        self.nodes.get(self.at()?)
    }

    /// The path of the node under the cursor.
    pub fn chosen_path(&self) -> Option<NodePath> {
        Some(self.path(self.at()?))
    }

    /// The node that this one stands under.
    pub fn parent(&self, index: usize) -> Option<usize> {
        let depth = self.nodes.get(index)?.depth;
        (0..index).rev().find(|j| self.nodes[*j].depth < depth)
    }

    /// The names from the root to a node.
    pub fn path(&self, index: usize) -> NodePath {
        let mut names = Vec::new();
        let mut at = Some(index);
        while let Some(node) = at.and_then(|i| self.nodes.get(i)) {
            names.push((node.node.kind, node.node.name.clone()));
            at = at.and_then(|i| self.parent(i));
        }
        names.reverse();
        NodePath(names)
    }

    /// Index behind the last descendant of a node.
    fn end(&self, index: usize) -> usize {
        let depth = self.nodes[index].depth;
        self.nodes[index + 1..].iter().position(|n| n.depth <= depth).map_or(self.nodes.len(), |n| index + 1 + n)
    }

    /// The node of a path, and how many of its names are in the tree: all of them when it is the node itself. Kinds of
    /// relations are one: a path need not know whether a name is a table or a view.
    pub fn find(&self, path: &NodePath) -> (Option<usize>, usize) {
        let (mut from, mut to) = (0, self.nodes.len());
        let mut found = None;
        for (depth, (kind, name)) in path.0.iter().enumerate() {
            let here = (from..to).find(|i| {
                let n = &self.nodes[*i];
                n.depth == depth && n.node.name == *name && alike(n.node.kind, *kind)
            });
            let Some(i) = here else { return (found, depth) };
            found = Some(i);
            (from, to) = (i + 1, self.end(i));
        }
        (found, path.0.len())
    }

    /// Shows what is open, or what matches the filter with all that stands above it. The cursor stays on its node.
    pub fn renew(&mut self) {
        let keep = self.at();
        self.renew_choosing(keep, false);
    }

    /// The same after the filter changed: the cursor goes to the best match.
    pub fn filtered(&mut self) {
        let keep = self.at();
        self.renew_choosing(keep, true);
    }

    fn renew_choosing(&mut self, keep: Option<usize>, best: bool) {
        self.visible.clear();
        let mut query = Fuzzy::new(self.pattern());
        if query.is_empty() {
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
            self.choose(keep);
            return;
        }
        let hits = query.rank(self.nodes.iter().map(|n| n.node.name.as_str()));
        let mut shown = vec![false; self.nodes.len()];
        for hit in &hits {
            shown[*hit] = true;
        }
        // Backwards, so that a parent comes after all that it leads to: `leads[d]` says that something of depth d was shown
        // since the last node above that depth.
        let mut leads: Vec<bool> = Vec::new();
        for (i, n) in self.nodes.iter().enumerate().rev() {
            leads.resize(leads.len().max(n.depth + 2), false);
            let wanted = leads[n.depth + 1];
            leads[n.depth + 1..].fill(false);
            shown[i] |= wanted;
            leads[n.depth] |= shown[i];
        }
        self.visible.extend(shown.iter().enumerate().filter(|(_, s)| **s).map(|(i, _)| i));
        // The best match itself, not what stands above it.
        self.choose(hits.first().copied().filter(|_| best).or(keep));
    }

    /// The cursor goes to a node, if it is shown.
    pub fn choose(&mut self, index: Option<usize>) {
        if let Some(at) = index.and_then(|i| self.visible.binary_search(&i).ok()) {
            self.list.at = at;
        }
    }

    /// Puts the children of a node in place of those that were known, and opens those again that were open. Gives the nodes
    /// whose children are wanted next.
    pub fn loaded(&mut self, at: &NodePath, result: Result<Vec<SchemaNode>>, now: Timestamp) -> Vec<usize> {
        let (position, depth) = if at.0.is_empty() {
            self.loading = false;
            (None, 0)
        } else {
            let (Some(i), known) = self.find(at) else { return Vec::new() };
            if known < at.0.len() {
                return Vec::new();
            }
            (Some(i), self.nodes[i].depth + 1)
        };
        let children = match result {
            Ok(c) => c,
            Err(e) => {
                match position {
                    Some(i) => self.nodes[i].loaded = Loaded::Failed(text::clean(&e.message).into_owned()),
                    None => self.error = Some(e),
                }
                return Vec::new();
            }
        };
        let start = position.map_or(0, |i| i + 1);
        let end = position.map_or(self.nodes.len(), |i| self.end(i));
        let chosen = self.at();
        // While it loads, only an outline can stand there.
        let outlined = start < end && position.is_some_and(|i| self.nodes[i].loaded == Loaded::Loading);
        let on = chosen.filter(|i| outlined && (start..end).contains(i)).map(|i| self.path(i));
        let count = if outlined
            && listed(&self.nodes[start..end], depth).map(|n| (n.kind, &n.name)).eq(children.iter().map(|c| (c.kind, &c.name)))
        {
            // Where they stand: of thousands, another list beside the two would be what takes the most memory of all.
            self.nodes[start..end].iter_mut().filter(|n| n.depth == depth).zip(children).for_each(|(n, child)| n.node = child);
            end - start
        } else {
            let old: Vec<Node> = self.nodes.drain(start..end).collect();
            let fresh = filled(if outlined { old } else { Vec::new() }, children, depth);
            let count = fresh.len();
            self.nodes.splice(start..start, fresh);
            count
        };
        match position {
            Some(i) => {
                self.nodes[i].loaded = Loaded::Yes;
                self.nodes[i].read_at = Some(now);
            }
            None => {
                self.error = None;
                self.read_at = Some(now);
            }
        }
        let mut again = Vec::new();
        if !self.reopen.is_empty() {
            for i in start..start + count {
                let n = &self.nodes[i];
                if n.depth == depth && n.node.expandable && self.reopen.remove(&at.child(n.node.kind, n.node.name.clone())) {
                    again.push(i);
                }
            }
        }
        // What stood behind them moved.
        let grown = |i: usize| if i >= end { i + count + start - end } else { i };
        let keep = match on {
            Some(path) => self.find(&path).0,
            None => chosen.map(grown),
        };
        self.renew_choosing(keep, false);
        again
    }

    /// Shows the names of a list whose rest is still on its way; false where there is a list already, or none is awaited.
    pub fn outlined(&mut self, at: &NodePath, names: Vec<SchemaNode>) -> bool {
        let (Some(i), known) = self.find(at) else { return false };
        if known < at.0.len() || self.nodes[i].loaded != Loaded::Loading || self.end(i) > i + 1 {
            return false;
        }
        let (keep, count) = (self.at(), names.len());
        let fresh = filled(Vec::new(), names, self.nodes[i].depth + 1);
        self.nodes.splice(i + 1..i + 1, fresh);
        self.renew_choosing(keep.map(|k| if k > i { k + count } else { k }), false);
        true
    }

    /// Relations of the lists that were read: what can be found before the names of the whole database are there. `None` where
    /// nothing was.
    pub fn names_so_far(&self) -> Option<Names> {
        let mut names = Collector::default();
        let mut schema = "";
        let mut any = false;
        for n in &self.nodes {
            match n.node.kind {
                NodeKind::Schema => schema = n.node.name.as_str(),
                k if alike(k, NodeKind::Table) => {
                    names.relation(schema, &n.node.name, k, false);
                    any = true;
                }
                _ => {}
            }
        }
        any.then(|| names.finish(Vec::new(), Vec::new(), Vec::new()))
    }

    /// Figures of a schema's relations came.
    pub fn measured(&mut self, schema: &NodePath, figures: &[RelationUsage]) {
        let (Some(i), known) = self.find(schema) else { return };
        if known < schema.0.len() {
            return;
        }
        let by_name: HashMap<&str, &RelationUsage> = figures.iter().map(|f| (f.name.as_str(), f)).collect();
        let (depth, end) = (self.nodes[i].depth + 1, self.end(i));
        for n in self.nodes[i + 1..end].iter_mut().filter(|n| n.depth == depth && alike(n.node.kind, NodeKind::Table)) {
            n.usage = by_name.get(n.node.name.as_str()).map(|f| Box::new((*f).clone()));
        }
    }

    /// Forgets the tree and keeps in mind what was open and chosen.
    pub fn forget(&mut self) {
        if !self.nodes.is_empty() {
            let open: Vec<usize> = (0..self.nodes.len()).filter(|i| self.nodes[*i].open).collect();
            self.reopen = open.into_iter().map(|i| self.path(i)).collect();
            self.goal = self.chosen_path().map(|path| Goal { path, asked: false });
        }
        self.nodes.clear();
        self.renew();
    }

    /// When the list was read that the cursor stands in.
    pub fn age_from(&self) -> Option<Timestamp> {
        match self.at().and_then(|i| self.parent(i)) {
            Some(p) => self.nodes[p].read_at,
            None => self.read_at,
        }
    }
}

/// Those of a list itself, without what was opened below them.
fn listed(nodes: &[Node], depth: usize) -> impl Iterator<Item = &SchemaNode> {
    nodes.iter().filter(move |n| n.depth == depth).map(|n| &n.node)
}

/// How far apart a name may stand in an outline and in the list that follows it: what was made or dropped between the two.
const APART: usize = 16;

/// The nodes of a list, in its order; those of an outline keep what was opened below them. Both are sorted alike, so that one walk
/// finds each name again.
fn filled(outline: Vec<Node>, children: Vec<SchemaNode>, depth: usize) -> Vec<Node> {
    let mut old = outline.into_iter().map(Some).collect::<Vec<_>>();
    let mut out = Vec::with_capacity(children.len().max(old.len()));
    let mut at = 0;
    for node in children {
        let same = |n: &Option<Node>| n.as_ref().is_some_and(|n| n.depth == depth && n.node.name == node.name && n.node.kind == node.kind);
        let Some(found) = old.iter().skip(at).take(APART).position(same) else {
            out.push(Node { node, depth, open: false, loaded: Loaded::No, read_at: None, usage: None });
            continue;
        };
        at += found;
        out.extend(old[at].take().map(|n| Node { node, ..n }));
        at += 1;
        while let Some(below) = old.get_mut(at).and_then(|n| n.take_if(|n| n.depth > depth)) {
            out.push(below);
            at += 1;
        }
    }
    out
}

/// The same kind, or both relations.
fn alike(a: NodeKind, b: NodeKind) -> bool {
    let relation = |k| matches!(k, NodeKind::Table | NodeKind::View | NodeKind::MaterializedView);
    a == b || relation(a) && relation(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: NodeKind, name: &str) -> SchemaNode {
        let expandable = kind != NodeKind::Column;
        SchemaNode {
            kind,
            name: name.into(),
            detail: String::new(),
            comment: String::new(),
            marks: Vec::new(),
            rows: None,
            bytes: None,
            expandable,
        }
    }

    fn path(names: &[(NodeKind, &str)]) -> NodePath {
        NodePath(names.iter().map(|(k, n)| (*k, (*n).to_string())).collect())
    }

    const S: NodeKind = NodeKind::Schema;
    const T: NodeKind = NodeKind::Table;
    const C: NodeKind = NodeKind::Column;

    fn tree() -> Schema {
        let mut t = Schema::default();
        let now = Timestamp::UNIX_EPOCH;
        t.loaded(&NodePath::root(), Ok(vec![node(S, "a"), node(S, "b")]), now);
        t.loaded(&path(&[(S, "a")]), Ok(vec![node(T, "orders"), node(T, "customers")]), now);
        t.loaded(&path(&[(S, "b")]), Ok(vec![node(T, "orders"), node(T, "parts")]), now);
        t.loaded(&path(&[(S, "b"), (T, "orders")]), Ok(vec![node(C, "id"), node(C, "part_id")]), now);
        t
    }

    fn shown(t: &Schema) -> Vec<&str> {
        t.visible.iter().map(|i| t.nodes[*i].node.name.as_str()).collect()
    }

    #[test]
    fn paths_are_found_and_told() {
        let t = tree();
        for i in 0..t.nodes.len() {
            assert_eq!(t.find(&t.path(i)), (Some(i), t.path(i).0.len()), "{:?}", t.path(i));
        }
        let (near, known) = t.find(&path(&[(S, "b"), (NodeKind::View, "orders"), (C, "gone")]));
        assert_eq!((t.path(near.unwrap()), known), (path(&[(S, "b"), (T, "orders")]), 2), "a view of that name would serve too");
        assert_eq!(t.find(&path(&[(S, "z")])), (None, 0));
    }

    #[test]
    fn a_filter_shows_the_matches_and_what_stands_above_them() {
        let mut t = tree();
        t.filter = Some(TextArea::new(vec!["part".into()]));
        t.filtered();
        assert_eq!(shown(&t), ["b", "orders", "part_id", "parts"]);
        assert_eq!(t.chosen().unwrap().node.name, "parts", "the best match is chosen");
        t.filter = None;
        t.renew();
        assert_eq!(shown(&t), ["a", "b"], "nothing was opened by filtering");
    }

    #[test]
    fn what_is_read_again_keeps_the_cursor_and_what_was_open() {
        let mut t = tree();
        for i in [0, 3, 4] {
            t.nodes[i].open = true;
        }
        t.renew();
        assert_eq!(shown(&t), ["a", "orders", "customers", "b", "orders", "id", "part_id", "parts"]);
        t.list.at = 7;
        let now = Timestamp::UNIX_EPOCH;
        t.loaded(&path(&[(S, "a")]), Ok(vec![node(T, "one"), node(T, "customers"), node(T, "orders"), node(T, "three")]), now);
        assert_eq!(t.chosen().unwrap().node.name, "parts", "lists before it that grow do not move the cursor elsewhere");
        t.forget();
        assert_eq!(t.goal.as_ref().unwrap().path, path(&[(S, "b"), (T, "parts")]));
        assert_eq!(t.loaded(&NodePath::root(), Ok(vec![node(S, "b"), node(S, "c")]), now), [0], "b was open");
        assert_eq!(t.loaded(&path(&[(S, "b")]), Ok(vec![node(T, "new"), node(T, "orders")]), now), [2], "and its orders");
    }
}
