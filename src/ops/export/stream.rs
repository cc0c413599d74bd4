//! Rows straight from the server into a file: nothing is kept in memory or beside.

use super::{Encoder, NewFile};
use crate::engine::{Event, Session};
use crate::model::{Error, Kind, Result};
use crate::ops::Cx;
use crate::ops::statements::runs_to_its_end;
use crate::sql::params::Bound;
use futures_util::future::BoxFuture;
use std::path::Path;

/// What an export wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    pub rows: u64,
    /// Rows that the statement changed, where the server tells.
    pub affected: Option<u64>,
    /// Results after the first one: a file holds one, and they are not in it.
    pub left_out: u32,
    /// See [`Encoder::read_otherwise`].
    pub otherwise: Vec<String>,
    /// The statement ran to its end, and there is no file: why.
    pub lost: Option<Error>,
}

/// Runs a statement that was admitted, and writes its rows into a new file as they come. The file is there when all rows are in it;
/// after an error or a cancel there is none. Cancelling keeps the session. A statement that only reads is ended when its rows cannot be
/// written; another one runs to its end.
pub async fn to_file(cx: &Cx, session: &Session, sent: Bound, mut encoder: Encoder, path: &Path) -> Result<Exported> {
    let mut file = NewFile::create(path)?;
    let mut out = Vec::new();
    let mut rows = 0;
    let mut any = false;
    let mut left_out = 0;
    let to_its_end = runs_to_its_end(session.dialect(), &sent.text, session.status().tx);
    let mut lost = None;
    let mut stream = session.run_sent(sent, None).await?;
    let mut asked = false;
    // Asking takes a connection of its own, which may hang; the statement's end is heard meanwhile.
    let mut asking: Option<BoxFuture<'_, Error>> = None;
    loop {
        let event = tokio::select! {
            event = stream.next() => event,
            () = cx.cancel.cancelled(), if !asked => {
                asked = true;
                asking = Some(Box::pin(session.cancel_until_ended()));
                continue;
            }
            _ = async { match &mut asking { Some(a) => a.await, None => std::future::pending().await } } => {
                asking = None;
                cx.progress.update("cancelling failed; cancel again to hang up", rows, None);
                continue;
            }
        };
        match event {
            None => return Err(Error::failed("the statement ended without saying how")),
            // Servers say in words of their own that a statement was cancelled.
            Some(Err(e)) => return Err(if asked && e.kind == Kind::Statement { Error::cancelled() } else { e }),
            Some(Ok(Event::Columns(columns))) => {
                any = true;
                if let Err(e) = encoder.columns(&columns, &mut out) {
                    // A stream that is dropped is cancelled on the server by its actor.
                    lost = Some(if to_its_end { e } else { return Err(e) });
                }
            }
            Some(Ok(Event::Further(_))) if lost.is_some() => {}
            Some(Ok(Event::Rows(batch))) if lost.is_some() => rows += batch.rows() as u64,
            Some(Ok(Event::Further(_))) => left_out += 1,
            Some(Ok(Event::Rows(_))) if left_out > 0 => {}
            Some(Ok(Event::Rows(batch))) => {
                rows += batch.rows() as u64;
                if let Err(e) = encoder.batch(&batch, &mut out).and_then(|()| file.write(&out)) {
                    lost = Some(if to_its_end { e } else { return Err(e) });
                    cx.progress.update("the rows cannot be written; the statement goes on to its end", rows, None);
                    continue;
                }
                out.clear();
                cx.progress.update("rows", rows, None);
            }
            Some(Ok(Event::Notice(_))) => {}
            Some(Ok(Event::Done(done))) => {
                if !any {
                    let why = format!("it ran ({}) and has no rows: no file was made", crate::text::clean(&done.tag));
                    lost = Some(Error::failed(why));
                }
                if lost.is_none() {
                    let facts = serde_json::json!({ "tag": done.tag, "affected": done.affected });
                    encoder.finish(&facts, &mut out);
                    lost = file.write(&out).and_then(|()| file.finish()).err();
                }
                return Ok(Exported { rows, affected: done.affected, left_out, otherwise: encoder.read_otherwise(), lost });
            }
        }
    }
}
