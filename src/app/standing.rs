//! What stands or falls with the open transaction: results say in a word when what they wrote was rolled back, or is lost.

use super::effect::ResultId;
use super::state::State;
use crate::ops::statements::Passed;
use crate::sql::transaction::{Savepoint, commits_implicitly, ending};
use crate::store::history::Fate;

/// Something of the open transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Result(ResultId),
    Savepoint(String),
}

/// A statement ended, and this is what it did to the transaction.
pub fn passed(state: &mut State, result: ResultId, passed: Passed) {
    if let Some(fate) = passed.ended {
        ended(state, fate);
    }
    match passed.savepoint {
        Some(Savepoint::Set(name)) => state.query.standing.push(Standing::Savepoint(name)),
        Some(Savepoint::BackTo(name)) => {
            let open = &mut state.query.standing;
            if let Some(at) = open.iter().rposition(|s| matches!(s, Standing::Savepoint(n) if *n == name)) {
                let behind = open.split_off(at + 1);
                mark(state, behind, Fate::RolledBack);
            }
        }
        None => {}
    }
    if passed.own == Some(Fate::Open) {
        state.query.standing.push(Standing::Result(result));
    }
    if let Some(tab) = state.result_mut(result) {
        tab.fate = passed.own;
    }
}

/// The statement that runs, or the one that the lost connection ended, commits: whether it did is not known.
pub fn committing(state: &State) -> bool {
    // The statement's own failure may have come first.
    let of = |r: &&super::panes::query::ResultTab| match &state.query.running {
        Some(running) => r.job == Some(running.job),
        None => matches!(r.progress, super::panes::query::Progress::Failed(_)),
    };
    let dialect = state.link.server().map_or(crate::model::Dialect::Postgres, |s| s.dialect);
    let newest = state.query.results.iter().filter(of).max_by_key(|r| r.id);
    newest.is_some_and(|r| ending(dialect, &r.text) == Some(true) || commits_implicitly(dialect, &r.text))
}

/// The transaction ended, and what was written in it with it.
pub fn ended(state: &mut State, fate: Fate) {
    let open = std::mem::take(&mut state.query.standing);
    mark(state, open, fate);
}

fn mark(state: &mut State, what: Vec<Standing>, fate: Fate) {
    for s in what {
        if let Standing::Result(id) = s
            && let Some(tab) = state.result_mut(id)
        {
            tab.fate = Some(fate);
        }
    }
}
