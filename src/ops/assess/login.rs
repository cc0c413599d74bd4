//! The one connection of an assessment, or of who watches the locks.

use super::failure;
use crate::config::Target;
use crate::engine::{Access, Connect, Engine, Password, Role, Session, registry};
use crate::model::Result;
use std::sync::Arc;
use std::time::Duration;

/// The limit of waiting for a lock of the catalogue; that of a statement is the engine's.
const LOCK: Duration = Duration::from_millis(100);
/// After this a login counts as one that may hang, as where the catalogue of its database is locked, and another database is tried beside it:
/// first findings are wanted within two seconds.
const HANGS: Duration = Duration::from_millis(1200);
/// For a login: a locked catalogue makes one wait, and so does a full network.
pub(super) const LOGIN: Duration = Duration::from_secs(5);
/// After the server's own limit, how long the answer may still take before it is cancelled from here.
pub(super) const GRACE: Duration = Duration::from_millis(500);

/// Why the login is not to the target's own database.
pub(super) enum Remark {
    /// Its catalogue is locked: an emergency of its own.
    Locked(String),
    /// There is no such database; and its name.
    Missing(String, String),
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
    let database = engine.assessing().get()?.elsewhere().filter(|d| target.database.as_deref().unwrap_or_default() != *d);
    let other = |database: &str| {
        let other = Target { database: (!database.is_empty()).then(|| database.into()), ..target.clone() };
        registry::engine(other, password.clone())
    };
    let own = target.database.as_deref().unwrap_or("the target's database");
    let instead = match database {
        Some("") | None => "logged in without a database".to_string(),
        Some(name) => format!("logged into database {name} instead"),
    };
    let login = engine.connect(how());
    tokio::pin!(login);
    let mut e = match (tokio::time::timeout(HANGS, &mut login).await, database.filter(|d| !d.is_empty())) {
        (Ok(Ok(s)), _) => return Ok((s, None)),
        (Ok(Err(e)), _) => e,
        (Err(_), None) => match login.await {
            Ok(s) => return Ok((s, None)),
            Err(e) => e,
        },
        // The server's own limit of waiting for a lock is read only once that catalogue is: before, a login hangs without an end.
        (Err(_), Some(database)) => {
            let other = other(database);
            let elsewhere = other.connect(how());
            tokio::pin!(elsewhere);
            tokio::select! {
                done = &mut login => match done {
                    Ok(s) => return Ok((s, None)),
                    Err(e) => e,
                },
                Ok(session) = &mut elsewhere => {
                    let words = format!("a login to {own} is not answered, as where its catalogue is locked: {instead}");
                    return Ok((session, Some(Remark::Locked(words))));
                }
            }
        }
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
    let (closed, missing) = (failure::is_closed(&e), failure::is_missing(&e));
    let Some(database) = database.filter(|_| locked || denied || limited || closed || missing) else { return Err(e) };
    let session = other(database)
        .connect(how())
        .await
        // That there is no room is the cause, whatever the first refusal was.
        .map_err(|other| if failure::is_full(&other) { other } else { e })?;
    Ok((
        session,
        Some(match locked {
            _ if missing => Remark::Missing(format!("there is no database {own}: {instead}"), own.to_string()),
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
