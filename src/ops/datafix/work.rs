//! What a data fix does inside its transaction, whoever wrote its statements: rows saved, counted, changed, looked at again.

use super::cascade::{self, Cascades, Keys};
use super::image::{ImageFile, Images};
use super::proof::{Look, Proof};
use super::sample::{self, Change, Changes};
use super::{BeforeImage, Cx};
use crate::engine::{Back, Catalog, Event, Fixes, NewRows, Session, Touched};
use crate::model::{Dialect, Error, Kind, Param, Result, TableInfo};
use crate::ops::cells::{self, CellStatement};
use crate::sql::before::{Touch, unlocked};
use crate::sql::params::Bound;
use crate::text;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// One statement of a fix.
pub(super) struct Step<'a> {
    /// The SELECT of the rows that it changes, and its parameters; `None` for an INSERT.
    pub select: Option<(String, Vec<Param>)>,
    pub sends: Sends<'a>,
    pub touch: Touch,
    /// It makes new rows beside those that it changes.
    pub adds: bool,
}

pub(super) enum Sends<'a> {
    /// As the user typed it: however many rows.
    Typed {
        bound: Bound,
        /// Where it sets the key: the SELECT of each row's key and the one that it will have, with its parameters.
        keys: Option<(String, Vec<Param>)>,
    },
    /// An edited row: exactly one.
    Edit(&'a CellStatement),
}

/// How a statement ended.
pub(super) struct Ran {
    pub took: Duration,
    pub outcome: Result<u64>,
}

/// Where a fix works.
pub(super) struct Place<'a> {
    pub cx: &'a Cx,
    pub catalog: &'a dyn Catalog,
    pub fixes: &'a dyn Fixes,
    pub session: &'a Session,
    pub target: &'a str,
    pub table: Option<&'a TableInfo>,
    /// What the statements do to its rows.
    pub touched: Touched,
    /// Rows that may change.
    pub limit: u64,
}

/// What a fix did inside its transaction.
pub(super) struct Done {
    pub affected: u64,
    pub before: BeforeImage,
    pub cascades: Cascades,
    pub changes: Changes,
}

/// Runs the statements in the transaction that is open; `ran` is told of each that the server was sent.
pub(super) async fn run(place: Place<'_>, steps: Vec<Step<'_>>, ran: &mut Vec<Ran>) -> Result<Done> {
    let Place { cx, catalog, fixes, session: s, target, table, touched, limit } = place;
    let dialect = s.dialect();
    let too_many = |n: u64| {
        Error::held(format!(
            "rolled back: it would change {} rows, and this target allows {}",
            // Counting ends where the limit is passed.
            if n == limit + 1 { format!("more than {}", text::thousands(limit)) } else { text::thousands(n) },
            text::thousands(limit)
        ))
        .hint("Change fewer rows at a time, write a migration, or raise `blast_radius` of the target in the configuration.")
    };
    let count = steps.len();
    let at = |i: usize, e: Error| if count > 1 { e.context(format_args!("change {} of {count}", i + 1)) } else { e };
    let dir = cx.config.state_dir.join("before-images");
    let stamp = cx.clock.stamp();
    let mut sample = sample::Sample::default();
    let exact = fixes.exact_output(s).await?;
    let [exactly, as_set] = [0, 1].map(|i| exact.as_ref().map(|both| both[i].clone()));
    switch(s, &exactly).await?;
    let mut image: Option<ImageFile> = None;
    let mut named: Vec<(u64, cascade::Seen, Option<Proof<'_>>)> = Vec::new();
    let fired = fixes.triggers_fired(s).await?;
    let touch = all_touched(&steps, table);
    let unseen = match (table, &touch) {
        (Some(table), Some(touch)) => fixes.unseen_back(s, table, touch).await?,
        _ => Back::default(),
    };
    let mut keys = Keys::new(catalog);
    if let (Some(table), Some(touch), Dialect::MySql) = (table, &touch, dialect) {
        // From here on nobody changes its definition; no row is locked yet.
        let quote = |n: &str| dialect.quote_ident(n);
        s.fetch(format!("SELECT 1 FROM {}.{} LIMIT 0", quote(&table.schema), quote(&table.name))).await?;
        keys.look(s, table, touch).await?;
    }
    let alike = match table.filter(|_| touch.is_some()) {
        Some(table) => fixes.moments_alike(s, &table.columns.iter().collect::<Vec<_>>()).await?,
        None => None,
    };
    // All rows are saved, and locked, before the first of them is changed.
    for (i, step) in steps.iter().enumerate() {
        let mut seen = cascade::Seen::default();
        let mut proof = None;
        let mut rows_here = 0;
        if let Some((select, params)) = &step.select {
            let file = match &mut image {
                Some(f) => f,
                none => none.insert(ImageFile::create(&dir, &stamp, target, dialect)?),
            };
            let saving = |e: Error| {
                let denied = dialect == Dialect::Postgres && e.code.as_deref() == Some("42501");
                let e = e.context("saving the rows before the change");
                // What is saved must not change until it is written: PostgreSQL locks rows for whoever may read and update them.
                at(
                    i,
                    if denied {
                        e.hint("Rows are saved before they change: that takes SELECT, and UPDATE on a column of the table, besides DELETE.")
                    } else {
                        e
                    },
                )
            };
            // Columns of the rows alone, without the places where these lie.
            let mut own = 0;
            let mut rows = s.run_bound(select.clone(), params.clone()).await.map_err(saving)?;
            while let Some(event) = rows.next().await {
                match event.map_err(saving)? {
                    Event::Columns(c) => {
                        // An edited row is named by its key, and counted.
                        let proven = matches!(step.sends, Sends::Typed { .. }) || fixes.watches() || unseen != Back::default();
                        let noted = table.filter(|_| proven).map(|t| Proof::new(fixes, t, &c, step.adds, unseen));
                        own = noted.as_ref().map_or(c.len(), Proof::columns);
                        sample.columns(&c[..own]);
                        file.columns(&c[..own])?;
                        proof = noted;
                    }
                    Event::Rows(b) => {
                        sample.take(&b);
                        seen.take(&b, own);
                        proof.iter_mut().for_each(|p| p.take(&b));
                        file.write(&b)?;
                        rows_here += b.rows() as u64;
                        if file.rows > limit {
                            drop(rows);
                            // Reading stops at the first row over the limit: that is all that is known.
                            return Err(too_many(limit + 1));
                        }
                    }
                    Event::Notice(_) | Event::Further(_) | Event::Done(_) => {}
                }
            }
            if let Sends::Edit(edit) = &step.sends {
                cells::same_zone(s, edit).await.map_err(|e| at(i, e))?;
            }
            if rows_here > 0 {
                cells::moments_told(s, &alike, select, params).await.map_err(|e| at(i, e))?;
            }
            match &step.sends {
                Sends::Edit(edit) => {
                    if rows_here != 1 {
                        return Err(at(i, cells::not_one(rows_here)));
                    }
                    if let Some((from, to)) = &edit.renamed {
                        sample.renamed(from.clone(), to.clone());
                    }
                }
                Sends::Typed { keys: Some(keys), .. } if rows_here > 0 => renamed(s, keys, &mut sample).await?,
                Sends::Typed { .. } => {}
            }
        }
        named.push((rows_here, seen, proof));
    }
    let before = match image {
        None => BeforeImage::NotNeeded,
        Some(image) => {
            let (path, rows) = image.finish()?;
            BeforeImage::Saved { path, rows }
        }
    };
    let edits = steps.iter().all(|step| matches!(step.sends, Sends::Edit(_)));
    if let Some(table) = table.filter(|_| edits && fixes.parameters_matter()) {
        sample.settle(dialect, s, table).await?;
    }
    let existed = named.iter().map(|(n, ..)| n).sum::<u64>();
    let own = table.map_or(Vec::new(), |t| vec![t.schema.clone(), t.name.clone()]);
    let own_name = text::clean(&own.join(".")).into_owned();
    let mut noted: Option<BTreeMap<String, u64>> = None;
    // A table that is not there: the server says so.
    let counted = if table.is_some() { fixes.changes_counted(s, &own).await? } else { None };
    let mut cascades = Cascades::default();
    let mut images = Images::new(dir, stamp, target, dialect);
    let (mut affected, mut inserted) = (0, 0);
    let mut sets: Vec<String> = Vec::new();
    let deletes = steps.iter().all(|step| step.touch == Touch::Delete);
    let mut returned = sample::Listed::default();
    let mut fresh = Fresh::default();
    let mut said = Vec::new();
    for (i, (step, (rows, seen, mut proof))) in steps.into_iter().zip(named).enumerate() {
        let (mut reached, mut with_it) = (Vec::new(), 0);
        if let Touch::Update(columns) = &step.touch {
            sets.extend(columns.iter().cloned());
        }
        let parameters = step.select.as_ref().is_some_and(|(_, params)| !params.is_empty()) && fixes.parameters_matter();
        let look = Look { fixes, keys: &keys, s, parameters };
        let mut selects = None;
        if let Some(proof) = &mut proof {
            selects = proof.ready(&look, &step.touch, &mut sample).await.map_err(|e| at(i, e))?;
        }
        if let (Some((select, params)), Some(table)) = (&step.select, table.filter(|_| rows > 0)) {
            let exact = selects.is_some() || proof.is_none() || fixes.watches();
            let start = cascade::Start {
                table,
                selects: selects.unwrap_or_else(|| vec![(unlocked(select).to_string(), params.clone())]),
                exact,
                touch: step.touch.clone(),
                rows: seen,
                affected_most: existed + cascades.rows(),
            };
            let left = limit.saturating_sub(existed + cascades.rows());
            let more = cascade::before(dialect, (&keys, fixes), s, start, left, &too_many, &mut images).await;
            let (more, further) = more.map_err(|e| at(i, e))?;
            with_it = more.tables.iter().filter(|c| c.table == own_name).map(|c| c.deleted).sum();
            cascades.add(more);
            reached = further;
        }
        let new = match table.filter(|_| step.select.is_none() && fresh.rows.len() < sample::ROWS) {
            Some(table) => Some(fixes.new_rows(s, table).await?),
            None => None,
        };
        if let Some(proof) = &mut proof {
            proof.follow(&look, reached).await.map_err(|e| at(i, e))?;
        }
        switch(s, &as_set).await?;
        let began = Instant::now();
        let outcome = match &step.sends {
            Sends::Edit(edit) => cells::exactly_one(s, edit).await,
            Sends::Typed { bound, .. } => typed(s, bound, &mut returned, &mut said).await,
        };
        ran.push(Ran { took: began.elapsed(), outcome: outcome.clone() });
        let mut n = outcome.map_err(|e| at(i, e))?;
        let mut made = None;
        if step.select.is_some() && !step.adds && n > rows {
            images.discard();
            return Err(super::proof::others(n, rows));
        }
        switch(s, &exactly).await?;
        if let Some(proof) = &proof {
            let proven = proof.holds(&look, &step.touch, n, with_it).await.inspect_err(|_| images.discard()).map_err(|e| at(i, e))?;
            made = proven.made.filter(|_| step.adds);
            if let Some([made, changed]) = made {
                n = made + changed;
                if made > 0 {
                    said.push(format!("{} not shown: those that changed are", text::counted(made, "new row")));
                }
            }
            for (table, n) in proven.noted.iter().flatten() {
                *noted.get_or_insert_with(BTreeMap::new).entry(table.clone()).or_default() += n;
            }
            // There a row that is looked at is locked (SERIALIZABLE).
            if dialect == Dialect::MySql && proof.looked_at_all() {
                let words = format!("all rows of {own_name} had to be looked at: nobody else changes any of them until you answer");
                if !said.contains(&words) {
                    said.push(words);
                }
            }
        }
        affected += n;
        inserted += made.map_or(if step.select.is_none() { n } else { 0 }, |[made, _]| made);
        if let Some(new) = new.filter(|_| n > 0) {
            fresh.look(s, new, n).await?;
        }
    }
    // What was made while the locks were waited for: from here on they keep others from making more.
    let further = if table.is_some() { catalog.beyond_the_rows(s, &own, touched).await? } else { Vec::new() };
    if !further.is_empty() {
        images.discard();
        return Err(super::held_back(&further));
    }
    if fixes.triggers_fired(s).await? != fired {
        images.discard();
        return Err(Error::held("held: a trigger fired, which this login cannot see, so it was rolled back")
            .hint("What the trigger wrote is in no file of saved rows. Put the change into a migration."));
    }
    let mut beyond = cascades.rows();
    let counted_before = counted.unwrap_or_default();
    let counted_now = match (if table.is_some() { fixes.changes_counted(s, &own).await? } else { None }, noted) {
        // What the proof has seen is more exact.
        (Some(mut server), Some(noted)) => {
            for (table, n) in noted {
                *server.entry(table.clone()).or_default() = n + counted_before.get(&table).copied().unwrap_or(0);
            }
            Some(server)
        }
        (server, noted) => server.or(noted),
    };
    if let Some(after) = counted_now.filter(|_| table.is_some()) {
        // An INSERT's own rows are none of those that are counted here.
        let changed = affected - inserted;
        beyond = cascade::compare(&mut cascades, &own.join("."), changed, &counted_before, &after).max(cascades.rows());
    }
    if affected + beyond > limit {
        images.discard();
        return Err(too_many(affected + beyond));
    }
    // Something that nobody could foresee changed rows that are not saved.
    if !cascades.notes.is_empty() {
        images.discard();
        return Err(Error::held(format!("held: it changed rows that are not saved, so it was rolled back. {}", cascades.notes.join(" ")))
            .hint("Put it into a migration: its proof counts what changes everywhere, and its down takes it back."));
    }
    let saved = images.finish()?;
    for t in &mut cascades.tables {
        t.saved = saved.get(&t.table).cloned();
    }
    let did = sample::Did { deletes, sets: &sets, all: affected - inserted == existed, edits };
    let mut changes = sample.after(dialect, s, table, did).await?;
    switch(s, &as_set).await?;
    if let Some(table) = table {
        fixes.remarks(s, table, touch.as_ref().filter(|_| existed > 0)).await?.into_iter().for_each(|words| changes.note(words));
    }
    changes.rows.extend(fresh.rows.into_iter().map(|cells| Change::Inserted { cells }));
    fresh.why.into_iter().for_each(|why| changes.note(why));
    said.into_iter().for_each(|words| changes.note(words));
    changes.rows.extend(returned.rows.into_iter().map(|cells| Change::Returned { cells }));
    Ok(Done { affected, before, cascades, changes })
}

/// What all of them do to rows that were there before; `None` where they only insert.
fn all_touched(steps: &[Step<'_>], table: Option<&TableInfo>) -> Option<Touch> {
    let all = steps.iter().filter(|step| step.select.is_some()).map(|step| step.touch.clone()).reduce(|a, b| match (a, b) {
        (Touch::Update(a), Touch::Update(b)) => Touch::Update([a, b].concat()),
        (Touch::Nothing, other) | (other, Touch::Nothing) => other,
        (Touch::Delete, _) | (_, Touch::Delete) => Touch::Delete,
        _ => Touch::Any,
    })?;
    Some(table.map_or(all.clone(), |table| cascade::with_computed(all, table)))
}

/// Switches how the session sends values, where there is something to switch.
async fn switch(s: &Session, statement: &Option<String>) -> Result<()> {
    match statement {
        Some(statement) => s.fetch(statement.clone()).await.map(drop),
        None => Ok(()),
    }
}

/// Asks for the keys that the rows will have. What cannot be asked must not fail the fix: the rows are then not found under new keys.
async fn renamed(s: &Session, (text, params): &(String, Vec<Param>), sample: &mut sample::Sample) -> Result<()> {
    const POINT: &str = "holdpoint_keys";
    s.fetch(format!("SAVEPOINT {POINT}")).await?;
    let ask = async {
        let mut found = Vec::new();
        let mut rows = s.run_bound(text.clone(), params.clone()).await?;
        while let Some(event) = rows.next().await {
            if let Event::Rows(batch) = event? {
                let half = batch.columns() / 2;
                let key = |r: usize, of: std::ops::Range<usize>| of.map(|c| Param::from_cell(batch.cell(r, c))).collect::<Vec<_>>();
                found.extend((0..batch.rows()).map(|r| (key(r, 0..half), key(r, half..2 * half))));
            }
        }
        Ok::<_, Error>(found)
    };
    match ask.await {
        Ok(found) => found.into_iter().for_each(|(from, to)| sample.renamed(from, to)),
        Err(e) if matches!(e.kind, Kind::Connect | Kind::Cancelled) => return Err(e),
        Err(_) => drop(s.fetch(format!("ROLLBACK TO SAVEPOINT {POINT}")).await?),
    }
    s.fetch(format!("RELEASE SAVEPOINT {POINT}")).await.map(drop)
}

/// Remarks of the server that are told.
const REMARKS: usize = 3;

/// `said` is given what the server remarked, such as that it keeps another value than it was sent.
async fn typed(s: &Session, sent: &Bound, returned: &mut sample::Listed, said: &mut Vec<String>) -> Result<u64> {
    let mut rows = s.run_bound(sent.text.clone(), sent.params.clone()).await?;
    let (mut counted_there, mut came) = (0, 0);
    while let Some(event) = rows.next().await {
        match event? {
            Event::Columns(c) => returned.columns(&c),
            Event::Rows(batch) => {
                came += batch.rows() as u64;
                returned.take(&batch);
            }
            Event::Done(done) => counted_there = done.affected.unwrap_or(0),
            Event::Notice(n) if said.len() < REMARKS && cells::alters(&n) => {
                said.push(format!("the server says: {}", text::clean(&n.message)))
            }
            Event::Notice(_) | Event::Further(_) => {}
        }
    }
    // A server may send the rows of RETURNING in place of their number: what came was changed, whatever is counted.
    Ok(came.max(counted_there))
}

/// Rows that were inserted, where it can be told which they are.
#[derive(Default)]
struct Fresh {
    rows: Vec<Vec<(String, Option<String>)>>,
    /// Why there are not more.
    why: Option<String>,
}

impl Fresh {
    /// Looks for the `count` rows of the INSERT that has just run. What cannot be looked at must not fail the fix.
    async fn look(&mut self, s: &Session, new: std::result::Result<NewRows, String>, count: u64) -> Result<()> {
        const POINT: &str = "holdpoint_look";
        let new = match new {
            Ok(new) => new,
            Err(why) => {
                self.why = Some(format!("not shown: the new rows, because {why}"));
                return Ok(());
            }
        };
        s.fetch(format!("SAVEPOINT {POINT}")).await?;
        let most = usize::try_from(count).unwrap_or(usize::MAX).min(sample::ROWS - self.rows.len());
        let mut best = Vec::new();
        let mut failed = None;
        for select in &new.selects {
            match list(s, &new, select).await {
                Ok(found) if found.rows.len() >= best.len() => best = found.rows,
                Ok(_) => {}
                Err(e) => failed = Some(e),
            }
            if failed.is_some() || best.len() >= most {
                break;
            }
        }
        s.fetch(format!("ROLLBACK TO SAVEPOINT {POINT}")).await?;
        s.fetch(format!("RELEASE SAVEPOINT {POINT}")).await?;
        best.truncate(most);
        if best.len() < most {
            let which = if best.is_empty() { "the new rows".to_string() } else { text::counted((most - best.len()) as u64, "new row") };
            let why = failed.map_or_else(|| new.otherwise.to_string(), |e| format!("looking for them failed: {}", e.message));
            self.why = Some(format!("not shown: {which}, because {why}"));
        }
        self.rows.extend(best);
        Ok(())
    }
}

async fn list(s: &Session, new: &NewRows, select: &str) -> Result<sample::Listed> {
    if let Some(limit) = &new.limit {
        s.fetch(limit.clone()).await?;
    }
    let mut out = sample::Listed::default();
    let mut rows = s.run_bound(select, new.params.clone()).await?;
    while let Some(event) = rows.next().await {
        match event? {
            Event::Columns(c) => out.columns(&c),
            Event::Rows(batch) => out.take(&batch),
            _ => {}
        }
    }
    Ok(out)
}
