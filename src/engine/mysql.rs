//! MySQL and MariaDB.

use super::{Backups, Capability, Catalog, Connect, Engine, Migrations, Session};
use crate::config::Target;
use crate::model::{Dialect, Result};
use futures_util::future::BoxFuture;

/// A MariaDB/MySQL target.
pub struct MySql {
    target: Target,
    #[allow(dead_code)]
    password: super::Password,
}

impl MySql {
    pub fn new(target: Target, password: super::Password) -> Self {
        MySql { target, password }
    }
}

impl Engine for MySql {
    fn product(&self) -> &'static str {
        "MariaDB/MySQL"
    }
    fn dialect(&self) -> Dialect {
        Dialect::MySql
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
