//! What `i` and a letter mean: the word, the string, the brackets, the paragraph at the cursor.

use crate::app::editor::Editor;
use crate::app::editor::words;
use std::ops::Range;

/// Letters that name an object behind `i`.
pub(super) const LETTERS: [char; 8] = ['w', '"', '\'', '`', '(', ')', 'b', 'p'];

/// The bytes of `n` objects from the cursor on, and whether they are whole lines. A count of brackets goes outwards; one of strings
/// takes their quotes, too.
pub(super) fn object(e: &Editor, letter: char, n: usize) -> Option<(Range<usize>, bool)> {
    let (text, at, line) = (e.text(), e.cursor_byte(), e.cursor_line());
    match letter {
        'w' => {
            let (last, within) = words_on(text, at, n)?;
            let end = if within && !line_ends(text, last) { words::right(text, last) } else { last };
            Some((words::word_at(text, at).start..end, false))
        }
        '"' | '\'' | '`' => {
            let span = e.line_span(line);
            let inner = quoted(&text[span.clone()], at - span.start, letter)?;
            let quotes = usize::from(n > 1);
            Some((span.start + inner.start - quotes..span.start + inner.end + quotes, false))
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
            let first = block_start(e, line);
            let last = (1..n).try_fold(block(e, line), |last, _| (last + 1 < e.line_count()).then(|| block(e, last + 1)))?;
            Some((e.line_span(first).start..e.line_span(last).end, true))
        }
        _ => None,
    }
}

fn blank(e: &Editor, line: usize) -> bool {
    e.text()[e.line_span(line)].trim().is_empty()
}

/// The first line of the paragraph, or of the empty lines, that a line is of.
fn block_start(e: &Editor, line: usize) -> usize {
    let kind = blank(e, line);
    (0..=line).rev().take_while(|l| blank(e, *l) == kind).last().unwrap_or(line)
}

/// The last line of the paragraph, or of the empty lines, that a line is of.
fn block(e: &Editor, line: usize) -> usize {
    let kind = blank(e, line);
    (line..e.line_count()).take_while(|l| blank(e, *l) == kind).last().unwrap_or(line)
}

/// The last character of `n` words or runs of blanks from the cursor's on, and whether it is itself a part of them: behind blanks that
/// end with an empty line it is the start of the next one.
pub(super) fn words_on(text: &str, at: usize, n: usize) -> Option<(usize, bool)> {
    (1..n).try_fold((word_last(text, at), true), |(at, _), _| word_behind(text, at))
}

/// The last character of the word or the blanks at a place.
fn word_last(text: &str, at: usize) -> usize {
    let first = words::word_at(text, at);
    if first.is_empty() { at } else { words::left(text, first.end).max(first.start) }
}

/// The ends of a selection that `n` words make, as many of them as there are.
pub(super) fn words_selected(text: &str, at: usize, n: usize) -> (usize, usize) {
    (words::word_at(text, at).start, as_far(word_last(text, at), n - 1, |at| word_behind(text, at).map(|w| w.0)))
}

/// Goes `n` steps, or as many as there are.
fn as_far(at: usize, n: usize, step: impl Fn(usize) -> Option<usize>) -> usize {
    std::iter::successors(Some(at), |at| step(*at)).take(n + 1).last().unwrap_or(at)
}

fn line_ends(text: &str, at: usize) -> bool {
    matches!(text.as_bytes().get(at), None | Some(b'\n'))
}

/// The next word or run of blanks behind the character at a place, as [`words_on`] gives it.
fn word_behind(text: &str, at: usize) -> Option<(usize, bool)> {
    let starts = |p: usize| p == 0 || text.as_bytes()[p - 1] == b'\n';
    let next = |p: usize| (p < text.len()).then(|| words::right(text, p));
    let mut to = next(at)?;
    // The end of a line that is not empty is no place.
    if line_ends(text, to) && !starts(to) {
        to = next(to)?;
    }
    if !line_ends(text, to) && words::class_at(text, to) != Some(words::Class::Blank) {
        return Some((words::left(text, words::word_at(text, to).end), true));
    }
    let mut end = next(to)?;
    if !line_ends(text, to) && !line_ends(text, end) {
        while end < text.len() && words::class_at(text, end) == Some(words::Class::Blank) && !(starts(end) && line_ends(text, end)) {
            end = words::right(text, end);
        }
    }
    Some(if starts(end) { (end, false) } else { (words::left(text, end), true) })
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

/// A selection from `anchor` to the cursor that grows by `n` objects: its new ends. Of words and paragraphs it takes as many as there are.
/// `None` where an object takes its place instead.
pub(super) fn extended(e: &Editor, letter: char, n: usize, anchor: usize) -> Option<(usize, usize)> {
    let (text, at) = (e.text(), e.cursor_byte());
    let backwards = at < anchor;
    match letter {
        'w' if backwards => Some((anchor, as_far(at, n, |start| run_before(e, start)))),
        'w' => Some((anchor, as_far(at, n, |at| word_behind(text, at).map(|w| w.0)))),
        '(' | ')' | 'b' => {
            let (from, to) = (anchor.min(at), words::right(text, anchor.max(at)));
            let mut inside = enclosing(text, from)?;
            // The brackets round all of it; where just that is selected already, the next ones.
            while inside.end < to || inside == (from..to) {
                inside = enclosing(text, inside.start - 1)?;
            }
            Some((inside.start, words::left(text, inside.end)))
        }
        'p' => {
            let step = |line: usize| match backwards {
                true => line.checked_sub(1).map(|l| block_start(e, l)),
                false => Some(line + 1).filter(|l| *l < e.line_count()).map(|l| block(e, l)),
            };
            Some((anchor, e.line_span(as_far(e.line_of(at), n, step)).start))
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
