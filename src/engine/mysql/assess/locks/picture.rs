//! Who waits and who is in the way now, put together from what the server tells in several places.

use super::is_unexplained;
use super::metadata::{self, Held, Known, Scope, Waiter};
use super::process::{self, Process};
use crate::engine::Session;
use crate::engine::assessing::{COMMITS, ROLLS_BACK};
use crate::engine::mysql::assess::innodb::{self, Open, Transaction};
use crate::engine::mysql::assess::{Values, at, number, rows};
use crate::engine::mysql::mariadb;
use crate::model::assessment::Sight;
use crate::model::lock_tree::{LockSession, LockTree};
use crate::model::{Dialect, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Sessions asleep that are named, where one of them may hold a lock of the whole server.
pub(super) const ASLEEP: usize = 3;
/// Marks the state of a session that is only guessed to hold what others wait for.
pub(super) const INFERRED: &str = " (holder inferred)";
/// Names that are asked for, at most.
const NAMES: usize = 20;
/// The state of a session that waits for a replica to confirm its commit.
pub(in crate::engine::mysql::assess) const ACKNOWLEDGED: &str = "Waiting for semi-sync ACK";

/// The tree, and how its metadata locks are known.
pub(super) struct Picture {
    pub tree: LockTree,
    pub known: Known,
    /// Sessions that wait for rows, and those that wait for a lock of the server's.
    pub for_rows: BTreeSet<u64>,
    pub for_tables: BTreeSet<u64>,
    /// Sessions that sleep for longer than anybody waits for the whole server: one of them may hold it.
    pub asleep: Vec<LockSession>,
    /// Likewise for a table, where nobody is known who has it.
    pub asleep_on_tables: Vec<LockSession>,
    /// Names of prepared transactions, as `XA COMMIT` and `XA ROLLBACK` take them, where one is in the way.
    pub prepared: Vec<String>,
    /// Nobody else does anything meanwhile who could hold it.
    pub alone: bool,
    /// What would let the server tell who holds metadata locks from then on.
    pub would_tell: &'static str,
    /// Sessions that wait for rows beyond those of the tree.
    pub unlisted: usize,
    /// The list of transactions was cut off: one that is not in it may be in the way.
    pub cut: bool,
}

pub(super) async fn tree(s: &Session, sight: &Sight) -> Result<Picture> {
    // Without PROCESS the account sees its own sessions, and none of InnoDB's.
    let all = if sight.sees_all { innodb::open(s).await? } else { Open::default() };
    let (by_row, is_supposed) = innodb::row_waits(s, &all).await?;
    let holders: BTreeSet<u64> = by_row.values().flatten().copied().collect();
    let rows_wanted = if by_row.is_empty() { BTreeMap::new() } else { innodb::wanted(s, &all).await };
    let open = &all.list;
    let concerned: BTreeSet<u64> = by_row.keys().chain(&holders).copied().collect();
    let mut seen = process::busy(s, open.iter().map(|t| t.session), &concerned).await?;
    let waiters: Vec<Waiter> = seen.iter().filter_map(Process::waits).collect();
    let (known, held) = if waiters.is_empty() { (Known::Told, Vec::new()) } else { metadata::held(s).await };
    let by_name = by_name(s, &waiters).await?;
    // A lock may be held without a transaction (LOCK TABLES): those sessions were not read yet.
    let named = held.iter().map(|h| h.session).chain(by_name.values().copied());
    let unread: BTreeSet<u64> = named.filter(|id| !seen.iter().any(|p| p.id == *id)).collect();
    if !unread.is_empty() {
        seen.extend(process::of_ids(s, unread.into_iter().take(500)).await?);
    }
    // InnoDB's list may be a tenth of a second old: who has gone since holds nothing.
    let is_there = |id: u64| seen.iter().any(|p| p.id == id);
    let idle: Vec<(u64, u64)> = open.iter().filter(|t| is_there(t.session)).map(|t| (t.session, t.open)).collect();
    let running: Vec<Waiter> = seen.iter().filter(|p| !p.sleeps() && p.waits().is_none()).map(Process::runs).collect();
    let mut by_table = metadata::behind(&waiters, &held, known, &idle, &running);
    for (waiter, holder) in &by_name {
        by_table.insert(*waiter, vec![*holder]);
    }
    let waits = Waits { open, by_row, by_table, rows_wanted, waiters, held, confirms: confirming(&seen) };
    let mut out: Vec<LockSession> = seen.iter().map(|p| waits.of(p)).collect();
    let Waits { by_row, by_table, waiters, .. } = waits;
    let unexplained =
        |of: Scope| waiters.iter().filter(|w| w.scope == of && by_table.get(&w.session).is_none_or(Vec::is_empty)).map(|w| w.ms).max();
    let asleep_for = async |longest: Option<u64>| match longest {
        Some(ms) => asleep(s, ms).await,
        None => Ok(Vec::new()),
    };
    let (asleep, asleep_on_tables) = (asleep_for(unexplained(Scope::Server)).await?, asleep_for(unexplained(Scope::Table)).await?);
    let prepared = if out.iter().any(|s| s.blocked_by.contains(&0)) { prepared(s).await } else { Vec::new() };
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
    let (tree, cut) = (LockTree::of(out), all.cut);
    Ok(Picture { tree, known, for_rows, for_tables, asleep, asleep_on_tables, prepared, alone, would_tell, unlisted, cut })
}

/// All that was found out about who waits for what.
struct Waits<'a> {
    open: &'a [Transaction],
    /// By session: who has the row, or the lock of the server's.
    by_row: BTreeMap<u64, Vec<u64>>,
    by_table: BTreeMap<u64, Vec<u64>>,
    /// By the lock's id.
    rows_wanted: BTreeMap<String, String>,
    waiters: Vec<Waiter>,
    held: Vec<Held>,
    confirms: BTreeSet<u64>,
}

impl Waits<'_> {
    fn of(&self, p: &Process) -> LockSession {
        let transaction = self.open.iter().find(|t| t.session == p.id);
        let table = self.waiters.iter().find(|w| w.session == p.id);
        let wants = match (table, transaction.filter(|t| t.waits.is_some())) {
            (Some(w), _) => metadata::wants(w),
            (None, Some(t)) => self.rows_wanted.get(&t.wants).cloned().unwrap_or_else(|| "a row".into()),
            (None, None) => String::new(),
        };
        let mut blocked_by: Vec<u64> = self.by_row.get(&p.id).into_iter().chain(self.by_table.get(&p.id)).flatten().copied().collect();
        blocked_by.sort_unstable();
        blocked_by.dedup();
        let confirms = self.confirms.contains(&p.id);
        LockSession {
            id: p.id,
            user: p.user.clone(),
            client: p.client.clone(),
            database: p.database.clone(),
            state: match (p.sleeps(), transaction.is_some(), p.state.as_str()) {
                _ if confirms => COMMITS.into(),
                _ if p.command == "Killed" || transaction.is_some_and(|t| t.rolls_back) => ROLLS_BACK.into(),
                (true, true, _) => "idle in transaction".into(),
                (true, false, _) => "idle".into(),
                (false, _, "") => p.command.to_lowercase(),
                (false, _, state) => state.into(),
            },
            waits: transaction.and_then(|t| t.waits).or(table.and(p.seconds())),
            open_for: transaction.map(|t| t.open),
            idle: p.seconds().filter(|_| p.sleeps()),
            wants,
            statement: p.statement.clone(),
            blocked_by,
            guessed: false,
            own: p.user == "system user" || p.user == "event_scheduler",
            keeps: !p.sleeps() && !confirms && keeps(p, transaction, &self.held),
            // The numbers of connections are not used again: they name a session by themselves.
            began: String::new(),
            transaction: transaction.map_or_else(String::new, |t| t.id.clone()),
        }
    }
}

/// Whether what a busy session holds is older than its statement: of an earlier statement of its transaction, or locked by hand.
fn keeps(p: &Process, transaction: Option<&Transaction>, held: &[Held]) -> bool {
    // Both ages are whole seconds.
    let earlier = transaction.zip(p.seconds()).is_some_and(|(t, now)| t.open > now + 1);
    let verb = metadata::verb(&p.statement);
    // What it changed, no query did.
    let reads = matches!(verb.as_str(), "SELECT" | "DO");
    let earlier = earlier || reads && transaction.is_some_and(|t| t.changed > 0);
    let by_hand = held.iter().any(|h| h.session == p.id && (h.global || h.mode.contains("NO_READ_WRITE") || h.mode.contains("NO_WRITE")));
    let takes = matches!(verb.as_str(), "FLUSH" | "BACKUP" | "LOCK") || metadata::changed(&p.statement).is_some();
    earlier || by_hand && !takes
}

/// Those are only guessed to hold what others wait for.
fn guesses_at(sessions: &mut [LockSession], ids: &BTreeSet<u64>) {
    for s in sessions.iter_mut().filter(|s| s.waits.is_none() && !s.guessed && ids.contains(&s.id)) {
        s.state.push_str(INFERRED);
        s.guessed = true;
    }
}

/// Who waits for a lock by its name, with who has it: the server tells that of one name at a time.
async fn by_name(s: &Session, waiters: &[Waiter]) -> Result<BTreeMap<u64, u64>> {
    let wanted: Vec<(u64, String)> =
        waiters.iter().filter(|w| w.scope == Scope::Name).filter_map(|w| Some((w.session, metadata::locked_name(&w.statement)?))).collect();
    let names: BTreeSet<&String> = wanted.iter().map(|(_, n)| n).take(NAMES).collect();
    let mut holders: BTreeMap<&String, u64> = BTreeMap::new();
    for name in names {
        let text = format!("SELECT IS_USED_LOCK({})", Dialect::MySql.quote_literal(name));
        if let Some(id) = rows(s, &text).await?.first().and_then(|r| number(r, 0)) {
            holders.insert(name, id as u64);
        }
    }
    Ok(wanted.iter().filter_map(|(session, name)| Some((*session, *holders.get(name)?))).collect())
}

/// By its state in the process list it is beyond what cancelling takes back.
pub(in crate::engine::mysql) fn is_committing(state: &str) -> bool {
    state.starts_with(ACKNOWLEDGED) || matches!(state, "Commit" | "Commit_implicit" | "waiting for handler commit")
}

/// Sessions whose commit waits for a replica, and those whose commit waits behind one of theirs: they are written in one order.
fn confirming(seen: &[Process]) -> BTreeSet<u64> {
    if !seen.iter().any(|p| p.state.starts_with(ACKNOWLEDGED)) {
        return BTreeSet::new();
    }
    seen.iter().filter(|p| is_committing(&p.state)).map(|p| p.id).collect()
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

/// None where they may not be seen, or none is prepared: what has no session may be one that the server undoes after a crash.
async fn prepared(s: &Session) -> Vec<String> {
    // MySQL has no form that can be copied.
    if !mariadb(s) {
        return Vec::new();
    }
    let found = s.fetch("XA RECOVER FORMAT='SQL'").await.map(|t| t.rows).unwrap_or_default();
    found.iter().map(|r| at(r, 3).to_string()).collect()
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

/// Of the whole tree those who wait for rows, or for tables, with all that they wait for.
pub(super) fn part(picture: &Picture, of: &BTreeSet<u64>) -> LockTree {
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
pub(super) fn for_rows(picture: &Picture) -> LockTree {
    LockTree { unasked: picture.unlisted, ..part(picture, &picture.for_rows) }
}

/// All who wait, with who may be in their way: who waits for the whole server or for a table, whose holder is told by nobody, stands behind those
/// who sleep for as long.
pub(super) fn shown(picture: &Picture) -> Vec<LockSession> {
    let mut sessions = picture.tree.sessions.clone();
    for (asleep, wants) in [(&picture.asleep, metadata::WHOLE), (&picture.asleep_on_tables, metadata::OF_A_TABLE)] {
        let may: Vec<&LockSession> = asleep.iter().take(ASLEEP).collect();
        let mut any = false;
        for s in sessions.iter_mut().filter(|s| is_unexplained(s) && s.wants.contains(wants)) {
            s.blocked_by = may.iter().map(|m| m.id).collect();
            any = true;
        }
        let known: BTreeSet<u64> = sessions.iter().map(|s| s.id).collect();
        if any {
            sessions.extend(may.into_iter().filter(|m| !known.contains(&m.id)).cloned());
        }
    }
    sessions
}
