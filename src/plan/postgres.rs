//! `EXPLAIN (FORMAT JSON)` of PostgreSQL, read into the neutral plan. Rules: `reference/plans.md` §2 and §5 of the design's
//! reference: times are means per loop, a CTE's or an InitPlan's time belongs to the node that pulled it.

use crate::model::plan::{Pages, Plan, PlanNode, Removed, Role};
use crate::model::{Error, Result};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Reads the server's JSON.
pub fn read_json(json: &str, version: &str, analyzed: bool) -> Result<Plan> {
    let bad = |why: &str| Error::failed(format!("the plan that the server sent cannot be read: {why}"));
    let value: Value = serde_json::from_str(json).map_err(|e| bad(&e.to_string()))?;
    let top = match value {
        Value::Array(mut list) if !list.is_empty() => list.swap_remove(0),
        other => other,
    };
    let Value::Object(mut top) = top else { return Err(bad("it is not an object")) };
    let mut plan = Plan { engine: "PostgreSQL".into(), version: version.into(), analyzed, raw: json.into(), ..Plan::default() };
    match top.remove("Plan") {
        Some(Value::Object(root)) => {
            let mut facts = Vec::new();
            plan.root = node(root, &mut facts);
            plan.unattributed_ms = attribute(&mut plan.root, &facts);
            plan.root.settle();
            doubt(&mut plan.root, &Doubt::default());
            plan.root.number();
        }
        _ => return Err(bad("it has no plan; statements that have none are not explained")),
    }
    plan.planning_ms = number(top.remove("Planning Time"));
    plan.execution_ms = number(top.remove("Execution Time"));
    plan.outside_ms = match (plan.execution_ms, plan.root.total_ms) {
        (Some(all), Some(root)) => Some((all - root).max(0.0)),
        _ => None,
    };
    for (key, value) in top {
        let text = match (key.as_str(), &value) {
            ("Triggers", Value::Array(list)) => list.iter().map(trigger).collect::<Vec<_>>().join("; "),
            ("Settings", Value::Object(o)) => o.iter().map(|(k, v)| format!("{k} = {}", text_of(v))).collect::<Vec<_>>().join(", "),
            ("JIT", Value::Object(o)) => jit(o),
            ("Planning", Value::Object(o)) => {
                o.iter().filter(|(_, v)| v.as_f64() != Some(0.0)).map(|(k, v)| format!("{k} {}", text_of(v))).collect::<Vec<_>>().join(", ")
            }
            _ => text_of(&value),
        };
        if !text.is_empty() {
            plan.attrs.insert(key, text);
        }
    }
    plan.remarks = remarks(&plan);
    Ok(plan)
}

fn trigger(t: &Value) -> String {
    let get = |k: &str| t.get(k).map(text_of);
    let name = get("Constraint Name").or_else(|| get("Trigger Name")).unwrap_or_default();
    let time = get("Time").map(|t| format!(", {t} ms")).unwrap_or_default();
    format!("{name} on {}: {} calls{time}", get("Relation").unwrap_or_default(), get("Calls").unwrap_or_default())
}

fn jit(o: &Map<String, Value>) -> String {
    let functions = o.get("Functions").map(text_of).unwrap_or_default();
    match o.get("Timing").and_then(|t| t.get("Total")) {
        Some(total) => format!("{functions} functions, {} ms", text_of(total)),
        None => format!("{functions} functions"),
    }
}

fn number(v: Option<Value>) -> Option<f64> {
    v?.as_f64()
}

fn text_of(v: &Value) -> String {
    match v {
        Value::String(s) => s.clone(),
        Value::Array(list) if list.iter().all(|x| !x.is_object() && !x.is_array()) => {
            list.iter().map(text_of).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// Keys that state a condition or an order, in the order in which they matter.
const CONDITIONS: [&str; 18] = [
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
    "Grouping Sets",
    "Cache Key",
    "Run Condition",
    "Function Call",
    "Conflict Filter",
    "Remote SQL",
];

/// What attribution needs of a node, in plan order (parents before children).
struct Facts {
    /// `InitPlan 1 (returns $0)`, `CTE x`, `SubPlan 2`.
    subplan: Option<String>,
    /// Name of the CTE that a CTE Scan reads.
    cte: Option<String>,
    /// All expressions of the node, for finding who pulls an InitPlan.
    expressions: String,
}

fn node(mut o: Map<String, Value>, facts: &mut Vec<Facts>) -> PlanNode {
    let mut take = |k: &str| o.remove(k);
    let text = |v: Option<Value>| v.map(|v| text_of(&v));
    let kind = text(take("Node Type")).unwrap_or_default();
    let relationship = text(take("Parent Relationship")).unwrap_or_default();
    let subplan = text(take("Subplan Name"));
    let mut n = PlanNode {
        role: match (relationship.as_str(), subplan.as_deref()) {
            ("InitPlan", Some(s)) if s.starts_with("CTE ") => Role::Cte,
            ("InitPlan", _) => Role::InitPlan,
            ("SubPlan", _) => Role::SubPlan,
            ("Inner", _) => Role::Inner,
            ("Member", _) => Role::Member,
            _ => Role::Outer,
        },
        ..PlanNode::default()
    };
    n.alias = text(take("Alias"));
    let schema = text(take("Schema"));
    let name = text(take("Relation Name"))
        .or_else(|| text(take("CTE Name")))
        .or_else(|| text(take("Function Name")))
        .or_else(|| text(take("Tuplestore Name")));
    let cte = (kind == "CTE Scan").then(|| name.clone()).flatten();
    n.relation = name.map(|t| schema.map_or(t.clone(), |s| format!("{s}.{t}")));
    n.index = text(take("Index Name"));
    n.est_startup_cost = number(take("Startup Cost"));
    n.est_total_cost = number(take("Total Cost"));
    n.est_rows = number(take("Plan Rows"));
    let loops = number(take("Actual Loops"));
    let startup = number(take("Actual Startup Time"));
    let time = number(take("Actual Total Time"));
    let rows = number(take("Actual Rows"));
    // Per-loop means, like the rows themselves.
    let mut removed = |k: &str| number(take(k)).zip(loops).map(|(r, l)| r * l);
    let removed = Removed {
        filter: removed("Rows Removed by Filter"),
        join_filter: removed("Rows Removed by Join Filter"),
        recheck: removed("Rows Removed by Index Recheck"),
    };
    let mut pages = |keys: &[&str]| keys.iter().filter_map(|k| number(o.remove(*k))).reduce(|a, b| a + b).map(|v| v as u64);
    let pages = Pages {
        hit: pages(&["Shared Hit Blocks", "Local Hit Blocks"]),
        read: pages(&["Shared Read Blocks", "Local Read Blocks"]),
        dirtied: pages(&["Shared Dirtied Blocks", "Local Dirtied Blocks"]),
        written: pages(&["Shared Written Blocks", "Local Written Blocks"]),
        temp_read: pages(&["Temp Read Blocks"]),
        temp_written: pages(&["Temp Written Blocks"]),
    };
    match loops {
        Some(l) if l > 0.0 => {
            n.loops = Some(l);
            n.rows = rows;
            n.rows_total = rows.map(|r| r * l);
            n.total_ms = time.map(|t| t * l);
            n.removed = removed;
            n.pages = pages;
            if let Some(s) = startup {
                n.attrs.insert("Actual Startup Time".into(), s.to_string());
            }
        }
        Some(_) => n.never_executed = true,
        None => n.pages = pages,
    }
    n.raw_op = raw_op(&kind, &o);
    n.op = neutral(&kind, &o);
    let workers = o.remove("Workers");
    if let (Some(Value::Array(list)), Some(total)) = (&workers, n.total_ms) {
        n.wall_ms = wall(list, total);
    }
    if let Some(Value::Array(list)) = workers
        && !list.is_empty()
    {
        n.attrs.insert("Workers".into(), list.iter().map(worker).collect::<Vec<_>>().join("; "));
    }
    for key in CONDITIONS {
        if let Some(v) = o.remove(key) {
            n.conditions.push((key.into(), text_of(&v)));
        }
    }
    let plans = o.remove("Plans");
    for (key, value) in o {
        let zero = key.ends_with("Blocks") && value.as_f64() == Some(0.0);
        let told = matches!(
            key.as_str(),
            "Join Type" | "Strategy" | "Partial Mode" | "Parallel Aware" | "Operation" | "Async Capable" | "Scan Direction"
        );
        if !(zero || told && matches!(value, Value::Bool(false) | Value::String(_))) {
            n.attrs.insert(key, text_of(&value));
        }
    }
    if let Some(s) = &subplan {
        n.attrs.insert("Subplan Name".into(), s.clone());
    }
    let mut expressions: String = n.conditions.iter().map(|(_, v)| v.as_str()).collect::<Vec<_>>().join("\n");
    for key in ["Output", "Params Evaluated"] {
        if let Some(v) = n.attrs.get(key) {
            expressions.push('\n');
            expressions.push_str(v);
        }
    }
    facts.push(Facts { subplan, cte, expressions });
    if let Some(Value::Array(list)) = plans {
        n.children = list.into_iter().filter_map(|c| if let Value::Object(o) = c { Some(node(o, facts)) } else { None }).collect();
    }
    n
}

/// The slowest process: workers tell their own, the leader is what is left of the sum.
fn wall(workers: &[Value], total: f64) -> Option<f64> {
    let own: Vec<f64> =
        workers.iter().filter_map(|w| Some(w.get("Actual Total Time")?.as_f64()? * w.get("Actual Loops")?.as_f64()?)).collect();
    if own.is_empty() {
        return None;
    }
    let leader = (total - own.iter().sum::<f64>()).max(0.0);
    own.into_iter().chain([leader]).reduce(f64::max)
}

fn worker(w: &Value) -> String {
    let get = |k: &str| w.get(k).map(text_of);
    match (get("Worker Number"), get("Actual Total Time"), get("Actual Rows"), get("Actual Loops")) {
        (Some(n), Some(t), Some(r), Some(l)) => format!("{n}: {t} ms × {l}, {r} rows"),
        (Some(n), ..) => format!("{n}: {}", text_of(w)),
        _ => text_of(w),
    }
}

/// As the text format writes it.
fn raw_op(kind: &str, o: &Map<String, Value>) -> String {
    let get = |k: &str| o.get(k).and_then(Value::as_str);
    let mut name = match kind {
        "Aggregate" => {
            let strategy = match get("Strategy") {
                Some("Sorted") => "GroupAggregate",
                Some("Hashed") => "HashAggregate",
                Some("Mixed") => "MixedAggregate",
                _ => "Aggregate",
            };
            match get("Partial Mode") {
                Some(mode @ ("Partial" | "Finalize")) => format!("{mode} {strategy}"),
                _ => strategy.into(),
            }
        }
        "ModifyTable" => get("Operation").unwrap_or(kind).into(),
        "Nested Loop" | "Hash Join" | "Merge Join" => match get("Join Type") {
            None | Some("Inner") => kind.into(),
            Some(join) => {
                let base = kind.strip_suffix(" Join").unwrap_or(kind);
                format!("{base} {join} Join")
            }
        },
        "SetOp" => [Some(kind), get("Command")].into_iter().flatten().collect::<Vec<_>>().join(" "),
        _ => kind.into(),
    };
    if get("Scan Direction") == Some("Backward") {
        name.push_str(" Backward");
    }
    if o.get("Parallel Aware").and_then(Value::as_bool) == Some(true) {
        name = format!("Parallel {name}");
    }
    name
}

fn neutral(kind: &str, o: &Map<String, Value>) -> String {
    match kind {
        "Seq Scan" | "Sample Scan" => "table scan".into(),
        "Index Scan" => "index scan".into(),
        "Index Only Scan" => "index only scan".into(),
        "Bitmap Index Scan" => "bitmap index".into(),
        "Bitmap Heap Scan" => "bitmap heap".into(),
        "BitmapAnd" | "BitmapOr" => "bitmap merge".into(),
        "Incremental Sort" => "sort".into(),
        "WindowAgg" => "window".into(),
        "Group" | "Aggregate" => "aggregate".into(),
        "Unique" => "distinct".into(),
        "Gather" | "Gather Merge" => "gather".into(),
        "Merge Append" | "Append" => "append".into(),
        "Subquery Scan" => "subquery".into(),
        "CTE Scan" | "WorkTable Scan" => "cte scan".into(),
        "ModifyTable" => o.get("Operation").and_then(Value::as_str).unwrap_or("modify").to_lowercase(),
        "LockRows" => "lock".into(),
        "ProjectSet" | "Result" => "result".into(),
        "SetOp" => "set operation".into(),
        "Foreign Scan" | "Custom Scan" | "Tid Scan" | "Tid Range Scan" | "Function Scan" | "Values Scan" => kind.to_lowercase(),
        other => other.to_lowercase(),
    }
}

/// One node while times are given to those who spent them.
struct Spent {
    incl: f64,
    own: f64,
    err: f64,
    parent: Option<usize>,
}

/// Fills `self_ms` of executed nodes: time of a CTE or an InitPlan is taken from the node that pulled it instead of from the node
/// under which it is listed. Returns what could not be given to one node.
fn attribute(root: &mut PlanNode, facts: &[Facts]) -> Option<f64> {
    root.total_ms?;
    let mut spent: Vec<Spent> = Vec::with_capacity(facts.len());
    let mut roles: Vec<Role> = Vec::new();
    flatten(root, None, &mut spent, &mut roles);
    // Normal children are inside their parents.
    for i in 0..spent.len() {
        if let Some(p) = spent[i].parent
            && !matches!(roles[i], Role::InitPlan | Role::Cte)
        {
            spent[p].own -= spent[i].incl;
        }
    }
    let mut unattributed = 0.0;
    for i in 0..spent.len() {
        let Some(p) = spent[i].parent else { continue };
        let name = facts[i].subplan.as_deref().unwrap_or_default();
        let own_part = i..i + size(&spent, i);
        match roles[i] {
            Role::Cte => {
                let cte = name.trim_start_matches("CTE ");
                let scans: Vec<usize> =
                    (0..facts.len()).filter(|j| facts[*j].cte.as_deref() == Some(cte) && !own_part.contains(j)).collect();
                let mut left = spent[i].incl;
                for s in &scans {
                    let part = left.min(spent[*s].own.max(0.0));
                    spent[*s].own -= part;
                    left -= part;
                }
                // A CTE that nobody reads (a writing one) runs after the root: its time is nobody's in the tree.
                let rounding = spent[i].err + scans.iter().map(|s| spent[*s].err).sum::<f64>();
                if left > rounding && !scans.is_empty() {
                    unattributed += left;
                }
            }
            Role::InitPlan => {
                let tokens = parameters(name);
                let consumer = (0..facts.len())
                    .filter(|j| !own_part.contains(j) && spent[*j].incl > 0.0)
                    .find(|j| tokens.iter().any(|t| mentions(&facts[*j].expressions, t)));
                // Who cannot hold the time does not pay: then the parent of it, up to the node that lists it.
                let mut at = consumer.unwrap_or(p);
                while spent[at].own + spent[at].err + spent[i].err < spent[i].incl && at != p {
                    match spent[at].parent {
                        Some(up) => at = up,
                        None => break,
                    }
                }
                spent[at].own -= spent[i].incl;
            }
            _ => {}
        }
    }
    let mut next = 0;
    write_back(root, &spent, &mut next);
    (unattributed > 0.0).then_some(unattributed)
}

fn flatten(n: &PlanNode, parent: Option<usize>, spent: &mut Vec<Spent>, roles: &mut Vec<Role>) {
    let incl = n.total_ms.unwrap_or(0.0);
    let at = spent.len();
    // A Gather waits for its slowest process; the sum over processes is more than it can hold.
    spent.push(Spent { incl, own: incl, err: 0.0005 * n.loops.unwrap_or(0.0), parent });
    roles.push(n.role);
    for c in &n.children {
        flatten(c, Some(at), spent, roles);
    }
    if n.raw_op.starts_with("Gather") {
        for (i, c) in direct(spent, at).into_iter().zip(&n.children) {
            spent[i].incl = c.wall_ms.unwrap_or(spent[i].incl);
        }
    }
}

/// Children of `at` in plan order.
fn direct(spent: &[Spent], at: usize) -> Vec<usize> {
    (at + 1..spent.len()).filter(|i| spent[*i].parent == Some(at)).collect()
}

/// Nodes of the subtree at `i`.
fn size(spent: &[Spent], i: usize) -> usize {
    let mut n = 1;
    // Plan order: the subtree ends at the first node whose parent stands before it.
    while i + n < spent.len() && spent[i + n].parent.is_some_and(|p| p >= i) {
        n += 1;
    }
    n
}

fn write_back(n: &mut PlanNode, spent: &[Spent], next: &mut usize) {
    let own = spent[*next].own;
    *next += 1;
    if n.total_ms.is_some() {
        n.self_ms = Some(own.max(0.0));
    }
    for c in &mut n.children {
        write_back(c, spent, next);
    }
}

/// How an InitPlan's values are written in expressions: `$0` up to 16, `(InitPlan 1).col1` since 17.
fn parameters(subplan: &str) -> Vec<String> {
    if let Some((_, returns)) = subplan.split_once("(returns ") {
        return returns.trim_end_matches(')').split(',').map(|p| p.trim().to_string()).collect();
    }
    vec![format!("({subplan}).")]
}

/// Whether the exact token stands in the text: `$1` is not in `$10`.
fn mentions(text: &str, token: &str) -> bool {
    text.match_indices(token).any(|(i, _)| !text[i + token.len()..].starts_with(|c: char| c.is_ascii_digit()) || token.ends_with('.'))
}

/// Why the estimate of a node cannot be judged.
#[derive(Default, Clone)]
struct Doubt {
    /// Below a LIMIT or on the inner side of a semi join: it need not run to its end.
    cut_short: bool,
    /// Below a Gather the planner divides its rows otherwise than the server its loops.
    per_process: bool,
}

/// Takes the estimate error away where comparing would mislead (rule 8).
fn doubt(n: &mut PlanNode, above: &Doubt) {
    let meaningless = matches!(n.op.as_str(), "bitmap merge" | "hash" | "insert" | "update" | "delete" | "merge")
        || (n.est_rows == Some(1.0) && n.rows == Some(0.0));
    if above.cut_short || above.per_process || meaningless {
        n.estimate_error = None;
    }
    let mut below = above.clone();
    below.cut_short |= n.op == "limit";
    below.per_process |= n.op == "gather";
    // A sort or an aggregate reads all of its input, whatever stands above it.
    if matches!(n.op.as_str(), "sort" | "aggregate" | "hash" | "materialize") {
        below.cut_short = false;
    }
    let stops_early = n.raw_op.contains("Semi Join") || n.raw_op.contains("Anti Join") || n.raw_op.starts_with("Merge");
    for c in &mut n.children {
        let mut d = below.clone();
        d.cut_short |= stops_early && c.role == Role::Inner;
        doubt(c, &d);
    }
}

/// Rows that a scan has to read before it is worth a sentence.
const MANY: f64 = 10_000.0;

fn remarks(plan: &Plan) -> Vec<String> {
    let mut out = Vec::new();
    plan.root.walk(0, &mut |_, n| {
        let name = n.relation.as_deref().unwrap_or("a relation");
        if n.op == "table scan"
            && let Some(removed) = n.removed.total().filter(|r| *r >= MANY)
            && let Some(kept) = n.rows_total
        {
            out.push(format!("reads the whole of {name}: {removed:.0} of {:.0} rows do not pass the filter", removed + kept));
        }
        let attr = |k: &str| n.attrs.get(k).map(String::as_str);
        if attr("Sort Space Type") == Some("Disk") {
            out.push(format!("a sort did not fit into work_mem: {} kB went to disk", attr("Sort Space Used").unwrap_or("some")));
        }
        if n.op == "hash"
            && let (Some(now), Some(planned)) = (attr("Hash Batches"), attr("Original Hash Batches"))
            && now != "1"
        {
            out.push(format!("a hash table did not fit into work_mem: {now} batches, {planned} planned"));
        }
        if let (Some(planned), Some(launched)) = (attr("Workers Planned"), attr("Workers Launched"))
            && planned != launched
        {
            out.push(format!("{planned} parallel workers were planned and {launched} came"));
        }
    });
    let unique: BTreeMap<String, ()> = out.iter().map(|s| (s.clone(), ())).collect();
    let mut seen = unique;
    out.retain(|s| seen.remove(s).is_some());
    out
}

#[cfg(test)]
mod tests;
