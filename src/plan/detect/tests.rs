//! What clients draw round plans, and what is no plan.

use super::*;

const TREE: &str = include_str!("../mysql/samples/mysql97/select_list.tree");
const JOIN: &str = include_str!("../mysql/samples/join.json");

fn found(text: &str) -> (&'static str, usize, String, usize) {
    let f = read(text, None).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    let mut nodes = 0;
    f.plan.root.walk(0, &mut |_, _| nodes += 1);
    (f.form, f.count, f.plan.engine, nodes)
}

fn refused(text: &str) -> String {
    read(text, None).expect_err(text).message
}

#[test]
fn forms_are_told_apart() {
    assert_eq!(found(TREE), ("MySQL TREE", 1, "MySQL".into(), 4));
    assert_eq!(found(JOIN).0, "MariaDB JSON");
    assert_eq!(found(include_str!("../mysql/samples/mysql97/notin.json")).0, "MySQL JSON, version 2");
    for v1 in [
        include_str!("../mysql/samples/mysql97/join_sort.v1.json"),
        include_str!("../mysql/samples/mysql97/notin.v1.json"),
        include_str!("../mysql/samples/mysql97/nojoin.v1.json"),
        include_str!("../mysql/samples/mysql97/window.v1.json"),
        include_str!("../mysql/samples/mysql97/union_dedup.v1.json"),
    ] {
        assert_eq!(found(v1).0, "MySQL JSON, version 1");
    }
    let pg = r#"[{"Plan": {"Node Type": "Seq Scan", "Relation Name": "t", "Plan Rows": 5, "Actual Rows": 4, "Actual Loops": 1, "Actual Total Time": 1.5}}]"#;
    assert_eq!(found(pg), ("PostgreSQL JSON", 1, "PostgreSQL".into(), 1));
    assert!(read(pg, None).unwrap().plan.analyzed && !read(&pg.replace("Actual Loops", "x"), None).unwrap().plan.analyzed);
}

/// As node-postgres and DBeaver give it, as a driver's answer, and as a string of JSON.
#[test]
fn rows_of_drivers_are_unpacked() {
    let plan = r#"[{"Plan": {"Node Type": "Seq Scan", "Relation Name": "t", "Total Cost": 1.5, "Plan Rows": 3}}]"#;
    let string = serde_json::to_string(plan).expect("string");
    let (form, count, ..) = found(plan);
    for text in [
        format!("[{{\"QUERY PLAN\": {plan}}}]"),
        format!("{{\"command\": \"EXPLAIN\", \"rows\": [{{\"QUERY PLAN\": {plan}}}]}}"),
        format!("[{{\"QUERY PLAN\": {string}}}]"),
        string.clone(),
    ] {
        let (f, c, ..) = found(&text);
        assert_eq!((f, c), (form, count), "{text}");
    }
    let lines = r#"[{"QUERY PLAN":"Seq Scan on t  (cost=0.00..1.50 rows=3 width=4)"},{"QUERY PLAN":"  Filter: (a = 1)"}]"#;
    assert!(found(lines).0.starts_with("PostgreSQL"), "{:?}", found(lines));
}

#[test]
fn frames_of_clients_are_taken_off() {
    // `mariadb -t`, with what was typed above it.
    let framed = format!(
        "MariaDB [p]> analyze format=json select 1;\n+---------+\n| ANALYZE |\n+---------+\n| {} |\n+---------+\n1 row in set (0.001 sec)\n\nMariaDB [p]> \n",
        JOIN.trim_end()
    );
    assert_eq!(found(&framed), found(JOIN));
    // `\G`.
    let vertical = format!("*************************** 1. row ***************************\nANALYZE: {JOIN}\n1 row in set (0.00 sec)\n");
    assert_eq!(found(&vertical), found(JOIN));
    // Batch mode escapes line feeds, and so does it for two plans.
    let batch = |t: &str| format!("EXPLAIN\n{}\n", t.replace('\\', "\\\\").replace('\n', "\\n"));
    assert_eq!(found(&batch(JOIN)), found(JOIN));
    assert_eq!(found(&batch(TREE)), found(TREE));
    let framed = format!("+----+\n| EXPLAIN |\n+----+\n| {} |\n+----+\n1 row in set (0,00 sec)\n", TREE);
    assert_eq!(found(&framed), found(TREE));
    let vertical = format!("*** 1. row ***\nEXPLAIN: {TREE}\n1 row in set (0.00 sec)\n*** 1. row ***\nEXPLAIN: {TREE}\n");
    assert_eq!(found(&vertical), ("MySQL TREE", 2, "MySQL".into(), 4));
    assert_eq!(found(&format!("{TREE}{TREE}{TREE}")), ("MySQL TREE", 3, "MySQL".into(), 4));
    assert_eq!(found(&format!("{JOIN}\n{JOIN}")).1, 2);
    // psql's frame round JSON.
    let psql = "                QUERY PLAN\n------------------------------\n [                           +\n   {                         +\n     \"Plan\": {               +\n       \"Node Type\": \"Result\" +\n     }                       +\n   }                         +\n ]\n(1 row)\n";
    assert_eq!(found(psql).0, "PostgreSQL JSON");
    let text = "                        QUERY PLAN\n-----------------------------------------------------------\n Limit  (cost=0.00..0.08 rows=5 width=4) (actual time=0.010..0.012 rows=5 loops=1)\n   ->  Seq Scan on t  (cost=0.00..15.00 rows=1000 width=4) (actual time=0.009..0.010 rows=5 loops=1)\n Planning Time: 0.050 ms\n Execution Time: 0.030 ms\n(4 rows)\n";
    assert_eq!(found(text), ("PostgreSQL", 1, "PostgreSQL".into(), 2));
    let log = "2026-01-05 10:00:00 UTC [77] LOG:  duration: 0.030 ms  plan:\n\tQuery Text: select 1\n\tResult  (cost=0.00..0.01 rows=1 width=4)\n";
    let plan = read(log, None).expect("log").plan;
    assert_eq!((plan.engine.as_str(), plan.statement.as_deref(), plan.root.raw_op.as_str()), ("PostgreSQL", Some("select 1"), "Result"));
}

#[test]
fn sqlites_tree_is_read_as_drawn_and_as_rows() {
    let drawn = "QUERY PLAN\n|--MATERIALIZE d\n|  `--SCAN orders\n|--SCAN c\n`--SEARCH d USING AUTOMATIC COVERING INDEX (c_id=?)\n";
    let rows = "id|parent|notused|detail\n2|0|0|MATERIALIZE d\n5|2|0|SCAN orders\n20|0|0|SCAN c\n30|0|0|SEARCH d USING AUTOMATIC COVERING INDEX (c_id=?)\n";
    let boxed = "┌────┬────────┬─────────┬─────────────┐\n│ id │ parent │ notused │ detail      │\n├────┼────────┼─────────┼─────────────┤\n│ 2  │ 0      │ 216     │ MATERIALIZE d │\n│ 5 │ 2 │ 0 │ SCAN orders │\n│ 20 │ 0 │ 0 │ SCAN c │\n│ 30 │ 0 │ 0 │ SEARCH d USING AUTOMATIC COVERING INDEX (c_id=?) │\n└────┴────────┴─────────┴─────────────┘\n";
    let tree = read(drawn, None).expect("drawn").plan.root;
    assert_eq!((tree.children.len(), tree.children[0].children[0].relation.as_deref()), (3, Some("orders")));
    for text in [rows, boxed, &rows.replace('|', ","), &rows.replace('|', "\t")] {
        assert_eq!(read(text, None).unwrap_or_else(|e| panic!("{e:?}: {text}")).plan.root, tree, "{text}");
    }
    assert_eq!(found(&format!("{drawn}\n{drawn}")).1, 2);
    assert_eq!(found(&format!("{rows}{rows}")).1, 2);
    // 3.23 and before: the select's number, no parents.
    let old =
        read("0|0|0|SCAN TABLE c\n0|0|0|EXECUTE CORRELATED SCALAR SUBQUERY 1\n1|0|0|SEARCH TABLE orders USING INDEX fk (c_id=?)\n", None);
    let old = old.expect("old").plan.root;
    assert_eq!((old.children.len(), old.children[1].children[0].relation.as_deref()), (2, Some("orders")));
    assert_eq!(old.children[0].op, "table scan");
}

/// What Python's driver gives of SQLite 3.40 as dictionaries.
const DRIVER: &str = r#"[{"id": 4, "parent": 0, "notused": 0, "detail": "SCAN o"}, {"id": 6, "parent": 0, "notused": 0, "detail": "SEARCH c USING INTEGER PRIMARY KEY (rowid=?)"}, {"id": 13, "parent": 0, "notused": 0, "detail": "CORRELATED SCALAR SUBQUERY 1"}, {"id": 18, "parent": 13, "notused": 0, "detail": "SEARCH o2"}, {"id": 36, "parent": 0, "notused": 0, "detail": "USE TEMP B-TREE FOR ORDER BY"}]"#;

#[test]
fn sqlites_rows_as_json_are_read() {
    let root = read(DRIVER, None).expect("rows").plan.root;
    assert_eq!((root.children.len(), root.children[2].children[0].relation.as_deref()), (4, Some("o2")));
    assert_eq!(found(DRIVER).1, 1);
    let lines = DRIVER.trim_matches(['[', ']']).replace("}, {", "}\n{");
    assert_eq!(read(&lines, None).expect("a row on each line").plan.root, root);
    assert_eq!(found(&format!("{DRIVER}\n{DRIVER}")).1, 2);
    assert!(read(r#"[{"id": 1, "detail": 7}]"#, None).is_err());
    assert!(read(r#"[{"id": 4, "parent": 9, "notused": 0, "detail": "SCAN o"}]"#, None).is_err());
}

#[test]
fn what_is_no_plan_is_named_with_its_line() {
    assert_eq!(refused(" \n"), "there is no plan: the text is empty");
    assert_eq!(refused("\nselect 1\n"), "this is not a plan; line 2 begins with: select 1");
    assert_eq!(
        refused("x\n{\"query_block\":\n {\"select_id\": 1\n"),
        "the JSON that begins in line 2 is still open in line 3, where the text ends"
    );
    assert!(
        refused("x\n{\"query_block\":\n {\"select_id\" 1}}").starts_with("line 3: this is no JSON"),
        "{}",
        refused("x\n{\"query_block\":\n {\"select_id\" 1}}")
    );
    assert_eq!(refused("\n{\"a\": 1}"), "the JSON that begins in line 2 is no plan of a known engine");
    assert_eq!(
        refused("-> Limit: 1 row(s)  (cost=1 rows=1)\nmysql> \n    -> Sort: x  (cost=1 rows=1)"),
        "line 2 is no line of a MySQL plan: mysql>"
    );
    assert_eq!(
        refused("QUERY PLAN\n|--SCAN t\n|  |  |--SCAN u\n"),
        "line 3 of the plan hangs on nothing: it is deeper than the line above allows"
    );
    assert_eq!(refused("QUERY PLAN\n|--SCAN t\nhello\n"), "line 3 is no line of a plan that the sqlite3 shell draws: hello");
    assert_eq!(refused("2|0|0|SCAN t\n3|2|0|x\n"), "line 2 is no row of a plan: 3|2|0|x");
    assert_eq!(refused("2|7|0|SCAN t\n"), "row 1 of the plan hangs on 7, which is not there");
    assert!(refused(&format!("{}{}", "{\"query_block\":".repeat(100_000), "}".repeat(100_000))).contains("nests deeper than 200"));
    let e = read(TREE, Some(Family::Sqlite)).expect_err("forced").message;
    assert!(e.starts_with("this is not a plan of SQLite"), "{e}");
    assert_eq!(read("{\"query_block\":{\"select_id\":1}}", Some(Family::MySql)).unwrap().plan.engine, "MySQL");
}

/// JSON of PostgreSQL in the frames and logs that need PostgreSQL's room, without being told whose it is.
#[test]
fn frames_of_postgres_are_known_without_a_word() {
    let json = "[\n  {\n    \"Plan\": {\n      \"Node Type\": \"Seq Scan\",\n      \"Relation Name\": \"s\",\n      \"Filter\": \"(a = 'x\\\\y'::text)\"\n    }\n  }\n]";
    let boxed: String = json.lines().map(|l| format!("| {l:<40}+|\n")).collect();
    let csv = format!("QUERY PLAN\n\"{}\"\n", json.replace('"', "\"\""));
    let plan = "Query Text: select 1;\nSeq Scan on s  (cost=0.28..8.35 rows=4 width=6) (actual time=0.008..0.010 rows=4 loops=1)\n  Filter: (a = 'x'::text)";
    let entry = serde_json::json!({"timestamp": "2026-11-21", "message": format!("duration: 21.088 ms  plan:\n{plan}")}).to_string();
    let csvlog = format!("2026-11-21,x,LOG,00000,\"duration: 3.0 ms  plan:\n{}\",,\n", json.replace('"', "\"\""));
    let one = r#"[{"Plan":{"Node Type":"Seq Scan","Relation Name":"s","Filter":"(a = 'x\ny'::text)"}}]"#.replace("\\\\", "\\");
    for text in [
        format!("+---+\n| QUERY PLAN |\n+---+\n{boxed}+---+\n"),
        csv,
        entry.clone(),
        format!("{entry}\n{entry}\n"),
        csvlog,
        one,
        "Seq Scan on s\n  Filter: (id = 1)\n".into(),
        "Index Only Scan Backward using s_pkey on s\n".into(),
    ] {
        let found = read(&text, None).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        assert_eq!((found.plan.engine.as_str(), found.plan.root.relation.as_deref()), ("PostgreSQL", Some("s")), "{text}");
    }
}

/// A line feed in a string of JSON on one line is the string's own.
#[test]
fn one_line_of_json_is_not_unescaped() {
    let text = r#"{"query_block":{"select_id":1,"cost_info":{"query_cost":"1.0"},"table":{"table_name":"t","access_type":"ALL","attached_condition":"(t.v = 'x\ny')"}}}"#.replace("\\\\", "\\");
    let found = read(&text, None).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    assert_eq!(found.plan.engine, "MySQL");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "((QUERY PLAN|[|]--|`--|-> |\\{\"query_block\":|[0-9][|][0-9][|]0[|]SCAN |  |EXPLAIN: |[|] |\\PC{0,12})\n?){0,14}") {
        for family in [None, Some(Family::Postgres), Some(Family::MySql), Some(Family::MariaDb), Some(Family::Sqlite)] {
            let _ = read(&text, family);
        }
    }
}

/// MariaDB writes the constants of a condition into its JSON as they are.
#[test]
fn constants_with_quotes_do_not_break_a_plan() {
    let table = "{\n  \"query_block\": {\n    \"select_id\": 1,\n    \"r_loops\": 1,\n    \"r_total_time_ms\": 0.5,\n    \"table\": {\n      \"table_name\": \"s\",\n      \"access_type\": \"ALL\",\n      \"r_loops\": 1,\n      \"r_rows\": 3,\n      \"attached_condition\": \"CONDITION\"\n    }\n  }\n}\n";
    for condition in [r#"s.v <> '{"a":1}'"#, r"s.v = 'it\'s'", r#"s.v <> '", "r_rows": 7, "x": "'"#, r#"s.v in ('}','"','\\')"#] {
        let raw = table.replace("CONDITION", condition);
        let vertical = format!("*************************** 1. row ***************************\nANALYZE: {raw}1 row in set (0.00 sec)\n");
        for text in [&raw, &vertical] {
            let f = read(text, None).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
            assert_eq!((f.form, f.count), ("MariaDB JSON", 1));
            let scan = &f.plan.root.children[0];
            assert_eq!(scan.conditions, [("Filter".to_string(), condition.to_string())]);
            assert_eq!(scan.rows, Some(3.0));
        }
        // As the server's answer, and as it was kept.
        let own = blocks::parse(&raw, "MariaDB", "10.11.19", true).expect("plan");
        assert_eq!(own.raw, raw);
        assert_eq!(own.root.children[0].conditions[0].1, condition);
    }
}

#[test]
fn the_first_plan_is_the_first_one_whatever_its_form() {
    let text = "Seq Scan on t  (cost=0.00..9.00 rows=5 width=4)";
    let json = r#"[{"Plan": {"Node Type": "Result", "Startup Cost": 0.0, "Total Cost": 1.0, "Plan Rows": 1, "Plan Width": 4}}]"#;
    let found = read(&format!("{text}\n\n{json}\n"), None).unwrap();
    assert_eq!((found.plan.root.relation.as_deref(), found.count), (Some("t"), 2));
    let found = read(&format!("[\n{json},\n{json}]"), None).unwrap();
    assert_eq!((found.plan.root.raw_op.as_str(), found.count), ("Result", 2));
}

/// Clients give the one value of MariaDB's ANALYZE as a row of JSON or CSV.
#[test]
fn a_plan_in_a_row_is_read() {
    let raw = "{\n  \"query_block\": {\n    \"select_id\": 1,\n    \"r_loops\": 1,\n    \"r_total_time_ms\": 0.5,\n    \"table\": {\"table_name\": \"s\", \"access_type\": \"ALL\", \"r_loops\": 1, \"r_rows\": 3, \"attached_condition\": \"s.v = 'a\\\\nb'\"}\n  }\n}";
    let text = serde_json::to_string(raw).unwrap();
    let quoted = raw.replace('"', "\"\"");
    for row in [
        format!("[{{\"ANALYZE\": {text}}}]"),
        format!("{{\"EXPLAIN\":{text}}}"),
        format!("ANALYZE\n\"{quoted}\"\n"),
        format!("\"EXPLAIN\"\r\n\"{quoted}\"\r\n"),
    ] {
        let found = read(&row, None).unwrap_or_else(|e| panic!("{e:?}\n{row}"));
        assert_eq!((found.form, found.plan.root.children[0].rows), ("MariaDB JSON", Some(3.0)), "{row}");
    }
}

#[test]
fn a_table_of_explain_is_refused_with_the_way() {
    let text = "+----+-------------+-------+------+---------------+------+---------+------+------+-------+\n| id | select_type | table | type | possible_keys | key  | key_len | ref  | rows | Extra |\n";
    let e = read(text, None).unwrap_err();
    assert!(e.message.contains("EXPLAIN's table") && e.hints[0].contains("ANALYZE FORMAT=JSON on MariaDB"), "{e:?}");
}

/// `.eqp on` prints the statement's rows below its plan; a plan that is not at its end is cut off.
#[test]
fn rows_below_a_drawn_plan_are_no_part_of_it() {
    let plan = "QUERY PLAN\n|--SCAN o\n`--SEARCH c USING INTEGER PRIMARY KEY (rowid=?)\n";
    let found = read(&format!("{plan}200\n1|x\n"), None).unwrap();
    assert_eq!((found.plan.root.children.len(), found.count), (2, 1));
    assert!(read("QUERY PLAN\n|--SCAN o\n200\n", None).is_err());
    assert!(read("QUERY PLAN\n|--SCAN o\nbroken\n`--SCAN c\n", None).is_err());
}

/// Without its blanks a tree of MySQL's is a list; quoted by a mail or by Workbench it is whole.
#[test]
fn mysqls_tree_out_of_mails() {
    let tree = "-> Limit: 3 row(s)  (actual time=12..12 rows=3 loops=1)\n    -> Sort: n DESC  (actual time=12..12 rows=3 loops=1)\n        -> Table scan on o  (cost=199 rows=198) (actual time=0.1..9 rows=200 loops=1)\n";
    let whole = read(tree, None).unwrap();
    let quoted: String = tree.lines().map(|l| format!("> {l}\n")).collect();
    for text in [quoted, format!("'{}'", tree.replace('\n', "\\n"))] {
        let found = read(&text, None).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!((found.plan.root, found.count), (whole.plan.root.clone(), 1), "{text}");
    }
    let flat: String = tree.lines().map(|l| format!("{}\n", l.trim_start())).collect();
    assert!(read(&flat, None).unwrap_err().message.contains("blanks at the beginning"));
    let two = format!("{tree}{tree}");
    assert_eq!(read(&two, None).unwrap().count, 2);
}
