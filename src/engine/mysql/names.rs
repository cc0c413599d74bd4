//! Names for completion: of the session's own database. On a server with thousands of databases the others' columns would
//! take minutes: each is read when a statement names it.

use super::catalog::{CHECKS, EVENTS, FOREIGN_KEYS, FUNCTIONS, INDEXES, PACKAGES, PROCEDURES, TRIGGERS, at};
use crate::engine::Session;
use crate::model::names::{Collector, Names, Relation};
use crate::model::{Dialect, NodeKind, Result};
use std::collections::HashSet;

/// The server's own databases.
const SYSTEM: [&str; 4] = ["information_schema", "mysql", "performance_schema", "sys"];
/// What CAST and column definitions name most.
const TYPES: &str = "bigint binary bit blob bool boolean char date datetime dec decimal double enum float geometry geometrycollection int integer json \
     linestring longblob longtext mediumblob mediumint mediumtext multilinestring multipoint multipolygon numeric point polygon real set signed \
     smallint text time timestamp tinyblob tinyint tinytext unsigned varbinary varchar year";

pub(super) async fn read(s: &Session) -> Result<Names> {
    let own = s.fetch("SELECT DATABASE()").await?.scalar().unwrap_or_default().to_string();
    let here = Dialect::MySql.quote_literal(&own);
    let schemas = s.fetch("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY 1").await?;
    let mut out = Collector::default();
    relations(s, &own, &mut out).await?;
    let keys = s
        .fetch(format!(
            "SELECT CONSTRAINT_NAME, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME \
             FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = {here} AND REFERENCED_TABLE_NAME IS NOT NULL \
             ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION"))
        .await?;
    let mut last = (String::new(), String::new());
    for r in &keys.rows {
        let this = (at(r, 2).to_string(), at(r, 0).to_string());
        out.key_pair(last != this, (at(r, 1), at(r, 2), at(r, 3)), (at(r, 4), at(r, 5), at(r, 6)));
        last = this;
    }
    let routines = s
        .fetch(format!(
            "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {here} AND ROUTINE_TYPE = 'FUNCTION' ORDER BY 1"
        ))
        .await?;
    let mut functions: Vec<Box<str>> = routines.rows.iter().map(|r| at(r, 0).into()).collect();
    let mariadb = s.identity().product == "MariaDB";
    functions.extend(crate::sql::functions::of_mysql(mariadb).map(Box::from));
    let places = s
        .fetch(format!(
            "SELECT ROUTINE_SCHEMA, NULL, ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {here} AND ROUTINE_TYPE <> 'PACKAGE BODY' \
             UNION ALL SELECT EVENT_SCHEMA, NULL, 'EVENT', EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {here} \
             UNION ALL SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, 'TRIGGER', TRIGGER_NAME FROM information_schema.TRIGGERS \
             WHERE EVENT_OBJECT_SCHEMA = {here} \
             UNION ALL SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME, 'INDEX', INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {here} \
             UNION ALL SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_TYPE, CONSTRAINT_NAME FROM information_schema.TABLE_CONSTRAINTS \
             WHERE TABLE_SCHEMA = {here} AND CONSTRAINT_TYPE IN ('FOREIGN KEY', 'CHECK')"))
        .await?;
    for r in &places.rows {
        let (group, kind) = match at(r, 2) {
            "FUNCTION" => (FUNCTIONS, NodeKind::Function),
            "EVENT" => (EVENTS, NodeKind::Function),
            "PACKAGE" => (PACKAGES, NodeKind::Function),
            "TRIGGER" => (TRIGGERS, NodeKind::Trigger),
            "INDEX" => (INDEXES, NodeKind::Index),
            "FOREIGN KEY" => (FOREIGN_KEYS, NodeKind::Constraint),
            "CHECK" => (CHECKS, NodeKind::Constraint),
            _ => (PROCEDURES, NodeKind::Function),
        };
        let relation = Some((NodeKind::Table, at(r, 1))).filter(|(_, name)| !name.is_empty());
        out.place(at(r, 0), relation, group, kind, at(r, 3));
    }
    let procedures = places.rows.iter().filter(|r| at(r, 2) == "PROCEDURE").map(|r| at(r, 3).into()).collect();
    // PERFORMANCE_SCHEMA may be off; the statement is not.
    let variables = s.fetch("SHOW SESSION VARIABLES").await?;
    let settings = variables.rows.iter().map(|r| at(r, 0).into()).collect();
    let by_case = variables.rows.iter().any(|r| at(r, 0) == "lower_case_table_names" && at(r, 1) == "0");
    let types = types(mariadb, &s.identity().version);
    let roles = roles(s, mariadb).await;
    let path = if own.is_empty() { Vec::new() } else { vec![own] };
    let schemas: Vec<String> = schemas.rows.iter().map(|r| at(r, 0).to_string()).collect();
    let unread = schemas.iter().filter(|s| !path.contains(s)).cloned().collect();
    let names = out.finish(path, schemas, functions);
    Ok(Names { procedures, settings, types, roles, mariadb, unread, by_case, ..names })
}

fn types(mariadb: bool, version: &str) -> Vec<Box<str>> {
    let mut numbers = version.split(['.', '-']).map_while(|n| n.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let since = |own: bool, first: (u32, u32)| own == mariadb && version >= first;
    let newer = [
        ("inet6", since(true, (10, 5))),
        ("uuid", since(true, (10, 7))),
        ("inet4", since(true, (10, 10))),
        ("vector", since(true, (11, 7)) || since(false, (9, 0))),
    ];
    TYPES.split_whitespace().chain(newer.into_iter().filter(|(_, has)| *has).map(|(t, _)| t)).map(Box::from).collect()
}

/// Users and roles, as statements name them; without the right to read them none.
async fn roles(s: &Session, mariadb: bool) -> Vec<Box<str>> {
    let text = match mariadb {
        true => "SELECT User, Host, is_role FROM mysql.user ORDER BY 1, 2",
        false => "SELECT User, Host, 'N' FROM mysql.user ORDER BY 1, 2",
    };
    let quoted = |name: &str| Dialect::MySql.quote_literal(name);
    let named = |user: &str, host: &str, role: bool| match role {
        true => quoted(user).into_boxed_str(),
        false => format!("{}@{}", quoted(user), quoted(host)).into_boxed_str(),
    };
    match s.fetch(text).await {
        Ok(found) => found.rows.iter().map(|r| named(at(r, 0), at(r, 1), at(r, 2) == "Y")).collect(),
        Err(_) => Vec::new(),
    }
}

/// Those of another database.
pub(super) async fn of(s: &Session, database: &str) -> Result<Vec<Relation>> {
    let mut out = Collector::default();
    relations(s, database, &mut out).await?;
    Ok(out.relations())
}

/// Tables and views of a database with their columns.
async fn relations(s: &Session, database: &str, out: &mut Collector) -> Result<()> {
    let system = SYSTEM.contains(&database.to_ascii_lowercase().as_str());
    let here = Dialect::MySql.quote_literal(database);
    // Two questions: MariaDB has no index for a join of these, and of 5,000 tables it would take half a minute.
    let views = s
        .fetch(format!("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {here} AND TABLE_TYPE LIKE '%VIEW%'"))
        .await?;
    let views: HashSet<&str> = views.rows.iter().map(|r| at(r, 0)).collect();
    let mut computed: Vec<bool> = Vec::new();
    // Row by row: of thousands of tables, the answer would weigh many times what is kept of it.
    let columns = s
        .run(format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, \
             EXTRA LIKE '%VIRTUAL%' OR EXTRA LIKE '%STORED%' OR EXTRA LIKE '%PERSISTENT%' FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = {here} ORDER BY TABLE_NAME, ORDINAL_POSITION"
        ))
        .await?;
    columns
        .each(|r| {
            let r = &r;
            if !out.is_at(at(r, 0), at(r, 1)) {
                let kind = if views.contains(at(r, 1)) { NodeKind::View } else { NodeKind::Table };
                out.unwritable(&std::mem::take(&mut computed));
                out.relation(at(r, 0), at(r, 1), kind, system);
            }
            out.column(at(r, 2), at(r, 3));
            computed.push(at(r, 4) == "1");
            Ok(())
        })
        .await?;
    out.unwritable(&computed);
    Ok(())
}
