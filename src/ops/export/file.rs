//! A file that is made whole or not at all.

use crate::model::{Error, Result};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A new file, written beside its place and put there at the end: a full disk or a cancel leaves no half of it, and nothing that
/// is there is ever written over. Until then only the user may read it. Dropping it removes what was written.
pub struct NewFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl NewFile {
    /// Refuses a path that is there already.
    pub fn create(path: &Path) -> Result<NewFile> {
        let io = |e| failed(path, e);
        // Asked first, so that nothing is written for nothing; putting it there asks again. A dangling link is there too.
        if path.symlink_metadata().is_ok() {
            return Err(io(std::io::ErrorKind::AlreadyExists.into()));
        }
        let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(NewFile { path: path.to_path_buf(), file: BufWriter::new(NamedTempFile::new_in(dir).map_err(io)?) })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| failed(&self.path, e))
    }

    /// Puts it in its place, with the permissions that the user's mask gives new files.
    pub fn finish(self) -> Result<()> {
        let path = self.path;
        let io = |e| failed(&path, e);
        let file = self.file.into_inner().map_err(|e| io(e.into_error()))?;
        let open_to_all = std::os::unix::fs::PermissionsExt::from_mode(0o666 & !umask());
        file.as_file().set_permissions(open_to_all).map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        file.persist_noclobber(&path).map_err(|e| io(e.error))?;
        Ok(())
    }
}

fn failed(path: &Path, e: std::io::Error) -> Error {
    let name = crate::text::clean(&path.display().to_string()).into_owned();
    if e.kind() == std::io::ErrorKind::AlreadyExists {
        return Error::failed(format!("{name} is there already; an export never writes over a file"));
    }
    let full = e.kind() == std::io::ErrorKind::StorageFull;
    let e = Error::io(format_args!("exporting to {name}"), e);
    if full { e.hint("No part of the file was left behind. Choose a place with more room.") } else { e }
}

/// The user's mask for new files, which temporary files do not heed.
fn umask() -> u32 {
    let now = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    rustix::process::umask(now);
    now.as_raw_mode()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_not_there_and_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.csv");
        let mut f = NewFile::create(&path).unwrap();
        f.write(b"half").unwrap();
        drop(f);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left of it");
        let mut f = NewFile::create(&path).unwrap();
        f.write(b"whole").unwrap();
        // Somebody else was quicker.
        std::fs::write(&path, "theirs").unwrap();
        assert!(f.finish().unwrap_err().message.contains("is there already"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
        assert!(NewFile::create(&path).is_err());
    }
}
