//! The files of a database and the file system that they lie on.

use super::{beside, holders, library};
use crate::engine::assessing::{bytes, judge_disks};
use crate::model::assessment::{Check, Limits, Seen};
use crate::model::{Finding, Severity};
use crate::text;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What a rollback journal begins with while it is in use (fileformat2.html §3); a finished one is gone, empty or zeroed.
const JOURNAL: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// A journal that holds what a transaction has to take back.
fn unfinished(journal: &Path) -> bool {
    let mut head = [0u8; 8];
    std::fs::File::open(journal).and_then(|mut f| f.read_exact(&mut head)).is_ok() && head == JOURNAL
}

pub(super) fn look(path: &Path, check: &Check) -> Seen {
    let mut seen = Seen::of(check);
    let Ok(meta) = std::fs::metadata(path) else {
        return Seen::blind(check, format!("{} cannot be looked at", path.display()), "the permission to reach it");
    };
    let mut told = vec![format!("{} (mode {:03o})", bytes(meta.len() as f64), meta.mode() & 0o777)];
    seen = seen.figure("bytes", meta.len() as f64);
    for suffix in ["-wal", "-journal"] {
        if let Ok(m) = std::fs::metadata(beside(path, suffix)) {
            told.push(format!("{suffix} {}", bytes(m.len() as f64)));
        }
    }
    let name = path.display().to_string();
    if meta.len() == 0 {
        seen.find(Finding::new(Severity::Warning, check.id, &name, "the file is empty: no table is in it").next(
            "Look whether the path is right; a program that finds no file makes an empty one. If it was not empty, restore a backup.",
        ));
    }
    // What a log still holds is counted in the header, and not yet in the file.
    let log = std::fs::metadata(beside(path, "-wal")).map_or(0, |m| m.len());
    let should = library::header(path).and_then(|h| h.length).filter(|n| log == 0 && *n > meta.len());
    if let Some(should) = should {
        let words = format!(
            "the file is cut off: its header counts {} bytes, and {} are there",
            text::thousands(should),
            text::thousands(meta.len())
        );
        seen.find(Finding::new(Severity::Critical, check.id, &name, words).next(
            "It was copied while it was written, or the copy was cut off: the original may be sound. Take that or a backup; `holdpoint backup` copies in one piece.",
        ));
    }
    let journal = beside(path, "-journal");
    let writes = holders::locks(path).is_some_and(|l| l.iter().any(|(_, h)| *h == holders::Hold::Writes));
    if unfinished(&journal) && !writes {
        seen.find(
            Finding::new(
                Severity::Warning,
                check.id,
                journal.display().to_string(),
                "a journal was left behind by a program that ended in the middle of writing: the file alone is not sound",
            )
            .next("Leave it there: the next program that may write rolls it back by itself. Never delete it, and copy it with the file."),
        );
    }
    if meta.mode() & 0o002 != 0 {
        seen.find(
            Finding::new(Severity::Warning, check.id, &name, "everybody on this machine may write the file")
                .next("chmod o-w it; programs that share it get a group of their own."),
        );
    }
    let wal = beside(path, "-wal");
    if let (Ok(w), Some(dir)) = (std::fs::metadata(&wal), path.parent())
        && (w.uid(), w.gid()) != (meta.uid(), meta.gid())
        && std::fs::metadata(dir).is_ok()
    {
        seen.find(
            Finding::new(
                Severity::Warning,
                check.id,
                wal.display().to_string(),
                "the log belongs to another user than the file: a program of the other user fails",
            )
            .next("Find out who made it (root, in a shell?), and give it the file's owner while no program has it open."),
        );
    }
    match holders::open(path) {
        None => {}
        Some(open) => {
            for (pid, deleted) in open.deleted.iter().take(3) {
                seen.find(
                    Finding::new(
                        Severity::Critical,
                        check.id,
                        deleted,
                        format!(
                            "process {} still works on {}, which was deleted or replaced under it: what it writes is lost",
                            holders::named(*pid),
                            text::clean(deleted)
                        ),
                    )
                    .next(format!("Copy it out first (/proc/{pid}/fd), then let the program open the file again.")),
                );
            }
            let who: Vec<String> = open.pids.iter().take(3).map(|p| holders::named(*p)).collect();
            if !who.is_empty() {
                told.push(format!("open in {}{}", who.join(", "), if open.pids.len() > 3 { " …" } else { "" }));
            }
            seen = seen.figure("processes", open.pids.len() as f64);
        }
    }
    seen.says(told.join(", "))
}

/// File systems on which locks and shared memory do not reach other machines, by the number in `statfs` (`linux/magic.h`).
#[cfg(target_os = "linux")]
fn network(path: &Path) -> Option<&'static str> {
    let kind = rustix::fs::statfs(path).ok()?.f_type as u64 & 0xffff_ffff;
    Some(match kind {
        0x6969 => "NFS",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x00c3_6400 => "CephFS",
        0x0102_1997 => "9p",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        _ => return None,
    })
}

#[cfg(not(target_os = "linux"))]
fn network(_path: &Path) -> Option<&'static str> {
    None
}

pub(super) fn disk(path: &Path, wal: bool, check: &Check, limits: &Limits) -> Seen {
    let dir = path.parent().unwrap_or(path).display().to_string();
    let next =
        "Make room beside the database: old copies and logs. Never delete -wal or -journal: they hold committed data or the way back.";
    let mut seen = judge_disks(&[("the database", dir)], check, limits, next)
        .unwrap_or_else(|| Seen::blind(check, "its file system cannot be looked at", "the permission to reach it"));
    if let Some(kind) = network(path) {
        seen.says.push_str(&format!(", on {kind}"));
        let (severity, told) = if wal {
            (Severity::Critical, format!("the file is in WAL mode on a network file system ({kind}): programs on two machines damage it"))
        } else {
            (Severity::Warning, format!("the file lies on a network file system ({kind}), whose locks often do not hold"))
        };
        seen.find(
            Finding::new(severity, check.id, path.display().to_string(), told)
                .next("Let one machine alone open it, or move it to a local disk and share it through a program."),
        );
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_in_use_is_told_from_a_finished_one() {
        let dir = tempfile::tempdir().unwrap();
        let journal = dir.path().join("x-journal");
        assert!(!unfinished(&journal));
        std::fs::write(&journal, [0u8; 512]).unwrap();
        assert!(!unfinished(&journal), "journal_mode=PERSIST leaves zeros");
        std::fs::write(&journal, JOURNAL).unwrap();
        assert!(unfinished(&journal));
    }
}
