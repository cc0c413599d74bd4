//! Where the cursor goes, what is selected, and what of the text is on the screen.

use super::{Editor, Move, scroll, words};
use std::ops::Range;

impl Editor {
    pub fn select_all(&mut self) {
        self.anchor = Some(0);
        self.cursor = self.text.len();
    }
    /// Selects these bytes, with the cursor behind them.
    pub fn select(&mut self, range: Range<usize>) {
        self.put(self.edge(range.end));
        self.anchor = Some(self.edge(range.start));
    }
    /// Starts a selection at the cursor.
    pub fn mark(&mut self) {
        self.anchor = Some(self.cursor);
    }
    pub fn unselect(&mut self) {
        (self.anchor, self.visual) = (None, None);
    }
    /// Selects bytes that hold the cursor, which stays.
    pub fn select_round(&mut self, range: Range<usize>) {
        self.visual = Some(self.edge(range.start)..self.edge(range.end));
    }

    /// Moves the cursor; `select` extends the selection. `page` is the height of the editor on the screen.
    pub fn go(&mut self, to: Move, select: bool, page: usize) {
        self.visual = None;
        if !select {
            self.anchor = None;
        } else if self.anchor.is_none() {
            self.anchor = Some(self.cursor);
        }
        let line = self.cursor_line();
        let span = self.line_span(line);
        let rows = match to {
            Move::Up => Some((true, 1)),
            Move::Down => Some((false, 1)),
            Move::PageUp => Some((true, page.max(1))),
            Move::PageDown => Some((false, page.max(1))),
            _ => None,
        };
        if let Some((up, n)) = rows {
            let goal = self.goal.unwrap_or_else(|| self.cursor_column());
            let target = if up { line.saturating_sub(n) } else { (line + n).min(self.line_count() - 1) };
            if target != line {
                self.cursor = self.byte_at_column(target, goal);
            }
            self.goal = Some(goal);
            return;
        }
        self.goal = None;
        self.cursor = match to {
            Move::Left => words::left(&self.text, self.cursor),
            Move::Right => words::right(&self.text, self.cursor),
            Move::WordLeft => words::word_left(&self.text, self.cursor),
            Move::WordRight => words::word_right(&self.text, self.cursor),
            Move::LettersLeft => words::letters_left(&self.text, self.cursor),
            Move::LettersRight => words::letters_right(&self.text, self.cursor),
            Move::LineStart => span.start,
            Move::LineEnd => span.end,
            Move::Top => 0,
            Move::Bottom => self.text.len(),
            Move::Up | Move::Down | Move::PageUp | Move::PageDown => self.cursor,
        };
    }

    /// Puts the cursor at a byte offset.
    pub fn go_to_byte(&mut self, byte: usize) {
        self.put(self.edge(byte));
    }
    /// Puts the cursor at a byte offset and keeps where a selection began.
    pub fn extend_to_byte(&mut self, byte: usize) {
        let at = self.edge(byte);
        (self.cursor, self.goal) = (at, None);
    }
    /// Puts the cursor at a byte offset and keeps all else, the column that going up and down aims at too.
    pub(super) fn rest_on(&mut self, byte: usize) {
        self.cursor = self.edge(byte);
    }
    /// Puts the cursor into another line, as near to its column as may be.
    pub fn go_to_line(&mut self, line: usize) {
        let column = self.goal.unwrap_or_else(|| self.cursor_column());
        self.cursor = self.byte_at_column(line.min(self.line_count() - 1), column);
        self.goal = Some(column);
    }

    /// Scrolls so that the cursor is inside `height` lines and `width` columns.
    pub fn follow(&mut self, height: usize, width: usize) {
        let line = self.cursor_line();
        self.top = scroll(self.top, line, height, self.line_count());
        let column = self.cursor_column();
        if column + width / 4 < width {
            // Where it would be without, the beginnings of lines are seen, too.
            self.left = 0;
        } else if column < self.left {
            self.left = column.saturating_sub(width / 4);
        } else if width > 0 && column >= self.left + width {
            self.left = column + 1 + width / 4 - width.min(column + 1 + width / 4);
        }
    }
}
