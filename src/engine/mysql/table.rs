//! A table's columns and key.

use super::catalog::{at, lit};
use crate::engine::Session;
use crate::model::{ColumnInfo, Result, TableInfo};

/// See `Catalog::table`.
pub(super) async fn of(s: &Session, name: &[String]) -> Result<Option<TableInfo>> {
    let (schema, table) = match name {
        [schema, table] => (lit(schema), lit(table)),
        [table] => ("DATABASE()".to_string(), lit(table)),
        _ => return Ok(None),
    };
    // A base table alone: rows of a view have no key of their own.
    let columns = s
        .fetch(format!(
            "SELECT c.TABLE_SCHEMA, c.TABLE_NAME, c.COLUMN_NAME, c.COLUMN_TYPE, c.IS_NULLABLE, c.EXTRA, c.COLUMN_DEFAULT, \
             t.ENGINE, (SELECT e.TRANSACTIONS FROM information_schema.ENGINES e WHERE e.ENGINE = t.ENGINE) \
             FROM information_schema.COLUMNS c JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME \
             WHERE c.TABLE_SCHEMA = {schema} AND c.TABLE_NAME = {table} AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY c.ORDINAL_POSITION"
        ))
        .await?;
    let Some(first) = columns.rows.first() else { return Ok(None) };
    let keys = s
        .fetch(format!(
            "SELECT INDEX_NAME, COLUMN_NAME, NULLABLE, SUB_PART FROM information_schema.STATISTICS \
             WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {table} AND NON_UNIQUE = 0 ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX"
        ))
        .await?;
    let mut names: Vec<&str> = keys.rows.iter().map(|r| at(r, 0)).collect();
    names.dedup();
    let of_type = |name: &str, word: &str| columns.rows.iter().any(|c| at(c, 2) == name && at(c, 3).to_ascii_lowercase().starts_with(word));
    // What keeps a key from naming one row.
    let amiss = |index: &str| {
        keys.rows.iter().filter(|r| at(r, 0) == index).find_map(|r| {
            let column = at(r, 1);
            Some(match () {
                () if column.is_empty() => format!("its unique key {index} is over an expression"),
                () if at(r, 2) == "YES" => format!("its unique key {index} may hold NULL in {column}"),
                () if !at(r, 3).is_empty() => format!("its unique key {index} covers only the beginning of {column}"),
                () if of_type(column, "bit") => format!("its key {index} has the BIT column {column}, whose bytes no comparison takes"),
                () if of_type(column, "float") => format!("its key {index} has the FLOAT column {column}, which the server shows rounded"),
                () => return None,
            })
        })
    };
    let no_key = names.iter().find_map(|n| amiss(n));
    let key = names
        .into_iter()
        .find(|n| amiss(n).is_none())
        .map_or_else(Vec::new, |index| keys.rows.iter().filter(|r| at(r, 0) == index).map(|r| at(r, 1).to_string()).collect());
    let column = |r: &Vec<Option<String>>| {
        let extra = at(r, 5).to_ascii_lowercase();
        ColumnInfo {
            name: at(r, 2).to_string(),
            id: at(r, 2).to_string(),
            type_name: at(r, 3).to_string(),
            nullable: at(r, 4) == "YES",
            // MySQL's DEFAULT_GENERATED is only a default that is an expression.
            generated: ["virtual", "stored", "persistent"].iter().any(|w| extra.contains(w)),
            renewed: extra.contains("on update"),
            hidden: extra.contains("invisible"),
            default: r.get(6).is_some_and(Option::is_some) || extra.contains("auto_increment") || extra.contains("default_generated"),
            counts: extra.contains("auto_increment") || crate::sql::counters::moves_sequence(at(r, 6)).is_some(),
        }
    };
    Ok(Some(TableInfo {
        schema: at(first, 0).to_string(),
        name: at(first, 1).to_string(),
        columns: columns.rows.iter().map(column).collect(),
        key,
        no_key,
        number: None,
        no_rollback: (at(first, 8) != "YES").then(|| format!("its engine {} cannot roll back", at(first, 7))),
    }))
}

/// See `Catalog::no_table`.
pub(super) async fn other(s: &Session, name: &[String]) -> Result<Option<String>> {
    let [schema, table] = name else { return Ok(None) };
    let found = s
        .fetch(format!(
            "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
            lit(schema),
            lit(table)
        ))
        .await?;
    Ok(found.scalar().filter(|t| t.contains("VIEW")).map(|_| format!("{schema}.{table} is a view")))
}
