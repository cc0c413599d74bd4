//! What the waits are worth: findings, and what is said where nobody tells who holds a lock.

use super::metadata::{self, Known};
use super::picture::{ASLEEP, Picture};
use super::{WORDS, is_queued_ddl, is_unexplained};
use crate::engine::assessing::{age, hidden, judge_locks};
use crate::model::assessment::{Check, Limits, Seen, Sight};
use crate::model::lock_tree::{LockSession, LockTree};
use crate::model::recovery::Deed;
use crate::model::{Finding, Severity};

fn waits(count: u64) -> String {
    if count == 1 { "1 session waits".to_string() } else { format!("{count} sessions wait") }
}

/// By how long, in seconds, and by how many wait.
fn weight(longest: u64, count: u64, check: &Check, limits: &Limits) -> Severity {
    Severity::of(longest as f64, limits.of(check, "wait")).max(Severity::of(count as f64, limits.of(check, "victims")))
}

/// Sessions that are asleep, and for how long.
fn named(asleep: &[LockSession]) -> String {
    let name = |s: &LockSession| {
        let idle = age(s.idle.unwrap_or(0) as f64);
        format!("connection {} (“{}”@{}, {idle})", s.id, s.user, s.client)
    };
    let named = asleep.iter().take(ASLEEP).map(name).collect::<Vec<_>>().join(", ");
    if asleep.len() > ASLEEP { format!("{named} and more") } else { named }
}

/// A lock of the whole server whose holder is not told: what waits for it is every write. What would make the server tell (installing a
/// plugin, changing a table of settings) would wait behind it, too.
fn of_the_server(picture: &Picture, sight: &Sight, count: u64, longest: u64, check: &Check, limits: &Limits) -> Finding {
    let by = weight(longest, count, check, limits);
    let severity = if by == Severity::Ok { Severity::Warning } else { Severity::Critical };
    let (waits, longest) = (waits(count), age(longest as f64));
    let named = named(&picture.asleep);
    let (who, next) = match picture.asleep.len() {
        _ if !sight.sees_all => (
            "what sessions of other accounts do is hidden".to_string(),
            "Look for a backup, or for somebody who locked by hand, as an account with PROCESS.".to_string(),
        ),
        0 => (
            "no session has been asleep for as long: a backup that runs holds it".to_string(),
            "Look for a backup among the running statements, and whether it moves on: ending it gives the lock back.".to_string(),
        ),
        1 => (
            format!("{named} alone has been asleep for as long"),
            "Ask who that is: KILL ends the session and gives the lock back; a backup that it makes is lost.".to_string(),
        ),
        _ => (
            format!("asleep for as long: {named}"),
            "Find the one among them that makes a backup or locked by hand: KILL ends it and gives the lock back.".to_string(),
        ),
    };
    let told = format!(
        "{waits} for a lock of the whole server (FLUSH TABLES WITH READ LOCK, or a backup) whose holder cannot be seen: nothing can be written; \
         the longest for {longest}; {who}"
    );
    let found = Finding::new(severity, check.id, "server", told).next(next);
    // Nobody else can have it: nothing else runs, and nobody else has slept for as long.
    match &picture.asleep[..] {
        [only] if picture.alone && sight.sees_all => found.recover(Deed::Terminate, only.id.to_string()),
        _ => found,
    }
}

/// Several may hold it, and nothing tells which: ending one of them by guess ends an innocent one.
fn guesses(tree: &LockTree, guessed: &[&LockSession], check: &Check, limits: &Limits) -> Finding {
    let longest = tree.sessions.iter().filter_map(|s| s.waits).max().unwrap_or(0);
    let waiting = tree.waiting() + tree.unasked;
    let severity = weight(longest, waiting as u64, check, limits);
    let ids: Vec<String> = guessed.iter().take(5).map(|s| s.id.to_string()).collect();
    let more = if guessed.len() > 5 { " …" } else { "" };
    let what = if check.id == "MY06" { "row" } else { "table" };
    let words = format!(
        "{} for a {what} that one of connections {}{more} holds, the longest for {}",
        waits(waiting as u64),
        ids.join(", "),
        age(longest as f64)
    );
    let found = Finding::new(severity.max(Severity::Info), check.id, "sessions", words);
    match tree.sessions.iter().find(|s| s.waits.is_some() && is_queued_ddl(s)) {
        Some(ddl) => found
            .next(format!(
                "Cancel the waiting statement of connection {}: the others go on. Which one holds it is a guess; end none of them by it.",
                ddl.id
            ))
            .recover(Deed::Cancel, ddl.id.to_string()),
        None => found.next("Ask who they are before one is ended: the others are innocent."),
    }
}

/// What to do about a prepared transaction in the way: either way of finishing it may lose data, and which is right is known elsewhere.
fn finish(names: &[String]) -> String {
    match names {
        [one] => format!("Its coordinator knows how it ends: XA COMMIT {one}; or, where that never will come back, XA ROLLBACK {one}; undoes it."),
        [] => "XA RECOVER lists prepared transactions (MariaDB: FORMAT='SQL'); the coordinator knows whether XA COMMIT or XA ROLLBACK ends it. Is \
               none listed, it is being undone after a crash: wait."
            .into(),
        some => format!(
            "Prepared are {}{}: the coordinator knows whether XA COMMIT or XA ROLLBACK ends the oldest of them, each with its name.",
            some[..some.len().min(3)].join(" and "),
            if some.len() > 3 { " and more" } else { "" }
        ),
    }
}

pub(super) fn judge(picture: &Picture, sight: &Sight, check: &Check, limits: &Limits) -> Seen {
    let tree = &picture.tree;
    let mut seen = judge_locks(tree, &WORDS, check, limits);
    if check.id == "MY06" || picture.known == Known::Inferred {
        let guessed: Vec<&LockSession> =
            tree.roots.iter().map(|r| &tree.sessions[r.at]).filter(|s| s.waits.is_none() && s.guessed).collect();
        if guessed.len() > 1 {
            seen.findings = vec![guesses(tree, &guessed, check, limits)];
        }
        let sure: Vec<String> =
            tree.roots.iter().map(|r| &tree.sessions[r.at]).filter(|s| !s.guessed).map(|s| format!("connection {}", s.id)).collect();
        let what = if check.id == "MY06" { "rows" } else { "metadata locks" };
        for f in seen.findings.iter_mut().filter(|f| !sure.contains(&f.object)) {
            f.message.push_str(&format!(" (inferred: the server does not tell who holds {what})"));
            if picture.cut && check.id == "MY06" && f.recover.take().is_some() {
                f.next = format!(
                    "Look at {} first. The server cut its list of transactions off: one that is not in it may have the row, so end nobody by guess.",
                    f.object
                );
            }
        }
    }
    for f in seen.findings.iter_mut().filter(|f| f.object == format!("{} 0", WORDS.session)) {
        f.next = finish(&picture.prepared);
    }
    let unseen = |server: bool| {
        let of = tree.sessions.iter().filter(move |s| is_unexplained(s) && (s.wants == metadata::WHOLE) == server);
        of.fold((0u64, 0), |(n, l), s| (n + 1, l.max(s.waits.unwrap_or(0))))
    };
    if let (count @ 1.., longest) = unseen(true) {
        seen.find(of_the_server(picture, sight, count, longest, check, limits));
    }
    if let (count @ 1.., longest) = unseen(false) {
        let by = weight(longest, count, check, limits);
        let severity = if by == Severity::Ok { Severity::Info } else { by };
        let asleep = if sight.sees_all { &picture.asleep_on_tables[..] } else { &[] };
        let (who, next) = match asleep {
            [] => (
                String::new(),
                "A session that is asleep may hold it (LOCK TABLES, FLUSH TABLES WITH READ LOCK, a backup): look for it among them.",
            ),
            [_] => (
                format!("; {} alone has been asleep for as long", named(asleep)),
                "Ask who that is: it may have locked the table by hand (LOCK TABLES), and KILL, which ends the session, gives it back.",
            ),
            _ => (
                format!("; asleep for as long: {}", named(asleep)),
                "Find the one among them that locked the table by hand (LOCK TABLES): KILL, which ends the session, gives it back.",
            ),
        };
        let told = format!("{} for a lock whose holder cannot be seen, the longest for {}{who}", waits(count), age(longest as f64));
        let mut f = Finding::new(severity, check.id, "sessions", told).next(next);
        // Nothing else runs, and nobody else has slept for as long.
        if let ([only], true) = (asleep, picture.alone) {
            f = f.recover(Deed::Terminate, only.id.to_string());
        }
        if picture.known != Known::Told && !picture.would_tell.is_empty() {
            f = f.lifts(picture.would_tell);
        }
        seen.find(f);
    }
    if tree.waiting() == 0 && !sight.sees_all {
        seen.says = "whether sessions of other accounts wait cannot be seen".into();
    }
    hidden(seen, sight, check, "what sessions of other accounts wait for is hidden")
}

#[cfg(test)]
mod tests {
    use super::super::picture::{INFERRED, shown};
    use super::*;
    use crate::engine::Assessing;
    use crate::engine::mysql::MySql;
    use std::collections::BTreeSet;

    fn check(id: &str) -> &'static Check {
        let my = MySql::new(crate::config::Target::bare("t", crate::config::EngineKind::MySql), None);
        my.checks().iter().find(|c| c.id == id).unwrap()
    }

    fn picture(sessions: Vec<LockSession>, known: Known) -> Picture {
        Picture {
            tree: LockTree::of(sessions),
            known,
            for_rows: BTreeSet::new(),
            for_tables: BTreeSet::new(),
            asleep: vec![LockSession {
                id: 5,
                user: "root".into(),
                client: "h".into(),
                idle: Some(41),
                guessed: true,
                ..LockSession::default()
            }],
            asleep_on_tables: Vec::new(),
            prepared: Vec::new(),
            alone: true,
            would_tell: "INSTALL SONAME 'metadata_lock_info'",
            unlisted: 0,
            cut: false,
        }
    }

    #[test]
    fn a_pile_up_names_the_ddl_and_that_its_root_was_inferred() {
        let holder = LockSession {
            id: 7,
            user: "etl".into(),
            state: "idle in transaction".into(),
            idle: Some(90),
            guessed: true,
            ..LockSession::default()
        };
        let ddl = LockSession {
            id: 20,
            waits: Some(80),
            wants: format!("{} on shop.t", metadata::EXCLUSIVE),
            statement: "ALTER TABLE t ADD x int".into(),
            blocked_by: vec![7],
            ..LockSession::default()
        };
        let behind = (0..9).map(|i| LockSession { id: 100 + i, waits: Some(i), blocked_by: vec![20], ..LockSession::default() });
        let p = picture([holder, ddl].into_iter().chain(behind).collect(), Known::Inferred);
        let seen = judge(&p, &Sight { sees_all: true, ..Sight::default() }, check("MY07"), &Limits::default());
        assert_eq!(seen.severity, Severity::Critical);
        let told = &seen.findings[0].message;
        assert!(told.starts_with("9 sessions wait behind ALTER TABLE t ADD x int (connection 20), which waits for connection 7"), "{told}");
        assert!(told.ends_with("(inferred: the server does not tell who holds metadata locks)"), "{told}");
    }

    #[test]
    fn a_wait_for_nobody_who_can_be_seen_is_no_all_clear() {
        let alone = LockSession { id: 20, waits: Some(80), wants: "metadata lock on t".into(), ..LockSession::default() };
        let p = picture(vec![alone], Known::Inferred);
        let seen = judge(&p, &Sight { sees_all: true, ..Sight::default() }, check("MY07"), &Limits::default());
        assert_eq!(seen.severity, Severity::Critical, "{seen:#?}");
        assert!(seen.findings[0].lifts.is_some());
        // Of the whole server it is critical at once, names who may hold it, and sends nobody behind the same lock.
        let writer = LockSession { id: 20, waits: Some(12), wants: metadata::WHOLE.into(), ..LockSession::default() };
        let p = picture(vec![writer], Known::Inferred);
        let seen = judge(&p, &Sight { sees_all: true, ..Sight::default() }, check("MY07"), &Limits::default());
        assert_eq!((seen.severity, seen.findings.len()), (Severity::Critical, 1), "{seen:#?}");
        let f = &seen.findings[0];
        assert!(f.message.contains("FLUSH TABLES WITH READ LOCK") && f.message.contains("connection 5 (“root”@h, 41.0 s)"), "{f:#?}");
        assert!(f.lifts.is_none() && f.recover.as_ref().is_some_and(|a| a.object == "5"), "{f:#?}");
        // The picture of it has both, and says that the one is a guess.
        let tree = LockTree::of(shown(&p));
        assert_eq!(
            tree.roots.iter().map(|r| (tree.sessions[r.at].id, tree.sessions[r.at].guessed, r.victims)).collect::<Vec<_>>(),
            [(5, true, 1)]
        );
        // A backup may be what runs: then nobody is named to be ended.
        let p = Picture { alone: false, ..p };
        let seen = judge(&p, &Sight { sees_all: true, ..Sight::default() }, check("MY07"), &Limits::default());
        assert!(seen.findings[0].recover.is_none(), "{seen:#?}");
        let blind = judge(&picture(Vec::new(), Known::Told), &Sight::default(), check("MY06"), &Limits::default());
        assert_eq!(blind.severity, Severity::Unknown);
    }

    #[test]
    fn who_is_supposed_to_have_a_row_is_ended_only_where_nobody_else_can() {
        let idle = |id| LockSession {
            id,
            state: format!("idle in transaction{INFERRED}"),
            idle: Some(20),
            guessed: true,
            ..LockSession::default()
        };
        let waiter = |by: &[u64]| LockSession { id: 10, waits: Some(11), blocked_by: by.to_vec(), ..LockSession::default() };
        let sight = Sight { sees_all: true, ..Sight::default() };
        let one = judge(&picture(vec![idle(9), waiter(&[9])], Known::Told), &sight, check("MY06"), &Limits::default());
        let f = &one.findings[0];
        assert!(f.message.contains("connection 9") && f.message.contains("does not tell who holds rows"), "{f:#?}");
        assert!(f.recover.as_ref().is_some_and(|a| a.object == "9"), "{f:#?}");
        // Not all transactions were told: it may be another one. Those who were left out are counted.
        let cut = Picture { cut: true, unlisted: 1_700, ..picture(vec![idle(9), waiter(&[9])], Known::Told) };
        let cut =
            judge(&Picture { tree: LockTree { unasked: 1_700, ..cut.tree.clone() }, ..cut }, &sight, check("MY06"), &Limits::default());
        let f = &cut.findings[0];
        assert!(f.recover.is_none() && f.next.starts_with("Look at connection 9 first.") && f.severity == Severity::Critical, "{f:#?}");
        assert!(f.message.starts_with("1,701 sessions wait, and of 1 that were looked at 1 behind connection 9"), "{f:#?}");
        let many = judge(&picture(vec![idle(9), idle(8), waiter(&[8, 9])], Known::Told), &sight, check("MY06"), &Limits::default());
        assert!(many.findings.len() == 1 && many.findings[0].recover.is_none(), "{many:#?}");
        assert!(many.findings[0].message.contains("for a row that one of connections"), "{many:#?}");
    }
}
