//! Comment marks before whole lines, and indentation.

use super::Editor;
use std::ops::Range;

const MARK: &str = "--";

impl Editor {
    /// The lines of the selection, or the one that the cursor is on.
    fn selected_lines(&self) -> Range<usize> {
        match self.selection() {
            // A selection that ends at a line's start does not mean that line.
            Some(r) => {
                let last = self.line_of(r.end);
                let whole = last > self.line_of(r.start) && self.line_span(last).start == r.end;
                self.line_of(r.start)..last + usize::from(!whole)
            }
            None => self.cursor_line()..self.cursor_line() + 1,
        }
    }

    /// Replaces whole lines as one step; the cursor stays at its place in its line, and what was selected stays so.
    fn rewrite(&mut self, lines: Range<usize>, f: impl Fn(&str) -> String) {
        let range = self.line_span(lines.start).start..self.line_span(lines.end - 1).end;
        let old: Vec<&str> = self.text()[range.clone()].split('\n').collect();
        let new: Vec<String> = old.iter().map(|l| f(l)).collect();
        let selected = self.selection().is_some();
        let line = self.cursor_line();
        // From the end of the line, because what changes stands at its start.
        let behind = self.line_span(line).end - self.cursor_byte();
        let joined = new.join("\n");
        if joined == self.text()[range.clone()] {
            return;
        }
        self.replace(range.clone(), &joined);
        if selected {
            self.select(range.start..range.start + joined.len());
        } else {
            let span = self.line_span(line);
            self.go_to_byte(span.end.saturating_sub(behind).max(span.start));
        }
    }

    /// Makes comments of the selected lines or the cursor's, or takes the marks off again when all of them are comments.
    pub fn toggle_comment(&mut self) {
        let lines = self.selected_lines();
        let all: Vec<&str> = lines.clone().map(|l| &self.text()[self.line_span(l)]).collect();
        let mut full = all.iter().filter(|l| !l.trim().is_empty()).peekable();
        if full.peek().is_none() {
            return;
        }
        let blanks = |l: &str| l.len() - l.trim_start().len();
        let off = full.clone().all(|l| l.trim_start().starts_with(MARK));
        let indent = full.map(|l| blanks(l)).min().unwrap_or(0);
        self.rewrite(lines, |l| {
            if l.trim().is_empty() {
                l.to_string()
            } else if off {
                let (before, rest) = l.split_at(blanks(l));
                let rest = rest.strip_prefix(MARK).unwrap_or(rest);
                format!("{before}{}", rest.strip_prefix(' ').unwrap_or(rest))
            } else {
                // The blank is what makes it a comment for MySQL. An indent of tabs and blanks may end inside of neither.
                let at = if l.is_char_boundary(indent) { indent } else { 0 };
                format!("{}{MARK} {}", &l[..at], &l[at..])
            }
        });
    }

    /// Moves lines four columns to the right.
    pub fn indent(&mut self, lines: Range<usize>) {
        if !lines.is_empty() {
            self.rewrite(lines, |l| if l.is_empty() { String::new() } else { format!("    {l}") });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Dialect;

    #[test]
    fn comment_marks_come_and_go() {
        let mut e = Editor::new(Dialect::MySql, "select 1\n  from t\n\n where x");
        e.go_to_byte(3);
        e.toggle_comment();
        assert_eq!(e.text(), "-- select 1\n  from t\n\n where x");
        assert_eq!(e.cursor_byte(), 6, "the cursor stays in its word");
        e.toggle_comment();
        assert_eq!((e.text(), e.cursor_byte()), ("select 1\n  from t\n\n where x", 3));
        e.select(9..e.text().len());
        e.toggle_comment();
        assert_eq!(e.text(), "select 1\n --  from t\n\n -- where x");
        e.toggle_comment();
        assert_eq!(e.text(), "select 1\n  from t\n\n where x");
        assert!(e.undo() && e.undo());
        assert_eq!(e.text(), "select 1\n  from t\n\n where x");
    }
}
