//! INSERT statements of the dialect that the rows came from.

use super::json::is_number;
use super::separated;
use crate::model::{Cell, Column, Dialect, Error, Result};

/// An error when two columns have one name.
pub(super) fn names_differ(columns: &[Column]) -> Result<()> {
    let twice = |i: usize| columns[..i].iter().any(|c| c.name == columns[i].name);
    if let Some(i) = (0..columns.len()).find(|i| twice(*i)) {
        let name = crate::text::clean(&columns[i].name).into_owned();
        return Err(Error::usage(format!("two columns are named {name}, and INSERT names each once"))
            .hint("Name them apart in the statement: … AS other_name."));
    }
    Ok(())
}

/// An error where PostgreSQL wrote a day so that the order of its numbers depends on the session's DateStyle: another one would take
/// it for another day.
pub(super) fn days_are_told(dialect: Dialect, columns: &[Column], cells: &[Cell<'_>]) -> Result<()> {
    if dialect != Dialect::Postgres {
        return Ok(());
    }
    for (column, cell) in columns.iter().zip(cells) {
        let of_days = ["date", "timestamp", "tsrange", "tstzrange", "tsmultirange", "tstzmultirange"];
        if let Cell::Text(value) = cell
            && of_days.iter().any(|t| column.type_name.contains(t))
            && order_unknown(value)
        {
            let value = String::from_utf8_lossy(value);
            let (value, name) = (crate::text::clean(&value).into_owned(), crate::text::clean(&column.name).into_owned());
            return Err(Error::usage(format!(
                "{value} in {name} does not say which of its numbers is the month: loaded elsewhere it may be another day"
            ))
            .hint("SET datestyle = 'ISO' first, and run the statement again."));
        }
    }
    Ok(())
}

/// `03/02/2024` or `03-02-2024` stands in it.
fn order_unknown(value: &[u8]) -> bool {
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    value.windows(10).enumerate().any(|(i, w)| {
        let sign = w[2];
        let day = digits(&w[..2]) && matches!(sign, b'/' | b'-') && digits(&w[3..5]) && w[5] == sign && digits(&w[6..]);
        day && (i == 0 || !value[i - 1].is_ascii_digit())
    })
}

pub(super) fn row(out: &mut Vec<u8>, dialect: Dialect, table: &[String], columns: &[Column], cells: &[Cell<'_>]) {
    let table: Vec<String> = table.iter().map(|p| dialect.quote_ident(p)).collect();
    // Rows without columns take nothing but what the table's columns are by themselves.
    if columns.is_empty() {
        out.extend_from_slice(format!("INSERT INTO {} DEFAULT VALUES;\n", table.join(".")).as_bytes());
        return;
    }
    let names: Vec<String> = columns.iter().map(|c| dialect.quote_ident(&c.name)).collect();
    out.extend_from_slice(format!("INSERT INTO {} ({}) VALUES (", table.join("."), names.join(", ")).as_bytes());
    separated(out, cells, b", ", |out, c| literal(out, dialect, *c));
    out.extend_from_slice(b");\n");
}

/// A value as the dialect writes it. Text that is not UTF-8 goes as bytes.
pub(super) fn literal(out: &mut Vec<u8>, dialect: Dialect, cell: Cell<'_>) {
    let bytes = |b: &[u8]| match dialect {
        Dialect::Postgres => format!("'\\x{}'", hex::encode(b)),
        Dialect::MySql | Dialect::Sqlite => format!("X'{}'", hex::encode(b)),
    };
    // SQLite keeps any bytes as text, but its parser stops at a NUL and the `sqlite3` shell takes away a CR at a line's end; X'' alone would
    // be a BLOB.
    if let Cell::Text(b) = cell
        && dialect == Dialect::Sqlite
        && (b.contains(&0) || b.contains(&b'\r') || std::str::from_utf8(b).is_err())
    {
        out.extend_from_slice(format!("CAST({} AS TEXT)", bytes(b)).as_bytes());
        return;
    }
    let text = match cell {
        Cell::Null => "NULL".to_string(),
        // As a number the server would take the sign of a zero away before a floating-point column sees it.
        Cell::Number(b) if is_number(b) && (dialect == Dialect::Sqlite || !is_negative_zero(b)) => String::from_utf8_lossy(b).into_owned(),
        Cell::Number(b"Inf") if dialect == Dialect::Sqlite => "9e999".to_string(),
        Cell::Number(b"-Inf") if dialect == Dialect::Sqlite => "-9e999".to_string(),
        Cell::Text(b) | Cell::Number(b) => match std::str::from_utf8(b) {
            // The `mariadb` client stops at a NUL and changes CR LF, unless it is told not to.
            Ok(s) if dialect == Dialect::MySql => {
                // Its own character set is often one without all letters of UTF-8 (`utf8mb3`, `latin1`).
                let set = if s.is_ascii() { "" } else { "_utf8mb4" };
                let s = set.to_string() + &dialect.quote_literal(s);
                s.replace('\0', "\\0").replace('\r', "\\r").replace('\n', "\\n").replace('\x1a', "\\Z")
            }
            Ok(s) => dialect.quote_literal(s),
            // PostgreSQL would read the form of bytea as letters of a text.
            Err(_) if dialect == Dialect::Postgres => escaped(b),
            Err(_) => bytes(b),
        },
        Cell::Binary(b) => bytes(b),
    };
    out.extend_from_slice(text.as_bytes());
}

/// PostgreSQL's `E'…'`: text of any bytes.
fn escaped(bytes: &[u8]) -> String {
    let mut out = String::from("E'");
    for b in bytes {
        match b {
            b'\'' => out.push_str("''"),
            b'\\' => out.push_str("\\\\"),
            0x20..=0x7e => out.push(char::from(*b)),
            other => out.push_str(&format!("\\x{other:02x}")),
        }
    }
    out.push('\'');
    out
}

/// `-0`, `-0.0`, `-0e0`.
fn is_negative_zero(b: &[u8]) -> bool {
    b.starts_with(b"-") && !b[1..].iter().take_while(|c| !matches!(c, b'e' | b'E')).any(|c| matches!(c, b'1'..=b'9'))
}
