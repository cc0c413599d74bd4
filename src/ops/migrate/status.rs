//! The migration queue: files against history.

use super::files;
use crate::engine::Session;
use crate::model::migration::{Applied, Migration, RollbackClass, Standing};
use crate::model::{Error, Finding, Result, Severity};
use crate::ops::record::{file_name, shown_version, single_hash};
use crate::ops::{Connection, Cx};
use crate::store::evidence::Stored;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One line of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueItem {
    pub version: i64,
    pub name: String,
    pub standing: Standing,
    /// The files; `None` when only the history knows the version.
    pub migration: Option<Migration>,
    /// The history row.
    pub applied: Option<Applied>,
    /// Result of the last rollback proof that still fits these very files.
    pub class: Option<RollbackClass>,
    /// One sentence of that proof ("down loses 1,204 values of orders.note").
    pub verdict: Option<String>,
}

/// The queue of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    pub dir: PathBuf,
    /// By version.
    pub items: Vec<QueueItem>,
    pub findings: Vec<Finding>,
    pub transactional_ddl: bool,
    /// False when the history table is not there yet: everything is pending.
    pub history_present: bool,
}

impl Queue {
    /// Pending and late items, in the order in which they would be applied.
    pub fn pending(&self) -> impl Iterator<Item = &QueueItem> {
        self.items.iter().filter(|i| matches!(i.standing, Standing::Pending | Standing::Late))
    }
}

/// Directory of the target's scripts.
pub(in crate::ops) fn directory(conn: &Connection) -> Result<PathBuf> {
    let t = conn.target();
    t.migrations.clone().ok_or_else(|| {
        Error::usage(format!("the target {} has no migrations directory", t.name))
            .hint(format!("Set `migrations = \"migrations\"` in [targets.{}].", t.name))
    })
}

/// Reads the directory and the history. Never writes, and waits for no lock.
pub async fn status(cx: &Cx, conn: &Connection) -> Result<Queue> {
    directory(conn)?;
    let session = conn.reader().await?;
    status_on(cx, conn, &session).await
}

/// The same on a session of the caller's.
pub(in crate::ops) async fn status_on(cx: &Cx, conn: &Connection, session: &Session) -> Result<Queue> {
    let dir = directory(conn)?;
    let migrations = conn.engine().migrations().get()?;
    let history = migrations.history(session).await?;
    let read = files::read(&dir)?;
    // Without a store there are no verdicts, and the queue is still worth seeing.
    let mut proofs = cx.store.evidence(Some("rollback-proven")).unwrap_or_default();
    // What a down script leaves depends on the rows: a proof on another database says nothing of this one.
    let database = session.identity().subject();
    proofs.retain(|p| p.evidence.subject.database == database);
    let mut queue = build(read, history, migrations.transactional_ddl(), dir);
    for m in queue.items.iter().filter_map(|i| i.migration.as_ref()) {
        queue.findings.extend(files::check_scripts(conn.dialect(), queue.transactional_ddl, m));
    }
    if queue.pending().next().is_some() {
        let around = conn.catalog()?.neighbours(session).await?;
        let found: Vec<Finding> =
            queue.pending().filter_map(|i| files::check_outside(conn.dialect(), i.migration.as_ref()?, &around)).collect();
        queue.findings.extend(found);
    }
    add_verdicts(&mut queue, &proofs);
    Ok(queue)
}

/// Files against history rows.
fn build(read: files::Directory, history: Option<Vec<Applied>>, transactional_ddl: bool, dir: PathBuf) -> Queue {
    let history_present = history.is_some();
    let mut rows: BTreeMap<i64, Applied> = history.unwrap_or_default().into_iter().map(|a| (a.version, a)).collect();
    let newest = rows.keys().next_back().copied();
    let mut findings = read.findings;
    let mut items = Vec::new();
    for m in read.migrations {
        let applied = rows.remove(&m.version);
        let standing = match &applied {
            None if newest.is_some_and(|n| n > m.version) => Standing::Late,
            None => Standing::Pending,
            Some(row) if !row.success => Standing::Dirty,
            Some(row) if row.checksum.eq_ignore_ascii_case(&files::checksum(&m.up.text)) => Standing::Applied,
            Some(row) if files::same_but_for_line_ends(&m.up.text, &row.checksum.to_ascii_lowercase()) => Standing::LineEnds,
            Some(_) => Standing::Edited,
        };
        items.push(QueueItem {
            version: m.version,
            name: m.name.clone(),
            standing,
            migration: Some(m),
            applied,
            class: None,
            verdict: None,
        });
    }
    for (version, row) in rows {
        let standing = if row.success { Standing::FileMissing } else { Standing::Dirty };
        let name = row.description.replace(' ', "_");
        items.push(QueueItem { version, name, standing, migration: None, applied: Some(row), class: None, verdict: None });
    }
    items.sort_by_key(|i| i.version);
    for i in &items {
        let v = shown_version(i.version);
        let file = i.migration.as_ref().map(|m| file_name(&m.up.path)).unwrap_or_default();
        let f = |severity, check: &str, message: String, next: &str| Finding::new(severity, check, &v, message).next(next);
        match i.standing {
            Standing::Applied => {}
            Standing::Pending => {
                if i.migration.as_ref().is_some_and(|m| m.down.is_none()) {
                    findings.push(f(Severity::Warning, "down-missing", format!("{v} {} has no down script", i.name), "Write one: without it no rollback can be proven."));
                }
            }
            Standing::Late => findings.push(f(
                Severity::Warning,
                "late",
                format!("{v} {} is pending, and a later version is applied already", i.name),
                "It is applied after them: see that its order does not matter, or give it a new version.",
            )),
            Standing::Edited => findings.push(f(
                Severity::Critical,
                "edited",
                format!("{file} was edited after it was applied"),
                "Bring back the file as it was applied, and put the change into a new migration.",
            )),
            Standing::LineEnds => findings.push(f(
                Severity::Info,
                "line-ends",
                format!("{file} has other line ends than when it was applied; the text is the same"),
                "sqlx would call it changed: keep the line ends fixed, e.g. with .gitattributes.",
            )),
            Standing::Dirty => findings.push(f(
                Severity::Critical,
                "dirty",
                format!("{v} {} is half applied: the history says that it did not succeed", i.name),
                "Look at what is there (holdpoint migrate status explains a run that was cut off), finish or undo it by hand, then mend the history row.",
            )),
            Standing::FileMissing => findings.push(f(
                Severity::Critical,
                "file-missing",
                format!("{v} {} is applied, and its file is not in the directory", i.name),
                "Bring the file back, or use the directory that belongs to this database.",
            )),
        }
    }
    Queue { dir, items, findings, transactional_ddl, history_present }
}

/// Puts the newest sound proof of these very files to each item.
fn add_verdicts(queue: &mut Queue, proofs: &[Stored]) {
    for item in &mut queue.items {
        let Some(m) = &item.migration else { continue };
        let hash = single_hash(m);
        let v = item.version;
        let fits = |p: &&Stored| p.tampered.is_none() && p.evidence.facts.get(&format!("migration.{v}")) == Some(&hash);
        if let Some(p) = proofs.iter().find(fits) {
            item.class = p.evidence.facts.get(&format!("class.{v}")).and_then(|c| class_from(c));
            item.verdict = p.evidence.facts.get(&format!("verdict.{v}")).cloned();
        }
    }
}

pub(in crate::ops) fn class_name(c: RollbackClass) -> &'static str {
    match c {
        RollbackClass::Exact => "exact",
        RollbackClass::Lossy => "lossy",
        RollbackClass::Equivalent => "equivalent",
        RollbackClass::Irreversible => "irreversible",
    }
}

fn class_from(name: &str) -> Option<RollbackClass> {
    [RollbackClass::Exact, RollbackClass::Lossy, RollbackClass::Equivalent, RollbackClass::Irreversible]
        .into_iter()
        .find(|c| class_name(*c) == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::migration::Script;

    fn migration(version: i64, text: &str) -> Migration {
        let path = PathBuf::from(format!("{version:04}_m{version}.up.sql"));
        Migration {
            version,
            name: format!("m{version}"),
            up: Script { path, text: text.into(), sha256: String::new() },
            down: None,
            no_transaction: false,
        }
    }
    fn row(version: i64, text: &str, success: bool) -> Applied {
        Applied {
            version,
            description: format!("m{version}"),
            installed_on: String::new(),
            success,
            checksum: files::checksum(text).to_uppercase(),
            execution_time: 1,
        }
    }

    #[test]
    fn every_standing_is_told() {
        let read = files::Directory {
            migrations: vec![
                migration(1, "a"),
                migration(2, "b2"),
                migration(3, "c\n"),
                migration(4, "d"),
                migration(5, "e"),
                migration(8, "h"),
            ],
            findings: vec![],
        };
        let rows = vec![row(1, "a", true), row(2, "b", true), row(3, "c\r\n", true), row(5, "e", false), row(6, "f", true)];
        let q = build(read, Some(rows), true, PathBuf::new());
        let standings: Vec<_> = q.items.iter().map(|i| (i.version, i.standing)).collect();
        assert_eq!(
            standings,
            [
                (1, Standing::Applied),
                (2, Standing::Edited),
                (3, Standing::LineEnds),
                (4, Standing::Late),
                (5, Standing::Dirty),
                (6, Standing::FileMissing),
                (8, Standing::Pending),
            ]
        );
        let critical: Vec<_> = q.findings.iter().filter(|f| f.severity == Severity::Critical).map(|f| f.check.as_str()).collect();
        assert_eq!(critical, ["edited", "dirty", "file-missing"]);
        assert_eq!(q.pending().map(|i| i.version).collect::<Vec<_>>(), [4, 8]);
    }
}
