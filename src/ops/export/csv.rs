//! RFC 4180.

use super::separated;
use crate::model::{Cell, Column};

pub(super) fn head(out: &mut Vec<u8>, columns: &[Column]) {
    separated(out, columns, b",", |out, c| field(out, c.name.as_bytes()));
    out.extend_from_slice(b"\r\n");
}

pub(super) fn row(out: &mut Vec<u8>, cells: &[Cell<'_>]) {
    separated(out, cells, b",", |out, c| match c {
        Cell::Null => {}
        Cell::Text(b) | Cell::Number(b) => field(out, b),
        Cell::Binary(b) => out.extend_from_slice(format!("\\x{}", hex::encode(b)).as_bytes()),
    });
    out.extend_from_slice(b"\r\n");
}

/// A line of a CSV file.
pub fn line(out: &mut Vec<u8>, fields: &[String]) {
    separated(out, fields, b",", |out, f| field(out, f.as_bytes()));
    out.extend_from_slice(b"\r\n");
}

/// RFC 4180: quoted when it must be, and when it is empty (so that it is not NULL).
pub(super) fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    // `\.` alone on a line would end the data for COPY.
    if bytes.is_empty() || bytes == b"\\." || bytes.iter().any(|b| matches!(b, b'"' | b',' | b'\n' | b'\r')) {
        out.push(b'"');
        for b in bytes {
            if *b == b'"' {
                out.push(b'"');
            }
            out.push(*b);
        }
        out.push(b'"');
    } else {
        out.extend_from_slice(bytes);
    }
}
