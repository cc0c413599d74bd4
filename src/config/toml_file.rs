//! Reading one TOML file so that every complaint about it names file:line:column and the nearest valid key.
//!
//! Two ways: [`parse`] for files with a fixed shape (serde), and [`Tree`] for what is layered or has free keys
//! (configuration, keymap, themes). What the keys mean is not known here.

use crate::model::{Error, Result};
use crate::text::clean;
use serde::de::DeserializeOwned;
use std::path::Path;

mod tree;

pub use tree::{At, Entry, Item, Node, Problems, Section, Tree};

/// Largest file that is read: beyond it somebody has named the wrong file.
const LARGEST: u64 = 4 << 20;

/// Reads a text file of the user's. Missing, unreadable, too large or not UTF-8 is an error that names the file.
pub fn read(path: &Path) -> Result<String> {
    let shown = shown(path);
    let failed = |e: std::io::Error| Error::usage(format!("reading {shown}: {e}"));
    let meta = std::fs::metadata(path).map_err(failed)?;
    if meta.is_dir() {
        return Err(Error::usage(format!("{shown} is a directory, not a file")));
    }
    if meta.len() > LARGEST {
        return Err(Error::usage(format!("{shown} is too large to be a configuration file ({})", crate::text::bytes(meta.len()))));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map_err(|e| {
        let good = e.utf8_error().valid_up_to();
        // Up to `good` the text is valid, so that position can be counted in characters.
        let valid = String::from_utf8_lossy(&e.as_bytes()[..good]).into_owned();
        error_at(&shown, &valid, good, "this byte is not UTF-8")
    })
}

/// A path as it is shown in messages.
pub fn shown(path: &Path) -> String {
    clean(&path.to_string_lossy()).into_owned()
}

/// Line and column (both from 1, columns in characters) of a byte offset.
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// A usage error that starts with `file:line:column: `.
pub fn error_at(file: &str, text: &str, offset: usize, message: impl std::fmt::Display) -> Error {
    let (line, column) = position(text, offset);
    Error::usage(format!("{file}:{line}:{column}: {message}"))
}

/// Deserialises a whole TOML file. Give the struct `#[serde(deny_unknown_fields)]`: an unknown key is then reported
/// with the nearest valid one.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T> {
    toml::from_str(text).map_err(|e| from_toml(file, text, &e))
}

/// The toml crate's error in our words. Its `Display` would quote the line, which may hold a password.
pub fn from_toml(file: &str, text: &str, err: &toml::de::Error) -> Error {
    let offset = err.span().map_or(0, |s| s.start);
    let message = err.message().trim().replace('\n', ", ");
    let mut out = match unknown_field(&message) {
        Some((what, word, valid)) => {
            let valid: Vec<&str> = valid.iter().map(String::as_str).collect();
            error_at(file, text, offset, unknown(&what, &word, "", &valid))
        }
        None => error_at(file, text, offset, clean(&message)),
    };
    if err.span().is_none() {
        // Without a span a line number would be a guess.
        out.message = format!("{file}: {}", clean(&message));
    }
    out
}

/// Takes serde's "unknown field `x`, expected one of `a`, `b`" apart.
fn unknown_field(message: &str) -> Option<(String, String, Vec<String>)> {
    let what = ["unknown field", "unknown variant"].into_iter().find(|w| message.starts_with(w))?;
    let mut quoted = message.split('`').skip(1).step_by(2).map(str::to_owned);
    let word = quoted.next()?;
    let what = if what.ends_with("field") { "key" } else { "value" };
    Some((what.to_owned(), word, quoted.collect()))
}

/// "unknown key `x` in […]; did you mean `y`?", or the valid words when none is near.
pub fn unknown(what: &str, word: &str, place: &str, valid: &[&str]) -> String {
    let place = if place.is_empty() { String::new() } else { format!(" in {place}") };
    let word_shown = clean(word);
    match nearest(word, valid.iter().copied()) {
        Some(near) => format!("unknown {what} `{word_shown}`{place}; did you mean `{near}`?"),
        None if valid.is_empty() => format!("unknown {what} `{word_shown}`{place}"),
        None => format!("unknown {what} `{word_shown}`{place}; expected {}", list(valid)),
    }
}

/// `a`, `b` or `c`.
pub fn list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [init @ .., last] => format!("{} or `{last}`", init.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// The candidate that was probably meant: a small edit distance for its length, or the word is its beginning.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .filter_map(|c| {
            let low = c.to_lowercase();
            let distance = strsim::damerau_levenshtein(&word, &low);
            let prefix = word.len() >= 3 && (low.starts_with(&word) || word.starts_with(&low) && low.len() >= 3);
            let near = distance <= (low.chars().count().max(word.chars().count()) / 3).max(1) && distance < low.chars().count();
            (near || prefix).then_some((distance, c))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Step {
        title: String,
        hold: bool,
    }

    #[test]
    fn positions_count_characters() {
        assert_eq!(position("ab\nüx = 1", 0), (1, 1));
        assert_eq!(position("ab\nüx = 1", 5), (2, 2));
        assert_eq!(position("ab\nüx = 1", 4), (2, 1), "inside of a character is its start");
        assert_eq!(position("ab", 99), (1, 3));
    }

    #[test]
    fn serde_errors_name_place_and_nearest_key() {
        let e = parse::<Step>("a.toml", "title = \"x\"\nhodl = true\n").unwrap_err();
        assert_eq!(e.message, "a.toml:2:1: unknown key `hodl`; did you mean `hold`?");
        let e = parse::<Step>("a.toml", "title = \"x\"\nhold = 3\n").unwrap_err();
        assert!(e.message.starts_with("a.toml:2:8: invalid type: integer"), "{}", e.message);
        let e = parse::<Step>("a.toml", "title = \n").unwrap_err();
        assert!(e.message.starts_with("a.toml:1:"), "{}", e.message);
        let e = parse::<Step>("a.toml", "title = \"x\"\n").unwrap_err();
        assert!(e.message.contains("missing field `hold`"), "{}", e.message);
    }

    #[test]
    fn errors_never_quote_the_line() {
        let e = parse::<Step>("a.toml", "password = \"s3cret\" oops\n").unwrap_err();
        assert!(!e.message.contains("s3cret"), "{}", e.message);
    }

    #[test]
    fn nearest_is_near() {
        assert_eq!(nearest("enviroment", ["environment", "engine"]), Some("environment"));
        assert_eq!(nearest("env", ["environment", "engine"]), Some("environment"));
        assert_eq!(nearest("zzz", ["environment", "engine"]), None);
        assert_eq!(nearest("Prot", ["port", "path"]), Some("port"));
    }

    #[test]
    fn files_that_are_no_text_are_refused_with_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.toml");
        std::fs::write(&path, b"a = 1\nb = \"\xff\"\n").unwrap();
        let e = read(&path).unwrap_err();
        assert!(e.message.ends_with("x.toml:2:6: this byte is not UTF-8"), "{}", e.message);
        assert!(read(dir.path()).unwrap_err().message.contains("is a directory"));
        assert!(read(&dir.path().join("none")).unwrap_err().message.contains("none"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_a_value_or_an_error(text in ".*", offset in 0usize..200) {
            let _ = parse::<Step>("x", &text);
            let _ = Tree::parse("x", &text, None);
            let (line, column) = position(&text, offset);
            proptest::prop_assert!(line >= 1 && column >= 1);
        }
    }
}
