//! What a value of a text file means in the column that it goes to: CSV and TSV know text alone.

use super::reader::{Form, Value};
use crate::model::{ColumnInfo, Dialect};
use crate::sql::params::truth;

/// The value for this column, or why it cannot be taken. Binary values stand as `\x` and hexadecimal digits, as exports write them.
pub fn fit(dialect: Dialect, form: Form, column: &ColumnInfo, value: Value) -> Result<Value, String> {
    let type_name = column.type_name.to_ascii_lowercase();
    let text = match value {
        Value::Text(text) => text,
        Value::Bytes(_) if dialect == Dialect::Postgres && !column.binary(dialect) => {
            return Err(format!("{} is given as bytes, and its type {} takes text", column.name, column.type_name));
        }
        other => return Ok(other),
    };
    // NDJSON tells numbers from texts.
    if dialect == Dialect::Sqlite && form != Form::Ndjson && real(&type_name) && infinite(&text) {
        // The only way to write an infinity for SQLite; its own word for it would stay text.
        return Ok(Value::Number(if text.starts_with('-') { "-9e999".into() } else { "9e999".into() }));
    }
    // As a text MySQL refuses it, and SQLite keeps the word, which no condition would then find true.
    if let Some(truth) = truth(&text).filter(|_| form != Form::Ndjson && boolean(dialect, &type_name)) {
        return Ok(Value::Number(truth.into()));
    }
    // As text they would be stored as the bytes of their digits.
    if dialect == Dialect::MySql
        && form != Form::Ndjson
        && type_name.starts_with("bit")
        && !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_digit())
    {
        return Ok(Value::Number(text));
    }
    // NDJSON has a form of its own for bytes, and PostgreSQL reads this one itself.
    let Some(digits) = text.strip_prefix("\\x").filter(|_| form != Form::Ndjson && dialect != Dialect::Postgres) else {
        return Ok(Value::Text(text));
    };
    match (column.binary(dialect), hex::decode(digits)) {
        (true, Ok(bytes)) => Ok(Value::Bytes(bytes)),
        (true, Err(_)) => Err(format!("{} begins with \\x, and what follows are no pairs of hexadecimal digits", column.name)),
        // A column of any type may hold bytes in SQLite: which of them this is the file cannot tell.
        (false, Ok(_)) if dialect == Dialect::Sqlite => Err(format!(
            "{} holds {}…, which may be bytes or text: NDJSON and INSERT tell them apart",
            column.name,
            crate::text::truncate(&text, 12)
        )),
        (false, _) => Ok(Value::Text(text)),
    }
}

fn real(type_name: &str) -> bool {
    // SQLite's rule for the affinity REAL (datatype3.html §3.1).
    ["real", "floa", "doub"].iter().any(|t| type_name.contains(t)) && !type_name.contains("int")
}

/// `BOOLEAN` as the two engines without such a type keep it: MySQL makes it `tinyint(1)`, SQLite leaves the name.
fn boolean(dialect: Dialect, type_name: &str) -> bool {
    match dialect {
        Dialect::MySql => type_name.starts_with("tinyint(1)"),
        Dialect::Sqlite => matches!(type_name, "boolean" | "bool"),
        _ => false,
    }
}

fn infinite(text: &str) -> bool {
    matches!(text.trim_start_matches('-'), "Inf" | "Infinity")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(type_name: &str) -> ColumnInfo {
        ColumnInfo { name: "b".into(), type_name: type_name.into(), ..ColumnInfo::default() }
    }
    fn text(s: &str) -> Value {
        Value::Text(s.into())
    }

    #[test]
    fn bytes_come_back_as_exports_write_them() {
        for (dialect, type_name) in
            [(Dialect::MySql, "blob"), (Dialect::MySql, "varbinary(200)"), (Dialect::MySql, "bit(1)"), (Dialect::Sqlite, "BLOB")]
        {
            let c = column(type_name);
            assert_eq!(fit(dialect, Form::Csv, &c, text("\\x00ff")), Ok(Value::Bytes(vec![0, 255])), "{type_name}");
            assert_eq!(fit(dialect, Form::Tsv, &c, text("\\x")), Ok(Value::Bytes(vec![])), "{type_name}");
            assert_eq!(fit(dialect, Form::Csv, &c, text("plain")), Ok(text("plain")), "{type_name}");
            assert!(fit(dialect, Form::Csv, &c, text("\\x0")).is_err(), "{type_name}");
        }
        assert_eq!(fit(Dialect::MySql, Form::Csv, &column("varchar(20)"), text("\\x41")), Ok(text("\\x41")));
        assert_eq!(fit(Dialect::Postgres, Form::Csv, &column("bytea"), text("\\x41")), Ok(text("\\x41")), "the server reads it");
        assert!(fit(Dialect::Sqlite, Form::Csv, &column("TEXT"), text("\\x41")).is_err(), "bytes or text");
        assert_eq!(fit(Dialect::Sqlite, Form::Ndjson, &column("TEXT"), text("\\x41")), Ok(text("\\x41")));
    }

    #[test]
    fn digits_for_a_bit_column_are_a_number() {
        let of = |form, s: &str| fit(Dialect::MySql, form, &column("bit(8)"), text(s));
        assert_eq!(of(Form::Csv, "5"), Ok(Value::Number("5".into())));
        assert_eq!(of(Form::Tsv, "\\x05"), Ok(Value::Bytes(vec![5])));
        assert_eq!(of(Form::Ndjson, "5"), Ok(text("5")), "a number stands as one");
        assert_eq!(fit(Dialect::MySql, Form::Csv, &column("varchar(8)"), text("5")), Ok(text("5")));
    }

    #[test]
    fn the_words_of_a_boolean_are_one_and_nought() {
        let number = |n: &str| Ok(Value::Number(n.into()));
        let of = |dialect, form, type_name: &str, s: &str| fit(dialect, form, &column(type_name), text(s));
        assert_eq!(of(Dialect::MySql, Form::Csv, "tinyint(1)", "true"), number("1"));
        assert_eq!(of(Dialect::MySql, Form::Tsv, "tinyint(1) unsigned", "FALSE"), number("0"));
        assert_eq!(of(Dialect::Sqlite, Form::Csv, "BOOLEAN", "False"), number("0"));
        assert_eq!(of(Dialect::Sqlite, Form::Csv, "TEXT", "true"), Ok(text("true")), "a word");
        assert_eq!(of(Dialect::MySql, Form::Csv, "varchar(8)", "true"), Ok(text("true")), "a word");
        assert_eq!(of(Dialect::MySql, Form::Csv, "tinyint(4)", "true"), Ok(text("true")), "a number, of which the server says so");
        assert_eq!(of(Dialect::Postgres, Form::Csv, "boolean", "true"), Ok(text("true")), "the server reads it");
        assert_eq!(of(Dialect::Sqlite, Form::Ndjson, "BOOLEAN", "true"), Ok(text("true")), "a text, in quotes");
    }

    #[test]
    fn infinities_stay_numbers_in_sqlite() {
        assert_eq!(fit(Dialect::Sqlite, Form::Csv, &column("REAL"), text("-Inf")), Ok(Value::Number("-9e999".into())));
        assert_eq!(fit(Dialect::Sqlite, Form::Ndjson, &column("REAL"), text("-Inf")), Ok(text("-Inf")), "a number stands as one");
        assert_eq!(fit(Dialect::Sqlite, Form::Csv, &column("TEXT"), text("Inf")), Ok(text("Inf")));
        assert_eq!(fit(Dialect::Sqlite, Form::Ndjson, &column(""), text("Inf")), Ok(text("Inf")));
        assert_eq!(fit(Dialect::Sqlite, Form::Csv, &column(""), text("Inf")), Ok(text("Inf")), "a file of texts");
    }
}
