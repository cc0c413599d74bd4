//! What a writing statement sets off in a SQLite file: the statement is prepared on a copy of the schema in memory, and SQLite itself
//! tells what it would write and by which trigger.
//!
//! Everything in the file rolls back, the counters of AUTOINCREMENT too, and our build has no function that reaches outside.

use super::backup::copying::on_thread;
use super::catalog::{at, lit};
use super::fault;
use crate::engine::effects::{MOST, Reached, Touched, cascades};
use crate::engine::{Catalog, Session};
use crate::model::{Effects, Error, Result};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A table, what is done to it, and the trigger or view that does it.
type Seen = (String, Touched, Option<String>);

pub(super) async fn of(catalog: &dyn Catalog, s: &Session, text: &str) -> Result<Effects> {
    let schema = s
        .fetch(
            "SELECT sql FROM main.sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid",
        )
        .await?;
    let schema: Vec<String> = schema.rows.into_iter().filter_map(|mut r| r.pop().flatten()).collect();
    let sent = text.to_string();
    let seen = on_thread(move || prepared(&schema, &sent)).await?;
    let mut out = Effects::default();
    let mut reached = Reached::default();
    let mut triggers: Vec<String> = Vec::new();
    for (table, touched, by) in seen {
        match by {
            None => Effects::note(&mut out.written, format!("{table}: {}", touched.words())),
            Some(by) => {
                Effects::note(&mut out.written, format!("{table}: {} by {by}", touched.words()));
                triggers.push(by);
            }
        }
        reached.add(vec!["main".into(), table], touched);
    }
    let mut looked = 0;
    while let Some((table, touched)) = reached.next() {
        looked += 1;
        if looked > MOST {
            Effects::note(&mut out.stays, "the foreign keys and triggers behind it lead too far to be looked through");
            break;
        }
        cascades(catalog, s, &table, touched, &mut reached, &mut out).await?;
        let own = s
            .fetch(format!(
                "SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = {} COLLATE NOCASE",
                lit(table.last().map_or("", String::as_str))
            ))
            .await?;
        for r in &own.rows {
            // Those of the tables that the statement itself writes were told by SQLite; those behind a foreign key fire as well.
            let first = triggers.iter().any(|t| t == at(r, 0)) || out.cascades.iter().any(|c| c.contains(table.last().map_or("", |t| t)));
            if first {
                let head = at(r, 1).split_whitespace().collect::<Vec<_>>().join(" ");
                Effects::note(&mut out.triggers, crate::text::truncate(&head, 160).into_owned());
            }
        }
    }
    Effects::note(&mut out.locks, "the whole file: others read on, and wait with their writes until it is rolled back");
    Ok(out)
}

/// What SQLite says while it prepares the statement.
fn prepared(schema: &[String], text: &str) -> Result<Vec<Seen>> {
    let failed = |e| fault::opening(e, Path::new(":memory:"));
    let mut conn = rusqlite::Connection::open_in_memory().map_err(failed)?;
    for sql in schema {
        // What cannot be made here is missed by the statement itself, if it needs it.
        let _ = conn.execute_batch(sql);
    }
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let note = seen.clone();
    conn.authorizer(Some(move |ctx: AuthContext<'_>| {
        let touched = |insert, update, delete| Touched { insert, update, delete };
        let found = match ctx.action {
            AuthAction::Insert { table_name } => Some((table_name, touched(true, false, false))),
            AuthAction::Update { table_name, .. } => Some((table_name, touched(false, true, false))),
            AuthAction::Delete { table_name } => Some((table_name, touched(false, false, true))),
            _ => None,
        };
        if let Some((table, touched)) = found.filter(|(t, _)| !t.starts_with("sqlite_")) {
            let one = (table.to_string(), touched, ctx.accessor.map(str::to_string));
            let mut all = note.lock().unwrap_or_else(PoisonError::into_inner);
            if !all.contains(&one) {
                all.push(one);
            }
        }
        Authorization::Allow
    }))
    .map_err(failed)?;
    conn.prepare(text).map_err(|e| Error::failed(format!("the statement cannot be prepared on a copy of the schema: {e}")))?;
    let all = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(all)
}

/// See `Trials::twin`. Indexes that a constraint made are told by their columns alone; the others have their own statement, whose table is
/// another one.
pub(super) async fn twin(s: &Session, table: &str, name: &str) -> Result<Vec<String>> {
    let bare = table.trim_matches(['"', '`', '[', ']']).replace("\"\"", "\"");
    let mut out = vec![format!("CREATE TABLE {name} AS SELECT * FROM {table} LIMIT 0")];
    let indexes = s.fetch(format!("SELECT name, \"unique\", partial FROM pragma_index_list({}) ORDER BY seq", lit(&bare))).await?;
    for (n, r) in indexes.rows.iter().enumerate() {
        let columns = s.fetch(format!("SELECT name FROM pragma_index_xinfo({}) WHERE key ORDER BY seqno", lit(at(r, 0)))).await?;
        let names: Vec<String> = columns.rows.iter().map(|c| at(c, 0)).filter(|c| !c.is_empty()).map(super::catalog::q).collect();
        // An index on expressions, or on a part of the rows, is left out: both twins are without it.
        if names.len() == columns.rows.len() && at(r, 2) == "0" && !names.is_empty() {
            let own = super::catalog::q(&format!("{}_{n}", name.trim_matches('"')));
            let unique = if at(r, 1) == "1" { "UNIQUE " } else { "" };
            out.push(format!("CREATE {unique}INDEX {own} ON {name} ({})", names.join(", ")));
        }
    }
    Ok(out)
}
