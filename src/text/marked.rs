//! Cleaned text that knows which of it the screen put there: `\u{200b}` for a character that cannot be seen looks letter by letter like a
//! text that says so, and is drawn unlike it.

use super::{SHOWN_BYTES, escape_into, truncate};
use crate::model::Cell;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marked {
    pub words: String,
    /// The bytes of `words` that stand for something else, in order.
    escapes: Vec<Range<usize>>,
}

impl Marked {
    /// Cleans a text.
    pub fn of(text: &str) -> Marked {
        let mut out = Marked::default();
        out.push(text);
        out
    }

    /// Adds a text, cleaned.
    pub fn push(&mut self, text: &str) {
        let Marked { words, escapes } = self;
        escape_into(text, words, |put| match escapes.last_mut() {
            Some(last) if last.end == put.start => last.end = put.end,
            _ => escapes.push(put),
        });
    }

    /// Adds what stands for something that is no text.
    pub fn push_escape(&mut self, words: &str) {
        let start = self.words.len();
        self.words.push_str(words);
        match self.escapes.last_mut() {
            Some(last) if last.end == start => last.end = self.words.len(),
            _ => self.escapes.push(start..self.words.len()),
        }
    }

    /// Adds another one.
    pub fn append(&mut self, other: Marked) {
        let start = self.words.len();
        self.words.push_str(&other.words);
        self.escapes.extend(other.escapes.into_iter().map(|e| e.start + start..e.end + start));
    }

    /// A text from its beginning: a mark that has no letter before it would not be seen.
    pub fn push_line(&mut self, text: &str) {
        let alone = text.chars().take_while(|c| c.width() == Some(0) && !super::hidden(*c)).map(char::len_utf8).sum();
        for c in text[..alone].chars() {
            self.push_escape(&format!("\\u{{{:x}}}", u32::from(c)));
        }
        self.push(&text[alone..]);
    }

    /// The same behind so many characters.
    pub fn behind(&self, characters: usize) -> Marked {
        let from = self.words.char_indices().nth(characters).map_or(self.words.len(), |(at, _)| at);
        let moved = |e: &Range<usize>| e.start.saturating_sub(from)..e.end.saturating_sub(from);
        Marked { words: self.words[from..].into(), escapes: self.escapes.iter().map(moved).filter(|e| !e.is_empty()).collect() }
    }

    /// The columns of the screen that hold what the screen put there, when the text is drawn in so many.
    pub fn columns(&self, width: usize) -> Vec<Range<usize>> {
        if self.escapes.is_empty() {
            return Vec::new();
        }
        let cut = truncate(&self.words, width);
        let shown = if cut.len() == self.words.len() { cut.len() } else { cut.len().saturating_sub("…".len()) };
        let mut out: Vec<Range<usize>> = Vec::new();
        let mut column = 0;
        for (at, cluster) in self.words.get(..shown).unwrap_or_default().grapheme_indices(true) {
            let next = column + super::width(cluster);
            if self.escapes.iter().any(|e| e.contains(&at)) {
                match out.last_mut() {
                    Some(last) if last.end == column => last.end = next,
                    _ => out.push(column..next),
                }
            }
            column = next;
        }
        out
    }
}

/// A cell as one line for the screen: cleaned, cut at [`SHOWN_BYTES`]; invalid UTF-8 as `\xff`; NULL is `None`, so that
/// the caller draws it unlike the text "NULL".
pub fn cell_marked(cell: Cell<'_>) -> Option<Marked> {
    let (bytes, binary) = match cell {
        Cell::Null => return None,
        Cell::Text(b) | Cell::Number(b) => (b, false),
        Cell::Binary(b) => (b, true),
    };
    let cut = &bytes[..bytes.len().min(SHOWN_BYTES)];
    let mut out = Marked::default();
    if binary {
        // A text of the same letters has no such beginning.
        out.push_escape("\\x");
        out.words.push_str(&hex::encode(cut));
    } else {
        for chunk in cut.utf8_chunks() {
            if out.words.is_empty() {
                out.push_line(chunk.valid())
            } else {
                out.push(chunk.valid())
            }
            // A character cut in half at the limit is no invalid byte of the value.
            let at_cut = cut.len() < bytes.len() && chunk.invalid().as_ptr_range().end == cut.as_ptr_range().end;
            if !at_cut {
                for b in chunk.invalid() {
                    out.push_escape(&format!("\\x{b:02x}"));
                }
            }
        }
    }
    if cut.len() < bytes.len() {
        out.words.push('…');
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{cell_line, clean};

    fn escapes(cell: Cell<'_>) -> Vec<String> {
        let m = cell_marked(cell).unwrap();
        m.escapes.iter().map(|e| m.words[e.clone()].to_string()).collect()
    }

    #[test]
    fn what_the_screen_put_there_is_known() {
        assert_eq!(escapes(Cell::Text("a\u{200b}b\\u{200b}\0␀".as_bytes())), ["\\u{200b}", "␀"]);
        assert_eq!(escapes(Cell::Text(b"\xff\xfe\\xff\n\t")), ["\\xff\\xfe", "␊␉"]);
        assert_eq!(escapes(Cell::Text(b"\\xff")), [""; 0]);
        assert_eq!(escapes(Cell::Binary(b"\xff")), ["\\x"]);
        assert_eq!(escapes(Cell::Text("\u{301}a".as_bytes())), ["\\u{301}"], "it has no letter");
        let m = Marked::of("漢\u{200b}x\0y");
        assert_eq!(m.words, "漢\\u{200b}x␀y");
        assert_eq!(m.columns(80), [2..10, 11..12]);
        assert_eq!(m.columns(6).last(), Some(&(2..5)), "the sign of what is cut off is none of it");
        assert!(m.columns(0).is_empty());
        assert_eq!(m.behind(4).columns(80), [0..5, 6..7]);
    }

    proptest::proptest! {
        #[test]
        fn the_words_are_those_of_clean(s in ".*") {
            let m = Marked::of(&s);
            proptest::prop_assert_eq!(&m.words, &clean(&s));
            proptest::prop_assert_eq!(Marked::of(&m.words), Marked { words: m.words.clone(), escapes: Vec::new() }, "once is enough");
            let line = cell_line(Cell::Text(s.as_bytes())).unwrap();
            proptest::prop_assert_eq!(cell_line(Cell::Text(line.as_bytes())), Some(line));
        }
    }
}
