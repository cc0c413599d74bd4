//! Recovery actions of PostgreSQL (`reference/operations.md` §2.6): what each finds, and the statement that acts. A session, a slot and a paused
//! replay are looked for once more by the acting statement itself; commands that take only a name are preceded by another look.

mod objects;
mod server;
mod sessions;

use super::Postgres;
use super::catalog::{Row, cell, pinned};
use crate::engine::{Recovering, Session};
use crate::model::recovery::{Action, Deed, Prospect};
use crate::model::{Dialect, Error, Result};
use futures_util::future::BoxFuture;

/// All of them: other engines have a part.
const DEEDS: &[Deed] = &Deed::ALL;

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

fn none(what: &str, name: &str) -> Error {
    Error::failed(format!("there is no {what} {}", crate::text::clean(name)))
}

impl Recovering for Postgres {
    fn deeds(&self) -> &'static [Deed] {
        DEEDS
    }
    fn look<'a>(&'a self, s: &'a Session, action: &'a Action) -> BoxFuture<'a, Result<Prospect>> {
        Box::pin(async move {
            match action.deed {
                Deed::Cancel | Deed::Terminate | Deed::EndIdle => sessions::look(s, action).await,
                Deed::DropIndex => objects::index(s, action).await,
                Deed::Vacuum => objects::vacuum(s, action).await,
                Deed::DropSlot => server::slot(s, action).await,
                Deed::CommitPrepared | Deed::RollbackPrepared => server::prepared(s, action).await,
                Deed::ReadOnly | Deed::ReadWrite => server::writing(s, action).await,
                Deed::ResumeReplay => server::replay(s, action).await,
                Deed::RaiseLimit => server::limit(s, action).await,
            }
        })
    }
}
