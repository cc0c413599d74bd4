//! Running statements: admitted by `ops::query`, streamed into a spill, told to the screen at a pace that it can show.

use super::{Live, Shared, lock};
use crate::app::Msg;
use crate::app::effect::{FixAnswer, How, JobId, ResultId, Statement};
use crate::app::msg::RunEvent;
use crate::app::panes::fix::Report;
use crate::app::state::Note;
use crate::config::AccessMode;
use crate::engine::{Event, Outcome, Session, SessionStatus};
use crate::model::TableInfo;
use crate::model::{Error, Kind, NodePath, ReadOnly, Result, TxState};
use crate::ops::cells::{self, CellStatement};
use crate::ops::datafix::{self, BeforeImage, DataFix};
use crate::ops::query::{Admission, admit};
use crate::ops::statements::{Ended, Ledger, Passed, Unasked, rows_lost, runs_to_its_end, told_of_effect};
use crate::ops::{self, Cx};
use crate::sql::params::{self, Bound};
use crate::sql::reads_otherwise;
use crate::sql::transaction::stands_alone;
use crate::store::spill::RowSpill;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Rows that a preview asks for.
const PREVIEW: u32 = 300;
/// The screen hears of further rows this often.
const PACE: Duration = Duration::from_millis(80);
/// Rows that are sent along at once, so that the first screen needs no question back, and their bytes.
const FIRST: u64 = 1000;
const FIRST_BYTES: usize = 4 * 1024 * 1024;

pub async fn preview(shared: Arc<Shared>, link: u64, job: JobId, result: ResultId, at: NodePath) {
    let Some(live) = shared.live(link) else { return finished(&shared, job) };
    match ops::schema::preview(&live.connection, &at, PREVIEW) {
        Some(text) => run(shared, link, job, result, vec![Statement::new(text, None)], How::default()).await,
        None => {
            let note = Note::info("It has no rows to show.");
            shared.send(Msg::Said(note));
            finished(&shared, job);
        }
    }
}

pub(super) fn finished(shared: &Shared, job: JobId) {
    shared.unregister(job);
    shared.send(Msg::Run { job, event: RunEvent::Finished });
}

pub async fn run(shared: Arc<Shared>, link: u64, job: JobId, first: ResultId, statements: Vec<Statement>, how: How) {
    let Some(live) = shared.live(link) else { return finished(&shared, job) };
    live.used.store(true, std::sync::atomic::Ordering::SeqCst);
    let cx = shared.job_cx(job);
    let mut ledger = Ledger::new(&cx, &live.connection);
    let last = statements.len().saturating_sub(1);
    let reading = live.query.status().reading;
    for (index, s) in statements.into_iter().enumerate() {
        let result = first + index as u64;
        shared.send(Msg::Run { job, event: RunEvent::Started { result, index, text: s.text.clone() } });
        // What a statement before it set may have moved the end of this one.
        let unread = reads_otherwise(reading, live.query.status().reading, &s.text);
        let proven = if how.watched { ops::query::only_reads(&live.connection, &s.text).await } else { Ok(()) };
        let begun = if proven.is_ok() && how.manual && !unread { begin(&live, &s.text).await } else { Ok(()) };
        // The newest of its results.
        let mut result = result;
        let ran = match begun {
            _ if proven.is_err() => proven.map(|()| true),
            Ok(()) if unread => Err(ops::query::read_otherwise()),
            Ok(()) => one(&shared, &live, &cx, &mut ledger, job, &mut result, &s, index == last).await,
            Err(e) => Err(e.context("beginning a transaction")),
        };
        match ran {
            Ok(true) if ledger.gone() => {
                unkept(&shared, ledger.keep());
                break;
            }
            Ok(true) => {}
            // A data fix waits for its answer: what follows is not run behind its back.
            Ok(false) => {
                unkept(&shared, ledger.keep());
                break;
            }
            Err(error) => {
                let cancelled = error.kind == Kind::Cancelled || cx.cancel.is_cancelled();
                // Without a connection nothing can come. In a failed transaction what comes may be its end, or go back to a savepoint.
                let over = index == last || !how.go_on || unread || cancelled || ledger.gone() || live.query.status().lost.is_some();
                if over {
                    unkept(&shared, ledger.keep());
                }
                shared.send(Msg::Run { job, event: RunEvent::Failed { result, error } });
                if over {
                    break;
                }
            }
        }
    }
    finished(&shared, job);
}

/// Opens a transaction for a statement that may stand in one, where none is open and the session may write.
pub(super) async fn begin(live: &Live, text: &str) -> Result<()> {
    let status = live.query.status();
    if status.tx != TxState::Idle || status.read_only != ReadOnly::No || stands_alone(live.connection.dialect(), text) {
        return Ok(());
    }
    live.query.fetch("BEGIN").await.map(drop)
}

/// The statement has run: a record that cannot be kept is told, and is no failure of it.
pub(super) fn unkept(shared: &Shared, kept: Result<()>) {
    if let Err(e) = kept {
        let note = crate::app::state::Note::warning(format!(
            "The statement ran, and could not be recorded in the journal and the history: {}",
            e.message
        ));
        shared.send(Msg::Said(note));
    }
}

/// Runs one statement; false when it left a data fix waiting. What the `last` one did is on record before its end is told: whoever
/// sees the result may go on at once.
#[expect(clippy::too_many_arguments, reason = "the parts of one run, which nothing else takes together")]
async fn one(
    shared: &Arc<Shared>,
    live: &Live,
    cx: &Cx,
    ledger: &mut Ledger<'_>,
    job: JobId,
    result: &mut ResultId,
    statement: &Statement,
    last: bool,
) -> Result<bool> {
    if cx.cancel.is_cancelled() {
        return Err(Error::cancelled());
    }
    let unlock = lock(&shared.unlock).clone();
    let text = statement.text.as_str();
    let bound = params::bind(live.query.status().reading, text, &statement.values)
        .map_err(|name| Error::usage(format!("the parameter {} has no value", crate::text::clean(&name))))?;
    match admit(cx, &live.connection, unlock.as_deref(), &bound.text).await? {
        Admission::Refused(e) => Err(e),
        Admission::Run => {
            let begun = Instant::now();
            let found = live.query.status();
            let tx = found.tx;
            ledger.sends(text, found);
            let streamed = stream(shared, live, cx, job, result, bound.clone(), statement.data.clone()).await;
            let (mut outcome, lost) = match streamed {
                Ok((done, lost)) => (Ok(done), lost),
                Err(e) => (Err(typed_place(e, &bound)), None),
            };
            let beyond = lost.as_ref().map_or(0, |(_, rows)| *rows);
            let rows = lock(&shared.rows).get(result).map_or(0, |r| r.rows()) + beyond;
            let done = outcome.as_ref().ok();
            let affected = done.and_then(|o| o.affected);
            let ended =
                Ended { text, took: begun.elapsed(), rows, affected, tag: done.map(|o| o.tag.as_str()), error: outcome.as_ref().err() };
            let status = live.query.status();
            unkept(shared, ledger.note(&ended, status.tx));
            let passed = ledger.passed().clone();
            match &mut outcome {
                Ok(outcome) => {
                    if last {
                        unkept(shared, ledger.keep());
                    }
                    shared.send(Msg::Run { job, event: RunEvent::Done { result: *result, outcome: outcome.clone() } });
                    if let Some((why, _)) = lost {
                        let why = rows_lost(why, live.connection.dialect(), text, affected.or(Some(rows)), status.tx);
                        shared.send(Msg::Run { job, event: RunEvent::Cut { result: *result, why } });
                    }
                }
                Err(e) => told_of_effect(e, passed.own),
            }
            if passed != Passed::default() {
                shared.send(Msg::Run { job, event: RunEvent::Passed { result: *result, passed } });
            }
            if let Some(Unasked { message, .. }) = ledger.unasked(text, tx, status.tx, &outcome).filter(|_| status.lost.is_none()) {
                if let Err(e) = &mut outcome {
                    e.hints.insert(0, message.clone());
                }
                // Behind the result, whose own words would take its place on the screen.
                shared.send(Msg::Run { job, event: RunEvent::Unasked { result: *result, message, gone: ledger.gone() } });
            }
            outcome.map(|_| true)
        }
        Admission::Guarded => {
            let begun = Instant::now();
            let opened = |session: &Session| *lock(&shared.fixing) = Some(session.clone());
            let fix = datafix::begin(cx, &live.connection, unlock.as_deref(), text, &statement.values, opened).await;
            let waits = fix_begun(shared, live, cx, fix)?;
            let affected = waits.report.affected;
            let outcome = crate::engine::Outcome {
                tag: crate::ops::datafix::TAG.into(),
                affected: Some(affected),
                elapsed: begun.elapsed(),
                ..crate::engine::Outcome::default()
            };
            shared.send(Msg::Run { job, event: RunEvent::Done { result: *result, outcome } });
            shared.send(Msg::Run { job, event: RunEvent::Fix { result: *result, fix: Box::new(waits.report.clone()) } });
            waits.watch(shared);
            Ok(false)
        }
    }
}

/// A data fix whose transaction is open.
struct Waits {
    report: Report,
    status: watch::Receiver<SessionStatus>,
    backend: Option<u64>,
}

impl Waits {
    /// From now on its end is told: once the screen knows of it.
    fn watch(self, shared: &Arc<Shared>) {
        tokio::spawn(watch_fix(shared.clone(), self.status, self.backend));
    }
}

/// Keeps a data fix for its answer. One whose end nobody has confirmed is looked after.
fn fix_begun(shared: &Arc<Shared>, live: &Live, cx: &Cx, fix: Result<DataFix>) -> Result<Waits> {
    let session = lock(&shared.fixing).take();
    let left = fix.as_ref().is_err_and(|e| e.kind == Kind::Connect) && cx.cancel.is_cancelled();
    let backend = session.and_then(|s| s.backend()).filter(|_| left);
    if let (Some(backend), Some(live)) = (backend, shared.live(live.link)) {
        tokio::spawn(super::connection::left_behind(shared.clone(), live, backend));
    }
    let fix = fix?;
    let before = match &fix.before {
        BeforeImage::Saved { path, rows } => {
            let n = if *rows == 1 { "The row as it was is".to_string() } else { format!("The {rows} rows as they were are") };
            format!("{n} saved in {}.", path.display())
        }
        BeforeImage::NotNeeded => "Nothing existed before, so nothing needed saving.".into(),
    };
    unkept(shared, fix.unrecorded.clone().map_or(Ok(()), Err));
    let report =
        Report { affected: fix.affected, before, cascades: fix.cascades.clone(), changes: fix.changes.clone(), locks: fix.locks.clone() };
    let (status, backend) = (fix.watch(), fix.backend());
    *lock(&shared.fix) = Some(fix);
    Ok(Waits { report, status, backend })
}

/// Writes edited cells: at once on an open target; elsewhere, and where foreign keys change other rows with them, as a data fix that
/// waits for its answer.
pub async fn write_cells(shared: Arc<Shared>, link: u64, job: JobId, result: ResultId, table: &TableInfo, statements: &[CellStatement]) {
    let Some(live) = shared.live(link) else { return };
    let cx = shared.job_cx(job);
    if live.connection.target().access == AccessMode::Open {
        let outcome = cells::write(&cx, &live.connection, &live.query, table, statements).await;
        if let Some(outcome) = outcome.transpose() {
            shared.unregister(job);
            return shared.send(Msg::CellsWritten { job, result, outcome });
        }
    }
    let unlock = lock(&shared.unlock).clone();
    let opened = |session: &Session| *lock(&shared.fixing) = Some(session.clone());
    let fix = datafix::begin_edits(&cx, &live.connection, unlock.as_deref(), table, statements, opened).await;
    let waits = fix_begun(&shared, &live, &cx, fix);
    shared.unregister(job);
    match waits {
        Ok(waits) => {
            shared.send(Msg::CellsWait { job, result, fix: Box::new(waits.report.clone()) });
            waits.watch(&shared);
        }
        Err(e) => shared.send(Msg::CellsWritten { job, result, outcome: Err(e) }),
    }
}

/// The place of an error in what was typed.
pub(super) fn typed_place(mut e: Error, sent: &Bound) -> Error {
    e.position = e.position.map(|at| sent.typed(at));
    e
}

/// Says at once when the connection of the data fix that waits is gone.
async fn watch_fix(shared: Arc<Shared>, mut status: watch::Receiver<SessionStatus>, backend: Option<u64>) {
    loop {
        let lost = status.borrow_and_update().lost.clone();
        if let Some(why) = lost {
            // Another one may wait by now, or the answer be on its way.
            let Some(fix) = lock(&shared.fix).take_if(|f| f.backend() == backend) else { return };
            if let Err(e) = fix.lost(&shared.cx(), &why) {
                shared.send(Msg::Said(Note::warning(format!("How the data fix ended could not be recorded: {}", e.message))));
            }
            shared.send(Msg::FixLost { why });
            return;
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}

/// Gives how the statement ended, and why rows at its end are not kept, with their number; telling that is the caller's. One that only reads is ended when they
/// cannot be kept, another one runs to its end.
async fn stream(
    shared: &Shared,
    live: &Live,
    cx: &Cx,
    job: JobId,
    at: &mut ResultId,
    sent: Bound,
    data: Option<Arc<str>>,
) -> Result<(Outcome, Option<(Error, u64)>)> {
    let tell = |event| shared.send(Msg::Run { job, event });
    let session = &live.query;
    let dialect = live.connection.dialect();
    let to_its_end = runs_to_its_end(dialect, &sent.text, session.status().tx);
    let text = sent.text.clone();
    let mut lost: Option<(Error, u64)> = None;
    let keep = |result: ResultId| -> Result<Arc<RowSpill>> {
        let spill = Arc::new(RowSpill::new(spill_dir(cx)?));
        lock(&shared.rows).insert(result, spill.clone());
        Ok(spill)
    };
    let mut result = *at;
    // Before anything is sent: what cannot be kept at all is not run.
    let mut spill = keep(result)?;
    let mut stream = session.run_sent(sent, data).await?;
    let mut begun = Instant::now();
    let mut told = Instant::now();
    let mut untold = false;
    let mut sent_along = 0;
    let mut asked = false;
    let mut stopped: Option<Error> = None;
    // Asking takes a connection of its own, which may hang; the rows, and the end, are heard meanwhile.
    let mut asking: Option<BoxFuture<'_, Error>> = None;
    loop {
        let event = tokio::select! {
            event = stream.next() => event,
            () = cx.cancel.cancelled(), if !asked => {
                // The server ends the statement, and the stream then ends with its error: the session is kept.
                asked = true;
                asking = Some(Box::pin(session.cancel_until_ended()));
                continue;
            }
            why = async { match &mut asking { Some(a) => a.await, None => std::future::pending().await } } => {
                asking = None;
                let mut note = Note::warning("Cancelling failed. Cancel again to hang up.");
                note.more.push(why.message);
                shared.send(Msg::Said(note));
                continue;
            }
        };
        match event {
            None => return Err(Error::failed("the statement ended without saying how")),
            Some(Err(e)) => {
                if untold {
                    tell(RunEvent::Rows { result, total: spill.rows(), first: None });
                }
                let e = stopped.unwrap_or(e);
                // Servers say in words of their own that a statement was cancelled.
                return Err(if asked && e.kind == Kind::Statement { Error::cancelled() } else { e });
            }
            Some(Ok(Event::Columns(columns))) => tell(RunEvent::Columns { result, columns }),
            Some(Ok(Event::Further(columns))) => {
                if untold {
                    tell(RunEvent::Rows { result, total: spill.rows(), first: None });
                    untold = false;
                }
                let tag = format!("SELECT {}", spill.rows());
                let outcome = crate::engine::Outcome { tag, elapsed: begun.elapsed(), ..crate::engine::Outcome::default() };
                begun = Instant::now();
                let before = result;
                result = shared.unforeseen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                *at = result;
                sent_along = 0;
                spill = keep(result)?;
                tell(RunEvent::Further { before, outcome, result, columns });
                if let Some((why, _)) = lost.take() {
                    tell(RunEvent::Cut { result: before, why: rows_lost(why, dialect, &text, None, session.status().tx) });
                }
            }
            Some(Ok(Event::Notice(notice))) => tell(RunEvent::Notice { result, notice }),
            Some(Ok(Event::Rows(batch))) => {
                if let Some((_, beyond)) = &mut lost {
                    *beyond += batch.rows() as u64;
                    continue;
                }
                let rows = batch.rows() as u64;
                let first = (spill.rows() < FIRST && sent_along < FIRST_BYTES).then(|| Arc::new(batch.clone()));
                sent_along += batch.size();
                if stopped.is_none()
                    && let Err(e) = spill.append(batch)
                {
                    if to_its_end {
                        let mut note = Note::warning("The further rows are not kept; the statement goes on to its end. Ctrl-C cancels it.");
                        note.more.push(e.message.clone());
                        shared.send(Msg::Said(note));
                        lost = Some((e, rows));
                        continue;
                    }
                    // What is kept stays readable; the rest is not fetched only to be thrown away.
                    stopped = Some(e.hint("The result is partial: the rows before are all here."));
                    asked = true;
                    asking = Some(Box::pin(session.cancel_until_ended()));
                    continue;
                }
                if first.is_some() || told.elapsed() >= PACE {
                    tell(RunEvent::Rows { result, total: spill.rows(), first });
                    told = Instant::now();
                    untold = false;
                } else {
                    untold = true;
                }
            }
            Some(Ok(Event::Done(outcome))) => {
                if untold {
                    tell(RunEvent::Rows { result, total: spill.rows(), first: None });
                }
                if let Some(e) = stopped {
                    return Err(e);
                }
                return Ok((outcome, lost));
            }
        }
    }
}

/// The private directory for rows that do not fit into memory.
fn spill_dir(cx: &Cx) -> Result<std::path::PathBuf> {
    let dir = cx.config.state_dir.join("spill");
    super::files::private_dir(&dir)?;
    Ok(dir)
}

pub async fn explain(shared: Arc<Shared>, cx: Cx, link: u64, job: Option<JobId>, version: u64, statement: Statement, analyze: bool) {
    let Some(live) = shared.live(link) else { return };
    let Statement { text, values, .. } = statement;
    let sent = params::inline(live.connection.dialect(), &text, &values).unwrap_or_else(|_| text.clone());
    let mut result = ops::explain::explain(&cx, &live.connection, None, &sent, analyze).await;
    if let (Some(_), false, Ok(plan)) = (job, analyze, &mut result) {
        // Nobody is typing: the catalogue may be asked for an estimate too. Without its answer the findings stay as they are.
        let _ = ops::plan_facts::look_again_with(&live.connection, plan, &sent, &text, &values).await;
    }
    if let Some(j) = job {
        shared.unregister(j);
    }
    // What follows the typing is not kept, and a store that cannot be written takes no plan away.
    let kept = result.as_ref().ok().filter(|_| job.is_some()).cloned().map(|plan| (plan, text.clone()));
    shared.send(Msg::Planned { link, job, version, text, analyze, result });
    if let Some((plan, text)) = kept {
        tokio::task::spawn_blocking(move || {
            let remembered = ops::plans::remember(&cx, live.connection.target(), live.connection.dialect(), &text, &plan);
            if let Err(e) = remembered {
                shared.send(Msg::Said(Note::warning(format!("The plan is not kept: {}", e.message))));
            }
        });
    }
}

/// Who waits for the transaction that is open: that of a data fix, or of the user's own session.
pub async fn ask_waiting(shared: Arc<Shared>, link: u64) {
    let Some(live) = shared.live(link) else { return };
    let backend = lock(&shared.fix).as_ref().map_or_else(|| live.query.backend(), datafix::DataFix::backend);
    let look = async {
        let locks = live.connection.engine().locks().get()?;
        let backend = backend.ok_or_else(|| Error::failed("the connection's number on the server is not known"))?;
        locks.waiting_for(&live.connection.reader().await?, backend).await
    };
    let result = look.await;
    shared.send(Msg::Waiting { link, result });
}

/// Who has the lock that the user's running statement, or a job with a session of its own, waits for.
pub async fn ask_blockers(shared: Arc<Shared>, link: u64, job: JobId) {
    let Some(live) = shared.live(link) else { return };
    let look = async {
        let locks = live.connection.engine().locks().get()?;
        let own = lock(&shared.backends).get(&job).copied();
        let fixing = lock(&shared.fixing).as_ref().map(Session::backend);
        let backend = own
            .or_else(|| fixing.unwrap_or_else(|| live.query.backend()))
            .ok_or_else(|| Error::failed("the connection's number on the server is not known"))?;
        locks.blockers(&live.connection.reader().await?, backend).await
    };
    let result = look.await;
    shared.send(Msg::Blockers { job, result });
}

pub async fn answer_fix(shared: Arc<Shared>, answer: FixAnswer) {
    let Some(fix) = lock(&shared.fix).take() else { return };
    let cx = shared.cx();
    let result = match answer {
        FixAnswer::Commit => fix.commit(&cx).await,
        FixAnswer::RollBack => fix.rollback(&cx).await,
    };
    shared.send(Msg::FixEnded { answer, result });
}
