//! What is sent to get a plan, and errors that only a plan meets. Reading what comes back is `plan::postgres`.

use crate::model::Error;

/// What goes before the statement. SETTINGS exists since 12.
pub(super) fn prefix(version: u32, analyze: bool) -> String {
    let mut options = vec!["FORMAT JSON", "VERBOSE"];
    if version >= 120_000 {
        options.push("SETTINGS");
    }
    if analyze {
        options.extend(["ANALYZE", "BUFFERS"]);
    }
    format!("EXPLAIN ({}) ", options.join(", "))
}

/// Says what to do about errors that only a plan meets.
pub(super) fn refine(e: Error) -> Error {
    match e.code.as_deref() {
        // "bind message supplies 0 parameters": the text holds $1.
        Some("08P01") => Error { message: "the statement has parameters ($1 …), and a plan needs values for them".into(), ..e }
            .hint("Put values in their place, or EXPLAIN EXECUTE a prepared statement."),
        Some("42601") if e.position == Some(0) => {
            e.hint("Only SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES, TABLE and CREATE TABLE AS have a plan.")
        }
        _ => e,
    }
}
