//! What a node is called: as the text format writes it, and in the words that all engines share.

use crate::plan::postgres::value::{self, Keys, Value, get};

/// As the text format writes it.
pub(super) fn raw_op(kind: &str, keys: &Keys<'_>) -> String {
    let get = |k: &str| get(keys, k).and_then(Value::text);
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
        // `Insert` and the like on a foreign table.
        "Foreign Scan" => match get("Operation") {
            Some(op) if op != "Select" => format!("Foreign {op}"),
            _ => kind.into(),
        },
        "Nested Loop" | "Hash Join" | "Merge Join" => match get("Join Type") {
            None | Some("Inner") => kind.into(),
            Some(join) => {
                let base = kind.strip_suffix(" Join").unwrap_or(kind);
                format!("{base} {join} Join")
            }
        },
        "SetOp" => {
            let hashed = if get("Strategy") == Some("Hashed") { "HashSetOp" } else { "SetOp" };
            [Some(hashed), get("Command")].into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
        "Custom Scan" => match get("Custom Plan Provider") {
            Some(provider) => format!("Custom Scan ({provider})"),
            None => kind.into(),
        },
        _ => kind.into(),
    };
    if get("Scan Direction") == Some("Backward") {
        name.push_str(" Backward");
    }
    let flag = |k: &str| value::get(keys, k).and_then(Value::bool) == Some(true);
    if flag("Parallel Aware") {
        name = format!("Parallel {name}");
    }
    if flag("Async Capable") {
        name = format!("Async {name}");
    }
    name
}

pub(super) fn neutral(kind: &str, keys: &Keys<'_>) -> String {
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
        "ModifyTable" => get(keys, "Operation").and_then(Value::text).unwrap_or("modify").to_lowercase(),
        "LockRows" => "lock".into(),
        "ProjectSet" | "Result" => "result".into(),
        "SetOp" => "set operation".into(),
        other => other.to_lowercase(),
    }
}
