//! A connection whose greeting was read before the driver has it.
//!
//! Only the greeting tells whether a server offers TLS, and the driver must be told beforehand what to ask for: it hangs up on a server that
//! does not offer it. Such a server counts that as an error of this host, which it blocks after a hundred of them (`max_connect_errors`),
//! and where all its connections are taken the one just given up may hold the place that the next one needs. So the first connection to a
//! server is made here, and handed on through a port of our own.

use std::io::Result;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// `CLIENT_SSL` among the upper half of the lower two bytes of what a server can.
const TLS: u8 = 0x08;
/// A greeting, or a refusal in its place, is shorter by far.
const LONGEST: usize = 4096;
/// For the driver to call.
const SOON: Duration = Duration::from_secs(10);

pub(super) struct Greeted {
    /// The port on 127.0.0.1 where the connection goes on, once.
    pub port: u16,
    /// `None` where it greeted with a refusal, or with nothing that is known.
    pub tls: Option<bool>,
}

/// Connects and reads the greeting.
pub(super) async fn of(host: &str, port: u16, keepalive: Duration) -> Result<Greeted> {
    let mut server = TcpStream::connect((host, port)).await?;
    server.set_nodelay(true)?;
    socket2::SockRef::from(&server).set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(keepalive))?;
    let mut greeting = Vec::new();
    // Whatever ends too early is the driver's to judge.
    while greeting.len() < whole(&greeting) && server.read_buf(&mut greeting).await? > 0 {}
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let (port, tls) = (listener.local_addr()?.port(), offers_tls(&greeting));
    tokio::spawn(async move {
        let Ok(Ok((mut driver, _))) = tokio::time::timeout(SOON, listener.accept()).await else { return };
        drop(listener);
        if driver.set_nodelay(true).is_ok() && driver.write_all(&greeting).await.is_ok() {
            let _ = copy_bidirectional(&mut driver, &mut server).await;
        }
    });
    Ok(Greeted { port, tls })
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
    fn a_packet_is_read_whole_and_no_more_of_nonsense() {
        let g = greeting([0, 0]);
        assert_eq!((whole(&[]), whole(&g[..3]), whole(&g)), (4, 4, g.len()));
        assert_eq!(whole(b"HTTP"), LONGEST);
    }
}
