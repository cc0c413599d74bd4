//! Clocks and counters: keys to frames, processor time, wake-ups, memory.

use super::support::PATIENCE;
use super::support::pty::Console;
use std::path::Path;
use std::time::{Duration, Instant};

pub const COLUMNS: u16 = 120;
pub const ROWS: u16 = 40;

pub fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v.get(v.len() / 2).copied().unwrap_or(f64::NAN)
}

pub fn percentile(v: &[f64], p: f64) -> f64 {
    let mut v = v.to_vec();
    v.sort_by(f64::total_cmp);
    let last = v.len() as f64 - 1.0;
    v.get((last * p).round() as usize).copied().unwrap_or(f64::NAN)
}

pub fn mean(v: &[f64]) -> f64 {
    v.iter().sum::<f64>() / v.len() as f64
}

pub fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1000.0
}

/// The console on a target.
pub fn open(home: &Path, target: &str) -> Console {
    Console::start(home, home, &["open", target], COLUMNS, ROWS)
}

/// Waits until nothing has come for `gap`.
pub fn quiet(c: &Console, gap: Duration) {
    let begin = Instant::now();
    loop {
        let (last, seen) = c.last_arrival().unwrap_or((begin, 0));
        let silent = last.elapsed();
        if silent >= gap {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "it does not fall silent:\n{}", c.screen());
        c.wait_for_bytes(seen, gap - silent);
    }
}

/// When the bytes came that made the condition true on the screen.
pub fn when(c: &Console, what: &str, condition: impl Fn(&str) -> bool) -> Instant {
    let begin = Instant::now();
    loop {
        let (at, seen) = c.last_arrival().unwrap_or((begin, 0));
        if condition(&c.screen()) {
            return at;
        }
        assert!(begin.elapsed() < PATIENCE, "gave up waiting until {what}:\n{}", c.screen());
        c.wait_for_bytes(seen, Duration::from_millis(500));
    }
}

/// What keys cost: bytes on the terminal, and milliseconds from each key to the last byte of its answer.
#[derive(Default)]
pub struct Cost {
    pub bytes: Vec<f64>,
    pub times: Vec<f64>,
}

impl Cost {
    /// Sends one key to a console that is silent.
    pub fn key(&mut self, c: &mut Console, key: &str) {
        const GAP: Duration = Duration::from_millis(60);
        quiet(c, GAP);
        let before = c.last_arrival().map_or(0, |a| a.1);
        let sent = Instant::now();
        c.send(key);
        c.wait_for_bytes(before, Duration::from_secs(5));
        quiet(c, GAP);
        // A key that changes nothing on the screen is a fault of the script, not a fast answer.
        match c.last_arrival() {
            Some((at, all)) if all > before => {
                self.bytes.push((all - before) as f64);
                self.times.push(ms(at.duration_since(sent)));
            }
            _ => panic!("the key {key} changed nothing:\n{}", c.screen()),
        }
    }
}

/// The same keys for the floor and for ours, in turns, so that the machine's noise hits both alike.
pub fn both(floor: &mut Console, ours: &mut Console, keys: &[&str]) -> (Cost, Cost) {
    let (mut f, mut o) = (Cost::default(), Cost::default());
    for key in keys {
        f.key(floor, key);
        o.key(ours, key);
    }
    (f, o)
}

/// Processor seconds of a process by its threads' run time, exact to the nanosecond.
pub fn cpu(pid: u32) -> f64 {
    per_thread(pid, |dir| std::fs::read_to_string(dir.join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()) / 1e9
}

/// How often a process went to sleep of its own will: each is a wake-up before it.
pub fn switches(pid: u32) -> f64 {
    per_thread(pid, |dir| {
        let status = std::fs::read_to_string(dir.join("status")).ok()?;
        status.lines().find_map(|l| l.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
    })
}

fn per_thread(pid: u32, read: impl Fn(&Path) -> Option<f64>) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    tasks.filter_map(|t| read(&t.ok()?.path())).sum()
}

/// The most memory that a process ever held, in MB (10⁶ bytes would hide pages: 1,024 × 1,024).
pub fn peak_mb(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = status.lines().find(|l| l.starts_with("VmHWM")).expect("VmHWM");
    line.split_whitespace().nth(1).expect("value").parse::<f64>().expect("number") / 1024.0
}
