//! What findings and advice upon a plan need to know of its tables: from information_schema, which counts nothing.

use crate::engine::{Measuring, Session};
use crate::model::{Dialect, Result};
use crate::plan::environment;
use crate::plan::expression;
use crate::plan::known::{Column, Index, Known, Table};

/// See `Catalog::plan_facts`. MySQL and MariaDB print no databases in plans: the current one is meant.
pub(super) async fn of(s: &Session, relations: &[String]) -> Result<Known> {
    if relations.is_empty() {
        return Ok(Known::default());
    }
    let names: Vec<String> = relations.iter().map(|r| Dialect::MySql.quote_literal(r)).collect();
    let these = format!("TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ({})", names.join(", "));
    let cell = |r: &[Option<String>], i: usize| r.get(i).and_then(Clone::clone).unwrap_or_default();
    let mut known = Known::default();
    let mut clustered = Vec::new();
    for r in s
        .fetch(format!("SELECT TABLE_NAME, TABLE_ROWS, ENGINE FROM information_schema.TABLES WHERE {these} AND TABLE_TYPE = 'BASE TABLE'"))
        .await?
        .rows
    {
        if cell(&r, 2) == "InnoDB" {
            clustered.push(cell(&r, 0));
        }
        known.tables.push(Table { name: cell(&r, 0), rows: cell(&r, 1).parse().ok(), ..Table::default() });
    }
    let of = |known: &mut Known, name: &str, change: &mut dyn FnMut(&mut Table)| {
        if let Some(t) = known.tables.iter_mut().find(|t| t.name == name) {
            change(t);
        }
    };
    for r in s.fetch(format!("SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS WHERE {these} ORDER BY TABLE_NAME, ORDINAL_POSITION")).await?.rows {
        of(&mut known, &cell(&r, 0), &mut |t| t.columns.push(Column { name: cell(&r, 1), type_name: cell(&r, 2) }));
    }
    // Servers before MySQL 8.0 and MariaDB 10.6 hide no index.
    let hidden = match super::trials::hides(s.identity()) {
        None => "FALSE",
        Some("IGNORED") => "IGNORED = 'YES'",
        Some(_) => "IS_VISIBLE = 'NO' AND @@optimizer_switch NOT LIKE '%use_invisible_indexes=on%'",
    };
    let indexes = format!(
        "SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, COLLATION, {hidden} FROM information_schema.STATISTICS WHERE {these} \
         AND INDEX_TYPE = 'BTREE' ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
    );
    for r in s.fetch(indexes).await?.rows {
        let (index, key) = (cell(&r, 1), cell(&r, 3));
        of(&mut known, &cell(&r, 0), &mut |t| {
            let list = if cell(&r, 5) == "1" { &mut t.hidden } else { &mut t.indexes };
            match list.iter_mut().find(|i| i.name == index) {
                Some(i) => {
                    i.keys.push(key.clone());
                    i.down.push(cell(&r, 4) == "D");
                }
                None => list.push(Index {
                    name: index.clone(),
                    keys: vec![key.clone()],
                    unique: cell(&r, 2) == "0",
                    down: vec![cell(&r, 4) == "D"],
                    ..Index::default()
                }),
            }
        });
    }
    for t in known.tables.iter_mut().filter(|t| clustered.contains(&t.name)) {
        t.stored_by = t.indexes.iter().find(|i| i.name == "PRIMARY").map(|i| i.keys.clone()).unwrap_or_default();
    }
    let partitions = format!(
        "SELECT TABLE_NAME, count(*), min(PARTITION_EXPRESSION) FROM information_schema.PARTITIONS WHERE {these} AND PARTITION_NAME IS NOT NULL GROUP BY TABLE_NAME"
    );
    for r in s.fetch(partitions).await?.rows {
        let key = expression::parse(Dialect::MySql, &format!("({})", cell(&r, 2)));
        of(&mut known, &cell(&r, 0), &mut |t| {
            t.partitions = cell(&r, 1).parse().ok();
            t.partition_key = key.columns().iter().map(|c| c.name.clone()).collect();
        });
    }
    statistics(s, &mut known).await;
    Ok(known)
}

/// How old InnoDB's statistics are: rows changed since they were made (the PROCESS privilege shows that), and when that was. Without the
/// right to look nothing is known of it, and no finding claims anything.
async fn statistics(s: &Session, known: &mut Known) {
    let cell = |r: &[Option<String>], i: usize| r.get(i).and_then(Clone::clone).unwrap_or_default();
    let view = if s.identity().product == "MariaDB" { "INNODB_SYS_TABLESTATS" } else { "INNODB_TABLESTATS" };
    // The server writes letters beyond these in its own way there.
    let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let Ok(database) = s.fetch("SELECT DATABASE()").await else { return };
    let database = database.scalar().unwrap_or("").to_string();
    for t in known.tables.iter_mut().filter(|t| plain(&t.name)) {
        let file = format!("{}/{}", database.replace('-', "@002d"), t.name.replace('-', "@002d"));
        let changed = format!(
            "SELECT MODIFIED_COUNTER FROM information_schema.{view} WHERE NAME = {} AND STATS_INITIALIZED IN ('1', 'Initialized')",
            Dialect::MySql.quote_literal(&file)
        );
        match s.fetch(changed).await {
            Ok(told) => t.statistics.changed = told.scalar().and_then(|n| n.parse().ok()),
            Err(_) => return,
        }
        let made = format!(
            "SELECT DATE_FORMAT(last_update, '%Y-%m-%d %H:%i') FROM mysql.innodb_table_stats WHERE database_name = DATABASE() AND table_name = {}",
            Dialect::MySql.quote_literal(&t.name)
        );
        if let Ok(told) = s.fetch(made).await {
            t.statistics.made = told.rows.first().map(|r| cell(r, 0)).filter(|m| !m.is_empty());
        }
    }
}

impl Measuring for super::MySql {
    fn planner_settings<'a>(
        &'a self,
        s: &'a Session,
    ) -> futures_util::future::BoxFuture<'a, Result<std::collections::BTreeMap<String, String>>> {
        Box::pin(planner_settings(s))
    }
}

/// See `Measuring::planner_settings`.
async fn planner_settings(s: &Session) -> Result<std::collections::BTreeMap<String, String>> {
    let text = "SHOW VARIABLES WHERE Variable_name LIKE 'optimizer\\_%' AND Variable_name NOT LIKE 'optimizer\\_trace%' \
        OR Variable_name IN ('join_cache_level', 'join_buffer_size', 'join_buffer_space_limit', 'sort_buffer_size', 'read_rnd_buffer_size', \
        'mrr_buffer_size', 'rowid_merge_buff_size', 'max_rowid_filter_size', 'tmp_table_size', 'max_heap_table_size', 'temptable_max_ram', \
        'internal_tmp_mem_storage_engine', 'innodb_buffer_pool_size', 'use_stat_tables', 'eq_range_index_dive_limit', \
        'range_optimizer_max_mem_size', 'max_seeks_for_key', 'max_length_for_sort_data', 'innodb_parallel_read_threads')";
    let rows = s.fetch(text).await?.rows;
    let cell = |r: &[Option<String>], i: usize| r.get(i).and_then(Clone::clone).unwrap_or_default();
    let mut out: std::collections::BTreeMap<String, String> = rows.iter().map(|r| (cell(r, 0), cell(r, 1))).collect();
    if s.identity().product != "MariaDB" {
        out.insert(environment::COSTS.into(), cost_constants(s).await);
    }
    Ok(out)
}

/// What MySQL's planner counts with, as far as it is not what the server came with; MariaDB has variables for that.
async fn cost_constants(s: &Session) -> String {
    let text = "SELECT cost_name, cost_value FROM mysql.server_cost WHERE cost_value IS NOT NULL \
        UNION ALL SELECT CONCAT(engine_name, ' ', device_type, ' ', cost_name), cost_value FROM mysql.engine_cost WHERE cost_value IS NOT NULL \
        ORDER BY 1";
    let Ok(table) = s.fetch(text).await else { return environment::NOT_READABLE.into() };
    let cell = |r: &[Option<String>], i: usize| r.get(i).and_then(Clone::clone).unwrap_or_default();
    let told: Vec<String> = table.rows.iter().map(|r| format!("{} = {}", cell(r, 0), cell(r, 1))).collect();
    if told.is_empty() { environment::DEFAULT.into() } else { told.join(", ") }
}
