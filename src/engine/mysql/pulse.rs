//! Noticing at once that an idle connection died: a second handle on the connection's socket, which only looks.
//!
//! The driver keeps its socket to itself, and asking the server from time to time would mean wakeups and bytes while
//! nothing happens. Where the socket cannot be told for sure, a dead connection is noticed at its next use.

use std::path::PathBuf;

/// Which socket to look for: what the other end is.
pub(super) enum Peer {
    Socket(PathBuf),
    /// The port on the other end.
    Port(u16),
}

pub(super) struct Pulse {
    socket: tokio::net::TcpStream,
    /// Stirred since the last request: twice in a row means that it cannot be trusted.
    stirred: bool,
}

/// The sockets of this process before connecting.
pub(super) struct Before(Vec<(i32, PathBuf)>);

#[cfg(target_os = "linux")]
fn sockets() -> Vec<(i32, PathBuf)> {
    let Ok(dir) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    dir.filter_map(|e| {
        let e = e.ok()?;
        let fd = e.file_name().to_str()?.parse().ok()?;
        let link = std::fs::read_link(e.path()).ok()?;
        link.to_str()?.starts_with("socket:").then_some((fd, link))
    })
    .collect()
}

#[cfg(target_os = "linux")]
impl Before {
    pub fn look() -> Before {
        Before(sockets())
    }

    /// The one socket that is new and has this peer; `None` when there is none, or more than one.
    pub fn find(self, peer: &Peer) -> Option<Pulse> {
        use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
        use std::os::unix::net::UnixStream;
        let me = pidfd_open(getpid(), PidfdFlags::empty()).ok()?;
        let mut found = sockets().into_iter().filter(|s| !self.0.contains(s)).filter_map(|(fd, _)| {
            let owned = pidfd_getfd(&me, fd, PidfdGetfdFlags::empty()).ok()?;
            match peer {
                Peer::Socket(path) => {
                    let s = UnixStream::from(owned);
                    (s.peer_addr().ok()?.as_pathname()? == path).then(|| s.into())
                }
                Peer::Port(port) => {
                    let s = std::net::TcpStream::from(owned);
                    (s.peer_addr().ok()?.port() == *port).then(|| std::os::fd::OwnedFd::from(s))
                }
            }
        });
        let one = found.next()?;
        if found.next().is_some() {
            return None;
        }
        // Looking at what waits to be read is the same call for either kind of socket.
        let socket = tokio::net::TcpStream::from_std(std::net::TcpStream::from(one)).ok()?;
        Some(Pulse { socket, stirred: false })
    }
}

#[cfg(not(target_os = "linux"))]
impl Before {
    pub fn look() -> Before {
        Before(Vec::new())
    }
    pub fn find(self, _peer: &Peer) -> Option<Pulse> {
        None
    }
}

impl Pulse {
    /// Returns when bytes wait to be read, or the connection ended: neither happens to a healthy idle connection.
    pub async fn stirs(&mut self) {
        if self.stirred {
            return std::future::pending().await;
        }
        let mut byte = [0u8; 1];
        let _ = self.socket.peek(&mut byte).await;
        self.stirred = true;
    }

    /// A request came: from here on it is idle anew.
    pub fn reset(&mut self) {
        self.stirred = false;
    }
}
