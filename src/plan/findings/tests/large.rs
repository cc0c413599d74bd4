//! Large plans are looked at in no time.

use super::*;

/// 2 000 nodes: joins in a long chain, each with a table to filter.
fn large() -> (Plan, Known) {
    let mut root = seq("t0").est(10.0).ran(1.0, 2_000.0, 2.0);
    for k in 1..1_000 {
        let name = format!("t{k}");
        let inner = scan(&name, "x")
            .est(1.0)
            .ran(2_000.0, 1.0, 3.0)
            .drops(50_000.0)
            .says("Index Cond", &format!("({name}.a = t{}.b)", k - 1))
            .says(
                "Filter",
                &format!("((lower(({name}.n)::text) = 'x'::text) AND ({name}.q > 5) AND ({name}.z = ANY ('{{1,2,3}}'::integer[])))"),
            );
        root = join(root, inner, "Nested Loop");
    }
    (pg(root), Known { statement: Some("select 1 from t0 where a not in (select 1)".into()), ..Known::default() })
}

#[test]
fn a_large_plan_is_looked_at_in_no_time() {
    // A thread of its own: the chain is 1 000 deep, and debug frames are large.
    std::thread::Builder::new()
        .stack_size(64 << 20)
        .spawn(|| {
            let (mut plan, known) = large();
            plan.execution_ms = Some(23_000.0);
            let start = std::time::Instant::now();
            let _ = findings(&plan, &known);
            plan.analyzed = false;
            let _ = findings(&plan, &known);
            let took = start.elapsed();
            // A release build takes a few milliseconds (the test below); this only tells quadratic from linear.
            assert!(took < std::time::Duration::from_secs(3), "{took:?}");
        })
        .expect("thread")
        .join()
        .expect("looked");
}

/// `cargo test --release -- --ignored findings` (issue 4, Numbers: parse and analyse below 10 ms).
#[test]
#[ignore = "measures a release build"]
fn a_large_plan_in_a_release_build() {
    let (plan, known) = large();
    let best = (0..20).map(|_| {
        let start = std::time::Instant::now();
        let _ = findings(&plan, &known);
        start.elapsed()
    });
    let best = best.min().expect("runs");
    assert!(best < std::time::Duration::from_millis(5), "{best:?}");
}
