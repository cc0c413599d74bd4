//! The emergency assessment of a SQLite file: the files and their file system as the operating system
//! tells, and what the library tells of the content.
//!
//! The database file is never opened here beside the session: closing a descriptor of it takes away the locks that this process's
//! sessions hold on it (howtocorrupt.html §2.2).

mod content;
mod files;
pub(super) mod holders;
mod library;

use super::{Sqlite, open};
use crate::engine::assessing::{check, limit, twice};
use crate::engine::{Assessing, Session};
use crate::model::assessment::{Check, Limits, Sample, Seen, Sight};
use crate::model::lock_tree::LockTree;
use crate::model::{Error, Result};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The cheapest and those that explain most come first.
const CHECKS: &[Check] = &[
    check(
        "SQ01",
        "files",
        "stat of the file and its -wal, -shm, -journal; /proc/*/fd",
        "What lies beside the file belongs to it; who may write it may also harm it.",
        &[],
    ),
    check(
        "SQ11",
        "disk",
        "statvfs, statfs",
        "On a full disk every write fails; on a network file system locks and the write-ahead log do not hold.",
        &[limit("used", "%", 85.0, 95.0)],
    ),
    check(
        "SQ05",
        "write-ahead log",
        "stat of -wal, wal_autocheckpoint, /proc/locks",
        "A log that no checkpoint can empty grows without end and makes every read slower.",
        &[limit("checkpoints", "× wal_autocheckpoint", 4.0, 64.0)],
    ),
    check(
        "SQ08",
        "settings",
        "journal_mode, page_size, auto_vacuum, application_id, user_version",
        "Who the file belongs to and how it is kept explains much else.",
        &[],
    ),
    check("SQ06", "integrity", "quick_check", "What is written over a damaged page may be lost.", &[limit("errors", "", 1.0, 1.0)]),
    check(
        "SQ07",
        "foreign keys",
        "foreign_key_check",
        "The check of integrity does not look at them: rows without their parent stay unnoticed.",
        &[limit("orphans", "rows", 1.0, f64::INFINITY)],
    ),
    check(
        "SQ09",
        "free pages",
        "freelist_count, page_count",
        "Room that was freed stays in the file until VACUUM.",
        &[limit("free", "%", 25.0, 60.0)],
    ),
    check("SQ10", "library", "the file's header", "Some versions of the library have faults that damage a file, though rarely.", &[]),
    twice(
        "SQ04",
        "holders",
        "/proc/locks, /proc/*/fd",
        "While one program has the write lock, every other write waits and then fails.",
        &[limit("held", "s", 4.0, 30.0)],
    ),
];

/// A check of the content reads the whole file; there is no server that it could hold up.
const STATEMENT: Duration = Duration::from_secs(10);

/// A file that belongs to the database: `-wal`, `-shm`, `-journal`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A cell of a statement's only row as a number.
async fn figure(s: &Session, text: &str) -> Result<f64> {
    Ok(s.fetch(text).await?.scalar().and_then(|t| t.parse().ok()).unwrap_or(0.0))
}

/// Work with files, off the threads that others wait for.
pub(super) async fn looking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::failed(format!("looking at the files: {e}")))
}

impl Assessing for Sqlite {
    fn checks(&self) -> &'static [Check] {
        CHECKS
    }
    fn statement_limit(&self) -> Duration {
        STATEMENT
    }
    fn sight<'a>(&'a self, s: &'a Session) -> BoxFuture<'a, Result<Sight>> {
        Box::pin(async move {
            let version = s.identity().version.split('.').fold(0, |n, p| n * 1000 + p.parse::<u32>().unwrap_or(0));
            // Whose files and processes may be looked into is told by each look.
            Ok(Sight { sees_all: true, version, ..Sight::default() })
        })
    }
    fn look<'a>(&'a self, s: &'a Session, _sight: &'a Sight, check: &'a Check, limits: &'a Limits) -> BoxFuture<'a, Result<Seen>> {
        Box::pin(async move {
            let path = open::path_of(&self.target)?;
            let path = std::fs::canonicalize(&path).unwrap_or(path);
            // A closed database is read as one that nobody changes ([`open::open`]): once somebody does, what is read may be torn.
            let (log, reads_through) = (beside(&path, "-wal"), matches!(check.id, "SQ06" | "SQ07"));
            let closed = !log.exists() && !beside(&path, "-journal").exists();
            let seen = match check.id {
                "SQ01" => {
                    let check = *check;
                    looking(move || files::look(&path, &check)).await
                }
                "SQ11" => {
                    let wal = content::mode(s, &path).await? == "wal";
                    let (check, limits) = (*check, limits.clone());
                    looking(move || files::disk(&path, wal, &check, &limits)).await
                }
                "SQ10" => {
                    let check = *check;
                    looking(move || library::look(&path, &check)).await
                }
                "SQ05" => content::wal(s, path, check, limits).await,
                "SQ08" => content::settings(s, &path, check).await,
                "SQ06" => content::integrity(s, path, check).await,
                "SQ07" => content::foreign_keys(s, path, check, limits).await,
                "SQ09" => content::free_pages(s, check, limits).await,
                other => Err(Error::failed(format!("there is no check {other}"))),
            };
            if reads_through && closed && log.exists() {
                return Ok(Seen::blind(check, "not read through: a program began to write meanwhile", "assessing again"));
            }
            seen
        })
    }
    fn sample<'a>(&'a self, _s: &'a Session, _sight: &'a Sight, check: &'a Check) -> BoxFuture<'a, Result<Result<Sample, Seen>>> {
        Box::pin(async move {
            let path = open::path_of(&self.target)?;
            let path = std::fs::canonicalize(&path).unwrap_or(path);
            let lifts = "Linux's /proc on the machine that has the file";
            let found = looking(move || holders::sample(&path)).await?;
            Ok(found.ok_or_else(|| Seen::blind(check, "who holds locks cannot be seen here", lifts)))
        })
    }
    fn compare(&self, _sight: &Sight, check: &Check, limits: &Limits, first: &Sample, second: &Sample) -> Seen {
        holders::compare(check, limits, first, second)
    }
    /// A file that was cut off opens no better than a damaged one; its original may be sound.
    fn before<'a>(&'a self, e: &'a Error, _limits: &'a Limits) -> BoxFuture<'a, Option<Seen>> {
        Box::pin(async move {
            let damaged = e.code.as_deref().is_some_and(|c| c.starts_with("SQLITE_CORRUPT"));
            let path = open::path_of(&self.target).ok().filter(|p| damaged && p.is_file())?;
            let check = *CHECKS.iter().find(|c| c.id == "SQ01")?;
            looking(move || files::look(&std::fs::canonicalize(&path).unwrap_or(path), &check)).await.ok()
        })
    }
    fn outside(&self, _places: &BTreeMap<String, String>) -> Vec<Seen> {
        let Ok(path) = open::path_of(&self.target) else { return Vec::new() };
        let path = std::fs::canonicalize(&path).unwrap_or(path);
        if !path.is_file() {
            return Vec::new();
        }
        let check = |id: &str| CHECKS.iter().find(|c| c.id == id);
        // Which journal it has is not known from outside: that it has a log tells.
        let wal = beside(&path, "-wal").exists();
        let files = check("SQ01").map(|c| files::look(&path, c));
        files.into_iter().chain(check("SQ11").map(|c| files::disk(&path, wal, c, &Limits::default()))).collect()
    }
    fn lock_tree<'a>(&'a self, _s: &'a Session, _sight: &'a Sight) -> BoxFuture<'a, Result<LockTree>> {
        Box::pin(async { Err(Error::failed("SQLite keeps one writer for the whole file, and does not tell who waits for it")) })
    }
}
