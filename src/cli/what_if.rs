//! `holdpoint explain --set` and `--param-set`: the same statement under another setting, or with other values, side by side.

use super::args::PlanFormat;
use super::{connect, output, plan_test};
use crate::model::{Error, Result};
use crate::ops::measure::Effort;
use crate::ops::param_sets::{self, Sets, verdict};
use crate::ops::{Connection, Cx, plan_test as tests, what_if as ops};
use crate::plan::measure::millis;
use crate::text;
use std::process::ExitCode;

/// Sets of values as the command line names them.
pub struct Given {
    pub param_sets: Vec<String>,
    pub propose_sets: bool,
}

impl Given {
    pub async fn sets(&self, conn: &Connection, sql: &str) -> Result<Sets> {
        if self.propose_sets { param_sets::propose(conn, sql).await } else { plan_test::sets(&self.param_sets) }
    }
}

fn only_tables(format: PlanFormat) -> Result<()> {
    match format {
        PlanFormat::Table | PlanFormat::Json | PlanFormat::Ndjson => Ok(()),
        _ => Err(Error::usage("plans side by side are told as a table or as JSON: say --format table or json")),
    }
}

pub async fn what_if(
    cx: &Cx,
    target: &str,
    sql: String,
    settings: &[String],
    measure: Option<Effort>,
    on_copy: bool,
    format: PlanFormat,
) -> Result<ExitCode> {
    only_tables(format)?;
    let conn = connect::open(cx, target).await?;
    let settings = ops::settings(&conn, settings)?;
    let found = ops::what_if(cx, &conn, &sql, settings, measure, on_copy).await?;
    if matches!(format, PlanFormat::Json | PlanFormat::Ndjson) {
        output::json(&serde_json::json!({
            "settings": found.settings.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "same_plan": found.same_plan(),
            "without": crate::plan::json::document(&found.without),
            "with": crate::plan::json::document(&found.with),
            "judgement": found.judgement,
            "copy_differs": found.differs,
            "notes": found.notes,
            "causes": found.comparison.causes,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(d) = &found.differs {
        output::line(d)?;
    }
    for (title, plan) in [("As it is:", &found.without), ("With the settings:", &found.with)] {
        output::line(title)?;
        for l in tests::outline(plan) {
            output::line(&format!("  {l}"))?;
        }
    }
    for l in found.lines() {
        output::line(&l)?;
    }
    for c in &found.comparison.causes {
        output::line(&format!("  {c}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn side_by_side(
    cx: &Cx,
    target: &str,
    sql: String,
    given: &Given,
    measure: Option<Effort>,
    format: PlanFormat,
) -> Result<ExitCode> {
    only_tables(format)?;
    let conn = connect::open(cx, target).await?;
    let sets = given.sets(&conn, &sql).await?;
    let sides = param_sets::side_by_side(cx, &conn, &sql, &sets, measure).await?;
    if matches!(format, PlanFormat::Json | PlanFormat::Ndjson) {
        output::json(&serde_json::json!({ "sets": sides, "verdict": verdict(&sides) }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let whole = |n: Option<f64>| n.map_or(String::new(), |n| text::thousands(n.max(0.0).round() as u64));
    let mut t = output::TextTable::new(&["set", "plan", "cost", "rows expected", "median", "work", "values"]);
    for s in &sides {
        let m = s.measured.as_ref();
        let work = m.map_or(String::new(), |m| {
            m.work.iter().take(2).map(|(k, c)| format!("{k} {}", text::thousands(c.median))).collect::<Vec<_>>().join(", ")
        });
        t.row(vec![
            s.set.clone(),
            s.letter.clone(),
            s.cost.map_or(String::new(), |c| format!("{c:.2}")),
            whole(s.rows_expected),
            m.map_or(String::new(), |m| millis(m.median_ms)),
            work,
            s.values.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(", "),
        ]);
    }
    t.print()?;
    let mut shown: Vec<&str> = Vec::new();
    for s in &sides {
        if !shown.contains(&s.letter.as_str()) {
            shown.push(&s.letter);
            output::line(&format!("Plan {}:", s.letter))?;
            for l in &s.outline {
                output::line(&format!("  {l}"))?;
            }
        }
    }
    output::line(&verdict(&sides))?;
    for s in sides.iter().filter_map(|s| Some((&s.set, s.warning.as_ref()?))) {
        output::line(&format!("{}: {}", s.0, s.1))?;
    }
    Ok(ExitCode::SUCCESS)
}
