//! Hand-made plans of the four engines with the index that is known to be best for them, and such that no index helps.

mod existing;
mod no_index;
mod reading;

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
        spread: spread
            .iter()
            .map(|(c, d)| ((*c).to_string(), Spread { distinct: Some(*d), width: Some(8.0), ..Spread::default() }))
            .collect(),
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
                known.tables[0].spread.insert("email".into(), Spread { distinct: Some(4.0), width: Some(8.0), ..Spread::default() });
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
    known.tables[0].spread.insert("doc".into(), Spread { distinct: Some(1.0), width: Some(5.0), ..Spread::default() });
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

/// An entry of an index has a largest size: what may be longer is not carried along, however short it is today.
#[test]
fn a_covering_index_takes_no_text_that_may_be_long() {
    let of = |columns: &str| {
        let mut table = orders(Some("public"));
        table.columns.push(Column { name: "title".into(), type_name: "text".into() });
        table.columns.push(Column { name: "code".into(), type_name: "character varying(400)".into() });
        for c in ["title", "code", "email", "doc"] {
            table.spread.insert(c.into(), Spread { distinct: Some(90_000.0), width: Some(12.0), ..Spread::default() });
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

/// An index that has all that is wanted finds no rows one by one.
#[test]
fn a_test_that_keeps_most_rows_may_want_a_smaller_table() {
    let text = "select count(*) from orders where total > 1";
    let p = lite(&["SCAN orders"], text);
    assert_eq!(specs(&p, &bare(text), 0.89), ["orders (total)"]);
    let all = "select * from orders where total > 1";
    assert_eq!(whys(&lite(&["SCAN orders"], all), &bare(all), 0.89), [Why::LowSelectivity]);
}

/// An index for the parts of a table, where its rows lie in order, it is big, and no index has the column.
#[test]
fn rows_that_lie_in_order_get_an_index_of_a_few_pages_behind_the_other() {
    let text = "select * from orders o where created_at >= '2026-02-01' and created_at < '2026-02-03'";
    let filter = "((o.created_at >= '2026-02-01'::timestamp) AND (o.created_at < '2026-02-03'::timestamp))";
    let p = plan("PostgreSQL", seq("o", filter));
    let with = |rows: f64, correlation: Option<f64>| {
        let mut known = pg(text);
        known.tables[0].rows = Some(rows);
        known.tables[0].spread.insert("created_at".into(), Spread { distinct: Some(90_000.0), width: Some(8.0), correlation });
        known
    };
    let brin = "public.orders USING brin (created_at)";
    for by in [1.0, -0.95] {
        assert_eq!(specs(&p, &with(200_000.0, Some(by)), 0.01).last().map(String::as_str), Some(brin), "{by}");
    }
    for known in [with(200_000.0, Some(0.5)), with(200_000.0, None), with(50_000.0, Some(1.0))] {
        let specs = specs(&p, &known, 0.01);
        assert!(!specs.is_empty() && specs.iter().all(|s| !s.contains("brin")), "{specs:?}");
    }
    let mut served = with(200_000.0, Some(1.0));
    served.tables[0].indexes.push(index("by_day", &["created_at"], false));
    assert!(specs(&p, &served, 0.01).iter().all(|s| !s.contains("brin")));
    // The whole of the name is within what the server keeps, and tells the method.
    let known = with(200_000.0, Some(1.0));
    let found = find(&p, &known, &keeping(&p, &known, 0.01));
    let last = found.proposed.last().unwrap();
    assert_eq!(
        last.create(crate::model::Dialect::Postgres, true),
        "CREATE INDEX CONCURRENTLY orders_created_at_brin_idx ON public.orders USING brin (created_at)"
    );
}
