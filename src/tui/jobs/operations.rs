//! Operations of `ops` for the panes: one arm for each, the report goes back as it is.

use super::{Live, Shared, files, lock};
use crate::app::Msg;
use crate::app::effect::{JobId, Operation};
use crate::app::msg::{CutOff, Ran, Report};
use crate::app::panes::journal;
use crate::config;
use crate::model::{Error, Result};
use crate::ops::checklist::{self, SCHEMA_MIGRATION, Scope, Signature};
use crate::ops::checklists::{self, Which};
use crate::ops::gate::Held;
use crate::ops::incident;
use crate::ops::{self, Connection, Cx};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub async fn operate(shared: Arc<Shared>, link: u64, job: JobId, operation: Operation) {
    let cx = shared.job_cx(job);
    let report = match operation {
        Operation::Demo => Report::Demo(demo(&shared, &cx).await),
        Operation::WriteTarget { path, text, name } => Report::TargetWritten(write_target(&shared, &cx, &path, &text).map(|()| name)),
        other if incident_of(&other).is_some() => match on_incident(&shared, &cx, link, other).await {
            Some(report) => report,
            None => return,
        },
        other => match shared.live(link) {
            Some(live) => on_target(&shared, &live, &cx, link, other).await,
            None => return,
        },
    };
    shared.unregister(job);
    shared.send(Msg::Ended { job, link, report });
}

/// The incident that an operation is about: it needs no open target.
fn incident_of(operation: &Operation) -> Option<&Which> {
    match operation {
        Operation::Checklist(w) | Operation::RunNext(w) | Operation::RunProvable(w) | Operation::SignIncident { which: w, .. } => {
            Some(w).filter(|w| w.target().is_some())
        }
        _ => None,
    }
}

async fn on_incident(shared: &Shared, cx: &Cx, link: u64, operation: Operation) -> Option<Report> {
    let target = |w: &Which| shared.target(w.target().unwrap_or_default());
    Some(match operation {
        Operation::Checklist(which) => {
            let result = target(&which).and_then(|t| incident::view(cx, &t, &which.id)).map(Box::new);
            Report::Checklist { which, result }
        }
        Operation::RunNext(which) => {
            let result = match target(&which) {
                Ok(t) => incident::run_next(cx, &t, &which.id).await,
                Err(e) => Err(e),
            };
            Report::Step { which, result }
        }
        Operation::RunProvable(which) => {
            let each = told(shared, link, &which);
            let result = match target(&which) {
                Ok(t) => incident::run_all(cx, &t, &which.id, None, &each).await.map(Box::new),
                Err(e) => Err(e),
            };
            Report::Steps { which, result }
        }
        Operation::SignIncident { which, step, name, text } => {
            let signature = Signature { name, text, typed_target: None };
            Report::Signed(target(&which).and_then(|t| incident::sign(cx, &t, &which.id, &step, &signature)).map(Box::new))
        }
        _ => return None,
    })
}

/// Tells the loop of each step; when the console ends, nobody is left to tell.
fn told(shared: &Shared, link: u64, which: &Which) -> impl Fn(&checklist::StepOutcome) + Send + Sync + use<> {
    let (tx, which) = (shared.tx.clone(), which.clone());
    move |o| {
        let _ = tx.send(Msg::Stepped { link, which: which.clone(), outcome: o.clone() });
    }
}

async fn on_target(shared: &Shared, live: &Live, cx: &Cx, link: u64, operation: Operation) -> Report {
    let conn = &live.connection;
    match operation {
        Operation::Queue => Report::Queue(ops::migrate::status(cx, conn).await.map(Box::new)),
        Operation::Checklist(which) => {
            let result = checklists::view(cx, conn, &which).await.map(Box::new);
            Report::Checklist { which, result }
        }
        Operation::Checklists => Report::Checklists(checklists::list(cx, conn).await),
        Operation::CutOff => Report::CutOff(cut_off(cx, conn).await),
        Operation::StartRun { upto, issue } => {
            Report::RunStarted(checklist::scope(cx, conn, SCHEMA_MIGRATION, &Scope { upto, issue }).await.map(Box::new))
        }
        Operation::RunNext(which) => {
            let result = checklists::run_next(cx, conn, &which).await;
            Report::Step { which, result }
        }
        Operation::RunProvable(which) => {
            let each = told(shared, link, &which);
            let result = checklists::run_all(cx, conn, &which, &each).await.map(Box::new);
            Report::Steps { which, result }
        }
        Operation::Sign { step, name, text, typed_target } => {
            let signature = Signature { name, text, typed_target };
            Report::Signed(checklist::sign(cx, conn, SCHEMA_MIGRATION, &step, &signature).await.map(Box::new))
        }
        Operation::Evidence(id) => {
            Report::Evidence(ops::evidence::list(cx, None).map(|all| all.into_iter().find(|e| e.id == id).map(Box::new)))
        }
        Operation::Prove(upto) => Report::Proof(ops::migrate::prove(cx, conn, upto).await.map(Box::new)),
        Operation::CheckGate { upto } => {
            // The clearance is dropped at once: it is made anew when the target's name was typed.
            let result = ops::gate::clear(cx, conn, upto).await.map(|r| r.map(|c| c.versions()));
            Report::Gate { upto, result }
        }
        Operation::Apply { upto, typed } => Report::Applied(apply(conn, cx, upto, &typed).await),
        Operation::PreviewRevert { downto } => Report::RevertPreview { downto, result: ops::gate::preview_revert(cx, conn, downto).await },
        Operation::Revert { downto, typed } => Report::Reverted(revert(conn, cx, downto, &typed).await),
        Operation::CloseRun => Report::RunClosed(checklist::close(cx, conn, SCHEMA_MIGRATION).await),
        Operation::Rehearse { target, upto } => {
            let result = rehearse(cx, &target, upto).await;
            Report::Rehearsed { target, result }
        }
        Operation::Backups => Report::Backups(ops::backup::list(cx, conn).await),
        Operation::TakeBackup => Report::Taken(ops::backup::take(cx, conn).await.map(Box::new)),
        Operation::VerifyBackup(dir) => Report::Verified(ops::backup::verify(cx, conn, dir.as_deref()).await.map(Box::new)),
        Operation::Journal { before } => {
            let filter = ops::journal::Filter { before, limit: Some(journal::PAGE), ..Default::default() };
            Report::Journal { before, result: ops::journal::show(cx, &filter) }
        }
        Operation::VerifyJournal => Report::JournalVerified(ops::journal::verify(cx)),
        Operation::Sessions => {
            let own = live.query.backend();
            Report::Sessions(ops::running::look(conn, own).await.map(Box::new))
        }
        Operation::SessionPlan(id) => Report::SessionPlan { id, result: ops::running::plan_of(cx, conn, id).await.map(Box::new) },
        // Handled before a target is looked for.
        Operation::Demo | Operation::WriteTarget { .. } | Operation::SignIncident { .. } => {
            Report::Demo(Err(Error::failed("not an operation on a target")))
        }
    }
}

/// Applies what the gate clears. The name was typed; it is compared here once more, at the last point before the gate.
async fn apply(conn: &Connection, cx: &Cx, upto: Option<i64>, typed: &str) -> Result<Result<Ran, Held>> {
    same_name(conn, typed)?;
    let clearance = match ops::gate::clear(cx, conn, upto).await? {
        Ok(c) => c,
        Err(held) => return Ok(Err(held)),
    };
    let r = ops::migrate::apply(cx, conn, clearance).await?;
    Ok(Ok(Ran { run: r.run, steps: r.steps, took: r.took, findings: r.findings }))
}

async fn revert(conn: &Connection, cx: &Cx, downto: Option<i64>, typed: &str) -> Result<Result<Ran, Held>> {
    same_name(conn, typed)?;
    let right = match ops::gate::clear_revert(cx, conn, downto, Some(typed)).await? {
        Ok(r) => r,
        Err(held) => return Ok(Err(held)),
    };
    let r = ops::migrate::revert(cx, conn, right).await?;
    Ok(Ok(Ran { run: r.run, steps: r.steps, took: r.took, findings: r.findings }))
}

fn same_name(conn: &Connection, typed: &str) -> Result<()> {
    if typed == conn.target().name { Ok(()) } else { Err(Error::held("the typed name is not the name of the target")) }
}

/// Rehearses on a target that is not the open one, over connections of its own.
async fn rehearse(cx: &Cx, target: &str, upto: Option<i64>) -> Result<Ran> {
    let conn = ops::connect::connect(cx, target).await?;
    let r = ops::migrate::rehearse(cx, &conn, upto).await?;
    Ok(Ran { run: r.run, steps: r.steps, took: r.took, findings: r.findings })
}

/// Runs without an end; those on this target are compared with it.
async fn cut_off(cx: &Cx, conn: &Connection) -> Result<CutOff> {
    let mut out = CutOff::default();
    for u in ops::recover::unfinished(cx)? {
        if u.target == conn.target().name {
            out.here.push(ops::recover::explain(cx, conn, &u).await?);
        } else {
            out.elsewhere.push(u);
        }
    }
    Ok(out)
}

/// Makes (or finds) the demo under the working directory and goes over to its configuration.
async fn demo(shared: &Shared, cx: &Cx) -> Result<PathBuf> {
    let dir = cx.config.around.cwd.join("holdpoint-demo");
    let demo = tokio::select! {
        made = ops::demo::create(&dir, &*cx.progress) => made?,
        // What is half made has no name yet and goes with the future.
        () = cx.cancel.cancelled() => return Err(Error::cancelled()),
    };
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
