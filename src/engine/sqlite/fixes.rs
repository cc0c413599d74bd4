//! Data fixes in a SQLite file: temporary triggers note the key of each row right before it changes, whatever changes it. They see what
//! the statement itself came to, and so do not depend on running its condition once more (a clock, `random()`).

use super::Sqlite;
use super::catalog::{at, lit, q};
use crate::engine::{Event, Fixes, NewRows, RowsBy, Session};
use crate::model::{Param, Result, TableInfo};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

impl Fixes for Sqlite {
    fn begin_fix(&self, _only_new: bool) -> &'static [&'static str] {
        &["BEGIN IMMEDIATE"]
    }
    fn watches(&self) -> bool {
        true
    }
    fn watch<'a>(&'a self, s: &'a Session, tables: &'a [&'a TableInfo]) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            for table in tables {
                let (schema, name) = (lit(&table.schema), lit(&table.name));
                let kind = s.fetch(format!("SELECT type FROM pragma_table_list({name}) WHERE schema = {schema} COLLATE NOCASE")).await?;
                if !kind.rows.iter().all(|r| at(r, 0) == "table") {
                    return Ok(false);
                }
            }
            for (i, table) in tables.iter().enumerate() {
                let by = table.told_apart_by();
                let each = |of: &dyn Fn(usize, &str) -> String| by.iter().enumerate().map(|(c, n)| of(c, n)).collect::<Vec<_>>().join(", ");
                let [was, is] = ["was", "becomes"].map(|p| each(&|c, _| format!("{p}{c}")));
                let [old, new] = ["old", "new"].map(|row| each(&|_, name| format!("{row}.{}", q(name))));
                let (noted, on) = (q(&noted(i)), format!("{}.{}", q(&table.schema), q(&table.name)));
                s.fetch(format!("CREATE TEMP TABLE {noted} (n INTEGER PRIMARY KEY, moved, {was}, {is})")).await?;
                // Before the row changes: what foreign keys then do to others, and to itself, comes behind it.
                s.fetch(format!(
                    "CREATE TEMP TRIGGER {} BEFORE DELETE ON {on} BEGIN INSERT INTO {noted} (moved, {was}) VALUES (0, {old}); END",
                    q(&trigger(i, "goes"))
                ))
                .await?;
                s.fetch(format!(
                    "CREATE TEMP TRIGGER {} BEFORE UPDATE ON {on} BEGIN INSERT INTO {noted} (moved, {was}, {is}) VALUES (1, {old}, {new}); END",
                    q(&trigger(i, "changes"))
                ))
                .await?;
            }
            Ok(true)
        })
    }
    fn watched<'a>(&'a self, s: &'a Session, tables: &'a [&'a TableInfo]) -> BoxFuture<'a, Result<Vec<RowsBy>>> {
        Box::pin(async move {
            let mut out = Vec::new();
            for (i, table) in tables.iter().enumerate() {
                let by = table.told_apart_by().len();
                let mut changed = Changed { alike: table.number.is_none() && table.key.is_empty(), ..Changed::default() };
                let mut rows = s.run_bound(format!("SELECT * FROM temp.{} ORDER BY n", q(&noted(i))), Vec::new()).await?;
                while let Some(event) = rows.next().await {
                    if let Event::Rows(batch) = event? {
                        for r in 0..batch.rows() {
                            let key = |from: usize| (from..from + by).map(|c| Param::from_cell(batch.cell(r, c))).collect::<Vec<_>>();
                            let moved = Param::from_cell(batch.cell(r, 1)).text() == Some("1");
                            changed.note(key(2), moved.then(|| key(2 + by)));
                        }
                    }
                }
                out.push(changed.rows);
                for what in ["goes", "changes"] {
                    s.fetch(format!("DROP TRIGGER temp.{}", q(&trigger(i, what)))).await?;
                }
                s.fetch(format!("DROP TABLE temp.{}", q(&noted(i)))).await?;
            }
            Ok(out)
        })
    }
    fn new_rows<'a>(&'a self, s: &'a Session, table: &'a TableInfo) -> BoxFuture<'a, Result<std::result::Result<NewRows, String>>> {
        Box::pin(crate::engine::behind_the_greatest(s, table))
    }
}

/// A bare name in a statement means a temporary table first: no table of a user's has this one.
fn noted(table: usize) -> String {
    format!("holdpoint: rows of {table}")
}

fn trigger(table: usize, what: &str) -> String {
    format!("holdpoint: {table} {what}")
}

/// Rows that changed, told as they come.
#[derive(Default)]
struct Changed {
    /// Rows may be equal: each is counted as often as it is told.
    alike: bool,
    /// By the keys that they had at first.
    rows: RowsBy,
    /// Where a row that was given another key came from: it may change once more.
    from: BTreeMap<Vec<Param>, Vec<Param>>,
}

impl Changed {
    fn note(&mut self, was: Vec<Param>, becomes: Option<Vec<Param>>) {
        let known = if self.alike { None } else { self.from.remove(&was) };
        let first = known.unwrap_or_else(|| was.clone());
        let times = self.rows.entry(first.clone()).or_default();
        *times = if self.alike { *times + 1 } else { 1 };
        if let Some(key) = becomes.filter(|key| !self.alike && (*key != was || first != was)) {
            self.from.insert(key, first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_known_by_the_key_that_it_had_at_first() {
        let key = |k: &str| vec![Param::Number(k.into())];
        let mut changed = Changed::default();
        // 2 moves to where 1 was, then changes there; 3 goes.
        for (was, becomes) in [("1", Some("9")), ("2", Some("1")), ("1", Some("1")), ("9", Some("9")), ("3", None)] {
            changed.note(key(was), becomes.map(key));
        }
        assert_eq!(changed.rows, ["1", "2", "3"].map(|k| (key(k), 1)).into());
        let mut alike = Changed { alike: true, ..Changed::default() };
        alike.note(key("1"), None);
        alike.note(key("1"), None);
        assert_eq!(alike.rows, [(key("1"), 2)].into());
    }
}
