//! The JSON that leaves: a plan as a document that other programs may rely on (`assets/manual/plan-json.md`). All keys are always
//! there, and what is not known is null, never 0. A key that is taken away or changes its meaning raises [`SCHEMA_VERSION`]; a new one
//! does not.

use super::reconcile;
use crate::model::plan::{Io, Jit, Pages, Plan, PlanFinding, PlanNode, Process, Role, Trigger, Wal};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What `schema` says.
pub const SCHEMA: &str = "holdpoint/plan";
/// What `schema_version` says.
pub const SCHEMA_VERSION: u32 = 1;

/// The document of a plan.
pub fn document(plan: &Plan) -> Value {
    let mut nodes = Vec::new();
    // Numbered here, so that a tree that somebody put together has its paths too.
    list(&plan.root, &mut nodes);
    json!({
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "engine": known(&plan.engine),
        "version": known(&plan.version),
        "statement": plan.statement,
        "analyzed": plan.analyzed,
        "planning_ms": plan.planning_ms,
        "execution_ms": plan.execution_ms,
        "outside_ms": plan.outside_ms,
        "unattributed_ms": plan.unattributed_ms,
        "parallel_ms": plan.parallel_ms,
        "detached_ms": plan.detached_ms,
        "detached_pages": pages(&plan.detached_pages),
        "serialization_ms": plan.serialization_ms,
        "reconciliation": reconcile::sums(plan).map(|s| s.sentence()),
        "settings": texts(&plan.settings),
        "triggers": plan.triggers.iter().map(trigger).collect::<Vec<_>>(),
        "jit": plan.jit.as_ref().map(jit),
        "counters": plan.counters.iter().map(|(k, v)| (k.clone(), json!(v))).collect::<Map<_, _>>(),
        "attrs": texts(&plan.attrs),
        "remarks": plan.remarks,
        "findings": plan.findings.iter().map(finding).collect::<Vec<_>>(),
        "nodes": nodes,
    })
}

/// `None` for what a plan from a file does not tell.
fn known(text: &str) -> Option<&str> {
    Some(text).filter(|t| !t.is_empty())
}

fn texts(map: &BTreeMap<String, String>) -> Map<String, Value> {
    map.iter().map(|(k, v)| (k.clone(), json!(v))).collect()
}

fn trigger(t: &Trigger) -> Value {
    json!({"name": t.title(), "constraint": t.constraint, "relation": t.relation, "calls": t.calls, "ms": t.ms})
}

fn finding(f: &PlanFinding) -> Value {
    json!({
        "id": f.id,
        "name": f.name,
        "severity": f.severity,
        "confidence": f.confidence,
        "because": f.because,
        "nodes": f.nodes,
        "message": f.message,
        "evidence": f.evidence,
        "next": f.next,
        "sql": f.sql,
        "explains_ms": f.explains_ms,
    })
}

fn io(i: &Io) -> Value {
    json!({"read_ms": i.read_ms, "write_ms": i.write_ms, "temp_read_ms": i.temp_read_ms, "temp_write_ms": i.temp_write_ms})
}

fn wal(w: &Wal) -> Value {
    json!({"records": w.records, "fpi": w.fpi, "bytes": w.bytes, "buffers_full": w.buffers_full})
}

fn jit(j: &Jit) -> Value {
    json!({
        "functions": j.functions,
        "generation_ms": j.generation_ms,
        "inlining_ms": j.inlining_ms,
        "optimization_ms": j.optimization_ms,
        "emission_ms": j.emission_ms,
        "total_ms": j.total_ms,
        "leader_ms": j.leader_ms,
    })
}

fn pages(p: &Pages) -> Value {
    json!({
        "hit": p.hit,
        "read": p.read,
        "dirtied": p.dirtied,
        "written": p.written,
        "temp_read": p.temp_read,
        "temp_written": p.temp_written,
    })
}

fn process(p: &Process) -> Value {
    json!({"who": p.who, "loops": p.loops, "rows_total": p.rows_total, "total_ms": p.total_ms})
}

fn role(r: Role) -> &'static str {
    match r {
        Role::Outer => "outer",
        Role::Inner => "inner",
        Role::InitPlan => "initplan",
        Role::SubPlan => "subplan",
        Role::Cte => "cte",
        Role::Member => "member",
        Role::SelectList => "selectlist",
    }
}

/// The nodes in plan order, parents before children.
fn list(root: &PlanNode, out: &mut Vec<Value>) {
    // Not by recursion: each level would take some kilobytes of a stack of unknown size.
    let mut waiting = vec![(root, Vec::new())];
    while let Some((n, path)) = waiting.pop() {
        out.push(one(n, &path));
        let below = n.children.iter().enumerate().rev();
        waiting.extend(below.map(|(i, c)| (c, path.iter().copied().chain([i]).collect())));
    }
}

fn one(n: &PlanNode, path: &[usize]) -> Value {
    // A list of pairs: one `json!` of this size is more than the compiler unfolds.
    let facts = [
        ("path", json!(path)),
        ("op", json!(n.op)),
        ("raw_op", json!(n.raw_op)),
        ("relation", json!(n.relation)),
        ("alias", json!(n.alias)),
        ("index", json!(n.index)),
        ("role", json!(role(n.role))),
        ("subplan", json!(n.subplan)),
        ("estimated_startup_cost", json!(n.est_startup_cost)),
        ("estimated_total_cost", json!(n.est_total_cost)),
        ("estimated_rows", json!(n.est_rows)),
        ("estimated_width", json!(n.est_width)),
        ("loops", json!(n.loops)),
        ("rows", json!(n.rows)),
        ("rows_total", json!(n.rows_total)),
        ("rows_err", json!(n.rows_err)),
        ("rows_removed", json!({"filter": n.removed.filter, "join_filter": n.removed.join_filter, "recheck": n.removed.recheck})),
        ("estimate_error", json!(n.estimate_error)),
        ("estimate_doubt", json!(n.estimate_doubt)),
        ("startup_ms", json!(n.startup_ms)),
        ("total_ms", json!(n.total_ms)),
        ("self_ms", json!(n.self_ms)),
        ("self_err_ms", json!(n.self_err_ms)),
        ("clamped_ms", json!(n.clamped_ms)),
        ("time_doubt", json!(n.time_doubt)),
        ("wall_ms", json!(n.wall_ms)),
        ("parallel", json!(n.parallel)),
        ("processes", json!(n.processes.iter().map(process).collect::<Vec<_>>())),
        ("workers_planned", json!(n.workers_planned)),
        ("workers_launched", json!(n.workers_launched)),
        ("pages", pages(&n.pages)),
        ("self_pages", pages(&n.self_pages)),
        ("io", io(&n.io)),
        ("self_io", io(&n.self_io)),
        ("wal", wal(&n.wal)),
        ("self_wal", wal(&n.self_wal)),
        ("never_executed", json!(n.never_executed)),
        ("approximate", json!(n.approximate)),
        ("conditions", json!(n.conditions.iter().map(|(k, v)| json!({"name": k, "text": v})).collect::<Vec<_>>())),
        ("attrs", Value::Object(texts(&n.attrs))),
    ];
    Value::Object(facts.into_iter().map(|(k, v)| (k.to_string(), v)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a key is missing or a number that is not known is 0, this says so.
    #[test]
    fn all_keys_are_there_and_what_is_not_known_is_null() {
        let mut plan = Plan { engine: "MySQL".into(), ..Plan::default() };
        plan.root.children.push(PlanNode { never_executed: true, ..PlanNode::default() });
        plan.root.children.push(PlanNode { loops: Some(2.0), self_ms: Some(0.0), ..PlanNode::default() });
        let d = document(&plan);
        for key in ["version", "statement", "planning_ms", "execution_ms", "outside_ms", "unattributed_ms", "jit"] {
            assert_eq!(d.get(key), Some(&Value::Null), "{key}");
        }
        let nodes = d["nodes"].as_array().expect("nodes");
        assert_eq!(nodes.iter().map(|n| n["path"].to_string()).collect::<Vec<_>>(), ["[]", "[0]", "[1]"]);
        let keys: Vec<&String> = nodes[0].as_object().expect("node").keys().collect();
        for n in nodes {
            assert_eq!(n.as_object().expect("node").keys().collect::<Vec<_>>(), keys);
            assert_eq!(n["self_pages"].as_object().map(Map::len), Some(6));
            assert!(n["self_pages"].as_object().is_some_and(|p| p.values().all(Value::is_null)));
        }
        for key in ["loops", "rows_total", "self_ms", "self_err_ms", "total_ms", "wall_ms", "estimate_error", "relation"] {
            assert_eq!(nodes[1].get(key), Some(&Value::Null), "{key}");
        }
        assert_eq!((nodes[2]["self_ms"].as_f64(), nodes[1]["never_executed"].as_bool()), (Some(0.0), Some(true)));
    }
}
