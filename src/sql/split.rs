//! From a script to its statements, by the lexer's tokens: strings, dollar quotes, comments, SQLite triggers
//! (`BEGIN … END`), MySQL `DELIMITER` lines and compound bodies never split wrongly.

use crate::model::{Dialect, Error};
use std::ops::Range;

/// A statement in a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementSpan {
    /// From the first token that is neither blank nor comment to the last byte before the terminator; as sent.
    pub span: Range<usize>,
    /// With its terminator, and the comments that stand before it.
    pub outer: Range<usize>,
    /// Line on which the statement starts, from 1.
    pub line: usize,
    /// True when the terminator (or the end of the text, outside any string or comment) was reached.
    pub complete: bool,
}

/// The statements of `text`. Blank and comment-only parts give none. Never fails: the rest of half-typed text is one
/// statement with `complete == false`.
pub fn split(_dialect: Dialect, _text: &str) -> Vec<StatementSpan> {
    unimplemented!()
}

/// The statement under the byte offset `at`: the one whose `outer` holds it, else the last one before it.
pub fn statement_at(_dialect: Dialect, _text: &str, _at: usize) -> Option<StatementSpan> {
    unimplemented!()
}

/// Splits a migration script, and refuses what a server cannot run as it stands: psql meta-commands (`\copy`,
/// `\restrict`), an unterminated string or comment. Errors name the line.
pub fn split_script(_dialect: Dialect, _text: &str) -> Result<Vec<StatementSpan>, Error> {
    unimplemented!()
}
