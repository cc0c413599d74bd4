//! From keys to nodes: what each key of PostgreSQL means in the neutral model.

mod actuals;
mod names;

use self::actuals::{Actual, actuals, counter};
use self::names::{neutral, raw_op};
use super::sheet::Sheet;
use super::value::{Keys, Value, get, take};
use super::{charge, estimate};
use crate::model::Dialect;
use crate::model::plan::{Io, Jit, Pages, Plan, PlanNode, Role, Trigger, Wal};
use crate::plan::expression::sort_keys;

/// What the arithmetic needs of a node beside the node.
pub(super) struct Facts {
    pub parent: Option<usize>,
    /// `Seq Scan`, `Gather Merge`: without the words that stand in keys of their own.
    pub kind: String,
    pub parallel_aware: bool,
    /// A Gather whose work is done by one worker alone.
    pub single_copy: bool,
    /// `Partial`, `Finalize`.
    pub partial_mode: String,
    pub join_type: String,
    pub inner_unique: bool,
    /// Name of the CTE that a CTE Scan reads.
    pub reads_cte: Option<String>,
    /// Milliseconds that its workers compiled, where each is told.
    pub workers_jit: Option<f64>,
    /// Expressions by key, for finding who pulls an InitPlan.
    pub expressions: Vec<(&'static str, String)>,
}

/// Keys that state a condition or an order, in the order in which they matter.
const CONDITIONS: [&str; 19] = [
    "Index Cond",
    "Recheck Cond",
    "TID Cond",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "Filter",
    "One-Time Filter",
    "Order By",
    "Sort Key",
    "Presorted Key",
    "Group Key",
    "Hash Key",
    "Grouping Sets",
    "Cache Key",
    "Run Condition",
    "Function Call",
    "Conflict Filter",
    "Remote SQL",
];

/// Keys that name no condition and may mention a parameter.
const MENTIONS: [&str; 6] = ["Output", "Params Evaluated", "Conflict Resolution", "Merge Action", "Table Function Call", "Repeatable Seed"];

/// The plan of a sheet.
pub(super) fn plan(sheet: Sheet<'_>, version: &str, raw: &str) -> Plan {
    let Sheet { nodes: drafts, mut top, zeros_left_out, remarks } = sheet;
    let mut plan = Plan { engine: "PostgreSQL".into(), version: version.into(), raw: raw.into(), remarks, ..Plan::default() };
    let mut nodes = Vec::with_capacity(drafts.len());
    let mut facts: Vec<Facts> = Vec::with_capacity(drafts.len());
    for d in drafts {
        let (mut n, f) = node(d.parent, d.keys);
        // Up to 13 what a write reads is called a member, but not in the text.
        let above: Option<&Facts> = d.parent.and_then(|p| facts.get(p));
        if n.role == Role::Member && above.is_some_and(|a| a.kind == "ModifyTable") {
            n.role = Role::Outer;
        }
        nodes.push(n);
        facts.push(f);
    }
    plan.analyzed = nodes.iter().any(|n: &PlanNode| n.loops.is_some() || n.never_executed);
    if zeros_left_out {
        fill_zeros(&mut nodes);
    }
    read_top(&mut plan, &mut top);
    // The text names the table of a trigger where there are several.
    let mut written = nodes.iter().filter(|n| charge::writes(n));
    if let (Some(one), None) = (written.next(), written.next()) {
        for t in plan.triggers.iter_mut().filter(|t| t.relation.is_none()) {
            // Without its schema, as the JSON has it.
            t.relation = one.relation.as_ref().and_then(|r| r.rsplit('.').next()).map(str::to_string);
        }
    }
    if let Some(j) = &mut plan.jit {
        j.leader_ms = compiled_by_leader(j, &nodes, &facts);
    }
    alone(&mut nodes, &facts);
    charge::charge(&mut plan, &mut nodes, &facts);
    estimate::judge(&plan, &mut nodes, &facts);
    plan.root = assemble(nodes, &facts);
    plan.root.number();
    plan.outside_ms = match (plan.execution_ms, plan.root.total_ms) {
        (Some(all), Some(root)) => Some((all - root - plan.detached_ms.unwrap_or(0.0)).max(0.0)),
        _ => None,
    };
    plan
}

/// Where the plan tells the times of workers, a node without any was run by the leader alone, and so is all below a Gather that
/// launched none: its time is what passed.
fn alone(nodes: &mut [PlanNode], facts: &[Facts]) {
    let mut gather: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut told = vec![false; nodes.len()];
    for i in 0..nodes.len() {
        gather[i] = facts[i].parent.and_then(|p| if facts[p].kind.starts_with("Gather") { Some(p) } else { gather[p] });
        if let Some(g) = gather[i] {
            told[g] |= !nodes[i].processes.is_empty();
        }
    }
    for i in 0..nodes.len() {
        let Some(g) = gather[i] else { continue };
        if nodes[i].wall_ms.is_none() && (told[g] || nodes[g].workers_launched == Some(0)) {
            nodes[i].wall_ms = nodes[i].total_ms;
        }
    }
}

/// The tree of nodes that stand in plan order.
fn assemble(nodes: Vec<PlanNode>, facts: &[Facts]) -> PlanNode {
    let mut slots: Vec<Option<PlanNode>> = nodes.into_iter().map(Some).collect();
    for i in (1..slots.len()).rev() {
        // Children were put in from the last to the first.
        let Some(mut n) = slots[i].take() else { continue };
        n.children.reverse();
        if let Some(p) = facts[i].parent.and_then(|p| slots[p].as_mut()) {
            p.children.push(n);
        }
    }
    let mut root = slots.into_iter().next().flatten().unwrap_or_default();
    root.children.reverse();
    root
}

/// In the text format a counter that is not printed is zero, when the plan prints any of its kind.
fn fill_zeros(nodes: &mut [PlanNode]) {
    let pages = nodes.iter().any(|n| n.pages != Pages::default());
    let io = nodes.iter().any(|n| n.io != Io::default());
    let wal = nodes.iter().any(|n| n.wal != Wal::default());
    let full = nodes.iter().any(|n| n.wal.buffers_full.is_some());
    for n in nodes.iter_mut().filter(|n| !n.never_executed) {
        let zero = |v: &mut Option<u64>| *v = Some(v.unwrap_or(0));
        if pages {
            let p = &mut n.pages;
            for v in [&mut p.hit, &mut p.read, &mut p.dirtied, &mut p.written, &mut p.temp_read, &mut p.temp_written] {
                zero(v);
            }
        }
        if wal {
            for v in [&mut n.wal.records, &mut n.wal.fpi, &mut n.wal.bytes] {
                zero(v);
            }
            if full {
                zero(&mut n.wal.buffers_full);
            }
        }
        if io {
            // Waits for temporary files are told since 15 only: unknown where no node has them.
            for v in [&mut n.io.read_ms, &mut n.io.write_ms] {
                *v = Some(v.unwrap_or(0.0));
            }
        }
    }
}

fn read_top(plan: &mut Plan, top: &mut Keys<'_>) {
    let number = |top: &mut Keys<'_>, key: &str| take(top, key).as_ref().and_then(Value::number);
    plan.planning_ms = number(top, "Planning Time");
    plan.execution_ms = number(top, "Execution Time");
    // Up to 9.3; auto_explain tells the time of the run in its first line.
    for key in ["Total Runtime", "Duration"] {
        if let Some(ms) = number(top, key) {
            plan.execution_ms = plan.execution_ms.or(Some(ms));
        }
    }
    plan.statement = take(top, "Query Text").map(|v| v.words());
    for (key, value) in std::mem::take(top) {
        match (key.as_ref(), &value) {
            ("Triggers", Value::List(list)) => {
                plan.triggers = list.iter().filter_map(|t| if let Value::Object(t) = t { Some(trigger(t)) } else { None }).collect();
            }
            ("Settings", Value::Object(keys)) => {
                plan.settings = keys.iter().map(|(k, v)| (k.to_string(), v.words())).collect();
            }
            ("JIT", Value::Object(keys)) => {
                plan.jit = Some(jit(keys));
                if let Some(v) = get(keys, "Options") {
                    plan.attrs.insert("JIT Options".into(), v.words());
                }
            }
            ("Planning", Value::Object(keys)) => insert_told(plan, "Planning", keys),
            ("Serialization", Value::Object(keys)) => {
                plan.serialization_ms = get(keys, "Time").and_then(Value::number);
                insert_told(plan, "Serialization", keys);
            }
            _ => {
                let words = value.words();
                if !words.is_empty() {
                    plan.attrs.insert(key.into_owned(), words);
                }
            }
        }
    }
}

fn insert_told(plan: &mut Plan, key: &str, keys: &Keys<'_>) {
    let told: Vec<String> = keys.iter().filter(|(_, v)| !v.is_nothing()).map(|(k, v)| format!("{k} {}", v.words())).collect();
    if !told.is_empty() {
        plan.attrs.insert(key.into(), told.join(", "));
    }
}

fn trigger(keys: &Keys<'_>) -> Trigger {
    let text = |k: &str| get(keys, k).map(Value::words);
    let number = |k: &str| get(keys, k).and_then(Value::number);
    Trigger {
        name: text("Trigger Name").unwrap_or_default(),
        constraint: text("Constraint Name"),
        relation: text("Relation"),
        calls: number("Calls"),
        ms: number("Time"),
    }
}

fn jit(keys: &Keys<'_>) -> Jit {
    let timing = |k: &str| match get(keys, "Timing") {
        Some(Value::Object(t)) => match get(t, k) {
            // Since 17 generation tells apart what deforming took.
            Some(Value::Object(parts)) => get(parts, "Total").and_then(Value::number),
            other => other.and_then(Value::number),
        },
        _ => None,
    };
    Jit {
        functions: get(keys, "Functions").and_then(Value::number),
        generation_ms: timing("Generation"),
        inlining_ms: timing("Inlining"),
        optimization_ms: timing("Optimization"),
        emission_ms: timing("Emission"),
        total_ms: timing("Total"),
        leader_ms: None,
    }
}

/// The statement's compiling is the sum over its processes; each worker's own stands at the node where the worker began.
fn compiled_by_leader(j: &Jit, nodes: &[PlanNode], facts: &[Facts]) -> Option<f64> {
    let launched = nodes.iter().any(|n| n.workers_launched.unwrap_or(0) > 0);
    let theirs: Vec<f64> = facts.iter().filter_map(|f| f.workers_jit).collect();
    if launched && theirs.is_empty() {
        return None;
    }
    Some((j.total_ms? - theirs.iter().sum::<f64>()).max(0.0))
}

/// A temporary table's schema by the name that each session has for its own: `pg_temp` for `pg_temp_3`. The same plan of another session is
/// the same plan.
fn without_session(schema: String) -> String {
    match schema.strip_prefix("pg_temp_") {
        Some(backend) if backend.parse::<u32>().is_ok() => "pg_temp".into(),
        _ => schema,
    }
}

/// Keys that are told in other words: in the name of the node, by its place, or by a field.
fn told_otherwise(key: &str, v: &Value<'_>) -> bool {
    match key {
        "Join Type" | "Strategy" | "Partial Mode" | "Operation" | "Command" => v.text().is_some(),
        "Scan Direction" => matches!(v.text(), Some("Forward" | "Backward")),
        "Parallel Aware" | "Async Capable" | "Inner Unique" | "Disabled" | "Single Copy" => v.bool() == Some(false),
        // Local counters are kept beside the sums, where there are any.
        _ => key.ends_with("Blocks") && v.is_nothing(),
    }
}

fn node(parent: Option<usize>, keys: Keys<'_>) -> (PlanNode, Facts) {
    let mut n = PlanNode::default();
    let mut f = Facts {
        parent,
        kind: String::new(),
        parallel_aware: false,
        single_copy: false,
        partial_mode: String::new(),
        join_type: String::new(),
        inner_unique: false,
        reads_cte: None,
        workers_jit: None,
        expressions: Vec::new(),
    };
    let mut a = Actual::default();
    let (mut schema, mut names, mut relationship) = (None, [None, None, None, None], String::new());
    f.kind = get(&keys, "Node Type").map(Value::words).unwrap_or_default();
    n.raw_op = raw_op(&f.kind, &keys);
    n.op = neutral(&f.kind, &keys);
    let (mut workers, mut extra) = (Vec::new(), Vec::new());
    for (key, v) in keys {
        if counter(&mut a, &key, &v) {
            if key.starts_with("Local") && !v.is_nothing() {
                n.attrs.insert(key.into_owned(), v.words());
            }
            continue;
        }
        match key.as_ref() {
            "Node Type" => {}
            "Parent Relationship" => relationship = v.words(),
            "Subplan Name" => n.subplan = Some(v.words()),
            "Alias" => n.alias = Some(v.words()),
            "Schema" => schema = Some(without_session(v.words())),
            "Relation Name" => names[0] = Some(v.words()),
            "CTE Name" => names[1] = Some(v.words()),
            "Function Name" => names[2] = Some(v.words()),
            "Tuplestore Name" => names[3] = Some(v.words()),
            "Index Name" => n.index = Some(v.words()),
            "Startup Cost" => n.est_startup_cost = v.number(),
            "Total Cost" => n.est_total_cost = v.number(),
            "Plan Rows" => n.est_rows = v.number(),
            "Plan Width" => n.est_width = v.number(),
            "Workers Planned" => n.workers_planned = v.number().map(|w| w as u32),
            "Workers Launched" => n.workers_launched = v.number().map(|w| w as u32),
            "Rows Removed by Filter" => a.removed.filter = v.number(),
            "Rows Removed by Join Filter" => a.removed.join_filter = v.number(),
            "Rows Removed by Index Recheck" => a.removed.recheck = v.number(),
            "Workers" => {
                if let Value::List(list) = v {
                    workers = list;
                    let compiled = workers.iter().filter_map(|w| match w {
                        Value::Object(w) => get(w, "JIT"),
                        _ => None,
                    });
                    f.workers_jit =
                        compiled.filter_map(|j| if let Value::Object(j) = j { jit(j).total_ms } else { None }).reduce(|a, b| a + b);
                }
            }
            _ => {
                match key.as_ref() {
                    "Parallel Aware" => f.parallel_aware = v.bool() == Some(true),
                    "Single Copy" => f.single_copy = v.bool() == Some(true),
                    "Inner Unique" => f.inner_unique = v.bool() == Some(true),
                    "Partial Mode" => f.partial_mode = v.words(),
                    "Join Type" => f.join_type = v.words(),
                    _ => {}
                }
                if let Some(at) = CONDITIONS.iter().position(|c| *c == key) {
                    extra.push((at, if key == "Grouping Sets" { grouping_sets(&v) } else { v.words() }));
                } else if let Some(k) = MENTIONS.iter().find(|k| **k == key) {
                    let words = v.words();
                    f.expressions.push((k, words.clone()));
                    n.attrs.insert(key.into_owned(), words);
                } else if !told_otherwise(&key, &v) {
                    n.attrs.insert(key.into_owned(), v.words());
                }
            }
        }
    }
    extra.sort_by_key(|(at, _)| *at);
    for (at, text) in extra {
        f.expressions.push((CONDITIONS[at], text.clone()));
        n.conditions.push((CONDITIONS[at].into(), text));
    }
    // ROWS FROM of several functions has no name of its own; as text the line of the node has the alias in its place.
    let calls = n.conditions.iter().find(|(k, _)| k == "Function Call").map(|(_, t)| sort_keys(Dialect::Postgres, t).len());
    if calls.is_some_and(|n| n > 1) {
        names[2] = None;
    }
    f.reads_cte = if f.kind == "CTE Scan" { names[1].clone() } else { None };
    n.relation = names.into_iter().flatten().next().map(|t| schema.map_or(t.clone(), |s| format!("{s}.{t}")));
    n.role = match (relationship.as_str(), n.subplan.as_deref()) {
        ("InitPlan", Some(s)) if s.starts_with("CTE ") => Role::Cte,
        ("InitPlan", _) => Role::InitPlan,
        ("SubPlan", _) => Role::SubPlan,
        ("Inner", _) => Role::Inner,
        ("Member", _) => Role::Member,
        _ => Role::Outer,
    };
    actuals(&mut n, a, &workers);
    (n, f)
}

/// `a, b; a; (); Sort Key b: b`: sets apart from each other, as the text format has them on lines of their own.
fn grouping_sets(v: &Value<'_>) -> String {
    let Value::List(rounds) = v else { return v.words() };
    let set = |v: &Value<'_>| if v.is_nothing() { "()".to_string() } else { v.words() };
    let rounds = rounds.iter().map(|r| {
        let Value::Object(keys) = r else { return r.words() };
        let mut sort = String::new();
        let mut sets = Vec::new();
        for (k, v) in keys {
            match (k.as_ref(), v) {
                ("Group Keys" | "Hash Keys", Value::List(list)) => sets.extend(list.iter().map(set)),
                // XML has an element of the same name for each.
                ("Group Keys" | "Hash Keys", Value::Object(several)) => sets.extend(several.iter().map(|(_, v)| set(v))),
                ("Sort Key", v) => sort = format!("Sort Key {}: ", v.words()),
                (k, v) => sets.push(format!("{k} {}", v.words())),
            }
        }
        format!("{sort}{}", sets.join("; "))
    });
    rounds.collect::<Vec<_>>().join("; ")
}
