//! The file of a performance test: read with complaints that name file, line and what to do; written so that a person can go on
//! with it. The manual's page plan-test describes it.

use crate::config::toml_file;
use crate::model::{Dialect, Error, Param, Result};
use crate::plan::environment::Environment;
use crate::plan::measure::Sample;
use crate::plan::requirement::{self, Requirement};
use crate::plan::share::Constants;
use crate::sql::params::{inline, names, placeholders, typed_value};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use toml::Spanned;

/// Name of the only set of a statement without parameters.
pub const ONLY: &str = "all";

/// A test as its file says it.
#[derive(Debug, Clone, PartialEq)]
pub struct TestFile {
    pub name: String,
    /// `PostgreSQL`, `MariaDB`, `MySQL`, `SQLite`; empty: any.
    pub engine: String,
    pub sql: String,
    /// The words as they stand, and what they say.
    pub require: Vec<(String, Requirement)>,
    /// Values by set and parameter, as somebody types them.
    pub parameters: BTreeMap<String, BTreeMap<String, String>>,
    pub baseline: Option<Baseline>,
    /// SHA-256 of the file's bytes, hex; empty for one that is not written yet.
    pub sha256: String,
    /// The same of all but the statement: what is required of it, its values, the baseline.
    pub frame_sha256: String,
}

impl TestFile {
    /// What a report for other people leaves out.
    pub fn constants(&self, dialect: Dialect) -> Constants {
        let texts = statements(dialect, &self.sql, &self.parameters).unwrap_or_default();
        let before = self.baseline.iter().flat_map(|b| b.sets.values()).flat_map(|m| m.sql.iter().chain(&m.plan));
        Constants::in_texts(dialect, texts.iter().map(|(_, t)| t).chain(before).chain([&self.sql]).map(String::as_str))
    }

    /// Whether the statement is the one that the baseline was measured with.
    pub fn is_of_baseline(&self, dialect: Dialect) -> bool {
        let Some(baseline) = &self.baseline else { return false };
        let same =
            |(set, text): &(String, String)| baseline.sets.get(set).and_then(|m| m.sql.as_ref()).is_some_and(|then| then == text.trim());
        statements(dialect, &self.sql, &self.parameters).is_ok_and(|all| all.iter().all(same))
    }
}

/// What was measured when the file was written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// RFC 3339.
    pub taken: String,
    pub environment: Environment,
    pub sets: BTreeMap<String, Measured>,
}

/// One set of the baseline.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// The statement with its values, as it was run; `None` in files of releases that did not keep it.
    #[serde(default)]
    pub sql: Option<String>,
    pub shape: String,
    /// The nodes, one line each, for people.
    pub plan: Vec<String>,
    /// Milliseconds.
    pub times: Vec<f64>,
    pub work: BTreeMap<String, u64>,
    pub rows: Option<f64>,
}

impl Measured {
    /// The runs: each with the counters that all of them had.
    pub fn samples(&self) -> Vec<Sample> {
        self.times.iter().map(|ms| Sample { ms: *ms, work: self.work.clone(), rows: self.rows }).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: Spanned<String>,
    #[serde(default)]
    engine: Option<Spanned<String>>,
    sql: Spanned<String>,
    require: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    parameters: BTreeMap<String, Spanned<BTreeMap<String, toml::Value>>>,
    baseline: Option<Baseline>,
}

/// Reads a test file.
pub fn load(path: &Path) -> Result<TestFile> {
    parse(&toml_file::shown(path), &toml_file::read(path)?)
}

/// Reads the text of a test file called `file`.
pub fn parse(file: &str, text: &str) -> Result<TestFile> {
    let wrong = |at: usize, words: String| toml_file::error_at(file, text, at, crate::text::clean(&words));
    let raw: Raw = toml_file::parse(file, text).map_err(|e| e.hint("The manual's page plan-test describes the file."))?;
    let mut require = Vec::new();
    for r in raw.require.get_ref() {
        let read = requirement::read(r.get_ref()).map_err(|e| wrong(r.span().start, format!("the requirement `{}`: {e}", r.get_ref())))?;
        require.push((r.get_ref().trim().to_string(), read));
    }
    if require.is_empty() {
        return Err(wrong(raw.require.span().start, "nothing is required, so that nothing could fail".into())
            .hint("Give a line such as require = [\"ratio <= 0.8\", \"p95 < 100 ms\"]."));
    }
    let engine = raw.engine.as_ref().map_or("", |e| e.get_ref().as_str()).to_string();
    let engines = ["PostgreSQL", "MariaDB", "MySQL", "SQLite"];
    if let Some(e) = &raw.engine
        && !engines.contains(&engine.as_str())
    {
        return Err(wrong(e.span().start, toml_file::unknown("engine", &engine, "", &engines)));
    }
    if raw.name.get_ref().trim().is_empty() {
        return Err(wrong(raw.name.span().start, "the test has no name".into()));
    }
    if raw.sql.get_ref().trim().is_empty() {
        return Err(wrong(raw.sql.span().start, "there is no statement".into()));
    }
    let mut parameters = BTreeMap::new();
    for (set, values) in raw.parameters {
        let at = values.span().start;
        let mut out = BTreeMap::new();
        for (name, value) in values.into_inner() {
            let text = match value {
                toml::Value::String(s) => s,
                v @ (toml::Value::Integer(_) | toml::Value::Float(_)) => v.to_string(),
                v => {
                    return Err(wrong(
                        at,
                        format!("the value of {name} in [parameters.{set}] is neither a text nor a number ({})", v.type_str()),
                    ));
                }
            };
            out.insert(name, text);
        }
        parameters.insert(set, out);
    }
    let mut baseline = raw.baseline;
    for sql in baseline.iter_mut().flat_map(|b| b.sets.values_mut()).filter_map(|m| m.sql.as_mut()) {
        *sql = sql.trim().to_string();
    }
    if let Some((set, _)) = baseline.iter().flat_map(|b| &b.sets).find(|(_, m)| m.times.iter().any(|t| !t.is_finite() || *t < 0.0)) {
        return Err(Error::usage(format!("{file}: a time of the baseline of {} is no time", crate::text::clean(set)))
            .hint("Take the baseline again: holdpoint explain TARGET SQL --write-test FILE."));
    }
    let hash = |parts: &[&str]| {
        let mut h = <sha2::Sha256 as sha2::Digest>::new();
        parts.iter().for_each(|p| sha2::Digest::update(&mut h, p.as_bytes()));
        hex::encode(sha2::Digest::finalize(h))
    };
    let statement = raw.sql.span();
    let frame_sha256 = hash(&[&text[..statement.start], "\0", &text[statement.end..]]);
    Ok(TestFile {
        name: raw.name.into_inner().trim().to_string(),
        engine,
        sql: raw.sql.into_inner().trim().to_string(),
        require,
        parameters,
        baseline,
        sha256: hash(&[text]),
        frame_sha256,
    })
}

/// The statement with the values of each set in their places; one set for a statement without parameters.
pub fn statements(dialect: Dialect, sql: &str, sets: &BTreeMap<String, BTreeMap<String, String>>) -> Result<Vec<(String, String)>> {
    let wanted = placeholders(dialect, sql);
    let wanted = names(&wanted);
    if wanted.is_empty() {
        return match sets.keys().next() {
            None => Ok(vec![(ONLY.to_string(), sql.to_string())]),
            Some(set) => {
                Err(Error::usage(format!("the statement has no parameters, and [parameters.{}] gives values", crate::text::clean(set))))
            }
        };
    }
    if sets.is_empty() {
        return Err(Error::usage(format!("the statement has parameters ({}) and no values for them", wanted.join(", ")))
            .hint("Give one or more sets: [parameters.common], or --param-set common:NAME=VALUE."));
    }
    let bare = |n: &str| n.trim_start_matches([':', '$', '?', '@']).to_string();
    let mut out = Vec::new();
    for (set, given) in sets {
        let mut values: BTreeMap<String, Param> = BTreeMap::new();
        for name in &wanted {
            let value = given.get(*name).or_else(|| given.get(&bare(name)));
            let Some(v) = value else {
                return Err(Error::usage(format!("the set {} has no value for {name}", crate::text::clean(set))));
            };
            values.insert((*name).to_string(), typed_value(dialect, v));
        }
        if let Some(extra) = given.keys().find(|k| !wanted.iter().any(|w| w == k || bare(w) == **k)) {
            let (set, extra) = (crate::text::clean(set), crate::text::clean(extra));
            return Err(Error::usage(format!("the set {set} has a value for {extra}, which the statement has not")));
        }
        let text = inline(dialect, sql, &values).map_err(|n| Error::usage(format!("no value for {n}")))?;
        out.push((set.clone(), text));
    }
    Ok(out)
}

/// The file's text.
pub fn render(t: &TestFile) -> String {
    let text = |s: &str| toml::Value::String(s.to_string()).to_string();
    // A statement reads best as it was written.
    let block = |s: &str| if s.contains("'''") || s.contains('\r') { text(s) } else { format!("'''\n{}\n'''", s.trim_end()) };
    let list = |all: &[String]| format!("[{}]", all.iter().map(|s| text(s)).collect::<Vec<_>>().join(", "));
    let key = |s: &str| {
        let bare = !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if bare { s.to_string() } else { text(s) }
    };
    let mut out = String::from(
        "# A performance test: holdpoint explain TARGET --test THIS-FILE\n\
         # It fails until every requirement holds. The manual's page plan-test tells what can be required.\n\n",
    );
    let _ = writeln!(out, "name = {}", text(&t.name));
    if !t.engine.is_empty() {
        let _ = writeln!(out, "engine = {}", text(&t.engine));
    }
    let _ = writeln!(out, "sql = {}", block(&t.sql));
    let words: Vec<String> = t.require.iter().map(|(w, _)| w.clone()).collect();
    let _ = writeln!(out, "require = {}", list(&words));
    for (set, values) in &t.parameters {
        let _ = writeln!(out, "\n[parameters.{}]", key(set));
        for (name, value) in values {
            let _ = writeln!(out, "{} = {}", key(name), text(value));
        }
    }
    if let Some(b) = &t.baseline {
        let _ = writeln!(out, "\n# What was measured when this file was made.\n[baseline]\ntaken = {}", text(&b.taken));
        let e = &b.environment;
        let _ = writeln!(out, "\n[baseline.environment]\nserver = {}\nidentity = {}", text(&e.server), text(&e.identity));
        let _ = writeln!(out, "\n[baseline.environment.settings]");
        for (k, v) in &e.settings {
            let _ = writeln!(out, "{} = {}", key(k), text(v));
        }
        if let Some(behind) = &e.behind {
            let _ = writeln!(
                out,
                "\n# Views, functions and policies that its names lead to: hashes of their definitions.\n[baseline.environment.behind]"
            );
            for (k, v) in behind {
                let _ = writeln!(out, "{} = {}", key(k), text(v));
            }
        }
        for (name, s) in &e.tables {
            let _ = writeln!(
                out,
                "\n[baseline.environment.tables.{}]\nrows = {}\ncounted = {}\ncolumns = {}\nindexes = {}",
                key(name),
                s.rows,
                s.counted,
                text(&s.columns),
                list(&s.indexes)
            );
        }
        for (set, m) in &b.sets {
            let times = m.times.iter().map(|t| format!("{t:?}")).collect::<Vec<_>>().join(", ");
            let _ = writeln!(out, "\n[baseline.sets.{}]", key(set));
            if let Some(sql) = &m.sql {
                let _ = writeln!(out, "sql = {}", block(sql));
            }
            let _ = writeln!(out, "shape = {}\nplan = [", text(&m.shape));
            for line in &m.plan {
                let _ = writeln!(out, "    {},", text(line));
            }
            let _ = writeln!(out, "]\n# Milliseconds of each run.\ntimes = [{times}]");
            if let Some(r) = m.rows {
                let _ = writeln!(out, "rows = {r:?}");
            }
            let work = m.work.iter().map(|(k, v)| format!("{} = {v}", key(k))).collect::<Vec<_>>().join(", ");
            let _ = writeln!(out, "work = {{ {work} }}");
        }
    }
    out
}

/// Writes the file; one that is there is left alone.
pub fn write(path: &Path, t: &TestFile) -> Result<()> {
    let shown = toml_file::shown(path);
    if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir).map_err(|e| Error::io(format!("making {}", toml_file::shown(dir)), e))?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::usage(format!("{shown} is there already, and nothing is written over")).hint("Give another name, or remove it first.")
        }
        _ => Error::io(format!("writing {shown}"), e),
    })?;
    file.write_all(render(t).as_bytes()).map_err(|e| Error::io(format!("writing {shown}"), e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::environment::TableState;

    fn test_file() -> TestFile {
        let table = TableState { rows: 20_000, counted: true, columns: "ab".into(), indexes: vec!["orders_pkey (id)".into()] };
        let measured = Measured {
            sql: Some("select *\nfrom orders where state = 'paid'".into()),
            shape: "s".into(),
            plan: vec!["Limit".into(), "  Seq Scan on orders \"o\"".into()],
            times: vec![1.5, 2.0, 0.123],
            work: BTreeMap::from([("rows read".into(), 20_000), ("pages".into(), 7)]),
            rows: Some(20.0),
        };
        let words = ["ratio <= 0.8", "no table scan on orders"];
        TestFile {
            name: "orders by state".into(),
            engine: "PostgreSQL".into(),
            sql: "select *\nfrom orders where state = :state -- it's \\ so".into(),
            require: words.iter().map(|w| (w.to_string(), requirement::read(w).unwrap())).collect(),
            parameters: BTreeMap::from([("common".into(), BTreeMap::from([("state".into(), "'paid'".into())]))]),
            baseline: Some(Baseline {
                taken: "2026-11-21T12:00:00Z".into(),
                environment: Environment {
                    server: "PostgreSQL 15.20".into(),
                    identity: "x".into(),
                    settings: BTreeMap::from([("work_mem".into(), "4MB".into())]),
                    tables: BTreeMap::from([("public.orders".into(), table)]),
                    behind: Some(BTreeMap::from([("function public.f(integer)".into(), "ab".into())])),
                },
                sets: BTreeMap::from([("common".into(), measured)]),
            }),
            sha256: String::new(),
            frame_sha256: String::new(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let t = test_file();
        let text = render(&t);
        let back = parse("t.toml", &text).unwrap_or_else(|e| panic!("{}\n{text}", e.message));
        assert_eq!(TestFile { sha256: String::new(), frame_sha256: String::new(), ..back.clone() }, t, "{text}");
        assert_eq!(back.sha256.len(), 64);
        let odd = TestFile { sql: "select '''a''', '\r'".into(), name: "a \"b\" ü".into(), ..t };
        assert_eq!(parse("t.toml", &render(&odd)).unwrap().sql, odd.sql);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plan-tests/a.toml");
        write(&path, &odd).unwrap();
        let e = write(&path, &odd).unwrap_err();
        assert!(e.message.contains("is there already"), "{}", e.message);
        assert_eq!(load(&path).unwrap().name, odd.name);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let says = |text: &str, words: &str| {
            let e = parse("t.toml", text).expect_err(text);
            assert!(e.message.contains(words), "{text}: {}", e.message);
        };
        says(
            "name = \"a\"\nsql = \"select 1\"\nrequire = [\"ratio >= 1\"]",
            "t.toml:3:12: the requirement `ratio >= 1`: a requirement bounds from above",
        );
        says("name = \"a\"\nsql = \"select 1\"\nrequire = []", "t.toml:3:11: nothing is required");
        says(
            "name = \"a\"\nsql = \"select 1\"\nrequires = [\"ratio <= 1\"]",
            "t.toml:3:1: unknown key `requires`; did you mean `require`?",
        );
        says("name = \"a\"\nsql = \" \"\nrequire = [\"ratio <= 1\"]", "t.toml:2:7: there is no statement");
        says("name = \"a\"\nengine = \"Postgres\"\nsql = \"select 1\"\nrequire = [\"no sort\"]", "did you mean `PostgreSQL`?");
        says("name = \"a\nsql", "t.toml:");
        says(
            "name = \"a\"\nsql = \"select :x\"\nrequire = [\"no sort\"]\n[parameters.p]\nx = [1]",
            "is neither a text nor a number (array)",
        );
    }

    #[test]
    fn values_take_their_places_and_none_is_missing() {
        let sets = |v: &[(&str, &[(&str, &str)])]| -> BTreeMap<String, BTreeMap<String, String>> {
            v.iter().map(|(s, vs)| (s.to_string(), vs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect())).collect()
        };
        let d = Dialect::Postgres;
        let sql = "select * from t where a = :a and b = :b";
        let all = statements(d, sql, &sets(&[("common", &[("a", "1"), (":b", "it's")]), ("rare", &[("a", "2"), ("b", "NULL")])])).unwrap();
        assert_eq!(all[0], ("common".into(), "select * from t where a = 1 and b = 'it''s'".into()));
        assert_eq!(all[1].1, "select * from t where a = 2 and b = NULL");
        let fails = |sql: &str, s: &[(&str, &[(&str, &str)])]| statements(d, sql, &sets(s)).unwrap_err().message;
        assert!(fails(sql, &[("x", &[("a", "1")])]).contains("no value for :b"));
        assert!(fails(sql, &[("x", &[("a", "1"), ("b", "1"), ("c", "1")])]).contains("a value for c"));
        assert!(fails(sql, &[]).contains("no values for them"));
        assert!(fails("select 1", &[("x", &[("a", "1")])]).contains("has no parameters"));
        assert_eq!(statements(d, "select 1", &BTreeMap::new()).unwrap(), [(ONLY.to_string(), "select 1".to_string())]);
    }
}
