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
    assert!(c.causes[0].contains("1,000,000 rows, and now 300") && c.causes[0].contains("hash join became nested loop"), "{:?}", c.causes);
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
    let looked_up = plan(node("nested loop", None, 99.0, 1.0, vec![scan("Seq Scan", 99.0), PlanNode { role: Role::Inner, ..part(1.0) }]));
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
