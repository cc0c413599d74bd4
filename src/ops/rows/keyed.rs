//! The row that has a key.

use super::Work;
use crate::model::{Cell, Param, Result, RowBatch};

/// Values by their columns in the result.
pub type Key = Vec<(usize, Param)>;

/// Whether a row of a batch has this key.
pub fn has(batch: &RowBatch, row: usize, key: &[(usize, Param)]) -> bool {
    key.iter().all(|(column, value)| {
        *column < batch.columns()
            && match (batch.cell(row, *column), value) {
                (Cell::Null, Param::Null) => true,
                (Cell::Text(b) | Cell::Number(b), Param::Text(t) | Param::Number(t)) => b == t.as_bytes(),
                (Cell::Text(b) | Cell::Number(b), Param::TextBytes(t)) => b == t,
                (Cell::Binary(b), Param::Bytes(t)) => b == t,
                _ => false,
            }
    })
}

/// Its place among the rows as they came, or in a list of them.
pub fn find(work: Work<'_>, listed: Option<&[u32]>, key: &[(usize, Param)]) -> Result<Option<u64>> {
    let mut found = None;
    work.each("finding the row again", |first, batch| {
        if found.is_none() {
            found = (0..batch.rows()).find(|r| has(batch, *r, key)).map(|r| first + r as u64);
        }
    })?;
    Ok(match listed {
        None => found,
        Some(index) => found.and_then(|row| index.iter().position(|i| u64::from(*i) == row)).map(|at| at as u64),
    })
}
