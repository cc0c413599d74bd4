//! What the assessments of all engines share: how a catalogue of checks is written, words for figures, the judgement of a lock tree and
//! of a disk. What is read stands with each engine.

use crate::model::assessment::{Check, Limit, Limits, Sample, Seen, Sight};
use crate::model::lock_tree::{LockSession, LockTree};
use crate::model::recovery::Deed;
use crate::model::{Dialect, Finding, Severity};
use crate::text;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

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

/// What came to the counters of a name; counters that fell were reset.
pub(super) fn grown(first: &Sample, second: &Sample, name: &str) -> Option<Vec<f64>> {
    let (a, b) = (first.counters.get(name), second.counters.get(name)?);
    let out: Vec<f64> = b.iter().enumerate().map(|(i, v)| v - a.and_then(|a| a.get(i)).unwrap_or(&0.0)).collect();
    out.iter().all(|v| *v >= 0.0).then_some(out)
}

/// How an engine speaks of its sessions.
pub(super) struct Words {
    pub dialect: Dialect,
    /// What the server calls a session: `pid`, `connection`.
    pub session: &'static str,
    /// A waiting session that wants a lock which lets nobody in: whoever comes later waits behind it.
    pub is_queued_ddl: fn(&LockSession) -> bool,
    /// What stands in place of a statement that the role may not see.
    pub veiled: &'static str,
    /// The setting that keeps a statement from waiting long.
    pub timeout: &'static str,
    /// The check of who confirms commits.
    pub confirms: &'static str,
}

/// The state of a session that has committed and waits for another machine to confirm it: it is a victim itself, and cancelling it rolls
/// nothing back.
pub(super) const COMMITS: &str = "waiting for a standby to confirm its commit";

/// The state of a session whose work is being undone: all that helps is to wait.
pub(super) const ROLLS_BACK: &str = "being rolled back";

/// Who a session is, and what it does.
fn named(session: &LockSession, words: &Words) -> String {
    if session.id == 0 {
        // Its name stands where a session's program does.
        let open = session.open_for.map_or_else(String::new, |n| format!(", prepared {} ago", age(n as f64)));
        return match (session.client.as_str(), session.user.as_str()) {
            ("", _) => "a prepared transaction".into(),
            (name, user) => format!("the prepared transaction “{name}” of “{user}”{open}"),
        };
    }
    let mut parts = vec![format!("{} {}", words.session, session.id)];
    parts.extend([&session.user, &session.client].into_iter().filter(|t| !t.is_empty()).map(|t| format!("“{t}”")));
    match (session.idle, session.state.as_str()) {
        (Some(idle), state) => parts.push(format!("{state} for {}", age(idle as f64))),
        (None, "") => parts.push("its role may not be looked into".into()),
        (None, state) => parts.push(state.into()),
    }
    // Of the server's own what it does says who it is.
    if session.own && !session.statement.is_empty() {
        parts.push(one_line(words.dialect, &session.statement, 80));
    }
    parts.join(", ")
}

/// After how long a tree of short waits is looked at again.
pub(super) const AGAIN: Duration = Duration::from_millis(300);

/// Many wait, and nobody for longer than a second (whole ones are told, and a moment may lie across the edge of two): a pile-up that has just
/// begun, or many short waits for the same rows. Another look tells.
pub(super) fn is_hasty(tree: &LockTree, check: &Check, limits: &Limits) -> bool {
    let longest = tree.sessions.iter().filter_map(|s| s.waits).max().unwrap_or(0);
    let most = tree.roots.iter().map(|r| r.victims).sum::<usize>();
    longest <= 1 && Severity::of(most as f64, limits.of(check, "victims")) >= Severity::Warning
}

/// The later one of two looks, with whether anybody is still in the way who was.
pub(super) fn moved(first: &LockTree, mut second: LockTree, check: &Check, limits: &Limits) -> LockTree {
    let roots = |t: &LockTree| t.roots.iter().map(|r| t.sessions[r.at].id).collect::<BTreeSet<u64>>();
    second.moving = is_hasty(&second, check, limits) && roots(first).is_disjoint(&roots(&second));
    second
}

/// The lock tree as a check: the roots with most behind them.
pub(super) fn judge_locks(tree: &LockTree, words: &Words, check: &Check, limits: &Limits) -> Seen {
    let asked = tree.waiting();
    let waiting = asked + tree.unasked;
    // Where not all were asked, a number of theirs is one of those who were.
    let of = |n: usize| match tree.unasked {
        0 => waits(n),
        _ => format!("{} wait, and of {asked} that were looked at {n}", text::counted(waiting as u64, "session")),
    };
    let longest = tree.sessions.iter().filter_map(|s| s.waits).max().unwrap_or(0);
    let mut seen = Seen::of(check).figure("waiting", waiting as f64).figure("wait", longest as f64);
    seen.says = match tree.roots.first() {
        None if waiting == 0 => "nobody waits".into(),
        None if tree.circle.is_empty() => format!("{waiting} waiting, longest {}, for whom cannot be seen", age(longest as f64)),
        None => format!("{} wait for each other in a circle", text::counted(tree.circle.len() as u64, "session")),
        Some(r) => format!(
            "{waiting} waiting, longest {}, root {}",
            age(longest as f64),
            match tree.sessions[r.at].id {
                0 => "a prepared transaction".to_string(),
                id => id.to_string(),
            }
        ),
    };
    // Nobody is to be ended: a moment later somebody else is in the way.
    if tree.moving {
        let sample = tree.sessions.iter().find(|s| s.waits.is_some() && !s.statement.is_empty());
        let statement = sample.map(|s| one_line(words.dialect, &s.statement, 80)).filter(|t| *t != words.veiled && !t.is_empty());
        let like = statement.map_or_else(String::new, |t| format!(", among them {t}"));
        let told = format!("{waiting} sessions wait for one another, none for as long as 2 s: many change the same rows at once{like}");
        seen.find(
            Finding::new(Severity::Warning, check.id, "sessions", told)
                .next("Ending a session helps nobody. See the top statements; spread what all of them change, or let fewer run at once."),
        );
        seen.says = format!("{waiting} waiting, none for as long as 2 s");
        return seen;
    }
    for root in &tree.roots {
        let holder = &tree.sessions[root.at];
        let by_wait = Severity::of(root.longest as f64, limits.of(check, "wait"));
        let victims = if asked == 0 { 0.0 } else { root.victims as f64 * waiting as f64 / asked as f64 };
        let commits = holder.state == COMMITS;
        let mut severity = by_wait.max(Severity::of(victims, limits.of(check, "victims"))).max(Severity::Info);
        // What keeps the standby from confirming is the cause, and has a check of its own.
        if commits {
            severity = severity.min(Severity::Warning);
        }
        // The DDL that stands first behind the root makes a pile-up of what was one wait.
        let ddl = tree.sessions.iter().find(|s| s.waits.is_some() && (words.is_queued_ddl)(s) && s.blocked_by.contains(&holder.id));
        let ddl = ddl.filter(|_| !commits);
        let (mut message, mut next) = (
            format!("{} behind {}, the longest for {}", of(root.victims), named(holder, words), age(root.longest as f64)),
            match (holder.id, holder.idle) {
                // Either may lose data, and which is right is known elsewhere: no command stands ready.
                (0, _) => {
                    "Finish the prepared transaction: its coordinator knows whether it commits (commit-prepared) or not (rollback-prepared)."
                        .to_string()
                }
                _ if holder.own => format!(
                    "Session {} is the server's own, and is not ended: let it finish; what waits for it can be cancelled and run later.",
                    holder.id
                ),
                _ if holder.state == ROLLS_BACK => format!(
                    "Wait: what {} did is being undone, and its locks go with that. Never restart the server for it: the same is undone then, with \
                     nobody let in.",
                    holder.id
                ),
                (id, None) if holder.keeps => format!(
                    "End session {id} (its transaction is rolled back): what it holds is older than the statement that it runs, and cancelling that \
                     gives nothing back."
                ),
                _ if commits => format!(
                    "See {}: with one back that confirms, or no longer waited for, all go on. It has committed here: cancelling rolls nothing back.",
                    words.confirms
                ),
                (id, Some(_)) if !holder.state.starts_with("idle in transaction") => {
                    format!("End session {id}: it holds the lock without a transaction, and gives it back with its end alone.")
                }
                (id, Some(_)) => format!("End session {id} (its transaction is rolled back): cancelling does nothing to an idle one."),
                (id, None) => format!("Look at what {id} runs; cancelling it rolls its statement back."),
            },
        );
        // What a replica applies is not cancelled: replication would stop there. Who is in its way ends.
        let applied = ddl.filter(|d| d.own);
        if applied.is_some() {
            next = format!(
                "What waits is the replica's own applier: replication stands still behind {0}. End session {0}; never cancel the applier.",
                holder.id
            );
        }
        let ddl = ddl.filter(|d| !d.own);
        if let Some(ddl) = ddl.filter(|_| root.victims > 1 || holder.own) {
            // A role that may not look into sessions sees the lock alone.
            let statement = match one_line(words.dialect, &ddl.statement, 48) {
                told if told.is_empty() || told == words.veiled => format!("somebody who wants {}", ddl.wants.trim_end_matches(" on ")),
                told => told,
            };
            if root.victims > 1 {
                message = format!(
                    "{} behind {statement} ({} {}), which waits for {}; the longest for {}",
                    of(root.victims - 1),
                    words.session,
                    ddl.id,
                    named(holder, words),
                    age(root.longest as f64)
                );
            }
            let or = match (holder.own, holder.state == ROLLS_BACK) {
                (true, _) => format!("or let {} finish, which is the server's own and is not ended", holder.id),
                (false, true) => format!("or wait until {} is undone", holder.id),
                (false, false) => format!("or end {}", holder.id),
            };
            next = format!("Cancel the waiting statement of {} {} and run it later with a {}; {or}.", words.session, ddl.id, words.timeout);
        }
        let mut finding = Finding::new(severity, check.id, format!("{} {}", words.session, holder.id), message).next(next);
        // The gentlest that helps: a statement that waits is cancelled, an open transaction that does nothing can only be ended.
        finding = match (ddl.filter(|_| root.victims > 1 || holder.own), holder.id, holder.idle) {
            _ if commits => finding,
            (Some(ddl), ..) => finding.recover(Deed::Cancel, ddl.id.to_string()),
            _ if holder.own || holder.state == ROLLS_BACK => finding,
            (None, id, None) if holder.keeps || applied.is_some() => finding.recover(Deed::Terminate, id.to_string()),
            (None, 0, _) => finding,
            // Without a transaction it holds a lock of its session's (an advisory one, LOCK TABLES): only its end gives that back.
            (None, id, Some(_)) if !holder.state.starts_with("idle in transaction") => finding.recover(Deed::Terminate, id.to_string()),
            (None, id, Some(_)) => finding.recover(Deed::EndIdle, id.to_string()),
            (None, id, None) => finding.recover(Deed::Cancel, id.to_string()),
        };
        seen.find(finding);
        if seen.findings.len() == 5 {
            break;
        }
    }
    seen
}

fn waits(n: usize) -> String {
    match n {
        1 => "1 session waits".into(),
        n => format!("{n} sessions wait"),
    }
}

/// A file system as the operating system tells of it.
pub(super) struct Volume {
    /// Bytes that a user without privileges may still write.
    pub free: f64,
    pub total: f64,
}

impl Volume {
    pub fn of(path: &Path) -> Option<Volume> {
        #[cfg(debug_assertions)]
        if let Some(told) = Volume::told() {
            return path.exists().then_some(told);
        }
        let fs = rustix::fs::statvfs(path).ok()?;
        // What is reserved for root is neither free nor used: as `df` counts.
        let used = fs.f_blocks.saturating_sub(fs.f_bfree);
        let free = fs.f_bavail as f64 * fs.f_frsize as f64;
        Some(Volume { free, total: free + used as f64 * fs.f_frsize as f64 })
    }

    /// Tests of what else is wrong with a server do not depend on how full this machine's disk is: `FREE TOTAL` in bytes stand for it. Built
    /// for tests alone.
    #[cfg(debug_assertions)]
    fn told() -> Option<Volume> {
        let told = std::env::var("HOLDPOINT_TEST_DISK").ok()?;
        let (free, total) = told.split_once(' ')?;
        Some(Volume { free: free.parse().ok()?, total: total.parse().ok()? })
    }

    /// Percent.
    pub fn used(&self) -> f64 {
        if self.total > 0.0 { 100.0 * (1.0 - self.free / self.total) } else { 0.0 }
    }
}

/// What each of the places on this machine has left; `None` where none of them could be seen.
pub(super) fn judge_disks(places: &[(&str, String)], check: &Check, limits: &Limits, next: &str) -> Option<Seen> {
    let mut seen = Seen::of(check);
    let mut told: Vec<(String, Vec<&str>)> = Vec::new();
    let mut fullest = 0f64;
    for (what, path) in places {
        let Some(volume) = Volume::of(Path::new(path)) else { continue };
        let used = volume.used();
        fullest = fullest.max(used);
        let figures = format!("{used:.0} % full, {} left", bytes(volume.free));
        // Places on one file system say the same.
        match told.iter_mut().find(|(f, _)| *f == figures) {
            Some((_, also)) => also.push(what),
            None => told.push((figures.clone(), vec![what])),
        }
        let severity = Severity::of(used, limits.of(check, "used"));
        let new = told.iter().any(|(f, what)| *f == figures && what.len() == 1);
        if severity >= Severity::Warning && new {
            seen.find(Finding::new(severity, check.id, path, format!("the file system of {what} ({path}) is {figures}")).next(next));
        }
    }
    let told: Vec<String> = told.iter().map(|(figures, what)| format!("{}: {figures}", what.join(", "))).collect();
    (!told.is_empty()).then(|| seen.says(told.join("; ")).figure("used", fullest))
}

/// Notes the free bytes of each place that can be looked at.
pub(super) fn sample_free(places: &[(&str, String)], into: &mut Sample) {
    for (what, path) in places {
        if let Some(volume) = Volume::of(Path::new(path)) {
            into.counters.insert(format!("free {what}"), vec![volume.free, volume.total]);
        }
    }
}

/// Seconds between two samples from which on a forecast is made, and the share of a disk that has to be free to make it no alarm.
const STEADY: f64 = 4.0;
const ROOMY: f64 = 0.3;
/// The share of room below which a disk is full.
const FULL: f64 = 0.002;
/// Seconds within which a disk that goes on filling is full before anybody has looked for what fills it.
const AT_ONCE: f64 = 300.0;

/// Bytes a second that the server writes besides what is counted: its log of messages, statistics, free-space maps.
const SLACK: f64 = 1_048_576.0;

/// What is known of what grows on the disks.
pub(super) struct Growth<'a> {
    /// Bytes a second that the server is known to write into logs of transactions and temporary files; `None` where that is not seen.
    pub rate: Option<f64>,
    /// What is known to grow, or is kept.
    pub why: &'a str,
    pub next: &'a str,
    /// Bytes a second, of those that are written, by which something grows that ends by itself; and how many more it may take.
    pub recycled: Option<(f64, f64)>,
    /// Commands that run and end, and how many bytes they may still write at most.
    pub commands: Option<(&'a str, f64)>,
    /// What gives room at once, where only one thing keeps it.
    pub recover: Option<(Deed, &'a str)>,
    /// By what is in them, as in [`sample_free`].
    pub places: &'a [(&'a str, String)],
}

/// The root of the file system that a place is on: where to look for what fills it.
fn mount_of(places: &[(&str, String)], what: &str) -> String {
    use std::os::unix::fs::MetadataExt;
    let Some((_, path)) = places.iter().find(|(name, _)| *name == what) else { return ".".into() };
    let device = |p: &Path| std::fs::metadata(p).map(|m| m.dev()).ok();
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
    let top = path.ancestors().take_while(|p| device(p) == device(&path)).last().unwrap_or(&path);
    top.display().to_string()
}

/// When the places are full if it goes on like this.
pub(super) fn judge_growth(seen: &mut Seen, check: &Check, limits: &Limits, first: &Sample, second: &Sample, known: &Growth<'_>) {
    let seconds = second.at - first.at;
    // What is written within a moment says nothing of the next hour.
    if seconds < STEADY {
        return;
    }
    // What is full already has no forecast; places on one disk say the same.
    let mut full: Vec<((f64, f64), Vec<&str>)> = Vec::new();
    for (name, room) in second.counters.iter().filter(|(n, _)| n.starts_with("free ")) {
        if let [free, all, ..] = room[..]
            && all > 0.0
            && free / all < FULL
        {
            match full.iter_mut().find(|(disk, _)| *disk == (free, all)) {
                Some((_, places)) => places.push(&name[5..]),
                None => full.push(((free, all), vec![&name[5..]])),
            }
        }
    }
    for ((free, _), places) in full {
        let what = places.join(", ");
        seen.says.push_str(&format!(", {what} full"));
        let words = format!("the disk of {what} is full now: {} are left", bytes(free));
        seen.find(Finding::new(Severity::Critical, check.id, what, words).next(known.next));
    }
    let mut soonest: Option<(f64, f64, &str)> = None;
    for (name, after) in second.counters.iter().filter(|(n, _)| n.starts_with("free ")) {
        let (Some(before), Some(after)) = (first.counters.get(name).and_then(|c| c.first()), after.first()) else { continue };
        let (mut rate, mut after) = ((before - after) / seconds, *after);
        // What is left for the others, once that has all that it takes.
        if let Some((of_it, rest)) = known.recycled.filter(|(_, rest)| *rest < after) {
            (rate, after) = (rate - of_it, after - rest);
            if rate < SLACK {
                continue;
            }
        }
        if rate > 0.0 && soonest.is_none_or(|(s, ..)| after / rate < s) {
            soonest = Some((after / rate, rate, &name[5..]));
        }
    }
    let Some((until, rate, what)) = soonest else { return };
    seen.figures.insert("full".into(), until);
    let mut severity = Severity::of(until, limits.of(check, "full"));
    // A load that fills a disk which is hardly used may well end before; unless it is over in minutes.
    let share = |c: &Vec<f64>| c.first().zip(c.get(1)).map(|(free, all)| free / all);
    let roomy = second.counters.get(&format!("free {what}")).and_then(share).is_some_and(|free| free > ROOMY) && until > AT_ONCE;
    // All that is written lands in a log first, and perhaps in the data as well.
    let foreign = known.rate.filter(|r| rate > 2.0 * r + SLACK);
    let alarming = severity >= Severity::Warning;
    let free = second.counters.get(&format!("free {what}")).and_then(|c| c.first()).copied().unwrap_or(0.0);
    let passing = known.commands.filter(|(_, rest)| *rest < free);
    if passing.is_some() {
        severity = severity.min(Severity::Info);
    }
    if roomy {
        // What somebody else writes for some seconds (a build, a copy) is told, and no danger while there is room.
        severity = severity.min(if foreign.is_some() { Severity::Info } else { Severity::Warning });
    }
    if alarming {
        let (why, next) = match (foreign, known.why) {
            _ if let Some((names, rest)) = passing => (
                format!(": {names} writes it, and needs {} more at most", bytes(rest)),
                "It ends with that: see progress for how far it is.".to_string(),
            ),
            (Some(own), _) => (
                format!(
                    ": the database accounts for {}/s of it at most, something else fills it; which program that is cannot be seen from here",
                    bytes(2.0 * own)
                ),
                format!(
                    "Look for it beside the database: du -xh {} | sort -h | tail; a dump, a log, another program's files.",
                    text::shell_quoted(&mount_of(known.places, what))
                ),
            ),
            (None, "") => (String::new(), known.next.to_string()),
            (None, why) => (format!(": {why}"), known.next.to_string()),
        };
        let by = if foreign.is_some() { format!(" by what others write, {}/s", bytes(rate)) } else { String::new() };
        seen.says.push_str(&format!(", {what} full in ≈ {}{by}", age(until)));
        let message =
            format!("the disk of {what} is full in ≈ {} if it goes on as in these {seconds:.0} s, at {}/s{why}", age(until), bytes(rate));
        let found = Finding::new(severity, check.id, what, message).next(next);
        seen.find(match known.recover.filter(|_| foreign.is_none() && severity == Severity::Critical) {
            Some((deed, object)) => found.recover(deed, object),
            None => found,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_short_waits_with_another_root_at_each_look_end_nobody() {
        const LOCKS: Check = check("T0", "locks", "", "", &[limit("wait", "s", 10.0, 60.0), limit("victims", "sessions", 5.0, 20.0)]);
        const WORDS: Words = Words {
            dialect: Dialect::Postgres,
            session: "pid",
            is_queued_ddl: |_| false,
            veiled: "",
            timeout: "lock_timeout",
            confirms: "standbys",
        };
        let look = |root: u64| {
            let holder = LockSession { id: root, state: "idle in transaction".into(), idle: Some(0), ..LockSession::default() };
            let behind = (100..108).map(|id| LockSession {
                id,
                waits: Some(0),
                blocked_by: vec![root],
                statement: "update branches set balance = balance + 7".into(),
                ..LockSession::default()
            });
            LockTree::of([holder].into_iter().chain(behind).collect())
        };
        assert!(is_hasty(&look(1), &LOCKS, &Limits::default()));
        let seen = judge_locks(&moved(&look(1), look(2), &LOCKS, &Limits::default()), &WORDS, &LOCKS, &Limits::default());
        let f = &seen.findings[0];
        assert!(seen.severity == Severity::Warning && f.recover.is_none() && f.next.starts_with("Ending a session helps nobody"), "{f:#?}");
        assert!(f.message.ends_with("among them update branches set balance = balance + ?"), "{}", f.message);
        // The same one is in the way still: it is a pile-up.
        let seen = judge_locks(&moved(&look(1), look(1), &LOCKS, &Limits::default()), &WORDS, &LOCKS, &Limits::default());
        assert_eq!(seen.findings[0].recover.as_ref().map(|a| a.object.as_str()), Some("1"), "{seen:#?}");
    }

    #[test]
    fn nobody_is_sent_to_end_what_is_the_servers_own_or_is_being_undone() {
        const LOCKS: Check = check("T0", "locks", "", "", &[limit("wait", "s", 10.0, 60.0), limit("victims", "sessions", 5.0, 20.0)]);
        const WORDS: Words = Words {
            dialect: Dialect::MySql,
            session: "pid",
            is_queued_ddl: |s| s.wants.starts_with("exclusive"),
            veiled: "",
            timeout: "lock_timeout",
            confirms: "standbys",
        };
        let judged = |holder: LockSession, waiter: LockSession| {
            let behind = LockSession { id: 3, waits: Some(9), blocked_by: vec![waiter.id], ..LockSession::default() };
            let waiter = LockSession { id: 2, waits: Some(11), blocked_by: vec![1], ..waiter };
            let tree = LockTree::of(vec![LockSession { id: 1, ..holder }, waiter, behind]);
            let f = judge_locks(&tree, &WORDS, &LOCKS, &Limits::default()).findings.remove(0);
            (f.recover.map(|a| (a.deed, a.object)), f.next, f.message)
        };
        let none = LockSession::default;
        let ddl = || LockSession { id: 2, wants: "exclusive lock on t".into(), statement: "alter table t add x int".into(), ..none() };
        let active = |state: &str| LockSession { state: state.into(), ..none() };
        let vacuum = LockSession {
            own: true,
            user: "autovacuum worker".into(),
            statement: "autovacuum: VACUUM t (to prevent wraparound)".into(),
            ..active("active")
        };
        let (deed, next, told) = judged(vacuum.clone(), ddl());
        assert_eq!(deed, Some((Deed::Cancel, "2".into())));
        assert!(!next.contains("or end") && told.contains("autovacuum worker") && told.contains("to prevent wraparound"), "{next} {told}");
        let (deed, next, _) = judged(vacuum, none());
        assert!(deed.is_none() && next.contains("let it finish"), "{deed:?} {next}");
        // A replica's applier waits behind a reader: the reader ends.
        let (deed, next, _) = judged(LockSession { idle: Some(20), ..active("idle in transaction") }, LockSession { own: true, ..ddl() });
        assert!(deed == Some((Deed::EndIdle, "1".into())) && next.contains("replication stands still"), "{deed:?} {next}");
        let (deed, next, _) = judged(active(ROLLS_BACK), none());
        assert!(deed.is_none() && next.starts_with("Wait: "), "{deed:?} {next}");
        let (deed, next, _) = judged(LockSession { keeps: true, ..active("User sleep") }, none());
        assert!(deed == Some((Deed::Terminate, "1".into())) && next.contains("older than the statement"), "{deed:?} {next}");
        assert_eq!(judged(active("updating"), none()).0, Some((Deed::Cancel, "1".into())));
    }

    #[test]
    fn a_disk_is_judged_by_what_is_used() {
        const DISK: Check = check("T1", "disk", "", "", &[limit("used", "%", 0.0, 101.0)]);
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().display().to_string();
        let seen = judge_disks(&[("data", place.clone()), ("logs", place)], &DISK, &Limits::default(), "Free some.").unwrap();
        assert_eq!((seen.severity, seen.findings.len()), (Severity::Warning, 1));
        assert_eq!(seen.says.matches("full").count(), 1, "one file system is told once: {}", seen.says);
        assert_eq!(judge_disks(&[("data", "/does/not/exist".into())], &DISK, &Limits::default(), ""), None);
        assert_eq!(Volume { free: 25.0, total: 100.0 }.used(), 75.0);
    }

    #[test]
    fn when_a_disk_is_full_is_told_in_time() {
        const GROWTH: Check = twice("T2", "growth", "", "", &[limit("full", "s", 14_400.0, 900.0)]);
        let sample =
            |at: f64, free: f64| Sample { at, counters: [("free WAL".to_string(), vec![free, 20_000e6])].into(), ..Sample::default() };
        let known = |rate: Option<f64>| Growth {
            rate,
            why: "slot x is inactive",
            next: "See slots.",
            recycled: None,
            commands: None,
            recover: None,
            places: &[],
        };
        let judged = |before: f64, after: f64| {
            let mut seen = Seen::of(&GROWTH);
            judge_growth(&mut seen, &GROWTH, &Limits::default(), &sample(10.0, before), &sample(15.0, after), &known(None));
            seen
        };
        let soon = judged(5_025e6, 5_000e6);
        assert_eq!(soon.severity, Severity::Warning, "{soon:#?}");
        assert_eq!(
            soon.findings[0].message,
            "the disk of WAL is full in ≈ 16 min 40 s if it goes on as in these 5 s, at 5.0 MB/s: slot x is inactive"
        );
        assert_eq!(judged(1_050e6, 1_000e6).severity, Severity::Critical);
        assert_eq!(judged(10_000e6, 10_050e6).severity, Severity::Ok, "room that grows");
        assert_eq!(judged(12_000e6, 11_900e6).severity, Severity::Warning, "a disk with room is no alarm");
        let mut hasty = Seen::of(&GROWTH);
        judge_growth(&mut hasty, &GROWTH, &Limits::default(), &sample(10.0, 2e9), &sample(11.0, 1e9), &known(None));
        assert_eq!(hasty.severity, Severity::Ok, "a second is no trend");
        let mut build = Seen::of(&GROWTH);
        judge_growth(&mut build, &GROWTH, &Limits::default(), &sample(10.0, 12_000e6), &sample(15.0, 11_900e6), &known(Some(1e3)));
        assert_eq!((build.severity, build.findings.len()), (Severity::Info, 1), "another program writes for some seconds: {build:#?}");
        let full = judged(10e6, 10e6);
        assert_eq!((full.severity, full.findings.len()), (Severity::Critical, 1), "it has no forecast: {full:#?}");
        let of_two = |at: f64| {
            let places = ["free data", "free redo log"].map(|n| (n.to_string(), vec![0.0, 20_000e6]));
            Sample { at, counters: places.into(), ..Sample::default() }
        };
        let mut both = Seen::of(&GROWTH);
        judge_growth(&mut both, &GROWTH, &Limits::default(), &of_two(10.0), &of_two(15.0), &known(None));
        assert_eq!(both.findings.len(), 1, "one disk is told once: {both:#?}");
        assert_eq!(both.findings[0].message, "the disk of data, redo log is full now: 0 B are left");
        // A large disk that is full within minutes is an alarm all the same.
        assert_eq!(judged(12_500e6, 12_000e6).severity, Severity::Critical);
        // What the database does not write, something else does.
        for (rate, foreign) in [(Some(0.0), true), (Some(1e6), true), (Some(5e6), false), (None, false)] {
            let mut seen = Seen::of(&GROWTH);
            judge_growth(&mut seen, &GROWTH, &Limits::default(), &sample(10.0, 5_025e6), &sample(15.0, 5_000e6), &known(rate));
            let f = &seen.findings[0];
            assert_eq!(f.message.contains("something else fills it"), foreign, "{rate:?}: {f:?}");
            assert_eq!(f.next.contains("du -xh"), foreign, "{rate:?}: {f:?}");
            assert_eq!(f.message.contains("slot x"), !foreign, "{rate:?}: {f:?}");
        }
        assert_eq!(judged(500_000.001e6, 500_000e6).severity, Severity::Ok, "in ages");
        let with = |g: Growth<'_>| {
            let mut seen = Seen::of(&GROWTH);
            judge_growth(&mut seen, &GROWTH, &Limits::default(), &sample(10.0, 2_020e6), &sample(15.0, 2_000e6), &g);
            seen
        };
        // WAL that nobody keeps is written over from its own limit on; a command that runs ends.
        assert_eq!(with(known(None)).severity, Severity::Critical);
        assert_eq!(with(Growth { recycled: Some((4e6, 500e6)), ..known(None) }).severity, Severity::Ok);
        assert_eq!(with(Growth { recycled: Some((4e6, 5_000e6)), ..known(None) }).severity, Severity::Critical, "no room for that");
        let build = with(Growth { commands: Some(("CREATE INDEX of big", 300e6)), ..known(None) });
        assert_eq!(build.severity, Severity::Info);
        assert!(build.findings[0].message.ends_with(": CREATE INDEX of big writes it, and needs 300 MB more at most"), "{build:#?}");
        assert_eq!(with(Growth { commands: Some(("CLUSTER of big", 3_000e6)), ..known(None) }).severity, Severity::Critical);
    }
}
