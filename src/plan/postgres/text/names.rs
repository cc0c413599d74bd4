//! The line of a node: its operation, what it works on, and its figures.

use crate::plan::postgres::value::owned::{Keys, Value};
use crate::plan::postgres::value::{get, number};

/// Operations that begin a line, as far as they need no more words to be known.
const OPERATIONS: [&str; 56] = [
    "Seq Scan",
    "Sample Scan",
    "Index Scan",
    "Index Only Scan",
    "Bitmap Heap Scan",
    "Bitmap Index Scan",
    "Tid Scan",
    "Tid Range Scan",
    "Function Scan",
    "Table Function Scan",
    "Values Scan",
    "CTE Scan",
    "Named Tuplestore Scan",
    "WorkTable Scan",
    "Subquery Scan",
    "Foreign Scan",
    "Foreign Insert",
    "Foreign Update",
    "Foreign Delete",
    "Custom Scan",
    "Insert",
    "Update",
    "Delete",
    "Merge on",
    "Nested Loop",
    "Hash",
    "Merge",
    "Materialize",
    "Memoize",
    "Result Cache",
    "Sort",
    "Incremental Sort",
    "Group",
    "Aggregate",
    "HashAggregate",
    "GroupAggregate",
    "MixedAggregate",
    "WindowAgg",
    "Unique",
    "SetOp",
    "HashSetOp",
    "LockRows",
    "Limit",
    "Append",
    "Merge Append",
    "Recursive Union",
    "BitmapAnd",
    "BitmapOr",
    "Gather",
    "Gather Merge",
    "Result",
    "ProjectSet",
    "One-Time Filter",
    "Parallel",
    "Partial",
    "Finalize",
];

/// So many nodes an operation reads from at most, those of subplans apart; `None` where there may be any number.
pub(super) fn most_children(operation: &str) -> Option<usize> {
    Some(match operation {
        "Nested Loop" | "Hash Join" | "Merge Join" | "Recursive Union" | "SetOp" => 2,
        "Limit" | "Sort" | "Incremental Sort" | "Aggregate" | "Group" | "Unique" | "Materialize" | "Memoize" | "Result Cache" | "Hash"
        | "Gather" | "Gather Merge" | "LockRows" | "WindowAgg" | "ProjectSet" | "Result" | "Subquery Scan" | "Bitmap Heap Scan" => 1,
        "Seq Scan"
        | "Sample Scan"
        | "Index Scan"
        | "Index Only Scan"
        | "Bitmap Index Scan"
        | "Tid Scan"
        | "Tid Range Scan"
        | "Function Scan"
        | "Table Function Scan"
        | "Values Scan"
        | "CTE Scan"
        | "Named Tuplestore Scan"
        | "WorkTable Scan" => 0,
        _ => return None,
    })
}

/// Whether a text begins with an operation.
pub(super) fn is_operation(text: &str) -> bool {
    let text = text.strip_prefix("Async ").unwrap_or(text);
    // By the first letter, because every line is asked.
    let first = text.as_bytes().first();
    let begins = |o: &str| text.strip_prefix(o).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '(']));
    OPERATIONS.iter().any(|o| o.as_bytes().first() == first && begins(o)) && !text.contains("Cond:")
}

/// `Update on orders_2 o`: one of several tables of a statement, a line without arrow and figures.
pub(super) fn is_target(text: &str) -> bool {
    let text = text.strip_prefix("Foreign ").unwrap_or(text);
    ["Insert on ", "Update on ", "Delete on ", "Merge on "].iter().any(|p| text.starts_with(p)) && !text.contains('(')
}

/// The keys of a node's line.
pub(super) fn node(text: &str) -> Keys {
    let mut keys = Keys::new();
    let figures = ["(cost=", "(actual ", "(never executed)"].iter().filter_map(|p| text.find(p)).min().unwrap_or(text.len());
    name(&mut keys, text[..figures].trim());
    let rest = &text[figures..];
    if let Some(cost) = between(rest, "(cost=") {
        let (range, others) = cost.split_once(' ').unwrap_or((cost, ""));
        if let Some((from, to)) = range.split_once("..") {
            add(&mut keys, "Startup Cost", from);
            add(&mut keys, "Total Cost", to);
        }
        figure(&mut keys, others, "rows=", "Plan Rows");
        figure(&mut keys, others, "width=", "Plan Width");
    }
    if let Some(a) = between(rest, "(actual ") {
        actual(&mut keys, a);
    } else if rest.contains("(never executed)") {
        keys.push(("Actual Loops".into(), Value::Number(0.0, 0)));
    }
    keys
}

/// Whether figures begin in a node's line that could not be read: a client broke them, and a part is not the whole.
pub(super) fn lost(text: &str, keys: &Keys) -> bool {
    let lacks = |begins: &str, key: &str| text.contains(begins) && get(keys, key).is_none();
    let torn = |open: &str| between(text, open).is_some_and(|inside| !whole(inside));
    lacks("(cost=", "Total Cost")
        || lacks("(actual", "Actual Loops")
        || lacks("(actual time=", "Actual Total Time")
        || torn("(cost=")
        || torn("(actual ")
        || strays(text)
}

/// Whether something stands behind a node's estimate that is not its measured figures: `(actu al time=…` would pass for not measured.
fn strays(text: &str) -> bool {
    let Some(behind) = text.find("(cost=").and_then(|at| text[at..].split_once(')')).map(|(_, b)| b.trim()) else { return false };
    !behind.is_empty() && !behind.starts_with("(actual ") && !behind.starts_with("(never executed)")
}

/// Whether figures are whole: `0.1..2.3 rows=4 loops=1`, and nothing between that a break left there.
pub(super) fn whole(figures: &str) -> bool {
    figures.split_whitespace().all(|w| {
        let value = w.split_once('=').map_or(w, |(_, v)| v);
        let number = |t: &str| t.parse::<f64>().is_ok();
        match value.split_once("..") {
            Some((a, b)) => number(a) && number(b),
            None => w.contains('=') && number(value),
        }
    })
}

/// What stands between a beginning and the next closing bracket.
fn between<'a>(text: &'a str, open: &str) -> Option<&'a str> {
    let rest = &text[text.find(open)? + open.len()..];
    Some(&rest[..rest.find(')').unwrap_or(rest.len())])
}

fn add(keys: &mut Keys, key: &str, text: &str) {
    if let Some(v) = number(text.trim()) {
        keys.push((key.to_string().into(), v));
    }
}

fn figure(keys: &mut Keys, text: &str, from: &str, key: &str) {
    if let Some(i) = text.find(from) {
        let rest = &text[i + from.len()..];
        add(keys, key, &rest[..rest.find([' ', ')', ',']).unwrap_or(rest.len())]);
    }
}

/// `actual time=0.1..2.3 rows=4 loops=1`, with or without `time`.
pub(super) fn actual(keys: &mut Keys, text: &str) {
    if let Some(i) = text.find("time=") {
        let rest = &text[i + 5..];
        let range = &rest[..rest.find(' ').unwrap_or(rest.len())];
        if let Some((from, to)) = range.split_once("..") {
            add(keys, "Actual Startup Time", from);
            add(keys, "Actual Total Time", to);
        }
    }
    figure(keys, text, "rows=", "Actual Rows");
    figure(keys, text, "loops=", "Actual Loops");
}

fn name(keys: &mut Keys, text: &str) {
    let mut set = |k: &str, v: &str| keys.push((k.to_string().into(), Value::owned(v)));
    let mut op = text;
    for (word, key) in [("Async ", "Async Capable"), ("Parallel ", "Parallel Aware")] {
        if let Some(rest) = op.strip_prefix(word) {
            set(key, "true");
            op = rest;
        }
    }
    for mode in ["Partial", "Finalize"] {
        if let Some(rest) = op.strip_prefix(mode).and_then(|r| r.strip_prefix(' ')) {
            set("Partial Mode", mode);
            op = rest;
        }
    }
    // `Index Scan Backward using orders_at on public.orders o`.
    let (words, target) = split_at_word(op, " on ");
    let (words, index) = split_at_word(words, " using ");
    let mut words = words.trim();
    if let Some(w) = words.strip_suffix(" Backward") {
        set("Scan Direction", "Backward");
        words = w;
    }
    if let Some(i) = index {
        set("Index Name", &identifiers(i).1);
    }
    // Servers up to 8.3 wrote `Subquery Scan x`.
    let (words, target) = match words.strip_prefix("Subquery Scan ") {
        Some(alias) if target.is_none() => ("Subquery Scan", Some(alias)),
        _ => (words, target),
    };
    let (kind, aggregate) = match words {
        "HashAggregate" => ("Aggregate", Some("Hashed")),
        "GroupAggregate" => ("Aggregate", Some("Sorted")),
        "MixedAggregate" => ("Aggregate", Some("Mixed")),
        "Aggregate" => ("Aggregate", Some("Plain")),
        "Insert" | "Update" | "Delete" | "Merge" => {
            set("Operation", words);
            ("ModifyTable", None)
        }
        _ => (words, None),
    };
    if let Some(strategy) = aggregate {
        set("Strategy", strategy);
    }
    let join = ["Nested Loop", "Hash", "Merge"].into_iter().find_map(|j| {
        let rest = kind.strip_prefix(j)?.trim();
        match (j, rest) {
            ("Nested Loop", "") => Some((j, "Inner")),
            ("Nested Loop", r) => Some((j, r.strip_suffix("Join")?.trim())),
            ("Hash", "Join") => Some(("Hash Join", "Inner")),
            ("Merge", "Join") => Some(("Merge Join", "Inner")),
            ("Hash", r) => Some(("Hash Join", r.strip_suffix("Join")?.trim())),
            (_, r) => Some(("Merge Join", r.strip_suffix("Join")?.trim())),
        }
    });
    let kind = match join {
        Some((kind, how)) => {
            set("Join Type", how);
            kind
        }
        None => kind,
    };
    let kind = if let Some(command) = kind.strip_prefix("HashSetOp") {
        set("Strategy", "Hashed");
        set("Command", command.trim());
        "SetOp"
    } else if let Some(command) = kind.strip_prefix("SetOp") {
        set("Strategy", "Sorted");
        set("Command", command.trim());
        "SetOp"
    } else if let Some(provider) = kind.strip_prefix("Custom Scan (") {
        set("Custom Plan Provider", provider.trim_end_matches(')'));
        "Custom Scan"
    } else if let Some(operation) = kind.strip_prefix("Foreign ").filter(|k| *k != "Scan") {
        set("Operation", operation);
        "Foreign Scan"
    } else {
        kind
    };
    set("Node Type", kind);
    let Some(target) = target else { return };
    let (schema, thing, alias) = identifiers(target);
    let key = match kind {
        "Bitmap Index Scan" => "Index Name",
        "CTE Scan" | "WorkTable Scan" => "CTE Name",
        "Function Scan" => "Function Name",
        "Table Function Scan" => "Table Function Name",
        "Named Tuplestore Scan" => "Tuplestore Name",
        "Values Scan" | "Subquery Scan" => "Alias",
        _ => "Relation Name",
    };
    set(key, &thing);
    if !schema.is_empty() {
        set("Schema", &schema);
    }
    if !matches!(key, "Alias" | "Index Name") {
        set("Alias", if alias.is_empty() { &thing } else { &alias });
    }
}

/// Splits at the first place of a word that is not inside a quoted name.
fn split_at_word<'a>(text: &'a str, word: &str) -> (&'a str, Option<&'a str>) {
    let mut quoted = false;
    for (i, c) in text.char_indices() {
        if c == '"' {
            quoted = !quoted;
        } else if !quoted && text[i..].starts_with(word) {
            return (&text[..i], Some(&text[i + word.len()..]));
        }
    }
    (text, None)
}

/// `public."Order Lines" ol` → schema, name, alias; what is missing is empty.
fn identifiers(text: &str) -> (String, String, String) {
    let mut rest = text.trim();
    let mut parts = Vec::new();
    loop {
        let (one, after) = identifier(rest);
        parts.push(one);
        match after.strip_prefix('.') {
            Some(r) => rest = r,
            None => {
                rest = after;
                break;
            }
        }
    }
    let name = parts.pop().unwrap_or_default();
    let (alias, _) = identifier(rest.trim_start());
    (parts.join("."), name, alias)
}

fn identifier(text: &str) -> (String, &str) {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find([' ', '.']).unwrap_or(text.len());
        return (text[..end].to_string(), &text[end..]);
    };
    let mut out = String::new();
    loop {
        let Some(i) = rest.find('"') else { return (out + rest, "") };
        out.push_str(&rest[..i]);
        rest = &rest[i + 1..];
        match rest.strip_prefix('"') {
            Some(r) => {
                out.push('"');
                rest = r;
            }
            None => return (out, rest),
        }
    }
}
