//! `EXPLAIN FORMAT=JSON` and `ANALYZE FORMAT=JSON`: query blocks that hold each other.
//!
//! Times of MariaDB are totals over all loops, and a table's two times are its own already (`r_table_time_ms` and
//! `r_other_time_ms`): nothing is multiplied by loops and nothing is subtracted. A subquery's time is not in its table's.
//! A sort that holds a table directly overlaps that table's time; one over a temporary table does not.

use crate::model::plan::{Plan, PlanNode, Role};
use crate::model::{Error, Result};
use crate::plan::deep;
use serde_json::{Map, Value};

pub mod literals;
mod settle;
pub mod work;

type Object = Map<String, Value>;

pub fn parse(raw: &str, engine: &str, version: &str, analyzed: bool) -> Result<Plan> {
    let bad = |e: String| Error::failed(format!("the server's plan cannot be read: {e}")).detail(raw.chars().take(500).collect::<String>());
    let mended = literals::mended(raw);
    deep::json(mended.as_deref().unwrap_or(raw), |value| {
        let top = value.as_object().ok_or_else(|| bad("it is no object".into()))?;
        let block = top.get("query_block").and_then(Value::as_object).ok_or_else(|| bad("it has no query block".into()))?;
        if levels(&value) > 2 * deep::DEEPEST {
            return Err(deep::too_deep(None));
        }
        let mut root = query_block(block, Role::Outer);
        let running = get(top, "r_query_time_in_progress_ms");
        if running.is_some() {
            in_progress(&mut root);
        }
        let own = settle::settle(&mut root);
        root.number();
        let mut plan = Plan {
            engine: engine.into(),
            version: version.into(),
            analyzed,
            planning_ms: top.get("query_optimization").and_then(|o| number(o.get("r_total_time_ms")?)),
            // A union does not tell the time of the whole: what is known is the sum of its parts.
            execution_ms: get(block, "r_total_time_ms").filter(|_| analyzed),
            unattributed_ms: root.total_ms.filter(|_| analyzed).map(|t| settle::zeroed(t - own)),
            raw: raw.into(),
            ..Plan::default()
        };
        for (k, v) in top.iter().filter(|(k, _)| !matches!(k.as_str(), "query_block" | "query_optimization")) {
            plan.attrs.insert(k.clone(), scalar(v));
        }
        if let Some(ms) = running {
            plan.remarks.insert(0, format!("still running, {ms:.0} ms so far: rows and loops are those counted until now"));
        }
        plan.root = root;
        ran_while_planned(&mut plan);
        answered_while_planned(&mut plan);
        Ok(plan)
    })
}

/// MariaDB runs a subquery that makes a table constant while it plans: the tables' clocks have that time, the block's own has not, and the
/// optimizer's has it as planning. It is the statement's work all the same, so it counts as run.
fn ran_while_planned(plan: &mut Plan) {
    let (Some(total), Some(planned), Some(rest)) = (plan.root.total_ms, plan.planning_ms, plan.unattributed_ms) else { return };
    let early = -rest;
    if early <= 0.0 || early > planned {
        return;
    }
    plan.root.total_ms = Some(total + early);
    plan.execution_ms = plan.execution_ms.map(|ms| ms + early);
    plan.planning_ms = Some(planned - early);
    plan.unattributed_ms = Some(0.0);
    // Less than the clocks of a run differ by is no subquery.
    if early > 0.1 * planned && early > 0.1 {
        plan.remarks.push(format!("a subquery ran while the statement was planned: its {early:.1} ms are counted as run"));
    }
}

/// `SELECT max(id) FROM t`: MariaDB finds the answer while it plans ("Select tables optimized away"), and has no time of a run.
fn answered_while_planned(plan: &mut Plan) {
    let untimed = plan.analyzed && plan.execution_ms.is_none() && plan.root.total_ms.is_none();
    let mut messages = false;
    plan.root.walk(0, &mut |_, n| messages |= n.op == "result");
    if untimed && messages && plan.planning_ms.is_some() {
        plan.execution_ms = plan.planning_ms.take();
        plan.remarks.push("the server found the answer while it planned the statement: that time is counted as run".into());
    }
}

/// `SHOW ANALYZE` of a statement that runs: no clock was on, and its zeros are no times; rows are not all there yet.
fn in_progress(n: &mut PlanNode) {
    (n.self_ms, n.total_ms) = (None, None);
    if n.est_rows.is_some() && n.rows.is_some() {
        n.estimate_doubt = Some("the statement is still running".into());
    }
    n.children.iter_mut().for_each(in_progress);
}

/// Levels of the tree that this JSON would make, and more: each table of a `nested_loop` stands one level deeper than the next.
fn levels(v: &Value) -> usize {
    match v {
        Value::Object(o) => 1 + o.iter().map(|(k, v)| levels(v) + joined(k, v)).max().unwrap_or(0),
        Value::Array(a) => a.iter().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

/// Tables of a list that is a join.
fn joined(key: &str, v: &Value) -> usize {
    if matches!(key, "nested_loop" | "duplicates_removal") { v.as_array().map_or(0, Vec::len) } else { 0 }
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

fn query_block(o: &Object, role: Role) -> PlanNode {
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
    contents(o, &mut node);
    // The scan that finds the rows is marked as what changes them; the block is the change.
    for op in ["update", "delete"] {
        let mut writes = false;
        node.walk(0, &mut |depth, n| writes |= depth > 0 && n.attrs.contains_key(op));
        if writes {
            node.op = op.into();
            node.loops = node.loops.or(node.total_ms.map(|_| 1.0));
        }
    }
    node
}

fn cost(o: &Object) -> Option<f64> {
    get(o, "cost").or_else(|| get(o.get("cost_info")?.as_object()?, "query_cost"))
}

/// Puts what an object holds below (or, for conditions and other scalars, into) the node.
fn contents(o: &Object, node: &mut PlanNode) {
    for (key, v) in o {
        match (key.as_str(), v) {
            ("nested_loop", Value::Array(list)) => node.children.extend(chain(list)),
            ("table", Value::Object(t)) => node.children.push(table(t)),
            ("query_block", Value::Object(b)) => node.children.push(query_block(b, Role::Outer)),
            ("filesort", Value::Object(f)) => node.children.push(wrapper(f, "sort", "filesort")),
            ("read_sorted_file", Value::Object(f)) => node.children.push(wrapper(f, "read sorted", "read sorted file")),
            ("temporary_table", Value::Object(t)) => node.children.push(wrapper(t, "temporary table", "temporary table")),
            ("block-nl-join", Value::Object(b)) => node.children.push(wrapper(b, "block nested loop", "block-nl-join")),
            ("expression_cache", Value::Object(c)) => node.children.push(wrapper(c, "subquery cache", "expression cache")),
            ("materialized" | "materialization" | "materialized_from_subquery", Value::Object(m)) => {
                node.children.push(wrapper(m, "materialize", "materialized"));
            }
            ("union_result", Value::Object(u)) => node.children.push(wrapper(u, "union", "union result")),
            ("intersect_result" | "except_result", Value::Object(u)) => {
                node.children.push(wrapper(u, "set operation", &key.replace('_', " ")));
            }
            ("recursive_union", Value::Object(u)) => node.children.push(wrapper(u, "recursive union", "recursive union")),
            ("window_functions_computation" | "windowing", Value::Object(w)) => node.children.push(window(w)),
            ("ordering_operation", Value::Object(w)) => node.children.push(wrapper(w, "sort", "ordering operation")),
            ("grouping_operation", Value::Object(w)) => node.children.push(wrapper(w, "aggregate", "grouping operation")),
            ("duplicates_removal", Value::Object(w)) => node.children.push(wrapper(w, "distinct", "duplicates removal")),
            // MariaDB's semi-join: the tables joined, of which each outer row is kept once.
            ("duplicates_removal", Value::Array(list)) => node.children.push(removal(list)),
            ("query_specifications", Value::Array(list)) => members(list, Role::Member, node),
            ("select_list_subqueries", Value::Array(list)) => members(list, Role::SelectList, node),
            (_, Value::Array(list)) if key.ends_with("subqueries") => members(list, Role::SubPlan, node),
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
            ("select_id" | "r_total_time_ms" | "r_loops" | "r_engine_stats", _) => {}
            ("message", Value::String(m)) => node.children.push(PlanNode { op: "result".into(), raw_op: m.clone(), ..PlanNode::default() }),
            // `rowid_filter` and the like: facts with facts inside.
            (_, Value::Object(inner)) if !holds_plan(v) => {
                for (k, v) in inner {
                    node.attrs.insert(format!("{key}.{k}"), scalar(v));
                }
            }
            // A step that is not known by name: what it reads is never dropped.
            (_, Value::Object(inner)) => node.children.push(wrapper(inner, &key.replace('_', " "), key)),
            (_, Value::Array(list)) if holds_plan(v) => {
                let mut unknown = PlanNode { op: key.replace('_', " "), raw_op: key.clone(), ..PlanNode::default() };
                members(list, Role::Outer, &mut unknown);
                node.children.push(unknown);
            }
            (_, v) => {
                node.attrs.insert(key.clone(), scalar(v));
            }
        }
    }
}

/// Whether something that reads tables is in there: then an unknown key is a node, else a fact.
fn holds_plan(v: &Value) -> bool {
    const NODES: [&str; 7] =
        ["table", "nested_loop", "query_block", "query_specifications", "filesort", "temporary_table", "duplicates_removal"];
    match v {
        Value::Object(o) => {
            o.iter().any(|(k, v)| NODES.contains(&k.as_str()) && (v.is_object() || v.is_array())) || o.values().any(holds_plan)
        }
        Value::Array(list) => list.iter().any(holds_plan),
        _ => false,
    }
}

fn removal(list: &[Value]) -> PlanNode {
    let children = chain(list);
    let never_executed = !children.is_empty() && children.iter().all(|c| c.never_executed);
    PlanNode { op: "distinct".into(), raw_op: "duplicates removal".into(), never_executed, children, ..PlanNode::default() }
}

fn members(list: &[Value], role: Role, node: &mut PlanNode) {
    for v in list.iter().filter_map(Value::as_object) {
        let mut holder = PlanNode::default();
        contents(v, &mut holder);
        for mut child in holder.children {
            child.role = role;
            node.children.push(child);
        }
    }
}

/// `nested_loop` is a flat list: the first two are joined, the result with the third, and so on.
fn chain(list: &[Value]) -> Vec<PlanNode> {
    let mut left: Option<PlanNode> = None;
    for v in list.iter().filter_map(Value::as_object) {
        let mut holder = PlanNode::default();
        contents(v, &mut holder);
        for mut right in holder.children {
            left = Some(match left {
                None => right,
                Some(outer) => {
                    right.role = Role::Inner;
                    // What reads from rows that there were none of never ran; the join did, and has none either.
                    let never_executed = right.never_executed && outer.never_executed;
                    let none = (right.never_executed && outer.rows_total == Some(0.0)).then_some(0.0);
                    // A block nested loop joins by itself: what it reads from comes first.
                    if right.op == "block nested loop" {
                        right.role = Role::Outer;
                        for c in &mut right.children {
                            c.role = Role::Inner;
                        }
                        (right.never_executed, right.rows_total) = (never_executed, right.rows_total.or(none));
                        right.children.insert(0, outer);
                        right
                    } else {
                        PlanNode {
                            op: "nested loop".into(),
                            raw_op: "nested_loop".into(),
                            rows_total: right.rows_total.or(none),
                            never_executed,
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

fn wrapper(o: &Object, op: &str, raw_op: &str) -> PlanNode {
    let mut ran = false;
    let mut node = PlanNode {
        op: op.into(),
        raw_op: raw_op.into(),
        loops: get(o, "r_loops").filter(|l| *l > 0.0),
        never_executed: get(o, "r_loops") == Some(0.0),
        est_total_cost: cost(o),
        ..PlanNode::default()
    };
    contents(o, &mut node);
    // A recursive union counts no loops of its own.
    if node.never_executed {
        node.walk(0, &mut |_, n| ran |= n.loops.is_some());
        node.never_executed = !ran;
    }
    match raw_op {
        "filesort" => {
            node.rows_total = get(o, "r_output_rows");
            node.rows = node.rows_total.zip(node.loops).map(|(rows, loops)| rows / loops);
            node.total_ms = get(o, "r_total_time_ms");
            // Over a temporary table the sort's time is its own; directly over a table it holds the table's.
            if !o.contains_key("table") {
                node.self_ms = node.total_ms.take();
            }
        }
        "block-nl-join" => {
            node.self_ms = match (get(o, "r_unpack_time_ms"), get(o, "r_other_time_ms")) {
                (None, None) => None,
                (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
            };
            // A join by batched keys reads its table once for a buffer full of rows, and the estimate is for one of these.
            let batched = o.get("join_type").and_then(Value::as_str).is_some_and(|t| t.starts_with("BKA"));
            if let (true, Some(outer)) = (batched, node.loops) {
                for c in &mut node.children {
                    if let Some(fills) = c.loops.filter(|l| *l > 0.0) {
                        c.est_rows = c.est_rows.map(|r| r * outer / fills);
                    }
                }
            }
            // Every row of the buffer is compared with every row of the table; a hash join, or one by an index, compares few.
            if let (Some(rows), Some(loops), Some(kept)) = (get(o, "r_effective_rows"), node.loops, get(o, "r_filtered"))
                && o.get("join_type").and_then(Value::as_str) == Some("BNL")
            {
                let (pairs, kept) = (rows * loops, (kept / 100.0).clamp(0.0, 1.0));
                node.removed.join_filter = Some(pairs * (1.0 - kept));
                // An outer join (`trigcond`) adds the rows that found none, and does not tell how many.
                let condition = o.get("attached_condition").and_then(Value::as_str);
                if condition.map_or(pairs > 0.0, |c| !c.contains("trigcond")) {
                    node.rows_total = Some(pairs * kept);
                    node.rows = node.rows_total.map(|r| r / loops);
                }
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
fn window(o: &Object) -> PlanNode {
    let mut rest = o.clone();
    let sorts = rest.remove("sorts");
    let mut node = wrapper(&rest, "window", "window functions");
    for sort in sorts.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
        let mut holder = PlanNode::default();
        contents(sort, &mut holder);
        for mut s in holder.children {
            s.children = std::mem::take(&mut node.children);
            node.children = vec![s];
        }
    }
    node
}

/// What InnoDB counted: a counter that is 0 is not printed.
fn engine_stats(stats: &Object, node: &mut PlanNode) {
    let count = |key: &str| get(stats, key).unwrap_or(0.0).max(0.0) as u64;
    let read = count("pages_read_count");
    node.self_pages.hit = Some(count("pages_accessed").saturating_sub(read));
    node.self_pages.read = Some(read);
    node.self_pages.dirtied = Some(count("pages_updated"));
    node.self_io.read_ms = get(stats, "pages_read_time_ms").or((read == 0).then_some(0.0));
    for (k, v) in
        stats.iter().filter(|(k, _)| !matches!(k.as_str(), "pages_accessed" | "pages_read_count" | "pages_updated" | "pages_read_time_ms"))
    {
        node.attrs.insert(format!("r_engine_stats.{k}"), scalar(v));
    }
}

fn table(o: &Object) -> PlanNode {
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
        index: o.get("key").and_then(Value::as_str).map(str::to_string).or_else(|| merged(o.get("index_merge")?)),
        est_total_cost: cost(o).or_else(|| get(o.get("cost_info")?.as_object()?, "prefix_cost")),
        loops: loops.filter(|l| *l > 0.0),
        never_executed: loops == Some(0.0) && !constant,
        ..PlanNode::default()
    };
    // What the estimate of the rows that stay lacks, it cannot be judged by.
    if !o.contains_key("filtered") && o.contains_key("r_filtered") {
        node.estimate_doubt = Some("the server tells no estimate of the rows that stay".into());
    }
    let kept = |filtered: Option<f64>| filtered.map_or(1.0, |f| (f / 100.0).clamp(0.0, 1.0));
    node.est_rows = get(o, "rows").or_else(|| get(o, "rows_examined_per_scan")).map(|r| r * kept(get(o, "filtered")));
    // UPDATE and DELETE do not tell their loops: they scan once.
    let writes = o.contains_key("update") || o.contains_key("delete");
    node.loops = node.loops.or((writes && get(o, "r_rows").is_some()).then_some(1.0));
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
    // The server looked at it itself, and says how many rows it found: one, or none.
    if constant && loops == Some(0.0) {
        node.rows = get(o, "rows");
        node.rows_total = node.rows;
        node.time_doubt = Some("read while planning: its time is the planning's".into());
    }
    if let Some(stats) = o.get("r_engine_stats").and_then(Value::as_object)
        && (node.loops.is_some() || !stats.is_empty())
    {
        engine_stats(stats, &mut node);
    }
    if let (Some(Value::Array(refs)), Some(Value::Array(parts))) = (o.get("ref"), o.get("used_key_parts")) {
        let pairs: Vec<String> = parts.iter().zip(refs).map(|(p, r)| format!("{} = {}", scalar(p), scalar(r))).collect();
        node.conditions.push(("Lookup".into(), pairs.join(" and ")));
    }
    contents(o, &mut node);
    node
}

/// `k, fk_c`: the keys that an index merge puts together, as deep as they stand.
fn merged(v: &Value) -> Option<String> {
    fn keys<'v>(v: &'v Value, out: &mut Vec<&'v str>) {
        match v {
            Value::Array(all) => all.iter().for_each(|v| keys(v, out)),
            Value::Object(o) => {
                out.extend(o.get("key").and_then(Value::as_str));
                o.values().for_each(|v| keys(v, out));
            }
            _ => {}
        }
    }
    let mut out = Vec::new();
    keys(v, &mut out);
    (!out.is_empty()).then(|| out.join(", "))
}

#[cfg(test)]
mod tests;
