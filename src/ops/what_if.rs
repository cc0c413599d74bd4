//! What would the plan be, and what would it take, under another planner setting? The setting holds for that plan alone, in the
//! read-only transaction that is rolled back. Estimated first; measured by turns with the plan as it is when asked for.

mod hidden;

use super::explain::explain;
use super::measure::{Arm, Effort, by_turns};
use super::{Connection, Cx};
use crate::model::plan::Plan;
use crate::model::{Error, Result};
use crate::plan::compare::{Change, Comparison, compare};
use crate::plan::measure::Judgement;
use crate::plan::share::{Constants, redact};
use crate::plan::{shape, switches};

/// Both plans, and what is between them.
#[derive(Debug, Clone)]
pub struct WhatIf {
    pub settings: Vec<(String, String)>,
    /// As it is.
    pub without: Plan,
    pub with: Plan,
    pub comparison: Comparison,
    /// Where both were run.
    pub judgement: Option<Judgement>,
    /// How the copy that it was tried on differs from the target, where it does: told before the plans.
    pub differs: Option<String>,
    /// What else is to be said: sentences.
    pub notes: Vec<String>,
}

/// Reads `name=value` words, of which one may hold several with commas, by the closed list of the dialect.
pub fn settings(conn: &Connection, words: &[String]) -> Result<Vec<(String, String)>> {
    words
        .iter()
        .flat_map(|w| switches::parts(w))
        .map(|w| switches::read(conn.dialect(), w).map_err(|e| Error::usage(crate::text::clean(&e).into_owned())))
        .collect()
}

/// The plan of a statement, whose values stand in it, with and without the settings. `on_copy` is for a hidden index alone.
pub async fn what_if(
    cx: &Cx,
    conn: &Connection,
    text: &str,
    settings: Vec<(String, String)>,
    measure: Option<Effort>,
    on_copy: bool,
) -> Result<WhatIf> {
    if let Some(index) = settings.iter().find(|(n, _)| n == switches::HIDDEN).map(|(_, v)| v.clone()) {
        if settings.len() > 1 {
            return Err(Error::usage(format!("{} stands alone: it is tried without other settings", switches::HIDDEN)));
        }
        let h = match (on_copy, measure) {
            (true, effort) => hidden::on_copy(cx, conn, text, &index, effort).await?,
            (false, None) => hidden::estimated(cx, conn, text, &index).await?,
            (false, Some(_)) => {
                return Err(Error::usage("an index is hidden for a run only on a scratch copy")
                    .hint("`--on-scratch` makes one for it and removes it; without `--analyze` it is estimated."));
            }
        };
        let comparison = compare(&h.as_it_is, &h.without);
        return Ok(WhatIf {
            settings,
            without: h.as_it_is,
            with: h.without,
            comparison,
            judgement: h.judgement,
            differs: h.differs,
            notes: h.notes,
        });
    }
    if on_copy {
        return Err(Error::usage(format!("settings are tried on the target itself; only {} takes a copy", switches::HIDDEN)));
    }
    let as_it_is = Arm::new(conn, None, "as it is", text, Vec::new()).await?;
    let with = |settings: Vec<(String, String)>| Arm::new(conn, Some(as_it_is.session().clone()), "with the settings", text, settings);
    let mut tried = with(settings.clone()).await?;
    let mut notes = Vec::new();
    // The made-up cost of what is switched off is above the limit from which PostgreSQL compiles, whatever the statement takes.
    let off = |(n, v): &(String, String)| n.starts_with("enable_") && matches!(v.as_str(), "off" | "false" | "no" | "0");
    if settings.iter().any(off)
        && !settings.iter().any(|(n, _)| n.starts_with("jit"))
        && as_it_is.estimate().await?.jit.is_none()
        && tried.estimate().await?.jit.is_some()
    {
        tried = with(settings.iter().cloned().chain([("jit".to_string(), "off".to_string())]).collect()).await?;
        notes.push("jit is held off with it: the cost that stands for what is switched off would start compiling, which has nothing to do with it.".into());
    }
    let (without, with, judgement) = if let Some(effort) = measure {
        // With a part of the planner switched off the cost is a made-up one: the limit is for the plan as it is.
        as_it_is.admitted(effort).await?;
        let duel = by_turns(cx, &as_it_is, &tried, Effort { anyway: true, ..effort }).await?;
        (duel.before.plan, duel.after.plan, Some(duel.judgement))
    } else {
        // On the ordinary path, so that its findings are there too.
        let without = explain(cx, conn, Some(as_it_is.session()), text, false).await?;
        (without, tried.estimate().await?, None)
    };
    let comparison = compare(&without, &with);
    Ok(WhatIf { settings, without, with, comparison, judgement, differs: None, notes })
}

impl WhatIf {
    /// Without the constants of the statement.
    #[must_use]
    pub fn redacted(&self, statement: &str) -> WhatIf {
        let both = [&self.without, &self.with].map(|p| Constants::of(p, Some(statement)));
        let bare = |text: &String| both.iter().fold(text.clone(), |t, c| c.prose(&t));
        let mut out = self.clone();
        for p in [&mut out.without, &mut out.with] {
            *p = redact(p, Some(statement));
        }
        for t in out.comparison.causes.iter_mut().chain(&mut out.notes).chain(&mut out.differs) {
            *t = bare(t);
        }
        out
    }

    pub fn same_plan(&self) -> bool {
        shape::hash(&self.without) == shape::hash(&self.with)
    }

    /// `enable_seqscan=off, work_mem=64MB`.
    pub fn words(&self) -> String {
        self.settings.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(", ")
    }

    /// What it comes to, in sentences.
    pub fn lines(&self) -> Vec<String> {
        let mut out = Vec::new();
        let words = self.words();
        if self.same_plan() {
            out.push(format!("With {words} the plan is the same."));
        } else {
            let c = &self.comparison;
            let counts: Vec<String> =
                [(Change::Replaced, "replaced"), (Change::Moved, "moved"), (Change::Added, "added"), (Change::Removed, "removed")]
                    .into_iter()
                    .map(|(change, word)| (c.count(change), word))
                    .filter(|(n, _)| *n > 0)
                    .map(|(n, word)| format!("{n} {word}"))
                    .collect();
            out.push(format!("With {words} the plan is another one: {}.", counts.join(", ")));
        }
        if let (Some(a), Some(b)) = (self.without.root.est_total_cost, self.with.root.est_total_cost) {
            // Nearly equal are those that differ by no more than what is printed.
            out.push(match (b - a).abs() < 0.01 {
                true => format!("Cost {a:.2} without and with: the planner's own guess."),
                false => format!("Cost {a:.2} without, {b:.2} with: the planner's own guess, and it held the first for the cheapest."),
            });
            // PostgreSQL up to 17 adds so much for what is switched off; 18 counts it apart.
            if b >= 1e10 {
                out.push("What is switched off is used all the same: the planner has no other way there.".into());
            }
        }
        match &self.judgement {
            Some(j) => out.push(format!("Measured by turns: {}; {}.", j.verdict.words(), j.because)),
            None => out.push("Estimated, not run: measure both before believing it.".into()),
        }
        out.extend(self.notes.iter().cloned());
        out
    }
}
