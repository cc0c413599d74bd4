//! What may come at the cursor: pure, over half-typed text and names that are already in memory, so that it can follow
//! every key.

mod hints;
mod joins;
mod keywords;
mod more;
mod object;
mod own;
mod place;
mod position;
mod quotes;
mod rank;
pub mod scope;
mod typed;
pub use scope::unquoted;

use super::reserved::plain;
use super::{TokenKind, statement_at};
use crate::model::names::{Names, Relation};
use crate::model::{Dialect, NodeKind};
use joins::{conditions, joins, relation_of};
use place::{Place, place};
use quotes::Opened;
use rank::Collecting;
use scope::{Scope, Source, Words};
use std::collections::HashMap;
use std::ops::Range;
use typed::Typed;

/// What a proposal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProposalKind {
    Column,
    /// A table of the query by its alias or name.
    Alias,
    Table,
    View,
    /// A common table expression.
    Query,
    Schema,
    Function,
    Keyword,
    Procedure,
    Type,
    Setting,
    Index,
    Trigger,
    Event,
    Sequence,
    Constraint,
    Role,
    /// A table with its ON, or the condition of an ON, from a foreign key.
    Join,
}

/// One proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub kind: ProposalKind,
    /// What replaces the word that is being typed, quoted where it has to be.
    pub insert: String,
    /// Type of a column, schema of a table: what stands behind it in the list.
    pub detail: String,
}

/// What is proposed, best first, and the bytes of the text that a proposal replaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proposals {
    pub replace: Range<usize>,
    pub list: Vec<Proposal>,
    /// What is typed is a proposal already, letter by letter: nothing need be shown unasked.
    pub complete: bool,
    /// Schemas that the statement names and whose relations are not read yet ([`Names::unread`]).
    pub unread: Vec<String>,
}

/// Longest statement that is read, in bytes: longer ones are data, and reading them would hold up the next key.
pub const LONGEST: usize = 256 * 1024;
/// Proposals for the word that ends at byte `cursor` of `text`, which may hold many statements.
pub fn complete(dialect: Dialect, text: &str, cursor: usize, names: &Names) -> Proposals {
    let cursor = floor(text, cursor);
    // Data is not read for the sake of a quote.
    let opened = if text.len() > LONGEST { Opened::No } else { quotes::opened(dialect, text, cursor) };
    match opened {
        Opened::No => proposals(dialect, text, cursor, names),
        Opened::Open(text) => proposals(dialect, &text, cursor, names),
        Opened::Closed(end) => {
            let found = proposals(dialect, text, cursor, names);
            let replace = if found.list.is_empty() { found.replace } else { found.replace.start..end };
            Proposals { replace, ..found }
        }
    }
}

/// The same for a text whose quotes are closed.
fn proposals(dialect: Dialect, text: &str, cursor: usize, names: &Names) -> Proposals {
    let nothing = Proposals { replace: cursor..cursor, ..Proposals::default() };
    // Behind the last word the cursor is in no statement yet, or in the one before it.
    let span = statement_at(dialect, text, cursor).map(|s| s.span).filter(|s| s.start <= cursor);
    let behind = span.as_ref().is_some_and(|s| text.get(s.end..cursor).is_none_or(|gap| !gap.contains(';')) || s.end >= cursor);
    let start = span.filter(|_| behind).map_or(cursor - word_before(text, cursor), |s| s.start);
    let end = text.len().min(start + LONGEST);
    if cursor - start > LONGEST / 2 {
        return nothing;
    }
    let statement = &text[start..floor(text, end)];
    let at = cursor - start;
    if let Some(found) = hints::proposals(dialect, names.mariadb, statement, at) {
        return Proposals { replace: start + found.replace.start..start + found.replace.end, ..found };
    }
    let words = Words::new(dialect, statement);
    let Some(typed) = Typed::read(&words, at) else { return nothing };
    let mut out = Collecting { dialect, names, prefix: &typed.prefix, found: Vec::new(), quoted: typed.quoted };
    let scope = scope::scope(&words, names, typed.first);
    gather(&words, &scope, &typed, &mut out);
    let complete = !typed.prefix.is_empty() && out.found.iter().any(|(_, p)| p.insert.eq_ignore_ascii_case(&typed.prefix));
    let list = out.rank(case(&words, &typed.prefix), case(&words, ""));
    Proposals { replace: start + typed.start..cursor, list, complete, unread: unread(&words, names) }
}

/// Schemas before a dot whose relations are still to be read.
fn unread(words: &Words<'_>, names: &Names) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    if names.unread.is_empty() {
        return out;
    }
    for dot in (1..words.tokens.len()).filter(|i| words.is(*i, ".")) {
        let name = words.name(dot - 1);
        if let Some(s) = names.unread.iter().find(|s| s.eq_ignore_ascii_case(&name))
            && !out.contains(s)
        {
            out.push(s.clone());
        }
    }
    out
}

/// Counts the names of a statement, for [`Names::used`].
pub fn count(used: &mut HashMap<String, u32>, dialect: Dialect, text: &str) {
    // A statement of data names nothing often enough to be worth reading it.
    if text.len() > LONGEST {
        return;
    }
    for t in super::lex(dialect, text) {
        if matches!(t.kind, TokenKind::Identifier | TokenKind::QuotedIdentifier) {
            let name = unquoted(&text[t.span]).to_lowercase();
            *used.entry(name).or_default() += 1;
        }
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Bytes of the word that ends at `at`.
fn word_before(text: &str, at: usize) -> usize {
    text[..at].chars().rev().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum()
}

fn gather(words: &Words<'_>, scope: &Scope, typed: &Typed, out: &mut Collecting<'_>) {
    if typed.variable {
        return objects(words, scope, object::Wanted::Settings, out);
    }
    let only = object::wanted(words, scope, typed.first);
    if !typed.qualifier.is_empty() {
        return match only {
            Some(object::Wanted::Relations(kinds)) => qualified(words, scope, typed, Some(kinds), out),
            _ => qualified(words, scope, typed, None, out),
        };
    }
    // Once a letter is typed, a longer list hides nothing.
    let more = !typed.prefix.is_empty() && !typed.quoted;
    if more::named(words, typed.first, out) {
        return;
    }
    if let Some(wanted) = only {
        if more {
            more::rest(words, typed.first, out);
        }
        if words.is(typed.first - 1, "truncate") && words.dialect != Dialect::Sqlite {
            out.keywords(&["TABLE"]);
        }
        return objects(words, scope, wanted, out);
    }
    let place = place(words, scope, typed.first);
    if position::within_phrase(words, scope, &place, typed.first, out) {
        return;
    }
    let from = out.found.len();
    if more {
        more::gather(words, &place, out);
    }
    match place {
        Place::Start => out.words(keywords::START),
        Place::Relation => {
            out.relations(scope, None);
            if words.is_one(typed.first - 1, &["from", "lateral", ","]) {
                out.row_functions();
            }
        }
        Place::Join => {
            joins(scope, typed.first, out);
            out.relations(scope, None);
            out.row_functions();
        }
        Place::By => out.keywords(&["BY"]),
        Place::AfterRelation => position::behind_relation(words, scope, typed.first, out),
        Place::On => {
            conditions(scope, typed.first, out);
            out.expression(scope, reach(words, scope, typed.first));
            position::weigh(words, typed.first, from, out);
        }
        // The name that is given to an expression.
        Place::Expression("select" | "returning") if words.is(typed.first - 1, "as") => return,
        // A number.
        Place::Expression("limit" | "offset") => {
            out.functions();
            out.keywords_behind("limit");
            position::weigh(words, typed.first, from, out);
        }
        Place::Expression(clause) => {
            // What a query calls its columns may be sorted and grouped by. On PostgreSQL such a name stands alone.
            let alone = words.is_one(typed.first - 1, &["by", ","]) && scope.bracket.is_none_or(|b| b < scope.query.start);
            let takes = match clause {
                "order" | "group" => alone || words.dialect != Dialect::Postgres,
                "having" => words.dialect != Dialect::Postgres,
                _ => false,
            };
            if takes {
                let grouped = |name: &str| clause != "group" || !scope::aggregated(words, scope.query.clone(), name);
                for (name, type_name) in scope.outputs.iter().filter(|o| grouped(&o.0)) {
                    out.name(ProposalKind::Column, name, type_name.clone(), 600);
                }
            }
            out.expression(scope, reach(words, scope, typed.first));
            if words.dialect != Dialect::MySql && clause == "set" && scope::conflicts(words, scope.query.start..typed.first) {
                out.name(ProposalKind::Alias, "excluded", "the row that was to be inserted".into(), 250);
            }
            if clause == "values" && scope.bracket.is_some_and(|b| b >= scope.query.start) {
                out.keywords(keywords::IN_VALUES);
            } else if let Some(list) = within_case(words, scope.query.start, typed.first) {
                for w in list {
                    out.push(ProposalKind::Keyword, (*w).to_string(), String::new(), w, 400);
                }
                out.keywords_behind("");
                position::weigh(words, typed.first, from, out);
            } else if scope.bracket.is_some_and(|b| b >= scope.query.start && b + 1 == typed.first) {
                position::weigh(words, typed.first, from, out);
                out.keywords(keywords::opened(words.text(typed.first.saturating_sub(2))));
            } else {
                out.keywords_behind(clause);
                position::weigh(words, typed.first, from, out);
            }
        }
        Place::OwnColumns => {
            let target = scope.target().or(scope.own.as_ref()).or(scope.sources.first());
            match target {
                Some(s) if !referenced(words, scope) => {
                    out.own_columns(&unlisted(words, scope, typed.first, writable(words, scope, s, out.names)))
                }
                _ => own_columns(words, scope, out),
            }
        }
        Place::Using => {
            let (last, others) = match scope.sources.iter().filter(|s| s.at < typed.first).collect::<Vec<_>>().split_last() {
                Some((last, others)) => ((*last).clone(), others.iter().map(|s| (*s).clone()).collect::<Vec<_>>()),
                None => return,
            };
            for (name, type_name) in &last.columns {
                if others.iter().any(|o| o.columns.iter().any(|c| c.0.eq_ignore_ascii_case(name))) {
                    out.name(ProposalKind::Column, name, type_name.clone(), 500);
                }
            }
        }
        Place::Other => {
            out.words(keywords::OTHER);
            out.relations(scope, None);
        }
    }
    if more {
        more::rest(words, typed.first, out);
    }
}

/// The sources whose columns an expression may name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    All,
    /// All but the table that is written into: its rows are not there yet.
    Read,
    /// That table alone.
    Written,
}

fn reach(words: &Words<'_>, scope: &Scope, first: usize) -> Reach {
    let before = scope.query.start..first;
    let last = |list: &[&str]| words.flat(before.clone()).filter(|i| words.is_one(*i, list)).last();
    match () {
        () if scope.target().is_none() || scope.sources.len() == 1 => Reach::All,
        () if words.is(scope.verb, "merge") => {
            let inserts = last(&["then", "values", "returning"]).is_some_and(|i| words.is(i, "values"));
            if inserts { Reach::Read } else { Reach::All }
        }
        () if scope::conflicts(words, before.clone()) => {
            if words.dialect == Dialect::MySql {
                Reach::All
            } else {
                Reach::Written
            }
        }
        () if last(&["returning", "select"]).is_some_and(|i| words.is(i, "returning")) => Reach::Written,
        () => Reach::Read,
    }
}

/// The bracket is the list of REFERENCES: columns of the other table.
fn referenced(words: &Words<'_>, scope: &Scope) -> bool {
    let open = scope.bracket.filter(|b| *b >= 1 && words.is_name(b - 1));
    open.is_some_and(|open| (2..=4).any(|n| open.checked_sub(n).is_some_and(|i| words.is(i, "references"))))
}

/// What an open CASE goes on with.
fn within_case(words: &Words<'_>, from: usize, first: usize) -> Option<&'static [&'static str]> {
    // The last word of each CASE that is open; a bracket hides those around it.
    let mut open: Vec<&'static str> = Vec::new();
    for i in from..first {
        let word = ["(", ")", "case", "when", "then", "else", "end"].into_iter().find(|w| words.is(i, w));
        match word {
            Some(w @ ("(" | "case")) => open.push(w),
            Some(")") => while open.pop().is_some_and(|o| o != "(") {},
            Some("end") => drop(open.pop_if(|o| *o != "(")),
            Some(w) => {
                if let Some(last) = open.last_mut().filter(|o| **o != "(") {
                    *last = w;
                }
            }
            None => {}
        }
    }
    let directly = words.is_one(first.checked_sub(1)?, &["when", "then", "else"]);
    match *open.last()? {
        _ if directly => None,
        "case" => Some(&["WHEN"]),
        "when" => Some(&["THEN"]),
        "then" => Some(&["WHEN", "ELSE", "END"]),
        "else" => Some(&["END"]),
        _ => None,
    }
}

/// Names of one kind.
fn objects(words: &Words<'_>, scope: &Scope, wanted: object::Wanted, out: &mut Collecting<'_>) {
    use object::Wanted;
    let names = out.names;
    match wanted {
        Wanted::Relations(kinds) => out.relations(&Scope::empty(), Some(kinds)),
        Wanted::Places(kind) => out.placed(kind, None),
        Wanted::On(kind) => {
            // Foreign keys are dropped as such; what is no constraint of them is an index.
            if let Some(r) = scope.target().or(scope.own.as_ref()).and_then(|s| relation_of(names, s)) {
                out.hanging(kind, None, r);
            }
        }
        Wanted::Under(kind, heading) => {
            if let Some(r) = scope.target().or(scope.own.as_ref()).and_then(|s| relation_of(names, s)) {
                out.hanging(kind, Some(heading), r);
            }
        }
        Wanted::HintedIndexes => {
            if let Some(r) = scope.bracket.and_then(|b| scope.sources.iter().rfind(|s| s.at < b)).and_then(|s| relation_of(names, s)) {
                out.hanging(NodeKind::Index, None, r);
                out.name(ProposalKind::Index, "PRIMARY", String::new(), 100);
            }
        }
        Wanted::TableActions => out.words(object::ALTER_TABLE),
        Wanted::TriggerFunctions => out.trigger_functions(),
        Wanted::Aliases => {
            for s in scope.sources.iter().filter(|s| !s.alias.is_empty()) {
                out.name(ProposalKind::Alias, &s.alias, s.name.join("."), 300);
            }
        }
        Wanted::Events => out.placed(NodeKind::Function, Some("Events")),
        Wanted::Schemas => {
            for s in &names.schemas {
                out.name(ProposalKind::Schema, s, String::new(), 100);
            }
        }
        Wanted::Functions => out.own_functions(),
        Wanted::Procedures => {
            let open = if words.dialect == Dialect::Sqlite || words.is(0, "drop") || words.is(0, "alter") { "" } else { "(" };
            out.routines(&names.procedures, ProposalKind::Procedure, open);
        }
        Wanted::Types => {
            for t in &names.types {
                // Written as SQL takes them: some have blanks in them.
                out.push(ProposalKind::Type, t.to_string(), String::new(), t, 100);
            }
            more::types(words, out);
        }
        Wanted::Settings => {
            let about = if words.is(0, "set") || words.is(0, "pragma") { &[][..] } else { &["ALL"] };
            for s in &names.settings {
                out.push(ProposalKind::Setting, s.to_string(), String::new(), s, 100);
            }
            out.keywords(about);
            if words.is(0, "set") {
                out.words(keywords::SET);
            }
        }
        Wanted::ColumnsOf(table) => {
            let schema = (table >= 2 && words.is(table - 1, ".")).then(|| words.name(table - 2));
            for c in names.relation(schema.as_deref(), &words.name(table)).map_or(&[][..], |r| &r.columns) {
                out.name(ProposalKind::Column, &c.name, c.type_name.to_string(), 500);
            }
        }
        Wanted::Keywords(list) => out.keywords(list),
        Wanted::Values => {
            out.functions();
            out.keywords(keywords::IN_VALUES);
        }
    }
}

/// A source without the columns that only the server fills, where it is written to; of ON CONFLICT those that a unique key has.
fn writable(words: &Words<'_>, scope: &Scope, s: &Source, names: &Names) -> Source {
    let mut s = s.clone();
    let conflict = scope.bracket.is_some_and(|b| b >= 1 && words.is(b - 1, "conflict"));
    let writes = words.is_one(scope.query.start, &["insert", "replace", "update", "merge"]);
    if writes && let Some(r) = relation_of(names, &s) {
        let among = |places: &[u16], name: &str| places.iter().any(|i| r.columns.get(usize::from(*i)).is_some_and(|c| *c.name == *name));
        // Of a table without a key that is known here, all are shown.
        let fits = |name: &str| if conflict { r.keyed.is_empty() || among(&r.keyed, name) } else { !among(&r.unwritable, name) };
        s.columns.retain(|(name, _)| fits(name));
    }
    s
}

/// A source without the columns that the list in the bracket has already; the name at `first` is still being typed.
fn unlisted(words: &Words<'_>, scope: &Scope, first: usize, mut s: Source) -> Source {
    let Some(open) = scope.bracket.filter(|b| *b >= scope.query.start) else { return s };
    let mut depth = 0usize;
    let mut listed = Vec::new();
    for i in open + 1..words.tokens.len() {
        match words.text(i) {
            "(" => depth += 1,
            ")" if depth == 0 => break,
            ")" => depth -= 1,
            _ if depth == 0 && i != first && (words.is_name(i) || words.tokens[i].kind == TokenKind::Keyword) => listed.push(words.name(i)),
            _ => {}
        }
    }
    s.columns.retain(|(name, _)| !listed.iter().any(|l| l.eq_ignore_ascii_case(name)));
    s
}

/// Columns of the table that CREATE INDEX … ON or REFERENCES names before the bracket.
fn own_columns(words: &Words<'_>, scope: &Scope, out: &mut Collecting<'_>) {
    let Some(open) = scope.bracket.filter(|b| *b >= 1) else { return };
    let name = words.name(open - 1);
    let schema = (open >= 3 && words.is(open - 2, ".")).then(|| words.name(open - 3));
    if let Some(r) = out.names.relation(schema.as_deref(), &name) {
        for c in r.columns.iter() {
            out.name(ProposalKind::Column, &c.name, c.type_name.to_string(), 500);
        }
    }
}

/// What can stand behind `name.`: columns of a source, relations of a schema, columns of a table.
fn qualified(words: &Words<'_>, scope: &Scope, typed: &Typed, kinds: Option<&[NodeKind]>, out: &mut Collecting<'_>) {
    let last = typed.qualifier.last().map(String::as_str).unwrap_or_default();
    let one = typed.qualifier.len() == 1;
    let same = |s: &&Source| {
        // What is being typed is no source of itself.
        s.at != typed.first
            && s.alias.eq_ignore_ascii_case(last)
            && (one || s.name.len() > 1 && s.name[s.name.len() - 2].eq_ignore_ascii_case(&typed.qualifier[typed.qualifier.len() - 2]))
    };
    if kinds.is_none()
        && one
        && let Some(s) = row_of(words, scope, typed.first, last)
    {
        for (name, type_name) in &s.columns {
            out.name(ProposalKind::Column, name, type_name.clone(), 500);
        }
        return;
    }
    if kinds.is_none()
        && let Some(s) = scope.sources.iter().find(same).or_else(|| scope.outer.iter().find(same))
    {
        for (name, type_name) in &s.columns {
            out.name(ProposalKind::Column, name, type_name.clone(), 500);
        }
        return;
    }
    if one {
        let fits = |r: &&Relation| r.schema.eq_ignore_ascii_case(last) && kinds.is_none_or(|k| k.contains(&r.kind));
        for r in out.names.relations.iter().filter(fits) {
            out.name(kind_of(r), &r.name, String::new(), 300);
        }
        for f in out.names.functions.iter().chain(&out.names.procedures).filter(|_| kinds.is_none()) {
            if let Some((schema, name)) = f.split_once('.')
                && schema.eq_ignore_ascii_case(last)
                && plain(out.dialect, name)
            {
                out.push(ProposalKind::Function, format!("{name}("), String::new(), name, 200);
            }
        }
    }
    // Before FROM is typed, a table's own name serves.
    let schema = (!one).then(|| typed.qualifier[typed.qualifier.len() - 2].as_str());
    if out.found.is_empty()
        && let Some(r) = out.names.relation(schema, last)
    {
        for c in r.columns.iter() {
            out.name(ProposalKind::Column, &c.name, c.type_name.to_string(), 400);
        }
    }
}

/// The table whose row a name stands for that no FROM has: `excluded` of ON CONFLICT, MySQL's `VALUES (…) AS new`, a trigger's NEW and
/// OLD.
fn row_of<'s>(words: &Words<'_>, scope: &'s Scope, first: usize, name: &str) -> Option<&'s Source> {
    if own::triggers(words, scope.verb) && ["new", "old"].iter().any(|n| name.eq_ignore_ascii_case(n)) {
        return scope.own.as_ref();
    }
    let before = scope.query.start..first;
    if !scope::conflicts(words, before.clone()) {
        return None;
    }
    let mine = match words.dialect {
        Dialect::MySql => {
            let named = |i: usize| i > 1 && words.is(i - 1, "as") && words.is(i - 2, ")") && words.name(i).eq_ignore_ascii_case(name);
            before.clone().any(named)
        }
        _ => name.eq_ignore_ascii_case("excluded"),
    };
    scope.target().filter(|_| mine)
}

fn kind_of(r: &Relation) -> ProposalKind {
    if r.kind == NodeKind::Table { ProposalKind::Table } else { ProposalKind::View }
}

/// Whether keywords are written in capitals: as the word being typed is, else as those that are there.
fn case(words: &Words<'_>, prefix: &str) -> bool {
    if prefix.chars().any(char::is_alphabetic) {
        return !prefix.chars().any(char::is_lowercase);
    }
    let keywords = words.tokens.iter().filter(|t| t.kind == TokenKind::Keyword);
    let (up, low): (Vec<_>, Vec<_>) = keywords.partition(|t| !words.text[t.span.clone()].bytes().any(|b| b.is_ascii_lowercase()));
    up.len() > low.len()
}

#[cfg(test)]
mod tests;
