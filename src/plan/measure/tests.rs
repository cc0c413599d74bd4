use super::*;
use proptest::prelude::*;

fn samples(times: &[f64], pages: u64) -> Vec<Sample> {
    times.iter().map(|ms| Sample { ms: *ms, work: BTreeMap::from([("pages".to_string(), pages)]), rows: Some(3.0) }).collect()
}

/// Times around `middle` that differ by up to `spread` of it, in a fixed order.
fn noisy(middle: f64, spread: f64, n: usize, seed: u64) -> Vec<f64> {
    let mut d = Draws(seed);
    (0..n).map(|_| middle * (1.0 + spread * (d.below(2001) as f64 / 1000.0 - 1.0))).collect()
}

#[test]
fn medians_and_ranks() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
    assert_eq!((quantile(&hundred, 0.95), quantile(&hundred, 1.0), quantile(&[7.0], 0.95)), (Some(95.0), Some(100.0), Some(7.0)));
    let s = summary(&samples(&[1.0, 2.0, 9.0], 4)).unwrap();
    assert_eq!((s.median_ms, s.mad_ms, s.p95_ms, s.least_ms, s.most_ms, s.rows), (2.0, 1.0, 9.0, 1.0, 9.0, Some(3.0)));
    assert_eq!(s.work["pages"], Counter { median: 4, least: 4, most: 4 });
}

#[test]
fn half_the_time_is_an_improvement_and_twice_is_worse() {
    let (slow, fast) = (samples(&noisy(100.0, 0.05, 10, 1), 50), samples(&noisy(50.0, 0.05, 10, 2), 50));
    let j = judge(&slow, &fast, Pairing::Alternating).unwrap();
    assert_eq!(j.verdict, Verdict::Improved, "{}", j.because);
    assert!(j.interval.0 > 0.4 && j.interval.1 < 0.6 && (j.ratio - 0.5).abs() < 0.05, "{j:?}");
    assert_eq!(judge(&fast, &slow, Pairing::Alternating).unwrap().verdict, Verdict::Worse);
    assert!(settled(&slow[..8], &fast[..8]) && !settled(&slow[..7], &fast[..7]), "looked at 8, not at 7");
}

#[test]
fn noise_of_the_same_thing_is_rarely_called_a_change() {
    let mut wrong = 0;
    for seed in 0..200 {
        let (a, b) = (samples(&noisy(20.0, 0.2, 10, seed), 9), samples(&noisy(20.0, 0.2, 10, seed + 9_000), 9));
        let verdict = judge(&a, &b, Pairing::Alternating).unwrap().verdict;
        wrong += usize::from(matches!(verdict, Verdict::Improved | Verdict::Worse));
    }
    assert!(wrong <= 6, "{wrong} of 200");
}

#[test]
fn wide_runs_are_inconclusive_until_the_work_tells() {
    let a: Vec<f64> = [10.0, 100.0, 12.0, 90.0, 50.0].into();
    let b: Vec<f64> = [95.0, 11.0, 80.0, 13.0, 55.0].into();
    let j = judge(&samples(&a, 1000), &samples(&b, 1000), Pairing::Alternating).unwrap();
    assert_eq!(j.verdict, Verdict::Inconclusive, "{}", j.because);
    let j = judge(&samples(&a, 1000), &samples(&b, 400), Pairing::Alternating).unwrap();
    assert_eq!(j.verdict, Verdict::Improved, "{}", j.because);
    assert!(j.because.contains("pages 1,000 to 400"), "{}", j.because);
    let j = judge(&samples(&a, 400), &samples(&b, 1000), Pairing::Alternating).unwrap();
    assert_eq!(j.verdict, Verdict::Worse, "{}", j.because);
}

#[test]
fn less_work_that_takes_longer_is_no_improvement() {
    let j = judge(&samples(&noisy(50.0, 0.02, 10, 1), 1000), &samples(&noisy(54.0, 0.02, 10, 2), 500), Pairing::Alternating).unwrap();
    assert_eq!(j.verdict, Verdict::NoMeasurableChange, "{}", j.because);
    let j = judge(&samples(&noisy(50.0, 0.02, 10, 1), 1000), &samples(&noisy(90.0, 0.02, 10, 2), 500), Pairing::Alternating).unwrap();
    assert_eq!(j.verdict, Verdict::Worse, "{}", j.because);
}

#[test]
fn a_few_runs_decide_nothing_by_time_and_other_rows_nothing_at_all() {
    let j = judge(&samples(&[100.0; 4], 7), &samples(&[1.0; 4], 7), Pairing::Alternating).unwrap();
    assert_eq!(j.verdict, Verdict::Inconclusive, "{}", j.because);
    let mut other = samples(&[1.0; 9], 7);
    other.iter_mut().for_each(|s| s.rows = Some(2.0));
    let j = judge(&samples(&[100.0; 9], 7), &other, Pairing::Alternating).unwrap();
    assert_eq!(j.verdict, Verdict::Inconclusive, "{}", j.because);
    assert!(j.because.contains("returned 3 and 2 rows"), "{}", j.because);
    assert!(judge(&[], &samples(&[1.0], 1), Pairing::Apart).is_none());
}

#[test]
fn the_clocks_smallest_steps_are_no_change() {
    let j = judge(&samples(&[0.010; 10], 3), &samples(&[0.020; 10], 3), Pairing::Alternating).unwrap();
    assert_eq!(j.verdict, Verdict::NoMeasurableChange, "{}", j.because);
}

#[test]
fn a_plan_gives_its_counters() {
    let scan = PlanNode {
        relation: Some("t".into()),
        rows_total: Some(10.0),
        removed: crate::model::plan::Removed { filter: Some(90.0), ..Default::default() },
        ..PlanNode::default()
    };
    let mut root = PlanNode { rows_total: Some(1.0), children: vec![scan], ..PlanNode::default() };
    root.pages.hit = Some(5);
    root.pages.read = Some(2);
    let counters = BTreeMap::from([("vm steps".to_string(), 77), ("statement bytes".to_string(), 9)]);
    let plan = Plan { analyzed: true, execution_ms: Some(1.5), counters, root, ..Plan::default() };
    let s = Sample::of(&plan).unwrap();
    assert_eq!((s.ms, s.rows), (1.5, Some(1.0)));
    assert_eq!(s.work, BTreeMap::from([("pages".into(), 7), ("rows read".into(), 100), ("vm steps".into(), 77)]));
    assert!(Sample::of(&Plan { analyzed: false, ..plan }).is_none());
}

/// Numbers of runs of which the slowest, the second, third … slowest is a 95 % bound of a 95th percentile: those of every table.
#[test]
fn a_quantile_is_bounded_by_order_statistics() {
    let upper = |n: usize| {
        let values: Vec<f64> = (1..=n).map(|i| i as f64).collect();
        quantile_bounds(&values, 0.95).at_most_ms.map(|ms| n - ms as usize)
    };
    assert_eq!(
        [58, 59, 92, 93, 123, 124, 152, 153, 180, 181].map(upper),
        [None, Some(0), Some(0), Some(1), Some(1), Some(2), Some(2), Some(3), Some(3), Some(4)]
    );
    let median = quantile_bounds(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.5);
    assert_eq!((median.at_least_ms, median.at_most_ms), (Some(1.0), Some(5.0)), "31 of 32");
    let four = quantile_bounds(&[1.0, 2.0, 3.0, 4.0], 0.5);
    assert_eq!((four.at_least_ms, four.at_most_ms), (None, None), "15 of 16");
    assert_eq!(quantile_bounds(&[], 0.95).at_most_ms, None);
    let long: Vec<f64> = (1..=5000).map(f64::from).collect();
    let bounds = quantile_bounds(&long, 0.95);
    assert!(
        (4720.0..4750.0).contains(&bounds.at_least_ms.unwrap()) && (4751.0..4780.0).contains(&bounds.at_most_ms.unwrap()),
        "{bounds:?}"
    );
}

/// A statement of which 7 % of the runs take 50 ms: its 95th percentile is 50 ms, and hardly ever it is seen below 20 ms.
#[test]
fn a_rare_slow_run_is_not_passed_over() {
    let mut draws = Draws(7);
    for runs in [59, 181] {
        let passed = (0..1000).filter(|_| {
            let times: Vec<f64> = (0..runs).map(|_| if draws.below(100) < 7 { 50.0 } else { 0.1 }).collect();
            quantile_bounds(&times, 0.95).at_most_ms.is_some_and(|ms| ms < 20.0)
        });
        let passed = passed.count();
        assert!(passed <= 50, "{passed} of 1000 with {runs} runs");
    }
}

proptest! {
    // Each case draws thousands of samples.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_interval_holds_the_ratio_and_follows_a_factor(times in prop::collection::vec(1.0f64..100.0, 5..30), factor in 0.1f64..10.0) {
        let scaled: Vec<f64> = times.iter().map(|t| t * factor).collect();
        let (low, high) = ratio_interval(&times, &scaled, Pairing::Alternating).unwrap();
        prop_assert!((low - factor).abs() < 1e-6 && (high - factor).abs() < 1e-6, "{low} {high} {factor}");
        let j = judge(&samples(&times, 1), &samples(&scaled, 1), Pairing::Apart).unwrap();
        prop_assert!(j.interval.0 <= j.ratio + 1e-9 && j.ratio <= j.interval.1 + 1e-9, "{j:?}");
    }

    #[test]
    fn turned_round_an_improvement_is_worse(a in prop::collection::vec(1.0f64..100.0, 5..30), b in prop::collection::vec(1.0f64..100.0, 5..30)) {
        let there = judge(&samples(&a, 9), &samples(&b, 9), Pairing::Apart).unwrap().verdict;
        let back = judge(&samples(&b, 9), &samples(&a, 9), Pairing::Apart).unwrap().verdict;
        prop_assert!(there != back || matches!(there, Verdict::NoMeasurableChange | Verdict::Inconclusive));
    }

    #[test]
    fn the_same_runs_have_the_same_verdict(a in prop::collection::vec(0.0f64..1e6, 1..30), b in prop::collection::vec(0.0f64..1e6, 1..30)) {
        let once = judge(&samples(&a, 9), &samples(&b, 9), Pairing::Apart);
        prop_assert_eq!(&once, &judge(&samples(&a, 9), &samples(&b, 9), Pairing::Apart));
        let s = once.unwrap();
        prop_assert!(s.before.least_ms <= s.before.median_ms && s.before.median_ms <= s.before.p95_ms.max(s.before.median_ms) && s.before.p95_ms <= s.before.most_ms);
    }
}

/// Fewer steps that nobody waits for pay for no index: a user's own numbers, 20 % fewer steps at 1.03 of the time.
#[test]
fn what_gains_no_time_does_not_pay() {
    let runs = |around: f64, pages: u64| samples(&noisy(around, 0.04, 12, around as u64), pages);
    let j = judge(&runs(31.7, 1000), &runs(32.6, 800), Pairing::Alternating).unwrap();
    assert_eq!(j.verdict, Verdict::Improved, "{}", j.because);
    assert!(!j.pays(), "{}", j.because);
    assert!(judge(&runs(31.7, 1000), &runs(15.0, 800), Pairing::Alternating).unwrap().pays());
    // A tenth of the pages counts where the clock sees no difference: on a cold cache they are read.
    let even = judge(&runs(31.7, 1000), &runs(31.6, 100), Pairing::Alternating).unwrap();
    assert!(even.pays() == (even.ratio <= 1.0), "{}", even.because);
    assert!(!judge(&runs(31.7, 1000), &runs(31.7, 1000), Pairing::Alternating).unwrap().pays());
}

#[test]
fn small_ratios_keep_digits_that_say_something() {
    for (r, want) in
        [(1.034, "1.03"), (0.24, "0.24"), (0.0951, "0.10"), (0.0417, "0.042"), (0.0042, "0.0042"), (0.00051, "0.00051"), (0.0, "0.000000")]
    {
        assert_eq!(ratio(r), want);
    }
}

/// Rows are read by scans, also where bitmaps or the subqueries of a condition stand below them.
#[test]
fn rows_read_are_those_of_all_scans() {
    let node = |op: &str, table: Option<&str>, rows: f64, children: Vec<PlanNode>| PlanNode {
        op: op.into(),
        relation: table.map(str::to_string),
        rows_total: Some(rows),
        children,
        ..PlanNode::default()
    };
    let bitmap =
        node("bitmap heap", Some("ev"), 60.0, vec![node("bitmap merge", None, 0.0, vec![node("bitmap index", None, 60.0, vec![])])]);
    let sub = PlanNode { role: Role::SubPlan, ..node("aggregate", None, 1.0, vec![node("table scan", Some("b"), 7.0, vec![])]) };
    let asks = node("table scan", Some("a"), 5.0, vec![sub]);
    let writes = node("update", Some("a"), 3.0, vec![node("table scan", Some("a"), 3.0, vec![])]);
    for (root, read) in [(bitmap, 60), (asks, 12), (writes, 3)] {
        let p = Plan { root, analyzed: true, ..Plan::default() };
        assert_eq!(work(&p).get("rows read"), Some(&read), "{:?}", p.root.op);
    }
}
