//! Indexes that are only imagined: the schema and its statistics are copied into memory, without a row, and the index is made there.
//! SQLite expects no costs, so all that can be said is whether its planner takes the index. And private copies of the file.

use super::backup::copying::{Copied, on_thread, vacuum_into};
use super::guard::{Guard, Mode};
use super::{Sqlite, fault, open, plan};
use crate::config::{AccessMode, EngineKind, Target};
use crate::engine::{Hiding, Hypothetical, Imagined, Scratch, Session, Trials};
use crate::model::evidence::Grade;
use crate::model::plan::Plan;
use crate::model::{Effects, Error, Progress, Result};
use futures_util::future::BoxFuture;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// Times that the file is copied again because somebody wrote meanwhile.
const ATTEMPTS: u32 = 3;

impl Hypothetical for Sqlite {
    fn imagine<'a>(&'a self, s: &'a Session, text: &'a str, creates: &'a [&'a str]) -> BoxFuture<'a, Result<Imagined>> {
        Box::pin(async move {
            let (schema, statistics) = described(s).await?;
            let (text, creates) = (text.to_string(), creates.iter().map(ToString::to_string).collect::<Vec<_>>());
            on_thread(move || imagined(&schema, &statistics, &text, &creates)).await
        })
    }
    fn hide<'a>(&'a self, s: &'a Session, text: &'a str, index: &'a str) -> BoxFuture<'a, Result<Plan>> {
        Box::pin(async move {
            let (schema, statistics) = described(s).await?;
            let (text, index) = (text.to_string(), index.to_string());
            on_thread(move || {
                let conn = in_memory(&schema, &statistics)?;
                let drop = format!("DROP INDEX {}", crate::model::Dialect::Sqlite.quote_ident(&index));
                conn.execute_batch(&drop).map_err(|e| {
                    Error::usage(format!("the index {} cannot be hidden: {e}", crate::text::clean(&index)))
                        .hint("An index that a constraint made stays; see the table's indexes for their names.")
                })?;
                // The number of a table's rows stands in the line of an index: with the last one it would be forgotten.
                for [table, rows] in sizes(&statistics) {
                    conn.execute(
                        "INSERT INTO sqlite_stat1 (tbl, idx, stat) SELECT ?1, NULL, ?2 WHERE NOT EXISTS (SELECT 1 FROM sqlite_stat1 WHERE tbl = ?1)",
                        [table, rows],
                    )
                    .map_err(failed)?;
                }
                if !statistics.is_empty() {
                    conn.execute_batch("ANALYZE sqlite_schema").map_err(failed)?;
                }
                planned(&conn, &text)
            })
            .await
        })
    }
}

/// The statements that make the schema, tables first, then what stands upon them; and the rows of its statistics.
async fn described(s: &Session) -> Result<(Vec<String>, Vec<Vec<Option<String>>>)> {
    let schema = s
        .fetch(
            "SELECT sql FROM main.sqlite_schema WHERE sql IS NOT NULL AND type IN ('table', 'index', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 ELSE 2 END, rowid",
        )
        .await?;
    let analyzed = !s.fetch("SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_stat1'").await?.rows.is_empty();
    let statistics = if analyzed { s.fetch("SELECT tbl, idx, stat FROM main.sqlite_stat1").await?.rows } else { Vec::new() };
    Ok((schema.rows.into_iter().filter_map(|mut r| r.pop().flatten()).collect(), statistics))
}

/// Each table of the statistics with the number of its rows.
fn sizes(statistics: &[Vec<Option<String>>]) -> Vec<[&str; 2]> {
    statistics
        .iter()
        .filter_map(|row| match row.as_slice() {
            [Some(table), _, Some(stat)] => Some([table.as_str(), stat.split(' ').next()?]),
            _ => None,
        })
        .collect()
}

fn failed(e: rusqlite::Error) -> Error {
    fault::opening(e, Path::new(":memory:"))
}

/// The schema without a row, with its statistics.
fn in_memory(schema: &[String], statistics: &[Vec<Option<String>>]) -> Result<rusqlite::Connection> {
    let conn = rusqlite::Connection::open_in_memory().map_err(failed)?;
    for sql in schema {
        // What cannot be made here (a module that is not built in, a shadow table that its virtual one made already) is missed by
        // the statement itself, if it needs it.
        let _ = conn.execute_batch(sql);
    }
    if !statistics.is_empty() {
        // Makes the table of statistics, empty.
        conn.execute_batch("ANALYZE").map_err(failed)?;
        conn.execute("DELETE FROM sqlite_stat1", []).map_err(failed)?;
        for row in statistics {
            conn.execute("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", rusqlite::params_from_iter(row)).map_err(failed)?;
        }
        // Reads the statistics again.
        conn.execute_batch("ANALYZE sqlite_schema").map_err(failed)?;
    }
    Ok(conn)
}

fn planned(conn: &rusqlite::Connection, text: &str) -> Result<Plan> {
    let (plan, _) = plan::explain(conn, &Guard::new(Mode::Free), text).map_err(|e| match e {
        super::actor::Refusal::Sqlite(e) => Error::failed(format!("the statement has no plan on a copy of the schema: {e}")),
        super::actor::Refusal::Ours(e) => e,
    })?;
    Ok(plan)
}

fn imagined(schema: &[String], statistics: &[Vec<Option<String>>], text: &str, creates: &[String]) -> Result<Imagined> {
    let conn = in_memory(schema, statistics)?;
    let mut names: Vec<String> = Vec::new();
    for create in creates {
        conn.execute_batch(create).map_err(|e| Error::failed(format!("SQLite does not make this index: {e}")))?;
        let newest = "SELECT name FROM sqlite_schema WHERE type = 'index' ORDER BY rowid DESC LIMIT 1";
        names.push(conn.query_row(newest, [], |r| r.get(0)).map_err(failed)?);
    }
    if !statistics.is_empty() {
        conn.execute_batch("ANALYZE sqlite_schema").map_err(failed)?;
    }
    let plan = planned(&conn, text)?;
    let mut used = vec![false; names.len()];
    plan.root.walk(0, &mut |_, n| {
        for (used, name) in used.iter_mut().zip(&names) {
            *used |= n.index.as_deref() == Some(name.as_str());
        }
    });
    Ok(Imagined { plan, bytes: vec![None; used.len()], used })
}

impl Trials for Sqlite {
    fn copy<'a>(&'a self, progress: &'a dyn Progress, cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Option<Scratch>>> {
        Box::pin(async move {
            let source = open::path_of(&self.target)?;
            let making = |e| Error::io("making a private place for a copy of the file", e);
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            // Where the target keeps its scratch copies, or else where temporary files go.
            let root = self.target.scratch.as_ref().map(std::path::PathBuf::from).filter(|p| p.is_dir()).unwrap_or_else(std::env::temp_dir);
            let place = tempfile::Builder::new().prefix("holdpoint-trial-").permissions(private).tempdir_in(root).map_err(making)?;
            std::fs::write(place.path().join(super::backup::MARKER), "trial\n").map_err(making)?;
            let file = place.path().join("database.sqlite");
            let mut attempt = 1;
            while let Copied::Moved = vacuum_into(&source, &file, progress, cancel).await? {
                if attempt == ATTEMPTS {
                    return Err(Error::failed(format!("{} was written to during each of {ATTEMPTS} copies", source.display()))
                        .hint("Measure when fewer programs write."));
                }
                attempt += 1;
            }
            let target = Target {
                path: Some(file),
                access: AccessMode::Open,
                history: false,
                ..Target::bare(format!("{}-trial", self.target.name), EngineKind::Sqlite)
            };
            // From here on the directory is `Backups::discard`'s to remove.
            let _ = place.keep();
            Ok(Some(Scratch { target, grade: Grade::Full }))
        })
    }
    fn copies_itself(&self) -> bool {
        true
    }
    fn copy_bytes<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(async move {
            let told = s.fetch("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").await?;
            Ok(told.scalar().and_then(|n| n.parse().ok()))
        })
    }
    fn hiding(&self, _s: &Session, _table: &str, _index: &str) -> Hiding {
        // DROP INDEX in a transaction would read each page of the index to free it, before each run, and push the table's out of memory.
        Hiding::SecondCopy
    }
    fn twin<'a>(&'a self, s: &'a Session, table: &'a str, name: &'a str) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(super::effects::twin(s, table, name))
    }
    fn effects<'a>(&'a self, s: &'a Session, text: &'a str) -> BoxFuture<'a, Result<Effects>> {
        Box::pin(super::effects::of(self, s, text))
    }
    fn settle(&self, table: &str) -> Vec<String> {
        vec![format!("ANALYZE {table}")]
    }
    fn settles_as_found(&self) -> bool {
        true
    }
    fn index_bytes<'a>(&'a self, s: &'a Session, _table: &'a str, index: &'a str) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(async move {
            // Only where the table of pages is built in.
            let told = s
                .fetch(format!("SELECT sum(pgsize) FROM dbstat WHERE name = {}", crate::model::Dialect::Sqlite.quote_literal(index)))
                .await;
            Ok(told.ok().and_then(|t| t.rows.first()?.first()?.as_deref()?.parse().ok()))
        })
    }
}
