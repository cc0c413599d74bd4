//! One check after the other, each with its limit, until all are read, the budget is used up, or the server is gone.

use super::login::{GRACE, LOGIN};
use super::summary::WAITS;
use super::{How, News, ms};
use crate::engine::{Assessing, Session};
use crate::model::assessment::{Check, Muted, Sample, Seen, Sight};
use crate::model::{Error, Finding, Kind, Result, Severity};
use crate::ops::Cx;
use crate::store::assessments::Followed;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Checks in a row that got no answer, until the server counts as gone: each of them had waited past the server's own limit.
const SILENT: u32 = 2;

/// Connections that are given up in one assessment, at most: on a server that holds each of them they would add up.
const GIVEN_UP: u32 = 2;
/// For a login in place of a connection that is given up.
const ANEW: Duration = Duration::from_secs(2);

/// Kept for the second samples, at most.
const LAST: Duration = Duration::from_secs(5);

pub(super) struct Run<'a> {
    pub how: &'a How,
    pub began: Instant,
    /// For one check.
    pub limit: Duration,
    pub done: Vec<Seen>,
    pub mutes: Vec<Muted>,
    pub tell: &'a (dyn Fn(News) + Send + Sync),
    /// How the connection went.
    pub gone: OnceLock<Error>,
    /// Checks in a row without an answer.
    pub silent: AtomicU32,
    /// Another login, for when the server answers nothing: a slow one takes it, and where a statement does not end, not even when it is
    /// cancelled, the checks go on there.
    pub log_in: &'a (dyn Fn(Duration) -> BoxFuture<'a, Result<Session>> + Send + Sync),
    /// Who followed the server lately.
    pub followed: Option<Followed>,
    /// The session that took the place of the first one, and how many were given up.
    pub anew: Mutex<(Option<Session>, u32)>,
}

/// Tells of those that followed the server a while ago and do so no longer: a primary without its standby is sound by all that it shows itself.
fn left(seen: &mut Seen, known: &Followed) {
    let gone: Vec<String> = known.names.iter().filter(|n| !seen.followers.contains(n)).cloned().collect();
    // As many as before: one that came back under another name.
    if seen.followers.len() >= known.names.len() {
        return;
    }
    let at = known.at.strftime("%Y-%m-%d %H:%M UTC");
    for name in &gone {
        let words = format!("{name}, which followed this server at {at}, is connected no longer: what is written here is not copied there");
        seen.find(
            Finding::new(Severity::Warning, &seen.check.clone(), name, words)
                .next("Look at that server: is it up, and what does its log say? If it was taken away on purpose, mute this."),
        );
    }
    seen.says = format!("{}; gone since {at}: {}", seen.says, gone.join(", "));
}

impl Run<'_> {
    pub fn report(&mut self, mut seen: Seen) {
        if let Some(known) = self.followed.as_ref().filter(|k| k.check == seen.check && seen.severity != Severity::Unknown) {
            left(&mut seen, known);
        }
        let seen = seen.muted_by(&self.mutes, Timestamp::now());
        (self.tell)(News::Seen(Box::new(seen.clone())));
        self.done.push(seen);
    }

    pub fn left(&self) -> Duration {
        self.how.budget.saturating_sub(self.began.elapsed())
    }

    /// The session that is asked now.
    pub fn now(&self, first: &Session) -> Session {
        self.anew.lock().unwrap_or_else(PoisonError::into_inner).0.clone().unwrap_or_else(|| first.clone())
    }

    /// Reads all of them. Where the connection goes meanwhile it ends, and [`Run::gone`] says so: what was not read is the caller's to tell.
    pub async fn checks(&mut self, cx: &Cx, engine: &dyn Assessing, session: &Session, sight: &Sight, checks: &[&'static Check]) {
        let (twice, once): (Vec<&Check>, Vec<&Check>) = checks.iter().partition(|c| c.twice);
        // What explains most comes first; the samples are taken soon, so that their pause passes while the rest is read.
        let (first, rest) = once.split_at(once.len().min(4));
        for check in first {
            self.look(cx, engine, session, sight, check).await;
        }
        let mut samples: Vec<(&Check, Sample)> = Vec::new();
        let sampled = Instant::now();
        for check in twice {
            match self.sample(cx, engine, session, sight, check).await {
                Ok(sample) => samples.push((check, sample)),
                Err(Some(seen)) => self.report(*seen),
                Err(None) => return,
            }
        }
        for check in rest {
            self.look(cx, engine, session, sight, check).await;
        }
        if samples.is_empty() || self.gone.get().is_some() {
            return;
        }
        // The second samples take their time as well: what would be left of the budget is no use without them.
        let left = self.left();
        let pause = self.how.pause.saturating_sub(sampled.elapsed()).min(left.saturating_sub((left / 3).min(LAST)));
        let session = &self.now(session);
        let mut status = session.watch();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cx.cancel.cancelled() => {}
            _ = status.wait_for(|s| s.lost.is_some()) => {
                let why = session.status().lost.unwrap_or_else(|| "the connection is closed".into());
                let _ = self.gone.set(Error::connect(why));
                return;
            }
        }
        for (check, first) in samples {
            let (at, began) = (Timestamp::now(), Instant::now());
            let seen = match self.sample(cx, engine, session, sight, check).await {
                Ok(second) => engine.compare(sight, check, &self.how.limits, &first, &second),
                Err(Some(seen)) => *seen,
                Err(None) => return,
            };
            self.report(Seen { began: at, took: ms(began.elapsed()), ..seen });
        }
        self.again(cx, engine, session, sight, checks).await;
    }

    /// Who waits for whom is looked at again where somebody waited for a moment, as it seemed at first: by now it is known whether it was one.
    async fn again(&mut self, cx: &Cx, engine: &dyn Assessing, session: &Session, sight: &Sight, checks: &[&'static Check]) {
        let waited = |s: &Seen| {
            WAITS.contains(&s.check.as_str()) && s.severity < Severity::Warning && s.figures.get("waiting").is_some_and(|n| *n >= 1.0)
        };
        for at in 0..self.done.len() {
            let first = &self.done[at];
            let Some(check) = checks.iter().find(|c| c.id == first.check).filter(|_| waited(first)) else { continue };
            let Some(seen) = self.read(cx, engine, session, sight, check).await else { return };
            // That nobody waits at one moment takes nothing back: many short waits leave such moments.
            if matches!(seen.severity, Severity::Warning | Severity::Critical) {
                self.report(seen);
                self.done.swap_remove(at);
            }
        }
    }

    /// Stands for what is not read any more, in the order of the catalogue.
    pub fn leave(&mut self, checks: &[&'static Check], why: &str) {
        let left: Vec<Seen> =
            checks.iter().filter(|c| !self.done.iter().any(|s| s.check == c.id)).map(|c| Seen::blind(c, why, "")).collect();
        for seen in left {
            self.report(seen);
        }
    }

    async fn look(&mut self, cx: &Cx, engine: &dyn Assessing, session: &Session, sight: &Sight, check: &'static Check) {
        if self.gone.get().is_some() || self.done.iter().any(|s| s.check == check.id) {
            return;
        }
        if let Some(seen) = self.read(cx, engine, session, sight, check).await {
            self.report(seen);
        }
    }

    /// What a check sees; `None` when the connection is gone.
    async fn read(&self, cx: &Cx, engine: &dyn Assessing, session: &Session, sight: &Sight, check: &'static Check) -> Option<Seen> {
        let session = &self.now(session);
        let (at, began) = (Timestamp::now(), Instant::now());
        let seen = match self.unread(cx, check) {
            Some(seen) => seen,
            None => match self.limited(session, engine.look(session, sight, check, &self.how.limits)).await {
                Ok(seen) => seen,
                Err(_) if self.gone.get().is_some() => return None,
                Err(e) => blind(check, &e, &sight.grant),
            },
        };
        Some(Seen { began: at, took: ms(began.elapsed()), ..seen })
    }

    /// An error is what stands for the sample; `None` when the connection is gone.
    async fn sample(
        &self,
        cx: &Cx,
        engine: &dyn Assessing,
        session: &Session,
        sight: &Sight,
        check: &'static Check,
    ) -> Result<Sample, Option<Box<Seen>>> {
        if let Some(seen) = self.unread(cx, check) {
            return Err(Some(Box::new(seen)));
        }
        let session = &self.now(session);
        match self.limited(session, engine.sample(session, sight, check)).await {
            Ok(Ok(sample)) => Ok(sample),
            Ok(Err(seen)) => Err(Some(Box::new(seen))),
            Err(_) if self.gone.get().is_some() => Err(None),
            Err(e) => Err(Some(Box::new(blind(check, &e, &sight.grant)))),
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
    pub async fn limited<T>(&self, session: &Session, work: impl Future<Output = Result<T>>) -> Result<T> {
        let began = Instant::now();
        let left = self.left();
        let limit = self.limit.min(left);
        match tokio::time::timeout(limit, work).await {
            Ok(done) => {
                // One that was asked once whether it is there is only slow.
                let _ = self.silent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < SILENT).then_some(0));
                if let Err(e) = &done
                    && (e.kind == Kind::Connect || session.status().lost.is_some())
                {
                    let _ = self.gone.set(e.clone());
                }
                done
            }
            Err(_) => {
                let _ = tokio::time::timeout(GRACE, session.cancel()).await;
                // Cut short by the budget it says nothing of the server.
                if limit < left {
                    self.unanswered(session).await;
                }
                Err(Error::new(Kind::Unknown, format!("timed out after {}", crate::text::duration(began.elapsed()))))
            }
        }
    }

    /// A question got no answer in time and was cancelled. What the server holds all the same keeps the session for as long: the rest is asked
    /// by another one, where there is room. A server that answers nobody is gone.
    async fn unanswered(&self, session: &Session) {
        let silent = self.silent.fetch_add(1, Ordering::Relaxed) + 1;
        let given_up = self.anew.lock().unwrap_or_else(PoisonError::into_inner).1;
        let held = given_up < GIVEN_UP && tokio::time::timeout(GRACE, session.fetch("SELECT 1")).await.is_err();
        if !held && silent != SILENT {
            return;
        }
        match (self.log_in)(if silent == SILENT { LOGIN } else { ANEW }).await {
            Ok(other) if held => {
                *self.anew.lock().unwrap_or_else(PoisonError::into_inner) = (Some(other), given_up + 1);
                session.sever();
            }
            Ok(other) => super::leave(other).await,
            Err(_) if silent == SILENT => {
                let _ = self.gone.set(Error::connect(format!("{SILENT} questions in a row got no answer")));
            }
            Err(_) => {}
        }
    }
}

/// A check that the server would not answer.
fn blind(check: &Check, e: &Error, grant: &str) -> Seen {
    // insufficient_privilege
    let lifts = if e.code.as_deref() == Some("42501") { grant } else { "" };
    Seen::blind(check, e.message.clone(), lifts)
}
