//! Does a script move a counter (a sequence, AUTO_INCREMENT) by itself, other than by taking numbers from it?

use super::{TokenKind, lex};
use crate::model::Dialect;

/// True when the text names a way to set a counter: `setval`, `RESTART`, `AUTO_INCREMENT = n`, SQLite's own table of
/// counters. Strings count too, because bodies and executed text are strings.
pub fn moves_counters(dialect: Dialect, text: &str) -> bool {
    let tokens: Vec<_> = lex(dialect, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let word = |i: usize| tokens.get(i).map(|t| text[t.span.clone()].to_lowercase()).unwrap_or_default();
    (0..tokens.len()).any(|i| {
        let w = word(i);
        if tokens[i].kind == TokenKind::String {
            return ["setval", "restart", "sqlite_sequence"].iter().any(|n| w.contains(n));
        }
        match w.trim_matches(['"', '`', '[', ']']) {
            "setval" | "restart" | "sqlite_sequence" => true,
            "auto_increment" => word(i + 1) == "=" || tokens.get(i + 1).is_some_and(|t| t.kind == TokenKind::Number),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_a_counter_is_seen_and_using_one_is_not() {
        for (d, text) in [
            (Dialect::Postgres, "select setval('s', 9)"),
            (Dialect::Postgres, "alter table t alter id restart with 9"),
            (Dialect::Postgres, "truncate t restart identity"),
            (Dialect::Postgres, "do $$ begin perform setval('s', 9); end $$"),
            (Dialect::MySql, "alter table t auto_increment = 9"),
            (Dialect::MySql, "create table t (id int auto_increment primary key) auto_increment 9"),
            (Dialect::Sqlite, "update sqlite_sequence set seq = 9"),
        ] {
            assert!(moves_counters(d, text), "{text}");
        }
        for (d, text) in [
            (Dialect::Postgres, "insert into t values (nextval('s'))"),
            (Dialect::MySql, "create table t (id int auto_increment primary key)"),
            (Dialect::Sqlite, "create table t (id integer primary key autoincrement) -- sqlite_sequence"),
        ] {
            assert!(!moves_counters(d, text), "{text}");
        }
    }
}
