//! MySQL and SQLite as they print: texts written after what MySQL 9.7 and SQLite 3.46 print, with figures made larger.

use super::{bare, found, indexed, lite, of, saying, table};
use crate::model::Severity;
use crate::model::plan::PlanNode;
use crate::plan::findings::findings;
use crate::plan::known::Known;
use crate::plan::mysql::paths::parse_tree;

fn tree(text: &str, known: &Known) -> Vec<crate::model::plan::PlanFinding> {
    let analyzed = text.contains("actual");
    findings(&parse_tree(text, "9.7.0", analyzed).expect("plan"), known)
}

/// Each text shows the finding, and says this of it.
#[test]
fn trees_of_mysql_show_theirs() {
    // The names are those of tables, none is an alias.
    let none = || saying("select * from o, c, a, b");
    let cases: Vec<(&str, &str, &str, Known)> = vec![
        (
            "F1",
            "-> Filter: ((o.state = 'paid') and (o.q > 5))  (cost=2010 rows=1985) (actual time=0.9..48.2 rows=12 loops=1)
    -> Table scan on o  (cost=2010 rows=59853) (actual time=0.6..30.1 rows=60000 loops=1)",
            "CREATE INDEX orders_state_q_idx ON orders (state, q)",
            saying("select * from orders o where o.state = 'paid' and o.q > 5"),
        ),
        (
            "F2",
            "-> Filter: (o.state = 'paid')  (cost=2010 rows=1985) (actual time=0.9..48.2 rows=12 loops=1)
    -> Index lookup on o using fk_c (c_id = 7)  (cost=2010 rows=59853) (actual time=0.6..30.1 rows=60000 loops=1)",
            "CREATE INDEX o_c_id_state_idx ON o (c_id, state)",
            none(),
        ),
        (
            "F3",
            "-> Limit: 10 row(s)  (cost=0.9 rows=10) (actual time=40.1..40.2 rows=10 loops=1)
    -> Filter: (o.state = 'paid')  (cost=0.9 rows=10) (actual time=40.1..40.2 rows=10 loops=1)
        -> Index scan on o using d (reverse)  (cost=0.9 rows=100) (actual time=0.1..35.0 rows=55000 loops=1)",
            "walked in order for the LIMIT: 54,990 rows",
            none(),
        ),
        (
            "F4",
            "-> Limit/Offset: 10/50000 row(s)  (cost=5071 rows=10) (actual time=40.1..40.2 rows=10 loops=1)
    -> Index scan on o using PRIMARY  (cost=5071 rows=50010) (actual time=0.1..35.0 rows=50010 loops=1)",
            "50,010 rows are read to return 10",
            none(),
        ),
        (
            "F5",
            "-> Filter: (o.city = 'x')  (cost=2010 rows=12) (actual time=0.9..48.2 rows=20000 loops=1)
    -> Table scan on o  (cost=2010 rows=59853) (actual time=0.6..30.1 rows=60000 loops=1)",
            "ANALYZE TABLE o UPDATE HISTOGRAM ON city",
            none(),
        ),
        (
            "F7",
            "-> Nested loop inner join  (cost=9e6 rows=100) (actual time=0.9..900 rows=100 loops=1)
    -> Table scan on c  (cost=31 rows=300) (actual time=0.1..0.4 rows=300 loops=1)
    -> Filter: (o.c_id = c.id)  (cost=30 rows=1) (actual time=1.5..2.9 rows=0.333 loops=300)
        -> Table scan on o  (cost=30 rows=20000) (actual time=0.01..1.8 rows=20000 loops=300)",
            "CREATE INDEX o_c_id_idx ON o (c_id)",
            none(),
        ),
        (
            "F8",
            "-> Filter: (cast(o.code as double) = 5)  (cost=2010 rows=1985) (actual time=0.9..48.2 rows=1 loops=1)
    -> Table scan on o  (cost=2010 rows=59853) (actual time=0.6..30.1 rows=60000 loops=1)",
            "o.code is compared as double",
            none(),
        ),
        (
            "F9",
            "-> Filter: (lower(o.name) = 'x')  (cost=2010 rows=1985) (actual time=0.9..48.2 rows=1 loops=1)
    -> Table scan on o  (cost=2010 rows=59853) (actual time=0.6..30.1 rows=60000 loops=1)",
            "CREATE INDEX o_lower_name_idx ON o ((lower(name)))",
            none(),
        ),
        (
            "F10",
            "-> Filter: (o.name like '%x%')  (cost=2010 rows=1985) (actual time=0.9..48.2 rows=1 loops=1)
    -> Table scan on o  (cost=2010 rows=59853) (actual time=0.6..30.1 rows=60000 loops=1)",
            "ALTER TABLE o ADD FULLTEXT (name)",
            none(),
        ),
        (
            "F12",
            "-> Inner hash join (no condition)  (cost=4e6 rows=4e6) (actual time=0.9..900 rows=4000000 loops=1)
    -> Table scan on a  (cost=31 rows=2000) (actual time=0.1..0.4 rows=2000 loops=1)
    -> Hash
        -> Table scan on b  (cost=31 rows=2000) (actual time=0.1..0.4 rows=2000 loops=1)",
            "2,000 × 2,000 rows make 4,000,000 pairs",
            none(),
        ),
        (
            "F21",
            "-> Nested loop inner join  (cost=1.01e+6 rows=65993) (actual time=165..220 rows=978 loops=1)
    -> Table scan on b  (cost=6814..6829 rows=30000) (actual time=165..199 rows=30000 loops=1)
        -> Materialize CTE t if needed  (cost=6814..6814 rows=30000) (actual time=165..165 rows=30000 loops=1)
            -> Index scan on o using fk_c  (cost=2010 rows=19853) (actual time=29.4..156 rows=60000 loops=1)
    -> Covering index lookup on a using <auto_key0> (c_id = b.c_id)  (cost=6815..6864 rows=198) (actual time=0.00026..0.0005 rows=0.9 loops=30000)
        -> Materialize CTE t if needed (query plan printed elsewhere)  (cost=6814..6814 rows=30000) (never executed)",
            "t is kept once and read 2 times",
            none(),
        ),
        (
            "F22",
            "-> Table scan on c  (cost=31 rows=5000) (actual time=0.1..1.4 rows=5000 loops=1)
-> Select #2 (subquery in projection; dependent)
    -> Aggregate: max(o.total)  (cost=31 rows=1) (actual time=0.1..0.1 rows=1 loops=5000)
        -> Index lookup on o using fk_c (c_id = c.id)  (cost=2.24 rows=19.9) (actual time=0.0044..0.0063 rows=20 loops=5000)",
            "ran 5,000 times",
            none(),
        ),
        (
            "F38",
            "-> Sort: n  (actual time=80.1..90.2 rows=30000 loops=1)
    -> Table scan on <temporary>  (actual time=70.1..75.2 rows=30000 loops=1)
        -> Aggregate using temporary table  (actual time=70.1..70.1 rows=30000 loops=1)
            -> Table scan on o  (cost=2010 rows=59853) (actual time=0.6..30.1 rows=60000 loops=1)",
            "a sort by n over a temporary table",
            none(),
        ),
        (
            "F37",
            "-> Table scan on <temporary>  (cost=1..2 rows=20) (actual time=70.1..75.2 rows=20 loops=1)
    -> Temporary table with deduplication  (cost=1..1 rows=20) (actual time=70.1..70.1 rows=20 loops=1)
        -> Nested loop inner join  (cost=1 rows=6e4) (actual time=0.1..60.0 rows=60000 loops=1)
            -> Table scan on c  (cost=31 rows=300) (actual time=0.1..0.4 rows=300 loops=1)
            -> Index lookup on o using fk_c (c_id = c.id)  (cost=2.24 rows=19.9) (actual time=0.044..0.063 rows=200 loops=300)",
            "the join makes 60,000 rows of which 20 are left",
            none(),
        ),
        (
            "F44",
            "-> Aggregate: count(o.c_id)  (cost=31 rows=1) (actual time=40..40 rows=1 loops=1)
    -> Covering index scan on o using fk_c  (cost=2010 rows=59853) (actual time=0.6..30.1 rows=60000 loops=1)",
            "the whole of fk_c of o is read: 60,000 entries",
            none(),
        ),
    ];
    for (id, text, part, known) in cases {
        let all = tree(text, &known);
        let f = all.iter().find(|f| f.id == id).unwrap_or_else(|| panic!("{id} is not shown by\n{text}\nbut: {all:#?}"));
        let said = format!("{} {} {}", f.message, f.next, f.sql.as_deref().unwrap_or(""));
        assert!(said.contains(part), "{id}: {said}");
        // Without its run the same tree has estimates alone.
        if let Some(plain) = tree(&without_actuals(text), &known).iter().find(|f| f.id == id) {
            assert_eq!(plain.confidence, crate::model::plan::Confidence::Possible, "{plain:#?}");
            assert!(plain.because.contains("nothing was measured"), "{plain:#?}");
        }
    }
}

/// Tables of a MariaDB join, each with its rows, its time and (but for the first) its buffer: kind, per cent of the pairs kept.
fn buffered(tables: &[(&str, f64, &str, f64)]) -> Vec<crate::model::plan::PlanFinding> {
    let mut outer = 1.0;
    let mut list = Vec::new();
    for (name, rows, kind, kept) in tables {
        let table = format!(
            r#""table":{{"table_name":"{name}","access_type":"ALL","r_loops":1,"rows":{rows},"r_rows":{rows},"r_table_time_ms":0.5,"r_other_time_ms":0.5,"r_engine_stats":{{}},"filtered":100,"r_filtered":100}}"#
        );
        list.push(if kind.is_empty() {
            format!("{{{table}}}")
        } else {
            format!(
                r#"{{"block-nl-join":{{{table},"buffer_type":"flat","join_type":"{kind}","attached_condition":"{name}.v + 0 = s.id + 0","r_loops":{outer},"r_filtered":{kept},"r_unpack_time_ms":3,"r_other_time_ms":17,"r_effective_rows":{rows}}}}}"#
            )
        });
        outer *= rows * kept / 100.0;
    }
    let total = 22.0 * tables.len() as f64;
    let raw = format!(r#"{{"query_block":{{"select_id":1,"r_loops":1,"r_total_time_ms":{total},"nested_loop":[{}]}}}}"#, list.join(","));
    let plan = crate::plan::mysql::blocks::parse(&raw, "MariaDB", "10.11", true).expect("plan");
    findings(&plan, &Known::default())
}

/// The pairs compared are those of the buffer, and each buffer is told with its own table.
#[test]
fn buffered_joins_of_mariadb_tell_true_pairs() {
    let all = buffered(&[("s", 50.0, "", 100.0), ("n", 2_000.0, "BNL", 1.5), ("s2", 70.0, "BNL", 100.0)]);
    let f = all.iter().find(|f| f.id == "F11").expect("F11");
    assert!(f.message.starts_with("the join compared 100,000 pairs and kept 1,500 (n.v + 0 = s.id + 0), 20.0 ms"), "{}", f.message);
    let told: Vec<&str> = all.iter().filter(|f| f.id == "F40").map(|f| f.message.as_str()).collect();
    assert_eq!(told.len(), 2, "{all:#?}");
    assert!(told.iter().any(|m| m.starts_with("n is joined") && m.contains(", 100,000 pairs")), "{told:?}");
    assert!(told.iter().any(|m| m.starts_with("s2 is joined") && m.contains(", 105,000 pairs")), "{told:?}");
    // By an index or a hash table, no row is compared with all.
    for kind in ["BKA", "BKAH", "BNLH"] {
        let all = buffered(&[("s", 50.0, "", 100.0), ("n", 2_000.0, kind, 1.5)]);
        assert!(!all.iter().any(|f| matches!(f.id.as_str(), "F11" | "F40")), "{kind}: {all:#?}");
    }
}

fn without_actuals(text: &str) -> String {
    text.lines().map(|l| l.split(" (actual").next().unwrap_or(l).replace(" (never executed)", "")).collect::<Vec<_>>().join("\n")
}

#[test]
fn trees_of_mysql_that_are_right_say_nothing() {
    for text in [
        // Keeps what it reads.
        "-> Filter: (o.total > 5)  (cost=2010 rows=19853) (actual time=0.9..48.2 rows=59000 loops=1)
    -> Table scan on o  (cost=2010 rows=59853) (actual time=0.6..30.1 rows=60000 loops=1)",
        // The join's condition is the lookup.
        "-> Nested loop inner join  (cost=1 rows=6e6) (actual time=0.1..60.0 rows=2000000 loops=1)
    -> Table scan on c  (cost=31 rows=2000) (actual time=0.1..0.4 rows=2000 loops=1)
    -> Index lookup on o using fk_c (c_id = c.id)  (cost=2.24 rows=1000) (actual time=0.004..0.01 rows=1000 loops=2000)",
        "-> Aggregate: count(0)  (cost=173 rows=1) (actual time=50..50 rows=1 loops=1)
    -> Table scan on o  (cost=2010 rows=59853) (actual time=0.6..30.1 rows=60000 loops=1)",
        // Keeps more than a fifth of what it reads.
        "-> Filter: (o.total > 5)  (cost=2010 rows=19853) (actual time=0.9..48.2 rows=18000 loops=1)
    -> Table scan on o  (cost=2010 rows=19853) (actual time=0.6..30.1 rows=60000 loops=1)",
        // A subquery in IN that is materialized: it ran once, and is looked up by its key.
        "-> Filter: <in_optimizer>(b.q,b.q in (select #2))  (cost=4062 rows=39897) (actual time=1.11..57.2 rows=39000 loops=1)
    -> Table scan on b  (cost=4062 rows=39897) (actual time=0.474..8.1 rows=40000 loops=1)
    -> Select #2 (subquery in condition; run only once)
        -> Filter: ((b.q = `<materialized_subquery>`.q))  (cost=0..0 rows=0) (actual time=494e-6..494e-6 rows=0.9 loops=40001)
            -> Limit: 1 row(s)  (cost=0..0 rows=0) (actual time=375e-6..375e-6 rows=0.9 loops=40001)
                -> Index lookup on <materialized_subquery> using <auto_distinct_key> (q = b.q)  (actual time=272e-6..272e-6 rows=0.9 loops=40001)
                    -> Materialize with deduplication  (cost=0..0 rows=0) (actual time=0.55..0.55 rows=18 loops=1)
                        -> Index lookup on a using g (g = 2)  (cost=70 rows=200) (actual time=0.414..0.432 rows=200 loops=1)",
    ] {
        let all = tree(text, &Known::default());
        assert!(all.is_empty(), "{text}\n{all:#?}");
    }
}

/// Without the statement nobody knows what an alias stands for: the columns are told, and no index is made on a table of that name.
#[test]
fn no_statement_is_given_for_an_alias() {
    let text = "-> Nested loop inner join  (cost=9 rows=9) (actual time=0.9..900 rows=9 loops=1)
    -> Filter: (x.state = 'paid')  (cost=2010 rows=9) (actual time=0.9..48.2 rows=12 loops=1)
        -> Table scan on x  (cost=2010 rows=59853) (actual time=0.6..47 rows=60000 loops=1)
    -> Filter: (lower(y.name) = 'x')  (cost=2010 rows=12) (actual time=40..80 rows=12 loops=12)
        -> Table scan on y  (cost=2010 rows=59853) (actual time=0.6..30.1 rows=60000 loops=12)";
    let one = |known: &Known, id: &str| {
        let mut all = tree(text, known).into_iter();
        all.find(|f| f.id == id && !f.next.starts_with("No test")).unwrap_or_else(|| panic!("{id}"))
    };
    let f = one(&Known::default(), "F1");
    assert_eq!(f.sql, None);
    assert!(f.next.contains("(state)") && f.next.contains("only the alias x"), "{}", f.next);
    let f = one(&Known::default(), "F9");
    assert_eq!(f.sql, None);
    assert!(f.next.starts_with("Index the expression"), "{}", f.next);
    // A table of that name is not what the statement means by it.
    let tables = || vec![table("x", 10.0), table("orders", 60_000.0)];
    let known = |statement: &str| Known { statement: Some(statement.into()), ..of(tables()) };
    let f = one(&known("select * from orders x join people y on 1"), "F1");
    assert_eq!(f.sql.as_deref(), Some("CREATE INDEX orders_state_idx ON public.orders (state)"));
    // Below the outermost query, with its schema.
    let f = one(&known("select * from t where id in (select x.id from shop.bills as x, y where x.state = 'paid')"), "F1");
    assert_eq!(f.sql.as_deref(), Some("CREATE INDEX bills_state_idx ON shop.bills (state)"));
    let f = one(&known("update bills x, y set x.q = 1 where x.state = 'paid'"), "F1");
    assert_eq!(f.sql.as_deref(), Some("CREATE INDEX bills_state_idx ON bills (state)"));
    // Two meanings, a WITH part, a view that has it inside: none of them is certain.
    for unclear in [
        "select * from orders x where exists (select 1 from bills x)",
        "with x as (select * from bills) select * from x, y",
        "select * from (select * from bills) x, y",
        "select * from overview",
    ] {
        let f = one(&known(unclear), "F1");
        assert_eq!(f.sql, None, "{unclear}");
    }
}

#[test]
fn plans_of_sqlite_show_theirs() {
    let big = [("orders", 50_000), ("lines", 80_000), ("few", 20)];
    let show = |details: &[&str], statement: &str, known: Known| {
        let plan = lite(details, &big, statement);
        findings(&plan, &known)
    };
    let cases: Vec<(&str, Vec<&str>, &str, &str)> = vec![
        ("F1", vec!["SCAN o"], "select * from orders o where o.q = 7 and o.r > 3", "CREATE INDEX orders_q_r_idx ON orders (q, r)"),
        (
            "F7",
            vec!["SCAN o", "SCAN l"],
            "select * from orders o join lines l on l.order_id = o.id",
            "CREATE INDEX lines_order_id_idx ON lines (order_id)",
        ),
        ("F12", vec!["SCAN o", "SCAN l"], "select * from orders o, lines l where o.q = 1", "4,000,000,000 pairs"),
        (
            "F9",
            vec!["SCAN orders"],
            "select * from orders where date(d) = '2020-01-05'",
            "d >= '2020-01-05' AND d < date('2020-01-05', '+1 day')",
        ),
        ("F10", vec!["SCAN orders"], "select * from orders where name like '%x'", "trigram"),
        (
            "F22",
            vec!["SCAN o", "CORRELATED SCALAR SUBQUERY 1"],
            "select (select max(x) from lines l where l.id > o.id) from orders o",
            "may run 50,000 times",
        ),
        (
            "F38",
            vec!["SCAN orders", "USE TEMP B-TREE FOR ORDER BY"],
            "select * from orders order by note, d",
            "CREATE INDEX orders_note_d_idx ON orders (note, d)",
        ),
        (
            "F39",
            vec!["SCAN o", "SEARCH l USING AUTOMATIC COVERING INDEX (order_id=? AND x=?)"],
            "select * from orders o join lines l on l.order_id = o.id and l.x = o.x",
            "CREATE INDEX lines_order_id_x_idx ON lines (order_id, x)",
        ),
        ("F44", vec!["SCAN orders USING COVERING INDEX orders_q"], "select count(q) from orders", "the whole of orders_q"),
        ("F4", vec!["SCAN orders"], "select * from orders limit 10 offset 40000", "40,010 rows are read to return 10"),
    ];
    for (id, details, statement, part) in cases {
        let all = show(&details, statement, saying(statement));
        let f = all.iter().find(|f| f.id == id).unwrap_or_else(|| panic!("{id} is not shown by {details:?}: {all:#?}"));
        let said = format!("{} {} {}", f.message, f.next, f.sql.as_deref().unwrap_or(""));
        assert!(said.contains(part), "{id}: {said}");
    }
    for (details, statement) in [
        (vec!["SCAN few"], "select * from few where lower(name) = 'x'"),
        (vec!["SCAN orders"], "select * from orders"),
        (vec!["SEARCH o USING INTEGER PRIMARY KEY (rowid=?)"], "select * from orders o where o.id = 3 and lower(o.name) = 'x'"),
        (vec!["SCAN few", "SEARCH o USING INDEX orders_q (q=?)"], "select * from few join orders o on o.q = few.q"),
        (vec!["SCAN few", "USE TEMP B-TREE FOR ORDER BY"], "select * from few order by name"),
        (vec!["SCAN few", "CORRELATED SCALAR SUBQUERY 1"], "select (select max(x) from lines l where l.id > few.id) from few"),
    ] {
        let all = show(&details, statement, saying(statement));
        assert!(all.is_empty(), "{details:?}: {all:#?}");
    }
}

/// What the catalogue tells makes a finding surer, or takes its statement away.
#[test]
fn the_catalogue_is_heeded() {
    let text = "-> Filter: (o.state = 'paid')  (cost=2010 rows=1985) (actual time=0.9..48.2 rows=12 loops=1)
    -> Table scan on o  (cost=2010 rows=59853) (actual time=0.6..30.1 rows=60000 loops=1)";
    let known = of(vec![indexed(table("o", 60_000.0), "o_state", &["state", "d"])]);
    let f = tree(text, &known).into_iter().find(|f| f.id == "F1").expect("F1");
    assert_eq!(f.sql, None);
    assert!(f.next.contains("is there and was not taken"), "{}", f.next);
    // Names come out of a server as they are: what must be quoted is.
    let odd = text.replace("o.state", "o.`or``der`");
    let f = tree(&odd, &saying("select * from o")).into_iter().find(|f| f.id == "F1").expect("F1");
    assert_eq!(f.sql.as_deref(), Some("CREATE INDEX o_or_der_idx ON o (`or``der`)"));
    let empty = bare(crate::model::plan::Plan::default());
    assert!(found(&empty).is_empty());
}

/// What MariaDB tests of an outer join stands in `trigcond(…)`.
#[test]
fn the_comparison_of_an_outer_join_is_found() {
    let raw = r#"{"query_block":{"select_id":1,"r_loops":1,"r_total_time_ms":546.7,"nested_loop":[
        {"table":{"table_name":"c","access_type":"index","r_loops":1,"rows":20206,"r_rows":20000,"r_table_time_ms":1.3,"r_other_time_ms":0.1,"filtered":100,"r_filtered":100}},
        {"block-nl-join":{"table":{"table_name":"o","access_type":"ALL","r_loops":1,"rows":99824,"r_rows":100000,"r_table_time_ms":9,"r_other_time_ms":0.5,
          "filtered":100,"r_filtered":0.9,"attached_condition":"o.total > 990"},"buffer_type":"flat","join_type":"BNL",
          "attached_condition":"trigcond(o.o_id is null) and trigcond(o.c_id = c.c_id and o.total > 990)","r_loops":1,"r_filtered":0.1,
          "r_unpack_time_ms":300,"r_other_time_ms":235,"r_effective_rows":900}}]}}"#;
    let mut plan = crate::plan::detect::read(&raw.replace('\n', " "), None).expect("plan").plan;
    crate::plan::findings::fill(&mut plan, &Known::default());
    let f = plan.findings.iter().find(|f| f.id == "F40").unwrap_or_else(|| panic!("{:#?}", plan.findings));
    assert!(f.next.contains("(c_id)"), "{}", f.next);
}

/// Not often, but the whole table each time.
#[test]
fn a_correlated_subquery_that_reads_a_whole_table_is_told() {
    let mut plan = lite(&["SEARCH c USING INTEGER PRIMARY KEY (rowid<?)", "CORRELATED SCALAR SUBQUERY 1"], &[], "select 1");
    let scan = lite(&["SCAN o"], &[("o", 100_000)], "select 1").root.children.remove(0);
    let sub = &mut plan.root.children[1];
    sub.children = vec![PlanNode { loops: Some(19.0), rows_total: Some(1_900_000.0), ..scan }];
    plan.root.number();
    plan.analyzed = true;
    let all = findings(&plan, &Known::default());
    let f = all.iter().find(|f| f.id == "F7").unwrap_or_else(|| panic!("{all:#?}"));
    assert!(f.message.contains("19 times 100,000 rows"), "{}", f.message);
}

/// MariaDB, after what 10.11 prints.
fn maria(blocks: &str, statement: &str) -> Vec<crate::model::plan::PlanFinding> {
    let raw = format!(r#"{{"query_optimization":{{"r_total_time_ms":0.2}},"query_block":{blocks}}}"#);
    findings(&crate::plan::mysql::blocks::parse(&raw, "MariaDB", "10.11", true).expect("plan"), &saying(statement))
}

/// A table that was read once: rows, of which per cent stay, milliseconds of reading and of the rest.
fn read_once(table: &str, rows: f64, kept: f64, ms: [f64; 2], filter: &str) -> String {
    let condition = if filter.is_empty() { String::new() } else { format!(r#","attached_condition":"{filter}""#) };
    format!(
        r#""table":{{"table_name":"{table}","access_type":"ALL","r_loops":1,"rows":{rows},"r_rows":{rows},"r_table_time_ms":{},"r_other_time_ms":{},"r_engine_stats":{{}},"filtered":100,"r_filtered":{kept}{condition}}}"#,
        ms[0], ms[1]
    )
}

/// A subquery that is kept ran once: for each row something is looked up in it, by a key but for partial matches of NULLs.
#[test]
fn a_subquery_that_is_kept_runs_once() {
    let statement = "select * from customer where id not in (select customer_id from orders where status = 'failed')";
    let plan = |strategy: &str, runs: f64| {
        let outer = read_once("customer", 50_000.0, 99.9, [8.2, 30.3], "!<in_optimizer>(customer.`id`,customer.`id` in (subquery#2))");
        let inner = read_once("orders", 200_000.0, 0.1, [12.2, 2.6], "orders.`status` = 'failed'");
        maria(
            &format!(
                r#"{{"select_id":1,"r_loops":1,"r_total_time_ms":53.5,"nested_loop":[{{{outer}}}],"subqueries":[{{"materialization":{{"r_strategy":"{strategy}","r_loops":50000,"query_block":{{"select_id":2,"r_loops":{runs},"r_total_time_ms":14.9,"nested_loop":[{{{inner}}}]}}}}}}]}}"#
            ),
            statement,
        )
    };
    let ids = |found: &[crate::model::plan::PlanFinding]| found.iter().map(|f| f.id.clone()).collect::<Vec<_>>();
    let kept = plan("index_lookup", 1.0);
    assert!(!ids(&kept).iter().any(|id| id == "F22" || id == "F23"), "{kept:#?}");
    let scanned = plan("index_lookup;full scan for partial match", 1.0);
    assert!(ids(&scanned).iter().any(|id| id == "F23") && !ids(&scanned).iter().any(|id| id == "F22"), "{scanned:#?}");
    let again = plan("index_lookup", 2_000.0);
    let f = again.iter().find(|f| f.id == "F22").unwrap_or_else(|| panic!("{again:#?}"));
    assert!(f.message.contains("ran 2,000 times"), "{}", f.message);
}

/// Reading the rows is not the sort's time.
#[test]
fn a_sort_of_mariadb_is_not_charged_with_reading_its_table() {
    let spilled = |other: f64| {
        let table = read_once("o", 200_000.0, 98.0, [46.6, other], "o.`status` = 'done'");
        let sort = format!(
            r#""filesort":{{"sort_key":"o.placed desc","r_loops":1,"r_total_time_ms":{},"r_output_rows":196000,"r_sort_passes":1,"r_buffer_size":"2047KiB",{table}}}"#,
            46.6 + other
        );
        maria(&format!(r#"{{"select_id":1,"r_loops":1,"r_total_time_ms":{},{sort}}}"#, 47.0 + other), "select * from orders o")
    };
    let all = spilled(25.9);
    let f = all.iter().find(|f| f.id == "F13").unwrap_or_else(|| panic!("{all:#?}"));
    assert!(f.message.ends_with(", 25.9 ms at most"), "{}", f.message);
    assert_eq!(f.explains_ms, Some(25.9));
    assert!(!spilled(0.7).iter().any(|f| f.id == "F13"), "what took no time is not worth a sentence");
}

/// No column has the name that a sum is given, and no index its order: MariaDB's and SQLite's sorts by one.
#[test]
fn no_index_is_proposed_for_the_order_of_a_computed_value() {
    let lines = [("SCAN orders USING INDEX c", 1, 200_000), ("USE TEMP B-TREE FOR ORDER BY", 1, 20_000)];
    for (statement, next) in [
        ("select customer_id, sum(total) s from orders group by customer_id order by s", "No index has the order"),
        ("select customer_id, sum(total) as s from orders group by customer_id order by s", "No index has the order"),
        ("select customer_id, (total) as s from orders order by s", "where it is one of plain columns"),
        ("select customer_id, sum(total) from orders group by customer_id order by sum(total) desc", "No index has the order"),
    ] {
        let all = lite_ran(&lines, 20_000.0, statement);
        let f = all.iter().find(|f| f.id == "F38").unwrap_or_else(|| panic!("{all:#?}"));
        assert!(f.sql.is_none() && f.next.contains(next), "{statement}: {f:#?}");
    }
}

/// A join through a buffer is charged with comparing: that is not the sort's above it.
#[test]
fn a_sort_is_not_charged_with_the_comparing_of_a_join_below_its_temporary_table() {
    let part = |name: &str, rows: u32| {
        format!(
            r#""table":{{"table_name":"{name}","access_type":"ALL","r_loops":1,"rows":{rows},"r_rows":{rows},"r_table_time_ms":60,"r_other_time_ms":5,"filtered":100,"r_filtered":100}}"#
        )
    };
    let join = format!(
        r#"{{{}}},{{"block-nl-join":{{{},"buffer_type":"flat","join_type":"BNL","attached_condition":"i.product = s.x","r_loops":50,"r_filtered":0.12,"r_unpack_time_ms":3556,"r_other_time_ms":3189}}}}"#,
        part("s", 50),
        part("i", 200_000)
    );
    let sort = format!(
        r#""filesort":{{"sort_key":"s.label","r_loops":1,"r_total_time_ms":0.02,"r_output_rows":50,"temporary_table":{{"nested_loop":[{join}]}}}}"#
    );
    let all = maria(
        &format!(r#"{{"select_id":1,"r_loops":1,"r_total_time_ms":6875,{sort}}}"#),
        "select s.label, count(*) from small s join items i on i.product = s.x group by s.label",
    );
    assert!(all.iter().any(|f| f.id == "F40") && !all.iter().any(|f| f.id == "F38" && f.explains_ms > Some(100.0)), "{all:#?}");
}

/// What MariaDB tests of an outer join stands in `trigcond(…)`: an index may serve it, which one the plan does not tell.
#[test]
fn tests_of_an_outer_join_are_not_said_to_be_served_by_no_index() {
    let table = |name: &str, more: &str| {
        format!(
            r#"{{"table":{{"table_name":"{name}","access_type":"{}","r_loops":1,"r_table_time_ms":500,"r_other_time_ms":900,{more}}}}}"#,
            if name == "c" { "ALL" } else { "ref" }
        )
    };
    let outer = table("c", r#""rows":20000,"r_rows":20000,"filtered":100,"r_filtered":100"#);
    let inner = table(
        "o",
        r#""key":"o_c","key_length":"4","used_key_parts":["customer_id"],"ref":["shop.c.id"],"rows":10,"r_rows":146000,"filtered":100,"r_filtered":4,
           "attached_condition":"trigcond(o.`id` is null) and trigcond(o.state = 'sent')""#,
    );
    let all = maria(
        &format!(r#"{{"select_id":1,"r_loops":1,"r_total_time_ms":2800,"nested_loop":[{outer},{inner}]}}"#),
        "select c.id from customers c left join orders o on o.customer_id = c.id and o.state = 'sent' where o.id is null",
    );
    let f = all.iter().find(|f| f.id == "F2").unwrap_or_else(|| panic!("{all:#?}"));
    assert!(f.next.starts_with("Try an index on the columns by which the tables are joined"), "{}", f.next);
}

/// How many rows a grouping left, MariaDB's temporary table does not tell: what went in is told as that.
#[test]
fn a_temporary_table_that_groups_is_told_by_what_went_in() {
    let table = read_once("orders", 200_000.0, 100.0, [40.7, 64.1], "");
    let sort = format!(
        r#""filesort":{{"sort_key":"count(0) desc","r_loops":1,"r_total_time_ms":0.01,"r_output_rows":3,"temporary_table":{{"nested_loop":[{{{table}}}]}}}}"#
    );
    let all = maria(
        &format!(r#"{{"select_id":1,"r_loops":1,"r_total_time_ms":104.9,{sort}}}"#),
        "select status, count(*) n from orders group by status order by n desc",
    );
    let f = all.iter().find(|f| f.id == "F38").unwrap_or_else(|| panic!("{all:#?}"));
    assert!(
        f.message.contains("over a temporary table made from 200,000 rows, 64.1 ms with testing and handing on the rows of orders"),
        "{}",
        f.message
    );
}

/// Of a function of a column, and of what holds a pattern, MariaDB keeps no statistics: none are proposed.
#[test]
fn statistics_are_not_asked_for_where_none_would_tell() {
    for (filter, next) in [
        ("ucase(customer.`name`) = 'NAME 5'", "Compare the column by itself first (F9)"),
        ("customer.email like '%99@x.org'", "Mend the test first (F10)"),
    ] {
        let table = read_once("customer", 50_000.0, 0.002, [10.0, 10.0], filter);
        let all = maria(
            &format!(r#"{{"select_id":1,"r_loops":1,"r_total_time_ms":20.5,"nested_loop":[{{{table}}}]}}"#),
            "select * from customer where …",
        );
        let f = all.iter().find(|f| f.id == "F5").unwrap_or_else(|| panic!("{all:#?}"));
        assert!(f.next.contains(next) && f.sql.is_none(), "{f:#?}");
    }
}

/// A line of a run: its text, loops and rows.
type Ran<'a> = (&'a str, u64, u64);

/// A run of SQLite: its lines, and rows of the result.
fn lite_ran(lines: &[Ran<'_>], returned: f64, statement: &str) -> Vec<crate::model::plan::PlanFinding> {
    use crate::plan::sqlite::{Known as Tables, scans};
    let scans: Vec<scans::Scan> = (1..)
        .zip(lines)
        .map(|(id, (text, loops, visits))| scans::Scan {
            id,
            parent: 0,
            text: (*text).into(),
            loops: Some(*loops),
            visits: Some(*visits),
            // SQLite knows a unique key, and takes a fixed share of a range.
            estimated: Some(if text.contains("=?") { 1.0 } else { 262_144.0 }),
            cycles: Some(1000),
        })
        .collect();
    let tables = [("orders", 200_000), ("customer", 50_000)].map(|(t, rows)| (t.to_string(), (t.to_string(), Some(rows)))).into();
    let mut plan = scans::measured(&scans, 10_000, 50.0, &Tables::new(tables, statement), "3.46.0");
    (plan.analyzed, plan.root.rows_total, plan.statement) = (true, Some(returned), Some(statement.into()));
    findings(&plan, &saying(statement))
}

/// What the run counted disproves no finding.
#[test]
fn counted_rows_of_sqlite_are_heeded() {
    let joined =
        "select o.id from orders o join customer c on c.id = o.customer_id where c.city = 'x' and o.status = 'done' order by o.placed";
    let search = "SEARCH c USING INTEGER PRIMARY KEY (rowid=?)";
    let silent: [(&[Ran<'_>], f64, &str); 6] = [
        (&[("SCAN o", 1, 200_000), (search, 196_000, 196_000), ("USE TEMP B-TREE FOR ORDER BY", 1, 1000)], 20.0, joined),
        (&[("SCAN orders", 1, 200_000)], 196_000.0, "select * from orders where status = 'done'"),
        (
            &[("SCAN orders", 1, 200_000), ("USE TEMP B-TREE FOR ORDER BY", 1, 3)],
            3.0,
            "select status, count(*) from orders group by status order by 2 desc",
        ),
        (
            &[("SCAN orders", 1, 200_000), ("USE TEMP B-TREE FOR ORDER BY", 1, 100_000)],
            10.0,
            "select * from orders where status = 'done' order by placed limit 10",
        ),
        (&[("SEARCH customer USING INTEGER PRIMARY KEY (rowid<?)", 1, 4)], 4.0, "select name from customer where id < 5"),
        (&[("SCAN orders", 1, 200_000), ("USE TEMP B-TREE FOR ORDER BY", 1, 4)], 4.0, "select * from orders order by placed"),
    ];
    for (lines, returned, statement) in silent {
        let all = lite_ran(lines, returned, statement);
        let untrue = all.iter().filter(|f| matches!(f.id.as_str(), "F1" | "F5") || f.id == "F38" && !f.message.starts_with("100,000 rows"));
        assert_eq!(untrue.count(), 0, "{statement}: {all:#?}");
    }
    // Of a list that a subquery makes SQLite guesses the length, and no statistics change that.
    let listed = lite_ran(
        &[("SEARCH orders USING INTEGER PRIMARY KEY (rowid=?)", 1, 66_666), ("LIST SUBQUERY 1", 1, 50_000), ("SCAN customer", 1, 50_000)],
        66_666.0,
        "select o.id from orders o where o.id in (select id from customer)",
    );
    let guessed: Vec<_> = listed.iter().filter(|f| f.id == "F5").collect();
    assert!(guessed.iter().all(|f| f.severity == Severity::Info && f.next.contains("no statistics change that")), "{guessed:#?}");
    let few = lite_ran(&[("SCAN orders", 1, 200_000)], 4.0, "select * from orders where status = 'failed'");
    assert!(few.iter().any(|f| f.id == "F1"), "{few:#?}");
    // Without a line of its own the b-tree's rows are no more than what was looked at.
    let distinct =
        lite_ran(&[("SCAN orders", 1, 200_000), ("USE TEMP B-TREE FOR DISTINCT", 0, 0)], 9.0, "select distinct note from orders");
    assert!(distinct.iter().filter(|f| f.id == "F38").all(|f| f.message.starts_with("up to 200,000")), "{distinct:#?}");
}
