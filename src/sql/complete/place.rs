//! Where in a statement the cursor is, and so what may come there.

use super::own::{self, Holds};
use super::scope::{Scope, Words, conflicts};
use crate::sql::TokenKind;

/// Where in a statement the cursor is: the word before it that says what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The first word.
    Start,
    /// A table or view.
    Relation,
    /// A table after JOIN, with the condition that a foreign key gives.
    Join,
    /// Behind a table: the next clause, or an alias.
    AfterRelation,
    /// Columns, functions, what the clause's keywords are.
    Expression(&'static str),
    /// The condition of a join.
    On,
    /// Columns of the statement's own table: INSERT (…), SET, ON CONFLICT (…), CREATE INDEX … (…).
    OwnColumns,
    /// Columns that both sides of a join have.
    Using,
    /// Behind GROUP and ORDER.
    By,
    /// Keywords of statements that are no queries.
    Other,
}

pub fn place(words: &Words<'_>, scope: &Scope, first: usize) -> Place {
    if first == 0 || first == scope.query.start {
        return Place::Start;
    }
    if let Some(open) = scope.bracket
        && open >= scope.query.start
    {
        if open >= 1 && words.is(open - 1, "using") {
            return Place::Using;
        }
        let named = open.checked_sub(1).is_some_and(|i| words.is_name(i));
        let table = named && (1..=4).any(|n| open.checked_sub(1 + n).is_some_and(|i| words.is(i, "into") || words.is(i, "references")));
        let behind = |word: &str| open >= 1 && words.is(open - 1, word);
        let merges = behind("insert") && words.is(scope.verb, "merge");
        // MySQL's VALUES(column), in ON DUPLICATE KEY UPDATE.
        let kept = behind("values") && words.is_one(scope.verb, &["insert", "replace"]) && conflicts(words, scope.query.start..open);
        if table || behind("conflict") || merges || kept {
            return Place::OwnColumns;
        }
        if scope.own.is_some() {
            match own::holds(words, scope.verb, first) {
                Some(Holds::Columns) => return Place::OwnColumns,
                Some(Holds::Expression) => return Place::Expression("check"),
                None => {}
            }
        }
    }
    let before = first - 1;
    if words.is(before, ")") && words.is(scope.query.start, "with") && scope.verb == scope.query.start {
        return Place::Start;
    }
    let one = |list: &[&str]| list.iter().any(|w| words.is(before, w));
    if one(&["join", "straight_join"]) {
        // NATURAL and CROSS take no condition.
        let kinds = &["left", "right", "full", "inner", "outer"];
        let kind = (scope.query.start..before).rev().find(|i| !words.is_one(*i, kinds));
        return if kind.is_some_and(|i| words.is_one(i, &["natural", "cross"])) { Place::Relation } else { Place::Join };
    }
    if one(&["group", "order"]) && words.tokens[before].kind == TokenKind::Keyword {
        return Place::By;
    }
    let clause = clause(words, scope, first);
    if one(&["from"]) && before >= 1 && words.is(before - 1, "distinct") && clause != "from" {
        return Place::Expression(clause);
    }
    // EXTRACT (year FROM …) and its like read no table.
    if one(&["from"]) && scope.bracket.is_some_and(|b| b > 0 && words.is_one(b - 1, &["extract", "substring", "trim", "overlay"])) {
        return Place::Expression(clause);
    }
    let names_table = one(&["from", "into", "only", "lateral", "truncate", "references", "describe", "desc"])
        || one(&["update"]) && !before.checked_sub(1).is_some_and(|i| ["for", "do", "key", "on"].iter().any(|w| words.is(i, w)))
        || one(&["table", "view", "exists"])
            && ["drop", "alter", "truncate", "create", "lock", "analyze"].iter().any(|w| words.is(scope.verb, w))
        || one(&["analyze", "vacuum", "reindex"]) && before == scope.verb
        || one(&["on"]) && ["create", "drop", "grant", "revoke"].iter().any(|w| words.is(scope.verb, w))
        || one(&[","]) && clause == "from" && scope.bracket.is_none_or(|b| b < scope.query.start);
    // DESC ends a sort key, and is MySQL's DESCRIBE at the start of a statement only.
    if names_table && !(one(&["desc"]) && before != scope.verb) {
        return Place::Relation;
    }
    match clause {
        "from" if words.is_name(before) || words.is(before, ")") => Place::AfterRelation,
        "from" => Place::Relation,
        "on" if one(&["on"]) => Place::On,
        "set" => {
            if one(&["set", ","]) || one(&["update"]) && before >= 1 && words.is(before - 1, "key") {
                Place::OwnColumns
            } else {
                Place::Expression("set")
            }
        }
        "" => Place::Other,
        clause => Place::Expression(clause),
    }
}

/// The clause that a token is in: the last word before it, outside of brackets, that opens one.
fn clause(words: &Words<'_>, scope: &Scope, first: usize) -> &'static str {
    const CLAUSES: &[&str] = &[
        "select",
        "from",
        "join",
        "on",
        "using",
        "where",
        "group",
        "having",
        "order",
        "limit",
        "offset",
        "window",
        "into",
        "values",
        "set",
        "update",
        "returning",
        "call",
    ];
    let mut found = "";
    let mut depth = 0usize;
    for i in scope.query.start..first {
        match words.text(i) {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        // FOR UPDATE, DO UPDATE and ON UPDATE open none; behind ON DUPLICATE KEY UPDATE, where VALUES is a function, stands what SET has.
        let previous = |words_before: &[&str]| i > 0 && words.is_one(i - 1, words_before);
        if words.is(i, "update") && previous(&["key"]) && depth == 0 && found == "on" {
            found = "set";
            continue;
        }
        if words.is(i, "update") && previous(&["for", "do", "key", "no", "on"]) || words.is(i, "values") && found == "set" {
            continue;
        }
        // What is in a bracket that closed is past; what is open belongs to the clause outside.
        if depth == 0
            && words.tokens.get(i).is_some_and(|t| t.kind == TokenKind::Keyword)
            && let Some(c) = CLAUSES.iter().find(|c| words.is(i, c))
        {
            let compares = *c == "from" && i > 0 && words.is(i - 1, "distinct") && found != "select";
            if !compares {
                found = c;
            }
        }
    }
    match found {
        "join" | "using" | "update" | "into" => "from",
        other => other,
    }
}
