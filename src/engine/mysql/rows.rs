//! Result columns and cells: what the protocol tells of a type, and values as the server's text.

use crate::model::rows::Origin;
use crate::model::{Align, BatchBuilder, Cell, Column};
use mysql_async::consts::{ColumnFlags, ColumnType as T};
use mysql_async::{Column as MyColumn, Row, Value};

/// Character set number of bytes that are no text.
const BINARY: u16 = 63;

/// How a column's bytes are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    Number,
    Binary,
}

/// Bytes per character of the character set that a collation belongs to, as far as column lengths need it.
fn char_width(collation: u16) -> u32 {
    match collation {
        // utf8mb3
        33 | 83 | 192..=223 | 576..=607 => 3,
        // utf8mb4
        45 | 46 | 224..=247 | 255..=323 | 608..=639 | 2048..=2303 => 4,
        _ => 1,
    }
}

pub(super) fn shape(c: &MyColumn) -> Shape {
    match c.column_type() {
        T::MYSQL_TYPE_DECIMAL
        | T::MYSQL_TYPE_NEWDECIMAL
        | T::MYSQL_TYPE_TINY
        | T::MYSQL_TYPE_SHORT
        | T::MYSQL_TYPE_LONG
        | T::MYSQL_TYPE_INT24
        | T::MYSQL_TYPE_LONGLONG
        | T::MYSQL_TYPE_FLOAT
        | T::MYSQL_TYPE_DOUBLE
        | T::MYSQL_TYPE_YEAR => Shape::Number,
        T::MYSQL_TYPE_BIT | T::MYSQL_TYPE_GEOMETRY | T::MYSQL_TYPE_VECTOR => Shape::Binary,
        T::MYSQL_TYPE_STRING
        | T::MYSQL_TYPE_VAR_STRING
        | T::MYSQL_TYPE_VARCHAR
        | T::MYSQL_TYPE_TINY_BLOB
        | T::MYSQL_TYPE_BLOB
        | T::MYSQL_TYPE_MEDIUM_BLOB
        | T::MYSQL_TYPE_LONG_BLOB
            if c.character_set() == BINARY =>
        {
            Shape::Binary
        }
        _ => Shape::Text,
    }
}

/// The type as one would write it, as far as the protocol tells: lengths in characters, `unsigned`, `enum` and `set`
/// without their members (the protocol does not carry them).
pub(super) fn type_name(c: &MyColumn) -> String {
    let flags = c.flags();
    let unsigned = if flags.contains(ColumnFlags::UNSIGNED_FLAG) { " unsigned" } else { "" };
    let binary = c.character_set() == BINARY;
    let length = c.column_length();
    let chars = length / char_width(c.character_set());
    let fraction = |name: &str, base: u32| match c.decimals() {
        0 | 31.. => name.to_string(),
        d if length > base => format!("{name}({d})"),
        _ => name.to_string(),
    };
    match c.column_type() {
        T::MYSQL_TYPE_DECIMAL | T::MYSQL_TYPE_NEWDECIMAL => {
            let scale = u32::from(c.decimals());
            let sign = u32::from(unsigned.is_empty());
            let precision = length.saturating_sub(u32::from(scale > 0) + sign);
            format!("decimal({precision},{scale}){unsigned}")
        }
        T::MYSQL_TYPE_TINY if length == 1 => format!("tinyint(1){unsigned}"),
        T::MYSQL_TYPE_TINY => format!("tinyint{unsigned}"),
        T::MYSQL_TYPE_SHORT => format!("smallint{unsigned}"),
        T::MYSQL_TYPE_INT24 => format!("mediumint{unsigned}"),
        T::MYSQL_TYPE_LONG => format!("int{unsigned}"),
        T::MYSQL_TYPE_LONGLONG => format!("bigint{unsigned}"),
        T::MYSQL_TYPE_FLOAT => format!("float{unsigned}"),
        T::MYSQL_TYPE_DOUBLE => format!("double{unsigned}"),
        T::MYSQL_TYPE_YEAR => "year".into(),
        T::MYSQL_TYPE_BIT => format!("bit({length})"),
        T::MYSQL_TYPE_NULL => "null".into(),
        T::MYSQL_TYPE_DATE | T::MYSQL_TYPE_NEWDATE => "date".into(),
        T::MYSQL_TYPE_TIME | T::MYSQL_TYPE_TIME2 => fraction("time", 10),
        T::MYSQL_TYPE_DATETIME | T::MYSQL_TYPE_DATETIME2 => fraction("datetime", 19),
        T::MYSQL_TYPE_TIMESTAMP | T::MYSQL_TYPE_TIMESTAMP2 => fraction("timestamp", 19),
        T::MYSQL_TYPE_JSON => "json".into(),
        T::MYSQL_TYPE_GEOMETRY => "geometry".into(),
        // Numbers of four bytes each.
        T::MYSQL_TYPE_VECTOR => format!("vector({})", length / 4),
        T::MYSQL_TYPE_ENUM => "enum".into(),
        T::MYSQL_TYPE_SET => "set".into(),
        _ if flags.contains(ColumnFlags::ENUM_FLAG) => "enum".into(),
        _ if flags.contains(ColumnFlags::SET_FLAG) => "set".into(),
        T::MYSQL_TYPE_STRING => format!("{}({chars})", if binary { "binary" } else { "char" }),
        T::MYSQL_TYPE_VAR_STRING | T::MYSQL_TYPE_VARCHAR => format!("{}({chars})", if binary { "varbinary" } else { "varchar" }),
        T::MYSQL_TYPE_TINY_BLOB | T::MYSQL_TYPE_BLOB | T::MYSQL_TYPE_MEDIUM_BLOB | T::MYSQL_TYPE_LONG_BLOB => {
            // The server sends one type for all of them; the length tells which. For text it is in bytes of the result's
            // character set: up to four for each byte or character of the column.
            let size = match if binary { length } else { chars } {
                0..=255 => "tiny",
                256..=65_535 => "",
                65_536..=16_777_215 => "medium",
                _ => "long",
            };
            format!("{size}{}", if binary { "blob" } else { "text" })
        }
        _ => String::new(),
    }
}

/// `zone` is the session's; `by_text`: the text protocol brings the values.
pub(super) fn column(c: &MyColumn, zone: &str, by_text: bool) -> Column {
    let six_digits = by_text && c.column_type() == T::MYSQL_TYPE_FLOAT && usize::from(c.decimals()) >= FLOATING;
    let moment = matches!(c.column_type(), T::MYSQL_TYPE_TIMESTAMP | T::MYSQL_TYPE_TIMESTAMP2) && !zone.is_empty();
    Column {
        name: c.name_str().into_owned(),
        type_name: type_name(c),
        align: if shape(c) == Shape::Number { Align::Right } else { Align::Left },
        origin: (!c.org_name_str().is_empty() && !c.org_table_str().is_empty()).then(|| Origin {
            table: vec![c.schema_str().into_owned(), c.org_table_str().into_owned()],
            column: c.org_name_str().into_owned(),
        }),
        style: if six_digits { Some(Column::SIX_DIGITS.into()) } else { moment.then(|| Column::style_of_zone(zone)) },
    }
}

/// Puts a row into the batch. The text protocol brings every value as the server's text; the binary one (statements with
/// parameters) brings numbers and times, which are written as the server would.
pub(super) fn push(batch: &mut BatchBuilder, row: Row, shapes: &[Shape], columns: &[MyColumn]) {
    for (i, value) in row.unwrap_raw().into_iter().enumerate() {
        let shape = shapes.get(i).copied().unwrap_or(Shape::Text);
        match value {
            None | Some(Value::NULL) => batch.push(Cell::Null),
            Some(Value::Bytes(b)) => batch.push(cell(shape, &b)),
            Some(other) => batch.push(cell(shape, binary_text(&other, columns.get(i)).as_bytes())),
        }
    }
}

fn cell(shape: Shape, bytes: &[u8]) -> Cell<'_> {
    match shape {
        Shape::Text => Cell::Text(bytes),
        Shape::Number => Cell::Number(bytes),
        Shape::Binary => Cell::Binary(bytes),
    }
}

/// A value of the binary protocol in the server's text form. FLOAT shows its shortest exact form, where the server's text
/// rounds to six digits.
fn binary_text(v: &Value, c: Option<&MyColumn>) -> String {
    let decimals = c.map_or(0, |c| usize::from(c.decimals()));
    let fraction = |micros: u32| match decimals {
        0 => String::new(),
        d @ 1..=6 => format!(".{}", &format!("{micros:06}")[..d]),
        _ if micros == 0 => String::new(),
        _ => format!(".{micros:06}"),
    };
    match v {
        Value::NULL => String::new(),
        Value::Bytes(b) => String::from_utf8_lossy(b).into_owned(),
        Value::Int(i) => filled(i.to_string(), c),
        Value::UInt(u) => filled(u.to_string(), c),
        Value::Float(f) if decimals < FLOATING => filled(format!("{f:.decimals$}"), c),
        Value::Double(d) if decimals < FLOATING => filled(format!("{d:.decimals$}"), c),
        Value::Float(f) => filled(floating(&format!("{f:e}")), c),
        Value::Double(d) => filled(floating(&format!("{d:e}")), c),
        Value::Date(y, m, d, h, mi, s, us) => match c.map(MyColumn::column_type) {
            Some(T::MYSQL_TYPE_DATE | T::MYSQL_TYPE_NEWDATE) => format!("{y:04}-{m:02}-{d:02}"),
            _ => format!("{y:04}-{m:02}-{d:02} {h:02}:{mi:02}:{s:02}{}", fraction(*us)),
        },
        Value::Time(neg, days, h, m, s, us) => {
            let hours = u64::from(*days) * 24 + u64::from(*h);
            format!("{}{hours:02}:{m:02}:{s:02}{}", if *neg { "-" } else { "" }, fraction(*us))
        }
    }
}

/// Decimals of a floating-point column that has no fixed number of them (NOT_FIXED_DEC).
const FLOATING: usize = 31;
/// Places before the point, or zeros behind it, up to which the server writes no exponent (DBL_DIG, my_gcvt).
const NO_EXPONENT: i32 = 15;

/// ZEROFILL columns are filled up with zeros, years to four digits.
fn filled(text: String, c: Option<&MyColumn>) -> String {
    let Some(c) = c else { return text };
    let width = match c.column_type() {
        T::MYSQL_TYPE_YEAR => 4,
        _ if c.flags().contains(ColumnFlags::ZEROFILL_FLAG) => c.column_length() as usize,
        _ => 0,
    };
    format!("{text:0>width$}")
}

/// From Rust's shortest digits with an exponent to the server's form of them.
fn floating(scientific: &str) -> String {
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific.to_string() };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |d| ("-", d));
    let plain: String = digits.chars().filter(|c| *c != '.').collect();
    // Place of the decimal point counted from before the first digit.
    let point = exponent + 1;
    if plain == "0" {
        return format!("{sign}0");
    }
    if !(1 - NO_EXPONENT..=NO_EXPONENT).contains(&point) {
        return format!("{sign}{digits}e{exponent}");
    }
    match usize::try_from(point) {
        Ok(at) if at >= plain.len() => format!("{sign}{plain}{}", "0".repeat(at - plain.len())),
        Ok(at) if at > 0 => format!("{sign}{}.{}", &plain[..at], &plain[at..]),
        _ => format!("{sign}0.{}{plain}", "0".repeat(point.unsigned_abs() as usize)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn col(t: T, length: u32, charset: u16, decimals: u8, flags: ColumnFlags) -> MyColumn {
        MyColumn::new(t).with_column_length(length).with_character_set(charset).with_decimals(decimals).with_flags(flags)
    }

    #[test]
    fn types_are_named_as_one_writes_them() {
        let none = ColumnFlags::empty();
        let un = ColumnFlags::UNSIGNED_FLAG;
        for (c, name) in [
            (col(T::MYSQL_TYPE_NEWDECIMAL, 12, 63, 2, none), "decimal(10,2)"),
            (col(T::MYSQL_TYPE_NEWDECIMAL, 11, 63, 2, un), "decimal(10,2) unsigned"),
            (col(T::MYSQL_TYPE_NEWDECIMAL, 11, 63, 0, none), "decimal(10,0)"),
            (col(T::MYSQL_TYPE_VAR_STRING, 160, 45, 0, none), "varchar(40)"),
            (col(T::MYSQL_TYPE_VAR_STRING, 40, 63, 0, none), "varbinary(40)"),
            (col(T::MYSQL_TYPE_STRING, 12, 45, 0, ColumnFlags::ENUM_FLAG), "enum"),
            (col(T::MYSQL_TYPE_LONGLONG, 20, 63, 0, un), "bigint unsigned"),
            (col(T::MYSQL_TYPE_DATETIME, 26, 63, 6, none), "datetime(6)"),
            (col(T::MYSQL_TYPE_DATETIME, 19, 63, 0, none), "datetime"),
            (col(T::MYSQL_TYPE_BLOB, 65_535, 63, 0, none), "blob"),
            (col(T::MYSQL_TYPE_BLOB, 262_140, 45, 0, none), "text"),
            (col(T::MYSQL_TYPE_BIT, 8, 63, 0, un), "bit(8)"),
            (col(T::MYSQL_TYPE_VECTOR, 12, 63, 31, none), "vector(3)"),
        ] {
            assert_eq!(type_name(&c), name);
        }
    }

    #[test]
    fn bytes_and_text_are_told_apart() {
        let none = ColumnFlags::empty();
        assert_eq!(shape(&col(T::MYSQL_TYPE_BLOB, 10, 63, 0, none)), Shape::Binary);
        assert_eq!(shape(&col(T::MYSQL_TYPE_BLOB, 10, 45, 0, none)), Shape::Text);
        assert_eq!(shape(&col(T::MYSQL_TYPE_JSON, 10, 63, 0, none)), Shape::Text, "MySQL's JSON carries the binary charset");
        assert_eq!(shape(&col(T::MYSQL_TYPE_DATETIME, 19, 63, 0, none)), Shape::Text);
        assert_eq!(shape(&col(T::MYSQL_TYPE_LONG, 11, 63, 0, none)), Shape::Number);
    }

    #[test]
    fn binary_values_read_like_the_servers_text() {
        let time = Value::Time(true, 34, 22, 59, 59, 0);
        assert_eq!(binary_text(&time, None), "-838:59:59");
        let c = col(T::MYSQL_TYPE_DATETIME, 22, 63, 2, ColumnFlags::empty());
        assert_eq!(binary_text(&Value::Date(0, 0, 0, 0, 0, 0, 120_000), Some(&c)), "0000-00-00 00:00:00.12");
    }
}
