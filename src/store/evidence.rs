//! Evidence rows: never changed, named by their content, each tied to the journal record that announced it.

use super::journal::{NewEntry, append};
use super::{Store, store_error};
use crate::model::Result;
use crate::model::evidence::Evidence;
use rusqlite::{OptionalExtension, params};
use serde_json::json;
use sha2::{Digest, Sha256};

/// A row as it was found, and whether it may be believed.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub evidence: Evidence,
    /// Number of the journal record that announced it: the order in which things happened.
    pub seq: i64,
    /// `Some`: the row does not fit its id or its journal record, in a sentence. Such evidence never counts.
    pub tampered: Option<String>,
}

/// SHA-256 over the content, hex. The id itself is left out, and so is where it was imported from: an imported record
/// is the same record.
pub fn content_id(e: &Evidence) -> String {
    let bare = Evidence { id: String::new(), imported_from: None, ..e.clone() };
    let text = serde_json::to_string(&bare).unwrap_or_default();
    let mut h = Sha256::new();
    h.update(b"holdpoint evidence 1\n");
    h.update(text.as_bytes());
    hex::encode(h.finalize())
}

impl Store {
    /// Records evidence and its journal entry together. `entry` says who and when; its kind and body are set here.
    /// Returns false when this very record is there already.
    pub fn record_evidence(&self, e: &Evidence, entry: NewEntry) -> Result<bool> {
        let new = self.write(|tx| insert(tx, e, entry))?;
        self.keep_head();
        Ok(new)
    }

    /// All of a bundle or nothing; returns those that were new.
    pub(crate) fn record_all(&self, all: &[Evidence], entry: &NewEntry) -> Result<Vec<Evidence>> {
        let new = self.write(|tx| {
            let mut new = Vec::new();
            for e in all {
                if insert(tx, e, entry.clone())? {
                    new.push(e.clone());
                }
            }
            Ok(new)
        })?;
        self.keep_head();
        Ok(new)
    }

    /// Evidence of a kind (all kinds when `None`), newest first. Rows are checked as they are read.
    pub fn evidence(&self, kind: Option<&str>) -> Result<Vec<Stored>> {
        let rows: Vec<(String, String, String, i64, String, Option<String>)> = self.read(|db| {
            let mut st = db
                .prepare_cached(
                    "SELECT id, kind, target, seq, body, imported_from FROM evidence WHERE ?1 IS NULL OR kind = ?1 ORDER BY seq DESC",
                )
                .map_err(store_error)?;
            let rows = st
                .query_map(params![kind], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?)))
                .map_err(store_error)?;
            rows.map(|r| r.map_err(store_error)).collect()
        })?;
        let mut out = Vec::with_capacity(rows.len());
        for (id, kind, target, seq, body, imported_from) in rows {
            let Ok(mut e) = serde_json::from_str::<Evidence>(&body) else {
                out.push(Stored {
                    evidence: unreadable(&id, &kind, &target),
                    seq,
                    tampered: Some(format!("the record of {kind} (journal {seq}) was changed after it was made: it cannot be read")),
                });
                continue;
            };
            let mut why = None;
            if content_id(&e) != id || e.id != id {
                why = Some(format!("the record of {kind} (journal {seq}) was changed after it was made: its content does not fit its id"));
            } else if e.kind != kind || e.subject.target != target {
                why = Some(format!("the record of {kind} (journal {seq}) is filed as something else than it is"));
            } else {
                match self.sound_entry(seq)? {
                    Some(j) if j.kind == "evidence" && j.text("id") == Some(&id) => {}
                    _ => why = Some(format!("the record of {kind} is not the one that journal record {seq} announced")),
                }
            }
            e.imported_from = imported_from;
            e.id = id;
            out.push(Stored { evidence: e, seq, tampered: why });
        }
        out.extend(self.missing(kind)?);
        out.sort_by_key(|s| std::cmp::Reverse(s.seq));
        Ok(out)
    }

    /// Evidence that the journal announced and that is not there: as rows that never count.
    fn missing(&self, kind: Option<&str>) -> Result<Vec<Stored>> {
        let rows: Vec<(i64, String, String)> = self.read(|db| {
            let mut st = db
                .prepare_cached(
                    "SELECT j.seq, j.target, j.body FROM journal j LEFT JOIN evidence e ON e.seq = j.seq WHERE j.kind = 'evidence' AND e.seq IS NULL",
                )
                .map_err(store_error)?;
            let rows = st.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).map_err(store_error)?;
            rows.map(|r| r.map_err(store_error)).collect()
        })?;
        let gone = |(seq, target, body): (i64, String, String)| {
            let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            let text = |key: &str| body.get(key).and_then(|v| v.as_str()).unwrap_or_default();
            let of = text("evidence");
            if kind.is_some_and(|k| k != of) {
                return None;
            }
            let mut evidence = unreadable(text("id"), of, &target);
            if let Some(subject) = body.get("subject").and_then(|s| serde_json::from_value(s.clone()).ok()) {
                evidence.subject = subject;
            }
            Some(Stored { evidence, seq, tampered: Some(format!("the record of {of} that journal record {seq} announced is gone")) })
        };
        Ok(rows.into_iter().filter_map(gone).collect())
    }
}

fn insert(tx: &rusqlite::Transaction<'_>, e: &Evidence, entry: NewEntry) -> Result<bool> {
    let there: Option<i64> = tx.query_row("SELECT 1 FROM evidence WHERE id = ?", [&e.id], |r| r.get(0)).optional().map_err(store_error)?;
    if there.is_some() {
        return Ok(false);
    }
    let mut body = json!({ "id": e.id, "evidence": e.kind, "holds": e.holds, "summary": e.summary, "subject": e.subject });
    if let (Some(from), Some(map)) = (&e.imported_from, body.as_object_mut()) {
        map.insert("imported_from".into(), json!(from));
    }
    let seq = append(tx, &NewEntry { kind: "evidence".into(), body, target: e.subject.target.clone(), ..entry })?;
    let bare = Evidence { imported_from: None, ..e.clone() };
    let text = serde_json::to_string(&bare).map_err(|err| crate::model::Error::failed(format!("writing evidence: {err}")))?;
    tx.execute(
        "INSERT INTO evidence (id, kind, target, seq, body, imported_from) VALUES (?,?,?,?,?,?)",
        params![e.id, e.kind, e.subject.target, seq, text, e.imported_from],
    )
    .map_err(store_error)?;
    Ok(true)
}

/// Stands for a row whose body cannot be read: it names what it claims to be, and never holds.
fn unreadable(id: &str, kind: &str, target: &str) -> Evidence {
    Evidence {
        id: id.into(),
        kind: kind.into(),
        subject: crate::model::evidence::Subject {
            target: target.into(),
            database: String::new(),
            scripts: String::new(),
            schema: String::new(),
            backup: String::new(),
        },
        grade: None,
        summary: String::new(),
        facts: std::collections::BTreeMap::new(),
        class: None,
        holds: false,
        at: String::new(),
        expires: None,
        by: String::new(),
        host: String::new(),
        imported_from: None,
        environment: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::evidence::Subject;
    use serde_json::Value;

    fn evidence() -> Evidence {
        let mut e = unreadable("", "backup-taken", "prod");
        e.subject = Subject { database: "SQLite/1/shop".into(), backup: "b1".into(), ..e.subject };
        e.holds = true;
        e.at = "2026-11-21T00:00:00Z".into();
        e.id = content_id(&e);
        e
    }
    fn entry() -> NewEntry {
        NewEntry {
            at: "2026-11-21T00:00:00Z".into(),
            kind: String::new(),
            operator: "mira".into(),
            host: "h".into(),
            target: String::new(),
            body: Value::Null,
        }
    }

    #[test]
    fn evidence_is_recorded_once_and_believed() {
        let dir = tempfile::tempdir().unwrap();
        let s = Store::open(&dir.path().join("store.db"));
        assert!(s.record_evidence(&evidence(), entry()).unwrap());
        assert!(!s.record_evidence(&evidence(), entry()).unwrap());
        let rows = s.evidence(Some("backup-taken")).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((&rows[0].evidence, &rows[0].tampered), (&evidence(), &None));
    }

    #[test]
    fn an_edited_row_is_noticed_whether_or_not_its_id_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let s = Store::open(&dir.path().join("store.db"));
        s.record_evidence(&evidence(), entry()).unwrap();
        let db = rusqlite::Connection::open(s.path()).unwrap();
        db.execute_batch("DROP TRIGGER evidence_is_fixed; UPDATE evidence SET body = replace(body, '/shop', '/other')").unwrap();
        let why = s.evidence(None).unwrap()[0].tampered.clone().unwrap();
        assert!(why.contains("does not fit its id"), "{why}");

        let mut forged = evidence();
        forged.subject.database = "SQLite/1/other".into();
        forged.id = content_id(&forged);
        db.execute("UPDATE evidence SET id = ?, body = ?", params![forged.id, serde_json::to_string(&forged).unwrap()]).unwrap();
        let why = s.evidence(None).unwrap()[0].tampered.clone().unwrap();
        assert!(why.contains("not the one that journal record 1 announced"), "{why}");
        db.execute_batch("UPDATE evidence SET body = 'nonsense'").unwrap();
        assert!(s.evidence(None).unwrap()[0].tampered.is_some());
    }
}
