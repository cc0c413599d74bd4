//! `holdpoint explain --set` and `--param-set`: the same statement under another setting, or with other values, side by side.

use super::args::PlanFormat;
use super::explain::Out;
use super::{connect, output, plan_test};
use crate::model::Result;
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

/// What may be asked for before anything is connected to.
fn told_as(format: PlanFormat) -> Result<()> {
    match format {
        PlanFormat::Svg | PlanFormat::Junit => output::page("This", "", &[], format),
        _ => Ok(()),
    }
}

/// Without constants where that was asked for.
fn shown(sql: &str, conn: &Connection, redact: bool) -> String {
    if redact { crate::sql::without_constants(conn.dialect(), sql) } else { sql.to_string() }
}

/// What is tried, and how it is told.
pub struct WhatIf {
    pub sql: String,
    pub settings: Vec<String>,
    pub measure: Option<Effort>,
    pub on_copy: bool,
    pub out: Out,
}

pub async fn what_if(cx: &Cx, target: &str, asked: WhatIf) -> Result<ExitCode> {
    let WhatIf { sql, settings, measure, on_copy, out } = asked;
    told_as(out.format)?;
    let conn = connect::open(cx, target).await?;
    let settings = ops::settings(&conn, &settings)?;
    let mut found = ops::what_if(cx, &conn, &sql, settings, measure, on_copy).await?;
    if out.redact {
        found = found.redacted(&sql);
    }
    if matches!(out.format, PlanFormat::Json | PlanFormat::Ndjson) {
        return json(
            out.format,
            &serde_json::json!({
                "settings": found.settings.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
                "same_plan": found.same_plan(),
                "without": crate::plan::json::document(&found.without),
                "with": crate::plan::json::document(&found.with),
                "judgement": found.judgement,
                "copy_differs": found.differs,
                "notes": found.notes,
                "causes": found.comparison.causes,
            }),
        );
    }
    let mut lines: Vec<String> = found.differs.iter().cloned().collect();
    for (title, plan) in [("As it is:", &found.without), ("With the settings:", &found.with)] {
        lines.push(title.to_string());
        lines.extend(tests::outline(plan).iter().map(|l| format!("  {l}")));
    }
    lines.extend(found.lines());
    lines.extend(found.comparison.causes.iter().map(|c| format!("  {c}")));
    output::page(&format!("Plan with {}", found.words()), &shown(&sql, &conn, out.redact), &lines, out.format)?;
    Ok(ExitCode::SUCCESS)
}

fn json(format: PlanFormat, told: &serde_json::Value) -> Result<ExitCode> {
    if format == PlanFormat::Ndjson {
        output::write(format!("{told}\n").as_bytes())?
    } else {
        output::json(told)?
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn side_by_side(cx: &Cx, target: &str, sql: String, given: &Given, measure: Option<Effort>, out: Out) -> Result<ExitCode> {
    told_as(out.format)?;
    let conn = connect::open(cx, target).await?;
    let sets = given.sets(&conn, &sql).await?;
    let mut sides = param_sets::side_by_side(cx, &conn, &sql, &sets, measure).await?;
    if out.redact {
        sides = param_sets::redacted(conn.dialect(), &sql, &sets, &sides)?;
    }
    if matches!(out.format, PlanFormat::Json | PlanFormat::Ndjson) {
        return json(out.format, &serde_json::json!({ "sets": sides, "verdict": verdict(&sides) }));
    }
    let whole = |n: Option<f64>| n.map_or(String::new(), |n| text::thousands(n.max(0.0).round() as u64));
    let mut t = output::TextTable::new(&["set", "plan", "cost", "rows expected", "median", "work", "values"]);
    for s in &sides {
        let m = s.measured.as_ref();
        let work = m.map_or(String::new(), |m| {
            let counted = m.work.iter().filter(|(_, c)| c.median > 0).take(2);
            counted.map(|(k, c)| format!("{k} {}", text::thousands(c.median))).collect::<Vec<_>>().join(", ")
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
    let mut lines = t.lines();
    let mut told: Vec<&str> = Vec::new();
    for s in &sides {
        if !told.contains(&s.letter.as_str()) {
            told.push(&s.letter);
            lines.push(format!("Plan {}:", s.letter));
            lines.extend(s.outline.iter().map(|l| format!("  {l}")));
        }
    }
    lines.push(verdict(&sides));
    lines.extend(sides.iter().filter_map(|s| Some(format!("{}: {}", s.set, s.warning.as_ref()?))));
    output::page("Plans of several sets of values", &shown(&sql, &conn, out.redact), &lines, out.format)?;
    Ok(ExitCode::SUCCESS)
}
