//! Indexes that are only imagined, by HypoPG: they live in the memory of one server process, and only plain EXPLAIN sees them.
//! And what a fresh copy needs before something is measured on it.

use super::Postgres;
use super::catalog::{cell, pinned};
use crate::engine::{Hiding, Hypothetical, Imagined, Session, Trials};
use crate::model::plan::Plan;
use crate::model::{Dialect, Effects, Error, Result};
use crate::text;
use futures_util::future::BoxFuture;

const WHERE: &str = "SELECT n.nspname, e.extversion FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'hypopg'";

const ON_COPY: &str = "Try it on a scratch copy, where the index is really dropped: --on-scratch";

impl Hypothetical for Postgres {
    fn imagine<'a>(&'a self, s: &'a Session, text: &'a str, creates: &'a [&'a str]) -> BoxFuture<'a, Result<Imagined>> {
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
            let imagined = imagine(s, &schema, text, creates).await;
            // Whatever happened: the session may be used for something else.
            let cleared = pinned(s, &format!("SELECT {schema}.hypopg_reset()"), &[]).await;
            let imagined = imagined?;
            cleared?;
            Ok(imagined)
        })
    }
    fn hide<'a>(&'a self, s: &'a Session, text: &'a str, index: &'a str) -> BoxFuture<'a, Result<Plan>> {
        Box::pin(async move {
            let found = pinned(s, WHERE, &[]).await?;
            let version = found.rows.first().map_or("", |r| cell(r, 1));
            let Some(schema) = found.rows.first().map(|r| Dialect::Postgres.quote_ident(cell(r, 0))) else {
                return Err(Error::failed("HypoPG is not installed in this database, so no index can be hidden").hint(ON_COPY));
            };
            let can = pinned(s, "SELECT 1 FROM pg_catalog.pg_proc WHERE proname = 'hypopg_hide_index'", &[]).await?;
            if can.rows.is_empty() {
                return Err(Error::failed(format!("HypoPG {version} cannot hide an index: that came with 1.4"))
                    .hint("Install a newer HypoPG, then ALTER EXTENSION hypopg UPDATE.")
                    .hint(ON_COPY));
            }
            // By the session's own search_path, as the user would name it.
            let hidden = s.fetch_with(format!("SELECT {schema}.hypopg_hide_index($1::regclass::oid)"), vec![Some(index.to_string())]).await;
            let plan = match hidden {
                Ok(t) if t.scalar() == Some("t") => s.explain(text, false).await,
                Ok(_) => Err(Error::usage(format!("{} is no index that HypoPG can hide", crate::text::clean(index)))),
                Err(e) => Err(e),
            };
            let cleared = pinned(s, &format!("SELECT {schema}.hypopg_unhide_all_indexes()"), &[]).await;
            let plan = plan?;
            cleared?;
            Ok(plan)
        })
    }
}

async fn imagine(s: &Session, schema: &str, text: &str, creates: &[&str]) -> Result<Imagined> {
    let mut indexes = Vec::new();
    for create in creates {
        // By the session's own search_path: what the statement finds, the index is to find.
        let how = format!("SELECT indexrelid::text, indexname FROM {schema}.hypopg_create_index($1)");
        let made = s.fetch_with(how, vec![Some((*create).to_string())]).await?;
        let row = made.rows.first().ok_or_else(|| Error::failed("HypoPG made no index of this statement"))?;
        indexes.push((cell(row, 0).to_string(), cell(row, 1).to_string()));
    }
    let plan = s.explain(text, false).await?;
    let (mut used, mut bytes) = (Vec::new(), Vec::new());
    for (id, name) in indexes {
        let mut taken = false;
        plan.root.walk(0, &mut |_, n| taken |= n.index.as_deref() == Some(name.as_str()));
        used.push(taken);
        let size = pinned(s, &format!("SELECT {schema}.hypopg_relation_size({id}::oid)"), &[]).await?;
        bytes.push(size.rows.first().and_then(|r| cell(r, 0).parse().ok()));
    }
    Ok(Imagined { plan, used, bytes })
}

impl Trials for Postgres {
    fn hiding(&self, _s: &Session, _table: &str, index: &str) -> Hiding {
        Hiding::InTransaction(format!("DROP INDEX {index}"))
    }
    fn twin<'a>(&'a self, _s: &'a Session, table: &'a str, name: &'a str) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move { Ok(vec![format!("CREATE TABLE {name} (LIKE {table} INCLUDING INDEXES INCLUDING STORAGE)")]) })
    }
    fn effects<'a>(&'a self, s: &'a Session, text: &'a str) -> BoxFuture<'a, Result<Effects>> {
        Box::pin(super::effects::of(self, s, text))
    }
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
