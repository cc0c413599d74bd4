//! Our own record in an embedded SQLite file: the hash-chained journal, evidence, runs, history, values of parameters, buffers,
//! spilled results.
//!
//! Several consoles may use one store at once: every change is one short BEGIN IMMEDIATE transaction.

pub mod assessments;
pub mod buffers;
pub mod evidence;
pub mod history;
pub mod journal;
pub mod plans;
pub mod runs;
pub mod spill;
pub mod values;

use crate::model::{Error, Kind, Result};
use rusqlite::{OpenFlags, Transaction, TransactionBehavior};
use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Version of the tables below, in `user_version`. A store of a newer version is not touched.
const VERSION: i64 = 7;

/// How long one console waits for another's append; an append takes milliseconds.
const BUSY: Duration = Duration::from_secs(10);

const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE journal (
  seq INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, operator TEXT NOT NULL, host TEXT NOT NULL,
  target TEXT NOT NULL, body TEXT NOT NULL, prev_hash TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
CREATE INDEX journal_target ON journal (target, seq);
CREATE TRIGGER journal_is_append_only BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_keeps_all BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TABLE evidence (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
  imported_from TEXT) STRICT;
CREATE INDEX evidence_kind ON evidence (kind, seq);
CREATE TRIGGER evidence_is_fixed BEFORE UPDATE ON evidence BEGIN SELECT RAISE(ABORT, 'evidence cannot be changed'); END;
CREATE TABLE runs (
  id TEXT PRIMARY KEY, checklist TEXT NOT NULL, target TEXT NOT NULL, seq INTEGER NOT NULL, upto INTEGER, issue TEXT,
  versions TEXT, state TEXT NOT NULL) STRICT;
CREATE UNIQUE INDEX one_open_run ON runs (checklist, target) WHERE state = 'open';
CREATE TABLE acts (
  id TEXT PRIMARY KEY, run TEXT NOT NULL, target TEXT NOT NULL, seq INTEGER NOT NULL, pid INTEGER NOT NULL,
  started TEXT NOT NULL, host TEXT NOT NULL, state TEXT NOT NULL) STRICT;
CREATE TABLE history (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, target TEXT NOT NULL, text TEXT NOT NULL, took_ms INTEGER NOT NULL,
  rows INTEGER, error TEXT, fate TEXT) STRICT;
CREATE INDEX history_target ON history (target, id);
";

/// The store. When its file cannot be used it is *degraded*: every access is an error that says why, and read-only work goes on.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// Opened when it is first asked for: the console's first frame needs nothing of it.
    inner: OnceLock<Result<Mutex<rusqlite::Connection>>>,
    /// Head of the journal when this process last walked the whole chain and found it intact.
    intact_at: Mutex<Option<String>>,
}

/// A database error in our own file, as a sentence.
pub(crate) fn store_error(e: rusqlite::Error) -> Error {
    let full = matches!(e.sqlite_error_code(), Some(rusqlite::ErrorCode::DiskFull));
    let busy = matches!(e.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked));
    let mut out = Error::new(Kind::Io, format!("the store: {e}"));
    if full {
        out = out.hint("The disk is full: free some space first.");
    }
    if busy {
        out = out.hint("Another Holdpoint holds the store's lock for longer than 10 s: see whether it hangs.");
    }
    out
}

impl Store {
    /// The store at `path`, opened or created by its first use. Never fails: see [`Store::problem`].
    pub fn open(path: &Path) -> Self {
        Store { path: path.to_path_buf(), inner: OnceLock::new(), intact_at: Mutex::new(None) }
    }

    fn inner(&self) -> &Result<Mutex<rusqlite::Connection>> {
        self.inner.get_or_init(|| {
            open(&self.path).map(Mutex::new).map_err(|e| {
                e.context(format!("the store {} cannot be used", crate::text::clean(&self.path.to_string_lossy())))
                    .hint("Reading goes on; nothing that needs a record (proofs, signatures, applying, data fixes) can be done until it can be written.")
            })
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why the store cannot be used, for the status line.
    pub fn problem(&self) -> Option<&Error> {
        self.inner().as_ref().err()
    }

    /// Fails with the reason when nothing can be recorded: asked before anything that needs a record.
    pub fn writable(&self) -> Result<()> {
        self.write(|_| Ok(()))
    }

    pub(crate) fn read<T>(&self, f: impl FnOnce(&rusqlite::Connection) -> Result<T>) -> Result<T> {
        let db = self.inner().as_ref().map_err(Clone::clone)?;
        f(&db.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One BEGIN IMMEDIATE transaction: all of it or nothing.
    pub(crate) fn write<T>(&self, f: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let db = self.inner().as_ref().map_err(Clone::clone)?;
        let mut db = db.lock().unwrap_or_else(PoisonError::into_inner);
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(store_error)?;
        self.note_gap(&tx)?;
        let out = f(&tx)?;
        tx.commit().map_err(store_error)?;
        Ok(out)
    }
}

fn open(path: &Path) -> Result<rusqlite::Connection> {
    let shown = |what: &str| format!("{what} {}", crate::text::clean(&path.to_string_lossy()));
    if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty() && !d.exists()) {
        let mut make = DirBuilder::new();
        make.recursive(true).mode(0o700).create(dir).map_err(|e| Error::io(format!("making {}", dir.display()), e))?;
    }
    // The file exists with 0600 before SQLite first writes to it; its -wal and -shm inherit the mode.
    // One that exists is not opened here: closing it again would take away the locks of this process's other connections.
    match OpenOptions::new().create_new(true).write(true).mode(0o600).open(path) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(Error::io(shown("opening"), e)),
        _ => {}
    }
    let mode = std::fs::metadata(path).map_err(|e| Error::io(shown("reading"), e))?.permissions().mode();
    if mode & 0o077 != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(|e| Error::io(shown("closing to others"), e))?;
    }
    let shared = on_network(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let real = path.canonicalize().map_err(|e| Error::io(shown("finding"), e))?;
    let mut db = rusqlite::Connection::open_with_flags(real, flags).map_err(store_error)?;
    db.busy_timeout(BUSY).map_err(store_error)?;
    // The bundled library counts what each part of a statement does unless told not to.
    db.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_STMT_SCANSTATUS, false).map_err(store_error)?;
    // WAL needs shared memory, which network file systems do not give.
    let journal = if shared { "DELETE" } else { "WAL" };
    db.pragma_update(None, "journal_mode", journal).map_err(store_error)?;
    // A statement is journaled before it is sent: that must survive a power cut.
    db.pragma_update(None, "synchronous", "FULL").map_err(store_error)?;
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(store_error)?;
    let version: i64 = tx.query_row("PRAGMA user_version", [], |r| r.get(0)).map_err(store_error)?;
    // What a store of each format lacks, in the order in which it came.
    let added: [&[&str]; 6] = [
        &[buffers::FROM_1, buffers::TABLES, buffers::TAKE_OVER],
        &[values::TABLES],
        &[plans::TABLES],
        &[history::ADDED],
        &[assessments::TABLES],
        &[buffers::PRINTS],
    ];
    match version {
        0 => {
            let tables: i64 = tx.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0)).map_err(store_error)?;
            if tables != 0 {
                return Err(Error::new(Kind::Io, "it is a SQLite database, and not one of Holdpoint's stores")
                    .hint("Set [store] path to a file of its own."));
            }
            for tables in [TABLES, buffers::TABLES, buffers::PRINTS, values::TABLES, plans::TABLES, assessments::TABLES] {
                tx.execute_batch(tables).map_err(store_error)?;
            }
            tx.pragma_update(None, "user_version", VERSION).map_err(store_error)?;
        }
        old @ 1..VERSION => {
            for step in added.iter().skip(usize::try_from(old - 1).unwrap_or(0)).copied().flatten() {
                tx.execute_batch(step).map_err(store_error)?;
            }
            tx.pragma_update(None, "user_version", VERSION).map_err(store_error)?;
        }
        VERSION => {}
        newer => {
            return Err(Error::new(Kind::Io, format!("it has format {newer}, and this Holdpoint knows formats up to {VERSION}"))
                .hint("Use the newer Holdpoint that wrote it, or another [store] path."));
        }
    }
    tx.commit().map_err(store_error)?;
    Ok(db)
}

/// File systems (magic numbers of `statfs(2)`) on which WAL is not safe: NFS, SMB, CIFS, SMB2, AFS, 9P, Ceph, Lustre,
/// and FUSE, behind which any of them may stand. Unknown means local.
fn on_network(path: &Path) -> bool {
    const NETWORK: [u64; 9] = [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x5346_414F, 0x0102_1997, 0x00C3_6400, 0x0BD0_0BD0, 0x6573_5546];
    #[allow(clippy::unnecessary_cast)] // the width of f_type differs between platforms
    rustix::fs::statfs(path).is_ok_and(|s| NETWORK.contains(&(s.f_type as u64 & 0xFFFF_FFFF)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_private_and_several_may_open_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/holdpoint/store.db");
        let a = Store::open(&path);
        let b = Store::open(&path);
        assert_eq!((a.problem(), b.problem()), (None, None));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        a.writable().unwrap();
        b.writable().unwrap();
    }

    #[test]
    fn a_store_that_cannot_be_used_says_so_and_what_still_works() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        std::fs::write(&path, "this is no database, it is a text file that is long enough to have a header to be read").unwrap();
        let s = Store::open(&path);
        let e = s.problem().expect("degraded");
        assert!(e.message.contains("store.db cannot be used"), "{e}");
        assert!(e.hints.iter().any(|h| h.contains("Reading goes on")));
        assert!(s.writable().is_err());
    }

    #[test]
    fn foreign_and_newer_databases_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("foreign.db");
        rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(Store::open(&path).problem().unwrap().message.contains("not one of Holdpoint's stores"));
        let path = dir.path().join("newer.db");
        rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
        assert!(Store::open(&path).problem().unwrap().message.contains("format 99"));
    }
}
