//! The file that an import reads: how far it is read, its hash for the journal, its name for the screen.

use super::Import;
use super::reader::Reader;
use crate::model::{Dialect, Error, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that tells how much of it was read.
pub(super) struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buf)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// The records of an import's file.
pub(super) type Lines = Reader<BufReader<Counted>>;

/// An open file, with how much of it is read so far and its size, in bytes; a pipe has none.
pub(super) struct Opened {
    pub(super) reader: Lines,
    pub(super) read: Arc<AtomicU64>,
    pub(super) size: Option<u64>,
}

pub(super) fn open(import: &Import, dialect: Dialect) -> Result<Opened> {
    let shown = crate::text::clean(&import.file.display().to_string()).into_owned();
    let file = File::open(&import.file).map_err(|e| Error::io(format_args!("opening {shown}"), e))?;
    let size = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|m| m.len());
    let read = Arc::new(AtomicU64::new(0));
    let input = BufReader::with_capacity(1 << 16, Counted { file, read: read.clone() });
    let reader = Reader::new(input, import.form, import.null.clone()).map_err(|why| Error::usage(format!("{shown}: {why}")))?;
    // SQLite keeps text of any bytes, and exports write them as they are.
    Ok(Opened { reader: reader.any_bytes(dialect == Dialect::Sqlite), read, size })
}

/// The hash that the journal names the file by.
pub(super) fn hashed(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path).map_err(|e| Error::io("reading the file", e))?;
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk).map_err(|e| Error::io("reading the file", e))? {
            0 => return Ok(hex::encode(hash.finalize())),
            n => hash.update(&chunk[..n]),
        }
    }
}

pub(super) fn name(path: &Path) -> String {
    crate::text::clean(&path.file_name().unwrap_or_default().to_string_lossy()).into_owned()
}
