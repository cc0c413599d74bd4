//! Who waits for whom: for rows as InnoDB tells, for tables as the server tells, where it does.

mod metadata;

use super::innodb::{self, Open, Transaction};
use super::sessions::OWN;
use super::{Values, at, number, rows};
use crate::engine::Session;
use crate::engine::assessing::{AGAIN, COMMITS, ROLLS_BACK, Words, hidden, is_hasty, judge_locks, moved};
use crate::engine::mysql::mariadb;
use crate::model::assessment::{Check, Limits, Seen, Sight};
use crate::model::lock_tree::{LockSession, LockTree};
use crate::model::{Finding, Result, Severity};
use metadata::{Known, Scope, Waiter};
use std::collections::{BTreeMap, BTreeSet};

/// Sessions asleep that are named, where one of them may hold a lock of the whole server.
const ASLEEP: usize = 3;
/// Marks the state of a session that is only guessed to hold what others wait for.
const INFERRED: &str = " (holder inferred)";
/// Sessions that are read at most.
const SESSIONS: u32 = 2_000;

const WORDS: Words = Words {
    dialect: crate::model::Dialect::MySql,
    session: "connection",
    is_queued_ddl,
    veiled: "",
    timeout: "lock_wait_timeout",
    confirms: "semi-synchronous",
};

/// DDL wants a lock that lets nobody in, and whoever comes later waits behind it.
fn is_queued_ddl(session: &LockSession) -> bool {
    session.wants.starts_with(metadata::EXCLUSIVE)
}

/// The tree, and how its metadata locks are known.
pub(super) struct Picture {
    pub tree: LockTree,
    known: Known,
    /// Sessions that wait for rows, and those that wait for a lock of the server's.
    for_rows: BTreeSet<u64>,
    for_tables: BTreeSet<u64>,
    /// Sessions that sleep for longer than anybody waits for the whole server: one of them may hold it.
    asleep: Vec<LockSession>,
    /// Nobody else does anything meanwhile who could hold it.
    alone: bool,
    /// What would let the server tell who holds metadata locks from then on.
    would_tell: &'static str,
    /// Sessions that wait for rows beyond those of the tree.
    unlisted: usize,
    /// The list of transactions was cut off: one that is not in it may be in the way.
    cut: bool,
}

/// Whether what a busy session holds is older than its statement: of an earlier statement of its transaction, or locked by hand.
fn keeps(r: &[Option<String>], id: u64, transaction: Option<&Transaction>, seconds: Option<u64>, held: &[metadata::Held]) -> bool {
    // Both ages are whole seconds.
    let earlier = transaction.zip(seconds).is_some_and(|(t, now)| t.open > now + 1);
    // What it changed, no query did.
    let reads = matches!(metadata::verb(at(r, 7)).as_str(), "SELECT" | "DO");
    let earlier = earlier || reads && transaction.is_some_and(|t| t.changed > 0);
    let by_hand = held.iter().any(|h| h.session == id && (h.global || h.mode.contains("NO_READ_WRITE") || h.mode.contains("NO_WRITE")));
    let takes = matches!(metadata::verb(at(r, 7)).as_str(), "FLUSH" | "BACKUP" | "LOCK") || metadata::changed(at(r, 7)).is_some();
    earlier || by_hand && !takes
}

/// Those are only guessed to hold what others wait for.
fn guesses_at(sessions: &mut [LockSession], ids: &BTreeSet<u64>) {
    for s in sessions.iter_mut().filter(|s| s.waits.is_none() && !s.guessed && ids.contains(&s.id)) {
        s.state.push_str(INFERRED);
        s.guessed = true;
    }
}

pub(super) async fn tree(s: &Session, sight: &Sight) -> Result<Picture> {
    // Without PROCESS the account sees its own sessions, and none of InnoDB's.
    let all = if sight.sees_all { innodb::open(s).await? } else { Open::default() };
    let (by_row, is_supposed) = innodb::row_waits(s, &all).await?;
    let holders: BTreeSet<u64> = by_row.values().flatten().copied().collect();
    let rows_wanted = if by_row.is_empty() { BTreeMap::new() } else { innodb::wanted(s, &all).await };
    let open = &all.list;
    let concerned: BTreeSet<u64> = by_row.keys().chain(&holders).copied().collect();
    let seen = rows(s, &sessions(s, open.iter().map(|t| t.session), &concerned)).await?;
    let waiters: Vec<Waiter> = seen.iter().filter_map(|r| waiter(r)).collect();
    let (known, held) = if waiters.is_empty() { (Known::Told, Vec::new()) } else { metadata::held(s).await };
    let by_name = by_name(s, &waiters).await?;
    // A lock may be held without a transaction (LOCK TABLES): those sessions were not read yet.
    let unread: BTreeSet<u64> = held
        .iter()
        .map(|h| h.session)
        .chain(by_name.values().copied())
        .filter(|id| !seen.iter().any(|r| number(r, 0) == Some(*id as f64)))
        .collect();
    let mut seen = seen;
    if !unread.is_empty() {
        let ids: Vec<String> = unread.iter().take(500).map(u64::to_string).collect();
        seen.extend(rows(s, &format!("{} WHERE ID IN ({})", processlist(s), ids.join(", "))).await?);
    }
    // InnoDB's list may be a tenth of a second old: who has gone since holds nothing.
    let is_there = |id: u64| seen.iter().any(|r| number(r, 0) == Some(id as f64));
    let idle: Vec<(u64, u64)> = open.iter().filter(|t| is_there(t.session)).map(|t| (t.session, t.open)).collect();
    let running: Vec<Waiter> = seen.iter().filter(|r| at(r, 4) != "Sleep" && waiter(r).is_none()).map(|r| session(r)).collect();
    let mut by_table = metadata::behind(&waiters, &held, known, &idle, &running);
    for (waiter, holder) in &by_name {
        by_table.insert(*waiter, vec![*holder]);
    }
    let confirms = confirming(&seen);
    let mut out = Vec::new();
    for r in &seen {
        let id = number(r, 0).unwrap_or(0.0) as u64;
        let transaction = open.iter().find(|t| t.session == id);
        let asleep = at(r, 4) == "Sleep";
        let seconds = number(r, 5).map(|n| (n.max(0.0) / 1000.0) as u64);
        let table = waiters.iter().find(|w| w.session == id);
        let waits = match (transaction.and_then(|t| t.waits), table) {
            (Some(row), _) => Some(row),
            (None, Some(_)) => seconds,
            (None, None) => None,
        };
        let wants = match (table, transaction.filter(|t| t.waits.is_some())) {
            (Some(w), _) => metadata::wants(w),
            (None, Some(t)) => rows_wanted.get(&t.wants).cloned().unwrap_or_else(|| "a row".into()),
            (None, None) => String::new(),
        };
        let mut blocked_by: Vec<u64> = by_row.get(&id).into_iter().chain(by_table.get(&id)).flatten().copied().collect();
        blocked_by.sort_unstable();
        blocked_by.dedup();
        out.push(LockSession {
            id,
            user: at(r, 1).into(),
            client: at(r, 2).into(),
            database: at(r, 3).into(),
            state: match (asleep, transaction.is_some(), at(r, 6)) {
                _ if confirms.contains(&id) => COMMITS.into(),
                _ if at(r, 4) == "Killed" || transaction.is_some_and(|t| t.rolls_back) => ROLLS_BACK.into(),
                (true, true, _) => "idle in transaction".into(),
                (true, false, _) => "idle".into(),
                (false, _, "") => at(r, 4).to_lowercase(),
                (false, _, state) => state.into(),
            },
            waits,
            open_for: transaction.map(|t| t.open),
            idle: seconds.filter(|_| asleep),
            wants,
            statement: at(r, 7).into(),
            blocked_by,
            guessed: false,
            own: at(r, 1) == "system user" || at(r, 1) == "event_scheduler",
            keeps: !asleep && !confirms.contains(&id) && keeps(r, id, transaction, seconds, &held),
            // The numbers of connections are not used again: they name a session by themselves.
            began: String::new(),
            transaction: transaction.map_or_else(String::new, |t| t.id.clone()),
        });
    }
    let longest =
        waiters.iter().filter(|w| w.scope == Scope::Server && by_table.get(&w.session).is_none_or(Vec::is_empty)).map(|w| w.ms).max();
    let asleep = match longest {
        Some(ms) => asleep(s, ms).await?,
        None => Vec::new(),
    };
    // What runs may be a backup, in whatever statement it is now; a replica's threads and the server's own hold none.
    let alone = running.is_empty();
    let would_tell = if waiters.is_empty() || known == Known::Told { "" } else { would_tell(s).await? };
    let for_rows = open.iter().filter(|t| t.waits.is_some()).map(|t| t.session).collect();
    let for_tables = waiters.iter().map(|w| w.session).collect();
    // Whom the server does not name as a holder is only guessed to be one.
    if known == Known::Inferred {
        let guessed: BTreeSet<u64> =
            by_table.values().flatten().copied().filter(|id| !by_row.values().flatten().chain(by_name.values()).any(|b| b == id)).collect();
        guesses_at(&mut out, &guessed);
    }
    if is_supposed {
        guesses_at(&mut out, &holders);
    }
    // Those who neither wait nor are waited for make no tree.
    let needed: BTreeSet<u64> = out.iter().flat_map(|s| &s.blocked_by).copied().collect();
    out.retain(|s| s.waits.is_some() || needed.contains(&s.id));
    let unlisted = all.unlisted as usize;
    Ok(Picture { tree: LockTree::of(out), known, for_rows, for_tables, asleep, alone, would_tell, unlisted, cut: all.cut })
}

/// Names that are asked for, at most.
const NAMES: usize = 20;

/// Who waits for a lock by its name, with who has it: the server tells that of one name at a time.
async fn by_name(s: &Session, waiters: &[Waiter]) -> Result<BTreeMap<u64, u64>> {
    let wanted: Vec<(u64, String)> =
        waiters.iter().filter(|w| w.scope == Scope::Name).filter_map(|w| Some((w.session, metadata::locked_name(&w.statement)?))).collect();
    let names: BTreeSet<&String> = wanted.iter().map(|(_, n)| n).take(NAMES).collect();
    let mut holders: BTreeMap<&String, u64> = BTreeMap::new();
    for name in names {
        let text = format!("SELECT IS_USED_LOCK({})", crate::model::Dialect::MySql.quote_literal(name));
        if let Some(id) = rows(s, &text).await?.first().and_then(|r| number(r, 0)) {
            holders.insert(name, id as u64);
        }
    }
    Ok(wanted.iter().filter_map(|(session, name)| Some((*session, *holders.get(name)?))).collect())
}

/// The state of a session that waits for a replica to confirm its commit.
pub(super) const ACKNOWLEDGED: &str = "Waiting for semi-sync ACK";

/// By its state in the process list it is beyond what cancelling takes back.
pub(in crate::engine::mysql) fn is_committing(state: &str) -> bool {
    state.starts_with(ACKNOWLEDGED) || matches!(state, "Commit" | "Commit_implicit" | "waiting for handler commit")
}

/// Sessions whose commit waits for a replica, and those whose commit waits behind one of theirs: they are written in one order.
fn confirming(seen: &[Vec<Option<String>>]) -> BTreeSet<u64> {
    let waits = |r: &&Vec<Option<String>>| at(r, 6).starts_with(ACKNOWLEDGED);
    if !seen.iter().any(|r| waits(&r)) {
        return BTreeSet::new();
    }
    seen.iter().filter(|r| is_committing(at(r, 6))).filter_map(|r| number(r, 0)).map(|id| id as u64).collect()
}

/// Sessions that have been asleep for that many milliseconds at least, those that fell asleep last in front. A lock of the whole server
/// that is kept without doing anything is kept by one of them.
async fn asleep(s: &Session, ms: u64) -> Result<Vec<LockSession>> {
    let text = format!(
        "SELECT ID, COALESCE(USER, ''), COALESCE(HOST, ''), TIME, COALESCE(DB, '') FROM information_schema.PROCESSLIST WHERE COMMAND = 'Sleep' \
         AND ID <> CONNECTION_ID() AND TIME >= {} ORDER BY TIME LIMIT {}",
        ms / 1000,
        ASLEEP + 1
    );
    let one = |r: &Vec<Option<String>>| LockSession {
        id: number(r, 0).unwrap_or(0.0) as u64,
        user: at(r, 1).into(),
        client: at(r, 2).into(),
        database: at(r, 4).into(),
        state: format!("idle{INFERRED}"),
        idle: Some(number(r, 3).unwrap_or(0.0) as u64),
        guessed: true,
        ..LockSession::default()
    };
    Ok(rows(s, &text).await?.iter().map(one).collect())
}

async fn would_tell(s: &Session) -> Result<&'static str> {
    let on = Values::variables(s, &["performance_schema"]).await?.on("performance_schema");
    Ok(match (mariadb(s), on) {
        (true, false) => "INSTALL SONAME 'metadata_lock_info'; or performance_schema = ON at the next start",
        (true, true) => {
            "INSTALL SONAME 'metadata_lock_info'; or UPDATE performance_schema.setup_instruments SET ENABLED = 'YES' \
             WHERE NAME = 'wait/lock/metadata/sql/mdl'; (locks that are taken from then on)"
        }
        (false, true) => {
            "UPDATE performance_schema.setup_instruments SET ENABLED = 'YES' WHERE NAME = 'wait/lock/metadata/sql/mdl'; \
             (locks that are taken from then on)"
        }
        (false, false) => "performance_schema = ON at the next start",
    })
}

fn processlist(s: &Session) -> String {
    let ms = if mariadb(s) { "CAST(TIME_MS AS UNSIGNED)" } else { "TIME * 1000" };
    format!(
        "SELECT ID, COALESCE(USER, ''), COALESCE(HOST, ''), COALESCE(DB, ''), COMMAND, {ms}, COALESCE(STATE, ''), \
         LEFT(COALESCE(INFO, ''), 500) FROM information_schema.PROCESSLIST"
    )
}

/// Sessions that do something, and those in a transaction; of the server's own threads those that wait for a lock, as a replica's may. Those
/// who wait for rows and who have them come first.
fn sessions(s: &Session, open: impl Iterator<Item = u64>, first: &BTreeSet<u64>) -> String {
    // No session has number 0.
    let list = |ids: &mut dyn Iterator<Item = u64>| ids.chain([0]).map(|id| id.to_string()).collect::<Vec<_>>().join(", ");
    format!(
        "{} WHERE ID <> CONNECTION_ID() AND (COMMAND NOT IN ('Sleep', {OWN}) OR STATE LIKE 'Waiting for % lock%' OR ID IN ({})) \
         ORDER BY ID IN ({}) DESC, STATE LIKE 'Waiting for %' DESC LIMIT {SESSIONS}",
        processlist(s),
        list(&mut { open }),
        list(&mut first.iter().copied())
    )
}

fn session(r: &[Option<String>]) -> Waiter {
    Waiter {
        session: number(r, 0).unwrap_or(0.0) as u64,
        ms: number(r, 5).unwrap_or(0.0) as u64,
        database: at(r, 3).into(),
        statement: at(r, 7).into(),
        scope: Scope::Table,
    }
}

/// A session that waits for one of the server's own locks.
fn waiter(r: &[Option<String>]) -> Option<Waiter> {
    Some(Waiter { scope: Scope::of(at(r, 6))?, ..session(r) })
}

/// Of the whole tree those who wait for rows, or for tables, with all that they wait for.
fn part(picture: &Picture, of: &BTreeSet<u64>) -> LockTree {
    let all: BTreeMap<u64, &LockSession> = picture.tree.sessions.iter().map(|s| (s.id, s)).collect();
    let mut wanted: BTreeSet<u64> = BTreeSet::new();
    let mut next: Vec<u64> = of.iter().copied().collect();
    while let Some(id) = next.pop() {
        if wanted.insert(id) {
            next.extend(all.get(&id).into_iter().flat_map(|s| s.blocked_by.iter().copied()));
        }
    }
    LockTree::of(wanted.iter().filter_map(|id| all.get(id).map(|s| (*s).clone())).collect())
}

/// Those who wait for rows, with the number of those who were left out.
fn for_rows(picture: &Picture) -> LockTree {
    LockTree { unasked: picture.unlisted, ..part(picture, &picture.for_rows) }
}

/// All who wait, with who may be in their way: who waits for the whole server, whose holder is told by nobody, stands behind those who sleep for
/// as long.
fn shown(picture: &Picture) -> Vec<LockSession> {
    let mut sessions = picture.tree.sessions.clone();
    let may: Vec<&LockSession> = picture.asleep.iter().take(ASLEEP).collect();
    for s in sessions.iter_mut().filter(|s| is_unexplained(s) && s.wants == metadata::WHOLE) {
        s.blocked_by = may.iter().map(|m| m.id).collect();
    }
    let known: BTreeSet<u64> = sessions.iter().map(|s| s.id).collect();
    if sessions.iter().any(|s| s.wants == metadata::WHOLE) {
        sessions.extend(may.into_iter().filter(|m| !known.contains(&m.id)).cloned());
    }
    sessions
}

/// It waits, and nobody is known to be in its way.
fn is_unexplained(s: &LockSession) -> bool {
    s.waits.is_some() && s.blocked_by.is_empty()
}

/// The tree that is shown.
pub(super) async fn shown_tree(s: &Session, sight: &Sight) -> Result<LockTree> {
    Ok(LockTree::of(shown(&tree(s, sight).await?)))
}

pub(super) async fn look(s: &Session, sight: &Sight, check: &Check, limits: &Limits) -> Result<Seen> {
    let mut picture = tree(s, sight).await?;
    let tables = check.id == "MY07";
    // All who wait stand in one tree, for rows or for tables.
    let sessions = if tables { Vec::new() } else { shown(&picture) };
    picture.tree = if tables { part(&picture, &picture.for_tables) } else { for_rows(&picture) };
    if !tables && is_hasty(&picture.tree, check, limits) {
        tokio::time::sleep(AGAIN).await;
        let later = tree(s, sight).await?;
        picture.tree = moved(&picture.tree, for_rows(&later), check, limits);
        let sessions = shown(&later);
        return Ok(Seen { sessions, ..judge(&picture, sight, check, limits) });
    }
    Ok(Seen { sessions, ..judge(&picture, sight, check, limits) })
}

/// A lock of the whole server whose holder is not told: what waits for it is every write. What would make the server tell (installing a
/// plugin, changing a table of settings) would wait behind it, too.
fn of_the_server(picture: &Picture, sight: &Sight, count: u64, longest: u64, check: &Check, limits: &Limits) -> Finding {
    let by = Severity::of(longest as f64, limits.of(check, "wait")).max(Severity::of(count as f64, limits.of(check, "victims")));
    let severity = if by == Severity::Ok { Severity::Warning } else { Severity::Critical };
    let waits = if count == 1 { "1 session waits".to_string() } else { format!("{count} sessions wait") };
    let age = crate::engine::assessing::age(longest as f64);
    let name = |s: &LockSession| {
        let idle = crate::engine::assessing::age(s.idle.unwrap_or(0) as f64);
        format!("connection {} (“{}”@{}, {idle})", s.id, s.user, s.client)
    };
    let named = picture.asleep.iter().take(ASLEEP).map(name).collect::<Vec<_>>().join(", ");
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
        n => (
            format!("asleep for as long: {named}{}", if n > ASLEEP { " and more" } else { "" }),
            "Find the one among them that makes a backup or locked by hand: KILL ends it and gives the lock back.".to_string(),
        ),
    };
    let told = format!(
        "{waits} for a lock of the whole server (FLUSH TABLES WITH READ LOCK, or a backup) whose holder cannot be seen: nothing can be written; \
         the longest for {age}; {who}"
    );
    let found = Finding::new(severity, check.id, "server", told).next(next);
    // Nobody else can have it: nothing else runs, and nobody else has slept for as long.
    match &picture.asleep[..] {
        [only] if picture.alone && sight.sees_all => found.recover(crate::model::recovery::Deed::Terminate, only.id.to_string()),
        _ => found,
    }
}

/// Several may hold it, and nothing tells which: ending one of them by guess ends an innocent one.
fn guesses(tree: &LockTree, guessed: &[&LockSession], check: &Check, limits: &Limits) -> Finding {
    let longest = tree.sessions.iter().filter_map(|s| s.waits).max().unwrap_or(0);
    let waiting = tree.waiting() + tree.unasked;
    let severity = Severity::of(longest as f64, limits.of(check, "wait")).max(Severity::of(waiting as f64, limits.of(check, "victims")));
    let ids: Vec<String> = guessed.iter().take(5).map(|s| s.id.to_string()).collect();
    let more = if guessed.len() > 5 { " …" } else { "" };
    let waits = if waiting == 1 { "1 session waits".to_string() } else { format!("{waiting} sessions wait") };
    let age = crate::engine::assessing::age(longest as f64);
    let what = if check.id == "MY06" { "row" } else { "table" };
    let words = format!("{waits} for a {what} that one of connections {}{more} holds, the longest for {age}", ids.join(", "));
    let found = Finding::new(severity.max(Severity::Info), check.id, "sessions", words);
    match tree.sessions.iter().find(|s| s.waits.is_some() && is_queued_ddl(s)) {
        Some(ddl) => found
            .next(format!(
                "Cancel the waiting statement of connection {}: the others go on. Which one holds it is a guess; end none of them by it.",
                ddl.id
            ))
            .recover(crate::model::recovery::Deed::Cancel, ddl.id.to_string()),
        None => found.next("Ask who they are before one is ended: the others are innocent."),
    }
}

fn judge(picture: &Picture, sight: &Sight, check: &Check, limits: &Limits) -> Seen {
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
    let unseen = |server: bool| {
        let of = tree.sessions.iter().filter(move |s| is_unexplained(s) && (s.wants == metadata::WHOLE) == server);
        of.fold((0u64, 0), |(n, l), s| (n + 1, l.max(s.waits.unwrap_or(0))))
    };
    if let (count @ 1.., longest) = unseen(true) {
        seen.find(of_the_server(picture, sight, count, longest, check, limits));
    }
    if let (count @ 1.., longest) = unseen(false) {
        let by = Severity::of(longest as f64, limits.of(check, "wait")).max(Severity::of(count as f64, limits.of(check, "victims")));
        let severity = if by == Severity::Ok { Severity::Info } else { by };
        let mut f = Finding::new(
            severity,
            check.id,
            "sessions",
            format!(
                "{} for a lock whose holder cannot be seen, the longest for {}",
                if count == 1 { "1 session waits".to_string() } else { format!("{count} sessions wait") },
                crate::engine::assessing::age(longest as f64)
            ),
        );
        f = f.next("A session that is asleep may hold it (LOCK TABLES, FLUSH TABLES WITH READ LOCK, a backup): look for it among them.");
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
    use super::*;
    use crate::engine::Assessing;
    use crate::engine::mysql::MySql;

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
