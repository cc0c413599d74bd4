//! What a format told, before it is understood: the keys of each node in plan order. Every format ends here with the key names of
//! PostgreSQL's JSON.

use super::value::{Keys, MAX_DEPTH, Value, get, take, too_deep};
use crate::model::{Error, Result};

/// One node's keys.
#[derive(Debug, Default)]
pub(super) struct Draft<'a> {
    /// Index of the parent; none for the root.
    pub parent: Option<usize>,
    pub keys: Keys<'a>,
}

/// A plan's keys.
#[derive(Debug, Default)]
pub(super) struct Sheet<'a> {
    /// Parents before their children.
    pub nodes: Vec<Draft<'a>>,
    /// Everything beside the nodes.
    pub top: Keys<'a>,
    /// Counters that are zero are not printed: the text format.
    pub zeros_left_out: bool,
    /// Sentences for the reader: what was taken, what was left.
    pub remarks: Vec<String>,
}

/// From what a server sends in JSON, YAML or XML: a list of statements, or one.
pub(super) fn from_value(value: Value<'_>) -> Result<Sheet<'_>> {
    let mut remarks = Vec::new();
    let top = match value {
        Value::List(list) => {
            let plans = list.iter().filter(|v| matches!(v, Value::Object(k) if get(k, "Plan").is_some())).count();
            if plans > 1 {
                remarks.push(format!("the first of {plans} plans; a rule or a log has more"));
            }
            let mut list = list;
            let at = list.iter().position(|v| matches!(v, Value::Object(k) if get(k, "Plan").is_some())).unwrap_or(0);
            if list.is_empty() { Value::Null } else { list.swap_remove(at) }
        }
        other => other,
    };
    let Value::Object(mut top) = top else { return Err(no_plan()) };
    let root = match take(&mut top, "Plan") {
        Some(Value::Object(root)) => root,
        // A node by itself: the inside of "Plan".
        None if get(&top, "Node Type").is_some() => std::mem::take(&mut top),
        _ if top.iter().any(|(k, _)| matches!(k.as_ref(), "Plans" | "Node Type" | "Total Cost")) => return Err(super::whole::headless()),
        _ => return Err(no_plan()),
    };
    let mut sheet = Sheet { top, remarks, ..Sheet::default() };
    let mut waiting: Vec<(Option<usize>, usize, Keys<'_>)> = vec![(None, 1, root)];
    while let Some((parent, depth, mut keys)) = waiting.pop() {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        let below = take(&mut keys, "Plans");
        let at = sheet.nodes.len();
        sheet.nodes.push(Draft { parent, keys });
        if let Some(Value::List(list)) = below {
            let children =
                list.into_iter().rev().filter_map(|c| if let Value::Object(k) = c { Some((Some(at), depth + 1, k)) } else { None });
            waiting.extend(children);
        }
    }
    Ok(sheet)
}

fn no_plan() -> Error {
    Error::failed("the plan cannot be read: it has no plan; statements that have none are not explained")
}
