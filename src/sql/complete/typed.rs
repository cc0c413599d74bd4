//! The word at the cursor, and the names before its dots.

use super::scope::{Words, unquoted};
use crate::model::Dialect;
use crate::sql::{TokenKind, lex};

/// What is typed at the cursor.
pub struct Typed {
    /// The word as a name, up to the cursor.
    pub prefix: String,
    /// Byte where the word starts.
    pub start: usize,
    /// It began with a quote.
    pub quoted: bool,
    /// Names before it, each with its dot: schema, table.
    pub qualifier: Vec<String>,
    /// Index of the first token of all that.
    pub first: usize,
    /// It is a variable of the server (MySQL's `@@name`).
    pub variable: bool,
}

impl Typed {
    /// `None` inside strings, comments and numbers.
    pub fn read(words: &Words<'_>, at: usize) -> Option<Typed> {
        let here = words.tokens.iter().position(|t| t.span.start < at && at <= t.span.end);
        // A comment is no token here: then the cursor is between two of them.
        let inside = |t: &crate::sql::Token| at < t.span.end;
        let mut first = words.tokens.partition_point(|t| t.span.start < at);
        let (mut prefix, mut start, mut quoted) = (String::new(), at, false);
        if let Some(i) = here {
            let token = &words.tokens[i];
            match token.kind {
                TokenKind::Identifier | TokenKind::Keyword => {
                    (prefix, start, first) = (words.text[token.span.start..at].to_string(), token.span.start, i);
                }
                TokenKind::QuotedIdentifier | TokenKind::Unterminated => {
                    let so_far = &words.text[token.span.start..at];
                    let opens = so_far.starts_with(match words.dialect {
                        Dialect::Postgres => &['"'][..],
                        Dialect::MySql => &['`'],
                        Dialect::Sqlite => &['"', '`', '['],
                    });
                    if !opens || (token.kind == TokenKind::QuotedIdentifier && !inside(token)) {
                        return None;
                    }
                    (prefix, start, first, quoted) = (unquoted(so_far), token.span.start, i, true);
                }
                // A variable of the server: `@@sql_mode`.
                TokenKind::Parameter if words.dialect == Dialect::MySql && words.text(i).starts_with("@@") => {
                    let name = words.text[token.span.start..at].rfind(['@', '.']).map_or(token.span.start, |n| token.span.start + n + 1);
                    return Some(Typed {
                        prefix: words.text[name..at].to_string(),
                        start: name,
                        quoted: false,
                        qualifier: Vec::new(),
                        first: i,
                        variable: true,
                    });
                }
                TokenKind::Operator if words.dialect == Dialect::MySql && words.text(i) == "@@" => {
                    let (prefix, qualifier) = (String::new(), Vec::new());
                    return Some(Typed { prefix, start: at, quoted: false, qualifier, first: i, variable: true });
                }
                TokenKind::String | TokenKind::Number | TokenKind::Parameter => return None,
                _ if inside(token) => return None,
                _ => {}
            }
        } else if in_comment(words, at) {
            return None;
        }
        let mut qualifier = Vec::new();
        while first >= 2 && words.is(first - 1, ".") && (words.is_name(first - 2) || words.tokens[first - 2].kind == TokenKind::Keyword) {
            qualifier.insert(0, words.name(first - 2));
            first -= 2;
        }
        if qualifier.is_empty() && first >= 1 && words.is(first - 1, ".") {
            return None;
        }
        // A parameter's name is new, or one of the text's own.
        if start > 0 && first >= 1 && words.is(first - 1, ":") && words.tokens[first - 1].span.end == start {
            return None;
        }
        Some(Typed { prefix, start, quoted, qualifier, first, variable: false })
    }
}

fn in_comment(words: &Words<'_>, at: usize) -> bool {
    let all = lex(words.dialect, words.text);
    let token = all.iter().find(|t| t.span.start < at && at <= t.span.end);
    token.is_some_and(|t| match t.kind {
        TokenKind::Comment => at < t.span.end || !words.text[t.span.clone()].ends_with("*/"),
        TokenKind::Unterminated => true,
        _ => false,
    })
}
