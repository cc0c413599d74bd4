//! The canonical catalogue: what proofs compare.

use super::{Session, at};
use crate::model::{CanonicalObject, Error, Result, TableShape};

/// Every user object, sorted.
pub async fn objects(_s: &Session) -> Result<Vec<CanonicalObject>> {
    Err(Error::failed("the canonical catalogue of SQLite is not there yet"))
}

/// Every user table with its columns, for content hashes: generated columns too, hidden ones of virtual tables not.
pub async fn tables(s: &Session) -> Result<Vec<TableShape>> {
    let rows = s
        .fetch(
            "SELECT t.name, c.name FROM main.sqlite_schema t, pragma_table_xinfo(t.name, 'main') c
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.name <> '_sqlx_migrations' AND c.hidden <> 1
             ORDER BY t.name, c.cid",
        )
        .await?;
    let mut out: Vec<TableShape> = Vec::new();
    for r in &rows.rows {
        match out.last_mut() {
            Some(t) if t.name == at(r, 0) => t.columns.push(at(r, 1).to_string()),
            _ => out.push(TableShape { schema: None, name: at(r, 0).to_string(), columns: vec![at(r, 1).to_string()] }),
        }
    }
    Ok(out)
}
