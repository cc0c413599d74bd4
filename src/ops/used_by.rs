//! What would notice a change of an object: what the catalogue knows, saved queries, and migrations that wait.

use super::{Connection, Cx, library, migrate};
use crate::model::{Dependent, Error, NodeKind, NodePath, Result};
use crate::sql::mentions::mentions_or_executes;
use serde::Serialize;
use std::path::PathBuf;

/// A place in a file that names the object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mention {
    /// The saved query's name, or the migration's version and name.
    pub name: String,
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// That line.
    pub text: String,
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct UsedBy {
    pub dependents: Vec<Dependent>,
    pub queries: Vec<Mention>,
    pub migrations: Vec<Mention>,
    /// What was not looked at, and why.
    pub remarks: Vec<String>,
}

impl UsedBy {
    pub fn is_empty(&self) -> bool {
        self.dependents.is_empty() && self.queries.is_empty() && self.migrations.is_empty()
    }
}

/// The words that a text must hold to name the object: a column's table too. A function without its arguments.
fn words(at: &NodePath) -> Vec<&str> {
    let relation = [NodeKind::Table, NodeKind::View, NodeKind::MaterializedView].iter().find_map(|k| at.name_of(*k));
    let other = || at.last().map(|(_, n)| n.split('(').next().unwrap_or(n));
    relation.or_else(other).into_iter().chain(at.name_of(NodeKind::Column)).collect()
}

/// Looks everywhere. What cannot be looked at is a remark, not an error, once the catalogue answered.
pub async fn used_by(cx: &Cx, conn: &Connection, at: &NodePath) -> Result<UsedBy> {
    let s = conn.surveyor().await?;
    let catalog = conn.catalog()?;
    let dependents = catalog.dependents(&s, at).await?;
    // Nothing uses what is not there: that must not be read as "it may go".
    if dependents.is_empty()
        && let Some(((kind, name), above)) = at.0.split_last()
        && !catalog.children(&s, &NodePath(above.to_vec())).await?.iter().any(|n| (n.kind, &n.name) == (*kind, name))
    {
        return Err(Error::failed(format!("{} is no longer there", crate::text::clean(name))).hint("Refresh the schema tree."));
    }
    let words = words(at);
    let dialect = conn.dialect();
    let mention = |name: String, path: &PathBuf, text: &str| {
        let at = mentions_or_executes(dialect, text, &words)?;
        let line = text[..at].matches('\n').count() + 1;
        Some(Mention { name, path: path.clone(), line, text: text.lines().nth(line - 1).unwrap_or_default().trim().to_string() })
    };
    let (saved, mut remarks) = library::list(&cx.config);
    let queries = saved.iter().filter_map(|q| mention(q.name.clone(), &q.path, &q.text)).collect();
    let mut waiting = Vec::new();
    match migrate::status(cx, conn).await {
        Ok(queue) => {
            for (item, m) in queue.pending().filter_map(|i| Some((i, i.migration.as_ref()?))) {
                let scripts = [("up", Some(&m.up)), ("down", m.down.as_ref())];
                for (which, script) in scripts.into_iter().filter_map(|(w, s)| Some((w, s?))) {
                    waiting.extend(mention(format!("{} {} ({which})", item.version, item.name), &script.path, &script.text));
                }
            }
        }
        Err(e) => remarks.push(format!("Pending migrations were not looked at: {}", e.message)),
    }
    Ok(UsedBy { dependents, queries, migrations: waiting, remarks })
}
