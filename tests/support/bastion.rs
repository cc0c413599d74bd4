//! A host that databases are reached through: a private sshd, and an ssh that knows the way to it.

use super::server::{self, Guarded, Unprivileged};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Bastion {
    guard: Guarded,
    /// The client's side: its key and configuration, which are the tester's own.
    client: tempfile::TempDir,
    port: u16,
}

impl Bastion {
    pub fn start() -> Bastion {
        let program =
            server::find("sshd", &["/usr/sbin".into()]).unwrap_or_else(|| panic!("no `sshd` on this machine: {}", server::INSTALL));
        // Not as root: it lets in its own user alone, and needs nothing of the machine's.
        let user = Unprivileged::first_of(&["postgres", "nobody"]);
        let dir = server::directory("hp-ssh-", user);
        let client = tempfile::tempdir().expect("directory");
        key(Command::new("ssh-keygen"), &client.path().join("key"));
        key(user.command(Path::new("ssh-keygen")), &dir.join("host"));
        std::fs::copy(client.path().join("key.pub"), dir.join("authorized")).expect("the key that is let in");
        let port = server::free_port();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {d}/host\nAuthorizedKeysFile {d}/authorized\nPidFile none\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\n",
            d = dir.display()
        );
        std::fs::write(dir.join("sshd_config"), config).expect("configuration");
        let args = ["-D", "-e", "-f"].map(String::from).into_iter().chain([dir.join("sshd_config").display().to_string()]);
        let guard = Guarded::start(user, dir, "TERM", &program, &args.collect::<Vec<_>>());
        let mut id = user.command(Path::new("id"));
        id.arg("-un");
        let login = server::run(id, "id");
        let bastion = Bastion { guard, client, port };
        bastion.settle(login.trim());
        super::wait_until("sshd listens", || bastion.guard.log().contains("Server listening"));
        bastion
    }

    /// The configuration of the client, and the ssh that reads it and writes down its number.
    fn settle(&self, login: &str) {
        let d = self.client.path();
        let host = std::fs::read_to_string(self.guard.dir.join("host.pub")).expect("host key");
        std::fs::write(d.join("known"), format!("[127.0.0.1]:{} {host}", self.port)).expect("known hosts");
        let config = format!(
            "Host bastion\nHostName 127.0.0.1\nPort {}\nUser {login}\nIdentityFile {d}/key\nIdentitiesOnly yes\nUserKnownHostsFile {d}/known\n",
            self.port,
            d = d.display()
        );
        std::fs::write(d.join("config"), config).expect("configuration");
        let script = format!("#!/bin/sh\necho $$ >>'{d}/started'\nexec ssh -F '{d}/config' \"$@\"\n", d = d.display());
        std::fs::write(self.ssh(), script).expect("ssh");
        std::fs::set_permissions(self.ssh(), std::fs::Permissions::from_mode(0o755)).expect("mode");
    }

    /// For `HOLDPOINT_SSH`; the host is `bastion`.
    pub fn ssh(&self) -> PathBuf {
        self.client.path().join("ssh")
    }

    /// The forwards that run: process numbers.
    pub fn forwards(&self) -> Vec<String> {
        let started = std::fs::read_to_string(self.client.path().join("started")).unwrap_or_default();
        // One that ended may be left as a zombie, where nobody collects them.
        let runs = |pid: &&str| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| !s.contains(") Z "));
        started.lines().filter(runs).map(String::from).collect()
    }

    /// How many were started so far.
    pub fn started(&self) -> usize {
        std::fs::read_to_string(self.client.path().join("started")).unwrap_or_default().lines().count()
    }

    /// The way breaks: all forwards are gone at once.
    pub fn breaks(&self) {
        for pid in self.forwards() {
            let pid = rustix::process::Pid::from_raw(pid.parse().expect("a number")).expect("a number");
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Bastion {
    /// A program that a failing test kills leaves its forwards behind.
    fn drop(&mut self) {
        self.breaks();
    }
}

fn key(mut c: Command, file: &Path) {
    c.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file);
    server::run(c, "ssh-keygen");
}
