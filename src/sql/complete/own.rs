//! The table that a statement is about and that no FROM names: of ALTER TABLE, CREATE INDEX, CREATE TRIGGER, COPY, and of the
//! CREATE TABLE that is being typed.

use super::scope::{Source, Words};
use crate::model::names::Names;
use std::ops::Range;

/// Words before a list of columns in brackets, in statements about a table.
const LISTS: &[&str] = &["key", "unique", "include", "columns", "index", "fulltext", "spatial", "range", "hash"];

/// That table with its columns, when `verb` begins such a statement.
pub fn own(words: &Words<'_>, names: &Names, query: &Range<usize>, verb: usize) -> Option<Source> {
    if words.is(verb, "create") && !indexes(words, verb) && (verb..query.end.min(verb + 4)).any(|i| words.is(i, "table")) {
        return created(words, query, verb);
    }
    let (parts, at) = name_at(words, named(words, query, verb)?, query.end)?;
    let (name, schema) = parts.split_last()?;
    let relation = names.relation(schema.last().map(String::as_str), name);
    let columns = relation.map(|r| &r.columns[..]).unwrap_or_default();
    let columns = columns.iter().map(|c| (c.name.to_string(), c.type_name.to_string())).collect();
    Some(Source { alias: name.clone(), name: parts, columns, at, target: false })
}

/// The statement makes an index.
pub fn indexes(words: &Words<'_>, verb: usize) -> bool {
    words.is(verb, "create") && (verb + 1..verb + 4).any(|i| words.is(i, "index"))
}

/// The statement makes a trigger.
pub fn triggers(words: &Words<'_>, verb: usize) -> bool {
    words.is(verb, "create") && (verb + 1..verb + 6).any(|i| words.is(i, "trigger"))
}

/// The token at which the name of the statement's table begins.
fn named(words: &Words<'_>, query: &Range<usize>, verb: usize) -> Option<usize> {
    let behind_on = || words.flat(verb..query.end).find(|i| words.is(*i, "on")).map(|i| i + 1);
    let mut at = match () {
        () if words.is(verb, "alter") && words.is(verb + 1, "table") => verb + 2,
        () if words.is(verb, "alter") && words.is(verb + 1, "foreign") && words.is(verb + 2, "table") => verb + 3,
        () if words.is_one(verb, &["copy", "analyze"]) => verb + 1,
        // The list may still be open.
        () if words.is_one(verb, &["grant", "revoke"]) => (verb..query.end).find(|i| words.is(*i, "on"))? + 1,
        () if indexes(words, verb) || triggers(words, verb) => behind_on()?,
        () if words.is_one(verb, &["create", "alter"]) && words.is(verb + 1, "policy") => behind_on()?,
        () => return None,
    };
    while words.is_one(at, &["if", "exists", "only", "table", "verbose"]) {
        at += 1;
    }
    Some(at)
}

/// A name with what stands before its dots, and its first token.
fn name_at(words: &Words<'_>, at: usize, end: usize) -> Option<(Vec<String>, usize)> {
    let mut parts = Vec::new();
    let mut i = at;
    while i < end && words.is_name(i) {
        parts.push(words.name(i));
        if !words.is(i + 1, ".") {
            break;
        }
        i += 2;
    }
    (!parts.is_empty()).then_some((parts, at))
}

/// The columns that a CREATE TABLE lists so far.
fn created(words: &Words<'_>, query: &Range<usize>, verb: usize) -> Option<Source> {
    let open = (verb..query.end).find(|i| words.is(*i, "("))?;
    if !words.is_name(open - 1) {
        return None;
    }
    let inside: Vec<usize> = words.flat(open + 1..words.close(open)).collect();
    let mut columns = Vec::new();
    for (k, i) in inside.iter().enumerate() {
        // `name type`: what begins with a keyword (PRIMARY KEY, CHECK) is no column.
        let begins = k == 0 || words.is(inside[k - 1], ",");
        let kind = inside.get(k + 1).filter(|t| !words.is_one(**t, &[",", "."]));
        if begins && words.is_name(*i) && kind.is_some() && !words.is(*i, "exclude") {
            columns.push((words.name(*i), kind.map_or("", |t| words.text(*t)).to_string()));
        }
    }
    Some(Source { alias: words.name(open - 1), name: vec![words.name(open - 1)], columns, at: open - 1, target: false })
}

/// What a bracket in a statement about a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Columns,
    Expression,
}

/// What the place at token `first` takes, if it is in a bracket of such a statement that holds columns of its table.
pub fn holds(words: &Words<'_>, verb: usize, first: usize) -> Option<Holds> {
    let mut open = Vec::new();
    for i in verb..first {
        match words.text(i) {
            "(" => open.push(i),
            ")" => drop(open.pop()),
            _ => {}
        }
    }
    let inner = *open.last()?;
    let before = inner.checked_sub(1)?;
    // A list behind REFERENCES is the other table's.
    if (1..=4).any(|n| before.checked_sub(n).is_some_and(|i| words.is(i, "references"))) && words.is_name(before) {
        return None;
    }
    let alone = open.len() == 1;
    if alone && words.is_one(verb, &["copy", "analyze", "grant", "revoke"]) || indexes(words, verb) && alone && !words.is(before, "with") {
        return Some(Holds::Columns);
    }
    // `CREATE TABLE t (` itself holds definitions.
    let inside = if words.is(verb, "create") && !indexes(words, verb) && !triggers(words, verb) { &open[1..] } else { &open[..] };
    let inner = *inside.last()?;
    let before = inner - 1;
    let list = words.is_one(before, LISTS) || words.is_name(before) && before > verb && words.is_one(before - 1, LISTS);
    if list && inside.len() == 1 && !indexes(words, verb) {
        return Some(Holds::Columns);
    }
    let computes = |b: usize| b > verb && (words.is_one(b - 1, &["check", "when", "as", "using"]) || indexes(words, verb));
    inside.iter().any(|b| computes(*b)).then_some(Holds::Expression)
}
