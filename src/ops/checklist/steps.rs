//! The operation behind each provable step.

use super::StepOutcome;
use crate::config::StepDef;
use crate::model::evidence::Evidence;
use crate::model::migration::Standing;
use crate::model::{Error, Result, Severity};
use crate::ops::gate::judge::{self, Judge};
use crate::ops::gate::situation::Situation;
use crate::ops::migrate::files;
use crate::ops::record::{Draft, shown_range};
use crate::ops::{Connection, Cx, backup, migrate};
use crate::store::journal::Filter;
use serde_json::json;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

/// Runs a step's operation. What it records is evidence whether it holds or not.
pub(super) async fn run(cx: &Cx, conn: &Connection, s: &Situation, def: &StepDef) -> Result<StepOutcome> {
    let one = |e: Evidence| StepOutcome { step: def.id.clone(), holds: e.holds, summary: e.summary.clone(), evidence: vec![e] };
    match def.evidence.as_str() {
        "backup-taken" => Ok(one(backup::take(cx, conn).await?.evidence)),
        "restore-verified" => {
            let judge = Judge { config: &cx.config, target: conn.target(), dialect: conn.dialect(), s };
            let dir = judge.backup().and_then(|b| b.evidence.facts.get("dir").map(PathBuf::from));
            let dir = dir.ok_or_else(|| {
                Error::held(format!("held: there is no valid backup of {} to verify", conn.target().name))
                    .hint(format!("holdpoint backup take {}", conn.target().name))
            })?;
            Ok(one(backup::verify(cx, conn, Some(&dir)).await?.evidence))
        }
        "rollback-proven" => {
            s.need_range(&conn.target().name)?;
            let report = migrate::prove(cx, conn, s.range.last().map(|m| m.version)).await?;
            let e = report.evidence.into_iter().next_back().ok_or_else(|| Error::failed("the proof recorded nothing"))?;
            Ok(one(e))
        }
        "files-intact" => Ok(one(files_intact(cx, conn, s)?)),
        "down-present" => Ok(one(down_present(cx, conn, s)?)),
        "applied-earlier" => Ok(one(applied_earlier(cx, conn, s)?)),
        "preconditions" => Ok(one(preconditions(cx, conn, s).await?)),
        "validated" => Ok(one(validate(cx, conn, s)?)),
        "recorded" => Ok(one(record(cx, conn, s)?)),
        other => Err(Error::failed(format!("no operation proves `{other}`"))),
    }
}

fn files_intact(cx: &Cx, conn: &Connection, s: &Situation) -> Result<Evidence> {
    s.need_range(&conn.target().name)?;
    let wrong = judge::broken_files(s);
    let statements: usize = s.range.iter().map(|m| files::statements(conn.dialect(), &m.up.text).len()).sum();
    let applied = s.queue.items.iter().filter(|i| matches!(i.standing, Standing::Applied | Standing::LineEnds)).count();
    let summary = match wrong.first() {
        None => format!(
            "{}: {}; {} fit their files",
            shown_range(&s.versions()),
            crate::text::counted(statements as u64, "statement"),
            crate::text::counted(applied as u64, "applied migration")
        ),
        Some(first) if wrong.len() > 1 => format!("{first}, and {} more", wrong.len() - 1),
        Some(first) => first.clone(),
    };
    cx.record(Draft::new("files-intact", conn.target(), &s.identity, wrong.is_empty(), summary).scripts(&s.range))
}

fn down_present(cx: &Cx, conn: &Connection, s: &Situation) -> Result<Evidence> {
    s.need_range(&conn.target().name)?;
    let wrong = judge::without_down(conn.dialect(), &s.range);
    let summary = match wrong.first() {
        None => format!("{} of {} down scripts hold statements", s.range.len(), s.range.len()),
        Some(_) => wrong.join("; "),
    };
    cx.record(Draft::new("down-present", conn.target(), &s.identity, wrong.is_empty(), summary).scripts(&s.range))
}

fn applied_earlier(cx: &Cx, conn: &Connection, s: &Situation) -> Result<Evidence> {
    s.need_range(&conn.target().name)?;
    let draft = match judge::promotion(&cx.config, conn.target(), s) {
        Ok(good) => {
            let summary = if good.is_empty() {
                "no environment comes before this one".to_string()
            } else {
                good.iter().map(|g| g.0.clone()).collect::<Vec<_>>().join("; ")
            };
            let mut d = Draft::new("applied-earlier", conn.target(), &s.identity, true, summary);
            for (i, (_, ids)) in good.iter().enumerate() {
                d = d.fact(format!("rests on {}", i + 1), ids.join(" "));
            }
            d
        }
        Err(lacking) => {
            let summary = lacking.iter().map(|l| l.why.clone()).collect::<Vec<_>>().join("; ");
            Draft::new("applied-earlier", conn.target(), &s.identity, false, summary)
        }
    };
    cx.record(draft.scripts(&s.range))
}

async fn preconditions(cx: &Cx, conn: &Connection, s: &Situation) -> Result<Evidence> {
    // On a session like the run's own: whether it may write is one of the questions.
    let session = conn.migrator().await?;
    let findings = conn.engine().migrations().get()?.preconditions(&session).await;
    session.close().await;
    let findings = findings?;
    let of = |severity: Severity| findings.iter().filter(move |f| f.severity == severity).map(|f| f.message.clone()).collect::<Vec<_>>();
    let (critical, warnings, unseen) = (of(Severity::Critical), of(Severity::Warning), of(Severity::Unknown));
    let mut summary = if critical.is_empty() { "nothing is in the way".to_string() } else { critical.join("; ") };
    if !warnings.is_empty() {
        let _ = write!(summary, "; note: {}", warnings.join("; "));
    }
    // What could not be seen is said, and is not the same as being in order.
    if !unseen.is_empty() {
        let _ = write!(summary, "; could not see: {}", unseen.join("; "));
    }
    let mut draft = Draft::new("preconditions", conn.target(), &s.identity, critical.is_empty(), summary);
    for (i, f) in findings.iter().enumerate() {
        let severity = format!("{:?}", f.severity).to_lowercase();
        draft = draft.fact(format!("{severity} {:02} {}", i + 1, f.check), f.message.clone());
    }
    cx.record(draft)
}

/// After the apply: the live catalogue is what the proof found after its ups, and the history names the range.
fn validate(cx: &Cx, conn: &Connection, s: &Situation) -> Result<Evidence> {
    let judge = Judge { config: &cx.config, target: conn.target(), dialect: conn.dialect(), s };
    let applied = judge.applied_record().filter(|_| s.applied).ok_or_else(|| {
        Error::held("held: nothing of this run is applied yet, so there is nothing to validate")
            .hint(format!("holdpoint migrate apply {}", conn.target().name))
    })?;
    let run = s.run.as_ref().map(|r| r.id.clone()).unwrap_or_default();
    let mut wrong: Vec<String> = s
        .queue
        .items
        .iter()
        .filter(|i| s.range.iter().any(|m| m.version == i.version) && !matches!(i.standing, Standing::Applied | Standing::LineEnds))
        .map(|i| format!("{} {} does not stand as applied in the history", crate::ops::record::shown_version(i.version), i.name))
        .collect();
    let predicted = applied.evidence.facts.get("schema predicted");
    let compared = match predicted {
        Some(hash) if *hash == s.schema => "the catalogue is what the proof predicted",
        Some(_) => {
            wrong.push("the catalogue is not the one that the proof found after the ups: something else changed the schema, or the script does otherwise here".into());
            ""
        }
        None => "no proof was asked for here, so the catalogue was not compared",
    };
    let summary = if wrong.is_empty() { format!("the history names {}; {compared}", shown_range(&s.versions())) } else { wrong.join("; ") };
    let draft = Draft::new("validated", conn.target(), &s.identity, wrong.is_empty(), summary).scripts(&s.range).fact("run", run);
    cx.record(draft.fact("schema now", s.schema.clone()))
}

/// Writes the run's report as Markdown and JSON, and closes the run.
fn record(cx: &Cx, conn: &Connection, s: &Situation) -> Result<Evidence> {
    let target = conn.target();
    let view = super::show(cx, conn, s);
    let Some(run) = s.open_run().filter(|_| s.applied) else {
        return Err(Error::held("held: nothing of this run is applied yet, so there is nothing to record"));
    };
    if let Some(open) = view.steps.iter().find(|v| v.hold && !v.ticked()) {
        return Err(
            Error::held(format!("held: before the run is closed, {} must be ticked: {}", open.id, open.summary)).hint(open.next.clone())
        );
    }
    let dir = cx.config.state_dir.join("reports");
    let making = |e| Error::io(format!("writing the report into {}", crate::text::clean(&dir.to_string_lossy())), e);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(making)?;
    let entries = cx.store.entries(&Filter { target: Some(target.name.clone()), after: Some(run.seq - 1), ..Filter::default() })?;
    let md = markdown(&view, run, &entries);
    let body = json!({
        "checklist": view.checklist, "target": view.target, "database": s.identity.subject(), "run": run.id, "issue": run.issue,
        "started_by": run.started_by, "started_at": run.started_at, "range": view.range,
        "steps": view.steps.iter().map(|v| json!({
            "id": v.id, "title": v.title, "summary": v.summary, "by": v.by, "at": v.at, "evidence": v.evidence, "facts": v.facts,
        })).collect::<Vec<_>>(),
        "journal": entries.iter().rev().collect::<Vec<_>>(),
    });
    let stem = format!("{}-{}", cx.clock.now().strftime("%Y%m%dT%H%M%SZ"), run.id);
    let write = |ext: &str, text: &str| -> Result<PathBuf> {
        let path = dir.join(format!("{stem}.{ext}"));
        let mut f = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path).map_err(making)?;
        f.write_all(text.as_bytes()).map_err(making)?;
        Ok(path)
    };
    let report = write("md", &md)?;
    write("json", &serde_json::to_string_pretty(&body).map_err(|e| Error::failed(format!("writing the report: {e}")))?)?;
    let summary = format!("{} applied and validated; report in {}", shown_range(&s.versions()), report.to_string_lossy());
    let draft = Draft::new("recorded", target, &s.identity, true, summary)
        .scripts(&s.range)
        .fact("run", run.id.clone())
        .fact("report", report.to_string_lossy())
        .fact("report sha256", hex::encode(<sha2::Sha256 as sha2::Digest>::digest(md.as_bytes())));
    let e = cx.record(draft)?;
    cx.store.close_run(&run.id, "recorded", cx.entry("run-closed", &target.name, serde_json::Value::Null))?;
    Ok(e)
}

fn markdown(view: &super::RunView, run: &crate::store::runs::Run, entries: &[crate::store::journal::Entry]) -> String {
    let mut out = format!(
        "# {} on {}\n\nRun {}{}, started by {} (claimed) at {}. Range {}.\n\n## Steps\n\n",
        view.title,
        view.target,
        run.id,
        run.issue.as_ref().map(|i| format!(" for {i}")).unwrap_or_default(),
        run.started_by,
        run.started_at,
        shown_range(&view.range),
    );
    for v in &view.steps {
        let mark = if v.ticked() { "x" } else { " " };
        let who = v.by.as_ref().map(|b| format!(" ({b}, {})", v.at.clone().unwrap_or_default())).unwrap_or_default();
        let _ = writeln!(out, "- [{mark}] **{}**{who}: {}", v.title, v.summary);
        if let Some(id) = &v.evidence {
            let _ = writeln!(out, "  evidence `{id}`");
        }
    }
    out.push_str("\n## Journal\n\n");
    for e in entries.iter().rev() {
        let _ = writeln!(out, "{}. {} {} {}@{}: {}", e.seq, e.at, e.kind, e.operator, e.host, e.sentence());
    }
    if let Some(last) = entries.first() {
        let _ = writeln!(out, "\nHead of the journal's hash chain when this was written: `{}`.", last.hash);
    }
    out
}
