//! What only servers have: the table list beside `psql`, five thousand tables, and cancelling, proved by asking the server.

use super::measure::{Cost, median, ms, open, peak_mb, percentile, quiet, when};
use super::names::TABLES;
use super::report::{Budget, Report};
use super::screen::{moves, to_editor, to_schema};
use super::support::maria::MariaServer;
use super::support::pg::PgServer;
use super::support::{PATIENCE, server};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 9;

pub fn postgres(report: &mut Report, home: &Path, pg: &PgServer) {
    // Some tables, as a small application has; then a schema of five thousand.
    pg.create_database("few");
    pg.psql("few", "do $$ begin for i in 0..19 loop execute format('create table t_%s (id int primary key, name text)', lpad(i::text, 5, '0')); end loop; end $$");
    super::names::wide(pg);
    list_beside_psql(report, home, pg, "few", "table list on the screen");
    list_beside_psql(report, home, pg, "wide", "5,000 tables: list on the screen");
    wide(report, home, pg);
    cancel_postgres(report, home, pg);
}

/// Start to the table list, beside `psql -c '\dt'` to its end, in turns.
fn list_beside_psql(report: &mut Report, home: &Path, pg: &PgServer, database: &str, what: &str) {
    let target = format!("{}?sslmode=disable", pg.url(database));
    let (mut floor, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let began = Instant::now();
        let mut c = Command::new(pg.bin.join("psql"));
        c.args(["-X", "-h", "127.0.0.1", "-U", "postgres", "-d", database, "-p", &pg.port.to_string(), "-c", "\\dt"]);
        assert!(server::run(c, "psql").contains("t_00019"));
        floor.push(ms(began.elapsed()));
        let o = open(home, &target);
        ours.push(ms(when(&o, "the tables are there", |s| s.contains("t_00019")).duration_since(o.started)));
    }
    report.row(what, "ms", Some(median(floor)), median(ours), Budget::Times(1.2, "psql -c '\\dt'"));
}

fn wide(report: &mut Report, home: &Path, pg: &PgServer) {
    let mut o = open(home, &format!("{}?sslmode=disable", pg.url("wide")));
    o.wait_for("t_00019");
    to_schema(&mut o);
    let mut cost = Cost::default();
    for key in moves(20) {
        cost.key(&mut o, key);
    }
    for _ in 0..5 {
        cost.key(&mut o, "G");
        assert!(o.screen().contains(&format!("t_{:05}", TABLES - 1)), "the last table is not there:\n{}", o.screen());
        cost.key(&mut o, "g");
    }
    report.row("5,000 tables: key to frame, p99", "ms", None, percentile(&cost.times, 0.99), Budget::Most(16.0));
    report.row("5,000 tables: peak memory", "MB", None, peak_mb(o.pid()), Budget::Most(25.0));
}

/// The native client with its standard input and output in our hands: a question takes less than a millisecond.
struct Asker {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Asker {
    fn start(mut c: Command) -> Asker {
        let mut child = c.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("start the client");
        let (stdin, stdout) = (child.stdin.take().expect("stdin"), BufReader::new(child.stdout.take().expect("stdout")));
        Asker { child, stdin, stdout }
    }

    /// The one line that a question is answered with.
    fn ask(&mut self, sql: &str) -> String {
        writeln!(self.stdin, "{sql};").expect("ask");
        self.stdin.flush().expect("ask");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("answer");
        line.trim().to_string()
    }

    /// Asks again and again until the answer is this one.
    fn until(&mut self, sql: &str, answer: &str) -> Instant {
        let begin = Instant::now();
        loop {
            let got = self.ask(sql);
            if got == answer {
                return Instant::now();
            }
            assert!(begin.elapsed() < PATIENCE, "{sql} gives {got}, not {answer}");
        }
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a server is asked what runs.
struct Watch<'a> {
    name: &'a str,
    target: String,
    /// The statement that takes a minute, and how to count the sessions that run it.
    slow: &'a str,
    running: &'a str,
    /// Number of the session that runs it; how many sessions of this number are there and run nothing.
    session: &'a str,
    kept: &'a str,
}

fn cancel(report: &mut Report, home: &Path, asker: &mut Asker, w: &Watch<'_>, floor: Option<f64>) {
    let mut times = Vec::new();
    let mut o = open(home, &w.target);
    for _ in 0..RUNS {
        to_editor(&mut o);
        o.send(w.slow);
        o.wait_for(w.slow);
        quiet(&o, Duration::from_millis(200));
        o.send("<F5>");
        asker.until(w.running, "1");
        let session = asker.ask(w.session);
        o.wait_for("Ctrl-C cancel");
        quiet(&o, Duration::from_millis(50));
        let sent = Instant::now();
        o.send("<C-c>");
        times.push(ms(asker.until(w.running, "0").duration_since(sent)));
        // The session is the same one, and works.
        asker.until(&w.kept.replace("{}", &session), "1");
        o.wait_for("the session is kept");
    }
    report.row(&format!("{}: cancel to server free, session kept", w.name), "ms", floor, median(times), Budget::Most(30.0));
}

fn cancel_postgres(report: &mut Report, home: &Path, pg: &PgServer) {
    let port = pg.port.to_string();
    let psql = || {
        let mut c = Command::new(pg.bin.join("psql"));
        c.args(["-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-U", "postgres", "-d", "few", "-p", &port]);
        c
    };
    let mut asker = Asker::start(psql());
    let running = "select count(*) from pg_stat_activity where state = 'active' and query like 'select pg_sleep(%'";
    let mut floors = Vec::new();
    for _ in 0..RUNS {
        let mut c = psql();
        let child = c.args(["-c", "select pg_sleep(60)"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = child.expect("psql");
        asker.until(running, "1");
        let sent = Instant::now();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("interrupt");
        floors.push(ms(asker.until(running, "0").duration_since(sent)));
        let _ = child.wait();
    }
    let w = Watch {
        name: "PostgreSQL",
        target: format!("{}?sslmode=disable", pg.url("few")),
        slow: "select pg_sleep(60)",
        running,
        session: "select pid from pg_stat_activity where state = 'active' and query like 'select pg_sleep(%'",
        kept: "select count(*) from pg_stat_activity where pid = {} and state = 'idle'",
    };
    cancel(report, home, &mut asker, &w, Some(median(floors)));
}

pub fn mariadb(report: &mut Report, home: &Path, maria: &MariaServer) {
    let mut c = Command::new("mariadb");
    c.args(["--no-defaults", "-u", "root", "-N", "-B", "--unbuffered"]).arg(format!("--socket={}", maria.socket.display()));
    let mut asker = Asker::start(c);
    let w = Watch {
        name: "MariaDB",
        target: format!("mysql://root@localhost/bench?socket={}", maria.socket.display()),
        slow: "select sleep(60)",
        running: "select count(*) from information_schema.processlist where info like 'select sleep(%'",
        session: "select id from information_schema.processlist where info like 'select sleep(%'",
        kept: "select count(*) from information_schema.processlist where id = {} and command = 'Sleep'",
    };
    cancel(report, home, &mut asker, &w, None);
}
