//! One statement, enforced by the server: that it is one, that it reads where the session reads, and what came of it.

use super::Actor;
use super::stream::{Flow, Reader, stream};
use crate::engine::mysql::{errors, words};
use crate::engine::session::{Access, Event, ROLLED_BACK_IN_PART};
use crate::model::{Dialect, Error, Kind, Notice, Param, Reading, Result};
use crate::sql;
use crate::sql::settings::only_reading;
use mysql_async::prelude::{Protocol, Queryable};
use mysql_async::{DriverError, Params, QueryResult, Statement, Value};
use tokio::sync::mpsc;

/// Most warnings of one statement that are fetched.
const WARNINGS: u32 = 100;
/// Bytes from which a statement is not sent twice in one round trip.
const LONG: usize = 64 * 1024;

impl Actor {
    /// One statement, enforced by the server; its rows; its warnings. Gives its tag, and how many rows it changed.
    pub(super) async fn guarded(
        &mut self,
        text: &str,
        params: Vec<Param>,
        ours: bool,
        events: &mpsc::Sender<Result<Event>>,
        serial: u64,
    ) -> Result<(String, Option<u64>)> {
        self.check_bound(text, &params)?;
        let control = self.control.clone();
        let zone = self.zone.clone();
        let flow = self.send(text, params, ours, &Reader { events, control: &control, serial, zone: &zone }).await?;
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
        let in_part = warnings > 0 && self.warnings(events).await?;
        // With RETURNING the server sends the rows in place of their number.
        let affected = match flow.rows {
            None => Some(flow.affected),
            Some(rows) => words::changes_what_returns(text).then_some(rows),
        };
        let tag = words::tag(text, flow.rows, flow.affected);
        Ok((if in_part && tag == "ROLLBACK" { ROLLED_BACK_IN_PART.into() } else { tag }, affected))
    }

    /// Refuses values that would not arrive as they are.
    fn check_bound(&self, text: &str, params: &[Param]) -> Result<()> {
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
        Ok(())
    }

    /// Sends it when the server said that it is one statement, inside a read-only transaction where the session reads, and streams its rows.
    async fn send(&mut self, text: &str, params: Vec<Param>, ours: bool, reader: &Reader<'_>) -> Result<Flow> {
        let reads = self.access == Access::ReadOnly && !only_reading(Dialect::MySql, text);
        if reads && params.is_empty() {
            return self.send_read(text, ours, reader).await;
        }
        let statement = self.prepare(text).await?;
        if reads {
            self.conn.query_drop("START TRANSACTION READ ONLY").await.map_err(|e| self.failed(e, ""))?;
        }
        if params.is_empty() {
            if let Some(s) = statement {
                self.conn.close(s).await.map_err(|e| self.failed(e, text))?;
            }
            return self.send_text(text, reader).await;
        }
        let Some(s) = statement else {
            return Err(Error::new(Kind::Statement, "this statement takes no parameters: the server cannot prepare it"));
        };
        let values: Vec<Value> = params.into_iter().map(bound).collect();
        let flow = match self.conn.exec_iter(s.clone(), Params::Positional(values)).await {
            Ok(result) => stream(result, reader).await,
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
        Ok(flow)
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

    async fn send_text(&mut self, text: &str, reader: &Reader<'_>) -> Result<Flow> {
        match self.conn.query_iter(text).await {
            Ok(result) => Ok(stream(result, reader).await),
            Err(e) => Err(self.failed(e, text)),
        }
    }

    /// A read, sent behind the start of its read-only transaction and, where PREPARE takes any text, behind the server's word that it is one
    /// statement (PREPARE takes no second one): a batch ends at its first error, so what follows is not run without that word. What is
    /// typed then costs one round trip, and what is ours takes its ROLLBACK along.
    async fn send_read(&mut self, text: &str, ours: bool, reader: &Reader<'_>) -> Result<Flow> {
        let mut before = vec!["START TRANSACTION READ ONLY".to_string()];
        if self.prepares_text && text.len() < LONG {
            before.push(format!("PREPARE holdpoint FROM x'{}'", hex::encode(text)));
            before.push("DEALLOCATE PREPARE holdpoint".into());
        } else if let Some(s) = self.prepare(text).await? {
            self.conn.close(s).await.map_err(|e| self.failed(e, text))?;
        }
        let after = if ours { "; ROLLBACK" } else { "" };
        let sent = self.conn.query_iter(format!("{}; {text}{after}", before.join("; "))).await;
        let flow = match sent {
            Ok(mut result) => match pass(&mut result, before.len()).await {
                Ok(()) => Ok(stream(result, reader).await),
                Err(e) => Err(e),
            },
            Err(e) => Err(e),
        };
        match flow {
            Ok(flow) => {
                self.rolled_back = ours && flow.result.is_ok();
                Ok(flow)
            }
            // Not to be prepared: the server parsed it, and as one statement. Ours must agree.
            Err(mysql_async::Error::Server(e)) if e.code == 1295 => {
                single(self.status.borrow().reading, text)?;
                self.send_text(text, reader).await
            }
            Err(e) => Err(self.failed(e, text)),
        }
    }

    /// Hands on what the server remarks; true where it says that a part could not be rolled back.
    async fn warnings(&mut self, events: &mpsc::Sender<Result<Event>>) -> Result<bool> {
        let list: Vec<(String, u32, String)> =
            self.conn.query(format!("SHOW WARNINGS LIMIT {WARNINGS}")).await.map_err(|e| self.failed(e, ""))?;
        let mut in_part = false;
        for (level, code, message) in list {
            in_part |= code == 1196;
            let notice = Notice { severity: level, message, detail: Some(format!("code {code}")), hint: None };
            let _ = events.send(Ok(Event::Notice(notice))).await;
        }
        Ok(in_part)
    }
}

/// A value as the protocol binds it: a whole number as one, because `LIMIT ?` takes nothing else; other numbers as their decimal text,
/// which is exact where a double would not be.
fn bound(p: Param) -> Value {
    match p {
        Param::Null => Value::NULL,
        Param::Text(t) => Value::Bytes(t.into_bytes()),
        Param::Bytes(b) | Param::TextBytes(b) => Value::Bytes(b),
        Param::Number(t) | Param::Literal(t) => match (t.parse::<i64>(), t.parse::<u64>()) {
            (Ok(n), _) => Value::Int(n),
            (_, Ok(n)) => Value::UInt(n),
            _ => Value::Bytes(t.into_bytes()),
        },
    }
}

/// Reads past the answers of the first statements of a batch; none of them gives rows.
async fn pass<P: Protocol>(result: &mut QueryResult<'_, '_, P>, statements: usize) -> mysql_async::Result<()> {
    for _ in 0..statements {
        result.next().await?;
    }
    Ok(())
}

fn single(reading: Reading, text: &str) -> Result<()> {
    match sql::split(reading, text).len() {
        1 => Ok(()),
        _ => Err(Error::new(Kind::Statement, "exactly one statement can run at a time")),
    }
}

/// The driver would see a named parameter somewhere.
fn names_parameter(text: &str) -> bool {
    text.as_bytes().windows(2).any(|w| w[0] == b':' && matches!(w[1], b'a'..=b'z' | b'_'))
}
