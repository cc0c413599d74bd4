//! Plans: plain EXPLAIN of reads, and of writes where planning one writes nothing; ANALYZE only of what is proven to read.

use super::cancelling::cancelled;
use super::{Connection, Cx, plan_facts, query};
use crate::config::Target;
use crate::engine::{Access, Connect, Role, Session};
use crate::model::plan::Plan;
use crate::model::{Error, Kind, Result};
use crate::plan::{findings, words};
use crate::sql::{self, Class};
use crate::text;
use std::time::Duration;

/// How long a statement may run to be measured.
pub(in crate::ops) const LONGEST: Duration = Duration::from_secs(300);

/// The one complete statement of the text that a plan is asked for.
pub(in crate::ops) fn only(dialect: crate::model::Dialect, text: &str) -> Result<&str> {
    let statements = sql::split(dialect, text);
    let [one] = statements.as_slice() else {
        return Err(Error::usage(format!("a plan is for exactly one statement; this text holds {}", statements.len())));
    };
    if !one.complete {
        return Err(Error::usage("the statement is not complete yet"));
    }
    let statement = &text[one.span.clone()];
    if first_word(dialect, statement).eq_ignore_ascii_case("explain") {
        return Err(Error::usage("the statement is an EXPLAIN already: take the word away to see its plan as a tree, or run it as it is"));
    }
    Ok(statement)
}

/// A read that locks the rows it finds, without its locking clause: it finds them the same way, and is planned and measured as a read that
/// locks nothing. All else as it is.
pub(in crate::ops) fn unlocked(dialect: crate::model::Dialect, statement: &str) -> &str {
    let locks = sql::classify(dialect, statement).class == Class::Other;
    sql::locking::without_locks(dialect, statement).filter(|s| locks && sql::classify(dialect, s).class == Class::Read).unwrap_or(statement)
}

/// The one statement of the text, when it may be planned, or run to be measured: only what is proven to read is run.
pub(in crate::ops) async fn proven<'t>(conn: &Connection, text: &'t str, analyze: bool) -> Result<&'t str> {
    conn.engine().plans().get()?;
    let statement = unlocked(conn.dialect(), only(conn.dialect(), text)?);
    let verdict = sql::classify(conn.dialect(), statement);
    // What changes rows is planned and not run, where the engine can.
    if verdict.class == Class::Dml && !analyze {
        conn.engine().plans_of_writes().get()?;
        if conn.engine().trials().planning_runs() {
            plans_without_running(conn, statement).await?;
        } else if conn.catalog()?.looks_behind_names()
            && let Some(w) = conn.catalog()?.planning_writer(&conn.follower().await?, statement).await?
        {
            let why = crate::text::clean(&w.why);
            return Err(Error::read_only(format!("the statement is not planned, because planning runs functions: {why}")).hint(w.way_out));
        }
        return Ok(statement);
    }
    // Even plain EXPLAIN can run functions while planning, so all else takes a read.
    if verdict.class != Class::Read {
        let what = if analyze { "measured" } else { "explained" };
        return Err(Error::read_only(format!("only a statement that is proven to read is {what}: {}", verdict.reason)));
    }
    let catalog = conn.catalog()?;
    // A plan alone, where planning is known to run nothing but what is looked through: that is asked first, and mostly the last thing asked.
    let plans = !analyze && conn.engine().plans_of_writes().get().is_ok() && !conn.engine().trials().planning_runs();
    if plans && catalog.looks_behind_names() && catalog.planning_writer(&conn.follower().await?, statement).await?.is_none() {
        return Ok(statement);
    }
    let Some(w) = query::may_write(conn, statement, &verdict).await? else { return Ok(statement) };
    let what = if analyze { "run" } else { "planned" };
    Err(Error::read_only(format!("the statement is not {what}: {}", crate::text::clean(&w.why))).hint(w.way_out))
}

/// Where planning may run functions (in derived tables, and where a value is constant), a write is planned only when it calls none that
/// could write: its plan is made in a transaction that may write.
async fn plans_without_running(conn: &Connection, statement: &str) -> Result<()> {
    let d = conn.dialect();
    let session = conn.follower().await?;
    let refused = async |why: String| {
        let e = Error::read_only(format!("the statement is not planned, because planning runs functions here: {}", text::clean(&why)));
        // What reaches beyond the database is not run on a copy either.
        match conn.engine().trials().effects(&session, statement).await {
            Ok(found) if found.outside.is_empty() && found.back.is_empty() => {
                e.hint("Measure it on a scratch copy: holdpoint explain … --analyze --on-scratch")
            }
            _ => e.hint("Ask with a SELECT that has the same conditions and calls no such function."),
        }
    };
    let words: Vec<&str> = sql::lex(d, statement)
        .into_iter()
        .filter(|t| !matches!(t.kind, sql::TokenKind::Whitespace | sql::TokenKind::Comment))
        .filter_map(|t| statement.get(t.span))
        .collect();
    if words.windows(2).any(|w| w[0].eq_ignore_ascii_case("next") && w[1].eq_ignore_ascii_case("value")) {
        return Err(refused("NEXT VALUE takes a number from a sequence".into()).await);
    }
    let calls = sql::before::unknown_calls(d, statement);
    let catalog = conn.catalog()?;
    if !calls.is_empty()
        && let Some(writer) = query::writing_function(catalog, &session, &calls).await?
    {
        return Err(refused(writer.why).await);
    }
    match catalog.hidden_writer(&session, statement).await? {
        Some(w) => Err(refused(w.why).await),
        None => Ok(()),
    }
}

/// Whether the statement may be run to be measured, before anything is asked of the planner.
pub async fn measurable(conn: &Connection, text: &str) -> Result<()> {
    proven(conn, text, true).await.map(drop)
}

/// The plan of exactly one statement on the given read-only session (the background one when `None`).
pub async fn explain(cx: &Cx, conn: &Connection, session: Option<&Session>, text: &str, analyze: bool) -> Result<Plan> {
    let statement = proven(conn, text, analyze).await?;
    let own = match session {
        Some(s) => s.clone(),
        // What is measured may take minutes, and others wait for the background session.
        None if analyze => {
            let how = Connect { statement_timeout: Some(LONGEST), place: conn.place(), ..Connect::new(Role::Background, Access::ReadOnly) };
            conn.engine().connect(how).await?
        }
        None => conn.follower().await?,
    };
    let whole = only(conn.dialect(), text)?;
    let locks = unlocked(conn.dialect(), whole).len() < whole.len();
    let mut plan = tokio::select! {
        biased;
        plan = own.explain(statement, analyze) => plan,
        // The background session has other work too: what is dropped there is ended by its actor.
        () = cx.cancel.cancelled(), if !analyze => Err(Error::cancelled()),
        () = cancelled(cx, &own), if analyze => Err(Error::cancelled()),
    }
    .map_err(|e| match e.code.as_deref() {
        // PostgreSQL's query_canceled, MariaDB's and MySQL's statement timeouts.
        Some("57014" | "1969" | "3024") if analyze && e.kind != Kind::Cancelled => {
            e.hint(format!("The limit is Holdpoint's own: a measured plan may take {}.", crate::text::duration(LONGEST)))
        }
        _ => e,
    })?;
    // A plan that follows the typing costs one statement; where it was run, the catalogue is asked too. A catalogue that does
    // not answer makes findings fewer, not the plan fail.
    let known = match analyze {
        true => plan_facts::gather(conn, &own, &plan, statement).await.unwrap_or_else(|_| plan_facts::of_statement(statement)),
        false => plan_facts::of_statement(statement),
    };
    findings::fill(&mut plan, &known);
    if locks {
        let (how, not) =
            if analyze { ("Measured", "no row was locked, and what the locks cost is not in it") } else { ("Planned", "no row is locked") };
        plan.remarks.push(format!("{how} without its locking clause: {not}. With it the server may read in one process only."));
    }
    Ok(plan)
}

/// Why a statement is asked about before it is measured: its numbers against the target's limits. `plan` is its plain plan.
pub fn heavy(target: &Target, plan: &Plan) -> Option<String> {
    let number = |n: f64| text::thousands(n.max(0.0).round() as u64);
    // No cost is below the other: the server's own leaves out what it does not tell.
    let (told, by_rows) = (plan.root.est_total_cost.unwrap_or(0.0), plan.cost_by_rows.unwrap_or(0.0));
    let threshold = target.analyze_cost as f64;
    if told.max(by_rows) > threshold {
        let mut most: Option<(f64, String)> = None;
        plan.root.walk(0, &mut |_, n| {
            if let Some(rows) = n.est_rows.filter(|r| most.as_ref().is_none_or(|(m, _)| r > m)) {
                most = Some((rows, words::short(n)));
            }
        });
        let rows = most.map_or_else(String::new, |(r, who)| format!(" The most rows in one step: {} ({who}).", words::count(r)));
        let limit = text::thousands(target.analyze_cost);
        let expects = if by_rows.is_infinite() {
            "The server prices one step of the recursion, and how far it goes nobody can tell: it may take long".to_string()
        } else if told > threshold {
            format!("The server expects a cost of {}", number(told))
        } else {
            format!("The server tells no cost of the subqueries; by the rows that it expects, the whole may cost {}", number(by_rows))
        };
        return Some(format!("{expects}; this target asks from {limit} on.{rows}"));
    }
    let load = plan.load.filter(|l| *l >= target.analyze_load)?;
    let (load, limit) = (text::thousands(load), text::thousands(target.analyze_load));
    Some(format!("The server runs {load} statements of other sessions at this moment; this target asks from {limit} on."))
}

pub(super) fn first_word(dialect: crate::model::Dialect, text: &str) -> &str {
    sql::lex(dialect, text)
        .into_iter()
        .find(|t| !matches!(t.kind, sql::TokenKind::Whitespace | sql::TokenKind::Comment))
        .and_then(|t| text.get(t.span))
        .unwrap_or("")
}
