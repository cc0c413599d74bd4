//! A line of NDJSON: an object whose values keep what is written, digit by digit.

use super::reader::Value;
use crate::ops::export::json::MOMENT;
use serde_json::value::RawValue;
use std::collections::HashSet;

/// The fields of an object, in order, with the text of each value: a number that became a `f64` would lose its digits, or
/// be refused where it is beyond that type.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Fields;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        d.deserialize_map(Visitor)
    }
}

/// The fields of an object, in order.
pub(super) struct Object {
    pub fields: Vec<(String, Value)>,
    /// The time zone of its moments.
    pub zone: Option<String>,
}

/// A key that stands twice is refused: which of its values is meant nobody can tell.
pub(super) fn object(line: &str) -> Result<Object, String> {
    let Fields(fields) = match serde_json::from_str(line) {
        Ok(fields) => fields,
        Err(_) if serde_json::from_str::<&RawValue>(line).is_ok_and(|v| !v.get().starts_with('{')) => {
            return Err("it is not a JSON object".into());
        }
        Err(e) => return Err(format!("it is not JSON: {e}")),
    };
    let mut seen = HashSet::with_capacity(fields.len());
    if let Some((twice, _)) = fields.iter().find(|(name, _)| !seen.insert(name.as_str())) {
        return Err(format!("the key {} stands in it twice", crate::text::clean(twice)));
    }
    let mut out = Object { fields: Vec::with_capacity(fields.len()), zone: None };
    for (name, raw) in fields {
        let Some((value_there, own)) = moment(raw.get()) else {
            out.fields.push((name, value(raw.get())?));
            continue;
        };
        if out.zone.get_or_insert_with(|| own.clone()) != &own {
            return Err(format!("its moments are of the time zones {} and {own}", out.zone.unwrap_or_default()));
        }
        out.fields.push((name, value_there));
    }
    Ok(out)
}

/// `{"holdpoint:moment": …, "time_zone": "…"}`, as rows are saved by the clocks of a zone that their values do not name.
fn moment(raw: &str) -> Option<(Value, String)> {
    // A value may be of megabytes: only what begins like a moment is read as one.
    raw.strip_prefix('{')?.trim_start().strip_prefix('"').filter(|key| key.starts_with(MOMENT))?;
    let Fields(fields) = serde_json::from_str(raw).ok()?;
    let [(first, moment), (second, zone)] = &fields[..] else { return None };
    if first != MOMENT || second != "time_zone" {
        return None;
    }
    let moment = value(moment.get()).ok().filter(|v| matches!(v, Value::Null | Value::Text(_)))?;
    Some((moment, string(zone.get()).ok()?))
}

/// What a JSON text stands for.
fn value(raw: &str) -> Result<Value, String> {
    Ok(match raw.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b't' | b'f') => Value::Bool(raw == "true"),
        Some(b'"') => Value::Text(string(raw)?),
        // As our own export writes bytes.
        Some(b'{') => match bytes(raw) {
            Some(bytes) => bytes,
            None => Value::Text(dense(raw)),
        },
        Some(b'[') => Value::Text(dense(raw)),
        _ => Value::Number(raw.to_string()),
    })
}

fn string(raw: &str) -> Result<String, String> {
    serde_json::from_str(raw).map_err(|e| format!("it is not JSON: {e}"))
}

/// `{"hex": "…"}` or `{"text_hex": "…"}`.
fn bytes(raw: &str) -> Option<Value> {
    let Fields(fields) = serde_json::from_str(raw).ok()?;
    let [(name, digits)] = &fields[..] else { return None };
    let decoded = || hex::decode(string(digits.get()).ok()?).ok();
    match name.as_str() {
        "hex" => decoded().map(Value::Bytes),
        "text_hex" => decoded().map(Value::TextBytes),
        _ => None,
    }
}

/// A JSON text without the blanks between its parts, each of which stays as it is written.
fn dense(raw: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let keep = |c: &char| {
        let blank = !quoted && matches!(c, ' ' | '\t' | '\n' | '\r');
        quoted ^= *c == '"' && !escaped;
        escaped = quoted && *c == '\\' && !escaped;
        !blank
    };
    raw.chars().filter(keep).collect()
}
