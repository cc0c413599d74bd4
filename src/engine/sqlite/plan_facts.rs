//! What findings and advice upon a plan need to know of its tables. Nothing is counted: without statistics the largest rowid
//! stands for the number of rows, which is where a table ends.

use super::catalog::{at, lit};
use crate::engine::{Measuring, Session};
use crate::model::{Dialect, Result};
use crate::plan::known::{Column, ForeignKey, Index, Known, Statistics, Table};

/// See `Catalog::plan_facts`.
pub(super) async fn of(s: &Session, relations: &[String]) -> Result<Known> {
    let mut known = Known::default();
    if relations.is_empty() {
        return Ok(known);
    }
    let names: Vec<String> = relations.iter().map(|r| lit(r)).collect();
    let found = s
        .fetch(format!(
            // A plan names no database: of two tables with one name it is not known which is meant.
            "SELECT name, wr FROM pragma_table_list l WHERE schema = 'main' AND type = 'table' AND name COLLATE NOCASE IN ({}) AND name NOT LIKE 'sqlite%' \
             AND NOT EXISTS (SELECT 1 FROM pragma_table_list o WHERE o.name = l.name COLLATE NOCASE AND o.schema <> 'main')",
            names.join(", ")
        ))
        .await?
        .rows;
    let analyzed = !s.fetch("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'").await?.rows.is_empty();
    for r in found {
        let name = at(&r, 0).to_string();
        let t = lit(&name);
        let mut table = Table { name: name.clone(), ..Table::default() };
        let mut counted = None;
        if analyzed {
            let told = s.fetch(format!("SELECT max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl = {t} COLLATE NOCASE")).await?;
            counted = told.rows.first().and_then(|r| at(r, 0).parse::<f64>().ok());
        }
        table.statistics = Statistics { missing: Some(counted.is_none()), ..Statistics::default() };
        table.rows = counted;
        if counted.is_none() && at(&r, 1) != "1" {
            // The last row of the tree: one descent, whatever the size.
            let last = s.fetch(format!("SELECT max(rowid) FROM {}", Dialect::Sqlite.quote_ident(&name))).await;
            table.rows = last.ok().and_then(|l| at(l.rows.first()?, 0).parse().ok());
        }
        let columns = s.fetch(format!("SELECT name, type, pk FROM pragma_table_xinfo({t}, 'main') WHERE hidden <> 1 ORDER BY cid")).await?;
        table.columns = columns.rows.iter().map(|c| Column { name: at(c, 0).into(), type_name: at(c, 1).into() }).collect();
        let indexes = s
            .fetch(format!(
                "SELECT l.name, l.\"unique\", l.partial, x.name, x.desc, l.origin FROM pragma_index_list({t}, 'main') l, pragma_index_xinfo(l.name, 'main') x \
                 WHERE x.key = 1 ORDER BY l.seq, x.seqno"
            ))
            .await?;
        let mut key: Vec<(i64, &str, &str)> =
            columns.rows.iter().filter_map(|c| Some((at(c, 2).parse::<i64>().ok().filter(|n| *n > 0)?, at(c, 0), at(c, 1)))).collect();
        key.sort_unstable();
        // A key that is the rowid itself has no index; one of another table (`INTEGER PRIMARY KEY DESC`, text) has.
        let own_index = indexes.rows.iter().any(|i| at(i, 5) == "pk");
        let rowid = matches!(key.as_slice(), [(_, _, kind)] if kind.eq_ignore_ascii_case("integer")) && !own_index;
        if at(&r, 1) == "1" || rowid {
            table.stored_by = key.iter().map(|(_, name, _)| (*name).to_string()).collect();
        }
        for i in &indexes.rows {
            let key = if at(i, 3).is_empty() { "<expr>".to_string() } else { at(i, 3).to_string() };
            match table.indexes.iter_mut().find(|x| x.name == at(i, 0)) {
                Some(x) => {
                    x.keys.push(key);
                    x.down.push(at(i, 4) == "1");
                }
                None => table.indexes.push(Index {
                    name: at(i, 0).into(),
                    keys: vec![key],
                    unique: at(i, 1) == "1",
                    only_where: (at(i, 2) == "1").then(|| "…".to_string()),
                    down: vec![at(i, 4) == "1"],
                    ..Index::default()
                }),
            }
        }
        table.foreign_keys = references(s, &name).await?;
        known.tables.push(table);
    }
    Ok(known)
}

/// Foreign keys that point to a table. SQLite makes no index for them.
async fn references(s: &Session, to: &str) -> Result<Vec<ForeignKey>> {
    let found = s
        .fetch(format!(
            "SELECT m.name, f.id, f.\"from\" FROM sqlite_schema m, pragma_foreign_key_list(m.name) f \
             WHERE m.type = 'table' AND f.\"table\" = {} COLLATE NOCASE ORDER BY m.name, f.id, f.seq",
            lit(to)
        ))
        .await?;
    let mut keys: Vec<ForeignKey> = Vec::new();
    for r in &found.rows {
        let name = format!("{} of {}", at(r, 1), at(r, 0));
        match keys.iter_mut().find(|k| k.name == name) {
            Some(k) => k.columns.push(at(r, 2).into()),
            None => keys.push(ForeignKey {
                name,
                table: at(r, 0).into(),
                columns: vec![at(r, 2).into()],
                to_table: to.into(),
                ..ForeignKey::default()
            }),
        }
    }
    for k in &mut keys {
        // The rowid's own column, or the first columns of an index that holds all rows.
        let columns: Vec<String> = k.columns.iter().map(|c| lit(c)).collect();
        let found = s
            .fetch(format!(
                "SELECT 1 FROM pragma_table_xinfo({t}, 'main') WHERE {n} = 1 AND pk = 1 AND name = {first} COLLATE NOCASE UNION ALL \
                 SELECT 1 FROM pragma_index_list({t}, 'main') l WHERE l.partial = 0 AND {n} = (SELECT count(*) FROM pragma_index_xinfo(l.name, 'main') x \
                 WHERE x.key = 1 AND x.seqno < {n} AND x.name COLLATE NOCASE IN ({all})) LIMIT 1",
                t = lit(&k.table),
                n = columns.len(),
                first = columns[0],
                all = columns.join(", ")
            ))
            .await?;
        k.indexed = !found.rows.is_empty();
        // It has no name.
        k.name.clear();
    }
    Ok(keys)
}

impl Measuring for super::Sqlite {
    fn planner_settings<'a>(
        &'a self,
        s: &'a Session,
    ) -> futures_util::future::BoxFuture<'a, Result<std::collections::BTreeMap<String, String>>> {
        Box::pin(planner_settings(s))
    }
}

/// See `Measuring::planner_settings`. SQLite's planner has none but what ANALYZE left; the size of a page changes what is read.
async fn planner_settings(s: &Session) -> Result<std::collections::BTreeMap<String, String>> {
    let rows = s
        .fetch("SELECT 'page_size', page_size FROM pragma_page_size UNION ALL SELECT 'cache_size', cache_size FROM pragma_cache_size")
        .await?
        .rows;
    Ok(rows.iter().map(|r| (at(r, 0).to_string(), at(r, 1).to_string())).collect())
}
