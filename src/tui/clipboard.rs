//! The clipboard of the user's terminal, wherever that is: OSC 52, which works over SSH.

use crate::app::state::Note;
use crate::text;
use crossterm::Command;
use crossterm::clipboard::CopyToClipboard;

/// Terminals drop longer sequences (xterm's limit is the lowest, about 100 kB of base64).
pub const MOST: usize = 74_000;

/// The sequence that puts `content` on the clipboard, and what to tell the user. Inside tmux it is wrapped so that tmux
/// hands it on (`allow-passthrough`), and sent plain as well for `set-clipboard on`.
pub fn sequence(content: &str, tmux: bool) -> (Option<Vec<u8>>, Note) {
    if content.len() > MOST {
        let words =
            format!("Not copied: {} is more than a terminal takes ({}).", text::bytes(content.len() as u64), text::bytes(MOST as u64));
        return (None, Note::warning(words));
    }
    let mut plain = String::new();
    if CopyToClipboard::to_clipboard_from(content).write_ansi(&mut plain).is_err() {
        return (None, Note::warning("Not copied: the sequence could not be made."));
    }
    let mut bytes = plain.clone().into_bytes();
    if tmux {
        bytes.extend_from_slice(b"\x1bPtmux;");
        bytes.extend_from_slice(plain.replace('\x1b', "\x1b\x1b").as_bytes());
        bytes.extend_from_slice(b"\x1b\\");
    }
    let what = match content.lines().count() {
        0 | 1 => text::truncate(&text::clean(content), 40).into_owned(),
        n => format!("{n} lines"),
    };
    let more = if tmux { " tmux hands it on if set-clipboard is on." } else { "" };
    (Some(bytes), Note::info(format!("Sent to the terminal's clipboard: {what}.{more}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_is_encoded_and_the_limit_told() {
        let (bytes, note) = sequence("a\x1b]0;x\x07b", false);
        let bytes = bytes.unwrap();
        // One escape at the start, one in the terminator: none of the content's own.
        assert_eq!(bytes.iter().filter(|b| **b == 0x1b).count(), 2);
        assert!(note.text.contains('␛'));
        let (bytes, note) = sequence(&"x".repeat(MOST + 1), false);
        assert!(bytes.is_none() && note.text.starts_with("Not copied"));
        assert!(sequence("x", true).0.unwrap().windows(7).any(|w| w == b"\x1bPtmux;"));
    }
}
