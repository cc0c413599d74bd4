//! Facts beyond a plan that its findings and the advice upon it need: the statement, and what the catalogue knows of the tables.

use crate::plan::known::Known;

/// What the statement alone tells.
pub fn of_statement(statement: &str) -> Known {
    Known { statement: Some(statement.to_string()), ..Known::default() }
}
