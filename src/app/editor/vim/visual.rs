//! What VISUAL has selected: its bytes, its size for `.`, what is put over it, and the objects that it grows by.

use super::motion::first_letter;
use super::object::{extended, object, words_selected};
use super::{Mode, Vim};
use crate::app::editor::Editor;
use crate::app::editor::words::{left, right};
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// The size of a selection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    mode: Mode,
    /// Line ends in it.
    breaks: usize,
    /// Characters of its last line.
    last: usize,
}

impl Vim {
    /// Selects an object. A selection of one character becomes the object; a longer one grows by it, towards where the cursor is.
    pub(super) fn select_object(&mut self, e: &mut Editor, letter: char, count: usize) {
        let n = count.max(1);
        let at = e.cursor_byte();
        // Within a line a paragraph is not grown by: it is all of it.
        let one_line = letter == 'p' && e.line_of(self.anchor) == e.line_of(at);
        let grown = if self.anchor == at || one_line { None } else { extended(e, letter, n, self.anchor) };
        if let Some((anchor, cursor)) = grown {
            self.anchor = anchor;
            e.extend_to_byte(cursor);
            if letter != 'p' {
                self.mode = Mode::Visual;
            }
            return self.show(e);
        }
        if letter == 'w' && n > 1 {
            // Its end is selected, whether an operator would take it or not.
            let (from, last) = words_selected(e.text(), at, n);
            self.anchor = from;
            e.extend_to_byte(last);
            self.mode = Mode::Visual;
            return self.show(e);
        }
        if let Some((range, lines)) = object(e, letter, n).filter(|o| !o.0.is_empty()) {
            self.anchor = range.start;
            let of_lines = e.line_span(e.line_of(range.end)).start;
            let last = if lines { of_lines } else { left(e.text(), range.end).max(range.start) };
            e.extend_to_byte(last);
            self.mode = if lines { Mode::VisualLine } else { Mode::Visual };
            self.show(e);
        }
    }

    /// Puts the register in the place of what was selected, which is in the register from then on.
    pub(super) fn put_over(&mut self, e: &mut Editor, range: Range<usize>, lines: bool, n: usize) {
        let gone = e.text()[range.clone()].to_string();
        let content = vec![self.register.as_str(); n].join(if self.whole_lines || lines { "\n" } else { "" });
        let new = match (lines, self.whole_lines) {
            // Whole lines inside of a line part it.
            (false, true) => format!("\n{content}\n"),
            _ => content,
        };
        e.replace(range.clone(), &new);
        let to = match (lines, self.whole_lines) {
            (false, true) => first_letter(e, e.line_of(range.start + 1)),
            (true, _) => first_letter(e, e.line_of(range.start)),
            (false, false) if new.is_empty() || new.contains('\n') => range.start,
            (false, false) => left(e.text(), range.start + new.len()),
        };
        e.go_to_byte(to);
        self.clamp(e);
        (self.register, self.whole_lines) = (gone, lines);
    }

    /// What VISUAL has selected; whole lines without the last line end.
    pub(super) fn selected(&self, e: &Editor) -> (Range<usize>, bool) {
        let (a, b) = (self.anchor.min(e.cursor_byte()), self.anchor.max(e.cursor_byte()).min(e.text().len()));
        if self.mode == Mode::VisualLine {
            (e.line_span(e.line_of(a)).start..e.line_span(e.line_of(b)).end, true)
        } else {
            (a..right(e.text(), b), false)
        }
    }

    pub(super) fn extent(&self, e: &Editor) -> Extent {
        let range = self.selected(e).0;
        let end = e.cursor_byte().max(self.anchor);
        let (first, line) = (e.line_of(range.start), e.line_of(end));
        let from = range.start.max(e.line_span(line).start);
        let last = e.text().get(from..range.end).unwrap_or("");
        Extent { mode: self.mode, breaks: line - first, last: last.graphemes(true).count() }
    }

    /// Selects as much as was selected then, from the cursor on.
    pub(super) fn select_again(&mut self, e: &mut Editor, x: Extent) {
        self.anchor = e.cursor_byte();
        self.mode = x.mode;
        let line = (e.cursor_line() + x.breaks).min(e.line_count() - 1);
        let mut to = if x.breaks == 0 { self.anchor } else { e.line_span(line).start };
        for _ in 1..x.last {
            to = right(e.text(), to).min(e.line_span(line).end);
        }
        e.extend_to_byte(to);
    }

    pub(super) fn show(&self, e: &mut Editor) {
        e.unselect();
        let range = self.selected(e).0;
        e.select_round(range);
    }
}
