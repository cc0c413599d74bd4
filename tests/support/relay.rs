//! A relay between the program and a server, which counts round trips and can hold further ones back.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Count {
    turns: usize,
    /// The last turn of them all that is passed on.
    limit: Option<usize>,
    /// The last turn of each connection that is passed on.
    each: Option<usize>,
    ended: bool,
}

type Shared = Arc<(Mutex<Count>, Condvar)>;

/// A round trip ("turn") begins with the bytes of a client that come after bytes of the server, or first.
pub struct Relay {
    pub port: u16,
    shared: Shared,
}

impl Relay {
    /// Of a server on 127.0.0.1.
    pub fn to(server: u16) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
        let port = listener.local_addr().expect("address").port();
        let shared = Shared::default();
        let of = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if of.0.lock().expect("count").ended {
                    return;
                }
                let (client, server) = (client.expect("client"), TcpStream::connect(("127.0.0.1", server)).expect("server"));
                client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).expect("no delay");
                // Who spoke last on this connection, and how often the client has begun.
                let spoke = Arc::new(Mutex::new((false, 0)));
                let (c, s) = (client.try_clone().expect("client"), server.try_clone().expect("server"));
                let (from_client, from_server) = ((of.clone(), spoke.clone()), spoke);
                std::thread::spawn(move || pass(client, s, || begins(&from_client.0, &from_client.1)));
                std::thread::spawn(move || pass(server, c, || from_server.lock().expect("spoke").0 = false));
            }
        });
        Relay { port, shared }
    }

    /// Round trips that were begun, over all connections.
    pub fn turns(&self) -> usize {
        self.shared.0.lock().expect("count").turns
    }

    /// Each connection has so many round trips; what goes beyond is held back.
    pub fn give_each(&self, turns: usize) {
        self.shared.0.lock().expect("count").each = Some(turns);
    }

    /// All connections together have so many further ones.
    pub fn give(&self, more: usize) {
        let mut count = self.shared.0.lock().expect("count");
        count.limit = Some(count.turns + more);
    }

    /// Nothing is held back any more.
    pub fn free(&self) {
        let mut count = self.shared.0.lock().expect("count");
        (count.limit, count.each) = (None, None);
        self.shared.1.notify_all();
    }

    /// Waits until nothing was begun for half a second.
    pub fn wait_until_quiet(&self) {
        let (mut seen, mut since) = (self.turns(), Instant::now());
        super::wait_until("nothing more is asked of the server", || {
            let now = self.turns();
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
            since.elapsed() > Duration::from_millis(500)
        });
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.0.lock().expect("count").ended = true;
        self.free();
        // The listener's thread looks when somebody comes.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// The client speaks: counts where that begins a round trip, and waits where that one is held back.
fn begins(shared: &Shared, spoke: &Mutex<(bool, usize)>) {
    let mut own = spoke.lock().expect("spoke");
    if std::mem::replace(&mut own.0, true) {
        return;
    }
    own.1 += 1;
    let of_this = own.1;
    drop(own);
    let mut count = shared.0.lock().expect("count");
    count.turns += 1;
    let number = count.turns;
    while count.limit.is_some_and(|l| number > l) || count.each.is_some_and(|l| of_this > l) {
        count = shared.1.wait(count).expect("count");
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut spoke: impl FnMut()) {
    let mut bytes = vec![0; 65_536];
    while let Ok(n) = from.read(&mut bytes)
        && n > 0
    {
        spoke();
        if to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
