//! What the process list tells of sessions that wait or may be in the way.

use super::metadata::{Scope, Waiter};
use crate::engine::Session;
use crate::engine::mysql::assess::sessions::OWN;
use crate::engine::mysql::assess::{at, number, rows};
use crate::engine::mysql::mariadb;
use crate::model::Result;
use std::collections::BTreeSet;

/// Sessions that are read at most.
const SESSIONS: u32 = 2_000;

/// One session.
pub(super) struct Process {
    pub id: u64,
    pub user: String,
    pub client: String,
    pub database: String,
    pub command: String,
    ms: Option<u64>,
    pub state: String,
    pub statement: String,
}

async fn read(s: &Session, text: &str) -> Result<Vec<Process>> {
    Ok(rows(s, text).await?.iter().map(|r| Process::of(r)).collect())
}

/// Those of these numbers that are there still.
pub(super) async fn of_ids(s: &Session, ids: impl Iterator<Item = u64>) -> Result<Vec<Process>> {
    let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
    read(s, &format!("{} WHERE ID IN ({})", processlist(s), ids.join(", "))).await
}

fn processlist(s: &Session) -> String {
    let ms = if mariadb(s) { "CAST(TIME_MS AS UNSIGNED)" } else { "TIME * 1000" };
    format!(
        "SELECT ID, COALESCE(USER, ''), COALESCE(HOST, ''), COALESCE(DB, ''), COMMAND, {ms}, COALESCE(STATE, ''), \
         LEFT(COALESCE(INFO, ''), 500) FROM information_schema.PROCESSLIST"
    )
}

/// Sessions that do something, and those in a transaction; of the server's own threads those that wait for a lock, as a replica's may. Those
/// who wait for rows and who have them come first.
pub(super) async fn busy(s: &Session, open: impl Iterator<Item = u64>, first: &BTreeSet<u64>) -> Result<Vec<Process>> {
    // No session has number 0.
    let list = |ids: &mut dyn Iterator<Item = u64>| ids.chain([0]).map(|id| id.to_string()).collect::<Vec<_>>().join(", ");
    let text = format!(
        "{} WHERE ID <> CONNECTION_ID() AND (COMMAND NOT IN ('Sleep', {OWN}) OR STATE LIKE 'Waiting for % lock%' OR ID IN ({})) \
         ORDER BY ID IN ({}) DESC, STATE LIKE 'Waiting for %' DESC LIMIT {SESSIONS}",
        processlist(s),
        list(&mut { open }),
        list(&mut first.iter().copied())
    );
    read(s, &text).await
}

impl Process {
    fn of(r: &[Option<String>]) -> Process {
        Process {
            id: number(r, 0).unwrap_or(0.0) as u64,
            user: at(r, 1).into(),
            client: at(r, 2).into(),
            database: at(r, 3).into(),
            command: at(r, 4).into(),
            ms: number(r, 5).map(|n| n.max(0.0) as u64),
            state: at(r, 6).into(),
            statement: at(r, 7).into(),
        }
    }

    pub fn sleeps(&self) -> bool {
        self.command == "Sleep"
    }

    /// For so long it does what it does now.
    pub fn seconds(&self) -> Option<u64> {
        self.ms.map(|ms| ms / 1000)
    }

    /// What it does, as something that may hold or want a lock of a table.
    pub fn runs(&self) -> Waiter {
        Waiter {
            session: self.id,
            ms: self.ms.unwrap_or(0),
            database: self.database.clone(),
            statement: self.statement.clone(),
            scope: Scope::Table,
        }
    }

    /// It waits for one of the server's own locks.
    pub fn waits(&self) -> Option<Waiter> {
        Some(Waiter { scope: Scope::of(&self.state)?, ..self.runs() })
    }
}
