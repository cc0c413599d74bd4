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
        (0..2_000).map(|i| format!("{}-> Filter: x\n", " ".repeat(i))).collect(),
        std::iter::once("QUERY PLAN\n".to_string()).chain((0..1_500).map(|i| format!("{}`--SCAN t\n", "   ".repeat(i)))).collect(),
    ] {
        let out = explain(&["--plan", "-", "--format", "json"], &bomb);
        assert!(matches!(out.status.code(), Some(1 | 2)), "{:?}", out.status);
        assert!(text(&out.stderr).contains("nests deeper than"), "{}", text(&out.stderr));
    }
}

/// Three tables as a shop has them: 1,000 customers, 20,000 orders, 60,000 items.
fn shop(maria: &support::maria::MariaServer, name: &str) {
    maria.create_database(name);
    maria.sql(
        name,
        "create table c(id int primary key, name varchar(30), region int, key(region)) engine=innodb;
         create table o(id int primary key, c_id int, total decimal(10,2), state varchar(10), note varchar(50), key fk_c(c_id)) engine=innodb;
         create table i(o_id int, n int, price int, primary key(o_id,n), key pr(price)) engine=innodb;
         insert into c select seq, concat('name',seq), seq%10 from seq_1_to_1000;
         insert into o select seq, 1+seq%1000, seq%977, elt(1+seq%3,'paid','open','lost'), concat('n',seq) from seq_1_to_20000;
         insert into i select o.id, k.seq, (o.id*7+k.seq*13)%1000 from o, seq_1_to_3 k;
         analyze table c, o, i",
    );
}

/// Statements that bring out each kind of block.
const BLOCKS: &[&str] = &[
    "select * from o order by total desc",
    "select * from o where state='paid' order by total desc limit 5",
    "select c_id, count(*) n from o group by c_id order by n desc limit 3",
    "select distinct state from o",
    "select c.region, sum(i.price) from c join o on o.c_id=c.id join i on i.o_id=o.id where o.total>900 group by c.region",
    "select count(*) from c a, c b where a.name < b.name and a.id < 100",
    "select count(*) from c a join o b on a.name=b.note where a.id<100",
    "select * from o where total > (select avg(total) from o)",
    "select c.id, (select count(*) from o where o.c_id=c.id) k from c",
    "select c.id from c where (select max(total) from o where o.c_id=c.id) > 900",
    "select count(*) from i where o_id in (select id from o where total>970)",
    "select id from c where id not in (select c_id from o where total > 970)",
    "select * from (select c_id, max(total) m from o group by c_id) d where m > 900",
    "select * from (select c_id, max(total) m from o group by c_id) d order by m desc",
    "select c.name, d.m from c join (select c_id, max(total) m from o group by c_id) d on d.c_id=c.id where c.region=1",
    "with t as (select c_id, sum(total) s from o group by c_id) select a.c_id from t a join t b on a.c_id=b.c_id+1 where a.s>b.s",
    "with recursive r(n) as (select 1 union all select n+1 from r where n<500) select count(*) from r",
    "with recursive r(n) as (select 1 union all select n+1 from r where n<500) select count(*) from r join c on c.id=r.n",
    "select id from c union all select id from o",
    "select id from c union select id from o order by 1 limit 10",
    "select * from (select id from c union select c_id from o) u where id < 50",
    "select id from c intersect select c_id from o",
    "select id, sum(total) over (partition by c_id order by id) from o",
    "select id, rank() over (order by total), row_number() over (partition by c_id order by id) from o order by id limit 5",
    "select region, count(*) from c group by region with rollup",
    "select * from o where c_id=7 or id=12",
    "select o.id from o join c on c.id=o.c_id where o.id<0 and c.region=3",
    "select c.id,o.id from c left join o on o.c_id=c.id and o.total>970",
    "select * from c where id=7",
    "select 1",
    "select * from c where 1=0",
    "select c_id, count(*) n from o group by c_id having n > (select avg(price)/100 from i)",
    "select region, max((select count(*) from o where o.c_id=c.id)) from c group by region",
    "select id, (select count(*) from o where o.c_id=c.id) k from c order by k desc limit 3",
    "update o set note='x' where total > 900",
    "delete from i where price > 990",
    "update o join c on c.id=o.c_id set o.note='y' where c.region=2",
    "delete from o where id < 50 and total > (select avg(price) from i)",
    "update o set note='z' order by total desc limit 5",
    "select c.name, d.m from c join (select c_id, count(*) m from o group by c_id) d on d.c_id=c.id where c.id in (1,2,3)",
    "select c_id, group_concat(note order by id) from o group by c_id limit 3",
];

/// Statements put together from parts, always the same ones.
fn generated(count: usize) -> Vec<String> {
    let mut seed = 42u64;
    let mut pick = |of: &[&str]| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        of[(seed >> 33) as usize % of.len()].to_string()
    };
    let mut out = Vec::new();
    for _ in 0..count {
        let from = pick(&[
            "o",
            "o join c on c.id = o.c_id",
            "o left join i on i.o_id = o.id and i.n = 2",
            "(select * from o where id < 5000) o join c on c.region = o.c_id % 7 and c.id < 40",
            "o join (select c_id k, avg(total) a from o group by c_id) d on d.k = o.c_id",
        ]);
        let list = pick(&["o.id, o.total", "count(*) n", "o.c_id, max(o.total) m", "o.id, (select count(*) from i where i.o_id = o.id) k"]);
        let filter = pick(&[
            "1",
            "o.total > 800",
            "o.id < 900 and o.state = 'open'",
            "o.total > (select avg(price) from i)",
            "o.c_id in (select id from c where region = 3)",
            "not exists (select 1 from i where i.o_id = o.id and i.price > 970)",
        ]);
        let group = if list.starts_with("o.c_id") { "group by o.c_id" } else { "" };
        let order = pick(&["", "order by 1", "order by 2 desc limit 7", "limit 50"]);
        let order = if list.starts_with("count") { order.replace("order by 2 desc", "order by 1") } else { order };
        out.push(format!("select {list} from {from} where {filter} {group} {order}"));
    }
    out
}

/// The checks that hold for every analysed plan of MariaDB; the times that do not add up.
fn times_off(statement: &str, plan: &holdpoint::model::plan::Plan) -> Vec<String> {
    use holdpoint::model::plan::PlanNode;
    fn sum(n: &PlanNode) -> f64 {
        n.self_ms.unwrap_or(0.0) + n.children.iter().map(sum).sum::<f64>()
    }
    /// MariaDB's clock of a recursive step's block runs less than those of its tables: what they claim is no sum of it.
    fn recursive(n: &PlanNode) -> f64 {
        if n.op == "recursive union" { sum(n) } else { n.children.iter().map(recursive).sum() }
    }
    fn node(n: &PlanNode, materialized: bool, statement: &str, off_by: &mut Vec<String>) {
        assert!(n.self_ms.is_none_or(|ms| ms >= 0.0), "{statement}: {n:?}");
        let tolerance = |total: f64| (0.01 * total).max(0.1);
        if let (Some(total), true) = (n.total_ms, n.raw_op.starts_with("query block")) {
            let own = sum(n);
            let off = own - total;
            // A materialised block gives its writes to the table that reads it.
            if off > tolerance(total) + recursive(n) || (!materialized && off < -tolerance(total)) {
                off_by.push(format!("{}: {own} ≠ {total}", n.raw_op));
            }
        }
        if let Some(clamped) = n.clamped_ms.filter(|c| *c > tolerance(n.total_ms.unwrap_or(0.0))) {
            off_by.push(format!("{} clamped {clamped}", n.raw_op));
        }
        if n.never_executed {
            assert!(n.rows.is_none() && n.total_ms.is_none() && n.self_ms.is_none() && n.loops.is_none(), "{statement}: {n:?}");
        }
        if n.op == "recursive union" {
            return;
        }
        for c in &n.children {
            node(c, materialized || n.op == "materialize", statement, off_by);
        }
    }
    let mut off_by = Vec::new();
    node(&plan.root, false, statement, &mut off_by);
    let sums = holdpoint::plan::reconcile::sums(plan);
    assert!(sums.as_ref().is_none_or(|s| s.pages.is_none_or(|p| p.agree())), "{statement}: {sums:?}");
    if let (Some(execution), Some(total)) = (plan.execution_ms, plan.root.total_ms) {
        assert_eq!(execution, total, "{statement}");
    }
    off_by
}

/// Tables of the server's JSON, wherever they stand.
fn tables_in<'v>(v: &'v Value, out: &mut Vec<&'v Value>) {
    match v {
        Value::Object(keys) => {
            for (key, v) in keys {
                if key == "table" {
                    out.push(v);
                }
                tables_in(v, out);
            }
        }
        Value::Array(list) => list.iter().for_each(|v| tables_in(v, out)),
        _ => {}
    }
}

/// Compares a plan with the JSON that it was read from: pages to the last one, and the rows of each table.
fn recomputed(statement: &str, raw: &str, plan: &holdpoint::model::plan::Plan) {
    let json = raw[raw.find('{').expect("JSON")..].replace("\\n", "\n");
    let sent: Value = serde_json::from_str(&json).unwrap_or_else(|e| panic!("{statement}: {e}\n{json}"));
    let mut tables = Vec::new();
    tables_in(&sent, &mut tables);
    let mut nodes = Vec::new();
    plan.root.walk(0, &mut |_, n| nodes.push(n));
    let pages: u64 = tables.iter().filter_map(|t| t["r_engine_stats"]["pages_accessed"].as_u64()).sum();
    let told: u64 = nodes.iter().filter_map(|n| n.self_pages.accessed()).sum();
    assert_eq!(told, pages, "{statement}\n{json}");
    for t in tables {
        let (Some(name), Some(loops), Some(rows)) = (t["table_name"].as_str(), t["r_loops"].as_f64(), t["r_rows"].as_f64()) else {
            continue;
        };
        if loops == 0.0 {
            continue;
        }
        let kept = loops * rows * t["r_filtered"].as_f64().unwrap_or(100.0) / 100.0;
        let near = |n: f64| (n - kept).abs() <= 1e-6 * kept.max(1.0);
        let of = |n: &holdpoint::model::plan::PlanNode| n.relation.as_deref() == Some(name) && n.loops == Some(loops);
        assert!(nodes.iter().any(|n| of(n) && n.rows_total.is_some_and(near)), "{statement}: {name} kept {kept}\n{json}");
    }
}

/// How often a statement is measured until its times add up.
const RUNS: usize = 10;

#[test]
fn mariadbs_blocks_add_up_for_every_kind_and_for_generated_statements() {
    let maria = support::maria::MariaServer::shared();
    shop(maria, "plans");
    let generated = generated(170);
    let mut timed = 0;
    for statement in BLOCKS.iter().copied().chain(generated.iter().map(String::as_str)) {
        // The server reads its clocks one after the other: where it loses the processor in between, one of them counts what
        // the other does not. Wrong arithmetic is wrong in every run, so one of several has to add up.
        let mut off = Vec::new();
        for _ in 0..RUNS {
            // The client's batch mode, which escapes line feeds.
            let raw = maria.sql("plans", &format!("start transaction; analyze format=json {statement}; rollback"));
            let found = holdpoint::plan::detect::read(&raw, None).unwrap_or_else(|e| panic!("{statement}: {e:?}\n{raw}"));
            assert_eq!((found.form, found.count), ("MariaDB JSON", 1), "{statement}");
            assert!(found.plan.analyzed || found.plan.root.total_ms.is_none(), "{statement}");
            off = times_off(statement, &found.plan);
            recomputed(statement, &raw, &found.plan);
            if off.is_empty() {
                timed += usize::from(found.plan.root.total_ms.is_some());
                break;
            }
        }
        assert!(off.is_empty(), "{statement}: {off:?}");
        let raw = maria.sql("plans", &format!("explain format=json {statement}"));
        let estimated = holdpoint::plan::detect::read(&raw, None).unwrap_or_else(|e| panic!("{statement}: {e:?}\n{raw}")).plan;
        assert_eq!((estimated.engine.as_str(), estimated.analyzed, estimated.root.total_ms), ("MariaDB", false, None), "{statement}");
    }
    assert!(timed >= 200, "{timed} plans had times");
}

#[test]
fn mariadb_tells_the_pages_and_what_a_write_did() {
    let maria = support::maria::MariaServer::shared();
    shop(maria, "plan_pages");
    let plan = |statement: &str| {
        let raw = maria.sql("plan_pages", &format!("start transaction; analyze format=json {statement}; rollback"));
        holdpoint::plan::detect::read(&raw, None).unwrap_or_else(|e| panic!("{e:?}\n{raw}")).plan
    };
    let p = plan("select count(*) from o where note like '%9'");
    let scan = p.root.at(&[0]).expect("scan");
    assert!(scan.self_pages.hit.is_some_and(|h| h > 10), "{scan:?}");
    assert_eq!((scan.self_pages.dirtied, p.root.pages), (Some(0), scan.self_pages));
    assert_eq!((p.root.self_pages.hit, scan.self_pages.temp_read), (None, None));
    assert_eq!((scan.loops, scan.rows_total, scan.removed.filter), (Some(1.0), Some(2000.0), Some(18_000.0)));
    // A subquery whose value finds one row by its key runs while the statement is planned.
    let p = plan("select * from o where id = (select max(id) - 1 from o o2 where o2.note like '%9')");
    let below: f64 = p.root.children.iter().filter_map(|c| c.total_ms.or(c.self_ms)).sum();
    let (total, planning) = (p.root.total_ms.expect("a time"), p.planning_ms.expect("planning"));
    assert!(total >= 0.9 * below && total > planning && p.execution_ms == Some(total), "{below} of {total}, {planning} to plan: {p:#?}");
    let p = plan("update o set note = 'x' where total > 900");
    assert_eq!((p.root.op.as_str(), p.root.loops), ("update", Some(1.0)));
    let scan = p.root.at(&[0]).expect("scan");
    assert!(scan.self_pages.dirtied.is_some_and(|d| d > 0) && scan.estimate_error.is_none() && scan.estimate_doubt.is_some(), "{scan:?}");
    assert_eq!((scan.loops, scan.rows_total.map(f64::round)), (Some(1.0), Some(1520.0)));
}

#[test]
fn sqlites_run_tells_loops_rows_and_shares_of_cycles() {
    let home = tempfile::tempdir().expect("home");
    let file = home.path().join("shop.db");
    let db = rusqlite::Connection::open(&file).expect("database");
    db.execute_batch(
        "create table c(id integer primary key, name, region); create table o(id integer primary key, c_id, total);
         insert into c with recursive r(n) as (select 1 union all select n+1 from r where n<1000) select n, 'n'||n, n%10 from r;
         insert into o with recursive r(n) as (select 1 union all select n+1 from r where n<20000) select n, 1+n%1000, n%977 from r;
         create index fk on o(c_id); analyze;",
    )
    .expect("tables");
    drop(db);
    let explain = |statement: &str, analyze: bool| -> Value {
        let mut c = support::command(home.path());
        c.args(["explain", file.to_str().expect("path"), statement, "--format", "json"]).args(analyze.then_some("--analyze"));
        let out = c.output().expect("holdpoint");
        assert!(out.status.success(), "{statement}: {}", text(&out.stderr));
        serde_json::from_slice(&out.stdout).expect("JSON")
    };
    let number = |n: &Value, key: &str| n[key].as_f64();
    let join = "select c.name, count(*) n from c join o on o.c_id = c.id where c.region = 3 group by c.name order by n desc";
    let d = explain(join, true);
    let nodes = d["nodes"].as_array().expect("nodes");
    let search = nodes.iter().find(|n| n["raw_op"].as_str().is_some_and(|w| w.starts_with("SEARCH"))).expect("search");
    assert!(number(search, "loops").is_some_and(|l| l >= 100.0) && number(search, "rows_total").is_some(), "{search}");
    assert!(number(search, "estimated_rows").is_some() && number(search, "estimate_error").is_some(), "{search}");
    assert!(d["counters"]["vm steps"].as_u64().is_some_and(|n| n > 1000), "{}", d["counters"]);
    // Where the processor has a counter of cycles, each line has its share, all of them the statement's time.
    if cfg!(target_arch = "x86_64") {
        assert!(search["approximate"] == true && search["attrs"]["share of cycles"].is_string(), "{search}");
        let sum: f64 = nodes.iter().filter_map(|n| number(n, "self_ms")).sum();
        let total = d["execution_ms"].as_f64().expect("execution");
        assert!((sum - total).abs() < 1e-6 * total.max(1.0), "{sum} ≠ {total}");
    }
    // What the plan without a run tells is the same tree, without figures.
    let lines = |d: &Value| -> Vec<String> {
        let all = d["nodes"].as_array().expect("nodes").iter().filter_map(|n| n["raw_op"].as_str().map(str::to_string));
        all.filter(|w| !w.starts_with("CREATE AUTOMATIC")).collect()
    };
    for statement in [
        join,
        "with t as materialized (select c_id, sum(total) s from o group by c_id) select a.c_id from t a join t b on a.c_id = b.c_id + 1",
        "select id from c union select c_id from o",
        "select id, (select count(*) from o where o.c_id = c.id) from c where id in (select c_id from o where total = 5)",
        "select * from o where c_id = 5 or id = 7",
        "with recursive r(n) as (select 1 union all select n+1 from r where n < 100) select count(*) from r",
        "select * from c left join (select name nn from c where id < 50) d on d.nn = c.name",
        "select 1",
    ] {
        let (planned, run) = (explain(statement, false), explain(statement, true));
        assert_eq!(lines(&planned), lines(&run), "{statement}");
        assert!(planned["nodes"].as_array().expect("nodes").iter().all(|n| n["loops"].is_null() && n["self_ms"].is_null()), "{planned}");
        for n in run["nodes"].as_array().expect("nodes") {
            assert!(number(n, "self_ms").is_none_or(|ms| ms >= 0.0), "{statement}: {n}");
            if n["never_executed"] == true {
                assert!(n["loops"].is_null() && n["rows_total"].is_null() && n["self_ms"].is_null(), "{statement}: {n}");
            }
        }
    }
    let never = explain("select * from o join c on c.id = o.c_id where o.id < 0", true);
    let inner = never["nodes"].as_array().expect("nodes").iter().find(|n| n["never_executed"] == true).expect("never executed");
    assert!(inner["raw_op"].as_str().is_some_and(|w| w.contains(" c ")), "{inner}");
}

/// SQLite's own words for a statement: the rows of EXPLAIN QUERY PLAN with their depth, and the counters of a run.
fn told_by_sqlite(db: &rusqlite::Connection, statement: &str) -> (Vec<(usize, String)>, [i32; 3]) {
    use rusqlite::StatementStatus::{FullscanStep, Sort, VmStep};
    let mut plan = db.prepare(&format!("explain query plan {statement}")).expect("plan");
    let rows = plan.query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, String>(3)?))).expect("rows");
    let mut depths = std::collections::BTreeMap::from([(0, 0)]);
    let lines = rows.map(|row| {
        let (id, parent, detail) = row.expect("row");
        let depth = depths[&parent];
        depths.insert(id, depth + 1);
        (depth, detail)
    });
    let lines = lines.collect();
    let mut run = db.prepare(statement).expect("statement");
    let mut rows = run.query([]).expect("run");
    while rows.next().expect("row").is_some() {}
    drop(rows);
    (lines, [FullscanStep, Sort, VmStep].map(|s| run.get_status(s)))
}

#[test]
fn sqlites_plans_of_generated_statements_are_as_sqlite_tells_them() {
    let home = tempfile::tempdir().expect("home");
    let file = home.path().join("shop.db");
    let db = rusqlite::Connection::open(&file).expect("database");
    db.execute_batch(
        "create table c(id integer primary key, name text, region int); create table o(id integer primary key, c_id int, total int, state text, note text);
         create table i(o_id int, n int, price int, primary key(o_id, n)) without rowid;
         insert into c with recursive r(n) as (select 1 union all select n+1 from r where n<500) select n, 'n'||n, n%10 from r;
         insert into o with recursive r(n) as (select 1 union all select n+1 from r where n<6000) select n, 1+n%500, n%977, case n%3 when 0 then 'paid' else 'open' end, 'n'||n from r;
         insert into i select o.id, k.n, (o.id*7+k.n*13)%1000 from o, (select 1 n union all select 2 union all select 3) k;
         create index fk on o(c_id); create index region on c(region); analyze;",
    )
    .expect("tables");
    let mut measured = 0;
    for statement in generated(480).into_iter().step_by(2) {
        let (lines, counters) = told_by_sqlite(&db, &statement);
        let mut c = support::command(home.path());
        c.args(["explain", file.to_str().expect("path"), &statement, "--analyze", "--anyway", "--format", "json"]);
        let out = c.output().expect("holdpoint");
        assert!(out.status.success(), "{statement}: {}", text(&out.stderr));
        let d: Value = serde_json::from_slice(&out.stdout).expect("JSON");
        let nodes = d["nodes"].as_array().expect("nodes");
        let path = |n: &Value| n["path"].as_array().expect("path").len();
        // Below a root of ours.
        let own = nodes[1..].iter().map(|n| (path(n) - 1, n["raw_op"].as_str().expect("words").to_string()));
        // A run tells what was made for it, too.
        let own: Vec<(usize, String)> = own.filter(|(_, words)| !words.starts_with("CREATE AUTOMATIC")).collect();
        assert_eq!(own, lines, "{statement}");
        let counter = |name: &str| d["counters"][name].as_i64();
        assert_eq!(
            (counter("full-scan steps"), counter("sorts")),
            (Some(counters[0].into()), Some(counters[1].into())),
            "{statement}: {}",
            d["counters"]
        );
        assert!(counter("vm steps").is_some_and(|n| n >= i64::from(counters[2]) / 2), "{statement}: {} {counters:?}", d["counters"]);
        let sum: f64 = nodes.iter().filter_map(|n| n["self_ms"].as_f64()).sum();
        if let Some(total) = d["execution_ms"].as_f64().filter(|_| nodes.iter().any(|n| n["self_ms"].is_number())) {
            measured += 1;
            assert!((sum - total).abs() < 1e-6 * total.max(1.0), "{statement}: {sum} ≠ {total}");
        }
        for n in nodes {
            assert!(
                n["never_executed"] != true || n["loops"].is_null() && n["rows_total"].is_null() && n["self_ms"].is_null(),
                "{statement}: {n}"
            );
        }
    }
    assert!(measured >= 200 || !cfg!(target_arch = "x86_64"), "{measured}");
}

#[test]
fn the_plan_of_a_running_statement_is_told_by_mariadb() {
    let maria = support::maria::MariaServer::shared();
    shop(maria, "plan_running");
    let home = tempfile::tempdir().expect("home");
    let explain = |args: &[&str]| {
        let mut c = support::command(home.path());
        c.args(["explain", &maria.url("plan_running")]).args(args).stdin(Stdio::null());
        c.output().expect("holdpoint")
    };
    // A statement that runs for hours, in a client of its own; it ends with its session.
    let long = std::thread::spawn({
        let socket = maria.socket.clone();
        move || {
            let mut c = std::process::Command::new("mariadb");
            c.args(["--no-defaults", "-u", "root", "plan_running", "-e", "select count(*) from o a, o b, c where a.note < b.note"]);
            c.arg(format!("--socket={}", socket.display())).stdout(Stdio::null()).stderr(Stdio::null());
            c.status().expect("mariadb")
        }
    });
    let mut id = String::new();
    support::wait_until("the statement runs", || {
        let found = maria.sql("", "select id from information_schema.processlist where info like 'select count(*) from o a, o b%'");
        id = found.trim().to_string();
        !id.is_empty()
    });
    let mut document = Value::Null;
    support::wait_until("its plan is told with rows counted", || {
        let out = explain(&["--running", &id, "--format", "json"]);
        document = serde_json::from_slice(&out.stdout).unwrap_or(Value::Null);
        document["nodes"].as_array().is_some_and(|n| n.iter().any(|n| n["rows_total"].as_f64().is_some_and(|r| r > 0.0)))
    });
    let nodes = document["nodes"].as_array().expect("nodes");
    assert!(nodes.iter().any(|n| n["relation"] == "b") && nodes.iter().all(|n| n["self_ms"].is_null()), "{document}");
    assert!(nodes.iter().all(|n| n["estimate_error"].is_null()) && document["execution_ms"].is_null(), "{document}");
    assert!(document["remarks"][0].as_str().is_some_and(|r| r.starts_with("still running, ")), "{}", document["remarks"]);
    maria.sql("", &format!("kill {id}"));
    assert!(!long.join().expect("client").success());
    support::wait_until("the session is gone", || {
        let out = explain(&["--running", &id]);
        assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
        text(&out.stderr).contains(&format!("there is no session {id}"))
    });
    // Progress: nothing long runs.
    let out = explain(&["--progress"]);
    assert!(out.status.success() && out.stdout.is_empty(), "{}{}", text(&out.stdout), text(&out.stderr));
    assert!(text(&out.stderr).contains("no long command"), "{}", text(&out.stderr));
}

#[test]
fn postgresql_says_that_it_tells_no_running_plan_and_shows_progress() {
    let pg = support::pg::PgServer::shared();
    pg.create_database("plan_progress");
    let home = tempfile::tempdir().expect("home");
    let explain = |args: &[&str]| {
        let mut c = support::command(home.path());
        c.args(["explain", &pg.url("plan_progress")]).args(args).stdin(Stdio::null());
        c.output().expect("holdpoint")
    };
    let out = explain(&["--running", "12"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(
        text(&out.stderr).contains("has no command that tells the plan") && text(&out.stderr).contains("auto_explain"),
        "{}",
        text(&out.stderr)
    );
    let out = explain(&["--progress"]);
    assert!(out.status.success() && text(&out.stderr).contains("no long command"), "{}", text(&out.stderr));
    // An index that waits for a transaction is a command in progress.
    pg.psql("plan_progress", "create table t as select g a from generate_series(1, 1000) g");
    let mut writer = pg.psql_in_background("plan_progress", "begin; insert into t values (1); select pg_sleep(600)");
    let count = |of: &str| pg.psql("plan_progress", &format!("select count(*) from {of} and datname = 'plan_progress'")).trim().to_string();
    support::wait_until("the writer has written", || {
        count("pg_stat_activity where query like '%pg_sleep(600)' and backend_xid is not null") == "1"
    });
    let mut index = pg.psql_in_background("plan_progress", "create index concurrently t_a on t(a)");
    let mut rows = Value::Null;
    support::wait_until("the index waits for the writer", || {
        rows = serde_json::from_slice(&explain(&["--progress", "--format", "json"]).stdout).unwrap_or(Value::Null);
        rows[0]["phase"].as_str().is_some_and(|p| p.starts_with("waiting"))
    });
    assert_eq!(
        (rows[0]["command"].as_str(), rows[0]["relation"].as_str()),
        (Some("CREATE INDEX CONCURRENTLY"), Some("public.t")),
        "{rows}"
    );
    assert!(
        rows[0]["statement"].as_str().is_some_and(|s| s.starts_with("create index")) && rows.as_array().map(Vec::len) == Some(1),
        "{rows}"
    );
    pg.psql(
        "plan_progress",
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'plan_progress' and pid <> pg_backend_pid()",
    );
    let _ = (writer.wait(), index.wait());
    let file = home.path().join("sqlite.db");
    rusqlite::Connection::open(&file).expect("database").execute_batch("create table t(a)").expect("table");
    let mut c = support::command(home.path());
    let out = c.args(["explain", file.to_str().expect("path"), "--progress"]).output().expect("holdpoint");
    assert!(text(&out.stderr).contains("SQLite has no server"), "{}", text(&out.stderr));
}

/// Nobody is left to cancel it: the server sees by itself that its client is gone.
#[test]
fn a_statement_that_is_measured_ends_with_a_client_that_was_killed() {
    let pg = support::pg::PgServer::shared();
    pg.create_database("plan_killed");
    let home = tempfile::tempdir().expect("home");
    let mut c = support::command(home.path());
    c.args([
        "explain",
        &pg.url("plan_killed"),
        "select count(*) from generate_series(1, 100000) a, generate_series(1, 1000000) b where a + b = 3",
    ]);
    let mut client =
        c.args(["--analyze", "--anyway"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("holdpoint");
    let running = || {
        let of =
            "select count(*) from pg_stat_activity where datname = 'plan_killed' and state = 'active' and query like 'EXPLAIN %ANALYZE%'";
        pg.psql("plan_killed", &format!("{of} and pid <> pg_backend_pid()")).trim().to_string()
    };
    support::wait_until("it is measured", || running() == "1");
    client.kill().expect("kill");
    client.wait().expect("wait");
    support::wait_until("the server has ended it", || running() == "0");
}

#[test]
fn what_is_expected_to_be_costly_is_not_measured_unless_asked() {
    let home = tempfile::tempdir().expect("home");
    let server = support::maria::MariaServer::shared();
    let database = "costly";
    server.create_database(database);
    server.sql(database, "create table t (id int primary key, v int); insert into t select seq, seq from seq_1_to_2000");
    let config = home.path().join("config/holdpoint/config.toml");
    std::fs::create_dir_all(config.parent().expect("directory")).expect("directory");
    let target = |limits: &str| {
        let text = format!(
            "[targets.t]\nengine = \"mysql\"\nsocket = {:?}\nuser = \"root\"\ndatabase = {database:?}\n{limits}\n",
            server.socket.to_str().expect("path")
        );
        std::fs::write(&config, text).expect("config");
    };
    let run = |more: &[&str]| {
        let mut c = support::command(home.path());
        c.args(["explain", "t", "select * from t where v > 7", "--analyze"]).args(more);
        c.output().expect("holdpoint runs")
    };
    for limits in ["analyze_cost = 0", "analyze_load = 0"] {
        target(limits);
        let held = run(&[]);
        assert_eq!(held.status.code(), Some(4), "{limits}: {}", text(&held.stderr));
        assert!(text(&held.stderr).contains("--anyway"), "{}", text(&held.stderr));
        assert!(held.stdout.is_empty());
        let measured = run(&["--anyway"]);
        assert!(measured.status.success() && text(&measured.stderr).contains("analyzed"), "{}", text(&measured.stderr));
    }
    target("");
    assert!(run(&[]).status.success());
}

/// MariaDB before 11 tells no cost of these, MySQL's leaves the subqueries out: it is reckoned by the rows that they expect.
#[test]
fn a_subquery_for_each_row_is_asked_about_and_one_that_runs_once_is_not() {
    let home = tempfile::tempdir().expect("home");
    let server = support::maria::MariaServer::shared();
    let database = "costly_inside";
    server.create_database(database);
    server.sql(
        database,
        &format!(
            "create table t (id int primary key, v int); insert into t select seq, seq from {}; analyze table t",
            support::maria::MariaServer::numbers(2000)
        ),
    );
    let config = home.path().join("config/holdpoint/config.toml");
    std::fs::create_dir_all(config.parent().expect("directory")).expect("directory");
    let socket = server.socket.to_str().expect("path");
    let limit = "analyze_cost = 100000";
    let of = format!("[targets.t]\nengine = \"mysql\"\nsocket = {socket:?}\nuser = \"root\"\ndatabase = {database:?}\n{limit}\n");
    std::fs::write(&config, of).expect("config");
    let run = |sql: &str| support::command(home.path()).args(["explain", "t", sql, "--analyze"]).output().expect("holdpoint runs");
    for sql in [
        "select id, (select max(b.v + a.v) from t b) from t a",
        "select count(*) from t a where (select count(*) from t b where b.v > a.v) > 5",
    ] {
        let held = run(sql);
        assert_eq!(held.status.code(), Some(4), "{sql}: {}", text(&held.stderr));
        assert!(text(&held.stderr).contains("may cost"), "{sql}: {}", text(&held.stderr));
    }
    for sql in [
        "select count(*) from t where v > (select avg(v) from t)",
        "select id from t union all select v from t",
        "select * from t join (select v, count(*) n from t group by v) d on d.v = t.id",
    ] {
        let ran = run(sql);
        assert!(ran.status.success(), "{sql}: {}", text(&ran.stderr));
    }
}
