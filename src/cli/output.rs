//! Writing to standard output and standard error: tables are cleaned for the terminal, JSON and CSV are exact.

use crate::cli::Format;
use crate::model::{Align, Cell, Column, Error, Finding, Progress, Result, RowBatch, Severity};
use crate::text;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;

/// A line on standard error, cleaned.
pub fn message(line: &str) {
    let mut err = std::io::stderr().lock();
    // The progress line, if any, is overwritten.
    let clear = if err.is_terminal() { "\r\x1b[K" } else { "" };
    let _ = writeln!(err, "{clear}{}", text::clean(line));
}

/// A line of our own on standard output; outside text in it was cleaned by the caller or is cleaned here.
pub fn line(text: &str) -> Result<()> {
    write(format!("{}\n", text::clean(text)).as_bytes())
}

/// Bytes on standard output, exactly.
pub fn write(bytes: &[u8]) -> Result<()> {
    std::io::stdout().lock().write_all(bytes).map_err(|e| Error::io("writing to standard output", e))
}

/// A value as one JSON document.
pub fn json(value: &impl serde::Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).map_err(|e| Error::failed(format!("writing JSON: {e}")))?;
    text.push('\n');
    write(text.as_bytes())
}

/// Findings, worst first, for people.
pub fn findings(findings: &[Finding]) {
    let mut sorted: Vec<&Finding> = findings.iter().filter(|f| f.severity != Severity::Ok).collect();
    sorted.sort_by_key(|f| std::cmp::Reverse(f.severity));
    for f in sorted {
        let word = match f.severity {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
            Severity::Unknown => "unknown",
            Severity::Info | Severity::Ok => "info",
        };
        message(&format!("{word}: {} ({})", f.message, f.check));
        for next in f.lifts.iter().chain(std::iter::once(&f.next)).filter(|n| !n.is_empty()) {
            message(&format!("  → {next}"));
        }
    }
}

/// Progress on one line of the terminal, rewritten in place.
#[derive(Default)]
pub struct StderrProgress {
    last: Mutex<Option<std::time::Instant>>,
}

impl Progress for StderrProgress {
    fn update(&self, step: &str, done: u64, total: Option<u64>) {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Ten lines a second are enough for a person, and little enough for a slow link.
        if last.is_some_and(|t| t.elapsed().as_millis() < 100) {
            return;
        }
        *last = Some(std::time::Instant::now());
        let count = match total {
            Some(t) if t > 0 => format!(" {} of {}", text::thousands(done), text::thousands(t)),
            _ if done > 0 => format!(" {}", text::thousands(done)),
            _ => String::new(),
        };
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "\r\x1b[K{}{count}", text::clean(step));
        let _ = err.flush();
    }
}

impl Drop for StderrProgress {
    fn drop(&mut self) {
        if self.last.lock().is_ok_and(|l| l.is_some()) {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

/// Aligned text columns of things that are all here already: queues, backups, journals.
#[derive(Default)]
pub struct TextTable {
    header: Vec<String>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl TextTable {
    /// Columns by name; a name that starts with `>` is right-aligned.
    pub fn new(header: &[&str]) -> Self {
        TextTable {
            header: header.iter().map(|h| h.trim_start_matches('>').to_string()).collect(),
            right: header.iter().map(|h| h.starts_with('>')).collect(),
            rows: Vec::new(),
        }
    }
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.into_iter().map(|c| text::clean(&c).into_owned()).collect());
    }
    pub fn print(&self) -> Result<()> {
        let mut widths: Vec<usize> = self.header.iter().map(|h| text::width(h)).collect();
        for row in &self.rows {
            for (w, c) in widths.iter_mut().zip(row) {
                *w = (*w).max(text::width(c));
            }
        }
        let mut out = String::new();
        for row in std::iter::once(&self.header).chain(&self.rows) {
            let mut line = String::new();
            for ((cell, width), right) in row.iter().zip(&widths).zip(&self.right) {
                let pad = " ".repeat(width - text::width(cell));
                if *right {
                    line.push_str(&pad);
                    line.push_str(cell);
                } else {
                    line.push_str(cell);
                    line.push_str(&pad);
                }
                line.push_str("  ");
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        write(out.as_bytes())
    }
}

/// Rows of a query, written as they come.
pub struct RowWriter {
    format: Format,
    columns: Vec<Column>,
    /// Table: rows held back until the widths are known.
    held: Vec<Vec<(String, bool)>>,
    widths: Option<Vec<usize>>,
    /// JSON: whether a row was written already.
    any: bool,
    pub rows: u64,
}

/// Rows of a table that are looked at before its widths are fixed.
const MEASURED: usize = 500;

impl RowWriter {
    pub fn new(format: Format) -> Self {
        RowWriter { format, columns: Vec::new(), held: Vec::new(), widths: None, any: false, rows: 0 }
    }

    /// The result's columns.
    pub fn columns(&mut self, columns: &[Column]) -> Result<()> {
        self.columns = columns.to_vec();
        match self.format {
            Format::Csv => {
                let mut out = Vec::new();
                for (i, c) in columns.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    csv_field(&mut out, c.name.as_bytes());
                }
                out.extend_from_slice(b"\r\n");
                write(&out)
            }
            Format::Json => {
                let columns: Vec<_> = columns.iter().map(|c| serde_json::json!({"name": c.name, "type": c.type_name})).collect();
                write(format!("{{\"columns\":{},\"rows\":[", serde_json::Value::from(columns)).as_bytes())
            }
            Format::Table | Format::Ndjson => Ok(()),
        }
    }

    pub fn batch(&mut self, batch: &RowBatch) -> Result<()> {
        self.rows += batch.rows() as u64;
        let mut out = Vec::new();
        for r in 0..batch.rows() {
            match self.format {
                Format::Table => {
                    let row: Vec<(String, bool)> = (0..batch.columns())
                        .map(|c| match text::cell_line(batch.cell(r, c)) {
                            Some(s) => (s, false),
                            None => ("NULL".to_string(), true),
                        })
                        .collect();
                    match &self.widths {
                        Some(w) => table_row(&mut out, &self.columns, w, &row),
                        None => {
                            self.held.push(row);
                            if self.held.len() >= MEASURED {
                                self.fix_widths(&mut out);
                            }
                        }
                    }
                }
                Format::Json => {
                    out.extend_from_slice(if self.any { b",\n" } else { b"\n" });
                    out.push(b'[');
                    for c in 0..batch.columns() {
                        if c > 0 {
                            out.push(b',');
                        }
                        json_cell(&mut out, batch.cell(r, c));
                    }
                    out.push(b']');
                    self.any = true;
                }
                Format::Ndjson => {
                    out.push(b'{');
                    for (c, column) in self.columns.iter().enumerate() {
                        if c > 0 {
                            out.push(b',');
                        }
                        out.extend_from_slice(serde_json::Value::from(column.name.as_str()).to_string().as_bytes());
                        out.push(b':');
                        json_cell(&mut out, batch.cell(r, c));
                    }
                    out.extend_from_slice(b"}\n");
                }
                Format::Csv => {
                    for c in 0..batch.columns() {
                        if c > 0 {
                            out.push(b',');
                        }
                        match batch.cell(r, c) {
                            // NULL is nothing at all, empty text is a pair of quotes: the two stay apart.
                            Cell::Null => {}
                            Cell::Text(b) | Cell::Number(b) => csv_field(&mut out, b),
                            Cell::Binary(b) => {
                                out.extend_from_slice(b"\\x");
                                out.extend_from_slice(hex::encode(b).as_bytes());
                            }
                        }
                    }
                    out.extend_from_slice(b"\r\n");
                }
            }
        }
        write(&out)
    }

    fn fix_widths(&mut self, out: &mut Vec<u8>) {
        let mut widths: Vec<usize> = self.columns.iter().map(|c| text::width(&text::clean(&c.name))).collect();
        for row in &self.held {
            for (w, (cell, _)) in widths.iter_mut().zip(row) {
                *w = (*w).max(text::width(cell));
            }
        }
        let header: Vec<(String, bool)> = self.columns.iter().map(|c| (text::clean(&c.name).into_owned(), false)).collect();
        table_row(out, &self.columns, &widths, &header);
        let rule: Vec<String> = widths.iter().map(|w| "─".repeat(*w)).collect();
        out.extend_from_slice(rule.join("─┼─").as_bytes());
        out.push(b'\n');
        for row in std::mem::take(&mut self.held) {
            table_row(out, &self.columns, &widths, &row);
        }
        self.widths = Some(widths);
    }

    /// The end of the result; `footer` says how it ended, `facts` go into the JSON document.
    pub fn finish(&mut self, footer: &str, facts: &serde_json::Value) -> Result<()> {
        match self.format {
            Format::Table => {
                let mut out = Vec::new();
                if self.widths.is_none() && !self.columns.is_empty() {
                    self.fix_widths(&mut out);
                }
                write(&out)?;
                message(footer);
            }
            Format::Json => {
                if self.columns.is_empty() {
                    write(b"{\"columns\":[],\"rows\":[")?;
                }
                let facts = facts.to_string();
                let inner = facts.trim_start_matches('{').trim_end_matches('}');
                write(format!("{}],{inner}}}\n", if self.any { "\n" } else { "" }).as_bytes())?;
            }
            Format::Ndjson | Format::Csv => message(footer),
        }
        Ok(())
    }
}

fn table_row(out: &mut Vec<u8>, columns: &[Column], widths: &[usize], row: &[(String, bool)]) {
    let mut line = String::new();
    for (i, ((cell, _), width)) in row.iter().zip(widths).enumerate() {
        if i > 0 {
            line.push_str(" │ ");
        }
        let pad = " ".repeat(width.saturating_sub(text::width(cell)));
        if columns[i].align == Align::Right {
            line.push_str(&pad);
            line.push_str(cell);
        } else {
            line.push_str(cell);
            line.push_str(&pad);
        }
    }
    out.extend_from_slice(line.trim_end().as_bytes());
    out.push(b'\n');
}

/// RFC 4180: quoted when it must be, and when it is empty (so that it is not NULL).
fn csv_field(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.is_empty() || bytes.iter().any(|b| matches!(b, b'"' | b',' | b'\n' | b'\r')) {
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

/// Numbers stay numbers with all their digits; text that is no UTF-8, and binary, become `{"hex": "…"}`.
fn json_cell(out: &mut Vec<u8>, cell: Cell<'_>) {
    match cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Number(b) if is_json_number(b) => out.extend_from_slice(b),
        Cell::Text(b) | Cell::Number(b) => match std::str::from_utf8(b) {
            Ok(s) => out.extend_from_slice(serde_json::Value::from(s).to_string().as_bytes()),
            Err(_) => out.extend_from_slice(format!("{{\"hex\":\"{}\"}}", hex::encode(b)).as_bytes()),
        },
        Cell::Binary(b) => out.extend_from_slice(format!("{{\"hex\":\"{}\"}}", hex::encode(b)).as_bytes()),
    }
}

/// RFC 8259 §6: `NaN`, `Infinity`, `.5` and `1.` are none, and go out as text.
fn is_json_number(b: &[u8]) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_numbers_by_the_rfc() {
        for yes in ["0", "-1", "12.50", "1e5", "1E-7", "0.1"] {
            assert!(is_json_number(yes.as_bytes()), "{yes}");
        }
        for no in ["", "-", "01", ".5", "1.", "NaN", "Infinity", "1e", "0x1", "1 "] {
            assert!(!is_json_number(no.as_bytes()), "{no}");
        }
    }

    #[test]
    fn csv_keeps_null_and_empty_apart() {
        let mut out = Vec::new();
        csv_field(&mut out, b"");
        out.push(b'|');
        csv_field(&mut out, b"a\"b,c");
        out.push(b'|');
        csv_field(&mut out, b"plain");
        assert_eq!(out, b"\"\"|\"a\"\"b,c\"|plain");
    }

    #[test]
    fn json_cells_are_exact() {
        let mut out = Vec::new();
        for c in [
            Cell::Null,
            Cell::Text(b"a\x1b\"\xc3\xa9"),
            Cell::Text(b"\xff"),
            Cell::Number(b"12345678901234567890.10"),
            Cell::Number(b"NaN"),
        ] {
            json_cell(&mut out, c);
            out.push(b' ');
        }
        assert_eq!(String::from_utf8(out).unwrap(), "null \"a\\u001b\\\"é\" {\"hex\":\"ff\"} 12345678901234567890.10 \"NaN\" ");
    }
}
