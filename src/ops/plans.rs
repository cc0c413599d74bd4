//! The history of plans: what was asked for is kept for each statement, and told apart by its shape.

use super::Cx;
use crate::config::Target;
use crate::model::plan::Plan;
use crate::model::{Dialect, Result};
use crate::plan::known::Known;
use crate::plan::{detect, findings, shape};
use crate::sql;
use crate::store::plans::{Kept, NewPlan};

/// Keeps a plan that was asked for, unless the target keeps no history.
pub fn remember(cx: &Cx, target: &Target, dialect: Dialect, text: &str, plan: &Plan) -> Result<()> {
    if !target.history {
        return Ok(());
    }
    cx.store.remember_plan(&NewPlan {
        at: cx.clock.stamp(),
        target: &target.name,
        fingerprint: sql::fingerprint(dialect, text),
        shape: shape::hash(plan),
        text: sql::redact(dialect, text),
        plan,
    })
}

/// Plans of a statement, newest first.
pub fn of_statement(cx: &Cx, target: &str, dialect: Dialect, text: &str) -> Result<Vec<Kept>> {
    cx.store.plans_of(target, &sql::fingerprint(dialect, text))
}

/// A plan from a text that somebody saved or pasted, with what it shows, and a sentence about what was read.
pub fn read(text: &str) -> Result<(Plan, String)> {
    let found = detect::read(text, None)?;
    let mut plan = found.plan;
    plan.root.number();
    findings::fill(&mut plan, &Known::default());
    let more = if found.count > 1 { format!(" The text holds {} plans; this is the first one.", found.count) } else { String::new() };
    Ok((plan, format!("Read as {}.{more}", found.form)))
}
