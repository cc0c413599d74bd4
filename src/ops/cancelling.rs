//! Ending on the server what nobody wants any more: Ctrl-C reaches the session that does the work, whichever that is.

use super::Cx;
use crate::engine::Session;
use crate::model::{Dialect, Error, Result};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long the server may take to end what was cancelled, before its connection is closed.
const TO_END: Duration = Duration::from_secs(5);

/// Sessions that were told to end what they run and have not confirmed it, each with what to do about it.
pub(in crate::ops) type Unconfirmed = Arc<Mutex<Vec<String>>>;

/// A session is among the [`Unconfirmed`] while this lives.
pub struct Told {
    list: Unconfirmed,
    words: Option<String>,
}

impl Told {
    /// A session inside this process ends with it: there is nothing to say of one.
    pub fn new(cx: &Cx, session: &Session) -> Told {
        let words = session.backend().and_then(|id| match session.dialect() {
            Dialect::Postgres => Some(format!("session {id} may go on there; SELECT pg_terminate_backend({id}) ends it")),
            Dialect::MySql => Some(format!("session {id} may go on there; KILL {id} ends it")),
            Dialect::Sqlite => None,
        });
        let list = cx.unconfirmed.clone();
        list.lock().unwrap_or_else(PoisonError::into_inner).extend(words.clone());
        Told { list, words }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = list.iter().position(|w| Some(w) == self.words.as_ref()) {
            list.remove(at);
        }
    }
}

/// Returns when the context was cancelled, the server has been told so, and it has had its time to end what runs: whoever waits for that
/// beside hears of it sooner. The work must be polled first (`biased`): a server that is told to end what has not been sent yet
/// forgets it, and the work would run to its end.
pub(in crate::ops) async fn cancelled(cx: &Cx, session: &Session) {
    cx.cancel.cancelled().await;
    let _told = Told::new(cx, session);
    // A refusal leaves the statement to its own time limit, or to the end of its connection.
    let _ = session.cancel().await;
    tokio::time::sleep(TO_END).await;
}

/// The work on a session; once it was cancelled, the server is told, and the work goes on to what it makes of the error: it looks at
/// [`Cx::check_cancelled`] before anything is kept. `None` when the server does not heed it: what runs there still runs.
pub(in crate::ops) async fn told_to_end<T>(cx: &Cx, session: &Session, work: impl Future<Output = Result<T>>) -> Option<Result<T>> {
    tokio::select! {
        biased; // First the request, then its end: see [`cancelled`].
        done = work => Some(done),
        () = cancelled(cx, session) => None,
    }
}

/// Work that a cancel does not end: once it came, the answer is waited for no longer than any other. `None` when none came.
pub(in crate::ops) async fn in_time<T>(cx: &Cx, work: impl Future<Output = Result<T>>) -> Option<Result<T>> {
    let late = async {
        cx.cancel.cancelled().await;
        tokio::time::sleep(TO_END).await;
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = late => None,
    }
}

/// [`told_to_end`] for work of which nothing is wanted after a cancel, whatever it came to. Where the server does not heed it, the error
/// says what may go on.
pub(in crate::ops) async fn unless_cancelled<T>(cx: &Cx, session: &Session, work: impl Future<Output = Result<T>>) -> Result<T> {
    match told_to_end(cx, session, work).await {
        None => Err(unheeded(session)),
        Some(_) if cx.cancel.is_cancelled() => Err(Error::cancelled()),
        Some(done) => done,
    }
}

/// Cancelled here; the server had its time and did not end it.
fn unheeded(session: &Session) -> Error {
    let which = session.backend().map_or_else(|| "Its session".to_string(), |b| format!("Session {b}"));
    Error::cancelled().hint(format!(
        "The server has not ended it: its connection is closed now. {which} may go on there, holding its locks, until the server notices; \
        nothing of it will be committed."
    ))
}

/// Rolls back and closes a session of ours, also one that does not answer. False when the server has not confirmed it: with
/// the connection the transaction is gone as well, and what runs there may run until the server notices.
pub(in crate::ops) async fn roll_back_and_close(session: &Session) -> bool {
    let confirmed = matches!(tokio::time::timeout(TO_END, session.fetch("ROLLBACK")).await, Ok(Ok(_)));
    if tokio::time::timeout(TO_END, session.clone().close()).await.is_err() {
        session.sever();
    }
    confirmed
}
