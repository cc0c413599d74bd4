//! Rows that are read again after they were changed: order and selection are those of before, and the cursor goes back to its row, which
//! may stand elsewhere now.

use super::{ResultTab, arrange};
use crate::app::effect::{JobId, ResultId, RowsWork};
use crate::app::panes::cells::Staged;
use crate::app::{Effect, State};
use crate::model::Param;
use crate::ops::cells::Editable;
use crate::ops::rows::Arrangement;
use crate::ops::rows::keyed::{self, Key};

/// What the rows of before were.
#[derive(Debug, Clone, Default)]
pub struct Back {
    /// The key of the cursor's row, until the cursor is moved.
    pub key: Option<Key>,
    of: Arrangement,
    job: Option<JobId>,
}

impl Back {
    /// Of a result whose changes were just written. `plan` says what its key is.
    pub fn of(tab: &ResultTab, plan: Option<&Editable>) -> Back {
        let changed = |column: &usize| match tab.staged.iter().find(|s| matches!(s, Staged::Update { row, .. } if *row == tab.row)) {
            Some(Staged::Update { cells, .. }) => cells.get(column).map(|(_, new)| new.clone()),
            _ => None,
        };
        let key = tab.at(tab.row).zip(plan).map(|((batch, r), plan)| {
            plan.key.iter().map(|c| (*c, changed(c).unwrap_or_else(|| Param::from_cell(batch.cell(r, *c))))).collect()
        });
        Back { key, of: tab.view.of.clone(), job: None }
    }
}

/// All rows are here again.
pub fn complete(state: &mut State, result: ResultId, effects: &mut Vec<Effect>) {
    let Some(back) = state.query.result().filter(|t| t.id == result).and_then(|t| t.back.as_ref()) else { return };
    if back.of.is_plain() {
        seek(state, result, effects);
    } else {
        let of = back.of.clone();
        arrange::start(state, of, effects);
    }
}

/// Looks for the row of before: at once among those in memory, else by a job.
pub fn seek(state: &mut State, result: ResultId, effects: &mut Vec<Effect>) {
    let job = state.id();
    let Some(tab) = state.result_mut(result) else { return };
    let Some(key) = tab.back.as_ref().and_then(|b| b.key.clone()) else {
        tab.back = None;
        return;
    };
    let here = tab.in_memory().find(|(_, batch, r)| keyed::has(batch, *r, &key)).map(|(row, ..)| row);
    if let Some(row) = here {
        (tab.row, tab.back) = (row, None);
        super::acts::want(state, effects);
    } else if tab.in_memory().count() as u64 >= tab.rows {
        tab.back = None;
    } else {
        let view = tab.view.number;
        tab.back = Some(Back { key: Some(key.clone()), job: Some(job), ..Back::default() });
        state.job(job, "finding the row again", false, effects);
        effects.push(Effect::OnRows { job, result, work: RowsWork::FindKey { view, key } });
    }
}

/// The job looked for it. Where the cursor was moved meanwhile, it stays.
pub fn found(state: &mut State, job: JobId, result: ResultId, row: Option<u64>, effects: &mut Vec<Effect>) {
    let Some(tab) = state.result_mut(result) else { return };
    let Some(back) = tab.back.take_if(|b| b.job == Some(job)) else { return };
    if let Some(row) = row.filter(|r| back.key.is_some() && *r < tab.rows) {
        tab.row = row;
        super::acts::want(state, effects);
    }
}
