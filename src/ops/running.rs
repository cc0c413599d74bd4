//! What other sessions run: their statements, the plan of one while it runs, and how far long commands are.

use super::cancelling::told_to_end;
use super::{Connection, Cx};
use crate::model::plan::Plan;
use crate::model::rows::Table;
use crate::model::{Error, HowFar, Result, RunningStatement};
use std::time::Duration;

/// How long a session may take to tell its plan; MariaDB's `SLEEP` looks up every five seconds.
const TO_ANSWER: Duration = Duration::from_secs(8);

/// What runs at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// The one that began first at the head.
    pub statements: Vec<RunningStatement>,
    /// What could not be seen, with the privilege that would show it.
    pub notes: Vec<String>,
    /// The user's own session.
    pub own: Option<u64>,
}

/// What the sessions of the server run now, long commands with how far they are.
pub async fn look(conn: &Connection, own: Option<u64>) -> Result<Look> {
    let running = conn.engine().running().get()?;
    let session = conn.reader().await?;
    let (mut statements, mut notes) = running.statements(&session).await?;
    match running.progress(&session).await {
        Ok(table) => join(&mut statements, &table),
        Err(e) => notes.push(format!("How far long commands are is not told: {}", e.message)),
    }
    Ok(Look { statements, notes, own })
}

/// Puts each long command to its session; one whose session is not listed gets a line of its own. Columns go by their names: engines
/// tell different ones.
fn join(statements: &mut Vec<RunningStatement>, table: &Table) {
    let column = |names: &[&str]| table.columns.iter().position(|c| names.contains(&c.name.as_str()));
    let at = |row: &[Option<String>], names: &[&str]| column(names).and_then(|i| row.get(i).cloned().flatten()).unwrap_or_default();
    for row in &table.rows {
        let Ok(id) = at(row, &["id"]).parse::<u64>() else { continue };
        let far = HowFar {
            command: at(row, &["command"]),
            relation: at(row, &["relation"]),
            phase: at(row, &["phase", "stage"]),
            percent: at(row, &["done"]).trim_end_matches([' ', '%']).parse().ok(),
            work: at(row, &["work", "stages"]),
        };
        // Of a session that may not be looked into nothing but its number is told.
        if far == HowFar::default() {
            continue;
        }
        match statements.iter_mut().find(|s| s.id == id) {
            Some(s) => s.far = Some(far),
            None => statements.push(RunningStatement {
                id,
                database: at(row, &["database"]),
                text: at(row, &["statement"]),
                far: Some(far),
                ..RunningStatement::default()
            }),
        }
    }
}

/// The plan of what the session with this id runs now. MariaDB asks that session itself: one that waits for a lock does not answer.
pub async fn plan_of(cx: &Cx, conn: &Connection, id: u64) -> Result<Plan> {
    let running = conn.engine().running().get()?;
    let session = conn.reader().await?;
    let asked = told_to_end(cx, &session, running.plan_of(&session, id));
    tokio::pin!(asked);
    let answer = tokio::select! {
        answer = &mut asked => answer,
        () = tokio::time::sleep(TO_ANSWER) => {
            // The one who asks is ended, never the one who is asked.
            let _ = session.cancel().await;
            let late = Error::failed(format!("session {id} did not tell its plan within {} s", TO_ANSWER.as_secs()))
                .hint("A statement that waits for a lock answers nobody: ask again when it goes on.");
            match tokio::time::timeout(TO_ANSWER, asked).await {
                Ok(Some(Ok(plan))) => Some(Ok(plan)),
                Ok(Some(Err(_))) => Some(Err(late)),
                Ok(None) | Err(_) => {
                    session.sever();
                    Some(Err(late))
                }
            }
        }
    };
    match answer {
        Some(Err(_)) if cx.cancel.is_cancelled() => Err(Error::cancelled()),
        Some(answer) => answer,
        None => {
            session.sever();
            Err(Error::cancelled())
        }
    }
}

/// Long commands with how far they are; no rows when none runs.
pub async fn progress(conn: &Connection) -> Result<Table> {
    let running = conn.engine().running().get()?;
    running.progress(&conn.reader().await?).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Column;

    #[test]
    fn progress_goes_to_its_session_or_stands_alone() {
        let columns = ["id", "database", "command", "relation", "phase", "work", "done", "statement"];
        let column =
            |n: &&str| Column { name: (*n).into(), type_name: String::new(), align: Default::default(), origin: None, style: None };
        let row = |cells: [&str; 8]| cells.iter().map(|c| (!c.is_empty()).then(|| c.to_string())).collect::<Vec<_>>();
        let table = Table {
            columns: columns.iter().map(column).collect(),
            rows: vec![
                row(["7", "shop", "CREATE INDEX", "orders", "building index", "12 of 48", "25.0 %", "create index i on orders (a)"]),
                row(["8", "shop", "", "", "", "", "", "<insufficient privilege>"]),
                row(["9", "shop", "VACUUM", "items", "scanning heap", "3", "", "autovacuum: VACUUM items"]),
            ],
            ..Table::default()
        };
        let mut found = vec![RunningStatement { id: 7, text: "create index i on orders (a)".into(), ..Default::default() }];
        join(&mut found, &table);
        assert_eq!(found.len(), 2);
        let far = found[0].far.as_ref().unwrap();
        assert_eq!((far.percent, far.phase.as_str(), far.work.as_str()), (Some(25.0), "building index", "12 of 48"));
        assert_eq!((found[1].id, found[1].text.as_str()), (9, "autovacuum: VACUUM items"));
        assert_eq!(found[1].far.as_ref().unwrap().percent, None, "an end that is not known is not 0");
    }
}
