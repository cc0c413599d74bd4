//! Values of parameters, for the next run of the same statement.

use super::{Store, store_error};
use crate::model::Result;
use rusqlite::params;

/// The table, new in version 3 of the store.
pub(super) const TABLES: &str = "
CREATE TABLE param_values (
  target TEXT NOT NULL, statement TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, at TEXT NOT NULL,
  PRIMARY KEY (target, statement, name)) STRICT, WITHOUT ROWID;
";

/// Values that are kept for each target; those that were used longest ago go first.
const KEPT: i64 = 2000;

/// A value of a parameter of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptValue {
    /// [`crate::sql::fingerprint::fingerprint`].
    pub statement: String,
    pub name: String,
    /// As it was typed.
    pub value: String,
}

impl Store {
    /// Keeps values, in the place of those of the same statement and name. `at`: RFC 3339, UTC.
    pub fn keep_values(&self, target: &str, at: &str, values: &[KeptValue]) -> Result<()> {
        self.write(|tx| {
            for v in values {
                tx.execute(
                    "INSERT INTO param_values (target, statement, name, value, at) VALUES (?,?,?,?,?)
                     ON CONFLICT DO UPDATE SET value = excluded.value, at = excluded.at",
                    params![target, v.statement, v.name, v.value, at],
                )
                .map_err(store_error)?;
            }
            tx.execute(
                "DELETE FROM param_values WHERE target = ?1 AND (statement, name) IN (SELECT statement, name FROM param_values
                 WHERE target = ?1 ORDER BY at DESC, statement, name LIMIT -1 OFFSET ?2)",
                params![target, KEPT],
            )
            .map_err(store_error)?;
            Ok(())
        })
    }

    /// All values that are kept for a target.
    pub fn values(&self, target: &str) -> Result<Vec<KeptValue>> {
        self.read(|db| {
            let mut st = db.prepare_cached("SELECT statement, name, value FROM param_values WHERE target = ?1").map_err(store_error)?;
            let rows = st
                .query_map([target], |r| Ok(KeptValue { statement: r.get(0)?, name: r.get(1)?, value: r.get(2)? }))
                .map_err(store_error)?;
            rows.map(|r| r.map_err(store_error)).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_statement_is_kept_for_its_target() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let v = |s: &str, n: &str, v: &str| KeptValue { statement: s.into(), name: n.into(), value: v.into() };
        let s = Store::open(&path);
        s.keep_values("t", "2026-11-21T00:00:00Z", &[v("a", ":id", "1"), v("b", ":id", "2")]).unwrap();
        s.keep_values("t", "2026-11-21T00:00:01Z", &[v("a", ":id", "3")]).unwrap();
        s.keep_values("other", "2026-11-21T00:00:01Z", &[v("a", ":id", "9")]).unwrap();
        drop(s);
        assert_eq!(Store::open(&path).values("t").unwrap(), [v("a", ":id", "3"), v("b", ":id", "2")]);
    }

    #[test]
    fn a_store_without_them_gets_their_table() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        Store::open(&path).writable().unwrap();
        let db = rusqlite::Connection::open(&path).unwrap();
        db.execute_batch("DROP TABLE param_values; DROP TABLE plans; DROP TABLE assessments; DROP TABLE mutes; ALTER TABLE history DROP COLUMN fate; ALTER TABLE buffers DROP COLUMN print; PRAGMA user_version = 2;")
            .unwrap();
        drop(db);
        let s = Store::open(&path);
        assert_eq!(s.problem(), None);
        assert!(s.values("t").unwrap().is_empty());
    }

    #[test]
    fn the_oldest_values_go_first() {
        let dir = tempfile::tempdir().unwrap();
        let s = Store::open(&dir.path().join("store.db"));
        let v = |i: i64| KeptValue { statement: format!("s{i}"), name: ":x".into(), value: i.to_string() };
        s.keep_values("t", "2026-11-21T00:00:00Z", &[v(-1)]).unwrap();
        s.keep_values("t", "2026-11-21T00:00:01Z", &(0..KEPT).map(v).collect::<Vec<_>>()).unwrap();
        let kept = s.values("t").unwrap();
        assert_eq!(kept.len(), KEPT as usize);
        assert!(!kept.contains(&v(-1)));
    }
}
