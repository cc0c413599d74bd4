//! SQLite, embedded. A session is a thread that owns one connection to one file; here is the engine itself, its parts
//! are below: opening and read-only proof, the actor, values, catalogue, plans, backups, migrations.

use super::{Assessing, Backups, Capability, Catalog, Connect, Engine, Hypothetical, Locks, Migrations, Running, Session, Trials};
use crate::config::Target;
use crate::model::{Dialect, Result};
use futures_util::future::BoxFuture;

mod actor;
mod assess;
mod backup;
mod beside;
mod catalog;
mod dependents;
mod effects;
mod fault;
mod fixes;
mod guard;
mod hypothetical;
mod migrations;
mod names;
mod open;
mod plan;
mod plan_facts;
mod reach;
mod recover;
mod scan;
mod space;
mod table;
mod usage;
mod value;

pub use actor::WORKER;

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
    fn connect(&self, how: Connect) -> BoxFuture<'_, Result<Session>> {
        Box::pin(actor::start(&self.target, how))
    }
    fn catalog(&self) -> Capability<&dyn Catalog> {
        Capability::Yes(self)
    }
    fn plans(&self) -> Capability<()> {
        Capability::Yes(())
    }
    /// The statement is prepared and never stepped.
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
        Capability::No("SQLite keeps one writer for the whole file, and does not tell who waits for it")
    }
    fn measuring(&self) -> &dyn super::Measuring {
        self
    }
    fn recovering(&self) -> Capability<&dyn super::Recovering> {
        Capability::Yes(self)
    }
    fn running(&self) -> Capability<&dyn Running> {
        Capability::No("SQLite has no server: what another program runs on the file is known to that program alone")
    }
    fn assessing(&self) -> Capability<&dyn Assessing> {
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
