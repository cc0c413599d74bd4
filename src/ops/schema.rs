//! The schema tree.

use super::{Connection, Cx};
use crate::engine::Session;
use crate::model::names::Names;
use crate::model::{NodePath, Result, SchemaNode};
use crate::sql::complete;

/// Children of a node; the root's are schemas or tables.
pub async fn children(_cx: &Cx, conn: &Connection, at: &NodePath) -> Result<Vec<SchemaNode>> {
    let s = conn.reader().await?;
    conn.catalog()?.children(&s, at).await
}

/// The same on a session that was opened for something else and on which nothing has been run, where the engine allows it: the
/// first list then does not wait for a second connection.
pub async fn children_on_unused(cx: &Cx, conn: &Connection, unused: &Session, at: &NodePath) -> Result<Vec<SchemaNode>> {
    let catalog = conn.catalog()?;
    if catalog.leaves_no_trace() {
        return catalog.children(unused, at).await;
    }
    children(cx, conn, at).await
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

/// Statements of the history that tell which names are used.
const REMEMBERED: usize = 500;

/// All names that completion proposes, with how often they stand in what was run here before.
pub async fn names(cx: &Cx, conn: &Connection) -> Result<Names> {
    let s = conn.reader().await?;
    let mut names = conn.catalog()?.names(&s).await?;
    // Without a store nothing is known of use, and the names still serve.
    for ran in cx.store.recall(Some(&conn.target().name), None, REMEMBERED).unwrap_or_default() {
        complete::count(&mut names.used, conn.dialect(), &ran.text);
    }
    Ok(names)
}
