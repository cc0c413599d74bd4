//! `EXPLAIN QUERY PLAN` as a client prints it: the tree that the `sqlite3` shell draws, and rows of four columns.

use super::{Known, Line, read};
use crate::model::plan::Plan;
use crate::model::{Error, Result};
use crate::plan::deep;

/// The tree that the shell draws:
///
/// ```text
/// QUERY PLAN
/// |--SCAN c
/// `--SEARCH o USING INDEX fk_c (c_id=?)
/// ```
///
/// `first` is the number of the text's first line. Returns how many plans there are, too.
pub fn drawn(text: &str, first: usize) -> Result<(Plan, usize)> {
    let mut lines: Vec<Line> = Vec::new();
    // Ids of the open nodes, from the top down.
    let mut open: Vec<i64> = Vec::new();
    let mut count = 1;
    let mut inside = true;
    // The outermost level has drawn its last node.
    let mut closed = false;
    for (i, line) in text.lines().enumerate() {
        let number = first + i;
        let t = line.trim_end();
        if t.trim() == "QUERY PLAN" {
            count += 1;
            inside = false;
            continue;
        }
        if !inside || t.is_empty() {
            inside &= lines.is_empty() || !t.is_empty();
            continue;
        }
        // Rows of the statement itself, which `.eqp on` puts below its plan.
        let next = || text.lines().skip(i).take_while(|l| l.trim() != "QUERY PLAN").any(|l| branch(l.trim_end()).is_some());
        if closed && branch(t).is_none() && !next() {
            inside = false;
            continue;
        }
        let (level, words) = branch(t).ok_or_else(|| {
            let shown: String = t.chars().take(80).collect();
            Error::usage(format!("line {number} is no line of a plan that the sqlite3 shell draws: {}", crate::text::clean(&shown)))
                .hint("Each line of the tree begins with |-- or `--.")
        })?;
        if level > open.len() {
            return Err(Error::usage(format!("line {number} of the plan hangs on nothing: it is deeper than the line above allows")));
        }
        if level >= deep::DEEPEST {
            return Err(deep::too_deep(Some(number)));
        }
        open.truncate(level);
        closed = if level == 0 { t.starts_with('`') } else { closed };
        let id = i64::try_from(lines.len()).unwrap_or(i64::MAX) + 1;
        lines.push((id, open.last().copied().unwrap_or(0), words.to_string()));
        open.push(id);
    }
    Ok((plan(&lines, text), count))
}

/// Level and words of a line: `|  |--SCAN t` is level 1.
fn branch(line: &str) -> Option<(usize, &str)> {
    let mut rest = line;
    let mut level = 0;
    loop {
        if let Some(words) = rest.strip_prefix("|--").or_else(|| rest.strip_prefix("`--")) {
            return Some((level, words));
        }
        rest = rest.strip_prefix("|  ").or_else(|| rest.strip_prefix("   "))?;
        level += 1;
    }
}

/// The four cells of a row, whatever separates them: `2|0|0|SCAN t`, `| 2 | 0 | 0 | SCAN t |`, `2,0,0,"SCAN t"`.
fn cells(line: &str) -> Option<(i64, i64, String)> {
    let line = line.trim();
    let line = line.strip_prefix(['|', '│']).unwrap_or(line);
    let line = line.strip_suffix(['|', '│']).unwrap_or(line);
    let separator = ['|', '│', '\t', ','].into_iter().find(|s| line.contains(*s));
    let parts: Vec<&str> = match separator {
        Some(s) => line.splitn(4, s).map(str::trim).collect(),
        // Columns set apart by blanks.
        None => {
            let mut parts = Vec::new();
            let mut rest = line;
            for _ in 0..3 {
                let (cell, after) = rest.split_once(' ')?;
                parts.push(cell);
                rest = after.trim_start();
            }
            parts.push(rest);
            parts
        }
    };
    let [id, parent, unused, detail] = parts.as_slice() else { return None };
    unused.parse::<i64>().ok()?;
    let detail = detail.strip_prefix('"').and_then(|d| d.strip_suffix('"')).unwrap_or(detail);
    // A plan's words begin with a capital: rows of figures are no plan.
    detail.starts_with(|c: char| c.is_ascii_uppercase()).then_some(())?;
    Some((id.parse().ok()?, parent.parse().ok()?, detail.trim_end().to_string()))
}

/// Whether a line is a row of a plan.
pub fn is_row(line: &str) -> bool {
    cells(line).is_some()
}

/// Rows `id|parent|notused|detail`; before 3.24 they were `selectid|order|from|detail`.
pub fn rows(text: &str, first: usize) -> Result<(Plan, usize)> {
    let mut plans: Vec<Vec<Line>> = vec![Vec::new()];
    for (i, line) in text.lines().enumerate() {
        let t = line.trim();
        let frame = t.is_empty() || t.chars().all(|c| "+-|─│┌┐└┘├┤┬┴┼═ ".contains(c)) || t.contains("notused") || t.contains("selectid");
        if frame {
            continue;
        }
        let row = cells(line).ok_or_else(|| {
            let shown: String = t.chars().take(80).collect();
            Error::usage(format!("line {} is no row of a plan: {}", first + i, crate::text::clean(&shown)))
                .hint("A row of EXPLAIN QUERY PLAN is id|parent|notused|detail.")
        })?;
        let current = plans.last().filter(|p| !p.is_empty());
        // Another plan begins where the ids start anew.
        let anew = current.is_some_and(|p| !old(p) && p.iter().any(|(id, ..)| *id == row.0));
        match plans.last_mut() {
            Some(p) if !anew => p.push(row),
            _ => plans.push(vec![row]),
        }
    }
    let count = plans.len();
    let lines = plans.swap_remove(0);
    let lines = if old(&lines) { from_old(&lines) } else { lines };
    depth(&lines, first)?;
    Ok((plan(&lines, text), count))
}

/// A row as `sqlite3 -json` and drivers give it.
#[derive(serde::Deserialize)]
struct JsonRow {
    #[serde(alias = "selectid")]
    id: i64,
    #[serde(alias = "order")]
    parent: i64,
    detail: String,
}

/// Rows as JSON: an array of objects, or an object on each line. `None` when the text is something else.
pub fn json_rows(text: &str) -> Option<Result<(Plan, usize)>> {
    let bare = text.trim();
    if !bare.starts_with(['[', '{']) || !bare.contains("\"detail\"") {
        return None;
    }
    let mut rows: Vec<JsonRow> = Vec::new();
    // Several statements give an array each: the first one is read.
    let mut arrays = 0;
    let mut ends = 0;
    let mut whole = serde_json::Deserializer::from_str(bare).into_iter::<serde_json::Value>();
    while let Some(value) = whole.next() {
        match value.ok()? {
            serde_json::Value::Array(list) => {
                arrays += 1;
                if arrays == 1 {
                    rows = list.into_iter().map(serde_json::from_value).collect::<std::result::Result<_, _>>().ok()?;
                }
            }
            one if arrays == 0 => rows.push(serde_json::from_value(one).ok()?),
            _ => return None,
        }
        if arrays <= 1 {
            ends = whole.byte_offset();
        }
    }
    if rows.is_empty() {
        return None;
    }
    let lines: Vec<Line> = rows.into_iter().map(|r| (r.id, r.parent, r.detail.trim_end().to_string())).collect();
    let lines = if old(&lines) { from_old(&lines) } else { lines };
    Some(depth(&lines, 1).map(|()| (plan(&lines, bare.get(..ends).unwrap_or(bare)), arrays.max(1))))
}

/// Ids of nodes are never 0; a select's number is, for the outermost one.
fn old(lines: &[Line]) -> bool {
    lines.first().is_some_and(|(id, ..)| *id == 0)
}

/// Before 3.24 a row told its select, and a subquery was named by the number of its own.
fn from_old(lines: &[Line]) -> Vec<Line> {
    let mut out = Vec::new();
    for (i, (select, _, detail)) in lines.iter().enumerate() {
        let id = i as i64 + 1;
        // `EXECUTE CORRELATED SCALAR SUBQUERY 1`, `SCAN SUBQUERY 1`: who names the select stands above its rows.
        let parent = lines.iter().position(|(_, _, d)| *select > 0 && names(d, *select)).map_or(0, |p| p as i64 + 1);
        out.push((id, if parent == id { 0 } else { parent }, detail.strip_prefix("EXECUTE ").unwrap_or(detail).to_string()));
    }
    out
}

fn names(detail: &str, select: i64) -> bool {
    let mut words = detail.split([' ', '(', ')', ',']);
    while let Some(w) = words.next() {
        if matches!(w, "SUBQUERY" | "SUBQUERIES") {
            return words.any(|n| n.parse() == Ok(select));
        }
    }
    false
}

fn depth(lines: &[Line], first: usize) -> Result<()> {
    let parents: std::collections::HashMap<i64, i64> = lines.iter().map(|(id, parent, _)| (*id, *parent)).collect();
    for (i, (id, ..)) in lines.iter().enumerate() {
        let (mut at, mut level) = (*id, 0);
        while let Some(up) = parents.get(&at).filter(|p| **p != 0) {
            (at, level) = (*up, level + 1);
            if level > deep::DEEPEST {
                return Err(deep::too_deep(Some(first + i)));
            }
        }
        if at != *id && !parents.contains_key(&at) {
            return Err(Error::usage(format!("row {} of the plan hangs on {at}, which is not there", i + 1)));
        }
    }
    Ok(())
}

fn plan(lines: &[Line], raw: &str) -> Plan {
    Plan { raw: raw.to_string(), ..read(lines, &Known::default(), "") }
}
