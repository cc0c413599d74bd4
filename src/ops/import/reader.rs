//! Reading rows from files: CSV (RFC 4180), TSV as PostgreSQL's COPY writes it, NDJSON. One record at a time, so that a file may be
//! larger than memory.
//!
//! Why not a library for CSV: the ones there are do not tell `""`, an empty text, from nothing at all, which is NULL, and our own
//! exports (and PostgreSQL's) keep the two apart.

use super::ndjson::{Object, object};
use crate::model::Param;
use std::io::BufRead;

/// Longest record, in bytes: a quote that is never closed must not read the whole file into memory. PostgreSQL and MySQL take no value
/// beyond 1 GiB, SQLite none beyond 1,000,000,000 bytes; in hexadecimal bytes take twice their length.
const LONGEST: usize = 1 << 30;

/// A file in another encoding must not get into a database unnoticed: text of any bytes has a form of its own in NDJSON.
const NO_UTF8: &str = "it is not UTF-8: convert the file, or export such text as NDJSON, which carries any bytes";

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Csv,
    Tsv,
    Ndjson,
}

impl Form {
    /// As it is named beside a file whose ending does not tell it.
    pub fn name(self) -> &'static str {
        match self {
            Form::Csv => "csv",
            Form::Tsv => "tsv",
            Form::Ndjson => "ndjson",
        }
    }

    pub fn of_name(name: &str) -> Option<Form> {
        [Form::Csv, Form::Tsv, Form::Ndjson].into_iter().find(|f| f.name().eq_ignore_ascii_case(name))
    }

    /// By the ending of a file's name.
    pub fn of_path(path: &std::path::Path) -> Option<Form> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Form::Csv),
            "tsv" | "tab" => Some(Form::Tsv),
            "ndjson" | "jsonl" => Some(Form::Ndjson),
            _ => None,
        }
    }
}

/// One value of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing at all, or the text that stands for NULL.
    Null,
    Text(String),
    Number(String),
    Bool(bool),
    Bytes(Vec<u8>),
    /// Text of bytes that are no UTF-8.
    TextBytes(Vec<u8>),
}

impl Value {
    /// As it is bound. MySQL and SQLite have no booleans of their own.
    pub fn param(self, dialect: crate::model::Dialect) -> Param {
        match self {
            Value::Null => Param::Null,
            Value::Text(t) => Param::Text(t),
            Value::Number(n) => Param::Number(n),
            Value::Bool(b) if dialect == crate::model::Dialect::Postgres => Param::Text(b.to_string()),
            Value::Bool(b) => Param::Number(u8::from(b).to_string()),
            Value::Bytes(b) => Param::Bytes(b),
            Value::TextBytes(b) => Param::TextBytes(b),
        }
    }
}

/// A record with the line that it starts on, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub line: u64,
    /// The record's values in the order of [`Reader::columns`], or why it cannot be taken.
    pub values: Result<Vec<Value>, String>,
}

/// Reads records from a file.
pub struct Reader<R> {
    input: R,
    form: Form,
    /// What stands for NULL beside nothing at all.
    null: Option<String>,
    columns: Vec<String>,
    /// Between the fields of CSV.
    separator: u8,
    /// See [`Reader::any_bytes`].
    any_bytes: bool,
    line: u64,
    /// See [`LONGEST`].
    longest: usize,
    /// NDJSON: the first record, which gave the names of the columns.
    first: Option<(u64, String)>,
    /// See [`Reader::zone`].
    zone: Option<String>,
    /// See [`Reader::absent`].
    absent: u64,
}

impl<R: BufRead> Reader<R> {
    /// Reads the names of the columns: the header, or the keys of NDJSON's first object.
    pub fn new(mut input: R, form: Form, null: Option<String>) -> Result<Self, String> {
        let separator = if form == Form::Csv { separator(input.fill_buf().map_err(|e| e.to_string())?) } else { b',' };
        let mut r = Reader {
            input,
            form,
            null,
            columns: Vec::new(),
            separator,
            any_bytes: false,
            line: 0,
            longest: LONGEST,
            first: None,
            zone: None,
            absent: 0,
        };
        match form {
            Form::Csv => {
                let Some(fields) = r.csv()?.1? else { return Err("the file is empty: a header is needed".into()) };
                for (name, _) in fields {
                    let name = String::from_utf8(name).map_err(|_| format!("line 1: {NO_UTF8}"))?;
                    r.columns.push(name.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(name));
                }
            }
            Form::Tsv => {
                let Some(line) = r.text_line()? else { return Err("the file is empty: a header is needed".into()) };
                let line = line.map_err(|why| format!("line {}: {why}", r.line))?;
                r.columns = line.split('\t').map(str::to_string).collect();
            }
            Form::Ndjson => {
                while let Some(line) = r.text_line()? {
                    let line = line.map_err(|why| format!("line {}: {why}", r.line))?;
                    if line.trim().is_empty() {
                        continue;
                    }
                    let object = object(&line).map_err(|e| format!("line {}: {e}", r.line))?;
                    r.zone = object.zone;
                    r.columns = object.fields.into_iter().map(|(name, _)| name).collect();
                    r.first = Some((r.line, line));
                    break;
                }
                if r.columns.is_empty() {
                    return Err("the file holds no object".into());
                }
            }
        }
        Ok(r)
    }

    /// Text whose bytes are no UTF-8 is taken as it is, for a database that keeps any: a file in another encoding gets in so, too.
    #[must_use]
    pub fn any_bytes(mut self, any: bool) -> Self {
        self.any_bytes = any;
        self
    }

    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The time zone that the moments of a file of saved rows name.
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// Values so far whose key a later object does not have (NDJSON): they are NULL.
    pub fn absent(&self) -> u64 {
        self.absent
    }

    /// The next record; `None` at the end. The outer error is one of the file as a whole.
    pub fn read(&mut self) -> Result<Option<Record>, String> {
        match self.form {
            Form::Csv => {
                let (line, fields) = self.csv()?;
                let values = match fields {
                    Ok(None) => return Ok(None),
                    Ok(Some(fields)) => {
                        let values: Result<Vec<Value>, String> =
                            fields.into_iter().map(|(text, quoted)| self.value(text, quoted)).collect();
                        values.and_then(|v| self.fit(v))
                    }
                    Err(why) => Err(why),
                };
                Ok(Some(Record { line, values }))
            }
            Form::Tsv => {
                let Some(line) = self.line()? else { return Ok(None) };
                let values: Result<Vec<Value>, String> = line.split(|b| *b == b'\t').map(|f| self.unescaped(f)).collect();
                Ok(Some(Record { line: self.line, values: values.and_then(|v| self.fit(v)) }))
            }
            Form::Ndjson => loop {
                let (at, line) = match self.first.take() {
                    Some(first) => first,
                    None => match self.text_line()? {
                        Some(Ok(line)) => (self.line, line),
                        Some(Err(why)) => return Ok(Some(Record { line: self.line, values: Err(why) })),
                        None => return Ok(None),
                    },
                };
                if !line.trim().is_empty() {
                    return Ok(Some(Record { line: at, values: object(&line).and_then(|o| self.of_object(o)) }));
                }
            },
        }
    }

    fn fit(&self, values: Vec<Value>) -> Result<Vec<Value>, String> {
        match values.len() == self.columns.len() {
            true => Ok(values),
            false => Err(format!("it has {} fields, and the header has {}", values.len(), self.columns.len())),
        }
    }

    fn value(&self, text: Vec<u8>, quoted: bool) -> Result<Value, String> {
        match &self.null {
            Some(null) if !quoted && text == null.as_bytes() => Ok(Value::Null),
            None if !quoted && text.is_empty() => Ok(Value::Null),
            _ => self.text(text),
        }
    }

    fn text(&self, bytes: Vec<u8>) -> Result<Value, String> {
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Value::Text(text)),
            Err(e) if self.any_bytes => Ok(Value::TextBytes(e.into_bytes())),
            Err(_) => Err(NO_UTF8.into()),
        }
    }

    /// A field of COPY's text format.
    fn unescaped(&self, field: &[u8]) -> Result<Value, String> {
        if field == self.null.as_deref().unwrap_or("\\N").as_bytes() {
            return Ok(Value::Null);
        }
        let mut out = Vec::with_capacity(field.len());
        let mut bytes = field.iter();
        while let Some(b) = bytes.next() {
            if *b != b'\\' {
                out.push(*b);
                continue;
            }
            out.push(match bytes.next() {
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'b') => 8,
                Some(b'f') => 12,
                Some(b'v') => 11,
                Some(other) => *other,
                None => b'\\',
            });
        }
        self.text(out)
    }

    fn of_object(&mut self, object: Object) -> Result<Vec<Value>, String> {
        // One session reads them all.
        if let Some(zone) = object.zone.filter(|z| self.zone.as_ref() != Some(z)) {
            let first = self.zone.as_deref().unwrap_or("none");
            return Err(format!("its time zone is {zone}, and the first object's is {first}"));
        }
        let mut values = vec![Value::Null; self.columns.len()];
        self.absent += self.columns.len().saturating_sub(object.fields.len()) as u64;
        for (name, value) in object.fields {
            match self.columns.iter().position(|c| *c == name) {
                Some(at) => values[at] = value,
                None => return Err(format!("it has a field {name} that the first object does not have")),
            }
        }
        Ok(values)
    }

    /// A line of text without its end. The inner error is one of this line alone.
    fn text_line(&mut self) -> Result<Option<Result<String, String>>, String> {
        Ok(self.line()?.map(|bytes| String::from_utf8(bytes).map_err(|_| NO_UTF8.to_string())))
    }

    /// A line without its end.
    fn line(&mut self) -> Result<Option<Vec<u8>>, String> {
        let mut bytes = self.piece(0)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        if bytes.len() > self.longest {
            return Err(format!(
                "line {} is longer than {}, which is more than an import takes",
                self.line,
                crate::text::bytes(self.longest as u64)
            ));
        }
        while bytes.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
            bytes.pop();
        }
        Ok(Some(bytes))
    }

    /// Bytes to the end of the line, with it: of a record that has `before` bytes already, as many as it may have, and one more that tells
    /// a record that is too long. Empty at the end of the file.
    fn piece(&mut self, before: usize) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let most = (self.longest - before) as u64 + 1;
        std::io::Read::take(&mut self.input, most).read_until(b'\n', &mut bytes).map_err(|e| e.to_string())?;
        Ok(bytes)
    }

    /// A record of CSV: its fields with whether they were quoted; `None` at the end of the file.
    #[allow(clippy::type_complexity, reason = "read once, right above")]
    fn csv(&mut self) -> Result<(u64, Result<Option<Vec<(Vec<u8>, bool)>>, String>), String> {
        let start = self.line + 1;
        let (mut fields, mut field) = (Vec::new(), Vec::new());
        let (mut quoted, mut open, mut any) = (false, false, false);
        let mut bad: Option<String> = None;
        let mut length = 0;
        loop {
            let chunk = self.piece(length)?;
            if chunk.is_empty() {
                if open {
                    return Err(format!("a quote that is opened in the record of line {start} is never closed"));
                }
                break;
            }
            self.line += 1;
            length += chunk.len();
            if length > self.longest {
                let quotes = chunk.iter().filter(|b| **b == b'"').count();
                let why = if open ^ (quotes % 2 == 1) { ": is a quote not closed?" } else { ", which is more than an import takes" };
                return Err(format!("the record of line {start} is longer than {}{why}", crate::text::bytes(self.longest as u64)));
            }
            any = true;
            let end = chunk.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |last| last + 1);
            let mut i = 0;
            while i < chunk.len() {
                let b = chunk[i];
                match (open, b) {
                    (true, b'"') if chunk.get(i + 1) == Some(&b'"') => {
                        field.push(b'"');
                        i += 1;
                    }
                    (true, b'"') => open = false,
                    (true, _) => field.push(b),
                    (false, b'"') if field.is_empty() && !quoted => (open, quoted) = (true, true),
                    (false, b) if b == self.separator => {
                        fields.push((std::mem::take(&mut field), quoted));
                        quoted = false;
                    }
                    (false, b'\r' | b'\n') if i >= end => break,
                    (false, _) if quoted => {
                        bad.get_or_insert_with(|| "something stands behind a closing quote".into());
                        field.push(b);
                    }
                    (false, _) => field.push(b),
                }
                i += 1;
            }
            if !open {
                break;
            }
        }
        if !any {
            return Ok((start, Ok(None)));
        }
        fields.push((field, quoted));
        if let Some(why) = bad {
            return Ok((start, Err(why)));
        }
        Ok((start, Ok(Some(fields))))
    }
}

/// What separates the fields of a header: a comma, or the semicolon that spreadsheets write where a comma stands in numbers.
fn separator(head: &[u8]) -> u8 {
    let mut quoted = false;
    let mut semicolons = false;
    for b in head.iter().take_while(|b| **b != b'\n') {
        match b {
            b'"' => quoted = !quoted,
            b',' if !quoted => return b',',
            b';' if !quoted => semicolons = true,
            _ => {}
        }
    }
    if semicolons { b';' } else { b',' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::export::json::MOMENT;

    fn all(form: Form, text: &[u8], null: Option<&str>) -> Result<(Vec<String>, Vec<Record>), String> {
        let mut r = Reader::new(text, form, null.map(str::to_string))?;
        let mut out = Vec::new();
        while let Some(record) = r.read()? {
            out.push(record);
        }
        Ok((r.columns().to_vec(), out))
    }
    fn text(s: &str) -> Value {
        Value::Text(s.into())
    }

    #[test]
    fn csv_tells_nothing_from_an_empty_text() {
        let (columns, rows) = all(Form::Csv, b"\xef\xbb\xbfid,\"na,me\"\r\n1,\r\n2,\"\"\r\n3,\"a \"\"b\"\"\r\nc\"\n4,x", None).unwrap();
        assert_eq!(columns, ["id", "na,me"]);
        let values: Vec<_> = rows.iter().map(|r| r.values.clone().unwrap()[1].clone()).collect();
        assert_eq!(values, [Value::Null, text(""), text("a \"b\"\r\nc"), text("x")]);
        assert_eq!(rows.iter().map(|r| r.line).collect::<Vec<_>>(), [2, 3, 4, 6]);
        // With a text for NULL, nothing at all is an empty text.
        let (_, rows) = all(Form::Csv, b"a,b\nNULL,\n\"NULL\",x\n", Some("NULL")).unwrap();
        assert_eq!(rows[0].values, Ok(vec![Value::Null, text("")]));
        assert_eq!(rows[1].values, Ok(vec![text("NULL"), text("x")]));
    }

    #[test]
    fn semicolons_separate_where_the_header_has_no_comma() {
        let (columns, rows) = all(Form::Csv, b"\xef\xbb\xbfid;\"na,me\"\r\n1;a,b\r\n2;\"x;y\"\r\n", None).unwrap();
        assert_eq!(columns, ["id", "na,me"]);
        let values: Vec<_> = rows.iter().map(|r| r.values.clone().unwrap()[1].clone()).collect();
        assert_eq!(values, [text("a,b"), text("x;y")]);
        let (columns, _) = all(Form::Csv, b"a,b;c\n1,2\n", None).unwrap();
        assert_eq!(columns, ["a", "b;c"]);
    }

    #[test]
    fn a_bad_record_is_named_and_the_next_one_goes_on() {
        let (_, rows) = all(Form::Csv, b"a,b\n1\n\"x\"y,2\n3,\xff\n4,5\n", None).unwrap();
        let why: Vec<_> = rows.iter().map(|r| r.values.clone().err().unwrap_or_default()).collect();
        assert!(
            why[0].contains("it has 1 fields") && why[1].contains("closing quote") && why[2].contains("UTF-8") && why[3].is_empty(),
            "{why:?}"
        );
        let e = all(Form::Csv, b"a\n\"never closed\n1\n2\n", None).unwrap_err();
        assert!(e.contains("line 2 is never closed"), "{e}");
    }

    #[test]
    fn tsv_and_ndjson_come_back_as_they_were_written() {
        let (_, rows) = all(Form::Tsv, b"a\tb\n\\N\tx\\ty\\\\\\n\n", None).unwrap();
        assert_eq!(rows[0].values, Ok(vec![Value::Null, text("x\ty\\\n")]));
        let (_, rows) = all(Form::Tsv, b"a\tb\n1\t\xff\n2\tx\n", None).unwrap();
        assert!(rows[0].values.is_err() && rows[1].values.is_ok(), "one line of another encoding is one refused row: {rows:?}");
        let (_, rows) = all(Form::Ndjson, b"{\"a\":{\"text_hex\":\"ff41\"}}\n{\"a\":{\"text_hex\":\"f\"}}", None).unwrap();
        assert_eq!(rows[0].values, Ok(vec![Value::TextBytes(vec![0xff, 0x41])]));
        assert_eq!(rows[1].values, Ok(vec![text("{\"text_hex\":\"f\"}")]), "an object of its own");
        let (columns, rows) = all(
            Form::Ndjson,
            b"{\"a\": 1.50, \"b\": null, \"c\": {\"hex\": \"ff00\"}}\n\n{\"b\": true, \"a\": [1, {\"x\": 2}]}\n{\"z\": 1}\n[1]\n",
            None,
        )
        .unwrap();
        assert_eq!(columns, ["a", "b", "c"]);
        assert_eq!(rows[0].values, Ok(vec![Value::Number("1.50".into()), Value::Null, Value::Bytes(vec![0xff, 0])]));
        assert_eq!(rows[1].values, Ok(vec![text("[1,{\"x\":2}]"), Value::Bool(true), Value::Null]));
        assert!(rows[2].values.is_err() && rows[3].values.is_err());
    }

    #[test]
    fn ndjson_keeps_what_is_written_and_refuses_a_key_that_stands_twice() {
        let digits = format!("1{}", "0".repeat(400));
        let file = format!(
            "{{\"a\":{digits},\"b\":-1e400}}\n{{\"b\":1.50,\"a\":1e-999}}\n{{\"a\": {{ \"x y\\\"\" : [ 1.10, 1e400 ] }} , \"b\":{{\"hex\":7}}}}\n\
             {{\"a\":1,\"b\":2,\"\\u0061\":3}}\n{{\"a\":01}}\n{{\"a\":1.}}\n{{\"a\":\"\\ud800\"}}\n{{\"a\":2}}x\n{{\"a\":5}}\n"
        );
        let (columns, rows) = all(Form::Ndjson, file.as_bytes(), None).unwrap();
        let number = |s: &str| Value::Number(s.into());
        assert_eq!(columns, ["a", "b"]);
        assert_eq!(rows[0].values, Ok(vec![number(&digits), number("-1e400")]));
        assert_eq!(rows[1].values, Ok(vec![number("1e-999"), number("1.50")]));
        assert_eq!(rows[2].values, Ok(vec![text("{\"x y\\\"\":[1.10,1e400]}"), text("{\"hex\":7}")]));
        let why = rows[3].values.clone().unwrap_err();
        assert!(rows[3].line == 4 && why.contains("the key a stands in it twice"), "{why}");
        assert!(rows[4..8].iter().all(|r| r.values.as_ref().is_err_and(|e| e.contains("not JSON"))), "{rows:?}");
        assert_eq!(rows[8].values, Ok(vec![number("5"), Value::Null]));
        let first = all(Form::Ndjson, b"\n{\"a\":1,\"a\":2}\n", None).unwrap_err();
        assert!(first.contains("line 2") && first.contains("the key a "), "{first}");
    }

    #[test]
    fn moments_name_one_time_zone() {
        let at = |moment: &str, zone: &str| format!("{{\"a\":{{\"{MOMENT}\":{moment},\"time_zone\":\"{zone}\"}},\"b\":1}}\n");
        let file = [at("null", "+02:00"), at("\"2025-10-26 02:30:00\"", "+02:00"), at("null", "+00:00"), "{\"a\":\"x\"}\n".into()].concat();
        let mut r = Reader::new(file.as_bytes(), Form::Ndjson, None).unwrap();
        assert_eq!(r.zone(), Some("+02:00"));
        let mut next = || r.read().unwrap().unwrap().values;
        assert_eq!(next().unwrap()[0], Value::Null);
        assert_eq!(next().unwrap()[0], text("2025-10-26 02:30:00"));
        assert!(next().unwrap_err().contains("its time zone is +00:00"));
        assert_eq!(next().unwrap()[0], text("x"));
        let mine = "{\"a\":{\"moment\":\"x\",\"time_zone\":\"UTC\"}}\n";
        let mut r = Reader::new(mine.as_bytes(), Form::Ndjson, None).unwrap();
        assert_eq!(r.zone(), None, "an object of a user's is a value");
        assert_eq!(r.read().unwrap().unwrap().values.unwrap()[0], text("{\"moment\":\"x\",\"time_zone\":\"UTC\"}"));
        let other = "{\"a\":{\"holdpoint:moment\":5,\"time_zone\":\"x\"},\"b\":{\"moment\":\"1\",\"zone\":\"x\"}}\n";
        assert_eq!(Reader::new(other.as_bytes(), Form::Ndjson, None).unwrap().zone(), None);
    }

    #[test]
    fn a_database_that_keeps_any_bytes_gets_them() {
        for (form, file) in [(Form::Csv, &b"a,b\n1,\"x\xff\"\n"[..]), (Form::Tsv, b"a\tb\n1\tx\xff\n")] {
            let mut r = Reader::new(file, form, None).unwrap().any_bytes(true);
            assert_eq!(r.read().unwrap().unwrap().values, Ok(vec![text("1"), Value::TextBytes(b"x\xff".to_vec())]));
        }
        assert!(Reader::new(&b"\xff,b\n"[..], Form::Csv, None).is_err(), "names are text");
    }

    #[test]
    fn a_record_that_is_too_long_is_refused_and_never_cut() {
        let with = |form, file: &[u8], longest| {
            let mut r = Reader::new(file, form, None).unwrap();
            r.longest = longest;
            std::iter::from_fn(|| r.read().transpose()).map(|r| r.map(|r| r.values)).collect::<Result<Vec<_>, _>>()
        };
        let file = b"t\nxxxxxxxxx\nsmall";
        for form in [Form::Csv, Form::Tsv] {
            assert_eq!(
                with(form, file, 10),
                Ok(vec![Ok(vec![text("xxxxxxxxx")]), Ok(vec![text("small")])]),
                "ten bytes with the line's end"
            );
            let e = with(form, file, 9).unwrap_err();
            assert!(e.contains("line 2") && e.contains("is longer than 9 B") && !e.contains("quote"), "{e}");
        }
        for file in [&b"t\n\"xxxxxxxxxxx"[..], b"t\n\"x\nxxxxxxxxxxx"] {
            let e = with(Form::Csv, file, 9).unwrap_err();
            assert!(e.contains("line 2") && e.contains("is a quote not closed?"), "{e}");
        }
        assert!(with(Form::Ndjson, b"{\"t\":1}\n{\"t\":\"xxxxxxxxx\"}\n", 9).unwrap_err().contains("line 2"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            for form in [Form::Csv, Form::Tsv, Form::Ndjson] {
                let _ = all(form, &bytes, None);
            }
        }

        #[test]
        fn what_is_quoted_comes_back(fields in proptest::collection::vec("[a-z\",\r\n é]{0,6}", 1..4)) {
            let line = fields.iter().map(|f| format!("\"{}\"", f.replace('"', "\"\""))).collect::<Vec<_>>().join(",");
            let header = (0..fields.len()).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",");
            let (_, rows) = all(Form::Csv, format!("{header}\n{line}\n").as_bytes(), None).unwrap();
            proptest::prop_assert_eq!(rows.len(), 1);
            let want: Vec<Value> = fields.iter().map(|f| text(f)).collect();
            proptest::prop_assert_eq!(rows[0].values.clone(), Ok(want));
        }
    }
}
