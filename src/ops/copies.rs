//! Private copies of a target's database to try something on: the engine's own copy, or a restore of the newest backup. They are removed at
//! the end, whatever happened, and what will be made and how large it is can be told before.

mod behind;

use super::{Connection, Cx, backup, connect};
use crate::engine::Scratch;
use crate::model::{Dialect, Error, Result};
use crate::plan::known::{Known, Table};
use crate::sql::reserved::ident;
use crate::text;

/// Whether a copy can be made, by the configuration.
pub(in crate::ops) fn possible(conn: &Connection) -> Result<()> {
    if conn.engine().trials().copies_itself() || conn.target().scratch.is_some() {
        return Ok(());
    }
    Err(Error::usage(format!("target {} has no scratch place, so nothing can be tried on a copy", conn.target().name))
        .hint("Set `scratch` of the target to the name of another target: a server on which databases may be made, and no production."))
}

/// What making so many copies means, as a sentence; asks the store and the catalogue, makes nothing.
pub async fn foreseen(cx: &Cx, conn: &Connection, count: usize) -> Result<String> {
    possible(conn)?;
    let times = match count {
        1 => "one copy".to_string(),
        2 => "two copies".to_string(),
        n => format!("{n} copies"),
    };
    let (each, them) = if count == 1 { ("", "it") } else { (" each", "them") };
    let session = conn.reader().await?;
    if let Some(bytes) = conn.engine().trials().copy_bytes(&session).await? {
        return Ok(format!("Makes {times} of the file ({}{each}) and removes {them}.", text::bytes(bytes)));
    }
    let place = conn.target().scratch.clone().unwrap_or_default();
    Ok(match backup::newest(cx, conn, session.identity())? {
        Some(dir) => {
            let (manifest, _) = backup::read_manifest(&dir)?;
            let bytes: u64 = manifest.artefacts.iter().map(|a| a.bytes).sum();
            format!(
                "Restores the backup of {} ({}) into {times} on {}, and removes {them}. What is newer than it is not there: `holdpoint backup take {}` takes a newer one.",
                taken(&manifest.taken_at),
                text::bytes(bytes),
                text::clean(&place),
                text::clean(&conn.target().name)
            )
        }
        None => format!(
            "There is no backup of this database: takes one first (it stays with the target's backups), restores it into {times} on {}, and removes what it restored.",
            text::clean(&place)
        ),
    })
}

/// A server's word about something that is not on a copy, with how old the copy is and how a newer one is had. `of` is what
/// [`make`] told.
pub(in crate::ops) fn aged(conn: &Connection, of: &str, e: Error) -> Error {
    // Nothing of that name: tables, columns, functions, indexes.
    const MISSING: [&str; 9] = ["42P01", "42703", "42704", "42883", "1146", "1054", "1091", "1176", "1305"];
    if of.is_empty() || !e.code.as_deref().is_some_and(|c| MISSING.contains(&c)) {
        return e;
    }
    Error { message: format!("on the scratch copy{of}: {}", e.message), ..e }.hint(older(conn, of))
}

/// Whether a server says that a table or a column is not there.
pub(in crate::ops) fn lacks(e: &Error) -> bool {
    matches!(e.code.as_deref(), Some("42P01" | "42703" | "1146" | "1054"))
}

/// What an older copy means, and what to do.
pub(in crate::ops) fn older(conn: &Connection, of: &str) -> String {
    let target = text::clean(&conn.target().name);
    format!("The copy is{of}: what was made since is not on it. `holdpoint backup take {target}` takes a newer one; then try again.")
}

/// How a copy differs from the target in what a measurement depends on: a sentence, where it does. `of` is what [`make`] told; `facts` are the
/// target's. `triggers`: those that fire on the target and on the copy. Asked after [`settling`], when the copy's rows are counted.
pub(in crate::ops) async fn behind(
    conn: &Connection,
    copy: &Connection,
    of: &str,
    facts: &Known,
    triggers: (&[String], &[String]),
) -> Result<Option<String>> {
    // The engine's own copy is of this moment.
    if of.is_empty() {
        return Ok(None);
    }
    let relations: Vec<String> =
        facts.tables.iter().map(|t| t.schema.as_ref().map_or_else(|| t.name.clone(), |s| format!("{s}.{}", t.name))).collect();
    let there = copy.catalog()?.plan_facts(&copy.reader().await?, &relations).await?;
    let own = |c: &Connection, lines: &[String]| -> Vec<String> {
        // A MySQL database has another name on the copy.
        let database = c.target().database.as_ref().filter(|_| c.dialect() == Dialect::MySql);
        lines.iter().map(|l| database.map_or_else(|| l.clone(), |d| l.replace(&format!(" {d}."), " "))).collect()
    };
    let found = behind::differences(facts, &there, (&own(conn, triggers.0), &own(copy, triggers.1)));
    Ok(behind::sentence(of, &conn.target().name, &found))
}

/// `2026-11-21 10:00`.
fn taken(at: &str) -> String {
    at.get(..16).unwrap_or(at).replace('T', " ")
}

/// Copies, and of what they are: ` of the backup of 2026-11-21 10:00`, or nothing.
pub(in crate::ops) async fn make(cx: &Cx, conn: &Connection, count: usize) -> Result<(Vec<Scratch>, String)> {
    possible(conn)?;
    let trials = conn.engine().trials();
    let mut made = Vec::new();
    if trials.copies_itself() {
        for n in 0..count {
            cx.progress.update("copying the database", n as u64, Some(count as u64));
            match trials.copy(&*cx.progress, &cx.cancel).await {
                Ok(Some(s)) => made.push(s),
                Ok(None) => return give_up(conn, made, Error::failed("a copy could not be made")).await,
                Err(e) => return give_up(conn, made, e).await,
            }
        }
        return Ok((made, String::new()));
    }
    let session = conn.reader().await?;
    let identity = session.identity().clone();
    let dir = match backup::newest(cx, conn, &identity)? {
        Some(dir) => dir,
        None => backup::take(cx, conn).await?.dir,
    };
    let usable = backup::open(cx, &identity, &dir).await?;
    for _ in 0..count {
        match backup::restore(cx, conn, &identity, &usable).await {
            Ok((scratch, _)) => made.push(scratch),
            Err(e) => return give_up(conn, made, e).await,
        }
        if cx.cancel.is_cancelled() {
            return give_up(conn, made, Error::cancelled()).await;
        }
    }
    Ok((made, format!(" of the backup of {}", taken(&usable.manifest.taken_at))))
}

async fn give_up<T>(conn: &Connection, made: Vec<Scratch>, e: Error) -> Result<T> {
    let mut notes = Vec::new();
    remove(conn, made, &mut notes).await?;
    Err(notes.into_iter().fold(e, Error::hint))
}

/// Removes copies whose connections are closed; what is left over is named in `notes`, and the work is not lost for it.
pub(in crate::ops) async fn remove(conn: &Connection, made: Vec<Scratch>, notes: &mut Vec<String>) -> Result<()> {
    for s in made {
        let name = s.target.path.as_ref().map_or_else(|| s.target.database.clone().unwrap_or_default(), |p| p.display().to_string());
        if let Err(e) = conn.engine().backups().get()?.discard(s).await {
            notes.push(format!(
                "The scratch copy {} could not be removed: {}. Remove it by hand.",
                text::clean(&name),
                text::clean(&e.message)
            ));
        }
    }
    Ok(())
}

/// A connection to a copy for a statement that may write: by a login that reaches the copy alone, where the engine can make one.
pub(in crate::ops) async fn confined(cx: &Cx, conn: &Connection, scratch: &Scratch) -> Result<Connection> {
    let session = conn.reader().await?;
    let identity = session.identity().clone();
    let target = match conn.engine().backups().get()?.confine(scratch, &identity).await? {
        Some(private) => private,
        None => scratch.target.clone(),
    };
    connect::connect_to(cx, target).await
}

/// Statements that bring the tables of a fresh copy to the state of tables in use.
pub(in crate::ops) fn settling(copy: &Connection, facts: &Known) -> Vec<String> {
    let trials = copy.engine().trials();
    let d: Dialect = copy.dialect();
    let named = |t: &Table| match (&t.schema, d) {
        (Some(s), Dialect::Postgres) => format!("{}.{}", ident(d, s), ident(d, &t.name)),
        _ => ident(d, &t.name),
    };
    let bare = |t: &&Table| trials.settles_as_found() && t.statistics.missing == Some(true);
    facts.tables.iter().filter(|t| !bare(t)).flat_map(|t| trials.settle(&named(t))).collect()
}
