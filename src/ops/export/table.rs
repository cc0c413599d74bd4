//! Names of tables: what a statement reads, what a user types.

use crate::model::Dialect;
use crate::sql::{self, TokenKind};

/// The first table that a statement itself reads (none of its subqueries), as the parts of its name as the server knows it: for a
/// file's name and for INSERT. `None` without one.
pub fn source(dialect: Dialect, statement: &str) -> Option<Vec<String>> {
    let tokens = sql::lex(dialect, statement).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment));
    // Of the outermost level: `extract(year FROM d)` and subqueries are within brackets, of which only the outer ones are seen.
    let mut depth = 0usize;
    let outer: Vec<std::ops::Range<usize>> = tokens
        .filter(|t| {
            let before = depth;
            match &statement[t.span.clone()] {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
            before.min(depth) == 0
        })
        .map(|t| t.span)
        .collect();
    let word = |i: usize| outer.get(i).map_or("", |s| &statement[s.clone()]);
    let is = |i: usize, w: &str| word(i).eq_ignore_ascii_case(w);
    // `TABLE t` is a statement, also behind WITH; `a IS DISTINCT FROM b` is none.
    let table = |i: usize| is(i, "table") && dialect != Dialect::Sqlite && (i == 0 || word(i - 1) == ")");
    let mut at = (0..outer.len()).find(|i| table(*i) || is(*i, "from") && !(*i > 0 && is(i - 1, "distinct")))? + 1;
    if is(at, "only") && dialect == Dialect::Postgres {
        at += 1;
    }
    let parts = qualified(dialect, &statement[outer.get(at)?.start..], true)?.0;
    // A name of WITH is none of a table.
    let named = |i: usize| is(i + 1, "as") || word(i + 1) == "(" && word(i + 2) == ")" && is(i + 3, "as");
    if is(0, "with") && parts.len() == 1 && (0..at - 1).any(|i| named(i) && unquoted(word(i)).eq_ignore_ascii_case(&parts[0])) {
        return None;
    }
    Some(parts)
}

/// A table's name as typed on a command line or in a form, in its parts; quotes keep a dot inside a part.
pub fn table_parts(dialect: Dialect, typed: &str) -> Vec<String> {
    let typed = typed.trim();
    match qualified(dialect, typed, false) {
        Some((parts, end)) if end == typed.len() => parts,
        // Whatever else was typed is one name, quoted when it is written.
        _ => vec![typed.to_string()],
    }
}

/// The name that a text begins with, and where it ends. With `fold` what is not quoted is as PostgreSQL knows it: in lower case.
fn qualified(dialect: Dialect, text: &str, fold: bool) -> Option<(Vec<String>, usize)> {
    let mut parts = Vec::new();
    let mut end = 0;
    let mut name = true;
    for t in sql::lex(dialect, text) {
        let word = &text[t.span.clone()];
        match t.kind {
            TokenKind::Keyword
                if parts.is_empty() && ["select", "lateral", "only", "values"].iter().any(|k| word.eq_ignore_ascii_case(k)) =>
            {
                return None;
            }
            TokenKind::Identifier | TokenKind::QuotedIdentifier | TokenKind::Keyword if name => {
                let bare = unquoted(word);
                parts.push(if fold && dialect == Dialect::Postgres && bare == word { bare.to_lowercase() } else { bare });
                end = t.span.end;
                name = false;
            }
            _ if word == "." && !name => name = true,
            _ => break,
        }
    }
    (!parts.is_empty()).then_some((parts, end))
}

fn unquoted(name: &str) -> String {
    let mut chars = name.chars();
    match (chars.next(), chars.next_back()) {
        (Some('"'), Some('"')) => chars.as_str().replace("\"\"", "\""),
        (Some('`'), Some('`')) => chars.as_str().replace("``", "`"),
        (Some('['), Some(']')) => chars.as_str().to_string(),
        _ => name.to_string(),
    }
}
