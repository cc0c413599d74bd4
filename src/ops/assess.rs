//! The emergency assessment: what is wrong, within two seconds, without making it worse.
//!
//! One connection, one check after the other, each with a limit on the server and a little later one here. What could not be read
//! is `unknown`, and the run goes on. Nothing here writes, waits for a lock that somebody holds on a table, or opens a second connection.

mod failure;
pub mod handover;
mod kept;
mod limits;
pub mod locks;
mod login;
mod lost;
mod role;
mod run;
mod summary;
mod watch;

pub(in crate::ops) use failure::{is_denied, is_full, is_limited, is_locked_catalogue};

pub use kept::{mute, named, unmute};
pub use summary::summary;
pub use watch::Watch;

use super::Cx;
use crate::config::{Target, secrets};
use crate::engine::{Engine, Session, registry};
use crate::model::assessment::{Assessment, Check, Limits, Seen};
use crate::model::lock_tree::LockSession;
use crate::model::{Error, Obstacle, Result, Severity};
use crate::text;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use login::{GRACE, LOGIN, Remark, log_in};
use run::Run;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Name of the check that sees who waits for whom, on every engine that has one.
pub const LOCKS: &str = "locks";

/// How an assessment is made.
#[derive(Debug, Clone)]
pub struct How {
    /// For all of it, connecting included.
    pub budget: Duration,
    /// Between the two samples of checks that compare.
    pub pause: Duration,
    /// Ids or names of the checks; all where empty.
    pub only: Vec<String>,
    pub limits: Limits,
}

impl Default for How {
    fn default() -> How {
        How { budget: Duration::from_secs(60), pause: Duration::from_secs(5), only: Vec::new(), limits: Limits::default() }
    }
}

/// What comes while it runs.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// What will be read, in this order; those that compare two samples come last.
    Chosen(Vec<&'static Check>),
    /// Connected: product, version and address.
    Server(String),
    /// A check is done.
    Seen(Box<Seen>),
}

/// All checks that have thresholds: the engine's own, and the login.
fn with_limits(all: &[Check]) -> Vec<Check> {
    all.iter().copied().chain([failure::CONNECT]).collect()
}

/// The checks of a target, and the thresholds that hold for it.
pub fn thresholds(target: &Target) -> Result<(Vec<Check>, Limits)> {
    let engine = registry::engine(target.clone(), None);
    let all = with_limits(engine.assessing().get()?.checks());
    let limits = limits::of(target, &all, &Limits::default())?;
    Ok((all, limits))
}

/// Assesses a target; each check is told as soon as it is done. The error is one of usage alone: what the server refuses is a finding.
pub async fn assess(cx: &Cx, target: Target, how: &How, tell: impl Fn(News) + Send + Sync) -> Result<Assessment> {
    let began = Instant::now();
    let password = match cx.remembered_password(&target.name) {
        Some(p) => Some(p),
        None => secrets::resolve_in(&target, None, &cx.config.around).await?,
    };
    let engine = registry::engine(target.clone(), password.clone());
    let all = engine.assessing().get()?.checks();
    let checks = chosen(all, &how.only)?;
    let how = &How { limits: limits::of(&target, &with_limits(all), &how.limits)?, ..how.clone() };
    let limit = engine.assessing().get()?.statement_limit() + GRACE;
    tell(News::Chosen(checks.clone()));
    let mut notes = Vec::new();
    let mutes = cx.store.mutes(&target.kept_as()).unwrap_or_else(|e| {
        notes.push(format!("What is muted could not be read: {}", e.message));
        Vec::new()
    });
    notes.extend(cut_off(cx, &target));
    let again = |within| -> BoxFuture<'_, Result<Session>> {
        let (engine, password, target) = (&engine, password.clone(), &target);
        Box::pin(async move { Ok(log_in(engine, password, target, within).await?.0) })
    };
    let mut run = Run {
        how,
        began,
        limit,
        done: Vec::new(),
        mutes,
        tell: &tell,
        gone: OnceLock::new(),
        silent: AtomicU32::new(0),
        log_in: &again,
        followed: cx.store.followers(&target.kept_as()).ok().flatten().filter(|f| f.at.as_second() >= Timestamp::now().as_second() - DAY),
        anew: Mutex::default(),
    };
    let mut out = Assessment {
        target: target.name.clone(),
        server: None,
        began: Timestamp::now(),
        took: 0.0,
        budget: ms(how.budget),
        summary: Default::default(),
        checks: Vec::new(),
        notes,
        before: None,
        changes: Vec::new(),
    };
    let was_there = cx.store.was_connected(&target.kept_as()).unwrap_or_default();
    match log_in(&engine, password.clone(), &target, LOGIN).await {
        Err(e) => {
            // A pooler is asked itself: who waits for it stands in no process list of the server. A file is looked at.
            let before = engine.assessing().get()?.before(&e, &how.limits).await;
            let in_the_way = before.as_ref().and_then(|s| s.findings.first());
            let seen = failure::seen(&e, &target.name, ms(began.elapsed()), in_the_way, was_there);
            let ill = seen.severity == Severity::Critical;
            let pooled = e.obstacle == Some(Obstacle::Pooler);
            run.report(if ill && !pooled { failure::with_followers(seen, cx, &target, &e) } else { seen });
            before.into_iter().for_each(|seen| run.report(seen));
            // A login that was refused is answered by a server that is well; a pooler's port is none of the server's processes'.
            if ill && !pooled {
                from_outside(cx, &engine, &mut run).await;
            }
        }
        Ok((session, remark)) => {
            let id = session.identity();
            let server = format!("{} {} at {}", id.product, id.version, id.address);
            out.server = Some(server.clone());
            (run.tell)(News::Server(server));
            let took = ms(began.elapsed());
            let assessing = engine.assessing().get()?;
            // When nothing is known of what the role may see, nothing that it does not see counts as sound.
            let sight = run.limited(&session, assessing.sight(&session)).await.unwrap_or_default();
            // Of a locked catalogue the news is who holds it.
            let locks = all.iter().find(|c| c.name == LOCKS).filter(|_| matches!(remark, Some(Remark::Locked(_))));
            let seen = match locks {
                Some(check) => run.limited(&session, assessing.look(&session, &sight, check, &how.limits)).await.ok(),
                None => None,
            };
            let entry = assessing.entry(&session, target.database.as_deref().unwrap_or_default());
            let holder = seen.as_ref().and_then(|s| s.findings.first());
            run.report(failure::connected(&session, remark, &entry, holder, was_there, took, how));
            if let Some(seen) = seen.filter(|s| checks.iter().any(|c| c.id == s.check)) {
                run.report(seen);
            }
            run.checks(cx, assessing, &session, &sight, &checks).await;
            leave(run.now(&session)).await;
            if let Some(e) = run.gone.get().cloned() {
                let again = again(LOGIN).await;
                let down = again.is_err();
                let again = match again {
                    Ok(session) => {
                        leave(session).await;
                        Ok(())
                    }
                    Err(e) => Err(e),
                };
                run.report(lost::seen(&e, &target.name, again));
                if down {
                    from_outside(cx, &engine, &mut run).await;
                }
                run.leave(&checks, "not read: the connection was lost");
            }
        }
    }
    out.checks = run.done;
    out.took = ms(began.elapsed());
    out.summary = summary(&out.checks);
    // Of what was not asked for nothing is known.
    let muted = out.checks.iter().any(|c| !c.muted.is_empty());
    if checks.len() < all.len() && !muted && out.server.is_some() && out.summary.severity.is_none_or(|s| s < Severity::Warning) {
        out.summary.next = format!("Only {} of {} checks were asked for: assess without --checks for the others.", checks.len(), all.len());
    }
    // A part of the checks, or of the time, is nothing to compare the next one with.
    if !how.only.is_empty() || cx.cancel.is_cancelled() {
        return Ok(out);
    }
    let (mut out, problem) = kept::compared(cx, &target, engine.dialect(), out);
    out.notes.extend(problem.map(|e| format!("It is not kept for the next one to be compared with: {}", e.message)));
    Ok(out)
}

/// A server in trouble may not answer a farewell.
async fn leave(session: Session) {
    if tokio::time::timeout(GRACE, session.clone().close()).await.is_err() {
        session.sever();
    }
}

/// What can be seen of a server that lets nobody in.
async fn from_outside(cx: &Cx, engine: &Arc<dyn Engine>, run: &mut run::Run<'_>) {
    let from = engine.clone();
    // What this assessment learnt of it counts, else what an earlier one did.
    let mut places = cx.store.places(&from.target().kept_as()).unwrap_or_default();
    places.extend(run.done.iter().flat_map(|s| s.places.clone()));
    let looked = tokio::task::spawn_blocking(move || Ok::<_, Error>(from.assessing().get()?.outside(&places))).await;
    for seen in looked.ok().and_then(Result::ok).unwrap_or_default() {
        if run.done.iter().any(|s| s.check == seen.check) {
            continue;
        }
        run.report(seen);
    }
}

/// An assessment as it goes to machines: the statements of sessions without their constants.
pub fn without_constants(target: &Target, assessment: &Assessment) -> Assessment {
    kept::redacted(assessment, registry::engine(target.clone(), None).dialect())
}

/// Sessions as they go to machines: their statements without constants.
pub fn take_constants(target: &Target, sessions: &mut [LockSession]) {
    kept::take_constants(registry::engine(target.clone(), None).dialect(), sessions.iter_mut());
}

/// The id of a check of a target's engine, by id or name.
pub fn check_id(target: &Target, name: &str) -> Result<&'static str> {
    let engine = registry::engine(target.clone(), None);
    Ok(chosen(engine.assessing().get()?.checks(), &[name.to_string()])?[0].id)
}

/// Writes the hand-over of an assessment into a new file of its owner's: names of users stand in it. Statements lose their constants.
pub fn write_hand_over(cx: &Cx, target: &Target, assessment: &Assessment, path: &Path) -> Result<()> {
    let form = handover::Form::of(path)?;
    let text = handover::of(cx, target, assessment, registry::engine(target.clone(), None).dialect()).render(form)?;
    let shown = crate::text::clean(&path.display().to_string()).into_owned();
    let made = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    made.and_then(|mut f| f.write_all(text.as_bytes()).and_then(|()| f.sync_all())).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::usage(format!("{shown} is there already")).hint("Nothing is written over: choose another name.")
        }
        _ => Error::io(format!("writing {shown}"), e),
    })
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1000.0
}

/// The checks that are asked for, in the engine's order.
fn chosen(all: &'static [Check], only: &[String]) -> Result<Vec<&'static Check>> {
    let is = |c: &Check, name: &str| c.id.eq_ignore_ascii_case(name) || c.name.eq_ignore_ascii_case(name);
    if let Some(unknown) = only.iter().find(|o| !all.iter().any(|c| is(c, o))) {
        let names: Vec<String> = all.iter().map(|c| format!("{} ({})", c.id, c.name)).collect();
        return Err(Error::usage(format!("there is no check {unknown}")).hint(format!("There are: {}.", names.join(", "))));
    }
    Ok(all.iter().filter(|c| only.is_empty() || only.iter().any(|o| is(c, o))).collect())
}

impl Assessment {
    /// The worst of the checks.
    pub fn severity(&self) -> Severity {
        self.checks.iter().map(|c| c.severity).max().unwrap_or(Severity::Unknown)
    }
}

/// So long a recovery action without an end is told, and a standby missed that is connected no longer, in seconds.
const DAY: i64 = 24 * 3600;

/// Recovery actions that were begun on this server and have no end on record: what they changed is not known.
fn cut_off(cx: &Cx, target: &Target) -> Vec<String> {
    let all = super::incident::done_to(cx, target, &super::incident::ACTIONS).unwrap_or_default();
    let since = Timestamp::now().as_second() - DAY;
    let recent = |at: &str| at.parse::<Timestamp>().is_ok_and(|t| t.as_second() >= since);
    all.iter()
        .filter(|e| recent(&e.at) && super::incident::is_unended(e, &all))
        .map(|e| format!("{} by {}: {}.", e.at, text::clean(&e.operator), text::clean(&super::incident::told(e))))
        .collect()
}
