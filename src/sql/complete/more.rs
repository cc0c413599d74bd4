//! Words that are proposed once a letter of them is typed: all that an engine has would hide the names.

use super::keywords::{self, A, ALL, M, P, S, Y, of};
use super::object::ALTER_TABLE;
use super::rank::Collecting;
use super::scope::Words;
use super::{Place, ProposalKind};
use crate::model::Dialect;

/// Statements.
const STARTS: &[(&str, u8)] = &[
    ("CALL", P | M),
    ("SAVEPOINT", ALL),
    ("RELEASE SAVEPOINT", ALL),
    ("ROLLBACK TO SAVEPOINT", ALL),
    ("START TRANSACTION", P | M),
    ("EXPLAIN ANALYZE", P | Y),
    ("EXPLAIN QUERY PLAN", S),
    ("WITH RECURSIVE", ALL),
    ("GRANT", P | M),
    ("REVOKE", P | M),
    ("ANALYZE FORMAT=JSON", A),
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
    ("CREATE OR REPLACE FUNCTION", P | A),
    ("CREATE OR REPLACE PROCEDURE", P | A),
    ("CREATE OR REPLACE VIEW", P | M),
    ("CREATE OR REPLACE TABLE", A),
    ("CREATE FUNCTION", P | M),
    ("CREATE PROCEDURE", P | M),
    ("CREATE TRIGGER", ALL),
    ("CREATE UNIQUE INDEX", ALL),
    ("CREATE TEMPORARY TABLE", ALL),
    ("CREATE MATERIALIZED VIEW", P),
    ("CREATE SCHEMA", P | M),
    ("CREATE DATABASE", P | M),
    ("CREATE SEQUENCE", P | A),
    ("CREATE EXTENSION", P),
    ("CREATE TYPE", P),
    ("CREATE ROLE", P | M),
    ("CREATE USER", P | M),
    ("CREATE EVENT", M),
    ("DROP ROLE", P | M),
    ("DROP USER", P | M),
    ("ALTER USER", P | M),
    ("SET ROLE", P | M),
    ("SET PERSIST", Y),
    ("SET STATEMENT", A),
    ("LOCK INSTANCE FOR BACKUP", Y),
    ("UNLOCK INSTANCE", Y),
    ("BACKUP STAGE", A),
    ("IMPORT TABLE FROM", Y),
    ("ANALYZE TABLE", M),
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
    ("JOIN LATERAL", P | Y),
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
    ("FETCH FIRST", P | A),
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
    ("LEFT JOIN LATERAL", P | Y),
    ("CROSS JOIN LATERAL", P | Y),
    ("WITH ROLLUP", M),
    ("MEMBER OF", Y),
    ("SKIP LOCKED", P | M),
    ("USE INDEX", M),
    ("FORCE INDEX", M),
    ("IGNORE INDEX", M),
    ("FOR SYSTEM_TIME AS OF", A),
    ("ROWS EXAMINED", A),
];

/// Words that only some others lead to.
const LED_TO: &[(&str, u8)] = &[
    ("DO UPDATE SET", P | S),
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

/// What a column's or a table's definition may say.
const DEFINES: &[(&str, u8)] = &[
    ("AUTO_INCREMENT", M),
    ("AUTOINCREMENT", S),
    ("CHARACTER SET", M),
    ("COLLATE", ALL),
    ("COMMENT", M),
    ("ENGINE", M),
    ("GENERATED ALWAYS AS", ALL),
    ("GENERATED ALWAYS AS IDENTITY", P),
    ("INVISIBLE", M),
    ("VISIBLE", Y),
    ("ON UPDATE CURRENT_TIMESTAMP", M),
    ("ON DELETE CASCADE", ALL),
    ("ON DELETE SET NULL", ALL),
    ("STORED", ALL),
    ("VIRTUAL", ALL),
    ("PERSISTENT", A),
    ("UNSIGNED", M),
    ("PARTITION BY", P | M),
    ("WITH SYSTEM VERSIONING", A),
    ("WITHOUT ROWID", S),
    ("STRICT", S),
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

/// PostgreSQL's names for types that its catalogue lists by their long ones.
const SHORT: &[&str] = &["varchar", "char", "decimal", "bool", "timestamptz", "timetz"];
const SERIALS: &[&str] = &["serial", "bigserial", "smallserial"];
const METHODS: &[&str] = &["BTREE", "HASH", "GIN", "GIST", "SPGIST", "BRIN"];

/// Words of which a part is typed, where such a thing may stand.
pub fn gather(words: &Words<'_>, place: &Place, out: &mut Collecting<'_>) {
    let (dialect, engine) = (words.dialect, out.engine());
    let list: Vec<&str> = match place {
        Place::Start => of(engine, STARTS).collect(),
        Place::Expression(_) | Place::AfterRelation | Place::On => of(engine, WITHIN).collect(),
        Place::Other => of(engine, DEFINES).collect(),
        _ => Vec::new(),
    };
    // By their beginning alone: letters strewn over so many words would be chance.
    let begins = |word: &str| word.get(..out.prefix.len()).is_some_and(|w| w.eq_ignore_ascii_case(out.prefix));
    // Behind what the clause itself has.
    for w in list.into_iter().filter(|w| begins(w)) {
        out.push(ProposalKind::Keyword, w.to_string(), String::new(), w, 100);
    }
    if dialect == Dialect::Postgres && matches!(place, Place::Expression(_) | Place::On) {
        for name in CALLED.iter().filter(|n| !out.names.functions.iter().any(|f| &**f == **n)) {
            out.push(ProposalKind::Function, format!("{name}("), String::new(), name, 0);
        }
    }
}

/// What is left of a phrase of several words, of which the first ones stand there already: `left jo`, `insert or rep`.
pub fn rest(words: &Words<'_>, first: usize, out: &mut Collecting<'_>) {
    let engine = out.engine();
    let alters = if words.is(0, "alter") && words.is(1, "table") { ALTER_TABLE } else { &[] };
    let rests: Vec<&str> = keywords::all(engine)
        .chain(of(engine, STARTS))
        .chain(of(engine, WITHIN))
        .chain(of(engine, LED_TO))
        .chain(of(engine, alters))
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
fn headed(words: &Words<'_>, first: usize, engine: u8) -> Option<Vec<&'static str>> {
    let head: Vec<String> = (0..first.min(3)).map(|i| words.text(i).to_ascii_lowercase()).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mysql = engine & M != 0;
    Some(match &head[..] {
        ["explain"] => of(engine, EXPLAINS).collect(),
        ["reindex"] if engine == P => vec!["TABLE", "INDEX", "SCHEMA", "DATABASE", "SYSTEM"],
        [_, "format", "="] if mysql && words.is_one(0, &["explain", "analyze", "desc", "describe"]) => of(engine, FORMATS).collect(),
        ["kill"] if mysql => vec!["QUERY", "CONNECTION"],
        ["load"] if mysql => vec!["DATA INFILE", "DATA LOCAL INFILE"],
        ["load", "data"] if mysql => vec!["INFILE", "LOCAL INFILE"],
        ["show", ..] if mysql => {
            // What is left of a phrase whose first words stand there already.
            let begins = |phrase: &'static str| {
                let mut parts = phrase.split(' ');
                let same = (1..first).all(|i| parts.next().is_some_and(|p| words.is(i, p)));
                let rest = parts.map(str::len).sum::<usize>();
                (same && rest > 0).then(|| phrase.splitn(first, ' ').last().unwrap_or(phrase))
            };
            let mut rests: Vec<&str> = of(engine, SHOWN).filter_map(begins).collect();
            rests.dedup();
            (!rests.is_empty()).then_some(rests)?
        }
        _ if mysql && words.is(0, "analyze") && words.is(1, "table") && words.is_one(first - 1, &["update", "drop"]) && engine == Y => {
            vec!["HISTOGRAM ON"]
        }
        _ => return None,
    })
}

/// What the bracket behind EXPLAIN and its like takes.
fn options(words: &Words<'_>, first: usize) -> Option<&'static [&'static str]> {
    let list: &[&str] = match words.text(0).to_ascii_lowercase().as_str() {
        "explain" => &[
            "ANALYZE",
            "BUFFERS",
            "VERBOSE",
            "COSTS",
            "SETTINGS",
            "FORMAT",
            "WAL",
            "TIMING",
            "SUMMARY",
            "GENERIC_PLAN",
            "MEMORY",
            "SERIALIZE",
        ],
        "vacuum" => &[
            "ANALYZE",
            "FULL",
            "VERBOSE",
            "FREEZE",
            "PARALLEL",
            "INDEX_CLEANUP",
            "TRUNCATE",
            "SKIP_LOCKED",
            "PROCESS_TOAST",
            "PROCESS_MAIN",
            "DISABLE_PAGE_SKIPPING",
            "BUFFER_USAGE_LIMIT",
        ],
        "analyze" => &["VERBOSE", "SKIP_LOCKED", "BUFFER_USAGE_LIMIT"],
        "reindex" => &["CONCURRENTLY", "VERBOSE", "TABLESPACE"],
        _ => return None,
    };
    if !words.is(1, "(") || (2..first).any(|i| words.is_one(i, &["(", ")", "select", "with", "values"])) {
        return None;
    }
    match () {
        () if words.is_one(first - 1, &["(", ","]) => Some(list),
        () if words.is(first - 1, "format") => Some(&["TEXT", "JSON", "XML", "YAML"]),
        () => Some(&["ON", "OFF"]),
    }
}

/// What EXPLAIN takes.
const EXPLAINS: &[(&str, u8)] = &[
    ("QUERY PLAN", S),
    ("SELECT", ALL),
    ("ANALYZE", P | Y),
    ("VERBOSE", P),
    ("EXTENDED", A),
    ("PARTITIONS", A),
    ("FORMAT=JSON", M),
    ("FORMAT=TREE", Y),
    ("FOR CONNECTION", M),
    ("WITH", ALL),
    ("INSERT INTO", ALL),
    ("UPDATE", ALL),
    ("DELETE FROM", ALL),
];
const FORMATS: &[(&str, u8)] = &[("JSON", M), ("TREE", Y), ("TRADITIONAL", M)];

/// What MariaDB and MySQL show.
const SHOWN: &[(&str, u8)] = &[
    ("TABLES", M),
    ("DATABASES", M),
    ("CREATE TABLE", M),
    ("CREATE VIEW", M),
    ("CREATE PROCEDURE", M),
    ("CREATE FUNCTION", M),
    ("CREATE TRIGGER", M),
    ("CREATE EVENT", M),
    ("CREATE USER", M),
    ("CREATE DATABASE", M),
    ("CREATE SEQUENCE", A),
    ("COLUMNS FROM", M),
    ("INDEX FROM", M),
    ("VARIABLES", M),
    ("VARIABLES LIKE", M),
    ("GLOBAL VARIABLES", M),
    ("GLOBAL VARIABLES LIKE", M),
    ("STATUS", M),
    ("STATUS LIKE", M),
    ("GLOBAL STATUS", M),
    ("GLOBAL STATUS LIKE", M),
    ("PROCESSLIST", M),
    ("FULL PROCESSLIST", M),
    ("FULL TABLES", M),
    ("FULL COLUMNS FROM", M),
    ("WARNINGS", M),
    ("ERRORS", M),
    ("GRANTS", M),
    ("GRANTS FOR", M),
    ("TABLE STATUS", M),
    ("TRIGGERS", M),
    ("EVENTS", M),
    ("PROCEDURE STATUS", M),
    ("FUNCTION STATUS", M),
    ("ENGINE INNODB STATUS", M),
    ("ENGINE INNODB MUTEX", M),
    ("ENGINES", M),
    ("PLUGINS", M),
    ("REPLICA STATUS", M),
    ("REPLICAS", Y),
    ("REPLICA HOSTS", A),
    ("ALL REPLICAS STATUS", A),
    ("BINARY LOGS", M),
    ("BINARY LOG STATUS", Y),
    ("BINLOG STATUS", A),
    ("BINLOG EVENTS", M),
    ("OPEN TABLES", M),
    ("PRIVILEGES", M),
    ("CHARACTER SET", M),
    ("COLLATION", M),
];

/// What GRANT and REVOKE name.
const PRIVILEGES: &[(&str, u8)] = &[
    ("ALL PRIVILEGES", P | M),
    ("SELECT", P | M),
    ("INSERT", P | M),
    ("UPDATE", P | M),
    ("DELETE", P | M),
    ("TRUNCATE", P),
    ("REFERENCES", P | M),
    ("TRIGGER", P | M),
    ("USAGE", P | M),
    ("EXECUTE", P | M),
    ("CREATE", P | M),
    ("CONNECT", P),
    ("TEMPORARY", P),
    ("ALTER", M),
    ("DROP", M),
    ("INDEX", M),
    ("CREATE VIEW", M),
    ("SHOW VIEW", M),
    ("EVENT", M),
    ("CREATE ROUTINE", M),
    ("ALTER ROUTINE", M),
    ("CREATE TEMPORARY TABLES", M),
    ("LOCK TABLES", M),
    ("PROCESS", M),
    ("RELOAD", M),
    ("REPLICATION CLIENT", M),
    ("REPLICATION SLAVE", M),
    ("FILE", M),
    ("SHOW DATABASES", M),
    ("CREATE USER", M),
];

/// Places that a few words alone may fill.
pub fn named(words: &Words<'_>, first: usize, out: &mut Collecting<'_>) -> bool {
    let Some(before) = first.checked_sub(1) else { return false };
    if let Some(list) = headed(words, first, out.engine()) {
        out.keywords(&list);
        return true;
    }
    let has = |word: &str| (0..first).any(|i| words.is(i, word));
    let is = |n: usize, list: &[&str]| before.checked_sub(n).is_some_and(|i| words.is_one(i, list));
    if words.dialect == Dialect::Postgres
        && let Some(list) = options(words, first)
    {
        out.keywords(list);
        return true;
    }
    let grants = words.is_one(0, &["grant", "revoke"]);
    if words.dialect != Dialect::Sqlite && grants && (before == 0 || is(0, &[","]) && !has("on") && !has("to") && !has("from")) {
        out.words(PRIVILEGES);
        roles(out);
        return true;
    }
    if takes_role(words, before, &has) {
        roles(out);
        match words.dialect {
            Dialect::Postgres => out.keywords(&["CURRENT_USER", "SESSION_USER"]),
            _ if words.is_one(0, &["drop", "alter"]) => out.keywords(&["IF EXISTS"]),
            _ if words.is(0, "set") => out.keywords(&["NONE", "DEFAULT", "ALL"]),
            _ => out.keywords(&["CURRENT_USER()"]),
        }
        return true;
    }
    if words.dialect != Dialect::Postgres {
        return false;
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

fn roles(out: &mut Collecting<'_>) {
    for r in &out.names.roles {
        match out.dialect {
            // With its host, in the quotes that it needs.
            Dialect::MySql => out.push(ProposalKind::Role, r.to_string(), String::new(), r.trim_start_matches('\''), 300),
            _ => out.name(ProposalKind::Role, r, String::new(), 100),
        }
    }
}

/// Whether a role's name stands behind token `before`.
fn takes_role(words: &Words<'_>, before: usize, has: &dyn Fn(&str) -> bool) -> bool {
    let is = |n: usize, list: &[&str]| before.checked_sub(n).is_some_and(|i| words.is_one(i, list));
    if words.dialect == Dialect::Sqlite {
        return false;
    }
    match () {
        () if words.dialect == Dialect::MySql && is(0, &["for"]) => {
            words.is(0, "show") && (has("grants") || has("create")) || is(1, &["role"])
        }
        () if words.dialect == Dialect::MySql && words.is(0, "set") => is(0, &["role"]) || is(0, &["to"]) && has("default"),
        () if is(0, &["to"]) => words.is(0, "grant") || is(1, &["owner"]),
        () if is(0, &["from"]) => words.is(0, "revoke"),
        () if is(0, &[","]) => words.is(0, "grant") && has("to") || words.is(0, "revoke") && has("from"),
        () if is(0, &["role"]) => is(1, &["set", "drop", "alter"]) || is(2, &["set"]),
        () if is(0, &["user"]) => is(1, &["drop", "alter"]),
        () if is(0, &["by"]) => is(1, &["owned"]),
        () => false,
    }
}

/// Types that the catalogue does not list: short names, and in tables that are made those that stand for a sequence, too.
pub fn types(words: &Words<'_>, out: &mut Collecting<'_>) {
    if words.dialect != Dialect::Postgres {
        return;
    }
    let serials = if words.is_one(0, &["create", "alter"]) { SERIALS } else { &[] };
    for (list, weight) in [(SHORT, 100), (serials, 90)] {
        for t in list {
            out.push(ProposalKind::Type, (*t).to_string(), String::new(), t, weight);
        }
    }
}
