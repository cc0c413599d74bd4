//! PostgreSQL.

use super::{Backups, Capability, Catalog, Connect, Engine, Migrations, Session};
use crate::config::Target;
use crate::model::{Dialect, Result};
use futures_util::future::BoxFuture;

/// A PostgreSQL target.
pub struct Postgres {
    target: Target,
    #[allow(dead_code)]
    password: super::Password,
}

impl Postgres {
    pub fn new(target: Target, password: super::Password) -> Self {
        Postgres { target, password }
    }
}

impl Engine for Postgres {
    fn product(&self) -> &'static str {
        "PostgreSQL"
    }
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
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
