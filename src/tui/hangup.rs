//! Noticing that the terminal is gone when no SIGHUP says so (another process of the session has it, or swallowed it):
//! crossterm's reader would then spin on the end of its input for ever, with the database session open.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Watches one end of a terminal. Keys do not wake it: only errors and the hang-up are asked for.
pub struct Hangup(AsyncFd<OwnedFd>);

impl Hangup {
    /// Watches what `fd` is open on, by a descriptor of its own.
    pub fn of(fd: impl AsFd) -> io::Result<Self> {
        let own = fd.as_fd().try_clone_to_owned()?;
        // What replaces this constructor is unsafe, because a descriptor could change under it; an `OwnedFd` never does.
        #[allow(deprecated)]
        let watched = AsyncFd::with_interest(own, Interest::PRIORITY | Interest::ERROR)?;
        Ok(Hangup(watched))
    }

    /// Completes when the other end is gone, and at once from then on.
    pub async fn gone(&self) {
        loop {
            let Ok(mut guard) = self.0.ready(Interest::PRIORITY | Interest::ERROR).await else {
                return std::future::pending().await;
            };
            let ready = guard.ready();
            if ready.is_read_closed() || ready.is_error() {
                return;
            }
            guard.clear_ready();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[tokio::test]
    async fn a_peer_that_goes_is_noticed_and_one_that_writes_is_not() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let hangup = Hangup::of(&ours).unwrap();
        theirs.write_all(b"keys").unwrap();
        tokio::task::yield_now().await;
        assert!(hangup.gone().now_or_never().is_none());
        drop(theirs);
        tokio::time::timeout(std::time::Duration::from_secs(60), hangup.gone()).await.expect("noticed");
        assert!(hangup.gone().now_or_never().is_some(), "still gone");
    }
}
