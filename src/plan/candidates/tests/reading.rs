//! What is read out of plans and statements: tables that stand there several times, subqueries, arms of a UNION, values of other types.

use super::*;

/// Where the index is built, another search_path may hold than where the statement runs.
#[test]
fn functions_of_ones_own_are_named_with_their_schema() {
    let p = plan("PostgreSQL", seq("orders", "(norm(lower(orders.state)) = 'x'::text)"));
    assert_eq!(functions(&p), ["lower".to_string(), "norm".to_string()].into());
    let mut known = pg("select * from orders where norm(lower(state)) = 'x'");
    known.functions.insert("norm".into(), "app".into());
    assert_eq!(specs(&p, &known, 0.01), ["public.orders ((app.norm(lower(state))))"]);
}

/// One by one they would be taken for independent of each other.
#[test]
fn values_that_are_excluded_are_asked_about_together() {
    let filter = "((orders.state <> 'a'::text) AND (orders.state <> 'b'::text) AND (orders.customer_id <> 3))";
    let (p, known) =
        (plan("PostgreSQL", seq("orders", filter)), pg("select * from orders where state <> 'a' and state <> 'b' and customer_id <> 3"));
    let asked: Vec<String> = questions(&p, &known)
        .into_iter()
        .filter_map(|q| match q {
            Question::Kept { condition, .. } => Some(condition),
            Question::Distinct { .. } => None,
        })
        .collect();
    assert_eq!(asked, ["(state NOT IN (('a')::text, ('b')::text)) AND (customer_id <> 3)"]);
    let found = find(&p, &known, &keeping(&p, &known, 0.5));
    assert_eq!(found.dropped[0].what, "public.orders (state, customer_id)");
    assert!(found.dropped[0].reason.text.starts_with("the planner expects the tests to keep 50 % of orders"), "{:?}", found.dropped);
}

/// MariaDB searches an index for all below a value and all above it; a text column beside a number it cannot search.
#[test]
fn mariadb_searches_for_what_is_unlike_and_not_for_what_it_converts() {
    let scan = |filter: &str| plan("MariaDB", says(on(node("table scan", "ALL orders"), "orders", "orders"), "Filter", filter));
    let unlike = (scan("orders.total <> 5 and orders.total <> 6"), bare("select * from orders where total <> 5 and total <> 6"));
    assert_eq!(specs(&unlike.0, &unlike.1, 0.01), ["orders (total)"]);
    assert_eq!(whys(&unlike.0, &unlike.1, 0.9), [Why::LowSelectivity]);
    // Nobody knows how many pass: mostly it is nearly all.
    assert!(find(&unlike.0, &unlike.1, &Answers::default()).proposed.is_empty());
    let number = (scan("orders.email = 100500"), bare("select * from orders where email = 100500"));
    assert_eq!(whys(&number.0, &number.1, 0.01), [Why::Cast]);
    let found = find(&number.0, &number.1, &Answers::default());
    assert_eq!(found.reasons[0].next, "Write the value as text: email = '100500'.");
    let both =
        (scan("orders.email = 100500 and orders.customer_id = 7"), bare("select * from orders where email = 100500 and customer_id = 7"));
    assert_eq!(specs(&both.0, &both.1, 0.01), ["orders (customer_id)"]);
}

/// Two indexes that are read together: one over both columns is tried.
#[test]
fn a_bitmap_of_two_indexes_is_one_table() {
    let arm = |name: &str, cond: &str| says(node("bitmap index", "Bitmap Index Scan"), "Index Cond", cond).with_index(name);
    let heap = says(
        on(node("bitmap heap", "Bitmap Heap Scan"), "public.orders", "orders"),
        "Recheck Cond",
        "((orders.customer_id = 7) AND (orders.total = 5))",
    );
    let both =
        over(node("bitmap and", "BitmapAnd"), vec![arm("by_total", "(orders.total = 5)"), arm("by_customer", "(orders.customer_id = 7)")]);
    let p = plan("PostgreSQL", over(heap, vec![both]));
    let mut known = pg("select * from orders where customer_id = 7 and total = 5");
    known.tables[0].indexes.extend([index("by_total", &["total"], false), index("by_customer", &["customer_id"], false)]);
    assert_eq!(specs(&p, &known, 0.001), ["public.orders (customer_id, total)"]);
}

/// In a subquery a bare name may be a column of the query around it: SQLite prints no conditions, and the catalogue tells whose it is.
#[test]
fn bare_names_in_subqueries_belong_to_the_table_that_has_them() {
    for sql in [
        "select count(*) from customers where not exists (select 1 from orders where customer_id = city)",
        "select email, (select max(total) from orders where customer_id = city) from customers",
    ] {
        let p = lite(&["SCAN customers", "SCAN orders"], sql);
        let got = specs(&p, &bare(sql), 0.01);
        assert!(got.iter().any(|s| s.starts_with("orders (customer_id")), "{sql}: {got:?}");
    }
    // A name that both have is the inner one's.
    let sql = "select count(*) from customers where exists (select 1 from orders where customer_id = id)";
    let got = specs(&lite(&["SCAN customers", "SCAN orders"], sql), &bare(sql), 0.01);
    assert!(got.iter().all(|s| !s.starts_with("orders (customer_id)")), "two columns of one row are no lookup: {got:?}");
}

/// SQLite looks an index up for each row of `IN (SELECT …)`, and for none of `NOT IN`.
#[test]
fn an_in_with_a_subquery_is_served_by_sqlite() {
    let of = |negated: &str| {
        let sql = format!("select * from orders where customer_id {negated} in (select id from customers where city = 'x')");
        let (p, known) = (lite(&["SCAN orders", "SCAN customers"], &sql), bare(&sql));
        specs(&p, &known, 0.01)
    };
    assert!(of("").contains(&"orders (customer_id)".to_string()), "{:?}", of(""));
    assert!(of("not").iter().all(|s| !s.starts_with("orders")), "{:?}", of("not"));
}

/// GLOB with a fixed beginning is a range of a plain index, unlike LIKE, which takes no heed of case.
#[test]
fn a_glob_with_a_fixed_beginning_is_served_by_sqlite() {
    let of = |pattern: &str| {
        let sql = format!("select * from orders where note glob '{pattern}'");
        specs(&lite(&["SCAN orders"], &sql), &bare(&sql), 0.01)
    };
    assert_eq!(of("abc*"), ["orders (note)"]);
    assert!(of("*abc").is_empty() && of("[ab]c*").is_empty());
}

/// Each arm of a UNION has conditions of its own, though it names the same table.
#[test]
fn arms_of_a_union_are_looked_at_one_by_one() {
    let sql = "select id from orders where customer_id = 5 union all select id from orders where total = 6";
    let got = specs(&lite(&["SCAN orders", "SCAN orders"], sql), &bare(sql), 0.01);
    assert!(got.iter().any(|s| s.starts_with("orders (customer_id")) && got.iter().any(|s| s.starts_with("orders (total")), "{got:?}");
}

/// What a subquery gives for each row anew is nothing that an index could be searched by.
#[test]
fn a_correlated_subquery_is_no_value() {
    for (engine, filter) in [("PostgreSQL", "(o.total < (SubPlan 1))"), ("MariaDB", "o.total < (subquery#2)")] {
        let inner = |condition: &str| {
            let mut sub = says(on(node("table scan", "scan"), "customers", "c"), "Filter", condition);
            sub.role = crate::model::plan::Role::SubPlan;
            sub
        };
        let of = |condition: &str| {
            let mut p = plan(engine, over(says(on(node("table scan", "ALL o"), "orders", "o"), "Filter", filter), vec![inner(condition)]));
            p.statement = Some("select * from orders o where o.total < (select 1)".into());
            let known = if engine == "PostgreSQL" {
                pg("select 1")
            } else {
                bare("select * from orders o where o.total < (select 1 from customers c)")
            };
            specs(&p, &known, 0.01)
        };
        let each = of("c.id = o.customer_id");
        assert!(each.iter().all(|s| !s.contains("(total")), "{engine}: {each:?}");
        if engine == "MariaDB" {
            assert!(of("c.id = 5").iter().any(|s| s.contains("(total")), "the same for all rows: {:?}", of("c.id = 5"));
        }
    }
}
