//! From the terminal library's events to ours.

use crate::app::Msg;
use crate::config::keymap::{Code, Key};
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};

/// The message of an event; `None` for those that mean nothing here.
pub fn message(event: Event) -> Option<Msg> {
    match event {
        Event::Key(k) if k.kind != KeyEventKind::Release => {
            let (code, back) = match k.code {
                KeyCode::Char(c) => (Code::Char(c), false),
                KeyCode::F(n) => (Code::F(n), false),
                KeyCode::Enter => (Code::Enter, false),
                KeyCode::Tab => (Code::Tab, false),
                KeyCode::BackTab => (Code::Tab, true),
                KeyCode::Esc => (Code::Esc, false),
                KeyCode::Backspace => (Code::Backspace, false),
                KeyCode::Delete => (Code::Delete, false),
                KeyCode::Insert => (Code::Insert, false),
                KeyCode::Left => (Code::Left, false),
                KeyCode::Right => (Code::Right, false),
                KeyCode::Up => (Code::Up, false),
                KeyCode::Down => (Code::Down, false),
                KeyCode::Home => (Code::Home, false),
                KeyCode::End => (Code::End, false),
                KeyCode::PageUp => (Code::PageUp, false),
                KeyCode::PageDown => (Code::PageDown, false),
                _ => return None,
            };
            // What terminals send for Ctrl-/ and Ctrl-_ is read as Ctrl-7.
            let code = match code {
                Code::Char('7' | '/') if k.modifiers.contains(KeyModifiers::CONTROL) => Code::Char('_'),
                code => code,
            };
            let has = |m| k.modifiers.contains(m);
            let key = Key { code, ctrl: has(KeyModifiers::CONTROL), alt: has(KeyModifiers::ALT), shift: has(KeyModifiers::SHIFT) || back };
            Some(Msg::Key(key.normal()))
        }
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(w, h) => Some(Msg::Resize(w, h)),
        Event::FocusGained => Some(Msg::Focus(true)),
        Event::FocusLost => Some(Msg::Focus(false)),
        _ => None,
    }
}
