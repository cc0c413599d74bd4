//! What a change of a table's rows sets off beyond them: triggers, rows that the table's own definition replaces, and commands that
//! virtual tables take as rows.

use super::catalog::{at, lit, q};
use crate::engine::effects::servers_own;
use crate::engine::{Session, Touched};
use crate::model::{Dialect, Result};
use crate::sql::before::changed_table;
use crate::sql::{Token, TokenKind, lex};

const D: Dialect = Dialect::Sqlite;

fn parts(table: &[String]) -> Option<(&str, &str)> {
    match table {
        [schema, name] => Some((schema, name)),
        [name] => Some(("main", name)),
        _ => None,
    }
}

/// The words and signs of a text.
fn words(text: &str) -> Vec<&str> {
    let means = |t: &Token| !matches!(t.kind, TokenKind::Whitespace | TokenKind::Comment);
    lex(D, text).into_iter().filter(means).map(|t| &text[t.span]).collect()
}

fn are(words: &[&str], wanted: &[&str]) -> bool {
    words.len() >= wanted.len() && words.iter().zip(wanted).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

const INSERT: Touched = Touched { insert: true, update: false, delete: false };

/// See `Catalog::beyond_the_rows`.
pub(super) async fn beyond(s: &Session, table: &[String], touched: Touched) -> Result<Vec<String>> {
    let Some((schema, name)) = parts(table) else { return Ok(vec!["its name cannot be looked up".into()]) };
    // Nobody else can make such names.
    if name.get(..7).is_some_and(|n| n.eq_ignore_ascii_case("sqlite_")) {
        return Ok(vec![servers_own(name)]);
    }
    let found = s
        .fetch(format!(
            "SELECT type, name, sql FROM {}.sqlite_schema WHERE tbl_name = {name} COLLATE NOCASE AND type IN ('trigger', 'view', 'table')",
            q(schema),
            name = lit(name)
        ))
        .await?;
    let mut out = Vec::new();
    let kind = s.fetch(format!("SELECT type FROM pragma_table_list({}) WHERE schema = {} COLLATE NOCASE", lit(name), lit(schema))).await?;
    if kind.scalar() == Some("shadow") {
        out.push("it is a part of a virtual table, which writes it itself".into());
    }
    for r in &found.rows {
        match at(r, 0) {
            "trigger" if !fires(at(r, 2), touched) => {}
            "trigger" => out.push(format!("trigger {}", at(r, 1))),
            "view" => out.push("it is a view".into()),
            _ if touched != INSERT && words(at(r, 2)).windows(2).any(|w| are(w, &["content", "="])) => {
                out.push("it is an index of texts that it does not keep itself (content=…), so they cannot be saved".into());
            }
            _ if words(at(r, 2)).windows(3).any(|w| are(w, &["on", "conflict", "replace"])) => {
                out.push("its definition replaces other rows (ON CONFLICT REPLACE)".into());
            }
            _ => {}
        }
    }
    Ok(out)
}

/// Whether a trigger is for what is done; its event stands before the first ON that is no part of a column's list.
fn fires(definition: &str, touched: Touched) -> bool {
    let words = words(definition);
    let on = words.iter().position(|w| w.eq_ignore_ascii_case("on")).unwrap_or(words.len());
    // `CREATE TRIGGER "delete" AFTER INSERT ON t`: a name in quotes is another word, and one without them cannot be a reserved one.
    let is = |event: &str| words[..on].iter().any(|w| w.eq_ignore_ascii_case(event));
    let [insert, update, delete] = ["insert", "update", "delete"].map(is);
    let known = insert || update || delete;
    !known || insert && touched.insert || update && touched.update || delete && touched.delete
}

/// See `Catalog::hidden_writer`. A row that has a value in the column of a virtual table's own name is a command to it (FTS:
/// `delete-all`, `rebuild`).
pub(super) async fn command(s: &Session, text: &str) -> Result<Option<String>> {
    let words = words(text);
    let Some(into) = words.iter().position(|w| w.eq_ignore_ascii_case("into")) else { return Ok(None) };
    let Some(table) = changed_table(D, text) else { return Ok(None) };
    let Some((schema, name)) = parts(&table) else { return Ok(None) };
    let rest = &words[into..];
    let end =
        rest.iter().position(|w| ["values", "select", "default", "with"].iter().any(|k| w.eq_ignore_ascii_case(k))).unwrap_or(rest.len());
    let Some(open) = rest[..end].iter().position(|w| *w == "(") else { return Ok(None) };
    let own = |w: &&str| w.trim_matches(['"', '`', '[', ']', '\'']).eq_ignore_ascii_case(name);
    if !rest[open..end].iter().any(own) {
        return Ok(None);
    }
    let made = s
        .fetch(format!("SELECT sql FROM {}.sqlite_schema WHERE type = 'table' AND name = {} COLLATE NOCASE", q(schema), lit(name)))
        .await?;
    let virtual_table = made.scalar().is_some_and(|sql| are(&self::words(sql), &["create", "virtual"]));
    Ok(virtual_table
        .then(|| format!("a value in the column {name} of the virtual table {name} is a command to it, which may change all of it")))
}
