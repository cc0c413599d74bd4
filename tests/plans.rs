//! Plans of MySQL, MariaDB and SQLite: from files through the command line, and from real servers.

mod support;

use serde_json::Value;
use std::io::Write;
use std::process::{Output, Stdio};

/// `holdpoint explain` with a text on standard input.
fn explain(args: &[&str], input: &str) -> Output {
    let home = tempfile::tempdir().expect("home");
    let mut child = support::command(home.path())
        .arg("explain")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("holdpoint starts");
    // A program that refuses its arguments does not read.
    let _ = child.stdin.take().expect("stdin").write_all(input.as_bytes());
    child.wait_with_output().expect("holdpoint ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn document(input: &str) -> Value {
    let out = explain(&["--plan", "-", "--format", "json"], input);
    assert!(out.status.success(), "{}", text(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("JSON")
}

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../src/plan/mysql/samples/", $name))
    };
}

const POSTGRES: &str = r#"[{"Plan": {"Node Type": "Aggregate", "Strategy": "Plain", "Partial Mode": "Simple", "Startup Cost": 20.5, "Total Cost": 20.51,
  "Plan Rows": 1, "Plan Width": 8, "Actual Startup Time": 2.1, "Actual Total Time": 2.2, "Actual Rows": 1, "Actual Loops": 1,
  "Shared Hit Blocks": 9, "Shared Read Blocks": 1, "Plans": [{"Node Type": "Seq Scan", "Parent Relationship": "Outer",
  "Relation Name": "orders", "Schema": "public", "Alias": "o", "Startup Cost": 0.0, "Total Cost": 18.0, "Plan Rows": 100, "Plan Width": 4,
  "Actual Startup Time": 0.1, "Actual Total Time": 2.0, "Actual Rows": 300, "Actual Loops": 1, "Filter": "(state = 'paid'::text)",
  "Rows Removed by Filter": 700, "Shared Hit Blocks": 9, "Shared Read Blocks": 1}]}, "Planning Time": 0.2, "Triggers": [], "Execution Time": 2.4}]"#;

const SQLITE: &str = "QUERY PLAN\n|--SCAN c\n|--SEARCH o USING INDEX fk_c (c_id=?)\n`--USE TEMP B-TREE FOR ORDER BY\n";

#[test]
fn the_json_of_each_dialect_is_as_documented() {
    for (name, input) in [
        ("postgres", POSTGRES),
        ("mysql_tree", sample!("mysql97/select_list.tree")),
        ("mysql_json_2", sample!("mysql97/select_list.json")),
        ("mysql_json_1", sample!("mysql97/join_sort.v1.json")),
        ("mariadb", sample!("join.json")),
        ("sqlite", SQLITE),
    ] {
        let mut document = document(input);
        // What the manual tells is what is there.
        let manual = include_str!("../assets/manual/plan-json.md");
        for key in document.as_object().expect("object").keys().chain(document["nodes"][0].as_object().expect("node").keys()) {
            assert!(manual.contains(&format!("`{key}`")), "the manual does not tell `{key}`");
        }
        // Findings and remarks have tests of their own.
        document["findings"] = Value::Null;
        document["remarks"] = Value::Null;
        document["reconciliation"] = Value::Null;
        insta::with_settings!({ snapshot_path => "snapshots", omit_expression => true }, {
            insta::assert_snapshot!(format!("json_{name}"), serde_json::to_string_pretty(&document).expect("JSON"));
        });
    }
}

#[test]
fn the_tree_of_a_file_says_what_it_is_and_adds_up() {
    let two = format!("{0}{0}", sample!("mysql97/notin.tree"));
    let out = explain(&["--plan", "-"], &two);
    assert!(out.status.success(), "{}", text(&out.stderr));
    insta::assert_snapshot!("table_mysql_tree", text(&out.stdout));
    assert!(text(&out.stderr).contains("MySQL TREE, measured"), "{}", text(&out.stderr));
    assert!(text(&out.stderr).contains("standard input holds 2 plans; this is the first one"), "{}", text(&out.stderr));
    let out = explain(&["--plan", "-", "--engine", "sqlite"], &two);
    assert_eq!(out.status.code(), Some(2), "{}", text(&out.stderr));
    let out = explain(&["--plan", "-"], "mysql> explain\n\n-> Limit: 1 row(s)  (cost=1 rows=1)\nhello\n");
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    assert!(text(&out.stderr).contains("line 4 is no line of a MySQL plan: hello"), "{}", text(&out.stderr));
    // A target and a file exclude each other, and one of them is needed.
    assert_eq!(explain(&["--plan", "-", "somewhere"], "").status.code(), Some(2));
    assert_eq!(explain(&[], "").status.code(), Some(2));
}

#[test]
fn a_plan_that_nests_without_end_is_refused_and_nothing_overflows() {
    for bomb in [
        format!("{}1{}", "[{\"Plan\":".repeat(50_000), "}]".repeat(50_000)),
        format!("{}{{}}{}", "{\"query_block\":{\"table\":".repeat(50_000), "}}".repeat(50_000)),
        (0..20_000).map(|i| format!("{}-> Filter: x\n", " ".repeat(i))).collect(),
        std::iter::once("QUERY PLAN\n".to_string()).chain((0..5_000).map(|i| format!("{}`--SCAN t\n", "   ".repeat(i)))).collect(),
    ] {
        let out = explain(&["--plan", "-", "--format", "json"], &bomb);
        assert!(matches!(out.status.code(), Some(1 | 2)), "{:?}", out.status);
        assert!(text(&out.stderr).contains("nests deeper than"), "{}", text(&out.stderr));
    }
}
