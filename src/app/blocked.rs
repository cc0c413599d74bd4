//! Who keeps the running statement, an import or cell edits waiting: asked of the server by another session once a statement takes longer than a second, told
//! on the line of what runs, and said once for each that is new.

use super::effect::{Effect, JobId};
use super::state::{Note, State};
use crate::model::{Blocker, Result};
use crate::ops::waits::{over, seconds, sentence};
use crate::text;

/// What is known of it, for one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// What waits, as a sentence about it names it: `statement`.
    what: &'static str,
    /// As of the last answer.
    pub by: Vec<Blocker>,
    /// An answer is under way.
    asking: bool,
    /// It cannot be seen: asked no further.
    unknown: bool,
}

impl Blocked {
    /// Nothing is known yet of what keeps `what` waiting.
    pub fn of(what: &'static str) -> Self {
        Blocked { what, by: Vec::new(), asking: false, unknown: false }
    }
}

/// Seconds after which a statement's locks are looked at each second, and then at each fifth one.
const EACH_SECOND: i64 = 5;

/// The clock came.
pub fn ask(state: &mut State, effects: &mut Vec<Effect>) {
    let (now, link) = (state.now, state.link_no);
    let statement = state.query.running.as_mut().map(|r| (r.job, r.since, &mut r.blocked));
    let jobs = state.jobs.iter_mut().filter_map(|j| Some((j.id, j.started, j.blocked.as_mut()?)));
    for (job, since, blocked) in statement.into_iter().chain(jobs) {
        let age = now.as_second() - since.as_second();
        let due = age >= 1 && (age <= EACH_SECOND || age % 5 == 0);
        if due && !blocked.asking && !blocked.unknown {
            blocked.asking = true;
            effects.push(Effect::AskBlockers { link, job });
        }
    }
}

/// Who keeps a job waiting, as far as it is known.
pub fn of(state: &State, job: JobId) -> Option<&Blocked> {
    let statement = state.query.running.as_ref().filter(|r| r.job == job).map(|r| &r.blocked);
    statement.or_else(|| state.jobs.iter().find(|j| j.id == job)?.blocked.as_ref())
}

/// The answer.
pub fn told(state: &mut State, job: JobId, result: Result<Vec<Blocker>>) {
    let statement = state.query.running.as_mut().filter(|r| r.job == job).map(|r| &mut r.blocked);
    let mut own = state.jobs.iter_mut().filter(|j| j.id == job).filter_map(|j| j.blocked.as_mut());
    let Some(blocked) = statement.or_else(|| own.next()) else { return };
    blocked.asking = false;
    let what = blocked.what;
    let now = match result {
        Ok(now) => now,
        // An engine without such locks, or a login that may not look.
        Err(_) => {
            *blocked = Blocked { unknown: true, ..Blocked::of(what) };
            return;
        }
    };
    let before = std::mem::replace(&mut blocked.by, now.clone());
    let news = now.iter().find(|b| !before.iter().any(|o| o.who == b.who));
    if let Some(first) = news {
        state.say(Note::warning(sentence(what, first, now.len() - 1)));
    } else if now.is_empty() && !before.is_empty() {
        state.say(Note::ok(over(what)));
    }
}

/// What stands on the line of what runs.
pub fn words(blocked: &Blocked) -> Option<String> {
    let b = blocked.by.first()?;
    let who = text::clean(&b.who);
    Some(match (b.known, b.idle) {
        (false, _) => format!("waits for a lock ({who})"),
        (true, None) => format!("waits for {who}"),
        (true, Some(s)) => format!("waits for {who}, idle {}", seconds(s)),
    })
}
