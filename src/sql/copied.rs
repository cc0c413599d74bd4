//! `COPY (query) TO STDOUT`: what it reads.

use super::lexer::{Token, TokenKind, lex};
use crate::model::Dialect;

/// The query whose rows a COPY sends to whoever asked for them: it does what the query does, and nothing besides. `None` for every other
/// COPY: of a table (which may be a view), to a file or a program of the server, and from anywhere.
pub fn query(dialect: Dialect, text: &str) -> Option<&str> {
    // Where a backslash could be read two ways, the parenthesis could end elsewhere.
    if dialect != Dialect::Postgres || text.contains(['\\', '\0']) {
        return None;
    }
    let all: Vec<Token> =
        lex(dialect, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let part = |t: &Token| &text[t.span.clone()];
    let is = |i: usize, what: &str| {
        all.get(i).is_some_and(|t| !matches!(t.kind, TokenKind::QuotedIdentifier | TokenKind::String) && part(t).eq_ignore_ascii_case(what))
    };
    if !is(0, "copy") || !is(1, "(") {
        return None;
    }
    let mut depth = 0usize;
    let close = (1..all.len()).find(|i| {
        depth = if is(*i, "(") { depth + 1 } else { depth - usize::from(is(*i, ")")) };
        depth == 0
    })?;
    if !is(close + 1, "to") || !is(close + 2, "stdout") {
        return None;
    }
    // Behind it stands how the rows are written: words, and their values.
    let mut behind = all[close + 3..].iter();
    let plain = |t: &Token| {
        matches!(t.kind, TokenKind::Keyword | TokenKind::Identifier | TokenKind::QuotedIdentifier | TokenKind::String | TokenKind::Number)
            || matches!(part(t), "(" | ")" | "," | "*")
    };
    let options = behind.by_ref().find(|t| !plain(t)).is_none_or(|t| t.kind == TokenKind::Semicolon);
    let alone = behind.all(|t| t.kind == TokenKind::Semicolon);
    (options && alone).then(|| &text[all[1].span.end..all[close].span.start])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_of_a_copy_to_the_client_is_found() {
        let of = |text| query(Dialect::Postgres, text);
        assert_eq!(of("COPY (select 1) TO STDOUT"), Some("select 1"));
        assert_eq!(
            of("copy (select ')' from (values (1)) v) to stdout with (format csv, header);"),
            Some("select ')' from (values (1)) v")
        );
        assert_eq!(of("copy /* a */ (select $$)$$) to stdout csv header delimiter ';' -- b"), Some("select $$)$$"));
        assert_eq!(of("copy (select 1) to stdout (format csv, force_quote *)"), Some("select 1"));
        for text in [
            "copy t to stdout",
            "copy (select 1) to 'file'",
            "copy (select 1) to program 'rm'",
            "copy (select 1) to \"stdout\"",
            "copy (select 1) to",
            "copy (select 1",
            "copy (select 1) from stdin",
            "copy (select 1) to stdout; drop table t",
            "copy (select 1) to stdout with (format csv) ; copy (select 2) to program 'x'",
            "copy (select 1) to stdout with (format = 1)",
            "copy (select 'a\\') to stdout --') to program 'x'",
            "copy t from program 'copy (select 1) to stdout'",
            "copy",
            "",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(query(Dialect::MySql, "copy (select 1) to stdout"), None);
    }
}
