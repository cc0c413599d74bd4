//! Two plans of one statement side by side: which node of the one is which of the other, what moved, what became faster or slower
//! beyond what the figures can tell, and which estimate is behind it. Pure.
//!
//! Nodes are matched by what they are about (relation, alias, role, the tables below them, their conditions), never by their place.

mod causes;

pub use causes::whole;

use super::words::says;
use crate::model::plan::{Plan, PlanNode, Role};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A difference below this share of the larger figure is what two runs of one plan differ by anyhow.
const NOISE: f64 = 0.05;
/// Below this many milliseconds nothing is called faster or slower.
const LEAST_MS: f64 = 0.05;
/// An estimate that moved by this factor may have changed the plan.
const MOVED: f64 = 2.0;

/// What became of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Same,
    /// It does the same elsewhere: on another side of a join, below another step.
    Moved,
    /// Its work is done another way: another operation, another index.
    Replaced,
    Added,
    Removed,
}

/// How the node's own time (or cost) changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    Faster,
    Slower,
    /// Within the rounding error and the noise of two runs.
    Even,
    /// One side has no figure.
    Unknown,
}

/// A node before, and what it is after.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    pub before: Option<Vec<usize>>,
    pub after: Option<Vec<usize>>,
    pub change: Change,
    pub speed: Speed,
}

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// In the order of the plan after; what was removed stands at the end.
    pub pairs: Vec<Pair>,
    /// Figures are milliseconds; otherwise costs, because one of the plans was not run.
    pub measured: bool,
    /// Sentences that say what is behind the difference.
    pub causes: Vec<String>,
}

/// A node with what it is matched by.
struct Known<'a> {
    node: &'a PlanNode,
    path: Vec<usize>,
    parent: Option<usize>,
    class: &'static str,
    /// Of the tables in it and below, whatever their order.
    tables: u64,
    conditions: u64,
    partner: Option<usize>,
}

/// Compares two plans.
pub fn compare(before: &Plan, after: &Plan) -> Comparison {
    let (mut old, mut new) = (known(before), known(after));
    type Key<'k> = dyn Fn(&Known<'_>, &[Known<'_>]) -> Option<u64> + 'k;
    let exact = |k: &Known<'_>, _: &[Known<'_>]| {
        Some(hash(&(&k.node.op, &k.node.relation, &k.node.alias, &k.node.index, k.node.role, k.tables, k.conditions)))
    };
    let kind = |k: &Known<'_>, _: &[Known<'_>]| Some(hash(&(k.class, k.tables, k.node.role, &k.node.relation, &k.node.alias)));
    let table = |k: &Known<'_>, _: &[Known<'_>]| k.node.relation.as_ref().map(|r| hash(&(r, &k.node.alias)));
    let place = |k: &Known<'_>, _: &[Known<'_>]| Some(hash(&(k.class, k.tables)));
    let passes: [&Key<'_>; 4] = [&exact, &kind, &table, &place];
    for key in passes {
        pair_up(&mut old, &mut new, key);
    }
    // What is left: the same kind of step below the same step.
    below_pairs(&mut old, &mut new);
    let measured =
        before.analyzed && after.analyzed && old.iter().any(|k| k.node.self_ms.is_some()) && new.iter().any(|k| k.node.self_ms.is_some());
    let mut pairs = Vec::new();
    for (i, k) in new.iter().enumerate() {
        let was = k.partner.map(|p| &old[p]);
        let change = match was {
            None => Change::Added,
            Some(w) if w.node.op != k.node.op || w.node.index != k.node.index || w.node.relation != k.node.relation => Change::Replaced,
            Some(w) if moved(&old, &new, w, i) => Change::Moved,
            Some(_) => Change::Same,
        };
        let speed = was.map_or(Speed::Unknown, |w| speed(w.node, k.node, measured));
        pairs.push(Pair { before: was.map(|w| w.path.clone()), after: Some(k.path.clone()), change, speed });
    }
    pairs.extend(old.iter().filter(|k| k.partner.is_none()).map(|k| Pair {
        before: Some(k.path.clone()),
        after: None,
        change: Change::Removed,
        speed: Speed::Unknown,
    }));
    let causes = causes::causes(before, after, &pairs);
    Comparison { pairs, measured, causes }
}

impl Comparison {
    /// How many nodes there are of a change.
    pub fn count(&self, change: Change) -> usize {
        self.pairs.iter().filter(|p| p.change == change).count()
    }
    /// The plans have the same nodes in the same places.
    pub fn same_shape(&self) -> bool {
        self.count(Change::Same) == self.pairs.len()
    }
}

fn hash(what: &impl Hash) -> u64 {
    let mut h = DefaultHasher::new();
    what.hash(&mut h);
    h.finish()
}

/// All nodes in plan order.
fn known(plan: &Plan) -> Vec<Known<'_>> {
    let mut out: Vec<Known<'_>> = Vec::new();
    let mut open: Vec<(&PlanNode, Option<usize>, usize)> = vec![(&plan.root, None, 0)];
    while let Some((node, parent, child)) = open.pop() {
        let at = out.len();
        let mut path = parent.map_or_else(Vec::new, |p| out[p].path.clone());
        if parent.is_some() {
            path.push(child);
        }
        let own = node.relation.as_ref().map_or(0, |r| hash(&(r, &node.alias)));
        // Constants differ between runs of one statement.
        let words: Vec<String> = node.conditions.iter().map(|(k, v)| format!("{k}{}", without_constants(v))).collect();
        out.push(Known { node, path, parent, class: class(&node.op), tables: own, conditions: hash(&words), partner: None });
        open.extend(node.children.iter().enumerate().rev().map(|(i, c)| (c, Some(at), i)));
    }
    for at in (1..out.len()).rev() {
        let below = out[at].tables;
        if let Some(p) = out[at].parent {
            out[p].tables = out[p].tables.wrapping_add(below);
        }
    }
    out
}

/// Numbers and quoted texts as `?`.
fn without_constants(condition: &str) -> String {
    let mut out = String::with_capacity(condition.len());
    let mut chars = condition.chars().peekable();
    let mut word = false;
    while let Some(c) = chars.next() {
        if c == '\'' {
            while let Some(d) = chars.next() {
                if d == '\'' && chars.next_if_eq(&'\'').is_none() {
                    break;
                }
            }
            out.push('?');
        } else if c.is_ascii_digit() && !word {
            while chars.next_if(|d| d.is_ascii_digit() || *d == '.').is_some() {}
            out.push('?');
        } else {
            out.push(c);
        }
        word = c.is_alphanumeric() || c == '_' || c == '$';
    }
    out
}

/// The kind of work, whichever way it is done.
fn class(op: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|w| op.contains(w));
    if has(&["join", "loop"]) {
        "join"
    } else if has(&["scan", "search", "lookup", "bitmap heap"]) {
        "scan"
    } else if has(&["sort"]) {
        "sort"
    } else if has(&["aggregate", "group", "unique", "distinct"]) {
        "aggregate"
    } else if has(&["limit"]) {
        "limit"
    } else if has(&["gather"]) {
        "gather"
    } else if has(&["append", "union"]) {
        "append"
    } else if has(&["hash", "materialize", "memoize", "cache"]) {
        "kept"
    } else {
        "other"
    }
}

fn pair_up(old: &mut [Known<'_>], new: &mut [Known<'_>], key: &dyn Fn(&Known<'_>, &[Known<'_>]) -> Option<u64>) {
    let mut waiting: HashMap<u64, Vec<usize>> = HashMap::new();
    for i in (0..old.len()).rev() {
        if old[i].partner.is_none()
            && let Some(k) = key(&old[i], old)
        {
            waiting.entry(k).or_default().push(i);
        }
    }
    for j in 0..new.len() {
        if new[j].partner.is_some() {
            continue;
        }
        // The first one in plan order; the lists are turned round.
        let found = key(&new[j], new).and_then(|k| waiting.get_mut(&k)?.pop());
        if let Some(i) = found {
            (old[i].partner, new[j].partner) = (Some(j), Some(i));
        }
    }
}

fn below_pairs(old: &mut [Known<'_>], new: &mut [Known<'_>]) {
    for j in 0..new.len() {
        if new[j].partner.is_some() {
            continue;
        }
        let Some(above) = new[j].parent.and_then(|p| new[p].partner) else { continue };
        let class = new[j].class;
        let found = (0..old.len()).find(|i| {
            let k = &old[*i];
            k.partner.is_none()
                && k.parent == Some(above)
                && k.class == class
                && k.node.relation.is_none()
                && new[j].node.relation.is_none()
        });
        if let Some(i) = found {
            (old[i].partner, new[j].partner) = (Some(j), Some(i));
        }
    }
}

/// The nearest step above that both plans have is another one, or the node plays another part below it.
fn moved(old: &[Known<'_>], new: &[Known<'_>], was: &Known<'_>, now: usize) -> bool {
    let mut up = was.parent;
    while let Some(p) = up.filter(|p| old[*p].partner.is_none()) {
        up = old[p].parent;
    }
    let mut new_up = new[now].parent;
    while let Some(p) = new_up.filter(|p| new[*p].partner.is_none()) {
        new_up = new[p].parent;
    }
    let side = |r: Role| matches!(r, Role::Inner);
    up.and_then(|p| old[p].partner) != new_up || side(was.node.role) != side(new[now].node.role)
}

/// The node's own figure: time, or cost.
pub fn figure(n: &PlanNode, measured: bool) -> Option<f64> {
    if measured {
        return n.self_ms;
    }
    let below: f64 = n.children.iter().filter_map(|c| c.est_total_cost).sum();
    n.est_total_cost.map(|t| (t - below).max(0.0))
}

fn speed(before: &PlanNode, after: &PlanNode, measured: bool) -> Speed {
    // The sum over processes against one process: neither is quicker by that.
    if measured && before.parallel != after.parallel {
        return Speed::Unknown;
    }
    let (Some(a), Some(b)) = (figure(before, measured), figure(after, measured)) else { return Speed::Unknown };
    let error = if measured { before.self_err_ms.unwrap_or(0.0) + after.self_err_ms.unwrap_or(0.0) + LEAST_MS } else { 0.005 };
    if (a - b).abs() <= error + NOISE * a.max(b) {
        Speed::Even
    } else if b < a {
        Speed::Faster
    } else {
        Speed::Slower
    }
}

/// A node's words for a sentence.
fn name(n: &PlanNode) -> String {
    let op = if n.raw_op.is_empty() { &n.op } else { &n.raw_op };
    match (&n.relation, &n.index) {
        (Some(r), Some(i)) if !says(op, i) => format!("{op} {r} using {i}"),
        (Some(r), _) if !says(op, r) => format!("{op} {r}"),
        _ => op.clone(),
    }
}

#[cfg(test)]
mod tests;
