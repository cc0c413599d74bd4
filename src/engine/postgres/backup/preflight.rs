//! What would stop a backup or a restore, found before anything starts.

use super::super::catalog::cell;
use super::super::{Postgres, tools};
use crate::engine::{Access, Connect, Engine, Role, Session};
use crate::model::{Dialect, Error, Finding, Identity, Result, Severity};
use crate::text;
use std::path::Path;

/// All findings; `critical` blocks.
pub(super) async fn findings(engine: &Postgres, identity: &Identity) -> Vec<Finding> {
    let mut out = vec![client_tools(identity).await];
    if let Some(pooler) = &identity.pooler {
        out.push(
            Finding::new(Severity::Critical, "behind-pooler", &identity.address, format!("the connection goes through {pooler}"))
                .next("A dump needs a session of its own: give the target the server's own address."),
        );
        return out;
    }
    match source(engine).await {
        Ok((size, f)) => {
            out.push(f);
            match engine.target().backups.as_deref() {
                Some(dir) => out.push(room(dir, size)),
                None => out.push(Finding::new(
                    Severity::Unknown,
                    "backup-space",
                    &engine.target().name,
                    "the room for backups was not looked at: the target names no directory for them",
                )),
            }
        }
        Err(e) => out.push(unseen("backup-readable", &engine.target().name, e)),
    }
    out.push(scratch(engine, identity).await.unwrap_or_else(|e| {
        let next = e.hints.first().cloned().unwrap_or_default();
        Finding::new(Severity::Warning, "scratch-missing", &engine.target().name, e.message).next(next)
    }));
    out
}

fn unseen(check: &str, object: &str, e: Error) -> Finding {
    let next = e.hints.first().cloned().unwrap_or_default();
    Finding::new(Severity::Unknown, check, object, e.message).next(next)
}

async fn client_tools(identity: &Identity) -> Finding {
    const CHECK: &str = "backup-tool";
    match tools::fitting(tools::installed().await, identity.major.parse().unwrap_or(0)) {
        Ok(t) => Finding::new(Severity::Ok, CHECK, t.dir.display().to_string(), t.version),
        Err(e) => {
            let next = e.hints.first().cloned().unwrap_or_default();
            Finding::new(Severity::Critical, CHECK, "pg_dump", e.message).next(next)
        }
    }
}

/// Size of the database, and whether the role may read all of it.
async fn source(engine: &Postgres) -> Result<(u64, Finding)> {
    let s = engine.connect(Connect::new(Role::Background, Access::ReadOnly)).await?;
    let size = s.fetch("SELECT pg_catalog.pg_database_size(current_database())").await?.scalar().and_then(|v| v.parse().ok()).unwrap_or(0);
    let hidden = s
        .fetch(
            "SELECT c.oid::pg_catalog.regclass FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND CASE c.relkind WHEN 'S' THEN NOT pg_catalog.has_sequence_privilege(c.oid, 'SELECT') \
             WHEN 'r' THEN NOT pg_catalog.has_table_privilege(c.oid, 'SELECT') OR pg_catalog.row_security_active(c.oid) ELSE false END ORDER BY 1 LIMIT 20",
        )
        .await?;
    let names: Vec<&str> = hidden.rows.iter().map(|r| cell(r, 0)).collect();
    let name = engine.target().name.clone();
    let user = Dialect::Postgres.quote_ident(&s.identity().user);
    let f = if names.is_empty() {
        Finding::new(Severity::Ok, "backup-readable", name, "the role may read every table")
    } else {
        Finding::new(Severity::Critical, "backup-readable", name, format!("the role may not read all of {}", names.join(", ")))
            .next(format!("GRANT pg_read_all_data TO {user}; and for row level security ALTER ROLE {user} BYPASSRLS."))
    };
    s.close().await;
    Ok((size, f))
}

/// A dump is compressed and holds no indexes, so the database's size is more than it takes.
fn room(dir: &Path, size: u64) -> Finding {
    let there = dir.ancestors().find(|d| d.is_dir()).unwrap_or(Path::new("/"));
    let object = dir.display().to_string();
    let Some(free) = rustix::fs::statvfs(there).ok().and_then(|f| f.f_bavail.checked_mul(f.f_frsize)) else {
        return Finding::new(Severity::Unknown, "backup-space", object, "how much room is left cannot be seen");
    };
    let told = format!("{} free; the database has {} and its dump takes less", text::bytes(free), text::bytes(size));
    if free > size {
        Finding::new(Severity::Ok, "backup-space", object, told)
    } else if free > size / 5 {
        Finding::new(Severity::Warning, "backup-space", object, told).next("The dump may or may not fit: free some space to be sure.")
    } else {
        Finding::new(Severity::Critical, "backup-space", object, told).next("Free some space, or name another directory in `backups`.")
    }
}

/// The scratch server answers, is another one, and lets its role create databases.
async fn scratch(engine: &Postgres, identity: &Identity) -> Result<Finding> {
    const CHECK: &str = "scratch-place";
    let (target, password) = engine.scratch_server().await?;
    let s: Session = Postgres::new(target.clone(), password).connect(Connect::new(Role::Background, Access::ReadWrite)).await?;
    let may = s.fetch("SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user").await?;
    let place = s.identity().clone();
    s.close().await;
    let name = &target.name;
    Ok(if may.scalar() != Some("t") {
        Finding::new(Severity::Critical, CHECK, name, "its role may not create databases")
            .next(format!("ALTER ROLE {} CREATEDB on the scratch server.", Dialect::Postgres.quote_ident(&place.user)))
    } else if place.server_id == identity.server_id {
        // Allowed in development; the restore refuses it where the server holds production data.
        Finding::new(Severity::Warning, CHECK, name, "the scratch place is on the same server as the database itself")
            .next("A restore there takes its disk and its memory: use another server for anything that matters.")
    } else {
        Finding::new(Severity::Ok, CHECK, name, format!("{} can hold scratch databases", place.address))
    })
}
