//! Lines that a terminal, a mail or a page broke are one again. What begins a line of its own stands where the server puts it, deeper
//! than the arrow of its node; what stands elsewhere goes on with the line before it.

use super::{Line, begins, has_figures, is_arrow, is_label, is_node, is_root, names, properties};
use std::borrow::Cow;

/// Keys of more than one word, which may be broken between their words.
const KEYS: [&str; 49] = [
    "Index Cond",
    "Recheck Cond",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "TID Cond",
    "One-Time Filter",
    "Order By",
    "Sort Key",
    "Presorted Key",
    "Group Key",
    "Hash Key",
    "Cache Key",
    "Cache Mode",
    "Sort Method",
    "Full-sort Groups",
    "Pre-sorted Groups",
    "Planned Partitions",
    "Heap Blocks",
    "Heap Fetches",
    "Rows Removed by Filter",
    "Rows Removed by Join Filter",
    "Rows Removed by Index Recheck",
    "Rows Removed by Conflict Filter",
    "Workers Planned",
    "Workers Launched",
    "Single Copy",
    "Params Evaluated",
    "Inner Unique",
    "Function Call",
    "Table Function Call",
    "Repeatable Seed",
    "Run Condition",
    "I/O Timings",
    "Subplans Removed",
    "Index Searches",
    "Tuples Inserted",
    "Conflicting Tuples",
    "Conflict Resolution",
    "Conflict Arbiter Indexes",
    "Conflict Filter",
    "Remote SQL",
    "Planning Time",
    "Execution Time",
    "Planning time",
    "Execution time",
    "Total runtime",
    "Query Identifier",
    "Async Capable",
];
/// Keys of one word, which may be broken within it.
const PLAIN: [&str; 22] = [
    "Output",
    "Filter",
    "Buffers",
    "WAL",
    "Buckets",
    "Batches",
    "Hits",
    "Storage",
    "Memory",
    "Planning",
    "JIT",
    "Functions",
    "Options",
    "Timing",
    "Settings",
    "Serialization",
    "Window",
    "Disabled",
    "Tuples",
    "Command",
    "Relations",
    "Sampling",
];
/// Keys that stand behind others in one line, and never begin one; with the keys that they stand behind, none for any.
const BEHIND: [(&str, &[&str]); 14] = [
    ("Sort Method", &["Full-sort Groups", "Pre-sorted Groups"]),
    ("Memory Usage", &[]),
    ("Disk Usage", &[]),
    ("Misses", &[]),
    ("Evictions", &[]),
    ("Overflows", &[]),
    ("Maximum Storage", &[]),
    ("Average Memory", &[]),
    ("Peak Memory", &[]),
    ("Average Disk", &[]),
    ("Peak Disk", &[]),
    ("Memory", &["Sort Method", "Full-sort Groups", "Pre-sorted Groups"]),
    ("Disk", &["Sort Method", "Full-sort Groups", "Pre-sorted Groups"]),
    ("Batches", &["Buckets", "Planned Partitions"]),
];

/// Whether a text is the beginning of something whose rest stands on the next line; then whether a blank was lost between them.
fn begun(text: &str, next: &str) -> Option<bool> {
    let short = text.trim_end();
    if short.is_empty() || short.contains(':') || short.len() > 40 {
        return None;
    }
    let (joined, spaced) = (format!("{text}{next}"), format!("{short} {next}"));
    let whole = |t: &str, k: &str| t.strip_prefix(k).is_some_and(|r| r.starts_with(':'));
    let worker = |t: &str| {
        t.strip_prefix("Worker ").is_some_and(|r| {
            let rest = r.trim_start_matches(|c: char| c.is_ascii_digit());
            rest.len() < r.len() && rest.starts_with(':')
        })
    };
    let named = |t: &str| {
        KEYS.iter().chain(&PLAIN).any(|k| k.starts_with(short) && whole(t, k))
            || worker(t)
            || t.starts_with("Trigger ") && "Trigger ".starts_with(short)
            || ["SubPlan", "InitPlan"].iter().any(|l| l.starts_with(short) && t.starts_with(l) && is_label(t.trim_end()))
    };
    if named(&joined) {
        return Some(false);
    }
    // The rest may be broken once more, between words.
    let more = || KEYS.iter().any(|k| k.strip_prefix(spaced.trim_end()).is_some_and(|left| left.starts_with(' ')));
    (named(&spaced) || more()).then_some(true)
}

/// Whether `Memory` stands at a line's end whose `Usage:` comes now.
fn behind_begun(last: &str, text: &str) -> bool {
    let last = last.trim_end();
    BEHIND.iter().filter_map(|(k, after)| Some((k.split_once(' ')?, after))).any(|((a, b), after)| {
        last.strip_suffix(a).is_some_and(|l| l.ends_with(' '))
            && text.strip_prefix(b).is_some_and(|t| t.starts_with(':'))
            && (after.is_empty() || properties::key(last).is_some_and(|k| after.contains(&k)))
    })
}

/// Whether a key stands behind those of the line before.
fn stands_behind(last: &str, key: &str) -> bool {
    BEHIND.iter().find(|(k, _)| *k == key).is_some_and(|(_, after)| {
        let wanted = |k: &str| after.contains(&k) || k.starts_with("Worker ") && after.iter().any(|a| last.contains(a));
        after.is_empty() || properties::key(last).is_some_and(wanted)
    })
}

/// Where the node stands whose lines come, for judging whether a line is one of them.
struct Place {
    /// Column of the root.
    root: usize,
    /// Column beyond which the lines of the current node or section stand.
    beyond: usize,
    /// A figure was seen somewhere: a node's line without one goes on.
    figured: bool,
    /// Lines that may begin something or go on with a text.
    unsure: usize,
}

/// How lines were broken: the longest one's length in characters, and whether between words.
struct Broken {
    width: usize,
    words: bool,
}

impl Broken {
    fn of(lines: &[String], inside: &[bool]) -> Broken {
        let len = |l: &String| l.chars().count();
        let width = lines.iter().map(len).max().unwrap_or(0);
        // Broken at characters a line lacks no more than the blanks that were taken from its end.
        let short = lines.windows(2).zip(inside.iter().skip(1)).any(|(w, inside)| {
            let next = w[1].trim_start();
            !inside && !next.is_empty() && !begins(next) && !w[0].trim().is_empty() && len(&w[0]) + 3 < width
        });
        Broken { width, words: short }
    }

    /// Whether this line may have been broken before that word: there was no room for it.
    fn full(&self, line: &str, next: &str) -> bool {
        let word = next.split(' ').next().unwrap_or_default().chars().count();
        line.trim_end().chars().count() + 1 + word >= self.width
    }

    /// Whether a blank stood where this line was broken.
    fn lost_blank(&self, line: &str) -> bool {
        !line.ends_with(' ') && (self.words || line.chars().count() < self.width)
    }
}

/// Which lines begin within a constant that a line before them opened and one of them closes: whatever they look like, they are its text.
fn in_constants(lines: &[String]) -> Vec<bool> {
    let mut inside = vec![false; lines.len()];
    let mut i = 0;
    while i < lines.len() {
        if properties::key(lines[i].trim_start()).is_some() && open_after(&lines[i], None) == Some('\'') {
            let mut open = Some('\'');
            let end = (i + 1..lines.len()).find(|n| {
                open = open_after(&lines[*n], open);
                open.is_none()
            });
            if let Some(end) = end {
                inside[i + 1..=end].fill(true);
                i = end;
            }
        }
        i += 1;
    }
    inside
}

/// The quote that is open behind a line, when `open` was before it.
fn open_after(line: &str, mut open: Option<char>) -> Option<char> {
    for c in line.chars().filter(|c| matches!(c, '\'' | '"')) {
        match open {
            None => open = Some(c),
            Some(o) if o == c => open = None,
            Some(_) => {}
        }
    }
    open
}

/// Joins what was broken, and tells how many lines could be a beginning or a continuation. Leading blanks of a continuation are part of
/// the text where characters were counted.
pub(super) fn join(lines: &[String]) -> (Vec<Line<'static>>, usize) {
    let marked = wrapped_by_psql(lines);
    let lines = &lines[first_line(lines)..];
    let inside = in_constants(lines);
    let how = Broken::of(lines, &inside);
    let figured = lines.iter().any(|l| has_figures(l));
    let mut place = Place { root: 0, beyond: 0, figured, unsure: 0 };
    let mut out: Vec<Line<'static>> = Vec::new();
    let mut before = "";
    let mut carried = 0;
    for (i, raw) in lines.iter().enumerate() {
        let text = raw.trim_start();
        if inside[i]
            && !how.full(before, text)
            && let Some(last) = out.last_mut()
        {
            // The constant has lines of its own.
            let whole = last.text.to_mut();
            whole.push('\n');
            whole.push_str(raw);
            before = raw;
            continue;
        }
        if text.trim_end().is_empty() {
            // The blanks in front filled the width: the line itself comes next.
            carried = if raw.chars().count() == how.width { raw.len() } else { 0 };
            continue;
        }
        let column = raw.len() - text.len() + std::mem::take(&mut carried);
        let next = lines.get(i + 1).map_or("", |l| l.trim_start());
        // The first line is the root, however it begins.
        let Some(last) = out.last_mut() else {
            place = Place { root: column, beyond: column, ..place };
            out.push(Line { column, text: text.to_string().into() });
            before = raw;
            continue;
        };
        let here = if inside[i] {
            false
        } else if marked {
            begins(text)
        } else {
            place.begins(last, column, text, next, how.full(before, text))
        };
        if here {
            place.step(column, text);
            out.push(Line { column, text: text.to_string().into() });
        } else if marked {
            let whole = last.text.to_mut();
            whole.truncate(whole.trim_end().len());
            whole.pop();
            whole.push_str(text.strip_prefix(['.', '…']).unwrap_or(text));
        } else {
            let word = ["rows=", "loops=", "width=", "(actual", "(cost", "(never", "time="].iter().any(|w| text.starts_with(w));
            let part = properties::key(text).is_some_and(|k| BEHIND.iter().any(|(b, _)| *b == k));
            let key = begun(&last.text, text);
            if part && key.is_none() {
                let whole = last.text.to_mut();
                whole.truncate(whole.trim_end().len());
                whole.push_str("  ");
                whole.push_str(text);
            } else {
                let blank = key.unwrap_or_else(|| word || how.lost_blank(before));
                if blank && !last.text.ends_with([' ', '(']) {
                    last.text.to_mut().push(' ');
                }
                // Between words no blank stands in front but a client's own.
                last.text.to_mut().push_str(if how.words { text } else { raw });
            }
        }
        before = raw;
    }
    for l in &mut out {
        let end = l.text.trim_end().len();
        l.text.to_mut().truncate(end);
    }
    (out, place.unsure)
}

/// The lines of a plan that nobody broke, framed or put anything before, where that is beyond doubt: the root first, each node with its
/// figures, everything else with its key where such a line stands, and every quote closed. Most plans are so, and looking for what might
/// have been done to them costs more than reading them.
pub(super) fn untouched(text: &str) -> Option<Vec<Line<'_>>> {
    if memchr::memchr2(b'\t', b'\r', text.as_bytes()).is_some() {
        return None;
    }
    let lines = within_psql(text.trim_end())?;
    let mut out: Vec<Line<'_>> = Vec::with_capacity(lines.len());
    let root = lines.first()?.len() - lines.first()?.trim_start().len();
    let mut place = Place { root, beyond: root, figured: true, unsure: 0 };
    for line in lines {
        let text = line.trim_start();
        let column = line.len() - text.len();
        let here = if text.ends_with(')') && has_figures(text) {
            if out.is_empty() { is_root(text) } else { text.starts_with("->  ") && column > root }
        } else if let Some(key) = properties::key(text) {
            let top = super::TOP.contains(&key) || key.starts_with("Trigger ");
            let alone = |last: &Line<'_>| column > place.beyond && !stands_behind(&last.text, key) && !behind_begun(&last.text, text);
            out.last().is_some_and(|last| top || alone(last))
        } else {
            is_label(text) && column > root || names::is_target(text) && column > place.beyond
        };
        if !here || open_after(text, None).is_some() {
            return None;
        }
        place.step(column, text);
        out.push(Line { column, text: Cow::Borrowed(text.trim_end()) });
    }
    Some(out)
}

/// The lines of a text, without psql's heading and number of rows when the text has both. Where psql has broken lines the rule below its
/// heading is not as long as the longest of them.
fn within_psql(text: &str) -> Option<Vec<&str>> {
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.first().is_some_and(|l| l.trim() == "QUERY PLAN") {
        let last = lines.pop()?;
        let rule = lines.get(1)?;
        let longest = lines[2..].iter().map(|l| l.chars().count()).max()?;
        let framed = last.starts_with('(') && last.ends_with(" rows)") && rule.bytes().all(|b| b == b'-') && rule.len() == longest + 1;
        return framed.then(|| lines.split_off(2));
    }
    Some(lines)
}

impl Place {
    /// Whether a line begins something where such a thing stands; `full`: the line before has no room for its first word.
    fn begins(&mut self, last: &Line<'_>, column: usize, text: &str, next: &str, full: bool) -> bool {
        // A node's line goes on until its figures.
        let node = is_arrow(&last.text) || is_operation(last) && !names::is_target(&last.text);
        if self.figured && node && !has_figures(&last.text) && !is_arrow(text) {
            return false;
        }
        // `Rows Removed by` stands there, and this is its end.
        if begun(&last.text, text).is_some() || behind_begun(&last.text, text) {
            return false;
        }
        let placed = column > self.beyond || column <= self.root;
        if placed && (begun(text, next).is_some() || text.trim_end() == "CTE") {
            return true;
        }
        if column <= self.root && text.starts_with("Trigger ") {
            return true;
        }
        if !begins(text) {
            return false;
        }
        if is_arrow(text) || is_node(text) {
            return true;
        }
        if is_label(text) {
            return column > self.root || !full;
        }
        let Some(key) = properties::key(text) else { return column > self.beyond || !full };
        if super::TOP.contains(&key) || key.starts_with("Trigger ") {
            return true;
        }
        let behind = stands_behind(&last.text, key);
        // A text in quotes that is not at its end may go on like this.
        if !behind && column > self.beyond && full && last.text.matches('\'').count() % 2 == 1 {
            self.unsure += 1;
        }
        !behind && (column > self.beyond || !full)
    }

    /// A line began: what comes stands deeper than its arrow, or than the heading of its section.
    fn step(&mut self, column: usize, text: &str) {
        let key = properties::key(text);
        if is_arrow(text) || column <= self.root && is_root(text) {
            self.beyond = column;
        } else if key.is_some_and(|k| super::TOP.contains(&k) || k.starts_with("Trigger ")) && column <= self.beyond {
            self.beyond = self.root;
        }
    }
}

fn is_operation(line: &Line<'_>) -> bool {
    names::is_operation(line.text.trim_start()) && properties::key(&line.text).is_none()
}

/// Where the plan begins: prompts, statements and other words before it are passed over.
fn first_line(lines: &[String]) -> usize {
    let root = |l: &&String| !is_arrow(l.trim_start()) && names::is_operation(l.trim_start());
    let likely = lines.iter().position(|l| root(&l) || has_figures(l) || is_arrow(l.trim_start()));
    let sure = lines.iter().position(|l| root(&l) && has_figures(l));
    match (likely, sure) {
        // `Update orders set …` begins like a node and is the statement, unless nodes stand between.
        (Some(a), Some(b))
            if a < b && !lines[a..b].iter().any(|l| has_figures(l) || l.contains("->") || properties::key(l.trim()).is_some()) =>
        {
            b
        }
        (Some(a), _) => a,
        _ => lines.len(),
    }
}

/// psql's wrapped format marks the end of a broken line and the beginning of the next with a dot.
fn wrapped_by_psql(lines: &[String]) -> bool {
    let mut any = false;
    for w in lines.windows(2) {
        let (a, b) = (w[0].trim_end(), w[1].trim());
        if b.is_empty() || begins(b) {
            continue;
        }
        let mark = ['.', '…'].iter().any(|m| a.ends_with(*m) && b.starts_with(*m));
        // `time=7.355.` and `.9667.185`: a broken range, not a mark.
        let range = a.rsplit_once('=').is_some_and(|(_, v)| v.matches('.').count() == 2 && v.starts_with(|c: char| c.is_ascii_digit()));
        if !mark || range && b.matches('.').count() >= 2 {
            return false;
        }
        any = true;
    }
    any
}

#[cfg(test)]
mod tests;
