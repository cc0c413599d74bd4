//! What was run, for recall.

use super::journal::{NewEntry, append};
use super::{Store, store_error};
use crate::model::Result;
use rusqlite::params;

/// What became of what a statement wrote in a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its transaction was open when it was last heard of.
    Open,
    Committed,
    RolledBack,
    /// The connection was lost, and the open transaction with it.
    Lost,
    /// Another statement ended its transaction (a procedure), or the server's answer to COMMIT never came.
    Unclear,
}

impl Fate {
    /// The name in the store and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Fate::Open => "open",
            Fate::Committed => "committed",
            Fate::RolledBack => "rolled-back",
            Fate::Lost => "lost",
            Fate::Unclear => "unclear",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Fate::Open, Fate::Committed, Fate::RolledBack, Fate::Lost, Fate::Unclear].into_iter().find(|f| f.as_str() == name)
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Fate::Open => "its end not on record",
            Fate::Committed => "committed",
            Fate::RolledBack => "rolled back",
            Fate::Lost => "lost, not committed",
            Fate::Unclear => "ended unclearly",
        }
    }
}

/// What a store of an earlier format lacks.
pub(super) const ADDED: &str = "ALTER TABLE history ADD COLUMN fate TEXT";

/// What stands as the error of a run that its user cancelled.
pub const CANCELLED: &str = "cancelled";

/// A statement that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    pub id: i64,
    /// RFC 3339, UTC.
    pub at: String,
    pub target: String,
    pub text: String,
    /// Milliseconds.
    pub took_ms: u64,
    pub rows: Option<u64>,
    /// [`CANCELLED`] when that is how it ended.
    pub error: Option<String>,
    /// `None`: it stood by itself.
    pub fate: Option<Fate>,
    /// How many runs stand together here, of which this is the last.
    pub runs: u64,
    /// Bytes of the whole text, where `text` is its beginning alone ([`Store::listed`]).
    pub whole: Option<u64>,
}

impl Ran {
    /// How it ended, as lists tell it: `failed`, `cancelled`, `3 rows`, `3 rows, rolled back`; empty when there is nothing to tell.
    pub fn outcome(&self) -> String {
        if let (Some(error), Some(fate @ (Fate::Lost | Fate::Unclear))) = (&self.error, self.fate)
            && !error.starts_with(CANCELLED)
        {
            // That the connection failed says nothing of what was written.
            return fate.words().into();
        }
        let stays = self
            .error
            .as_ref()
            .filter(|e| e.ends_with(crate::model::STAYS))
            .map_or_else(String::new, |_| format!(", {}", crate::model::STAYS));
        let ended = match (&self.error, self.rows) {
            (Some(e), _) if e.starts_with(CANCELLED) => format!("{CANCELLED}{stays}"),
            (Some(_), _) if !stays.is_empty() => format!("failed{stays}"),
            (Some(_), _) => "failed".to_string(),
            (None, Some(n)) => crate::text::counted(n, "row"),
            (None, None) => String::new(),
        };
        match self.fate {
            None => ended,
            Some(fate) if ended.is_empty() => fate.words().into(),
            Some(fate) => format!("{ended}, {}", fate.words()),
        }
    }
}

/// A statement that was just run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// RFC 3339, UTC.
    pub at: String,
    pub text: String,
    /// Milliseconds.
    pub took_ms: u64,
    /// Rows of the result, or rows that a write changed.
    pub rows: Option<u64>,
    pub error: Option<String>,
    pub fate: Option<Fate>,
}

/// Statements that are kept for each target; the oldest go first.
const KEPT: i64 = 10_000;

impl Store {
    /// Remembers statements of a target, in order, together with the journal's record of what wrote among them.
    /// The texts have passed `sql::redact`. `settled`: what became of earlier ones. Gives the numbers of the statements.
    pub fn remember_all(&self, target: &str, runs: &[NewRun], settled: &[(i64, Fate)], entry: Option<&NewEntry>) -> Result<Vec<i64>> {
        if runs.is_empty() && settled.is_empty() && entry.is_none() {
            return Ok(Vec::new());
        }
        let mut numbers = Vec::with_capacity(runs.len());
        self.write(|tx| {
            for (id, fate) in settled {
                tx.execute("UPDATE history SET fate = ? WHERE id = ?", params![fate.as_str(), id]).map_err(store_error)?;
            }
            for run in runs {
                let number = |n: u64| n.min(i64::MAX as u64) as i64;
                tx.execute(
                    "INSERT INTO history (at, target, text, took_ms, rows, error, fate) VALUES (?,?,?,?,?,?,?)",
                    params![run.at, target, run.text, number(run.took_ms), run.rows.map(number), run.error, run.fate.map(Fate::as_str)],
                )
                .map_err(store_error)?;
                numbers.push(tx.last_insert_rowid());
            }
            tx.execute(
                "DELETE FROM history WHERE target = ?1 AND id <= (SELECT id FROM history WHERE target = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                params![target, KEPT],
            )
            .map_err(store_error)?;
            entry.map(|e| append(tx, e)).transpose()
        })?;
        if entry.is_some() {
            self.keep_head();
        }
        Ok(numbers)
    }

    /// What became of a statement's transaction.
    pub fn settle(&self, id: i64, fate: Fate) -> Result<()> {
        self.remember_all("", &[], &[(id, fate)], None).map(drop)
    }

    /// Takes a line out: what it tells stands in a newer one.
    pub fn forget_run(&self, id: i64) -> Result<()> {
        self.write(|tx| tx.execute("DELETE FROM history WHERE id = ?", params![id]).map(drop).map_err(store_error))
    }

    /// Every run, newest first; `like` filters by substring, in any case.
    pub fn runs(&self, target: Option<&str>, like: Option<&str>, limit: usize) -> Result<Vec<Ran>> {
        self.found(
            "SELECT id, at, target, text, took_ms, rows, error, fate, 1, NULL FROM history
             WHERE (?1 IS NULL OR target = ?1) AND (?2 IS NULL OR instr(lower(text), lower(?2)) > 0)
             ORDER BY id DESC LIMIT ?3",
            target,
            like,
            limit,
        )
    }

    /// For finding a text again: newest first, and runs of the same text that ended in the same way stand together as the last of them.
    pub fn recall(&self, target: Option<&str>, like: Option<&str>, limit: usize) -> Result<Vec<Ran>> {
        self.found(
            "SELECT max(id), at, target, text, took_ms, rows, error, fate, count(*), NULL FROM history
             WHERE (?1 IS NULL OR target = ?1) AND (?2 IS NULL OR instr(lower(text), lower(?2)) > 0)
             GROUP BY target, text, fate, CASE error WHEN 'cancelled' THEN 2 ELSE error IS NOT NULL END ORDER BY 1 DESC LIMIT ?3",
            target,
            like,
            limit,
        )
    }

    /// [`Store::recall`] for a list of all targets: of long texts the beginning alone, since a thousand of some megabytes each would
    /// fill the memory. [`Store::text_of`] has the whole.
    pub fn listed(&self, limit: usize) -> Result<Vec<Ran>> {
        // A character more than a line of the list shows, so that the line tells that something follows.
        let beginning = crate::text::LISTED_BYTES + 1;
        self.found(
            &format!(
                "SELECT max(id), at, target, substr(text, 1, {beginning}), took_ms, rows, error, fate, count(*),
                        CASE WHEN length(text) > {beginning} THEN octet_length(text) END FROM history
                 WHERE (?1 IS NULL OR target = ?1) AND ?2 IS NULL
                 GROUP BY target, text, fate, CASE error WHEN 'cancelled' THEN 2 ELSE error IS NOT NULL END ORDER BY 1 DESC LIMIT ?3"
            ),
            None,
            None,
            limit,
        )
    }

    /// The whole text of a run; `None` when it is no longer kept.
    pub fn text_of(&self, id: i64) -> Result<Option<String>> {
        self.read(|db| {
            let text = db.query_row("SELECT text FROM history WHERE id = ?", [id], |r| r.get(0));
            rusqlite::OptionalExtension::optional(text).map_err(store_error)
        })
    }

    fn found(&self, query: &str, target: Option<&str>, like: Option<&str>, limit: usize) -> Result<Vec<Ran>> {
        self.read(|db| {
            let mut st = db.prepare_cached(query).map_err(store_error)?;
            let rows = st
                .query_map(params![target, like, i64::try_from(limit).unwrap_or(i64::MAX)], |r| {
                    Ok(Ran {
                        id: r.get(0)?,
                        at: r.get(1)?,
                        target: r.get(2)?,
                        text: r.get(3)?,
                        took_ms: r.get::<_, i64>(4)?.max(0) as u64,
                        rows: r.get::<_, Option<i64>>(5)?.map(|n| n.max(0) as u64),
                        error: r.get(6)?,
                        fate: r.get::<_, Option<String>>(7)?.as_deref().and_then(Fate::from_name),
                        runs: r.get::<_, i64>(8)?.max(1) as u64,
                        whole: r.get::<_, Option<i64>>(9)?.map(|n| n.max(0) as u64),
                    })
                })
                .map_err(store_error)?;
            rows.map(|r| r.map_err(store_error)).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, took_ms: u64, error: Option<&str>) -> NewRun {
        let at = "2026-11-21T00:00:00Z".into();
        NewRun { at, text: text.into(), took_ms, rows: error.is_none().then_some(1), error: error.map(Into::into), fate: None }
    }

    #[test]
    fn history_is_recalled_newest_first_without_repeats() {
        let dir = tempfile::tempdir().unwrap();
        let s = Store::open(&dir.path().join("store.db"));
        for (i, text) in ["select 1", "SELECT total from orders", "select 1"].iter().enumerate() {
            s.remember_all("t", &[run(text, i as u64, None)], &[], None).unwrap();
        }
        s.remember_all("other", &[run("select 9", 1, Some("no such table"))], &[], None).unwrap();
        let texts = |like| s.recall(Some("t"), like, 10).unwrap().into_iter().map(|r| (r.text, r.took_ms)).collect::<Vec<_>>();
        assert_eq!(texts(None), [("select 1".to_string(), 2), ("SELECT total from orders".to_string(), 1)]);
        assert_eq!(texts(Some("TOTAL")).len(), 1);
        assert_eq!(s.recall(None, None, 10).unwrap()[0].error.as_deref(), Some("no such table"));
        assert_eq!(s.recall(Some("t"), None, 10).unwrap()[0].runs, 2);
        let every: Vec<u64> = s.runs(Some("t"), Some("SELECT 1"), 10).unwrap().into_iter().map(|r| r.took_ms).collect();
        assert_eq!(every, [2, 0], "each run is kept");
    }

    #[test]
    fn a_list_has_the_beginning_of_a_huge_text_and_the_whole_is_there_when_it_is_chosen() {
        let dir = tempfile::tempdir().unwrap();
        let s = Store::open(&dir.path().join("store.db"));
        let huge = format!("insert into t values ('{}')", "ä".repeat(1_000_000));
        let other = format!("{} ", huge);
        s.remember_all("t", &[run("select 1", 1, None), run(&huge, 1, None), run(&other, 1, None), run(&huge, 1, None)], &[], None)
            .unwrap();
        let list = s.listed(10).unwrap();
        assert_eq!(list.iter().map(|r| r.runs).collect::<Vec<_>>(), [2, 1, 1], "they differ behind the beginning");
        assert!(list.iter().all(|r| r.text.len() < 3 * crate::text::LISTED_BYTES), "{:?}", list[0].text.len());
        assert_eq!(list.iter().map(|r| r.whole).collect::<Vec<_>>(), [Some(huge.len() as u64), Some(other.len() as u64), None]);
        assert_eq!(s.text_of(list[1].id).unwrap().as_deref(), Some(other.as_str()));
        assert_eq!(s.text_of(99).unwrap(), None);
    }

    #[test]
    fn one_that_ended_otherwise_does_not_take_the_place_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let s = Store::open(&dir.path().join("store.db"));
        for error in [Some("no such table"), Some("gone"), Some(CANCELLED), None, None] {
            s.remember_all("t", &[run("select 1", 1, error)], &[], None).unwrap();
        }
        let told: Vec<(String, u64)> = s.recall(None, None, 9).unwrap().into_iter().map(|r| (r.outcome(), r.runs)).collect();
        assert_eq!(told, [("1 row", 2), ("cancelled", 1), ("failed", 2)].map(|(o, n)| (o.to_string(), n)));
        assert_eq!(s.runs(None, None, 9).unwrap().len(), 5);
    }

    #[test]
    fn what_became_of_a_transaction_is_told_later() {
        let dir = tempfile::tempdir().unwrap();
        let s = Store::open(&dir.path().join("store.db"));
        let open = |text: &str| NewRun { fate: Some(Fate::Open), ..run(text, 1, None) };
        let ids = s.remember_all("t", &[open("update a"), open("update b"), run("select 1", 1, None)], &[], None).unwrap();
        assert_eq!(ids.len(), 3);
        s.settle(ids[0], Fate::RolledBack).unwrap();
        let told: Vec<(String, String)> = s.recall(Some("t"), None, 9).unwrap().into_iter().map(|r| (r.outcome(), r.text)).collect();
        let expected = [("1 row", "select 1"), ("1 row, its end not on record", "update b"), ("1 row, rolled back", "update a")];
        assert_eq!(told, expected.map(|(o, t)| (o.to_string(), t.to_string())));
    }
}
