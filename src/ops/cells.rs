//! Writing edited cells: each row is found by its whole key and its old values, exactly one row each, all in one transaction.

use super::datafix::{follows, with_computed};
use super::statements::{Ended, Ledger};
use super::{Connection, Cx, cancelling};
use crate::config::AccessMode;
use crate::engine::{Event, Session};
use crate::model::{Column, Dialect, Error, Kind, Notice, Param, Referrer, Result, TableInfo, TxState};
use crate::sql::before::{Touch, lock, unlocked};
use crate::sql::params::literal;
use crate::store::history::Fate;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A change of one row that is staged. Columns are those of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowEdit {
    Update {
        /// Column and value of the whole key.
        key: Vec<(String, Param)>,
        /// Column, value before, value after.
        cells: Vec<(String, Param, Param)>,
        /// Column and value of what else the result showed of the row, where its key may come to be another row's: see
        /// [`keys_come_again`].
        was: Vec<(String, Param)>,
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
    /// What it does with its row.
    pub touch: Touch,
    /// The SELECT of the row that it changes, which keeps it from changing meanwhile, and its values; `None` for a new row.
    pub select: Option<(String, Vec<Param>)>,
    /// The key that the row has, and the one that it is given, where that is another one.
    pub renamed: Option<(Vec<Param>, Vec<Param>)>,
    /// The row may be as it shall be already.
    pub may_be_so: bool,
    /// The time zone in which its TIMESTAMPs were read: in another one they are other moments.
    pub zone: Option<String>,
}

/// How the columns of a result lie on a table: for each column of the result its column of the table, if it can be edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Editable {
    pub table: TableInfo,
    /// Index into `table.columns` for each column of the result.
    pub columns: Vec<Option<usize>>,
    /// Columns of the result that hold the key, in the key's order.
    pub key: Vec<usize>,
    /// See [`Column::zone`].
    pub zone: Option<String>,
}

/// Whether the rows of a result can be edited, and if not, why not: a sentence.
pub fn editable(columns: &[Column], table: Option<TableInfo>) -> std::result::Result<Editable, String> {
    let Some(table) = table else { return Err("Read-only: the rows do not come from a table that can be looked up.".into()) };
    if let Some(why) = &table.no_rollback {
        return Err(format!("Read-only: changes of {} could not be taken back, because {why}.", crate::text::clean(&table.name)));
    }
    if let Some(why) = table.no_key.as_ref().filter(|_| table.key.is_empty()) {
        let (name, why) = (crate::text::clean(&table.name), crate::text::clean(why));
        return Err(format!("Read-only: a row of {name} cannot be named for certain, because {why}."));
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
        if let Some(style) = columns[at].ambiguous() {
            return Err(format!(
                "Read-only: the key column {} is written so that it may be read as another one ({}). {} and run it again.",
                crate::text::clean(k),
                crate::text::clean(style),
                Column::plain_style(style)
            ));
        }
        key.push(at);
    }
    let zone = columns.iter().find_map(Column::zone).map(str::to_string);
    Ok(Editable { table, columns: place, key, zone })
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
    fn new(dialect: Dialect) -> Self {
        Builder { dialect, text: String::new(), shown: String::new(), params: Vec::new(), columns: Vec::new() }
    }
    /// An UPDATE of the table to these values.
    fn update<'v>(&mut self, table: &TableInfo, cells: impl Iterator<Item = (&'v String, &'v Param)>) {
        self.word("UPDATE ");
        self.table(table);
        for (i, (name, new)) in cells.enumerate() {
            self.word(if i == 0 { " SET " } else { ", " });
            self.name(name);
            self.word(" = ");
            self.value(name, new);
        }
    }
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
            // Bytes that are sent as a text would be compared by its collation.
            let bytes = self.dialect == Dialect::MySql && matches!(value, Param::Bytes(_));
            self.word(if bytes { "CAST(" } else { "" });
            self.value(name, value);
            self.word(if bytes { " AS BINARY)" } else { "" });
        }
    }
    /// An old value, by the text that the result showed: equality of floating-point numbers or of JSON is no safe question.
    fn was(&mut self, table: &TableInfo, name: &str, value: &Param) {
        self.word(" AND ");
        if *value == Param::Null {
            self.name(name);
            self.word(" IS NULL");
            return;
        }
        let bytes = matches!(value, Param::Bytes(_) | Param::TextBytes(_));
        let as_text = if bytes { value.clone() } else { Param::Text(value.text().unwrap_or_default().to_string()) };
        // Byte by byte: by the column's own collation `Hi` would still be there where somebody has written `HI`.
        match self.dialect {
            Dialect::Postgres if bytes => {
                self.name(name);
                self.word(" = ");
            }
            Dialect::Postgres => {
                // NULL is printed as an empty text.
                if as_text.text() == Some("") {
                    self.name(name);
                    self.word(" IS NOT NULL AND ");
                }
                // What the server prints: a cast to text prints booleans, char(n) and addresses otherwise.
                self.word("pg_catalog.format('%s', ");
                self.name(name);
                self.word(") = ");
            }
            Dialect::MySql => {
                if let Some(exact) = single(table, name, value) {
                    self.word("(");
                    self.name(name);
                    self.word(&format!(" = {exact} OR "));
                }
                self.word(if bytes { "CAST(" } else { "CAST(CAST(" });
                self.name(name);
                self.word(if bytes { " AS BINARY) = CAST(" } else { " AS CHAR) AS BINARY) = CAST(" });
            }
            Dialect::Sqlite if matches!(value, Param::Number(_)) => {
                // A text or bytes of the same letters are another value, and so is 1.0 where 1 was.
                self.word("typeof(");
                self.name(name);
                self.word(") IN ('integer', 'real') AND CAST(");
                self.name(name);
                self.word(" AS TEXT) = ");
            }
            Dialect::Sqlite => {
                self.name(name);
                self.word(" = ");
            }
        }
        self.value(name, &as_text);
        match self.dialect {
            Dialect::MySql => self.word(if single(table, name, value).is_some() { " AS BINARY))" } else { " AS BINARY)" }),
            Dialect::Sqlite if !bytes => self.word(" COLLATE BINARY"),
            Dialect::Postgres | Dialect::Sqlite => {}
        }
    }
    fn table(&mut self, table: &TableInfo) {
        self.name(&table.schema);
        self.word(".");
        self.name(&table.name);
    }
    /// The row that is meant: its key and its old values.
    fn row<'v>(&mut self, table: &TableInfo, key: &[(String, Param)], was: impl Iterator<Item = (&'v String, &'v Param)>) {
        self.key(key);
        was.for_each(|(name, old)| self.was(table, name, old));
    }
}

/// The number that a FLOAT of MariaDB or MySQL has that is shown with more than six digits, as a result of bound values has it: as a text
/// the server gives six. Every float is a double, so that the comparison is exact.
fn single(table: &TableInfo, name: &str, value: &Param) -> Option<String> {
    let Param::Number(digits) = value else { return None };
    table.columns.iter().find(|c| c.name == name && c.rounded(Dialect::MySql))?;
    let float: f32 = digits.parse().ok()?;
    float.is_finite().then(|| format!("{:e}", f64::from(float)))
}

/// The key that an edit gives its row, where it gives it another one; the table's key says the order.
fn renamed(table: &TableInfo, key: &[(String, Param)], cells: &[(String, Param, Param)]) -> Option<(Vec<Param>, Vec<Param>)> {
    let old = |k: &String| key.iter().find(|(n, _)| n == k).map(|(_, v)| v.clone());
    let new = |k: &String| cells.iter().find(|(n, ..)| n == k).map(|(.., v)| v.clone()).or_else(|| old(k));
    let changes = cells.iter().any(|(n, ..)| table.key.contains(n));
    changes.then(|| Some((table.key.iter().map(old).collect::<Option<_>>()?, table.key.iter().map(new).collect::<Option<_>>()?)))?
}

/// Whether an engine gives the key of a row that is gone to a new one by itself. SQLite does: a row number is free again with the last
/// row, and VACUUM numbers all rows anew that have no INTEGER PRIMARY KEY (<https://sqlite.org/autoinc.html>).
pub fn keys_come_again(dialect: Dialect) -> bool {
    dialect == Dialect::Sqlite
}

/// The statement of each change, in the order of the changes; `zone`: in which their rows were read.
pub fn statements(dialect: Dialect, table: &TableInfo, zone: Option<&str>, edits: &[RowEdit]) -> Vec<CellStatement> {
    let selected = |row: &dyn Fn(&mut Builder)| Some(locked(dialect, table, row));
    edits
        .iter()
        .map(|edit| {
            let mut b = Builder::new(dialect);
            let (touch, select, renamed) = match edit {
                RowEdit::Update { key, cells, was } => {
                    b.update(table, cells.iter().map(|(name, _, new)| (name, new)));
                    let others = || was.iter().filter(|(name, _)| !cells.iter().any(|(edited, ..)| edited == name));
                    let old = || cells.iter().map(|(name, old, _)| (name, old)).chain(others().map(|(name, old)| (name, old)));
                    let row = |b: &mut Builder| b.row(table, key, old());
                    row(&mut b);
                    let touch = Touch::Update(cells.iter().map(|(name, ..)| name.clone()).collect());
                    (with_computed(touch, table), selected(&row), renamed(table, key, cells))
                }
                RowEdit::Delete { key, was } => {
                    b.word("DELETE FROM ");
                    b.table(table);
                    let row = |b: &mut Builder| b.row(table, key, was.iter().map(|(name, old)| (name, old)));
                    row(&mut b);
                    (Touch::Delete, selected(&row), None)
                }
                RowEdit::Insert { cells } => {
                    b.word("INSERT INTO ");
                    b.table(table);
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
                    (Touch::Nothing, None, None)
                }
            };
            let zone = zone.map(str::to_string);
            CellStatement {
                text: b.text,
                params: b.params,
                columns: b.columns,
                shown: b.shown,
                touch,
                select,
                renamed,
                may_be_so: false,
                zone,
            }
        })
        .collect()
}

/// The SELECT of a row that keeps it from changing.
fn locked(dialect: Dialect, table: &TableInfo, row: &dyn Fn(&mut Builder)) -> (String, Vec<Param>) {
    let mut b = Builder::new(dialect);
    b.word(&format!("SELECT {} FROM ", table.whole_rows(dialect)));
    b.table(table);
    row(&mut b);
    b.word(lock(dialect));
    (b.text, b.params)
}

/// The statement that gives the row with this key these values, whatever stands there.
pub(in crate::ops) fn replacement(
    dialect: Dialect,
    table: &TableInfo,
    key: &[(String, Param)],
    cells: &[(String, Param)],
) -> CellStatement {
    let mut b = Builder::new(dialect);
    b.update(table, cells.iter().map(|(name, new)| (name, new)));
    b.key(key);
    let touch = with_computed(Touch::Update(cells.iter().map(|(name, _)| name.clone()).collect()), table);
    let select = Some(locked(dialect, table, &|b: &mut Builder| b.key(key)));
    CellStatement {
        text: b.text,
        params: b.params,
        columns: b.columns,
        shown: b.shown,
        touch,
        select,
        renamed: None,
        may_be_so: true,
        zone: None,
    }
}

/// Changes that are written.
#[derive(Debug)]
pub struct Written {
    pub rows: u64,
    /// Why the record of it could not be kept: the changes stand all the same.
    pub unrecorded: Option<Error>,
}

/// Runs the statements in one transaction on the user's own session (inside a transaction that is open, behind a savepoint); each must
/// change exactly one row, or nothing of them stays. Gives the number of rows; `None`, and nothing is written, where foreign keys would
/// change other rows with them, which a data fix shows first. For an open target only: elsewhere edits are always a data fix
/// ([`super::datafix::begin_edits`]).
pub async fn write(cx: &Cx, conn: &Connection, own: &Session, table: &TableInfo, statements: &[CellStatement]) -> Result<Option<Written>> {
    if conn.target().access != AccessMode::Open {
        return Err(Error::read_only(format!("refused on {}, which is not open", crate::text::clean(&conn.target().name))));
    }
    if let Some(held) = super::later::of_schema(conn.target(), conn.dialect(), conn.place().as_ref(), &table.schema) {
        return Err(held);
    }
    let mut ledger = Ledger::new(cx, conn);
    let inside = own.status().tx != TxState::Idle;
    let path = [table.schema.clone(), table.name.clone()];
    let keys = conn.catalog()?.referrers(own, &path).await?;
    let named: Vec<_> = table.columns.iter().filter(|c| table.key.contains(&c.name)).collect();
    let alike = conn.engine().fixes().moments_alike(own, &named).await?;
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
    let committing = AtomicBool::new(false);
    let work = transaction(cx, own, [begin, commit, back], statements, (&keys, &alike), &committing, &mut note);
    let done = cancelling::told_to_end(cx, own, work).await.unwrap_or_else(|| {
        Err(match !inside && committing.load(Ordering::SeqCst) {
            true => Error::connect("the server did not answer COMMIT: whether the changes are written is not known")
                .hint("Read the rows again before you write them once more."),
            false => Error::cancelled().hint("The server did not end the statement in time: it, and its transaction, may still be there."),
        })
    });
    // A COMMIT that was sent and not answered may have come about.
    let sent = done.as_ref().is_err_and(|e| matches!(e.kind, Kind::Connect | Kind::Cancelled)) && committing.load(Ordering::SeqCst);
    match (matches!(done, Ok(Some(_))), inside) {
        (true, true) => {}
        (false, false) if sent => ledger.settle(Fate::Unclear),
        (false, true) => unrecorded = ledger.back_to("holdpoint_cells").err().or(unrecorded),
        (true, false) => ledger.settle(Fate::Committed),
        (false, false) => ledger.settle(Fate::RolledBack),
    }
    unrecorded = ledger.keep().err().or(unrecorded);
    match done? {
        Some(rows) => Ok(Some(Written { rows, unrecorded })),
        None if inside => Err(Error::held("held: foreign keys would change other rows with these, and your transaction is open")
            .hint(
                "Commit it or roll it back first: what goes with them is then shown before it stays. Or type the statement in the editor.",
            )
            .hint(STAGED)),
        // SQLite: a session says by itself whether they count, and a data fix has one of its own.
        None if conn.catalog()?.referrers(&conn.surveyor().await?, &path).await? != keys => {
            Err(Error::held("held: foreign keys would change other rows with these, and count in your session alone")
                .hint("Type the statement in the editor: it runs as it is.")
                .hint(STAGED))
        }
        None => Ok(None),
    }
}

/// Whether rows refer to the one that a statement changes, so that more than this one would change. The row is locked first: none can
/// begin to refer to it then.
async fn reaches(s: &Session, one: &CellStatement, keys: &[Referrer]) -> Result<bool> {
    let Some((select, params)) = &one.select else { return Ok(false) };
    let quote = |c: &String| s.dialect().quote_ident(c);
    let names = |of: &[String]| of.iter().map(quote).collect::<Vec<_>>().join(", ");
    let mut locked = false;
    for key in keys.iter().filter(|k| follows(&one.touch, k).is_some()) {
        if !locked {
            rows(s, select.clone(), params).await?;
            locked = true;
        }
        let there = format!(
            "SELECT 1 FROM {}.{} WHERE ({}) IN (SELECT {} FROM ({}\n) AS q) LIMIT 1",
            quote(&key.schema),
            quote(&key.table),
            names(&key.columns),
            names(&key.referenced),
            unlocked(select)
        );
        if rows(s, there, params).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Holds rows that have a moment which the session writes like another one: neither would its text save it, nor name its row.
pub(in crate::ops) async fn moments_told(s: &Session, alike: &Option<(String, String)>, select: &str, params: &[Param]) -> Result<()> {
    let Some((condition, zone)) = alike else { return Ok(()) };
    if rows(s, format!("SELECT 1 FROM ({}\n) AS q WHERE {condition} LIMIT 1", unlocked(select)), params).await? == 0 {
        return Ok(());
    }
    Err(Error::held(format!(
        "held: a row has a TIMESTAMP in an hour that the time zone {} writes twice, when its clocks are put back: which moment it is cannot be told",
        crate::text::clean(zone)
    ))
    .hint("SET time_zone = '+00:00' first: there each moment is written in its own way."))
}

/// Holds an edit whose row was read in another time zone than this session's: its TIMESTAMPs would be other moments, and another row's key.
pub(in crate::ops) async fn same_zone(s: &Session, one: &CellStatement) -> Result<()> {
    let (Some(zone), Some((select, params))) = (&one.zone, &one.select) else { return Ok(()) };
    let mut stream = s.run_bound(format!("SELECT * FROM ({}\n) AS q LIMIT 0", unlocked(select)), params.clone()).await?;
    while let Some(event) = stream.next().await {
        if let Event::Columns(columns) = event?
            && let Some(now) = columns.iter().find_map(Column::zone).filter(|now| now != zone)
        {
            let (then, now) = (crate::text::clean(zone), crate::text::clean(now));
            let held = format!(
                "held: the rows were read in the time zone {then}, and would be written in {now}: their TIMESTAMPs would be others"
            );
            return Err(Error::held(held)
                .hint("Read them again in the time zone of the session that writes. A data fix has a session of its own: `settings` of the target hold for it."));
        }
    }
    Ok(())
}

/// How many rows a query has.
pub(in crate::ops) async fn rows(s: &Session, text: String, params: &[Param]) -> Result<u64> {
    let mut stream = s.run_bound(text, params.to_vec()).await?;
    let mut n = 0;
    while let Some(event) = stream.next().await {
        if let Event::Rows(batch) = event? {
            n += batch.rows() as u64;
        }
    }
    Ok(n)
}

/// What became of edits of which nothing is kept.
pub(in crate::ops) const STAGED: &str = "All changes were rolled back; they are still staged.";

type Note<'a> = &'a mut (dyn FnMut(&str, Instant, &Result<u64>) + Send);

/// `None` where foreign keys would change other rows with these: nothing stays.
async fn transaction(
    cx: &Cx,
    s: &Session,
    [begin, commit, back]: [&str; 3],
    statements: &[CellStatement],
    (keys, alike): (&[Referrer], &Option<(String, String)>),
    committing: &AtomicBool,
    note: Note<'_>,
) -> Result<Option<u64>> {
    s.fetch(begin).await?;
    for (i, one) in statements.iter().enumerate() {
        let started = Instant::now();
        let told = match (same_zone(s, one).await, &one.select) {
            (Ok(()), Some((select, params))) => moments_told(s, alike, select, params).await,
            (told, _) => told,
        };
        let reached = match told {
            Ok(()) => reaches(s, one, keys).await,
            Err(e) => Err(e),
        };
        let outcome = match reached {
            Ok(true) => {
                s.fetch(back).await?;
                return Ok(None);
            }
            Ok(false) => exactly_one(s, one).await,
            Err(e) => Err(e),
        };
        note(&one.shown, started, &outcome);
        // Also one that had ended when it was cancelled: nothing of them stays.
        if let Err(e) = outcome.and_then(|_| cx.check_cancelled()) {
            let cancelled = cx.cancel.is_cancelled();
            let why = if cancelled { Error::cancelled() } else { e.context(format_args!("change {} of {}", i + 1, statements.len())) };
            let started = Instant::now();
            let undone = s.fetch(back).await.map(|_| 0);
            note(back, started, &undone);
            return Err(match undone {
                Ok(_) => why.hint(STAGED),
                // With the connection its transaction is gone too.
                Err(_) => why.hint("The connection failed as well: the server rolls back what was not committed."),
            });
        }
    }
    let started = Instant::now();
    committing.store(true, Ordering::SeqCst);
    let done = s.fetch(commit).await.map(|_| 0);
    note(commit, started, &done);
    done.map_err(|e| e.context("committing the changes"))?;
    Ok(Some(statements.len() as u64))
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

/// Runs a statement that must change exactly one row.
pub(in crate::ops) async fn exactly_one(s: &Session, one: &CellStatement) -> Result<u64> {
    let mut rows = s.run_bound(one.text.clone(), one.params.clone()).await?;
    let (mut affected, mut changed) = (None, None);
    while let Some(event) = rows.next().await {
        match event.map_err(|e| named(e, one))? {
            Event::Done(done) => affected = done.affected,
            // MariaDB and MySQL: a value that does not fit is cut in a session that is not strict, and told so.
            Event::Notice(n) if s.dialect() == Dialect::MySql && alters(&n) => changed = Some(n.message),
            _ => {}
        }
    }
    if let Some(why) = changed {
        let why = format!("the server would write another value than this one: {}", crate::text::clean(&why));
        return Err(Error::failed(why).hint("Type a value that fits the column."));
    }
    match affected {
        Some(1) => Ok(1),
        Some(0) if one.may_be_so && is_there(s, one).await? => Ok(0),
        Some(0) if is_there(s, one).await? => Err(Error::failed("the server changed nothing, though the row is there as it was shown")
            .hint("A trigger, a rule or a policy may keep it from being changed, or the value is the same to the server.")),
        Some(n) => Err(not_one(n)),
        None => Err(Error::failed("the server did not tell how many rows it changed")),
    }
}

/// The row that a statement names is there as it was shown.
async fn is_there(s: &Session, one: &CellStatement) -> Result<bool> {
    match &one.select {
        Some((select, params)) => Ok(rows(s, unlocked(select).to_string(), params).await? > 0),
        None => Ok(false),
    }
}

/// A remark of MariaDB or MySQL that it keeps another value than it was sent; of a number that is rounded it is a note (1265).
pub(in crate::ops) fn alters(n: &Notice) -> bool {
    n.severity.eq_ignore_ascii_case("warning") || n.detail.as_deref() == Some("code 1265")
}

/// There are `n` rows where exactly one was meant.
pub(in crate::ops) fn not_one(n: u64) -> Error {
    if n > 0 {
        return Error::failed(format!("it would change {n} rows, not exactly one"));
    }
    Error::failed("the row is not there any more as it was shown: somebody changed it meanwhile")
        .hint("Read the rows again to see what is there now.")
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
            ..ColumnInfo::default()
        };
        TableInfo {
            schema: "public".into(),
            name: "Items".into(),
            columns: vec![column("a", "#1"), column("b", "#2"), column("note", "#3")],
            key: vec!["b".into(), "a".into()],
            no_key: None,
            number: None,
            no_rollback: None,
        }
    }
    fn shown(name: &str, id: Option<&str>) -> Column {
        let origin = id.map(|i| Origin { table: vec!["#1".into()], column: i.into() });
        Column { name: name.into(), type_name: "text".into(), align: Align::Left, origin, style: None }
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
            RowEdit::Update { key: key.clone(), cells: vec![("note".into(), Param::Null, text("it's"))], was: vec![] },
            RowEdit::Delete { key, was: vec![("note".into(), text("x"))] },
            RowEdit::Insert { cells: vec![("a".into(), text("1")), ("b".into(), Param::Null)] },
        ];
        let pg: Vec<String> = statements(Dialect::Postgres, &table(), None, &edits).into_iter().map(|s| s.text).collect();
        assert_eq!(
            pg,
            [
                r#"UPDATE "public"."Items" SET "note" = $1 WHERE "b" = $2 AND "a" = $3 AND "note" IS NULL"#,
                r#"DELETE FROM "public"."Items" WHERE "b" = $1 AND "a" = $2 AND pg_catalog.format('%s', "note") = $3"#,
                r#"INSERT INTO "public"."Items" ("a", "b") VALUES ($1, $2)"#,
            ]
        );
        let my = statements(Dialect::MySql, &table(), None, &edits);
        assert_eq!(
            my[1].text,
            "DELETE FROM `public`.`Items` WHERE `b` = ? AND `a` = ? AND CAST(CAST(`note` AS CHAR) AS BINARY) = CAST(? AS BINARY)"
        );
        assert_eq!(my[0].shown, "UPDATE `public`.`Items` SET `note` = 'it''s' WHERE `b` = '1' AND `a` = 2 AND `note` IS NULL");
    }
}
