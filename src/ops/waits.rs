//! Whom a session waits for: the sentence that tells it, and looking while work goes on where no console looks by its clock.

use super::Connection;
use crate::model::Blocker;
use crate::text;
use std::future::Future;
use std::time::{Duration, Instant};

/// Who has the lock that `what` (`statement`, `import`) waits for, and how many `others` have it, too.
pub fn sentence(what: &str, b: &Blocker, others: usize) -> String {
    let who = text::clean(&b.who);
    if !b.known {
        return format!("The {what} waits ({who}); this server does not tell for whom.");
    }
    let idle = b.idle.map_or_else(String::new, |s| format!(", idle in its transaction for {}", seconds(s)));
    let ran = match (b.statement.trim(), b.idle) {
        ("", _) => String::new(),
        (s, None) => format!(", which runs: {}", shortened(s)),
        (s, Some(_)) => format!("; it ran last: {}", shortened(s)),
    };
    let more = if others == 0 { String::new() } else { format!(" (and {})", text::counted(others as u64, "other")) };
    format!("The {what} waits for a lock of {who}{idle}{ran}{more}")
}

/// That nobody is waited for any more.
pub fn over(what: &str) -> String {
    format!("The lock is there: the {what} goes on.")
}

/// A statement in one line, long enough to know it.
fn shortened(statement: &str) -> String {
    text::truncate(&text::clean(&text::one_line(statement)), 160).into_owned()
}

/// A time for people.
pub fn seconds(s: u64) -> String {
    if s < 120 { format!("{s} s") } else { format!("{} min", s / 60) }
}

/// Seconds during which locks are looked at each second; later each fifth one.
const EACH_SECOND: u64 = 5;

/// Does the work of `what`, and tells meanwhile who keeps it waiting, each of them once, and that the wait is over. `backend` is what the
/// server calls the session that works, once there is one. What cannot be seen (an engine without such locks, a login that may not
/// look) is not told.
pub async fn told<T>(
    conn: &Connection,
    what: &str,
    backend: &(dyn Fn() -> Option<u64> + Sync),
    tell: &(dyn Fn(&str) + Sync),
    work: impl Future<Output = T>,
) -> T {
    tokio::select! {
        done = work => done,
        never = look(conn, what, backend, tell) => match never {},
    }
}

async fn look(
    conn: &Connection,
    what: &str,
    backend: &(dyn Fn() -> Option<u64> + Sync),
    tell: &(dyn Fn(&str) + Sync),
) -> std::convert::Infallible {
    let begun = Instant::now();
    let mut known: Vec<String> = Vec::new();
    loop {
        let pause = if begun.elapsed().as_secs() < EACH_SECOND { 1 } else { EACH_SECOND };
        tokio::time::sleep(Duration::from_secs(pause)).await;
        let Some(backend) = backend() else { continue };
        let found = async { conn.engine().locks().get()?.blockers(&conn.reader().await?, backend).await };
        let Ok(now) = found.await else { return std::future::pending().await };
        match now.iter().find(|b| !known.contains(&b.who)) {
            Some(first) => tell(&sentence(what, first, now.len() - 1)),
            None if now.is_empty() && !known.is_empty() => tell(&over(what)),
            None => {}
        }
        known = now.into_iter().map(|b| b.who).collect();
    }
}
