//! The tree as lines: which of them are unfolded, how hot each is by each measure, and where the next hot one is.
//!
//! All of it is worked out once when a plan comes or a branch is folded, so that drawing looks at what is on the screen only.

use crate::model::Severity;
use crate::model::plan::{Plan, PlanNode};

/// What the heat of a node is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Heat {
    /// The node's own time, or its own cost where nothing was measured.
    #[default]
    Time,
    /// How far the rows are from the estimate.
    Estimate,
    /// Pages that the node itself looked at.
    Pages,
    /// Rows that the node read: what it passed on and what it threw away.
    Rows,
}

impl Heat {
    pub const ALL: [Heat; 4] = [Heat::Time, Heat::Estimate, Heat::Pages, Heat::Rows];

    fn slot(self) -> usize {
        self as usize
    }
}

/// Share from which a node is hot: a tenth of the time or the pages (as pev2 and depesz have it), a factor of ten in
/// the estimate, a tenth of the largest number of rows.
const HOT: f64 = 0.1;
/// Share below which nothing of a branch is worth a line.
const COLD: f64 = 0.02;
/// An estimate that is wrong by this factor is as hot as can be.
const WORST: f64 = 1_000.0;
/// Factors below this one are no error.
const RIGHT: f64 = 2.0;

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub depth: usize,
    pub parent: Option<usize>,
    /// Which one of its parent's children.
    pub child: usize,
    /// The line behind the last node below this one.
    pub end: usize,
    /// The last one of its parent's children.
    pub last: bool,
    pub folded: bool,
    /// The worst finding that names this node first.
    pub finding: Option<Severity>,
    own: [Option<f64>; 4],
    share: [f64; 4],
}

impl Line {
    /// The node's own figure: milliseconds (or cost), factor, pages, rows.
    pub fn own(&self, by: Heat) -> Option<f64> {
        self.own[by.slot()]
    }
    /// How hot, 0 to 1.
    pub fn share(&self, by: Heat) -> f64 {
        self.share[by.slot()]
    }
    /// Nodes below.
    pub fn below(&self, at: usize) -> usize {
        self.end - at - 1
    }
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    /// All nodes in plan order.
    pub lines: Vec<Line>,
    /// Those that no folded branch hides.
    pub visible: Vec<usize>,
    /// Nodes have times of their own.
    pub timed: bool,
    /// Rows were counted, not only expected.
    counted: bool,
    /// Nodes have figures of any kind: cost, rows, times, pages.
    pub figures: bool,
    /// Which measures the plan has figures for.
    has: [bool; 4],
}

impl Outline {
    pub fn new(plan: &Plan) -> Self {
        let mut lines: Vec<Line> = Vec::new();
        let mut timed = false;
        let mut nodes: Vec<&PlanNode> = Vec::new();
        // A stack of our own: (node, parent, which child of it, whether the last one).
        let mut open: Vec<(&PlanNode, Option<usize>, usize, bool)> = vec![(&plan.root, None, 0, true)];
        while let Some((node, parent, child, last)) = open.pop() {
            let at = lines.len();
            let depth = parent.map_or(0, |p| lines[p].depth + 1);
            timed |= node.self_ms.is_some();
            let count = node.children.len();
            open.extend(node.children.iter().enumerate().rev().map(|(i, c)| (c, Some(at), i, i + 1 == count)));
            nodes.push(node);
            lines.push(Line { depth, parent, child, end: at + 1, last, folded: false, finding: None, own: [None; 4], share: [0.0; 4] });
        }
        for at in (1..lines.len()).rev() {
            let end = lines[at].end;
            if let Some(p) = lines[at].parent {
                lines[p].end = lines[p].end.max(end);
            }
        }
        for (line, node) in lines.iter_mut().zip(&nodes) {
            line.own = [if timed { node.self_ms } else { own_cost(node) }, node.estimate_error, own_pages(node), own_rows(node)];
        }
        let counted = nodes.iter().any(|n| n.rows.is_some());
        let figures = counted || nodes.iter().any(|n| n.est_rows.is_some());
        let mut out = Outline { has: [false; 4], visible: Vec::new(), timed, counted, figures, lines };
        out.warm();
        out.figures |= out.has.contains(&true);
        for f in &plan.findings {
            let Some(at) = f.nodes.first().and_then(|path| out.index(path)) else { continue };
            let known = out.lines[at].finding;
            out.lines[at].finding = Some(known.map_or(f.severity, |k| k.max(f.severity)));
        }
        out.show();
        out
    }

    /// Shares from the nodes' own figures.
    fn warm(&mut self) {
        for by in Heat::ALL {
            let slot = by.slot();
            let figures = || self.lines.iter().filter_map(|l| l.own[slot]);
            self.has[slot] = figures().next().is_some();
            let whole = match by {
                Heat::Time | Heat::Pages => figures().sum::<f64>(),
                Heat::Rows => figures().fold(0.0, f64::max),
                Heat::Estimate => WORST.ln(),
            };
            for l in &mut self.lines {
                l.share[slot] = match (l.own[slot], by) {
                    (Some(e), Heat::Estimate) if e.abs() >= RIGHT => (e.abs().ln() / whole).clamp(0.0, 1.0),
                    (Some(_), Heat::Estimate) | (None, _) => 0.0,
                    (Some(v), _) if whole > 0.0 => (v / whole).clamp(0.0, 1.0),
                    (Some(_), _) => 0.0,
                };
            }
        }
    }

    /// The plan has figures of this kind.
    pub fn has(&self, by: Heat) -> bool {
        self.has[by.slot()]
    }

    /// What stands in the heading.
    pub fn heat_name(&self, by: Heat) -> &'static str {
        match by {
            Heat::Time if self.timed => "self time",
            Heat::Time => "own cost",
            Heat::Estimate => "estimate error",
            Heat::Pages => "pages",
            Heat::Rows if self.counted => "rows read",
            Heat::Rows => "rows expected",
        }
    }

    /// The next measure that the plan has figures for.
    pub fn next_heat(&self, by: Heat) -> Heat {
        (1..=Heat::ALL.len()).map(|n| Heat::ALL[(by.slot() + n) % Heat::ALL.len()]).find(|h| self.has(*h)).unwrap_or(by)
    }

    /// Child indexes from the root to a line's node.
    pub fn path(&self, at: usize) -> Vec<usize> {
        self.ancestry(at).into_iter().skip(1).map(|a| self.lines[a].child).collect()
    }

    /// The line of the node at a path.
    pub fn index(&self, path: &[usize]) -> Option<usize> {
        path.iter().try_fold(0, |at, child| self.children(at).nth(*child))
    }

    /// Lines of the nodes directly below.
    pub fn children(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.lines.get(at).map_or(0, |l| l.end);
        let mut next = at + 1;
        std::iter::from_fn(move || {
            let here = next;
            next = self.lines.get(here).filter(|_| here < end)?.end;
            Some(here)
        })
    }

    /// Lists the visible lines anew.
    fn show(&mut self) {
        self.visible.clear();
        let mut at = 0;
        while at < self.lines.len() {
            self.visible.push(at);
            at = if self.lines[at].folded { self.lines[at].end } else { at + 1 };
        }
    }

    /// Where a node stands among the visible ones: the node itself, or the folded one that hides it.
    pub fn place(&self, at: usize) -> usize {
        self.visible.partition_point(|v| *v <= at).saturating_sub(1)
    }

    /// Folds or unfolds one branch; false when there is nothing to do.
    pub fn fold(&mut self, at: usize, folded: bool) -> bool {
        let Some(l) = self.lines.get_mut(at).filter(|l| l.folded != folded && l.end > at + 1) else { return false };
        l.folded = folded;
        self.show();
        true
    }

    /// Unfolds what hides a node.
    pub fn reveal(&mut self, at: usize) {
        let mut up = self.lines.get(at).and_then(|l| l.parent);
        while let Some(p) = up {
            self.lines[p].folded = false;
            up = self.lines[p].parent;
        }
        self.show();
    }

    /// Whether any branch is folded.
    pub fn any_folded(&self) -> bool {
        self.lines.iter().any(|l| l.folded)
    }

    /// The other one has the same nodes in the same places.
    pub fn same_shape(&self, other: &Outline) -> bool {
        self.lines.len() == other.lines.len() && self.lines.iter().zip(&other.lines).all(|(a, b)| a.depth == b.depth)
    }

    /// Folds the lines as they were folded in a plan of the same shape.
    pub fn fold_as(&mut self, folds: &[bool]) {
        for (l, folded) in self.lines.iter_mut().zip(folds) {
            l.folded = *folded;
        }
        self.show();
    }

    pub fn unfold_all(&mut self) {
        for l in &mut self.lines {
            l.folded = false;
        }
        self.show();
    }

    /// Folds each branch in which nothing is worth a line; how many nodes that hides. A branch with a finding stays open.
    pub fn fold_cold(&mut self, by: Heat) -> usize {
        let limit = match by {
            // The measure is a logarithm: a factor of ten stands at a third.
            Heat::Estimate => 1.0 / 3.0,
            _ => COLD,
        };
        // Hottest of each branch, from the leaves up.
        let mut warm: Vec<bool> = self.lines.iter().map(|l| l.share(by) >= limit || l.finding.is_some()).collect();
        for at in (1..self.lines.len()).rev() {
            if warm[at]
                && let Some(p) = self.lines[at].parent
            {
                warm[p] = true;
            }
        }
        let mut hidden = 0;
        let mut at = 0;
        while at < self.lines.len() {
            let below = self.lines[at].below(at);
            // The root stays open: a screen of one line helps nobody.
            let fold = at > 0 && below > 0 && !warm[at];
            self.lines[at].folded = fold;
            if fold {
                hidden += below;
                at = self.lines[at].end;
            } else {
                at += 1;
            }
        }
        self.show();
        hidden
    }

    /// Hot nodes, hottest first.
    pub fn hot(&self, by: Heat) -> Vec<usize> {
        let limit = if by == Heat::Estimate { 1.0 / 3.0 } else { HOT };
        let mut hot: Vec<usize> = (0..self.lines.len()).filter(|i| self.lines[*i].share(by) >= limit - 1e-9).collect();
        hot.sort_by(|a, b| self.lines[*b].share(by).total_cmp(&self.lines[*a].share(by)).then(a.cmp(b)));
        hot
    }

    /// The next hot node by rank: from one that is not hot, the hottest.
    pub fn next_hot(&self, from: usize, by: Heat, forward: bool) -> Option<usize> {
        let hot = self.hot(by);
        let n = hot.len();
        let next = match hot.iter().position(|h| *h == from) {
            Some(rank) if forward => (rank + 1) % n,
            Some(rank) => (rank + n - 1) % n,
            None => 0,
        };
        hot.get(next).copied()
    }

    /// Nodes above a node, the root first, the node itself last.
    pub fn ancestry(&self, at: usize) -> Vec<usize> {
        let mut out = Vec::new();
        let mut up = Some(at).filter(|a| *a < self.lines.len());
        while let Some(a) = up {
            out.push(a);
            up = self.lines[a].parent;
        }
        out.reverse();
        out
    }
}

/// Cost of a node without its children's; a LIMIT costs less than what it cuts off.
fn own_cost(n: &PlanNode) -> Option<f64> {
    let below: f64 = n.children.iter().filter_map(|c| c.est_total_cost).sum();
    n.est_total_cost.map(|t| (t - below).max(0.0))
}

fn own_pages(n: &PlanNode) -> Option<f64> {
    let p = &n.self_pages;
    let temp = match (p.temp_read, p.temp_written) {
        (None, None) => None,
        (r, w) => Some(r.unwrap_or(0) + w.unwrap_or(0)),
    };
    match (p.accessed(), temp) {
        (None, None) => None,
        (a, t) => Some((a.unwrap_or(0) + t.unwrap_or(0)) as f64),
    }
}

fn own_rows(n: &PlanNode) -> Option<f64> {
    match (n.rows_total.or(n.rows), n.removed.total()) {
        (Some(r), removed) => Some(r + removed.unwrap_or(0.0)),
        (None, _) if n.never_executed => None,
        (None, _) => n.est_rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plan::PlanFinding;

    fn node(ms: f64, children: Vec<PlanNode>) -> PlanNode {
        PlanNode { self_ms: Some(ms), children, ..PlanNode::default() }
    }

    /// limit 1 ─ join 9 ┬ scan 80 ─ leaf 0
    ///                   └ hash 1 ─ scan 9
    fn outline() -> Outline {
        let root = node(1.0, vec![node(9.0, vec![node(80.0, vec![node(0.0, vec![])]), node(1.0, vec![node(9.0, vec![])])])]);
        Outline::new(&Plan { root, ..Plan::default() })
    }

    #[test]
    fn lines_know_their_place_and_their_share() {
        let o = outline();
        let paths: Vec<Vec<usize>> = (0..6).map(|i| o.path(i)).collect();
        assert_eq!(paths, [vec![], vec![0], vec![0, 0], vec![0, 0, 0], vec![0, 1], vec![0, 1, 0]]);
        assert!(paths.iter().enumerate().all(|(i, p)| o.index(p) == Some(i)));
        assert_eq!(o.children(1).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(o.lines.iter().map(|l| l.end).collect::<Vec<_>>(), [6, 6, 4, 4, 6, 6]);
        assert_eq!(o.index(&[7]), None);
        assert!((o.lines[2].share(Heat::Time) - 0.8).abs() < 1e-9);
        assert_eq!(o.ancestry(5), [0, 1, 4, 5]);
        assert!(o.has(Heat::Time) && !o.has(Heat::Pages));
        assert_eq!(o.next_heat(Heat::Time), Heat::Time, "no other measure has figures");
    }

    #[test]
    fn folding_hides_what_is_below_and_revealing_shows_it() {
        let mut o = outline();
        assert!(o.fold(1, true) && !o.fold(1, true));
        assert!(!o.fold(3, true), "a leaf has nothing to fold");
        assert_eq!(o.visible, [0, 1]);
        assert_eq!(o.place(5), 1, "what is hidden stands at the branch that hides it");
        o.reveal(5);
        assert_eq!(o.visible.len(), 6);
    }

    #[test]
    fn cold_branches_fold_and_what_has_a_finding_stays_open() {
        let mut o = outline();
        assert_eq!(o.fold_cold(Heat::Time), 0, "9 of 100 are above the limit");
        let mut plan = Plan { root: node(1.0, vec![node(990.0, vec![]), node(1.0, vec![node(2.0, vec![])])]), ..Plan::default() };
        let mut o = Outline::new(&plan);
        assert_eq!(o.fold_cold(Heat::Time), 1);
        assert_eq!(o.visible, [0, 1, 2]);
        plan.findings = vec![PlanFinding {
            id: "F1".into(),
            name: "slow-scan".into(),
            severity: Severity::Warning,
            confidence: crate::model::plan::Confidence::Likely,
            nodes: vec![vec![1, 0]],
            message: String::new(),
            because: String::new(),
            evidence: Default::default(),
            next: String::new(),
            sql: None,
            explains_ms: None,
        }];
        let mut o = Outline::new(&plan);
        assert_eq!(o.fold_cold(Heat::Time), 0);
        assert_eq!(o.lines[3].finding, Some(Severity::Warning));
    }

    #[test]
    fn hot_nodes_come_by_rank() {
        let root = node(10.0, vec![node(60.0, vec![node(1.0, vec![])]), node(29.0, vec![])]);
        let o = Outline::new(&Plan { root, ..Plan::default() });
        assert_eq!(o.hot(Heat::Time), [1, 3, 0]);
        assert_eq!(o.next_hot(2, Heat::Time, true), Some(1));
        assert_eq!(o.next_hot(1, Heat::Time, true), Some(3));
        assert_eq!(o.next_hot(0, Heat::Time, true), Some(1), "round the end");
        assert_eq!(o.next_hot(1, Heat::Time, false), Some(0));
    }

    #[test]
    fn a_factor_of_ten_is_hot_whichever_way() {
        let root = PlanNode {
            estimate_error: Some(-10.0),
            children: vec![PlanNode { estimate_error: Some(9.0), ..PlanNode::default() }, PlanNode::default()],
            ..PlanNode::default()
        };
        let o = Outline::new(&Plan { root, ..Plan::default() });
        assert_eq!(o.hot(Heat::Estimate), [0]);
        assert_eq!(o.lines[2].own(Heat::Estimate), None, "not known is not right");
    }
}
