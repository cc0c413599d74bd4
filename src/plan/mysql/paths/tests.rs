//! Plans that MySQL 9.7.4 really made (`samples/mysql97/`: 1,000 customers, 20,000 orders, 60,000 items), and generated ones.

use super::*;
use proptest::prelude::*;

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../samples/mysql97/", $name))
    };
}

fn tree(raw: &str) -> Plan {
    parse_tree(raw, "9.7.4", true).expect("plan")
}

fn ops(p: &Plan) -> Vec<String> {
    let mut out = Vec::new();
    p.root.walk(0, &mut |d, n| out.push(format!("{d} {}{}", n.op, n.relation.as_ref().map(|r| format!(" {r}")).unwrap_or_default())));
    out
}

/// Σ self = root + select list, but for what the printed digits and clamping hide.
fn adds_up(p: &Plan) {
    let (mut own, mut clamped, mut beside, mut err) = (0.0, 0.0, 0.0, 0.0);
    p.root.walk(0, &mut |_, n| {
        assert!(n.self_ms.is_none_or(|ms| ms >= 0.0), "{n:?}");
        own += n.self_ms.unwrap_or(0.0);
        clamped += n.clamped_ms.unwrap_or(0.0);
        if n.role == Role::SelectList {
            beside += n.total_ms.expect("timed");
        }
        if let Some(c) = n.clamped_ms {
            assert!(c <= n.self_err_ms.expect("error") + 1e-9, "clamped beyond the error: {} {c} {:?}", n.raw_op, n.self_err_ms);
        }
        err += n.self_err_ms.unwrap_or(0.0);
    });
    let total = p.root.total_ms.expect("root's time") + beside;
    assert!((own - clamped - total).abs() < 1e-6, "Σ self {own} − clamped {clamped} ≠ {total}");
    assert!((own - total).abs() <= err + 1e-9);
    assert!((p.execution_ms.expect("execution") - total).abs() < 1e-9);
}

#[test]
fn a_tree_is_read_with_figures_per_loop_multiplied() {
    let p = tree(sample!("join_sort.tree"));
    assert_eq!(
        ops(&p),
        ["0 limit", "1 sort", "2 table scan <temporary>", "3 aggregate", "4 nested loop", "5 filter", "6 table scan o", "5 index scan c"]
    );
    adds_up(&p);
    let join = p.root.at(&[0, 0, 0, 0]).expect("join");
    let lookup = &join.children[1];
    assert_eq!((lookup.role, lookup.index.as_deref(), lookup.loops), (Role::Inner, Some("PRIMARY"), Some(6666.0)));
    assert_eq!(lookup.conditions, [("Lookup".to_string(), "id = o.c_id".to_string())]);
    assert!((lookup.total_ms.unwrap() - 0.00258 * 6666.0).abs() < 1e-9);
    // 34.2 − 15.2 − 17.198; the digits leave 0.05 + 0.05 + 0.000005 × 6666.
    assert!((join.self_ms.unwrap() - (34.2 - 15.2 - 0.00258 * 6666.0)).abs() < 1e-9);
    assert!((join.self_err_ms.unwrap() - (0.05 + 0.05 + 0.000_005 * 6666.0)).abs() < 1e-9);
    let filter = &join.children[0];
    assert_eq!(filter.conditions[0].1, "((o.state = 'paid') and (o.c_id is not null))");
    assert_eq!(filter.removed.filter, Some(20_000.0 - 6_666.0));
    assert!(filter.estimate_error.is_some() && p.root.estimate_error.is_none());
}

#[test]
fn a_subquery_of_the_select_list_stands_beside_unless_words_tell_who_runs_it() {
    let p = tree(sample!("select_list.tree"));
    adds_up(&p);
    let beside = &p.root.children[1];
    assert_eq!((beside.role, beside.op.as_str()), (Role::SelectList, "aggregate"));
    assert_eq!(beside.subplan.as_deref(), Some("Select #2 (subquery in projection; dependent)"));
    assert!((p.root.self_ms.unwrap() - (0.258 - 0.205)).abs() < 1e-9);
    assert!((p.execution_ms.unwrap() - (0.258 + 0.0126 * 300.0)).abs() < 1e-9);
    // `sum((select #2))` is inside the aggregate's clock, which could not have taken 7.75 ms by itself.
    let p = tree(sample!("sl_agg.tree"));
    adds_up(&p);
    assert_eq!(p.root.children[1].role, Role::SubPlan);
    assert!((p.root.self_ms.unwrap() - (7.95 - 0.2 - 7.12)).abs() < 1e-9);
    // So is what a materialisation writes down.
    let p = tree(sample!("sl_derived.tree"));
    adds_up(&p);
    let materialize = p.root.at(&[0, 0]).expect("materialize");
    assert_eq!(materialize.children[1].role, Role::SubPlan);
    assert!((materialize.self_ms.unwrap() - (4.36 - 0.237 - 0.00739 * 500.0)).abs() < 1e-9);
    adds_up(&tree(sample!("sl_union.tree")));
    let p = tree(sample!("sl_recursive.tree"));
    adds_up(&p);
    assert!(p.root.at(&[0]).unwrap().self_ms.unwrap() < 0.2, "{:?}", p.root.at(&[0]).unwrap().self_ms);
}

#[test]
fn a_subquery_in_a_condition_is_inside_its_node() {
    let p = tree(sample!("notin.tree"));
    adds_up(&p);
    assert_eq!(p.root.children[1].role, Role::SubPlan);
    assert!((p.root.self_ms.unwrap() - (7.47 - 0.194 - 0.00704 * 1001.0)).abs() < 1e-9);
}

#[test]
fn a_subquery_computed_while_optimising_is_beside_the_root() {
    // Shaped like MySQL 9.7 prints it: the value of the subquery stands in the range already, and the filter's clock cannot hold it.
    let p = tree(
        "-> Filter: (t.id < (select #2))  (cost=8.1 rows=39) (actual time=0.02..0.036 rows=39 loops=1)\n\
         \u{20}   -> Index range scan on t using PRIMARY over (id < 40)  (cost=8.1 rows=39) (actual time=0.018..0.0326 rows=39 loops=1)\n\
         \u{20}   -> Select #2 (subquery in condition; run only once)\n\
         \u{20}       -> Aggregate: max(o.c_id)  (cost=2010 rows=1) (actual time=6.76..6.76 rows=1 loops=1)\n\
         \u{20}           -> Table scan on o  (cost=2010 rows=19853) (actual time=0.336..4.71 rows=20000 loops=1)\n",
    );
    adds_up(&p);
    assert_eq!(p.root.children[1].role, Role::SelectList);
    assert!((p.root.self_ms.unwrap() - 0.0034).abs() < 1e-9 && p.root.clamped_ms.is_none(), "{:?}", p.root);
    assert!((p.detached_ms.unwrap() - 6.76).abs() < 1e-9 && (p.execution_ms.unwrap() - 6.796).abs() < 1e-9);
}

#[test]
fn a_cte_that_is_printed_elsewhere_was_executed() {
    for raw in [sample!("cte_twice.tree"), sample!("cte_derived_rec.tree")] {
        let p = tree(raw);
        adds_up(&p);
        let mut elsewhere = Vec::new();
        p.root.walk(0, &mut |_, n| {
            if n.op == "materialize" && n.children.is_empty() {
                elsewhere.push((n.never_executed, n.loops, n.total_ms, n.self_ms, n.attrs.get("plan").cloned()));
            }
        });
        assert_eq!(elsewhere, [(false, None, None, None, Some("printed elsewhere".into()))]);
    }
    let p = tree(sample!("never.tree"));
    let inner = &p.root.children[1];
    assert!(inner.never_executed && inner.children[0].never_executed && inner.rows_total.is_none() && inner.self_ms.is_none());
}

#[test]
fn a_node_without_a_clock_is_as_long_as_what_is_below_it() {
    let p = tree(sample!("recursive.tree"));
    adds_up(&p);
    let materialize = p.root.at(&[0, 0]).expect("materialize");
    assert_eq!(materialize.children[1].total_ms, None);
    assert!((materialize.self_ms.unwrap() - (0.23 - 146e-6 - 0.0414 * 2.0)).abs() < 1e-9);
}

#[test]
fn words_of_the_server_are_taken_apart() {
    let p = tree(sample!("literal.tree"));
    assert_eq!((p.root.loops, p.root.rows_total), (Some(1.0), Some(0.0)));
    assert_eq!(p.root.conditions[0].1, "((o.note = 'a) (actual time=1..2 rows=3 loops=4') or (o.note = '-> x'))");
    let p = tree(sample!("cte_twice.tree"));
    let lookup = p.root.at(&[1, 0]).expect("lookup");
    assert_eq!((lookup.index.as_deref(), lookup.conditions[0].1.as_str()), (Some("<auto_key0>"), "c_id = (b.c_id + 1)"));
    let p = tree(sample!("index_merge.tree"));
    assert_eq!(ops(&p), ["0 filter", "1 index merge", "2 index scan o", "2 index scan o"]);
    assert_eq!(p.root.at(&[0, 0]).unwrap().conditions, [("Range".to_string(), "c_id = 7".to_string())]);
    assert_eq!(ops(&tree(sample!("update.tree"))), ["0 <not executable by iterator executor>"]);
    for raw in [sample!("union_dedup.tree"), sample!("lateral.tree"), sample!("deep.tree")] {
        adds_up(&tree(raw));
    }
    // A literal with a line feed goes on in the next line.
    let p = tree("-> Filter: (o.note = 'a\n-> b')  (cost=1 rows=1)\n    -> Table scan on o  (cost=1 rows=1)\n");
    assert_eq!(ops(&p), ["0 filter", "1 table scan o"]);
}

#[test]
fn small_times_have_exponents_and_errors_follow_the_digits() {
    let p = tree("-> Rows fetched before execution  (cost=0..0 rows=1) (actual time=560e-6..793e-6 rows=1 loops=1)");
    assert!((p.root.total_ms.unwrap() - 0.000_793).abs() < 1e-12);
    assert!((p.root.self_err_ms.unwrap() - 0.5e-6).abs() < 1e-15);
    assert_eq!((p.root.est_startup_cost, p.root.est_total_cost), (Some(0.0), Some(0.0)));
    for (text, value, half) in [("0.00255", 0.002_55, 5e-6), ("165", 165.0, 0.5), ("1.01e+6", 1_010_000.0, 5e3), ("0.013", 0.013, 5e-4)] {
        let (v, h) = words::figure(text).expect(text);
        assert!((v - value).abs() < 1e-9 && (h - half).abs() <= half * 1e-9, "{text}: {v} ± {h}");
    }
    assert_eq!(words::figure("nan"), None);
}

#[test]
fn the_second_json_tells_the_same_shape_as_the_tree() {
    for (json, text) in [
        (sample!("join_sort.json"), sample!("join_sort.tree")),
        (sample!("select_list.json"), sample!("select_list.tree")),
        (sample!("cte_twice.json"), sample!("cte_twice.tree")),
        (sample!("notin.json"), sample!("notin.tree")),
        (sample!("recursive.json"), sample!("recursive.tree")),
        (sample!("sl_derived.json"), sample!("sl_derived.tree")),
        (sample!("sl_recursive.json"), sample!("sl_recursive.tree")),
    ] {
        let j = parse_json(json, "9.7.4", true).expect("json");
        let t = tree(text);
        let mut total = 0.0;
        j.root.walk(0, &mut |_, n| total += n.self_ms.unwrap_or(0.0) - n.clamped_ms.unwrap_or(0.0));
        assert!((total - j.execution_ms.unwrap()).abs() < 1e-6);
        let facts = |p: &Plan| {
            let mut out = Vec::new();
            p.root.walk(0, &mut |d, n| {
                out.push((d, n.op.clone(), n.relation.clone(), n.index.clone(), n.role, n.never_executed, n.loops, n.subplan.clone()));
            });
            out
        };
        assert_eq!(facts(&j), facts(&t));
        assert!(j.statement.is_some() && j.analyzed);
    }
}

#[test]
fn a_depth_that_no_planner_makes_is_refused() {
    let mut text = String::new();
    for i in 0..10_000 {
        text.push_str(&format!("{}-> Filter: x\n", "    ".repeat(i)));
    }
    assert!(parse_tree(&text, "9", false).unwrap_err().message.contains("line 201: the plan nests deeper"));
    let json = format!("{}{{\"operation\":\"x\"}}{}", "{\"operation\":\"x\",\"inputs\":[".repeat(10_000), "]}".repeat(10_000));
    assert!(parse_json(&json, "9", false).unwrap_err().message.contains("deeper than"));
    let json = format!("{}{{\"operation\":\"x\"}}{}", "{\"operation\":\"x\",\"inputs\":[".repeat(190), "]}".repeat(190));
    let p = parse_json(&json, "9", false).expect("deep plan");
    // Other threads must be able to hold it: tests run on 2 MB of stack.
    assert_eq!(p.clone().root.at(&vec![0; 190]).map(|n| n.children.len()), Some(0));
    let text: String = (0..189).map(|i| format!("{}-> Filter: x\n", "    ".repeat(i))).collect();
    let text = format!("{text}{}-> Table scan on t\n", "    ".repeat(189));
    assert_eq!(parse_tree(&text, "9", false).expect("deep tree").root.at(&vec![0; 189]).map(|n| n.children.len()), Some(0));
}

#[test]
fn what_is_no_line_of_a_plan_is_named() {
    let e = |t: &str| parse_tree(t, "9", false).unwrap_err().message;
    assert_eq!(e("-> Limit: 1 row(s)  (cost=1 rows=1)\nhello\n    -> x\n"), "line 2 is no line of a MySQL plan: hello");
    assert_eq!(e("-> Table scan on o  (cost=x rows=1)"), "line 1: `cost=x` is no estimate");
    assert_eq!(e("-> Table scan on o  (actual time=1 rows=1 loops=1)"), "line 1: `time=1` is no figure of an analysed node");
    assert_eq!(e("-> Filter: (o.note = 'a\n"), "line 1: the plan ends in the middle of a node");
}

/// A plan as a server could have measured it, in nanoseconds.
#[derive(Debug, Clone)]
struct Made {
    own: u64,
    loops: u64,
    select: bool,
    below: Vec<Made>,
}

impl Made {
    fn total(&self) -> u64 {
        self.own + self.below.iter().filter(|b| !b.select).map(Made::total).sum::<u64>()
    }
    fn write(&self, level: usize, number: &mut usize, out: &mut String) {
        let mut level = level;
        if self.select {
            *number += 1;
            out.push_str(&format!("{}-> Select #{number} (subquery in projection; dependent)\n", "    ".repeat(level)));
            level += 1;
        }
        let per_loop = self.total() as f64 / 1e6 / self.loops as f64;
        // Three significant digits, and an exponent below a microsecond, as the server prints.
        let time = if per_loop < 1e-3 { format!("{:.0}e-6", per_loop * 1e6) } else { significant(per_loop) };
        out.push_str(&format!("{}-> Step  (actual time=0..{time} rows=1 loops={})\n", "    ".repeat(level), self.loops));
        for b in &self.below {
            b.write(level + 1, number, out);
        }
    }
}

fn significant(x: f64) -> String {
    let decimals = (2 - x.log10().floor() as i32).max(0) as usize;
    format!("{x:.decimals$}")
}

fn made() -> impl Strategy<Value = Made> {
    let leaf = (0u64..50_000_000, 1u64..2000).prop_map(|(own, loops)| Made { own, loops, select: false, below: Vec::new() });
    leaf.prop_recursive(5, 40, 4, |inner| {
        (0u64..50_000_000, 1u64..2000, proptest::collection::vec((inner, proptest::bool::weighted(0.15)), 0..4)).prop_map(
            |(own, loops, below)| {
                let below = below.into_iter().map(|(b, select)| Made { select, ..b }).collect();
                Made { own, loops, select: false, below }
            },
        )
    })
}

proptest! {
    #[test]
    fn generated_trees_add_up(plan in made()) {
        let mut text = String::new();
        plan.write(0, &mut 1, &mut text);
        let p = parse_tree(&text, "9", true).expect("plan");
        adds_up(&p);
        // Every node's own time is found again, within the error that it carries.
        fn same(m: &Made, n: &PlanNode) -> Result<(), TestCaseError> {
            let (own, err) = (m.own as f64 / 1e6, n.self_err_ms.unwrap());
            prop_assert!((n.self_ms.unwrap() - own).abs() <= err + 1e-9, "{own} ± {err}: {:?}", n.self_ms);
            for (m, n) in m.below.iter().zip(&n.children) {
                same(m, n)?;
            }
            Ok(())
        }
        same(&plan, &p.root)?;
    }

    #[test]
    fn no_text_makes_it_panic(text in "(( {0,8}-> )?[a-zA-Z0-9 ()=.:#é'`<>]{0,40}\n){0,12}") {
        let _ = parse_tree(&text, "8", true);
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0usize..5000, with in "\\PC{0,3}") {
        let mut text = sample!("notin.json").to_string();
        let at = (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.insert_str(at, &with);
        let _ = parse_json(&text, "9", true);
    }
}

#[test]
fn a_tree_that_was_cut_off_is_refused() {
    let whole = "-> Nested loop inner join  (cost=2.24 rows=19.9) (actual time=0.0044..0.0063 rows=20 loops=1)
    -> Filter: (c.a > 5)  (cost=1.24 rows=9.9) (actual time=0.0014..0.0023 rows=9 loops=1)
        -> Table scan on c  (cost=1.24 rows=9.9) (actual time=0.0014..0.0023 rows=9 loops=1)
    -> Index lookup on o using fk (c_id = c.id)  (cost=0.24 rows=2) (actual time=0.0001..0.0002 rows=2 loops=9)";
    assert!(parse_tree(whole, "", true).is_ok());
    let lines: Vec<&str> = whole.lines().collect();
    for n in 1..lines.len() {
        let e = parse_tree(&lines[..n].join("\n"), "", true).unwrap_err();
        assert!(e.message.contains("cut off"), "{n}: {e}");
    }
}

/// MySQL 8.0: who makes the rows of a sort, a window or a stream evaluates the select list's subqueries, and its clock runs meanwhile.
#[test]
fn a_select_list_is_paid_where_its_rows_are_made() {
    let own = |p: &Plan| {
        let mut out = Vec::new();
        p.root.walk(0, &mut |_, n| out.push((n.self_ms.unwrap_or(0.0) * 1000.0).round() / 1000.0));
        out
    };
    let whole = |p: &Plan| {
        assert_eq!((p.execution_ms, p.detached_ms), (p.root.total_ms, None));
        assert!((own(p).iter().sum::<f64>() - p.root.total_ms.unwrap()).abs() < 0.002, "{:?}", own(p));
    };
    let sorted = tree(
        "-> Limit: 5 row(s)  (cost=102 rows=5) (actual time=14.1..14.1 rows=5 loops=1)
    -> Sort: (select #2) DESC, limit input to 5 row(s) per chunk  (cost=102 rows=1000) (actual time=14.1..14.1 rows=5 loops=1)
        -> Index scan on c using js  (cost=102 rows=1000) (actual time=0.0782..0.142 rows=1000 loops=1)
-> Select #2 (subquery in projection; dependent)
    -> Aggregate: max(o.total)  (cost=9.04 rows=1) (actual time=0.0136..0.0136 rows=1 loops=1000)
        -> Index lookup on o using o_c (customer_id=c.id)  (cost=7.03 rows=20.1) (actual time=0.0112..0.0122 rows=20 loops=1000)
",
    );
    whole(&sorted);
    assert_eq!(own(&sorted), [0.0, 0.358, 0.142, 1.4, 12.2]);
    // Both the sort and the window compute it, once for each row: the sum is known, the shares are not.
    let window = tree(
        "-> Window aggregate: rank() OVER (ORDER BY `(select #2)` )   (actual time=5.88..10.6 rows=399 loops=1)
    -> Sort: `(select #2)`  (cost=80.2 rows=399) (actual time=5.86..5.87 rows=399 loops=1)
        -> Filter: (c.id < 400)  (cost=80.2 rows=399) (actual time=0.0451..0.0951 rows=399 loops=1)
            -> Index range scan on c using PRIMARY over (id < 400)  (cost=80.2 rows=399) (actual time=0.0432..0.0709 rows=399 loops=1)
-> Select #2 (subquery in projection; dependent)
    -> Aggregate: max(o.total)  (cost=9.04 rows=1) (actual time=0.0127..0.0128 rows=1 loops=798)
        -> Index lookup on o using o_c (customer_id=c.id)  (cost=7.03 rows=20.1) (actual time=0.0105..0.0115 rows=20 loops=798)
",
    );
    whole(&window);
    assert!(window.root.approximate && window.root.children[0].approximate);
    let streamed = tree(
        "-> Sort: m1  (actual time=4.43..4.44 rows=99 loops=1)
    -> Stream results  (cost=20.1 rows=99) (actual time=0.0711..4.41 rows=99 loops=1)
        -> Covering index range scan on c using PRIMARY over (id < 100)  (cost=20.1 rows=99) (actual time=0.0198..0.0265 rows=99 loops=1)
-> Select #2 (subquery in projection; dependent)
    -> Aggregate: max(o.total)  (cost=9.04 rows=1) (actual time=0.0148..0.015 rows=1 loops=99)
-> Select #3 (subquery in projection; dependent)
    -> Aggregate: min(i.price)  (cost=9.04 rows=1) (actual time=0.0285..0.0286 rows=1 loops=99)
",
    );
    whole(&streamed);
    assert_eq!(own(&streamed)[1], 0.067);
    // Sorted by something else the rows are made behind the sort, outside of the tree.
    let beside = tree(
        "-> Sort: c.`name`  (cost=20.1 rows=99) (actual time=0.045..0.047 rows=99 loops=1)
    -> Index range scan on c using PRIMARY over (id < 100)  (cost=20.1 rows=99) (actual time=0.0198..0.0265 rows=99 loops=1)
-> Select #2 (subquery in projection; dependent)
    -> Aggregate: max(o.total)  (cost=9.04 rows=1) (actual time=0.0148..0.015 rows=1 loops=99)
",
    );
    assert!((beside.execution_ms.unwrap() - (0.047 + 1.485)).abs() < 1e-9, "{:?}", beside.execution_ms);
}

#[test]
fn a_subquery_that_depends_on_a_row_costs_once_for_each() {
    let of = |kind: &str| {
        let raw = format!(
            "-> Covering index lookup on c using city (city=3)  (cost=5 rows=50)\n-> Select #2 (subquery in projection; {kind})\n    \
             -> Aggregate: max(o.total)  (cost=2 rows=1)\n        -> Index lookup on o using c_id (c_id=c.id)  (cost=1.8 rows=5.2)\n"
        );
        parse_tree(&raw, "8.4.8", false).expect("plan").cost_by_rows
    };
    assert_eq!(of("dependent"), Some(105.0));
    assert_eq!(of("run only once"), Some(7.0));
}
