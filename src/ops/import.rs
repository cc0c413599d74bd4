//! Rows of a file into a table: previewed against its columns, bound as parameters, in one transaction, with a report of what the
//! server refused.

mod fit;
pub mod reader;
mod replace;
mod report;

pub use replace::replace;
pub use report::{Match, Report};

use super::query::{Unlock, guarded};
use super::statements::{Ended, remember};
use super::{Connection, Cx, cancelling};
use crate::config::AccessMode;
use crate::engine::{Event, Session, Touched};
use crate::model::{ColumnInfo, Dialect, Error, Kind, Param, Result, TableInfo};
use crate::store::history::Fate;
use crate::store::journal::NewEntry;
use reader::{Form, Reader, Value};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Rows that go to the server in one statement.
const TOGETHER: usize = 200;
/// Bytes of a file whose rows go together, about: rows of megabytes are not gathered in memory.
const TOGETHER_BYTES: u64 = 4 << 20;
/// Values of one statement: SQLite takes 32,766, the others 65,535.
const VALUES: usize = 30_000;
/// Refused rows that are told one by one.
const TOLD: usize = 10_000;
/// Rows of the file that a preview shows.
const PREVIEWED: usize = 3;
/// Rows, and bytes of theirs, that wait for rows which they refer to.
const WAITING: (usize, usize) = (100_000, 1 << 26);
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
        out
    }
}

/// A file that tells how much of it was read.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buf)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// An open file, with how much of it is read so far and its size, in bytes; a pipe has none.
struct Opened {
    reader: Reader<BufReader<Counted>>,
    read: Arc<AtomicU64>,
    size: Option<u64>,
}

fn open(import: &Import, dialect: Dialect) -> Result<Opened> {
    let shown = crate::text::clean(&import.file.display().to_string()).into_owned();
    let file = File::open(&import.file).map_err(|e| Error::io(format_args!("opening {shown}"), e))?;
    let size = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|m| m.len());
    let read = Arc::new(AtomicU64::new(0));
    let input = BufReader::with_capacity(1 << 16, Counted { file, read: read.clone() });
    let reader = Reader::new(input, import.form, import.null.clone()).map_err(|why| Error::usage(format!("{shown}: {why}")))?;
    // SQLite keeps text of any bytes, and exports write them as they are.
    Ok(Opened { reader: reader.any_bytes(dialect == Dialect::Sqlite), read, size })
}

/// The columns of the table that the file's columns go to, in the file's order; or what does not fit.
fn places<'a>(table: &'a TableInfo, names: &[String]) -> Result<Vec<&'a ColumnInfo>> {
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
    let mut first = open(import, conn.dialect())?.reader;
    with_number(&mut table, first.columns());
    let columns = places(&table, first.columns())?;
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
        used_up: Vec::new(),
        taken: 0,
        refused: 0,
        odd: 0,
        renumbered: 0,
        behind: 0,
        unmet: false,
        reasons: Vec::new(),
        committed: false,
        why_not: None,
        unrecorded: None,
        run: None,
    };
    for _ in 0..PREVIEWED {
        let Ok(Some(record)) = first.read() else { break };
        for (m, v) in report.columns.iter_mut().zip(record.values.unwrap_or_default()) {
            m.first.push(match v.param(conn.dialect()) {
                Param::Bytes(b) => Some(format!("\\x{}", hex::encode(&b[..b.len().min(PREVIEWED_BYTES)]))),
                Param::TextBytes(b) => Some(String::from_utf8_lossy(&b).into_owned()),
                other => other.text().map(str::to_string),
            });
        }
    }
    drop(first);
    if import.commit {
        let mut hash = Sha256::new();
        let mut file = File::open(&import.file).map_err(|e| Error::io("reading the file", e))?;
        let mut chunk = vec![0; 1 << 16];
        loop {
            match file.read(&mut chunk).map_err(|e| Error::io("reading the file", e))? {
                0 => break,
                n => hash.update(&chunk[..n]),
            }
        }
        let hash = hex::encode(hash.finalize());
        journal(cx, name, "import-begin", format!("importing {} into {}", file_name(&import.file), report.table), &hash, &report)?;
        let done = transaction(cx, conn, import, &table, &columns, &mut report, opened, fate).await;
        let words = match (&done, report.committed) {
            (Err(e), _) if *fate == Some(Fate::Unclear) => format!("import into {} ended unclearly: {}", report.table, e.message),
            (Ok(()), true) => format!("imported {} into {}", crate::text::counted(report.taken, "row"), report.table),
            (Ok(()), false) => format!("imported nothing into {}: {}", report.table, report.why_not.as_deref().unwrap_or("")),
            (Err(e), _) => format!("import into {} failed: {}", report.table, e.message),
        };
        journal(cx, name, "import-ended", words, &hash, &report)?;
        done?;
    } else {
        transaction(cx, conn, import, &table, &columns, &mut report, opened, fate).await?;
    }
    Ok(report)
}

/// The table that the rows go to.
async fn found(conn: &Connection, import: &Import) -> Result<TableInfo> {
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
fn with_number(table: &mut TableInfo, names: &[String]) {
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

fn file_name(path: &Path) -> String {
    crate::text::clean(&path.file_name().unwrap_or_default().to_string_lossy()).into_owned()
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

/// `fate` is set to what became of the rows, once a transaction was begun.
#[allow(clippy::too_many_arguments, reason = "two calls, right above")]
async fn transaction(
    cx: &Cx,
    conn: &Connection,
    import: &Import,
    table: &TableInfo,
    columns: &[&ColumnInfo],
    report: &mut Report,
    opened: impl FnOnce(&Session),
    fate: &mut Option<Fate>,
) -> Result<()> {
    let s = conn.writer().await?;
    opened(&s);
    s.fetch(conn.engine().migrations().get()?.begin()).await?;
    *fate = Some(Fate::RolledBack);
    let limit = (conn.target().access != AccessMode::Open).then_some(conn.target().blast_radius);
    let work = rows(cx, conn.dialect(), &s, import, table, columns, limit, report);
    let rows = cancelling::unless_cancelled(cx, &s, work).await;
    let keep = match &rows {
        Err(e) => {
            if e.kind == Kind::Connect {
                *fate = Some(Fate::Lost);
            }
            Some(e.message.clone())
        }
        Ok(()) if !import.commit => None,
        Ok(()) if report.refused > 0 && !import.skip_refused => Some(format!("{} refused", crate::text::counted(report.refused, "row"))),
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

#[allow(clippy::too_many_arguments, reason = "one call, right above")]
async fn rows(
    cx: &Cx,
    dialect: Dialect,
    s: &Session,
    import: &Import,
    table: &TableInfo,
    columns: &[&ColumnInfo],
    limit: Option<u64>,
    report: &mut Report,
) -> Result<()> {
    let Opened { mut reader, read, size } = open(import, dialect)?;
    let together = (VALUES / columns.len().max(1)).clamp(1, TOGETHER);
    let mut batch: Vec<Row> = Vec::new();
    let mut waiting = Waiting::default();
    let (mut seen, mut sent) = (0u64, 0u64);
    // Refused rows before this place stand in the order of their lines.
    let mut told = report.reasons.len();
    loop {
        let record = reader.read().map_err(|why| Error::usage(format!("{}: {why}", file_name(&import.file))))?;
        let ended = record.is_none();
        if let Some(record) = record {
            seen += 1;
            match record.values {
                Ok(values) => match fitted(dialect, import.form, columns, values) {
                    Ok(params) => {
                        report.odd += params.iter().filter(|p| matches!(p, Param::TextBytes(_))).count() as u64;
                        batch.push((record.line, params));
                    }
                    Err(why) => refuse(report, record.line, why),
                },
                Err(why) => refuse(report, record.line, why),
            }
        }
        let taken = read.load(Ordering::Relaxed);
        if !batch.is_empty() && (batch.len() >= together || taken - sent > TOGETHER_BYTES || ended) {
            sent = taken;
            cx.check_cancelled()?;
            send(cx, dialect, s, table, columns, std::mem::take(&mut batch), &mut waiting, report).await?;
            // The server is asked about some rows together, when others among them were refused already.
            report.reasons[told..].sort_by_key(|(line, _)| *line);
            told = report.reasons.len();
            within(report, limit)?;
            match size {
                Some(size) => cx.progress.update("bytes of the file", read.load(Ordering::Relaxed).min(size), Some(size)),
                None => cx.progress.update("rows", seen, None),
            }
        }
        if ended {
            break;
        }
    }
    // A child may stand before its parent: those that wait are tried again for as long as some of them are taken.
    while !waiting.rows.is_empty() {
        let before = report.taken;
        let mut still = Waiting::default();
        // From the other end each time: a long chain stands in one order or the other.
        let mut rows = std::mem::take(&mut waiting.rows).into_iter().rev().map(|(row, _)| row).peekable();
        while rows.peek().is_some() {
            cx.check_cancelled()?;
            send(cx, dialect, s, table, columns, rows.by_ref().take(together).collect(), &mut still, report).await?;
        }
        within(report, limit)?;
        report.behind += report.taken - before;
        waiting = still;
        if report.taken == before {
            report.unmet = !waiting.rows.is_empty();
            waiting.rows.into_iter().for_each(|((line, _), why)| refuse(report, line, why));
            break;
        }
    }
    report.reasons.sort_by_key(|(line, _)| *line);
    Ok(())
}

/// A row of the file: its line, its values.
type Row = (u64, Vec<Param>);

/// Rows that the server refused because what they refer to is not there, with its words.
#[derive(Default)]
struct Waiting {
    rows: Vec<(Row, String)>,
    bytes: usize,
}

impl Waiting {
    /// False where there are too many to be kept.
    fn take(&mut self, row: &Row, why: &str) -> bool {
        let size = |p: &Param| match p {
            Param::Null => 0,
            Param::Text(t) | Param::Number(t) => t.len(),
            Param::Bytes(b) | Param::TextBytes(b) => b.len(),
        };
        let bytes = row.1.iter().map(size).sum::<usize>();
        let fits = self.rows.len() < WAITING.0 && self.bytes + bytes <= WAITING.1;
        if fits {
            self.bytes += bytes;
            self.rows.push((row.clone(), why.to_string()));
        }
        fits
    }
}

fn within(report: &Report, limit: Option<u64>) -> Result<()> {
    match limit.filter(|l| report.taken > *l) {
        None => Ok(()),
        Some(limit) => {
            let most = crate::text::thousands(limit);
            Err(Error::held(format!("rolled back: the file holds more rows than this target allows ({most})"))
                .hint("Import fewer rows at a time, or raise `blast_radius` of the target in the configuration."))
        }
    }
}

/// A record's values as they are bound.
fn fitted(dialect: Dialect, form: Form, columns: &[&ColumnInfo], values: Vec<Value>) -> std::result::Result<Vec<Param>, String> {
    columns.iter().zip(values).filter(|(c, _)| !computed(c)).map(|(c, v)| fit::fit(dialect, form, c, v).map(|v| v.param(dialect))).collect()
}

/// It takes no value: the server computes it from others. A number that it counts is none of these.
fn computed(c: &ColumnInfo) -> bool {
    c.generated && !c.counts
}

fn refuse(report: &mut Report, line: u64, why: String) {
    report.refused += 1;
    if report.reasons.len() < TOLD {
        report.reasons.push((line, why));
    }
}

fn statement(dialect: Dialect, table: &TableInfo, columns: &[&ColumnInfo], rows: usize) -> String {
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

/// Sends some rows behind a savepoint; what the server refuses is sent again in halves, down to the bad rows, so that each of them is
/// named and costs few questions where the way is long.
#[allow(clippy::too_many_arguments, reason = "two calls, right above")]
async fn send(
    cx: &Cx,
    dialect: Dialect,
    s: &Session,
    table: &TableInfo,
    columns: &[&ColumnInfo],
    batch: Vec<Row>,
    waiting: &mut Waiting,
    report: &mut Report,
) -> Result<()> {
    let written = columns.iter().filter(|c| !computed(c));
    let number = table.number.as_ref().filter(|n| !table.key.is_empty() && table.key != [(*n).clone()]);
    let taken = number.map_or(String::new(), |n| format!("UNIQUE constraint failed: {}.{n}", table.name));
    let number = number.and_then(|n| written.map(|c| &c.name).position(|name| name == n));
    // What comes first lies on top.
    let mut left = vec![batch];
    while let Some(mut part) = left.pop() {
        cx.check_cancelled()?;
        let all: Vec<Param> = part.iter().flat_map(|(_, v)| v.iter().cloned()).collect();
        match behind_savepoint(s, statement(dialect, table, columns, part.len()), all).await? {
            Ok(()) => report.taken += part.len() as u64,
            // The number of SQLite's rows, where a key of their own tells them apart: another row has taken it since.
            Err((why, _)) if part.len() == 1 && number.is_some_and(|n| why.ends_with(&taken) && part[0].1[n] != Param::Null) => {
                number.into_iter().for_each(|n| part[0].1[n] = Param::Null);
                report.renumbered += 1;
                left.push(part);
            }
            Err((why, unmet)) if part.len() == 1 => {
                if !unmet || !waiting.take(&part[0], &why) {
                    refuse(report, part[0].0, why);
                }
            }
            Err(_) => {
                let second = part.split_off(part.len() / 2);
                left.extend([second, part]);
            }
        }
    }
    Ok(())
}

/// The outer error ends the import: the connection is gone, or the savepoint. The inner one is the server's word on the rows, and whether
/// it missed what they refer to.
async fn behind_savepoint(s: &Session, text: String, params: Vec<Param>) -> Result<std::result::Result<(), (String, bool)>> {
    s.fetch("SAVEPOINT holdpoint_rows").await?;
    let mut stream = s.run_bound(text, params).await?;
    let mut refused = None;
    while let Some(event) = stream.next().await {
        match event {
            Err(e) => refused = Some(e),
            // A server that is not strict cuts what does not fit, and only remarks it.
            Ok(Event::Notice(n)) if refused.is_none() && n.severity.eq_ignore_ascii_case("warning") => {
                refused = Some(Error::new(Kind::Statement, format!("the server would keep another value: {}", n.message)));
            }
            Ok(_) => {}
        }
    }
    match refused {
        None => {
            s.fetch("RELEASE SAVEPOINT holdpoint_rows").await?;
            Ok(Ok(()))
        }
        Some(e) if e.kind == Kind::Connect || e.kind == Kind::Cancelled => Err(e),
        Some(e) => {
            s.fetch("ROLLBACK TO SAVEPOINT holdpoint_rows").await?;
            s.fetch("RELEASE SAVEPOINT holdpoint_rows").await?;
            // PostgreSQL names the values that stand in the way there; what it says of our parameters tells nobody anything.
            let more = e.detail.as_deref().and_then(|d| d.lines().next()).filter(|line| !line.contains("portal parameter"));
            let unmet = crate::engine::refers_nowhere(&e);
            Ok(Err((more.map_or_else(|| e.message.clone(), |more| format!("{} ({more})", e.message)), unmet)))
        }
    }
}
