//! What must hold right before a run: the file is sound, writable, nobody else writes, and the disk has room.

use super::super::space;
use crate::engine::Session;
use crate::model::rows::Table;
use crate::model::{Finding, ReadOnly, Result, Severity, TxState};
use crate::text;
use std::path::Path;
use std::time::Duration;

/// Time for each check that reads the whole file; a file too large for it is `unknown`, never `ok`.
const BUDGET: Duration = Duration::from_secs(10);
/// Violations that are looked at; more change nothing about the finding.
const VIOLATIONS: usize = 100;
/// Below this even a small statement may not get its journal.
const LITTLE: u64 = 16 * 1024 * 1024;

pub async fn findings(s: &Session) -> Result<Vec<Finding>> {
    let file = s.identity().address.clone();
    let mut out = vec![writable(s, &file)];
    if let Some(f) = writers(s, &file).await? {
        out.push(f);
    }
    out.push(sound(s, &file).await?);
    out.push(foreign_keys(s, &file).await?);
    out.push(room(s, &file).await?);
    out.push(journal(s, &file).await?);
    Ok(out)
}

/// Runs a statement within the budget. `None`: it took longer and was cancelled.
async fn within(s: &Session, text: &str) -> Result<Option<Table>> {
    match tokio::time::timeout(BUDGET, s.fetch(text)).await {
        Ok(table) => table.map(Some),
        // The stream was dropped with the future, which interrupts the statement.
        Err(_) => Ok(None),
    }
}

fn writable(s: &Session, file: &str) -> Finding {
    let directory = Path::new(file).parent().unwrap_or(Path::new("/"));
    if s.status().read_only != ReadOnly::No {
        return Finding::new(Severity::Critical, "sqlite-writable", file, "the file is open read-only")
            .next("Give this user write permission on the file, or make the target's access `guarded`.");
    }
    if rustix::fs::access(directory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_err() {
        return Finding::new(
            Severity::Critical,
            "sqlite-writable",
            file,
            "its directory is not writable, and SQLite needs to make its journal there",
        )
        .next(format!("Give this user write permission on {}.", directory.display()));
    }
    Finding::new(Severity::Ok, "sqlite-writable", file, "the file and its directory are writable")
}

/// `None` while the session has a transaction of its own open: then it is the writer.
async fn writers(s: &Session, file: &str) -> Result<Option<Finding>> {
    if s.status().tx != TxState::Idle || s.status().read_only != ReadOnly::No {
        return Ok(None);
    }
    Ok(Some(match s.fetch("BEGIN IMMEDIATE").await {
        Ok(_) => {
            s.fetch("ROLLBACK").await?;
            Finding::new(Severity::Ok, "sqlite-writers", file, "nobody else writes")
        }
        Err(e) if e.code.as_deref().is_some_and(|c| c.starts_with("SQLITE_BUSY")) => {
            Finding::new(Severity::Critical, "sqlite-writers", file, e.message)
                .next("Stop the programs that use the file, or wait for their transaction to end.")
        }
        Err(e) => return Err(e),
    }))
}

async fn sound(s: &Session, file: &str) -> Result<Finding> {
    Ok(match within(s, "PRAGMA quick_check(1)").await? {
        None => Finding::new(
            Severity::Unknown,
            "sqlite-sound",
            file,
            format!("the file is too large to check within {}", text::duration(BUDGET)),
        )
        .next("Run `PRAGMA integrity_check` on a restored copy of the backup."),
        Some(t) if t.scalar() == Some("ok") => Finding::new(Severity::Ok, "sqlite-sound", file, "quick_check found no damage"),
        Some(t) => {
            let what = t.scalar().unwrap_or("nothing readable").to_string();
            Finding::new(Severity::Critical, "sqlite-sound", file, format!("the file is damaged: {what}"))
                .next("Copy the file with its -wal and -journal aside, and restore the last good backup.")
        }
    })
}

async fn foreign_keys(s: &Session, file: &str) -> Result<Finding> {
    let check = "sqlite-foreign-keys";
    // integrity_check does not look at foreign keys.
    let found = within(s, &format!("SELECT \"table\", rowid, parent FROM pragma_foreign_key_check LIMIT {VIOLATIONS}")).await;
    Ok(match found {
        // A key onto a table or columns that are not there cannot be checked at all.
        Err(e) if e.message.contains("foreign key mismatch") => {
            Finding::new(Severity::Warning, check, file, e.message).next("The referenced columns need a PRIMARY KEY or a UNIQUE index.")
        }
        Err(e) => return Err(e),
        Ok(None) => {
            Finding::new(Severity::Unknown, check, file, format!("foreign keys could not be checked within {}", text::duration(BUDGET)))
                .next("Run `PRAGMA foreign_key_check` on a restored copy of the backup.")
        }
        Ok(Some(t)) if t.rows.is_empty() => Finding::new(Severity::Ok, check, file, "no foreign key is violated"),
        Ok(Some(t)) => {
            let cell = |c: usize| t.rows.first().and_then(|r| r.get(c)).and_then(|v| v.as_deref()).unwrap_or("?").to_string();
            let many = if t.rows.len() == VIOLATIONS { "at least " } else { "" };
            let message =
                format!("{many}{} rows point to rows that are not there, e.g. {} row {} to {}", t.rows.len(), cell(0), cell(1), cell(2));
            Finding::new(Severity::Warning, check, file, message)
                .next("A migration that rebuilds such a table with foreign keys on will fail: mend the rows first.")
        }
    })
}

async fn room(s: &Session, file: &str) -> Result<Finding> {
    let check = "sqlite-space";
    let size = s.fetch("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").await?;
    let size: u64 = size.scalar().and_then(|v| v.parse().ok()).unwrap_or(0);
    Ok(match space::free(Path::new(file).parent().unwrap_or(Path::new("/"))) {
        None => Finding::new(Severity::Unknown, check, file, "the free space could not be read"),
        Some(free) if free < LITTLE.max(size / 20) => Finding::new(
            Severity::Critical,
            check,
            file,
            format!("only {} free beside a database of {}", text::bytes(free), text::bytes(size)),
        )
        .next("Free some space: a full disk in the middle of a run ends it."),
        // A statement that rewrites a table writes it twice: the journal keeps the old pages.
        Some(free) if free < size => Finding::new(
            Severity::Warning,
            check,
            file,
            format!(
                "{} free, less than the database's {}: a change that rewrites large tables may fill the disk",
                text::bytes(free),
                text::bytes(size)
            ),
        )
        .next("Free some space before the run."),
        Some(free) => {
            Finding::new(Severity::Ok, check, file, format!("{} free beside a database of {}", text::bytes(free), text::bytes(size)))
        }
    })
}

async fn journal(s: &Session, file: &str) -> Result<Finding> {
    let mode = s.fetch("PRAGMA journal_mode").await?;
    let mode = mode.scalar().unwrap_or("unknown").to_string();
    Ok(match mode.as_str() {
        "off" | "memory" => Finding::new(
            Severity::Warning,
            "sqlite-journal",
            file,
            format!("journal_mode is {mode}: a crash in the middle of a run can destroy the file"),
        )
        .next("Set `PRAGMA journal_mode = DELETE` or `WAL` before the run."),
        _ => Finding::new(Severity::Info, "sqlite-journal", file, format!("journal_mode is {mode}")),
    })
}
