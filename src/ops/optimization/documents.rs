//! Where a project tells of a change: its CHANGELOG and the pages under `docs`, and whether one of them names a test.

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Most pages that are read, and how deep.
const PAGES: usize = 2_000;
const DEPTH: usize = 6;

/// A line that names the test.
pub(super) struct Told {
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// Of the whole page, hex.
    pub sha256: String,
}

/// The pages of a project.
pub(super) fn pages(project: &Path) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> =
        ["CHANGELOG.md", "CHANGELOG", "CHANGES.md", "HISTORY.md"].iter().map(|n| project.join(n)).filter(|p| p.is_file()).collect();
    markdown(&project.join("docs"), DEPTH, &mut out);
    out
}

/// The first line of the pages that has one of the names.
pub(super) fn told(pages: &[PathBuf], names: &[&str]) -> Option<Told> {
    pages.iter().find_map(|p| {
        let text = std::fs::read_to_string(p).ok()?;
        let line = text.lines().position(|l| names.iter().any(|n| names_it(l, n)))?;
        Some(Told { path: p.clone(), line: line + 1, sha256: hex::encode(Sha256::digest(text.as_bytes())) })
    })
}

/// Whether the line has the name, and not as a part of a longer word or of another file's name.
fn names_it(line: &str, name: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    let word = |c: char| c.is_alphanumeric() || c == '_';
    // What joins two halves of a name when it stands between them: `old-orders`, `orders.toml.bak`, `I'd`.
    let joins = |c: char| matches!(c, '-' | '.' | '\'' | '’');
    line.match_indices(name).any(|(at, found)| {
        let mut before = line[..at].chars().rev();
        let mut after = line[at + found.len()..].chars();
        let part = |side: &mut dyn Iterator<Item = char>, end: Option<char>| match side.next() {
            // A name that begins or ends with a sign of its own is no part of a word there.
            Some(c) if word(c) => end.is_some_and(word),
            Some(c) if joins(c) => side.next().is_some_and(word),
            _ => false,
        };
        !part(&mut before, name.chars().next()) && !part(&mut after, name.chars().next_back())
    })
}

fn markdown(dir: &Path, depth: usize, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut all: Vec<std::fs::DirEntry> = entries.flatten().collect();
    all.sort_by_key(std::fs::DirEntry::path);
    for e in all {
        if out.len() >= PAGES {
            return;
        }
        match e.file_type() {
            Ok(t) if t.is_dir() && depth > 0 => markdown(&e.path(), depth - 1, out),
            Ok(t) if t.is_file() && e.path().extension().is_some_and(|x| x == "md" || x == "txt" || x == "adoc" || x == "rst") => {
                out.push(e.path())
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::names_it;

    #[test]
    fn a_name_is_a_whole_word() {
        for (line, name) in [
            ("- d: an index", "d"),
            ("orders by customer are found by an index", "orders by customer"),
            ("(plan-tests/customer.toml).", "customer.toml"),
            ("the test `orders`.", "orders"),
            ("orders", "orders"),
            ("see orders, customers", "customers"),
            ("reorders and orders", "orders"),
            ("C++: quicker", "C++"),
        ] {
            assert!(names_it(line, name), "{line} names {name}");
        }
        for (line, name) in [
            ("- ptest: index", "d"),
            ("- ptest: index", "x"),
            ("- ptest: index", "test"),
            ("plan-tests/old-customer.toml", "customer.toml"),
            ("customer.toml.bak", "customer.toml"),
            ("orders_by_day", "orders"),
            ("I'd rather not", "d"),
            ("größer", "gr"),
            ("größer", "er"),
            ("anything", ""),
        ] {
            assert!(!names_it(line, name), "{line} does not name {name}");
        }
    }
}
