//! Objects that name a database: in a copy of another name they would reach that database instead of the copy.

use super::super::catalog::{at, lit, q};
use crate::engine::Session;
use crate::model::{Dialect, Result};
use crate::sql::outside::{Neighbours, databases_named, outside};
use std::collections::{BTreeMap, BTreeSet};

/// Writes what was found to the fact `references`: empty when there is nothing.
pub(super) async fn note(s: &Session, database: &str, facts: &mut BTreeMap<String, String>) -> Result<()> {
    let d = lit(database);
    let names = s.fetch("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA").await?;
    let databases: BTreeSet<String> = names.rows.iter().map(|r| at(r, 0).to_lowercase()).collect();
    let mut found = Vec::new();
    let keys = s
        .fetch(format!(
            "SELECT TABLE_NAME, CONSTRAINT_NAME, UNIQUE_CONSTRAINT_SCHEMA FROM information_schema.REFERENTIAL_CONSTRAINTS \
             WHERE CONSTRAINT_SCHEMA = {d} AND UNIQUE_CONSTRAINT_SCHEMA <> {d} ORDER BY 1, 2"
        ))
        .await?;
    for r in &keys.rows {
        found.push(format!("foreign key {}.{} refers to {}", at(r, 0), at(r, 1), at(r, 2)));
    }
    // A view's own database is written out in the catalogue, and left out of the dump.
    let views =
        s.fetch(format!("SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {d} ORDER BY 1")).await?;
    for r in &views.rows {
        for other in databases_named(at(r, 1), &databases).into_iter().filter(|o| *o != database.to_lowercase()) {
            found.push(format!("view {} names {other}", at(r, 0)));
        }
    }
    for (what, list) in [
        (
            "trigger",
            format!("SELECT TRIGGER_NAME, ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {d} ORDER BY 1"),
        ),
        (
            "routine",
            format!("SELECT ROUTINE_NAME, ROUTINE_DEFINITION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {d} ORDER BY 1"),
        ),
        ("event", format!("SELECT EVENT_NAME, EVENT_DEFINITION FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {d} ORDER BY 1")),
    ] {
        let bodies = s.fetch(list).await?;
        for r in &bodies.rows {
            for other in databases_named(at(r, 1), &databases) {
                found.push(format!("{what} {} names {other}", at(r, 0)));
            }
            // It runs with its definer's rights, which go beyond the copy.
            if let Some(out) = outside(Dialect::MySql, at(r, 1), &Neighbours::default()) {
                found.push(format!("{what} {}: {} {}", at(r, 0), out.what, out.why));
            }
        }
    }
    // Defaults and checks that call a function or a sequence by its full name.
    let tables = s
        .fetch(format!(
            "SELECT TABLE_NAME, COLUMN_NAME, CONCAT_WS(' ', COLUMN_DEFAULT, GENERATION_EXPRESSION) FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = {d} AND CONCAT_WS(' ', COLUMN_DEFAULT, GENERATION_EXPRESSION) LIKE '%.%' ORDER BY 1, 2"
        ))
        .await?;
    for r in &tables.rows {
        if at(r, 2).contains(&format!("{}.", q(database))) || !databases_named(at(r, 2), &databases).is_empty() {
            found.push(format!("column {}.{} names a database", at(r, 0), at(r, 1)));
        }
    }
    facts.insert("references".into(), found.join("; "));
    Ok(())
}
