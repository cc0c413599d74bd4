//! The session's actor: one task owns the connection, runs one statement at a time and streams its rows.

use super::cancel::Control;
use super::rows::{self, Shape};
use super::{errors, explain, words};
use crate::engine::session::{Access, Asked, Event, Outcome, Request, SessionStatus};
use crate::engine::tunnel::Tunnel;
use crate::model::{BatchBuilder, Column, Dialect, Error, Kind, Notice, Param, Place, ReadOnly, Reading, Result, RowBatch, TxState};
use crate::sql;
use crate::sql::settings::only_reading;
use mysql_async::consts::StatusFlags;
use mysql_async::prelude::{Protocol, Queryable};
use mysql_async::{Conn, DriverError, Params, QueryResult, Row, Statement, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Rows of the first batch: what a screen shows, without waiting for more.
const FIRST_ROWS: usize = 64;
/// A batch that is not full is handed on when no further row came for this long.
const LINGER: Duration = Duration::from_millis(20);
/// Most warnings of one statement that are fetched.
const WARNINGS: u32 = 100;
/// Bytes from which a statement is not sent twice in one round trip.
const LONG: usize = 64 * 1024;

mod stays;

pub(super) struct Actor {
    pub conn: Conn,
    pub control: Arc<Control>,
    pub requests: mpsc::Receiver<Request>,
    pub status: watch::Sender<SessionStatus>,
    pub access: Access,
    /// MariaDB or MySQL: plans are asked for in different words.
    pub mariadb: bool,
    /// PREPARE takes any expression (MariaDB 10.2 and later).
    pub prepares_text: bool,
    pub version: String,
    /// The current database at connecting.
    pub database: String,
    /// Lives as long as the connection.
    pub tunnel: Option<Arc<Tunnel>>,
    pub pulse: Option<super::pulse::Pulse>,
    /// What the server takes our bytes for: they are UTF-8, whatever a SET NAMES says.
    pub charset: String,
}

/// How the rows of a statement ended.
struct Flow {
    result: Result<(), mysql_async::Error>,
    /// Rows of the newest result; `None` when the statement had none.
    rows: Option<u64>,
    affected: u64,
    /// The reader went away, or was told to stop.
    abandoned: bool,
    batch: Option<BatchBuilder>,
}

impl Actor {
    pub async fn run(mut self) {
        loop {
            let request = match &mut self.pulse {
                None => self.requests.recv().await,
                Some(pulse) => tokio::select! {
                    biased;
                    r = self.requests.recv() => r,
                    () = pulse.stirs() => {
                        // The server said something unasked, or closed: only asking tells which.
                        if let Err(e) = self.conn.ping().await {
                            self.lose(&e);
                            break;
                        }
                        continue;
                    }
                },
            };
            if let Some(pulse) = &mut self.pulse {
                pulse.reset();
            }
            match request {
                None => break,
                Some(Request::Close { reply }) => {
                    self.finish().await;
                    let _ = reply.send(());
                    return;
                }
                Some(Request::Run { text, params, data: _, events }) => self.statement(&text, params, &events).await,
                Some(Request::Explain { text, how, mut reply }) => {
                    let serial = self.control.begin().await;
                    let control = self.control.clone();
                    let plan = {
                        let work = self.explain(&text, &how, serial);
                        tokio::pin!(work);
                        let mut unwanted = false;
                        loop {
                            tokio::select! {
                                biased;
                                plan = &mut work => break plan,
                                // A newer edit wants another plan: this one need not be finished.
                                () = reply.closed(), if !unwanted => {
                                    unwanted = true;
                                    end_on_server(&control, serial);
                                }
                            }
                        }
                    };
                    let _ = reply.send(plan);
                }
            }
            if self.status.borrow().lost.is_some() {
                break;
            }
        }
        self.finish().await;
    }

    async fn finish(self) {
        if self.status.borrow().lost.is_none() {
            let _ = tokio::time::timeout(Duration::from_secs(2), self.conn.disconnect()).await;
        }
        drop(self.tunnel);
    }

    fn lose(&self, e: &mysql_async::Error) {
        let why = errors::lost(e);
        self.status.send_modify(|s| {
            s.lost = Some(why);
            s.tx = TxState::Idle;
        });
    }

    /// Notes a dead connection, and gives the error for the user.
    fn failed(&self, e: mysql_async::Error, text: &str) -> Error {
        if errors::is_fatal(&e) {
            self.lose(&e);
        }
        errors::statement(e, text)
    }

    /// The transaction's state as the last OK packet tells it.
    fn note_state(&self, round_trip: Option<Duration>) {
        let Some(ok) = self.conn.last_ok_packet() else { return };
        // The transaction around each statement of a read-only session is ours, and not shown.
        let open = self.access == Access::ReadWrite && ok.status_flags().contains(StatusFlags::SERVER_STATUS_IN_TRANS);
        self.status.send_modify(|s| {
            s.tx = if open { TxState::Open } else { TxState::Idle };
            if round_trip.is_some() {
                s.round_trip = round_trip;
            }
        });
    }

    async fn statement(&mut self, text: &str, params: Vec<Param>, events: &mpsc::Sender<Result<Event>>) {
        let start = Instant::now();
        match self.run_statement(text, params, events, start).await {
            Ok(outcome) => {
                let _ = events.send(Ok(Event::Done(outcome))).await;
            }
            Err(e) => {
                let _ = events.send(Err(e)).await;
            }
        }
        // Nobody waits for this: a transaction that only read is gone in any case, by ROLLBACK or with the connection.
        if self.access == Access::ReadOnly
            && self.status.borrow().lost.is_none()
            && let Err(e) = self.conn.query_drop("ROLLBACK").await
        {
            self.lose(&e);
        }
    }

    /// Refuses what a session may not run, before anything is sent.
    fn refuse(&self, text: &str) -> Result<()> {
        if words::sends_local_file(text) {
            return Err(Error::new(Kind::Statement, "LOAD DATA LOCAL is refused: it would send files of this machine to the server")
                .hint("LOAD DATA INFILE reads a file of the server; `mariadb --local-infile` can send one from here."));
        }
        if self.access == Access::ReadOnly {
            let verdict = sql::classify(Dialect::MySql, text);
            if verdict.class != sql::Class::Read && !only_reading(Dialect::MySql, text) {
                return Err(Error::read_only(format!("refused on a read-only session: {}", verdict.reason))
                    .hint("TRUNCATE and DDL commit by themselves here, even inside a read-only transaction: so only reads are sent."));
            }
        }
        Ok(())
    }

    async fn run_statement(
        &mut self,
        text: &str,
        params: Vec<Param>,
        events: &mpsc::Sender<Result<Event>>,
        start: Instant,
    ) -> Result<Outcome> {
        self.refuse(text)?;
        let serial = self.control.begin().await;
        let ran = self.guarded(text, params, events, serial).await;
        let cut_short = self.control.end().await;
        if cut_short {
            self.absorb().await;
        }
        if self.access == Access::ReadWrite && ran.is_err() && self.status.borrow().lost.is_none() {
            // An error carries no state, and may have ended the transaction (deadlock): ask.
            if let Err(e) = self.conn.ping().await {
                self.lose(&e);
            }
        }
        let elapsed = start.elapsed();
        self.note_state(Some(elapsed));
        // Of what changes settings a part may have been done before it failed.
        let renamed = sql::transaction::sets_charset(text);
        let changed = ran.is_ok() && sql::transaction::moves(Dialect::MySql, text) || sql::transaction::sets_sql_mode(text) || renamed;
        let sets = self.access == Access::ReadOnly && only_reading(Dialect::MySql, text);
        if sets && self.status.borrow().lost.is_none() {
            self.still_reads_only().await;
        }
        if changed && (sets || self.access == Access::ReadWrite) && self.status.borrow().lost.is_none() {
            let before = self.charset.clone();
            self.look_where().await;
            if self.charset != before && !self.speaks_utf8() {
                let message =
                    format!("the session's character set is {} now, and what is typed here is UTF-8: other letters are kept", self.charset);
                let hint =
                    Some("SET NAMES utf8mb4 takes it back. Values that are bound (cells, parameters) are refused until then.".into());
                let _ = events.send(Ok(Event::Notice(Notice { severity: "Warning".into(), message, detail: None, hint }))).await;
            }
        }
        let (tag, affected) = match ran {
            Ok(done) => done,
            Err(e) => return Err(self.what_stays(e, text).await),
        };
        Ok(Outcome { tag, affected, elapsed, rolled_back: self.access == Access::ReadOnly && !sets, cut_short })
    }

    /// Reads back that the session's transactions are read-only by themselves, as they were when it was opened; else it is closed.
    async fn still_reads_only(&mut self) {
        const ASK: &str = "SHOW SESSION VARIABLES WHERE Variable_name IN ('tx_read_only', 'transaction_read_only')";
        let now = self.conn.query::<(String, String), _>(ASK).await;
        if !now.is_ok_and(|rows| !rows.is_empty() && rows.iter().all(|(_, v)| v.eq_ignore_ascii_case("on"))) {
            let why = "the session can no longer be proven to be read-only, so it was closed";
            self.status.send_modify(|s| s.lost = Some(why.into()));
        }
    }

    fn speaks_utf8(&self) -> bool {
        self.charset.is_empty() || self.charset.starts_with("utf8")
    }

    /// Reads the current database, the mode and the character set again.
    async fn look_where(&mut self) {
        match self.conn.query_first::<(Option<String>, String, String), _>("SELECT DATABASE(), @@sql_mode, @@character_set_client").await {
            Ok(now) => {
                let (database, mode, charset) = now.unwrap_or_default();
                self.charset = charset;
                let place = Some(database.unwrap_or_default()).filter(|n| *n != self.database).map(Place::Path);
                self.status.send_modify(|s| (s.place, s.reading) = (place, Reading::mysql(&mode)));
            }
            Err(e) if errors::is_fatal(&e) => self.lose(&e),
            Err(_) => {}
        }
    }

    /// A kill that came when its statement was over must not hit the next one: this takes it.
    async fn absorb(&mut self) {
        if self.conn.is_disconnected() {
            return;
        }
        if let Err(e) = self.conn.query_drop("DO 0").await
            && errors::is_fatal(&e)
        {
            self.lose(&e);
        }
    }

    /// One statement, enforced by the server; its rows; its warnings.
    async fn guarded(
        &mut self,
        text: &str,
        params: Vec<Param>,
        events: &mpsc::Sender<Result<Event>>,
        serial: u64,
    ) -> Result<(String, Option<u64>)> {
        // The driver looks for named parameters by itself, and always as under the usual mode: it would take a part of a string for one.
        if !params.is_empty() && names_parameter(text) && sql::reads_otherwise(Dialect::MySql.into(), self.status.borrow().reading, text) {
            return Err(Error::new(
                Kind::Statement,
                "a parameter cannot be given beside a backslash before a quote and a colon before a name, under this sql_mode",
            )
            .hint("Nothing was sent. Write the value into the statement."));
        }
        // Typed text is sent as typed, as the server's own client does; a value that is bound is to arrive as it is.
        if !self.speaks_utf8() && params.iter().any(|p| !p.is_ascii()) {
            return Err(Error::new(
                Kind::Statement,
                format!("refused: the session's character set is {}, and the value would be kept as other letters", self.charset),
            )
            .hint("SET NAMES utf8mb4 first: what is sent from here is UTF-8."));
        }
        let reads = self.access == Access::ReadOnly && !only_reading(Dialect::MySql, text);
        let statement = if reads && self.prepares_text && params.is_empty() && text.len() < LONG {
            self.begin_and_prepare(text).await?;
            None
        } else {
            let statement = self.prepare(text).await?;
            if reads {
                self.conn.query_drop("START TRANSACTION READ ONLY").await.map_err(|e| self.failed(e, ""))?;
            }
            match statement {
                Some(s) if params.is_empty() => {
                    self.conn.close(s).await.map_err(|e| self.failed(e, text))?;
                    None
                }
                s => s,
            }
        };
        let flow = if params.is_empty() {
            match self.conn.query_iter(text).await {
                Ok(result) => stream(result, &Reader { events, control: &self.control, serial }).await,
                Err(e) => return Err(self.failed(e, text)),
            }
        } else {
            let Some(s) = statement else {
                return Err(Error::new(Kind::Statement, "this statement takes no parameters: the server cannot prepare it"));
            };
            let values: Vec<Value> = params.into_iter().map(bound).collect();
            let flow = match self.conn.exec_iter(s.clone(), Params::Positional(values)).await {
                Ok(result) => stream(result, &Reader { events, control: &self.control, serial }).await,
                Err(e) => {
                    let fatal = errors::is_fatal(&e);
                    let e = self.failed(e, text);
                    if !fatal {
                        let _ = self.conn.close(s).await;
                    }
                    return Err(e);
                }
            };
            if !matches!(&flow.result, Err(e) if errors::is_fatal(e)) {
                let _ = self.conn.close(s).await;
            }
            flow
        };
        if let Err(e) = flow.result {
            // What a procedure gave before one of its statements failed was given.
            if let Some(mut batch) = flow.batch.filter(|b| !b.is_empty() && !flow.abandoned) {
                let _ = events.send(Ok(Event::Rows(batch.take()))).await;
            }
            return Err(self.failed(e, text));
        }
        if flow.abandoned {
            return Err(Error::cancelled());
        }
        self.note_state(None);
        let (warnings, info) = (self.conn.get_warnings(), self.conn.info().into_owned());
        if let Some(mut batch) = flow.batch
            && !batch.is_empty()
        {
            let _ = events.send(Ok(Event::Rows(batch.take()))).await;
        }
        if !info.is_empty() {
            let notice = Notice { severity: "INFO".into(), message: info, detail: None, hint: None };
            let _ = events.send(Ok(Event::Notice(notice))).await;
        }
        if warnings > 0 {
            self.warnings(events).await?;
        }
        // With RETURNING the server sends the rows in place of their number.
        let affected = match flow.rows {
            None => Some(flow.affected),
            Some(rows) => words::changes_what_returns(text).then_some(rows),
        };
        Ok((words::tag(text, flow.rows, flow.affected), affected))
    }

    /// The server's word that it is one statement. `None` when it cannot be prepared, though it was parsed as one.
    async fn prepare(&mut self, text: &str) -> Result<Option<Statement>> {
        match self.conn.prep(text).await {
            Ok(s) => Ok(Some(s)),
            // Not to be prepared: the server parsed it, and as one statement. Ours must agree.
            Err(mysql_async::Error::Server(e)) if e.code == 1295 => single(self.status.borrow().reading, text).map(|()| None),
            // The driver's own reading of `:name` failed; nothing was sent.
            Err(mysql_async::Error::Driver(DriverError::MixedParams)) => single(self.status.borrow().reading, text).map(|()| None),
            Err(e) => Err(self.failed(e, text)),
        }
    }

    /// The same word and the start of the read-only transaction in one round trip: PREPARE takes no second statement either.
    async fn begin_and_prepare(&mut self, text: &str) -> Result<()> {
        let batch = format!("START TRANSACTION READ ONLY; PREPARE holdpoint FROM x'{}'; DEALLOCATE PREPARE holdpoint", hex::encode(text));
        let done = match self.conn.query_iter(batch).await {
            Ok(mut result) => loop {
                let more = result.columns().is_some();
                match result.next().await {
                    Ok(None) if !more => break Ok(()),
                    Ok(_) => {}
                    Err(e) => break Err(e),
                }
            },
            Err(e) => Err(e),
        };
        match done {
            Ok(()) => Ok(()),
            Err(mysql_async::Error::Server(e)) if e.code == 1295 => single(self.status.borrow().reading, text),
            Err(e) => Err(self.failed(e, text)),
        }
    }

    async fn warnings(&mut self, events: &mpsc::Sender<Result<Event>>) -> Result<()> {
        let list: Vec<(String, u32, String)> =
            self.conn.query(format!("SHOW WARNINGS LIMIT {WARNINGS}")).await.map_err(|e| self.failed(e, ""))?;
        for (level, code, message) in list {
            let notice = Notice { severity: level, message, detail: Some(format!("code {code}")), hint: None };
            let _ = events.send(Ok(Event::Notice(notice))).await;
        }
        Ok(())
    }

    async fn explain(&mut self, text: &str, how: &Asked, serial: u64) -> Result<crate::model::plan::Plan> {
        let in_transaction = self.status.borrow().tx == TxState::Open;
        let reading = self.status.borrow().reading;
        let plan = match sql::split(reading, text).len() {
            1 => {
                let read_only = self.access == Access::ReadOnly;
                let control = self.control.clone();
                let server =
                    explain::Server { mariadb: self.mariadb, version: &self.version, in_transaction, read_only, control: &control, serial };
                explain::take(&mut self.conn, text, how, &server).await
            }
            _ => Err(Error::new(Kind::Statement, "exactly one statement can be explained at a time")),
        };
        if self.control.end().await {
            self.absorb().await;
        }
        if plan.is_err() && !self.conn.is_disconnected() {
            let _ = self.conn.ping().await;
        }
        if self.conn.is_disconnected() {
            self.lose(&mysql_async::Error::Driver(DriverError::ConnectionClosed));
        }
        self.note_state(None);
        plan
    }
}

/// A value as the protocol binds it: a whole number as one, because `LIMIT ?` takes nothing else; other numbers as their decimal text,
/// which is exact where a double would not be.
fn bound(p: Param) -> Value {
    match p {
        Param::Null => Value::NULL,
        Param::Text(t) => Value::Bytes(t.into_bytes()),
        Param::Bytes(b) | Param::TextBytes(b) => Value::Bytes(b),
        Param::Number(t) => match (t.parse::<i64>(), t.parse::<u64>()) {
            (Ok(n), _) => Value::Int(n),
            (_, Ok(n)) => Value::UInt(n),
            _ => Value::Bytes(t.into_bytes()),
        },
    }
}

fn single(reading: Reading, text: &str) -> Result<()> {
    match sql::split(reading, text).len() {
        1 => Ok(()),
        _ => Err(Error::new(Kind::Statement, "exactly one statement can run at a time")),
    }
}

/// Who reads the rows, and the way to end the statement when nobody does.
struct Reader<'a> {
    events: &'a mpsc::Sender<Result<Event>>,
    control: &'a Arc<Control>,
    serial: u64,
}

impl Reader<'_> {
    /// Gives a batch to the reader. One that does not read is waited for, unless the statement is cancelled meanwhile.
    async fn hand_on(&self, batch: RowBatch, flow: &mut Flow) {
        if flow.abandoned {
            return;
        }
        tokio::select! {
            biased;
            sent = self.events.send(Ok(Event::Rows(batch))) => if sent.is_err() {
                self.abandon(flow);
            },
            () = self.control.drain.notified() => flow.abandoned = true,
        }
    }

    /// Nobody wants the rows: ends the statement on the server, while what is under way is read and thrown away. Without a
    /// second connection the rows are read to their end.
    fn abandon(&self, flow: &mut Flow) {
        if std::mem::replace(&mut flow.abandoned, true) {
            return;
        }
        end_on_server(self.control, self.serial);
    }

    /// The next row; while none comes, an unfinished batch is handed on, and a reader that went away ends the statement.
    async fn row<P: Protocol>(&self, result: &mut QueryResult<'_, '_, P>, flow: &mut Flow) -> Result<Option<Row>, mysql_async::Error> {
        let next = result.next();
        tokio::pin!(next);
        if let std::task::Poll::Ready(r) = futures_util::poll!(next.as_mut()) {
            return r;
        }
        loop {
            let waiting = flow.batch.as_ref().is_some_and(|b| !b.is_empty()) && !flow.abandoned;
            tokio::select! {
                biased;
                r = &mut next => return r,
                () = self.events.closed(), if !flow.abandoned => self.abandon(flow),
                () = tokio::time::sleep(LINGER), if waiting => {
                    if let Some(part) = flow.batch.as_mut().map(BatchBuilder::take) {
                        self.hand_on(part, flow).await;
                    }
                }
            }
        }
    }
}

/// Ends the statement with this serial, if it still runs, without being waited for.
fn end_on_server(control: &Arc<Control>, serial: u64) {
    let control = control.clone();
    tokio::spawn(async move {
        let _ = control.kill(Some(serial)).await;
    });
}

/// Reads all results and hands on their columns and rows. The last, unfinished batch comes back.
/// The driver would see a named parameter somewhere.
fn names_parameter(text: &str) -> bool {
    text.as_bytes().windows(2).any(|w| w[0] == b':' && matches!(w[1], b'a'..=b'z' | b'_'))
}

async fn stream<P: Protocol>(mut result: QueryResult<'_, '_, P>, reader: &Reader<'_>) -> Flow {
    let mut flow = Flow { result: Ok(()), rows: None, affected: 0, abandoned: false, batch: None };
    while let Some(columns) = result.columns() {
        let wanted = !columns.is_empty();
        if !wanted {
            flow.affected += result.affected_rows();
        }
        let shapes: Vec<Shape> = columns.iter().map(rows::shape).collect();
        if wanted {
            let list: Arc<[Column]> = columns.iter().map(rows::column).collect();
            // What is left of the result before belongs before the columns of this one.
            if let Some(rest) = flow.batch.as_mut().filter(|b| !b.is_empty()).map(BatchBuilder::take) {
                reader.hand_on(rest, &mut flow).await;
            }
            let event = if flow.rows.is_none() { Event::Columns(list) } else { Event::Further(list) };
            if !flow.abandoned && reader.events.send(Ok(event)).await.is_err() {
                reader.abandon(&mut flow);
            }
            flow.rows = Some(0);
            flow.batch = Some(BatchBuilder::new(columns.len()));
        }
        let mut first = true;
        loop {
            let next = match reader.row(&mut result, &mut flow).await {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(e) => {
                    flow.result = Err(e);
                    return flow;
                }
            };
            if !wanted || flow.abandoned {
                continue;
            }
            let Some(batch) = flow.batch.as_mut() else { continue };
            rows::push(batch, next, &shapes, &columns);
            flow.rows = flow.rows.map(|n| n + 1);
            if batch.is_full() || (first && batch.rows() >= FIRST_ROWS) {
                first = false;
                let full = batch.take();
                reader.hand_on(full, &mut flow).await;
            }
        }
    }
    // A statement of a procedure that failed after others gave results: the driver holds its error back until asked again.
    if let Err(e) = result.next().await {
        flow.result = Err(e);
    }
    flow
}

/// What the status says of a session that was just opened.
pub(super) fn opened(read_only: ReadOnly, round_trip: Duration, reading: Reading) -> SessionStatus {
    SessionStatus { tx: TxState::Idle, read_only, lost: None, round_trip: Some(round_trip), place: None, reading }
}
