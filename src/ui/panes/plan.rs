//! Drawing a plan: the verdict and where the time went, the nodes as a tree, a flame or a flow of rows, and what is known of the
//! chosen one.

mod details;
mod flame;
mod flow;
mod tree;

use super::results::wrapped;
use crate::app::layout::Area;
use crate::app::panes::plan::words::expected;
use crate::app::panes::plan::{View, parts, words};
use crate::app::{Action, Pane, State, keys};
use crate::model::plan::Plan;
use crate::text;
use crate::ui::canvas::Canvas;
use ratatui::style::Style;

/// Draws the pane; returns where the terminal's cursor belongs while a search is typed.
pub fn draw(state: &State, area: Area, inside: Area, c: &mut Canvas<'_>) -> Option<(u16, u16)> {
    let look = c.look;
    let focused = state.view.focus == Pane::Plan;
    let pane = &state.plan;
    let (title, remark) = heading(state, c);
    c.title(area, &title, &remark, focused);
    let Some(plan) = &pane.plan else {
        nothing(state, inside, c);
        return None;
    };
    let mut inside = inside;
    let mut cursor = None;
    if pane.search.open && inside.h > 0 {
        let (rest, line) = inside.split_top(inside.h - 1);
        inside = rest;
        cursor = search_line(state, line, c).filter(|_| focused);
    }
    let rows = parts(pane, usize::from(inside.h));
    let (told, rest) = inside.split_top(rows.told as u16);
    verdict(state, plan, told, c);
    let (head, rest) = rest.split_top(rows.head as u16);
    let (nodes, rest) = rest.split_top(rows.tree as u16);
    match pane.view {
        View::Tree => tree::draw(state, plan, head, nodes, c),
        View::Flame => flame::draw(state, plan, head, nodes, c),
        View::Flow => flow::draw(state, plan, head, nodes, c),
    }
    details::draw(state, plan, rest, c);
    if look.glyphs.ascii {
        plain(inside, c);
    }
    cursor
}

/// Our own signs of words that came through `text::clean` as they are, as ASCII.
fn plain(area: Area, c: &mut Canvas<'_>) {
    for y in area.y..(area.y + area.h).min(c.buf.area.bottom()) {
        for x in area.x..(area.x + area.w).min(c.buf.area.right()) {
            let twin = match c.buf[(x, y)].symbol() {
                "·" => "-",
                "×" => "x",
                "÷" => "/",
                "±" => "~",
                "→" | "›" => ">",
                "−" => "-",
                "…" => "~",
                _ => continue,
            };
            c.buf[(x, y)].set_symbol(twin);
        }
    }
}

/// Title and remark: what is shown and how it came about.
fn heading(state: &State, c: &Canvas<'_>) -> (String, String) {
    let pane = &state.plan;
    let dot = c.look.glyphs.dot;
    // What is cut off at the end must not be what says that the figures are another statement's.
    let mut title = match (pane.stale, pane.live) {
        (true, _) => "Plan of the text before",
        (false, true) => "Plan, live",
        (false, false) => "Plan",
    }
    .to_string();
    let Some(plan) = &pane.plan else { return (title, String::new()) };
    match pane.view {
        View::Tree => {}
        View::Flame => title.push_str(&format!(" {dot} flame")),
        View::Flow => title.push_str(&format!(" {dot} row flow")),
    }
    if pane.outline.has(pane.heat) && pane.view != View::Flow {
        title.push_str(&format!(" {dot} heat: {}", pane.outline.heat_name(pane.heat)));
    }
    if pane.stale {
        return (title, String::new());
    }
    let how = match (&pane.from, plan.analyzed) {
        (Some(_), true) => "measured elsewhere",
        (Some(_), false) => "estimated elsewhere",
        (None, true) => "analyzed, rolled back",
        (None, false) => "estimated, not run",
    };
    let more = if plan.analyzed { String::new() } else { expected(plan) };
    let remark = [how, &more].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(" · ");
    (title, c.look.ascii_words(&remark).into_owned())
}

/// No plan yet: why, and what to press.
fn nothing(state: &State, inside: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let pane = &state.plan;
    let mut said: Vec<(String, Style)> = Vec::new();
    match (&pane.error, state.link.server().and_then(|s| s.no_plans.clone())) {
        (_, Some(why)) => said.push((text::clean(&why).into_owned(), look.dim)),
        (Some(e), _) => {
            said.push((text::clean(&e.message).into_owned(), look.warning));
            said.extend(e.hints.iter().map(|h| (text::clean(h).into_owned(), look.dim)));
        }
        _ => {
            let live = if pane.live { "It follows the statement under the cursor as you type." } else { "It comes when you ask for it." };
            said.push((format!("No plan yet. {live}"), look.dim));
        }
    }
    wrapped(c, inside, &said);
}

/// How the plan came about and why that was safe; where the total went, and how much was found.
fn verdict(state: &State, plan: &Plan, area: Area, c: &mut Canvas<'_>) {
    if area.h == 0 {
        return;
    }
    let look = c.look;
    let pane = &state.plan;
    let mut end = area.x + area.w;
    if !plan.findings.is_empty() {
        let key = keys::key_of(state, Action::PlanFindings).filter(|_| state.view.focus == Pane::Plan);
        let key = key.map_or_else(String::new, |k| format!(" ({k})"));
        let worst = plan.findings.iter().map(|f| f.severity).max();
        let words = format!("{}{key}", text::counted(plan.findings.len() as u64, "finding"));
        let style = worst.map_or(look.text, |s| look.severity(s));
        end = c.put_right(end - 1, area.y, area.w / 2, &words, style).saturating_sub(2);
    }
    let x = area.x + 2;
    let room = end.saturating_sub(x);
    let (last, style) = match (plan.analyzed, &pane.from) {
        (true, _) => (words::reconcile(plan), look.text),
        (false, Some(f)) => (format!("read from {}", text::clean(f)), look.dim),
        (false, None) => {
            let key = keys::key_of(state, Action::Analyze).unwrap_or_default();
            (format!("Expectations only. {key} really runs it, measures each step, and rolls back."), look.dim)
        }
    };
    if area.h > 1 {
        let (how, why) = match &pane.from {
            Some(f) => ("Read from ", text::clean(f).into_owned()),
            None => match &pane.writes {
                Some(done) => ("It writes: ", format!("{}.", text::clean(done))),
                None => ("Proven to read: ", format!("{}.", pane.proof)),
            },
        };
        let at = c.put(x, area.y, room, how, look.ok);
        c.put(at, area.y, (x + room).saturating_sub(at), &why, look.dim);
        c.put(x, area.y + 1, area.w.saturating_sub(2), &last, style);
    } else {
        c.put(x, area.y, room, &last, style);
    }
}

/// The line of the search; returns where its cursor is.
fn search_line(state: &State, area: Area, c: &mut Canvas<'_>) -> Option<(u16, u16)> {
    let search = &state.plan.search;
    let end = area.x + area.w;
    let x = c.put(area.x, area.y, area.w, "Find: ", c.look.dim);
    let before: String = search.text().chars().take(search.needle.cursor().1).collect();
    let at = x + u16::try_from(text::width(&text::clean(&before))).unwrap_or(0);
    let x = c.put(x, area.y, end.saturating_sub(x), &text::clean(search.text()), c.look.text);
    let words = match (search.matches.len(), search.place(state.plan.at())) {
        _ if search.text().is_empty() => "looks in names, conditions and attributes".to_string(),
        (0, _) => "none".into(),
        (n, Some(i)) => format!("{i} of {n}"),
        (n, None) => n.to_string(),
    };
    let x = c.put(x + 2, area.y, end.saturating_sub(x + 2), &words, c.look.strong);
    let keys = "Enter keeps it  Down next  Esc back";
    if usize::from(end.saturating_sub(x + 2)) >= keys.len() {
        c.put_right(end, area.y, end.saturating_sub(x + 2), keys, c.look.dim);
    }
    Some((at.min(end.saturating_sub(1)), area.y))
}

/// A bar in eighths of a cell; in ASCII in whole cells.
fn bar(share: f64, width: u16, c: &Canvas<'_>) -> String {
    let g = &c.look.glyphs;
    let eighths = ((share.clamp(0.0, 1.0) * f64::from(width) * 8.0).round() as usize).max(1);
    let mut out = g.bar[7].repeat(eighths / 8);
    let whole = eighths.is_multiple_of(8) || (g.ascii && eighths > 8);
    if !whole {
        out.push_str(g.bar[eighths % 8 - 1]);
    }
    out
}
