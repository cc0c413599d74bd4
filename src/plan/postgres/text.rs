//! The text format of `EXPLAIN`: lines into the keys that the JSON format has. What the text leaves out stays unknown.
//!
//! Lines come from `paste`, without frames. Here they are joined where a terminal or a mail broke them, and read: `names` takes the
//! line of a node apart, `properties` what stands below it.

use super::sheet::{Draft, Sheet};
use super::value::owned::{Keys, Value};
use super::value::{MAX_DEPTH, get, put, too_deep};
use super::whole;
use crate::model::{Error, Result};
use std::borrow::Cow;

mod joining;
mod names;
mod properties;

/// Keys that belong to the statement and not to a node.
const TOP: [&str; 11] = [
    "Planning",
    "Planning Time",
    "Planning time",
    "Execution Time",
    "Execution time",
    "Total runtime",
    "JIT",
    "Settings",
    "Query Identifier",
    "Serialization",
    "Total Runtime",
];

/// Where a property belongs.
enum Scope {
    Node(usize),
    /// Node, index of the worker in its list, column of the worker's line.
    Worker(usize, usize, usize),
    /// The section of a worker's own compiler, with the same figures.
    Compiler(usize, usize, usize),
    /// A section of the statement: `Planning`, `JIT`, `Serialization`.
    Section(&'static str),
    Top,
}

/// A line that may have been several.
struct Line<'a> {
    column: usize,
    text: Cow<'a, str>,
}

/// Reads lines of one plan, or the first of several.
pub(super) fn read(lines: &[String]) -> Result<Sheet<'static>> {
    let (lines, unsure) = joining::join(behind_cut(lines));
    sheet(&lines, unsure)
}

/// Reads a text that stands as the server printed it, or psql, with nothing around it that has to be looked for.
pub(super) fn bare(text: &str) -> Option<Sheet<'static>> {
    if nests_too_deep(text) {
        return None;
    }
    sheet(&joining::untouched(text)?, 0).ok()
}

fn sheet(lines: &[Line<'_>], unsure: usize) -> Result<Sheet<'static>> {
    let mut r = Reader {
        sheet: Sheet { zeros_left_out: true, ..Sheet::default() },
        open: Vec::new(),
        label: None,
        scope: Scope::Top,
        ended: false,
        strange: unsure,
        flat: false,
    };
    let begins =
        |l: &&Line<'_>| is_arrow(&l.text) || has_figures(&l.text) || names::is_operation(&l.text) && properties::key(&l.text).is_none();
    if lines.iter().find(begins).is_some_and(|l| is_arrow(&l.text)) {
        return Err(whole::headless());
    }
    let arrows = || lines.iter().filter(|l| is_arrow(&l.text));
    let first = arrows().next().map_or(0, |l| l.column);
    let one_column = arrows().count() > 1 && arrows().all(|l| l.column == first);
    // Blanks that filled the width are gone with their line.
    let root = lines.first().map_or(0, |l| l.column);
    if one_column && first == 0 || arrows().count() > 1 && lines.iter().skip(1).any(|l| is_arrow(&l.text) && l.column <= root) {
        return Err(flat());
    }
    let mut further = 0;
    for (i, line) in lines.iter().enumerate() {
        // A plan that was not run has no last line: the next root tells, unless its arrow was broken off.
        let next_root = i > 0 && line.column <= root && is_root(&line.text) && !lines[i - 1].text.ends_with("->");
        let starts_again = r.ended && is_node(&line.text) || next_root;
        if starts_again || further > 0 {
            further += usize::from(starts_again);
            r.ended &= !starts_again;
            r.ended |= is_last(&line.text);
            continue;
        }
        r.line(line)?;
    }
    if r.sheet.nodes.is_empty() {
        return Err(Error::failed("there is no plan in the text")
            .hint("Paste what EXPLAIN printed, from its first line; EXPLAIN (FORMAT JSON) keeps the most.")
            .hint("Read are PostgreSQL's text, JSON, YAML and XML, frames of psql, and lines of auto_explain."));
    }
    if r.strange > 0 {
        return Err(Error::failed(format!(
            "the plan's text is broken: {} of its lines {} figures of nodes that are broken or do not begin there",
            r.strange,
            if r.strange == 1 { "has" } else { "have" }
        ))
        .hint("Copy it line by line as EXPLAIN printed it, or use EXPLAIN (FORMAT JSON), which no client breaks."));
    }
    if r.flat || crowded(&r.sheet, one_column) {
        return Err(flat());
    }
    if let Some(place) = cut_off(&r.sheet, lines.last().map_or("", |l| &l.text)) {
        return Err(whole::cut_off(&place));
    }
    if further > 0 {
        r.sheet.remarks.push(format!("the first of {} plans in the text", further + 1));
    }
    relationships(&mut r.sheet);
    Ok(r.sheet)
}

/// The lines up to the plan's last one: whatever is said below it is no part of it, unless another plan comes.
fn behind_cut(lines: &[String]) -> &[String] {
    let whole = |l: &String| is_last(l.trim_start()) && l.trim_end().ends_with("ms");
    match lines.iter().rposition(whole) {
        Some(last) if !lines[last + 1..].iter().any(|l| is_root(l)) => &lines[..=last],
        _ => lines,
    }
}

fn flat() -> Error {
    Error::failed("the blanks at the beginning of the plan's lines are lost, and with them which node belongs to which")
        .hint("Copy the plan with its blanks, or use EXPLAIN (FORMAT JSON), which does not need them.")
}

/// Whether a node has more below it than its operation reads from: then the lines do not stand where they stood.
fn crowded(sheet: &Sheet<'static>, one_column: bool) -> bool {
    let below = whole::below(sheet);
    let most = |d: &Draft<'static>| get(&d.keys, "Node Type").and_then(|k| names::most_children(&k.words()));
    // With all arrows in one column nothing can stand below them. What the last node reads from may be cut off instead.
    let wants = |d: &Draft<'static>| most(d).is_some_and(|m| m > 0) && get(&d.keys, "Node Type").is_some_and(|k| k.words() != "Result");
    let last = sheet.nodes.len().saturating_sub(1);
    let nodes = sheet.nodes.iter().zip(below).enumerate();
    nodes.into_iter().any(|(i, (d, n))| most(d).is_some_and(|most| n > most) || one_column && n == 0 && i != last && wants(d))
}

/// Where the text ends before the plan does: in the middle of a line, at a node that has to read from others, or above a scan's pages.
fn cut_off(sheet: &Sheet<'static>, last: &str) -> Option<String> {
    if properties::key(last).is_some() && properties::open_at_end(last) {
        return Some(format!("its last line is not whole: {}", crate::text::clean(last)));
    }
    let word = |d: &Draft<'static>, key: &str| get(&d.keys, key).map(Value::words);
    if let Some(place) = whole::childless(sheet) {
        return Some(place);
    }
    // A scan that found or dropped rows has looked at a page; figures of pages stand below its line.
    let paged = |d: &Draft<'static>| d.keys.iter().any(|(k, _)| k.ends_with(" Blocks") && !k.contains("Heap"));
    let d = sheet.nodes.last()?;
    let ended = sheet.top.iter().any(|(k, _)| TOP.contains(&k.as_ref()));
    let scanned = word(d, "Node Type").is_some_and(|k| matches!(k.as_str(), "Seq Scan" | "Index Scan" | "Bitmap Heap Scan"))
        && get(&d.keys, "Actual Rows").and_then(Value::number).is_some_and(|r| r > 0.0);
    (!ended && scanned && sheet.nodes.first().is_some_and(paged) && !paged(d)).then(|| "the last node has no pages".to_string())
}

/// Blanks before the arrow of the deepest node: the server puts six for each level, and a client or a log some before them all.
const DEEPEST_ARROW: usize = 8 * MAX_DEPTH;

/// Whether an arrow stands so deep that its plan is refused. Such a text is blanks for the most part, many megabytes of them, and is not
/// worth the search for frames and broken lines.
pub(super) fn nests_too_deep(text: &str) -> bool {
    let beyond = |l: &str| l.get(..DEEPEST_ARROW).is_some_and(|front| front.bytes().all(|b| b == b' '));
    text.lines().any(|l| beyond(l) && is_arrow(l.trim_start()) && has_figures(l))
}

/// The line of a plan's first node, with its figures.
pub(super) fn is_root(line: &str) -> bool {
    let text = line.trim_start();
    names::is_operation(text) && !text.starts_with("->") && has_figures(text) && (!text.contains("(cost=") || text.contains(" rows="))
}

/// Whether a text that has no figures begins like a plan: a scan by itself, as `COSTS OFF` shows it.
pub(super) fn is_bare_scan(text: &str) -> bool {
    let Some(line) = text.lines().map(str::trim).find(|l| !l.is_empty()) else { return false };
    let scan = line.contains(" Scan on ") || line.contains(" Scan using ") || line.contains(" Scan Backward using ");
    names::is_operation(line) && (scan || matches!(line, "Result" | "ProjectSet") || line.starts_with("Values Scan on "))
}

/// The arrow of a node. `-> 'k'::text` is an operator of a condition that was broken before it.
fn is_arrow(text: &str) -> bool {
    text.strip_prefix("->").is_some_and(|rest| rest.starts_with("  ") || names::is_operation(rest.trim_start()) || has_figures(rest))
}

/// Figures of nodes in a line; those that stand in a constant of a condition are none.
fn figures(text: &str, node: bool) -> (usize, usize) {
    let (mut costs, mut actuals, mut quoted) = (0, 0, false);
    for (i, c) in text.char_indices() {
        match c {
            '\'' if !node => quoted = !quoted,
            '(' if !quoted => {
                let t = &text[i..];
                costs += usize::from(t.starts_with("(cost="));
                actuals +=
                    usize::from(t.starts_with("(actual time=") || t.starts_with("(actual rows=") || t.starts_with("(never executed)"));
            }
            _ => {}
        }
    }
    (costs, actuals)
}

fn is_last(text: &str) -> bool {
    ["Execution Time:", "Execution time:", "Total runtime:"].iter().any(|k| text.starts_with(k))
}

fn has_figures(text: &str) -> bool {
    text.contains("(cost=") || text.contains("(actual ") || text.contains("(never executed)")
}

/// The line of a node, beyond doubt: with an arrow or with figures.
fn is_node(text: &str) -> bool {
    is_arrow(text) || has_figures(text) && names::is_operation(text)
}

fn is_label(text: &str) -> bool {
    let rest = |p: &str| text.strip_prefix(p).map(str::trim);
    if let Some(r) = rest("InitPlan").or_else(|| rest("SubPlan")) {
        // `SubPlan 1))` is the end of a condition that was broken.
        let after = r.trim_start_matches(|c: char| c.is_ascii_digit());
        return r.is_empty() || after.len() < r.len() && (after.is_empty() || after.starts_with(" ("));
    }
    rest("CTE ").is_some_and(|r| !r.is_empty() && !r.starts_with("Scan ") && !r.contains("  (") && !r.contains(": "))
}

/// Whether a line begins something, rather than going on with what a client broke.
pub(super) fn begins(text: &str) -> bool {
    is_arrow(text) || is_label(text) || properties::key(text).is_some() || names::is_target(text) || is_node(text)
}

struct Reader {
    sheet: Sheet<'static>,
    /// Open nodes: column of the arrow, index.
    open: Vec<(usize, usize)>,
    /// `InitPlan 1 (returns $0)`: its column, and the node that it belongs to.
    label: Option<(usize, String)>,
    scope: Scope,
    ended: bool,
    /// Lines that hold figures of nodes and are none, or of more than one, or that cannot be read.
    strange: usize,
    /// Lines of workers do not stand below their node's.
    flat: bool,
}

impl Reader {
    fn line(&mut self, line: &Line<'_>) -> Result<()> {
        let text = line.text.as_ref();
        let node = is_arrow(text) || self.sheet.nodes.is_empty();
        let (costs, actuals) = figures(text, node);
        if let Some(node) = text.strip_prefix("->").filter(|_| is_arrow(text)) {
            self.strange += usize::from(costs > 1 || actuals > 1);
            return self.node(line.column, node.trim_start());
        }
        if self.sheet.nodes.is_empty() {
            // auto_explain tells the statement first; `paste` takes it away.
            self.strange += usize::from(costs > 1 || actuals > 1);
            return self.node(0, text);
        }
        // Figures that belong to no node would be lost without a word.
        self.strange += usize::from(costs + actuals > 0 && !text.starts_with("Worker "));
        if is_label(text) {
            self.label = Some((line.column, text.to_string()));
            return Ok(());
        }
        if let Some(key) = properties::key(text) {
            self.strange += usize::from(!properties::sound(key, text[key.len() + 1..].trim()));
            self.property(line.column, key, text[key.len() + 1..].trim());
        } else if names::is_target(text)
            && let Some(at) = self.current()
        {
            let keys = &mut self.sheet.nodes[at].keys;
            match keys.iter_mut().find(|(k, _)| k == "Target Tables") {
                Some((_, Value::List(list))) => list.push(Value::owned(text)),
                _ => keys.push(("Target Tables".into(), Value::List(vec![Value::owned(text)]))),
            }
        }
        Ok(())
    }

    fn current(&self) -> Option<usize> {
        self.sheet.nodes.len().checked_sub(1)
    }

    fn node(&mut self, column: usize, text: &str) -> Result<()> {
        let first = self.sheet.nodes.is_empty();
        // A node belongs to the nearest one whose arrow stands further left; its label, when it has one, tells the place.
        let place = self.label.as_ref().map_or(column, |(c, _)| (*c).min(column));
        while self.open.len() > 1 && self.open.last().is_some_and(|(c, _)| *c >= place) {
            self.open.pop();
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep());
        }
        let mut keys = names::node(text);
        self.strange += usize::from(names::lost(text, &keys));
        if let Some((_, label)) = self.label.take() {
            let role = if label.starts_with("SubPlan") { "SubPlan" } else { "InitPlan" };
            keys.push(("Parent Relationship".into(), Value::owned(role)));
            keys.push(("Subplan Name".into(), Value::owned(label)));
        }
        let at = self.sheet.nodes.len();
        self.sheet.nodes.push(Draft { parent: self.open.last().map(|(_, i)| *i), keys });
        // The root holds everything, wherever its line begins.
        self.open.push((if first { 0 } else { column }, at));
        self.scope = Scope::Node(at);
        Ok(())
    }

    fn property(&mut self, column: usize, key: &str, value: &str) {
        if key.starts_with("Trigger ") {
            let t = properties::trigger(key, value);
            match self.sheet.top.iter_mut().find(|(k, _)| k == "Triggers") {
                Some((_, Value::List(list))) => list.push(Value::Object(t)),
                _ => self.sheet.top.push(("Triggers".into(), Value::List(vec![Value::Object(t)]))),
            }
            self.scope = Scope::Top;
            return;
        }
        if TOP.contains(&key) {
            // A plan of another server within this one (Citus) ends with its own times.
            let is_task = |at: usize| get(&self.sheet.nodes[at].keys, "Node Type").is_some_and(|k| k.words().starts_with("Task"));
            if let Some((_, at)) = self.open.iter().skip(1).rev().find(|(c, at)| column >= *c && is_task(*at)).copied() {
                self.sheet.nodes[at].keys.push((format!("Remote {key}").into(), Value::owned(value)));
                self.scope = Scope::Node(at);
                return;
            }
            self.top(column, key, value);
            return;
        }
        if let Some(number) = key.strip_prefix("Worker ").filter(|n| n.bytes().all(|b| b.is_ascii_digit()))
            && let Scope::Node(at) | Scope::Worker(at, ..) | Scope::Compiler(at, ..) = self.scope
        {
            // Without the blanks in front its lines would be taken for the node's.
            self.flat |= self.open.len() > 1 && self.open.last().is_some_and(|(c, _)| column <= *c);
            self.worker(at, column, number, value);
            return;
        }
        if let Scope::Compiler(at, w, c) = self.scope
            && !matches!(key, "Functions" | "Options" | "Timing")
        {
            self.scope = Scope::Worker(at, w, c);
        }
        if let Scope::Worker(at, _, c) | Scope::Compiler(at, _, c) = self.scope
            && column <= c
        {
            self.scope = Scope::Node(at);
        }
        let compiled = matches!(self.scope, Scope::Section("JIT") | Scope::Compiler(..));
        let keys = match self.scope {
            Scope::Node(at) => &mut self.sheet.nodes[at].keys,
            Scope::Worker(at, w, _) | Scope::Compiler(at, w, _) => match self.sheet.nodes[at].keys.iter_mut().find(|(k, _)| k == "Workers")
            {
                Some((_, Value::List(list))) => match list.get_mut(w) {
                    Some(Value::Object(keys)) if compiled => match keys.iter_mut().find(|(k, _)| k == "JIT") {
                        Some((_, Value::Object(keys))) => keys,
                        _ => return,
                    },
                    Some(Value::Object(keys)) => keys,
                    _ => return,
                },
                _ => return,
            },
            Scope::Section(name) => match self.sheet.top.iter_mut().find(|(k, _)| k == name) {
                Some((_, Value::Object(keys))) => keys,
                _ => return,
            },
            Scope::Top => &mut self.sheet.top,
        };
        if compiled {
            properties::jit(keys, key, value);
        } else {
            properties::put_all(keys, key, value);
        }
    }

    fn top(&mut self, column: usize, key: &str, value: &str) {
        let section = match key {
            "Planning" => "Planning",
            "JIT" => "JIT",
            "Serialization" => "Serialization",
            _ => "",
        };
        // A worker's own compiler; the statement's comes at the end.
        if let (Scope::Worker(at, w, c), "JIT") = (&self.scope, section)
            && column > *c
        {
            let (at, w, c) = (*at, *w, *c);
            if let Some((_, Value::List(list))) = self.sheet.nodes[at].keys.iter_mut().find(|(k, _)| k == "Workers")
                && let Some(Value::Object(keys)) = list.get_mut(w)
            {
                keys.push(("JIT".into(), Value::Object(Keys::new())));
                self.scope = Scope::Compiler(at, w, c);
            }
            return;
        }
        if !section.is_empty() {
            let mut keys = Keys::new();
            if section == "Serialization" {
                properties::pairs(&mut keys, value, &[("time", "Time"), ("output", "Output Volume"), ("format", "Format")]);
            }
            self.sheet.top.push((section.into(), Value::Object(keys)));
            self.scope = Scope::Section(section);
            return;
        }
        let name = match key {
            "Planning time" => "Planning Time",
            "Execution time" => "Execution Time",
            "Total runtime" => "Total Runtime",
            k => k,
        };
        self.ended |= matches!(name, "Execution Time" | "Total Runtime");
        let value = match name {
            "Settings" => Value::Object(properties::settings(value)),
            "Query Identifier" => Value::owned(value),
            _ => properties::leading_number(value).unwrap_or_else(|| Value::owned(value)),
        };
        self.sheet.top.push((name.to_string().into(), value));
        self.scope = Scope::Top;
    }

    fn worker(&mut self, at: usize, column: usize, number: &str, value: &str) {
        let keys = &mut self.sheet.nodes[at].keys;
        let number = number.parse().unwrap_or(0.0);
        let mut own: Keys = vec![("Worker Number".into(), Value::Number(number, 0))];
        if value.starts_with("actual ") {
            names::actual(&mut own, value);
        } else if let Some(key) = properties::key(value) {
            properties::put_all(&mut own, key, value[key.len() + 1..].trim());
        }
        put(keys, "Workers".into(), Value::List(vec![Value::Object(own)]));
        let w = match get(keys, "Workers") {
            Some(Value::List(list)) => list
                .iter()
                .position(|w| matches!(w, Value::Object(k) if get(k, "Worker Number") == Some(&Value::Number(number, 0))))
                .unwrap_or(0),
            _ => 0,
        };
        self.scope = Scope::Worker(at, w, column);
    }
}

/// The text has no word for how a node hangs on its parent, but for subplans: the place tells.
fn relationships(sheet: &mut Sheet<'static>) {
    let kinds: Vec<String> = sheet.nodes.iter().map(|d| get(&d.keys, "Node Type").map(Value::words).unwrap_or_default()).collect();
    let mut seen = vec![0usize; kinds.len()];
    for d in &mut sheet.nodes {
        let Some(p) = d.parent else { continue };
        if get(&d.keys, "Parent Relationship").is_some() {
            continue;
        }
        let nth = seen[p];
        seen[p] += 1;
        let role = match kinds[p].as_str() {
            // A write has one for each target up to 13.
            "Append" | "Merge Append" | "BitmapAnd" | "BitmapOr" | "ModifyTable" => "Member",
            "Subquery Scan" => "Subquery",
            _ if nth == 1 => "Inner",
            _ => "Outer",
        };
        d.keys.push(("Parent Relationship".into(), Value::owned(role)));
    }
}

#[cfg(test)]
mod tests;
