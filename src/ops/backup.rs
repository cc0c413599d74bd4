//! Backups: take, verify by restoring and comparing, list.

use super::record::{Draft, travelling_hash};
use super::{Connection, Cx};
use crate::engine::{Backups, Scratch};
use crate::model::evidence::Evidence;
use crate::model::manifest::{Differences, FORMAT, LACKS, Manifest};
use crate::model::{Error, Finding, Identity, Kind, Progress, Result, Severity};
use crate::text;
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Name of the file that says that a backup is complete.
const MANIFEST: &str = "manifest.json";
/// Left in a directory that could not be removed after a failed backup.
const INCOMPLETE: &str = "INCOMPLETE";

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
    let body = serde_json::to_vec_pretty(&manifest).map_err(|e| Error::failed(format!("writing the manifest: {e}")))?;
    let writing = |e| Error::io(format!("writing the manifest in {}", text::clean(&dir.to_string_lossy())), e);
    let fresh = dir.join("manifest.json.new");
    let mut f = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&fresh).map_err(writing)?;
    f.write_all(&body).and_then(|()| f.sync_all()).map_err(writing)?;
    std::fs::rename(&fresh, dir.join(MANIFEST)).map_err(writing)?;
    Ok((manifest, hex::encode(Sha256::digest(&body))))
}

/// Removes what a failed backup left. What cannot be removed is marked; the sentence says so.
fn remove_partial(dir: &Path, why: &Error) -> Option<String> {
    if std::fs::remove_dir_all(dir).is_ok() {
        return None;
    }
    let _ = std::fs::write(dir.join(INCOMPLETE), format!("This backup failed and is not complete: {}\n", why.message));
    Some(format!("{} could not be removed; it is no backup: delete it.", text::clean(&dir.to_string_lossy())))
}

/// Reads a backup's manifest; the second value is the SHA-256 of the file.
pub(in crate::ops) fn read_manifest(dir: &Path) -> Result<(Manifest, String)> {
    let shown = text::clean(&dir.to_string_lossy()).into_owned();
    let body = std::fs::read(dir.join(MANIFEST)).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::failed(format!("{shown} has no {MANIFEST}: the backup was cut off, or it is none"))
            .hint("Take another backup; this one cannot be trusted."),
        _ => Error::io(format!("reading {shown}/{MANIFEST}"), e),
    })?;
    let m: Manifest = serde_json::from_slice(&body).map_err(|e| {
        Error::failed(format!("{shown}/{MANIFEST} cannot be read: {e}")).hint("Take another backup; this one cannot be trusted.")
    })?;
    if m.format != FORMAT {
        return Err(Error::failed(format!("{shown}/{MANIFEST} has format {}, and this Holdpoint knows {FORMAT}", m.format)));
    }
    Ok((m, hex::encode(Sha256::digest(&body))))
}

/// A path of the manifest, inside the directory whatever the manifest says.
fn artefact_path(dir: &Path, path: &str) -> Result<PathBuf> {
    let p = Path::new(path);
    if path.is_empty() || !p.components().all(|c| matches!(c, Component::Normal(_))) {
        return Err(Error::failed(format!("the manifest names `{}`, which is outside the backup's directory", text::clean(path))));
    }
    Ok(dir.join(p))
}

/// Cheap look: every artefact is there and has its size. The sentence says what is not.
pub(in crate::ops) fn check_sizes(dir: &Path, m: &Manifest) -> Result<()> {
    for a in &m.artefacts {
        let path = artefact_path(dir, &a.path)?;
        match std::fs::metadata(&path) {
            Ok(meta) if meta.len() == a.bytes => {}
            Ok(meta) => {
                let how = if meta.len() < a.bytes { "truncated" } else { "longer than it was" };
                return Err(Error::failed(format!(
                    "backup {}: {} is {how}: {} of {} bytes",
                    short(&m.id),
                    text::clean(&a.path),
                    text::thousands(meta.len()),
                    text::thousands(a.bytes)
                ))
                .hint("Take another backup; this one cannot be trusted."));
            }
            Err(e) => {
                return Err(Error::failed(format!("backup {}: {} cannot be read: {e}", short(&m.id), text::clean(&a.path)))
                    .hint("Take another backup; this one cannot be trusted."));
            }
        }
    }
    Ok(())
}

/// Reads every artefact through and compares its hash: a truncated or damaged dump ends here.
pub(in crate::ops) async fn check_artefacts(dir: &Path, m: &Manifest, progress: &dyn Progress, cancel: &CancellationToken) -> Result<()> {
    check_sizes(dir, m)?;
    for (i, a) in m.artefacts.iter().enumerate() {
        progress.update(&format!("reading {}", text::clean(&a.path)), i as u64, Some(m.artefacts.len() as u64));
        let path = artefact_path(dir, &a.path)?;
        let stop = cancel.clone();
        let hash = tokio::task::spawn_blocking(move || hash_file(&path, &stop))
            .await
            .map_err(|e| Error::failed(format!("reading the backup: {e}")))??;
        if hash != a.sha256 {
            return Err(Error::failed(format!(
                "backup {}: {} was changed or damaged since it was written",
                short(&m.id),
                text::clean(&a.path)
            ))
            .hint("Take another backup; this one cannot be trusted."));
        }
    }
    if m.artefacts.is_empty() {
        return Err(Error::failed(format!("backup {} holds no file", short(&m.id))));
    }
    Ok(())
}

fn hash_file(path: &Path, cancel: &CancellationToken) -> Result<String> {
    let reading = |e| Error::io(format!("reading {}", text::clean(&path.to_string_lossy())), e);
    let mut f = std::fs::File::open(path).map_err(reading)?;
    let mut h = Sha256::new();
    let mut buffer = vec![0u8; 1 << 20];
    loop {
        if cancel.is_cancelled() {
            return Err(Error::cancelled());
        }
        match f.read(&mut buffer).map_err(reading)? {
            0 => return Ok(hex::encode(h.finalize())),
            n => h.update(&buffer[..n]),
        }
    }
}

/// A backup's id as people see it.
pub(in crate::ops) fn short(id: &str) -> String {
    format!("0x{}", id.chars().take(8).collect::<String>())
}

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
pub(in crate::ops) fn forbidden<'a>(cx: &Cx, conn: &Connection, identity: &'a Identity) -> Option<&'a str> {
    let production = conn.target().environment.as_deref().is_none_or(|e| cx.config.is_production(e));
    production.then_some(identity.server_id.as_str())
}

/// Refuses a scratch server that the record knows as a production server of whichever target: by what the server says of
/// itself, not by its address. (The target's own server is told to the engine, see [`forbidden`].)
async fn not_on_production(cx: &Cx, conn: &Connection) -> Result<()> {
    let Some(place) = &conn.target().scratch_target else { return Ok(()) };
    let there = super::connect::connect_to(cx, (**place).clone()).await?.reader().await?;
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

/// Restores into the scratch place, and compares when `compare` is set. The scratch database is the caller's to discard.
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
        n => format!("{n} tables with {} rows are the same", text::thousands(rows)),
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
    let usable = match open(cx, &identity, &dir).await {
        Ok(u) => u,
        Err(e) => {
            note_failed_verification(cx, conn, &identity, &dir, &e)?;
            return Err(e);
        }
    };
    let (scratch, took) = match restore(cx, conn, &identity, &usable).await {
        Ok(s) => s,
        Err(e) => {
            note_failed_verification(cx, conn, &identity, &dir, &e)?;
            return Err(e);
        }
    };
    let compared = compare(cx, conn, &identity, &usable, &scratch, took).await;
    let discarded = conn.engine().backups().get()?.discard(scratch).await;
    let mut report = match compared {
        Ok(r) => r,
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

/// The directories below `base`, newest first by their manifests, those without one last.
fn look_through(base: &Path) -> Result<Vec<Listed>> {
    let entries = match std::fs::read_dir(base) {
        Ok(e) => e,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io(format!("reading {}", text::clean(&base.to_string_lossy())), e)),
    };
    let mut all = Vec::new();
    for entry in entries.flatten() {
        let dir = entry.path();
        if !dir.is_dir() {
            continue;
        }
        let (manifest, mut problem) = match read_manifest(&dir) {
            Ok((m, _)) => (Some(m), None),
            Err(e) => (None, Some(e.message)),
        };
        if let Some(m) = &manifest {
            problem = check_sizes(&dir, m).err().map(|e| e.message);
        }
        let bytes = manifest.as_ref().map_or(0, |m| m.artefacts.iter().map(|a| a.bytes).sum());
        all.push(Listed { dir, manifest, problem, bytes, age: None, same_database: None, verified: None });
    }
    all.sort_by(|a, b| {
        let at = |l: &Listed| l.manifest.as_ref().map(|m| m.taken_at.clone());
        at(b).cmp(&at(a)).then_with(|| b.dir.cmp(&a.dir))
    });
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::manifest::{Artefact, FORMAT, Fingerprint};
    use crate::model::{Identity, Silent};

    /// The id that the artefacts' hashes give.
    fn id_of(m: &Manifest) -> String {
        let mut h = Sha256::new();
        for a in &m.artefacts {
            h.update(a.sha256.as_bytes());
        }
        hex::encode(h.finalize())
    }

    fn backup(dir: &Path, content: &[u8]) -> Manifest {
        std::fs::write(dir.join("shop.db"), content).unwrap();
        let sha256 = hex::encode(Sha256::digest(content));
        let mut m = Manifest {
            format: FORMAT,
            id: String::new(),
            target: "prod".into(),
            identity: Identity {
                product: "SQLite".into(),
                version: "3".into(),
                major: "3".into(),
                address: "/x".into(),
                server_id: "1".into(),
                database: "shop".into(),
                database_id: String::new(),
                user: String::new(),
                pooler: None,
                unverified: None,
            },
            taken_at: "2026-11-21T00:00:00Z".into(),
            taken_by: "mira".into(),
            tool: "VACUUM INTO".into(),
            artefacts: vec![Artefact { path: "shop.db".into(), bytes: content.len() as u64, sha256 }],
            fingerprint: Fingerprint::default(),
            took_ms: 1,
            facts: Default::default(),
        };
        m.id = id_of(&m);
        std::fs::write(dir.join(MANIFEST), serde_json::to_vec(&m).unwrap()).unwrap();
        m
    }

    #[tokio::test]
    async fn truncated_and_damaged_artefacts_are_refused() {
        let d = tempfile::tempdir().unwrap();
        let m = backup(d.path(), b"0123456789");
        let stop = CancellationToken::new();
        check_artefacts(d.path(), &m, &Silent, &stop).await.unwrap();
        std::fs::write(d.path().join("shop.db"), b"01234x6789").unwrap();
        let e = check_artefacts(d.path(), &m, &Silent, &stop).await.unwrap_err();
        assert!(e.message.contains("changed or damaged"), "{e}");
        std::fs::write(d.path().join("shop.db"), b"0123").unwrap();
        let e = check_artefacts(d.path(), &m, &Silent, &stop).await.unwrap_err();
        assert!(e.message.contains("truncated: 4 of 10 bytes"), "{e}");
        std::fs::remove_file(d.path().join("shop.db")).unwrap();
        assert!(check_artefacts(d.path(), &m, &Silent, &stop).await.is_err());
    }

    #[test]
    fn a_manifest_cannot_lead_out_of_its_directory() {
        for bad in ["../x", "/etc/passwd", "", "a/../../x"] {
            assert!(artefact_path(Path::new("/b"), bad).is_err(), "{bad}");
        }
        assert!(artefact_path(Path::new("/b"), "dump/1.dat").is_ok());
    }

    #[test]
    fn directories_without_a_manifest_are_listed_as_no_backups() {
        let d = tempfile::tempdir().unwrap();
        std::fs::create_dir(d.path().join("cut")).unwrap();
        let good = d.path().join("good");
        std::fs::create_dir(&good).unwrap();
        backup(&good, b"x");
        let all = look_through(d.path()).unwrap();
        assert_eq!(all.len(), 2);
        assert!(all[0].manifest.is_some() && all[0].problem.is_none());
        assert!(all[1].problem.as_ref().unwrap().contains("no manifest.json"));
    }
}
