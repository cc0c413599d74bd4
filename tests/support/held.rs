//! Clients that keep their session open: who holds a lock, who waits for one.

use super::maria::MariaServer;
use super::pg::PgServer;
use super::wait_until;
use std::io::Write;
use std::process::{Child, Command, Stdio};

/// A client that keeps its session open until it is dropped.
pub struct Held(pub Child);

impl Held {
    /// A client that has been told this.
    pub fn of(mut c: Command, sql: &str) -> Held {
        let mut child = c.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the client starts");
        writeln!(child.stdin.as_mut().expect("stdin"), "{sql}").expect("it reads");
        Held(child)
    }

    /// Tells it more.
    pub fn say(&mut self, sql: &str) {
        writeln!(self.0.stdin.as_mut().expect("stdin"), "{sql}").expect("it reads");
    }

    pub fn pg(pg: &PgServer, user: &str, database: &str, sql: &str) -> Held {
        Held::of(pg.client_as(user, database), sql)
    }

    /// Under the name of an application.
    pub fn named(pg: &PgServer, database: &str, name: &str, sql: &str) -> Held {
        let mut c = pg.client_as("postgres", database);
        c.env("PGAPPNAME", name);
        Held::of(c, sql)
    }

    /// All of a script.
    pub fn pg_script(pg: &PgServer, user: &str, database: &str, sql: &str) -> Held {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(sql.as_bytes()).expect("written");
        std::io::Seek::rewind(&mut file).expect("rewound");
        let mut c = pg.client_as(user, database);
        Held(c.stdin(file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the client starts"))
    }

    /// On the database `shop`.
    pub fn maria(server: &MariaServer, user: &str, sql: &str) -> Held {
        Held::of(Held::maria_client(server, user), sql)
    }

    /// One that has done all of this, and does nothing more. InnoDB's list of transactions is no way to see that: whoever asks for it again
    /// within a tenth of a second gets the same answer.
    pub fn maria_done(server: &MariaServer, user: &str, sql: &str) -> Held {
        let held = Held::maria(server, user, &format!("{sql} select get_lock('done', 0);"));
        wait_until("the session has done its part", || server.sql("", "select is_used_lock('done') is not null").trim() == "1");
        held
    }

    /// All of a script, errors notwithstanding.
    pub fn maria_script(server: &MariaServer, user: &str, sql: &str) -> Held {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(sql.as_bytes()).expect("written");
        std::io::Seek::rewind(&mut file).expect("rewound");
        Held(Held::maria_client(server, user).arg("--force").stdin(file).spawn().expect("the client starts"))
    }

    /// Of so many clients each that was refused comes again: our own look takes one of the last connections for a moment.
    pub fn fill(clients: &mut Vec<Held>, number: usize, one: impl Fn() -> Held) {
        clients.retain_mut(|c| c.0.try_wait().expect("the client").is_none());
        if clients.len() < number {
            clients.push(one());
        }
    }

    pub fn maria_client(server: &MariaServer, user: &str) -> Command {
        let mut c = Command::new(MariaServer::program("mariadb"));
        c.args(["--no-defaults", MariaServer::plain(), "-h", "127.0.0.1", "-u", user, "shop"]).arg(format!("--port={}", server.port));
        c.stdout(Stdio::null()).stderr(Stdio::null());
        c
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
