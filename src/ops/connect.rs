//! From a target's name to sessions: secrets are resolved here, and each kind of work gets its own kind of session.

use super::Cx;
use crate::config::{AccessMode, Target, secrets};
use crate::engine::tls::locked;
use crate::engine::{Access, Catalog, Connect, Engine, Role, Session, SessionStatus, registry};
use crate::model::{Dialect, Error, Place, Result};
use crate::sql::redact::{positional, redact, redact_all, secret_column};
use crate::sql::settings::only_reading;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// By a table's name as statements wrote it: whether it has a column for secrets, and until when that holds.
type SecretTables = BTreeMap<Vec<String>, (bool, Option<Instant>)>;

/// A target that can be connected to. It holds at most one cached session, for background reads.
pub struct Connection {
    engine: Arc<dyn Engine>,
    reader: tokio::sync::Mutex<Option<Session>>,
    /// The user's own session, where that one may serve as the reader.
    lent: Mutex<Option<Session>>,
    /// See [`Connection::follower`].
    follower: tokio::sync::Mutex<Option<(Place, Session)>>,
    /// State of the session that runs the user's statements, once there is one.
    user: Mutex<Option<watch::Receiver<SessionStatus>>>,
    /// What the open transaction of that session wrote, as the history knows it.
    pub(in crate::ops) unsettled: Mutex<Vec<super::statements::Unsettled>>,
    /// Statements by which the user set what their session reads by, in their order.
    settings: Mutex<Vec<String>>,
    /// Whether a table has a column for secrets, by its name as statements wrote it: those that give it rows without naming columns. Until
    /// when that holds, where the table was not found: a transaction may have made it, and a dump fills it by a thousand statements.
    secret_tables: Mutex<SecretTables>,
    /// A statement is on its way that commits it: should the connection go meanwhile, nobody knows whether it did.
    pub(in crate::ops) committing: AtomicBool,
}

/// The configured target of that name, a URL or a SQLite file; the error names the nearest one.
pub fn target(cx: &Cx, name: &str) -> Result<Target> {
    cx.config.find(name)
}

/// [`target`], then [`connect_to`].
pub async fn connect(cx: &Cx, name: &str) -> Result<Connection> {
    let t = target(cx, name)?;
    connect_to(cx, t).await
}

/// Resolves the target's secret and makes its engine; no connection is made yet. When a prompt is configured the error
/// [asks](Error::asks): ask, [`typed`], call again. (The server may ask for a
/// password later too, with the same kind of error, when a session is opened.)
pub async fn connect_to(cx: &Cx, target: Target) -> Result<Connection> {
    if let Some(key) = locked_key(&target) {
        match cx.config.around.var(KEY_PASSPHRASE) {
            Some(phrase) => locked::open(&key, &phrase.to_string().into())?,
            None => return Err(locked::wanted(&key)),
        }
    }
    let password = match cx.remembered_password(&target.name) {
        Some(p) => Some(p),
        None => secrets::resolve_in(&target, None, &cx.config.around).await?,
    };
    Ok(Connection::over(registry::engine(target, password)))
}

/// After how long a table that was not there is looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// The environment variable that holds the pass phrase of a client's private key.
pub const KEY_PASSPHRASE: &str = "HOLDPOINT_KEY_PASSPHRASE";

/// The target's private key, if it has a pass phrase that is still to be given: that is what is asked for first.
pub fn locked_key(target: &Target) -> Option<PathBuf> {
    registry::client_key(target).filter(|key| locked::locked(key))
}

/// Takes what was typed: the pass phrase of the target's private key where that is still locked, else its password.
pub fn typed(cx: &Cx, target: &Target, secret: SecretString) -> Result<()> {
    match locked_key(target) {
        Some(key) => locked::open(&key, &secret),
        None => {
            cx.remember_password(&target.name, secret);
            Ok(())
        }
    }
}

/// All connections are taken: the server's, the database's or the account's own.
fn has_no_place(e: &Error) -> bool {
    matches!(e.code.as_deref(), Some("53300" | "1040" | "08004" | "1203" | "1226"))
}

impl Connection {
    /// Around an engine that was made elsewhere (scratch databases, tests).
    pub fn over(engine: Arc<dyn Engine>) -> Self {
        Connection {
            engine,
            reader: tokio::sync::Mutex::new(None),
            lent: Mutex::default(),
            follower: tokio::sync::Mutex::new(None),
            user: Mutex::default(),
            unsettled: Mutex::default(),
            settings: Mutex::default(),
            secret_tables: Mutex::default(),
            committing: AtomicBool::new(false),
        }
    }
    pub fn target(&self) -> &Target {
        self.engine.target()
    }
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }
    pub fn dialect(&self) -> Dialect {
        self.engine.dialect()
    }

    /// Looks up, once for each table, whether the values of an INSERT that names no columns hold secrets: before it runs, so that its record
    /// is without them. What cannot be looked up is taken for none.
    pub(in crate::ops) async fn learn_secrets(&self, text: &str) {
        let known = |n: &Vec<String>| self.secret_tables().get(n).is_some_and(|(_, until)| until.is_none_or(|u| Instant::now() < u));
        let Some(name) = positional(self.dialect(), text).filter(|n| !known(n)) else { return };
        let Ok(catalog) = self.catalog() else { return };
        let Ok(session) = self.follower().await else { return };
        let looked = match catalog.table(&session, &name).await {
            Ok(Some(table)) => (table.columns.iter().any(|c| secret_column(&c.name)), None),
            _ => (false, Some(Instant::now() + LOOK_AGAIN)),
        };
        self.secret_tables().insert(name, looked);
    }

    /// A statement as it may be kept: without the secrets in it.
    pub(in crate::ops) fn redacted(&self, text: &str) -> String {
        let known = positional(self.dialect(), text).is_some_and(|n| self.secret_tables().get(&n).is_some_and(|(holds, _)| *holds));
        if known { redact_all(self.dialect(), text) } else { redact(self.dialect(), text) }
    }

    fn secret_tables(&self) -> std::sync::MutexGuard<'_, SecretTables> {
        self.secret_tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// The catalogue, or an error that says why there is none.
    pub fn catalog(&self) -> Result<&dyn Catalog> {
        self.engine.catalog().get()
    }

    /// The shared background session: read-only, short timeouts; opened when first asked for, and again after it was lost.
    pub async fn reader(&self) -> Result<Session> {
        let mut slot = self.reader.lock().await;
        if let Some(s) = slot.as_ref().filter(|s| s.status().lost.is_none()) {
            return Ok(s.clone());
        }
        match self.engine.connect(Connect::new(Role::Background, Access::ReadOnly)).await {
            Ok(s) => {
                *slot = Some(s.clone());
                Ok(s)
            }
            Err(e) => self.lent(e),
        }
    }

    /// From now on what is read for the program's own ends may be read by this session of the user's, which runs nothing while that is asked
    /// for: the place that it has may be the last one of the server.
    pub fn lend(&self, session: &Session) {
        *self.lent.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
    }

    /// Where the server has no place for another session: the lent one, as long as the user has set nothing in it that might cut an answer
    /// short; else what was in the way.
    fn lent(&self, e: Error) -> Result<Session> {
        let as_it_was = self.settings.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        let lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        match lent.as_ref().filter(|s| as_it_was && has_no_place(&e) && s.status().lost.is_none()) {
            Some(s) => Ok(s.clone()),
            None => Err(e),
        }
    }

    /// Like [`Connection::reader`], for what reads names as the user's session does: it stands where that one was sent by `SET
    /// search_path` or `USE`. The reader itself always stands where the target says, because evidence is bound to that.
    pub async fn follower(&self) -> Result<Session> {
        let mut slot = self.follower.lock().await;
        let Some(place) = self.place() else {
            // It may hold a file that the user's session has let go.
            *slot = None;
            drop(slot);
            return self.reader().await;
        };
        if let Some((at, s)) = slot.as_ref().filter(|(_, s)| s.status().lost.is_none())
            && *at == place
        {
            return Ok(s.clone());
        }
        let how = Connect { place: Some(place.clone()), ..Connect::new(Role::Background, Access::ReadOnly) };
        let s = match self.engine.connect(how).await {
            Ok(s) => s,
            Err(e) => return self.lent(e),
        };
        // What it lacks (a file that is locked) may be there the next time.
        *slot = s.lacks().is_empty().then(|| (place, s.clone()));
        Ok(s)
    }

    /// For what the schema tree tells: all that the user's session has. Where only bare names lead elsewhere, that is the reader's, too.
    pub async fn surveyor(&self) -> Result<Session> {
        match self.place() {
            Some(Place::Beside(_)) => self.follower().await,
            _ => self.reader().await,
        }
    }

    /// An error where the rows of a table are in the user's own session alone, so that no other one can change them, or in the database of a
    /// target of a later environment.
    pub(in crate::ops) fn reaches(&self, schema: &str) -> Result<()> {
        if let Some(held) = super::later::of_schema(self.target(), self.dialect(), self.place().as_ref(), schema) {
            return Err(held);
        }
        if !self.place().is_some_and(|p| p.is_private(schema)) {
            return Ok(());
        }
        Err(Error::held(format!("held: {} is in your own session alone, and this takes a session of its own", crate::text::clean(schema)))
            .hint("Type the statement in the editor: it runs as it is."))
    }

    /// A session for the user's own statements: read-write only on an open target, else read-only (proven at open).
    pub async fn query_session(&self) -> Result<Session> {
        let access = if self.target().access == AccessMode::Open { Access::ReadWrite } else { Access::ReadOnly };
        let s = self.engine.connect(Connect::new(Role::Query, access)).await?;
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.user.lock().unwrap_or_else(PoisonError::into_inner) = Some(s.watch());
        Ok(s)
    }

    /// Where a bare name leads in the user's own session, if that is no longer where the target says
    /// ([`SessionStatus::place`]).
    pub fn place(&self) -> Option<Place> {
        self.user.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|s| s.borrow().place.clone())
    }

    /// The user's own session has run this; what it reads by holds for what the user writes, too.
    pub(in crate::ops) fn ran(&self, text: &str) {
        if only_reading(self.dialect(), text) {
            let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
            settings.retain(|old| old != text);
            settings.push(text.to_string());
        }
    }

    /// A read-write session for a data fix, with what the user has set in the session of their own: the same names lead to the same
    /// tables, and the same text to the same values. Not public: the ways to it are `ops::datafix` and `ops::migrate`.
    pub(in crate::ops) async fn writer(&self) -> Result<Session> {
        let beside = self.place().filter(|p| matches!(p, Place::Beside(_))).map(|p| p.shared());
        let s = self.engine.connect(Connect { whole: true, place: beside, ..Connect::new(Role::Query, Access::ReadWrite) }).await?;
        if let Some((name, why)) = s.lacks().first() {
            return Err(why.clone().context(format_args!("opening {} for the change", crate::text::clean(name))));
        }
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // How many rows a SELECT gives is for the grid; the rows before a change are wanted whole.
        for text in settings.iter().filter(|t| !t.to_ascii_lowercase().contains("sql_select_limit")) {
            s.fetch(text.clone())
                .await
                .map_err(|e| e.context(format_args!("setting for the change what you had set: {}", crate::text::clean(text))))?;
        }
        Ok(s)
    }

    /// A dedicated read-write session for a migration run or a proof.
    pub(in crate::ops) async fn migrator(&self) -> Result<Session> {
        self.engine.connect(Connect::new(Role::Migration, Access::ReadWrite)).await
    }
}
