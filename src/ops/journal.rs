//! Reading and checking the journal.

use super::Cx;
use crate::model::Result;
pub use crate::store::journal::{Entry, Filter, Verification};

/// Entries, newest first.
pub fn show(cx: &Cx, filter: &Filter) -> Result<Vec<Entry>> {
    cx.store.entries(filter)
}

/// Walks the whole chain and names the first record that does not fit.
pub fn verify(cx: &Cx) -> Result<Verification> {
    let chain = cx.store.verify_journal()?;
    if let Verification::Broken { .. } = chain {
        return Ok(chain);
    }
    // The chain announces every piece of evidence: one that was edited or slipped in is a break of the record too.
    for s in cx.store.evidence(None)? {
        if let Some(why) = s.tampered {
            return Ok(Verification::Broken { at: s.seq, why });
        }
    }
    Ok(chain)
}
