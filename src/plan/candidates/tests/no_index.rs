//! Where no index is proposed, and the reason that is given instead.

use super::*;

/// Whether an index can hold an expression is the server's word: what stands beside it is tried without it, too.
#[test]
fn an_expression_takes_no_column_with_it() {
    let filter = "((orders.customer_id = 7) AND ((orders.created_at)::date = '2026-01-01'::date))";
    let (p, known) =
        (plan("PostgreSQL", seq("orders", filter)), pg("select * from orders where customer_id = 7 and created_at::date = '2026-01-01'"));
    let got = specs(&p, &known, 0.01);
    assert_eq!(got, ["public.orders (customer_id, ((created_at)::date))", "public.orders (customer_id)"]);
    let found = find(&p, &known, &Answers::default());
    assert_eq!(found.proposed[0].instead.as_deref(), Some("created_at >= ('2026-01-01')::date AND created_at < ('2026-01-01')::date + 1"));
}

/// What tests the rows of a WITH part that is kept does not get in to the table.
#[test]
fn a_with_part_keeps_a_test_from_its_table() {
    let made = |mut n: PlanNode| {
        (n.role, n.subplan) = (crate::model::plan::Role::Cte, Some("CTE o".into()));
        n
    };
    let reader = |name: &str| on(node("cte scan", "CTE Scan"), name, name);
    let with = |children: Vec<PlanNode>| plan("PostgreSQL", over(says(reader("o"), "Filter", "((o.email)::text = 'x'::text)"), children));
    let statement = "with o as materialized (select * from orders) select * from o where email = 'x'";
    let found = find(&with(vec![made(seq("orders", ""))]), &pg(statement), &Answers::default());
    assert_eq!(found.reasons.iter().map(|r| r.why).collect::<Vec<_>>(), [Why::WithPart]);
    assert!(found.reasons[0].text.contains("goes into the WITH part o"), "{:?}", found.reasons);
    // Read twice, there are two tests, or none for one of them.
    let twice = with(vec![made(seq("orders", "")), reader("o")]);
    assert_eq!(whys(&twice, &pg(statement), 1.0), [Why::EverythingRead]);
}

#[test]
fn where_no_index_helps_the_reason_is_given() {
    let most = plan("PostgreSQL", seq("orders", "(orders.state = 'paid'::text)"));
    assert_eq!(whys(&most, &pg("select * from orders where state = 'paid'"), 0.6), [Why::LowSelectivity]);
    let all = plan("PostgreSQL", over(node("aggregate", "Aggregate"), vec![seq("orders", "")]));
    assert_eq!(whys(&all, &pg("select * from orders"), 0.5), [Why::EverythingRead]);
    let luck = plan("PostgreSQL", over(node("limit", "Limit"), vec![seq("orders", "(orders.state = 'paid'::text)")]));
    assert_eq!(whys(&luck, &pg("select * from orders where state = 'paid' limit 10"), 0.1), [Why::LimitLuck]);
    let unequal = plan("PostgreSQL", seq("orders", "(orders.state <> 'paid'::text)"));
    assert_eq!(whys(&unequal, &pg("select * from orders where state <> 'paid'"), 0.9), [Why::LowSelectivity]);
    let either = plan("PostgreSQL", seq("orders", "((orders.customer_id = 7) OR ((orders.state)::text ~~ '%x%'::text))"));
    assert_eq!(whys(&either, &pg("select * from orders where customer_id = 7 or state like '%x%'"), 0.01), [Why::Alternatives]);
    let view = lite(&["SCAN orders"], "select * from some_view");
    assert_eq!(whys(&view, &bare("select * from some_view"), 0.5), [Why::NotRead]);
    // A cast of a column that has an index; and a table of a few rows; and one that has the index.
    let cast = plan("PostgreSQL", seq("orders", "((orders.id)::text = '5'::text)"));
    assert_eq!(whys(&cast, &pg("select * from orders where id::text = '5'"), 0.001), [Why::Cast]);
    let mut small = pg("select * from orders where customer_id = 7");
    small.tables[0].rows = Some(200.0);
    let by_customer = plan("PostgreSQL", seq("orders", "(orders.customer_id = 7)"));
    assert_eq!(whys(&by_customer, &small, 0.01), [Why::SmallTable]);
    let mut there = pg("select * from orders where customer_id = 7");
    there.tables[0].indexes.push(index("have", &["customer_id", "created_at"], false));
    assert_eq!(whys(&by_customer, &there, 0.01), [Why::Served]);
    let maria =
        plan("MariaDB", says(on(node("table scan", "ALL orders"), "orders", "orders"), "Filter", "year(`orders`.`created_at`) = 2026"));
    assert_eq!(whys(&maria, &bare("select * from orders where year(created_at) = 2026"), 0.1), [Why::NoExpressions]);
    // Old statistics are said first, beside what is proposed.
    let mut old = pg("select * from orders where customer_id = 7");
    old.tables[0].statistics.changed = Some(60_000.0);
    let found = find(&by_customer, &old, &keeping(&by_customer, &old, 0.01));
    assert_eq!(found.reasons.first().map(|r| (r.why, r.sql.clone())), Some((Why::StaleStatistics, Some("ANALYZE public.orders".into()))));
    // Joining everything with everything.
    let join = plan(
        "PostgreSQL",
        over(
            says(node("hash join", "Hash Join"), "Hash Cond", "(o.customer_id = c.id)"),
            vec![seq("o", ""), over(node("hash", "Hash"), vec![on(node("table scan", "Seq Scan"), "public.customers", "c")])],
        ),
    );
    assert!(whys(&join, &pg("select * from orders o join customers c on c.id = o.customer_id"), 0.5).contains(&Why::EverythingRead));
}

/// Two thirds of a table are the server's guess for any expression: no reason to leave an index out.
#[test]
fn a_guess_is_no_reason() {
    let p = plan("PostgreSQL", seq("orders", "((orders.total + 0) > 999)"));
    assert_eq!(specs(&p, &pg("select * from orders where total + 0 > 999"), 0.66), ["public.orders ((total + 0))"]);
}

#[test]
fn a_unique_lookup_wants_no_further_key() {
    let p = plan("PostgreSQL", seq("orders", "((orders.id = 7) AND (orders.state = 'paid'::text))"));
    assert_eq!(whys(&p, &pg("select * from orders where id = 7 and state = 'paid'"), 0.0001), [Why::Served]);
}

/// The reason is that it finds one row, not that its columns are the candidate's.
#[test]
fn a_unique_lookup_is_named_as_one() {
    let p = plan("PostgreSQL", seq("orders", "((orders.id = 7) AND (orders.state = 'paid'::text))"));
    let known = pg("select * from orders where id = 7 and state = 'paid'");
    let found = find(&p, &known, &keeping(&p, &known, 0.0001));
    let text = &found.reasons[0].text;
    assert_eq!(text, "the index orders_pkey is unique on id, which is tested: it finds one row at most already");
}

#[test]
fn what_a_rowid_or_a_primary_key_serves_is_not_proposed() {
    // SQLite names no index for the rowid.
    let p = lite(&["SEARCH orders USING INTEGER PRIMARY KEY (rowid=?)"], "select * from orders where id = 77");
    let mut known = bare("select * from orders where id = 77");
    known.tables[0].indexes.clear();
    known.tables[0].stored_by = vec!["id".into()];
    let found = find(&p, &known, &keeping(&p, &known, 0.0001));
    assert!(found.proposed.is_empty(), "{:?}", found.proposed);
    let first = &found.reasons[0];
    assert_eq!((first.why, first.next.as_str()), (Why::Served, "The plan uses it."));
    assert_eq!(first.text, "the rows of orders are stored by id (its rowid), which serves that already");
    // MariaDB's `const` is a value, and no column that the key is compared with.
    let lookup = says(on(node("index scan", "const orders"), "orders", "orders"), "Lookup", "id = const");
    let mut known = bare("select * from orders where id = 77");
    known.tables[0].indexes = vec![index("PRIMARY", &["id"], true)];
    known.tables[0].stored_by = vec!["id".into()];
    let p = plan("MariaDB", PlanNode { index: Some("PRIMARY".into()), ..lookup });
    let found = find(&p, &known, &keeping(&p, &known, 0.0001));
    assert_eq!(found.reasons.iter().map(|r| r.why).collect::<Vec<_>>(), [Why::Served], "{:?}", found.reasons);
}

#[test]
fn a_key_that_every_index_has_is_no_further_key() {
    let sql = "select id, total, created_at from orders where customer_id = 7 and state = 'open'";
    let (p, mut known) = (lite(&["SCAN orders"], sql), bare(sql));
    known.tables[0].stored_by = vec!["id".into()];
    let got = specs(&p, &known, 0.01);
    assert!(got.iter().any(|s| s == "orders (customer_id, state, total, created_at)"), "{got:?}");
    assert!(got.iter().all(|s| !s.contains("id,") || !s.contains(" id") && !s.contains("(id")), "{got:?}");
    // The beginning of a text covers nothing.
    let maria = plan("MariaDB", says(on(node("table scan", "ALL orders"), "orders", "orders"), "Filter", "`orders`.`state` = 'open'"));
    let mut known = bare("select total from orders where state = 'open'");
    known.tables[0].stored_by = vec!["id".into()];
    assert_eq!(specs(&maria, &known, 0.01), ["orders (state(64))"]);
}

/// `(created_at, id) > (…)` is a range of its first column; of a row no index can be made.
#[test]
fn a_row_is_no_key() {
    let p = plan("PostgreSQL", seq("orders", "(ROW(created_at, id) > ROW('2026-01-01'::timestamp without time zone, 5))"));
    let known = pg("select * from orders where (created_at, id) > ('2026-01-01', 5)");
    let found = find(&p, &known, &keeping(&p, &known, 0.01));
    assert_eq!(found.proposed.iter().map(|c| c.spec(Dialect::Postgres)).collect::<Vec<_>>(), ["public.orders (created_at)"]);
}

/// A walk in the order of ORDER BY until the LIMIT is full: not where an index finds the few rows of some values, and last, and with the
/// word that it lives on luck, where a range leaves few.
#[test]
fn an_order_alone_is_no_advice_where_values_are_found() {
    let limit = |below: PlanNode| {
        over(node("limit", "Limit"), vec![over(says(node("sort", "Sort"), "Sort Key", "orders.created_at DESC"), vec![below])])
    };
    let text = "select * from orders where state in ('a', 'b') order by created_at desc limit 3";
    let p = plan("PostgreSQL", limit(seq("orders", "(orders.state = ANY ('{a,b}'::text[]))")));
    assert_eq!(specs(&p, &pg(text), 0.0005), ["public.orders (state)"]);
    let kept = specs(&p, &pg(text), 0.9);
    assert_eq!(kept, ["public.orders (created_at)"]);
    let text = "select * from orders where total > 900 order by created_at desc limit 3";
    let p = plan("PostgreSQL", limit(seq("orders", "(orders.total > '900'::numeric)")));
    let found = find(&p, &pg(text), &keeping(&p, &pg(text), 0.01));
    let told: Vec<(&str, bool)> = found.proposed.iter().map(|c| (c.keys[0].sql.as_str(), c.why.contains("lives on luck"))).collect();
    assert_eq!(told, [("total", false), ("created_at", true)]);
}
