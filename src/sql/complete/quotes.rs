//! A quote that was just opened in the middle of a text: until it is closed, every lexer takes what follows for a part of the name.

use crate::model::Dialect;
use crate::sql::{TokenKind, lex};

/// What a quoted name at the cursor makes of the text.
pub enum Opened {
    /// The cursor is in no quoted name, or at its end.
    No,
    /// The name is closed further on, at this byte: all of it is replaced.
    Closed(usize),
    /// It is open: the text reads like this, with the name closed at the cursor.
    Open(String),
}

/// Looks at the name in quotes that byte `at` of the text is in.
pub fn opened(dialect: Dialect, text: &str, at: usize) -> Opened {
    let tokens = lex(dialect, text);
    let Some(token) = tokens.get(tokens.partition_point(|t| t.span.end <= at)).filter(|t| t.span.start < at) else { return Opened::No };
    let (open, close) = match (text.as_bytes()[token.span.start], dialect) {
        (b'"', Dialect::Postgres | Dialect::Sqlite) => ('"', '"'),
        (b'`', Dialect::MySql | Dialect::Sqlite) => ('`', '`'),
        (b'[', Dialect::Sqlite) => ('[', ']'),
        _ => return Opened::No,
    };
    let repaired = || {
        let mut out = text.to_string();
        out.insert(at, close);
        out
    };
    let unclosed = |text: &str| lex(dialect, text).iter().any(|t| t.kind == TokenKind::Unterminated);
    match token.kind {
        TokenKind::Unterminated => Opened::Open(repaired()),
        TokenKind::QuotedIdentifier => {
            let rest = &text[at..token.span.end];
            // A name that another's opening bracket stands in; or one whose end is another's beginning, so that a quote is left over.
            let swallows = match open {
                '[' => rest.contains('['),
                _ => tokens.last().is_some_and(|t| t.kind == TokenKind::Unterminated),
            };
            match swallows.then(repaired).filter(|r| open == '[' || !unclosed(r)) {
                Some(text) => Opened::Open(text),
                None => Opened::Closed(token.span.end),
            }
        }
        _ => Opened::No,
    }
}
