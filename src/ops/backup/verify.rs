//! Backups are proven by restoring them into the scratch place and comparing.

use super::files::{MANIFEST, check_artefacts, look_through, read_manifest, short};
use super::{VerifyReport, directory, passed_preflight};
use crate::engine::{Backups, Scratch};
use crate::model::manifest::{LACKS, Manifest};
use crate::model::{Error, Finding, Identity, Kind, Result, Severity};
use crate::ops::record::Draft;
use crate::ops::{Connection, Cx, connect};
use crate::text;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A backup that may be used for this database: its manifest read, its identity and its artefacts checked.
pub(in crate::ops) struct Usable {
    pub dir: PathBuf,
    pub manifest: Manifest,
}

/// Opens the backup in `dir` for the database behind `identity`. Refuses another database's, a changed manifest, damaged files.
pub(in crate::ops) async fn open(cx: &Cx, identity: &Identity, dir: &Path) -> Result<Usable> {
    let (manifest, hash) = read_manifest(dir)?;
    if manifest.identity.subject() != identity.subject() {
        return Err(Error::held(format!(
            "held: the backup in {} is of another database: {} (target {}), not {}",
            text::clean(&dir.to_string_lossy()),
            text::clean(&manifest.identity.subject()),
            text::clean(&manifest.target),
            text::clean(&identity.subject())
        ))
        .hint("Take a backup of this database: holdpoint backup take."));
    }
    let known = cx.store.evidence(Some("backup-taken"))?;
    if let Some(k) = known.iter().find(|k| k.tampered.is_none() && k.evidence.facts.get("dir").is_some_and(|d| Path::new(d) == dir))
        && (k.evidence.facts.get("manifest").is_some_and(|h| *h != hash) || k.evidence.subject.backup != manifest.id)
    {
        return Err(Error::held(format!("held: the manifest of backup {} was changed after the backup was taken", short(&manifest.id)))
            .hint("Take another backup; this one cannot be trusted."));
    }
    check_artefacts(dir, &manifest, &*cx.progress, &cx.cancel).await?;
    Ok(Usable { dir: dir.to_path_buf(), manifest })
}

/// Directory of the newest backup of this very database that is still there; by the store's evidence, else by looking
/// through the target's directory.
pub(in crate::ops) fn newest(cx: &Cx, conn: &Connection, identity: &Identity) -> Result<Option<PathBuf>> {
    let subject = identity.subject();
    for k in cx.store.evidence(Some("backup-taken"))? {
        if k.tampered.is_none()
            && k.evidence.holds
            && k.evidence.subject.database == subject
            && let Some(dir) = k.evidence.facts.get("dir").map(PathBuf::from).filter(|d| d.join(MANIFEST).exists())
        {
            return Ok(Some(dir));
        }
    }
    let found = look_through(&directory(cx, conn))?;
    Ok(found.into_iter().find(|l| l.manifest.as_ref().is_some_and(|m| m.identity.subject() == subject)).map(|l| l.dir))
}

/// The server on which no scratch database may be made, for a target of a production environment or of none.
fn forbidden<'a>(cx: &Cx, conn: &Connection, identity: &'a Identity) -> Option<&'a str> {
    let production = conn.target().environment.as_deref().is_none_or(|e| cx.config.is_production(e));
    production.then_some(identity.server_id.as_str())
}

/// Refuses a scratch server that the record knows as a production server of whichever target: by what the server says of
/// itself, not by its address. (The target's own server is told to the engine, see [`forbidden`].)
async fn not_on_production(cx: &Cx, conn: &Connection) -> Result<()> {
    let Some(place) = &conn.target().scratch_target else { return Ok(()) };
    let there = connect::connect_to(cx, (**place).clone()).await?.reader().await?;
    let id = there.identity();
    let known = cx.store.evidence(None)?;
    let production = known.iter().map(|k| &k.evidence).find(|e| {
        e.environment.as_deref().is_some_and(|env| cx.config.is_production(env))
            && e.subject.database.starts_with(&format!("{}/{}/", id.product, id.server_id))
    });
    match production {
        None => Ok(()),
        Some(e) => Err(Error::held(format!(
            "held: the scratch place {} is on the server of {}, a production target: proofs are never made there",
            text::clean(&place.name),
            text::clean(&e.subject.target)
        ))
        .hint("Name a scratch target on another server.")),
    }
}

/// Restores into the scratch place; the second value is how long that took. The scratch database is the caller's to discard.
pub(in crate::ops) async fn restore(cx: &Cx, conn: &Connection, identity: &Identity, u: &Usable) -> Result<(Scratch, Duration)> {
    let backups = conn.engine().backups().get()?;
    not_on_production(cx, conn).await?;
    let start = Instant::now();
    let scratch = backups.restore(&u.dir, &u.manifest, forbidden(cx, conn, identity), &*cx.progress, &cx.cancel).await?;
    Ok((scratch, start.elapsed()))
}

/// What the backup does not hold, and no copy made from it can show.
pub(in crate::ops) fn lacks_of(conn: &Connection, m: &Manifest) -> Option<Finding> {
    let lacks = m.facts.get(LACKS)?;
    Some(
        Finding::new(
            Severity::Warning,
            "backup-lacks",
            conn.target().name.clone(),
            format!("what the dump does not hold is not compared: {lacks}"),
        )
        .next("Keep a physical backup (mariadb-backup) beside it: what is missing here cannot be had back from this one."),
    )
}

/// Compares a fresh restore with its manifest and records the evidence. A failure to compare leaves the scratch in place.
pub(in crate::ops) async fn compare(
    cx: &Cx,
    conn: &Connection,
    identity: &Identity,
    u: &Usable,
    scratch: &Scratch,
    took: Duration,
) -> Result<VerifyReport> {
    let backups: &dyn Backups = conn.engine().backups().get()?;
    let start = Instant::now();
    let differences = backups.compare(&u.dir, &u.manifest, scratch, &*cx.progress, &cx.cancel).await?;
    let compare = start.elapsed();
    let holds = differences.is_empty();
    let tables = u.manifest.fingerprint.tables.len();
    let rows: u64 = u.manifest.fingerprint.tables.values().map(|t| t.rows).sum();
    let what = match tables {
        0 => "the restored copy, dumped again, is the same".to_string(),
        1 => format!("1 table with {} is the same", text::counted(rows, "row")),
        n => format!("{n} tables with {} are the same", text::counted(rows, "row")),
    };
    // What both the backup and a copy made from it are without shows in no comparison.
    let lacks = u.manifest.facts.get(LACKS);
    let summary = if holds {
        let but = lacks.map_or_else(String::new, |l| format!(", but {l}"));
        format!("backup {} restored in {}; {what}{but}", short(&u.manifest.id), text::duration(took))
    } else {
        let all = differences.schema.len() + differences.data.len();
        let first = differences.schema.iter().chain(&differences.data).next().cloned().unwrap_or_default();
        format!("the restore of backup {} differs in {all} places: {first}", short(&u.manifest.id))
    };
    let mut draft = Draft::new("restore-verified", conn.target(), identity, holds, summary)
        .fact("restore ms", took.as_millis().to_string())
        .fact("compare ms", compare.as_millis().to_string())
        .fact("tables", tables.to_string())
        .fact("rows", rows.to_string())
        .fact("dir", u.dir.to_string_lossy())
        .fact("server major", identity.major.clone());
    draft.subject.backup = u.manifest.id.clone();
    draft.grade = Some(scratch.grade);
    for (i, d) in differences.schema.iter().chain(&differences.data).take(20).enumerate() {
        draft = draft.fact(format!("difference {:02}", i + 1), d.clone());
    }
    if let Some(lacks) = lacks {
        draft = draft.fact(LACKS, lacks.clone());
    }
    let evidence = cx.record(draft)?;
    Ok(VerifyReport {
        dir: u.dir.clone(),
        backup: u.manifest.id.clone(),
        differences,
        restore: took,
        compare,
        findings: lacks_of(conn, &u.manifest).into_iter().collect(),
        evidence,
    })
}

/// Restores a backup into the scratch place and compares; `dir` is the newest one of this database when `None`.
pub async fn verify(cx: &Cx, conn: &Connection, dir: Option<&Path>) -> Result<VerifyReport> {
    cx.store.writable()?;
    let session = conn.reader().await?;
    let identity = session.identity().clone();
    let dir = match dir {
        Some(d) => d.to_path_buf(),
        None => newest(cx, conn, &identity)?.ok_or_else(|| {
            Error::held(format!("held: there is no backup of {}", conn.target().name))
                .hint(format!("holdpoint backup take {}", conn.target().name))
        })?,
    };
    let findings = passed_preflight(cx, conn).await?;
    let (mut report, discarded) = match restore_and_compare(cx, conn, &identity, &dir).await {
        Ok(done) => done,
        Err(e) => {
            note_failed_verification(cx, conn, &identity, &dir, &e)?;
            return Err(e);
        }
    };
    report.findings.extend(findings);
    if let Err(e) = discarded {
        report.findings.push(
            Finding::new(
                Severity::Warning,
                "scratch-left",
                conn.target().name.clone(),
                format!("the scratch database could not be removed: {}", e.message),
            )
            .next("Remove it by hand."),
        );
    }
    Ok(report)
}

/// The second value is how removing the scratch database went.
async fn restore_and_compare(cx: &Cx, conn: &Connection, identity: &Identity, dir: &Path) -> Result<(VerifyReport, Result<()>)> {
    let usable = open(cx, identity, dir).await?;
    let (scratch, took) = restore(cx, conn, identity, &usable).await?;
    let compared = compare(cx, conn, identity, &usable, &scratch, took).await;
    let discarded = conn.engine().backups().get()?.discard(scratch).await;
    Ok((compared?, discarded))
}

/// Records that a verification did not prove anything, unless it was only cancelled or never got to the server.
fn note_failed_verification(cx: &Cx, conn: &Connection, identity: &Identity, dir: &Path, e: &Error) -> Result<()> {
    if e.asks() || matches!(e.kind, Kind::Cancelled | Kind::Connect) {
        return Ok(());
    }
    let mut draft = Draft::new("restore-verified", conn.target(), identity, false, e.message.clone()).fact("dir", dir.to_string_lossy());
    if let Ok((m, _)) = read_manifest(dir) {
        draft.subject.backup = m.id;
    }
    cx.record(draft).map(drop)
}
