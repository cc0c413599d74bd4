//! Which library last wrote the file, by the file's own header, and what is known to be wrong with that one.

use crate::model::assessment::{Check, Seen};
use crate::model::{Finding, Severity};
use std::path::Path;
use std::process::{Command, Stdio};

/// What the header tells (fileformat2.html §1.3).
pub(super) struct Header {
    /// Bytes that it should have; `None` where an old library wrote last, which did not keep that up.
    pub length: Option<u64>,
    /// Of the library that wrote last, as `3051003`; 0 where the file has never been written.
    version: u32,
    pub wal: bool,
}

impl Header {
    fn of(bytes: &[u8]) -> Option<Header> {
        if bytes.len() < 100 {
            return None;
        }
        let at = |i: usize| Some(u32::from_be_bytes(bytes.get(i..i + 4)?.try_into().ok()?));
        let page = match u16::from_be_bytes([bytes[16], bytes[17]]) {
            1 => 65_536,
            n => u64::from(n),
        };
        let kept = at(24)? == at(92)? && at(28)? > 0;
        let (version, length) = (at(96)?, kept.then_some(page * u64::from(at(28)?)));
        bytes.starts_with(b"SQLite format 3\0").then_some(Header { length, version, wal: bytes[18] == 2 })
    }
}

/// Two connections that write and empty the log at the same moment can lose what is in it (sqlite.org/wal.html, "WAL-reset bug"): from
/// 3.7.0 on, mended in 3.51.3, and in 3.44.6 and 3.50.7 of older branches.
fn may_lose_the_log(version: u32) -> bool {
    let mended = version >= 3_051_003 || (3_050_007..3_051_000).contains(&version) || (3_044_006..3_045_000).contains(&version);
    version >= 3_007_000 && !mended
}

/// `3.51.3`.
fn named(version: u32) -> String {
    format!("{}.{}.{}", version / 1_000_000, version / 1000 % 1000, version % 1000)
}

/// The header is read by another process: closing a descriptor here would take away the locks that this one's sessions have on the file.
pub(super) fn header(path: &Path) -> Option<Header> {
    let head = Command::new("head").args(["-c", "100"]).arg(path).stderr(Stdio::null()).output();
    Header::of(&head.ok()?.stdout)
}

pub(super) fn look(path: &Path, check: &Check) -> Seen {
    match header(path) {
        Some(header) => judge(&header, path, check),
        None => Seen::of(check).says(format!("the file has no header yet; read here by SQLite {}", rusqlite::version())),
    }
}

fn judge(header: &Header, path: &Path, check: &Check) -> Seen {
    let own = rusqlite::version();
    if header.version == 0 {
        return Seen::of(check).says(format!("not told by the file; read here by SQLite {own}"));
    }
    let version = named(header.version);
    let mut seen =
        Seen::of(check).says(format!("last written by SQLite {version}, read here by {own}")).figure("version", f64::from(header.version));
    if header.wal && may_lose_the_log(header.version) {
        seen.find(
            Finding::new(
                Severity::Info,
                check.id,
                path.display().to_string(),
                format!("SQLite {version} may, rarely, damage a database in WAL mode that two connections write and check-point at the same moment"),
            )
            .next("Give the programs that write it SQLite 3.51.3 or later (or 3.50.7, 3.44.6); until then let one connection alone write."),
        );
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_with_the_fault_are_told_from_those_without() {
        for (version, faulty) in [
            (3_006_023, false),
            (3_007_000, true),
            (3_040_001, true),
            (3_044_006, false),
            (3_050_004, true),
            (3_050_007, false),
            (3_051_002, true),
            (3_051_003, false),
            (3_053_000, false),
        ] {
            assert_eq!(may_lose_the_log(version), faulty, "{}", named(version));
        }
    }

    #[test]
    fn the_header_names_who_wrote_last() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.execute_batch("pragma journal_mode = wal; create table t (a)").unwrap();
        drop(conn);
        let check = crate::engine::assessing::check("SQ10", "library", "", "", &[]);
        let seen = look(&path, &check);
        assert!(seen.says.starts_with(&format!("last written by SQLite {}", rusqlite::version())), "{seen:#?}");
        let old = judge(&Header { length: None, version: 3_040_001, wal: true }, &path, &check);
        assert_eq!((old.severity, old.findings.len()), (Severity::Info, 1), "{old:#?}");
        assert_eq!(judge(&Header { length: None, version: 3_040_001, wal: false }, &path, &check).findings.len(), 0);
        assert_eq!(
            Header::of(b"something else, and longer than the header of a database would have to be: it goes on and on and on ....")
                .map(|h| h.version),
            None
        );
    }
}
