//! A key press, free of any terminal library, and how people write it.

use crate::text::clean;
use std::fmt;

/// Which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    Char(char),
    F(u8),
    Enter,
    Tab,
    Esc,
    Backspace,
    Delete,
    Insert,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
    PageUp,
    PageDown,
}

/// A key with its modifiers. Shift is folded into a character; Ctrl makes letters lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub code: Code,
    pub ctrl: bool,
    pub alt: bool,
    pub shift: bool,
}

const NAMES: &[(&str, Code)] = &[
    ("space", Code::Char(' ')),
    ("enter", Code::Enter),
    ("return", Code::Enter),
    ("tab", Code::Tab),
    ("esc", Code::Esc),
    ("escape", Code::Esc),
    ("backspace", Code::Backspace),
    ("delete", Code::Delete),
    ("del", Code::Delete),
    ("insert", Code::Insert),
    ("ins", Code::Insert),
    ("left", Code::Left),
    ("right", Code::Right),
    ("up", Code::Up),
    ("down", Code::Down),
    ("home", Code::Home),
    ("end", Code::End),
    ("pageup", Code::PageUp),
    ("pgup", Code::PageUp),
    ("pagedown", Code::PageDown),
    ("pgdn", Code::PageDown),
];

impl Key {
    pub const fn plain(code: Code) -> Self {
        Key { code, ctrl: false, alt: false, shift: false }
    }
    pub const fn char(c: char) -> Self {
        Key::plain(Code::Char(c))
    }
    pub const fn ctrl(c: char) -> Self {
        Key { code: Code::Char(c), ctrl: true, alt: false, shift: false }
    }

    /// The one form in which equal keys are equal, whatever a terminal reports: `Shift` and `a` is `A`, `Ctrl-P` is `Ctrl-p`.
    #[must_use]
    pub fn normal(mut self) -> Self {
        if let Code::Char(c) = self.code {
            if self.ctrl {
                self.code = Code::Char(c.to_ascii_lowercase());
                // A terminal reports Shift here or not, as it likes.
                self.shift = false;
            } else if c != ' ' {
                if self.shift && c.is_ascii_lowercase() {
                    self.code = Code::Char(c.to_ascii_uppercase());
                }
                self.shift = false;
            }
        }
        self
    }

    /// The character that this key types, if it types one.
    pub fn typed(self) -> Option<char> {
        match self.code {
            Code::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }

    /// Reads one key: `F5`, `C-p`, `A-Enter`, `g`, `?`, `Space`. The error is a clause without a place.
    pub fn parse(text: &str) -> Result<Key, String> {
        let mut key = Key::plain(Code::Esc);
        let mut rest = text;
        while let Some((modifier, after)) = rest.split_once('-').filter(|(m, after)| !m.is_empty() && !after.is_empty()) {
            match modifier.to_ascii_lowercase().as_str() {
                "c" | "ctrl" => key.ctrl = true,
                "a" | "alt" | "m" => key.alt = true,
                "s" | "shift" => key.shift = true,
                _ => return Err(format!("`{}` is not a key: before a `-` stand C, A or S", clean(text))),
            }
            rest = after;
        }
        let mut chars = rest.chars();
        key.code = match (chars.next(), chars.next()) {
            (None, _) => return Err("the key is empty".into()),
            (Some(c), None) if !c.is_control() && !c.is_whitespace() => Code::Char(c),
            _ => named(rest).ok_or_else(|| {
                let near = super::super::toml_file::nearest(rest, NAMES.iter().map(|(n, _)| *n));
                let hint = near
                    .map_or_else(|| "a character, F1…F24, or a name such as Space, Enter, PageUp".into(), |n| format!("did you mean {n}?"));
                format!("`{}` is not a key: {hint}", clean(text))
            })?,
        };
        let key = key.normal();
        match (key.ctrl, key.code) {
            (true, Code::Char('i')) => Err("terminals cannot tell C-i from Tab".into()),
            (true, Code::Char('m')) => Err("terminals cannot tell C-m from Enter".into()),
            (true, Code::Char('[')) => Err("terminals cannot tell C-[ from Esc".into()),
            _ => Ok(key),
        }
    }
}

fn named(text: &str) -> Option<Code> {
    let low = text.to_ascii_lowercase();
    if let Some(n) = low.strip_prefix('f').and_then(|n| n.parse::<u8>().ok()) {
        return (1..=24).contains(&n).then_some(Code::F(n));
    }
    NAMES.iter().find(|(n, _)| *n == low).map(|(_, c)| *c)
}

/// Reads keys that are pressed in turn, with blanks between.
pub fn sequence(text: &str) -> Result<Vec<Key>, String> {
    let keys = text.split_whitespace().map(Key::parse).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() { Err("the key is empty; a blank is written Space".into()) } else { Ok(keys) }
}

/// As people read it: `F5`, `Ctrl-P`, `Space`, `PgDn`, `q`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (on, name) in [(self.ctrl, "Ctrl-"), (self.alt, "Alt-"), (self.shift, "Shift-")] {
            if on {
                f.write_str(name)?;
            }
        }
        match self.code {
            Code::Char(' ') => f.write_str("Space"),
            Code::Char(c) if self.ctrl => write!(f, "{}", c.to_ascii_uppercase()),
            Code::Char(c) => write!(f, "{c}"),
            Code::F(n) => write!(f, "F{n}"),
            Code::PageUp => f.write_str("PgUp"),
            Code::PageDown => f.write_str("PgDn"),
            Code::Delete => f.write_str("Del"),
            Code::Insert => f.write_str("Ins"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// A sequence as people read it.
pub fn show(keys: &[Key]) -> String {
    keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_shown() {
        for (text, shown) in [
            ("F5", "F5"),
            ("f12", "F12"),
            ("C-p", "Ctrl-P"),
            ("Ctrl-P", "Ctrl-P"),
            ("A-Enter", "Alt-Enter"),
            ("S-Tab", "Shift-Tab"),
            ("S-a", "A"),
            ("G", "G"),
            ("-", "-"),
            ("C--", "Ctrl--"),
            ("?", "?"),
            ("esc", "Esc"),
            ("Space", "Space"),
            ("C-Space", "Ctrl-Space"),
            ("pgdn", "PgDn"),
            ("ü", "ü"),
        ] {
            assert_eq!(Key::parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).to_string(), shown, "{text}");
        }
        assert_eq!(show(&sequence("Space g s").unwrap()), "Space g s");
        assert_eq!(Key::parse("C-P"), Ok(Key::ctrl('p')));
        assert_eq!(Key { code: Code::Char('g'), ctrl: false, alt: false, shift: true }.normal(), Key::char('G'));
    }

    #[test]
    fn what_is_no_key_is_explained() {
        for (text, part) in [
            ("", "empty"),
            ("F99", "not a key"),
            ("Entr", "did you mean enter?"),
            ("X-p", "before a `-` stand C, A or S"),
            ("C-i", "Tab"),
            ("C-m", "Enter"),
            ("C-[", "Esc"),
            ("abc", "not a key"),
        ] {
            let e = Key::parse(text).unwrap_err();
            assert!(e.contains(part), "{text}: {e}");
        }
        assert!(sequence("  ").is_err());
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics_and_normal_is_stable(text in ".*") {
            if let Ok(key) = Key::parse(&text) {
                proptest::prop_assert_eq!(key.normal(), key);
            }
        }
    }
}
