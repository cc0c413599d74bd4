//! Ending the running statement from a second connection, and never the next one.

use super::connect::Connector;
use crate::engine::session::Canceller;
use crate::model::{Error, Result};
use futures_util::future::BoxFuture;
use mysql_async::prelude::Queryable;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify};

/// Limit for opening the control connection.
pub(super) const CONTROL: Duration = Duration::from_secs(5);

/// What the actor and the canceller agree by. Whoever holds it knows that no statement starts or ends meanwhile
/// as far as the actor is concerned: so a KILL QUERY reaches the statement it was meant for, or none.
#[derive(Default)]
struct Gate {
    /// A statement of the user is on the server.
    running: bool,
    /// A KILL QUERY was sent for it.
    killed: bool,
    /// Counts statements: an order to end one must not end its successor.
    serial: u64,
}

/// The way to the server that does not go through the busy connection.
pub(super) struct Control {
    connector: Arc<Connector>,
    /// The connection's id on the server.
    id: u32,
    gate: Mutex<Gate>,
    /// Tells the actor to stop waiting for its reader: the rows are not wanted any more.
    pub drain: Notify,
}

impl Control {
    pub fn new(connector: Arc<Connector>, id: u32) -> Self {
        Control { connector, id, gate: Mutex::new(Gate::default()), drain: Notify::new() }
    }

    /// Sends KILL QUERY when a statement runs. Returns when the server has taken it.
    /// `serial` names the statement; `None` is whichever runs now.
    pub async fn kill(&self, serial: Option<u64>) -> Result<()> {
        let mut gate = self.gate.lock().await;
        if !gate.running || serial.is_some_and(|s| s != gate.serial) {
            return Ok(());
        }
        let unavailable = |e: Error| {
            Error { message: format!("cancelling is not possible now: no second connection ({})", e.message), ..e }
                .hint("The statement runs on. Ending the console's session closes its connection, and the server ends it then.")
        };
        // No database: one that is locked or gone must not stand in the way.
        let mut fresh = self.connector.connect_to(None, CONTROL).await.map_err(unavailable)?;
        // Before it is sent: whoever stops waiting for the answer has not called it back.
        gate.killed = true;
        let sent = tokio::time::timeout(CONTROL, fresh.conn.query_drop(format!("KILL QUERY {}", self.id))).await;
        match sent {
            Ok(Ok(())) => {}
            // No such thread: the connection is gone, and with it the statement.
            Ok(Err(mysql_async::Error::Server(e))) if e.code == 1094 => {}
            Ok(Err(e)) => return Err(unavailable(super::errors::statement(e, ""))),
            Err(_) => return Err(unavailable(Error::connect("the server did not answer"))),
        }
        self.drain.notify_one();
        drop(gate);
        fresh.way.part(fresh.conn, Duration::from_secs(1)).await;
        Ok(())
    }
}

impl Control {
    /// A statement begins; gives its serial.
    pub async fn begin(&self) -> u64 {
        let mut gate = self.gate.lock().await;
        gate.running = true;
        gate.killed = false;
        gate.serial += 1;
        gate.serial
    }

    /// The statement is over. True when a KILL QUERY was delivered for it, which may still be about to strike.
    pub async fn end(&self) -> bool {
        let mut gate = self.gate.lock().await;
        gate.running = false;
        let killed = std::mem::take(&mut gate.killed);
        if killed {
            // The word to stop, if nobody waited for it.
            let _ = futures_util::FutureExt::now_or_never(self.drain.notified());
        }
        killed
    }
}

impl Canceller for Control {
    fn cancel(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.kill(None))
    }
}
