//! What the engines share in looking for what a writing statement sets off: which rows it touches in which table, and where foreign keys
//! lead from there.

use super::{Catalog, Session};
use crate::model::{Effects, Follow, Result};
use crate::plan::known::Table;
use crate::text;

/// Most tables and functions that are looked through: beyond, the rest counts as something that nobody looked at.
pub(super) const MOST: usize = 300;

/// Why rows of such a table are no data fix.
pub(super) fn servers_own(table: &str) -> String {
    format!("{table} is the system's own: what a change of its rows breaks in the schema, the saved rows do not bring back")
}

/// What may write behind a statement that does not say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// A sentence without a capital that names it.
    pub why: String,
    /// What can be done about it.
    pub way_out: &'static str,
}

/// What happens to a table's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Touched {
    /// Rows are made, or defaults taken.
    pub insert: bool,
    pub update: bool,
    pub delete: bool,
}

impl Touched {
    pub const ALL: Touched = Touched { insert: true, update: true, delete: true };
    pub fn join(&mut self, other: Touched) -> bool {
        let before = *self;
        self.insert |= other.insert;
        self.update |= other.update;
        self.delete |= other.delete;
        *self != before
    }
    /// `INSERT or UPDATE`.
    pub fn words(self) -> String {
        let all = [(self.insert, "INSERT"), (self.update, "UPDATE"), (self.delete, "DELETE")];
        all.iter().filter(|(on, _)| *on).map(|(_, w)| *w).collect::<Vec<_>>().join(" or ")
    }
}

/// Tables by name with what happens to their rows, in the order in which they were found; each is looked at again when more happens to it.
#[derive(Debug, Default)]
pub(super) struct Reached {
    pub tables: Vec<(Vec<String>, Touched)>,
    waiting: Vec<usize>,
}

impl Reached {
    pub fn add(&mut self, table: Vec<String>, touched: Touched) {
        let same = |t: &[String]| t.len() == table.len() && t.iter().zip(&table).all(|(a, b)| a.eq_ignore_ascii_case(b));
        match self.tables.iter().position(|(t, _)| same(t)) {
            Some(at) => {
                if self.tables[at].1.join(touched) && !self.waiting.contains(&at) {
                    self.waiting.push(at);
                }
            }
            None => {
                self.waiting.push(self.tables.len());
                self.tables.push((table, touched));
            }
        }
    }
    pub fn next(&mut self) -> Option<(Vec<String>, Touched)> {
        self.waiting.pop().map(|at| self.tables[at].clone())
    }
}

/// Follows the foreign keys that lead to a table whose rows are touched.
pub(super) async fn cascades(
    catalog: &dyn Catalog,
    s: &Session,
    table: &[String],
    touched: Touched,
    reached: &mut Reached,
    out: &mut Effects,
) -> Result<()> {
    if !(touched.update || touched.delete) {
        return Ok(());
    }
    for key in catalog.referrers(s, table).await? {
        if !key.enforced {
            continue;
        }
        let child = vec![key.schema.clone(), key.table.clone()];
        let shown = text::clean(&child.join(".")).into_owned();
        let parent = text::clean(&table.join(".")).into_owned();
        if touched.delete && key.on_delete != Follow::Nothing {
            let gone = key.on_delete == Follow::Cascade;
            let what = if gone { "deleted" } else { "changed" };
            Effects::note(&mut out.cascades, format!("rows of {shown} are {what} with those of {parent} ({})", key.constraint));
            reached.add(child.clone(), Touched { delete: gone, update: !gone, ..Touched::default() });
        } else if touched.delete {
            let facts = catalog.plan_facts(s, &[child.join("."), key.table.clone()]).await?;
            let indexed = |t: &Table| t.indexes.iter().any(|i| i.keys.first().is_some_and(|k| key.columns.contains(k)));
            let bare = facts.table(&child.join(".")).or_else(|| facts.table(&key.table)).is_some_and(|t| !indexed(t));
            let dear =
                if bare { format!(", which has no index on {}: each look reads all of it", key.columns.join(", ")) } else { String::new() };
            Effects::note(&mut out.checks, format!("{} looks for each deleted row of {parent} in {shown}{dear}", key.constraint));
        }
        if touched.update && key.on_update != Follow::Nothing {
            Effects::note(
                &mut out.cascades,
                format!("rows of {shown} are changed where {} of {parent} changes ({})", key.referenced.join(", "), key.constraint),
            );
            reached.add(child, Touched { update: true, ..Touched::default() });
        }
    }
    Ok(())
}
