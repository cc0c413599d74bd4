//! MySQL's access paths: the indented text of `FORMAT=TREE` and `EXPLAIN ANALYZE`, and the second version of its JSON.
//!
//! Times are means per loop of first and last row, inclusive of what stands below; a select-list subquery stands beside.
//! Written from the documented grammar: no MySQL server was at hand.

use crate::model::plan::{Plan, PlanNode, Role};
use crate::model::{Error, Result};
use serde_json::{Map, Value};

/// The indented text: `-> operation  (cost=… rows=…) (actual time=a..b rows=r loops=n)`, four blanks for each level.
pub fn parse_tree(raw: &str, version: &str, analyzed: bool) -> Result<Plan> {
    let mut lines: Vec<(usize, PlanNode)> = Vec::new();
    for line in raw.lines() {
        let indent = line.len() - line.trim_start_matches(' ').len();
        match line.trim_start().strip_prefix("-> ") {
            Some(text) => lines.push((indent, node(text.trim_end()))),
            // A condition that was wrapped, or a line feed in a literal, belongs to the node above.
            None if !line.trim().is_empty() => {
                if let Some((_, last)) = lines.last_mut() {
                    last.raw_op.push(' ');
                    last.raw_op.push_str(line.trim());
                }
            }
            None => {}
        }
    }
    if lines.is_empty() {
        return Err(Error::failed("the server's plan has no line that could be read").detail(raw.chars().take(500).collect::<String>()));
    }
    let least = lines.iter().map(|(i, _)| *i).min().unwrap_or(0);
    let mut rest = lines.into_iter().peekable();
    let mut tops = Vec::new();
    while let Some((indent, mut first)) = rest.next() {
        first.children = deeper(indent.max(least), &mut rest);
        tops.push(first);
    }
    Ok(finish(tops, raw, version, analyzed))
}

/// The nodes below one that stands at `indent`.
fn deeper(indent: usize, rest: &mut std::iter::Peekable<impl Iterator<Item = (usize, PlanNode)>>) -> Vec<PlanNode> {
    // A list instead of recursion: each entry is an open node with its indent.
    let mut out: Vec<PlanNode> = Vec::new();
    let mut open: Vec<(usize, PlanNode)> = Vec::new();
    let close = |open: &mut Vec<(usize, PlanNode)>, out: &mut Vec<PlanNode>| {
        if let Some((_, done)) = open.pop() {
            match open.last_mut() {
                Some((_, parent)) => parent.children.push(done),
                None => out.push(done),
            }
        }
    };
    while let Some((at, next)) = rest.next_if(|(i, _)| *i > indent) {
        while open.last().is_some_and(|(i, _)| *i >= at) {
            close(&mut open, &mut out);
        }
        open.push((at, next));
    }
    while !open.is_empty() {
        close(&mut open, &mut out);
    }
    out
}

/// First line as the root; what stands beside it is evaluated for the select list, outside the root's clock.
fn finish(tops: Vec<PlanNode>, raw: &str, version: &str, analyzed: bool) -> Plan {
    let mut tops = tops.into_iter();
    let mut root = tops.next().unwrap_or_default();
    for mut other in tops {
        other.role = Role::SelectList;
        root.children.push(other);
    }
    roles(&mut root);
    root.settle();
    root.number();
    let mut beside = 0.0;
    root.walk(0, &mut |_, n| {
        if n.role == Role::SelectList {
            beside += n.total_ms.unwrap_or(0.0);
        }
    });
    let execution = root.total_ms.filter(|_| analyzed).map(|t| t + beside);
    Plan {
        engine: "MySQL".into(),
        version: version.into(),
        analyzed,
        execution_ms: execution,
        raw: raw.into(),
        remarks: super::remarks(&root),
        root,
        ..Plan::default()
    }
}

fn roles(n: &mut PlanNode) {
    let joins = n.op == "nested loop" || n.op == "hash join";
    for (i, c) in n.children.iter_mut().enumerate() {
        if c.role == Role::Outer {
            if c.raw_op.starts_with("Select #") {
                c.role = if c.raw_op.contains("in projection") { Role::SelectList } else { Role::SubPlan };
            } else if joins && i > 0 {
                c.role = Role::Inner;
            } else if n.op == "union" || n.op == "append" {
                c.role = Role::Member;
            }
        }
        roles(c);
    }
}

/// One line without its arrow.
fn node(text: &str) -> PlanNode {
    let mut n = PlanNode::default();
    let mut words = text;
    let mut actual = None;
    // The groups in parentheses at the end are the figures; a condition may hold parentheses too, so only known ones go.
    while words.ends_with(')')
        && let Some(start) = opening(words)
    {
        let group = &words[start + 1..words.len() - 1];
        if let Some(a) = group.strip_prefix("actual ") {
            actual = Some(a.to_string());
        } else if group == "never executed" {
            n.never_executed = true;
        } else if group.starts_with("cost=") || group.starts_with("rows=") {
            for part in group.split_whitespace() {
                match part.split_once('=') {
                    Some(("cost", v)) => {
                        // `a..b` since 8.0.31 in some nodes: first and last row.
                        let (first, last) = v.split_once("..").map_or((None, v), |(a, b)| (Some(a), b));
                        n.est_startup_cost = first.and_then(|v| v.parse().ok());
                        n.est_total_cost = last.parse().ok();
                    }
                    Some(("rows", v)) => n.est_rows = v.parse().ok(),
                    Some((k, v)) => {
                        n.attrs.insert(k.into(), v.into());
                    }
                    None => {}
                }
            }
        } else {
            break;
        }
        words = words[..start].trim_end();
    }
    if let Some(a) = actual {
        let mut per_loop = None;
        for part in a.split_whitespace() {
            match part.split_once('=') {
                Some(("time", v)) => per_loop = v.split_once("..").and_then(|(_, last)| last.parse::<f64>().ok()),
                Some(("rows", v)) => n.rows = v.parse().ok(),
                Some(("loops", v)) => n.loops = v.parse().ok(),
                _ => {}
            }
        }
        let loops = n.loops.unwrap_or(1.0);
        n.rows_total = n.rows.map(|r| r * loops);
        n.total_ms = per_loop.map(|t| t * loops);
    }
    n.raw_op = words.to_string();
    describe(words, &mut n);
    n
}

/// Where the last group's parenthesis opens.
fn opening(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (i, b) in text.bytes().enumerate().rev() {
        match b {
            b')' => depth += 1,
            b'(' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    None
}

/// What the words say: operation, table, index, condition.
fn describe(words: &str, n: &mut PlanNode) {
    let lower = words.to_ascii_lowercase();
    let condition = |name: &str, n: &mut PlanNode| {
        if let Some((_, c)) = words.split_once(": ") {
            n.conditions.push((name.into(), c.to_string()));
        }
    };
    let op = if lower.starts_with("filter") {
        condition("Filter", n);
        "filter"
    } else if lower.starts_with("nested loop") {
        "nested loop"
    } else if lower.contains("hash join") {
        if let Some((_, c)) = words.split_once('(') {
            n.conditions.push(("Hash condition".into(), c.trim_end_matches(')').to_string()));
        }
        "hash join"
    } else if lower == "hash" {
        "hash"
    } else if lower.starts_with("sort") {
        condition("Sort key", n);
        "sort"
    } else if lower.starts_with("limit") || lower.starts_with("limit/offset") {
        condition("Limit", n);
        "limit"
    } else if lower.starts_with("group aggregate") || lower.starts_with("aggregate") {
        condition("Aggregate", n);
        "aggregate"
    } else if lower.starts_with("window aggregate") {
        condition("Window", n);
        "window"
    } else if lower.starts_with("materialize") || lower.starts_with("union materialize") || lower.starts_with("temporary table") {
        if lower.starts_with("union") { "union" } else { "materialize" }
    } else if lower.starts_with("append") {
        "append"
    } else if lower.starts_with("intersect") || lower.starts_with("except") {
        "set operation"
    } else if lower.starts_with("select #") {
        "subquery"
    } else if lower.starts_with("covering") && lower.contains(" on ") {
        "index only scan"
    } else if lower.starts_with("table scan on") {
        "table scan"
    } else if lower.contains("intersect rows sorted") || lower.contains("deduplicate rows") || lower.starts_with("sort-deduplicate") {
        "index merge"
    } else if lower.contains("index") && lower.contains(" on ") || lower.starts_with("constant row from") || lower.starts_with("single-row")
    {
        "index scan"
    } else if lower.starts_with("rows fetched before execution") || lower.starts_with("zero rows") {
        "result"
    } else {
        ""
    };
    n.op = if op.is_empty() { lower.split([':', '(']).next().unwrap_or("").trim().to_string() } else { op.into() };
    if let Some((_, rest)) = words.split_once(" on ").filter(|_| n.op.contains("scan"))
        && !lower.starts_with("nested")
    {
        let (table, rest) = rest.split_once(' ').map_or((rest, ""), |(t, r)| (t, r));
        n.relation = Some(table.to_string());
        n.alias = Some(table.to_string());
        if let Some((_, index)) = format!(" {rest}").split_once(" using ") {
            let (index, rest) = index.split_once(' ').map_or((index, ""), |(i, r)| (i, r));
            n.index = Some(index.to_string());
            let inner = rest.strip_prefix("over ").unwrap_or(rest).trim();
            if let Some(c) = inner.strip_prefix('(').and_then(|c| c.split_once(')').map(|(c, _)| c))
                && !c.is_empty()
            {
                n.conditions.push(("Lookup".into(), c.to_string()));
            }
        }
        if let Some((_, c)) = words.split_once("with index condition: ") {
            n.conditions.push(("Index condition".into(), c.to_string()));
        }
    }
}

/// The second version of `FORMAT=JSON`: the same paths with their figures by name.
pub fn parse_json(raw: &str, version: &str, analyzed: bool) -> Result<Plan> {
    let bad = |e: String| Error::failed(format!("the server's plan cannot be read: {e}")).detail(raw.chars().take(500).collect::<String>());
    let value: Value = serde_json::from_str(raw).map_err(|e| bad(e.to_string()))?;
    let top = value.as_object().ok_or_else(|| bad("it is no object".into()))?;
    // 9.x puts the path below `query_plan`.
    let path = top.get("query_plan").and_then(Value::as_object).unwrap_or(top);
    if !path.contains_key("operation") {
        return Err(bad("it has no operation".into()));
    }
    Ok(finish(vec![path_node(path, 0)], raw, version, analyzed))
}

fn path_node(o: &Map<String, Value>, depth: usize) -> PlanNode {
    let number = |key: &str| o.get(key).and_then(|v| v.as_f64().or_else(|| v.as_str()?.parse().ok()));
    let text = |key: &str| o.get(key).and_then(Value::as_str).map(str::to_string);
    let words = text("operation").unwrap_or_default();
    let mut n = PlanNode { raw_op: words.clone(), ..PlanNode::default() };
    describe(&words, &mut n);
    n.relation = text("table_name").or(n.relation);
    n.alias = text("alias").or(n.alias);
    n.index = text("index_name").or(n.index);
    n.est_rows = number("estimated_rows");
    n.est_total_cost = number("estimated_total_cost");
    n.est_startup_cost = number("estimated_first_row_cost");
    n.rows = number("actual_rows");
    n.loops = number("actual_loops").filter(|l| *l > 0.0);
    n.never_executed = o.get("actual_loops").is_some_and(|v| v.is_null() || v.as_f64() == Some(0.0));
    let loops = n.loops.unwrap_or(1.0);
    n.rows_total = n.rows.map(|r| r * loops);
    n.total_ms = number("actual_last_row_ms").map(|t| t * loops);
    const KNOWN: [&str; 14] = [
        "operation",
        "table_name",
        "alias",
        "index_name",
        "estimated_rows",
        "estimated_total_cost",
        "estimated_first_row_cost",
        "actual_rows",
        "actual_loops",
        "actual_first_row_ms",
        "actual_last_row_ms",
        "inputs",
        "inputs_from_select_list",
        "query",
    ];
    for (k, v) in o.iter().filter(|(k, _)| !KNOWN.contains(&k.as_str())) {
        let v = v.as_str().map_or_else(|| v.to_string(), str::to_string);
        match k.as_str() {
            "lookup_condition" => n.conditions.push(("Lookup".into(), v)),
            "condition" if n.conditions.is_empty() => n.conditions.push(("Filter".into(), v)),
            _ => {
                n.attrs.insert(k.clone(), v);
            }
        }
    }
    if depth < 200 {
        for (key, role) in [("inputs", Role::Outer), ("inputs_from_select_list", Role::SelectList)] {
            for c in o.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
                n.children.push(PlanNode { role, ..path_node(c, depth + 1) });
            }
        }
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // Written from the documented grammar; no output of a server.
    const WRITTEN_TREE: &str = "\
-> Limit: 5 row(s)  (cost=12.5 rows=5) (actual time=1.5..1.6 rows=5 loops=1)
    -> Sort: orders.total DESC, limit input to 5 row(s) per chunk  (cost=12.5 rows=40) (actual time=1.5..1.55 rows=5 loops=1)
        -> Nested loop inner join  (cost=10.1 rows=40) (actual time=0.05..1.2 rows=38 loops=1)
            -> Filter: ((o.total > 5.00) and (o.note <> '-> x (cost=1'))  (cost=4.5 rows=40) (actual time=0.02..0.4 rows=38 loops=1)
                -> Table scan on o  (cost=4.5 rows=120) (actual time=0.02..0.3 rows=120 loops=1)
            -> Single-row index lookup on c using PRIMARY (id=o.customer_id)  (cost=0.3 rows=1) (actual time=0.005..0.006 rows=1 loops=38)
-> Select #2 (subquery in projection; dependent)
    -> Index range scan on p using k over (5 < v < 9)  (cost=0.7 rows=2) (never executed)
";

    #[test]
    fn a_tree_is_read_with_figures_per_loop_multiplied() {
        let p = parse_tree(WRITTEN_TREE, "8.4.0", true).expect("plan");
        let mut ops = Vec::new();
        p.root.walk(0, &mut |d, n| ops.push(format!("{d} {}", n.op)));
        assert_eq!(ops, ["0 limit", "1 sort", "2 nested loop", "3 filter", "4 table scan", "3 index scan", "1 subquery", "2 index scan"]);
        let join = &p.root.children[0].children[0];
        let lookup = &join.children[1];
        assert_eq!((lookup.role, lookup.relation.as_deref(), lookup.index.as_deref()), (Role::Inner, Some("c"), Some("PRIMARY")));
        assert!((lookup.total_ms.unwrap() - 0.006 * 38.0).abs() < 1e-9);
        assert!((join.self_ms.unwrap() - (1.2 - 0.4 - 0.228)).abs() < 1e-9);
        assert_eq!(join.children[0].conditions[0].1, "((o.total > 5.00) and (o.note <> '-> x (cost=1'))");
        let beside = &p.root.children[1];
        assert_eq!(beside.role, Role::SelectList);
        assert!(beside.children[0].never_executed && beside.children[0].rows.is_none());
        assert_eq!(p.execution_ms, Some(1.6));
    }

    #[test]
    fn small_times_have_exponents() {
        let p = parse_tree("-> Rows fetched before execution  (cost=0..0 rows=1) (actual time=560e-6..793e-6 rows=1 loops=1)", "9.7", true);
        let p = p.expect("plan");
        assert!((p.root.total_ms.unwrap() - 0.000_793).abs() < 1e-12);
        assert_eq!((p.root.est_startup_cost, p.root.est_total_cost), (Some(0.0), Some(0.0)));
    }

    // Written from the documented keys; no output of a server.
    const WRITTEN_JSON: &str = r#"{"query": "select 1", "operation": "Nested loop inner join", "estimated_rows": 2.0, "actual_rows": 2.0, "actual_loops": 1,
        "actual_first_row_ms": 0.1, "actual_last_row_ms": 0.5, "new_key": [1], "inputs": [
        {"operation": "Table scan on t", "table_name": "t", "estimated_rows": 2.0, "actual_rows": 2.0, "actual_loops": 1, "actual_last_row_ms": 0.2},
        {"operation": "Index lookup on u using i (a=t.a)", "table_name": "u", "index_name": "i", "actual_rows": 1.0, "actual_loops": 2,
         "actual_last_row_ms": 0.1, "lookup_condition": "a=t.a", "covering": false}]}"#;

    #[test]
    fn the_second_json_is_read() {
        let p = parse_json(WRITTEN_JSON, "9.0", true).expect("plan");
        assert_eq!(p.root.attrs["new_key"], "[1]");
        assert_eq!(p.root.children[1].total_ms, Some(0.2));
        assert!((p.root.self_ms.unwrap() - 0.1).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(( {0,8}-> )?[a-zA-Z0-9 ()=.:#é]{0,40}\n){0,12}") {
            let _ = parse_tree(&text, "8", true);
        }
    }
}
