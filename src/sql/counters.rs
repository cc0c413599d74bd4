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

/// MariaDB: what in the text takes a number from a sequence or sets one, in words. No rollback takes either back. Every way to read
/// the quotes counts, and so does what stands in version comments.
pub fn moves_sequence(text: &str) -> Option<&'static str> {
    let d = Dialect::MySql;
    super::lexer::other_readings(d, text).into_iter().chain([lex(d, text)]).find_map(|tokens| {
        let words: Vec<String> = tokens
            .iter()
            .filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment))
            .map(|t| text[t.span.clone()].to_ascii_lowercase())
            .filter(|w| !w.starts_with("/*") && w != "*/")
            .collect();
        let word = |i: usize| words.get(i).map_or("", String::as_str);
        (0..words.len()).find_map(|i| match word(i) {
            "next" if word(i + 1) == "value" && word(i + 2) == "for" => Some("NEXT VALUE FOR"),
            "nextval" if word(i + 1) == "(" || i > 0 && word(i - 1) == "." => Some("NEXTVAL"),
            "setval" if word(i + 1) == "(" => Some("SETVAL"),
            _ => None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_a_number_from_a_sequence_is_seen_however_it_is_written() {
        for (text, what) in [
            ("update t set v = next value for sq", "NEXT VALUE FOR"),
            ("update t set v = NEXT /* x */ VALUE\nFOR `db`.`sq`", "NEXT VALUE FOR"),
            ("update t set v = next /*! value */ for sq", "NEXT VALUE FOR"),
            ("update t set v = nextval (sq)", "NEXTVAL"),
            ("update t set v = sq.nextval", "NEXTVAL"),
            ("insert into t values (SetVal(sq, 9))", "SETVAL"),
            ("update t set a = '\\', v = nextval(sq), b = '\\'", "NEXTVAL"),
        ] {
            assert_eq!(moves_sequence(text), Some(what), "{text}");
        }
        for text in
            ["update t set next = value, nextval = 1", "update t set v = 'next value for sq'", "update t set v = 1 -- setval(sq, 1)"]
        {
            assert_eq!(moves_sequence(text), None, "{text}");
        }
    }

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
