//! Measuring a statement that writes: on a private copy, or on a development target in a transaction that is rolled back. Each takes the
//! gate's clearance, which names what the statement sets off. On the target it is journaled before it is run.

use super::cancelling::{cancelled, roll_back_and_close};
use super::gate::{Place, TrialRight, trial};
use super::{Connection, Cx, copies, explain, plan_facts};
use crate::engine::{Access, Asked, Connect, Role, Session};
use crate::model::plan::Plan;
use crate::model::{Error, Kind, Result};
use crate::plan::findings;
use crate::plan::known::Known;
use crate::text;
use serde_json::json;
use std::time::Duration;

/// A lock on the target that does not come in this time ends the run.
const LOCK: Duration = Duration::from_millis(200);
/// So much longer than the server's own limit is waited before it is told to end the statement.
const SLACK: Duration = Duration::from_secs(5);

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    pub plan: Plan,
    /// Where it was run and what became of it: `on a scratch copy of the backup of …, which is removed`.
    pub verdict: String,
    /// How the copy that it was run on differs from the target, where it does: a sentence, to be told before the numbers.
    pub differs: Option<String>,
    /// What went wrong beside it: sentences.
    pub notes: Vec<String>,
}

/// Runs what was cleared, once.
pub async fn run(cx: &Cx, conn: &Connection, right: TrialRight) -> Result<Tried> {
    if right.target != conn.target().name {
        return Err(Error::held(format!("held: the clearance is for {}, not for {}", right.target, conn.target().name)));
    }
    match right.place {
        Place::Copy => on_copy(cx, conn, &right).await,
        Place::Here => here(cx, conn, &right).await,
    }
}

async fn here(cx: &Cx, conn: &Connection, right: &TrialRight) -> Result<Tried> {
    let target = &conn.target().name;
    let shown = crate::sql::redact(conn.dialect(), &right.statement);
    let line = text::truncate(&text::clean(&text::one_line(&shown)), 120).into_owned();
    let entry = |kind: &str, summary: String| {
        cx.journal(kind, target, json!({ "summary": summary, "statement": shown, "sets off": right.effects.lines() }))
    };
    // What cannot be journaled must not run at all.
    entry("trial-begin", format!("measured in a transaction that is rolled back: {line}"))?;
    let how = Connect {
        statement_timeout: Some(trial::LONGEST),
        lock_timeout: Some(LOCK),
        place: conn.place(),
        ..Connect::new(Role::Query, Access::ReadWrite)
    };
    let done = async {
        let session = conn.engine().connect(how).await?;
        let plan = analyzed(cx, &session, &right.statement, trial::LONGEST).await;
        end(&session, plan.is_ok()).await;
        plan
    }
    .await;
    let end = match &done {
        Ok(_) => entry("trial-rolled-back", format!("measured and rolled back: {line}")),
        Err(e) => entry("trial-failed", format!("not measured ({}): {line}", text::clean(&e.message))),
    };
    let mut plan = done?;
    end?;
    let known = known(conn, &plan, &right.statement).await;
    findings::fill(&mut plan, &known);
    let held =
        plan.execution_ms.map_or(String::new(), |ms| format!("; its locks were held for about {}", crate::plan::measure::millis(ms)));
    let verdict = format!("run on {} and rolled back{held}", text::clean(target));
    plan.remarks.push(format!("The statement writes: it was {verdict}."));
    Ok(Tried { plan, verdict, differs: None, notes: Vec::new() })
}

async fn known(conn: &Connection, plan: &Plan, statement: &str) -> Known {
    match conn.reader().await {
        Ok(s) => plan_facts::gather(conn, &s, plan, statement).await.unwrap_or_else(|_| plan_facts::of_statement(statement)),
        Err(_) => plan_facts::of_statement(statement),
    }
}

/// Closes a session; one that may not answer is rolled back and severed.
async fn end(session: &Session, sound: bool) {
    match sound {
        true => session.clone().close().await,
        false => {
            roll_back_and_close(session).await;
        }
    }
}

/// Runs it and takes it back.
async fn analyzed(cx: &Cx, session: &Session, statement: &str, longest: Duration) -> Result<Plan> {
    let asked = Asked { writes: true, ..Asked::new(true) };
    tokio::select! {
        biased;
        plan = session.explain_as(statement, asked) => plan,
        () = cancelled(cx, session) => Err(Error::cancelled()),
        // For a server that has no limit of its own for what writes (MySQL).
        () = tokio::time::sleep(longest + SLACK) => {
            let _ = session.cancel().await;
            Err(Error::failed(format!("the statement ran longer than {}, and was ended and rolled back", text::duration(longest))))
        }
    }
    .map_err(|e| match e.code.as_deref() {
        Some("57014" | "1969" | "3024") if e.kind != Kind::Cancelled => e.hint(format!(
            "The limit is Holdpoint's own: a statement that writes may run {} to be measured.",
            text::duration(trial::LONGEST)
        )),
        Some("55P03" | "1205") => {
            e.hint("Others hold what it wants to lock, and nothing waits for a measurement: measure it on a scratch copy.")
        }
        _ => e,
    })
}

async fn on_copy(cx: &Cx, conn: &Connection, right: &TrialRight) -> Result<Tried> {
    super::advice::stays_inside(conn, &right.statement)?;
    if !conn.engine().trials().copies_itself() {
        // Before a backup is taken for nothing.
        let identity = conn.reader().await?.identity().clone();
        conn.engine().backups().get()?.may_confine(&identity).await?;
    }
    let (made, of) = copies::make(cx, conn, 1).await?;
    let done = async {
        let scratch = made.first().ok_or_else(|| Error::failed("there is no copy to measure on"))?;
        let copy = copies::confined(cx, conn, scratch).await?;
        measured(cx, conn, &copy, &of, right).await
    }
    .await;
    let mut notes = Vec::new();
    copies::remove(conn, made, &mut notes).await?;
    let (mut plan, differs) = done.map_err(|e| copies::aged(conn, &of, e))?;
    let verdict = format!("run on a scratch copy{of}, which is removed; the target was only read");
    plan.remarks.extend(differs.clone());
    plan.remarks.push(format!("The statement writes: it was {verdict}."));
    Ok(Tried { plan, verdict, differs, notes })
}

/// The plan, and how the copy differs from the target.
async fn measured(cx: &Cx, conn: &Connection, copy: &Connection, of: &str, right: &TrialRight) -> Result<(Plan, Option<String>)> {
    let statement = right.statement.as_str();
    // The copy is of a backup: what stands behind the statement there may be older than what was looked at.
    let there = copy.engine().trials().effects(&copy.reader().await?, statement).await?;
    if let Some(why) = there.outside.first() {
        // The target was cleared: it is so on the copy alone.
        return Err(Error::held(format!("held: on the scratch copy{of} the statement is not run: {}", text::clean(why)))
            .hint(copies::older(conn, of)));
    }
    let writer = copy.migrator().await?;
    let guess = copy.reader().await?.explain(statement, false).await.ok();
    let facts = match &guess {
        Some(plan) => known(conn, plan, statement).await,
        None => plan_facts::of_statement(statement),
    };
    for sql in copies::settling(copy, &facts) {
        cx.check_cancelled()?;
        cx.progress.update("settling the copy", 0, None);
        tokio::select! {
            biased;
            done = writer.fetch(sql) => drop(done?),
            () = cancelled(cx, &writer) => return Err(Error::cancelled()),
        }
    }
    writer.close().await;
    let differs = copies::behind(conn, copy, of, &facts, (&right.effects.triggers, &there.triggers)).await?;
    cx.progress.update("running it on the copy", 0, None);
    let how = Connect { statement_timeout: Some(explain::LONGEST), ..Connect::new(Role::Query, Access::ReadWrite) };
    let session = copy.engine().connect(how).await?;
    let plan = analyzed(cx, &session, statement, explain::LONGEST).await;
    end(&session, plan.is_ok()).await;
    let mut plan = plan?;
    findings::fill(&mut plan, &facts);
    Ok((plan, differs))
}
