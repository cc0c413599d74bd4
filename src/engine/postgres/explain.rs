//! What is sent to get a plan, and errors that only a plan meets. Reading what comes back is `plan::postgres`.

use crate::engine::Asked;
use crate::model::{Dialect, Error, Result};

/// What goes before the statement. SETTINGS exists since 12; SUMMARY tells the time of a run without node times.
pub(super) fn prefix(version: u32, how: &Asked) -> String {
    let mut options = vec!["FORMAT JSON", "VERBOSE"];
    if version >= 120_000 {
        options.push("SETTINGS");
    }
    if how.analyze {
        options.extend(["ANALYZE", "BUFFERS"]);
        if !how.node_times {
            options.extend(["TIMING OFF", "SUMMARY"]);
        }
    }
    format!("EXPLAIN ({}) ", options.join(", "))
}

/// The statements that make the settings hold within the transaction.
pub(super) fn settings(wanted: &[(String, String)]) -> Result<Vec<String>> {
    wanted
        .iter()
        .map(|(name, value)| {
            // The name stands in the statement as it is.
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
                return Err(Error::usage(format!("{} is no setting of PostgreSQL", crate::text::clean(name))));
            }
            Ok(format!("SET LOCAL {name} = {}", Dialect::Postgres.quote_literal(value)))
        })
        .collect()
}

/// Says what to do about errors that only a plan meets.
pub(super) fn refine(e: Error) -> Error {
    match e.code.as_deref() {
        // "bind message supplies 0 parameters": the text holds $1.
        Some("08P01") => Error { message: "the statement has parameters ($1 …), and a plan needs values for them".into(), ..e }
            .hint("Give it sets of values: `--param-set common:1=7` (`--propose-sets` finds some), or put values in their place."),
        Some("42601") if e.position == Some(0) => {
            e.hint("Only SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES, TABLE and CREATE TABLE AS have a plan.")
        }
        _ => e,
    }
}
