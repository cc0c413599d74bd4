//! The performance tests of a project: where they are, which of them are of a statement, and what their last run said.

use super::{EVIDENCE, file};
use crate::config::Config;
use crate::model::{Dialect, Result};
use crate::ops::{Connection, Cx};
use crate::sql::fingerprint::fingerprint;
use std::path::{Path, PathBuf};

/// A test file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub path: PathBuf,
    /// What it calls itself; the file's name where it does not read.
    pub name: String,
    /// What it requires, in its words.
    pub require: Vec<String>,
    /// It is of the statement that was asked about.
    pub same: bool,
    /// The verdict of its last run on this database and when (RFC 3339); none where the file was changed since.
    pub last: Option<(String, String)>,
    /// Why it cannot be run here.
    pub problem: Option<String>,
}

/// Where a project's tests are.
pub fn directory(config: &Config) -> PathBuf {
    config.project_dir.join("plan-tests")
}

/// The test files of a directory, sorted.
pub fn tests_in(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut out: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.is_file() && p.extension().is_some_and(|e| e == "toml")).collect();
    out.sort();
    out
}

/// Whether two texts are the same statement, whatever their constants and parameters' values.
fn same_statement(dialect: Dialect, a: &str, b: &str) -> bool {
    fingerprint(dialect, a) == fingerprint(dialect, b)
}

/// The tests of the project: those of the statement first, the others by name.
pub async fn known(cx: &Cx, conn: &Connection, statement: Option<&str>) -> Result<Vec<Known>> {
    let session = conn.reader().await?;
    let (subject, product) = (session.identity().subject(), session.identity().product.clone());
    // A store that does not read takes no test away.
    let mut runs = cx.store.evidence(Some(EVIDENCE)).unwrap_or_default();
    runs.retain(|s| s.tampered.is_none() && s.evidence.subject.database == subject && s.evidence.subject.target == conn.target().name);
    let mut out: Vec<Known> = tests_in(&directory(&cx.config))
        .into_iter()
        // By one name wherever it is spoken of.
        .map(|path| path.canonicalize().unwrap_or(path))
        .map(|path| look(&path, &product, conn, statement, &runs))
        .collect();
    out.sort_by(|a, b| (!a.same, &a.name, &a.path).cmp(&(!b.same, &b.name, &b.path)));
    Ok(out)
}

fn look(path: &Path, product: &str, conn: &Connection, statement: Option<&str>, runs: &[crate::store::evidence::Stored]) -> Known {
    let name = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let test = match file::load(path) {
        Ok(t) => t,
        Err(e) => {
            return Known { path: path.into(), name, require: Vec::new(), same: false, last: None, problem: Some(e.message) };
        }
    };
    let problem = (!test.engine.is_empty() && test.engine != product).then(|| format!("it is a test for {}", test.engine));
    let last = runs
        .iter()
        .map(|s| &s.evidence)
        .find(|e| e.facts.get("file sha256") == Some(&test.sha256))
        .and_then(|e| Some((e.facts.get("verdict")?.clone(), e.at.clone())));
    Known {
        path: path.into(),
        name: test.name,
        require: test.require.into_iter().map(|(words, _)| words).collect(),
        same: problem.is_none() && statement.is_some_and(|s| same_statement(conn.dialect(), s, &test.sql)),
        last,
        problem,
    }
}
