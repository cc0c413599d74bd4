//! Two plans of one statement side by side: which node of the one is which of the other, what moved, what became faster or slower
//! beyond what the figures can tell, and which estimate is behind it. Pure.
//!
//! Nodes are matched by what they are about (relation, alias, role, the tables below them, their conditions), never by their place.

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
    let causes = causes(before, after, &pairs);
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

fn causes(before: &Plan, after: &Plan, pairs: &[Pair]) -> Vec<String> {
    let mut out = Vec::new();
    for (k, v) in &after.settings {
        match before.settings.get(k) {
            Some(old) if old != v => out.push(format!("The setting {k} was {old} and is {v}.")),
            None => out.push(format!("The setting {k} is {v} now.")),
            Some(_) => {}
        }
    }
    out.extend(
        before
            .settings
            .keys()
            .filter(|k| !after.settings.contains_key(*k))
            .map(|k| format!("The setting {k} is the server's default again.")),
    );
    if !before.version.is_empty() && !after.version.is_empty() && before.version != after.version {
        out.push(format!("The server is another version: {} before, {} now.", before.version, after.version));
    }
    let changed: Vec<(&PlanNode, &PlanNode)> = pairs
        .iter()
        .filter(|p| matches!(p.change, Change::Replaced | Change::Moved))
        .filter_map(|p| Some((before.root.at(p.before.as_ref()?)?, after.root.at(p.after.as_ref()?)?)))
        .collect();
    // The lowest estimates that moved: those above follow from them.
    let factor = |a: f64, b: f64| ((a + 1.0) / (b + 1.0)).max((b + 1.0) / (a + 1.0));
    let mut estimates: Vec<(usize, String)> = Vec::new();
    for p in pairs {
        let (Some(b), Some(a)) = (&p.before, &p.after) else { continue };
        let (Some(was), Some(now)) = (before.root.at(b), after.root.at(a)) else { continue };
        let (Some(from), Some(to)) = (whole(before, b), whole(after, a)) else { continue };
        // The inner side of a loop is estimated for one round: another way to read it is another number, and no cause.
        let comparable =
            was.op == now.op || was.relation.is_none() || class(&was.op) != "scan" || (was.role == now.role && was.role != Role::Inner);
        // Other engines count what an access looks at: by an index the rows of its key, without it all of them.
        let comparable = comparable
            && (!matches!(after.engine.as_str(), "MySQL" | "MariaDB" | "SQLite") || was.relation.is_none() || indexes(was) == indexes(now));
        // One look below a loop, or all of it at once: two numbers of different things.
        let comparable = comparable && each(before, b) == each(after, a);
        if factor(from, to) >= MOVED && comparable && now.relation.is_some() {
            let table = now.relation.clone().unwrap_or_default();
            estimates.push((a.len(), format!("{table} was expected to give {} rows, and now {}", rows(from), rows(to))));
        }
    }
    estimates.sort_by_key(|e| std::cmp::Reverse(e.0));
    let by_index = by_index(before, after, pairs);
    // A join that lost its index became another one for that.
    let lost = by_index.iter().any(|(gone, _)| *gone);
    out.extend(by_index.iter().filter(|(gone, _)| *gone).map(|(_, words)| words.clone()));
    for (_, words) in estimates.into_iter().take(3) {
        out.push(match changed.iter().find(|(b, a)| !lost && b.op != a.op) {
            Some((b, a)) => format!("{words}: with that {} became {}.", name(b), name(a)),
            None => format!("{words}."),
        });
    }
    out.extend(by_index.into_iter().filter(|(gone, _)| !gone).map(|(_, words)| words));
    if out.is_empty() && !changed.is_empty() {
        out.push("The estimates are as before: something that they do not show has changed, such as an index, a setting or the order of the joins.".into());
    }
    out
}

/// Tables that are read by another index: whether it is gone, and a sentence.
fn by_index(before: &Plan, after: &Plan, pairs: &[Pair]) -> Vec<(bool, String)> {
    let both = pairs.iter().filter_map(|p| Some((before.root.at(p.before.as_ref()?)?, after.root.at(p.after.as_ref()?)?)));
    both.filter_map(|(b, a)| {
        // A bitmap over another index is the same step.
        let (was, now) = (indexes(b), indexes(a));
        let r = a.relation.as_ref().filter(|_| was != now)?;
        match (&was, &now) {
            (_, Some(i)) => {
                let was = was.as_ref().map_or_else(|| name(b), |i| format!("index {i}"));
                Some((false, format!("{r} is read by index {i} now, and was by {was}.")))
            }
            (Some(i), None) => Some((true, format!("{r} is not read by index {i} any more: {}.", name(a)))),
            (None, None) => None,
        }
    })
    .collect()
}

/// The rows that a step is expected to give, all processes together: below a Gather the planner tells those of one (plans.md §2.8).
pub fn whole(plan: &Plan, path: &[usize]) -> Option<f64> {
    let n = plan.root.at(path)?;
    let rows = n.est_rows?;
    // What stands on a parallel scan is divided among the processes as that is; the inner side of a join need not be.
    fn divided(n: &PlanNode) -> bool {
        let outer = |c: &&PlanNode| !matches!(c.role, Role::Inner | Role::InitPlan | Role::Cte | Role::SubPlan);
        n.raw_op.starts_with("Parallel ") || n.children.iter().find(outer).is_some_and(divided)
    }
    if !divided(n) {
        return Some(rows);
    }
    let gather = (0..path.len()).rev().filter_map(|l| plan.root.at(&path[..l])).find(|a| a.raw_op.starts_with("Gather"));
    let workers = gather.and_then(|g| g.workers_planned).map_or(0.0, f64::from);
    let leads = plan.settings.get("parallel_leader_participation").is_none_or(|v| v != "off");
    let leader = if leads { (1.0 - 0.3 * workers).max(0.0) } else { 0.0 };
    Some(if workers > 0.0 { (rows * (workers + leader)).round() } else { rows })
}

/// Whether a step is run once for each row of a loop: nothing between keeps what it read.
fn each(plan: &Plan, path: &[usize]) -> bool {
    for l in (0..path.len()).rev() {
        let (Some(above), Some(n)) = (plan.root.at(&path[..l]), plan.root.at(&path[..=l])) else { return false };
        if above.op == "nested loop" && n.role == Role::Inner {
            return true;
        }
        if matches!(above.op.as_str(), "hash" | "sort" | "materialize" | "aggregate") {
            return false;
        }
    }
    false
}

/// The indexes by which a step reads its table: its own, or those of the bitmaps below it, which name no table.
fn indexes(n: &PlanNode) -> Option<String> {
    fn collect(n: &PlanNode, out: &mut Vec<String>) {
        for c in n.children.iter().filter(|c| c.relation.is_none() && c.op.starts_with("bitmap")) {
            out.extend(c.index.clone());
            collect(c, out);
        }
    }
    if n.index.is_some() {
        return n.index.clone();
    }
    let mut below = Vec::new();
    collect(n, &mut below);
    (!below.is_empty()).then(|| below.join(" and "))
}

fn rows(n: f64) -> String {
    crate::text::thousands(n.max(0.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(op: &str, table: Option<&str>, est: f64, ms: f64, children: Vec<PlanNode>) -> PlanNode {
        PlanNode {
            op: op.into(),
            raw_op: op.into(),
            relation: table.map(Into::into),
            alias: table.map(Into::into),
            est_rows: Some(est),
            self_ms: Some(ms),
            self_err_ms: Some(0.001),
            children,
            ..PlanNode::default()
        }
    }

    fn plan(root: PlanNode) -> Plan {
        Plan { analyzed: true, root, ..Plan::default() }
    }

    fn before() -> Plan {
        let orders = node("table scan", Some("orders"), 1_000_000.0, 655.0, vec![]);
        let customers = node("table scan", Some("customers"), 50_000.0, 9.0, vec![]);
        let hash = node("hash", None, 50_000.0, 2.0, vec![customers]);
        plan(node("sort", None, 20.0, 4.0, vec![node("hash join", None, 1_000_000.0, 100.0, vec![orders, hash])]))
    }

    fn after() -> Plan {
        let mut orders = node("index scan", Some("orders"), 300.0, 3.0, vec![]);
        orders.index = Some("orders_state".into());
        let mut customers = node("index scan", Some("customers"), 1.0, 2.0, vec![]);
        customers.index = Some("customers_pkey".into());
        customers.role = Role::Inner;
        plan(node("sort", None, 20.0, 4.1, vec![node("nested loop", None, 300.0, 1.0, vec![orders, customers])]))
    }

    fn at(c: &Comparison, path: &[usize]) -> (Change, Speed) {
        let p = c.pairs.iter().find(|p| p.after.as_deref() == Some(path)).unwrap();
        (p.change, p.speed)
    }

    /// MariaDB tells the rows of a key, and without it those of the table: no estimate moved.
    #[test]
    fn a_hidden_index_is_the_cause_and_no_estimate() {
        let read = |op: &str, index: Option<&str>, rows: f64| {
            let scan = PlanNode { index: index.map(Into::into), ..node(op, Some("orders"), rows, 1.0, vec![]) };
            Plan { engine: "MariaDB".into(), ..plan(scan) }
        };
        let causes = compare(&read("index scan", Some("ost"), 100.0), &read("table scan", None, 99_420.0)).causes;
        assert_eq!(causes.len(), 1, "{causes:?}");
        assert!(causes[0].starts_with("orders is not read by index ost any more"), "{causes:?}");
    }

    #[test]
    fn nodes_are_matched_by_what_they_are_about() {
        let c = compare(&before(), &after());
        assert!(c.measured && !c.same_shape());
        assert_eq!(at(&c, &[]), (Change::Same, Speed::Even), "4.0 and 4.1 ms are two runs of one thing");
        assert_eq!(at(&c, &[0]), (Change::Replaced, Speed::Faster), "the join is a join");
        assert_eq!(at(&c, &[0, 0]), (Change::Replaced, Speed::Faster));
        let customers = c.pairs.iter().find(|p| p.after.as_deref() == Some(&[0, 1][..])).unwrap();
        assert_eq!(customers.before.as_deref(), Some(&[0, 1, 0][..]), "its table, wherever it stands");
        let removed: Vec<_> = c.pairs.iter().filter(|p| p.change == Change::Removed).collect();
        assert_eq!(removed.len(), 1);
        assert_eq!(removed[0].before.as_deref(), Some(&[0, 1][..]), "the hash is gone");
    }

    #[test]
    fn the_lowest_estimate_that_moved_is_named() {
        let c = compare(&before(), &after());
        assert!(
            c.causes[0].contains("1,000,000 rows, and now 300") && c.causes[0].contains("hash join became nested loop"),
            "{:?}",
            c.causes
        );
        assert!(c.causes.iter().any(|s| s.contains("orders is read by index orders_state now")), "{:?}", c.causes);
        assert!(
            !c.causes.iter().any(|s| s.contains("customers was expected")),
            "one round of a loop is no estimate of the table: {:?}",
            c.causes
        );
    }

    /// The same estimate, of one process and of all; of one look and of the whole table.
    #[test]
    fn estimates_of_different_things_are_no_cause() {
        let scan = |raw: &str, est: f64| PlanNode { raw_op: raw.into(), ..node("table scan", Some("lineitem"), est, 1.0, vec![]) };
        let mut gather = node("gather", None, 51_201.0, 1.0, vec![scan("Parallel Seq Scan", 21_334.0)]);
        (gather.raw_op, gather.workers_planned) = ("Gather".into(), Some(2));
        let mut serial = plan(scan("Seq Scan", 51_202.0));
        serial.settings.insert("max_parallel_workers_per_gather".into(), "0".into());
        assert_eq!(compare(&plan(gather), &serial).causes, ["The setting max_parallel_workers_per_gather is 0 now."]);
        // A join that lost its index is not said to have changed for an estimate elsewhere.
        let read = |op: &str, index: Option<&str>| PlanNode { index: index.map(Into::into), ..node(op, Some("orders"), 9.0, 1.0, vec![]) };
        let of = |join: &str, rows: f64, inner| {
            plan(node(join, None, 700.0, 1.0, vec![node("table scan", Some("customer"), rows, 1.0, vec![]), inner]))
        };
        let was = of("nested loop", 80.0, read("index scan", Some("tmpi")));
        let causes = compare(&was, &of("hash join", 200.0, read("table scan", None))).causes;
        assert!(causes[0].starts_with("orders is not read by index tmpi any more"), "{causes:?}");
        assert!(causes.iter().all(|c| !c.contains("became")), "{causes:?}");

        let part = |est: f64| {
            let mut p = node("index scan", Some("part"), est, 1.0, vec![]);
            p.index = Some("part_pkey".into());
            p
        };
        let looked_up =
            plan(node("nested loop", None, 99.0, 1.0, vec![scan("Seq Scan", 99.0), PlanNode { role: Role::Inner, ..part(1.0) }]));
        let hash = PlanNode { role: Role::Inner, ..node("hash", None, 800.0, 1.0, vec![part(800.0)]) };
        let whole = plan(node("hash join", None, 99.0, 1.0, vec![scan("Seq Scan", 99.0), hash]));
        let c = compare(&looked_up, &whole);
        assert!(c.causes.iter().all(|w| !w.contains("was expected to give")), "{:?}", c.causes);
    }

    /// A bitmap's index stands below the step that reads the table.
    #[test]
    fn an_index_below_a_bitmap_is_a_cause() {
        let bitmap = |names: &[&str]| {
            let mut leaves: Vec<PlanNode> = names
                .iter()
                .map(|name| PlanNode { index: Some((*name).to_string()), ..node("bitmap index", None, 41.0, 0.1, vec![]) })
                .collect();
            if leaves.len() > 1 {
                leaves = vec![node("bitmap merge", None, 41.0, 0.1, leaves)];
            }
            plan(node("bitmap heap", Some("orders"), 41.0, 1.0, leaves))
        };
        let scan = || plan(node("table scan", Some("orders"), 41.0, 30.0, vec![]));
        let c = compare(&scan(), &bitmap(&["oc"]));
        assert_eq!(c.causes, ["orders is read by index oc now, and was by table scan orders."]);
        let c = compare(&bitmap(&["oc"]), &bitmap(&["oc", "os"]));
        assert_eq!(c.causes, ["orders is read by index oc and os now, and was by index oc."]);
        let c = compare(&bitmap(&["oc", "os"]), &scan());
        assert_eq!(c.causes, ["orders is not read by index oc and os any more: table scan orders."]);
    }

    #[test]
    fn the_same_plan_twice_is_the_same() {
        let c = compare(&before(), &before());
        assert!(c.same_shape() && c.causes.is_empty(), "{c:?}");
        assert!(c.pairs.iter().all(|p| p.speed == Speed::Even && p.before == p.after));
    }

    #[test]
    fn sides_of_a_join_that_changed_places_moved() {
        let swapped = |turned: bool| {
            let (mut a, mut b) = (node("table scan", Some("a"), 1.0, 1.0, vec![]), node("table scan", Some("b"), 1.0, 1.0, vec![]));
            if turned {
                a.role = Role::Inner
            } else {
                b.role = Role::Inner
            }
            plan(node("nested loop", None, 1.0, 1.0, if turned { vec![b, a] } else { vec![a, b] }))
        };
        let c = compare(&swapped(false), &swapped(true));
        assert_eq!((at(&c, &[]).0, at(&c, &[0]).0, at(&c, &[1]).0), (Change::Same, Change::Moved, Change::Moved));
    }

    #[test]
    fn a_step_in_between_moves_nothing() {
        let scan = || node("table scan", Some("a"), 1.0, 1.0, vec![]);
        let c = compare(
            &plan(node("limit", None, 1.0, 0.0, vec![scan()])),
            &plan(node("limit", None, 1.0, 0.0, vec![node("gather", None, 1.0, 1.0, vec![scan()])])),
        );
        assert_eq!(at(&c, &[0]).0, Change::Added);
        assert_eq!(at(&c, &[0, 0]).0, Change::Same);
    }

    #[test]
    fn what_was_not_run_is_compared_by_cost() {
        let mut a = before();
        a.analyzed = false;
        let c = compare(&a, &after());
        assert!(!c.measured);
        assert!(c.pairs.iter().all(|p| p.speed == Speed::Unknown), "without costs nothing is claimed");
    }

    #[test]
    fn constants_are_no_difference() {
        assert_eq!(without_constants("(a = 5) AND (b1 = 'it''s'::text)"), "(a = ?) AND (b1 = ?::text)");
    }
}
