//! The nodes as a flow of rows: how many each one got, passed on and lost; the widths are logarithms, because rows fall by powers of ten.

use super::tree::{name_style, prefix};
use crate::app::layout::Area;
use crate::app::panes::plan::PlanPane;
use crate::app::panes::plan::words::{count, label, rough};
use crate::app::{Pane, State};
use crate::model::plan::{Plan, PlanNode, Role};
use crate::ui::canvas::Canvas;

/// Rows, and how far off they may be.
type Rows = (f64, f64);

/// Rows that a node got and passed on; nothing where that is not known.
fn through(pane: &PlanPane, at: usize, n: &PlanNode) -> (Option<Rows>, Option<Rows>) {
    let rows = |n: &PlanNode| -> Option<Rows> {
        match n.rows_total {
            _ if n.never_executed => None,
            Some(total) => Some((total, n.rows_err.unwrap_or(0.0))),
            None => n.rows.or(n.est_rows).map(|r| (r, 0.0)),
        }
    };
    // How many of the rows that were looked at a test let pass is not counted.
    if n.visited {
        return (rows(n), None);
    }
    let out = rows(n);
    let children: Vec<&PlanNode> = pane.outline.children(at).filter_map(|c| pane.node(c)).collect();
    if children.iter().any(|c| c.visited) {
        return (None, out);
    }
    // What is only expected of a loop's inner side is for one round.
    let rounds = children.first().and_then(|c| rows(c)).map_or(1.0, |(r, _)| r);
    let expected = |c: &PlanNode| c.rows_total.is_none() && c.rows.is_none();
    let of = |c: &PlanNode| match rows(c) {
        Some((r, err)) if c.role == Role::Inner && n.op.contains("nested loop") && expected(c) => Some((r * rounds, err)),
        other => other,
    };
    let below: Vec<Rows> = children.iter().filter_map(|c| of(c)).collect();
    // How many a scan reads to find what is expected of it, nobody has counted.
    if below.is_empty() && expected(n) && n.conditions.iter().any(|(k, _)| k.to_lowercase().contains("filter")) {
        return (None, out);
    }
    // What was removed is rounded like what stayed.
    let own = out.map(|(o, err)| n.removed.total().map_or((o, err), |r| (o + r, if r > 0.0 { 2.0 * err } else { err })));
    let got = if below.is_empty() { own } else { below.into_iter().reduce(|a, b| (a.0 + b.0, a.1 + b.1)) };
    (got, out)
}

/// Rows that a node kept from those above it. Of a join's two sides nothing vanishes by being paired.
fn vanished(n: &PlanNode, got: Option<Rows>, out: Option<Rows>) -> Option<Rows> {
    let removed = n.removed.total().filter(|r| *r > 0.0).map(|r| (r, n.rows_err.unwrap_or(0.0)));
    let join = n.op.contains("join") || n.op.contains("nested loop");
    let between = || got.zip(out).filter(|_| !join).map(|(g, o)| (g.0 - o.0, g.1 + o.1));
    // No more than the rounding of what came and what went: nothing is known to have vanished.
    removed.or_else(between).filter(|(l, err)| *l >= 0.5 && l > err)
}

/// Draws the names of the columns and the lines.
pub fn draw(state: &State, plan: &Plan, head: Area, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let pane = &state.plan;
    let focused = state.view.focus == Pane::Plan;
    let end = area.x + area.w;
    let bar_w = (area.w / 3).clamp(10, 60);
    let figures = [("rows in", 9u16), ("out", 9), ("vanished", 9)];
    let mut x = area.x + 1;
    for (name, w) in figures {
        if head.h > 0 {
            c.put_right(x + w, head.y, w, name, look.dim);
        }
        x += w + 1;
    }
    let node_x = x;
    if head.h > 0 {
        let mut parallel = false;
        plan.root.walk(0, &mut |_, n| parallel |= n.parallel && n.rows_total.is_some());
        let what = match (plan.analyzed, parallel) {
            (true, true) => "rows of all processes",
            (true, false) => "rows",
            (false, _) => "expected rows",
        };
        // Where there is little room, the words that matter more.
        let scale = format!("{what}, log scale");
        c.put_right(end, head.y, bar_w, if scale.len() > usize::from(bar_w) { what } else { &scale }, look.dim);
    }
    let most = rows_most(plan);
    let scale = |v: f64| (1.0 + v.max(0.0)).ln() / (1.0 + most).ln().max(f64::MIN_POSITIVE);
    let room = end.saturating_sub(node_x + bar_w + 1);
    for (row, at) in pane.outline.visible.iter().copied().enumerate().skip(pane.list.top).take(usize::from(area.h)) {
        let y = area.y + (row - pane.list.top) as u16;
        let Some(n) = pane.node(at) else { continue };
        if row == pane.list.at {
            c.cursor(area.x, y, focused);
        }
        let (got, out) = through(pane, at, n);
        let lost = vanished(n, got, out);
        let mut x = area.x + 1;
        for ((_, w), (v, style)) in figures.iter().zip([(got, look.text), (out, look.text), (lost, look.warning)]) {
            let words = match v {
                Some((v, err)) => format!("{}{}", rough(err), count(v)),
                None if n.never_executed => "-".into(),
                None => String::new(),
            };
            c.put_right(x + w, y, *w, &words, style);
            x += w + 1;
        }
        let at_x = c.put(node_x, y, room, &prefix(&pane.outline, at, room, c), look.dim);
        c.put(at_x, y, (node_x + room).saturating_sub(at_x), &label(n), name_style(state, row, at, n, c));
        let Some(out) = out.or_else(|| got.map(|_| (0.0, 0.0))).map(|(o, _)| o) else { continue };
        // What was passed on is solid, what vanished is a shadow behind it.
        let solid = (scale(out) * f64::from(bar_w)).round() as usize;
        let whole = got.map_or(solid, |(g, _)| (scale(g.max(out)) * f64::from(bar_w)).round() as usize);
        let (full, shadow) = if look.glyphs.ascii { ("#", ".") } else { ("█", "░") };
        let bar_x = end - bar_w;
        let at = c.put(bar_x, y, bar_w, &full.repeat(solid.min(usize::from(bar_w))), look.info);
        c.put(at, y, end.saturating_sub(at), &shadow.repeat(whole.saturating_sub(solid)), look.warning);
    }
}

fn rows_most(plan: &Plan) -> f64 {
    let mut most = 1.0f64;
    plan.root.walk(0, &mut |_, n| {
        let rows = n.rows_total.or(n.rows).or(n.est_rows).unwrap_or(0.0) + n.removed.total().unwrap_or(0.0);
        most = most.max(rows);
    });
    most
}
