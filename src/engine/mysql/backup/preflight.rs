//! What would stop a backup or a restore, or make it prove less, found before anything starts.

use super::super::MySql;
use super::super::catalog::{at, lit};
use super::{database_of, tools};
use crate::engine::{Access, Engine};
use crate::model::{Error, Finding, Identity, Result, Severity};
use crate::text;

pub(super) async fn findings(engine: &MySql, identity: &Identity) -> Vec<Finding> {
    let target = engine.target();
    let mut out = Vec::new();
    let mariadb = identity.product == "MariaDB";
    let install = "Install the server's client programs (Debian: mariadb-client).";
    match tools::dumper(mariadb).await {
        None => out.push(
            Finding::new(Severity::Critical, "backup-tool", "mariadb-dump", "neither mariadb-dump nor mysqldump was found in PATH")
                .next(install),
        ),
        Some(tool) => {
            let name = tool.path.display().to_string();
            if tool.is_mariadb() != mariadb {
                let text = format!("{} is not a tool of {}", tool.version, identity.product);
                out.push(
                    Finding::new(Severity::Warning, "backup-tool", &name, text).next("Their dumps differ: install the server's own tool."),
                );
            } else if tool.release().is_some_and(|r| r < release(identity)) {
                let text = format!("{} is older than the server, {}", tool.version, identity.version);
                out.push(
                    Finding::new(Severity::Warning, "backup-tool", &name, text).next("An older tool may leave new kinds of objects out."),
                );
            } else {
                out.push(Finding::new(Severity::Ok, "backup-tool", &name, tool.version));
            }
        }
    }
    match tools::client(mariadb).await {
        None => out.push(
            Finding::new(
                Severity::Warning,
                "restore-tool",
                "mariadb",
                "neither mariadb nor mysql was found in PATH: a backup cannot be proven",
            )
            .next(install),
        ),
        Some(tool) => out.push(Finding::new(Severity::Ok, "restore-tool", tool.path.display().to_string(), tool.version)),
    }
    match &target.scratch_target {
        None => out.push(
            Finding::new(
                Severity::Warning,
                "scratch-missing",
                &target.name,
                "the target names no scratch place: a backup cannot be proven",
            )
            .next("Set `scratch` to a target on a server where databases may be made; never a production server."),
        ),
        Some(s) => {
            out.push(Finding::new(Severity::Ok, "scratch-place", &target.name, format!("copies are restored on the server of {}", s.name)))
        }
    }
    if let Err(e) = content(engine, &mut out).await {
        out.push(failed(&target.name, e));
    }
    out
}

fn failed(target: &str, e: Error) -> Finding {
    let next = e.hints.first().cloned().unwrap_or_else(|| "Connect, and look again.".into());
    Finding::new(Severity::Critical, "backup-source", target, e.message).next(next)
}

fn release(identity: &Identity) -> (u32, u32) {
    let mut parts = identity.major.split('.').filter_map(|p| p.parse().ok());
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

async fn content(engine: &MySql, out: &mut Vec<Finding>) -> Result<()> {
    let target = engine.target();
    let database = database_of(target)?;
    let s = engine.migration_session(Access::ReadOnly).await?;
    let list = s
        .fetch(format!(
            "SELECT ENGINE, COUNT(*), MIN(TABLE_NAME), SUM(DATA_LENGTH + INDEX_LENGTH) FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = {} AND ENGINE IS NOT NULL GROUP BY ENGINE ORDER BY ENGINE",
            lit(database)
        ))
        .await?;
    let mut size = 0u64;
    for r in &list.rows {
        size += at(r, 3).parse::<u64>().unwrap_or(0);
        if matches!(at(r, 0).to_ascii_lowercase().as_str(), "innodb" | "rocksdb" | "tokudb" | "sequence") {
            continue;
        }
        let text =
            format!("{} table(s) are kept by {}, {} among them: they are no part of the dump's transaction", at(r, 1), at(r, 0), at(r, 2));
        out.push(
            Finding::new(Severity::Warning, "non-transactional", database, text)
                .next("What is written to them during the dump may be half in it: stop their writers, or convert them to InnoDB."),
        );
    }
    s.close().await;
    let Some(dir) = &target.backups else {
        out.push(Finding::new(
            Severity::Unknown,
            "backup-space",
            &target.name,
            "the room for backups was not looked at: the target names no directory for them",
        ));
        return Ok(());
    };
    // The directory may not be there yet: its nearest parent is on the same file system.
    let free = dir.ancestors().find_map(|d| rustix::fs::statvfs(d).ok()).map(|v| v.f_bavail.saturating_mul(v.f_frsize));
    let place = dir.display().to_string();
    out.push(match free {
        None => Finding::new(Severity::Unknown, "backup-space", place, "the free space could not be read"),
        Some(free) if free < size => {
            let text = format!("{} free, and the database takes about {}", text::bytes(free), text::bytes(size));
            Finding::new(Severity::Critical, "backup-space", place, text).next("Free some space, or name another directory in `backups`.")
        }
        Some(free) => {
            let text = format!("{} free for a database of about {}", text::bytes(free), text::bytes(size));
            Finding::new(Severity::Ok, "backup-space", place, text)
        }
    });
    Ok(())
}
