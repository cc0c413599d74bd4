//! The program in a pseudo-terminal, its screen read through a terminal emulator.

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// When bytes came, each with how many there were in all, and the bell for those who wait.
type Arrivals = (Mutex<Vec<(Instant, usize)>>, Condvar);

/// A running console.
pub struct Console {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    master: Box<dyn portable_pty::MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    parser: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    /// When bytes came, each with how many there were in all; told to whoever waits once the screen has them.
    arrivals: Arc<Arrivals>,
    pub started: Instant,
    /// How long a condition may take.
    pub patience: Duration,
}

impl Console {
    /// Starts the program with `args` in `dir` on a screen of `columns` × `rows`; `home` holds its configuration and state.
    pub fn start(home: &Path, dir: &Path, args: &[&str], columns: u16, rows: u16) -> Console {
        Self::start_with(home, dir, args, columns, rows, &[])
    }

    pub fn start_with(home: &Path, dir: &Path, args: &[&str], columns: u16, rows: u16, env: &[(&str, &str)]) -> Console {
        let mut c = CommandBuilder::new(super::holdpoint());
        c.args(args);
        Self::spawn(c, home, dir, columns, rows, env)
    }

    /// Any program, in the same surroundings.
    pub fn spawn(mut c: CommandBuilder, home: &Path, dir: &Path, columns: u16, rows: u16, env: &[(&str, &str)]) -> Console {
        let pair = native_pty_system().openpty(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).expect("pty");
        c.cwd(dir);
        c.env_clear();
        c.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        c.env("HOME", home);
        c.env("XDG_CONFIG_HOME", home.join("config"));
        c.env("XDG_STATE_HOME", home.join("state"));
        c.env("HOLDPOINT_OPERATOR", "tester");
        c.env("TERM", "xterm-256color");
        c.env("LANG", "C.UTF-8");
        for (k, v) in env {
            c.env(k, v);
        }
        let started = Instant::now();
        let child = pair.slave.spawn_command(c).expect("start the program");
        drop(pair.slave);
        let parser = Arc::new(Mutex::new(vt100::Parser::new(size(rows), size(columns), 0)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().expect("reader");
        let arrivals = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let (p, r, a) = (parser.clone(), raw.clone(), arrivals.clone());
        std::thread::spawn(move || {
            let mut buf = [0u8; 8192];
            while let Ok(n) = reader.read(&mut buf) {
                if n == 0 {
                    break;
                }
                let at = Instant::now();
                let total = {
                    let mut raw = r.lock().expect("raw");
                    raw.extend_from_slice(&buf[..n]);
                    raw.len()
                };
                p.lock().expect("parser").process(&buf[..n]);
                a.0.lock().expect("arrivals").push((at, total));
                a.1.notify_all();
            }
        });
        let writer = pair.master.take_writer().expect("writer");
        Console { child, master: pair.master, writer, parser, raw, arrivals, started, patience: super::PATIENCE }
    }

    /// The screen as text, one line per row.
    pub fn screen(&self) -> String {
        self.parser.lock().expect("parser").screen().contents()
    }

    /// The screen as an SVG picture.
    pub fn picture(&self) -> String {
        super::svg::render(self.parser.lock().expect("parser").screen())
    }

    /// Every byte that the program wrote to the terminal so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.raw.lock().expect("raw").clone()
    }

    /// When the first bytes came.
    pub fn first_arrival(&self) -> Option<Instant> {
        self.arrivals.0.lock().expect("arrivals").first().map(|a| a.0)
    }

    /// When bytes came last, and how many there were in all.
    pub fn last_arrival(&self) -> Option<(Instant, usize)> {
        self.arrivals.0.lock().expect("arrivals").last().copied()
    }

    /// Sleeps until there are more than `beyond` bytes, or the time is over: costs nothing while nothing comes.
    pub fn wait_for_bytes(&self, beyond: usize, limit: Duration) {
        let (lock, told) = &*self.arrivals;
        let guard = lock.lock().expect("arrivals");
        let few = |a: &mut Vec<(Instant, usize)>| a.last().is_none_or(|a| a.1 <= beyond);
        drop(told.wait_timeout_while(guard, limit, few).expect("arrivals"));
    }

    /// True while the alternate screen is on.
    pub fn alternate(&self) -> bool {
        self.parser.lock().expect("parser").screen().alternate_screen()
    }

    /// Waits until the screen shows `text`.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(&format!("the screen shows {text:?}"), |s| s.contains(text));
    }

    /// The terminal is as a shell wants it: no alternate screen, the cursor shown, no paste brackets.
    pub fn restored(&self) -> bool {
        let parser = self.parser.lock().expect("parser");
        let s = parser.screen();
        !s.alternate_screen() && !s.hide_cursor() && !s.bracketed_paste()
    }

    pub fn wait_until(&self, what: &str, condition: impl Fn(&str) -> bool) {
        let start = Instant::now();
        loop {
            let s = self.screen();
            if condition(&s) {
                return;
            }
            assert!(start.elapsed() < self.patience, "gave up waiting until {what}; the screen is:\n{s}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// Sends keys as a terminal would: text as it is, and names in angle brackets: `<Enter> <Esc> <Tab> <Up> <Down>
    /// <Left> <Right> <F1>…<F8> <C-c> <BS> <PgDn> <PgUp> <Home> <End>`.
    pub fn send(&mut self, keys: &str) {
        let mut rest = keys;
        let mut out: Vec<u8> = Vec::new();
        while let Some(c) = rest.chars().next() {
            if c == '<'
                && let Some(end) = rest.find('>')
                && let Some(bytes) = named(&rest[1..end])
            {
                out.extend_from_slice(&bytes);
                let escape = matches!(&rest[1..end], "Esc" | "ESC");
                rest = &rest[end + 1..];
                // An escape byte followed at once by another key is that key with Alt: it is written by itself. How soon the program reads it
                // is the machine's pace, so [`named`] gives Esc other bytes, and `<ESC>` the one byte.
                if escape {
                    self.write(&out);
                    out.clear();
                    std::thread::sleep(std::time::Duration::from_millis(60));
                }
                continue;
            }
            let mut buf = [0; 4];
            out.extend_from_slice(c.encode_utf8(&mut buf).as_bytes());
            rest = &rest[c.len_utf8()..];
        }
        self.write(&out);
    }

    fn write(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).expect("write to the terminal");
        self.writer.flush().expect("flush");
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        self.parser.lock().expect("parser").screen_mut().set_size(size(rows), size(columns));
        self.master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).expect("resize");
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("pid")
    }

    /// Waits for the program's end and gives back its exit code.
    pub fn wait_exit(&mut self) -> u32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                return status.exit_code();
            }
            assert!(start.elapsed() < super::PATIENCE, "the program did not end; the screen is:\n{}", self.screen());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.kill();
    }
}

fn size(n: u16) -> std::num::NonZero<u16> {
    std::num::NonZero::new(n).expect("a screen has rows and columns")
}

fn named(name: &str) -> Option<Vec<u8>> {
    Some(match name {
        "Enter" => b"\r".to_vec(),
        // As terminals with the keyboard protocol of kitty write it, and CapsLock behind it, which means nothing: Esc waits for nothing then.
        "Esc" => b"\x1b[27u\x1b[57358u".to_vec(),
        "ESC" => b"\x1b".to_vec(),
        "Tab" => b"\t".to_vec(),
        "S-Tab" => b"\x1b[Z".to_vec(),
        "BS" => b"\x7f".to_vec(),
        "Up" => b"\x1b[A".to_vec(),
        "Down" => b"\x1b[B".to_vec(),
        "Right" => b"\x1b[C".to_vec(),
        "Left" => b"\x1b[D".to_vec(),
        "Home" => b"\x1b[H".to_vec(),
        "End" => b"\x1b[F".to_vec(),
        "PgUp" => b"\x1b[5~".to_vec(),
        "PgDn" => b"\x1b[6~".to_vec(),
        "F1" => b"\x1bOP".to_vec(),
        "F2" => b"\x1bOQ".to_vec(),
        "F3" => b"\x1bOR".to_vec(),
        "F4" => b"\x1bOS".to_vec(),
        "F5" => b"\x1b[15~".to_vec(),
        "F6" => b"\x1b[17~".to_vec(),
        "F7" => b"\x1b[18~".to_vec(),
        "F8" => b"\x1b[19~".to_vec(),
        _ => match name.strip_prefix("C-")?.as_bytes() {
            [c] if c.is_ascii_lowercase() => vec![c - b'a' + 1],
            _ => return None,
        },
    })
}
