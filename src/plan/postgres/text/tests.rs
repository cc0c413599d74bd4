//! Text as servers of several versions and several clients print it. Captures are our own, of PostgreSQL 15; those of other versions
//! are written by hand after the differences that each version documents.

use crate::model::plan::{PlanNode, Role};
use crate::plan::postgres::read;

fn nodes(root: &PlanNode) -> Vec<&PlanNode> {
    let mut out = Vec::new();
    root.walk(0, &mut |_, n| out.push(n));
    out
}

/// What pev2 publishes as its second fixture: 0.008 × 402 − 0.015 = 3.201, and 6.924 for the join.
#[test]
fn published_figures_of_a_nested_loop() {
    let text = " Nested Loop  (cost=0.00..611.27 rows=13400 width=8) (actual time=0.025..10.198 rows=34956 loops=1)
   Join Filter: (t1.c1 > t2.c2)
   Rows Removed by Join Filter: 5244
   ->  Seq Scan on t1  (cost=0.00..6.02 rows=402 width=4) (actual time=0.013..0.058 rows=402 loops=1)
   ->  Materialize  (cost=0.00..2.50 rows=100 width=4) (actual time=0.000..0.008 rows=100 loops=402)
         ->  Seq Scan on t2  (cost=0.00..2.00 rows=100 width=4) (actual time=0.005..0.015 rows=100 loops=1)
 Planning Time: 0.083 ms
 Execution Time: 12.035 ms";
    let p = read(text).unwrap();
    let all = nodes(&p.root);
    let own = |i: usize| (all[i].self_ms.unwrap() * 1000.0).round() / 1000.0;
    assert_eq!((own(0), own(2)), (6.924, 3.201));
    assert_eq!(all[2].role, Role::Inner);
    assert_eq!(p.root.removed.join_filter, Some(5244.0));
    assert_eq!(p.execution_ms, Some(12.035));
    // 402 loops, each rounded to a thousandth.
    assert!((all[2].self_err_ms.unwrap() - 0.2015).abs() < 1e-9);
    assert_eq!(all[2].estimate_error, Some(1.0));
}

/// The figures of `plans.md` §2.3 and §2.9: who pulls an InitPlan pays its time and its pages.
#[test]
fn pages_of_an_init_plan_are_its_consumers() {
    let text = "Limit  (cost=1.0..2.0 rows=5 width=4) (actual time=305.660..305.663 rows=5 loops=1)
  Buffers: shared hit=2016
  InitPlan 1 (returns $0)
    ->  Aggregate  (cost=1.0..2.0 rows=1 width=8) (actual time=252.553..252.554 rows=1 loops=1)
          Buffers: shared hit=1645
          ->  Seq Scan on a  (cost=0.0..1.0 rows=100 width=4) (actual time=0.010..112.118 rows=100000 loops=1)
                Buffers: shared hit=1645
  ->  Seq Scan on b  (cost=0.0..9.0 rows=10417 width=4) (actual time=252.600..305.656 rows=5 loops=1)
        Filter: (q = $0)
        Rows Removed by Filter: 202
        Buffers: shared hit=2016
Execution Time: 305.700 ms";
    let p = read(text).unwrap();
    let all = nodes(&p.root);
    let own: Vec<f64> = all.iter().map(|n| (n.self_ms.unwrap() * 1000.0).round() / 1000.0).collect();
    assert_eq!(own, [0.007, 140.436, 112.118, 53.102]);
    assert_eq!(all.iter().map(|n| n.self_pages.hit.unwrap()).collect::<Vec<_>>(), [0, 0, 1645, 371]);
    // Five rows are what the LIMIT wanted: 2083 times fewer than estimated says nothing.
    assert_eq!(all[3].estimate_error, None);
    assert!(all[3].estimate_doubt.as_deref().unwrap().contains("LIMIT"));
}

/// Lines of workers have figures of their own, which are not the node's. Up to 12 they come in two rounds.
#[test]
fn workers_are_told_apart() {
    let text = "Gather Merge  (cost=735306.27..1707599.95 rows=8333364 width=17) (actual time=1560.468..3749.583 rows=10000000 loops=1)
  Workers Planned: 2
  Workers Launched: 2
  Buffers: shared hit=300
  ->  Sort  (cost=734306.25..744722.95 rows=4166682 width=17) (actual time=1474.182..1967.788 rows=3333333 loops=3)
        Sort Key: t1.c1
        Sort Method: external merge  Disk: 125168kB
        Worker 0:  Sort Method: external merge  Disk: 73768kB
        Worker 1:  Sort Method: external merge  Disk: 74088kB
        Buffers: shared hit=300
        Worker 0: actual time=1431.136..1883.370 rows=2700666 loops=1
          Buffers: shared hit=90
        Worker 1: actual time=1431.175..1891.630 rows=2712505 loops=1
          Buffers: shared hit=80
        ->  Parallel Seq Scan on t1  (cost=0.00..105264.82 rows=4166682 width=17) (actual time=0.214..386.014 rows=3333333 loops=3)
              Buffers: shared hit=300
Execution Time: 4166.867 ms";
    let p = read(text).unwrap();
    let sort = &p.root.children[0];
    assert_eq!(sort.pages.hit, Some(300));
    assert_eq!(sort.attrs["Sort Space Used"], "125168");
    assert_eq!(sort.processes.iter().map(|p| p.who.as_str()).collect::<Vec<_>>(), ["leader", "worker 0", "worker 1"]);
    let leader = 3.0 * 1967.788 - 1883.370 - 1891.630;
    assert!((sort.wall_ms.unwrap() - leader).abs() < 1e-6);
    assert!(sort.parallel && !p.root.parallel);
    assert!((p.root.self_ms.unwrap() - (3749.583 - leader)).abs() < 1e-6);
    // A perfect estimate of partial rows: 4 166 682 × 2.4 is 10 000 000.
    assert!((sort.estimate_error.unwrap().abs() - 1.0) < 0.001, "{:?}", sort.estimate_error);
    assert!(sort.attrs["Worker 0"].contains("73768"), "{:?}", sort.attrs);
}

/// pev2's issue 482: process time is never divided by the workers that were launched.
#[test]
fn process_time_is_not_divided() {
    let text = "Gather  (cost=1.0..9.0 rows=9 width=4) (actual time=1.0..60.0 rows=30 loops=1)
  Workers Planned: 2
  Workers Launched: 2
  ->  Nested Loop  (cost=1.0..9.0 rows=9 width=4) (actual time=1.0..55.0 rows=10 loops=3)
        ->  Parallel Seq Scan on a  (cost=1.0..9.0 rows=9 width=4) (actual time=0.1..1.0 rows=10 loops=3)
        ->  Index Scan using b_i on b  (cost=1.0..9.0 rows=1 width=4) (actual time=0.1..4.119 rows=1 loops=30)";
    let p = read(text).unwrap();
    let scan = &p.root.children[0].children[1];
    assert!((scan.total_ms.unwrap() - 123.57).abs() < 1e-9);
    assert_eq!((scan.wall_ms, scan.self_ms.map(|t| (t * 100.0).round() / 100.0)), (None, Some(123.57)));
    assert!(p.root.approximate && p.root.time_doubt.is_some());
}

#[test]
fn clients_that_break_lines() {
    let whole = "Sort  (cost=32.88..32.96 rows=32 width=224) (actual time=0.532..7.667 rows=5 loops=1)
  Sort Key: n.nspname, c.relname
  Sort Method: quicksort  Memory: 25kB
  ->  Hash Join  (cost=1.09..32.08 rows=32 width=224) (actual time=0.524..0.525 rows=3 loops=1)
        Hash Cond: (c.relnamespace = n.oid)
        ->  Seq Scan on pg_class c  (cost=0.00..29.84 rows=64 width=73) (actual time=0.026..0.397 rows=128 loops=1)
              Filter: (relkind = ANY ('{r,p}'::text[]))
        ->  Hash  (cost=1.07..1.07 rows=2 width=68) (actual time=0.062..0.062 rows=2 loops=1)
              ->  Seq Scan on pg_namespace n  (cost=0.00..1.07 rows=2 width=68) (actual time=0.022..0.052 rows=2 loops=1)
Planning Time: 0.5 ms
Execution Time: 9.1 ms";
    let expected = read(whole).unwrap();
    assert_eq!(nodes(&expected.root).len(), 5);
    for width in [33, 47, 61, 70, 72] {
        // Broken by columns, as a terminal or a mail does.
        let mut broken = String::new();
        for line in whole.lines() {
            let chars: Vec<char> = line.chars().collect();
            for part in chars.chunks(width) {
                broken.push_str(&part.iter().collect::<String>());
                broken.push('\n');
            }
        }
        let read = read(&broken).unwrap_or_else(|e| panic!("{width}: {e:?}\n{broken}"));
        for (a, b) in nodes(&expected.root).into_iter().zip(nodes(&read.root)) {
            assert_eq!(
                (&a.raw_op, a.est_total_cost, a.total_ms, a.rows, &a.relation),
                (&b.raw_op, b.est_total_cost, b.total_ms, b.rows, &b.relation),
                "{width}\n{broken}"
            );
        }
        assert_eq!(read.execution_ms, Some(9.1), "{width}");
    }
    // pgAdmin's quotes, DBeaver's bars, a prompt and a count, tabs instead of blanks.
    let quoted: String = whole.lines().map(|l| format!("\"{}\"\n", l.replace('"', "\"\""))).collect();
    let barred =
        format!("QUERY PLAN{:90}|\n{}+\n{}", "", "-".repeat(100), whole.lines().map(|l| format!("{l:100}|\n")).collect::<String>());
    let prompt = format!("shop=# explain analyze\nUpdate pg_class set x = 1;\n{whole}\n(9 rows)\n\nshop=#");
    for text in [quoted, barred, prompt, whole.replace("              ->", "\t\t\t->").replace("        ->", "\t\t->")] {
        let read = read(&text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        let (a, b) = (nodes(&expected.root), nodes(&read.root));
        assert_eq!(
            a.iter().map(|n| (&n.path, &n.raw_op, n.self_ms)).collect::<Vec<_>>(),
            b.iter().map(|n| (&n.path, &n.raw_op, n.self_ms)).collect::<Vec<_>>(),
            "{text}"
        );
    }
}

/// By hand: releases up to 8.3 named neither the plan's number nor `on`, and the run's time otherwise.
#[test]
fn words_of_other_versions() {
    let old = read(
        "Limit  (cost=1.0..2.0 rows=5 width=4) (actual time=1.000..2.000 rows=5 loops=1)
  InitPlan
    ->  Aggregate  (cost=1.0..2.0 rows=1 width=8) (actual time=0.5..0.6 rows=1 loops=1)
          ->  Seq Scan on a  (cost=0.0..1.0 rows=9 width=4) (actual time=0.010..0.4 rows=9 loops=1)
  ->  Subquery Scan x  (cost=0.0..9.0 rows=5 width=4) (actual time=1.1..1.9 rows=5 loops=1)
        ->  Hash IN Join  (cost=0.0..9.0 rows=5 width=4) (actual time=1.1..1.8 rows=5 loops=1)
              ->  Seq Scan on b  (cost=0.0..4.0 rows=5 width=4) (actual time=0.1..0.8 rows=5 loops=1)
              ->  Hash  (cost=0.0..4.0 rows=5 width=4) (actual time=0.9..0.9 rows=5 loops=1)
                    ->  Seq Scan on c  (cost=0.0..4.0 rows=5 width=4) (actual time=0.1..0.8 rows=5 loops=1)
 Total runtime: 2.100 ms",
    )
    .unwrap();
    assert_eq!(old.execution_ms, Some(2.1));
    assert_eq!(
        nodes(&old.root).iter().map(|n| n.role).collect::<Vec<_>>(),
        [Role::Outer, Role::InitPlan, Role::Outer, Role::Outer, Role::Outer, Role::Outer, Role::Inner, Role::Outer]
    );
    assert_eq!(old.root.children[1].alias.as_deref(), Some("x"));

    let new = read(
        "Nested Loop  (cost=1.00..2.00 rows=5 width=4) (actual time=1.000..9.000 rows=5.00 loops=1)
  Disabled: true
  Buffers: shared hit=40 read=2
  I/O Timings: shared read=1.200, temp write=0.300
  InitPlan 1
    ->  Result  (cost=0.00..0.01 rows=1 width=4) (actual time=2.000..2.000 rows=1.00 loops=1)
          Buffers: shared hit=1
  ->  Seq Scan on a  (cost=0.00..1.00 rows=9 width=4) (actual time=0.010..0.400 rows=9.00 loops=1)
        Buffers: shared hit=1
  ->  Index Scan using \"B i\" on \"B\" x  (cost=0.00..1.00 rows=9 width=4) (actual time=0.800..0.900 rows=0.33 loops=9)
        Index Cond: (id = a.id)
        Filter: (v > (InitPlan 1).col1)
        Index Searches: 9
        Buffers: shared hit=38 read=2
        I/O Timings: shared read=1.200, temp write=0.300
Planning:
  Buffers: shared hit=7
  Memory: used=12kB  allocated=16kB
Planning Time: 0.100 ms
Serialization: time=0.500 ms  output=3kB  format=text
JIT:
  Functions: 4
  Options: Inlining false, Optimization false, Expressions true, Deforming true
  Timing: Generation 0.300 ms (Deform 0.100 ms), Inlining 0.000 ms, Optimization 0.200 ms, Emission 1.000 ms, Total 1.500 ms
Execution Time: 10.000 ms",
    )
    .unwrap();
    let scan = &new.root.children[2];
    assert_eq!((scan.relation.as_deref(), scan.index.as_deref(), scan.alias.as_deref()), (Some("B"), Some("B i"), Some("x")));
    assert_eq!((scan.rows, scan.rows_err.map(|e| (e * 1000.0).round())), (Some(0.33), Some(45.0)));
    assert!((scan.self_ms.unwrap() - 6.1).abs() < 1e-9, "pays the InitPlan: {:?}", scan.self_ms);
    assert_eq!((scan.self_pages.hit, scan.self_io.read_ms, scan.io.temp_write_ms), (Some(37), Some(1.2), Some(0.3)));
    assert_eq!(scan.attrs["Index Searches"], "9");
    assert_eq!(new.root.attrs["Disabled"], "true");
    assert_eq!(
        (new.serialization_ms, new.jit.as_ref().and_then(|j| j.generation_ms), new.jit.as_ref().and_then(|j| j.total_ms)),
        (Some(0.5), Some(0.3), Some(1.5))
    );
    assert_eq!(new.root.pages.hit, Some(40));
}

#[test]
fn of_several_plans_the_first_is_read() {
    let p = read("Result  (cost=0.00..0.01 rows=1 width=4) (actual time=0.1..0.2 rows=1 loops=1)\nExecution Time: 0.3 ms\nSeq Scan on t  (cost=0.00..0.01 rows=1 width=4) (actual time=0.1..0.2 rows=1 loops=1)\nExecution Time: 0.4 ms").unwrap();
    assert_eq!((p.root.op.as_str(), p.execution_ms), ("result", Some(0.3)));
    assert_eq!(p.remarks, ["the first of 2 plans in the text"]);
}

#[test]
fn no_plan_is_an_error_that_says_what_is_read() {
    for text in [
        "",
        "hello",
        "ERROR:  relation \"t\" does not exist\nLINE 1: x",
        "(3 rows)",
        "{\"Plan\": 7}",
        "<explain><Query></explain>",
        "- Plan: \n  oops",
    ] {
        let e = read(text).unwrap_err();
        assert!(!e.message.is_empty(), "{text}");
    }
    assert!(read("hello").unwrap_err().hints.iter().any(|h| h.contains("auto_explain")));
}

/// A key of rows shows an expression that the node below computed, in a SELECT list that is not printed without VERBOSE.
#[test]
fn a_value_in_a_group_key_was_computed_below() {
    let text = "Limit  (cost=1.0..2.0 rows=5 width=4) (actual time=323.040..323.042 rows=2 loops=1)
  Buffers: shared hit=1029
  ->  HashAggregate  (cost=1.0..2.0 rows=5 width=4) (actual time=7.362..7.363 rows=2 loops=1)
        Group Key: q.parent, ($3)::bigint
        Batches: 1  Memory Usage: 24kB
        Buffers: shared hit=1029
        InitPlan 4 (returns $3)
          ->  Aggregate  (cost=1.0..2.0 rows=1 width=8) (actual time=7.327..7.328 rows=1 loops=1)
                Buffers: shared hit=1023
                ->  Seq Scan on line  (cost=0.0..1.0 rows=9110 width=4) (actual time=0.010..6.965 rows=9110 loops=1)
                      Filter: (id < 9111)
                      Buffers: shared hit=1023
        ->  Index Scan using child_pkey on child q  (cost=0.0..9.0 rows=132 width=4) (actual time=7.340..7.351 rows=2 loops=1)
              Index Cond: (id < 9)
              Buffers: shared hit=1029
Execution Time: 369.265 ms";
    let p = read(text).unwrap();
    let all = nodes(&p.root);
    let own: Vec<f64> = all.iter().map(|n| (n.self_ms.unwrap() * 1000.0).round() / 1000.0).collect();
    assert_eq!(own, [315.679, 0.012, 0.363, 6.965, 0.023]);
    assert_eq!(all.iter().map(|n| n.self_pages.hit.unwrap()).collect::<Vec<_>>(), [0, 0, 0, 1023, 6]);
    assert!(crate::plan::reconcile::sums(&p).unwrap().agree());
}

/// A text that nests without end is blanks for the most part, fifty megabytes of them: that is seen before it is taken apart.
#[test]
fn what_is_much_too_deep_is_refused_sooner_than_what_is_a_little_too_deep() {
    let took = |levels: usize| {
        let line = |i: usize| format!("{}->  Result  (cost=0.00..0.01 rows=1 width=4)\n", " ".repeat(i + 1));
        let text = format!("Result  (cost=0.00..0.01 rows=1 width=4)\n{}", (0..levels).map(line).collect::<String>());
        let start = std::time::Instant::now();
        assert!(read(&text).unwrap_err().message.contains("deeper than 300"));
        start.elapsed()
    };
    let (little, much) = (took(1_500), took(10_000));
    assert!(much < little * 3, "{much:?} for 10,000 levels, {little:?} for 1,500");
}

/// A plan nested without end is an error, not the end of the program.
#[test]
fn ten_thousand_levels_are_an_error() {
    let level = |i: usize| format!("{}{}Result  (cost=0.00..0.01 rows=1 width=4)\n", " ".repeat(i), if i > 0 { "->  " } else { "" });
    let mut json = "{\"Node Type\":\"Result\",\"Plans\":[".repeat(10_000);
    json.push_str(&"]}".repeat(10_000));
    let e = read(&format!("[{{\"Plan\":{json}}}]")).unwrap_err();
    assert!(e.message.contains("deeper than 300"), "{}", e.message);
    let text: String = (0..10_000).map(level).collect();
    let e = read(&text).unwrap_err();
    assert!(e.message.contains("deeper than 300"), "{}", e.message);
    let xml = format!("<explain>{}", "<Plan>".repeat(10_000));
    assert!(read(&xml).unwrap_err().message.contains("deeper"));
    // What is just deep is read.
    let deep = format!("{}{}", "{\"Node Type\":\"Result\",\"Plans\":[".repeat(290), "]}".repeat(290));
    assert_eq!(nodes(&read(&format!("[{{\"Plan\":{deep}}}]")).unwrap().root).len(), 290);
    let lines: String = (0..290).map(level).collect();
    let plan = read(&lines).unwrap();
    // On a stack as other threads have it, in a build that spends most of it.
    let document = std::thread::Builder::new().stack_size(2 << 20).spawn(move || crate::plan::json::document(&plan).to_string().len());
    assert!(document.unwrap().join().unwrap() > 290);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "([ \\t]*(->|Seq Scan on t|\\(cost=1..2 rows=3|\\(actual time=|rows=4 loops=2\\)|InitPlan 1|CTE x|Worker 0:|Buffers: shared hit=1|JIT:|Planning:|\"|\\||QUERY PLAN|-----|[{}\\[\\]:,.é]|Execution Time: 1 ms|duration: 1 ms  plan:|- Plan:|<explain>|<Plan>)\n?){0,25}") {
        let _ = read(&text);
    }
}

const SMALL: &str = "Hash Join  (cost=1.0..9.0 rows=9 width=4) (actual time=0.100..3.000 rows=9 loops=1)
  Hash Cond: (b.a_id = a.id)
  ->  Seq Scan on b  (cost=1.0..9.0 rows=9 width=4) (actual time=0.010..1.000 rows=9 loops=1)
        Filter: (b.t = '(cost=1..2) (actual time=1..2 rows=3 loops=4)'::text)
  ->  Hash  (cost=1.0..9.0 rows=9 width=4) (actual time=0.500..0.500 rows=9 loops=1)
        ->  Seq Scan on a  (cost=1.0..9.0 rows=9 width=4) (actual time=0.010..0.400 rows=9 loops=1)
Planning Time: 0.5 ms
Execution Time: 3.1 ms";

/// Text that a mail or a comment quotes is the text itself; what lost its blanks or its line ends is refused, never read in part.
#[test]
fn nothing_is_dropped_without_a_word() {
    let whole = read(SMALL).unwrap();
    assert_eq!(nodes(&whole.root).len(), 4);
    for prefix in ["> ", "  #  ", "-- ", ">> "] {
        let quoted: String = SMALL.lines().map(|l| format!("{prefix}{l}\n")).collect();
        let p = read(&quoted).unwrap_or_else(|e| panic!("{prefix}: {e:?}"));
        assert_eq!(p.root, whole.root, "{prefix}");
    }
    let flat: String = SMALL.lines().map(|l| format!("{}\n", l.trim_start())).collect();
    assert!(read(&flat).unwrap_err().message.contains("blanks at the beginning"));
    let one = SMALL.replace('\n', " ");
    assert!(read(&one).unwrap_err().message.contains("figures of nodes"), "{:?}", read(&one));
    // A chain of two has one place only.
    assert!(read("Limit  (cost=1.0..2.0 rows=1 width=4)\n->  Seq Scan on a  (cost=1.0..2.0 rows=1 width=4)").is_ok());
}

/// `->` is an operator of jsonb, too, and Markdown makes one blank of two.
#[test]
fn arrows_of_conditions_are_no_nodes() {
    let broken = "Seq Scan on j  (cost=0.00..144.00 rows=25 width=36) (actual time=0.012..1.500 rows=5000 loops=1)
  Filter: ((doc -> 'k'::text) = '1'::jsonb) OR ((doc
-> 'k'::text) IS NOT NULL)
Planning Time: 0.1 ms";
    let p = crate::plan::detect::read(broken, None).unwrap().plan;
    assert_eq!((p.engine.as_str(), nodes(&p.root).len()), ("PostgreSQL", 1));
    assert!(p.root.conditions[0].1.ends_with("-> 'k'::text) IS NOT NULL)"), "{:?}", p.root.conditions);
    let single = "Limit (cost=0.13..12.18 rows=3 width=148) (actual time=0.055..0.058 rows=3.00 loops=1)
  -> Index Scan Backward using posts_idx on posts (cost=0.1..12 rows=3 width=4) (actual time=0.05..0.056 rows=3.00 loops=1)
       Index Cond: (account_id = 'x')";
    let p = crate::plan::detect::read(single, None).unwrap().plan;
    assert_eq!(
        (p.root.total_ms, p.root.children[0].total_ms, p.root.children[0].index.as_deref()),
        (Some(0.058), Some(0.056), Some("posts_idx"))
    );
}

/// A brace before a column that is called `Plan` begins no JSON.
#[test]
fn a_column_named_plan_is_no_json() {
    let text = "Sort  (cost=1.00..2.00 rows=1 width=4)
  ->  Seq Scan on subs  (cost=0.00..1.00 rows=1 width=4)
        Filter: ((id = ANY ('{1,2}'::integer[])) AND (\"Plan\" = 'x'::text))";
    assert_eq!(nodes(&read(text).unwrap().root).len(), 2);
}

/// What `jq` and editors make of a plan: each item of a list on a line of its own.
#[test]
fn json_that_was_laid_out_anew_keeps_its_strings() {
    let json = "[\n  {\n    \"Plan\": {\n      \"Node Type\": \"Seq Scan\",\n      \"Output\": [\n        \"a.id\",\n        \"1\"\n      ],\n      \"Filter\": \"(a = 'x\ny'::text)\"\n    }\n  }\n]";
    for text in [json.to_string(), format!("QUERY PLAN\n----------\n{json}\n(1 row)\n")] {
        let p = read(&text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        assert_eq!(p.root.attrs.get("Output").map(String::as_str), Some("a.id, 1"), "{text}");
    }
}

/// A comment in the statement of an entry of auto_explain may look like figures.
#[test]
fn a_statement_with_a_comment_like_a_plan_begins_none() {
    let text = "2026-11-21 10:00:00 UTC [1] LOG:  duration: 3.1 ms  plan:\n\tQuery Text: select *\n\t-- seen before  (cost=1..2)\n\tfrom a;\n\tSeq Scan on a  (cost=1.0..9.0 rows=9 width=4) (actual time=0.010..0.400 rows=9 loops=1)\n";
    let p = read(text).unwrap();
    assert_eq!((p.root.raw_op.as_str(), p.statement.as_deref()), ("Seq Scan", Some("select *\n-- seen before  (cost=1..2)\nfrom a;")));
}

/// A worker's own compiler is told below its line, the statement's at the end.
#[test]
fn compilers_of_workers_are_told_apart_in_text() {
    let text = "Gather  (cost=1.0..9.0 rows=9 width=4) (actual time=1.0..60.0 rows=30 loops=1)
  Workers Planned: 1
  Workers Launched: 1
  ->  Parallel Seq Scan on a  (cost=1.0..9.0 rows=9 width=4) (actual time=1.0..50.0 rows=15 loops=2)
        Worker 0:  actual time=1.0..50.0 rows=15 loops=1
          JIT:
            Functions: 3
            Options: Inlining true, Optimization true, Expressions true, Deforming true
            Timing: Generation 0.322 ms, Inlining 1.746 ms, Optimization 20.526 ms, Emission 7.753 ms, Total 30.347 ms
          Buffers: shared hit=7
Planning Time: 0.1 ms
JIT:
  Functions: 7
  Timing: Generation 1.322 ms, Inlining 2.746 ms, Optimization 30.526 ms, Emission 9.753 ms, Total 44.347 ms
Execution Time: 61.0 ms";
    let p = read(text).unwrap();
    let jit = p.jit.as_ref().unwrap();
    assert_eq!((jit.functions, jit.total_ms, jit.leader_ms.map(|l| (l * 1000.0).round())), (Some(7.0), Some(44.347), Some(14_000.0)));
    let worker = &p.root.children[0].attrs["Worker 0"];
    assert!(worker.contains("JIT Functions 3") && worker.contains("Shared Hit Blocks 7"), "{worker}");
}

/// Tabs are stops: a worker's buffers stay the worker's.
#[test]
fn tabs_keep_the_columns() {
    let text = "Gather  (cost=1.0..9.0 rows=9 width=4) (actual time=1.0..60.0 rows=30 loops=1)
  Buffers: shared hit=100
  ->  Partial Aggregate  (cost=1.0..9.0 rows=9 width=4) (actual time=1.0..50.0 rows=15 loops=2)
        Buffers: shared hit=100
        Worker 0:  actual time=1.0..50.0 rows=15 loops=1
          Buffers: shared hit=31
        ->  Seq Scan on a  (cost=1.0..9.0 rows=9 width=4) (actual time=1.0..40.0 rows=15 loops=2)
              Buffers: shared hit=100";
    let expected = read(text).unwrap().root;
    assert_eq!(expected.children[0].pages.hit, Some(100));
    for stop in [4, 8] {
        let tabbed: Vec<String> = text
            .lines()
            .map(|l| {
                let blanks = l.len() - l.trim_start().len();
                format!("{}{}{}", "\t".repeat(blanks / stop), " ".repeat(blanks % stop), l.trim_start())
            })
            .collect();
        assert_eq!(read(&tabbed.join("\n")).unwrap().root, expected, "{stop}");
    }
}

/// Ways in which programs and pages print the rows; what cannot be undone is refused.
#[test]
fn rows_as_programs_print_them() {
    let whole = read(SMALL).unwrap().root;
    let each = |f: &dyn Fn(&str) -> String| SMALL.lines().map(f).collect::<Vec<_>>().join("\n");
    for text in [
        each(&|l| format!("('{}',)", l.replace('\'', "\\'"))),
        each(&|l| format!("(\"{l}\",)")),
        each(&|l| l.replace("->", "-&gt;").replace('\'', "&#39;")),
        each(&|l| l.replace("->", "→")),
    ] {
        assert_eq!(read(&text).unwrap_or_else(|e| panic!("{e:?}\n{text}")).root, whole, "{text}");
    }
    let numbered: Vec<String> = SMALL.lines().enumerate().map(|(i, l)| format!("{}  {l}", i + 1)).collect();
    assert!(read(&numbered.join("\n")).is_err());
    let list = format!("[{}]", each(&|l| format!("('{l}',)")).replace('\n', ", "));
    assert!(read(&list).is_err(), "{list}");
}

/// Two plans with a frame each.
#[test]
fn a_second_frame_is_told() {
    let frame = |name: &str| {
        format!("          QUERY PLAN\n------------------------------\n Seq Scan on {name}  (cost=0.00..1.00 rows=1 width=4)\n(1 row)\n\n")
    };
    let p = read(&format!("{}{}", frame("a"), frame("b"))).unwrap();
    assert_eq!(
        (p.root.relation.as_deref(), p.remarks.as_slice()),
        (Some("a"), ["the first of 2 plans in the text".to_string()].as_slice())
    );
    assert!(read(&frame("a")).unwrap().remarks.is_empty());
}

#[test]
fn a_name_like_a_number_stays_a_name() {
    let p = read("<explain><Query><Plan><Node-Type>Seq Scan</Node-Type><Relation-Name>1e5</Relation-Name><Alias>007</Alias><Plan-Rows>12</Plan-Rows></Plan></Query></explain>").unwrap();
    assert_eq!((p.root.relation.as_deref(), p.root.alias.as_deref(), p.root.est_rows), (Some("1e5"), Some("007"), Some(12.0)));
}

/// A mail that breaks a number puts a blank into it: half of a number is none.
#[test]
fn figures_that_a_client_broke_are_refused() {
    for broken in [
        " Seq Scan on j  (cost=0.00..144.00 rows=25 width=36) (actual time=0.01\n 2..1.500 rows=5000 loops=1)\n   Filter: (a = 1)",
        "Seq Scan on j  (cost=0.00..144.00 rows=25 width=36) (actual.. time=0.012..1.500 rows=5000 loops=1)",
        "Seq Scan on j  (cost=0.00 ..144.00 rows=25 width=36)",
    ] {
        assert!(read(broken).unwrap_err().message.contains("figures of nodes"), "{broken}");
    }
}

/// Two plans that were not run, one below the other without a frame.
#[test]
fn a_second_root_begins_a_second_plan() {
    let one = |t: &str| format!("Sort  (cost=1.00..2.00 rows=1 width=4)\n  ->  Seq Scan on {t}  (cost=0.00..1.00 rows=1 width=4)\n");
    let p = read(&format!("{}{}Seq Scan on c  (cost=0.00..1.00 rows=1 width=4)\n", one("a"), one("b"))).unwrap();
    let all = nodes(&p.root);
    assert_eq!(
        (all.len(), all[1].relation.as_deref(), p.remarks.as_slice()),
        (2, Some("a"), ["the first of 3 plans in the text".to_string()].as_slice())
    );
    // Where the arrow was broken off, it is no second plan.
    assert!(read("Limit  (cost=1.00..2.00 rows=1 width=4)\n  ->\nSeq Scan on a  (cost=0.00..1.00 rows=1 width=4)\n").is_err());
}

/// The sum of what is left would be right, and every figure in it wrong.
#[test]
fn a_plan_that_was_cut_off_is_refused() {
    let whole = "Sort  (cost=9.0..9.1 rows=5 width=43) (actual time=88.600..94.650 rows=1 loops=1)
  Sort Key: a
  Buffers: shared hit=6181
  ->  Hash Join  (cost=1.0..8.0 rows=5 width=43) (actual time=88.577..94.626 rows=1 loops=1)
        Hash Cond: (a.id = b.id)
        Buffers: shared hit=6178
        ->  Seq Scan on a  (cost=0.0..3.0 rows=6200 width=14) (actual time=0.012..22.118 rows=4900 loops=1)
              Filter: (((note = 'x (y'::text)))
              Buffers: shared hit=6000
        ->  Hash  (cost=2.0..2.0 rows=5 width=8) (actual time=0.2..0.2 rows=9 loops=1)
              Buckets: 1024  Batches: 1  Memory Usage: 9kB
              Buffers: shared hit=178
              ->  Seq Scan on b  (cost=0.0..2.0 rows=5 width=8) (actual time=0.1..0.1 rows=9 loops=1)
                    Buffers: shared hit=178
Planning Time: 0.1 ms
Execution Time: 94.7 ms";
    let lines: Vec<&str> = whole.lines().collect();
    for n in 1..lines.len() {
        let read = read(&lines[..n].join("\n"));
        // Without its times it is whole; a scan without its pages is not.
        match n {
            14 | 15 => assert!(read.is_ok(), "{n}"),
            _ => assert!(read.unwrap_err().message.contains("cut off"), "{n}"),
        }
    }
    let within = whole.find("'x (y'::text)").unwrap();
    for end in [within + 4, within + 13] {
        let e = read(&whole[..end]).unwrap_err();
        assert!(e.message.contains("cut off"), "{e}");
    }
}

#[test]
fn a_constant_may_look_like_a_plan() {
    let text = "Seq Scan on t  (cost=0.00..409.00 rows=2 width=14) (actual time=0.006..0.861 rows=1 loops=1)
  Filter: ((note = 'a
  ->  b  (cost=1..2 rows=3 width=4) (actual time=1..2 rows=3 loops=4)
 Buffers: shared hit=7

Execution Time: 1 ms'::text) OR (id = 3))
  Rows Removed by Filter: 19999
Planning Time: 0.209 ms
Execution Time: 0.889 ms";
    let p = read(text).unwrap();
    assert!(p.root.children.is_empty());
    assert_eq!((p.execution_ms, p.root.removed.filter), (Some(0.889), Some(19999.0)));
    let filter = &p.root.conditions[0].1;
    assert!(filter.contains("'a\n  ->  b  (cost=1..2") && filter.ends_with("OR (id = 3))"), "{filter}");
}

#[test]
fn grouping_sets_stand_as_in_json() {
    let node =
        |keys: &str| format!("MixedAggregate  (cost=0.0..9.0 rows=5 width=8)\n{keys}\n  ->  Seq Scan on t  (cost=0.0..8.0 rows=5 width=8)");
    let p = read(&node("  Hash Key: a, b\n  Hash Key: a\n  Group Key: ()")).unwrap();
    assert_eq!(p.root.conditions, [("Grouping Sets".to_string(), "a, b; a; ()".to_string())]);
    let p = read(&node("  Group Key: a.g, a.d\n  Group Key: a.g\n  Group Key: ()\n  Sort Key: a.d\n    Group Key: a.d")).unwrap();
    assert_eq!(p.root.conditions, [("Grouping Sets".to_string(), "a.g, a.d; a.g; (); Sort Key a.d: a.d".to_string())]);
    let p = read(&node("  Group Key: a.g, a.d")).unwrap();
    assert_eq!(p.root.conditions, [("Group Key".to_string(), "a.g, a.d".to_string())]);
}

/// All blanks are there: what is missing is the end.
#[test]
fn a_plan_that_ends_at_a_node_that_reads_from_another_is_cut_off() {
    let whole = " Nested Loop  (cost=0.43..100.00 rows=100 width=8) (actual time=0.020..10.000 rows=1000 loops=1)
   Buffers: shared hit=1200 read=7
   ->  Seq Scan on a  (cost=0.00..10.00 rows=100 width=4) (actual time=0.005..1.000 rows=1000 loops=1)
         Filter: (x > 5)
         Buffers: shared hit=100 read=5
   ->  Memoize  (cost=0.43..0.90 rows=1 width=4) (actual time=0.006..0.007 rows=1 loops=1000)
         Cache Key: a.id
         Buffers: shared hit=1100 read=2
         ->  Index Scan using b_pk on b  (cost=0.42..0.89 rows=1 width=4) (actual time=0.010..0.011 rows=1 loops=200)
               Index Cond: (id = a.id)
               Buffers: shared hit=1100 read=2
 Execution Time: 10.500 ms
";
    assert!(read(whole).is_ok());
    for lines in [6, 7, 8] {
        let cut: String = whole.lines().take(lines).map(|l| format!("{l}\n")).collect();
        let e = read(&cut).expect_err("cut off");
        assert_eq!(e.message, "the plan is cut off: what Memoize reads from is not there", "{lines} lines");
    }
}
