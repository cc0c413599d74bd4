//! What the assessments of all engines share: how a catalogue of checks is written, words for figures, the judgement of a lock tree and
//! of a disk. What is read stands with each engine.

mod disks;
mod locks;

use crate::model::assessment::{Check, Limit, Sample, Seen, Sight};
use crate::model::recovery::Deed;
use crate::model::{Dialect, Finding, Severity};
use crate::text;
use std::time::Duration;

pub(super) use disks::{Growth, judge_disks, judge_growth, sample_free};
pub(super) use locks::{AGAIN, COMMITS, ROLLS_BACK, Words, in_the_way, is_hasty, judge_locks, moved};

pub(super) const fn limit(name: &'static str, unit: &'static str, warning: f64, critical: f64) -> Limit {
    Limit { name, unit, warning, critical }
}

pub(super) const fn check(
    id: &'static str,
    name: &'static str,
    reads: &'static str,
    means: &'static str,
    limits: &'static [Limit],
) -> Check {
    Check { id, name, reads, means, limits, twice: false }
}

/// A check that compares two samples.
pub(super) const fn twice(
    id: &'static str,
    name: &'static str,
    reads: &'static str,
    means: &'static str,
    limits: &'static [Limit],
) -> Check {
    Check { twice: true, ..check(id, name, reads, means, limits) }
}

/// Seconds as people say them; servers tell whole ones.
pub(super) fn age(seconds: f64) -> String {
    if seconds < 1.0 {
        return "less than 1 s".into();
    }
    text::duration(Duration::from_secs(seconds.max(0.0) as u64))
}

/// Pages a second from the disk below which a low share found in memory is nobody's trouble: after a start all are read once. Our own
/// figure; 8 MB/s, what the slowest disk of a server gives.
pub const BUSY_READS: f64 = 1000.0;

pub(super) fn bytes(n: f64) -> String {
    text::bytes(n.max(0.0) as u64)
}

pub(super) fn thousands(n: f64) -> String {
    text::thousands(n.max(0.0) as u64)
}

/// A statement on one line, without its constants: findings go to tickets, chats and other machines.
pub(super) fn one_line(dialect: Dialect, statement: &str, most: usize) -> String {
    text::truncate(&crate::sql::without_constants(dialect, statement).split_whitespace().collect::<Vec<_>>().join(" "), most).into_owned()
}

/// Without the right to look, nothing that was found is not nothing: what cannot be seen stands beside it.
pub(super) fn hidden(mut seen: Seen, sight: &Sight, check: &Check, what: &str) -> Seen {
    if !sight.sees_all && seen.severity < Severity::Warning {
        seen.find(Finding::new(Severity::Unknown, check.id, "sessions", what).lifts(&sight.grant));
    }
    seen
}

/// How many connections are taken, of how many, by whom; `end` is a session whose end gives one back at no cost.
pub(super) fn taken(
    severity: Severity,
    check: &Check,
    server: &str,
    (all, most): (f64, f64),
    who: &[String],
    next: String,
    end: Option<String>,
) -> Finding {
    let who = if who.is_empty() { String::new() } else { format!(": {}", who.join(", ")) };
    let words = format!("{all} of {most} connections are taken ({:.0} %){who}", 100.0 * all / most);
    let found = Finding::new(severity, check.id, server, words).next(next);
    match end {
        Some(session) => found.recover(Deed::Terminate, session),
        None => found,
    }
}

/// What lets others in where most sessions do nothing. `setting` ends such ones by itself.
pub(super) fn end_idle(session: &str, setting: &str) -> String {
    format!(
        "Most of them do nothing: ending those that have done so for longest lets others in now (the longest is {session}; it has no transaction \
         open). Then lower the pool's size; {setting} holds for new sessions alone."
    )
}

/// How much longer a statement takes than it did on average until the first sample, where that is a change; counters are calls and
/// milliseconds.
pub(super) fn slower(first: &Sample, name: &str, now: f64) -> Option<String> {
    const CALLS: f64 = 100.0;
    const TIMES: f64 = 3.0;
    let before = first.counters.get(name)?;
    let (calls, took) = (*before.first()?, *before.get(1)?);
    let average = took / calls;
    (calls >= CALLS && average > 0.0 && now / average >= TIMES)
        .then(|| format!("{:.0} times its average of {} until then, {average:.2} ms", now / average, text::counted(calls as u64, "call")))
}

/// The next step for the statement that takes most of the time.
pub(super) fn look_at_its_plan(slower: bool, place: &str) -> String {
    let changed = if slower { "Something has changed for it: an index that is gone, its data, its plan. " } else { "" };
    format!(
        "{changed}Look at its plan with values of the application in the place of {place} (holdpoint explain TARGET, or F6): who runs it now has some."
    )
}

/// What came to the counters of a name; counters that fell were reset.
pub(super) fn grown(first: &Sample, second: &Sample, name: &str) -> Option<Vec<f64>> {
    let (a, b) = (first.counters.get(name), second.counters.get(name)?);
    let out: Vec<f64> = b.iter().enumerate().map(|(i, v)| v - a.and_then(|a| a.get(i)).unwrap_or(&0.0)).collect();
    out.iter().all(|v| *v >= 0.0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_takes_longer_than_it_did_says_how_much() {
        let before = |calls, took| Sample { counters: [("q".to_string(), vec![calls, took])].into(), ..Sample::default() };
        let told = slower(&before(1000.0, 100.0), "q", 113.4).expect("a thousand times");
        assert_eq!(told, "1134 times its average of 1,000 calls until then, 0.10 ms");
        assert_eq!(slower(&before(1000.0, 100_000.0), "q", 113.4), None, "as it always was");
        assert_eq!(slower(&before(3.0, 0.3), "q", 113.4), None, "of three calls nothing is known");
        assert_eq!(slower(&before(1000.0, 100.0), "another", 113.4), None);
    }
}
