//! Reads that lock the rows they find: the statement without its locking clause, which then is a read like any other.

use super::lexer::{Token, TokenKind, lex};
use crate::model::Dialect;

/// The beginning of the text up to its locking clauses: `FOR UPDATE OF o NOWAIT`, `FOR KEY SHARE SKIP LOCKED`, `LOCK IN SHARE MODE`. `None`
/// where it does not end in such, or where something else follows them (a LIMIT may, on PostgreSQL).
pub fn without_locks(dialect: Dialect, text: &str) -> Option<&str> {
    let tokens: Vec<Token> = lex(dialect, text)
        .into_iter()
        .filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment | TokenKind::Semicolon))
        .collect();
    if dialect == Dialect::Sqlite || tokens.iter().any(|t| t.kind == TokenKind::Unterminated) {
        return None;
    }
    let raw = |i: usize| tokens.get(i).and_then(|t| text.get(t.span.clone())).unwrap_or("");
    let is =
        |i: usize, word: &str| tokens.get(i).is_some_and(|t| t.kind != TokenKind::QuotedIdentifier) && raw(i).eq_ignore_ascii_case(word);
    let any = |i: usize, words: &[&str]| words.iter().any(|w| is(i, w));
    let mut depth = 0i32;
    let mut first = None;
    for i in 0..tokens.len() {
        depth += i32::from(raw(i) == "(") - i32::from(raw(i) == ")");
        let begins =
            is(i, "for") && any(i + 1, &["update", "share", "no", "key"]) || is(i, "lock") && is(i + 1, "in") && is(i + 2, "share");
        if depth == 0 && i > 0 && begins {
            first = Some(i);
            break;
        }
    }
    let first = first?;
    // To the end it is made of these alone.
    let mut at = first;
    while at < tokens.len() {
        at += match () {
            () if is(at, "lock") && is(at + 1, "in") && is(at + 2, "share") && is(at + 3, "mode") => 4,
            () if is(at, "for") && is(at + 1, "no") && is(at + 2, "key") && is(at + 3, "update") => 4,
            () if is(at, "for") && is(at + 1, "key") && is(at + 2, "share") => 3,
            () if is(at, "for") && any(at + 1, &["update", "share"]) => 2,
            () => return None,
        };
        if is(at, "of") {
            at += 1;
            loop {
                at += 1;
                while raw(at) == "." {
                    at += 2;
                }
                if raw(at) != "," {
                    break;
                }
                at += 1;
            }
        }
        if is(at, "nowait") {
            at += 1;
        } else if is(at, "wait") || (is(at, "skip") && is(at + 1, "locked")) {
            at += 2;
        }
    }
    let end = tokens.get(first.checked_sub(1)?)?.span.end;
    text.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn locking_clauses_are_taken_off() {
        for (d, text, read) in [
            (Dialect::Postgres, "select * from ev where usr < 3 for update", Some("select * from ev where usr < 3")),
            (
                Dialect::Postgres,
                "select * from a, b for no key update of a, s.b nowait for key share of b skip locked;",
                Some("select * from a, b"),
            ),
            (Dialect::Postgres, "select * from a limit 5 /* x */ For Share -- y", Some("select * from a limit 5")),
            (Dialect::Postgres, "select * from a for update limit 5", None),
            (Dialect::Postgres, "select * from (select * from a for update) x", None),
            (Dialect::Postgres, "select substring(x from 1 for 2) from a", None),
            (Dialect::Postgres, "select 'x for update' from a", None),
            (Dialect::MySql, "select * from t lock in share mode wait 3", Some("select * from t")),
            (
                Dialect::MySql,
                "select * from t use index for order by (a) for update skip locked",
                Some("select * from t use index for order by (a)"),
            ),
            (Dialect::MySql, "select next value for s", None),
            (Dialect::Sqlite, "select * from t for update", None),
        ] {
            assert_eq!(without_locks(d, text), read, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "(select |from |for |update|share|key |no |of |,|\\.|\\(|\\)|[a-z'\"`;]{1,3}| |nowait|é){0,30}") {
            for d in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
                let bare = without_locks(d, &text);
                prop_assert!(bare.is_none_or(|b| text.starts_with(b) && b.len() < text.len()));
            }
        }
    }
}
