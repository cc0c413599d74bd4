//! Tokens with their spans; every byte of the input belongs to exactly one token.
//!
//! The rules are those of the servers' own scanners, because the classifier is only as good as the agreement between the
//! two: where a comment or a string ends for the server, it must end here. Lexing is one linear pass (well over
//! 50 MB/s in a release build); an editor keeps its tokens and calls [`relex`] after an edit.

use super::keywords;
use crate::model::{Dialect, Reading};
use std::ops::Range;

/// What a token is, as far as colouring, splitting and classifying need it.
///
/// For colouring: `Keyword`, `String`, `Number`, `Comment`, `Parameter` and `QuotedIdentifier` each have a colour of their
/// own; `Operator`, `Punctuation` and `Semicolon` may share a faint one; `Unterminated` is drawn like an error that is not
/// yet one (the user is still typing); the others are plain text. A token may span lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    Whitespace,
    /// `-- …`, `# …` (MySQL), `/* … */` nested where the dialect nests. Not MySQL's `/*! … */`: that is code.
    Comment,
    /// A word that is a keyword of the dialect.
    Keyword,
    /// A word that is not: a name, a function, a type.
    Identifier,
    /// `"name"`, `` `name` ``, `[name]` (SQLite).
    QuotedIdentifier,
    /// Any string literal, dollar-quoted ones too, with its prefix (`E'…'`, `X'…'`).
    String,
    Number,
    /// `$1`, `?`, `:name`, `@var`.
    Parameter,
    /// Operators; in MySQL also the brackets of a version comment, `/*!50003` and `*/`, whose inside is lexed as code.
    Operator,
    /// `( ) [ ] , .`
    Punctuation,
    /// `;`
    Semicolon,
    /// A string, a quoted name or a comment that the text ends in.
    Unterminated,
    /// Any other character.
    Other,
}

/// A token: its kind and its bytes in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    pub span: Range<usize>,
}

/// All tokens of `text`, whitespace and comments included: their spans tile the text.
pub fn lex(reading: impl Into<Reading>, text: &str) -> Vec<Token> {
    lex_as(reading.into(), text)
}

/// The token lists that servers with other settings for strings would see.
pub(super) fn other_readings(dialect: Dialect, text: &str) -> Vec<Vec<Token>> {
    let others = match dialect {
        Dialect::Postgres => vec![Reading::postgres(false)],
        Dialect::MySql => vec![Reading::mysql("NO_BACKSLASH_ESCAPES"), Reading::mysql("ANSI_QUOTES")],
        Dialect::Sqlite => Vec::new(),
    };
    others.into_iter().map(|r| lex_as(r, text)).collect()
}

/// Two sessions that read texts so and so see different statements in this one.
pub fn reads_otherwise(one: Reading, other: Reading, text: &str) -> bool {
    one != other && text.contains('\\') && lex_as(one, text) != lex_as(other, text)
}

fn lex_as(reading: Reading, text: &str) -> Vec<Token> {
    let mut lexer = Lexer::new(reading, text);
    let mut out = Vec::with_capacity(text.len() / 4 + 1);
    // Indices of the open version comments; those never closed become `Unterminated`.
    let mut open = Vec::new();
    while let Some(token) = lexer.next_token() {
        match lexer.version_depth.cmp(&open.len()) {
            std::cmp::Ordering::Greater => open.push(out.len()),
            std::cmp::Ordering::Less => drop(open.pop()),
            std::cmp::Ordering::Equal => {}
        }
        out.push(token);
    }
    for i in open {
        if let Some(token) = out.get_mut(i) {
            let token: &mut Token = token;
            token.kind = TokenKind::Unterminated;
        }
    }
    out
}

/// Brings `tokens` of an older text up to `text`, in which the bytes `edited` (in the older text) were replaced so that
/// they now end at `new_end`. Lexes again from just before the edit until the old tokens fit again; the result is always
/// what [`lex`] would give.
pub fn relex(reading: impl Into<Reading>, tokens: &mut Vec<Token>, text: &str, edited: Range<usize>, new_end: usize) {
    let reading = reading.into();
    let old_len = tokens.last().map_or(0, |t| t.span.end);
    let fits = edited.start <= edited.end && edited.end <= old_len && new_end >= edited.start && new_end <= text.len();
    // A version comment makes `*/` depend on what stands far before it; MySQL text that has one, or had one here, is lexed anew.
    let version =
        reading.dialect == Dialect::MySql && (text.contains("/*") && text.contains('!') || fits && opens_version(tokens, &edited));
    if !fits || text.len() + edited.end != old_len + new_end || version {
        *tokens = lex(reading, text);
        return;
    }
    // The edit may join with the token before it, and a string may continue after blanks and comments (PostgreSQL).
    let mut keep = tokens.partition_point(|t| t.span.end < edited.start);
    let mut words = 0;
    while keep > 0 && words < 2 {
        keep -= 1;
        if !matches!(tokens[keep].kind, TokenKind::Whitespace | TokenKind::Comment) {
            words += 1;
        }
    }
    let mut lexer = Lexer::new(reading, text);
    lexer.pos = tokens.get(keep).map_or(old_len, |t| t.span.start);
    if !text.is_char_boundary(lexer.pos) || lexer.pos > edited.start {
        *tokens = lex(reading, text);
        return;
    }
    let mut fresh = Vec::new();
    let mut old = keep;
    while let Some(token) = lexer.next_token() {
        let at = token.span.start;
        if at > new_end {
            // The same place in the older text.
            let was = at - new_end + edited.end;
            while tokens.get(old).is_some_and(|t| t.span.start < was) {
                old += 1;
            }
            // Two equal tokens in a row, so that no look-ahead reaches over the seam.
            if tokens.get(old).is_some_and(|t| t.span.start == was && t.kind == token.kind && t.span.len() == token.span.len())
                && token.kind != TokenKind::Whitespace
            {
                let shift = |t: Token| Token { kind: t.kind, span: t.span.start - edited.end + new_end..t.span.end - edited.end + new_end };
                let tail: Vec<Token> = tokens.drain(old..).map(shift).collect();
                tokens.truncate(keep);
                tokens.extend(fresh);
                tokens.extend(tail);
                return;
            }
        }
        fresh.push(token);
    }
    tokens.truncate(keep);
    tokens.extend(fresh);
}

/// Whether the edit touched a token that may be MySQL's `/*!`: an operator of three bytes or more.
fn opens_version(tokens: &[Token], edited: &Range<usize>) -> bool {
    let first = tokens.partition_point(|t| t.span.end <= edited.start);
    let mut touched = tokens[first..].iter().take_while(|t| t.span.start < edited.end.max(edited.start + 1));
    touched.any(|t| t.kind == TokenKind::Operator && t.span.len() >= 3)
}

/// The scanner: gives one token at a time from `pos`, which the splitter may set (to just behind a DELIMITER).
pub(super) struct Lexer<'a> {
    dialect: Dialect,
    text: &'a str,
    bytes: &'a [u8],
    pub(super) pos: usize,
    /// How many `/*!` are open (MySQL).
    pub(super) version_depth: usize,
    /// Changes with the session, for what comes next.
    pub(super) reading: Reading,
}

/// A byte that may stand inside a word of any dialect.
fn word_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'$' || b >= 0x80
}

fn word_start(b: u8) -> bool {
    b.is_ascii_alphabetic() || b == b'_' || b >= 0x80
}

const PG_OPERATOR: &[u8] = b"+-*/<>=~!@#%^&|`?";

impl<'a> Lexer<'a> {
    pub(super) fn new(reading: Reading, text: &'a str) -> Self {
        Lexer { dialect: reading.dialect, text, bytes: text.as_bytes(), pos: 0, version_depth: 0, reading }
    }

    fn at(&self, i: usize) -> u8 {
        self.bytes.get(i).copied().unwrap_or(0)
    }

    /// The next token; `None` at the end.
    pub(super) fn next_token(&mut self) -> Option<Token> {
        let start = self.pos;
        if start >= self.bytes.len() {
            return None;
        }
        let (kind, end) = self.scan(start);
        // Every rule moves on and stops at a character's edge; this guards the tiling against a rule that does not.
        let mut end = end.clamp(start + 1, self.bytes.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        self.pos = end;
        Some(Token { kind, span: start..end })
    }

    fn blank(&self, b: u8) -> bool {
        // SQLite's scanner refuses the vertical tab.
        matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c') || b == b'\x0b' && self.dialect != Dialect::Sqlite
    }

    fn while_from(&self, from: usize, f: impl Fn(u8) -> bool) -> usize {
        self.bytes.get(from..).map_or(self.bytes.len(), |rest| rest.iter().position(|&b| !f(b)).map_or(self.bytes.len(), |n| from + n))
    }

    fn scan(&mut self, s: usize) -> (TokenKind, usize) {
        use TokenKind::*;
        let b = self.bytes[s];
        let d = self.dialect;
        if self.blank(b) {
            return (Whitespace, self.while_from(s, |b| self.blank(b)));
        }
        if s == 0 && self.bytes.starts_with(b"\xef\xbb\xbf") {
            return (Whitespace, 3);
        }
        if let Some(found) = self.comment(s, b) {
            return found;
        }
        if word_start(b) || b == b'$' && d == Dialect::MySql {
            return self.word(s);
        }
        if b.is_ascii_digit() || b == b'.' && self.at(s + 1).is_ascii_digit() {
            // MySQL's names may begin with digits, and behind a name and its dot there is nothing else: `t.1e5()` calls a function.
            let before = if s > 0 && d == Dialect::MySql { self.bytes[s - 1] } else { b' ' };
            return match b {
                b'.' if word_byte(before) || before == b'`' => (Punctuation, s + 1),
                b'.' => self.number(s),
                _ if before == b'.' => (Identifier, self.while_from(s, word_byte)),
                _ => self.number(s),
            };
        }
        match b {
            b'\'' => self.quoted(s, b'\'', self.reading.backslash, String),
            b'"' if d == Dialect::MySql => self.quoted(s, b'"', self.reading.double, String),
            b'"' => self.quoted(s, b'"', false, QuotedIdentifier),
            b'`' if d != Dialect::Postgres => self.quoted(s, b'`', false, QuotedIdentifier),
            b'[' if d == Dialect::Sqlite => match self.find(s + 1, b']') {
                Some(end) => (QuotedIdentifier, end + 1),
                None => (Unterminated, self.bytes.len()),
            },
            b'$' if d == Dialect::Postgres => self.dollar(s),
            b';' => (Semicolon, s + 1),
            b'(' | b')' | b'[' | b']' | b',' | b'.' => (Punctuation, s + 1),
            b'{' | b'}' if d == Dialect::Postgres => (Other, s + 1),
            _ => match d {
                Dialect::Postgres => self.pg_operator(s, b),
                Dialect::MySql => self.mysql_operator(s, b),
                Dialect::Sqlite => self.sqlite_operator(s, b),
            },
        }
    }

    fn find(&self, from: usize, byte: u8) -> Option<usize> {
        memchr::memchr(byte, self.bytes.get(from..)?).map(|n| from + n)
    }

    fn comment(&mut self, s: usize, b: u8) -> Option<(TokenKind, usize)> {
        let (d, next) = (self.dialect, self.at(s + 1));
        let line = match (b, next) {
            (b'-', b'-') if d == Dialect::MySql => {
                let after = self.bytes.get(s + 2).copied();
                after.is_none_or(|c| c.is_ascii_whitespace() || c.is_ascii_control())
            }
            (b'-', b'-') => true,
            (b'#', _) => d == Dialect::MySql,
            _ => false,
        };
        if line {
            // Only PostgreSQL ends a line comment at a carriage return.
            let end = self.while_from(s, |b| b != b'\n' && (b != b'\r' || d != Dialect::Postgres));
            return Some((TokenKind::Comment, end));
        }
        if d == Dialect::MySql && self.version_depth > 0 && b == b'*' && next == b'/' {
            self.version_depth -= 1;
            return Some((TokenKind::Operator, s + 2));
        }
        if b != b'/' || next != b'*' {
            return None;
        }
        if d == Dialect::MySql {
            let bang = if self.at(s + 2) == b'!' {
                Some(s + 3)
            } else if self.at(s + 2) == b'M' && self.at(s + 3) == b'!' {
                Some(s + 4)
            } else {
                None
            };
            if let Some(code) = bang {
                self.version_depth += 1;
                return Some((TokenKind::Operator, self.while_from(code, |b| b.is_ascii_digit())));
            }
        }
        let mut depth = 1usize;
        let mut i = s + 2;
        while let Some(n) = self.bytes.get(i..).and_then(|rest| memchr::memchr2(b'*', b'/', rest)) {
            i += n;
            match (self.bytes[i], self.at(i + 1)) {
                (b'*', b'/') => {
                    depth -= 1;
                    i += 2;
                    if depth == 0 {
                        return Some((TokenKind::Comment, i));
                    }
                }
                (b'/', b'*') if d == Dialect::Postgres => {
                    depth += 1;
                    i += 2;
                }
                _ => i += 1,
            }
        }
        Some((TokenKind::Unterminated, self.bytes.len()))
    }

    /// A quoted thing whose opening quote is at `open`; a doubled quote stands for itself.
    fn quoted(&self, open: usize, quote: u8, backslash: bool, kind: TokenKind) -> (TokenKind, usize) {
        let mut i = open + 1;
        let escape = if backslash { b'\\' } else { quote };
        while let Some(n) = self.bytes.get(i..).and_then(|rest| memchr::memchr2(quote, escape, rest)) {
            i += n;
            if self.bytes[i] == quote && self.at(i + 1) != quote {
                return (kind, i + 1);
            }
            // Whatever follows a backslash, or the other one of two quotes.
            i += 2;
        }
        (TokenKind::Unterminated, self.bytes.len())
    }

    /// PostgreSQL goes on with a string after blanks that hold a line feed, and keeps the first part's escapes: so
    /// `E'a'⏎'\''` is one string.
    fn escape_string(&self, open: usize) -> (TokenKind, usize) {
        let mut at = open;
        loop {
            let (kind, end) = self.quoted(at, b'\'', true, TokenKind::String);
            if kind == TokenKind::Unterminated {
                return (kind, end);
            }
            match self.continuation(end) {
                Some(next) => at = next,
                None => return (kind, end),
            }
        }
    }

    fn continuation(&self, from: usize) -> Option<usize> {
        let mut i = from;
        let mut newline = false;
        loop {
            match self.at(i) {
                b'\n' | b'\r' => {
                    newline = true;
                    i += 1;
                }
                b' ' | b'\t' | b'\x0b' | b'\x0c' => i += 1,
                b'-' if self.at(i + 1) == b'-' => i = self.while_from(i, |b| b != b'\n' && b != b'\r'),
                b'\'' if newline => return Some(i),
                _ => return None,
            }
        }
    }

    fn word(&self, s: usize) -> (TokenKind, usize) {
        use TokenKind::*;
        let (b, next) = (self.bytes[s].to_ascii_lowercase(), self.at(s + 1));
        match (self.dialect, b, next) {
            (Dialect::Postgres, b'e', b'\'') => return self.escape_string(s + 1),
            (Dialect::Postgres, b'b' | b'x', b'\'') => return self.quoted(s + 1, b'\'', false, String),
            (Dialect::Postgres, b'n', b'\'') => return self.quoted(s + 1, b'\'', self.reading.backslash, String),
            (Dialect::Postgres, b'u', b'&') if self.at(s + 2) == b'\'' => return self.quoted(s + 2, b'\'', false, String),
            (Dialect::Postgres, b'u', b'&') if self.at(s + 2) == b'"' => return self.quoted(s + 2, b'"', false, QuotedIdentifier),
            (Dialect::MySql, b'n' | b'b' | b'x', b'\'') => return self.quoted(s + 1, b'\'', self.reading.backslash, String),
            // A blob ends at the first quote, nothing is doubled in it.
            (Dialect::Sqlite, b'x', b'\'') => {
                return match self.find(s + 2, b'\'') {
                    Some(end) => (String, end + 1),
                    None => (Unterminated, self.bytes.len()),
                };
            }
            _ => {}
        }
        let end = self.while_from(s, word_byte);
        let kind = if keywords::is_coloured(self.dialect, &self.bytes[s..end]) { Keyword } else { Identifier };
        (kind, end)
    }

    fn digits(&self, from: usize) -> usize {
        let mut i = from;
        loop {
            i = self.while_from(i, |b| b.is_ascii_digit());
            // `1_000`; MySQL has no such thing, there it would be a name.
            if i > from && self.dialect != Dialect::MySql && self.at(i) == b'_' && self.at(i + 1).is_ascii_digit() {
                i += 1;
            } else {
                return i;
            }
        }
    }

    /// The end of an exponent that starts at `i`, or `i`.
    fn exponent(&self, i: usize) -> usize {
        if !matches!(self.at(i), b'e' | b'E') {
            return i;
        }
        let sign = usize::from(matches!(self.at(i + 1), b'+' | b'-'));
        if self.at(i + 1 + sign).is_ascii_digit() { self.digits(i + 1 + sign) } else { i }
    }

    /// A number takes exactly what the server takes: in `1.INTO x` and `1e5INTO x` the word after it counts.
    fn number(&self, s: usize) -> (TokenKind, usize) {
        let mysql = self.dialect == Dialect::MySql;
        if self.bytes[s] == b'0' {
            let radix: Option<fn(u8) -> bool> = match self.at(s + 1) {
                b'x' | b'X' => Some(|b| b.is_ascii_hexdigit()),
                b'b' | b'B' if self.dialect != Dialect::Sqlite => Some(|b| matches!(b, b'0' | b'1')),
                b'o' | b'O' if self.dialect == Dialect::Postgres => Some(|b| matches!(b, b'0'..=b'7')),
                _ => None,
            };
            if let Some(digit) = radix {
                let end = self.while_from(s + 2, |b| digit(b) || b == b'_' && !mysql);
                if end > s + 2 && !(mysql && word_byte(self.at(end))) {
                    return (TokenKind::Number, end);
                }
            }
        }
        let mut i = self.digits(s);
        if mysql && i > s && word_byte(self.at(i)) {
            let exponent = self.exponent(i);
            if exponent == i {
                // A name may begin with digits.
                return (TokenKind::Identifier, self.while_from(i, word_byte));
            }
            return (TokenKind::Number, exponent);
        }
        // `1..10` is a range, not `1.` and `.10`.
        if self.at(i) == b'.' && !(self.at(i + 1) == b'.' && self.dialect == Dialect::Postgres) {
            i = if self.at(i + 1).is_ascii_digit() { self.digits(i + 1) } else { i + 1 };
        }
        (TokenKind::Number, self.exponent(i))
    }

    /// `$1`, `$$…$$`, `$tag$…$tag$`.
    fn dollar(&self, s: usize) -> (TokenKind, usize) {
        if self.at(s + 1).is_ascii_digit() {
            return (TokenKind::Parameter, self.while_from(s + 1, |b| b.is_ascii_digit()));
        }
        let tag = if word_start(self.at(s + 1)) { self.while_from(s + 1, |b| word_byte(b) && b != b'$') } else { s + 1 };
        if self.at(tag) != b'$' {
            return (TokenKind::Other, s + 1);
        }
        let quote = &self.text[s..=tag];
        match self.text[tag + 1..].find(quote) {
            Some(n) => (TokenKind::String, tag + 1 + n + quote.len()),
            None => (TokenKind::Unterminated, self.bytes.len()),
        }
    }

    fn pg_operator(&self, s: usize, b: u8) -> (TokenKind, usize) {
        if b == b':' {
            let two = matches!(self.at(s + 1), b':' | b'=');
            return (TokenKind::Operator, s + 1 + usize::from(two));
        }
        if !PG_OPERATOR.contains(&b) {
            return (TokenKind::Other, self.character(s));
        }
        let mut end = s;
        while PG_OPERATOR.contains(&self.at(end)) && end < self.bytes.len() {
            // A comment may start inside a run of operator characters.
            if end > s && matches!((self.at(end), self.at(end + 1)), (b'-', b'-') | (b'/', b'*')) {
                break;
            }
            end += 1;
        }
        // As the server does it: `+` and `-` end an operator only if another of these stands in it.
        while end > s + 1 && matches!(self.bytes[end - 1], b'+' | b'-') && !self.bytes[s..end - 1].iter().any(|b| b"~!@#%^&|`?".contains(b))
        {
            end -= 1;
        }
        (TokenKind::Operator, end)
    }

    fn mysql_operator(&self, s: usize, b: u8) -> (TokenKind, usize) {
        use TokenKind::*;
        match b {
            b'@' => {
                let name = if self.at(s + 1) == b'@' { s + 2 } else { s + 1 };
                match self.at(name) {
                    b'\'' => self.quoted(name, b'\'', self.reading.backslash, Parameter),
                    b'"' => self.quoted(name, b'"', self.reading.double, Parameter),
                    b'`' => self.quoted(name, b'`', false, Parameter),
                    _ => {
                        let end = self.while_from(name, |b| word_byte(b) || b == b'.');
                        (if end > name { Parameter } else { Operator }, end)
                    }
                }
            }
            b'?' => (Parameter, s + 1),
            // `\N` is NULL.
            b'\\' if self.at(s + 1) == b'N' => (Keyword, s + 2),
            _ => self.fixed_operator(s, b),
        }
    }

    fn sqlite_operator(&self, s: usize, b: u8) -> (TokenKind, usize) {
        use TokenKind::*;
        match b {
            b'?' => (Parameter, self.while_from(s + 1, |b| b.is_ascii_digit())),
            b'$' | b'@' | b':' | b'#' => {
                // The scanner takes `$a::b(anything without blanks)` as one variable: a quote in there opens nothing.
                let (mut i, mut named) = (s + 1, false);
                loop {
                    let c = self.at(i);
                    if word_byte(c) {
                        named = true;
                        i += 1;
                    } else if c == b'(' && named {
                        let end = self.while_from(i, |b| !b.is_ascii_whitespace() && b != b'\x0b' && b != b')' && b != 0);
                        return if self.at(end) == b')' { (Parameter, end + 1) } else { (Other, end) };
                    } else if c == b':' && self.at(i + 1) == b':' {
                        i += 2;
                    } else {
                        return if named { (Parameter, i) } else { (Other, i) };
                    }
                }
            }
            _ => self.fixed_operator(s, b),
        }
    }

    fn fixed_operator(&self, s: usize, b: u8) -> (TokenKind, usize) {
        const LONG: [&str; 14] = ["<=>", "->>", ":=", "<=", ">=", "<>", "!=", "==", "||", "&&", "<<", ">>", "->", "::"];
        if let Some(op) = LONG.iter().find(|op| self.bytes[s..].starts_with(op.as_bytes())) {
            return (TokenKind::Operator, s + op.len());
        }
        if b"+-*/<>=!%^&|~:".contains(&b) { (TokenKind::Operator, s + 1) } else { (TokenKind::Other, self.character(s)) }
    }

    fn character(&self, s: usize) -> usize {
        s + self.text[s..].chars().next().map_or(1, char::len_utf8)
    }
}

#[cfg(test)]
mod tests;
