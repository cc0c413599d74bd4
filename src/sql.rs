//! SQL text: lexer, splitter, classifier. Pure, per dialect, linear, and never panics on any input.

pub mod classify;
mod keywords;
pub mod lexer;
pub mod split;

pub use classify::{Class, Verdict, classify};
pub use lexer::{Token, TokenKind, lex};
pub use split::{StatementSpan, split};
