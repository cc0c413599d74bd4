//! The statements of a text that is edited: after an edit only the part around it is read again, so that a key in a
//! text of ten megabytes costs no more than one in a short text.
//!
//! On its way the splitter leaves marks: places at which all that it knows is written down. After an edit it starts at
//! the last mark before, and stops where it comes to an old mark behind the edit and knows the same as then.

use super::super::lexer::{Lexer, Token, TokenKind};
use super::{Pending, Splitter, StatementSpan};
use crate::model::Reading;
use std::ops::Range;

/// Bytes between two marks; the tests have short texts and want many.
const STRIDE: usize = if cfg!(test) { 24 } else { 16 * 1024 };
/// An edit that comes closer than this behind a mark might change the token before it.
const NEAR: usize = 4;

/// What the splitter knows at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    pos: usize,
    version_depth: usize,
    delimiter: Option<String>,
    pending: Option<Pending>,
    comment: Option<usize>,
    same_line: bool,
    /// Number of its line.
    line: usize,
    /// Statements before it.
    statements: usize,
    /// How far all before it has read.
    reach: usize,
}

/// Statements of a text, kept up to date edit by edit.
#[derive(Debug, Clone)]
pub struct Script {
    reading: Reading,
    statements: Vec<StatementSpan>,
    marks: Vec<Mark>,
}

/// An edit, as far as places behind it go.
struct Shift {
    edited: Range<usize>,
    new_end: usize,
    lines: isize,
}

impl Shift {
    /// Where an old place is now; `None` inside of what was replaced.
    fn place(&self, at: usize) -> Option<usize> {
        if at < self.edited.start {
            Some(at)
        } else if at >= self.edited.end {
            Some(at - self.edited.end + self.new_end)
        } else {
            None
        }
    }
    fn line(&self, at: usize, line: usize) -> usize {
        if at >= self.edited.end { line.saturating_add_signed(self.lines) } else { line }
    }
    fn pending(&self, p: &Pending) -> Option<Pending> {
        Some(Pending {
            start: self.place(p.start)?,
            outer: self.place(p.outer)?,
            line: self.line(p.start, p.line),
            // The end of a token may be where the edit began.
            end: if p.end <= self.edited.start { p.end } else { self.place(p.end)? },
            ..p.clone()
        })
    }
    fn mark(&self, m: &Mark) -> Option<Mark> {
        Some(Mark {
            pos: self.place(m.pos)?,
            pending: match &m.pending {
                Some(p) => Some(self.pending(p)?),
                None => None,
            },
            comment: match m.comment {
                Some(c) => Some(self.place(c)?),
                None => None,
            },
            line: self.line(m.pos, m.line),
            reach: self.place(m.reach).unwrap_or(self.new_end),
            ..m.clone()
        })
    }
}

impl Script {
    /// Reads a whole text.
    pub fn new(reading: impl Into<Reading>, text: &str) -> Script {
        let mut script = Script { reading: reading.into(), statements: Vec::new(), marks: Vec::new() };
        let mut s = Splitter::new(script.reading, text);
        let mut marks = Vec::new();
        while let Some(token) = s.step() {
            leave(&mut s, &token, (0, 0), &mut marks);
        }
        s.end();
        script.statements = s.out.statements;
        script.marks = marks;
        script
    }

    /// The statements, as [`super::split`] gives them.
    pub fn statements(&self) -> &[StatementSpan] {
        &self.statements
    }

    /// The bytes `edited` were replaced; what came in their place ends at `new_end` of `text`. `lines` is how many lines
    /// more there are now.
    pub fn edit(&mut self, text: &str, edited: Range<usize>, new_end: usize, lines: isize) {
        let keep = self.marks.partition_point(|m| m.reach <= edited.start);
        let mut s = Splitter::new(self.reading, text);
        let (mut kept, mut from) = (0, 0);
        if let Some(m) = keep.checked_sub(1).and_then(|i| self.marks.get(i)) {
            if !text.is_char_boundary(m.pos) {
                *self = Script::new(self.reading, text);
                return;
            }
            s.lexer.pos = m.pos;
            s.lexer.version_depth = m.version_depth;
            s.delimiter.clone_from(&m.delimiter);
            s.pending.clone_from(&m.pending);
            s.comment = m.comment;
            s.same_line = m.same_line;
            s.counted = (m.pos, m.line);
            s.reach = m.reach;
            (kept, from) = (m.statements, m.pos);
        }
        let shift = Shift { edited, new_end, lines };
        // Marks behind the edit, at which the rest may turn out to be as before.
        let mut next = keep + self.marks[keep..].partition_point(|m| m.pos < shift.edited.end);
        let mut fresh = Vec::new();
        while let Some(token) = s.step() {
            let pos = s.lexer.pos;
            if pos <= shift.new_end {
                leave(&mut s, &token, (kept, from), &mut fresh);
                continue;
            }
            let was = pos - shift.new_end + shift.edited.end;
            while self.marks.get(next).is_some_and(|m| m.pos < was) {
                next += 1;
            }
            let same = self.marks.get(next).filter(|m| m.pos == was).and_then(|m| shift.mark(m)).is_some_and(|m| m.knows(&s));
            if same {
                self.join(&mut s, keep, kept, next, fresh, &shift);
                return;
            }
            leave(&mut s, &token, (kept, from), &mut fresh);
        }
        s.end();
        self.statements.truncate(kept);
        self.statements.append(&mut s.out.statements);
        self.marks.truncate(keep);
        self.marks.append(&mut fresh);
    }

    /// From the old mark `at` on everything is as before.
    fn join(&mut self, s: &mut Splitter<'_>, keep: usize, kept: usize, at: usize, fresh: Vec<Mark>, shift: &Shift) {
        let old = self.marks[at].statements;
        let read = kept + s.out.statements.len();
        let span = |r: &Range<usize>| {
            // Starts lie outside of the edit, or the marks would differ; ends lie behind it.
            let place = |p: usize| shift.place(p).unwrap_or(shift.new_end);
            place(r.start)..place(r.end)
        };
        for st in &mut self.statements[old..] {
            st.line = shift.line(st.span.start, st.line);
            st.span = span(&st.span);
            st.outer = span(&st.outer);
            st.data = st.data.as_ref().map(&span);
        }
        self.statements.splice(kept..old, s.out.statements.drain(..));
        let reach = s.reach;
        for m in &mut self.marks[at..] {
            if let Some(mut moved) = shift.mark(m) {
                moved.statements = moved.statements - old + read;
                moved.reach = moved.reach.max(reach);
                *m = moved;
            }
        }
        self.marks.splice(keep..at, fresh);
    }

    /// Tokens that touch `part` of `text`, and some before it: enough to colour it. Of a version comment that is never
    /// closed they do not know that.
    pub fn tokens(&self, text: &str, part: Range<usize>) -> Vec<Token> {
        let mut lexer = Lexer::new(self.reading, text);
        let at = self.marks.partition_point(|m| m.pos <= part.start);
        if let Some(m) = at.checked_sub(1).and_then(|i| self.marks.get(i))
            && text.is_char_boundary(m.pos)
        {
            lexer.pos = m.pos;
            lexer.version_depth = m.version_depth;
        }
        let mut out = Vec::new();
        while let Some(token) = lexer.next_token() {
            if token.span.start >= part.end {
                break;
            }
            if token.span.end > part.start {
                out.push(token);
            }
        }
        out
    }
}

impl Mark {
    /// The splitter stands where the mark stands, and knows no more and no less.
    fn knows(&self, s: &Splitter<'_>) -> bool {
        self.version_depth == s.lexer.version_depth
            && self.delimiter == s.delimiter
            && self.pending == s.pending
            && self.comment == s.comment
            && self.same_line == s.same_line
    }
}

/// Leaves a mark behind a token that ends where it ends whatever follows. `before` is how many statements came before
/// the splitter started, and where it did.
fn leave(s: &mut Splitter<'_>, token: &Token, before: (usize, usize), marks: &mut Vec<Mark>) {
    let pos = s.lexer.pos;
    let last = marks.last().map_or(before.1, |m| m.pos);
    let bytes = s.text.as_bytes();
    let certain = match token.kind {
        TokenKind::Semicolon | TokenKind::Punctuation => pos > 0 && matches!(bytes[pos - 1], b',' | b';' | b'(' | b')'),
        // Behind a quote that nobody closed yet, a long text may be strings and what stood in them and nothing else.
        // PostgreSQL's `E'…'` may go on behind blanks.
        TokenKind::String | TokenKind::QuotedIdentifier => token.span.end == pos && !matches!(bytes[token.span.start], b'e' | b'E'),
        _ => false,
    };
    if pos < last + STRIDE || !certain {
        return;
    }
    let line = s.line(pos);
    s.reach = s.reach.max(pos + NEAR + s.delimiter.as_ref().map_or(0, String::len));
    marks.push(Mark {
        pos,
        version_depth: s.lexer.version_depth,
        delimiter: s.delimiter.clone(),
        pending: s.pending.clone(),
        comment: s.comment,
        same_line: s.same_line,
        line,
        statements: before.0 + s.out.statements.len(),
        reach: s.reach,
    });
}

#[cfg(test)]
mod tests;
