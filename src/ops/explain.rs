//! Plans: plain EXPLAIN of anything that reads, ANALYZE only of what the classifier proves to be a read.

use super::{Connection, Cx};
use crate::engine::Session;
use crate::model::Result;
use crate::model::plan::Plan;

/// The plan of exactly one statement on the given read-only session (the background one when `None`).
pub async fn explain(_cx: &Cx, _conn: &Connection, _session: Option<&Session>, _text: &str, _analyze: bool) -> Result<Plan> {
    unimplemented!()
}
