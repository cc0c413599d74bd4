//! What a column holds: counts, smallest and largest, sum, lengths, and what is most frequent.

use super::{Pass, exact};
use crate::model::{Cell, Result};
use crate::text::cell_line;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Different values that are told apart: with their counts about 20 MB.
pub const DISTINCT: usize = 200_000;
/// Values that are named as the most frequent.
const FREQUENT: usize = 10;
/// Bytes of a value that are compared and shown.
const SHOWN: usize = 256;
/// Longer values are known by their hash.
const SHORT: usize = 32;

/// What a column holds. Values are cleaned for the screen and cut at 256 bytes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statistics {
    /// Rows that were looked at.
    pub rows: u64,
    pub nulls: u64,
    /// Text of no characters, which is not NULL.
    pub empty: u64,
    /// Different values, NULL aside; at least so many when `all_distinct` is false.
    pub distinct: u64,
    pub all_distinct: bool,
    pub numbers: Option<Numbers>,
    /// First and last of the values that are text, by the codes of their characters.
    pub texts: Option<(String, String)>,
    /// Fewest and most characters of text, with such a value.
    pub lengths: Option<((u64, String), (u64, String))>,
    /// Fewest and most bytes of binary values.
    pub bytes: Option<(u64, u64)>,
    /// Most frequent first, with how often. Of the first [`DISTINCT`] different values where there are more.
    pub frequent: Vec<(String, u64)>,
}

/// What the numbers of a column are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Numbers {
    pub count: u64,
    pub min: String,
    pub max: String,
    /// Decimal text.
    pub sum: String,
    pub mean: String,
    /// Sum and mean are no rounded figures of floating point.
    pub exact: bool,
}

/// At most as many bytes as are compared and shown; characters stay whole.
pub fn clip(cell: Cell<'_>) -> Cell<'_> {
    let cut = |b: &[u8]| {
        let mut end = b.len().min(SHOWN);
        while end < b.len() && end > 0 && b[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        end
    };
    match cell {
        Cell::Text(b) => Cell::Text(&b[..cut(b)]),
        Cell::Number(b) => Cell::Number(&b[..cut(b)]),
        Cell::Binary(b) => Cell::Binary(&b[..b.len().min(SHOWN)]),
        Cell::Null => Cell::Null,
    }
}

/// A value for the screen, with `…` where it was cut.
fn shown(cell: Cell<'_>) -> String {
    let cut = match (cell, clip(cell)) {
        (Cell::Text(a) | Cell::Number(a) | Cell::Binary(a), Cell::Text(b) | Cell::Number(b) | Cell::Binary(b)) => a.len() > b.len(),
        _ => false,
    };
    let mut out = cell_line(clip(cell)).unwrap_or_default();
    if cut {
        out.push('…');
    }
    out
}

/// A value's name among the different ones: short ones themselves, long ones by length and hash.
fn name(cell: Cell<'_>) -> Option<Box<[u8]>> {
    let (tag, bytes) = match cell {
        Cell::Null => return None,
        Cell::Text(b) => (0u8, b),
        Cell::Number(b) => (1, b),
        Cell::Binary(b) => (2, b),
    };
    let mut out = Vec::with_capacity(SHORT + 9);
    if bytes.len() <= SHORT {
        out.push(tag);
        out.extend_from_slice(bytes);
    } else {
        out.push(tag + 8);
        out.extend_from_slice(&Sha256::digest(bytes));
    }
    Some(out.into_boxed_slice())
}

/// How often a value came; long ones with what is shown of them.
struct Seen {
    times: u64,
    shown: Option<Box<str>>,
}

#[derive(Default)]
struct Adding {
    count: u64,
    min: Option<(Box<[u8]>, f64)>,
    max: Option<(Box<[u8]>, f64)>,
    /// `None` once a number did not fit.
    sum: Option<i128>,
    /// With what rounding took away from it.
    about: f64,
    lost: f64,
}

impl Adding {
    fn add(&mut self, text: &[u8]) {
        let Some(value) = std::str::from_utf8(text).ok().and_then(|s| s.trim().parse::<f64>().ok()) else { return };
        let units = exact::parse(text);
        self.sum = if self.count == 0 { units } else { self.sum.zip(units).and_then(|(a, b)| a.checked_add(b)) };
        self.count += 1;
        // Kahan's summation.
        let next = value - self.lost;
        let sum = self.about + next;
        self.lost = (sum - self.about) - next;
        self.about = sum;
        let less = |a: &(Box<[u8]>, f64), b: &[u8], v: f64| match (exact::parse(&a.0), exact::parse(b)) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => a.1.total_cmp(&v),
        };
        if self.min.as_ref().is_none_or(|m| less(m, text, value).is_gt()) {
            self.min = Some((text.into(), value));
        }
        if self.max.as_ref().is_none_or(|m| less(m, text, value).is_lt()) {
            self.max = Some((text.into(), value));
        }
    }

    fn told(self) -> Option<Numbers> {
        let (min, max) = (self.min?.0, self.max?.0);
        let written = |b: &[u8]| cell_line(clip(Cell::Number(b))).unwrap_or_default();
        let (sum, mean, exact) = match self.sum.and_then(|s| Some((exact::show(s), exact::mean(s, self.count)?))) {
            Some((sum, mean)) => (sum, mean, true),
            None => (format!("{}", self.about), format!("{}", self.about / self.count as f64), false),
        };
        Some(Numbers { count: self.count, min: written(&min), max: written(&max), sum, mean, exact })
    }
}

/// One pass over the column.
pub(super) fn of(pass: &Pass<'_>) -> Result<Statistics> {
    let mut out = Statistics { all_distinct: true, ..Statistics::default() };
    let mut seen: HashMap<Box<[u8]>, Seen> = HashMap::new();
    let mut adding = Adding::default();
    let mut first: Option<Vec<u8>> = None;
    let mut last: Option<Vec<u8>> = None;
    pass.each("statistics", |_, cell, _| {
        out.rows += 1;
        match cell {
            Cell::Null => out.nulls += 1,
            Cell::Number(b) => adding.add(b),
            Cell::Binary(b) => {
                let n = b.len() as u64;
                let (min, max) = out.bytes.unwrap_or((n, n));
                out.bytes = Some((min.min(n), max.max(n)));
            }
            Cell::Text(b) => {
                out.empty += u64::from(b.is_empty());
                let head = match clip(cell) {
                    Cell::Text(head) => head,
                    _ => b,
                };
                if first.as_deref().is_none_or(|f| head < f) {
                    first = Some(head.to_vec());
                }
                if last.as_deref().is_none_or(|l| head > l) {
                    last = Some(head.to_vec());
                }
                // Continuation bytes are no characters of their own.
                let n = b.iter().filter(|b| **b & 0xc0 != 0x80).count() as u64;
                match &mut out.lengths {
                    None => out.lengths = Some(((n, shown(cell)), (n, shown(cell)))),
                    Some((short, _)) if n < short.0 => *short = (n, shown(cell)),
                    Some((_, long)) if n > long.0 => *long = (n, shown(cell)),
                    Some(_) => {}
                }
            }
        }
        let Some(name) = name(cell) else { return };
        let room = seen.len() < DISTINCT;
        match seen.get_mut(&name) {
            Some(s) => s.times += 1,
            None if room => {
                let long = name[0] >= 8;
                seen.insert(name, Seen { times: 1, shown: long.then(|| shown(cell).into_boxed_str()) });
            }
            None => out.all_distinct = false,
        }
    })?;
    out.distinct = seen.len() as u64;
    out.numbers = adding.told();
    let line = |b: Vec<u8>| cell_line(Cell::Text(&b)).unwrap_or_default();
    out.texts = first.zip(last).map(|(a, b)| (line(a), line(b)));
    let mut all: Vec<(Box<[u8]>, Seen)> = seen.into_iter().collect();
    let often = |a: &(Box<[u8]>, Seen), b: &(Box<[u8]>, Seen)| b.1.times.cmp(&a.1.times).then_with(|| a.0.cmp(&b.0));
    if all.len() > FREQUENT {
        all.select_nth_unstable_by(FREQUENT, often);
        all.truncate(FREQUENT);
    }
    all.sort_unstable_by(often);
    out.frequent = all
        .into_iter()
        .map(|(name, s)| {
            let words = match (s.shown, name.split_first()) {
                (Some(shown), _) => shown.into_string(),
                (None, Some((2, bytes))) => cell_line(Cell::Binary(bytes)).unwrap_or_default(),
                (None, Some((_, bytes))) => cell_line(Cell::Text(bytes)).unwrap_or_default(),
                (None, None) => String::new(),
            };
            (words, s.times)
        })
        .collect();
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::tests::statistics;
    use super::*;

    #[test]
    fn numbers_are_compared_and_added_as_numbers() {
        let s = statistics(&[
            Cell::Number(b"9"),
            Cell::Number(b"10"),
            Cell::Null,
            Cell::Number(b"-0.10"),
            Cell::Number(b"0.20"),
            Cell::Number(b"10"),
        ]);
        let n = s.numbers.unwrap();
        assert_eq!((n.count, n.min.as_str(), n.max.as_str()), (5, "-0.10", "10"));
        assert_eq!((n.sum.as_str(), n.mean.as_str(), n.exact), ("29.1", "5.82", true));
        assert_eq!((s.rows, s.nulls, s.distinct, s.all_distinct), (6, 1, 4, true));
        assert_eq!(s.frequent[0], ("10".into(), 2));
        // Beyond what floating point tells apart.
        let s = statistics(&[Cell::Number(b"9007199254740993"), Cell::Number(b"9007199254740992")]);
        let n = s.numbers.unwrap();
        assert_eq!((n.min.as_str(), n.max.as_str(), n.sum.as_str()), ("9007199254740992", "9007199254740993", "18014398509481985"));
        let n = statistics(&[Cell::Number(b"1e30"), Cell::Number(b"2")]).numbers.unwrap();
        assert_eq!((n.exact, n.min.as_str(), n.max.as_str()), (false, "2", "1e30"));
    }

    #[test]
    fn null_and_empty_text_are_two_things() {
        let s = statistics(&[Cell::Null, Cell::Text(b""), Cell::Text("größe".as_bytes()), Cell::Text(b""), Cell::Null, Cell::Null]);
        assert_eq!((s.nulls, s.empty, s.distinct), (3, 2, 2));
        assert_eq!(s.lengths, Some(((0, String::new()), (5, "größe".into()))));
        assert_eq!(s.texts, Some((String::new(), "größe".into())));
        assert!(s.numbers.is_none());
        let none = statistics(&[]);
        assert_eq!((none.rows, none.frequent.len(), none.texts), (0, 0, None));
    }

    #[test]
    fn what_cells_hold_cannot_reach_the_terminal() {
        let long = [b"x".repeat(5000), b"\x1b[2J".to_vec()].concat();
        let s = statistics(&[Cell::Text(b"\x1b]52;c;AA\x07\0\xff"), Cell::Text(&long), Cell::Text(&long), Cell::Binary(b"\0\x1b")]);
        let all = format!("{:?}", s);
        assert!(!all.contains('\x1b') && !all.contains("\\u{1b}"), "{all}");
        assert_eq!(s.frequent[0].1, 2, "equal long values are one");
        assert!(s.frequent[0].0.ends_with('…') && s.frequent[0].0.len() < 300);
        assert_eq!(s.bytes, Some((2, 2)));
    }

    #[test]
    fn too_many_different_values_are_said_to_be_more() {
        let values: Vec<String> = (0..DISTINCT + 5).map(|i| i.to_string()).collect();
        let cells: Vec<Cell<'_>> = values.iter().map(|v| Cell::Number(v.as_bytes())).collect();
        let s = statistics(&cells);
        assert_eq!((s.distinct, s.all_distinct), (DISTINCT as u64, false));
        assert_eq!(s.numbers.unwrap().max, (DISTINCT + 4).to_string());
    }
}
