//! The schema tree.

use super::{Connection, Cx};
use crate::engine::Session;
use crate::model::names::{Names, Relation};
use crate::model::{ColumnInfo, Error, NodeKind, NodePath, Referrer, Result, SchemaNode, Usage};
use crate::sql::template::{self, Subject, Template};
use crate::sql::{complete, reserved};

/// Children of a node; the root's are schemas or tables.
pub async fn children(_cx: &Cx, conn: &Connection, at: &NodePath) -> Result<Vec<SchemaNode>> {
    let s = conn.surveyor().await?;
    conn.catalog()?.children(&s, at).await
}

/// The same for eyes that wait: names are told as soon as they are known, where the rest takes longer. `unused` is a session that was
/// opened for something else and on which nothing has been run: where the engine allows it, the first list does not wait for another.
pub async fn children_early(
    conn: &Connection,
    unused: Option<&Session>,
    at: &NodePath,
    early: impl FnOnce(Vec<SchemaNode>),
) -> Result<Vec<SchemaNode>> {
    let catalog = conn.catalog()?;
    let s = match unused.filter(|_| catalog.leaves_no_trace()) {
        Some(s) => s.clone(),
        None => conn.surveyor().await?,
    };
    if let Some(names) = catalog.outline(&s, at).await? {
        early(names);
    }
    catalog.children(&s, at).await
}

/// Lines of either list behind a table's definition.
const LISTED: usize = 60;

/// The statement that would make the object again. Behind a table's stands, as comments, what leads to it from elsewhere: its partitions
/// and the keys that refer to it.
pub async fn definition(_cx: &Cx, conn: &Connection, at: &NodePath) -> Result<String> {
    let (s, catalog) = (conn.surveyor().await?, conn.catalog()?);
    let mut out = catalog.definition(&s, at).await?;
    let Some((NodeKind::Table, name)) = at.last() else { return Ok(out) };
    let table: Vec<String> = at.name_of(NodeKind::Schema).into_iter().map(str::to_string).chain([name.clone()]).collect();
    let mut list = |head: &str, lines: Result<Vec<String>>| match lines {
        Ok(lines) if lines.is_empty() => {}
        Ok(lines) => {
            out.push_str(&format!("\n\n-- {head}: {}", lines.len()));
            out.extend(lines.iter().take(LISTED).map(|l| format!("\n--   {}", crate::text::clean(l))));
            if lines.len() > LISTED {
                out.push_str(&format!("\n--   … and {} more", lines.len() - LISTED));
            }
        }
        Err(e) => out.push_str(&format!("\n\n-- {head}: not to be seen ({})", crate::text::clean(&e.message))),
    };
    list("Partitions", catalog.parts(&s, &table).await);
    let told = |keys: Vec<Referrer>| keys.iter().map(|k| refers(k, name)).collect();
    list("Referenced by", catalog.referrers(&s, &table).await.map(told));
    Ok(out)
}

/// A foreign key that leads to a table.
fn refers(key: &Referrer, table: &str) -> String {
    let rules = if key.rules.is_empty() { String::new() } else { format!(" {}", key.rules) };
    let off = if key.enforced { "" } else { ", not enforced in this session" };
    let columns = (key.columns.join(", "), key.referenced.join(", "));
    format!("{}.{} ({}) -> {table} ({}){rules}, {}{off}", key.schema, key.table, columns.0, columns.1, key.constraint)
}

/// A SELECT of the first rows; `None` for what has no rows.
pub fn preview(conn: &Connection, at: &NodePath, limit: u32) -> Option<String> {
    conn.catalog().ok()?.preview(at, limit, conn.place().as_ref())
}

/// Statements of the history that tell which names are used.
const REMEMBERED: usize = 500;

/// All names that completion proposes, with how often they stand in what was run here before.
/// Bare names lead where they do in the user's session.
pub async fn names(cx: &Cx, conn: &Connection) -> Result<Names> {
    let s = conn.follower().await?;
    let mut names = conn.catalog()?.names(&s).await?;
    // Without a store nothing is known of use, and the names still serve.
    for ran in cx.store.recall(Some(&conn.target().name), None, REMEMBERED).unwrap_or_default() {
        complete::count(&mut names.used, conn.dialect(), &ran.text);
    }
    Ok(names)
}

/// The relations of a schema that [`names`] left for later.
pub async fn names_of(conn: &Connection, schema: &str) -> Result<Vec<Relation>> {
    let s = conn.surveyor().await?;
    conn.catalog()?.names_of(&s, schema).await
}

/// Sizes and use of the relations of a schema; of the only one there is for the root.
pub async fn usage(_cx: &Cx, conn: &Connection, at: &NodePath) -> Result<Usage> {
    let s = conn.surveyor().await?;
    let Some((NodeKind::Schema, name)) = at.last() else {
        return Err(Error::usage("sizes are told of a schema").hint("Name one: `holdpoint schema TARGET SCHEMA --sizes`."));
    };
    conn.catalog()?.usage(&s, name).await
}

/// A statement over a table or view, with every column named.
pub async fn template(_cx: &Cx, conn: &Connection, at: &NodePath, template: Template) -> Result<String> {
    let s = conn.surveyor().await?;
    let catalog = conn.catalog()?;
    let Some((kind, name)) = at.last() else { return Err(Error::failed("a statement is written over a table or a view")) };
    let schema = at.name_of(NodeKind::Schema).unwrap_or_default().to_string();
    let full: Vec<String> = if schema.is_empty() { vec![name.clone()] } else { vec![schema.clone(), name.clone()] };
    let table = if *kind == NodeKind::Table { catalog.table(&s, &full).await? } else { None };
    // The bare name is enough where it means this very table.
    let bare = match &table {
        Some(t) => catalog.table(&s, std::slice::from_ref(name)).await?.is_some_and(|b| b.schema == t.schema && b.name == t.name),
        None => false,
    };
    let columns = match &table {
        Some(t) => t.columns.clone(),
        // A view, or a table of another server.
        None => {
            let nodes = catalog.children(&s, at).await?;
            let column = |n: SchemaNode| ColumnInfo {
                id: n.name.clone(),
                name: n.name,
                type_name: n.detail,
                nullable: true,
                generated: false,
                renewed: false,
                default: false,
                counts: false,
                hidden: false,
            };
            nodes.into_iter().filter(|n| n.kind == NodeKind::Column).map(column).collect()
        }
    };
    let dialect = conn.dialect();
    let subject = Subject {
        name: if bare { reserved::ident(dialect, name) } else { template::qualified(dialect, at).unwrap_or_default() },
        columns: &columns,
        key: table.as_ref().map_or(&[], |t| &t.key),
        writable: table.is_some(),
    };
    template::write(dialect, &subject, template)
}

/// Related tables as a sketch in text, for a page of 80 columns.
pub fn related(names: &Names, at: &NodePath) -> Result<String> {
    let schema = at.name_of(NodeKind::Schema).unwrap_or_default();
    match at.last() {
        Some((NodeKind::Table | NodeKind::View | NodeKind::MaterializedView, table)) => {
            let (lines, _) = super::sketch::sketch(names, schema, table, 80);
            Ok(lines.into_iter().map(|l| l.text).collect::<Vec<_>>().join("\n"))
        }
        _ => Err(Error::usage("related tables are drawn round a table")),
    }
}
