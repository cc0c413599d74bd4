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
            let arms = self.computed_in_arms(i, lister);
            if arms.len() > 1 {
                self.split(i, lister, &arms);
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

    /// Divides what a SubPlan took among the nodes that computed it, by what each of them has of its own: whatever the parts were, the
    /// sums hold.
    fn split(&mut self, i: usize, lister: usize, arms: &[usize]) {
        let rooms: Vec<_> = arms.iter().map(|p| self.room(*p)).collect();
        let (time, all, err) = (self.spent[i].incl, self.spent[i].all, self.spent[i].clock);
        // What none of them has room for stays with the lister, and so with those above it.
        let (paid, rest) = parts(time, &rooms.iter().map(|r| r.0).collect::<Vec<_>>(), false);
        for (p, part) in arms.iter().zip(paid) {
            self.spent[*p].own -= part;
            self.spent[*p].err += err / arms.len() as f64;
        }
        self.spent[lister].own -= rest;
        for (k, all) in all.into_iter().enumerate() {
            let (paid, rest) = parts(all, &rooms.iter().map(|r| r.1[k]).collect::<Vec<_>>(), k < EXACT);
            for (p, part) in arms.iter().zip(paid) {
                self.spent[*p].left[k] -= part;
            }
            self.spent[lister].left[k] -= rest;
        }
        let name = self.nodes[i].subplan.clone().unwrap_or_else(|| "the subquery".into());
        for p in arms {
            let s = &mut self.spent[*p];
            s.approximate = true;
            s.doubt = Some(format!("{name} is computed in {} nodes: what each of them took for it cannot be known", arms.len()));
        }
    }
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
