//! What would stop a backup or a restore, found before anything starts.

use super::super::open;
use super::super::space;
use crate::config::Target;
use crate::model::{Finding, Identity, Result, Severity};
use crate::text;
use std::path::{Path, PathBuf};

/// All findings; `critical` blocks.
pub fn findings(target: &Target, identity: &Identity, scratch: Result<PathBuf>) -> Vec<Finding> {
    let mut out = Vec::new();
    let Some(size) = source(target, identity, &mut out) else { return out };
    match &target.backups {
        Some(dir) => room(dir, size, "backup-space", "the copy", Severity::Critical, &mut out),
        None => out.push(Finding::new(
            Severity::Unknown,
            "backup-space",
            &target.name,
            "the room for backups was not looked at: the target names no directory for them",
        )),
    }
    match scratch {
        Err(e) => {
            let f = Finding::new(Severity::Warning, "scratch-missing", &target.name, e.message);
            out.push(f.next(e.hints.first().cloned().unwrap_or_default()));
        }
        Ok(root) => {
            let before = out.len();
            writable(&root, &mut out);
            if out.len() == before {
                room(&root, size, "scratch-space", "a restored copy", Severity::Critical, &mut out);
            }
        }
    }
    out
}

/// Size of the source in bytes, when it can be read.
fn source(target: &Target, identity: &Identity, out: &mut Vec<Finding>) -> Option<u64> {
    let found = open::path_of(target).and_then(|p| open::identify(&p).map(|i| (p, i)));
    let (path, now) = match found {
        Ok(found) => found,
        Err(e) => {
            out.push(
                Finding::new(Severity::Critical, "backup-source", &target.name, e.message)
                    .next(e.hints.first().cloned().unwrap_or_default()),
            );
            return None;
        }
    };
    if now.subject() != identity.subject() {
        let f = Finding::new(
            Severity::Critical,
            "backup-source",
            path.display().to_string(),
            "the file was replaced since this session opened it",
        );
        out.push(f.next("Reconnect, and look at what is in it now."));
        return None;
    }
    // Committed rows may still stand in the WAL only.
    let wal = path.with_file_name(format!("{}-wal", now.database));
    let size = [&path, &wal].iter().filter_map(|p| std::fs::metadata(p).ok()).map(|m| m.len()).sum();
    out.push(Finding::new(Severity::Ok, "backup-source", path.display().to_string(), format!("readable, {}", text::bytes(size))));
    Some(size)
}

fn writable(root: &Path, out: &mut Vec<Finding>) {
    let tried = std::fs::create_dir_all(root).and_then(|()| tempfile::tempdir_in(root));
    if let Err(e) = tried {
        let f = Finding::new(
            Severity::Critical,
            "scratch-writable",
            root.display().to_string(),
            format!("nothing can be made in the scratch directory: {e}"),
        );
        out.push(f.next("Give this user write permission there, or name another directory as `scratch`."));
    }
}

fn room(dir: &Path, needed: u64, check: &str, what: &str, short: Severity, out: &mut Vec<Finding>) {
    let object = dir.display().to_string();
    out.push(match space::free(dir) {
        None => Finding::new(Severity::Unknown, check, object, "the free space could not be read"),
        Some(free) if free < needed => {
            let message = format!("{} free, and {what} takes up to {}", text::bytes(free), text::bytes(needed));
            Finding::new(short, check, object, message).next("Free some space there, or name another directory.")
        }
        Some(free) => Finding::new(Severity::Ok, check, object, format!("{} free for {}", text::bytes(free), text::bytes(needed))),
    });
}
