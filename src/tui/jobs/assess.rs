//! Assessing a target by a connection of its own, open or not.

use super::{Shared, files};
use crate::app::Msg;
use crate::app::effect::JobId;
use crate::app::panes::assess::recover::Told;
use crate::app::state::Note;
use crate::model::assessment::Assessment;
use crate::model::recovery::Action;
use crate::model::{Error, Result};
use crate::ops::gate::{Yes, clear_recovery};
use crate::ops::{self, assess, recovery};
use secrecy::SecretString;
use std::path::PathBuf;
use std::sync::Arc;

pub async fn assess(shared: Arc<Shared>, job: JobId, name: String, only: Vec<String>, password: Option<SecretString>) {
    let cx = shared.job_cx(job);
    let result = async {
        let target = shared.target(&name)?;
        if let Some(p) = password {
            crate::ops::connect::typed(&cx, &target, p)?;
        }
        let how = assess::How { only, ..assess::How::default() };
        let told = |news| shared.send(Msg::Assessing { job, news });
        let found: Result<_> = ops::assess::assess(&cx, target, &how, told).await;
        found.inspect_err(|e| {
            if e.asks() {
                cx.forget_password(&name);
            }
        })
    };
    let result = result.await.map(Box::new);
    shared.unregister(job);
    shared.send(Msg::Assessed { job, result });
}

/// Reads the locks by the session that is kept for it. A look that hangs is not begun twice: the next one waits for the session.
pub async fn look_at_locks(shared: Arc<Shared>, job: JobId, name: String) {
    let cx = shared.job_cx(job);
    let work = async {
        let mut kept = shared.locks.lock().await;
        if kept.as_ref().is_none_or(|w| w.target() != name) {
            *kept = Some(ops::assess::Watch::new(&cx, shared.target(&name)?).await?);
        }
        match kept.as_mut() {
            Some(watch) => watch.look().await,
            None => Err(Error::cancelled()),
        }
    };
    let result = tokio::select! {
        seen = work => seen,
        () = cx.cancel.cancelled() => Err(Error::cancelled()),
    };
    shared.unregister(job);
    shared.send(Msg::LockTree { job, result: result.map(Box::new) });
}

/// Writes the hand-over of an assessment into a new file.
pub fn hand_over(shared: &Shared, assessment: &Assessment, path: PathBuf) {
    let path = files::resolve(shared, &path);
    let written = shared.target(&assessment.target).and_then(|target| assess::write_hand_over(&shared.cx(), &target, assessment, &path));
    shared.send(Msg::Said(match written {
        Ok(()) => Note::ok(format!("The hand-over is in {}.", crate::text::clean(&path.display().to_string()))),
        Err(e) => Note::error(&e),
    }));
}

/// Looks at what a recovery action would do, or does what was shown.
pub async fn recover(shared: Arc<Shared>, job: JobId, name: String, action: Action, yes: Option<Yes>) {
    let cx = shared.job_cx(job);
    let result = async {
        let target = shared.target(&name)?;
        // By connections of its own: the target need not be open. The one that reads the lock tree may be the last that is left.
        shared.locks.lock().await.take();
        let (conn, _) = recovery::connected(&cx, target, action.deed).await?;
        let prospect = recovery::prepare(&conn, &action).await?;
        let Some(yes) = yes else {
            let mark = recovery::mark(&conn, &prospect);
            return Ok(Told::Prospect(Box::new(prospect), mark));
        };
        match clear_recovery(&cx, &conn, prospect, &yes).await? {
            Ok(right) => recovery::act(&cx, &conn, right).await.map(Told::Done),
            Err(held) => {
                let why: Vec<&str> = held.missing.iter().map(|m| m.why.as_str()).collect();
                let next = held.missing.iter().map(|m| m.next.clone()).filter(|n| !n.is_empty()).collect();
                Ok(Told::Held(format!("Held, nothing was done: {}. Look at it again.", why.join("; ")), next))
            }
        }
    };
    let result = result.await;
    shared.unregister(job);
    shared.send(Msg::Recovery { job, result });
}
