//! A plan with what a run counted for each line: loops, rows visited, the planner's estimate, and cycles of the processor, of which
//! each line has a share. SQLite has no clock for lines: their times here are shares of the statement's, and are marked approximate.

use super::{Known, Line, read};
use crate::model::plan::{Plan, PlanNode, estimate_error};
use std::collections::{BTreeMap, HashMap};

/// What `sqlite3_stmt_scanstatus_v2` tells of one line. What it does not count is `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scan {
    /// Of the line; those of a run are others than those of EXPLAIN QUERY PLAN.
    pub id: i64,
    pub parent: i64,
    pub text: String,
    pub loops: Option<u64>,
    /// Rows visited, over all loops.
    pub visits: Option<u64>,
    /// Rows that the planner expected from each loop.
    pub estimated: Option<f64>,
    /// With those of the lines below a subquery, a materialisation or a co-routine.
    pub cycles: Option<u64>,
}

/// The plan of a run that took `ms` milliseconds and `cycles` of the processor.
pub fn measured(scans: &[Scan], cycles: u64, ms: f64, known: &Known, version: &str) -> Plan {
    // One line may be counted twice: as a line and as a loop.
    let mut lines: BTreeMap<i64, Scan> = BTreeMap::new();
    for s in scans {
        let line = lines.entry(s.id).or_insert_with(|| s.clone());
        line.loops = line.loops.max(s.loops);
        line.visits = line.visits.max(s.visits);
        line.cycles = line.cycles.max(s.cycles);
        line.estimated = if s.loops.is_some() { s.estimated } else { line.estimated };
    }
    // A parent that is not counted: then the line stands at the top.
    let parent = |s: &Scan| if lines.contains_key(&s.parent) && s.parent < s.id { s.parent } else { 0 };
    let list: Vec<Line> = lines.values().map(|s| (s.id, parent(s), s.text.clone())).collect();
    let mut plan = read(&list, known, version);
    let mut order: HashMap<i64, Vec<&Scan>> = HashMap::new();
    for s in lines.values() {
        order.entry(parent(s)).or_default().push(s);
    }
    fill(&mut plan.root, 0, &order);
    let counted = own_cycles(&mut plan.root.children, cycles as f64);
    // The code that fills a list is inside the loop that looks into it: lines may count the same cycle, then shares are of their sum.
    let whole = counted.max(cycles as f64);
    if whole > 0.0 {
        share(&mut plan.root, ms / whole, whole);
        plan.root.self_ms = Some(((whole - counted) / whole * ms).max(0.0));
        plan.root.approximate = true;
    }
    plan.root.total_ms = Some(ms);
    plan
}

fn fill(n: &mut PlanNode, id: i64, order: &HashMap<i64, Vec<&Scan>>) {
    let mut ran = false;
    // `read` keeps the order of the lines below each parent.
    for (c, s) in n.children.iter_mut().zip(order.get(&id).into_iter().flatten()) {
        // Of a sort by the last terms SQLite counts the last part alone, which a LIMIT that an earlier part filled keeps from coming.
        let in_parts = ran && c.raw_op.starts_with("USE TEMP B-TREE FOR LAST ");
        c.never_executed = s.loops == Some(0) && !in_parts;
        ran |= s.loops.is_some_and(|l| l > 0);
        // Sorts, groupings and automatic indexes are planned without a number of rows: what stands there is a default.
        let planned = (c.raw_op.starts_with("SCAN ") || c.raw_op.starts_with("SEARCH ")) && !c.raw_op.contains("USING AUTOMATIC");
        c.est_rows = s.loops.and(s.estimated).filter(|_| planned);
        if let Some(loops) = s.loops.filter(|l| *l > 0) {
            let loops = loops as f64;
            c.loops = Some(loops);
            c.rows_total = s.visits.map(|v| v as f64);
            c.rows = c.rows_total.map(|v| v / loops);
            c.visited = planned && c.rows.is_some();
        }
        if let (Some(est), Some(rows)) = (c.est_rows, c.rows) {
            if c.raw_op.starts_with("SCAN ") {
                c.estimate_doubt = Some("the rows counted are those visited, the estimate is of those that stay".into());
            } else {
                c.estimate_error = Some(estimate_error(est, rows));
            }
        }
        if let Some(cycles) = s.cycles.filter(|_| !c.never_executed) {
            c.self_ms = Some(cycles as f64);
        }
        fill(c, s.id, order);
    }
}

/// A loop over a table or an index: what it counts are the steps that use its cursor, wherever they stand. All other lines count what
/// stands below them.
fn is_loop(n: &PlanNode) -> bool {
    n.loops.is_some() && n.rows.is_some()
}

/// Cycles of a line with all below, of a loop's those below alone.
fn inclusive(n: &PlanNode) -> f64 {
    match n.self_ms {
        Some(all) if !is_loop(n) => all,
        _ => n.children.iter().map(inclusive).sum(),
    }
}

/// From cycles with all below (in `self_ms`) to the lines' own, of lines that together have no more than `within`. Returns the sum of the own
/// ones.
///
/// A correlated subquery reads columns of the loops around it with their cursors: those cycles are counted twice, here and there. They
/// are the subquery's, so the loops have no more than what the subqueries beside them leave.
fn own_cycles(lines: &mut [PlanNode], within: f64) -> f64 {
    let others: f64 = lines.iter().map(inclusive).sum();
    let loops: f64 = lines.iter().filter(|n| is_loop(n)).filter_map(|n| n.self_ms).sum();
    let free = (within - others).max(0.0);
    let part = if loops > free && within > 0.0 { free / loops } else { 1.0 };
    let mut sum = 0.0;
    for n in lines {
        let below = inclusive_below(n);
        let own = own_cycles(&mut n.children, below);
        n.self_ms = n.self_ms.map(|all| if is_loop(n) { all * part } else { (all - own).max(0.0) });
        sum += own + n.self_ms.unwrap_or(0.0);
    }
    sum
}

/// What the lines below a line have together, at most.
fn inclusive_below(n: &PlanNode) -> f64 {
    match n.self_ms {
        Some(all) if !is_loop(n) => all,
        _ => f64::INFINITY,
    }
}

/// From own cycles to milliseconds.
fn share(n: &mut PlanNode, ms: f64, whole: f64) {
    let mut below = None;
    for c in &mut n.children {
        share(c, ms, whole);
        below = match (below, c.total_ms) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
        };
    }
    if let Some(cycles) = n.self_ms {
        n.attrs.insert("cycles".into(), format!("{cycles:.0}"));
        n.attrs.insert("share of cycles".into(), format!("{:.1} %", 100.0 * cycles / whole));
        n.self_ms = Some(cycles * ms);
        n.approximate = true;
        n.time_doubt = Some("a share of the processor's cycles: SQLite has no clock for its lines".into());
    }
    n.total_ms = match (n.self_ms, below) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(id: i64, parent: i64, text: &str, counts: [Option<u64>; 3]) -> Scan {
        let [loops, visits, cycles] = counts;
        Scan { id, parent, text: text.into(), loops, visits, estimated: Some(20.0), cycles }
    }

    /// The outer table's cursor is read for every row of the inner one: these steps are the subquery's.
    #[test]
    fn a_correlated_subquery_has_its_own_time() {
        let scans = [
            scan(2, 0, "SEARCH items USING INTEGER PRIMARY KEY (rowid<?)", [Some(1), Some(29), Some(300)]),
            scan(5, 0, "CORRELATED SCALAR SUBQUERY 1", [None, None, Some(1_578)]),
            scan(9, 5, "SCAN oi", [Some(29), Some(5_800_000), Some(999)]),
        ];
        let plan = measured(&scans, 1_580, 158.0, &Known::default(), "3.50");
        let own = |n: &PlanNode| n.self_ms.expect("a share");
        let [outer, sub] = &plan.root.children[..] else { panic!("{:#?}", plan.root) };
        assert!(own(outer) <= 0.2001, "{}", own(outer));
        assert!((own(&sub.children[0]) - 99.9).abs() < 0.1 && (own(sub) - 57.9).abs() < 0.1, "{:#?}", plan.root);
        assert!((sub.total_ms.expect("total") - 157.8).abs() < 0.1);
    }

    /// A sort's estimate of 1 is no estimate.
    #[test]
    fn lines_that_sqlite_plans_no_rows_for_have_no_estimate() {
        let scans = [
            scan(2, 0, "SCAN lineitem", [Some(1), Some(160_000), Some(500)]),
            scan(3, 0, "SEARCH customer USING AUTOMATIC COVERING INDEX (id=?)", [Some(1), Some(15_000), Some(10)]),
            scan(4, 0, "SEARCH orders USING INDEX i (id=?)", [Some(1), Some(15_000), Some(10)]),
            scan(9, 0, "USE TEMP B-TREE FOR ORDER BY", [Some(1), Some(160_000), Some(300)]),
        ];
        let p = measured(&scans, 1000, 10.0, &Known::default(), "3");
        let told: Vec<(bool, bool)> = p.root.children.iter().map(|c| (c.est_rows.is_some(), c.estimate_error.is_some())).collect();
        assert_eq!(told, [(true, false), (false, false), (true, true), (false, false)]);
        assert_eq!(p.root.children[3].rows_total, Some(160_000.0));
        // Rows that were looked at are not rows that came.
        let told: Vec<String> = p.root.children.iter().map(|c| crate::plan::words::rows(c, "→", false)).collect();
        assert_eq!(told[0], "20 → 160.0 k visited");
        assert!(!told[3].contains("visited"), "{told:?}");
    }

    #[test]
    fn a_sort_in_parts_that_a_limit_cut_short_is_not_said_to_have_never_run() {
        let never = |rows: u64, sort: &str| {
            let scans = [
                scan(2, 0, "SEARCH o USING INDEX c (c=?)", [Some(rows), Some(rows), Some(9)]),
                scan(9, 0, sort, [Some(0), Some(0), Some(0)]),
            ];
            let p = measured(&scans, 1000, 10.0, &Known::default(), "3");
            (p.root.children[1].never_executed, p.root.children[1].rows_total)
        };
        assert_eq!(never(11, "USE TEMP B-TREE FOR LAST TERM OF ORDER BY"), (false, None));
        assert_eq!(never(11, "USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY"), (false, None));
        assert_eq!(never(0, "USE TEMP B-TREE FOR LAST TERM OF ORDER BY"), (true, None));
        assert_eq!(never(11, "USE TEMP B-TREE FOR ORDER BY"), (true, None));
    }

    #[test]
    fn lines_have_their_share_and_shares_add_up() {
        let scans = [
            scan(24, 0, "CORRELATED SCALAR SUBQUERY 1", [Some(21), None, Some(500)]),
            scan(2, 0, "SEARCH c USING INTEGER PRIMARY KEY (rowid=?)", [Some(1), Some(21), Some(100)]),
            scan(29, 24, "SCAN o USING COVERING INDEX fk", [Some(21), Some(420_000), Some(300)]),
            scan(40, 0, "SCAN never", [Some(0), Some(0), Some(0)]),
            scan(50, 0, "USE TEMP B-TREE FOR ORDER BY", [None, None, None]),
        ];
        let p = measured(&scans, 1000, 10.0, &Known::default(), "3");
        let own: Vec<Option<f64>> = p.root.children.iter().map(|c| c.self_ms).collect();
        assert_eq!(own, [Some(1.0), Some(2.0), None, None]);
        let inner = p.root.at(&[1, 0]).expect("scan below the subquery");
        assert_eq!((inner.self_ms, inner.loops, inner.rows, inner.rows_total), (Some(3.0), Some(21.0), Some(20_000.0), Some(420_000.0)));
        assert_eq!((inner.attrs["share of cycles"].as_str(), inner.approximate), ("30.0 %", true));
        assert!(inner.estimate_error.is_none() && p.root.children[0].estimate_error.is_some());
        assert_eq!((p.root.self_ms, p.root.total_ms, p.root.children[1].total_ms), (Some(4.0), Some(10.0), Some(5.0)));
        let never = &p.root.children[2];
        assert!(never.never_executed && never.loops.is_none() && never.rows_total.is_none() && never.self_ms.is_none());
        // Lines that count the same cycles: shares of their sum, and nothing is left for the rest.
        let p = measured(&scans, 300, 6.0, &Known::default(), "3");
        assert!((p.root.children.iter().filter_map(|c| c.total_ms).sum::<f64>() - 6.0).abs() < 1e-9);
        assert_eq!(p.root.self_ms, Some(0.0));
        // A processor without a counter.
        assert_eq!(measured(&scans[4..], 0, 6.0, &Known::default(), "3").root.self_ms, None);
    }
}
