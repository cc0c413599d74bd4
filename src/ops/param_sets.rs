//! One statement with several sets of values side by side: whether the planner chooses another plan for rare values than for common
//! ones, and values to try it with.

use super::explain::explain;
use super::measure::{Arm, Effort, alone};
use super::plan_test::{outline, statements};
use super::{Connection, Cx, plan_facts};
use crate::engine::Session;
use crate::model::plan::Plan;
use crate::model::{Dialect, Error, Result};
use crate::plan::expression::Expr;
use crate::plan::known::Known;
use crate::plan::measure::{Summary, summary};
use crate::plan::share::{Constants, redact};
use crate::plan::{findings, shape, statement};
use crate::sql::params::{names, placeholders};
use serde::Serialize;
use std::collections::BTreeMap;

/// Rows that are looked at where the server keeps no statistics of values.
const SAMPLED: u32 = 10_000;
/// Rows of a table whose values are counted.
const COUNTED: f64 = 1_000_000.0;
/// Sets that are proposed, from the most common value to a rare one.
pub const PROPOSED: [&str; 3] = ["common", "median", "rare"];

/// Sets of values by name.
pub type Sets = BTreeMap<String, BTreeMap<String, String>>;

/// The statement with one set.
#[derive(Debug, Clone, Serialize)]
pub struct Side {
    pub set: String,
    pub values: BTreeMap<String, String>,
    pub shape: String,
    /// `A` for the first shape, `B` for the next one …
    pub letter: String,
    pub cost: Option<f64>,
    pub rows_expected: Option<f64>,
    /// Of several runs, where it was run.
    pub measured: Option<Summary>,
    pub outline: Vec<String>,
    /// That the plan is good for these values alone, where the planner expects far more for any others.
    pub warning: Option<String>,
    #[serde(skip)]
    pub plan: Plan,
}

/// Plans of all sets; `measure` runs each several times.
pub async fn side_by_side(cx: &Cx, conn: &Connection, sql: &str, sets: &Sets, measure: Option<Effort>) -> Result<Vec<Side>> {
    let sql = sql.trim();
    let mut out: Vec<Side> = Vec::new();
    let mut shapes: Vec<String> = Vec::new();
    let first = sets.values().next().cloned().unwrap_or_default();
    // A set may name a parameter with its sign or without.
    let value = |n: &str| first.get(n).or_else(|| first.get(n.trim_start_matches([':', '$', '?', '@'])));
    let found = placeholders(conn.dialect(), sql);
    let values =
        names(&found).iter().filter_map(|n| Some(((*n).to_string(), crate::sql::params::typed_value(conn.dialect(), value(n)?)))).collect();
    let generic_cost = plan_facts::generic_cost(conn, sql, &values).await;
    for (set, text) in statements(conn.dialect(), sql, sets)? {
        cx.check_cancelled()?;
        let (mut plan, measured) = if let Some(effort) = measure {
            let arm = Arm::new(conn, None, &set, &text, Vec::new()).await?;
            let runs = alone(cx, &arm, effort).await?;
            (runs.plan, summary(&runs.samples))
        } else {
            (explain(cx, conn, None, &text, false).await?, None)
        };
        findings::fill(&mut plan, &Known { generic_cost, ..plan_facts::of_statement(&text) });
        let warning = plan.findings.iter().find(|f| f.id == "F34").map(|f| f.message.clone());
        let hash = shape::hash(&plan);
        let at = shapes.iter().position(|s| *s == hash).unwrap_or_else(|| {
            shapes.push(hash.clone());
            shapes.len() - 1
        });
        let letter = char::from_u32(u32::from('A') + at as u32)
            .filter(char::is_ascii_uppercase)
            .map_or_else(|| format!("#{}", at + 1), String::from);
        out.push(Side {
            values: sets.get(&set).cloned().unwrap_or_default(),
            set,
            shape: hash,
            letter,
            cost: plan.root.est_total_cost,
            rows_expected: plan.root.est_rows,
            measured,
            outline: outline(&plan),
            warning,
            plan,
        });
    }
    Ok(out)
}

/// The same without the constants of the statement and without the values; the sets keep their names.
pub fn redacted(dialect: Dialect, sql: &str, sets: &Sets, sides: &[Side]) -> Result<Vec<Side>> {
    let texts = statements(dialect, sql.trim(), sets)?;
    let each = sides.iter().zip(&texts).map(|(side, (_, text))| {
        let plan = redact(&side.plan, Some(text));
        let constants = Constants::of(&side.plan, Some(text));
        let mut out = side.clone();
        out.values.values_mut().for_each(|v| *v = "?".into());
        out.outline = outline(&plan);
        out.warning = side.warning.as_ref().map(|w| constants.prose(w));
        out.plan = plan;
        out
    });
    Ok(each.collect())
}

/// Whether the plan depends on the values, as a sentence.
pub fn verdict(sides: &[Side]) -> String {
    let mut letters: Vec<&str> = sides.iter().map(|s| s.letter.as_str()).collect();
    letters.dedup();
    letters.sort_unstable();
    letters.dedup();
    if sides.len() == 1 {
        return "One set of values: whether the plan depends on them is not seen.".into();
    }
    if letters.len() <= 1 {
        return format!("One plan for all {} sets.", sides.len());
    }
    let each = sides.iter().map(|s| format!("{} {}", s.set, s.letter)).collect::<Vec<_>>().join(", ");
    format!("The plan flips with the values: {each}.")
}

/// Values for the statement's parameters from what the tables hold: a common one, one in the middle, a rare one. Parameters that are
/// compared with no column are named in the error: a person has to give those.
pub async fn propose(conn: &Connection, sql: &str) -> Result<Sets> {
    let dialect = conn.dialect();
    let found = placeholders(dialect, sql);
    let wanted: Vec<String> = names(&found).into_iter().map(str::to_string).collect();
    if wanted.is_empty() {
        return Err(Error::usage("the statement has no parameters, so there are no values to propose"));
    }
    let by_hand =
        |name: &str| Error::usage(format!("no column tells values for {name}")).hint("Give them yourself: --param-set common:NAME=VALUE.");
    // A name that every dialect's reader takes: `?` and `:x` in a condition are told apart by it.
    let mut text = String::new();
    let mut from = 0;
    for p in &found {
        text.push_str(&sql[from..p.span.start]);
        let at = wanted.iter().position(|w| *w == p.name).unwrap_or(0);
        text.push_str(&format!("'holdpoint parameter {at}'"));
        from = p.span.end;
    }
    text.push_str(&sql[from..]);
    let selects = statement::read_each(dialect, &text);
    let session = conn.reader().await?;
    let mut sets = Sets::new();
    for (at, name) in wanted.iter().enumerate() {
        let mark = format!("holdpoint parameter {at}");
        let column = selects.iter().flat_map(|s| s.tables.iter().map(move |t| (s, t))).find_map(|(select, t)| {
            select.conditions_on(&t.alias).into_iter().find_map(|p| {
                let is = p.value.as_ref().and_then(Expr::literal).is_some_and(|v| v.contains(&mark));
                p.key.column().filter(|_| is).map(|c| (t.name.clone(), c.name.clone()))
            })
        });
        let (table, column) = column.ok_or_else(|| by_hand(name))?;
        let known = conn.engine().measuring().common_values(&session, &table, &column).await?;
        let values = match known {
            Some(v) => v,
            None => sampled(conn, &session, &table, &column).await?,
        };
        let [first, .., last] = values.as_slice() else {
            let Some(only) = values.first() else { return Err(by_hand(name)) };
            for set in PROPOSED {
                sets.entry(set.into()).or_default().insert(name.clone(), typed(only));
            }
            continue;
        };
        for (set, value) in PROPOSED.into_iter().zip([first, &values[values.len() / 2], last]) {
            sets.entry(set.into()).or_default().insert(name.clone(), typed(value));
        }
    }
    // Equal values are one set: the ends before the middle.
    let mut proposed = Sets::new();
    let [common, median, rare] = PROPOSED;
    for set in [common, rare, median] {
        if let Some(values) = sets.remove(set).filter(|v| !proposed.values().any(|p| p == v)) {
            proposed.insert(set.into(), values);
        }
    }
    Ok(proposed)
}

/// A value as somebody would type it: what looks like a number is one.
fn typed(value: &str) -> String {
    match crate::sql::params::typed_value(Dialect::Postgres, value) {
        crate::model::Param::Number(n) => n,
        _ => format!("'{}'", value.replace('\'', "''")),
    }
}

/// The column's values, the most common one first: of the whole table where that is soon read, else of its first rows. Out of the
/// column's own index the first rows would all have the same value.
async fn sampled(conn: &Connection, session: &Session, table: &str, column: &str) -> Result<Vec<String>> {
    let dialect = conn.dialect();
    let rows = conn.engine().catalog().get()?.plan_facts(session, &[table.to_string()]).await?.table(table).and_then(|t| t.rows);
    let (t, c) = (dialect.quote_ident(table), dialect.quote_ident(column));
    let from = match rows {
        Some(n) if n <= COUNTED => format!("{t} WHERE {c} IS NOT NULL"),
        _ => {
            let apart = match dialect {
                Dialect::MySql => " USE INDEX ()",
                Dialect::Sqlite => " NOT INDEXED",
                Dialect::Postgres => "",
            };
            format!("{t}{apart} WHERE {c} IS NOT NULL LIMIT {SAMPLED}")
        }
    };
    let sql = format!("SELECT v, count(*) FROM (SELECT {c} AS v FROM {from}) holdpoint_sample GROUP BY v ORDER BY 2 DESC, 1");
    Ok(session.fetch(sql).await?.rows.into_iter().filter_map(|r| r.into_iter().next().flatten()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_typed_as_what_they_are() {
        assert_eq!(
            (typed("17"), typed("it's"), typed("007"), typed("2024-01-01")),
            ("17".into(), "'it''s'".into(), "'007'".into(), "'2024-01-01'".into())
        );
    }

    #[test]
    fn a_flip_is_told_by_set() {
        let side = |set: &str, letter: &str| Side {
            set: set.into(),
            values: BTreeMap::new(),
            shape: letter.into(),
            letter: letter.into(),
            cost: None,
            rows_expected: None,
            measured: None,
            outline: Vec::new(),
            warning: None,
            plan: Plan::default(),
        };
        assert_eq!(verdict(&[side("common", "A"), side("rare", "A")]), "One plan for all 2 sets.");
        assert_eq!(
            verdict(&[side("common", "A"), side("median", "B"), side("rare", "A")]),
            "The plan flips with the values: common A, median B, rare A."
        );
    }
}
