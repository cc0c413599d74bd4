//! The schema tree.

use super::{Connection, Cx};
use crate::model::{NodePath, Result, SchemaNode};

/// Children of a node; the root's are schemas or tables.
pub async fn children(_cx: &Cx, conn: &Connection, at: &NodePath) -> Result<Vec<SchemaNode>> {
    let s = conn.reader().await?;
    conn.catalog()?.children(&s, at).await
}

/// The statement that would make the object again.
pub async fn definition(_cx: &Cx, conn: &Connection, at: &NodePath) -> Result<String> {
    let s = conn.reader().await?;
    conn.catalog()?.definition(&s, at).await
}

/// A SELECT of the first rows; `None` for what has no rows.
pub fn preview(conn: &Connection, at: &NodePath, limit: u32) -> Option<String> {
    conn.catalog().ok()?.preview(at, limit)
}
