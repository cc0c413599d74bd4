//! What the library tells of the content: the log, the settings, damage, orphans, free room.

use super::{beside, figure, holders, library, looking};
use crate::engine::Session;
use crate::engine::assessing::{bytes, thousands};
use crate::model::assessment::{Check, Limits, Seen};
use crate::model::recovery::Deed;
use crate::model::{Dialect, Error, Finding, Kind, Result, Severity};
use crate::text;
use std::path::{Path, PathBuf};

/// A statement on a file without a write-ahead log keeps writers from committing. Up to this size it is over in a moment.
const IN_A_MOMENT: f64 = 32.0 * 1_048_576.0;
/// A log this small is no growth, however small the setting.
const SMALL_LOG: f64 = 4_194_304.0;

/// A database in WAL mode that nobody has open is read as if it were in another one: its header says what it is.
pub(super) async fn mode(s: &Session, path: &Path) -> Result<String> {
    let told = s.fetch("PRAGMA journal_mode").await?.scalar().unwrap_or_default().to_string();
    let path = path.to_path_buf();
    let wal = told != "wal" && looking(move || library::header(&path)).await?.is_some_and(|h| h.wal);
    Ok(if wal { "wal".into() } else { told })
}

pub(super) async fn wal(s: &Session, path: PathBuf, check: &Check, limits: &Limits) -> Result<Seen> {
    let mode = mode(s, &path).await?;
    if mode != "wal" {
        return Ok(Seen::of(check).says(format!("none: journal_mode is {mode}")));
    }
    let page = figure(s, "PRAGMA page_size").await?.max(512.0);
    let every = figure(s, "PRAGMA wal_autocheckpoint").await?.max(1.0);
    let file = beside(&path, "-wal");
    let (size, whole, locks) = looking(move || {
        let length = |p: &Path| std::fs::metadata(p).map_or(0.0, |m| m.len() as f64);
        (length(&file), length(&path), holders::locks(&path))
    })
    .await?;
    // A frame is a page and its 24 bytes of header.
    let pages = size / (page + 24.0);
    let times = pages / every;
    let mut seen = Seen::of(check)
        .says(format!("{}, {} pages, a checkpoint is due every {}", bytes(size), thousands(pages), thousands(every)))
        .figure("bytes", size)
        .figure("checkpoints", times);
    let mut severity = if size < SMALL_LOG { Severity::Ok } else { Severity::of(times, limits.of(check, "checkpoints")) };
    if size > whole && size > 16.0 * SMALL_LOG {
        severity = Severity::Critical;
    }
    if severity >= Severity::Warning {
        let readers: Vec<String> =
            locks.into_iter().flatten().filter(|(_, h)| *h == holders::Hold::Reads).map(|(pid, _)| holders::named(pid)).collect();
        let free = readers.is_empty();
        let (who, next) = if free {
            (
                "and no reader is in the way now: it was once that large, or checkpoints are switched off".to_string(),
                "A checkpoint empties it; never delete the file.",
            )
        } else {
            (
                format!("while process {} reads: no checkpoint gets past it", readers.join(", ")),
                "Let that program end its read transaction: checkpoints then catch up by themselves. Never delete the file.",
            )
        };
        let found = Finding::new(severity, check.id, "-wal", format!("the write-ahead log has grown to {} {who}", bytes(size))).next(next);
        seen.find(if free { found.recover(Deed::Checkpoint, "") } else { found });
    }
    Ok(seen)
}

pub(super) async fn settings(s: &Session, path: &Path, check: &Check) -> Result<Seen> {
    let mode = mode(s, path).await?;
    let page = figure(s, "PRAGMA page_size").await?;
    let pages = figure(s, "PRAGMA page_count").await?;
    let application = figure(s, "PRAGMA application_id").await?;
    let user = figure(s, "PRAGMA user_version").await?;
    let length = std::fs::metadata(path).map_or(0.0, |m| m.len() as f64);
    let mut seen = Seen::of(check)
        .says(format!("journal_mode {mode}, {} pages of {page} bytes, user_version {user}, application_id {application}", thousands(pages)))
        .figure("page_size", page)
        .figure("pages", pages)
        .figure("user_version", user)
        .figure("application_id", application);
    if page < 4096.0 && length > 1_073_741_824.0 {
        seen.find(
            Finding::new(Severity::Info, check.id, "page_size", format!("pages of {page} bytes make a large file slow"))
                .next("PRAGMA page_size = 4096; VACUUM; outside WAL mode rewrites it; that takes twice its room."),
        );
    }
    Ok(seen)
}

/// Why the content is not read through: it would keep others from committing.
async fn in_the_way(s: &Session, path: PathBuf) -> Result<Option<String>> {
    if mode(s, &path).await? == "wal" {
        return Ok(None);
    }
    let (length, open) = looking(move || (std::fs::metadata(&path).map_or(0.0, |m| m.len() as f64), holders::open(&path))).await?;
    let alone = open.as_ref().is_some_and(|o| o.pids.is_empty() && o.unseen == 0);
    Ok((length > IN_A_MOMENT && !alone).then(|| {
        let who = match open {
            Some(o) if !o.pids.is_empty() => text::counted(o.pids.len() as u64, "program"),
            _ => "programs that cannot be seen".into(),
        };
        format!("not read through: without a write-ahead log that would keep others ({who}) from committing")
    }))
}

const ON_A_COPY: &str = "the same check on a copy: `holdpoint backup` takes one in one piece";

/// A statement that ran into its limit, or was ended.
fn ran_out(e: &Error) -> bool {
    e.kind == Kind::Cancelled || e.message.starts_with("ended after") || e.message.starts_with("timed out")
}

pub(super) async fn integrity(s: &Session, path: PathBuf, check: &Check) -> Result<Seen> {
    if let Some(why) = in_the_way(s, path).await? {
        return Ok(Seen::blind(check, why, ON_A_COPY));
    }
    let found = match s.fetch("PRAGMA quick_check(5)").await {
        Ok(t) => t.rows.iter().filter_map(|r| r.first().cloned().flatten()).collect::<Vec<String>>(),
        Err(e) if ran_out(&e) => return Ok(Seen::blind(check, format!("not to its end: {}", e.message), ON_A_COPY)),
        // The check itself may stumble over the damage.
        Err(e) if e.message.contains("damaged") || e.message.contains("malformed") => vec![e.message],
        Err(e) => return Err(e),
    };
    let bad: Vec<&String> = found.iter().filter(|l| l.as_str() != "ok").collect();
    let mut seen = Seen::of(check).says("quick_check: ok").figure("errors", bad.len() as f64);
    if let Some(first) = bad.first() {
        let first = text::truncate(&first.split_whitespace().collect::<Vec<_>>().join(" "), 200).into_owned();
        seen.says = format!("quick_check: {first}");
        seen.find(
            Finding::new(Severity::Critical, check.id, &s.identity().database, format!("the file is damaged: {first}")).next(
                "Stop the programs that write it, copy the file with its -wal and -journal aside, then restore the backup or recover into a new file.",
            )
            .recover(Deed::Salvage, ""),
        );
    }
    Ok(seen)
}

pub(super) async fn foreign_keys(s: &Session, path: PathBuf, check: &Check, limits: &Limits) -> Result<Seen> {
    if let Some(why) = in_the_way(s, path).await? {
        return Ok(Seen::blind(check, why, ON_A_COPY));
    }
    const ORPHANS: &str = "SELECT \"table\", parent, count(*), min(rowid) FROM (SELECT * FROM pragma_foreign_key_check LIMIT 1000) GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 5";
    let found = match s.fetch(ORPHANS).await {
        Ok(t) => t.rows,
        Err(e) if ran_out(&e) => return Ok(Seen::blind(check, format!("not to its end: {}", e.message), ON_A_COPY)),
        Err(e) => return Err(e),
    };
    let cell = |r: &[Option<String>], i: usize| r.get(i).cloned().flatten().unwrap_or_default();
    let all: f64 = found.iter().filter_map(|r| cell(r, 2).parse::<f64>().ok()).sum();
    let more = if all >= 1000.0 { " or more" } else { "" };
    let mut seen = Seen::of(check).figure("orphans", all);
    seen.says = match all as u64 {
        0 => "no row lacks its parent".into(),
        1 => "1 row lacks its parent".into(),
        n => format!("{n}{more} rows lack their parent"),
    };
    let severity = Severity::of(all, limits.of(check, "orphans"));
    if severity >= Severity::Warning {
        for r in &found {
            seen.find(
                Finding::new(
                    severity,
                    check.id,
                    cell(r, 0),
                    format!(
                        "{}{more} of {} {} to rows of {} that are not there{}",
                        text::counted(cell(r, 2).parse().unwrap_or(0), "row"),
                        cell(r, 0),
                        if cell(r, 2) == "1" { "refers" } else { "refer" },
                        cell(r, 1),
                        // A table without rowids has none to tell.
                        if cell(r, 3).is_empty() { String::new() } else { format!(", rowid {} among them", cell(r, 3)) }
                    ),
                )
                .next(format!(
                    "PRAGMA foreign_key_check({}); lists them. PRAGMA foreign_keys is per connection: find the program that leaves it off, then mend the rows.",
                    Dialect::Sqlite.quote_ident(&cell(r, 0))
                )),
            );
        }
    }
    Ok(seen)
}

pub(super) async fn free_pages(s: &Session, check: &Check, limits: &Limits) -> Result<Seen> {
    let (free, all) = (figure(s, "PRAGMA freelist_count").await?, figure(s, "PRAGMA page_count").await?.max(1.0));
    let page = figure(s, "PRAGMA page_size").await?;
    let share = 100.0 * free / all;
    let mut seen = Seen::of(check).says(format!("{share:.0} % of {} pages, {}", thousands(all), bytes(free * page))).figure("free", share);
    // Room that is free harms nobody: it is told, and no alarm.
    if Severity::of(share, limits.of(check, "free")) >= Severity::Warning && free * page > 16.0 * 1_048_576.0 {
        seen.find(
            Finding::new(Severity::Info, check.id, "freelist", format!("{} of the file are free ({share:.0} %)", bytes(free * page)))
                .next("It is used again. VACUUM gives it back, and takes twice the file's room and its write lock meanwhile."),
        );
    }
    Ok(seen)
}
