//! The SQL editor: one wrapper round the text area, which is the model (lines, cursor, undo, selection). What drawing
//! and running need of the text (tokens, statements) is kept beside it and renewed after each change.

use crate::model::Dialect;
use crate::sql::{StatementSpan, Token, lex, relex, split};
use crate::text;
use std::ops::Range;
use tui_textarea::{CursorMove, TextArea};

/// A move of the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    Left,
    Right,
    Up,
    Down,
    WordLeft,
    WordRight,
    LineStart,
    LineEnd,
    PageUp,
    PageDown,
    Top,
    Bottom,
}

/// The editor's text, cursor, and what follows from them.
pub struct Editor {
    area: TextArea<'static>,
    dialect: Dialect,
    text: String,
    /// Byte at which each line starts in `text`.
    starts: Vec<usize>,
    tokens: Vec<Token>,
    statements: Vec<StatementSpan>,
    /// Counts changes of the text; debounced work compares it.
    pub version: u64,
    /// First line and first column on the screen.
    pub top: usize,
    pub left: usize,
    /// Place of the last error, until the text changes: byte offset and message.
    pub error: Option<(usize, String)>,
    /// Lines ended in CR LF when the text was opened; saving keeps them so.
    pub crlf: bool,
}

impl Editor {
    pub fn new(dialect: Dialect, content: &str) -> Self {
        let mut editor = Editor {
            area: TextArea::default(),
            dialect,
            text: String::new(),
            starts: vec![0],
            tokens: Vec::new(),
            statements: Vec::new(),
            version: 0,
            top: 0,
            left: 0,
            error: None,
            crlf: false,
        };
        editor.set_text(content);
        editor
    }

    /// Replaces the whole text and forgets the undo history.
    pub fn set_text(&mut self, content: &str) {
        self.crlf = content.contains("\r\n");
        let lines: Vec<String> = content.split('\n').map(|l| l.strip_suffix('\r').unwrap_or(l).to_string()).collect();
        self.area = TextArea::new(lines);
        self.area.set_max_histories(1000);
        (self.top, self.left) = (0, 0);
        self.changed();
    }

    pub fn set_dialect(&mut self, dialect: Dialect) {
        if self.dialect != dialect {
            self.dialect = dialect;
            self.analyse();
        }
    }

    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Replaces some bytes and puts the cursor behind what came in their place.
    pub fn replace(&mut self, range: Range<usize>, content: &str) {
        let gone = self.text.get(range.clone()).map_or(0, |s| s.chars().count());
        self.go_to_byte(range.start);
        self.area.delete_str(gone);
        self.insert(content);
    }

    fn changed(&mut self) {
        let text = self.area.lines().join("\n");
        let (edited, new_end) = difference(&self.text, &text);
        self.text = text;
        // Only what an edit touches is lexed again: a large buffer must not make typing slow.
        relex(self.dialect, &mut self.tokens, &self.text, edited, new_end);
        self.version += 1;
        self.error = None;
        self.starts.clear();
        self.starts.push(0);
        self.starts.extend(self.text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1));
        self.statements = split(self.dialect, &self.text);
    }

    fn analyse(&mut self) {
        self.tokens = lex(self.dialect, &self.text);
        self.statements = split(self.dialect, &self.text);
    }

    /// The whole text, as typed.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// The text as it goes into a file: with the line ends that it came with.
    pub fn file_text(&self) -> String {
        if self.crlf { self.text.replace('\n', "\r\n") } else { self.text.clone() }
    }
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
    pub fn lines(&self) -> &[String] {
        self.area.lines()
    }
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }
    /// All statements in order.
    pub fn statements(&self) -> &[StatementSpan] {
        &self.statements
    }
    /// Bytes of a line in the text, without its end.
    pub fn line_span(&self, line: usize) -> Range<usize> {
        let start = self.starts.get(line).copied().unwrap_or(self.text.len());
        let end = self.starts.get(line + 1).map_or(self.text.len(), |n| n - 1);
        start..end.max(start)
    }
    /// Line of a byte offset, from 0.
    pub fn line_of(&self, byte: usize) -> usize {
        self.starts.partition_point(|s| *s <= byte).saturating_sub(1)
    }
    /// Line and character of the cursor, from 0.
    pub fn cursor(&self) -> (usize, usize) {
        let at = self.area.cursor();
        (at.0, at.1)
    }
    /// Byte offset of the cursor.
    pub fn cursor_byte(&self) -> usize {
        let (line, column) = self.cursor();
        self.byte_at(line, column)
    }
    fn byte_at(&self, line: usize, column: usize) -> usize {
        let span = self.line_span(line);
        let within = self.text[span.clone()].char_indices().nth(column).map_or(span.len(), |(i, _)| i);
        span.start + within
    }
    /// Columns from the left edge of the text to the cursor, as drawn.
    pub fn cursor_column(&self) -> usize {
        let (line, column) = self.cursor();
        self.lines().get(line).map_or(0, |l| l.chars().take(column).map(shown_width).sum())
    }
    /// The selected bytes, if any.
    pub fn selection(&self) -> Option<Range<usize>> {
        let ((l1, c1), (l2, c2)) = self.area.selection_range()?;
        let range = self.byte_at(l1, c1)..self.byte_at(l2, c2);
        (!range.is_empty()).then_some(range)
    }
    /// The statement under the cursor.
    pub fn statement(&self) -> Option<StatementSpan> {
        let at = self.cursor_byte();
        let behind = self.statements.partition_point(|s| s.outer.start <= at);
        self.statements[..behind].last().cloned()
    }

    pub fn insert_char(&mut self, c: char) {
        self.area.insert_char(c);
        self.changed();
    }
    /// Inserts pasted or completed text, which is never read as keys.
    pub fn insert(&mut self, content: &str) {
        self.area.insert_str(content.replace("\r\n", "\n").replace('\r', "\n"));
        self.changed();
    }
    /// A new line with the indentation of the one that the cursor is on.
    pub fn newline(&mut self) {
        let (line, column) = self.cursor();
        let indent: String =
            self.lines().get(line).map_or_else(String::new, |l| l.chars().take(column).take_while(|c| *c == ' ' || *c == '\t').collect());
        self.area.insert_newline();
        if !indent.is_empty() {
            self.area.insert_str(indent);
        }
        self.changed();
    }
    pub fn tab(&mut self) {
        self.area.insert_tab();
        self.changed();
    }
    pub fn backspace(&mut self) {
        if self.area.delete_char() {
            self.changed();
        }
    }
    pub fn delete(&mut self) {
        if self.area.delete_next_char() {
            self.changed();
        }
    }
    pub fn delete_word(&mut self) {
        if self.area.delete_word() {
            self.changed();
        }
    }
    pub fn undo(&mut self) -> bool {
        let done = self.area.undo();
        if done {
            self.changed();
        }
        done
    }
    pub fn redo(&mut self) -> bool {
        let done = self.area.redo();
        if done {
            self.changed();
        }
        done
    }
    pub fn select_all(&mut self) {
        self.area.select_all();
    }
    /// Removes the selected text and returns it.
    pub fn cut(&mut self) -> Option<String> {
        let cut = self.text[self.selection()?].to_string();
        self.area.cut();
        self.changed();
        Some(cut)
    }
    pub fn unselect(&mut self) {
        self.area.cancel_selection();
    }

    /// Moves the cursor; `select` extends the selection. `page` is the height of the editor on the screen.
    pub fn go(&mut self, to: Move, select: bool, page: usize) {
        if select {
            if !self.area.is_selecting() {
                self.area.start_selection();
            }
        } else {
            self.area.cancel_selection();
        }
        let (step, times) = match to {
            Move::Left => (CursorMove::Back, 1),
            Move::Right => (CursorMove::Forward, 1),
            Move::Up => (CursorMove::Up, 1),
            Move::Down => (CursorMove::Down, 1),
            Move::WordLeft => (CursorMove::WordBack, 1),
            Move::WordRight => (CursorMove::WordForward, 1),
            Move::LineStart => (CursorMove::Head, 1),
            Move::LineEnd => (CursorMove::End, 1),
            Move::PageUp => (CursorMove::Up, page.max(1)),
            Move::PageDown => (CursorMove::Down, page.max(1)),
            Move::Top => (CursorMove::Top, 1),
            Move::Bottom => (CursorMove::Bottom, 1),
        };
        for _ in 0..times {
            let before = self.area.cursor();
            self.area.move_cursor(step);
            if self.area.cursor() == before {
                break;
            }
        }
    }

    /// Puts the cursor at a byte offset.
    pub fn go_to_byte(&mut self, byte: usize) {
        self.area.cancel_selection();
        let line = self.line_of(byte.min(self.text.len()));
        let span = self.line_span(line);
        let column = self.text.get(span.start..byte.clamp(span.start, span.end)).map_or(0, |s| s.chars().count());
        self.area.move_cursor(CursorMove::Jump(u16::try_from(line).unwrap_or(u16::MAX), u16::try_from(column).unwrap_or(u16::MAX)));
    }

    /// Scrolls so that the cursor is inside `height` lines and `width` columns.
    pub fn follow(&mut self, height: usize, width: usize) {
        let (line, _) = self.cursor();
        self.top = scroll(self.top, line, height, self.lines().len());
        let column = self.cursor_column();
        if column < self.left {
            self.left = column.saturating_sub(width / 4);
        } else if width > 0 && column >= self.left + width {
            self.left = column + 1 + width / 4 - width.min(column + 1 + width / 4);
        }
    }
}

/// Columns that a character of the text takes as drawn: tabs are four, controls are shown.
pub fn shown_width(c: char) -> usize {
    match c {
        '\t' => 4,
        ' '..='~' => 1,
        c => text::width(&text::clean(c.encode_utf8(&mut [0; 4]))),
    }
}

/// The first visible line for a cursor: unchanged while the cursor is visible, else half a page on, because moving a
/// highlight costs far fewer bytes than scrolling.
pub fn scroll(top: usize, cursor: usize, height: usize, len: usize) -> usize {
    let height = height.max(1);
    let top = if cursor < top {
        if top - cursor > height { cursor } else { cursor.saturating_sub(height / 2) }
    } else if cursor >= top + height {
        if cursor - top > 2 * height { (cursor + 1).saturating_sub(height) } else { cursor + 1 - (height - height / 2) }
    } else {
        top
    };
    top.min(len.saturating_sub(height))
}

/// The bytes of `old` that are others in `new`, and where what came in their place ends there.
fn difference(old: &str, new: &str) -> (Range<usize>, usize) {
    let (o, n) = (old.as_bytes(), new.as_bytes());
    let mut start = o.iter().zip(n).take_while(|(a, b)| a == b).count();
    while !(old.is_char_boundary(start) && new.is_char_boundary(start)) {
        start -= 1;
    }
    let mut same = o[start..].iter().rev().zip(n[start..].iter().rev()).take_while(|(a, b)| a == b).count();
    while !(old.is_char_boundary(o.len() - same) && new.is_char_boundary(n.len() - same)) {
        same -= 1;
    }
    (start..o.len() - same, n.len() - same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_found_between_whole_characters() {
        assert_eq!(difference("", ""), (0..0, 0));
        assert_eq!(difference("", "abc"), (0..0, 3));
        assert_eq!(difference("select 1", "select 21"), (7..7, 8));
        assert_eq!(difference("aaa", "aaaa"), (3..3, 4));
        // Letters that share their first or their last byte.
        assert_eq!(difference("xäy", "xöy"), (1..3, 3));
        assert_eq!(difference("äx", "ĤHx"), (0..2, 3));
    }

    #[test]
    fn tokens_and_statements_follow_every_edit() {
        let mut e = Editor::new(Dialect::Postgres, "select 'ä', 1; select 2");
        for edit in [
            (|e| e.insert("/* ö */ ")) as fn(&mut Editor),
            |e| e.insert_char('\''),
            |e| e.backspace(),
            |e| e.newline(),
            |e| e.go(Move::Bottom, false, 10),
            |e| e.insert("; select $$a;b$$"),
            |e| e.backspace(),
            |e| e.delete_word(),
            |e| e.go(Move::Top, true, 10),
            |e| e.insert("x"),
            |e| e.set_text("select 1;\r\nselect 2"),
        ] {
            edit(&mut e);
            assert_eq!(e.tokens, lex(Dialect::Postgres, &e.text), "{:?}", e.text);
            assert_eq!(e.statements, split(Dialect::Postgres, &e.text), "{:?}", e.text);
            assert_eq!(e.statement(), crate::sql::statement_at(Dialect::Postgres, &e.text, e.cursor_byte()), "{:?}", e.text);
        }
    }

    #[test]
    fn scrolling_goes_by_half_pages_and_keeps_the_cursor_visible() {
        assert_eq!(scroll(0, 5, 10, 100), 0);
        assert_eq!(scroll(0, 10, 10, 100), 6);
        assert_eq!(scroll(50, 49, 10, 100), 44);
        assert_eq!(scroll(0, 99, 10, 100), 90);
        assert_eq!(scroll(90, 0, 10, 100), 0);
        assert_eq!(scroll(0, 0, 0, 0), 0);
        for top in 0..40 {
            for cursor in 0..40 {
                let t = scroll(top, cursor, 7, 40);
                assert!(t <= cursor && cursor < t + 7, "{top} {cursor} gave {t}");
            }
        }
    }
}
