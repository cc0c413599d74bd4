//! What logs and tools put around plans: read as if it were not there.

use crate::plan::postgres::read;

const ENTRY: [&str; 6] = [
    "Query Text: select *",
    "from t where a = 1",
    "Limit  (cost=0.00..10.00 rows=10 width=4) (actual time=0.010..12.000 rows=10 loops=1)",
    "  ->  Seq Scan on t  (cost=0.00..20.00 rows=20 width=4) (actual time=0.010..11.000 rows=10 loops=1)",
    "        Filter: (a = 1)",
    "        Rows Removed by Filter: 7",
];
const HEAD: &str = "2026-11-20 10:00:01.123 UTC [4711] postgres@shop LOG:  duration: 12.345 ms  plan:";

fn is_whole(text: &str) {
    let p = read(text).unwrap_or_else(|e| panic!("{e}:\n{text}"));
    assert_eq!((p.root.raw_op.as_str(), p.root.total_ms, p.execution_ms), ("Limit", Some(12.0), Some(12.345)), "{text}");
    let scan = &p.root.children[0];
    assert_eq!((scan.relation.as_deref(), scan.removed.filter, scan.total_ms), (Some("t"), Some(7.0), Some(11.0)), "{text}");
    assert_eq!(p.statement.as_deref(), Some("select *\nfrom t where a = 1"), "{text}");
}

/// An entry as syslog has it: each line with a stamp, tabs as it writes them, others' lines between.
fn syslog(tab: &str, between: &str) -> String {
    let stamp = |n: usize| format!("Nov 20 10:00:01 db1 postgres[4711]: [5-{n}] ");
    let mut out = format!("Nov 20 10:00:00 db1 postgres[4711]: [4-1] LOG:  checkpoint starting: time\n{}{HEAD}\n", stamp(1));
    for (n, line) in ENTRY.iter().enumerate() {
        out.push_str(&format!("{}{tab}{line}\n{between}", stamp(n + 2)));
    }
    out.push_str("Nov 20 10:00:02 db1 postgres[4711]: [6-1] LOG:  checkpoint complete\n");
    out
}

#[test]
fn syslog_stamps_each_line() {
    let other = "Nov 20 10:00:01 db1 postgres[99]: [5-2] #011  ->  Seq Scan on other  (cost=0.00..20.00 rows=20 width=4)\nNov 20 10:00:01 db1 sshd[7]: session opened\n";
    for tab in ["#011", "\t", ""] {
        for between in ["", other] {
            is_whole(&syslog(tab, between));
        }
    }
    // A line longer than syslog takes goes on in the next one, without a tab.
    let text = syslog("#011", "").replace(
        "(cost=0.00..20.00 rows=20 width=4) (actual",
        "(cost=0.00..20.00 rows=20 wi\nNov 20 10:00:01 db1 postgres[4711]: [5-55] dth=4) (actual",
    );
    is_whole(&text);
}

/// `log_line_prefix = '%t [%p]: [%l-1] user=%u,db=%d '` numbers the lines of the log itself, in the form that syslog has.
#[test]
fn a_prefix_with_the_counter_of_lines_is_no_syslog() {
    for prefix in ["", "user=u,db=d,app=psql,client=[local] ", "u@d "] {
        let line = |n: usize, pid: u32, what: &str| format!("2026-11-23 22:12:39 UTC [{pid}]: [{n}-1] {prefix}LOG:  {what}\n");
        let mut text = line(1, 4711, "connection received: host=[local]") + &line(2, 4711, "duration: 12.345 ms  plan:");
        text.extend(ENTRY.iter().map(|l| format!("\t{l}\n")));
        is_whole(&text);
        text.push_str(&line(1, 99, "checkpoint starting: time"));
        text.push_str(&line(3, 4711, "duration: 1.000 ms  plan:"));
        text.push_str("\tQuery Text: select 2\n\tResult  (cost=0.00..0.01 rows=1 width=4) (actual time=0.001..0.002 rows=1 loops=1)\n");
        is_whole(&text);
    }
}

#[test]
fn journald_and_container_runtimes_stamp_each_line() {
    for (stamp, other) in [
        ("Nov 22 02:00:00 host postgres[4711]: ", "Nov 22 02:00:00 host postgres[99]: LOG:  checkpoint starting: time\n"),
        ("2026-11-22T02:00:00.123456789Z stderr F ", ""),
    ] {
        let lines = HEAD.lines().map(str::to_string).chain(ENTRY.iter().map(|l| format!("\t{l}")));
        is_whole(&lines.map(|l| format!("{stamp}{l}\n{other}")).collect::<String>());
    }
}

#[test]
fn docker_compose_names_the_service_before_each_line() {
    let lines: Vec<String> = std::iter::once(HEAD.to_string()).chain(ENTRY.iter().map(|l| format!("\t{l}"))).collect();
    let after = "2026-11-20 10:00:02.123 UTC [4711] LOG:  checkpoint starting: time";
    is_whole(&lines.iter().map(String::as_str).chain([after]).map(|l| format!("db-1  | {l}\n")).collect::<String>());
    let json = "{\n  \"Query Text\": \"select 1\",\n  \"Plan\": {\n    \"Node Type\": \"Result\",\n    \"Actual Total Time\": 0.5,\n    \"Actual Rows\": 1,\n    \"Actual Loops\": 1\n  }\n}";
    let text: String =
        HEAD.lines().map(str::to_string).chain(json.lines().map(|l| format!("\t{l}"))).map(|l| format!("shop_db.1 | {l}\n")).collect();
    assert_eq!(read(&text).unwrap().root.total_ms, Some(0.5));
}

/// The times of a plan within a plan are not the statement's.
#[test]
fn a_task_on_another_server_has_times_of_its_own() {
    let p = read(
        " Custom Scan (Citus Adaptive)  (cost=0.00..0.00 rows=0 width=0) (actual time=20.100..20.200 rows=1 loops=1)
   Task Count: 32
   Tasks Shown: One of 32
   ->  Task
         Node: host=localhost port=9701 dbname=db
         ->  Aggregate  (cost=10.00..10.01 rows=1 width=8) (actual time=1.100..1.101 rows=1 loops=1)
               ->  Seq Scan on orders_102008 orders  (cost=0.00..9.00 rows=400 width=0) (actual time=0.010..0.900 rows=400 loops=1)
             Planning Time: 0.100 ms
             Execution Time: 1.200 ms
 Planning Time: 1.000 ms
 Execution Time: 20.300 ms",
    )
    .unwrap();
    assert_eq!((p.planning_ms, p.execution_ms), (Some(1.0), Some(20.3)));
    let task = &p.root.children[0];
    assert_eq!(task.attrs.get("Remote Execution Time").map(String::as_str), Some("1.200 ms"));
    assert_eq!(task.children[0].children[0].relation.as_deref(), Some("orders_102008"));
}

/// psql in other languages, other clients, chats and mails: what stands below a plan is no part of it.
#[test]
fn what_is_said_below_a_plan_is_none_of_it() {
    let plan = "Sort  (cost=1.00..2.00 rows=1 width=4) (actual time=0.006..0.007 rows=1 loops=1)\n  Sort Key: a\n  ->  Seq Scan on t  (cost=0.00..9.00 rows=5 width=4) (actual time=0.001..0.002 rows=1 loops=1)";
    let whole = crate::plan::postgres::read(plan).unwrap();
    let timed = format!("{plan}\nPlanning Time: 0.1 ms\nExecution Time: 0.3 ms");
    let framed = |foot: &str| format!("    QUERY PLAN    \n------------------\n {}\n{foot}\n", plan.replace('\n', "\n "));
    let mut texts: Vec<String> =
        ["(5 Zeilen)", "(1 Zeile)", "(5 lignes)", "(5 filas)", "(5 строк)", "(5 行)", "(5 行记录)", "(3 rows)\n\nZeit: 0,123 ms"]
            .map(framed)
            .into();
    texts.extend(
        ["\n\nAny idea? -- regards, Bob (2 rows affected)", "\nEXPLAIN\nTime: 0.123s", "```", "\n(5 Zeilen)"]
            .map(|e| format!("{timed}{e}")),
    );
    texts.extend(["\nEXPLAIN 12\nTime: 0.123s", "\nZeit: 0,123 ms"].map(|e| format!("{plan}{e}")));
    texts.push(format!("Bob  [10:12 AM]\n```{plan}```"));
    for text in texts {
        assert_eq!(crate::plan::postgres::read(&text).unwrap_or_else(|e| panic!("{e}\n{text}")).root, whole.root, "{text}");
    }
}

/// A part of a plan would be told with wrong times and pages.
#[test]
fn a_part_of_a_plan_is_refused() {
    let yaml = r#"- Plan:
    Node Type: "Sort"
    Total Cost: 2.00
    Plan Rows: 1
    Plan Width: 4
    Actual Total Time: 0.007
    Actual Rows: 1
    Actual Loops: 1
    Sort Key:
      - "a"
    Shared Hit Blocks: 9
    Temp Written Blocks: 0
    Plans:
      - Node Type: "Seq Scan"
        Parent Relationship: "Outer"
        Relation Name: "t"
        Total Cost: 1.00
        Plan Rows: 1
        Plan Width: 4
        Actual Total Time: 0.002
        Actual Rows: 1
        Actual Loops: 1
        Shared Hit Blocks: 9
        Temp Written Blocks: 0
  Planning Time: 0.1
  Execution Time: 0.3"#;
    let lines: Vec<&str> = yaml.lines().collect();
    for n in 1..=lines.len() {
        let part = read(&lines[..n].join("\n"));
        // Without its times it is whole.
        match n {
            24.. => assert_eq!(part.unwrap().root.children.len(), 1, "{n}"),
            _ => assert!(part.is_err(), "{n}: {}", lines[..n].join("\n")),
        }
    }
    assert!(read(&lines[..12].join("\n")).unwrap_err().message.contains("what Sort reads from is not there"));
    for n in 1..24 {
        assert!(read(&lines[n..].join("\n")).is_err(), "{n}: {}", lines[n..].join("\n"));
    }
    let text = "Limit  (cost=1.00..2.00 rows=1 width=4)\n  ->  Sort  (cost=1.00..2.00 rows=1 width=4)\n        Sort Key: a\n        ->  Seq Scan on t  (cost=0.00..9.00 rows=5 width=4)";
    for n in 1..4 {
        let part: Vec<&str> = text.lines().skip(n).collect();
        assert!(read(&part.join("\n")).unwrap_err().message.contains("beginning of the plan is missing"), "{n}");
    }
    assert!(read(&text.replace("  (cost=1.00..2.00 rows=1 width=4)", "").replace("  (cost=0.00..9.00 rows=5 width=4)", "")).is_ok());
}

/// auto_explain with `client_min_messages = log`: the statement's own rows follow on the screen.
#[test]
fn rows_below_a_plan_on_the_screen_are_none_of_it() {
    let plan = format!("LOG:  duration: 12.345 ms  plan:\n{}", ENTRY.join("\n"));
    for rows in [" a | b \n---+---\n 1 | 2\n(1 row)\n", " count \n-------\n     5\n(1 row)\n"] {
        is_whole(&format!("{plan}\n{rows}"));
    }
}
