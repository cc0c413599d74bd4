//! A table's columns and key.

use super::catalog::{at, lit};
use crate::engine::Session;
use crate::model::{ColumnInfo, Result, TableInfo};

/// See `Catalog::table`. A bare name means what SQLite makes of it: temporary tables first, then the database, then attached ones.
pub(super) async fn of(s: &Session, name: &[String]) -> Result<Option<TableInfo>> {
    let (schema, table) = match name {
        [schema, table] => (format!("= {} COLLATE NOCASE", lit(schema)), lit(table)),
        [table] => ("IS NOT NULL".to_string(), lit(table)),
        _ => return Ok(None),
    };
    let found = s
        .fetch(format!(
            "SELECT l.schema, l.name, l.wr, l.type FROM pragma_table_list l JOIN pragma_database_list d ON d.name = l.schema \
             WHERE l.schema {schema} AND l.name = {table} COLLATE NOCASE AND l.type IN ('table', 'virtual') ORDER BY l.schema <> 'temp', d.seq LIMIT 1"
        ))
        .await?;
    let Some(one) = found.rows.first() else { return Ok(None) };
    let (schema, name) = (at(one, 0).to_string(), at(one, 1).to_string());
    let (sc, t) = (lit(&schema), lit(&name));
    let columns = s
        .fetch(format!("SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo({t}, {sc}) WHERE hidden <> 1 ORDER BY cid"))
        .await?;
    let mut key: Vec<(usize, String)> =
        columns.rows.iter().filter_map(|r| Some((at(r, 4).parse().ok().filter(|n| *n > 0)?, at(r, 0).to_string()))).collect();
    key.sort_unstable();
    let mut key: Vec<String> = key.into_iter().map(|(_, name)| name).collect();
    // Without a primary key every row still has its number, for a result that shows it. What stands behind a row of a virtual table is its
    // module's own business (a full-text index may show another table's texts): none is named there.
    let mut no_key = None;
    if at(one, 3) == "virtual" {
        key.clear();
        no_key = Some("it is a virtual table: what stands behind its rows is its module's own business".to_string());
    } else if key.is_empty() && at(one, 2) != "1" && !columns.rows.iter().any(|r| at(r, 0).eq_ignore_ascii_case("rowid")) {
        key.push("rowid".into());
    } else if key.is_empty() {
        no_key = Some("it has no primary key, and a column stands in the place of the row's number".into());
    }
    // Other tables may refer to it, be it shown or not: a full-text index does.
    let is_it = columns.rows.iter().filter(|r| at(r, 4) != "0").count() == 1
        && columns.rows.iter().any(|r| at(r, 4) != "0" && at(r, 1).eq_ignore_ascii_case("integer"));
    let named = columns.rows.iter().any(|r| at(r, 0).eq_ignore_ascii_case("rowid"));
    let number = (at(one, 2) != "1" && !is_it && !named).then(|| "rowid".to_string());
    let column = |r: &Vec<Option<String>>| ColumnInfo {
        name: at(r, 0).to_string(),
        id: at(r, 0).to_string(),
        type_name: at(r, 1).to_string(),
        nullable: at(r, 2) != "1",
        generated: matches!(at(r, 5), "2" | "3"),
        renewed: false,
        default: at(r, 3) == "1" || (at(r, 4) == "1" && at(r, 1).eq_ignore_ascii_case("integer")),
        // AUTOINCREMENT's own table is rolled back like any other.
        counts: false,
        hidden: false,
    };
    Ok(Some(TableInfo { schema, name, columns: columns.rows.iter().map(column).collect(), key, no_key, number, no_rollback: None }))
}
