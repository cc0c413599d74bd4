use super::*;
use crate::model::plan::PlanNode;
use proptest::prelude::*;

fn samples(times: &[f64], pages: u64) -> Vec<Sample> {
    times.iter().map(|ms| Sample { ms: *ms, work: BTreeMap::from([("pages".to_string(), pages)]), rows: Some(3.0) }).collect()
}

fn plan(op: &str) -> Plan {
    let scan = PlanNode {
        op: op.into(),
        raw_op: format!("Parallel {op}"),
        relation: Some("public.orders".into()),
        alias: Some("o".into()),
        ..PlanNode::default()
    };
    Plan {
        analyzed: true,
        root: PlanNode { op: "limit".into(), raw_op: "Limit".into(), children: vec![scan], ..PlanNode::default() },
        ..Plan::default()
    }
}

/// How `words` stand after `before` and `now`, with a plan of another shape or the same.
fn check(words: &str, before: &[Sample], now: &[Sample], same: bool, apart: &[String], elsewhere: bool) -> (Standing, String) {
    let plan = plan("table scan");
    let summary = measure::summary(now).expect("runs");
    let shape = if same { "a" } else { "b" };
    let baseline = Some(Baseline { shape: "a", samples: before, apart, elsewhere });
    read(words).expect(words).check(&Measured { samples: now, summary: &summary, plan: &plan, shape, statement: "", tables: &[], baseline })
}

#[test]
fn words_are_read() {
    let bound = |metric, strict, limit| Requirement::Bound { metric, strict, limit };
    assert_eq!(read("ratio <= 0.8"), Ok(bound(Metric::Ratio, false, 0.8)));
    assert_eq!(read(" p95<100ms "), Ok(bound(Metric::P95, true, 100.0)));
    assert_eq!(read("median < 2 s"), Ok(bound(Metric::Median, true, 2000.0)));
    assert_eq!(read("vm steps <= 1,000"), Ok(bound(Metric::Counter("vm steps".into()), false, 1000.0)));
    assert_eq!(read("no Seq Scan on orders"), Ok(Requirement::Never { operation: "Seq Scan".into(), relation: Some("orders".into()) }));
    for right in [
        "no Bitmap Heap Scan on t",
        "no ALL on t",
        "no index merge on t",
        "no automatic index search on t",
        "no eq_ref on t",
        "no hash_ALL on t",
        "no SCAN on t",
    ] {
        assert!(read(right).is_ok(), "{right}");
    }
    for (wrong, says) in [
        ("ratio >= 0.8", "bounds from above"),
        ("ratio", "needs `<=`"),
        ("p95 < 100", "needs its unit"),
        ("pagez <= 5", "`pagez` is nothing that is measured"),
        ("pages <= 5 ms", "no unit of pages"),
        ("ratio <= x", "no number"),
        ("ratio <= 0", "cannot be reached"),
        ("no nonsense on orders", "is no operation"),
        // A sort or a join stands at no table: forbidden there it would never be seen to fail.
        ("no sort on orders", "write `no sort`"),
        ("no Incremental Sort on orders", "of no single table"),
        ("no filesort on orders", "of no single table"),
        ("no USE TEMP B-TREE FOR ORDER BY on orders", "of no single table"),
        ("no nested loop on orders", "of no single table"),
        ("no Parallel Hash Left Join on orders", "of no single table"),
        ("no hash on orders", "of no single table"),
        ("no gather merge on orders", "of no single table"),
    ] {
        let e = read(wrong).expect_err(wrong);
        assert!(e.contains(says), "{wrong}: {e}");
    }
}

#[test]
fn an_improvement_has_to_be_seen() {
    let (slow, fast) = (samples(&[100.0, 101.0, 99.0, 102.0, 98.0], 1000), samples(&[50.0, 51.0, 49.0, 52.0, 48.0], 100));
    assert_eq!(check("ratio <= 0.8", &slow, &fast, false, &[], false).0, Standing::Pass);
    assert_eq!(check("ratio <= 0.4", &slow, &fast, false, &[], false).0, Standing::Fail);
    assert_eq!(check("work ratio <= 0.1", &slow, &fast, false, &[], true).0, Standing::Pass);
    // Nothing changed: not even a lucky run of the same plan passes.
    let (state, why) = check("ratio <= 0.8", &slow, &slow, true, &[], false);
    assert_eq!(state, Standing::Fail, "{why}");
    let lucky = samples(&[50.0, 51.0, 49.0, 52.0, 48.0], 1000);
    let (state, why) = check("ratio <= 0.8", &slow, &lucky, true, &[], false);
    assert!(state == Standing::Fail && why.contains("the plan is the baseline's"), "{why}");
    // No regression: the same plan and work keep it while the limit is within what the runs allow; all of them above it is no proof.
    let wide = samples(&[30.0, 140.0, 52.0, 90.0, 48.0], 1000);
    assert_eq!(check("ratio <= 1.1", &lucky, &wide, true, &[], false).0, Standing::Pass);
    let (state, why) = check("ratio <= 1.1", &lucky, &slow, true, &[], false);
    assert!(state == Standing::Inconclusive && why.contains("and yet it takes longer"), "{why}");
    assert_eq!(check("ratio <= 1.1", &fast, &slow, false, &[], false).0, Standing::Fail);
}

/// A machine that has other work makes no regression of the baseline's plan, and a few pages more are no reason for half of the time.
#[test]
fn a_busy_machine_is_no_regression() {
    let (idle, busy) = (samples(&[50.0, 51.0, 49.0, 52.0, 48.0], 1000), samples(&[100.0, 101.0, 99.0, 102.0, 98.0], 1009));
    for words in ["ratio <= 1.1", "median < 60 ms", "p95 <= 60 ms"] {
        let (state, why) = check(words, &idle, &busy, true, &[], false);
        assert!(state == Standing::Inconclusive && why.contains("a busier machine"), "{words}: {why}");
        // Another plan, more work, another machine, a limit that was never kept: what is seen is what counts.
        assert_eq!(check(words, &idle, &busy, false, &[], false).0, Standing::Fail, "{words}");
        let more: Vec<Sample> = samples(&[100.0, 101.0, 99.0, 102.0, 98.0], 1500);
        assert_eq!(check(words, &idle, &more, true, &[], false).0, Standing::Fail, "{words}");
    }
    assert_eq!(check("median < 60 ms", &idle, &busy, true, &[], true).0, Standing::Fail);
    assert_eq!(check("median < 40 ms", &idle, &busy, true, &[], false).0, Standing::Fail);
}

#[test]
fn what_cannot_be_compared_is_not() {
    let (slow, fast) = (samples(&[100.0; 6], 1000), samples(&[50.0; 6], 100));
    let apart = ["orders held 1 rows and holds 2".to_string()];
    for words in ["ratio <= 0.8", "work ratio <= 0.8"] {
        let (state, why) = check(words, &slow, &fast, false, &apart, false);
        assert!(state == Standing::Inconclusive && why.contains("orders held 1"), "{why}");
    }
    let fewer: Vec<Sample> = fast.iter().map(|s| Sample { rows: Some(1.0), ..s.clone() }).collect();
    for words in ["ratio <= 0.8", "work ratio <= 0.8"] {
        let (state, why) = check(words, &slow, &fewer, false, &[], false);
        assert!(state == Standing::Inconclusive && why.contains("3 rows before and 1 now"), "{why}");
    }
    let (state, why) = check("ratio <= 0.8", &slow, &fast, false, &[], true);
    assert!(state == Standing::Inconclusive && why.contains("another server"), "{why}");
    assert_eq!(check("vm steps <= 5", &slow, &fast, false, &[], false).0, Standing::Inconclusive);
    assert_eq!(check("pages <= 100", &slow, &fast, false, &apart, true).0, Standing::Pass, "an absolute bound needs no baseline");
    assert_eq!(check("pages <= 99", &slow, &fast, false, &[], false).0, Standing::Fail);
}

#[test]
fn percentiles_take_their_runs() {
    let evenly: Vec<f64> = (0..RUNS_FOR_P95).map(|i| 10.0 + i as f64 / 30.0).collect();
    let many = samples(&evenly, 1);
    let of = |words: &str, runs: usize| check(words, &many, &many[..runs], true, &[], false);
    assert_eq!(of("p95 < 12 ms", 59).0, Standing::Pass);
    assert_eq!(of("p95 < 11 ms", 59).0, Standing::Fail);
    let (state, why) = of("p95 < 11.8 ms", 59);
    assert!(state == Standing::Inconclusive && why.contains("at least 11.7 ms and with as much at most 11.9 ms"), "{why}");
    // The slowest of 58 runs is the true percentile or more in 94.9 % of all cases.
    let (state, why) = of("p95 < 12 ms", 58);
    assert!(state == Standing::Inconclusive && why.contains("of 58 runs") && why.contains("takes 59 runs"), "{why}");
    assert_eq!(of("p95 < 10.1 ms", 20).0, Standing::Fail, "that it is above the limit takes fewer");
    assert_eq!(of("median < 12 ms", 10).0, Standing::Pass);
    assert_eq!(of("rows <= 3", 59).0, Standing::Pass);
    assert_eq!(of("rows <= 2", 59).0, Standing::Fail);
}

#[test]
fn forbidden_operations_are_found_and_a_wrong_name_is_no_pass() {
    let one = samples(&[1.0], 1);
    let on = |words: &str| check(words, &one, &one, true, &[], false);
    for words in ["no table scan on orders", "no table scan on o", "no Table Scan on public.orders", "no table scan", "no limit"] {
        assert_eq!(on(words).0, Standing::Fail, "{words}");
    }
    assert_eq!(on("no sort").0, Standing::Pass);
    assert_eq!(on("no index scan on orders").0, Standing::Pass);
    // What is no name of a step is refused, or no pass.
    for words in ["no seqscan on orders", "no sequential scans", "no temporary pages", "no spill"] {
        assert!(read(words).is_err(), "{words}");
    }
    for words in ["no full table scan", "no hash aggregate", "no tabel scan on orders", "no disk sort"] {
        assert_eq!(on(words).0, Standing::Inconclusive, "{words}");
    }
    let mut plan = Plan {
        engine: "SQLite".into(),
        root: PlanNode { raw_op: "SCAN o".into(), op: "table scan".into(), ..PlanNode::default() },
        ..Plan::default()
    };
    assert_eq!(forbidden(&plan, "", "no Seq Scan").0, Standing::Inconclusive, "another engine's name");
    assert_eq!(forbidden(&plan, "", "no SCAN").0, Standing::Fail);
    // A partition is read as a part of its table.
    (plan.root.relation, plan.root.alias) = (Some("meas_p7".into()), Some("meas_7".into()));
    plan.engine = "PostgreSQL".into();
    assert_eq!(forbidden(&plan, "", "no table scan on meas").0, Standing::Fail);
    let (state, why) = on("no table scan on ordres");
    assert!(state == Standing::Inconclusive && why.contains("reads no ordres"), "{why}");
}

/// How a ban stands on a plan of that statement, where the catalogue knows `device`.
fn forbidden(plan: &Plan, statement: &str, words: &str) -> (Standing, String) {
    let one = samples(&[1.0], 1);
    let summary = measure::summary(&one).expect("a run");
    let m = Measured { samples: &one, summary: &summary, plan, shape: "a", statement, tables: &["shop.device"], baseline: None };
    read(words).expect(words).check(&m)
}

/// MySQL, MariaDB and SQLite print the alias alone; the table is told by the statement.
#[test]
fn a_forbidden_step_is_found_under_an_alias() {
    let node = |op: &str, access: &str, alias: &str| PlanNode {
        op: op.into(),
        raw_op: format!("{access} {alias}"),
        relation: Some(alias.into()),
        alias: Some(alias.into()),
        ..PlanNode::default()
    };
    let plan = |whole: &str, engine: &str| Plan {
        engine: engine.into(),
        analyzed: true,
        root: PlanNode {
            op: "nested loop".into(),
            children: vec![node("table scan", "ALL", whole), node("index scan", "eq_ref", "reading")],
            ..PlanNode::default()
        },
        ..Plan::default()
    };
    let twice = "select * from reading join (select device_id from reading r2 where val < 0.5) x on x.device_id = reading.id";
    let other = "select * from reading join device r2 on r2.id = reading.device_id";
    for engine in ["MariaDB", "MySQL", "SQLite"] {
        let on = |whole: &str, statement: &str| forbidden(&plan(whole, engine), statement, "no table scan on reading");
        assert_eq!(on("r2", twice), (Standing::Fail, "the plan has ALL r2 on reading".into()), "{engine}");
        assert_eq!(on("r2", &twice.replace("reading r2", "shop.reading as r2")).0, Standing::Fail);
        assert_eq!(on("r2", other).0, Standing::Pass, "{engine}");
        assert_eq!(on("<derived2>", other).0, Standing::Pass);
        assert_eq!(on("x", "with x as (select 1) select * from reading, x").0, Standing::Pass, "what a WITH part gives is no table");
        // One name for two tables, and one that only a view knows.
        let both = format!("{twice} where exists (select 1 from device r2)");
        for statement in [both.as_str(), "select * from reading join v on v.id = reading.id"] {
            let (standing, why) = on("r2", statement);
            assert!(standing == Standing::Inconclusive && why.contains("ALL r2, and the statement does not tell"), "{why}");
        }
        assert_eq!(on("device", "select * from reading join v on v.id = reading.id").0, Standing::Pass, "a view's table by its own name");
        let only = forbidden(&plan("r2", engine), twice, "no index scan on r2");
        assert_eq!(only.0, Standing::Pass, "{}", only.1);
    }
}

proptest! {
    #[test]
    fn any_words_are_read_or_refused(words in "\\PC{0,40}") {
        let _ = read(&words);
    }
    #[test]
    fn numbers_come_back(limit in 0.001f64..1e6) {
        let words = format!("pages <= {limit:.3}");
        let Ok(Requirement::Bound { limit: read, .. }) = read(&words) else { panic!("{words}") };
        prop_assert!((read - limit).abs() < 0.001);
    }
}

/// A plan without temporary pages has none of them, where its pages are counted at all.
#[test]
fn no_temporary_pages_are_zero() {
    let now = samples(&[1.0, 1.0], 10);
    assert_eq!(check("temporary pages <= 0", &now, &now, true, &[], false).0, Standing::Pass);
    let uncounted: Vec<Sample> = now.iter().map(|s| Sample { work: BTreeMap::from([("vm steps".to_string(), 5)]), ..s.clone() }).collect();
    assert_eq!(check("temporary pages <= 0", &uncounted, &uncounted, true, &[], false).0, Standing::Inconclusive);
    let some: Vec<Sample> =
        now.iter().map(|s| Sample { work: BTreeMap::from([("pages".to_string(), 5), (TEMPORARY.to_string(), 7)]), ..s.clone() }).collect();
    assert_eq!(check("temporary pages <= 0", &some, &some, true, &[], false).0, Standing::Fail);
}
