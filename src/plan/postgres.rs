//! `EXPLAIN` of PostgreSQL, read into the neutral plan. Rules: `reference/plans.md` §2 and §5: times are means per loop, a CTE's or
//! an InitPlan's time belongs to the node that pulled it, counters add up exactly.
//!
//! `paste` takes the frames of clients and logs away, `text`, `value` (JSON) and `markup` (YAML, XML) read the formats, `sheet` holds
//! what they tell, `build` says what each key means, `charge` gives time and counters to those who
//! spent them, `estimate` judges the planner's rows.

use crate::model::plan::Plan;
use crate::model::{Error, Result};
use paste::Body;
use sheet::Sheet;
use std::collections::BTreeMap;

mod build;
mod charge;
mod estimate;
mod markup;
mod paste;
mod sheet;
mod text;
mod value;

/// Reads a plan that was pasted or comes from a file, in any form in which people have it: JSON, text, YAML or XML; with the frames,
/// quotes and broken lines of clients; lines of auto_explain in a log. Of several plans the first is read, and a remark says how
/// many there are. Fails when there is no plan in it, and when it is nested too deep to be a plan.
pub fn read(pasted: &str) -> Result<Plan> {
    let found = paste::find(pasted);
    let mut sheet = match &found.body {
        Body::Json(json) => sheet::from_value(value::json(json)?.0)?,
        Body::Yaml(yaml) => sheet::from_value(markup::yaml(yaml)?)?,
        Body::Xml(xml) => sheet::from_value(markup::xml(xml)?)?,
        Body::Text(lines) => text::read(lines)?,
    };
    logged(&mut sheet, &found);
    let mut plan = build::plan(sheet, "", pasted);
    plan.remarks.extend(remarks(&plan));
    Ok(plan)
}

fn logged(sheet: &mut Sheet, found: &paste::Found) {
    sheet.remarks.extend(found.remarks.iter().cloned());
    for (key, text) in [("Duration", &found.duration), ("Query Text", &found.statement)] {
        if let Some(t) = text
            && value::get(&sheet.top, key).is_none()
        {
            sheet.top.push((key.into(), value::Value::Text(t.clone())));
        }
    }
}

/// Reads the server's JSON. `version` is the server's, `analyzed` whether the statement was run.
pub fn read_json(json: &str, version: &str, analyzed: bool) -> Result<Plan> {
    let bad = |e: Error| Error { message: format!("the plan that the server sent cannot be read: {}", e.message), ..e };
    let (value, _) = value::json(json).map_err(bad)?;
    let mut plan = build::plan(sheet::from_value(value)?, version, json);
    plan.analyzed = analyzed;
    plan.remarks.extend(remarks(&plan));
    Ok(plan)
}

/// Rows that a scan has to read before it is worth a sentence.
const MANY: f64 = 10_000.0;

fn remarks(plan: &Plan) -> Vec<String> {
    let mut out = Vec::new();
    plan.root.walk(0, &mut |_, n| {
        let name = n.relation.as_deref().unwrap_or("a relation");
        if n.op == "table scan"
            && let Some(removed) = n.removed.total().filter(|r| *r >= MANY)
            && let Some(kept) = n.rows_total
        {
            out.push(format!("reads the whole of {name}: {removed:.0} of {:.0} rows do not pass the filter", removed + kept));
        }
        let attr = |k: &str| n.attrs.get(k).map(String::as_str);
        if attr("Sort Space Type") == Some("Disk") {
            out.push(format!("a sort did not fit into work_mem: {} kB went to disk", attr("Sort Space Used").unwrap_or("some")));
        }
        if n.op == "hash"
            && let (Some(now), Some(planned)) = (attr("Hash Batches"), attr("Original Hash Batches"))
            && now != "1"
        {
            out.push(format!("a hash table did not fit into work_mem: {now} batches, {planned} planned"));
        }
        if let (Some(planned), Some(launched)) = (n.workers_planned, n.workers_launched)
            && planned != launched
        {
            out.push(format!("{planned} parallel workers were planned and {launched} came"));
        }
    });
    let unique: BTreeMap<String, ()> = out.iter().map(|s| (s.clone(), ())).collect();
    let mut seen = unique;
    out.retain(|s| seen.remove(s).is_some());
    out
}

#[cfg(test)]
mod tests;
