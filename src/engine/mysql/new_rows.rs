//! Rows that an INSERT made: nothing in a row says who made it, but a transaction that keeps its first sight of a table sees no new rows
//! but its own.

use super::catalog::at;
use crate::engine::{NewRows, Session, behind_the_greatest};
use crate::model::{Result, TableInfo};

/// See `Catalog::new_rows`. Reading the greatest key fixes what the transaction sees.
pub(super) async fn of(s: &Session, table: &TableInfo) -> Result<std::result::Result<NewRows, String>> {
    // Its name differs between MariaDB and MySQL.
    let isolation = s.fetch("SHOW SESSION VARIABLES WHERE Variable_name IN ('tx_isolation', 'transaction_isolation')").await?;
    let keeps = isolation.rows.first().is_some_and(|r| matches!(at(r, 1), "REPEATABLE-READ" | "SERIALIZABLE"));
    if !keeps || table.no_rollback.is_some() {
        return Ok(Err("its transaction also sees what others insert meanwhile".into()));
    }
    behind_the_greatest(s, table).await
}
