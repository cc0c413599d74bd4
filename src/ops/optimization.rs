//! The checklist `query-optimization`: a slow statement from its measured plan to a change that a performance test proves. Each step
//! proves itself by measuring or reading, and leaves evidence that is bound to the test's file; changing the file voids it.

mod documents;
mod steps;

use super::checklist::{RunView, StepOutcome, StepState, StepView};
use super::{Connection, Cx, plan_test};
use crate::config::{StepDef, checklist};
use crate::model::{Error, Result};
use crate::store::evidence::Stored;
use jiff::Timestamp;
use std::path::{Path, PathBuf};

/// Name of the checklist.
pub const QUERY_OPTIMIZATION: &str = "query-optimization";
/// What the steps are about.
struct About {
    file: PathBuf,
    /// As it is shown, and stands in evidence.
    shown: String,
    test: plan_test::TestFile,
    steps: Vec<StepDef>,
    title: String,
    /// Of this database, newest first.
    evidence: Vec<Stored>,
}

/// The test that is meant: the given one, else the one that was worked on last, else the only one there is.
fn pick(cx: &Cx, evidence: &[Stored], given: Option<&Path>) -> Result<PathBuf> {
    if let Some(g) = given {
        return Ok(g.to_path_buf());
    }
    let last = evidence.iter().find_map(|s| s.evidence.facts.get("file").filter(|_| s.evidence.kind == "plan-analysed"));
    if let Some(p) = last.map(PathBuf::from).filter(|p| p.is_file()) {
        return Ok(p);
    }
    let dir = plan_test::directory(&cx.config);
    let all = plan_test::tests_in(&dir);
    match all.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Error::usage(format!("there is no performance test in {}", crate::config::toml_file::shown(&dir)))
            .hint("Write one: holdpoint explain TARGET SQL --write-test plan-tests/NAME.toml, or its key in the plan pane.")),
        _ => Err(Error::usage(format!("{} performance tests are in {}: which one?", all.len(), crate::config::toml_file::shown(&dir)))
            .hint(format!("Name it: holdpoint run {QUERY_OPTIMIZATION} TARGET --test FILE."))),
    }
}

async fn about(cx: &Cx, conn: &Connection, given: Option<&Path>) -> Result<About> {
    let evidence = evidence(cx, conn).await?;
    let file = pick(cx, &evidence, given)?;
    of_file(cx, conn, evidence, file)
}

/// Of this database and target, newest first.
async fn evidence(cx: &Cx, conn: &Connection) -> Result<Vec<Stored>> {
    let session = conn.reader().await?;
    let database = session.identity().subject();
    let mut evidence = cx.store.evidence(None)?;
    evidence.retain(|s| s.evidence.subject.database == database && s.evidence.subject.target == conn.target().name);
    Ok(evidence)
}

fn of_file(cx: &Cx, conn: &Connection, evidence: Vec<Stored>, file: PathBuf) -> Result<About> {
    let list = checklist::load(&cx.config, QUERY_OPTIMIZATION)?;
    let file = file.canonicalize().unwrap_or(file);
    let test = plan_test::load(&file)?;
    let environment = conn.target().environment.as_deref();
    let steps = list.steps.into_iter().filter(|s| s.applies(environment, &cx.config.environments)).collect();
    Ok(About { shown: crate::config::toml_file::shown(&file), file, test, steps, title: list.title, evidence })
}

/// What the checklist can be about here, with how each stands: the tests of the project, and others that were worked on. A file that
/// does not read stands there with the reason.
pub async fn all(cx: &Cx, conn: &Connection) -> Result<Vec<(PathBuf, Result<RunView>)>> {
    let evidence = evidence(cx, conn).await?;
    let mut files: Vec<PathBuf> =
        plan_test::tests_in(&plan_test::directory(&cx.config)).into_iter().map(|p| p.canonicalize().unwrap_or(p)).collect();
    for s in evidence.iter().filter(|s| s.evidence.kind == "plan-analysed") {
        let file = s.evidence.facts.get("file").map(PathBuf::from).filter(|p| p.is_file());
        files.extend(file.filter(|p| !files.contains(p)));
    }
    let product = conn.reader().await?.identity().product.clone();
    let view = |file: &PathBuf| {
        let about = of_file(cx, conn, evidence.clone(), file.clone())?;
        match about.test.engine.as_str() {
            "" => {}
            engine if engine == product => {}
            engine => return Err(Error::usage(format!("it is a test for {engine}"))),
        }
        Ok(show(cx, conn, &about))
    };
    Ok(files.iter().map(|f| (f.clone(), view(f))).collect())
}

/// How the steps stand.
pub async fn view(cx: &Cx, conn: &Connection, test: Option<&Path>) -> Result<RunView> {
    Ok(show(cx, conn, &about(cx, conn, test).await?))
}

/// Whether evidence is of the test as it is now. What was seen before the change was seen of the baseline's statement: writing another
/// statement into the file is such a change, and takes nothing of it away while the rest of the file is the same.
fn still_of(a: &About, s: &Stored) -> bool {
    let e = &s.evidence;
    e.subject.scripts == a.test.sha256
        || steps::BEFORE_THE_CHANGE.contains(&e.kind.as_str()) && e.facts.get(steps::FRAME) == Some(&a.test.frame_sha256)
}

/// What a run of the same test said after this evidence, where it did not hold.
fn failed_since<'a>(a: &'a About, s: &Stored) -> Option<&'a str> {
    let run = |r: &&Stored| r.evidence.kind == plan_test::EVIDENCE && r.evidence.subject.scripts == a.test.sha256;
    let newest = a.evidence.iter().find(run)?;
    (newest.seq > s.seq && !newest.evidence.holds).then_some(newest.evidence.summary.as_str())
}

/// How a step stands, with the evidence that was looked at.
fn tick<'a>(a: &'a About, def: &StepDef, after: i64, now: Timestamp) -> (StepState, Option<&'a Stored>, String) {
    let of_file = |s: &&Stored| s.evidence.kind == def.evidence && s.evidence.facts.get("file") == Some(&a.shown);
    let Some(s) = a.evidence.iter().find(of_file) else {
        return (StepState::Waiting, None, "not done yet".into());
    };
    let e = &s.evidence;
    let at = e.at.parse::<Timestamp>().ok();
    let old = def.expires.zip(at).is_some_and(|(d, at)| now.as_second() - at.as_second() > d.as_secs() as i64);
    if let Some(why) = &s.tampered {
        (StepState::Unknown, Some(s), why.clone())
    } else if !still_of(a, s) {
        (StepState::Voided, Some(s), "the test's file was changed since".into())
    } else if s.seq < after {
        (StepState::Voided, Some(s), "a step before it was done again since".into())
    } else if let Some(why) = failed_since(a, s).filter(|_| def.evidence == "test-passes") {
        (StepState::Voided, Some(s), format!("a later run of the test did not hold: {why}"))
    } else if !e.holds && e.facts.get(steps::VERDICT).is_some_and(|v| v == steps::INCONCLUSIVE) {
        (StepState::Unknown, Some(s), e.summary.clone())
    } else if !e.holds {
        (StepState::Failed, Some(s), e.summary.clone())
    } else if old {
        (StepState::Expired, Some(s), "it is too old".into())
    } else {
        (StepState::Proved, Some(s), e.summary.clone())
    }
}

fn show(cx: &Cx, conn: &Connection, a: &About) -> RunView {
    let now = cx.clock.now();
    let target = conn.target();
    let (mut steps, mut held, mut after) = (Vec::new(), false, 0);
    for def in &a.steps {
        let (mut state, stored, words) = tick(a, def, after, now);
        // Behind an open hold point nothing counts.
        if held && state == StepState::Proved {
            state = StepState::Held;
        }
        let ticked = state == StepState::Proved;
        if def.hold {
            held |= !ticked;
            after = stored.filter(|_| ticked).map_or(after, |s| s.seq.max(after));
        }
        let e = stored.map(|s| &s.evidence);
        steps.push(StepView {
            voids_if: "Void when the test's file changes, or a hold point before it is done again.".into(),
            next: if ticked { String::new() } else { steps::next(&def.evidence, state) },
            command: format!(
                "holdpoint run {QUERY_OPTIMIZATION} {} --test {}",
                crate::text::shell_word(target.word()),
                crate::text::shell_word(&a.shown)
            ),
            ..StepView::by_evidence(def, state, e, words, now)
        });
    }
    RunView {
        checklist: QUERY_OPTIMIZATION.into(),
        title: a.title.clone(),
        target: target.name.clone(),
        environment: target.environment.clone(),
        run: None,
        issue: None,
        started_by: None,
        started_at: None,
        range: Vec::new(),
        subject: Some(a.test.name.clone()),
        next: RunView::passing_over(&steps),
        steps,
        applied: false,
        closed: false,
        findings: Vec::new(),
    }
}

/// Runs that step.
async fn run_open(cx: &Cx, conn: &Connection, a: &About, at: usize) -> Result<StepOutcome> {
    let def = a.steps.get(at).ok_or_else(|| Error::usage("every step is ticked"))?;
    cx.store.writable()?;
    let e = steps::run(cx, conn, a, def).await?;
    Ok(StepOutcome { step: def.id.clone(), holds: e.holds, summary: e.summary.clone(), evidence: vec![e] })
}

/// Runs the step that comes next.
pub async fn run_next(cx: &Cx, conn: &Connection, test: Option<&Path>) -> Result<StepOutcome> {
    let a = about(cx, conn, test).await?;
    let v = show(cx, conn, &a);
    let at = v.next.ok_or_else(|| Error::usage(format!("every step of {QUERY_OPTIMIZATION} for {} is ticked", a.test.name)))?;
    run_open(cx, conn, &a, at).await
}

/// Runs the steps in order until a hold point is not proven; `each` is told after every step.
pub async fn run_all(cx: &Cx, conn: &Connection, test: Option<&Path>, each: &(dyn Fn(&StepOutcome) + Send + Sync)) -> Result<RunView> {
    let mut done: Vec<String> = Vec::new();
    {
        let a = about(cx, conn, test).await?;
        let v = show(cx, conn, &a);
        let change = a.steps.iter().position(|s| s.evidence == "change-made");
        if change.is_some_and(|at| v.steps[at].ticked()) {
            steps::still_changed(cx, conn, &a).await?;
        }
    }
    loop {
        cx.check_cancelled()?;
        let a = about(cx, conn, test).await?;
        let v = show(cx, conn, &a);
        let Some(at) = v.steps.iter().position(|s| !s.ticked() && !done.contains(&s.id)) else { return Ok(v) };
        // What was run here and did not hold stops the run, if it is a hold point.
        if v.steps[..at].iter().any(|s| s.hold && !s.ticked()) {
            return Ok(v);
        }
        done.push(v.steps[at].id.clone());
        let outcome = run_open(cx, conn, &a, at).await?;
        each(&outcome);
        if !outcome.holds && v.steps[at].hold {
            return view(cx, conn, test).await;
        }
    }
}
