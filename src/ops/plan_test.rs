//! Performance tests: a statement is measured as its file says and held against what the file requires, and against the baseline
//! that was taken when it was made. What is recorded of a run ticks the steps of the checklist `query-optimization`.

mod file;
mod report;
mod shelf;

pub use file::{Baseline, Measured, ONLY, TestFile, load, parse, render, statements};
pub use report::{SetReport, TestReport, junit_of_error};
pub use shelf::{Known, directory, known, tests_in};

use super::explain::unlocked;
use super::measure::{Arm, Effort, Runs, alone};
use super::record::Draft;
use super::{Connection, Cx, environment};
use crate::model::evidence::Evidence;
use crate::model::plan::Plan;
use crate::model::{Error, Result};
use crate::plan::environment::{Differences, Environment, differences, meant_otherwise};
use crate::plan::measure::{MATTERS, Pairing, Sample, Verdict, judge, share, summary};
use crate::plan::requirement::{self as req, Checked, Requirement, Standing};
use crate::plan::shape;
use std::collections::BTreeMap;
use std::path::Path;

/// Kind of the evidence that a run leaves.
pub const EVIDENCE: &str = "plan-test";

/// A test to be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewTest {
    pub name: String,
    pub sql: String,
    /// Words as in the file; empty: an improvement by a fifth.
    pub require: Vec<String>,
    pub parameters: BTreeMap<String, BTreeMap<String, String>>,
}

/// The nodes of a plan, one line each.
pub fn outline(plan: &Plan) -> Vec<String> {
    let mut out = Vec::new();
    plan.root.walk(0, &mut |depth, n| {
        let mut line = format!("{}{}", "  ".repeat(depth), if n.raw_op.is_empty() { &n.op } else { &n.raw_op });
        for (word, what) in [(" on ", &n.relation), (" using ", &n.index)] {
            if let Some(w) = what
                && !line.contains(w.as_str())
            {
                line.push_str(word);
                line.push_str(w);
            }
        }
        out.push(line);
    });
    out
}

/// Measures the statement and writes the file with that as its baseline; a file that is there is left alone.
pub async fn create(cx: &Cx, conn: &Connection, path: &Path, new: &NewTest, anyway: bool) -> Result<TestFile> {
    if path.exists() {
        let shown = crate::config::toml_file::shown(path);
        return Err(
            Error::usage(format!("{shown} is there already, and nothing is written over")).hint("Give another name, or remove it first.")
        );
    }
    let words = if new.require.is_empty() { vec!["ratio <= 0.8".to_string()] } else { new.require.clone() };
    let mut require = Vec::new();
    for w in words {
        let read = req::read(&w).map_err(|e| Error::usage(format!("the requirement `{}`: {e}", crate::text::clean(&w))))?;
        require.push((w, read));
    }
    let sql = new.sql.trim().trim_end_matches(';').trim_end().to_string();
    let mut sets = BTreeMap::new();
    let mut about = None;
    let all = statements(conn.dialect(), &sql, &new.parameters)?;
    let texts: Vec<&str> = all.iter().map(|(_, t)| t.trim()).collect();
    let mut behind = None;
    for (set, text) in &all {
        let arm = Arm::new(conn, None, set, text, Vec::new()).await?;
        // What the baseline is for are the ratios: they take no more runs than usual.
        let runs = runs(cx, &arm, Effort { anyway, ..Effort::default() }).await?;
        let found = environment::gather(conn, arm.session(), &runs.plan, text).await?;
        if about.is_none() {
            behind = environment::behind(conn, arm.session(), &texts).await;
        }
        about = Some(merged(about, found));
        let measured = measured(&runs, text)?;
        for (words, r) in &require {
            if let req::Requirement::Bound { metric: req::Metric::Counter(name), .. } = r
                && !measured.work.contains_key(name)
                && !(name == req::TEMPORARY && measured.work.contains_key("pages"))
            {
                let counted: Vec<&str> = measured.work.keys().map(String::as_str).collect();
                let e = Error::usage(format!(
                    "the requirement `{}` could never be seen to hold: plans of {} do not count {name}",
                    crate::text::clean(words),
                    conn.engine().product()
                ));
                return Err(if counted.is_empty() { e } else { e.hint(format!("Counted here: {}.", counted.join(", "))) });
            }
        }
        sets.insert(set.clone(), measured);
    }
    let mut environment = about.ok_or_else(|| Error::failed("there was nothing to measure"))?;
    environment.behind = behind;
    let engine = environment.server.split(' ').next().unwrap_or_default().to_string();
    let baseline = Baseline { taken: cx.clock.stamp(), environment, sets };
    let test = TestFile {
        name: new.name.clone(),
        engine,
        sql,
        require,
        parameters: new.parameters.clone(),
        baseline: Some(baseline),
        sha256: String::new(),
        frame_sha256: String::new(),
    };
    file::write(path, &test)?;
    load(path)
}

/// Runs the test of a file; `anyway`: whatever the server expects it to cost.
pub async fn run(cx: &Cx, conn: &Connection, path: &Path, anyway: bool) -> Result<TestReport> {
    let test = load(path)?;
    let shown = crate::config::toml_file::shown(path);
    let in_file = |e: Error| Error { message: format!("{shown}: {}", e.message), ..e };
    let mut sets = Vec::new();
    let mut differs = Differences::default();
    let mut server = String::new();
    let mut notes = Vec::new();
    // Of the baseline's statement: what another wording of it reaches is its own affair.
    let texts: Vec<&str> = test.baseline.iter().flat_map(|b| b.sets.values()).filter_map(|m| m.sql.as_deref()).collect();
    let mut behind = None;
    for (set, text) in statements(conn.dialect(), &test.sql, &test.parameters).map_err(in_file)? {
        let arm = Arm::new(conn, None, &set, &text, Vec::new()).await.map_err(in_file)?;
        let product = &arm.session().identity().product;
        if !test.engine.is_empty() && *product != test.engine {
            return Err(Error::new(
                crate::model::Kind::Unknown,
                format!("{shown} is a test for {}, and {} is {product}: the two do not compare", test.engine, conn.target().name),
            )
            .hint("Take a test of its own for this engine: holdpoint explain TARGET SQL --write-test FILE."));
        }
        let runs = runs(cx, &arm, effort(&test.require, anyway)).await?;
        let mut now = environment::gather(conn, arm.session(), &runs.plan, &text).await?;
        server.clone_from(&now.server);
        if let Some(b) = test.baseline.as_ref().filter(|_| sets.is_empty()) {
            behind = environment::behind(conn, arm.session(), &texts).await;
            notes.extend(without_definitions(&b.environment, behind.as_ref()));
        }
        now.behind.clone_from(&behind);
        if unlocked(conn.dialect(), text.trim()) != text.trim() && sets.is_empty() {
            notes.push("Measured without its locking clause: no row was locked, and what the locks cost is not in it.".into());
        }
        if let Some(unseen) = now.unseen().filter(|u| !notes.contains(u)) {
            notes.push(unseen);
        }
        let mut here = test.baseline.as_ref().map(|b| differences(&b.environment, &now)).unwrap_or_default();
        if let Some((before, then)) = test.baseline.as_ref().and_then(|b| b.sets.get(&set)).and_then(|m| Some((m, m.sql.as_ref()?))) {
            if then == text.trim() {
                here.apart.extend(meant_otherwise(&before.plan, &outline(&runs.plan)));
            } else {
                rewritten(cx, conn, &arm, then, effort(&test.require, anyway), &mut here).await?;
            }
        }
        let tables: Vec<&str> = now.tables.keys().map(String::as_str).collect();
        sets.push(check(&test, (&set, &text), &runs, &tables, &here)?);
        for (all, some) in [(&mut differs.apart, here.apart), (&mut differs.changed, here.changed)] {
            all.extend(some);
            all.sort();
            all.dedup();
        }
        differs.elsewhere |= here.elsewhere;
    }
    let verdict = req::overall(sets.iter().flat_map(|s| &s.requirements));
    Ok(TestReport {
        name: test.name,
        file: shown,
        sha256: test.sha256,
        target: conn.target().name.clone(),
        server,
        at: cx.clock.stamp(),
        verdict,
        sets,
        differs,
        baseline_taken: test.baseline.map(|b| b.taken),
        notes,
    })
}

/// The statement or its values are not those of the baseline: a fair change as long as both answer the same, which is seen by running
/// both once, now.
async fn rewritten(cx: &Cx, conn: &Connection, arm: &Arm, then: &str, effort: Effort, here: &mut Differences) -> Result<()> {
    let other = "the statement or its values are not the baseline's";
    let answers = async {
        let before = Arm::new(conn, Some(arm.session().clone()), "the baseline's statement", then, Vec::new()).await?;
        before.admitted(effort).await?;
        Ok::<_, Error>((before.answer(cx).await?, arm.answer(cx).await?))
    };
    match answers.await {
        Ok((before, now)) if before == now => here.changed.push(format!("{other}; both give the same rows")),
        Ok((before, now)) if before.0 != now.0 => {
            let rows = |n: u64| crate::text::counted(n, "row");
            here.apart.push(format!("{other}: that one gives {}, this one {}", rows(before.0), rows(now.0)));
        }
        Ok(_) => here.apart.push(format!("{other}, and give other rows")),
        Err(e) if e.kind == crate::model::Kind::Cancelled => return Err(e),
        Err(e) => here.apart.push(format!("{other}, and whether both give the same rows could not be seen: {}", e.message)),
    }
    Ok(())
}

/// Why what stands behind the statement's names was not compared: a sentence.
fn without_definitions(then: &Environment, now: Option<&BTreeMap<String, String>>) -> Option<String> {
    let why = match (&then.behind, now) {
        (Some(was), None) if !was.is_empty() => "this login does not see them all",
        (None, None) => "this login does not see them all",
        (None, Some(is)) if !is.is_empty() => "the baseline does not tell them",
        _ => return None,
    };
    Some(format!("The definitions of views and functions were not compared: {why}."))
}

/// Records what a run found as evidence, bound to the file's hash.
pub async fn record(cx: &Cx, conn: &Connection, report: &TestReport) -> Result<Evidence> {
    let session = conn.reader().await?;
    let mut draft = Draft::new(EVIDENCE, conn.target(), session.identity(), report.verdict == Standing::Pass, report.sentence())
        .fact("test", report.name.clone())
        .fact("file", report.file.clone())
        .fact("file sha256", report.sha256.clone())
        .fact("verdict", report.word());
    for s in &report.sets {
        draft = draft.fact(format!("shape {}", s.set), s.shape.clone());
        for c in &s.requirements {
            draft = draft.fact(format!("{} {}", s.set, c.requirement), format!("{}: {}", report::word(c.standing), c.because));
        }
    }
    draft.subject.scripts.clone_from(&report.sha256);
    cx.record(draft)
}

/// The runs; where their plans do not tell how many rows came (MariaDB), the statement is run once more for that.
async fn runs(cx: &Cx, arm: &Arm, effort: Effort) -> Result<Runs> {
    let mut runs = alone(cx, arm, effort).await?;
    if runs.samples.iter().all(|s| s.rows.is_none()) {
        let (rows, _) = arm.answer(cx).await?;
        runs.samples.iter_mut().for_each(|s| s.rows = Some(rows as f64));
    }
    Ok(runs)
}

fn effort(require: &[(String, Requirement)], anyway: bool) -> Effort {
    let usual = Effort::default();
    let runs = || require.iter().map(|(_, r)| r.runs());
    let least = runs().map(|(least, _)| least).max().unwrap_or(usual.least);
    let quick = runs().map(|(_, quick)| quick).max().unwrap_or(usual.quick);
    Effort { least, quick, anyway, ..usual }
}

fn measured(runs: &Runs, text: &str) -> Result<Measured> {
    let s = summary(&runs.samples).ok_or_else(|| Error::failed("nothing was measured"))?;
    Ok(Measured {
        sql: Some(text.trim().to_string()),
        shape: shape::hash(&runs.plan),
        plan: outline(&runs.plan),
        times: runs.samples.iter().map(|r| (r.ms * 1000.0).round() / 1000.0).collect(),
        work: req::medians(&s),
        rows: s.rows,
    })
}

fn merged(all: Option<Environment>, more: Environment) -> Environment {
    match all {
        None => more,
        Some(mut a) => {
            a.tables.extend(more.tables);
            a
        }
    }
}

fn check(test: &TestFile, (set, statement): (&str, &str), runs: &Runs, tables: &[&str], differs: &Differences) -> Result<SetReport> {
    let now = summary(&runs.samples).ok_or_else(|| Error::failed("nothing was measured"))?;
    let own = shape::hash(&runs.plan);
    let then = test.baseline.as_ref().and_then(|b| b.sets.get(set));
    let old = then.map(Measured::samples).unwrap_or_default();
    let m = req::Measured {
        samples: &runs.samples,
        summary: &now,
        plan: &runs.plan,
        shape: &own,
        statement,
        tables,
        baseline: then.map(|t| req::Baseline { shape: &t.shape, samples: &old, apart: &differs.apart, elsewhere: differs.elsewhere }),
    };
    let requirements = test
        .require
        .iter()
        .map(|(words, r)| {
            let (standing, because) = r.check(&m);
            Checked { requirement: words.clone(), standing, because }
        })
        .collect();
    let lines = outline(&runs.plan);
    let (worse, not_compared) = match against(then, &old, runs, &own, differs) {
        Against::Worse(why) => (Some(why), None),
        Against::Unseen(why) => (None, Some(why)),
        Against::NotWorse => (None, None),
    };
    Ok(SetReport {
        set: set.to_string(),
        same_plan: then.map(|t| t.shape == own),
        plan_before: then.map(|t| t.plan.clone()).unwrap_or_default(),
        plan: lines,
        shape: own,
        summary: now,
        worse,
        not_compared,
        cut_short: runs.cut_short,
        requirements,
    })
}

/// How a set did against its baseline.
enum Against {
    Worse(String),
    NotWorse,
    /// The two do not compare, and why.
    Unseen(String),
}

fn against(then: Option<&Measured>, old: &[Sample], runs: &Runs, own: &str, differs: &Differences) -> Against {
    let Some(t) = then else { return Against::Unseen("the file holds no baseline of it".into()) };
    if !differs.apart.is_empty() {
        return Against::Unseen(differs.apart.join("; "));
    }
    if differs.elsewhere {
        return Against::Unseen("the baseline was taken on another server or database".into());
    }
    let Some(j) = judge(old, &runs.samples, Pairing::Apart) else { return Against::Unseen("there are no runs to compare".into()) };
    let more = j.work.first().is_some_and(|w| share(w) >= MATTERS);
    let same = t.shape == own;
    match j.verdict {
        Verdict::Worse if !same || more => Against::Worse(j.because),
        // Two times of one plan that does the same work, or hardly more, differ by what else the machine did.
        Verdict::Inconclusive if !same || j.before.rows != j.after.rows => Against::Unseen(j.because),
        _ => Against::NotWorse,
    }
}
