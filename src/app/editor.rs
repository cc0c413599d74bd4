//! The SQL editor: a text with its cursor, selection and history. What drawing and running need of the text (tokens,
//! statements) is kept beside it and brought up to date by each edit, which costs as much in ten megabytes as in ten lines.

use crate::model::{Dialect, Reading};
use crate::sql::{Script, StatementSpan, Token, lex, relex};
use std::borrow::Cow;
use std::ops::Range;

mod columns;
mod comment;
mod history;
mod moving;
mod shortcuts;
mod typing;
pub mod vim;
pub mod words;

pub use columns::{shown, shown_width};
use history::History;

/// Longest text whose tokens are all kept; of longer ones those of the screen are made when they are drawn.
const TOKENS_KEPT: usize = 128 * 1024;

/// A move of the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    Left,
    Right,
    Up,
    Down,
    WordLeft,
    WordRight,
    /// As Emacs goes: words are letters and digits alone, and forward it stops behind them.
    LettersLeft,
    LettersRight,
    LineStart,
    LineEnd,
    PageUp,
    PageDown,
    Top,
    Bottom,
}

/// The editor's text, cursor, and what follows from them. Places are byte offsets at the edges of characters.
pub struct Editor {
    text: String,
    /// Byte at which each line starts in `text`.
    starts: Vec<usize>,
    columns: columns::Columns,
    cursor: usize,
    /// Where a selection began.
    anchor: Option<usize>,
    /// What is selected, where that is not from the anchor to the cursor.
    visual: Option<Range<usize>>,
    /// Column that going up and down aims at.
    goal: Option<usize>,
    history: History,
    reading: Reading,
    /// All tokens of a short text.
    tokens: Vec<Token>,
    script: Script,
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
            text: String::new(),
            starts: vec![0],
            columns: columns::Columns::default(),
            cursor: 0,
            anchor: None,
            visual: None,
            goal: None,
            history: History::default(),
            reading: dialect.into(),
            tokens: Vec::new(),
            script: Script::new(dialect, ""),
            version: 0,
            top: 0,
            left: 0,
            error: None,
            crlf: false,
        };
        editor.set_text(content);
        editor
    }

    /// The whole text becomes that of a file, as one step.
    pub fn take_text(&mut self, content: &str) {
        let (text, crlf) = read(content);
        self.exchange(0..self.text.len(), &text);
        self.crlf = crlf;
    }

    /// A part of the text as its file has it.
    pub fn as_in_file(&self, part: &str) -> String {
        if self.crlf { part.replace("\r\n", "\n").replace('\n', "\r\n") } else { part.to_string() }
    }

    /// Replaces the whole text and forgets the undo history.
    pub fn set_text(&mut self, content: &str) {
        (self.text, self.crlf) = read(content);
        self.history = History::default();
        (self.cursor, self.anchor, self.visual, self.goal) = (0, None, None, None);
        (self.top, self.left) = (0, 0);
        self.columns.clear();
        self.starts.clear();
        self.starts.push(0);
        self.starts.extend(self.text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1));
        self.version += 1;
        self.error = None;
        self.analyse();
    }

    /// The session reads texts so from now on.
    pub fn read_as(&mut self, reading: Reading) {
        if self.reading != reading {
            self.reading = reading;
            self.analyse();
        }
    }

    pub fn reading(&self) -> Reading {
        self.reading
    }

    pub fn dialect(&self) -> Dialect {
        self.reading.dialect
    }

    fn analyse(&mut self) {
        self.tokens = if self.text.len() <= TOKENS_KEPT { lex(self.reading, &self.text) } else { Vec::new() };
        self.script = Script::new(self.reading, &self.text);
    }

    /// Changes the text and nothing else: what follows from it is brought up to date.
    fn splice(&mut self, range: Range<usize>, content: &str) {
        let new_end = range.start + content.len();
        let first = self.starts.partition_point(|s| *s <= range.start);
        let last = self.starts.partition_point(|s| *s <= range.end);
        let fresh: Vec<usize> = content.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| range.start + i + 1).collect();
        let more = fresh.len() as isize - (last - first) as isize;
        self.columns.edited(first - 1, range.start - self.starts[first - 1], last > first || !fresh.is_empty());
        for s in &mut self.starts[last..] {
            *s = *s - range.end + new_end;
        }
        self.starts.splice(first..last, fresh);
        let was_kept = self.text.len() <= TOKENS_KEPT;
        self.text.replace_range(range.clone(), content);
        match (was_kept, self.text.len() <= TOKENS_KEPT) {
            (true, true) => relex(self.reading, &mut self.tokens, &self.text, range.clone(), new_end),
            (false, true) => self.tokens = lex(self.reading, &self.text),
            (_, false) => self.tokens = Vec::new(),
        }
        self.script.edit(&self.text, range, new_end, more);
        self.version += 1;
        self.error = None;
    }

    /// Replaces bytes as one step that can be taken back, with the cursor behind what came in their place.
    pub fn replace(&mut self, range: Range<usize>, content: &str) {
        let content = unix_lines(content);
        self.exchange(range, &content);
    }

    /// The same with the content's own line ends.
    fn exchange(&mut self, range: Range<usize>, content: &str) {
        let range = self.edge(range.start)..self.edge(range.end.max(range.start));
        if range.is_empty() && content.is_empty() {
            return;
        }
        let gone = self.text[range.clone()].to_string();
        self.history.note(range.start, gone, content, self.cursor);
        self.splice(range.clone(), content);
        self.put(range.start + content.len());
    }

    /// Makes the text another one as one step, of which only what differs counts; the cursor goes to its start.
    pub fn replace_differing(&mut self, new: &str) {
        let new = if self.text.contains('\r') { Cow::Borrowed(new) } else { unix_lines(new) };
        let (old, end) = (&self.text, new.len());
        let mut start = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
        while !(old.is_char_boundary(start) && new.is_char_boundary(start)) {
            start -= 1;
        }
        let mut same = old.as_bytes()[start..].iter().rev().zip(new.as_bytes()[start..].iter().rev()).take_while(|(a, b)| a == b).count();
        while !(old.is_char_boundary(old.len() - same) && new.is_char_boundary(end - same)) {
            same -= 1;
        }
        let gone = start..old.len() - same;
        self.exchange(gone, &new[start..end - same]);
        self.go_to_byte(start);
    }

    /// All edits until [`Editor::end_step`] are taken back together.
    pub fn begin_step(&mut self) {
        self.history.begin();
    }
    pub fn end_step(&mut self) {
        self.history.end();
    }

    /// The whole text, as typed.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// The text as it goes into a file: with the line ends that it came with.
    pub fn file_text(&self) -> String {
        self.as_in_file(&self.text)
    }
    pub fn is_blank(&self) -> bool {
        self.text.trim_start().is_empty()
    }
    /// How many lines there are; an empty text has one.
    pub fn line_count(&self) -> usize {
        self.starts.len()
    }
    /// Tokens that touch these bytes, in order; there may be others before and behind them.
    pub fn tokens(&self, part: Range<usize>) -> Cow<'_, [Token]> {
        if self.text.len() <= TOKENS_KEPT { Cow::Borrowed(&self.tokens) } else { Cow::Owned(self.script.tokens(&self.text, part)) }
    }
    /// All statements in order.
    pub fn statements(&self) -> &[StatementSpan] {
        self.script.statements()
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
    /// The character's edge at or before a byte.
    fn edge(&self, byte: usize) -> usize {
        let mut at = byte.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
    /// Line and character of the cursor, from 0.
    pub fn cursor(&self) -> (usize, usize) {
        let line = self.line_of(self.cursor);
        (line, self.text[self.line_span(line).start..self.cursor].chars().count())
    }
    /// Line of the cursor, from 0.
    pub fn cursor_line(&self) -> usize {
        self.line_of(self.cursor)
    }
    /// Byte offset of the cursor.
    pub fn cursor_byte(&self) -> usize {
        self.cursor
    }
    /// Columns from the left edge of the text to the cursor, as drawn.
    pub fn cursor_column(&self) -> usize {
        let line = self.cursor_line();
        let span = self.line_span(line);
        self.columns.of_byte(line, &self.text[span.clone()], self.cursor - span.start).1
    }
    /// The byte of a line at a column as drawn, or its end.
    fn byte_at_column(&self, line: usize, column: usize) -> usize {
        let span = self.line_span(line);
        span.start + self.columns.of_column(line, &self.text[span], column).0
    }
    /// What of a line stands in `width` columns of the screen, with the character behind them, and the column at which that begins.
    pub fn in_view(&self, line: usize, width: usize) -> (Range<usize>, usize) {
        let span = self.line_span(line);
        let text = &self.text[span.clone()];
        let (from, column) = self.columns.of_column(line, text, self.left);
        let (last, _) = self.columns.of_column(line, text, self.left + width);
        (span.start + from..words::right(text, last) + span.start, column)
    }
    /// The selected bytes, if any.
    pub fn selection(&self) -> Option<Range<usize>> {
        if let Some(visual) = &self.visual {
            return Some(visual.clone()).filter(|v| !v.is_empty() && v.end <= self.text.len());
        }
        let anchor = self.anchor?;
        let range = anchor.min(self.cursor)..anchor.max(self.cursor);
        (!range.is_empty()).then_some(range)
    }

    fn put(&mut self, at: usize) {
        (self.cursor, self.anchor, self.visual, self.goal) = (at, None, None, None);
    }

    pub fn undo(&mut self) -> bool {
        let Some((changes, cursor)) = self.history.undo() else { return false };
        for (range, content) in &changes {
            self.splice(range.clone(), content);
        }
        self.put(self.edge(cursor));
        true
    }
    pub fn redo(&mut self) -> bool {
        let Some(changes) = self.history.redo() else { return false };
        let mut at = self.cursor;
        for (range, content) in &changes {
            self.splice(range.clone(), content);
            at = range.start + content.len();
        }
        self.put(self.edge(at));
        true
    }
    /// Removes the selected text and returns it.
    pub fn cut(&mut self) -> Option<String> {
        let range = self.selection()?;
        let cut = self.text[range.clone()].to_string();
        self.replace(range, "");
        Some(cut)
    }
}

/// Text with the line ends of the editor.
fn unix_lines(content: &str) -> Cow<'_, str> {
    if content.contains('\r') { Cow::Owned(content.replace("\r\n", "\n").replace('\r', "\n")) } else { Cow::Borrowed(content) }
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

/// A file's text for the editor, and whether all of its lines end in CR LF: then they are lines here, and a CR LF again in the file and
/// for the server. In a text that has both, a CR is a character like any other.
fn read(content: &str) -> (String, bool) {
    let (lines, with, crs) = (content.matches('\n').count(), content.matches("\r\n").count(), content.matches('\r').count());
    if with > 0 && with == lines && with == crs { (content.replace("\r\n", "\n"), true) } else { (content.to_string(), false) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::split;
    use proptest::prelude::*;

    fn consistent(e: &Editor) {
        assert_eq!(e.tokens(0..e.text.len()).as_ref(), lex(e.reading, &e.text), "{:?}", e.text);
        assert_eq!(e.statements(), split(e.reading, &e.text), "{:?}", e.text);
        assert_eq!(e.statement(), crate::sql::statement_at(e.reading, &e.text, e.cursor_byte()), "{:?}", e.text);
        let starts: Vec<usize> = std::iter::once(0).chain(e.text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        assert_eq!(e.starts, starts);
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
            consistent(&e);
        }
        assert_eq!(e.file_text(), "select 1;\r\nselect 2");
        // Lines that end both ways keep their own, and so does a CR elsewhere.
        for mixed in ["select 'a\r\nb', 'c\nd';\n", "select 1;\r\nselect 'a\rb';\r\n"] {
            e.set_text(mixed);
            consistent(&e);
            assert_eq!((e.text(), e.file_text().as_str()), (mixed, mixed));
            e.take_text("x\r\ny");
            assert_eq!((e.text(), e.file_text().as_str()), ("x\ny", "x\r\ny"));
            e.take_text(mixed);
            assert_eq!(e.file_text(), mixed);
        }
    }

    proptest! {
        #[test]
        fn any_edits_are_taken_back_and_made_again(ops in prop::collection::vec((0usize..12, 0usize..40, "[a-z';\n ä(]{0,5}"), 1..40)) {
            let mut e = Editor::new(Dialect::Postgres, "select 1;\nselect 'two';");
            let first = e.text().to_string();
            for (op, at, s) in ops {
                match op {
                    0 => e.insert(&s),
                    1 => s.chars().for_each(|c| e.insert_char(c)),
                    2 => e.backspace(),
                    3 => e.delete(),
                    4 => e.newline(),
                    5 => e.tab(),
                    6 => e.delete_word(),
                    7 => drop(e.kill_line()),
                    8 => e.go_to_byte(at),
                    9 => e.go(Move::Down, at % 2 == 0, 3),
                    10 => e.go(Move::WordRight, at % 2 == 0, 3),
                    _ => drop(e.undo()),
                }
                consistent(&e);
            }
            let last = e.text().to_string();
            let mut steps = 0;
            while e.undo() {
                steps += 1;
                consistent(&e);
            }
            prop_assert_eq!(e.text(), &first);
            for _ in 0..steps {
                prop_assert!(e.redo());
            }
            prop_assert_eq!(e.text(), &last);
        }
    }

    #[test]
    fn a_word_that_was_typed_is_taken_back_at_once() {
        let mut e = Editor::new(Dialect::Sqlite, "");
        "select 1".chars().for_each(|c| e.insert_char(c));
        assert!(e.undo());
        assert_eq!(e.text(), "select");
        assert!(e.undo());
        assert_eq!(e.text(), "");
        assert!(!e.undo());
        assert!(e.redo());
        e.insert_char('x');
        assert!(!e.redo(), "typing forgets what was taken back");
    }

    #[test]
    fn lines_and_columns_beyond_what_sixteen_bits_hold_are_reached() {
        let mut e = Editor::new(Dialect::Sqlite, &"select 1;\n".repeat(70_000));
        e.go_to_byte(10 * 69_000 + 3);
        assert_eq!(e.cursor(), (69_000, 3));
        e.insert_char('x');
        assert_eq!(&e.text()[e.line_span(69_000)], "selxect 1;");
        assert_eq!(e.statement().unwrap().line, 69_001);
        let mut e = Editor::new(Dialect::Sqlite, &"a".repeat(100_000));
        e.go_to_byte(80_000);
        assert_eq!(e.cursor(), (0, 80_000));
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
