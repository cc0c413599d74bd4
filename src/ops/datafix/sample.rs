//! Some rows before and after a data fix, so that its author sees what it really did.

use crate::engine::{Event, Session};
use crate::model::{Cell, Column, Dialect, Param, Result, RowBatch, TableInfo};
use crate::text;
use std::collections::BTreeMap;

/// Rows that are shown; the whole of them as they were is in the before-image.
const ROWS: usize = 20;
/// Longest value that is kept for showing, in bytes.
const LONGEST: usize = 2000;

/// What happened to some of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    pub rows: Vec<Change>,
    /// Why there is no sample of the rows after the change, or why it leaves some out.
    pub note: Option<String>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The columns that changed: name, before, after. `key` is `id 42`.
    Updated { key: String, cells: Vec<(String, Option<String>, Option<String>)> },
    /// Its key was given another value, so that it cannot be told which of the rows it is now. The row as it was.
    Moved { cells: Vec<(String, Option<String>)> },
    /// It is not there under its key any more. The row as it was: name and value.
    Gone { cells: Vec<(String, Option<String>)> },
    /// What its RETURNING gave: name and value.
    Returned { cells: Vec<(String, Option<String>)> },
}

impl Changes {
    /// A cleaned line for each row: `id 42: state open → closed`; values are cut to `width` columns.
    pub fn lines(&self, width: usize) -> Vec<String> {
        let value = |v: &Option<String>| match v {
            None => "NULL".to_string(),
            Some(s) if s.is_empty() => "''".into(),
            Some(s) => text::truncate(&text::clean(s), width).into_owned(),
        };
        self.rows
            .iter()
            .map(|row| match row {
                Change::Updated { key, cells } if cells.is_empty() => format!("{}: as it was", text::clean(key)),
                Change::Updated { key, cells } => {
                    let cells: Vec<String> =
                        cells.iter().map(|(c, a, b)| format!("{} {} → {}", text::clean(c), value(a), value(b))).collect();
                    format!("{}: {}", text::clean(key), cells.join(", "))
                }
                Change::Gone { cells } | Change::Returned { cells } | Change::Moved { cells } => {
                    let word = match row {
                        Change::Gone { .. } => "gone",
                        Change::Moved { .. } => "now under another key",
                        _ => "returned",
                    };
                    let cells: Vec<String> = cells.iter().map(|(c, v)| format!("{} {}", text::clean(c), value(v))).collect();
                    format!("{word}: {}", cells.join(", "))
                }
            })
            .collect()
    }
}

/// Rows before the change, while they are read.
#[derive(Debug, Default)]
pub(super) struct Sample {
    columns: Vec<String>,
    rows: Vec<Vec<Param>>,
    /// A row that cannot be asked for again: its text is not UTF-8, or too long to be shown.
    odd: usize,
}

impl Sample {
    pub fn columns(&mut self, columns: &[Column]) {
        self.columns = columns.iter().map(|c| c.name.clone()).collect();
    }

    pub fn take(&mut self, batch: &RowBatch) {
        for r in 0..batch.rows() {
            if self.rows.len() + self.odd >= ROWS {
                return;
            }
            match (0..batch.columns()).map(|c| param(batch.cell(r, c))).collect() {
                Some(row) => self.rows.push(row),
                None => self.odd += 1,
            }
        }
    }

    /// Looks at the same rows again, on the session that changed them; `sets` are the columns to which an UPDATE gave a value.
    /// Without a before-image (INSERT) there is nothing to compare.
    pub async fn after(self, dialect: Dialect, s: &Session, table: Option<&TableInfo>, sets: &[String]) -> Result<Changes> {
        let mut out =
            Changes { note: (self.odd > 0).then(|| format!("{} rows are too odd to be shown here", self.odd)), ..Changes::default() };
        if self.rows.is_empty() {
            return Ok(out);
        }
        let place = |name: &String| self.columns.iter().position(|c| c == name);
        let key: Option<Vec<usize>> = table.filter(|t| !t.key.is_empty()).and_then(|t| t.key.iter().map(place).collect());
        let (Some(table), Some(key)) = (table, key) else {
            out.note = Some("the table has no key by which its rows could be found again".into());
            return Ok(out);
        };
        let now = self.again(dialect, s, table, &key).await?;
        let keys: Vec<&str> = table.key.iter().filter(|k| sets.iter().any(|s| s.eq_ignore_ascii_case(k))).map(String::as_str).collect();
        if !keys.is_empty() {
            let more = format!(
                "the statement sets {}, by which rows are found again: what stands under a key now may have been another row",
                text::clean(&keys.join(", "))
            );
            out.note = Some(out.note.map_or(more.clone(), |n| format!("{n}; {more}")));
        }
        for row in &self.rows {
            let by: Vec<&Param> = key.iter().map(|k| &row[*k]).collect();
            let named = |i: usize| (self.columns[i].clone(), row[i].text().map(str::to_string));
            out.rows.push(match now.get(&texts(&by)) {
                None if !keys.is_empty() => Change::Moved { cells: (0..row.len()).map(named).collect() },
                // Deleted, or moved by something else: both are "not there any more" for whoever knew it.
                None => Change::Gone { cells: (0..row.len()).map(named).collect() },
                Some(new) => {
                    let key = key
                        .iter()
                        .map(|k| format!("{} {}", self.columns[*k], row[*k].text().unwrap_or("NULL")))
                        .collect::<Vec<_>>()
                        .join(", ");
                    let differs = |i: &usize| new.get(*i).is_some_and(|n| n.as_deref() != row[*i].text());
                    let cells = (0..row.len())
                        .filter(differs)
                        .map(|i| (self.columns[i].clone(), row[i].text().map(str::to_string), new[i].clone()))
                        .collect();
                    Change::Updated { key, cells }
                }
            });
        }
        Ok(out)
    }

    /// The rows of the sample by their key, as they are now.
    async fn again(
        &self,
        dialect: Dialect,
        s: &Session,
        table: &TableInfo,
        key: &[usize],
    ) -> Result<BTreeMap<Vec<Option<String>>, Vec<Option<String>>>> {
        let mut params = Vec::new();
        let mut any = Vec::new();
        for row in &self.rows {
            let mut all = Vec::new();
            for k in key {
                params.push(row[*k].clone());
                let mark = if dialect == Dialect::Postgres { format!("${}", params.len()) } else { "?".into() };
                all.push(format!("{} = {mark}", dialect.quote_ident(&self.columns[*k])));
            }
            any.push(format!("({})", all.join(" AND ")));
        }
        let columns: Vec<String> = self.columns.iter().map(|c| dialect.quote_ident(c)).collect();
        let text = format!(
            "SELECT {} FROM {}.{} WHERE {}",
            columns.join(", "),
            dialect.quote_ident(&table.schema),
            dialect.quote_ident(&table.name),
            any.join(" OR ")
        );
        let mut stream = s.run_bound(text, params).await.map_err(|e| e.context("looking at the rows after the change"))?;
        let mut out = BTreeMap::new();
        while let Some(event) = stream.next().await {
            if let Event::Rows(batch) = event.map_err(|e| e.context("looking at the rows after the change"))? {
                for r in 0..batch.rows() {
                    let row: Vec<Option<String>> = (0..batch.columns()).map(|c| text::cell_string(batch.cell(r, c))).collect();
                    out.insert(key.iter().map(|k| row[*k].clone()).collect(), row);
                }
            }
        }
        Ok(out)
    }
}

/// Some of the rows that RETURNING gave.
#[derive(Debug, Default)]
pub(super) struct Returned {
    columns: Vec<String>,
    pub rows: Vec<Change>,
}

impl Returned {
    pub fn columns(&mut self, columns: &[Column]) {
        self.columns = columns.iter().map(|c| c.name.clone()).collect();
    }

    pub fn take(&mut self, batch: &RowBatch) {
        for r in (0..batch.rows()).take(ROWS.saturating_sub(self.rows.len())) {
            let cell = |(c, name): (usize, &String)| (name.clone(), text::cell_string(batch.cell(r, c)));
            self.rows.push(Change::Returned { cells: self.columns.iter().enumerate().map(cell).collect() });
        }
    }
}

fn texts(by: &[&Param]) -> Vec<Option<String>> {
    by.iter().map(|p| p.text().map(str::to_string)).collect()
}

fn param(cell: Cell<'_>) -> Option<Param> {
    let whole = |b: &[u8]| (b.len() <= LONGEST).then(|| std::str::from_utf8(b).ok().map(str::to_string)).flatten();
    Some(match cell {
        Cell::Null => Param::Null,
        Cell::Text(b) => Param::Text(whole(b)?),
        Cell::Number(b) => Param::Number(whole(b)?),
        Cell::Binary(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_by_what_changed() {
        let cell = |c: &str, a: Option<&str>, b: Option<&str>| (c.to_string(), a.map(str::to_string), b.map(str::to_string));
        let changes = Changes {
            rows: vec![
                Change::Updated {
                    key: "id 42".into(),
                    cells: vec![cell("state", Some("open"), Some("")), cell("note", None, Some("a\x1b[2J"))],
                },
                Change::Updated { key: "id 43".into(), cells: vec![] },
                Change::Gone { cells: vec![("id".into(), Some("1".into())), ("x".into(), None)] },
                Change::Returned { cells: vec![("id".into(), Some("5".into()))] },
                Change::Moved { cells: vec![("id".into(), Some("6".into()))] },
            ],
            note: None,
        };
        assert_eq!(
            changes.lines(24),
            [
                "id 42: state open → '', note NULL → a␛[2J",
                "id 43: as it was",
                "gone: id 1, x NULL",
                "returned: id 5",
                "now under another key: id 6"
            ]
        );
    }
}
