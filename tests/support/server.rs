//! Starting a server as a private, unprivileged instance that never outlives the tests.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// What to say when a server's programs are not on this machine.
pub const INSTALL: &str = "run `tests/run`: it installs the servers that the tests need, then runs them";

/// The user that servers run as: `None` when the tests do not run as root (then the servers run as the tester).
#[derive(Debug, Clone, Copy)]
pub struct Unprivileged(Option<(u32, u32)>);

impl Unprivileged {
    /// The first of `names` that exists, when running as root: both servers refuse to run as root.
    pub fn first_of(names: &[&str]) -> Self {
        if !rustix::process::geteuid().is_root() {
            return Unprivileged(None);
        }
        let passwd = std::fs::read_to_string("/etc/passwd").expect("/etc/passwd");
        for name in names {
            for line in passwd.lines() {
                let f: Vec<&str> = line.split(':').collect();
                if f.len() > 3 && f[0] == *name {
                    return Unprivileged(Some((f[2].parse().expect("uid"), f[3].parse().expect("gid"))));
                }
            }
        }
        panic!("none of the users {names:?} exists: {INSTALL}");
    }

    pub fn own(&self, path: &Path) {
        if let Some((u, g)) = self.0 {
            chown(path, Some(u), Some(g)).unwrap_or_else(|e| panic!("chown {}: {e}", path.display()));
        }
    }

    pub fn command(&self, program: &Path) -> Command {
        let mut c = Command::new(program);
        if let Some((u, g)) = self.0 {
            c.uid(u).gid(g);
        }
        c.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        c
    }
}

/// A directory for a server, short enough for socket paths, owned by the user that it runs as.
pub fn directory(prefix: &str, user: Unprivileged) -> PathBuf {
    let dir = tempfile::Builder::new().prefix(prefix).tempdir_in("/tmp").expect("temporary directory").keep();
    user.own(&dir);
    dir
}

/// A free TCP port on loopback for a server that is to be started: none of those that the system gives to connections, of which one may be
/// made before the server has it, and none that another test is given.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() % 600 * 32) as u16;
    loop {
        let port = 10_000 + (first + GIVEN.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A port where connections are refused, and where nobody begins to listen while this is kept.
pub struct ClosedPort {
    _bound: socket2::Socket,
    pub port: u16,
}

impl ClosedPort {
    pub fn new() -> ClosedPort {
        let bound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("socket");
        bound.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("bind");
        let port = bound.local_addr().expect("address").as_socket().expect("IP").port();
        ClosedPort { _bound: bound, port }
    }
}

/// Runs a preparing command to its end.
pub fn run(mut c: Command, what: &str) -> String {
    let out = c.output().unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(
        out.status.success(),
        "{what} failed: {}\n{}{}",
        out.status,
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// A server process under a small shell that waits for its standard input to end: when this test process ends, however
/// it ends, the pipe closes, the server is told to stop and its directory is removed.
pub struct Guarded {
    child: Child,
    pub dir: PathBuf,
}

impl Guarded {
    pub fn start(user: Unprivileged, dir: PathBuf, signal: &str, program: &Path, args: &[String]) -> Guarded {
        let script = r#"sig=$1 dir=$2; shift 2
"$@" >>"$dir/log" 2>&1 </dev/null & pid=$!
read -r _
kill -s "$sig" $pid 2>/dev/null; wait $pid; [ -e "$dir/killed" ] || rm -rf "$dir""#;
        let mut c = user.command(Path::new("/bin/sh"));
        c.args(["-c", script, "guard", signal]).arg(&dir).arg(program).args(args);
        // Its own group: Ctrl-C in the tester's terminal ends the tests, and the guard then ends the server in order.
        c.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).current_dir(&dir);
        let child = c.spawn().unwrap_or_else(|e| panic!("starting {}: {e}", program.display()));
        Guarded { child, dir }
    }

    /// Of a server that was killed: the guard ends, and what the server wrote stays, for another one.
    pub fn leave(&mut self) {
        std::fs::write(self.dir.join("killed"), "").expect("a mark");
        drop(self.child.stdin.take());
        self.child.wait().expect("its guard");
        std::fs::remove_file(self.dir.join("killed")).expect("the mark");
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A program on the PATH or in one of the places where Debian keeps it.
pub fn find(name: &str, places: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    places.iter().cloned().chain(std::env::split_paths(&path)).map(|d| d.join(name)).find(|p| p.is_file())
}

/// A prepared data directory, made once per build and copied for each server: initialising one takes seconds.
pub fn template(name: &str, user: Unprivileged, make: impl FnOnce(&Path)) -> PathBuf {
    let base = std::env::temp_dir().join(format!("holdpoint-test-templates-{}", rustix::process::getuid().as_raw()));
    std::fs::create_dir_all(&base).expect("template directory");
    let ready = base.join(name);
    let lock = std::fs::File::create(base.join(format!("{name}.lock"))).expect("lock file");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("flock");
    if !ready.exists() {
        let half = base.join(format!("{name}.making"));
        let _ = std::fs::remove_dir_all(&half);
        std::fs::create_dir(&half).expect("template directory");
        user.own(&half);
        make(&half);
        std::fs::rename(&half, &ready).expect("template done");
    }
    ready
}

/// Copies a template with its owners and modes.
pub fn copy(from: &Path, to: &Path) {
    let mut c = Command::new("cp");
    c.arg("-a").arg(from).arg(to);
    run(c, "cp");
}
