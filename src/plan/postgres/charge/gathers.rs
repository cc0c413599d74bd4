//! What parallel parts took of the clock of those who wait for them.

use super::Ledger;
use crate::model::plan::Role;

/// What the children of a topmost Gather took of the root's clock.
pub(super) struct Below {
    pub(super) gather: usize,
    pub(super) share: f64,
    /// The Gather's own time where the share was more than its clock held; else 0.
    pub(super) floor: f64,
}

impl Ledger<'_> {
    /// A Gather waits for its slowest process; the sum over processes is more than its clock can hold.
    pub(super) fn gathers(&mut self) {
        for g in 0..self.nodes.len() {
            // A plan that was not run has no time to divide.
            if !self.facts[g].kind.starts_with("Gather") || !self.spent[g].executed || self.nodes[g].loops.is_none() {
                continue;
            }
            // A leader that works alone adds nothing up over processes.
            let again = self.nodes[g].loops.unwrap_or(1.0) > 1.0 && self.nodes[g].workers_launched != Some(0);
            for c in self.children[g].clone() {
                if self.pulled_elsewhere(c) || self.nodes[c].role == Role::SubPlan || !self.spent[c].executed {
                    continue;
                }
                // Workers of earlier rounds are not told apart when a Gather runs again and again.
                let share = match self.nodes[c].wall_ms {
                    Some(wall) if !again => wall,
                    _ => {
                        // Each process ran it once per round: the slowest took at least the mean.
                        let rounds = self.nodes[g].loops.unwrap_or(1.0);
                        self.spent[g].approximate = true;
                        let s = "the plan tells no times of single processes (VERBOSE does): its own time is an upper bound";
                        self.spent[g].doubt = Some(s.into());
                        let loops = self.nodes[c].loops.unwrap_or(1.0).max(1.0);
                        self.spent[c].incl / loops * rounds.min(loops)
                    }
                };
                let (own, err) = (self.spent[g].own, self.spent[c].clock);
                self.spent[g].own -= share;
                self.spent[g].err += err;
                if share > own {
                    let s = "its workers went on while the leader was above it: their time is more than its clock saw";
                    self.spent[g].doubt = Some(s.into());
                }
                if !self.spent[g].parallel {
                    self.below_gathers.push(Below { gather: g, share: share.min(own.max(0.0)), floor: (own - share).min(0.0) });
                }
            }
        }
    }

    /// What passed while workers were waited for. While they work, their leader computes what the Gather itself pulls and calls: that is
    /// told there, and passed once.
    pub(super) fn overlapped(&mut self) -> f64 {
        let mut sum = 0.0;
        for b in std::mem::take(&mut self.below_gathers) {
            let s = &mut self.spent[b.gather];
            let twice = (b.floor - s.own).clamp(0.0, b.share);
            s.own += twice;
            sum += b.share - twice;
        }
        sum
    }

    /// A Gather that is started again: its parent ends the workers of the round before, and has counted what they did.
    pub(super) fn ends_workers_of(&self, g: usize) -> Option<usize> {
        let again = self.facts[g].kind.starts_with("Gather") && self.nodes[g].loops.is_some_and(|l| l > 1.0);
        self.facts[g].parent.filter(|_| again)
    }
}
