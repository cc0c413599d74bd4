//! Recovery actions of a SQLite file: its write-ahead log is emptied, an index is built anew. What would
//! take a damaged file apart is for copies.

use super::assess::{beside, holders, looking};
use super::{Sqlite, open};
use crate::engine::{Recovering, Session};
use crate::model::recovery::{Action, Deed, Prospect};
use crate::model::{Dialect, Error, Result};
use crate::text;
use futures_util::future::BoxFuture;
use std::path::{Path, PathBuf};

/// How long a command waits for others' locks before it gives up.
const BUSY: &str = "PRAGMA busy_timeout = 10000";

impl Recovering for Sqlite {
    fn deeds(&self) -> Vec<Deed> {
        vec![Deed::Reindex, Deed::Checkpoint, Deed::Salvage]
    }
    fn look<'a>(&'a self, s: &'a Session, action: &'a Action) -> BoxFuture<'a, Result<Prospect>> {
        Box::pin(async move {
            let path = file(self)?;
            match action.deed {
                Deed::Checkpoint => checkpoint(s, action, path).await,
                Deed::Reindex => index(s, action, path).await,
                Deed::Salvage => salvage(s, action, path).await,
                other => Err(Error::failed(format!("{} is no action of SQLite", other.name()))),
            }
        })
    }
    fn took_effect<'a>(&'a self, s: &'a Session, p: &'a Prospect) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            if p.action.deed == Deed::Checkpoint {
                let log = beside(&file(self)?, "-wal");
                return looking(move || length(&log) == 0.0).await;
            }
            Ok(s.fetch(p.verify.clone()).await?.scalar() == Some("ok"))
        })
    }
}

fn file(sqlite: &Sqlite) -> Result<PathBuf> {
    let path = open::path_of(&sqlite.target)?;
    Ok(std::fs::canonicalize(&path).unwrap_or(path))
}

fn length(path: &Path) -> f64 {
    std::fs::metadata(path).map_or(0.0, |m| m.len() as f64)
}

/// Programs that have one of the file's locks now, in words.
fn in_the_way(path: &Path) -> Vec<(String, String)> {
    let of = |wanted: holders::Hold| -> String {
        let all = holders::locks(path).into_iter().flatten().filter(|(_, h)| *h == wanted);
        all.map(|(pid, _)| holders::named(pid)).collect::<Vec<_>>().join(", ")
    };
    let told = [("writes now", of(holders::Hold::Writes)), ("reads now", of(holders::Hold::Reads))];
    told.into_iter().filter(|(_, who)| !who.is_empty()).map(|(name, who)| (name.to_string(), who)).collect()
}

async fn checkpoint(s: &Session, action: &Action, path: PathBuf) -> Result<Prospect> {
    let mode = s.fetch("PRAGMA journal_mode").await?.scalar().unwrap_or_default().to_string();
    if mode != "wal" {
        return Err(Error::usage(format!("the file has no write-ahead log: its journal_mode is {mode}")));
    }
    let (size, log, ways) = looking(move || (length(&path), length(&beside(&path, "-wal")), in_the_way(&path))).await?;
    if log == 0.0 {
        return Err(Error::usage("the write-ahead log is empty"));
    }
    let mut p = Prospect::of(action, s.identity().database.clone());
    p.identity = vec![format!("file {}", s.identity().server_id)];
    p.is = vec![("file".into(), text::bytes(size as u64)), ("write-ahead log".into(), text::bytes(log as u64))];
    p.is.extend(ways);
    p.does = "Writes what the log holds into the file, and cuts the log to nothing.".into();
    p.loses = vec!["Nothing. The file grows by what is new in the log: the disk has to have that room.".into()];
    p.undo = "There is nothing to undo.".into();
    p.lock =
        "Waits for those who write or read, 10 s at most; writers wait meanwhile. A transaction that stays open keeps the log as it is."
            .into();
    p.before = vec![BUSY.into()];
    p.statement = "PRAGMA wal_checkpoint(TRUNCATE)".into();
    p.then = "the write-ahead log is empty".into();
    Ok(p)
}

/// What `.recover` of the SQLite shell does, in the order in which nothing more is lost.
async fn salvage(s: &Session, action: &Action, path: PathBuf) -> Result<Prospect> {
    let shown = path.clone();
    let (size, log, ways) = looking(move || (length(&path), length(&beside(&path, "-wal")), in_the_way(&path))).await?;
    let word = |suffix: &str| text::shell_word(&beside(&shown, suffix).display().to_string());
    let mut p = Prospect::of(action, s.identity().database.clone());
    p.is = vec![("file".into(), text::bytes(size as u64)), ("write-ahead log".into(), text::bytes(log as u64))];
    p.is.extend(ways);
    p.does = "What can still be read is written into a new file. Holdpoint prints how, and never does it.".into();
    p.loses = vec![
        "Rows on pages that cannot be read. Rows whose table is not known any more come into the table lost_and_found; constraints are not looked at \
         meanwhile, so orphans and doubles may come along."
            .into(),
    ];
    p.undo = "The damaged file stays as it is, aside.".into();
    p.by_hand = Some("what a recovered file lacks is judged by a person who knows the data, against the newest backup".into());
    p.steps = vec![
        "Stop every program that has the file open, and let none begin: each write may take more with it.".into(),
        format!("Copy it aside with its log and its journal, all that are there: cp -p {0} {1} {2} /elsewhere/", word(""), word("-wal"), word("-journal")),
        "Is there a backup that is new enough? Restore that instead: it is whole, and this will not be.".into(),
        format!(
            "From the copy into a new file: sqlite3 /elsewhere/{} .recover | sqlite3 /elsewhere/recovered.db (a shell from 3.29 on that was built with \
             dbpage; one that only says “sql error” was not: take sqlite.org's)",
            text::shell_word(&shown.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default())
        ),
        "Look at the new one: holdpoint assess /elsewhere/recovered.db; PRAGMA integrity_check; PRAGMA foreign_key_check; count the rows of each table \
         against the backup; look through lost_and_found."
            .into(),
        format!("Only then put it in place: move {0} and {1} away together, the new file there, and start the programs.", word(""), word("-wal")),
    ];
    Ok(p)
}

async fn index(s: &Session, action: &Action, path: PathBuf) -> Result<Prospect> {
    let (quote, lit) = (|t: &str| Dialect::Sqlite.quote_ident(t), |t: &str| Dialect::Sqlite.quote_literal(t));
    let found = s
        .fetch_with(
            "SELECT name, tbl_name, rootpage, coalesce(sql, 'made by a constraint of its table') FROM sqlite_schema WHERE type = 'index' AND lower(name) = lower(?1)",
            vec![Some(action.object.clone())],
        )
        .await?;
    let Some(row) = found.rows.first() else {
        return Err(Error::failed(format!("there is no index {}", text::clean(&action.object))));
    };
    let at = |i: usize| row.get(i).and_then(|c| c.as_deref()).unwrap_or_default();
    let (name, table) = (at(0), at(1));
    let mut p = Prospect::of(action, name);
    p.identity = vec![format!("file {}", s.identity().server_id), format!("root page {}", at(2)), at(3).into()];
    p.is = vec![("table".into(), table.into()), ("definition".into(), at(3).into())];
    p.is.extend(looking(move || in_the_way(&path)).await?);
    p.does = "Builds the index anew from the rows of its table.".into();
    p.loses = vec![
        "Nothing where the table is sound. Rows that are doubled under a unique index make it fail, and the index stays as it was.".into(),
        "Where the table itself is damaged it may make that worse: copy the file with its -wal and -journal aside first.".into(),
    ];
    p.undo = "There is nothing to undo; Ctrl-C takes it back.".into();
    p.lock =
        "The write lock of the whole file until it is done: other writes wait, and fail after their own limit. It waits 10 s for its turn."
            .into();
    p.before = vec![BUSY.into()];
    p.statement = format!("REINDEX main.{}", quote(name));
    // The rows and the indexes of the table alone.
    p.verify = format!("PRAGMA main.integrity_check({})", lit(table));
    p.then = format!("{} and its table are sound", text::clean(name));
    Ok(p)
}
