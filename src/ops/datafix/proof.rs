//! That a statement changed the rows that were saved, and no others: it evaluates its condition once more than the SELECT of the rows did,
//! and may find other ones, by a function that gives another value each time or by what somebody committed in between. Whatever is not
//! seen afterwards is not believed.

use super::cascade::{Keys, Reached, RowId, leads_back, row_id};
use super::sample::{Sample, by_keys, inlined};
use crate::engine::{Back, Event, Fixes, RowsBy, Session};
use crate::model::{Column, Error, Param, Result, RowBatch, TableInfo};
use crate::sql::before::Touch;
use crate::text;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Keys that are asked about at once.
const ASKED: usize = 1000;
/// Places from which foreign keys are followed at once.
const FOLLOWED: usize = 10_000;
/// Rows of a table that are all looked at, where none of them can be asked about by itself.
const WHOLE: u64 = 1_000_000;

/// What is noted of the rows that were saved.
pub(super) struct Proof<'a> {
    table: &'a TableInfo,
    /// Columns of a batch that tell table and place, where the engine has them.
    places: Option<[usize; 2]>,
    lay: BTreeMap<String, BTreeSet<String>>,
    /// Where rows lie that foreign keys may change with them.
    further: BTreeMap<String, BTreeSet<String>>,
    /// Columns by which rows are told apart.
    by: Vec<usize>,
    keys: Vec<Vec<Param>>,
    /// Columns of the rows alone.
    own: usize,
    rows: HashMap<RowId, u64>,
    /// The statement makes new rows beside those that it changes.
    adds: bool,
    /// What foreign keys that nobody here can see may do to further rows of the table.
    unseen: Back,
    way: Way,
}

/// What was seen of rows that changed and were all saved.
#[derive(Default)]
pub(super) struct Proven {
    /// How many of each table, by `schema.table`, where the engine noted them.
    pub noted: Option<BTreeMap<String, u64>>,
    /// Rows of the table that are new, and that changed, where the statement may do both.
    pub made: Option<[u64; 2]>,
}

/// How it is seen which rows changed.
enum Way {
    /// Not yet settled.
    Open,
    /// By the places where they lay; and what the server had counted as changed in the table before, where foreign keys may change further
    /// rows of it.
    Places(Option<u64>),
    /// The engine notes each row of these tables that changes. With what was saved of them; the table itself comes first.
    Watched(Vec<(TableInfo, RowsBy)>),
    /// The rows by their keys, as they were just before the statement; and the number of all rows of the table, where foreign keys may
    /// delete further ones of it.
    ByKey(BTreeMap<Vec<Param>, RowId>, Option<u64>),
    /// All rows of the table just before it.
    Whole(HashMap<RowId, u64>),
}

impl<'a> Proof<'a> {
    /// `columns` of the SELECT: places stand at its end.
    pub fn new(fixes: &dyn Fixes, table: &'a TableInfo, columns: &[Column], adds: bool, unseen: Back) -> Self {
        let end = columns.len();
        let named = fixes.places().filter(|p| end >= 2 && columns[end - 2].name == p[0] && columns[end - 1].name == p[1]);
        let place = |name: &str| columns.iter().position(|c| c.name == name);
        let by = if fixes.watches() { table.told_apart_by() } else { table.key.iter().map(String::as_str).collect() };
        Proof {
            table,
            places: named.map(|_| [end - 2, end - 1]),
            lay: BTreeMap::new(),
            further: BTreeMap::new(),
            by: by.into_iter().map(place).collect::<Option<Vec<_>>>().unwrap_or_default(),
            keys: Vec::new(),
            own: end - named.map_or(0, |p| p.len()),
            rows: HashMap::new(),
            adds,
            unseen,
            way: Way::Open,
        }
    }

    /// How many columns there are of the rows alone, without those of their places.
    pub fn columns(&self) -> usize {
        self.own
    }

    /// Every row of the table was looked at, and not the saved ones alone.
    pub fn looked_at_all(&self) -> bool {
        matches!(self.way, Way::Whole(_) | Way::ByKey(_, Some(_)))
    }

    pub fn take(&mut self, batch: &RowBatch) {
        for r in 0..batch.rows() {
            if let Some(at) = self.places {
                let [table, place] = at.map(|c| Param::from_cell(batch.cell(r, c)).text().unwrap_or_default().to_string());
                self.lay.entry(table).or_default().insert(place);
                continue;
            }
            *self.rows.entry(row_id(batch, r, self.own)).or_default() += 1;
            if !self.by.is_empty() {
                self.keys.push(self.by.iter().map(|k| Param::from_cell(batch.cell(r, *k))).collect());
            }
        }
    }

    /// Notes how the rows are now. Where they are found by what was saved of them, these are the SELECTs, with their parameters.
    ///
    /// # Errors
    /// [`crate::model::Kind::Held`] when it could not be seen afterwards which rows changed.
    pub async fn ready(&mut self, look: &Look<'_>, touch: &Touch, sample: &mut Sample) -> Result<Option<Vec<(String, Vec<Param>)>>> {
        let Look { fixes, keys, s, parameters } = *look;
        let rows = self.table.whole_rows(s.dialect());
        if let Some([of, place]) = fixes.places().filter(|_| self.places.is_some()) {
            let back = leads_back(keys, s, self.table, touch).await?;
            let before = if back == Back::default() && !self.adds { None } else { Some(self.counted(fixes, s).await?) };
            self.way = Way::Places(before);
            let mut out = Vec::new();
            for (table, places) in &self.lay {
                for some in places.iter().collect::<Vec<_>>().chunks(FOLLOWED) {
                    let there = fixes.at_places(table, some);
                    out.push((format!("SELECT {rows}, {of}, {place} FROM {} WHERE {there}", self.named(s)), Vec::new()));
                }
            }
            return Ok(Some(out));
        }
        if fixes.watches() {
            return Ok(None);
        }
        let mut found = false;
        if !self.by.is_empty() {
            let rows = self.by_key(s, Some(sample)).await?;
            // Values by which a row is not found (FLOAT, BIT) leave some out.
            found = rows.len() == self.keys.len();
            // What stands under a key that is set may be another row.
            if found && !sets_key(touch, self.table) && !self.unseen.changes && !self.adds {
                let further = *touch == Touch::Delete && (self.unseen.deletes || leads_back(keys, s, self.table, touch).await?.deletes);
                let all = if further { Some(self.count(s).await?) } else { None };
                self.way = Way::ByKey(rows, all);
            }
        }
        if matches!(self.way, Way::Open) {
            self.way = Way::Whole(self.whole(s, parameters).await?);
        }
        Ok(found.then(|| {
            self.keys.chunks(ASKED).filter_map(|some| Some(inlined(s.dialect(), by_keys(s.dialect(), self.table, None, some)?))).collect()
        }))
    }

    /// What foreign keys change with them is followed as well: `reached` are the tables that they may lead to, with what was saved there.
    pub async fn follow(&mut self, look: &Look<'_>, reached: Vec<Reached>) -> Result<()> {
        let Look { fixes, s, parameters, .. } = *look;
        if self.places.is_some() {
            for place in reached.into_iter().flat_map(|r| r.rows.into_keys()) {
                let [table, place] = [0, 1].map(|c| place.get(c).and_then(Param::text).unwrap_or_default().to_string());
                if !self.lay.get(&table).is_some_and(|own| own.contains(&place)) {
                    self.further.entry(table).or_default().insert(place);
                }
            }
            return Ok(());
        }
        if !fixes.watches() {
            return Ok(());
        }
        let mut saved = RowsBy::new();
        self.keys.drain(..).for_each(|key| *saved.entry(key).or_default() += 1);
        let mut tables = vec![(self.table.clone(), saved)];
        for one in reached {
            match tables.iter_mut().find(|(t, _)| (&t.schema, &t.name) == (&one.table.schema, &one.table.name)) {
                Some((_, saved)) => one.rows.into_iter().for_each(|(key, n)| *saved.entry(key).or_default() += n),
                None => tables.push((one.table, one.rows)),
            }
        }
        let named: Vec<&TableInfo> = tables.iter().map(|(t, _)| t).collect();
        let watched = fixes.watch(s, &named).await?;
        self.way = if watched { Way::Watched(tables) } else { Way::Whole(self.whole(s, parameters).await?) };
        Ok(())
    }

    /// Looks whether the rows that changed are among those that were saved. `with_it` rows of the table were saved because foreign keys delete them, too.
    ///
    /// # Errors
    /// [`crate::model::Kind::Held`] when others changed.
    pub async fn holds(&self, look: &Look<'_>, touch: &Touch, affected: u64, with_it: u64) -> Result<Proven> {
        let Look { fixes, s, parameters, .. } = *look;
        let looking = |e: Error| e.context("looking which rows changed");
        let deletes = *touch == Touch::Delete;
        match &self.way {
            Way::Open => Ok(Proven::default()),
            Way::Places(before) => {
                let (saved, own) = self.left(fixes, s, &self.lay).await.map_err(looking)?;
                let (saved_too, with_them) = self.left(fixes, s, &self.further).await.map_err(looking)?;
                let found = own + with_them;
                let Some(before) = before else {
                    return if found == affected { Ok(Proven::default()) } else { Err(others(affected, found)) };
                };
                // Others than the saved rows may take saved ones along: all that changed are counted, and are just those that were saved.
                let counted = self.counted(fixes, s).await?.saturating_sub(*before);
                // The server counts a row twice that the statement changed and a key, too: all are still there, and count once.
                let changed = if deletes || self.adds { counted } else { fixes.written(s, self.table).await?.unwrap_or(counted) };
                // A key that is given the value that it has changes nothing elsewhere.
                let whole = if deletes { found == saved + saved_too } else { own == affected || self.adds };
                let name = format!("{}.{}", self.table.schema, self.table.name);
                if whole && changed == found {
                    Ok(Proven { noted: Some([(name, changed)].into()), made: Some([affected - changed.min(affected), changed]) })
                } else {
                    Err(others(changed, found))
                }
            }
            Way::Watched(tables) => {
                let named: Vec<&TableInfo> = tables.iter().map(|(t, _)| t).collect();
                let noted = fixes.watched(s, &named).await.map_err(looking)?;
                let mut counted = BTreeMap::new();
                for ((table, saved), changed) in tables.iter().zip(noted) {
                    let all = changed.values().sum::<u64>();
                    let of_saved = changed.iter().map(|(key, n)| saved.get(key).copied().unwrap_or(0).min(*n)).sum::<u64>();
                    if of_saved < all {
                        return Err(others(all, of_saved));
                    }
                    if all > 0 {
                        counted.insert(format!("{}.{}", table.schema, table.name), all);
                    }
                }
                let changed = counted.get(&format!("{}.{}", self.table.schema, self.table.name)).copied().unwrap_or(0);
                Ok(Proven { noted: Some(counted), made: Some([affected - changed.min(affected), changed]) })
            }
            Way::ByKey(before, all) => {
                let now = self.by_key(s, None).await?;
                let other = |(k, row): &(&Vec<Param>, &RowId)| match now.get(*k) {
                    None => true,
                    Some(there) => !deletes && there != *row,
                };
                let found = before.iter().filter(other).count() as u64;
                let Some(all) = all else {
                    return if found == affected { Ok(Proven::default()) } else { Err(others(affected, found)) };
                };
                // Rows that the statement deletes may take saved ones along, and be none of these: all that are gone are counted.
                let gone = all.saturating_sub(self.count(s).await?);
                let known = found + with_it;
                if known == gone && found == before.len() as u64 { Ok(Proven::default()) } else { Err(others(gone, known.min(gone))) }
            }
            Way::Whole(before) => {
                let now = self.whole(s, parameters).await?;
                let gone = |(id, n): (&RowId, &u64)| (*id, n.saturating_sub(now.get(id).copied().unwrap_or(0)));
                let gone: HashMap<RowId, u64> = before.iter().map(gone).filter(|(_, n)| *n > 0).collect();
                let all = gone.values().sum::<u64>();
                let total = |rows: &HashMap<RowId, u64>| rows.values().sum::<u64>();
                let made = Some([total(&now).saturating_sub(total(before)), all]);
                let of_saved = gone.iter().map(|(id, n)| self.rows.get(id).copied().unwrap_or(0).min(*n)).sum::<u64>();
                // All of them are gone, and what foreign keys took along.
                if deletes && of_saved == self.rows.values().sum::<u64>() && all == of_saved + with_it {
                    return Ok(Proven::default());
                }
                // An UPDATE may give a row the values of another one.
                if of_saved < all || deletes && all != affected {
                    Err(others(all.max(affected), of_saved))
                } else {
                    Ok(Proven { noted: None, made })
                }
            }
        }
    }

    /// How many places these are, and how many of them have no row any more.
    async fn left(&self, fixes: &dyn Fixes, s: &Session, lay: &BTreeMap<String, BTreeSet<String>>) -> Result<(u64, u64)> {
        let (mut all, mut there) = (0, 0);
        for (of, places) in lay {
            let places: Vec<String> = places.iter().cloned().collect();
            all += places.len() as u64;
            there += fixes.lie_there(s, self.table, of, &places).await?;
        }
        Ok((all, all - there.min(all)))
    }

    /// The rows by their keys, as they are now. The sample is given those of them that it has.
    async fn by_key(&self, s: &Session, mut sample: Option<&mut Sample>) -> Result<BTreeMap<Vec<Param>, RowId>> {
        let columns: Vec<String> = self.table.columns.iter().map(|c| &c.name).chain(&self.table.number).cloned().collect();
        let place = |name: &String| columns.iter().position(|c| c == name);
        let key = self.table.key.iter().filter_map(place).collect::<Vec<_>>();
        let mut out = BTreeMap::new();
        for some in self.keys.chunks(ASKED) {
            let Some((text, params)) = by_keys(s.dialect(), self.table, Some(&columns), some) else { continue };
            let mut rows = s.run_bound(text, params).await.map_err(|e| e.context("looking which rows changed"))?;
            while let Some(event) = rows.next().await {
                if let Event::Rows(batch) = event.map_err(|e| e.context("looking which rows changed"))? {
                    for r in 0..batch.rows() {
                        let by = key.iter().map(|k| Param::from_cell(batch.cell(r, *k))).collect::<Vec<_>>();
                        if let Some(sample) = &mut sample {
                            sample.settled(&columns, &self.table.key, &by, &batch, r);
                        }
                        out.insert(by, row_id(&batch, r, batch.columns()));
                    }
                }
            }
        }
        Ok(out)
    }

    /// All rows of the table, read as those were read that were saved.
    async fn whole(&self, s: &Session, parameters: bool) -> Result<HashMap<RowId, u64>> {
        let (condition, params) = if parameters { (" WHERE ? IS NOT NULL", vec![Param::Text("1".into())]) } else { ("", Vec::new()) };
        let text = format!("SELECT {} FROM {}{condition}", self.table.whole_rows(s.dialect()), self.named(s));
        let mut out = HashMap::new();
        let mut count = 0;
        let mut rows = s.run_bound(text, params).await.map_err(|e| e.context("looking at all rows of the table"))?;
        while let Some(event) = rows.next().await {
            if let Event::Rows(batch) = event.map_err(|e| e.context("looking at all rows of the table"))? {
                count += batch.rows() as u64;
                if count > WHOLE {
                    drop(rows);
                    return Err(Error::held(format!(
                        "held: its rows are not told apart by a key that stays, and of more than {} it cannot be seen which ones changed",
                        text::counted(WHOLE, "row")
                    ))
                    .hint("Give the table a key and leave it as it is, or put the change into a migration."));
                }
                (0..batch.rows()).for_each(|r| *out.entry(row_id(&batch, r, batch.columns())).or_default() += 1);
            }
        }
        Ok(out)
    }

    /// What the server counted as changed in the table.
    async fn counted(&self, fixes: &dyn Fixes, s: &Session) -> Result<u64> {
        let own = [self.table.schema.clone(), self.table.name.clone()];
        let counted = fixes.changes_counted(s, &own).await?.ok_or_else(|| {
            Error::held("held: foreign keys of the table may change further rows of it, and the server does not count what changes")
                .hint("Switch its track_counts on, or put the change into a migration.")
        })?;
        Ok(counted.get(&own.join(".")).copied().unwrap_or(0))
    }

    async fn count(&self, s: &Session) -> Result<u64> {
        let counted =
            s.fetch(format!("SELECT count(*) FROM {}", self.named(s))).await.map_err(|e| e.context("counting the table's rows"))?;
        counted.scalar().and_then(|n| n.parse().ok()).ok_or_else(|| Error::failed("the table's rows could not be counted"))
    }

    fn named(&self, s: &Session) -> String {
        let quote = |n: &str| s.dialect().quote_ident(n);
        format!("{}.{}", quote(&self.table.schema), quote(&self.table.name))
    }
}

/// What the proof of one statement looks with.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub fixes: &'a dyn Fixes,
    pub keys: &'a Keys<'a>,
    pub s: &'a Session,
    /// The rows were saved by a SELECT with parameters, and values come in another form to such a one.
    pub parameters: bool,
}

fn sets_key(touch: &Touch, table: &TableInfo) -> bool {
    match touch {
        Touch::Update(columns) => table.key.iter().any(|k| columns.iter().any(|c| c.eq_ignore_ascii_case(k))),
        Touch::Any => true,
        Touch::Delete | Touch::Nothing => false,
    }
}

pub(super) fn others(changed: u64, of_saved: u64) -> Error {
    let (changed, of_saved) = (text::counted(changed, "row"), text::counted(of_saved, "row"));
    Error::held(format!("held: it changed {changed}, and of those that were saved before {of_saved}, so it was rolled back")).hint(
        "Its condition may find other rows each time (random(), a clock), or somebody changed rows meanwhile: run it again, or name the rows by their keys. With LIMIT, order them by the key.",
    )
}
