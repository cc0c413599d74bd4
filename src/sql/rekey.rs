//! The keys that an UPDATE gives to its rows, asked for before it runs.

use super::before::{ALL, Before, before_image, lock, part, unlocked};
use super::lexer::{Token, TokenKind, lex};
use crate::model::Dialect;

/// The SELECT that gives, for each row that the UPDATE `text` is about to change, its `key` and then the key that it will have. `None`
/// where no key column is set, or where what is set cannot be told beforehand: a DEFAULT, a call, a subquery.
pub fn new_keys(dialect: Dialect, text: &str, key: &[String]) -> Option<String> {
    let Before::Select(select) = before_image(dialect, text) else { return None };
    let set = assignments(dialect, text)?;
    let same = |a: &str, b: &str| if dialect == Dialect::Postgres { a == b } else { a.eq_ignore_ascii_case(b) };
    let mut after = Vec::new();
    let mut any = false;
    for column in key {
        let Some(at) = set.iter().position(|a| same(&a.column, column)) else {
            after.push(dialect.quote_ident(column));
            continue;
        };
        // MySQL works from left to right: what was set before has its new value already.
        let moved = |word: &String| set[..at].iter().any(|a| same(&a.column, word));
        if !set[at].plain || dialect == Dialect::MySql && set[at].names.iter().any(moved) {
            return None;
        }
        any = true;
        after.push(format!("({})", set[at].value));
    }
    let rest = unlocked(&select).strip_prefix(ALL)?;
    let before: Vec<String> = key.iter().map(|k| dialect.quote_ident(k)).collect();
    any.then(|| format!("SELECT {}, {}{rest}{}", before.join(", "), after.join(", "), lock(dialect)))
}

/// The columns that an UPDATE sets; `None` where they do not all stand in a plain list.
pub fn columns_set(dialect: Dialect, text: &str) -> Option<Vec<String>> {
    Some(assignments(dialect, text)?.into_iter().map(|a| a.column).collect())
}

/// A column and what it is set to.
struct Assignment<'t> {
    column: String,
    value: &'t str,
    /// Names in the value.
    names: Vec<String>,
    /// The value is made of columns, constants and operators alone: asking for it twice does nothing.
    plain: bool,
}

/// The list behind SET; `None` when it is not plainly `column = value, …`.
fn assignments(dialect: Dialect, text: &str) -> Option<Vec<Assignment<'_>>> {
    let tokens: Vec<Token> = lex(dialect, text)
        .into_iter()
        .filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment | TokenKind::Semicolon))
        .collect();
    let raw = |i: usize| tokens.get(i).map_or("", |t| &text[t.span.clone()]);
    let word = |i: usize, w: &str| tokens[i].kind != TokenKind::QuotedIdentifier && raw(i).eq_ignore_ascii_case(w);
    let mut at = (1..tokens.len()).find(|i| word(0, "UPDATE") && word(*i, "SET"))? + 1;
    let mut out = Vec::new();
    loop {
        // `column`, or MySQL's `table.column`; a field or an element of a column is not the column.
        let named = if dialect == Dialect::MySql && raw(at + 1) == "." { at + 2 } else { at };
        if !matches!(raw(named + 1), "=" | ":=") {
            return None;
        }
        let column = part(dialect, tokens.get(named)?.kind, raw(named))?;
        let first = named + 2;
        let (mut depth, mut end) = (0usize, first);
        while end < tokens.len() {
            match raw(end) {
                "(" => depth += 1,
                ")" => depth = depth.checked_sub(1)?,
                "," if depth == 0 => break,
                _ if depth == 0 && ["WHERE", "RETURNING", "ORDER", "LIMIT"].iter().any(|w| word(end, w)) => break,
                _ => {}
            }
            end += 1;
        }
        let value = &text[tokens.get(first)?.span.start..tokens[end.checked_sub(1).filter(|e| *e >= first)?].span.end];
        let names = (first..end).filter_map(|i| part(dialect, tokens[i].kind, raw(i))).collect();
        let plain = (first..end).all(|i| match tokens[i].kind {
            TokenKind::Number | TokenKind::String | TokenKind::Parameter => !raw(i).starts_with("@@"),
            TokenKind::Operator => !raw(i).contains("/*") && !raw(i).contains("*/") && !raw(i).contains(":="),
            TokenKind::Identifier | TokenKind::QuotedIdentifier | TokenKind::Keyword => {
                raw(i + 1) != "(" && !["DEFAULT", "SELECT", "VALUES", "TABLE"].iter().any(|w| word(i, w))
            }
            TokenKind::Punctuation => matches!(raw(i), "(" | ")" | "."),
            // `:name`, where the server does not know it.
            TokenKind::Other => raw(i) == ":",
            _ => false,
        });
        out.push(Assignment { column, value, names, plain });
        if raw(end) != "," {
            return Some(out);
        }
        at = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{MySql, Postgres, Sqlite};

    #[test]
    fn new_keys_are_asked_for_where_they_can_be_told() {
        let of = |d, text: &str| new_keys(d, text, &["id".into(), "part".into()]);
        assert_eq!(
            of(Postgres, "update t set v = f(1), ID = id + 1000 where id in (1, 2) returning *").as_deref(),
            Some("SELECT \"id\", \"part\", (id + 1000), \"part\" FROM t\nwhere id in (1, 2) FOR UPDATE")
        );
        assert_eq!(
            of(Sqlite, "update t set part = 'a' || part, id = ?1").as_deref(),
            Some("SELECT \"id\", \"part\", (?1), ('a' || part) FROM t")
        );
        assert_eq!(
            of(MySql, "update t set t.id = 7, v = id order by v limit 1").as_deref(),
            Some("SELECT `id`, `part`, (7), `part` FROM t\norder by v limit 1 FOR UPDATE")
        );
        for (d, text) in [
            (Postgres, "update t set v = 1"),
            (Postgres, "update t set id = default"),
            (Postgres, "update t set id = nextval('s')"),
            (Postgres, "update t set id = (select max(id) from t)"),
            (Postgres, "update t set (id, part) = (1, 2)"),
            (Postgres, "update t set id[1] = 2"),
            (MySql, "update t set v = 1, id = v + 1"),
            (MySql, "update t set id = @a := 3"),
            (Postgres, "delete from t"),
        ] {
            assert_eq!(of(d, text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            for d in [Postgres, MySql, Sqlite] {
                let _ = new_keys(d, &format!("update t set {text}"), &["id".into()]);
            }
        }
    }
}
