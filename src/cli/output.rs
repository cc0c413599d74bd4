//! Writing to standard output and standard error: tables are cleaned for the terminal, JSON and CSV are exact.

use super::args::PlanFormat;
use crate::model::{Align, Column, Error, Finding, Progress, Result, RowBatch, Severity};
use crate::ops::export::{Encoder, NewFile, csv_line};
use crate::plan::share::{self, Form};
use crate::{text, tui};
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// A line on standard error, cleaned.
pub fn message(line: &str) {
    let mut err = std::io::stderr().lock();
    // The progress line, if any, is overwritten.
    let clear = if err.is_terminal() { "\r\x1b[K" } else { "" };
    let _ = writeln!(err, "{clear}{}", text::clean(line));
}

/// An error with what to do, on standard error.
pub fn error(e: &Error) {
    message(&format!("holdpoint: {}", e.message));
    for line in e.detail.iter().flat_map(|d| d.lines()) {
        message(&format!("  {line}"));
    }
    for hint in &e.hints {
        message(&format!("  → {hint}"));
    }
}

/// Prose on standard error, cleaned; on a terminal it breaks between words, and goes on indented.
pub fn prose(told: &str) {
    let told = text::clean(told);
    let Some(width) = tui::width_of(std::io::stderr()) else { return message(&told) };
    for (i, part) in text::wrap(&told, width.saturating_sub(2).max(20)).iter().enumerate() {
        message(&if i == 0 { part.clone() } else { format!("  {part}") });
    }
}

/// A line of our own on standard output; outside text in it was cleaned by the caller or is cleaned here.
pub fn line(text: &str) -> Result<()> {
    write(format!("{}\n", text::clean(text)).as_bytes())
}

/// Nobody reads standard output any more.
static UNREAD: AtomicBool = AtomicBool::new(false);

/// Whether the reader of standard output has gone (`… | head -1`).
pub fn unread() -> bool {
    UNREAD.load(Ordering::Relaxed)
}

/// Bytes on standard output, exactly. A reader that has gone is no error: what was begun goes on to its end, and what is read only
/// to be shown asks [`unread`].
pub fn write(bytes: &[u8]) -> Result<()> {
    if unread() {
        return Ok(());
    }
    match std::io::stdout().lock().write_all(bytes) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => {
            UNREAD.store(true, Ordering::Relaxed);
            Ok(())
        }
        written => written.map_err(|e| Error::io("writing to standard output", e)),
    }
}

/// Lines for people: on a terminal as they are, or as a page with their title and statement. A picture is of one plan.
pub fn page(title: &str, statement: &str, lines: &[String], format: PlanFormat) -> Result<()> {
    let form = match format {
        PlanFormat::Markdown => Form::Markdown,
        PlanFormat::Html => Form::Html,
        PlanFormat::Svg | PlanFormat::Junit => {
            return Err(Error::usage(format!("{} is not a picture or an outcome of tests", title.to_lowercase()))
                .hint("Say --format table, json, ndjson, markdown or html; svg draws one plan, junit tells --test."));
        }
        _ => return lines.iter().try_for_each(|l| line(l)),
    };
    write(share::page(title, Some(statement), lines, form).unwrap_or_default().as_bytes())
}

/// A value as one JSON document.
pub fn json(value: &impl serde::Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).map_err(|e| Error::failed(format!("writing JSON: {e}")))?;
    text.push('\n');
    write(text.as_bytes())
}

/// Values as one JSON document each, a line each.
pub fn ndjson<T: serde::Serialize>(values: impl IntoIterator<Item = T>) -> Result<()> {
    for v in values {
        let mut line = serde_json::to_string(&v).map_err(|e| Error::failed(format!("writing JSON: {e}")))?;
        line.push('\n');
        write(line.as_bytes())?;
    }
    Ok(())
}

/// Findings, worst first, for people.
pub fn findings(findings: &[Finding]) {
    let mut sorted: Vec<&Finding> = findings.iter().filter(|f| f.severity != Severity::Ok).collect();
    sorted.sort_by_key(|f| std::cmp::Reverse(f.severity));
    for f in sorted {
        let word = f.severity.word();
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
            Some(t) if t > 0 => {
                let share = u128::from(done.min(t)) * 100 / u128::from(t);
                format!(" {} of {} ({share} %)", text::thousands(done), text::thousands(t))
            }
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
    /// The last column is prose.
    prose: bool,
}

impl TextTable {
    /// Columns by name; a name that starts with `>` is right-aligned.
    pub fn new(header: &[&str]) -> Self {
        TextTable {
            header: header.iter().map(|h| h.trim_start_matches('>').to_string()).collect(),
            right: header.iter().map(|h| h.starts_with('>')).collect(),
            rows: Vec::new(),
            prose: false,
        }
    }
    /// Its last column is prose: on a terminal it goes on below itself.
    #[must_use]
    pub fn in_prose(mut self) -> Self {
        self.prose = true;
        self
    }
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
    /// As RFC 4180 has it, exactly.
    pub fn csv(&self) -> Result<()> {
        let mut out = Vec::new();
        for row in std::iter::once(&self.header).chain(&self.rows) {
            csv_line(&mut out, row);
        }
        write(&out)
    }
    /// For people, cleaned.
    pub fn print(&self) -> Result<()> {
        let room = tui::width_of(std::io::stdout()).filter(|_| self.prose);
        write(self.lines_within(room.unwrap_or(usize::MAX)).iter().flat_map(|l| [l, "\n"]).collect::<String>().as_bytes())
    }

    /// The same as lines.
    pub fn lines(&self) -> Vec<String> {
        self.lines_within(usize::MAX)
    }

    /// The last column goes on below itself where a line were longer than `room`, unless hardly any of it is left for that column.
    fn lines_within(&self, room: usize) -> Vec<String> {
        let rows: Vec<Vec<String>> = self.rows.iter().map(|r| r.iter().map(|c| text::clean(c).into_owned()).collect()).collect();
        let mut widths: Vec<usize> = self.header.iter().map(|h| text::width(h)).collect();
        for row in &rows {
            for (w, c) in widths.iter_mut().zip(row) {
                *w = (*w).max(text::width(c));
            }
        }
        let last = widths.len().saturating_sub(1);
        let before = widths[..last].iter().map(|w| w + 2).sum::<usize>();
        let mut out = Vec::new();
        for row in std::iter::once(&self.header).chain(&rows) {
            let mut line = String::new();
            for (i, ((cell, width), right)) in row.iter().zip(&widths).zip(&self.right).enumerate() {
                if i == last && before + 20 <= room && before + text::width(cell) > room {
                    for part in text::wrap(cell, room - before) {
                        out.push(std::mem::replace(&mut line, " ".repeat(before)) + &part);
                    }
                    line.clear();
                    break;
                }
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
            if !line.is_empty() {
                out.push(line.trim_end().to_string());
            }
        }
        out
    }
}

/// Rows of a query, written as they come.
pub struct RowWriter {
    columns: Vec<Column>,
    /// Where they go instead of standard output.
    file: Option<NewFile>,
    /// `None`: a table for people.
    exact: Option<Encoder>,
    /// Table: rows held back until the widths are known.
    held: Vec<Vec<(String, bool)>>,
    widths: Option<Vec<usize>>,
    pub rows: u64,
    /// A table's rows stand one value to a line (`\G`).
    records: bool,
    /// The columns were told.
    told: bool,
    /// Further results that a file has no place for.
    left_out: u32,
}

/// Rows of a table that are looked at before its widths are fixed.
const MEASURED: usize = 500;

impl RowWriter {
    /// `exact`: the format, `None` for a table that people read.
    pub fn new(exact: Option<Encoder>) -> Self {
        RowWriter {
            columns: Vec::new(),
            file: None,
            exact,
            held: Vec::new(),
            widths: None,
            rows: 0,
            records: false,
            told: false,
            left_out: 0,
        }
    }

    /// Into a new file, which is there when [`RowWriter::finish`] has come to its end.
    #[must_use]
    pub fn into_file(mut self, file: NewFile) -> Self {
        self.file = Some(file);
        self
    }

    /// People read its rows one value to a line.
    #[must_use]
    pub fn in_records(mut self, records: bool) -> Self {
        self.records = records;
        self
    }

    /// Its rows go to somebody who does not read them any more.
    pub fn unread(&self) -> bool {
        self.file.is_none() && unread()
    }

    /// Nobody sees them come: they go to a file, be it by the shell. A pipe's reader (`| less`) has the terminal for itself.
    pub fn unseen(&self) -> bool {
        let regular = |s: rustix::fs::Stat| rustix::fs::FileType::from_raw_mode(s.st_mode).is_file();
        self.file.is_some() || rustix::fs::fstat(std::io::stdout()).is_ok_and(regular)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => write(bytes),
        }
    }

    /// The result's columns.
    pub fn columns(&mut self, columns: &[Column]) -> Result<()> {
        self.columns = columns.to_vec();
        self.told = true;
        let mut out = Vec::new();
        if let Some(exact) = &mut self.exact {
            exact.columns(columns, &mut out)?;
        }
        self.write(&out)
    }

    /// A further result of the same statement: it is written after the one before, as that of another statement is. A file holds
    /// the first one.
    pub fn further(&mut self, columns: &[Column]) -> Result<()> {
        self.left_out += u32::from(self.file.is_some());
        if self.left_out > 0 {
            return Ok(());
        }
        self.end(&text::counted(self.rows, "row"), &serde_json::json!({}))?;
        (self.rows, self.widths) = (0, None);
        self.exact = self.exact.as_ref().map(Encoder::afresh);
        self.columns(columns)
    }

    pub fn batch(&mut self, batch: &RowBatch) -> Result<()> {
        if self.left_out > 0 {
            return Ok(());
        }
        let before = self.rows;
        self.rows += batch.rows() as u64;
        if self.unread() {
            return Ok(());
        }
        let mut out = Vec::new();
        if let Some(exact) = &mut self.exact {
            exact.batch(batch, &mut out)?;
            return self.write(&out);
        }
        // Rows without columns have nothing to show: the footer counts them.
        for r in (0..batch.rows()).filter(|_| batch.columns() > 0) {
            let row: Vec<(String, bool)> = (0..batch.columns())
                .map(|c| match text::cell_line(batch.cell(r, c)) {
                    Some(s) => (s, false),
                    None => ("NULL".to_string(), true),
                })
                .collect();
            match &self.widths {
                _ if self.records => record(&mut out, &self.columns, before + r as u64 + 1, &row),
                Some(w) => table_row(&mut out, &self.columns, w, &row),
                None => {
                    self.held.push(row);
                    if self.held.len() >= MEASURED {
                        self.fix_widths(&mut out);
                    }
                }
            }
        }
        self.write(&out)
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
        self.end(footer, facts)?;
        for told in self.exact.iter().flat_map(Encoder::read_otherwise) {
            message(&told);
        }
        if self.left_out > 0 {
            let more = text::counted(u64::from(self.left_out), "further result");
            message(&format!("the statement gave {more}: a file holds one, and they are not in it"));
        }
        Ok(())
    }

    /// The statement failed after rows had come: they are shown, and a document is closed with the reason in it. A file is not made.
    pub fn broken(&mut self, error: &Error) -> Result<()> {
        if !self.told || self.file.is_some() {
            return Ok(());
        }
        let footer = format!("{} before the error", text::counted(self.rows, "row"));
        self.end(&footer, &serde_json::json!({ "error": error.message }))
    }

    fn end(&mut self, footer: &str, facts: &serde_json::Value) -> Result<()> {
        let unread = self.unread();
        let mut out = Vec::new();
        match &mut self.exact {
            Some(exact) => exact.finish(facts, &mut out),
            None if self.widths.is_none() && !self.columns.is_empty() && !self.records => self.fix_widths(&mut out),
            None => {}
        }
        self.write(&out)?;
        if let Some(file) = self.file.take() {
            file.finish()?;
        }
        if !(self.told && unread) {
            message(footer);
        }
        Ok(())
    }
}

/// One row, a line for each value.
fn record(out: &mut Vec<u8>, columns: &[Column], number: u64, row: &[(String, bool)]) {
    let names: Vec<String> = columns.iter().map(|c| text::clean(&c.name).into_owned()).collect();
    let width = names.iter().map(|n| text::width(n)).max().unwrap_or(0);
    out.extend_from_slice(format!("─── row {} ───\n", text::thousands(number)).as_bytes());
    for (name, (cell, _)) in names.iter().zip(row) {
        let pad = " ".repeat(width - text::width(name));
        out.extend_from_slice(format!("{name}{pad} │ {cell}").trim_end().as_bytes());
        out.push(b'\n');
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_goes_on_below_itself_and_nothing_else_is_broken() {
        let mut t = TextTable::new(&["state", "what was found"]).in_prose();
        t.row(vec!["[x] proved".into(), "ten sessions wait behind one that does nothing".into()]);
        t.row(vec!["[ ] waiting".into(), "not yet".into()]);
        let lines = t.lines_within(36);
        assert_eq!(
            lines,
            [
                "state        what was found",
                "[x] proved   ten sessions wait",
                "             behind one that does",
                "             nothing",
                "[ ] waiting  not yet"
            ]
        );
        assert_eq!(t.lines()[1], "[x] proved   ten sessions wait behind one that does nothing");
        // Where hardly anything is left for it, the terminal breaks the line.
        assert_eq!(t.lines_within(30), t.lines());
    }
}
