//! The short built-in checklist for DML on a guarded target: before-image, blast radius, transaction, the caller's commit.

mod cascade;
mod sample;

pub(in crate::ops) use cascade::follows;
pub use cascade::{Cascaded, Cascades};
pub use sample::{Change, Changes};

use super::query::{Admission, Unlock, admit};
use super::statements::{Ended, remember_fix};
use super::{Connection, Cx, cancelling};
use crate::engine::{Capability, Catalog, Event, Session, SessionStatus};
use crate::model::{Cell, Column, Error, HeldLock, Kind, Param, Result, RowBatch, TableInfo};
use crate::sql::before::{Before, Touch, before_image, changed_table, touch, unknown_calls, unlocked};
use crate::sql::params::{self, Bound};
use crate::store::history::Fate;
use crate::store::journal::NewEntry;
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::sync::watch;

/// What a data fix is called where other statements have their command tag.
pub const TAG: &str = "data fix";

/// Rows as they were before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BeforeImage {
    /// One JSON object per row.
    Saved { path: PathBuf, rows: u64 },
    /// Nothing existed before (INSERT).
    NotNeeded,
}

/// A data fix that ran and waits for commit or rollback. Dropping it rolls back: the connection closes.
pub struct DataFix {
    session: Session,
    target: String,
    /// For the journal: without secrets.
    text: String,
    /// Rows that the statement changed, as the server counts.
    pub affected: u64,
    pub before: BeforeImage,
    /// What foreign keys changed with them.
    pub cascades: Cascades,
    /// Some of the rows, before and after.
    pub changes: Changes,
    /// What the open transaction holds; the reason where that cannot be seen.
    pub locks: std::result::Result<Vec<HeldLock>, String>,
    /// Its line in the history, where one is kept.
    remembered: Option<i64>,
    /// Why the history could not take it.
    pub unrecorded: Option<Error>,
}

/// Runs one DML statement in a transaction of its own: saves the rows as they are, runs it, and rolls back by itself
/// when it changed more rows than the target's `blast_radius`. What is returned waits for the caller.
/// `values` are those of its parameters; `opened` is given the session that it runs on, before anything runs there.
///
/// # Errors
/// [`Kind::Cancelled`] when the server has ended what was cancelled; [`Kind::Connect`] when it has not, and the connection was closed.
pub async fn begin(
    cx: &Cx,
    conn: &Connection,
    unlock: Option<&Unlock>,
    text: &str,
    values: &BTreeMap<String, Param>,
    opened: impl FnOnce(&Session),
) -> Result<DataFix> {
    let missing = |name: String| Error::usage(format!("the parameter {} has no value", crate::text::clean(&name)));
    let bound = params::bind(conn.dialect(), text, values).map_err(missing)?;
    match admit(cx, conn, unlock, &bound.text).await? {
        Admission::Guarded => {}
        Admission::Refused(e) => return Err(e),
        Admission::Run => return Err(Error::usage("this statement is no data fix: it runs as it is")),
    }
    let target = conn.target();
    let image = params::bind_part(conn.dialect(), text, values, |named| match before_image(conn.dialect(), named) {
        Before::Select(s) => Ok((s, ())),
        other => Err(other),
    });
    let select = match image {
        Ok(select) => Some(select.map_err(missing)?.0),
        Err(Before::Unknown(why)) => {
            return Err(Error::held(format!("held: the rows before the change cannot be saved, because {why}"))
                .hint("Write it as UPDATE or DELETE of one table with a WHERE, or put it into a migration."));
        }
        Err(_) => None,
    };
    reaches_no_further(conn, &bound.text).await?;
    let limit = target.blast_radius;
    // What cannot be journaled must not run at all.
    let shown = crate::sql::redact(conn.dialect(), text);
    journal(cx, &target.name, "datafix-begin", &shown, serde_json::json!({ "blast_radius": limit }))?;
    let begun = Instant::now();
    let session = conn.writer().await?;
    opened(&session);
    let begin = conn.engine().migrations().get()?.begin();
    session.fetch(begin).await?;
    let table = match changed_table(conn.dialect(), text) {
        Some(name) => conn.catalog()?.table(&conn.reader().await?, &name).await?,
        None => None,
    };
    let touch = touch(conn.dialect(), text);
    let work = inside(cx, conn.catalog()?, &session, &target.name, select, bound, touch, table.as_ref(), limit);
    match cancelling::unless_cancelled(cx, &session, work).await {
        Ok(done) => {
            let locks = held(conn, &session).await;
            let Done { affected, before, cascades, changes } = done;
            let ended = Ended { text, took: begun.elapsed(), rows: 0, affected: Some(affected), tag: Some(TAG), error: None };
            // It has run and waits: a record that cannot be kept is told, and does not take it back.
            let (remembered, unrecorded) = match remember_fix(cx, conn, &ended, Fate::Open) {
                Ok(number) => (number, None),
                Err(e) => (None, Some(e)),
            };
            let target = target.name.clone();
            Ok(DataFix { session, target, text: shown, affected, before, cascades, changes, locks, remembered, unrecorded })
        }
        Err(e) => {
            let confirmed = cancelling::roll_back_and_close(&session).await;
            let e = match e.kind {
                Kind::Cancelled if !confirmed => {
                    let backend = session.backend().map_or(String::new(), |b| format!(" {b}"));
                    Error::connect("cancelled, but the server has not confirmed it: the connection of the data fix is closed, and nothing of it is kept")
                        .hint(format!("Its session{backend} may run, and hold its locks, until the server notices: look at what runs there."))
                }
                _ => e,
            };
            journal(cx, &target.name, "datafix-rolled-back", &shown, serde_json::json!({ "why": e.message }))?;
            let ended = Ended { text, took: begun.elapsed(), rows: 0, affected: None, tag: Some(TAG), error: Some(&e) };
            remember_fix(cx, conn, &ended, if e.kind == Kind::Connect { Fate::Lost } else { Fate::RolledBack })?;
            Err(e)
        }
    }
}

/// A data fix is what its text shows: rows of one table, and those that foreign keys tie to them. What sets off more (a trigger, a
/// function that writes), or could not be rolled back, cannot be counted and saved here, and is refused.
async fn reaches_no_further(conn: &Connection, text: &str) -> Result<()> {
    let catalog = conn.catalog()?;
    let session = conn.reader().await?;
    let mut why = Vec::new();
    match changed_table(conn.dialect(), text) {
        Some(table) => why.extend(catalog.beyond_the_rows(&session, &table).await?),
        None => why.push("the table that it changes cannot be told".to_string()),
    }
    let calls = unknown_calls(conn.dialect(), text);
    if !calls.is_empty() {
        why.extend(catalog.writing_functions(&session, &calls).await?.into_iter().map(|f| format!("the function {f} may write")));
    }
    why.extend(catalog.hidden_writer(&session, text).await?);
    if why.is_empty() {
        return Ok(());
    }
    Err(Error::held(format!("held: the change reaches further than the rows that it names: {}", crate::text::clean(&why.join("; "))))
        .hint("Put it into a migration: its proof counts what changes everywhere, and its down takes it back."))
}

/// The locks of the open transaction. Looking must not fail the fix: the reason stands in their place.
async fn held(conn: &Connection, session: &Session) -> std::result::Result<Vec<HeldLock>, String> {
    let locks = match conn.engine().locks() {
        Capability::No(why) => return Err(why.to_string()),
        Capability::Yes(l) | Capability::Unverified(l, _) => l,
    };
    let Some(backend) = session.backend() else { return Err("the connection's number on the server is not known".into()) };
    let look = async { locks.held(&conn.reader().await?, backend).await };
    look.await.map_err(|e| e.message)
}

/// What a fix did inside its transaction.
struct Done {
    affected: u64,
    before: BeforeImage,
    cascades: Cascades,
    changes: Changes,
}

#[allow(clippy::too_many_arguments, reason = "one call, right above")]
async fn inside(
    cx: &Cx,
    catalog: &dyn Catalog,
    s: &Session,
    target: &str,
    select: Option<Bound>,
    sent: Bound,
    touch: Touch,
    table: Option<&TableInfo>,
    limit: u64,
) -> Result<Done> {
    let dialect = s.dialect();
    let mut sample = sample::Sample::default();
    let mut named = cascade::Seen::default();
    let mut cascades = Cascades::default();
    let too_many = |n: u64| {
        Error::held(format!(
            "rolled back: it would change {} rows, and this target allows {}",
            // Counting ends where the limit is passed.
            if n == limit + 1 { format!("more than {}", crate::text::thousands(limit)) } else { crate::text::thousands(n) },
            crate::text::thousands(limit)
        ))
        .hint("Change fewer rows at a time, write a migration, or raise `blast_radius` of the target in the configuration.")
    };
    let sets = match &touch {
        Touch::Update(columns) => columns.clone(),
        _ => Vec::new(),
    };
    let image = match select {
        None => BeforeImage::NotNeeded,
        Some(select) => {
            let dir = cx.config.state_dir.join("before-images");
            let stamp = cx.clock.stamp();
            let mut image = ImageFile::create(&dir, &stamp, target)?;
            let mut rows = s
                .run_bound(select.text.clone(), select.params.clone())
                .await
                .map_err(|e| e.context("saving the rows before the change"))?;
            while let Some(event) = rows.next().await {
                match event.map_err(|e| e.context("saving the rows before the change"))? {
                    Event::Columns(c) => {
                        sample.columns(&c);
                        image.columns = c.to_vec();
                    }
                    Event::Rows(b) => {
                        sample.take(&b);
                        named.take(&b);
                        image.write(&b)?;
                        if image.rows > limit {
                            drop(rows);
                            image.discard();
                            return Err(too_many(image_rows_at_least(limit)));
                        }
                    }
                    Event::Notice(_) | Event::Further(_) | Event::Done(_) => {}
                }
            }
            let (path, rows) = image.finish()?;
            if let Some(table) = table.filter(|_| rows > 0) {
                let start = cascade::Start {
                    table,
                    select: unlocked(&select.text).to_string(),
                    params: select.params,
                    touch,
                    rows: named,
                    affected_most: rows,
                };
                let make = |of: &str| ImageFile::create(&dir, &stamp, &format!("{target}-{of}"));
                cascades = cascade::before(dialect, catalog, s, start, limit - rows, &too_many, &make).await?;
            }
            BeforeImage::Saved { path, rows }
        }
    };
    let own = table.map_or(Vec::new(), |t| vec![t.schema.clone(), t.name.clone()]);
    let counted = catalog.changes_counted(s, &own).await?;
    let mut rows = s.run_bound(sent.text, sent.params).await?;
    let (mut counted_there, mut came) = (0, 0);
    let mut returned = sample::Returned::default();
    while let Some(event) = rows.next().await {
        match event? {
            Event::Columns(c) => returned.columns(&c),
            Event::Rows(batch) => {
                came += batch.rows() as u64;
                returned.take(&batch);
            }
            Event::Done(done) => counted_there = done.affected.unwrap_or(0),
            Event::Notice(_) | Event::Further(_) => {}
        }
    }
    // A server may send the rows of RETURNING in place of their number: what came was changed, whatever is counted.
    let affected: u64 = came.max(counted_there);
    let mut beyond = cascades.rows();
    if let (Some(before), Some(after), Some(table)) = (counted, catalog.changes_counted(s, &own).await?, table) {
        // An INSERT's own rows are none of those that are counted here.
        let own = if matches!(image, BeforeImage::NotNeeded) { 0 } else { affected };
        beyond = cascade::compare(&mut cascades, &format!("{}.{}", table.schema, table.name), own, &before, &after).max(cascades.rows());
    }
    if affected + beyond > limit {
        return Err(too_many(affected + beyond));
    }
    let mut changes = sample.after(dialect, s, table, &sets).await?;
    changes.rows.extend(returned.rows);
    Ok(Done { affected, before: image, cascades, changes })
}

/// Reading stops at the first row over the limit: that is all that is known.
fn image_rows_at_least(limit: u64) -> u64 {
    limit + 1
}

impl DataFix {
    /// Makes it permanent.
    pub async fn commit(self, cx: &Cx) -> Result<()> {
        self.end(cx, "COMMIT", "datafix-committed").await
    }
    /// Takes it back.
    pub async fn rollback(self, cx: &Cx) -> Result<()> {
        self.end(cx, "ROLLBACK", "datafix-rolled-back").await
    }

    /// What the server calls the connection that holds the transaction.
    pub fn backend(&self) -> Option<u64> {
        self.session.backend()
    }

    /// For waiting on its end: a connection that is lost takes the transaction with it.
    pub fn watch(&self) -> watch::Receiver<SessionStatus> {
        self.session.watch()
    }

    /// Its connection is lost: the server has rolled it back. `why` is what happened to the connection.
    pub fn lost(self, cx: &Cx, why: &str) -> Result<()> {
        let mut facts = self.facts();
        facts["why"] = why.into();
        self.settle(cx, Fate::Lost, "datafix-rolled-back", facts)
    }

    /// Nobody answers any more: it is rolled back with its connection.
    pub fn dropped(self, cx: &Cx) -> Result<()> {
        let mut facts = self.facts();
        facts["why"] = "it was not answered, and its connection was closed".into();
        self.settle(cx, Fate::RolledBack, "datafix-rolled-back", facts)
    }

    async fn end(self, cx: &Cx, statement: &str, kind: &str) -> Result<()> {
        let gone = self.session.status().lost;
        let outcome = self.session.fetch(statement).await;
        let mut facts = self.facts();
        let commit = statement == "COMMIT";
        let (kind, fate) = match &outcome {
            Ok(_) if commit => (kind, Fate::Committed),
            Ok(_) => (kind, Fate::RolledBack),
            Err(e) => {
                facts["why"] = e.message.clone().into();
                match (&gone, e.kind) {
                    // It was not even sent; or the server has refused it, and with it the transaction.
                    (Some(_), _) => ("datafix-rolled-back", Fate::Lost),
                    (None, Kind::Connect) if commit => ("datafix-unknown", Fate::Unclear),
                    (None, Kind::Connect) => ("datafix-rolled-back", Fate::Lost),
                    (None, _) => ("datafix-rolled-back", Fate::RolledBack),
                }
            }
        };
        let session = self.session.clone();
        let recorded = self.settle(cx, fate, kind, facts);
        session.close().await;
        let outcome = match outcome {
            // With its connection the transaction is gone: just what was asked for.
            Err(_) if !commit && fate == Fate::Lost => Ok(()),
            outcome => outcome.map(drop),
        };
        outcome.map_err(|e| match (fate, commit) {
            (Fate::Unclear, _) => {
                e.context("whether the data fix is committed is not known").hint("Look at its rows before running it again.")
            }
            (_, true) => e.context("the data fix is NOT committed"),
            _ => e,
        })?;
        recorded
    }

    /// What the journal keeps of it.
    fn facts(&self) -> serde_json::Value {
        let mut facts = serde_json::json!({ "affected": self.affected });
        if let BeforeImage::Saved { path, rows } = &self.before {
            facts["before_image"] = path.display().to_string().into();
            facts["rows_before"] = (*rows).into();
        }
        if !self.cascades.tables.is_empty() {
            facts["cascades"] = self
                .cascades
                .tables
                .iter()
                .map(|t| {
                    let saved = t.saved.as_ref().map(|p| p.display().to_string());
                    serde_json::json!({ "table": t.table, "deleted": t.deleted, "changed": t.changed, "before_image": saved })
                })
                .collect();
        }
        facts
    }

    /// Records how it ended.
    fn settle(self, cx: &Cx, fate: Fate, kind: &str, facts: serde_json::Value) -> Result<()> {
        let journaled = journal(cx, &self.target, kind, &self.text, facts);
        let remembered = self.remembered.map_or(Ok(()), |id| cx.store.settle(id, fate));
        journaled.and(remembered)
    }
}

fn journal(cx: &Cx, target: &str, kind: &str, text: &str, mut body: serde_json::Value) -> Result<()> {
    let words = match kind {
        "datafix-begin" => "data fix begun",
        "datafix-committed" => "data fix committed",
        "datafix-rolled-back" => "data fix rolled back",
        _ => "data fix ended unclearly",
    };
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    body["statement"] = text.into();
    body["summary"] = format!("{words}: {}", crate::text::truncate(&crate::text::clean(&line), 120)).into();
    cx.store.append(&NewEntry {
        at: cx.clock.stamp(),
        kind: kind.into(),
        operator: cx.operator.clone(),
        host: cx.host.clone(),
        target: target.into(),
        body,
    })?;
    Ok(())
}

/// The file that the rows before the change go to, readable by the operator alone.
struct ImageFile {
    path: PathBuf,
    out: std::io::BufWriter<std::fs::File>,
    columns: Vec<Column>,
    rows: u64,
}

impl ImageFile {
    fn create(dir: &Path, stamp: &str, target: &str) -> Result<Self> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|e| Error::io(format_args!("creating {}", dir.display()), e))?;
        let safe: String = target.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect();
        let stamp = stamp.replace(':', "");
        for n in 0..1000 {
            let path = dir.join(format!("{stamp}-{safe}-{n:03}.ndjson"));
            match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(f) => return Ok(ImageFile { path, out: std::io::BufWriter::new(f), columns: Vec::new(), rows: 0 }),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io(format_args!("creating {}", path.display()), e)),
            }
        }
        Err(Error::failed(format!("{} holds too many before-images of this second", dir.display())))
    }

    fn write(&mut self, batch: &RowBatch) -> Result<()> {
        (0..batch.rows()).try_for_each(|r| self.write_row(batch, r))
    }

    fn write_row(&mut self, batch: &RowBatch, r: usize) -> Result<()> {
        let mut row = serde_json::Map::new();
        for (c, column) in self.columns.iter().enumerate() {
            let value = match batch.cell(r, c) {
                Cell::Null => serde_json::Value::Null,
                Cell::Text(b) | Cell::Number(b) => match std::str::from_utf8(b) {
                    Ok(s) => s.into(),
                    Err(_) => serde_json::json!({ "hex": hex::encode(b) }),
                },
                Cell::Binary(b) => serde_json::json!({ "hex": hex::encode(b) }),
            };
            row.insert(column.name.clone(), value);
        }
        serde_json::to_writer(&mut self.out, &row).map_err(|e| Error::failed(format!("writing {}: {e}", self.path.display())))?;
        self.out.write_all(b"\n").map_err(|e| Error::io(format_args!("writing {}", self.path.display()), e))?;
        self.rows += 1;
        Ok(())
    }

    /// On disk for certain: where, and how many rows.
    fn finish(mut self) -> Result<(PathBuf, u64)> {
        let doing = format!("writing {}", self.path.display());
        self.out.flush().map_err(|e| Error::io(&doing, e))?;
        self.out.get_ref().sync_all().map_err(|e| Error::io(&doing, e))?;
        Ok((self.path, self.rows))
    }

    fn discard(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
