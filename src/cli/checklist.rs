//! `holdpoint checklist` and `holdpoint run`: how a run stands, signing, running what needs nobody.

use super::args::{Checklist, Range};
use super::{connect, output};
use crate::cli::Format;
use crate::config::Target;
use crate::model::evidence::Evidence;
use crate::model::{Error, Result};
use crate::ops::checklist::{self as ops, RunView, Scope, Signature, StepOutcome, StepState};
use crate::ops::checklists::{self, Which};
use crate::ops::incident;
use crate::ops::optimization::{self, QUERY_OPTIMIZATION};
use crate::ops::{Connection, Cx};
use std::path::Path;
use std::process::ExitCode;

pub async fn checklist(cx: &Cx, command: Checklist) -> Result<ExitCode> {
    match command {
        Checklist::Show { range: r, checklist } => {
            let view = if incident::is(&checklist) {
                incident::view(cx, &of_incident(cx, &r)?, &checklist)?
            } else {
                let conn = connect::open(cx, &r.target).await?;
                match checklist.as_str() {
                    ops::SCHEMA_MIGRATION => scoped(cx, &conn, ops::SCHEMA_MIGRATION, &r, None).await?,
                    _ => checklists::view(cx, &conn, &Which { id: checklist, subject: None }).await?,
                }
            };
            print(&view, r.format)?;
            Ok(code(&view))
        }
        Checklist::Sign { range, step, checklist, signer, reason, confirm } => {
            let signed = |name: Option<String>, reason: Option<String>, typed_target| Signature {
                name: name.unwrap_or_else(|| cx.operator.clone()),
                text: reason.unwrap_or_default(),
                typed_target,
            };
            if incident::is(&checklist) {
                let target = of_incident(cx, &range)?;
                let evidence = incident::sign(cx, &target, &checklist, &step, &signed(signer, reason, confirm))?;
                return tell(&evidence, range.format);
            }
            if checklist != ops::SCHEMA_MIGRATION {
                return Err(Error::usage(format!("no step of {} is signed", crate::text::clean(&checklist))));
            }
            let conn = connect::open(cx, &range.target).await?;
            if range.to.is_some() {
                scoped(cx, &conn, ops::SCHEMA_MIGRATION, &range, None).await?;
            }
            tell(&ops::sign(cx, &conn, ops::SCHEMA_MIGRATION, &step, &signed(signer, reason, confirm)).await?, range.format)
        }
    }
}

/// What was signed.
fn tell(evidence: &Evidence, format: Format) -> Result<ExitCode> {
    match format {
        Format::Json | Format::Ndjson => output::json(evidence)?,
        Format::Table | Format::Csv => output::line(&evidence.summary)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The target of an incident: it need not answer.
fn of_incident(cx: &Cx, r: &Range) -> Result<Target> {
    if r.to.is_some() {
        return Err(Error::usage("--to belongs to a checklist of migrations; this one is about an incident"));
    }
    crate::ops::connect::target(cx, &r.target)
}

pub async fn run(cx: &Cx, checklist: &str, range: Range, issue: Option<String>, test: Option<&Path>) -> Result<ExitCode> {
    if incident::is(checklist) {
        if test.is_some() {
            return Err(Error::usage(format!("--test belongs to the checklist {QUERY_OPTIMIZATION}")));
        }
        let target = of_incident(cx, &range)?;
        let view = incident::run_all(cx, &target, checklist, issue.as_deref(), &told).await?;
        print(&view, range.format)?;
        return Ok(code(&view));
    }
    let conn = connect::open(cx, &range.target).await?;
    if checklist == QUERY_OPTIMIZATION {
        if range.to.is_some() || issue.is_some() {
            return Err(Error::usage("--to and --issue belong to a checklist of migrations; this one is about a test: --test FILE"));
        }
        let view = optimization::run_all(cx, &conn, test, &told).await?;
        print(&view, range.format)?;
        return Ok(code(&view));
    }
    if test.is_some() {
        return Err(Error::usage(format!("--test belongs to the checklist {QUERY_OPTIMIZATION}")));
    }
    scoped(cx, &conn, checklist, &range, issue).await?;
    let view = ops::run_all_provable(cx, &conn, checklist, &told).await?;
    print(&view, range.format)?;
    Ok(code(&view))
}

/// A step was run.
fn told(step: &StepOutcome) {
    output::prose(&format!("{} {}: {}", if step.holds { "✔" } else { "✖" }, step.step, step.summary));
}

/// The run as it stands; with `--to` or an issue, its scope is set first.
async fn scoped(cx: &Cx, conn: &Connection, checklist: &str, r: &Range, issue: Option<String>) -> Result<RunView> {
    if r.to.is_some() || issue.is_some() {
        return ops::scope(cx, conn, checklist, &Scope { upto: r.to, issue }).await;
    }
    ops::view(cx, conn, checklist).await
}

/// 0 when nothing is missing before the act, 4 while something holds.
fn code(view: &RunView) -> ExitCode {
    if !view.is_about() || view.missing().next().is_none() { ExitCode::SUCCESS } else { ExitCode::from(4) }
}

pub fn word(s: StepState) -> &'static str {
    match s {
        StepState::Proved => "[x] proved",
        StepState::Signed => "[s] signed",
        StepState::Waiting => "[ ] waiting",
        StepState::Running => "[>] running",
        StepState::Held => "[#] held",
        StepState::Failed => "[!] failed",
        StepState::Expired => "[e] expired",
        StepState::Voided => "[v] voided",
        StepState::Unknown => "[?] unknown",
    }
}

fn print(view: &RunView, format: Format) -> Result<()> {
    if let Format::Json | Format::Ndjson = format {
        let steps: Vec<_> = view
            .steps
            .iter()
            .map(|s| {
                serde_json::json!({
                    "id": s.id, "title": s.title, "hold": s.hold, "act": s.act, "ticked": s.ticked(),
                    "state": word(s.state).split_once("] ").map_or("", |w| w.1),
                    "summary": s.summary, "grade": s.grade, "class": s.class, "at": s.at, "by": s.by,
                    "why_not": s.why_not, "next": s.next, "command": s.command, "voids_if": s.voids_if,
                    "evidence": s.evidence, "facts": s.facts,
                })
            })
            .collect();
        return output::json(&serde_json::json!({
            "checklist": view.checklist, "target": view.target, "environment": view.environment, "run": view.run,
            "issue": view.issue, "started_by": view.started_by, "started_at": view.started_at, "range": view.range, "subject": view.subject,
            "applied": view.applied, "closed": view.closed,
            "missing": view.missing().map(|s| s.id.clone()).collect::<Vec<_>>(),
            "steps": steps, "findings": view.findings,
        }));
    }
    let range = match (view.range.first(), view.range.last()) {
        (Some(a), Some(b)) if a == b => format!("{a:04}"),
        (Some(a), Some(b)) => format!("{a:04}…{b:04}"),
        _ => view.subject.clone().unwrap_or_else(|| "nothing pending".into()),
    };
    output::line(&format!("{} · {} · {} · {range}", view.title, view.target, view.environment.as_deref().unwrap_or("no environment")))?;
    let mut t = output::TextTable::new(&["state", "step", "what was found, or what is missing"]).in_prose();
    for s in &view.steps {
        let what = if s.ticked() || s.why_not.is_empty() { s.summary.clone() } else { s.why_not.join("; ") };
        let hold = if s.hold && !s.ticked() { " (hold point)" } else { "" };
        t.row(vec![word(s.state).into(), format!("{}{hold}", s.id), what]);
    }
    t.print()?;
    if let Some(s) = view.next.and_then(|i| view.steps.get(i)) {
        output::prose(&format!("Next: {}", s.next));
        // Whole on a line, to be copied.
        if !s.command.is_empty() {
            output::message(&format!("      {}", s.command));
        }
        if let Some(words) = s.facts.get(incident::PASTE) {
            output::message(&format!("To paste: {words}"));
        }
    }
    output::findings(&view.findings);
    Ok(())
}
