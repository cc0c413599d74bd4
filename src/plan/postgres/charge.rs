//! Who spent what: own times and own counters of each node.
//!
//! A node's clock and counters hold those of its children. Not of all: a CTE runs inside its scans, an InitPlan inside the node that
//! first needs its value, a SubPlan in a key of a rescanned node inside the parent. The plan names none of these, so candidates are
//! tried in the order in which the executor would come to them, and who cannot hold the child's time *and* its pages does not pay.
//! What nobody can hold ran after the root had ended (a data-modifying CTE) or is told as a remainder.

pub(super) mod consumers;
mod gathers;
mod subplans;

pub(super) use consumers::mentions;

use self::gathers::Below;
use super::build::Facts;
use crate::model::plan::{Io, Pages, Plan, PlanNode, Role, Wal};
use std::collections::HashMap;

/// Six of pages, four of the log, four of waiting.
const COUNTERS: usize = 14;
/// The first ten are whole numbers, which add up exactly.
const EXACT: usize = 10;
/// Waits are printed to a thousandth of a millisecond.
const IO_ERR: f64 = 0.001;
/// What sums of floats may be wrong by.
const DUST: f64 = 1e-9;

type Counters = [f64; COUNTERS];

fn counters(n: &PlanNode) -> Counters {
    let (p, w, i) = (&n.pages, &n.wal, &n.io);
    let c = |v: Option<u64>| v.unwrap_or(0) as f64;
    let t = |v: Option<f64>| v.unwrap_or(0.0);
    [
        c(p.hit),
        c(p.read),
        c(p.dirtied),
        c(p.written),
        c(p.temp_read),
        c(p.temp_written),
        c(w.records),
        c(w.fpi),
        c(w.bytes),
        c(w.buffers_full),
        t(i.read_ms),
        t(i.write_ms),
        t(i.temp_read_ms),
        t(i.temp_write_ms),
    ]
}

fn add(to: &mut Counters, more: &Counters) {
    to.iter_mut().zip(more).for_each(|(a, b)| *a += b);
}

fn subtract(from: &mut Counters, less: &Counters) {
    from.iter_mut().zip(less).for_each(|(a, b)| *a -= b);
}

/// One node while its time and counters are given to those who spent them.
struct Spent {
    incl: f64,
    own: f64,
    /// Rounding of its own clock: printed to a thousandth of a millisecond, as a mean per loop.
    clock: f64,
    /// Rounding of its own time: of its clock and of each clock that was subtracted from it.
    err: f64,
    all: Counters,
    left: Counters,
    executed: bool,
    parallel: bool,
    approximate: bool,
    doubt: Option<String>,
    /// Number of nodes of the subtree.
    size: usize,
}

struct Ledger<'a> {
    nodes: &'a [PlanNode],
    facts: &'a [Facts],
    spent: Vec<Spent>,
    children: Vec<Vec<usize>>,
    detached: f64,
    detached_counters: Counters,
    /// Whether a CTE of the plan changes data: it may go on after the root has ended.
    writes: bool,
    below_gathers: Vec<Below>,
    /// SubPlans that several nodes computed, with these.
    shared: Vec<(usize, Vec<usize>)>,
}

/// Fills own times, own counters, and the plan's sums.
pub(super) fn charge(plan: &mut Plan, nodes: &mut [PlanNode], facts: &[Facts]) {
    let mut l = Ledger::new(nodes, facts);
    l.gathers();
    l.subplans();
    l.inclusive();
    l.pulled();
    let below_gathers = l.overlapped();
    let Ledger { spent, detached, detached_counters, .. } = l;
    if let Some(root) = nodes.first().and_then(|n| n.total_ms) {
        let shown: f64 = spent.iter().filter(|s| !s.parallel).map(|s| s.own.max(0.0)).sum();
        plan.unattributed_ms = Some(tidy(root + detached - shown - below_gathers));
        plan.parallel_ms = spent.iter().any(|s| s.parallel).then_some(below_gathers);
        plan.detached_ms = (detached > 0.0).then_some(detached);
    }
    if let Some(root) = nodes.first().filter(|_| detached_counters[..EXACT].iter().any(|c| *c > 0.0)) {
        plan.detached_pages = pages(&detached_counters, &root.pages);
    }
    for (n, s) in nodes.iter_mut().zip(spent) {
        n.parallel = s.parallel;
        if !s.executed {
            continue;
        }
        if n.total_ms.is_some() {
            n.self_ms = Some(tidy(s.own.max(0.0)));
            n.self_err_ms = Some(s.err);
            if s.own < -1e-9 {
                n.clamped_ms = Some(tidy(-s.own));
            }
        }
        n.approximate = s.approximate;
        n.time_doubt = s.doubt;
        n.self_pages = pages(&s.left, &n.pages);
        let count = |at: usize, known: Option<u64>| known.map(|_| s.left[at].max(0.0) as u64);
        n.self_wal = Wal {
            records: count(6, n.wal.records),
            fpi: count(7, n.wal.fpi),
            bytes: count(8, n.wal.bytes),
            buffers_full: count(9, n.wal.buffers_full),
        };
        let wait = |at: usize, known: Option<f64>| known.map(|_| tidy(s.left[at].max(0.0)));
        n.self_io = Io {
            read_ms: wait(10, n.io.read_ms),
            write_ms: wait(11, n.io.write_ms),
            temp_read_ms: wait(12, n.io.temp_read_ms),
            temp_write_ms: wait(13, n.io.temp_write_ms),
        };
    }
}

pub(super) fn writes(n: &PlanNode) -> bool {
    matches!(n.op.as_str(), "insert" | "update" | "delete" | "merge")
}

/// Sums of floats without the dust of subtraction: a tenth of a nanosecond is nobody's.
fn tidy(ms: f64) -> f64 {
    let t = (ms * 1e7).round() / 1e7;
    if t == 0.0 { 0.0 } else { t }
}

fn pages(c: &Counters, known: &Pages) -> Pages {
    let count = |at: usize, known: Option<u64>| known.map(|_| c[at].max(0.0) as u64);
    Pages {
        hit: count(0, known.hit),
        read: count(1, known.read),
        dirtied: count(2, known.dirtied),
        written: count(3, known.written),
        temp_read: count(4, known.temp_read),
        temp_written: count(5, known.temp_written),
    }
}

impl<'a> Ledger<'a> {
    fn new(nodes: &'a [PlanNode], facts: &'a [Facts]) -> Ledger<'a> {
        let mut spent: Vec<Spent> = Vec::with_capacity(nodes.len());
        let mut children = vec![Vec::new(); nodes.len()];
        for (i, (n, f)) in nodes.iter().zip(facts).enumerate() {
            let incl = n.total_ms.unwrap_or(0.0);
            let all = counters(n);
            let clock = if n.total_ms.is_some() { 0.0005 * n.loops.unwrap_or(0.0) } else { 0.0 };
            // Below a Gather, apart from what the Gather itself pulls and calls.
            let parallel = f.parent.is_some_and(|p| {
                let pulled = matches!(n.role, Role::InitPlan | Role::Cte | Role::SubPlan);
                spent[p].parallel || facts[p].kind.starts_with("Gather") && !pulled
            });
            spent.push(Spent {
                incl,
                own: incl,
                clock,
                err: clock,
                all,
                left: all,
                executed: !n.never_executed,
                parallel,
                approximate: false,
                doubt: None,
                size: 1,
            });
            if let Some(p) = f.parent {
                children[p].push(i);
            }
        }
        for i in (1..spent.len()).rev() {
            if let Some(p) = facts[i].parent {
                spent[p].size += spent[i].size;
            }
        }
        let writes = nodes.iter().any(|n| n.role == Role::Cte && writes(n));
        Ledger {
            nodes,
            facts,
            spent,
            children,
            writes,
            detached: 0.0,
            detached_counters: [0.0; COUNTERS],
            below_gathers: Vec::new(),
            shared: Vec::new(),
        }
    }

    fn pulled_elsewhere(&self, i: usize) -> bool {
        matches!(self.nodes[i].role, Role::InitPlan | Role::Cte)
    }

    /// Parents of a node, from the nearest.
    fn above(&self, i: usize) -> Vec<usize> {
        std::iter::successors(self.facts[i].parent, |p| self.facts[*p].parent).collect()
    }

    /// Takes ordinary children from their parents. Leaves come first: what a child has more than its parent (the counters of workers
    /// of a Gather that is started again) is inside the parent's parent.
    fn inclusive(&mut self) {
        for i in (0..self.nodes.len()).rev() {
            if !self.spent[i].executed {
                continue;
            }
            for c in self.children[i].clone() {
                if self.pulled_elsewhere(c) || self.nodes[c].role == Role::SubPlan || !self.spent[c].executed {
                    continue;
                }
                let (incl, err, all) = (self.spent[c].incl, self.spent[c].clock, self.spent[c].all);
                if !self.facts[i].kind.starts_with("Gather") {
                    self.spent[i].own -= incl;
                    self.spent[i].err += err;
                }
                subtract(&mut self.spent[i].left, &all);
            }
            let Some(p) = self.facts[i].parent else { continue };
            for k in 0..COUNTERS {
                let slack = if k < EXACT { 0.0 } else { IO_ERR * self.spent[i].size as f64 };
                if self.spent[i].left[k] < -slack {
                    let missing = std::mem::take(&mut self.spent[i].left[k]);
                    // A CTE or an InitPlan is not within its lister: who pulls it pays this too.
                    if self.pulled_elsewhere(i) {
                        self.spent[i].all[k] -= missing;
                    } else {
                        self.spent[p].left[k] += missing;
                    }
                }
            }
            let s = &self.spent[i];
            if s.own < -s.err - DUST && !s.parallel && !self.pulled_elsewhere(i) && !self.facts[i].kind.starts_with("Gather") {
                let (missing, err) = (std::mem::take(&mut self.spent[i].own), self.spent[i].err);
                self.spent[p].own += missing;
                self.spent[p].err += err;
            }
        }
    }

    /// CTEs and InitPlans: paid by those who pull them.
    fn pulled(&mut self) {
        let (mut single, mut several, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let readers = self.readers();
        for i in 1..self.nodes.len() {
            if !self.spent[i].executed || self.spent[i].incl == 0.0 && self.spent[i].all == [0.0; COUNTERS] {
                continue;
            }
            match self.nodes[i].role {
                Role::Cte if readers.get(&i).map_or(0, Vec::len) <= 1 => single.push(i),
                Role::Cte => several.push(i),
                Role::InitPlan => values.push(i),
                _ => {}
            }
        }
        // Those that leave the least choice come first; of the values those that a line of the plan mentions.
        let (named, hidden): (Vec<_>, Vec<_>) =
            values.into_iter().map(|i| (i, self.consumers(i))).partition(|(_, (_, mentioned))| *mentioned);
        for i in single {
            self.cte(i, readers.get(&i).map_or(&[][..], Vec::as_slice));
        }
        let mut paid_by = Vec::new();
        for (i, (payers, mentioned)) in named.into_iter().chain(hidden) {
            let others: Vec<usize> = if mentioned { Vec::new() } else { self.holders(i, &payers) };
            let paid = self.pay(i, &payers, true, !mentioned);
            paid_by.extend(paid.map(|p| (p, i)));
            if mentioned || paid.is_none() || others.len() < 2 && paid == self.facts[i].parent {
                continue;
            }
            let name = self.nodes[i].subplan.clone().unwrap_or_else(|| "an InitPlan".into());
            for p in others {
                let doubt = match paid == Some(p) {
                    true => format!("no line of the plan says who waited for {name}: it is taken from here, where it fits (VERBOSE tells)"),
                    false => format!("no line of the plan says who waited for {name}: it may have been this one (VERBOSE tells)"),
                };
                (self.spent[p].approximate, self.spent[p].doubt) = (true, Some(doubt));
            }
        }
        for (p, i) in paid_by {
            self.after_value(p, i);
        }
        self.split();
        for i in several {
            self.cte(i, readers.get(&i).map_or(&[][..], Vec::as_slice));
        }
        // Nothing stands above the root: what its children have more than it was not within it. That can be where a CTE writes; else
        // the plan does not add up, and must not be made to.
        for k in 0..if self.writes { EXACT } else { 0 } {
            if let Some(root) = self.spent.first_mut().filter(|r| r.left[k] < 0.0) {
                self.detached_counters[k] -= std::mem::take(&mut root.left[k]);
            }
        }
    }

    /// Executed scans of each CTE, in plan order. A name means the nearest CTE of the name that is listed above.
    fn readers(&self) -> HashMap<usize, Vec<usize>> {
        let mut ctes: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, n) in self.nodes.iter().enumerate().filter(|(_, n)| n.role == Role::Cte) {
            if let Some(name) = n.subplan.as_deref().and_then(|s| s.strip_prefix("CTE ")) {
                ctes.entry(name).or_default().push(i);
            }
        }
        let mut out: HashMap<usize, Vec<usize>> = HashMap::new();
        for (j, f) in self.facts.iter().enumerate() {
            let Some(named) = f.reads_cte.as_deref().and_then(|name| ctes.get(name)) else { continue };
            if !self.spent[j].executed {
                continue;
            }
            let inside = |i: usize, root: usize| i >= root && i < root + self.spent[root].size;
            // Of those whose lister holds the scan the one that is listed deepest.
            let best = named.iter().filter(|c| !inside(j, **c)).max_by_key(|c| match self.facts[**c].parent {
                Some(p) if inside(j, p) => p + 1,
                _ => 0,
            });
            if let Some(c) = best {
                out.entry(*c).or_default().push(j);
            }
        }
        out
    }

    fn cte(&mut self, i: usize, readers: &[usize]) {
        let writes = writes(&self.nodes[i]);
        if readers.is_empty() && writes {
            self.after_root(i, self.spent[i].incl, self.spent[i].all);
            return;
        }
        let mut payers = readers.to_vec();
        if readers.len() > 1 {
            for r in readers {
                self.spent[*r].approximate = true;
                let s = format!(
                    "{} is read in {} places: what each of them paid for it cannot be known",
                    self.nodes[i].subplan.as_deref().unwrap_or("the CTE"),
                    readers.len()
                );
                self.spent[*r].doubt = Some(s);
            }
        }
        // Workers below the CTE are shut down when the lister is: its clock holds what no scan does.
        if !writes {
            payers.extend(self.facts[i].parent);
            payers.extend(self.above(i).into_iter().skip(1));
        }
        self.share(i, &payers, writes);
    }

    /// Takes from each payer in order what it can hold.
    fn share(&mut self, i: usize, payers: &[usize], writes: bool) {
        let (mut time, mut left) = (self.spent[i].incl, self.spent[i].all);
        let slack = self.spent[i].clock + DUST;
        for (at, p) in payers.iter().enumerate() {
            let s = &mut self.spent[*p];
            // Rounding: the last payer of a time is held to account for the rest of it.
            let whole = time <= s.own + s.err + slack;
            let part = if whole { time } else { time.min(s.own.max(0.0)) };
            let io_only = left[..EXACT].iter().all(|c| *c == 0.0);
            if at > 0 && time <= slack && io_only {
                break;
            }
            s.own -= part;
            time -= part;
            if part > 0.0 {
                s.err += slack - DUST;
            }
            for (wanted, has) in left.iter_mut().zip(&mut s.left) {
                let part = wanted.min(has.max(0.0));
                *has -= part;
                *wanted -= part;
            }
            if time <= 0.0 && left[..EXACT].iter().all(|c| *c == 0.0) {
                break;
            }
        }
        let counted = left[..EXACT].iter().any(|c| *c > 0.0);
        if writes && (time > slack || counted) {
            self.after_root(i, time, left);
        } else if counted && self.writes {
            add(&mut self.detached_counters, &left);
        }
    }

    fn after_root(&mut self, i: usize, time: f64, counters: Counters) {
        self.detached += time;
        add(&mut self.detached_counters, &counters);
        if time > 0.0 {
            self.spent[i].doubt = Some(format!("{time:.3} ms of it ran after the root of the plan had ended"));
        }
    }

    /// The time until an InitPlan's value was there, which its consumer waited for: workers below it are shut down later, when its lister
    /// is.
    fn waited_for(&self, i: usize) -> f64 {
        let n = &self.nodes[i];
        let workers = || (i..i + self.spent[i].size).any(|j| self.nodes[j].workers_launched.is_some_and(|w| w > 0));
        match n.startup_ms {
            Some(s) if n.role == Role::InitPlan && s < self.spent[i].incl && workers() => s,
            _ => self.spent[i].incl,
        }
    }

    /// Whether a node can hold all that another one took; with `more` time than it has left.
    fn holds(&self, p: usize, i: usize, settled: bool, more: f64) -> bool {
        let (own, mut left, err) = if settled { (self.spent[p].own, self.spent[p].left, self.spent[p].err) } else { self.room(p) };
        if let Some(up) = self.ends_workers_of(p).filter(|_| settled) {
            add(&mut left, &self.spent[up].left);
        }
        let slack = err + self.spent[i].clock + DUST;
        let io = IO_ERR * (self.spent[i].size + self.spent[p].size) as f64;
        self.spent[p].executed
            && self.waited_for(i) <= own + more + slack
            && (0..COUNTERS).all(|k| self.spent[i].all[k] <= left[k] + if k < EXACT { 0.0 } else { io })
    }

    /// Those of the payers that can hold it: the one that pays, and others of whose figures it would be a tenth or more.
    fn holders(&self, i: usize, payers: &[usize]) -> Vec<usize> {
        let (time, counted) = (self.spent[i].incl, &self.spent[i].all);
        let much = |s: &Spent| time * 10.0 >= s.own || (0..EXACT).any(|k| counted[k] > 0.0 && counted[k] * 10.0 >= s.left[k]);
        let fits = payers.iter().copied().filter(|p| self.holds(*p, i, true, 0.0));
        fits.enumerate().filter(|(at, p)| *at == 0 || much(&self.spent[*p])).map(|(_, p)| p).collect()
    }

    /// The first of the payers that can hold all of it pays, and is told; when none can, each pays what it can.
    fn pay(&mut self, i: usize, payers: &[usize], settled: bool, guessed: bool) -> Option<usize> {
        // A leader may have computed it while its workers worked.
        let working = |g: usize| self.below_gathers.iter().find(|b| b.gather == g).map_or(0.0, |b| b.share - b.floor);
        let first = |room: &dyn Fn(usize) -> f64| payers.iter().copied().find(|p| self.holds(*p, i, settled, room(*p)));
        let idle = if guessed { first(&|_| 0.0) } else { None };
        let Some(p) = idle.or_else(|| first(&working)) else {
            if settled {
                self.share(i, payers, false);
            } else if let Some(p) = payers.first() {
                self.take(*p, i);
            }
            return None;
        };
        self.take(p, i);
        Some(p)
    }

    fn take(&mut self, p: usize, i: usize) {
        let (err, all) = (self.spent[i].clock, self.spent[i].all);
        let waited = self.waited_for(i);
        let s = &mut self.spent[p];
        s.own -= waited;
        s.err += err;
        subtract(&mut s.left, &all);
        if let Some(up) = self.ends_workers_of(p) {
            for k in 0..EXACT {
                let missing = self.spent[p].left[k].min(0.0);
                self.spent[p].left[k] -= missing;
                self.spent[up].left[k] += missing;
            }
        }
    }

    /// What came after an InitPlan's value: the end of its rows in its consumer's clock, the end of its workers in its lister's.
    fn after_value(&mut self, p: usize, i: usize) {
        let rest = self.spent[i].incl - self.waited_for(i);
        let room = |l: &Self, at: usize| l.spent[at].own + l.spent[at].err >= rest;
        let held = std::iter::once(p).chain(self.above(i)).find(|at| room(self, *at));
        self.spent[held.unwrap_or(p)].own -= rest;
    }

    /// What a node would have of its own once its ordinary children are taken, before they are.
    fn room(&self, p: usize) -> (f64, Counters, f64) {
        let s = &self.spent[p];
        let (mut own, mut left, mut err) = (s.own, s.left, s.err);
        let gather = self.facts[p].kind.starts_with("Gather");
        for c in &self.children[p] {
            if self.pulled_elsewhere(*c) || self.nodes[*c].role == Role::SubPlan || !self.spent[*c].executed {
                continue;
            }
            if !gather {
                own -= self.spent[*c].incl;
                err += self.spent[*c].clock;
            }
            subtract(&mut left, &self.spent[*c].all);
        }
        (own, left, err)
    }
}
