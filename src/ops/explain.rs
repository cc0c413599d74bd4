//! Plans: plain EXPLAIN of anything that reads, ANALYZE only of what the classifier proves to be a read.

use super::{Connection, Cx, query};
use crate::engine::Session;
use crate::model::plan::Plan;
use crate::model::{Error, Result};
use crate::sql::{self, Class};

/// The plan of exactly one statement on the given read-only session (the background one when `None`).
pub async fn explain(_cx: &Cx, conn: &Connection, session: Option<&Session>, text: &str, analyze: bool) -> Result<Plan> {
    conn.engine().plans().get()?;
    let statements = sql::split(conn.dialect(), text);
    let [one] = statements.as_slice() else {
        return Err(Error::usage(format!("a plan is for exactly one statement; this text holds {}", statements.len())));
    };
    if !one.complete {
        return Err(Error::usage("the statement is not complete yet"));
    }
    let statement = &text[one.span.clone()];
    if first_word(conn.dialect(), statement).eq_ignore_ascii_case("explain") {
        return Err(Error::usage("the statement is an EXPLAIN already: take the word away to see its plan as a tree, or run it as it is"));
    }
    let verdict = sql::classify(conn.dialect(), statement);
    // Even plain EXPLAIN can run functions while planning (`reference/plans.md` §4), so it takes a read too.
    if verdict.class != Class::Read {
        let what = if analyze { "measured" } else { "explained" };
        return Err(Error::read_only(format!("only a statement that is proven to read is {what}: {}", verdict.reason)));
    }
    if let Some(why) = query::may_write(conn, statement, &verdict).await? {
        let what = if analyze { "run" } else { "planned" };
        return Err(Error::read_only(format!("the statement is not {what}: {}", crate::text::clean(&why))));
    }
    let own = match session {
        Some(s) => s.clone(),
        None => conn.reader().await?,
    };
    let mut plan = own.explain(statement, analyze).await?;
    let known = super::plan_facts::of_statement(statement);
    crate::plan::findings::fill(&mut plan, &known);
    Ok(plan)
}

fn first_word(dialect: crate::model::Dialect, text: &str) -> &str {
    sql::lex(dialect, text)
        .into_iter()
        .find(|t| !matches!(t.kind, sql::TokenKind::Whitespace | sql::TokenKind::Comment))
        .and_then(|t| text.get(t.span))
        .unwrap_or("")
}
