//! `holdpoint migrate`: the queue, the proof, apply, revert, rehearse.

use super::args::{Migrate, Range};
use super::{connect, output};
use crate::cli::Format;
use crate::model::migration::{RollbackClass, Standing};
use crate::model::{Result, Severity};
use crate::ops::checklist::{self, Scope};
use crate::ops::migrate::{ApplyReport, ProofReport, Queue, RevertReport, StepProof, StepRun};
use crate::ops::{Connection, Cx, gate, migrate as ops, recover};
use crate::text;
use std::process::ExitCode;
use std::time::Duration;

pub async fn migrate(cx: &Cx, command: Migrate) -> Result<ExitCode> {
    match command {
        Migrate::Status(r) => status(cx, r).await,
        Migrate::Prove(r) => prove(cx, r).await,
        Migrate::Rehearse(r) => {
            let conn = connect::open(cx, &r.target).await?;
            let report = ops::rehearse(cx, &conn, r.to).await?;
            applied(&report, "applied, reverted and applied again", &r)?;
            Ok(ExitCode::SUCCESS)
        }
        Migrate::Apply(r) => {
            let conn = connect::open(cx, &r.target).await?;
            if r.to.is_some() {
                checklist::scope(cx, &conn, checklist::SCHEMA_MIGRATION, &Scope { upto: r.to, issue: None }).await?;
            }
            let clearance = gate::clear(cx, &conn, r.to).await??;
            let report = ops::apply(cx, &conn, clearance).await?;
            applied(&report, "applied", &r)?;
            Ok(ExitCode::SUCCESS)
        }
        Migrate::Revert { range, confirm } => {
            let conn = connect::open(cx, &range.target).await?;
            let preview = gate::preview_revert(cx, &conn, range.to).await?;
            if !preview.proven {
                output::message("these down scripts were not proven on this database: what they lose is not known");
            }
            for l in &preview.losses {
                output::message(&format!("loses: {l}"));
            }
            let right = gate::clear_revert(cx, &conn, range.to, confirm.as_deref()).await??;
            let report = ops::revert(cx, &conn, right).await?;
            reverted(&report, &range)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

pub fn standing(s: Standing) -> &'static str {
    match s {
        Standing::Applied => "applied",
        Standing::Pending => "pending",
        Standing::Late => "late",
        Standing::Edited => "edited after apply",
        Standing::LineEnds => "applied, other line ends",
        Standing::Dirty => "half applied",
        Standing::FileMissing => "file missing",
    }
}

fn class(c: RollbackClass) -> &'static str {
    match c {
        RollbackClass::Exact => "exact",
        RollbackClass::Lossy => "lossy",
        RollbackClass::Equivalent => "equivalent",
        RollbackClass::Irreversible => "irreversible",
    }
}

async fn status(cx: &Cx, r: Range) -> Result<ExitCode> {
    let conn = connect::open(cx, &r.target).await?;
    let queue: Queue = ops::status(cx, &conn).await?;
    let mut bad = queue.findings.iter().any(|f| f.severity >= Severity::Warning);
    bad |= cut_off(cx, &conn).await?;
    match r.format {
        Format::Json | Format::Ndjson => {
            let items: Vec<_> = queue
                .items
                .iter()
                .map(|i| {
                    serde_json::json!({
                        "version": i.version,
                        "name": i.name,
                        "standing": i.standing,
                        "down": i.migration.as_ref().map(|m| m.down.is_some()),
                        "installed_on": i.applied.as_ref().map(|a| &a.installed_on),
                        "rollback": i.class,
                        "verdict": i.verdict,
                    })
                })
                .collect();
            output::json(&serde_json::json!({ "directory": queue.dir, "items": items, "findings": queue.findings }))?;
        }
        Format::Table | Format::Csv => {
            let mut t = output::TextTable::new(&[">version", "name", "standing", "down", "rollback", "verdict"]);
            for i in &queue.items {
                let down = match &i.migration {
                    Some(m) if m.down.is_some() => "yes",
                    Some(_) => "missing",
                    None => "",
                };
                t.row(vec![
                    i.version.to_string(),
                    i.name.clone(),
                    standing(i.standing).into(),
                    down.into(),
                    i.class.map_or("", class).into(),
                    i.verdict.clone().unwrap_or_default(),
                ]);
            }
            t.print()?;
            output::findings(&queue.findings);
        }
    }
    Ok(if bad { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Explains the runs on this target that were cut off; whether there were any.
async fn cut_off(cx: &Cx, conn: &Connection) -> Result<bool> {
    if cx.store.problem().is_some() {
        return Ok(false);
    }
    let mut any = false;
    for what in recover::unfinished(cx)?.into_iter().filter(|u| u.target == conn.target().name) {
        any = true;
        let e = recover::explain(cx, conn, &what).await?;
        output::message(&e.summary);
        for line in e.truths.iter().chain(&e.next) {
            output::message(&format!("  {line}"));
        }
    }
    Ok(any)
}

async fn prove(cx: &Cx, r: Range) -> Result<ExitCode> {
    let conn = connect::open(cx, &r.target).await?;
    let report: ProofReport = ops::prove(cx, &conn, r.to).await?;
    match r.format {
        Format::Json | Format::Ndjson => {
            let unit = |s: &StepProof| {
                serde_json::json!({
                    "version": s.version,
                    "name": s.name,
                    "class": s.class,
                    "summary": s.summary,
                    "differences": s.differences,
                    "lost": s.lost,
                    "statements": s.statements.iter().map(|(t, d)| serde_json::json!({"text": t, "ms": ms(*d)})).collect::<Vec<_>>(),
                    "up_ms": ms(s.up),
                    "down_ms": s.down.map(ms),
                })
            };
            output::json(&serde_json::json!({
                "backup": report.backup,
                "holds": report.holds,
                "why_not": report.why_not,
                "steps": report.steps.iter().map(unit).collect::<Vec<_>>(),
                "range": report.range.as_ref().map(unit),
                "findings": report.findings,
            }))?;
        }
        Format::Table | Format::Csv => {
            let mut t = output::TextTable::new(&[">version", "name", "rollback", ">up", ">down", "what was found"]).in_prose();
            for s in report.steps.iter().chain(&report.range) {
                t.row(vec![
                    s.version.map_or("range".into(), |v| v.to_string()),
                    s.name.clone(),
                    class(s.class).into(),
                    text::duration(s.up),
                    s.down.map_or(String::new(), text::duration),
                    s.summary.clone(),
                ]);
            }
            t.print()?;
            output::findings(&report.findings);
            if report.holds {
                output::message("Proven on a restore of the backup.");
            } else {
                output::message("Not proven:");
                for why in &report.why_not {
                    output::message(&format!("  {why}"));
                }
            }
        }
    }
    Ok(if report.holds { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1000.0
}

fn steps_json(steps: &[StepRun]) -> Vec<serde_json::Value> {
    steps.iter().map(|s| serde_json::json!({"version": s.version, "name": s.name, "statements": s.statements, "ms": ms(s.took)})).collect()
}

fn steps_text(steps: &[StepRun], done: &str) -> Result<()> {
    for s in steps {
        output::line(&format!(
            "{:04} {}  {done}, {}, {}",
            s.version,
            s.name,
            text::counted(s.statements as u64, "statement"),
            text::duration(s.took)
        ))?;
    }
    Ok(())
}

fn applied(report: &ApplyReport, done: &str, r: &Range) -> Result<()> {
    output::findings(&report.findings);
    match r.format {
        Format::Json | Format::Ndjson => output::json(&serde_json::json!({
            "run": report.run, "steps": steps_json(&report.steps), "ms": ms(report.took), "findings": report.findings,
        })),
        Format::Table | Format::Csv => {
            steps_text(&report.steps, done)?;
            output::message(&format!("Until the run is closed, `holdpoint migrate revert {}` takes it back.", r.target));
            Ok(())
        }
    }
}

fn reverted(report: &RevertReport, r: &Range) -> Result<()> {
    output::findings(&report.findings);
    match r.format {
        Format::Json | Format::Ndjson => output::json(&serde_json::json!({
            "run": report.run, "steps": steps_json(&report.steps), "ms": ms(report.took), "findings": report.findings,
        })),
        Format::Table | Format::Csv => steps_text(&report.steps, "reverted"),
    }
}
