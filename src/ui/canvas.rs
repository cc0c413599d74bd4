//! Putting text into cells, with widths that agree with `text`.

use super::theme::Look;
use crate::app::layout::Area;
use crate::text::{self, Marked};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;

/// The buffer being drawn into, and how things look.
pub struct Canvas<'a> {
    pub buf: &'a mut Buffer,
    pub look: &'a Look,
    /// Rule of title rows and style of borders: they follow the environment.
    pub rule: &'static str,
    pub border: Style,
}

impl<'a> Canvas<'a> {
    pub fn new(buf: &'a mut Buffer, look: &'a Look) -> Self {
        Canvas { buf, look, rule: look.glyphs.rule, border: look.border }
    }

    /// Writes cleaned text from column `x`, at most `width` columns, cut with `…`; returns the column after it.
    pub fn put(&mut self, x: u16, y: u16, width: u16, content: &str, style: Style) -> u16 {
        if width == 0 || !self.has(x, y) {
            return x;
        }
        let width = width.min(self.buf.area.right() - x);
        let cut = text::truncate(content, usize::from(width));
        let cut =
            if self.look.glyphs.ascii && cut.contains(['…', '·']) { cut.replace('…', "~").replace('·', "-").into() } else { cut };
        if cut.is_ascii() {
            return self.buf.set_stringn(x, y, &cut, usize::from(width), style).0;
        }
        let mut at = x;
        for symbol in cut.graphemes(true) {
            let columns = u16::try_from(text::width(symbol)).unwrap_or(u16::MAX);
            if columns > (x + width).saturating_sub(at) {
                break;
            }
            if columns > 0 {
                self.buf[(at, y)].set_symbol(symbol).set_style(style);
                (at + 1..at + columns).for_each(|behind| self.buf[(behind, y)].reset());
                at += columns;
            }
        }
        at
    }

    /// The same for outside text, of which the reader sees what stands for something that cannot be shown.
    pub fn put_marked(&mut self, x: u16, y: u16, width: u16, content: &Marked, style: Style) -> u16 {
        let end = self.put(x, y, width, &content.words, style);
        self.escapes(x, y, width, content, style);
        end
    }

    /// The same for a name, or words of ours that hold one, as they came.
    pub fn put_outside(&mut self, x: u16, y: u16, width: u16, content: &str, style: Style) -> u16 {
        self.put_marked(x, y, width, &Marked::of(content), style)
    }

    /// The same, right-aligned before column `end`; returns where it starts.
    pub fn put_right_marked(&mut self, end: u16, y: u16, width: u16, content: &Marked, style: Style) -> u16 {
        let x = self.put_right(end, y, width, &content.words, style);
        self.escapes(x, y, width, content, style);
        x
    }

    fn escapes(&mut self, x: u16, y: u16, width: u16, content: &Marked, style: Style) {
        let column = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        // On a ground of its own the theme's colours are for reading.
        let grounded = style.bg.is_some_and(|bg| bg != Color::Reset) || style.add_modifier.contains(Modifier::REVERSED);
        let look = if grounded { Style::new().add_modifier(self.look.escape.add_modifier) } else { self.look.escape };
        for e in content.columns(usize::from(width)) {
            self.restyle(Area::new(x.saturating_add(column(e.start)), y, column(e.len()), 1), look);
        }
    }

    /// Writes right-aligned text that ends before column `end`; returns where it starts.
    pub fn put_right(&mut self, end: u16, y: u16, width: u16, content: &str, style: Style) -> u16 {
        let cut = text::truncate(content, usize::from(width));
        let w = u16::try_from(text::width(&cut)).unwrap_or(0);
        let x = end.saturating_sub(w);
        self.put(x, y, w, &cut, style);
        x
    }

    /// The sign of a list's cursor, in the gutter before the line: no style alone tells where one is.
    pub fn cursor(&mut self, x: u16, y: u16, focused: bool) {
        let (glyph, style) =
            if focused { (self.look.glyphs.marker, self.look.focus) } else { (self.look.glyphs.marker_away, self.look.dim) };
        self.put(x, y, 1, glyph, style);
    }

    /// Changes the style of cells that are there.
    pub fn restyle(&mut self, area: Area, style: Style) {
        let rect = Rect::new(area.x, area.y, area.w, area.h).intersection(self.buf.area);
        self.buf.set_style(rect, style);
    }

    /// Blanks an area, for what stands above the panes.
    pub fn clear(&mut self, area: Area) {
        let rect = Rect::new(area.x, area.y, area.w, area.h).intersection(self.buf.area);
        for y in rect.top()..rect.bottom() {
            for x in rect.left()..rect.right() {
                self.buf[(x, y)].reset();
            }
        }
    }

    pub fn has(&self, x: u16, y: u16) -> bool {
        x < self.buf.area.right() && y < self.buf.area.bottom()
    }

    /// A title row: a rule in the environment's manner with a title on the left and a remark on the right, both as they came.
    pub fn title(&mut self, area: Area, title: &str, remark: &str, focused: bool) {
        if area.h == 0 {
            return;
        }
        let rule = self.rule.repeat(usize::from(area.w));
        self.put(area.x, area.y, area.w, &rule, self.border);
        let style = if focused { self.look.focus } else { self.look.title };
        let end = area.x + area.w;
        let remark = Marked::of(&if remark.is_empty() { String::new() } else { format!(" {remark} ") });
        let taken = u16::try_from(text::width(&remark.words)).unwrap_or(u16::MAX);
        // The remark says how things stand; a long title gives way to it.
        let wanted = taken.max(2).saturating_add(3);
        let room = area.w.saturating_sub(4).saturating_sub(wanted).max(area.w.saturating_sub(4).min(14));
        let x = self.put_outside(area.x + 1, area.y, room, &format!(" {title} "), style);
        if taken > 0 && end > x + 4 {
            self.put_right_marked(end - 1, area.y, (end - x - 2).min(taken), &remark, self.look.dim);
        }
    }
}
