//! Operations: one place for each thing that Holdpoint does, the same for the console and the command line.
//!
//! An operation takes a [`Cx`] and usually a [`Connection`], and returns a report. Whatever writes to a target goes
//! through [`gate`]; whatever happened is in the journal. Nothing here draws, prints or asks: a question to a person
//! is an error that the caller knows by its kind ([`crate::model::Error::asks`], [`crate::model::Kind::Held`]).

pub mod advice;
pub mod assess;
pub mod backup;
pub(crate) mod cancelling;
pub mod cells;
pub mod checklist;
pub mod checklists;
pub mod column;
pub mod compare;
pub mod connect;
pub mod copies;
pub mod datafix;
pub mod demo;
pub mod environment;
pub mod evidence;
pub mod explain;
pub mod export;
pub mod find;
pub mod gate;
pub mod import;
pub mod incident;
pub mod journal;
mod later;
pub mod library;
pub mod measure;
pub mod migrate;
pub mod optimization;
pub mod param_sets;
pub mod plan_facts;
pub mod plan_test;
pub mod plans;
pub mod query;
mod record;
pub mod recover;
pub mod recovery;
pub mod rows;
pub mod running;
pub mod schema;
pub mod sketch;
pub mod statements;
pub mod used_by;
pub mod waits;
pub mod what_if;
pub mod write_trial;

pub use connect::Connection;

use crate::config::Config;
use crate::model::{Error, Progress, Result, Silent};
use crate::store::Store;
use jiff::{Timestamp, ToSpan};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// Where operations read the time from; tests set it.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    /// A time that stands still until it is set again.
    Fixed(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// A clock that stands at `at` (RFC 3339) until [`Clock::advance`].
    pub fn fixed(at: Timestamp) -> Self {
        Clock::Fixed(Arc::new(Mutex::new(at)))
    }
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => Timestamp::now(),
            Clock::Fixed(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
    /// Moves a fixed clock by whole seconds; the system's clock is left alone.
    pub fn advance(&self, seconds: i64) {
        if let Clock::Fixed(at) = self {
            let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
            *at = at.checked_add(seconds.seconds()).unwrap_or(*at);
        }
    }
    /// RFC 3339, UTC, whole seconds: how times stand in the store.
    pub fn stamp(&self) -> String {
        stamp(self.now())
    }
}

/// RFC 3339, UTC, whole seconds.
pub fn stamp(at: Timestamp) -> String {
    let whole = Timestamp::from_second(at.as_second()).unwrap_or(at);
    whole.to_string()
}

/// What every operation needs: configuration, record, a place to report to, and who asks.
/// Cheap to clone; clones share the store, the passwords and the cancellation.
#[derive(Clone)]
pub struct Cx {
    pub config: Arc<Config>,
    pub store: Arc<Store>,
    pub progress: Arc<dyn Progress>,
    /// Cancels what runs in this context; see [`Cx::for_job`].
    pub cancel: CancellationToken,
    /// Claimed name of the operator.
    pub operator: String,
    pub host: String,
    pub clock: Clock,
    passwords: Arc<Mutex<BTreeMap<String, SecretString>>>,
    unconfirmed: cancelling::Unconfirmed,
}

impl Cx {
    /// A context with the store at `config.store_path` (degraded when it cannot be opened), the system's clock and no progress.
    pub fn new(config: Config) -> Self {
        let store = Arc::new(Store::open(&config.store_path));
        Self::with_store(config, store)
    }

    fn with_store(config: Config, store: Arc<Store>) -> Self {
        let operator = config.operator.clone();
        Cx {
            config: Arc::new(config),
            store,
            progress: Arc::new(Silent),
            cancel: CancellationToken::new(),
            operator,
            host: crate::text::clean(&gethostname::gethostname().to_string_lossy()).into_owned(),
            clock: Clock::System,
            passwords: Arc::default(),
            unconfirmed: Arc::default(),
        }
    }

    /// The same context for one job, with its own progress and its own cancellation (also cancelled with the parent).
    #[must_use]
    pub fn for_job(&self, progress: Arc<dyn Progress>) -> Cx {
        Cx { progress, cancel: self.cancel.child_token(), ..self.clone() }
    }

    /// What servers were told to end and have not confirmed, in words.
    pub fn unconfirmed(&self) -> Vec<String> {
        self.unconfirmed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Keeps a password that a prompt gave, for this process only.
    pub fn remember_password(&self, target: &str, password: SecretString) {
        self.passwords.lock().unwrap_or_else(PoisonError::into_inner).insert(target.to_string(), password);
    }
    /// Forgets it again: the server refused it.
    pub fn forget_password(&self, target: &str) {
        self.passwords.lock().unwrap_or_else(PoisonError::into_inner).remove(target);
    }
    fn remembered_password(&self, target: &str) -> Option<SecretString> {
        self.passwords.lock().unwrap_or_else(PoisonError::into_inner).get(target).cloned()
    }

    fn check_cancelled(&self) -> Result<()> {
        if self.cancel.is_cancelled() { Err(Error::cancelled()) } else { Ok(()) }
    }
}
