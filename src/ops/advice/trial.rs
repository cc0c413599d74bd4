//! Candidates built for real on a scratch copy, and the statement run with each and without it, by turns.
//!
//! One copy is made where the engine can hide an index from the planner for a run: PostgreSQL drops it in the run's own transaction, which
//! is rolled back, MariaDB and MySQL switch it off and on. So both runs read the same pages, and a backup is restored once. Where it cannot
//! (SQLite), two copies are made: one stays as it is, on the other the indexes come and go. Copies are removed at the end, whatever
//! happened.
//!
//! What a row's write costs with the index is measured there too, on two empty tables like the one that the index is for.

use super::others::{self, Others};
use super::writes::{self, Writes};
use crate::engine::{Access, Capability, Connect, Hiding, Role, Session};
use crate::model::plan::Plan;
use crate::model::{Dialect, Error, Kind, Result};
use crate::ops::cancelling::unless_cancelled;
use crate::ops::measure::{Arm, Effort, by_turns};
use crate::ops::{Connection, Cx, connect, copies};
use crate::plan::candidates::Candidate;
use crate::plan::known::Known;
use crate::plan::measure::{Judgement, rows_read_error};
use crate::sql::reserved::ident;
use crate::sql::{self, TokenKind};
use crate::text;
use std::time::{Duration, Instant};

/// Longest that the runs for one candidate may take together.
const LONGEST: Duration = Duration::from_secs(60);
/// Candidates that are tried beside the best one.
const PAIRS: usize = 2;

/// What measuring gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    pub judgement: Judgement,
    /// Whether the plan took the index.
    pub used: bool,
    /// Time to build it on the copy.
    pub build: Duration,
    /// As it was built.
    pub bytes: Option<u64>,
    /// The plan with it.
    pub plan: Plan,
    /// Of what the copy was made: ` of the backup of 2026-11-21`, or nothing.
    pub of: String,
    /// What writing costs with it.
    pub writes: Option<Writes>,
    /// How far off its count of rows read may be; 0: it is exact.
    pub rows_read_error: f64,
    /// Other statements, where the engine imagines no index and these were planned on the copy.
    pub others: Option<Others>,
}

/// A candidate to build; with another one that is there in both runs, where it helps beside that one only.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Attempt {
    pub candidate: Candidate,
    pub beside: Option<Candidate>,
}

/// What became of each attempt. An error is the server's word about one of them.
pub(super) struct Trials {
    pub fates: Vec<(Attempt, Result<Measured>)>,
    /// How the copy differs from the target, where it does: a sentence.
    pub differs: Option<String>,
}

/// Builds and measures each candidate, beside another one where it takes that; an error ends it all. With `pairs` nobody told beforehand
/// which of them help together: that is tried, too.
pub(super) async fn measure(
    cx: &Cx,
    conn: &Connection,
    statement: &str,
    known: &Known,
    attempts: &[Attempt],
    pairs: bool,
    notes: &mut Vec<String>,
) -> Result<Trials> {
    stays_inside(conn, statement)?;
    let (scratches, of) = copies::make(cx, conn, count(conn).await?).await?;
    let done = async {
        let mut connected = Vec::new();
        for s in &scratches {
            connected.push(connect::connect_to(cx, s.target.clone()).await?);
        }
        let others = match conn.engine().hypothetical() {
            Capability::No(_) => Some(conn),
            _ => None,
        };
        let what = Task { statement, known, of: &of, others };
        let (plain, changed) = match connected.as_slice() {
            [changed] => (None, changed),
            [plain, changed] => (Some(plain), changed),
            _ => return Err(Error::failed("there is no copy to measure on")),
        };
        let fates = run(cx, plain, changed, &what, attempts, pairs).await?;
        // What was built there is gone again.
        let differs = copies::behind(conn, changed, &of, known, (&[], &[])).await?;
        Ok(Trials { fates, differs })
    }
    .await;
    // The connections are closed by now.
    copies::remove(conn, scratches, notes).await?;
    done.map_err(|e| copies::aged(conn, &of, e))
}

/// MySQL's names may lead out of the copy to the very original.
pub(in crate::ops) fn stays_inside(conn: &Connection, statement: &str) -> Result<()> {
    let (Dialect::MySql, Some(database)) = (conn.dialect(), &conn.target().database) else { return Ok(()) };
    let tokens: Vec<sql::Token> =
        sql::lex(Dialect::MySql, statement).into_iter().filter(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment)).collect();
    let word = |i: usize| tokens.get(i).and_then(|t| statement.get(t.span.clone())).unwrap_or("").trim_matches('`');
    match (0..tokens.len()).any(|i| word(i).eq_ignore_ascii_case(database) && word(i + 1) == ".") {
        true => Err(Error::usage(format!(
            "the statement names the database {}: on a scratch copy it would go past the copy",
            text::clean(database)
        ))
        .hint("Leave the database's name out of the statement.")),
        false => Ok(()),
    }
}

/// What is measured.
struct Task<'a> {
    statement: &'a str,
    known: &'a Known,
    of: &'a str,
    /// The original, whose history tells of other statements, where nobody planned them yet.
    others: Option<&'a Connection>,
}

/// How many copies it takes.
pub(super) async fn count(conn: &Connection) -> Result<usize> {
    let hiding = conn.engine().trials().hiding(&conn.reader().await?, "t", "i");
    Ok(if hiding == Hiding::SecondCopy { 2 } else { 1 })
}

async fn run(
    cx: &Cx,
    plain: Option<&Connection>,
    changed: &Connection,
    what: &Task<'_>,
    attempts: &[Attempt],
    pairs: bool,
) -> Result<Vec<(Attempt, Result<Measured>)>> {
    let known = what.known;
    let mut writers = vec![changed.migrator().await?];
    if let Some(p) = plain {
        writers.push(p.migrator().await?);
    }
    let mut tables: Vec<(&str, bool)> = Vec::new();
    for c in attempts.iter().map(|a| &a.candidate) {
        // Without statistics on the original there are to be none on the copy.
        let bare =
            known.tables.iter().find(|t| t.name == c.relation && t.schema == c.schema).is_some_and(|t| t.statistics.missing == Some(true));
        if !tables.iter().any(|(t, _)| *t == c.table) {
            tables.push((&c.table, bare && changed.engine().trials().settles_as_found()));
        }
    }
    // Every table of the statement, not only those that get an index.
    let others: Vec<String> = known
        .tables
        .iter()
        .filter(|t| t.statistics.missing != Some(true) || !changed.engine().trials().settles_as_found())
        .map(|t| match &t.schema {
            Some(s) => format!("{}.{}", ident(changed.dialect(), s), ident(changed.dialect(), &t.name)),
            None => ident(changed.dialect(), &t.name),
        })
        .filter(|t| !tables.iter().any(|(own, _)| own == t))
        .collect();
    for w in &writers {
        for t in tables.iter().filter(|(_, bare)| !bare).map(|(t, _)| *t).chain(others.iter().map(String::as_str)) {
            cx.progress.update(&format!("settling {}", text::clean(t)), 0, None);
            for sql in changed.engine().trials().settle(t) {
                finish(cx, w, &sql).await?;
            }
        }
    }
    let mut out: Vec<(Attempt, Result<Measured>)> = Vec::new();
    let mut left: std::collections::VecDeque<Attempt> = attempts.iter().cloned().collect();
    let mut paired = !pairs;
    loop {
        let Some(attempt) = left.pop_front() else {
            if std::mem::replace(&mut paired, true) {
                break;
            }
            left.extend(joined(&out));
            continue;
        };
        let Attempt { candidate: c, beside } = &attempt;
        cx.check_cancelled()?;
        cx.progress.update(&format!("building {}", text::clean(&c.name)), out.len() as u64, Some((out.len() + left.len() + 1) as u64));
        let bare = tables.iter().any(|(t, bare)| *t == c.table && *bare);
        // It is there in both runs.
        if let Some(b) = beside {
            for w in &writers {
                finish(cx, w, &b.create(changed.dialect(), false)).await?;
            }
        }
        let mut fate = one(cx, plain, changed, &writers[0], what, c, bare).await;
        match &fate {
            // Nor is it the candidate's fault that the copy is older than its table.
            Err(e) if matches!(e.kind, Kind::Cancelled | Kind::Connect) || copies::lacks(e) => return fate.map(|_| Vec::new()),
            Ok(_) => {
                for c in c.all() {
                    finish(cx, &writers[0], &c.drop_sql(changed.dialect(), false)).await?;
                }
            }
            // A candidate that was not built leaves nothing; one whose runs failed is dropped if it is there.
            Err(_) => {
                for c in c.all() {
                    let _ = finish(cx, &writers[0], &c.drop_sql(changed.dialect(), false)).await;
                }
            }
        }
        if let Some(b) = beside {
            for w in &writers {
                finish(cx, w, &b.drop_sql(changed.dialect(), false)).await?;
            }
        }
        if let Ok(m) = &mut fate
            && m.used
            && c.with.is_empty()
        {
            m.writes = match writes::measure(cx, changed, &writers[0], known, c).await {
                Err(e) if matches!(e.kind, Kind::Cancelled | Kind::Connect) => return Err(e),
                told => told.ok().flatten(),
            };
        }
        out.push((attempt, fate));
    }
    for w in writers {
        w.close().await;
    }
    Ok(out)
}

/// What is tried once each was measured by itself: the others beside the best one, or where none helps by itself, two of them together.
/// A join often wants an index on both sides.
fn joined(done: &[(Attempt, Result<Measured>)]) -> Vec<Attempt> {
    let single = |a: &Attempt| a.beside.is_none() && a.candidate.with.is_empty();
    let singles: Vec<_> = done.iter().filter(|(a, m)| single(a) && m.is_ok()).collect();
    let ratio = |m: &Result<Measured>| m.as_ref().ok().filter(|m| m.used && m.judgement.pays()).map(|m| m.judgement.ratio);
    let best = singles.iter().filter_map(|(a, m)| Some((a, ratio(m)?))).min_by(|a, b| a.1.total_cmp(&b.1));
    let elsewhere = |a: &Candidate, b: &Candidate| a.table != b.table;
    if let Some((best, _)) = best {
        let others = singles.iter().filter(|(a, _)| elsewhere(&a.candidate, &best.candidate)).take(PAIRS);
        return others.map(|(a, _)| Attempt { candidate: a.candidate.clone(), beside: Some(best.candidate.clone()) }).collect();
    }
    let Some((first, _)) = singles.first() else { return Vec::new() };
    let second = singles.iter().find(|(a, _)| elsewhere(&a.candidate, &first.candidate));
    let both = second.map(|(b, _)| Candidate { with: vec![b.candidate.clone()], ..first.candidate.clone() });
    both.map(|candidate| Attempt { candidate, beside: None }).into_iter().collect()
}

/// Runs a statement of ours on a copy; ends it on the server when cancelled.
pub(in crate::ops) async fn finish(cx: &Cx, s: &Session, sql: &str) -> Result<()> {
    unless_cancelled(cx, s, s.fetch(sql)).await.map(|_| ())
}

async fn one(
    cx: &Cx,
    plain: Option<&Connection>,
    changed: &Connection,
    writer: &Session,
    what: &Task<'_>,
    c: &Candidate,
    bare: bool,
) -> Result<Measured> {
    let dialect = changed.dialect();
    let trials = changed.engine().trials();
    let begun = Instant::now();
    for c in c.all() {
        finish(cx, writer, &c.create(dialect, false)).await?;
    }
    let build = begun.elapsed();
    let mut settled: Vec<&str> = Vec::new();
    for c in c.all().filter(|_| !bare) {
        if settled.contains(&c.table.as_str()) {
            continue;
        }
        settled.push(&c.table);
        for sql in trials.settle(&c.table) {
            finish(cx, writer, &sql).await?;
        }
    }
    let (mut sizes, mut hiding) = (Vec::new(), Vec::new());
    for c in c.all() {
        let name = match (&c.schema, dialect) {
            (Some(s), Dialect::Postgres) => format!("{}.{}", ident(dialect, s), ident(dialect, &c.name)),
            _ => c.name.clone(),
        };
        sizes.push(trials.index_bytes(writer, &c.relation, &name).await?);
        hiding.push(match plain {
            Some(_) => Hiding::SecondCopy,
            None => trials.hiding(writer, &c.table, &name),
        });
    }
    let bytes = sizes.into_iter().sum();
    let (without, with) = arms(plain, changed, what.statement, &hiding, &c.table).await?;
    let duel = by_turns(cx, &without, &with, Effort { time: LONGEST, anyway: true, ..Effort::default() }).await?;
    let used = c.partitioned || c.all().all(|c| takes(&duel.after.plan, &c.name));
    let others = match what.others.filter(|_| used) {
        Some(original) => Some(beside(cx, original, plain, changed, &hiding, what.statement, c).await?),
        None => None,
    };
    for arm in [without, with] {
        arm.session().clone().close().await;
    }
    let error = rows_read_error(&duel.before.plan).max(rows_read_error(&duel.after.plan));
    Ok(Measured {
        judgement: duel.judgement,
        used,
        build,
        bytes,
        plan: duel.after.plan,
        of: what.of.to_string(),
        rows_read_error: error,
        writes: None,
        others,
    })
}

/// Whether the plan reads an index of the name, by itself or merged with others.
fn takes(plan: &Plan, name: &str) -> bool {
    let mut taken = false;
    plan.root.walk(0, &mut |_, n| {
        let names = n.index.as_deref().unwrap_or_default();
        taken |= names.split([',', '(', ')', ' ']).any(|i| i == name || i.ends_with(&format!(".{name}")));
    });
    taken
}

/// The statement without the indexes and with them; `hiding` is how to do without each of them.
pub(in crate::ops) async fn arms(
    plain: Option<&Connection>,
    changed: &Connection,
    statement: &str,
    hiding: &[Hiding],
    table: &str,
) -> Result<(Arm, Arm)> {
    let how = || Connect { statement_timeout: Some(crate::ops::explain::LONGEST), ..Connect::new(Role::Migration, Access::ReadWrite) };
    // Switching an index off and on closes the table: it is opened again before the clock runs.
    let open = format!("SELECT 1 FROM {table} LIMIT 1");
    let (mut drops, mut offs, mut ons) = (Vec::new(), Vec::new(), Vec::new());
    for h in hiding {
        match h {
            Hiding::InTransaction(drop) => drops.push(drop.clone()),
            Hiding::Switch { off, on } => {
                offs.push(off.clone());
                ons.push(on.clone());
            }
            Hiding::SecondCopy => {}
        }
    }
    Ok(match (hiding.first(), plain) {
        (Some(Hiding::InTransaction(_)), _) => {
            let session = changed.engine().connect(how()).await?;
            let without = Arm::on_copy(changed, session.clone(), "without the index", statement, false).after(drops);
            // The same kind of session and transaction on both sides.
            (without, Arm::on_copy(changed, session, "with the index", statement, false))
        }
        (Some(Hiding::Switch { .. }), _) => {
            let session = changed.engine().connect(how()).await?;
            let without = Arm::on_copy(changed, session.clone(), "without the index", statement, false);
            let with = Arm::on_copy(changed, session, "with the index", statement, false);
            (without.turning([offs, vec![open.clone()]].concat()), with.turning([ons, vec![open]].concat()))
        }
        (_, Some(plain)) => (
            Arm::new(plain, None, "without the index", statement, Vec::new()).await?,
            Arm::new(changed, None, "with the index", statement, Vec::new()).await?,
        ),
        (_, None) => return Err(Error::failed("there is no second copy without the index")),
    })
}

/// Other statements of the original's history, planned on the copy without the index and with it.
async fn beside(
    cx: &Cx,
    original: &Connection,
    plain: Option<&Connection>,
    changed: &Connection,
    hiding: &[Hiding],
    statement: &str,
    c: &Candidate,
) -> Result<Others> {
    let mut out = Others::default();
    for text in others::reads(cx, original, statement, &c.relation).await? {
        cx.check_cancelled()?;
        if stays_inside(original, &text).is_err() {
            continue;
        }
        let (without, with) = arms(plain, changed, &text, hiding, &c.table).await?;
        let plans = async { Ok::<_, Error>((without.estimate().await?, with.estimate().await?)) }.await;
        for arm in [without, with] {
            arm.session().clone().close().await;
        }
        match plans {
            Err(e) if matches!(e.kind, Kind::Cancelled | Kind::Connect) => return Err(e),
            Err(_) => {}
            Ok((before, after)) => {
                out.looked_at += 1;
                let costs = (before.root.est_total_cost, after.root.est_total_cost);
                out.sort(&text, costs, crate::plan::shape::hash(&before) != crate::plan::shape::hash(&after));
            }
        }
    }
    Ok(out)
}
