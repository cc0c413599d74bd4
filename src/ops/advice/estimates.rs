//! Asks the planner about each candidate, with its indexes imagined.

use super::{AS_GOOD, Advice, Estimate, Level, Report, creates, sentence};
use crate::engine::{Hypothetical, Session};
use crate::model::{Dialect, Error, Kind, Result};
use crate::ops::{Connection, Cx};
use crate::plan::candidates::{self, Candidate, Dropped, Key, Reason, Shape, Why};
use crate::plan::expression::{self, Predicate, Test};
use crate::plan::known::Known;
use crate::sql::reserved::ident;
use crate::text;

/// An estimate has to fall by this share before it is worth a word: costs are rough.
const FALLS: f64 = 0.2;

/// … and by so many units of the server's cost: below, the statement is quick already.
const UNITS: f64 = 5.0;

/// How much smaller a partial index must be to be told first: it serves one value only.
const ONE_VALUE: f64 = 4.0;

/// Rows to a value from which an index that keeps each value once is much smaller.
const ALIKE: f64 = 3.0;

/// Asks the planner about each candidate. Where they will be `measured`, one that it takes is not left out because it expects little of it.
pub(super) async fn estimate(
    cx: &Cx,
    conn: &Connection,
    engine: &dyn Hypothetical,
    session: &Session,
    known: &Known,
    measured: bool,
    report: &mut Report,
) -> Result<()> {
    let whole = report.advice.len() as u64;
    if whole == 0 {
        return Ok(());
    }
    let base = session.explain(report.statement.as_str(), false).await?;
    let mut tables = 0;
    base.root.walk(0, &mut |_, n| tables += usize::from(n.relation.is_some()));
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
                report.dropped.push(Dropped { reason: refused(conn.engine().product(), &a, &e), what: a.spec });
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
        // An index over a part of the rows is imagined only for the first table of a statement (HypoPG): for others, as one over all.
        let size = imagined.size(creates.len());
        let mut by = None;
        let imagined = match over_all(&a.candidate, conn.dialect()).filter(|_| !imagined.takes(creates.len()) && tables > 1) {
            None => imagined,
            Some(whole) => match engine.imagine(session, &report.statement, &[whole.create(conn.dialect(), false).as_str()]).await {
                Ok(i) if i.takes(1) => {
                    by = Some(whole.spec(conn.dialect()));
                    i
                }
                Err(e) if matches!(e.kind, Kind::Cancelled | Kind::Connect) => return Err(e),
                _ => imagined,
            },
        };
        let taken = by.is_some() || imagined.takes(creates.len());
        let (before, after) = (base.root.est_total_cost, imagined.plan.root.est_total_cost);
        let table = a.candidate.relation.clone();
        let mut kind = Why::Tried;
        let why = match (taken, before, after) {
            (false, _, _) => Some(format!("the planner does not take an index on {}, imagined", a.spec)),
            (true, Some(b), Some(f)) if b - f < UNITS => Some(format!(
                "with an index on {} the expected cost goes from {b:.0} to {f:.0}: the statement is expected to be as quick without it",
                a.spec
            )),
            (true, Some(b), Some(f)) if f > (1.0 - FALLS) * b => {
                kind = Why::LittleExpected;
                Some(format!(
                    "with an index on {} the expected cost goes from {b:.0} to {f:.0} only, less than {:.0} %, and a cost is no time",
                    a.spec,
                    FALLS * 100.0
                ))
            }
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
        // What is imagined is larger than what would be built: a No by that is none either.
        if why.is_some() && before.is_some() && read_instead(known, &a.candidate) {
            a.unless =
                "The planner does not take it imagined, but it imagines an entry for each row, and equal values take far less in the \
                        real index. Measuring tells (`--measure`)."
                    .into();
            kept.push(a);
            continue;
        }
        // Costs are no times.
        if why.is_some() && taken && measured {
            a.unless = "The planner takes it and expects little of it.".into();
            kept.push(a);
            continue;
        }
        if let Some(why) = why {
            let mut reason = Reason::new(kind, &table, why);
            if !a.candidate.with.is_empty() {
                reason = reason.next(candidates::UNION);
            }
            report.dropped.push(Dropped { what: a.spec.clone(), reason });
            alone.push(a);
            continue;
        }
        a.level = Level::Estimated;
        a.estimate = Some(Estimate { before, after, bytes: size, by });
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
        let behind = a.candidate.behind;
        match cost {
            Some(c) if c <= best * (1.0 + AS_GOOD) + 1.0 => (behind, 0, size),
            Some(c) => (behind, 1, c),
            None => (behind, 2, 0.0),
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

/// The same index over all rows, with the column that its condition tests in front: it finds the same rows in the same order.
fn over_all(c: &Candidate, dialect: Dialect) -> Option<Candidate> {
    let condition = expression::parse(dialect, c.only_where.as_ref()?);
    let [test] = condition.predicates().try_into().ok().filter(|[p]: &[Predicate; 1]| matches!(p.test, Test::Equal | Test::Null))?;
    let column = test.column()?.name.clone();
    let first = Key { sql: ident(dialect, &column), column: Some(column), class: String::new(), down: false };
    let rest = c.keys.iter().filter(|k| k.column != first.column).cloned();
    Some(Candidate {
        name: format!("{}_whole", c.name),
        keys: std::iter::once(first.clone()).chain(rest).collect(),
        only_where: None,
        ..c.clone()
    })
}

/// Why the server refuses an index, and how the statement could do without it.
fn refused(product: &str, a: &Advice, e: &Error) -> Reason {
    let mut says = format!("{product} refuses it: {}", text::clean(&e.message));
    // 42P17, and words that are for who writes the index.
    if e.message.contains("IMMUTABLE") {
        let computed: Vec<&str> = a.candidate.keys.iter().filter(|k| k.column.is_none()).map(|k| k.sql.as_str()).collect();
        says = format!(
            "{product} holds no expression in an index that may change by itself (with the time zone, say): {}",
            computed.join(", ")
        );
    }
    let reason = Reason::new(Why::Refused, &a.candidate.relation, says);
    match &a.candidate.instead {
        Some(test) => reason.next(format!("Write it as {test}, which a plain index serves.")),
        None => reason,
    }
}

/// Whether the index is one to be read in place of its table, with values so often alike that PostgreSQL (13 and later) keeps them but once,
/// which nothing that is imagined knows of.
fn read_instead(known: &Known, c: &Candidate) -> bool {
    let Some(t) = known.tables.iter().find(|t| t.name == c.relation && t.schema == c.schema) else { return false };
    let distinct = |k: &Key| k.column.as_ref().and_then(|c| t.spread.get(c)?.distinct);
    let groups: Option<f64> = c.keys.iter().map(distinct).product();
    c.shapes.contains(&Shape::Covering)
        && c.with.is_empty()
        && c.include.is_empty()
        && c.method.is_none()
        && groups.zip(t.rows).is_some_and(|(g, rows)| g * ALIKE <= rows)
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
        a.estimate = Some(Estimate { before, after, bytes: imagined.size(own), by: None });
        a.plan = Some(imagined.plan);
        a.unless = "Costs are no times: measuring on a scratch copy may show no gain, and other values may have another plan.".into();
        a.beside = Some(Box::new(first.candidate.clone()));
        best = Some((cost, a));
    }
    Ok(best.map(|(_, a)| a))
}
