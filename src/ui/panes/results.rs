//! Drawing results: only the rows and columns that are on the screen are looked at.

use crate::app::layout::Area;
use crate::app::panes::cells;
use crate::app::panes::query::{Progress, ResultTab};
use crate::app::panes::results::clip;
use crate::app::panes::results::columns::Shown;
use crate::app::{Pane, State};
use crate::model::{Align, Cell, Kind, Param};
use crate::text::{self, Marked};
use crate::ui::canvas::Canvas;
use ratatui::style::Style;

/// Draws the pane.
pub fn draw(state: &State, area: Area, inside: Area, c: &mut Canvas<'_>) {
    let look = c.look;
    let focused = state.view.focus == Pane::Results;
    let Some(tab) = state.query.result() else {
        c.title(area, "Results", "", focused);
        c.put(inside.x + 2, inside.y, inside.w.saturating_sub(2), "no statement has run yet", look.dim);
        return;
    };
    let first = text::one_line(&tab.text);
    let first = text::truncate(&first, 40);
    // Which server a result is of must be seen as long as it is looked at beside another one.
    let first = match &tab.of {
        Some((target, _)) => format!("{}: {first}", text::clean(target)),
        None => first.into_owned(),
    };
    let title = match state.query.results.len() {
        1 => format!("Results {} {first}", look.glyphs.dot),
        n => format!("Results {}/{n} {} {first}", state.query.shown + 1, look.glyphs.dot),
    };
    // A star at the number of each pinned one, in front of them all: what a rerun leaves is seen from any of them.
    let pinned: Vec<String> =
        state.query.results.iter().enumerate().filter(|(_, r)| r.pinned).map(|(i, _)| format!("*{}", i + 1)).collect();
    let title = if pinned.is_empty() { title } else { format!("{} {title}", pinned.join(" ")) };
    let summary = match cells::words(tab) {
        Some(staged) => format!("{staged} {} {}", look.glyphs.dot, tab.summary(state.now)),
        None => tab.summary(state.now),
    };
    c.title(area, &title, &summary, focused);
    match (&tab.columns, &tab.progress) {
        (Some(columns), Progress::Failed(e) | Progress::Cut(_, e)) if !columns.is_empty() && tab.kept > 0 => {
            // The rows that came are here; so is why there are no more.
            let (rows, last) = inside.split_top(inside.h.saturating_sub(1));
            grid(tab, rows, focused, c);
            let style = if e.kind == Kind::Cancelled { look.warning } else { look.critical };
            let mut words = told(&e.message);
            if matches!(tab.progress, Progress::Cut(..)) {
                // That it took effect matters more than why its rows are not here.
                words = e.hints.first().map_or(words.clone(), |effect| format!("{} ({words})", text::clean(effect)));
            }
            c.put(last.x + 1, last.y, last.w.saturating_sub(1), &words, style);
        }
        (Some(columns), Progress::Running | Progress::Done(_)) if !columns.is_empty() => grid(tab, inside, focused, c),
        (_, Progress::Failed(e) | Progress::Cut(_, e)) => {
            let mut lines: Vec<(String, _)> = Vec::new();
            let words = if e.kind == Kind::Cancelled { look.text } else { look.critical };
            lines.extend(text::clean_lines(&text::beginning(&e.message)).lines().map(|l| (l.to_string(), words)));
            if let Some(code) = &e.code {
                lines.push((format!("code {}", text::clean(code)), look.dim));
            }
            lines.extend(
                e.detail
                    .iter()
                    .flat_map(|d| text::clean_lines(&text::beginning(d)).lines().map(str::to_string).collect::<Vec<_>>())
                    .map(|l| (l, look.text)),
            );
            lines.extend(e.hints.iter().map(|h| (told(h), look.text)));
            if let Some(at) = crate::app::panes::results::acts::fault(state) {
                let editor = &state.query.editor;
                let line = editor.line_of(at);
                // A line may be megabytes long, and this is done for each frame.
                let words: String = editor.text()[editor.line_span(line)].trim_start().chars().take(200).collect();
                lines.push((format!("line {}: {}", line + 1, text::clean(words.trim_end())), look.text));
                lines.push(("Enter goes there.".into(), look.dim));
            }
            wrapped(c, inside, &lines);
        }
        (_, Progress::Done(o)) => {
            let mut lines = vec![(tab.summary(state.now), look.ok)];
            if o.rolled_back {
                // A data fix is rolled back by its answer, everything else by the session.
                let words = if o.tag == crate::ops::datafix::TAG {
                    "Rolled back: nothing was changed."
                } else {
                    "Rolled back: the session is read-only."
                };
                lines.push((words.into(), look.dim));
            }
            lines.extend(notices(tab).into_iter().map(|n| (n, look.text)));
            wrapped(c, inside, &lines);
        }
        (_, Progress::Running) => {
            let lines: Vec<_> = notices(tab).into_iter().map(|n| (n, look.text)).collect();
            wrapped(c, inside, &lines);
        }
    }
}

/// What a server says may hold a value of megabytes, and this is done for each frame.
fn told(words: &str) -> String {
    text::clean(&text::beginning(words)).into_owned()
}

fn notices(tab: &ResultTab) -> Vec<String> {
    let mut out = Vec::new();
    for n in &tab.notices {
        out.push(told(&format!("{}: {}", n.severity, n.message)));
        out.extend(n.detail.iter().chain(&n.hint).map(|d| format!("  {}", told(d))));
    }
    if tab.unheard > 0 {
        out.push(format!("… and {} more that are not kept", text::thousands(tab.unheard)));
    }
    out
}

/// Lines broken at blanks.
pub fn wrapped(c: &mut Canvas<'_>, area: Area, lines: &[(String, ratatui::style::Style)]) {
    let width = usize::from(area.w.saturating_sub(3));
    let mut y = area.y;
    for (l, style) in lines {
        for part in text::wrap(&text::beginning(l), width) {
            if y >= area.y + area.h {
                return;
            }
            c.put(area.x + 2, y, area.w.saturating_sub(2), &part, *style);
            y += 1;
        }
    }
}

/// Without colours a text of these letters must not look like no value.
fn as_text(m: Marked) -> Marked {
    if m.words == "NULL" { Marked::of("'NULL'") } else { m }
}

/// A value that is staged, in one line.
fn new_value(value: &Param) -> Marked {
    match value {
        Param::Bytes(b) => text::cell_marked(Cell::Binary(b)),
        new => new.text().and_then(|s| text::cell_marked(Cell::Text(s.as_bytes()))).map(as_text),
    }
    .unwrap_or_else(|| Marked::of("NULL"))
}

/// A value in one line, and how it looks.
fn shown_value(tab: &ResultTab, row: u64, column: usize, cell: Cell<'_>, width: u16, c: &Canvas<'_>) -> (Marked, Style) {
    match (tab.staged_cell(row, column), text::cell_marked(clip(cell, width))) {
        (Some(new), _) => (new_value(new), c.look.warning),
        (None, Some(s)) => (as_text(s), c.look.text),
        (None, None) => (Marked::of("NULL"), c.look.null),
    }
}

/// One row as a list of names and values.
fn record(tab: &ResultTab, area: Area, focused: bool, c: &mut Canvas<'_>) {
    let look = c.look;
    let Some(columns) = &tab.columns else { return };
    let (head, body) = area.split_top(1);
    let mark = tab.staged_mark(tab.row).map_or(String::new(), |m| format!(" {m}"));
    let place = format!("row {} of {}{mark}", text::thousands(tab.row + 1), text::thousands(tab.rows));
    c.put(head.x + 2, head.y, head.w.saturating_sub(2), &place, look.header);
    let names = columns.iter().map(|c| text::width(&text::clean(&c.name))).max().unwrap_or(0);
    let names = u16::try_from(names).unwrap_or(u16::MAX).min(body.w / 3).max(4);
    let row = tab.at(tab.row);
    for (line, (i, column)) in columns.iter().enumerate().skip(tab.field).take(usize::from(body.h)).enumerate() {
        let y = body.y + line as u16;
        let here = i == tab.column;
        if here {
            c.cursor(body.x, y, focused);
        }
        c.put_marked(body.x + 2, y, names, &Marked::of(&column.name), look.header);
        let x = body.x + 2 + names + 2;
        let room = (body.x + body.w).saturating_sub(x);
        let Some((batch, within)) = row.filter(|(b, _)| i < b.columns()) else {
            c.put(x, y, room, "…", look.dim);
            continue;
        };
        let (words, style) = shown_value(tab, tab.row, i, batch.cell(within, i), room, c);
        let style = match (here, focused) {
            (true, true) => look.chosen,
            (true, false) => look.chosen_away,
            _ => style,
        };
        if here && focused {
            c.restyle(Area::new(x, y, u16::try_from(text::width(&words.words)).unwrap_or(room).clamp(1, room.max(1)), 1), style);
        }
        c.put_marked(x, y, room, &words, style);
    }
}

fn grid(tab: &ResultTab, area: Area, focused: bool, c: &mut Canvas<'_>) {
    let look = c.look;
    if tab.record && tab.rows > 0 {
        return record(tab, area, focused, c);
    }
    let gutter = tab.gutter();
    let end = area.x + area.w;
    let (head, body) = area.split_top(1);
    let (body, foot) = body.split_top(body.h.saturating_sub(tab.foot(body.h)));
    let Some(columns) = &tab.columns else { return };
    let shown = tab.layout.shown(area.w.saturating_sub(gutter));
    let left = area.x + gutter;
    for s in &shown {
        let (i, x, w) = (s.column, left + s.x, s.width);
        let name = Marked::of(&columns[i].name);
        // The sign of the order stands beside the name and is not cut off with it.
        let sign = tab.view.of.sort.filter(|o| o.column == i).map(|o| match (look.glyphs.ascii, o.descending) {
            (false, false) => "▲",
            (false, true) => "▼",
            (true, false) => "^",
            (true, true) => "v",
        });
        // It may take a blank between two columns, but not the line behind the frozen ones.
        let room = w.saturating_sub(u16::from(sign.is_some() && s.edge));
        match columns[i].align {
            Align::Right => {
                let from = c.put_right_marked(x + w, head.y, room, &name, look.header);
                c.put(from.saturating_sub(1), head.y, 1, sign.unwrap_or(""), look.key);
            }
            Align::Left => {
                let end = c.put_marked(x, head.y, room, &name, look.header);
                c.put(end, head.y, 1, sign.unwrap_or(""), look.key);
            }
        }
        if s.edge {
            for y in head.y..(foot.y + foot.h) {
                c.put(x + w, y, 1, look.glyphs.vertical, look.dim);
            }
        }
    }
    let (before, beyond) = tab.layout.beyond(area.w.saturating_sub(gutter));
    if before {
        c.put(area.x, head.y, 1, if look.glyphs.ascii { "<" } else { "‹" }, look.key);
    }
    if beyond {
        c.put(end - 1, head.y, 1, if look.glyphs.ascii { ">" } else { "›" }, look.key);
    }
    if tab.rows == 0 {
        let words = match (&tab.progress, &tab.view.of.filter) {
            (Progress::Running, _) => "waiting for the first row …",
            (_, Some(_)) => "no row passes the filter",
            _ => "no rows",
        };
        c.put(area.x + gutter, body.y, body.w, words, look.dim);
    }
    // Right below the last row, where the screen has room for more.
    let lines = u16::try_from((tab.rows - tab.top.min(tab.rows)).max(1)).unwrap_or(u16::MAX).min(body.h);
    new_rows(tab, &shown, Area::new(area.x, body.y + lines, area.w, foot.h), c);
    let selected = tab.selected();
    for row in 0..u64::from(body.h) {
        let r = tab.top + row;
        if r >= tab.rows {
            break;
        }
        let y = body.y + row as u16;
        let here = r == tab.row;
        if here {
            c.cursor(area.x, y, focused);
        }
        let numbers = gutter - 1 - tab.marks();
        c.put_right(area.x + numbers, y, numbers, &text::thousands(r + 1), look.dim);
        if let Some(mark) = tab.staged_mark(r) {
            c.put(area.x + numbers, y, 1, mark.encode_utf8(&mut [0; 4]), look.warning);
        }
        let Some((batch, within)) = tab.at(r) else {
            c.put(area.x + gutter, y, 3, "…", look.dim);
            continue;
        };
        for s in &shown {
            let (i, x, w) = (s.column, left + s.x, s.width);
            if i >= batch.columns() {
                continue;
            }
            let cell = batch.cell(within, i);
            let number = matches!(cell, Cell::Number(_)) || columns[i].align == Align::Right;
            let (words, style) = shown_value(tab, r, i, cell, w, c);
            if here && i == tab.column {
                let style = if focused { look.chosen } else { look.chosen_away };
                if focused {
                    c.restyle(Area::new(x, y, w, 1), style);
                }
                let _ = if number { c.put_right_marked(x + w, y, w, &words, style) } else { c.put_marked(x, y, w, &words, style) };
            } else if number {
                c.put_right_marked(x + w, y, w, &words, style);
            } else {
                c.put_marked(x, y, w, &words, style);
            }
        }
        if selected.is_some_and(|(first, count)| r >= first && r < first + count) && !here {
            c.restyle(Area::new(area.x + gutter, y, (end - area.x).saturating_sub(gutter), 1), look.selection);
        }
    }
}

/// The last of the new rows that are staged: no row of the result yet, so without a number.
fn new_rows(tab: &ResultTab, shown: &[Shown], area: Area, c: &mut Canvas<'_>) {
    let (look, gutter) = (c.look, tab.gutter());
    let hidden = tab.new_rows().count().saturating_sub(usize::from(area.h));
    for (line, row) in tab.new_rows().skip(hidden).enumerate() {
        let y = area.y + line as u16;
        let numbers = gutter - 1 - tab.marks();
        c.put_right(area.x + numbers, y, numbers, if line == 0 && hidden > 0 { "…new" } else { "new" }, look.dim);
        c.put(area.x + numbers, y, 1, "+", look.warning);
        for s in shown {
            let (x, w) = (area.x + gutter + s.x, s.width);
            let (words, style) = match row.get(&s.column) {
                Some(Some(value)) => (new_value(value), look.warning),
                Some(None) => (Marked::of(cells::LEFT_OUT), look.dim),
                None => continue,
            };
            if tab.align(s.column) == Align::Right {
                c.put_right_marked(x + w, y, w, &words, style);
            } else {
                c.put_marked(x, y, w, &words, style);
            }
        }
    }
}
