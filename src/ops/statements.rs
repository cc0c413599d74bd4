//! What was run: into the history for recall, and what wrote into the journal (design §1).

use super::{Connection, Cx};
use crate::config::AccessMode;
use crate::model::{Error, Result, TxState};
use crate::sql::{self, Class, TokenKind};
use crate::store::history::NewRun;
use crate::store::journal::NewEntry;
use sha2::{Digest, Sha256};
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
    pub error: Option<&'a Error>,
}

/// Notes of one run of statements on one session. [`Ledger::close`] writes what is left.
pub struct Ledger<'a> {
    cx: &'a Cx,
    conn: &'a Connection,
    runs: Vec<NewRun>,
    wrote: Vec<serde_json::Value>,
    since: Instant,
}

impl<'a> Ledger<'a> {
    pub fn new(cx: &'a Cx, conn: &'a Connection) -> Self {
        Ledger { cx, conn, runs: Vec::new(), wrote: Vec::new(), since: Instant::now() }
    }

    /// Notes a statement that ran on the open session; `tx` is the session's state after it. An error is the store's: the
    /// statement has run, and its record has not been kept.
    pub fn note(&mut self, ended: &Ended<'_>, tx: TxState) -> Result<()> {
        if self.runs.is_empty() && self.wrote.is_empty() {
            self.since = Instant::now();
        }
        let d = self.conn.dialect();
        let text = sql::redact(d, ended.text);
        let hidden = text != ended.text;
        if self.conn.target().access == AccessMode::Open && ended.error.is_none() && writes(d, ended.text) {
            let mut one = serde_json::json!({
                "text": head(&text),
                "sha256": hex::encode(Sha256::digest(ended.text.as_bytes())),
                "affected": ended.affected,
            });
            if tx != TxState::Idle {
                one["transaction"] = "open: what it wrote stands or falls with it".into();
            }
            self.wrote.push(one);
        }
        if self.conn.target().history {
            self.runs.push(NewRun {
                at: self.cx.clock.stamp(),
                text,
                took_ms: u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX),
                rows: ended.error.is_none().then(|| ended.affected.unwrap_or(ended.rows)),
                // Servers quote the statement in their errors.
                error: ended.error.map(|e| {
                    if hidden {
                        format!(
                            "{}not kept: the statement holds a secret",
                            e.code.as_ref().map_or(String::new(), |c| format!("{c}; its words are "))
                        )
                    } else {
                        e.message.clone()
                    }
                }),
            });
        }
        if self.since.elapsed() >= LATEST || self.wrote.len() >= TOGETHER { self.write() } else { Ok(()) }
    }

    /// Writes what is left.
    pub fn close(mut self) -> Result<()> {
        self.write()
    }

    fn write(&mut self) -> Result<()> {
        let target = &self.conn.target().name;
        let runs = std::mem::take(&mut self.runs);
        let wrote = std::mem::take(&mut self.wrote);
        let entry = (!wrote.is_empty()).then(|| {
            let first = wrote[0]["text"].as_str().unwrap_or_default();
            let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
            let line = crate::text::truncate(&crate::text::clean(&line), 100).into_owned();
            let summary = match wrote.len() {
                1 => format!("ran on {target}: {line}"),
                n => format!("ran {n} statements on {target}, the first: {line}"),
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
        self.cx.store.remember_all(target, &runs, entry.as_ref())
    }
}

/// What the classifier cannot prove to be a read may write; the end of a transaction decides over what was written in it.
fn writes(d: crate::model::Dialect, text: &str) -> bool {
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
    use crate::model::Dialect;

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
            assert_eq!(writes(Dialect::Postgres, text), recorded, "{text}");
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_letter() {
        let cut = head(&"ü".repeat(2000));
        assert!(cut.ends_with("… (4000 bytes)"), "{cut}");
    }
}
