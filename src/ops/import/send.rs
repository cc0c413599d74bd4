//! An import's rows on their way to the server: many together, those that it refuses one by one, children again after their parents.

use super::columns::{computed, fitted, statement};
use super::{Import, Report, file};
use crate::engine::{Event, Session};
use crate::model::{ColumnInfo, Dialect, Error, Kind, Param, Result, TableInfo};
use crate::ops::Cx;
use std::sync::atomic::Ordering;

/// Rows that go to the server in one statement.
const TOGETHER: usize = 200;
/// Bytes of a file whose rows go together, about: rows of megabytes are not gathered in memory.
const TOGETHER_BYTES: u64 = 4 << 20;
/// Values of one statement: SQLite takes 32,766, the others 65,535.
const VALUES: usize = 30_000;
/// Values that were rounded or cut and are told one by one.
const CUTS_TOLD: usize = 3;
/// Refused rows that are told one by one; where all of so many are, the rest is not tried.
const TOLD: usize = 10_000;
/// Rows, and bytes of theirs, that wait for rows which they refer to.
const WAITING: (usize, usize) = (100_000, 1 << 26);

/// Sends the rows of the file, and again those that came before what they refer to, as long as some of them are taken.
#[allow(clippy::too_many_arguments, reason = "one call, of the import's transaction")]
pub(super) async fn rows(
    cx: &Cx,
    dialect: Dialect,
    s: &Session,
    import: &Import,
    table: &TableInfo,
    columns: &[&ColumnInfo],
    limit: Option<u64>,
    report: &mut Report,
) -> Result<()> {
    let file::Opened { mut reader, read, size } = file::open(import, dialect)?;
    let together = (VALUES / columns.len().max(1)).clamp(1, TOGETHER);
    let mut batch: Vec<Row> = Vec::new();
    let mut waiting = Waiting::default();
    let (mut seen, mut sent) = (0u64, 0u64);
    // Refused rows before this place stand in the order of their lines.
    let mut told = report.reasons.len();
    loop {
        let record = reader.read().map_err(|why| Error::usage(format!("{}: {why}", file::name(&import.file))))?;
        let ended = record.is_none();
        if let Some(record) = record {
            seen += 1;
            match record.values {
                Ok(values) => match fitted(dialect, import.form, columns, values, &mut |what| cut(report, record.line, what)) {
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
            if report.refused >= TOLD as u64 && report.taken == 0 && waiting.rows.is_empty() && !import.skip_refused {
                report.untried = !ended;
                break;
            }
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
    report.absent = reader.absent();
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
            Param::Text(t) | Param::Number(t) | Param::Literal(t) => t.len(),
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

fn cut(report: &mut Report, line: u64, what: String) {
    report.cut += 1;
    if report.cuts.len() < CUTS_TOLD {
        report.cuts.push((line, what));
    }
}

fn refuse(report: &mut Report, line: u64, why: String) {
    report.refused += 1;
    if report.reasons.len() < TOLD {
        report.reasons.push((line, why));
    }
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
            Ok(kept) => {
                let all = part.len() as u64;
                let kept = kept.map_or(all, |kept| kept.min(all));
                report.taken += kept;
                report.unkept += all - kept;
            }
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

/// How many rows the server says that it wrote. The outer error ends the import: the connection is gone, or the savepoint. The inner one is
/// the server's word on the rows, and whether it missed what they refer to.
async fn behind_savepoint(s: &Session, text: String, params: Vec<Param>) -> Result<std::result::Result<Option<u64>, (String, bool)>> {
    s.fetch("SAVEPOINT holdpoint_rows").await?;
    let mut stream = s.run_bound(text, params).await?;
    let (mut refused, mut written) = (None, None);
    while let Some(event) = stream.next().await {
        match event {
            Err(e) => refused = Some(e),
            // A server that is not strict cuts what does not fit, and only remarks it.
            Ok(Event::Notice(n)) if refused.is_none() && n.severity.eq_ignore_ascii_case("warning") => {
                refused = Some(Error::new(Kind::Statement, format!("the server would keep another value: {}", n.message)));
            }
            Ok(Event::Done(done)) => written = done.affected,
            Ok(_) => {}
        }
    }
    match refused {
        None => {
            s.fetch("RELEASE SAVEPOINT holdpoint_rows").await?;
            Ok(Ok(written))
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
