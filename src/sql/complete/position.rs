//! Whether an operand is to come or one stands there already, and which words go on with the one before the cursor.

use super::rank::Collecting;
use super::scope::{Scope, Words};
use super::{Place, ProposalKind, keywords, more};
use crate::model::Dialect;

/// Words that an operand may begin with.
const OPENS: &[&str] = &[
    "NOT",
    "NULL",
    "EXISTS",
    "NOT EXISTS",
    "CASE",
    "WHEN",
    "TRUE",
    "FALSE",
    "DISTINCT",
    "DISTINCT ON",
    "CAST",
    "DEFAULT",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "SESSION_USER",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "INTERVAL",
    "ARRAY",
    "ALL",
    "BINARY",
    "ROLLUP",
    "CUBE",
    "GROUPING SETS",
];

/// Words that some engines take for names, and that ask for an operand.
const ASKS: &[&str] =
    &["ilike", "like", "rlike", "regexp", "glob", "match", "similar", "div", "mod", "xor", "escape", "interval", "binary"];

/// An operand ends before the token: what comes goes on with it.
pub fn ends_operand(words: &Words<'_>, first: usize) -> bool {
    let Some(before) = first.checked_sub(1) else { return false };
    let star = words.is(before, "*") && before.checked_sub(1).is_none_or(|i| words.is_one(i, &["select", "(", ".", ",", "distinct"]));
    let name = (words.is_name(before) || words.is_value(before)) && !words.is_one(before, ASKS);
    star || name || words.is_one(before, &[")", "]", "null", "true", "false", "end"])
}

/// Lets what may come here lead, of what was found for an expression from `from` on.
pub fn weigh(words: &Words<'_>, first: usize, from: usize, out: &mut Collecting<'_>) {
    let behind = ends_operand(words, first);
    for (weight, p) in &mut out.found[from..] {
        *weight -= match p.kind {
            ProposalKind::Keyword if OPENS.iter().any(|w| w.eq_ignore_ascii_case(&p.insert)) == behind => 300,
            ProposalKind::Keyword | ProposalKind::Join => 0,
            _ if behind => 450,
            _ => 0,
        };
    }
}

/// The rest of a phrase of which the word before the cursor is the first, where nothing else may come.
pub fn within_phrase(words: &Words<'_>, scope: &Scope, place: &Place, first: usize, out: &mut Collecting<'_>) -> bool {
    let Some(before) = first.checked_sub(1) else { return false };
    let joins = matches!(place, Place::Relation | Place::AfterRelation | Place::On | Place::Expression("on" | "from"));
    let after = |word: &str| before.checked_sub(1).is_some_and(|i| words.is(i, word));
    let inserts = words.is_one(scope.verb, &["insert", "replace"]);
    let phrase = words.is_one(before, &["is", "nulls"])
        || words.is(before, "not") && after("is")
        || words.is(before, "update") && after("do")
        || words.is(before, "on") && inserts && after(")")
        || joins && words.is_one(before, &["left", "right", "full", "inner", "outer", "cross", "natural"])
        || before == scope.verb && words.is_one(before, &["insert", "delete"])
        || words.is(before, "add") && words.is(0, "alter") && words.is(1, "table");
    let found = out.found.len();
    if phrase && !out.quoted {
        more::rest(words, first, out);
    }
    out.found.len() > found
}

/// Keywords behind a table, by what the statement does with it.
pub fn behind_relation(words: &Words<'_>, scope: &Scope, first: usize, out: &mut Collecting<'_>) {
    let since = |list: &[&str]| words.flat(scope.query.start..first).filter(|i| words.is_one(*i, list)).last();
    let read = since(&["from", "select", "using"]).is_some();
    let dialect = words.dialect;
    match () {
        () if words.is_one(scope.verb, &["insert", "replace"]) && !read => {
            out.keywords(&["VALUES", "SELECT"]);
            match dialect {
                Dialect::MySql => out.keywords(&["SET"]),
                _ => out.keywords(&["DEFAULT VALUES", "AS"]),
            }
        }
        () if words.is(scope.verb, "update") && !read && since(&["set"]).is_none() => match dialect {
            Dialect::MySql => out.keywords(&["SET", "JOIN", "LEFT JOIN", "INNER JOIN", "AS"]),
            _ => out.keywords(&["SET", "AS"]),
        },
        () if words.is(scope.verb, "delete") && since(&["using"]).is_none() => {
            let list: &[&str] = match dialect {
                Dialect::Postgres => &["WHERE", "USING", "RETURNING", "AS"],
                Dialect::MySql => &["WHERE", "ORDER BY", "LIMIT", "USING", "RETURNING", "JOIN", "LEFT JOIN", "AS"],
                Dialect::Sqlite => &["WHERE", "RETURNING", "ORDER BY", "LIMIT", "AS"],
            };
            let known: Vec<&str> = list.iter().copied().filter(|k| keywords::known(out.engine(), k)).collect();
            out.keywords(&known);
        }
        () => {
            // A join that has no condition yet gets one first.
            let last = since(&["join", "straight_join", "on", "using", "from", ","]);
            let joined = last.filter(|i| words.is_one(*i, &["join", "straight_join"]));
            let kind = joined.and_then(|j| (scope.query.start..j).rev().find(|i| !words.is_one(*i, &["left", "right", "full", "outer"])));
            if joined.is_some() && !kind.is_some_and(|i| words.is_one(i, &["natural", "cross"])) {
                for (word, weight) in [("ON", 170), ("USING", 160)] {
                    out.push(ProposalKind::Keyword, word.into(), String::new(), word, weight);
                }
            }
            out.keywords_behind("from");
        }
    }
}
