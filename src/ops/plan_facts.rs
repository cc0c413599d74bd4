//! Facts beyond a plan that its findings and the advice upon it need: the statement, and what the catalogue knows of the tables.

use super::Connection;
use crate::engine::{Access, Connect, Role, Session};
use crate::model::plan::Plan;
use crate::model::{Param, Result};
use crate::plan::expression::dialect_of;
use crate::plan::findings;
use crate::plan::known::Known;
use crate::plan::places;
use crate::sql::params;
use std::collections::BTreeMap;

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
    // MySQL's and MariaDB's plans name aliases; the statement says of what, its subqueries included.
    for (_, name) in places::named(dialect_of(&plan.engine), text) {
        if let Some(n) = name.last() {
            add(n);
        }
    }
    let known = conn.engine().catalog().get()?.plan_facts(session, &relations).await?;
    Ok(Known { statement: Some(text.to_string()), ..known })
}

/// What the planner expects for any values of the parameters; `None` where there are none, or it cannot be told.
pub async fn generic_cost(conn: &Connection, asked: &str, values: &BTreeMap<String, Param>) -> Option<f64> {
    let bound = params::bind(conn.dialect(), asked, values).ok().filter(|b| !values.is_empty() && !b.params.is_empty())?;
    // A session of its own: it prepares a statement there.
    let how = Connect { place: conn.place(), ..Connect::new(Role::Background, Access::ReadOnly) };
    let session = conn.engine().connect(how).await.ok()?;
    let cost = conn.engine().measuring().generic_cost(&session, &bound.text, bound.params.len()).await;
    session.close().await;
    cost.ok().flatten()
}

/// The findings again, with what the catalogue tells, and how busy the server is: for a plan that was not run. Where the catalogue
/// does not answer, they stay.
pub async fn look_again(conn: &Connection, plan: &mut Plan, text: &str) -> Result<()> {
    look_again_with(conn, plan, text, "", &BTreeMap::new()).await
}

/// Like [`look_again`], for a statement that was asked about with parameters: `asked` has them, `text` has their values.
pub async fn look_again_with(conn: &Connection, plan: &mut Plan, text: &str, asked: &str, values: &BTreeMap<String, Param>) -> Result<()> {
    let session = conn.surveyor().await?;
    let generic_cost = generic_cost(conn, asked, values).await;
    if let Ok(known) = gather(conn, &session, plan, text).await {
        findings::fill(plan, &Known { generic_cost, ..known });
    }
    if let Ok(locks) = conn.engine().locks().get() {
        plan.load = locks.busy(&session).await.ok();
    }
    Ok(())
}
