//! From a data-changing statement to the SELECT of the rows that it is about to change.

use super::lexer::{Token, TokenKind, lex};
use crate::model::Dialect;

/// How the rows before a statement can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// This SELECT gives the rows, and keeps them from changing meanwhile where the dialect can.
    Select(String),
    /// Nothing existed before: a plain INSERT.
    Nothing,
    /// Not derivable, with the reason.
    Unknown(&'static str),
}

/// The SELECT of the rows that `text` (one UPDATE, DELETE or INSERT) would change. Only the plain forms are taken apart:
/// one table, a WHERE; anything else is [`Before::Unknown`] rather than a guess.
pub fn before_image(dialect: Dialect, text: &str) -> Before {
    let tokens: Vec<Token> = lex(dialect, text)
        .into_iter()
        .filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment | TokenKind::Semicolon))
        .collect();
    if tokens.iter().any(|t| t.kind == TokenKind::Unterminated) {
        return Before::Unknown("the statement is not complete");
    }
    let word = |i: usize| -> String {
        match tokens.get(i) {
            Some(t) if matches!(t.kind, TokenKind::Keyword | TokenKind::Identifier) => text[t.span.clone()].to_ascii_uppercase(),
            Some(t) => text[t.span.clone()].to_string(),
            None => String::new(),
        }
    };
    // Words outside any parentheses, with their token index.
    let mut depth = 0usize;
    let mut outer: Vec<(usize, String)> = Vec::new();
    for (i, t) in tokens.iter().enumerate() {
        match &text[t.span.clone()] {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ if depth == 0 && matches!(t.kind, TokenKind::Keyword | TokenKind::Identifier) => outer.push((i, word(i))),
            _ => {}
        }
    }
    let at = |w: &str| outer.iter().find(|(_, o)| o == w).map(|(i, _)| *i);
    let has = |w: &str| at(w).is_some();
    let slice = |from: usize, to: usize| -> &str {
        match (tokens.get(from), tokens.get(to.wrapping_sub(1))) {
            (Some(a), Some(b)) if to > from => &text[a.span.start..b.span.end],
            _ => "",
        }
    };
    let end = at("RETURNING").unwrap_or(tokens.len());
    match word(0).as_str() {
        "INSERT" => {
            let replaces = has("CONFLICT") || has("DUPLICATE") || word(1) == "OR" || has("IGNORE");
            if replaces { Before::Unknown("the INSERT may change rows that exist already") } else { Before::Nothing }
        }
        "DELETE" => {
            if word(1) != "FROM" || has("USING") || has("JOIN") {
                return Before::Unknown("only DELETE FROM one table can be taken apart");
            }
            let table_end = at("WHERE").or_else(|| at("ORDER")).or_else(|| at("LIMIT")).unwrap_or(end);
            if slice(2, table_end).contains(',') {
                return Before::Unknown("only DELETE FROM one table can be taken apart");
            }
            select(dialect, slice(2, table_end), slice(table_end, end))
        }
        "UPDATE" => {
            let Some(set) = at("SET") else { return Before::Unknown("there is no SET") };
            let table = slice(1, set);
            let table_words: Vec<String> = (1..set).map(word).collect();
            if has("FROM")
                || has("JOIN")
                || table.contains(',')
                || table_words.iter().any(|w| w == "OR" || w == "LOW_PRIORITY" || w == "IGNORE")
            {
                return Before::Unknown("only UPDATE of one table can be taken apart");
            }
            let rest = at("WHERE").or_else(|| at("ORDER")).or_else(|| at("LIMIT")).unwrap_or(end);
            select(dialect, table, slice(rest, end))
        }
        _ => Before::Unknown("only INSERT, UPDATE and DELETE of one table can be taken apart"),
    }
}

fn select(dialect: Dialect, table: &str, rest: &str) -> Before {
    if table.is_empty() {
        return Before::Unknown("no table is named");
    }
    // SQLite has no row locks: its write transaction keeps everybody else out already.
    let lock = if dialect == Dialect::Sqlite { "" } else { " FOR UPDATE" };
    // The statement may end in a line comment: what follows goes on a new line.
    let rest = if rest.is_empty() { String::new() } else { format!("\n{rest}") };
    Before::Select(format!("SELECT * FROM {table}{rest}{lock}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select_of(dialect: Dialect, text: &str) -> String {
        match before_image(dialect, text) {
            Before::Select(s) => s,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn plain_forms_are_taken_apart() {
        assert_eq!(
            select_of(Dialect::Postgres, "update orders o set state = (select max(x) from y where z) where o.id = 7 returning id;"),
            "SELECT * FROM orders o\nwhere o.id = 7 FOR UPDATE"
        );
        assert_eq!(select_of(Dialect::Sqlite, "DELETE FROM \"from\" WHERE id IN (1, 2)"), "SELECT * FROM \"from\"\nWHERE id IN (1, 2)");
        assert_eq!(select_of(Dialect::MySql, "delete from t"), "SELECT * FROM t FOR UPDATE");
        assert_eq!(
            select_of(Dialect::MySql, "update t set a = 1 where b = 2 order by id limit 3"),
            "SELECT * FROM t\nwhere b = 2 order by id limit 3 FOR UPDATE"
        );
    }

    #[test]
    fn inserts_need_none_unless_they_replace() {
        assert_eq!(before_image(Dialect::Postgres, "insert into t values (1)"), Before::Nothing);
        assert!(matches!(
            before_image(Dialect::Postgres, "insert into t values (1) on conflict (id) do update set a = 1"),
            Before::Unknown(_)
        ));
        assert!(matches!(before_image(Dialect::Sqlite, "insert or replace into t values (1)"), Before::Unknown(_)));
    }

    #[test]
    fn what_is_not_plain_is_not_guessed() {
        for text in [
            "update a, b set a.x = b.x",
            "update a join b on a.id = b.id set a.x = 1",
            "update a set x = b.x from b where b.id = a.id",
            "delete a from a join b on true",
            "delete from a using b where a.id = b.id",
            "with x as (select 1) update t set a = 1",
            "merge into t using s on true when matched then delete",
            "delete from t where name = 'x",
        ] {
            assert!(matches!(before_image(Dialect::Postgres, text), Before::Unknown(_)), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            for d in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
                let _ = before_image(d, &text);
                let _ = before_image(d, &format!("update {text}"));
                let _ = before_image(d, &format!("delete from {text}"));
            }
        }
    }
}
