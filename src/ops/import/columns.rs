//! The table that an import fills, and which of its columns take what the file has.

use super::kept::{Kept, kept};
use super::reader::{Form, Value};
use super::{Import, fit};
use crate::model::{ColumnInfo, Dialect, Error, Param, Result, TableInfo};
use crate::ops::Connection;

/// The table that the rows go to.
pub(super) async fn found(conn: &Connection, import: &Import) -> Result<TableInfo> {
    let path: Vec<String> = import.table.split('.').map(|p| p.trim_matches(['"', '`']).to_string()).collect();
    let Some(table) = conn.catalog()?.table(&conn.surveyor().await?, &path).await? else {
        let (table, name) = (crate::text::clean(&import.table), crate::text::clean(&conn.target().name));
        return Err(
            Error::usage(format!("there is no table {table} on {name}")).hint("An import fills a table that is there: create it first.")
        );
    };
    conn.reaches(&table.schema)?;
    if let Some(why) = &table.no_rollback {
        let table = crate::text::clean(&table.name).into_owned();
        return Err(Error::held(format!("held: an import into {table} can neither be tried nor taken back, because {why}"))
            .hint("Import into a table with transactions (CREATE TABLE … LIKE, ENGINE=InnoDB), then INSERT … SELECT from it."));
    }
    Ok(table)
}

/// SQLite's number of a row is a column of the file's.
pub(super) fn with_number(table: &mut TableInfo, names: &[String]) {
    if let Some(number) = table.number.clone().filter(|n| names.iter().any(|c| c.trim().eq_ignore_ascii_case(n))) {
        let (id, type_name) = (number.clone(), "INTEGER".to_string());
        table.columns.push(ColumnInfo {
            name: number,
            id,
            type_name,
            nullable: true,
            default: true,
            hidden: true,
            ..ColumnInfo::default()
        });
    }
}

/// The columns of the table that the file's columns go to, in the file's order; or what does not fit.
pub(super) fn places<'a>(table: &'a TableInfo, names: &[String]) -> Result<Vec<&'a ColumnInfo>> {
    let mut out: Vec<&ColumnInfo> = Vec::new();
    let mut unknown = Vec::new();
    for name in names {
        let exact = table.columns.iter().find(|c| c.name == *name);
        match exact.or_else(|| table.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name.trim()))) {
            None => unknown.push(name.clone()),
            Some(c) if out.iter().any(|o| o.name == c.name) => {
                return Err(Error::usage(format!("the file has the column {} twice", crate::text::clean(name))));
            }
            Some(c) => out.push(c),
        }
    }
    if !unknown.is_empty() {
        let have: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        return Err(Error::usage(format!("{} has no column {}", crate::text::clean(&table.name), crate::text::clean(&unknown.join(", "))))
            .hint(format!("It has {}. The first line of the file has to name columns.", crate::text::clean(&have.join(", ")))));
    }
    let missing: Vec<&str> = table
        .columns
        .iter()
        .filter(|c| !c.nullable && !c.default && !c.generated && !out.iter().any(|o| o.name == c.name))
        .map(|c| c.name.as_str())
        .collect();
    if !missing.is_empty() {
        return Err(Error::usage(format!(
            "the file has no column {}, which {} needs",
            missing.join(", "),
            crate::text::clean(&table.name)
        )));
    }
    Ok(out)
}

/// It takes no value: the server computes it from others. A number that it counts is none of these.
pub(super) fn computed(c: &ColumnInfo) -> bool {
    c.generated && !c.counts
}

/// A record's values as they are bound; `cut` is told of those that their column rounds or cuts.
pub(super) fn fitted(
    dialect: Dialect,
    form: Form,
    columns: &[&ColumnInfo],
    values: Vec<Value>,
    cut: &mut dyn FnMut(String),
) -> std::result::Result<Vec<Param>, String> {
    let mut one = |(c, v): (&&ColumnInfo, Value)| {
        let param = fit::fit(dialect, form, c, v)?.param(dialect);
        match kept(dialect, c, &param) {
            Kept::Another(why) => return Err(why),
            Kept::Cut(what) => cut(what),
            Kept::Same => {}
        }
        Ok(param)
    };
    columns.iter().zip(values).filter(|(c, _)| !computed(c)).map(&mut one).collect()
}

/// The statement that inserts some rows of the file.
pub(super) fn statement(dialect: Dialect, table: &TableInfo, columns: &[&ColumnInfo], rows: usize) -> String {
    // What is computed takes no values.
    let columns: Vec<&ColumnInfo> = columns.iter().copied().filter(|c| !computed(c)).collect();
    // PostgreSQL's GENERATED ALWAYS AS IDENTITY takes what a file has only so.
    let overriding = if columns.iter().any(|c| c.generated) { " OVERRIDING SYSTEM VALUE" } else { "" };
    let names: Vec<String> = columns.iter().map(|c| dialect.quote_ident(&c.name)).collect();
    let mut n = 0;
    let mut one = || {
        let marks: Vec<String> = columns
            .iter()
            .map(|_| {
                n += 1;
                if dialect == Dialect::Postgres { format!("${n}") } else { "?".into() }
            })
            .collect();
        format!("({})", marks.join(", "))
    };
    let values: Vec<String> = (0..rows).map(|_| one()).collect();
    format!(
        "INSERT INTO {}.{} ({}){overriding} VALUES {}",
        dialect.quote_ident(&table.schema),
        dialect.quote_ident(&table.name),
        names.join(", "),
        values.join(", ")
    )
}
