//! Data fixes on PostgreSQL: a row that changes leaves its place, and the server counts what its session changed.

use super::Postgres;
use crate::engine::{Fixes, NewRows, Session};
use crate::model::{Result, TableInfo};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

impl Fixes for Postgres {
    fn begin_fix(&self, _only_new: bool) -> &'static [&'static str] {
        &["BEGIN READ WRITE"]
    }
    fn exact_output<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Option<[String; 2]>>> {
        Box::pin(super::reach::exact_output(s))
    }
    fn places(&self) -> Option<[&'static str; 2]> {
        Some(["tableoid", "ctid"])
    }
    fn at_places(&self, of: &str, places: &[&String]) -> String {
        super::reach::at_places(of, places)
    }
    fn lie_there<'a>(&'a self, s: &'a Session, table: &'a TableInfo, of: &'a str, places: &'a [String]) -> BoxFuture<'a, Result<u64>> {
        Box::pin(super::reach::lie_there(s, table, of, places))
    }
    fn written<'a>(&'a self, s: &'a Session, table: &'a TableInfo) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(super::reach::written(s, table))
    }
    fn changes_counted<'a>(&'a self, s: &'a Session, own: &'a [String]) -> BoxFuture<'a, Result<Option<BTreeMap<String, u64>>>> {
        Box::pin(super::reach::changes_counted(s, own))
    }
    fn new_rows<'a>(&'a self, _s: &'a Session, table: &'a TableInfo) -> BoxFuture<'a, Result<std::result::Result<NewRows, String>>> {
        Box::pin(async move { Ok(Ok(super::new_rows::of(table))) })
    }
}
