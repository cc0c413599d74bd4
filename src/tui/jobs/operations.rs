//! Operations of `ops` for the panes: one arm for each, the report goes back as it is, or as a sentence.

use super::{Live, Shared, files, lock};
use crate::app::Msg;
use crate::app::effect::{JobId, Operation};
use crate::app::msg::Report;
use crate::config;
use crate::model::{Error, Result};
use crate::ops::checklist::{self, SCHEMA_MIGRATION, Scope, Signature};
use crate::ops::{self, Cx};
use crate::text;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub async fn operate(shared: Arc<Shared>, link: u64, job: JobId, operation: Operation) {
    let cx = shared.job_cx(job);
    let report = match operation {
        Operation::Demo => Report::Demo(demo(&shared, &cx).await),
        Operation::WriteTarget { path, text, name } => Report::TargetWritten(write_target(&shared, &cx, &path, &text).map(|()| name)),
        other => match shared.live(link) {
            Some(live) => on_target(&shared, &live, &cx, other).await,
            None => return,
        },
    };
    shared.unregister(job);
    shared.send(Msg::Ended { job, link, report });
}

async fn on_target(shared: &Shared, live: &Live, cx: &Cx, operation: Operation) -> Report {
    let conn = &live.connection;
    match operation {
        Operation::Queue => Report::Queue(ops::migrate::status(cx, conn).await.map(Box::new)),
        Operation::Checklist => Report::Checklist(checklist::view(cx, conn, SCHEMA_MIGRATION).await.map(Box::new)),
        Operation::StartRun { upto, issue } => {
            Report::Checklist(checklist::scope(cx, conn, SCHEMA_MIGRATION, &Scope { upto, issue }).await.map(Box::new))
        }
        Operation::RunNext => Report::Step(checklist::run_next(cx, conn, SCHEMA_MIGRATION).await),
        Operation::RunStep(step) => Report::Step(checklist::run_step(cx, conn, SCHEMA_MIGRATION, &step).await),
        Operation::RunProvable => {
            let tx = shared.tx.clone();
            let each = move |o: &checklist::StepOutcome| {
                let note = if o.holds {
                    crate::app::state::Note::ok(o.summary.clone())
                } else {
                    crate::app::state::Note::warning(o.summary.clone())
                };
                let _ = tx.send(Msg::Said(note));
            };
            Report::Checklist(checklist::run_all_provable(cx, conn, SCHEMA_MIGRATION, &each).await.map(Box::new))
        }
        Operation::Sign { step, name, text, typed_target } => {
            let signature = Signature { name, text, typed_target };
            Report::Signed(checklist::sign(cx, conn, SCHEMA_MIGRATION, &step, &signature).await.map(|e| e.summary))
        }
        Operation::Prove(version) => Report::Proof(ops::migrate::prove(cx, conn, Some(version)).await.map(|p| {
            let of = p.steps.iter().find(|s| s.version == Some(version)).map(|s| s.summary.clone());
            of.or_else(|| p.why_not.first().cloned()).unwrap_or_else(|| "proven".into())
        })),
        Operation::Apply { typed } => Report::Applied(apply(live, cx, &typed).await),
        Operation::PreviewRevert { downto } => Report::RevertPreview(ops::gate::preview_revert(cx, conn, downto).await),
        Operation::Revert { downto, typed } => Report::Reverted(revert(live, cx, downto, &typed).await),
        Operation::CloseRun => Report::Signed(checklist::close(cx, conn, SCHEMA_MIGRATION).await.map(|()| "The run is closed.".into())),
        Operation::Backups => Report::Backups(ops::backup::list(cx, conn).await),
        Operation::TakeBackup => Report::Taken(ops::backup::take(cx, conn).await.map(|r| r.evidence.summary)),
        Operation::VerifyBackup(dir) => Report::Verified(ops::backup::verify(cx, conn, dir.as_deref()).await.map(|r| r.evidence.summary)),
        Operation::Journal => {
            let filter = ops::journal::Filter { limit: Some(1000), ..Default::default() };
            Report::Journal(ops::journal::show(cx, &filter))
        }
        Operation::VerifyJournal => Report::JournalVerified(ops::journal::verify(cx).and_then(|v| match v {
            ops::journal::Verification::Intact { entries, head } => {
                Ok(format!("Intact: {} entries, head {}.", text::thousands(entries), head.get(..12).unwrap_or(&head)))
            }
            ops::journal::Verification::Broken { at, why } => Err(Error::failed(format!("the journal is broken at entry {at}: {why}"))),
        })),
        // Handled before a target is looked for.
        Operation::Demo | Operation::WriteTarget { .. } => Report::Demo(Err(Error::failed("not an operation on a target"))),
    }
}

/// Applies what the gate clears. The name was typed; it is compared here once more, at the last point before the gate.
async fn apply(live: &Live, cx: &Cx, typed: &str) -> Result<String> {
    let conn = &live.connection;
    if typed != conn.target().name {
        return Err(Error::held("the typed name is not the name of the target"));
    }
    let clearance = ops::gate::clear(cx, conn, None).await?.map_err(Error::from)?;
    let report = ops::migrate::apply(cx, conn, clearance).await?;
    Ok(format!("Applied {} in {}.", versions(report.steps.iter().map(|s| s.version)), text::duration(report.took)))
}

async fn revert(live: &Live, cx: &Cx, downto: Option<i64>, typed: &str) -> Result<String> {
    let conn = &live.connection;
    if typed != conn.target().name {
        return Err(Error::held("the typed name is not the name of the target"));
    }
    let right = ops::gate::clear_revert(cx, conn, downto, Some(typed)).await?.map_err(Error::from)?;
    let report = ops::migrate::revert(cx, conn, right).await?;
    Ok(format!("Reverted {} in {}.", versions(report.steps.iter().map(|s| s.version)), text::duration(report.took)))
}

fn versions(of: impl Iterator<Item = i64>) -> String {
    of.map(|v| v.to_string()).collect::<Vec<_>>().join(", ")
}

/// Makes (or finds) the demo under the working directory and goes over to its configuration.
async fn demo(shared: &Shared, cx: &Cx) -> Result<PathBuf> {
    let dir = cx.config.around.cwd.join("holdpoint-demo");
    let demo = ops::demo::create(&dir, &*cx.progress).await?;
    let config = config::load(Some(&demo.config), &cx.config.around.cwd)?;
    let fresh = Cx::new(config);
    shared.send(Msg::Configured { config: fresh.config.clone(), guide: true, open: Some(ops::demo::START_TARGET.to_string()) });
    *lock(&shared.cx) = fresh;
    files::open(shared, demo.start.clone());
    Ok(demo.dir)
}

/// Adds the text to the project file, after checking that the whole still reads; then reads the configuration again.
fn write_target(shared: &Shared, cx: &Cx, path: &Path, text: &str) -> Result<()> {
    let old = if path.exists() { files::read(path)? } else { String::new() };
    let gap = if old.is_empty() || old.ends_with("\n\n") {
        ""
    } else if old.ends_with('\n') {
        "\n"
    } else {
        "\n\n"
    };
    files::replace(path, &format!("{old}{gap}{text}"), Some(0o600))?;
    match config::load(Some(path), &cx.config.around.cwd) {
        Ok(config) => {
            let config = Arc::new(config);
            lock(&shared.cx).config = config.clone();
            shared.send(Msg::Configured { config, guide: false, open: None });
            Ok(())
        }
        Err(e) => {
            // It does not read any more: as it was before.
            if old.is_empty() {
                std::fs::remove_file(path).map_err(|e| Error::io("removing the new file", e))?
            } else {
                files::replace(path, &old, None)?
            }
            Err(e)
        }
    }
}
