//! Reading a directory of migration scripts by sqlx's rules, and naming every file that does not follow them.

use crate::model::migration::{Migration, Script};
use crate::model::{Dialect, Error, Finding, Result, Severity};
use crate::ops::record::{file_name, shown_version};
use crate::sql;
use crate::sql::outside::{Neighbours, Outside};
use sha2::{Digest, Sha256, Sha384};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Largest script that is read, in bytes: a dump in the wrong directory should not fill the memory.
const LARGEST: u64 = 64 << 20;

/// What a directory holds: well-formed migrations by version, and a finding for every file that is not right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Directory {
    pub migrations: Vec<Migration>,
    /// `critical` ones stop any run over the directory.
    pub findings: Vec<Finding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Up,
    Down,
    /// sqlx's `<version>_<name>.sql`: no way back.
    Simple,
}

fn critical(check: &str, object: &str, message: String) -> Finding {
    Finding::new(Severity::Critical, check, object, message)
}

/// Takes a file name apart: version, name, half; a finding when it looks like a migration and is none; `None` for a
/// file that has nothing to do with migrations.
fn parse(name: &str) -> Option<Result<(i64, String, Half), Box<Finding>>> {
    let Some(stem) = name.strip_suffix(".sql") else {
        let looks = name.starts_with(|c: char| c.is_ascii_digit())
            && (name.contains(".up") || name.contains(".down") || name.to_lowercase().ends_with(".sql"));
        return looks.then(|| {
            Err(Box::new(
                Finding::new(Severity::Warning, "file-ignored", name, format!("{name} is ignored: its name does not end in .sql"))
                    .next("Name it <version>_<name>.up.sql or .down.sql, or move it elsewhere."),
            ))
        });
    };
    let Some((version, rest)) = stem.split_once('_') else {
        return Some(Err(Box::new(
            Finding::new(Severity::Warning, "file-ignored", name, format!("{name} is ignored: no `_` separates a version from a name"))
                .next("Name it <version>_<name>.up.sql or .down.sql, or move it elsewhere."),
        )));
    };
    let Ok(number) = version.parse::<i64>() else {
        return Some(Err(Box::new(
            critical("file-version", name, format!("{name}: `{version}` before the first `_` is no version number"))
                .next("Rename it, or move it out of the directory: sqlx refuses the whole directory because of it."),
        )));
    };
    if !version.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Err(Box::new(
            critical("file-version", name, format!("{name}: the version `{version}` must be digits only")).next("Rename it."),
        )));
    }
    let (rest, half) = match (rest.strip_suffix(".up"), rest.strip_suffix(".down")) {
        (Some(r), _) => (r, Half::Up),
        (_, Some(r)) => (r, Half::Down),
        _ => (rest, Half::Simple),
    };
    if rest.is_empty() {
        return Some(Err(Box::new(
            critical("file-half-named", name, format!("{name} has a version and no name"))
                .next("Name it <version>_<name>.up.sql or .down.sql."),
        )));
    }
    Some(Ok((number, rest.to_string(), half)))
}

fn script(path: &Path, shown: &str) -> Result<Script, Box<Finding>> {
    let unreadable = |why: String| {
        Box::new(critical("file-unreadable", shown, format!("{shown} cannot be read: {why}")).next("Mend the file or its permissions."))
    };
    let size = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
    if size > LARGEST {
        return Err(unreadable(format!("it has {}, and a script may have {}", crate::text::bytes(size), crate::text::bytes(LARGEST))));
    }
    let bytes = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
    let sha256 = hex::encode(Sha256::digest(&bytes));
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Script { path: path.to_path_buf(), text, sha256 }),
        Err(e) => {
            let at = e.utf8_error().valid_up_to();
            let line = e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
            Err(Box::new(
                critical("file-not-utf8", shown, format!("{shown} is not UTF-8: line {line}, byte {at} (0x{:02x})", e.as_bytes()[at]))
                    .next("Convert it to UTF-8, e.g. with iconv -f latin1 -t utf-8."),
            ))
        }
    }
}

#[derive(Default)]
struct Halves {
    up: Vec<(String, PathBuf, bool)>,
    down: Vec<(String, PathBuf)>,
}

/// Reads the directory, not recursively. The error is for a directory that cannot be read at all.
pub fn read(dir: &Path) -> Result<Directory> {
    let shown_dir = crate::text::clean(&dir.to_string_lossy()).into_owned();
    let failed = |e: std::io::Error| {
        Error::usage(format!("the migrations directory {shown_dir} cannot be read: {e}"))
            .hint("Set `migrations` of the target to the directory of the scripts.")
    };
    let mut names: Vec<(String, PathBuf)> = Vec::new();
    let mut out = Directory::default();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if path.is_dir() {
            continue;
        }
        match entry.file_name().into_string() {
            Ok(name) => names.push((name, path)),
            Err(raw) => {
                let shown = crate::text::clean(&raw.to_string_lossy()).into_owned();
                out.findings.push(Finding::new(
                    Severity::Warning,
                    "file-ignored",
                    &shown,
                    format!("{shown} is ignored: its name is not UTF-8"),
                ));
            }
        }
    }
    names.sort();
    let mut halves: BTreeMap<i64, Halves> = BTreeMap::new();
    for (name, path) in names {
        let shown = crate::text::clean(&name).into_owned();
        match parse(&name) {
            None => {}
            Some(Err(finding)) => out.findings.push(*finding),
            Some(Ok((version, title, half))) => {
                let h = halves.entry(version).or_default();
                match half {
                    Half::Up => h.up.push((title, path, false)),
                    Half::Simple => h.up.push((title, path, true)),
                    Half::Down => h.down.push((title, path)),
                }
                debug_assert!(!shown.is_empty());
            }
        }
    }
    for (version, mut h) in halves {
        let v = shown_version(version);
        let list = |paths: Vec<&PathBuf>| paths.into_iter().map(|p| file_name(p)).collect::<Vec<_>>().join(", ");
        if h.up.len() > 1 {
            let files = list(h.up.iter().map(|u| &u.1).collect());
            out.findings.push(
                critical("file-duplicate", &v, format!("version {v} is there more than once: {files}"))
                    .next("Give each migration a version of its own."),
            );
            continue;
        }
        if h.down.len() > 1 {
            let files = list(h.down.iter().map(|d| &d.1).collect());
            out.findings.push(
                critical("file-duplicate", &v, format!("version {v} has more than one down script: {files}")).next("Keep one of them."),
            );
            continue;
        }
        let down = h.down.pop();
        let Some((name, up_path, simple)) = h.up.pop() else {
            if let Some((_, path)) = down {
                let file = file_name(&path);
                out.findings.push(
                    critical("file-half-named", &file, format!("{file} has no up script"))
                        .next(format!("Add {}.", file.replace(".down.sql", ".up.sql"))),
                );
            }
            continue;
        };
        let up_file = file_name(&up_path);
        if let (true, Some((_, path))) = (simple, &down) {
            out.findings.push(
                critical(
                    "file-half-named",
                    &up_file,
                    format!("{up_file} is not named .up.sql, and {} is its down script", file_name(path)),
                )
                .next("Rename it to .up.sql: sqlx would take it for a migration without a way back."),
            );
            continue;
        }
        if let Some((other, path)) = down.as_ref().filter(|(other, _)| *other != name) {
            out.findings.push(
                Finding::new(
                    Severity::Warning,
                    "file-names-differ",
                    &up_file,
                    format!("version {v} is `{name}` up and `{other}` down ({})", file_name(path)),
                )
                .next("Give both halves one name."),
            );
        }
        let up = script(&up_path, &up_file);
        let down = down.map(|(_, path)| script(&path, &file_name(&path))).transpose();
        match (up, down) {
            (Ok(up), Ok(down)) => {
                let no_transaction = up.text.starts_with("-- no-transaction");
                out.migrations.push(Migration { version, name, up, down, no_transaction });
            }
            (up, down) => out.findings.extend([up.err(), down.err()].into_iter().flatten().map(|f| *f)),
        }
    }
    Ok(out)
}

/// SHA-384 of a text, hex: sqlx's checksum.
pub fn checksum(text: &str) -> String {
    hex::encode(Sha384::digest(text.as_bytes()))
}

/// Whether a checksum is of this text with other line ends: with all of them LF, or all of them CRLF.
pub fn same_but_for_line_ends(text: &str, checksum_of_other: &str) -> bool {
    let lf = text.replace("\r\n", "\n");
    checksum(&lf) == checksum_of_other || checksum(&lf.replace('\n', "\r\n")) == checksum_of_other
}

/// What a server could not run as the scripts stand, for one migration: unterminated text, client commands, transaction
/// control inside a file that gets a transaction of its own. All critical.
pub fn check_scripts(dialect: Dialect, transactional_ddl: bool, m: &Migration) -> Vec<Finding> {
    let mut out = Vec::new();
    for s in std::iter::once(&m.up).chain(&m.down) {
        let file = file_name(&s.path);
        match sql::split::split_script(dialect, &s.text) {
            Err(e) => {
                out.push(
                    critical("script-unparsed", &file, format!("{file}: {}", e.message))
                        .next(e.hints.first().cloned().unwrap_or_else(|| "Mend the script.".into())),
                );
            }
            Ok(statements) => {
                if !transactional_ddl || s.text.starts_with("-- no-transaction") {
                    continue;
                }
                for st in statements {
                    let text = &s.text[st.span.clone()];
                    if sql::classify(dialect, text).class == sql::Class::Transaction {
                        let word = text.split_whitespace().next().unwrap_or_default().to_uppercase();
                        out.push(
                            critical(
                                "script-transaction",
                                &file,
                                format!("{file}:{}: {} inside a file that runs in one transaction", st.line, crate::text::clean(&word)),
                            )
                            .next("Leave it out: the file gets a transaction of its own. Or begin the file with `-- no-transaction`."),
                        );
                    }
                }
            }
        }
    }
    out
}

/// The first statement of a migration that reaches beyond its database: its script, its line, and what it is.
pub fn outside<'m>(dialect: Dialect, m: &'m Migration, around: &Neighbours) -> Option<(&'m Script, usize, Outside)> {
    std::iter::once(&m.up).chain(&m.down).find_map(|s| {
        statements(dialect, &s.text).into_iter().find_map(|st| {
            let out = sql::outside::outside(dialect, &s.text[st.span.clone()], around)?;
            let line = s.text[..st.span.start + out.at].matches('\n').count() + 1;
            Some((s, line, out))
        })
    })
}

/// What a script that reaches beyond its database means for the queue: one that goes to another database by name is held,
/// the others can only never be proven.
pub fn check_outside(dialect: Dialect, m: &Migration, around: &Neighbours) -> Option<Finding> {
    let (script, line, out) = outside(dialect, m, around)?;
    let file = file_name(&script.path);
    let message = format!("{file}:{line}: {} {}: no proof on a scratch copy can cover it", crate::text::clean(&out.what), out.why);
    let severity = if out.by_name { Severity::Critical } else { Severity::Warning };
    Some(Finding::new(severity, "script-outside", &file, message).next(out.next))
}

/// Statements of a script, or none when it cannot be taken apart.
pub fn statements(dialect: Dialect, text: &str) -> Vec<sql::StatementSpan> {
    sql::split::split_script(dialect, text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Directory) {
        let d = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(d.path().join(name), text).unwrap();
        }
        let read = read(d.path()).unwrap();
        (d, read)
    }

    #[test]
    fn pairs_and_simple_files_are_migrations() {
        let (_d, r) = dir(&[
            ("0002_b.up.sql", b"-- no-transaction\nselect 1"),
            ("0001_add_note.up.sql", b"create table t(x);"),
            ("0001_add_note.down.sql", b"drop table t;"),
            ("0003_simple.sql", b"select 1"),
            ("README.md", b"x"),
        ]);
        assert_eq!(r.findings, []);
        let seen: Vec<_> = r.migrations.iter().map(|m| (m.version, m.name.as_str(), m.down.is_some(), m.no_transaction)).collect();
        assert_eq!(seen, [(1, "add_note", true, false), (2, "b", false, true), (3, "simple", false, false)]);
    }

    #[test]
    fn what_is_not_right_is_named() {
        let (_d, r) = dir(&[
            ("0001_a.down.sql", b"drop table t;"),
            ("0002_b.up.sql", b"x"),
            ("0002_c.up.sql", b"x"),
            ("schema_dump.sql", b"x"),
            ("0004.up.sql", b"x"),
            ("0005_latin.up.sql", b"-- caf\xe9\n"),
            ("0006_x.up", b"x"),
            ("0007_.up.sql", b"x"),
            ("0008_s.sql", b"x"),
            ("0008_s.down.sql", b"x"),
        ]);
        assert_eq!(r.migrations, []);
        let mut checks: Vec<_> = r.findings.iter().map(|f| (f.check.as_str(), f.object.as_str())).collect();
        checks.sort_unstable();
        assert_eq!(
            checks,
            [
                ("file-duplicate", "0002"),
                ("file-half-named", "0001_a.down.sql"),
                ("file-half-named", "0007_.up.sql"),
                ("file-half-named", "0008_s.sql"),
                ("file-ignored", "0004.up.sql"),
                ("file-ignored", "0006_x.up"),
                ("file-not-utf8", "0005_latin.up.sql"),
                ("file-version", "schema_dump.sql"),
            ]
        );
        let latin = r.findings.iter().find(|f| f.check == "file-not-utf8").unwrap();
        assert!(latin.message.contains("line 1, byte 6 (0xe9)"), "{}", latin.message);
        assert!(read(Path::new("/nonexistent/migrations")).unwrap_err().message.contains("cannot be read"));
    }

    #[test]
    fn line_ends_alone_are_told_from_edits() {
        let unix = "create table t(x);\nselect 1;\n";
        let dos = unix.replace('\n', "\r\n");
        assert_eq!(checksum("").len(), 96);
        assert!(same_but_for_line_ends(unix, &checksum(&dos)));
        assert!(same_but_for_line_ends(&dos, &checksum(unix)));
        assert!(!same_but_for_line_ends(unix, &checksum("create table t(y);\n")));
    }
}
