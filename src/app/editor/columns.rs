//! Columns of a line as drawn. A line may be megabytes long: places on the way are kept, so that a key looks at no more of it than is
//! in view.

use crate::text;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use unicode_segmentation::UnicodeSegmentation;

/// Bytes between two places that are kept; the tests have short lines.
const STRIDE: usize = if cfg!(test) { 8 } else { 512 };

/// A byte of a line at which a character begins, as a reader sees characters, and its column.
type Place = (usize, usize);

/// Places that are known, by the numbers of their lines.
#[derive(Default)]
pub(super) struct Columns {
    long: RefCell<BTreeMap<usize, Vec<Place>>>,
}

impl Columns {
    pub(super) fn clear(&mut self) {
        self.long.get_mut().clear();
    }

    /// A line was changed from `at` on; where that made or joined lines, all behind it have other numbers.
    pub(super) fn edited(&mut self, line: usize, at: usize, lines: bool) {
        let long = self.long.get_mut();
        if lines {
            long.split_off(&(line + 1));
        }
        if let Some(places) = long.get_mut(&line) {
            // What is typed at a place may belong to the character before it.
            places.truncate(places.partition_point(|p| p.0 < at));
        }
    }

    /// The character that holds a byte of the line, or the line's end.
    pub(super) fn of_byte(&self, line: usize, text: &str, byte: usize) -> Place {
        self.seek(line, text, |p| p.0 > byte)
    }

    /// The character that stands in a column of the line, or the line's end.
    pub(super) fn of_column(&self, line: usize, text: &str, column: usize) -> Place {
        self.seek(line, text, |p| p.1 > column)
    }

    /// The first character whose end is beyond what is looked for.
    fn seek(&self, line: usize, text: &str, beyond: impl Fn(Place) -> bool) -> Place {
        if text.len() <= STRIDE {
            return walk(text, (0, 0), text.len(), &beyond).unwrap_or_else(|end| end);
        }
        let mut long = self.long.borrow_mut();
        let places = long.entry(line).or_default();
        let known = places.partition_point(|p| !beyond(*p));
        let mut at = known.checked_sub(1).map_or((0, 0), |i| places[i]);
        loop {
            let next = plain(text, at).filter(|next| !beyond(*next)).map_or_else(|| walk(text, at, STRIDE, &beyond), Err);
            at = match next {
                Ok(found) => return found,
                Err(end) if end.0 == text.len() => return end,
                Err(next) => next,
            };
            if places.last().is_none_or(|p| p.0 < at.0) {
                places.push(at);
            }
        }
    }
}

/// A stride on, where every character takes a byte and a column: nearly all of a long line is so.
fn plain(text: &str, (at, column): Place) -> Option<Place> {
    let bytes = text.as_bytes();
    let end = at + STRIDE;
    // What follows may be a mark of the last letter.
    let ends = bytes.get(end).is_none_or(u8::is_ascii);
    // Without an early end it is done many bytes at a time.
    let all = bytes.get(at..end)?.iter().fold(true, |all, b| all & matches!(b, b' '..=b'~'));
    (all && ends).then_some((end, column + STRIDE))
}

/// From a place over `bytes` bytes: the first character that ends beyond what is looked for, else where they end.
fn walk(text: &str, (mut at, mut column): Place, bytes: usize, beyond: &impl Fn(Place) -> bool) -> Result<Place, Place> {
    let end = at + bytes;
    for cluster in text[at..].graphemes(true) {
        if at >= end {
            break;
        }
        let next = (at + cluster.len(), column + shown_width(cluster));
        if beyond(next) {
            return Ok((at, column));
        }
        (at, column) = next;
    }
    Err((at, column))
}

/// Columns that a character of the text takes as drawn: tabs are four.
pub fn shown_width(cluster: &str) -> usize {
    match cluster.as_bytes() {
        b"\t" => 4,
        [b' '..=b'~'] => 1,
        _ => text::width(&shown(cluster)),
    }
}

/// A character as it is drawn: controls are shown, and marks that have no letter before them.
pub fn shown(cluster: &str) -> Cow<'_, str> {
    match text::clean(cluster) {
        alone if text::width(&alone) == 0 => Cow::Owned(cluster.chars().map(|c| format!("\\u{{{:x}}}", u32::from(c))).collect()),
        clean => clean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What is kept on the way says what counting from the line's start says, whatever was looked for before.
        #[test]
        fn places_that_are_kept_are_those_that_are_counted(
            parts in prop::collection::vec("[a-z ]{1,12}|\t|é|e\u{301}|漢|한|👨\u{200d}👩\u{200d}👧|🇩🇪|❤\u{fe0f}|\u{202e}|\u{301}", 1..40),
            edits in prop::collection::vec((any::<prop::sample::Index>(), "[a-z]{0,9}|\u{301}|🇩|\u{200d}"), 0..6),
            looks in prop::collection::vec(0usize..300, 1..12),
        ) {
            let mut line = parts.concat();
            let mut columns = Columns::default();
            for edit in edits.into_iter().map(Some).chain([None]) {
                for look in &looks {
                    let byte = walk(&line, (0, 0), line.len(), &|p: Place| p.0 > *look);
                    prop_assert_eq!(columns.of_byte(3, &line, *look), byte.unwrap_or_else(|end| end));
                    let column = walk(&line, (0, 0), line.len(), &|p: Place| p.1 > *look);
                    prop_assert_eq!(columns.of_column(3, &line, *look), column.unwrap_or_else(|end| end));
                }
                let Some((at, new)) = edit else { break };
                let at = line.floor_char_boundary(at.index(line.len() + 1));
                line.insert_str(at, &new);
                columns.edited(3, at, false);
            }
        }
    }
}
