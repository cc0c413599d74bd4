//! Findings about how a statement is written.

use super::{Build, columns, indexed, lite, maria_scan, node, of, pg, plan, seq, table};
use crate::model::plan::{PlanNode, Role};
use crate::plan::findings::{fill, findings};
use crate::plan::known::{Known, Table};

/// Values that are excluded one by one: what the planner makes of them, and what finds their rows.
#[test]
fn several_values_that_are_excluded() {
    let excluded = seq("orders").est(20_000.0).ran(1.0, 50.0, 60.0).drops(99_950.0);
    let filter = "((orders.state <> 'done'::text) AND (orders.state <> 'paid'::text))";
    let p = plan("PostgreSQL", excluded.says("Filter", filter));
    let mut known = of(vec![columns(table("orders", 100_000.0), &[("state", "text")])]);
    known.statement = Some("select * from orders where state <> 'done' and state <> 'paid'".into());
    let found = findings(&p, &known);
    let of = |id: &str| found.iter().find(|f| f.id == id).unwrap_or_else(|| panic!("{id}: {found:#?}"));
    assert!(of("F5").next.contains("Written as state NOT IN ('done', 'paid')"), "{}", of("F5").next);
    assert_eq!(
        of("F1").sql.as_deref(),
        Some("CREATE INDEX orders_state_idx ON public.orders (state) WHERE state <> ('done')::text AND state <> ('paid')::text")
    );
}

/// A WITH part that is made whole for one who drops most of it.
#[test]
fn a_with_part_that_is_dropped_where_it_is_read() {
    let read = |kept: f64| {
        let reader = PlanNode { relation: Some("recent".into()), ..node("cte scan", "CTE Scan").est(250.0).ran(1.0, kept, 20.0) };
        let made = PlanNode { subplan: Some("CTE recent".into()), ..seq("orders").ran(1.0, 50_000.0, 30.0).role(Role::Cte) };
        let reader = reader.drops(50_000.0 - kept).says("Filter", "((recent.ref)::text = 'x'::text)");
        findings(&plan("PostgreSQL", reader.over(vec![made])), &Known::default())
    };
    let found = read(1.0);
    let f = found.iter().find(|f| f.id == "F21").unwrap_or_else(|| panic!("{found:#?}"));
    assert!(f.message.contains("the WITH part recent is made whole, 50,000 rows, and 99.9 % of them are dropped"), "{}", f.message);
    assert!(found.iter().all(|f| !f.next.contains("cast")), "{found:#?}");
    assert!(!read(40_000.0).iter().any(|f| f.id == "F21"));
}

/// MariaDB converts a text column that is compared with a number: no index on it is proposed, and no statistics.
#[test]
fn a_number_beside_a_text_column() {
    let scan = maria_scan("orders", "ALL").est(100_000.0).ran(1.0, 1.0, 60.0).drops(99_999.0).says("Filter", "orders.ref = 100500");
    let p = plan("MariaDB", scan);
    let known = of(vec![Table { schema: None, ..columns(table("orders", 100_000.0), &[("ref", "varchar(20)")]) }]);
    let found = findings(&p, &known);
    let f8 = found.iter().find(|f| f.id == "F8").unwrap_or_else(|| panic!("{found:#?}"));
    assert!(f8.message.contains("no index on it could be used") && f8.next.contains("(ref = '100500')"), "{f8:?}");
    assert!(found.iter().all(|f| f.sql.is_none()), "{found:#?}");
}

/// A lookup by a whole unique key finds one row: no longer index finds less. Rows that are rounded means are told as such.
#[test]
fn a_unique_lookup_wants_no_longer_index() {
    let lookup = |index: &str| PlanNode {
        rows_err: Some(10_000.0),
        ..PlanNode { relation: Some("p".into()), alias: Some("p".into()), ..node("index scan", "eq_ref p") }
            .index(index)
            .ran(20_000.0, 0.0, 60.0)
            .drops(20_000.0)
            .says("Index Cond", "p.id = i.product_id")
            .says("Filter", "p.category = 7")
    };
    let mut known = of(vec![Table {
        schema: None,
        ..indexed(columns(table("p", 20_000.0), &[("id", "int"), ("category", "int")]), "PRIMARY", &["id"])
    }]);
    known.statement = Some("select * from i join p on p.id = i.product_id where p.category = 7".into());
    let found = findings(&plan("MariaDB", lookup("PRIMARY")), &known);
    let f2 = found.iter().find(|f| f.id == "F2").unwrap_or_else(|| panic!("{found:#?}"));
    assert!(f2.message.starts_with("PRIMARY finds about 20,000 rows of p and the filter drops about 20,000 of them"), "{}", f2.message);
    assert!(
        f2.next.starts_with("Each lookup finds one row") && f2.sql.as_deref() == Some("CREATE INDEX p_category_idx ON p (category)"),
        "{f2:?}"
    );
}

/// MariaDB and SQLite show no LIMIT: what it ended early is no error of the estimate.
#[test]
fn a_limit_that_the_plan_does_not_show() {
    let scan = || maria_scan("orders", "index").est(198_865.0).ran(1.0, 3.0, 60.0).drops(3_000.0).says("Filter", "orders.state = 'x'");
    let told = |root: PlanNode, statement: &str| {
        let mut p = plan("MariaDB", root);
        p.analyzed = true;
        fill(&mut p, &Known { statement: Some(statement.into()), ..Known::default() });
        (p.findings.iter().any(|f| f.id == "F5"), p.root.estimate_doubt.is_some())
    };
    let limited = "select * from orders where state = 'x' order by placed desc limit 3";
    assert_eq!(told(scan(), "select * from orders where state = 'x'"), (true, false));
    assert_eq!(told(scan(), limited), (false, true));
    // A plan from a file, without its statement: a whole scan that read a part of the table says that something ended it.
    let filed = |read: &str| {
        let mut n = maria_scan("orders", "index").est(198_865.0).ran(1.0, 3.0, 60.0).drops(3_000.0).says("Filter", "orders.state = 'x'");
        n.attrs.extend([("rows".to_string(), "198865".to_string()), ("r_rows".into(), read.into())]);
        let mut p = plan("MariaDB", n);
        p.analyzed = true;
        fill(&mut p, &Known::default());
        (p.findings.iter().any(|f| f.id == "F5"), p.root.estimate_doubt.is_some())
    };
    assert_eq!(filed("8888"), (false, true));
    assert_eq!(filed("200000"), (true, false));
    // All of it is read before the first row of the sort.
    let sorted = node("sort", "filesort").ran(1.0, 3.0, 5.0).over(vec![scan()]);
    assert_eq!(told(sorted, limited), (true, false));
}

/// In most collations no plain index serves a pattern; a varchar that PostgreSQL prints as text has its statistics.
#[test]
fn a_pattern_wants_its_class() {
    let scan = seq("orders").est(10.0).ran(1.0, 5_000.0, 60.0).drops(95_000.0).says("Filter", "((orders.ref)::text ~~ 'R1%'::text)");
    let mut known = of(vec![columns(table("orders", 100_000.0), &[("ref", "character varying(40)")])]);
    let p = plan("PostgreSQL", scan);
    let f1 = |known: &Known| findings(&p, known).into_iter().find(|f| f.id == "F1").expect("F1");
    assert_eq!(f1(&known).sql.as_deref(), Some("CREATE INDEX orders_ref_idx ON public.orders (ref varchar_pattern_ops)"));
    let f5 = findings(&p, &known).into_iter().find(|f| f.id == "F5").expect("F5");
    assert!(f5.message.ends_with("tested on ref") && !f5.next.contains("cast"), "{f5:?}");
    // One of another class does not serve it.
    known.tables[0] = indexed(known.tables[0].clone(), "by_ref", &["ref"]);
    assert!(f1(&known).next.starts_with("Try an index on (ref varchar_pattern_ops)"), "{}", f1(&known).next);
    // A name that is taken is no name for another one.
    known.tables[0] = indexed(known.tables[0].clone(), "orders_ref_idx", &["ref"]);
    assert_eq!(f1(&known).sql.as_deref(), Some("CREATE INDEX orders_ref_idx2 ON public.orders (ref varchar_pattern_ops)"));
}

/// What is said of a wrong estimate fits the step that it is of.
#[test]
fn a_remedy_fits_its_step() {
    let remedy = |root: PlanNode| {
        let found = findings(&plan("PostgreSQL", root), &Known::default());
        found.into_iter().find(|f| f.id == "F5").expect("F5").next
    };
    let series = node("function scan", "Function Scan").est(1_000.0).ran(1.0, 500_000.0, 60.0);
    assert!(remedy(series).contains("declared (ROWS)"));
    let join = node("hash join", "Hash Left Join").est(20_000.0).ran(1.0, 2.0, 60.0).says("Filter", "(o.id IS NULL)");
    assert!(remedy(join.over(vec![seq("a").ran(1.0, 5.0, 1.0), seq("b").ran(1.0, 5.0, 1.0)])).contains("planned as an anti join"));
}

/// Rows that are kept and read again: only where a join's columns are equal has an index or a hash anything to go by.
#[test]
fn kept_rows_without_an_equality() {
    let next = |condition: &str| {
        let mut n = node("nested loop", "Nested Loop").ran(1.0, 9.0, 60.0).over(vec![
            seq("a").ran(1.0, 500.0, 1.0),
            node("materialize", "Materialize").ran(500.0, 900.0, 60.0).role(Role::Inner).over(vec![seq("b").ran(1.0, 900.0, 1.0)]),
        ]);
        if !condition.is_empty() {
            n = n.says("Join Filter", condition);
        }
        let found = findings(&plan("PostgreSQL", n), &Known::default());
        found.into_iter().find(|f| f.id == "F24").expect("F24").next
    };
    assert!(next("").contains("a condition was forgotten"), "{}", next(""));
    assert!(next("((a.x = b.x) OR (a.y = b.y))").contains("No hash join serves"), "{}", next("((a.x = b.x) OR (a.y = b.y))"));
    assert!(next("(a.x = b.x)").contains("An index on the inner side's join column"), "{}", next("(a.x = b.x)"));
}

/// Partitions whose key is hidden by a cast, and the two ends of a range over it: one finding for all of them.
#[test]
fn a_partition_key_in_a_cast_leaves_nothing_out() {
    let known = of((0..4)
        .map(|k| {
            let t = columns(table(&format!("part_{k}"), 10_000.0), &[("at", "timestamp without time zone")]);
            Table { partition_key: vec!["at".into()], ..t }
        })
        .collect());
    let look = |filter: &str, empty: usize| {
        let arm = |k: usize| {
            let kept = if k < empty { 0.0 } else { 500.0 };
            let filter = filter.replace("{}", &format!("part_{k}.at"));
            seq(&format!("part_{k}")).ran(1.0, kept, 9.0).drops(20_000.0).role(Role::Member).says("Filter", &filter)
        };
        findings(&pg(node("append", "Append").ran(1.0, 500.0, 1.0).over((0..4).map(arm).collect())), &known)
    };
    let cast = "((({})::date >= '2024-02-01'::date) AND (({})::date <= '2024-02-03'::date))";
    let found = look(cast, 3);
    let f36 = found.iter().find(|f| f.id == "F36").unwrap_or_else(|| panic!("{found:#?}"));
    assert!(
        f36.message.contains("all 4 partitions are read") && f36.message.contains("the partition key (at) stands in a cast"),
        "{}",
        f36.message
    );
    assert!(f36.next.contains("at >= … AND at < …"), "{}", f36.next);
    let f9: Vec<_> = found.iter().filter(|f| f.id == "F9").collect();
    assert!(matches!(f9.as_slice(), [f] if f.message.ends_with("; the same in 3 more of its neighbours") && f.nodes.len() == 4), "{f9:#?}");
    // Rows are everywhere: a plain comparison would read all partitions, too. And a plain one does.
    assert!(!look(cast, 1).iter().any(|f| f.id == "F36"));
    assert!(!look("({} >= '2024-02-01'::timestamp)", 3).iter().any(|f| f.id == "F36"));
}

/// Two functions in one arm are two findings.
#[test]
fn different_tests_of_one_arm_are_told_apart() {
    let arm = |k: usize| {
        let filter = format!("((lower(part_{k}.a) = 'x'::text) AND (upper(part_{k}.b) = 'Y'::text))");
        seq(&format!("part_{k}")).ran(1.0, 1.0, 9.0).drops(20_000.0).role(Role::Member).says("Filter", &filter)
    };
    let found = findings(&pg(node("append", "Append").ran(1.0, 2.0, 1.0).over((0..2).map(arm).collect())), &Known::default());
    let f9: Vec<&str> = found.iter().filter(|f| f.id == "F9").map(|f| f.message.as_str()).collect();
    assert_eq!(f9.len(), 2, "{f9:#?}");
    assert!(f9.iter().all(|m| m.ends_with("; the same in 1 more of its neighbours")), "{f9:#?}");
    assert!(f9[0].contains("lower") && f9[1].contains("upper"), "{f9:#?}");
}

/// What the session's time zone decides is in no index; what is no column's is the same tomorrow.
#[test]
fn an_expression_that_may_change_is_offered_no_index() {
    let f9 = |filter: &str| {
        let known = of(vec![columns(table("orders", 400_000.0), &[("placed", "timestamp with time zone"), ("n", "integer")])]);
        let plan = pg(seq("orders").ran(1.0, 6.0, 60.0).drops(399_994.0).says("Filter", filter));
        findings(&plan, &known).into_iter().find(|f| f.id == "F9").unwrap_or_else(|| panic!("{filter}"))
    };
    let moved = f9("((orders.placed + '1 day'::interval) > '2024-08-29'::timestamp with time zone)");
    assert!(moved.sql.is_none() && moved.next.contains("compare the column itself"), "{moved:?}");
    for stable in [
        "(COALESCE(orders.placed, '2000-01-01'::timestamp with time zone) < '2001-01-01'::timestamp with time zone)",
        "((orders.n % 7) = 0)",
    ] {
        assert!(f9(stable).sql.is_some(), "{stable}");
    }
}

/// What F1 points to is there: a cast, also of a column that has no index yet. Beside a test that an index serves it is not worth a word.
#[test]
fn a_cast_without_an_index_is_told_where_it_is_all_there_is() {
    let look = |filter: &str| {
        let known = of(vec![columns(table("orders", 400_000.0), &[("customer_id", "integer"), ("q", "integer")])]);
        findings(&pg(seq("orders").ran(1.0, 6.0, 60.0).drops(399_994.0).says("Filter", filter)), &known)
    };
    let found = look("((orders.customer_id)::numeric = '77'::numeric)");
    let f8 = found.iter().find(|f| f.id == "F8").unwrap_or_else(|| panic!("{found:#?}"));
    assert!(f8.next.contains("then a plain index on customer_id can serve it"), "{}", f8.next);
    let found = look("(((orders.customer_id)::numeric = '77'::numeric) AND (orders.q = 5))");
    assert!(!found.iter().any(|f| f.id == "F8"), "{found:#?}");
}

/// SQLite searches the inner table by a constant: the same rows for each row of the outer one.
#[test]
fn a_product_of_searches_is_one_too() {
    let look = |statement: &str, found_rows: f64| {
        let mut p =
            lite(&["SCAN b", "SEARCH a USING AUTOMATIC PARTIAL COVERING INDEX (city=?)"], &[("a", 60_000), ("b", 2_000)], statement);
        p.analyzed = true;
        for (n, rows, loops) in [(0, 2_000.0, 1.0), (1, found_rows, 2_000.0)] {
            let n = &mut p.root.children[n];
            (n.loops, n.rows_total, n.rows) = (Some(loops), Some(rows), Some(rows / loops));
        }
        findings(&p, &Known::default())
    };
    let found = look("select count(*) from a, b where a.city = 'x'", 2_400_000.0);
    let f = found.iter().find(|f| f.id == "F12").unwrap_or_else(|| panic!("{found:#?}"));
    assert!(f.message.contains("2,000 × 1,200 rows make 2,400,000 pairs"), "{}", f.message);
    assert!(!look("select count(*) from a, b where a.city = 'x'", 400_000.0).iter().any(|f| f.id == "F12"));
    assert!(!look("select count(*) from a, b where a.city = b.city", 2_400_000.0).iter().any(|f| f.id == "F12"));
}

/// HAVING drops groups that were made, and its share is a fixed one.
#[test]
fn groups_that_having_drops_were_made() {
    let made = node("aggregate", "HashAggregate").est(16_694.0).ran(1.0, 0.0, 90.0).drops(50_000.0).says("Filter", "(count(*) > 6)");
    let made = made.attr("Disk Usage", "24496").attr("HashAgg Batches", "129");
    let found = findings(&plan("PostgreSQL", made.over(vec![seq("orders").est(300_000.0).ran(1.0, 300_000.0, 40.0)])), &Known::default());
    let f = found.iter().find(|f| f.id == "F15").unwrap_or_else(|| panic!("{found:#?}"));
    assert!(f.message.starts_with("the grouping into 50,000 groups wrote 24,496 kB"), "{}", f.message);
    assert!(!found.iter().any(|f| f.id == "F5"), "{found:#?}");
}

/// Of two tests of a walk in order only the table knows which tells the rows apart.
#[test]
fn an_index_for_a_walk_is_named_where_one_test_is_all() {
    let walk = |filter: &str| {
        let walk = PlanNode { relation: Some("public.orders".into()), alias: Some("orders".into()), ..node("index scan", "Index Scan") };
        let walk = walk.index("orders_pkey").est(5.0).ran(1.0, 0.0, 90.0).drops(300_000.0).says("Filter", filter);
        let mut known = of(vec![indexed(table("orders", 300_000.0), "orders_pkey", &["id"])]);
        known.statement = Some("select * from orders where … order by id limit 5".into());
        let found = findings(&plan("PostgreSQL", node("limit", "Limit").ran(1.0, 0.0, 0.0).over(vec![walk])), &known);
        found.into_iter().find(|f| f.id == "F3").expect("F3")
    };
    assert!(walk("(status = 'failed'::text)").sql.is_some_and(|s| s.contains("(status, id)")));
    let both = walk("((total > '2000'::numeric) AND (status = 'done'::text))");
    assert!(both.sql.is_none() && both.next.contains("`--advise`"), "{both:#?}");
}

/// InnoDB's indexes end with the primary key, and MariaDB tests for each join that there is a value at all.
#[test]
fn an_index_that_is_there_is_not_proposed() {
    let mut t = indexed(columns(table("customers", 200_000.0), &[("id", "int(11)"), ("email", "varchar(80)")]), "by_email", &["email"]);
    t.stored_by = vec!["id".into()];
    let known = of(vec![t]);
    let mut whole = maria_scan("customers", "index").ran(1.0, 200_000.0, 80.0).says("Filter", "customers.email is not null");
    (whole.op, whole.index) = ("index only scan".into(), Some("by_email".into()));
    let mut p = plan("MariaDB", whole);
    p.analyzed = true;
    let f44 = findings(&p, &known).into_iter().find(|f| f.id == "F44").expect("F44");
    assert!(f44.severity == crate::model::Severity::Info && f44.sql.is_none() && !f44.next.contains("(email)"), "{f44:?}");
    let found = maria_scan("customers", "ref").ran(1.0, 10.0, 80.0).drops(199_990.0);
    let mut found = found.says("Index Cond", "customers.email = 'x'").says("Filter", "customers.id < 5");
    (found.op, found.index) = ("index scan".into(), Some("by_email".into()));
    let mut p = plan("MariaDB", found);
    p.analyzed = true;
    for f in findings(&p, &known) {
        assert!(f.sql.is_none() && !f.next.contains("Try one index"), "{f:?}");
    }
}
