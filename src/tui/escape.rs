//! Keys whose bytes came apart: an ESC byte alone, and the rest of the key a moment later.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::collections::VecDeque;
use std::time::Duration;

/// How long Esc waits for the rest of another key. Terminals send a key's bytes together, links may part them; nobody types as fast.
pub const LATE: Duration = Duration::from_millis(50);

/// Puts such keys together again; all other events pass as they come.
#[derive(Debug, Default)]
pub struct Escape {
    /// What came behind an ESC that waits.
    behind: Option<String>,
    ready: VecDeque<Event>,
}

impl Escape {
    pub fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// An ESC waits: [`Escape::end`] is to be called when nothing comes for [`LATE`].
    pub fn waits(&self) -> bool {
        self.behind.is_some()
    }

    pub fn take(&mut self, event: Event) {
        let key = match &event {
            Event::Key(k) if k.kind == KeyEventKind::Press && k.modifiers.difference(KeyModifiers::SHIFT).is_empty() => Some(k.code),
            _ => None,
        };
        let Some(behind) = &mut self.behind else {
            match key {
                Some(KeyCode::Esc) => self.behind = Some(String::new()),
                _ => self.ready.push_back(event),
            }
            return;
        };
        match key {
            Some(KeyCode::Char(c)) if !behind.is_empty() || matches!(c, '[' | 'O') => {
                behind.push(c);
                if complete(behind) {
                    let key = parsed(behind);
                    self.behind = None;
                    self.ready.extend(key);
                }
            }
            Some(code @ (KeyCode::Char(_) | KeyCode::Enter | KeyCode::Backspace)) => {
                self.behind = None;
                self.ready.push_back(pressed(code, KeyModifiers::ALT));
            }
            _ => {
                self.end();
                self.take(event);
            }
        }
    }

    /// Nothing more came: it was Esc itself. What only began like another key is that letter with Alt, and never the commands that its
    /// other letters are.
    pub fn end(&mut self) {
        let Some(behind) = self.behind.take() else { return };
        self.ready.push_back(match behind.chars().next() {
            None => pressed(KeyCode::Esc, KeyModifiers::NONE),
            Some(c) => pressed(KeyCode::Char(c), KeyModifiers::ALT),
        });
    }
}

fn pressed(code: KeyCode, modifiers: KeyModifiers) -> Event {
    Event::Key(KeyEvent::new(code, modifiers))
}

/// `O` and a letter, or `[` up to the first byte from `@` on (ECMA-48, 5.4; `[[A` is the Linux console's F1).
fn complete(behind: &str) -> bool {
    let last = behind.chars().next_back();
    match behind.strip_prefix('[') {
        Some(rest) => !rest.is_empty() && rest != "[" && last.is_some_and(|c| ('@'..='~').contains(&c)),
        None => behind.len() > 1,
    }
}

/// The key of a sequence as xterm writes it (ctlseqs, "PC-Style Function Keys"); `None` for what is no key.
fn parsed(behind: &str) -> Option<Event> {
    let (inner, last) = behind.split_at(behind.len() - behind.chars().next_back()?.len_utf8());
    let inner = &inner[1..];
    let mut numbers = inner.split(';').map(|n| n.parse::<u8>().unwrap_or(1));
    let (number, modifiers) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(1).saturating_sub(1));
    let mut with = KeyModifiers::NONE;
    for (bit, modifier) in [(1, KeyModifiers::SHIFT), (2, KeyModifiers::ALT), (4, KeyModifiers::CONTROL)] {
        with.set(modifier, modifiers & bit != 0);
    }
    let code = match (inner, last) {
        ("[", "A" | "B" | "C" | "D" | "E") => KeyCode::F(last.as_bytes()[0] - b'A' + 1),
        (_, "A") => KeyCode::Up,
        (_, "B") => KeyCode::Down,
        (_, "C") => KeyCode::Right,
        (_, "D") => KeyCode::Left,
        (_, "H") => KeyCode::Home,
        (_, "F") => KeyCode::End,
        (_, "Z") => return Some(pressed(KeyCode::BackTab, with | KeyModifiers::SHIFT)),
        (_, "P" | "Q" | "R" | "S") => KeyCode::F(last.as_bytes()[0] - b'P' + 1),
        (_, "~") => match number {
            1 | 7 => KeyCode::Home,
            2 => KeyCode::Insert,
            3 => KeyCode::Delete,
            4 | 8 => KeyCode::End,
            5 => KeyCode::PageUp,
            6 => KeyCode::PageDown,
            n @ 11..=15 => KeyCode::F(n - 10),
            n @ 17..=21 => KeyCode::F(n - 11),
            n @ 23..=24 => KeyCode::F(n - 12),
            _ => return None,
        },
        _ => return None,
    };
    Some(pressed(code, with))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(keys: &str, end: bool) -> Vec<(KeyCode, KeyModifiers)> {
        let mut escape = Escape::default();
        escape.take(pressed(KeyCode::Esc, KeyModifiers::NONE));
        keys.chars().for_each(|c| escape.take(pressed(KeyCode::Char(c), KeyModifiers::NONE)));
        if end {
            escape.end();
        }
        assert!(!escape.waits());
        let of = |e: Event| if let Event::Key(k) = e { (k.code, k.modifiers) } else { panic!("{e:?}") };
        std::iter::from_fn(|| escape.next()).map(of).collect()
    }

    #[test]
    fn a_key_whose_bytes_came_apart_is_that_key() {
        let (none, alt) = (KeyModifiers::NONE, KeyModifiers::ALT);
        for (keys, code, with) in [
            ("r", KeyCode::Char('r'), alt),
            ("[A", KeyCode::Up, none),
            ("OB", KeyCode::Down, none),
            ("[15~", KeyCode::F(5), none),
            ("[17;5~", KeyCode::F(6), KeyModifiers::CONTROL),
            ("[1;2D", KeyCode::Left, KeyModifiers::SHIFT),
            ("OP", KeyCode::F(1), none),
            ("[[B", KeyCode::F(2), none),
            ("[Z", KeyCode::BackTab, KeyModifiers::SHIFT),
        ] {
            assert_eq!(taken(keys, false), [(code, with)], "{keys}");
        }
        // What follows it is on its own again.
        assert_eq!(taken("ra", false), [(KeyCode::Char('r'), alt), (KeyCode::Char('a'), none)]);
        assert_eq!(taken("[<0;1;1M", false), [], "no key: nothing is made of it");
    }

    #[test]
    fn esc_alone_is_esc_once_nothing_came() {
        assert_eq!(taken("", true), [(KeyCode::Esc, KeyModifiers::NONE)]);
        assert_eq!(taken("[1", true), [(KeyCode::Char('['), KeyModifiers::ALT)], "the digits do nothing");
        let mut escape = Escape::default();
        escape.take(pressed(KeyCode::Esc, KeyModifiers::NONE));
        escape.take(pressed(KeyCode::Esc, KeyModifiers::NONE));
        assert_eq!(escape.next(), Some(pressed(KeyCode::Esc, KeyModifiers::NONE)));
        assert!(escape.waits(), "the second one waits in its turn");
        escape.take(Event::Resize(80, 24));
        assert_eq!(escape.next(), Some(pressed(KeyCode::Esc, KeyModifiers::NONE)));
        assert_eq!(escape.next(), Some(Event::Resize(80, 24)));
    }
}
