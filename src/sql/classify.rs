//! Does a statement only read? The *read grammar*: what is outside it *may write*.
//!
//! The grammar is closed: a statement is a read only if its first word begins a read, every parenthesis that could hold a
//! statement holds a query, every `WITH` leads to a query, and every keyword in it is on the list of words that queries are
//! made of. An unknown statement, an unfinished quote, a second statement, a version comment or a character that the
//! dialect does not have is never a read.
//!
//! What text alone cannot show stays for the other layers: user-defined operators, casts, the functions behind views and
//! row policies. PostgreSQL's `row.function` notation and a user's own overload of a built-in name can be looked up from
//! `Verdict::fields` and `Verdict::calls`.
//! Text means what the server's settings make of it; where a backslash in a string could be read either way, both readings
//! must be reads.

mod heads;
mod query;

use super::lexer::{Token, TokenKind, lex};
use crate::model::Dialect;

/// What kind of statement it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Proven to be inside the read grammar, provided that `Verdict::functions` hold no writing function.
    Read,
    /// INSERT, UPDATE, DELETE, MERGE, REPLACE, and CTEs that hold one.
    Dml,
    /// CREATE, ALTER, DROP, TRUNCATE, COMMENT, GRANT …: belongs into the migration queue.
    Ddl,
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT, SET TRANSACTION.
    Transaction,
    /// SET, PRAGMA, USE … : changes the session.
    Session,
    /// Anything else: may write.
    Other,
}

/// The classifier's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub class: Class,
    /// Why it is not a read, naming the word that decided: shown to the user. Empty for a read.
    pub reason: String,
    /// Names (lower case unless quoted, schema-qualified as written) of every function-like call in a `Read` that is not on
    /// the built-in list of harmless ones: the engine looks their volatility up in the catalogue.
    pub functions: Vec<String>,
    /// Every function-like call of a `Read`, harmless ones too: for an engine that also asks whether somebody has
    /// overloaded a built-in name.
    pub calls: Vec<String>,
    /// PostgreSQL: every name that stands behind a dot and is no call. `row.name` calls a function of that name that takes
    /// the row's type, if there is no such column: an engine that wants to be sure looks these up among the functions.
    pub fields: Vec<String>,
    /// EXPLAIN ANALYZE (or MariaDB's ANALYZE) of a read.
    pub analyzes: bool,
}

impl Verdict {
    fn not_read(class: Class, reason: impl Into<String>) -> Self {
        Verdict { class, reason: reason.into(), functions: Vec::new(), calls: Vec::new(), fields: Vec::new(), analyzes: false }
    }

    /// Inside the read grammar. Its `functions` still have to be looked up.
    pub fn is_read(&self) -> bool {
        self.class == Class::Read
    }
}

/// Classifies exactly one statement; text that holds more than one is `Other` with the reason.
pub fn classify(dialect: Dialect, text: &str) -> Verdict {
    let mut verdict = classify_tokens(dialect, text, &lex(dialect, text));
    if verdict.class != Class::Read || dialect == Dialect::Sqlite || !text.contains('\\') {
        return verdict;
    }
    // The server's settings may turn backslashes in strings the other way. If that reading is well formed, it too must
    // be a read; if it is not, such a server refuses the whole.
    for tokens in super::lexer::other_readings(dialect, text) {
        if tokens.iter().any(|t| matches!(t.kind, TokenKind::Unterminated | TokenKind::Other)) {
            continue;
        }
        let other = classify_tokens(dialect, text, &tokens);
        if other.class != Class::Read {
            return Verdict::not_read(
                Class::Other,
                "a backslash before a quote means something else under other settings of the server: double the quote instead",
            );
        }
        for (into, from) in
            [(&mut verdict.functions, other.functions), (&mut verdict.calls, other.calls), (&mut verdict.fields, other.fields)]
        {
            for name in from {
                if !into.contains(&name) {
                    into.push(name);
                }
            }
        }
    }
    verdict
}

/// A token that counts, with its text and, for an unquoted word, the word in lower case.
#[derive(Debug)]
struct Tok<'a> {
    kind: TokenKind,
    text: &'a str,
    word: String,
    /// For `(`: the index of its `)`.
    close: usize,
}

impl Tok<'_> {
    fn is(&self, text: &str) -> bool {
        self.word == text && !text.is_empty() || self.word.is_empty() && self.text == text && self.kind != TokenKind::QuotedIdentifier
    }

    /// A word, quoted or not, that can name something.
    fn names(&self) -> bool {
        !self.word.is_empty() || self.kind == TokenKind::QuotedIdentifier
    }
}

/// Upper case for reasons.
fn shout(word: &str) -> String {
    word.to_ascii_uppercase()
}

fn classify_tokens(dialect: Dialect, text: &str, tokens: &[Token]) -> Verdict {
    if text.contains('\0') {
        return Verdict::not_read(Class::Other, "a NUL character ends the text for some servers and not for others");
    }
    let mut toks: Vec<Tok<'_>> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut ended = false;
    let mut trouble: Option<String> = None;
    let mut rest = tokens;
    while let [t, behind @ ..] = rest {
        rest = behind;
        let part = &text[t.span.clone()];
        match t.kind {
            TokenKind::Whitespace | TokenKind::Comment => continue,
            TokenKind::Semicolon => {
                ended |= !toks.is_empty();
                continue;
            }
            _ if ended => return Verdict::not_read(Class::Other, "this is more than one statement"),
            TokenKind::Other if dialect == Dialect::MySql && part == "{" => {
                if let Some((literal, behind)) = dated(text, rest) {
                    toks.push(Tok { kind: TokenKind::String, text: literal, word: String::new(), close: toks.len() });
                    rest = behind;
                    continue;
                }
                trouble.get_or_insert_with(|| "`{` is SQL only in {d '…'}, {t '…'} and {ts '…'}".into());
            }
            TokenKind::Unterminated => {
                trouble.get_or_insert_with(|| "a quote or a comment is opened and never closed".into());
            }
            TokenKind::Other => {
                trouble.get_or_insert_with(|| format!("`{part}` is not SQL here"));
            }
            TokenKind::Punctuation if dialect == Dialect::MySql && part == "[" => {
                trouble.get_or_insert_with(|| "`[` opens a name in some modes of the server (sql_mode MSSQL)".into());
            }
            TokenKind::Operator if dialect == Dialect::MySql && (part.starts_with("/*") || part == "*/") => {
                trouble.get_or_insert_with(|| "a version comment `/*! … */` runs as code on some servers and not on others".into());
            }
            _ => {}
        }
        let word = matches!(t.kind, TokenKind::Keyword | TokenKind::Identifier).then(|| part.to_ascii_lowercase()).unwrap_or_default();
        if t.kind == TokenKind::Punctuation && part == "(" {
            open.push(toks.len());
        }
        let at = toks.len();
        toks.push(Tok { kind: t.kind, text: part, word, close: at });
        if t.kind == TokenKind::Punctuation && part == ")" {
            match open.pop() {
                Some(from) => toks[from].close = at,
                None => drop(trouble.get_or_insert_with(|| "a `)` closes nothing".into())),
            }
        }
    }
    if toks.is_empty() {
        return Verdict::not_read(Class::Other, "there is no statement");
    }
    if !open.is_empty() {
        trouble.get_or_insert_with(|| "a `(` is never closed".into());
    }
    let verdict = heads::classify(dialect, &toks);
    match trouble {
        // What it is, as far as one can tell, but never a read, and nothing that may pass as harmless.
        Some(reason) if matches!(verdict.class, Class::Dml | Class::Ddl) => Verdict::not_read(verdict.class, reason),
        Some(reason) => Verdict::not_read(Class::Other, reason),
        None => verdict,
    }
}

/// ODBC's spelling of a date, a time or both, behind its `{`: the literal, and what follows the `}`. The server takes any expression there;
/// with a string it is a constant.
fn dated<'a, 'b>(text: &'a str, tokens: &'b [Token]) -> Option<(&'a str, &'b [Token])> {
    let mut rest = tokens;
    let mut next = || {
        while let [t, behind @ ..] = rest {
            rest = behind;
            if !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment) {
                return Some((t.kind, &text[t.span.clone()]));
            }
        }
        None
    };
    let (_, kind) = next()?;
    let (is, literal) = next()?;
    let (_, end) = next()?;
    let constant = ["d", "t", "ts"].iter().any(|k| kind.eq_ignore_ascii_case(k)) && is == TokenKind::String && literal.starts_with('\'');
    (constant && end == "}").then_some((literal, rest))
}

#[cfg(test)]
mod tests;
