//! Some rows before and after a data fix, so that its author sees what it really did.

use crate::engine::{Event, Session};
use crate::model::{Cell, Column, Dialect, Param, Result, RowBatch, TableInfo};
use crate::sql::{TokenKind, lex};
use crate::text;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Rows that are shown; the whole of them as they were is in the before-image.
pub(super) const ROWS: usize = crate::engine::NEW_ROWS;
/// Longest value of a key by which a row is looked for again, in bytes.
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
    /// The columns that changed: name, before, after. `key` is `id 42`, or `id 1 → 1001`.
    Updated { key: String, cells: Vec<(String, Option<String>, Option<String>)> },
    /// Its key was given another value, so that it cannot be told which of the rows it is now. The row as it was.
    Moved { cells: Vec<(String, Option<String>)> },
    /// It is not there under its key any more. The row as it was: name and value.
    Gone { cells: Vec<(String, Option<String>)> },
    /// The row as it was; it has no key by which it could be looked at again.
    Was { cells: Vec<(String, Option<String>)> },
    /// It was not there before.
    Inserted { cells: Vec<(String, Option<String>)> },
    /// What its RETURNING gave: name and value.
    Returned { cells: Vec<(String, Option<String>)> },
}

impl Changes {
    /// A cleaned line for each row: `id 42: state open → closed`; values are cut to `width` columns.
    pub fn lines(&self, width: usize) -> Vec<String> {
        let value = |v: &Option<String>| match v {
            None => "NULL".to_string(),
            // Blanks at its ends cannot be seen otherwise.
            Some(s) if s.is_empty() || s.starts_with(char::is_whitespace) || s.ends_with(char::is_whitespace) => {
                format!("'{}'", text::truncate(&text::clean(s), width))
            }
            Some(s) => text::truncate(&text::clean(s), width).into_owned(),
        };
        let change = |(c, a, b): &(String, Option<String>, Option<String>)| {
            let (name, a, b) = (text::clean(c), value(a), value(b));
            if a == b { format!("{name} {a} differs further on") } else { format!("{name} {a} → {b}") }
        };
        self.rows
            .iter()
            .map(|row| match row {
                Change::Updated { key, cells } if cells.is_empty() && key.contains(" → ") => {
                    format!("{}: otherwise as it was", text::clean(key))
                }
                Change::Updated { key, cells } if cells.is_empty() => format!("{}: as it was", text::clean(key)),
                Change::Updated { key, cells } => {
                    format!("{}: {}", text::clean(key), cells.iter().map(change).collect::<Vec<_>>().join(", "))
                }
                Change::Gone { cells }
                | Change::Returned { cells }
                | Change::Moved { cells }
                | Change::Was { cells }
                | Change::Inserted { cells } => {
                    let word = match row {
                        Change::Gone { .. } => "gone",
                        Change::Moved { .. } => "now under another key",
                        Change::Was { .. } => "was",
                        Change::Inserted { .. } => "new",
                        _ => "returned",
                    };
                    let cells: Vec<String> = cells.iter().map(|(c, v)| format!("{} {}", text::clean(c), value(v))).collect();
                    format!("{word}: {}", cells.join(", "))
                }
            })
            .collect()
    }

    /// How many of `affected` rows are not among the first `shown` of these.
    pub fn beyond(&self, affected: u64, shown: usize) -> u64 {
        let returned = |c: &&Change| matches!(c, Change::Returned { .. });
        let first = &self.rows[..shown.min(self.rows.len())];
        // What RETURNING gave are the same rows once more.
        let rows = first.len() - first.iter().filter(returned).count();
        affected.saturating_sub(if rows > 0 { rows } else { first.len() } as u64)
    }

    pub(super) fn note(&mut self, words: impl Into<String>) {
        let words = words.into();
        self.note = Some(self.note.take().map_or(words.clone(), |n| format!("{n}; {words}")));
    }
}

/// A value that is compared and shown, however long or odd it is.
#[derive(Debug, Clone)]
struct Value {
    shown: Option<String>,
    /// It is no number, and no bytes.
    text: bool,
    digest: [u8; 32],
    /// For looking the row up again; `None` for what is too long.
    param: Option<Param>,
}

impl Value {
    fn of(cell: Cell<'_>) -> Self {
        let (tag, bytes): (u8, &[u8]) = match cell {
            Cell::Null => (0, &[]),
            Cell::Text(b) => (1, b),
            Cell::Number(b) => (2, b),
            Cell::Binary(b) => (3, b),
        };
        let mut digest = Sha256::new();
        digest.update([tag]);
        digest.update(bytes);
        let param = (bytes.len() <= LONGEST).then(|| Param::from_cell(cell));
        Value { shown: text::cell_line(cell), text: matches!(cell, Cell::Text(_)), digest: digest.finalize().into(), param }
    }

    /// As it is told: a text that looks like no value stands in quotes.
    fn told(&self) -> Option<String> {
        let looks = self.text && self.shown.as_ref().is_some_and(|s| s.eq_ignore_ascii_case("null"));
        if looks { self.quoted() } else { self.shown.clone() }
    }

    fn quoted(&self) -> Option<String> {
        self.shown.as_ref().map(|s| format!("'{s}'"))
    }

    /// Before and after, told apart where they look alike: the number 1 and the text '1'.
    fn beside(&self, after: &Value) -> (Option<String>, Option<String>) {
        if self.shown == after.shown && self.text != after.text {
            let one = |v: &Value| if v.text { v.quoted() } else { v.told() };
            return (one(self), one(after));
        }
        (self.told(), after.told())
    }
}

/// A key by which rows are told apart.
type Key = Vec<Param>;

/// Rows before the change, while they are read.
#[derive(Debug, Default)]
pub(super) struct Sample {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
    /// The key that a row is given, by the one that it has: where the fix says so itself.
    renamed: Vec<(Vec<Param>, Vec<Param>)>,
}

/// What the statements of a fix do to the rows of the sample.
pub(super) struct Did<'a> {
    /// Whether all that they do is DELETE.
    pub deletes: bool,
    /// Columns to which an UPDATE gave a value.
    pub sets: &'a [String],
    /// Whether the statement changed just as many rows as were there for it.
    pub all: bool,
    /// Whether it writes edited cells: every row that gets another key is then among those that were told, and gets just that one.
    pub edits: bool,
}

impl Sample {
    pub fn columns(&mut self, columns: &[Column]) {
        self.columns = columns.iter().map(|c| c.name.clone()).collect();
    }

    pub fn take(&mut self, batch: &RowBatch) {
        for r in (0..batch.rows()).take(ROWS.saturating_sub(self.rows.len())) {
            self.rows.push((0..self.columns.len()).map(|c| Value::of(batch.cell(r, c))).collect());
        }
    }

    /// A row with this key gets that one.
    pub fn renamed(&mut self, from: Vec<Param>, to: Vec<Param>) {
        self.renamed.push((from, to));
    }

    /// Reads them once more in the way in which they will be read afterwards: MariaDB and MySQL write some values otherwise to a statement
    /// with parameters than to one without.
    pub async fn settle(&mut self, dialect: Dialect, s: &Session, table: &TableInfo) -> Result<()> {
        let place = |name: &String| self.columns.iter().position(|c| c == name);
        let Some(key) = table.key.iter().map(place).collect::<Option<Vec<_>>>().filter(|k| !k.is_empty()) else { return Ok(()) };
        let mut now = self.again(dialect, s, table, &key).await?;
        for row in &mut self.rows {
            let by: Option<Key> = key.iter().map(|k| row[*k].param.clone()).collect();
            if let Some(same) = by.and_then(|by| now.remove(&by)) {
                *row = same;
            }
        }
        Ok(())
    }

    /// One row of the table, read in that way, with its key: the sample may have it.
    pub fn settled(&mut self, columns: &[String], key: &[String], by: &[Param], batch: &RowBatch, r: usize) {
        let place = |name: &String| self.columns.iter().position(|c| c == name);
        let Some(at) = key.iter().map(place).collect::<Option<Vec<_>>>() else { return };
        let is_it = |row: &&mut Vec<Value>| at.iter().zip(by).all(|(k, v)| row[*k].param.as_ref() == Some(v));
        let from: Option<Vec<usize>> = self.columns.iter().map(|name| columns.iter().position(|c| c == name)).collect();
        if let (Some(row), Some(from)) = (self.rows.iter_mut().find(is_it), from) {
            *row = from.into_iter().map(|c| Value::of(batch.cell(r, c))).collect();
        }
    }

    /// Looks at the same rows again, on the session that changed them. Without a before-image (INSERT) there is nothing to compare.
    pub async fn after(self, dialect: Dialect, s: &Session, table: Option<&TableInfo>, did: Did<'_>) -> Result<Changes> {
        let mut out = Changes::default();
        if self.rows.is_empty() {
            return Ok(out);
        }
        let named = |row: &Vec<Value>| self.columns.iter().cloned().zip(row.iter().map(Value::told)).collect::<Vec<_>>();
        let place = |name: &String| self.columns.iter().position(|c| c == name);
        let key: Option<Vec<usize>> = table.filter(|t| !t.key.is_empty()).and_then(|t| t.key.iter().map(place).collect());
        let (Some(table), Some(key)) = (table, key) else {
            let gone = did.deletes && did.all;
            let as_it_was = |row| if gone { Change::Gone { cells: named(row) } } else { Change::Was { cells: named(row) } };
            out.rows = self.rows.iter().map(as_it_was).collect();
            if !gone {
                out.note("the table has no key by which its rows could be found again, so they stand here as they were");
            }
            return Ok(out);
        };
        let now = self.again(dialect, s, table, &key).await?;
        let keys: Vec<&str> = table.key.iter().filter(|k| did.sets.iter().any(|s| s.eq_ignore_ascii_case(k))).map(String::as_str).collect();
        let mut unclear = false;
        for row in &self.rows {
            let by: Option<Key> = key.iter().map(|k| row[*k].param.clone()).collect();
            let Some(by) = by else {
                out.rows.push(Change::Was { cells: named(row) });
                continue;
            };
            let to = self.renamed.iter().find(|(from, _)| *from == by).map(|(_, to)| to);
            let at: Key = to.unwrap_or(&by).clone();
            // What has its key now is another row.
            let taken = to.is_none() && self.renamed.iter().any(|(_, to)| *to == by);
            // A key that was typed may be a text where the row has a number.
            let alike = || now.iter().find(|(k, _)| k.iter().map(shown).eq(at.iter().map(shown))).map(|(_, row)| row);
            let found = now
                .get(&at)
                .or_else(|| to.and_then(|_| alike()))
                .filter(|new| !taken && (did.edits || keys.is_empty() || self.is_it(row, new, table, did.sets)));
            unclear |= !keys.is_empty() && !did.edits && (found.is_none() || to.is_none());
            out.rows.push(match found {
                None if !keys.is_empty() && !did.edits => Change::Moved { cells: named(row) },
                // An UPDATE of other columns leaves the row under its key: some values (FLOAT, BIT) are just not found by themselves.
                None if !did.deletes && !did.edits => Change::Was { cells: named(row) },
                // Deleted, or moved by something else: both are "not there any more" for whoever knew it.
                None => Change::Gone { cells: named(row) },
                Some(new) => {
                    let one = |(i, k): (usize, &usize)| {
                        let value = |p: &Param| shown(p).unwrap_or_else(|| "NULL".into());
                        let moved = if at[i] == by[i] { String::new() } else { format!(" → {}", value(&at[i])) };
                        format!("{} {}{moved}", self.columns[*k], value(&by[i]))
                    };
                    let name = key.iter().enumerate().map(one).collect::<Vec<_>>().join(", ");
                    let differs = |i: &usize| new.get(*i).is_some_and(|n| n.digest != row[*i].digest) && !(to.is_some() && key.contains(i));
                    let cells = (0..row.len())
                        .filter(differs)
                        .map(|i| {
                            let (before, after) = row[i].beside(&new[i]);
                            (self.columns[i].clone(), before, after)
                        })
                        .collect();
                    Change::Updated { key: name, cells }
                }
            });
        }
        if unclear {
            out.note(format!(
                "the statement sets {}, by which rows are found again: what stands under a key now may have been another row",
                text::clean(&keys.join(", "))
            ));
        }
        if out.rows.iter().any(|r| matches!(r, Change::Was { .. })) {
            out.note("rows whose keys are very long, or are not found by their own values (FLOAT, BIT), stand here as they were before");
        }
        Ok(out)
    }

    /// What stands under the new key of this row is the row: but for what the statement sets, and the server with it, it is as it was.
    fn is_it(&self, row: &[Value], new: &[Value], table: &TableInfo, sets: &[String]) -> bool {
        let own = |name: &str| table.columns.iter().any(|c| c.name == name && (c.generated || c.renewed));
        let set = |i: usize| own(&self.columns[i]) || sets.iter().any(|s| s.eq_ignore_ascii_case(&self.columns[i]));
        (0..row.len()).all(|i| set(i) || new.get(i).is_some_and(|n| n.digest == row[i].digest))
    }

    /// The rows of the sample by their key, as they are now.
    async fn again(&self, dialect: Dialect, s: &Session, table: &TableInfo, key: &[usize]) -> Result<BTreeMap<Key, Vec<Value>>> {
        let keys: Vec<Key> = self
            .rows
            .iter()
            .filter_map(|row| key.iter().map(|k| row[*k].param.clone()).collect::<Option<Key>>())
            .flat_map(|by| {
                let to = self.renamed.iter().find(|(from, _)| *from == by).map(|(_, to)| to.clone());
                std::iter::once(by).chain(to)
            })
            .collect();
        let mut out = BTreeMap::new();
        let Some((text, params)) = by_keys(dialect, table, Some(&self.columns), &keys) else { return Ok(out) };
        let mut stream = s.run_bound(text, params).await.map_err(|e| e.context("looking at the rows after the change"))?;
        while let Some(event) = stream.next().await {
            if let Event::Rows(batch) = event.map_err(|e| e.context("looking at the rows after the change"))? {
                for r in 0..batch.rows() {
                    let row: Vec<Value> = (0..batch.columns()).map(|c| Value::of(batch.cell(r, c))).collect();
                    out.insert(key.iter().map(|k| Param::from_cell(batch.cell(r, *k))).collect(), row);
                }
            }
        }
        Ok(out)
    }
}

/// A SELECT of these columns (else of all) of the rows with these keys, exactly, with its parameters; `None` of no row.
pub(super) fn by_keys(dialect: Dialect, table: &TableInfo, columns: Option<&[String]>, keys: &[Key]) -> Option<(String, Vec<Param>)> {
    let mut params = Vec::new();
    let mut any = Vec::new();
    for by in keys {
        let mut all = Vec::new();
        for (name, value) in table.key.iter().zip(by) {
            params.push(value.clone());
            // A row of a user's own type has to be said to be one.
            let own = table.columns.iter().find(|c| c.name == *name && c.type_name.contains('.')).map(|c| format!("::{}", c.type_name));
            let mark = if dialect == Dialect::Postgres { format!("${}{}", params.len(), own.unwrap_or_default()) } else { "?".into() };
            all.push(format!("{} = {mark}", dialect.quote_ident(name)));
        }
        any.push(format!("({})", all.join(" AND ")));
    }
    let column = |name: &String| {
        let known = table.columns.iter().find(|c| c.name == *name);
        known.map_or_else(|| dialect.quote_ident(name), |c| c.exact(dialect))
    };
    (!any.is_empty()).then(|| {
        let text = format!(
            "SELECT {} FROM {}.{} WHERE {}",
            columns.map_or_else(|| table.whole_rows(dialect), |named| named.iter().map(column).collect::<Vec<_>>().join(", ")),
            dialect.quote_ident(&table.schema),
            dialect.quote_ident(&table.name),
            any.join(" OR ")
        );
        (text, params)
    })
}

/// The same with the values in it, where they mean the same however the session reads a text: without parameters rows come in the form in
/// which the user's own come.
pub(super) fn inlined(dialect: Dialect, (text, params): (String, Vec<Param>)) -> (String, Vec<Param>) {
    let plain = |t: &str| t.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | ':'));
    let literal = |p: &Param| match p {
        Param::Number(n) | Param::Literal(n) if plain(n) => Some(n.clone()),
        Param::Text(t) if plain(t) => Some(format!("'{t}'")),
        _ => None,
    };
    let Some(literals) = params.iter().map(literal).collect::<Option<Vec<_>>>().filter(|_| dialect == Dialect::MySql) else {
        return (text, params);
    };
    let mut literals = literals.into_iter();
    // A name in it is a table's own, and may have a `?` within its quotes.
    let parts = lex(dialect, &text).into_iter().map(|t| match (&text[t.span.clone()], t.kind) {
        ("?", TokenKind::Parameter) => literals.next().unwrap_or_default(),
        (part, _) => part.to_string(),
    });
    (parts.collect(), Vec::new())
}

/// A value as it is shown when it comes back.
fn shown(p: &Param) -> Option<String> {
    match p {
        Param::Null => None,
        Param::Text(s) | Param::Number(s) | Param::Literal(s) => text::cell_line(Cell::Text(s.as_bytes())),
        Param::TextBytes(b) => text::cell_line(Cell::Text(b)),
        Param::Bytes(b) => text::cell_line(Cell::Binary(b)),
    }
}

/// Some rows with the names of their columns.
#[derive(Debug, Default)]
pub(super) struct Listed {
    columns: Vec<String>,
    pub rows: Vec<Vec<(String, Option<String>)>>,
}

impl Listed {
    pub fn columns(&mut self, columns: &[Column]) {
        self.columns = columns.iter().map(|c| c.name.clone()).collect();
    }

    pub fn take(&mut self, batch: &RowBatch) {
        for r in (0..batch.rows()).take(ROWS.saturating_sub(self.rows.len())) {
            let cell = |(c, name): (usize, &String)| (name.clone(), Value::of(batch.cell(r, c)).told());
            self.rows.push(self.columns.iter().enumerate().map(cell).collect());
        }
    }
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
                Change::Updated {
                    key: "id 44".into(),
                    cells: vec![cell("b", Some(&"x".repeat(40)), Some(&format!("{}y", "x".repeat(40))))],
                },
                Change::Gone { cells: vec![("id".into(), Some("1".into())), ("x".into(), None)] },
                Change::Was { cells: vec![("a".into(), Some("1".into()))] },
                Change::Inserted { cells: vec![("id".into(), Some("5".into()))] },
                Change::Moved { cells: vec![("id".into(), Some("6".into()))] },
                Change::Returned { cells: vec![("id".into(), Some("5".into()))] },
            ],
            note: None,
        };
        assert_eq!(
            changes.lines(24),
            [
                "id 42: state open → '', note NULL → a␛[2J",
                "id 43: as it was",
                "id 44: b xxxxxxxxxxxxxxxxxxxxxxx… differs further on",
                "gone: id 1, x NULL",
                "was: a 1",
                "new: id 5",
                "now under another key: id 6",
                "returned: id 5",
            ]
        );
        assert_eq!((changes.beyond(7, 8), changes.beyond(9, 8), changes.beyond(9, 3)), (0, 2, 6));
    }
}
