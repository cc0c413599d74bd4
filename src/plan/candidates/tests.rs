//! Hand-made plans of the four engines with the index that is known to be best for them, and such that no index helps.

use super::*;
use crate::model::plan::{Plan, PlanNode};
use crate::plan::known::{Column, Index, Spread, Statistics, Table};
use proptest::prelude::*;

fn node(op: &str, raw: &str) -> PlanNode {
    PlanNode { op: op.into(), raw_op: raw.into(), ..PlanNode::default() }
}

fn on(mut n: PlanNode, relation: &str, alias: &str) -> PlanNode {
    n.relation = Some(relation.into());
    n.alias = Some(alias.into());
    n
}

fn says(mut n: PlanNode, key: &str, text: &str) -> PlanNode {
    n.conditions.push((key.into(), text.into()));
    n
}

fn over(mut n: PlanNode, children: Vec<PlanNode>) -> PlanNode {
    n.children = children;
    n
}

fn plan(engine: &str, mut root: PlanNode) -> Plan {
    root.number();
    Plan { engine: engine.into(), version: "15.2".into(), root, ..Plan::default() }
}

fn seq(alias: &str, filter: &str) -> PlanNode {
    let n = on(node("table scan", "Seq Scan"), "public.orders", alias);
    if filter.is_empty() { n } else { says(n, "Filter", filter) }
}

fn index(name: &str, keys: &[&str], unique: bool) -> Index {
    Index { name: name.into(), keys: keys.iter().map(|k| (*k).to_string()).collect(), unique, ..Index::default() }
}

fn orders(schema: Option<&str>) -> Table {
    let column = |(name, kind): (&str, &str)| Column { name: name.into(), type_name: kind.into() };
    let of = [
        ("id", "integer"),
        ("customer_id", "integer"),
        ("state", "text"),
        ("email", "character varying(80)"),
        ("created_at", "timestamp without time zone"),
        ("total", "numeric(10,2)"),
        ("paid", "boolean"),
        ("doc", "jsonb"),
        ("tags", "text[]"),
        ("note", "text"),
    ];
    let spread = [("customer_id", 5_000.0), ("state", 5.0), ("id", 100_000.0), ("paid", 2.0), ("created_at", 90_000.0)];
    Table {
        schema: schema.map(Into::into),
        name: "orders".into(),
        rows: Some(100_000.0),
        columns: of.into_iter().map(column).collect(),
        indexes: vec![index("orders_pkey", &["id"], true)],
        statistics: Statistics { missing: Some(false), made: None, changed: Some(0.0) },
        spread: spread.iter().map(|(c, d)| ((*c).to_string(), Spread { distinct: Some(*d), width: Some(8.0) })).collect(),
        ..Table::default()
    }
}

fn customers(schema: Option<&str>) -> Table {
    let column = |(name, kind): (&str, &str)| Column { name: name.into(), type_name: kind.into() };
    Table {
        schema: schema.map(Into::into),
        name: "customers".into(),
        rows: Some(5_000.0),
        columns: [("id", "integer"), ("email", "text"), ("city", "text")].into_iter().map(column).collect(),
        indexes: vec![index("customers_pkey", &["id"], true)],
        statistics: Statistics { missing: Some(false), made: None, changed: Some(0.0) },
        ..Table::default()
    }
}

fn pg(statement: &str) -> Known {
    Known { statement: Some(statement.into()), tables: vec![orders(Some("public")), customers(Some("public"))], ..Known::default() }
}

fn lite(details: &[&str], statement: &str) -> Plan {
    let lines: Vec<_> = details.iter().enumerate().map(|(n, d)| (n as i64 + 1, 0, (*d).to_string())).collect();
    let tables = ["orders", "customers"].iter().map(|t| ((*t).to_string(), ((*t).to_string(), Some(100_000)))).collect();
    let mut p = crate::plan::sqlite::read(&lines, &crate::plan::sqlite::Known::new(tables, statement), "3.46.0");
    p.statement = Some(statement.into());
    p
}

fn bare(statement: &str) -> Known {
    Known { statement: Some(statement.into()), tables: vec![orders(None), customers(None)], ..Known::default() }
}

/// All conditions keep this share.
fn keeping(plan: &Plan, known: &Known, share: f64) -> Answers {
    let mut a = Answers::default();
    for q in questions(plan, known) {
        match q {
            Question::Kept { table, condition, .. } => a.kept.insert((table, condition), share),
            Question::Distinct { table, key, .. } => a.distinct.insert((table, key), 5.0),
        };
    }
    a
}

fn specs(p: &Plan, known: &Known, share: f64) -> Vec<String> {
    let found = find(p, known, &keeping(p, known, share));
    let dialect = crate::plan::expression::dialect_of(&p.engine);
    found.proposed.iter().map(|c| c.spec(dialect)).collect()
}

fn whys(p: &Plan, known: &Known, share: f64) -> Vec<Why> {
    let found = find(p, known, &keeping(p, known, share));
    assert!(found.proposed.is_empty(), "{:?}", found.proposed);
    found.reasons.iter().map(|r| r.why).collect()
}

#[test]
fn each_kind_of_statement_gets_its_index() {
    let limit =
        |below: PlanNode, key: &str| over(node("limit", "Limit"), vec![over(says(node("sort", "Sort"), "Sort Key", key), vec![below])]);
    let cases: Vec<(&str, Plan, Known, &str)> = vec![
        (
            "equality before the range, whatever the order in the text",
            plan(
                "PostgreSQL",
                seq("orders", "((orders.created_at > '2026-01-01 00:00:00'::timestamp without time zone) AND (orders.customer_id = 7))"),
            ),
            pg("select * from orders where created_at > '2026-01-01' and customer_id = 7"),
            "public.orders (customer_id, created_at)",
        ),
        (
            "order under a limit",
            plan("PostgreSQL", limit(seq("orders", "(orders.customer_id = 7)"), "orders.created_at DESC")),
            pg("select * from orders where customer_id = 7 order by created_at desc limit 10"),
            "public.orders (customer_id, created_at)",
        ),
        (
            "mixed directions are kept",
            plan("PostgreSQL", limit(seq("orders", ""), "orders.state, orders.created_at DESC")),
            pg("select * from orders order by state, created_at desc limit 10"),
            "public.orders (state, created_at DESC)",
        ),
        (
            "the key of a join",
            plan(
                "PostgreSQL",
                over(
                    says(node("hash join", "Hash Join"), "Hash Cond", "(o.customer_id = c.id)"),
                    vec![
                        seq("o", ""),
                        over(
                            node("hash", "Hash"),
                            vec![says(on(node("table scan", "Seq Scan"), "public.customers", "c"), "Filter", "(c.email = 'x'::text)")],
                        ),
                    ],
                ),
            ),
            pg("select * from orders o join customers c on c.id = o.customer_id where c.email = 'x'"),
            "public.orders (customer_id)",
        ),
        (
            "an expression as it is printed",
            plan("PostgreSQL", seq("orders", "(lower((orders.email)::text) = 'x'::text)")),
            pg("select * from orders where lower(email) = 'x'"),
            "public.orders ((lower((email)::text)))",
        ),
        (
            "varchar is compared as text",
            plan("PostgreSQL", seq("orders", "((orders.email)::text = 'x'::text)")),
            pg("select * from orders where email = 'x'"),
            "public.orders (email)",
        ),
        (
            "the rows of one value",
            plan("PostgreSQL", limit(seq("orders", "(orders.state = 'failed'::text)"), "orders.created_at")),
            pg("select * from orders where state = 'failed' order by created_at limit 10"),
            "public.orders (created_at) WHERE state = 'failed'",
        ),
        (
            "the rows of one value of a varchar",
            plan("PostgreSQL", limit(seq("orders", "((orders.email)::text = 'none'::text)"), "orders.created_at")),
            {
                let mut known = pg("select * from orders where email = 'none' order by created_at limit 10");
                known.tables[0].spread.insert("email".into(), Spread { distinct: Some(4.0), width: Some(8.0) });
                known
            },
            "public.orders (created_at) WHERE email = 'none'",
        ),
        (
            "few columns are carried along",
            plan("PostgreSQL", seq("orders", "(orders.customer_id = 7)")),
            pg("select sum(total) from orders where customer_id = 7"),
            "public.orders (customer_id) INCLUDE (total)",
        ),
        (
            "elements of a document",
            plan("PostgreSQL", seq("orders", "(orders.doc @> '{\"a\": 1}'::jsonb)")),
            pg("select * from orders where doc @> '{\"a\": 1}'"),
            "public.orders USING gin (doc jsonb_path_ops)",
        ),
        (
            "a prefix needs the pattern class",
            plan("PostgreSQL", seq("orders", "(orders.note ~~ 'abc%'::text)")),
            pg("select * from orders where note like 'abc%'"),
            "public.orders (note text_pattern_ops)",
        ),
        (
            "alternatives of one column are a list",
            plan("PostgreSQL", seq("orders", "((orders.customer_id = 1) OR (orders.customer_id = 2))")),
            pg("select * from orders where customer_id = 1 or customer_id = 2"),
            "public.orders (customer_id)",
        ),
        (
            "SQLite, from the statement",
            lite(&["SCAN orders"], "select * from orders where created_at > '2026' and customer_id = 7"),
            bare("select * from orders where created_at > '2026' and customer_id = 7"),
            "orders (customer_id, created_at)",
        ),
        (
            "SQLite's covering index has them as keys",
            lite(&["SCAN orders"], "select total from orders where customer_id = 7"),
            bare("select total from orders where customer_id = 7"),
            "orders (customer_id, total)",
        ),
        (
            "SQLite's join",
            lite(&["SCAN c", "SCAN o"], "select * from customers c join orders o on o.customer_id = c.id where c.city = 'x'"),
            bare("select * from customers c join orders o on o.customer_id = c.id where c.city = 'x'"),
            "orders (customer_id)",
        ),
        (
            "the end of a column",
            plan("PostgreSQL", over(node("aggregate", "Aggregate"), vec![seq("orders", "(orders.customer_id = 7)")])),
            pg("select max(created_at) from orders where customer_id = 7"),
            "public.orders (customer_id, created_at)",
        ),
        (
            "SQLite, in a subquery",
            lite(
                &["SEARCH customers USING INTEGER PRIMARY KEY (rowid=?)", "LIST SUBQUERY 1", "SCAN orders"],
                "select * from customers where id in (select customer_id from orders where total = 7)",
            ),
            bare("select * from customers where id in (select customer_id from orders where total = 7)"),
            "orders (total)",
        ),
        (
            "MariaDB",
            plan(
                "MariaDB",
                says(
                    on(node("table scan", "ALL orders"), "orders", "orders"),
                    "Filter",
                    "`orders`.`customer_id` = 7 and `orders`.`state` = 'open'",
                ),
            ),
            bare("select * from orders where customer_id = 7 and state = 'open'"),
            "orders (customer_id, state(64))",
        ),
    ];
    for (what, p, known, want) in cases {
        let got = specs(&p, &known, 0.01);
        assert!(got.iter().any(|s| s == want), "{what}: {want} is not among {got:?}");
    }
}

#[test]
fn trigrams_only_where_the_extension_is() {
    let p = plan("PostgreSQL", seq("orders", "(orders.note ~~ '%abcd%'::text)"));
    let mut known = pg("select * from orders where note like '%abcd%'");
    assert_eq!(whys(&p, &known, 0.01), [Why::NoTrigrams]);
    known.extensions.insert("pg_trgm".into(), "public".into());
    assert_eq!(specs(&p, &known, 0.01), ["public.orders USING gin (note gin_trgm_ops)"]);
    let short = plan("PostgreSQL", seq("orders", "(orders.note ~~ '%ab%'::text)"));
    assert_eq!(whys(&short, &known, 0.01), [Why::Unindexable]);
}

/// Tests that were once said to be served by nothing.
#[test]
fn nulls_groups_and_words_have_their_indexes() {
    let sorted = over(says(node("sort", "Sort"), "Sort Key", "customer_id, created_at DESC"), vec![seq("orders", "")]);
    let cases = [
        (seq("orders", "(orders.state IS NOT NULL)"), "select * from orders where state is not null", "state"),
        (
            seq("orders", "((orders.state = 'lost'::text) OR (orders.state IS NULL))"),
            "select * from orders where state = 'lost' or state is null",
            "state",
        ),
        (
            over(node("distinct", "Unique"), vec![sorted]),
            "select distinct on (customer_id) * from orders order by customer_id, created_at desc",
            "customer_id, created_at",
        ),
        (
            seq("orders", "(to_tsvector('english'::regconfig, orders.state) @@ '''abc'''::tsquery)"),
            "select * from orders where to_tsvector('english', state) @@ to_tsquery('english', 'abc')",
            "(to_tsvector(('english')::regconfig, state))",
        ),
    ];
    for (scan, statement, keys) in cases {
        let (p, known) = (plan("PostgreSQL", scan), pg(statement));
        let found = find(&p, &known, &keeping(&p, &known, 0.01));
        let hit = found.proposed.iter().any(|c| c.keys.iter().map(|k| k.sql.as_str()).collect::<Vec<_>>().join(", ") == keys);
        assert!(hit, "{statement}: {:?} {:?}", found.proposed, found.reasons);
    }
}

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

#[test]
fn a_whole_table_is_counted_in_its_smallest_index() {
    let count = || plan("PostgreSQL", over(node("aggregate", "Aggregate"), vec![seq("orders", "")]));
    assert_eq!(specs(&count(), &pg("select count(*) from orders"), 1.0), ["public.orders (paid)"]);
    let mut known = pg("select count(*) from orders");
    known.tables[0].indexes.push(index("orders_state_idx", &["state"], false));
    assert_eq!(whys(&count(), &known, 1.0), [Why::EverythingRead]);
    let limited = plan("PostgreSQL", over(node("limit", "Limit"), vec![seq("orders", "")]));
    assert_eq!(whys(&limited, &pg("select 1 from orders limit 1"), 1.0), [Why::LimitLuck]);
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

trait Indexed {
    fn with_index(self, name: &str) -> Self;
}

impl Indexed for PlanNode {
    fn with_index(mut self, name: &str) -> Self {
        self.index = Some(name.into());
        self
    }
}

/// A text of any length in an index may keep a later row from being written: behind the plain one, and said; a document not at all.
#[test]
fn what_has_no_limit_is_carried_along_with_a_caution() {
    let p = plan("PostgreSQL", seq("orders", "(orders.customer_id = 7)"));
    let mut known = pg("select state from orders where customer_id = 7");
    let found = find(&p, &known, &keeping(&p, &known, 0.01));
    let told: Vec<(String, bool)> = found.proposed.iter().map(|c| (c.spec(Dialect::Postgres), c.caution.is_some() && c.behind)).collect();
    assert_eq!(
        told,
        [("public.orders (customer_id)".to_string(), false), ("public.orders (customer_id) INCLUDE (state)".to_string(), true)]
    );
    known.statement = Some("select doc from orders where customer_id = 7".into());
    known.tables[0].spread.insert("doc".into(), Spread { distinct: Some(1.0), width: Some(5.0) });
    assert_eq!(specs(&p, &known, 0.01), ["public.orders (customer_id)"]);
}

/// Without costs the table that a condition leaves little of comes first, where the other side is looked up by its key.
#[test]
fn a_join_begins_where_few_rows_are_left() {
    let statement = "select c.city from customers c join orders o on o.customer_id = c.id where o.total > 990";
    let p = lite(&["SCAN o", "SEARCH c USING INTEGER PRIMARY KEY (rowid=?)"], statement);
    let mut known = bare(statement);
    known.tables[1].stored_by = vec!["id".into()];
    let first = |share: f64| specs(&p, &known, share)[0].clone();
    assert!(first(0.01).starts_with("orders (total"), "{}", first(0.01));
    assert!(first(0.9).starts_with("orders (customer_id"), "{}", first(0.9));
}

/// Costs tell whether further columns are worth their room: what is there without them is asked, too.
#[test]
fn a_column_that_tells_enough_stands_alone_too() {
    let p = plan("PostgreSQL", seq("orders", "((orders.customer_id = 7) AND (orders.state = 'x'::text) AND (orders.note ~~ 'x%'::text))"));
    let known = pg("select * from orders where customer_id = 7 and state = 'x' and note like 'x%'");
    let got = specs(&p, &known, 0.001);
    for want in ["(customer_id)", "(customer_id, state)", "(customer_id, state, note text_pattern_ops)"] {
        assert!(got.contains(&format!("public.orders {want}")), "{want}: {got:?}");
    }
    let below = seq("orders", "((orders.created_at >= '2026-01-01'::date) AND (orders.total > 990))");
    let p =
        plan("PostgreSQL", over(node("limit", "Limit"), vec![over(says(node("sort", "Sort"), "Sort Key", "orders.total"), vec![below])]));
    let known = pg("select * from orders where created_at >= date '2026-01-01' and total > 990 order by total limit 10");
    assert!(specs(&p, &known, 0.01).contains(&"public.orders (total, created_at)".to_string()), "{:?}", specs(&p, &known, 0.01));
}

/// An OR over several columns wants an index for each of them, at once.
#[test]
fn alternatives_get_an_index_each() {
    let condition = "customer_id = 7 or total = 5 and state = 'paid'";
    let statement = format!("select * from orders where {condition}");
    let printed = "((orders.customer_id = 7) OR ((orders.total = 5) AND (orders.state = 'paid'::text)))";
    let maria = says(
        on(node("table scan", "ALL orders"), "orders", "orders"),
        "Filter",
        &format!("orders.{}", condition.replace(" or ", " or orders.").replace("and ", "and orders.")),
    );
    let cases = [
        (plan("PostgreSQL", seq("orders", printed)), pg(&statement), "BitmapOr"),
        (plan("MariaDB", maria), bare(&statement), "index_merge"),
        (lite(&["SCAN orders"], &statement), bare(&statement), "MULTI-INDEX OR"),
    ];
    for (p, known, way) in cases {
        let found = find(&p, &known, &keeping(&p, &known, 0.01));
        let [one] = found.proposed.as_slice() else { panic!("{way}: {:?} {:?}", found.proposed, found.reasons) };
        let keys: Vec<Vec<&str>> = one.all().map(|c| c.keys.iter().map(|k| k.sql.as_str()).collect()).collect();
        assert!(keys[0] == ["customer_id"] && keys[1].len() == 2 && keys[1].contains(&"total"), "{way}: {keys:?}");
        assert!(one.why.contains(way), "{}", one.why);
        assert!(!found.reasons.iter().any(|r| r.why == Why::Alternatives), "{:?}", found.reasons);
    }
    // One that is there needs no second one; and where all are there, nothing is proposed.
    let p = plan("PostgreSQL", seq("orders", printed));
    let mut known = pg(&statement);
    known.tables[0].indexes.push(index("have", &["customer_id"], false));
    let found = find(&p, &known, &keeping(&p, &known, 0.01));
    assert!(matches!(found.proposed.as_slice(), [c] if c.with.is_empty() && c.keys.len() == 2), "{:?}", found.proposed);
    known.tables[0].indexes.push(index("both", &["state", "total"], false));
    assert_eq!(whys(&p, &known, 0.01), [Why::Served]);
    // So many are not tried at once, and that is said.
    let many = plan(
        "PostgreSQL",
        seq(
            "orders",
            "((orders.customer_id = 7) OR (orders.total = 5) OR (orders.state = 'x'::text) OR (orders.created_at < '2020-01-01'::date))",
        ),
    );
    let known = pg("select * from orders where customer_id = 7 or total = 5 or state = 'x' or created_at < '2020-01-01'");
    assert_eq!(whys(&many, &known, 0.01), [Why::Alternatives]);
    let found = find(&many, &known, &keeping(&many, &known, 0.01));
    assert!(found.reasons[0].text.contains("4 indexes at once") && found.reasons[0].text.contains("not tried"), "{:?}", found.reasons);
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

#[test]
fn unusual_values_get_an_index_of_their_own() {
    let p = plan("PostgreSQL", seq("orders", "(orders.state <> ALL ('{paid,open}'::text[]))"));
    let known = pg("select * from orders where state not in ('paid', 'open')");
    assert_eq!(specs(&p, &known, 0.01), ["public.orders (state) WHERE state <> ALL (('{paid,open}')::text[])"]);
    assert_eq!(whys(&p, &known, 0.9), [Why::LowSelectivity]);
}

/// One index serves all alternatives of the same columns.
#[test]
fn alternatives_of_the_same_columns_are_one_index() {
    let p = plan(
        "PostgreSQL",
        seq(
            "orders",
            "(((orders.state = 'lost'::text) AND (orders.customer_id = 5)) OR ((orders.state = 'open'::text) AND (orders.customer_id = 6)))",
        ),
    );
    let known = pg("select * from orders where (state, customer_id) in (('lost', 5), ('open', 6))");
    let specs = specs(&p, &known, 0.01);
    assert!(specs.iter().any(|s| s == "public.orders (state, customer_id)" || s == "public.orders (customer_id, state)"), "{specs:?}");
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

#[test]
fn one_index_is_proposed_once_whatever_it_is_for() {
    let sql = "select c.email, o.total from customers c join orders o on o.customer_id = c.id where c.email = 'x'";
    for stored in [vec![], vec!["id".to_string()]] {
        let (p, mut known) = (lite(&["SCAN c", "SCAN o"], sql), bare(sql));
        for t in &mut known.tables {
            t.stored_by.clone_from(&stored);
        }
        let found = find(&p, &known, &keeping(&p, &known, 0.01));
        let all: Vec<String> = found.proposed.iter().map(|c| c.spec(Dialect::Sqlite)).collect();
        let once: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(once.len(), all.len(), "{all:?}");
        assert!(stored.is_empty() || !all.contains(&"customers (email, id)".to_string()), "id is the rowid: {all:?}");
    }
}

#[test]
fn statements_are_written_for_each_engine() {
    let p = plan("PostgreSQL", seq("orders", "(orders.customer_id = 7)"));
    let known = pg("select * from orders where customer_id = 7");
    let c = find(&p, &known, &keeping(&p, &known, 0.01)).proposed.remove(0);
    assert_eq!(c.create(Dialect::Postgres, true), "CREATE INDEX CONCURRENTLY orders_customer_id_idx ON public.orders (customer_id)");
    assert_eq!(c.drop_sql(Dialect::Postgres, true), "DROP INDEX CONCURRENTLY public.orders_customer_id_idx");
    assert_eq!(c.create(Dialect::MySql, true), "CREATE INDEX orders_customer_id_idx ON public.orders (customer_id)");
    assert_eq!(c.drop_sql(Dialect::MySql, false), "DROP INDEX orders_customer_id_idx ON public.orders");
    let mut taken = known.clone();
    taken.tables[0].indexes.push(index("orders_customer_id_idx", &["total"], false));
    assert_eq!(find(&p, &taken, &keeping(&p, &taken, 0.01)).proposed[0].name, "orders_customer_id_idx2");
}

#[test]
fn directions_of_what_is_there_count() {
    let sorted = |key: &str| {
        plan("PostgreSQL", over(node("limit", "Limit"), vec![over(says(node("sort", "Sort"), "Sort Key", key), vec![seq("orders", "")])]))
    };
    let mut known = pg("select * from orders order by 1 limit 10");
    known.tables[0].indexes.push(Index { down: vec![false, false], ..index("both_up", &["state", "created_at"], false) });
    assert!(
        specs(&sorted("orders.state, orders.created_at DESC"), &known, 0.5).contains(&"public.orders (state, created_at DESC)".to_string())
    );
    assert_eq!(whys(&sorted("orders.state DESC, orders.created_at DESC"), &known, 0.5), [Why::Served]);
}

proptest! {
    /// Whatever stands there already, as keys in whatever order, is not proposed again.
    #[test]
    fn what_exists_is_never_proposed(
        have in proptest::collection::vec(proptest::sample::subsequence(vec!["customer_id", "state", "created_at", "total", "email"], 1..4).prop_shuffle(), 0..5),
        equal in proptest::sample::subsequence(vec!["customer_id", "state", "total"], 0..3),
        range in proptest::option::of(Just("created_at")),
        sorted in proptest::option::of(prop_oneof![Just("created_at"), Just("total"), Just("created_at DESC")]),
        share in 0.0..0.5f64,
    ) {
        let mut tests: Vec<String> = equal.iter().map(|c| format!("(orders.{c} = 5)")).collect();
        tests.extend(range.map(|c| format!("(orders.{c} > 5)")));
        let filter = if tests.is_empty() { String::new() } else { format!("({})", tests.join(" AND ")) };
        let scan = seq("orders", &filter);
        let root = match sorted {
            Some(k) => over(node("limit", "Limit"), vec![over(says(node("sort", "Sort"), "Sort Key", &format!("orders.{k}")), vec![scan])]),
            None => scan,
        };
        let p = plan("PostgreSQL", root);
        let mut known = pg("select total from orders");
        for (i, keys) in have.iter().enumerate() {
            known.tables[0].indexes.push(index(&format!("i{i}"), keys, false));
        }
        let found = find(&p, &known, &keeping(&p, &known, share));
        for c in &found.proposed {
            let keys: Vec<&str> = c.keys.iter().filter_map(|k| k.column.as_deref()).collect();
            if c.only_where.is_none() && c.include.is_empty() && c.keys.iter().all(|k| !k.down) {
                prop_assert!(!have.iter().any(|h| h.as_slice() == keys.as_slice()), "{} is there already", c.spec(Dialect::Postgres));
            }
            prop_assert!(!known.tables[0].indexes.iter().any(|i| i.name == c.name), "the name {} is taken", c.name);
        }
        // Asked again with what was proposed, that is not proposed once more.
        for c in &found.proposed {
            known.tables[0].indexes.push(Index {
                name: c.name.clone(),
                keys: c.keys.iter().map(|k| k.column.clone().unwrap_or_else(|| k.sql.clone())).collect(),
                down: c.keys.iter().map(|k| k.down).collect(),
                also: c.include.clone(),
                only_where: c.only_where.clone(),
                ..Index::default()
            });
        }
        let again = find(&p, &known, &keeping(&p, &known, share));
        prop_assert!(again.proposed.is_empty(), "{:?}", again.proposed.iter().map(|c| c.spec(Dialect::Postgres)).collect::<Vec<_>>());
    }
}

/// `(created_at, id) > (…)` is a range of its first column; of a row no index can be made.
#[test]
fn a_row_is_no_key() {
    let p = plan("PostgreSQL", seq("orders", "(ROW(created_at, id) > ROW('2026-01-01'::timestamp without time zone, 5))"));
    let known = pg("select * from orders where (created_at, id) > ('2026-01-01', 5)");
    let found = find(&p, &known, &keeping(&p, &known, 0.01));
    assert_eq!(found.proposed.iter().map(|c| c.spec(Dialect::Postgres)).collect::<Vec<_>>(), ["public.orders (created_at)"]);
}

/// An entry of an index has a largest size: what may be longer is not carried along, however short it is today.
#[test]
fn a_covering_index_takes_no_text_that_may_be_long() {
    let of = |columns: &str| {
        let mut table = orders(Some("public"));
        table.columns.push(Column { name: "title".into(), type_name: "text".into() });
        table.columns.push(Column { name: "code".into(), type_name: "character varying(400)".into() });
        for c in ["title", "code", "email", "doc"] {
            table.spread.insert(c.into(), Spread { distinct: Some(90_000.0), width: Some(12.0) });
        }
        let known = Known {
            statement: Some(format!("select {columns} from orders o where customer_id = 5")),
            tables: vec![table],
            ..Known::default()
        };
        let p = plan("PostgreSQL", says(seq("o", "(customer_id = 5)"), "Output", &format!("o.{}", columns.replace(", ", ", o."))));
        let found = find(&p, &known, &Answers::default());
        found.proposed.iter().flat_map(|c| c.include.clone()).collect::<Vec<_>>()
    };
    assert_eq!(of("total, email"), ["total", "email"]);
    // Five values are known to be short.
    assert_eq!(of("state"), ["state"]);
    for long in ["title", "code", "doc", "total, title"] {
        assert_eq!(of(long), Vec::<String>::new(), "{long}");
    }
}

fn with_index(mut known: Known, name: &str, keys: &[&str]) -> Known {
    known.tables[0].indexes.push(index(name, keys, false));
    known
}

/// An index on the equality is no reason not to try one that goes on from it: with what is wanted in it, the table is not read.
#[test]
fn an_index_that_is_there_is_gone_on_from() {
    let of = |columns: &str, rest: &str| {
        let text = format!("select {columns} from orders where state = 'open' {rest}");
        let p = plan("PostgreSQL", over(node("aggregate", "Aggregate"), vec![seq("orders", "(orders.state = 'open'::text)")]));
        let known = with_index(pg(&text), "by_state", &["state"]);
        let lite = lite(&["SEARCH orders USING INDEX by_state (state=?)"], &text);
        let bare = with_index(bare(&text), "by_state", &["state"]);
        (specs(&p, &known, 0.1), specs(&lite, &bare, 0.1))
    };
    for (columns, rest, postgres, sqlite) in [
        ("min(total), max(total)", "", "public.orders (state, total)", "orders (state, total)"),
        ("sum(total)", "", "public.orders (state) INCLUDE (total)", "orders (state, total)"),
        ("distinct total", "", "public.orders (state, total)", "orders (state, total)"),
        ("paid, count(*)", "group by paid", "public.orders (state, paid)", "orders (state, paid)"),
    ] {
        let (p, s) = of(columns, rest);
        assert!(p.contains(&postgres.to_string()), "{columns}: {p:?}");
        assert!(s.contains(&sqlite.to_string()), "{columns}: {s:?}");
    }
    // Of a few rows nothing is saved, and what is there already is not built again.
    let text = "select sum(total) from orders where state = 'open'";
    let p = plan("PostgreSQL", seq("orders", "(orders.state = 'open'::text)"));
    assert_eq!(whys(&p, &with_index(pg(text), "by_state", &["state"]), 0.0001), [Why::Served]);
    let both = with_index(with_index(bare(text), "by_state", &["state"]), "by_both", &["state", "total"]);
    assert_eq!(whys(&lite(&["SEARCH orders USING COVERING INDEX by_both (state=?)"], text), &both, 0.1), [Why::Served]);
}

/// What the planner may not use serves nothing, and to build it again would be no answer.
#[test]
fn an_index_that_the_planner_may_not_use_is_shown_to_it() {
    let text = "select * from orders where customer_id = 5";
    let mut known = pg(text);
    known.tables[0].hidden.push(index("by_customer", &["customer_id"], false));
    let p = plan("PostgreSQL", seq("orders", "(orders.customer_id = 5)"));
    let found = find(&p, &known, &keeping(&p, &known, 0.001));
    assert_eq!((found.proposed.len(), found.reasons[0].why), (0, Why::Hidden), "{found:?}");
    assert_eq!(found.reasons[0].sql.as_deref(), Some("ALTER TABLE public.orders ALTER INDEX by_customer VISIBLE"));
}

/// All rows in an order: the order's columns stand in front, and what every index has anyway is no key.
#[test]
fn a_whole_table_in_an_order_gets_an_index_in_that_order() {
    let text = "select id, created_at from orders order by created_at";
    let p = plan("PostgreSQL", over(says(node("sort", "Sort"), "Sort Key", "orders.created_at"), vec![seq("orders", "")]));
    assert_eq!(specs(&p, &pg(text), 1.0), ["public.orders (created_at) INCLUDE (id)"]);
    let mut known = bare(text);
    known.tables[0].stored_by = vec!["id".into()];
    let p = lite(&["SCAN orders", "USE TEMP B-TREE FOR ORDER BY"], text);
    assert_eq!(specs(&p, &known, 1.0), ["orders (created_at)"]);
    let down = "select id, created_at, total from orders order by created_at desc, total";
    known.statement = Some(down.into());
    assert_eq!(specs(&lite(&["SCAN orders", "USE TEMP B-TREE FOR ORDER BY"], down), &known, 1.0), ["orders (created_at DESC, total)"]);
}

/// An index that has all that is wanted finds no rows one by one.
#[test]
fn a_test_that_keeps_most_rows_may_want_a_smaller_table() {
    let text = "select count(*) from orders where total > 1";
    let p = lite(&["SCAN orders"], text);
    assert_eq!(specs(&p, &bare(text), 0.89), ["orders (total)"]);
    let all = "select * from orders where total > 1";
    assert_eq!(whys(&lite(&["SCAN orders"], all), &bare(all), 0.89), [Why::LowSelectivity]);
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
