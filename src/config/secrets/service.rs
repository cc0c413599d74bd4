//! `pg_service.conf`: named connection parameters of PostgreSQL.
//!
//! Format: <https://www.postgresql.org/docs/current/libpq-pgservice.html>. `PGSERVICEFILE`, else `~/.pg_service.conf`,
//! then `$PGSYSCONFDIR/pg_service.conf` or `/etc/postgresql-common/pg_service.conf`.

use crate::config::surroundings::Surroundings;
use crate::config::toml_file::{self, error_at, unknown};
use crate::config::{SecretSource, Target, url};
use crate::model::{Error, Result};
use secrecy::SecretString;
use std::path::{Path, PathBuf};

/// Fills what the target leaves open from the service. `take_sslmode` says that the target names none itself.
pub fn fill(target: &mut Target, service: &str, around: &Surroundings, take_sslmode: bool) -> Result<()> {
    let files = files(around);
    let mut known = Vec::new();
    for file in files.iter().filter(|f| f.is_file()) {
        let text = toml_file::read(file)?;
        let shown = toml_file::shown(file);
        let found = section(&text, service, &shown, &mut known)?;
        if let Some(pairs) = found {
            return take(target, &pairs, &text, file, around, take_sslmode);
        }
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let read: Vec<String> = files.iter().map(|f| toml_file::shown(f)).collect();
    Err(Error::usage(unknown("service", service, "", &known)).hint(format!("Services are looked for in {}.", read.join(", "))))
}

fn files(around: &Surroundings) -> Vec<PathBuf> {
    let user = around.var("PGSERVICEFILE").map_or_else(|| around.home.join(".pg_service.conf"), |f| around.path(f, &around.cwd));
    let system = around.var("PGSYSCONFDIR").map_or_else(|| PathBuf::from("/etc/postgresql-common"), PathBuf::from);
    vec![user, system.join("pg_service.conf")]
}

struct Pair<'a> {
    key: &'a str,
    value: &'a str,
    offset: usize,
}

/// The pairs of one service; names of all services are added to `known`.
fn section<'a>(text: &'a str, service: &str, shown: &str, known: &mut Vec<String>) -> Result<Option<Vec<Pair<'a>>>> {
    let mut found: Option<Vec<Pair<'a>>> = None;
    let mut inside = false;
    let mut offset = 0;
    for raw in text.split_inclusive('\n') {
        let line = raw.trim();
        let start = offset + (raw.len() - raw.trim_start().len());
        offset += raw.len();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            let name = name.strip_suffix(']').ok_or_else(|| error_at(shown, text, start, "the `]` of this service is missing"))?;
            known.push(name.to_owned());
            // libpq takes the first of several sections with one name.
            inside = name == service && found.is_none();
            if inside {
                found = Some(Vec::new());
            }
        } else if inside {
            let (key, value) = line.split_once('=').ok_or_else(|| error_at(shown, text, start, "expected `name=value`"))?;
            if let Some(pairs) = &mut found {
                pairs.push(Pair { key: key.trim(), value: value.trim(), offset: start });
            }
        }
    }
    Ok(found)
}

fn take(t: &mut Target, pairs: &[Pair<'_>], text: &str, file: &Path, around: &Surroundings, take_sslmode: bool) -> Result<()> {
    let shown = toml_file::shown(file);
    let placed = t.host.is_some() || t.socket.is_some();
    for p in pairs {
        let value = p.value.to_owned();
        let wrong = |message: &str| error_at(&shown, text, p.offset, message);
        match p.key {
            "host" | "hostaddr" if placed || (p.key == "hostaddr" && t.host.is_some()) => {}
            "host" if value.starts_with('/') => t.socket = Some(value.into()),
            "host" | "hostaddr" => t.host = Some(value),
            "port" if t.port.is_none() => {
                t.port = Some(value.parse().ok().filter(|p| *p != 0).ok_or_else(|| wrong("the port is not a number from 1 to 65535"))?);
            }
            "dbname" => t.database = t.database.take().or(Some(value)),
            "user" => t.user = t.user.take().or(Some(value)),
            "password" if matches!(t.password, SecretSource::Auto) => t.password = SecretSource::Given(SecretString::from(value)),
            "sslmode" if take_sslmode => t.sslmode = url::sslmode(&value).map_err(|e| wrong(&e))?,
            "sslrootcert" => t.sslrootcert = t.sslrootcert.take().or_else(|| Some(around.path(&value, &around.home))),
            "sslcert" => t.sslcert = t.sslcert.take().or_else(|| Some(around.path(&value, &around.home))),
            "sslkey" => t.sslkey = t.sslkey.take().or_else(|| Some(around.path(&value, &around.home))),
            // Everything else that libpq knows (timeouts, application_name) changes nothing here.
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EngineKind, SslMode};
    use secrecy::ExposeSecret;

    fn with(text: &str, service: &str, before: impl FnOnce(&mut Target)) -> Result<Target> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(".pg_service.conf"), text).unwrap();
        let around = Surroundings::made_up(dir.path(), dir.path(), [("PGSYSCONFDIR", "/nowhere")]);
        let mut t = Target::bare("t", EngineKind::Postgres);
        before(&mut t);
        fill(&mut t, service, &around, true).map(|()| t)
    }

    const FILE: &str = "# ours\n[orders]\nhost=db.example\nport=6432\ndbname=orders\nuser=app\npassword=p#@:/%\nsslmode=require\n\n[local]\nhost=/run/pg\n";

    #[test]
    fn a_service_fills_what_is_open() {
        let t = with(FILE, "orders", |t| t.user = Some("mira".into())).unwrap();
        assert_eq!((t.host.as_deref(), t.port, t.database.as_deref()), (Some("db.example"), Some(6432), Some("orders")));
        assert_eq!(t.user.as_deref(), Some("mira"), "the target's own field wins");
        assert_eq!(t.sslmode, SslMode::Require);
        let SecretSource::Given(p) = &t.password else { panic!("{:?}", t.password) };
        assert_eq!(p.expose_secret(), "p#@:/%");
        let t = with(FILE, "local", |_| {}).unwrap();
        assert_eq!((t.host, t.socket), (None, Some("/run/pg".into())));
    }

    #[test]
    fn an_unknown_service_is_named_with_the_nearest() {
        let e = with(FILE, "order", |_| {}).unwrap_err();
        assert_eq!(e.message, "unknown service `order`; did you mean `orders`?");
        let e = with("[orders]\nnonsense\n", "orders", |_| {}).unwrap_err();
        assert!(e.message.ends_with(".pg_service.conf:2:1: expected `name=value`"), "{}", e.message);
    }
}
