//! From a target to a connection: the address, TLS, the startup packet, authentication.

use super::fault::Report;
use super::wire::{Io, Wire};
use crate::config::{SslMode, Target};
use crate::engine::tunnel::Tunnel;
use crate::engine::{Password, tls};
use crate::model::{Error, Kind, Obstacle, Result};
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::{md5_hash, sasl};
use postgres_protocol::message::backend::{ErrorResponseBody, Message};
use postgres_protocol::message::frontend;
use secrecy::ExposeSecret;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// Where a server is reached. Serves the session and every cancel request after it.
pub(super) struct Dialer {
    place: Place,
    tls: Option<(SslMode, Arc<rustls::ClientConfig>)>,
    /// The name by which the user knows the server: what TLS verifies, also through a tunnel.
    host: String,
    keepalive: Duration,
    /// For messages: `db1:5432`, `/run/postgresql/.s.PGSQL.5432`.
    pub address: String,
    /// How far the newest attempt came.
    stage: AtomicU8,
    /// What answers is a pooler: it refused a setting as none of PostgreSQL's servers does.
    pooled: AtomicBool,
    /// Keeps the forward alive as long as anybody may dial.
    _tunnel: Option<Tunnel>,
}

/// See [`Dialer::accepted`].
#[derive(Clone, Copy)]
enum Stage {
    Dials,
    Accepted,
}

enum Place {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// A raw connection.
pub(super) struct Dialed {
    pub io: Box<dyn Io>,
    /// The certificate's hash for channel binding; `None` without TLS or where the certificate allows none.
    pub binding: Option<Vec<u8>>,
    pub encrypted: bool,
}

/// A session that stands.
pub(super) struct Started {
    pub wire: Wire,
    pub process: i32,
    pub secret: i32,
    /// ParameterStatus messages so far.
    pub parameters: BTreeMap<String, String>,
}

/// Why a start failed; a pooler's refusal of a parameter can be answered.
pub(super) enum Refusal {
    /// The startup parameter with this name is not for this server: a pooler in between.
    Parameter(String),
    Other(Error),
}

impl From<Error> for Refusal {
    fn from(e: Error) -> Self {
        Refusal::Other(e)
    }
}

/// PostgreSQL's own port, and where its packages put the socket.
const PORT: u16 = 5432;
const SOCKETS: [&str; 3] = ["/var/run/postgresql", "/run/postgresql", "/tmp"];

impl Dialer {
    pub async fn new(target: &Target) -> Result<Dialer> {
        let port = target.port.unwrap_or(PORT);
        let socket = target.socket.clone().or_else(|| target.host.as_deref().filter(|h| h.starts_with('/')).map(PathBuf::from));
        let socket = match (socket, &target.host, &target.ssh) {
            (Some(s), _, _) => Some(s),
            // Like libpq: without a host the local socket, where there is one.
            (None, None, None) => SOCKETS.iter().map(PathBuf::from).find(|d| d.join(format!(".s.PGSQL.{port}")).exists()),
            _ => None,
        };
        if let (Some(dir), None) = (socket, &target.ssh) {
            // A directory as libpq has it; the socket file itself is understood too.
            let is_file = dir.file_name().is_some_and(|n| n.to_string_lossy().starts_with(".s.PGSQL."));
            let path = if is_file { dir } else { dir.join(format!(".s.PGSQL.{port}")) };
            let address = path.display().to_string();
            return Ok(Dialer {
                place: Place::Unix(path),
                tls: None,
                host: String::new(),
                keepalive: Duration::ZERO,
                address,
                stage: AtomicU8::new(0),
                pooled: AtomicBool::new(false),
                _tunnel: None,
            });
        }
        let host = target.host.clone().unwrap_or_else(|| "localhost".into());
        let tls = match target.sslmode {
            SslMode::Disable => None,
            mode => {
                let root = target.sslrootcert.clone().filter(|p| p.as_os_str() != "system");
                let verifies = matches!(mode, SslMode::VerifyCa | SslMode::VerifyFull) && target.sslrootcert.is_none();
                let root = root.or_else(|| home_file("root.crt").filter(|_| verifies));
                let cert = target.sslcert.clone().or_else(|| home_file("postgresql.crt").filter(|_| home_file("postgresql.key").is_some()));
                Some((mode, tls::client_config(mode, root.as_deref(), cert.as_deref(), client_key(target).as_deref())?))
            }
        };
        let tunnel = match &target.ssh {
            Some(via) => Some(Tunnel::open(via, &host, port).await?),
            None => None,
        };
        let place = match &tunnel {
            Some(t) => Place::Tcp("127.0.0.1".into(), t.port),
            None => Place::Tcp(host.clone(), port),
        };
        let shown = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let address = match &target.ssh {
            Some(via) => format!("{shown} through {via}"),
            None => shown,
        };
        Ok(Dialer {
            place,
            tls,
            host,
            keepalive: target.keepalive.unwrap_or(Duration::from_secs(60)),
            address,
            stage: AtomicU8::new(0),
            pooled: AtomicBool::new(false),
            _tunnel: tunnel,
        })
    }

    /// The same place for libpq: `PGHOST` is the name that TLS verifies, `PGHOSTADDR` where a tunnel begins.
    pub fn libpq(&self) -> Vec<(&'static str, String)> {
        match &self.place {
            Place::Unix(path) => {
                let dir = path.parent().unwrap_or(path).display().to_string();
                let port = path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_else(|| PORT.to_string());
                vec![("PGHOST", dir), ("PGPORT", port)]
            }
            Place::Tcp(host, port) => {
                let mut out = vec![("PGHOST", self.host.clone()), ("PGPORT", port.to_string())];
                if *host != self.host {
                    out.push(("PGHOSTADDR", host.clone()));
                }
                out
            }
        }
    }

    fn unreachable(&self, e: &io::Error) -> Error {
        let error = Error::connect(format!("no PostgreSQL server answers at {}: {}", self.address, plain(e))).by(Obstacle::of(e));
        match (&self.place, e.kind()) {
            (Place::Unix(_), io::ErrorKind::NotFound) => {
                error.hint("No server listens on this socket: is it running, and is this its socket directory (`unix_socket_directories`)?")
            }
            (Place::Tcp(..), io::ErrorKind::ConnectionRefused) => {
                error.hint("Is the server running, on this port, and does it listen on TCP (`listen_addresses`)?")
            }
            (_, io::ErrorKind::PermissionDenied) => error.hint("This user may not use the socket."),
            _ => error,
        }
    }

    fn reached(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// A connection was accepted, whatever came of it since. The kernel accepts for a stopped server, too.
    pub fn accepted(&self) -> bool {
        self.stage.load(Ordering::Relaxed) >= Stage::Accepted as u8
    }

    pub fn pooled(&self) -> bool {
        self.pooled.load(Ordering::Relaxed)
    }

    async fn plain_stream(&self) -> Result<Transport> {
        self.reached(Stage::Dials);
        let stream = self.to_place().await?;
        self.reached(Stage::Accepted);
        Ok(stream)
    }

    async fn to_place(&self) -> Result<Transport> {
        match &self.place {
            Place::Unix(path) => Ok(Transport::Unix(UnixStream::connect(path).await.map_err(|e| self.unreachable(&e))?)),
            Place::Tcp(host, port) => {
                let s = TcpStream::connect((host.as_str(), *port)).await.map_err(|e| self.unreachable(&e))?;
                let _ = s.set_nodelay(true);
                // A dead peer shows after the idle time and three unanswered probes; where the system has none of it, reads still end.
                let alive = socket2::TcpKeepalive::new().with_time(self.keepalive).with_interval(Duration::from_secs(10)).with_retries(3);
                let _ = socket2::SockRef::from(&s).set_tcp_keepalive(&alive);
                Ok(Transport::Tcp(s))
            }
        }
    }

    /// Connects, with TLS as the target wants it.
    pub async fn dial(&self) -> Result<Dialed> {
        let plain = |s: Transport| Dialed { io: s.boxed(), binding: None, encrypted: false };
        let mut stream = match self.plain_stream().await? {
            Transport::Tcp(s) => s,
            unix => return Ok(plain(unix)),
        };
        let Some((mode, config)) = &self.tls else { return Ok(plain(Transport::Tcp(stream))) };
        let mut request = bytes::BytesMut::new();
        frontend::ssl_request(&mut request);
        let answer = async {
            stream.write_all(&request).await?;
            // One byte only: whatever stood behind it would not be covered by the encryption (CVE-2021-23222).
            stream.read_u8().await
        };
        let answer = answer.await.map_err(|e| self.unreachable(&e))?;
        match answer {
            b'S' => {}
            b'N' if *mode == SslMode::Prefer => return Ok(plain(Transport::Tcp(stream))),
            b'N' => {
                return Err(Error::connect(format!("the server at {} does not offer TLS, and this target requires it", self.address))
                    .by(Obstacle::NoTls)
                    .hint("Turn `ssl` on in the server's configuration, or set `sslmode = \"prefer\"` if an unencrypted connection is acceptable here."));
            }
            // Very old servers answer with an error message.
            b'E' if *mode == SslMode::Prefer => return Ok(plain(self.plain_stream().await?)),
            _ => {
                return Err(
                    Error::connect(format!("what answers at {} is not a PostgreSQL server", self.address)).by(Obstacle::AnotherProgram)
                );
            }
        }
        let name = tls::server_name(&self.host)?;
        match tokio_rustls::TlsConnector::from(config.clone()).connect(name, stream).await {
            Ok(s) => {
                let binding = s.get_ref().1.peer_certificates().and_then(|c| tls::end_point_hash(c.first()?));
                Ok(Dialed { io: Box::new(s), binding, encrypted: true })
            }
            // libpq goes on without TLS too.
            Err(_) if *mode == SslMode::Prefer => Ok(plain(self.plain_stream().await?)),
            Err(e) => {
                let of_tls = e.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
                let why = of_tls.map_or_else(|| e.to_string(), tls::words);
                let error = Error::connect(format!("TLS with the server at {} failed: {why}", self.address))
                    .by(of_tls.map_or(Obstacle::Tls, tls::obstacle));
                Err(match mode {
                    SslMode::VerifyFull => error.hint(format!(
                        "The certificate must be signed by a known authority (`sslrootcert`) and name `{}`; `sslmode = \"verify-ca\"` skips the name.",
                        self.host
                    )),
                    SslMode::VerifyCa => error.hint("The certificate must be signed by a known authority: name its file with `sslrootcert`."),
                    _ => error,
                })
            }
        }
    }

    /// Asks the server to cancel what the backend runs, and waits until the server has passed it on: it closes then.
    pub async fn cancel(&self, process: i32, secret: i32) -> Result<()> {
        let work = async {
            let mut io = self.dial().await?.io;
            let mut out = bytes::BytesMut::new();
            frontend::cancel_request(process, secret, &mut out);
            let sent = async {
                io.write_all(&out).await?;
                io.flush().await?;
                let mut rest = [0u8; 16];
                while io.read(&mut rest).await? > 0 {}
                Ok::<_, io::Error>(())
            };
            match sent.await {
                Ok(()) => Ok(()),
                // How the server closes does not matter (TLS without close_notify, a reset): it has read the request.
                Err(e) if matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => Ok(()),
                Err(e) => Err(Error::connect(format!("the cancel request did not reach {}: {}", self.address, plain(&e)))),
            }
        };
        tokio::time::timeout(Duration::from_secs(5), work)
            .await
            .unwrap_or_else(|_| Err(Error::connect(format!("the cancel request to {} was not answered within 5 s", self.address))))
    }

    /// Sends the startup packet and authenticates.
    pub async fn start(&self, user: &str, database: &str, settings: &[(String, String)], password: &Password) -> Result<Started, Refusal> {
        let dialed = self.dial().await?;
        let mut wire = Wire::new(dialed.io);
        let first = [("user", user), ("database", database)];
        let all = first.into_iter().chain(settings.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        frontend::startup_message(all, &mut wire.out)
            .map_err(|_| Error::usage(format!("the settings of the target for {} hold a zero byte", self.address)))?;
        let lost = |e: io::Error| Error::connect(format!("the connection to {} broke off while connecting: {}", self.address, plain(&e)));
        wire.flush().await.map_err(lost)?;
        let mut started = Started { wire, process: 0, secret: 0, parameters: BTreeMap::new() };
        let wanted = || {
            Error::new(Kind::PasswordNeeded, format!("the server at {} wants a password for user `{user}`", self.address))
                .hint("Configure one (`password_command`, an environment variable, .pgpass), or type it when asked.")
        };
        let given = password.as_ref().map(|p| p.expose_secret().as_bytes());
        let mut scram: Option<sasl::ScramSha256> = None;
        loop {
            let wire = &mut started.wire;
            let message = match wire.next().await {
                Ok(message) => message,
                Err(e) => {
                    let said = wire.bare_error();
                    let refused = said.map(|s| Error::connect(format!("the server at {} refused the connection: {s}", self.address)));
                    return Err(refused.unwrap_or_else(|| lost(e)).into());
                }
            };
            match message {
                Message::AuthenticationOk => {}
                Message::AuthenticationCleartextPassword => {
                    frontend::password_message(given.ok_or_else(wanted)?, &mut wire.out).map_err(lost)?;
                    wire.flush().await.map_err(lost)?;
                }
                Message::AuthenticationMd5Password(body) => {
                    let hash = md5_hash(user.as_bytes(), given.ok_or_else(wanted)?, body.salt());
                    frontend::password_message(hash.as_bytes(), &mut wire.out).map_err(lost)?;
                    wire.flush().await.map_err(lost)?;
                }
                Message::AuthenticationSasl(body) => {
                    let offered: Vec<&str> = body.mechanisms().collect().map_err(lost)?;
                    let plus = offered.contains(&sasl::SCRAM_SHA_256_PLUS);
                    let (mechanism, binding) = match &dialed.binding {
                        Some(hash) if plus => (sasl::SCRAM_SHA_256_PLUS, sasl::ChannelBinding::tls_server_end_point(hash.clone())),
                        _ if !offered.contains(&sasl::SCRAM_SHA_256) => return Err(self.method(&offered.join(", ")).into()),
                        // Says that we could have bound: a server that did offer it notices a man in the middle.
                        Some(_) => (sasl::SCRAM_SHA_256, sasl::ChannelBinding::unrequested()),
                        None => (sasl::SCRAM_SHA_256, sasl::ChannelBinding::unsupported()),
                    };
                    let s = sasl::ScramSha256::new(given.ok_or_else(wanted)?, binding);
                    frontend::sasl_initial_response(mechanism, s.message(), &mut wire.out).map_err(lost)?;
                    scram = Some(s);
                    wire.flush().await.map_err(lost)?;
                }
                Message::AuthenticationSaslContinue(body) => {
                    let s = scram.as_mut().ok_or_else(|| self.method("SASL out of order"))?;
                    s.update(body.data()).map_err(|e| self.imposter(&e))?;
                    frontend::sasl_response(s.message(), &mut wire.out).map_err(lost)?;
                    wire.flush().await.map_err(lost)?;
                }
                Message::AuthenticationSaslFinal(body) => {
                    let s = scram.as_mut().ok_or_else(|| self.method("SASL out of order"))?;
                    s.finish(body.data()).map_err(|e| self.imposter(&e))?;
                }
                Message::AuthenticationGss | Message::AuthenticationGssContinue(_) => return Err(self.method("GSSAPI (Kerberos)").into()),
                Message::AuthenticationSspi => return Err(self.method("SSPI").into()),
                Message::AuthenticationKerberosV5 => return Err(self.method("Kerberos 5").into()),
                Message::AuthenticationScmCredential => return Err(self.method("SCM credentials").into()),
                Message::BackendKeyData(body) => {
                    started.process = body.process_id();
                    started.secret = body.secret_key();
                }
                Message::ParameterStatus(body) => {
                    if let (Ok(name), Ok(value)) = (body.name(), body.value()) {
                        started.parameters.insert(name.into(), value.into());
                    }
                }
                Message::NoticeResponse(_) => {}
                Message::ErrorResponse(body) => return Err(self.refused(&body, user, database, given.is_some(), dialed.encrypted)),
                Message::ReadyForQuery(_) => return Ok(started),
                _ => {
                    return Err(Error::connect(format!("the server at {} sent something unexpected while connecting", self.address)).into());
                }
            }
        }
    }

    fn method(&self, name: &str) -> Error {
        Error::connect(format!("the server at {} wants the authentication method {name}, which Holdpoint does not speak", self.address))
            .hint("Holdpoint speaks password, md5 and SCRAM-SHA-256, peer on the local socket, and client certificates: ask for a pg_hba.conf line with one of them.")
    }

    fn imposter(&self, e: &io::Error) -> Error {
        Error::connect(format!("the server at {} failed its half of the SCRAM authentication: {}", self.address, plain(e)))
            .hint("Something between here and the server may not be what it seems, or the password was cut short.")
    }

    /// An error message of the server while connecting, as a sentence.
    fn refused(&self, body: &ErrorResponseBody, user: &str, database: &str, with_password: bool, encrypted: bool) -> Refusal {
        let r = Report::read(body.fields());
        // pgbouncer, pgcat and Odyssey name the parameter last.
        if r.message.contains("unsupported startup parameter")
            && let Some(name) = r.message.split([':', ' ']).next_back().filter(|n| !n.is_empty())
        {
            self.pooled.store(true, Ordering::Relaxed);
            return Refusal::Parameter(name.trim_matches(['"', '\'', '=']).to_string());
        }
        let at = &self.address;
        let error = match r.code.as_str() {
            _ if let Some(hint) = of_a_pooler(&r.message) => {
                Error::connect(format!("the pooler at {at} refused the connection: {}", r.message)).by(Obstacle::Pooler).hint(hint)
            }
            "28P01" if !with_password => Error::new(Kind::PasswordNeeded, format!("the server at {at} wants a password for user `{user}`")),
            "28P01" => Error::connect(format!("the server at {at} refused the password of user `{user}`"))
                .hint("The password is wrong, has expired, or the role does not exist: the server does not tell which."),
            "28000" => {
                let e = Error::connect(format!("the server at {at} does not let user `{user}` in: {}", r.message));
                if r.message.contains("pg_hba.conf") {
                    let tls = if encrypted { "with" } else { "without" };
                    e.hint(format!("pg_hba.conf on the server has no line that fits this address, user and database {tls} TLS."))
                } else {
                    e
                }
            }
            "3D000" => Error::connect(format!("there is no database `{database}` on the server at {at}")),
            "53300" => Error::connect(format!("the server at {at} has no free connection: {}", r.message))
                .hint("Close a session, or raise `max_connections`; superusers have reserved ones (`superuser_reserved_connections`)."),
            "57P03" => Error::connect(format!("the server at {at} is not ready: {}", r.message))
                .hint("It is starting up, shutting down or recovering: try again in a moment."),
            "42704" | "22023" => Error::connect(format!("the server at {at} does not accept a setting of this target: {}", r.message))
                .hint("Look at `settings` and `search_path` of the target."),
            _ => Error::connect(format!("the server at {at} refused the connection: {}", r.message)),
        };
        let mut error = if r.code.is_empty() { error } else { error.code(r.code) };
        error.detail = r.detail;
        error.hints.extend(r.hint);
        Refusal::Other(error)
    }
}

/// What it means when PgBouncer refuses a login, by its own words: whatever its code is, no server said this.
fn of_a_pooler(message: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 5] = [
        ("max_client_conn", "It has as many clients as it may have: see which application opens so many, or raise max_client_conn."),
        ("query_wait_timeout", "Its pool is used up: look at what holds its connections to the server."),
        ("cannot connect to server", "The pooler is there, and the server behind it lets it not in: assess that by its own host and port."),
        ("server login", "The pooler is there, and the server behind it lets it not in: assess that by its own host and port."),
        ("server_login_retry", "The pooler is there, and the server behind it lets it not in: assess that by its own host and port."),
    ];
    WORDS.iter().find(|(words, _)| message.contains(words)).map(|(_, hint)| *hint)
}

enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Transport {
    fn boxed(self) -> Box<dyn Io> {
        match self {
            Transport::Tcp(s) => Box::new(s),
            Transport::Unix(s) => Box::new(s),
        }
    }
}

/// An I/O error without the operating system's number.
pub(super) fn plain(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::UnexpectedEof => "the server closed the connection".into(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "the connection was reset".into(),
        io::ErrorKind::NotFound => "no such file".into(),
        io::ErrorKind::TimedOut => "no answer in time".into(),
        // What the server says of the client's certificate comes after the handshake.
        _ => e.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()).map_or_else(|| e.to_string(), tls::words),
    }
}

/// The file with the client's private key, where it has a certificate: as for libpq those at home where none is named. A certificate that is
/// named may hold its key itself.
pub fn client_key(target: &Target) -> Option<PathBuf> {
    let home = || home_file("postgresql.crt").and_then(|_| home_file("postgresql.key"));
    target.sslkey.clone().or_else(|| target.sslcert.clone()).or_else(home)
}

/// `~/.postgresql/<name>`, where libpq looks too.
fn home_file(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("HOME")?).join(".postgresql").join(name);
    path.is_file().then_some(path)
}
