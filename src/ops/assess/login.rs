//! The one connection of an assessment, or of who watches the locks.

use super::failure;
use crate::config::Target;
use crate::engine::{Access, Connect, Engine, Password, Role, Session, registry};
use crate::model::Result;
use std::sync::Arc;
use std::time::Duration;

/// The limit of waiting for a lock of the catalogue; that of a statement is the engine's.
const LOCK: Duration = Duration::from_millis(100);
/// For a login: a locked catalogue makes one wait, and so does a full network.
pub(super) const LOGIN: Duration = Duration::from_secs(5);
/// After the server's own limit, how long the answer may still take before it is cancelled from here.
pub(super) const GRACE: Duration = Duration::from_millis(500);

/// Why the login is not to the target's own database.
pub(super) enum Remark {
    /// Its catalogue is locked: an emergency of its own.
    Locked(String),
    /// The account may not use it: nothing is wrong with the server.
    Denied(String),
    /// It has as many sessions as it may have; and its name.
    Limited(String, String),
    /// It is set to take none; and its name.
    Closed(String, String),
}

/// Logs in. Where the account may not use the target's database, or its catalogue is locked, it logs in elsewhere, and the remark says so.
pub(super) async fn log_in(
    engine: &Arc<dyn Engine>,
    password: Password,
    target: &Target,
    within: Duration,
) -> Result<(Session, Option<Remark>)> {
    let limit = engine.assessing().get()?.statement_limit();
    let how = || Connect {
        connect_timeout: within,
        statement_timeout: Some(limit),
        lock_timeout: Some(LOCK),
        traceless: true,
        ..Connect::new(Role::Background, Access::ReadOnly)
    };
    let mut e = match engine.connect(how()).await {
        Ok(s) => return Ok((s, None)),
        Err(e) => e,
    };
    if failure::is_full(&e) {
        // A session that has just ended, our own first try without encryption among them, may still have been counted.
        tokio::time::sleep(GRACE).await;
        match engine.connect(how()).await {
            Ok(s) => return Ok((s, None)),
            Err(again) => e = again,
        }
    }
    let (locked, denied, limited) = (failure::is_locked_catalogue(&e), failure::is_denied(&e), failure::is_limited(&e));
    let closed = failure::is_closed(&e);
    let elsewhere = engine
        .assessing()
        .get()?
        .elsewhere()
        .filter(|d| (locked || denied || limited || closed) && target.database.as_deref().unwrap_or_default() != *d);
    let Some(database) = elsewhere else { return Err(e) };
    let other = Target { database: (!database.is_empty()).then(|| database.into()), ..target.clone() };
    let session = registry::engine(other, password)
        .connect(how())
        .await
        // That there is no room is the cause, whatever the first refusal was.
        .map_err(|other| if failure::is_full(&other) { other } else { e })?;
    let own = target.database.as_deref().unwrap_or("the target's database");
    let instead = match database {
        "" => "logged in without a database".to_string(),
        name => format!("logged into database {name} instead"),
    };
    Ok((
        session,
        Some(match locked {
            _ if closed => Remark::Closed(format!("database {own} is set to take no connections: {instead}"), own.to_string()),
            _ if limited => Remark::Limited(
                format!("database {own} has as many connections as it may have by its own limit: {instead}"),
                own.to_string(),
            ),
            true => Remark::Locked(format!("the catalogue of {own} is locked: {instead}")),
            false => Remark::Denied(format!("this account may not use database {own}: {instead}")),
        }),
    ))
}
