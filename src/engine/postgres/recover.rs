//! Recovery actions of PostgreSQL: what each finds, and the statement that acts. A session, a slot and a paused
//! replay are looked for once more by the acting statement itself; commands that take only a name are preceded by another look.

mod failover;
mod objects;
mod server;
mod sessions;

use super::Postgres;
use super::catalog::{Row, cell, pinned};
use crate::engine::{Recovering, Session};
use crate::model::recovery::{Action, Deed, Prospect};
use crate::model::{Dialect, Error, Result};
use futures_util::future::BoxFuture;

/// How long a command waits for its lock before it gives up.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '10s'";

fn lit(s: &str) -> String {
    Dialect::Postgres.quote_literal(s)
}

fn quote(s: &str) -> String {
    Dialect::Postgres.quote_ident(s)
}

/// A literal that may be NULL.
fn maybe(row: &Row, i: usize) -> String {
    row.get(i).and_then(|v| v.as_deref()).map_or_else(|| "NULL".into(), lit)
}

async fn one(s: &Session, text: &str, params: &[&str]) -> Result<Option<Row>> {
    Ok(pinned(s, text, params).await?.rows.into_iter().next())
}

/// What the names say, without what the server did not tell.
fn facts(row: &Row, names: &[(&str, usize)]) -> Vec<(String, String)> {
    let told = |(name, i): &(&str, usize)| {
        let value = cell(row, *i);
        (!value.is_empty()).then(|| ((*name).to_string(), value.to_string()))
    };
    names.iter().filter_map(told).collect()
}

/// Bytes as they are written everywhere; empty where the server did not tell.
fn size(row: &Row, i: usize) -> String {
    cell(row, i).parse::<f64>().map_or_else(|_| String::new(), |n| crate::text::bytes(n.max(0.0) as u64))
}

fn none(what: &str, name: &str) -> Error {
    Error::failed(format!("there is no {what} {}", crate::text::clean(name)))
}

/// Refuses what a standby cannot do: it takes over what the primary does.
async fn primary(s: &Session, deed: Deed) -> Result<()> {
    let Some(row) = one(s, STANDBY, &[]).await?.filter(|r| cell(r, 0) == "t") else { return Ok(()) };
    let at = match cell(&row, 1) {
        "" => String::new(),
        host => format!(", {}", crate::text::clean(host)),
    };
    Err(Error::usage(format!("this is a standby: {} is for the primary, whose work it takes over", deed.name()))
        .hint(format!("Do it on the primary{at}.")))
}

/// From 13 on the receiver tells where the primary is.
const STANDBY: &str = "SELECT pg_catalog.pg_is_in_recovery(), \
    (SELECT w.sender_host || ':' || w.sender_port FROM pg_catalog.pg_stat_wal_receiver w WHERE w.sender_host <> '')";

impl Recovering for Postgres {
    fn deeds(&self) -> Vec<Deed> {
        let other = |d: &Deed| matches!(d, Deed::StartReplica | Deed::Checkpoint | Deed::Salvage);
        Deed::ALL.into_iter().filter(|d| !other(d)).collect()
    }
    fn failover_of_the_dead(&self, action: &Action, object: String, followers: &str) -> Option<Prospect> {
        Some(failover::of_the_dead(action, object, followers))
    }
    fn look<'a>(&'a self, s: &'a Session, action: &'a Action) -> BoxFuture<'a, Result<Prospect>> {
        Box::pin(async move {
            let on_primary = matches!(
                action.deed,
                Deed::DropIndex
                    | Deed::Reindex
                    | Deed::Vacuum
                    | Deed::CommitPrepared
                    | Deed::RollbackPrepared
                    | Deed::ReadOnly
                    | Deed::ReadWrite
            );
            if on_primary {
                primary(s, action.deed).await?;
            }
            let mut found = match action.deed {
                Deed::Cancel | Deed::Terminate | Deed::EndIdle => sessions::look(s, action).await,
                Deed::DropIndex | Deed::Reindex => objects::index(s, action).await,
                Deed::Vacuum => objects::vacuum(s, action).await,
                Deed::DropSlot => server::slot(s, action).await,
                Deed::AdvanceSlot => server::advance(s, action).await,
                Deed::Failover => failover::look(s, action).await,
                Deed::CommitPrepared | Deed::RollbackPrepared => server::prepared(s, action).await,
                Deed::ReadOnly | Deed::ReadWrite => server::writing(s, action).await,
                Deed::ResumeReplay => server::replay(s, action).await,
                Deed::RaiseLimit => server::limit(s, action).await,
                Deed::StartReplica | Deed::Checkpoint | Deed::Salvage => {
                    Err(Error::failed(format!("{} is no action of PostgreSQL", action.deed.name())))
                }
            };
            // A standby that is lost would keep its commit waiting for ever. What others prepared is theirs to have confirmed.
            if let Ok(p) = &mut found
                && on_primary
                && !matches!(action.deed, Deed::CommitPrepared | Deed::RollbackPrepared)
            {
                p.before.insert(0, "SET synchronous_commit = local".into());
            }
            found
        })
    }
}
