//! Which columns a statement needs of a table: an index that has them all spares the table.

use crate::plan::expression;
use crate::plan::findings::scene::{Product, Scene};
use crate::plan::known::Table;
use crate::sql::{Token, TokenKind, lex};

/// The columns, or `None` when they are all needed, or not known.
pub fn needed(s: &Scene<'_>, i: usize, alias: &str, table: &Table) -> Option<Vec<String>> {
    let mentioned = s
        .select
        .as_ref()
        .filter(|q| q.tables.iter().any(|t| t.alias.eq_ignore_ascii_case(alias)))
        .and_then(|_| s.known.statement.as_deref().or(s.plan.statement.as_deref()))
        .and_then(|text| mentioned(s, text, alias, table));
    let told = (s.product == Product::Postgres).then(|| told(s, i, alias, table)).flatten();
    match (mentioned, told) {
        (Some(a), Some(b)) => Some(if b.len() < a.len() { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// What PostgreSQL's plan says that the scan gives, and what its own tests need.
fn told(s: &Scene<'_>, i: usize, alias: &str, table: &Table) -> Option<Vec<String>> {
    let output = s.attr_text(i, &["Output"]).or_else(|| s.condition(i, &["Output"]))?;
    let own = |text: &str, out: &mut Vec<String>| -> Option<()> {
        for k in expression::sort_keys(s.dialect, text) {
            if k.expr.has_unread() {
                return None;
            }
            for c in k.expr.columns().into_iter().filter(|c| c.may_be_of(alias)) {
                if c.name == "*" {
                    return None;
                }
                add(out, table, &c.name);
            }
        }
        Some(())
    };
    let mut out = Vec::new();
    own(output, &mut out)?;
    for text in s.filter(i).into_iter().chain(s.index_condition(i)) {
        own(text, &mut out)?;
    }
    Some(out)
}

fn add(out: &mut Vec<String>, table: &Table, name: &str) {
    if let Some(c) = table.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name))
        && !out.contains(&c.name)
    {
        out.push(c.name.clone());
    }
}

/// Every column of the table that the text names anywhere: rather one too many than one too few.
fn mentioned(s: &Scene<'_>, text: &str, alias: &str, table: &Table) -> Option<Vec<String>> {
    let tokens: Vec<Token> =
        lex(s.dialect, text).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let word = |i: usize| tokens.get(i).and_then(|t| text.get(t.span.clone())).unwrap_or("");
    let mut out = Vec::new();
    for (i, t) in tokens.iter().enumerate() {
        let w = word(i);
        // Of another table: `c.id` is no column of `o`.
        let qualifier = (i >= 2 && word(i - 1) == ".")
            .then(|| &tokens[i - 2])
            .filter(|q| matches!(q.kind, TokenKind::Identifier | TokenKind::Keyword | TokenKind::QuotedIdentifier));
        if qualifier.is_some_and(|_| !word(i - 2).trim_matches(['"', '`', '[', ']']).eq_ignore_ascii_case(alias)) {
            continue;
        }
        match t.kind {
            // `*` is a list of columns where no value stands before it; `count(*)` needs none.
            TokenKind::Operator | TokenKind::Punctuation | TokenKind::Other if w == "*" => {
                let before = i.checked_sub(1).map_or("", &word).to_lowercase();
                let of_another = before == "." && i >= 2 && !word(i - 2).trim_matches(['"', '`', '[', ']']).eq_ignore_ascii_case(alias);
                if matches!(before.as_str(), "select" | "," | "." | "distinct" | "all") && !of_another {
                    return None;
                }
            }
            TokenKind::Identifier | TokenKind::Keyword => add(&mut out, table, w),
            TokenKind::QuotedIdentifier => add(&mut out, table, w.get(1..w.len().saturating_sub(1)).unwrap_or("")),
            _ => {}
        }
    }
    Some(out)
}
