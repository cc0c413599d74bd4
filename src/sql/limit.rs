//! The LIMIT at the end of a statement.

use super::lexer::{Token, TokenKind, lex};
use crate::model::Dialect;

/// Longest statement that is looked at, in bytes.
const LONGEST: usize = 64 * 1024;

/// How many rows it allows, where it is a number: `LIMIT 300`, with an OFFSET in any of its forms, `FETCH FIRST 300 ROWS ONLY`.
pub fn at_end(dialect: Dialect, text: &str) -> Option<u64> {
    if text.len() > LONGEST {
        return None;
    }
    let plain = |t: &Token| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment | TokenKind::Semicolon);
    let tokens: Vec<Token> = lex(dialect, text).into_iter().filter(plain).collect();
    let last: Vec<String> = tokens.iter().rev().take(5).rev().map(|t| text[t.span.clone()].to_ascii_lowercase()).collect();
    let last: Vec<&str> = last.iter().map(String::as_str).collect();
    let number = match last[..] {
        [.., "limit", n] | [.., "limit", n, "offset", _] | [.., "limit", _, ",", n] => n,
        [.., "fetch", "first" | "next", n, "row" | "rows", "only"] => n,
        _ => return None,
    };
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_at_the_end_is_read() {
        for (text, rows) in [
            ("select * from t limit 300", Some(300)),
            ("SELECT * FROM t\nLIMIT 300; -- all", Some(300)),
            ("select * from t limit 10 offset 20", Some(10)),
            ("select * from t limit 20, 10", Some(10)),
            ("select * from t fetch first 7 rows only", Some(7)),
            ("limit 1", Some(1)),
            ("select * from (select 1 limit 3) q", None),
            ("select * from t limit :n", None),
            ("select 'limit 3'", None),
            ("", None),
        ] {
            assert_eq!(at_end(Dialect::MySql, text), rows, "{text}");
        }
    }
}
