//! MySQL's access paths: the indented text of `FORMAT=TREE` and `EXPLAIN ANALYZE`, and the second version of its JSON.
//!
//! Times are means per loop of first and last row, inclusive of what stands below. What a subquery of the select list costs stands
//! beside the tree, unless the words show that a node evaluates it (`sum((select #2))`, a materialisation). Read against MySQL
//! 9.7.4 (`samples/mysql97/`) and, for what differs before, against the manual.

use crate::model::plan::{Plan, PlanNode, Role};
use crate::model::{Error, Result};
use crate::plan::deep;
use serde_json::{Map, Value};

mod attribute;
mod words;

/// The indented text: `-> operation  (cost=… rows=…) (actual time=a..b rows=r loops=n)`, four blanks for each level.
pub fn parse_tree(raw: &str, version: &str, analyzed: bool) -> Result<Plan> {
    let lines: Vec<(usize, &str)> = raw.lines().enumerate().map(|(i, l)| (i + 1, l)).collect();
    let plan = read_lines(&lines, raw, version)?;
    Ok(Plan { analyzed: plan.analyzed || analyzed, ..plan })
}

/// One line of the text while the tree is put together.
struct Line {
    indent: usize,
    number: usize,
    text: String,
}

/// The same, of lines with their numbers in a file. A line that is none of the plan's is an error that names it.
pub fn read_lines(lines: &[(usize, &str)], raw: &str, version: &str) -> Result<Plan> {
    let mut read: Vec<Line> = Vec::new();
    for (number, line) in lines {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let open = read.last().is_some_and(|l| !words::complete(&l.text));
        match line.trim_start().strip_prefix("-> ") {
            Some(text) if !open => read.push(Line { indent, number: *number, text: text.trim_end().to_string() }),
            _ if line.trim().is_empty() && !open => {}
            // A line feed inside a literal of the node above.
            _ => match read.last_mut().filter(|_| open) {
                Some(last) => {
                    last.text.push(' ');
                    last.text.push_str(line.trim_end());
                }
                None => return Err(stray(*number, line)),
            },
        }
    }
    if let Some(last) = read.last().filter(|l| !words::complete(&l.text)) {
        return Err(Error::failed(format!("line {}: the plan ends in the middle of a node", last.number)).detail(last.text.clone()));
    }
    if read.is_empty() {
        return Err(Error::failed("the server's plan has no line that could be read").detail(raw.chars().take(500).collect::<String>()));
    }
    let (mut tops, mut cut_off): (Vec<PlanNode>, Option<String>) = (Vec::new(), None);
    // The open nodes from the root down, each with its indent.
    let mut open: Vec<(usize, PlanNode)> = Vec::new();
    for line in read {
        while open.last().is_some_and(|(i, _)| *i >= line.indent) {
            close(&mut open, &mut tops);
        }
        if open.len() >= deep::DEEPEST {
            return Err(deep::too_deep(Some(line.number)));
        }
        let node =
            words::node(&line.text).map_err(|why| Error::failed(format!("line {}: {why}", line.number)).detail(line.text.clone()))?;
        open.push((line.indent, node));
    }
    while !open.is_empty() {
        close(&mut open, &mut tops);
    }
    for top in &tops {
        top.walk(0, &mut |_, n| {
            let fewest = match n.op.as_str() {
                "nested loop" | "hash join" => 2,
                "filter" => 1,
                _ => 0,
            };
            if n.children.iter().filter(|c| c.role != Role::SelectList).count() < fewest {
                cut_off.get_or_insert_with(|| n.raw_op.clone());
            }
        });
    }
    if let Some(node) = cut_off {
        return Err(Error::failed(format!("the plan is cut off: what `{}` reads from is not there", crate::text::clean(&node)))
            .hint("Copy all of it, to its last line: of a part, times and rows would be wrong."));
    }
    deep::with_room(move || Ok(finish(tops, raw, version)))
}

fn stray(number: usize, line: &str) -> Error {
    let shown: String = line.trim().chars().take(80).collect();
    Error::failed(format!("line {number} is no line of a MySQL plan: {}", crate::text::clean(&shown)))
        .hint("Each node begins with `-> `; lines before the first and after the last one are skipped.")
}

/// Hangs the innermost open node on the one above it.
fn close(open: &mut Vec<(usize, PlanNode)>, tops: &mut Vec<PlanNode>) {
    let Some((_, mut done)) = open.pop() else { return };
    // `Select #2 (subquery in condition; run only once)` is a heading: the node is below it.
    if done.raw_op.starts_with("Select #") && done.children.len() == 1 {
        let heading = done.raw_op;
        done = done.children.remove(0);
        done.role = heading_role(&heading);
        done.subplan = Some(heading);
    }
    match open.last_mut() {
        Some((_, parent)) => parent.children.push(done),
        None => tops.push(done),
    }
}

fn heading_role(heading: &str) -> Role {
    if heading.contains("in projection") { Role::SelectList } else { Role::SubPlan }
}

/// Cost of the whole statement with its subqueries, which MySQL leaves out of what stands above them: those that depend on a row run
/// for each, and the most rows of one step above them is taken for how many these are. `None` where there are no such subqueries.
fn cost_by_rows(root: &PlanNode) -> Option<f64> {
    let more = subqueries_cost(root, most_rows(root));
    (more > 0.0).then(|| root.est_total_cost.unwrap_or(0.0) + more)
}

/// The most rows that one step is expected to give, of those that are no subquery's.
fn most_rows(n: &PlanNode) -> f64 {
    n.children.iter().filter(|c| c.subplan.is_none()).map(most_rows).fold(n.est_rows.unwrap_or(0.0), f64::max)
}

/// Cost of the subqueries below a node whose block gives so many rows.
fn subqueries_cost(n: &PlanNode, rows: f64) -> f64 {
    let of = |c: &PlanNode| match c.subplan.as_deref() {
        None => subqueries_cost(c, rows),
        Some(heading) => {
            let times = if heading.contains("run only once") { 1.0 } else { rows.max(1.0) };
            times * (c.est_total_cost.unwrap_or(0.0) + subqueries_cost(c, most_rows(c)))
        }
    };
    n.children.iter().map(of).sum()
}

/// First line as the root; what stands beside it is evaluated for the select list, outside the root's clock.
fn finish(tops: Vec<PlanNode>, raw: &str, version: &str) -> Plan {
    let mut tops = tops.into_iter();
    let mut root = tops.next().unwrap_or_default();
    for mut other in tops {
        other.role = Role::SelectList;
        root.children.push(other);
    }
    roles(&mut root);
    printed_elsewhere(&mut root);
    let beside = attribute::attribute(&mut root);
    root.number();
    let analyzed = {
        let mut any = false;
        root.walk(0, &mut |_, n| any |= n.loops.is_some() || n.never_executed);
        any
    };
    Plan {
        engine: "MySQL".into(),
        version: version.into(),
        analyzed,
        execution_ms: root.total_ms.map(|t| t + beside),
        unattributed_ms: unattributed(&root, beside),
        detached_ms: root.total_ms.and((beside > 0.0).then_some(beside)),
        cost_by_rows: cost_by_rows(&root),
        raw: raw.into(),
        root,
        ..Plan::default()
    }
}

/// What the nodes inside the root's clock lack of it.
fn unattributed(root: &PlanNode, beside: f64) -> Option<f64> {
    let mut own = 0.0;
    root.walk(0, &mut |_, n| own += n.self_ms.unwrap_or(0.0));
    root.total_ms.map(|t| t - (own - beside)).map(|ms| if ms.abs() < 1e-9 { 0.0 } else { ms })
}

fn roles(n: &mut PlanNode) {
    let joins = n.op == "nested loop" || n.op == "hash join";
    let members = n.op == "union" || n.op == "append" || n.op == "set operation";
    for (i, c) in n.children.iter_mut().enumerate() {
        if c.role == Role::Outer {
            if joins && i > 0 {
                c.role = Role::Inner;
            } else if members {
                c.role = Role::Member;
            }
        }
        roles(c);
    }
}

/// A CTE that is read in several places is printed, and timed, in one of them. The other places have no actuals, and MySQL prints
/// "never executed" for them; but they were.
fn printed_elsewhere(root: &mut PlanNode) {
    const NOTE: &str = " (query plan printed elsewhere)";
    let mut full: Vec<String> = Vec::new();
    root.walk(0, &mut |_, n| {
        if n.op == "materialize" && !n.children.is_empty() {
            full.push(n.raw_op.clone());
        }
    });
    fn mark(n: &mut PlanNode, full: &[String]) {
        let bare = n.raw_op.strip_suffix(NOTE).unwrap_or(&n.raw_op);
        if n.children.is_empty() && (n.raw_op.ends_with(NOTE) || n.op == "materialize" && full.iter().any(|f| f == bare)) {
            n.never_executed = false;
            n.attrs.insert("plan".into(), "printed elsewhere".into());
        }
        for c in &mut n.children {
            mark(c, full);
        }
    }
    mark(root, &full);
}

/// The second version of `FORMAT=JSON`: the same paths with their figures by name.
pub fn parse_json(raw: &str, version: &str, analyzed: bool) -> Result<Plan> {
    let bad = |e: String| Error::failed(format!("the server's plan cannot be read: {e}")).detail(raw.chars().take(500).collect::<String>());
    deep::json(raw, |value| {
        let top = value.as_object().ok_or_else(|| bad("it is no object".into()))?;
        // 9.x puts the path below `query_plan`.
        let path = top.get("query_plan").and_then(Value::as_object).unwrap_or(top);
        if !path.contains_key("operation") {
            return Err(bad("it has no operation".into()));
        }
        let mut root = path_node(path, 0)?;
        as_in_the_tree(&mut root);
        let mut plan = finish(vec![root], raw, version);
        plan.analyzed |= analyzed;
        plan.statement = top.get("query").and_then(Value::as_str).map(str::to_string);
        for (k, v) in top.iter().filter(|(k, v)| !matches!(k.as_str(), "query" | "query_plan") && !v.is_object() && !v.is_array()) {
            if !std::ptr::eq(path, top) {
                plan.attrs.insert(k.clone(), text_of(v));
            }
        }
        Ok(plan)
    })
}

/// The JSON lists the subqueries of a block's select list at the block's first node, the TREE beside it where something above writes
/// the block's rows down. Here they stand as in the TREE, beside.
fn as_in_the_tree(n: &mut PlanNode) {
    if attribute::makes_table(n) || n.raw_op == "Repeat until convergence" {
        let mut i = 0;
        while i < n.children.len() {
            let (lists, rest) =
                std::mem::take(&mut n.children[i].children).into_iter().partition(|c: &PlanNode| c.role == Role::SelectList);
            n.children[i].children = rest;
            let lists: Vec<PlanNode> = lists;
            let beside = lists.len();
            n.children.splice(i + 1..i + 1, lists);
            i += 1 + beside;
        }
    }
    for c in &mut n.children {
        as_in_the_tree(c);
    }
}

/// Keys with a field of their own.
const KNOWN: [&str; 17] = [
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
    "heading",
    "condition",
    "lookup_condition",
];

fn text_of(v: &Value) -> String {
    match v {
        Value::String(s) => s.clone(),
        Value::Array(a) if a.iter().all(|x| !x.is_object() && !x.is_array()) => a.iter().map(text_of).collect::<Vec<_>>().join(", "),
        v => v.to_string(),
    }
}

fn path_node(o: &Map<String, Value>, depth: usize) -> Result<PlanNode> {
    if depth > deep::DEEPEST {
        return Err(deep::too_deep(None));
    }
    let number = |key: &str| o.get(key).and_then(|v| v.as_f64().or_else(|| v.as_str()?.parse().ok())).filter(|x: &f64| x.is_finite());
    let text = |key: &str| o.get(key).and_then(Value::as_str).map(str::to_string);
    let operation = text("operation").unwrap_or_default();
    let mut n = PlanNode { raw_op: operation.clone(), ..PlanNode::default() };
    words::describe(&operation, &mut n);
    n.relation = text("table_name").or(n.relation);
    n.alias = text("alias").or_else(|| text("table_name")).or(n.alias);
    n.index = text("index_name").or(n.index);
    n.est_rows = number("estimated_rows");
    n.est_total_cost = number("estimated_total_cost");
    n.est_startup_cost = number("estimated_first_row_cost");
    n.loops = number("actual_loops").filter(|l| *l > 0.0);
    n.never_executed = o.get("actual_loops").is_some_and(|v| v.is_null() || v.as_f64() == Some(0.0));
    if let Some(loops) = n.loops {
        n.rows = number("actual_rows");
        n.rows_total = n.rows.map(|r| r * loops);
        n.startup_ms = number("actual_first_row_ms").map(|t| t * loops);
        n.total_ms = number("actual_last_row_ms").map(|t| t * loops);
        // Printed with all digits of a double.
        n.self_err_ms = n.total_ms.map(|t| t * f64::EPSILON * 4.0);
    }
    let heading = text("heading");
    if let Some(heading) = heading.as_deref().filter(|h| h.starts_with("Select #")) {
        n.role = heading_role(heading);
        n.subplan = Some(heading.into());
    }
    for (k, v) in o.iter().filter(|(k, _)| !KNOWN.contains(&k.as_str())) {
        n.attrs.insert(k.clone(), text_of(v));
    }
    if let Some(c) = o.get("lookup_condition")
        && !n.conditions.iter().any(|(k, _)| k == "Lookup")
    {
        n.conditions.insert(0, ("Lookup".into(), text_of(c)));
    }
    if let Some(c) = o.get("condition")
        && n.conditions.is_empty()
    {
        n.conditions.push(("Filter".into(), text_of(c)));
    }
    for (key, role) in [("inputs", Role::Outer), ("inputs_from_select_list", Role::SelectList)] {
        for c in o.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
            let mut child = path_node(c, depth + 1)?;
            if child.role == Role::Outer || role == Role::SelectList {
                child.role = role;
            }
            n.children.push(child);
        }
    }
    // `Repeat until convergence` is a line of its own in the TREE.
    if let Some(raw_op) = heading.filter(|_| n.subplan.is_none()) {
        let mut above = PlanNode { raw_op, ..PlanNode::default() };
        words::describe(&above.raw_op.clone(), &mut above);
        above.children.push(n);
        return Ok(above);
    }
    Ok(n)
}

#[cfg(test)]
mod tests;
