//! SQLite's errors as sentences a person can act on.

use super::space;
use crate::model::{Error, Kind};
use rusqlite::ffi;
use std::path::Path;

/// `SQLITE_BUSY (5)`: the name that the manual lists, for the primary code.
fn code_name(extended: i32) -> String {
    let name = match extended & 0xff {
        ffi::SQLITE_ERROR => "SQLITE_ERROR",
        ffi::SQLITE_PERM => "SQLITE_PERM",
        ffi::SQLITE_ABORT => "SQLITE_ABORT",
        ffi::SQLITE_BUSY => "SQLITE_BUSY",
        ffi::SQLITE_LOCKED => "SQLITE_LOCKED",
        ffi::SQLITE_NOMEM => "SQLITE_NOMEM",
        ffi::SQLITE_READONLY => "SQLITE_READONLY",
        ffi::SQLITE_INTERRUPT => "SQLITE_INTERRUPT",
        ffi::SQLITE_IOERR => "SQLITE_IOERR",
        ffi::SQLITE_CORRUPT => "SQLITE_CORRUPT",
        ffi::SQLITE_FULL => "SQLITE_FULL",
        ffi::SQLITE_CANTOPEN => "SQLITE_CANTOPEN",
        ffi::SQLITE_SCHEMA => "SQLITE_SCHEMA",
        ffi::SQLITE_TOOBIG => "SQLITE_TOOBIG",
        ffi::SQLITE_CONSTRAINT => "SQLITE_CONSTRAINT",
        ffi::SQLITE_MISMATCH => "SQLITE_MISMATCH",
        ffi::SQLITE_MISUSE => "SQLITE_MISUSE",
        ffi::SQLITE_AUTH => "SQLITE_AUTH",
        ffi::SQLITE_NOTADB => "SQLITE_NOTADB",
        _ => "SQLITE",
    };
    format!("{name} ({extended})")
}

/// An error of a statement on the database at `path`.
pub fn statement(e: rusqlite::Error, path: &Path) -> Error {
    let (code, message, at) = match e {
        rusqlite::Error::SqliteFailure(e, message) => (e.extended_code, message.unwrap_or_else(|| e.to_string()), None),
        rusqlite::Error::SqlInputError { error, msg, offset, .. } => (error.extended_code, msg, usize::try_from(offset).ok()),
        rusqlite::Error::MultipleStatement => return several(),
        other => return Error::new(Kind::Statement, other.to_string()),
    };
    let file = path.display();
    let mut error = match code & 0xff {
        ffi::SQLITE_INTERRUPT => Error::cancelled(),
        ffi::SQLITE_BUSY => {
            let holder = space::holder(path);
            let who = holder.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
            Error::new(Kind::Statement, format!("{file} is locked by another connection{who}: {message}")).hint(match holder {
                Some(h) if h == space::OURSELVES => {
                    "Another session of this program has it: most often your own open transaction, which wrote more than fits into memory. Commit \
                     or roll back, then do this again."
                }
                _ => "Another program or session holds a transaction on this file: let it commit or roll back, then run this again.",
            })
        }
        ffi::SQLITE_LOCKED => Error::new(Kind::Statement, format!("a table of {file} is in use by this connection: {message}")),
        ffi::SQLITE_READONLY if code == ffi::SQLITE_READONLY_DBMOVED => {
            Error::new(Kind::Statement, format!("{file} was moved or replaced while it was open: what is open is no longer the file of that name"))
                .hint("Connect again: that opens the file that is there now.")
        }
        ffi::SQLITE_READONLY => Error::read_only(format!("{file} is open read-only: {message}")),
        ffi::SQLITE_AUTH if message.contains('\u{fffd}') => {
            Error::new(Kind::Statement, format!("a name is no UTF-8, and cannot be used here: {message}"))
                .hint("The `sqlite3` shell can still read it: copy what is needed into another table.")
        }
        ffi::SQLITE_AUTH => Error::read_only(format!("refused, this session is read-only: {message}")),
        ffi::SQLITE_NOTADB => Error::new(Kind::Statement, format!("{file} is not a SQLite database, or it is encrypted"))
            .hint("SQLCipher and other encrypted files cannot be read here."),
        ffi::SQLITE_CORRUPT if code == ffi::SQLITE_CORRUPT_VTAB => {
            Error::new(Kind::Statement, format!("a virtual table of {file} does not agree with the tables that it keeps its data in: {message}"))
                .hint("The file itself may be sound. The index of an FTS5 table is checked by `INSERT INTO t(t) VALUES('integrity-check')` and made again by `… VALUES('rebuild')`.")
        }
        // The pragma sets up every virtual table, and ends at the first that cannot be.
        ffi::SQLITE_CORRUPT if message.contains("vtable constructor") => Error::new(Kind::Statement, format!("{file} is damaged: {message}"))
            .hint("Copy the file with its -wal and -journal aside before anything else. A virtual table's data is damaged, too, so that \
                `PRAGMA integrity_check` fails here: `holdpoint recover FILE salvage` says how the file is recovered."),
        ffi::SQLITE_CORRUPT => Error::new(Kind::Statement, format!("{file} is damaged: {message}"))
            .hint("Copy the file with its -wal and -journal aside before anything else; `PRAGMA integrity_check` names the pages."),
        ffi::SQLITE_FULL => Error::new(Kind::Io, format!("writing {file}: {message}"))
            .hint("The disk (or the temporary directory) is full: free some space and run it again."),
        ffi::SQLITE_IOERR => Error::new(Kind::Io, format!("reading or writing {file}: {message}")),
        ffi::SQLITE_CANTOPEN => Error::new(Kind::Io, format!("opening {file}: {message}"))
            .hint("A database in WAL mode needs a directory in which its -wal and -shm files can be made."),
        _ => Error::new(Kind::Statement, message),
    }
    .code(code_name(code));
    error.position = at;
    error
}

/// More than one statement in a text that has to be one.
pub fn several() -> Error {
    Error::new(Kind::Statement, "the text holds more than one statement")
        .hint("Statements run one at a time: put the cursor in one of them, or run them one after the other.")
}

/// An error while opening the file.
pub fn opening(e: rusqlite::Error, path: &Path) -> Error {
    let mut e = statement(e, path);
    if e.kind != Kind::Cancelled {
        e.kind = Kind::Connect;
        e.position = None;
    }
    e
}
