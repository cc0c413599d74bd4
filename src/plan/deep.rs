//! Depth: how far a plan may nest, and reading what nests far without running out of stack.

use crate::model::{Error, Result};
use serde_json::Value;

/// Levels of nodes. MySQL joins 61 tables at most, and a join has two levels; a tree that is much deeper was not made by a planner,
/// and whoever walks it on a thread with a small stack would run out of it.
pub const DEEPEST: usize = 200;

/// Levels of brackets in JSON: each level of nodes has an object and a list, and a few more stand around and inside.
const BRACKETS: usize = 3 * DEEPEST;

/// Levels of brackets that any thread's stack holds.
const SHALLOW: usize = 60;

/// Bytes of stack for reading what is deeper; only what is used of it costs memory.
const STACK: usize = 256 << 20;

/// What to say of a plan that nests deeper than [`DEEPEST`].
pub fn too_deep(line: Option<usize>) -> Error {
    let place = line.map(|l| format!("line {l}: ")).unwrap_or_default();
    Error::failed(format!("{place}the plan nests deeper than {DEEPEST} levels, and is not read"))
}

/// The JSON value at the beginning of a text: its length in bytes and its levels of brackets. The error is the place at which the text
/// ends with the value still open.
pub fn measure(text: &str) -> Result<(usize, usize), usize> {
    let (mut depth, mut deepest, mut string, mut escaped) = (0usize, 0usize, false, false);
    for (i, b) in text.bytes().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if string => escaped = true,
            b'"' => string = !string,
            _ if string => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Ok((i + 1, deepest));
                }
            }
            _ => {}
        }
    }
    Err(text.len())
}

/// Parses JSON and reads the value, on a stack that is deep enough for both.
pub fn json<T: Send>(text: &str, read: impl FnOnce(Value) -> Result<T> + Send) -> Result<T> {
    let depth = measure(text).map_or(0, |(_, depth)| depth);
    if depth > BRACKETS {
        return Err(too_deep(None));
    }
    let all = move || {
        let mut parser = serde_json::Deserializer::from_str(text);
        parser.disable_recursion_limit();
        let value: Value = serde::Deserialize::deserialize(&mut parser).map_err(|e| unreadable(&e))?;
        parser.end().map_err(|e| unreadable(&e))?;
        read(value)
    };
    if depth > SHALLOW { with_room(all) } else { all() }
}

/// What to say of JSON that is none.
pub fn unreadable(e: &serde_json::Error) -> Error {
    Error::failed(format!("line {}: this is no JSON: {e}", e.line()))
}

/// Runs something that goes down once for each level, on a stack that is deep enough.
pub fn with_room<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|s| {
        let thread = std::thread::Builder::new().name("plan".into()).stack_size(STACK).spawn_scoped(s, work);
        match thread.map(|t| t.join()) {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Error::failed("the reader of the plan broke down: this is an error of Holdpoint")),
            Err(e) => Err(Error::io("starting a thread to read a deep plan", e)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_json_is_read_or_refused_and_never_overflows() {
        let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(measure("{\"a\": \"}\\\"{\"} rest"), Ok((13, 1)));
        assert_eq!(measure("{\"a\": 1"), Err(7));
        let levels = |text: &str| {
            json(text, |mut v| {
                let mut n = 0;
                while let Value::Array(mut list) = v {
                    v = list.pop().unwrap_or_default();
                    n += 1;
                }
                Ok(n)
            })
        };
        assert_eq!(levels(&nested(500)), Ok(500));
        assert!(levels(&nested(20_000)).unwrap_err().message.contains("deeper than 200"));
        assert!(levels("[1,\n2,").unwrap_err().message.starts_with("line 2"));
    }
}
