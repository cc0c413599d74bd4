//! Each of the 44 findings with a plan that shows it, and one that just does not.

use super::*;

pub(super) struct Case {
    pub id: &'static str,
    pub shows: (Plan, Known),
    pub silent: (Plan, Known),
}

#[allow(clippy::too_many_lines)]
pub(super) fn cases() -> Vec<Case> {
    let filtered = |kept: f64, dropped: f64| pg(seq("orders").ran(1.0, kept, 80.0).drops(dropped).says("Filter", "(q = 7)"));
    let lookup = |kept: f64, dropped: f64| {
        pg(scan("orders", "orders_c")
            .ran(1.0, kept, 80.0)
            .drops(dropped)
            .says("Index Cond", "(customer_id = 3)")
            .says("Filter", "(state = 'x'::text)"))
    };
    let walk = |dropped: f64, above: &str| {
        let s = scan("orders", "orders_d").ran(1.0, 10.0, 80.0).drops(dropped).says("Filter", "(q = 7)");
        let s = if above == "sort" { node("sort", "Sort").ran(1.0, 10.0, 1.0).over(vec![s]) } else { s };
        pg(node("limit", "Limit").ran(1.0, 10.0, 0.1).over(vec![s]))
    };
    let offset = |read: f64| pg(node("limit", "Limit").ran(1.0, 10.0, 0.1).over(vec![scan("orders", "orders_d").ran(1.0, read, 30.0)]));
    let estimated = |plan_rows: f64, doubt: Option<&str>| {
        let mut s = seq("orders").est(plan_rows).ran(1.0, 20_000.0, 40.0).says("Filter", "((city = 'x'::text) AND (zip = 3))");
        s.estimate_doubt = doubt.map(Into::into);
        pg(node("aggregate", "Aggregate").est(1.0).ran(1.0, 1.0, 2.0).over(vec![s]))
    };
    let probes = |planned: f64| {
        let outer = seq("orders").est(planned).ran(1.0, 20_000.0, 10.0).says("Filter", "(city = 'x'::text)");
        let inner = scan("items", "items_o").est(1.0).ran(20_000.0, 1.0, 90.0).says("Index Cond", "(items.order_id = orders.id)");
        pg(join(outer, inner, "Nested Loop"))
    };
    let rescanned = |loops: f64| {
        let inner = seq("items").ran(loops, 1.0, 90.0).drops(loops * 999.0).says("Filter", "(items.order_id = orders.id)");
        pg(join(seq("orders").ran(1.0, loops, 1.0), inner, "Nested Loop"))
    };
    let cast = |condition: &str| pg(seq("orders").ran(1.0, 10.0, 80.0).drops(50_000.0).says("Filter", condition));
    let typed = |t: &str| {
        of(vec![indexed(
            columns(table("orders", 50_000.0), &[("code", t), ("name", "character varying(40)"), ("at", "timestamp without time zone")]),
            "orders_code",
            &["code"],
        )])
    };
    let join_filter = |dropped: f64| {
        let mut j = join(
            seq("a").ran(1.0, 200.0, 1.0),
            node("materialize", "Materialize").ran(50.0, 200.0, 1.0).over(vec![seq("b").ran(1.0, 200.0, 1.0)]),
            "Nested Loop",
        )
        .says("Join Filter", "((a.x = b.x) OR (a.y = b.y))");
        j.removed.join_filter = Some(dropped);
        pg(j)
    };
    let product = |condition: Option<&str>| {
        let mut inner = node("materialize", "Materialize").ran(2_000.0, 2_000.0, 300.0).over(vec![seq("b").ran(1.0, 2_000.0, 1.0)]);
        if let Some(c) = condition {
            inner = scan("b", "b_a").ran(2_000.0, 2_000.0, 300.0).says("Index Cond", c);
        }
        pg(join(seq("a").ran(1.0, 2_000.0, 1.0), inner, "Nested Loop"))
    };
    let sort = |kind: &str| {
        pg(node("sort", "Sort")
            .ran(1.0, 90_000.0, 70.0)
            .attr("Sort Method", if kind == "Disk" { "external merge" } else { "quicksort" })
            .attr("Sort Space Used", "20480")
            .attr("Sort Space Type", kind)
            .says("Sort Key", "note")
            .over(vec![seq("orders").ran(1.0, 90_000.0, 10.0)]))
    };
    let hash = |batches: &str| {
        let h = node("hash", "Hash")
            .ran(1.0, 90_000.0, 30.0)
            .attr("Hash Batches", batches)
            .attr("Original Hash Batches", "1")
            .attr("Peak Memory Usage", "4096")
            .over(vec![seq("b").ran(1.0, 90_000.0, 5.0)]);
        pg(join(seq("a").ran(1.0, 90_000.0, 5.0), h, "Hash Join").says("Hash Cond", "(a.x = b.x)"))
    };
    let group = |disk: &str| {
        pg(node("aggregate", "HashAggregate")
            .ran(1.0, 50_000.0, 60.0)
            .attr("Disk Usage", disk)
            .attr("HashAgg Batches", "5")
            .says("Group Key", "x")
            .over(vec![seq("a").ran(1.0, 90_000.0, 5.0)]))
    };
    let kept_in_memory = |disk: &str| {
        pg(node("aggregate", "HashAggregate")
            .ran(1.0, 50_000.0, 60.0)
            .attr("Disk Usage", disk)
            .attr("HashAgg Batches", "1")
            .says("Group Key", "x")
            .over(vec![seq("a").ran(1.0, 90_000.0, 5.0)]))
    };
    let temp = |pages: u64| {
        let mut m = node("materialize", "Materialize").ran(1.0, 90_000.0, 60.0).over(vec![seq("a").ran(1.0, 90_000.0, 5.0)]);
        m.self_pages = Pages { temp_written: Some(pages), ..Pages::default() };
        pg(m)
    };
    let bitmap = |lossy: &str| {
        let i = node("bitmap index", "Bitmap Index Scan").index("a_x").ran(1.0, 60_000.0, 1.0).says("Index Cond", "(x < 5)");
        pg(node("bitmap heap", "Bitmap Heap Scan")
            .on("a")
            .ran(1.0, 60_000.0, 40.0)
            .attr("Lossy Heap Blocks", lossy)
            .attr("Exact Heap Blocks", "100")
            .says("Recheck Cond", "(x < 5)")
            .over(vec![i]))
    };
    let only = |fetches: &str| {
        pg(node("index only scan", "Index Only Scan")
            .on("a")
            .index("a_x")
            .ran(1.0, 60_000.0, 40.0)
            .attr("Heap Fetches", fetches)
            .says("Index Cond", "(x < 5)"))
    };
    let cold = |read: u64, hit: u64| {
        let mut s = seq("a").ran(1.0, 60_000.0, 40.0);
        s.self_pages = Pages { hit: Some(hit), read: Some(read), ..Pages::default() };
        pg(s)
    };
    let bloated = |rows: f64| {
        let mut s = scan("a", "a_x").ran(1.0, rows, 40.0).says("Index Cond", "(x < 5)");
        s.self_pages = Pages { hit: Some(30_000), read: Some(0), ..Pages::default() };
        pg(s)
    };
    let ctes = |scans: usize| {
        let reads =
            (0..scans).map(|_| PlanNode { relation: Some("recent".into()), ..node("cte scan", "CTE Scan").ran(1.0, 50_000.0, 20.0) });
        let mut of: Vec<PlanNode> =
            vec![PlanNode { subplan: Some("CTE recent".into()), ..seq("orders").ran(1.0, 50_000.0, 10.0).role(Role::Cte) }];
        of.extend(reads);
        pg(node("append", "Append").ran(1.0, 100_000.0, 2.0).over(of))
    };
    let subplan = |loops: f64, own: f64| {
        let sub = PlanNode { subplan: Some("SubPlan 1".into()), ..seq("items").ran(loops, 1.0, own).role(Role::SubPlan) };
        pg(seq("orders").ran(1.0, loops, 2.0).over(vec![sub]))
    };
    let not_in = |condition: &str| {
        let sub = PlanNode {
            subplan: Some("SubPlan 1".into()),
            ..node("materialize", "Materialize").ran(500.0, 100.0, 50.0).role(Role::SubPlan)
        };
        pg(seq("orders").ran(1.0, 20.0, 30.0).says("Filter", condition).over(vec![sub]))
    };
    let reread = |loops: f64| {
        pg(join(
            seq("a").ran(1.0, loops, 1.0),
            node("materialize", "Materialize").ran(loops, 900.0, 60.0).over(vec![seq("b").ran(1.0, 900.0, 1.0)]),
            "Nested Loop",
        )
        .says("Join Filter", "(a.x < b.x)"))
    };
    let memoize = |hits: &str, misses: &str| {
        let m = node("memoize", "Memoize")
            .ran(10_000.0, 1.0, 30.0)
            .attr("Cache Key", "a.x")
            .attr("Cache Hits", hits)
            .attr("Cache Misses", misses)
            .attr("Cache Evictions", "0")
            .over(vec![scan("b", "b_x").ran(9_000.0, 1.0, 30.0).says("Index Cond", "(b.x = a.x)")]);
        pg(join(seq("a").ran(1.0, 10_000.0, 1.0), m, "Nested Loop"))
    };
    let jit = |own: f64| Plan {
        jit: Some(Jit { functions: Some(12.0), total_ms: Some(own), ..Jit::default() }),
        ..pg(seq("a").ran(1.0, 10.0, 100.0))
    };
    let slow_planning = |planning: f64| Plan { planning_ms: Some(planning), ..pg(seq("a").ran(1.0, 10.0, 20.0)) };
    let outside = |gap: f64| Plan { execution_ms: Some(100.0 + gap), outside_ms: Some(gap), ..pg(seq("a").ran(1.0, 10.0, 100.0)) };
    let key = |indexed: bool| {
        let k = ForeignKey {
            name: "children_parent_fk".into(),
            schema: Some("public".into()),
            table: "Children".into(),
            columns: vec!["parent_id".into()],
            to_table: "parents".into(),
            indexed,
        };
        of(vec![Table { foreign_keys: vec![k], ..table("parents", 1_000.0) }])
    };
    let fresh = |changed: f64| {
        of(vec![Table { statistics: Statistics { missing: Some(false), made: None, changed: Some(changed) }, ..table("orders", 50_000.0) }])
    };
    let generic = |cost: f64| {
        (
            Plan {
                analyzed: false,
                execution_ms: None,
                root: PlanNode { est_total_cost: Some(100.0), ..seq("a").est(5.0) },
                ..pg(seq("a"))
            },
            Known { generic_cost: Some(cost), ..Known::default() },
        )
    };
    let wide = |bytes: f64| {
        let mut s = node("sort", "Sort").ran(1.0, 20_000.0, 60.0).over(vec![seq("a").ran(1.0, 20_000.0, 5.0)]);
        s.est_width = Some(bytes);
        pg(s)
    };
    let distinct = |out: f64| {
        let j =
            join(seq("a").ran(1.0, 500.0, 1.0), scan("b", "b_x").ran(500.0, 100.0, 10.0).says("Index Cond", "(b.x = a.x)"), "Nested Loop");
        let j = PlanNode { rows: Some(50_000.0), rows_total: Some(50_000.0), ..j };
        pg(node("aggregate", "HashAggregate").ran(1.0, out, 30.0).says("Group Key", "a.x").attr("Output", "a.x").over(vec![j]))
    };
    let filesort = |rows: f64, own: f64| {
        let t = node("temporary table", "temporary table").ran(1.0, rows, own).over(vec![maria_scan("orders", "ALL").ran(1.0, rows, 10.0)]);
        plan(
            "MariaDB",
            node("query block", "query block #1")
                .ran(1.0, rows, 0.1)
                .over(vec![node("sort", "filesort").ran(1.0, rows, own).says("Sort key", "orders.d").over(vec![t])]),
        )
    };
    let automatic = |detail: &str| lite(&["SCAN a", detail], &[], "");
    let buffered = |kind: &str| {
        let inner = maria_scan("b", "ALL").ran(1.0, 5_000.0, 30.0).role(Role::Inner).says("Filter", "b.x = a.x");
        plan(
            "MariaDB",
            node("block nested loop", "block-nl-join")
                .attr("join_type", kind)
                .ran(1.0, 100.0, 40.0)
                .says("Filter", "b.x = a.x")
                .over(vec![maria_scan("a", "ALL").ran(1.0, 5_000.0, 3.0), inner]),
        )
    };
    let locked = |own: f64| {
        pg(node("lock", "LockRows")
            .ran(1.0, 500.0, own)
            .over(vec![scan("orders", "orders_pk").ran(1.0, 500.0, 40.0).says("Index Cond", "(id < 500)")]))
    };
    let forbidden = |cost: f64| pg(PlanNode { est_total_cost: Some(cost), ..seq("a").ran(1.0, 10.0, 40.0) });
    let whole = |condition: Option<&str>| {
        let n = node("index only scan", "Index Only Scan").on("a").index("a_x").ran(1.0, 60_000.0, 40.0).attr("Heap Fetches", "0");
        pg(match condition {
            Some(c) => n.says("Index Cond", c),
            None => n,
        })
    };
    let dear_gather = |own: f64| {
        let mut g = node("gather", "Gather").ran(1.0, 10.0, own).over(vec![seq("a").ran(3.0, 3.0, 6.0)]);
        (g.workers_planned, g.workers_launched) = (Some(2), Some(2));
        pg(g)
    };
    vec![
        Case { id: "F1", shows: bare(filtered(10.0, 50_000.0)), silent: bare(filtered(40_000.0, 20_000.0)) },
        Case { id: "F2", shows: bare(lookup(10.0, 50_000.0)), silent: bare(lookup(10.0, 5_000.0)) },
        Case { id: "F3", shows: bare(walk(50_000.0, "")), silent: bare(walk(50_000.0, "sort")) },
        Case { id: "F4", shows: bare(offset(50_010.0)), silent: bare(offset(90.0)) },
        Case { id: "F5", shows: bare(estimated(20.0, None)), silent: bare(estimated(20.0, Some("below a LIMIT"))) },
        Case { id: "F6", shows: bare(probes(20.0)), silent: bare(probes(19_000.0)) },
        Case { id: "F7", shows: bare(rescanned(500.0)), silent: bare(rescanned(50.0)) },
        Case {
            id: "F8",
            shows: (cast("((code)::numeric = 5.0)"), typed("integer")),
            silent: (cast("((code)::text = '5'::text)"), typed("character varying(9)")),
        },
        Case { id: "F9", shows: bare(cast("(lower((name)::text) = 'x'::text)")), silent: bare(cast("((name)::text = 'x'::text)")) },
        Case { id: "F10", shows: bare(cast("((name)::text ~~ '%x'::text)")), silent: bare(cast("((name)::text ~~ 'x%'::text)")) },
        Case { id: "F11", shows: bare(join_filter(30_000.0)), silent: bare(join_filter(3_000.0)) },
        Case { id: "F12", shows: bare(product(None)), silent: bare(product(Some("(b.a_id = a.id)"))) },
        Case { id: "F13", shows: bare(sort("Disk")), silent: bare(sort("Memory")) },
        Case { id: "F14", shows: bare(hash("16")), silent: bare(hash("1")) },
        Case { id: "F15", shows: bare(group("20000")), silent: bare(kept_in_memory("0")) },
        Case { id: "F16", shows: bare(temp(5_000)), silent: bare(temp(500)) },
        Case { id: "F17", shows: bare(bitmap("400")), silent: bare(bitmap("0")) },
        Case { id: "F18", shows: bare(only("30000")), silent: bare(only("900")) },
        Case { id: "F19", shows: bare(cold(5_000, 100)), silent: bare(cold(5_000, 50_000)) },
        Case { id: "F20", shows: bare(bloated(20.0)), silent: bare(bloated(20_000.0)) },
        Case { id: "F21", shows: bare(ctes(2)), silent: bare(ctes(1)) },
        Case { id: "F22", shows: bare(subplan(20_000.0, 90.0)), silent: bare(subplan(500.0, 90.0)) },
        Case { id: "F23", shows: bare(not_in("(NOT (SubPlan 1))")), silent: bare(not_in("(NOT (hashed SubPlan 1))")) },
        Case { id: "F24", shows: bare(reread(500.0)), silent: bare(reread(50.0)) },
        Case { id: "F25", shows: bare(memoize("1000", "9000")), silent: bare(memoize("9000", "1000")) },
        Case { id: "F26", shows: bare(gathered(4, 2, [9_000.0; 3])), silent: bare(gathered(2, 2, [9_000.0; 3])) },
        Case { id: "F27", shows: bare(dear_gather(15.0)), silent: bare(dear_gather(0.5)) },
        Case { id: "F28", shows: bare(gathered(2, 2, [0.0, 30_000.0, 0.0])), silent: bare(gathered(2, 2, [8_000.0, 12_000.0, 10_000.0])) },
        Case { id: "F29", shows: bare(jit(60.0)), silent: bare(jit(8.0)) },
        Case { id: "F30", shows: bare(slow_planning(40.0)), silent: bare(slow_planning(15.0)) },
        Case {
            id: "F31",
            shows: bare(with_triggers("delete", vec![trigger("audit", None, 50.0)])),
            silent: bare(with_triggers("delete", vec![trigger("audit", None, 1.0)])),
        },
        Case {
            id: "F32",
            shows: (with_triggers("delete", vec![trigger("RI_ConstraintTrigger_a_1", Some("children_parent_fk"), 50.0)]), key(false)),
            silent: (with_triggers("delete", vec![trigger("RI_ConstraintTrigger_a_1", Some("children_parent_fk"), 50.0)]), key(true)),
        },
        Case { id: "F33", shows: (filtered(10.0, 50_000.0), fresh(20_000.0)), silent: (filtered(10.0, 50_000.0), fresh(2_000.0)) },
        Case { id: "F34", shows: generic(5_000.0), silent: generic(500.0) },
        Case { id: "F35", shows: bare(wide(3_000.0)), silent: bare(wide(300.0)) },
        Case {
            id: "F36",
            shows: bare(partitions(12, 11, "(customer = 3)")),
            silent: (partitions(12, 11, "(day = 3)"), of(vec![Table { partition_key: vec!["day".into()], ..table("part_0", 500.0) }])),
        },
        Case { id: "F37", shows: bare(distinct(500.0)), silent: bare(distinct(40_000.0)) },
        Case { id: "F38", shows: bare(filesort(50_000.0, 40.0)), silent: bare(filesort(50.0, 0.1)) },
        Case {
            id: "F39",
            shows: bare(automatic("SEARCH c USING AUTOMATIC COVERING INDEX (x=?)")),
            silent: bare(automatic("SEARCH c USING COVERING INDEX c_x (x=?)")),
        },
        Case { id: "F40", shows: bare(buffered("BNL")), silent: bare(buffered("BNLH")) },
        Case { id: "F41", shows: bare(locked(30.0)), silent: bare(locked(3.0)) },
        Case { id: "F42", shows: bare(outside(80.0)), silent: bare(outside(5.0)) },
        Case { id: "F43", shows: bare(forbidden(1e10 + 40.0)), silent: bare(forbidden(4_000.0)) },
        Case { id: "F44", shows: bare(whole(None)), silent: bare(whole(Some("(x < 5)"))) },
    ]
}

#[test]
fn each_of_the_44_is_shown_and_its_near_miss_is_silent() {
    let cases = cases();
    let covered: Vec<&str> = cases.iter().map(|c| c.id).collect();
    let all: Vec<&str> = KINDS.iter().map(|k| k.id).collect();
    assert_eq!(covered, all, "each finding of the catalogue has its case");
    assert_eq!(all, (1..=44).map(|n| format!("F{n}")).collect::<Vec<_>>());
    for c in &cases {
        let shown = found(&c.shows);
        let f = shown.iter().find(|f| f.id == c.id).unwrap_or_else(|| panic!("{} is not shown, but: {shown:#?}", c.id));
        assert!(
            !f.message.is_empty() && !f.next.is_empty() && !f.nodes.is_empty() && !f.because.is_empty() && !f.name.is_empty(),
            "{f:#?}"
        );
        assert!(
            f.message.chars().any(|x| x.is_ascii_digit()) || matches!(c.id, "F8" | "F10" | "F39" | "F43"),
            "{}: no number in “{}”",
            c.id,
            f.message
        );
        for path in &f.nodes {
            assert!(c.shows.0.root.at(path).is_some(), "{}: {path:?} is no node", c.id);
        }
        let silent = found(&c.silent);
        assert!(silent.iter().all(|f| f.id != c.id), "{} must be silent: {silent:#?}", c.id);
    }
}

#[test]
fn the_manual_has_a_line_for_each() {
    let page = include_str!("../../../../assets/manual/findings.md");
    for k in KINDS {
        let lines = page.lines().filter(|l| l.starts_with(&format!("| `{} {}` |", k.id, k.name))).count();
        assert_eq!(lines, 1, "{} {}", k.id, k.name);
    }
}
