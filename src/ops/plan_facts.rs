//! Facts beyond a plan that its findings and the advice upon it need: the statement, and what the catalogue knows of the tables.

use super::Connection;
use crate::engine::Session;
use crate::model::Result;
use crate::model::plan::Plan;
use crate::plan::expression::dialect_of;
use crate::plan::findings;
use crate::plan::known::Known;
use crate::plan::statement;

/// What the statement alone tells: for plans that follow the typing, where one more look at the catalogue would be too much.
pub fn of_statement(text: &str) -> Known {
    Known { statement: Some(text.to_string()), ..Known::default() }
}

/// What the catalogue tells too, in a few statements that count nothing.
pub async fn gather(conn: &Connection, session: &Session, plan: &Plan, text: &str) -> Result<Known> {
    let mut relations: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        if !name.is_empty() && !name.starts_with(['<', '(']) && !relations.iter().any(|r| r == name) {
            relations.push(name.to_string());
        }
    };
    plan.root.walk(0, &mut |_, n| {
        if let Some(r) = &n.relation {
            add(r);
        }
    });
    // MySQL's and MariaDB's plans name aliases; the statement says of what.
    for t in statement::read(dialect_of(&plan.engine), text).iter().flat_map(|s| &s.tables) {
        add(&t.name);
    }
    let known = conn.engine().catalog().get()?.plan_facts(session, &relations).await?;
    Ok(Known { statement: Some(text.to_string()), ..known })
}

/// The findings again, with what the catalogue tells, and how busy the server is: for a plan that was not run. Where the catalogue
/// does not answer, they stay.
pub async fn look_again(conn: &Connection, plan: &mut Plan, text: &str) -> Result<()> {
    let session = conn.reader().await?;
    if let Ok(known) = gather(conn, &session, plan, text).await {
        findings::fill(plan, &known);
    }
    if let Ok(locks) = conn.engine().locks().get() {
        plan.load = locks.busy(&session).await.ok();
    }
    Ok(())
}
