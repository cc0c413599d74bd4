//! Data fixes on MariaDB and MySQL: rows are looked at by their keys before and after.

use super::MySql;
use crate::engine::{Fixes, NewRows, Session};
use crate::model::{Dialect, Result, TableInfo};
use crate::sql::lex;
use futures_util::future::BoxFuture;

impl Fixes for MySql {
    fn begin_fix(&self, only_new: bool) -> &'static [&'static str] {
        if only_new {
            // Its looks lock nothing, and see no rows that others make meanwhile.
            return &["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION READ WRITE"];
        }
        // A SELECT sees the rows that a statement behind it changes, its subqueries included, at this level alone.
        &["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "START TRANSACTION READ WRITE"]
    }
    fn look_changes(&self, select: &str) -> Option<&'static str> {
        // In a string or a comment it is no token.
        let sets = lex(Dialect::MySql, select).into_iter().any(|t| &select[t.span] == ":=");
        sets.then_some("it sets a variable while it runs, and the look at its rows would set it, too")
    }
    fn parameters_matter(&self) -> bool {
        true
    }
    fn cascades_fire_triggers(&self) -> bool {
        // "Cascaded foreign key actions do not activate triggers", both manuals say; tried on MariaDB 10.11, MySQL 8.4 and 9.7.
        false
    }
    fn new_rows<'a>(&'a self, s: &'a Session, table: &'a TableInfo) -> BoxFuture<'a, Result<std::result::Result<NewRows, String>>> {
        Box::pin(super::new_rows::of(s, table))
    }
}
