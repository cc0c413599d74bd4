//! Making a connection: address, TLS, login, tunnel. No session setting is changed here.

use super::pulse::Peer;
use super::{certificate, errors, greeting};
use crate::config::{SslMode, Target};
use crate::engine::{UNANSWERED, tls, tunnel::Tunnel};
use crate::model::{Error, Result};
use mysql_async::{ClientIdentity, Conn, DriverError, Opts, OptsBuilder, SslOpts};
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
    /// Likewise: it offers TLS.
    secure: AtomicBool,
    tunnel: Mutex<Weak<Tunnel>>,
}

/// A fresh connection, and the tunnel that must live as long.
pub(super) struct Fresh {
    pub conn: Conn,
    pub tunnel: Option<Arc<Tunnel>>,
}

enum Place {
    Socket(PathBuf),
    Tcp(String, u16),
}

impl Connector {
    pub fn new(target: Target, password: Option<SecretString>) -> Self {
        Connector { target, password, plain: AtomicBool::new(false), secure: AtomicBool::new(false), tunnel: Mutex::new(Weak::new()) }
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
        match self.place() {
            Place::Socket(p) => p.display().to_string(),
            Place::Tcp(h, p) if h.contains(':') => format!("[{h}]:{p}"),
            Place::Tcp(h, p) => format!("{h}:{p}"),
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
        if let Some(open) = slot.upgrade() {
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
            .hint(
                "No firewall does that: the login hangs in the server. Its process may be stopped, its disk may not answer, or it makes no \
                     threads any more.",
            )
            .hint("On its machine look at the process's state (ps), the kernel's log and the end of the server's log.")),
            Err(_) => Err(Error::connect(format!("{address} did not answer within {} s", limit.as_secs_f32()))
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
        let mut o = self.options(database);
        let way;
        let mut host = None;
        match self.place() {
            Place::Socket(path) => {
                let text = path.to_str().ok_or_else(|| Error::usage(format!("socket path {} is no UTF-8", path.display())))?;
                way = o.clone().socket(Some(text));
            }
            Place::Tcp(h, p) => {
                let (address, port) = tunnel.as_ref().map_or_else(|| (h.clone(), p), |t| ("127.0.0.1".into(), t.port));
                o = o.ip_or_hostname(address.clone()).tcp_port(port);
                let known = self.plain.load(Ordering::Relaxed) || self.secure.load(Ordering::Relaxed);
                // What to ask for the greeting of the first connection tells; the way to it leads through a port of our own.
                way = if self.target.sslmode == SslMode::Prefer && !known {
                    let greeted = greeting::of(&address, port, self.keepalive()).await.map_err(|e| self.explain(e.into()))?;
                    self.plain.store(greeted.tls == Some(false), Ordering::Relaxed);
                    self.secure.store(greeted.tls == Some(true), Ordering::Relaxed);
                    o.clone().ip_or_hostname("127.0.0.1").tcp_port(greeted.port)
                } else {
                    o.clone()
                };
                host = Some(h);
            }
        }
        let tls = match &host {
            Some(h) => self.tls(h)?,
            None => None,
        };
        let conn = match tls {
            None => Conn::new(Opts::from(way)).await.map_err(|e| self.explain(e))?,
            Some(tls) => {
                let first = Conn::new(Opts::from(way.ssl_opts(tls.clone()))).await;
                match (first, self.target.sslmode) {
                    (Ok(conn), _) => conn,
                    // Like PREFERRED: also where TLS is offered but none that we could agree on (TLS 1.1 and older).
                    (Err(e), SslMode::Prefer) if tls_unavailable(&e) => {
                        // Known whatever becomes of the next one: a full server may still count the first, and another try is then one alone.
                        self.plain.store(true, Ordering::Relaxed);
                        Conn::new(Opts::from(o)).await.map_err(|e| self.explain(e))?
                    }
                    (Err(e), mode) => {
                        let keys = self.own_keys(&e, host.as_deref().unwrap_or_default());
                        if !keys.is_empty()
                            && let Some(conn) = self.pinned(o.clone(), tls.clone(), keys).await?
                        {
                            return Ok(Fresh { conn, tunnel });
                        }
                        // The driver's own "any name" switch does not know today's wording of the error; the chain is
                        // checked again with the name that the certificate does carry, or without any where it carries none.
                        if !matches!(mode, SslMode::VerifyCa | SslMode::Require) || !another_name(&e) {
                            return Err(self.explain(e));
                        }
                        let Some(name) = presented_name(&e) else {
                            let keys = self.chained_key(tunnel.as_deref(), host.as_deref().unwrap_or_default()).await;
                            let conn = if keys.is_empty() { None } else { self.pinned(o, tls, keys).await? };
                            return conn.map(|conn| Fresh { conn, tunnel }).ok_or_else(|| self.explain(e));
                        };
                        let tls = tls.with_danger_tls_hostname_override(Some(name));
                        Conn::new(Opts::from(o.ssl_opts(tls))).await.map_err(|e| self.explain(e))?
                    }
                }
            }
        };
        Ok(Fresh { conn, tunnel })
    }

    /// Keys of the certificates of `sslrootcert` that may be the server's own, after its certificate was refused.
    fn own_keys(&self, e: &mysql_async::Error, host: &str) -> Vec<Vec<u8>> {
        let refused = matches!(rustls_error(e), Some(rustls::Error::InvalidCertificate(_)));
        let Some(file) = self.target.sslrootcert.as_deref().filter(|_| refused) else { return Vec::new() };
        let name = match self.target.sslmode {
            SslMode::VerifyFull => match tls::server_name(host) {
                Ok(n) => Some(n),
                Err(_) => return Vec::new(),
            },
            _ => None,
        };
        tls::certificates(file).map(|c| tls::pin::keys(&c, name.as_ref())).unwrap_or_default()
    }

    /// The key of the server's certificate, whose chain is good and whose name nobody looks at; nothing where there is none such.
    async fn chained_key(&self, tunnel: Option<&Tunnel>, host: &str) -> Vec<Vec<u8>> {
        let Place::Tcp(address, port) = self.place() else { return Vec::new() };
        let (address, port) = tunnel.map_or((address, port), |t| ("127.0.0.1".into(), t.port));
        let look = async {
            let config = tls::client_config(SslMode::VerifyCa, self.target.sslrootcert.as_deref(), None, None)?;
            let name = tls::server_name(host)?;
            let looked = async { certificate::of(tokio::net::TcpStream::connect((address, port)).await?, name, config).await };
            looked.await.map_err(|e| Error::io("looking at the server's certificate", e))
        };
        look.await.ok().and_then(|c| tls::pin::public_key(&c)).into_iter().collect()
    }

    /// Connects to a server that holds one of these keys; `None` when it holds none of them.
    async fn pinned(&self, o: OptsBuilder, tls: SslOpts, keys: Vec<Vec<u8>>) -> Result<Option<Conn>> {
        if !tls::pin::ready() {
            return Ok(None);
        }
        let tls = tls.with_danger_accept_invalid_certs(true).with_disable_built_in_roots(false);
        match tls::pin::only(keys, Conn::new(Opts::from(o.ssl_opts(tls)))).await {
            (Ok(conn), true) => Ok(Some(conn)),
            (Err(e), _) if rustls_error(&e).is_none() => Err(self.explain(e)),
            _ => Ok(None),
        }
    }

    fn explain(&self, e: mysql_async::Error) -> Error {
        let plain = self.socket().is_none() && (self.target.sslmode == SslMode::Disable || self.plain.load(Ordering::Relaxed));
        errors::connecting(e, &self.address(), &self.user(), self.password.is_some(), plain)
    }

    fn tls(&self, host: &str) -> Result<Option<SslOpts>> {
        let t = &self.target;
        if t.sslmode == SslMode::Disable || (t.sslmode == SslMode::Prefer && self.plain.load(Ordering::Relaxed)) {
            return Ok(None);
        }
        // Before the driver's first handshake, which settles the process's provider.
        tls::pin::ready();
        let mut ssl = SslOpts::default();
        match (&t.sslcert, &t.sslkey) {
            (Some(cert), Some(key)) => {
                tls::check_identity(cert, key)?;
                let key = tls::locked::opened_pem(key).map_or_else(|| key.clone().into(), Into::into);
                ssl = ssl.with_client_identity(Some(ClientIdentity::new(cert.clone().into(), key)));
            }
            (None, None) => {}
            _ => return Err(Error::usage(format!("target {}: `sslcert` and `sslkey` belong together", t.name))),
        }
        ssl = match t.sslmode {
            SslMode::Disable | SslMode::Prefer | SslMode::Require if t.sslrootcert.is_none() || t.sslmode != SslMode::Require => {
                ssl.with_danger_accept_invalid_certs(true)
            }
            // As in libpq: `require` with a root certificate checks the chain.
            _ => {
                // The driver gives up on the first certificate that is no trust anchor: only those that are, go there.
                let (_, certs) = tls::roots(t.sslrootcert.as_deref())?;
                let roots = certs
                    .into_iter()
                    .filter(|c| rustls::RootCertStore::empty().add(c.clone()).is_ok())
                    .map(|c| c.to_vec().into())
                    .collect();
                ssl.with_root_certs(roots).with_disable_built_in_roots(true)
            }
        };
        // Through a tunnel the certificate still carries the server's own name.
        Ok(Some(ssl.with_danger_tls_hostname_override(Some(host.to_string()))))
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

/// The error of the handshake, if that is what it was.
fn rustls_error(e: &mysql_async::Error) -> Option<&rustls::Error> {
    use mysql_async::{Error as My, IoError};
    match e {
        My::Io(IoError::Tls(mysql_async::TlsError::Tls(e))) => Some(e),
        My::Io(IoError::Io(e)) => e.get_ref()?.downcast_ref(),
        _ => None,
    }
}

/// The chain of the certificate is good, and it carries another name or none.
fn another_name(e: &mysql_async::Error) -> bool {
    use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
    matches!(rustls_error(e), Some(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })))
}

/// The first name of a certificate whose chain may be fine but that does not carry the host's name.
fn presented_name(e: &mysql_async::Error) -> Option<String> {
    let Some(rustls::Error::InvalidCertificate(rustls::CertificateError::NotValidForNameContext { presented, .. })) = rustls_error(e)
    else {
        return None;
    };
    presented.iter().find_map(|p| {
        // A wildcard stands for any label.
        let name = tls::name(p).replacen("*.", "any.", 1);
        rustls::pki_types::ServerName::try_from(name.clone()).ok().map(|_| name)
    })
}
