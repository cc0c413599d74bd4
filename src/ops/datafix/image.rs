//! Rows as they were before a data fix, in files that the operator alone can read.

use crate::model::{Cell, Column, Error, Result, RowBatch};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file that the rows before the change go to, readable by the operator alone.
pub(super) struct ImageFile {
    path: PathBuf,
    out: std::io::BufWriter<std::fs::File>,
    pub columns: Vec<Column>,
    pub rows: u64,
}

impl ImageFile {
    pub fn create(dir: &Path, stamp: &str, target: &str) -> Result<Self> {
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
                Ok(f) => return Ok(ImageFile { path, out: std::io::BufWriter::new(f), columns: Vec::new(), rows: 0 }),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io(format_args!("creating {}", path.display()), e)),
            }
        }
        Err(Error::failed(format!("{} holds too many before-images of this second", dir.display())))
    }

    pub fn write(&mut self, batch: &RowBatch) -> Result<()> {
        (0..batch.rows()).try_for_each(|r| self.write_row(batch, r))
    }

    pub fn write_row(&mut self, batch: &RowBatch, r: usize) -> Result<()> {
        let mut row = serde_json::Map::new();
        for (c, column) in self.columns.iter().enumerate() {
            let value = match batch.cell(r, c) {
                Cell::Null => serde_json::Value::Null,
                Cell::Text(b) | Cell::Number(b) => match std::str::from_utf8(b) {
                    Ok(s) => s.into(),
                    Err(_) => serde_json::json!({ "hex": hex::encode(b) }),
                },
                Cell::Binary(b) => serde_json::json!({ "hex": hex::encode(b) }),
            };
            row.insert(column.name.clone(), value);
        }
        serde_json::to_writer(&mut self.out, &row).map_err(|e| Error::failed(format!("writing {}: {e}", self.path.display())))?;
        self.out.write_all(b"\n").map_err(|e| Error::io(format_args!("writing {}", self.path.display()), e))?;
        self.rows += 1;
        Ok(())
    }

    /// On disk for certain: where, and how many rows.
    pub fn finish(mut self) -> Result<(PathBuf, u64)> {
        let doing = format!("writing {}", self.path.display());
        self.out.flush().map_err(|e| Error::io(&doing, e))?;
        self.out.get_ref().sync_all().map_err(|e| Error::io(&doing, e))?;
        Ok((self.path, self.rows))
    }

    pub fn discard(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Files for the rows of other tables that change with those of a fix: one for each table, made when its first row comes.
pub(super) struct Images {
    dir: PathBuf,
    stamp: String,
    target: String,
    files: BTreeMap<[String; 2], ImageFile>,
}

impl Images {
    pub fn new(dir: PathBuf, stamp: String, target: &str) -> Self {
        Images { dir, stamp, target: target.to_string(), files: BTreeMap::new() }
    }

    pub fn write_row(&mut self, table: &[String; 2], columns: &[Column], batch: &RowBatch, row: usize) -> Result<()> {
        if !self.files.contains_key(table) {
            let of = format!("{}-{}", self.target, crate::text::clean(&table.join(".")));
            let mut made = ImageFile::create(&self.dir, &self.stamp, &of)?;
            made.columns = columns.to_vec();
            self.files.insert(table.clone(), made);
        }
        self.files.get_mut(table).map_or(Ok(()), |f| f.write_row(batch, row))
    }

    pub fn discard(&mut self) {
        std::mem::take(&mut self.files).into_values().for_each(ImageFile::discard);
    }

    /// On disk for certain: where, by the table's name as it is shown.
    pub fn finish(self) -> Result<BTreeMap<String, PathBuf>> {
        self.files.into_iter().map(|(t, f)| Ok((crate::text::clean(&t.join(".")).into_owned(), f.finish()?.0))).collect()
    }
}
