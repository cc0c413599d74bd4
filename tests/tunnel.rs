//! Databases behind `ssh = …`: reached through a real sshd, by the name that the user knows them by, and no forward stays behind.

mod support;

use std::path::Path;
use support::bastion::Bastion;
use support::certificates::Certificates;
use support::maria::MariaServer;
use support::pg::PgServer;
use support::pty::Console;
use support::wait_until;

/// A server that lets `carl` in with a password over TLS, and bears the name `localhost` alone: the address of a forward's end is another.
fn certified(users: &[&str]) -> Certificates {
    let made = Certificates::readable_by(users);
    made.self_signed("ca", "/CN=Test-CA", "");
    made.signed("server", "/CN=localhost", "ca", "subjectAltName=DNS:localhost");
    made
}

fn postgres(made: &Certificates) -> PgServer {
    made.write("hba", "local all postgres trust\nhost all postgres 127.0.0.1/32 trust\nhostssl all carl samehost scram-sha-256\n");
    let settings = [
        made.setting("hba_file", "hba"),
        made.setting("ssl_cert_file", "server.crt"),
        made.setting("ssl_key_file", "server.key"),
        "ssl=on".to_string(),
    ];
    let pg = PgServer::start(&settings.iter().map(String::as_str).collect::<Vec<_>>());
    pg.psql("postgres", "create role carl login password 'to the shop'");
    pg.psql("postgres", "create database shop owner carl");
    pg
}

fn mariadb(made: &Certificates) -> MariaServer {
    let server = MariaServer::start(&[&made.setting("--ssl-cert", "server.crt"), &made.setting("--ssl-key", "server.key")]);
    server.create_database("shop");
    server.sql("", "create user carl@'%' identified by 'to the shop' require ssl; grant all on shop.* to carl@'%'");
    server
}

/// The target `one` through the bastion, verified in full.
fn home(engine: &str, port: u16, made: &Certificates, more: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("home");
    let target = format!(
        "[targets.one]\nengine = \"{engine}\"\nhost = \"localhost\"\nport = {port}\nuser = \"carl\"\ndatabase = \"shop\"\nenvironment = \"development\"\n\
         access = \"open\"\nssh = \"bastion\"\nsslmode = \"verify-full\"\nsslrootcert = \"{}\"\n{more}",
        made.path("ca.crt").display()
    );
    std::fs::write(home.path().join("holdpoint.toml"), target).expect("config");
    home
}

/// PostgreSQL's password is found by the server's own name and port, as libpq's users keep it.
fn with_pgpass(pg: &PgServer, made: &Certificates) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let home = home("postgres", pg.port, made, "");
    let file = home.path().join(".pgpass");
    std::fs::write(&file, format!("localhost:{}:shop:carl:to the shop\n", pg.port)).expect("password file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("mode");
    home
}

fn ask(home: &Path, bastion: &Bastion, sql: &str) -> String {
    let mut c = support::command(home);
    c.args(["query", "one", sql, "--format", "csv"]).env("HOLDPOINT_SSH", bastion.ssh());
    support::server::run(c, sql)
}

fn console(home: &Path, bastion: &Bastion) -> Console {
    let ssh = bastion.ssh();
    let c = Console::start_with(home, home, &["open", "one"], 100, 30, &[("HOLDPOINT_SSH", ssh.to_str().expect("a path"))]);
    c.wait_for("no tx");
    c
}

fn write(c: &mut Console, sql: &str) {
    c.send("<Esc>2<C-a><BS>");
    c.wait_until("the editor is empty", |s| !s.contains("▎"));
    c.send(sql);
    c.wait_for(sql);
}

/// A statement is cancelled through the tunnel and the session stays; then the way breaks, and a new one is made.
fn cancelled_and_broken(home: &Path, bastion: &Bastion, sleep: &str, sleeps: impl Fn() -> bool) {
    let mut c = console(home, bastion);
    write(&mut c, sleep);
    c.send("<F5>");
    wait_until("the server runs it", &sleeps);
    c.send("<C-c>");
    c.wait_until("it is cancelled, and the session kept", |s| s.contains("cancelled") && s.contains("no tx"));
    wait_until("the server no longer runs it", || !sleeps());
    let before = bastion.started();
    bastion.breaks();
    write(&mut c, "select 40 + 2 as answer");
    c.send("<F5>");
    // The session noticed it, or it is asked for anew.
    c.wait_until("it answers, or says that the connection was lost", |s| s.contains(" 42") || s.contains("LOST, F10 a r reconnects"));
    if !c.screen().contains(" 42") {
        c.send("<Esc><C-p>");
        c.wait_for("Find an action");
        c.send("reconnect");
        c.wait_for("reconnect");
        c.send("<Enter>");
        c.wait_for("no tx");
        write(&mut c, "select 40 + 2 as answer");
        c.send("<F5>");
        c.wait_for(" 42");
    }
    assert!(bastion.started() > before, "through a new forward");
    c.send("<Esc><C-q>");
    c.wait_for("Quit Holdpoint?");
    c.send("q");
    c.wait_exit();
    wait_until("no forward is left", || bastion.forwards().is_empty());
}

#[test]
fn postgresql_behind_a_bastion_is_verified_and_cancelled_and_reached_again() {
    let (made, bastion) = (certified(&["postgres", "nobody"]), Bastion::start());
    let pg = postgres(&made);
    let home = with_pgpass(&pg, &made);
    let told =
        ask(home.path(), &bastion, "select current_user, ssl, inet_server_port() as port from pg_stat_ssl where pid = pg_backend_pid()");
    assert_eq!(told, format!("current_user,ssl,port\r\ncarl,t,{}\r\n", pg.port));
    wait_until("no forward of the command is left", || bastion.forwards().is_empty());
    let sleeps = || {
        pg.psql("postgres", "select count(*) from pg_stat_activity where query = 'select pg_sleep(600)' and state = 'active'").trim() == "1"
    };
    cancelled_and_broken(home.path(), &bastion, "select pg_sleep(600)", sleeps);
}

#[test]
fn mariadb_behind_a_bastion_is_verified_and_cancelled_and_reached_again() {
    let (made, bastion) = (certified(&["mysql", "nobody"]), Bastion::start());
    let server = mariadb(&made);
    let home = home("mariadb", server.port, &made, "password = \"to the shop\"\n");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(home.path().join("holdpoint.toml"), std::fs::Permissions::from_mode(0o600)).expect("mode");
    let told = ask(home.path(), &bastion, "select substring_index(user(), '@', 1) as who, @@port as port");
    assert_eq!(told, format!("who,port\r\ncarl,{}\r\n", server.port));
    wait_until("no forward of the command is left", || bastion.forwards().is_empty());
    let sleeps = || server.sql("", "select count(*) from information_schema.processlist where info = 'select sleep(600)'").trim() == "1";
    cancelled_and_broken(home.path(), &bastion, "select sleep(600)", sleeps);
}

/// Whoever closes the terminal leaves no way into the database open.
#[test]
fn no_forward_outlives_a_closed_terminal_or_a_failed_login() {
    let (made, bastion) = (certified(&["postgres", "nobody"]), Bastion::start());
    let pg = postgres(&made);
    let home = with_pgpass(&pg, &made);
    let mut c = console(home.path(), &bastion);
    assert!(!bastion.forwards().is_empty());
    rustix::process::kill_process(rustix::process::Pid::from_raw(c.pid() as i32).expect("a number"), rustix::process::Signal::HUP)
        .expect("signal");
    c.wait_exit();
    wait_until("no forward is left", || bastion.forwards().is_empty());
    std::fs::remove_file(home.path().join(".pgpass")).expect("forgotten");
    let mut q = support::command(home.path());
    q.args(["query", "one", "select 1"]).env("HOLDPOINT_SSH", bastion.ssh()).env("PGPASSWORD", "wrong");
    let out = q.output().expect("holdpoint");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && said.contains("carl") && said.contains("through bastion"), "{said}");
    wait_until("no forward is left", || bastion.forwards().is_empty());
}
