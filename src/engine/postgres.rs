//! PostgreSQL: a session of our own on the protocol crate (why: `assets/manual/drivers.md`), the catalogue, plans, backups
//! with `pg_dump`, and sqlx's migration table.

use super::{Backups, Capability, Catalog, Connect, Engine, Hypothetical, Locks, Migrations, Running, Session, Trials};
use crate::config::Target;
use crate::model::{Dialect, Result};
use futures_util::future::BoxFuture;

mod actor;
mod answer;
mod assess;
mod backup;
mod cancel;
mod catalog;
mod connect;
mod definition;
mod dependents;
mod effects;
mod explain;
mod fault;
mod fixes;
mod hidden;
mod hypothetical;
mod link;
mod literals;
mod locks;
mod migrations;
mod names;
mod new_rows;
mod objects;
mod open;
mod plan_facts;
mod preconditions;
mod reach;
mod recover;
mod running;
mod table;
mod tools;
mod types;
mod usage;
mod wire;
mod written;

pub(super) use connect::client_key;

/// A PostgreSQL target.
pub struct Postgres {
    target: Target,
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
    fn connect(&self, how: Connect) -> BoxFuture<'_, Result<Session>> {
        Box::pin(open::open(&self.target, &self.password, how, &[]))
    }
    fn catalog(&self) -> Capability<&dyn Catalog> {
        Capability::Yes(self)
    }
    fn plans(&self) -> Capability<()> {
        Capability::Yes(())
    }
    /// In a read-only transaction: what planning runs, functions called immutable, cannot write either.
    fn plans_of_writes(&self) -> Capability<()> {
        Capability::Yes(())
    }
    fn backups(&self) -> Capability<&dyn Backups> {
        Capability::Yes(self)
    }
    fn migrations(&self) -> Capability<&dyn Migrations> {
        Capability::Yes(self)
    }
    fn locks(&self) -> Capability<&dyn Locks> {
        Capability::Yes(self)
    }
    fn measuring(&self) -> &dyn super::Measuring {
        self
    }
    fn assessing(&self) -> Capability<&dyn super::Assessing> {
        Capability::Yes(self)
    }
    fn recovering(&self) -> Capability<&dyn super::Recovering> {
        Capability::Yes(self)
    }
    fn running(&self) -> Capability<&dyn Running> {
        Capability::Yes(self)
    }
    fn hypothetical(&self) -> Capability<&dyn Hypothetical> {
        Capability::Yes(self)
    }
    fn trials(&self) -> &dyn Trials {
        self
    }
    fn fixes(&self) -> &dyn super::Fixes {
        self
    }
}
