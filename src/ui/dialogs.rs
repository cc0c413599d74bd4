//! Drawing what stands above the panes.

use super::canvas::Canvas;
use super::highlight;
use crate::app::dialog::{Confirm, Dialog, Form, FormShape, Help, Takes, Viewer};
use crate::app::keys::{contexts, dialog_rows, palette_rows};
use crate::app::layout::Area;
use crate::app::list::ListCursor;
use crate::app::note::Note;
use crate::app::palette::{Finds, Palette};
use crate::app::rest;
use crate::app::{Action, State};
use crate::config::keymap::{Leads, Lookup, show};
use crate::model::Dialect;
use crate::text::{self, paragraph};
use ratatui::style::Style;

/// Draws a dialog; returns where the terminal's cursor belongs.
pub fn draw(state: &State, dialog: &Dialog, c: &mut Canvas<'_>) -> Option<(u16, u16)> {
    match dialog {
        Dialog::Confirm(d) => {
            confirm(state, d, c);
            None
        }
        Dialog::Form(d) => form(state, d, c),
        Dialog::Viewer(d) => {
            viewer(state, d, c);
            None
        }
        Dialog::Chart(d) => {
            let area = page(state);
            let inside = boxed(c, area, &d.heading(c.look.glyphs.dot), &super::chart::foot(state));
            super::chart::draw(d, inside, c);
            None
        }
        Dialog::Cell(d) => {
            let key = |a: Action| state.keymap.key_for(&["cell"], a.name()).map(crate::config::keymap::show).unwrap_or_default();
            let area = page(state);
            let size = (usize::from(area.w.saturating_sub(4)), usize::from(area.h.saturating_sub(2)));
            let foot = super::cell_view::foot(d, &key(Action::ToggleWrap), &key(Action::CellForm), size);
            let inside = boxed(c, area, &d.title, &foot);
            super::cell_view::draw(d, inside, c);
            None
        }
        Dialog::Help(d) => {
            help(state, d, c);
            None
        }
        Dialog::Palette(d) => palette(state, d, c),
        Dialog::Links(d) => {
            super::links::draw(state, d, c);
            None
        }
        Dialog::Messages(d) => {
            messages(state, *d, c);
            None
        }
    }
}

/// A box with a title as it came; returns its inside.
pub(super) fn boxed(c: &mut Canvas<'_>, area: Area, title: &str, foot: &str) -> Area {
    let g = c.look.glyphs;
    let style = c.look.focus;
    let plain = Style { add_modifier: ratatui::style::Modifier::empty(), ..style };
    c.clear(area);
    let inner = usize::from(area.w.saturating_sub(2));
    let bottom = area.y + area.h.saturating_sub(1);
    c.put(area.x, area.y, area.w, &format!("{}{}{}", g.corners[0], g.rule.repeat(inner), g.corners[1]), plain);
    c.put(area.x, bottom, area.w, &format!("{}{}{}", g.corners[2], g.rule.repeat(inner), g.corners[3]), plain);
    for y in area.y + 1..bottom {
        c.put(area.x, y, 1, g.vertical, plain);
        c.put(area.x + area.w - 1, y, 1, g.vertical, plain);
    }
    c.put_outside(area.x + 2, area.y, area.w.saturating_sub(4), &format!(" {title} "), style);
    if !foot.is_empty() {
        c.put(area.x + 2, bottom, area.w.saturating_sub(4), &format!(" {foot} "), c.look.dim);
    }
    Area::new(area.x + 2, area.y + 1, area.w.saturating_sub(4), area.h.saturating_sub(2))
}

fn centred(state: &State, w: u16, h: u16) -> Area {
    let (sw, sh) = state.size;
    let (w, h) = (w.min(sw.saturating_sub(2)), h.min(sh.saturating_sub(2)));
    Area::new((sw - w) / 2, (sh - h) / 2, w, h)
}

fn confirm(state: &State, d: &Confirm, c: &mut Canvas<'_>) {
    let width = 72.min(state.size.0.saturating_sub(4));
    let body: Vec<String> = d.body.iter().flat_map(|l| paragraph(l, usize::from(width.saturating_sub(4)))).collect();
    let area = centred(state, width, body.len() as u16 + 4);
    let inside = boxed(c, area, &d.title, "");
    for (i, l) in body.iter().enumerate() {
        if (i as u16) + 2 < inside.h {
            c.put(inside.x, inside.y + i as u16, inside.w, l, c.look.text);
        }
    }
    let y = inside.y + inside.h.saturating_sub(1);
    let mut x = inside.x;
    let end = inside.x + inside.w;
    if rest::unready(state) {
        c.put(x, y, inside.w, "A moment: what you still type is no answer.", c.look.dim);
        return;
    }
    for a in &d.answers {
        x = c.put(x, y, end.saturating_sub(x), &a.key.to_string(), c.look.key) + 1;
        x = c.put_outside(x, y, end.saturating_sub(x), &a.label, c.look.text) + 3;
    }
}

fn form(state: &State, d: &Form, c: &mut Canvas<'_>) -> Option<(u16, u16)> {
    let FormShape { width, body, problem, rows: lines, hint, spare, labels: label_w, height, room } = d.shape(state.size);
    let area = centred(state, width, height as u16);
    let inside = boxed(c, area, &d.title, &form_foot(state, d));
    let mut y = inside.y;
    // What is typed into stays on the screen: a body that is too long for it is scrolled.
    let dots = c.look.ascii_words("… PageDown for the rest").into_owned();
    let past = d.scroll.min(body.len().saturating_sub(room));
    for (i, l) in body.iter().enumerate().skip(past).take(room) {
        let cut = i + 1 == past + room && i + 1 < body.len();
        c.put(inside.x, y, inside.w, if cut { &dots } else { l }, c.look.text);
        y += 1;
    }
    y += u16::from(!body.is_empty());
    let mut cursor = None;
    // More fields than fit: those round the one that is typed into.
    let fit = usize::from((inside.y + inside.h).saturating_sub(y)).saturating_sub(problem.len() + spare) / lines;
    let from = (d.at + 1).saturating_sub(fit.max(1));
    for (i, f) in d.fields.iter().enumerate().skip(from) {
        if y >= inside.y + inside.h {
            break;
        }
        let here = i == d.at;
        c.put_outside(inside.x, y, label_w - 1, &f.label, if here { c.look.focus } else { c.look.text });
        let x = inside.x + label_w;
        let room = inside.w.saturating_sub(label_w + 1);
        let value = f.value();
        let at = f.input.cursor().1;
        // The part round the cursor, when the value is longer than the field.
        let shown = |s: &str| if f.secret { "*".repeat(s.chars().count()) } else { text::clean(s).into_owned() };
        let before: String = value.chars().take(at).collect();
        let before = shown(&before);
        let cut = text::tail(&before, usize::from(room.saturating_sub(1)));
        let after: String = value.chars().skip(at).collect();
        let x2 = c.put(x, y, room, cut, c.look.text);
        let x3 = c.put(x2, y, (x + room).saturating_sub(x2), &shown(&after), c.look.text);
        let under = c.look.text.add_modifier(ratatui::style::Modifier::UNDERLINED);
        c.restyle(Area::new(x, y, room, 1), under);
        if here && f.input.is_selecting() {
            c.restyle(Area::new(x, y, x3.saturating_sub(x), 1), c.look.chosen);
        }
        if here {
            cursor = Some((x2.min(x + room), y));
        }
        y += 1;
        if lines > 1 {
            let end = inside.y + inside.h;
            for (i, l) in hint.iter().enumerate().filter(|_| here).take_while(|(i, _)| y + (*i as u16) < end) {
                c.put(x, y + i as u16, room, l, c.look.dim);
            }
            y += if here { hint.len().max(1) as u16 } else { 1 };
        }
    }
    for p in &problem {
        c.put(inside.x, y.min(inside.y + inside.h.saturating_sub(1)), inside.w, p, c.look.critical);
        y += 1;
    }
    if let (Some(at), Some(l), Some(f)) = (cursor, &d.list, d.fields.get(d.at)) {
        super::completion::list(state, at, f.value().get(l.replace.clone()).unwrap_or(""), &l.list, l.cursor, c);
    }
    cursor
}

/// What the keys of a form do now.
fn form_foot(state: &State, d: &Form) -> String {
    let key = state.keymap.key_for(&["form"], Action::Complete.name()).map_or_else(|| ":complete".into(), show);
    let completes = d.fields.get(d.at).is_some_and(|f| f.takes != Takes::Words);
    match (d.fields.len() > 1, completes) {
        _ if d.list.is_some() => format!("{key} takes it, arrows choose, Esc closes the list"),
        (true, true) => format!("{key} completes, Enter next, Esc gives up"),
        (false, true) => format!("{key} completes, Enter goes on, Esc gives up"),
        (true, false) => format!("Enter next, {key} moves, Esc gives up"),
        (false, false) => "Enter goes on, Esc gives up".into(),
    }
}

pub(super) fn page(state: &State) -> Area {
    let (w, _) = state.size;
    let rows = dialog_rows(state.size.1) as u16;
    Area::new(2, 2, w.saturating_sub(4).min(120), rows + 2)
}

fn viewer(state: &State, d: &Viewer, c: &mut Canvas<'_>) {
    let area = page(state);
    let inside = boxed(c, area, &d.title, "arrows move, y copies, Esc closes");
    if d.sql {
        let dialect = state.link.server().map_or(Dialect::Sqlite, |s| s.dialect);
        let source = d.lines.join("\n");
        highlight::block(c, inside, &source, dialect, d.top, d.left, false);
        return;
    }
    for (i, l) in d.lines.iter().skip(d.top).take(usize::from(inside.h)).enumerate() {
        let rest: String = if d.left == 0 { l.clone() } else { l.chars().skip(d.left).collect() };
        c.put(inside.x, inside.y + i as u16, inside.w, &rest, c.look.text);
    }
}

fn help(state: &State, d: &Help, c: &mut Canvas<'_>) {
    let area = page(state);
    let foot = match (d.typing, d.found) {
        (true, None) if !d.sought.is_empty() => format!("/{}  nothing holds it · Esc drops it", text::clean(&d.sought)),
        (true, _) => format!("/{}  Enter stays there, Esc drops it", text::clean(&d.sought)),
        (false, Some(_)) => format!("/{}  n and N go to the next and the last, Esc closes", text::clean(&d.sought)),
        (false, None) => "arrows move, / finds, Esc closes".into(),
    };
    let inside = boxed(c, area, &d.title, &foot);
    for (i, (keys, words)) in d.lines.iter().skip(d.top).take(usize::from(inside.h)).enumerate() {
        let y = inside.y + i as u16;
        if keys.is_empty() {
            c.put(inside.x, y, inside.w, words, c.look.header);
        } else if keys == crate::app::manual::TEXT {
            c.put(inside.x + 1, y, inside.w.saturating_sub(1), words, c.look.text);
        } else {
            let w = 24.min(inside.w / 2);
            c.put(inside.x + 1, y, w, keys, c.look.key);
            c.put(inside.x + w + 2, y, inside.w.saturating_sub(w + 2), words, c.look.text);
        }
        if d.found == Some(d.top + i) {
            c.restyle(Area::new(inside.x, y, inside.w, 1), c.look.selection);
        }
    }
}

fn messages(state: &State, list: ListCursor, c: &mut Canvas<'_>) {
    let area = page(state);
    let inside = boxed(c, area, "Messages, newest first", "arrows move, Enter shows it alone, y copies, Esc closes");
    if state.messages.log.is_empty() {
        c.put(inside.x, inside.y, inside.w, "none yet", c.look.dim);
    }
    let width = usize::from(inside.w.saturating_sub(10));
    let notes: Vec<&Note> = state.messages.log.iter().rev().collect();
    // Each whole, with its details.
    let lines = |i: usize| {
        let note = notes[i];
        let text = paragraph(&note.text, width).into_iter().map(|l| (l, true));
        let more: Vec<String> = note.more.iter().flat_map(|m| paragraph(m, width.saturating_sub(2))).map(|l| format!("  {l}")).collect();
        text.chain(more.into_iter().map(|l| (l, false))).collect::<Vec<_>>()
    };
    let rows = usize::from(inside.h);
    // As far down as it takes for the chosen one to be on the page.
    let mut top = list.top.min(list.at);
    let mut taken: usize = (top..=list.at.min(notes.len().saturating_sub(1))).filter(|i| *i < notes.len()).map(|i| lines(i).len()).sum();
    while taken > rows && top < list.at {
        taken -= lines(top).len();
        top += 1;
    }
    let mut y = inside.y;
    for (i, note) in notes.iter().enumerate().skip(top) {
        if y >= inside.y + inside.h {
            break;
        }
        let time = note.at.map_or_else(String::new, |t| t.to_string().get(11..19).unwrap_or("").to_string());
        if i == list.at {
            c.cursor(inside.x - 1, y, true);
        }
        c.put(inside.x, y, 9, &time, c.look.dim);
        for (line, said) in lines(i) {
            if y < inside.y + inside.h {
                let style = if said { c.look.severity(note.severity) } else { c.look.text };
                c.put(inside.x + 10, y, inside.w.saturating_sub(10), &line, style);
                y += 1;
            }
        }
    }
}

fn palette(state: &State, d: &Palette, c: &mut Canvas<'_>) -> Option<(u16, u16)> {
    let rows = palette_rows(state.size.1) as u16;
    let width = 90.min(state.size.0.saturating_sub(4));
    let area = Area::new((state.size.0 - width) / 2, 2, width, rows + 4);
    let (title, foot) = match d.finds {
        Finds::Everything => ("Find an action, a target, an object", "Enter does it, Esc closes"),
        Finds::History if d.own_only => {
            ("Statements that were run on this target", "Enter puts it into the editor, {} shows all targets, Esc closes")
        }
        Finds::History => {
            ("Statements that were run: a few letters of one", "Enter puts it into the editor, {} shows this target alone, Esc closes")
        }
        Finds::Library => ("Saved queries", "Enter puts it into the editor, Esc closes"),
        Finds::Snippets => ("Snippets", "Enter inserts it, Tab then goes through its places, Esc closes"),
        Finds::Objects => ("Go to an object: name, or table.column", "Enter goes there, Esc closes"),
    };
    let scope = state.keymap.key_for(&["history"], Action::HistoryScope.name()).map_or_else(|| ":history-scope".into(), show);
    let inside = boxed(c, area, title, &foot.replace("{}", &scope));
    let x = c.put(inside.x, inside.y, inside.w, "> ", c.look.key);
    let at = d.input.cursor().1;
    // The part round the cursor, when more is typed than the line has room for.
    let before: String = d.pattern().chars().take(at).collect();
    let after: String = d.pattern().chars().skip(at).collect();
    let (before, after) = (text::clean(&before), text::clean(&after));
    let before = text::tail(&before, usize::from(inside.w.saturating_sub(3)));
    c.put(x, inside.y, inside.w.saturating_sub(2), &format!("{before}{after}"), c.look.text);
    let cursor = (x + text::width(before) as u16, inside.y);
    if d.shown.is_empty() {
        c.put(inside.x, inside.y + 1, inside.w, d.nothing(), c.look.dim);
    }
    // Names of columns come with their tables'.
    let name_w = match d.finds {
        Finds::Objects => inside.w * 2 / 3,
        // Rows, time, day and minute have their place.
        Finds::History => inside.w.saturating_sub(40),
        Finds::Everything | Finds::Library | Finds::Snippets => 24.min(inside.w / 2),
    };
    for (row, index) in d.shown.iter().skip(d.list.top).take(usize::from(rows)).enumerate() {
        let y = inside.y + 1 + row as u16;
        let e = &d.entries[*index];
        let chosen = d.list.top + row == d.list.at;
        if chosen {
            c.cursor(inside.x - 1, y, true);
        }
        c.put_outside(inside.x, y, name_w, &e.label, if chosen { c.look.chosen } else { c.look.text });
        let keys_w = text::width(&e.keys) as u16;
        let end = inside.x + inside.w;
        c.put_right(end, y, keys_w, &e.keys, c.look.key);
        let room = inside.w.saturating_sub(name_w + 1 + keys_w + 1);
        c.put_outside(inside.x + name_w + 1, y, room, &e.note, c.look.dim);
    }
    Some(cursor)
}

/// The keys that may follow a started sequence, above the footer.
pub fn sequence(state: &State, c: &mut Canvas<'_>) {
    let contexts = contexts(state);
    let Lookup::Prefix(next) = state.keymap.lookup(&contexts, &state.sequence) else { return };
    let items: Vec<(String, String)> = next
        .iter()
        .map(|n| {
            let words = match n.leads {
                Leads::Action(name) => Action::from_name(name).map_or_else(|| name.to_string(), |a| a.short().to_string()),
                Leads::Group(label) => format!("+{label}"),
            };
            (n.key.to_string(), words)
        })
        .collect();
    let cell = items.iter().map(|(k, w)| text::width(k) + text::width(w) + 4).max().unwrap_or(10) as u16;
    let (w, h) = state.size;
    let per_row = (w.saturating_sub(4) / cell).max(1);
    let rows = (items.len() as u16).div_ceil(per_row);
    let area = Area::new(0, h.saturating_sub(rows + 3), w, rows + 2);
    let title = match state.keymap.label(&state.sequence) {
        "" => "next key".to_string(),
        l => l.to_string(),
    };
    let inside = boxed(c, area, &title, "Esc gives up");
    for (i, (key, words)) in items.iter().enumerate() {
        let (row, col) = (i as u16 / per_row, i as u16 % per_row);
        let x = inside.x + col * cell;
        let x2 = c.put(x, inside.y + row, cell, key, c.look.key) + 1;
        c.put(x2, inside.y + row, (x + cell).saturating_sub(x2), words, c.look.text);
    }
}
