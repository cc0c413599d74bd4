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
