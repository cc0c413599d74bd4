//! A private MariaDB server.

use super::server::{self, Guarded, Unprivileged};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// A running server with a `root` that needs no password.
pub struct MariaServer {
    guard: Guarded,
    pub port: u16,
    /// The unix socket.
    pub socket: PathBuf,
}

impl MariaServer {
    /// One of the server's programs.
    pub fn program(name: &str) -> PathBuf {
        server::find(name, &["/usr/sbin".into(), "/usr/bin".into()])
            .unwrap_or_else(|| panic!("no `{name}` on this machine: {}", server::INSTALL))
    }

    /// Starts a server; `options` are further command-line options of `mariadbd`.
    pub fn start(options: &[&str]) -> MariaServer {
        let daemon = Self::program("mariadbd");
        let user = Unprivileged::first_of(&["mysql", "nobody"]);
        let version = server::run(
            {
                let mut c = Command::new(&daemon);
                c.args(["--no-defaults", "--version"]);
                c
            },
            "mariadbd --version",
        );
        let version = version.split_whitespace().find(|w| w.starts_with(|c: char| c.is_ascii_digit())).unwrap_or("any").to_string();
        let template = server::template(&format!("maria-{version}"), user, |dir| {
            let mut c = user.command(&Self::program("mariadb-install-db"));
            c.arg("--no-defaults").arg(format!("--datadir={}", dir.display()));
            c.args(["--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=8M"]);
            server::run(c, "mariadb-install-db");
        });
        let dir = server::directory("hp-my-", user);
        server::copy(&template, &dir.join("data"));
        let port = server::free_port();
        let socket = dir.join("s");
        let mut args: Vec<String> = vec![
            "--no-defaults".into(),
            format!("--datadir={}", dir.join("data").display()),
            format!("--socket={}", socket.display()),
            format!("--port={port}"),
            "--bind-address=127.0.0.1".into(),
            format!("--pid-file={}", dir.join("pid").display()),
            // A server that starts removes the temporary tables that it finds in its directory: also another one's.
            format!("--tmpdir={}", dir.display()),
            "--innodb-log-file-size=8M".into(),
            "--innodb-buffer-pool-size=64M".into(),
            "--innodb-flush-log-at-trx-commit=0".into(),
            "--skip-log-bin".into(),
        ];
        args.extend(options.iter().map(|o| (*o).to_string()));
        let guard = Guarded::start(user, dir, "TERM", &daemon, &args);
        let maria = MariaServer { guard, port, socket };
        super::wait_until("MariaDB accepts connections", || {
            let mut c = Command::new(Self::program("mariadb-admin"));
            c.args(["--no-defaults", "-u", "root", "--silent", "ping"]).arg(format!("--socket={}", maria.socket.display()));
            c.output().is_ok_and(|o| o.status.success())
        });
        // Root over TCP too: the socket's `root@localhost` does not match a TCP login on every configuration.
        maria.sql("", "create user if not exists root@'127.0.0.1'; grant all on *.* to root@'127.0.0.1' with grant option");
        maria
    }

    /// One server for all tests of a binary.
    pub fn shared() -> &'static MariaServer {
        static SHARED: OnceLock<MariaServer> = OnceLock::new();
        SHARED.get_or_init(|| MariaServer::start(&[]))
    }

    /// Runs SQL with the native client and gives back its batch output without headers.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut c = Command::new(Self::program("mariadb"));
        c.args(["--no-defaults", "-u", "root", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]);
        c.arg(format!("--socket={}", self.socket.display())).args(["-e", sql]);
        if !database.is_empty() {
            c.arg(database);
        }
        server::run(c, "mariadb")
    }

    /// The native client on a database; what it reads is a script, with its own DELIMITER lines.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub fn client(&self, database: &str) -> Command {
        let mut c = Command::new(Self::program("mariadb"));
        c.args(["--no-defaults", "-u", "root", "--default-character-set=utf8mb4"]);
        c.arg(format!("--socket={}", self.socket.display())).arg(database);
        c
    }

    /// Runs SQL with the native client while the test goes on.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub fn sql_in_background(&self, database: &str, sql: &str) -> std::process::Child {
        let mut c = Command::new(Self::program("mariadb"));
        c.args(["--no-defaults", "-u", "root"]).arg(format!("--socket={}", self.socket.display())).args(["-e", sql]).arg(database);
        c.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().expect("start mariadb")
    }

    pub fn create_database(&self, name: &str) {
        self.sql("", &format!("create database `{name}`"));
    }

    /// URL over TCP without a password.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://root@127.0.0.1:{}/{database}", self.port)
    }

    /// Where its files are: the data directory is `data` in it.
    pub fn directory(&self) -> &std::path::Path {
        &self.guard.dir
    }

    pub fn log(&self) -> String {
        self.guard.log()
    }
}
