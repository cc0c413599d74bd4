//! Lines below a node and below the statement: `Key: value` with the text format's own ways of writing several figures in one line.

use crate::plan::postgres::value::number;
use crate::plan::postgres::value::owned::{Keys, Value};

/// Longer keys are sentences.
const LONGEST: usize = 60;

/// The key that a line begins with.
pub(super) fn key(text: &str) -> Option<&str> {
    let (key, value) = text.split_once(':')?;
    // `a::text` in the middle of an expression.
    if key.starts_with("Trigger ") && !value.starts_with(':') {
        return Some(key);
    }
    if value.starts_with(':') || key.len() > LONGEST || !key.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '/'));
    (plain && (value.is_empty() || value.starts_with(' '))).then_some(key)
}

/// Whether the figures of a line are whole: a break that was mended badly leaves pieces between them.
pub(super) fn sound(key: &str, value: &str) -> bool {
    let digits = |t: &str| t.parse::<f64>().is_ok();
    let words = |kinds: &[&str]| {
        value
            .split([' ', ','])
            .filter(|w| !w.is_empty())
            .all(|w| w.split_once('=').map_or(kinds.contains(&w), |(_, v)| digits(v.trim_end_matches("kB"))))
    };
    match key {
        "Buffers" => words(&["shared", "local", "temp"]),
        "I/O Timings" => words(&["shared", "local", "temp", "shared/local"]),
        "Heap Blocks" => words(&[]),
        "WAL" => words(&["buffers"]),
        "Planning Time" | "Planning time" | "Execution Time" | "Execution time" | "Total runtime" => {
            value.strip_suffix("ms").is_some_and(|n| digits(n.trim()))
        }
        "Heap Fetches" | "Workers Planned" | "Workers Launched" | "Index Searches" | "Subplans Removed" => digits(value),
        k if k.starts_with("Rows Removed by ") => digits(value),
        k if k.starts_with("Trigger ") => words(&[]),
        k if k.starts_with("Worker ") => value.strip_prefix("actual ").is_none_or(super::names::whole),
        _ => true,
    }
}

/// Whether a bracket or a quote is open where a line ends.
pub(super) fn open_at_end(text: &str) -> bool {
    let (mut quote, mut depth) = (None, 0i32);
    for c in text.chars() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            _ => {}
        }
    }
    quote.is_some() || depth > 0
}

/// A number at the beginning, whatever unit follows.
pub(super) fn leading_number(text: &str) -> Option<Value> {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-'))).unwrap_or(text.len());
    number(&text[..end])
}

fn text(keys: &mut Keys, key: &str, value: &str) {
    keys.push((key.to_string().into(), Value::owned(value)));
}

fn figure(keys: &mut Keys, key: &str, value: &str) {
    match leading_number(value) {
        Some(v) => keys.push((key.to_string().into(), v)),
        None => text(keys, key, value),
    }
}

/// `a=1 b=2`: those that are named, under their JSON keys.
pub(super) fn pairs(keys: &mut Keys, value: &str, names: &[(&str, &str)]) {
    for (name, key) in names {
        let found = value.match_indices(&format!("{name}=")).find(|(i, _)| *i == 0 || value[..*i].ends_with([' ', ',']));
        if let Some((i, m)) = found {
            let rest = &value[i + m.len()..];
            figure(keys, key, &rest[..rest.find(' ').unwrap_or(rest.len())]);
        }
    }
}

/// `Memory Usage: 9kB  Disk Usage: 24kB`: parts under their JSON keys. The two blanks between them may have become one.
fn parts(keys: &mut Keys, whole: &str, names: &[(&str, &str)]) {
    let mut at: Vec<usize> = names
        .iter()
        .filter_map(|(n, _)| whole.match_indices(&format!("{n}:")).map(|(i, _)| i).find(|i| *i == 0 || whole[..*i].ends_with(' ')))
        .chain(whole.match_indices("  ").map(|(i, _)| i + 2))
        .chain([0, whole.len()])
        .collect();
    // `Maximum Storage` holds `Storage`, which stands before it.
    at.sort_unstable();
    at.dedup();
    let pieces: Vec<&str> = at.windows(2).map(|w| whole[w[0]..w[1]].trim()).filter(|p| !p.is_empty()).collect();
    for part in pieces {
        let (name, value) = part.split_once(':').map_or((part.trim(), ""), |(n, v)| (n.trim(), v.trim()));
        match names.iter().find(|(n, _)| *n == name) {
            Some((_, key)) => {
                // `Batches: 4 (originally 1)`.
                if let Some((_, o)) = value.split_once("(originally ") {
                    figure(keys, &format!("Original {key}"), o);
                }
                figure(keys, key, value);
            }
            None => text(keys, name, value),
        }
    }
}

/// Puts a property under the keys that the JSON format has for it.
pub(super) fn put_all(keys: &mut Keys, key: &str, value: &str) {
    let whole = || format!("{key}: {value}");
    match key {
        "Buffers" => buffers(keys, value),
        "I/O Timings" => waits(keys, value),
        "WAL" => pairs(
            keys,
            value,
            &[("records", "WAL Records"), ("fpi", "WAL FPI"), ("bytes", "WAL Bytes"), ("buffers full", "WAL Buffers Full")],
        ),
        "Sort Method" => {
            let space = value.find("Memory: ").or_else(|| value.find("Disk: ")).filter(|i| value[..*i].ends_with(' '));
            let (method, space) = match space {
                Some(at) => value.split_at(at),
                None => value.split_once("  ").unwrap_or((value, "")),
            };
            text(keys, "Sort Method", method.trim());
            if let Some((kind, used)) = space.trim().split_once(':') {
                figure(keys, "Sort Space Used", used.trim());
                text(keys, "Sort Space Type", kind.trim());
            }
        }
        "Buckets" => {
            parts(keys, &whole(), &[("Buckets", "Hash Buckets"), ("Batches", "Hash Batches"), ("Memory Usage", "Peak Memory Usage")])
        }
        // A hashed aggregate; of a hash table the line begins with its buckets.
        "Batches" | "Planned Partitions" => {
            parts(
                keys,
                &whole(),
                &[
                    ("Batches", "HashAgg Batches"),
                    ("Memory Usage", "Peak Memory Usage"),
                    ("Disk Usage", "Disk Usage"),
                    ("Planned Partitions", "Planned Partitions"),
                ],
            );
        }
        "Hits" => parts(
            keys,
            &whole(),
            &[
                ("Hits", "Cache Hits"),
                ("Misses", "Cache Misses"),
                ("Evictions", "Cache Evictions"),
                ("Overflows", "Cache Overflows"),
                ("Memory Usage", "Peak Memory Usage"),
            ],
        ),
        // Several figures in one line, in words; how many blanks stand between them is the client's.
        "Full-sort Groups" | "Pre-sorted Groups" => text(keys, key, &value.split_whitespace().collect::<Vec<_>>().join(" ")),
        "Heap Blocks" => pairs(keys, value, &[("exact", "Exact Heap Blocks"), ("lossy", "Lossy Heap Blocks")]),
        "Tuples" => {
            let names = [
                ("inserted", "Tuples Inserted"),
                ("updated", "Tuples Updated"),
                ("deleted", "Tuples Deleted"),
                ("skipped", "Tuples Skipped"),
            ];
            pairs(keys, value, &names);
        }
        "Storage" => parts(keys, &whole(), &[("Storage", "Storage"), ("Maximum Storage", "Maximum Storage")]),
        "Memory" => pairs(keys, value, &[("used", "Memory Used"), ("allocated", "Memory Allocated")]),
        "Group Key" | "Hash Key" | "Sort Key" if grouping_sets(keys, key, value) => {}
        _ => {
            let counts = key.starts_with("Rows Removed by ")
                || matches!(
                    key,
                    "Workers Planned"
                        | "Workers Launched"
                        | "Heap Fetches"
                        | "Subplans Removed"
                        | "Index Searches"
                        | "Tuples Inserted"
                        | "Conflicting Tuples"
                );
            if let Some((_, Value::Text(before))) = keys.iter_mut().find(|(k, _)| k == key) {
                let before = before.to_mut();
                before.push_str("; ");
                before.push_str(value);
            } else if counts {
                figure(keys, key, value);
            } else {
                text(keys, key, value);
            }
        }
    }
}

/// Several keys of one aggregate are its grouping sets, which the JSON format has in one list: `a, b; (); Sort Key b: b`. `false` for a
/// key that stands alone.
fn grouping_sets(keys: &mut Keys, key: &str, value: &str) -> bool {
    const SETS: &str = "Grouping Sets";
    if let Some((name, _)) = keys.iter_mut().find(|(k, _)| k == "Group Key") {
        *name = SETS.into();
    }
    match keys.iter_mut().find(|(k, _)| k == SETS) {
        Some((_, Value::Text(sets))) => {
            let sets = sets.to_mut();
            // What is sorted once more has its sets behind it.
            sets.push_str(if sets.ends_with(": ") { "" } else { "; " });
            match key {
                "Sort Key" => sets.push_str(&format!("Sort Key {value}: ")),
                _ => sets.push_str(value),
            }
            true
        }
        _ if key == "Hash Key" || key == "Group Key" && value == "()" => {
            text(keys, SETS, value);
            true
        }
        _ => false,
    }
}

/// `shared hit=1 read=2 written=3, local hit=4, temp read=5 written=6`.
fn buffers(keys: &mut Keys, value: &str) {
    let mut kind = "Shared";
    for word in value.split([' ', ',']).filter(|w| !w.is_empty()) {
        match word.split_once('=') {
            None => {
                kind = match word {
                    "local" => "Local",
                    "temp" => "Temp",
                    _ => "Shared",
                }
            }
            Some((what, count)) => {
                let mut what: String = what.into();
                if let Some(first) = what.get_mut(..1) {
                    first.make_ascii_uppercase();
                }
                figure(keys, &format!("{kind} {what} Blocks"), count);
            }
        }
    }
}

/// `read=1.2 write=0.3`; since 15 with `shared/local` and `temp`, since 17 with `shared`, `local` and `temp`.
fn waits(keys: &mut Keys, value: &str) {
    let mut kind = "";
    for word in value.split([' ', ',']).filter(|w| !w.is_empty()) {
        match word.split_once('=') {
            None => {
                kind = match word {
                    "shared" => "Shared ",
                    "local" => "Local ",
                    "temp" => "Temp ",
                    _ => "",
                }
            }
            Some(("read", ms)) => figure(keys, &format!("{kind}I/O Read Time"), ms),
            Some(("write", ms)) => figure(keys, &format!("{kind}I/O Write Time"), ms),
            Some(_) => {}
        }
    }
}

/// `work_mem = '64kB', jit = 'off'`.
pub(super) fn settings(value: &str) -> Keys {
    let mut out = Keys::new();
    let mut rest = value.trim();
    while let Some((name, after)) = rest.split_once(" = '") {
        let end = after.find("', ").unwrap_or_else(|| after.trim_end().trim_end_matches('\'').len());
        text(&mut out, name.trim(), &after[..end]);
        rest = after.get(end + 3..).unwrap_or("");
    }
    out
}

/// A line of the section of just-in-time compilation.
pub(super) fn jit(keys: &mut Keys, key: &str, value: &str) {
    match key {
        "Functions" => figure(keys, key, value),
        "Timing" => {
            let mut timing = Keys::new();
            // Since 17: `Generation 0.3 ms (Deform 0.1 ms), …`.
            for part in value.split(", ") {
                if let Some((name, ms)) = part.trim().split_once(' ') {
                    figure(&mut timing, name, ms);
                }
            }
            keys.push((key.to_string().into(), Value::Object(timing)));
        }
        _ => text(keys, key, value),
    }
}

/// `Trigger for constraint orders_fk on lines: time=1.2 calls=3`.
pub(super) fn trigger(key: &str, value: &str) -> Keys {
    let mut out = Keys::new();
    let words = key.strip_prefix("Trigger ").unwrap_or(key);
    let (words, relation) = words.rsplit_once(" on ").map_or((words, None), |(w, r)| (w, Some(r)));
    let (name, constraint) = match words.strip_prefix("for constraint ") {
        Some(c) => (None, Some(c)),
        None => words.split_once(" for constraint ").map_or((Some(words), None), |(n, c)| (Some(n), Some(c))),
    };
    for (key, v) in [("Trigger Name", name), ("Constraint Name", constraint), ("Relation", relation)] {
        if let Some(v) = v {
            text(&mut out, key, v.trim());
        }
    }
    pairs(&mut out, value, &[("time", "Time"), ("calls", "Calls")]);
    out
}
