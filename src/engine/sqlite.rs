//! SQLite, embedded.

use super::{Backups, Capability, Catalog, Connect, Engine, Migrations, Session};
use crate::config::Target;
use crate::model::{Dialect, Result};
use futures_util::future::BoxFuture;

/// A SQLite target.
pub struct Sqlite {
    target: Target,
}

impl Sqlite {
    pub fn new(target: Target) -> Self {
        Sqlite { target }
    }
}

impl Engine for Sqlite {
    fn product(&self) -> &'static str {
        "SQLite"
    }
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }
    fn target(&self) -> &Target {
        &self.target
    }
    fn connect(&self, _how: Connect) -> BoxFuture<'_, Result<Session>> {
        unimplemented!()
    }
    fn catalog(&self) -> Capability<&dyn Catalog> {
        unimplemented!()
    }
    fn plans(&self) -> Capability<()> {
        unimplemented!()
    }
    fn backups(&self) -> Capability<&dyn Backups> {
        unimplemented!()
    }
    fn migrations(&self) -> Capability<&dyn Migrations> {
        unimplemented!()
    }
}
