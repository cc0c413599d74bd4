//! Rows of a file into a table: previewed against its columns, bound as parameters, in one transaction, with a report of what the
//! server refused.

mod columns;
mod file;
mod fit;
mod kept;
mod ndjson;
pub mod reader;
mod replace;
mod report;
mod send;
mod zone;

pub use replace::replace;
pub use report::{Match, Report};

use super::query::{Unlock, guarded};
use super::statements::{Ended, remember};
use super::{Connection, Cx, cancelling};
use crate::config::AccessMode;
use crate::engine::{Session, Touched};
use crate::model::{ColumnInfo, Dialect, Error, Kind, Param, Result, TableInfo};
use crate::store::history::Fate;
use crate::store::journal::NewEntry;
use columns::{computed, found, places, with_number};
use reader::Form;
use std::path::PathBuf;
use std::time::Instant;

/// Rows of the file that a preview shows.
const PREVIEWED: usize = 3;
/// Bytes of a binary value that a preview shows.
const PREVIEWED_BYTES: usize = 16;

/// What is to be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub file: PathBuf,
    pub form: Form,
    /// `table` or `schema.table`, as a statement would name it without quotes.
    pub table: String,
    /// Text that stands for NULL; without it nothing at all (CSV), `\N` (TSV), null (NDJSON) does.
    pub null: Option<String>,
    /// Rows that the server refuses are left out; otherwise one refused row keeps all of them out.
    pub skip_refused: bool,
    /// Keep the rows; otherwise everything is tried and rolled back.
    pub commit: bool,
    /// The time zone of its moments, where the session's is not meant (MariaDB, MySQL); a file of saved rows names its own.
    pub time_zone: Option<String>,
    /// The history's line of its trial, whose place its own one takes: both are one deed.
    pub tried: Option<i64>,
}

impl Import {
    /// The line of the console that does the same from any directory: tried first, then asked about. It stands in the history.
    pub fn typed(&self) -> String {
        let quoted = |s: &str| format!("'{}'", s.replace('\'', "''"));
        let file = std::path::absolute(&self.file).unwrap_or_else(|_| self.file.clone());
        let mut out = format!("\\copy {} from {}", self.table, quoted(&file.display().to_string()));
        if Form::of_path(&self.file) != Some(self.form) {
            out.push_str(&format!(" format {}", self.form.name()));
        }
        if let Some(null) = &self.null {
            out.push_str(&format!(" null {}", quoted(null)));
        }
        if let Some(zone) = &self.time_zone {
            out.push_str(&format!(" time_zone {}", quoted(zone)));
        }
        out
    }
}

/// Imports. Nothing stays unless `commit` is set and, without `skip_refused`, every row was taken. An error is one of the whole;
/// refused rows are in the report. However it ends, it is in the history. `opened` is given the session that it runs on, before
/// anything runs there.
pub async fn run(cx: &Cx, conn: &Connection, unlock: Option<&Unlock>, import: &Import, opened: impl FnOnce(&Session)) -> Result<Report> {
    let target = conn.target();
    let name = crate::text::clean(&target.name).into_owned();
    if target.access != AccessMode::Open && !guarded(cx, conn, unlock) {
        return Err(Error::read_only(format!("refused on {name}, which is read-only"))
            .hint("For a data fix, :unlock with the target's name gives guarded access for 15 minutes."));
    }
    let begun = Instant::now();
    let mut fate = None;
    let mut outcome = allowed(cx, conn, &name, import, opened, &mut fate).await;
    // One that was asked to keep its rows and did not has failed, too.
    let error = match &outcome {
        Ok(report) => report.why_not.as_ref().map(Error::failed),
        Err(e) => Some(e.clone()),
    };
    let ended = Ended {
        text: &import.typed(),
        took: begun.elapsed(),
        rows: 0,
        affected: outcome.as_ref().ok().map(|r| r.taken),
        tag: None,
        error: error.as_ref(),
    };
    let kept = remember(cx, conn, &ended, fate).and_then(|number| {
        import.tried.map_or(Ok(()), |trial| cx.store.forget_run(trial))?;
        Ok(number)
    });
    if let (Ok(number), Ok(report)) = (&kept, &mut outcome) {
        report.run = *number;
    }
    if let Err(unkept) = kept {
        match &mut outcome {
            Ok(report) => report.unrecorded = Some(unkept.message),
            Err(e) => e.hints.push(format!("It could not be recorded in the history: {}", unkept.message)),
        }
    }
    outcome
}

async fn allowed(
    cx: &Cx,
    conn: &Connection,
    name: &str,
    import: &Import,
    opened: impl FnOnce(&Session),
    fate: &mut Option<Fate>,
) -> Result<Report> {
    let open_target = conn.target().access == AccessMode::Open;
    let mut table = found(conn, import).await?;
    let (catalog, reading) = (conn.catalog()?, conn.surveyor().await?);
    if !open_target {
        let beyond = catalog
            .beyond_the_rows(&reading, &[table.schema.clone(), table.name.clone()], Touched { insert: true, ..Touched::default() })
            .await?;
        if !beyond.is_empty() {
            return Err(Error::held(format!("held: the import reaches further than its rows: {}", crate::text::clean(&beyond.join("; ")))));
        }
    }
    // Once to see that the file can be read at all, and what its first rows are.
    let mut first = file::open(import, conn.dialect())?.reader;
    with_number(&mut table, first.columns());
    let columns = places(&table, first.columns())?;
    let mut report = preview(conn.dialect(), &table, &columns, &mut first);
    let zone = zone::setting(&reading, import, first.zone()).await?;
    report.time_zone = import.time_zone.as_deref().or(first.zone()).map(str::to_string);
    drop(first);
    if import.commit {
        let hash = file::hashed(&import.file)?;
        journal(cx, name, "import-begin", format!("importing {} into {}", file::name(&import.file), report.table), &hash, &report)?;
        let done = transaction(cx, conn, import, &zone, &table, &columns, &mut report, opened, fate).await;
        let words = match (&done, report.committed) {
            (Err(e), _) if *fate == Some(Fate::Unclear) => format!("import into {} ended unclearly: {}", report.table, e.message),
            (Ok(()), true) => format!("imported {} into {}", crate::text::counted(report.taken, "row"), report.table),
            (Ok(()), false) => format!("imported nothing into {}: {}", report.table, report.why_not.as_deref().unwrap_or("")),
            (Err(e), _) => format!("import into {} failed: {}", report.table, e.message),
        };
        journal(cx, name, "import-ended", words, &hash, &report)?;
        done?;
    } else {
        transaction(cx, conn, import, &zone, &table, &columns, &mut report, opened, fate).await?;
    }
    Ok(report)
}

/// The report before anything ran: what goes where, with the first rows of the file.
fn preview(dialect: Dialect, table: &TableInfo, columns: &[&ColumnInfo], file: &mut file::Lines) -> Report {
    let mut report = Report {
        table: format!("{}.{}", table.schema, table.name),
        columns: columns
            .iter()
            .map(|c| Match {
                column: c.name.clone(),
                type_name: if computed(c) { "left out: it is computed".into() } else { c.type_name.clone() },
                first: Vec::new(),
            })
            .collect(),
        defaults: table
            .columns
            .iter()
            .filter(|c| !c.generated && !columns.iter().any(|o| o.name == c.name))
            .map(|c| c.name.clone())
            .collect(),
        ..Report::default()
    };
    for _ in 0..PREVIEWED {
        let Ok(Some(record)) = file.read() else { break };
        for (m, v) in report.columns.iter_mut().zip(record.values.unwrap_or_default()) {
            m.first.push(match v.param(dialect) {
                Param::Bytes(b) => Some(format!("\\x{}", hex::encode(&b[..b.len().min(PREVIEWED_BYTES)]))),
                Param::TextBytes(b) => Some(String::from_utf8_lossy(&b).into_owned()),
                other => other.text().map(str::to_string),
            });
        }
    }
    report
}

fn journal(cx: &Cx, target: &str, kind: &str, summary: String, hash: &str, report: &Report) -> Result<()> {
    cx.store.append(&NewEntry {
        at: cx.clock.stamp(),
        kind: kind.into(),
        operator: cx.operator.clone(),
        host: cx.host.clone(),
        target: target.into(),
        body: serde_json::json!({
            "summary": summary, "table": report.table, "file_sha256": hash, "rows": report.taken, "refused": report.refused,
            "committed": report.committed,
        }),
    })?;
    Ok(())
}

/// The rows of a table of SQLite's, which tells nobody which of them a conflict replaced.
async fn counted(s: &Session, table: &TableInfo) -> Result<Option<u64>> {
    if s.dialect() != Dialect::Sqlite {
        return Ok(None);
    }
    let (schema, name) = (s.dialect().quote_ident(&table.schema), s.dialect().quote_ident(&table.name));
    Ok(s.fetch(format!("SELECT count(*) FROM {schema}.{name}")).await?.scalar().and_then(|n| n.parse().ok()))
}

/// `fate` is set to what became of the rows, once a transaction was begun.
#[allow(clippy::too_many_arguments, reason = "two calls, right above")]
async fn transaction(
    cx: &Cx,
    conn: &Connection,
    import: &Import,
    zone: &Option<String>,
    table: &TableInfo,
    columns: &[&ColumnInfo],
    report: &mut Report,
    opened: impl FnOnce(&Session),
    fate: &mut Option<Fate>,
) -> Result<()> {
    let s = conn.writer().await?;
    opened(&s);
    zone::set(&s, zone).await?;
    s.fetch(conn.engine().migrations().get()?.begin()).await?;
    *fate = Some(Fate::RolledBack);
    let limit = (conn.target().access != AccessMode::Open).then_some(conn.target().blast_radius);
    let work = async {
        let before = counted(&s, table).await?;
        send::rows(cx, conn.dialect(), &s, import, table, columns, limit, report).await?;
        if let (Some(before), Some(now)) = (before, counted(&s, table).await?) {
            report.replaced = (before + report.taken).saturating_sub(now);
        }
        Ok(())
    };
    let rows = cancelling::unless_cancelled(cx, &s, work).await;
    let keep = match &rows {
        Err(e) => {
            if e.kind == Kind::Connect {
                *fate = Some(Fate::Lost);
            }
            Some(e.message.clone())
        }
        Ok(()) if !import.commit => None,
        Ok(()) if (report.refused > 0 || report.untried) && !import.skip_refused => {
            Some(format!("{} refused", crate::text::counted(report.refused, "row")))
        }
        Ok(()) => {
            let done = s.fetch("COMMIT").await;
            s.close().await;
            if let Err(e) = done {
                let e = e.context("committing the import");
                if e.kind != Kind::Connect {
                    return Err(e);
                }
                *fate = Some(Fate::Unclear);
                let look = format!("Look at the rows of {} before importing again.", crate::text::clean(&report.table));
                return Err(Error { hints: vec![look], ..e.context("whether the rows are in the table is not known") });
            }
            *fate = Some(Fate::Committed);
            report.committed = true;
            return Ok(());
        }
    };
    report.why_not = keep;
    let left_out = |c: &&ColumnInfo| c.counts && !columns.iter().any(|o| o.name == c.name);
    report.used_up = table.columns.iter().filter(left_out).map(|c| c.name.clone()).collect();
    cancelling::roll_back_and_close(&s).await;
    rows.map_err(|e| match e.kind {
        Kind::Connect => Error { hints: vec!["Nothing of it is in the table: its transaction ended with the connection.".into()], ..e },
        _ => e,
    })
}
