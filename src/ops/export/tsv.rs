//! The text format of PostgreSQL's `COPY`.

use super::separated;
use crate::model::{Cell, Column};

pub(super) fn head(out: &mut Vec<u8>, columns: &[Column]) {
    separated(out, columns, b"\t", |out, c| field(out, c.name.as_bytes()));
    out.push(b'\n');
}

pub(super) fn row(out: &mut Vec<u8>, cells: &[Cell<'_>]) {
    separated(out, cells, b"\t", |out, c| match c {
        Cell::Null => out.extend_from_slice(b"\\N"),
        Cell::Text(b) | Cell::Number(b) => field(out, b),
        // bytea in COPY's text format: the backslash of `\x` is escaped.
        Cell::Binary(b) => out.extend_from_slice(format!("\\\\x{}", hex::encode(b)).as_bytes()),
    });
    out.push(b'\n');
}

/// The escapes of `COPY`'s text format.
fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    for b in bytes {
        match b {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            11 => out.extend_from_slice(b"\\v"),
            b => out.push(*b),
        }
    }
}
