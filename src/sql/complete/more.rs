//! Words that are proposed once a letter of them is typed: all that an engine has would hide the names.

use super::rank::Collecting;
use super::scope::Words;
use super::{Place, ProposalKind};
use crate::model::Dialect;

const P: u8 = 1;
const M: u8 = 2;
const S: u8 = 4;
const ALL: u8 = P | M | S;

/// Statements.
const STARTS: &[(&str, u8)] = &[
    ("CALL", P | M),
    ("SAVEPOINT", ALL),
    ("RELEASE SAVEPOINT", ALL),
    ("ROLLBACK TO SAVEPOINT", ALL),
    ("START TRANSACTION", P | M),
    ("EXPLAIN ANALYZE", P | M),
    ("EXPLAIN QUERY PLAN", S),
    ("WITH RECURSIVE", ALL),
    ("GRANT", P | M),
    ("REVOKE", P | M),
    ("PREPARE", P | M),
    ("EXECUTE", P | M),
    ("DEALLOCATE", P | M),
    ("MERGE INTO", P),
    ("LOCK TABLE", P),
    ("COPY", P),
    ("VACUUM", P | S),
    ("VACUUM ANALYZE", P),
    ("REINDEX", P | S),
    ("REFRESH MATERIALIZED VIEW", P),
    ("COMMENT ON", P),
    ("CLUSTER", P),
    ("LISTEN", P),
    ("NOTIFY", P),
    ("UNLISTEN", P),
    ("DECLARE", P),
    ("FETCH", P),
    ("CLOSE", P),
    ("CHECKPOINT", P),
    ("DISCARD ALL", P),
    ("RESET", P),
    ("DO", P | M),
    ("CREATE OR REPLACE FUNCTION", P),
    ("CREATE OR REPLACE PROCEDURE", P),
    ("CREATE OR REPLACE VIEW", P | M),
    ("CREATE OR REPLACE TABLE", M),
    ("CREATE FUNCTION", P | M),
    ("CREATE PROCEDURE", P | M),
    ("CREATE TRIGGER", ALL),
    ("CREATE UNIQUE INDEX", ALL),
    ("CREATE TEMPORARY TABLE", ALL),
    ("CREATE MATERIALIZED VIEW", P),
    ("CREATE SCHEMA", P | M),
    ("CREATE DATABASE", P | M),
    ("CREATE SEQUENCE", P | M),
    ("CREATE EXTENSION", P),
    ("CREATE TYPE", P),
    ("CREATE ROLE", P | M),
    ("CREATE USER", P | M),
    ("CREATE EVENT", M),
    ("CREATE VIRTUAL TABLE", S),
    ("INSERT IGNORE INTO", M),
    ("REPLACE INTO", M | S),
    ("INSERT OR REPLACE INTO", S),
    ("INSERT OR IGNORE INTO", S),
    ("SHOW TABLES", M),
    ("SHOW DATABASES", M),
    ("SHOW CREATE TABLE", M),
    ("SHOW VARIABLES", M),
    ("SHOW STATUS", M),
    ("SHOW INDEX FROM", M),
    ("SHOW COLUMNS FROM", M),
    ("SHOW PROCESSLIST", M),
    ("SHOW WARNINGS", M),
    ("SHOW GRANTS", M),
    ("USE", M),
    ("DESCRIBE", M),
    ("KILL", M),
    ("LOCK TABLES", M),
    ("UNLOCK TABLES", M),
    ("LOAD DATA INFILE", M),
    ("OPTIMIZE TABLE", M),
    ("CHECK TABLE", M),
    ("REPAIR TABLE", M),
    ("FLUSH", M),
    ("PRAGMA", S),
    ("ATTACH DATABASE", S),
    ("DETACH DATABASE", S),
];

/// In expressions and between clauses.
const WITHIN: &[(&str, u8)] = &[
    ("CURRENT_DATE", ALL),
    ("CURRENT_TIMESTAMP", ALL),
    ("CURRENT_TIME", ALL),
    ("LOCALTIMESTAMP", P | M),
    ("LOCALTIME", P | M),
    ("CURRENT_USER", P | M),
    ("SESSION_USER", P),
    ("ILIKE", P),
    ("NOT ILIKE", P),
    ("NOT LIKE", ALL),
    ("NOT IN", ALL),
    ("NOT EXISTS", ALL),
    ("NOT BETWEEN", ALL),
    ("IS DISTINCT FROM", P | S),
    ("IS NOT DISTINCT FROM", P | S),
    ("IS TRUE", ALL),
    ("IS FALSE", ALL),
    ("SIMILAR TO", P),
    ("AT TIME ZONE", P),
    ("INTERVAL", P | M),
    ("ARRAY", P),
    ("ANY", P | M),
    ("SOME", P | M),
    ("ALL", ALL),
    ("COLLATE", ALL),
    ("ESCAPE", ALL),
    ("FILTER", P | S),
    ("WITHIN GROUP", P),
    ("WITH ORDINALITY", P),
    ("ROWS BETWEEN", ALL),
    ("UNBOUNDED PRECEDING", ALL),
    ("CURRENT ROW", ALL),
    ("WINDOW", ALL),
    ("EXCEPT", ALL),
    ("INTERSECT", ALL),
    ("OFFSET", ALL),
    ("FETCH FIRST", P),
    ("TABLESAMPLE", P),
    ("DISTINCT ON", P),
    ("FOR UPDATE", P | M),
    ("FOR SHARE", P | M),
    ("RLIKE", M),
    ("REGEXP", M | S),
    ("NOT REGEXP", M | S),
    ("DIV", M),
    ("XOR", M),
    ("BINARY", M),
    ("STRAIGHT_JOIN", M),
    ("GLOB", S),
    ("MATCH", S),
    ("LEFT OUTER JOIN", ALL),
    ("FULL OUTER JOIN", P | S),
    ("LEFT JOIN LATERAL", P | M),
    ("CROSS JOIN LATERAL", P),
    ("GROUPING SETS", P),
    ("WITH ROLLUP", M),
];

/// Words that only some others lead to.
const LED_TO: &[(&str, u8)] = &[
    ("INDEX CONCURRENTLY", P),
    ("VIEW CONCURRENTLY", P),
    ("BEGIN ISOLATION LEVEL", P),
    ("BEGIN READ ONLY", P),
    ("TRANSACTION ISOLATION LEVEL", P | M),
    ("TRANSACTION READ ONLY", P | M),
    ("ISOLATION LEVEL READ COMMITTED", P | M),
    ("ISOLATION LEVEL REPEATABLE READ", P | M),
    ("ISOLATION LEVEL SERIALIZABLE", P | M),
    ("VACUUM ( ANALYZE", P),
    ("VACUUM ( FULL", P),
    ("VACUUM ( VERBOSE", P),
    ("ANALYZE ( VERBOSE", P),
];

/// Behind ALTER TABLE … ALTER COLUMN name.
const OF_COLUMN: &[&str] = &[
    "SET DEFAULT",
    "SET NOT NULL",
    "SET DATA TYPE",
    "SET STATISTICS",
    "SET STORAGE",
    "DROP DEFAULT",
    "DROP NOT NULL",
    "DROP IDENTITY",
    "DROP EXPRESSION",
    "TYPE",
];

/// What PostgreSQL's grammar has as functions, and its catalogue does not list.
const CALLED: &[&str] = &["coalesce", "nullif", "greatest", "least", "extract", "trim"];

/// Words that SQLite lists among its functions, and that are written without a bracket.
pub const BARE: &[&str] = &["current_date", "current_time", "current_timestamp"];

const SERIALS: &[&str] = &["serial", "bigserial", "smallserial"];
const METHODS: &[&str] = &["BTREE", "HASH", "GIN", "GIST", "SPGIST", "BRIN"];

fn of(dialect: Dialect, list: &'static [(&'static str, u8)]) -> impl Iterator<Item = &'static str> {
    let bit = match dialect {
        Dialect::Postgres => P,
        Dialect::MySql => M,
        Dialect::Sqlite => S,
    };
    list.iter().filter(move |(_, on)| on & bit != 0).map(|(word, _)| *word)
}

/// Words of which a part is typed, where such a thing may stand.
pub fn gather(words: &Words<'_>, place: &Place, first: usize, out: &mut Collecting<'_>) {
    let dialect = words.dialect;
    let list: Vec<&str> = match place {
        Place::Start => of(dialect, STARTS).collect(),
        Place::Expression(_) | Place::AfterRelation | Place::On => of(dialect, WITHIN).collect(),
        _ => Vec::new(),
    };
    // By their beginning alone: letters strewn over so many words would be chance.
    let begins = |word: &str| word.get(..out.prefix.len()).is_some_and(|w| w.eq_ignore_ascii_case(out.prefix));
    let list: Vec<&str> = list.into_iter().filter(|w| begins(w)).collect();
    out.keywords(&list);
    if dialect == Dialect::Postgres && matches!(place, Place::Expression(_) | Place::On) {
        for name in CALLED.iter().filter(|n| !out.names.functions.iter().any(|f| &**f == **n)) {
            out.push(ProposalKind::Function, format!("{name}("), String::new(), name, 0);
        }
    }
    rest(words, first, out);
}

/// What is left of a phrase of several words, of which the first ones stand there already: `left jo`, `insert or rep`.
pub fn rest(words: &Words<'_>, first: usize, out: &mut Collecting<'_>) {
    let dialect = words.dialect;
    let fixed = super::keywords::all().filter(|k| super::keywords::known(dialect, k));
    let rests: Vec<&str> = fixed
        .chain(of(dialect, STARTS))
        .chain(of(dialect, WITHIN))
        .chain(of(dialect, LED_TO))
        .flat_map(|phrase| phrase.match_indices(' ').map(move |(at, _)| (&phrase[..at], &phrase[at + 1..])))
        .filter(|(head, _)| {
            let head: Vec<&str> = head.split(' ').collect();
            head.len() <= first && head.iter().rev().zip((0..first).rev()).all(|(w, i)| words.text(i).eq_ignore_ascii_case(w))
        })
        .map(|(_, rest)| rest)
        .filter(|r| r.get(..out.prefix.len()).is_some_and(|w| w.eq_ignore_ascii_case(out.prefix)))
        .collect();
    for r in rests {
        out.push(ProposalKind::Keyword, r.to_string(), String::new(), r, 400);
    }
}

/// Behind the first words of statements that are no queries: words, and no table.
fn headed(words: &Words<'_>, first: usize) -> Option<&'static [&'static str]> {
    let head: Vec<String> = (0..first.min(3)).map(|i| words.text(i).to_ascii_lowercase()).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    match (words.dialect, &head[..]) {
        (Dialect::Postgres, ["explain"]) => Some(&["SELECT", "ANALYZE", "VERBOSE", "WITH", "INSERT INTO", "UPDATE", "DELETE FROM"]),
        (Dialect::MySql, ["explain"]) => Some(&["SELECT", "ANALYZE", "FORMAT=JSON", "WITH", "INSERT INTO", "UPDATE", "DELETE FROM"]),
        (Dialect::Sqlite, ["explain"]) => Some(&["QUERY PLAN", "SELECT", "WITH", "INSERT INTO", "UPDATE", "DELETE FROM"]),
        (Dialect::MySql, ["show"]) => Some(SHOWN),
        (Dialect::MySql, ["show", "full"]) => Some(&["TABLES", "COLUMNS FROM", "PROCESSLIST"]),
        (Dialect::MySql, ["kill"]) => Some(&["QUERY", "CONNECTION"]),
        (Dialect::MySql, ["load"]) => Some(&["DATA INFILE", "DATA LOCAL INFILE"]),
        (Dialect::MySql, ["load", "data"]) => Some(&["INFILE", "LOCAL INFILE"]),
        _ => None,
    }
}

/// What MariaDB and MySQL show.
const SHOWN: &[&str] = &[
    "TABLES",
    "DATABASES",
    "CREATE TABLE",
    "CREATE VIEW",
    "CREATE PROCEDURE",
    "CREATE FUNCTION",
    "CREATE TRIGGER",
    "COLUMNS FROM",
    "INDEX FROM",
    "VARIABLES",
    "GLOBAL VARIABLES",
    "STATUS",
    "GLOBAL STATUS",
    "PROCESSLIST",
    "FULL PROCESSLIST",
    "WARNINGS",
    "ERRORS",
    "GRANTS",
    "TABLE STATUS",
    "TRIGGERS",
    "EVENTS",
    "PROCEDURE STATUS",
    "FUNCTION STATUS",
    "ENGINE INNODB STATUS",
    "ENGINES",
    "REPLICA STATUS",
    "BINARY LOGS",
    "CHARACTER SET",
    "COLLATION",
];

/// Places that a few words alone may fill.
pub fn named(words: &Words<'_>, first: usize, out: &mut Collecting<'_>) -> bool {
    if let Some(list) = headed(words, first) {
        out.keywords(list);
        return true;
    }
    let Some(before) = first.checked_sub(1).filter(|_| words.dialect == Dialect::Postgres) else { return false };
    let has = |word: &str| (0..first).any(|i| words.is(i, word));
    let is = |n: usize, list: &[&str]| before.checked_sub(n).is_some_and(|i| words.is_one(i, list));
    if takes_role(words, before, &has) {
        for r in &out.names.roles {
            out.name(ProposalKind::Role, r, String::new(), 100);
        }
        out.keywords(&["CURRENT_USER", "SESSION_USER"]);
        return true;
    }
    let column = |n: usize| is(n, &["column"]) && is(n + 1, &["alter"]);
    if words.is(0, "alter") && words.is(1, "table") {
        if column(1) {
            out.keywords(OF_COLUMN);
            return true;
        }
        if column(2) && is(0, &["set", "drop"]) {
            let head = format!("{} ", words.text(before).to_ascii_uppercase());
            out.keywords(&OF_COLUMN.iter().filter_map(|w| w.strip_prefix(&*head)).collect::<Vec<_>>());
            return true;
        }
    }
    if words.is(0, "set") && has("search_path") && (words.is_one(before, &["to", "=", ","])) {
        for s in &out.names.schemas {
            out.name(ProposalKind::Schema, s, String::new(), 100);
        }
        return true;
    }
    if words.is(0, "create") && has("index") && has("on") && words.is(before, "using") {
        out.keywords(METHODS);
        return true;
    }
    false
}

/// Whether a role's name stands behind token `before` (PostgreSQL).
fn takes_role(words: &Words<'_>, before: usize, has: &dyn Fn(&str) -> bool) -> bool {
    let is = |n: usize, list: &[&str]| before.checked_sub(n).is_some_and(|i| words.is_one(i, list));
    match () {
        () if is(0, &["to"]) => words.is(0, "grant") || is(1, &["owner"]),
        () if is(0, &["from"]) => words.is(0, "revoke"),
        () if is(0, &[","]) => words.is(0, "grant") && has("to") || words.is(0, "revoke") && has("from"),
        () if is(0, &["role"]) => is(1, &["set", "drop", "alter"]) || is(2, &["set"]),
        () if is(0, &["user"]) => is(1, &["drop", "alter"]),
        () if is(0, &["by"]) => is(1, &["owned"]),
        () => false,
    }
}

/// Types that stand for a sequence, too: in tables that are made.
pub fn serials(words: &Words<'_>, out: &mut Collecting<'_>) {
    if words.dialect == Dialect::Postgres && words.is_one(0, &["create", "alter"]) {
        for t in SERIALS {
            out.push(ProposalKind::Type, (*t).to_string(), String::new(), t, 90);
        }
    }
}
