//! Does a statement only read? The *read grammar* (design §2.2): what is outside it *may write*.

use crate::model::Dialect;

/// What kind of statement it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Proven to be inside the read grammar, provided that `Verdict::functions` hold no writing function.
    Read,
    /// INSERT, UPDATE, DELETE, MERGE, REPLACE, and CTEs that hold one.
    Dml,
    /// CREATE, ALTER, DROP, TRUNCATE, COMMENT, GRANT …: belongs into the migration queue.
    Ddl,
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT, SET TRANSACTION.
    Transaction,
    /// SET, PRAGMA, USE … : changes the session.
    Session,
    /// Anything else: may write.
    Other,
}

/// The classifier's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub class: Class,
    /// Why it is not a read, naming the word that decided: shown to the user.
    pub reason: String,
    /// Names (lower case, schema-qualified as written) of every function-like call in a `Read` that is not on the
    /// built-in list of harmless ones: the engine looks their volatility up in the catalogue.
    pub functions: Vec<String>,
    /// EXPLAIN ANALYZE (or MariaDB's ANALYZE) of a read.
    pub analyzes: bool,
}

/// Classifies exactly one statement; text that holds more than one is `Other` with the reason.
pub fn classify(_dialect: Dialect, _text: &str) -> Verdict {
    // Until the read grammar stands, nothing is proven to be a read.
    Verdict {
        class: Class::Other,
        reason: "the read grammar is not there yet, so this may write".into(),
        functions: Vec::new(),
        analyzes: false,
    }
}
