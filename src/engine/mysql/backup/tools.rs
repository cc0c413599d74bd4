//! The native tools: finding them, and how they log in. Passwords go through a file that only we can read.

use super::super::connect::Connector;
use crate::config::SslMode;
use crate::engine::tls::locked;
use crate::model::{Error, Result};
use secrecy::ExposeSecret;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A native program that was found, with what it says of itself.
#[derive(Debug, Clone)]
pub(super) struct Tool {
    pub path: PathBuf,
    /// `mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, …`, in one line.
    pub version: String,
}

impl Tool {
    pub fn is_mariadb(&self) -> bool {
        self.version.contains("MariaDB")
    }

    /// Major and minor version of the release that the tool belongs to.
    pub fn release(&self) -> Option<(u32, u32)> {
        // MariaDB's tools have a version of their own before the release's, up to 10.x.
        let text = self
            .version
            .split("Distrib ")
            .nth(1)
            .or_else(|| self.version.split("Ver ").nth(1))
            .or_else(|| self.version.split("from ").nth(1))?;
        let text = text.split("from ").last().unwrap_or(text);
        let mut parts = text.split(|c: char| !c.is_ascii_digit()).filter_map(|p| p.parse().ok());
        Some((parts.next()?, parts.next()?))
    }
}

/// The first of `names` in `PATH` that runs.
pub(super) async fn find(names: &[&str]) -> Option<Tool> {
    let path = std::env::var_os("PATH")?;
    for name in names {
        for dir in std::env::split_paths(&path) {
            let file = dir.join(name);
            if !file.is_file() {
                continue;
            }
            let out = tokio::process::Command::new(&file).args(["--no-defaults", "--version"]).kill_on_drop(true).output().await;
            if let Ok(out) = out
                && out.status.success()
            {
                let version = String::from_utf8_lossy(&out.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
                return Some(Tool { path: file, version });
            }
        }
    }
    None
}

pub(super) async fn dumper(mariadb: bool) -> Option<Tool> {
    find(if mariadb { &["mariadb-dump", "mysqldump"] } else { &["mysqldump", "mariadb-dump"] }).await
}

pub(super) async fn client(mariadb: bool) -> Option<Tool> {
    find(if mariadb { &["mariadb", "mysql"] } else { &["mysql", "mariadb"] }).await
}

/// A directory that only we can look into, with the option file in it. Both go when this is dropped.
pub(super) struct Login {
    dir: tempfile::TempDir,
    /// Keeps the forward open while a tool uses it.
    _tunnel: Option<std::sync::Arc<crate::engine::tunnel::Tunnel>>,
}

impl Login {
    pub async fn new(connector: &Connector) -> Result<Login> {
        let t = connector.target();
        let tunnel = connector.tunnel().await?;
        let mut lines = vec!["[client]".to_string()];
        let mut put = |name: &str, value: &str| lines.push(format!("{name}={}", quoted(value)));
        put("user", &connector.user());
        if let Some(p) = connector.password() {
            put("password", p.expose_secret());
        }
        match (&tunnel, connector.socket()) {
            (Some(tunnel), _) => {
                put("host", "127.0.0.1");
                put("port", &tunnel.port.to_string());
                put("protocol", "tcp");
            }
            (None, Some(socket)) => put("socket", &socket.display().to_string()),
            (None, None) => {
                let (host, port) = connector.host_port();
                put("host", &host);
                put("port", &port.to_string());
                put("protocol", "tcp");
            }
        }
        // `loose-`: MariaDB's and MySQL's tools know one name each.
        let verify = matches!(t.sslmode, SslMode::VerifyCa | SslMode::VerifyFull);
        if verify && tunnel.is_some() {
            return Err(Error::usage(format!("target {}: the native tools cannot check the server's certificate through `ssh`", t.name))
                .hint("Use `sslmode = \"require\"` on this target: ssh has authenticated the host already."));
        }
        if connector.socket().is_none() || tunnel.is_some() {
            match t.sslmode {
                SslMode::Disable => lines.extend(["loose-skip-ssl".into(), "loose-ssl-mode=DISABLED".into()]),
                SslMode::Prefer => lines.extend(["loose-skip-ssl-verify-server-cert".into(), "loose-ssl-mode=PREFERRED".into()]),
                SslMode::Require => {
                    lines.extend(["loose-ssl".into(), "loose-skip-ssl-verify-server-cert".into(), "loose-ssl-mode=REQUIRED".into()]);
                }
                SslMode::VerifyCa | SslMode::VerifyFull => {
                    lines.extend(["loose-ssl".into(), "loose-ssl-verify-server-cert".into()]);
                    lines.push(format!("loose-ssl-mode={}", if t.sslmode == SslMode::VerifyCa { "VERIFY_CA" } else { "VERIFY_IDENTITY" }));
                }
            }
            let key = t.sslkey.as_deref().filter(|_| t.sslmode != SslMode::Disable).map(locked::lent).transpose()?;
            for (name, file) in [("ssl-ca", &t.sslrootcert), ("ssl-cert", &t.sslcert), ("ssl-key", &key)] {
                if let Some(file) = file {
                    lines.push(format!("{name}={}", quoted(&file.display().to_string())));
                }
            }
        }
        let dir =
            tempfile::Builder::new().prefix("holdpoint-").tempdir().map_err(|e| Error::io("making a directory for the tools' login", e))?;
        let path = dir.path().join("login.cnf");
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| Error::io("writing the tools' login", e))?;
        file.write_all((lines.join("\n") + "\n").as_bytes()).map_err(|e| Error::io("writing the tools' login", e))?;
        Ok(Login { dir, _tunnel: tunnel })
    }

    /// A command that logs in by the file and reads no other option file.
    pub fn command(&self, tool: &Path) -> tokio::process::Command {
        let mut c = tokio::process::Command::new(tool);
        c.arg(format!("--defaults-file={}", self.dir.path().join("login.cnf").display()));
        c.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LANG", "C.UTF-8");
        // MySQL's tools look for a login path beside the option file: there is none here.
        c.env("HOME", self.dir.path());
        c.kill_on_drop(true);
        c
    }
}

/// A value for an option file: quoted, so that `#`, blanks and quotes are part of it.
fn quoted(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(version: &str) -> Tool {
        Tool { path: "x".into(), version: version.into() }
    }

    #[test]
    fn releases_are_read_from_what_tools_say() {
        let old = tool("mariadb-dump Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)");
        assert_eq!((old.release(), old.is_mariadb()), (Some((10, 11)), true));
        assert_eq!(tool("mariadb-dump from 11.8.3-MariaDB, client 10.19 for debian-linux-gnu (x86_64)").release(), Some((11, 8)));
        let mysql = tool("mysqldump Ver 8.4.2 for Linux on x86_64 (MySQL Community Server - GPL)");
        assert_eq!((mysql.release(), mysql.is_mariadb()), (Some((8, 4)), false));
    }

    #[test]
    fn values_of_option_files_are_quoted() {
        assert_eq!(quoted("a\"b#c\\d"), "\"a\\\"b#c\\\\d\"");
    }
}
