//! `holdpoint query`: statements in order on one session, rows on standard output.

use super::{connect, output};
use crate::cli::RowFormat;
use crate::engine::{Event, Outcome};
use crate::model::{Dialect, Error, Kind, Param, Reading, Result, TxState};
use crate::ops::datafix::{self, BeforeImage};
use crate::ops::export::{Encoder, ExportFormat, NewFile, source, table_parts};
use crate::ops::query::{Admission, admit};
use crate::ops::statements::{Ended, Ledger, rows_lost, runs_to_its_end, session_ended, told_of_effect};
use crate::ops::{Connection, Cx, waits};
use crate::sql::params::{Bound, bind, placeholders, typed_value};
use crate::sql::terminator::{Part, parts};
use crate::sql::transaction::may_read_otherwise;
use crate::sql::{Class, StatementSpan, classify, reads_otherwise, split_as};
use crate::store::history::Fate;
use crate::text;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

/// The statements' text: the argument, the file, or standard input.
pub fn text_of(sql: Option<String>, file: Option<&Path>) -> Result<String> {
    if let Some(sql) = sql {
        // Options that are none come here, too: a text that begins so is a comment.
        if sql.starts_with('-') && !sql.contains(char::is_whitespace) {
            return Err(Error::usage(format!("there is no option {}", text::clean(&sql))).hint("`--help` lists the options."));
        }
        return Ok(sql);
    }
    // `-` is standard input, as for most programs.
    let file = file.filter(|f| *f != Path::new("-"));
    let bytes = match file {
        Some(f) => std::fs::read(f).map_err(|e| Error::io(format_args!("reading {}", f.display()), e))?,
        None => {
            if std::io::stdin().is_terminal() {
                output::message("Reading SQL from the terminal; end with Ctrl-D.");
            }
            let mut b = Vec::new();
            std::io::stdin().lock().read_to_end(&mut b).map_err(|e| Error::io("reading standard input", e))?;
            b
        }
    };
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Error::usage(format!("{} is not UTF-8 at byte {at}", file.map_or("standard input".into(), |f| f.display().to_string())))
            .hint("A text of another encoding is converted first: a statement is sent exactly as it is written.")
            .hint("A dump with raw bytes in it is not: converting changes them. Write it with --hex-blob (mysqldump, mariadb-dump), or load it with the server's own client.")
    })
}

/// The statements of a text that is read so from these bytes on, each with the statement of the splitter that it is a part of.
fn statements(sql: &str, to_end: bool, readings: &[(usize, Reading)]) -> Vec<(StatementSpan, Part)> {
    let mut out = Vec::new();
    for s in split_as(sql, to_end, readings) {
        let before = readings.partition_point(|(at, _)| *at < s.span.end);
        let Some((_, reading)) = before.checked_sub(1).and_then(|i| readings.get(i)) else { continue };
        for p in parts(*reading, &sql[s.span.clone()]) {
            out.push((s.clone(), Part { span: s.span.start + p.span.start..s.span.start + p.span.end, ..p }));
        }
    }
    out
}

/// `NAME=VALUE` from the command line, for the parameters that the statements have. Where one of them may change how the others are
/// read, what is missing or too many shows only later.
fn values(reading: Reading, sql: &str, statements: &[(StatementSpan, Part)], given: &[String]) -> Result<BTreeMap<String, Param>> {
    let mut pairs: Vec<(&str, &str, std::cell::Cell<bool>)> = Vec::new();
    for g in given {
        let Some((name, value)) = g.split_once('=') else {
            return Err(Error::usage(format!("--param {}: there is no =", text::clean(g))).hint("Write --param name=value."));
        };
        if pairs.iter().any(|(n, ..)| *n == name) {
            return Err(Error::usage(format!("--param {} is given twice", text::clean(name))).hint("A parameter has one value in a run."));
        }
        pairs.push((name, value, std::cell::Cell::new(false)));
    }
    let mut out = BTreeMap::new();
    let mut missing = Vec::new();
    for (_, part) in statements {
        for p in placeholders(reading, &sql[part.span.clone()]) {
            let bare = p.name.trim_start_matches([':', '$', '?', '@']);
            match pairs.iter().find(|(n, ..)| *n == p.name || *n == bare) {
                Some((_, value, used)) => {
                    used.set(true);
                    out.insert(p.name, typed_value(reading.dialect, value));
                }
                None if !missing.contains(&p.name) => missing.push(p.name),
                None => {}
            }
        }
    }
    if statements.iter().any(|(_, p)| may_read_otherwise(reading.dialect, &sql[p.span.clone()])) {
        return Ok(out);
    }
    if !missing.is_empty() {
        let first = missing[0].trim_start_matches([':', '$', '?', '@']);
        return Err(
            Error::usage(format!("no value for {}", text::clean(&missing.join(", ")))).hint(format!("Give one with --param {first}=…"))
        );
    }
    match pairs.iter().find(|(.., used)| !used.get()) {
        Some((name, ..)) => {
            let e = Error::usage(format!("no statement has a parameter {}", text::clean(name)));
            let written = |before: &str, after: &str| sql.contains(&format!("{before}:{after}{name}{after}"));
            Err(if written("", "'") || written("", "\"") {
                e.hint(format!("Write :{name} without quotes: the value is bound, and needs none.", name = text::clean(name)))
            } else if written("[", "") || written(", ", "") && sql.contains('[') {
                e.hint("Within [ ] a colon stands between the bounds of a slice: write $1 there, and give it as --param 1=….")
            } else if written("", "") {
                e.hint("A definition takes none (but CREATE TABLE … AS): what is in it stays there. Write the value into the text.")
            } else {
                e
            })
        }
        None => Ok(out),
    }
}

/// How rows are written, and where to.
pub struct Rows {
    pub format: Option<RowFormat>,
    pub output: Option<PathBuf>,
    /// What INSERT names.
    pub into: Option<String>,
}

impl Rows {
    /// `None`: a table for people.
    fn exact(&self, dialect: Dialect) -> Result<Option<ExportFormat>> {
        let format = match (self.format, &self.output) {
            (Some(RowFormat::Table), Some(_)) => return Err(Error::usage("a table on a screen is no format for a file")),
            (Some(RowFormat::Table) | None, None) => None,
            (Some(RowFormat::Json), _) => Some(ExportFormat::Json { dialect }),
            (Some(RowFormat::Ndjson), _) => Some(ExportFormat::Ndjson { dialect }),
            (Some(RowFormat::Csv), _) => Some(ExportFormat::Csv),
            (Some(RowFormat::Tsv), _) => Some(ExportFormat::Tsv),
            (Some(RowFormat::Markdown), _) => Some(ExportFormat::Markdown),
            (Some(RowFormat::Insert), _) => Some(ExportFormat::Insert { dialect }),
            (None, Some(path)) => Some(ExportFormat::of_path(path, dialect).ok_or_else(|| {
                Error::usage(format!("which format has {}?", path.display()))
                    .hint(format!("End its name in {}, or give --format.", ExportFormat::ENDINGS))
            })?),
        };
        if self.into.is_some() && !matches!(format, Some(ExportFormat::Insert { .. })) {
            return Err(Error::usage("--into belongs to --format insert"));
        }
        Ok(format)
    }

    fn writer(&self, dialect: Dialect, statement: &str) -> Result<output::RowWriter> {
        let exact = self.exact(dialect)?.map(|format| {
            let table = self.into.as_deref().map(|t| table_parts(dialect, t)).or_else(|| source(dialect, statement));
            Encoder::new(format).into_table_of(table.unwrap_or_else(|| vec!["exported".into()]))
        });
        Ok(output::RowWriter::new(exact))
    }
}

/// A file holds the rows of one statement; what sets up a session before it has none.
fn one_file(dialect: Dialect, statements: &[&str]) -> Result<()> {
    let with_rows = statements.iter().filter(|s| !matches!(classify(dialect, s).class, Class::Session | Class::Transaction)).count();
    if with_rows > 1 {
        return Err(Error::usage(format!("--output takes the rows of one statement, and there are {with_rows}"))
            .hint("Run them one by one, each into a file of its own."));
    }
    Ok(())
}

/// How statements are run.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// A data fix of a guarded target is committed.
    pub commit: bool,
    /// What stands behind a statement that failed runs, too.
    pub go_on: bool,
}

/// The error ends a run that goes on after others: nothing behind it could run, or it would do so outside of what it was meant for.
fn ends_all(e: &Error, ledger: &Ledger<'_>) -> bool {
    matches!(e.kind, Kind::Cancelled | Kind::Connect | Kind::Io) || ledger.gone()
}

#[allow(clippy::too_many_arguments, reason = "what the command line gives")]
pub async fn query(
    cx: &Cx,
    target: &str,
    sql: Option<String>,
    file: Option<&Path>,
    params: &[String],
    How { commit, go_on }: How,
    rows: &Rows,
) -> Result<ExitCode> {
    // Told before anything is asked of a server; the dialect is that of the target, and matters to none of it.
    rows.exact(Dialect::Sqlite)?;
    // An argument is a statement or two; what is read to its end may end with the data of a COPY.
    let to_end = sql.is_none();
    let sql = text_of(sql, file)?;
    let target = connect::target(cx, target)?;
    let (conn, session) = loop {
        let attempt = async {
            let conn = crate::ops::connect::connect_to(cx, target.clone()).await?;
            let session = conn.query_session().await?;
            conn.lend(&session);
            Ok::<_, Error>((conn, session))
        };
        match attempt.await {
            Err(e) if e.asks() => connect::ask(cx, &target, e)?,
            other => break other?,
        }
    };
    // From which byte on the session reads how: what a statement sets may move the ends of those behind it.
    let mut readings = vec![(0, session.status().reading)];
    let mut statements = statements(&sql, to_end, &readings);
    if statements.is_empty() {
        return Err(Error::usage("there is no statement to run"));
    }
    let mut file = None;
    if let Some(path) = &rows.output {
        one_file(conn.dialect(), &statements.iter().map(|(_, p)| &sql[p.span.clone()]).collect::<Vec<_>>())?;
        file = Some(NewFile::create(path)?);
    }
    let mut values = self::values(readings[0].1, &sql, &statements, params)?;
    let mut ledger = Ledger::new(cx, &conn);
    let mut failed = 0u64;
    let mut run = async || {
        let mut number = 0;
        while let Some((s, part)) = statements.get(number).cloned() {
            let text = &sql[part.span.clone()];
            let all = statements.len();
            let place = |e: Error, over: bool| {
                let e = place(e, &sql, part.span.start, all);
                match (all, all - number - 1) {
                    (1, _) => e,
                    (_, rest) => {
                        let e = e.context(format_args!("statement {} of {all}", number + 1));
                        if over { e.hint(crate::ops::query::stopped(number, rest)) } else { e }
                    }
                }
            };
            // A cancel that came between two statements, or cut short one that ended without an error (SLEEP), ends them all.
            if cx.cancel.is_cancelled() {
                return Err(place(Error::cancelled(), true));
            }
            let reading = session.status().reading;
            let mut ran = async || {
                let bound = bind(reading, text, &values).map_err(|name| Error::usage(format!("no value for {name}")))?;
                match admit(cx, &conn, None, &bound.text).await? {
                    Admission::Run => {
                        let mut writer = rows.writer(conn.dialect(), text)?.in_records(part.record);
                        let setup = matches!(classify(conn.dialect(), text).class, Class::Session | Class::Transaction);
                        if let Some(file) = file.take_if(|_| !setup) {
                            writer = writer.into_file(file);
                        }
                        run_one(cx, &conn, &session, &mut ledger, text, bound, s.data(&sql), writer).await
                    }
                    Admission::Guarded => fix(cx, &conn, text, &values, commit).await,
                    Admission::Refused(e) => Err(super::habits::explained(conn.dialect(), &conn.target().name, text, e)),
                }
            };
            if let Err(e) = ran().await {
                if !go_on || ends_all(&e, &ledger) {
                    return Err(place(e, true));
                }
                output::error(&place(e, false));
                failed += 1;
            }
            number += 1;
            let rest = statements.len() - number;
            if ledger.gone() && rest > 0 {
                let e = Error::failed("the open transaction is gone, and what stands behind the statement was meant for it");
                return Err(e.context(format_args!("statement {number} of {all}")).hint(crate::ops::query::stopped(number, rest)));
            }
            let now = session.status().reading;
            if now != reading && reads_otherwise(reading, now, &sql[part.span.end..]) {
                readings.push((part.span.end, now));
                let behind = self::statements(&sql, to_end, &readings).into_iter().filter(|(_, p)| p.span.start >= part.span.end);
                statements.truncate(number);
                statements.extend(behind);
                values.extend(self::values(now, &sql, &statements, params)?);
            }
        }
        match failed {
            0 => Ok(()),
            _ => Err(Error::failed(format!("{failed} of {} failed", text::counted(statements.len() as u64, "statement")))),
        }
    };
    let outcome = run().await;
    unkept(ledger.keep());
    let status = session.status();
    let left_open = status.tx != TxState::Idle;
    // What is open now ends with the connection.
    unkept(session_ended(cx, &conn, if status.lost.is_some() { Fate::Lost } else { Fate::RolledBack }));
    outcome?;
    session.close().await;
    if left_open {
        return Err(Error::failed(
            "the transaction that the statements began was left open: the server rolled it back, and nothing of it was kept",
        )
        .hint("End with COMMIT to keep it, or with ROLLBACK."));
    }
    Ok(ExitCode::SUCCESS)
}

/// Says on which line of the text a statement failed, when there are several or the server named the place.
fn place(e: Error, sql: &str, start: usize, statements: usize) -> Error {
    let at = start + e.position.unwrap_or(0);
    let before = sql.get(..at).unwrap_or(sql);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    match e.position {
        Some(_) => e.context(format_args!("line {line}, column {column}")),
        None if statements > 1 => e.context(format_args!("line {line}")),
        None => e,
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of one statement, which nothing else takes together")]
async fn run_one(
    cx: &Cx,
    conn: &Connection,
    session: &crate::engine::Session,
    ledger: &mut Ledger<'_>,
    text: &str,
    sent: Bound,
    data: Option<&str>,
    mut writer: output::RowWriter,
) -> Result<()> {
    let started = std::time::Instant::now();
    let found = session.status();
    let before = found.tx;
    ledger.sends(text, found);
    let only_read = !runs_to_its_end(session.dialect(), text, before);
    let own = || session.backend();
    let work = stream(cx, session, &sent, data, &mut writer, only_read);
    let (mut outcome, lost) = match waits::told(conn, "statement", &own, &output::message, work).await {
        Ok((done, lost)) => (Ok(done), lost),
        Err(mut e) => {
            e.position = e.position.map(|at| sent.typed(at));
            // What cannot be written once more is told by the error itself.
            let _ = writer.broken(&e);
            (Err(e), None)
        }
    };
    let ended = Ended {
        text,
        took: started.elapsed(),
        rows: writer.rows,
        affected: outcome.as_ref().ok().and_then(|o| o.affected),
        tag: outcome.as_ref().ok().map(|o| o.tag.as_str()),
        error: outcome.as_ref().err(),
    };
    let status = session.status();
    // The statement has run: a record that cannot be kept is told, and is no failure of it.
    unkept(ledger.note(&ended, status.tx));
    outcome = outcome.map_err(|e| super::habits::explained(session.dialect(), &ledger.target().name, text, e));
    if let Err(e) = &mut outcome {
        told_of_effect(e, ledger.passed().own);
    }
    let unasked = ledger.unasked(text, before, status.tx, &outcome).filter(|_| status.lost.is_none());
    match (unasked, &mut outcome) {
        (Some(u), Ok(_)) if before == TxState::Idle => outcome = Err(Error::failed(u.message)),
        (Some(u), Ok(_)) => output::message(&format!("warning: {}", u.message)),
        (Some(u), Err(e)) => e.hints.insert(0, u.message),
        (None, _) => {}
    }
    let affected = outcome?.affected.or(Some(writer.rows));
    match lost {
        Some(why) => Err(rows_lost(why, session.dialect(), text, affected, status.tx)),
        None => Ok(()),
    }
}

fn unkept(kept: Result<()>) {
    if let Err(e) = kept {
        output::message(&format!("the statement ran, and could not be recorded in the journal and the history: {}", e.message));
    }
}

/// Gives how the statement ended, and why its rows are not all written. One that only reads is ended when nobody reads its rows any more, or
/// when they cannot be written; another one runs to its end.
async fn stream(
    cx: &Cx,
    session: &crate::engine::Session,
    sent: &Bound,
    data: Option<&str>,
    writer: &mut output::RowWriter,
    only_read: bool,
) -> Result<(Outcome, Option<Error>)> {
    let mut rows = session.run_sent(sent.clone(), data.map(Into::into)).await?;
    let cancelled = async {
        cx.cancel.cancelled().await;
        let _told = crate::ops::cancelling::Told::new(cx, session);
        session.cancel_until_ended().await
    };
    tokio::pin!(cancelled);
    let mut unread = false;
    let unseen = writer.unseen();
    let mut ended = Outcome::default();
    let mut lost: Option<Error> = None;
    loop {
        let event = tokio::select! {
            event = rows.next() => event,
            why = &mut cancelled => return Err(why),
        };
        let written = match &event {
            Some(Ok(Event::Rows(b))) if lost.is_some() => {
                // Not written, and counted: so many the statement gave.
                writer.rows += b.rows() as u64;
                Ok(())
            }
            Some(Ok(_)) if lost.is_some() => Ok(()),
            Some(Ok(Event::Columns(c))) => writer.columns(c),
            Some(Ok(Event::Further(c))) => writer.further(c),
            Some(Ok(Event::Rows(b))) => writer.batch(b),
            _ => Ok(()),
        };
        if let Err(e) = written {
            if only_read {
                return Err(e);
            }
            output::message(&format!("{}; the statement goes on to its end", e.message));
            lost = Some(e);
        }
        match event {
            None => return Ok((ended, lost)),
            Some(Ok(Event::Columns(_) | Event::Further(_))) => {}
            Some(Ok(Event::Rows(_))) => {
                if unseen {
                    cx.progress.update("rows", writer.rows, None);
                }
                if only_read && writer.unread() && !unread {
                    unread = true;
                    session.cancel().await?;
                }
            }
            Some(Ok(Event::Notice(n))) => {
                output::message(&format!("{}: {}", n.severity, n.message));
                for more in n.detail.iter().chain(&n.hint) {
                    output::message(&format!("  {more}"));
                }
            }
            Some(Ok(Event::Done(done))) => {
                let footer = match done.affected {
                    Some(n) => format!("{} · {} affected · {}", done.tag, text::counted(n, "row"), text::duration(done.elapsed)),
                    None => format!("{} · {}", text::counted(writer.rows, "row"), text::duration(done.elapsed)),
                };
                let facts = serde_json::json!({
                    "tag": done.tag,
                    "affected": done.affected,
                    "elapsed_ms": done.elapsed.as_secs_f64() * 1000.0,
                });
                if lost.is_none() {
                    lost = writer.finish(&footer, &facts).err();
                }
                ended = done;
            }
            // It was ended here.
            Some(Err(e)) if unread && matches!(e.kind, Kind::Cancelled | Kind::Statement) => return Ok((ended, lost)),
            Some(Err(e)) => return Err(e),
        }
    }
}

/// A commit that takes longer is told of.
const COMMITS: std::time::Duration = std::time::Duration::from_secs(2);

/// DML on a guarded target: shown, and kept only when asked for.
async fn fix(cx: &Cx, conn: &Connection, text: &str, values: &BTreeMap<String, Param>, commit: bool) -> Result<()> {
    let backend = AtomicU64::new(0);
    let own = || Some(backend.load(Ordering::Relaxed)).filter(|b| *b > 0);
    let opened = |s: &crate::engine::Session| backend.store(s.backend().unwrap_or(0), Ordering::Relaxed);
    let begun = datafix::begin(cx, conn, None, text, values, opened);
    let fix = waits::told(conn, "data fix", &own, &output::message, begun).await?;
    answered(cx, conn, fix, commit).await
}

/// Shows what a data fix did, and keeps it or takes it back.
pub(super) async fn answered(cx: &Cx, conn: &Connection, fix: datafix::DataFix, commit: bool) -> Result<()> {
    let image = match &fix.before {
        BeforeImage::Saved { path, rows } => format!("{} saved as they were in {}", text::counted(*rows, "row"), path.display()),
        BeforeImage::NotNeeded => "no rows existed before".into(),
    };
    unkept(fix.unrecorded.clone().map_or(Ok(()), Err));
    output::message(&format!("{} affected; {image}", text::counted(fix.affected, "row")));
    let lines = fix.changes.lines(40);
    let hidden = fix.changes.beyond(fix.affected, lines.len());
    let more = (!lines.is_empty() && hidden > 0).then(|| format!("… and {} more", text::counted(hidden, "row")));
    for line in lines.into_iter().chain(more).chain(fix.changes.note.clone()).chain(fix.cascades.lines()) {
        output::message(&line);
    }
    if cx.cancel.is_cancelled() {
        fix.rollback(cx).await?;
        return Err(Error::cancelled());
    }
    if commit {
        let waits = async {
            tokio::time::sleep(COMMITS).await;
            output::message("the server has not answered COMMIT yet; Ctrl-C stops waiting");
            std::future::pending::<std::convert::Infallible>().await
        };
        tokio::select! {
            done = fix.commit(cx) => done?,
            never = waits => match never {},
        }
        output::message(match (cx.cancel.is_cancelled(), conn.dialect()) {
            (true, Dialect::Postgres) => "committed; it was cancelled while it waited, so a synchronous standby may not have it yet",
            _ => "committed",
        });
    } else {
        fix.rollback(cx).await?;
        output::message("rolled back; run it again with --commit to keep it");
    }
    Ok(())
}
