//! Rows that an INSERT made: nothing in a row says who made it, but a transaction that keeps its first sight of a table sees no new rows
//! but its own.

use crate::engine::{NewRows, Session, behind_the_greatest};
use crate::model::{Result, TableInfo};

/// See `Fixes::new_rows`. Reading the greatest key fixes what the transaction sees, at the levels at which a fix begins.
pub(super) async fn of(s: &Session, table: &TableInfo) -> Result<std::result::Result<NewRows, String>> {
    if table.no_rollback.is_some() {
        return Ok(Err("its transaction also sees what others insert meanwhile".into()));
    }
    // max() takes such a value by its letters, an index and ORDER BY by its number.
    let numbered = |c: &&crate::model::ColumnInfo| {
        let kind = c.type_name.to_ascii_lowercase();
        table.key.contains(&c.name) && (kind.starts_with("enum") || kind.starts_with("set"))
    };
    if let Some(column) = table.columns.iter().find(numbered) {
        return Ok(Err(format!("the values of its key {} have two orders", column.name)));
    }
    behind_the_greatest(s, table).await
}
