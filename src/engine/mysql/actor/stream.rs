//! Rows on their way from the server to who reads them.

use super::end_on_server;
use crate::engine::mysql::cancel::Control;
use crate::engine::mysql::rows::{self, Shape};
use crate::engine::session::Event;
use crate::model::{BatchBuilder, Column, Result, RowBatch};
use mysql_async::prelude::Protocol;
use mysql_async::{QueryResult, Row, TextProtocol};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Rows of the first batch: what a screen shows, without waiting for more.
const FIRST_ROWS: usize = 64;
/// A batch that is not full is handed on when no further row came for this long.
const LINGER: Duration = Duration::from_millis(20);

/// How the rows of a statement ended.
pub(super) struct Flow {
    pub result: Result<(), mysql_async::Error>,
    /// Rows of the newest result; `None` when the statement had none.
    pub rows: Option<u64>,
    pub affected: u64,
    /// The reader went away, or was told to stop.
    pub abandoned: bool,
    pub batch: Option<BatchBuilder>,
}

/// Who reads the rows, and the way to end the statement when nobody does.
pub(super) struct Reader<'a> {
    pub events: &'a mpsc::Sender<Result<Event>>,
    pub control: &'a Arc<Control>,
    pub serial: u64,
    /// The session's time zone.
    pub zone: &'a str,
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

/// Reads all results and hands on their columns and rows. The last, unfinished batch comes back.
pub(super) async fn stream<P: Protocol>(mut result: QueryResult<'_, '_, P>, reader: &Reader<'_>) -> Flow {
    let mut flow = Flow { result: Ok(()), rows: None, affected: 0, abandoned: false, batch: None };
    while let Some(columns) = result.columns() {
        let wanted = !columns.is_empty();
        if !wanted {
            flow.affected += result.affected_rows();
        }
        let shapes: Vec<Shape> = columns.iter().map(rows::shape).collect();
        if wanted {
            let by_text = std::any::TypeId::of::<P>() == std::any::TypeId::of::<TextProtocol>();
            let list: Arc<[Column]> = columns.iter().map(|c| rows::column(c, reader.zone, by_text)).collect();
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
