//! The session's thread: it owns the connection, takes one request at a time and steps rows into batches.

use super::guard::{Guard, Mode};
use super::open::{self, Opened};
use super::{fault, plan, scan, value};
use crate::config::Target;
use crate::engine::session::{Asked, Canceller, Event, Outcome, Request, SessionStatus};
use crate::engine::{Connect, Session};
use crate::model::rows::{BatchBuilder, Origin};
use crate::model::{Align, Column, Dialect, Error, Kind, Param, Result, TxState};
use crate::sql::lex;
use crate::sql::single::plain_items;
use futures_util::future::BoxFuture;
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::ValueRef;
use rusqlite::{Batch, Connection, InterruptHandle, Statement};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// Rows of the first batch: they are on the screen while the rest is still being read.
const FIRST_ROWS: usize = 64;
/// Virtual machine steps between two looks at the clock and at the reader: well below a millisecond of work.
const STEPS: i32 = 10_000;
/// Statements that may wait for the actor.
const QUEUE: usize = 8;

/// What the progress handler and the canceller need to know of the running statement.
#[derive(Default)]
struct Running {
    /// A request is being worked on.
    busy: AtomicBool,
    cancelled: AtomicBool,
    watched: Mutex<Watched>,
}

#[derive(Default)]
struct Watched {
    /// Told when nobody reads any more.
    events: Option<mpsc::Sender<Result<Event>>>,
    deadline: Option<Instant>,
    timed_out: bool,
}

/// Name of the threads that hold SQLite's connections.
pub const WORKER: &str = "sqlite";

impl Running {
    fn watched(&self) -> std::sync::MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn start(&self, events: Option<mpsc::Sender<Result<Event>>>, limit: Option<Duration>) {
        *self.watched() = Watched { events, deadline: limit.map(|l| Instant::now() + l), timed_out: false };
    }
    fn end(&self) {
        let mut w = self.watched();
        *w = Watched::default();
        self.busy.store(false, Ordering::SeqCst);
        self.cancelled.store(false, Ordering::SeqCst);
    }
    /// Called by SQLite now and then while it works; true interrupts.
    fn stop(&self) -> bool {
        if self.cancelled.load(Ordering::Relaxed) {
            return true;
        }
        let mut w = self.watched();
        if w.deadline.is_some_and(|d| Instant::now() >= d) {
            w.timed_out = true;
            return true;
        }
        w.events.as_ref().is_some_and(mpsc::Sender::is_closed)
    }
}

struct Interrupt {
    handle: InterruptHandle,
    running: Arc<Running>,
    /// To see requests that wait in the queue; weak, so that the canceller does not keep the actor alive.
    queue: mpsc::WeakSender<Request>,
}

impl Canceller for Interrupt {
    fn cancel(&self) -> BoxFuture<'_, Result<()>> {
        // Under the lock the statement that is seen here cannot end, so that the next one is not hit instead.
        let _running = self.running.watched();
        let waiting = self.queue.upgrade().is_some_and(|q| q.capacity() < q.max_capacity());
        // The flag is for a request that is not stepping yet; without one it would hit the next statement.
        if waiting || self.running.busy.load(Ordering::SeqCst) {
            self.running.cancelled.store(true, Ordering::SeqCst);
            self.handle.interrupt();
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

struct Actor {
    conn: Connection,
    guard: Guard,
    mode: Mode,
    path: PathBuf,
    running: Arc<Running>,
    status: watch::Sender<SessionStatus>,
    limit: Option<Duration>,
    requests: mpsc::Receiver<Request>,
}

/// Opens the file on a thread of its own and returns the handle.
pub async fn start(target: &Target, how: Connect) -> Result<Session> {
    let (ready, opened) = oneshot::channel();
    let (requests, rx) = mpsc::channel(QUEUE);
    let queue = requests.downgrade();
    let target = target.clone();
    let how_thread = how.clone();
    std::thread::Builder::new()
        .name(WORKER.into())
        .spawn(move || match open::open(&target, &how_thread) {
            Err(e) => drop(ready.send(Err(e))),
            Ok(opened) => run_actor(opened, &how_thread, rx, queue, ready),
        })
        .map_err(|e| Error::io("starting the thread of a SQLite session", e))?;
    let started = tokio::time::timeout(how.connect_timeout, opened).await;
    let (canceller, status, identity, lacks) = match started {
        Ok(Ok(result)) => result?,
        Ok(Err(_)) => return Err(Error::connect("the thread of the SQLite session ended while it opened the file")),
        Err(_) => {
            return Err(Error::connect(format!("the file did not open within {}", crate::text::duration(how.connect_timeout)))
                .hint("A network file system that hangs, or another program that recovers the database, can cause this."));
        }
    };
    Ok(Session::new(requests, canceller, status, identity, Dialect::Sqlite).with_lacks(lacks))
}

type Ready = Result<(Arc<dyn Canceller>, watch::Receiver<SessionStatus>, crate::model::Identity, Vec<(String, Error)>)>;

fn run_actor(
    opened: Opened,
    how: &Connect,
    requests: mpsc::Receiver<Request>,
    queue: mpsc::WeakSender<Request>,
    ready: oneshot::Sender<Ready>,
) {
    let Opened { mut conn, guard, mode, read_only, identity, path, lacks } = opened;
    let running = Arc::new(Running::default());
    let seen = running.clone();
    let started = scan::count(&conn, false).and_then(|()| conn.progress_handler(STEPS, Some(move || seen.stop())));
    let started = started.map_err(|e| fault::opening(e, &path));
    let reading = Dialect::Sqlite.into();
    let first = SessionStatus { tx: TxState::Idle, read_only, lost: None, round_trip: None, place: None, reading };
    let (status, watching) = watch::channel(first);
    let canceller: Arc<dyn Canceller> = Arc::new(Interrupt { handle: conn.get_interrupt_handle(), running: running.clone(), queue });
    if ready.send(started.map(|()| (canceller, watching, identity, lacks))).is_err() {
        return;
    }
    Actor { conn, guard, mode, path, running, status, limit: how.statement_timeout, requests }.serve();
}

impl Actor {
    fn serve(mut self) {
        while let Some(request) = self.requests.blocking_recv() {
            self.running.busy.store(true, Ordering::SeqCst);
            match request {
                Request::Run { text, params, data: _, ours: _, events } => {
                    self.running.start(Some(events.clone()), self.limit);
                    let open = !self.conn.is_autocommit();
                    let result = self.shielded(|a| a.run(&text, &params, &events));
                    let result = result.map_err(|e| self.explain_end(e, open));
                    let moved = super::beside::may_change(&verb(&text)) || open && self.conn.is_autocommit();
                    self.settle(result.as_ref().ok().map(|o| o.elapsed), moved);
                    // The status is settled before the reader learns of the end. A reader that is gone does not want it.
                    let _ = events.blocking_send(result.map(Event::Done));
                }
                Request::Explain { text, how, reply } => {
                    self.running.start(None, self.limit);
                    let start = Instant::now();
                    let open = !self.conn.is_autocommit();
                    let result = self.shielded(|a| a.explain(&text, &how)).map_err(|e| self.explain_end(e, false));
                    let back = if open { Ok(()) } else { self.taken_back() };
                    let result = result.and_then(|plan| back.map(|()| plan));
                    self.settle(Some(start.elapsed()), false);
                    let _ = reply.send(result);
                }
                Request::Close { reply } => {
                    drop(self.conn);
                    let _ = reply.send(());
                    return;
                }
            }
        }
    }

    /// Column names in a damaged file may be no UTF-8, on which the driver panics: that ends the statement, not the session.
    fn shielded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        std::panic::catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|_| {
            Err(Error::new(Kind::Statement, format!("{} gave something unreadable (a name that is no UTF-8?)", self.path.display())))
        })
    }

    /// Completes an error: was an interrupt the user's or the time limit's, and is the transaction gone that was open before?
    fn explain_end(&self, mut e: Error, open_before: bool) -> Error {
        if e.kind == Kind::Cancelled && self.running.watched().timed_out {
            let limit = self.limit.map(crate::text::duration).unwrap_or_default();
            e = Error::new(Kind::Statement, format!("ended after {limit}, the limit for statements of this connection"));
        }
        if open_before && self.conn.is_autocommit() {
            // A write that is interrupted, or finds the disk full, takes its transaction with it.
            e = e.hint("SQLite rolled back the whole transaction that was open.");
        }
        e
    }

    /// `moved`: the databases beside the file may be others now. A session that reads cannot change them.
    fn settle(&mut self, took: Option<Duration>, moved: bool) {
        self.guard.set(self.mode);
        let place = if moved && self.mode == Mode::Free { super::beside::now(&self.conn).ok() } else { None };
        self.running.end();
        let tx = if self.conn.is_autocommit() { TxState::Idle } else { TxState::Open };
        self.status.send_if_modified(|s| {
            let mut changed = s.tx != tx;
            s.tx = tx;
            if let Some(place) = place.filter(|p| *p != s.place) {
                s.place = place;
                changed = true;
            }
            if took.is_some() {
                s.round_trip = took;
            }
            changed
        });
    }

    fn fault(&self, e: rusqlite::Error) -> Error {
        fault::statement(e, &self.path)
    }

    /// The same of the user's own statement, which may be about a file that is attached.
    fn fault_of(&self, e: rusqlite::Error, text: &str) -> Error {
        let file = super::beside::concerned(&self.conn, text, &e, &self.path);
        fault::statement(e, &file)
    }

    /// Prepares the one statement in `text`; more than one, or none, is an error.
    fn prepare(&self, text: &str) -> Result<Statement<'_>> {
        prepare(&self.conn, &self.guard, text).map_err(|e| match e {
            Refusal::Sqlite(e) => self.fault_of(e, text),
            Refusal::Ours(e) => e,
        })
    }

    fn run(&mut self, text: &str, params: &[Param], events: &mpsc::Sender<Result<Event>>) -> Result<Outcome> {
        let start = Instant::now();
        let mut waited = Duration::ZERO;
        self.guard.read_through();
        let mut statement = self.prepare(text)?;
        let mut through = self.guard.read_through();
        let wanted = statement.parameter_count();
        if wanted != params.len() {
            return Err(Error::new(
                Kind::Statement,
                format!("the statement has {wanted} parameters and {} values were given", params.len()),
            ));
        }
        for (i, p) in params.iter().enumerate() {
            let bound = match p {
                Param::Null => statement.raw_bind_parameter(i + 1, rusqlite::types::Null),
                Param::Text(t) => statement.raw_bind_parameter(i + 1, t),
                Param::Bytes(b) => statement.raw_bind_parameter(i + 1, b),
                Param::TextBytes(b) => statement.raw_bind_parameter(i + 1, rusqlite::types::ToSqlOutput::Borrowed(ValueRef::Text(b))),
                Param::Number(t) | Param::Literal(t) => match (t.parse::<i64>(), t.parse::<f64>()) {
                    (Ok(n), _) => statement.raw_bind_parameter(i + 1, n),
                    (_, Ok(x)) => statement.raw_bind_parameter(i + 1, x),
                    _ => statement.raw_bind_parameter(i + 1, t),
                },
            };
            bound.map_err(|e| self.fault(e))?;
        }
        let word = verb(text);
        let writes = !statement.readonly();
        let mut send = |event: Event| -> Result<()> {
            let at = Instant::now();
            let sent = events.blocking_send(Ok(event));
            waited += at.elapsed();
            sent.map_err(|_| Error::cancelled())
        };
        let mut width = statement.column_count();
        let mut shape = columns(&statement, text, through);
        let mut rows = statement.raw_query();
        let mut batch = BatchBuilder::new(width);
        let mut scratch = Vec::with_capacity(32);
        let mut count = 0u64;
        let mut first = true;
        loop {
            if self.running.cancelled.load(Ordering::Relaxed) {
                return Err(Error::cancelled());
            }
            let row = rows.next().map_err(|e| self.fault_of(e, text))?;
            if first {
                first = false;
                // Stepping may have prepared the statement anew, for a schema that has changed: only now are the columns sure.
                if let Some(row) = row {
                    let now: &Statement<'_> = row.as_ref();
                    if now.column_count() != width {
                        width = now.column_count();
                        batch = BatchBuilder::new(width);
                    }
                    through |= self.guard.read_through();
                    shape = columns(now, text, through);
                    for (c, column) in shape.iter_mut().enumerate().filter(|(_, c)| c.type_name.is_empty()) {
                        // An expression has no declared type; its first value tells how to align it.
                        if matches!(row.get_ref_unwrap(c), ValueRef::Integer(_) | ValueRef::Real(_)) {
                            column.align = Align::Right;
                        }
                    }
                }
                if width > 0 {
                    send(Event::Columns(std::mem::take(&mut shape).into()))?;
                }
            }
            let Some(row) = row else { break };
            for c in 0..width {
                value::push(&mut batch, row.get_ref_unwrap(c), &mut scratch);
            }
            count += 1;
            if batch.is_full() || count == FIRST_ROWS as u64 {
                send(Event::Rows(batch.take()))?;
            }
        }
        drop(rows);
        drop(statement);
        if !batch.is_empty() {
            send(Event::Rows(batch.take()))?;
        }
        let affected = (writes && matches!(word.as_str(), "INSERT" | "UPDATE" | "DELETE" | "REPLACE")).then(|| self.conn.changes());
        Ok(Outcome {
            tag: tag(text, &word, affected, count),
            affected,
            elapsed: start.elapsed().saturating_sub(waited),
            ..Outcome::default()
        })
    }

    fn explain(&mut self, text: &str, how: &Asked) -> Result<crate::model::plan::Plan> {
        if !how.settings.is_empty() {
            return Err(Error::usage("SQLite has no planner settings that could be tried"));
        }
        if how.writable() {
            self.begin_trial(&how.first)?;
        }
        let fault = |refusal| match refusal {
            Refusal::Sqlite(e)
                if self.guard.is_hollow() && e.sqlite_error_code() == Some(rusqlite::ErrorCode::AuthorizationForStatementDenied) =>
            {
                Error::failed(
                    "the rows of temporary tables, and of those in memory, are in your own session alone: measuring takes another",
                )
                .hint("Run it in the editor: what it gives and how long it took is shown there.")
            }
            Refusal::Sqlite(e) => self.fault(e),
            Refusal::Ours(e) => e,
        };
        // Explaining prepares and never steps the statement itself, so the plan of a write can be seen in a read-only session too.
        self.guard.set(Mode::Explain);
        let (mut plan, known) = plan::explain(&self.conn, &self.guard, text).map_err(fault)?;
        if how.analyze {
            self.guard.set(if how.writes { Mode::Trial } else { Mode::Analyze });
            plan::analyze(&self.conn, &self.guard, text, &known, how.node_times, &mut plan).map_err(fault)?;
        }
        Ok(plan)
    }

    /// Begins the transaction that [`Actor::taken_back`] ends.
    fn begin_trial(&mut self, first: &[String]) -> Result<()> {
        if self.mode != Mode::Free {
            return Err(Error::read_only("this session reads only, and a statement that writes is not run on it"));
        }
        if !self.conn.is_autocommit() {
            return Err(Error::failed("a transaction is open on this session").hint("Commit or roll back first."));
        }
        self.guard.set(Mode::Free);
        self.conn.execute_batch("BEGIN IMMEDIATE").map_err(|e| self.fault(e))?;
        for sql in first {
            self.conn.execute_batch(sql).map_err(|e| self.fault(e))?;
        }
        Ok(())
    }

    /// Rolls back what a plan's own transaction did; also after a panic in between.
    fn taken_back(&mut self) -> Result<()> {
        // `OR ROLLBACK` and `RAISE(ROLLBACK, …)` have ended it themselves.
        if self.conn.is_autocommit() {
            return Ok(());
        }
        self.guard.set(Mode::Free);
        self.conn.execute_batch("ROLLBACK").map_err(|e| self.fault(e))
    }
}

/// Why a text was not prepared.
pub enum Refusal {
    Sqlite(rusqlite::Error),
    Ours(Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(e: rusqlite::Error) -> Self {
        Refusal::Sqlite(e)
    }
}

/// Prepares exactly one statement. What follows it is prepared with everything forbidden: only blanks, comments and `;` pass, and a
/// pragma there cannot take effect (many do while they are prepared).
pub fn prepare<'c>(conn: &'c Connection, guard: &Guard, text: &str) -> Result<Statement<'c>, Refusal> {
    if let Some(at) = text.find('\0') {
        return Err(Refusal::Ours(
            Error::new(Kind::Statement, "the text holds a NUL character, at which SQLite would stop reading").at(at),
        ));
    }
    let mut batch = Batch::new(conn, text);
    let Some(statement) = batch.next()? else {
        return Err(Refusal::Ours(Error::new(Kind::Statement, "there is no statement in the text")));
    };
    let mode = guard.now();
    guard.set(Mode::Nothing);
    let tail = batch.next();
    guard.set(mode);
    match tail {
        Ok(None) => Ok(statement),
        Ok(Some(_)) | Err(_) => Err(Refusal::Ours(fault::several())),
    }
}

/// `through`: a view is read, or a query with a name. SQLite then names the table behind it as a column's origin, and for a query in the
/// select list the table of that query: a cell is not that table's, and its row not that row.
fn columns(statement: &Statement<'_>, text: &str, through: bool) -> Vec<Column> {
    let plain = plain_items(Dialect::Sqlite, text, statement.column_count());
    statement
        .columns()
        .zip(statement.columns_with_metadata())
        .zip(plain)
        .map(|((c, from), plain)| {
            let type_name = c.decl_type().unwrap_or_default().to_string();
            let align = if numeric(&type_name) { Align::Right } else { Align::Left };
            let origin = match (from.table_name(), from.origin_name()) {
                (Some(table), Some(column)) if plain && !through => Some(Origin {
                    table: vec![from.database_name().unwrap_or("main").to_string(), table.to_string()],
                    column: column.to_string(),
                }),
                _ => None,
            };
            Column { name: c.name().to_string(), type_name, align, origin, style: None }
        })
        .collect()
}

/// SQLite's own rules for the affinity of a declared type, as far as numbers go.
fn numeric(type_name: &str) -> bool {
    let t = type_name.to_ascii_uppercase();
    if t.contains("INT") {
        return true;
    }
    if ["CHAR", "CLOB", "TEXT", "BLOB"].iter().any(|w| t.contains(w)) {
        return false;
    }
    ["REAL", "FLOA", "DOUB", "NUMERIC", "DECIMAL", "NUMBER"].iter().any(|w| t.contains(w))
}

/// Words of a statement at its beginning, in capitals, comments left out.
fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start();
            if let Some(comment) = rest.strip_prefix("--") {
                rest = comment.split_once('\n').map_or("", |(_, r)| r);
            } else if let Some(comment) = rest.strip_prefix("/*") {
                rest = comment.split_once("*/").map_or("", |(_, r)| r);
            } else {
                break;
            }
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then(|| word.to_uppercase())
    })
}

/// The word that says what the statement does, in capitals: for `WITH …` the one that follows the common table expressions.
fn verb(text: &str) -> String {
    let first = words(text.trim_start_matches('\u{feff}')).next().unwrap_or_default();
    if first != "WITH" {
        return first;
    }
    let mut depth = 0i32;
    for t in lex(Dialect::Sqlite, text) {
        match &text[t.span] {
            "(" => depth += 1,
            ")" => depth -= 1,
            word if depth == 0 => {
                let word = word.to_ascii_uppercase();
                if matches!(word.as_str(), "SELECT" | "VALUES" | "INSERT" | "UPDATE" | "DELETE" | "REPLACE") {
                    return word;
                }
            }
            _ => {}
        }
    }
    first
}

/// SQLite has no command tags: this is what PostgreSQL would say.
fn tag(text: &str, word: &str, affected: Option<u64>, rows: u64) -> String {
    match (word, affected) {
        (_, Some(n)) => format!("{word} {n}"),
        ("SELECT" | "VALUES", None) => format!("SELECT {rows}"),
        ("CREATE" | "DROP" | "ALTER", None) => {
            let object = words(text).skip(1).find(|w| !matches!(w.as_str(), "TEMP" | "TEMPORARY" | "UNIQUE" | "VIRTUAL"));
            format!("{word} {}", object.unwrap_or_default()).trim_end().to_string()
        }
        _ => word.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_name_the_statement() {
        let t = |text: &str, affected, rows| tag(text, &verb(text), affected, rows);
        assert_eq!(t("/* x */ -- y\n select 1", None, 3), "SELECT 3");
        assert_eq!(t("create temp table t(a)", None, 0), "CREATE TABLE");
        assert_eq!(t("CREATE UNIQUE INDEX i ON t(a)", None, 0), "CREATE INDEX");
        assert_eq!(t("update t set a = 1", Some(4), 0), "UPDATE 4");
        assert_eq!(t("with x as (select 1) delete from t", Some(2), 0), "DELETE 2");
        assert_eq!(t("with x as (delete) select 1", None, 1), "SELECT 1");
        assert_eq!(t("pragma user_version", None, 1), "PRAGMA");
    }

    #[test]
    fn numbers_are_recognised_by_their_declared_type() {
        assert!(numeric("BIGINT") && numeric("decimal(10,2)") && numeric("double precision"));
        assert!(!numeric("TEXT") && !numeric("") && !numeric("varchar(10)") && !numeric("date"));
    }
}
