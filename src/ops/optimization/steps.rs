//! What proves each step of `query-optimization`.

use super::About;
use crate::config::StepDef;
use crate::model::evidence::Evidence;
use crate::model::{Error, Result};
use crate::ops::checklist::StepState;
use crate::ops::plan_test::{self, TestReport};
use crate::ops::record::Draft;
use crate::ops::{Connection, Cx, explain, plans};
use crate::plan::measure::millis;
use crate::plan::requirement::Standing;
use crate::plan::shape;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Most pages under docs that are read, and how deep.
const PAGES: usize = 2_000;
const DEPTH: usize = 6;

/// What to do about an open step.
pub(super) fn next(evidence: &str, state: StepState) -> String {
    let failed = state == StepState::Failed;
    match evidence {
        "plan-analysed" => "Measures the statement; nothing is changed.".into(),
        "cause-found" if failed => "Look at the plan yourself: the pane's heat, its findings, its advice.".into(),
        "cause-found" => "Reads the findings of the measured plan.".into(),
        "test-fails" if failed => "The test passes before the change: require more of it, or leave the statement as it is.".into(),
        "test-fails" => "Runs the test before anything is changed.".into(),
        "change-made" => {
            "Make the change: an index or a column by the migration queue, or the statement's own text in the test's file.".into()
        }
        "test-passes" if failed => "The change is not enough, or not the right one: see the numbers, and try another.".into(),
        "test-passes" => "Runs the test against the baseline.".into(),
        "no-regression" if failed => "Another statement got worse: take the change back, or make it otherwise.".into(),
        "no-regression" => "Measures the other tests of the directory.".into(),
        _ => "Name the test in CHANGELOG.md or a page under docs, with why and what was measured.".into(),
    }
}

/// Runs the operation of a step and records what it found.
pub(super) async fn run(cx: &Cx, conn: &Connection, a: &About, def: &StepDef) -> Result<Evidence> {
    match def.evidence.as_str() {
        "plan-analysed" => analyse(cx, conn, a).await,
        "cause-found" => find(cx, conn, a).await,
        "test-fails" => fails(cx, conn, a).await,
        "change-made" => changed(cx, conn, a).await,
        "test-passes" => passes(cx, conn, a).await,
        "no-regression" => no_regression(cx, conn, a).await,
        "documented" => documented(cx, conn, a).await,
        other => Err(Error::failed(format!("no operation of this checklist proves `{other}`"))),
    }
}

async fn draft(conn: &Connection, a: &About, kind: &'static str, holds: bool, summary: String) -> Result<Draft> {
    let session = conn.reader().await?;
    let mut d = Draft::new(kind, conn.target(), session.identity(), holds, summary)
        .fact("file", a.shown.clone())
        .fact("file sha256", a.test.sha256.clone())
        .fact("test", a.test.name.clone());
    d.subject.scripts.clone_from(&a.test.sha256);
    Ok(d)
}

async fn analyse(cx: &Cx, conn: &Connection, a: &About) -> Result<Evidence> {
    let mut d = None;
    for (set, text) in plan_test::statements(conn.dialect(), &a.test.sql, &a.test.parameters)? {
        let guess = explain::explain(cx, conn, None, &text, false).await?;
        if let Some(why) = explain::heavy(conn.target(), &guess) {
            return Err(Error::held(format!("the statement is not measured: {why}"))
                .hint("Set analyze_cost or analyze_load of the target higher, or do it where the data are fewer."));
        }
        let plan = explain::explain(cx, conn, None, &text, true).await?;
        // A store without room for plans takes no evidence away.
        let _ = plans::remember(cx, conn.target(), conn.dialect(), &text, &plan);
        let ms = plan.execution_ms.or(plan.root.total_ms).map_or_else(|| "no time".to_string(), millis);
        let findings = crate::text::counted(plan.findings.len() as u64, "finding");
        let mut this = match d {
            None => draft(conn, a, "plan-analysed", true, format!("measured: {set} {ms}, {findings}")).await?,
            Some(d) => d,
        };
        this = this.fact(format!("shape {set}"), shape::hash(&plan)).fact(format!("time {set}"), ms);
        for (i, f) in plan.findings.iter().enumerate() {
            this = this.fact(format!("finding {set} {:02}", i + 1), format!("{} {}: {}", f.id, f.name, f.message));
        }
        d = Some(this);
    }
    cx.record(d.ok_or_else(|| Error::failed("there was nothing to measure"))?)
}

async fn find(cx: &Cx, conn: &Connection, a: &About) -> Result<Evidence> {
    let analysed = a
        .evidence
        .iter()
        .find(|s| s.evidence.kind == "plan-analysed" && s.evidence.subject.scripts == a.test.sha256 && s.tampered.is_none())
        .ok_or_else(|| Error::held("held: the statement is not analysed yet"))?;
    let found: Vec<&String> = analysed.evidence.facts.iter().filter(|(k, _)| k.starts_with("finding ")).map(|(_, v)| v).collect();
    let summary = match found.as_slice() {
        [] => "no finding explains the time".to_string(),
        [one] => (*one).clone(),
        [first, more @ ..] => format!("{first} (and {} more)", more.len()),
    };
    let d = draft(conn, a, "cause-found", !found.is_empty(), summary).await?;
    cx.record(d.fact("rests on", analysed.evidence.id.clone()))
}

/// Runs the test and keeps its own evidence.
async fn tested(cx: &Cx, conn: &Connection, a: &About) -> Result<(TestReport, Evidence)> {
    let report = plan_test::run(cx, conn, &a.file, false).await?;
    let e = plan_test::record(cx, conn, &report).await?;
    Ok((report, e))
}

async fn fails(cx: &Cx, conn: &Connection, a: &About) -> Result<Evidence> {
    let (report, of) = tested(cx, conn, a).await?;
    let summary = match report.verdict {
        Standing::Pass => format!("it passes already ({}): afterwards it would prove nothing", report.sentence()),
        _ => report.sentence(),
    };
    cx.record(draft(conn, a, "test-fails", report.verdict == Standing::Fail, summary).await?.fact("rests on", of.id))
}

async fn changed(cx: &Cx, conn: &Connection, a: &About) -> Result<Evidence> {
    let (report, of) = tested(cx, conn, a).await?;
    let mut what = report.differs.changed.clone();
    what.extend(report.sets.iter().filter(|s| s.same_plan == Some(false)).map(|s| format!("another plan for {}", s.set)));
    let summary = if what.is_empty() { "indexes, columns and plans are still the baseline's".to_string() } else { what.join("; ") };
    cx.record(draft(conn, a, "change-made", !what.is_empty(), summary).await?.fact("rests on", of.id))
}

async fn passes(cx: &Cx, conn: &Connection, a: &About) -> Result<Evidence> {
    let (report, of) = tested(cx, conn, a).await?;
    let summary = report.sentence();
    cx.record(draft(conn, a, "test-passes", report.verdict == Standing::Pass, summary).await?.fact("rests on", of.id))
}

async fn no_regression(cx: &Cx, conn: &Connection, a: &About) -> Result<Evidence> {
    let (mut worse, mut unseen, mut good, mut facts) = (Vec::new(), Vec::new(), 0u64, Vec::new());
    let others: Vec<PathBuf> = a.file.parent().map(plan_test::tests_in).unwrap_or_default().into_iter().filter(|p| *p != a.file).collect();
    for p in &others {
        let name = crate::ops::record::file_name(p);
        match plan_test::run(cx, conn, p, false).await {
            Ok(r) => {
                let lost = r.regressions();
                facts.push((format!("test {name}"), if lost.is_empty() { "not worse".to_string() } else { lost.join("; ") }));
                if !lost.is_empty() {
                    worse.push(format!("{name}: {}", lost.join("; ")));
                } else if r.baseline_taken.is_none() || !r.differs.apart.is_empty() {
                    unseen.push(name);
                } else {
                    good += 1;
                }
            }
            // One for another engine, or a file that is wrong: it says nothing, and it is named.
            Err(e) if e.kind != crate::model::Kind::Cancelled => {
                facts.push((format!("test {name}"), e.message.clone()));
                unseen.push(name);
            }
            Err(e) => return Err(e),
        }
    }
    let mut summary = match (others.is_empty(), worse.is_empty()) {
        (true, _) => "there is no other test in the directory, so nothing else was looked at".to_string(),
        (_, true) => format!("{} not worse than at its baseline", crate::text::counted(good, "other test")),
        _ => worse.join("; "),
    };
    if !unseen.is_empty() {
        summary.push_str(&format!("; could not be compared: {}", unseen.join(", ")));
    }
    let mut d = draft(conn, a, "no-regression", worse.is_empty(), summary).await?;
    for (k, v) in facts {
        d = d.fact(k, v);
    }
    cx.record(d)
}

async fn documented(cx: &Cx, conn: &Connection, a: &About) -> Result<Evidence> {
    let dir = &cx.config.project_dir;
    let mut pages: Vec<PathBuf> =
        ["CHANGELOG.md", "CHANGELOG", "CHANGES.md", "HISTORY.md"].iter().map(|n| dir.join(n)).filter(|p| p.is_file()).collect();
    markdown(&dir.join("docs"), DEPTH, &mut pages);
    let file = crate::ops::record::file_name(&a.file);
    let found = pages.iter().find_map(|p| {
        let text = std::fs::read_to_string(p).ok()?;
        let line = text.lines().position(|l| l.contains(&a.test.name) || l.contains(&file))?;
        Some((p, line + 1, hex::encode(Sha256::digest(text.as_bytes()))))
    });
    let mut d = match &found {
        Some((p, line, _)) => {
            let shown = crate::config::toml_file::shown(p.strip_prefix(dir).unwrap_or(p));
            draft(conn, a, "documented", true, format!("{shown}, line {line}")).await?
        }
        None => {
            let words = format!("neither CHANGELOG nor docs (of {} files) names {} or {file}", pages.len(), a.test.name);
            draft(conn, a, "documented", false, words).await?
        }
    };
    if let Some((p, _, hash)) = found {
        d = d.fact("document", crate::config::toml_file::shown(p)).fact("document sha256", hash);
    }
    cx.record(d)
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
