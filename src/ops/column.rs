//! One column of a result's kept rows, looked at as a whole: what it holds, and its numbers as a series for charts. Passes over the
//! [`RowSpill`] in bounded memory; the rows stay as they came.

mod exact;
pub mod series;
pub mod statistics;

pub use series::Series;
pub use statistics::Statistics;

use crate::model::{Cell, Error, Progress, Result};
use crate::store::spill::RowSpill;
use tokio_util::sync::CancellationToken;

/// What is asked about a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Statistics,
    /// `labels` is the column that names the rows, if one does.
    Series {
        labels: Option<usize>,
    },
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    Statistics(Box<Statistics>),
    Series(Box<Series>),
}

/// Answers over the rows that are kept now; rows that come meanwhile are not counted. An error when it was cancelled, when rows cannot be
/// read back, or when a chart was asked for and the column has no numbers.
pub fn look(rows: &RowSpill, column: usize, ask: Ask, progress: &dyn Progress, cancel: &CancellationToken) -> Result<Told> {
    let pass = Pass { rows, total: rows.rows(), column, progress, cancel };
    Ok(match ask {
        Ask::Statistics => Told::Statistics(Box::new(statistics::of(&pass)?)),
        Ask::Series { labels } => Told::Series(Box::new(series::of(&pass, labels)?)),
    })
}

/// Reading a column from its first row to its last.
struct Pass<'a> {
    rows: &'a RowSpill,
    total: u64,
    column: usize,
    progress: &'a dyn Progress,
    cancel: &'a CancellationToken,
}

impl Pass<'_> {
    /// Visits each row: its number, its cell, and a cell of another column of the row on demand.
    fn each(&self, step: &str, mut visit: impl FnMut(u64, Cell<'_>, &dyn Fn(usize) -> Option<String>)) -> Result<()> {
        let mut row = 0;
        self.rows.for_each(|batch| {
            if self.cancel.is_cancelled() {
                return Err(Error::cancelled());
            }
            for r in 0..batch.rows() {
                if row < self.total && self.column < batch.columns() {
                    let other =
                        |c: usize| (c < batch.columns()).then(|| crate::text::cell_line(statistics::clip(batch.cell(r, c)))).flatten();
                    visit(row, batch.cell(r, self.column), &other);
                }
                row += 1;
            }
            self.progress.update(step, row.min(self.total), Some(self.total));
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BatchBuilder, Kind, Silent};

    /// A spill of two columns: the cells, and the name of the row.
    pub(super) fn spill(cells: &[Cell<'_>]) -> (tempfile::TempDir, RowSpill) {
        let dir = tempfile::tempdir().unwrap();
        let spill = RowSpill::new(dir.path());
        for (i, part) in cells.chunks(700).enumerate() {
            let mut b = BatchBuilder::new(2);
            for (r, cell) in part.iter().enumerate() {
                b.push(*cell);
                b.push(Cell::Text(format!("row {}", i * 700 + r).as_bytes()));
            }
            spill.append(b.take()).unwrap();
        }
        (dir, spill)
    }

    pub(super) fn statistics(cells: &[Cell<'_>]) -> Statistics {
        let (_dir, s) = spill(cells);
        match look(&s, 0, Ask::Statistics, &Silent, &CancellationToken::new()).unwrap() {
            Told::Statistics(s) => *s,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_can_be_cancelled() {
        let (_dir, s) = spill(&[Cell::Number(b"1"); 2000]);
        let cancel = CancellationToken::new();
        cancel.cancel();
        for ask in [Ask::Statistics, Ask::Series { labels: None }] {
            assert_eq!(look(&s, 0, ask, &Silent, &cancel).unwrap_err().kind, Kind::Cancelled);
        }
    }
}
