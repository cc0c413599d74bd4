//! MySQL and MariaDB, on `mysql_async`.
//!
//! What belongs here: opening sessions, the actor and its rows, the catalogue, plans, backups by the native tools, and
//! sqlx's migration history. Which of the two products answers is found out after connecting.

use super::{Assessing, Backups, Capability, Catalog, Connect, Engine, Hypothetical, Locks, Migrations, Running, Session, Trials};
use crate::config::Target;
use crate::model::{Dialect, Result};
use futures_util::future::BoxFuture;
use std::sync::Arc;

mod actor;
mod assess;
mod backup;
mod cancel;
mod catalog;
mod connect;
mod definition;
mod dependents;
mod effects;
mod errors;
mod explain;
mod fixes;
mod greeting;
mod hidden;
mod locks;
mod migrations;
mod names;
mod new_rows;
mod open;
mod plan_facts;
mod pulse;
mod reads;
mod recover;
mod referrers;
mod rows;
mod running;
mod table;
mod trials;
mod usage;
mod words;
mod zone;

/// A MariaDB/MySQL target.
pub struct MySql {
    connector: Arc<connect::Connector>,
}

impl MySql {
    pub fn new(target: Target, password: super::Password) -> Self {
        MySql { connector: Arc::new(connect::Connector::new(target, password)) }
    }
}

/// Which of the two products the server is.
fn mariadb(s: &Session) -> bool {
    s.identity().product == "MariaDB"
}

impl Engine for MySql {
    fn product(&self) -> &'static str {
        "MariaDB/MySQL"
    }
    fn dialect(&self) -> Dialect {
        Dialect::MySql
    }
    fn target(&self) -> &Target {
        self.connector.target()
    }
    fn connect(&self, how: Connect) -> BoxFuture<'_, Result<Session>> {
        Box::pin(async move { open::open(&self.connector, &how).await })
    }
    fn catalog(&self) -> Capability<&dyn Catalog> {
        Capability::Yes(self)
    }
    fn plans(&self) -> Capability<()> {
        Capability::Yes(())
    }
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
    fn recovering(&self) -> Capability<&dyn super::Recovering> {
        Capability::Yes(self)
    }
    fn running(&self) -> Capability<&dyn Running> {
        Capability::Yes(self)
    }
    fn assessing(&self) -> Capability<&dyn Assessing> {
        Capability::Yes(self)
    }
    fn hypothetical(&self) -> Capability<&dyn Hypothetical> {
        Capability::No("MariaDB and MySQL cannot imagine an index: one is built and measured on a scratch copy")
    }
    fn trials(&self) -> &dyn Trials {
        self
    }
    fn fixes(&self) -> &dyn super::Fixes {
        self
    }
}
