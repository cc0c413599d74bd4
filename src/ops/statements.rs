//! What was run: into the history for recall, and what wrote into the journal.

use super::{Connection, Cx};
use crate::config::{AccessMode, Target};
use crate::engine::{EFFECT_NOT_KNOWN, Outcome, ROLLED_BACK_IN_PART, SessionStatus};
use crate::model::{Dialect, Error, Kind, ReadOnly, Result, STAYS, TxState};
use crate::sql::transaction::{Savepoint, commits_implicitly, savepoint};
use crate::sql::{self, Class, TokenKind};
use crate::store::history::{CANCELLED, Fate, NewRun};
use crate::store::journal::NewEntry;
use sha2::{Digest, Sha256};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Statements are recorded together, at most this late: a file of ten thousand inserts must not wait ten thousand times for
/// the disk, and after a crash no more than this is missing.
const LATEST: Duration = Duration::from_secs(1);
/// Statements that one record of the journal names.
const TOGETHER: usize = 500;
/// Longest text that a record repeats, in bytes; its hash is of the whole.
const TEXT: usize = 2000;

/// A statement that ended.
pub struct Ended<'a> {
    pub text: &'a str,
    pub took: Duration,
    /// Rows of the result.
    pub rows: u64,
    /// Rows that were changed.
    pub affected: Option<u64>,
    /// The server's command tag, where it is known.
    pub tag: Option<&'a str>,
    pub error: Option<&'a Error>,
}

/// Something of the open transaction whose end is not known yet.
#[derive(Debug)]
pub enum Unsettled {
    /// A statement, by its number in the history.
    Run(i64),
    Savepoint(String),
}

/// Notes of one run of statements on one session. [`Ledger::close`] writes what is left.
pub struct Ledger<'a> {
    cx: &'a Cx,
    conn: &'a Connection,
    runs: Vec<NewRun>,
    wrote: Vec<serde_json::Value>,
    /// What became of statements that are in the history already.
    settled: Vec<(i64, Fate)>,
    since: Instant,
    /// The session as the statement that was sent found it.
    found: Option<SessionStatus>,
    passed: Passed,
    /// What ended the transaction unasked: nothing of it is left to be rolled back.
    unasked: Option<String>,
    gone: bool,
}

/// What a statement did to the transaction that its session has open, and what became of the statement itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Passed {
    /// What was written in the transaction before met this end.
    pub ended: Option<Fate>,
    /// What it wrote itself: it stands or falls with the open transaction, or its connection was lost meanwhile. `None`: it wrote
    /// nothing, failed, or stood by itself.
    pub own: Option<Fate>,
    pub savepoint: Option<Savepoint>,
}

impl<'a> Ledger<'a> {
    pub fn new(cx: &'a Cx, conn: &'a Connection) -> Self {
        Ledger {
            cx,
            conn,
            runs: Vec::new(),
            wrote: Vec::new(),
            settled: Vec::new(),
            since: Instant::now(),
            found: None,
            passed: Passed::default(),
            unasked: None,
            gone: false,
        }
    }

    /// The statement before took the transaction with it, as nobody could know: what stands behind it must not run outside of it.
    pub fn gone(&self) -> bool {
        self.gone
    }

    /// See [`ended_unasked`]; a ROLLBACK that comes after such an end rolls nothing back, and says so.
    pub fn unasked(&mut self, text: &str, before: TxState, after: TxState, ended: &Result<Outcome>) -> Option<Unasked> {
        let d = self.conn.dialect();
        if before == TxState::Idle
            && ended.is_ok()
            && sql::transaction::ending(d, text) == Some(false)
            && let Some(by) = self.unasked.take()
        {
            return Some(Unasked { message: format!("There was nothing to roll back: {by}"), foreseen: true });
        }
        if ended.as_ref().is_ok_and(|o| o.tag == ROLLED_BACK_IN_PART) {
            (self.gone, self.unasked) = (false, None);
            return Some(Unasked { message: IN_PART.into(), foreseen: true });
        }
        let found = ended_unasked(d, text, before, after, ended);
        self.gone = found.as_ref().is_some_and(|u| !u.foreseen);
        if after != TxState::Idle {
            self.unasked = None;
        } else if let Some(u) = found.as_ref().filter(|_| ended.is_ok()) {
            self.unasked = Some(u.message.clone());
        }
        found
    }

    /// A statement is about to be sent on a session that is like this.
    pub fn sends(&mut self, text: &str, session: SessionStatus) {
        self.found = Some(session);
        let d = self.conn.dialect();
        let commits = sql::transaction::ending(d, text) == Some(true) || commits_implicitly(d, text);
        self.conn.committing.store(commits, Ordering::SeqCst);
    }

    /// Notes a statement that ran on the open session; `tx` is the session's state after it. An error is the store's: the
    /// statement has run, and its record has not been kept.
    pub fn note(&mut self, ended: &Ended<'_>, tx: TxState) -> Result<()> {
        if self.runs.is_empty() && self.wrote.is_empty() && self.settled.is_empty() {
            self.since = Instant::now();
        }
        let d = self.conn.dialect();
        if ended.error.is_none() {
            self.conn.ran(ended.text);
        }
        let found = self.found.take();
        let unheard = ended.error.and_then(|e| self.unheard(ended.text, e, found.as_ref()));
        self.passed = Passed { ended: self.ends(ended, tx), own: unheard, savepoint: None };
        if let Some(fate) = self.passed.ended {
            self.settle(fate);
        }
        self.conn.committing.store(false, Ordering::SeqCst);
        let text = self.conn.redacted(ended.text);
        let hidden = text != ended.text;
        // A statement that failed may have left a part: in tables without transactions, by a COMMIT of a procedure's own, by SQLite's FAIL.
        let ran = !ended.error.is_some_and(|e| refused_unread(d, ended.text, e));
        if self.conn.target().access == AccessMode::Open && ran && may_write(d, ended.text) {
            let mut one = serde_json::json!({
                "text": head(&text),
                "sha256": hex::encode(Sha256::digest(ended.text.as_bytes())),
                "affected": ended.affected,
            });
            if let Some(e) = ended.error {
                one["failed"] = words(e, hidden).into();
            }
            if tx != TxState::Idle {
                one["transaction"] = "open: what it wrote stands or falls with it".into();
            }
            self.wrote.push(one);
        }
        let within = tx != TxState::Idle && ended.error.is_none() && may_write(d, ended.text);
        if within && sql::classify(d, ended.text).class != Class::Transaction {
            self.passed.own = Some(Fate::Open);
        }
        if self.conn.target().history {
            let mut one = run(self.cx, text, hidden, ended, self.passed.own);
            let refused = self.passed.ended == Some(Fate::RolledBack) && sql::transaction::ending(d, ended.text) == Some(true);
            if ended.error.is_some() && refused {
                one.fate = Some(Fate::RolledBack);
            }
            if commit_rolled_back(d, ended.text, ended.tag) {
                (one.rows, one.error, one.fate) = (None, Some(COMMIT_ROLLED_BACK.into()), Some(Fate::RolledBack));
            }
            self.runs.push(one);
        }
        self.passed.savepoint = savepoint(d, ended.text).filter(|_| ended.error.is_none());
        match self.passed.savepoint.clone() {
            Some(Savepoint::Set(name)) => self.savepoint(&name)?,
            Some(Savepoint::BackTo(name)) => self.back_to(&name)?,
            None => {}
        }
        if self.since.elapsed() >= LATEST || self.wrote.len() >= TOGETHER { self.keep() } else { Ok(()) }
    }

    pub fn target(&self) -> &Target {
        self.conn.target()
    }

    /// What the statement that was noted last did to the open transaction.
    pub fn passed(&self) -> &Passed {
        &self.passed
    }

    /// What became of a statement that may write and whose connection was lost before the server had answered it.
    fn unheard(&self, text: &str, error: &Error, found: Option<&SessionStatus>) -> Option<Fate> {
        let found = found.filter(|f| f.lost.is_none() && f.read_only == ReadOnly::No)?;
        if error.kind != Kind::Connect || !may_write(self.conn.dialect(), text) {
            return None;
        }
        let decides = found.tx == TxState::Idle || self.conn.committing.load(Ordering::SeqCst);
        Some(if decides { Fate::Unclear } else { Fate::Lost })
    }

    /// The fate of what the open transaction wrote before, when this statement ended it.
    fn ends(&self, ended: &Ended<'_>, tx: TxState) -> Option<Fate> {
        let d = self.conn.dialect();
        if let Some(e) = ended.error {
            return match (e.kind, tx) {
                (Kind::Connect, _) if self.conn.committing.load(Ordering::SeqCst) => Some(Fate::Unclear),
                (Kind::Connect, _) => Some(Fate::Lost),
                (_, TxState::Idle) => Some(Fate::RolledBack),
                _ => None,
            };
        }
        if commits_implicitly(d, ended.text) {
            return Some(Fate::Committed);
        }
        let word = sql::transaction::ending(d, ended.text);
        match (word, tx) {
            // A COMMIT of a transaction that has failed rolls back, and the tag says so.
            (Some(true), _) if commit_rolled_back(d, ended.text, ended.tag) => Some(Fate::RolledBack),
            (Some(true), _) => Some(Fate::Committed),
            (Some(false), _) if ended.tag == Some(ROLLED_BACK_IN_PART) => Some(Fate::Unclear),
            (Some(false), _) => Some(Fate::RolledBack),
            (None, TxState::Idle) => Some(Fate::Unclear),
            (None, _) => None,
        }
    }

    /// What was written in the open transaction met this end.
    pub(in crate::ops) fn settle(&mut self, fate: Fate) {
        for run in self.runs.iter_mut().filter(|r| r.fate == Some(Fate::Open)) {
            run.fate = Some(fate);
        }
        let before = std::mem::take(&mut *self.conn.unsettled.lock().unwrap_or_else(PoisonError::into_inner));
        self.settled.extend(ids(before).map(|id| (id, fate)));
    }

    /// A savepoint of the open transaction was set.
    pub(in crate::ops) fn savepoint(&mut self, name: &str) -> Result<()> {
        // In the order in which things happened.
        self.keep()?;
        self.conn.unsettled.lock().unwrap_or_else(PoisonError::into_inner).push(Unsettled::Savepoint(name.into()));
        Ok(())
    }

    /// What was written behind a savepoint was rolled back.
    pub(in crate::ops) fn back_to(&mut self, name: &str) -> Result<()> {
        self.keep()?;
        let mut open = self.conn.unsettled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().rposition(|u| matches!(u, Unsettled::Savepoint(n) if n == name)) {
            let behind = open.split_off(at + 1);
            self.settled.extend(ids(behind).map(|id| (id, Fate::RolledBack)));
        }
        Ok(())
    }

    /// Writes what was noted and is not on record yet.
    pub fn keep(&mut self) -> Result<()> {
        let target = &self.conn.target().name;
        let runs = std::mem::take(&mut self.runs);
        let wrote = std::mem::take(&mut self.wrote);
        let entry = (!wrote.is_empty()).then(|| {
            let first = wrote[0]["text"].as_str().unwrap_or_default();
            let line = crate::text::truncate(&crate::text::clean(&crate::text::one_line(first)), 100).into_owned();
            let failed = wrote.iter().filter(|w| w.get("failed").is_some()).count();
            let summary = match (wrote.len(), failed) {
                (1, 0) => format!("ran on {target}: {line}"),
                (1, _) => format!("failed on {target}: {line}"),
                (n, 0) => format!("ran {n} statements on {target}, the first: {line}"),
                (n, failed) => format!("ran {n} statements on {target}, {failed} failed, the first: {line}"),
            };
            NewEntry {
                at: self.cx.clock.stamp(),
                kind: "statement".into(),
                operator: self.cx.operator.clone(),
                host: self.cx.host.clone(),
                target: target.clone(),
                body: serde_json::json!({ "summary": summary, "statements": wrote }),
            }
        });
        let settled = std::mem::take(&mut self.settled);
        let numbers = self.cx.store.remember_all(target, &runs, &settled, entry.as_ref())?;
        let open = numbers.into_iter().zip(&runs).filter(|(_, r)| r.fate == Some(Fate::Open)).map(|(id, _)| Unsettled::Run(id));
        self.conn.unsettled.lock().unwrap_or_else(PoisonError::into_inner).extend(open);
        Ok(())
    }
}

fn ids(of: Vec<Unsettled>) -> impl Iterator<Item = i64> {
    of.into_iter().filter_map(|u| match u {
        Unsettled::Run(id) => Some(id),
        Unsettled::Savepoint(_) => None,
    })
}

/// The history's line of a statement; `text` has passed `sql::redact`, which took something `hidden` out of it.
fn run(cx: &Cx, text: String, hidden: bool, ended: &Ended<'_>, fate: Option<Fate>) -> NewRun {
    NewRun {
        at: cx.clock.stamp(),
        text,
        took_ms: u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX),
        rows: ended.error.is_none().then(|| ended.affected.unwrap_or(ended.rows)),
        error: ended.error.map(|e| words(e, hidden)),
        fate,
    }
}

/// What the records keep of an error. Servers quote the statement in theirs: those of one that holds a secret are not kept.
fn words(e: &Error, hidden: bool) -> String {
    let words = if e.kind == Kind::Cancelled {
        CANCELLED.into()
    } else if hidden {
        format!("{}not kept: the statement holds a secret", e.code.as_ref().map_or(String::new(), |c| format!("{c}; its words are ")))
    } else if e.message == CANCELLED {
        // The server's word, and not the user's doing.
        format!("the server says: {}", e.message)
    } else {
        e.message.clone()
    };
    if e.stays().is_some() { format!("{words}; {STAYS}") } else { words }
}

/// The server found the error in the text itself, and ran nothing of it; what a routine or a block ran before its own error is not told.
fn refused_unread(d: Dialect, text: &str, e: &Error) -> bool {
    e.position.is_some() && !sql::transaction::runs_a_routine(d, text)
}

/// Notes a data fix in the history; gives its number there, `None` where the target keeps no history.
pub(in crate::ops) fn remember_fix(cx: &Cx, conn: &Connection, ended: &Ended<'_>, fate: Fate) -> Result<Option<i64>> {
    remember(cx, conn, ended, Some(fate))
}

/// Notes in the history what ran on a session of its own; gives its number there, `None` where the target keeps no history.
pub(in crate::ops) fn remember(cx: &Cx, conn: &Connection, ended: &Ended<'_>, fate: Option<Fate>) -> Result<Option<i64>> {
    if !conn.target().history {
        return Ok(None);
    }
    let text = conn.redacted(ended.text);
    let hidden = text != ended.text;
    let numbers = cx.store.remember_all(&conn.target().name, &[run(cx, text, hidden, ended, fate)], &[], None)?;
    Ok(numbers.first().copied())
}

/// The session of the user's own statements ended with its transaction open, and not by a statement of theirs.
pub fn session_ended(cx: &Cx, conn: &Connection, fate: Fate) -> Result<()> {
    let open = std::mem::take(&mut *conn.unsettled.lock().unwrap_or_else(PoisonError::into_inner));
    let fate = if conn.committing.load(Ordering::SeqCst) { Fate::Unclear } else { fate };
    let settled: Vec<(i64, Fate)> = ids(open).map(|id| (id, fate)).collect();
    cx.store.remember_all(&conn.target().name, &[], &settled, None).map(drop)
}

const IN_PART: &str = "Not everything was rolled back: what was written to tables without transactions (MyISAM, Aria, MEMORY) stays.";

/// What a COMMIT came to that the server answered with ROLLBACK.
const COMMIT_ROLLED_BACK: &str = "rolled back: the transaction had failed";

/// PostgreSQL rolls a transaction back that has failed, also when it is told to commit; only its tag says so.
fn commit_rolled_back(d: Dialect, text: &str, tag: Option<&str>) -> bool {
    tag.is_some_and(|t| t.starts_with("ROLLBACK")) && sql::transaction::ending(d, text) == Some(true)
}

/// A statement ran to its end, and its rows could not be kept or written for `why`: what became of the statement itself is told with it.
/// `tx` is the session's state after it.
#[must_use]
pub fn rows_lost(mut why: Error, d: Dialect, text: &str, affected: Option<u64>, tx: TxState) -> Error {
    if !may_write(d, text) {
        return why;
    }
    let changed = affected.map_or_else(String::new, |n| format!(" ({})", crate::text::counted(n, "row")));
    // What is said of rows that are read again is wrong here: the statement would write again.
    why.hints = vec![match tx {
        TxState::Idle => format!("The statement itself ran to its end and took effect{changed}: run again, it would do so once more."),
        _ => format!("The statement itself ran to its end{changed}: what it did is a part of the open transaction."),
    }];
    if why.kind == Kind::Io {
        why.hints.push("Free some space, and read its rows with a SELECT.".into());
    }
    why
}

/// Whether a statement is let run to its end although its rows can no longer be kept: it may write, or ending it would end the open
/// transaction, too.
pub fn runs_to_its_end(d: Dialect, text: &str, before: TxState) -> bool {
    before != TxState::Idle || may_write(d, text)
}

/// Puts right what the error of a lost connection says of the statement's own effect, by what became of it.
pub fn told_of_effect(error: &mut Error, own: Option<Fate>) {
    let Some(at) = error.hints.iter().position(|h| h == EFFECT_NOT_KNOWN) else { return };
    match own {
        Some(Fate::Unclear) => {}
        Some(_) => error.hints[at] = "The open transaction is gone with the connection: nothing of it was committed.".into(),
        None => drop(error.hints.remove(at)),
    }
}

/// A statement ended the open transaction in another way than its words say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unasked {
    /// A sentence.
    pub message: String,
    /// It was known before that the statement would (DDL of MySQL), or it is the transaction's end itself. Otherwise what stands behind it
    /// was meant for that transaction.
    pub foreseen: bool,
}

/// Whether a statement ended the open transaction in another way than its words say.
pub fn ended_unasked(d: Dialect, text: &str, before: TxState, after: TxState, ended: &Result<Outcome>) -> Option<Unasked> {
    let failed = ended.is_err();
    let transaction = sql::classify(d, text).class == Class::Transaction;
    if commit_rolled_back(d, text, ended.as_ref().ok().map(|o| o.tag.as_str())) {
        return Some(Unasked { message: format!("The COMMIT was {COMMIT_ROLLED_BACK}, and nothing of it was kept."), foreseen: true });
    }
    if before == TxState::Idle || after != TxState::Idle || transaction && !failed {
        return None;
    }
    let shown = shown(text);
    let foreseen = transaction || commits_implicitly(d, text);
    let message = if failed {
        "The transaction that was open is gone: the server rolled it back with this error.".into()
    } else if foreseen {
        format!("{shown} committed the transaction that was open, with all that was written in it.")
    } else {
        format!("{shown} ended the transaction that was open: what was written in it is committed, unless the statement rolled it back.")
    };
    Some(Unasked { message, foreseen })
}

/// The first words of a statement, cleaned.
fn shown(text: &str) -> String {
    crate::text::truncate(&crate::text::clean(&crate::text::one_line(text)), 40).into_owned()
}

/// What the classifier cannot prove to be a read may write; the end of a transaction decides over what was written in it.
pub fn may_write(d: Dialect, text: &str) -> bool {
    let verdict = sql::classify(d, text);
    match verdict.class {
        Class::Read => !verdict.functions.is_empty(),
        Class::Session => false,
        Class::Transaction => {
            let first = sql::lex(d, text).into_iter().find(|t| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment));
            let word = first.map(|t| text[t.span].to_ascii_lowercase()).unwrap_or_default();
            ["commit", "rollback", "end", "abort"].contains(&word.as_str())
        }
        Class::Dml | Class::Ddl | Class::Other => true,
    }
}

fn head(text: &str) -> String {
    let mut end = text.len().min(TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end == text.len() { text.to_string() } else { format!("{}… ({} bytes)", &text[..end], text.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_ends_the_transaction_by_itself_is_told() {
        let (open, idle) = (TxState::Open, TxState::Idle);
        let ended = |failed: bool, tag: &str| {
            if failed { Err(Error::failed("refused")) } else { Ok(Outcome { tag: tag.into(), ..Outcome::default() }) }
        };
        let told = |text: &str, after, failed| {
            ended_unasked(Dialect::MySql, text, open, after, &ended(failed, "")).map(|u| u.message).unwrap_or_default()
        };
        assert!(told("call p_commit()", idle, false).starts_with("call p_commit() ended the transaction"));
        assert!(told("create table t (a int)", idle, false).contains("committed the transaction"));
        assert!(told("update t set a = 1", idle, true).contains("rolled it back"));
        assert_eq!(told("commit", idle, false), "");
        assert_eq!(told("call p()", open, false), "");
        assert_eq!(ended_unasked(Dialect::MySql, "call p_commit()", idle, idle, &ended(false, "")), None);
        let commit = |tag| ended_unasked(Dialect::Postgres, "commit", TxState::Failed, idle, &ended(false, tag)).map(|u| u.message);
        let refused = ended_unasked(Dialect::Postgres, "commit", open, idle, &ended(true, "")).expect("a deferred constraint");
        assert!(refused.message.contains("rolled it back") && refused.foreseen);
        assert!(commit("ROLLBACK").is_some_and(|t| t.contains("rolled back: the transaction had failed")));
        assert_eq!(commit("COMMIT"), None);
        assert_eq!(ended_unasked(Dialect::Postgres, "rollback", TxState::Failed, idle, &ended(false, "ROLLBACK")), None);
    }

    #[test]
    fn what_may_write_is_recorded_and_what_reads_is_not() {
        for (text, recorded) in [
            ("update t set a = 1", true),
            ("create table t (a int)", true),
            ("vacuum", true),
            ("select my_function(1)", true),
            ("commit", true),
            ("-- done\nROLLBACK", true),
            ("begin", false),
            ("select count(*) from t", false),
            ("set work_mem = '1MB'", false),
        ] {
            assert_eq!(may_write(Dialect::Postgres, text), recorded, "{text}");
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_letter() {
        let cut = head(&"ü".repeat(2000));
        assert!(cut.ends_with("… (4000 bytes)"), "{cut}");
    }
}
