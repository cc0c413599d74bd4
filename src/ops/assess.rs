//! The emergency assessment: what is wrong, within two seconds, without making it worse.
//!
//! One connection, one check after the other, each with a limit on the server and a little later one here. What could not be read
//! is `unknown`, and the run goes on. Nothing here writes, waits for a lock that somebody holds on a table, or opens a second connection.

mod failure;
mod summary;

use super::Cx;
use crate::config::{Target, secrets};
use crate::engine::{Access, Assessing, Connect, Engine, Role, Session, registry};
use crate::model::assessment::{Assessment, Check, Limits, Sample, Seen};
use crate::model::{Error, Result, Severity};
use jiff::Timestamp;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Limits of each statement, and of waiting for a lock of the catalogue (`reference/operations.md` §2.1).
const STATEMENT: Duration = Duration::from_secs(2);
const LOCK: Duration = Duration::from_millis(100);
/// For a login: a locked catalogue makes one wait, and so does a full network.
const LOGIN: Duration = Duration::from_secs(5);
/// After the server's own limit, how long the answer may still take before it is cancelled from here.
const GRACE: Duration = Duration::from_millis(500);

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
    /// Connected: product, version and address.
    Server(String),
    /// A check is done.
    Seen(Seen),
}

/// Assesses a target; each check is told as soon as it is done. The error is one of usage alone: what the server refuses is a finding.
pub async fn assess(cx: &Cx, target: Target, how: &How, mut tell: impl FnMut(News)) -> Result<Assessment> {
    let began = Instant::now();
    let password = match cx.remembered_password(&target.name) {
        Some(p) => Some(p),
        None => secrets::resolve_in(&target, None, &cx.config.around).await?,
    };
    let engine = registry::engine(target.clone(), password.clone());
    let checks = chosen(engine.assessing().get()?.checks(), &how.only)?;
    let mut run = Run { how, began, done: Vec::new(), tell: &mut tell };
    let mut out = Assessment {
        target: target.name.clone(),
        server: None,
        began: Timestamp::now(),
        took: 0.0,
        budget: ms(how.budget),
        summary: Default::default(),
        checks: Vec::new(),
    };
    match log_in(&engine, password, &target).await {
        Err(e) => run.report(failure::seen(&e, &target.name, ms(began.elapsed()))),
        Ok((session, remark)) => {
            let id = session.identity();
            let server = format!("{} {} at {}", id.product, id.version, id.address);
            out.server = Some(server.clone());
            (run.tell)(News::Server(server));
            run.report(failure::connected(&session, remark, ms(began.elapsed()), how));
            run.checks(cx, engine.assessing().get()?, &session, &checks).await;
            // A server in trouble may not answer a farewell.
            if tokio::time::timeout(GRACE, session.clone().close()).await.is_err() {
                session.sever();
            }
        }
    }
    out.checks = run.done;
    out.took = ms(began.elapsed());
    out.summary = summary::of(&out.checks);
    Ok(out)
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

/// The one connection; where the catalogue of the target's own database is locked, one to the server's maintenance database, and a remark.
async fn log_in(engine: &Arc<dyn Engine>, password: crate::engine::Password, target: &Target) -> Result<(Session, Option<String>)> {
    let how = || Connect {
        connect_timeout: LOGIN,
        statement_timeout: Some(STATEMENT),
        lock_timeout: Some(LOCK),
        ..Connect::new(Role::Background, Access::ReadOnly)
    };
    let e = match engine.connect(how()).await {
        Ok(s) => return Ok((s, None)),
        Err(e) => e,
    };
    let elsewhere =
        engine.assessing().get()?.elsewhere().filter(|d| failure::is_locked_catalogue(&e) && target.database.as_deref() != Some(d));
    let Some(database) = elsewhere else { return Err(e) };
    let other = Target { database: Some(database.into()), ..target.clone() };
    let session = registry::engine(other, password).connect(how()).await.map_err(|_| e)?;
    let own = target.database.as_deref().unwrap_or("the target's database");
    Ok((session, Some(format!("the catalogue of {own} is locked: logged into database {database} instead"))))
}

struct Run<'a> {
    how: &'a How,
    began: Instant,
    done: Vec<Seen>,
    tell: &'a mut dyn FnMut(News),
}

impl Run<'_> {
    fn report(&mut self, seen: Seen) {
        (self.tell)(News::Seen(seen.clone()));
        self.done.push(seen);
    }

    fn left(&self) -> Duration {
        self.how.budget.saturating_sub(self.began.elapsed())
    }

    async fn checks(&mut self, cx: &Cx, engine: &dyn Assessing, session: &Session, checks: &[&'static Check]) {
        // When nothing is known of what the role may see, nothing that it does not see counts as sound.
        let sight = self.limited(session, engine.sight(session)).await.unwrap_or_default();
        let (twice, once): (Vec<&Check>, Vec<&Check>) = checks.iter().partition(|c| c.twice);
        // What explains most comes first; the samples are taken soon, so that their pause passes while the rest is read.
        let (first, rest) = once.split_at(once.len().min(4));
        for check in first {
            self.look(cx, engine, session, &sight, check).await;
        }
        let mut samples: Vec<(&Check, Sample)> = Vec::new();
        let sampled = Instant::now();
        for check in twice {
            match self.sample(cx, engine, session, &sight, check).await {
                Ok(sample) => samples.push((check, sample)),
                Err(seen) => self.report(*seen),
            }
        }
        for check in rest {
            self.look(cx, engine, session, &sight, check).await;
        }
        if samples.is_empty() {
            return;
        }
        let pause = self.how.pause.saturating_sub(sampled.elapsed()).min(self.left());
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cx.cancel.cancelled() => {}
        }
        for (check, first) in samples {
            let (at, began) = (Timestamp::now(), Instant::now());
            let seen = match self.sample(cx, engine, session, &sight, check).await {
                Ok(second) => engine.compare(&sight, check, &self.how.limits, &first, &second),
                Err(seen) => *seen,
            };
            self.report(Seen { began: at, took: ms(began.elapsed()), ..seen });
        }
    }

    async fn look(
        &mut self,
        cx: &Cx,
        engine: &dyn Assessing,
        session: &Session,
        sight: &crate::model::assessment::Sight,
        check: &'static Check,
    ) {
        let (at, began) = (Timestamp::now(), Instant::now());
        let seen = match self.unread(cx, check) {
            Some(seen) => seen,
            None => match self.limited(session, engine.look(session, sight, check, &self.how.limits)).await {
                Ok(seen) => seen,
                Err(e) => blind(check, &e, &sight.grant),
            },
        };
        self.report(Seen { began: at, took: ms(began.elapsed()), ..seen });
    }

    async fn sample(
        &self,
        cx: &Cx,
        engine: &dyn Assessing,
        session: &Session,
        sight: &crate::model::assessment::Sight,
        check: &'static Check,
    ) -> Result<Sample, Box<Seen>> {
        if let Some(seen) = self.unread(cx, check) {
            return Err(Box::new(seen));
        }
        match self.limited(session, engine.sample(session, sight, check)).await {
            Ok(Ok(sample)) => Ok(sample),
            Ok(Err(seen)) => Err(Box::new(seen)),
            Err(e) => Err(Box::new(blind(check, &e, &sight.grant))),
        }
    }

    /// What stands for a check that is not read any more.
    fn unread(&self, cx: &Cx, check: &Check) -> Option<Seen> {
        if cx.cancel.is_cancelled() {
            return Some(Seen::blind(check, "not read: cancelled", ""));
        }
        self.left().is_zero().then(|| {
            let budget = crate::text::duration(self.how.budget);
            Seen::blind(check, format!("not read: the budget of {budget} was used up"), "")
        })
    }

    /// The server ends a statement at its own limit. Where it does not, it is told to from here, and the check counts as not seen.
    async fn limited<T>(&self, session: &Session, work: impl Future<Output = Result<T>>) -> Result<T> {
        let began = Instant::now();
        let limit = (STATEMENT + GRACE).min(self.left());
        match tokio::time::timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => {
                let _ = tokio::time::timeout(GRACE, session.cancel()).await;
                Err(Error::new(crate::model::Kind::Unknown, format!("timed out after {}", crate::text::duration(began.elapsed()))))
            }
        }
    }
}

/// A check that the server would not answer.
fn blind(check: &Check, e: &Error, grant: &str) -> Seen {
    // insufficient_privilege
    let lifts = if e.code.as_deref() == Some("42501") { grant } else { "" };
    Seen::blind(check, e.message.clone(), lifts)
}

impl Assessment {
    /// The worst of the checks.
    pub fn severity(&self) -> Severity {
        self.checks.iter().map(|c| c.severity).max().unwrap_or(Severity::Unknown)
    }
}
