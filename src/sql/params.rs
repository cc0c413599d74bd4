//! Bind parameters of a statement: which there are, and the statement as its server takes it.
//!
//! `$1` is PostgreSQL's own, `?` is MySQL's, and SQLite knows `?`, `?1`, `:name`, `@name` and `$name`: those go to the server as they
//! are typed. `:name` is offered everywhere, because it is what people write down; where the server does not know it, it is sent as
//! the server's own placeholder, and only that.

mod headings;

pub use headings::Headings;

use super::classify::{Class, classify};
use super::lexer::{Token, TokenKind, lex};
use crate::model::{Dialect, Param, Reading};
use std::collections::BTreeMap;
use std::ops::Range;

/// A place where a value belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placeholder {
    /// Bytes of the statement.
    pub span: Range<usize>,
    /// What the value is asked for by: `:name`, `$1`, `?1` (also for the first bare `?`).
    pub name: String,
}

/// A statement that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// As typed, but for `:name` where the server does not know it, and for numbers with a fraction on MySQL: its protocol, as drivers have
    /// it, has no decimal values, and a text beside a number is compared and counted as a double there. They are `CAST(? AS DECIMAL(2,1))`.
    pub text: String,
    /// In the order in which the engine numbers them.
    pub params: Vec<Param>,
    /// Places where the text was changed: byte in `text` behind it, byte in the typed text behind it.
    shifts: Vec<(usize, usize)>,
    /// What the server will head columns by, and what was typed there.
    pub headings: Headings,
}

impl Bound {
    /// The byte of the typed text that a byte of the sent text stands for.
    pub fn typed(&self, at: usize) -> usize {
        let before = self.shifts.partition_point(|(sent, _)| *sent <= at);
        match before.checked_sub(1).and_then(|i| self.shifts.get(i)) {
            Some((sent, typed)) => typed + (at - sent),
            None => at,
        }
    }
}

/// The placeholders of one statement, in order. Definitions (`CREATE FUNCTION … $1`) have none that are asked for: theirs belong to
/// what is defined.
pub fn placeholders(reading: impl Into<Reading>, text: &str) -> Vec<Placeholder> {
    let reading = reading.into();
    let dialect = reading.dialect;
    let tokens = lex(reading, text);
    if !tokens.iter().any(|t| marks(dialect, text, t)) {
        return Vec::new();
    }
    let found = find(dialect, text, &tokens);
    // `:name` makes a statement unreadable for a server that does not know it, and so for the classifier: it is asked about the
    // statement as it will be sent.
    let sent = rewrite(dialect, text, &found, |_| "?".into()).text;
    match classify(dialect, &sent).class {
        Class::Read | Class::Dml => found,
        // A SELECT may set a variable besides (`@x := 1`).
        Class::Session | Class::Other if queries(&sent, dialect) => found,
        // `SELECT … INTO` is `CREATE TABLE … AS` in other words.
        Class::Ddl if fills_a_table(dialect, &sent) || queries(&sent, dialect) => found,
        Class::Ddl | Class::Transaction | Class::Session | Class::Other => Vec::new(),
    }
}

fn queries(text: &str, dialect: Dialect) -> bool {
    let tokens = lex(dialect, text);
    let first = tokens.iter().find(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment));
    let word = first.map_or("", |t| &text[t.span.clone()]);
    // `SET @a = :a`, and settings.
    if dialect == Dialect::MySql && word.eq_ignore_ascii_case("set") {
        return true;
    }
    ["select", "with", "values", "insert", "update", "delete", "replace", "call"].iter().any(|w| word.eq_ignore_ascii_case(w))
}

/// `CREATE TABLE … AS SELECT`: of all definitions the one whose query is run once, with values.
fn fills_a_table(dialect: Dialect, text: &str) -> bool {
    let words = lex(dialect, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment));
    let mut depth = 0i32;
    let mut table = false;
    for (i, t) in words.enumerate() {
        let word = text[t.span].to_ascii_lowercase();
        match word.as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            "create" if i == 0 => {}
            _ if i == 0 => return false,
            "table" if i <= 5 => table = true,
            "as" | "select" if depth == 0 => return table,
            _ => {}
        }
    }
    false
}

/// Could begin a placeholder: spares the rest of the work for the many statements that have none.
fn marks(dialect: Dialect, text: &str, t: &Token) -> bool {
    match t.kind {
        TokenKind::Parameter => dialect != Dialect::MySql || !text[t.span.clone()].starts_with('@'),
        TokenKind::Operator | TokenKind::Other => text[t.span.clone()].starts_with(':'),
        _ => false,
    }
}

fn find(dialect: Dialect, text: &str, tokens: &[Token]) -> Vec<Placeholder> {
    let mut out: Vec<Placeholder> = Vec::new();
    // Inside `[ ]` a colon separates the bounds of a slice; not in `ARRAY[ ]`, nor in those within it.
    let mut brackets: Vec<bool> = Vec::new();
    let mut before = "";
    let mut highest = 0u32;
    for (i, t) in tokens.iter().enumerate() {
        let part = &text[t.span.clone()];
        match t.kind {
            TokenKind::Punctuation if part == "[" => {
                let of_array =
                    before.eq_ignore_ascii_case("array") || matches!(before, "[" | ",") && brackets.last().is_some_and(|slices| !slices);
                brackets.push(!of_array);
            }
            TokenKind::Punctuation if part == "]" => drop(brackets.pop()),
            TokenKind::Parameter if dialect == Dialect::MySql && part.starts_with('@') => {}
            TokenKind::Parameter => {
                let number: Option<u32> = part.strip_prefix('?').and_then(|n| n.parse().ok());
                let name = match (part, number) {
                    ("?", _) => {
                        highest += 1;
                        format!("?{highest}")
                    }
                    (_, Some(n)) => {
                        highest = highest.max(n);
                        part.to_string()
                    }
                    _ => {
                        // SQLite numbers a name that is new with the next number.
                        if dialect == Dialect::Sqlite && !out.iter().any(|p| p.name == part) {
                            highest += 1;
                        }
                        part.to_string()
                    }
                };
                out.push(Placeholder { span: t.span.clone(), name });
            }
            TokenKind::Operator | TokenKind::Other if part == ":" && dialect != Dialect::Sqlite && !brackets.contains(&true) => {
                let Some(next) = tokens.get(i + 1) else { continue };
                if matches!(next.kind, TokenKind::Identifier | TokenKind::Keyword) {
                    let name = format!(":{}", &text[next.span.clone()]);
                    out.push(Placeholder { span: t.span.start..next.span.end, name });
                }
            }
            _ => {}
        }
        if !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment) {
            before = part;
        }
    }
    out
}

/// Names that values are asked for by, each once, in order.
pub fn names(found: &[Placeholder]) -> Vec<&str> {
    let mut out: Vec<&str> = Vec::new();
    for p in found {
        if !out.contains(&p.name.as_str()) {
            out.push(&p.name);
        }
    }
    out
}

/// A text as the server takes it.
struct Sent<'a> {
    text: String,
    /// The names in the order of the server's parameters; `None` is a number that stands nowhere.
    order: Vec<Option<&'a str>>,
    shifts: Vec<(usize, usize)>,
}

/// `mark` stands for a value on MySQL.
fn rewrite<'a>(dialect: Dialect, text: &str, found: &'a [Placeholder], mark: impl Fn(&str) -> String) -> Sent<'a> {
    let as_typed = |order| Sent { text: text.to_string(), order, shifts: Vec::new() };
    match dialect {
        Dialect::Sqlite => {
            let mut order: Vec<Option<&str>> = Vec::new();
            for p in found {
                if let Some(n) = p.name.strip_prefix('?').and_then(|n| n.parse::<usize>().ok()).filter(|n| (1..=32_766).contains(n)) {
                    if order.len() < n {
                        order.resize(n, None);
                    }
                    order[n - 1] = Some(&p.name);
                } else if !order.contains(&Some(p.name.as_str())) {
                    order.push(Some(&p.name));
                }
            }
            as_typed(order)
        }
        // Only numbers, and none left out: as typed.
        Dialect::Postgres if dense(found) => {
            let most = found.iter().filter_map(number).max().unwrap_or(0);
            let named = |n: usize| found.iter().find(|p| number(p) == Some(n)).map(|p| p.name.as_str());
            as_typed((1..=most).map(named).collect())
        }
        Dialect::Postgres | Dialect::MySql => {
            let (mut out, mut order, mut shifts) = (String::with_capacity(text.len()), Vec::new(), Vec::new());
            let mut from = 0;
            for p in found {
                out.push_str(&text[from..p.span.start]);
                if dialect == Dialect::MySql {
                    order.push(Some(p.name.as_str()));
                    out.push_str(&mark(&p.name));
                } else {
                    let at = order.iter().position(|n| *n == Some(p.name.as_str())).unwrap_or_else(|| {
                        order.push(Some(p.name.as_str()));
                        order.len() - 1
                    });
                    out.push_str(&format!("${}", at + 1));
                }
                from = p.span.end;
                shifts.push((out.len(), from));
            }
            out.push_str(&text[from..]);
            Sent { text: out, order, shifts }
        }
    }
}

fn number(p: &Placeholder) -> Option<usize> {
    p.name.strip_prefix('$').and_then(|n| n.parse().ok())
}

fn dense(found: &[Placeholder]) -> bool {
    let mut numbers: Vec<usize> = Vec::new();
    for p in found {
        match number(p) {
            Some(n) => numbers.push(n),
            None => return false,
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    numbers.iter().enumerate().all(|(i, n)| *n == i + 1)
}

/// The statement with its values; the name of the first one that is missing otherwise. Values of other names are left out.
pub fn bind(reading: impl Into<Reading>, text: &str, values: &BTreeMap<String, Param>) -> Result<Bound, String> {
    let reading = reading.into();
    put(reading.dialect, text, &placeholders(reading, text), values)
}

/// Like [`bind`], for a statement that was made from a part of `whole`, such as the SELECT of the rows that it changes: a bare `?` in
/// the part stands for the value of the same `?` in the whole. `part` makes the one from the other, copying placeholders as they are.
pub fn bind_part<T, E>(
    dialect: Dialect,
    whole: &str,
    values: &BTreeMap<String, Param>,
    part: impl FnOnce(&str) -> Result<(String, T), E>,
) -> Result<Result<(Bound, T), String>, E> {
    // A name for each bare `?`: the part must not count them anew.
    let (mut named, mut values) = (String::with_capacity(whole.len()), values.clone());
    let mut from = 0;
    for p in placeholders(dialect, whole) {
        if &whole[p.span.clone()] != "?" {
            continue;
        }
        named.push_str(&whole[from..p.span.start]);
        let name = if dialect == Dialect::Sqlite { p.name.clone() } else { format!(":value_{}", &p.name[1..]) };
        named.push_str(&name);
        from = p.span.end;
        if let Some(v) = values.get(&p.name).cloned() {
            values.insert(name, v);
        }
    }
    named.push_str(&whole[from..]);
    let (text, rest) = part(&named)?;
    let found = find(dialect, &text, &lex(dialect, &text));
    Ok(put(dialect, &text, &found, &values).map(|b| (b, rest)))
}

fn put(dialect: Dialect, text: &str, found: &[Placeholder], values: &BTreeMap<String, Param>) -> Result<Bound, String> {
    let sent = rewrite(dialect, text, found, |name| {
        let decimal = match values.get(name) {
            Some(Param::Number(n)) => decimal(n).filter(|_| dialect == Dialect::MySql),
            _ => None,
        };
        decimal.map_or_else(|| "?".into(), |(digits, scale)| format!("CAST(? AS DECIMAL({digits},{scale}))"))
    });
    let mut params = Vec::with_capacity(sent.order.len());
    for name in sent.order {
        params.push(match name {
            Some(name) => match values.get(name).ok_or_else(|| name.to_string())? {
                Param::Number(n) => Param::Literal(n.clone()),
                value => value.clone(),
            },
            // SQLite counts up to the highest number, also over ones that are not there.
            None => Param::Null,
        });
    }
    let mut bound = Bound { text: sent.text, params, shifts: sent.shifts, headings: Headings::default() };
    bound.headings = Headings::of(dialect, &bound, text);
    Ok(bound)
}

/// Digits, and those behind the point, of a number that no integer of 64 bits is: as MySQL's DECIMAL takes them (65 and 30 at most).
fn decimal(n: &str) -> Option<(usize, usize)> {
    if n.parse::<i64>().is_ok() || n.parse::<u64>().is_ok() {
        return None;
    }
    let (whole, fraction) = n.trim_start_matches('-').split_once('.').unwrap_or((n.trim_start_matches('-'), ""));
    // 0.5 is a DECIMAL(2,1) where it is written.
    let digits = whole.trim_start_matches('0').len().max(1) + fraction.len();
    Some((digits, fraction.len())).filter(|(digits, scale)| *digits <= 65 && *scale <= 30)
}

/// The statement with each value written in its place as a literal: for EXPLAIN, which takes no parameters, and never to be run.
pub fn inline(dialect: Dialect, text: &str, values: &BTreeMap<String, Param>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for p in placeholders(dialect, text) {
        out.push_str(&text[from..p.span.start]);
        match values.get(&p.name) {
            None => return Err(p.name),
            Some(value) => out.push_str(&literal(dialect, value)),
        }
        from = p.span.end;
    }
    out.push_str(&text[from..]);
    Ok(out)
}

/// A literal of the dialect. In PostgreSQL `E''` is used where a backslash is in the text, whatever standard_conforming_strings says;
/// in MySQL a backslash is doubled, and a server under NO_BACKSLASH_ESCAPES then sees two.
pub fn literal(dialect: Dialect, value: &Param) -> String {
    match value {
        Param::Null => "NULL".into(),
        // In brackets: `1 - -2`, not `1 --2`.
        Param::Number(n) | Param::Literal(n) if n.starts_with('-') => format!("({n})"),
        Param::Number(n) | Param::Literal(n) => n.clone(),
        Param::Text(t) if dialect == Dialect::Postgres && t.contains('\\') => {
            format!("E{}", dialect.quote_literal(&t.replace('\\', "\\\\")))
        }
        Param::Text(t) => dialect.quote_literal(t),
        Param::Bytes(b) if dialect == Dialect::Postgres => format!("'\\x{}'", hex::encode(b)),
        Param::TextBytes(b) if dialect == Dialect::Postgres => {
            let bytes: String = b.iter().map(|b| format!("\\x{b:02x}")).collect();
            format!("E'{bytes}'")
        }
        Param::TextBytes(b) if dialect == Dialect::Sqlite => format!("CAST(X'{}' AS TEXT)", hex::encode(b)),
        Param::Bytes(b) | Param::TextBytes(b) => format!("X'{}'", hex::encode(b)),
    }
}

/// What somebody typed for a value: `NULL` is no value, `'…'` is the text between the quotes, a number is a number, and everything
/// else is the text itself. `true` and `false` are numbers where SQL says so: as texts MySQL and SQLite would compare them with numbers
/// as other values than meant, and say nothing.
pub fn typed_value(dialect: Dialect, typed: &str) -> Param {
    let t = typed.trim();
    if dialect != Dialect::Postgres
        && let Some(truth) = truth(t)
    {
        return Param::Number(truth.into());
    }
    if t.eq_ignore_ascii_case("null") {
        return Param::Null;
    }
    if t.len() >= 2 && t.starts_with('\'') && t.ends_with('\'') {
        return Param::Text(t[1..t.len() - 1].replace("''", "'"));
    }
    let digits = t.strip_prefix('-').unwrap_or(t);
    let whole = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let decimal = match digits.split_once('.') {
        None => whole(digits),
        Some((a, b)) => (a.is_empty() || whole(a)) && whole(b),
    };
    // 007 is a text that somebody means as it is: an account, a post code.
    let padded = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if decimal && !padded { Param::Number(t.to_string()) } else { Param::Text(typed.to_string()) }
}

/// `true` and `false` as MySQL and SQLite have them.
pub fn truth(word: &str) -> Option<&'static str> {
    match word {
        w if w.eq_ignore_ascii_case("true") => Some("1"),
        w if w.eq_ignore_ascii_case("false") => Some("0"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{MySql, Postgres, Sqlite};

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, Param> {
        pairs.iter().map(|(n, v)| (n.to_string(), Param::Text(v.to_string()))).collect()
    }
    fn found(d: Dialect, text: &str) -> Vec<String> {
        placeholders(d, text).into_iter().map(|p| p.name).collect()
    }

    #[test]
    fn placeholders_are_found_where_the_dialect_has_them() {
        for (d, text, names) in [
            (Postgres, "select $1, $2, $1", vec!["$1", "$2", "$1"]),
            (Postgres, "select :id::int, 'a :b', a[1:2], \":c\" -- :d", vec![":id"]),
            (Postgres, "select a ? 'b' from t", vec![]),
            (Postgres, "select $$ :a $1 $$", vec![]),
            (Postgres, "update t set a = :from where b = :b", vec![":from", ":b"]),
            (Postgres, "create function f(int) returns int language sql begin atomic select $1; end", vec![]),
            (Postgres, "prepare p as select $1", vec![]),
            (MySql, "select ?, :a, @v, ?", vec!["?1", ":a", "?2"]),
            (MySql, "select '?' , `?`", vec![]),
            (MySql, "set @a := 1", vec![]),
            (MySql, "select :a as a, @x := 1 as d", vec![":a"]),
            (Sqlite, "select ?, ?5, ?, :a, @b, $c", vec!["?1", "?5", "?6", ":a", "@b", "$c"]),
            (Sqlite, "select x'00', [?]", vec![]),
        ] {
            assert_eq!(found(d, text), names, "{text}");
        }
    }

    #[test]
    fn what_the_server_knows_is_sent_as_typed() {
        let v = values(&[("$1", "a"), ("$2", "b"), ("?1", "a"), ("?2", "b"), (":n", "n")]);
        for (d, text, params) in [
            (Postgres, "select $2, $1 /* $3 */", vec!["a", "b"]),
            (MySql, "select ?, ?", vec!["a", "b"]),
            (Sqlite, "select ?2, :n, ?1", vec!["a", "b", "n"]),
        ] {
            let b = bind(d, text, &v).unwrap();
            assert_eq!(b.text, text);
            assert_eq!(b.params, params.into_iter().map(|p| Param::Text(p.into())).collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn names_become_the_servers_own_placeholders_and_places_find_back() {
        let v = values(&[(":id", "7"), (":name", "x")]);
        let b = bind(Postgres, "select :id, :name, :id, oops", &v).unwrap();
        assert_eq!(b.text, "select $1, $2, $1, oops");
        assert_eq!(b.params.len(), 2);
        assert_eq!(b.typed(b.text.find("oops").unwrap()), "select :id, :name, :id, ".len());
        assert_eq!(b.typed(3), 3);
        let b = bind(MySql, "select :id, :name, :id", &v).unwrap();
        assert_eq!((b.text.as_str(), b.params.len()), ("select ?, ?, ?", 3));
        // A part of a statement, where a number is left out.
        let b = bind(Postgres, "select * from t where a = $2", &values(&[("$1", "a"), ("$2", "b")])).unwrap();
        assert_eq!((b.text.as_str(), b.params), ("select * from t where a = $1", vec![Param::Text("b".into())]));
        assert_eq!(bind(Postgres, "select :other", &v), Err(":other".into()));
    }

    #[test]
    fn a_part_of_a_statement_keeps_its_values() {
        let v = values(&[("?1", "new"), ("?2", "old"), ("$1", "new"), ("$2", "old"), (":a", "new"), (":b", "old")]);
        for (d, whole, part) in [
            (MySql, "update t set x = ? where y = ?", "select * from t where y = ?"),
            (Sqlite, "update t set x = ? where y = ?", "select * from t where y = ?2"),
            (Postgres, "update t set x = $1 where y = $2", "select * from t where y = $1"),
            (Postgres, "update t set x = :a where y = :b", "select * from t where y = $1"),
        ] {
            let cut = |s: &str| Ok::<_, ()>((format!("select * from t{}", &s[s.find(" where").unwrap()..]), ()));
            let (bound, ()) = bind_part(d, whole, &v, cut).unwrap().unwrap();
            assert_eq!(bound.text, part);
            assert_eq!(bound.params.last(), Some(&Param::Text("old".into())), "{whole}");
        }
    }

    #[test]
    fn literals_stand_for_values_in_plans() {
        let mut v = values(&[(":a", "it's"), (":b", "c:\\x")]);
        v.insert(":n".into(), Param::Number("-2".into()));
        assert_eq!(inline(Postgres, "select :a, :b, 1-:n", &v).unwrap(), "select 'it''s', E'c:\\\\x', 1-(-2)");
        assert_eq!(inline(MySql, "select :b", &v).unwrap(), "select 'c:\\\\x'");
        assert_eq!(inline(Sqlite, "select :b", &v).unwrap(), "select 'c:\\x'");
    }

    #[test]
    fn typed_values_mean_what_people_mean() {
        for (typed, value) in [
            ("42", Param::Number("42".into())),
            ("-1.50", Param::Number("-1.50".into())),
            ("007", Param::Text("007".into())),
            ("0.5", Param::Number("0.5".into())),
            ("-.5", Param::Number("-.5".into())),
            ("5.", Param::Text("5.".into())),
            ("+49", Param::Text("+49".into())),
            ("'42'", Param::Text("42".into())),
            ("'it''s'", Param::Text("it's".into())),
            ("NULL", Param::Null),
            ("'NULL'", Param::Text("NULL".into())),
            ("", Param::Text(String::new())),
            ("2026-11-21", Param::Text("2026-11-21".into())),
            ("1e5", Param::Text("1e5".into())),
            (" x ", Param::Text(" x ".into())),
        ] {
            assert_eq!(typed_value(Postgres, typed), value, "{typed}");
        }
        let number = |n: &str| Param::Number(n.into());
        assert_eq!((typed_value(MySql, "True"), typed_value(Sqlite, "false")), (number("1"), number("0")));
        assert_eq!((typed_value(Postgres, "true"), typed_value(MySql, "'true'")), (Param::Text("true".into()), Param::Text("true".into())));
    }

    proptest::proptest! {
        #[test]
        fn binding_never_panics_and_names_every_place(text in "(select|:[a-c]|\\$[1-3]|\\?[0-9]?|'[^']{0,3}'|[ ,()\\[\\]]|é|--|/\\*){0,20}") {
            for d in [Postgres, MySql, Sqlite] {
                let found = placeholders(d, &text);
                let v: BTreeMap<String, Param> = found.iter().map(|p| (p.name.clone(), Param::Null)).collect();
                let b = bind(d, &text, &v).expect("every name has a value");
                for at in 0..=b.text.len() {
                    proptest::prop_assert!(b.typed(at) <= text.len());
                }
                inline(d, &text, &v).expect("every name has a value");
            }
        }
    }
}
