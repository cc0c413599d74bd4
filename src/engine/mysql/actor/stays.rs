//! What a statement leaves behind that was ended or failed.

use super::super::catalog::lit;
use super::super::errors;
use super::Actor;
use crate::engine::session::Access;
use crate::model::{Dialect, Error, Kind, STAYS};
use crate::sql::before::changed_table;
use mysql_async::prelude::Queryable;

impl Actor {
    /// A table that cannot roll back keeps what a statement wrote before it was ended or failed: said with its error.
    pub(super) async fn what_stays(&mut self, e: Error, text: &str) -> Error {
        let ran = matches!(e.kind, Kind::Cancelled | Kind::Statement) && self.access == Access::ReadWrite;
        let Some(table) = changed_table(Dialect::MySql, text).filter(|_| ran && self.status.borrow().lost.is_none()) else { return e };
        let (schema, name) = match &table[..] {
            [name] => ("DATABASE()".to_string(), lit(name)),
            [schema, name] => (lit(schema), lit(name)),
            _ => return e,
        };
        let look = format!(
            "SELECT t.TABLE_NAME, t.ENGINE FROM information_schema.TABLES t JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
             WHERE t.TABLE_SCHEMA = {schema} AND t.TABLE_NAME = {name} AND e.TRANSACTIONS <> 'YES'"
        );
        match self.conn.query_first::<(String, String), _>(look).await {
            Ok(Some((table, engine))) => {
                let table = crate::text::clean(&table);
                e.hint(format!("{table} is {engine}, which cannot roll back: {STAYS}."))
            }
            Ok(None) => e,
            Err(broken) => {
                if errors::is_fatal(&broken) {
                    self.lose(&broken);
                }
                e
            }
        }
    }
}
