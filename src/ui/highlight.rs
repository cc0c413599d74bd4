//! SQL in colours, by our own lexer's tokens.

use super::canvas::Canvas;
use super::theme::Look;
use crate::app::editor::shown_width;
use crate::model::Dialect;
use crate::sql::{Token, TokenKind, lex};
use crate::text;
use ratatui::style::Style;
use std::ops::Range;

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
}

/// Draws the bytes `line` of `source`; `tokens` are those of the whole source.
pub fn line(c: &mut Canvas<'_>, at: &LineBox, source: &str, line: Range<usize>, tokens: &[Token]) {
    let mut token = tokens.partition_point(|t| t.span.end <= line.start);
    let mut column = 0usize;
    // Where the letter stands that marks belong to; it may be a wide one.
    let mut letter = None;
    let end = at.left + usize::from(at.width);
    for (i, ch) in source[line.clone()].char_indices() {
        let byte = line.start + i;
        while token < tokens.len() && tokens[token].span.end <= byte {
            token += 1;
        }
        let w = shown_width(ch);
        if column + w > end {
            // Something is out of sight on the right.
            if at.width > 0 {
                let mark = if c.look.glyphs.ascii { "~" } else { "…" };
                c.put(at.x + at.width - 1, at.y, 1, mark, c.look.dim);
            }
            return;
        }
        if w == 0 {
            // A mark belongs to the letter before it; what joins emoji would join what stands in columns of their own.
            let joins = matches!(ch, '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}');
            if let Some(letter) = letter.filter(|_| !joins) {
                c.mark(letter, at.y, ch);
            }
            continue;
        }
        if column >= at.left && ch != ' ' {
            let s = tokens.get(token).map_or(c.look.text, |t| style(c.look, t.kind));
            let x = at.x + (column - at.left) as u16;
            letter = Some(x);
            if ch != '\t' {
                c.put(x, at.y, w as u16, &text::clean(ch.encode_utf8(&mut [0; 4])), s);
            }
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
        line(c, &LineBox { x: area.x + gutter, y, width: area.w.saturating_sub(gutter), left }, source, span, &tokens);
    }
}
