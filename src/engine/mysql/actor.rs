//! The session's actor: one task owns the connection, runs one statement at a time and streams its rows.

mod statement;
mod stays;
mod stream;

use super::cancel::Control;
use super::connect::Way;
use super::zone::ZONE;
use super::{errors, explain, words};
use crate::engine::session::{Access, Asked, Event, Outcome, Request, SessionStatus};
use crate::model::{Dialect, Error, Kind, Notice, Param, Place, ReadOnly, Reading, Result, TxState};
use crate::sql;
use crate::sql::settings::only_reading;
use mysql_async::consts::StatusFlags;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

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
    pub way: Way,
    pub pulse: Option<super::pulse::Pulse>,
    /// What the server takes our bytes for: they are UTF-8, whatever a SET NAMES says.
    pub charset: String,
    /// The time zone in which it sends TIMESTAMP.
    pub zone: String,
    /// The statement took its ROLLBACK with it, and the server did it.
    pub rolled_back: bool,
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
                Some(Request::Run { text, params, data: _, ours, events }) => self.statement(&text, params, ours, &events).await,
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
            self.way.part(self.conn, Duration::from_secs(2)).await;
        }
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

    async fn statement(&mut self, text: &str, params: Vec<Param>, ours: bool, events: &mpsc::Sender<Result<Event>>) {
        let start = Instant::now();
        self.rolled_back = false;
        match self.run_statement(text, params, ours, events, start).await {
            Ok(outcome) => {
                let _ = events.send(Ok(Event::Done(outcome))).await;
            }
            Err(e) => {
                let _ = events.send(Err(e)).await;
            }
        }
        // Nobody waits for this: a transaction that only read is gone in any case, by ROLLBACK or with the connection.
        if self.access == Access::ReadOnly
            && !self.rolled_back
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
        ours: bool,
        events: &mpsc::Sender<Result<Event>>,
        start: Instant,
    ) -> Result<Outcome> {
        self.refuse(text)?;
        let serial = self.control.begin().await;
        let ran = self.guarded(text, params, ours, events, serial).await;
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
        let changed = ran.is_ok() && sql::transaction::moves(Dialect::MySql, text)
            || sql::transaction::sets_sql_mode(text)
            || sql::transaction::sets_zone(text)
            || renamed;
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

    /// Reads the current database, the mode, the character set and the time zone again.
    async fn look_where(&mut self) {
        let ask = format!("SELECT DATABASE(), @@sql_mode, @@character_set_client, {ZONE}");
        match self.conn.query_first::<(Option<String>, String, String, String), _>(ask).await {
            Ok(now) => {
                let (database, mode, charset, zone) = now.unwrap_or_default();
                self.zone = zone;
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

/// Ends the statement with this serial, if it still runs, without being waited for.
fn end_on_server(control: &Arc<Control>, serial: u64) {
    let control = control.clone();
    tokio::spawn(async move {
        let _ = control.kill(Some(serial)).await;
    });
}

/// What the status says of a session that was just opened.
pub(super) fn opened(read_only: ReadOnly, round_trip: Duration, reading: Reading) -> SessionStatus {
    SessionStatus { tx: TxState::Idle, read_only, lost: None, round_trip: Some(round_trip), place: None, reading }
}
