//! Who pulls an InitPlan: the first executed node that mentions its parameter, by the order in which a plan runs.

use super::{DUST, Ledger};
use crate::model::plan::Role;
use std::collections::HashMap;

/// Nodes that pass their rows on and compute nothing.
const PASS_ON: [&str; 14] = [
    "Hash",
    "Materialize",
    "Memoize",
    "Sort",
    "Incremental Sort",
    "Unique",
    "SetOp",
    "LockRows",
    "Append",
    "Merge Append",
    "Recursive Union",
    "BitmapAnd",
    "BitmapOr",
    "Bitmap Index Scan",
];

/// Keys of rows that come from below: what they show of an expression was computed there, in a SELECT list that only VERBOSE prints.
const OF_ROWS: [&str; 5] = ["Group Key", "Grouping Sets", "Hash Key", "Sort Key", "Presorted Key"];

impl Ledger<'_> {
    /// Who may have pulled an InitPlan, the likeliest first; and whether the plan mentions it where it is computed: without VERBOSE no
    /// SELECT list is printed.
    pub(super) fn consumers(&self, i: usize) -> (Vec<usize>, bool) {
        let Some(lister) = self.facts[i].parent else { return (Vec::new(), true) };
        let tokens = parameters(self.nodes[i].subplan.as_deref().unwrap_or_default());
        let mut out: Vec<usize> = Vec::new();
        let mut known = vec![false; self.nodes.len()];
        let mut push = |p: usize| {
            if !std::mem::replace(&mut known[p], true) {
                out.push(p);
            }
        };
        let own = i..i + self.spent[i].size;
        let mut found = Vec::new();
        let mut computed = false;
        self.in_execution_order(lister, &own, &mut |j| {
            let mut mentioned = self.facts[j].expressions.iter().filter(|(_, e)| tokens.iter().any(|t| mentions(e, t))).peekable();
            if self.spent[j].executed && mentioned.peek().is_some() {
                found.push(j);
                computed |= mentioned.any(|(k, _)| !OF_ROWS.contains(k));
            }
        });
        let mut mentioning = vec![false; self.nodes.len()];
        for j in &found {
            mentioning[*j] = true;
        }
        let mut appends: HashMap<usize, bool> = HashMap::new();
        for j in &found {
            let mut chain = vec![*j];
            chain.extend(self.above(*j).into_iter().take_while(|p| *p >= lister));
            // Workers get the value from the leader, who needs it before it starts them.
            if let Some(gather) = chain.iter().rev().find(|p| self.facts[**p].kind.starts_with("Gather") && !self.spent[**p].parallel)
                && !self.spent[i].parallel
            {
                push(*gather);
                continue;
            }
            if let Some(parent) = self.facts[*j].parent
                && *appends.entry(parent).or_insert_with(|| self.prunes(parent, &mentioning))
            {
                push(parent);
            }
            if !computed {
                for p in self.read_by(*j).into_iter().flat_map(|c| self.hidden(i, c)) {
                    push(p);
                }
            }
            push(*j);
        }
        if let Some(first) = found.first() {
            for p in self.above(*first) {
                push(p);
            }
        }
        if found.is_empty() {
            for p in self.hidden(i, lister) {
                push(p);
            }
        }
        push(lister);
        for p in self.above(lister) {
            push(p);
        }
        // Time of one process is not in the clock of another.
        out.retain(|p| self.spent[*p].parallel == self.spent[i].parallel);
        (out, computed)
    }

    /// The ordinary children of a node.
    fn read_by(&self, j: usize) -> Vec<usize> {
        self.children[j].iter().copied().filter(|c| !self.pulled_elsewhere(*c) && self.nodes[*c].role != Role::SubPlan).collect()
    }

    /// Where no line tells: nodes of the lister's query level that compute what is not printed, from the top. A SELECT list is computed by
    /// the topmost node that can, and the count of a LIMIT is never printed. The first row of such a node waited for the value.
    fn hidden(&self, i: usize, lister: usize) -> Vec<usize> {
        let (slack, wanted) = (self.spent[i].clock + DUST, self.waited_for(i));
        let mut out = Vec::new();
        let mut stack = vec![lister];
        while let Some(j) = stack.pop() {
            let n = &self.nodes[j];
            let waited = n.loops.unwrap_or(1.0) > 1.0 || n.startup_ms.is_none_or(|s| s + slack >= wanted);
            if waited && !PASS_ON.contains(&self.facts[j].kind.as_str()) {
                out.push(j);
            }
            if self.facts[j].kind != "Subquery Scan" {
                stack.extend(self.read_by(j).into_iter().rev());
            }
        }
        out
    }

    /// Whether a node chooses its partitions while the statement runs: an Append needs the value before any of its scans.
    fn prunes(&self, append: usize, mentioning: &[bool]) -> bool {
        if !matches!(self.facts[append].kind.as_str(), "Append" | "Merge Append") {
            return false;
        }
        let members = || self.children[append].iter().copied().filter(|c| !self.pulled_elsewhere(*c));
        members().any(|m| !self.spent[m].executed) && members().all(|m| !self.spent[m].executed || mentioning[m])
    }

    /// Visits a subtree in the order in which expressions are first needed: children before parents, but for conditions that stand
    /// before a whole subtree.
    fn in_execution_order(&self, root: usize, without: &std::ops::Range<usize>, visit: &mut dyn FnMut(usize)) {
        let mut stack = vec![(root, false)];
        while let Some((j, done)) = stack.pop() {
            if without.contains(&j) {
                continue;
            }
            let first = self.facts[j].expressions.iter().any(|(k, _)| *k == "One-Time Filter");
            if done || first && self.children[j].is_empty() {
                visit(j);
                continue;
            }
            if first {
                visit(j);
            } else {
                stack.push((j, true));
            }
            stack.extend(self.children[j].iter().rev().map(|c| (*c, false)));
        }
    }
}

/// How an InitPlan's values are written in expressions: `$0` up to 16, `(InitPlan 1).col1` since 17.
pub(in crate::plan::postgres) fn parameters(subplan: &str) -> Vec<String> {
    if let Some((_, returns)) = subplan.split_once("(returns ") {
        return returns.trim_end_matches(')').split(',').map(|p| p.trim().to_string()).collect();
    }
    if subplan.is_empty() { Vec::new() } else { vec![subplan.to_string()] }
}

/// Whether the exact token stands in the text: `$1` is not in `$10`, `InitPlan 1` not in `InitPlan 10`.
pub(in crate::plan::postgres) fn mentions(text: &str, token: &str) -> bool {
    !token.is_empty() && text.match_indices(token).any(|(i, _)| !text[i + token.len()..].starts_with(|c: char| c.is_ascii_digit()))
}
