//! What is known of the chosen node, under a line that names the way to it.

use crate::app::layout::Area;
use crate::app::panes::plan::details::{Tone, details};
use crate::app::panes::plan::words::short;
use crate::app::{Action, State, keys};
use crate::model::plan::Plan;
use crate::text;
use crate::ui::canvas::Canvas;
use ratatui::style::Style;

/// The way to the node, as much of its end as has room.
fn crumbs(state: &State, room: usize, ascii: bool) -> String {
    let pane = &state.plan;
    let between = if ascii { " > " } else { " › " };
    let mut out = String::new();
    for (i, at) in pane.outline.ancestry(pane.at()).into_iter().rev().enumerate() {
        let Some(n) = pane.node(at) else { break };
        let name = short(n);
        if i == 0 {
            out = name;
            continue;
        }
        if text::width(&out) + text::width(&name) + 5 > room {
            out = format!("…{between}{out}");
            break;
        }
        out = format!("{name}{between}{out}");
    }
    out
}

/// Draws the part of the pane.
pub fn draw(state: &State, plan: &Plan, area: Area, c: &mut Canvas<'_>) {
    if area.h == 0 {
        return;
    }
    let look = c.look;
    let pane = &state.plan;
    let Some(n) = pane.node(pane.at()) else { return };
    let (title, body) = area.split_top(1);
    let rule = look.glyphs.rule.repeat(usize::from(title.w));
    c.put(title.x, title.y, title.w, &rule, look.border);
    let mut said: Vec<(String, String, Style)> = Vec::new();
    if let Some(e) = &pane.error {
        said.push(("new text".into(), text::clean(&e.message).into_owned(), look.warning));
    }
    for s in details(plan, n, &pane.outline.path(pane.at())) {
        let style = match s.tone {
            Tone::Plain => look.text,
            Tone::Dim => look.dim,
            Tone::Finding(severity) => look.severity(severity),
        };
        said.push((s.about, s.words, style));
    }
    // Names of attributes are of many lengths: most fit, the others push their words on.
    let about = said.iter().map(|(a, ..)| text::width(a)).filter(|w| *w <= 18).max().unwrap_or(0) as u16;
    let end = body.x + body.w;
    let mut lines: Vec<(String, String, Style)> = Vec::new();
    for (a, words, style) in said {
        let taken = u16::try_from(text::width(&a)).unwrap_or(u16::MAX).max(about) + 2;
        let room = usize::from(body.w.saturating_sub(taken + 3)).max(10);
        for (i, part) in text::wrap(&words, room).into_iter().enumerate() {
            lines.push((if i == 0 { a.clone() } else { String::new() }, part, style));
        }
    }
    let height = usize::from(body.h);
    let top = pane.details_top.min(lines.len().saturating_sub(height));
    let mut remark = String::new();
    if lines.len() > height && height > 0 {
        let key = |a| keys::key_of(state, a).unwrap_or_default();
        remark =
            format!(" {}/{} {} of {} ", key(Action::DetailsDown), key(Action::DetailsUp), (top + height).min(lines.len()), lines.len());
    }
    let left = title.w.saturating_sub(4 + text::width(&remark) as u16);
    c.put(title.x + 1, title.y, left, &format!(" {} ", crumbs(state, usize::from(left), look.glyphs.ascii)), look.title);
    if !remark.is_empty() {
        c.put_right(title.x + title.w - 1, title.y, title.w, &remark, look.dim);
    }
    for (row, (a, words, style)) in lines.iter().skip(top).take(height).enumerate() {
        let y = body.y + row as u16;
        let x = c.put(body.x + 2, y, body.w.saturating_sub(2), a, look.dim).max(body.x + 2 + about) + 2;
        c.put(x, y, end.saturating_sub(x), words, *style);
    }
}
