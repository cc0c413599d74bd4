//! Work over the kept rows of one result: order, filter, statistics, comparison. All of it reads the [`RowSpill`] in passes, in memory
//! that is bounded by the number of rows and not by their size, and can be cancelled.

pub mod arrange;
pub mod filter;
pub mod key;
pub mod keyed;
pub mod order;

pub use arrange::{Arranged, Arrangement, Sort, arrange};
pub use filter::{Filter, Test};
pub use order::Order;

use crate::model::{Error, Progress, Result, RowBatch};
use crate::store::spill::RowSpill;
use tokio_util::sync::CancellationToken;

/// Rows to work on, where progress goes, and what ends the work early.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    pub rows: &'a RowSpill,
    pub progress: &'a dyn Progress,
    pub cancel: &'a CancellationToken,
}

impl Work<'_> {
    /// Visits all rows, batch by batch, with the number of the first row of each.
    pub fn each(&self, step: &str, mut visit: impl FnMut(u64, &RowBatch)) -> Result<()> {
        let total = self.rows.rows();
        let mut first = 0;
        self.rows.for_each(|batch| {
            self.live()?;
            visit(first, batch);
            first += batch.rows() as u64;
            self.progress.update(step, first, Some(total));
            Ok(())
        })?;
        // A file that cannot be read any more must not look like a shorter result.
        if first < total { Err(self.rows.problem().unwrap_or_else(|| Error::failed("the rows could not be read back"))) } else { Ok(()) }
    }

    /// An error once the work was cancelled.
    pub fn live(&self) -> Result<()> {
        if self.cancel.is_cancelled() { Err(Error::cancelled()) } else { Ok(()) }
    }
}
