//! A private MariaDB server; or a MySQL one, when `tests/matrix` names the directory of its programs in `HOLDPOINT_TEST_MYSQL_BIN`.

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
    /// True when the tests run against MySQL.
    pub fn is_mysql() -> bool {
        std::env::var_os("HOLDPOINT_TEST_MYSQL_BIN").is_some()
    }

    /// One of the server's programs, by MariaDB's name for it.
    pub fn program(name: &str) -> PathBuf {
        if let Some(bin) = std::env::var_os("HOLDPOINT_TEST_MYSQL_BIN") {
            let name = match name {
                "mariadbd" => "mysqld",
                "mariadb" => "mysql",
                "mariadb-dump" => "mysqldump",
                "mariadb-admin" => "mysqladmin",
                other => panic!("MySQL has no {other}"),
            };
            return PathBuf::from(bin).join(name);
        }
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
        let template = match Self::is_mysql() {
            true => server::template(&format!("mysql-{version}"), user, |dir| {
                let mut c = user.command(&daemon);
                c.args(["--no-defaults", "--initialize-insecure", "--innodb-redo-log-capacity=8M", "--secure-file-priv="]);
                c.arg(format!("--datadir={}", dir.display()));
                server::run(c, "mysqld --initialize-insecure");
            }),
            false => server::template(&format!("maria-{version}"), user, |dir| {
                let mut c = user.command(&Self::program("mariadb-install-db"));
                c.arg("--no-defaults").arg(format!("--datadir={}", dir.display()));
                c.args(["--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=8M"]);
                server::run(c, "mariadb-install-db");
            }),
        };
        let dir = server::directory("hp-my-", user);
        server::copy(&template, &dir.join("data"));
        // MySQL's own number: each server makes its own.
        let _ = std::fs::remove_file(dir.join("data/auto.cnf"));
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
            "--innodb-buffer-pool-size=64M".into(),
            "--innodb-flush-log-at-trx-commit=0".into(),
            "--skip-log-bin".into(),
        ];
        args.extend(match Self::is_mysql() {
            // MariaDB's defaults for what tests rely on: files anywhere, no second port.
            true => [
                "--innodb-redo-log-capacity=8M".into(),
                "--secure-file-priv=".into(),
                "--mysqlx=OFF".into(),
                "--cte-max-recursion-depth=1000000".into(),
            ]
            .to_vec(),
            false => vec!["--innodb-log-file-size=8M".to_string()],
        });
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

    /// What to select `seq` from, for the numbers from 1 to `n`: MariaDB's engine of sequences, MySQL's recursion; of very many there,
    /// where their order does not matter, a join that gives its rows as it finds them.
    pub fn numbers(n: u64) -> String {
        let name = format!("seq_1_to_{n}");
        if !Self::is_mysql() {
            return name;
        }
        if n <= 1_000_000 {
            return format!(
                "(with recursive r (seq) as (select 1 union all select seq + 1 from r where seq < {n}) select seq from r) as {name}"
            );
        }
        let digits = (1..10).fold("select 0 as d".to_string(), |all, d| format!("{all} union all select {d}"));
        let places = n.ilog10() + 1;
        let sum: Vec<String> = (0..places).map(|p| format!("{} * d{p}.d", 10u64.pow(p))).collect();
        let from: Vec<String> = (0..places).map(|p| format!("digits d{p}")).collect();
        format!("(with digits as ({digits}) select {} + 1 as seq from {}) as {name}", sum.join(" + "), from.join(" join "))
    }

    /// What keeps the native client from TLS.
    pub fn plain() -> &'static str {
        if Self::is_mysql() { "--ssl-mode=DISABLED" } else { "--skip-ssl" }
    }

    /// SQL with MariaDB's tables of numbers in the words of the server under test.
    pub fn spelled(sql: &str) -> String {
        let mut out = String::new();
        let mut rest = sql;
        while let Some((before, after)) = rest.split_once("seq_1_to_").filter(|_| Self::is_mysql()) {
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            out.push_str(before);
            let numbers = Self::numbers(after[..end].parse().expect("a number"));
            rest = &after[end..];
            // With a name of its own it needs no other one.
            let named = rest.strip_prefix(' ').is_some_and(|r| r.starts_with(|c: char| c.is_ascii_alphabetic()) && !r.starts_with("where"));
            out.push_str(if named { numbers.rsplit_once(" as ").map_or(&numbers, |n| n.0) } else { &numbers });
        }
        out + rest
    }

    /// A statement that takes so many seconds and carries a word. A sleep alone that is interrupted on MySQL gives 1 in place of an error.
    pub fn asleep(seconds: u32, word: &str) -> String {
        match Self::is_mysql() {
            true => format!("select '{word}' from (select 1 union select 2) rows_of_it where sleep({seconds})"),
            false => format!("select sleep({seconds}), '{word}'"),
        }
    }

    /// Runs SQL with the native client and gives back its batch output without headers.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        server::run(self.batch(database, sql), "mariadb")
    }

    /// The same of a server that may be full: its answer, or nothing where it had no room for who asks. The session that asked before may
    /// still be counted.
    pub fn asked(&self, sql: &str) -> String {
        let out = self.batch("", sql).output().expect("mariadb");
        let refused = String::from_utf8_lossy(&out.stderr).contains("1040");
        assert!(out.status.success() || refused, "{out:?}");
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    fn batch(&self, database: &str, sql: &str) -> Command {
        let mut c = Command::new(Self::program("mariadb"));
        c.args(["--no-defaults", "-u", "root", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]);
        c.arg(format!("--socket={}", self.socket.display())).args(["-e", &Self::spelled(sql)]);
        if !database.is_empty() {
            c.arg(database);
        }
        c
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
