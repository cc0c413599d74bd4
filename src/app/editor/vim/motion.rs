//! Places that a key of NORMAL goes to.

use crate::app::editor::Editor;
use crate::app::editor::words::{Class, class_at, left, right};

/// A place to go to, and what lies between for an operator.
pub(super) struct Motion {
    pub to: usize,
    pub inclusive: bool,
    pub lines: bool,
}

fn exclusive(to: usize) -> Motion {
    Motion { to, inclusive: false, lines: false }
}

fn inclusive(to: usize) -> Motion {
    Motion { to, inclusive: true, lines: false }
}

fn lines(to: usize) -> Motion {
    Motion { to, inclusive: false, lines: true }
}

/// Where the keys lead, `n` times; `count` is 0 where none was typed. `operator` waits for the motion. `None`: nowhere,
/// and an operator does nothing.
pub(super) fn motion(e: &Editor, keys: &[char], count: usize, operator: Option<char>) -> Option<Motion> {
    let n = count.max(1);
    let (text, at, line) = (e.text(), e.cursor_byte(), e.cursor_line());
    let (span, last) = (e.line_span(line), last_line(e).max(line));
    let repeat = |f: &dyn Fn(usize) -> usize| (0..n).fold(at, |p, _| f(p));
    Some(match keys {
        ['h'] => exclusive(repeat(&|p| if p > span.start { left(text, p) } else { p })),
        ['l'] => exclusive(repeat(&|p| if p < span.end { right(text, p) } else { p })),
        // From the last line no key leads down, from the first none up.
        ['j'] if line < last => lines(e.line_span((line + n).min(last)).start),
        ['k'] if line > 0 => lines(e.line_span(line.saturating_sub(n)).start),
        // `cw` on a word leaves the blank behind it.
        ['w'] if operator == Some('c') && class_at(text, at).is_some_and(|c| c != Class::Blank) => inclusive(word_end(text, at, n, true)),
        ['w'] => exclusive(next_word(text, at, n, operator.is_some())),
        ['b'] if at > 0 => exclusive(word_before(text, at, n)),
        ['e'] => {
            let to = word_end(text, at, n, false);
            Motion { to, inclusive: to < text.len(), lines: false }
        }
        ['0'] => exclusive(span.start),
        ['^'] => exclusive(first_letter(e, line)),
        ['$'] => {
            if n > 1 && line == last {
                return None;
            }
            let end = e.line_span((line + n - 1).min(last));
            inclusive(if end.is_empty() { end.start } else { left(text, end.end) })
        }
        ['g', 'g'] | ['G'] => {
            let to = if count > 0 {
                count - 1
            } else if keys == ['G'] {
                last
            } else {
                0
            };
            lines(first_letter(e, to.min(last)))
        }
        ['f' | 't', c] => {
            let ahead = &text[right(text, at).min(span.end)..span.end];
            let (i, _) = ahead.char_indices().filter(|(_, x)| x == c).nth(n - 1)?;
            let hit = span.end - ahead.len() + i;
            inclusive(if keys[0] == 'f' { hit } else { left(text, hit) })
        }
        _ => return None,
    })
}

/// The last line: a line end ends it, and begins none.
pub(super) fn last_line(e: &Editor) -> usize {
    let last = e.line_count() - 1;
    if e.line_span(last).is_empty() { last.saturating_sub(1) } else { last }
}

/// The byte of a line's first character that is no blank, or of its last one.
pub(super) fn first_letter(e: &Editor, line: usize) -> usize {
    let span = e.line_span(line);
    let part = &e.text()[span.clone()];
    let blanks = part.len() - part.trim_start().len();
    if blanks == part.len() && blanks > 0 { left(e.text(), span.end) } else { span.start + blanks }
}

/// The place is an empty line, which is a word of its own.
fn empty_line(text: &str, at: usize) -> bool {
    (at == 0 || text.as_bytes()[at - 1] == b'\n') && matches!(text.as_bytes().get(at), None | Some(b'\n'))
}

fn line_end(text: &str, at: usize) -> bool {
    matches!(text.as_bytes().get(at), None | Some(b'\n'))
}

/// The class of what is at a place; a line's end is a blank.
fn class(text: &str, at: usize) -> Class {
    class_at(text, at).unwrap_or(Class::Blank)
}

/// The start of the `n`th word from here. For an operator the last one ends with its line.
fn next_word(text: &str, mut at: usize, n: usize, operator: bool) -> usize {
    for left in (0..n).rev() {
        let stops = operator && left == 0;
        let from = class(text, at);
        if at == text.len() || stops && line_end(text, at) {
            return if at == text.len() { at } else { at + 1 };
        }
        at = right(text, at);
        if stops && line_end(text, at) && from == Class::Blank {
            return at;
        }
        while from != Class::Blank && class(text, at) == from {
            at = right(text, at);
        }
        if stops && from != Class::Blank && line_end(text, at) {
            return at;
        }
        while at < text.len() && class(text, at) == Class::Blank && !empty_line(text, at) {
            at = right(text, at);
        }
    }
    at
}

/// The start of the `n`th word before.
fn word_before(text: &str, mut at: usize, n: usize) -> usize {
    for _ in 0..n {
        if at == 0 {
            return 0;
        }
        at = left(text, at);
        while at > 0 && class(text, at) == Class::Blank && !empty_line(text, at) {
            at = left(text, at);
        }
        let word = class(text, at);
        while word != Class::Blank && at > 0 && class(text, left(text, at)) == word {
            at = left(text, at);
        }
    }
    at
}

/// The last character of the `n`th word; with `here` the one that the cursor is on counts as the first.
fn word_end(text: &str, mut at: usize, n: usize, here: bool) -> usize {
    for i in 0..n {
        if at == text.len() {
            return at;
        }
        let mut to = if here && i == 0 { at } else { right(text, at) };
        while to < text.len() && class(text, to) == Class::Blank {
            to = right(text, to);
        }
        let word = class(text, to);
        if word == Class::Blank {
            return text.len();
        }
        while to < text.len() && class(text, right(text, to)) == word {
            to = right(text, to);
        }
        at = to;
    }
    at
}
