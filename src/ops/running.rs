//! What other sessions run: the plan of a statement while it runs, and how far long commands are.

use super::Connection;
use crate::model::Result;
use crate::model::plan::Plan;
use crate::model::rows::Table;

/// The plan of what the session with this id runs now.
pub async fn plan_of(conn: &Connection, id: u64) -> Result<Plan> {
    let running = conn.engine().running().get()?;
    running.plan_of(&conn.reader().await?, id).await
}

/// Long commands with how far they are; no rows when none runs.
pub async fn progress(conn: &Connection) -> Result<Table> {
    let running = conn.engine().running().get()?;
    running.progress(&conn.reader().await?).await
}
