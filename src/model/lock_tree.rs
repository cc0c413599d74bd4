//! Who waits for whom: sessions with their blockers, as a forest whose roots are those who wait for nobody.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A session that waits for a lock, or that somebody waits for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LockSession {
    /// What the server calls it; 0 stands for a prepared transaction.
    pub id: u64,
    pub user: String,
    /// Program and address.
    pub client: String,
    pub database: String,
    /// In the server's words: `idle in transaction`.
    pub state: String,
    /// Seconds that it waits for its lock; `None` for one that does not wait.
    pub waits: Option<u64>,
    /// Seconds that its transaction is open.
    pub open_for: Option<u64>,
    /// Seconds since it did anything; `None` while it runs something.
    pub idle: Option<u64>,
    /// Which lock it waits for: `AccessExclusiveLock on orders`.
    pub wants: String,
    pub statement: String,
    pub blocked_by: Vec<u64>,
    /// It is only guessed to hold what others wait for: the server does not tell.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guessed: bool,
    /// It is the server's own (a vacuum, a replica's applier): nobody ends it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
    /// What it holds is older than the statement that it runs: cancelling that gives nothing back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps: bool,
    /// When it connected, by the server's clock and in its words: with the id it names the session for an action.
    pub began: String,
    /// What tells its transaction from the session's next one: the server's number of it, or its beginning to the microsecond. Empty where
    /// neither is to be seen.
    #[serde(skip)]
    pub transaction: String,
}

/// A session in the tree, depth first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Place among the sessions.
    pub at: usize,
    /// 0 for a root.
    pub depth: usize,
}

/// Who holds up others and waits for nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Place among the sessions.
    pub at: usize,
    /// Sessions that wait behind it, directly or through others.
    pub victims: usize,
    /// The longest of their waits, in seconds.
    pub longest: u64,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LockTree {
    pub sessions: Vec<LockSession>,
    /// Most victims first.
    pub roots: Vec<Root>,
    /// The roots with those who wait for them below; a session behind two blockers stands below the first one alone. Then those who wait, for
    /// whom cannot be seen.
    pub branches: Vec<Branch>,
    /// Sessions that wait for each other in a circle: the server ends one of them within its deadlock timeout.
    pub circle: Vec<usize>,
    /// Further sessions that wait, and were not asked for whom: that costs the server something for each.
    pub unasked: usize,
    /// Another look a moment later found other roots: nobody holds the others up for long.
    pub moving: bool,
}

impl LockTree {
    /// Blockers that are not among the sessions (their row is not visible) get one of their own, with the id alone.
    pub fn of(mut sessions: Vec<LockSession>) -> LockTree {
        let mut place: BTreeMap<u64, usize> = sessions.iter().enumerate().map(|(i, s)| (s.id, i)).collect();
        let unseen: BTreeSet<u64> = sessions.iter().flat_map(|s| s.blocked_by.iter().copied()).filter(|b| !place.contains_key(b)).collect();
        for id in unseen {
            place.insert(id, sessions.len());
            sessions.push(LockSession { id, ..LockSession::default() });
        }
        let mut behind: Vec<Vec<usize>> = vec![Vec::new(); sessions.len()];
        for (i, s) in sessions.iter().enumerate() {
            for b in s.blocked_by.iter().filter(|b| **b != s.id).collect::<BTreeSet<_>>() {
                behind[place[b]].push(i);
            }
        }
        // Who holds up others comes first: those stand below it then, and not beside it, where both wait for the same one.
        let holds_up: Vec<usize> = behind.iter().map(Vec::len).collect();
        for b in &mut behind {
            b.sort_by_key(|i| std::cmp::Reverse((holds_up[*i], sessions[*i].waits)));
        }
        let is_root = |i: usize| sessions[i].blocked_by.iter().all(|b| *b == sessions[i].id) && !behind[i].is_empty();
        let mut roots: Vec<Root> = (0..sessions.len())
            .filter(|i| is_root(*i))
            .map(|at| {
                let victims = reached(at, &behind);
                let longest = victims.iter().filter_map(|v| sessions[*v].waits).max().unwrap_or(0);
                Root { at, victims: victims.len(), longest }
            })
            .collect();
        roots.sort_by_key(|r| std::cmp::Reverse((r.victims, r.longest)));
        let mut branches = Vec::new();
        let mut placed = vec![false; sessions.len()];
        for root in &roots {
            // An explicit stack: ten thousand sessions may wait in one line.
            let mut open = vec![(root.at, 0)];
            while let Some((at, depth)) = open.pop() {
                if std::mem::replace(&mut placed[at], true) {
                    continue;
                }
                branches.push(Branch { at, depth });
                open.extend(behind[at].iter().rev().map(|v| (*v, depth + 1)));
            }
        }
        // Whoever waits stands in the picture, also where nobody can be seen to be in the way.
        let waits_alone = |i: &usize| sessions[*i].waits.is_some() && sessions[*i].blocked_by.is_empty() && !placed[*i];
        let mut alone: Vec<usize> = (0..sessions.len()).filter(waits_alone).collect();
        alone.sort_by_key(|i| std::cmp::Reverse(sessions[*i].waits));
        branches.extend(alone.into_iter().map(|at| Branch { at, depth: 0 }));
        let circle = (0..sessions.len()).filter(|i| !placed[*i] && reached(*i, &behind).contains(i)).collect();
        LockTree { sessions, roots, branches, circle, unasked: 0, moving: false }
    }

    /// Sessions that wait.
    pub fn waiting(&self) -> usize {
        self.sessions.iter().filter(|s| s.waits.is_some()).count()
    }
}

/// Who waits behind a session, itself only when it waits for itself through others.
fn reached(from: usize, behind: &[Vec<usize>]) -> BTreeSet<usize> {
    let mut out = BTreeSet::new();
    let mut open = behind[from].clone();
    while let Some(i) = open.pop() {
        if out.insert(i) {
            open.extend(&behind[i]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn waiting(id: u64, blocked_by: &[u64], waits: u64) -> LockSession {
        LockSession { id, blocked_by: blocked_by.to_vec(), waits: Some(waits), ..LockSession::default() }
    }

    fn ids(t: &LockTree) -> Vec<(usize, u64)> {
        t.branches.iter().map(|b| (b.depth, t.sessions[b.at].id)).collect()
    }

    #[test]
    fn the_root_of_a_pile_up_comes_first_with_all_behind_it() {
        // 4711 holds a row; an ALTER (20) waits for it, and reads queue behind the ALTER.
        let holder = LockSession { id: 4711, state: "idle in transaction".into(), idle: Some(2460), ..LockSession::default() };
        let t = LockTree::of(vec![
            waiting(31, &[20], 5),
            waiting(20, &[4711], 130),
            holder,
            waiting(30, &[20, 4711], 90),
            waiting(50, &[60], 1),
        ]);
        assert_eq!(t.roots.iter().map(|r| (t.sessions[r.at].id, r.victims, r.longest)).collect::<Vec<_>>(), [(4711, 3, 130), (60, 1, 1)]);
        assert_eq!(ids(&t), [(0, 4711), (1, 20), (2, 30), (2, 31), (0, 60), (1, 50)]);
        assert_eq!(t.waiting(), 4);
        assert_eq!(t.circle, Vec::<usize>::new());
    }

    #[test]
    fn who_queues_behind_two_stands_below_the_last_of_them() {
        // Two DDLs wait for 1, the second also for the first, and a read for all three; they came within a second.
        let t = LockTree::of(vec![
            waiting(9, &[1, 2, 3], 4),
            waiting(3, &[1, 2], 4),
            waiting(2, &[1], 4),
            LockSession { id: 1, ..LockSession::default() },
            waiting(5, &[1], 90),
        ]);
        assert_eq!(ids(&t), [(0, 1), (1, 2), (2, 3), (3, 9), (1, 5)]);
    }

    #[test]
    fn a_circle_has_no_root_and_is_told() {
        let t = LockTree::of(vec![waiting(1, &[2], 1), waiting(2, &[1], 1), waiting(3, &[2], 1)]);
        assert!(t.roots.is_empty());
        assert_eq!(t.circle.iter().map(|i| t.sessions[*i].id).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn who_waits_for_nobody_who_can_be_seen_is_in_the_picture() {
        let t = LockTree::of(vec![waiting(7, &[], 3), waiting(8, &[], 9), waiting(2, &[1], 1)]);
        assert_eq!((ids(&t), t.roots.len()), (vec![(0, 1), (1, 2), (0, 8), (0, 7)], 1));
    }

    #[test]
    fn ten_thousand_in_a_line_are_no_trouble() {
        let t = LockTree::of((1..10_000).map(|i| waiting(i, &[i - 1], i)).collect());
        assert_eq!((t.roots.len(), t.roots[0].victims), (1, 9_999));
        assert_eq!(t.branches.last().unwrap().depth, 9_999);
    }

    proptest! {
        /// Whatever a server tells: every session stands in the tree at most once, and below each root stand at most its victims.
        #[test]
        fn any_graph_makes_a_forest(edges in proptest::collection::vec((0u64..12, proptest::collection::vec(0u64..12, 0..4)), 0..12)) {
            let t = LockTree::of(edges.iter().enumerate().map(|(i, (_, by))| waiting(i as u64, by, 1)).collect());
            let mut seen = BTreeSet::new();
            for b in &t.branches {
                prop_assert!(seen.insert(b.at));
            }
            for r in &t.roots {
                let top = t.branches.contains(&Branch { at: r.at, depth: 0 });
                prop_assert!(top);
                prop_assert!(r.victims >= 1);
            }
        }
    }
}
