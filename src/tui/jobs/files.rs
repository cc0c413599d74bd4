//! Files of the user and our own buffers.

use super::rows::{listed, spill};
use super::{Shared, lock};
use crate::app::Msg;
use crate::app::effect::{JobId, Over, ResultId};
use crate::app::msg::Saved;
use crate::engine::Session;
use crate::model::{Column, Error, Print, Result};
use crate::ops::export::{Encoder, NewFile, Portion, each};
use crate::ops::import::Import;
use crate::ops::{self, Cx};
use crate::store::spill::RowSpill;
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

fn named(doing: &str, path: &Path) -> String {
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
            .hint("Run it with the server's own client."));
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

/// Statements that the history's list holds; the store keeps more.
pub const RECALLED: usize = 5000;

/// Writes a new file of the library; one that is there stays.
pub fn save_query(shared: &Shared, path: PathBuf, text: &str) {
    let write = || {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(|e| Error::io(named("making", dir), e))?;
        }
        let made = OpenOptions::new().write(true).create_new(true).open(&path).and_then(|mut f| f.write_all(text.as_bytes()));
        made.map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Error::usage(format!("{} is there already", crate::text::clean(&path.display().to_string())))
                    .hint("Choose another name; to change the file, open it and save it.")
            }
            _ => Error::io(named("saving", &path), e),
        })
    };
    let result = write();
    shared.send(Msg::QuerySaved { path, result });
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

/// Writes the kept rows of a result into a file that must not be there yet: beside it first, so that a full disk or a
/// cancel leaves no half of it.
#[allow(clippy::too_many_arguments, reason = "they are the effect's")]
pub fn export(shared: &Shared, cx: &Cx, job: JobId, result: ResultId, columns: &[Column], encoder: Encoder, what: &Portion, path: PathBuf) {
    let path = resolve(shared, &path);
    let kept = || Ok((spill(shared, result)?, listed(shared, result, what.view)?));
    let encoder = encoder.only(what.columns.clone());
    let written = kept().and_then(|(rows, index)| write_rows(cx, &rows, index.as_deref(), what.rows, columns, encoder, &path));
    shared.unregister(job);
    shared.send(Msg::Exported { job, path, result: written });
}

fn write_rows(
    cx: &Cx,
    rows: &RowSpill,
    index: Option<&Vec<u32>>,
    range: Option<(u64, u64)>,
    columns: &[Column],
    mut encoder: Encoder,
    path: &Path,
) -> Result<(u64, Vec<String>)> {
    let mut file = NewFile::create(path)?;
    let mut out = Vec::new();
    encoder.columns(columns, &mut out)?;
    let total = each(cx, rows, index.map(Vec::as_slice), range, |batch| {
        encoder.batch(batch, &mut out)?;
        file.write(&out)?;
        out.clear();
        Ok(())
    })?;
    encoder.finish(&serde_json::json!({}), &mut out);
    file.write(&out)?;
    file.finish()?;
    Ok((total, encoder.read_otherwise()))
}

fn buffer_path(shared: &Shared, target: &str) -> PathBuf {
    // A target from a URL may bear any name; a file name may not.
    let name = percent_encoding::utf8_percent_encode(target, percent_encoding::NON_ALPHANUMERIC);
    shared.cx().config.state_dir.join("buffers").join(format!("{name}.sql"))
}

/// The text that an earlier console, or one without a store, kept for a target.
pub fn load_buffer(shared: &Shared, target: &str) -> Result<Option<String>> {
    let path = buffer_path(shared, target);
    if path.exists() { read(&path).map(Some) } else { Ok(None) }
}

/// Keeps one text for a target where there is no store.
pub fn save_buffer(shared: &Shared, target: &str, text: &str) -> Result<()> {
    let path = buffer_path(shared, target);
    path.parent().map_or(Ok(()), private_dir).and_then(|()| replace(&path, text, Some(0o600)))
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
