//! SQL text: lexer, splitter, classifier, redaction. Pure, per dialect, linear, and never panics on any input.

pub mod before;
pub mod classify;
pub mod complete;
pub mod copied;
pub mod counters;
pub mod fingerprint;
pub mod format;
pub mod functions;
pub mod joined;
mod keywords;
pub mod lexer;
pub mod limit;
pub mod locking;
pub mod mentions;
pub mod outside;
pub mod params;
pub mod redact;
pub mod rekey;
pub mod reserved;
pub mod settings;
pub mod single;
pub mod split;
pub mod template;
pub mod terminator;
pub mod transaction;
pub mod upsert;

pub use classify::{Class, Verdict, classify};
pub use fingerprint::fingerprint;
pub use lexer::{Token, TokenKind, lex, reads_otherwise, relex};
pub use redact::{redact, without_constants};
pub use split::{Script, StatementSpan, split, split_as, split_file, split_script, statement_at};
pub use terminator::ended;
