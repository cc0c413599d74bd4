//! Indexes that are only imagined, by HypoPG: they live in the memory of one server process, and only plain EXPLAIN sees them.
//! And what a fresh copy needs before something is measured on it.

use super::Postgres;
use super::catalog::{cell, pinned};
use crate::engine::{Hypothetical, Imagined, Session, Trials};
use crate::model::{Dialect, Error, Result};
use crate::text;
use futures_util::future::BoxFuture;

const WHERE: &str =
    "SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'hypopg'";

impl Hypothetical for Postgres {
    fn imagine<'a>(&'a self, s: &'a Session, text: &'a str, create: &'a str) -> BoxFuture<'a, Result<Imagined>> {
        Box::pin(async move {
            if let Some(pooler) = &s.identity().pooler {
                return Err(Error::failed(format!(
                    "behind {} the server process changes between statements, and an imagined index is known to one process alone",
                    text::clean(pooler)
                ))
                .hint("Name a target that reaches the server itself."));
            }
            let found = pinned(s, WHERE, &[]).await?;
            let Some(schema) = found.rows.first().map(|r| Dialect::Postgres.quote_ident(cell(r, 0))) else {
                return Err(Error::failed("HypoPG is not installed in this database, so no index can be imagined")
                    .hint("Install the server's package (Debian: postgresql-15-hypopg) and CREATE EXTENSION hypopg; or measure on a scratch copy."));
            };
            let imagined = imagine(s, &schema, text, create).await;
            // Whatever happened: the session may be used for something else.
            let cleared = pinned(s, &format!("SELECT {schema}.hypopg_reset()"), &[]).await;
            let imagined = imagined?;
            cleared?;
            Ok(imagined)
        })
    }
}

async fn imagine(s: &Session, schema: &str, text: &str, create: &str) -> Result<Imagined> {
    let made = pinned(s, &format!("SELECT indexrelid::text, indexname FROM {schema}.hypopg_create_index($1)"), &[create]).await?;
    let row = made.rows.first().ok_or_else(|| Error::failed("HypoPG made no index of this statement"))?;
    let (id, name) = (cell(row, 0).to_string(), cell(row, 1).to_string());
    let plan = s.explain(text, false).await?;
    let mut used = false;
    plan.root.walk(0, &mut |_, n| used |= n.index.as_deref() == Some(name.as_str()));
    let size = pinned(s, &format!("SELECT {schema}.hypopg_relation_size({id}::oid)"), &[]).await?;
    let bytes = size.rows.first().and_then(|r| cell(r, 0).parse().ok());
    Ok(Imagined { plan, used, bytes })
}

impl Trials for Postgres {
    fn settle(&self, table: &str) -> Vec<String> {
        // A restore brings neither statistics nor the visibility map, without which no index spares the table.
        vec![format!("VACUUM (ANALYZE) {table}")]
    }
    fn index_bytes<'a>(&'a self, s: &'a Session, _table: &'a str, index: &'a str) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(async move {
            let told = pinned(s, "SELECT pg_catalog.pg_relation_size($1::regclass)", &[index]).await?;
            Ok(told.rows.first().and_then(|r| cell(r, 0).parse().ok()))
        })
    }
}
