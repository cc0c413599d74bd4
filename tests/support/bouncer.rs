//! A private PgBouncer before a private server.

use super::pg::PgServer;
use super::server::{self, Guarded, Unprivileged};
use std::path::PathBuf;
use std::process::Command;

pub struct PgBouncer {
    _guard: Guarded,
    pub port: u16,
}

impl PgBouncer {
    /// Before the database `shop`, with transaction pooling; `oncall` may ask its console, `postgres` may command it. `settings` are further
    /// lines of its configuration.
    pub fn start(pg: &PgServer, pool: u32, settings: &str) -> PgBouncer {
        let program = server::find("pgbouncer", &[PathBuf::from("/usr/sbin")])
            .unwrap_or_else(|| panic!("no PgBouncer on this machine: {}", server::INSTALL));
        let user = Unprivileged::first_of(&["postgres", "nobody"]);
        let dir = server::directory("hp-bouncer-", user);
        let port = server::free_port();
        let users = ["postgres", "oncall", "stranger"].map(|u| format!("\"{u}\" \"\"\n")).concat();
        let lines = format!(
            "[databases]\nshop = host=127.0.0.1 port={} dbname=shop pool_size={pool}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\nstats_users = oncall\nadmin_users = postgres\n{settings}\n",
            pg.port,
            dir.join("users").display()
        );
        for (name, text) in [("users", users), ("ini", lines)] {
            std::fs::write(dir.join(name), text).expect("written");
            user.own(&dir.join(name));
        }
        // SIGTERM: it does not wait for its clients.
        let guard = Guarded::start(user, dir.clone(), "TERM", &program, &[dir.join("ini").display().to_string()]);
        let bouncer = PgBouncer { _guard: guard, port };
        super::wait_until("PgBouncer answers", || {
            bouncer.client("oncall", "pgbouncer").args(["-c", "show version"]).output().is_ok_and(|o| o.status.success())
        });
        bouncer
    }

    /// `psql` by way of it.
    pub fn client(&self, user: &str, database: &str) -> Command {
        let mut c = Command::new("psql");
        c.args(["-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-U", user, "-d", database, "-p", &self.port.to_string()]);
        c
    }

    /// Of its console.
    pub fn console(&self, command: &str) -> String {
        let mut c = self.client("postgres", "pgbouncer");
        c.args(["-c", command]);
        server::run(c, "psql")
    }

    pub fn url(&self, user: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/shop?sslmode=disable", self.port)
    }
}
