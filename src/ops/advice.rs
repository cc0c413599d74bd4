//! Index advice that was tried before it is given: candidates from the plan, estimated where the engine can imagine an index, measured
//! on a scratch copy where it is really built, and verified in place once it is there. Each piece says how far it came; "no index
//! helps, because …" is an answer. Nothing here changes the target: it is only read.

use super::{Connection, Cx, explain, plan_facts, plans};
use crate::engine::{Access, Connect, Hypothetical, Role, Session};
use crate::model::plan::Plan;
use crate::model::{Dialect, Error, Kind, Result};
use crate::plan::candidates::{self, Answers, Candidate, Dropped, Question, Reason, Shape, Why};
use crate::plan::known::Known;
use crate::plan::measure::Verdict;
use crate::sql::reserved::ident;
use crate::sql::{self, Class};
use crate::text;
use serde::Serialize;
use std::collections::BTreeSet;
use trial::Attempt;

mod others;
mod queue;
mod redact;
mod trial;
mod words;
mod writes;

pub use others::{Other, Others};
pub use queue::{Queued, Scripts, queue, scripts};
pub use trial::Measured;
pub(in crate::ops) use trial::{arms, finish, stays_inside};
pub use writes::Writes;

/// An estimate has to fall by this share before it is worth a word: costs are rough.
const FALLS: f64 = 0.2;
/// … and by so many units of the server's cost: below, the statement is quick already.
const UNITS: f64 = 5.0;
/// Estimates within this share of the best one are the same to the planner: then the smaller index is the better one.
const AS_GOOD: f64 = 0.1;
/// How much smaller a partial index must be to be told first: it serves one value only.
const ONE_VALUE: f64 = 4.0;
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
    /// Bytes that a row's write adds for it, as a share of the row itself; `None` where widths are not known.
    pub write_cost: Option<f64>,
    /// What it does to other statements, where they were planned with it.
    pub others: Option<Others>,
    /// What would show that the advice is wrong.
    pub unless: String,
}

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
    let (text, written) = reading(conn, text)?;
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
    let known = conn.catalog()?.spread(&session, plan_facts::gather(conn, &session, &plan, &statement).await?).await?;
    let answers = ask(cx, conn, &session, &plan, &known).await?;
    let found = candidates::find(&plan, &known, &answers);
    let mut report = Report {
        verified: verified(cx, conn, &plan, &statement)?,
        statement,
        plan,
        advice: Vec::new(),
        dropped: found.dropped,
        reasons: found.reasons,
        differs: None,
        notes: Vec::new(),
    };
    let proposed = found.proposed.len();
    let tables: BTreeSet<String> = found.proposed.iter().map(|c| c.table.clone()).collect();
    report.advice = found.proposed.into_iter().map(|c| untried(conn, &known, &answers, c)).collect();
    match conn.engine().hypothetical().get() {
        Ok(engine) => {
            estimate(cx, conn, engine, &session, &mut report).await?;
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
    let tried = |r: &Reason| matches!(r.why, Why::Measured | Why::Tried | Why::Refused);
    if report.advice.is_empty() && proposed > 0 && !report.reasons.iter().any(tried) {
        let mut own: Vec<&Reason> = report.dropped.iter().map(|d| &d.reason).filter(|r| tried(r)).collect();
        own.sort_by_key(|r| r.why != Why::Measured);
        for r in own {
            if !report.reasons.contains(r) {
                report.reasons.push(r.clone());
            }
        }
    }
    // What it is compared with when the index is there.
    plans::remember(cx, conn.target(), conn.dialect(), &report.statement, &report.plan)?;
    Ok(report)
}

/// Of a statement that writes: what it writes, for the notes.
struct Written {
    columns: Vec<String>,
    writes: bool,
}

impl Written {
    /// Foreign keys of other tables that point to rows which go, or whose key is changed, and that have no index.
    fn references(&self, conn: &Connection, statement: &str, known: &Known) -> Vec<Reason> {
        let d = conn.dialect();
        let first = crate::plan::statement::read(d, statement).and_then(|q| q.tables.into_iter().next());
        let Some(t) = first.filter(|_| self.writes).and_then(|t| known.table(&t.name)) else { return Vec::new() };
        let in_key = |c: &String| t.indexes.iter().any(|i| i.unique && i.keys.iter().any(|k| k.eq_ignore_ascii_case(c)));
        if !self.columns.is_empty() && !self.columns.iter().any(in_key) {
            return Vec::new();
        }
        let what = if self.columns.is_empty() { "is deleted" } else { "gets another key" };
        let open = t.foreign_keys.iter().filter(|k| k.to_table == t.name && !k.indexed);
        open.map(|k| {
            let columns = k.columns.join(", ");
            let says = format!(
                "the foreign key{} of {} ({columns}) has no index: for each row of {} that {what}, all of {} is read for rows that point to it",
                if k.name.is_empty() { String::new() } else { format!(" {}", k.name) },
                k.table,
                t.name,
                k.table
            );
            let quoted: Vec<String> = k.columns.iter().map(|c| ident(d, c)).collect();
            let schema = k.schema.as_ref().map_or(String::new(), |s| format!("{}.", ident(d, s)));
            let mut r = Reason::new(Why::ForeignKey, &k.table, says).next("Build an index on these columns, and measure the write itself.");
            let name = ident(d, &format!("{}_{}_idx", k.table, k.columns.join("_")));
            r.sql = Some(format!("CREATE INDEX {name} ON {schema}{} ({})", ident(d, &k.table), quoted.join(", ")));
            r
        })
        .collect()
    }

    fn notes(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.writes {
            out.push(
                "The statement writes: this is about how it finds its rows. What the write itself costs with one more index is told by \
                 measuring (`--measure`)."
                    .to_string(),
            );
        }
        if !self.columns.is_empty() {
            out.push(format!(
                "It gives new values to {}: an index that holds one of these is written with each row.",
                text::clean(&self.columns.join(", "))
            ));
        }
        out
    }
}

/// The reading part of a statement: itself, or for an UPDATE or DELETE, of one table or of several, a SELECT of the rows that it finds.
fn reading(conn: &Connection, text: &str) -> Result<(String, Written)> {
    use crate::sql::before::{Before, Touch, before_image, touch, unlocked};
    let d = conn.dialect();
    if sql::classify(d, text).class != Class::Dml {
        return Ok((explain::unlocked(d, explain::only(d, text)?).to_string(), Written { columns: Vec::new(), writes: false }));
    }
    let statement = explain::only(d, text)?.trim_end_matches(';').to_string();
    let columns = match touch(d, &statement) {
        Touch::Update(columns) => columns,
        _ => Vec::new(),
    };
    match before_image(d, &statement) {
        Before::Select(s) => Ok((with_values(d, unlocked(&s), &statement), Written { columns, writes: true })),
        Before::Nothing => Err(Error::read_only("an INSERT of given rows finds none: no index makes it quicker")
            .hint("For INSERT … SELECT ask with the SELECT.")),
        Before::Unknown(why) => {
            if let Some(joined) = sql::joined::reading(d, &statement).filter(|s| sql::classify(d, s).class == Class::Read) {
                return Ok((joined, Written { columns, writes: true }));
            }
            Err(Error::read_only(format!("the rows that the statement finds cannot be told apart from what it writes: {why}"))
                .hint("Ask with a SELECT that has the same conditions."))
        }
    }
}

/// The SELECT of the rows that an UPDATE finds, with the subqueries that its new values are from: those are looked up for each row.
fn with_values(d: Dialect, select: &str, update: &str) -> String {
    let found = set_subqueries(d, update);
    let from = select.to_ascii_uppercase().find(" FROM ");
    match from.filter(|_| !found.is_empty()) {
        Some(at) => {
            let text = format!("{}, {}{}", &select[..at], found.join(", "), &select[at..]);
            // Only where it is still a plain read.
            if sql::classify(d, &text).class == Class::Read { text } else { select.to_string() }
        }
        None => select.to_string(),
    }
}

/// `(SELECT …)` between SET and WHERE of an UPDATE, each with its parentheses.
fn set_subqueries(d: Dialect, update: &str) -> Vec<String> {
    use crate::sql::{TokenKind, lex};
    let tokens: Vec<_> = lex(d, update).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let word = |i: usize| tokens.get(i).map_or("", |t| &update[t.span.clone()]);
    if !word(0).eq_ignore_ascii_case("update") {
        return Vec::new();
    }
    let (mut out, mut open, mut set) = (Vec::new(), Vec::new(), false);
    for i in 0..tokens.len() {
        match word(i) {
            "(" => open.push(i),
            ")" => {
                if let Some(from) = open.pop()
                    && open.is_empty()
                    && set
                    && word(from + 1).eq_ignore_ascii_case("select")
                {
                    out.push(update[tokens[from].span.start..tokens[i].span.end].to_string());
                }
            }
            w if open.is_empty() && w.eq_ignore_ascii_case("set") => set = true,
            w if open.is_empty() && (w.eq_ignore_ascii_case("where") || w.eq_ignore_ascii_case("from")) => set = false,
            _ => {}
        }
    }
    out
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
        write_cost: write_cost(&c, known, answers),
        others: None,
        unless: "It was not tried: whether the planner takes it, and whether that is quicker, is not known yet.".into(),
        candidate: c,
    }
}

/// Bytes of an index entry to bytes of a row, times the share of rows that are in it (plans.md §7.5).
fn write_cost(c: &Candidate, known: &Known, answers: &Answers) -> Option<f64> {
    let t = known.tables.iter().find(|t| t.name == c.relation && t.schema == c.schema)?;
    let width = |name: &str| t.spread.get(name).and_then(|s| s.width);
    let row: f64 = t.columns.iter().filter_map(|col| width(&col.name)).sum();
    let mut entries = 0.0;
    for c in c.all() {
        entries += 8.0;
        for k in &c.keys {
            entries += k.column.as_deref().and_then(width).or(k.column.is_none().then_some(16.0))?;
        }
        for name in &c.include {
            entries += width(name)?;
        }
    }
    let share = c.only_where.as_ref().and_then(|w| answers.kept.get(&(c.table.clone(), w.clone())).copied()).unwrap_or(1.0);
    (row > 0.0).then(|| entries / (27.0 + row) * share)
}

/// Asks the planner about each candidate.
async fn estimate(cx: &Cx, conn: &Connection, engine: &dyn Hypothetical, session: &Session, report: &mut Report) -> Result<()> {
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
        Some(m) if a.beside.is_some() => (1, m.judgement.ratio),
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

fn indexes_of(plan: &Plan) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    plan.root.walk(0, &mut |_, n| out.extend(n.index.clone()));
    out
}

/// Indexes that the statement uses now and did not when its plan was kept: what an applied piece of advice looks like.
fn verified(cx: &Cx, conn: &Connection, now: &Plan, statement: &str) -> Result<Vec<Verified>> {
    let used = indexes_of(now);
    if used.is_empty() {
        return Ok(Vec::new());
    }
    for kept in plans::of_statement(cx, &conn.target().name, conn.dialect(), statement)? {
        let (old, _, at) = cx.store.plan(kept.id)?;
        let new: Vec<String> = used.difference(&indexes_of(&old)).cloned().collect();
        if new.is_empty() {
            continue;
        }
        let names = new.join(", ");
        let since = at.get(..16).unwrap_or(&at).replace('T', " ");
        let ms = |p: &Plan| p.execution_ms.or(p.root.total_ms).filter(|_| p.analyzed);
        let (better, numbers) = match (ms(&old), ms(now), old.root.est_total_cost, now.root.est_total_cost) {
            (Some(b), Some(a), ..) => (a < b, format!("{b:.3} ms then, {a:.3} ms now, one run each")),
            (_, _, Some(b), Some(a)) => (a < b, format!("an expected cost of {b:.0} then and of {a:.0} now")),
            _ => (true, "the plan reads it where it read otherwise then".to_string()),
        };
        let text = format!("{names} is there and is used, unlike in the plan of {since}: {numbers}");
        return Ok(vec![Verified { indexes: new, since, text, better }]);
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subqueries_of_new_values_are_read_with_the_rows() {
        let of = |d, update: &str| with_values(d, "SELECT * FROM t WHERE id < 5", update);
        let one = "update t set a = (select sum(x) from o where o.t = t.id), b = 1 where id < 5";
        for d in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
            assert_eq!(of(d, one), "SELECT *, (select sum(x) from o where o.t = t.id) FROM t WHERE id < 5");
            assert_eq!(of(d, "update t set a = (1 + 2) where id in (select id from o)"), "SELECT * FROM t WHERE id < 5");
            assert_eq!(of(d, "delete from t where a = (select 1)"), "SELECT * FROM t WHERE id < 5");
        }
    }
}
