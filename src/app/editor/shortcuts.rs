//! Statements of the text, and the lines among them that are shortcuts such as `\dt`: these are never sent.

use super::Editor;
use crate::sql::{StatementSpan, TokenKind};

impl Editor {
    /// The statement under the cursor. A line that is a shortcut ends it, as `\g` does in psql.
    pub fn statement(&self) -> Option<StatementSpan> {
        // In front of a byte order mark the first one is meant, as behind it.
        let marked = usize::from(self.text.starts_with('\u{feff}') && self.cursor == 0);
        let behind = self.statements().partition_point(|s| s.outer.start <= self.cursor).max(marked.min(self.statements().len()));
        let whole = self.statements()[..behind].last()?;
        self.between_shortcuts(whole, self.cursor).unwrap_or_else(|| Some(whole.clone()))
    }
    /// The last statement that begins before a line.
    pub fn statement_before(&self, line: usize) -> Option<StatementSpan> {
        let at = self.line_span(line).start;
        let behind = self.statements().partition_point(|s| s.outer.start < at);
        self.statements()[..behind].iter().rev().find_map(|s| match self.between_shortcuts(s, at) {
            Some(part) => part,
            None => Some(s.clone()),
        })
    }
    /// Whether a shortcut such as `\dt` begins at this byte, which is a line's first that is not blank.
    pub fn is_shortcut(&self, at: usize) -> bool {
        let rest = &self.text[at.min(self.text.len())..];
        let mut letters = rest.strip_prefix('\\').unwrap_or_default().chars();
        // `\N` is MySQL's NULL and `\.` ends COPY's data, which MySQL has not; no other word of a server begins so, in whatever letters.
        let first = letters.next();
        let source = first == Some('.') && self.reading.dialect == crate::model::Dialect::MySql;
        let null = first == Some('N') && !letters.next().is_some_and(|c| c.is_alphanumeric());
        if null || !source && !first.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '?' | '!')) {
            return false;
        }
        let tokens = self.tokens(at..at + 1);
        let token = tokens.partition_point(|t| t.span.end <= at);
        tokens.get(token).is_some_and(|t| t.span.start == at && matches!(t.kind, TokenKind::Other | TokenKind::Operator))
    }
    /// A backslash that is no part of SQL stands at this byte: of a shortcut, of one that is not known or only begun.
    pub fn is_backslash(&self, at: usize) -> bool {
        if !self.text[at.min(self.text.len())..].starts_with('\\') {
            return false;
        }
        let tokens = self.tokens(at..at + 1);
        let token = tokens.get(tokens.partition_point(|t| t.span.end <= at));
        token.is_some_and(|t| t.span.start == at && matches!(t.kind, TokenKind::Other | TokenKind::Operator))
    }
    /// Where the line's text begins.
    pub fn indented(&self, line: usize) -> usize {
        let span = self.line_span(line);
        let text = &self.text[span.clone()];
        span.start + (text.len() - text.trim_start().len())
    }
    /// `None` when no line of the statement is a shortcut; else its part round a byte, if there is any.
    fn between_shortcuts(&self, whole: &StatementSpan, at: usize) -> Option<Option<StatementSpan>> {
        let (mut from, mut to) = (whole.outer.start, whole.outer.end);
        let mut found = false;
        // By backslashes, not by lines: drawing asks for each frame, and a statement may have ten megabytes.
        for (place, _) in self.text[whole.outer.clone()].match_indices('\\') {
            let start = whole.outer.start + place;
            let before = self.text[..start].trim_end_matches([' ', '\t']);
            if !(before.is_empty() || before.ends_with('\n')) || !self.is_shortcut(start) {
                continue;
            }
            found = true;
            let span = self.line_span(self.line_of(start));
            if span.end >= at {
                to = span.start.max(from);
                break;
            }
            from = span.end;
        }
        if !found {
            return None;
        }
        let parts = crate::sql::split(self.reading, &self.text[from..to]);
        let behind = parts.partition_point(|s| from + s.outer.start <= at);
        Some(parts[..behind].last().map(|s| StatementSpan {
            span: from + s.span.start..from + s.span.end,
            outer: from + s.outer.start..from + s.outer.end,
            line: self.line_of(from + s.span.start) + 1,
            complete: s.complete,
            data: s.data.clone().map(|d| from + d.start..from + d.end),
        }))
    }
}
