//! Places where one kind of name may stand and nothing else: behind DROP VIEW, CALL, USE, `::`, SET.

use super::scope::Words;
use crate::model::{Dialect, NodeKind};
use crate::sql::TokenKind;

/// What a place takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    Relations(&'static [NodeKind]),
    /// Objects that stand under a heading of the schema tree.
    Places(NodeKind),
    Events,
    Schemas,
    Functions,
    Procedures,
    Types,
    Settings,
    /// Columns of the table that ALTER TABLE names, by the token of that name.
    ColumnsOf(usize),
    Keywords(&'static [&'static str]),
    /// Functions and keywords, but no column: VALUES (…) of an INSERT.
    Values,
}

const TABLES: &[NodeKind] = &[NodeKind::Table];
const VIEWS: &[NodeKind] = &[NodeKind::View];
const MATERIALIZED: &[NodeKind] = &[NodeKind::MaterializedView];

/// Words that name a kind of object, with what stands behind them; the longer come first.
const KINDS: &[(&[&str], Wanted)] = &[
    (&["materialized", "view"], Wanted::Relations(MATERIALIZED)),
    (&["foreign", "table"], Wanted::Relations(TABLES)),
    (&["temporary", "table"], Wanted::Relations(TABLES)),
    (&["table"], Wanted::Relations(TABLES)),
    (&["view"], Wanted::Relations(VIEWS)),
    (&["index"], Wanted::Places(NodeKind::Index)),
    (&["trigger"], Wanted::Places(NodeKind::Trigger)),
    (&["sequence"], Wanted::Places(NodeKind::Sequence)),
    (&["type"], Wanted::Places(NodeKind::Type)),
    (&["domain"], Wanted::Places(NodeKind::Type)),
    (&["function"], Wanted::Functions),
    (&["procedure"], Wanted::Procedures),
    (&["schema"], Wanted::Schemas),
    (&["event"], Wanted::Events),
    // Kinds whose names are not known here: tables would be wrong.
    (&["user"], UNKNOWN),
    (&["role"], UNKNOWN),
    (&["extension"], UNKNOWN),
    (&["policy"], UNKNOWN),
    (&["rule"], UNKNOWN),
    (&["database"], UNKNOWN),
    (&["tablespace"], UNKNOWN),
    (&["server"], UNKNOWN),
    (&["publication"], UNKNOWN),
    (&["subscription"], UNKNOWN),
    (&["operator"], UNKNOWN),
    (&["aggregate"], UNKNOWN),
    (&["collation"], UNKNOWN),
];

/// IF EXISTS at most.
const UNKNOWN: Wanted = Wanted::Keywords(&["IF EXISTS"]);

const DROP_POSTGRES: &[&str] = &[
    "TABLE",
    "VIEW",
    "INDEX",
    "FUNCTION",
    "SEQUENCE",
    "TRIGGER",
    "TYPE",
    "SCHEMA",
    "MATERIALIZED VIEW",
    "PROCEDURE",
    "DOMAIN",
    "DATABASE",
    "ROLE",
    "EXTENSION",
    "POLICY",
];
const DROP_MYSQL: &[&str] = &["TABLE", "VIEW", "INDEX", "TRIGGER", "PROCEDURE", "FUNCTION", "DATABASE", "EVENT", "USER"];
const DROP_SQLITE: &[&str] = &["TABLE", "VIEW", "INDEX", "TRIGGER"];
const ALTER_TABLE: &[&str] = &[
    "ADD COLUMN",
    "ALTER COLUMN",
    "DROP COLUMN",
    "RENAME COLUMN",
    "RENAME TO",
    "ADD CONSTRAINT",
    "DROP CONSTRAINT",
    "MODIFY COLUMN",
    "OWNER TO",
    "SET SCHEMA",
];

/// What may stand at token `first`, if only one kind of thing may; `query` is the first token of the statement, `bracket` the open
/// bracket that the place is in.
pub fn wanted(words: &Words<'_>, query: usize, bracket: Option<usize>, first: usize) -> Option<Wanted> {
    let before = first.checked_sub(1)?;
    let dialect = words.dialect;
    if words.is(before, "::") {
        return Some(Wanted::Types);
    }
    if let Some(open) = bracket.filter(|b| *b >= query) {
        return inside(words, query, open, before);
    }
    let verb = |w: &str| words.is(query, w);
    match () {
        () if verb("call") && before == query => Some(Wanted::Procedures),
        () if verb("use") && before == query && dialect == Dialect::MySql => Some(Wanted::Schemas),
        () if verb("pragma") && before == query => Some(Wanted::Settings),
        () if verb("set") || verb("reset") || verb("show") && dialect == Dialect::Postgres => setting(words, query, before),
        () if verb("refresh") => match words.text(before).to_ascii_lowercase().as_str() {
            "refresh" => Some(Wanted::Keywords(&["MATERIALIZED VIEW"])),
            "view" | "concurrently" => Some(Wanted::Relations(MATERIALIZED)),
            _ => None,
        },
        () if verb("truncate") => (before == query || words.is_one(before, &["table", "only", ","])).then_some(Wanted::Relations(TABLES)),
        () if verb("drop") || verb("alter") => object(words, query, before),
        () if verb("comment") && words.is(query + 1, "on") && before > query + 1 => kind_before(words, query + 2, first),
        () => None,
    }
}

/// Behind SET and SHOW, and the words that may follow them.
fn setting(words: &Words<'_>, query: usize, before: usize) -> Option<Wanted> {
    let scope = before == query + 1 && words.is_one(before, &["local", "session", "global"]);
    (before == query || scope).then_some(Wanted::Settings)
}

/// In a bracket that holds no query: CAST (… AS type), the columns of CREATE TABLE, VALUES (…).
fn inside(words: &Words<'_>, query: usize, open: usize, before: usize) -> Option<Wanted> {
    if words.is(before, "as") && open >= 1 && words.is_one(open - 1, &["cast", "try_cast"]) {
        return Some(Wanted::Types);
    }
    // `name |` behind the bracket or a comma: the type of a column.
    let item = words.is_name(before) && before >= 1 && words.is_one(before - 1, &["(", ","]);
    if words.is(query, "create") && (query..open).any(|i| words.is(i, "table")) && item {
        return Some(Wanted::Types);
    }
    let inserts = words.is_one(query, &["insert", "replace"]);
    let values = words.flat(query..open).any(|i| words.is(i, "values"));
    (inserts && values).then_some(Wanted::Values)
}

/// Behind DROP and ALTER: the kind of object, its name, what is done to a table.
fn object(words: &Words<'_>, query: usize, before: usize) -> Option<Wanted> {
    if before == query {
        return Some(Wanted::Keywords(match words.dialect {
            Dialect::Postgres => DROP_POSTGRES,
            Dialect::MySql => DROP_MYSQL,
            Dialect::Sqlite if words.is(query, "alter") => &["TABLE"],
            Dialect::Sqlite => DROP_SQLITE,
        }));
    }
    if let Some(kind) = kind_before(words, query + 1, before + 1) {
        return Some(kind);
    }
    if !words.is(query, "alter") || !words.is(query + 1, "table") {
        return None;
    }
    // The table's name, which may have a schema before it.
    let mut name = query + 2;
    while words.is_one(name, &["if", "exists", "only"]) {
        name += 1;
    }
    while words.is(name + 1, ".") {
        name += 2;
    }
    match () {
        () if before == name => Some(Wanted::Keywords(ALTER_TABLE)),
        () if before > name && words.is(before, "type") => Some(Wanted::Types),
        () if before > name + 1 && words.is_name(before) && names_new_column(words, before) => Some(Wanted::Types),
        () if before > name && words.is_one(before, &["column", "modify", "change"]) && !words.is(before - 1, "add") => {
            Some(Wanted::ColumnsOf(name))
        }
        () => None,
    }
}

/// `ADD COLUMN name`, `ADD name`: what follows is its type.
fn names_new_column(words: &Words<'_>, name: usize) -> bool {
    let mut i = name - 1;
    while words.is_one(i, &["if", "not", "exists"]) && i > 0 {
        i -= 1;
    }
    words.is(i, "add") || words.is(i, "column") && i > 0 && words.is(i - 1, "add")
}

/// The kind whose words begin at `from`, when nothing but names of that kind and their commas stands between it and `first`.
fn kind_before(words: &Words<'_>, from: usize, first: usize) -> Option<Wanted> {
    let database = (&["database"][..], Wanted::Schemas);
    let kinds = (words.dialect == Dialect::MySql).then_some(&database).into_iter().chain(KINDS);
    let (name, kind) = kinds.into_iter().find(|(name, _)| name.iter().enumerate().all(|(i, w)| words.is(from + i, w)))?;
    let mut at = from + name.len();
    while at < first && words.is_one(at, &["if", "exists", "only", "concurrently"]) {
        at += 1;
    }
    // Names that are given already, each with its comma: the next is of the same kind.
    while at < first {
        let part = words.is_name(at) || words.tokens.get(at).is_some_and(|t| t.kind == TokenKind::Keyword);
        if !part {
            return None;
        }
        at += 1;
        while words.is(at, ".") && at < first {
            at += 2;
        }
        if at >= first || !words.is(at, ",") {
            return None;
        }
        at += 1;
    }
    Some(kind.clone())
}
