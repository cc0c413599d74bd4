//! The judgement of a lock tree, the same for all engines: who is in the way of most, and what helps.

mod help;

use super::{age, one_line};
use crate::model::assessment::{Check, Limits, Seen};
use crate::model::lock_tree::{LockSession, LockTree, Root};
use crate::model::{Dialect, Finding, Severity};
use crate::text;
use help::Help;
use std::collections::BTreeSet;
use std::time::Duration;

/// How an engine speaks of its sessions.
pub(in crate::engine) struct Words {
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
pub(in crate::engine) const COMMITS: &str = "waiting for a standby to confirm its commit";

/// The state of a session whose work is being undone: all that helps is to wait.
pub(in crate::engine) const ROLLS_BACK: &str = "being rolled back";

/// A session by its number.
fn numbered(session: &LockSession) -> String {
    match session.id {
        0 => "a prepared transaction".into(),
        id => id.to_string(),
    }
}

/// Who a session is, and what it does.
fn named(session: &LockSession, words: &Words) -> String {
    if session.id == 0 {
        // Its name stands where a session's program does.
        let open = session.open_for.map_or_else(String::new, |n| format!(", prepared {} ago", age(n as f64)));
        return match (session.client.as_str(), session.user.as_str()) {
            ("", _) => numbered(session),
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
pub(in crate::engine) const AGAIN: Duration = Duration::from_millis(300);

/// Many wait, and nobody for longer than a second (whole ones are told, and a moment may lie across the edge of two): a pile-up that has just
/// begun, or many short waits for the same rows. Another look tells.
pub(in crate::engine) fn is_hasty(tree: &LockTree, check: &Check, limits: &Limits) -> bool {
    let longest = tree.sessions.iter().filter_map(|s| s.waits).max().unwrap_or(0);
    let most = tree.roots.iter().map(|r| r.victims).sum::<usize>();
    longest <= 1 && Severity::of(most as f64, limits.of(check, "victims")) >= Severity::Warning
}

/// The later one of two looks, with whether anybody is still in the way who was: with the same transaction, because a pool's sessions come
/// back with another.
pub(in crate::engine) fn moved(first: &LockTree, mut second: LockTree, check: &Check, limits: &Limits) -> LockTree {
    fn roots(tree: &LockTree) -> BTreeSet<(u64, &str)> {
        tree.roots.iter().map(|r| &tree.sessions[r.at]).map(|s| (s.id, s.transaction.as_str())).collect()
    }
    second.moving = is_hasty(&second, check, limits) && roots(first).is_disjoint(&roots(&second));
    second
}

/// The lock tree as a check: the roots with most behind them.
pub(in crate::engine) fn judge_locks(tree: &LockTree, words: &Words, check: &Check, limits: &Limits) -> Seen {
    let waiting = tree.waiting() + tree.unasked;
    let longest = tree.sessions.iter().filter_map(|s| s.waits).max().unwrap_or(0);
    let mut seen = Seen::of(check).figure("waiting", waiting as f64).figure("wait", longest as f64);
    seen.says = match tree.roots.first() {
        _ if tree.moving => format!("{waiting} waiting, none for as long as 2 s"),
        None if waiting == 0 => "nobody waits".into(),
        None if tree.circle.is_empty() => format!("{waiting} waiting, longest {}, for whom cannot be seen", age(longest as f64)),
        None => format!("{} wait for each other in a circle", text::counted(tree.circle.len() as u64, "session")),
        Some(r) => format!("{waiting} waiting, longest {}, root {}", age(longest as f64), numbered(&tree.sessions[r.at])),
    };
    if tree.moving {
        seen.find(of_short_waits(tree, waiting, words, check));
        return seen;
    }
    let mut told: BTreeSet<u64> = BTreeSet::new();
    for root in &tree.roots {
        let help = Help::against(root, tree, words);
        // A statement that waits for several roots is told once, with all of them: ending one of them alone helps nobody.
        if let Help::CancelQueued { ddl, .. } = &help
            && !told.insert(ddl.id)
        {
            continue;
        }
        seen.find(of_root(root, &help, tree, words, check, limits));
        if seen.findings.len() == 5 {
            break;
        }
    }
    seen
}

/// What the tree says of whoever is in the way of most, however short the waits are yet: for a check that sees that most wait.
pub(in crate::engine) fn in_the_way(tree: &LockTree, words: &Words, check: &Check, limits: &Limits) -> Option<Finding> {
    let root = tree.roots.first()?;
    Some(of_root(root, &Help::against(root, tree, words), tree, words, check, limits))
}

/// Nobody is to be ended: a moment later somebody else is in the way.
fn of_short_waits(tree: &LockTree, waiting: usize, words: &Words, check: &Check) -> Finding {
    let sample = tree.sessions.iter().find(|s| s.waits.is_some() && !s.statement.is_empty());
    let statement = sample.map(|s| one_line(words.dialect, &s.statement, 80)).filter(|t| *t != words.veiled && !t.is_empty());
    let like = statement.map_or_else(String::new, |t| format!(", among them {t}"));
    let told = format!("{waiting} sessions wait for one another, none for as long as 2 s: many change the same rows at once{like}");
    Finding::new(Severity::Warning, check.id, "sessions", told)
        .next("Ending a session helps nobody. See the top statements; spread what all of them change, or let fewer run at once.")
}

fn of_root(root: &Root, help: &Help<'_>, tree: &LockTree, words: &Words, check: &Check, limits: &Limits) -> Finding {
    let holder = &tree.sessions[root.at];
    let (asked, waiting) = (tree.waiting(), tree.waiting() + tree.unasked);
    let victims = if asked == 0 { 0.0 } else { root.victims as f64 * waiting as f64 / asked as f64 };
    let by_wait = Severity::of(root.longest as f64, limits.of(check, "wait"));
    // Behind DDL that waits everybody queues, and ever more of them: that is told sooner than a plain wait.
    let queued = matches!(help, Help::CancelQueued { .. }) && root.victims > 1;
    let by_queue = Severity::of(if queued { root.longest as f64 } else { 0.0 }, limits.of(check, "queue"));
    let mut severity = by_wait.max(by_queue).max(Severity::of(victims, limits.of(check, "victims"))).max(Severity::Info);
    // What keeps the standby from confirming is the cause, and has a check of its own.
    if matches!(help, Help::Standby) {
        severity = severity.min(Severity::Warning);
    }
    // Where not all were asked, a number of theirs is one of those who were.
    let many = |n: usize| match tree.unasked {
        0 => waits(n),
        _ => format!("{} wait, and of {asked} that were looked at {n}", text::counted(waiting as u64, "session")),
    };
    let longest = age(root.longest as f64);
    let message = match help {
        // The DDL that stands first behind the root makes a pile-up of what was one wait.
        Help::CancelQueued { ddl, others } if root.victims > 1 => format!(
            "{} behind {} ({} {}), which waits for {}{}; the longest for {longest}",
            many(root.victims - 1),
            // A role that may not look into sessions sees the lock alone.
            match one_line(words.dialect, &ddl.statement, 48) {
                told if told.is_empty() || told == words.veiled => format!("somebody who wants {}", ddl.wants.trim_end_matches(" on ")),
                told => told,
            },
            words.session,
            ddl.id,
            named(holder, words),
            if others.is_empty() { String::new() } else { format!(", and for {}", others.join(", ")) },
        ),
        _ => format!("{} behind {}, the longest for {longest}", many(root.victims), named(holder, words)),
    };
    let finding = Finding::new(severity, check.id, format!("{} {}", words.session, holder.id), message).next(help.next(holder, words));
    match help.deed(holder) {
        Some((deed, id)) => finding.recover(deed, id.to_string()),
        None => finding,
    }
}

fn waits(n: usize) -> String {
    match n {
        1 => "1 session waits".into(),
        n => format!("{n} sessions wait"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::assessing::{check, limit};
    use crate::model::recovery::Deed;

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
        let look = |root: u64, transaction: &str| {
            let transaction = transaction.into();
            let holder =
                LockSession { id: root, transaction, state: "idle in transaction".into(), idle: Some(0), ..LockSession::default() };
            let behind = (100..108).map(|id| LockSession {
                id,
                waits: Some(0),
                blocked_by: vec![root],
                statement: "update branches set balance = balance + 7".into(),
                ..LockSession::default()
            });
            LockTree::of([holder].into_iter().chain(behind).collect())
        };
        assert!(is_hasty(&look(1, "a"), &LOCKS, &Limits::default()));
        let seen = judge_locks(&moved(&look(1, "a"), look(2, "b"), &LOCKS, &Limits::default()), &WORDS, &LOCKS, &Limits::default());
        let f = &seen.findings[0];
        assert!(seen.severity == Severity::Warning && f.recover.is_none() && f.next.starts_with("Ending a session helps nobody"), "{f:#?}");
        assert!(f.message.ends_with("among them update branches set balance = balance + ?"), "{}", f.message);
        // The same session may be met again, with another transaction: it let go of the first.
        assert!(moved(&look(1, "a"), look(1, "b"), &LOCKS, &Limits::default()).moving);
        // The same one is in the way still: it is a pile-up.
        let seen = judge_locks(&moved(&look(1, "a"), look(1, "a"), &LOCKS, &Limits::default()), &WORDS, &LOCKS, &Limits::default());
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
        // One DDL among many who want rows: with it gone they wait on.
        let root = LockSession { id: 1, idle: Some(20), ..active("idle in transaction") };
        let rows = (10..16).map(|id| LockSession { id, waits: Some(9), blocked_by: vec![1], ..none() });
        let alter = LockSession { waits: Some(11), blocked_by: vec![1], ..ddl() };
        let tree = LockTree::of([root.clone(), alter.clone()].into_iter().chain(rows).collect());
        let f = judge_locks(&tree, &WORDS, &LOCKS, &Limits::default()).findings.remove(0);
        assert!(
            f.recover.is_some_and(|a| a.deed == Deed::EndIdle && a.object == "1") && f.message.starts_with("7 sessions wait behind pid 1"),
            "{}",
            f.message
        );
        // Two hold what the DDL waits for: that is one finding, which names both.
        let idle = |id| LockSession { id, idle: Some(20), ..active("idle in transaction") };
        let behind = LockSession { id: 3, waits: Some(9), blocked_by: vec![2], ..none() };
        let both = LockTree::of(vec![idle(1), idle(5), LockSession { waits: Some(11), blocked_by: vec![1, 5], ..ddl() }, behind]);
        let found = judge_locks(&both, &WORDS, &LOCKS, &Limits::default()).findings;
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].message.contains(", and for 5; ") && found[0].next.ends_with("or end 1 and 5, all of them."), "{found:#?}");
    }
}
