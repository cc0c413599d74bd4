//! Servers that do not do what is asked of them: one that does not heed a cancel, one that dies.

use super::{palette, write};
use crate::support::certificates::Certificates;
use crate::support::maria::MariaServer;
use crate::support::pg::PgServer;
use crate::support::pty::Console;
use crate::support::wait_until;
use rustix::process::{Pid, Signal, kill_process};

/// A stopped process goes on whatever becomes of the test: its server could not be ended otherwise.
struct Stopped(Pid);

impl Stopped {
    fn new(pid: &str) -> Self {
        let pid = Pid::from_raw(pid.trim().parse().expect("a process id")).expect("a process id");
        kill_process(pid, Signal::STOP).expect("stop");
        Stopped(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT);
    }
}

fn end(pid: &str, signal: Signal) {
    kill_process(Pid::from_raw(pid.trim().parse().expect("a process id")).expect("a process id"), signal).expect("signal");
}

pub fn on_postgres(home: &std::path::Path, pg: &PgServer) -> Console {
    let target = format!(
        "[targets.one]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\ndatabase = \"postgres\"\nsslmode = \"disable\"\n",
        pg.port
    );
    on(home, &target)
}

fn on_mariadb(home: &std::path::Path, server: &MariaServer) -> Console {
    server.create_database("one");
    let target =
        format!("[targets.one]\nengine = \"mysql\"\nsocket = \"{}\"\nuser = \"root\"\ndatabase = \"one\"\n", server.socket.display());
    on(home, &target)
}

pub fn on(home: &std::path::Path, target: &str) -> Console {
    std::fs::write(home.join("holdpoint.toml"), target).expect("config");
    let c = Console::start(home, home, &["open", "one"], 100, 30);
    c.wait_for("no tx");
    c
}

fn process_of(server: &MariaServer) -> String {
    std::fs::read_to_string(server.sql("", "select @@pid_file").trim()).expect("process file")
}

pub fn answers(c: &mut Console) {
    write(c, "select 40 + 2 as answer");
    c.send("<F5>");
    c.wait_until("the answer is there", |s| s.contains("answer") && s.contains(" 42") && s.contains("1 row ·"));
}

/// Presses Ctrl-C once it is no longer the second half of a double one: that is a matter of time alone.
fn again(c: &mut Console) {
    std::thread::sleep(std::time::Duration::from_millis(600));
    c.send("<C-c>");
}

/// A statement runs, cancelling it does not help, and the connection is closed; then it is opened again.
fn hang_up(c: &mut Console, stop: impl FnOnce() -> Stopped, sleep: &str) {
    write(c, sleep);
    c.send("<F5>");
    c.wait_for("Ctrl-C cancel");
    let stopped = stop();
    c.send("<C-c>");
    // The request itself may fail before this is read.
    c.wait_until("it says what is left", |s| s.contains("Ctrl-C again hangs up") || s.contains("Cancel again to hang up"));
    again(c);
    // What only reads leaves nothing behind that would have to be doubted.
    c.wait_until("the console says that it hung up", |s| {
        s.contains("the connection was lost while the statement ran") && !s.contains("not known")
    });
    // Nothing runs any more, so Ctrl-C means something else again.
    c.wait_until("the job is over", |s| !s.contains("(cancelling)"));
    c.send("<C-c>");
    c.wait_for("Quit Holdpoint?");
    c.send("<Esc>");
    drop(stopped);
    palette(c, "reconnect");
    c.wait_for("no tx");
    answers(c);
}

#[test]
fn a_statement_that_postgresql_does_not_cancel_is_hung_up_on() {
    let pg = PgServer::start(&[]);
    let home = tempfile::tempdir().expect("home");
    let mut c = on_postgres(home.path(), &pg);
    let busy = "select pid from pg_stat_activity where query = 'select pg_sleep(600)'";
    let stop = || {
        let mut pid = String::new();
        wait_until("the statement has reached the server", || {
            pid = pg.psql("postgres", busy);
            !pid.trim().is_empty()
        });
        Stopped::new(&pid)
    };
    hang_up(&mut c, stop, "select pg_sleep(600)");
}

/// A data fix has a session of its own: that one is asked after, and the user's own goes on.
#[test]
fn a_data_fix_that_postgresql_does_not_cancel_is_named_and_the_session_stays() {
    let pg = PgServer::start(&[]);
    pg.psql("postgres", "create table part (id int primary key, v int); insert into part values (1, 1)");
    let home = tempfile::tempdir().expect("home");
    let target = format!(
        "[targets.one]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\ndatabase = \"postgres\"\n\
         sslmode = \"disable\"\naccess = \"guarded\"\n",
        pg.port
    );
    let mut c = on(home.path(), &target);
    write(&mut c, "update part set v = length(pg_sleep(600)::text) where id = 1");
    c.send("<F5>");
    let mut pid = String::new();
    wait_until("the statement has reached the server", || {
        pid = pg.psql("postgres", "select pid from pg_stat_activity where query like 'update part%' and state = 'active'");
        !pid.trim().is_empty()
    });
    let stopped = Stopped::new(&pid);
    c.send("<C-c>");
    c.wait_for("Ctrl-C again hangs up");
    again(&mut c);
    let named = format!("Session {} of the server goes on", pid.trim());
    c.wait_until("the session of the fix is named", |s| s.contains(&named) && !s.contains("CONNECTION LOST"));
    c.wait_for("n leave it running");
    c.send("n");
    c.wait_until("it says what may go on", |s| s.contains("has not confirmed it") && !s.contains("the session is kept"));
    drop(stopped);
    answers(&mut c);
    wait_until("nothing of it is left", || {
        pg.psql("postgres", "select count(*) from pg_stat_activity where query like 'update part%' and state <> 'idle'").trim() == "0"
    });
    assert_eq!(pg.psql("postgres", "select v from part").trim(), "1");
}

#[test]
fn a_statement_that_mariadb_does_not_cancel_is_hung_up_on() {
    let server = MariaServer::start(&[]);
    let home = tempfile::tempdir().expect("home");
    let mut c = on_mariadb(home.path(), &server);
    // The whole server stands still: the request to cancel is not even answered.
    let pid = process_of(&server);
    let running = || {
        wait_until("the statement has reached the server", || {
            server.sql("", "select count(*) from information_schema.processlist where info = 'select sleep(600)'").trim() == "1"
        });
        Stopped::new(&pid)
    };
    hang_up(&mut c, running, "select sleep(600)");
}

/// The server is gone: the console says so, stays, tries again when asked, and ends in order.
fn dies(mut c: Console, sleep: &str, die: impl FnOnce()) {
    write(&mut c, sleep);
    c.send("<F5>");
    c.wait_for("Ctrl-C cancel");
    die();
    c.wait_until("the console says that the connection is gone", |s| s.contains("lost") || s.contains("gone"));
    c.wait_until("nothing runs any more", |s| !s.contains("Ctrl-C cancel"));
    palette(&mut c, "reconnect");
    c.wait_until("it says why it cannot connect", |s| s.contains("not connected"));
    write(&mut c, "select 'typed without a server'");
    c.send("<Esc><C-q>");
    c.wait_for("Quit Holdpoint?");
    c.send("q");
    assert_eq!(c.wait_exit(), 0);
    wait_until("the terminal is given back", || c.restored());
}

#[test]
fn postgresql_dies_under_a_statement() {
    let pg = PgServer::start(&[]);
    let home = tempfile::tempdir().expect("home");
    let c = on_postgres(home.path(), &pg);
    let files = pg.psql("postgres", "show data_directory");
    let file = std::fs::read_to_string(std::path::Path::new(files.trim()).join("postmaster.pid")).expect("process file");
    let pid = file.lines().next().expect("a process id").to_string();
    dies(c, "select pg_sleep(600)", || end(&pid, Signal::QUIT));
}

#[test]
fn mariadb_dies_under_a_statement() {
    let server = MariaServer::start(&[]);
    let home = tempfile::tempdir().expect("home");
    let c = on_mariadb(home.path(), &server);
    let pid = process_of(&server);
    dies(c, "select sleep(600)", || end(&pid, Signal::KILL));
}

/// A server that lets `bycert` in by its certificate, whose key has the pass phrase `locked`; the target that names them.
fn by_locked_key(made: &Certificates) -> (PgServer, String) {
    made.self_signed("server", "/CN=localhost", "");
    made.signed("client", "/CN=bycert", "server", "subjectAltName=DNS:client");
    made.locked("client");
    std::fs::remove_file(made.path("client.key")).expect("only the locked one is left");
    made.write("hba", "local all postgres trust\nhostssl all bycert 127.0.0.1/32 cert\n");
    let settings = [
        made.setting("hba_file", "hba"),
        made.setting("ssl_cert_file", "server.crt"),
        made.setting("ssl_key_file", "server.key"),
        made.setting("ssl_ca_file", "server.crt"),
        "ssl=on".to_string(),
    ];
    let pg = PgServer::start(&settings.iter().map(String::as_str).collect::<Vec<_>>());
    pg.psql("postgres", "create role bycert login");
    let target = format!(
        "[targets.one]\nengine = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \"bycert\"\ndatabase = \"postgres\"\n\
         sslmode = \"require\"\nsslcert = \"{d}/client.crt\"\nsslkey = \"{d}/locked.key\"\n",
        pg.port,
        d = made.dir().display()
    );
    (pg, target)
}

#[test]
fn the_pass_phrase_of_a_private_key_is_asked_for_until_it_opens_or_esc() {
    let made = Certificates::readable_by(&["postgres", "nobody"]);
    let (_pg, target) = by_locked_key(&made);
    let home = tempfile::tempdir().expect("home");
    std::fs::write(home.path().join("holdpoint.toml"), target).expect("config");
    let mut c = Console::start(home.path(), home.path(), &["open", "one"], 100, 30);
    c.wait_for("Pass phrase for one");
    c.wait_for("locked.key wants its pass phrase");
    c.send("not-this-one<Enter>");
    c.wait_for("that pass phrase does not open the private key");
    c.wait_for("Pass phrase for one");
    c.send("<Esc>");
    c.wait_until("the question is gone, and so is the connection", |s| !s.contains("Pass phrase for one") && s.contains("not connected"));
    palette(&mut c, "reconnect");
    c.wait_for("Pass phrase for one");
    c.send("locked<Enter>");
    c.wait_for("no tx");
    answers(&mut c);
    // Once opened it stays so for this console.
    palette(&mut c, "reconnect");
    answers(&mut c);
    let sent = String::from_utf8_lossy(&c.bytes()).into_owned();
    assert!(!sent.contains("not-this-one"), "a pass phrase is never shown");
    c.send("<Esc><C-q>");
    c.wait_for("Quit Holdpoint?");
    c.send("q");
    c.wait_exit();
}
