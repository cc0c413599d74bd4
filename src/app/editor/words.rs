//! Places in a text to go to: characters as a reader sees them, words, brackets. Pure functions of a text and a byte.

use crate::sql::{Token, TokenKind};
use unicode_segmentation::UnicodeSegmentation;

/// The place before the character that ends at `at`.
pub fn left(text: &str, at: usize) -> usize {
    // A line end is one character; before that a character is never longer than its line.
    let line = text[..at].rfind('\n').map_or(0, |n| n + 1);
    if line == at {
        return at.saturating_sub(1);
    }
    // Only the end is cut into clusters: a line may be megabytes long.
    let mut from = at.saturating_sub(64).max(line);
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    at - text[from..at].graphemes(true).next_back().map_or(0, str::len)
}

/// The place behind the character that starts at `at`.
pub fn right(text: &str, at: usize) -> usize {
    at + text[at..].graphemes(true).next().map_or(0, str::len)
}

/// What a character is for those that go by words.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Class {
    Blank,
    Word,
    Mark,
}

fn class(c: char) -> Class {
    if c.is_whitespace() {
        Class::Blank
    } else if c.is_alphanumeric() || c == '_' {
        Class::Word
    } else {
        Class::Mark
    }
}

/// What stands at a place, if anything does.
pub fn class_at(text: &str, at: usize) -> Option<Class> {
    behind(text, at).map(class)
}

fn before(text: &str, at: usize) -> Option<char> {
    text[..at].chars().next_back()
}

fn behind(text: &str, at: usize) -> Option<char> {
    text[at..].chars().next()
}

/// Back over everything that `f` takes.
fn back_while(text: &str, mut at: usize, f: impl Fn(char) -> bool) -> usize {
    while let Some(c) = before(text, at).filter(|c| f(*c)) {
        at -= c.len_utf8();
    }
    at
}

fn on_while(text: &str, mut at: usize, f: impl Fn(char) -> bool) -> usize {
    while let Some(c) = behind(text, at).filter(|c| f(*c)) {
        at += c.len_utf8();
    }
    at
}

/// The start of the word before.
pub fn word_left(text: &str, at: usize) -> usize {
    let at = back_while(text, at, char::is_whitespace);
    let Some(c) = before(text, at).map(class) else { return at };
    back_while(text, at, |x| class(x) == c)
}

/// The start of the next word.
pub fn word_right(text: &str, at: usize) -> usize {
    let at = match behind(text, at).map(class) {
        None => return at,
        Some(Class::Blank) => at,
        Some(c) => on_while(text, at, |x| class(x) == c),
    };
    on_while(text, at, char::is_whitespace)
}

/// Behind the end of the word that the cursor is in or before.
pub fn word_end_right(text: &str, at: usize) -> usize {
    let at = on_while(text, at, char::is_whitespace);
    match behind(text, at).map(class) {
        None => at,
        Some(c) => on_while(text, at, |x| class(x) == c),
    }
}

/// The start of the run of letters and digits before: what Emacs calls a word, in its SQL mode, too (`_` is a symbol's sign there).
pub fn letters_left(text: &str, at: usize) -> usize {
    let at = back_while(text, at, |c| !c.is_alphanumeric());
    back_while(text, at, char::is_alphanumeric)
}

/// Behind the end of the next one.
pub fn letters_right(text: &str, at: usize) -> usize {
    let at = on_while(text, at, |c| !c.is_alphanumeric());
    on_while(text, at, char::is_alphanumeric)
}

/// The word or the run of marks or blanks that holds `at`, inside its line.
pub fn word_at(text: &str, at: usize) -> std::ops::Range<usize> {
    let Some(c) = behind(text, at).filter(|c| *c != '\n').map(class) else { return at..at };
    let f = |x: char| x != '\n' && class(x) == c;
    back_while(text, at, f)..on_while(text, at, f)
}

/// The brackets that belong together, one of them under or just before the cursor: their bytes. `tokens` lie in order;
/// brackets in strings and comments are none.
pub fn brackets(text: &str, tokens: &[Token], cursor: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let is = |t: &Token| t.kind == TokenKind::Punctuation && t.span.len() == 1 && b"()[]".contains(&bytes[t.span.start]);
    let find = |at: usize| {
        let i = tokens.partition_point(|t| t.span.end <= at);
        tokens.get(i).filter(|t| t.span.start == at && is(t)).map(|_| i)
    };
    let from = find(cursor).or_else(|| find(cursor.checked_sub(1)?))?;
    let open = bytes[tokens[from].span.start];
    let mut stack: Vec<u8> = Vec::new();
    let forward = matches!(open, b'(' | b'[');
    let mut rest: Box<dyn Iterator<Item = &Token>> =
        if forward { Box::new(tokens[from..].iter()) } else { Box::new(tokens[..=from].iter().rev()) };
    rest.find_map(|t| {
        if !is(t) {
            return None;
        }
        let b = bytes[t.span.start];
        if matches!(b, b'(' | b'[') == forward {
            stack.push(b);
            return None;
        }
        let fits = matches!((stack.pop(), b), (Some(b'('), b')') | (Some(b'['), b']') | (Some(b')'), b'(') | (Some(b']'), b'['));
        // Brackets that cross belong to nothing.
        (!fits || stack.is_empty()).then_some(fits.then_some((tokens[from].span.start, t.span.start)))
    })
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Dialect;
    use crate::sql::lex;

    #[test]
    fn words_and_characters_as_a_reader_sees_them() {
        let t = "a.bc  = 'e\u{301}x';\nnext";
        assert_eq!(word_right(t, 0), 1);
        assert_eq!(word_right(t, 1), 2);
        assert_eq!(word_right(t, 2), 6);
        assert_eq!(word_left(t, 6), 2);
        assert_eq!(word_end_right(t, 1), 2);
        let e = t.find('e').unwrap();
        assert_eq!(right(t, e), e + 3, "a letter with its accent");
        assert_eq!(left(t, e + 3), e);
        let line = t.find('\n').unwrap();
        assert_eq!((right(t, line), left(t, line + 1)), (line + 1, line));
        assert_eq!((left(t, 0), right(t, t.len())), (0, t.len()));
        assert_eq!(&t[word_at(t, 3)], "bc");
    }

    #[test]
    fn brackets_are_matched_by_tokens() {
        let t = "select (a, ')', f(x[1])) -- )";
        let tokens = lex(Dialect::Postgres, t);
        let (open, close) = (7, t.find(" --").unwrap() - 1);
        assert_eq!(brackets(t, &tokens, open), Some((open, close)));
        assert_eq!(brackets(t, &tokens, close), Some((close, open)));
        assert_eq!(brackets(t, &tokens, close + 1), Some((close, open)), "just before the cursor");
        assert_eq!(brackets(t, &tokens, t.find(')').unwrap()), None, "inside a string");
        let square = t.find('[').unwrap();
        assert_eq!(brackets(t, &tokens, square), Some((square, square + 2)));
        let t = "(]";
        assert_eq!(brackets(t, &lex(Dialect::Postgres, t), 0), None);
    }
}
