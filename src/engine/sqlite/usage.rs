//! Sizes of tables from `dbstat`, which reads every page: only of files where that is quick. SQLite counts no use.

use super::catalog::{at, estimates, lit, q, there};
use crate::engine::Session;
use crate::model::{RelationUsage, Result, Usage};
use std::collections::BTreeMap;

/// Files up to this size are read through for the sizes of their tables: a second or so from a slow disk.
const LARGEST: u64 = 128 * 1024 * 1024;

pub(super) async fn of(s: &Session, schema: &str) -> Result<Usage> {
    let sc = q(schema);
    there(s, schema)?;
    let file = s.fetch(format!("SELECT file FROM pragma_database_list WHERE name = {} COLLATE NOCASE", lit(schema))).await?;
    if file.scalar().is_none_or(str::is_empty) {
        let remark = format!("{} is in your session alone: no size is known to another.", crate::text::clean(schema));
        return Ok(Usage { relations: Vec::new(), remarks: vec![remark] });
    }
    let mut remarks = vec!["SQLite counts no reads or writes.".to_string()];
    let estimates = estimates(s, schema).await?;
    if estimates.is_empty() {
        remarks.push("Rows are estimated from statistics; there are none before ANALYZE.".into());
    }
    let tables = s
        .fetch(format!(
            "SELECT name, type, tbl_name FROM {sc}.sqlite_schema WHERE type IN ('table', 'index') AND rootpage > 0 \
             AND (type = 'index' OR name NOT LIKE 'sqlite\\_%' ESCAPE '\\') ORDER BY type DESC, name"
        ))
        .await?;
    let mut found: BTreeMap<String, RelationUsage> = BTreeMap::new();
    for r in tables.rows.iter().filter(|r| at(r, 1) == "table") {
        let name = at(r, 0).to_string();
        found.insert(name.clone(), RelationUsage { rows: estimates.get(&name).copied(), name, ..RelationUsage::default() });
    }
    let size: u64 =
        match s.fetch(format!("SELECT page_count * page_size FROM pragma_page_count({0}), pragma_page_size({0})", lit(schema))).await {
            Ok(t) => t.scalar().and_then(|n| n.parse().ok()).unwrap_or(u64::MAX),
            Err(_) => u64::MAX,
        };
    if size > LARGEST {
        remarks.push("Sizes by table would read the whole file, which is larger than 128 MiB: not done.".into());
        return Ok(Usage { relations: found.into_values().collect(), remarks });
    }
    match s.fetch(format!("SELECT name, pgsize FROM dbstat({}, 1)", lit(schema))).await {
        Ok(pages) => {
            for r in &pages.rows {
                let (name, bytes) = (at(r, 0), at(r, 1).parse::<u64>().unwrap_or(0));
                if let Some(t) = found.get_mut(name) {
                    *t.bytes.get_or_insert(0) += bytes;
                    t.index_bytes.get_or_insert(0);
                } else if let Some(index) = tables.rows.iter().find(|t| at(t, 1) == "index" && at(t, 0) == name)
                    && let Some(t) = found.get_mut(at(index, 2))
                {
                    *t.index_bytes.get_or_insert(0) += bytes;
                }
            }
        }
        Err(e) => remarks.push(format!("Sizes by table cannot be told: {}", e.message)),
    }
    Ok(Usage { relations: found.into_values().collect(), remarks })
}
