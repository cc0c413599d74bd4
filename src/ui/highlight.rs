//! SQL in colours, by our own lexer's tokens.

use super::canvas::Canvas;
use super::theme::Look;
use crate::app::editor::{shown, shown_width};
use crate::model::Dialect;
use crate::sql::{Token, TokenKind, lex};
use ratatui::style::Style;
use std::borrow::Cow;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// Style of a token.
pub fn style(look: &Look, kind: TokenKind) -> Style {
    match kind {
        TokenKind::Keyword => look.keyword,
        TokenKind::String => look.string,
        TokenKind::Number => look.number,
        TokenKind::Comment => look.comment,
        TokenKind::QuotedIdentifier | TokenKind::Identifier => look.identifier,
        TokenKind::Operator => look.operator,
        TokenKind::Parameter => look.parameter,
        TokenKind::Unterminated => look.error,
        _ => look.text,
    }
}

/// Where a line of SQL is drawn.
pub struct LineBox {
    pub x: u16,
    pub y: u16,
    pub width: u16,
    /// Columns that are scrolled out on the left.
    pub left: usize,
    /// The column at which what is drawn of the line begins; nothing before it is on the screen.
    pub column: usize,
}

/// Draws the bytes `line` of `source`; `tokens` are those that touch it, and may be more.
pub fn line(c: &mut Canvas<'_>, at: &LineBox, source: &str, line: Range<usize>, tokens: &[Token]) {
    let mut token = tokens.partition_point(|t| t.span.end <= line.start);
    let mut column = at.column;
    let end = at.left + usize::from(at.width);
    for (i, cluster) in source[line.clone()].grapheme_indices(true) {
        let byte = line.start + i;
        while token < tokens.len() && tokens[token].span.end <= byte {
            token += 1;
        }
        let w = shown_width(cluster);
        if column + w > end {
            // Something is out of sight on the right.
            if at.width > 0 {
                let mark = if c.look.glyphs.ascii { "~" } else { "…" };
                c.put(at.x + at.width - 1, at.y, 1, mark, c.look.dim);
            }
            return;
        }
        if column >= at.left && !matches!(cluster, " " | "\t") {
            let s = tokens.get(token).map_or(c.look.text, |t| style(c.look, t.kind));
            let shown = shown(cluster);
            // What stands for a character that cannot be seen is not in the text.
            let s = if matches!(shown, Cow::Owned(_)) { s.patch(c.look.escape) } else { s };
            c.put(at.x + (column - at.left) as u16, at.y, w as u16, &shown, s);
        }
        column += w;
    }
}

/// Draws lines of a text that is no buffer: definitions, scripts. Returns nothing; lines beyond the height are left out.
pub fn block(c: &mut Canvas<'_>, area: crate::app::layout::Area, source: &str, dialect: Dialect, top: usize, left: usize, numbers: bool) {
    let tokens = lex(dialect, source);
    let mut start = 0;
    for (n, l) in source.split('\n').enumerate() {
        let span = start..start + l.strip_suffix('\r').unwrap_or(l).len();
        start += l.len() + 1;
        if n < top {
            continue;
        }
        let row = n - top;
        if row >= usize::from(area.h) {
            return;
        }
        let y = area.y + row as u16;
        let gutter = if numbers { 5 } else { 0 };
        if numbers {
            c.put_right(area.x + 4, y, 4, &(n + 1).to_string(), c.look.dim);
        }
        line(c, &LineBox { x: area.x + gutter, y, width: area.w.saturating_sub(gutter), left, column: 0 }, source, span, &tokens);
    }
}
