//! Advice that was applied: an index that is there and is used, unlike in an earlier plan of the same statement.

use crate::model::Result;
use crate::model::plan::Plan;
use crate::ops::{Connection, Cx, plans};
use crate::text;
use serde::Serialize;
use std::collections::BTreeSet;

/// An index that was there the last time and is used now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verified {
    /// Names of the indexes that the plan uses and an earlier one did not.
    pub indexes: Vec<String>,
    /// When the earlier plan was made.
    pub since: String,
    /// A sentence with the numbers.
    pub text: String,
    pub better: bool,
}

fn indexes_of(plan: &Plan) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    plan.root.walk(0, &mut |_, n| out.extend(n.index.clone()));
    out
}

/// Indexes that the statement uses now and that were not there when its plan was kept: what an applied piece of advice looks like. Of others
/// a sentence: that they are used now has another cause.
pub(super) fn verified(cx: &Cx, conn: &Connection, now: &Plan, statement: &str) -> Result<(Vec<Verified>, Option<String>)> {
    let used = indexes_of(now);
    if used.is_empty() {
        return Ok((Vec::new(), None));
    }
    for kept in plans::of_statement(cx, &conn.target().name, conn.dialect(), statement)? {
        let (old, _, at) = cx.store.plan(kept.id)?;
        let new: Vec<String> = used.difference(&indexes_of(&old)).cloned().collect();
        if new.is_empty() {
            continue;
        }
        let since = at.get(..16).unwrap_or(&at).replace('T', " ");
        let names = new.join(", ");
        let Some(there) = &old.indexes else {
            let text = format!("{names} is used now and was not in the plan of {since}; whether it was there then is not known.");
            return Ok((Vec::new(), Some(text)));
        };
        // Several in one name: an index merge.
        let (old_ones, new): (Vec<String>, Vec<String>) =
            new.into_iter().partition(|n| n.split(", ").all(|one| there.iter().any(|t| t == one)));
        if new.is_empty() {
            let text = format!(
                "{} is used now and was not in the plan of {since}, though it was there: {}.",
                old_ones.join(", "),
                changed(&old, now)
            );
            return Ok((Vec::new(), Some(text)));
        }
        let names = new.join(", ");
        let ms = |p: &Plan| p.execution_ms.or(p.root.total_ms).filter(|_| p.analyzed);
        let (better, numbers) = match (ms(&old), ms(now), old.root.est_total_cost, now.root.est_total_cost) {
            (Some(b), Some(a), ..) => (a < b, format!("{b:.3} ms then, {a:.3} ms now, one run each")),
            (_, _, Some(b), Some(a)) => (a < b, format!("an expected cost of {b:.0} then and of {a:.0} now")),
            _ => (true, "the plan reads it where it read otherwise then".to_string()),
        };
        let text = format!("{names} is there and is used, unlike in the plan of {since}: {numbers}");
        return Ok((vec![Verified { indexes: new, since, text, better }], None));
    }
    Ok((Vec::new(), None))
}

/// What else is different between two plans of a statement: settings, as far as the plans tell them.
fn changed(old: &Plan, now: &Plan) -> String {
    let names: BTreeSet<&String> = old.settings.keys().chain(now.settings.keys()).collect();
    let value = |p: &Plan, name: &String| p.settings.get(name).map_or("the default".to_string(), |v| text::clean(v).into_owned());
    let differ: Vec<String> = names
        .into_iter()
        .filter(|n| old.settings.get(*n) != now.settings.get(*n))
        .map(|n| format!("{n} was {} and is {}", value(old, n), value(now, n)))
        .collect();
    match differ.is_empty() {
        true => "the data, their statistics or the server's settings changed".into(),
        false => differ.join(", "),
    }
}
