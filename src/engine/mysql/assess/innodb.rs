//! InnoDB's open transactions, and who waits for whose row.
//!
//! For each session that waits for a row InnoDB's list goes through all that wait for it before, once for each of those (MariaDB, MySQL 5), and
//! nobody takes or gives back a lock meanwhile: among thousands who wait that lasts for seconds, and whoever asks makes it worse. So the server's
//! own count of them is asked first. Where there are many, the text of its monitor is read in place of the list: that is gone through once.

use super::{Values, at, number, rows};
use crate::engine::Session;
use crate::engine::mysql::locks::is_mysql_8;
use crate::model::{Dialect, Result};
use std::collections::{BTreeMap, BTreeSet};

/// With more who wait for rows InnoDB is not asked for each of them, and so many stand for all.
const MANY: usize = 300;
/// Transactions that are read at most.
pub(super) const MOST: usize = 2_000;
/// Pairs of who waits and who is in the way that are read at most: a hot row makes one for each of its waiters.
const PAIRS: u32 = 5_000;
/// Rows that are waited for and whose holder is asked for by itself, and sessions that may have a row where nobody tells, at most.
const APART: usize = 50;

/// An open transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine::mysql) struct Transaction {
    /// 0 for one that has only read (MariaDB).
    pub id: String,
    /// 0 for one without a session: prepared, or being recovered.
    pub session: u64,
    /// Seconds.
    pub open: u64,
    pub waits: Option<u64>,
    /// The lock that it waits for by its id, or in words where the monitor told it.
    pub wants: String,
    /// How many it has locked, and changed.
    pub rows: u64,
    pub changed: u64,
    pub rolls_back: bool,
}

/// The open transactions of other sessions, the oldest first, and those who wait after those who do not.
#[derive(Debug, Default)]
pub(in crate::engine::mysql) struct Open {
    pub list: Vec<Transaction>,
    /// How many there are.
    pub all: u64,
    /// So many wait for rows that who waits for whom is not asked for each of them.
    pub crowded: bool,
    /// By the monitor's text, which had no room for all.
    pub cut: bool,
    /// Sessions that wait for rows and are not in the list.
    pub unlisted: u64,
}

impl Open {
    /// How many rows the transaction of a session has changed.
    pub fn changed(&self, session: &str) -> u64 {
        self.list.iter().find(|t| t.session.to_string() == session).map_or(0, |t| t.changed)
    }
    pub fn waiting(&self) -> impl Iterator<Item = &Transaction> {
        self.list.iter().filter(|t| t.waits.is_some())
    }
}

/// Whether so many wait for rows that InnoDB is not asked for each of them.
pub(in crate::engine::mysql) async fn is_crowded(s: &Session) -> Result<bool> {
    Ok(waiting(s).await? > MANY as u64)
}

/// How many wait for a row.
async fn waiting(s: &Session) -> Result<u64> {
    const COUNTED: &str = "Innodb_row_lock_current_waits";
    Ok(Values::status(s, &[COUNTED]).await?.count(COUNTED) as u64)
}

pub(in crate::engine::mysql) async fn open(s: &Session) -> Result<Open> {
    let waiting = waiting(s).await?;
    let crowded = waiting > MANY as u64;
    let mut open = match crowded && !is_mysql_8(s) {
        true => monitor(s).await?,
        false => listed(s).await?,
    };
    open.crowded = crowded;
    open.list.retain(|t| s.backend() != Some(t.session));
    if crowded {
        // Those who wait for longest stand for all.
        open.list.sort_by_key(|t| std::cmp::Reverse(t.waits));
        let told = open.list.partition_point(|t| t.waits.is_some());
        open.list.drain(told.min(MANY)..told);
        open.unlisted = waiting.max(told as u64) - told.min(MANY) as u64;
    }
    open.list.sort_by_key(|t| (std::cmp::Reverse(t.open), t.waits.is_some()));
    open.all = open.all.max(open.list.len() as u64 + open.unlisted);
    Ok(open)
}

async fn listed(s: &Session) -> Result<Open> {
    let text = format!(
        "SELECT trx_id, trx_mysql_thread_id, GREATEST(0, TIMESTAMPDIFF(SECOND, trx_started, NOW())), \
         IF(trx_state = 'LOCK WAIT', GREATEST(0, TIMESTAMPDIFF(SECOND, trx_wait_started, NOW())), NULL), \
         COALESCE(trx_requested_lock_id, ''), trx_rows_locked, trx_state = 'ROLLING BACK', trx_rows_modified FROM information_schema.INNODB_TRX \
         WHERE trx_mysql_thread_id <> CONNECTION_ID() ORDER BY trx_started, trx_state = 'LOCK WAIT' LIMIT {MOST}"
    );
    let whole = |r: &[Option<String>], i| number(r, i).map(|n| n as u64);
    let one = |r: &Vec<Option<String>>| Transaction {
        id: at(r, 0).into(),
        session: whole(r, 1).unwrap_or(0),
        open: whole(r, 2).unwrap_or(0),
        waits: whole(r, 3),
        wants: at(r, 4).into(),
        rows: whole(r, 5).unwrap_or(0),
        rolls_back: at(r, 6) == "1",
        changed: whole(r, 7).unwrap_or(0),
    };
    let list: Vec<Transaction> = rows(s, &text).await?.iter().map(one).collect();
    // All are counted where not all are read.
    let all = match list.len() {
        MOST => rows(s, "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id <> CONNECTION_ID()").await?,
        _ => Vec::new(),
    };
    let all = all.first().and_then(|r| number(r, 0)).unwrap_or(0.0) as u64;
    Ok(Open { list, all, ..Open::default() })
}

async fn monitor(s: &Session) -> Result<Open> {
    let told = rows(s, "SHOW ENGINE INNODB STATUS").await?;
    let text = told.first().map_or("", |r| at(r, 2));
    Ok(Open { list: told_by(text), cut: text.contains("\n... truncated...\n"), ..Open::default() })
}

/// The transactions that the monitor's text tells of.
fn told_by(text: &str) -> Vec<Transaction> {
    let mut out: Vec<Transaction> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(head) = line.strip_prefix("---TRANSACTION ") else { continue };
        let mut block = Vec::new();
        while let Some(next) = lines.next_if(|l| !l.starts_with("---TRANSACTION ")) {
            block.push(next);
        }
        out.extend(transaction(head, &block));
    }
    // A statement's text stands among the lines, and may hold lines that look like theirs: who is told of twice is not believed.
    let mut times: BTreeMap<u64, usize> = BTreeMap::new();
    for t in &out {
        *times.entry(t.session).or_default() += 1;
    }
    out.retain(|t| t.session == 0 || times[&t.session] == 1);
    out
}

/// The number before a word.
fn before(text: &str, word: &str) -> Option<u64> {
    let end = text.find(word)?;
    let digits = text[..end].rsplit(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The number behind a word.
fn behind(text: &str, word: &str) -> Option<u64> {
    let rest = &text[text.find(word)? + word.len()..];
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn transaction(head: &str, block: &[&str]) -> Option<Transaction> {
    let (id, state) = head.split_once(", ")?;
    if !state.starts_with("ACTIVE") {
        return None;
    }
    // One that has written nothing has an address in place of a number.
    let id = if id.starts_with('(') { "0" } else { id };
    let locks = block.iter().find(|l| l.contains(" lock struct(s)"))?;
    let session =
        block.iter().find_map(|l| l.strip_prefix("MariaDB").or_else(|| l.strip_prefix("MySQL")).and_then(|l| behind(l, " thread id ")));
    // The statement's text stands before: the last one is the server's own.
    let waits = block.iter().rev().find(|l| l.starts_with("------- TRX HAS BEEN WAITING "));
    let waits = waits.filter(|_| locks.starts_with("LOCK WAIT")).and_then(|l| {
        let n = behind(l, "WAITING ")?;
        Some(if l.contains(" us ") { n / 1_000_000 } else { n })
    });
    let wanted = block.iter().rev().find(|l| (l.starts_with("RECORD LOCKS ") || l.starts_with("TABLE LOCK ")) && l.ends_with(" waiting"));
    let wants = wanted.and_then(|l| {
        let (table, lock) = l.split_once(" table ")?.1.split_once(" trx id ")?;
        let mode = lock.split_once("lock mode ").or_else(|| lock.split_once("lock_mode "))?.1.split(' ').next()?;
        Some(format!("{mode} on {}", table.replace('`', "")))
    });
    Some(Transaction {
        id: id.into(),
        session: session.unwrap_or(0),
        open: before(state, " sec").unwrap_or(0),
        waits,
        wants: wants.filter(|_| waits.is_some()).unwrap_or_default(),
        rows: before(locks, " row lock(s)").unwrap_or(0),
        changed: behind(locks, "undo log entries ").unwrap_or(0),
        rolls_back: locks.starts_with("ROLLING BACK"),
    })
}

/// Who waits for a row, by session, with who has it: those who wait for the same row before it are left out where the server tells that apart.
/// The second one says whether who has it is only supposed.
pub(in crate::engine::mysql) async fn row_waits(s: &Session, open: &Open) -> Result<(BTreeMap<u64, Vec<u64>>, bool)> {
    if open.waiting().next().is_none() {
        return Ok((BTreeMap::new(), false));
    }
    if is_mysql_8(s) {
        match if open.crowded { told_apart(s, open).await } else { told(s).await } {
            Err(e) if super::refused(&e) => {}
            // An empty list tells of nobody where nobody keeps it.
            Ok(found) if found.is_empty() && !Values::variables(s, &["performance_schema"]).await?.on("performance_schema") => {}
            found => return Ok((found?, false)),
        }
    } else if !open.crowded {
        return Ok((of_lists(s, open).await?, false));
    }
    Ok((holders(&open.list), true))
}

const TOLD: &str = "SELECT DISTINCT r.PROCESSLIST_ID, b.PROCESSLIST_ID FROM performance_schema.data_lock_waits w \
    JOIN performance_schema.threads r ON r.THREAD_ID = w.REQUESTING_THREAD_ID \
    JOIN performance_schema.threads b ON b.THREAD_ID = w.BLOCKING_THREAD_ID";

async fn pairs(s: &Session, text: &str) -> Result<BTreeMap<u64, Vec<u64>>> {
    let mut out: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for r in rows(s, text).await? {
        if let (Some(waits), Some(by)) = (number(&r, 0), number(&r, 1)) {
            out.entry(waits as u64).or_default().push(by as u64);
        }
    }
    Ok(out)
}

async fn told(s: &Session) -> Result<BTreeMap<u64, Vec<u64>>> {
    pairs(s, &format!("{TOLD} LIMIT {PAIRS}")).await
}

/// Of those who wait for the same row only the first one is asked for whom it waits; all others wait for the same.
async fn told_apart(s: &Session, open: &Open) -> Result<BTreeMap<u64, Vec<u64>>> {
    let mut by_row: BTreeMap<&str, Vec<&Transaction>> = BTreeMap::new();
    for t in open.waiting() {
        by_row.entry(row_of(&t.wants)).or_default().push(t);
    }
    let mut queues: Vec<Vec<&Transaction>> = by_row.into_values().collect();
    queues.sort_by_key(|q| std::cmp::Reverse(q.len()));
    let mut out = BTreeMap::new();
    for queue in queues.iter().take(APART) {
        let Some(first) = queue.iter().max_by_key(|t| t.waits) else { continue };
        let text = format!("{TOLD} WHERE w.REQUESTING_ENGINE_LOCK_ID = {} LIMIT {PAIRS}", Dialect::MySql.quote_literal(&first.wants));
        let holds: BTreeSet<u64> = pairs(s, &text).await?.into_values().flatten().collect();
        // Seconds are whole: the one that was asked may have come second, and wait for the first one too.
        let waits: BTreeSet<u64> = queue.iter().map(|t| t.session).collect();
        let holds: Vec<u64> = holds.difference(&waits).copied().collect();
        if !holds.is_empty() {
            out.extend(queue.iter().map(|t| (t.session, holds.clone())));
        }
    }
    Ok(out)
}

/// The row that a lock's id names: between the transaction's address and the lock's own stand space, page and place.
fn row_of(lock: &str) -> &str {
    let from = lock.find(':').map_or(0, |i| i + 1);
    let to = lock.rfind(':').filter(|to| *to > from).unwrap_or(lock.len());
    &lock[from..to]
}

/// As MariaDB and MySQL 5 tell it.
async fn of_lists(s: &Session, open: &Open) -> Result<BTreeMap<u64, Vec<u64>>> {
    let mut out: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let pairs = format!(
        "SELECT DISTINCT requesting_trx_id, blocking_trx_id FROM information_schema.INNODB_LOCK_WAITS WHERE blocking_lock_id NOT IN \
         (SELECT trx_requested_lock_id FROM information_schema.INNODB_TRX WHERE trx_requested_lock_id IS NOT NULL) LIMIT {PAIRS}"
    );
    for r in rows(s, &pairs).await? {
        // Transactions without a number are told apart by what they do alone: who waits waits, who has rows is in the way.
        let waiting = open.waiting().filter(|t| t.id == at(&r, 0));
        let blocking = || open.list.iter().filter(|t| t.id == at(&r, 1) && (t.id != "0" || t.rows > 0 && t.waits.is_none()));
        for w in waiting {
            out.entry(w.session).or_default().extend(blocking().map(|b| b.session));
        }
    }
    Ok(out)
}

/// Who may have the row that somebody waits for, where the server does not tell: whoever has rows, waits for nobody, and began before the wait did.
fn holders(open: &[Transaction]) -> BTreeMap<u64, Vec<u64>> {
    // Both are whole seconds.
    let of = |waits: u64| open.iter().filter(move |t| t.waits.is_none() && t.rows > 0 && t.open + 1 >= waits).map(|t| t.session);
    open.iter().filter_map(|t| Some((t.session, of(t.waits?).take(APART).collect::<Vec<_>>()))).filter(|(_, by)| !by.is_empty()).collect()
}

/// What rows are waited for, by what stands for the lock: where the server tells it with the waits.
pub(super) async fn wanted(s: &Session, open: &Open) -> BTreeMap<String, String> {
    const WANTED: &str = "SELECT l.lock_id, l.lock_mode, l.lock_table FROM information_schema.INNODB_LOCKS l LIMIT 2000";
    if is_mysql_8(s) {
        return BTreeMap::new();
    }
    if open.crowded {
        return open.waiting().filter(|t| !t.wants.is_empty()).map(|t| (t.wants.clone(), t.wants.clone())).collect();
    }
    let found = rows(s, WANTED).await.unwrap_or_default();
    found.iter().map(|r| (at(r, 0).to_string(), format!("{} on {}", at(r, 1), at(r, 2).replace('`', "")))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(session: u64, waits: Option<u64>, rows: u64, open: u64) -> Transaction {
        Transaction { id: session.to_string(), session, open, waits, wants: String::new(), rows, changed: 0, rolls_back: false }
    }

    #[test]
    fn where_nobody_tells_who_has_a_row_it_is_who_waits_for_nobody() {
        let open = [t(9, None, 1, 30), t(10, Some(11), 1, 11), t(11, Some(10), 1, 10), t(12, None, 0, 40), t(13, None, 5, 2)];
        assert_eq!(holders(&open), BTreeMap::from([(10, vec![9]), (11, vec![9])]));
    }

    #[test]
    fn the_monitor_tells_of_transactions() {
        const TEXT: &str = "=====\nTRANSACTIONS\n------------\nTrx id counter 52\nLIST OF TRANSACTIONS FOR EACH SESSION:\n\
            ---TRANSACTION (0x7f61), not started\n0 lock struct(s), heap size 1128, 0 row lock(s)\n\
            ---TRANSACTION (0x7f60), ACTIVE 12 sec starting index read\nmysql tables in use 1, locked 1\n\
            LOCK WAIT 2 lock struct(s), heap size 1128, 1 row lock(s)\n\
            MariaDB thread id 34, OS thread handle 140056, query id 105 127.0.0.1 app Updating\n\
            update orders set state = 'y' where id = 1\n\
            ------- TRX HAS BEEN WAITING 11999999 us FOR THIS LOCK TO BE GRANTED:\n\
            RECORD LOCKS space id 6 page no 3 n bits 320 index PRIMARY of table `shop`.`orders` trx id 43 lock_mode X locks rec but not gap waiting\n\
            Record lock, heap no 2 PHYSICAL RECORD: n_fields 4; compact format; info bits 0\n 0: len 4; hex 80000001; asc     ;;\n\n\
            ------------------\n\
            ---TRANSACTION 421, ACTIVE 41 sec\n2 lock struct(s), heap size 1128, 3 row lock(s), undo log entries 2\n\
            MariaDB thread id 5, OS thread handle 140055, query id 33 127.0.0.1 app \n\
            ---TRANSACTION 17, ACTIVE (PREPARED) 90 sec\n1 lock struct(s), heap size 1128, 1 row lock(s), undo log entries 1\n\
            ---TRANSACTION 422, ACTIVE 3 sec rollback\nROLLING BACK 2 lock struct(s), heap size 1128, 8 row lock(s), undo log entries 7\n\
            MySQL thread id 8, OS thread handle 140055, query id 34 127.0.0.1 app \n--------\nFILE I/O\n";
        let waits = Transaction { id: "0".into(), wants: "X on shop.orders".into(), ..t(34, Some(11), 1, 12) };
        let holds = Transaction { id: "421".into(), changed: 2, ..t(5, None, 3, 41) };
        let prepared = Transaction { id: "17".into(), changed: 1, ..t(0, None, 1, 90) };
        let undone = Transaction { id: "422".into(), changed: 7, rolls_back: true, ..t(8, None, 8, 3) };
        assert_eq!(told_by(TEXT), [waits.clone(), holds, prepared.clone(), undone.clone()]);
        // MySQL 5 told whole seconds.
        let seconds = TEXT.replace("11999999 us", "11 SEC");
        assert_eq!(told_by(&seconds)[0], waits);
        // A statement that holds lines of the monitor's own says nothing of another session.
        let forged = "'y' where id = 1 /*\n---TRANSACTION 1, ACTIVE 999 sec\n1 lock struct(s), heap size 1128, 1 row lock(s)\nMariaDB thread id 5, OS";
        let told = told_by(&TEXT.replace("'y' where id = 1", forged));
        assert!(told.iter().all(|t| t.session != 5), "{told:#?}");
        assert_eq!(told_by(""), []);
        assert_eq!(
            told_by("---TRANSACTION \n---TRANSACTION 1, ACTIVE\n---TRANSACTION 2, ACTIVE x sec\n lock struct(s)"),
            [Transaction { id: "2".into(), ..t(0, None, 0, 0) }]
        );
    }

    #[test]
    fn locks_of_one_row_have_one_name() {
        assert_eq!(row_of("140043329537840:1083:4:2:140043241838016"), row_of("140043329537841:1083:4:2:140043241838099"));
        assert_ne!(row_of("140043329537840:1083:4:2:1"), row_of("140043329537840:1083:4:3:1"));
        assert_eq!((row_of(""), row_of("1:"), row_of("a")), ("", "", "a"));
    }
}
