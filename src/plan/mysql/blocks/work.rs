//! What a statement costs by the server's own estimates of rows, where it tells no cost: MariaDB before 11 tells none of a statement
//! with subqueries, unions or derived tables.

use super::{Object, get};
use serde_json::Value;

/// What comparing one row costs (`TIME_FOR_COMPARE` is 5 until MariaDB 10.11; a scan joined with a scan costs just that for each pair).
const ROW: f64 = 0.2;
/// What fetching one row by an index costs besides: a page each, as the server counts it.
const FETCH: f64 = 1.0;

/// The cost of the whole statement in MariaDB's units, at most: a subquery for which `dependent` (its `select_id`) holds runs once for
/// each row of what it stands in, and the cache that may spare it that is not counted on. `None` where the plan holds no table.
pub fn expected(plan: &Value, dependent: &dyn Fn(u64) -> bool) -> Option<f64> {
    let mut sum = Sum { cost: 0.0, tables: 0, dependent };
    sum.parts(plan.as_object()?, 1.0);
    (sum.tables > 0).then_some(sum.cost)
}

/// Whether it holds a recursion whose rows nobody can foretell: each step joins what the one before gave with more than single rows of
/// another table. The server plans, and prices, one step. One that reads nothing else gives no more rows than it started with in each of
/// its steps, which `max_recursive_iterations` limits.
pub fn recursive(plan: &Value) -> bool {
    match plan {
        Value::Object(o) => {
            let steps = o.get("recursive_union").and_then(|u| u.get("query_specifications")).and_then(Value::as_array);
            steps.into_iter().flatten().any(|step| {
                let mut tables = Vec::new();
                accesses(step, &mut tables);
                let own = |name: &str| name.starts_with("<derived");
                tables.iter().any(|(name, _)| own(name))
                    && tables.iter().any(|(name, access)| !own(name) && !matches!(*access, "const" | "system" | "eq_ref"))
            }) || o.values().any(recursive)
        }
        Value::Array(all) => all.iter().any(recursive),
        _ => false,
    }
}

/// The tables below, with how they are read.
fn accesses<'v>(v: &'v Value, out: &mut Vec<(&'v str, &'v str)>) {
    match v {
        Value::Object(o) => {
            let text = |key: &str| o.get(key).and_then(Value::as_str);
            out.extend(text("table_name").zip(text("access_type")).filter(|_| o.contains_key("rows")));
            o.values().for_each(|v| accesses(v, out));
        }
        Value::Array(all) => all.iter().for_each(|v| accesses(v, out)),
        _ => {}
    }
}

/// The `select_id`s of subqueries of which the plan itself does not tell whether they run once or for each row: a dependent one stands
/// in a cache, unless it cannot be cached.
pub fn undecided(plan: &Value) -> Vec<u64> {
    let mut out = Vec::new();
    look(plan, &mut out);
    out
}

fn look(v: &Value, out: &mut Vec<u64>) {
    match v {
        Value::Object(o) => {
            if let Some(all) = o.get("subqueries").and_then(Value::as_array) {
                out.extend(all.iter().filter_map(|s| id(s.get("query_block")?)));
            }
            o.values().for_each(|v| look(v, out));
        }
        Value::Array(all) => all.iter().for_each(|v| look(v, out)),
        _ => {}
    }
}

/// A union's block has no number of its own: its first member's stands for it.
fn id(block: &Value) -> Option<u64> {
    match block.get("select_id") {
        Some(n) => n.as_u64(),
        None => {
            let members = block.as_object()?.values().find_map(|u| u.get("query_specifications")?.as_array())?;
            id(members.first()?.get("query_block")?)
        }
    }
}

struct Sum<'a> {
    cost: f64,
    tables: usize,
    dependent: &'a dyn Fn(u64) -> bool,
}

impl Sum<'_> {
    /// Adds what an object holds, which runs so many times; gives the rows that it looks at in its last table, over all these times.
    fn parts(&mut self, o: &Object, times: f64) -> f64 {
        let mut rows = times;
        for (key, v) in o.iter().filter(|(k, _)| *k != "subqueries") {
            let seen = match (key.as_str(), v) {
                ("nested_loop" | "duplicates_removal", Value::Array(all)) => self.joined(all, times),
                ("table", Value::Object(t)) => self.table(t, times, times).0,
                (_, Value::Object(inner)) => self.parts(inner, times),
                (_, Value::Array(all)) => all.iter().filter_map(Value::as_object).map(|o| self.parts(o, times)).fold(times, f64::max),
                _ => times,
            };
            rows = rows.max(seen);
        }
        for sub in o.get("subqueries").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
            // What is wrapped (in a cache) depends on the rows.
            let decided = sub.get("query_block").is_none();
            let each = decided || sub.get("query_block").and_then(id).is_none_or(|id| (self.dependent)(id));
            self.parts(sub, if each { rows } else { 1.0 });
        }
        rows
    }

    /// The tables of a join: each is read for every row that those before it gave.
    fn joined(&mut self, all: &[Value], times: f64) -> f64 {
        let (mut outer, mut seen) = (times, times);
        for o in all.iter().filter_map(Value::as_object) {
            let inner = o.get("block-nl-join").or_else(|| o.get("read_sorted_file")).and_then(Value::as_object).unwrap_or(o);
            (seen, outer) = match inner.get("table").and_then(Value::as_object) {
                Some(t) => self.table(t, outer, times),
                None => {
                    let rows = self.parts(inner, outer);
                    (rows, rows)
                }
            };
        }
        seen
    }

    /// Rows that are looked at, and those that stay, of a table that is read so many times in a block that runs `of_block` times.
    fn table(&mut self, t: &Object, times: f64, of_block: f64) -> (f64, f64) {
        // A table that a subquery makes is made once in each run of the block; a lateral one for each row before it.
        for inner in t.values().filter(|v| super::holds_plan(v)).filter_map(Value::as_object) {
            self.parts(inner, if inner.contains_key("lateral") { times } else { of_block });
        }
        // "No tables used", "Impossible WHERE".
        let Some(rows) = get(t, "rows").map(|r| r * times) else { return (times, times) };
        self.tables += 1;
        let by_index = !matches!(t.get("access_type").and_then(Value::as_str), Some("ALL" | "index" | "const" | "system") | None);
        let covered = t.get("using_index").and_then(Value::as_bool).unwrap_or(false);
        self.cost += rows * if by_index && !covered { ROW + FETCH } else { ROW };
        let kept = get(t, "filtered").map_or(1.0, |f| (f / 100.0).clamp(0.0, 1.0));
        (rows, rows * kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scan(name: &str, rows: u64) -> Value {
        json!({ "table": { "table_name": name, "access_type": "ALL", "rows": rows, "filtered": 100 } })
    }

    fn cost(plan: &Value, dependent: bool) -> f64 {
        expected(plan, &|_| dependent).expect("tables")
    }

    #[test]
    fn a_subquery_of_its_own_is_counted_once_and_one_that_looks_outside_for_each_row() {
        let sub = json!({ "select_id": 2, "nested_loop": [scan("o", 200_000)] });
        let bare = json!({ "query_block": { "select_id": 1, "nested_loop": [scan("c", 20_000)], "subqueries": [{ "query_block": sub }] } });
        assert_eq!(undecided(&bare), [2]);
        assert_eq!(cost(&bare, false).round(), 44_000.0);
        assert_eq!(cost(&bare, true).round(), 800_004_000.0);
        // In a cache it depends on the rows, whatever is said of the number.
        let cached = json!({ "query_block": { "select_id": 1, "nested_loop": [scan("c", 20_000)],
            "subqueries": [{ "expression_cache": { "state": "uninitialized", "query_block": sub } }] } });
        assert_eq!(undecided(&cached), [0u64; 0]);
        assert_eq!(cost(&cached, false), cost(&bare, true));
    }

    #[test]
    fn joins_multiply_and_unions_add() {
        // MariaDB's own Last_query_cost of this join is 802,365,695.
        let join = json!({ "query_block": { "nested_loop": [scan("c", 20_056), { "block-nl-join": scan("o", 200_030) }] } });
        assert!((cost(&join, false) / 802_365_695.0 - 1.0).abs() < 0.001, "{}", cost(&join, false));
        let member = |rows| json!({ "query_block": { "nested_loop": [scan("t", rows)] } });
        let union = json!({ "query_block": { "union_result": { "query_specifications": [member(500), member(1000)] } } });
        assert_eq!(cost(&union, false).round(), 300.0);
        let made = json!({ "query_block": { "nested_loop": [{ "table": { "table_name": "<derived2>", "access_type": "ALL", "rows": 10,
            "materialized": { "query_block": { "select_id": 2, "nested_loop": [scan("o", 5000)] } } } }] } });
        assert_eq!(cost(&made, false).round(), 1002.0);
    }

    #[test]
    fn a_derived_table_is_made_once_and_a_lateral_one_for_each_row() {
        let made = |lateral: bool| {
            let mut inner = json!({ "query_block": { "select_id": 2, "nested_loop": [scan("o", 5000)] } });
            if lateral {
                inner["lateral"] = json!(1);
            }
            json!({ "query_block": { "nested_loop": [scan("c", 100), { "table": { "table_name": "<derived2>", "access_type": "ref", "rows": 1,
                "using_index": true, "materialized": inner } }] } })
        };
        assert_eq!(cost(&made(false), false).round(), 1040.0);
        assert_eq!(cost(&made(true), false).round(), 100_040.0);
    }

    #[test]
    fn a_recursion_that_reads_another_table_may_go_any_far() {
        let step = |more: Value| {
            let own = json!({ "table": { "table_name": "<derived2>", "access_type": "ALL", "rows": 2 } });
            let first = json!({ "query_block": { "select_id": 2, "nested_loop": [scan("s", 50)] } });
            let next = json!({ "query_block": { "select_id": 3, "nested_loop": [own, more] } });
            json!({ "query_block": { "nested_loop": [{ "table": { "table_name": "<derived2>", "access_type": "ALL", "rows": 2,
                "materialized": { "query_block": { "recursive_union": { "query_specifications": [first, next] } } } } }] } })
        };
        assert!(recursive(&step(scan("s", 50))));
        assert!(recursive(&step(json!({ "block-nl-join": scan("s", 50) }))));
        assert!(!recursive(&step(json!({ "table": { "table_name": "s", "access_type": "eq_ref", "rows": 1 } }))));
        assert!(!recursive(&step(json!({}))));
        assert!(!recursive(&json!({ "query_block": { "nested_loop": [scan("s", 50)] } })));
    }

    #[test]
    fn what_reads_no_table_has_no_cost() {
        assert_eq!(expected(&json!({ "query_block": { "table": { "message": "No tables used" } } }), &|_| true), None);
    }
}
