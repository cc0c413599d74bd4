//! Who keeps the running statement waiting: asked of the server by another session once a statement takes longer than a second, told
//! on the line of what runs, and said once for each that is new.

use super::effect::{Effect, JobId};
use super::state::{Note, State};
use crate::model::{Blocker, Result};
use crate::text;

/// What is known of it, for one statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blocked {
    /// As of the last answer.
    pub by: Vec<Blocker>,
    /// An answer is under way.
    asking: bool,
    /// It cannot be seen: asked no further.
    unknown: bool,
}

/// Seconds after which a statement's locks are looked at each second, and then at each fifth one.
const EACH_SECOND: i64 = 5;

/// The clock came.
pub fn ask(state: &mut State, effects: &mut Vec<Effect>) {
    let (now, link) = (state.now, state.link_no);
    let Some(r) = &mut state.query.running else { return };
    let age = now.as_second() - r.since.as_second();
    let due = age >= 1 && (age <= EACH_SECOND || age % 5 == 0);
    if due && !r.blocked.asking && !r.blocked.unknown {
        r.blocked.asking = true;
        effects.push(Effect::AskBlockers { link, job: r.job });
    }
}

/// The answer.
pub fn told(state: &mut State, job: JobId, result: Result<Vec<Blocker>>) {
    let Some(r) = state.query.running.as_mut().filter(|r| r.job == job) else { return };
    r.blocked.asking = false;
    let now = match result {
        Ok(now) => now,
        // An engine without such locks, or a login that may not look.
        Err(_) => {
            r.blocked = Blocked { unknown: true, ..Blocked::default() };
            return;
        }
    };
    let before = std::mem::replace(&mut r.blocked.by, now.clone());
    let news = now.iter().find(|b| !before.iter().any(|o| o.who == b.who));
    if let Some(first) = news {
        state.say(Note::warning(sentence(first, now.len() - 1)));
    } else if now.is_empty() && !before.is_empty() {
        state.say(Note::ok("The lock is there: the statement goes on."));
    }
}

fn sentence(b: &Blocker, others: usize) -> String {
    let who = text::clean(&b.who);
    if !b.known {
        return format!("The statement waits ({who}); this server does not tell for whom.");
    }
    let idle = b.idle.map_or_else(String::new, |s| format!(", idle in its transaction for {}", seconds(s)));
    let what = match (b.statement.trim(), b.idle) {
        ("", _) => String::new(),
        (s, None) => format!(", which runs: {}", shortened(s)),
        (s, Some(_)) => format!("; it ran last: {}", shortened(s)),
    };
    let more = if others == 0 { String::new() } else { format!(" (and {})", text::counted(others as u64, "other")) };
    format!("The statement waits for a lock of {who}{idle}{what}{more}")
}

/// A statement in one line, long enough to know it.
fn shortened(statement: &str) -> String {
    let words: Vec<&str> = statement.split_whitespace().take(60).collect();
    text::truncate(&text::clean(&words.join(" ")), 160).into_owned()
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

fn seconds(s: u64) -> String {
    if s < 120 { format!("{s} s") } else { format!("{} min", s / 60) }
}
