//! The `[targets.<name>]` tables and database URLs, turned into [`Target`]s.

use super::files::playground;
use super::surroundings::Surroundings;
use super::toml_file::{At, Entry, Node, Section, list, unknown};
use super::url::{self, Parts};
use super::{AccessMode, EngineKind, SecretSource, SslMode, Target, Threshold, secrets};
use crate::model::{Error, Result};
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a URL comes from; it decides whether a password may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlFrom {
    /// An argument: other users see it in the process list, so a password is refused.
    Arguments,
    /// An environment variable of this name.
    Variable(&'static str),
}

impl Target {
    /// A target from a URL or a SQLite file's path. It has no environment, hence it is read-only.
    ///
    /// As with the native clients, `PGHOST`, `PGPORT`, `PGUSER`, `PGDATABASE` and `PGSSLMODE` fill what a PostgreSQL URL
    /// leaves open, and `~/.my.cnf` what a MySQL URL does. Configured targets take only the user of `~/.my.cnf`, where
    /// the file speaks of their server: a name with an environment must mean the same database in every shell.
    pub fn from_url(name: &str, text: &str, from: UrlFrom, around: &Surroundings) -> Result<Target> {
        let place = match from {
            UrlFrom::Arguments => "the database URL".to_owned(),
            UrlFrom::Variable(v) => format!("environment variable {v}"),
        };
        let mut parts = url::parse(text).map_err(|e| {
            Error::usage(format!("{place}: {e}")).hint("For example postgres://mira@db.example:5432/shop, or a SQLite file's path.")
        })?;
        if from == UrlFrom::Arguments && parts.password.is_some() {
            return Err(Error::usage("a password on the command line is refused: every user of this machine can read it there")
                .hint("Leave it out and be asked, put it into ~/.pgpass or ~/.my.cnf, or describe the target in holdpoint.toml with password = \"${VARIABLE}\" or password_command."));
        }
        if parts.engine == Some(EngineKind::Postgres) {
            libpq_variables(&mut parts, around).map_err(Error::usage)?;
        }
        let mut target = Target::bare(name, parts.engine.unwrap_or(EngineKind::Sqlite));
        fill(&mut target, parts, &around.cwd, around);
        if target.engine == EngineKind::MySql {
            secrets::my_cnf::Options::of_home(around).fill(&mut target);
        }
        Ok(target)
    }

    /// The server that it is on, whatever its database: what is done to one concerns all targets of it. A file is its own.
    pub fn server(&self) -> String {
        Target { database: None, ..self.clone() }.leads()
    }

    /// Where it is, in a few words and without secrets: `db.example:5432/orders`, a socket, a file.
    pub fn place(&self) -> String {
        let port = |default: u16| self.port.map_or(String::new(), |p| if p == default { String::new() } else { format!(":{p}") });
        let default = if self.engine == EngineKind::MySql { 3306 } else { 5432 };
        let server = match (&self.path, &self.socket, &self.host) {
            (Some(file), ..) => return super::toml_file::shown(file),
            (_, Some(socket), _) => format!("{}{}", socket.display(), port(default)),
            (_, _, Some(host)) => format!("{host}{}", port(default)),
            _ => format!("local{}", port(default)),
        };
        let database = self.database.as_ref().map_or(String::new(), |d| format!("/{d}"));
        let via = self.ssh.as_ref().map_or(String::new(), |s| format!(" via {s}"));
        crate::text::clean(&format!("{server}{database}{via}")).into_owned()
    }
}

fn libpq_variables(parts: &mut Parts, around: &Surroundings) -> Result<(), String> {
    if parts.host.is_none() && parts.socket.is_none() {
        match around.var("PGHOST") {
            Some(dir) if dir.starts_with('/') => parts.socket = Some(dir.into()),
            host => parts.host = host.map(Into::into),
        }
    }
    if parts.port.is_none()
        && let Some(port) = around.var("PGPORT")
    {
        parts.port = Some(port.parse().ok().filter(|p| *p != 0).ok_or("environment variable PGPORT is not a number from 1 to 65535")?);
    }
    parts.user = parts.user.take().or_else(|| around.var("PGUSER").map(Into::into));
    parts.database = parts.database.take().or_else(|| around.var("PGDATABASE").map(Into::into));
    if parts.sslmode.is_none()
        && let Some(mode) = around.var("PGSSLMODE")
    {
        parts.sslmode = Some(url::sslmode(mode).map_err(|e| format!("environment variable PGSSLMODE: {e}"))?);
    }
    Ok(())
}

/// Puts a URL's parts into a target.
fn fill(target: &mut Target, parts: Parts, base: &Path, around: &Surroundings) {
    let path = |p: Option<String>| p.map(|p| around.path(&p, base));
    target.path = path(parts.path);
    target.host = parts.host;
    target.port = parts.port;
    target.socket = path(parts.socket);
    target.database = parts.database;
    target.user = parts.user;
    if let Some(password) = parts.password {
        target.password = SecretSource::Given(SecretString::from(password));
    }
    target.sslmode = parts.sslmode.unwrap_or_default();
    target.sslrootcert = path(parts.sslrootcert);
    target.sslcert = path(parts.sslcert);
    target.sslkey = path(parts.sslkey);
    target.search_path = parts.search_path;
    target.settings = parts.settings;
}

/// What a target's table is read against.
pub(super) struct Context<'a> {
    pub around: &'a Surroundings,
    pub environments: &'a [String],
    /// The project file that was found by searching, when somebody else owns it: it may not name commands to run.
    pub foreign: Option<&'a Path>,
}

/// A target whose `scratch` is still a word.
pub(super) struct Read {
    pub target: Target,
    pub scratch_at: Option<At>,
}

/// Fields that say where a server is; a URL says it too.
const PLACE: [&str; 7] = ["host", "port", "socket", "database", "user", "path", "service"];
const SERVER_ONLY: [&str; 18] = [
    "host",
    "port",
    "socket",
    "database",
    "user",
    "password",
    "password_command",
    "prompt",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "ssh",
    "role",
    "search_path",
    "settings",
    "keepalive",
    "service",
];

pub(super) fn read(entry: &Entry, s: &Section<'_>, cx: &Context<'_>) -> Option<Read> {
    let problems = s.problems();
    let wrong = |at: &At, message: String| problems.add(at, message);
    name(entry, s);

    let url = s.text("url");
    let parts = url.and_then(|(text, at)| match url::parse(text) {
        Ok(parts) => Some((parts, at)),
        Err(e) => {
            wrong(at, format!("`url` in {}: {e}", s.title()));
            None
        }
    });
    if url.is_some()
        && let Some(both) = PLACE.iter().find_map(|k| s.entry(k))
    {
        wrong(
            &both.key_at,
            format!("{} has both `url` and `{}`: keep the URL, or take it apart into the separate fields", s.title(), both.key),
        );
    }

    let engine = engine(s, parts.as_ref().and_then(|(p, _)| p.engine));

    let base = |at: &At| at.file().and_then(Path::parent).map_or(cx.around.cwd.clone(), Path::to_owned);
    let path = |key: &'static str| s.text(key).map(|(text, at)| cx.around.path(text, &base(at)));
    let word = |key: &'static str| s.text(key).map(|(text, _)| text.to_owned());

    let read_only_url = parts.as_ref().is_some_and(|(p, _)| p.read_only);
    let mut t = Target::bare(&entry.key, engine.unwrap_or(EngineKind::Postgres));
    t.defined_in = Some(entry.key_at.line());
    if let Some((parts, at)) = parts {
        let template = parts.password.as_ref().is_some_and(|p| secrets::has_variables(p));
        if parts.password.is_some() && !template {
            private(at, s, problems);
        }
        let password = parts.password.clone();
        fill(&mut t, parts, &base(at), cx.around);
        if let Some(p) = password.filter(|_| template) {
            t.password = SecretSource::Expand(p);
        }
    }
    let url_password = !matches!(t.password, SecretSource::Auto);

    t.path = path("path").or(t.path);
    server(&mut t, path("socket"), s);
    t.database = word("database").or(t.database);
    t.user = word("user").or(t.user);
    password(&mut t, url_password, s, cx);
    t.sslrootcert = path("sslrootcert").or(t.sslrootcert);
    t.sslcert = path("sslcert").or(t.sslcert);
    t.sslkey = path("sslkey").or(t.sslkey);
    tls(&mut t, s);
    ssh(&mut t, s);
    t.role = word("role");
    t.search_path = word("search_path").or(t.search_path);
    settings(&mut t, s);
    t.keepalive = s.text("keepalive").and_then(|(text, at)| duration_at("keepalive", text, at, s));
    t.migrations = path("migrations");
    t.backups = path("backups");
    t.live_plan = s.boolean("live_plan");
    t.analyze_cost = natural("analyze_cost", "is a cost", s).unwrap_or(t.analyze_cost);
    t.analyze_load = natural("analyze_load", "counts statements", s).unwrap_or(t.analyze_load);
    t.blast_radius = natural("blast_radius", "counts rows", s).unwrap_or(t.blast_radius);
    t.history = s.boolean("history").unwrap_or(true);
    thresholds(&mut t, s);
    environment(&mut t, read_only_url, s, cx);

    if let Some((name, at)) = s.text("service")
        && let Err(e) = secrets::service::fill(&mut t, name, cx.around, !s.has("sslmode"))
    {
        problems.push(at, Error { message: at.error(&e.message).message, ..e });
    }
    if engine == Some(EngineKind::MySql) && t.user.is_none() {
        let options = secrets::my_cnf::Options::of_home(cx.around);
        if options.fits(&t) {
            t.user = options.user;
        }
    }
    fitting(&t, engine, s);

    let scratch = s.text("scratch");
    t.scratch = scratch.map(|(text, _)| text.to_owned());
    Some(Read { target: t, scratch_at: scratch.map(|(_, at)| at.clone()) }).filter(|_| engine.is_some())
}

/// What `engine`, the URL, or what only one engine has say.
fn engine(s: &Section<'_>, from_url: Option<EngineKind>) -> Option<EngineKind> {
    let named = s.word(
        "engine",
        &[
            ("postgres", EngineKind::Postgres),
            ("postgresql", EngineKind::Postgres),
            ("mysql", EngineKind::MySql),
            ("mariadb", EngineKind::MySql),
            ("sqlite", EngineKind::Sqlite),
        ],
    );
    if let (Some(a), Some(b), Some((_, at))) = (named, from_url, s.text("url"))
        && a != b
    {
        s.problems().add(at, format!("`url` in {} is for another engine than `engine` says", s.title()));
    }
    let implied = if s.has("path") { Some(EngineKind::Sqlite) } else { s.has("service").then_some(EngineKind::Postgres) };
    let engine = named.or(from_url).or(implied);
    if engine.is_none() && !s.has("engine") && !s.has("url") {
        s.problems().add(s.at(), format!("`engine` is missing in {}: {}", s.title(), list(&["postgres", "mysql", "mariadb", "sqlite"])));
    }
    engine
}

fn server(t: &mut Target, socket: Option<PathBuf>, s: &Section<'_>) {
    if let Some((host, _)) = s.text("host") {
        if host.starts_with('/') { t.socket = Some(host.into()) } else { t.host = Some(host.to_owned()) }
    }
    if let Some((port, at)) = s.integer("port") {
        match u16::try_from(port) {
            Ok(p) if p > 0 => t.port = Some(p),
            _ => s.problems().add(at, format!("`port` in {} must be from 1 to 65535", s.title())),
        }
    }
    if let Some(socket) = socket {
        if let Some((_, at)) = s.text("socket").filter(|_| t.host.is_some() || t.socket.is_some()) {
            s.problems().add(at, format!("{} has both `host` and `socket`: keep one", s.title()));
        }
        t.socket = Some(socket);
    }
}

/// The mode, and whether it goes with the files.
fn tls(t: &mut Target, s: &Section<'_>) {
    if let Some((text, at)) = s.text("sslmode") {
        match url::sslmode(text) {
            Ok(mode) => t.sslmode = mode,
            Err(e) => s.problems().add(at, e),
        }
    }
    for (have, lack, key) in [(&t.sslcert, &t.sslkey, "sslcert"), (&t.sslkey, &t.sslcert, "sslkey")] {
        if have.is_some()
            && lack.is_none()
            && let Some(e) = s.entry(key)
        {
            s.problems().add(&e.key_at, format!("{} needs both `sslcert` and `sslkey` (they may be the same file)", s.title()));
        }
    }
    if t.sslmode == SslMode::Disable
        && let Some(e) = ["sslrootcert", "sslcert", "sslkey"].iter().find_map(|k| s.entry(k))
    {
        s.problems().add(&e.key_at, format!("`{}` in {} has no effect with sslmode = \"disable\"", e.key, s.title()));
    }
}

fn ssh(t: &mut Target, s: &Section<'_>) {
    let Some((via, at)) = s.text("ssh") else { return };
    if via.is_empty() || via.starts_with('-') || via.contains(char::is_whitespace) || via.contains(char::is_control) {
        s.problems().add(at, format!("`ssh` in {} must be a host that ssh knows: bastion, or user@bastion", s.title()));
    } else if t.socket.is_some() {
        s.problems().add(at, format!("`ssh` in {} forwards to a host and port, and this target names a socket", s.title()));
    }
    t.ssh = Some(via.to_owned());
}

/// A number that is not below zero, because it `is` what cannot be.
fn natural(key: &'static str, is: &str, s: &Section<'_>) -> Option<u64> {
    let (n, at) = s.integer(key)?;
    let natural = u64::try_from(n);
    if natural.is_err() {
        s.problems().add(at, format!("`{key}` in {} {is}, so it cannot be negative", s.title()));
    }
    natural.ok()
}

fn name(entry: &Entry, s: &Section<'_>) {
    let n = &entry.key;
    let bad = n.is_empty()
        || n.trim() != n
        || n.starts_with(['-', '.', '~'])
        || n.contains(['/', '\\', ':', '"', '\''])
        || crate::text::clean(n) != n.as_str();
    if bad {
        let shown = crate::text::clean(n);
        s.problems().add(
            &entry.key_at,
            format!("`{shown}` cannot be a target's name: use letters, digits, `-`, `_` and inner dots, it is typed to confirm and names directories"),
        );
    }
}

/// Every key that its engine does not have, and what an engine cannot do without.
fn fitting(t: &Target, engine: Option<EngineKind>, s: &Section<'_>) {
    let (keys, product): (&[&str], _) = match engine {
        None => return,
        Some(EngineKind::Sqlite) => (&SERVER_ONLY, "a SQLite file"),
        Some(EngineKind::MySql) => (&["path", "role", "search_path", "service"], "MySQL or MariaDB"),
        Some(EngineKind::Postgres) => (&["path"], "PostgreSQL"),
    };
    for e in keys.iter().filter_map(|k| s.entry(k)) {
        let instead = match (engine, e.key.as_str()) {
            (Some(EngineKind::Sqlite), "database") => "; the file is named by `path`",
            (_, "path") => "; the database is named by `database`",
            _ => "",
        };
        s.problems().add(&e.key_at, format!("`{}` in {} means nothing for {product}{instead}", e.key, s.title()));
    }
    if engine == Some(EngineKind::Sqlite) && t.path.is_none() && !["path", "url", "database"].iter().any(|k| s.has(k)) {
        s.problems().add(s.at(), format!("`path` is missing in {}: a SQLite target is a file", s.title()));
    }
}

fn password(t: &mut Target, url_password: bool, s: &Section<'_>, cx: &Context<'_>) {
    let literal = s.text("password");
    let command = s.text("password_command");
    let prompt = s.boolean("prompt");
    let mut sources: Vec<&str> = Vec::new();
    if url_password {
        sources.push("url");
    }
    if let Some((text, at)) = literal {
        sources.push("password");
        t.password = if secrets::has_variables(text) {
            SecretSource::Expand(text.to_owned())
        } else {
            private(at, s, s.problems());
            SecretSource::Given(SecretString::from(secrets::unescaped(text)))
        };
    }
    if let Some((text, at)) = command {
        sources.push("password_command");
        if text.trim().is_empty() {
            s.problems().add(at, format!("`password_command` in {} is empty", s.title()));
        }
        if cx.foreign.is_some() && cx.foreign == at.file() {
            s.problems()
                .add(at, "somebody else owns this file, so the command in it is not run: name the file with --config if you trust it");
        }
        t.password = SecretSource::Command(text.to_owned());
    }
    if prompt == Some(true) {
        sources.push("prompt");
        t.password = SecretSource::Prompt;
    }
    if sources.len() > 1 {
        let last = sources[sources.len() - 1];
        let at = s.entry(last).map_or_else(|| s.at().clone(), |e| e.key_at.clone());
        let all: Vec<String> = sources.iter().map(|k| format!("`{k}`")).collect();
        s.problems().add(&at, format!("{} has its password from {}: keep one", s.title(), all.join(" and ")));
    }
}

/// A file that holds a password belongs to its owner alone, as `.pgpass` does.
fn private(at: &At, s: &Section<'_>, problems: &super::toml_file::Problems) {
    let Some(file) = at.file() else { return };
    if let Some(mode) = super::secrets::open_to_others(file) {
        let shown = super::toml_file::shown(file);
        let error = at.error(format!("{} holds a password, and others may read this file (mode {mode:04o})", s.title()));
        problems.push(at, error.hint(format!("chmod 600 {shown}, or use password = \"${{VARIABLE}}\", password_command, or ~/.pgpass.")));
    }
}

fn settings(t: &mut Target, s: &Section<'_>) {
    let Some(table) = s.table("settings") else { return };
    for e in table.entries() {
        let value = match &e.item.node {
            Node::Text(v) => v.clone(),
            Node::Integer(i) => i.to_string(),
            Node::Float(f) => f.to_string(),
            Node::Bool(b) => if *b { "on" } else { "off" }.to_owned(),
            other => {
                s.problems().add(&e.item.at, format!("a setting must be a string, a number or a boolean, not {}", other.kind()));
                continue;
            }
        };
        let plain = !e.key.is_empty() && e.key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        if !plain || value.contains('\0') {
            s.problems().add(&e.key_at, format!("`{}` is not a setting's name", crate::text::clean(&e.key)));
        }
        t.settings.insert(e.key.clone(), value);
    }
}

/// `[targets.x.assess]`: `PG03.used = [80, 90]`, with quotes round the name or without.
fn thresholds(t: &mut Target, s: &Section<'_>) {
    let Some(table) = s.table("assess") else { return };
    for check in table.entries() {
        let inner = match &check.item.node {
            Node::Table(entries) => entries.iter().map(|e| (format!("{}.{}", check.key, e.key), e)).collect(),
            _ => vec![(check.key.clone(), check)],
        };
        for (name, e) in inner {
            let number = |n: &Node| match n {
                Node::Integer(i) => Some(*i as f64),
                Node::Float(f) if !f.is_nan() => Some(*f),
                _ => None,
            };
            let pair = match &e.item.node {
                Node::Array(items) => match items.as_slice() {
                    [a, b] => number(&a.node).zip(number(&b.node)),
                    _ => None,
                },
                _ => None,
            };
            match pair {
                Some((warning, critical)) => t.thresholds.push(Threshold { name, warning, critical, at: e.key_at.clone() }),
                None => s.problems().add(
                    &e.item.at,
                    format!("`{}` in {} must be two numbers, for warning and critical: [80, 90]", crate::text::clean(&name), table.title()),
                ),
            }
        }
    }
}

fn environment(t: &mut Target, read_only_url: bool, s: &Section<'_>, cx: &Context<'_>) {
    if let Some((text, at)) = s.text("environment") {
        if cx.environments.iter().any(|e| e == text) {
            t.environment = Some(text.to_owned());
        } else {
            let valid: Vec<&str> = cx.environments.iter().map(String::as_str).collect();
            s.problems().add(at, unknown("environment", text, &s.title(), &valid));
        }
    }
    let first = t.environment.as_deref().is_some_and(|e| playground(e, cx.environments));
    let default = if first && !read_only_url { AccessMode::Open } else { AccessMode::ReadOnly };
    let words = [("read-only", AccessMode::ReadOnly), ("guarded", AccessMode::Guarded), ("open", AccessMode::Open)];
    let given = s.word("access", &words);
    t.access_given = given.is_some();
    t.access = given.unwrap_or(default);
}

/// A duration, or a noted problem.
pub(super) fn duration_at(key: &str, text: &str, at: &At, s: &Section<'_>) -> Option<Duration> {
    let parsed = duration(text);
    if parsed.is_none() {
        s.problems().add(at, format!("`{key}` in {} must be a duration such as \"90s\", \"30m\", \"24h\" or \"7d\"", s.title()));
    }
    parsed
}

/// `90s`, `30m`, `24h`, `7d`, `2w`, or several together: `1h 30m`.
pub fn duration(text: &str) -> Option<Duration> {
    let mut seconds: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let n: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "s" | "sec" | "seconds" => 1,
            "m" | "min" | "minutes" => 60,
            "h" | "hours" => 3600,
            "d" | "days" => 86_400,
            "w" | "weeks" => 604_800,
            _ => return None,
        };
        seconds = seconds.checked_add(n.checked_mul(unit)?)?;
        rest = rest[end..].trim_start();
    }
    // A hundred years: beyond it dates overflow elsewhere.
    (seconds <= 36_525 * 86_400).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("90s", 90),
            ("30m", 1800),
            ("24h", 86_400),
            ("7d", 604_800),
            ("2w", 1_209_600),
            ("1h 30m", 5400),
            ("1h30min", 5400),
            (" 5 min ", 300),
        ] {
            assert_eq!(duration(text).map(|d| d.as_secs()), Some(seconds), "{text}");
        }
        for text in ["", "5", "h", "-1h", "1.5h", "1y", "99999999999999999999h", "200000d", "1h x"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn places_are_short_and_clean() {
        let around = Surroundings::made_up(Path::new("/h"), Path::new("/w"), []);
        let place = |url: &str| Target::from_url("t", url, UrlFrom::Variable("DATABASE_URL"), &around).unwrap().place();
        assert_eq!(place("postgres://u:hush@db:5432/orders"), "db/orders");
        assert_eq!(place("mysql://u@db:3307/stock"), "db:3307/stock");
        assert_eq!(place("postgres:///x"), "local/x");
        assert_eq!(place("a/b.db"), "/w/a/b.db");
        assert_eq!(place("postgres://h/%1b"), "h/␛");
    }

    #[test]
    fn libpq_variables_fill_what_a_url_leaves_open() {
        let vars = [("PGHOST", "h"), ("PGPORT", "6000"), ("PGUSER", "u"), ("PGDATABASE", "d"), ("PGSSLMODE", "require")];
        let around = Surroundings::made_up(Path::new("/h"), Path::new("/w"), vars);
        let t = Target::from_url("t", "postgres://", UrlFrom::Arguments, &around).unwrap();
        assert_eq!((t.host.as_deref(), t.port, t.user.as_deref(), t.database.as_deref()), (Some("h"), Some(6000), Some("u"), Some("d")));
        assert_eq!(t.sslmode, SslMode::Require);
        let t = Target::from_url("t", "postgres://me@other:1/x?sslmode=disable", UrlFrom::Arguments, &around).unwrap();
        assert_eq!((t.host.as_deref(), t.port, t.user.as_deref(), t.database.as_deref()), (Some("other"), Some(1), Some("me"), Some("x")));
        assert_eq!(t.sslmode, SslMode::Disable);
        let t = Target::from_url("t", "mysql://h/x", UrlFrom::Arguments, &around).unwrap();
        assert_eq!((t.port, t.user), (None, None), "they are libpq's");
        let bad = Surroundings::made_up(Path::new("/h"), Path::new("/w"), [("PGPORT", "x")]);
        assert!(Target::from_url("t", "postgres://h", UrlFrom::Arguments, &bad).unwrap_err().message.contains("PGPORT"));
    }
}
