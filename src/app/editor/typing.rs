//! What keys do to the text at the cursor.

use super::{Editor, Move, words};

impl Editor {
    pub fn insert_char(&mut self, c: char) {
        let range = self.selection().unwrap_or(self.cursor..self.cursor);
        if range.is_empty() && c != '\n' && c != '\r' {
            // A word is one step.
            let joins = !c.is_whitespace();
            self.history.typed(self.cursor, c, joins);
            let mut buf = [0; 4];
            self.splice(range.clone(), c.encode_utf8(&mut buf));
            self.put(range.start + c.len_utf8());
        } else {
            self.replace(range, c.encode_utf8(&mut [0; 4]));
        }
    }
    /// Inserts pasted or completed text, which is never read as keys.
    pub fn insert(&mut self, content: &str) {
        let range = self.selection().unwrap_or(self.cursor..self.cursor);
        self.replace(range, content);
    }
    /// A new line with the indentation of the one that the cursor is on.
    pub fn newline(&mut self) {
        let start = self.line_span(self.cursor_line()).start;
        let blanks = self.text[start..self.cursor].bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let content = format!("\n{}", &self.text[start..start + blanks]);
        self.insert(&content);
    }
    /// Blanks up to the next multiple of four columns.
    pub fn tab(&mut self) {
        let n = 4 - self.cursor_column() % 4;
        self.insert(&"    "[..n]);
    }
    /// Deletes the selection, or what lies between the cursor and the place.
    fn delete_to(&mut self, to: usize) -> bool {
        let range = self.selection().unwrap_or(to.min(self.cursor)..to.max(self.cursor));
        if range.is_empty() {
            return false;
        }
        self.replace(range, "");
        true
    }
    pub fn backspace(&mut self) {
        let to = words::left(&self.text, self.cursor);
        self.delete_to(to);
    }
    pub fn delete(&mut self) {
        let to = words::right(&self.text, self.cursor);
        self.delete_to(to);
    }
    pub fn delete_word(&mut self) {
        let to = words::word_left(&self.text, self.cursor);
        self.delete_to(to);
    }
    /// Deletes to the end of the word.
    pub fn delete_word_right(&mut self) {
        let to = words::word_end_right(&self.text, self.cursor);
        self.delete_to(to);
    }
    /// Deletes what lies between the cursor and where a move would take it; gives it.
    pub fn kill(&mut self, to: Move) -> String {
        let from = self.cursor;
        self.go(to, false, 0);
        let to = std::mem::replace(&mut self.cursor, from);
        let gone = self.text[from.min(to)..from.max(to)].to_string();
        self.delete_to(to);
        gone
    }
    /// Deletes to the end of the line, or joins the next line; gives what was deleted.
    pub fn kill_line(&mut self) -> String {
        let end = self.line_span(self.cursor_line()).end;
        let to = if end == self.cursor { words::right(&self.text, self.cursor) } else { end };
        let gone = self.text[self.cursor..to].to_string();
        self.anchor = None;
        self.delete_to(to);
        gone
    }
    /// Deletes what stands before the cursor on its line; gives it.
    pub fn kill_line_left(&mut self) -> String {
        let start = self.line_span(self.cursor_line()).start;
        let gone = self.text[start..self.cursor].to_string();
        self.anchor = None;
        self.delete_to(start);
        gone
    }
}
