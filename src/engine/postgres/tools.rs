//! PostgreSQL's own client programs: finding a version that fits the server, running them without secrets in argv.

use super::connect::{Dialer, client_key};
use super::open::user_of;
use crate::config::{SslMode, Target};
use crate::engine::Password;
use crate::engine::tls::locked;
use crate::model::{Error, Kind, Result};
use crate::text;
use secrecy::ExposeSecret;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

/// A directory that holds `pg_dump` and `pg_restore` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tools {
    pub dir: PathBuf,
    pub major: u32,
    /// What `pg_dump --version` prints.
    pub version: String,
}

/// Where distributions put versions beside each other. Debian's `/usr/bin/pg_dump` is a wrapper that picks one of these.
const PLACES: [&str; 4] = ["/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt", "/usr/local/opt"];

/// Where systems keep all their root certificates in one file.
const BUNDLES: [&str; 4] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

/// Directories that may hold the tools: versioned ones first, then those of PATH.
fn candidates() -> Vec<PathBuf> {
    let mut out = Vec::new();
    for place in PLACES {
        let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
        out.extend(entries.map(|e| e.path().join("bin")));
    }
    // Red Hat's packages: /usr/pgsql-16/bin.
    let red_hat = std::fs::read_dir("/usr").into_iter().flatten().flatten();
    out.extend(red_hat.filter(|e| e.file_name().to_string_lossy().starts_with("pgsql-")).map(|e| e.path().join("bin")));
    out.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    out.retain(|d| d.join("pg_dump").is_file() && d.join("pg_restore").is_file());
    out
}

/// The major version in `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// All tools of this machine, one for each version.
pub(super) async fn installed() -> Vec<Tools> {
    let mut out: Vec<Tools> = Vec::new();
    for dir in candidates() {
        let run = Command::new(dir.join("pg_dump")).arg("--version").stdin(Stdio::null()).kill_on_drop(true).output().await;
        let Ok(output) = run else { continue };
        let version = String::from_utf8_lossy(&output.stdout).trim().to_string();
        if let Some(major) = major(&version)
            && !out.iter().any(|t| t.major == major)
        {
            out.push(Tools { dir, major, version });
        }
    }
    out
}

/// The version that fits a server best: its own, else the next newer one (an older pg_dump refuses the server).
pub(super) fn fitting(mut all: Vec<Tools>, server: u32) -> Result<Tools> {
    all.sort_by_key(|t| t.major);
    let newest = all.last().map(|t| t.major);
    all.into_iter().find(|t| t.major >= server).ok_or_else(|| match newest {
        Some(old) => Error::failed(format!("pg_dump {old} is older than the server ({server}), and would refuse it")).hint(format!(
            "Install the client programs of PostgreSQL {server} or later: package postgresql-client-{server} on Debian and Ubuntu."
        )),
        None => Error::failed("pg_dump and pg_restore are not installed").hint(format!(
            "Install the client programs: package postgresql-client-{server} on Debian and Ubuntu, postgresql{server} on Red Hat."
        )),
    })
}

impl Tools {
    /// A command of this version that reaches `database` on the target, and nothing of the caller's PG* environment.
    pub fn command(&self, tool: &str, dialer: &Dialer, target: &Target, password: &Password, database: &str) -> Result<Command> {
        let mut c = Command::new(self.dir.join(tool));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                c.env_remove(name);
            }
        }
        // Messages are looked at for reasons, so they have to be in one language.
        c.env("LC_ALL", "C")
            .env("PGAPPNAME", "holdpoint")
            .env("PGCONNECT_TIMEOUT", "10")
            .env("PGUSER", user_of(target))
            .env("PGDATABASE", database);
        for (name, value) in dialer.libpq() {
            c.env(name, value);
        }
        let ssl = match target.sslmode {
            SslMode::Disable => "disable",
            SslMode::Prefer => "prefer",
            SslMode::Require => "require",
            SslMode::VerifyCa => "verify-ca",
            SslMode::VerifyFull => "verify-full",
        };
        c.env("PGSSLMODE", ssl);
        // Before version 16 libpq does not know the system's roots by name, so it is given their file.
        let verifies = matches!(target.sslmode, SslMode::VerifyCa | SslMode::VerifyFull);
        let named = target.sslrootcert.clone().filter(|p| p.as_os_str() != "system");
        let own = std::env::var_os("HOME").is_some_and(|h| Path::new(&h).join(".postgresql/root.crt").is_file());
        let system =
            (verifies && (target.sslrootcert.is_some() || !own)).then(|| BUNDLES.iter().map(PathBuf::from).find(|p| p.is_file())).flatten();
        let key = client_key(target).filter(|_| target.sslmode != SslMode::Disable);
        let key = key.map(|k| locked::lent(&k)).transpose()?;
        for (name, path) in [("PGSSLROOTCERT", named.or(system)), ("PGSSLCERT", target.sslcert.clone()), ("PGSSLKEY", key)] {
            if let Some(p) = path {
                c.env(name, p);
            }
        }
        if let Some(p) = password {
            c.env("PGPASSWORD", p.expose_secret());
        }
        c.arg("--no-password").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        if let Some(role) = &target.role {
            c.arg(format!("--role={role}"));
        }
        Ok(c)
    }
}

/// Lines of a tool's output that an error shows.
const LAST: usize = 8;

/// Runs a tool to its end; `line` sees what it says. Cancelling kills it. `doing` names the work in errors.
pub(super) async fn run(mut command: Command, doing: &str, cancel: &CancellationToken, mut line: impl FnMut(&str)) -> Result<()> {
    let program = Path::new(command.as_std().get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut child = command.spawn().map_err(|e| Error::io(format!("starting {program}"), e))?;
    let mut last: Vec<String> = Vec::new();
    if let Some(err) = child.stderr.take() {
        let mut lines = BufReader::new(err).split(b'\n');
        loop {
            let next = tokio::select! {
                next = lines.next_segment() => next,
                () = cancel.cancelled() => {
                    let _ = child.kill().await;
                    return Err(Error::cancelled());
                }
            };
            let Ok(Some(bytes)) = next else { break };
            let said = String::from_utf8_lossy(&bytes).trim_end().to_string();
            line(&said);
            // With --verbose most lines are progress; what an error consists of is marked.
            if said.contains("error:")
                || said.contains("warning:")
                || said.contains("detail:")
                || said.contains("hint:")
                || !said.starts_with("pg_")
            {
                last.push(text::clean(&said).into_owned());
                if last.len() > LAST {
                    last.remove(0);
                }
            }
        }
    }
    let status = tokio::select! {
        status = child.wait() => status.map_err(|e| Error::io(format!("waiting for {program}"), e))?,
        () = cancel.cancelled() => {
            let _ = child.kill().await;
            return Err(Error::cancelled());
        }
    };
    if status.success() {
        return Ok(());
    }
    let said = last.join("\n");
    let why = last.iter().find(|l| l.contains("error:")).map(|l| l.split_once("error: ").map_or(l.as_str(), |(_, m)| m).to_string());
    let e = Error::new(Kind::Failed, format!("{doing} failed: {}", why.unwrap_or_else(|| format!("{program} ended with {status}"))))
        .detail(said.clone());
    Err(if said.contains("No space left on device") {
        e.hint("The disk is full: free some space and run it again.")
    } else if said.contains("permission denied") {
        e.hint("The role needs SELECT on every table and sequence (`pg_read_all_data`), or has to own them.")
    } else {
        e
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(major: u32) -> Tools {
        Tools { dir: PathBuf::from(format!("/{major}")), major, version: String::new() }
    }

    #[test]
    fn the_fitting_version_is_never_older_than_the_server() {
        let all = vec![tools(17), tools(13), tools(15)];
        assert_eq!(fitting(all.clone(), 15).unwrap().major, 15);
        assert_eq!(fitting(all.clone(), 16).unwrap().major, 17);
        assert!(fitting(all, 18).unwrap_err().hints[0].contains("postgresql-client-18"));
        assert!(fitting(Vec::new(), 15).unwrap_err().message.contains("not installed"));
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(major("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(major("pg_dump (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("mysqldump"), None);
    }
}
