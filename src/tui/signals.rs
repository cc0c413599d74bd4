//! What comes from outside of the terminal's keys: signals, and the terminal's own end.

use super::hangup::Hangup;
use crate::model::{Error, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What was heard.
pub enum Heard {
    /// The program is to end, and why.
    Stop(&'static str),
    /// It is to stop until somebody lets it go on.
    Suspend,
    /// It goes on.
    Resumed,
}

/// Listens for them.
pub struct Signals {
    term: Signal,
    hup: Signal,
    cont: Signal,
    tstp: Signal,
    hangup: Hangup,
    /// The terminal went, and that was told.
    gone: bool,
}

impl Signals {
    pub fn new() -> Result<Signals> {
        let number = |s: rustix::process::Signal| SignalKind::from_raw(s.as_raw());
        Ok(Signals {
            term: handler(SignalKind::terminate())?,
            hup: handler(SignalKind::hangup())?,
            cont: handler(number(rustix::process::Signal::CONT))?,
            tstp: handler(number(rustix::process::Signal::TSTP))?,
            hangup: Hangup::of(std::io::stdin()).map_err(|e| Error::io("watching the terminal", e))?,
            gone: false,
        })
    }

    /// The next one; nothing is lost when somebody stops waiting for it.
    pub async fn next(&mut self) -> Heard {
        tokio::select! {
            biased;
            _ = self.term.recv() => Heard::Stop("SIGTERM"),
            _ = self.hup.recv() => Heard::Stop("SIGHUP"),
            () = self.hangup.gone(), if !self.gone => {
                self.gone = true;
                Heard::Stop("the terminal is gone")
            }
            _ = self.tstp.recv() => Heard::Suspend,
            _ = self.cont.recv() => Heard::Resumed,
        }
    }
}

/// From now on Ctrl-C in a program that runs in the foreground is that program's, and does not end this one.
pub fn ignore_interrupts() -> Result<()> {
    handler(SignalKind::interrupt()).map(drop)
}

fn handler(kind: SignalKind) -> Result<Signal> {
    signal(kind).map_err(|e| Error::io("listening for signals", e))
}
