//! Sizes and use of tables: InnoDB's estimates, and counters where the server keeps any.

use super::catalog::{at, lit};
use crate::engine::Session;
use crate::model::{RelationUsage, Result, Usage};
use std::collections::HashMap;

pub(super) async fn of(s: &Session, schema: &str) -> Result<Usage> {
    let db = lit(schema);
    let sizes = s
        .fetch(format!(
            "SELECT TABLE_NAME, TABLE_ROWS, DATA_LENGTH, INDEX_LENGTH FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = {db} AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY TABLE_NAME"
        ))
        .await?;
    let mut remarks = Vec::new();
    let mut used: HashMap<String, (Option<u64>, Option<u64>)> = HashMap::new();
    // MariaDB counts by table with userstat, the performance schema with its own instruments: both are off on most MariaDB servers.
    let on = s.fetch("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('userstat', 'performance_schema')").await?;
    let is_on = |name: &str| on.rows.iter().any(|r| at(r, 0) == name && at(r, 1) == "ON");
    let counters = if is_on("userstat") {
        remarks.push("Reads and writes are rows, since userstat was switched on.".to_string());
        Some(format!("SELECT TABLE_NAME, ROWS_READ, ROWS_CHANGED FROM information_schema.TABLE_STATISTICS WHERE TABLE_SCHEMA = {db}"))
    } else if is_on("performance_schema") {
        remarks.push("Reads and writes are rows, since the server was started.".to_string());
        Some(format!(
            "SELECT OBJECT_NAME, COUNT_READ, COUNT_WRITE FROM performance_schema.table_io_waits_summary_by_table WHERE OBJECT_SCHEMA = {db}"
        ))
    } else {
        remarks.push("Reads and writes are not counted here: SET GLOBAL userstat = ON (MariaDB) counts them.".to_string());
        None
    };
    if let Some(text) = counters {
        match s.fetch(text).await {
            Ok(t) => used.extend(t.rows.iter().map(|r| (at(r, 0).to_string(), (at(r, 1).parse().ok(), at(r, 2).parse().ok())))),
            Err(e) => remarks.push(format!("Reads and writes cannot be seen: {}", e.message)),
        }
    }
    let relations = sizes
        .rows
        .iter()
        .map(|r| {
            let (reads, writes) = used.get(at(r, 0)).copied().unwrap_or_default();
            RelationUsage {
                name: at(r, 0).into(),
                rows: at(r, 1).parse().ok(),
                bytes: at(r, 2).parse().ok(),
                index_bytes: at(r, 3).parse().ok(),
                reads,
                index_reads: None,
                writes,
            }
        })
        .collect();
    Ok(Usage { relations, remarks })
}
