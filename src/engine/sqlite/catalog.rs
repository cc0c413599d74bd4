//! The schema tree of a SQLite file, definitions, and the canonical catalogue.

use super::beside::made_in;
use super::{Sqlite, guard};
use crate::engine::{Catalog, Session, Touched, Writer};
use crate::model::names::{Names, Relation};
use crate::model::rows::Table;
use crate::model::{
    CanonicalObject, Dependent, Dialect, Error, NodeKind, NodePath, Place, Referrer, Result, SchemaNode, TableInfo, TableShape, Usage,
};
use crate::sql::ended;
use crate::sql::outside::Neighbours;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

mod canonical;

pub(super) fn q(name: &str) -> String {
    Dialect::Sqlite.quote_ident(name)
}
pub(super) fn lit(text: &str) -> String {
    Dialect::Sqlite.quote_literal(text)
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

impl Catalog for Sqlite {
    fn plan_facts<'a>(&'a self, s: &'a Session, relations: &'a [String]) -> BoxFuture<'a, Result<crate::plan::known::Known>> {
        Box::pin(super::plan_facts::of(s, relations))
    }
    fn names<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Names>> {
        Box::pin(super::names::read(s))
    }
    fn names_of<'a>(&'a self, s: &'a Session, schema: &'a str) -> BoxFuture<'a, Result<Vec<Relation>>> {
        Box::pin(super::names::relations(s, schema))
    }
    fn neighbours<'a>(&'a self, _s: &'a Session) -> BoxFuture<'a, Result<Neighbours>> {
        // Another file is reached by ATTACH alone.
        Box::pin(async { Ok(Neighbours::default()) })
    }
    fn counters<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<BTreeMap<String, i128>>> {
        Box::pin(async move {
            // The table is there from the first AUTOINCREMENT on.
            let there = s.fetch("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'").await?;
            if there.scalar() != Some("1") {
                return Ok(BTreeMap::new());
            }
            let rows = s.fetch("SELECT name, seq FROM sqlite_sequence").await?.rows;
            Ok(rows.iter().filter_map(|r| Some((at(r, 0).to_string(), at(r, 1).parse::<i128>().ok()? + 1))).collect())
        })
    }
    fn beyond_the_rows<'a>(&'a self, s: &'a Session, table: &'a [String], touched: Touched) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(super::reach::beyond(s, table, touched))
    }
    fn hidden_writer<'a>(&'a self, s: &'a Session, text: &'a str) -> BoxFuture<'a, Result<Option<Writer>>> {
        Box::pin(async { Ok(super::reach::command(s, text).await?.map(|why| Writer { why, way_out: self.functions_that_read() })) })
    }
    fn referrers<'a>(&'a self, s: &'a Session, table: &'a [String]) -> BoxFuture<'a, Result<Vec<Referrer>>> {
        Box::pin(super::dependents::referrers(s, table))
    }
    fn table<'a>(&'a self, s: &'a Session, name: &'a [String]) -> BoxFuture<'a, Result<Option<TableInfo>>> {
        Box::pin(super::table::of(s, name))
    }
    fn children<'a>(&'a self, s: &'a Session, at: &'a NodePath) -> BoxFuture<'a, Result<Vec<SchemaNode>>> {
        Box::pin(async move {
            let schema = at.name_of(NodeKind::Schema).unwrap_or("main");
            there(s, schema)?;
            match at.last() {
                None => schemas(s).await,
                Some((NodeKind::Schema, name)) => relations(s, name).await,
                Some((NodeKind::Table | NodeKind::View, name)) => relation(s, schema, name).await,
                Some((NodeKind::Group, group)) => {
                    let Some(table) = at.name_of(NodeKind::Table).or_else(|| at.name_of(NodeKind::View)) else { return Ok(Vec::new()) };
                    match group.as_str() {
                        INDEXES => indexes(s, schema, table).await,
                        FOREIGN_KEYS => foreign_keys(s, schema, table).await,
                        TRIGGERS => triggers(s, schema, table).await,
                        _ => Ok(Vec::new()),
                    }
                }
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
            let schema = path.name_of(NodeKind::Schema).unwrap_or("main");
            there(s, schema)?;
            let Some((kind, name)) = path.last() else { return Err(Error::failed("the root has no definition")) };
            let condition = match kind {
                // The table first, then what hangs on it, in the order in which it was made.
                NodeKind::Table | NodeKind::View => format!("tbl_name = {} COLLATE NOCASE AND sql IS NOT NULL", lit(name)),
                NodeKind::Index | NodeKind::Trigger => format!("name = {} COLLATE NOCASE AND sql IS NOT NULL", lit(name)),
                _ => return Err(Error::failed(format!("{name} has no definition of its own; see its table's"))),
            };
            let rows = s
                .fetch(format!(
                    "SELECT sql FROM {}.sqlite_schema WHERE {condition} ORDER BY type NOT IN ('table', 'view'), rowid",
                    q(schema)
                ))
                .await?;
            if rows.rows.is_empty() {
                return Err(match kind {
                    NodeKind::Index => Error::failed(format!("index {name} was made by a PRIMARY KEY or UNIQUE constraint of its table")),
                    _ => Error::failed(format!("there is no {name} in {schema} any more")),
                });
            }
            Ok(rows.rows.iter().map(|r| ended(Dialect::Sqlite, &made_in(schema, at(r, 0)))).collect::<Vec<_>>().join("\n\n"))
        })
    }

    fn preview(&self, path: &NodePath, limit: u32, place: Option<&Place>) -> Option<String> {
        let (kind, name) = path.last()?;
        if !matches!(kind, NodeKind::Table | NodeKind::View) {
            return None;
        }
        // A temporary object goes before one of the file that has its name.
        let schema =
            path.name_of(NodeKind::Schema).filter(|s| *s != "main" || place.is_some()).map(|s| format!("{}.", q(s))).unwrap_or_default();
        Some(format!("SELECT * FROM {schema}{} LIMIT {limit}", q(name)))
    }

    fn objects<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Vec<CanonicalObject>>> {
        Box::pin(canonical::objects(s))
    }

    fn tables<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Vec<TableShape>>> {
        Box::pin(canonical::tables(s))
    }

    fn writing_functions<'a>(&'a self, s: &'a Session, names: &'a [String]) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move {
            let known = functions(s).await?;
            Ok(names.iter().filter(|n| !guard::harmless(&n.to_lowercase(), &known)).cloned().collect())
        })
    }
    fn no_function<'a>(&'a self, s: &'a Session, name: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let known = functions(s).await?;
            Ok((!known.iter().any(|k| k.eq_ignore_ascii_case(name))).then(|| format!("no such function: {name}")))
        })
    }
}

/// The names that can be called here, in lower case.
async fn functions(s: &Session) -> Result<Vec<String>> {
    // A file brings no functions with it, so those of our build are all there are; the modules are the table-valued ones.
    // JSON's are listed only once they have been used. A virtual table may be read by calling it: its arguments are conditions.
    let known = s
        .fetch(
            "SELECT lower(name) FROM pragma_function_list UNION SELECT lower(name) FROM pragma_module_list
             UNION SELECT lower(name) FROM pragma_table_list WHERE type = 'virtual'
             UNION VALUES ('json_each'), ('json_tree'), ('jsonb_each'), ('jsonb_tree')",
        )
        .await?;
    Ok(known.rows.iter().map(|r| at(r, 0).to_string()).collect())
}

pub(super) const INDEXES: &str = "Indexes";
pub(super) const FOREIGN_KEYS: &str = "Foreign keys";
pub(super) const TRIGGERS: &str = "Triggers";

async fn schemas(s: &Session) -> Result<Vec<SchemaNode>> {
    let list = s.fetch("PRAGMA database_list").await?;
    let detail = |name: &str, file: &str| match (name, file) {
        ("temp", _) => "your session's own".to_string(),
        (_, "") => "in memory, your session's own".to_string(),
        (_, file) => file.to_string(),
    };
    let there = list.rows.iter().map(|r| (at(r, 1).to_string(), detail(at(r, 1), at(r, 2))));
    let lacking = s.lacks().iter().map(|(name, why)| (name.clone(), format!("cannot be read: {}", why.message)));
    Ok(there.chain(lacking).map(|(name, detail)| SchemaNode { detail, expandable: true, ..node(NodeKind::Schema, name) }).collect())
}

/// The error of a schema that this session could not have.
pub(super) fn there(s: &Session, schema: &str) -> Result<()> {
    match s.lacks().iter().find(|(name, _)| name == schema) {
        Some((_, why)) => Err(why.clone()),
        None => Ok(()),
    }
}

/// Rows by the last ANALYZE: the first number of a table's `stat` is its row count when the statistics were taken.
pub(super) async fn estimates(s: &Session, schema: &str) -> Result<std::collections::HashMap<String, u64>> {
    let known = s.fetch(format!("SELECT 1 FROM {}.sqlite_schema WHERE name = 'sqlite_stat1'", q(schema))).await?;
    if known.rows.is_empty() {
        return Ok(Default::default());
    }
    let stats = s.fetch(format!("SELECT tbl, max(CAST(stat AS INTEGER)) FROM {}.sqlite_stat1 GROUP BY tbl", q(schema))).await?;
    Ok(stats.rows.iter().filter_map(|r| Some((at(r, 0).to_string(), at(r, 1).parse().ok()?))).collect())
}

async fn relations(s: &Session, schema: &str) -> Result<Vec<SchemaNode>> {
    let estimates = estimates(s, schema).await?;
    let list = s
        .fetch(format!(
            // The list is made once: joined as it is, it would be made anew for each table.
            "WITH l AS MATERIALIZED (SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = {})
             SELECT t.type, t.name, l.type, l.wr, l.strict FROM {}.sqlite_schema t LEFT JOIN l ON l.name = t.name
             WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
             ORDER BY t.type, l.type = 'shadow', t.name COLLATE NOCASE",
            lit(schema),
            q(schema)
        ))
        .await?;
    Ok(list
        .rows
        .iter()
        .map(|r| {
            let kind = if at(r, 0) == "view" { NodeKind::View } else { NodeKind::Table };
            let detail = match at(r, 2) {
                "virtual" => "virtual",
                "shadow" => "part of a virtual table",
                _ => "",
            };
            let marks =
                [(3, "WITHOUT ROWID"), (4, "STRICT")].into_iter().filter(|(c, _)| at(r, *c) == "1").map(|(_, m)| m.to_string()).collect();
            SchemaNode { detail: detail.into(), marks, rows: estimates.get(at(r, 1)).copied(), expandable: true, ..node(kind, at(r, 1)) }
        })
        .collect())
}

async fn relation(s: &Session, schema: &str, table: &str) -> Result<Vec<SchemaNode>> {
    let (sc, t) = (lit(schema), lit(table));
    let columns = s
        .fetch(format!(
            "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo({t}, {sc}) WHERE hidden <> 1 ORDER BY cid"
        ))
        .await?;
    if columns.rows.is_empty() {
        return Err(Error::failed(format!("there is no {table} in {schema} any more")));
    }
    let keys = s.fetch(format!("SELECT \"from\", \"table\", \"to\" FROM pragma_foreign_key_list({t}, {sc})")).await?;
    let unique = s
        .fetch(format!(
            "SELECT ii.name FROM pragma_index_list({t}, {sc}) il, pragma_index_info(il.name, {sc}) ii
             WHERE il.\"unique\" AND NOT il.partial AND il.origin <> 'pk' GROUP BY il.name HAVING count(*) = 1"
        ))
        .await?;
    let mut nodes: Vec<_> = columns.rows.iter().map(|r| column(r, &keys, &unique)).collect();
    let counts = s
        .fetch(format!(
            "SELECT (SELECT count(*) FROM pragma_index_list({t}, {sc})), (SELECT count(DISTINCT id) FROM pragma_foreign_key_list({t}, {sc})),
                    (SELECT count(*) FROM {}.sqlite_schema WHERE type = 'trigger' AND tbl_name = {t} COLLATE NOCASE)",
            q(schema)
        ))
        .await?;
    for (i, name) in [INDEXES, FOREIGN_KEYS, TRIGGERS].into_iter().enumerate() {
        let n = counts.rows.first().map_or("0", |r| at(r, i)).to_string();
        if n != "0" {
            nodes.push(SchemaNode { detail: n, expandable: true, ..node(NodeKind::Group, name) });
        }
    }
    Ok(nodes)
}

fn column(r: &[Option<String>], keys: &Table, unique: &Table) -> SchemaNode {
    let name = at(r, 0);
    let mut marks = Vec::new();
    if at(r, 4) != "0" {
        marks.push("PK".to_string());
    }
    if unique.rows.iter().any(|u| at(u, 0) == name) {
        marks.push("UQ".to_string());
    }
    for k in keys.rows.iter().filter(|k| at(k, 0).eq_ignore_ascii_case(name)) {
        let to = at(k, 2);
        marks.push(if to.is_empty() { format!("FK → {}", at(k, 1)) } else { format!("FK → {}.{to}", at(k, 1)) });
    }
    if at(r, 2) == "1" {
        marks.push("NOT NULL".to_string());
    }
    if let Some(default) = r.get(3).and_then(|d| d.as_deref()) {
        marks.push(format!("DEFAULT {default}"));
    }
    if matches!(at(r, 5), "2" | "3") {
        marks.push("GENERATED".to_string());
    }
    SchemaNode { detail: at(r, 1).to_string(), marks, ..node(NodeKind::Column, name) }
}

async fn indexes(s: &Session, schema: &str, table: &str) -> Result<Vec<SchemaNode>> {
    let (sc, t) = (lit(schema), lit(table));
    let list = s
        .fetch(format!(
            "SELECT il.name, il.\"unique\", il.origin, il.partial, group_concat(coalesce(ix.name, '(expression)') || iif(ix.\"desc\", ' DESC', ''), ', ')
             FROM pragma_index_list({t}, {sc}) il, pragma_index_xinfo(il.name, {sc}) ix
             WHERE ix.key GROUP BY il.seq ORDER BY il.name"
        ))
        .await?;
    Ok(list
        .rows
        .iter()
        .map(|r| {
            let mut marks = Vec::new();
            match at(r, 2) {
                "pk" => marks.push("PK".to_string()),
                _ if at(r, 1) == "1" => marks.push("UQ".to_string()),
                _ => {}
            }
            if at(r, 3) == "1" {
                marks.push("partial".to_string());
            }
            SchemaNode { detail: format!("({})", at(r, 4)), marks, ..node(NodeKind::Index, at(r, 0)) }
        })
        .collect())
}

async fn foreign_keys(s: &Session, schema: &str, table: &str) -> Result<Vec<SchemaNode>> {
    let list = s
        .fetch(format!(
            "SELECT group_concat(\"from\", ', '), \"table\", group_concat(\"to\", ', '), on_update, on_delete FROM
             (SELECT * FROM pragma_foreign_key_list({}, {}) ORDER BY id, seq) GROUP BY id",
            lit(table),
            lit(schema)
        ))
        .await?;
    Ok(list
        .rows
        .iter()
        .map(|r| {
            let mut detail = if at(r, 2).is_empty() { format!("→ {}", at(r, 1)) } else { format!("→ {} ({})", at(r, 1), at(r, 2)) };
            for (what, action) in [("UPDATE", at(r, 3)), ("DELETE", at(r, 4))] {
                if action != "NO ACTION" {
                    detail.push_str(&format!(" ON {what} {action}"));
                }
            }
            SchemaNode { detail, marks: vec!["FK".to_string()], ..node(NodeKind::Constraint, format!("({})", at(r, 0))) }
        })
        .collect())
}

async fn triggers(s: &Session, schema: &str, table: &str) -> Result<Vec<SchemaNode>> {
    let list = s
        .fetch(format!(
            "SELECT name, sql FROM {}.sqlite_schema WHERE type = 'trigger' AND tbl_name = {} COLLATE NOCASE ORDER BY name",
            q(schema),
            lit(table)
        ))
        .await?;
    Ok(list
        .rows
        .iter()
        .map(|r| SchemaNode { detail: at(r, 1).lines().next().unwrap_or_default().to_string(), ..node(NodeKind::Trigger, at(r, 0)) })
        .collect())
}
