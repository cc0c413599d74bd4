//! That a statement changed the rows that were saved, and no others: it evaluates its condition once more than the SELECT of the rows did,
//! and may find other ones, by a function that gives another value each time or by what somebody committed in between.

use super::cascade::{RowId, row_id};
use super::sample::by_keys;
use crate::engine::{Catalog, Event, Session};
use crate::model::{Column, Dialect, Error, Param, Result, RowBatch, TableInfo};
use crate::sql::before::{Touch, unlocked};
use crate::sql::{TokenKind, lex};
use crate::text;
use std::collections::BTreeMap;

/// Keys that are asked about at once.
const ASKED: usize = 1000;

/// What is noted of the rows that were saved.
pub(super) struct Proof<'a> {
    table: &'a TableInfo,
    /// Columns of a batch that tell table and place, where the engine has them.
    places: Option<[usize; 2]>,
    lay: BTreeMap<String, Vec<String>>,
    key: Vec<usize>,
    keys: Vec<Vec<Param>>,
    /// The rows by their keys, as they were just before the statement.
    rows: Option<BTreeMap<Vec<Param>, RowId>>,
}

/// A LIMIT of the SELECT itself.
fn limits(dialect: Dialect, select: &str) -> bool {
    let mut depth = 0usize;
    lex(dialect, select).into_iter().any(|t| {
        match &select[t.span.clone()] {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            word => return depth == 0 && t.kind == TokenKind::Keyword && word.eq_ignore_ascii_case("limit"),
        }
        false
    })
}

/// What is known of a statement that ran.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    /// Rows that the server counted.
    pub affected: u64,
    /// Of these, the ones that got other values, where the server tells them apart.
    pub changed: Option<u64>,
    /// Foreign keys of the table to itself changed rows of it, too.
    pub own_cascade: bool,
}

impl<'a> Proof<'a> {
    /// `columns` of the SELECT: places stand at its end.
    pub fn new(catalog: &dyn Catalog, table: &'a TableInfo, columns: &[Column]) -> Self {
        let end = columns.len();
        let named = catalog.places().filter(|p| end >= 2 && columns[end - 2].name == p[0] && columns[end - 1].name == p[1]);
        let place = |name: &String| columns.iter().position(|c| c.name == *name);
        let key = table.key.iter().map(place).collect::<Option<Vec<_>>>().unwrap_or_default();
        Proof { table, places: named.map(|_| [end - 2, end - 1]), lay: BTreeMap::new(), key, keys: Vec::new(), rows: None }
    }

    /// How many columns there are beyond those of the rows.
    pub fn further_columns(&self) -> usize {
        self.places.map_or(0, |p| p.len())
    }

    pub fn take(&mut self, batch: &RowBatch) {
        for r in 0..batch.rows() {
            match self.places {
                Some(at) => {
                    let [table, place] = at.map(|c| Param::from_cell(batch.cell(r, c)).text().unwrap_or_default().to_string());
                    self.lay.entry(table).or_default().push(place);
                }
                None => self.keys.push(self.key.iter().map(|k| Param::from_cell(batch.cell(r, *k))).collect()),
            }
        }
    }

    /// Notes how the rows are now, right before the statement. Where it cannot be seen afterwards which rows changed, the SELECT that found
    /// them must find the same ones each time.
    ///
    /// # Errors
    /// [`crate::model::Kind::Held`] when it need not.
    pub async fn ready(
        &mut self,
        catalog: &dyn Catalog,
        s: &Session,
        (select, params): &(String, Vec<Param>),
        touch: &Touch,
        own_cascade: bool,
    ) -> Result<()> {
        if self.places.is_some() {
            return Ok(());
        }
        let told = !(own_cascade && limits(s.dialect(), select));
        if told && !self.key.is_empty() && (*touch == Touch::Delete || catalog.counts_changed()) {
            let rows = self.by_key(s).await?;
            if rows.len() == self.keys.len() {
                self.rows = Some(rows);
                return Ok(());
            }
        }
        // Rows of equal order are taken as they come.
        if limits(s.dialect(), select) {
            return Err(Error::held(
                "held: with LIMIT and without a key by which rows are known, other rows may change than those that were saved",
            )
            .hint("Name the rows by their values, or give the table a key."));
        }
        match catalog.unsteady(s, unlocked(select), params.clone()).await? {
            None => Ok(()),
            Some(why) => Err(Error::held(format!(
                "held: {}, so the rows that were saved need not be those that would be changed",
                text::clean(&why)
            ))
            .hint("Select the rows first, and name them by their keys.")),
        }
    }

    /// Looks whether the rows that the statement counted as changed are among those that were saved.
    ///
    /// # Errors
    /// [`crate::model::Kind::Held`] when others changed.
    pub async fn holds(&self, catalog: &dyn Catalog, s: &Session, touch: &Touch, counted: Counted) -> Result<()> {
        let Counted { affected, changed, own_cascade } = counted;
        let found = if self.places.is_some() {
            let saved = self.lay.values().map(|p| p.len() as u64).sum::<u64>();
            let mut there = 0;
            for (of, places) in &self.lay {
                there += catalog.lie_there(s, self.table, of, places).await.map_err(|e| e.context("looking which rows changed"))?;
            }
            saved - there.min(saved)
        } else if let Some(before) = &self.rows {
            let now = self.by_key(s).await?;
            let other = |(k, row): &(&Vec<Param>, &RowId)| match (touch, now.get(*k)) {
                (Touch::Delete, there) => there.is_none(),
                (_, there) => there != Some(row),
            };
            before.iter().filter(other).count() as u64
        } else {
            return Ok(());
        };
        let wanted = if self.places.is_some() || *touch == Touch::Delete { affected } else { changed.unwrap_or(found) };
        // A foreign key of the table to itself takes rows along that the statement would have come to.
        if found == wanted || own_cascade && found > wanted {
            return Ok(());
        }
        let (wanted, found) = (text::counted(wanted, "row"), text::counted(found, "row"));
        Err(Error::held(format!("held: it changed {wanted}, and of those that were saved before {found}, so it was rolled back"))
        .hint("Its condition may find other rows each time (random(), a clock), or somebody changed rows meanwhile: run it again, or name the rows by their keys. With LIMIT, order them by the key."))
    }

    async fn by_key(&self, s: &Session) -> Result<BTreeMap<Vec<Param>, RowId>> {
        let columns: Vec<String> = self.table.columns.iter().map(|c| &c.name).chain(&self.table.number).cloned().collect();
        let place = |name: &String| columns.iter().position(|c| c == name);
        let key = self.table.key.iter().filter_map(place).collect::<Vec<_>>();
        let mut out = BTreeMap::new();
        for some in self.keys.chunks(ASKED) {
            let Some((text, params)) = by_keys(s.dialect(), self.table, &columns, some) else { continue };
            let mut rows = s.run_bound(text, params).await.map_err(|e| e.context("looking which rows changed"))?;
            while let Some(event) = rows.next().await {
                if let Event::Rows(batch) = event.map_err(|e| e.context("looking which rows changed"))? {
                    for r in 0..batch.rows() {
                        let by = key.iter().map(|k| Param::from_cell(batch.cell(r, *k))).collect();
                        out.insert(by, row_id(&batch, r, batch.columns()));
                    }
                }
            }
        }
        Ok(out)
    }
}
