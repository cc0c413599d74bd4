//! Who pays for a SubPlan: usually the node that lists it.

use super::{EXACT, Ledger, mentions};
use crate::model::plan::Role;

impl Ledger<'_> {
    /// Who pays for a SubPlan: the node that lists it, but for keys that are computed on a rescan, which is the parent's work.
    pub(super) fn subplans(&mut self) {
        for i in 0..self.nodes.len() {
            let (Role::SubPlan, Some(lister)) = (self.nodes[i].role, self.facts[i].parent) else { continue };
            if !self.spent[i].executed {
                continue;
            }
            let mut arms = self.computed_in_arms(i, lister);
            if arms.len() <= 1 {
                arms = self.hidden_in_arms(i, lister);
            }
            if arms.len() > 1 {
                self.shared.push((i, arms));
                continue;
            }
            let mut payers = vec![lister];
            if let Some(up) = self.facts[lister].parent
                && self.computed_on_rescan(i, lister, up)
            {
                payers.insert(0, up);
            }
            payers.extend(self.above(lister));
            payers.retain(|p| self.spent[*p].parallel == self.spent[i].parallel);
            self.pay(i, &payers, false, false);
        }
    }

    fn computed_on_rescan(&self, sub: usize, lister: usize, up: usize) -> bool {
        let name = self.nodes[sub].subplan.as_deref().unwrap_or_default();
        let in_key = |k: &str| matches!(k, "Index Cond" | "TID Cond");
        let mut mentions = self.facts[lister].expressions.iter().filter(|(_, e)| mentions(e, name)).peekable();
        let only_in_keys = mentions.peek().is_some() && mentions.all(|(k, _)| in_key(k) || *k == "Output" || *k == "Recheck Cond");
        let inner = self.facts[up].kind == "Nested Loop" && self.nodes[lister].role == Role::Inner;
        only_in_keys && (inner || !self.spent[lister].parallel && self.nodes[lister].loops.unwrap_or(0.0) > 1.0)
    }

    /// A condition upon a partitioned table or a UNION ALL is copied to every arm, and its SubPlan is printed once, below the first of
    /// them, with what all of them took. These are the nodes that compute it: of each arm the deepest that mentions it, as those above
    /// carry the value.
    fn computed_in_arms(&self, i: usize, lister: usize) -> Vec<usize> {
        let name = self.nodes[i].subplan.as_deref().unwrap_or_default();
        let divides = |p: &usize| matches!(self.facts[*p].kind.as_str(), "Append" | "Merge Append" | "ModifyTable");
        let Some(top) = self.above(lister).into_iter().rfind(divides) else { return Vec::new() };
        let own = i..i + self.spent[i].size;
        let named = |j: usize| self.facts[j].expressions.iter().any(|(_, e)| mentions(e, name));
        let all: Vec<usize> = (top + 1..top + self.spent[top].size)
            .filter(|j| !own.contains(j) && self.spent[*j].executed && self.spent[*j].parallel == self.spent[i].parallel)
            .filter(|j| *j == lister || named(*j))
            .collect();
        let carries = |j: usize| all.iter().any(|below| *below > j && *below < j + self.spent[j].size);
        all.iter().copied().filter(|j| *j == lister || !carries(*j) && !self.above(lister).contains(j)).collect()
    }

    /// The same for a SELECT list, which is not printed without VERBOSE: where the lister cannot hold all of it, its counterparts in the
    /// other arms of the nearest Append that has room computed it too.
    fn hidden_in_arms(&self, i: usize, lister: usize) -> Vec<usize> {
        let name = self.nodes[i].subplan.as_deref().unwrap_or_default();
        if self.facts[lister].expressions.iter().any(|(k, e)| *k == "Output" || mentions(e, name)) || self.holds(lister, i, false, 0.0) {
            return Vec::new();
        }
        let mut path = Vec::new();
        let mut arms = vec![lister];
        let mut at = lister;
        while let Some(up) = self.facts[at].parent {
            if matches!(self.facts[up].kind.as_str(), "Append" | "Merge Append") {
                let others = self.rows_from(up).filter(|c| *c != at);
                arms.extend(others.map(|arm| self.counterpart(arm, &path)));
                arms.retain(|p| self.spent[*p].executed && self.spent[*p].parallel == self.spent[i].parallel);
                if (0..EXACT).all(|k| self.spent[i].all[k] <= arms.iter().map(|p| self.room(*p).1[k]).sum()) {
                    return arms;
                }
            }
            path.insert(0, self.rows_from(up).position(|c| c == at).unwrap_or(0));
            at = up;
        }
        Vec::new()
    }

    /// The children that a node's rows come from.
    fn rows_from(&self, i: usize) -> impl Iterator<Item = usize> {
        self.children[i].iter().copied().filter(|c| !self.pulled_elsewhere(*c) && self.nodes[*c].role != Role::SubPlan)
    }

    /// The node of another arm that stands where the path leads to in the first: as deep as the arm goes.
    fn counterpart(&self, arm: usize, path: &[usize]) -> usize {
        path.iter().try_fold(arm, |at, child| self.rows_from(at).nth(*child).ok_or(at)).unwrap_or_else(|at| at)
    }

    /// Divides what a SubPlan took among the nodes that computed it, by what each of them has left of its own: whatever the parts were,
    /// the sums hold. This comes after the values that one node alone waited for, who needs all its room for them.
    pub(super) fn split(&mut self) {
        for (i, arms) in std::mem::take(&mut self.shared) {
            let (time, all, err) = (self.spent[i].incl, self.spent[i].all, self.spent[i].clock);
            // What none of them has room for was within those above the lister; what nobody has stays with it.
            let lister = self.facts[i].parent.unwrap_or(0);
            let above = self.above(lister);
            let rooms = |l: &Self, room: &dyn Fn(&super::Spent) -> f64| -> (Vec<f64>, Vec<f64>) {
                let of = |of: &[usize]| of.iter().map(|p| room(&l.spent[*p])).collect();
                (of(&arms), of(&above))
            };
            let (arms_have, above_have) = rooms(self, &|s| s.own);
            let (paid, rest) = parts(time, &arms_have, false);
            let (more, rest) = in_turn(rest, &above_have);
            for (p, part) in arms.iter().chain(&above).zip(paid.into_iter().chain(more)) {
                self.spent[*p].own -= part;
            }
            self.spent[lister].own -= rest;
            for p in &arms {
                self.spent[*p].err += err / arms.len() as f64;
            }
            for (k, all) in all.into_iter().enumerate() {
                let (arms_have, above_have) = rooms(self, &|s| s.left[k]);
                let (paid, rest) = parts(all, &arms_have, k < EXACT);
                let (more, rest) = in_turn(rest, &above_have);
                for (p, part) in arms.iter().chain(&above).zip(paid.into_iter().chain(more)) {
                    self.spent[*p].left[k] -= part;
                }
                self.spent[lister].left[k] -= rest;
            }
            let name = self.nodes[i].subplan.clone().unwrap_or_else(|| "the subquery".into());
            for p in &arms {
                let s = &mut self.spent[*p];
                s.approximate = true;
                s.doubt = Some(format!("{name} is computed in {} nodes: what each of them took for it cannot be known", arms.len()));
            }
        }
    }
}

/// From each in turn what it has, and what nobody has.
fn in_turn(mut all: f64, rooms: &[f64]) -> (Vec<f64>, f64) {
    let mut take = |room: &f64| {
        let part = all.min(room.max(0.0));
        all -= part;
        part
    };
    let out = rooms.iter().map(&mut take).collect();
    (out, all)
}

/// A sum in proportion to what each has room for, and what nobody has room for; in whole numbers where asked.
fn parts(all: f64, rooms: &[f64], whole: bool) -> (Vec<f64>, f64) {
    let sum: f64 = rooms.iter().map(|r| r.max(0.0)).sum();
    let share = if sum > 0.0 { (all / sum).min(1.0) } else { 0.0 };
    let mut out: Vec<f64> = rooms.iter().map(|r| r.max(0.0) * share).map(|p| if whole { p.floor() } else { p }).collect();
    let mut rest = all - out.iter().sum::<f64>();
    for (part, room) in out.iter_mut().zip(rooms).filter(|_| whole) {
        if rest >= 1.0 && room - *part >= 1.0 {
            *part += 1.0;
            rest -= 1.0;
        }
    }
    (out, rest)
}
