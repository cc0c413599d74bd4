//! The rows of one result, every one of them reachable, in bounded memory: a small result stays in memory, a larger one goes to an unlinked
//! temporary file with an index of its batches.

use crate::model::{BatchBuilder, Error, Result, RowBatch};
use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Up to this many bytes a result needs no file.
const IN_MEMORY: usize = 1024 * 1024;
/// Decoded batches that are kept: a screen touches one or two, paging back and forth a few more. At 256 KiB of text each, about 4 MiB.
const CACHED: usize = 8;
/// Of large values fewer: so many bytes of batches are kept, and no batch that is larger.
const CACHED_BYTES: usize = 8 * 1024 * 1024;

/// Where a batch is.
struct Entry {
    first: u64,
    rows: u32,
    bytes: u32,
    at: Place,
}

enum Place {
    Memory(Arc<RowBatch>),
    /// Offset in the file; the lengths of the three parts follow from `rows`, `bytes` and the number of columns.
    File(u64),
}

#[derive(Default)]
struct Inner {
    entries: Vec<Entry>,
    rows: u64,
    columns: usize,
    /// Bytes of the batches in memory while there is no file.
    held: usize,
    file: Option<Arc<File>>,
    end: u64,
    /// Newest at the back: index of the entry and its rows.
    cache: VecDeque<(usize, Arc<RowBatch>)>,
    problem: Option<Error>,
}

/// Rows of one result. Filled by the job that reads the stream and read by whoever draws; both through `&self`.
pub struct RowSpill {
    dir: PathBuf,
    inner: Mutex<Inner>,
}

impl RowSpill {
    /// `dir` is where the file goes when one is needed: a directory on a disk (not a RAM disk), private to the user.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        RowSpill { dir: dir.into(), inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds rows at the end. After an error the rows before it stay readable, and further rows are refused with the same error:
    /// the result is partial.
    pub fn append(&self, batch: RowBatch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut inner = self.lock();
        if let Some(e) = &inner.problem {
            return Err(e.clone());
        }
        let done = inner.append(batch, &self.dir);
        if let Err(e) = &done {
            inner.problem = Some(e.clone());
        }
        done
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.lock().rows
    }

    /// Why rows are missing at the end, when the disk did not take them all.
    pub fn problem(&self) -> Option<Error> {
        self.lock().problem.clone()
    }

    /// Bytes on disk.
    pub fn bytes_on_disk(&self) -> u64 {
        self.lock().end
    }

    /// The batch that holds a row, with the number of its first row. `None` beyond the end, or when the file cannot be read (see
    /// [`RowSpill::problem`]).
    pub fn batch_for(&self, row: u64) -> Option<(Arc<RowBatch>, u64)> {
        let mut inner = self.lock();
        if row >= inner.rows {
            return None;
        }
        let at = inner.entries.partition_point(|e| e.first <= row).checked_sub(1)?;
        let first = inner.entries[at].first;
        match inner.load(at) {
            Ok(batch) => Some((batch, first)),
            Err(e) => {
                inner.problem.get_or_insert(e);
                None
            }
        }
    }

    /// Some rows in the order in which they are named, as one batch: only their own bytes are read from the file.
    pub fn gather(&self, rows: &[u64]) -> Result<RowBatch> {
        let inner = self.lock();
        let mut out = BatchBuilder::new(inner.columns);
        if inner.columns == 0 {
            return Ok(RowBatch::bare(rows.len()));
        }
        for row in rows {
            inner.copy_row(*row, &mut out)?;
        }
        Ok(out.take())
    }

    /// Calls `visit` with each batch in turn, without filling the cache: for export and copying. Stops at the first error.
    pub fn for_each(&self, mut visit: impl FnMut(&RowBatch) -> Result<()>) -> Result<()> {
        let mut at = 0;
        loop {
            // Not locked while `visit` works: the reader may take its time, and rows may still be coming.
            let batch = {
                let inner = self.lock();
                if at >= inner.entries.len() {
                    return Ok(());
                }
                inner.read(at)?
            };
            visit(&batch)?;
            at += 1;
        }
    }
}

impl Inner {
    fn append(&mut self, batch: RowBatch, dir: &Path) -> Result<()> {
        if self.entries.is_empty() {
            self.columns = batch.columns();
        } else if batch.columns() != self.columns {
            return Err(Error::failed(format!("a batch of {} columns does not fit a result of {}", batch.columns(), self.columns)));
        }
        let (rows, bytes) = (batch.rows() as u32, batch.parts().1.len() as u32);
        let at = if self.file.is_none() && self.held + batch.size() <= IN_MEMORY {
            self.held += batch.size();
            Place::Memory(Arc::new(batch))
        } else {
            if self.file.is_none() {
                self.move_out(dir)?;
            }
            let at = self.end;
            self.write(&batch)?;
            Place::File(at)
        };
        self.entries.push(Entry { first: self.rows, rows, bytes, at });
        self.rows += u64::from(rows);
        Ok(())
    }

    /// Makes the file and moves what is in memory into it.
    fn move_out(&mut self, dir: &Path) -> Result<()> {
        let failed = |e| Error::io(format!("making a file for rows in {}", dir.display()), e);
        std::fs::create_dir_all(dir).map_err(failed)?;
        self.file = Some(Arc::new(tempfile::tempfile_in(dir).map_err(failed)?));
        for i in 0..self.entries.len() {
            let Place::Memory(batch) = &self.entries[i].at else { continue };
            let batch = batch.clone();
            let at = self.end;
            self.write(&batch)?;
            self.entries[i].at = Place::File(at);
        }
        self.held = 0;
        Ok(())
    }

    /// Appends a batch: the bytes, then the ends (little endian), then the tags.
    fn write(&mut self, batch: &RowBatch) -> Result<()> {
        let Some(file) = &self.file else { return Err(Error::failed("rows have no file to go to")) };
        let (_, bytes, ends, tags) = batch.parts();
        let mut block = Vec::with_capacity(batch.size());
        block.extend_from_slice(bytes);
        ends.iter().for_each(|e| block.extend_from_slice(&e.to_le_bytes()));
        block.extend_from_slice(tags);
        file.write_all_at(&block, self.end).map_err(|e| {
            let mut error = Error::io(format!("keeping row {} and the following on disk", crate::text::thousands(self.rows + 1)), e);
            error.hints = vec!["The rows before it are complete. Free some space, or ask for fewer rows, and run it again.".into()];
            error
        })?;
        self.end += block.len() as u64;
        Ok(())
    }

    /// A batch by the cache.
    fn load(&mut self, at: usize) -> Result<Arc<RowBatch>> {
        if let Some(i) = self.cache.iter().position(|(a, _)| *a == at)
            && let Some(hit) = self.cache.remove(i)
        {
            let batch = hit.1.clone();
            self.cache.push_back(hit);
            return Ok(batch);
        }
        let batch = self.read(at)?;
        if matches!(self.entries[at].at, Place::File(_)) && batch.size() <= CACHED_BYTES {
            self.cache.push_back((at, batch.clone()));
            let held = |cache: &VecDeque<(usize, Arc<RowBatch>)>| cache.iter().map(|(_, b)| b.size()).sum::<usize>();
            while self.cache.len() > CACHED || held(&self.cache) > CACHED_BYTES {
                self.cache.pop_front();
            }
        }
        Ok(batch)
    }

    /// Appends one row to `out`.
    fn copy_row(&self, row: u64, out: &mut BatchBuilder) -> Result<()> {
        let at = self.entries.partition_point(|e| e.first <= row).checked_sub(1).filter(|_| row < self.rows);
        let Some(at) = at else { return Err(Error::failed(format!("there is no row {}", crate::text::thousands(row + 1)))) };
        let entry = &self.entries[at];
        let within = (row - entry.first) as usize;
        let cached = || self.cache.iter().find(|(a, _)| *a == at).map(|(_, b)| b.clone());
        let held = match &entry.at {
            Place::Memory(batch) => Some(batch.clone()),
            Place::File(_) => cached(),
        };
        if let Some(batch) = held {
            (0..self.columns).for_each(|c| out.push(batch.cell(within, c)));
            return Ok(());
        }
        let (Place::File(offset), Some(file)) = (&entry.at, &self.file) else { return Err(Error::failed("the file of a result is gone")) };
        let failed = |e| Error::io("reading rows back from disk", e);
        let other = || Error::new(crate::model::Kind::Io, "rows came back from disk other than they were written");
        let cells = entry.rows as usize * self.columns;
        let first = within * self.columns;
        // The end of the cell before is where the row starts.
        let before = usize::from(first > 0);
        let mut ends = vec![0u8; (self.columns + before) * 4];
        file.read_exact_at(&mut ends, offset + u64::from(entry.bytes) + (first - before) as u64 * 4).map_err(failed)?;
        let mut tags = vec![0u8; self.columns];
        file.read_exact_at(&mut tags, offset + u64::from(entry.bytes) + cells as u64 * 4 + first as u64).map_err(failed)?;
        let mut ends: Vec<u32> = ends.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect();
        let start = if before == 1 { ends.remove(0) } else { 0 };
        let size = ends.last().copied().unwrap_or(start).checked_sub(start).filter(|n| *n <= entry.bytes).ok_or_else(other)?;
        let mut bytes = vec![0u8; size as usize];
        file.read_exact_at(&mut bytes, offset + u64::from(start)).map_err(failed)?;
        let ends = ends.into_iter().map(|e| e.checked_sub(start)).collect::<Option<Vec<u32>>>().ok_or_else(other)?;
        let batch = RowBatch::from_parts(self.columns, bytes, ends, tags).ok_or_else(other)?;
        (0..self.columns).for_each(|c| out.push(batch.cell(0, c)));
        Ok(())
    }

    fn read(&self, at: usize) -> Result<Arc<RowBatch>> {
        let entry = &self.entries[at];
        let offset = match &entry.at {
            Place::Memory(batch) => return Ok(batch.clone()),
            Place::File(offset) => *offset,
        };
        let Some(file) = &self.file else { return Err(Error::failed("the file of a result is gone")) };
        let cells = entry.rows as usize * self.columns;
        let mut bytes = vec![0; entry.bytes as usize];
        let mut ends = vec![0u8; cells * 4];
        let mut tags = vec![0; cells];
        let mut from = offset;
        for part in [&mut bytes, &mut ends, &mut tags] {
            file.read_exact_at(part, from).map_err(|e| Error::io("reading rows back from disk", e))?;
            from += part.len() as u64;
        }
        let ends = ends.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect();
        let batch = RowBatch::from_parts(self.columns, bytes, ends, tags);
        batch.map(Arc::new).ok_or_else(|| Error::new(crate::model::Kind::Io, "rows came back from disk other than they were written"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Cell;

    fn batch(first: usize, rows: usize, width: usize) -> RowBatch {
        let mut b = BatchBuilder::new(2);
        for i in first..first + rows {
            b.push(Cell::Number(i.to_string().as_bytes()));
            if i % 7 == 0 { b.push(Cell::Null) } else { b.push(Cell::Text("x".repeat(width).as_bytes())) }
        }
        b.take()
    }

    fn check(spill: &RowSpill, row: u64) {
        let (batch, first) = spill.batch_for(row).unwrap();
        let at = (row - first) as usize;
        assert_eq!(batch.cell(at, 0), Cell::Number(row.to_string().as_bytes()));
        assert_eq!(batch.cell(at, 1) == Cell::Null, row.is_multiple_of(7));
    }

    #[test]
    fn a_small_result_needs_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let spill = RowSpill::new(dir.path().join("never made"));
        spill.append(batch(0, 64, 5)).unwrap();
        spill.append(batch(64, 100, 5)).unwrap();
        (0..164).for_each(|r| check(&spill, r));
        assert!(spill.batch_for(164).is_none());
        assert_eq!((spill.rows(), spill.bytes_on_disk()), (164, 0));
        assert!(!dir.path().join("never made").exists());
    }

    #[test]
    fn a_large_result_is_read_back_from_anywhere_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let spill = RowSpill::new(dir.path());
        for i in 0..100 {
            spill.append(batch(i * 1000, 1000, 50)).unwrap();
        }
        assert_eq!(spill.rows(), 100_000);
        assert!(spill.bytes_on_disk() > 5_000_000);
        for r in [0, 99_999, 50_000, 999, 1000, 1001, 31_337, 0] {
            check(&spill, r);
        }
        assert!(spill.lock().cache.len() <= CACHED);
        let scattered = [99_999, 3, 70_007, 1000, 1001, 0, 99_999, 42_420];
        let gathered = spill.gather(&scattered).unwrap();
        for (i, row) in scattered.iter().enumerate() {
            assert_eq!(gathered.cell(i, 0), Cell::Number(row.to_string().as_bytes()));
            assert_eq!(gathered.cell(i, 1) == Cell::Null, row.is_multiple_of(7));
        }
        assert!(spill.gather(&[100_000]).is_err());
        let mut seen = 0;
        spill
            .for_each(|b| {
                seen += b.rows();
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, 100_000);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the file has no name");
    }

    #[test]
    fn rows_without_columns_are_kept_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let spill = RowSpill::new(dir.path());
        spill.append(RowBatch::bare(3)).unwrap();
        spill.append(RowBatch::bare(1024)).unwrap();
        assert_eq!(spill.rows(), 1027);
        assert_eq!(spill.batch_for(1026).map(|(b, first)| (b.rows(), first)), Some((1024, 3)));
        assert_eq!(spill.gather(&[1, 5]).unwrap().rows(), 2);
    }

    #[test]
    fn rows_can_be_read_while_others_are_added() {
        let dir = tempfile::tempdir().unwrap();
        let spill = RowSpill::new(dir.path());
        std::thread::scope(|s| {
            s.spawn(|| (0..200).for_each(|i| spill.append(batch(i * 500, 500, 40)).unwrap()));
            while spill.rows() < 100_000 {
                let rows = spill.rows();
                if rows > 0 {
                    check(&spill, rows - 1);
                    check(&spill, rows / 2);
                }
            }
        });
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_disk_that_fills_up_meanwhile_costs_only_the_rows_to_come() {
        let dir = tempfile::tempdir().unwrap();
        let spill = RowSpill::new(dir.path());
        for i in 0..50 {
            spill.append(batch(i * 1000, 1000, 50)).unwrap();
        }
        // Writing to this device always finds the disk full; the rows stay in the file that was there.
        let full = Arc::new(File::options().write(true).open("/dev/full").unwrap());
        let kept = spill.lock().file.replace(full);
        let e = spill.append(batch(50_000, 1000, 50)).unwrap_err();
        spill.lock().file = kept;
        assert!(e.message.contains("keeping row 50,001") && !e.hints.is_empty(), "{e}");
        assert_eq!(spill.append(batch(50_000, 1, 1)), Err(e.clone()), "no gap: what comes later is refused too");
        assert_eq!((spill.rows(), spill.problem()), (50_000, Some(e)));
        for r in [0, 49_999, 25_000] {
            check(&spill, r);
        }
    }

    #[test]
    fn without_room_the_rows_before_stay() {
        // A directory that is a file: no file can be made in it.
        let file = tempfile::NamedTempFile::new().unwrap();
        let spill = RowSpill::new(file.path());
        spill.append(batch(0, 1000, 50)).unwrap();
        let e = (1..100).find_map(|i| spill.append(batch(i * 1000, 1000, 50)).err()).unwrap();
        assert!(e.message.contains("making a file for rows"), "{e}");
        assert_eq!(spill.problem(), Some(e.clone()));
        assert_eq!(spill.append(batch(0, 1, 1)), Err(e));
        let rows = spill.rows();
        assert!(rows >= 1000);
        check(&spill, rows - 1);
    }
}
