//! Whether each row of a SELECT is one row of one table: only then may its cells be edited where they stand.

use super::classify::{Class, classify};
use super::lexer::{Token, TokenKind, lex};
use crate::model::Dialect;

/// A plain SELECT from one table, perhaps with WHERE, ORDER BY and LIMIT; the reason otherwise, as a part of a sentence. Whatever is
/// not plainly so is refused: a wrong guess would write into another row.
pub fn one_table(dialect: Dialect, text: &str) -> Result<(), &'static str> {
    if classify(dialect, text).class != Class::Read {
        return Err("it is not a plain SELECT");
    }
    let tokens: Vec<Token> = lex(dialect, text)
        .into_iter()
        .filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment | TokenKind::Semicolon))
        .collect();
    // The words outside all brackets; quoted names are never words of the grammar.
    let mut depth = 0usize;
    let mut flat: Vec<(usize, String)> = Vec::new();
    for (i, t) in tokens.iter().enumerate() {
        let part = &text[t.span.clone()];
        match part {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let word = match t.kind {
            TokenKind::Keyword | TokenKind::Identifier => part.to_ascii_lowercase(),
            TokenKind::QuotedIdentifier => "\"".into(),
            _ => part.to_string(),
        };
        if depth == 0 || part == "(" && depth == 1 {
            flat.push((i, word));
        }
    }
    let at = |word: &str| flat.iter().position(|(_, w)| w == word);
    if flat.first().is_none_or(|(_, w)| w != "select") {
        return Err("it is not a plain SELECT");
    }
    for (words, why) in [
        (&["union", "intersect", "except"][..], "it puts several queries together"),
        (&["join", "lateral", "straight_join"], "its rows come from several tables"),
        (&["group", "having"], "its rows are groups"),
        (&["distinct", "distinctrow", "unique"], "DISTINCT may stand for several rows"),
        (&["into"], "it writes its rows elsewhere"),
    ] {
        if words.iter().any(|w| at(w).is_some()) {
            return Err(why);
        }
    }
    let Some(from) = at("from") else { return Err("it reads no table") };
    let ends = ["where", "order", "limit", "offset", "fetch", "for", "window", "procedure", "lock"];
    let end = flat[from + 1..].iter().position(|(_, w)| ends.contains(&w.as_str())).map_or(flat.len(), |n| from + 1 + n);
    let item = &flat[from + 1..end];
    if item.iter().any(|(_, w)| w == ",") {
        return Err("its rows come from several tables");
    }
    if item.iter().any(|(_, w)| w == "(") {
        return Err("it reads a query or a function, not a table itself");
    }
    if item.is_empty() {
        return Err("it reads no table");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{MySql, Postgres, Sqlite};

    #[test]
    fn only_plain_selects_of_one_table_pass() {
        for (text, ok) in [
            ("select * from orders", true),
            ("select id, total * 2 as t, (select max(id) from other) from shop.orders o where id > 3 order by 1 limit 10;", true),
            ("select \"join\" from \"group\" where x = 'union'", true),
            ("select * from a join b on a.id = b.id", false),
            ("select * from a, b", false),
            ("select * from a natural join b", false),
            ("select distinct id from a", false),
            ("select id, count(*) from a group by id", false),
            ("select id from a union all select id from b", false),
            ("select * from (select * from a) x", false),
            ("select * from generate_series(1, 3)", false),
            ("with x as (select * from a) select * from x", false),
            ("values (1)", false),
            ("select 1", false),
            ("update a set x = 1", false),
            ("explain select * from a", false),
            ("table a", false),
        ] {
            for d in [Postgres, MySql, Sqlite] {
                assert_eq!(one_table(d, text).is_ok(), ok, "{d:?} {text}: {:?}", one_table(d, text));
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,60}") {
            for d in [Postgres, MySql, Sqlite] {
                let _ = one_table(d, &text);
            }
        }
    }
}
