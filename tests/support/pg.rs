//! A private PostgreSQL server.

use super::server::{self, Guarded, Unprivileged};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// A running server with a superuser `postgres` that needs no password on the socket and on 127.0.0.1.
pub struct PgServer {
    guard: Guarded,
    user: Unprivileged,
    args: Vec<String>,
    pub port: u16,
    /// Directory of the unix socket; also where the server's files are.
    pub socket: PathBuf,
    pub bin: PathBuf,
}

impl PgServer {
    /// Directory of the server's programs: those of `HOLDPOINT_TEST_PG_BIN`, which `tests/matrix` sets, or else the newest that are
    /// installed.
    pub fn bin() -> PathBuf {
        match std::env::var_os("HOLDPOINT_TEST_PG_BIN") {
            Some(bin) => bin.into(),
            None => Self::installed(),
        }
    }

    /// A client's program. Servers that come without clients take those that are installed.
    pub fn client(&self, name: &str) -> Command {
        let own = self.bin.join(name);
        Command::new(if own.is_file() { own } else { Self::installed().join(name) })
    }

    /// `psql` as that user on a database, over the socket.
    pub fn client_as(&self, user: &str, database: &str) -> Command {
        let mut c = self.client("psql");
        c.args(["-X", "-q", "-U", user, "-d", database, "-p", &self.port.to_string(), "-h"]).arg(&self.socket);
        c
    }

    fn installed() -> PathBuf {
        let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .map(|d| d.filter_map(|e| Some(e.ok()?.path().join("bin"))).filter(|b| b.join("postgres").is_file()).collect())
            .unwrap_or_default();
        found.sort_by_key(|p| p.parent().and_then(|v| v.file_name()?.to_str()?.parse::<u32>().ok()));
        found.pop().or_else(|| server::find("postgres", &[])?.parent().map(PathBuf::from)).unwrap_or_else(|| {
            panic!("no PostgreSQL server on this machine: {}", server::INSTALL);
        })
    }

    /// Starts a server; `settings` are further `-c` options. All of these have the same system identifier, like clones.
    pub fn start(settings: &[&str]) -> PgServer {
        Self::start_from("", settings)
    }

    /// Starts a server that is no clone of the others: with a system identifier of its own.
    pub fn start_another(settings: &[&str]) -> PgServer {
        Self::start_from("-another", settings)
    }

    /// Starts a server whose pages have checksums.
    pub fn start_checked(settings: &[&str]) -> PgServer {
        Self::start_from("-checked", settings)
    }

    /// Starts a server whose write-ahead log (`pg_wal`), or all of whose data (``), lies elsewhere: on a small disk.
    pub fn start_with(part: &str, place: &std::path::Path, settings: &[&str]) -> PgServer {
        Self::made("", settings, |data, user| {
            let (here, there) = (if part.is_empty() { data.to_path_buf() } else { data.join(part) }, place.join("moved"));
            server::copy(&here, &there);
            std::fs::remove_dir_all(&here).expect("removed");
            std::os::unix::fs::symlink(&there, &here).expect("a link");
            user.own(place);
        })
    }

    fn start_from(cluster: &str, settings: &[&str]) -> PgServer {
        Self::made(cluster, settings, |_, _| {})
    }

    fn made(cluster: &str, settings: &[&str], prepare: impl FnOnce(&std::path::Path, &Unprivileged)) -> PgServer {
        let bin = Self::bin();
        let user = Unprivileged::first_of(&["postgres", "nobody"]);
        let version = server::run(
            {
                let mut c = Command::new(bin.join("postgres"));
                c.arg("--version");
                c
            },
            "postgres --version",
        );
        let version: String = version.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
        let template = server::template(&format!("pg-{version}{cluster}"), user, |dir| {
            let mut c = user.command(&bin.join("initdb"));
            c.arg("-D").arg(dir).args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
            if cluster == "-checked" {
                c.arg("--data-checksums");
            }
            server::run(c, "initdb");
        });
        let dir = server::directory("hp-pg-", user);
        server::copy(&template, &dir.join("data"));
        prepare(&dir.join("data"), &user);
        Self::start_in(dir, user, bin, settings)
    }

    /// Starts a standby that streams from this server.
    pub fn standby(&self) -> PgServer {
        self.standby_with(&[])
    }

    /// The same with further `-c` options.
    pub fn standby_with(&self, settings: &[&str]) -> PgServer {
        let user = Unprivileged::first_of(&["postgres", "nobody"]);
        let dir = server::directory("hp-pg-", user);
        let mut c = user.command(&self.bin.join("pg_basebackup"));
        c.arg("-D").arg(dir.join("data")).args(["-R", "-X", "stream", "-c", "fast", "--no-sync", "-U", "postgres"]);
        c.arg("-h").arg(&self.socket).args(["-p", &self.port.to_string()]);
        server::run(c, "pg_basebackup");
        Self::start_in(dir, user, self.bin.clone(), settings)
    }

    fn start_in(dir: PathBuf, user: Unprivileged, bin: PathBuf, settings: &[&str]) -> PgServer {
        let port = server::free_port();
        let mut args: Vec<String> = vec!["-D".into(), dir.join("data").display().to_string()];
        args.extend(["-k".into(), dir.display().to_string(), "-p".into(), port.to_string()]);
        for s in ["listen_addresses=127.0.0.1", "fsync=off", "shared_buffers=32MB"].iter().chain(settings) {
            args.extend(["-c".into(), (*s).into()]);
        }
        let guard = Guarded::start(user, dir.clone(), "INT", &bin.join("postgres"), &args);
        let pg = PgServer { guard, user, args, port, socket: dir, bin };
        pg.wait_until_ready();
        pg
    }

    fn wait_until_ready(&self) {
        super::wait_until("PostgreSQL accepts connections", || {
            let mut c = self.client("pg_isready");
            c.arg("-q").arg("-h").arg(&self.socket).args(["-p", &self.port.to_string(), "-U", "postgres"]);
            c.status().is_ok_and(|s| s.success())
        });
    }

    /// Kills the main process, as a machine without memory does, and waits until nothing of the server is left.
    pub fn kill(&self) {
        let data = self.socket.join("data");
        let file = std::fs::read_to_string(data.join("postmaster.pid")).expect("its file");
        let pid = file.lines().next().and_then(|l| rustix::process::Pid::from_raw(l.parse().ok()?)).expect("a pid");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
        let works_there =
            |p: std::io::Result<std::fs::DirEntry>| p.is_ok_and(|p| std::fs::read_link(p.path().join("cwd")).is_ok_and(|d| d == data));
        super::wait_until("its processes are gone", || !std::fs::read_dir("/proc").expect("/proc").any(works_there));
    }

    /// Starts it again after [`PgServer::kill`].
    pub fn start_again(&mut self) {
        self.guard.leave();
        self.guard = Guarded::start(self.user, self.socket.clone(), "INT", &self.bin.join("postgres"), &self.args);
        self.wait_until_ready();
    }

    /// One server for all tests of a binary.
    pub fn shared() -> &'static PgServer {
        static SHARED: OnceLock<PgServer> = OnceLock::new();
        SHARED.get_or_init(|| PgServer::start(&[]))
    }

    /// Runs SQL with the native client and gives back its unaligned output.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let mut c = self.client("psql");
        c.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-p", &self.port.to_string()]);
        c.arg("-h").arg(&self.socket).args(["-c", sql]);
        server::run(c, "psql")
    }

    /// Like [`PgServer::psql`], with this on its standard input: for COPY.
    pub fn psql_with_input(&self, database: &str, sql: &str, input: &str) {
        let mut c = self.client("psql");
        c.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-p", &self.port.to_string()]);
        let mut child = c.arg("-h").arg(&self.socket).args(["-c", sql]).stdin(std::process::Stdio::piped()).spawn().expect("psql starts");
        std::io::Write::write_all(&mut child.stdin.take().expect("stdin"), input.as_bytes()).expect("psql reads");
        assert!(child.wait().expect("psql ends").success(), "{sql}");
    }

    /// Like [`PgServer::psql`], for a statement that has to wait: its process.
    pub fn psql_in_background(&self, database: &str, sql: &str) -> std::process::Child {
        let mut c = self.client("psql");
        c.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-p", &self.port.to_string()]);
        c.arg("-h").arg(&self.socket).args(["-c", sql]).spawn().expect("psql")
    }

    /// A new, empty database.
    pub fn create_database(&self, name: &str) {
        self.psql("postgres", &format!("create database \"{name}\""));
    }

    /// URL over TCP without a password.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    pub fn log(&self) -> String {
        self.guard.log()
    }
}
