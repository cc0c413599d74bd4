//! What if an index were not there? Estimated where the engine can hide one from its planner (HypoPG from 1.4 on, SQLite in memory); tried on
//! a scratch copy, where it is dropped in a transaction, switched off, or dropped for good.

use crate::engine::{Access, Connect, Hiding, Role};
use crate::model::plan::Plan;
use crate::model::{Dialect, Error, Result};
use crate::ops::measure::{Effort, by_turns};
use crate::ops::{Connection, Cx, advice, connect, copies, explain, plan_facts};
use crate::plan::known::{Known, Table};
use crate::plan::measure::Judgement;
use crate::sql::reserved::ident;
use crate::text;

/// What came of it.
pub(super) struct Hidden {
    pub as_it_is: Plan,
    pub without: Plan,
    pub judgement: Option<Judgement>,
    /// How the copy differs from the target, where it does.
    pub differs: Option<String>,
    /// Where: sentences.
    pub notes: Vec<String>,
}

/// By the planner's word alone.
pub(super) async fn estimated(cx: &Cx, conn: &Connection, statement: &str, index: &str) -> Result<Hidden> {
    let statement = explain::proven(conn, statement, false).await?;
    let engine = conn.engine().hypothetical().get().map_err(|_| {
        Error::failed(format!("{} hides an index from its planner only by changing it", conn.engine().product()))
            .hint("Try it on a scratch copy, which is made for it and removed: --on-scratch")
    })?;
    let as_it_is = explain::explain(cx, conn, None, statement, false).await?;
    let session = conn.engine().connect(Connect { place: conn.place(), ..Connect::new(Role::Background, Access::ReadOnly) }).await?;
    let without = engine.hide(&session, statement, index).await;
    session.close().await;
    Ok(Hidden { as_it_is, without: without?, judgement: None, differs: None, notes: Vec::new() })
}

/// The index's own name, and its table.
fn table_of<'k>(known: &'k Known, index: &str) -> Result<(&'k Table, String)> {
    let (schema, name) = index.split_once('.').map_or((None, index), |(s, n)| (Some(s), n));
    let fits = |t: &Table| schema.is_none() || t.schema.as_deref() == schema;
    let found = known
        .tables
        .iter()
        .filter(|t| fits(t))
        .find_map(|t| t.indexes.iter().find(|i| i.name.eq_ignore_ascii_case(name)).map(|i| (t, i.name.clone())));
    found.ok_or_else(|| {
        let all: Vec<String> = known.tables.iter().flat_map(|t| t.indexes.iter().map(|i| i.name.clone())).collect();
        let e = Error::usage(format!("the tables of the statement have no index {}", text::clean(index)));
        if all.is_empty() { e } else { e.hint(format!("They have {}.", text::clean(&all.join(", ")))) }
    })
}

/// On a copy: planned both ways, and with an effort run both ways by turns.
pub(super) async fn on_copy(cx: &Cx, conn: &Connection, statement: &str, index: &str, effort: Option<Effort>) -> Result<Hidden> {
    let statement = explain::proven(conn, statement, true).await?;
    advice::stays_inside(conn, statement)?;
    let reader = conn.reader().await?;
    let plan = explain::explain(cx, conn, None, statement, false).await?;
    let known = plan_facts::gather(conn, &reader, &plan, statement).await?;
    let (table, name) = table_of(&known, index)?;
    let d = conn.dialect();
    let (shown, named) = match (&table.schema, d) {
        (Some(s), Dialect::Postgres) => {
            (format!("{}.{}", ident(d, s), ident(d, &table.name)), format!("{}.{}", ident(d, s), ident(d, &name)))
        }
        _ => (ident(d, &table.name), name.clone()),
    };
    let trials = conn.engine().trials();
    let hiding = trials.hiding(&reader, &shown, &named);
    let count = if hiding == Hiding::SecondCopy { 2 } else { 1 };
    let foreseen = copies::foreseen(cx, conn, count).await?;
    let (made, of) = copies::make(cx, conn, count).await?;
    let done = async {
        let mut all = Vec::new();
        for s in &made {
            all.push(connect::connect_to(cx, s.target.clone()).await?);
        }
        for c in &all {
            let writer = c.migrator().await?;
            for sql in copies::settling(c, &known) {
                advice::finish(cx, &writer, &sql).await?;
            }
            writer.close().await;
        }
        let differs = match all.first() {
            Some(copy) => copies::behind(conn, copy, &of, &known, (&[], &[])).await?,
            None => None,
        };
        let (plain, changed) = match all.as_slice() {
            [changed] => (None, changed),
            [plain, changed] => {
                let writer = plain.migrator().await?;
                let on = if d == Dialect::MySql { format!(" ON {shown}") } else { String::new() };
                advice::finish(cx, &writer, &format!("DROP INDEX {}{on}", ident(d, &name))).await?;
                // What the planner knows of the table may have gone with it.
                for sql in copies::settling(plain, &known) {
                    advice::finish(cx, &writer, &sql).await?;
                }
                writer.close().await;
                (Some(plain), changed)
            }
            _ => return Err(Error::failed("there is no copy to try it on")),
        };
        let (without, with) = advice::arms(plain, changed, statement, std::slice::from_ref(&hiding), &shown).await?;
        let plans = async {
            match effort {
                Some(effort) => {
                    with.admitted(effort).await?;
                    let duel = by_turns(cx, &with, &without, Effort { anyway: true, ..effort }).await?;
                    Ok::<_, Error>((duel.before.plan, duel.after.plan, Some(duel.judgement), differs))
                }
                None => Ok((with.estimate().await?, without.estimate().await?, None, differs)),
            }
        }
        .await;
        for arm in [without, with] {
            arm.session().clone().close().await;
        }
        plans
    }
    .await;
    let mut notes = vec![format!("Tried on a scratch copy{of}. {foreseen}")];
    copies::remove(conn, made, &mut notes).await?;
    let (as_it_is, without, judgement, differs) = done.map_err(|e| copies::aged(conn, &of, e))?;
    Ok(Hidden { as_it_is, without, judgement, differs, notes })
}
