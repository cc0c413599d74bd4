//! A target: a named database with how to reach it, its secret's source and its environment.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which engine speaks to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineKind {
    Postgres,
    /// MySQL and MariaDB: which of them is found out after connecting.
    MySql,
    Sqlite,
}

/// What may be done on a target, the strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessMode {
    ReadOnly,
    Guarded,
    Open,
}

impl AccessMode {
    /// As the configuration writes it.
    pub fn word(self) -> &'static str {
        match self {
            AccessMode::ReadOnly => "read-only",
            AccessMode::Guarded => "guarded",
            AccessMode::Open => "open",
        }
    }
}

/// libpq's `sslmode`, used for MySQL too (`prefer` is its `PREFERRED`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SslMode {
    Disable,
    #[default]
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Where the password comes from. Never printed: `Debug` shows the kind only.
#[derive(Clone, Default)]
pub enum SecretSource {
    /// `.pgpass`, `pg_service.conf`, `~/.my.cnf` by the engine's rules; then a prompt.
    #[default]
    Auto,
    /// Written in the configuration or a URL (mode-checked when from a file).
    Given(secrecy::SecretString),
    /// Text with `${NAME}` in it, expanded from the environment when the password is needed: a variable that only
    /// production has must not keep development from opening.
    Expand(String),
    /// First line of the standard output of this command, run by `sh -c`.
    Command(String),
    /// Ask, do not look anywhere.
    Prompt,
}

impl std::fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            SecretSource::Auto => "Auto",
            SecretSource::Given(_) => "Given(…)",
            SecretSource::Expand(_) => "Expand(…)",
            SecretSource::Command(_) => "Command(…)",
            SecretSource::Prompt => "Prompt",
        })
    }
}

/// A threshold of an assessment as it is configured. Which ones there are is known to the engine alone: a name that it does not have is
/// told when the target is assessed, with its place here.
#[derive(Debug, Clone)]
pub struct Threshold {
    /// `PG03.used`.
    pub name: String,
    pub warning: f64,
    pub critical: f64,
    pub at: super::toml_file::At,
}

/// A configured target. Fields that an engine does not have are `None`.
#[derive(Debug, Clone)]
pub struct Target {
    pub name: String,
    /// The URL or file by which somebody named it where it is not configured; no password is in it.
    pub typed: Option<String>,
    pub engine: EngineKind,
    /// One of the configured environments; `None` makes the target read-only by default.
    pub environment: Option<String>,
    pub access: AccessMode,
    /// `access` is written in the configuration; otherwise it follows from the environment.
    pub access_given: bool,
    /// Another configured target of a later environment that is the same database: `prod (production)`. Without an access of its own this
    /// target is then read-only.
    pub also: Option<String>,
    /// Databases of configured targets of later environments that this one's sessions could reach, too.
    pub later: Vec<Later>,
    /// SQLite: the file, absolute.
    pub path: Option<PathBuf>,
    pub host: Option<String>,
    pub port: Option<u16>,
    /// Unix socket: a file (MySQL) or a directory (PostgreSQL).
    pub socket: Option<PathBuf>,
    pub database: Option<String>,
    pub user: Option<String>,
    pub password: SecretSource,
    pub sslmode: SslMode,
    pub sslrootcert: Option<PathBuf>,
    pub sslcert: Option<PathBuf>,
    pub sslkey: Option<PathBuf>,
    /// A host for the system's `ssh -N -L`; its own configuration, agent and jump hosts apply.
    pub ssh: Option<String>,
    /// PostgreSQL: `SET ROLE` after connecting.
    pub role: Option<String>,
    /// PostgreSQL: schemas in order.
    pub search_path: Option<String>,
    /// Further session settings, sent in the startup packet (PostgreSQL) or by SET (MySQL).
    pub settings: BTreeMap<String, String>,
    /// TCP keepalive idle time; `None` is 60 s.
    pub keepalive: Option<Duration>,
    /// Where proofs restore to: another target's name (a server on which databases may be made), or for SQLite a directory.
    pub scratch: Option<String>,
    /// `scratch` resolved by the loader: the target it names.
    pub scratch_target: Option<Box<Target>>,
    /// Directory of migration scripts, absolute.
    pub migrations: Option<PathBuf>,
    /// Directory under which backups are kept, absolute.
    pub backups: Option<PathBuf>,
    /// Live plans while typing; `None`: on in the first environment, off elsewhere.
    pub live_plan: Option<bool>,
    /// Cost from which measuring a statement (EXPLAIN ANALYZE) is asked about first, in the server's own units.
    pub analyze_cost: u64,
    /// Statements of other sessions at one moment from which measuring is asked about first.
    pub analyze_load: u64,
    /// Keep a history of statements.
    pub history: bool,
    /// Most rows that one guarded statement may change before it is rolled back.
    pub blast_radius: u64,
    /// Thresholds of its assessments that are set otherwise.
    pub thresholds: Vec<Threshold>,
    /// The file (and line) that defined it, for messages; `None` for a URL from the command line or the environment.
    pub defined_in: Option<String>,
}

impl Target {
    /// Whether these words name it: its name, or what it was called by where it is not configured.
    pub fn is_called(&self, words: &str) -> bool {
        words == self.name || self.typed.as_deref() == Some(words)
    }
    /// What names it on a command line.
    pub fn word(&self) -> &str {
        self.typed.as_deref().unwrap_or(&self.name)
    }

    /// Where it leads: another server of the same name is another target.
    pub fn leads(&self) -> String {
        self.path.as_ref().map_or_else(|| self.place(), |p| p.display().to_string())
    }

    /// What the store keeps of it goes by: its name and where it leads.
    pub fn kept_as(&self) -> String {
        format!("{} {}", self.name, self.leads())
    }

    /// A target with all defaults: no environment, hence read-only.
    pub fn bare(name: impl Into<String>, engine: EngineKind) -> Self {
        Target {
            name: name.into(),
            typed: None,
            engine,
            environment: None,
            access: AccessMode::ReadOnly,
            access_given: false,
            also: None,
            later: Vec::new(),
            path: None,
            host: None,
            port: None,
            socket: None,
            database: None,
            user: None,
            password: SecretSource::Auto,
            sslmode: SslMode::default(),
            sslrootcert: None,
            sslcert: None,
            sslkey: None,
            ssh: None,
            role: None,
            search_path: None,
            settings: BTreeMap::new(),
            keepalive: None,
            scratch: None,
            scratch_target: None,
            migrations: None,
            backups: None,
            live_plan: None,
            analyze_cost: 1_000_000,
            analyze_load: 32,
            history: true,
            blast_radius: 1000,
            thresholds: Vec::new(),
            defined_in: None,
        }
    }

    /// Whether both name one database as far as the configuration tells: the same file (by any link), or the same server
    /// and database. Two names of one host are not seen through; the server's own identity is what evidence is bound to.
    pub fn same_place(&self, other: &Target) -> bool {
        if self.engine == EngineKind::Sqlite && other.engine == self.engine {
            return match (&self.path, &other.path) {
                (Some(a), Some(b)) => same_file(a, b),
                _ => self.path == other.path,
            };
        }
        let database = |t: &Target| t.database.clone().or_else(|| t.user.clone().filter(|_| t.engine == EngineKind::Postgres));
        self.same_server(other) && database(self) == database(other)
    }

    /// Whether a session of this one could be led to the other's database, or drop it: of the same server, or any file where files can be
    /// attached.
    pub fn reaches(&self, other: &Target) -> bool {
        match self.engine {
            EngineKind::Sqlite => other.engine == self.engine,
            _ => self.same_server(other),
        }
    }

    fn same_server(&self, other: &Target) -> bool {
        let default = if self.engine == EngineKind::Postgres { 5432 } else { 3306 };
        let way = |t: &Target| {
            let host = t.host.clone().unwrap_or_else(|| "localhost".into()).to_lowercase();
            let host = if host == "127.0.0.1" || host == "::1" { "localhost".into() } else { host };
            (t.ssh.clone(), t.socket.clone(), if t.socket.is_some() { String::new() } else { host }, t.port.unwrap_or(default))
        };
        self.engine == other.engine && way(self) == way(other)
    }
}

/// A database that a target of a later environment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// Of a server.
    pub database: Option<String>,
    /// SQLite's.
    pub path: Option<PathBuf>,
    pub target: String,
    pub environment: String,
}

/// Whether both are one file, by any link; where one of them is not there, by their names.
pub fn same_file(a: &Path, b: &Path) -> bool {
    let file = |p: &Path| std::fs::metadata(p).ok().map(|m| (m.dev(), m.ino()));
    match (file(a), file(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}
