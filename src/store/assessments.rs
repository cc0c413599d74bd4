//! Assessments that were made, so that the next one can tell what is new, worse or gone; and what is silenced for a while. A target is
//! its name with where it leads ([`crate::config::Target::kept_as`]): two servers may bear one name.

use super::{Store, store_error};
use crate::model::assessment::{Assessment, Muted};
use crate::model::{Error, Kind, Result, Severity};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;

/// The tables of version 6 of the store.
pub(super) const TABLES: &str = "
CREATE TABLE assessments (id INTEGER PRIMARY KEY, at TEXT NOT NULL, target TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX assessments_target ON assessments (target, id);
CREATE TABLE mutes (
  target TEXT NOT NULL, name TEXT NOT NULL, object TEXT NOT NULL, reason TEXT NOT NULL, until TEXT NOT NULL, by TEXT NOT NULL,
  PRIMARY KEY (target, name, object)) STRICT, WITHOUT ROWID;
";

/// Assessments that are kept of a target; the oldest go first.
const KEPT: i64 = 50;

/// Who followed a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    pub at: Timestamp,
    /// The check that saw them.
    pub check: String,
    pub names: Vec<String>,
}

impl Store {
    /// Keeps an assessment; its statements have lost their constants.
    pub fn keep_assessment(&self, target: &str, a: &Assessment) -> Result<()> {
        let body = serde_json::to_string(a).map_err(|e| Error::new(Kind::Failed, format!("the assessment cannot be written: {e}")))?;
        self.write(|tx| {
            tx.execute("INSERT INTO assessments (at, target, body) VALUES (?,?,?)", params![a.began.to_string(), target, body])
                .map_err(store_error)?;
            tx.execute(
                "DELETE FROM assessments WHERE target = ?1 AND id <=
                   (SELECT id FROM assessments WHERE target = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                params![target, KEPT],
            )
            .map_err(store_error)?;
            Ok(())
        })
    }

    /// The newest one of a target. What another version wrote and this one cannot read counts as none.
    pub fn last_assessment(&self, target: &str) -> Result<Option<Assessment>> {
        let body: Option<String> = self.read(|db| {
            db.query_row("SELECT body FROM assessments WHERE target = ?1 ORDER BY id DESC LIMIT 1", [target], |r| r.get(0))
                .optional()
                .map_err(store_error)
        })?;
        Ok(body.and_then(|b| serde_json::from_str(&b).ok()))
    }

    /// What the newest assessment that could see it told of where the target's server keeps its files ([`Assessment::places`]).
    pub fn places(&self, target: &str) -> Result<BTreeMap<String, String>> {
        self.read(|db| {
            let mut st = db.prepare_cached("SELECT body FROM assessments WHERE target = ?1 ORDER BY id DESC").map_err(store_error)?;
            let mut rows = st.query([target]).map_err(store_error)?;
            while let Some(row) = rows.next().map_err(store_error)? {
                let body: String = row.get(0).map_err(store_error)?;
                let told = serde_json::from_str::<Assessment>(&body).map(|a| a.places()).unwrap_or_default();
                if told.contains_key("data") {
                    return Ok(told);
                }
            }
            Ok(BTreeMap::new())
        })
    }

    /// Who followed the target's server when an assessment last saw anybody do so.
    pub fn followers(&self, target: &str) -> Result<Option<Followed>> {
        self.read(|db| {
            let mut st = db.prepare_cached("SELECT body FROM assessments WHERE target = ?1 ORDER BY id DESC").map_err(store_error)?;
            let mut rows = st.query([target]).map_err(store_error)?;
            while let Some(row) = rows.next().map_err(store_error)? {
                let body: String = row.get(0).map_err(store_error)?;
                let Ok(a) = serde_json::from_str::<Assessment>(&body) else { continue };
                if let Some(seen) = a.checks.into_iter().find(|c| !c.followers.is_empty()) {
                    return Ok(Some(Followed { at: a.began, check: seen.check, names: seen.followers }));
                }
            }
            Ok(None)
        })
    }

    /// Whether any assessment of the target was in its own database without a remark.
    pub fn was_connected(&self, target: &str) -> Result<bool> {
        self.read(|db| {
            let mut st = db.prepare_cached("SELECT body FROM assessments WHERE target = ?1 ORDER BY id DESC").map_err(store_error)?;
            let mut rows = st.query([target]).map_err(store_error)?;
            while let Some(row) = rows.next().map_err(store_error)? {
                let body: String = row.get(0).map_err(store_error)?;
                let Ok(a) = serde_json::from_str::<Assessment>(&body) else { continue };
                if a.checks.iter().any(|c| c.check == "connect" && c.severity == Severity::Ok) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// Silences a finding; one that is silenced already gets the new reason and time.
    pub fn mute(&self, target: &str, m: &Muted) -> Result<()> {
        self.write(|tx| {
            tx.execute(
                "INSERT OR REPLACE INTO mutes (target, name, object, reason, until, by) VALUES (?,?,?,?,?,?)",
                params![target, m.check, m.object, m.reason, m.until.to_string(), m.by],
            )
            .map(drop)
            .map_err(store_error)
        })
    }

    /// Lets it speak again; false where it was not silenced.
    pub fn unmute(&self, target: &str, check: &str, object: &str) -> Result<bool> {
        self.write(|tx| {
            let gone = tx
                .execute("DELETE FROM mutes WHERE target = ? AND name = ? AND object = ?", params![target, check, object])
                .map_err(store_error)?;
            Ok(gone > 0)
        })
    }

    /// All that is silenced on a target, also what is over.
    pub fn mutes(&self, target: &str) -> Result<Vec<Muted>> {
        self.read(|db| {
            let mut st = db
                .prepare_cached("SELECT name, object, reason, until, by FROM mutes WHERE target = ? ORDER BY name, object")
                .map_err(store_error)?;
            let rows = st
                .query_map([target], |r| {
                    Ok((
                        Muted {
                            check: r.get(0)?,
                            object: r.get(1)?,
                            reason: r.get(2)?,
                            until: Timestamp::UNIX_EPOCH,
                            by: r.get(4)?,
                            was: None,
                        },
                        r.get::<_, String>(3)?,
                    ))
                })
                .map_err(store_error)?;
            rows.map(|r| {
                let (mute, until) = r.map_err(store_error)?;
                let until = until.parse().map_err(|e| Error::new(Kind::Io, format!("the store: the time {until} cannot be read: {e}")))?;
                Ok(Muted { until, ..mute })
            })
            .collect()
        })
    }
}
