//! The task that owns a connection: takes one request at a time, watches the socket while idle, publishes the state.

use super::explain;
use super::link::{Job, Link, Lost};
use super::literals::{TEXT, undetermined};
use super::written::DIGITS;
use crate::engine::session::{Access, Asked, Event, Request, SessionStatus};
use crate::model::plan::Plan;
use crate::model::{Dialect, Error, Param, Place, ReadOnly, Result, TxState};
use crate::sql::settings::only_reading;
use crate::sql::transaction::moves;
use crate::sql::{Class, classify};
use tokio::sync::{mpsc, oneshot, watch};

/// Requests that only this engine's own capabilities make.
pub(super) enum Own {
    /// A read of ours, in a read-only transaction (or savepoint) of its own with an empty `search_path`, so that names come out
    /// qualified, and a short lock timeout. It leaves the session as it was.
    Pinned { text: String, params: Vec<Param>, events: mpsc::Sender<Result<Event>> },
}

/// What a session's [`crate::engine::Session::own`] holds.
pub(super) struct Private(pub mpsc::Sender<Own>);

pub(super) struct Actor {
    pub link: Link,
    pub access: Access,
    pub read_only: ReadOnly,
    pub requests: mpsc::Receiver<Request>,
    pub own: mpsc::Receiver<Own>,
    pub status: watch::Sender<SessionStatus>,
    /// Limits that could not be set for the session (a pooler in between), as SET LOCAL statements.
    pub local: Vec<String>,
    pub version: u32,
    /// The server can see that its client is gone while it works.
    pub watches_client: bool,
    /// The `search_path` at connecting, and the one of now where it differs.
    pub path: String,
    pub place: Option<Place>,
    /// The path was changed in a transaction, whose end may change it back.
    pub unsettled: bool,
}

/// Longest wait for a lock of anything that we do on our own account.
pub(super) const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '200ms'";

impl Actor {
    pub async fn serve(mut self) {
        loop {
            let before = self.link.tx;
            let lost = tokio::select! {
                biased;
                request = self.requests.recv() => match request {
                    None => return self.link.terminate().await,
                    Some(Request::Close { reply }) => {
                        self.link.terminate().await;
                        let _ = reply.send(());
                        return;
                    }
                    Some(Request::Run { text, params, data, ours: _, events }) => self.run(&text, &params, data.as_deref(), events).await.err(),
                    Some(Request::Explain { text, how, mut reply }) => match self.wanted(&text, &how, &mut reply).await {
                        Ok(plan) => {
                            self.publish(None);
                            let _ = reply.send(plan);
                            None
                        }
                        Err(lost) => {
                            // The transaction round a plan is ours: the user lost none with it.
                            self.link.tx = before;
                            self.publish(Some(&lost));
                            let _ = reply.send(Err(lost.0.clone()));
                            Some(lost)
                        }
                    },
                },
                Some(Own::Pinned { text, params, events }) = self.own.recv() => self.pinned(&text, &params, events).await.err(),
                lost = self.link.idle() => Some(lost),
            };
            self.publish(lost.as_ref());
            if lost.is_some() {
                return;
            }
        }
    }

    fn publish(&self, lost: Option<&Lost>) {
        let now = SessionStatus {
            tx: self.link.tx,
            read_only: self.read_only,
            lost: lost.map(|l| l.0.message.clone()),
            round_trip: self.link.round_trip,
            place: self.place.clone(),
            reading: self.link.reading(),
        };
        self.status.send_if_modified(|s| {
            let changed = *s != now;
            *s = now;
            changed
        });
    }

    async fn run(&mut self, text: &str, params: &[Param], data: Option<&str>, events: mpsc::Sender<Result<Event>>) -> Result<(), Lost> {
        if events.is_closed() {
            // Nobody waits for it any more, and nothing was sent.
            return Ok(());
        }
        let mut declared = match self.declared(text, params, &events).await? {
            Ok(types) => types,
            Err(e) => {
                self.publish(None);
                let _ = events.send(Err(e)).await;
                return Ok(());
            }
        };
        let sets = self.access == Access::ReadOnly && only_reading(Dialect::Postgres, text);
        if sets && !self.local.is_empty() {
            let why = "behind a pooler a setting would stay on a connection that others are given";
            let _ = events
                .send(Err(Error::read_only(why).hint("Nothing was sent. Write it into the query, or connect without the pooler.")))
                .await;
            return Ok(());
        }
        let before = self.link.tx;
        let mut ending = loop {
            let mut job = Job { text, params, data, declared: &declared, ..Job::default() };
            if self.access == Access::ReadOnly && !sets {
                job.prelude = vec!["BEGIN READ ONLY".into()];
                job.prelude.extend(self.local.iter().cloned());
                job.coda = vec!["ROLLBACK"];
            }
            let ending = self.link.run(job, events.clone(), true).await;
            // Nothing was run, and no transaction of the user's has failed by it.
            let harmless = before == TxState::Idle && self.link.tx == TxState::Idle && ending.lost.is_none();
            match undetermined(&ending.last, params, &declared).filter(|_| harmless) {
                Some(i) => {
                    declared.resize(params.len(), 0);
                    declared[i] = TEXT;
                }
                None => break ending,
            }
        };
        if ending.lost.is_none() && self.access == Access::ReadOnly {
            ending.lost = self.ensure_idle().await.err();
        }
        if ending.lost.is_none() && sets {
            ending.lost = self.still_reads_only().await.err();
        }
        if ending.lost.is_none() && (sets || self.access == Access::ReadWrite) {
            ending.lost = self.look_where(text).await.err();
        }
        // The state has to be right before the reader sees the end.
        self.publish(ending.lost.as_ref());
        let lost = ending.lost.clone();
        ending.tell().await;
        lost.map_or(Ok(()), Err)
    }

    /// Reads back that the session's transactions are read-only by themselves, as they were when it was opened.
    async fn still_reads_only(&mut self) -> Result<(), Lost> {
        let now = self.link.fetch(Job::plain("SHOW default_transaction_read_only")).await?;
        match now {
            Ok(table) if table.scalar() == Some("on") => Ok(()),
            _ => Err(Lost(Error::connect("the session can no longer be proven to be read-only, so it was closed"))),
        }
    }

    /// Reads the search path, and how floats are written, again where the statement may have changed it. SHOW takes no snapshot: a transaction that has only
    /// begun stays one in which its isolation level can still be set.
    async fn look_where(&mut self, text: &str) -> Result<(), Lost> {
        let moved = moves(Dialect::Postgres, text);
        self.unsettled |= moved;
        let back = self.unsettled && (self.link.tx == TxState::Idle || classify(Dialect::Postgres, text).class == Class::Transaction);
        // In a failed transaction nothing can be asked; its end asks.
        if !(moved || back) || self.link.tx == TxState::Failed {
            return Ok(());
        }
        self.unsettled = self.link.tx != TxState::Idle;
        if let Ok(table) = self.link.fetch(Job::plain("SHOW search_path")).await? {
            self.place = table.scalar().filter(|now| *now != self.path).map(|now| Place::Path(now.to_string()));
        }
        // The one setting by which values are written that the server does not report.
        if let Ok(table) = self.link.fetch(Job::plain("SHOW extra_float_digits")).await? {
            self.link.parameters.insert(DIGITS.into(), table.scalar().unwrap_or_default().into());
        }
        Ok(())
    }

    /// A read-only session never keeps a transaction: where the pipelined ROLLBACK was skipped (COPY FROM STDIN), it is sent again.
    async fn ensure_idle(&mut self) -> Result<(), Lost> {
        if self.link.tx == TxState::Idle {
            return Ok(());
        }
        let _ = self.link.fetch(Job::plain("ROLLBACK")).await?;
        if self.link.tx == TxState::Idle {
            return Ok(());
        }
        Err(Lost(Error::connect("the read-only transaction could not be rolled back, so the session was closed")))
    }

    /// What has to stand around a statement of ours so that it changes nothing, whatever state the session is in.
    fn guarded(&self, settings: &[&str]) -> Result<(Vec<String>, Vec<&'static str>)> {
        let (first, coda): (&[&str], Vec<&'static str>) = match self.link.tx {
            TxState::Idle => (&["BEGIN READ ONLY"], vec!["ROLLBACK"]),
            TxState::Open => (
                &["SAVEPOINT holdpoint_guard", "SET LOCAL transaction_read_only = on"],
                vec!["ROLLBACK TO SAVEPOINT holdpoint_guard", "RELEASE SAVEPOINT holdpoint_guard"],
            ),
            TxState::Failed => {
                return Err(Error::failed("the open transaction has failed, so nothing can be read on this session")
                    .hint("ROLLBACK first, or use another session."));
            }
        };
        let prelude =
            first.iter().copied().map(String::from).chain(self.local.iter().cloned()).chain(settings.iter().copied().map(String::from));
        Ok((prelude.collect(), coda))
    }

    /// What has to stand around a statement that writes and is not to have written: a transaction of its own, rolled back.
    fn rolled_back(&self, settings: &[&str], how: &Asked) -> Result<(Vec<String>, Vec<&'static str>)> {
        if self.access != Access::ReadWrite {
            return Err(Error::read_only("this session reads only, and a statement that writes is not run on it"));
        }
        if self.link.tx != TxState::Idle {
            return Err(Error::failed("a transaction is open on this session").hint("Commit or roll back first."));
        }
        // What is left to the commit, which never comes, is done at the statement's end, where it is measured.
        let at_once = how.writes.then(|| "SET CONSTRAINTS ALL IMMEDIATE".to_string());
        let prelude = std::iter::once("BEGIN".to_string())
            .chain(self.local.iter().cloned())
            .chain(settings.iter().copied().map(String::from))
            .chain(at_once)
            .chain(how.first.iter().cloned());
        Ok((prelude.collect(), vec!["ROLLBACK"]))
    }

    async fn pinned(&mut self, text: &str, params: &[Param], events: mpsc::Sender<Result<Event>>) -> Result<(), Lost> {
        let (prelude, coda) = match self.guarded(&["SET LOCAL search_path = ''", "SET LOCAL jit = off", LOCK_TIMEOUT]) {
            Ok(g) => g,
            Err(e) => {
                let _ = events.send(Err(e)).await;
                return Ok(());
            }
        };
        let before = self.link.tx;
        let ending = self.link.run(Job { prelude, text, params, coda, ..Job::default() }, events, false).await;
        let lost = ending.lost.clone();
        if lost.is_some() {
            self.link.tx = before;
        }
        self.publish(lost.as_ref());
        ending.tell().await;
        lost.map_or(Ok(()), Err)
    }

    /// A plan that is ended on the server as soon as nobody waits for it any more: a newer edit wants another one.
    async fn wanted(&mut self, text: &str, how: &Asked, reply: &mut oneshot::Sender<Result<Plan>>) -> Result<Result<Plan>, Lost> {
        let control = self.link.control.clone();
        let work = self.explain(text, how);
        tokio::pin!(work);
        tokio::select! {
            biased;
            plan = &mut work => plan,
            () = reply.closed() => {
                control.again();
                work.await
            }
        }
    }

    async fn explain(&mut self, text: &str, how: &Asked) -> Result<Result<Plan>, Lost> {
        let analyze = how.analyze;
        let limits: &[&str] = match (analyze, self.watches_client) {
            (true, true) => &[LOCK_TIMEOUT, "SET LOCAL client_connection_check_interval = '1s'"],
            (true, false) => &[LOCK_TIMEOUT],
            (false, _) => &[LOCK_TIMEOUT, "SET LOCAL statement_timeout = '10s'"],
        };
        let settings = match explain::settings(&how.settings) {
            Ok(s) => s,
            Err(e) => return Ok(Err(e)),
        };
        let limits: Vec<&str> = limits.iter().copied().chain(settings.iter().map(String::as_str)).collect();
        let around = if how.writable() { self.rolled_back(&limits, how) } else { self.guarded(&limits) };
        let (prelude, coda) = match around {
            Ok(g) => g,
            Err(e) => return Ok(Err(e)),
        };
        let before = explain::prefix(self.version, how);
        let text = format!("{before}{text}");
        let job = Job { prelude, before: before.chars().count(), text: &text, coda, ..Job::default() };
        let table = match self.link.fetch(job).await? {
            Ok(t) => t,
            Err(e) => return Ok(Err(explain::refine(e))),
        };
        let version = self.link.parameters.get("server_version").cloned().unwrap_or_default();
        Ok(table
            .scalar()
            .ok_or_else(|| Error::failed("the server sent no plan"))
            .and_then(|json| crate::plan::postgres::read_json(json, &version, analyze)))
    }
}
