//! A connection whose greeting was read before the driver has it, and whose TLS is made here.
//!
//! Only the greeting tells whether a server offers TLS, and the driver must be told beforehand what to ask for: it hangs up on a server that
//! does not offer it, and on one whose certificate bears another name, whatever `sslmode` says. A server counts each of these as an error of
//! this host, which it blocks after a hundred of them (`max_connect_errors`), and where all its connections are taken the one just given up
//! may hold the place that the next one needs. So there is one connection: made here, judged here, and handed on.

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io::{Error, ErrorKind, Result};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// `CLIENT_SSL` among the upper half of the lower two bytes of what a server can.
const TLS: u8 = 0x08;
/// A greeting, a refusal in its place, or a request for TLS is shorter by far.
const LONGEST: usize = 4096;
/// For the driver to call.
const SOON: Duration = Duration::from_secs(10);

pub(super) struct Greeted {
    server: TcpStream,
    greeting: Vec<u8>,
    /// `None` where it greeted with a refusal, or with nothing that is known.
    pub tls: Option<bool>,
}

/// A connection that goes on encrypted.
pub(super) struct Secured {
    /// The socket of this machine where it goes on, once. The driver asks for TLS there, and then takes such a socket for safe.
    pub socket: String,
    ended: Arc<Mutex<Option<Error>>>,
    pub relay: Relay,
}

/// What hands a connection on; it ends when either side has.
pub(super) type Relay = JoinHandle<()>;

impl Secured {
    /// Why it ended, if it did: the driver sees only that it did.
    pub fn why(&self) -> Option<Error> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Connects and reads the greeting.
pub(super) async fn of(host: &str, port: u16, keepalive: Duration) -> Result<Greeted> {
    let mut server = TcpStream::connect((host, port)).await?;
    server.set_nodelay(true)?;
    socket2::SockRef::from(&server).set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(keepalive))?;
    let mut greeting = Vec::new();
    // Whatever ends too early is the driver's to judge.
    while greeting.len() < whole(&greeting) && server.read_buf(&mut greeting).await? > 0 {}
    let tls = offers_tls(&greeting);
    Ok(Greeted { server, greeting, tls })
}

impl Greeted {
    /// Goes on as it is: the port on 127.0.0.1 where it does, once.
    pub async fn plain(self) -> Result<(u16, Relay)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let relay = tokio::spawn(async move {
            let Ok(Ok((mut driver, _))) = tokio::time::timeout(SOON, listener.accept()).await else { return };
            drop(listener);
            if driver.set_nodelay(true).is_ok() && driver.write_all(&self.greeting).await.is_ok() {
                let _ = relayed(driver, self.server).await;
            }
        });
        Ok((port, relay))
    }

    /// Goes on over TLS, if `config` takes the server's certificate.
    pub fn secured(self, config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Secured> {
        let (listener, place) = listen()?;
        let socket = place.name.clone();
        let ended = Arc::new(Mutex::new(None));
        let told = ended.clone();
        let relay = tokio::spawn(async move {
            let Ok(Ok(mut driver)) = tokio::time::timeout(SOON, ours(&listener)).await else { return };
            drop((listener, place));
            let Greeted { mut server, greeting, .. } = self;
            let over_tls = async {
                driver.write_all(&greeting).await?;
                server.write_all(&packet(&mut driver).await?).await?;
                let server = tokio_rustls::TlsConnector::from(config).connect(name, server).await?;
                relayed(&mut driver, server).await
            };
            // Said before the driver sees the end.
            if let Err(e) = over_tls.await {
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(e);
            }
        });
        Ok(Secured { socket, ended, relay })
    }
}

/// Hands on what either says until one of them ends. What the driver said last has reached the server then.
async fn relayed(driver: impl AsyncRead + AsyncWrite, server: impl AsyncRead + AsyncWrite) -> Result<()> {
    let (mut from_driver, mut to_driver) = tokio::io::split(driver);
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let answers = async {
        let mut first = match packet(&mut from_server).await {
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        };
        with_end(&mut first);
        to_driver.write_all(&first).await?;
        tokio::io::copy(&mut from_server, &mut to_driver).await.map(drop)
    };
    tokio::select! {
        said = tokio::io::copy(&mut from_driver, &mut to_server) => {
            said?;
            to_server.shutdown().await
        }
        said = answers => said,
    }
}

/// The first packet that is said, and nothing of the next one.
async fn packet(from: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>> {
    let mut packet = vec![0; 4];
    from.read_exact(&mut packet).await?;
    packet.resize(whole(&packet), 0);
    from.read_exact(&mut packet[4..]).await?;
    Ok(packet)
}

/// Puts the zero behind a login's challenge that the driver takes away. MariaDB's ed25519 sends 32 bytes and no zero; where the last of them
/// is one, the driver takes it for the end (`AuthSwitchRequest::plugin_data` of mysql_common 0.37), signs 31, and is refused: one login in 256.
fn with_end(packet: &mut Vec<u8>) {
    const SWITCH: &[u8] = b"\xfeclient_ed25519\0";
    const NONCE: usize = 32;
    if packet.get(4..).is_some_and(|p| p.starts_with(SWITCH) && p.len() == SWITCH.len() + NONCE) {
        packet.push(0);
        packet[0] += 1;
    }
}

/// Where the driver finds us.
struct Place {
    name: String,
    #[cfg(not(target_os = "linux"))]
    _dir: tempfile::TempDir,
}

/// A name without a file: a disk that is full stops no login.
#[cfg(target_os = "linux")]
fn listen() -> Result<(UnixListener, Place)> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        // Two containers may share the names and have equal numbers of processes.
        let name = format!("\0holdpoint-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        match UnixListener::bind(&name) {
            Err(e) if e.kind() == ErrorKind::AddrInUse => {}
            done => return Ok((done?, Place { name })),
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn listen() -> Result<(UnixListener, Place)> {
    let dir = tempfile::Builder::new().prefix("hp-").tempdir_in("/tmp")?;
    let path = dir.path().join("s");
    let name = path.to_str().ok_or(ErrorKind::InvalidData)?.to_string();
    Ok((UnixListener::bind(path)?, Place { name, _dir: dir }))
}

/// The first caller that is this process: behind the socket the server takes us for the user.
async fn ours(listener: &UnixListener) -> Result<UnixStream> {
    loop {
        let (caller, _) = listener.accept().await?;
        if caller.peer_cred()?.pid().is_some_and(|pid| u32::try_from(pid) == Ok(std::process::id())) {
            return Ok(caller);
        }
    }
}

/// How many bytes the first packet has, as far as is known.
fn whole(read: &[u8]) -> usize {
    match read {
        [a, b, c, _, ..] => (4 + (usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16)).min(LONGEST),
        _ => 4,
    }
}

fn offers_tls(packet: &[u8]) -> Option<bool> {
    let greeting = packet.get(4..)?;
    // Version 10 of the protocol: its number, the server's version up to a zero, a number and a part of the scramble, and what it can.
    let (&10, rest) = greeting.split_first()? else { return None };
    let version = rest.iter().position(|b| *b == 0)?;
    rest.get(version + 1 + 4 + 8 + 1 + 1).map(|can| can & TLS != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(can: [u8; 2]) -> Vec<u8> {
        let body = [&[10][..], b"10.11.4-MariaDB\0", &[7, 0, 0, 0], b"scramble", &[0], &can, b"\x21 and more"].concat();
        [&[body.len() as u8, 0, 0, 0][..], &body].concat()
    }

    #[test]
    fn a_greeting_tells_whether_tls_is_offered() {
        assert_eq!(offers_tls(&greeting([0xfe, 0xf7])), Some(false));
        assert_eq!(offers_tls(&greeting([0xfe, 0xff])), Some(true));
    }

    #[test]
    fn a_refusal_and_what_is_cut_off_tell_nothing() {
        assert_eq!(offers_tls(b"\x17\0\0\0\xff\x10\x04Too many connections"), None);
        let whole = greeting([0xfe, 0xff]);
        for n in 0..4 + 1 + 16 + 15 {
            assert_eq!(offers_tls(&whole[..n]), None, "{n}");
        }
    }

    #[test]
    fn a_challenge_keeps_the_zero_at_its_end() {
        let switch = |nonce: &[u8]| {
            let body = [b"\xfeclient_ed25519\0", nonce].concat();
            [&[body.len() as u8, 0, 0, 2][..], &body].concat()
        };
        let mut sent = switch(&[7; 31]);
        let short = sent.clone();
        with_end(&mut sent);
        assert_eq!(sent, short, "nothing that is known");
        let mut sent = switch(&[&[7; 31][..], &[0]].concat());
        with_end(&mut sent);
        assert_eq!(sent, switch(&[&[7; 31][..], &[0, 0]].concat()));
        let mut other = b"\x02\0\0\x02\0\0".to_vec();
        with_end(&mut other);
        assert_eq!(other, b"\x02\0\0\x02\0\0");
    }

    #[test]
    fn a_packet_is_read_whole_and_no_more_of_nonsense() {
        let g = greeting([0, 0]);
        assert_eq!((whole(&[]), whole(&g[..3]), whole(&g)), (4, 4, g.len()));
        assert_eq!(whole(b"HTTP"), LONGEST);
    }
}
