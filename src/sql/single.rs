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
    // MariaDB: a row as it was has the key of the row as it is, which an edit would change.
    if flat[end..].windows(2).any(|w| w[0].1 == "for" && w[1].1 == "system_time") {
        return Err("its rows are of the past (FOR SYSTEM_TIME)");
    }
    Ok(())
}

/// Which of the `width` columns of a query are plain names in its select list, or come from a `*`. Where the text does not tell which, it is
/// none of them.
pub fn plain_items(dialect: Dialect, text: &str, width: usize) -> Vec<bool> {
    let tokens = lex(dialect, text);
    let mut words =
        tokens.iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).map(|t| (t.kind, &text[t.span.clone()]));
    let mut depth = 0usize;
    let mut items: Vec<Vec<(TokenKind, &str)>> = Vec::new();
    let is = |word: &str, other: &str| word.eq_ignore_ascii_case(other);
    if !words.by_ref().any(|(_, w)| {
        depth = deeper(depth, w);
        depth == 0 && is(w, "select")
    }) {
        return vec![true; width];
    }
    for (kind, w) in words {
        depth = deeper(depth, w);
        let begins = items.last().is_none_or(Vec::is_empty);
        match w {
            "," if depth == 0 => items.push(Vec::new()),
            _ if depth == 0 && (is(w, "from") || is(w, "where") || is(w, "union") || w == ";") => break,
            _ if items.len() <= 1 && begins && (is(w, "distinct") || is(w, "all")) => {}
            _ => match items.last_mut() {
                Some(item) => item.push((kind, w)),
                None => items.push(vec![(kind, w)]),
            },
        }
    }
    let star = |item: &Vec<(TokenKind, &str)>| item.last().is_some_and(|(_, w)| *w == "*") && named(&item[..item.len() - 1]) != Some(false);
    let plain: Vec<bool> = items.iter().map(|i| star(i) || named(i) == Some(true)).collect();
    let (Some(first), Some(last)) = (items.iter().position(star), items.iter().rposition(star)) else {
        return if items.len() == width { plain } else { vec![false; width] };
    };
    let behind = items.len() - 1 - last;
    if first + behind > width {
        return vec![false; width];
    }
    let between = plain[first..=last].iter().all(|p| *p);
    let mut out = plain[..first].to_vec();
    out.resize(width - behind, between);
    out.extend_from_slice(&plain[last + 1..]);
    out
}

fn deeper(depth: usize, word: &str) -> usize {
    match word {
        "(" => depth + 1,
        ")" => depth.saturating_sub(1),
        _ => depth,
    }
}

/// Whether it is `name`, `a.name` or `s.a.name`, perhaps with another name behind it; `None` for nothing, or for `a.`.
fn named(item: &[(TokenKind, &str)]) -> Option<bool> {
    let name = |t: &(TokenKind, &str)| matches!(t.0, TokenKind::Keyword | TokenKind::Identifier | TokenKind::QuotedIdentifier);
    let mut rest = item;
    loop {
        match rest {
            [] => return None,
            [n, dot, tail @ ..] if name(n) && dot.1 == "." => rest = tail,
            [n, tail @ ..] if name(n) => {
                let alias = match tail {
                    [word, tail @ ..] if word.1.eq_ignore_ascii_case("as") => tail,
                    tail => tail,
                };
                return Some(alias.len() <= 1 && alias.iter().all(|t| name(t) || t.0 == TokenKind::String));
            }
            _ => return Some(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{MySql, Postgres, Sqlite};

    #[test]
    fn a_query_in_the_select_list_is_no_plain_name() {
        for (text, width, plain) in [
            ("select id, name, (select state from emp b where b.id = emp.boss) as boss_state from emp", 3, "110"),
            ("select (select id from emp b) as boss_id, state from emp e where id = 3", 2, "01"),
            ("select *, (select 1) from emp", 5, "11110"),
            ("select e.*, upper(name) u, e.state as \"s t\", e . id from emp e", 6, "111011"),
            ("select *, (select 1), * from emp", 9, "000000000"),
            ("select a, *, b, * from emp", 6, "111111"),
            ("with x as (select (1)) select distinct main.emp.id 'i', all_of from emp", 2, "11"),
            ("select id+1, -id, id collate nocase, case when id then state end from emp", 4, "0000"),
            ("values (1, 2)", 2, "11"),
            ("select id, state from emp", 3, "000"),
        ] {
            let got: String = plain_items(Sqlite, text, width).into_iter().map(|p| if p { '1' } else { '0' }).collect();
            assert_eq!(got, plain, "{text}");
        }
    }

    #[test]
    fn only_plain_selects_of_one_table_pass() {
        for (text, ok) in [
            ("select * from sv for system_time all where id = 1", false),
            ("select * from sv for system_time as of timestamp '2026-01-01' v", false),
            ("select * from sv where system_time > 1", true),
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
                assert_eq!(plain_items(d, &text, 3).len(), 3);
            }
        }
    }
}
