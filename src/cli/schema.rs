//! `holdpoint schema`: the schema tree, an object's definition, statements over a table.

use super::args::{self, Show};
use super::{connect, output};
use crate::cli::Format;
use crate::model::{Dialect, Error, NodeKind, NodePath, Result, SchemaNode, Usage};
use crate::ops::export::table_parts;
use crate::ops::used_by::UsedBy;
use crate::ops::{Cx, schema as ops};
use crate::text;
use std::io::IsTerminal;
use std::process::ExitCode;

pub async fn schema(cx: &Cx, target: &str, object: Option<&str>, show: &Show, format: Format) -> Result<ExitCode> {
    let conn = connect::open(cx, target).await?;
    let mut at = NodePath::root();
    if let Some(object) = object {
        at = match (find(cx, &conn, object).await, below(conn.dialect(), object)) {
            (Err(e), Some((table, name))) => part_of(cx, &conn, &table, &name).await.map_err(|_| e)?,
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
            let of = Figures(format);
            let mut t = output::TextTable::new(&[
                "kind",
                "name",
                "detail",
                "marks",
                "comment",
                of.head(">rows ≈", "rows"),
                of.head(">size", "bytes"),
            ]);
            for n in &nodes {
                t.row(vec![
                    kind(n.kind).into(),
                    n.name.clone(),
                    n.detail.clone(),
                    n.marks.join(" "),
                    n.comment.clone(),
                    of.number(n.rows),
                    of.bytes(n.bytes),
                ]);
            }
            of.print(&t)?;
        }
        Format::Json => output::json(&nodes)?,
        Format::Ndjson => output::ndjson(&nodes)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Numbers for people, or exact ones for programs.
struct Figures(Format);

impl Figures {
    fn head<'a>(&self, people: &'a str, programs: &'a str) -> &'a str {
        if self.0 == Format::Csv { programs } else { people }
    }
    fn number(&self, n: Option<u64>) -> String {
        n.map_or(String::new(), |n| if self.0 == Format::Csv { n.to_string() } else { text::thousands(n) })
    }
    fn bytes(&self, n: Option<u64>) -> String {
        n.map_or(String::new(), |n| if self.0 == Format::Csv { n.to_string() } else { text::bytes(n) })
    }
    fn print(&self, t: &output::TextTable) -> Result<()> {
        if self.0 == Format::Csv { t.csv() } else { t.print() }
    }
}

fn statement(what: &str, text: &str, format: Format) -> Result<ExitCode> {
    match format {
        Format::Csv => {
            return Err(Error::usage(format!("a {what} is no table: it has no form as CSV")).hint("Use --format json, or leave it out."));
        }
        Format::Ndjson => output::ndjson([serde_json::json!({ what: text })])?,
        // A file or a pipe gets it as the server has it: it may be sent back.
        Format::Table if !std::io::stdout().is_terminal() => output::write(format!("{text}\n").as_bytes())?,
        Format::Table => {
            let shown = text::clean_lines(text);
            output::write(format!("{shown}\n").as_bytes())?;
            if shown.replace(' ', "") != text.replace([' ', '\t'], "") {
                output::message(
                    "Characters that a terminal cannot show are written as signs or numbers here; a pipe or a file gets them exactly.",
                );
            }
        }
        _ => output::json(&serde_json::json!({ what: text }))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn used_by(found: &UsedBy, format: Format) -> Result<ExitCode> {
    match format {
        Format::Table | Format::Csv => {
            let of = Figures(format);
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
            of.print(&t)?;
            for remark in &found.remarks {
                eprintln!("{}", text::clean(remark));
            }
        }
        Format::Json => output::json(found)?,
        Format::Ndjson => output::ndjson([found])?,
    }
    Ok(ExitCode::SUCCESS)
}

fn sizes(usage: &Usage, format: Format) -> Result<ExitCode> {
    match format {
        Format::Table | Format::Csv => {
            let of = Figures(format);
            let (rows, size, indexes) = (of.head(">rows ≈", "rows"), of.head(">size ≈", "bytes"), of.head(">indexes ≈", "index_bytes"));
            let mut t = output::TextTable::new(&["name", rows, size, indexes, ">reads", ">by index", ">writes"]);
            for r in &usage.relations {
                t.row(vec![
                    r.name.clone(),
                    of.number(r.rows),
                    of.bytes(r.bytes),
                    of.bytes(r.index_bytes),
                    of.number(r.reads),
                    of.number(r.index_reads),
                    of.number(r.writes),
                ]);
            }
            of.print(&t)?;
            for remark in &usage.remarks {
                eprintln!("{}", text::clean(remark));
            }
        }
        Format::Json => output::json(usage)?,
        Format::Ndjson => output::ndjson(&usage.relations)?,
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

/// The table of `schema.table.name`, and the name, which quotes may be round.
fn below(dialect: Dialect, object: &str) -> Option<(String, String)> {
    match table_parts(dialect, object).split_last() {
        Some((name, table)) if !table.is_empty() => {
            Some((table.iter().map(|p| dialect.quote_ident(p)).collect::<Vec<_>>().join("."), name.clone()))
        }
        // Names that SQL would quote may stand as they are.
        _ => object.rsplit_once('.').map(|(table, name)| (table.into(), name.into())),
    }
}

/// Finds a column, trigger, index or constraint as `table.name` and `schema.table.name`; the column comes first.
async fn part_of(cx: &Cx, conn: &crate::ops::Connection, table: &str, name: &str) -> Result<NodePath> {
    let at = find(cx, conn, table).await?;
    let parts = ops::children(cx, conn, &at).await?;
    if let Some(n) = parts.iter().find(|n| n.kind != NodeKind::Group && n.name == name) {
        return Ok(at.child(n.kind, name));
    }
    for group in parts.iter().filter(|n| n.kind == NodeKind::Group) {
        let below = at.child(group.kind, &group.name);
        if let Some(n) = ops::children(cx, conn, &below).await?.into_iter().find(|n| n.name == name) {
            return Ok(below.child(n.kind, name));
        }
    }
    Err(Error::usage(format!("{table} has no column, trigger, index or constraint {name}")))
}

/// Finds `schema.table`, or `table` in whichever schema has it; names the schemas when several do.
/// The object of that name, written as SQL would write it; functions also without their arguments.
async fn find(cx: &Cx, conn: &crate::ops::Connection, object: &str) -> Result<NodePath> {
    // A function's arguments are part of its name in the tree.
    let (name, arguments) = object.split_once('(').map_or((object, None), |(n, a)| (n, Some(a.trim_end_matches(')').trim())));
    let mut parts = table_parts(conn.dialect(), name);
    let bare = parts.pop().unwrap_or_default();
    let schema = parts.pop();
    let top = ops::children(cx, conn, &NodePath::root()).await?;
    if let Some(node) = top.iter().find(|n| n.name == object || schema.is_none() && arguments.is_none() && n.name == bare) {
        return Ok(NodePath::root().child(node.kind, &node.name));
    }
    let mut found: Vec<NodePath> = Vec::new();
    let of_schema = |n: &&SchemaNode| n.kind == NodeKind::Schema && schema.as_ref().is_none_or(|s| *s == n.name);
    for node in top.iter().filter(of_schema) {
        let path = NodePath::root().child(node.kind, &node.name);
        for n in ops::children(cx, conn, &path).await? {
            let below = path.child(n.kind, &n.name);
            if n.name == bare && arguments.is_none() {
                found.push(below);
            } else if n.kind == NodeKind::Group {
                for n in ops::children(cx, conn, &below).await? {
                    if is_called(&n.name, &bare, arguments) {
                        found.push(below.child(n.kind, &n.name));
                    }
                }
            }
        }
    }
    if found.len() != 1 {
        let names = ops::names(cx, conn).await?;
        // Indexes and triggers stand below their tables.
        if found.is_empty() {
            let of = |(p, name): &(&crate::model::names::Place, &str)| **name == *bare && schema.as_ref().is_none_or(|s| **s == *p.schema);
            let places: Vec<_> = names.places().filter(of).map(|(p, _)| p).collect();
            // A key and its index bear one name: the key's definition makes both.
            let key = |p: &crate::model::names::Place| {
                p.kind == NodeKind::Index
                    && places.iter().any(|o| o.kind == NodeKind::Constraint && (&o.schema, &o.relation) == (&p.schema, &p.relation))
            };
            found = places.iter().filter(|p| !key(p)).map(|p| p.path(&bare)).collect();
        } else if schema.is_none()
            && let Some(r) = names.relation(None, &bare).filter(|r| names.on_path(&r.schema))
        {
            // What a statement would mean by the bare name.
            found = vec![r.path()];
        }
    }
    match found.len() {
        0 => Err(Error::usage(format!("there is no {} here", text::clean(object))).hint("`holdpoint schema TARGET` lists what there is.")),
        1 => Ok(found.remove(0)),
        n => {
            let all: Vec<String> = found
                .iter()
                .map(|p| {
                    text::clean(&p.0.iter().filter(|(k, _)| *k != NodeKind::Group).map(|(_, n)| n.as_str()).collect::<Vec<_>>().join("."))
                        .into_owned()
                })
                .collect();
            Err(Error::usage(format!("{n} objects are named {}: {}", text::clean(object), all.join(", ")))
                .hint("Write schema.name, and a function with its arguments."))
        }
    }
}

/// Whether a name of the tree is this one: `total_of(cid bigint)` is also `total_of` and `total_of(bigint)`.
fn is_called(node: &str, bare: &str, arguments: Option<&str>) -> bool {
    let (name, own) = node.split_once('(').map_or((node, None), |(n, a)| (n, Some(a.trim_end_matches(')'))));
    if name.trim_matches('"') != bare && name != bare {
        return false;
    }
    match (arguments, own) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wanted), Some(own)) => {
            let list = |s: &str| s.split(',').map(|p| p.trim().to_ascii_lowercase()).filter(|p| !p.is_empty()).collect::<Vec<_>>();
            let (wanted, own) = (list(wanted), list(own));
            wanted.len() == own.len() && wanted.iter().zip(&own).all(|(w, o)| o == w || o.ends_with(&format!(" {w}")))
        }
    }
}

/// The word for a kind of object in what scripts read.
fn kind(k: NodeKind) -> &'static str {
    if k == NodeKind::Group { "group" } else { k.word() }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_stands_below_a_table_is_named_with_and_without_quotes() {
        let of = |object| super::below(crate::model::Dialect::Postgres, object).unwrap();
        assert_eq!(of("public.ic.\"Mixed Case\""), (r#""public"."ic""#.into(), "Mixed Case".into()));
        assert_eq!(of("ic.\"a.b\""), (r#""ic""#.into(), "a.b".into()));
        assert_eq!(of("ic.Mixed Case"), ("ic".into(), "Mixed Case".into()));
    }

    #[test]
    fn functions_are_called_with_and_without_their_arguments() {
        let c = |wanted: Option<&str>| super::is_called("total_of(cid bigint, x double precision)", "total_of", wanted);
        assert!(c(None) && c(Some("bigint, double precision")) && c(Some("cid bigint, x double precision")));
        assert!(!c(Some("bigint")) && !c(Some("text, double precision")));
        assert!(super::is_called("now()", "now", Some("")));
        assert!(!super::is_called("notes", "note", None));
    }
}
