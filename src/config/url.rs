//! Database URLs, taken apart: `postgres:`, `mysql:`, `mariadb:`, `sqlite:` and bare file paths.
//!
//! Messages never repeat what stands before the `@`, nor anything that may be a piece of an unescaped password.

use super::toml_file::unknown;
use super::{EngineKind, SslMode};
use std::collections::BTreeMap;

/// What a URL says. Paths are as written: the caller knows what they are relative to.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parts {
    pub engine: Option<EngineKind>,
    pub path: Option<String>,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub socket: Option<String>,
    pub database: Option<String>,
    pub user: Option<String>,
    pub password: Option<String>,
    pub sslmode: Option<SslMode>,
    pub sslrootcert: Option<String>,
    pub sslcert: Option<String>,
    pub sslkey: Option<String>,
    pub search_path: Option<String>,
    pub settings: BTreeMap<String, String>,
    /// SQLite: `mode=ro`.
    pub read_only: bool,
}

const SPECIAL: &str =
    "write # @ : / ? % in a user or password as %23 %40 %3A %2F %3F %25, or use the separate fields of a configured target";

/// Parameters of other clients and libraries that change nothing here.
const IGNORED: &[&str] = &[
    "application_name",
    "fallback_application_name",
    "channel_binding",
    "charset",
    "client_encoding",
    "connect_timeout",
    "connection_limit",
    "gssencmode",
    "keepalives",
    "pgbouncer",
    "pool_timeout",
    "sslnegotiation",
    "target_session_attrs",
    "timezone",
];
const POSTGRES: &[&str] =
    &["host", "port", "dbname", "user", "password", "sslmode", "sslrootcert", "sslcert", "sslkey", "options", "schema", "search_path"];
const MYSQL: &[&str] = &["socket", "ssl-mode", "ssl-ca", "ssl-cert", "ssl-key"];

/// The scheme, if the text has one: `postgres` of `postgres://…`.
pub fn scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    let word = scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c));
    (word && (rest.starts_with("//") || engine_of(scheme).is_some() || scheme == "jdbc")).then_some(scheme)
}

fn engine_of(scheme: &str) -> Option<EngineKind> {
    match scheme {
        "postgres" | "postgresql" => Some(EngineKind::Postgres),
        "mysql" | "mariadb" => Some(EngineKind::MySql),
        "sqlite" | "sqlite3" | "file" => Some(EngineKind::Sqlite),
        _ => None,
    }
}

/// Takes a URL or a file path apart. The error is a clause without a place: the caller knows where the URL stands.
pub fn parse(text: &str) -> Result<Parts, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the URL is empty".into());
    }
    let Some(scheme) = scheme(text) else {
        return Ok(Parts { engine: Some(EngineKind::Sqlite), path: Some(text.to_owned()), ..Parts::default() });
    };
    let rest = &text[scheme.len() + 1..];
    match engine_of(scheme) {
        Some(EngineKind::Sqlite) => sqlite(rest),
        Some(engine) => server(engine, rest),
        None if scheme == "jdbc" => Err("this is a JDBC URL; leave `jdbc:` out and put user and password before the host".into()),
        None => Err(unknown("scheme", scheme, "", &["postgres", "postgresql", "mysql", "mariadb", "sqlite"])),
    }
}

fn sqlite(rest: &str) -> Result<Parts, String> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = decode(path)?;
    if path.is_empty() {
        return Err("the URL names no file".into());
    }
    if path == ":memory:" {
        return Err("a database in memory is empty and gone at the end: name a file".into());
    }
    let mut parts = Parts { engine: Some(EngineKind::Sqlite), path: Some(path), ..Parts::default() };
    for (key, value) in pairs(query)? {
        match (key.as_str(), value.as_str()) {
            ("mode", "ro") => parts.read_only = true,
            // Whether a missing file may be made is not for a URL to say; the engine never makes one.
            ("mode", "rw" | "rwc") => {}
            ("mode", other) => return Err(unknown("value", other, "`mode`", &["ro", "rw", "rwc"])),
            (key, _) => return Err(unknown("parameter", key, "the URL", &["mode"])),
        }
    }
    Ok(parts)
}

fn server(engine: EngineKind, rest: &str) -> Result<Parts, String> {
    let rest = rest.strip_prefix("//").ok_or("`//` is missing after the scheme")?;
    if rest.contains('#') {
        return Err(format!("a `#` ends a URL; {SPECIAL}"));
    }
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    if query.contains('@') && !before.contains('@') {
        return Err(format!("a `?` stands before the host; {SPECIAL}"));
    }
    // An unescaped `/` in a password would make the host out of half of it.
    let (authority, database) = before.split_once('/').unwrap_or((before, ""));
    if database.contains('@') && !authority.contains('@') {
        return Err(format!("a `/` stands before the `@`; {SPECIAL}"));
    }
    let mut parts = Parts { engine: Some(engine), ..Parts::default() };
    let address = match authority.rsplit_once('@') {
        None => authority,
        Some((who, address)) => {
            let (user, password) = who.split_once(':').map_or((who, None), |(u, p)| (u, Some(p)));
            parts.user = some(decode(user)?);
            parts.password = password.map(decode).transpose()?;
            address
        }
    };
    if address.contains(',') {
        return Err("several hosts in one URL are not supported: make a target for each".into());
    }
    let (host, port) = match address.strip_prefix('[') {
        Some(v6) => {
            let (host, after) = v6.split_once(']').ok_or("the `]` after the address is missing")?;
            (host, after.strip_prefix(':').unwrap_or(after))
        }
        None => address.split_once(':').unwrap_or((address, "")),
    };
    put_host(&mut parts, decode(host)?);
    parts.port = port_of(port)?;
    parts.database = some(decode(database)?);
    for (key, value) in pairs(query)? {
        parameter(&mut parts, engine, &key, value)?;
    }
    Ok(parts)
}

/// A host that begins with `/` is a socket's directory (libpq's rule).
fn put_host(parts: &mut Parts, host: String) {
    if host.starts_with('/') {
        parts.socket = Some(host);
        parts.host = None;
    } else if !host.is_empty() {
        parts.host = Some(host);
    }
}

fn port_of(text: &str) -> Result<Option<u16>, String> {
    match text {
        "" => Ok(None),
        digits => match digits.parse() {
            Ok(0) | Err(_) => Err(format!("the port is not a number from 1 to 65535 ({SPECIAL})")),
            Ok(port) => Ok(Some(port)),
        },
    }
}

fn parameter(parts: &mut Parts, engine: EngineKind, key: &str, value: String) -> Result<(), String> {
    let low = key.to_ascii_lowercase();
    match (engine, low.as_str()) {
        (_, "sslmode" | "ssl-mode" | "ssl_mode") => parts.sslmode = Some(sslmode(&value)?),
        (_, "sslrootcert" | "ssl-ca" | "ssl_ca") => parts.sslrootcert = some(value),
        (_, "sslcert" | "ssl-cert" | "ssl_cert") => parts.sslcert = some(value),
        (_, "sslkey" | "ssl-key" | "ssl_key") => parts.sslkey = some(value),
        (EngineKind::Postgres, "host") => put_host(parts, value),
        (EngineKind::Postgres, "port") => parts.port = port_of(&value)?,
        (EngineKind::Postgres, "dbname") => parts.database = some(value),
        (EngineKind::Postgres, "user") => parts.user = some(value),
        (EngineKind::Postgres, "password") => parts.password = Some(value),
        (EngineKind::Postgres, "schema" | "search_path") => parts.search_path = some(value),
        (EngineKind::Postgres, "options") => options(parts, &value)?,
        (EngineKind::MySql, "socket" | "unix_socket") => parts.socket = some(value),
        (_, ignored) if IGNORED.contains(&ignored) => {}
        (EngineKind::MySql, other) => return Err(unknown("parameter", other, "the URL", MYSQL)),
        (_, other) => return Err(unknown("parameter", other, "the URL", POSTGRES)),
    }
    Ok(())
}

/// libpq's `options`: `-c name=value` and `--name=value`, a backslash keeps a space.
fn options(parts: &mut Parts, text: &str) -> Result<(), String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, words.last_mut()) {
            (' ', _) => words.push(String::new()),
            ('\\', Some(w)) => w.extend(chars.next()),
            (c, Some(w)) => w.push(c),
            (_, None) => {}
        }
    }
    let mut words = words.into_iter().filter(|w| !w.is_empty());
    while let Some(word) = words.next() {
        let setting = match word.as_str() {
            "-c" => words.next().unwrap_or_default(),
            w if w.starts_with("--") => w[2..].to_owned(),
            w if w.starts_with("-c") => w[2..].to_owned(),
            _ => return Err("`options` may hold `-c name=value` only".into()),
        };
        let (name, value) = setting.split_once('=').ok_or("`options` may hold `-c name=value` only")?;
        parts.settings.insert(name.replace('-', "_"), value.to_owned());
    }
    Ok(())
}

/// `sslmode` in libpq's words or in MySQL's.
pub fn sslmode(text: &str) -> Result<SslMode, String> {
    const WORDS: &[(&str, SslMode)] = &[
        ("disable", SslMode::Disable),
        ("disabled", SslMode::Disable),
        // `allow` tries without TLS first; the stronger neighbour does the same job.
        ("allow", SslMode::Prefer),
        ("prefer", SslMode::Prefer),
        ("preferred", SslMode::Prefer),
        ("require", SslMode::Require),
        ("required", SslMode::Require),
        ("verify-ca", SslMode::VerifyCa),
        ("verify_ca", SslMode::VerifyCa),
        ("verify-full", SslMode::VerifyFull),
        ("verify_identity", SslMode::VerifyFull),
    ];
    let low = text.to_ascii_lowercase();
    match WORDS.iter().find(|(w, _)| *w == low) {
        Some((_, mode)) => Ok(*mode),
        None => Err(unknown("value", text, "`sslmode`", &["disable", "prefer", "require", "verify-ca", "verify-full"])),
    }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, String> {
    query
        .split('&')
        .filter(|p| !p.is_empty())
        .map(|p| {
            let (key, value) = p.split_once('=').unwrap_or((p, ""));
            Ok((decode(key)?, decode(value)?))
        })
        .collect()
}

fn decode(text: &str) -> Result<String, String> {
    let bytes = text.as_bytes();
    for (i, _) in text.match_indices('%') {
        if !bytes.get(i + 1..i + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
            return Err(format!("a `%` is not followed by two hexadecimal digits; {SPECIAL}"));
        }
    }
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8().map_err(|_| "percent-encoded bytes are not UTF-8".to_owned())?;
    if decoded.contains('\0') {
        return Err("a NUL byte has no place in a URL".into());
    }
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str) -> Parts {
        parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn servers() {
        let p = ok("postgres://mira:p%40ss%23%3A%2F%25@db.example:6432/orders?sslmode=verify-full&application_name=x");
        assert_eq!(p.engine, Some(EngineKind::Postgres));
        assert_eq!((p.host.as_deref(), p.port, p.database.as_deref()), (Some("db.example"), Some(6432), Some("orders")));
        assert_eq!((p.user.as_deref(), p.password.as_deref()), (Some("mira"), Some("p@ss#:/%")));
        assert_eq!(p.sslmode, Some(SslMode::VerifyFull));

        let p = ok("postgresql://[::1]:5433/x");
        assert_eq!((p.host.as_deref(), p.port), (Some("::1"), Some(5433)));
        let p = ok("postgresql:///shop?host=/run/postgresql&port=5433");
        assert_eq!((p.host, p.socket.as_deref(), p.port), (None, Some("/run/postgresql"), Some(5433)));
        let p = ok("postgres://%2Frun%2Fpg/shop");
        assert_eq!((p.host, p.socket.as_deref()), (None, Some("/run/pg")));
        let p = ok("postgres://h/d?options=-c%20statement_timeout%3D5s%20--work-mem=8MB");
        assert_eq!(p.settings.get("statement_timeout").map(String::as_str), Some("5s"));
        assert_eq!(p.settings.get("work_mem").map(String::as_str), Some("8MB"));
        let p = ok("mariadb://root@localhost/shop?socket=/run/mysqld/mysqld.sock&ssl-mode=VERIFY_IDENTITY");
        assert_eq!(p.engine, Some(EngineKind::MySql));
        assert_eq!((p.socket.as_deref(), p.sslmode), (Some("/run/mysqld/mysqld.sock"), Some(SslMode::VerifyFull)));
        // The last `@` divides: many people leave it unescaped.
        let p = ok("mysql://u:a@b@h/d");
        assert_eq!((p.password.as_deref(), p.host.as_deref()), (Some("a@b"), Some("h")));
    }

    #[test]
    fn files() {
        for (text, path) in [
            ("sqlite:shop.db", "shop.db"),
            ("sqlite://shop.db", "shop.db"),
            ("sqlite:///var/shop.db?mode=rwc", "/var/shop.db"),
            ("sqlite:a%20b.db", "a b.db"),
            ("./a%20b.db", "./a%20b.db"),
            ("file:shop.db", "shop.db"),
            ("C:odd name.db", "C:odd name.db"),
        ] {
            let p = ok(text);
            assert_eq!((p.engine, p.path.as_deref()), (Some(EngineKind::Sqlite), Some(path)), "{text}");
        }
        assert!(ok("sqlite:x.db?mode=ro").read_only);
    }

    #[test]
    fn complaints_name_the_cause_and_never_the_password() {
        for (text, part) in [
            ("mongodb://h/d", "unknown scheme `mongodb`"),
            ("postgrs://h/d", "did you mean `postgres`?"),
            ("jdbc:postgresql://h/d", "leave `jdbc:` out"),
            ("postgres://u:hush#hush@h/d", "%23"),
            ("postgres://u:hush/hush@h/d", "%2F"),
            ("postgres://u:hush?hush@h/d", "%3F"),
            ("postgres://u:hush%hush@h/d", "two hexadecimal digits"),
            ("postgres://u:hush", "port"),
            ("postgres://h:0/d", "port"),
            ("postgres://a,b/d", "several hosts"),
            ("postgres:h/d", "`//`"),
            ("postgres://h/d?sslmod=require", "did you mean `sslmode`?"),
            ("postgres://h/d?sslmode=requir", "did you mean `require`?"),
            ("mysql://h/d?ssl-mod=x", "did you mean `ssl-mode`?"),
            ("sqlite:", "no file"),
            ("sqlite::memory:", "in memory"),
            ("sqlite:x?cache=shared", "unknown parameter `cache`"),
            ("", "empty"),
        ] {
            let e = parse(text).err().unwrap_or_else(|| panic!("{text} was accepted"));
            assert!(e.contains(part), "{text}: {e}");
            assert!(!e.contains("hush"), "{text}: {e}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".*", tail in ".*") {
            let _ = parse(&text);
            let _ = parse(&format!("postgres://{tail}"));
            let _ = parse(&format!("sqlite:{tail}"));
        }

        #[test]
        fn any_password_survives_encoding(password in "[^\0]*") {
            let enc = percent_encoding::utf8_percent_encode(&password, percent_encoding::NON_ALPHANUMERIC);
            let p = parse(&format!("postgres://u:{enc}@h/d")).unwrap();
            proptest::prop_assert_eq!(p.password, Some(password));
            proptest::prop_assert_eq!(p.host.as_deref(), Some("h"));
        }
    }
}
