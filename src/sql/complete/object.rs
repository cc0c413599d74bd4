//! Places where one kind of name may stand and nothing else: behind DROP VIEW, CALL, USE, `::`, SET.

use super::keywords::{A, ALL, M, P, Y};
use super::own;
use super::scope::{Scope, Words, conflicts};
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
    /// What hangs on the statement's own table (or the one that it writes into).
    On(NodeKind),
    /// The same under one heading of the tree alone.
    Under(NodeKind, &'static str),
    /// Indexes of the table before USE INDEX and its like.
    HintedIndexes,
    /// What is done to a table.
    TableActions,
    /// Functions without arguments, which a trigger may execute.
    TriggerFunctions,
    /// The tables of the query by the names that they have in it: FOR UPDATE OF.
    Aliases,
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
const CREATE_POSTGRES: &[&str] = &[
    "TABLE",
    "INDEX",
    "VIEW",
    "UNIQUE INDEX",
    "FUNCTION",
    "TRIGGER",
    "SEQUENCE",
    "TYPE",
    "SCHEMA",
    "MATERIALIZED VIEW",
    "TEMPORARY TABLE",
    "PROCEDURE",
    "DOMAIN",
    "DATABASE",
    "ROLE",
    "EXTENSION",
    "POLICY",
    "OR REPLACE",
];
const CREATE_MYSQL: &[&str] = &[
    "TABLE",
    "INDEX",
    "VIEW",
    "UNIQUE INDEX",
    "TRIGGER",
    "PROCEDURE",
    "FUNCTION",
    "TEMPORARY TABLE",
    "DATABASE",
    "EVENT",
    "USER",
    "OR REPLACE",
];
const CREATE_SQLITE: &[&str] = &["TABLE", "INDEX", "VIEW", "UNIQUE INDEX", "TRIGGER", "VIRTUAL TABLE", "TEMPORARY TABLE"];
/// Behind COMMENT ON.
const COMMENTED: &[&str] = &[
    "TABLE",
    "COLUMN",
    "VIEW",
    "INDEX",
    "FUNCTION",
    "SCHEMA",
    "CONSTRAINT",
    "SEQUENCE",
    "TYPE",
    "TRIGGER",
    "MATERIALIZED VIEW",
    "DATABASE",
    "ROLE",
];
/// Behind the tables of TRUNCATE.
const TRUNCATES: &[&str] = &["RESTART IDENTITY", "CONTINUE IDENTITY", "CASCADE", "RESTRICT"];
/// What is done to a table.
pub const ALTER_TABLE: &[(&str, u8)] = &[
    ("ADD COLUMN", ALL),
    ("MODIFY COLUMN", M),
    ("CHANGE COLUMN", M),
    ("ALTER COLUMN", P | M),
    ("DROP COLUMN", ALL),
    ("RENAME COLUMN", ALL),
    ("RENAME TO", ALL),
    ("ADD CONSTRAINT", P | M),
    ("DROP CONSTRAINT", P | M),
    ("RENAME CONSTRAINT", P),
    ("VALIDATE CONSTRAINT", P),
    ("ADD INDEX", M),
    ("DROP INDEX", M),
    ("RENAME INDEX", M),
    ("ALTER INDEX", M),
    ("ADD FOREIGN KEY", P | M),
    ("DROP FOREIGN KEY", M),
    ("ADD PRIMARY KEY", P | M),
    ("DROP PRIMARY KEY", M),
    ("DROP CHECK", Y),
    ("OWNER TO", P),
    ("SET SCHEMA", P),
    ("SET TABLESPACE", P),
    ("ATTACH PARTITION", P),
    ("DETACH PARTITION", P),
    ("ENABLE TRIGGER", P),
    ("DISABLE TRIGGER", P),
    ("ENABLE ROW LEVEL SECURITY", P),
    ("CONVERT TO CHARACTER SET", M),
    ("AUTO_INCREMENT =", M),
    ("ALGORITHM = INPLACE", M),
    ("ALGORITHM = INSTANT", M),
    ("LOCK = NONE", M),
    ("ADD SYSTEM VERSIONING", A),
];

/// What may stand at token `first`, if only one kind of thing may.
pub fn wanted(words: &Words<'_>, scope: &Scope, first: usize) -> Option<Wanted> {
    let before = first.checked_sub(1)?;
    let (query, bracket) = (scope.verb, scope.bracket.filter(|b| *b >= scope.query.start));
    let dialect = words.dialect;
    if words.is(before, "::") {
        return Some(Wanted::Types);
    }
    if let Some(open) = bracket {
        return inside(words, query, open, before);
    }
    if let Some(found) = behind_query(words, scope, before) {
        return Some(found);
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
        () if verb("truncate") && dialect == Dialect::Postgres && before > query && words.is_name(before) => {
            Some(Wanted::Keywords(TRUNCATES))
        }
        () if verb("truncate") => (before == query || words.is_one(before, &["table", "only", ","])).then_some(Wanted::Relations(TABLES)),
        () if verb("reindex") && dialect == Dialect::Postgres && before > query => kind_before(words, query + 1, first),
        () if verb("drop") || verb("alter") => object(words, query, before),
        () if verb("create") && routine(words, query, before) && words.is_one(before, &["returns", "setof"]) => Some(Wanted::Types),
        () if verb("create") && closes_table(words, query, before) => Some(Wanted::Keywords(match dialect {
            Dialect::Sqlite => &["STRICT", "WITHOUT ROWID"],
            Dialect::Postgres => &["PARTITION BY", "INHERITS", "WITH", "TABLESPACE", "ON COMMIT"],
            Dialect::MySql => &["ENGINE =", "DEFAULT CHARSET =", "COLLATE =", "COMMENT =", "PARTITION BY", "AS SELECT"],
        })),
        () if verb("copy") && dialect == Dialect::Postgres => copy(words, query, before),
        () if verb("create") && own::triggers(words, query) => trigger(words, query, before),
        () if verb("create") && before == query => Some(Wanted::Keywords(match dialect {
            Dialect::Postgres => CREATE_POSTGRES,
            Dialect::MySql => CREATE_MYSQL,
            Dialect::Sqlite => CREATE_SQLITE,
        })),
        () if verb("comment") && words.is(query + 1, "on") && before == query + 1 => Some(Wanted::Keywords(COMMENTED)),
        () if verb("comment") && words.is(query + 1, "on") && before > query + 1 => kind_before(words, query + 2, first),
        () => None,
    }
}

/// Behind a query's clauses and an INSERT's values: locks, and what is done on a conflict.
fn behind_query(words: &Words<'_>, scope: &Scope, before: usize) -> Option<Wanted> {
    let is = |n: usize, list: &[&str]| before.checked_sub(n).is_some_and(|i| i >= scope.query.start && words.is_one(i, list));
    let inserts = words.is_one(scope.verb, &["insert", "replace"]);
    let postgres = words.dialect == Dialect::Postgres;
    match () {
        () if is(0, &["conflict"]) && is(1, &["on"]) && inserts => Some(Wanted::Keywords(if postgres {
            &["ON CONSTRAINT", "DO NOTHING", "DO UPDATE SET"]
        } else {
            &["DO NOTHING", "DO UPDATE SET"]
        })),
        () if is(0, &["constraint"]) && is(1, &["on"]) && is(2, &["conflict"]) => Some(Wanted::On(NodeKind::Constraint)),
        () if is(0, &["do"]) && inserts => Some(Wanted::Keywords(&["NOTHING", "UPDATE SET"])),
        () if is(0, &[")"]) && inserts && closes_conflict(words, scope, before) => {
            Some(Wanted::Keywords(&["DO NOTHING", "DO UPDATE SET", "WHERE"]))
        }
        () if is(0, &["then"]) && words.is(scope.verb, "merge") => Some(Wanted::Keywords(MERGES)),
        () if words.dialect == Dialect::Sqlite || !words.is(scope.verb, "select") => None,
        () if is(0, &["for"]) && !is(1, &["substring"]) => {
            Some(Wanted::Keywords(if postgres { &["UPDATE", "SHARE", "NO KEY UPDATE", "KEY SHARE"] } else { &["UPDATE", "SHARE"] }))
        }
        () if is(0, LOCKS) && (is(1, &["for"]) || is(1, &["key"]) && (is(2, &["for"]) || is(3, &["for"]))) => Some(Wanted::Keywords(WAITS)),
        () if locks_of(words, scope, before) => Some(Wanted::Aliases),
        () => None,
    }
}

const MERGES: &[&str] = &["UPDATE SET", "INSERT", "DELETE", "DO NOTHING"];
const LOCKS: &[&str] = &["update", "share"];
const WAITS: &[&str] = &["OF", "NOWAIT", "SKIP LOCKED"];

/// The bracket that ends at token `close` is the one of ON CONFLICT.
fn closes_conflict(words: &Words<'_>, scope: &Scope, close: usize) -> bool {
    words.flat(scope.query.start..close).last().is_some_and(|open| words.is(open, "(") && open >= 1 && words.is(open - 1, "conflict"))
}

/// `FOR UPDATE OF a, ` up to token `before`.
fn locks_of(words: &Words<'_>, scope: &Scope, before: usize) -> bool {
    let mut i = before;
    while words.is(i, ",") && i > scope.query.start + 1 && words.is_name(i - 1) {
        i -= 2;
    }
    words.is(i, "of") && i > scope.query.start && words.is_one(i - 1, LOCKS)
}

/// COPY table, COPY (query), and where to.
fn copy(words: &Words<'_>, query: usize, before: usize) -> Option<Wanted> {
    let named = words.flat(query + 1..before + 1).find(|i| words.is_one(*i, &["from", "to"]));
    match () {
        () if before == query => Some(Wanted::Relations(TABLES)),
        () if words.is(before, "from") => Some(Wanted::Keywords(&["STDIN", "PROGRAM"])),
        () if words.is(before, "to") => Some(Wanted::Keywords(&["STDOUT", "PROGRAM"])),
        () if named.is_none() && (words.is_name(before) || words.is(before, ")")) => Some(Wanted::Keywords(&["FROM", "TO"])),
        () if named.is_some() => Some(Wanted::Keywords(&["WITH", "WHERE"])),
        () => None,
    }
}

/// The words of CREATE TRIGGER, and the function that it executes.
fn trigger(words: &Words<'_>, query: usize, before: usize) -> Option<Wanted> {
    let postgres = words.dialect == Dialect::Postgres;
    let events: &[&str] = if postgres { &["INSERT", "UPDATE", "DELETE", "TRUNCATE"] } else { &["INSERT", "UPDATE", "DELETE"] };
    let timed = (query..before).any(|i| words.is_one(i, &["before", "after", "of"]));
    match () {
        () if words.is_one(before, &["function", "procedure"]) && words.is(before - 1, "execute") => Some(Wanted::TriggerFunctions),
        () if words.is(before, "execute") => Some(Wanted::Keywords(&["FUNCTION"])),
        () if words.is(before, "trigger") => Some(Wanted::Keywords(&["IF NOT EXISTS"])),
        () if words.is(before - 1, "trigger") && words.is_name(before) => {
            Some(Wanted::Keywords(if words.dialect == Dialect::MySql { &["BEFORE", "AFTER"] } else { &["BEFORE", "AFTER", "INSTEAD OF"] }))
        }
        () if words.is_one(before, &["before", "after"]) || words.is(before, "of") && words.is(before - 1, "instead") => {
            Some(Wanted::Keywords(events))
        }
        () if words.is(before, "or") && timed && !(query..before).any(|i| words.is(i, "on")) => Some(Wanted::Keywords(events)),
        () if words.is_one(before, &["insert", "update", "delete", "truncate"]) && timed && !(query..before).any(|i| words.is(i, "on")) => {
            Some(Wanted::Keywords(if postgres { &["ON", "OR", "OF"] } else { &["ON"] }))
        }
        () if words.is_name(before) && words.is(before - 1, "on") => Some(Wanted::Keywords(match words.dialect {
            Dialect::Postgres => &["FOR EACH ROW", "FOR EACH STATEMENT", "REFERENCING", "WHEN", "EXECUTE FUNCTION"],
            Dialect::MySql => &["FOR EACH ROW"],
            Dialect::Sqlite => &["FOR EACH ROW", "WHEN", "BEGIN"],
        })),
        () if postgres && words.is_one(before, &["row", "statement"]) => Some(Wanted::Keywords(&["EXECUTE FUNCTION", "WHEN"])),
        () => None,
    }
}

/// Behind SET and SHOW, and the words that may follow them.
fn setting(words: &Words<'_>, query: usize, before: usize) -> Option<Wanted> {
    let scope = before == query + 1 && words.is_one(before, &["local", "session", "global", "persist", "persist_only"]);
    (before == query || scope).then_some(Wanted::Settings)
}

/// In a bracket that holds no query: CAST (… AS type), the columns of CREATE TABLE, VALUES (…).
fn inside(words: &Words<'_>, query: usize, open: usize, before: usize) -> Option<Wanted> {
    if words.is(before, "as") && open >= 1 && words.is_one(open - 1, &["cast", "try_cast"]) {
        return Some(Wanted::Types);
    }
    let hint = || words.is_one(open - 1, &["index", "key"]) && words.is_one(open - 2, &["use", "force", "ignore"]);
    if words.dialect == Dialect::MySql && open >= 2 && hint() {
        return Some(Wanted::HintedIndexes);
    }
    // `name |` behind the bracket or a comma: the type of a column.
    let item = words.is_name(before) && before >= 1 && words.is_one(before - 1, &["(", ","]);
    let table = || words.is(query, "create") && (query..open).any(|i| words.is(i, "table")) && !(query..open).any(|i| words.is(i, "("));
    let argument = || {
        let mode = words.is_one(before - 1, &["in", "out", "inout", "variadic"]);
        (item || mode && words.is_name(before)) && routine(words, query, open) && !(query..open).any(|i| words.is(i, "("))
    };
    if item && table() || words.is(query, "create") && before >= 1 && argument() {
        return Some(Wanted::Types);
    }
    let inserts = words.is_one(query, &["insert", "replace"]);
    // Behind ON CONFLICT and its like a bracket holds columns again.
    let ends = &["values", "select", "on", "conflict", "duplicate", "set", "update", "where", "returning"];
    let values = words.flat(query..open).filter(|i| words.is_one(*i, ends)).last().is_some_and(|i| words.is(i, "values"));
    (inserts && values && !conflicts(words, query..open)).then_some(Wanted::Values)
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
    // What stands behind DROP CONSTRAINT IF EXISTS stands behind DROP CONSTRAINT.
    let mut before = before;
    while before > name + 2 && words.is_one(before, &["if", "exists"]) {
        before -= 1;
    }
    match () {
        () if before == name => Some(Wanted::TableActions),
        () if before > name && words.is(before, "type") => Some(Wanted::Types),
        () if before > name + 1 && words.is_name(before) && names_new_column(words, before) => Some(Wanted::Types),
        () if before > name && words.is(before, "constraint") && !words.is(before - 1, "add") => Some(Wanted::On(NodeKind::Constraint)),
        () if words.dialect == Dialect::MySql
            && words.is(before, "key")
            && words.is(before - 1, "foreign")
            && words.is(before - 2, "drop") =>
        {
            Some(Wanted::Under(NodeKind::Constraint, "Foreign keys"))
        }
        () if words.dialect == Dialect::MySql && words.is(before, "check") && words.is_one(before - 1, &["drop", "alter"]) => {
            Some(Wanted::Under(NodeKind::Constraint, "Checks"))
        }
        () if before > name
            && words.is_one(before, &["index", "key"])
            && words.is_one(before - 1, &["drop", "rename", "using", "alter"]) =>
        {
            Some(Wanted::On(NodeKind::Index))
        }
        () if before > name && words.is(before, "on") && words.is(before - 1, "cluster") => Some(Wanted::On(NodeKind::Index)),
        () if before > name && words.is(before, "trigger") => Some(Wanted::On(NodeKind::Trigger)),
        () if before > name && words.is_one(before, &["column", "modify", "change"]) && !words.is(before - 1, "add") => {
            Some(Wanted::ColumnsOf(name))
        }
        () => None,
    }
}

/// A function or a procedure is made, up to token `before`.
fn routine(words: &Words<'_>, query: usize, before: usize) -> bool {
    (query..before.min(query + 4)).any(|i| words.is_one(i, &["function", "procedure"]))
}

/// Behind the bracket of CREATE TABLE, or a comma behind it.
fn closes_table(words: &Words<'_>, query: usize, before: usize) -> bool {
    let Some(open) = (query..before).find(|i| words.is(*i, "(")) else { return false };
    let table = (query..open).any(|i| words.is(i, "table"));
    let (mut depth, mut close) = (0usize, None);
    for i in open..=before {
        match words.text(i) {
            "(" => depth += 1,
            ")" if depth == 1 => {
                close = Some(i);
                break;
            }
            ")" => depth -= 1,
            _ => {}
        }
    }
    table && close.is_some_and(|close| close == before || words.dialect == Dialect::Sqlite && words.is(before, ","))
}

/// `ADD COLUMN name`, `ADD name`: what follows is its type.
fn names_new_column(words: &Words<'_>, name: usize) -> bool {
    let mut i = name - 1;
    while words.is_one(i, &["if", "not", "exists"]) && i > 0 {
        i -= 1;
    }
    let verb = |i: usize| if words.is(i, "column") && i > 0 { i - 1 } else { i };
    // MODIFY name type, CHANGE name name type.
    let again = words.is(verb(i), "modify") || i > 0 && words.is_name(i) && words.is(verb(i - 1), "change");
    words.is(verb(i), "add") || words.dialect == Dialect::MySql && again
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
