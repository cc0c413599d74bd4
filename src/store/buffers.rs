//! The editor's buffers: saved as they are typed, several for each target, and closed ones for a while.

use super::{Store, store_error};
use crate::model::{Print, Result};
use rusqlite::{OptionalExtension, Row, Transaction, params};

/// The tables of version 2 of the store.
pub(super) const TABLES: &str = "
CREATE TABLE buffers (
  target TEXT NOT NULL, id INTEGER NOT NULL, place INTEGER NOT NULL, text TEXT NOT NULL, cursor INTEGER NOT NULL,
  file TEXT, crlf INTEGER NOT NULL, unsaved INTEGER NOT NULL, active INTEGER NOT NULL, writer TEXT NOT NULL, closed TEXT,
  PRIMARY KEY (target, id)) STRICT;
";

/// Version 7: which text the file had when it was read or written.
pub(super) const PRINTS: &str = "ALTER TABLE buffers ADD COLUMN print TEXT;";

/// From version 1, in which a buffer had a name and nothing else.
pub(super) const FROM_1: &str = "ALTER TABLE buffers RENAME TO buffers_1;";
pub(super) const TAKE_OVER: &str = "
INSERT INTO buffers (target, id, place, text, cursor, crlf, unsaved, active, writer)
  SELECT target, n, n, text, cursor, 0, 1, n = 1, '' FROM
    (SELECT target, text, cursor, row_number() OVER (PARTITION BY target ORDER BY name) AS n FROM buffers_1);
DROP TABLE buffers_1;
";

/// Closed buffers that are kept for each target.
const CLOSED: i64 = 50;

/// A buffer as it comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffer {
    pub id: i64,
    pub text: String,
    /// Byte offset.
    pub cursor: usize,
    pub file: Option<String>,
    /// The file's lines end in CR LF.
    pub crlf: bool,
    /// The text differs from the file's.
    pub unsaved: bool,
    /// Which text the file had when it was read or written here, if that is known.
    pub print: Option<Print>,
    /// It was the one on the screen.
    pub active: bool,
}

/// A buffer to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    pub id: i64,
    /// `None`: as it was kept before.
    pub text: Option<String>,
    /// Byte offset.
    pub cursor: usize,
    pub file: Option<String>,
    pub crlf: bool,
    pub unsaved: bool,
    pub print: Option<Print>,
    pub active: bool,
}

const COLUMNS: &str = "id, text, cursor, file, crlf, unsaved, print, active";

fn buffer(r: &Row<'_>) -> rusqlite::Result<Buffer> {
    Ok(Buffer {
        id: r.get(0)?,
        text: r.get(1)?,
        cursor: usize::try_from(r.get::<_, i64>(2)?).unwrap_or(0),
        file: r.get(3)?,
        crlf: r.get(4)?,
        unsaved: r.get(5)?,
        print: r.get::<_, Option<String>>(6)?.and_then(|p| Print::from_hex(&p)),
        active: r.get(7)?,
    })
}

impl Store {
    /// Keeps all buffers of a target, in order. `writer` names the console: what another one wrote into the same buffer
    /// meanwhile becomes a closed buffer, so that neither loses its text. `at` is RFC 3339, UTC.
    pub fn keep_buffers(&self, target: &str, writer: &str, at: &str, buffers: &[Keep]) -> Result<()> {
        self.write(|tx| {
            for (place, b) in buffers.iter().enumerate() {
                keep(tx, target, writer, at, place, b).map_err(store_error)?;
            }
            prune(tx, target).map_err(store_error)
        })
    }

    /// Open buffers of a target in their order. `writer` goes on with them.
    pub fn buffers(&self, target: &str, writer: &str) -> Result<Vec<Buffer>> {
        self.write(|tx| {
            let read = |tx: &Transaction<'_>| {
                tx.execute("UPDATE buffers SET writer = ?2 WHERE target = ?1 AND closed IS NULL", [target, writer])?;
                let mut st =
                    tx.prepare(&format!("SELECT {COLUMNS} FROM buffers WHERE target = ? AND closed IS NULL ORDER BY place, id"))?;
                st.query_map([target], buffer)?.collect::<rusqlite::Result<Vec<_>>>()
            };
            read(tx).map_err(store_error)
        })
    }

    /// Closes a buffer. Its text is kept for a while, unless it is blank.
    pub fn close_buffer(&self, target: &str, id: i64, at: &str) -> Result<()> {
        self.write(|tx| {
            tx.execute("DELETE FROM buffers WHERE target = ? AND id = ? AND trim(text, char(32, 9, 10)) = ''", params![target, id])
                .and_then(|_| tx.execute("UPDATE buffers SET closed = ?3 WHERE target = ?1 AND id = ?2", params![target, id, at]))
                .and_then(|_| prune(tx, target))
                .map_err(store_error)
        })
    }

    /// Opens the buffer again that was closed last.
    pub fn reopen_buffer(&self, target: &str, writer: &str) -> Result<Option<Buffer>> {
        self.write(|tx| {
            let sql =
                format!("SELECT {COLUMNS} FROM buffers WHERE target = ? AND closed IS NOT NULL ORDER BY closed DESC, id DESC LIMIT 1");
            let found = tx.query_row(&sql, [target], buffer).optional().map_err(store_error)?;
            if let Some(b) = &found {
                tx.execute("UPDATE buffers SET closed = NULL, writer = ?3 WHERE target = ?1 AND id = ?2", params![target, b.id, writer])
                    .map_err(store_error)?;
            }
            Ok(found)
        })
    }
}

fn keep(tx: &Transaction<'_>, target: &str, writer: &str, at: &str, place: usize, b: &Keep) -> rusqlite::Result<()> {
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let print = b.print.map(|p| p.to_hex());
    if let Some(text) = &b.text {
        // Another console wrote here since this one did.
        tx.execute(
            "INSERT INTO buffers (target, id, place, text, cursor, file, crlf, unsaved, print, active, writer, closed)
             SELECT target, (SELECT max(id) + 1 FROM buffers), place, text, cursor, file, crlf, 1, print, 0, writer, ?5 FROM buffers
             WHERE target = ?1 AND id = ?2 AND writer <> ?3 AND text <> ?4 AND closed IS NULL AND trim(text, char(32, 9, 10)) <> ''",
            params![target, b.id, writer, text, at],
        )?;
        tx.execute(
            "INSERT INTO buffers (target, id, place, text, cursor, file, crlf, unsaved, active, writer, print)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT DO UPDATE SET place = ?3, text = ?4, cursor = ?5, file = ?6, crlf = ?7, unsaved = ?8, active = ?9,
               writer = ?10, print = ?11, closed = NULL",
            params![target, b.id, number(place), text, number(b.cursor), b.file, b.crlf, b.unsaved, b.active, writer, print],
        )?;
    } else {
        tx.execute(
            "UPDATE buffers SET place = ?3, active = ?4, closed = NULL WHERE target = ?1 AND id = ?2",
            params![target, b.id, number(place), b.active],
        )?;
        // The rest is of this console's text: another one may have written its own here.
        tx.execute(
            "UPDATE buffers SET cursor = ?4, file = ?5, crlf = ?6, unsaved = ?7, print = ?8 WHERE target = ?1 AND id = ?2 AND writer = ?3",
            params![target, b.id, writer, number(b.cursor), b.file, b.crlf, b.unsaved, print],
        )?;
    }
    Ok(())
}

fn prune(tx: &Transaction<'_>, target: &str) -> rusqlite::Result<()> {
    tx.execute(
        "DELETE FROM buffers WHERE target = ?1 AND closed IS NOT NULL AND id NOT IN
           (SELECT id FROM buffers WHERE target = ?1 AND closed IS NOT NULL ORDER BY closed DESC, id DESC LIMIT ?2)",
        params![target, CLOSED],
    )
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a(id: i64, text: Option<&str>) -> Keep {
        Keep { id, text: text.map(Into::into), cursor: 3, file: None, crlf: false, unsaved: false, print: None, active: id == 2 }
    }

    fn texts(s: &Store, target: &str) -> Vec<(i64, String, bool)> {
        s.buffers(target, "me").unwrap().into_iter().map(|b| (b.id, b.text, b.active)).collect()
    }

    #[test]
    fn buffers_come_back_in_their_order_with_their_files() {
        let dir = tempfile::tempdir().unwrap();
        let s = Store::open(&dir.path().join("store.db"));
        let print = Some(Print::of("select 'a'"));
        let two = Keep { file: Some("/x/y.sql".into()), crlf: true, unsaved: true, print, cursor: 11, ..a(2, Some("select 'ä'")) };
        s.keep_buffers("t", "me", "2026", &[two.clone(), a(1, Some("select 1"))]).unwrap();
        s.keep_buffers("other", "me", "2026", &[a(1, Some("select 9"))]).unwrap();
        let got = s.buffers("t", "me").unwrap();
        let want = Buffer { id: 2, text: "select 'ä'".into(), cursor: 11, file: two.file, crlf: true, unsaved: true, print, active: true };
        assert_eq!(got[0], want);
        // Unchanged texts are not sent again; the order is.
        s.keep_buffers("t", "me", "2026", &[a(1, None), a(2, None)]).unwrap();
        assert_eq!(texts(&s, "t"), [(1, "select 1".into(), false), (2, "select 'ä'".into(), true)]);
    }

    #[test]
    fn a_closed_buffer_comes_back_the_last_one_first() {
        let dir = tempfile::tempdir().unwrap();
        let s = Store::open(&dir.path().join("store.db"));
        s.keep_buffers("t", "me", "2026", &[a(1, Some("one")), a(2, Some("two")), a(3, Some(" \n"))]).unwrap();
        for (id, at) in [(1, "2026-01"), (2, "2026-02"), (3, "2026-03")] {
            s.close_buffer("t", id, at).unwrap();
        }
        assert!(texts(&s, "t").is_empty());
        assert_eq!(s.reopen_buffer("t", "me").unwrap().unwrap().text, "two");
        assert_eq!(s.reopen_buffer("t", "me").unwrap().unwrap().text, "one");
        assert_eq!(s.reopen_buffer("t", "me").unwrap(), None, "a blank one is not kept");
        for id in 10..10 + 2 * CLOSED {
            s.keep_buffers("t", "me", "2026", &[a(id, Some("x"))]).unwrap();
            s.close_buffer("t", id, &format!("2027-{id:04}")).unwrap();
        }
        let kept = std::iter::from_fn(|| s.reopen_buffer("t", "me").unwrap()).count();
        assert_eq!(kept, CLOSED as usize);
    }

    #[test]
    fn two_consoles_in_one_buffer_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let s = Store::open(&dir.path().join("store.db"));
        s.keep_buffers("t", "me", "2026", &[a(1, Some("mine"))]).unwrap();
        assert_eq!(s.buffers("t", "you").unwrap().len(), 1);
        s.keep_buffers("t", "you", "2026", &[a(1, Some("yours"))]).unwrap();
        s.keep_buffers("t", "me", "2026", &[a(1, Some("mine too"))]).unwrap();
        assert_eq!(s.reopen_buffer("t", "me").unwrap().unwrap().text, "yours");
        // Whether a file has the text is told by the console whose text it is.
        let file = |text, unsaved| Keep { file: Some("/x/y.sql".into()), unsaved, ..a(1, text) };
        s.keep_buffers("t", "me", "2026", &[file(Some("in the file"), false)]).unwrap();
        assert_eq!(s.buffers("t", "you").unwrap().len(), 2);
        s.keep_buffers("t", "you", "2026", &[file(Some("typed since"), true)]).unwrap();
        s.keep_buffers("t", "me", "2026", &[file(None, false), a(9, Some("new"))]).unwrap();
        let kept = s.buffers("t", "third").unwrap().into_iter().find(|b| b.id == 1).unwrap();
        assert_eq!((kept.text.as_str(), kept.unsaved), ("typed since", true));
    }

    #[test]
    fn buffers_of_an_older_store_are_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        Store::open(&path).writable().unwrap();
        let db = rusqlite::Connection::open(&path).unwrap();
        db.execute_batch(
            "DROP TABLE buffers; DROP TABLE param_values; DROP TABLE assessments; DROP TABLE mutes; DROP TABLE plans; ALTER TABLE history DROP COLUMN fate;
             CREATE TABLE buffers (target TEXT NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL, cursor INTEGER NOT NULL,
               PRIMARY KEY (target, name)) STRICT, WITHOUT ROWID;
             INSERT INTO buffers VALUES ('t', '1', 'select 1', 4), ('t', '2', 'select 2', 0), ('u', '1', 'select 3', 0);
             PRAGMA user_version = 1;",
        )
        .unwrap();
        drop(db);
        let s = Store::open(&path);
        assert_eq!(s.problem(), None);
        assert_eq!(texts(&s, "t"), [(1, "select 1".into(), true), (2, "select 2".into(), false)]);
        assert_eq!(texts(&s, "u").len(), 1);
    }
}
