//! Entering and leaving the terminal. There is one [`leave`], used by exit, panic, signals and suspend, so that the
//! ways out cannot drift apart. Writes are never unwrapped: the terminal may be gone.

use crate::model::{Error, Result};
use crossterm::event::{DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange};
use crossterm::queue;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use std::io::IsTerminal;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

static ENTERED: AtomicBool = AtomicBool::new(false);

/// Takes the terminal: raw mode, alternate screen, bracketed paste, focus events. Refuses when there is none.
pub fn enter() -> Result<()> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Error::usage("the console needs a terminal on standard input and output")
            .hint("Every operation also runs without it: see `holdpoint --help`."));
    }
    // Whoever stopped this program may have set the modes of the terminal, and crossterm would take them for raw still.
    let _ = disable_raw_mode();
    enable_raw_mode().map_err(|e| Error::io("setting the terminal to raw mode", e))?;
    ENTERED.store(true, Ordering::SeqCst);
    let mut out = Vec::new();
    let _ = queue!(out, EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange);
    // The alternate screen may show what another program left in it.
    out.extend_from_slice(b"\x1b[2J\x1b[?25l");
    write_all(&out).map_err(|e| Error::io("writing to the terminal", e))
}

/// Takes it once more after a stop from outside, which let a shell set it as it likes.
pub fn again() -> Result<()> {
    // Raw already, as far as the library knows: it would do nothing.
    let _ = disable_raw_mode();
    enter()
}

/// Columns of the terminal that `stream` goes to; `None` where it goes elsewhere.
pub fn width_of(stream: impl IsTerminal) -> Option<usize> {
    let (width, _) = stream.is_terminal().then(crossterm::terminal::size)?.ok()?;
    // Some pseudo-terminals say 0 until somebody sets their size.
    Some(usize::from(width)).filter(|w| *w > 0)
}

/// Gives the terminal back. Safe to call more than once, from a panic hook, and on a terminal that is gone.
pub fn leave() {
    if !ENTERED.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = Vec::new();
    // An update that was cut off must not leave the terminal waiting; colours and cursor as they were.
    out.extend_from_slice(b"\x1b[?2026l\x1b[0m");
    let _ = queue!(out, DisableFocusChange, DisableBracketedPaste);
    out.extend_from_slice(b"\x1b[?25h");
    let _ = queue!(out, LeaveAlternateScreen);
    let _ = write_all(&out);
    let _ = disable_raw_mode();
}

/// Makes a panic give the terminal back before its message is printed.
pub fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // What ends a worker of SQLite's ends a statement, or at worst its connection: the session tells it, and the screen stays.
            if std::thread::current().name() == Some(crate::engine::sqlite::WORKER) {
                return;
            }
            leave();
            previous(info);
            // A bug: what is typed was saved within the last second, and going on could do harm.
            std::process::exit(101);
        }));
    });
}

/// Leaves at the end of a scope, whatever way it ends.
pub struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        leave();
    }
}

/// Everything in one write: `Stdout` would cut a frame in two at its last line end, and the terminal would show the first half.
pub fn write_all(bytes: &[u8]) -> std::io::Result<()> {
    let out = std::io::stdout().lock();
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::retry_on_intr(|| rustix::io::write(&out, rest)) {
            Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
            Ok(n) => rest = &rest[n..],
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_panic_of_sqlites_worker_does_not_end_the_program() {
        let before = std::panic::take_hook();
        super::install_panic_hook();
        let worker = std::thread::Builder::new().name(crate::engine::sqlite::WORKER.into()).spawn(|| panic!("a name that is no UTF-8"));
        // Were the hook to end the process, this test would not come to its end.
        let ended = worker.expect("thread").join();
        // Another test that panics is to be told of, and not to end them all.
        std::panic::set_hook(before);
        assert!(ended.is_err());
    }
}
