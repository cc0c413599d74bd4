//! From a target to its engine: the one place that knows all engines.

use super::{Engine, Password};
use crate::config::{EngineKind, Target};
use std::sync::Arc;

/// The engine for a target. `password` is what the target's secret resolved to (or a prompt gave).
pub fn engine(target: Target, password: Password) -> Arc<dyn Engine> {
    match target.engine {
        EngineKind::Postgres => Arc::new(super::postgres::Postgres::new(target, password)),
        EngineKind::MySql => Arc::new(super::mysql::MySql::new(target, password)),
        EngineKind::Sqlite => Arc::new(super::sqlite::Sqlite::new(target)),
    }
}
