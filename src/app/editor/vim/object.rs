//! What `i` and a letter mean: the word, the string, the brackets, the paragraph at the cursor.

use crate::app::editor::Editor;
use crate::app::editor::words;
use std::ops::Range;

/// Letters that name an object behind `i`.
pub(super) const LETTERS: [char; 8] = ['w', '"', '\'', '`', '(', ')', 'b', 'p'];

/// The bytes of `n` objects from the cursor on, and whether they are whole lines. A count of brackets goes outwards; strings take none.
pub(super) fn object(e: &Editor, letter: char, n: usize) -> Option<(Range<usize>, bool)> {
    let (text, at, line) = (e.text(), e.cursor_byte(), e.cursor_line());
    match letter {
        'w' => {
            let first = words::word_at(text, at);
            let end = (1..n).try_fold(first.end, |end, _| next_run(e, end))?;
            Some((first.start..end, false))
        }
        '"' | '\'' | '`' => {
            let span = e.line_span(line);
            let inner = quoted(&text[span.clone()], at - span.start, letter)?;
            Some((span.start + inner.start..span.start + inner.end, false))
        }
        '(' | ')' | 'b' => {
            let inside = bracketed(text, at).or_else(|| {
                // Outside of all brackets the next ones of the line are meant.
                let ahead = text[at..e.line_span(line).end].find('(')?;
                bracketed(text, at + ahead)
            });
            let outwards = |inside: Range<usize>, _| enclosing(text, inside.start - 1);
            Some(((1..n).try_fold(inside?, outwards)?, false))
        }
        'p' => {
            let kind = blank(e, line);
            let first = (0..=line).rev().take_while(|l| blank(e, *l) == kind).last()?;
            let last = (1..n).try_fold(block(e, line), |last, _| (last + 1 < e.line_count()).then(|| block(e, last + 1)))?;
            Some((e.line_span(first).start..e.line_span(last).end, true))
        }
        _ => None,
    }
}

fn blank(e: &Editor, line: usize) -> bool {
    e.text()[e.line_span(line)].trim().is_empty()
}

/// The last line of the paragraph, or of the empty lines, that a line is of.
fn block(e: &Editor, line: usize) -> usize {
    let kind = blank(e, line);
    (line..e.line_count()).take_while(|l| blank(e, *l) == kind).last().unwrap_or(line)
}

/// The end of the word or the blanks that begin behind a place; behind a line's end those of the next line.
fn next_run(e: &Editor, end: usize) -> Option<usize> {
    let text = e.text();
    let from = if text.as_bytes().get(end) == Some(&b'\n') { end + 1 } else { end };
    if from >= text.len() {
        return None;
    }
    // An empty line counts as a word.
    if text.as_bytes()[from] == b'\n' { Some(from) } else { Some(words::word_at(text, from).end) }
}

/// The start of the word or the blanks that end before a place; before a line's start those of the line above.
fn run_before(e: &Editor, start: usize) -> Option<usize> {
    let text = e.text();
    let last = words::left(text, start);
    if start == 0 {
        return None;
    }
    let at = if text.as_bytes()[last] == b'\n' && last > 0 && text.as_bytes()[last - 1] != b'\n' { words::left(text, last) } else { last };
    Some(if text.as_bytes()[at] == b'\n' { at } else { words::word_at(text, at).start })
}

/// A selection from `anchor` to the cursor that grows by `n` objects: its new ends, and whether it is of whole lines now. `None` where an
/// object takes its place instead.
pub(super) fn extended(e: &Editor, letter: char, n: usize, anchor: usize) -> Option<(usize, usize, bool)> {
    let (text, at) = (e.text(), e.cursor_byte());
    let backwards = at < anchor;
    match letter {
        'w' if backwards => Some((anchor, (0..n).try_fold(at, |start, _| run_before(e, start))?, false)),
        'w' => {
            let end = (0..n).try_fold(words::right(text, at), |end, _| next_run(e, end))?;
            Some((anchor, words::left(text, end).max(at), false))
        }
        '(' | ')' | 'b' => {
            let (from, to) = (anchor.min(at), words::right(text, anchor.max(at)));
            let mut inside = enclosing(text, from)?;
            // The brackets round all of it; where just that is selected already, the next ones.
            while inside.end < to || inside == (from..to) {
                inside = enclosing(text, inside.start - 1)?;
            }
            Some((inside.start, words::left(text, inside.end), false))
        }
        'p' if !backwards => {
            let mut last = e.line_of(at);
            for _ in 0..n {
                last = Some(last + 1).filter(|l| *l < e.line_count()).map(|l| block(e, l))?;
            }
            Some((anchor, e.line_span(last).start, false))
        }
        _ => None,
    }
}

/// What stands between quotes in a line: of the string that the cursor is in or on, or of the next one. On a quote the
/// strings are counted from the line's start; elsewhere the nearest quote before begins it. A backslash hides a quote.
fn quoted(line: &str, at: usize, quote: char) -> Option<Range<usize>> {
    let mut hidden = false;
    let mut quotes = Vec::new();
    for (i, c) in line.char_indices() {
        if c == quote && !hidden {
            quotes.push(i);
        }
        hidden = c == '\\' && !hidden;
    }
    let open = match quotes.binary_search(&at) {
        Ok(n) => n - n % 2,
        Err(0) => 0,
        Err(n) => n - 1,
    };
    Some(quotes.get(open)? + 1..*quotes.get(open + 1)?)
}

/// What stands between the brackets round the cursor; on a bracket its own pair is meant.
fn bracketed(text: &str, at: usize) -> Option<Range<usize>> {
    enclosing(text, if text[at..].starts_with('(') { at + 1 } else { at })
}

/// What stands between the brackets that open before a place and close behind it.
fn enclosing(text: &str, at: usize) -> Option<Range<usize>> {
    let open = unpaired(text[..at].char_indices().rev(), '(', ')')? + 1;
    let close = open + unpaired(text[open..].char_indices(), ')', '(')?;
    Some(open..close)
}

/// The first `wanted` that none of the `other` brackets before it belongs to.
fn unpaired(mut chars: impl Iterator<Item = (usize, char)>, wanted: char, other: char) -> Option<usize> {
    let mut depth = 0usize;
    let hit = chars.find(|(_, c)| {
        let found = *c == wanted && depth == 0;
        if *c == wanted {
            depth = depth.saturating_sub(1);
        } else if *c == other {
            depth += 1;
        }
        found
    })?;
    Some(hit.0)
}
