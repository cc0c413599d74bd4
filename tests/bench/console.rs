//! Measures the console in a pseudo-terminal, each figure beside its floor in the same run; see README.md beside this file.
//!
//! `cargo bench` prints a Markdown table. Run with `--floor` it is the floor itself: a minimal ratatui program.

#[path = "../support/mod.rs"]
mod support;

use portable_pty::CommandBuilder;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::maria::MariaServer;
use support::pg::PgServer;
use support::pty::Console;

const COLUMNS: u16 = 120;
const ROWS: u16 = 40;
/// Runs of each measurement; the floor and ours take turns, so that noise hits both alike.
const RUNS: usize = 7;
/// Rows of the big table.
const BIG: u64 = 1_000_000;

fn main() {
    if std::env::args().any(|a| a == "--floor") {
        return floor();
    }
    let home = tempfile::tempdir().expect("home");
    let data = tempfile::tempdir().expect("data");
    let demo = sqlite_data(data.path());
    println!("| what | floor | ours | ratio | budget |\n|---|--:|--:|--:|--:|");
    start(home.path(), &demo);
    list(home.path(), &demo);
    typing(home.path(), &demo);
    idle(home.path(), &demo);
    big(home.path(), &Side::sqlite(&demo));
    let pg = PgServer::start(&[]);
    big(home.path(), &Side::postgres(&pg));
    let maria = MariaServer::start(&[]);
    big(home.path(), &Side::mariadb(&maria));
}

/// The floor: a list of 2,000 names that moves, and a line that echoes what is typed.
fn floor() {
    use ratatui::crossterm::event::{self, Event, KeyCode};
    use ratatui::layout::{Constraint, Layout};
    use ratatui::style::Style;
    use ratatui::widgets::{Block, List, ListState, Paragraph};
    let mut terminal = ratatui::init();
    let names: Vec<String> = (0..2000).map(|i| format!("customer {i:05}")).collect();
    let mut state = ListState::default().with_selected(Some(0));
    let mut text = String::new();
    loop {
        terminal
            .draw(|f| {
                let [left, right] = Layout::horizontal([Constraint::Length(30), Constraint::Min(0)]).areas(f.area());
                let list = List::new(names.iter().map(String::as_str)).block(Block::bordered().title("tables"));
                f.render_stateful_widget(list.highlight_style(Style::new().reversed()), left, &mut state);
                f.render_widget(Paragraph::new(text.as_str()).block(Block::bordered().title("query")), right);
            })
            .expect("draw");
        if let Event::Key(k) = event::read().expect("key") {
            match k.code {
                KeyCode::Down => state.select_next(),
                KeyCode::Up => state.select_previous(),
                KeyCode::Char(c) => text.push(c),
                KeyCode::Esc => break,
                _ => {}
            }
        }
    }
    ratatui::restore();
}

fn row(what: &str, floor: String, ours: String, ratio: Option<f64>, budget: &str) {
    let ratio = ratio.map_or(String::new(), |r| format!("{r:.2}"));
    println!("| {what} | {floor} | {ours} | {ratio} | {budget} |");
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v.get(v.len() / 2).copied().unwrap_or(f64::NAN)
}

fn percentile(mut v: Vec<f64>, p: f64) -> f64 {
    v.sort_by(f64::total_cmp);
    v.get(((v.len() as f64 - 1.0) * p).round() as usize).copied().unwrap_or(f64::NAN)
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1000.0
}

fn open_floor(home: &Path) -> Console {
    let mut c = CommandBuilder::new(std::env::current_exe().expect("this program"));
    c.arg("--floor");
    Console::spawn(c, home, home, COLUMNS, ROWS, &[])
}

fn open_ours(home: &Path, target: &str) -> Console {
    Console::start(home, home, &["open", target], COLUMNS, ROWS)
}

/// Waits until nothing has come for `gap`.
fn quiet(c: &Console, gap: Duration) {
    loop {
        let last = c.arrivals().last().map(|a| a.0);
        if last.is_some_and(|t| t.elapsed() >= gap) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends each key by itself; gives back bytes and milliseconds to the last byte of the answer, for each key.
fn keys(c: &mut Console, keys: &[&str]) -> (Vec<f64>, Vec<f64>) {
    let (mut bytes, mut times) = (Vec::new(), Vec::new());
    for key in keys {
        quiet(c, Duration::from_millis(60));
        let before = c.bytes().len();
        let sent = Instant::now();
        c.send(key);
        // A key that changes nothing on the screen is a fault of the script, not a fast answer.
        let deadline = sent + Duration::from_secs(2);
        while c.bytes().len() == before && Instant::now() < deadline {
            std::thread::sleep(Duration::from_micros(50));
        }
        quiet(c, Duration::from_millis(60));
        let arrivals = c.arrivals();
        let Some((at, all)) = arrivals.last().filter(|(_, all)| *all > before) else {
            panic!("the key {key} changed nothing:\n{}", c.screen())
        };
        bytes.push((all - before) as f64);
        times.push(ms(at.duration_since(sent)));
    }
    (bytes, times)
}

fn start(home: &Path, demo: &str) {
    let first = |c: &Console| {
        let begin = Instant::now();
        loop {
            if !c.screen().trim().is_empty() {
                break;
            }
            assert!(begin.elapsed() < support::PATIENCE, "no first frame");
            std::thread::sleep(Duration::from_micros(100));
        }
        ms(c.arrivals().first().expect("bytes").0.duration_since(c.started)).max(ms(c.started.elapsed()) - 0.1)
    };
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        floors.push(first(&open_floor(home)));
        ours.push(first(&open_ours(home, demo)));
    }
    let (f, o) = (median(floors), median(ours));
    row("start to first frame, ms", format!("{f:.1}"), format!("{o:.1}"), Some(o / f), "≤ 2 × floor");
}

fn list(home: &Path, demo: &str) {
    let moves: Vec<&str> = ["<Down>", "<Down>", "<Up>"].repeat(12);
    let mut f = open_floor(home);
    f.wait_for("customer 00000");
    let (floor_bytes, floor_ms) = keys(&mut f, &moves);
    let mut o = open_ours(home, demo);
    to_schema(&mut o);
    let (bytes, times) = keys(&mut o, &moves);
    compare_keys("cursor move in a list", &floor_bytes, &floor_ms, &bytes, &times, "≤ 150 B, p95 ≤ 2 × floor");
}

fn typing(home: &Path, demo: &str) {
    let text = "select id from customer c";
    let letters: Vec<&str> = text.split("").filter(|s| !s.is_empty()).collect();
    let mut f = open_floor(home);
    f.wait_for("customer 00000");
    let (floor_bytes, floor_ms) = keys(&mut f, &letters);
    let mut o = open_ours(home, demo);
    to_editor(&mut o);
    let (bytes, times) = keys(&mut o, &letters);
    compare_keys("typing in the editor", &floor_bytes, &floor_ms, &bytes, &times, "≤ 100 B on average");
}

fn compare_keys(what: &str, floor_bytes: &[f64], floor_ms: &[f64], bytes: &[f64], times: &[f64], budget: &str) {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (fb, ob) = (mean(floor_bytes), mean(bytes));
    row(&format!("{what}, bytes"), format!("{fb:.0}"), format!("{ob:.0}"), Some(ob / fb), budget);
    let (f95, o95) = (percentile(floor_ms.to_vec(), 0.95), percentile(times.to_vec(), 0.95));
    row(&format!("{what}, p95 ms"), format!("{f95:.2}"), format!("{o95:.2}"), Some(o95 / f95), budget);
}

/// CPU seconds of a process by its threads' run time, exact to the nanosecond.
fn cpu(pid: u32) -> f64 {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return 0.0 };
    tasks
        .filter_map(|t| std::fs::read_to_string(t.ok()?.path().join("schedstat")).ok()?.split_whitespace().next()?.parse::<f64>().ok())
        .sum::<f64>()
        / 1e9
}

fn idle(home: &Path, demo: &str) {
    let mut o = open_ours(home, demo);
    to_schema(&mut o);
    quiet(&o, Duration::from_secs(2));
    let (bytes, used) = (o.bytes().len(), cpu(o.pid()));
    std::thread::sleep(Duration::from_secs(10));
    let percent = (cpu(o.pid()) - used) * 10.0;
    row("idle for 10 s, bytes", "0".into(), (o.bytes().len() - bytes).to_string(), None, "0 B");
    row("idle for 10 s, CPU %", "0".into(), format!("{percent:.3}"), None, "< 0.05 %");
}

/// A database with the big table, and how its native client reads all of it.
struct Side {
    name: &'static str,
    target: String,
    native: &'static str,
    command: Vec<String>,
    stdin: Option<&'static str>,
    budget: &'static str,
}

impl Side {
    fn sqlite(file: &str) -> Side {
        Side {
            name: "SQLite",
            target: file.into(),
            native: "sqlite3",
            command: vec!["sqlite3".into(), file.into(), "select * from big".into()],
            stdin: None,
            budget: "≤ 1.5 × sqlite3",
        }
    }
    fn postgres(pg: &PgServer) -> Side {
        pg.create_database("bench");
        pg.psql(
            "bench",
            &format!(
                "create table big as select i as id, ((i::bigint * 7919) % 1000003)::int as k, i % 97 as grp, 'name ' || lpad(i::text, 8, '0') as name, \
                 'city ' || (i % 5000) as city, (((i::bigint * 31) % 1000000) / 100.0)::numeric(12, 2) as amount, (i % 1000) / 7.0::float8 as ratio, i % 2 as flag, \
                 timestamp '2020-01-01 03:00:00' + i * interval '1 minute' as ts, 'note for row ' || i || ' ' || repeat('x', i % 60) as note \
                 from generate_series(1, {BIG}) i"
            ),
        );
        pg.psql("bench", "analyze");
        let psql = ["-X", "-h", "127.0.0.1", "-U", "postgres", "-At", "-v", "FETCH_COUNT=1000", "-d", "bench", "-p"];
        let mut command: Vec<String> = std::iter::once(pg.bin.join("psql").display().to_string()).chain(psql.map(String::from)).collect();
        command.push(pg.port.to_string());
        Side {
            name: "PostgreSQL",
            target: format!("{}?sslmode=disable", pg.url("bench")),
            native: "psql FETCH_COUNT",
            command,
            stdin: Some("select * from big;\n"),
            budget: "≤ 1.0 × psql FETCH_COUNT",
        }
    }
    fn mariadb(maria: &MariaServer) -> Side {
        maria.create_database("bench");
        maria.sql(
            "bench",
            &format!(
                "create table big (id int primary key, k int not null, grp int not null, name varchar(40) not null, city varchar(40) not null, \
                 amount decimal(12,2) not null, ratio double not null, flag int not null, ts timestamp null, note varchar(120)); \
                 insert into big select seq, (seq * 7919) % 1000003, seq % 97, concat('name ', lpad(seq, 8, '0')), concat('city ', seq % 5000), \
                 ((seq * 31) % 1000000) / 100, (seq % 1000) / 7e0, seq % 2, timestamp'2020-01-01 03:00:00' + interval seq minute, \
                 concat('note for row ', seq, ' ', repeat('x', seq % 60)) from seq_1_to_{BIG}"
            ),
        );
        let socket = maria.socket.display().to_string();
        Side {
            name: "MariaDB",
            target: format!("mysql://root@localhost/bench?socket={socket}"),
            native: "mariadb --quick",
            command: ["mariadb", "--no-defaults", "-u", "root", "--socket", &socket, "--quick", "-B", "-e", "select * from big", "bench"]
                .map(String::from)
                .to_vec(),
            stdin: None,
            budget: "≤ 1.3 × mariadb --quick",
        }
    }
    fn native_ms(&self) -> f64 {
        let began = Instant::now();
        let mut c = Command::new(&self.command[0]);
        c.args(&self.command[1..]).stdout(Stdio::null()).stderr(Stdio::null());
        c.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = c.spawn().unwrap_or_else(|e| panic!("{}: {e}", self.native));
        if let (Some(text), Some(mut pipe)) = (self.stdin, child.stdin.take()) {
            std::io::Write::write_all(&mut pipe, text.as_bytes()).expect("standard input");
        }
        assert!(child.wait().expect("wait").success(), "{} failed", self.native);
        ms(began.elapsed())
    }
}

/// One kilobyte-valued line of `/proc/<pid>/status`.
fn memory_mb(pid: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = status.lines().find(|l| l.starts_with(field)).expect("field");
    line.split_whitespace().nth(1).expect("value").parse::<f64>().expect("number") / 1024.0
}

fn big(home: &Path, side: &Side) {
    let (mut native, mut last, mut first, mut peak) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut moves = None;
    // The first reading warms the server's and the system's caches for both.
    side.native_ms();
    for _ in 0..3 {
        native.push(side.native_ms());
        let mut o = open_ours(home, &side.target);
        to_editor(&mut o);
        o.send("select * from big");
        quiet(&o, Duration::from_millis(100));
        let began = Instant::now();
        o.send("<F5>");
        o.wait_for("name 00000001");
        first.push(ms(began.elapsed()));
        wait_all_rows(&o);
        last.push(ms(began.elapsed()));
        peak.push(memory_mb(o.pid(), "VmHWM"));
        if moves.is_none() {
            to_results(&mut o);
            o.send("<PgDn>");
            quiet(&o, Duration::from_millis(200));
            let (bytes, times) = keys(&mut o, &["<Down>", "<Down>", "<Up>"].repeat(12));
            // To the end and back: every row can be reached.
            o.send("G");
            o.wait_for(&format!("name {BIG:08}"));
            let (_, jumps) = keys(&mut o, &["g", "G"].repeat(5));
            moves = Some((bytes, times, jumps));
        }
    }
    let (n, l) = (median(native), median(last));
    row(
        &format!("{}: `select *` of 1 M × 10 to the last row, ms", side.name),
        format!("{n:.0} ({})", side.native),
        format!("{l:.0}"),
        Some(l / n),
        side.budget,
    );
    row(&format!("{}: … first row on the screen, ms", side.name), String::new(), format!("{:.0}", median(first)), None, "≤ 50 ms");
    row(&format!("{}: … peak memory, MB", side.name), String::new(), format!("{:.0}", median(peak)), None, "≤ 60 MB");
    if let Some((bytes, times, jumps)) = moves {
        let mean = bytes.iter().sum::<f64>() / bytes.len() as f64;
        row(
            &format!("{}: cursor move in the grid with 1 M rows, bytes", side.name),
            "98".into(),
            format!("{mean:.0}"),
            Some(mean / 98.0),
            "≤ 300 B",
        );
        let all: Vec<f64> = times.into_iter().chain(jumps).collect();
        row(
            &format!("{}: … key to flushed frame, p99 ms", side.name),
            String::new(),
            format!("{:.1}", percentile(all, 0.99)),
            None,
            "< 16 ms",
        );
    }
}

/// A SQLite file with some tables and the big one.
fn sqlite_data(dir: &Path) -> String {
    let file = dir.join("bench.db");
    let db = rusqlite::Connection::open(&file).expect("database");
    let mut sql = String::from("begin;");
    for i in 0..200 {
        sql.push_str(&format!("create table customer_{i:03} (id integer primary key, name text);"));
    }
    sql.push_str(&format!(
        "create table big (id integer primary key, k int, grp int, name text, city text, amount real, ratio real, flag int, ts text, note text);
         with recursive n (i) as (select 1 union all select i + 1 from n where i < {BIG})
         insert into big select i, (i * 7919) % 1000003, i % 97, printf('name %08d', i), 'city ' || (i % 5000), ((i * 31) % 1000000) / 100.0,
           (i % 1000) / 7.0, i % 2, datetime('2020-01-01 03:00:00', '+' || i || ' minutes'), 'note for row ' || i || ' ' || substr('{}', 1, i % 60) from n;
         commit;",
        "x".repeat(60)
    ));
    db.execute_batch(&sql).expect("data");
    file.display().to_string()
}

// The console's own words, in one place.

fn to_schema(o: &mut Console) {
    o.wait_for("customer_000");
    o.send("<Esc>");
    quiet(o, Duration::from_millis(300));
}

fn to_editor(o: &mut Console) {
    o.wait_for("no tx");
    quiet(o, Duration::from_millis(300));
}

fn to_results(o: &mut Console) {
    quiet(o, Duration::from_millis(100));
    o.send("<Esc>");
}

fn wait_all_rows(o: &Console) {
    o.wait_for("1,000,000 rows");
}
