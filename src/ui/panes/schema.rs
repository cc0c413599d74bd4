//! Drawing the schema tree.

use crate::app::keys::key_of;
use crate::app::layout::Area;
use crate::app::link::Link;
use crate::app::panes::backups::age_words;
use crate::app::panes::plan::words::count;
use crate::app::panes::schema::{Loaded, Node};
use crate::app::{Action, Pane, State};
use crate::model::{Error, NodeKind};
use crate::text;
use crate::ui::canvas::Canvas;

/// Draws the pane.
pub fn draw(state: &State, area: Area, inside: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let focused = state.view.focus == Pane::Schema;
    let schema = &state.schema;
    // Fresh lists need no word; the age of older ones is told, because the server's schema may have moved on.
    let age = schema.age_from().map(|at| state.now.as_second() - at.as_second()).filter(|s| *s >= 60);
    let remark = match age {
        _ if schema.loading && schema.nodes.is_empty() => "reading …".to_string(),
        Some(seconds) => format!("read {}", age_words(seconds)),
        None => String::new(),
    };
    c.title(area, "Schema", &remark, focused);
    let mut body = inside;
    if schema.filter.is_some() {
        let (line, rest) = body.split_top(1);
        let x = c.put(line.x + 1, line.y, line.w, "/", look.key);
        let x = c.put_outside(x, line.y, line.w.saturating_sub(2), schema.pattern(), look.text);
        if schema.filtering && focused {
            c.put(x, line.y, 1, " ", look.chosen);
        }
        body = rest;
    }
    if schema.sizes && matches!(state.link, Link::Open(_)) {
        let (line, rest) = body.split_top(1);
        let mut end = line.x + line.w;
        for (heading, width) in figure_columns(body.w) {
            c.put_right(end, line.y, *width, heading, look.dim);
            end -= width + 1;
        }
        body = rest;
    }
    if let Link::Failed { error, .. } = &state.link {
        return unreachable_target(state, error, body, c);
    }
    if let Some(e) = &schema.error {
        c.put(body.x + 1, body.y, body.w.saturating_sub(1), &text::clean(&e.message), look.critical);
        for (i, h) in e.hints.iter().enumerate() {
            c.put(body.x + 1, body.y + 1 + i as u16, body.w.saturating_sub(1), &text::clean(h), look.dim);
        }
        return;
    }
    if schema.visible.is_empty() && !schema.loading && state.link.server().is_some() {
        let words = if schema.pattern().is_empty() { "no objects" } else { "nothing matches" };
        c.put(body.x + 1, body.y, body.w.saturating_sub(1), words, look.dim);
    }
    for (row, index) in schema.visible.iter().skip(schema.list.top).take(usize::from(body.h)).enumerate() {
        let y = body.y + row as u16;
        let n = &schema.nodes[*index];
        let chosen = schema.list.top + row == schema.list.at;
        if chosen {
            c.cursor(body.x, y, focused);
        }
        tree_line(state, n, Area { y, h: 1, ..body }, (chosen, focused), c);
    }
}

/// Why the target could not be reached, and the keys that lead on.
fn unreachable_target(state: &State, error: &Error, body: Area, c: &mut Canvas<'_>) {
    let mut said = vec![(text::clean(&error.message).into_owned(), c.look.critical)];
    said.extend(error.detail.iter().flat_map(|d| text::clean_lines(d).lines().map(|l| (l.to_string(), c.look.text)).collect::<Vec<_>>()));
    said.extend(error.hints.iter().map(|h| (text::clean(h).into_owned(), c.look.text)));
    for (action, does) in [(Action::Reconnect, "tries again"), (Action::GoStart, "shows the other targets")] {
        if let Some(keys) = key_of(state, action) {
            said.push((format!("{keys} {does}."), c.look.dim));
        }
    }
    super::results::wrapped(c, body, &said);
}

/// One line of the tree; `marked` is whether the cursor stands on it, and whether the keys go to the pane.
fn tree_line(state: &State, n: &Node, line: Area, marked: (bool, bool), c: &mut Canvas<'_>) {
    let (look, schema, y, end) = (c.look, &state.schema, line.y, line.x + line.w);
    let (chosen, focused) = marked;
    let mut x = line.x + 1 + (n.depth.min(12) * 2) as u16;
    let fold = match (n.node.expandable, n.open) {
        (false, _) => " ",
        (true, true) => look.glyphs.open,
        (true, false) => look.glyphs.closed,
    };
    x = c.put(x, y, end.saturating_sub(x), fold, look.dim) + 1;
    // Estimates on the right, marked as such; never counted.
    let mut right = end;
    if schema.sizes && matches!(n.node.kind, NodeKind::Table | NodeKind::MaterializedView) {
        right = figures(n, line, c);
    } else if matches!(n.node.kind, NodeKind::Table | NodeKind::View | NodeKind::MaterializedView | NodeKind::Index | NodeKind::Schema) {
        let mut words = Vec::new();
        if let Some(r) = n.node.rows {
            words.push(format!("~{}", count(r as f64)));
        }
        if let Some(b) = n.node.bytes {
            words.push(format!("{:>7}", text::bytes(b)));
        }
        if !words.is_empty() {
            right = c.put_right(end, y, line.w / 2, &words.join(" "), look.dim).saturating_sub(1);
        }
    }
    let style = match (chosen, focused, n.node.kind) {
        (true, true, _) => look.chosen,
        (true, false, _) => look.chosen_away,
        (_, _, NodeKind::Group | NodeKind::Schema) => look.header,
        _ => look.text,
    };
    x = c.put_outside(x, y, right.saturating_sub(x), &n.node.name, style) + 1;
    let tail = tail_of(n, look.glyphs.dot);
    if !tail.is_empty() && x < right {
        c.put_outside(x, y, right - x, &tail.join(" "), look.dim);
    }
}

/// Writes the figures of a table from the right edge leftwards, and returns where they begin.
fn figures(n: &Node, line: Area, c: &mut Canvas<'_>) -> u16 {
    let mut right = line.x + line.w;
    for (i, (_, width)) in figure_columns(line.w).iter().enumerate() {
        let figure = n.usage.as_deref().map_or_else(String::new, |u| match i {
            0 => about(u.rows.or(n.node.rows)),
            1 => u
                .bytes
                .map(|b| b + u.index_bytes.unwrap_or(0))
                .or(n.node.bytes)
                .map_or_else(String::new, |b| format!("~{}", text::bytes(b))),
            2 => u.reads.map_or_else(String::new, |n| count(n as f64)),
            3 => u.writes.map_or_else(String::new, |n| count(n as f64)),
            _ => match (u.reads, u.index_reads) {
                (Some(all), Some(by)) if all > 0 => format!("{} %", by.min(all) * 100 / all),
                _ => String::new(),
            },
        });
        c.put_right(right, line.y, *width, &figure, c.look.dim);
        right = right.saturating_sub(width + 1);
    }
    right
}

/// What is said of a node behind its name.
fn tail_of(n: &Node, dot: &str) -> Vec<String> {
    let mut tail = Vec::new();
    match n.node.kind {
        NodeKind::View => tail.push("view".to_string()),
        NodeKind::MaterializedView => tail.push("materialised".into()),
        _ => {}
    }
    if !n.node.detail.is_empty() {
        tail.push(n.node.detail.clone());
    }
    tail.extend(n.node.marks.iter().cloned());
    if !n.node.comment.is_empty() {
        // A comment may have many lines; the rest is in the node's detail.
        let first = n.node.comment.lines().next().unwrap_or_default();
        tail.push(format!("{dot} {first}"));
    }
    match &n.loaded {
        Loaded::Loading => tail.push("…".into()),
        Loaded::Failed(e) => tail.push(e.clone()),
        Loaded::No | Loaded::Yes => {}
    }
    tail
}

/// Headings and widths of the figures, from the right edge leftwards; a narrow pane has the first ones alone.
fn figure_columns(width: u16) -> &'static [(&'static str, u16)] {
    const ALL: [(&str, u16); 5] = [("rows", 8), ("size", 9), ("reads", 7), ("writes", 7), ("by index", 8)];
    match width {
        ..=39 => &ALL[..2],
        40..=59 => &ALL[..4],
        _ => &ALL,
    }
}

/// An estimate, marked as one.
fn about(n: Option<u64>) -> String {
    n.map_or_else(String::new, |n| format!("~{}", count(n as f64)))
}
