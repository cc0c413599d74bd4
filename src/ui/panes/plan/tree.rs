//! The nodes as a tree with their figures on the left and their heat on the right. Looks only at the lines on the screen.

use super::bar;
use crate::app::layout::Area;
use crate::app::panes::plan::words::{about, came, count, factor, label, ms, rows};
use crate::app::panes::plan::{Heat, Outline};
use crate::app::{Pane, State};
use crate::model::Severity;
use crate::model::plan::{Plan, PlanNode};
use crate::text;
use crate::ui::canvas::Canvas;
use ratatui::style::Style;

/// Columns of figures on the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Figure {
    /// The node's own figure of the chosen measure.
    Own,
    Percent,
    /// Self time beside another measure, where there is room.
    SelfMs,
    Rows,
    Expects,
    Came,
    Loops,
}

/// Branches before a line; levels that have no room are cut off at the left.
pub(super) fn prefix(outline: &Outline, at: usize, room: u16, c: &Canvas<'_>) -> String {
    let g = &c.look.glyphs;
    let chain = outline.ancestry(at);
    let levels = chain.len().saturating_sub(1);
    let most = usize::from(room / 4).max(4);
    let skip = levels.saturating_sub(most);
    let mut out = String::new();
    if skip > 0 {
        out.push_str(if g.ascii { "<" } else { "‹" });
    }
    for (i, a) in chain.iter().enumerate().skip(1 + skip) {
        let last = outline.lines[*a].last;
        out.push_str(match (i == levels, last) {
            (true, true) => g.last,
            (true, false) => g.branch,
            (false, true) => "  ",
            (false, false) => g.pass,
        });
    }
    out
}

/// The sign of a finding before its node: its shape tells its weight, not only its colour.
pub(super) fn sign(s: Severity) -> &'static str {
    match s {
        Severity::Critical => "!!",
        Severity::Warning => " !",
        Severity::Info | Severity::Ok => " i",
        Severity::Unknown => " ?",
    }
}

/// Style of a node's name.
pub(super) fn name_style(state: &State, row: usize, at: usize, n: &PlanNode, c: &Canvas<'_>) -> Style {
    let look = c.look;
    let focused = state.view.focus == Pane::Plan;
    match (row == state.plan.list.at, focused) {
        (true, true) => look.chosen,
        (true, false) => look.chosen_away,
        _ if state.plan.search.place(at).is_some() => look.key,
        _ if n.never_executed => look.dim,
        _ => look.text,
    }
}

fn columns(state: &State, plan: &Plan, width: u16) -> Vec<(Figure, String, u16)> {
    let pane = &state.plan;
    let has = |f: fn(&PlanNode) -> bool| {
        let mut any = false;
        plan.root.walk(0, &mut |_, n| any |= f(n));
        any
    };
    let estimates = plan.root.est_rows.is_some() || has(|n| n.est_rows.is_some());
    let actuals = plan.root.rows.is_some() || has(|n| n.rows.is_some());
    let mut out = Vec::new();
    if pane.outline.has(pane.heat) {
        let (name, w) = match pane.heat {
            Heat::Time if pane.outline.timed => ("self ms", 9),
            Heat::Time => ("own cost", 10),
            Heat::Estimate => ("factor", 8),
            Heat::Pages => ("own pages", 10),
            Heat::Rows if actuals => ("rows read", 10),
            Heat::Rows => ("rows exp.", 10),
        };
        out.push((Figure::Own, name.to_string(), w));
        if matches!(pane.heat, Heat::Time | Heat::Pages) {
            out.push((Figure::Percent, "%".into(), 3));
        }
        if pane.heat != Heat::Time && pane.outline.timed && width >= 100 {
            out.push((Figure::SelfMs, "self ms".into(), 9));
        }
    }
    match (estimates, actuals) {
        (true, true) => out.push((Figure::Rows, "rows expected → came".into(), 22)),
        (true, false) => out.push((Figure::Expects, "expects rows".into(), 12)),
        (false, true) => out.push((Figure::Came, "came rows".into(), 12)),
        (false, false) => {}
    }
    if actuals && width >= 90 {
        out.push((Figure::Loops, "loops".into(), 7));
    }
    out
}

/// Draws the names of the columns and the lines.
pub fn draw(state: &State, plan: &Plan, head: Area, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let pane = &state.plan;
    let focused = state.view.focus == Pane::Plan;
    let end = area.x + area.w;
    let mut x = area.x + 1;
    let mut placed: Vec<(Figure, u16, u16)> = Vec::new();
    for (figure, name, w) in columns(state, plan, area.w) {
        let name = if look.glyphs.ascii { name.replace('→', "->") } else { name };
        if head.h > 0 {
            c.put_right(x + w, head.y, w, &name, look.dim);
        }
        placed.push((figure, x, w));
        x += w + 1;
    }
    let signs = !plan.findings.is_empty();
    let node_x = x + if signs { 3 } else { 0 };
    let hot = pane.outline.has(pane.heat);
    let bar_w: u16 = match end.saturating_sub(node_x) {
        _ if !hot => 0,
        w if w > 70 => 14,
        w if w > 40 => 10,
        _ => 0,
    };
    let room = end.saturating_sub(node_x + bar_w + u16::from(bar_w > 0));
    for (row, at) in pane.outline.visible.iter().copied().enumerate().skip(pane.list.top).take(usize::from(area.h)) {
        let y = area.y + (row - pane.list.top) as u16;
        let (Some(line), Some(n)) = (pane.outline.lines.get(at), pane.node(at)) else { continue };
        if row == pane.list.at {
            c.cursor(area.x, y, focused);
        }
        let share = line.share(pane.heat);
        for (figure, x, w) in &placed {
            let (words, style) = figure_words(*figure, n, line.own(pane.heat), share, state, c);
            c.put_right(x + w, y, *w, &words, style);
        }
        if let Some(s) = line.finding {
            c.put(x, y, 2, sign(s), look.severity(s));
        }
        let at_x = c.put(node_x, y, room, &prefix(&pane.outline, at, room, c), look.dim);
        let left = |at_x: u16| (node_x + room).saturating_sub(at_x);
        let mut at_x = c.put(at_x, y, left(at_x), &label(n), name_style(state, row, at, n, c));
        if line.folded {
            let closed = look.glyphs.closed;
            let words = format!(" {closed} {} folded", text::counted(line.below(at) as u64, "node"));
            at_x = c.put(at_x, y, left(at_x), &words, look.key);
        } else if n.never_executed {
            at_x = c.put(at_x, y, left(at_x), "  never executed", look.dim);
        }
        if let Some((_, v)) = n.conditions.first().filter(|(_, v)| !n.raw_op.contains(v.as_str())) {
            c.put(at_x + 2, y, left(at_x + 2), &text::clean(v), look.dim);
        }
        if bar_w > 0 && share > 0.005 {
            c.put(end - bar_w, y, bar_w, &bar(share, bar_w, c), look.heat(share));
        }
    }
}

fn figure_words(figure: Figure, n: &PlanNode, own: Option<f64>, share: f64, state: &State, c: &Canvas<'_>) -> (String, Style) {
    let look = c.look;
    let g = &look.glyphs;
    let wrong = n.estimate_error.is_some_and(|e| e.abs() >= 10.0);
    let warned = if wrong { look.warning } else { look.text };
    match figure {
        Figure::Own => match (state.plan.heat, own) {
            (_, None) => (String::new(), look.text),
            (Heat::Time, Some(v)) if state.plan.outline.timed => (ms(v), look.text),
            (Heat::Time, Some(v)) => (count(v), look.text),
            (Heat::Estimate, Some(e)) => (factor(e, g.ascii), warned),
            (Heat::Pages, Some(v)) => (count(v), look.text),
            (Heat::Rows, Some(v)) => (format!("{}{}", about(n), count(v)), look.text),
        },
        Figure::Percent => {
            let pct = (share * 100.0).round();
            (if own.is_some() && pct >= 1.0 { format!("{pct:.0}") } else { String::new() }, look.text)
        }
        Figure::SelfMs => (n.self_ms.map_or_else(String::new, ms), look.dim),
        Figure::Rows => (rows(n, g.arrow, g.ascii), warned),
        Figure::Expects => (n.est_rows.map_or_else(String::new, count), look.text),
        Figure::Came => (came(n).unwrap_or_else(|| if n.never_executed { "never run".into() } else { String::new() }), look.text),
        Figure::Loops => (n.loops.map_or_else(String::new, count), look.text),
    }
}
