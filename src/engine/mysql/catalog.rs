//! The schema tree, definitions by SHOW CREATE, and (in `canonical`) what proofs compare.
//!
//! `writing_functions` stays with the trait's default, which calls every name that the classifier does not know a writer:
//! MySQL's and MariaDB's catalogues hold only the author's own claim (`SQL_DATA_ACCESS`), which the server does not enforce.

use super::{MySql, definition};
use crate::engine::{Catalog, Session, Touched, Writer};
use crate::model::names::{Names, Relation};
use crate::model::{
    CanonicalObject, Dependent, Dialect, Error, NodeKind, NodePath, Place, Referrer, Result, SchemaNode, TableInfo, TableShape, Usage,
};
use crate::sql::outside::Neighbours;
use crate::sql::{ended, lex};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

pub(super) mod canonical;

/// Databases of the server itself.
pub(super) const SYSTEM: &str = "'information_schema', 'performance_schema', 'mysql', 'sys'";
/// A table in which a scratch database says that it is one.
pub(super) const MARKER: &str = "_holdpoint_scratch";
/// sqlx's history.
pub(super) const HISTORY: &str = "_sqlx_migrations";

pub(super) const FUNCTIONS: &str = "Functions";
pub(super) const PROCEDURES: &str = "Procedures";
pub(super) const EVENTS: &str = "Events";
/// MariaDB's, each with its body.
pub(super) const PACKAGES: &str = "Packages";
pub(super) const INDEXES: &str = "Indexes";
pub(super) const FOREIGN_KEYS: &str = "Foreign keys";
pub(super) const CHECKS: &str = "Checks";
pub(super) const TRIGGERS: &str = "Triggers";

pub(super) fn q(name: &str) -> String {
    Dialect::MySql.quote_ident(name)
}
pub(super) fn lit(text: &str) -> String {
    Dialect::MySql.quote_literal(text)
}
/// Cell `c` of a row, NULL as the empty text.
pub(super) fn at(row: &[Option<String>], c: usize) -> &str {
    row.get(c).and_then(|v| v.as_deref()).unwrap_or_default()
}

fn node(kind: NodeKind, name: impl Into<String>) -> SchemaNode {
    SchemaNode {
        kind,
        name: name.into(),
        detail: String::new(),
        comment: String::new(),
        marks: Vec::new(),
        rows: None,
        bytes: None,
        expandable: false,
    }
}

impl Catalog for MySql {
    fn plan_facts<'a>(&'a self, s: &'a Session, relations: &'a [String]) -> BoxFuture<'a, Result<crate::plan::known::Known>> {
        Box::pin(super::plan_facts::of(s, relations))
    }
    fn names_of<'a>(&'a self, s: &'a Session, schema: &'a str) -> BoxFuture<'a, Result<Vec<Relation>>> {
        Box::pin(super::names::of(s, schema))
    }
    fn names<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Names>> {
        Box::pin(super::names::read(s))
    }
    fn neighbours<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Neighbours>> {
        Box::pin(async move {
            // What only describes the server cannot be written to.
            let names =
                s.fetch("SELECT LOWER(SCHEMA_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME <> 'information_schema'").await?;
            let databases = names.rows.iter().map(|r| at(r, 0).to_string()).collect();
            let remote = s
                .fetch(
                    "SELECT LOWER(TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
                     AND ENGINE IN ('FEDERATED', 'CONNECT', 'SPIDER', 'S3', 'OQGRAPH')",
                )
                .await?;
            Ok(Neighbours { databases, elsewhere: remote.rows.iter().map(|r| at(r, 0).to_string()).collect() })
        })
    }
    fn counters<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<BTreeMap<String, i128>>> {
        Box::pin(canonical::counters(s))
    }
    fn not_restored(&self) -> &'static [&'static str] {
        // A restore into scratch switches events off, so that they do not run there.
        &[canonical::EVENT_STATUS]
    }
    fn beyond_the_rows<'a>(&'a self, s: &'a Session, table: &'a [String], touched: Touched) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(super::hidden::beyond(s, table, touched))
    }
    fn referrers<'a>(&'a self, s: &'a Session, table: &'a [String]) -> BoxFuture<'a, Result<Vec<Referrer>>> {
        Box::pin(super::referrers::of(s, table))
    }
    fn looks_behind_names(&self) -> bool {
        true
    }
    fn hidden_writer<'a>(&'a self, s: &'a Session, text: &'a str) -> BoxFuture<'a, Result<Option<Writer>>> {
        Box::pin(async { Ok(super::hidden::writer(s, text).await?.map(|why| Writer { why, way_out: self.functions_that_read() })) })
    }
    fn table<'a>(&'a self, s: &'a Session, name: &'a [String]) -> BoxFuture<'a, Result<Option<TableInfo>>> {
        Box::pin(super::table::of(s, name))
    }
    fn children<'a>(&'a self, s: &'a Session, path: &'a NodePath) -> BoxFuture<'a, Result<Vec<SchemaNode>>> {
        Box::pin(async move {
            let schema = path.name_of(NodeKind::Schema).unwrap_or_default();
            match path.last() {
                None => databases(s).await,
                Some((NodeKind::Schema, name)) => relations(s, name).await,
                Some((NodeKind::Table | NodeKind::View, name)) => relation(s, schema, name).await,
                Some((NodeKind::Group, group)) => match (path.name_of(NodeKind::Table), group.as_str()) {
                    (Some(table), INDEXES) => indexes(s, schema, table).await,
                    (Some(table), FOREIGN_KEYS) => foreign_keys(s, schema, table).await,
                    (Some(table), CHECKS) => checks(s, schema, table).await,
                    (Some(table), TRIGGERS) => triggers(s, schema, table).await,
                    (None, FUNCTIONS) => routines(s, schema, "FUNCTION").await,
                    (None, PROCEDURES) => routines(s, schema, "PROCEDURE").await,
                    (None, PACKAGES) => routines(s, schema, "PACKAGE").await,
                    (None, EVENTS) => events(s, schema).await,
                    _ => Ok(Vec::new()),
                },
                Some(_) => Ok(Vec::new()),
            }
        })
    }

    fn usage<'a>(&'a self, s: &'a Session, schema: &'a str) -> BoxFuture<'a, Result<Usage>> {
        Box::pin(super::usage::of(s, schema))
    }
    fn dependents<'a>(&'a self, s: &'a Session, at: &'a NodePath) -> BoxFuture<'a, Result<Vec<Dependent>>> {
        Box::pin(super::dependents::of(s, at))
    }
    fn definition<'a>(&'a self, s: &'a Session, path: &'a NodePath) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            let Some((kind, name)) = path.last() else { return Err(Error::failed("the root has no definition")) };
            let schema = path.name_of(NodeKind::Schema).unwrap_or_default();
            let group = path.name_of(NodeKind::Group).unwrap_or_default();
            let full = format!("{}.{}", q(schema), q(name));
            let (what, column) = match kind {
                NodeKind::Schema => (format!("SHOW CREATE DATABASE {}", q(name)), 1),
                NodeKind::Table => (format!("SHOW CREATE TABLE {full}"), 1),
                NodeKind::View => (format!("SHOW CREATE VIEW {full}"), 1),
                NodeKind::Sequence => (format!("SHOW CREATE SEQUENCE {full}"), 1),
                NodeKind::Trigger => (format!("SHOW CREATE TRIGGER {full}"), 2),
                NodeKind::Function if group == PROCEDURES => (format!("SHOW CREATE PROCEDURE {full}"), 2),
                NodeKind::Function if group == EVENTS => (format!("SHOW CREATE EVENT {full}"), 3),
                NodeKind::Function if group == PACKAGES => (format!("SHOW CREATE PACKAGE {full}"), 2),
                NodeKind::Function => (format!("SHOW CREATE FUNCTION {full}"), 2),
                _ => return Err(Error::failed(format!("{name} has no definition of its own; see its table's"))),
            };
            let shown = match s.fetch(what).await {
                // MySQL opens no view over a function that writes in a read-only transaction, though nothing of it is computed.
                Err(e) if *kind == NodeKind::View && e.code.as_deref() == Some("1792") => {
                    return definition::of_view(s, schema, name).await?.ok_or(e);
                }
                shown => shown?,
            };
            let row = shown.rows.first().ok_or_else(|| Error::failed(format!("there is no {name} in {schema} any more")))?;
            let under = definition::Under { mode: at(row, 1), zone: (group == EVENTS).then(|| at(row, 2)) };
            match row.get(column).and_then(|v| v.as_deref()) {
                Some(text) if *kind == NodeKind::Trigger => {
                    let text = match trigger_before(s, schema, name).await? {
                        Some(before) => definition::following(text, &before),
                        None => text.to_string(),
                    };
                    Ok(definition::script(&text, &under))
                }
                Some(text) if group == PACKAGES => {
                    let mut out = definition::script(text, &under);
                    if let Some(row) = package_body(s, schema, name, &full).await? {
                        let text = row.get(2).and_then(|v| v.as_deref()).unwrap_or_default();
                        out = format!("{out}\n\n{}", definition::script(text, &definition::Under { mode: at(&row, 1), zone: None }));
                    }
                    Ok(out)
                }
                Some(text) if *kind == NodeKind::Function => Ok(definition::script(text, &under)),
                Some(text) if *kind == NodeKind::View => Ok(ended(Dialect::MySql, &definition::ownerless(text))),
                Some(text) => Ok(format!("{text};")),
                None => Err(Error::new(crate::model::Kind::Unknown, format!("the body of {name} is not visible to this user"))
                    .hint(format!("GRANT {} lets a user see it.", sees_routines(s)))),
            }
        })
    }

    fn no_function<'a>(&'a self, s: &'a Session, name: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(super::hidden::no_function(s, name))
    }
    fn functions_that_read(&self) -> &'static str {
        "Only the server's own functions count as reading here: a stored function may write whatever it declares. An open target runs it."
    }
    fn no_table<'a>(&'a self, s: &'a Session, name: &'a [String]) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(super::table::other(s, name))
    }

    fn preview(&self, path: &NodePath, limit: u32, _place: Option<&Place>) -> Option<String> {
        let (kind, name) = path.last()?;
        if !matches!(kind, NodeKind::Table | NodeKind::View) {
            return None;
        }
        let schema = path.name_of(NodeKind::Schema)?;
        let qualified = match self.connector.target().database.as_deref() {
            Some(own) if own == schema => q(name),
            _ => format!("{}.{}", q(schema), q(name)),
        };
        Some(format!("SELECT * FROM {qualified} LIMIT {limit}"))
    }

    fn objects<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Vec<CanonicalObject>>> {
        Box::pin(canonical::objects(s))
    }

    fn tables<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Vec<TableShape>>> {
        Box::pin(canonical::tables(s))
    }
}

/// What lets a user see the bodies of routines that are not its own.
pub(super) fn sees_routines(s: &Session) -> &'static str {
    if s.identity().product == "MySQL" { "SHOW_ROUTINE ON *.*" } else { "SHOW CREATE ROUTINE (MariaDB 11.3) or SELECT ON mysql.proc" }
}

/// What SHOW CREATE tells of a package's body, where it has one.
async fn package_body(s: &Session, schema: &str, name: &str, full: &str) -> Result<Option<Vec<Option<String>>>> {
    let there = format!(
        "SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {} AND ROUTINE_NAME = {} AND ROUTINE_TYPE = 'PACKAGE BODY'",
        lit(schema),
        lit(name)
    );
    if s.fetch(there).await?.rows.is_empty() {
        return Ok(None);
    }
    Ok(s.fetch(format!("SHOW CREATE PACKAGE BODY {full}")).await?.rows.into_iter().next())
}

/// The trigger that fires right before this one, among those of the same table, time and event.
async fn trigger_before(s: &Session, schema: &str, name: &str) -> Result<Option<String>> {
    let found = s
        .fetch(format!(
            "SELECT b.TRIGGER_NAME FROM information_schema.TRIGGERS t JOIN information_schema.TRIGGERS b \
             ON b.EVENT_OBJECT_SCHEMA = t.EVENT_OBJECT_SCHEMA AND b.EVENT_OBJECT_TABLE = t.EVENT_OBJECT_TABLE \
             AND b.ACTION_TIMING = t.ACTION_TIMING AND b.EVENT_MANIPULATION = t.EVENT_MANIPULATION \
             AND b.ACTION_ORDER = t.ACTION_ORDER - 1 WHERE t.TRIGGER_SCHEMA = {} AND t.TRIGGER_NAME = {}",
            lit(schema),
            lit(name)
        ))
        .await?;
    Ok(found.rows.into_iter().next().and_then(|r| r.into_iter().next()).flatten())
}

async fn databases(s: &Session) -> Result<Vec<SchemaNode>> {
    // The one that the target names comes first.
    let list = s
        .fetch(format!(
            "SELECT SCHEMA_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN ({SYSTEM}) \
             OR SCHEMA_NAME = DATABASE() ORDER BY COALESCE(SCHEMA_NAME = DATABASE(), 0) DESC, SCHEMA_NAME"
        ))
        .await?;
    Ok(list
        .rows
        .iter()
        .map(|r| SchemaNode { detail: at(r, 1).to_string(), expandable: true, ..node(NodeKind::Schema, at(r, 0)) })
        .collect())
}

async fn relations(s: &Session, schema: &str) -> Result<Vec<SchemaNode>> {
    let db = lit(schema);
    let list = s
        .fetch(format!(
            "SELECT TABLE_TYPE, TABLE_NAME, TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH, ENGINE, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = {db} \
             UNION ALL SELECT ROUTINE_TYPE, NULL, COUNT(*), NULL, NULL, NULL FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {db} GROUP BY ROUTINE_TYPE \
             UNION ALL SELECT 'EVENT', NULL, COUNT(*), NULL, NULL, NULL FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {db} HAVING COUNT(*) > 0"
        ))
        .await?;
    let mut nodes = Vec::new();
    let mut groups = Vec::new();
    for r in &list.rows {
        let kind = match at(r, 0) {
            "VIEW" | "SYSTEM VIEW" => NodeKind::View,
            "SEQUENCE" => NodeKind::Sequence,
            // It stands with its package.
            "PACKAGE BODY" => continue,
            "FUNCTION" | "PROCEDURE" | "PACKAGE" | "EVENT" => {
                let name = match at(r, 0) {
                    "FUNCTION" => FUNCTIONS,
                    "PROCEDURE" => PROCEDURES,
                    "PACKAGE" => PACKAGES,
                    _ => EVENTS,
                };
                groups.push(SchemaNode { detail: at(r, 2).to_string(), expandable: true, ..node(NodeKind::Group, name) });
                continue;
            }
            _ => NodeKind::Table,
        };
        let table = kind == NodeKind::Table;
        nodes.push(SchemaNode {
            // The usual engine needs no word.
            detail: if table && !at(r, 4).eq_ignore_ascii_case("InnoDB") { at(r, 4).to_string() } else { String::new() },
            // A view's is the word VIEW.
            comment: if kind == NodeKind::View { String::new() } else { at(r, 5).to_string() },
            rows: if table { at(r, 2).parse().ok() } else { None },
            bytes: if table { at(r, 3).parse().ok() } else { None },
            expandable: kind != NodeKind::Sequence,
            ..node(kind, at(r, 1))
        });
    }
    let rank = |k: NodeKind| match k {
        NodeKind::Table => 0,
        NodeKind::View => 1,
        _ => 2,
    };
    nodes.sort_by(|a, b| (rank(a.kind), a.name.to_lowercase(), &a.name).cmp(&(rank(b.kind), b.name.to_lowercase(), &b.name)));
    groups.sort_by_key(|g| (g.name == EVENTS, g.name.clone()));
    nodes.extend(groups);
    Ok(nodes)
}

async fn relation(s: &Session, schema: &str, table: &str) -> Result<Vec<SchemaNode>> {
    let (db, t) = (lit(schema), lit(table));
    let columns = s
        .fetch(format!(
            "SELECT c.COLUMN_NAME, c.COLUMN_TYPE, c.IS_NULLABLE, c.COLUMN_DEFAULT, c.COLUMN_KEY, c.EXTRA, c.COLUMN_COMMENT, \
             k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME FROM information_schema.COLUMNS c \
             LEFT JOIN information_schema.KEY_COLUMN_USAGE k ON k.TABLE_SCHEMA = c.TABLE_SCHEMA AND k.TABLE_NAME = c.TABLE_NAME \
             AND k.COLUMN_NAME = c.COLUMN_NAME AND k.REFERENCED_TABLE_NAME IS NOT NULL \
             WHERE c.TABLE_SCHEMA = {db} AND c.TABLE_NAME = {t} ORDER BY c.ORDINAL_POSITION"
        ))
        .await?;
    if columns.rows.is_empty() {
        return Err(Error::failed(format!("there is no {table} in {schema} any more, or this user may not see it")));
    }
    let mut nodes: Vec<SchemaNode> = Vec::new();
    for r in &columns.rows {
        let to = |r: &[Option<String>]| {
            let owner = if at(r, 7) == schema { String::new() } else { format!("{}.", at(r, 7)) };
            format!("FK → {owner}{}.{}", at(r, 8), at(r, 9))
        };
        // A column of two foreign keys comes twice.
        if let Some(last) = nodes.last_mut()
            && last.name == at(r, 0)
        {
            last.marks.push(to(r));
            continue;
        }
        let mut marks = Vec::new();
        match at(r, 4) {
            "PRI" => marks.push("PK".to_string()),
            "UNI" => marks.push("UQ".to_string()),
            _ => {}
        }
        if !at(r, 8).is_empty() {
            marks.push(to(r));
        }
        if at(r, 2) == "NO" {
            marks.push("NOT NULL".to_string());
        }
        if let Some(default) = r.get(3).and_then(|d| d.as_deref())
            && default != "NULL"
        {
            marks.push(format!("DEFAULT {default}"));
        }
        // MySQL's word for a default that is an expression; the default tells that.
        let extra = at(r, 5).trim_start_matches("DEFAULT_GENERATED").trim_start();
        if !extra.is_empty() {
            marks.push(extra.to_uppercase());
        }
        nodes.push(SchemaNode { detail: at(r, 1).to_string(), comment: at(r, 6).to_string(), marks, ..node(NodeKind::Column, at(r, 0)) });
    }
    let counts = s
        .fetch(format!(
            "SELECT (SELECT COUNT(DISTINCT INDEX_NAME) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {db} AND TABLE_NAME = {t}), \
             (SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = {db} AND TABLE_NAME = {t}), \
             (SELECT COUNT(*) FROM information_schema.TABLE_CONSTRAINTS WHERE TABLE_SCHEMA = {db} AND TABLE_NAME = {t} AND CONSTRAINT_TYPE = 'CHECK'), \
             (SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {db} AND EVENT_OBJECT_TABLE = {t})"
        ))
        .await?;
    for (i, name) in [INDEXES, FOREIGN_KEYS, CHECKS, TRIGGERS].into_iter().enumerate() {
        let n = counts.rows.first().map_or("0", |r| at(r, i)).to_string();
        if n != "0" {
            nodes.push(SchemaNode { detail: n, expandable: true, ..node(NodeKind::Group, name) });
        }
    }
    Ok(nodes)
}

/// MySQL, whose information_schema tells from 8.0 on what MariaDB's does not.
fn mysql_8(s: &Session) -> bool {
    s.identity().product == "MySQL" && s.identity().major.split('.').next().and_then(|m| m.parse::<u32>().ok()).is_some_and(|m| m >= 8)
}

/// An expression without the parentheses around the whole of it, which MySQL writes.
fn bare(text: &str) -> &str {
    let Some(inside) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) else { return text };
    let mut depth = 0i32;
    for t in lex(Dialect::MySql, inside) {
        match &inside[t.span] {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return text;
        }
    }
    inside
}

async fn indexes(s: &Session, schema: &str, table: &str) -> Result<Vec<SchemaNode>> {
    let list = s
        .fetch(format!(
            "SELECT INDEX_NAME, NON_UNIQUE, INDEX_TYPE, COLUMN_NAME, SUB_PART, INDEX_COMMENT, COLLATION, {} FROM information_schema.STATISTICS \
             WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX",
            if mysql_8(s) { "EXPRESSION, IS_VISIBLE" } else { "NULL, 'YES'" },
            lit(schema),
            lit(table)
        ))
        .await?;
    let mut nodes: Vec<SchemaNode> = Vec::new();
    for r in &list.rows {
        let mut column = match (at(r, 3), at(r, 4)) {
            // MySQL's functional key parts have no column, and are told with their quotes escaped.
            ("", _) => format!("({})", at(r, 7).replace("\\'", "'")),
            (c, "") => c.to_string(),
            (c, part) => format!("{c}({part})"),
        };
        if at(r, 6) == "D" {
            column.push_str(" DESC");
        }
        match nodes.last_mut() {
            Some(last) if last.name == at(r, 0) => {
                last.detail.pop();
                last.detail.push_str(&format!(", {column})"));
            }
            _ => {
                let mut marks = Vec::new();
                if at(r, 0) == "PRIMARY" {
                    marks.push("PK".to_string());
                } else if at(r, 1) == "0" {
                    marks.push("UQ".to_string());
                }
                if at(r, 2) != "BTREE" {
                    marks.push(at(r, 2).to_string());
                }
                if at(r, 8) == "NO" {
                    marks.push("INVISIBLE".to_string());
                }
                nodes.push(SchemaNode {
                    detail: format!("({column})"),
                    comment: at(r, 5).to_string(),
                    marks,
                    ..node(NodeKind::Index, at(r, 0))
                });
            }
        }
    }
    Ok(nodes)
}

async fn foreign_keys(s: &Session, schema: &str, table: &str) -> Result<Vec<SchemaNode>> {
    let list = s
        .fetch(format!(
            "SELECT k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, \
             r.UPDATE_RULE, r.DELETE_RULE FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r \
             ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
             WHERE k.TABLE_SCHEMA = {} AND k.TABLE_NAME = {} AND k.REFERENCED_TABLE_NAME IS NOT NULL \
             ORDER BY k.CONSTRAINT_NAME, k.ORDINAL_POSITION",
            lit(schema),
            lit(table)
        ))
        .await?;
    let mut nodes: Vec<SchemaNode> = Vec::new();
    let mut rows = list.rows.iter().peekable();
    while let Some(r) = rows.next() {
        let (mut from, mut to) = (vec![at(r, 1)], vec![at(r, 4)]);
        while let Some(more) = rows.next_if(|n| at(n, 0) == at(r, 0)) {
            from.push(at(more, 1));
            to.push(at(more, 4));
        }
        let owner = if at(r, 2) == schema { String::new() } else { format!("{}.", at(r, 2)) };
        let mut detail = format!("({}) → {owner}{} ({})", from.join(", "), at(r, 3), to.join(", "));
        for (what, rule) in [("UPDATE", at(r, 5)), ("DELETE", at(r, 6))] {
            if !matches!(rule, "RESTRICT" | "NO ACTION") {
                detail.push_str(&format!(" ON {what} {rule}"));
            }
        }
        nodes.push(SchemaNode { detail, ..node(NodeKind::Constraint, at(r, 0)) });
    }
    Ok(nodes)
}

async fn checks(s: &Session, schema: &str, table: &str) -> Result<Vec<SchemaNode>> {
    let list = s
        .fetch(format!(
            "SELECT c.CONSTRAINT_NAME, c.CHECK_CLAUSE, {} FROM information_schema.CHECK_CONSTRAINTS c JOIN information_schema.TABLE_CONSTRAINTS t \
             ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME AND t.CONSTRAINT_TYPE = 'CHECK' {} \
             WHERE t.TABLE_SCHEMA = {} AND t.TABLE_NAME = {} ORDER BY c.CONSTRAINT_NAME",
            if mysql_8(s) { "t.ENFORCED" } else { "'YES'" },
            // Names of checks are unique per table in MariaDB (whose view has the table's name), per database in MySQL.
            if s.identity().product == "MariaDB" { "AND t.TABLE_NAME = c.TABLE_NAME" } else { "" },
            lit(schema),
            lit(table)
        ))
        .await?;
    Ok(list
        .rows
        .iter()
        .map(|r| SchemaNode {
            detail: format!("CHECK ({})", bare(at(r, 1))),
            marks: if at(r, 2) == "NO" { vec!["NOT ENFORCED".to_string()] } else { Vec::new() },
            ..node(NodeKind::Constraint, at(r, 0))
        })
        .collect())
}

async fn triggers(s: &Session, schema: &str, table: &str) -> Result<Vec<SchemaNode>> {
    let list = s
        .fetch(format!(
            "SELECT TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {} \
             AND EVENT_OBJECT_TABLE = {} ORDER BY EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER",
            lit(schema),
            lit(table)
        ))
        .await?;
    Ok(list.rows.iter().map(|r| SchemaNode { detail: format!("{} {}", at(r, 1), at(r, 2)), ..node(NodeKind::Trigger, at(r, 0)) }).collect())
}

async fn routines(s: &Session, schema: &str, kind: &str) -> Result<Vec<SchemaNode>> {
    let list = s
        .fetch(format!(
            "SELECT ROUTINE_NAME, DTD_IDENTIFIER, SQL_DATA_ACCESS, ROUTINE_COMMENT FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {} \
             AND ROUTINE_TYPE = {} ORDER BY ROUTINE_NAME",
            lit(schema),
            lit(kind)
        ))
        .await?;
    Ok(list
        .rows
        .iter()
        .map(|r| {
            let detail = if at(r, 1).is_empty() { String::new() } else { format!("returns {}", at(r, 1)) };
            SchemaNode { detail, comment: at(r, 3).to_string(), ..node(NodeKind::Function, at(r, 0)) }
        })
        .collect())
}

async fn events(s: &Session, schema: &str) -> Result<Vec<SchemaNode>> {
    let list = s
        .fetch(format!(
            "SELECT EVENT_NAME, STATUS, INTERVAL_VALUE, INTERVAL_FIELD, EXECUTE_AT, EVENT_COMMENT FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {} ORDER BY EVENT_NAME",
            lit(schema)
        ))
        .await?;
    Ok(list
        .rows
        .iter()
        .map(|r| {
            let when = if at(r, 2).is_empty() { format!("at {}", at(r, 4)) } else { format!("every {} {}", at(r, 2), at(r, 3)) };
            SchemaNode {
                detail: when,
                comment: at(r, 5).to_string(),
                marks: vec![at(r, 1).to_string()],
                ..node(NodeKind::Function, at(r, 0))
            }
        })
        .collect())
}
