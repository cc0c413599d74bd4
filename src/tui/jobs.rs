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
mod rows;
mod schema;
mod statements;
mod trials;

pub use files::{private_dir, replace};

use crate::app::effect::{Effect, JobId, ResultId};
use crate::app::{Msg, link};
use crate::config::Target;
use crate::engine::Session;
use crate::model::{Progress, Result};
use crate::ops::datafix::DataFix;
use crate::ops::export::Encoder;
use crate::ops::query::Unlock;
use crate::ops::{self, Connection, Cx};
use crate::store::spill::RowSpill;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// A target with its open session for the user's own statements.
struct Live {
    link: u64,
    connection: Connection,
    query: Session,
    /// A statement of the user was run on `query`.
    used: AtomicBool,
}

/// What tasks share.
struct Shared {
    tx: UnboundedSender<Msg>,
    cx: Mutex<Cx>,
    /// The target from the command line, which need not be in the configuration.
    given: Option<Target>,
    live: Mutex<Option<Arc<Live>>>,
    cancels: Mutex<HashMap<JobId, CancellationToken>>,
    /// Ends the plan that follows the typing, while one is under way.
    live_plan: Mutex<Option<CancellationToken>>,
    rows: Mutex<HashMap<ResultId, Arc<RowSpill>>>,
    views: Mutex<HashMap<ResultId, rows::Listed>>,
    fix: Mutex<Option<DataFix>>,
    /// The session of a data fix that is being made.
    fixing: Mutex<Option<crate::engine::Session>>,
    /// What the server calls the sessions that jobs have for themselves.
    backends: Mutex<HashMap<JobId, u64>>,
    /// Reads the locks while the lock tree is shown.
    locks: tokio::sync::Mutex<Option<ops::assess::Watch>>,
    unlock: Mutex<Option<Arc<Unlock>>>,
    /// The next number for a result that the screen did not foresee.
    unforeseen: AtomicU64,
}

/// Numbers that `update` gives begin with one, and never come here.
const UNFORESEEN: u64 = 1 << 40;

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn send(&self, msg: Msg) {
        // The loop is gone when the console ends; nobody is left to tell.
        let _ = self.tx.send(msg);
    }
    fn cx(&self) -> Cx {
        lock(&self.cx).clone()
    }
    /// The connection of that number, unless another one has taken its place.
    fn live(&self, link: u64) -> Option<Arc<Live>> {
        lock(&self.live).as_ref().filter(|l| l.link == link).cloned()
    }
    /// The target of that name, which may be the one from the command line.
    fn target(&self, name: &str) -> Result<Target> {
        match &self.given {
            Some(t) if t.name == name => Ok(t.clone()),
            _ => ops::connect::target(&self.cx(), name),
        }
    }
    fn register(&self, job: JobId, token: CancellationToken) {
        lock(&self.cancels).insert(job, token);
    }
    fn unregister(&self, job: JobId) {
        lock(&self.cancels).remove(&job);
    }
    /// A context for a job: its progress goes to the screen, its token is the job's.
    fn job_cx(self: &Arc<Self>, job: JobId) -> Cx {
        let cx = self.cx().for_job(Arc::new(Reporter { shared: self.clone(), job, last: Mutex::new(None) }));
        self.register(job, cx.cancel.clone());
        cx
    }
}

/// Progress of a job, at most ten times a second, so that reporting costs nothing.
struct Reporter {
    shared: Arc<Shared>,
    job: JobId,
    last: Mutex<Option<(Instant, String)>>,
}

impl Progress for Reporter {
    fn update(&self, step: &str, done: u64, total: Option<u64>) {
        let mut last = lock(&self.last);
        let now = Instant::now();
        if last.as_ref().is_some_and(|(at, s)| s == step && now.duration_since(*at) < Duration::from_millis(100)) {
            return;
        }
        *last = Some((now, step.to_string()));
        self.shared.send(Msg::Progress { job: self.job, step: step.to_string(), done, total });
    }
}

/// The doer.
pub struct Jobs {
    shared: Arc<Shared>,
    buffers: buffers::Queue,
}

impl Jobs {
    pub fn new(cx: Cx, given: Option<Target>, tx: UnboundedSender<Msg>) -> Self {
        Jobs {
            buffers: buffers::Queue::new(),
            shared: Arc::new(Shared {
                tx,
                cx: Mutex::new(cx),
                given,
                live: Mutex::default(),
                cancels: Mutex::default(),
                live_plan: Mutex::default(),
                rows: Mutex::default(),
                views: Mutex::default(),
                fix: Mutex::default(),
                fixing: Mutex::default(),
                backends: Mutex::default(),
                locks: tokio::sync::Mutex::default(),
                unlock: Mutex::default(),
                unforeseen: AtomicU64::new(UNFORESEEN),
            }),
        }
    }

    /// Starts an effect. Those that concern the terminal itself are the loop's.
    pub fn start(&self, effect: Effect) {
        let shared = self.shared.clone();
        match effect {
            Effect::Quit(_) | Effect::Suspend | Effect::EditOutside { .. } | Effect::Repaint | Effect::Copy(_) => {}
            Effect::After(wait, timer) => {
                tokio::spawn(async move {
                    tokio::time::sleep(wait).await;
                    shared.send(Msg::Timer(timer));
                });
            }
            Effect::Connect { link, target, password } => {
                connection::drop_live(&shared);
                tokio::spawn(connection::connect(shared, link, target, password));
            }
            Effect::Disconnect => connection::drop_live(&shared),
            Effect::Children { link, at } => {
                tokio::spawn(async move {
                    let Some(live) = shared.live(link) else { return };
                    let unused = (!live.used.load(Ordering::SeqCst)).then_some(&live.query);
                    let early = |names| shared.send(Msg::Outline { link, at: at.clone(), names });
                    let result = ops::schema::children_early(&live.connection, unused, &at, early).await;
                    shared.send(Msg::Children { link, at, result });
                });
            }
            Effect::Definition { link, at } => {
                tokio::spawn(async move {
                    let Some(live) = shared.live(link) else { return };
                    let result = ops::schema::definition(&shared.cx(), &live.connection, &at).await;
                    shared.send(Msg::Definition { link, at, result });
                });
            }
            Effect::Schema { link, ask } => {
                tokio::spawn(schema::answer(shared, link, ask));
            }
            Effect::Names { link } => {
                tokio::spawn(async move {
                    let Some(live) = shared.live(link) else { return };
                    let result = ops::schema::names(&shared.cx(), &live.connection).await.map(Box::new);
                    shared.send(Msg::Names { link, result });
                });
            }
            Effect::NamesOf { link, schema } => {
                tokio::spawn(async move {
                    let Some(live) = shared.live(link) else { return };
                    let result = ops::schema::names_of(&live.connection, &schema).await;
                    shared.send(Msg::NamesOf { link, schema, result });
                });
            }
            Effect::Preview { link, job, result, at } => {
                tokio::spawn(statements::preview(shared, link, job, result, at));
            }
            Effect::Run { link, job, result, statements, how } => {
                tokio::spawn(statements::run(shared, link, job, result, statements, how));
            }
            Effect::Cancel { job } => {
                if let Some(token) = lock(&shared.cancels).get(&job) {
                    token.cancel();
                }
            }
            Effect::Sever { link } => connection::sever(&shared, link),
            Effect::EndSession { link, backend } => {
                tokio::spawn(connection::end_session(shared, link, backend));
            }
            Effect::ReadRows { result, view, first, count } => {
                tokio::task::spawn_blocking(move || rows::read(&shared, result, view, first, count));
            }
            Effect::FindRow { job, result, view, from, way, text } => {
                let cx = shared.job_cx(job);
                tokio::task::spawn_blocking(move || rows::find_row(&shared, &cx, job, result, view, from, way, &text));
            }
            Effect::TemporaryTable { link, name } => {
                tokio::spawn(async move {
                    let Some(live) = shared.live(link) else { return };
                    // Only its own session sees it; no row is read. A name that cannot be read so is not proposed, and nothing is lost.
                    let text = format!("SELECT * FROM {} LIMIT 0", live.connection.dialect().quote_ident(&name));
                    if let Ok(table) = live.query.fetch(text).await {
                        shared.send(Msg::TemporaryTable { link, name, columns: table.columns });
                    }
                });
            }
            Effect::TableOf { link, result, table, then } => {
                tokio::spawn(async move {
                    let Some(live) = shared.live(link) else { return };
                    let look = async {
                        let (catalog, session) = (live.connection.catalog()?, live.connection.follower().await?);
                        match catalog.table(&session, &table).await? {
                            None => match catalog.no_table(&session, &table).await? {
                                Some(what) => {
                                    Err(crate::model::Error::failed(format!("Read-only: {what}, and its rows are changed in its tables.")))
                                }
                                None => Ok(None),
                            },
                            table => Ok(table),
                        }
                    };
                    let info = look.await;
                    shared.send(Msg::TableOf { link, result, table, info, then });
                });
            }
            Effect::WriteCells { link, job, result, table, statements } => {
                tokio::spawn(async move { statements::write_cells(shared, link, job, result, &table, &statements).await });
            }
            Effect::OnRows { job, result, work } => {
                let cx = shared.job_cx(job);
                tokio::task::spawn_blocking(move || rows::work(&shared, &cx, job, result, work));
            }
            Effect::Export { job, result, columns, format, table, what, path } => {
                let cx = shared.job_cx(job);
                tokio::task::spawn_blocking(move || {
                    files::export(&shared, &cx, job, result, &columns, Encoder::new(format).into_table_of(table), &what, path)
                });
            }
            Effect::ExportStatement { link, job, statement, how, format, table, path } => {
                let encoder = Encoder::new(format).into_table_of(table);
                tokio::spawn(export::statement(shared, link, job, statement, how, encoder, path));
            }
            Effect::CopyRows { job, result, columns, format, table, what } => {
                let cx = shared.job_cx(job);
                tokio::task::spawn_blocking(move || {
                    export::copy_rows(&shared, &cx, job, result, &columns, Encoder::new(format).into_table_of(table), &what)
                });
            }
            Effect::CompareResults { job, before, now, keys } => {
                let cx = shared.job_cx(job);
                tokio::task::spawn_blocking(move || rows::compare_results(&shared, &cx, job, before, now, &keys));
            }
            Effect::LookAtColumn { job, result, column, ask } => {
                let cx = shared.job_cx(job);
                tokio::task::spawn_blocking(move || rows::look_at_column(&shared, &cx, job, result, column, ask));
            }
            Effect::DropRows { result } => rows::forget(&shared, result),
            Effect::Explain { link, job, version, text, values, analyze } => {
                let cx = match job {
                    Some(j) => shared.job_cx(j),
                    None => {
                        let cx = shared.cx();
                        // With a token of its own: the other one ends everything.
                        let cx = cx.for_job(cx.progress.clone());
                        *lock(&shared.live_plan) = Some(cx.cancel.clone());
                        cx
                    }
                };
                let statement = crate::app::effect::Statement { text, offset: None, values, data: None, record: false };
                tokio::spawn(statements::explain(shared, cx, link, job, version, statement, analyze));
            }
            Effect::CancelLivePlan => {
                if let Some(token) = lock(&shared.live_plan).take() {
                    token.cancel();
                }
            }
            Effect::PlanHistory { target, dialect, text } => {
                tokio::task::spawn_blocking(move || {
                    let result = ops::plans::of_statement(&shared.cx(), &target, dialect, &text);
                    shared.send(Msg::PlanHistory { result });
                });
            }
            Effect::Advise { link, job, text, values, measure } => {
                let cx = shared.job_cx(job);
                tokio::spawn(plans::advise(shared, cx, link, job, text, values, measure));
            }
            Effect::QueueAdvice { link, candidate, why } => {
                tokio::task::spawn_blocking(move || plans::queue(&shared, link, &candidate, &why));
            }
            Effect::OpenKeptPlan { id } => {
                tokio::task::spawn_blocking(move || {
                    let result = shared.cx().store.plan(id).map(Box::new);
                    shared.send(Msg::KeptPlan { result });
                });
            }
            Effect::Trial { link, job, trial } => {
                tokio::spawn(trials::run(shared, link, job, *trial));
            }
            Effect::OpenPlan(path) => {
                tokio::task::spawn_blocking(move || plans::open(&shared, path));
            }
            Effect::SharePlan { path, text } => {
                tokio::task::spawn_blocking(move || plans::share(&shared, path, &text));
            }
            Effect::Unlock { link, typed } => {
                tokio::spawn(connection::unlock(shared, link, typed));
            }
            Effect::Lock => drop(lock(&shared.unlock).take()),
            Effect::AskWaiting { link } => {
                tokio::spawn(statements::ask_waiting(shared, link));
            }
            Effect::AskBlockers { link, job } => {
                tokio::spawn(statements::ask_blockers(shared, link, job));
            }
            Effect::AnswerFix(answer) => {
                tokio::spawn(statements::answer_fix(shared, answer));
            }
            Effect::Import { link, job, import } => {
                tokio::spawn(files::import(shared, link, job, import));
            }
            Effect::History => {
                tokio::task::spawn_blocking(move || {
                    let result = shared.cx().store.listed(files::RECALLED);
                    shared.send(Msg::History { result });
                });
            }
            Effect::Recall(id) => {
                tokio::task::spawn_blocking(move || {
                    let result = shared.cx().store.text_of(id);
                    shared.send(Msg::Recalled { result });
                });
            }
            Effect::Library => {
                tokio::task::spawn_blocking(move || {
                    let (saved, notes) = ops::library::list(&shared.cx().config);
                    shared.send(Msg::Library { saved, notes });
                });
            }
            Effect::SaveQuery { path, text } => {
                tokio::task::spawn_blocking(move || files::save_query(&shared, path, &text));
            }
            Effect::ListDirectory { directory, begins } => {
                tokio::task::spawn_blocking(move || directory::list(&shared, directory, begins));
            }
            Effect::OpenFile(path) => {
                tokio::task::spawn_blocking(move || files::open(&shared, path));
            }
            Effect::SaveFile { path, text, version, over } => {
                tokio::task::spawn_blocking(move || files::save(&shared, path, &text, version, over));
            }
            Effect::LoadValues { target } => {
                tokio::task::spawn_blocking(move || {
                    let result = shared.cx().store.values(&target);
                    shared.send(Msg::Values { target, result });
                });
            }
            Effect::KeepValues { target, values } => self.buffers.push(move || {
                let cx = shared.cx();
                if let Err(e) = cx.store.keep_values(&target, &cx.clock.stamp(), &values) {
                    let note = crate::app::state::Note::warning(format!("The values are not kept for the next session: {}", e.message));
                    shared.send(Msg::Said(note));
                }
            }),
            Effect::LoadBuffers { target } => self.buffers.push(move || buffers::load(&shared, target)),
            Effect::SaveBuffers { target, buffers } => self.buffers.push(move || buffers::save(&shared, &target, &buffers)),
            Effect::CloseBuffer { target, id } => self.buffers.push(move || buffers::close(&shared, &target, id)),
            Effect::ReopenBuffer { target } => self.buffers.push(move || buffers::reopen(&shared, target)),
            Effect::Assess { job, target, only, password } => {
                tokio::spawn(assess::assess(shared, job, target, only, password));
            }
            Effect::LookAtLocks { job, target } => {
                tokio::spawn(assess::look_at_locks(shared, job, target));
            }
            Effect::LeaveLocks => {
                tokio::spawn(async move { shared.locks.lock().await.take() });
            }
            Effect::Recover { job, target, action, yes } => {
                tokio::spawn(assess::recover(shared, job, target, action, yes));
            }
            Effect::HandOver { assessment, path } => {
                tokio::task::spawn_blocking(move || assess::hand_over(&shared, &assessment, path));
            }
            Effect::Operate { link, job, operation } => {
                tokio::spawn(operations::operate(shared, link, job, operation));
            }
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

/// Words for what an engine cannot do.
fn reason<T>(c: crate::engine::Capability<T>) -> Option<String> {
    match c {
        crate::engine::Capability::No(why) => Some(why.to_string()),
        crate::engine::Capability::Yes(_) | crate::engine::Capability::Unverified(..) => None,
    }
}

/// What the screen is told of a connection.
fn server(live: &Live) -> link::Server {
    let engine = live.connection.engine();
    link::Server {
        target: live.connection.target().clone(),
        identity: live.query.identity().clone(),
        status: live.query.status(),
        dialect: live.connection.dialect(),
        no_plans: reason(engine.plans()),
        no_backups: reason(engine.backups()),
        no_migrations: reason(engine.migrations()),
    }
}
