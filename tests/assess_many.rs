//! Ten thousand sessions on a server, a fifth of which wait for one of them: the assessment stays within its budget, its output and its memory
//! stay small. Two are not run by default: they take minutes, 20,000 files, and 10 GB on PostgreSQL (`HOLDPOINT_TEST_SESSIONS` sets another number):
//! cargo test --test assess_many -- --ignored --test-threads 1

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use support::assess::{Run, assess};
use support::maria::MariaServer;
use support::pg::PgServer;
use support::recover::Home;
use support::wait_until;

fn sessions() -> usize {
    std::env::var("HOLDPOINT_TEST_SESSIONS").map_or(10_000, |n| n.parse().expect("a number"))
}

/// A session of PostgreSQL that holds no more than its socket.
fn postgres_session(port: u16) -> TcpStream {
    let mut s = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    let names = b"\0\x03\0\0user\0app\0database\0shop\0application_name\0pool\0\0";
    s.write_all(&(u32::try_from(names.len()).expect("small") + 4).to_be_bytes()).expect("sent");
    s.write_all(names).expect("sent");
    loop {
        let mut head = [0u8; 5];
        s.read_exact(&mut head).expect("an answer");
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) - 4;
        let mut body = vec![0u8; length as usize];
        s.read_exact(&mut body).expect("all of it");
        assert_ne!(head[0], b'E', "{}", String::from_utf8_lossy(&body));
        if head[0] == b'Z' {
            return s;
        }
    }
}

/// Sends a statement and does not wait for its answer.
fn postgres_says(s: &mut TcpStream, sql: &str) {
    let mut out = vec![b'Q'];
    out.extend((u32::try_from(sql.len()).expect("short") + 5).to_be_bytes());
    out.extend(sql.as_bytes());
    out.push(0);
    s.write_all(&out).expect("sent");
}

fn packet(s: &mut TcpStream) -> Vec<u8> {
    let mut head = [0u8; 4];
    s.read_exact(&mut head).expect("an answer");
    let mut body = vec![0u8; u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize];
    s.read_exact(&mut body).expect("all of it");
    body
}

fn send(s: &mut TcpStream, number: u8, body: &[u8]) {
    let length = u32::try_from(body.len()).expect("short").to_le_bytes();
    s.write_all(&[length[0], length[1], length[2], number]).and_then(|()| s.write_all(body)).expect("sent");
}

/// A session of MariaDB or MySQL of an account without a password.
fn mariadb_session(port: u16) -> TcpStream {
    const PROTOCOL_41: u32 = 0x200;
    const SECURE: u32 = 0x8000;
    const WITH_DATABASE: u32 = 8;
    let mut s = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    packet(&mut s);
    let mut login = (PROTOCOL_41 | SECURE | WITH_DATABASE).to_le_bytes().to_vec();
    login.extend((1u32 << 24).to_le_bytes());
    login.push(45);
    login.extend([0; 23]);
    login.extend(b"app\0\0shop\0");
    send(&mut s, 1, &login);
    let answer = packet(&mut s);
    assert_eq!(answer[0], 0, "{}", String::from_utf8_lossy(&answer));
    s
}

fn mariadb_says(s: &mut TcpStream, sql: &str) {
    send(s, 0, &[&[3], sql.as_bytes()].concat());
}

/// Within its budget; nothing of what it gives grows with the number of sessions.
fn judge(url: &str, wanted: &str) -> Run {
    let run = assess(url, &[]);
    let seen: Vec<String> = run.found.checks.iter().map(|c| format!("{} {:?} {:.0} ms: {}", c.check, c.severity, c.took, c.says)).collect();
    assert_eq!(run.found.summary.check, wanted, "{:#?}\n{seen:#?}", run.found.summary);
    run.nothing_waited();
    assert!(run.took.as_secs() < 30, "{:?}", run.took);
    let json = serde_json::to_string(&run.found).expect("JSON");
    assert!(json.len() < 256 * 1024, "{} bytes", json.len());
    let home = tempfile::tempdir().expect("a directory");
    let mut c = support::command(home.path());
    let text = home.path().join("text");
    let out = std::fs::File::create(&text).expect("a file");
    let mut child = c.args(["assess", url, "--timeframe", "1"]).stdout(out).stderr(Stdio::null()).spawn().expect("holdpoint runs");
    let mut peak = 0u64;
    wait_until("it has ended", || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let now = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(now.unwrap_or(0));
        child.try_wait().expect("holdpoint").is_some()
    });
    let bytes = std::fs::metadata(&text).expect("what it said").len();
    println!("{url}: {:?}, {} bytes of JSON, {bytes} bytes of text, {peak} kB at most", run.took, json.len());
    for seen in &run.found.checks {
        if seen.took > 100.0 {
            println!("  {} {} {:.0} ms", seen.check, seen.name, seen.took);
        }
    }
    assert!(bytes < 32 * 1024, "{bytes} bytes");
    assert!(peak < 64 * 1024, "{peak} kB");
    run
}

#[test]
#[ignore = "ten thousand processes: cargo test --test assess_many -- --ignored --test-threads 1"]
fn on_postgresql() {
    let n = sessions();
    let most = format!("max_connections={}", n + n / 3 + 20);
    let pg = PgServer::start(&["fsync=on", &most, "max_wal_senders=0", "shared_buffers=16MB", "max_locks_per_transaction=10"]);
    pg.create_database("shop");
    pg.psql("postgres", "create role app login; create role oncall login; grant pg_monitor to oncall");
    pg.psql("shop", "create table orders (id int primary key); grant all on orders to app");
    let mut all: Vec<TcpStream> = (0..n).map(|_| postgres_session(pg.port)).collect();
    postgres_says(&mut all[0], "begin; lock table orders");
    wait_until("it has the lock", || {
        pg.psql("shop", "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted").trim() == "1"
    });
    for s in &mut all[1..=n / 5] {
        postgres_says(s, "select count(*) from orders");
    }
    let waits = (n / 5).to_string();
    wait_until("all wait", || pg.psql("shop", "select count(*) from pg_locks where not granted").trim() == waits);
    let run = judge(&format!("postgres://oncall@127.0.0.1:{}/shop?sslmode=disable", pg.port), "PG06");
    let told = format!("{} sessions wait", holdpoint::text::thousands(n as u64 / 5));
    assert!(run.found.summary.says.starts_with(&told), "{}", run.found.summary.says);
    assert_eq!(run.found.summary.recover.as_ref().map(|a| a.deed.name()), Some("end-idle"));
}

struct PileUp {
    my: MariaServer,
    /// The first one has the row.
    sessions: Vec<TcpStream>,
    holder: String,
}

impl Drop for PileUp {
    /// The server takes many minutes to end two thousand waits in order.
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(self.my.directory().join("pid")).unwrap_or_default();
        let _ = std::process::Command::new("kill").args(["-KILL", pid.trim()]).status();
        self.sessions.clear();
    }
}

/// So many sessions, of which so many wait for a row.
fn pile_up(n: usize, wait: usize) -> PileUp {
    let most = format!("--max-connections={}", n + n / 3 + 20);
    let my = MariaServer::start(&[
        "--innodb-flush-log-at-trx-commit=1",
        "--sync-binlog=1",
        &most,
        "--table-open-cache=400",
        "--open-files-limit=19000",
        "--back-log=1000",
        "--thread-stack=192K",
        "--innodb-lock-wait-timeout=3000",
    ]);
    my.create_database("shop");
    my.sql(
        "shop",
        "create user oncall@'127.0.0.1', app@'127.0.0.1'; grant process, connection admin on *.* to oncall@'127.0.0.1'; \
         grant select on shop.* to oncall@'127.0.0.1'; grant all on shop.* to app@'127.0.0.1'; \
         create table orders (id int primary key, state varchar(20)) engine=innodb; insert into orders values (1, 'open')",
    );
    let mut sessions: Vec<TcpStream> = (0..n).map(|_| mariadb_session(my.port)).collect();
    for text in ["begin", "update orders set state = 'x' where id = 1"] {
        mariadb_says(&mut sessions[0], text);
        packet(&mut sessions[0]);
    }
    let holder = my.sql("", "select trx_mysql_thread_id from information_schema.innodb_trx").trim().to_string();
    for s in &mut sessions[1..=wait] {
        mariadb_says(s, "update orders set state = 'y' where id = 1");
    }
    // Not asked of InnoDB's list, which takes as long as the test is about.
    let waits = wait.to_string();
    wait_until("all wait", || waiting(&my) == waits);
    let log = my.directory().join("asked");
    my.sql("", &format!("set global general_log_file = '{}'; set global general_log = 1", log.display()));
    PileUp { my, sessions, holder }
}

fn waiting(my: &MariaServer) -> String {
    let counted = "select variable_value from information_schema.global_status where variable_name = 'Innodb_row_lock_current_waits'";
    my.sql("", counted).trim().to_string()
}

#[test]
#[ignore = "ten thousand threads: cargo test --test assess_many -- --ignored --test-threads 1"]
fn on_mariadb() {
    let n = sessions();
    let pile = pile_up(n, n / 5);
    let run = judge(&format!("mysql://oncall@127.0.0.1:{}/shop", pile.my.port), "MY06");
    let says = &run.found.summary.says;
    let told = format!("{} sessions wait", holdpoint::text::thousands(n as u64 / 5));
    assert!(says.starts_with(&told) && says.contains(&format!("connection {}, ", pile.holder)), "{says}");
    // Of so many the server tells no more than a megabyte: who is not in it may be the one.
    let told = &run.found.summary;
    let all = told.recover.as_ref().map(|a| a.deed.name()) == Some("end-idle");
    assert!(all || told.next.starts_with(&format!("Look at connection {} first.", pile.holder)), "{told:#?}");
}

/// More than InnoDB is asked about one by one.
#[test]
fn hundreds_that_wait_for_a_row_are_told_without_innodbs_list_and_their_holder_is_ended() {
    let pile = pile_up(420, 400);
    let (my, holder) = (&pile.my, &pile.holder);
    let url = format!("mysql://oncall@127.0.0.1:{}/shop", my.port);
    let run = judge(&url, "MY06");
    let (says, id) = (&run.found.summary.says, format!("connection {holder}, "));
    assert!(says.starts_with("400 sessions wait, and of 300 that were looked at 300 behind ") && says.contains(&id), "{says}");
    assert_eq!(run.found.summary.recover.as_ref().map(|a| (a.deed.name(), a.object.clone())), Some(("end-idle", holder.clone())));
    assert!(run.seen("MY05").says.starts_with("401 open"), "{}", run.seen("MY05").says);
    let home = Home::new(&format!("url = \"mysql://oncall@127.0.0.1:{}/shop\"", my.port), "solo");
    let text = home.act(0, &["end-idle", holder], holder);
    assert!(text.contains("Done"), "{text}");
    wait_until("nobody waits", || waiting(my) == "0");
    let asked = std::fs::read_to_string(my.directory().join("asked")).expect("the log of statements");
    assert!(asked.contains("SHOW ENGINE INNODB STATUS") && !asked.contains("INNODB_TRX") && !asked.contains("INNODB_LOCK"), "{asked}");
}
