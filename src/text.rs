//! The only way in which text from outside (databases, files, servers, tools) becomes displayable.
//!
//! Control and bidirectional characters are shown, not obeyed and not dropped: two values that differ look different.

use crate::model::Cell;
use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::LazyLock;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

mod marked;

pub use marked::{Marked, cell_marked};

/// True for characters that must never reach a terminal, that vanish or reorder what is around them, or that take as many columns as each
/// terminal likes: C0, DEL, C1, bidirectional controls (CVE-2021-42574), zero-width and invisible format characters, variation tags,
/// characters that Unicode has not assigned and those that are none.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2028}' | '\u{2029}'
            | '\u{3164}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
        || c >= '\u{ad}' && formats(c)
}

/// Unicode's categories Cf and Cn, but for the joiner of emoji and the Arabic signs that stand around numbers.
fn formats(c: char) -> bool {
    static CLASS: LazyLock<Vec<ClassUnicodeRange>> = LazyLock::new(|| class(r"[[\p{Cf}\p{Cn}]--[\p{pcm}\x{200D}]]"));
    within(&CLASS, c)
}

/// Signs that belong to a letter, and that terminals (by `wcwidth`) give a column of their own all the same: vowel signs of Indic scripts and
/// Khmer, the dot reph of Malayalam, the voiced marks of halfwidth katakana.
fn own_column(c: char) -> bool {
    static MARKS: LazyLock<Vec<ClassUnicodeRange>> = LazyLock::new(|| class(r"\p{Mc}"));
    c >= '\u{900}' && c.width() == Some(0) && (matches!(c, '\u{d4e}' | '\u{ff9e}' | '\u{ff9f}') || within(&MARKS, c))
}

fn class(pattern: &str) -> Vec<ClassUnicodeRange> {
    match regex_syntax::parse(pattern).map(Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => class.ranges().to_vec(),
        _ => Vec::new(),
    }
}

fn within(class: &[ClassUnicodeRange], c: char) -> bool {
    let place = |r: &ClassUnicodeRange| match () {
        () if r.end() < c => Ordering::Less,
        () if r.start() > c => Ordering::Greater,
        () => Ordering::Equal,
    };
    class.binary_search_by(place).is_ok()
}

fn show(c: char, out: &mut String) {
    match c {
        '\0'..='\x1f' => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')),
        '\x7f' => out.push('␡'),
        c => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
    }
}

/// Makes one line of outside text displayable: `ESC` becomes `␛`, a line feed `␊`, a bidi override `\u{202e}`.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    escape_into(text, &mut out, |_| ());
    Cow::Owned(out)
}

/// Adds a text to `out`, cleaned; `put` is told the bytes of each sign that stands there for a character.
fn escape_into(text: &str, out: &mut String, mut put: impl FnMut(Range<usize>)) {
    for c in text.chars() {
        let start = out.len();
        if hidden(c) {
            show(c, out);
            put(start..out.len());
        } else {
            out.push(c);
        }
    }
}

/// Like [`clean`], for several lines: line feeds stay, tabs become four spaces, everything else is shown.
pub fn clean_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push('\n'),
            '\t' => out.push_str("    "),
            '\r' => {}
            c if hidden(c) => show(c, &mut out),
            c => out.push(c),
        }
    }
    out
}

/// Cleaned text for XML and HTML.
pub fn markup(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    for c in clean(s).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Columns that the text takes on a terminal; call it on cleaned text. Where terminals disagree about letters it is the most that one of them
/// takes: a gap hides nothing.
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.width() } else { text.graphemes(true).map(columns).sum() }
}

/// Columns of one grapheme: as it is joined, or letter by letter (`wcwidth`; so tmux draws a skin tone beside its hand), whichever is more.
fn columns(grapheme: &str) -> usize {
    let joined = grapheme.width();
    if grapheme.len() < 3 {
        return joined;
    }
    let each = |c: char| c.width().unwrap_or(0) + usize::from(own_column(c));
    joined.max(grapheme.chars().map(each).sum())
}

/// Whether cleaned text takes at most `max` columns; no more of it is looked at than that takes.
fn fits(text: &str, max: usize) -> bool {
    beyond(text, max).is_none()
}

/// Where the first grapheme begins that does not end within `max` columns.
fn beyond(text: &str, max: usize) -> Option<usize> {
    let mut used = 0;
    let out = |(_, g): &(usize, &str)| {
        used += width(g);
        used > max
    };
    text.grapheme_indices(true).find(out).map(|(i, _)| i)
}

/// Cuts cleaned text to `max` columns at a grapheme's edge, ending in `…` when something was cut.
pub fn truncate(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max && text.is_ascii() || fits(text, max) {
        return Cow::Borrowed(text);
    }
    if max == 0 {
        return Cow::Borrowed("");
    }
    let mut out = String::new();
    let mut used = 0;
    for g in text.graphemes(true) {
        let w = width(g);
        if used + w > max - 1 {
            break;
        }
        out.push_str(g);
        used += w;
    }
    out.push('…');
    Cow::Owned(out)
}

/// Bytes of a statement that lists look at: enough to tell it from others and to find it by what it names. One of megabytes is data,
/// and reading it at every key would hold up the next.
pub const LISTED_BYTES: usize = 2048;

/// The beginning of a text as one line, each run of blanks as one blank, not yet cleaned; at most [`LISTED_BYTES`] of it, then `…`.
pub fn one_line(text: &str) -> String {
    let text = text.trim_start();
    let shown = &text[..text.floor_char_boundary(LISTED_BYTES)];
    let mut out = String::with_capacity(shown.len() + 4);
    for word in shown.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    if shown.len() < text.len() && !text[shown.len()..].trim_start().is_empty() {
        out.push_str(" …");
    }
    out
}

/// A text from outside as lines of at most `max` columns: cleaned, and of one that is too long to be read (a server's error may hold a value of
/// megabytes) the beginning with its size.
pub fn paragraph(text: &str, max: usize) -> Vec<String> {
    wrap(&clean(&beginning(text)), max)
}

/// At most [`LISTED_BYTES`] of a text, and how long all of it is.
pub fn beginning(text: &str) -> Cow<'_, str> {
    if text.len() <= LISTED_BYTES {
        return Cow::Borrowed(text);
    }
    let shown = &text[..text.floor_char_boundary(LISTED_BYTES)];
    Cow::Owned(format!("{shown} … ({} in all)", bytes(text.len() as u64)))
}

/// Breaks cleaned text at blanks into lines of at most `max` columns; what follows a break is indented as its line was.
/// A word that is longer than a line is cut.
pub fn wrap(text: &str, max: usize) -> Vec<String> {
    let max = max.max(1);
    let mut out = Vec::new();
    for line in text.split('\n') {
        // What fits keeps the blanks between its words: they may be columns.
        if fits(line, max) {
            out.push(line.trim_end().to_string());
            continue;
        }
        let indent: String = line.chars().take_while(|c| *c == ' ').take((max / 2).min(max.saturating_sub(2))).collect();
        let mut current = indent.clone();
        let mut empty = true;
        let mut rest = line.trim_end();
        while !rest.is_empty() {
            let start = rest.find(|c: char| !c.is_whitespace()).unwrap_or(0);
            let end = rest[start..].find(char::is_whitespace).map_or(rest.len(), |e| start + e);
            let mut word = &rest[start..end];
            // Blanks inside of a line are kept: they may stand in a literal.
            let mut blanks = if empty { 0 } else { rest[..start].chars().count() };
            rest = &rest[end..];
            // What is left of the line; nothing is left where the blanks alone are too many. A word may be megabytes: it is not measured whole.
            let left = |current: &str, blanks: usize| max.checked_sub(width(current) + blanks);
            if !empty && !left(&current, blanks).is_some_and(|left| fits(word, left)) {
                out.push(std::mem::replace(&mut current, indent.clone()));
                (empty, blanks) = (true, 0);
            }
            while !left(&current, blanks).is_some_and(|left| fits(word, left)) {
                let room = max - width(&current).min(max - 1);
                // The first grapheme always goes, however wide, so that this ends.
                let at = beyond(word, room).unwrap_or(word.len()).max(word.graphemes(true).next().map_or(1, str::len));
                current.push_str(&word[..at]);
                out.push(std::mem::replace(&mut current, indent.clone()));
                word = &word[at..];
                if word.is_empty() {
                    break;
                }
            }
            if word.is_empty() {
                continue;
            }
            current.extend(std::iter::repeat_n(' ', blanks));
            current.push_str(word);
            empty = false;
        }
        if !empty || line.trim().is_empty() {
            out.push(if empty { String::new() } else { current });
        }
    }
    out
}

/// A cell as the text that the server sent, for our own code: bytes that are no UTF-8 are replaced, binary becomes `\x…`.
pub fn cell_string(cell: Cell<'_>) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Text(b) | Cell::Number(b) => Some(String::from_utf8_lossy(b).into_owned()),
        Cell::Binary(b) => Some(format!("\\x{}", hex::encode(b))),
    }
}

/// Bytes of a cell that are looked at for the screen; the whole value is shown on demand.
pub const SHOWN_BYTES: usize = 4096;

/// [`cell_marked`] where it does not matter what the screen put there.
pub fn cell_line(cell: Cell<'_>) -> Option<String> {
    cell_marked(cell).map(|m| m.words)
}

/// One word of a POSIX shell, whatever is in it: for commands that are printed to be pasted.
pub fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The same, bare where a shell takes it as it is. Cleaned: what cannot be seen is not pasted.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    let text = clean(text);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) { text.into_owned() } else { shell_quoted(&text) }
}

/// `1 row`, `1,204 rows`: a number with its noun, whose plural takes an `s`.
pub fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(n), if n == 1 { "" } else { "s" })
}

/// The end of a text that fits `max` columns.
pub fn tail(text: &str, max: usize) -> &str {
    let mut used = 0;
    let mut from = text.len();
    for (at, g) in text.grapheme_indices(true).rev() {
        used += g.width();
        if used > max {
            break;
        }
        from = at;
    }
    &text[from..]
}

/// Groups digits by thousands: `1,204,000`.
pub fn thousands(n: u64) -> String {
    let s = n.to_string();
    let mut out = String::with_capacity(s.len() + s.len() / 3);
    for (i, c) in s.chars().enumerate() {
        if i > 0 && (s.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A byte count with its unit, decimal: `3.1 GB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut v = n as f64;
    let mut u = 0;
    while v >= 999.5 && u < UNITS.len() - 1 {
        v /= 1000.0;
        u += 1;
    }
    if u == 0 || v >= 99.5 { format!("{v:.0} {}", UNITS[u]) } else { format!("{v:.1} {}", UNITS[u]) }
}

/// A duration for people: `0.8 ms`, `12 ms`, `3.2 s`, `4 min 10 s`.
pub fn duration(d: std::time::Duration) -> String {
    let ms = d.as_secs_f64() * 1000.0;
    if ms < 9.95 {
        format!("{ms:.1} ms")
    } else if ms < 999.5 {
        format!("{ms:.0} ms")
    } else if ms < 59_950.0 {
        format!("{:.1} s", ms / 1000.0)
    } else {
        let s = (ms / 1000.0).round() as u64;
        if s < 3600 { format!("{} min {:02} s", s / 60, s % 60) } else { format!("{} h {:02} min", s / 3600, s % 3600 / 60) }
    }
}

/// `900 ms`, `12.3 s`, `41 min`, `1 h 02 min`: ten columns at most, up to a hundred hours.
pub fn age(ms: u64) -> String {
    match ms / 60_000 {
        0 => duration(std::time::Duration::from_millis(ms)),
        min @ 1..=59 => format!("{min} min"),
        min => format!("{} h {:02} min", min / 60, min % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pasted_into_a_shell_is_one_word() {
        let out = std::process::Command::new("sh")
            .args(["-c", &format!("printf %s {}", shell_quoted("a'$(echo no)'b `x` \\ \"q\""))])
            .output()
            .expect("a shell");
        assert_eq!(String::from_utf8_lossy(&out.stdout), "a'$(echo no)'b `x` \\ \"q\"");
    }

    #[test]
    fn controls_are_shown() {
        assert_eq!(clean("a\x1b[2Jb"), "a␛[2Jb");
        assert_eq!(clean("x\u{202e}y"), "x\\u{202e}y");
        // No terminal agrees with another on how wide these are: unassigned, no characters at all, signs of musical notation.
        for c in ['\u{378}', '\u{fdd0}', '\u{fffe}', '\u{ffff}', '\u{10ffff}', '\u{1d173}', '\u{ad}', '\u{200b}', '\u{feff}', '\u{fff9}'] {
            assert_eq!(clean(&format!("a{c}b")), format!("a\\u{{{:x}}}b", u32::from(c)));
        }
        for kept in ["é", "e\u{301}", "漢字", "👍🏽", "👩\u{200d}🔬", "\u{a0}", "\u{e000}", "\u{f0000}", "\u{600}", "हिन्दी", "עברית"]
        {
            assert_eq!(clean(kept), kept);
        }
        assert_eq!(clean("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(clean("line\nfeed\t\x7f"), "line␊feed␉␡");
        assert!(matches!(clean("plain — ü 漢字"), Cow::Borrowed(_)));
    }

    #[test]
    fn truncation_respects_wide_characters() {
        assert_eq!(truncate("漢字漢字", 5), "漢字…");
        assert_eq!(truncate("漢字漢字", 4), "漢…");
        assert_eq!(truncate("abc", 3), "abc");
        assert_eq!(truncate("abcd", 3), "ab…");
        assert_eq!(truncate("abcd", 0), "");
    }

    #[test]
    fn a_word_of_megabytes_is_broken_in_one_pass() {
        // Measured whole for each line that is cut from it, this would be 10^11 steps.
        let word = "x".repeat(4_000_000);
        let lines = wrap(&word, 76);
        assert_eq!((lines.len(), lines.concat().len()), (4_000_000_usize.div_ceil(76), 4_000_000));
        let lines = paragraph(&format!("invalid input: \u{1b}{word}"), 76);
        assert!(lines.len() < 40 && lines[1].starts_with("␛xxx") && lines.join(" ").contains("… (4.0 MB in all)"), "{lines:?}");
        assert_eq!(paragraph("a b", 76), ["a b"]);
    }

    #[test]
    fn vowel_signs_have_a_column_of_their_own() {
        // As `wcwidth` of glibc counts them.
        for (word, columns) in [
            ("বা", 2),
            ("ঢাকা", 4),
            ("நான்", 3),
            ("ମା", 2),
            ("മാ", 2),
            ("\u{d4e}ക", 2),
            ("ｶﾞ", 2),
            ("भाषा", 4),
            ("ខ្មែរ", 4),
            ("لا", 2),
            ("👨\u{200d}👩\u{200d}👧", 6),
            ("❤\u{fe0f}", 2),
            ("👍🏽", 4),
            ("e\u{301}", 1),
            ("漢", 2),
        ] {
            assert_eq!(width(word), columns, "{word}");
            assert_eq!(truncate(word, columns), word);
        }
        assert_eq!(truncate("ঢাকা", 3), "ঢা…");
    }

    #[test]
    fn wrapping_keeps_indentation_and_cuts_only_what_is_too_long() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a = '  x  ' and b", 12), ["a = '  x  '", "and b"]);
        assert_eq!(wrap("  one two three", 8), ["  one", "  two", "  three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("a\n\nb", 5), ["a", "", "b"]);
    }

    #[test]
    fn invalid_bytes_are_visible_and_null_is_not_text() {
        assert_eq!(cell_line(Cell::Text(b"a\xffb")).as_deref(), Some("a\\xffb"));
        assert_eq!(cell_line(Cell::Binary(b"\x00\x01")).as_deref(), Some("\\x0001"));
        assert_eq!(cell_line(Cell::Null), None);
        let long = "é".repeat(SHOWN_BYTES);
        let shown = cell_line(Cell::Text(&long.as_bytes()[..SHOWN_BYTES + 1])).unwrap();
        assert!(shown.ends_with('…') && !shown.contains("\\x"));
    }

    #[test]
    fn numbers_and_units() {
        assert_eq!(thousands(1204000), "1,204,000");
        assert_eq!(thousands(12), "12");
        assert_eq!(bytes(3_100_000_000), "3.1 GB");
        assert_eq!(duration(std::time::Duration::from_millis(812)), "812 ms");
        assert_eq!(duration(std::time::Duration::from_secs(250)), "4 min 10 s");
    }

    proptest::proptest! {
        #[test]
        fn nothing_cleaned_can_move_the_terminal(s in "\\PC*|.*") {
            let c = clean(&s);
            proptest::prop_assert!(!c.chars().any(hidden));
            let l = clean_lines(&s);
            proptest::prop_assert!(!l.chars().any(|c| c != '\n' && hidden(c)));
        }

        #[test]
        fn wrapped_lines_fit_and_lose_no_letter(s in "[a-zé漢 \n]*", n in 2usize..30) {
            let lines = wrap(&s, n);
            proptest::prop_assert!(lines.iter().all(|l| width(l) <= n));
            let letters = |t: &str| t.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            proptest::prop_assert_eq!(letters(&lines.concat()), letters(&s));
        }

        #[test]
        fn a_tail_fits_and_is_the_end(s in ".*", n in 0usize..40) {
            let c = clean(&s);
            let t = tail(&c, n);
            proptest::prop_assert!(width(t) <= n && c.ends_with(t));
            proptest::prop_assert!(t.len() == c.len() || width(t) + 2 >= n);
        }

        #[test]
        fn truncation_never_exceeds_its_width(s in ".*", n in 0usize..40) {
            let c = clean(&s);
            proptest::prop_assert!(width(&truncate(&c, n)) <= n);
        }
    }
}
