//! A plan from a text of any origin: which engine printed it in which form, out of the frame that a client drew round it.

use super::mysql::{blocks, paths};
use super::sqlite::text as sqlite_text;
use super::{deep, origin, postgres};
use crate::model::plan::Plan;
use crate::model::{Error, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Whose plan a text is, where the user says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Postgres,
    MySql,
    MariaDb,
    Sqlite,
}

/// What was found in a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub plan: Plan,
    /// `MySQL TREE`, `MariaDB JSON` …
    pub form: &'static str,
    /// Plans in the text, of which this is the first.
    pub count: usize,
}

/// Where a plan begins.
struct Start {
    /// Byte of the text, behind the client's frame.
    at: usize,
    /// Line, counted from 1.
    line: usize,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Tree,
    /// `|--SCAN t` below `QUERY PLAN`.
    Drawn,
    /// `2|0|0|SCAN t`.
    Rows,
}

/// The first plan of a text. `family` forces whose it is; else the text tells.
pub fn read(text: &str, family: Option<Family>) -> Result<Found> {
    let plain = origin::plain(text);
    let text = plain.as_ref();
    // A mail's quote, of which each line begins alike; the apostrophes of MySQL Workbench.
    let quoted = text
        .lines()
        .filter(|l| !l.trim().is_empty())
        .all(|l| l.starts_with("> "))
        .then(|| text.lines().map(|l| l.strip_prefix("> ").unwrap_or("")).collect::<Vec<_>>().join("\n"));
    let text = quoted.as_deref().unwrap_or(text);
    let text = text.trim().strip_prefix('\'').and_then(|t| t.strip_suffix('\'')).filter(|t| t.starts_with("-> ")).unwrap_or(text);
    if text.trim().is_empty() {
        return Err(Error::usage("there is no plan: the text is empty"));
    }
    if let Some((first, count)) = first_of_lists(text) {
        return Ok(Found { count, ..read(first, family)? });
    }
    let unpacked = of_rows(text);
    let text = unpacked.as_deref().unwrap_or(text);
    if let Some((plan, form)) = matches!(family, None | Some(Family::Postgres)).then(|| postgres::bare(text)).flatten() {
        return Ok(Found { plan: plan?, form, count: 1 });
    }
    if let Some(found) = matches!(family, None | Some(Family::Sqlite)).then(|| sqlite_text::json_rows(text)).flatten() {
        let (plan, count) = found?;
        return Ok(Found { plan, form: "SQLite EXPLAIN QUERY PLAN as JSON", count });
    }
    // What the batch mode of MySQL's clients makes of line feeds: outside of strings, where JSON has no backslash.
    let unescaped = (text.lines().count() <= 3 && text.contains("\\n") && !holds_json(text)).then(|| unescape(text));
    let text = unescaped.as_deref().unwrap_or(text);
    // A plan as text before one as JSON.
    if matches!(family, None | Some(Family::Postgres))
        && let Some(s) = start(text, 0, 1).filter(|s| s.kind == Kind::Json)
        && postgres::is_text(&text[..s.at])
    {
        return postgres_text(&text[..s.at]).map(|found| Found { count: found.count + 1, ..found });
    }
    if family == Some(Family::Postgres) {
        return postgres_text(text);
    }
    if family.is_none() && postgres::is_ours(text) {
        // JSON counts its plans.
        return match start(text, 0, 1).filter(|s| s.kind == Kind::Json).map(|s| json(text, &s, family)) {
            Some(Ok(found)) => Ok(found),
            _ => postgres_text(text),
        };
    }
    match start(text, 0, 1) {
        Some(s) if s.kind == Kind::Json => json(text, &s, family),
        Some(s) if s.kind == Kind::Tree && family != Some(Family::Sqlite) => tree(text, &s),
        Some(s) if matches!(s.kind, Kind::Drawn | Kind::Rows) && !matches!(family, Some(Family::MySql | Family::MariaDb)) => {
            let (plan, count) = match s.kind {
                Kind::Rows => sqlite_text::rows(&text[s.at..], s.line)?,
                _ => sqlite_text::drawn(&text[s.at..], s.line)?,
            };
            Ok(Found { plan, form: "SQLite EXPLAIN QUERY PLAN", count })
        }
        _ if family.is_none() && like_postgres(text) => postgres_text(text),
        _ => Err(unknown(text, family)),
    }
}

/// The first of several results of EXPLAIN in one list, `[[{…}], [{…}]]`, and how many there are.
fn first_of_lists(text: &str) -> Option<(&str, usize)> {
    let mut rest = text.trim_start().strip_prefix('[')?.trim_start();
    let mut lists = Vec::new();
    while rest.starts_with('[') {
        let (length, _) = deep::measure(rest).ok()?;
        lists.push(&rest[..length]);
        rest = rest[length..].trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    Some((*lists.first()?, lists.len()))
}

/// The plan inside rows that a driver or an export gave as JSON: `[{"QUERY PLAN": …}]` and `{"rows": […]}`, with the plan as JSON or as
/// one string a line; and a plan that is itself a string of JSON. Its text is left as it is.
fn of_rows(text: &str) -> Option<String> {
    const COLUMN: &str = "\"QUERY PLAN\"";
    let text = text.trim();
    if let Some(plan) = of_one_row(text) {
        return Some(plan);
    }
    if text.starts_with('"') {
        return serde_json::from_str(text).ok();
    }
    let at = text.find(COLUMN).filter(|at| text.starts_with(['[', '{']) && !text[..*at].contains("\"Plan\""))?;
    let value = text[at + COLUMN.len()..].trim_start().strip_prefix(':')?.trim_start();
    if !value.starts_with('"') {
        let (length, _) = deep::measure(value).ok()?;
        return Some(value[..length].to_string());
    }
    let whole: serde_json::Value = serde_json::from_str(text).ok()?;
    let rows = whole.as_array().or_else(|| whole.get("rows")?.as_array())?;
    let lines: Vec<&str> = rows.iter().filter_map(|row| row.get("QUERY PLAN")?.as_str()).collect();
    Some(lines.join("\n"))
}

/// The one value that EXPLAIN or ANALYZE of MariaDB and MySQL gives, in a row as JSON or as CSV.
fn of_one_row(text: &str) -> Option<String> {
    const COLUMNS: [&str; 2] = ["EXPLAIN", "ANALYZE"];
    if let Some((head, value)) = text.split_once('\n')
        && COLUMNS.contains(&head.trim().trim_matches('"'))
    {
        return Some(value.trim().strip_prefix('"')?.strip_suffix('"')?.replace("\"\"", "\""));
    }
    let head: String = text.chars().filter(|c| !c.is_whitespace()).take(16).collect();
    if !COLUMNS.iter().any(|c| head.starts_with(&format!("[{{\"{c}\":\"")) || head.starts_with(&format!("{{\"{c}\":\""))) {
        return None;
    }
    let whole: serde_json::Value = serde_json::from_str(text).ok()?;
    let row = whole.as_array().map_or(Some(&whole), |rows| rows.first())?;
    COLUMNS.iter().find_map(|c| Some(row.get(c)?.as_str()?.to_string()))
}

/// Whether the first JSON of a text can be read as it stands.
fn holds_json(text: &str) -> bool {
    let Some(s) = start(text, 0, 1).filter(|s| s.kind == Kind::Json) else { return false };
    serde_json::Deserializer::from_str(&text[s.at..]).into_iter::<IgnoredAny>().next().is_some_and(|r| r.is_ok())
}

fn unknown(text: &str, family: Option<Family>) -> Error {
    let (number, line) = text.lines().enumerate().find(|(_, l)| !l.trim().is_empty()).map_or((1, ""), |(i, l)| (i + 1, l));
    let shown: String = line.trim().chars().take(80).collect();
    let whose = match family {
        None => "a plan",
        Some(Family::Postgres) => "a plan of PostgreSQL",
        Some(Family::MySql) => "a plan of MySQL",
        Some(Family::MariaDb) => "a plan of MariaDB",
        Some(Family::Sqlite) => "a plan of SQLite",
    };
    if ["select_type", "possible_keys", "key_len"].iter().all(|w| text.contains(w)) {
        return Error::usage("this is EXPLAIN's table (MySQL, MariaDB), which tells too little to be read")
            .hint("Take EXPLAIN FORMAT=JSON; with actual figures ANALYZE FORMAT=JSON on MariaDB, EXPLAIN ANALYZE on MySQL.");
    }
    Error::usage(format!("this is not {whose}; line {number} begins with: {}", crate::text::clean(&shown)))
        .hint("Read are: EXPLAIN of PostgreSQL in any of its formats; of MySQL FORMAT=TREE and FORMAT=JSON; of MariaDB EXPLAIN or ANALYZE FORMAT=JSON; EXPLAIN QUERY PLAN of SQLite.")
}

/// Words that only PostgreSQL's plans have.
fn like_postgres(text: &str) -> bool {
    ["(cost=", "(actual ", "Node Type", "<Node-Type", "InitPlan", "QUERY PLAN", "(never executed)"].iter().any(|w| text.contains(w))
        || text.lines().any(|l| l.trim_start().starts_with("->  "))
}

/// PostgreSQL's forms, frames and logs are a room of their own.
fn postgres_text(text: &str) -> Result<Found> {
    Ok(Found { plan: postgres::read(text)?, form: "PostgreSQL", count: 1 })
}

/// The first line at or after byte `from` (which is in line `line`) at which a plan begins.
fn start(text: &str, from: usize, line: usize) -> Option<Start> {
    let mut at = from;
    for (i, l) in text[from..].split_inclusive('\n').enumerate() {
        let found = |kind, bare: &str| Some(Start { at: at + (bare.as_ptr() as usize - l.as_ptr() as usize), line: line + i, kind });
        let trimmed = l.trim_start();
        if trimmed.starts_with("|--") || trimmed.starts_with("`--") {
            return found(Kind::Drawn, l);
        }
        if sqlite_text::is_row(l) {
            return found(Kind::Rows, l);
        }
        let bare = peel(l);
        // One blank behind the arrow is MySQL's, two are PostgreSQL's.
        if bare.trim_start().starts_with("-> ") && !bare.trim_start().starts_with("->  ") {
            return found(Kind::Tree, bare);
        }
        let inside = bare.trim_start();
        if let Some(rest) = inside.strip_prefix(['{', '['])
            && matches!(rest.trim_start().chars().next(), None | Some('"' | '{' | '}' | ']' | '+' | '|'))
        {
            return found(Kind::Json, inside);
        }
        at += l.len();
    }
    None
}

/// A line without what a client puts before a value: `| `, `EXPLAIN: `.
fn peel(line: &str) -> &str {
    let bare = line.strip_prefix("| ").or_else(|| line.strip_prefix("│ ")).unwrap_or(line);
    match bare.trim_start().split_once(": ") {
        Some((name, value))
            if !name.is_empty() && name.len() <= 24 && name.chars().all(|c| c.is_ascii_uppercase() || c == ' ' || c == '_') =>
        {
            value
        }
        _ => bare,
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('t')) => out.push('\t'),
            ('\\', Some('\\')) => out.push('\\'),
            ('\\', Some(other)) => {
                out.push('\\');
                out.push(other);
            }
            (c, _) => out.push(c),
        }
    }
    out
}

/// psql ends the lines of a wrapped cell with blanks and a `+`.
fn without_continuation(text: &str) -> Option<String> {
    let first = text.lines().next()?.trim_end();
    first.ends_with('+').then(|| {
        text.lines()
            .map(|l| {
                let l = l.trim_end().trim_end_matches('|').trim_end();
                l.strip_suffix('+').unwrap_or(l).trim_end()
            })
            .collect::<Vec<_>>()
            .join("\n")
    })
}

fn json(text: &str, s: &Start, family: Option<Family>) -> Result<Found> {
    let continued = without_continuation(&text[s.at..]);
    let rest = continued.as_deref().unwrap_or(&text[s.at..]);
    let mended = if rest.contains("\"query_block\"") { blocks::literals::mended(rest) } else { None };
    let rest = mended.as_deref().unwrap_or(rest);
    let (length, depth) = deep::measure(rest).map_err(|_| {
        let last = s.line + rest.trim_end().lines().count().saturating_sub(1);
        Error::usage(format!("the JSON that begins in line {} is still open in line {last}, where the text ends", s.line))
            .hint("The plan was cut off: copy all of it.")
    })?;
    if depth > 3 * deep::DEEPEST {
        return Err(deep::too_deep(Some(s.line)));
    }
    let raw = &rest[..length];
    let shape = shape(raw).map_err(|e| placed(e, s.line))?;
    let (form, plan) = match (shape, family) {
        // The whole text: a log tells the statement beside the plan, and how long it took.
        (Shape::Postgres, None | Some(Family::Postgres)) => ("PostgreSQL JSON", postgres::read(text)),
        (Shape::Paths, None | Some(Family::MySql)) => ("MySQL JSON, version 2", paths::parse_json(raw, "", false)),
        (Shape::Blocks { maria, analyzed }, None | Some(Family::MySql | Family::MariaDb)) => {
            match if family.is_none() { maria } else { family == Some(Family::MariaDb) } {
                true => ("MariaDB JSON", blocks::parse(raw, "MariaDB", "", analyzed)),
                false => ("MySQL JSON, version 1", blocks::parse(raw, "MySQL", "", analyzed)),
            }
        }
        (Shape::Other, None) => {
            return Err(Error::usage(format!("the JSON that begins in line {} is no plan of a known engine", s.line))
                .hint("A plan has a `Plan` (PostgreSQL), a `query_block` (MySQL, MariaDB), or a `query_plan` or `operation` (MySQL)."));
        }
        _ => return Err(unknown(text, family)),
    };
    let mut count = 1;
    let mut from = length;
    let mut line = s.line + raw.matches('\n').count();
    while let Some(next) = start(rest, from, line).filter(|n| n.kind == Kind::Json) {
        let Ok((length, _)) = deep::measure(&rest[next.at..]) else { break };
        count += 1;
        line = next.line + rest[next.at..next.at + length].matches('\n').count();
        from = next.at + length;
    }
    Ok(Found { plan: plan?, form, count })
}

/// An error of a part of the text, with lines as the whole text counts them.
fn placed(mut e: Error, first: usize) -> Error {
    if let Some((number, rest)) = e.message.strip_prefix("line ").and_then(|m| m.split_once(':'))
        && let Ok(n) = number.parse::<usize>()
    {
        e.message = format!("line {}:{rest}", n + first - 1);
    }
    e
}

enum Shape {
    Postgres,
    Blocks { maria: bool, analyzed: bool },
    Paths,
    Other,
}

/// The keys that tell whose plan it is. Everything else is only passed over: the reader of its form will read it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Top {
    #[serde(rename = "Plan")]
    plan: Option<IgnoredAny>,
    query_plan: Option<IgnoredAny>,
    operation: Option<IgnoredAny>,
    query_block: Option<Block>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Block {
    message: Option<IgnoredAny>,
}

fn shape(raw: &str) -> Result<Shape> {
    let read = match raw.starts_with('[') {
        true => serde_json::from_str::<Vec<Top>>(raw).map(|list| list.into_iter().next().unwrap_or_default()),
        false => serde_json::from_str(raw),
    };
    let top = match read {
        Ok(top) => top,
        // JSON, but with other things where a plan has its keys.
        Err(e) if e.is_data() => return Ok(Shape::Other),
        Err(e) => return Err(deep::unreadable(&e)),
    };
    if top.plan.is_some() {
        return Ok(Shape::Postgres);
    }
    if top.query_plan.is_some() || top.operation.is_some() {
        return Ok(Shape::Paths);
    }
    let Some(block) = top.query_block else { return Ok(Shape::Other) };
    // MySQL's keys that MariaDB does not have, and the other way round.
    let analyzed = ["\"r_loops\"", "\"r_total_time_ms\"", "\"r_rows\""].iter().any(|k| raw.contains(k));
    let mysql =
        ["\"cost_info\"", "\"rows_examined_per_scan\"", "\"used_columns\""].iter().any(|k| raw.contains(k)) || block.message.is_some();
    Ok(Shape::Blocks { maria: analyzed || !mysql, analyzed })
}

/// Lines that a client draws round or below a plan.
fn is_frame(line: &str) -> bool {
    let t = line.trim();
    t.is_empty()
        || t == "|"
        || t == "EXPLAIN"
        || t.starts_with("+-")
        || t.starts_with("***")
        || (t.starts_with(|c: char| c.is_ascii_digit()) && (t.contains(" row in set") || t.contains(" rows in set")))
}

/// Whether no node stands further right than the first, although one of them reads from another.
fn blanks_are_lost(body: &str) -> bool {
    let reads = [
        "-> Limit",
        "-> Sort",
        "-> Filter",
        "-> Aggregate",
        "-> Group aggregate",
        "-> Nested loop",
        "-> Inner hash join",
        "-> Materialize",
    ];
    let nodes = || body.lines().filter(|l| l.trim_start().starts_with("-> "));
    nodes().all(|l| l.starts_with("-> ")) && nodes().any(|l| reads.iter().any(|r| l.starts_with(r)))
}

fn tree(text: &str, s: &Start) -> Result<Found> {
    let body = &text[s.at..];
    let mut lines: Vec<(usize, &str)> = Vec::new();
    let (mut count, mut ended) = (1, false);
    for (i, line) in body.lines().enumerate() {
        let framed = i > 0 && is_frame(line);
        let bare = if i == 0 { line } else { peel(line) };
        let arrow = bare.starts_with("-> ");
        if i > 0 && arrow && (ended || bare.len() != line.len()) && !bare.starts_with("-> Select #") {
            count += 1;
            ended = true;
        }
        ended |= framed && !line.trim().is_empty();
        if !ended {
            lines.push((s.line + i, line.strip_suffix(" |").unwrap_or(line)));
        }
    }
    // A second plan right below the first one.
    if let Some(second) = lines.iter().skip(1).position(|(_, l)| l.starts_with("-> ") && !l.starts_with("-> Select #")) {
        count += lines.iter().skip(1).filter(|(_, l)| l.starts_with("-> ") && !l.starts_with("-> Select #")).count();
        lines.truncate(second + 1);
    }
    if count > 1 && blanks_are_lost(body) {
        return Err(Error::usage("the blanks at the beginning of the plan's lines are lost, and with them which node belongs to which")
            .hint("Copy the plan with its blanks, or use EXPLAIN FORMAT=JSON, which does not need them."));
    }
    let raw: String = lines.iter().flat_map(|(_, l)| [l, "\n"]).collect();
    Ok(Found { plan: paths::read_lines(&lines, &raw, "")?, form: "MySQL TREE", count })
}

#[cfg(test)]
mod tests;
