//! Opening a database file: access proven, the session set as the `sqlite3` shell has it, and who the file is.

use super::guard::{Guard, Mode};
use super::{beside, fault};
use crate::config::Target;
use crate::engine::{Access, Connect, Role};
use crate::model::{Error, Identity, Kind, Obstacle, Place, ReadOnly, Result};
use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An open connection and what is known of it.
pub struct Opened {
    pub conn: Connection,
    pub guard: Guard,
    /// What the guard goes back to after each statement.
    pub mode: Mode,
    pub read_only: ReadOnly,
    pub identity: Identity,
    pub path: PathBuf,
    /// Databases beside it that could not be had.
    pub lacks: Vec<(String, Error)>,
}

/// Waiting for a lock, when nobody asked for another limit. The shell's own default is 0, which fails a read at the instant at
/// which somebody else commits; half a second rides over a commit and never looks like a hang.
const BUSY: Duration = Duration::from_millis(500);

/// The target's file, absolute. An absolute path can never be taken for a `file:` URI, which our SQLite build would obey.
pub fn path_of(target: &Target) -> Result<PathBuf> {
    let path = target
        .path
        .as_ref()
        .ok_or_else(|| Error::usage(format!("target {} names no file", target.name)).hint("Set `path` to the SQLite file."))?;
    std::path::absolute(path).map_err(|e| Error::io(format!("finding {}", path.display()), e))
}

/// Says what is wrong with a path before SQLite says "unable to open database file" to everything.
fn inspect(path: &Path) -> Result<(PathBuf, std::fs::Metadata)> {
    let meta = std::fs::metadata(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::connect(format!("there is no file {}", path.display()))
            .by(Obstacle::NoFile)
            .hint("Holdpoint never makes a database by opening it: check the path, make one with `sqlite3 FILE`, or try `holdpoint demo`."),
        std::io::ErrorKind::PermissionDenied => Error::connect(format!("no permission to reach {}", path.display()))
            .by(Obstacle::NoFile)
            .hint("Each directory on the way needs the x permission for this user."),
        _ => Error::connect(format!("opening {}: {e}", path.display())),
    })?;
    if meta.is_dir() {
        return Err(Error::connect(format!("{} is a directory, not a database file", path.display())).by(Obstacle::NoFile));
    }
    if !meta.is_file() {
        return Err(Error::connect(format!("{} is no regular file", path.display())));
    }
    // Asked, not tried: closing a descriptor of the file takes away the locks that this process's sessions hold on it
    // (howtocorrupt.html §2.2), and another program would then delete the write-ahead log under them.
    if let Err(e) = rustix::fs::accessat(rustix::fs::CWD, path, rustix::fs::Access::READ_OK, rustix::fs::AtFlags::EACCESS) {
        return Err(Error::connect(format!("no permission to read {}: {e}", path.display()))
            .by(Obstacle::NoFile)
            .hint("Ask the owner for read permission; never loosen the mode of a production file to 0666."));
    }
    let canonical = std::fs::canonicalize(path).map_err(|e| Error::connect(format!("opening {}: {e}", path.display())))?;
    Ok((canonical, meta))
}

/// Who the database at `path` is, without opening it.
pub fn identify(path: &Path) -> Result<Identity> {
    let (path, meta) = inspect(path)?;
    Ok(identity(&path, &meta))
}

/// Host, path, device and inode, hashed. A file that was replaced (restored over, swapped by rename) counts as another
/// database, so that evidence of the old content cannot serve the new one; migrations, VACUUM and ordinary writes keep all four.
fn identity(path: &Path, meta: &std::fs::Metadata) -> Identity {
    let mut hash = Sha256::new();
    for part in [gethostname::gethostname().as_encoded_bytes(), path.as_os_str().as_encoded_bytes()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.update(meta.dev().to_le_bytes());
    hash.update(meta.ino().to_le_bytes());
    Identity {
        product: "SQLite".into(),
        version: rusqlite::version().into(),
        major: "3".into(),
        address: path.display().to_string(),
        server_id: hex::encode(&hash.finalize()[..16]),
        database: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        database_id: String::new(),
        user: String::new(),
        pooler: None,
        unverified: None,
    }
}

/// Memory that a transaction may take before its changes go into the file: 64 MB, as SQLite counts it (pragma.html#pragma_cache_spill;
/// a negative number is KiB, as for cache_size).
const SPILL: i64 = -65_536;

/// Opens the file. `ReadOnly` that cannot be proven is an error; write access to a file that only allows reading is
/// not, it is shown as [`ReadOnly::File`] (and refused for migrations).
pub fn open(target: &Target, how: &Connect) -> Result<Opened> {
    let (path, meta) = inspect(&path_of(target)?)?;
    let failed = |e| opening_error(e, &path, how.access);
    let read = how.access == Access::ReadOnly;
    let access = if read { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
    let access = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let mut conn = if read && how.traceless && is_closed_wal(&path) {
        Connection::open_with_flags(immutable(&path), access | OpenFlags::SQLITE_OPEN_URI)
    } else {
        Connection::open_with_flags(&path, access)
    }
    .map_err(failed)?;
    conn.busy_timeout(how.lock_timeout.unwrap_or(BUSY)).map_err(failed)?;
    // Our build of the library has foreign keys on by default; the shell has them off, and so has every stock library.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false).map_err(failed)?;
    // The first read of the file: a wrong header, an encrypted file or a hot journal show here, not at the first statement.
    if let Some(name) = unreadable(&conn).map_err(failed)? {
        return Err(Error::connect(format!("the schema of {} is damaged: the definition of {name} is no valid UTF-8", path.display()))
            .hint("The `sqlite3` shell can still read the file: copy what is needed into a new one."));
    }
    let file_read_only = conn.is_readonly("main").map_err(failed)?;
    let lacks = beside::give(&conn, how.place.as_ref());
    if read {
        if !file_read_only {
            return Err(Error::connect(format!("{} was asked to be read-only and opened writable: refused", path.display())));
        }
        for b in how.place.iter().flat_map(Place::beside).filter(|b| b.file.is_some() && lacks.iter().all(|(name, _)| *name != b.name)) {
            if !conn.is_readonly(b.name.as_str()).map_err(failed)? {
                return Err(Error::connect(format!("{} beside {} was opened writable: refused", b.name, path.display())));
            }
        }
        conn.pragma_update(None, "query_only", true).map_err(failed)?;
        let query_only: bool = conn.pragma_query_value(None, "query_only", |r| r.get(0)).map_err(failed)?;
        if !query_only {
            return Err(Error::connect(format!("{}: query_only did not hold when read back: refused", path.display())));
        }
    } else {
        // An open transaction that outgrows the cache locks the file against all who read, this console's own looks among them: two megabytes
        // are soon written.
        conn.pragma_update(None, "cache_spill", SPILL).map_err(failed)?;
    }
    if !read && file_read_only && how.role == Role::Migration {
        return Err(Error::connect(format!("{} can only be read by this user", path.display()))
            .hint("A migration needs write permission on the file and on its directory (for the journal)."));
    }
    let mode = if read { Mode::Read } else { Mode::Free };
    let guard = beside::guarding(Guard::new(mode), &conn, how.place.as_ref()).map_err(failed)?;
    let judge = guard.clone();
    conn.authorizer(Some(move |ctx: rusqlite::hooks::AuthContext<'_>| judge.judge(&ctx))).map_err(failed)?;
    let read_only = if file_read_only { ReadOnly::File } else { ReadOnly::No };
    Ok(Opened { identity: identity(&path, &meta), conn, guard, mode, read_only, path, lacks })
}

/// A database in WAL mode that nobody has open: reading it would make its log anew and leave it, as a file of this user, and whoever may
/// not write that cannot write the database any more. The header is read by another process: closing a descriptor here would take away
/// the locks of this one's sessions.
fn is_closed_wal(path: &Path) -> bool {
    if super::assess::beside(path, "-wal").exists() || super::assess::beside(path, "-journal").exists() {
        return false;
    }
    let head = std::process::Command::new("head").args(["-c", "20"]).arg(path).stderr(std::process::Stdio::null()).output();
    // The version for writing, at byte 18 (fileformat2.html §1.3).
    head.is_ok_and(|o| o.stdout.get(18) == Some(&2))
}

/// The file as one that nobody changes.
fn immutable(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b);
    let escaped: String =
        path.as_os_str().as_bytes().iter().map(|b| if plain(*b) { char::from(*b).to_string() } else { format!("%{b:02X}") }).collect();
    format!("file://{escaped}?immutable=1")
}

/// An object with a name or a definition that is no UTF-8. SQLite itself writes none; the driver panics on column names that are not.
fn unreadable(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let mut statement = conn.prepare("SELECT name, sql FROM sqlite_schema")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let texts = [row.get_ref(0)?, row.get_ref(1)?];
        let bad = |v: &ValueRef<'_>| matches!(v, ValueRef::Text(t) if std::str::from_utf8(t).is_err());
        if texts.iter().any(bad) {
            return Ok(Some(match texts[0] {
                ValueRef::Text(name) => String::from_utf8_lossy(name).into_owned(),
                _ => "an object".into(),
            }));
        }
    }
    Ok(None)
}

fn opening_error(e: rusqlite::Error, path: &Path, access: Access) -> Error {
    let e = fault::opening(e, path);
    let wal = path.with_file_name(format!("{}-wal", path.file_name().unwrap_or_default().to_string_lossy()));
    if access == Access::ReadOnly && e.kind == Kind::Connect && wal.exists() {
        return e.hint(
            "The database is in WAL mode: reading it needs the -shm file, which cannot be made in a directory without write permission.",
        );
    }
    e
}
