//! Names for completion.

use super::catalog::{INDEXES, TRIGGERS, at, q, there};
use crate::engine::Session;
use crate::model::names::{Collector, Names, Relation};
use crate::model::{NodeKind, Result};
use std::collections::HashSet;

pub(super) async fn read(s: &Session) -> Result<Names> {
    let databases = s.fetch("SELECT name FROM pragma_database_list ORDER BY seq").await?;
    let mut schemas: Vec<String> = databases.rows.iter().map(|r| at(r, 0).to_string()).collect();
    let mut out = Collector::default();
    let mut unread: Vec<String> = s.lacks().iter().map(|(name, _)| name.clone()).collect();
    for schema in &schemas {
        match of(s, schema, &mut out).await {
            Err(e) if schema == "main" => return Err(e),
            // An attached file that is locked or gone keeps no other names away.
            Err(_) => unread.push(schema.clone()),
            Ok(()) => {}
        }
    }
    schemas.extend(s.lacks().iter().map(|(name, _)| name.clone()));
    // A bare name means a temporary object first, then one of the file, then one of what is attached, in its order.
    let mut path = schemas.clone();
    path.sort_by_key(|s| s != "temp");
    let functions = s.fetch("SELECT DISTINCT name FROM pragma_function_list WHERE name NOT GLOB '*[^a-z0-9_]*' ORDER BY 1").await?;
    let settings = s.fetch("SELECT name FROM pragma_pragma_list ORDER BY 1").await?;
    // What they are called says all: types are free here, and these five have an affinity of their own.
    let types = ["integer", "text", "real", "blob", "numeric"].map(Box::from).to_vec();
    // Row functions are virtual tables, which are among the modules.
    // JSON's are listed only once they have been used, and those of the pragmas never.
    let modules = s
        .fetch(
            "SELECT name FROM pragma_module_list WHERE name = 'generate_series' UNION VALUES ('json_each'), ('json_tree') \
             UNION SELECT 'pragma_' || name FROM pragma_pragma_list WHERE name GLOB '*_list' OR name GLOB '*_info' OR name GLOB '*_xinfo' \
             ORDER BY 1",
        )
        .await?;
    let names = out.finish(path, schemas, functions.rows.iter().map(|r| at(r, 0).into()).collect());
    let settings = settings.rows.iter().map(|r| at(r, 0).into()).collect();
    let row_functions = modules.rows.iter().map(|r| at(r, 0).into()).collect();
    Ok(Names { settings, types, row_functions, unread, ..names })
}

/// The names of one database. What was read of it before an error stays.
async fn of(s: &Session, schema: &str, out: &mut Collector) -> Result<()> {
    let literal = crate::model::Dialect::Sqlite.quote_literal(schema);
    let unique = s
        .fetch(format!(
            "SELECT DISTINCT m.name, i.name FROM {0}.sqlite_schema m JOIN pragma_index_list(m.name, {1}) l JOIN pragma_index_info(l.name, {1}) i \
             WHERE m.type = 'table' AND l.\"unique\" AND i.name IS NOT NULL",
            q(schema),
            literal
        ))
        .await?;
    let unique: HashSet<(&str, &str)> = unique.rows.iter().map(|r| (at(r, 0), at(r, 1))).collect();
    let (mut computed, mut keyed) = (Vec::new(), Vec::new());
    // Row by row, and without sorting the columns of all tables: of thousands of them, either would weigh many times what is kept.
    // LIMIT makes the tables come in their order, which SQLite would leave out.
    let columns = s
        .run(format!(
            "SELECT m.name, m.type, c.name, c.type, c.hidden IN (2, 3), c.pk > 0 FROM (SELECT name, type FROM {0}.sqlite_schema \
             WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name LIMIT -1) m \
             CROSS JOIN pragma_table_xinfo(m.name, {1}) c",
            q(schema),
            literal
        ))
        .await?;
    columns
        .each(|r| {
            let r = &r;
            if !out.is_at(schema, at(r, 0)) {
                out.unwritable(&std::mem::take(&mut computed));
                out.keyed(&std::mem::take(&mut keyed));
                out.relation(schema, at(r, 0), if at(r, 1) == "view" { NodeKind::View } else { NodeKind::Table }, false);
            }
            out.column(at(r, 2), at(r, 3));
            computed.push(at(r, 4) == "1");
            // An INTEGER PRIMARY KEY has no index.
            keyed.push(at(r, 5) == "1" || unique.contains(&(at(r, 0), at(r, 2))));
            Ok(())
        })
        .await?;
    out.unwritable(&computed);
    out.keyed(&keyed);
    let places = s
        .fetch(format!(
            "SELECT t.type, t.name, m.type, m.name FROM {0}.sqlite_schema m JOIN {0}.sqlite_schema t ON t.name = m.tbl_name COLLATE NOCASE \
             AND t.type IN ('table', 'view') WHERE m.type IN ('index', 'trigger') AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY t.name, m.name",
            q(schema)
        ))
        .await?;
    for r in &places.rows {
        let on = if at(r, 0) == "view" { NodeKind::View } else { NodeKind::Table };
        let (group, kind) = if at(r, 2) == "index" { (INDEXES, NodeKind::Index) } else { (TRIGGERS, NodeKind::Trigger) };
        out.place(schema, Some((on, at(r, 1))), group, kind, at(r, 3));
    }
    // A key without columns of its own refers to the other table's primary key.
    let keys = s
        .fetch(format!(
            "SELECT m.name, f.id, f.\"from\", f.\"table\", coalesce(f.\"to\", p.name) FROM {0}.sqlite_schema m \
             JOIN pragma_foreign_key_list(m.name, {1}) f LEFT JOIN pragma_table_info(f.\"table\", {1}) p ON f.\"to\" IS NULL AND p.pk = f.seq + 1 \
             WHERE m.type = 'table' ORDER BY m.name, f.id, f.seq",
            q(schema),
            literal
        ))
        .await?;
    let mut last = (String::new(), String::new());
    for r in &keys.rows {
        let this = (at(r, 0).to_string(), at(r, 1).to_string());
        out.key_pair(last != this, (schema, at(r, 0), at(r, 2)), (schema, at(r, 3), at(r, 4)));
        last = this;
    }
    Ok(())
}

/// The relations of a database that could not be read before.
pub(super) async fn relations(s: &Session, schema: &str) -> Result<Vec<Relation>> {
    there(s, schema)?;
    let mut out = Collector::default();
    of(s, schema, &mut out).await?;
    Ok(out.relations())
}
