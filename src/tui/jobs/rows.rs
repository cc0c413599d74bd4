//! Work over the rows of a result that are kept: reading a window of them, searching, and what [`RowsWork`] names.

use super::{Shared, lock};
use crate::app::Msg;
use crate::app::effect::{JobId, ResultId, RowsReport, RowsWork};
use crate::model::{Column, Error, Result, RowBatch};
use crate::ops::Cx;
use crate::ops::column::{self, Ask};
use crate::ops::compare::{self, Side};
use crate::ops::find::{Way, find};
use crate::ops::rows::{self, Work};
use crate::store::spill::RowSpill;
use std::sync::Arc;

/// Rows that are gathered at once from all over the file.
const GATHERED: u64 = 256;

/// A result with its columns.
type Columned = (ResultId, Arc<[Column]>);

/// Another order or selection of a result's rows, by the number that the console knows it by.
pub struct Listed {
    number: u64,
    index: Arc<Vec<u32>>,
}

pub(super) fn spill(shared: &Shared, result: ResultId) -> Result<Arc<RowSpill>> {
    lock(&shared.rows).get(&result).cloned().ok_or_else(|| Error::failed("the rows are not kept any more"))
}

/// Row numbers of a view; `None` is the rows as they came, an error a view that is gone.
pub(super) fn listed(shared: &Shared, result: ResultId, view: u64) -> Result<Option<Arc<Vec<u32>>>> {
    if view == 0 {
        return Ok(None);
    }
    let views = lock(&shared.views);
    let found = views.get(&result).filter(|l| l.number == view);
    found.map(|l| Some(l.index.clone())).ok_or_else(|| Error::failed("the rows are in another order by now"))
}

/// Reads the batches that hold some rows and sends them.
pub fn read(shared: &Shared, result: ResultId, view: u64, first: u64, count: u64) {
    // A view that is gone has another one in its place, which asks by itself.
    let (Ok(spill), Ok(index)) = (spill(shared, result), listed(shared, result, view)) else { return };
    let mut batches = Vec::new();
    let mut error = None;
    match index {
        None => {
            let mut row = first;
            while row < first + count {
                let Some((batch, at)) = spill.batch_for(row) else { break };
                row = at + batch.rows().max(1) as u64;
                batches.push((at, batch));
            }
        }
        Some(index) => match gather(&spill, &index, first, count) {
            Ok(batch) => batches.push((first, Arc::new(batch))),
            Err(e) => error = Some(e),
        },
    }
    shared.send(Msg::Window { result, view, batches, error: error.or_else(|| spill.problem()) });
}

fn gather(spill: &RowSpill, index: &[u32], first: u64, count: u64) -> Result<RowBatch> {
    let from = (first as usize).min(index.len());
    let to = (first.saturating_add(count) as usize).min(index.len());
    spill.gather(&index[from..to].iter().map(|r| u64::from(*r)).collect::<Vec<u64>>())
}

/// Looks for a text in the rows, in the order of a view.
#[allow(clippy::too_many_arguments, reason = "they are the effect's")]
pub fn find_row(shared: &Shared, cx: &Cx, job: JobId, result: ResultId, view: u64, from: u64, way: Way, text: &str) {
    let search = || {
        let spill = spill(shared, result)?;
        match listed(shared, result, view)? {
            None => {
                let gone = || spill.problem().unwrap_or_else(|| Error::failed("the rows could not be read back"));
                let read = |row| spill.batch_for(row).ok_or_else(gone);
                find(read, spill.rows(), from, way, text, &*cx.progress, &cx.cancel)
            }
            Some(index) => {
                let read = |row: u64| {
                    let first = row - row % GATHERED;
                    Ok((Arc::new(gather(&spill, &index, first, GATHERED)?), first))
                };
                find(read, index.len() as u64, from, way, text, &*cx.progress, &cx.cancel)
            }
        }
    };
    let found = search();
    shared.unregister(job);
    shared.send(Msg::Found { job, result, found });
}

/// Does some work and tells what came of it.
pub fn work(shared: &Shared, cx: &Cx, job: JobId, result: ResultId, work: RowsWork) {
    let report = spill(shared, result).map_or_else(Err, |spill| {
        let on = Work { rows: &spill, progress: cx.progress.as_ref(), cancel: &cx.cancel };
        done(shared, on, job, result, work.clone())
    });
    shared.unregister(job);
    shared.send(Msg::RowsDone { job, result, work, report });
}

fn done(shared: &Shared, on: Work<'_>, job: JobId, result: ResultId, work: RowsWork) -> Result<RowsReport> {
    match work {
        RowsWork::Arrange(of) if of.is_plain() => {
            // Jobs need not end in the order in which they were asked for: a later list stays.
            let mut views = lock(&shared.views);
            if views.get(&result).is_some_and(|l| l.number < job) {
                views.remove(&result);
            }
            Ok(RowsReport::Arranged { rows: on.rows.rows(), compared: Default::default() })
        }
        RowsWork::Arrange(of) => {
            let arranged = rows::arrange(on, &of)?;
            // Given up meanwhile: another list may be there already.
            on.live()?;
            let report = RowsReport::Arranged { rows: arranged.index.len() as u64, compared: arranged.compared };
            lock(&shared.views).insert(result, Listed { number: job, index: Arc::new(arranged.index) });
            Ok(report)
        }
        RowsWork::FindKey { view, key } => {
            let index = listed(shared, result, view)?;
            rows::keyed::find(on, index.as_deref().map(Vec::as_slice), &key).map(RowsReport::Row)
        }
    }
}

/// Compares all kept rows of two results.
pub fn compare_results(shared: &Shared, cx: &Cx, job: JobId, before: Columned, now: Columned, keys: &[String]) {
    let compare = || {
        let rows = (spill(shared, before.0)?, spill(shared, now.0)?);
        let (first, second) = (Side { rows: &rows.0, columns: &before.1 }, Side { rows: &rows.1, columns: &now.1 });
        compare::compare(first, second, keys, &*cx.progress, &cx.cancel).map(Box::new)
    };
    let compared = compare();
    shared.unregister(job);
    shared.send(Msg::Compared { job, before: before.0, now: now.0, compared });
}

/// Looks at a column of all kept rows.
pub fn look_at_column(shared: &Shared, cx: &Cx, job: JobId, result: ResultId, column: usize, ask: Ask) {
    let told = spill(shared, result).and_then(|rows| column::look(&rows, column, ask, &*cx.progress, &cx.cancel));
    shared.unregister(job);
    shared.send(Msg::ColumnTold { job, result, column, told });
}

/// The result is closed.
pub fn forget(shared: &Shared, result: ResultId) {
    lock(&shared.rows).remove(&result);
    lock(&shared.views).remove(&result);
}
