//! Takes the constants of the statement out of a plan: out of SQL by its tokens, out of our own sentences by the constants that the
//! statement and the plan hold.

use crate::model::Dialect;
use crate::model::plan::{Plan, PlanNode};
use crate::plan::expression::dialect_of;
use crate::sql::{TokenKind, lex, without_constants};
use std::collections::BTreeSet;

/// A figure of our sentences may be the same number as a constant. Up to here such a number is taken out beside an operator alone.
const SMALL: f64 = 10.0;
/// Bytes from which on words that stand in a constant are taken out of what a server says, where it puts no quotes round them.
const PIECE: usize = 4;
/// Words before a quote that belong to a text in SQL: `DATE'2026-01-01'`, `E'a\n'`.
const PREFIXES: [&str; 8] = ["e", "n", "b", "x", "date", "time", "timestamp", "interval"];
/// Words after which a number is a part of a condition.
const BEFORE_VALUES: [&str; 12] = ["and", "or", "between", "like", "ilike", "limit", "offset", "number", "then", "else", "when", "not"];
/// Attributes that hold SQL even where all of it is a number, by a part of their names. Others hold figures of the server's.
const HOLD_SQL: [&str; 12] =
    ["output", "filter", "cond", "key", "call", "range", "limit", "param", "sql", "query", "sampling", "repeatable"];

/// A statement with `?` in place of its constants.
pub fn statement(engine: &str, text: &str) -> String {
    without_constants(dialect_of(engine), text)
}

/// What is to be taken out.
pub struct Constants {
    dialect: Dialect,
    /// Contents of texts, the longest first.
    texts: Vec<String>,
    numbers: Vec<f64>,
}

/// What stands between the quotes of a text, as it is written and as it is meant.
fn contents(token: &str) -> Vec<String> {
    if let Some(tag) = token.strip_prefix('$').and_then(|t| t.find('$')).map(|at| &token[..at + 2]) {
        return token.strip_prefix(tag).map(|t| t.strip_suffix(tag).unwrap_or(t).to_string()).into_iter().collect();
    }
    let Some(at) = token.find(['\'', '"']) else { return vec![token.to_string()] };
    let quote = &token[at..=at];
    let inner = token[at + 1..].strip_suffix(quote).unwrap_or(&token[at + 1..]);
    let single = inner.replace(&quote.repeat(2), quote);
    let plain = single.replace('\\', "");
    let mut out = vec![inner.to_string()];
    for other in [single, plain] {
        if !out.contains(&other) {
            out.push(other);
        }
    }
    out
}

impl Constants {
    /// Those of a plan and its statement.
    pub fn of(plan: &Plan, statement: Option<&str>) -> Constants {
        let mut sql: BTreeSet<&str> = statement.into_iter().chain(plan.statement.as_deref()).collect();
        sql.extend(plan.attrs.iter().filter(|(k, v)| !figure(k, v)).map(|(_, v)| v.as_str()));
        plan.root.walk(0, &mut |_, n| {
            sql.insert(&n.raw_op);
            sql.extend(n.conditions.iter().map(|(_, v)| v.as_str()));
            sql.extend(n.attrs.iter().filter(|(k, v)| !figure(k, v)).map(|(_, v)| v.as_str()));
        });
        Constants::in_texts(dialect_of(&plan.engine), sql)
    }

    /// Those of several texts of SQL.
    pub fn in_texts<'t>(dialect: Dialect, sql: impl IntoIterator<Item = &'t str>) -> Constants {
        let mut out = Constants { dialect, texts: Vec::new(), numbers: Vec::new() };
        let mut texts = BTreeSet::new();
        for text in sql {
            for t in lex(out.dialect, text) {
                let token = &text[t.span];
                match t.kind {
                    TokenKind::String | TokenKind::Unterminated => texts.extend(contents(token)),
                    TokenKind::Number => match token.replace('_', "").parse::<f64>() {
                        Ok(n) => out.numbers.push(n),
                        // `0x534543`: text in other words.
                        Err(_) => {
                            texts.insert(token.to_string());
                        }
                    },
                    _ => {}
                }
            }
        }
        // A number in quotes may be printed without them.
        out.numbers.extend(texts.iter().filter_map(|t| t.trim().parse::<f64>().ok()).map(f64::abs));
        out.texts = texts.into_iter().filter(|t| !t.is_empty()).collect();
        out.texts.sort_by_key(|t| std::cmp::Reverse(t.len()));
        out
    }

    /// SQL without its constants.
    pub fn sql(&self, text: &str) -> String {
        without_constants(self.dialect, text)
    }

    /// A sentence of ours without constants: pieces of conditions stand in it. Its own apostrophes are no quotes, and its figures stay
    /// unless they are the number of a constant.
    pub fn prose(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let rest = &text[at..];
            let taken = if self.quotes(c) && opens(&text[..at], &rest[1..]) {
                Some(self.quoted(rest))
            } else {
                self.bare(&text[..at], rest).or_else(|| self.number(&text[..at], rest))
            };
            match taken {
                Some(n) => {
                    out.push('?');
                    at += n;
                }
                None => {
                    out.push(c);
                    at += c.len_utf8();
                }
            }
        }
        out
    }

    /// The same with values that were given for parameters: texts, and numbers.
    #[must_use]
    pub fn and<'v>(mut self, values: impl IntoIterator<Item = &'v str>) -> Constants {
        for v in values {
            self.texts.extend(contents(v).into_iter().chain([v.to_string()]).filter(|t| !t.is_empty()));
            self.numbers.extend(v.trim_matches('\'').trim().parse::<f64>().ok().map(f64::abs));
        }
        self.texts.sort_by_key(|t| std::cmp::Reverse(t.len()));
        self
    }

    /// What a server says of a statement that it refuses: constants stand in it in quotes of any kind or in none, whole or in pieces.
    /// A name that is spelled like one is taken out, too.
    pub fn refusal(&self, text: &str) -> String {
        let text = self.near(text);
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let (before, rest) = (&text[..at], &text[at..]);
            let starts = !before.ends_with(in_word);
            let whole = |t: &&String| rest.starts_with(t.as_str()) && (!t.ends_with(in_word) || !rest[t.len()..].starts_with(in_word));
            let taken = self
                .texts
                .iter()
                .filter(|t| starts || !t.starts_with(in_word))
                .find(whole)
                .map(String::len)
                .or_else(|| self.piece(before, rest))
                .or_else(|| self.run(rest).filter(|_| starts))
                .or_else(|| self.number(before, rest));
            match taken {
                Some(n) => {
                    out.push('?');
                    at += n;
                }
                None => {
                    out.push(c);
                    at += c.len_utf8();
                }
            }
        }
        out
    }

    /// Bytes of the words that begin here and stand in a constant just so: of a document servers tell the part that they did not understand.
    fn run(&self, rest: &str) -> Option<usize> {
        let common = |from: &str| -> usize {
            let same = rest.char_indices().zip(from.chars()).take_while(|((_, a), b)| a == b).map(|((at, a), _)| at + a.len_utf8());
            same.last().unwrap_or(0)
        };
        let words = |t: &'_ String| -> Vec<usize> {
            let starts = |(at, c): &(usize, char)| in_word(*c) && !t[..*at].ends_with(in_word);
            t.char_indices().filter(starts).map(|(at, _)| at).collect()
        };
        let longest = self.texts.iter().flat_map(|t| words(t).into_iter().map(|at| common(&t[at..]))).max()?;
        // Up to the end of a word, unless the server cut it off there.
        let run = &rest[..longest];
        let ends = !rest[longest..].starts_with(in_word);
        let end = if ends { longest } else { run.rfind(|c| !in_word(c)).unwrap_or(0) };
        (end >= PIECE).then_some(end)
    }

    /// MariaDB and MySQL tell the rest of the statement, cut off anywhere.
    fn near(&self, text: &str) -> String {
        let Some(from) = text.find("near '").filter(|_| self.dialect == Dialect::MySql) else { return text.to_string() };
        let to = text.rfind("' at line").filter(|to| *to > from).map_or(text.len(), |to| to + 1);
        format!("{}near ?{}", &text[..from], &text[to..])
    }

    /// Bytes of a quoted piece of a constant, or of a number that is one, without its quotes.
    fn piece(&self, before: &str, rest: &str) -> Option<usize> {
        let quote = before.chars().next_back().filter(|q| matches!(q, '"' | '\'' | '`'))?;
        let inner = &rest[..rest.find(quote)?];
        let number = || inner.parse::<f64>().is_ok_and(|n| self.numbers.contains(&n.abs()));
        (!inner.is_empty() && (number() || self.texts.iter().any(|t| t.contains(inner)))).then_some(inner.len())
    }

    fn quotes(&self, c: char) -> bool {
        c == '\'' || c == '"' && self.dialect == Dialect::MySql
    }

    /// Bytes of the quoted text that begins here: up to its end, or to where the sentence cut it off.
    fn quoted(&self, rest: &str) -> usize {
        let quote = &rest[..1];
        let inner = &rest[1..];
        // What is known may hold quotes and dots of its own.
        let common =
            |t: &String| t.char_indices().zip(inner.chars()).take_while(|((_, a), b)| a == b).map(|((_, a), _)| a.len_utf8()).sum();
        let mut end: usize = self.texts.iter().map(common).max().unwrap_or(0);
        // Cut off just where the text has such dots itself.
        if inner[..end].ends_with('…') && !self.texts.iter().any(|t| t.len() == end && inner.starts_with(t.as_str())) {
            return 1 + end;
        }
        loop {
            let left = &inner[end..];
            if let Some(more) = left.strip_prefix(quote) {
                if !more.starts_with(quote) {
                    return 1 + end + 1;
                }
                end += 2;
            } else if left.starts_with('…') {
                return 1 + end + '…'.len_utf8();
            } else {
                match left.chars().next() {
                    Some(c) => end += c.len_utf8(),
                    None => return rest.len(),
                }
            }
        }
    }

    /// A known text without its quotes. Plain words are left: they are printed in quotes where they are constants.
    fn bare(&self, before: &str, rest: &str) -> Option<usize> {
        if before.chars().next_back().is_some_and(in_word) {
            return None;
        }
        let word = |t: &str| t.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let fits = |t: &&String| {
            !word(t) && t.chars().any(char::is_alphanumeric) && rest.starts_with(t.as_str()) && !rest[t.len()..].starts_with(in_word)
        };
        self.texts.iter().find(fits).map(String::len)
    }

    /// A number that is a constant, or that the sentence cut off.
    fn number(&self, before: &str, rest: &str) -> Option<usize> {
        if !rest.starts_with(|c: char| c.is_ascii_digit()) || before.ends_with(|c: char| in_word(c) || c == '$' || c == '.') {
            return None;
        }
        if of_figure(before) {
            return None;
        }
        let mut n = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | ',' | '_'))).unwrap_or(rest.len());
        let mut token = rest[..n].trim_end_matches(['.', ',']);
        // `1e+20`
        if token.ends_with(['e', 'E']) && rest[n..].starts_with(['+', '-']) {
            n += 1 + rest[n + 1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - n - 1);
            token = &rest[..n];
        }
        if rest[token.len()..].starts_with('…') {
            return Some(token.len() + '…'.len_utf8());
        }
        let of = |token: &str| token.replace([',', '_'], "").parse::<f64>().ok();
        let known = |value: &f64| self.numbers.iter().any(|x| (x - value).abs() <= f64::EPSILON * x.abs());
        let mut value = of(token)?;
        // In a list of a condition the comma ends the number.
        if let Some((first, _)) = token.split_once(',').filter(|_| !known(&value) && before.trim_end().ends_with(['(', ',', '{', '['])) {
            (token, value) = (first, of(first)?);
        }
        if !known(&value) {
            return None;
        }
        let whole = value.fract() == 0.0 && value < SMALL;
        let listed = before.trim_end().ends_with('(');
        let last = before.trim_end().trim_end_matches('(').trim_end();
        let word: String = last.chars().rev().take_while(|c| c.is_alphabetic()).collect::<Vec<_>>().into_iter().rev().collect();
        let in_condition = last.ends_with(['=', '<', '>', '~', '+', '-', '*', '/', '%', '|', ',', '[', '{'])
            || BEFORE_VALUES.contains(&word.to_lowercase().as_str())
            || listed && word.eq_ignore_ascii_case("in")
            || rest[token.len()..].trim_start().starts_with(['=', '<', '>', ')', ']', '}', ':', '+', '*', '/', '|']);
        (!whole || in_condition).then_some(token.len())
    }
}

/// Whether a figure of ours goes on behind its comma: `read 100,000 rows`. In a list of a condition no word stands before the first number.
fn of_figure(before: &str) -> bool {
    let Some(front) = before.strip_suffix(',') else { return false };
    let sentence = front.trim_end_matches(|c: char| c.is_ascii_digit() || c == ',');
    if sentence.ends_with('×') {
        return sentence.len() < front.len();
    }
    let word = sentence.trim_end();
    let last: String = word.chars().rev().take_while(|c| c.is_alphabetic()).collect::<Vec<_>>().into_iter().rev().collect();
    sentence.len() < front.len()
        && word.len() < sentence.len()
        && !last.is_empty()
        && !BEFORE_VALUES.contains(&last.to_lowercase().as_str())
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a quote begins a text: an apostrophe stands behind a letter.
fn opens(before: &str, after: &str) -> bool {
    let word: String = before.chars().rev().take_while(|c| in_word(*c)).collect::<Vec<_>>().into_iter().rev().collect();
    if word.is_empty() {
        return true;
    }
    // `the date's`, but `DATE'2026'`.
    let possessive = after.starts_with('s') && !after[1..].starts_with(in_word);
    word.starts_with('_') || !possessive && PREFIXES.contains(&word.to_lowercase().as_str())
}

/// A figure of the server's, with or without its unit.
fn figure(name: &str, value: &str) -> bool {
    let name = name.to_lowercase();
    if HOLD_SQL.iter().any(|w| name.contains(w)) {
        return false;
    }
    let number = value.trim().trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ' || c == '%');
    number.parse::<f64>().is_ok() || matches!(value, "true" | "false" | "Memory" | "Disk")
}

/// The plan without constants: in conditions, attributes, findings. The server's own text is left out, because it is one text.
/// `statement` is what was asked, where the plan does not tell it.
pub fn redact(plan: &Plan, statement: Option<&str>) -> Plan {
    let c = Constants::of(plan, statement);
    let mut out = plan.clone();
    out.raw = String::new();
    out.statement = out.statement.map(|s| c.sql(&s));
    for (_, v) in out.attrs.iter_mut().filter(|(k, v)| !figure(k, v)) {
        *v = c.sql(v);
    }
    for r in &mut out.remarks {
        *r = c.prose(r);
    }
    for f in &mut out.findings {
        f.message = c.prose(&f.message);
        f.next = c.prose(&f.next);
        f.because = c.prose(&f.because);
        f.sql = f.sql.take().map(|s| c.sql(&s));
    }
    c.node(&mut out.root);
    out
}

impl Constants {
    fn node(&self, n: &mut PlanNode) {
        n.raw_op = self.sql(&n.raw_op);
        for (_, v) in &mut n.conditions {
            *v = self.sql(v);
        }
        for (_, v) in n.attrs.iter_mut().filter(|(k, v)| !figure(k, v)) {
            *v = self.sql(v);
        }
        for doubt in [&mut n.estimate_doubt, &mut n.time_doubt].into_iter().flatten() {
            *doubt = self.prose(doubt);
        }
        n.children.iter_mut().for_each(|c| self.node(c));
    }
}

#[cfg(test)]
mod tests;
