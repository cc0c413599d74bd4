//! A session: a handle to the one task (or thread) that owns a connection.
//!
//! The actor takes a [`Request`] at a time and answers with a stream of [`Event`]s over a bounded channel, so memory
//! stays flat while nobody reads. Cancelling goes round the actor: the [`Canceller`] has its own way to the server.

use crate::model::plan::Plan;
use crate::model::rows::Table;
use crate::model::{Column, Dialect, Error, Identity, Kind, Notice, Param, Place, ReadOnly, Reading, Result, RowBatch, TxState};
use crate::sql::params::{Bound, Headings};
use futures_util::future::BoxFuture;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Milliseconds before a statement that goes on is cancelled once more.
const ASK_AGAIN: [u64; 6] = [100, 200, 400, 800, 1600, 3200];

/// Whether a session may write. A read-only session wraps every statement in a read-only transaction that is rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    ReadOnly,
    ReadWrite,
}

/// What happens while a statement runs, in this order: notices at any time, `Columns` once if there is a result
/// (also for zero rows), `Rows` as they come, `Done` at the end. A statement with several results (CALL on MySQL and MariaDB) begins
/// each but the first with `Further`.
#[derive(Debug, Clone)]
pub enum Event {
    Columns(Arc<[Column]>),
    /// What came so far is one result, whole; the rows from here on are those of a further one with these columns.
    Further(Arc<[Column]>),
    Rows(RowBatch),
    Notice(Notice),
    Done(Outcome),
}

/// The hint of an error after which nobody knows what became of a statement that the server had been given.
pub const EFFECT_NOT_KNOWN: &str = "Whether a write took effect is not known: look before running it again.";

/// The tag of a ROLLBACK that left something: what was written to tables without transactions (MariaDB and MySQL warn of it, 1196).
pub const ROLLED_BACK_IN_PART: &str = "ROLLBACK in part";

/// How a statement ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// The server's command tag or its nearest kin: `SELECT 20`, `UPDATE 3`, `CREATE TABLE`, [`ROLLED_BACK_IN_PART`].
    pub tag: String,
    /// Rows that a write changed.
    pub affected: Option<u64>,
    /// Server and network time as the actor saw it.
    pub elapsed: Duration,
    /// True when the statement was wrapped and rolled back by the read-only session.
    pub rolled_back: bool,
    /// It had been cancelled on the server and ended without an error all the same: what waited in it (MySQL's SLEEP) was cut short.
    pub cut_short: bool,
}

/// What is known of the session now; watched by the status line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStatus {
    pub tx: TxState,
    pub read_only: ReadOnly,
    /// `Some` when the connection is gone, with what happened.
    pub lost: Option<String>,
    /// Duration of the last round trip.
    pub round_trip: Option<Duration>,
    pub place: Option<Place>,
    /// What the session makes of backslashes now: where its strings end.
    pub reading: Reading,
}

/// How a plan is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Really run, in a transaction that is rolled back.
    pub analyze: bool,
    /// Each node's clock is read too. Off, a run costs less and its time is nearer to the statement's own, where the engine can do
    /// without (PostgreSQL, SQLite): the nodes then have rows and pages, and no times.
    pub node_times: bool,
    /// Planner settings that hold for this plan alone, by name; the caller takes them from `plan::switches`.
    pub settings: Vec<(String, String)>,
    /// The statement may write: it is run in a transaction that may write, and rolled back. Only with `analyze`, on a session that
    /// may write; the caller holds the gate's clearance.
    pub writes: bool,
    /// Statements that go before it in that transaction and are rolled back with it. Only where DDL is transactional, on a session
    /// that may write.
    pub first: Vec<String>,
}

impl Asked {
    pub fn new(analyze: bool) -> Self {
        Asked { analyze, node_times: true, settings: Vec::new(), writes: false, first: Vec::new() }
    }

    /// Whether the transaction has to be one that may write.
    pub(in crate::engine) fn writable(&self) -> bool {
        self.writes || !self.first.is_empty()
    }
}

/// What can be asked of the actor.
pub enum Request {
    /// Run exactly one statement; the server (or prepare) enforces that it is one.
    Run {
        text: String,
        params: Vec<Param>,
        /// What a `COPY … FROM STDIN` reads (PostgreSQL).
        data: Option<Arc<str>>,
        /// A read of our own, of which nothing but the rows is wanted: it takes one round trip where the engine can.
        ours: bool,
        events: mpsc::Sender<Result<Event>>,
    },
    /// The plan of one statement. To analyze really runs it, in a transaction that is rolled back; the caller has
    /// proven by the classifier that it is a read.
    Explain { text: String, how: Asked, reply: oneshot::Sender<Result<Plan>> },
    /// End politely.
    Close { reply: oneshot::Sender<()> },
}

/// A way to the server that does not go through the busy connection.
pub trait Canceller: Send + Sync {
    /// Asks the server to end the running statement and keeps the session. Returns when the request was delivered.
    fn cancel(&self) -> BoxFuture<'_, Result<()>>;
}

/// Handle to a session. Clones share the connection; it closes when the last one is dropped.
#[derive(Clone)]
pub struct Session {
    requests: mpsc::Sender<Request>,
    canceller: Arc<dyn Canceller>,
    status: watch::Receiver<SessionStatus>,
    identity: Arc<Identity>,
    dialect: Dialect,
    /// What only the engine that made the session understands: its own further requests to the actor.
    own: Option<Arc<dyn std::any::Any + Send + Sync>>,
    /// See [`Session::backend`].
    backend: Option<u64>,
    /// See [`Session::unasked`].
    unasked: Arc<Mutex<Option<mpsc::Receiver<Notice>>>>,
    /// Statements of our own that were sent: each is a transaction of the server's, rolled back.
    asked: Arc<AtomicU64>,
    /// See [`Session::lacks`].
    lacks: Arc<[(String, Error)]>,
    /// The actor, where the database is on the other end of a connection.
    task: Option<tokio::task::AbortHandle>,
}

impl Session {
    /// Called by the engines when the connection stands.
    pub fn new(
        requests: mpsc::Sender<Request>,
        canceller: Arc<dyn Canceller>,
        status: watch::Receiver<SessionStatus>,
        identity: Identity,
        dialect: Dialect,
    ) -> Self {
        Session {
            requests,
            canceller,
            status,
            identity: Arc::new(identity),
            dialect,
            own: None,
            backend: None,
            unasked: Arc::default(),
            asked: Arc::default(),
            lacks: Arc::default(),
            task: None,
        }
    }

    /// Counts the session's own catalogue statements.
    pub(in crate::engine) fn asked(&self) -> &AtomicU64 {
        &self.asked
    }

    /// Names the connection as its server does; see [`Session::backend`].
    #[must_use]
    pub(in crate::engine) fn with_backend(mut self, backend: u64) -> Self {
        self.backend = Some(backend);
        self
    }
    /// What the server calls this connection: PostgreSQL's process id, MySQL's connection id. `None` without a server.
    pub fn backend(&self) -> Option<u64> {
        self.backend
    }
    /// Gives what the server says unasked; see [`Session::unasked`].
    #[must_use]
    pub(in crate::engine) fn with_unasked(self, from: mpsc::Receiver<Notice>) -> Self {
        *self.unasked.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
        self
    }
    /// What the server says while no statement of the user runs: PostgreSQL's notifications and notices, as they come and without
    /// asking for them. There is one such stream: whoever takes it first has it. `None` for engines that say nothing unasked.
    pub fn unasked(&self) -> Option<mpsc::Receiver<Notice>> {
        self.unasked.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
    #[must_use]
    pub(in crate::engine) fn with_lacks(mut self, lacks: Vec<(String, Error)>) -> Self {
        self.lacks = lacks.into();
        self
    }
    /// Schemas of the [`Place`] that was asked for which could not be had, and why.
    pub fn lacks(&self) -> &[(String, Error)] {
        &self.lacks
    }
    /// Names the task that holds the connection; see [`Session::sever`].
    #[must_use]
    pub(in crate::engine) fn with_task(mut self, task: tokio::task::AbortHandle) -> Self {
        self.task = Some(task);
        self
    }
    /// Gives the session something that only its engine understands; see [`Session::own`].
    #[must_use]
    pub(in crate::engine) fn with_own(mut self, own: Arc<dyn std::any::Any + Send + Sync>) -> Self {
        self.own = Some(own);
        self
    }
    /// What the engine gave with [`Session::with_own`]; `None` for a session of another engine.
    pub(in crate::engine) fn own<T: 'static>(&self) -> Option<&T> {
        self.own.as_deref()?.downcast_ref()
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }
    pub fn status(&self) -> SessionStatus {
        self.status.borrow().clone()
    }
    /// For waiting on changes (a dead connection is drawn at once).
    pub fn watch(&self) -> watch::Receiver<SessionStatus> {
        self.status.clone()
    }

    pub(in crate::engine) fn gone(&self) -> Error {
        let why = self.status.borrow().lost.clone();
        Error::connect(why.unwrap_or_else(|| "the connection is closed".into()))
            .hint("Reconnect: an open transaction, temporary tables and session settings of the old connection are gone.")
    }

    /// Runs one statement, text exactly as given. Read the stream to its end or cancel: a stream that is dropped early
    /// makes the actor cancel the statement on the server.
    pub async fn run(&self, text: impl Into<String>) -> Result<RowStream> {
        self.run_with(text, Vec::new()).await
    }

    /// Like [`Session::run`], with parameters as text (`None` is NULL).
    pub async fn run_with(&self, text: impl Into<String>, params: Vec<Option<String>>) -> Result<RowStream> {
        self.run_bound(text, params.into_iter().map(Param::from).collect()).await
    }

    /// Like [`Session::run`], with a value for each parameter, in the order of the engine's own numbering.
    pub async fn run_bound(&self, text: impl Into<String>, params: Vec<Param>) -> Result<RowStream> {
        self.request(text.into(), params, None, false).await
    }

    /// Like [`Session::run_bound`], for a statement of the user's: columns without a name are headed as they were typed. With the data that
    /// a `COPY … FROM STDIN` of PostgreSQL reads.
    pub async fn run_sent(&self, sent: Bound, data: Option<Arc<str>>) -> Result<RowStream> {
        let rows = self.request(sent.text, sent.params, data, false).await?;
        Ok(RowStream { headings: sent.headings, ..rows })
    }

    async fn request(&self, text: String, params: Vec<Param>, data: Option<Arc<str>>, ours: bool) -> Result<RowStream> {
        // Four batches in flight keep both sides busy and bound the memory.
        let (events, rx) = mpsc::channel(4);
        self.requests.send(Request::Run { text, params, data, ours, events }).await.map_err(|_| self.gone())?;
        Ok(RowStream::new(rx))
    }

    /// Runs a statement and collects the rows: for our own catalogue statements, whose results are small.
    pub async fn fetch(&self, text: impl Into<String>) -> Result<Table> {
        self.fetch_with(text, Vec::new()).await
    }

    pub async fn fetch_with(&self, text: impl Into<String>, params: Vec<Option<String>>) -> Result<Table> {
        self.request(text.into(), params.into_iter().map(Param::from).collect(), None, true).await?.table().await
    }

    /// The first value that a statement gives, of the kind that it came as; NULL when it gives none.
    pub async fn first_value(&self, text: impl Into<String>) -> Result<Param> {
        let mut rows = self.run(text).await?;
        let mut out = Param::Null;
        while let Some(event) = rows.next().await {
            if let Event::Rows(batch) = event?
                && out == Param::Null
                && batch.rows() > 0
            {
                out = Param::from_cell(batch.cell(0, 0));
            }
        }
        Ok(out)
    }
    pub async fn explain(&self, text: impl Into<String>, analyze: bool) -> Result<Plan> {
        self.explain_as(text, Asked::new(analyze)).await
    }

    /// Like [`Session::explain`], with settings of its own.
    pub async fn explain_as(&self, text: impl Into<String>, how: Asked) -> Result<Plan> {
        let (reply, rx) = oneshot::channel();
        self.requests.send(Request::Explain { text: text.into(), how, reply }).await.map_err(|_| self.gone())?;
        rx.await.map_err(|_| self.gone())?
    }

    /// Cancels what runs now, on the server, and keeps the session.
    pub async fn cancel(&self) -> Result<()> {
        self.canceller.cancel().await
    }

    /// Cancels the statement whose stream is read beside this, and asks again while it goes on: a server forgets what it is asked before
    /// the statement reached it. Comes back only when the first asking failed; drop it at the statement's end, before anything else
    /// is sent here.
    pub async fn cancel_until_ended(&self) -> Error {
        if let Err(e) = self.cancel().await {
            return e;
        }
        for pause in ASK_AGAIN {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            // What was heard once may be refused now (no connection left): the statement's end tells.
            let _ = self.cancel().await;
        }
        std::future::pending().await
    }

    /// Closes the connection at once, whatever the server is doing: for a server that does not heed [`Session::cancel`].
    /// It may go on with the statement until it notices. False, and nothing done, where there is no connection because the
    /// database is inside this process.
    pub fn sever(&self) -> bool {
        self.task.as_ref().inspect(|t| t.abort()).is_some()
    }

    pub async fn close(self) {
        let (reply, rx) = oneshot::channel();
        if self.requests.send(Request::Close { reply }).await.is_ok() {
            let _ = rx.await;
        }
    }
}

/// Events of one statement.
pub struct RowStream {
    rx: mpsc::Receiver<Result<Event>>,
    ended: bool,
    headings: Headings,
}

impl RowStream {
    pub(super) fn new(rx: mpsc::Receiver<Result<Event>>) -> Self {
        RowStream { rx, ended: false, headings: Headings::default() }
    }

    /// Gives each row of the first result to `each` as it comes, and returns the end: nothing else of the rows is kept.
    pub async fn each(mut self, mut each: impl FnMut(Vec<Option<String>>) -> Result<()>) -> Result<(Vec<Column>, Outcome)> {
        let mut columns = Vec::new();
        let mut first = true;
        while let Some(event) = self.next().await {
            match event? {
                Event::Columns(c) => columns = c.to_vec(),
                Event::Further(_) => first = false,
                Event::Rows(batch) if first => {
                    for r in 0..batch.rows() {
                        each((0..batch.columns()).map(|c| crate::text::cell_string(batch.cell(r, c))).collect())?;
                    }
                }
                Event::Rows(_) | Event::Notice(_) => {}
                Event::Done(done) => return Ok((columns, done)),
            }
        }
        Err(Error::failed("the statement ended without saying how"))
    }

    /// The first result whole: for our own catalogue statements, whose results are small.
    pub async fn table(self) -> Result<Table> {
        let mut rows = Vec::new();
        let (columns, done) = self
            .each(|row| {
                rows.push(row);
                Ok(())
            })
            .await?;
        Ok(Table { columns, rows, tag: done.tag, affected: done.affected })
    }

    /// The next event; `None` after `Done` or an error. A connection that ends without either is an error.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        if self.ended {
            return None;
        }
        match self.rx.recv().await {
            Some(Ok(event)) => {
                self.ended = matches!(event, Event::Done(_));
                Some(Ok(match event {
                    Event::Columns(columns) if !self.headings.is_empty() => {
                        let mut columns = columns.to_vec();
                        self.headings.put(&mut columns);
                        Event::Columns(columns.into())
                    }
                    event => event,
                }))
            }
            Some(Err(e)) => {
                self.ended = true;
                Some(Err(e))
            }
            None => {
                self.ended = true;
                Some(Err(Error::new(Kind::Connect, "the connection was lost while the statement ran").hint(EFFECT_NOT_KNOWN)))
            }
        }
    }
}
