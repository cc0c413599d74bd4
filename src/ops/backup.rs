//! Backups: take, verify by restoring and comparing, list.

mod files;
mod verify;

pub(in crate::ops) use files::{check_artefacts, check_sizes, read_manifest, short};
pub use verify::verify;
pub(in crate::ops) use verify::{Usable, compare, lacks_of, newest, open, restore};

use super::record::{Draft, travelling_hash};
use super::{Connection, Cx};
use crate::model::evidence::Evidence;
use crate::model::manifest::{Differences, Manifest};
use crate::model::{Error, Finding, Identity, Kind, Result, Severity};
use crate::text;
use files::{look_through, remove_partial, write_manifest};
use jiff::Timestamp;
use serde_json::json;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A backup directory as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub dir: PathBuf,
    /// `None` when the manifest is missing or unreadable: `problem` says what.
    pub manifest: Option<Manifest>,
    pub problem: Option<String>,
    /// Bytes of all artefacts.
    pub bytes: u64,
    /// Age in seconds at the time of listing.
    pub age: Option<i64>,
    /// Of this very database (by identity), not merely of this target's name; `None` when there was no looking.
    pub same_database: Option<bool>,
    /// When a restore of it was last verified (RFC 3339) and how long that took.
    pub verified: Option<(String, Duration)>,
}

/// What taking a backup gave.
#[derive(Debug, Clone)]
pub struct TakeReport {
    pub dir: PathBuf,
    pub manifest: Manifest,
    pub findings: Vec<Finding>,
    pub evidence: Evidence,
}

/// What verifying a backup gave.
#[derive(Debug, Clone)]
pub struct VerifyReport {
    pub dir: PathBuf,
    pub backup: String,
    pub differences: Differences,
    /// Time from the start of the restore to a usable database.
    pub restore: Duration,
    pub compare: Duration,
    pub findings: Vec<Finding>,
    /// `holds` is false when there were differences.
    pub evidence: Evidence,
}

/// Where the target's backups are kept.
pub fn directory(cx: &Cx, conn: &Connection) -> PathBuf {
    let t = conn.target();
    t.backups.clone().unwrap_or_else(|| cx.config.state_dir.join("backups").join(safe_name(&t.name)))
}

/// A target's name as part of a file name.
fn safe_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' }).collect()
}

/// What would stop a backup, a restore or a proof here: missing tools, no space, no scratch place.
pub async fn preflight(_cx: &Cx, conn: &Connection) -> Result<Vec<Finding>> {
    let session = conn.reader().await?;
    Ok(conn.engine().backups().get()?.preflight(session.identity()).await)
}

async fn passed_preflight(cx: &Cx, conn: &Connection) -> Result<Vec<Finding>> {
    let findings = preflight(cx, conn).await?;
    let critical: Vec<&Finding> = findings.iter().filter(|f| f.severity == Severity::Critical).collect();
    if critical.is_empty() {
        return Ok(findings);
    }
    let mut e = Error::failed(format!("no backup of {} can be taken or restored here: {}", conn.target().name, critical[0].message));
    if critical.len() > 1 {
        e.detail = Some(critical[1..].iter().map(|f| f.message.clone()).collect::<Vec<_>>().join("\n"));
    }
    e.hints = critical.iter().map(|f| f.next.clone()).filter(|n| !n.is_empty()).collect();
    Err(e)
}

/// Takes a backup into `<backups>/<utc stamp>-<target>/`.
pub async fn take(cx: &Cx, conn: &Connection) -> Result<TakeReport> {
    cx.store.writable()?;
    let findings = passed_preflight(cx, conn).await?;
    let session = conn.reader().await?;
    let target = conn.target();
    let dir = fresh_directory(cx, conn)?;
    cx.journal(
        "backup-begin",
        &target.name,
        json!({ "summary": format!("backup of {} begun", target.name), "dir": dir.to_string_lossy() }),
    )?;
    let taken = take_into(cx, conn, session.identity(), &dir).await;
    let (manifest, manifest_hash) = match taken {
        Ok(m) => m,
        Err(e) => {
            let left = remove_partial(&dir, &e);
            let summary = format!("backup of {} failed: {}{}", target.name, e.message, left.as_deref().unwrap_or_default());
            // The backup's own error is what matters; a store that fails too is seen at the next step.
            let _ = cx.journal("backup-failed", &target.name, json!({ "summary": summary, "dir": dir.to_string_lossy() }));
            return Err(match left {
                Some(left) => e.hint(left),
                None => e,
            });
        }
    };
    let bytes: u64 = manifest.artefacts.iter().map(|a| a.bytes).sum();
    let mut draft = Draft::new(
        "backup-taken",
        target,
        session.identity(),
        true,
        format!("{} by {} in {}", text::bytes(bytes), manifest.tool, text::duration(Duration::from_millis(manifest.took_ms))),
    )
    .fact("dir", dir.to_string_lossy())
    .fact("bytes", bytes.to_string())
    .fact("tool", manifest.tool.clone())
    .fact("took ms", manifest.took_ms.to_string())
    .fact("manifest", manifest_hash)
    .fact("server major", manifest.identity.major.clone());
    draft.subject.backup = manifest.id.clone();
    // What the backup holds; where the manifest has no catalogue (the engine proves its restores otherwise), what is live.
    let catalog = conn.catalog()?;
    draft.subject.schema = match manifest.fingerprint.objects.as_slice() {
        [] => travelling_hash(catalog, &catalog.objects(&session).await?),
        objects => travelling_hash(catalog, objects),
    };
    let evidence = cx.record(draft)?;
    Ok(TakeReport { dir, manifest, findings, evidence })
}

/// Makes the backup's own directory, 0700, under the target's.
fn fresh_directory(cx: &Cx, conn: &Connection) -> Result<PathBuf> {
    let base = directory(cx, conn);
    let making = |p: &Path, e: std::io::Error| {
        Error::io(format!("making {}", text::clean(&p.to_string_lossy())), e)
            .hint("Set `backups` of the target to a directory that can be written.")
    };
    DirBuilder::new().recursive(true).mode(0o700).create(&base).map_err(|e| making(&base, e))?;
    let stamp = cx.clock.now().strftime("%Y%m%dT%H%M%SZ").to_string();
    for n in 0..100 {
        let again = if n == 0 { String::new() } else { format!("-{n}") };
        let dir = base.join(format!("{stamp}-{}{again}", safe_name(&conn.target().name)));
        match DirBuilder::new().mode(0o700).create(&dir) {
            Ok(()) => return Ok(dir),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(making(&dir, e)),
        }
    }
    Err(Error::failed(format!("a hundred backups of {} in one second", conn.target().name)))
}

async fn take_into(cx: &Cx, conn: &Connection, identity: &Identity, dir: &Path) -> Result<(Manifest, String)> {
    let manifest = conn.engine().backups().get()?.take(dir, &cx.operator, &*cx.progress, &cx.cancel).await?;
    cx.check_cancelled()?;
    if manifest.identity.subject() != identity.subject() {
        return Err(Error::failed(format!(
            "the backup is of {} and not of {}: the target's address leads to two databases",
            text::clean(&manifest.identity.subject()),
            text::clean(&identity.subject())
        )));
    }
    let hash = write_manifest(dir, &manifest)?;
    Ok((manifest, hash))
}

/// All backups of the target's directory, newest first. Reads manifests only.
pub async fn list(cx: &Cx, conn: &Connection) -> Result<Vec<Listed>> {
    let subject = match conn.reader().await {
        Ok(s) => Some(s.identity().subject()),
        // The files can be listed without the database.
        Err(e) if e.kind == Kind::Connect => None,
        Err(e) => return Err(e),
    };
    let mut all = look_through(&directory(cx, conn))?;
    let verified = cx.store.evidence(Some("restore-verified")).unwrap_or_default();
    let now = cx.clock.now();
    for l in &mut all {
        let Some(m) = &l.manifest else { continue };
        l.age = m.taken_at.parse::<Timestamp>().ok().map(|t| now.as_second() - t.as_second());
        l.same_database = subject.as_ref().map(|s| *s == m.identity.subject());
        l.verified = verified.iter().find(|v| v.tampered.is_none() && v.evidence.holds && v.evidence.subject.backup == m.id).map(|v| {
            let ms = v.evidence.facts.get("restore ms").and_then(|t| t.parse().ok()).unwrap_or(0);
            (v.evidence.at.clone(), Duration::from_millis(ms))
        });
    }
    Ok(all)
}
