//! What the operating system knows of a database file: free space around it, and which process holds a lock on it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes that this user may still write where `dir` is (or will be made).
pub fn free(dir: &Path) -> Option<u64> {
    let there = dir.ancestors().find(|d| d.is_dir())?;
    let fs = rustix::fs::statvfs(there).ok()?;
    fs.f_bavail.checked_mul(fs.f_frsize)
}

/// The holder of a lock that is this very process.
pub const OURSELVES: &str = "this process";

/// Who holds a lock on the database, by Linux's list of locks: `process 4711 (backup.py)`. `None` where that cannot be seen.
/// In WAL mode the locks are on the `-shm` file. Whoever has the write lock himself waits for those who read.
pub fn holder(path: &Path) -> Option<String> {
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let mut shm = path.as_os_str().to_owned();
    shm.push("-shm");
    let inodes: Vec<u64> = [path, Path::new(&shm)].iter().filter_map(|p| std::fs::metadata(p).ok()).map(|m| m.ino()).collect();
    let of = |mode: &str| {
        let mut pids: Vec<u32> = locks.lines().filter_map(|l| locker(l, mode, &inodes)).collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    };
    let own = std::process::id();
    let mut pids = of("WRITE");
    if pids == [own] {
        // Its readers; or another session of this console, whose lock does not show as a stranger's.
        pids.extend(of("READ").into_iter().filter(|p| *p != own));
    }
    if pids.len() > 1 {
        pids.retain(|p| *p != own);
    }
    let name = |pid: &u32| match std::fs::read_to_string(format!("/proc/{pid}/comm")) {
        _ if *pid == own => OURSELVES.to_string(),
        Ok(name) => format!("process {pid} ({})", crate::text::clean(name.trim())),
        Err(_) => format!("process {pid}"),
    };
    (!pids.is_empty()).then(|| pids.iter().map(name).collect::<Vec<_>>().join(", "))
}

/// The process of such a lock on one of the inodes: `1: POSIX  ADVISORY  WRITE 4711 fd:01:1234 0 EOF`.
fn locker(line: &str, wanted: &str, inodes: &[u64]) -> Option<u32> {
    let mut fields = line.split_whitespace().skip(1).filter(|f| *f != "->");
    let (_kind, _advice, mode) = (fields.next()?, fields.next()?, fields.next()?);
    let pid = fields.next()?.parse().ok()?;
    let inode: u64 = fields.next()?.rsplit(':').next()?.parse().ok()?;
    (mode == wanted && inodes.contains(&inode)).then_some(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_locks_is_read() {
        let writer = |line, inode| locker(line, "WRITE", &[inode]);
        assert_eq!(writer("1: POSIX  ADVISORY  WRITE 4711 fd:01:1234 1073741825 1073741825", 1234), Some(4711));
        assert_eq!(writer("1: POSIX  ADVISORY  READ 4711 fd:01:1234 0 EOF", 1234), None);
        assert_eq!(locker("1: POSIX  ADVISORY  READ 4711 fd:01:1234 0 EOF", "READ", &[1234]), Some(4711));
        assert_eq!(writer("2: -> FLOCK  ADVISORY  WRITE 9 00:2d:77 0 EOF", 77), Some(9));
        assert_eq!(writer("garbage", 1), None);
        assert_eq!(writer("1: POSIX ADVISORY WRITE x y z", 1), None);
    }

    #[test]
    fn free_space_is_found_above_a_directory_to_be() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free(&dir.path().join("not/yet")).unwrap() > 0);
    }
}
