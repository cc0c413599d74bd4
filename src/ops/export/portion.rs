//! Which of a result's kept rows and columns go out: all as they came, or as a screen shows them.

use crate::model::{Error, Result, RowBatch};
use crate::ops::Cx;
use crate::store::spill::RowSpill;

/// Rows that are gathered at once where they are not taken as they came.
const GATHERED: usize = 1000;

/// See the module. The default is everything, as the server sent it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Portion {
    /// Number of the order and selection that counts, as the console knows it; 0: as they came.
    pub view: u64,
    /// The columns in their order; `None`: all.
    pub columns: Option<Vec<usize>>,
    /// Places in that order: the first, and how many; `None`: all.
    pub rows: Option<(u64, u64)>,
}

/// Calls `visit` with the rows of a portion in their order. `index` is the row numbers of its view, `None` for the rows as they came.
/// Gives how many there were.
pub fn each(
    cx: &Cx,
    rows: &RowSpill,
    index: Option<&[u32]>,
    range: Option<(u64, u64)>,
    mut visit: impl FnMut(&RowBatch) -> Result<()>,
) -> Result<u64> {
    let all = index.map_or_else(|| rows.rows(), |i| i.len() as u64);
    let (from, to) = range.map_or((0, all), |(first, count)| (first.min(all), first.saturating_add(count).min(all)));
    let mut done = from;
    while done < to {
        cx.check_cancelled()?;
        if index.is_none() && range.is_none() {
            let Some((batch, first)) = rows.batch_for(done) else {
                return Err(rows.problem().unwrap_or_else(|| Error::failed("the rows could not be read back")));
            };
            visit(&batch)?;
            done = first + batch.rows().max(1) as u64;
        } else {
            let next = (done + GATHERED as u64).min(to);
            let numbers: Vec<u64> = match index {
                Some(index) => index[done as usize..next as usize].iter().map(|r| u64::from(*r)).collect(),
                None => (done..next).collect(),
            };
            visit(&rows.gather(&numbers)?)?;
            done = next;
        }
        cx.progress.update("rows", done - from, Some(to - from));
    }
    Ok(to - from)
}
