//! Rows that an INSERT made: the server writes into each row which transaction made it.

use crate::engine::{NEW_ROWS, NewRows};
use crate::model::{Dialect, TableInfo};

/// Rows with the greatest keys that are looked at before all others: a key that counts gives new rows such.
const LAST: usize = 1000;

/// Longest look through a table, so that a large one is not read for it.
const LIMIT: &str = "SET LOCAL statement_timeout = '500ms'";

/// See `Catalog::new_rows`.
pub(super) fn of(table: &TableInfo) -> NewRows {
    let quote = |n: &str| Dialect::Postgres.quote_ident(n);
    let from = format!("{}.{}", quote(&table.schema), quote(&table.name));
    // `xmin` has the lower half of the transaction's number.
    let own = "(SELECT (pg_catalog.txid_current() % 4294967296)::text)";
    let columns = table.columns.iter().map(|c| quote(&c.name)).collect::<Vec<_>>().join(", ");
    let by = |names: &[String], way: &str| names.iter().map(|k| format!(", {}{way}", quote(k))).collect::<String>();
    // What the transaction did last comes first: earlier statements of it may have changed rows, too.
    let all = format!(
        "SELECT {columns} FROM {from} WHERE xmin::text = {own} ORDER BY cmin::text::bigint DESC{} LIMIT {NEW_ROWS}",
        by(&table.key, "")
    );
    let last = format!(
        "SELECT {columns} FROM (SELECT *, xmin AS \"holdpoint xmin\", cmin AS \"holdpoint cmin\" FROM {from} ORDER BY {} LIMIT {LAST}) q \
         WHERE \"holdpoint xmin\"::text = {own} ORDER BY \"holdpoint cmin\"::text::bigint DESC{} LIMIT {NEW_ROWS}",
        by(&table.key, " DESC").trim_start_matches(", "),
        by(&table.key, "")
    );
    let selects = if table.key.is_empty() { vec![all] } else { vec![last, all] };
    NewRows { limit: Some(LIMIT.into()), selects, params: Vec::new(), otherwise: "they were not found in the table" }
}
