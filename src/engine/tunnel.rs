//! `ssh = "bastion"`: a forward through the system's own ssh, so that its configuration, agent and jump hosts apply.
//!
//! ssh runs with BatchMode: whatever it would ask must be settled before (agent, known hosts). A shared connection
//! (ControlMaster) of the user's is used as configured; the forward then lasts as long as the master.

use crate::model::{Error, Result};
use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

/// A running `ssh -N -L`; it ends when this is dropped.
pub struct Tunnel {
    child: Arc<Mutex<Child>>,
    /// Local port on 127.0.0.1 that reaches the database.
    pub port: u16,
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tunnel").field("port", &self.port).finish_non_exhaustive()
    }
}

/// Those that run, also while they log in: what still holds one when the program ends (a task that is not waited for) is not
/// dropped. `None` once it ends.
static OPEN: Mutex<Option<Vec<Weak<Mutex<Child>>>>> = Mutex::new(Some(Vec::new()));

/// Closes all tunnels, and lets none begin any more: the program ends.
pub fn close_all() {
    for child in locked(&OPEN).take().unwrap_or_default().iter().filter_map(Weak::upgrade) {
        let _ = locked(&child).start_kill();
    }
}

/// Starts ssh so that [`close_all`] finds it.
fn spawn(command: &mut Command) -> std::io::Result<Arc<Mutex<Child>>> {
    let mut open = locked(&OPEN);
    let open = open.as_mut().ok_or_else(|| std::io::Error::other("Holdpoint ends"))?;
    let child = Arc::new(Mutex::new(command.spawn()?));
    open.retain(|c| c.strong_count() > 0);
    open.push(Arc::downgrade(&child));
    Ok(child)
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Limit for ssh to log in and listen; through jump hosts far away it takes several seconds.
const LIMIT: Duration = Duration::from_secs(30);
/// How often it is looked whether ssh listens.
const LOOK: Duration = Duration::from_millis(20);
/// Between finding a free port and ssh's taking it another process may come first.
const TRIES: usize = 3;

/// What ssh says when the port is another's by now.
const TAKEN: &str = "Address already in use";

impl Tunnel {
    /// Starts the forward and waits until ssh listens. What ssh says on stderr is in the error.
    /// The program is `HOLDPOINT_SSH`, else `ssh` of the PATH.
    pub async fn open(via: &str, host: &str, port: u16) -> Result<Tunnel> {
        let program = std::env::var_os("HOLDPOINT_SSH").filter(|p| !p.is_empty()).unwrap_or_else(|| OsString::from("ssh"));
        Self::open_with(&program, via, host, port, LIMIT).await
    }

    async fn open_with(program: &OsStr, via: &str, host: &str, port: u16, limit: Duration) -> Result<Tunnel> {
        for (what, word) in [("ssh host", via), ("host", host)] {
            // It would be read as an option of ssh, and some of those run commands.
            if word.is_empty() || word.starts_with('-') || word.contains(|c: char| c.is_whitespace() || c.is_control()) {
                return Err(Error::usage(format!("`{}` cannot be the {what} of a tunnel", crate::text::clean(word))));
            }
        }
        let mut tries = 1;
        loop {
            match Self::attempt(program, via, host, port, limit).await {
                Err(e) if tries < TRIES && [Some(e.message.as_str()), e.detail.as_deref()].iter().flatten().any(|t| t.contains(TAKEN)) => {
                    tries += 1
                }
                done => return done,
            }
        }
    }

    async fn attempt(program: &OsStr, via: &str, host: &str, port: u16, limit: Duration) -> Result<Tunnel> {
        let local = free_port()?;
        let target = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let mut command = Command::new(program);
        command
            .args(["-N", "-o", "ExitOnForwardFailure=yes", "-o", "BatchMode=yes", "-L"])
            .arg(format!("127.0.0.1:{local}:{target}:{port}"))
            .arg("--")
            .arg(via)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C on the command line is for the statement, not for the way to the server.
            .process_group(0)
            .kill_on_drop(true);
        let child = spawn(&mut command).map_err(|e| {
            let shown = program.to_string_lossy();
            Error::connect(format!("{} could not be started for the tunnel via {via}: {e}", crate::text::clean(&shown)))
                .hint("Install an OpenSSH client, or name it with HOLDPOINT_SSH.")
        })?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let reader = locked(&child).stderr.take().map(|s| tokio::spawn(collect(s, said.clone())));
        let ready = tokio::select! {
            status = ended(&child) => Err(Some(status)),
            listens = tokio::time::timeout(limit, listening(local)) => listens.map_err(|_| None),
        };
        match ready {
            Ok(()) => Ok(Tunnel { child, port: local }),
            Err(Some(status)) => {
                if let Some(reader) = reader {
                    let _ = reader.await;
                }
                Err(why(via, status, &said))
            }
            Err(None) => {
                let e = Error::connect(format!("the tunnel via {via} was not ready within {} s", limit.as_secs()));
                Err(with_words(e, &said))
            }
        }
    }
}

impl Tunnel {
    /// ssh has not ended: what holds this may not have noticed yet that the way broke.
    pub fn stands(&self) -> bool {
        matches!(locked(&self.child).try_wait(), Ok(None))
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = locked(&self.child).start_kill();
    }
}

fn free_port() -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|l| l.local_addr())
        .map(|a| a.port())
        .map_err(|e| Error::connect(format!("no free local port for a tunnel: {e}")))
}

/// Keeps the first 16 kB of what ssh says, and reads on, so that it never blocks.
async fn collect(mut stderr: tokio::process::ChildStderr, said: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 1024];
    while let Ok(n) = stderr.read(&mut buffer).await {
        if n == 0 {
            break;
        }
        if let Ok(mut said) = said.lock()
            && said.len() < 16 * 1024
        {
            said.extend_from_slice(&buffer[..n]);
        }
    }
}

fn with_words(e: Error, said: &Mutex<Vec<u8>>) -> Error {
    let words = said.lock().map(|s| String::from_utf8_lossy(&s).into_owned()).unwrap_or_default();
    let words = crate::text::clean_lines(words.trim());
    if words.is_empty() { e } else { e.detail(words) }
}

fn why(via: &str, status: Option<ExitStatus>, said: &Mutex<Vec<u8>>) -> Error {
    let how = match status.and_then(|s| s.code()) {
        Some(code) => format!("ended with exit code {code}"),
        None => "was killed".to_owned(),
    };
    let mut e = with_words(Error::connect(format!("ssh {via} {how} before the tunnel was ready")), said);
    // The last line says why; it goes up into the message, and what stood before it stays below.
    if let Some(words) = e.detail.take() {
        let (before, last) = words.rsplit_once('\n').unwrap_or(("", &words));
        e.message = format!("{}: {last}", e.message);
        e.detail = (!before.is_empty()).then(|| before.to_string());
    }
    e.hint(format!("`ssh {via}` must work without asking anything: load your key into the agent and accept the host's key first."))
}

/// Waits until ssh has ended; it is held by nobody meanwhile, so that it can be killed.
async fn ended(child: &Mutex<Child>) -> Option<ExitStatus> {
    loop {
        match locked(child).try_wait() {
            Ok(None) => {}
            done => return done.ok().flatten(),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until this user's process listens on the port. It never connects: a probe would reach the database through the
/// tunnel, and MariaDB blocks hosts that only connect and go away.
async fn listening(port: u16) {
    while !listens(port) {
        tokio::time::sleep(LOOK).await;
    }
}

fn listens(port: u16) -> bool {
    match std::fs::read_to_string(Path::new("/proc/net/tcp")) {
        Ok(table) => listed(&table, port, rustix::process::geteuid().as_raw()),
        // Elsewhere than on Linux: a port that cannot be taken is taken.
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err(),
    }
}

/// Whether the kernel's table (proc(5), `/proc/net/tcp`) has a listening socket of this user on 127.0.0.1. Somebody else's
/// socket on that port would be sent the password.
fn listed(table: &str, port: u16, uid: u32) -> bool {
    // Addresses are hexadecimal in the machine's byte order; 0A is LISTEN.
    let address = format!("{:08X}:{port:04X}", u32::from_ne_bytes(Ipv4Addr::LOCALHOST.octets()));
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(address.as_str()) && fields.nth(1) == Some("0A") && fields.nth(3).and_then(|u| u.parse().ok()) == Some(uid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    /// A made-up ssh in a directory of its own.
    fn ssh(script: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("ssh");
        std::fs::write(&program, format!("#!/bin/sh\ncd '{}'\n{script}\n", dir.path().display())).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        (dir, program)
    }

    async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
        tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                if let Some(found) = look() {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("it never came")
    }

    async fn open(program: &Path, limit: Duration) -> Result<Tunnel> {
        // A program that was just written may be "busy" while another test's thread forks.
        loop {
            match Tunnel::open_with(program.as_os_str(), "bastion", "db.example", 5432, limit).await {
                Err(e) if e.message.contains("Text file busy") => tokio::task::yield_now().await,
                done => return done,
            }
        }
    }

    #[tokio::test]
    async fn it_is_ready_when_ssh_listens_and_ends_when_dropped() {
        let (dir, program) = ssh("echo \"$$ $*\" > args.new; mv args.new args; exec tail -f /dev/null");
        let args = dir.path().join("args");
        let opening = tokio::spawn(async move { open(&program, Duration::from_secs(20)).await });
        let line = until(|| std::fs::read_to_string(&args).ok()).await;
        assert!(!opening.is_finished(), "nothing listens yet");
        let forward = line.split_whitespace().find(|w| w.starts_with("127.0.0.1:")).unwrap().to_owned();
        let port: u16 = forward.split(':').nth(1).unwrap().parse().unwrap();
        assert_eq!(forward, format!("127.0.0.1:{port}:db.example:5432"));
        assert!(line.contains(" -N -o ExitOnForwardFailure=yes -o BatchMode=yes -L ") && line.trim().ends_with("-- bastion"), "{line}");
        // The made-up ssh cannot listen, so the test does it for it.
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let tunnel = opening.await.unwrap().unwrap();
        assert_eq!(tunnel.port, port);
        let pid = line.split_whitespace().next().unwrap().to_owned();
        let running = || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| !s.contains(") Z "));
        assert!(running());
        drop(tunnel);
        until(|| (!running()).then_some(())).await;
    }

    #[tokio::test]
    async fn what_ssh_says_is_in_the_error() {
        let (_dir, program) = ssh("echo 'Warning: x' >&2; printf 'mira@bastion: Permission denied (publickey).\\033[2J\\n' >&2; exit 255");
        let e = open(&program, Duration::from_secs(20)).await.unwrap_err();
        assert_eq!(e.kind, crate::model::Kind::Connect);
        assert!(
            e.message.starts_with("ssh bastion ended with exit code 255 before the tunnel was ready: mira@bastion: Permission denied"),
            "{e}"
        );
        assert!(!e.message.contains('\x1b'), "{e:?}");
        assert_eq!(e.detail.as_deref(), Some("Warning: x"), "the line of the message is not said twice");
        assert!(e.hints[0].contains("agent"));
    }

    #[tokio::test]
    async fn a_port_that_was_taken_in_between_is_tried_again() {
        let (dir, program) = ssh("echo x >> tries; echo 'bind [127.0.0.1]:1: Address already in use' >&2; exit 255");
        let e = open(&program, Duration::from_secs(20)).await.unwrap_err();
        assert!(e.message.contains("Address already in use"), "{e}");
        assert_eq!(std::fs::read_to_string(dir.path().join("tries")).unwrap().lines().count(), TRIES);
    }

    #[tokio::test]
    async fn it_does_not_wait_for_ever() {
        let (_dir, program) = ssh("echo 'debug: asking nobody' >&2; exec tail -f /dev/null");
        let e = open(&program, Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(e.message, "the tunnel via bastion was not ready within 1 s");
        let e = Tunnel::open_with(OsStr::new("/nowhere/ssh"), "bastion", "db", 1, LIMIT).await.unwrap_err();
        assert!(e.message.starts_with("/nowhere/ssh could not be started"), "{e}");
    }

    #[tokio::test]
    async fn options_cannot_be_smuggled_in() {
        for (via, host) in [("-oProxyCommand=x", "db"), ("", "db"), ("a b", "db"), ("bastion", "-x")] {
            let e = Tunnel::open_with(OsStr::new("/nowhere/ssh"), via, host, 1, LIMIT).await.unwrap_err();
            assert_eq!(e.kind, crate::model::Kind::Usage, "{via} {host}");
        }
    }

    #[test]
    fn only_our_own_listener_counts() {
        let ours = rustix::process::geteuid().as_raw();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        assert!(listed(&table, port, ours));
        assert!(!listed(&table, port, ours + 1), "another user's");
        drop(listener);
        assert!(!listed(&std::fs::read_to_string("/proc/net/tcp").unwrap(), port, ours));
    }
}
