//! Connecting, watching a session, unlocking.

use super::{Live, Shared, lock, server};
use crate::app::Msg;
use crate::app::state::Note;
use crate::engine::SessionStatus;
use crate::model::{Error, Kind, Result, TxState};
use crate::ops;
use crate::ops::statements::session_ended;
use crate::store::history::Fate;
use secrecy::SecretString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Lets go of the open connection; the session closes when its last user is done.
pub fn drop_live(shared: &Shared) {
    let fix = lock(&shared.fix).take();
    drop(lock(&shared.unlock).take());
    let live = lock(&shared.live).take();
    // Nobody is left to be told what the store cannot take.
    let cx = shared.cx();
    let _ = fix.map(|f| f.dropped(&cx));
    let _ = live.map(|l| session_ended(&cx, &l.connection, Fate::RolledBack));
}

/// Closes the session that runs the user's statement at once and says so.
pub fn sever(shared: &Arc<Shared>, link: u64) {
    let Some(live) = shared.live(link) else { return };
    // A data fix has a session of its own: who makes it sees it end, and then asks what goes on without it.
    let fixing = lock(&shared.fixing).clone();
    if fixing.is_some_and(|session| session.sever()) {
        return;
    }
    if live.query.sever() {
        let _ = session_ended(&shared.cx(), &live.connection, Fate::Lost);
        let lost = format!("it was closed here, because the server did not answer; {}", crate::app::note::BEING_LOOKED_AT);
        shared.send(Msg::Status { link, status: SessionStatus { lost: Some(lost), tx: TxState::Idle, ..live.query.status() } });
        if let Some(backend) = live.query.backend() {
            tokio::spawn(left_behind(shared.clone(), live, backend));
        }
    } else {
        let words = "Cancelling was asked for already: the database is inside this program, and there is no connection to close.";
        shared.send(Msg::Said(Note::info(words)));
    }
}

/// A server has this long to end the statement of a connection that was closed under it.
const TO_END: Duration = Duration::from_secs(3);

/// Asks the server whether the statement goes on without its connection, and says so.
pub async fn left_behind(shared: Arc<Shared>, live: Arc<Live>, backend: u64) {
    let link = live.link;
    let looked = async {
        let locks = live.connection.engine().locks().get()?;
        let reader = live.connection.reader().await?;
        let begun = tokio::time::Instant::now();
        loop {
            match locks.running(&reader, backend).await? {
                Some(statement) if begun.elapsed() >= TO_END => return Ok(Some(statement)),
                Some(_) => tokio::time::sleep(Duration::from_millis(200)).await,
                None => return Ok(None),
            }
        }
    };
    let result: Result<Option<String>> = looked.await;
    shared.send(Msg::LeftBehind { link, backend, result });
}

/// Ends the session on the server.
pub async fn end_session(shared: Arc<Shared>, link: u64, backend: u64) {
    let Some(live) = shared.live(link) else { return };
    let ended = async {
        let reader = live.connection.reader().await?;
        live.connection.engine().locks().get()?.end(&reader, backend).await
    };
    match ended.await {
        // Whether it is gone is the server's word.
        Ok(true) => left_behind(shared, live, backend).await,
        Ok(false) => shared.send(Msg::LeftBehind { link, backend, result: Ok(None) }),
        Err(e) => shared.send(Msg::LeftBehind { link, backend, result: Err(e) }),
    }
}

pub async fn connect(shared: Arc<Shared>, link: u64, name: String, password: Option<SecretString>) {
    match open(&shared, link, &name, password).await {
        Ok(live) => {
            let live = Arc::new(live);
            let mut status = live.query.watch();
            let words = server(&live);
            if let Some(mut unasked) = live.query.unasked() {
                let shared = shared.clone();
                tokio::spawn(async move {
                    // Ends with the connection.
                    while let Some(notice) = unasked.recv().await {
                        shared.send(Msg::Unasked { link, notice });
                    }
                });
            }
            *lock(&shared.live) = Some(live);
            shared.send(Msg::Connected { link, server: Box::new(words) });
            tokio::spawn(recover(shared.clone(), link));
            while status.changed().await.is_ok() {
                let now = status.borrow_and_update().clone();
                if now.lost.is_some()
                    && let Some(live) = shared.live(link)
                {
                    let _ = session_ended(&shared.cx(), &live.connection, Fate::Lost);
                }
                shared.send(Msg::Status { link, status: now });
                if shared.live(link).is_none() {
                    break;
                }
            }
        }
        Err(error) => shared.send(Msg::ConnectFailed { link, error }),
    }
}

async fn open(shared: &Shared, link: u64, name: &str, password: Option<SecretString>) -> Result<Live> {
    let cx = shared.cx();
    let target = shared.target(name)?;
    let typed = password.is_some();
    if let Some(p) = password {
        ops::connect::typed(&cx, &target, p)?;
    }
    let session = async {
        let connection = ops::connect::connect_to(&cx, target).await?;
        let query = connection.query_session().await?;
        Ok(Live { link, connection, query, used: AtomicBool::new(false) })
    };
    session.await.map_err(|mut e: Error| {
        // SQLSTATE class 28 and MySQL's 1045: the password was refused. One that was typed is asked for again.
        let refused = e.code.as_deref().is_some_and(|c| c.starts_with("28") || c == "1045");
        if e.kind == Kind::PasswordNeeded || (typed && refused) {
            cx.forget_password(name);
            e.kind = Kind::PasswordNeeded;
        }
        e
    })
}

/// Looks for runs on this target that were cut off, and explains them.
async fn recover(shared: Arc<Shared>, link: u64) {
    let Some(live) = shared.live(link) else { return };
    let cx = shared.cx();
    let runs = match ops::recover::unfinished(&cx) {
        Ok(all) => {
            let mut out = Vec::new();
            for u in all.iter().filter(|u| u.target == live.connection.target().name) {
                out.push(ops::recover::explain(&cx, &live.connection, u).await);
            }
            out
        }
        Err(e) => vec![Err(e)],
    };
    if !runs.is_empty() {
        shared.send(Msg::Recovered { link, runs });
    }
}

pub async fn unlock(shared: Arc<Shared>, link: u64, typed: String) {
    let Some(live) = shared.live(link) else { return };
    let cx = shared.cx();
    let result = ops::query::unlock(&cx, &live.connection, &typed).and_then(|u| {
        let left = u.seconds_left(&cx);
        let until = jiff::Timestamp::from_second(cx.clock.now().as_second() + left);
        let until = until.map_err(|e| Error::failed(format!("the clock cannot be used: {e}")))?;
        *lock(&shared.unlock) = Some(Arc::new(u));
        Ok(until)
    });
    shared.send(Msg::Unlocked { link, result });
}
