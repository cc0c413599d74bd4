//! Rows as files: exactly what the server sent, in a format that other programs read back.

mod file;
mod portion;
mod stream;

pub use file::NewFile;
pub use portion::{Portion, each};
pub use stream::{Exported, to_file};

use crate::model::{Align, Cell, Column, Dialect, Error, Result, RowBatch};
use crate::sql::{self, TokenKind};
use std::path::Path;

/// A format of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// RFC 4180. NULL is nothing at all, empty text is `""`.
    Csv,
    /// PostgreSQL's `COPY … (FORMAT text)`: tabs between values, `\\N` is NULL, backslash escapes.
    Tsv,
    /// One document: columns with their types, and rows.
    Json { dialect: Dialect },
    /// One object on each line.
    Ndjson { dialect: Dialect },
    /// A table for README files and issues (GitHub's).
    Markdown,
    /// INSERT statements of the dialect that the rows came from.
    Insert { dialect: Dialect },
}

impl ExportFormat {
    /// The format that a file's name asks for: `.csv`, `.tsv`, `.json`, `.ndjson` (`.jsonl`), `.md`, `.sql`.
    pub fn of_path(path: &Path, dialect: Dialect) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match ending.as_str() {
            "csv" => ExportFormat::Csv,
            "tsv" => ExportFormat::Tsv,
            "json" => ExportFormat::Json { dialect },
            "ndjson" | "jsonl" => ExportFormat::Ndjson { dialect },
            "md" => ExportFormat::Markdown,
            "sql" => ExportFormat::Insert { dialect },
            _ => return None,
        })
    }

    /// The endings that [`ExportFormat::of_path`] knows, for people.
    pub const ENDINGS: &'static str = ".csv .tsv .json .ndjson .md .sql";
}

/// Writes rows into a buffer as they come.
pub struct Encoder {
    format: ExportFormat,
    columns: Vec<Column>,
    /// Parts of the table's name, unquoted.
    table: Vec<String>,
    /// The result's columns that are written, in their order; `None`: all.
    only: Option<Vec<usize>>,
    /// A row was written already.
    any: bool,
    /// The columns were told: PostgreSQL has results with none.
    headed: bool,
}

impl Encoder {
    pub fn new(format: ExportFormat) -> Self {
        Encoder { format, columns: Vec::new(), table: vec!["exported".into()], only: None, any: false, headed: false }
    }

    /// One for a further result, written in the same way.
    #[must_use]
    pub fn afresh(&self) -> Encoder {
        Encoder { columns: Vec::new(), any: false, headed: false, table: self.table.clone(), only: self.only.clone(), format: self.format }
    }

    /// The table that INSERT names, unquoted.
    #[must_use]
    pub fn into_table(self, table: impl Into<String>) -> Self {
        self.into_table_of(vec![table.into()])
    }

    /// The table that INSERT names, as the parts of its name (schema, table), unquoted.
    #[must_use]
    pub fn into_table_of(mut self, parts: Vec<String>) -> Self {
        self.table = parts;
        self
    }

    /// Only these columns of the result, in this order.
    #[must_use]
    pub fn only(mut self, columns: Option<Vec<usize>>) -> Self {
        self.only = columns;
        self
    }

    pub fn format(&self) -> ExportFormat {
        self.format
    }

    /// The result's columns: once, before the rows.
    ///
    /// # Errors
    /// INSERT needs names that differ.
    pub fn columns(&mut self, columns: &[Column], out: &mut Vec<u8>) -> Result<()> {
        self.headed = true;
        self.columns = match &self.only {
            Some(only) => only.iter().filter_map(|c| columns.get(*c)).cloned().collect(),
            None => columns.to_vec(),
        };
        // What is written below has the names as they are; NDJSON, which names each value, takes its own.
        let columns = &self.columns.clone()[..];
        let twice = |i: usize| columns[..i].iter().any(|c| c.name == columns[i].name);
        match self.format {
            ExportFormat::Insert { .. } => {
                if let Some(i) = (0..columns.len()).find(|i| twice(*i)) {
                    let name = crate::text::clean(&columns[i].name).into_owned();
                    return Err(Error::usage(format!("two columns are named {name}, and INSERT names each once"))
                        .hint("Name them apart in the statement: … AS other_name."));
                }
            }
            // Readers of JSON keep one of two equal keys.
            ExportFormat::Ndjson { .. } => name_apart(&mut self.columns),
            _ => {}
        }
        match self.format {
            ExportFormat::Csv => {
                separated(out, columns, b",", |out, c| csv_field(out, c.name.as_bytes()));
                out.extend_from_slice(b"\r\n");
            }
            ExportFormat::Tsv => {
                separated(out, columns, b"\t", |out, c| tsv_field(out, c.name.as_bytes()));
                out.push(b'\n');
            }
            ExportFormat::Json { .. } => {
                let columns: Vec<_> = columns.iter().map(|c| serde_json::json!({"name": c.name, "type": c.type_name})).collect();
                out.extend_from_slice(format!("{{\"columns\":{},\"rows\":[", serde_json::Value::from(columns)).as_bytes());
            }
            ExportFormat::Markdown => {
                out.extend_from_slice(b"| ");
                separated(out, columns, b" | ", |out, c| markdown_field(out, c.name.as_bytes()));
                out.extend_from_slice(b" |\n|");
                for c in columns {
                    out.extend_from_slice(if c.align == Align::Right { b" ---: |" } else { b" --- |" });
                }
                out.push(b'\n');
            }
            ExportFormat::Ndjson { .. } | ExportFormat::Insert { .. } => {}
        }
        Ok(())
    }

    /// Some rows.
    pub fn batch(&mut self, batch: &RowBatch, out: &mut Vec<u8>) {
        for r in 0..batch.rows() {
            self.row(batch, r, out);
            self.any = true;
        }
    }

    fn row(&mut self, batch: &RowBatch, r: usize, out: &mut Vec<u8>) {
        let cells: Vec<Cell<'_>> = match &self.only {
            Some(only) => only.iter().filter(|c| **c < batch.columns()).map(|c| batch.cell(r, *c)).collect(),
            None => (0..batch.columns()).map(|c| batch.cell(r, c)).collect(),
        };
        match self.format {
            ExportFormat::Csv => {
                separated(out, &cells, b",", |out, c| match c {
                    Cell::Null => {}
                    Cell::Text(b) | Cell::Number(b) => csv_field(out, b),
                    Cell::Binary(b) => out.extend_from_slice(format!("\\x{}", hex::encode(b)).as_bytes()),
                });
                out.extend_from_slice(b"\r\n");
            }
            ExportFormat::Tsv => {
                separated(out, &cells, b"\t", |out, c| match c {
                    Cell::Null => out.extend_from_slice(b"\\N"),
                    Cell::Text(b) | Cell::Number(b) => tsv_field(out, b),
                    // bytea in COPY's text format: the backslash of `\x` is escaped.
                    Cell::Binary(b) => out.extend_from_slice(format!("\\\\x{}", hex::encode(b)).as_bytes()),
                });
                out.push(b'\n');
            }
            ExportFormat::Json { dialect } => {
                out.extend_from_slice(if self.any { b",\n[" } else { b"\n[" });
                for (i, cell) in cells.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    json_cell(out, *cell, self.columns.get(i).is_some_and(|c| boolean(dialect, c)));
                }
                out.push(b']');
            }
            ExportFormat::Ndjson { dialect } => {
                out.push(b'{');
                for (i, (column, cell)) in self.columns.iter().zip(&cells).enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(serde_json::Value::from(column.name.as_str()).to_string().as_bytes());
                    out.push(b':');
                    json_cell(out, *cell, boolean(dialect, column));
                }
                out.extend_from_slice(b"}\n");
            }
            ExportFormat::Markdown => {
                out.extend_from_slice(b"| ");
                separated(out, &cells, b" | ", |out, c| match c {
                    Cell::Null => out.extend_from_slice(b"*NULL*"),
                    Cell::Text(b) | Cell::Number(b) => markdown_field(out, b),
                    Cell::Binary(b) => out.extend_from_slice(format!("`\\x{}`", hex::encode(b)).as_bytes()),
                });
                out.extend_from_slice(b" |\n");
            }
            // Rows without columns take nothing but what the table's columns are by themselves.
            ExportFormat::Insert { dialect } if self.columns.is_empty() => {
                let table: Vec<String> = self.table.iter().map(|p| dialect.quote_ident(p)).collect();
                out.extend_from_slice(format!("INSERT INTO {} DEFAULT VALUES;\n", table.join(".")).as_bytes());
            }
            ExportFormat::Insert { dialect } => {
                let names: Vec<String> = self.columns.iter().map(|c| dialect.quote_ident(&c.name)).collect();
                let table: Vec<String> = self.table.iter().map(|p| dialect.quote_ident(p)).collect();
                out.extend_from_slice(format!("INSERT INTO {} ({}) VALUES (", table.join("."), names.join(", ")).as_bytes());
                separated(out, &cells, b", ", |out, c| sql_literal(out, dialect, *c));
                out.extend_from_slice(b");\n");
            }
        }
    }

    /// The end of the result; `facts` (an object) go into a JSON document.
    pub fn finish(&mut self, facts: &serde_json::Value, out: &mut Vec<u8>) {
        if !matches!(self.format, ExportFormat::Json { .. }) {
            return;
        }
        if !self.headed {
            out.extend_from_slice(b"{\"columns\":[],\"rows\":[");
        }
        out.extend_from_slice(if self.any { b"\n]" } else { b"]" });
        let facts = facts.to_string();
        match facts.strip_prefix('{').and_then(|f| f.strip_suffix('}')).filter(|f| !f.is_empty()) {
            Some(inner) => out.extend_from_slice(format!(",{inner}}}\n").as_bytes()),
            None => out.extend_from_slice(b"}\n"),
        }
    }
}

/// Gives columns of one name a number behind it: `a`, `a_2`.
fn name_apart(columns: &mut [Column]) {
    for i in 1..columns.len() {
        let name = columns[i].name.clone();
        let mut n = 2;
        while columns[..i].iter().any(|c| c.name == columns[i].name) {
            columns[i].name = format!("{name}_{n}");
            n += 1;
        }
    }
}

/// The first table that a statement itself reads (none of its subqueries), as the parts of its name as the server knows it: for a
/// file's name and for INSERT. `None` without one.
pub fn source(dialect: Dialect, statement: &str) -> Option<Vec<String>> {
    let tokens = sql::lex(dialect, statement).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment));
    // Of the outermost level: `extract(year FROM d)` and subqueries are within brackets, of which only the outer ones are seen.
    let mut depth = 0usize;
    let outer: Vec<std::ops::Range<usize>> = tokens
        .filter(|t| {
            let before = depth;
            match &statement[t.span.clone()] {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
            before.min(depth) == 0
        })
        .map(|t| t.span)
        .collect();
    let word = |i: usize| outer.get(i).map_or("", |s| &statement[s.clone()]);
    let is = |i: usize, w: &str| word(i).eq_ignore_ascii_case(w);
    // `TABLE t` is a statement, also behind WITH; `a IS DISTINCT FROM b` is none.
    let table = |i: usize| is(i, "table") && dialect != Dialect::Sqlite && (i == 0 || word(i - 1) == ")");
    let mut at = (0..outer.len()).find(|i| table(*i) || is(*i, "from") && !(*i > 0 && is(i - 1, "distinct")))? + 1;
    if is(at, "only") && dialect == Dialect::Postgres {
        at += 1;
    }
    let parts = qualified(dialect, &statement[outer.get(at)?.start..], true)?.0;
    // A name of WITH is none of a table.
    let named = |i: usize| is(i + 1, "as") || word(i + 1) == "(" && word(i + 2) == ")" && is(i + 3, "as");
    if is(0, "with") && parts.len() == 1 && (0..at - 1).any(|i| named(i) && unquoted(word(i)).eq_ignore_ascii_case(&parts[0])) {
        return None;
    }
    Some(parts)
}

/// A table's name as typed on a command line or in a form, in its parts; quotes keep a dot inside a part.
pub fn table_parts(dialect: Dialect, typed: &str) -> Vec<String> {
    let typed = typed.trim();
    match qualified(dialect, typed, false) {
        Some((parts, end)) if end == typed.len() => parts,
        // Whatever else was typed is one name, quoted when it is written.
        _ => vec![typed.to_string()],
    }
}

/// The name that a text begins with, and where it ends. With `fold` what is not quoted is as PostgreSQL knows it: in lower case.
fn qualified(dialect: Dialect, text: &str, fold: bool) -> Option<(Vec<String>, usize)> {
    let mut parts = Vec::new();
    let mut end = 0;
    let mut name = true;
    for t in sql::lex(dialect, text) {
        let word = &text[t.span.clone()];
        match t.kind {
            TokenKind::Keyword
                if parts.is_empty() && ["select", "lateral", "only", "values"].iter().any(|k| word.eq_ignore_ascii_case(k)) =>
            {
                return None;
            }
            TokenKind::Identifier | TokenKind::QuotedIdentifier | TokenKind::Keyword if name => {
                let bare = unquoted(word);
                parts.push(if fold && dialect == Dialect::Postgres && bare == word { bare.to_lowercase() } else { bare });
                end = t.span.end;
                name = false;
            }
            _ if word == "." && !name => name = true,
            _ => break,
        }
    }
    (!parts.is_empty()).then_some((parts, end))
}

fn unquoted(name: &str) -> String {
    let mut chars = name.chars();
    match (chars.next(), chars.next_back()) {
        (Some('"'), Some('"')) => chars.as_str().replace("\"\"", "\""),
        (Some('`'), Some('`')) => chars.as_str().replace("``", "`"),
        (Some('['), Some(']')) => chars.as_str().to_string(),
        _ => name.to_string(),
    }
}

fn separated<T>(out: &mut Vec<u8>, items: &[T], by: &[u8], each: impl Fn(&mut Vec<u8>, &T)) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(by);
        }
        each(out, item);
    }
}

/// The escapes of `COPY`'s text format.
fn tsv_field(out: &mut Vec<u8>, bytes: &[u8]) {
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

/// One line of a Markdown table: a bar would end the cell, a line feed the row.
fn markdown_field(out: &mut Vec<u8>, bytes: &[u8]) {
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '<' | '[' => out.extend_from_slice(format!("\\{c}").as_bytes()),
            '\n' => out.extend_from_slice(b"<br>"),
            '\r' => {}
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// A value as the dialect writes it. Text that is not UTF-8 goes as bytes.
fn sql_literal(out: &mut Vec<u8>, dialect: Dialect, cell: Cell<'_>) {
    let bytes = |b: &[u8]| match dialect {
        Dialect::Postgres => format!("'\\x{}'", hex::encode(b)),
        Dialect::MySql | Dialect::Sqlite => format!("X'{}'", hex::encode(b)),
    };
    // SQLite keeps any bytes as text, but its parser stops at a NUL, and X'' alone would be a BLOB.
    if let Cell::Text(b) = cell
        && dialect == Dialect::Sqlite
        && (b.contains(&0) || std::str::from_utf8(b).is_err())
    {
        out.extend_from_slice(format!("CAST({} AS TEXT)", bytes(b)).as_bytes());
        return;
    }
    let text = match cell {
        Cell::Null => "NULL".to_string(),
        // As a number the server would take the sign of a zero away before a floating-point column sees it.
        Cell::Number(b) if is_json_number(b) && (dialect == Dialect::Sqlite || !is_negative_zero(b)) => {
            String::from_utf8_lossy(b).into_owned()
        }
        Cell::Number(b"Inf") if dialect == Dialect::Sqlite => "9e999".to_string(),
        Cell::Number(b"-Inf") if dialect == Dialect::Sqlite => "-9e999".to_string(),
        Cell::Text(b) | Cell::Number(b) => match std::str::from_utf8(b) {
            // The `mariadb` client stops at a NUL and changes CR LF, unless it is told not to.
            Ok(s) if dialect == Dialect::MySql => {
                let s = dialect.quote_literal(s);
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

/// A line of a CSV file.
pub fn csv_line(out: &mut Vec<u8>, fields: &[String]) {
    separated(out, fields, b",", |out, f| csv_field(out, f.as_bytes()));
    out.extend_from_slice(b"\r\n");
}

/// RFC 4180: quoted when it must be, and when it is empty (so that it is not NULL).
fn csv_field(out: &mut Vec<u8>, bytes: &[u8]) {
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

/// A column of PostgreSQL's booleans. The other engines have none: there they are numbers.
fn boolean(dialect: Dialect, column: &Column) -> bool {
    dialect == Dialect::Postgres && column.type_name == "boolean"
}

/// Numbers stay numbers with all their digits; binary becomes `{"hex": "…"}`, text that is no UTF-8 `{"text_hex": "…"}`.
fn json_cell(out: &mut Vec<u8>, cell: Cell<'_>, boolean: bool) {
    match cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Text(b"t") if boolean => out.extend_from_slice(b"true"),
        Cell::Text(b"f") if boolean => out.extend_from_slice(b"false"),
        Cell::Number(b) if is_json_number(b) => out.extend_from_slice(b),
        Cell::Text(b) | Cell::Number(b) => match std::str::from_utf8(b) {
            Ok(s) => out.extend_from_slice(serde_json::Value::from(s).to_string().as_bytes()),
            Err(_) => out.extend_from_slice(format!("{{\"text_hex\":\"{}\"}}", hex::encode(b)).as_bytes()),
        },
        Cell::Binary(b) => out.extend_from_slice(format!("{{\"hex\":\"{}\"}}", hex::encode(b)).as_bytes()),
    }
}

/// `-0`, `-0.0`, `-0e0`.
fn is_negative_zero(b: &[u8]) -> bool {
    b.starts_with(b"-") && !b[1..].iter().take_while(|c| !matches!(c, b'e' | b'E')).any(|c| matches!(c, b'1'..=b'9'))
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
    use crate::model::BatchBuilder;

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
    fn columns_of_one_name_are_told_apart_or_refused() {
        let columns: Vec<Column> = ["a", "a", "a_2", "a"]
            .iter()
            .map(|n| Column { name: (*n).into(), type_name: "int".into(), align: Align::Right, origin: None })
            .collect();
        let mut b = BatchBuilder::new(4);
        for n in ["1", "2", "3", "4"] {
            b.push(Cell::Number(n.as_bytes()));
        }
        let mut e = Encoder::new(ExportFormat::Ndjson { dialect: Dialect::Postgres });
        let mut out = Vec::new();
        e.columns(&columns, &mut out).unwrap();
        e.batch(&b.take(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "{\"a\":1,\"a_2\":2,\"a_2_2\":3,\"a_3\":4}\n");
        let e = Encoder::new(ExportFormat::Insert { dialect: Dialect::Postgres }).columns(&columns, &mut Vec::new()).unwrap_err();
        assert!(e.message.contains("two columns are named a"), "{e:?}");
    }

    #[test]
    fn text_of_any_bytes_is_escaped_for_postgresql() {
        let mut out = Vec::new();
        sql_literal(&mut out, Dialect::Postgres, Cell::Text(b"\xff\\'ok"));
        assert_eq!(out, br"E'\xff\\''ok'");
        let mut out = Vec::new();
        sql_literal(&mut out, Dialect::Postgres, Cell::Binary(b"\xff"));
        assert_eq!(out, br"'\xff'");
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
            Cell::Text(b"t"),
            Cell::Text(b"f"),
            Cell::Text(b"true"),
        ] {
            json_cell(&mut out, c, true);
            out.push(b' ');
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "null \"a\\u001b\\\"é\" {\"text_hex\":\"ff\"} 12345678901234567890.10 \"NaN\" true false \"true\" "
        );
    }

    fn column(name: &str, align: Align) -> Column {
        Column { name: name.into(), type_name: "text".into(), align, origin: None }
    }

    fn exported(format: ExportFormat) -> String {
        let mut b = BatchBuilder::new(3);
        for row in [
            [Cell::Number(b"1"), Cell::Text("a|b\t\"q\", 'x' \\ é\nz".as_bytes()), Cell::Null],
            [Cell::Number(b"NaN"), Cell::Text(b""), Cell::Binary(b"\x00\xff")],
        ] {
            for cell in row {
                b.push(cell);
            }
        }
        let mut e = Encoder::new(format).into_table("my table");
        let mut out = Vec::new();
        e.columns(&[column("id", Align::Right), column("some text", Align::Left), column("raw", Align::Left)], &mut out).unwrap();
        e.batch(&b.take(), &mut out);
        e.finish(&serde_json::json!({}), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_format_is_exact() {
        assert_eq!(exported(ExportFormat::Csv), "id,some text,raw\r\n1,\"a|b\t\"\"q\"\", 'x' \\ é\nz\",\r\nNaN,\"\",\\x00ff\r\n");
        assert_eq!(exported(ExportFormat::Tsv), "id\tsome text\traw\n1\ta|b\\t\"q\", 'x' \\\\ é\\nz\t\\N\nNaN\t\t\\\\x00ff\n");
        assert_eq!(
            exported(ExportFormat::Ndjson { dialect: Dialect::Postgres }),
            "{\"id\":1,\"some text\":\"a|b\\t\\\"q\\\", 'x' \\\\ é\\nz\",\"raw\":null}\n{\"id\":\"NaN\",\"some text\":\"\",\"raw\":{\"hex\":\"00ff\"}}\n"
        );
        assert_eq!(
            exported(ExportFormat::Markdown),
            "| id | some text | raw |\n| ---: | --- | --- |\n| 1 | a\\|b\t\"q\", 'x' \\\\ é<br>z | *NULL* |\n| NaN |  | `\\x00ff` |\n"
        );
        let json: serde_json::Value = serde_json::from_str(&exported(ExportFormat::Json { dialect: Dialect::Postgres })).unwrap();
        assert_eq!(json["rows"][0][1], "a|b\t\"q\", 'x' \\ é\nz");
        assert_eq!(
            exported(ExportFormat::Insert { dialect: Dialect::Postgres }),
            "INSERT INTO \"my table\" (\"id\", \"some text\", \"raw\") VALUES (1, 'a|b\t\"q\", ''x'' \\ é\nz', NULL);\n\
             INSERT INTO \"my table\" (\"id\", \"some text\", \"raw\") VALUES ('NaN', '', '\\x00ff');\n"
        );
        // `select from t` of PostgreSQL, and a statement that gives no result at all.
        for told in [true, false] {
            let (mut e, mut out) = (Encoder::new(ExportFormat::Json { dialect: Dialect::Postgres }), Vec::new());
            if told {
                e.columns(&[], &mut out).unwrap();
            }
            e.finish(&serde_json::json!({ "tag": "SELECT 3" }), &mut out);
            let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(json, serde_json::json!({ "columns": [], "rows": [], "tag": "SELECT 3" }));
        }
        let bare = |format| {
            let (mut e, mut out) = (Encoder::new(format).into_table("t"), Vec::new());
            e.columns(&[], &mut out).unwrap();
            e.batch(&RowBatch::bare(3), &mut out);
            e.finish(&serde_json::json!({}), &mut out);
            String::from_utf8(out).unwrap()
        };
        let postgres = Dialect::Postgres;
        assert_eq!(bare(ExportFormat::Csv), "\r\n\r\n\r\n\r\n", "a line of names, and three of values");
        assert_eq!(bare(ExportFormat::Tsv), "\n\n\n\n");
        assert_eq!(bare(ExportFormat::Ndjson { dialect: postgres }), "{}\n{}\n{}\n");
        assert_eq!(bare(ExportFormat::Insert { dialect: postgres }), "INSERT INTO \"t\" DEFAULT VALUES;\n".repeat(3));
        let json: serde_json::Value = serde_json::from_str(&bare(ExportFormat::Json { dialect: postgres })).unwrap();
        assert_eq!(json["rows"], serde_json::json!([[], [], []]));
        assert!(exported(ExportFormat::Insert { dialect: Dialect::MySql }).contains("''x'' \\\\ é"), "MySQL doubles backslashes");
        assert!(exported(ExportFormat::Insert { dialect: Dialect::Sqlite }).contains("X'00ff'"));
        let literal = |dialect, n: &str| {
            let mut out = Vec::new();
            sql_literal(&mut out, dialect, Cell::Number(n.as_bytes()));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(["-0", "-0.00", "-0.5", "0", "-10"].map(|n| literal(Dialect::Postgres, n)), ["'-0'", "'-0.00'", "-0.5", "0", "-10"]);
        assert_eq!(literal(Dialect::MySql, "-0"), "'-0'");
        assert_eq!(literal(Dialect::Sqlite, "-0.0"), "-0.0");
    }

    #[test]
    fn the_first_table_gives_a_file_its_name() {
        for (text, name) in [
            ("select * from orders where id = 1", Some(vec!["orders"])),
            ("SELECT a FROM public.\"Or.ders\";", Some(vec!["public", "Or.ders"])),
            ("select 'from x', 1 from(select 1)", None),
            ("table \"Order\"", Some(vec!["Order"])),
            ("table shop.\"Order\" order by 1", Some(vec!["shop", "Order"])),
            ("select * from Sales.Orders", Some(vec!["sales", "orders"])),
            ("select * from only orders", Some(vec!["orders"])),
            ("select extract(year from d), (select max(x) from u), a is distinct from b from t", Some(vec!["t"])),
            ("with x as (select * from t) select * from x", None),
            ("with x (a) as (select * from t) table y", Some(vec!["y"])),
            ("select 1", None),
        ] {
            assert_eq!(source(Dialect::Postgres, text), name.map(|n| n.into_iter().map(String::from).collect()), "{text}");
        }
        assert_eq!(table_parts(Dialect::Postgres, "shop.orders"), ["shop", "orders"]);
        assert_eq!(table_parts(Dialect::Postgres, "my table"), ["my table"]);
        assert_eq!(table_parts(Dialect::MySql, "`a.b`"), ["a.b"]);
    }

    #[test]
    fn text_that_sqlite_could_not_read_back_goes_as_bytes() {
        for (cell, literal) in [
            (Cell::Text(b"a\0b"), "CAST(X'610062' AS TEXT)"),
            (Cell::Text(b"\xff"), "CAST(X'ff' AS TEXT)"),
            (Cell::Binary(b"\xff"), "X'ff'"),
            (Cell::Text(b"it's"), "'it''s'"),
            (Cell::Number(b"-Inf"), "-9e999"),
            (Cell::Text(b"Inf"), "'Inf'"),
        ] {
            let mut out = Vec::new();
            sql_literal(&mut out, Dialect::Sqlite, cell);
            assert_eq!(String::from_utf8(out).unwrap(), literal);
        }
    }

    #[test]
    fn the_ending_of_a_file_says_the_format() {
        let of = |name: &str| ExportFormat::of_path(Path::new(name), Dialect::Sqlite);
        assert_eq!(of("a.CSV"), Some(ExportFormat::Csv));
        assert_eq!(of("dir.d/rows.jsonl"), Some(ExportFormat::Ndjson { dialect: Dialect::Sqlite }));
        assert_eq!(of("rows"), None);
        for ending in ExportFormat::ENDINGS.split(' ') {
            assert!(of(&format!("rows{ending}")).is_some(), "{ending}");
        }
    }
}
