//! A backup's directory: its manifest and its artefacts, whether they are there, whole and unchanged.

use super::Listed;
use crate::model::manifest::{FORMAT, Manifest};
use crate::model::{Error, Progress, Result};
use crate::text;
use sha2::{Digest, Sha256};
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Name of the file that says that a backup is complete.
pub(super) const MANIFEST: &str = "manifest.json";
/// Left in a directory that could not be removed after a failed backup.
const INCOMPLETE: &str = "INCOMPLETE";

/// Writes the manifest, by which the backup is complete; gives the file's SHA-256.
pub(super) fn write_manifest(dir: &Path, m: &Manifest) -> Result<String> {
    let body = serde_json::to_vec_pretty(m).map_err(|e| Error::failed(format!("writing the manifest: {e}")))?;
    let writing = |e| Error::io(format!("writing the manifest in {}", text::clean(&dir.to_string_lossy())), e);
    let fresh = dir.join("manifest.json.new");
    let mut f = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&fresh).map_err(writing)?;
    f.write_all(&body).and_then(|()| f.sync_all()).map_err(writing)?;
    std::fs::rename(&fresh, dir.join(MANIFEST)).map_err(writing)?;
    Ok(hex::encode(Sha256::digest(&body)))
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

/// Removes what a failed backup left. What cannot be removed is marked; the sentence says so.
pub(super) fn remove_partial(dir: &Path, why: &Error) -> Option<String> {
    if std::fs::remove_dir_all(dir).is_ok() {
        return None;
    }
    let _ = std::fs::write(dir.join(INCOMPLETE), format!("This backup failed and is not complete: {}\n", why.message));
    Some(format!("{} could not be removed; it is no backup: delete it.", text::clean(&dir.to_string_lossy())))
}

/// The directories below `base`, newest first by their manifests, those without one last.
pub(super) fn look_through(base: &Path) -> Result<Vec<Listed>> {
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
