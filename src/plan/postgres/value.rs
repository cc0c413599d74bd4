//! A plan's keys and values as its format tells them, and JSON read into them. JSON is read here and not by serde_json: servers up to
//! 12 print a key twice in one object (`Workers`), plans may be nested deeper than serde_json goes, and a plan that is nested without
//! end must not overflow the stack.

use crate::model::{Error, Result};
use std::borrow::Cow;

/// Levels of nodes in a plan, the same in all formats. A plan of a real query has some dozens; drawing, writing and dropping it are
/// recursive, and a thread's stack may hold 2 MB.
pub(super) const MAX_DEPTH: usize = 300;
/// Each node is an object in a list, with lists of its own and an object around all.
const MAX_NESTING: usize = 2 * MAX_DEPTH + 16;

/// Keys of a node with its counters.
const USUAL_KEYS: usize = 40;

/// A value of any format. Its keys and texts stay in what they were read from: they are most of a plan, and most are looked at once.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// With the number of its decimals: what is printed with two is known to half a hundredth.
    Number(f64, u8),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Object(Keys<'a>),
}

/// Keys in their order.
pub(super) type Keys<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

/// Keys and values that borrow nothing: the text, YAML and XML are put together of pieces.
pub(super) mod owned {
    pub(in crate::plan::postgres) type Value = super::Value<'static>;
    pub(in crate::plan::postgres) type Keys = super::Keys<'static>;
}

/// Takes a key out.
pub(super) fn take<'a>(keys: &mut Keys<'a>, key: &str) -> Option<Value<'a>> {
    let at = keys.iter().position(|(k, _)| k == key)?;
    Some(keys.remove(at).1)
}

/// Looks a key up.
pub(super) fn get<'k, 'a>(keys: &'k Keys<'a>, key: &str) -> Option<&'k Value<'a>> {
    keys.iter().find(|(k, _)| k == key).map(|(_, v)| v)
}

/// The error for what is nested too deep.
pub(super) fn too_deep() -> Error {
    Error::failed(format!("the plan is nested deeper than {MAX_DEPTH} nodes"))
        .hint("Explain a part of the statement by itself: a subquery, or one arm of a join.")
}

impl Value<'static> {
    /// A text that was put together.
    pub fn owned(text: impl Into<String>) -> Self {
        Value::Text(Cow::Owned(text.into()))
    }
}

impl Value<'_> {
    /// A number, also when the format printed it as text (XML, YAML).
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Number(n, _) => Some(*n),
            Value::Text(t) => t.trim().parse().ok().filter(|n: &f64| n.is_finite()),
            _ => None,
        }
    }
    /// Decimals that were printed.
    pub fn decimals(&self) -> u8 {
        match self {
            Value::Number(_, d) => *d,
            Value::Text(t) => t.trim().split_once('.').map_or(0, |(_, d)| d.len().min(9) as u8),
            _ => 0,
        }
    }
    pub fn bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            Value::Text(t) => t.trim().parse().ok(),
            _ => None,
        }
    }
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(t) => Some(t),
            _ => None,
        }
    }
    /// For people: lists with commas, objects as `key value`.
    pub fn words(&self) -> String {
        match self {
            Value::Null => String::new(),
            Value::Bool(b) => b.to_string(),
            Value::Number(n, d) => format!("{n:.*}", usize::from(*d)),
            Value::Text(t) => t.to_string(),
            Value::List(list) => list.iter().map(Value::words).collect::<Vec<_>>().join(", "),
            Value::Object(keys) => keys.iter().map(|(k, v)| format!("{k} {}", v.words())).collect::<Vec<_>>().join(", "),
        }
    }
    /// Whether it says nothing: zero, empty, false.
    pub fn is_nothing(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Bool(b) => !b,
            Value::Number(n, _) => *n == 0.0,
            Value::Text(t) => t.is_empty(),
            Value::List(list) => list.is_empty(),
            Value::Object(keys) => keys.is_empty(),
        }
    }
}

/// Digits that a float holds exactly, whatever they are.
const EXACT_DIGITS: usize = 15;
/// Powers of ten that are exact as floats.
const TENS: [f64; EXACT_DIGITS + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// A number as printed. Identifiers of 64 bits stay text: a float cannot hold them.
pub(super) fn number(text: &str) -> Option<Value<'static>> {
    match plain(text) {
        Some((n, end)) if end == text.len() => Some(n),
        _ => in_full(text),
    }
}

/// The digits at the beginning of a text, with at most one point among them and few enough for a float, and where they end.
fn plain(text: &str) -> Option<(Value<'static>, usize)> {
    let bytes = text.as_bytes();
    let first = usize::from(bytes.first() == Some(&b'-'));
    let (mut mantissa, mut at, mut point) = (0u64, first, None);
    while let Some(b) = bytes.get(at) {
        match b {
            b'0'..=b'9' => mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(b - b'0')),
            b'.' if point.is_none() && at > first => point = Some(at),
            _ => break,
        }
        at += 1;
    }
    let digits = at - first - usize::from(point.is_some());
    if digits == 0 || digits > EXACT_DIGITS {
        return None;
    }
    let decimals = point.map_or(0, |p| at - p - 1);
    // Both are exact, so their quotient is the float nearest to what is printed.
    let n = mantissa as f64 / TENS[decimals];
    Some((Value::Number(if first == 1 { -n } else { n }, decimals.min(9) as u8), at))
}

/// A number with an exponent, or with more digits than a float holds.
fn in_full(text: &str) -> Option<Value<'static>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Value::owned(text));
    }
    let value: f64 = text.parse().ok().filter(|n: &f64| n.is_finite())?;
    let decimals = match digits.split_once('.') {
        Some((_, d)) if d.bytes().all(|b| b.is_ascii_digit()) => d.len().min(9) as u8,
        _ => 0,
    };
    Some(Value::Number(value, decimals))
}

/// Adds a key. A key that comes twice: servers up to 12 print the workers of a node and of its sort in two lists.
pub(super) fn put<'a>(keys: &mut Keys<'a>, key: Cow<'a, str>, value: Value<'a>) {
    if key == "Workers"
        && let Some((_, Value::List(first))) = keys.iter_mut().find(|(k, _)| *k == key)
        && let Value::List(more) = value
    {
        for w in more {
            let Value::Object(w) = w else { continue };
            let number = get(&w, "Worker Number").and_then(Value::number);
            let same = first.iter_mut().find_map(|f| match f {
                Value::Object(f) if number.is_some() && get(f, "Worker Number").and_then(Value::number) == number => Some(f),
                _ => None,
            });
            match same {
                Some(f) => f.extend(w.into_iter().filter(|(k, _)| k != "Worker Number")),
                None => first.push(Value::Object(w)),
            }
        }
        return;
    }
    keys.push((key, value));
}

/// Reads the first JSON value of a text; what follows it is given back.
pub(super) fn json(text: &str) -> Result<(Value<'_>, &str)> {
    let mut p = Json { text, at: 0 };
    let value = p.value()?;
    Ok((value, &text[p.at..]))
}

struct Json<'a> {
    text: &'a str,
    at: usize,
}

/// A container that is not closed yet.
enum Open<'a> {
    List(Vec<Value<'a>>),
    /// With the key whose value is awaited.
    Object(Keys<'a>, Cow<'a, str>),
}

impl<'a> Json<'a> {
    fn value(&mut self) -> Result<Value<'a>> {
        // An explicit stack: the depth comes from outside.
        let mut open: Vec<Open<'a>> = Vec::new();
        loop {
            let mut done = match self.next() {
                Some(b'{') => {
                    self.at += 1;
                    if self.eat(b'}') {
                        Value::Object(Vec::new())
                    } else {
                        let key = self.key()?;
                        open.push(Open::Object(Vec::with_capacity(USUAL_KEYS), key));
                        if open.len() > MAX_NESTING {
                            return Err(too_deep());
                        }
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    if self.eat(b']') {
                        Value::List(Vec::new())
                    } else {
                        open.push(Open::List(Vec::new()));
                        if open.len() > MAX_NESTING {
                            return Err(too_deep());
                        }
                        continue;
                    }
                }
                Some(b'"') => Value::Text(self.string()?),
                Some(_) => self.word()?,
                None => return Err(self.bad("it ends in the middle")),
            };
            // A value is complete: give it to its container, and close what closes.
            loop {
                match open.last_mut() {
                    None => return Ok(done),
                    Some(Open::List(list)) => {
                        let done = std::mem::replace(&mut done, Value::Null);
                        match done {
                            Value::Text(key) if self.eat(b':') => self.key_in_a_list(&mut open, key)?,
                            item => list.push(item),
                        }
                    }
                    Some(Open::Object(keys, key)) => {
                        let value = std::mem::replace(&mut done, Value::Null);
                        put(keys, std::mem::take(key), value);
                    }
                }
                if self.eat(b',') {
                    if let Some(Open::Object(_, key)) = open.last_mut() {
                        *key = self.key()?;
                    }
                    break;
                }
                match open.pop() {
                    Some(Open::List(list)) if self.eat(b']') => done = Value::List(list),
                    Some(Open::Object(keys, _)) if self.eat(b'}') => done = Value::Object(keys),
                    Some(_) if self.next().is_none() => return Err(self.bad("it ends in the middle")),
                    _ => return Err(self.bad("a comma or a closing bracket is missing")),
                }
            }
        }
    }

    /// PostgreSQL 15 to 18 writes `"Tuples Inserted": 0` of a MERGE into the list of its target tables, where no key may stand. It
    /// belongs to the object around the list.
    fn key_in_a_list(&mut self, open: &mut [Open<'a>], key: Cow<'a, str>) -> Result<()> {
        let value = match self.next() {
            Some(b'"') => Value::Text(self.string()?),
            Some(_) => self.word()?,
            None => return Err(self.bad("it ends in the middle")),
        };
        match open {
            [.., Open::Object(keys, _), Open::List(_)] => put(keys, key, value),
            _ => return Err(self.bad("a comma or a closing bracket is missing")),
        }
        Ok(())
    }

    /// The next byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            let b = *bytes.get(self.at)?;
            if !b.is_ascii_whitespace() {
                return Some(b);
            }
            self.at += 1;
            // A third of what the server prints indents: eight spaces at a time.
            while let Some(eight) = bytes[self.at..].first_chunk::<8>() {
                let spaces = (u64::from_le_bytes(*eight) ^ u64::from_le_bytes([b' '; 8])).trailing_zeros() as usize / 8;
                self.at += spaces;
                if spaces < 8 {
                    break;
                }
            }
        }
    }

    fn eat(&mut self, b: u8) -> bool {
        let here = self.next() == Some(b);
        self.at += usize::from(here);
        here
    }

    fn key(&mut self) -> Result<Cow<'a, str>> {
        if self.next() != Some(b'"') {
            return Err(self.bad("a key is missing"));
        }
        let key = self.string()?;
        if !self.eat(b':') {
            return Err(self.bad("a colon is missing"));
        }
        Ok(key)
    }

    /// A string whose opening quote is next. Line ends within are kept: clients wrap.
    fn string(&mut self) -> Result<Cow<'a, str>> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(i) = memchr::memchr2(b'"', b'\\', rest.as_bytes()) else { return Err(self.bad("a string has no end")) };
            self.at += i + 1;
            if rest.as_bytes()[i] == b'"' {
                return Ok(if out.is_empty() { Cow::Borrowed(&rest[..i]) } else { Cow::Owned(out + &rest[..i]) });
            }
            out.push_str(&rest[..i]);
            let Some(c) = self.text[self.at..].chars().next() else { return Err(self.bad("a string has no end")) };
            self.at += c.len_utf8();
            match c {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                'b' => out.push('\u{8}'),
                'f' => out.push('\u{c}'),
                'u' => out.push(self.unicode()),
                other => out.push(other),
            }
        }
    }

    fn unicode(&mut self) -> char {
        let four = |s: &Self, at: usize| s.text.get(at..at + 4).and_then(|h| u32::from_str_radix(h, 16).ok());
        let Some(first) = four(self, self.at) else { return char::REPLACEMENT_CHARACTER };
        self.at += 4;
        if (0xd800..0xdc00).contains(&first)
            && self.text.get(self.at..self.at + 2) == Some("\\u")
            && let Some(second) = four(self, self.at + 2).filter(|s| (0xdc00..0xe000).contains(s))
        {
            self.at += 6;
            return char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
        char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn word(&mut self) -> Result<Value<'static>> {
        let rest = &self.text[self.at..];
        let goes_on = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
        if let Some((n, end)) = plain(rest)
            && !rest.as_bytes().get(end).is_some_and(goes_on)
        {
            self.at += end;
            return Ok(n);
        }
        let end = rest.bytes().position(|b| !goes_on(&b)).unwrap_or(rest.len());
        let word = &rest[..end];
        let value = match (number(word), word) {
            (Some(n), _) => n,
            (None, "true") => Value::Bool(true),
            (None, "false") => Value::Bool(false),
            (None, "null") => Value::Null,
            _ => return Err(self.bad("a value is missing")),
        };
        self.at += end;
        Ok(value)
    }

    fn bad(&self, why: &str) -> Error {
        let line = self.text[..self.at.min(self.text.len())].matches('\n').count() + 1;
        Error::failed(format!("the plan's JSON cannot be read: {why} (line {line})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_with_its_decimals_and_twice_named_workers() {
        let (v, rest) = json(
            r#" {"a": [1, 2.50, -3e2, true, null, "x\"\u00e9\ud83d\ude00"], "Workers": [{"Worker Number": 0, "t": 1}],
            "Workers": [{"Worker Number": 0, "Sort Method": "quicksort"}, {"Worker Number": 1}], "id": -7811206911240163458} tail"#,
        )
        .unwrap();
        assert_eq!(rest, " tail");
        let Value::Object(keys) = v else { panic!() };
        let list = vec![
            Value::Number(1.0, 0),
            Value::Number(2.5, 2),
            Value::Number(-300.0, 0),
            Value::Bool(true),
            Value::Null,
            Value::Text("x\"é😀".into()),
        ];
        assert_eq!(get(&keys, "a"), Some(&Value::List(list)));
        assert_eq!(get(&keys, "Workers").unwrap().words(), "Worker Number 0, t 1, Sort Method quicksort, Worker Number 1");
        assert_eq!(get(&keys, "id").unwrap().text(), Some("-7811206911240163458"));
    }

    /// What PostgreSQL 15 to 18 writes for a MERGE into several tables.
    #[test]
    fn a_key_in_a_list_belongs_to_the_object_around_it() {
        let text = r#"{"Target Tables": [{"Alias": "t_1"}, {"Alias": "t_2"}, "Tuples Inserted": 0, "Note": "x", "Tuples Updated": 150], "Node Type": "ModifyTable"}"#;
        let (Value::Object(keys), "") = json(text).unwrap() else { panic!() };
        assert_eq!(get(&keys, "Target Tables").unwrap().words(), "Alias t_1, Alias t_2");
        assert_eq!(get(&keys, "Tuples Inserted"), Some(&Value::Number(0.0, 0)));
        assert_eq!(get(&keys, "Note").unwrap().text(), Some("x"));
        assert_eq!(get(&keys, "Tuples Updated"), Some(&Value::Number(150.0, 0)));
        assert_eq!(get(&keys, "Node Type").unwrap().text(), Some("ModifyTable"));
        assert!(json(r#"["a": 1]"#).is_err());
        assert!(json(r#"{"a": ["b": [1]]}"#).is_err());
    }

    /// The quick way reads every number as the standard library does.
    #[test]
    fn numbers_are_those_of_the_standard_library() {
        let texts = [
            "0",
            "-0",
            "7",
            "-12",
            "0.000",
            "0.1",
            "3.201",
            "-1842.07",
            "123456789012345",
            "12345678901.2345",
            "99999999999999.9",
            "1.5e3",
            "0.0000000001",
        ];
        for text in texts {
            let Some(Value::Number(n, d)) = number(text) else { panic!("{text}") };
            assert_eq!(n.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
            let decimals = text.split_once('.').filter(|(_, d)| !d.contains('e')).map_or(0, |(_, d)| d.len().min(9));
            assert_eq!(usize::from(d), decimals, "{text}");
        }
        assert_eq!(number("1234567890123456"), Some(Value::owned("1234567890123456")));
        for text in ["", "-", ".5", "+1", "1x", "1.2.3", "1e999", "inf", "NaN"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_decimal_is_read_exactly(whole in 0u64..1_000_000_000_000, decimals in 0usize..6, part in 0u64..1_000_000) {
            let text = if decimals == 0 { whole.to_string() } else { format!("{whole}.{:0decimals$}", part % 10u64.pow(decimals as u32)) };
            let Some(Value::Number(n, d)) = number(&text) else { panic!("{text}") };
            proptest::prop_assert_eq!(n.to_bits(), text.parse::<f64>().unwrap().to_bits());
            proptest::prop_assert_eq!(usize::from(d), decimals);
        }
    }

    #[test]
    fn broken_json_is_an_error_that_says_where() {
        for (text, why) in [
            ("", "ends"),
            ("[1", "ends"),
            ("{\"a\" 1}", "colon"),
            ("{\"a\": \n\"x}", "string has no end (line 2)"),
            ("[1 2]", "comma"),
            ("{1: 2}", "key"),
            ("[1}", "comma"),
            ("oops", "value"),
        ] {
            let e = json(text).unwrap_err();
            assert!(e.message.contains(why), "{text}: {}", e.message);
        }
    }
}
