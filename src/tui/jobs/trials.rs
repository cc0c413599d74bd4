//! What is tried with a statement: measured by `ops`, told to the plan pane.

use super::Shared;
use crate::app::Msg;
use crate::app::effect::JobId;
use crate::app::panes::plan::performance::Ran;
use crate::app::panes::plan::trial::{Trial, Tried};
use crate::app::panes::plan::write::{Done, Seen};
use crate::model::Result;
use crate::ops::measure::Effort;
use crate::ops::{self, Connection, Cx, gate, param_sets, plan_test};
use std::sync::Arc;

pub async fn run(shared: Arc<Shared>, link: u64, job: JobId, trial: Trial) {
    let Some(live) = shared.live(link) else { return };
    let cx = shared.job_cx(job);
    let result = tried(&cx, &live.connection, trial).await;
    shared.unregister(job);
    shared.send(Msg::Tried { link, job, result });
}

async fn tried(cx: &Cx, conn: &Connection, trial: Trial) -> Result<Tried> {
    match trial {
        Trial::WhatIf { text, settings, measure } => {
            let settings = ops::what_if::settings(conn, &settings)?;
            // The form says that a hidden index is measured on a copy.
            let on_copy = measure && settings.iter().any(|(n, _)| n == crate::plan::switches::HIDDEN);
            Ok(Tried::WhatIf(Box::new(ops::what_if::what_if(cx, conn, &text, settings, measure.then(Effort::default), on_copy).await?)))
        }
        Trial::Sets { sql, sets, measure } => {
            let sets = match sets {
                Some(s) => s,
                None => param_sets::propose(conn, &sql).await?,
            };
            Ok(Tried::Sets(param_sets::side_by_side(cx, conn, &sql, &sets, measure.then(Effort::default)).await?))
        }
        Trial::Tests { sql, wanted } => Ok(Tried::Tests { known: plan_test::known(cx, conn, sql.as_deref()).await?, wanted }),
        Trial::Run { path, anyway } => {
            let result = plan_test::run(cx, conn, &path, anyway).await;
            // A store that cannot be written keeps no test from being told.
            let unkept = match &result {
                Ok(report) => plan_test::record(cx, conn, report).await.err().map(|e| e.message),
                Err(_) => None,
            };
            Ok(Tried::Ran(Box::new(Ran { path, anyway, result, unkept })))
        }
        Trial::LookAtWrite { asked, text } => {
            let prospect = gate::look_at_trial(conn, cx, &text).await?;
            let copy = match prospect.copy.as_slice() {
                [] => Some(ops::copies::foreseen(cx, conn, 1).await?),
                _ => None,
            };
            let heavy = if prospect.here.is_empty() {
                let mut plan = ops::explain::explain(cx, conn, None, &text, false).await?;
                ops::plan_facts::look_again(conn, &mut plan, &text).await?;
                ops::explain::heavy(conn.target(), &plan)
            } else {
                None
            };
            Ok(Tried::Seen(Box::new(Seen { asked, prospect, copy, heavy })))
        }
        Trial::LookAtCopies { asked } => Ok(Tried::Copies { asked, words: ops::advice::foreseen(cx, conn).await? }),
        Trial::Write { asked, text, digest, place } => {
            let right = gate::clear_trial(cx, conn, &text, place, &digest).await?.map_err(crate::model::Error::from)?;
            let tried = ops::write_trial::run(cx, conn, right).await?;
            Ok(Tried::Wrote(Box::new(Done { asked, tried })))
        }
        Trial::Test { path, new, optimize } => {
            let test = plan_test::create(cx, conn, &path, &new, false).await?;
            let sets = test.baseline.map(|b| b.sets).unwrap_or_default();
            let medians = sets.into_iter().map(|(set, m)| (set, crate::plan::measure::median(&m.times).unwrap_or_default())).collect();
            // By one name wherever it is spoken of.
            let path = path.canonicalize().unwrap_or(path);
            Ok(Tried::Test { path, medians, optimize })
        }
    }
}
