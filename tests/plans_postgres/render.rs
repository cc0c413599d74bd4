//! A plan of PostgreSQL 15 in JSON, written as the server's text format writes it: for reading the same run in both formats.

use serde_json::{Map, Value};
use std::fmt::Write as _;

type Keys = Map<String, Value>;

pub fn text(json: &str) -> String {
    let value: Value = serde_json::from_str(json).expect("JSON");
    let top = value[0].as_object().expect("plan");
    let mut out = String::new();
    node(&mut out, top["Plan"].as_object().expect("root"), 0);
    if let Some(s) = top.get("Settings").and_then(Value::as_object).filter(|s| !s.is_empty()) {
        let all: Vec<String> = s.iter().map(|(k, v)| format!("{k} = '{}'", v.as_str().expect("setting"))).collect();
        writeln!(out, "Settings: {}", all.join(", ")).unwrap();
    }
    if let Some(p) = top.get("Planning").and_then(Value::as_object) {
        let mut inner = String::new();
        buffers(&mut inner, p, 2);
        if !inner.is_empty() {
            write!(out, "Planning:\n{inner}").unwrap();
        }
    }
    if let Some(t) = number(top, "Planning Time") {
        writeln!(out, "Planning Time: {t:.3} ms").unwrap();
    }
    for t in top.get("Triggers").and_then(Value::as_array).into_iter().flatten() {
        let t = t.as_object().expect("trigger");
        let name = match (t.get("Trigger Name"), t.get("Constraint Name")) {
            (Some(n), Some(c)) => format!("{} for constraint {}", words(n), words(c)),
            (Some(n), None) => words(n),
            (_, c) => format!("for constraint {}", words(c.expect("name"))),
        };
        writeln!(out, "Trigger {name} on {}: time={:.3} calls={}", words(&t["Relation"]), number(t, "Time").unwrap(), words(&t["Calls"]))
            .unwrap();
    }
    if let Some(j) = top.get("JIT").and_then(Value::as_object) {
        let t = j["Timing"].as_object().expect("timing");
        let all: Vec<String> = t.iter().map(|(k, v)| format!("{k} {:.3} ms", v.as_f64().unwrap())).collect();
        writeln!(out, "JIT:\n  Functions: {}\n  Options: Inlining true\n  Timing: {}", words(&j["Functions"]), all.join(", ")).unwrap();
    }
    if let Some(t) = number(top, "Execution Time") {
        writeln!(out, "Execution Time: {t:.3} ms").unwrap();
    }
    out
}

fn number(o: &Keys, key: &str) -> Option<f64> {
    o.get(key)?.as_f64()
}

fn words(v: &Value) -> String {
    match v {
        Value::String(s) => s.clone(),
        Value::Array(list) => list.iter().map(words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn quoted(name: &str) -> String {
    let plain =
        name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') && !name.starts_with(|c: char| c.is_ascii_digit());
    if plain { name.into() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// `indent` is the column of the node's arrow.
fn node(out: &mut String, o: &Keys, indent: usize) {
    let pad = |n: usize| " ".repeat(n);
    let mut column = indent;
    if let Some(label) = o.get("Subplan Name") {
        writeln!(out, "{}{}", pad(column), words(label)).unwrap();
        column += 2;
    }
    let arrow = if indent == 0 { String::new() } else { "->  ".into() };
    write!(out, "{}{arrow}{}", pad(column), name(o)).unwrap();
    if let Some(cost) = number(o, "Startup Cost") {
        write!(
            out,
            "  (cost={cost:.2}..{:.2} rows={} width={})",
            number(o, "Total Cost").unwrap(),
            words(&o["Plan Rows"]),
            words(&o["Plan Width"])
        )
        .unwrap();
    }
    match number(o, "Actual Loops") {
        Some(0.0) => write!(out, " (never executed)").unwrap(),
        Some(loops) => write!(out, " (actual {})", figures(o, loops)).unwrap(),
        None => {}
    }
    out.push('\n');
    let inside = if indent == 0 { 2 } else { column + 6 };
    properties(out, o, inside);
    for w in o.get("Workers").and_then(Value::as_array).into_iter().flatten() {
        let w = w.as_object().expect("worker");
        let mut lines = String::new();
        if let Some(loops) = number(w, "Actual Loops") {
            writeln!(lines, "{}actual {}", pad(inside + 2), figures(w, loops)).unwrap();
        }
        properties(&mut lines, w, inside + 2);
        if !lines.is_empty() {
            writeln!(out, "{}Worker {}:  {}", pad(inside), words(&w["Worker Number"]), lines.trim_start().trim_end()).unwrap();
        }
    }
    for c in o.get("Plans").and_then(Value::as_array).into_iter().flatten() {
        node(out, c.as_object().expect("node"), inside);
    }
}

fn figures(o: &Keys, loops: f64) -> String {
    let time = number(o, "Actual Total Time").map(|t| format!("time={:.3}..{t:.3} ", number(o, "Actual Startup Time").unwrap()));
    format!("{}rows={} loops={loops}", time.unwrap_or_default(), words(&o["Actual Rows"]))
}

fn name(o: &Keys) -> String {
    let get = |k: &str| o.get(k).and_then(Value::as_str);
    let kind = get("Node Type").expect("node type");
    let mut out = String::new();
    if o.get("Parallel Aware") == Some(&Value::Bool(true)) {
        out.push_str("Parallel ");
    }
    match kind {
        "Aggregate" => {
            if let Some(mode @ ("Partial" | "Finalize")) = get("Partial Mode") {
                out.push_str(mode);
                out.push(' ');
            }
            out.push_str(match get("Strategy") {
                Some("Hashed") => "HashAggregate",
                Some("Sorted") => "GroupAggregate",
                Some("Mixed") => "MixedAggregate",
                _ => "Aggregate",
            });
        }
        "ModifyTable" => out.push_str(get("Operation").unwrap()),
        "SetOp" => {
            let hashed = if get("Strategy") == Some("Hashed") { "HashSetOp" } else { "SetOp" };
            write!(out, "{hashed} {}", get("Command").unwrap()).unwrap();
        }
        "Nested Loop" | "Hash Join" | "Merge Join" => match get("Join Type").unwrap() {
            "Inner" => out.push_str(kind),
            join => write!(out, "{} {join} Join", kind.trim_end_matches(" Join")).unwrap(),
        },
        _ => out.push_str(kind),
    }
    if get("Scan Direction") == Some("Backward") {
        out.push_str(" Backward");
    }
    if kind == "Bitmap Index Scan" {
        write!(out, " on {}", quoted(get("Index Name").unwrap())).unwrap();
    } else if let Some(i) = get("Index Name") {
        write!(out, " using {}", quoted(i)).unwrap();
    }
    let thing = ["Relation Name", "CTE Name", "Function Name", "Tuplestore Name"].into_iter().find_map(get);
    let schema = get("Schema").map(|s| format!("{}.", quoted(s))).unwrap_or_default();
    match (thing, get("Alias")) {
        (Some(t), Some(a)) if t == a => write!(out, " on {schema}{}", quoted(t)).unwrap(),
        (Some(t), alias) => write!(out, " on {schema}{} {}", quoted(t), alias.map(quoted).unwrap_or_default()).unwrap(),
        (None, Some(a)) => write!(out, " on {}", quoted(a)).unwrap(),
        _ => {}
    }
    out.trim_end().into()
}

const TOLD: [&str; 24] = [
    "Output",
    "Index Cond",
    "Recheck Cond",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "Filter",
    "One-Time Filter",
    "Order By",
    "Sort Key",
    "Presorted Key",
    "Group Key",
    "Cache Key",
    "Cache Mode",
    "Run Condition",
    "Function Call",
    "Conflict Filter",
    "Inner Unique",
    "Workers Planned",
    "Workers Launched",
    "Params Evaluated",
    "Subplans Removed",
    "Heap Fetches",
    "Conflict Resolution",
];

fn properties(out: &mut String, o: &Keys, column: usize) {
    let pad = " ".repeat(column);
    for key in TOLD {
        if let Some(v) = o.get(key) {
            writeln!(out, "{pad}{key}: {}", words(v)).unwrap();
        }
    }
    // The text leaves out what is zero.
    for key in ["Rows Removed by Filter", "Rows Removed by Join Filter", "Rows Removed by Index Recheck"] {
        if let Some(v) = o.get(key).filter(|v| v.as_f64() != Some(0.0)) {
            writeln!(out, "{pad}{key}: {}", words(v)).unwrap();
        }
    }
    if let Some(m) = o.get("Sort Method") {
        writeln!(out, "{pad}Sort Method: {}  {}: {}kB", words(m), words(&o["Sort Space Type"]), words(&o["Sort Space Used"])).unwrap();
    }
    if let Some(b) = o.get("Hash Buckets") {
        writeln!(
            out,
            "{pad}Buckets: {}  Batches: {}  Memory Usage: {}kB",
            words(b),
            words(&o["Hash Batches"]),
            words(&o["Peak Memory Usage"])
        )
        .unwrap();
    }
    if let Some(b) = o.get("HashAgg Batches") {
        writeln!(
            out,
            "{pad}Batches: {}  Memory Usage: {}kB  Disk Usage: {}kB",
            words(b),
            words(&o["Peak Memory Usage"]),
            words(&o["Disk Usage"])
        )
        .unwrap();
    }
    if let Some(h) = o.get("Cache Hits").filter(|_| o["Cache Misses"].as_f64() != Some(0.0)) {
        writeln!(
            out,
            "{pad}Hits: {}  Misses: {}  Evictions: {}  Overflows: {}  Memory Usage: {}kB",
            words(h),
            words(&o["Cache Misses"]),
            words(&o["Cache Evictions"]),
            words(&o["Cache Overflows"]),
            words(&o["Peak Memory Usage"])
        )
        .unwrap();
    }
    if let (Some(exact), Some(lossy)) = (number(o, "Exact Heap Blocks"), number(o, "Lossy Heap Blocks"))
        && exact + lossy > 0.0
    {
        writeln!(out, "{pad}Heap Blocks: exact={exact} lossy={lossy}").unwrap();
    }
    buffers(out, o, column);
    let wal: Vec<String> = [("WAL Records", "records"), ("WAL FPI", "fpi"), ("WAL Bytes", "bytes")]
        .into_iter()
        .filter_map(|(k, name)| number(o, k).filter(|v| *v > 0.0).map(|v| format!("{name}={v}")))
        .collect();
    if !wal.is_empty() {
        writeln!(out, "{pad}WAL: {}", wal.join(" ")).unwrap();
    }
}

fn buffers(out: &mut String, o: &Keys, column: usize) {
    let mut kinds = Vec::new();
    for kind in ["Shared", "Local", "Temp"] {
        let told: Vec<String> = ["Hit", "Read", "Dirtied", "Written"]
            .into_iter()
            .filter_map(|what| {
                number(o, &format!("{kind} {what} Blocks")).filter(|v| *v > 0.0).map(|v| format!("{}={v}", what.to_lowercase()))
            })
            .collect();
        if !told.is_empty() {
            kinds.push(format!("{} {}", kind.to_lowercase(), told.join(" ")));
        }
    }
    if !kinds.is_empty() {
        writeln!(out, "{}Buffers: {}", " ".repeat(column), kinds.join(", ")).unwrap();
    }
    let waits: Vec<String> = ["Read", "Write"]
        .into_iter()
        .filter_map(|what| number(o, &format!("I/O {what} Time")).filter(|v| *v > 0.0).map(|v| format!("{}={v:.3}", what.to_lowercase())))
        .collect();
    if !waits.is_empty() {
        writeln!(out, "{}I/O Timings: shared/local {}", " ".repeat(column), waits.join(" ")).unwrap();
    }
}
