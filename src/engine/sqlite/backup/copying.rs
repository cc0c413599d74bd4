//! Files of a backup: made by `VACUUM INTO`, hashed, copied with the hash checked on the way.

use super::super::{fault, open};
use crate::model::manifest::Artefact;
use crate::model::{Error, Kind, Progress, Result};
use rusqlite::{Connection, InterruptHandle, OpenFlags};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// How a copy ended.
pub enum Copied {
    /// The source did not change meanwhile; with facts for the manifest.
    Still(BTreeMap<String, String>),
    /// Another connection committed while it was copied.
    Moved,
}

/// Work on files, away from the runtime's own threads.
pub async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(Error::failed(format!("a piece of work ended early: {e}"))))
}

/// How often the copy's size is looked at, for progress only.
const LOOK: Duration = Duration::from_millis(200);

/// Copies the database at `source` into the new file `copy`. Whatever goes wrong, no partial file is left.
pub async fn vacuum_into(source: &Path, copy: &Path, progress: &dyn Progress, cancel: &CancellationToken) -> Result<Copied> {
    let total = std::fs::metadata(source).map(|m| m.len()).ok();
    let (handle, interrupt) = oneshot::channel::<InterruptHandle>();
    let (from, to) = (source.to_path_buf(), copy.to_path_buf());
    let mut work = std::pin::pin!(on_thread(move || copy_now(&from, &to, handle)));
    let interrupt = async { interrupt.await.ok() };
    let mut interrupt = std::pin::pin!(interrupt);
    let mut handle = None;
    let mut asked = false;
    let result = loop {
        tokio::select! {
            done = &mut work => break done,
            got = &mut interrupt, if handle.is_none() => {
                handle = got;
                if handle.is_none() {
                    break work.await;
                }
            }
            () = cancel.cancelled(), if !asked && handle.is_some() => {
                asked = true;
                if let Some(h) = &handle {
                    h.interrupt();
                }
            }
            () = tokio::time::sleep(LOOK) => {
                // An interrupt that came before the statement began had no effect.
                if let (true, Some(h)) = (asked, &handle) {
                    h.interrupt();
                }
                let done = std::fs::metadata(copy).map(|m| m.len()).unwrap_or(0);
                progress.update("copying with VACUUM INTO", done, total);
            }
        }
    };
    if !matches!(result, Ok(Copied::Still(_))) || cancel.is_cancelled() {
        remove(copy);
    }
    if cancel.is_cancelled() {
        return Err(Error::cancelled());
    }
    result
}

/// Removes a copy and its journal.
pub fn remove(copy: &Path) {
    for suffix in ["", "-journal"] {
        let mut path = copy.as_os_str().to_owned();
        path.push(suffix);
        let _ = std::fs::remove_file(PathBuf::from(path));
    }
}

fn copy_now(source: &Path, copy: &Path, handle: oneshot::Sender<InterruptHandle>) -> Result<Copied> {
    let failed = |e| fault::statement(e, source);
    open::identify(source)?;
    let conn = Connection::open_with_flags(
        source,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE,
    )
    .map_err(failed)?;
    crate::engine::sqlite::scan::count(&conn, false).map_err(failed)?;
    // A backup may wait longer for a writer's commit than a person at the keyboard.
    conn.busy_timeout(Duration::from_secs(5)).map_err(failed)?;
    let _ = handle.send(conn.get_interrupt_handle());
    let text = copy.to_str().ok_or_else(|| Error::usage(format!("{} is no UTF-8: SQLite cannot write there", copy.display())))?;
    // Made here, and empty, so that nobody else can read it while it grows.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(copy)
        .map_err(|e| Error::io(format!("making {}", copy.display()), e))?;
    // The version that this one connection sees: it moves when any other connection commits.
    let version = || conn.pragma_query_value(None, "data_version", |r| r.get::<_, i64>(0)).map_err(failed);
    let before = version()?;
    conn.execute("VACUUM INTO ?1", [text]).map_err(|e| {
        let e = fault::statement(e, source);
        if e.code.as_deref().is_some_and(|c| c.starts_with("SQLITE_FULL")) {
            let mut full = Error::new(Kind::Io, format!("no room for the copy of {} in {}", source.display(), copy.display()));
            full.hints = vec!["Free some space there and take the backup again; the partial copy was removed.".into()];
            return full;
        }
        e
    })?;
    if version()? != before {
        return Ok(Copied::Moved);
    }
    File::open(copy).and_then(|f| f.sync_all()).map_err(|e| Error::io(format!("writing {} to disk", copy.display()), e))?;
    let mut facts = BTreeMap::new();
    facts.insert("data_version".into(), before.to_string());
    for name in ["journal_mode", "page_size", "page_count", "freelist_count"] {
        let value: rusqlite::types::Value = conn.pragma_query_value(None, name, |r| r.get(0)).map_err(failed)?;
        let text = match value {
            rusqlite::types::Value::Integer(i) => i.to_string(),
            rusqlite::types::Value::Text(t) => t,
            _ => continue,
        };
        facts.insert(format!("source_{name}"), text);
    }
    Ok(Copied::Still(facts))
}

/// Size and SHA-256 (hex) of a file.
pub fn hash_file(path: &Path, cancel: &CancellationToken) -> Result<(u64, String)> {
    let file = File::open(path).map_err(|e| Error::io(format!("opening {}", path.display()), e))?;
    stream(file, path, &mut std::io::sink(), path, cancel)
}

fn stream(mut from: File, from_path: &Path, to: &mut dyn Write, to_path: &Path, cancel: &CancellationToken) -> Result<(u64, String)> {
    let mut hash = Sha256::new();
    let mut block = vec![0u8; 1 << 20];
    let mut total = 0u64;
    loop {
        if cancel.is_cancelled() {
            return Err(Error::cancelled());
        }
        let n = from.read(&mut block).map_err(|e| Error::io(format!("reading {}", from_path.display()), e))?;
        if n == 0 {
            return Ok((total, hex::encode(hash.finalize())));
        }
        hash.update(&block[..n]);
        to.write_all(&block[..n]).map_err(|e| Error::io(format!("writing {}", to_path.display()), e))?;
        total += n as u64;
    }
}

/// Copies an artefact to a new file, and refuses it when it is not what the manifest says.
pub fn copy_checked(from: &Path, to: &Path, expected: &Artefact, cancel: &CancellationToken) -> Result<()> {
    let wrong =
        |what: String| Error::failed(what).hint("This backup proves nothing any more: take a new one, and look who changed the file.");
    let file = File::open(from).map_err(|e| Error::io(format!("opening the backup's {}", from.display()), e))?;
    let size = file.metadata().map_err(|e| Error::io(format!("reading {}", from.display()), e))?.len();
    if size != expected.bytes {
        return Err(wrong(format!(
            "{} has {size} bytes and its manifest says {}: it was cut off or changed",
            from.display(),
            expected.bytes
        )));
    }
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|e| Error::io(format!("making {}", to.display()), e))?;
    let (_, sha256) = stream(file, from, &mut out, to, cancel)?;
    if sha256 != expected.sha256 {
        return Err(wrong(format!("{} was changed since the backup was taken: its SHA-256 is not the manifest's", from.display())));
    }
    out.sync_all().map_err(|e| Error::io(format!("writing {} to disk", to.display()), e))
}
