//! The filter of loaded rows: a small language for one line, of which the plain case is just a text to look for.
//!
//! | typed | keeps rows whose value |
//! |---|---|
//! | `text` | holds the text, in any case |
//! | `= x`, `!= x` (`<> x`) | is x, is another |
//! | `< x`, `<= x`, `> x`, `>= x` | comes before or after x |
//! | `~ pattern`, `!~ pattern` | matches a regular expression (of the `regex` crate), or does not |
//! | `is null`, `is not null` | is there or not |
//! | `= ''`, `"…"`, `'…'` | quotes keep blanks and operators as text |
//!
//! Numbers compare by value, and so do values whose type has an order of its own ([`Order`]); others by their characters' codes. As in SQL, NULL matches none but `is null`.

use super::{Order, key};
use crate::model::{Cell, RowBatch};
use regex::bytes::{Regex, RegexBuilder};
use std::cmp::Ordering;

/// What a value must be.
#[derive(Debug, Clone)]
pub enum Test {
    /// Lower case.
    Contains(String),
    Is(Operator, String),
    Matches(Regex),
    MatchesNot(Regex),
    Null,
    NotNull,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// A test of one column, or of any.
#[derive(Debug, Clone)]
pub struct Filter {
    /// As typed.
    pub text: String,
    /// `None`: one of the columns must pass.
    pub column: Option<usize>,
    test: Test,
    /// The key of the value that is compared with, when it is a number; `true` and `false` are, as for MySQL and SQLite.
    number: Option<Vec<u8>>,
    /// The column's own order, and the key by it of the value that is compared with.
    order: Option<(Order, Vec<u8>)>,
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.column) == (&other.text, other.column)
    }
}

impl Filter {
    /// Reads what was typed; the error is a sentence for the form.
    pub fn parse(typed: &str, column: Option<usize>) -> Result<Self, String> {
        let text = typed.trim();
        if text.is_empty() {
            return Err("What shall the rows hold?".into());
        }
        let words: Vec<String> = text.split_whitespace().map(str::to_ascii_lowercase).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let operators = [
            ("!=", Operator::NotEqual),
            ("<>", Operator::NotEqual),
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let pattern = |p: &str| {
            let built = RegexBuilder::new(unquoted(p)).case_insensitive(true).size_limit(1 << 20).build();
            built.map_err(|e| {
                // Its message draws the pattern over several lines; the last one says what is wrong.
                let why = e.to_string();
                format!("That is no pattern: {}", crate::text::clean(why.lines().last().unwrap_or("").trim_start_matches("error: ")))
            })
        };
        let test = if words == ["is", "null"] {
            Test::Null
        } else if words == ["is", "not", "null"] {
            Test::NotNull
        } else if let Some(p) = text.strip_prefix("!~") {
            Test::MatchesNot(pattern(p.trim())?)
        } else if let Some(p) = text.strip_prefix('~') {
            Test::Matches(pattern(p.trim())?)
        } else if let Some((rest, operator)) = operators.iter().find_map(|(sign, o)| Some((text.strip_prefix(sign)?, *o))) {
            let value = rest.trim();
            if value.is_empty() {
                return Err("Compare with what? For the empty text write ''.".into());
            }
            Test::Is(operator, unquoted(value).to_string())
        } else {
            Test::Contains(unquoted(text).to_lowercase())
        };
        let number = match &test {
            Test::Is(_, value) => {
                let mut key = Vec::new();
                let bare = !text.ends_with(['\'', '"']);
                let digits = crate::sql::params::truth(value).filter(|_| bare).unwrap_or(value);
                key::number(digits.as_bytes(), &mut key).then_some(key)
            }
            _ => None,
        };
        Ok(Filter { text: text.to_string(), column, test, number, order: None })
    }

    /// Compares by the order of the column's type; the error is a sentence for the form.
    pub fn by(mut self, order: Order) -> Result<Self, String> {
        if let Test::Is(operator, value) = &self.test
            && order != Order::Plain
        {
            let mut key = Vec::new();
            match order.typed(value, &mut key) {
                Some(by) => self.order = Some((by, key)),
                // Another style of intervals is compared as it is written; `true` is a number for MySQL.
                None if order == Order::Interval && matches!(operator, Operator::Equal | Operator::NotEqual) => {}
                None if order == Order::Number && self.number.is_some() => {}
                None if order == Order::Boolean => return Err(format!("{} is neither true nor false.", crate::text::clean(value))),
                None => return Err(format!("{} is no {}.", crate::text::clean(value), order.wants())),
            }
        }
        Ok(self)
    }

    /// It compares with a value, and does not look for a text.
    pub fn compares(&self) -> bool {
        matches!(self.test, Test::Is(..))
    }

    /// True when the row stays.
    pub fn keeps(&self, batch: &RowBatch, row: usize) -> bool {
        match self.column {
            Some(c) if c < batch.columns() => self.passes(batch.cell(row, c)),
            Some(_) => false,
            None => (0..batch.columns()).any(|c| self.passes(batch.cell(row, c))),
        }
    }

    fn passes(&self, cell: Cell<'_>) -> bool {
        let bytes = match cell {
            Cell::Null => return matches!(self.test, Test::Null),
            Cell::Text(b) | Cell::Number(b) => std::borrow::Cow::Borrowed(b),
            // As it is shown.
            Cell::Binary(b) => format!("\\x{}", hex::encode(b)).into_bytes().into(),
        };
        match &self.test {
            Test::Null => false,
            Test::NotNull => true,
            Test::Contains(needle) => contains(&bytes, needle),
            Test::Matches(p) => p.is_match(&bytes),
            Test::MatchesNot(p) => !p.is_match(&bytes),
            Test::Is(operator, value) => {
                let by_value = self.order.as_ref().and_then(|(order, wanted)| {
                    let mut key = Vec::new();
                    order.key(cell, &mut key).filter(|by_value| *by_value).map(|_| key.as_slice().cmp(wanted))
                });
                let order = match (cell, &self.number) {
                    _ if by_value.is_some() => by_value.unwrap_or(Ordering::Equal),
                    (Cell::Number(n), Some(wanted)) => {
                        let mut key = Vec::new();
                        if key::number(n, &mut key) { key.as_slice().cmp(wanted) } else { (*bytes).cmp(value.as_bytes()) }
                    }
                    _ => (*bytes).cmp(value.as_bytes()),
                };
                match operator {
                    Operator::Equal => order == Ordering::Equal,
                    Operator::NotEqual => order != Ordering::Equal,
                    Operator::Less => order == Ordering::Less,
                    Operator::AtMost => order != Ordering::Greater,
                    Operator::Greater => order == Ordering::Greater,
                    Operator::AtLeast => order != Ordering::Less,
                }
            }
        }
    }
}

/// True when the bytes hold the lower case text, in any case.
pub fn contains(bytes: &[u8], needle: &str) -> bool {
    if bytes.is_ascii() && needle.is_ascii() {
        let n = needle.as_bytes();
        return n.is_empty() || bytes.windows(n.len()).any(|w| w.eq_ignore_ascii_case(n));
    }
    String::from_utf8_lossy(bytes).to_lowercase().contains(needle)
}

/// A value without the quotes round it.
fn unquoted(s: &str) -> &str {
    let inner = |q: char| s.strip_prefix(q).and_then(|r| r.strip_suffix(q));
    inner('\'').or_else(|| inner('"')).unwrap_or(s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BatchBuilder;

    fn kept(filter: &str, cells: &[Cell<'_>]) -> Vec<usize> {
        let mut b = BatchBuilder::new(1);
        cells.iter().for_each(|c| b.push(*c));
        let batch = b.take();
        let f = Filter::parse(filter, Some(0)).unwrap();
        (0..cells.len()).filter(|r| f.keeps(&batch, *r)).collect()
    }

    #[test]
    fn operators_keep_what_sql_would() {
        let numbers = [Cell::Number(b"9"), Cell::Number(b"10"), Cell::Null, Cell::Number(b"10.0"), Cell::Number(b"-3")];
        for (filter, rows) in [
            ("= 10", vec![1, 3]),
            ("!= 10", vec![0, 4]),
            ("<>10", vec![0, 4]),
            ("< 10", vec![0, 4]),
            ("<= 10", vec![0, 1, 3, 4]),
            ("> 9", vec![1, 3]),
            (">=9", vec![0, 1, 3]),
            ("is null", vec![2]),
            ("IS  NOT NULL", vec![0, 1, 3, 4]),
            ("1", vec![1, 3]),
        ] {
            assert_eq!(kept(filter, &numbers), rows, "{filter}");
        }
        let texts = [
            Cell::Text(b"Anna"),
            Cell::Text(b""),
            Cell::Null,
            Cell::Text("ÄNNE = x".as_bytes()),
            Cell::Text(b"null"),
            Cell::Binary(b"\xff"),
        ];
        for (filter, rows) in [
            ("ann", vec![0]),
            ("änn", vec![3]),
            ("'= x'", vec![3]),
            ("= ''", vec![1]),
            ("= null", vec![4]),
            ("~ ^(a|ä)n+", vec![0, 3]),
            ("!~ n", vec![1, 5]),
            ("\\xff", vec![5]),
        ] {
            assert_eq!(kept(filter, &texts), rows, "{filter}");
        }
    }

    #[test]
    fn a_boolean_is_compared_by_any_of_its_words() {
        let mut b = BatchBuilder::new(1);
        [Cell::Text(b"t"), Cell::Text(b"f"), Cell::Null].iter().for_each(|c| b.push(*c));
        let batch = b.take();
        let kept = |typed: &str| {
            let f = Filter::parse(typed, Some(0)).unwrap().by(Order::Boolean).unwrap();
            (0..3).filter(|r| f.keeps(&batch, *r)).collect::<Vec<_>>()
        };
        for (typed, rows) in [("= true", vec![0]), ("= T", vec![0]), ("!= yes", vec![1]), ("= off", vec![1]), ("> false", vec![0])] {
            assert_eq!(kept(typed), rows, "{typed}");
        }
        let e = Filter::parse("= maybe", Some(0)).unwrap().by(Order::Boolean).unwrap_err();
        assert!(e.contains("neither true nor false"), "{e}");
    }

    #[test]
    fn true_and_false_are_numbers_among_numbers() {
        let cells = [Cell::Number(b"1"), Cell::Number(b"0"), Cell::Null, Cell::Text(b"true")];
        for (typed, rows) in [("= true", vec![0, 3]), ("= FALSE", vec![1]), ("!= false", vec![0, 3]), ("= 'true'", vec![3])] {
            assert_eq!(kept(typed, &cells), rows, "{typed}");
        }
    }

    #[test]
    fn what_is_no_filter_is_said_in_a_sentence() {
        for (typed, why) in [("  ", "What shall"), ("= ", "the empty text"), ("~ (a", "no pattern: unclosed group")] {
            assert!(Filter::parse(typed, None).unwrap_err().contains(why), "{:?}", Filter::parse(typed, None));
        }
    }
}
