//! The nodes as a flame, the root on top: each is as wide as its share of what its parent takes.

use crate::app::layout::Area;
use crate::app::panes::plan::width;
use crate::app::panes::plan::words::{ms, short};
use crate::app::{Pane, State};
use crate::model::plan::{Plan, PlanNode};
use crate::text;
use crate::ui::canvas::Canvas;
use ratatui::style::{Modifier, Style};

/// Draws the levels that are on the screen, with the chosen node's among them.
pub fn draw(state: &State, plan: &Plan, head: Area, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let pane = &state.plan;
    let outline = &pane.outline;
    let whole = width(pane, 0);
    let what = if outline.timed { "time" } else { "cost" };
    if head.h > 0 {
        let (mut slowest, mut together) = (false, false);
        plan.root.walk(0, &mut |_, n| {
            slowest |= n.wall_ms.is_some_and(|w| n.total_ms.is_some_and(|t| t > w));
            together |= summed(n);
        });
        let of = match (slowest, together) {
            _ if !outline.timed => "",
            (_, true) => ", of all processes together where several run",
            (true, false) => ", of the slowest process where several run",
            (false, false) => "",
        };
        let words = format!("width = share of the {what}{of}; up, down, left and right go between steps");
        c.put(head.x + 2, head.y, head.w.saturating_sub(2), &words, look.dim);
    }
    if whole <= 0.0 {
        let words = if plan.analyzed { "The server measured no times." } else { "The server tells no costs: measure it to see a flame." };
        c.put(area.x + 2, area.y, area.w.saturating_sub(2), words, look.dim);
        return;
    }
    let chosen = pane.at();
    let depth = outline.lines.get(chosen).map_or(0, |l| l.depth);
    let top = depth.saturating_sub(usize::from(area.h.saturating_sub(1)));
    let left = f64::from(area.x + 1);
    let right = f64::from((area.x + area.w).saturating_sub(1));
    // (line, from, to); what is narrower than a cell is not followed.
    let mut open: Vec<(usize, f64, f64)> = vec![(0, left, right)];
    while let Some((at, from, to)) = open.pop() {
        let line = &outline.lines[at];
        if line.depth >= top + usize::from(area.h) {
            continue;
        }
        let (x, end) = (from.round() as u16, to.round() as u16);
        if end <= x {
            continue;
        }
        if line.depth >= top {
            let y = area.y + (line.depth - top) as u16;
            segment(state, at, (x, y, end - x), width(pane, at) / whole, c);
        }
        let mine = width(pane, at);
        let below: f64 = outline.children(at).map(|child| width(pane, child)).sum();
        // Processes side by side take longer than the step that waits for them: then they share its width.
        let scale = if below > 0.0 { (to - from) / mine.max(below) } else { 0.0 };
        let mut at_x = from;
        let mut parts = Vec::new();
        for child in outline.children(at) {
            let next = at_x + width(pane, child) * scale;
            parts.push((child, at_x, next));
            at_x = next;
        }
        open.extend(parts.into_iter().rev());
    }
}

/// Several processes ran it, and the plan tells the sum of their times alone: that is no share of the clock.
fn summed(n: &PlanNode) -> bool {
    n.parallel && n.wall_ms.is_none() && n.total_ms.is_some()
}

fn segment(state: &State, at: usize, (x, y, w): (u16, u16, u16), share: f64, c: &mut Canvas<'_>) {
    let look = c.look;
    let pane = &state.plan;
    let Some(n) = pane.node(at) else { return };
    let edge = if look.glyphs.ascii { "|" } else { look.glyphs.bar[0] };
    let name = match n.total_ms.filter(|_| summed(n) && pane.outline.timed) {
        Some(all) => format!("{} {} ms of all", short(n), ms(all)),
        None => format!("{} {:.0} %", short(n), share * 100.0),
    };
    let room = usize::from(w.saturating_sub(1));
    let name = text::truncate(&name, room);
    let pad = room.saturating_sub(text::width(&name));
    let focused = state.view.focus == Pane::Plan;
    let chosen = at == pane.at();
    let heat = look.heat(pane.outline.lines[at].share(pane.heat));
    let style: Style = match (chosen, focused) {
        (true, true) => look.chosen.add_modifier(Modifier::BOLD),
        (true, false) => heat.add_modifier(Modifier::REVERSED | Modifier::UNDERLINED),
        _ => heat.add_modifier(Modifier::REVERSED),
    };
    // Without colours the sign of the cursor tells where one is.
    let edge = if chosen { look.glyphs.marker } else { edge };
    c.put(x, y, w, &format!("{edge}{name}{}", " ".repeat(pad)), style);
}
