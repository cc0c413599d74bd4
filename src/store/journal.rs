//! The journal: append-only, each record's hash over its content and the hash before it.
//!
//! What it shows: an edited, removed, inserted or reordered record, and a tail that was cut off (by the head that is kept
//! in the store and beside it). What it cannot show: somebody who rewrites the whole chain and both heads.

use super::{Store, store_error};
use crate::model::Result;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Hash before the first record.
const ORIGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub seq: i64,
    /// RFC 3339, UTC.
    pub at: String,
    /// `backup-taken`, `statement-before`, `evidence`, `sign` …
    pub kind: String,
    pub operator: String,
    pub host: String,
    pub target: String,
    /// The record's own facts.
    pub body: Value,
    pub prev_hash: String,
    pub hash: String,
}

/// A record to be appended: its number and hashes are given by the store.
#[derive(Debug, Clone)]
pub struct NewEntry {
    pub at: String,
    pub kind: String,
    pub operator: String,
    pub host: String,
    pub target: String,
    pub body: Value,
}

/// Which entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub target: Option<String>,
    pub kind: Option<String>,
    /// Only entries with a greater sequence number.
    pub after: Option<i64>,
    /// Only entries with a smaller sequence number.
    pub before: Option<i64>,
    pub limit: Option<usize>,
}

/// What walking the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    Intact {
        entries: u64,
        head: String,
    },
    Broken {
        /// Sequence number of the first record that does not fit.
        at: i64,
        why: String,
    },
}

impl Entry {
    /// The record in one line for people.
    pub fn sentence(&self) -> String {
        self.body.get("summary").and_then(Value::as_str).map_or_else(|| self.kind.clone(), str::to_string)
    }
    /// A fact of the body, as text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.body.get(key)?.as_str()
    }
}

/// SHA-256 over all fields, each with its length, so that no two records have the same bytes.
fn hash(prev: &str, seq: i64, fields: [&str; 6]) -> String {
    let mut h = Sha256::new();
    h.update(b"holdpoint journal 1\n");
    h.update(prev.as_bytes());
    h.update(seq.to_le_bytes());
    for f in fields {
        h.update((f.len() as u64).to_le_bytes());
        h.update(f.as_bytes());
    }
    hex::encode(h.finalize())
}

struct Raw {
    seq: i64,
    at: String,
    kind: String,
    operator: String,
    host: String,
    target: String,
    body: String,
    prev_hash: String,
    hash: String,
}

impl Raw {
    fn read(r: &Row<'_>) -> rusqlite::Result<Raw> {
        Ok(Raw {
            seq: r.get(0)?,
            at: r.get(1)?,
            kind: r.get(2)?,
            operator: r.get(3)?,
            host: r.get(4)?,
            target: r.get(5)?,
            body: r.get(6)?,
            prev_hash: r.get(7)?,
            hash: r.get(8)?,
        })
    }
    fn fits(&self) -> bool {
        self.hash == hash(&self.prev_hash, self.seq, [&self.at, &self.kind, &self.operator, &self.host, &self.target, &self.body])
    }
    fn entry(self) -> Entry {
        let body = serde_json::from_str(&self.body).unwrap_or(Value::String(self.body));
        Entry {
            seq: self.seq,
            at: self.at,
            kind: self.kind,
            operator: self.operator,
            host: self.host,
            target: self.target,
            body,
            prev_hash: self.prev_hash,
            hash: self.hash,
        }
    }
}

/// Kind of the record that says that records before it are missing.
const GAP: &str = "chain-gap";

const COLUMNS: &str = "seq, at, kind, operator, host, target, body, prev_hash, hash";

fn head(db: &rusqlite::Connection) -> Result<(i64, String)> {
    let last = db.query_row("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1", [], |r| Ok((r.get(0)?, r.get(1)?)));
    Ok(last.optional().map_err(store_error)?.unwrap_or_else(|| (0, ORIGIN.to_string())))
}

/// Appends within a transaction of the store, so that what is recorded and its record stand or fall together.
pub(crate) fn append(tx: &Transaction<'_>, new: &NewEntry) -> Result<i64> {
    let (last, prev) = head(tx)?;
    let seq = last + 1;
    let body = new.body.to_string();
    let hash = hash(&prev, seq, [&new.at, &new.kind, &new.operator, &new.host, &new.target, &body]);
    tx.execute(
        "INSERT INTO journal (seq, at, kind, operator, host, target, body, prev_hash, hash) VALUES (?,?,?,?,?,?,?,?,?)",
        params![seq, new.at, new.kind, new.operator, new.host, new.target, body, prev, hash],
    )
    .map_err(store_error)?;
    tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('head', ?)", [format!("{seq} {hash}")]).map_err(store_error)?;
    Ok(seq)
}

fn parse_head(text: &str) -> Option<(i64, &str)> {
    let (seq, hash) = text.trim().split_once(' ')?;
    Some((seq.parse().ok()?, hash))
}

impl Store {
    /// Appends one record.
    pub fn append(&self, new: &NewEntry) -> Result<i64> {
        let seq = self.write(|tx| append(tx, new))?;
        self.keep_head();
        Ok(seq)
    }

    /// Before anything is written: when the head beside the store names a record that is not in the chain, the tail was
    /// cut off or the store replaced. That is recorded, for good, before the head beside moves on: without it the next
    /// append would hide the loss.
    pub(crate) fn note_gap(&self, tx: &Transaction<'_>) -> Result<()> {
        let beside = std::fs::read_to_string(self.head_file()).ok();
        let Some((seq, hash)) = beside.as_deref().and_then(parse_head) else { return Ok(()) };
        let there: Option<String> =
            tx.query_row("SELECT hash FROM journal WHERE seq = ?", [seq], |r| r.get(0)).optional().map_err(store_error)?;
        if there.as_deref() == Some(hash) {
            return Ok(());
        }
        let (last, _) = head(tx)?;
        // Noted once: until the head beside moves on, later writes come by here again.
        let noted: Option<String> = tx
            .query_row("SELECT body FROM journal WHERE kind = ? ORDER BY seq DESC LIMIT 1", [GAP], |r| r.get(0))
            .optional()
            .map_err(store_error)?;
        if noted.is_some_and(|b| b.contains(hash)) {
            return Ok(());
        }
        let summary = format!("records are missing: the head beside the store names record {seq}, and the chain ended at {last}");
        append(
            tx,
            &NewEntry {
                at: jiff::Timestamp::now().to_string(),
                kind: GAP.into(),
                operator: String::new(),
                host: String::new(),
                target: String::new(),
                body: serde_json::json!({ "summary": summary, "named_seq": seq, "named_hash": hash, "ended_at": last }),
            },
        )?;
        Ok(())
    }

    fn head_file(&self) -> PathBuf {
        let mut name = self.path().as_os_str().to_owned();
        name.push(".head");
        PathBuf::from(name)
    }

    /// Writes the head beside the store. It may lag behind (another console, a crash), which does no harm: it must only
    /// be *in* the chain. So a failure to write it is no failure of the append.
    pub(crate) fn keep_head(&self) {
        let Ok((seq, hash)) = self.read(head) else { return };
        let path = self.head_file();
        let fresh = path.with_extension(format!("head.{}", std::process::id()));
        let written = std::fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&fresh)
            .and_then(|mut f| writeln!(f, "{seq} {hash}"))
            .and_then(|()| std::fs::rename(&fresh, &path));
        if written.is_err() {
            let _ = std::fs::remove_file(&fresh);
        }
    }

    /// Entries, newest first.
    pub fn entries(&self, filter: &Filter) -> Result<Vec<Entry>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM journal WHERE (?1 IS NULL OR target = ?1) AND (?2 IS NULL OR kind = ?2) AND seq > ?3 AND seq < ?4 ORDER BY seq DESC LIMIT ?5"
        );
        self.read(|db| {
            let mut st = db.prepare_cached(&sql).map_err(store_error)?;
            let limit = filter.limit.and_then(|l| i64::try_from(l).ok()).unwrap_or(-1);
            let (after, before) = (filter.after.unwrap_or(0), filter.before.unwrap_or(i64::MAX));
            let rows = st.query_map(params![filter.target, filter.kind, after, before, limit], Raw::read).map_err(store_error)?;
            rows.map(|r| r.map(Raw::entry).map_err(store_error)).collect()
        })
    }

    /// The record of that number, if it is there and its own hash fits.
    pub(crate) fn sound_entry(&self, seq: i64) -> Result<Option<Entry>> {
        self.read(|db| {
            let sql = format!("SELECT {COLUMNS} FROM journal WHERE seq = ?");
            let raw = db.query_row(&sql, [seq], Raw::read).optional().map_err(store_error)?;
            Ok(raw.filter(Raw::fits).map(Raw::entry))
        })
    }

    /// Like [`Store::verify_journal`], and quick when nothing was appended since this process last walked the chain. For
    /// screens that refresh; the gate itself walks it every time.
    pub fn look_at_journal(&self) -> Result<Verification> {
        let (entries, head) = self.read(head)?;
        let mut known = self.intact_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.as_ref() == Some(&head) {
            return Ok(Verification::Intact { entries: entries.max(0) as u64, head });
        }
        let walked = self.verify_journal()?;
        *known = match &walked {
            Verification::Intact { head, .. } => Some(head.clone()),
            Verification::Broken { .. } => None,
        };
        Ok(walked)
    }

    /// Walks the whole chain.
    pub fn verify_journal(&self) -> Result<Verification> {
        let beside = std::fs::read_to_string(self.head_file()).ok();
        self.read(|db| {
            let mut st = db.prepare(&format!("SELECT {COLUMNS} FROM journal ORDER BY seq")).map_err(store_error)?;
            let rows = st.query_map([], Raw::read).map_err(store_error)?;
            let mut prev = ORIGIN.to_string();
            let mut count = 0i64;
            let beside_head = beside.as_deref().and_then(parse_head);
            let broken = |at: i64, why: String| Ok(Verification::Broken { at, why });
            for row in rows {
                let raw = row.map_err(store_error)?;
                let expected = count + 1;
                if raw.seq != expected {
                    return broken(expected, format!("record {expected} is missing: {} follows {count}", raw.seq));
                }
                if raw.prev_hash != prev {
                    return broken(raw.seq, format!("record {} does not continue record {count}", raw.seq));
                }
                if !raw.fits() {
                    return broken(raw.seq, format!("record {} ({} of {}) was changed after it was written", raw.seq, raw.kind, raw.at));
                }
                if beside_head.is_some_and(|(seq, hash)| seq == raw.seq && hash != raw.hash) {
                    return broken(raw.seq, format!("record {} is not the one that the head beside the store names", raw.seq));
                }
                if raw.kind == GAP {
                    let at = raw.seq;
                    return broken(at, format!("at record {at}, {}", raw.entry().sentence()));
                }
                prev = raw.hash;
                count = expected;
            }
            let kept: Option<String> =
                db.query_row("SELECT value FROM meta WHERE key = 'head'", [], |r| r.get(0)).optional().map_err(store_error)?;
            match kept.as_deref().and_then(parse_head) {
                None if count == 0 && kept.is_none() => {}
                Some((seq, hash)) if seq == count && hash == prev => {}
                Some((seq, _)) if seq > count => {
                    return broken(count + 1, format!("the end was cut off: the store knows of {seq} records, and has {count}"));
                }
                _ => return broken(count, format!("the kept head does not name record {count}, the last one")),
            }
            if let Some((seq, _)) = beside_head.filter(|(seq, _)| *seq > count) {
                return broken(
                    count + 1,
                    format!("the end was cut off: the head beside the store names record {seq}, and there are {count}"),
                );
            }
            Ok(Verification::Intact { entries: count as u64, head: prev })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let s = Store::open(&dir.path().join("store.db"));
        for i in 0..5 {
            s.append(&NewEntry {
                at: format!("2026-11-21T00:00:0{i}Z"),
                kind: "note".into(),
                operator: "mira".into(),
                host: "h".into(),
                target: "t".into(),
                body: json!({ "summary": format!("note {i}") }),
            })
            .unwrap();
        }
        (dir, s)
    }
    /// Changes the file as somebody would who knows SQLite: the triggers are dropped first.
    fn tamper(s: &Store, sql: &str) {
        let db = rusqlite::Connection::open(s.path()).unwrap();
        db.execute_batch("DROP TRIGGER journal_is_append_only; DROP TRIGGER journal_keeps_all").unwrap();
        db.execute_batch(sql).unwrap();
    }
    fn broken_at(s: &Store) -> (i64, String) {
        match s.verify_journal().unwrap() {
            Verification::Broken { at, why } => (at, why),
            intact => panic!("{intact:?}"),
        }
    }

    #[test]
    fn an_untouched_chain_is_intact_and_newest_come_first() {
        let (_d, s) = store();
        assert!(matches!(s.verify_journal().unwrap(), Verification::Intact { entries: 5, .. }));
        let last = s.entries(&Filter { limit: Some(2), ..Filter::default() }).unwrap();
        assert_eq!(last.iter().map(Entry::sentence).collect::<Vec<_>>(), ["note 4", "note 3"]);
        let older = s.entries(&Filter { before: Some(last[1].seq), limit: Some(2), ..Filter::default() }).unwrap();
        assert_eq!(older.iter().map(Entry::sentence).collect::<Vec<_>>(), ["note 2", "note 1"]);
    }

    #[test]
    fn plain_updates_and_deletes_are_refused() {
        let (_d, s) = store();
        let db = rusqlite::Connection::open(s.path()).unwrap();
        assert!(db.execute_batch("UPDATE journal SET operator = 'x'").is_err());
        assert!(db.execute_batch("DELETE FROM journal").is_err());
    }

    #[test]
    fn an_edited_record_is_named() {
        let (_d, s) = store();
        tamper(&s, "UPDATE journal SET operator = 'somebody else' WHERE seq = 3");
        assert_eq!(broken_at(&s).0, 3);
    }

    #[test]
    fn an_edited_record_with_its_hash_made_anew_breaks_the_next_one() {
        let (_d, s) = store();
        let e = s.sound_entry(3).unwrap().unwrap();
        let forged = hash(&e.prev_hash, 3, [&e.at, &e.kind, "x", &e.host, &e.target, &e.body.to_string()]);
        tamper(&s, &format!("UPDATE journal SET operator = 'x', hash = '{forged}' WHERE seq = 3"));
        assert_eq!(broken_at(&s).0, 4);
    }

    #[test]
    fn a_removed_record_is_missed() {
        let (_d, s) = store();
        tamper(&s, "DELETE FROM journal WHERE seq = 2");
        assert_eq!(broken_at(&s).0, 2);
    }

    #[test]
    fn a_cut_tail_or_a_new_store_is_not_healed_by_writing_on() {
        let new = |n: &str| NewEntry {
            at: "2026-11-21T00:00:09Z".into(),
            kind: "note".into(),
            operator: "mira".into(),
            host: "h".into(),
            target: "t".into(),
            body: json!({ "summary": n }),
        };
        let (_d, s) = store();
        let hash: String =
            rusqlite::Connection::open(s.path()).unwrap().query_row("SELECT hash FROM journal WHERE seq = 4", [], |r| r.get(0)).unwrap();
        tamper(&s, &format!("DELETE FROM journal WHERE seq = 5; UPDATE meta SET value = '4 {hash}' WHERE key = 'head'"));
        s.append(&new("later")).unwrap();
        s.append(&new("later still")).unwrap();
        let (at, why) = broken_at(&s);
        assert!(at == 5 && why.contains("record 5"), "{at}: {why}");

        let (d, s) = store();
        let path = s.path().to_path_buf();
        drop(s);
        for f in std::fs::read_dir(d.path()).unwrap() {
            let f = f.unwrap().path();
            if !f.to_string_lossy().ends_with(".head") {
                std::fs::remove_file(f).unwrap();
            }
        }
        let s = Store::open(&path);
        s.append(&new("as if nothing had been")).unwrap();
        assert!(broken_at(&s).1.contains("records are missing"));
    }

    #[test]
    fn a_cut_tail_is_missed_by_the_head_within_and_the_head_beside() {
        let (_d, s) = store();
        tamper(&s, "DELETE FROM journal WHERE seq > 3");
        let (at, why) = broken_at(&s);
        assert_eq!(at, 4);
        assert!(why.contains("knows of 5 records"), "{why}");
        let third = s.sound_entry(3).unwrap().unwrap().hash;
        rusqlite::Connection::open(s.path())
            .unwrap()
            .execute("UPDATE meta SET value = ? WHERE key = 'head'", [format!("3 {third}")])
            .unwrap();
        let (at, why) = broken_at(&s);
        assert_eq!(at, 4);
        assert!(why.contains("beside the store names record 5"), "{why}");
    }

    #[test]
    fn two_consoles_append_to_one_chain() {
        let (_d, s) = store();
        let path = s.path().to_path_buf();
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let path = path.clone();
                std::thread::spawn(move || {
                    let s = Store::open(&path);
                    for i in 0..10 {
                        let new = NewEntry {
                            at: "2026-11-21T00:00:00Z".into(),
                            kind: "note".into(),
                            operator: format!("op {n}"),
                            host: "h".into(),
                            target: "t".into(),
                            body: json!({ "i": i }),
                        };
                        s.append(&new).unwrap();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert!(matches!(s.verify_journal().unwrap(), Verification::Intact { entries: 45, .. }));
    }
}
