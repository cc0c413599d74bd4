//! Drawing the migration queue, the scripts of the chosen migration, and what is known of the way back.

use super::marks;
use super::results::wrapped;
use crate::app::layout::Area;
use crate::app::panes::migrations::{
    BESIDE, Side, class_word, file_name, list_height, script, shown_range, shown_version, standing_word, verdict, waits,
};
use crate::app::{Action, Pane, State, work};
use crate::model::Dialect;
use crate::model::migration::Standing;
use crate::ops::migrate::status::QueueItem;
use crate::text;
use crate::ui::canvas::Canvas;
use crate::ui::highlight;

/// Draws the pane.
pub fn draw(state: &State, area: Area, inside: Area, c: &mut Canvas<'_>) {
    let m = &state.migrations;
    let dot = c.look.glyphs.dot;
    let (title, mut remark) = match &m.queue {
        Some(q) => {
            let dir = q.dir.file_name().map_or_else(String::new, |d| format!(" {dot} {}/", d.to_string_lossy()));
            let waiting = match m.pending() {
                0 => "nothing waits".to_string(),
                n => format!("{n} pending"),
            };
            (format!("Migrations{dir}"), waiting)
        }
        None => ("Migrations".to_string(), String::new()),
    };
    if m.loading && m.queue.is_none() {
        remark = "reading …".into();
    }
    c.title(area, &title, &remark, state.view.focus == Pane::Migrations);
    let Some(q) = &m.queue else {
        match &m.error {
            Some(e) => marks::problem(c, inside, e),
            None if state.link.server().is_none() => {
                c.put(inside.x + 2, inside.y, inside.w, "no target is open", c.look.dim);
            }
            None => {}
        }
        return;
    };
    if q.items.is_empty() {
        let words = format!("There is no migration in {}.", text::clean(&q.dir.display().to_string()));
        let how = "Put <version>_<name>.up.sql and <version>_<name>.down.sql there, then read it again.";
        wrapped(c, inside, &[(words, c.look.text), (how.into(), c.look.dim)]);
        return;
    }
    let (top, rest) = inside.split_top(list_height(inside.h, q.items.len()));
    queue(state, top, c);
    let verdict_h = verdict_height(state, rest.w, rest.h);
    let (middle, foot) = rest.split_top(rest.h.saturating_sub(verdict_h));
    if inside.w >= BESIDE {
        let (up, down) = middle.split_left(middle.w / 2);
        one_script(state, Side::Up, Area { w: up.w.saturating_sub(1), ..up }, c);
        let x = up.x + up.w.saturating_sub(1);
        for y in up.y..up.y + up.h {
            c.put(x, y, 1, c.look.glyphs.vertical, c.look.border);
        }
        one_script(state, Side::Down, down, c);
    } else {
        one_script(state, m.side, middle, c);
    }
    verdict_lines(state, foot, c);
}

/// Rows for rule and verdict: what it needs, at most half, the scripts keep the rest.
fn verdict_height(state: &State, width: u16, height: u16) -> u16 {
    let lines: usize = verdict(state).iter().map(|(_, l)| text::wrap(l, usize::from(width.saturating_sub(3))).len()).sum();
    (u16::try_from(lines).unwrap_or(u16::MAX)).clamp(1, (height / 2).max(1)).saturating_add(1).min(height)
}

fn queue(state: &State, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let m = &state.migrations;
    let focused = state.view.focus == Pane::Migrations;
    let upto = m.upto();
    // On wide screens the words stay near the names, and what was proven stands behind them.
    let end = area.x + area.w.min(76);
    let glyph_w = marks::glyph_width(look);
    for (i, item) in m.items().iter().enumerate().skip(m.list.top).take(usize::from(area.h)) {
        let y = area.y + (i - m.list.top) as u16;
        let chosen = i == m.list.at;
        let in_range = waits(item) && upto.is_some_and(|u| item.version <= u);
        if chosen {
            c.cursor(area.x, y, focused);
        } else if in_range {
            c.put(area.x, y, 1, look.glyphs.statement, look.focus);
        }
        let (glyph, style) = marks::migration(look, item);
        c.put(area.x + 1, y, glyph_w, glyph, style);
        let mut x = area.x + 2 + glyph_w;
        let words = words_of(item);
        let words_w = u16::try_from(text::width(&words)).unwrap_or(0);
        let right = end.saturating_sub(words_w + 1);
        x = c.put(x, y, right.saturating_sub(x + 1), &shown_version(item.version), look.dim) + 1;
        c.put_outside(x, y, right.saturating_sub(x + 1), &item.name, marks::row(look, chosen, focused));
        let style = match item.standing {
            Standing::Edited | Standing::Dirty => look.critical,
            Standing::Late | Standing::FileMissing => look.warning,
            _ if words == "missing down" => look.warning,
            _ if item.class.is_some() && waits(item) => style,
            _ => look.dim,
        };
        c.put_right(end.saturating_sub(1), y, words_w, &words, style);
        if area.w > 96
            && let Some(v) = item.verdict.as_ref().filter(|_| waits(item))
        {
            c.put(end + 1, y, area.w - 78, &look.ascii_words(&text::clean(v)), look.dim);
        }
    }
}

/// What stands on the right of a migration: the date when it is applied, its class when that is known, else where it stands.
fn words_of(item: &QueueItem) -> String {
    let standing = standing_word(item);
    match (item.standing, item.class, &item.applied) {
        (Standing::Applied, _, Some(a)) => text::clean(a.installed_on.get(..10).unwrap_or(&a.installed_on)).into_owned(),
        (Standing::Pending, Some(class), _) => class_word(class).to_string(),
        (_, Some(class), _) if waits(item) => format!("{standing}, {}", class_word(class)),
        _ => standing.to_string(),
    }
}

fn one_script(state: &State, side: Side, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let (head, body) = area.split_top(1);
    if head.h == 0 || body.h == 0 {
        return;
    }
    let word = match side {
        Side::Up => "up",
        Side::Down => "down",
    };
    let item = state.migrations.chosen();
    let found = item.and_then(|i| i.migration.as_ref()).and_then(|m| script(m, side));
    let name = found.map_or_else(|| word.to_string(), file_name);
    let remark = if shown_beside(state) {
        String::new()
    } else {
        let key = work::keys_in(state, Pane::Migrations, if side == Side::Up { Action::Right } else { Action::Left });
        format!("{key} {}", if side == Side::Up { "down script" } else { "up script" })
    };
    marks::rule(c, head, &name, "");
    if !remark.is_empty() {
        let w = u16::try_from(text::width(&remark)).unwrap_or(0) + 2;
        if head.w > w + u16::try_from(text::width(&name)).unwrap_or(0) + 5 {
            c.put_right(head.x + head.w - 1, head.y, w, &format!(" {remark} "), look.dim);
        }
    }
    match found {
        Some(s) => {
            let dialect = state.link.server().map_or(Dialect::Sqlite, |s| s.dialect);
            let area = Area { x: body.x + 1, w: body.w.saturating_sub(1), ..body };
            // Only what is on the screen is taken apart, however long the script is.
            let seen = s.text.match_indices('\n').nth(usize::from(body.h)).map_or(s.text.len(), |(i, _)| i);
            highlight::block(c, area, &s.text[..seen], dialect, 0, 0, true);
            let lines = s.text.lines().count();
            if lines > usize::from(body.h) {
                let more = format!("{} {} more lines", if look.glyphs.ascii { "..." } else { "…" }, lines - usize::from(body.h) + 1);
                let y = body.y + body.h - 1;
                c.clear(Area { y, h: 1, ..body });
                c.put(body.x + 6, y, body.w.saturating_sub(6), &more, look.dim);
            }
        }
        None => {
            let words = match item.map(|i| i.migration.is_some()) {
                Some(true) => "There is no down script: without one nothing can be taken back.",
                _ => "The directory has no file of this version.",
            };
            wrapped(c, body, &[(words.into(), look.warning)]);
        }
    }
}

fn shown_beside(state: &State) -> bool {
    crate::app::layout::arrange(state).inside(Pane::Migrations).is_some_and(|a| a.w >= BESIDE)
}

fn verdict_lines(state: &State, area: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let m = &state.migrations;
    let (head, body) = area.split_top(1);
    let range = m.range(m.upto());
    let key = work::keys_in(state, Pane::Migrations, Action::Apply);
    let remark = match (range.is_empty(), state.checklist.holding(&range)) {
        (true, _) => String::new(),
        (false, Some(0)) => format!("{key} apply {}", shown_range(&range)),
        (false, Some(n)) => format!("{key} apply {} (held: {n})", shown_range(&range)),
        (false, None) => format!("{key} apply {}", shown_range(&range)),
    };
    marks::rule(c, head, "Verdict", &c.look.ascii_words(&remark));
    let lines: Vec<(String, _)> =
        verdict(state).into_iter().map(|(s, l)| (c.look.ascii_words(&l).into_owned(), look.severity(s))).collect();
    wrapped(c, body, &lines);
}
