//! Looking for a text in the kept rows of one result, forwards or backwards.

use crate::model::{Error, Progress, Result, RowBatch};
use crate::text::cell_string;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Which way to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Forwards,
    Backwards,
}

/// Finds the nearest row on the way from `from` with a cell that holds the text in any case, going round once; `from` itself comes last.
/// Gives the row and the first such column of it. An error when it was cancelled or rows could not be read back.
///
/// `read` gives the batch that holds a row, and the number of its first row.
pub fn find(
    read: impl Fn(u64) -> Result<(Arc<RowBatch>, u64)>,
    total: u64,
    from: u64,
    way: Way,
    text: &str,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<Option<(u64, usize)>> {
    let needle = text.to_lowercase();
    let mut row = from.min(total.saturating_sub(1));
    let mut held: Option<(u64, Arc<RowBatch>)> = None;
    for looked in 0..total {
        row = match way {
            Way::Forwards => (row + 1) % total,
            Way::Backwards => row.checked_sub(1).unwrap_or(total - 1),
        };
        let here = held.as_ref().filter(|(first, b)| (*first..first + b.rows() as u64).contains(&row));
        if here.is_none() {
            // Once for each batch: often enough for a key press, seldom enough to cost nothing.
            if cancel.is_cancelled() {
                return Err(Error::cancelled());
            }
            progress.update("rows", looked, Some(total));
            let (batch, first) = read(row)?;
            held = Some((first, batch));
        }
        let Some((first, batch)) = &held else { continue };
        let within = (row - first) as usize;
        let holds = |c: &usize| cell_string(batch.cell(within, *c)).is_some_and(|s| s.to_lowercase().contains(&needle));
        if let Some(column) = (0..batch.columns()).find(holds) {
            return Ok(Some((row, column)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BatchBuilder, Cell, Kind, Silent};
    use crate::store::spill::RowSpill;

    fn spill(rows: usize) -> (tempfile::TempDir, RowSpill) {
        let dir = tempfile::tempdir().unwrap();
        let spill = RowSpill::new(dir.path());
        for first in (0..rows).step_by(100) {
            let mut b = BatchBuilder::new(2);
            for i in first..(first + 100).min(rows) {
                b.push(Cell::Number(i.to_string().as_bytes()));
                b.push(if i % 250 == 7 { Cell::Text("Straße ÄRGER".as_bytes()) } else { Cell::Null });
            }
            spill.append(b.take()).unwrap();
        }
        (dir, spill)
    }

    fn look(spill: &RowSpill, from: u64, way: Way, text: &str) -> Option<(u64, usize)> {
        find(|r| Ok(spill.batch_for(r).unwrap()), spill.rows(), from, way, text, &Silent, &CancellationToken::new()).unwrap()
    }

    #[test]
    fn it_goes_either_way_and_round_the_ends() {
        let (_dir, s) = spill(1000);
        assert_eq!(look(&s, 0, Way::Forwards, "ärger"), Some((7, 1)));
        assert_eq!(look(&s, 7, Way::Forwards, "ärger"), Some((257, 1)));
        assert_eq!(look(&s, 757, Way::Forwards, "ärger"), Some((7, 1)));
        assert_eq!(look(&s, 257, Way::Backwards, "ärger"), Some((7, 1)));
        assert_eq!(look(&s, 7, Way::Backwards, "ärger"), Some((757, 1)));
        assert_eq!(look(&s, 999, Way::Forwards, "999"), Some((999, 0)), "the row itself comes last");
        assert_eq!(look(&s, 5, Way::Backwards, "null"), None, "NULL is no text");
    }

    #[test]
    fn nothing_is_found_in_nothing_and_cancelling_is_no_answer() {
        let (_dir, none) = spill(0);
        assert_eq!(look(&none, 0, Way::Forwards, "x"), None);
        assert_eq!(look(&none, 0, Way::Backwards, "x"), None);
        let (_dir, s) = spill(1000);
        let cancel = CancellationToken::new();
        cancel.cancel();
        assert_eq!(
            find(|r| Ok(s.batch_for(r).unwrap()), 1000, 0, Way::Forwards, "ärger", &Silent, &cancel).unwrap_err().kind,
            Kind::Cancelled
        );
    }
}
