//! The keywords that may come next, by clause: few, because a long list hides the names.

use crate::model::Dialect;

/// The first word of a statement.
pub const START: &[&str] = &[
    "SELECT",
    "INSERT INTO",
    "UPDATE",
    "DELETE FROM",
    "WITH",
    "EXPLAIN",
    "VALUES",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "CREATE TABLE",
    "CREATE INDEX",
    "CREATE VIEW",
    "ALTER TABLE",
    "DROP TABLE",
    "DROP INDEX",
    "DROP VIEW",
    "TRUNCATE",
    "SHOW",
    "SET",
    "ANALYZE",
    "TABLE",
];

/// Inside statements that are no queries.
pub const OTHER: &[&str] = &[
    "ADD COLUMN",
    "ADD CONSTRAINT",
    "ALTER COLUMN",
    "AS",
    "CASCADE",
    "CHECK",
    "COLUMN",
    "CONSTRAINT",
    "DEFAULT",
    "DROP COLUMN",
    "DROP CONSTRAINT",
    "FOREIGN KEY",
    "FROM",
    "IF EXISTS",
    "IF NOT EXISTS",
    "INDEX",
    "INTO",
    "NOT NULL",
    "NULL",
    "ON",
    "PRIMARY KEY",
    "REFERENCES",
    "RENAME COLUMN",
    "RENAME TO",
    "RESTRICT",
    "SELECT",
    "TABLE",
    "UNIQUE",
    "UNIQUE INDEX",
    "VIEW",
];

/// Words of every expression.
macro_rules! expression {
    ($($more:literal),* $(,)?) => {
        &[$($more,)* "AND", "OR", "NOT", "NULL", "IS NULL", "IS NOT NULL", "IN", "LIKE", "BETWEEN", "EXISTS", "CASE", "WHEN", "THEN", "ELSE",
          "END", "TRUE", "FALSE", "AS", "DISTINCT", "CAST", "OVER", "PARTITION BY"]
    };
}

/// The same where a condition stands: what compares comes before what follows the clause.
macro_rules! condition {
    ($($more:literal),* $(,)?) => {
        &["AND", "OR", "NOT", "NULL", "IS NULL", "IS NOT NULL", "IN", "LIKE", "BETWEEN", "EXISTS", "CASE", "WHEN", "THEN", "ELSE",
          "END", $($more,)* "TRUE", "FALSE", "AS", "DISTINCT", "CAST", "OVER", "PARTITION BY"]
    };
}

/// In the bracket of VALUES.
pub const IN_VALUES: &[&str] = &["DEFAULT", "NULL", "TRUE", "FALSE", "CASE", "CAST", "NOT"];

/// Whether an engine of this dialect knows a word of the lists here.
pub fn known(dialect: Dialect, word: &str) -> bool {
    match word {
        "ON DUPLICATE KEY UPDATE" => dialect == Dialect::MySql,
        "ON CONFLICT" | "FULL JOIN" | "NULLS FIRST" | "NULLS LAST" => dialect != Dialect::MySql,
        "DEFAULT VALUES" => dialect != Dialect::MySql,
        "LATERAL" | "FOR UPDATE" => dialect != Dialect::Sqlite,
        _ => true,
    }
}

/// All of these lists.
pub fn all() -> impl Iterator<Item = &'static str> {
    const CLAUSES: [&str; 9] = ["select", "from", "on", "where", "group", "having", "order", "limit", "values"];
    START.iter().chain(OTHER).chain(CLAUSES.into_iter().flat_map(after)).copied()
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
        "group" => &["HAVING", "ORDER BY", "LIMIT", "ROLLUP", "UNION", "UNION ALL"],
        "having" => condition!["ORDER BY", "LIMIT", "UNION", "UNION ALL"],
        "order" => &["ASC", "DESC", "NULLS FIRST", "NULLS LAST", "LIMIT", "OFFSET", "COLLATE", "CASE", "FOR UPDATE"],
        "limit" | "offset" => &["OFFSET", "FOR UPDATE", "ALL"],
        "values" => &["ON CONFLICT", "ON DUPLICATE KEY UPDATE", "RETURNING", "DEFAULT", "NULL", "TRUE", "FALSE"],
        "set" => expression!["WHERE", "FROM", "RETURNING", "DEFAULT"],
        _ => expression![],
    }
}
