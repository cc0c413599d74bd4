//! A table of GitHub's Markdown.

use super::separated;
use crate::model::{Align, Cell, Column};

pub(super) fn head(out: &mut Vec<u8>, columns: &[Column]) {
    out.extend_from_slice(b"| ");
    separated(out, columns, b" | ", |out, c| field(out, c.name.as_bytes()));
    out.extend_from_slice(b" |\n|");
    for c in columns {
        out.extend_from_slice(if c.align == Align::Right { b" ---: |" } else { b" --- |" });
    }
    out.push(b'\n');
}

pub(super) fn row(out: &mut Vec<u8>, cells: &[Cell<'_>]) {
    out.extend_from_slice(b"| ");
    separated(out, cells, b" | ", |out, c| match c {
        Cell::Null => out.extend_from_slice(b"*NULL*"),
        // What is no text is written as bytes are: two values must not become one.
        Cell::Text(b) | Cell::Number(b) if std::str::from_utf8(b).is_ok() => field(out, b),
        Cell::Text(b) | Cell::Number(b) | Cell::Binary(b) => out.extend_from_slice(format!("`\\x{}`", hex::encode(b)).as_bytes()),
    });
    out.extend_from_slice(b" |\n");
}

/// One line of a Markdown table: a bar would end the cell, a line feed the row.
fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    // Values that are no UTF-8 do not come here.
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '<' | '[' => out.extend_from_slice(format!("\\{c}").as_bytes()),
            '\n' => out.extend_from_slice(b"<br>"),
            '\r' => {}
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}
