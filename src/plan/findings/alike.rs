//! Arms of an Append that do the same, as one.

use super::scene::{Scan, Scene};
use std::collections::HashMap;

impl Scene<'_> {
    /// Scans of whole tables under one Append that test the same, as one each that is told of the slowest: in many partitions each alone
    /// is not worth a word.
    pub fn alike_scans(&self) -> Vec<Scan> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut at: HashMap<(usize, &str, String), usize> = HashMap::new();
        for i in self.all().filter(|i| self.node(*i).op == "table scan" && !self.node(*i).never_executed) {
            let Some(append) = self.above(i).find(|a| self.node(*a).op == "append") else { continue };
            let (Some(alias), Some(text)) = (self.alias(i), self.filter(i)) else { continue };
            // PostgreSQL numbers the arms of one table.
            let stem = alias.trim_end_matches(|c: char| c.is_ascii_digit());
            let stem = stem.strip_suffix('_').filter(|_| stem != alias).unwrap_or(alias);
            let key = (append, stem, text.replace(&format!("{alias}."), ""));
            let group = *at.entry(key).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[group].push(i);
        }
        groups.into_iter().filter(|arms| arms.len() > 1).filter_map(|arms| self.one_of(arms)).collect()
    }

    fn one_of(&self, arms: Vec<usize>) -> Option<Scan> {
        let scans: Vec<Scan> = arms.iter().filter_map(|i| self.scan(*i)).collect();
        let sum = |of: fn(&Scan) -> Option<f64>| scans.iter().map(of).sum::<Option<f64>>();
        let (read, kept) = (sum(|s| s.read), sum(|s| s.kept));
        let cost = |i: &usize| self.own_ms(*i).or(self.node(*i).rows_total).unwrap_or(0.0);
        let worst = arms.iter().copied().max_by(|a, b| cost(a).total_cmp(&cost(b)))?;
        let weight = self.weigh(&arms);
        let filter = self.filter(worst).filter(|_| weight.is_some()).map(|t| self.read(t));
        Some(Scan { at: worst, top: worst, read, kept, filter, weight, arms })
    }
}
