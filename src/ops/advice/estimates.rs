//! Asks the planner about each candidate, with its indexes imagined.

use super::{AS_GOOD, Advice, Estimate, Level, Report, creates, sentence};
use crate::engine::{Hypothetical, Session};
use crate::model::{Error, Kind, Result};
use crate::ops::{Connection, Cx};
use crate::plan::candidates::{self, Dropped, Reason, Why};
use crate::text;

/// An estimate has to fall by this share before it is worth a word: costs are rough.
const FALLS: f64 = 0.2;

/// … and by so many units of the server's cost: below, the statement is quick already.
const UNITS: f64 = 5.0;

/// How much smaller a partial index must be to be told first: it serves one value only.
const ONE_VALUE: f64 = 4.0;

/// Asks the planner about each candidate.
pub(super) async fn estimate(cx: &Cx, conn: &Connection, engine: &dyn Hypothetical, session: &Session, report: &mut Report) -> Result<()> {
    let whole = report.advice.len() as u64;
    if whole == 0 {
        return Ok(());
    }
    let base = session.explain(report.statement.as_str(), false).await?;
    let mut kept: Vec<Advice> = Vec::new();
    let mut alone: Vec<Advice> = Vec::new();
    for (n, mut a) in std::mem::take(&mut report.advice).into_iter().enumerate() {
        cx.check_cancelled()?;
        cx.progress.update("imagining indexes", n as u64, Some(whole));
        let creates = creates(conn, &a.candidate);
        let creates: Vec<&str> = creates.iter().map(String::as_str).collect();
        let imagined = tokio::select! {
            i = engine.imagine(session, &report.statement, &creates) => i,
            () = cx.cancel.cancelled() => Err(Error::cancelled()),
        };
        let imagined = match imagined {
            Ok(i) => i,
            Err(e) if e.kind == Kind::Cancelled || e.kind == Kind::Connect => return Err(e),
            // SQLSTATE class 42: the definition itself is refused (an expression that may change, a type without a class).
            Err(e) if e.kind == Kind::Statement && e.code.as_deref().is_none_or(|c| c.starts_with("42")) => {
                let says = format!("{} refuses it: {}", conn.engine().product(), text::clean(&e.message));
                report.dropped.push(Dropped { what: a.spec, reason: Reason::new(Why::Refused, &a.candidate.relation, says) });
                continue;
            }
            Err(e) => {
                let note = if e.kind == Kind::Statement {
                    format!("{} could not be imagined: {}", a.spec, text::clean(&e.message))
                } else {
                    sentence(&e)
                };
                if !report.notes.contains(&note) {
                    report.notes.push(note);
                }
                kept.push(a);
                continue;
            }
        };
        let (before, after) = (base.root.est_total_cost, imagined.plan.root.est_total_cost);
        let table = a.candidate.relation.clone();
        let why = match (imagined.takes(creates.len()), before, after) {
            (false, _, _) => Some(format!(
                "the planner does not take an index on {} even when {} there",
                a.spec,
                if creates.len() > 1 { "they are" } else { "it is" }
            )),
            (true, Some(b), Some(f)) if b - f < UNITS => Some(format!(
                "with an index on {} the expected cost goes from {b:.0} to {f:.0}: the statement is expected to be as quick without it",
                a.spec
            )),
            (true, Some(b), Some(f)) if f > (1.0 - FALLS) * b => Some(format!(
                "with an index on {} the expected cost goes from {b:.0} to {f:.0} only, less than {:.0} %",
                a.spec,
                FALLS * 100.0
            )),
            _ => None,
        };
        // Of an expression there are no statistics before an index on it is built: the planner guesses, so its No is none.
        if why.is_some() && a.candidate.keys.iter().any(|k| k.column.is_none()) {
            a.unless = "The planner expects little of it, but guesses: of an expression it has statistics only once the index is built. \
                        Measuring tells (`--measure`)."
                .into();
            kept.push(a);
            continue;
        }
        if let Some(why) = why {
            let mut reason = Reason::new(Why::Tried, &table, why);
            if !a.candidate.with.is_empty() {
                reason = reason.next(candidates::UNION);
            }
            report.dropped.push(Dropped { what: a.spec.clone(), reason });
            alone.push(a);
            continue;
        }
        a.level = Level::Estimated;
        a.estimate = Some(Estimate { before, after, bytes: imagined.size(creates.len()) });
        a.plan = Some(imagined.plan);
        a.unless = match after {
            Some(_) => "Costs are no times: measuring on a scratch copy may show no gain, and other values may have another plan.".into(),
            None => "The planner takes it, and expects no costs: only measuring on a copy shows a gain.".into(),
        };
        kept.push(a);
    }
    let best = kept.iter().filter_map(|a| a.estimate.as_ref()?.after).fold(f64::INFINITY, f64::min);
    let order = |a: &Advice| {
        let cost = a.estimate.as_ref().and_then(|e| e.after);
        let size =
            a.estimate.as_ref().and_then(|e| e.bytes).unwrap_or(0) as f64 * if a.candidate.only_where.is_some() { ONE_VALUE } else { 1.0 };
        // The planner takes it that rows which pass are spread evenly over the order.
        let luck = a.candidate.luck;
        match cost {
            Some(c) if c <= best * (1.0 + AS_GOOD) + 1.0 => (luck, 0, size),
            Some(c) => (luck, 1, c),
            None => (luck, 2, 0.0),
        }
    };
    kept.sort_by(|a, b| order(a).partial_cmp(&order(b)).unwrap_or(std::cmp::Ordering::Equal));
    // One that helps by itself may help more beside the best one.
    alone.extend(kept.iter().skip(1).filter(|a| a.level == Level::Estimated).cloned());
    if let Some(a) = beside(cx, conn, engine, session, &report.statement, kept.first(), alone).await? {
        report.dropped.retain(|d| d.what != a.spec);
        kept.retain(|k| k.candidate != a.candidate);
        kept.insert(1, a);
    }
    report.advice = kept;
    Ok(())
}

/// Of the other indexes the one that helps most once the best one is there: a join often wants two.
async fn beside(
    cx: &Cx,
    conn: &Connection,
    engine: &dyn Hypothetical,
    session: &Session,
    statement: &str,
    first: Option<&Advice>,
    alone: Vec<Advice>,
) -> Result<Option<Advice>> {
    let Some((first, before)) = first.and_then(|f| Some((f, f.estimate.as_ref()?.after))) else { return Ok(None) };
    let mut best: Option<(f64, Advice)> = None;
    for mut a in alone.into_iter().filter(|a| a.candidate.table != first.candidate.table) {
        cx.check_cancelled()?;
        let both = [creates(conn, &first.candidate), creates(conn, &a.candidate)].concat();
        let (both, own) = (both.iter().map(String::as_str).collect::<Vec<_>>(), a.candidate.all().count());
        let imagined = match engine.imagine(session, statement, &both).await {
            Err(e) if matches!(e.kind, Kind::Cancelled | Kind::Connect) => return Err(e),
            Err(_) => continue,
            Ok(i) => i,
        };
        let after = imagined.plan.root.est_total_cost;
        let little = match (before, after) {
            (Some(b), Some(f)) => b - f < UNITS || f > (1.0 - FALLS) * b,
            // Without costs: the plan takes both, where it did not take this one alone.
            _ => !imagined.takes(both.len()) || a.level == Level::Estimated,
        };
        let cost = after.unwrap_or(0.0);
        if !imagined.takes(own) || little || best.as_ref().is_some_and(|(b, _)| *b <= cost) {
            continue;
        }
        a.level = Level::Estimated;
        a.estimate = Some(Estimate { before, after, bytes: imagined.size(own) });
        a.plan = Some(imagined.plan);
        a.unless = "Costs are no times: measuring on a scratch copy may show no gain, and other values may have another plan.".into();
        a.beside = Some(Box::new(first.candidate.clone()));
        best = Some((cost, a));
    }
    Ok(best.map(|(_, a)| a))
}
