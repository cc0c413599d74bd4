//! `holdpoint explain`: a statement's plan as a tree or as JSON.

use super::{connect, output, query};
use crate::cli::Format;
use crate::model::plan::{Plan, PlanNode};
use crate::model::{Error, Result};
use crate::ops::Cx;
use crate::text;
use std::path::Path;
use std::process::ExitCode;

pub async fn explain(cx: &Cx, target: &str, sql: Option<String>, file: Option<&Path>, analyze: bool, format: Format) -> Result<ExitCode> {
    let sql = query::text_of(sql, file)?;
    let conn = connect::open(cx, target).await?;
    let statements = crate::sql::split(conn.dialect(), &sql);
    let [one] = statements.as_slice() else {
        return Err(Error::usage(format!("explain takes exactly one statement, this text holds {}", statements.len())));
    };
    let plan = crate::ops::explain::explain(cx, &conn, None, &sql[one.span.clone()], analyze).await?;
    match format {
        Format::Json | Format::Ndjson => output::json(&plan)?,
        Format::Table | Format::Csv => tree(&plan)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn tree(plan: &Plan) -> Result<()> {
    let mut table = output::TextTable::new(&[">self ms", ">rows expected", ">rows came", ">loops", "node"]);
    let mut lines: Vec<(String, &PlanNode)> = Vec::new();
    draw(&plan.root, "", "", &mut lines);
    let number = |n: Option<f64>| n.map_or(String::new(), |n| text::thousands(n.round().max(0.0) as u64));
    for (label, n) in lines {
        let mut what = vec![label];
        for (k, v) in &n.conditions {
            what.push(format!("{k}: {v}"));
        }
        let came = if n.never_executed { "never run".into() } else { number(n.rows_total.or(n.rows)) };
        table.row(vec![
            n.self_ms.map_or(String::new(), |ms| format!("{ms:.1}")),
            number(n.est_rows),
            came,
            number(n.loops),
            what.join("  "),
        ]);
    }
    table.print()?;
    let mut foot = vec![if plan.analyzed { "analyzed, rolled back".to_string() } else { "estimated, not run".to_string() }];
    for (name, ms) in [("planning", plan.planning_ms), ("execution", plan.execution_ms), ("outside the nodes", plan.outside_ms)] {
        if let Some(ms) = ms {
            foot.push(format!("{name} {ms:.1} ms"));
        }
    }
    foot.extend(plan.counters.iter().map(|(k, v)| format!("{k} {}", text::thousands(*v))));
    output::message(&foot.join(" · "));
    for r in &plan.remarks {
        output::message(r);
    }
    Ok(())
}

fn draw<'a>(n: &'a PlanNode, lead: &str, below: &str, lines: &mut Vec<(String, &'a PlanNode)>) {
    let mut label = format!("{lead}{}", n.raw_op);
    for (word, what) in [(" on ", &n.relation), (" using ", &n.index)] {
        if let Some(w) = what
            && !n.raw_op.contains(w.as_str())
        {
            label.push_str(word);
            label.push_str(w);
        }
    }
    lines.push((label, n));
    for (i, c) in n.children.iter().enumerate() {
        let last = i + 1 == n.children.len();
        let (here, next) = if last { ("└ ", "  ") } else { ("├ ", "│ ") };
        draw(c, &format!("{below}{here}"), &format!("{below}{next}"), lines);
    }
}
