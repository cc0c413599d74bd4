//! The clipboard of the user's terminal, wherever that is: OSC 52, which works over SSH. What a terminal does not take goes into a file.

use crate::app::state::Note;
use crate::config::files::Clipboard;
use crate::text;
use crossterm::Command;
use crossterm::clipboard::CopyToClipboard;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Terminals drop longer sequences (xterm's limit is the lowest, about 100 kB of base64).
pub const MOST: usize = 74_000;
/// GNU screen cuts longer control strings off (its `MAXSTR` is 768, older ones had 256).
const SCREEN: usize = 240;

/// What stands between us and the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    Nothing,
    Tmux,
    Screen,
    /// A terminal that has no clipboard.
    NoClipboard,
    /// A tmux that hands nothing on.
    TmuxRefuses,
    /// The configuration wants a file.
    Off,
}

impl Between {
    pub fn detect(wanted: Clipboard, var: impl Fn(&str) -> Option<String>) -> Between {
        let set = |name: &str| var(name).is_some_and(|v| !v.is_empty());
        if wanted == Clipboard::File {
            Between::Off
        } else if set("TMUX") {
            Between::Tmux
        } else if set("STY") {
            Between::Screen
        } else if var("TERM").is_some_and(|t| t == "linux" || t == "dumb") {
            Between::NoClipboard
        } else {
            Between::Nothing
        }
    }
}

/// A tmux that does not answer must not hold up the screen.
const ANSWERS: Duration = Duration::from_millis(300);

/// Whether the tmux that we run in hands anything on.
pub async fn tmux() -> Between {
    let mut ask = tokio::process::Command::new("tmux");
    ask.args(["display-message", "-p"]);
    if let Some(pane) = std::env::var_os("TMUX_PANE") {
        ask.arg("-t").arg(pane);
    }
    ask.arg("#{set-clipboard} #{allow-passthrough}").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(ANSWERS, ask.output()).await {
        Ok(Ok(out)) if out.status.success() => hands_on(&String::from_utf8_lossy(&out.stdout)),
        // What cannot be asked may well work.
        _ => Between::Tmux,
    }
}

/// From the values of `set-clipboard` and `allow-passthrough`; a tmux before 3.3 knows no `allow-passthrough`, and lets all through.
fn hands_on(options: &str) -> Between {
    let mut words = options.split_whitespace();
    let (clipboard, passes) = (words.next(), words.next());
    let refuses = matches!(clipboard, Some("off" | "external")) && matches!(passes, Some("0" | "off"));
    if refuses { Between::TmuxRefuses } else { Between::Tmux }
}

/// The bytes that put `content` on the clipboard, and what to tell the user. What the terminal would not take is written to `file`,
/// which only the user may read, and the file is named.
pub fn copy(content: &str, between: Between, file: &Path) -> (Option<Vec<u8>>, Note) {
    let why = if content.len() > MOST {
        format!("{} is more than a terminal takes ({})", text::bytes(content.len() as u64), text::bytes(MOST as u64))
    } else {
        match between {
            Between::Off => "the configuration says `clipboard = \"file\"`".into(),
            Between::NoClipboard => "this terminal has no clipboard".into(),
            Between::TmuxRefuses => "tmux hands no clipboard on (`set -s set-clipboard on`, or `set -g allow-passthrough on`)".into(),
            Between::Nothing | Between::Tmux | Between::Screen => match sequence(content, between) {
                Some(bytes) => return (Some(bytes), sent(content)),
                None => "the sequence could not be made".into(),
            },
        }
    };
    let kept = file.parent().map_or(Ok(()), super::jobs::private_dir).and_then(|()| super::jobs::replace(file, content, Some(0o600)));
    let note = match kept {
        Ok(()) if between == Between::Off => Note::info(format!("Copied into {}.", text::clean(&file.display().to_string()))),
        Ok(()) => Note::warning(format!("Not copied: {why}. It is in {}.", text::clean(&file.display().to_string()))),
        Err(e) => Note { more: vec![e.message], ..Note::warning(format!("Not copied: {why}; a file could not be written either.")) },
    };
    (None, note)
}

fn sent(content: &str) -> Note {
    let what = match content.lines().count() {
        0 | 1 => text::truncate(&text::clean(content), 40).into_owned(),
        n => format!("{n} lines"),
    };
    let mut note = Note::info(format!("Sent to the terminal's clipboard: {what}."));
    // Terminals that refuse it (OSC 52) do so without a word.
    note.more.push("If pasting gives something else, the terminal refuses OSC 52: allow it in its settings,".into());
    note.more.push("or set `clipboard = \"file\"`: then what you copy goes into a file that is named.".into());
    note
}

/// Inside tmux it is wrapped so that tmux hands it on (`allow-passthrough`), and sent plain as well for `set-clipboard on`; screen
/// hands it on in pieces.
fn sequence(content: &str, between: Between) -> Option<Vec<u8>> {
    let mut plain = String::new();
    CopyToClipboard::to_clipboard_from(content).write_ansi(&mut plain).ok()?;
    let mut bytes = Vec::new();
    match between {
        Between::Nothing | Between::NoClipboard | Between::TmuxRefuses | Between::Off => bytes.extend_from_slice(plain.as_bytes()),
        Between::Tmux => {
            bytes.extend_from_slice(plain.as_bytes());
            bytes.extend_from_slice(b"\x1bPtmux;");
            bytes.extend_from_slice(plain.replace('\x1b', "\x1b\x1b").as_bytes());
            bytes.extend_from_slice(b"\x1b\\");
        }
        Between::Screen => {
            // The terminator that ends screen's own string must not be inside it.
            let bell = format!("{}\x07", plain.strip_suffix("\x1b\\")?);
            for piece in bell.as_bytes().chunks(SCREEN) {
                bytes.extend_from_slice(b"\x1bP");
                bytes.extend_from_slice(piece);
                bytes.extend_from_slice(b"\x1b\\");
            }
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_is_encoded_and_reaches_the_terminal_through_what_is_between() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("clipboard.txt");
        let (bytes, note) = copy("a\x1b]0;x\x07b", Between::Nothing, &file);
        let bytes = bytes.unwrap();
        // One escape at the start, one in the terminator: none of the content's own.
        assert_eq!(bytes.iter().filter(|b| **b == 0x1b).count(), 2);
        assert!(note.text.contains('␛'));
        assert!(sequence("x", Between::Tmux).unwrap().windows(7).any(|w| w == b"\x1bPtmux;"));
        // What screen hands on, put together again, is the plain sequence.
        let content = "long ".repeat(500);
        let through = String::from_utf8(sequence(&content, Between::Screen).unwrap()).unwrap();
        let pieces: Vec<&str> = through.split_terminator("\x1b\\").map(|p| p.strip_prefix("\x1bP").unwrap()).collect();
        assert!(pieces.len() > 10 && pieces.iter().all(|p| p.len() <= SCREEN));
        let plain = String::from_utf8(sequence(&content, Between::Nothing).unwrap()).unwrap();
        assert_eq!(pieces.concat().replace('\x07', "\x1b\\"), plain);
        assert!(!file.exists(), "what was sent is kept nowhere");
    }

    #[test]
    fn what_a_terminal_does_not_take_goes_into_a_file_that_is_named() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state/clipboard.txt");
        let long = "x".repeat(MOST + 1);
        let (bytes, note) = copy(&long, Between::Nothing, &file);
        assert!(bytes.is_none() && note.text.starts_with("Not copied") && note.text.contains("clipboard.txt"), "{}", note.text);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), long);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let (bytes, note) = copy("short", Between::NoClipboard, &file);
        assert!(bytes.is_none() && note.text.contains("no clipboard"));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "short");
        let (bytes, note) = copy("refused", Between::TmuxRefuses, &file);
        assert!(bytes.is_none() && note.text.contains("set-clipboard") && note.text.contains("clipboard.txt"), "{}", note.text);
        let (bytes, note) = copy("kept", Between::Off, &file);
        assert!(bytes.is_none() && note.text.starts_with("Copied into"), "{}", note.text);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
    }

    #[test]
    fn what_is_between_is_known_by_its_variables() {
        let with =
            |name: &'static str, value: &'static str| Between::detect(Clipboard::Terminal, move |n| (n == name).then(|| value.to_string()));
        assert_eq!(Between::detect(Clipboard::File, |_| None), Between::Off);
        for (options, tmux) in [
            ("external 0\n", Between::TmuxRefuses),
            ("off off\n", Between::TmuxRefuses),
            ("external on\n", Between::Tmux),
            ("on 0\n", Between::Tmux),
            ("external\n", Between::Tmux),
            ("", Between::Tmux),
        ] {
            assert_eq!(hands_on(options), tmux, "{options}");
        }
        assert_eq!(with("TMUX", "/tmp/tmux-0/default,1,0"), Between::Tmux);
        assert_eq!(with("STY", "123.pts-0.host"), Between::Screen);
        assert_eq!(with("TERM", "linux"), Between::NoClipboard);
        assert_eq!(with("TERM", "xterm-256color"), Between::Nothing);
    }
}
