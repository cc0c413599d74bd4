//! The screen beside the floor, a minimal ratatui program: first frame, cursor moves, typing, and doing nothing.

use super::measure::{self, COLUMNS, ROWS, both, cpu, mean, median, ms, open, percentile, quiet, switches, when};
use super::report::{Budget, Report};
use super::support::pty::Console;
use portable_pty::CommandBuilder;
use std::path::Path;
use std::time::Duration;

/// Starts of each program, in turns.
const STARTS: usize = 15;
const IDLE: Duration = Duration::from_secs(10);

/// The floor: a list of 2,000 names that moves, and a line that echoes what is typed.
pub fn floor_program() {
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

pub fn open_floor(home: &Path) -> Console {
    let mut c = CommandBuilder::new(std::env::current_exe().expect("this program"));
    c.arg("--floor");
    Console::spawn(c, home, home, COLUMNS, ROWS, &[])
}

/// Down, down, up, …: ends further down than it began, as reading a list does.
pub fn moves(times: usize) -> Vec<&'static str> {
    ["<Down>", "<Down>", "<Up>"].repeat(times)
}

pub fn measure(report: &mut Report, home: &Path, file: &str) {
    first_frame(report, home, file);
    list(report, home, file);
    typing(report, home, file);
    idle(report, home, file);
}

/// Milliseconds from starting the process to its first frame that is not blank.
fn first(c: &Console) -> f64 {
    ms(when(c, "there is a first frame", |s| !s.trim().is_empty()).duration_since(c.started))
}

fn first_frame(report: &mut Report, home: &Path, file: &str) {
    // Once before it counts: programs come from the disk, and the store is made.
    first(&open_floor(home));
    first(&open(home, file));
    let (mut floor, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        floor.push(first(&open_floor(home)));
        ours.push(first(&open(home, file)));
    }
    report.row("start to first frame", "ms", Some(median(floor)), median(ours), Budget::Times(2.0, ""));
}

/// The schema tree has the focus.
pub fn to_schema(o: &mut Console) {
    o.send("<Esc>1");
    quiet(o, Duration::from_millis(300));
}

/// The editor is empty and takes keys.
pub fn to_editor(o: &mut Console) {
    o.wait_for("no tx");
    quiet(o, Duration::from_millis(200));
    o.send("<Esc>2<C-a><BS>");
    o.wait_until("the editor is empty", |s| !s.contains("▎"));
    quiet(o, Duration::from_millis(200));
}

fn list(report: &mut Report, home: &Path, file: &str) {
    let mut f = open_floor(home);
    f.wait_for("customer 00000");
    let mut o = open(home, file);
    o.wait_for("customer_000");
    to_schema(&mut o);
    let (floor, ours) = both(&mut f, &mut o, &moves(40));
    report.row("cursor move in a list", "bytes", Some(mean(&floor.bytes)), mean(&ours.bytes), Budget::Most(150.0));
    key_times(report, "cursor move in a list", &floor, &ours);
}

fn key_times(report: &mut Report, what: &str, floor: &measure::Cost, ours: &measure::Cost) {
    for (name, p, budget) in [("median", 0.5, Budget::None), ("p95", 0.95, Budget::Times(2.0, ""))] {
        report.row(&format!("{what}, key to frame, {name}"), "ms", Some(percentile(&floor.times, p)), percentile(&ours.times, p), budget);
    }
}

fn typing(report: &mut Report, home: &Path, file: &str) {
    let text = "select id, name from customer_007 c where c.name = 'x' order by id desc";
    let letters: Vec<&str> = text.split("").filter(|s| !s.is_empty()).collect();
    let mut f = open_floor(home);
    f.wait_for("customer 00000");
    let mut o = open(home, file);
    o.wait_for("customer_000");
    to_editor(&mut o);
    let (floor, ours) = both(&mut f, &mut o, &letters);
    report.row("typing in the editor", "bytes", Some(mean(&floor.bytes)), mean(&ours.bytes), Budget::Most(100.0));
    key_times(report, "typing in the editor", &floor, &ours);
}

fn idle(report: &mut Report, home: &Path, file: &str) {
    let mut o = open(home, file);
    o.wait_for("customer_000");
    to_schema(&mut o);
    quiet(&o, Duration::from_secs(2));
    // Threads of the start end within some seconds after it: they are no idling.
    settle(&o);
    let before = (o.last_arrival().map_or(0, |a| a.1), cpu(o.pid()), switches(o.pid()));
    std::thread::sleep(IDLE);
    let after = (o.last_arrival().map_or(0, |a| a.1), cpu(o.pid()), switches(o.pid()));
    report.row("idle for 10 s", "bytes", None, (after.0 - before.0) as f64, Budget::Most(0.0));
    report.row("idle for 10 s", "wake-ups", None, after.2 - before.2, Budget::Most(0.0));
    report.row("idle for 10 s", "% of a processor", None, (after.1 - before.1) / IDLE.as_secs_f64() * 100.0, Budget::Most(0.05));
}

/// Waits until the number of threads has not changed for some seconds.
fn settle(o: &Console) {
    let count = || std::fs::read_dir(format!("/proc/{}/task", o.pid())).expect("the process runs").count();
    let (mut threads, mut same) = (count(), 0);
    for _ in 0..30 {
        std::thread::sleep(Duration::from_millis(500));
        let now = count();
        same = if now == threads { same + 1 } else { 0 };
        threads = now;
        // The runtime keeps a blocking thread for 10 s.
        if same >= 24 {
            return;
        }
    }
}
