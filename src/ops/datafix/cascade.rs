//! What a data fix changes beyond the rows that it names: rows that foreign keys delete or change with them. They are counted and
//! saved before the statement runs, inside its transaction, and what the server counted itself is compared afterwards.
//!
//! The rows are found by SELECTs put one into the other along the keys, so that the server compares keys as it does itself. A row that
//! several keys lead to counts once.

use super::image::Images;
use crate::engine::{Back, Catalog, Event, Fixes, RowsBy, Session, Touched};
use crate::model::{Cell, Dialect, Error, Follow, Param, Referrer, Result, RowBatch, TableInfo};
use crate::ops::cells::moments_told;
use crate::sql::before::{Touch, lock};
use crate::text;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::PathBuf;

/// Keys that are followed one after the other (a tree's levels).
const DEEPEST: usize = 20;
/// Keys that are looked along in all.
const MOST_LOOKS: usize = 300;

/// Rows of one table that changed because of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cascaded {
    /// `schema.table`, cleaned.
    pub table: String,
    /// Rows that are gone with those they referred to, and rows whose reference changed.
    pub deleted: u64,
    pub changed: u64,
    /// Rows that refer to what is not there any more: the session does not enforce foreign keys.
    pub left: u64,
    /// Where they are as they were.
    pub saved: Option<PathBuf>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cascades {
    pub tables: Vec<Cascaded>,
    /// The server counted changes that no key explains; sentences.
    pub notes: Vec<String>,
}

impl Cascades {
    /// Rows that changed, of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|t| t.deleted + t.changed).sum()
    }

    /// Adds those of a further statement.
    pub(super) fn add(&mut self, more: Cascades) {
        for t in more.tables {
            match self.tables.iter_mut().find(|own| own.table == t.table) {
                Some(own) => {
                    own.deleted += t.deleted;
                    own.changed += t.changed;
                    own.left += t.left;
                }
                None => self.tables.push(t),
            }
        }
        self.notes.extend(more.notes);
    }

    /// A line for each table: `Also 12 rows of shop.items by cascade: deleted.`
    pub fn lines(&self) -> Vec<String> {
        let mut out = Vec::new();
        for t in &self.tables {
            for (n, what) in [(t.deleted, "deleted"), (t.changed, "changed")] {
                if n > 0 {
                    out.push(format!("Also {} of {} by cascade: {what}.", text::counted(n, "row"), t.table));
                }
            }
            if t.left > 0 {
                let verb = if t.left == 1 { "refers" } else { "refer" };
                out.push(format!(
                    "{} of {} {verb} to them and will lead nowhere: foreign keys are off here.",
                    text::counted(t.left, "row"),
                    t.table
                ));
            }
        }
        out.extend(self.notes.iter().cloned());
        out
    }
}

/// A row by its values.
pub(super) type RowId = [u8; 32];

/// How often each row of a table was seen: equal rows of a table without a key are several.
#[derive(Debug, Default)]
pub(super) struct Seen {
    rows: HashMap<RowId, u64>,
}

impl Seen {
    /// How many of `found` are new.
    fn more(&mut self, found: &HashMap<RowId, u64>) -> u64 {
        let mut more = 0;
        for (id, n) in found {
            let known = self.rows.entry(*id).or_default();
            more += n.saturating_sub(*known);
            *known = (*known).max(*n);
        }
        more
    }

    /// Notes rows that the statement names itself, by the first `columns`.
    pub fn take(&mut self, batch: &RowBatch, columns: usize) {
        for r in 0..batch.rows() {
            *self.rows.entry(row_id(batch, r, columns)).or_default() += 1;
        }
    }
}

pub(super) fn row_id(batch: &RowBatch, row: usize, columns: usize) -> RowId {
    let mut hash = Sha256::new();
    for c in 0..columns {
        let (tag, bytes): (u8, &[u8]) = match batch.cell(row, c) {
            Cell::Null => (0, &[]),
            Cell::Text(b) => (1, b),
            Cell::Number(b) => (2, b),
            Cell::Binary(b) => (3, b),
        };
        hash.update([tag]);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hash.finalize().into()
}

/// The rows that the statement names.
pub(super) struct Start<'a> {
    pub table: &'a TableInfo,
    /// SELECTs of all their columns, without a lock, with their parameters.
    pub selects: Vec<(String, Vec<Param>)>,
    /// These give the rows that were saved, or it is seen afterwards which rows changed; else the condition might find others once more.
    pub exact: bool,
    pub touch: Touch,
    pub rows: Seen,
    pub affected_most: u64,
}

/// A table whose rows change with those of the statement, and those that were saved of it: by what they are told apart by, or by their
/// places.
pub(super) struct Reached {
    pub table: TableInfo,
    pub rows: RowsBy,
}

/// Foreign keys that lead to a table; those that were asked for once are known.
pub(super) struct Keys<'a> {
    pub catalog: &'a dyn Catalog,
    known: HashMap<[String; 2], Vec<Referrer>>,
}

impl<'a> Keys<'a> {
    pub fn new(catalog: &'a dyn Catalog) -> Self {
        Keys { catalog, known: HashMap::new() }
    }

    /// Asks for all that lead on from these rows. It may take a while, in which nobody should wait for them.
    pub async fn look(&mut self, s: &Session, table: &TableInfo, touch: &Touch) -> Result<()> {
        let mut next = vec![([table.schema.clone(), table.name.clone()], with_computed(touch.clone(), table))];
        let mut seen = HashSet::new();
        while let Some((at, touch)) = next.pop() {
            let keys = match self.known.get(&at) {
                Some(keys) => keys.clone(),
                None => self.catalog.referrers(s, &at).await?,
            };
            for key in &keys {
                let Some(follow) = follows(&touch, key) else { continue };
                let gone = touch == Touch::Delete && follow == Follow::Cascade;
                if seen.insert((key.schema.clone(), key.table.clone(), key.constraint.clone(), gone)) {
                    let touch = if gone { Touch::Delete } else { Touch::Update(key.columns.clone()) };
                    next.push(([key.schema.clone(), key.table.clone()], touch));
                }
            }
            self.known.insert(at, keys);
        }
        Ok(())
    }

    async fn of(&self, s: &Session, table: &[String; 2]) -> Result<Vec<Referrer>> {
        match self.known.get(table) {
            Some(keys) => Ok(keys.clone()),
            None => self.catalog.referrers(s, table).await,
        }
    }
}

/// Whatever rows there are now: others may be touched than those that were found.
pub(super) async fn leads_back(keys: &Keys<'_>, s: &Session, table: &TableInfo, touch: &Touch) -> Result<Back> {
    let own = [table.schema.clone(), table.name.clone()];
    let mut out = Back::default();
    let mut known = HashSet::new();
    let mut next = vec![(own.clone(), with_computed(touch.clone(), table))];
    while let Some((at, touch)) = next.pop() {
        for key in keys.of(s, &at).await?.into_iter().filter(|k| k.enforced) {
            let Some(follow) = follows(&touch, &key) else { continue };
            let gone = touch == Touch::Delete && follow == Follow::Cascade;
            let child = [key.schema.clone(), key.table.clone()];
            if child == own {
                out.deletes |= gone;
                out.changes |= !gone;
            }
            if known.insert((child.clone(), key.constraint.clone(), gone)) {
                next.push((child, if gone { Touch::Delete } else { Touch::Update(key.columns) }));
            }
        }
    }
    Ok(out)
}

/// Rows that change, from which the next keys lead on.
struct Level {
    table: [String; 2],
    select: String,
    params: Vec<Param>,
    touch: Touch,
    depth: usize,
}

/// What becomes of the rows that refer by `key` when the rows referred to are touched; `None` when nothing does: the key's columns are
/// not touched, or rows that are referred to cannot be.
pub(in crate::ops) fn follows(touch: &Touch, key: &Referrer) -> Option<Follow> {
    let follow = match touch {
        Touch::Nothing => None,
        Touch::Delete => Some(key.on_delete),
        Touch::Any => Some(key.on_update),
        Touch::Update(columns) => key.referenced.iter().any(|r| columns.iter().any(|c| c.eq_ignore_ascii_case(r))).then_some(key.on_update),
    };
    follow.filter(|f| *f != Follow::Nothing || !key.enforced)
}

/// What is touched with the columns that a statement writes: others may be computed from them, or set by the server.
pub(in crate::ops) fn with_computed(touch: Touch, table: &TableInfo) -> Touch {
    match touch {
        Touch::Update(columns) => {
            let computed = table.columns.iter().filter(|c| c.generated || c.renewed).map(|c| c.name.clone());
            Touch::Update(columns.into_iter().chain(computed).collect())
        }
        touch => touch,
    }
}

/// Finds, counts and saves the rows that foreign keys will change. `limit` is what is left of the target's blast radius; `too_many` makes
/// the error of going beyond it. With them come the tables that foreign keys may lead to, where the engine notes what changes in them.
pub(super) async fn before(
    dialect: Dialect,
    (keys_to, fixes): (&Keys<'_>, &dyn Fixes),
    s: &Session,
    start: Start<'_>,
    limit: u64,
    too_many: &(dyn Fn(u64) -> Error + Send + Sync),
    images: &mut Images,
) -> Result<(Cascades, Vec<Reached>)> {
    let catalog = keys_to.catalog;
    let own = [start.table.schema.clone(), start.table.name.clone()];
    // By table and whether its rows go: a row that first only changes may still be deleted by another key.
    let mut seen: HashMap<([String; 2], bool), Seen> = HashMap::new();
    if start.touch == Touch::Delete {
        seen.insert((own.clone(), true), start.rows);
    } else {
        seen.insert((own.clone(), false), start.rows);
    }
    let touch = with_computed(start.touch, start.table);
    let mut counts: BTreeMap<[String; 2], [u64; 3]> = BTreeMap::new();
    let mut reached: BTreeMap<[String; 2], Reached> = BTreeMap::new();
    let mut total = 0;
    let mut looks = HashSet::new();
    let first = |(select, params)| Level { table: own.clone(), select, params, touch: touch.clone(), depth: 0 };
    let mut levels: VecDeque<Level> = start.selects.into_iter().map(first).collect();
    while let Some(level) = levels.pop_front() {
        for key in keys_to.of(s, &level.table).await? {
            let Some(follow) = follows(&level.touch, &key) else { continue };
            looks.insert((level.depth, key.schema.clone(), key.table.clone(), key.constraint.clone()));
            if looks.len() > MOST_LOOKS || level.depth >= DEEPEST {
                return Err(Error::held("held: the foreign keys behind the table lead too far to count what they change")
                    .hint("Delete from the far end first, or put it into a migration: its proof counts what changes everywhere."));
            }
            let child = [key.schema.clone(), key.table.clone()];
            let shown = text::clean(&child.join(".")).into_owned();
            let names = |prefix: &str, of: &[String]| {
                of.iter().map(|c| format!("{prefix}{}", dialect.quote_ident(c))).collect::<Vec<_>>().join(", ")
            };
            // A key leads from a table that is there.
            let referring = catalog.table(s, &child).await?;
            let columns = referring.as_ref().map_or_else(|| "*".into(), |t| t.whole_rows(dialect));
            let alike = match &referring {
                Some(t) => fixes.moments_alike(s, &t.columns.iter().collect::<Vec<_>>()).await?,
                None => None,
            };
            let places = fixes.places().filter(|_| child == own).map(|[table, place]| format!(", {table}, {place}"));
            let select = format!(
                "SELECT {columns}{} FROM {}.{} WHERE ({}) IN (SELECT {} FROM ({}\n) AS q{})",
                places.as_deref().unwrap_or_default(),
                dialect.quote_ident(&key.schema),
                dialect.quote_ident(&key.table),
                names("", &key.columns),
                names(&format!("q{}.", level.depth), &key.referenced),
                level.select,
                level.depth,
            );
            let context = |e: Error| e.context(format_args!("counting the rows of {shown} that a foreign key would change"));
            if !key.enforced {
                let found = count(s, format!("SELECT count(*) FROM ({select}) AS n"), &level.params).await.map_err(context)?;
                counts.entry(child).or_default()[2] += found;
                continue;
            }
            if !start.exact {
                return Err(Error::held(format!(
                    "held: rows of {shown} would change with its own, and no key tells which of its own are which"
                ))
                .hint("Give the table a key, or change the rows that refer to it first."));
            }
            let touched = if fixes.cascades_fire_triggers() {
                let delete = follow == Follow::Cascade && level.touch == Touch::Delete;
                Touched { insert: follow == Follow::Set, update: !delete, delete }
            } else {
                Touched::default()
            };
            let further = catalog.beyond_the_rows(s, &child, touched).await?;
            if !further.is_empty() {
                return Err(Error::held(format!(
                    "held: a foreign key changes rows of {shown}, and that reaches further: {}",
                    text::clean(&further.join("; "))
                ))
                .hint("Put it into a migration: its proof counts what changes everywhere, and its down takes it back."));
            }
            // Also where no row is found now: that the statement changes none either is seen by looking there.
            if let Some(table) = referring.filter(|_| fixes.watches() || places.is_some()) {
                reached.entry(child.clone()).or_insert_with(|| Reached { table, rows: RowsBy::new() });
            }
            // A row that is deleted here is not counted as changed there, and the other way round.
            let gone = level.touch == Touch::Delete && follow == Follow::Cascade;
            let mut rows = s.run_bound(format!("{select}{}", lock(dialect)), level.params.clone()).await.map_err(context)?;
            let mut found: HashMap<RowId, u64> = HashMap::new();
            let known_gone = seen.remove(&(child.clone(), true)).unwrap_or_default();
            let known_changed = seen.remove(&(child.clone(), false)).unwrap_or_default();
            let mut columns = Vec::new();
            let (mut by, mut keys) = (Vec::new(), RowsBy::new());
            while let Some(event) = rows.next().await {
                match event.map_err(context)? {
                    Event::Columns(c) => {
                        columns = c[..c.len() - places.as_ref().map_or(0, |_| 2)].to_vec();
                        let place = |name: &str| columns.iter().position(|c| c.name == name);
                        by = match &places {
                            Some(_) => (columns.len()..c.len()).collect(),
                            None => {
                                reached.get(&child).map_or(Vec::new(), |t| t.table.told_apart_by().into_iter().filter_map(place).collect())
                            }
                        };
                    }
                    Event::Rows(batch) => {
                        for r in 0..batch.rows() {
                            if !by.is_empty() {
                                *keys.entry(by.iter().map(|c| Param::from_cell(batch.cell(r, *c))).collect()).or_default() += 1;
                            }
                            let id = row_id(&batch, r, columns.len());
                            let n = found.entry(id).or_default();
                            *n += 1;
                            let known = |of: &Seen| of.rows.get(&id).copied().unwrap_or(0);
                            if *n <= known(&known_gone).max(known(&known_changed)) {
                                continue;
                            }
                            total += 1;
                            if total > limit {
                                drop(rows);
                                images.discard();
                                return Err(too_many(start.affected_most + total));
                            }
                            images.write_row(&child, &columns, &batch, r)?;
                        }
                    }
                    Event::Notice(_) | Event::Further(_) | Event::Done(_) => {}
                }
            }
            if let Some(alike) = alike.filter(|_| !found.is_empty()) {
                moments_told(s, &Some(alike), &select, &level.params).await.map_err(context).inspect_err(|_| images.discard())?;
            }
            if let Some(known) = reached.get_mut(&child) {
                for (key, n) in keys {
                    let known = known.rows.entry(key).or_default();
                    *known = n.max(*known);
                }
            }
            let (mut known_gone, mut known_changed) = (known_gone, known_changed);
            let entry = counts.entry(child.clone()).or_default();
            let more = if gone {
                let more = known_gone.more(&found);
                let twice: u64 = found.iter().map(|(id, n)| known_changed.rows.get(id).copied().unwrap_or(0).min(*n)).sum();
                entry[0] += more;
                entry[1] = entry[1].saturating_sub(twice.min(more));
                more
            } else {
                let fresh: HashMap<RowId, u64> = found
                    .iter()
                    .map(|(id, n)| (*id, n.saturating_sub(known_gone.rows.get(id).copied().unwrap_or(0))))
                    .filter(|(_, n)| *n > 0)
                    .collect();
                let more = known_changed.more(&fresh);
                entry[1] += more;
                more
            };
            seen.insert((child.clone(), true), known_gone);
            seen.insert((child.clone(), false), known_changed);
            if more > 0 {
                let touch = if gone { Touch::Delete } else { Touch::Update(key.columns.clone()) };
                levels.push_back(Level { table: child, select, params: level.params.clone(), touch, depth: level.depth + 1 });
            }
        }
    }
    let mut out = Cascades::default();
    for (table, [deleted, changed, left]) in counts {
        if deleted + changed + left == 0 {
            continue;
        }
        out.tables.push(Cascaded { table: text::clean(&table.join(".")).into_owned(), deleted, changed, left, saved: None });
    }
    Ok((out, reached.into_values().collect()))
}

async fn count(s: &Session, text: String, params: &[Param]) -> Result<u64> {
    let mut rows = s.run_bound(text, params.to_vec()).await?;
    let mut out = 0;
    while let Some(event) = rows.next().await {
        if let Event::Rows(batch) = event?
            && batch.rows() > 0
        {
            out = text::cell_string(batch.cell(0, 0)).and_then(|n| n.parse().ok()).unwrap_or(0);
        }
    }
    Ok(out)
}

/// Compares with what the server counted in the transaction, by `schema.table`, before and after the statement: it knows whatever
/// path a change took. Gives the rows beyond `affected` that it counted, for the blast radius.
pub(super) fn compare(
    cascades: &mut Cascades,
    own: &str,
    affected: u64,
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
) -> u64 {
    let mut sum = 0;
    for (table, now) in after {
        let mut counted = now - before.get(table).copied().unwrap_or(0).min(*now);
        if table == own {
            counted = counted.saturating_sub(affected);
        }
        sum += counted;
        let shown = text::clean(table);
        let told = cascades.tables.iter_mut().find(|t| t.table == shown);
        let foreseen = told.as_ref().map_or(0, |t| t.deleted + t.changed);
        match told {
            // A key that was written with the value that it had changes nothing elsewhere.
            Some(t) if counted < foreseen && t.deleted == 0 => t.changed = counted,
            Some(t) if counted < t.deleted => {
                cascades.notes.push(format!("The server counted only {} of those in {shown}.", text::counted(counted, "change")))
            }
            _ if counted > foreseen => cascades
                .notes
                .push(format!("The server counted {} in {shown} beyond these.", text::counted(counted - foreseen, "more change"))),
            _ => {}
        }
    }
    for t in &mut cascades.tables {
        if t.deleted == 0 && !after.keys().any(|k| text::clean(k) == t.table) {
            t.changed = 0;
        }
    }
    cascades.tables.retain(|t| t.deleted + t.changed + t.left > 0);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(table: &str, deleted: u64, changed: u64) -> Cascaded {
        Cascaded { table: table.into(), deleted, changed, left: 0, saved: None }
    }

    fn counted(list: &[(&str, u64)]) -> BTreeMap<String, u64> {
        list.iter().map(|(t, n)| ((*t).to_string(), *n)).collect()
    }

    #[test]
    fn what_the_server_counted_corrects_what_was_foreseen() {
        let mut c = Cascades { tables: vec![told("s.items", 12, 0), told("s.notes", 0, 5), told("s.none", 0, 2)], notes: vec![] };
        let before = counted(&[("s.items", 3)]);
        let after = counted(&[("s.items", 15), ("s.notes", 4), ("s.orders", 9), ("s.audit", 1)]);
        let rows = compare(&mut c, "s.orders", 7, &before, &after);
        assert_eq!(rows, 12 + 4 + 2 + 1);
        assert_eq!(
            c.lines(),
            [
                "Also 12 rows of s.items by cascade: deleted.",
                "Also 4 rows of s.notes by cascade: changed.",
                "The server counted 1 more change in s.audit beyond these.",
                "The server counted 2 more changes in s.orders beyond these."
            ]
        );
        assert_eq!(c.rows(), 16);
    }

    #[test]
    fn equal_rows_are_several_and_count_once_however_they_are_reached() {
        let mut seen = Seen::default();
        assert_eq!(seen.more(&HashMap::from([([1; 32], 3), ([2; 32], 1)])), 4);
        assert_eq!(seen.more(&HashMap::from([([1; 32], 3), ([3; 32], 1)])), 1);
    }
}
