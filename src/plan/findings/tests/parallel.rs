//! Figures of several processes, and of partitions that do the same.

use super::*;

/// The JIT block of a parallel plan is a sum over processes, which no clock on the wall saw.
#[test]
fn compiling_of_workers_is_not_measured_against_the_wall() {
    let plan = |all: f64, leader: Option<f64>| {
        let scan = seq("a").ran(4.0, 10.0, 1600.0);
        let mut gather = node("gather", "Gather").ran(1.0, 10.0, 35.0).over(vec![scan]);
        gather.workers_launched = Some(3);
        Plan {
            execution_ms: Some(435.0),
            jit: Some(Jit { functions: Some(14.0), total_ms: Some(all), leader_ms: leader, ..Jit::default() }),
            ..pg(gather)
        }
    };
    let f29 = |p: &Plan| findings(p, &Known::default()).into_iter().find(|f| f.id == "F29");
    let told = f29(&plan(1038.3, Some(137.0))).expect("a third of the time");
    assert_eq!((told.explains_ms, told.confidence), (Some(137.0), Confidence::Certain));
    assert!(told.message.contains("137.0 ms of 435.0 ms (31 %)") && told.message.contains("1038.3 ms"), "{}", told.message);
    // A fifth of the wall's time all together, but a thirtieth of the leader's.
    assert!(f29(&plan(100.0, Some(15.0))).is_none());
    let summed = f29(&plan(1038.3, None)).expect("most of the work");
    assert!(summed.explains_ms.unwrap() <= 435.0 && summed.confidence == Confidence::Likely, "{summed:?}");
    assert!(f29(&plan(300.0, None)).is_none());
}

/// Estimated rows below a Gather are those of one process: the planner expects 2.4 times as many with two workers.
#[test]
fn estimated_rows_of_a_parallel_scan_are_those_of_all_processes() {
    let scan = || {
        let mut scan = node("table scan", "Parallel Seq Scan").on("orders").est(41.0).says("Filter", "(orders.customer = 5)");
        (scan.est_startup_cost, scan.est_total_cost) = (Some(0.0), Some(9_000.0));
        scan
    };
    let kept = |workers: Option<u32>, raw: &str| {
        let mut gather = node("gather", raw).est(99.0).over(vec![scan()]);
        gather.workers_planned = workers;
        (gather.est_startup_cost, gather.est_total_cost) = (Some(0.0), Some(10_000.0));
        gather.number();
        let p = Plan { engine: "PostgreSQL".into(), version: "15.2".into(), root: gather, ..Plan::default() };
        let known = Known {
            tables: vec![Table { schema: Some("public".into()), name: "orders".into(), rows: Some(200_000.0), ..Table::default() }],
            ..Known::default()
        };
        scene::Scene::new(&p, &known).scan(1).and_then(|s| s.kept)
    };
    assert_eq!(kept(Some(2), "Gather"), Some(98.0));
    assert_eq!(kept(Some(4), "Gather Merge"), Some(164.0));
    assert_eq!(kept(None, "Gather"), Some(41.0));
}

/// A parallel sort's disk is that of all its processes, and the rows are those it was given.
#[test]
fn a_sort_on_disk_counts_all_processes_and_all_rows() {
    let sort = |leader: &str| {
        pg(node("sort", "Sort")
            .ran(3.0, 50_000.0, 70.0)
            .attr("Sort Method", if leader == "Disk" { "external merge" } else { "quicksort" })
            .attr("Sort Space Used", "20576")
            .attr("Sort Space Type", leader)
            .attr("Worker 0", "Sort Method external merge, Sort Space Used 21864, Sort Space Type Disk")
            .attr("Worker 1", "Sort Method external merge, Sort Space Used 20584, Sort Space Type Disk")
            .says("Sort Key", "l_comment")
            .over(vec![seq("lineitem").ran(3.0, 200_000.0, 10.0)]))
    };
    let told = |leader: &str| {
        let f = findings(&sort(leader), &Known::default()).into_iter().find(|f| f.id == "F13").expect("F13");
        f.message
    };
    assert!(told("Disk").contains("of 600,000 rows wrote 63,024 kB to disk"), "{}", told("Disk"));
    assert!(told("Memory").contains("wrote 42,448 kB to disk"), "the leader's part fits: {}", told("Memory"));
}

/// An Append that several processes share is planned as a share of each arm, rounded: arms that were judged well are no wrong estimate.
#[test]
fn rounding_of_a_shared_append_is_no_wrong_estimate() {
    let f5 = |each: f64| {
        let arms: Vec<_> = (0..660).map(|n| seq(&format!("t{n}")).est(1.0).ran(1.0, each, 0.05)).collect();
        let mut append = node("append", "Parallel Append").est(1.0).ran(3.0, 220.0 * each, 60.0).over(arms);
        append.estimate_error = Some(220.0 * each);
        findings(&pg(append), &Known::default()).iter().any(|f| f.id == "F5")
    };
    assert!(!f5(1.0) && f5(20.0));
}

/// Workers that brought nothing: the time is Gather's, however long the plan is.
#[test]
fn workers_without_work_are_told_in_a_long_plan() {
    let gathered = |own: f64, rows: [f64; 3]| {
        let mut g = node("gather", "Gather").ran(1.0, 399.0, own).over(vec![PlanNode { self_ms: Some(4.2), ..processes(rows) }]);
        (g.workers_planned, g.workers_launched) = (Some(2), Some(2));
        findings(&pg(g), &Known::default())
    };
    let idle = gathered(128.7, [399.0, 0.0, 0.0]);
    let f = idle.iter().find(|f| f.id == "F27").unwrap_or_else(|| panic!("{idle:#?}"));
    assert!(f.message.contains("took 128.7 ms of 132.9 ms, and they brought 0 of 399 rows"), "{}", f.message);
    assert!(!gathered(128.7, [133.0; 3]).iter().any(|f| f.id == "F27"), "workers that worked");
    assert!(!gathered(0.2, [399.0, 0.0, 0.0]).iter().any(|f| f.id == "F27"), "what cost nothing");
}
