//! The short built-in checklist for DML on a guarded target: before-image, blast radius, transaction, the caller's commit.

mod cascade;
mod image;
mod proof;
mod sample;
mod work;

pub use cascade::{Cascaded, Cascades};
pub(in crate::ops) use cascade::{follows, with_computed};
pub use sample::{Change, Changes};

use super::cells::{self, CellStatement};
use super::query::{Admission, Unlock, admit, guarded};
use super::statements::{Ended, remember_fix};
use super::{Connection, Cx, cancelling};
use crate::config::AccessMode;
use crate::engine::{Capability, Session, SessionStatus, Touched};
use crate::model::{ColumnInfo, Dialect, Error, HeldLock, Kind, Param, Result, TableInfo};
use crate::sql::before::{Before, before_image, changed_table, listing, touch, unknown_calls};
use crate::sql::params;
use crate::sql::rekey::new_keys;
use crate::sql::upsert::upsert;
use crate::sql::{Token, TokenKind, lex, reads_otherwise};
use crate::store::history::Fate;
use crate::store::journal::NewEntry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use work::{Done, Place, Ran, Sends, Step};

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
    record: Record,
    /// Rows that the statement changed, as the server counts.
    pub affected: u64,
    pub before: BeforeImage,
    /// What foreign keys changed with them.
    pub cascades: Cascades,
    /// Some of the rows, before and after.
    pub changes: Changes,
    /// What the open transaction holds; the reason where that cannot be seen.
    pub locks: std::result::Result<Vec<HeldLock>, String>,
    /// Its lines in the history, where one is kept.
    remembered: Vec<i64>,
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
    if reads_otherwise(conn.follower().await?.status().reading, conn.dialect().into(), text) {
        return Err(Error::held("held: a backslash in it is no escape to this session, so it cannot be taken apart safely")
            .hint("Give the value as a parameter (:value), or write the backslash as CHAR(92)."));
    }
    let table = match changed_table(conn.dialect(), text) {
        Some(name) => conn.catalog()?.table(&conn.follower().await?, &name).await?,
        None => None,
    };
    let image = params::bind_part(conn.dialect(), text, values, |named| match before_image(conn.dialect(), named) {
        Before::Select(s) => Ok((table.as_ref().map_or(s.clone(), |t| listing(&s, &with_places(conn, t))), None)),
        Before::Unknown(why) => {
            let upsert = table.as_ref().and_then(|t| Some((t, upsert(conn.dialect(), named, &taken(conn.dialect(), t), &t.key)?)));
            upsert.map(|(t, u)| (listing(&u.select, &with_places(conn, t)), Some(u.touch))).ok_or(Before::Unknown(why))
        }
        other => Err(other),
    });
    let (select, upserts) = match image {
        Ok(select) => select.map(|(bound, touch)| (Some(bound), touch)).map_err(missing)?,
        Err(Before::Unknown(why)) => {
            let way = match touched(conn.dialect(), [text]).insert {
                true => {
                    "Write it as INSERT … VALUES with ON CONFLICT … DO UPDATE (MariaDB, MySQL: ON DUPLICATE KEY UPDATE), or as UPDATE and INSERT, or put it into a migration."
                }
                false => "Write it as UPDATE or DELETE of one table with a WHERE, or put it into a migration.",
            };
            return Err(Error::held(format!("held: the rows before the change cannot be saved, because {why}")).hint(way));
        }
        Err(_) => (None, None),
    };
    reaches_no_further(conn, &bound.text).await?;
    if let Some(why) = select.as_ref().and_then(|s| conn.engine().fixes().look_changes(&s.text)) {
        return Err(Error::held(format!("held: {why}")).hint("Number the rows in a subquery (ROW_NUMBER), or name them by their keys."));
    }
    let select = select.map(|b| (b.text, b.params));
    let keys = table.as_ref().and_then(|t| {
        let asked =
            params::bind_part(conn.dialect(), text, values, |named| new_keys(conn.dialect(), named, &t.key).map(|s| (s, ())).ok_or(()));
        asked.ok()?.ok().map(|(b, ())| (b.text, b.params))
    });
    let adds = upserts.is_some();
    let touch = upserts.unwrap_or_else(|| touch(conn.dialect(), text));
    let steps = vec![Step { select, sends: Sends::Typed { bound, keys }, touch, adds }];
    open(
        cx,
        conn,
        Plan {
            record: Record::new(conn, &[text], None),
            table: table.as_ref(),
            steps,
            touched: touched(conn.dialect(), [text]),
            texts: vec![text],
        },
        opened,
    )
    .await
}

/// Columns that an INSERT fills which names none.
fn taken(dialect: Dialect, table: &TableInfo) -> Vec<String> {
    let left_out = |c: &&ColumnInfo| c.hidden || dialect == Dialect::Sqlite && c.generated;
    table.columns.iter().filter(|c| !left_out(c)).map(|c| c.name.clone()).collect()
}

/// Whole rows, and where they lie if that can be told.
fn with_places(conn: &Connection, table: &TableInfo) -> String {
    let rows = table.whole_rows(conn.dialect());
    let places = conn.engine().fixes().places();
    places.map_or(rows.clone(), |[of, place]| format!("{rows}, {of}, {place}"))
}

/// Writes edited rows under the same rules: one transaction, each statement exactly one row, and the question at its end. On an open
/// target, too, where foreign keys change other rows with them.
///
/// # Errors
/// As [`begin`]; nothing stays of any of them.
pub async fn begin_edits(
    cx: &Cx,
    conn: &Connection,
    unlock: Option<&Unlock>,
    table: &TableInfo,
    edits: &[CellStatement],
    opened: impl FnOnce(&Session),
) -> Result<DataFix> {
    let what = format!("{} of {}", crate::text::counted(edits.len() as u64, "cell edit"), crate::text::clean(&table.name));
    rows_named(cx, conn, unlock, table, edits, what, opened).await.map_err(|e| match e.kind {
        // Its own words say what became of the transaction.
        Kind::Connect | Kind::ReadOnly => e.hint("The changes are still staged."),
        Kind::Cancelled if !e.hints.is_empty() => e.hint("The changes are still staged."),
        Kind::Held if conn.target().access == AccessMode::Open => {
            Error { hints: vec!["A statement that is typed in the editor runs as it is here.".into(), cells::STAGED.into()], ..e }
        }
        _ => e.hint(cells::STAGED),
    })
}

/// Writes rows that are named by their keys, one statement each; `what` they are together.
pub(in crate::ops) async fn rows_named(
    cx: &Cx,
    conn: &Connection,
    unlock: Option<&Unlock>,
    table: &TableInfo,
    edits: &[CellStatement],
    what: String,
    opened: impl FnOnce(&Session),
) -> Result<DataFix> {
    let target = conn.target();
    let name = crate::text::clean(&target.name).into_owned();
    if target.access != AccessMode::Open && !guarded(cx, conn, unlock) {
        return Err(Error::read_only(format!("refused on {name}, which is read-only"))
            .hint("For a data fix, :unlock with the target's name gives guarded access for 15 minutes."));
    }
    if edits.len() as u64 > target.blast_radius {
        return Err(Error::held(format!("held: {} changes, and this target allows {}", edits.len(), target.blast_radius)));
    }
    let (catalog, reader) = (conn.catalog()?, conn.surveyor().await?);
    conn.reaches(&table.schema)?;
    let touched = touched(conn.dialect(), edits.iter().map(|e| e.text.as_str()));
    let mut why = catalog.beyond_the_rows(&reader, &[table.schema.clone(), table.name.clone()], touched).await?;
    // They differ by their values alone, which call nothing.
    for text in edits.iter().map(|e| e.text.as_str()).collect::<BTreeSet<&str>>() {
        why.extend(catalog.hidden_writer(&reader, text).await?.map(|w| w.why));
    }
    if !why.is_empty() {
        return Err(held_back(&why));
    }
    let steps =
        edits.iter().map(|e| Step { select: e.select.clone(), sends: Sends::Edit(e), touch: e.touch.clone(), adds: false }).collect();
    let texts: Vec<&str> = edits.iter().map(|e| e.shown.as_str()).collect();
    open(cx, conn, Plan { record: Record::new(conn, &texts, Some(what)), table: Some(table), steps, touched, texts }, opened).await
}

/// What is going to be done.
struct Plan<'a> {
    record: Record,
    table: Option<&'a TableInfo>,
    steps: Vec<Step<'a>>,
    touched: Touched,
    /// The statements as people know them, for the history.
    texts: Vec<&'a str>,
}

/// Runs it in a transaction of its own, and leaves that open.
async fn open(cx: &Cx, conn: &Connection, plan: Plan<'_>, opened: impl FnOnce(&Session)) -> Result<DataFix> {
    let Plan { record, table, steps, touched, texts } = plan;
    let limit = conn.target().blast_radius;
    // What cannot be journaled must not run at all.
    record.journal(cx, "datafix-begin", serde_json::json!({ "blast_radius": limit }))?;
    let begun = Instant::now();
    let session = conn.writer().await?;
    opened(&session);
    let begin = conn.engine().fixes().begin_fix(steps.iter().all(|step| step.select.is_none()));
    let (catalog, fixes) = (conn.catalog()?, conn.engine().fixes());
    let place = Place { cx, catalog, fixes, session: &session, target: &conn.target().name, table, touched, limit };
    let mut ran = Vec::new();
    let mut refused = false;
    let work = async {
        // Where another session keeps the whole database from being written, this is what waits, and fails.
        for statement in begin {
            session.fetch(*statement).await.inspect_err(|_| refused = true)?;
        }
        work::run(place, steps, &mut ran).await
    };
    let done = cancelling::unless_cancelled(cx, &session, work).await;
    let remember = |i: usize, took: Duration, outcome: std::result::Result<u64, &Error>, fate: Fate| {
        let ended = Ended { text: texts[i], took, rows: 0, affected: outcome.ok(), tag: Some(TAG), error: outcome.err() };
        remember_fix(cx, conn, &ended, fate)
    };
    // Alone, it took what the whole took, waiting for its rows included.
    let took = |of: &Ran| if texts.len() > 1 { of.took } else { begun.elapsed() };
    match done {
        Ok(done) => {
            let locks = held(conn, &session).await;
            let Done { affected, before, cascades, changes } = done;
            // It has run and waits: a record that cannot be kept is told, and does not take it back.
            let (mut remembered, mut unrecorded) = (Vec::new(), None);
            for (i, one) in ran.iter().enumerate() {
                match remember(i, took(one), one.outcome.as_ref().copied(), Fate::Open) {
                    Ok(number) => remembered.extend(number),
                    Err(e) => unrecorded = Some(e),
                }
            }
            Ok(DataFix { session, record, affected, before, cascades, changes, locks, remembered, unrecorded })
        }
        Err(e) => {
            // No transaction was begun: there is nothing to roll back, and a server would say so.
            let confirmed = cancelling::roll_back_and_close(&session).await || refused;
            let e = match e.kind {
                Kind::Cancelled if !confirmed => {
                    let backend = session.backend().map_or(String::new(), |b| format!(" {b}"));
                    Error::connect("cancelled, but the server has not confirmed it: the connection of the data fix is closed, and nothing of it is kept")
                        .hint(format!("Its session{backend} may run, and hold its locks, until the server notices: look at what runs there."))
                }
                _ => e,
            };
            record.journal(cx, "datafix-rolled-back", serde_json::json!({ "why": e.message }))?;
            let fate = if e.kind == Kind::Connect { Fate::Lost } else { Fate::RolledBack };
            // The error belongs to the statement that failed, to the one that was next, or to the last one.
            let failed = ran.iter().position(|r| r.outcome.is_err()).unwrap_or(ran.len()).min(texts.len() - 1);
            for (i, one) in ran.iter().enumerate().take(failed) {
                remember(i, one.took, one.outcome.as_ref().copied(), fate)?;
            }
            remember(failed, begun.elapsed(), Err(&e), fate)?;
            Err(e)
        }
    }
}

/// A data fix is what its text shows: rows of one table, and those that foreign keys tie to them. What sets off more (a trigger, a
/// function that writes), or could not be rolled back, cannot be counted and saved here, and is refused.
async fn reaches_no_further(conn: &Connection, text: &str) -> Result<()> {
    let catalog = conn.catalog()?;
    let session = conn.follower().await?;
    let mut why = Vec::new();
    match changed_table(conn.dialect(), text) {
        Some(table) => why.extend(catalog.beyond_the_rows(&session, &table, touched(conn.dialect(), [text])).await?),
        None => why.push("the table that it changes cannot be told".to_string()),
    }
    let calls = unknown_calls(conn.dialect(), text);
    if !calls.is_empty() {
        for f in catalog.writing_functions(&session, &calls).await? {
            // The server would not run it either.
            if let Some(why) = catalog.no_function(&session, &f).await? {
                return Err(Error::held(format!("held: {}", crate::text::clean(&why)))
                    .hint("Nothing was sent. Only a function that is there can be proven to read: look at how its name is written."));
            }
            why.push(format!("the function {f} may write"));
        }
    }
    why.extend(catalog.hidden_writer(&session, text).await?.map(|w| w.why));
    if why.is_empty() {
        return Ok(());
    }
    Err(held_back(&why))
}

/// What statements of one table each may do to its rows. One that says DEFAULT takes what an INSERT would take.
fn touched<'a>(dialect: Dialect, texts: impl IntoIterator<Item = &'a str>) -> Touched {
    let mut out = Touched::default();
    for text in texts {
        let word = |t: &Token| matches!(t.kind, TokenKind::Keyword | TokenKind::Identifier);
        let tokens = lex(dialect, text);
        let says = |what: &[&str]| tokens.iter().any(|t| word(t) && what.iter().any(|w| text[t.span.clone()].eq_ignore_ascii_case(w)));
        out.insert |= says(&["insert", "replace", "merge", "default"]);
        out.update |= says(&["update", "replace", "merge"]);
        out.delete |= says(&["delete", "replace", "merge"]);
    }
    out
}

fn held_back(why: &[String]) -> Error {
    Error::held(format!("held: the change reaches further than the rows that it names: {}", crate::text::clean(&why.join("; "))))
        .hint("Put it into a migration: its proof counts what changes everywhere, and its down takes it back.")
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
        let commit = statement == "COMMIT";
        // Once it was cancelled, the answer is not waited for without end: it may never come (a standby, the network).
        let answer = self.session.fetch(statement);
        let ends = match commit {
            true => cancelling::told_to_end(cx, &self.session, answer).await,
            false => cancelling::in_time(cx, answer).await,
        };
        let outcome = ends.unwrap_or_else(|| {
            self.session.sever();
            Err(Error::connect(format!("the server has not answered {statement}")))
        });
        let mut facts = self.facts();
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
        let journaled = self.record.journal(cx, kind, facts);
        self.remembered.iter().fold(journaled, |so_far, id| so_far.and(cx.store.settle(*id, fate)))
    }
}

/// What the journal is told of a fix from its beginning to its end.
struct Record {
    target: String,
    /// Its statements, without secrets.
    text: String,
    /// `2 cell edits of notes`, where several statements are one.
    what: Option<String>,
}

impl Record {
    fn new(conn: &Connection, texts: &[&str], what: Option<String>) -> Self {
        let shown: Vec<String> = texts.iter().map(|t| conn.redacted(t)).collect();
        Record { target: conn.target().name.clone(), text: shown.join(";\n"), what }
    }

    fn journal(&self, cx: &Cx, kind: &str, mut body: serde_json::Value) -> Result<()> {
        let words = match kind {
            "datafix-begin" => "data fix begun",
            "datafix-committed" => "data fix committed",
            "datafix-rolled-back" => "data fix rolled back",
            _ => "data fix ended unclearly",
        };
        let line = crate::text::one_line(&self.text);
        let what = self.what.as_ref().map_or(String::new(), |w| format!("{w}: "));
        body["statement"] = self.text.as_str().into();
        body["summary"] = format!("{words}: {what}{}", crate::text::truncate(&crate::text::clean(&line), 120)).into();
        cx.store.append(&NewEntry {
            at: cx.clock.stamp(),
            kind: kind.into(),
            operator: cx.operator.clone(),
            host: cx.host.clone(),
            target: self.target.clone(),
            body,
        })?;
        Ok(())
    }
}
