//! The SQL dialects that the lexer, the splitter and the classifier know.

use serde::{Deserialize, Serialize};

/// How a statement's text is to be read. It follows from the engine of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// PostgreSQL, standard_conforming_strings on.
    Postgres,
    /// MySQL and MariaDB, without ANSI_QUOTES and NO_BACKSLASH_ESCAPES.
    MySql,
    /// SQLite 3.
    Sqlite,
}

/// How a session reads a text: its dialect, and what its settings make of backslashes. They can change with any statement
/// (`SET standard_conforming_strings`, `SET sql_mode`), and with them where a string ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reading {
    pub dialect: Dialect,
    /// A backslash escapes in `'…'`: MySQL's default; PostgreSQL with standard_conforming_strings off.
    pub backslash: bool,
    /// The same in MySQL's `"…"`; under ANSI_QUOTES that is a name, in which a backslash is itself.
    pub double: bool,
}

impl From<Dialect> for Reading {
    /// As under the settings that servers come with.
    fn from(dialect: Dialect) -> Self {
        let mysql = dialect == Dialect::MySql;
        Reading { dialect, backslash: mysql, double: mysql }
    }
}

impl Reading {
    /// PostgreSQL's, by its `standard_conforming_strings`.
    pub fn postgres(standard_conforming_strings: bool) -> Self {
        Reading { backslash: !standard_conforming_strings, ..Dialect::Postgres.into() }
    }

    /// MySQL's and MariaDB's, by the session's `sql_mode`, whose combinations the server has spelt out.
    pub fn mysql(sql_mode: &str) -> Self {
        let has = |mode: &str| sql_mode.split(',').any(|m| m.trim().eq_ignore_ascii_case(mode));
        let backslash = !has("NO_BACKSLASH_ESCAPES");
        Reading { dialect: Dialect::MySql, backslash, double: backslash && !has("ANSI_QUOTES") }
    }
}

impl Dialect {
    /// Quotes an identifier so that the server reads exactly this name.
    ///
    /// PostgreSQL and SQLite double the `"`; MySQL doubles the `` ` ``.
    pub fn quote_ident(self, name: &str) -> String {
        match self {
            Dialect::Postgres | Dialect::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
            Dialect::MySql => format!("`{}`", name.replace('`', "``")),
        }
    }

    /// Quotes a string literal. MySQL needs the backslash doubled too (no NO_BACKSLASH_ESCAPES);
    /// PostgreSQL and SQLite only the quote.
    pub fn quote_literal(self, text: &str) -> String {
        match self {
            Dialect::Postgres | Dialect::Sqlite => format!("'{}'", text.replace('\'', "''")),
            Dialect::MySql => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
        }
    }
}
