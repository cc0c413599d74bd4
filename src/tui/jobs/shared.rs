//! What the tasks of the console share: the open session, running jobs, kept rows.

use super::rows::Listed;
use crate::app::effect::{JobId, ResultId};
use crate::app::{Msg, link};
use crate::config::Target;
use crate::engine::{Capability, Session};
use crate::model::{Progress, Result};
use crate::ops::datafix::DataFix;
use crate::ops::query::Unlock;
use crate::ops::{self, Connection, Cx};
use crate::store::spill::RowSpill;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// A target with its open session for the user's own statements.
pub(super) struct Live {
    pub(super) link: u64,
    pub(super) connection: Connection,
    pub(super) query: Session,
    /// A statement of the user was run on `query`.
    pub(super) used: AtomicBool,
}

/// What tasks share.
pub(super) struct Shared {
    pub(super) tx: UnboundedSender<Msg>,
    pub(super) cx: Mutex<Cx>,
    /// The target from the command line, which need not be in the configuration.
    pub(super) given: Option<Target>,
    pub(super) live: Mutex<Option<Arc<Live>>>,
    pub(super) cancels: Mutex<HashMap<JobId, CancellationToken>>,
    /// Ends the plan that follows the typing, while one is under way.
    pub(super) live_plan: Mutex<Option<CancellationToken>>,
    pub(super) rows: Mutex<HashMap<ResultId, Arc<RowSpill>>>,
    pub(super) views: Mutex<HashMap<ResultId, Listed>>,
    pub(super) fix: Mutex<Option<DataFix>>,
    /// The session of a data fix that is being made.
    pub(super) fixing: Mutex<Option<Session>>,
    /// What the server calls the sessions that jobs have for themselves.
    pub(super) backends: Mutex<HashMap<JobId, u64>>,
    /// Reads the locks while the lock tree is shown.
    pub(super) locks: tokio::sync::Mutex<Option<ops::assess::Watch>>,
    pub(super) unlock: Mutex<Option<Arc<Unlock>>>,
    /// The next number for a result that the screen did not foresee.
    pub(super) unforeseen: AtomicU64,
}

/// Numbers that `update` gives begin with one, and never come here.
const UNFORESEEN: u64 = 1 << 40;

pub(super) fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(cx: Cx, given: Option<Target>, tx: UnboundedSender<Msg>) -> Self {
        Shared {
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
        }
    }
    pub(super) fn send(&self, msg: Msg) {
        // The loop is gone when the console ends; nobody is left to tell.
        let _ = self.tx.send(msg);
    }
    pub(super) fn cx(&self) -> Cx {
        lock(&self.cx).clone()
    }
    /// The connection of that number, unless another one has taken its place.
    pub(super) fn live(&self, link: u64) -> Option<Arc<Live>> {
        lock(&self.live).as_ref().filter(|l| l.link == link).cloned()
    }
    /// The target of that name, which may be the one from the command line.
    pub(super) fn target(&self, name: &str) -> Result<Target> {
        match &self.given {
            Some(t) if t.name == name => Ok(t.clone()),
            _ => ops::connect::target(&self.cx(), name),
        }
    }
    pub(super) fn register(&self, job: JobId, token: CancellationToken) {
        lock(&self.cancels).insert(job, token);
    }
    pub(super) fn unregister(&self, job: JobId) {
        lock(&self.cancels).remove(&job);
    }
    /// A context for a job: its progress goes to the screen, its token is the job's.
    pub(super) fn job_cx(self: &Arc<Self>, job: JobId) -> Cx {
        let cx = self.cx().for_job(Arc::new(Reporter { shared: self.clone(), job, last: Mutex::new(None) }));
        self.register(job, cx.cancel.clone());
        cx
    }
    /// A context for the plan that follows the typing. With a token of its own: the other one ends everything.
    pub(super) fn live_plan_cx(&self) -> Cx {
        let cx = self.cx();
        let cx = cx.for_job(cx.progress.clone());
        *lock(&self.live_plan) = Some(cx.cancel.clone());
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

/// Words for what an engine cannot do.
fn reason<T>(c: Capability<T>) -> Option<String> {
    match c {
        Capability::No(why) => Some(why.to_string()),
        Capability::Yes(_) | Capability::Unverified(..) => None,
    }
}

/// What the screen is told of a connection.
pub(super) fn server(live: &Live) -> link::Server {
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
