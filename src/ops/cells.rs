//! Writing edited cells: each row is found by its whole key and its old values, exactly one row each, all in one transaction.

use super::datafix::follows;
use super::query::{Unlock, guarded};
use super::statements::{Ended, Ledger, remember_fix};
use super::{Connection, Cx, cancelling};
use crate::config::AccessMode;
use crate::engine::{Event, Session};
use crate::model::{Column, Dialect, Error, Follow, Kind, Param, Result, TableInfo, TxState};
use crate::sql::before::touch;
use crate::sql::params::literal;
use crate::store::history::Fate;
use crate::store::journal::NewEntry;
use std::time::{Duration, Instant};

/// A change of one row that is staged. Columns are those of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowEdit {
    Update {
        /// Column and value of the whole key.
        key: Vec<(String, Param)>,
        /// Column, value before, value after.
        cells: Vec<(String, Param, Param)>,
    },
    Delete {
        key: Vec<(String, Param)>,
        /// All values that the result showed: a row that has changed meanwhile stays.
        was: Vec<(String, Param)>,
    },
    Insert {
        cells: Vec<(String, Param)>,
    },
}

/// One statement of the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellStatement {
    pub text: String,
    pub params: Vec<Param>,
    /// The column of each of them.
    pub columns: Vec<String>,
    /// The same with its values written out, for people and the journal.
    pub shown: String,
}

/// How the columns of a result lie on a table: for each column of the result its column of the table, if it can be edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Editable {
    pub table: TableInfo,
    /// Index into `table.columns` for each column of the result.
    pub columns: Vec<Option<usize>>,
    /// Columns of the result that hold the key, in the key's order.
    pub key: Vec<usize>,
}

/// Whether the rows of a result can be edited, and if not, why not: a sentence.
pub fn editable(columns: &[Column], table: Option<TableInfo>) -> std::result::Result<Editable, String> {
    let Some(table) = table else { return Err("Read-only: the rows do not come from a table that can be looked up.".into()) };
    if let Some(why) = &table.no_rollback {
        return Err(format!("Read-only: changes of {} could not be taken back, because {why}.", crate::text::clean(&table.name)));
    }
    if table.key.is_empty() {
        return Err(format!(
            "Read-only: {} has no primary key and no unique key without NULLs, so a row cannot be named for certain.",
            crate::text::clean(&table.name)
        ));
    }
    let of = |c: &Column| c.origin.as_ref().and_then(|o| table.columns.iter().position(|t| t.id.eq_ignore_ascii_case(&o.column)));
    let place: Vec<Option<usize>> = columns.iter().map(of).collect();
    let mut key = Vec::new();
    for k in &table.key {
        let holds = |(i, c): (usize, &Column)| {
            let by_id = place[i].is_some_and(|p| table.columns[p].name == *k);
            // SQLite's row number is no column of the table.
            let by_origin = c.origin.as_ref().is_some_and(|o| o.column.eq_ignore_ascii_case(k));
            (by_id || by_origin).then_some(i)
        };
        let Some(at) = columns.iter().enumerate().find_map(holds) else {
            return Err(format!(
                "Read-only: the key column {} of {} is not in the result. Select it too.",
                crate::text::clean(k),
                crate::text::clean(&table.name)
            ));
        };
        key.push(at);
    }
    Ok(Editable { table, columns: place, key })
}

/// Builds the statements of a transaction.
struct Builder {
    dialect: Dialect,
    text: String,
    shown: String,
    params: Vec<Param>,
    columns: Vec<String>,
}

impl Builder {
    fn word(&mut self, s: &str) {
        self.text.push_str(s);
        self.shown.push_str(s);
    }
    fn name(&mut self, n: &str) {
        let quoted = self.dialect.quote_ident(n);
        self.word(&quoted);
    }
    fn value(&mut self, column: &str, p: &Param) {
        self.params.push(p.clone());
        self.columns.push(column.to_string());
        match self.dialect {
            Dialect::Postgres => self.text.push_str(&format!("${}", self.params.len())),
            Dialect::MySql | Dialect::Sqlite => self.text.push('?'),
        }
        self.shown.push_str(&literal(self.dialect, p));
    }
    /// The key, by the engine's own equality, so that its index serves.
    fn key(&mut self, key: &[(String, Param)]) {
        for (i, (name, value)) in key.iter().enumerate() {
            self.word(if i == 0 { " WHERE " } else { " AND " });
            self.name(name);
            self.word(" = ");
            self.value(name, value);
        }
    }
    /// An old value, by the text that the result showed: equality of floating-point numbers or of JSON is no safe question.
    fn was(&mut self, name: &str, value: &Param) {
        self.word(" AND ");
        if *value == Param::Null {
            self.name(name);
            self.word(" IS NULL");
            return;
        }
        let bytes = matches!(value, Param::Bytes(_));
        let as_text = if bytes { value.clone() } else { Param::Text(value.text().unwrap_or_default().to_string()) };
        // Byte by byte: by the column's own collation `Hi` would still be there where somebody has written `HI`.
        match self.dialect {
            Dialect::Postgres if bytes => {
                self.name(name);
                self.word(" = ");
            }
            Dialect::Postgres => {
                // What the server prints: a cast to text prints booleans, char(n) and addresses otherwise.
                self.word("pg_catalog.format('%s', ");
                self.name(name);
                self.word(") = ");
            }
            Dialect::MySql => {
                self.word(if bytes { "CAST(" } else { "CAST(CAST(" });
                self.name(name);
                self.word(if bytes { " AS BINARY) = CAST(" } else { " AS CHAR) AS BINARY) = CAST(" });
            }
            Dialect::Sqlite if bytes => {
                self.name(name);
                self.word(" = ");
            }
            Dialect::Sqlite => {
                self.word("CAST(");
                self.name(name);
                self.word(" AS TEXT) = ");
            }
        }
        self.value(name, &as_text);
        match self.dialect {
            Dialect::MySql => self.word(" AS BINARY)"),
            Dialect::Sqlite if !bytes => self.word(" COLLATE BINARY"),
            Dialect::Postgres | Dialect::Sqlite => {}
        }
    }
    fn end(self) -> CellStatement {
        CellStatement { text: self.text, params: self.params, columns: self.columns, shown: self.shown }
    }
}

/// The statement of each change, in the order of the changes.
pub fn statements(dialect: Dialect, table: &TableInfo, edits: &[RowEdit]) -> Vec<CellStatement> {
    edits
        .iter()
        .map(|edit| {
            let mut b = Builder { dialect, text: String::new(), shown: String::new(), params: Vec::new(), columns: Vec::new() };
            let table_name = |b: &mut Builder| {
                b.name(&table.schema);
                b.word(".");
                b.name(&table.name);
            };
            match edit {
                RowEdit::Update { key, cells } => {
                    b.word("UPDATE ");
                    table_name(&mut b);
                    for (i, (name, _, new)) in cells.iter().enumerate() {
                        b.word(if i == 0 { " SET " } else { ", " });
                        b.name(name);
                        b.word(" = ");
                        b.value(name, new);
                    }
                    b.key(key);
                    cells.iter().for_each(|(name, old, _)| b.was(name, old));
                }
                RowEdit::Delete { key, was } => {
                    b.word("DELETE FROM ");
                    table_name(&mut b);
                    b.key(key);
                    was.iter().for_each(|(name, old)| b.was(name, old));
                }
                RowEdit::Insert { cells } => {
                    b.word("INSERT INTO ");
                    table_name(&mut b);
                    b.word(" (");
                    for (i, (name, _)) in cells.iter().enumerate() {
                        b.word(if i == 0 { "" } else { ", " });
                        b.name(name);
                    }
                    b.word(") VALUES (");
                    for (i, (name, value)) in cells.iter().enumerate() {
                        b.word(if i == 0 { "" } else { ", " });
                        b.value(name, value);
                    }
                    b.word(")");
                }
            }
            b.end()
        })
        .collect()
}

/// Changes that are written.
#[derive(Debug)]
pub struct Written {
    pub rows: u64,
    /// Why the record of it could not be kept: the changes stand all the same.
    pub unrecorded: Option<Error>,
}

/// Runs the statements in one transaction; each must change exactly one row, or nothing of them stays. On an open target this is the
/// user's own session (inside a transaction that is open, behind a savepoint); on a guarded one a session of its own, under the
/// rules of a data fix. Gives the number of rows.
pub async fn write(
    cx: &Cx,
    conn: &Connection,
    unlock: Option<&Unlock>,
    own: &Session,
    table: &TableInfo,
    statements: &[CellStatement],
) -> Result<Written> {
    let target = conn.target();
    if target.access == AccessMode::Open {
        let mut ledger = Ledger::new(cx, conn);
        let inside = own.status().tx != TxState::Idle;
        let (begin, commit, back) = match inside {
            true => ("SAVEPOINT holdpoint_cells", "RELEASE SAVEPOINT holdpoint_cells", "ROLLBACK TO SAVEPOINT holdpoint_cells"),
            false => ("BEGIN", "COMMIT", "ROLLBACK"),
        };
        let mut unrecorded = if inside { ledger.savepoint("holdpoint_cells").err() } else { None };
        let mut note = |text: &str, started: Instant, outcome: &Result<u64>| {
            let affected = outcome.as_ref().ok().copied().filter(|n| *n > 0);
            let ended = Ended { text, took: started.elapsed(), rows: 0, affected, tag: None, error: outcome.as_ref().err() };
            unrecorded = ledger.note(&ended, TxState::Open).err().or(unrecorded.take());
        };
        let work = transaction(cx, own, begin, commit, back, statements, &mut note);
        let done = cancelling::told_to_end(cx, own, work).await.unwrap_or_else(|| {
            Err(Error::cancelled().hint("The server did not end the statement in time: it, and its transaction, may still be there."))
        });
        match (&done, inside) {
            (Ok(_), true) => {}
            (Err(_), true) => unrecorded = ledger.back_to("holdpoint_cells").err().or(unrecorded),
            (Ok(_), false) => ledger.settle(Fate::Committed),
            (Err(_), false) => ledger.settle(Fate::RolledBack),
        }
        unrecorded = ledger.close().err().or(unrecorded);
        return Ok(Written { rows: done?, unrecorded });
    }
    let name = crate::text::clean(&target.name).into_owned();
    if !guarded(cx, conn, unlock) {
        return Err(Error::read_only(format!("refused on {name}, which is read-only"))
            .hint("For a data fix, :unlock with the target's name gives guarded access for 15 minutes. The changes stay staged."));
    }
    if statements.len() as u64 > target.blast_radius {
        return Err(Error::held(format!("held: {} changes, and this target allows {}", statements.len(), target.blast_radius)));
    }
    let path = [table.schema.clone(), table.name.clone()];
    let reader = conn.reader().await?;
    let mut beyond = conn.catalog()?.beyond_the_rows(&reader, &path).await?;
    // Cells are written without counting what foreign keys do with them: a statement of its own is counted.
    for key in conn.catalog()?.referrers(&reader, &path).await?.iter().filter(|k| k.enforced) {
        let reaches = |s: &CellStatement| follows(&touch(conn.dialect(), &s.shown), key).is_some_and(|f| f != Follow::Nothing);
        if statements.iter().any(reaches) {
            beyond.push(format!("foreign key {} of {} changes rows there, too", key.constraint, key.table));
        }
    }
    if !beyond.is_empty() {
        return Err(Error::held(format!("held: the change reaches further than its rows: {}", crate::text::clean(&beyond.join("; "))))
            .hint(
                "Rows that foreign keys change are counted for an UPDATE or DELETE in the editor; anything else belongs into a migration.",
            ));
    }
    let texts: Vec<String> = statements.iter().map(|s| crate::sql::redact(conn.dialect(), &s.shown)).collect();
    let entry = |kind: &str, words: String| NewEntry {
        at: cx.clock.stamp(),
        kind: kind.into(),
        operator: cx.operator.clone(),
        host: cx.host.clone(),
        target: target.name.clone(),
        // The statements hold the rows as they were: each names its old values.
        body: serde_json::json!({ "summary": words, "statements": texts }),
    };
    let what = format!("{} of {name}.{}", crate::text::counted(statements.len() as u64, "cell edit"), crate::text::clean(&table.name));
    cx.store.append(&entry("datafix-begin", format!("begun: {what}")))?;
    let session = conn.writer().await?;
    let begin = conn.engine().migrations().get()?.begin();
    let mut ran: Vec<(String, Duration, Result<u64>)> = Vec::new();
    let mut note = |text: &str, started: Instant, outcome: &Result<u64>| ran.push((text.to_string(), started.elapsed(), outcome.clone()));
    let work = transaction(cx, &session, begin, "COMMIT", "ROLLBACK", statements, &mut note);
    let done = cancelling::told_to_end(cx, &session, work).await.unwrap_or_else(|| Err(cancelling::unheeded(&session)));
    cancelling::roll_back_and_close(&session).await;
    let kind = if done.is_ok() { "datafix-committed" } else { "datafix-rolled-back" };
    let words = match &done {
        Ok(_) => format!("committed: {what}"),
        Err(e) => format!("rolled back: {what}: {}", e.message),
    };
    let mut unrecorded = cx.store.append(&entry(kind, words)).err();
    let commits = |(text, ..): &(String, Duration, Result<u64>)| text == "COMMIT";
    let fate = match &done {
        Ok(_) => Fate::Committed,
        Err(e) if e.kind == Kind::Connect && ran.iter().any(commits) => Fate::Unclear,
        Err(e) if e.kind == Kind::Connect => Fate::Lost,
        Err(_) => Fate::RolledBack,
    };
    for (text, took, outcome) in ran.iter().filter(|r| statements.iter().any(|s| s.shown == r.0)) {
        let ended =
            Ended { text, took: *took, rows: 0, affected: outcome.as_ref().ok().copied(), tag: None, error: outcome.as_ref().err() };
        unrecorded = remember_fix(cx, conn, &ended, fate).err().or(unrecorded);
    }
    Ok(Written { rows: done?, unrecorded })
}

type Note<'a> = &'a mut (dyn FnMut(&str, Instant, &Result<u64>) + Send);

async fn transaction(
    cx: &Cx,
    s: &Session,
    begin: &str,
    commit: &str,
    back: &str,
    statements: &[CellStatement],
    note: Note<'_>,
) -> Result<u64> {
    s.fetch(begin).await?;
    for (i, one) in statements.iter().enumerate() {
        let started = Instant::now();
        let outcome = exactly_one(s, one).await;
        note(&one.shown, started, &outcome);
        // Also one that had ended when it was cancelled: nothing of them stays.
        if let Err(e) = outcome.and_then(|_| cx.check_cancelled()) {
            let cancelled = cx.cancel.is_cancelled();
            let why = if cancelled { Error::cancelled() } else { e.context(format_args!("change {} of {}", i + 1, statements.len())) };
            let started = Instant::now();
            let undone = s.fetch(back).await.map(|_| 0);
            note(back, started, &undone);
            return Err(match undone {
                Ok(_) => why.hint("All changes were rolled back; they are still staged."),
                // With the connection its transaction is gone too.
                Err(_) => why.hint("The connection failed as well: the server rolls back what was not committed."),
            });
        }
    }
    let started = Instant::now();
    let done = s.fetch(commit).await.map(|_| 0);
    note(commit, started, &done);
    done.map_err(|e| e.context("committing the changes"))?;
    Ok(statements.len() as u64)
}

/// An error about a bound value names its column: the number of a parameter tells nobody anything who typed none.
fn named(mut e: Error, one: &CellStatement) -> Error {
    let Some(detail) = e.detail.clone() else { return e };
    let number = |line: &str| {
        let digits = line.split_once("parameter $")?.1;
        let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
        one.columns.get(digits.parse::<usize>().ok()?.checked_sub(1)?)
    };
    let about = detail.lines().find_map(number);
    if let Some(column) = about {
        let rest: Vec<&str> = detail.lines().filter(|l| number(l).is_none()).collect();
        e.detail = (!rest.is_empty()).then(|| rest.join("\n"));
        e = e.context(format_args!("the column {}", crate::text::clean(column)));
    }
    e
}

async fn exactly_one(s: &Session, one: &CellStatement) -> Result<u64> {
    let mut rows = s.run_bound(one.text.clone(), one.params.clone()).await?;
    let mut affected = None;
    while let Some(event) = rows.next().await {
        if let Event::Done(done) = event.map_err(|e| named(e, one))? {
            affected = done.affected;
        }
    }
    match affected {
        Some(1) => Ok(1),
        Some(0) => Err(Error::failed("the row is not there any more as it was shown: somebody changed it meanwhile")
            .hint("Read the rows again to see what is there now.")),
        Some(n) => Err(Error::failed(format!("it would change {n} rows, not exactly one"))),
        None => Err(Error::failed("the server did not tell how many rows it changed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rows::Origin;
    use crate::model::{Align, ColumnInfo};

    fn table() -> TableInfo {
        let column = |name: &str, id: &str| ColumnInfo {
            name: name.into(),
            id: id.into(),
            type_name: "text".into(),
            nullable: true,
            generated: false,
            default: false,
        };
        TableInfo {
            schema: "public".into(),
            name: "Items".into(),
            columns: vec![column("a", "#1"), column("b", "#2"), column("note", "#3")],
            key: vec!["b".into(), "a".into()],
            no_rollback: None,
        }
    }
    fn shown(name: &str, id: Option<&str>) -> Column {
        let origin = id.map(|i| Origin { table: vec!["#1".into()], column: i.into() });
        Column { name: name.into(), type_name: "text".into(), align: Align::Left, origin }
    }
    fn text(s: &str) -> Param {
        Param::Text(s.into())
    }

    #[test]
    fn the_whole_key_must_be_in_the_result() {
        let full = [shown("x", Some("#1")), shown("y", Some("#2")), shown("sum", None)];
        let e = editable(&full, Some(table())).unwrap();
        assert_eq!((e.key, e.columns), (vec![1, 0], vec![Some(0), Some(1), None]));
        let e = editable(&full[..1], Some(table())).unwrap_err();
        assert!(e.contains("key column b of Items is not in the result"), "{e}");
        let e = editable(&full, Some(TableInfo { key: vec![], ..table() })).unwrap_err();
        assert!(e.contains("no primary key"), "{e}");
        assert!(editable(&full, None).is_err());
    }

    #[test]
    fn every_statement_names_the_whole_key_and_the_old_values() {
        let key = vec![("b".to_string(), text("1")), ("a".to_string(), Param::Number("2".into()))];
        let edits = [
            RowEdit::Update { key: key.clone(), cells: vec![("note".into(), Param::Null, text("it's"))] },
            RowEdit::Delete { key, was: vec![("note".into(), text("x"))] },
            RowEdit::Insert { cells: vec![("a".into(), text("1")), ("b".into(), Param::Null)] },
        ];
        let pg: Vec<String> = statements(Dialect::Postgres, &table(), &edits).into_iter().map(|s| s.text).collect();
        assert_eq!(
            pg,
            [
                r#"UPDATE "public"."Items" SET "note" = $1 WHERE "b" = $2 AND "a" = $3 AND "note" IS NULL"#,
                r#"DELETE FROM "public"."Items" WHERE "b" = $1 AND "a" = $2 AND pg_catalog.format('%s', "note") = $3"#,
                r#"INSERT INTO "public"."Items" ("a", "b") VALUES ($1, $2)"#,
            ]
        );
        let my = statements(Dialect::MySql, &table(), &edits);
        assert_eq!(
            my[1].text,
            "DELETE FROM `public`.`Items` WHERE `b` = ? AND `a` = ? AND CAST(CAST(`note` AS CHAR) AS BINARY) = CAST(? AS BINARY)"
        );
        assert_eq!(my[0].shown, "UPDATE `public`.`Items` SET `note` = 'it''s' WHERE `b` = '1' AND `a` = 2 AND `note` IS NULL");
    }
}
