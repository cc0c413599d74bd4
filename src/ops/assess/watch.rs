//! Who waits for whom, looked at again and again by one session that is kept: a login for each look would leave one more behind on a server
//! where logins hang.

use super::login::{GRACE, Remark, log_in};
use super::{How, LOCKS};
use crate::config::{Target, secrets};
use crate::engine::{Engine, Session, registry};
use crate::model::assessment::{Seen, Sight};
use crate::model::{Error, Kind, Result};
use crate::ops::Cx;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a look waits for the login; the login itself goes on, and the next look waits for the same one.
const PATIENCE: Duration = Duration::from_secs(5);
/// After that it is given up.
const AT_MOST: Duration = Duration::from_secs(600);

type Login = JoinHandle<Result<(Session, Option<Remark>)>>;

/// A kept session of its own. It ends when this is dropped.
pub struct Watch {
    engine: Arc<dyn Engine>,
    target: Target,
    password: crate::engine::Password,
    login: Option<Login>,
    open: Option<(Session, Sight)>,
}

impl Watch {
    /// Of a target; no connection is made yet.
    pub async fn new(cx: &Cx, target: Target) -> Result<Watch> {
        let password = match cx.remembered_password(&target.name) {
            Some(p) => Some(p),
            None => secrets::resolve_in(&target, None, &cx.config.around).await?,
        };
        let engine = registry::engine(target.clone(), password.clone());
        Ok(Watch { engine, target, password, login: None, open: None })
    }

    pub fn target(&self) -> &str {
        &self.target.name
    }

    /// The locks now, by the kept session; one is opened where there is none, or where it went.
    pub async fn look(&mut self) -> Result<Seen> {
        let engine = self.engine.clone();
        let assessing = engine.assessing().get()?;
        let check = assessing.checks().iter().find(|c| c.name == LOCKS);
        let check = check.ok_or_else(|| {
            Error::usage(format!("{} tells nobody who waits for whom", self.engine.product()))
                .hint("`holdpoint assess` says what holds its file, where that can be seen.")
        })?;
        if self.open.as_ref().is_some_and(|(s, _)| s.status().lost.is_some()) {
            self.open = None;
        }
        if self.open.is_none() {
            let session = self.logged_in().await?;
            let sight = within(&session, assessing.statement_limit() + GRACE, assessing.sight(&session)).await.unwrap_or_default();
            self.open = Some((session, sight));
        }
        let Some((session, sight)) = &self.open else { return Err(Error::failed("there is no session")) };
        let limits = How::default().limits;
        let seen = within(session, assessing.statement_limit() + GRACE, assessing.look(session, sight, check, &limits)).await;
        if seen.as_ref().is_err_and(|e| e.kind == Kind::Connect) {
            self.open = None;
        }
        seen
    }

    async fn logged_in(&mut self) -> Result<Session> {
        let login = self.login.get_or_insert_with(|| {
            let (engine, password, target) = (self.engine.clone(), self.password.clone(), self.target.clone());
            tokio::spawn(async move { log_in(&engine, password, &target, AT_MOST).await })
        });
        let Ok(done) = tokio::time::timeout(PATIENCE, &mut *login).await else {
            let waited = crate::text::duration(PATIENCE);
            return Err(Error::connect(format!("the login is not answered within {waited}; it is waited for, and no other one is begun")));
        };
        self.login = None;
        done.map_err(|e| Error::failed(format!("the login ended: {e}")))?.map(|(session, _)| session)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(login) = self.login.take() {
            login.abort();
        }
    }
}

async fn within<T>(session: &Session, limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => {
            let _ = tokio::time::timeout(GRACE, session.cancel()).await;
            Err(Error::new(Kind::Unknown, format!("timed out after {}", crate::text::duration(limit))))
        }
    }
}
