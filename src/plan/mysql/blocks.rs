//! `EXPLAIN FORMAT=JSON` and `ANALYZE FORMAT=JSON`: query blocks that hold each other.
//!
//! Times of MariaDB are totals over all loops, and a table's two times are its own already (`r_table_time_ms` and
//! `r_other_time_ms`): nothing is multiplied by loops and nothing is subtracted. A subquery's time is not in its table's.
//! A sort that holds a table directly overlaps that table's time; one over a temporary table does not.

use crate::model::plan::{Plan, PlanNode, Role};
use crate::model::{Error, Result};
use serde_json::{Map, Value};

type Object = Map<String, Value>;

pub fn parse(raw: &str, engine: &str, version: &str, analyzed: bool) -> Result<Plan> {
    let bad = |e: String| Error::failed(format!("the server's plan cannot be read: {e}")).detail(raw.chars().take(500).collect::<String>());
    let value: Value = serde_json::from_str(raw).map_err(|e| bad(e.to_string()))?;
    let top = value.as_object().ok_or_else(|| bad("it is no object".into()))?;
    let block = top.get("query_block").and_then(Value::as_object).ok_or_else(|| bad("it has no query block".into()))?;
    let mut root = query_block(block, Role::Outer, 0);
    finish(&mut root);
    root.settle();
    root.number();
    let execution = root.total_ms.filter(|_| analyzed);
    let mut below = 0.0;
    root.walk(0, &mut |depth, n| {
        if depth > 0 {
            below += n.self_ms.unwrap_or(0.0);
        }
    });
    let mut plan = Plan {
        engine: engine.into(),
        version: version.into(),
        analyzed,
        planning_ms: top.get("query_optimization").and_then(|o| number(o.get("r_total_time_ms")?)),
        execution_ms: execution,
        unattributed_ms: execution.map(|e| (e - below).max(0.0)),
        raw: raw.into(),
        ..Plan::default()
    };
    for (k, v) in top.iter().filter(|(k, _)| !matches!(k.as_str(), "query_block" | "query_optimization")) {
        plan.attrs.insert(k.clone(), scalar(v));
    }
    plan.remarks = super::remarks(&root);
    plan.root = root;
    Ok(plan)
}

/// MySQL writes many numbers as strings.
fn number(v: &Value) -> Option<f64> {
    v.as_f64().or_else(|| v.as_str()?.parse().ok())
}

fn get(o: &Object, key: &str) -> Option<f64> {
    number(o.get(key)?)
}

fn scalar(v: &Value) -> String {
    match v {
        Value::String(s) => s.clone(),
        Value::Array(a) if a.iter().all(|x| !x.is_object() && !x.is_array()) => a.iter().map(scalar).collect::<Vec<_>>().join(", "),
        v => v.to_string(),
    }
}

/// A plan nests as deep as the statement; one that is deeper than this was not made by a server.
const DEEPEST: usize = 200;

fn query_block(o: &Object, role: Role, depth: usize) -> PlanNode {
    let id = o.get("select_id").map(scalar).unwrap_or_default();
    let mut node = PlanNode {
        op: "query block".into(),
        raw_op: if id.is_empty() { "query block".into() } else { format!("query block #{id}") },
        role,
        total_ms: get(o, "r_total_time_ms"),
        loops: get(o, "r_loops").filter(|l| *l > 0.0),
        est_total_cost: cost(o),
        ..PlanNode::default()
    };
    node.never_executed = get(o, "r_loops") == Some(0.0);
    contents(o, &mut node, depth);
    node
}

fn cost(o: &Object) -> Option<f64> {
    get(o, "cost").or_else(|| get(o.get("cost_info")?.as_object()?, "query_cost"))
}

/// Puts what an object holds below (or, for conditions and other scalars, into) the node.
fn contents(o: &Object, node: &mut PlanNode, depth: usize) {
    if depth > DEEPEST {
        node.attrs.insert("deeper".into(), "left out".into());
        return;
    }
    for (key, v) in o {
        match (key.as_str(), v) {
            ("nested_loop", Value::Array(list)) => node.children.extend(chain(list, depth + 1)),
            ("table", Value::Object(t)) => node.children.push(table(t, depth + 1)),
            ("query_block", Value::Object(b)) => node.children.push(query_block(b, Role::Outer, depth + 1)),
            ("filesort", Value::Object(f)) => node.children.push(wrapper(f, "sort", "filesort", depth + 1)),
            ("read_sorted_file", Value::Object(f)) => node.children.push(wrapper(f, "read sorted", "read sorted file", depth + 1)),
            ("temporary_table", Value::Object(t)) => node.children.push(wrapper(t, "temporary table", "temporary table", depth + 1)),
            ("block-nl-join", Value::Object(b)) => node.children.push(wrapper(b, "block nested loop", "block-nl-join", depth + 1)),
            ("expression_cache", Value::Object(c)) => node.children.push(wrapper(c, "subquery cache", "expression cache", depth + 1)),
            ("materialized" | "materialization" | "materialized_from_subquery", Value::Object(m)) => {
                node.children.push(wrapper(m, "materialize", "materialized", depth + 1));
            }
            ("union_result", Value::Object(u)) => node.children.push(wrapper(u, "union", "union result", depth + 1)),
            ("recursive_union", Value::Object(u)) => node.children.push(wrapper(u, "recursive union", "recursive union", depth + 1)),
            ("window_functions_computation" | "windowing", Value::Object(w)) => node.children.push(window(w, depth + 1)),
            ("ordering_operation", Value::Object(w)) => node.children.push(wrapper(w, "sort", "ordering operation", depth + 1)),
            ("grouping_operation", Value::Object(w)) => node.children.push(wrapper(w, "aggregate", "grouping operation", depth + 1)),
            ("duplicates_removal", Value::Object(w)) => node.children.push(wrapper(w, "distinct", "duplicates removal", depth + 1)),
            ("query_specifications", Value::Array(list)) => members(list, Role::Member, node, depth + 1),
            (_, Value::Array(list)) if key.ends_with("subqueries") => members(list, Role::SubPlan, node, depth + 1),
            ("cost_info", Value::Object(c)) => {
                for (k, v) in c {
                    node.attrs.insert(k.clone(), scalar(v));
                }
            }
            ("attached_condition" | "having_condition" | "outer_ref_condition" | "index_condition" | "sort_key", v) => {
                let name = match key.as_str() {
                    "attached_condition" => "Filter",
                    "having_condition" => "Having",
                    "index_condition" => "Index condition",
                    "sort_key" => "Sort key",
                    _ => "Outer condition",
                };
                node.conditions.push((name.into(), scalar(v)));
            }
            // Read by the node's own code.
            ("select_id" | "r_total_time_ms" | "r_loops", _) => {}
            (_, Value::Object(inner)) if holds_plan(inner, 0) => node.children.push(wrapper(inner, &key.replace('_', " "), key, depth + 1)),
            (_, v) => {
                node.attrs.insert(key.clone(), scalar(v));
            }
        }
    }
}

/// Whether something that reads tables is in there: then an unknown key is a node, else a fact.
fn holds_plan(o: &Object, depth: usize) -> bool {
    depth < 8
        && o.iter().any(|(k, v)| {
            matches!(k.as_str(), "table" | "nested_loop" | "query_block" | "filesort" | "temporary_table")
                || v.as_object().is_some_and(|o| holds_plan(o, depth + 1))
        })
}

fn members(list: &[Value], role: Role, node: &mut PlanNode, depth: usize) {
    for v in list.iter().filter_map(Value::as_object) {
        let mut holder = PlanNode::default();
        contents(v, &mut holder, depth);
        for mut child in holder.children {
            child.role = role;
            node.children.push(child);
        }
    }
}

/// `nested_loop` is a flat list: the first two are joined, the result with the third, and so on.
fn chain(list: &[Value], depth: usize) -> Vec<PlanNode> {
    let mut left: Option<PlanNode> = None;
    for v in list.iter().filter_map(Value::as_object) {
        let mut holder = PlanNode::default();
        contents(v, &mut holder, depth);
        for mut right in holder.children {
            left = Some(match left {
                None => right,
                Some(outer) => {
                    right.role = Role::Inner;
                    // A block nested loop joins by itself: what it reads from comes first.
                    if right.op == "block nested loop" {
                        right.role = Role::Outer;
                        for c in &mut right.children {
                            c.role = Role::Inner;
                        }
                        right.children.insert(0, outer);
                        right
                    } else {
                        PlanNode {
                            op: "nested loop".into(),
                            raw_op: "nested_loop".into(),
                            rows_total: right.rows_total,
                            never_executed: right.never_executed && outer.never_executed,
                            children: vec![outer, right],
                            ..PlanNode::default()
                        }
                    }
                }
            });
        }
    }
    left.into_iter().collect()
}

fn wrapper(o: &Object, op: &str, raw_op: &str, depth: usize) -> PlanNode {
    let mut node = PlanNode {
        op: op.into(),
        raw_op: raw_op.into(),
        loops: get(o, "r_loops").filter(|l| *l > 0.0),
        never_executed: get(o, "r_loops") == Some(0.0),
        est_total_cost: cost(o),
        ..PlanNode::default()
    };
    contents(o, &mut node, depth);
    match raw_op {
        "filesort" => {
            node.rows_total = get(o, "r_output_rows");
            node.rows = node.rows_total;
            let time = get(o, "r_total_time_ms");
            // Over a temporary table the sort's time is its own; directly over a table it overlaps the table's.
            let over_table = o.contains_key("table");
            let below: f64 = node.children.iter().map(|c| c.self_ms.unwrap_or(0.0)).sum();
            node.self_ms = time.map(|t| if over_table { (t - below).max(0.0) } else { t });
        }
        "block-nl-join" => {
            node.self_ms = match (get(o, "r_unpack_time_ms"), get(o, "r_other_time_ms")) {
                (None, None) => None,
                (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
            };
            if let (Some(rows), Some(filtered)) = (get(o, "r_effective_rows"), get(o, "r_filtered")) {
                node.attrs.insert("compared".into(), format!("{rows} rows, {filtered} % kept"));
            }
        }
        _ => {
            if let Some(rows) = get(o, "r_rows") {
                node.rows = Some(rows);
                node.rows_total = Some(rows * node.loops.unwrap_or(1.0));
            }
        }
    }
    node
}

/// Window functions: their sorts stand beside what they sort.
fn window(o: &Object, depth: usize) -> PlanNode {
    let mut rest = o.clone();
    let sorts = rest.remove("sorts");
    let mut node = wrapper(&rest, "window", "window functions", depth);
    for sort in sorts.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
        let mut holder = PlanNode::default();
        contents(sort, &mut holder, depth);
        for mut s in holder.children {
            s.children = std::mem::take(&mut node.children);
            node.children = vec![s];
        }
    }
    node
}

fn table(o: &Object, depth: usize) -> PlanNode {
    if let Some(message) = o.get("message").and_then(Value::as_str) {
        return PlanNode { op: "result".into(), raw_op: message.into(), ..PlanNode::default() };
    }
    let access = o.get("access_type").and_then(Value::as_str).unwrap_or_default();
    let covering = o.get("using_index").and_then(Value::as_bool).unwrap_or(false);
    let name = o.get("table_name").map(scalar).unwrap_or_default();
    let op = match access.trim_start_matches("hash_") {
        "ALL" => "table scan",
        "index_merge" => "index merge",
        "" => "table",
        _ if covering => "index only scan",
        _ => "index scan",
    };
    let loops = get(o, "r_loops");
    // A constant table was read while planning.
    let constant = matches!(access, "const" | "system");
    let mut node = PlanNode {
        op: op.into(),
        raw_op: format!("{access} {name}").trim().to_string(),
        // MariaDB and MySQL print the alias only.
        relation: Some(name.clone()),
        alias: Some(name),
        index: o.get("key").and_then(Value::as_str).map(str::to_string),
        est_total_cost: cost(o).or_else(|| get(o.get("cost_info")?.as_object()?, "prefix_cost")),
        loops: loops.filter(|l| *l > 0.0),
        never_executed: loops == Some(0.0) && !constant,
        ..PlanNode::default()
    };
    let kept = |filtered: Option<f64>| filtered.map_or(1.0, |f| (f / 100.0).clamp(0.0, 1.0));
    node.est_rows = get(o, "rows").or_else(|| get(o, "rows_examined_per_scan")).map(|r| r * kept(get(o, "filtered")));
    if let (Some(l), Some(rows)) = (node.loops, get(o, "r_rows")) {
        let share = kept(get(o, "r_filtered"));
        node.rows = Some(rows * share);
        node.rows_total = Some(rows * l * share);
        node.removed.filter = Some(rows * l * (1.0 - share));
        node.self_ms = match (get(o, "r_table_time_ms"), get(o, "r_other_time_ms")) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
        };
    }
    if let Some(stats) = o.get("r_engine_stats").and_then(Value::as_object)
        && let Some(all) = get(stats, "pages_accessed")
    {
        let read = get(stats, "pages_read_count").unwrap_or(0.0);
        node.pages.hit = Some((all - read).max(0.0) as u64);
        node.pages.read = Some(read as u64);
        node.self_pages = node.pages;
    }
    if let (Some(Value::Array(refs)), Some(Value::Array(parts))) = (o.get("ref"), o.get("used_key_parts")) {
        let pairs: Vec<String> = parts.iter().zip(refs).map(|(p, r)| format!("{} = {}", scalar(p), scalar(r))).collect();
        node.conditions.push(("Lookup".into(), pairs.join(" and ")));
    }
    contents(o, &mut node, depth);
    node
}

/// Sums up what the server does not print: inclusive times and pages of nodes that hold others. Returns the node's time.
fn finish(n: &mut PlanNode) -> Option<f64> {
    let mut below = None;
    let (mut hit, mut read) = (n.pages.hit, n.pages.read);
    for c in &mut n.children {
        if let Some(t) = finish(c) {
            below = Some(below.unwrap_or(0.0) + t);
        }
        hit = hit.map_or(c.pages.hit, |h| Some(h + c.pages.hit.unwrap_or(0)));
        read = read.map_or(c.pages.read, |r| Some(r + c.pages.read.unwrap_or(0)));
    }
    (n.pages.hit, n.pages.read) = (hit, read);
    // Printed to the nanosecond: no rounding to speak of.
    n.self_err_ms = n.self_ms.map(|_| 0.0);
    match (n.total_ms, n.self_ms) {
        // The block's own time is printed.
        (Some(total), None) => {
            n.self_ms = Some((total - below.unwrap_or(0.0)).max(0.0));
            n.self_err_ms = Some(0.0);
        }
        (None, Some(own)) => n.total_ms = Some(own + below.unwrap_or(0.0)),
        (None, None) => {
            n.total_ms = below;
            n.self_ms = below.map(|_| 0.0);
            n.self_err_ms = below.map(|_| 0.0);
        }
        (Some(_), Some(_)) => {}
    }
    n.total_ms
}

#[cfg(test)]
mod tests;
