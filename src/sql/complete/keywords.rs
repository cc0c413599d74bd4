//! The keywords that may come next, by clause: few, because a long list hides the names.

use crate::model::Dialect;

/// Engines that know a word.
pub const P: u8 = 1;
/// MariaDB.
pub const A: u8 = 2;
/// MySQL.
pub const Y: u8 = 8;
pub const M: u8 = A | Y;
pub const S: u8 = 4;
pub const ALL: u8 = P | M | S;

/// The engine whose words are proposed.
pub fn engine(dialect: Dialect, mariadb: bool) -> u8 {
    match dialect {
        Dialect::Postgres => P,
        Dialect::MySql if mariadb => A,
        Dialect::MySql => Y,
        Dialect::Sqlite => S,
    }
}

/// The words of a list that an engine knows.
pub fn of(engine: u8, list: &'static [(&'static str, u8)]) -> impl Iterator<Item = &'static str> {
    list.iter().filter(move |(_, on)| on & engine != 0).map(|(word, _)| *word)
}

/// The first word of a statement.
pub const START: &[(&str, u8)] = &[
    ("SELECT", ALL),
    ("INSERT INTO", ALL),
    ("UPDATE", ALL),
    ("DELETE FROM", ALL),
    ("WITH", ALL),
    ("EXPLAIN", ALL),
    ("VALUES", ALL),
    ("BEGIN", ALL),
    ("COMMIT", ALL),
    ("ROLLBACK", ALL),
    ("CREATE TABLE", ALL),
    ("CREATE INDEX", ALL),
    ("CREATE VIEW", ALL),
    ("ALTER TABLE", ALL),
    ("DROP TABLE", ALL),
    ("DROP INDEX", ALL),
    ("DROP VIEW", ALL),
    ("TRUNCATE", P | M),
    ("SHOW", P | M),
    ("SET", P | M),
    ("ANALYZE", ALL),
    ("TABLE", P | Y),
];

/// Behind SET.
pub const SET: &[(&str, u8)] = &[
    ("LOCAL", P),
    ("SESSION", P | M),
    ("GLOBAL", M),
    ("PERSIST", Y),
    ("PERSIST_ONLY", Y),
    ("TRANSACTION", P | M),
    ("ROLE", P | M),
    ("DEFAULT ROLE", M),
    ("STATEMENT", A),
    ("NAMES", P | M),
];

/// Inside statements that are no queries.
pub const OTHER: &[(&str, u8)] = &[
    ("ADD COLUMN", ALL),
    ("ADD CONSTRAINT", P | M),
    ("ALTER COLUMN", P | M),
    ("AS", ALL),
    ("CASCADE", ALL),
    ("CHECK", ALL),
    ("COLUMN", ALL),
    ("CONSTRAINT", ALL),
    ("DEFAULT", ALL),
    ("DROP COLUMN", ALL),
    ("DROP CONSTRAINT", P | M),
    ("FOREIGN KEY", ALL),
    ("FROM", ALL),
    ("IF EXISTS", ALL),
    ("IF NOT EXISTS", ALL),
    ("INDEX", ALL),
    ("INTO", ALL),
    ("NOT NULL", ALL),
    ("NULL", ALL),
    ("ON", ALL),
    ("PRIMARY KEY", ALL),
    ("REFERENCES", ALL),
    ("RENAME COLUMN", ALL),
    ("RENAME TO", ALL),
    ("RESTRICT", ALL),
    ("SELECT", ALL),
    ("TABLE", ALL),
    ("UNIQUE", ALL),
    ("UNIQUE INDEX", ALL),
    ("VIEW", ALL),
];

/// Words of every expression.
macro_rules! expression {
    ($($more:literal),* $(,)?) => {
        &[$($more,)* "AND", "OR", "NOT", "NULL", "IS NULL", "IS NOT NULL", "IN", "LIKE", "BETWEEN", "EXISTS", "CASE", "TRUE", "FALSE", "AS", "DISTINCT", "CAST", "OVER", "PARTITION BY"]
    };
}

/// The same where a condition stands: what compares comes before what follows the clause.
macro_rules! condition {
    ($($more:literal),* $(,)?) => {
        &["AND", "OR", "NOT", "NULL", "IS NULL", "IS NOT NULL", "IN", "LIKE", "BETWEEN", "EXISTS", "CASE", $($more,)* "TRUE", "FALSE", "AS", "DISTINCT", "CAST", "OVER", "PARTITION BY"]
    };
}

/// Directly behind a bracket that is no query's, by the word before it: what an operand may begin with, of a window its parts.
pub fn opened(before: &str) -> &'static [&'static str] {
    match before.to_ascii_lowercase().as_str() {
        "over" => &["PARTITION BY", "ORDER BY", "ROWS BETWEEN", "RANGE BETWEEN"],
        "filter" => &["WHERE"],
        "group" => &["ORDER BY"],
        _ => &["DISTINCT", "SELECT", "CASE", "NOT", "NULL", "EXISTS", "CAST", "TRUE", "FALSE"],
    }
}

/// In the bracket of VALUES.
pub const IN_VALUES: &[&str] = &["DEFAULT", "NULL", "TRUE", "FALSE", "CASE", "CAST", "NOT"];

/// Whether an engine knows a word of what stands behind clauses.
pub fn known(engine: u8, word: &str) -> bool {
    let by = match word {
        "ON DUPLICATE KEY UPDATE" => M,
        "ON CONFLICT" | "FULL JOIN" | "NULLS FIRST" | "NULLS LAST" | "DEFAULT VALUES" => P | S,
        "LATERAL" => P | Y,
        "CUBE" | "GROUPING SETS" => P,
        "FOR UPDATE" => P | M,
        "RETURNING" => P | A | S,
        _ => ALL,
    };
    by & engine != 0
}

/// All of these lists.
pub fn all(engine: u8) -> impl Iterator<Item = &'static str> {
    const CLAUSES: [&str; 9] = ["select", "from", "on", "where", "group", "having", "order", "limit", "values"];
    let behind = CLAUSES.into_iter().flat_map(after).copied().filter(move |k| known(engine, k));
    of(engine, START).chain(of(engine, OTHER)).chain(behind)
}

/// What may stand in or behind a clause.
pub fn after(clause: &str) -> &'static [&'static str] {
    match clause {
        "select" => expression!["FROM", "UNION", "UNION ALL", "WHERE"],
        "from" => &[
            "WHERE",
            "JOIN",
            "LEFT JOIN",
            "RIGHT JOIN",
            "FULL JOIN",
            "CROSS JOIN",
            "INNER JOIN",
            "NATURAL JOIN",
            "ON",
            "USING",
            "GROUP BY",
            "ORDER BY",
            "HAVING",
            "LIMIT",
            "UNION",
            "UNION ALL",
            "AS",
            "SET",
            "VALUES",
            "SELECT",
            "LATERAL",
            "DEFAULT VALUES",
            "RETURNING",
        ],
        "on" => condition!["WHERE", "JOIN", "LEFT JOIN", "GROUP BY", "ORDER BY", "LIMIT"],
        "where" => condition!["GROUP BY", "ORDER BY", "LIMIT", "HAVING", "RETURNING", "UNION", "UNION ALL", "SELECT"],
        "group" => &["HAVING", "ORDER BY", "LIMIT", "ROLLUP", "CUBE", "GROUPING SETS", "UNION", "UNION ALL"],
        "having" => condition!["ORDER BY", "LIMIT", "UNION", "UNION ALL"],
        "order" => &["ASC", "DESC", "NULLS FIRST", "NULLS LAST", "LIMIT", "OFFSET", "COLLATE", "CASE", "FOR UPDATE"],
        "limit" | "offset" => &["OFFSET", "FOR UPDATE", "ALL"],
        "values" => &["ON CONFLICT", "ON DUPLICATE KEY UPDATE", "RETURNING", "DEFAULT", "NULL", "TRUE", "FALSE"],
        "set" => expression!["WHERE", "FROM", "RETURNING", "DEFAULT"],
        _ => expression![],
    }
}
