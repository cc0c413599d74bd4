//! Bytes that sort as values do: numbers by their exact decimal value, whatever their length, then text by its characters' codes, then
//! binary, then NULL.

use crate::model::Cell;

/// What comes first in the order; NULL is left to the caller, because it stays last in both directions.
pub(super) const NUMBER: u8 = 0x20;
const TEXT: u8 = 0x40;
const BINARY: u8 = 0x60;

/// Appends the key of a value; `None`, and nothing appended, for NULL.
pub fn key(cell: Cell<'_>, out: &mut Vec<u8>) -> Option<()> {
    match cell {
        Cell::Null => return None,
        Cell::Number(b) if number(b, out) => {}
        // Beyond all digits: the least and the greatest, and PostgreSQL's NaN behind them.
        Cell::Number(b"-Infinity" | b"-Inf") => out.extend_from_slice(&[NUMBER, 0, 0]),
        Cell::Number(b"Infinity" | b"Inf") => out.extend_from_slice(&[NUMBER, 2, 255]),
        Cell::Number(b"NaN") => out.extend_from_slice(&[NUMBER, 3]),
        Cell::Number(b) | Cell::Text(b) => {
            out.push(TEXT);
            out.extend_from_slice(b);
        }
        Cell::Binary(b) => {
            out.push(BINARY);
            out.extend_from_slice(b);
        }
    }
    Some(())
}

/// Appends the key of a decimal number such as `-12.50` or `1e-7`; false, and nothing appended, when it is none. Numbers of the same
/// value have the same key.
pub fn number(text: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(d) = Decimal::parse(text) else { return false };
    let start = out.len();
    out.push(NUMBER);
    let from = out.len();
    out.push(match (d.digits.is_empty(), d.negative) {
        (true, _) => 1,
        (false, true) => 0,
        (false, false) => 2,
    });
    if d.digits.is_empty() {
        return true;
    }
    let magnitude = out.len();
    match d.exponent {
        e @ -60..=60 => out.push((e + 100) as u8),
        e if e < 0 => {
            out.push(1);
            out.extend_from_slice(&(e ^ i32::MIN).to_be_bytes());
        }
        e => {
            out.push(250);
            out.extend_from_slice(&(e ^ i32::MIN).to_be_bytes());
        }
    }
    // Two digits to a byte, from 1: the end sorts before any digit.
    for pair in d.digits.chunks(2) {
        out.push((pair[0] - b'0') * 10 + pair.get(1).map_or(0, |b| b - b'0') + 1);
    }
    if d.negative {
        // The end of the digits comes last among negatives.
        out.push(0);
        out[magnitude..].iter_mut().for_each(|b| *b = !*b);
    }
    debug_assert!(from > start);
    true
}

/// A decimal number without leading and trailing zeros: 0.d₁d₂d₃… × 10^exponent.
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i32,
}

impl Decimal {
    fn parse(text: &[u8]) -> Option<Self> {
        let (negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (mantissa, power) = match rest.iter().position(|b| matches!(b, b'e' | b'E')) {
            Some(at) => (&rest[..at], std::str::from_utf8(&rest[at + 1..]).ok()?.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let (whole, part) = match mantissa.iter().position(|b| *b == b'.') {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &mantissa[..0]),
        };
        if whole.is_empty() && part.is_empty() || !whole.iter().chain(part).all(u8::is_ascii_digit) {
            return None;
        }
        let mut digits: Vec<u8> = whole.iter().chain(part).copied().collect();
        let zeros = digits.iter().take_while(|b| **b == b'0').count();
        digits.drain(..zeros);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        let exponent = i32::try_from(whole.len()).ok()?.checked_sub(i32::try_from(zeros).ok()?)?.checked_add(power)?;
        Some(Decimal { negative, digits, exponent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    fn of(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(number(text.as_bytes(), &mut out), "{text}");
        out
    }

    #[test]
    fn infinities_stand_at_the_ends_and_nan_behind_them() {
        let sorted: Vec<Vec<u8>> = ["-Infinity", "-1e400", "-1", "0", "1", "1e400", "Infinity", "NaN"]
            .iter()
            .map(|n| {
                let mut out = Vec::new();
                key(Cell::Number(n.as_bytes()), &mut out).expect("a key");
                out
            })
            .collect();
        assert!(sorted.is_sorted(), "{sorted:?}");
    }

    #[test]
    fn numbers_sort_by_value_and_exactly() {
        let sorted = [
            "-1e400",
            "-123456789012345678901234567890.2",
            "-123456789012345678901234567890.1",
            "-100",
            "-12",
            "-2",
            "-1.5",
            "-1",
            "-0.01",
            "0",
            "1e-400",
            "0.001",
            "0.1",
            "0.11",
            "1",
            "1.0001",
            "2",
            "10",
            "12",
            "100",
            "9007199254740992",
            "9007199254740993",
            "1e61",
            "1e400",
        ];
        for w in sorted.windows(2) {
            assert_eq!(of(w[0]).cmp(&of(w[1])), Ordering::Less, "{} < {}", w[0], w[1]);
        }
        for (a, b) in [("1", "1.00"), ("-0", "0.000"), ("1e3", "1000"), ("+5", "05"), (".5", "0.50")] {
            assert_eq!(of(a), of(b), "{a} = {b}");
        }
        for wrong in ["", "-", ".", "abc", "1e", "1.2.3", "0x10", "NaN", "--1", "1e99999999999"] {
            assert!(!number(wrong.as_bytes(), &mut Vec::new()), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn keys_agree_with_arithmetic(a in -1_000_000_000_000i64..1_000_000_000_000, b in -1_000_000_000_000i64..1_000_000_000_000, s in 0u32..12) {
            // Both with the same number of decimals: their order is that of the integers.
            let show = |n: i64| {
                let p = 10i64.pow(s);
                format!("{}{}.{:0w$}", if n < 0 { "-" } else { "" }, n.abs() / p, n.abs() % p, w = s as usize)
            };
            proptest::prop_assert_eq!(of(&show(a)).cmp(&of(&show(b))), a.cmp(&b));
        }
    }
}
