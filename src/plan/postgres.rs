//! `EXPLAIN` of PostgreSQL, read into the neutral plan. Times are means per loop, a CTE's or
//! an InitPlan's time belongs to the node that pulled it, counters add up exactly.
//!
//! `paste` takes the frames of clients and logs away, `text`, `value` (JSON) and `markup` (YAML, XML) read the formats, `sheet` holds
//! what they tell, `build` says what each key means, `charge` gives time and counters to those who
//! spent them, `estimate` judges the planner's rows.

use crate::model::plan::Plan;
use crate::model::{Error, Result};
use paste::Body;
use sheet::Sheet;

mod build;
mod charge;
mod estimate;
mod markup;
mod paste;
mod sheet;
mod text;
mod value;
mod whole;

/// Reads a plan that was pasted or comes from a file, in any form in which people have it: JSON, text, YAML or XML; with the frames,
/// quotes and broken lines of clients; lines of auto_explain in a log. Of several plans the first is read, and a remark says how
/// many there are. Fails when there is no plan in it, and when it is nested too deep to be a plan.
pub fn read(pasted: &str) -> Result<Plan> {
    if let Some((plan, _)) = bare(pasted) {
        return plan;
    }
    if text::nests_too_deep(pasted) {
        return Err(value::too_deep());
    }
    let found = paste::find(pasted);
    let mut sheet = match &found.body {
        Body::Json(json) => sheet::from_value(value::json(json)?.0)?,
        Body::Yaml(yaml) if !yaml.lines().any(|l| matches!(l.trim(), "Plan:" | "- Plan:")) => return Err(whole::headless()),
        Body::Yaml(yaml) => {
            let sheet = sheet::from_value(markup::yaml(yaml)?)?;
            whole::yaml(&sheet)?;
            sheet
        }
        Body::Xml(xml) => sheet::from_value(markup::xml(xml)?)?,
        Body::Text(lines) => text::read(lines)?,
    };
    logged(&mut sheet, &found);
    Ok(build::plan(sheet, "", pasted))
}

/// The plan, when the text is what PostgreSQL printed and nothing else, and the name of its form.
pub fn bare(text: &str) -> Option<(Result<Plan>, &'static str)> {
    let (sheet, form) = match text.trim_start().as_bytes().first()? {
        b'[' | b'{' => (sheet::from_value(paste::bare_json(text)?), "PostgreSQL JSON"),
        b'<' => (Ok(sheet::from_value(markup::xml(paste::bare_xml(text)?).ok()?).ok()?), "PostgreSQL"),
        b'-' => {
            let sheet = sheet::from_value(markup::yaml(paste::bare_yaml(text)?).ok()?).ok()?;
            whole::yaml(&sheet).ok()?;
            (Ok(sheet), "PostgreSQL")
        }
        _ => (Ok(text::bare(text)?), "PostgreSQL"),
    };
    Some((sheet.map(|sheet| build::plan(sheet, "", text)), form))
}

/// Whether a text can be of PostgreSQL alone, by words that no other server prints.
pub fn is_ours(text: &str) -> bool {
    // MySQL and MariaDB have none of these keys; in their constants the quotes are escaped.
    let words = ["\"Node Type\"", "\"\"Node Type\"\"", "<Node-Type>", " ms  plan:"];
    let keys = [
        "Index Cond: ",
        "Hash Cond: ",
        "Recheck Cond: ",
        "Merge Cond: ",
        "Sort Key: ",
        "Planning Time: ",
        "Planning time: ",
        "Execution Time: ",
    ];
    let sized =
        |l: &str| l.split_once(" width=").is_some_and(|(head, _)| head.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with(" rows="));
    words.iter().any(|w| text.contains(w))
        || text.lines().any(|l| sized(l) || keys.iter().any(|k| l.trim_start().starts_with(k)))
        || text::is_bare_scan(text)
}

/// Whether a plan in text form begins somewhere; a log's statement is none.
pub fn is_text(text: &str) -> bool {
    !text.contains(" ms  plan:") && text.lines().any(text::is_root)
}

fn logged(sheet: &mut Sheet<'_>, found: &paste::Found) {
    sheet.remarks.extend(found.remarks.iter().cloned());
    for (key, text) in [("Duration", &found.duration), ("Query Text", &found.statement)] {
        if let Some(t) = text
            && value::get(&sheet.top, key).is_none()
        {
            sheet.top.push((key.into(), value::Value::Text(t.clone().into())));
        }
    }
}

/// Reads the server's JSON. `version` is the server's, `analyzed` whether the statement was run.
pub fn read_json(json: &str, version: &str, analyzed: bool) -> Result<Plan> {
    let bad = |e: Error| Error { message: format!("the plan that the server sent cannot be read: {}", e.message), ..e };
    let (value, _) = value::json(json).map_err(bad)?;
    let mut plan = build::plan(sheet::from_value(value)?, version, json);
    plan.analyzed = analyzed;
    Ok(plan)
}

#[cfg(test)]
mod tests;
