//! `EXPLAIN (FORMAT YAML)` and `(FORMAT XML)`: the same keys as JSON. Only what PostgreSQL itself writes is understood, not all of
//! either language.

use super::value::owned::{Keys, Value};
use super::value::{MAX_DEPTH, number, put, too_deep};
use crate::model::{Error, Result};

/// A container that is not closed yet. What it is shows when its first child comes.
struct Open {
    /// Column of its children.
    column: usize,
    /// Key under which it hangs in the container around it; empty for an item of a list.
    key: String,
    value: Value,
}

/// Reads YAML.
pub(super) fn yaml(text: &str) -> Result<Value> {
    let mut open = vec![Open { column: 0, key: String::new(), value: Value::Null }];
    // The key whose value stands in the lines below.
    let mut awaited: Option<(usize, String)> = None;
    for line in text.lines().filter(|l| !l.trim().is_empty()) {
        let mut rest = line.trim_start();
        let mut column = line.len() - rest.len();
        loop {
            let item = rest.strip_prefix("- ").or((rest == "-").then_some(""));
            if let Some((at, key)) = awaited.take() {
                // Items of a list may stand in the column of their key's.
                if column > at {
                    open.push(Open { column, key, value: Value::Null });
                    if open.len() > 2 * MAX_DEPTH {
                        return Err(too_deep());
                    }
                } else {
                    // Nothing stands below it: `Workers:` of a node that no worker ran. It belongs where the key stands, which
                    // may be deeper than this line.
                    close(&mut open, at)?;
                    give(&mut open, key, Value::Null)?;
                }
            }
            close(&mut open, column)?;
            let Some(inside) = item else { break };
            // The list holds an object, whose keys stand two columns further right.
            let scalar = pair(inside).is_none();
            if scalar {
                give(&mut open, String::new(), scalar_value(inside))?;
                rest = "";
                break;
            }
            match open.last_mut().map(|o| &mut o.value) {
                Some(Value::List(_)) => {}
                Some(v @ Value::Null) => *v = Value::List(Vec::new()),
                _ => return Err(misplaced(rest)),
            }
            column += 2;
            open.push(Open { column, key: String::new(), value: Value::Object(Keys::new()) });
            rest = inside.trim_start();
            if open.len() > 2 * MAX_DEPTH {
                return Err(too_deep());
            }
        }
        if rest.is_empty() {
            continue;
        }
        let Some((key, value)) = pair(rest) else {
            return Err(Error::failed(format!("the plan's YAML cannot be read: `{}` has no key", crate::text::clean(rest))));
        };
        if value.is_empty() {
            awaited = Some((column, key.into()));
        } else {
            give(&mut open, key.into(), scalar_value(value))?;
        }
    }
    if let Some((_, key)) = awaited {
        give(&mut open, key, Value::Null)?;
    }
    while open.len() > 1 {
        shut(&mut open)?;
    }
    Ok(open.pop().map_or(Value::Null, |o| o.value))
}

/// Closes what stands further right than a line.
fn close(open: &mut Vec<Open>, column: usize) -> Result<()> {
    while open.len() > 1 && open.last().is_some_and(|o| o.column > column) {
        shut(open)?;
    }
    Ok(())
}

fn shut(open: &mut Vec<Open>) -> Result<()> {
    match open.pop() {
        Some(o) => give(open, o.key, o.value),
        None => Ok(()),
    }
}

/// Puts a value into the innermost container: an item without a key, a key's value with one. What does not fit into it is an error:
/// to make room for it would lose what is there.
fn give(open: &mut [Open], key: String, value: Value) -> Result<()> {
    let Some(o) = open.last_mut() else { return Ok(()) };
    match &mut o.value {
        Value::List(list) if key.is_empty() => list.push(value),
        Value::Object(keys) if !key.is_empty() => put(keys, key.into(), value),
        v @ Value::Null if key.is_empty() => *v = Value::List(vec![value]),
        v @ Value::Null => *v = Value::Object(vec![(key.into(), value)]),
        _ => return Err(misplaced(&key)),
    }
    Ok(())
}

fn misplaced(what: &str) -> Error {
    Error::failed(format!(
        "the plan's YAML cannot be read: `{}` stands in a column where nothing of its kind is open",
        crate::text::clean(what)
    ))
    .hint("The blanks at the beginning of each line are part of YAML: copy them, too.")
}

/// `Node Type: "Seq Scan"`: a key without quotes, and its value.
fn pair(text: &str) -> Option<(&str, &str)> {
    if text.starts_with('"') {
        return None;
    }
    let (key, value) = text.split_once(':')?;
    (value.is_empty() || value.starts_with(' ')).then_some((key.trim(), value.trim()))
}

/// A value that borrows nothing of its text.
fn owned(v: super::value::Value<'_>) -> Value {
    use super::value::Value as V;
    match v {
        V::Null => V::Null,
        V::Bool(b) => V::Bool(b),
        V::Number(n, d) => V::Number(n, d),
        V::Text(t) => V::owned(t),
        V::List(list) => V::List(list.into_iter().map(owned).collect()),
        V::Object(keys) => V::Object(keys.into_iter().map(|(k, v)| (k.into_owned().into(), owned(v))).collect()),
    }
}

fn scalar_value(text: &str) -> Value {
    let text = text.trim();
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "~" | "null" => Value::Null,
        // Lists in lists (the keys of grouping sets) and strings are written as in JSON.
        _ if text.starts_with('[') => match super::value::json(text) {
            Ok((list, rest)) if rest.trim().is_empty() => owned(list),
            _ => Value::owned(text),
        },
        _ if text.starts_with('"') => match super::value::json(text) {
            Ok((super::value::Value::Text(unquoted), _)) => Value::owned(unquoted),
            _ => Value::owned(text),
        },
        _ => number(text).unwrap_or_else(|| Value::owned(text)),
    }
}

/// Reads XML.
pub(super) fn xml(text: &str) -> Result<Value> {
    let bad = |why: &str| Error::failed(format!("the plan's XML cannot be read: {why}"));
    // Name, children, text.
    let mut open: Vec<(String, Keys, String)> = vec![(String::new(), Vec::new(), String::new())];
    let mut rest = text;
    while let Some(i) = rest.find('<') {
        if let Some(o) = open.last_mut() {
            o.2.push_str(&rest[..i]);
        }
        let Some(end) = rest[i..].find('>') else { return Err(bad("a tag has no end")) };
        let tag = &rest[i + 1..i + end];
        rest = &rest[i + end + 1..];
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            let Some((opened, children, words)) = open.pop().filter(|_| !open.is_empty()) else { return Err(bad("a tag is closed twice")) };
            if opened != name.trim() {
                return Err(bad(&format!("`{}` is closed by another tag", crate::text::clean(&opened))));
            }
            let value = element(&opened, children, &words);
            if let Some(o) = open.last_mut() {
                o.1.push((opened.into(), value));
            }
            continue;
        }
        let name = tag.split([' ', '\n', '/']).next().unwrap_or_default().to_string();
        if tag.ends_with('/') {
            if let Some(o) = open.last_mut() {
                o.1.push((name.into(), Value::Null));
            }
            continue;
        }
        open.push((name, Vec::new(), String::new()));
        if open.len() > 2 * MAX_DEPTH {
            return Err(too_deep());
        }
    }
    if open.len() != 1 {
        return Err(bad("it ends in the middle"));
    }
    // <explain><Query>…</Query></explain>
    match open.pop().and_then(|(_, mut children, _)| children.pop()) {
        Some((_, Value::Object(mut queries))) if queries.len() == 1 => Ok(queries.pop().map_or(Value::Null, |(_, q)| q)),
        Some((_, v)) => Ok(v),
        None => Err(bad("it is empty")),
    }
}

/// An element of children is a list when they are its items, an object otherwise.
fn element(name: &str, children: Keys, words: &str) -> Value {
    if children.is_empty() {
        return match words.trim() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            t => {
                let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x0d;", "\r"), ("&amp;", "&")];
                let mut text = t.to_string();
                for (entity, plain) in entities.iter().filter(|_| t.contains('&')) {
                    text = text.replace(entity, plain);
                }
                // A table may be called 1e5, or 007.
                let digits = !text.starts_with('0') && text.len() < 10 && text.bytes().all(|b| b.is_ascii_digit());
                number(&text).filter(|n| digits || n.words() == text).unwrap_or(Value::owned(text))
            }
        };
    }
    let items = children.iter().all(|(k, _)| k == "Item" || k == "Query" && name == "explain" || name.strip_suffix('s') == Some(k));
    if items {
        return Value::List(children.into_iter().map(|(_, v)| v).collect());
    }
    let mut keys = Keys::new();
    let mut groups = ["Full-sort Groups", "Pre-sorted Groups"].into_iter();
    // JSON has a key for each kind of groups of an incremental sort, XML one tag for both, in this order; and so for the room that they took.
    let spaces = children.iter().filter(|(k, _)| k == "Sort-Space").count();
    let spilled = children.iter().any(|(k, v)| k == "Sort-Methods-Used" && v.words().starts_with("external"));
    let mut rooms = if spaces == 1 && spilled { ["Sort Space Disk", ""] } else { ["Sort Space Memory", "Sort Space Disk"] }.into_iter();
    for (k, v) in children {
        let name = match k.as_ref() {
            "Incremental-Sort-Groups" => groups.next().map(str::to_string),
            "Sort-Space" => rooms.next().map(str::to_string),
            _ => None,
        };
        put(&mut keys, name.unwrap_or_else(|| key(&k)).into(), v);
    }
    Value::Object(keys)
}

/// `I-O-Read-Time` is `I/O Read Time`.
fn key(tag: &str) -> String {
    let spaced = tag.replace('-', " ");
    for (from, to) in [("I O ", "I/O "), ("One Time ", "One-Time "), ("Full sort ", "Full-sort "), ("Pre sorted ", "Pre-sorted ")] {
        if let Some(i) = spaced.find(from) {
            return format!("{}{to}{}", &spaced[..i], &spaced[i + from.len()..]);
        }
    }
    spaced
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::postgres::value::get;

    /// PostgreSQL prints `Workers: ` with nothing below it for a node that no worker ran; the next line stands further left.
    #[test]
    fn an_empty_key_at_the_end_of_an_item_does_not_take_the_items_before_it() {
        let text = "- Plan: \n    Node Type: \"Nested Loop\"\n    Plans: \n      - Node Type: \"Seq Scan\"\n        Workers: \n      - Node Type: \"Result\"\n        Workers: \n  Triggers: \n  Execution Time: 10.5\n";
        let Value::List(plans) = yaml(text).unwrap() else { panic!() };
        let Value::Object(top) = &plans[0] else { panic!() };
        assert_eq!(get(top, "Execution Time"), Some(&Value::Number(10.5, 1)));
        let Some(Value::Object(root)) = get(top, "Plan") else { panic!() };
        assert_eq!(get(root, "Plans").unwrap().words(), "Node Type Seq Scan, Workers , Node Type Result, Workers ");
        let Some(Value::List(list)) = get(root, "Plans") else { panic!() };
        assert_eq!(list.len(), 2);
    }

    #[test]
    fn yaml_that_lost_its_blanks_is_refused() {
        for text in ["- Plan: \n    Node Type: \"Limit\"\n    Plans: \n    - Node Type: \"Result\"\n", "- a\nb: 1\n", "a: 1\n- b\n"] {
            assert!(yaml(text).unwrap_err().message.contains("column"), "{text}");
        }
    }
}
