//! From a target to its engine: the one place that knows all engines.

use super::{Engine, Password};
use crate::config::{EngineKind, SslMode, Target};
use std::path::PathBuf;
use std::sync::Arc;

/// The file with the private key by which a target is connected to; the home directory may hold it.
pub fn client_key(target: &Target) -> Option<PathBuf> {
    if target.sslmode == SslMode::Disable {
        return None;
    }
    match target.engine {
        EngineKind::Postgres => super::postgres::client_key(target),
        EngineKind::MySql => target.sslkey.clone(),
        EngineKind::Sqlite => None,
    }
}

/// The engine for a target. `password` is what the target's secret resolved to (or a prompt gave).
pub fn engine(target: Target, password: Password) -> Arc<dyn Engine> {
    match target.engine {
        EngineKind::Postgres => Arc::new(super::postgres::Postgres::new(target, password)),
        EngineKind::MySql => Arc::new(super::mysql::MySql::new(target, password)),
        EngineKind::Sqlite => Arc::new(super::sqlite::Sqlite::new(target)),
    }
}

/// One of each kind, of no server: for tests of what all of them have in common.
#[cfg(test)]
pub(crate) fn each() -> [Arc<dyn Engine>; 3] {
    [EngineKind::Postgres, EngineKind::MySql, EngineKind::Sqlite].map(|kind| engine(Target::bare("t", kind), None))
}
