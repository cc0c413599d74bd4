//! Files of the user: text for the editor, rows for a table.

use super::{Shared, lock};
use crate::app::Msg;
use crate::app::effect::{JobId, Over};
use crate::app::msg::Saved;
use crate::engine::Session;
use crate::model::{Error, Print, Result};
use crate::ops;
use crate::ops::import::Import;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Larger files are no SQL that one edits.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Makes a directory that only the user may enter.
pub fn private_dir(dir: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|e| Error::io(format!("making {}", crate::text::clean(&dir.display().to_string())), e))
}

pub(super) fn named(doing: &str, path: &Path) -> String {
    format!("{doing} {}", crate::text::clean(&path.display().to_string()))
}

/// `~/` is the home directory; the rest is relative to the working directory.
pub(super) fn resolve(shared: &Shared, path: &Path) -> PathBuf {
    match path.strip_prefix("~") {
        Ok(rest) => shared.cx().config.around.home.join(rest),
        Err(_) => path.to_path_buf(),
    }
}

pub fn open(shared: &Shared, path: PathBuf) {
    let path = resolve(shared, &path);
    let result = read(&path);
    shared.send(Msg::FileOpened { path, result });
}

/// Text of a file that is small enough and UTF-8.
pub fn read(path: &Path) -> Result<String> {
    String::from_utf8(bytes(path)?).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Error::usage(format!("{} is not UTF-8 (byte {at})", crate::text::clean(&path.display().to_string())))
            .hint("Convert it first, for example with iconv.")
    })
}

/// What is in a file that is small enough.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>> {
    let meta = fs::metadata(path).map_err(|e| Error::io(named("opening", path), e))?;
    if meta.is_dir() {
        return Err(Error::usage(format!("{} is a directory", crate::text::clean(&path.display().to_string()))));
    }
    if meta.len() > LARGEST {
        return Err(Error::usage(format!("{} is larger than 16 MB", crate::text::clean(&path.display().to_string())))
            .hint("`holdpoint query TARGET --file FILE` runs it."));
    }
    fs::read(path).map_err(|e| Error::io(named("reading", path), e))
}

pub fn save(shared: &Shared, path: PathBuf, text: &str, version: u64, over: Over) {
    let path = resolve(shared, &path);
    let result = write(&path, text, over);
    shared.send(Msg::FileSaved { path, version, result });
}

/// Writes a file unless that costs a text that it must not cost.
fn write(path: &Path, text: &str, over: Over) -> Result<Saved> {
    let io = |e| Error::io(named("saving", path), e);
    match over {
        Over::Nothing => match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(mut f) => f.write_all(text.as_bytes()).map_err(io)?,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => return Ok(Saved::There),
            Err(e) => return Err(io(e)),
        },
        Over::Known(known) => match fs::read(path) {
            // What was deleted outside is written again.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => replace(path, text, None)?,
            Err(e) => return Err(io(e)),
            Ok(there) if Some(Print::of(&there)) == known || there == text.as_bytes() => replace(path, text, None)?,
            Ok(_) => return Ok(Saved::Changed { theirs: read(path), known: known.is_some() }),
        },
        Over::Anything => replace(path, text, None)?,
    }
    Ok(Saved::Written(Print::of(text)))
}

/// Rows of a file into a table.
pub async fn import(shared: Arc<Shared>, link: u64, job: JobId, mut import: Box<Import>) {
    let Some(live) = shared.live(link) else { return };
    let cx = shared.job_cx(job);
    let unlock = lock(&shared.unlock).clone();
    import.file = resolve(&shared, &import.file);
    let opened = |session: &Session| {
        if let Some(backend) = session.backend() {
            lock(&shared.backends).insert(job, backend);
        }
    };
    let result = ops::import::run(&cx, &live.connection, unlock.as_deref(), &import, opened).await.map(Box::new);
    lock(&shared.backends).remove(&job);
    shared.unregister(job);
    shared.send(Msg::Imported { job, import, result });
}

/// Writes beside the file, then takes its place: a full disk never costs the old text.
pub fn replace(path: &Path, text: &str, mode: Option<u32>) -> Result<()> {
    let io = |e| Error::io(named("saving", path), e);
    // A link is followed, so that it stays a link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(io)?;
    file.write_all(text.as_bytes()).map_err(io)?;
    let permissions = match (mode, fs::metadata(&path)) {
        (Some(mode), _) => Some(std::os::unix::fs::PermissionsExt::from_mode(mode)),
        (None, Ok(old)) => Some(old.permissions()),
        (None, Err(_)) => Some(std::os::unix::fs::PermissionsExt::from_mode(0o644)),
    };
    if let Some(p) = permissions {
        file.as_file().set_permissions(p).map_err(io)?;
    }
    file.as_file().sync_all().map_err(io)?;
    file.persist(&path).map_err(|e| io(e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_another_program_wrote_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sql");
        assert!(matches!(write(&path, "one", Over::Nothing), Ok(Saved::Written(_))));
        assert!(matches!(write(&path, "two", Over::Nothing), Ok(Saved::There)));
        let known = Some(Print::of("one"));
        assert!(matches!(write(&path, "two", Over::Known(known)), Ok(Saved::Written(p)) if p == Print::of("two")));
        match write(&path, "three", Over::Known(known)) {
            Ok(Saved::Changed { theirs: Ok(t), known: true }) => assert_eq!(t, "two"),
            other => panic!("{other:?}"),
        }
        assert!(matches!(write(&path, "three", Over::Known(None)), Ok(Saved::Changed { known: false, .. })));
        assert!(matches!(write(&path, "two", Over::Known(None)), Ok(Saved::Written(_))), "the same text");
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        fs::write(&path, b"\xff").unwrap();
        assert!(matches!(write(&path, "three", Over::Known(known)), Ok(Saved::Changed { theirs: Err(_), .. })));
        fs::remove_file(&path).unwrap();
        assert!(matches!(write(&path, "three", Over::Known(known)), Ok(Saved::Written(_))), "a file that is gone");
        assert!(matches!(write(&path, "four", Over::Anything), Ok(Saved::Written(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "four");
    }
}
