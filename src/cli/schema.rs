//! `holdpoint schema`: the schema tree, an object's definition, statements over a table.

use super::args::{self, Show};
use super::{connect, output};
use crate::cli::Format;
use crate::model::{Error, NodeKind, NodePath, Result, SchemaNode, Usage};
use crate::ops::used_by::UsedBy;
use crate::ops::{Cx, schema as ops};
use crate::text;
use std::process::ExitCode;

pub async fn schema(cx: &Cx, target: &str, object: Option<&str>, show: &Show, format: Format) -> Result<ExitCode> {
    let conn = connect::open(cx, target).await?;
    let mut at = NodePath::root();
    if let Some(object) = object {
        at = match (find(cx, &conn, object).await, object.rsplit_once('.')) {
            (Err(e), Some((table, column))) => column_of(cx, &conn, table, column).await.map_err(|_| e)?,
            (found, _) => found?,
        };
    }
    if show.definition {
        return statement("definition", &ops::definition(cx, &conn, &at).await?, format);
    }
    if show.used_by {
        return used_by(&crate::ops::used_by::used_by(cx, &conn, &at).await?, format);
    }
    if show.related {
        let names = ops::names(cx, &conn).await?;
        return statement("related", &ops::related(&names, &at)?, format);
    }
    if show.sizes {
        return sizes(&ops::usage(cx, &conn, &at).await?, format);
    }
    if let Some(t) = show.template {
        return statement("statement", ops::template(cx, &conn, &at, template(t)).await?.trim_end(), format);
    }
    let nodes = ops::children(cx, &conn, &at).await?;
    match format {
        Format::Table | Format::Csv => {
            let mut t = output::TextTable::new(&["kind", "name", "detail", "marks", "comment", ">rows ≈", ">size"]);
            for n in &nodes {
                t.row(vec![
                    kind(n.kind).into(),
                    n.name.clone(),
                    n.detail.clone(),
                    n.marks.join(" "),
                    n.comment.clone(),
                    n.rows.map_or(String::new(), text::thousands),
                    n.bytes.map_or(String::new(), text::bytes),
                ]);
            }
            t.print()?;
        }
        Format::Json | Format::Ndjson => output::json(&nodes)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn statement(what: &str, text: &str, format: Format) -> Result<ExitCode> {
    match format {
        Format::Table => output::write(format!("{}\n", text::clean_lines(text)).as_bytes())?,
        _ => output::json(&serde_json::json!({ what: text }))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn used_by(found: &UsedBy, format: Format) -> Result<ExitCode> {
    match format {
        Format::Table | Format::Csv => {
            let mut t = output::TextTable::new(&["kind", "name", "detail", "how"]);
            for d in &found.dependents {
                let how = if d.by_text { "by text" } else { "" };
                t.row(vec![kind(d.kind).into(), d.name.clone(), d.detail.clone(), how.into()]);
            }
            for (word, list) in [("saved query", &found.queries), ("pending migration", &found.migrations)] {
                for m in list {
                    t.row(vec![word.into(), m.name.clone(), format!("line {}: {}", m.line, m.text), "by text".into()]);
                }
            }
            t.print()?;
            for remark in &found.remarks {
                eprintln!("{}", text::clean(remark));
            }
        }
        Format::Json | Format::Ndjson => output::json(found)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn sizes(usage: &Usage, format: Format) -> Result<ExitCode> {
    match format {
        Format::Table | Format::Csv => {
            let mut t = output::TextTable::new(&["name", ">rows ≈", ">size ≈", ">indexes ≈", ">reads", ">by index", ">writes"]);
            let number = |n: Option<u64>| n.map_or(String::new(), text::thousands);
            for r in &usage.relations {
                t.row(vec![
                    r.name.clone(),
                    number(r.rows),
                    r.bytes.map_or(String::new(), text::bytes),
                    r.index_bytes.map_or(String::new(), text::bytes),
                    number(r.reads),
                    number(r.index_reads),
                    number(r.writes),
                ]);
            }
            t.print()?;
            for remark in &usage.remarks {
                eprintln!("{}", text::clean(remark));
            }
        }
        Format::Json | Format::Ndjson => output::json(usage)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn template(t: args::Template) -> crate::sql::template::Template {
    use crate::sql::template::Template;
    match t {
        args::Template::Select => Template::Select,
        args::Template::Insert => Template::Insert,
        args::Template::Update => Template::Update,
        args::Template::Delete => Template::Delete,
    }
}

/// Finds `table.column` and `schema.table.column`.
async fn column_of(cx: &Cx, conn: &crate::ops::Connection, table: &str, column: &str) -> Result<NodePath> {
    let at = find(cx, conn, table).await?;
    let there = ops::children(cx, conn, &at).await?.into_iter().any(|n| n.kind == NodeKind::Column && n.name == column);
    if there { Ok(at.child(NodeKind::Column, column)) } else { Err(Error::usage(format!("{table} has no column {column}"))) }
}

/// Finds `schema.table`, or `table` in whichever schema has it; names the schemas when several do.
async fn find(cx: &Cx, conn: &crate::ops::Connection, object: &str) -> Result<NodePath> {
    let top = ops::children(cx, conn, &NodePath::root()).await?;
    let mut found: Vec<NodePath> = Vec::new();
    for node in &top {
        let path = NodePath::root().child(node.kind, &node.name);
        if node.name == object {
            return Ok(path);
        }
        let wanted = match object.strip_prefix(&format!("{}.", node.name)) {
            Some(rest) => rest,
            None => object,
        };
        if node.kind == NodeKind::Schema {
            let inner: Vec<SchemaNode> = ops::children(cx, conn, &path).await?;
            for n in inner {
                let below = path.child(n.kind, &n.name);
                if n.name == wanted {
                    found.push(below);
                } else if n.kind == NodeKind::Group {
                    for n in ops::children(cx, conn, &below).await?.into_iter().filter(|n| n.name == wanted) {
                        found.push(below.child(n.kind, &n.name));
                    }
                }
            }
        }
    }
    match found.len() {
        0 => Err(Error::usage(format!("there is no {} here", text::clean(object))).hint("`holdpoint schema TARGET` lists what there is.")),
        1 => Ok(found.remove(0)),
        n => Err(Error::usage(format!("{n} schemas have an object named {}", text::clean(object))).hint("Write it as schema.name.")),
    }
}

fn kind(k: NodeKind) -> &'static str {
    match k {
        NodeKind::Schema => "schema",
        NodeKind::Table => "table",
        NodeKind::View => "view",
        NodeKind::MaterializedView => "materialised view",
        NodeKind::Column => "column",
        NodeKind::Index => "index",
        NodeKind::Constraint => "constraint",
        NodeKind::Trigger => "trigger",
        NodeKind::Sequence => "sequence",
        NodeKind::Function => "function",
        NodeKind::Type => "type",
        NodeKind::Group => "group",
    }
}
