//! Drawing charts: bars in blocks, lines in braille, both in plain characters where the terminal has no others.

use super::canvas::Canvas;
use crate::app::chart::{Chart, Kind, number};
use crate::app::layout::Area;
use crate::app::{Action, State};
use crate::text;

/// The chart's keys.
pub fn foot(state: &State) -> String {
    let key = state.keymap.key_for(&["results"], Action::Chart.name()).map(crate::config::keymap::show);
    format!("{}left and right: bars, line, histogram; y copies, Esc closes", key.map_or_else(String::new, |k| format!("{k}, ")))
}

/// Draws the chart.
pub fn draw(chart: &Chart, area: Area, c: &mut Canvas<'_>) {
    if area.h < 3 || area.w < 20 {
        return;
    }
    match chart.kind {
        Kind::Bars | Kind::Histogram => bars(chart, area, c),
        Kind::Line => line(chart, area, c),
    }
}

fn bars(chart: &Chart, area: Area, c: &mut Canvas<'_>) {
    let rows = usize::from(area.h - 1);
    let bars = chart.bars(chart.top, rows);
    let widest = |words: &mut dyn Iterator<Item = usize>, most: u16| u16::try_from(words.max().unwrap_or(0)).unwrap_or(most).min(most);
    let shown = |v: Option<f64>| v.map_or_else(|| "no number".to_string(), number);
    let value_w = widest(&mut bars.iter().map(|b| text::width(&shown(b.value))), area.w / 3);
    // Between which numbers a bar counts is no name that its beginning tells: the bars give way to it.
    let most = if chart.kind == Kind::Histogram { area.w.saturating_sub(value_w + 12) } else { area.w / 3 };
    let label_w = widest(&mut bars.iter().map(|b| text::width(&b.label)), most);
    let x = area.x + label_w + 1;
    let width = area.w.saturating_sub(label_w + value_w + 2).max(1);
    let (low, high) = chart.range();
    // Halved, so that two great numbers of different signs have a difference.
    let place = |v: f64| {
        let span = high / 2.0 - low / 2.0;
        if span > 0.0 {
            ((v / 2.0 - low / 2.0) / span * f64::from(width) * 8.0).round().clamp(0.0, f64::from(width) * 8.0) as u32
        } else {
            0
        }
    };
    let zero = place(0.0);
    for (i, bar) in bars.iter().enumerate() {
        let y = area.y + i as u16;
        c.put(area.x, y, label_w, &bar.label, c.look.text);
        c.put_right(area.x + area.w, y, value_w, &shown(bar.value), if bar.value.is_some() { c.look.text } else { c.look.dim });
        let Some(value) = bar.value else { continue };
        let at = place(value);
        let (from, to) = (zero.min(at), zero.max(at));
        let mut drawn = String::new();
        for cell in 0..u32::from(width) {
            let (left, right) = (cell * 8, cell * 8 + 8);
            let filled = to.min(right).saturating_sub(from.max(left));
            drawn.push_str(match filled {
                0 => " ",
                // A bar that grows to the left has no partial blocks of its own: half of one or more is a whole one.
                n if value < 0.0 => {
                    if n >= 4 {
                        c.look.glyphs.bar[7]
                    } else {
                        " "
                    }
                }
                n => c.look.glyphs.bar[(n as usize).min(8) - 1],
            });
        }
        c.put(x, y, width, &drawn, c.look.key);
    }
    let y = area.y + area.h - 1;
    let unit = if chart.kind == Kind::Histogram { " rows" } else { "" };
    let (from, to) = (number(low), format!("{}{unit}", number(high)));
    c.put(x, y, width, &from, c.look.dim);
    let room = width.saturating_sub(u16::try_from(text::width(&from)).unwrap_or(width) + 1);
    c.put_right(x + width, y, room, &to, c.look.dim);
    let all = if chart.kind == Kind::Histogram { chart.series.bins.len() } else { chart.series.points.len() };
    if all > bars.len() {
        let words = format!("{} to {} of {}", chart.top + 1, chart.top + bars.len(), text::thousands(all as u64));
        let wide = text::width(&words) as u16;
        c.put(x + width.saturating_sub(wide) / 2, y, wide.min(width), &words, c.look.header);
    }
}

/// Dots of a braille character, by column and row.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

fn line(chart: &Chart, area: Area, c: &mut Canvas<'_>) {
    let s = &chart.series;
    let labels = [number(s.max), number(s.min / 2.0 + s.max / 2.0), number(s.min)];
    let label_w = labels.iter().map(|l| text::width(l)).max().unwrap_or(0).min(usize::from(area.w) / 3) as u16;
    let (x, w, h) = (area.x + label_w + 2, area.w.saturating_sub(label_w + 2).max(1), area.h - 1);
    let (across, down) = if c.look.glyphs.ascii { (1, 1) } else { (2, 4) };
    let (columns, rows) = (usize::from(w) * across, usize::from(h) * down);
    // Which dots are set, by column.
    let mut set = vec![vec![false; rows]; columns];
    let span = s.max / 2.0 - s.min / 2.0;
    let row = |v: f64| {
        let part = if span > 0.0 { (v / 2.0 - s.min / 2.0) / span } else { 0.5 };
        rows - 1 - ((part * (rows - 1) as f64).round() as usize).min(rows - 1)
    };
    let n = s.points.len().max(1);
    let mut before: Option<(usize, usize)> = None;
    for (i, p) in s.points.iter().enumerate() {
        let Some([low, mean, high]) = p.values else {
            // A gap stays a gap.
            before = None;
            continue;
        };
        let at = if n == 1 { 0 } else { i * (columns - 1) / (n - 1) };
        set[at][row(high)..=row(low)].fill(true);
        let here = row(mean);
        if let Some((from_x, from_y)) = before {
            for (step, filled) in set.iter_mut().enumerate().take(at + 1).skip(from_x) {
                let y_at = |x: usize| {
                    let part = if at == from_x { 1.0 } else { (x - from_x) as f64 / (at - from_x) as f64 };
                    (from_y as f64 + (here as f64 - from_y as f64) * part).round() as usize
                };
                // Steep lines have no holes.
                let (a, b) = (y_at(step), y_at((step + 1).min(at)));
                filled[a.min(b)..=a.max(b)].fill(true);
            }
        }
        before = Some((at, here));
    }
    for cell_y in 0..usize::from(h) {
        let mut drawn = String::new();
        for cell_x in 0..usize::from(w) {
            if c.look.glyphs.ascii {
                drawn.push(if set[cell_x][cell_y] { '*' } else { ' ' });
                continue;
            }
            let mut bits = 0;
            for (dx, dots) in DOTS.iter().enumerate() {
                for (dy, bit) in dots.iter().enumerate() {
                    bits |= if set[cell_x * 2 + dx][cell_y * 4 + dy] { *bit } else { 0 };
                }
            }
            drawn.push(if bits == 0 { ' ' } else { char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' ') });
        }
        let y = area.y + cell_y as u16;
        c.put(x - 1, y, 1, c.look.glyphs.vertical, c.look.dim);
        c.put(x, y, w, &drawn, c.look.key);
    }
    c.put_right(x - 2, area.y, label_w, &labels[0], c.look.dim);
    if h > 4 {
        c.put_right(x - 2, area.y + h / 2, label_w, &labels[1], c.look.dim);
    }
    c.put_right(x - 2, area.y + h - 1, label_w, &labels[2], c.look.dim);
    let y = area.y + h;
    c.put(x, y, w, "row 1", c.look.dim);
    c.put_right(x + w, y, w.saturating_sub(6), &format!("row {}", text::thousands(s.rows)), c.look.dim);
}
