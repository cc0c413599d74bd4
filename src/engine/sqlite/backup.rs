//! Backups: a copy by `VACUUM INTO`, read through, restored by copying it into a scratch directory, compared by content.

use super::Sqlite;
use super::open;
use crate::config::{AccessMode, EngineKind, Target};
use crate::engine::fingerprint;
use crate::engine::{Access, Backups, Connect, Engine, Role, Scratch, Session};
use crate::model::evidence::Grade;
use crate::model::manifest::{Artefact, Differences, Fingerprint, Manifest};
use crate::model::{Error, Finding, Identity, Kind, Progress, Result};
use copying::{Copied, on_thread};
use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

pub(super) mod copying;
mod preflight;

/// The copy's name in a backup directory.
const COPY: &str = "database.sqlite";
/// Stands in every scratch directory that we made: without it nothing is ever removed.
pub(super) const MARKER: &str = ".holdpoint-scratch";
/// Times that the copy is taken again because somebody wrote meanwhile.
const ATTEMPTS: u32 = 3;

impl Sqlite {
    /// A read-only session on a file that is a copy of the target's.
    async fn copy_session(&self, path: &Path) -> Result<Session> {
        let target = Target { path: Some(path.to_path_buf()), ..Target::bare(self.target.name.clone(), EngineKind::Sqlite) };
        Sqlite::new(target).connect(Connect::new(Role::Migration, Access::ReadOnly)).await
    }

    /// Reads a copy through: pages and indexes by `integrity_check`, content by the fingerprint.
    async fn read_through(&self, path: &Path, progress: &dyn Progress, cancel: &CancellationToken) -> Result<(Vec<String>, Fingerprint)> {
        let s = self.copy_session(path).await?;
        progress.update("checking the copy's pages", 0, None);
        let check = tokio::select! {
            check = s.fetch("PRAGMA integrity_check(20)") => check?,
            // Leaving drops the stream, which interrupts the statement.
            () = cancel.cancelled() => return Err(Error::cancelled()),
        };
        let problems: Vec<String> = check.rows.into_iter().flatten().flatten().filter(|line| line != "ok").collect();
        let print = tokio::select! {
            print = fingerprint::take(self, &s, progress, cancel) => print?,
            () = cancel.cancelled() => return Err(Error::cancelled()),
        };
        s.close().await;
        Ok((problems, print))
    }

    async fn take_backup(&self, dir: &Path, by: &str, progress: &dyn Progress, cancel: &CancellationToken) -> Result<Manifest> {
        let start = Instant::now();
        let source = open::path_of(&self.target)?;
        let identity = open::identify(&source)?;
        let copy = dir.join(COPY);
        // What is removed after a failure below must be of our own making.
        if copy.exists() {
            return Err(Error::failed(format!("{} holds a backup already", dir.display())));
        }
        let mut attempt = 0;
        let copied = loop {
            attempt += 1;
            match copying::vacuum_into(&source, &copy, progress, cancel).await? {
                Copied::Still(facts) => break facts,
                Copied::Moved if attempt < ATTEMPTS => {
                    progress.update("somebody wrote meanwhile: copying again", attempt.into(), Some(ATTEMPTS.into()))
                }
                Copied::Moved => {
                    copying::remove(&copy);
                    return Err(Error::failed(format!("{} was written to during each of {ATTEMPTS} copies", source.display()))
                        .hint("Take the backup when fewer programs write, or stop them for its time."));
                }
            }
        };
        let done = async {
            let (problems, print) = self.read_through(&copy, progress, cancel).await.map_err(|e| e.context("reading the copy through"))?;
            if let Some(first) = problems.first() {
                return Err(Error::failed(format!("the copy of {} is damaged: {first}", source.display()))
                    .detail(problems.join("\n"))
                    .hint("The source is damaged too, most likely: `PRAGMA integrity_check` on it says."));
            }
            progress.update("hashing the copy", 0, None);
            let (path, stop) = (copy.clone(), cancel.clone());
            let (bytes, sha256) = on_thread(move || copying::hash_file(&path, &stop)).await?;
            Ok((print, Artefact { path: COPY.into(), bytes, sha256 }))
        };
        let (print, artefact) = done.await.inspect_err(|_| copying::remove(&copy))?;
        let mut id = Sha256::new();
        id.update(artefact.sha256.as_bytes());
        let mut facts: BTreeMap<String, String> = copied;
        facts.insert("copies".into(), attempt.to_string());
        Ok(Manifest {
            format: crate::model::manifest::FORMAT,
            id: hex::encode(id.finalize()),
            target: self.target.name.clone(),
            identity,
            taken_at: jiff::Timestamp::now().to_string(),
            taken_by: by.to_string(),
            tool: format!("VACUUM INTO, SQLite {}", rusqlite::version()),
            artefacts: vec![artefact],
            fingerprint: print,
            took_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            facts,
        })
    }

    async fn restore_backup(
        &self,
        dir: &Path,
        manifest: &Manifest,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Scratch> {
        let [artefact] = manifest.artefacts.as_slice() else {
            return Err(Error::failed(format!(
                "the manifest in {} names {} files, and a SQLite backup is one",
                dir.display(),
                manifest.artefacts.len()
            )));
        };
        if manifest.identity.product != self.product() || artefact.path != COPY {
            return Err(Error::failed(format!("the backup in {} is of {}, not of SQLite", dir.display(), manifest.identity.product)));
        }
        // A source that is gone cannot be compared; its backup may be looked at all the same.
        if let Ok(now) = open::path_of(&self.target).and_then(|p| open::identify(&p))
            && now.subject() != manifest.identity.subject()
        {
            return Err(Error::failed(format!(
                "the backup in {} is of {}, not of {}",
                dir.display(),
                manifest.identity.address,
                now.address
            ))
            .hint("A database file that was replaced since counts as another one: take a new backup of it."));
        }
        let place = self.make_scratch(manifest)?;
        let file = place.join(Path::new(&manifest.identity.database).file_name().unwrap_or("database.sqlite".as_ref()));
        let (from, to, expected, stop) = (dir.join(&artefact.path), file.clone(), artefact.clone(), cancel.clone());
        progress.update("restoring the copy", 0, Some(artefact.bytes));
        if let Err(e) = on_thread(move || copying::copy_checked(&from, &to, &expected, &stop)).await {
            let _ = std::fs::remove_dir_all(&place);
            return Err(e);
        }
        progress.update("restoring the copy", artefact.bytes, Some(artefact.bytes));
        let target = Target {
            path: Some(file),
            access: AccessMode::Open,
            history: false,
            ..Target::bare(format!("{}-scratch", self.target.name), EngineKind::Sqlite)
        };
        Ok(Scratch { target, grade: Grade::Full })
    }

    /// A fresh directory of ours, 0700, in the configured scratch directory.
    fn make_scratch(&self, manifest: &Manifest) -> Result<PathBuf> {
        let root = self.scratch_root()?;
        std::fs::create_dir_all(&root).map_err(|e| Error::io(format!("making the scratch directory {}", root.display()), e))?;
        let failed = |e| Error::io(format!("making a place for the restore in {}", root.display()), e);
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        let place = tempfile::Builder::new().prefix("holdpoint-scratch-").permissions(private).tempdir_in(&root).map_err(failed)?;
        std::fs::write(place.path().join(MARKER), format!("{}\n", manifest.id)).map_err(failed)?;
        Ok(place.keep())
    }

    fn scratch_root(&self) -> Result<PathBuf> {
        let name = self.target.scratch.as_deref().filter(|s| !s.is_empty()).ok_or_else(|| {
            Error::usage(format!("target {} has no scratch place", self.target.name))
                .hint(format!("Set `scratch` of {} to a directory with room for a copy of the database.", self.target.name))
        })?;
        std::path::absolute(name).map_err(|e| Error::io(format!("finding the scratch directory {name}"), e))
    }

    async fn compare_restore(
        &self,
        manifest: &Manifest,
        scratch: &Scratch,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Differences> {
        if manifest.fingerprint.objects.is_empty() {
            // Even an empty database has its settings in the catalogue.
            return Err(Error::new(Kind::Unknown, "the manifest holds no fingerprint, so there is nothing to compare with"));
        }
        let file = open::path_of(&scratch.target)?;
        let (problems, print) = self.read_through(&file, progress, cancel).await.map_err(|e| e.context("reading the restored copy"))?;
        let mut differences = fingerprint::compare(&manifest.fingerprint, &print);
        differences.data.extend(problems.into_iter().map(|p| format!("integrity_check: {p}")));
        Ok(differences)
    }
}

impl Backups for Sqlite {
    fn preflight<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            let (target, identity, scratch) = (self.target.clone(), identity.clone(), self.scratch_root());
            on_thread(move || Ok(preflight::findings(&target, &identity, scratch))).await.unwrap_or_default()
        })
    }
    fn take<'a>(
        &'a self,
        dir: &'a Path,
        by: &'a str,
        progress: &'a dyn Progress,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Manifest>> {
        Box::pin(self.take_backup(dir, by, progress, cancel))
    }
    fn restore<'a>(
        &'a self,
        dir: &'a Path,
        manifest: &'a Manifest,
        // A restore is a file of its own: there is no server that it could share with a production database.
        _forbidden_server: Option<&'a str>,
        progress: &'a dyn Progress,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Scratch>> {
        Box::pin(self.restore_backup(dir, manifest, progress, cancel))
    }
    fn compare<'a>(
        &'a self,
        _dir: &'a Path,
        manifest: &'a Manifest,
        scratch: &'a Scratch,
        progress: &'a dyn Progress,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Differences>> {
        Box::pin(self.compare_restore(manifest, scratch, progress, cancel))
    }
    fn discard<'a>(&'a self, scratch: Scratch) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let file = open::path_of(&scratch.target)?;
            let place = file.parent().unwrap_or(&file).to_path_buf();
            if !place.join(MARKER).is_file() {
                return Err(Error::failed(format!("{} was not made by Holdpoint and is left alone", place.display())));
            }
            on_thread(move || std::fs::remove_dir_all(&place).map_err(|e| Error::io(format!("removing {}", place.display()), e))).await
        })
    }
}
