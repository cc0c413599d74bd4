//! What a half-typed statement says of its names: the query round the cursor, its sources, their columns.
//!
//! A reading by landmarks (brackets, clauses, commas), not a grammar: it has to make sense of text that no parser takes yet.

use crate::model::Dialect;
use crate::model::names::Names;
use crate::sql::{Token, TokenKind, lex};
use std::ops::Range;

/// Queries inside queries that are followed; deeper ones have no columns.
const DEPTH: usize = 12;

/// The tokens of a statement that mean something.
pub struct Words<'t> {
    pub dialect: Dialect,
    pub text: &'t str,
    pub tokens: Vec<Token>,
}

impl<'t> Words<'t> {
    pub fn new(dialect: Dialect, text: &'t str) -> Self {
        let mut tokens = lex(dialect, text);
        tokens.retain(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment));
        Words { dialect, text, tokens }
    }
    pub fn text(&self, i: usize) -> &'t str {
        self.tokens.get(i).map_or("", |t| &self.text[t.span.clone()])
    }
    /// The token is this unquoted word or sign.
    pub fn is(&self, i: usize, word: &str) -> bool {
        self.text(i).eq_ignore_ascii_case(word)
    }
    /// The token is one of these unquoted words or signs.
    pub fn is_one(&self, i: usize, words: &[&str]) -> bool {
        words.iter().any(|w| self.is(i, w))
    }
    /// The token may be a name: what is quoted always, a word unless it is a keyword.
    pub fn is_name(&self, i: usize) -> bool {
        self.tokens.get(i).is_some_and(|t| matches!(t.kind, TokenKind::Identifier | TokenKind::QuotedIdentifier))
    }
    /// The token is a word without quotes, a keyword or not.
    pub fn is_word(&self, i: usize) -> bool {
        self.tokens.get(i).is_some_and(|t| matches!(t.kind, TokenKind::Identifier | TokenKind::Keyword))
    }
    /// The token is a text, a number or a parameter.
    pub fn is_value(&self, i: usize) -> bool {
        self.tokens.get(i).is_some_and(|t| matches!(t.kind, TokenKind::String | TokenKind::Number | TokenKind::Parameter))
    }
    /// The name that a token stands for, without its quotes.
    pub fn name(&self, i: usize) -> String {
        unquoted(self.text(i))
    }
    /// The bracket that closes the one at `open`; without one the token before the clause that cannot be in it, or the end.
    pub fn close(&self, open: usize) -> usize {
        // Of each bracket that is open, whether it holds a query; and a FROM that stands in none that does.
        let mut inside: Vec<bool> = Vec::new();
        let mut from: Option<(usize, usize)> = None;
        for i in open..self.tokens.len() {
            match self.text(i) {
                "(" => inside.push(starts_query(self, i + 1)),
                ")" => {
                    inside.pop();
                    if inside.is_empty() {
                        return i;
                    }
                    from = from.filter(|(_, depth)| *depth <= inside.len());
                }
                word if from.is_none() && word.eq_ignore_ascii_case("from") && !inside.contains(&true) => from = Some((i, inside.len())),
                _ => {}
            }
        }
        from.map_or(self.tokens.len(), |(i, _)| i - 1)
    }
    /// Indices of the range that are in no bracket of it; an open bracket itself is given, what it holds is not.
    pub fn flat(&self, range: Range<usize>) -> impl Iterator<Item = usize> + '_ {
        let mut i = range.start;
        std::iter::from_fn(move || {
            if i >= range.end {
                return None;
            }
            let at = i;
            i = if self.is(i, "(") { self.close(i).max(i) + 1 } else { i + 1 };
            Some(at)
        })
    }
}

/// A name without its quotes, as far as it is typed.
pub fn unquoted(token: &str) -> String {
    let (open, close) = match token.chars().next() {
        Some('"') => ('"', '"'),
        Some('`') => ('`', '`'),
        Some('[') => ('[', ']'),
        _ => return token.to_string(),
    };
    let inner = token.strip_prefix(open).unwrap_or(token);
    let inner = inner.strip_suffix(close).unwrap_or(inner);
    inner.replace(&format!("{close}{close}"), &close.to_string())
}

/// Something that has columns: an item of FROM, the table of an UPDATE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What its columns are qualified with.
    pub alias: String,
    /// The name as written, in parts; empty for a subquery.
    pub name: Vec<String>,
    /// Columns and their types, if they are known.
    pub columns: Vec<(String, String)>,
    /// First token of the item.
    pub at: usize,
    /// The table of INSERT INTO: its columns are for the list behind it.
    pub target: bool,
}

/// A common table expression.
#[derive(Debug, Clone)]
struct Cte {
    name: String,
    columns: Vec<(String, String)>,
}

/// The queries round a place, from the innermost outwards, and the names of their CTEs.
pub struct Scope {
    /// Sources of the query that the place is in.
    pub sources: Vec<Source>,
    /// Sources of the queries round it, which it may refer to.
    pub outer: Vec<Source>,
    pub ctes: Vec<String>,
    /// Token range of the innermost query.
    pub query: Range<usize>,
    /// Its first word that says what it does: behind WITH … and EXPLAIN the one of the statement itself.
    pub verb: usize,
    /// The queries between UNION and its like, of which `query` is one.
    pub frame: Range<usize>,
    /// What the whole of them gives, by names that the select list makes and no table has.
    pub outputs: Vec<(String, String)>,
    /// The table that ALTER TABLE, CREATE INDEX and their like are about.
    pub own: Option<Source>,
    /// The bracket, inside that query, that the place is in and that holds no query of its own.
    pub bracket: Option<usize>,
}

impl Scope {
    /// Of a place that is in no query.
    pub fn empty() -> Scope {
        Scope {
            sources: Vec::new(),
            outer: Vec::new(),
            ctes: Vec::new(),
            query: 0..0,
            verb: 0,
            frame: 0..0,
            outputs: Vec::new(),
            own: None,
            bracket: None,
        }
    }
    /// The table that the statement writes into.
    pub fn target(&self) -> Option<&Source> {
        self.sources.iter().find(|s| s.target)
    }
}

/// ON CONFLICT or ON DUPLICATE KEY stands in a range of tokens, outside of brackets.
pub fn conflicts(words: &Words<'_>, range: Range<usize>) -> bool {
    words.flat(range).any(|i| i > 0 && words.is(i - 1, "on") && words.is_one(i, &["conflict", "duplicate"]))
}

/// The verb of a query, behind its WITH list or EXPLAIN.
fn verb(words: &Words<'_>, query: &Range<usize>) -> usize {
    if !words.is_one(query.start, &["with", "explain"]) {
        return query.start;
    }
    let verbs = &["select", "values", "insert", "update", "delete", "table", "merge", "replace", "create"];
    words.flat(query.clone()).find(|i| words.is_one(*i, verbs)).unwrap_or(query.start)
}

/// A query begins at this token.
pub fn starts_query(words: &Words<'_>, i: usize) -> bool {
    let function = words.is_one(i, &["insert", "replace", "values"]) && words.is(i + 1, "(") && !words.is(i, "values");
    !function && words.is_one(i, &["select", "with", "values", "insert", "update", "delete", "table", "merge", "replace"])
}

/// Reads the statement round token `at`, which is the one to be completed (or the end).
pub fn scope(words: &Words<'_>, names: &Names, at: usize) -> Scope {
    // Brackets that are open at the place.
    let mut open = Vec::new();
    for i in 0..at.min(words.tokens.len()) {
        match words.text(i) {
            "(" => open.push(i),
            ")" => drop(open.pop()),
            _ => {}
        }
    }
    let whole = 0..words.tokens.len();
    let mut frames = vec![whole];
    let mut bracket = None;
    for o in open {
        if starts_query(words, o + 1) {
            frames.push(o + 1..words.close(o));
            bracket = None;
        } else {
            // The innermost bracket decides what is expected in it.
            bracket = Some(o);
        }
    }
    let mut ctes: Vec<Cte> = Vec::new();
    let mut levels: Vec<Vec<Source>> = Vec::new();
    let (mut query, mut last) = (0..0, 0..0);
    for (depth, frame) in frames.iter().enumerate() {
        if depth > DEPTH {
            break;
        }
        query = segment(words, frame.clone(), at);
        last = frame.clone();
        read_ctes(words, names, frame.clone(), at, &mut ctes, depth);
        // A query in FROM or in WITH cannot see what stands beside it, unless it is LATERAL.
        let before = frame.start.checked_sub(2);
        if depth > 0 && before.is_some_and(|b| words.is_one(b, &["from", "join", ",", "as", "materialized"])) {
            levels.clear();
        }
        levels.push(sources(words, names, query.clone(), &ctes, depth));
    }
    let mut sources = levels.pop().unwrap_or_default();
    let outer = levels.into_iter().rev().flatten().collect();
    let verb = verb(words, &query);
    let own = super::own::own(words, names, &query, verb);
    if sources.is_empty() {
        sources.extend(own.clone());
    }
    // Behind UNION the columns are those of the first query, by its names.
    let joined =
        query.start > last.start && words.flat(last.start..query.start).any(|i| words.is_one(i, &["union", "intersect", "except"]));
    let mut outputs = outputs(words, names, last.clone(), &ctes, frames.len());
    if !joined {
        outputs.retain(|o| !sources.iter().any(|s| s.columns.iter().any(|c| c.0.eq_ignore_ascii_case(&o.0))));
    }
    Scope { sources, outer, ctes: ctes.into_iter().map(|c| c.name).collect(), query, verb, frame: last, outputs, own, bracket }
}

/// The part of a frame between set operators that holds `at`; what stands behind the last of them may belong to the INSERT round all.
fn segment(words: &Words<'_>, frame: Range<usize>, at: usize) -> Range<usize> {
    let (mut start, mut end) = (frame.start, frame.end);
    let mut statement = frame.start;
    for i in words.flat(frame) {
        if words.is_one(i, &["union", "intersect", "except", ";"]) {
            if i < at {
                start = i + 1;
                if words.is_one(start, &["all", "distinct"]) {
                    start += 1;
                }
                if words.is(i, ";") {
                    statement = start;
                }
            } else {
                end = i;
                break;
            }
        }
    }
    let inserts = || words.is_one(verb(words, &(statement..end)), &["insert", "replace"]);
    let behind = || conflicts(words, start..at) || words.flat(start..at).any(|i| words.is(i, "returning"));
    if start > statement && inserts() && behind() {
        start = statement;
    }
    start..end.max(start)
}

/// Reads `WITH name (columns) AS (query), …` at the start of a frame. A query does not see itself unless it is recursive,
/// but its name is proposed all the same.
fn read_ctes(words: &Words<'_>, names: &Names, frame: Range<usize>, at: usize, ctes: &mut Vec<Cte>, depth: usize) {
    if !words.is(frame.start, "with") || depth > DEPTH {
        return;
    }
    let mut i = frame.start + 1;
    if words.is(i, "recursive") {
        i += 1;
    }
    while i < frame.end && words.is_name(i) {
        let name = words.name(i);
        i += 1;
        let mut listed = Vec::new();
        if words.is(i, "(") {
            let close = words.close(i);
            listed = (i + 1..close).filter(|c| words.is_name(*c)).map(|c| words.name(c)).collect();
            i = close + 1;
        }
        if !words.is(i, "as") {
            return;
        }
        i += 1;
        while words.is_one(i, &["not", "materialized"]) {
            i += 1;
        }
        if !words.is(i, "(") {
            return;
        }
        let close = words.close(i);
        let inside = i < at && at <= close;
        let mut columns = if inside { Vec::new() } else { outputs(words, names, i + 1..close, ctes, depth + 1) };
        if !listed.is_empty() {
            let typed = columns.into_iter().map(|(_, t)| t).chain(std::iter::repeat(String::new()));
            columns = listed.into_iter().zip(typed).collect();
        }
        ctes.push(Cte { name, columns });
        i = close + 1;
        if !words.is(i, ",") {
            return;
        }
        i += 1;
    }
}

/// The sources of one query, in the order of the text.
fn sources(words: &Words<'_>, names: &Names, query: Range<usize>, ctes: &[Cte], depth: usize) -> Vec<Source> {
    let mut out = Vec::new();
    // Behind WITH … the sources are the main query's.
    let flat: Vec<usize> = words.flat(query.clone()).collect();
    let mut from = false;
    let mut k = 0;
    while k < flat.len() {
        let i = flat[k];
        k += 1;
        let previous = |n: usize| k.checked_sub(1 + n).and_then(|p| flat.get(p).copied());
        let begins = if words.is(i, "from") {
            // IS DISTINCT FROM compares.
            from = !previous(1).is_some_and(|p| words.is(p, "distinct") && previous(2).is_some_and(|q| words.is_one(q, &["is", "not"])));
            from
        } else if words.is(i, ",") {
            from
        } else if words.is(i, "join") || words.is(i, "straight_join") {
            from = true;
            true
        } else if words.is(i, "update") {
            // FOR UPDATE, ON DUPLICATE KEY UPDATE and DO UPDATE name no table.
            from = false;
            !previous(1).is_some_and(|p| words.is_one(p, &["for", "key", "do", "on", "no"]))
        } else if words.is(i, "into") {
            from = false;
            true
        } else if words.is(i, "using") {
            from = words.is(query.start, "delete") || words.is(query.start, "merge");
            from
        } else {
            if ends_from(words, i) {
                from = false;
            }
            false
        };
        if !begins {
            continue;
        }
        let mut at = i + 1;
        while words.is_one(at, &["only", "lateral", "low_priority", "ignore"]) {
            at += 1;
        }
        if at >= query.end {
            break;
        }
        let Some((mut source, mut next)) = item(words, names, at, query.end, ctes, depth) else { continue };
        source.target = words.is(i, "into");
        // The alias, and perhaps names for its columns.
        if words.is(next, "as") {
            next += 1;
        }
        if next < query.end && words.is_name(next) {
            source.alias = words.name(next);
            next += 1;
            if words.is(next, "(") && !source.target {
                let close = words.close(next);
                let types = source.columns.iter().map(|c| c.1.clone()).chain(std::iter::repeat(String::new()));
                let listed = (next + 1..close).filter(|c| words.is_name(*c)).map(|c| words.name(c));
                source.columns = listed.zip(types).collect();
                next = close + 1;
            }
        }
        out.push(source);
        while k < flat.len() && flat[k] < next {
            k += 1;
        }
    }
    out
}

/// Words that end the list of FROM.
fn ends_from(words: &Words<'_>, i: usize) -> bool {
    words.is_one(
        i,
        &["where", "group", "having", "order", "limit", "offset", "fetch", "window", "returning", "set", "values", "select", "union"],
    )
}

/// A table, a function or a subquery at token `at`, and the token behind it.
fn item(words: &Words<'_>, names: &Names, at: usize, end: usize, ctes: &[Cte], depth: usize) -> Option<(Source, usize)> {
    if words.is(at, "(") {
        let close = words.close(at);
        let columns = if starts_query(words, at + 1) { outputs(words, names, at + 1..close, ctes, depth + 1) } else { Vec::new() };
        return Some((Source { alias: String::new(), name: Vec::new(), columns, at, target: false }, close + 1));
    }
    if words.is(at, "json_table") && words.is(at + 1, "(") {
        let close = words.close(at + 1);
        let mut columns = Vec::new();
        listed(words, at + 2..close, &mut columns);
        return Some((Source { alias: words.name(at), name: Vec::new(), columns, at, target: false }, close + 1));
    }
    let mut parts = Vec::new();
    let mut i = at;
    // Behind a point every word is a name.
    while i < end && (words.is_name(i) || words.is_word(i) && (i > at || names_a_table(words, i))) {
        parts.push(words.name(i));
        i += 1;
        if !words.is(i, ".") {
            break;
        }
        i += 1;
    }
    let alias = parts.last()?.clone();
    if words.is(i, "(") {
        // A function's rows; after INSERT INTO it is the list of columns, and the table before it is still the source.
        let columns = columns_of(names, ctes, &parts);
        return Some((Source { alias, name: parts, columns, at, target: false }, words.close(i) + 1));
    }
    let columns = columns_of(names, ctes, &parts);
    Some((Source { alias, name: parts, columns, at, target: false }, i))
}

/// A keyword where a table is to come is the table's name, where the dialect lets it be one (`FROM events`, `JOIN comment c`).
fn names_a_table(words: &Words<'_>, i: usize) -> bool {
    // What else may stand behind FROM, INTO, JOIN and UPDATE, or while the name is not typed yet.
    const OTHERS: [&str; 9] = ["temp", "temporary", "unlogged", "dumpfile", "nowait", "skip", "of", "partition", "straight_join"];
    !crate::sql::reserved::reserved(words.dialect, words.text(i)) && !ends_from(words, i) && !words.is_one(i, &OTHERS)
}

/// The columns that JSON_TABLE lists, also in nested paths.
fn listed(words: &Words<'_>, range: Range<usize>, out: &mut Vec<(String, String)>) {
    let Some(open) = words.flat(range.clone()).find(|i| words.is(*i, "(") && words.is(i - 1, "columns")) else { return };
    let close = words.close(open).min(range.end);
    let mut begins = true;
    for i in words.flat(open + 1..close) {
        if begins && words.is(i, "nested") {
            listed(words, i..close, out);
        } else if begins && words.is_name(i) {
            out.push((words.name(i), words.text(i + 1).to_string()));
        }
        begins = words.is(i, ",");
    }
}

/// An item of a query's select list, by the name that it has there, counts or adds up rows: no group can be made of it.
pub fn aggregated(words: &Words<'_>, query: Range<usize>, name: &str) -> bool {
    const AGGREGATES: &[&str] = &[
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "array_agg",
        "string_agg",
        "group_concat",
        "json_agg",
        "jsonb_agg",
        "json_object_agg",
        "jsonb_object_agg",
        "json_arrayagg",
        "json_objectagg",
        "json_group_array",
        "json_group_object",
        "bool_and",
        "bool_or",
        "every",
        "bit_and",
        "bit_or",
        "total",
        "stddev",
        "variance",
        "percentile_cont",
        "percentile_disc",
        "mode",
        "over",
    ];
    let flat: Vec<usize> = words.flat(query).collect();
    let Some(list) = flat.iter().position(|i| words.is(*i, "select")) else { return false };
    let items = flat[list + 1..].split(|i| words.is_one(*i, &[",", "from"]));
    let called = |item: &[usize]| {
        let last = item.iter().rev().find(|i| !words.is(**i, "("));
        last.is_some_and(|i| words.name(*i).eq_ignore_ascii_case(name))
    };
    let end = |item: &[usize]| item.last().map_or(0, |i| if words.is(*i, "(") { words.close(*i) } else { *i });
    items
        .filter(|item| called(item))
        .any(|item| (item[0]..end(item)).any(|i| words.is_one(i, AGGREGATES) && (words.is(i + 1, "(") || words.is(i, "over"))))
}

fn columns_of(names: &Names, ctes: &[Cte], parts: &[String]) -> Vec<(String, String)> {
    let (schema, name) = match parts {
        [name] => (None, name),
        [.., schema, name] => (Some(schema.as_str()), name),
        [] => return Vec::new(),
    };
    // The last one of a name hides those further out.
    if schema.is_none()
        && let Some(cte) = ctes.iter().rev().find(|c| c.name.eq_ignore_ascii_case(name))
    {
        return cte.columns.clone();
    }
    let columns = names.relation(schema, name).map(|r| &r.columns[..]).unwrap_or_default();
    columns.iter().map(|c| (c.name.to_string(), c.type_name.to_string())).collect()
}

/// The columns that a query gives, as far as the text and the catalogue tell.
fn outputs(words: &Words<'_>, names: &Names, frame: Range<usize>, ctes: &[Cte], depth: usize) -> Vec<(String, String)> {
    if depth > DEPTH {
        return Vec::new();
    }
    let mut ctes = ctes.to_vec();
    read_ctes(words, names, frame.clone(), usize::MAX, &mut ctes, depth);
    // The first part of a UNION names the columns.
    let query = segment(words, frame.clone(), frame.start);
    let flat: Vec<usize> = words.flat(query.clone()).collect();
    let Some(list) = flat.iter().position(|i| words.is_one(*i, &["select", "returning"])) else { return Vec::new() };
    let list = if words.is(query.start, "select") || words.is(query.start, "with") {
        flat.iter().position(|i| words.is(*i, "select")).unwrap_or(list)
    } else {
        flat.iter().position(|i| words.is(*i, "returning")).unwrap_or(list)
    };
    let sources = sources(words, names, query.clone(), &ctes, depth);
    let mut out = Vec::new();
    let mut item: Vec<usize> = Vec::new();
    let rest = flat.get(list + 1..).unwrap_or_default();
    let ends = |i: usize| words.is_one(i, &["from", "into", "where", "group", "having", "order", "limit", "window"]);
    for i in rest.iter().copied().take_while(|i| !ends(*i)).filter(|i| !words.is_one(*i, &["distinct", "all"])).map(Some).chain([None]) {
        match i {
            Some(i) if !words.is(i, ",") => item.push(i),
            _ => {
                output(words, &item, &sources, &mut out);
                item.clear();
            }
        }
    }
    out
}

/// The columns of one item of a select list.
fn output(words: &Words<'_>, item: &[usize], sources: &[Source], out: &mut Vec<(String, String)>) {
    let (Some(first), Some(last)) = (item.first(), item.last()) else { return };
    if words.is(*last, "*") && (item.len() == 1 || item.len() == 3 && words.is(item[1], ".")) {
        let of = (item.len() == 3).then(|| words.name(*first));
        for s in sources.iter().filter(|s| of.as_ref().is_none_or(|a| s.alias.eq_ignore_ascii_case(a))) {
            out.extend(s.columns.iter().cloned());
        }
        return;
    }
    if !words.is_name(*last) {
        // `count(*)` and its like are named after the function by PostgreSQL alone; other expressions by nobody.
        if words.is(*last, "(") && words.dialect == Dialect::Postgres && item.len() == 2 && words.is_name(*first) {
            out.push((words.name(*first), String::new()));
        }
        return;
    }
    let name = words.name(*last);
    let bare = item.len() == 1 || words.is(item[item.len() - 2], ".");
    // `a + b` ends in a name and has none; `a + b c`, `f(a) c` and `case … end c` have one.
    let before = item.len().checked_sub(2).map(|i| item[i]);
    let valued = |i: usize| words.is_one(i, &["as", "(", "]", "end", "null", "true", "false"]) || words.is_name(i) || words.is_value(i);
    if !bare && !before.is_some_and(valued) {
        return;
    }
    let of = (item.len() == 3).then(|| words.name(*first));
    let known = |s: &&Source| of.as_ref().is_none_or(|a| s.alias.eq_ignore_ascii_case(a));
    let typed = || sources.iter().filter(known).flat_map(|s| &s.columns).find(|c| c.0.eq_ignore_ascii_case(&name)).map(|c| c.1.clone());
    let type_name = if bare { typed().unwrap_or_default() } else { String::new() };
    out.push((name, type_name));
}
