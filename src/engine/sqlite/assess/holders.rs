//! Who has the file open, and who has which of its locks, by Linux's lists.
//!
//! Places of the locks: `os_unix.c` (PENDING_BYTE 0x40000000, RESERVED behind it, 510 bytes SHARED) for a rollback journal, and in WAL mode
//! in the `-shm` file from byte 120 on (writer, checkpointer, recovery, five read marks; `wal.c`).

use super::beside;
use crate::model::assessment::{Check, Limits, Sample, Seen};
use crate::model::{Finding, Severity};
use crate::text;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const PENDING: u64 = 0x4000_0000;
const WAL_WRITER: u64 = 120;
/// The first mark is of readers that began when the log was empty: they read the file alone, and a checkpoint must not write into it.
const READ_MARKS: std::ops::RangeInclusive<u64> = 123..=127;

/// What a lock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine::sqlite) enum Hold {
    /// It writes, or is about to.
    Writes,
    /// It reads what a checkpoint would have to overwrite.
    Reads,
}

/// A line of `/proc/locks` that is about one of the two files: `1: POSIX  ADVISORY  WRITE 4711 fd:01:1234 1073741825 1073741825`.
fn hold(line: &str, database: u64, shm: Option<u64>) -> Option<(u32, Hold)> {
    let mut fields = line.split_whitespace().skip(1);
    let mut kind = fields.next()?;
    // A lock that is only waited for.
    if kind == "->" {
        return None;
    }
    if kind == "POSIX" || kind == "OFDLCK" {
        kind = "POSIX";
    }
    let (_advice, mode) = (fields.next()?, fields.next()?);
    let pid = fields.next()?.parse::<u32>().ok()?;
    let inode: u64 = fields.next()?.rsplit(':').next()?.parse().ok()?;
    let start: u64 = fields.next()?.parse().ok()?;
    let end: u64 = fields.next().map_or(start, |e| e.parse().unwrap_or(u64::MAX));
    if kind != "POSIX" {
        return None;
    }
    let what = match mode {
        "WRITE" if inode == database && end >= PENDING => Hold::Writes,
        // In WAL mode every open connection has it, whether it reads or not.
        "READ" if inode == database && end > PENDING && shm.is_none() => Hold::Reads,
        "WRITE" if shm == Some(inode) && (start..=end).contains(&WAL_WRITER) => Hold::Writes,
        "READ" if shm == Some(inode) && READ_MARKS.clone().any(|m| (start..=end).contains(&m)) => Hold::Reads,
        _ => return None,
    };
    Some((pid, what))
}

fn inode(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|m| m.ino())
}

/// Locks on the file that others have now; `None` where they cannot be seen. A reader of a rollback journal and one of the log are the
/// same here: both keep a writer from finishing.
pub(in crate::engine::sqlite) fn locks(path: &Path) -> Option<BTreeSet<(u32, Hold)>> {
    let list = std::fs::read_to_string("/proc/locks").ok()?;
    let (database, shm) = (inode(path)?, inode(&beside(path, "-shm")));
    // Our own session reads, too.
    let own = std::process::id();
    Some(list.lines().filter_map(|l| hold(l, database, shm)).filter(|(pid, _)| *pid != own).collect())
}

/// `4711 (backup.py)`.
pub(in crate::engine::sqlite) fn named(pid: u32) -> String {
    match std::fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("{pid} ({})", text::clean(name.trim())),
        Err(_) => pid.to_string(),
    }
}

/// Processes that have the file open.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub pids: Vec<u32>,
    /// Those that have one of the files open that was deleted since, with its name: what they write is lost.
    pub deleted: Vec<(u32, String)>,
    /// Processes whose files may not be looked at.
    pub unseen: usize,
}

/// Who has the file open; `None` where there is no such list.
pub(super) fn open(path: &Path) -> Option<Open> {
    let own = std::process::id();
    let names: Vec<String> =
        ["", "-wal", "-shm", "-journal"].iter().map(|suffix| beside(path, suffix).to_string_lossy().into_owned()).collect();
    let mut out = Open::default();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()).filter(|p| *p != own) else { continue };
        let Ok(fds) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
            // One that has just ended is no secret.
            out.unseen += usize::from(Path::new(&format!("/proc/{pid}")).exists());
            continue;
        };
        for fd in fds.flatten() {
            let Ok(link) = std::fs::read_link(fd.path()) else { continue };
            let link = link.to_string_lossy();
            if names.iter().any(|n| link == n.as_str()) {
                out.pids.push(pid);
            } else if let Some(name) = link.strip_suffix(" (deleted)")
                && names[..3].iter().any(|n| n == name)
            {
                out.deleted.push((pid, name.to_string()));
            }
        }
    }
    out.pids.sort_unstable();
    out.pids.dedup();
    out.deleted.sort();
    out.deleted.dedup();
    Some(out)
}

/// Who holds which lock now; `None` where that cannot be seen.
pub(super) fn sample(path: &Path) -> Option<Sample> {
    let locks = locks(path)?;
    let at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
    let mut out = Sample { at, ..Sample::default() };
    for (pid, what) in locks {
        let key = format!("{pid}");
        let counters = out.counters.entry(key.clone()).or_insert_with(|| vec![0.0, 0.0]);
        counters[usize::from(what == Hold::Reads)] = 1.0;
        out.texts.insert(key, named(pid));
    }
    if let Some(open) = open(path) {
        for pid in &open.pids {
            out.texts.entry(pid.to_string()).or_insert_with(|| named(*pid));
        }
        out.since = open.unseen.to_string();
    }
    Some(out)
}

/// Who had the same lock in both samples, held it in between: as far as that can be told.
pub(super) fn compare(check: &Check, limits: &Limits, first: &Sample, second: &Sample) -> Seen {
    let seconds = second.at - first.at;
    let both = |i: usize| -> Vec<&String> {
        let has = |s: &Sample, pid: &String| s.counters.get(pid).is_some_and(|c| c.get(i).is_some_and(|v| *v > 0.0));
        second.counters.keys().filter(|pid| has(second, pid) && has(first, pid)).collect()
    };
    let names = |pids: &[&String]| pids.iter().map(|p| second.texts.get(*p).unwrap_or(p).as_str()).collect::<Vec<_>>().join(", ");
    let (writers, readers) = (both(0), both(1));
    let mut seen = Seen::of(check).figure("open", second.texts.len() as f64).figure("writers", writers.len() as f64);
    let all: BTreeMap<&String, &String> = second.texts.iter().collect();
    seen.says = match (writers.is_empty(), readers.is_empty()) {
        (true, true) if all.is_empty() => "no other process that can be seen has it open".into(),
        (true, true) => format!(
            "open in {}{}, no lock is kept",
            all.values().take(3).map(|n| n.as_str()).collect::<Vec<_>>().join(", "),
            if all.len() > 3 { " …" } else { "" }
        ),
        (true, false) => format!("read by {} for {seconds:.0} s and more", names(&readers)),
        (false, _) => format!("write lock of {} for {seconds:.0} s and more", names(&writers)),
    };
    let severity = Severity::of(seconds, limits.of(check, "held"));
    if !writers.is_empty() && severity >= Severity::Warning {
        seen.find(
            Finding::new(
                severity,
                check.id,
                names(&writers),
                format!("process {} has had the write lock for {seconds:.0} s at least: other writes wait and then fail (SQLITE_BUSY)", names(&writers)),
            )
            .next("Find out what it does: it has a transaction open. Ending it rolls that back at the next opening; never delete -wal or -journal."),
        );
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_told_by_their_place() {
        let reserved = "1: POSIX  ADVISORY  WRITE 4711 fd:01:1234 1073741825 1073741825";
        assert_eq!(hold(reserved, 1234, None), Some((4711, Hold::Writes)));
        assert_eq!(hold(reserved, 99, None), None, "another file's");
        let shared = "2: POSIX  ADVISORY  READ 12 fd:01:1234 1073741826 1073742335";
        assert_eq!(hold(shared, 1234, None), Some((12, Hold::Reads)));
        assert_eq!(hold(shared, 1234, Some(77)), None, "an idle connection in WAL mode");
        assert_eq!(hold("3: POSIX  ADVISORY  WRITE 5 00:2d:77 120 120", 1, Some(77)), Some((5, Hold::Writes)));
        assert_eq!(hold("3: POSIX  ADVISORY  READ 5 00:2d:77 124 124", 1, Some(77)), Some((5, Hold::Reads)));
        // One that began when the log was empty: it keeps all that came since in the log.
        assert_eq!(hold("3: POSIX  ADVISORY  READ 5 00:2d:77 123 123", 1, Some(77)), Some((5, Hold::Reads)));
        // The dead man's switch of the -shm file.
        assert_eq!(hold("3: POSIX  ADVISORY  READ 5 00:2d:77 128 128", 1, Some(77)), None);
        assert_eq!(hold("4: -> POSIX  ADVISORY  WRITE 9 fd:01:1234 1073741825 1073741825", 1234, None), None);
        assert_eq!(hold("garbage", 1, None), None);
        assert_eq!(hold("1: POSIX ADVISORY WRITE x y z", 1, None), None);
    }

    #[test]
    fn a_lock_in_both_samples_was_held() {
        let check = super::super::CHECKS.iter().find(|c| c.id == "SQ04").unwrap();
        let sample = |at: f64, pids: &[&str]| Sample {
            at,
            counters: pids.iter().map(|p| (p.to_string(), vec![1.0, 0.0])).collect(),
            texts: pids.iter().map(|p| (p.to_string(), format!("{p} (import)"))).collect(),
            ..Sample::default()
        };
        let held = compare(check, &Limits::default(), &sample(10.0, &["7"]), &sample(15.0, &["7"]));
        assert_eq!(held.severity, Severity::Warning, "{held:#?}");
        assert!(held.findings[0].message.starts_with("process 7 (import) has had the write lock for 5 s"), "{held:#?}");
        assert_eq!(compare(check, &Limits::default(), &sample(10.0, &["7"]), &sample(15.0, &["8"])).severity, Severity::Ok);
    }
}
