//! The one error type: a kind that sets the exit code, a sentence for the user, and what to do next.

use std::fmt;

/// What went wrong, as far as the exit code and the console need to tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Wrong arguments, configuration or files of the user. Exit code 2.
    Usage,
    /// No connection could be made, or it was lost. Exit code 3.
    Connect,
    /// The server wants a password and none of the configured sources gave one. Exit code 3.
    PasswordNeeded,
    /// The client's private key is locked, and nothing gave the pass phrase that opens it. Exit code 3.
    PassphraseNeeded,
    /// A gate held the action; the message names what is missing. Exit code 4.
    Held,
    /// Refused because the target is read-only, or the statement may write. Exit code 4.
    ReadOnly,
    /// Could not be seen: a permission or an extension is missing. Exit code 5.
    Unknown,
    /// Cancelled by the user. Exit code 130.
    Cancelled,
    /// The server refused or failed a statement. Exit code 1.
    Statement,
    /// A file, a child process or the store failed. Exit code 1.
    Io,
    /// Everything else that failed. Exit code 1.
    Failed,
}

/// What was in the way of a connection, where that is known. What it means is judged by this: the message is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Nobody listens at the address, or there is no such socket.
    NobodyListens,
    /// Nothing came back: a network that lets nothing through, or a machine that is down.
    NoAnswer,
    /// The network let the login through, and the server did not go on with it. The hints say where it may hang.
    LoginHangs,
    /// A pooler refused it, or let nobody through: the server has no part in it.
    Pooler,
    /// The name of the host leads nowhere.
    NoName,
    /// What answers is another program.
    AnotherProgram,
    NoTls,
    /// Each side has one of its own; of the other side's this machine trusts none, or it fits not.
    Tls,
    /// The server's certificate has expired.
    Expired,
    /// No such file, or none that this user may read.
    NoFile,
}

impl Obstacle {
    /// As the operating system tells it.
    pub fn of(e: &std::io::Error) -> Option<Obstacle> {
        use std::io::ErrorKind as E;
        match e.kind() {
            E::ConnectionRefused | E::NotFound => Some(Obstacle::NobodyListens),
            E::TimedOut | E::HostUnreachable | E::NetworkUnreachable => Some(Obstacle::NoAnswer),
            // It has no kind of its own, and is the standard library's word.
            _ if e.to_string().contains("failed to lookup address") => Some(Obstacle::NoName),
            _ => None,
        }
    }
}

/// An error that a person can act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub kind: Kind,
    /// One sentence that names the object: not capitalised SQL state jargon, no trailing stop needed.
    pub message: String,
    /// The server's detail, a tool's last lines, or a file's path: shown below the message.
    pub detail: Option<String>,
    /// What to do next, one sentence each.
    pub hints: Vec<String>,
    /// SQLSTATE or the engine's own code.
    pub code: Option<String>,
    /// Byte offset in the statement's text at which the server found the error.
    pub position: Option<usize>,
    /// Of an error of [`Kind::Connect`].
    pub obstacle: Option<Obstacle>,
}

/// Ends the hint that something of a failed statement stays all the same.
pub const STAYS: &str = "what was written before stays";

/// `Result` with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), detail: None, hints: Vec::new(), code: None, position: None, obstacle: None }
    }
    /// The hint that something of it stays all the same.
    pub fn stays(&self) -> Option<&str> {
        self.hints.iter().map(String::as_str).find(|h| h.contains(STAYS))
    }
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }
    pub fn connect(message: impl Into<String>) -> Self {
        Self::new(Kind::Connect, message)
    }
    pub fn held(message: impl Into<String>) -> Self {
        Self::new(Kind::Held, message)
    }
    pub fn read_only(message: impl Into<String>) -> Self {
        Self::new(Kind::ReadOnly, message)
    }
    pub fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "cancelled")
    }
    /// A secret is to be typed: the caller asks for it, hands it to `ops::connect::typed`, and goes on.
    pub fn asks(&self) -> bool {
        matches!(self.kind, Kind::PasswordNeeded | Kind::PassphraseNeeded)
    }
    /// An I/O error together with what was being done to which path.
    pub fn io(doing: impl fmt::Display, err: std::io::Error) -> Self {
        let mut e = Self::new(Kind::Io, format!("{doing}: {err}"));
        if err.kind() == std::io::ErrorKind::StorageFull {
            e = e.hint("The disk is full: free some space first.");
        }
        e
    }
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
    #[must_use]
    pub fn at(mut self, byte: usize) -> Self {
        self.position = Some(byte);
        self
    }
    /// What was in the way of a connection.
    #[must_use]
    pub fn by(mut self, obstacle: impl Into<Option<Obstacle>>) -> Self {
        self.obstacle = obstacle.into();
        self
    }
    /// Puts what was being done before the message: `reading 0043_x.up.sql: …`.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }
    /// The process exit code.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Usage => 2,
            Kind::Connect | Kind::PasswordNeeded | Kind::PassphraseNeeded => 3,
            Kind::Held | Kind::ReadOnly => 4,
            Kind::Unknown => 5,
            Kind::Cancelled => 130,
            Kind::Statement | Kind::Io | Kind::Failed => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
