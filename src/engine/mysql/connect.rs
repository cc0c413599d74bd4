//! Making a connection: address, TLS, login, tunnel. No session setting is changed here.

use super::pulse::Peer;
use super::{errors, greeting};
use crate::config::{SslMode, Target};
use crate::engine::{UNANSWERED, tls, tunnel::Tunnel};
use crate::model::{Error, Obstacle, Result};
use mysql_async::{Conn, DriverError, Opts, OptsBuilder, SslOpts};
use secrecy::{ExposeSecret, SecretString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Mutex;

/// Where the native client looks for the server's socket when no host is named.
const SOCKETS: [&str; 4] = ["/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"];
const PORT: u16 = 3306;

/// Opens connections to one target; remembers what earlier ones found out.
pub(super) struct Connector {
    target: Target,
    password: Option<SecretString>,
    /// With `sslmode = prefer`: this server offered no TLS, so the next connection does not ask again.
    plain: AtomicBool,
    tunnel: Mutex<Weak<Tunnel>>,
}

/// A fresh connection, and its way to the server.
pub(super) struct Fresh {
    pub conn: Conn,
    pub way: Way,
}

/// What must live as long as a connection.
pub(super) struct Way {
    pub tunnel: Option<Arc<Tunnel>>,
    relay: Option<greeting::Relay>,
}

impl Way {
    /// Says goodbye. The server has heard it when this returns, or `limit` has passed: it notes those that go without.
    pub async fn part(self, conn: Conn, limit: Duration) {
        let heard = async {
            let _ = conn.disconnect().await;
            if let Some(relay) = self.relay {
                let _ = relay.await;
            }
        };
        let _ = tokio::time::timeout(limit, heard).await;
    }
}

enum Place {
    Socket(PathBuf),
    Tcp(String, u16),
}

impl Connector {
    pub fn new(target: Target, password: Option<SecretString>) -> Self {
        Connector { target, password, plain: AtomicBool::new(false), tunnel: Mutex::new(Weak::new()) }
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn password(&self) -> Option<&SecretString> {
        self.password.as_ref()
    }

    /// The user to log in as: the target's, else the login name, as the native client does.
    pub fn user(&self) -> String {
        self.target.user.clone().unwrap_or_else(|| {
            ["USER", "LOGNAME"].iter().find_map(|v| std::env::var(v).ok()).filter(|u| !u.is_empty()).unwrap_or_else(|| "root".into())
        })
    }

    /// The address for people: a socket's path or `host:port`.
    pub fn address(&self) -> String {
        let place = match self.place() {
            Place::Socket(p) => p.display().to_string(),
            Place::Tcp(h, p) if h.contains(':') => format!("[{h}]:{p}"),
            Place::Tcp(h, p) => format!("{h}:{p}"),
        };
        match &self.target.ssh {
            Some(via) => format!("{place} through {via}"),
            None => place,
        }
    }

    /// The socket, when that is the way; for the native tools.
    pub fn socket(&self) -> Option<PathBuf> {
        match self.place() {
            Place::Socket(p) => Some(p),
            Place::Tcp(..) => None,
        }
    }

    /// Host and port of a target that is not reached by a socket; without the tunnel.
    pub fn host_port(&self) -> (String, u16) {
        match self.place() {
            Place::Tcp(host, port) => (host, port),
            Place::Socket(_) => ("localhost".into(), PORT),
        }
    }

    /// The other end of the connection's socket.
    pub fn peer(&self, tunnel: Option<&Tunnel>) -> Peer {
        match (tunnel, self.place()) {
            (Some(t), _) => Peer::Port(t.port),
            (None, Place::Socket(path)) => Peer::Socket(path),
            (None, Place::Tcp(_, port)) => Peer::Port(port),
        }
    }

    fn place(&self) -> Place {
        let t = &self.target;
        if let Some(socket) = &t.socket {
            return Place::Socket(socket.clone());
        }
        // `localhost` means the socket to every client of this server, unless a port is named.
        let local = t.host.as_deref().is_none_or(|h| h.eq_ignore_ascii_case("localhost"));
        if local
            && t.port.is_none()
            && t.ssh.is_none()
            && let Some(found) = SOCKETS.iter().find(|p| Path::new(p).exists())
        {
            return Place::Socket(found.into());
        }
        Place::Tcp(t.host.clone().unwrap_or_else(|| "127.0.0.1".into()), t.port.unwrap_or(PORT))
    }

    /// The forward for `ssh = …`, shared by the connections of this target while one of them lives.
    pub async fn tunnel(&self) -> Result<Option<Arc<Tunnel>>> {
        let Some(via) = &self.target.ssh else { return Ok(None) };
        let mut slot = self.tunnel.lock().await;
        if let Some(open) = slot.upgrade().filter(|t| t.stands()) {
            return Ok(Some(open));
        }
        let Place::Tcp(host, port) = self.place() else {
            return Err(Error::usage(format!("target {}: `ssh` and `socket` exclude each other", self.target.name)));
        };
        let open = Arc::new(Tunnel::open(via, &host, port).await?);
        *slot = Arc::downgrade(&open);
        Ok(Some(open))
    }

    fn keepalive(&self) -> Duration {
        self.target.keepalive.unwrap_or(Duration::from_secs(60))
    }

    fn options(&self, database: Option<&str>) -> OptsBuilder {
        let mut o = OptsBuilder::default()
            .user(Some(self.user()))
            .pass(self.password.as_ref().map(|p| p.expose_secret().to_string()))
            .db_name(database.map(str::to_string))
            // Never a second connection behind our back, and nothing asked of the server at connect.
            .prefer_socket(false)
            .max_allowed_packet(Some(1 << 30))
            .wait_timeout(Some(28_800))
            .stmt_cache_size(0)
            .client_found_rows(false)
            .tcp_keepalive(Some(self.keepalive()))
            .connect_attribute("program_name", "holdpoint");
        // Neither commands nor changes of the session.
        o = o.init(Vec::<String>::new()).setup(Vec::<String>::new());
        o
    }

    /// Connects to a database, or to none, within `limit`.
    pub async fn connect_to(&self, database: Option<&str>, limit: Duration) -> Result<Fresh> {
        let address = self.address();
        match tokio::time::timeout(limit, self.dial(database)).await {
            Ok(done) => done,
            Err(_) if self.accepts().await => Err(Error::connect(format!(
                "the server at {address} {UNANSWERED} within {} s",
                limit.as_secs_f32()
            ))
            .by(Obstacle::LoginHangs)
            .hint(
                "No firewall does that: the login hangs in the server. Its process may be stopped, its disk may not answer, or it makes no \
                     threads any more.",
            )
            .hint("On its machine look at the process's state (ps), the kernel's log and the end of the server's log.")),
            Err(_) => Err(Error::connect(format!("{address} did not answer within {} s", limit.as_secs_f32()))
                .by(Obstacle::NoAnswer)
                .hint("Check host, port, firewall, and whether the server runs.")),
        }
    }

    /// A connection without a login comes about: what hangs is the server. Asked for once a login was not answered.
    async fn accepts(&self) -> bool {
        if self.target.ssh.is_some() {
            return false;
        }
        let soon = Duration::from_millis(500);
        match self.place() {
            Place::Socket(path) => tokio::time::timeout(soon, tokio::net::UnixStream::connect(path)).await.is_ok_and(|s| s.is_ok()),
            Place::Tcp(host, port) => {
                tokio::time::timeout(soon, tokio::net::TcpStream::connect((host, port))).await.is_ok_and(|s| s.is_ok())
            }
        }
    }

    async fn dial(&self, database: Option<&str>) -> Result<Fresh> {
        let tunnel = self.tunnel().await?;
        let o = self.options(database);
        let mut relay = None;
        let conn = match self.place() {
            Place::Socket(path) => {
                let text = path.to_str().ok_or_else(|| Error::usage(format!("socket path {} is no UTF-8", path.display())))?;
                Conn::new(Opts::from(o.socket(Some(text)))).await
            }
            Place::Tcp(host, port) => {
                // Through a tunnel the certificate still carries the server's own name.
                let (address, port) = tunnel.as_ref().map_or_else(|| (host.clone(), port), |t| ("127.0.0.1".into(), t.port));
                let direct = o.ip_or_hostname(address.clone()).tcp_port(port);
                match self.tls()? {
                    None => Conn::new(Opts::from(direct)).await,
                    Some(config) => match self.encrypted(&direct, (&address, port), &host, config, &mut relay).await? {
                        // Like PREFERRED: also where TLS is offered but none that we could agree on (TLS 1.1 and older).
                        Err(e) if self.target.sslmode == SslMode::Prefer && tls_unavailable(&e) => {
                            // Known whatever becomes of the next one: a full server may still count the first, and another try is then one alone.
                            self.plain.store(true, Ordering::Relaxed);
                            relay = None;
                            Conn::new(Opts::from(direct)).await
                        }
                        done => done,
                    },
                }
            }
        };
        Ok(Fresh { conn: conn.map_err(|e| self.explain(e))?, way: Way { tunnel, relay } })
    }

    /// One connection, encrypted where the server offers that; the outer error is not the driver's.
    async fn encrypted(
        &self,
        o: &OptsBuilder,
        (address, port): (&str, u16),
        host: &str,
        config: Arc<rustls::ClientConfig>,
        relay: &mut Option<greeting::Relay>,
    ) -> Result<mysql_async::Result<Conn>> {
        let name = tls::server_name(host)?;
        let optional = self.target.sslmode == SslMode::Prefer;
        let broke = |e: std::io::Error| self.explain(e.into());
        let greeted = greeting::of(address, port, self.keepalive()).await.map_err(broke)?;
        match greeted.tls {
            Some(true) => {
                let secured = greeted.secured(config, name).map_err(broke)?;
                let way = o.clone().socket(Some(secured.socket.clone())).ssl_opts(SslOpts::default());
                let made = Conn::new(Opts::from(way)).await.map_err(|e| match (e, secured.why()) {
                    (mysql_async::Error::Io(_), Some(why)) => why.into(),
                    (e, _) => e,
                });
                *relay = Some(secured.relay);
                Ok(made)
            }
            Some(false) if !optional => Err(self.explain(DriverError::NoClientSslFlagFromServer.into())),
            tls => {
                self.plain.store(tls == Some(false), Ordering::Relaxed);
                let (port, handed) = greeted.plain().await.map_err(broke)?;
                *relay = Some(handed);
                let way = o.clone().ip_or_hostname("127.0.0.1").tcp_port(port);
                // A refusal is the driver's to read; whatever else it takes for a greeting gets no login in the clear.
                let way = if optional { way } else { way.ssl_opts(SslOpts::default()) };
                Ok(Conn::new(Opts::from(way)).await)
            }
        }
    }

    fn explain(&self, e: mysql_async::Error) -> Error {
        let plain = self.socket().is_none() && (self.target.sslmode == SslMode::Disable || self.plain.load(Ordering::Relaxed));
        errors::connecting(e, &self.address(), &self.user(), self.password.is_some(), plain)
    }

    /// What to ask of the server's certificate; nothing where no TLS is wanted, or was not to be had.
    fn tls(&self) -> Result<Option<Arc<rustls::ClientConfig>>> {
        let t = &self.target;
        if t.sslmode == SslMode::Disable || (t.sslmode == SslMode::Prefer && self.plain.load(Ordering::Relaxed)) {
            return Ok(None);
        }
        if t.sslcert.is_some() != t.sslkey.is_some() {
            return Err(Error::usage(format!("target {}: `sslcert` and `sslkey` belong together", t.name)));
        }
        tls::client_config(t.sslmode, t.sslrootcert.as_deref(), t.sslcert.as_deref(), t.sslkey.as_deref()).map(Some)
    }
}

/// The server offers no TLS, or the handshake failed: not a refused connection, and no answer of the server to the login.
fn tls_unavailable(e: &mysql_async::Error) -> bool {
    use mysql_async::{Error as My, IoError};
    match e {
        My::Driver(DriverError::NoClientSslFlagFromServer) | My::Io(IoError::Tls(_)) => true,
        My::Io(IoError::Io(e)) => e.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    }
}
