//! Rows as they were before a data fix, in files that the operator alone can read.

use crate::model::{Column, Dialect, Error, Result, RowBatch};
use crate::ops::export::{Encoder, ExportFormat};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file that the rows before the change go to, readable by the operator alone.
pub(super) struct ImageFile {
    path: PathBuf,
    out: std::io::BufWriter<std::fs::File>,
    /// As NDJSON is exported: exactly, and to be imported again.
    encoder: Encoder,
    pub rows: u64,
    /// All of it is on the disk.
    whole: bool,
}

/// Half of an image looks like a whole one: it goes, whatever went wrong.
impl Drop for ImageFile {
    fn drop(&mut self) {
        if !self.whole {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl ImageFile {
    pub fn create(dir: &Path, stamp: &str, target: &str, dialect: Dialect) -> Result<Self> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|e| Error::io(format_args!("creating {}", dir.display()), e))?;
        let safe: String = target.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect();
        let stamp = stamp.replace(':', "");
        for n in 0..1000 {
            let path = dir.join(format!("{stamp}-{safe}-{n:03}.ndjson"));
            match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(f) => {
                    return Ok(ImageFile {
                        path,
                        out: std::io::BufWriter::new(f),
                        encoder: Encoder::new(ExportFormat::Ndjson { dialect }).naming_zones(),
                        rows: 0,
                        whole: false,
                    });
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io(format_args!("creating {}", path.display()), e)),
            }
        }
        Err(Error::failed(format!("{} holds too many before-images of this second", dir.display())))
    }

    /// What its rows are made of, the same for all of them.
    pub fn columns(&mut self, columns: &[Column]) -> Result<()> {
        let mut out = Vec::new();
        self.encoder.columns(columns, &mut out)?;
        self.put(&out)
    }

    pub fn write(&mut self, batch: &RowBatch) -> Result<()> {
        (0..batch.rows()).try_for_each(|r| self.write_row(batch, r))
    }

    pub fn write_row(&mut self, batch: &RowBatch, r: usize) -> Result<()> {
        let mut out = Vec::new();
        self.encoder.row(batch, r, &mut out)?;
        self.rows += 1;
        self.put(&out)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|e| Error::io(format_args!("writing {}", self.path.display()), e))
    }

    /// On disk for certain: where, and how many rows.
    pub fn finish(mut self) -> Result<(PathBuf, u64)> {
        let doing = format!("writing {}", self.path.display());
        self.out.flush().map_err(|e| Error::io(&doing, e))?;
        self.out.get_ref().sync_all().map_err(|e| Error::io(&doing, e))?;
        self.whole = true;
        Ok((std::mem::take(&mut self.path), self.rows))
    }
}

/// Files for the rows of other tables that change with those of a fix: one for each table, made when its first row comes.
pub(super) struct Images {
    dir: PathBuf,
    stamp: String,
    target: String,
    dialect: Dialect,
    files: BTreeMap<[String; 2], ImageFile>,
}

impl Images {
    pub fn new(dir: PathBuf, stamp: String, target: &str, dialect: Dialect) -> Self {
        Images { dir, stamp, target: target.to_string(), dialect, files: BTreeMap::new() }
    }

    pub fn write_row(&mut self, table: &[String; 2], columns: &[Column], batch: &RowBatch, row: usize) -> Result<()> {
        if !self.files.contains_key(table) {
            let of = format!("{}-{}", self.target, crate::text::clean(&table.join(".")));
            let mut made = ImageFile::create(&self.dir, &self.stamp, &of, self.dialect)?;
            made.columns(columns)?;
            self.files.insert(table.clone(), made);
        }
        self.files.get_mut(table).map_or(Ok(()), |f| f.write_row(batch, row))
    }

    pub fn discard(&mut self) {
        self.files.clear();
    }

    /// On disk for certain: where, by the table's name as it is shown.
    pub fn finish(self) -> Result<BTreeMap<String, PathBuf>> {
        self.files.into_iter().map(|(t, f)| Ok((crate::text::clean(&t.join(".")).into_owned(), f.finish()?.0))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_image_stays() {
        let dir = tempfile::tempdir().expect("dir");
        let made = || ImageFile::create(dir.path(), "2026-11-22T12:00:00Z", "prod", Dialect::Sqlite).expect("made");
        let left = || std::fs::read_dir(dir.path()).expect("dir").count();
        let mut half = made();
        half.put(b"{\"id\":").expect("written");
        drop(half);
        assert_eq!(left(), 0);
        let (path, rows) = made().finish().expect("whole");
        assert!(path.is_file() && rows == 0 && left() == 1);
    }
}
