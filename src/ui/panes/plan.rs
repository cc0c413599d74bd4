//! Drawing a plan: the tree with what is known of each node, and the details of the chosen one.

use super::results::wrapped;
use crate::app::layout::Area;
use crate::app::panes::plan::{count, details, tree_height};
use crate::app::{Pane, State};
use crate::model::plan::{Plan, PlanNode};
use crate::text;
use crate::ui::canvas::Canvas;
use crate::ui::theme::Glyphs;

/// A node with the branches before it.
struct Line<'a> {
    prefix: String,
    node: &'a PlanNode,
}

fn lines<'a>(node: &'a PlanNode, prefix: &str, branch: &str, c: &Canvas<'_>, out: &mut Vec<Line<'a>>) {
    let g = &c.look.glyphs;
    out.push(Line { prefix: format!("{prefix}{branch}"), node });
    let below = match branch {
        "" => prefix.to_string(),
        b if b == g.last => format!("{prefix}  "),
        _ => format!("{prefix}{}", g.pass),
    };
    for (i, child) in node.children.iter().enumerate() {
        let branch = if i + 1 == node.children.len() { g.last } else { g.branch };
        lines(child, &below, branch, c, out);
    }
}

/// What a node is called on one line.
pub fn label(n: &PlanNode) -> String {
    let op = if n.raw_op.is_empty() { &n.op } else { &n.raw_op };
    let mut out = text::clean(op).into_owned();
    // Engines differ in how much of this their own words say already.
    let says = |out: &str, name: &str| out.split(|c: char| c.is_whitespace() || "(),=".contains(c)).any(|w| w == name);
    let alias = n.alias.as_ref().filter(|a| Some(*a) != n.relation.as_ref()).map(|a| text::clean(a));
    let relation = n.relation.as_ref().map(|r| text::clean(r));
    let alias_said = alias.as_ref().is_some_and(|a| says(&out, a));
    match (&relation, &alias) {
        (Some(r), _) if alias_said && !says(&out, r) => out.push_str(&format!(" (alias of {r})")),
        (Some(r), _) if !says(&out, r) => out.push_str(&format!(" {r}")),
        _ => {}
    }
    if let Some(a) = alias.filter(|_| !alias_said) {
        out.push_str(&format!(" {a}"));
    }
    if let Some(i) = n.index.as_ref().map(|i| text::clean(i)).filter(|i| !says(&out, i)) {
        out.push_str(&format!(" using {i}"));
    }
    out
}

/// What one line of the heading says of a plan.
pub fn headline(plan: &Plan) -> String {
    let ms = |v: f64| if v < 10.0 { format!("{v:.1}") } else { format!("{v:.0}") };
    if plan.analyzed {
        let mut out = "rolled back".to_string();
        if let Some(e) = plan.execution_ms {
            out.push_str(&format!(" · {} ms", ms(e + plan.planning_ms.unwrap_or(0.0))));
            if let Some(p) = plan.planning_ms {
                out.push_str(&format!(" = planning {}", ms(p)));
                if let Some(o) = plan.outside_ms {
                    out.push_str(&format!(" + nodes {} + outside {}", ms((e - o).max(0.0)), ms(o)));
                } else {
                    out.push_str(&format!(" + execution {}", ms(e)));
                }
            }
        }
        return out;
    }
    let mut out = Vec::new();
    if let Some(cost) = plan.root.est_total_cost {
        out.push(format!("cost {}", text::thousands(cost.max(0.0).round() as u64)));
    }
    if let Some(rows) = plan.root.est_rows {
        out.push(format!("expects {} rows", count(rows)));
    }
    out.join(" · ")
}

/// Draws the pane.
pub fn draw(state: &State, area: Area, inside: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let focused = state.view.focus == Pane::Plan;
    let pane = &state.plan;
    let dot = look.glyphs.dot;
    let mut title = "Plan".to_string();
    match &pane.plan {
        Some(p) if p.analyzed => title.push_str(&format!(" {dot} analyzed")),
        Some(_) => title.push_str(&format!(" {dot} estimated")),
        None => {}
    }
    if pane.live {
        title.push_str(", live");
    }
    if pane.stale {
        title.push_str(&format!(" {dot} of the text before"));
    }
    let remark =
        pane.plan.as_ref().map_or_else(String::new, |p| if look.glyphs.ascii { headline(p).replace('·', "-") } else { headline(p) });
    c.title(area, &title, &remark, focused);
    let Some(plan) = &pane.plan else {
        let mut said: Vec<(String, ratatui::style::Style)> = Vec::new();
        match (&pane.error, state.link.server().and_then(|s| s.no_plans.clone())) {
            (_, Some(why)) => said.push((text::clean(&why).into_owned(), look.dim)),
            (Some(e), _) => {
                said.push((text::clean(&e.message).into_owned(), look.warning));
                said.extend(e.hints.iter().map(|h| (text::clean(h).into_owned(), look.dim)));
            }
            _ => {
                let live =
                    if pane.live { "It follows the statement under the cursor as you type." } else { "It comes when you ask for it." };
                said.push((format!("No plan yet. {live}"), look.dim));
            }
        }
        wrapped(c, inside, &said);
        return;
    };
    let mut all = Vec::new();
    lines(&plan.root, "", "", c, &mut all);
    let total: f64 = all.iter().filter_map(|l| l.node.self_ms).sum();
    let cost: f64 = plan.root.est_total_cost.unwrap_or(0.0);
    let times = all.iter().any(|l| l.node.self_ms.is_some());
    let estimates = all.iter().any(|l| l.node.est_rows.is_some());
    let actuals = all.iter().any(|l| l.node.rows.is_some());
    let counters: Vec<String> =
        plan.counters.iter().filter(|(_, v)| **v > 0).map(|(k, v)| format!("{} {}", text::clean(k), text::thousands(*v))).collect();
    // A heading only where it says something.
    let (head, body) = inside.split_top(u16::from(times || estimates || actuals || !counters.is_empty()));
    let tree = tree_height(usize::from(body.h), all.len());
    let end = inside.x + inside.w;
    // Figures on the left, as far as there are any.
    let mut x = inside.x + 1;
    let mut columns: Vec<(&str, u16, u16)> = Vec::new();
    let mut column = |name: &'static str, w: u16, on: bool| {
        if on {
            columns.push((name, x, w));
            x += w + 1;
        }
    };
    column("self ms", 9, times);
    column("%", 3, times);
    column("rows expected > came", 22, estimates && actuals);
    column("expects rows", 12, estimates && !actuals);
    column("came rows", 12, actuals && !estimates);
    column("loops", 7, actuals && inside.w >= 90);
    let node_x = x;
    for (name, x, w) in &columns {
        let name = if look.glyphs.ascii { (*name).to_string() } else { name.replace('>', look.glyphs.arrow) };
        c.put_right(x + w, head.y, *w, &name, look.dim);
    }
    if head.h > 0 {
        c.put(node_x, head.y, end.saturating_sub(node_x), &counters.join(" · "), look.dim);
    }
    let bar_w: u16 = if (times || cost > 0.0) && end.saturating_sub(node_x) > 40 { 10 } else { 0 };
    for (row, l) in all.iter().enumerate().skip(pane.list.top).take(tree) {
        let y = body.y + (row - pane.list.top) as u16;
        let n = l.node;
        let chosen = row == pane.list.at;
        if chosen {
            c.cursor(inside.x, y, focused);
        }
        let share = match (n.self_ms, own_cost(n)) {
            (Some(s), _) if times && total > 0.0 => s / total,
            (None, Some(own)) if !times && cost > 0.0 => (own / cost).clamp(0.0, 1.0),
            _ => 0.0,
        };
        for (name, x, w) in &columns {
            let words = match *name {
                "self ms" => n.self_ms.map_or_else(String::new, |v| format!("{v:.1}")),
                "%" => {
                    let pct = (share * 100.0).round();
                    if n.self_ms.is_some() && pct >= 1.0 { format!("{pct:.0}") } else { String::new() }
                }
                "expects rows" => n.est_rows.map_or_else(String::new, count),
                "came rows" => n.rows.map_or_else(|| if n.never_executed { "never run".into() } else { String::new() }, count),
                "loops" => n.loops.map_or_else(String::new, count),
                _ => rows_words(n, &look.glyphs),
            };
            let wrong = n.estimate_error.is_some_and(|e| e.abs() >= 10.0);
            let style = if wrong && name.starts_with("rows") { look.warning } else { look.text };
            c.put_right(x + w, y, *w, &words, style);
        }
        let room = end.saturating_sub(node_x + bar_w + u16::from(bar_w > 0));
        let at = c.put(node_x, y, room, &l.prefix, look.dim);
        let style = match (chosen, focused) {
            (true, true) => look.chosen,
            (true, false) => look.chosen_away,
            _ => look.text,
        };
        let at = c.put(at, y, (node_x + room).saturating_sub(at), &label(n), style);
        if let Some((_, v)) = n.conditions.first().filter(|(_, v)| !n.raw_op.contains(v.as_str())) {
            c.put(at + 2, y, (node_x + room).saturating_sub(at + 2), &text::clean(v), look.dim);
        }
        if bar_w > 0 && share > 0.005 {
            let eighths = ((share * f64::from(bar_w) * 8.0).round() as usize).max(1);
            let mut bar = look.glyphs.bar[7].repeat(eighths / 8);
            let whole = eighths.is_multiple_of(8) || (look.glyphs.ascii && eighths > 8);
            if !whole {
                bar.push_str(look.glyphs.bar[eighths % 8 - 1]);
            }
            let heat = look.heat(share);
            c.put(end - bar_w, y, bar_w, &bar, heat);
        }
    }
    let (_, rest) = body.split_top(tree as u16);
    details_of(state, &all, rest, c);
}

fn details_of(state: &State, all: &[Line<'_>], area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let pane = &state.plan;
    let (Some(chosen), Some(plan)) = (all.get(pane.list.at), &pane.plan) else { return };
    if area.h == 0 {
        return;
    }
    let rule = look.glyphs.rule.repeat(usize::from(area.w));
    c.put(area.x, area.y, area.w, &rule, look.border);
    c.put(area.x + 1, area.y, area.w.saturating_sub(2), &format!(" {} ", label(chosen.node)), look.dim);
    let (_, body) = area.split_top(1);
    let mut said: Vec<(String, ratatui::style::Style)> = Vec::new();
    if let Some(e) = &pane.error {
        said.push((format!("the new text: {}", text::clean(&e.message)), look.warning));
    }
    said.extend(details(chosen.node).iter().map(|d| (text::clean(d).into_owned(), look.text)));
    if pane.list.at == 0 || said.is_empty() {
        said.extend(plan.remarks.iter().map(|r| (text::clean(r).into_owned(), look.warning)));
    }
    wrapped(c, body, &said);
}

/// Cost of a node without its children's.
fn own_cost(n: &PlanNode) -> Option<f64> {
    let below: f64 = n.children.iter().filter_map(|c| c.est_total_cost).sum();
    n.est_total_cost.map(|t| (t - below).max(0.0))
}

/// `31 k → 1.0 M ×33`.
fn rows_words(n: &PlanNode, glyphs: &Glyphs) -> String {
    let arrow = glyphs.arrow;
    let expected = n.est_rows.map_or_else(|| "?".into(), count);
    let came = match n.rows {
        Some(r) => count(r),
        None if n.never_executed => "never run".into(),
        None => "?".into(),
    };
    let mut out = format!("{expected} {arrow} {came}");
    if let Some(e) = n.estimate_error.filter(|e| e.abs() >= 2.0) {
        let sign = match (e > 0.0, glyphs.ascii) {
            (true, false) => '×',
            (true, true) => 'x',
            (false, false) => '÷',
            (false, true) => '/',
        };
        out.push_str(&format!(" {sign}{:.0}", e.abs()));
    }
    out
}
