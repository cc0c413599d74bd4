//! Doing what `update` asked for: each effect becomes a task that answers with messages. Sessions, results' rows and
//! cancellation live here; the state knows them by number.

mod assess;
mod buffers;
mod connection;
mod directory;
mod export;
mod files;
mod operations;
mod plans;
mod recall;
mod rows;
mod schema;
mod shared;
mod statements;
mod trials;

pub use files::{private_dir, replace};

use crate::app::Msg;
use crate::app::effect::{Effect, JobId, Statement};
use crate::config::Target;
use crate::ops::export::Encoder;
use crate::ops::{self, Cx};
use shared::{Live, Shared, lock, server};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// The doer.
pub struct Jobs {
    shared: Arc<Shared>,
    buffers: buffers::Queue,
}

impl Jobs {
    pub fn new(cx: Cx, given: Option<Target>, tx: UnboundedSender<Msg>) -> Self {
        Jobs { buffers: buffers::Queue::new(), shared: Arc::new(Shared::new(cx, given, tx)) }
    }

    /// Starts an effect. Those that concern the terminal itself are the loop's.
    pub fn start(&self, effect: Effect) {
        let shared = self.shared.clone();
        match effect {
            Effect::Quit(_) | Effect::Suspend | Effect::EditOutside { .. } | Effect::Repaint | Effect::Copy(_) => {}
            Effect::After(wait, timer) => task(async move {
                tokio::time::sleep(wait).await;
                shared.send(Msg::Timer(timer));
            }),

            Effect::Connect { link, target, password } => {
                connection::drop_live(&shared);
                task(connection::connect(shared, link, target, password));
            }
            Effect::Disconnect => connection::drop_live(&shared),
            Effect::Sever { link } => connection::sever(&shared, link),
            Effect::EndSession { link, backend } => task(connection::end_session(shared, link, backend)),
            Effect::Unlock { link, typed } => task(connection::unlock(shared, link, typed)),
            Effect::Lock => drop(lock(&shared.unlock).take()),

            Effect::Children { link, at } => task(schema::children(shared, link, at)),
            Effect::Definition { link, at } => task(schema::definition(shared, link, at)),
            Effect::Schema { link, ask } => task(schema::answer(shared, link, ask)),
            Effect::Names { link } => task(schema::names(shared, link)),
            Effect::NamesOf { link, schema } => task(schema::names_of(shared, link, schema)),
            Effect::TemporaryTable { link, name } => task(schema::temporary_table(shared, link, name)),
            Effect::TableOf { link, result, table, then } => task(schema::table_of(shared, link, result, table, then)),

            Effect::Preview { link, job, result, at } => task(statements::preview(shared, link, job, result, at)),
            Effect::Run { link, job, result, statements, how } => task(statements::run(shared, link, job, result, statements, how)),
            Effect::WriteCells { link, job, result, table, statements } => {
                task(async move { statements::write_cells(shared, link, job, result, &table, &statements).await });
            }
            Effect::AskWaiting { link } => task(statements::ask_waiting(shared, link)),
            Effect::AskBlockers { link, job } => task(statements::ask_blockers(shared, link, job)),
            Effect::AnswerFix(answer) => task(statements::answer_fix(shared, answer)),
            Effect::Cancel { job } => {
                if let Some(token) = lock(&shared.cancels).get(&job) {
                    token.cancel();
                }
            }

            Effect::ReadRows { result, view, first, count } => blocking(shared, move |s| rows::read(s, result, view, first, count)),
            Effect::FindRow { job, result, view, from, way, text } => {
                blocking_job(shared, job, move |s, cx| rows::find_row(s, cx, job, result, view, from, way, &text));
            }
            Effect::OnRows { job, result, work } => blocking_job(shared, job, move |s, cx| rows::work(s, cx, job, result, work)),
            Effect::CompareResults { job, before, now, keys } => {
                blocking_job(shared, job, move |s, cx| rows::compare_results(s, cx, job, before, now, &keys));
            }
            Effect::LookAtColumn { job, result, column, ask } => {
                blocking_job(shared, job, move |s, cx| rows::look_at_column(s, cx, job, result, column, ask));
            }
            Effect::DropRows { result } => rows::forget(&shared, result),

            Effect::Export { job, result, columns, format, table, what, path } => {
                let encoder = Encoder::new(format).into_table_of(table);
                blocking_job(shared, job, move |s, cx| export::kept_rows(s, cx, job, result, &columns, encoder, &what, path));
            }
            Effect::ExportStatement { link, job, statement, how, format, table, path } => {
                let encoder = Encoder::new(format).into_table_of(table);
                task(export::statement(shared, link, job, statement, how, encoder, path));
            }
            Effect::CopyRows { job, result, columns, format, table, what } => {
                let encoder = Encoder::new(format).into_table_of(table);
                blocking_job(shared, job, move |s, cx| export::copy_rows(s, cx, job, result, &columns, encoder, &what));
            }
            Effect::Import { link, job, import } => task(files::import(shared, link, job, import)),

            Effect::Explain { link, job, version, text, values, analyze } => {
                let cx = job.map_or_else(|| shared.live_plan_cx(), |job| shared.job_cx(job));
                let statement = Statement { text, offset: None, values, data: None, record: false };
                task(statements::explain(shared, cx, link, job, version, statement, analyze));
            }
            Effect::CancelLivePlan => {
                if let Some(token) = lock(&shared.live_plan).take() {
                    token.cancel();
                }
            }
            Effect::PlanHistory { target, dialect, text } => blocking(shared, move |s| plans::history(s, &target, dialect, &text)),
            Effect::OpenKeptPlan { id } => blocking(shared, move |s| plans::open_kept(s, id)),
            Effect::OpenPlan(path) => blocking(shared, move |s| plans::open(s, path)),
            Effect::SharePlan { path, text } => blocking(shared, move |s| plans::share(s, path, &text)),
            Effect::Advise { link, job, text, values, measure } => {
                let cx = shared.job_cx(job);
                task(plans::advise(shared, cx, link, job, text, values, measure));
            }
            Effect::QueueAdvice { link, candidate, why } => blocking(shared, move |s| plans::queue(s, link, &candidate, &why)),
            Effect::Trial { link, job, trial } => task(trials::run(shared, link, job, *trial)),

            Effect::History => blocking(shared, recall::history),
            Effect::Recall(id) => blocking(shared, move |s| recall::statement(s, id)),
            Effect::Library => blocking(shared, recall::library),
            Effect::SaveQuery { path, text } => blocking(shared, move |s| recall::save_query(s, path, &text)),
            Effect::LoadValues { target } => blocking(shared, move |s| recall::load_values(s, target)),
            // One after the other, as the buffers: older values must never be saved over newer ones.
            Effect::KeepValues { target, values } => self.buffers.push(move || recall::keep_values(&shared, &target, &values)),

            Effect::ListDirectory { directory, begins } => blocking(shared, move |s| directory::list(s, directory, begins)),
            Effect::OpenFile(path) => blocking(shared, move |s| files::open(s, path)),
            Effect::SaveFile { path, text, version, over } => blocking(shared, move |s| files::save(s, path, &text, version, over)),
            Effect::LoadBuffers { target } => self.buffers.push(move || buffers::load(&shared, target)),
            Effect::SaveBuffers { target, buffers } => self.buffers.push(move || buffers::save(&shared, &target, &buffers)),
            Effect::CloseBuffer { target, id } => self.buffers.push(move || buffers::close(&shared, &target, id)),
            Effect::ReopenBuffer { target } => self.buffers.push(move || buffers::reopen(&shared, target)),

            Effect::Assess { job, target, only, password } => task(assess::assess(shared, job, target, only, password)),
            Effect::LookAtLocks { job, target } => task(assess::look_at_locks(shared, job, target)),
            Effect::LeaveLocks => task(async move { drop(shared.locks.lock().await.take()) }),
            Effect::Recover { job, target, action, yes } => task(assess::recover(shared, job, target, action, yes)),
            Effect::HandOver { assessment, path } => blocking(shared, move |s| assess::hand_over(s, &assessment, path)),
            Effect::Operate { link, job, operation } => task(operations::operate(shared, link, job, operation)),
        }
    }

    /// Waits until what is to be saved of the buffers is saved, at most `limit`.
    pub fn buffers_saved(&self, limit: Duration) {
        self.buffers.wait(limit);
    }

    /// Cancels everything and closes the sessions, as long as that takes no longer than `limit`.
    pub async fn end(self, limit: Duration) {
        for token in lock(&self.shared.cancels).values() {
            token.cancel();
        }
        let fix = lock(&self.shared.fix).take();
        // Nobody is left to be told what the store cannot take.
        let cx = self.shared.cx();
        let _ = fix.map(|f| f.dropped(&cx));
        let live = lock(&self.shared.live).take();
        if let Some(live) = live {
            let _ = ops::statements::session_ended(&cx, &live.connection, crate::store::history::Fate::RolledBack);
            let _ = tokio::time::timeout(limit, live.query.clone().close()).await;
        }
    }
}

/// Work that waits without holding a thread: what asks a server.
fn task(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}

/// Work that holds a thread: files, the store, rows that are kept.
fn blocking(shared: Arc<Shared>, work: impl FnOnce(&Shared) + Send + 'static) {
    tokio::task::spawn_blocking(move || work(&shared));
}

/// Such work that shows its progress and can be cancelled from now on, though no thread has taken it yet.
fn blocking_job(shared: Arc<Shared>, job: JobId, work: impl FnOnce(&Shared, &Cx) + Send + 'static) {
    let cx = shared.job_cx(job);
    blocking(shared, move |s| work(s, &cx));
}
