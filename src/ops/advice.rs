//! Index advice that was tried before it is given: candidates from the plan, estimated where the engine can imagine an index, measured
//! on a scratch copy where it is really built, and verified in place once it is there. Each piece says how far it came; "no index
//! helps, because …" is an answer. Nothing here changes the target: it is only read.

use super::{Connection, Cx, explain, plan_facts, plans};
use crate::engine::{Access, Connect, Role, Session};
use crate::model::plan::Plan;
use crate::model::{Error, Kind, Result};
use crate::plan::candidates::{self, Answers, Candidate, Dropped, Question, Reason, Shape, Why};
use crate::plan::known::Known;
use crate::plan::measure::Verdict;
use crate::text;
use serde::Serialize;
use std::collections::BTreeSet;
use trial::Attempt;

mod estimates;
mod others;
mod queue;
mod reading;
mod redact;
mod trial;
mod verified;
mod words;
mod writes;

pub use others::{Other, Others};
pub use queue::{Queued, Scripts, queue, scripts};
pub use trial::Measured;
pub(in crate::ops) use trial::{arms, finish, stays_inside};
pub use verified::Verified;
pub use writes::Writes;

/// Estimates within this share of the best one are the same to the planner: then the smaller index is the better one.
const AS_GOOD: f64 = 0.1;
/// Pieces of advice that are told.
const TOLD: usize = 5;
/// Candidates that are built and measured.
const BUILT: usize = 3;
/// Questions about the spread of values that are asked of the server.
const ASKED: usize = 16;

/// How far a piece of advice was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It was not: the plan's conditions ask for it, and that is all.
    Untried,
    /// The planner was asked, with the index imagined.
    Estimated,
    /// It was built on a scratch copy and the statement was run with it and without it.
    Measured,
}

impl Level {
    pub fn word(self) -> &'static str {
        match self {
            Level::Untried => "untried",
            Level::Estimated => "estimated",
            Level::Measured => "measured",
        }
    }
}

/// What the planner said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// In the server's own units; `None` where the engine expects no costs.
    pub before: Option<f64>,
    pub after: Option<f64>,
    /// Estimated size.
    pub bytes: Option<u64>,
    /// The index that was imagined in its place, where this one cannot be: over all rows, so that the real one costs no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// An index that helps, as far as it was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    pub level: Level,
    pub candidate: Candidate,
    /// `public.orders (customer_id, created_at)`
    pub spec: String,
    /// The statement that makes it.
    pub create: String,
    /// The index that has to be there too: this one helps beside it, not by itself.
    pub beside: Option<Box<Candidate>>,
    pub estimate: Option<Estimate>,
    pub measured: Option<Measured>,
    /// The plan with it, where one is known.
    pub plan: Option<Plan>,
    /// Bytes that a row's write adds for it, as a share of the row itself; `None` where widths are not known, or it is kept in another way.
    pub write_cost: Option<f64>,
    /// What it does to other statements, where they were planned with it.
    pub others: Option<Others>,
    /// What would show that the advice is wrong.
    pub unless: String,
}

/// Advice upon one statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub statement: String,
    /// The plan that it is about.
    pub plan: Plan,
    /// The best first.
    pub advice: Vec<Advice>,
    /// What was not worth trying or did not help, with its reason.
    pub dropped: Vec<Dropped>,
    /// Why no index helps; or what else stands in the way.
    pub reasons: Vec<Reason>,
    pub verified: Vec<Verified>,
    /// How the copy that it was measured on differs from the target, where it does: told before the numbers.
    pub differs: Option<String>,
    /// Why something was not tried: sentences.
    pub notes: Vec<String>,
}

/// How much is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Build on a scratch copy and measure.
    pub measure: bool,
    /// Run the statement on the target once, for real numbers of rows.
    pub analyze: bool,
    /// … also when it is expected to be costly, or the server is busy.
    pub anyway: bool,
}

/// What measuring would make and remove, and how large that is: a sentence, before anything is done.
pub async fn foreseen(cx: &Cx, conn: &Connection) -> Result<String> {
    let how = super::copies::foreseen(cx, conn, trial::count(conn).await?).await?;
    Ok(format!("{how} Up to {BUILT} indexes are built there, one after the other, each run with and without."))
}

/// Advice upon exactly one statement: of one that writes, upon how it finds its rows.
pub async fn advise(cx: &Cx, conn: &Connection, text: &str, wanted: Wanted) -> Result<Report> {
    advise_telling(cx, conn, text, wanted, &|_| {}).await
}

/// Like [`advise`]; before copies are made, `tell` is told what will be made and removed. Without a candidate nothing is made.
pub async fn advise_telling(cx: &Cx, conn: &Connection, text: &str, wanted: Wanted, tell: &(dyn Fn(&str) + Send + Sync)) -> Result<Report> {
    if wanted.measure {
        super::copies::possible(conn)?;
    }
    let (text, written) = reading::reading(conn, text)?;
    let statement = explain::proven(conn, &text, wanted.measure || wanted.analyze).await?.to_string();
    cx.progress.update("asking for the plan", 0, None);
    let mut plan = explain::explain(cx, conn, None, &statement, false).await?;
    if wanted.analyze {
        if let Some(why) = explain::heavy(conn.target(), &plan).filter(|_| !wanted.anyway) {
            return Err(Error::new(Kind::Held, format!("the statement is not run for advice: {why}"))
                .hint("Without `--analyze` the advice is upon its plan; `--anyway` runs it all the same."));
        }
        plan = explain::explain(cx, conn, None, &statement, true).await?;
    }
    // What is imagined belongs to one connection: not to the one that others use too.
    let session = conn.engine().connect(Connect::new(Role::Background, Access::ReadOnly)).await?;
    let catalog = conn.catalog()?;
    let mut known = catalog.spread(&session, plan_facts::gather(conn, &session, &plan, &statement).await?).await?;
    known.functions = catalog.schemas_of(&session, &candidates::functions(&plan).into_iter().collect::<Vec<_>>()).await?;
    plan.indexes = known.index_names();
    let answers = ask(cx, conn, &session, &plan, &known).await?;
    let found = candidates::find(&plan, &known, &answers);
    let (verified, was_there) = verified::verified(cx, conn, &plan, &statement)?;
    let mut report = Report {
        verified,
        statement,
        plan,
        advice: Vec::new(),
        dropped: found.dropped,
        reasons: found.reasons,
        differs: None,
        notes: was_there.into_iter().collect(),
    };
    let proposed = found.proposed.len();
    let tables: BTreeSet<String> = found.proposed.iter().map(|c| c.table.clone()).collect();
    report.advice = found.proposed.into_iter().map(|c| untried(conn, &known, &answers, c)).collect();
    match conn.engine().hypothetical().get() {
        Ok(engine) => {
            estimates::estimate(cx, conn, engine, &session, &known, wanted.measure, &mut report).await?;
            for a in report.advice.iter_mut().filter(|a| a.level == Level::Estimated).take(BUILT) {
                let reads = others::reads(cx, conn, &report.statement, &a.candidate.relation).await?;
                let creates = creates(conn, &a.candidate);
                let creates: Vec<&str> = creates.iter().map(String::as_str).collect();
                a.others = Some(others::imagined(cx, engine, &session, &reads, &a.candidate, &creates).await?);
            }
        }
        Err(e) if !report.advice.is_empty() => report.notes.push(sentence(&e)),
        Err(_) => {}
    }
    session.close().await;
    report.reasons.splice(0..0, written.references(conn, &report.statement, &known));
    report.notes.extend(written.notes());
    if wanted.measure && !report.advice.is_empty() {
        tell(&foreseen(cx, conn).await?);
        let attempt = |a: &Advice| Attempt { candidate: a.candidate.clone(), beside: a.beside.as_deref().cloned() };
        let keep: Vec<Attempt> = report.advice.iter().take(BUILT).map(attempt).collect();
        // Where the planner expects costs, it said already which of them help together.
        let pairs = !report.advice.iter().any(|a| a.estimate.as_ref().is_some_and(|e| e.after.is_some()));
        let tried = trial::measure(cx, conn, &report.statement, &known, &keep, pairs, &mut report.notes).await?;
        report.differs = tried.differs;
        take_measured(conn, &mut report, tried.fates);
    }
    report.advice.truncate(TOLD);
    if tables.len() > 2 && !report.advice.is_empty() {
        report.notes.push(format!("{} tables may want an index: more than two at once were not tried.", tables.len()));
    }
    let tried = |r: &Reason| matches!(r.why, Why::Measured | Why::Tried | Why::LittleExpected | Why::Refused);
    if report.advice.is_empty() && proposed > 0 && !report.reasons.iter().any(tried) {
        let mut own: Vec<&Reason> = report.dropped.iter().map(|d| &d.reason).filter(|r| tried(r)).collect();
        own.sort_by_key(|r| match r.why {
            Why::Measured => 0,
            Why::LittleExpected => 1,
            _ => 2,
        });
        // What was tried answers before what is said of other tables.
        let mut first: Vec<Reason> = Vec::new();
        for r in own {
            if !report.reasons.contains(r) && !first.contains(r) {
                first.push(r.clone());
            }
        }
        report.reasons.splice(0..0, first);
    }
    // What it is compared with when the index is there.
    plans::remember(cx, conn.target(), conn.dialect(), &report.statement, &report.plan)?;
    Ok(report)
}

fn sentence(e: &Error) -> String {
    let hint = e.hints.first().map_or(String::new(), |h| format!(" {h}"));
    let full = if e.message.ends_with('.') { "" } else { "." };
    format!("{}{full}{hint}", text::clean(&e.message))
}

/// What the server can tell about the conditions, so that fewer candidates have to be tried. What it does not tell stays open.
async fn ask(cx: &Cx, conn: &Connection, session: &Session, plan: &Plan, known: &Known) -> Result<Answers> {
    let mut answers = Answers::default();
    let questions = candidates::questions(plan, known);
    let whole = questions.len().min(ASKED) as u64;
    for (n, q) in questions.into_iter().take(ASKED).enumerate() {
        cx.check_cancelled()?;
        cx.progress.update("asking how values are spread", n as u64, Some(whole));
        let catalog = conn.catalog()?;
        match q {
            Question::Kept { table, condition, rows } => {
                if let Ok(Some(share)) = catalog.kept(session, &table, &condition, rows).await {
                    answers.kept.insert((table, condition), share);
                }
            }
            Question::Distinct { table, key, rows } => {
                if let Ok(Some(n)) = catalog.distinct(session, &table, &key, rows).await {
                    answers.distinct.insert((table, key), n);
                }
            }
        }
    }
    Ok(answers)
}

/// The statement of each of its indexes.
fn creates(conn: &Connection, c: &Candidate) -> Vec<String> {
    c.all().map(|c| c.create(conn.dialect(), false)).collect()
}

fn untried(conn: &Connection, known: &Known, answers: &Answers, c: Candidate) -> Advice {
    Advice {
        level: Level::Untried,
        spec: c.spec(conn.dialect()),
        create: c.creates(conn.dialect(), false),
        beside: None,
        estimate: None,
        measured: None,
        plan: None,
        write_cost: writes::reckoned(&c, known, answers),
        others: None,
        unless: "It was not tried: whether the planner takes it, and whether that is quicker, is not known yet.".into(),
        candidate: c,
    }
}

/// What came of building and measuring: what did not help is no advice.
fn take_measured(conn: &Connection, report: &mut Report, fates: Vec<(Attempt, Result<Measured>)>) {
    let found = report.advice.clone();
    for (Attempt { candidate: c, beside }, fate) in fates {
        let this = |a: &Advice| a.candidate == c && a.beside.as_deref() == beside.as_ref();
        let Some(at) = report.advice.iter().position(this) else {
            if let Ok(m) = fate {
                pair(conn, report, &found, c, beside, m);
            }
            continue;
        };
        match fate {
            Ok(m) if m.judgement.pays() && m.used => {
                let a = &mut report.advice[at];
                a.level = Level::Measured;
                a.unless = measured_on(&m);
                a.plan = Some(m.plan.clone());
                a.others = m.others.clone().or(a.others.take());
                a.measured = Some(m);
            }
            Ok(m) => {
                let a = report.advice.remove(at);
                let why = match (m.used, m.judgement.verdict) {
                    (false, _) => format!("an index on {} was built on a copy, and the planner does not take it", a.spec),
                    (true, Verdict::Improved) => {
                        format!("an index on {} was built on a copy, and gains no time: {}", a.spec, m.judgement.because)
                    }
                    (true, _) => format!("an index on {} was built on a copy: {}", a.spec, m.judgement.because),
                };
                report.dropped.push(Dropped { what: a.spec, reason: Reason::new(Why::Measured, &a.candidate.relation, why) });
            }
            Err(e) => {
                let a = report.advice.remove(at);
                let why = format!("{} refuses to build it: {}", conn.engine().product(), text::clean(&e.message));
                report.dropped.push(Dropped { what: a.spec, reason: Reason::new(Why::Refused, &a.candidate.relation, why) });
            }
        }
    }
    let order = |a: &Advice| match &a.measured {
        // One that takes another beside it comes behind that one.
        Some(m) if a.beside.is_some() || a.candidate.caution.is_some() => (1, m.judgement.ratio),
        Some(m) => (0, m.judgement.ratio * if a.candidate.shapes.contains(&Shape::Partial) { 1.0 + AS_GOOD } else { 1.0 }),
        None => (2, 0.0),
    };
    report.advice.sort_by(|a, b| order(a).partial_cmp(&order(b)).unwrap_or(std::cmp::Ordering::Equal));
}

/// Two that were tried together after each was tried by itself.
fn pair(conn: &Connection, report: &mut Report, found: &[Advice], c: Candidate, beside: Option<Candidate>, m: Measured) {
    let alone = Candidate { with: Vec::new(), ..c.clone() };
    let Some(own) = found.iter().find(|a| a.candidate == alone).filter(|_| m.used && m.judgement.pays()) else { return };
    // What it is by itself needs no second line.
    let parts: Vec<String> = c.all().map(|p| Candidate { with: Vec::new(), ..p.clone() }.spec(conn.dialect())).collect();
    report.advice.retain(|a| a.candidate != alone);
    report.dropped.retain(|d| !parts.contains(&d.what));
    report.advice.push(Advice {
        level: Level::Measured,
        spec: c.spec(conn.dialect()),
        create: c.creates(conn.dialect(), false),
        beside: beside.map(Box::new),
        unless: measured_on(&m),
        plan: Some(m.plan.clone()),
        others: m.others.clone(),
        measured: Some(m),
        candidate: c,
        ..own.clone()
    });
}

fn measured_on(m: &Measured) -> String {
    format!("Measured with these values on a copy{}: other values may have another plan.", m.of)
}
