//! Reading and checking the journal.

use super::Cx;
use crate::model::Result;
pub use crate::store::journal::{Entry, Filter, Verification};

/// Entries, newest first.
pub fn show(_cx: &Cx, _filter: &Filter) -> Result<Vec<Entry>> {
    unimplemented!()
}

/// Walks the whole chain and names the first record that does not fit.
pub fn verify(_cx: &Cx) -> Result<Verification> {
    unimplemented!()
}
