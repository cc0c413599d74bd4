//! What a data fix needs of an engine: a transaction in which rows stay as they were read, values that can be read again exactly, and
//! means of seeing which rows a statement really changed.

use super::Session;
use crate::model::{ColumnInfo, Param, Result, TableInfo};
use crate::sql::before::Touch;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

/// How an engine helps to save what a statement changes, and to prove that it changed just that.
pub trait Fixes: Send + Sync {
    /// Triggers see the rows that foreign keys change.
    fn cascades_fire_triggers(&self) -> bool {
        true
    }
    /// Why looking at rows by this SELECT would make the statement behind it do something else: half a sentence.
    fn look_changes(&self, _select: &str) -> Option<&'static str> {
        None
    }
    /// System columns (table, place in it) that tell where a row lies until its transaction ends: a row that is changed or deleted leaves
    /// its place, and nothing else takes it. `None` where the engine shows none.
    fn places(&self) -> Option<[&'static str; 2]> {
        None
    }
    /// How many of these places in one table, as [`Fixes::places`] tells them, still have a row.
    fn lie_there<'a>(&'a self, _s: &'a Session, _table: &'a TableInfo, _of: &'a str, _places: &'a [String]) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async { Ok(0) })
    }
    /// The condition that a row lies at one of these places.
    fn at_places(&self, _of: &str, _places: &[&String]) -> String {
        "FALSE".into()
    }
    /// Rows of the table that are as the open transaction wrote them, each once however often it was written; `None` where no row tells.
    fn written<'a>(&'a self, _s: &'a Session, _table: &'a TableInfo) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(async { Ok(None) })
    }
    /// Triggers that the session has fired since it began; `None` where the server does not count them.
    fn triggers_fired<'a>(&'a self, _s: &'a Session) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(async { Ok(None) })
    }
    /// It can note each row that changes: [`Fixes::watch`].
    fn watches(&self) -> bool {
        false
    }
    /// From here on the rows of these tables that change are noted; false where those of one of them cannot be.
    fn watch<'a>(&'a self, _s: &'a Session, _tables: &'a [&'a TableInfo]) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async { Ok(false) })
    }
    /// Ends it: the rows of each table that changed, as they were before, by what they are told apart by ([`TableInfo::told_apart_by`]).
    fn watched<'a>(&'a self, _s: &'a Session, _tables: &'a [&'a TableInfo]) -> BoxFuture<'a, Result<Vec<RowsBy>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    /// A condition on these columns that the session writes a moment of theirs like another one, so that it cannot be told from its text,
    /// with the name of the session's time zone. `None` where it writes no two alike.
    fn moments_alike<'a>(&'a self, _s: &'a Session, _columns: &'a [&'a ColumnInfo]) -> BoxFuture<'a, Result<Option<(String, String)>>> {
        Box::pin(async { Ok(None) })
    }
    /// Values come in another form to a statement with parameters than to one without.
    fn parameters_matter(&self) -> bool {
        false
    }
    /// Statements for an open transaction: after the first the session sends values so that they can be read again exactly, after the
    /// second as its user set it. `None` where it does the first anyway.
    fn exact_output<'a>(&'a self, _s: &'a Session) -> BoxFuture<'a, Result<Option<[String; 2]>>> {
        Box::pin(async { Ok(None) })
    }
    /// Statements that begin a transaction in which rows that were read stay as they were read. One that only makes new rows keeps nobody
    /// else from making some.
    fn begin_fix(&self, only_new: bool) -> &'static [&'static str];
    /// Changes (rows updated and deleted, a row twice if it was changed twice) that the session's server has counted since the session
    /// began, by `schema.table`, whatever made them. Rows of tables that are part of `own`, or inherit from it, count for it.
    /// `None` where no server counts by session and table.
    fn changes_counted<'a>(&'a self, _s: &'a Session, _own: &'a [String]) -> BoxFuture<'a, Result<Option<BTreeMap<String, u64>>>> {
        Box::pin(async { Ok(None) })
    }
    /// What its user should know of the table's rows as they are shown and saved, and of what nobody here can see of a change: sentences
    /// without their full stop. `touch` is what is done to rows that were saved; `None` where none were.
    fn remarks<'a>(&'a self, _s: &'a Session, _table: &'a TableInfo, _touch: Option<&'a Touch>) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    /// What foreign keys that this login is not shown may do to further rows of the table, when rows of it are touched.
    fn unseen_back<'a>(&'a self, _s: &'a Session, _table: &'a TableInfo, _touch: &'a Touch) -> BoxFuture<'a, Result<Back>> {
        Box::pin(async { Ok(Back::default()) })
    }
    /// How the rows of an INSERT into the table can be told from all others once it has run: asked before it, inside its transaction.
    /// Half a sentence where they cannot.
    fn new_rows<'a>(&'a self, s: &'a Session, table: &'a TableInfo) -> BoxFuture<'a, Result<std::result::Result<NewRows, String>>>;
}

/// What foreign keys may do to further rows of a table when rows of it are touched, by keys to itself or along others and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Back {
    pub deletes: bool,
    pub changes: bool,
}

/// Rows by some of their values, and how many there are of each.
pub type RowsBy = BTreeMap<Vec<Param>, u64>;

/// How rows that an INSERT made are told from all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRows {
    /// Goes before each of the SELECTs, so that none takes long.
    pub limit: Option<String>,
    /// Each gives nothing but such rows, perhaps not all of them; cheap ones first.
    pub selects: Vec<String>,
    pub params: Vec<Param>,
    /// Why some may be missing: half a sentence.
    pub otherwise: &'static str,
}

/// Rows of an INSERT that are looked for.
pub const NEW_ROWS: usize = 20;

/// Rows behind the greatest key that there is before an INSERT, by the engine's own order: sound only while nobody else's rows can come into
/// sight.
pub(crate) async fn behind_the_greatest(s: &Session, table: &TableInfo) -> Result<std::result::Result<NewRows, String>> {
    let [key] = table.key.as_slice() else {
        let why = table.no_key.clone().filter(|_| table.key.is_empty());
        return Ok(Err(why.unwrap_or_else(|| "the table has no key of one column, by which they could be told from others".into())));
    };
    let quote = |n: &str| s.dialect().quote_ident(n);
    let from = format!("{}.{}", quote(&table.schema), quote(&table.name));
    let greatest = s.first_value(format!("SELECT max({}) FROM {from}", quote(key))).await?;
    let (condition, params) = match greatest {
        Param::Null => (String::new(), Vec::new()),
        value => (format!(" WHERE {} > ?", quote(key)), vec![value]),
    };
    let rows = table.whole_rows(s.dialect());
    let select = format!("SELECT {rows} FROM {from}{condition} ORDER BY {} LIMIT {NEW_ROWS}", quote(key));
    let otherwise = "their keys lie among those that were there";
    Ok(Ok(NewRows { limit: None, selects: vec![select], params, otherwise }))
}
