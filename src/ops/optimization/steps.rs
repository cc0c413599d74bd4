//! What proves each step of `query-optimization`.

use super::{About, documents};
use crate::config::StepDef;
use crate::model::evidence::Evidence;
use crate::model::{Error, Result};
use crate::ops::checklist::StepState;
use crate::ops::plan_test::{self, TestReport};
use crate::ops::record::Draft;
use crate::ops::{Connection, Cx, environment, explain, plans};
use crate::plan::environment::differences;
use crate::plan::measure::millis;
use crate::plan::requirement::Standing;
use crate::plan::shape;
use std::path::PathBuf;

/// The fact that says that a step did not fail and was not proved either.
pub(super) const VERDICT: &str = "verdict";
pub(super) const INCONCLUSIVE: &str = "inconclusive";

/// Evidence of the statement as the baseline has it.
pub(super) const BEFORE_THE_CHANGE: [&str; 3] = ["plan-analysed", "cause-found", "test-fails"];
/// The fact that tells the file apart from its statement; only where that is the baseline's.
pub(super) const FRAME: &str = "file beside its statement sha256";

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
        "no-regression" if state == StepState::Unknown => {
            "A test that does not compare proves nothing (e: why): move its file away and write it again, for a baseline of today's data."
                .into()
        }
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
    if BEFORE_THE_CHANGE.contains(&kind) && a.test.is_of_baseline(conn.dialect()) {
        d = d.fact(FRAME, a.test.frame_sha256.clone());
    }
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
        .find(|s| s.evidence.kind == "plan-analysed" && super::still_of(a, s) && s.tampered.is_none())
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

/// Looks again, without running the statement, whether the change is there; records that it is not where indexes, columns and plans are
/// all the baseline's again.
pub(super) async fn still_changed(cx: &Cx, conn: &Connection, a: &About) -> Result<()> {
    let Some(baseline) = a.test.baseline.as_ref().filter(|_| a.test.is_of_baseline(conn.dialect())) else { return Ok(()) };
    for (set, text) in plan_test::statements(conn.dialect(), &a.test.sql, &a.test.parameters)? {
        let plan = explain::explain(cx, conn, None, &text, false).await?;
        let session = conn.reader().await?;
        let now = environment::gather(conn, &session, &plan, &text).await?;
        let other_plan = baseline.sets.get(&set).is_none_or(|m| m.shape != shape::hash(&plan));
        if other_plan || !differences(&baseline.environment, &now).changed.is_empty() {
            return Ok(());
        }
    }
    let words = "the change is not there any more: indexes, columns and plans are the baseline's again";
    cx.record(draft(conn, a, "change-made", false, words.to_string()).await?)?;
    Ok(())
}

async fn passes(cx: &Cx, conn: &Connection, a: &About) -> Result<Evidence> {
    let (report, of) = tested(cx, conn, a).await?;
    let summary = report.sentence();
    cx.record(draft(conn, a, "test-passes", report.verdict == Standing::Pass, summary).await?.fact("rests on", of.id))
}

async fn no_regression(cx: &Cx, conn: &Connection, a: &About) -> Result<Evidence> {
    let (mut worse, mut unseen, mut good, mut elsewhere, mut facts) = (Vec::new(), Vec::new(), 0u64, Vec::new(), Vec::new());
    let product = conn.reader().await?.identity().product.clone();
    let others: Vec<PathBuf> = a.file.parent().map(plan_test::tests_in).unwrap_or_default().into_iter().filter(|p| *p != a.file).collect();
    for p in &others {
        let name = crate::ops::record::file_name(p);
        // One for another engine is none of this database's statements.
        if plan_test::load(p).is_ok_and(|t| !t.engine.is_empty() && t.engine != product) {
            facts.push((format!("test {name}"), format!("it is not for {product}")));
            elsewhere.push(name);
            continue;
        }
        let (lost, apart) = match plan_test::run(cx, conn, p, false).await {
            Ok(r) => (r.regressions(), r.not_compared()),
            // A file that is wrong, a statement that is not safe to run: it says nothing, and it is named.
            Err(e) if e.kind != crate::model::Kind::Cancelled => (Vec::new(), vec![e.message.clone()]),
            Err(e) => return Err(e),
        };
        let told = match (lost.is_empty(), apart.is_empty()) {
            (false, _) => lost.join("; "),
            (true, false) => format!("could not be compared: {}", apart.join("; ")),
            (true, true) => "not worse".to_string(),
        };
        facts.push((format!("test {name}"), told));
        if !lost.is_empty() {
            worse.push(format!("{name}: {}", lost.join("; ")));
        } else if apart.is_empty() {
            good += 1;
        } else {
            unseen.push(name);
        }
    }
    let counted = worse.len() + unseen.len() + good as usize;
    let summary = match (counted, worse.is_empty(), unseen.is_empty()) {
        (0, ..) if elsewhere.is_empty() => "there is no other test in the directory, so nothing else was looked at".to_string(),
        (0, ..) => format!("no other test in the directory is for {product}, so nothing else was looked at"),
        (_, false, _) => worse.join("; "),
        // What is missing comes first: the end of a long line may be cut away.
        (n, true, false) => format!("inconclusive: {} of {n} could not be compared ({})", unseen.len(), unseen.join(", ")),
        (_, true, true) => format!("{} not worse than at its baseline", crate::text::counted(good, "other test")),
    };
    let mut d = draft(conn, a, "no-regression", worse.is_empty() && unseen.is_empty(), summary).await?;
    if worse.is_empty() && !unseen.is_empty() {
        d = d.fact(VERDICT, INCONCLUSIVE);
    }
    for (k, v) in facts {
        d = d.fact(k, v);
    }
    cx.record(d)
}

async fn documented(cx: &Cx, conn: &Connection, a: &About) -> Result<Evidence> {
    let dir = &cx.config.project_dir;
    let pages = documents::pages(dir);
    let file = crate::ops::record::file_name(&a.file);
    let d = match documents::told(&pages, &[&a.test.name, &file]) {
        Some(t) => {
            let shown = crate::config::toml_file::shown(t.path.strip_prefix(dir).unwrap_or(&t.path));
            draft(conn, a, "documented", true, format!("{shown}, line {}", t.line))
                .await?
                .fact("document", crate::config::toml_file::shown(&t.path))
                .fact("document sha256", t.sha256)
        }
        None => {
            let words = format!("neither CHANGELOG nor docs (of {} files) names {} or {file}", pages.len(), a.test.name);
            draft(conn, a, "documented", false, words).await?
        }
    };
    cx.record(d)
}
