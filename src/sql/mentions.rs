//! Whether a text names something: by its words, never by letters inside other words, strings or comments. A body between dollar
//! signs, or in a string after AS, is a text of its own.

use super::complete::unquoted;
use super::lexer::{TokenKind, lex};
use crate::model::Dialect;

/// Bodies in bodies that are followed.
const DEPTH: usize = 3;

/// [`mentions`], with the names that stand inside strings: of a body that puts statements together and executes them.
pub fn mentions_in_strings(dialect: Dialect, text: &str, names: &[&str]) -> bool {
    let mut found: Vec<Option<usize>> = vec![None; names.len()];
    look(dialect, text, 0, names, &mut found, DEPTH, true);
    !names.is_empty() && found.iter().all(Option::is_some)
}

/// Words beside which a string may name something: what is put together and executed, sequences, casts to `regclass`, sizes.
const NAMED_IN_STRINGS: [&str; 9] =
    ["execute", "prepare", "nextval", "currval", "setval", "regclass", "regproc", "_size", "pg_get_serial_sequence"];

/// [`mentions`]; where a text has words that take names in strings, the names in those count too, and the first of their letters is the place.
pub fn mentions_or_executes(dialect: Dialect, text: &str, names: &[&str]) -> Option<usize> {
    let in_strings = || {
        let lower = text.to_ascii_lowercase();
        let takes = NAMED_IN_STRINGS.iter().any(|w| lower.contains(w)) && mentions_in_strings(dialect, text, names);
        takes.then(|| names.iter().filter_map(|n| lower.find(&n.to_ascii_lowercase())).min().unwrap_or_default())
    };
    mentions(dialect, text, names).or_else(in_strings)
}

/// The byte of the first place where the last of `names` stands, if all of them stand somewhere in the text. Case is forgiven.
pub fn mentions(dialect: Dialect, text: &str, names: &[&str]) -> Option<usize> {
    let mut found: Vec<Option<usize>> = vec![None; names.len()];
    // Few texts hold the letters at all.
    let lower = text.to_lowercase();
    if names.is_empty() || names.iter().any(|n| !lower.contains(&n.to_lowercase())) {
        return None;
    }
    look(dialect, text, 0, names, &mut found, DEPTH, false);
    if found.iter().all(Option::is_some) { found.pop().flatten() } else { None }
}

fn look(dialect: Dialect, text: &str, base: usize, names: &[&str], found: &mut [Option<usize>], depth: usize, strings: bool) {
    for t in lex(dialect, text) {
        let part = &text[t.span.clone()];
        match t.kind {
            TokenKind::Identifier | TokenKind::Keyword | TokenKind::QuotedIdentifier => {
                let word = unquoted(part);
                for (name, at) in names.iter().zip(found.iter_mut()) {
                    // Compared as typed: an exotic letter that folds elsewhere is a rare miss in a search by text.
                    if at.is_none() && (word.eq_ignore_ascii_case(name) || word.to_lowercase() == name.to_lowercase()) {
                        *at = Some(base + t.span.start);
                    }
                }
            }
            TokenKind::String if depth > 0 => {
                let quoted = || part.find(['\'', '"']).filter(|_| strings).map(|open| (open + 1, &part[open + 1..]));
                let Some((open, inner)) = body(part).or_else(quoted) else { continue };
                look(dialect, inner, base + t.span.start + open, names, found, depth - 1, strings);
            }
            _ => {}
        }
    }
}

/// The inside of a dollar-quoted string, and where it starts.
fn body(literal: &str) -> Option<(usize, &str)> {
    let rest = literal.strip_prefix('$')?;
    let tag = &literal[..rest.find('$')? + 2];
    let inner = literal.strip_prefix(tag)?.strip_suffix(tag)?;
    Some((tag.len(), inner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_count_and_letters_in_others_do_not() {
        let at = |text: &str, names: &[&str]| mentions(Dialect::Postgres, text, names);
        assert_eq!(at("select * from Orders o", &["orders"]), Some(14));
        assert_eq!(at("select * from \"Odd; Name\"", &["Odd; Name"]), Some(14));
        assert_eq!(at("select * from old_orders, 'orders' -- orders", &["orders"]), None);
        assert_eq!(at("select o.total from orders o", &["orders", "total"]), Some(9), "the column, where the table is named too");
        assert_eq!(at("select total from bills", &["orders", "total"]), None);
        let function = "create function f() returns int as $body$ select max(total) from orders $body$ language sql";
        assert_eq!(at(function, &["orders"]), Some(function.find("orders").unwrap()));
        let built = "begin execute format('update orders set total = %L', $1); end";
        assert_eq!(at(built, &["orders", "total"]), None);
        assert!(mentions_in_strings(Dialect::Postgres, built, &["orders", "total"]));
        assert!(!mentions_in_strings(Dialect::Postgres, "begin execute 'update old_orders set total = 1'; end", &["orders", "total"]));
    }

    proptest! {
        #[test]
        fn any_text_is_looked_through(text in "\\PC{0,80}", name in "[a-z]{1,3}") {
            for d in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
                if let Some(at) = mentions(d, &text, &[&name]) {
                    prop_assert!(text.is_char_boundary(at));
                    prop_assert!(mentions_in_strings(d, &text, &[&name]));
                }
            }
        }
    }
}
