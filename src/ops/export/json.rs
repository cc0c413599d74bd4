//! JSON as one document or an object on each line: values with all their digits.

use crate::model::rows::offset_of_zone;
use crate::model::{Cell, Column, Dialect};
use std::collections::{HashMap, HashSet};

pub(super) fn head(out: &mut Vec<u8>, columns: &[Column]) {
    let columns: Vec<_> = columns.iter().map(|c| serde_json::json!({"name": c.name, "type": c.type_name})).collect();
    out.extend_from_slice(format!("{{\"columns\":{},\"rows\":[", serde_json::Value::from(columns)).as_bytes());
}

/// A row of a document.
pub(super) fn row(out: &mut Vec<u8>, dialect: Dialect, columns: &[Column], cells: &[Cell<'_>], first: bool) {
    out.extend_from_slice(if first { b"\n[" } else { b",\n[" });
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        cell_of(out, *cell, columns.get(i).is_some_and(|c| boolean(dialect, c)));
    }
    out.push(b']');
}

/// The key of a saved moment: one that no object of a user's has, whose own value an import is to take as it is.
pub(in crate::ops) const MOMENT: &str = "holdpoint:moment";

/// A row as a line of its own; with `zones` a moment that does not name its time zone becomes `{"holdpoint:moment": "…", "time_zone": "…"}`
/// (see [`MOMENT`]).
pub(super) fn line(out: &mut Vec<u8>, dialect: Dialect, columns: &[Column], cells: &[Cell<'_>], zones: bool) {
    out.push(b'{');
    for (i, (column, cell)) in columns.iter().zip(cells).enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(serde_json::Value::from(column.name.as_str()).to_string().as_bytes());
        out.push(b':');
        let zone = column.zone().filter(|_| zones);
        if zone.is_some() {
            out.extend_from_slice(format!("{{\"{MOMENT}\":").as_bytes());
        }
        cell_of(out, *cell, boolean(dialect, column));
        if let Some(zone) = zone {
            let zone = serde_json::Value::from(offset_of_zone(zone).unwrap_or(zone));
            out.extend_from_slice(format!(",\"time_zone\":{zone}}}").as_bytes());
        }
    }
    out.extend_from_slice(b"}\n");
}

/// The end of a document; `facts` (an object) stand behind the rows.
pub(super) fn end(out: &mut Vec<u8>, headed: bool, any: bool, facts: &serde_json::Value) {
    if !headed {
        out.extend_from_slice(b"{\"columns\":[],\"rows\":[");
    }
    out.extend_from_slice(if any { b"\n]" } else { b"]" });
    let facts = facts.to_string();
    match facts.strip_prefix('{').and_then(|f| f.strip_suffix('}')).filter(|f| !f.is_empty()) {
        Some(inner) => out.extend_from_slice(format!(",{inner}}}\n").as_bytes()),
        None => out.extend_from_slice(b"}\n"),
    }
}

/// Gives columns of one name a number behind it: `a`, `a_2`. A column whose name is its own keeps it: of `a`, `a`, `a_2`
/// the second becomes `a_3`.
pub(super) fn name_apart(columns: &mut [Column]) {
    let real: HashSet<String> = columns.iter().map(|c| c.name.clone()).collect();
    // The highest number behind each name so far.
    let mut last: HashMap<String, usize> = HashMap::new();
    for c in columns {
        let Some(n) = last.get_mut(&c.name) else {
            last.insert(c.name.clone(), 1);
            continue;
        };
        let name = c.name.clone();
        // Numbers of one name never meet those of another: what stands before the last `_` tells them apart.
        while {
            *n += 1;
            c.name = format!("{name}_{n}");
            real.contains(&c.name)
        } {}
    }
}

/// A column of PostgreSQL's booleans. The other engines have none: there they are numbers.
fn boolean(dialect: Dialect, column: &Column) -> bool {
    dialect == Dialect::Postgres && column.type_name == "boolean"
}

/// Numbers stay numbers with all their digits; binary becomes `{"hex": "…"}`, text that is no UTF-8 `{"text_hex": "…"}`.
pub(super) fn cell_of(out: &mut Vec<u8>, cell: Cell<'_>, boolean: bool) {
    match cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Text(b"t") if boolean => out.extend_from_slice(b"true"),
        Cell::Text(b"f") if boolean => out.extend_from_slice(b"false"),
        Cell::Number(b) if is_number(b) => out.extend_from_slice(b),
        // SQLite's infinities: a number that no double holds is read as one, and the text 'Inf' stays another value.
        Cell::Number(b"Inf") => out.extend_from_slice(b"9e999"),
        Cell::Number(b"-Inf") => out.extend_from_slice(b"-9e999"),
        Cell::Text(b) | Cell::Number(b) => match std::str::from_utf8(b) {
            Ok(s) => out.extend_from_slice(serde_json::Value::from(s).to_string().as_bytes()),
            Err(_) => out.extend_from_slice(format!("{{\"text_hex\":\"{}\"}}", hex::encode(b)).as_bytes()),
        },
        Cell::Binary(b) => out.extend_from_slice(format!("{{\"hex\":\"{}\"}}", hex::encode(b)).as_bytes()),
    }
}

/// RFC 8259 §6: `NaN`, `Infinity`, `.5` and `1.` are none, and go out as text.
pub(super) fn is_number(b: &[u8]) -> bool {
    let digits = |b: &[u8]| b.iter().take_while(|c| c.is_ascii_digit()).count();
    let b = b.strip_prefix(b"-").unwrap_or(b);
    let n = digits(b);
    if n == 0 || (n > 1 && b[0] == b'0') {
        return false;
    }
    let mut rest = &b[n..];
    if let Some(r) = rest.strip_prefix(b".") {
        let n = digits(r);
        if n == 0 {
            return false;
        }
        rest = &r[n..];
    }
    if let [b'e' | b'E', r @ ..] = rest {
        let r = r.strip_prefix(b"+").or(r.strip_prefix(b"-")).unwrap_or(r);
        let n = digits(r);
        if n == 0 {
            return false;
        }
        rest = &r[n..];
    }
    rest.is_empty()
}
