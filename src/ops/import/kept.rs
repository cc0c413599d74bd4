//! What a column makes of a value without a word: servers round a number to its scale and cut a moment to its precision, as the standard
//! has it; SQLite makes a `double` of a number that its 64 bits do not hold; an ENUM takes a number for a member's place.

use crate::model::{ColumnInfo, Dialect, Param};

/// What becomes of a value that the column takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// As it stands in the file, as far as can be told.
    Same,
    /// Rounded or cut, which is what its type is for: to be told.
    Cut(String),
    /// Another value: to be refused, as a server refuses what is out of a type's range.
    Another(String),
}

/// What the column keeps of a value.
pub fn kept(dialect: Dialect, column: &ColumnInfo, value: &Param) -> Kept {
    let (Param::Text(text) | Param::Number(text)) = value else { return Kept::Same };
    let type_name = column.type_name.to_ascii_lowercase();
    if dialect == Dialect::Sqlite {
        return sqlite(column, &type_name, value, text);
    }
    let name = &column.name;
    if dialect == Dialect::MySql && matches!(value, Param::Text(_)) && place_of_member(&type_name, text) {
        return Kept::Another(format!("{name} has no member '{text}': the server would take it for the place of one"));
    }
    match cut(dialect, &type_name, text) {
        true => Kept::Cut(format!("{name} is {}: {}", column.type_name, crate::text::truncate(text, 40))),
        false => Kept::Same,
    }
}

/// SQLite keeps numbers of 64 bits, whatever the declared type promises: only what the column takes as a number is at stake
/// (<https://sqlite.org/datatype3.html> §3.1). A REAL is the nearest `double` on any server.
fn sqlite(column: &ColumnInfo, type_name: &str, value: &Param, text: &str) -> Kept {
    let has = |words: &[&str]| words.iter().any(|w| type_name.contains(w));
    let integer = has(&["int"]);
    let text_or_bytes = !integer && (has(&["char", "clob", "text", "blob"]) || type_name.is_empty());
    let real = !integer && !text_or_bytes && has(&["real", "floa", "doub"]);
    if real || (text_or_bytes && matches!(value, Param::Text(_))) || text.trim().parse::<i64>().is_ok() {
        return Kept::Same;
    }
    let Some(exact) = Decimal::of(text.trim()) else { return Kept::Same };
    let double: f64 = text.trim().parse().unwrap_or(f64::NAN);
    match double.is_finite() && Decimal::of(&format!("{double:e}")) != Some(exact) {
        true => Kept::Another(format!("{}: SQLite would keep {} as {double:e}", column.name, crate::text::truncate(text, 40))),
        false => Kept::Same,
    }
}

/// A decimal number by its digits and the place of its point, so that `1.50` is `1.5`.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// `None` for what is no number in decimal digits.
    fn of(text: &str) -> Option<Decimal> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, Some(0)), |(m, e)| (m, e.parse::<i64>().ok()));
        let (negative, unsigned) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits = all.trim_start_matches('0').trim_end_matches('0').to_string();
        let behind = (all.len() - all.trim_end_matches('0').len()) as i64;
        let exponent = exponent? - fraction.len() as i64 + behind;
        let none = digits.is_empty();
        Some(Decimal { negative: negative && !none, digits, exponent: if none { 0 } else { exponent } })
    }
}

/// A number for an ENUM or SET that has no member of that name.
fn place_of_member(type_name: &str, text: &str) -> bool {
    let number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    number && (type_name.starts_with("enum(") || type_name.starts_with("set(")) && !type_name.contains(&format!("'{text}'"))
}

/// Something is lost by the type's scale, precision or length: the part that does not fit is no nought and no more than what such a type
/// drops without an error.
fn cut(dialect: Dialect, type_name: &str, text: &str) -> bool {
    let (base, rest) = type_name.split_once('(').unwrap_or((type_name, ""));
    let base = base.trim();
    let mut arguments = rest.split(')').next().unwrap_or_default().split(',').map(|n| n.trim().parse::<usize>().ok());
    let (first, second) = (arguments.next().flatten(), arguments.next().flatten());
    let mysql = dialect == Dialect::MySql;
    let lost = |kept: usize| {
        let fraction = text.split_once('.').map_or("", |(_, f)| f);
        let digits = fraction.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        digits.bytes().skip(kept).any(|b| b != b'0') && !text.contains(['e', 'E'])
    };
    let first_word = base.split(' ').next().unwrap_or_default();
    match first_word {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" if mysql => lost(0),
        // MariaDB: DECIMAL alone is DECIMAL(10,0). PostgreSQL: without a scale every digit is kept.
        "decimal" | "numeric" => (mysql || first.is_some()) && lost(second.unwrap_or(0)),
        "datetime" | "timestamp" | "time" | "timestamptz" | "timetz" => lost(first.unwrap_or(if mysql { 0 } else { 6 })),
        "date" => {
            let clock = text.split_once([' ', 'T']).map_or("", |(_, clock)| clock);
            let zone = clock.find(['+', '-', 'Z']).unwrap_or(clock.len());
            clock[..zone].bytes().any(|b| matches!(b, b'1'..=b'9'))
        }
        "varchar" | "character" if first_word == "varchar" || base.starts_with("character varying") => {
            first.is_some_and(|most| text.chars().count() > most && text.trim_end_matches(' ').chars().count() <= most)
        }
        "year" => mysql && text.len() <= 2 && text.parse::<u8>().is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(dialect: Dialect, type_name: &str, value: Param) -> Kept {
        kept(dialect, &ColumnInfo { name: "c".into(), type_name: type_name.into(), ..ColumnInfo::default() }, &value)
    }
    fn text(s: &str) -> Param {
        Param::Text(s.into())
    }

    #[test]
    fn sqlite_keeps_numbers_of_64_bits() {
        for (type_name, value, kept) in [
            ("INTEGER", "18446744073709551615", false),
            ("INTEGER", "9223372036854775807", true),
            ("NUMERIC", "12345678901234567.89", false),
            ("DECIMAL(20,10)", "0.12345678901234567890", false),
            ("DECIMAL(20,10)", "0.1", true),
            ("DECIMAL(20,10)", "0.30000000000000004", true),
            ("DECIMAL(20,10)", "-100.50", true),
            ("DECIMAL(20,10)", "1e3", true),
            ("NUMERIC", "0.00", true),
            ("REAL", "3.14159265358979323846", true),
            ("TEXT", "18446744073709551615", true),
            ("", "18446744073709551615", true),
            ("INTEGER", "no number", true),
        ] {
            let told = of(Dialect::Sqlite, type_name, text(value));
            assert_eq!(told == Kept::Same, kept, "{type_name} {value}: {told:?}");
        }
        // A number of NDJSON is bound as one, whatever the column.
        assert!(matches!(of(Dialect::Sqlite, "TEXT", Param::Number("18446744073709551615".into())), Kept::Another(_)));
    }

    #[test]
    fn what_a_type_drops_without_an_error_is_told() {
        use Dialect::{MySql, Postgres};
        for (dialect, type_name, value, is_cut) in [
            (MySql, "int(11)", "1.5", true),
            (MySql, "int(11)", "1.0", false),
            (MySql, "decimal(5,2)", "1.239", true),
            (MySql, "decimal(5,2) unsigned", "1.230", false),
            (MySql, "date", "2020-01-01 12:00:00", true),
            (MySql, "date", "2020-01-01 00:00:00", false),
            (MySql, "datetime", "2020-01-01 12:00:00.987", true),
            (MySql, "datetime(3)", "2020-01-01 12:00:00.987", false),
            (MySql, "varchar(5)", "abcde  ", true),
            (MySql, "varchar(5)", "abc  ", false),
            (MySql, "year(4)", "99", true),
            (MySql, "year(4)", "1999", false),
            (Postgres, "numeric(5,2)", "1.239", true),
            (Postgres, "numeric", "1.239", false),
            (Postgres, "timestamp without time zone", "2020-01-01 12:00:00.987654", false),
            (Postgres, "timestamp(0) with time zone", "2020-01-01 12:00:00.9+00", true),
            (Postgres, "date", "2020-01-01 00:00:00+02", false),
            (Postgres, "date", "2020-01-01T07:00", true),
            (Postgres, "character varying(5)", "abcde ", true),
            (Postgres, "character(5)", "ab", false),
            (Postgres, "text", "1.239", false),
        ] {
            let told = of(dialect, type_name, text(value));
            assert_eq!(matches!(told, Kept::Cut(_)), is_cut, "{type_name} {value}: {told:?}");
        }
    }

    #[test]
    fn a_number_is_no_member_of_an_enum() {
        assert!(matches!(of(Dialect::MySql, "enum('a','b')", text("1")), Kept::Another(_)));
        assert_eq!(of(Dialect::MySql, "enum('1','2')", text("1")), Kept::Same);
        assert_eq!(of(Dialect::MySql, "set('x','y')", text("x")), Kept::Same);
        assert!(matches!(of(Dialect::MySql, "set('x','y')", text("3")), Kept::Another(_)));
    }
}
