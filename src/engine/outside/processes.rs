//! Which processes of this machine are a target's server. Another server's is never taken for it: what is seen of that would mislead.

use super::{Known, Server};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A process of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Process {
    pub pid: u32,
    /// Who started it.
    pub parent: u32,
    /// One letter, as `ps` has it: `T` is stopped, `D` waits for a disk.
    pub state: char,
    pub arguments: Vec<String>,
    pub uid: u32,
}

impl Process {
    /// The value of an argument: `-D DIR`, `-DDIR`, `--datadir=DIR`, `-c data_directory=DIR`.
    pub fn value(&self, names: &[&str]) -> Option<&str> {
        let mut rest = self.arguments.iter().map(String::as_str).peekable();
        while let Some(a) = rest.next() {
            for name in names {
                if a == *name {
                    return rest.peek().copied();
                }
                if let Some(v) = a.strip_prefix(name).filter(|v| !v.is_empty()) {
                    match v.strip_prefix('=') {
                        Some(v) => return Some(v),
                        None if !name.starts_with("--") => return Some(v),
                        None => {}
                    }
                }
            }
        }
        None
    }

    /// A server's children call themselves otherwise, and carry no arguments: `postgres: checkpointer`.
    pub fn title(&self) -> Option<&str> {
        self.arguments.first()?.split_once(": ").map(|(_, title)| title.trim())
    }

    /// A directory that is named relatively was so from where it was started: since then the server stands in it.
    pub fn data(&self, server: &Server) -> Option<PathBuf> {
        let said = self.value(server.data).map(PathBuf::from).filter(|d| d.is_absolute());
        said.or_else(|| std::fs::read_link(format!("/proc/{}/cwd", self.pid)).ok())
    }

    /// The port that it says it serves: an argument, the file in its data directory, or its configuration.
    fn port(&self, server: &Server) -> Option<u16> {
        let said = self.value(server.ports).and_then(|v| v.parse().ok());
        said.or_else(|| of_pid_file(&self.data(server)?)).or_else(|| {
            let file = self.arguments.iter().find_map(|a| a.strip_prefix("config_file="))?;
            of_configuration(&std::fs::read_to_string(file).ok()?, "port")?.parse().ok()
        })
    }
}

pub(super) fn all(programs: &[&str]) -> Vec<Process> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
        let Ok(comm) = std::fs::read_to_string(format!("/proc/{pid}/comm")) else { continue };
        if programs.contains(&comm.trim()) {
            out.extend(one(pid));
        }
    }
    out.sort_by_key(|p: &Process| p.pid);
    out
}

pub(in crate::engine) fn one(pid: u32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything: what follows its last parenthesis does not.
    let mut fields = stat.rsplit(')').next().unwrap_or("").split_whitespace();
    let state = fields.next().and_then(|s| s.chars().next()).unwrap_or('?');
    let parent = fields.next().and_then(|p| p.parse().ok()).unwrap_or(0);
    let arguments: Vec<String> = std::fs::read(format!("/proc/{pid}/cmdline"))
        .unwrap_or_default()
        .split(|b| *b == 0)
        .filter(|a| !a.is_empty())
        .map(|a| String::from_utf8_lossy(a).into_owned())
        .collect();
    let uid = std::fs::metadata(format!("/proc/{pid}")).map_or(u32::MAX, |m| m.uid());
    Some(Process { pid, parent, state, arguments, uid })
}

/// What the kernel tells of who listens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listening {
    /// Inodes of the sockets that listen on the port, and whose they are.
    pub inodes: BTreeSet<u64>,
    pub users: BTreeSet<u32>,
}

impl Listening {
    pub fn on(port: u16) -> Listening {
        let mut out = Listening::default();
        for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
            out.read(&std::fs::read_to_string(file).unwrap_or_default(), port);
        }
        out
    }

    /// One of the kernel's lists: state 0A listens; user and inode are its eighth and tenth columns (proc_net_tcp.txt).
    fn read(&mut self, list: &str, port: u16) {
        for line in list.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let at = |i: usize| fields.get(i).copied().unwrap_or("");
            let local = at(1).rsplit(':').next().and_then(|p| u16::from_str_radix(p, 16).ok());
            if local == Some(port) && at(3) == "0A" {
                self.users.extend(at(7).parse::<u32>());
                self.inodes.extend(at(9).parse::<u64>());
            }
        }
    }

    pub fn any(&self) -> bool {
        !self.inodes.is_empty() || !self.users.is_empty()
    }

    /// Whether the process holds one of these sockets; `None` where its files may not be looked into.
    fn is_of(&self, pid: u32) -> Option<bool> {
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
        let links: Vec<PathBuf> = files.flatten().filter_map(|f| std::fs::read_link(f.path()).ok()).collect();
        let is = |l: &PathBuf| {
            let name = l.to_string_lossy();
            name.strip_prefix("socket:[")
                .and_then(|n| n.strip_suffix(']'))
                .and_then(|n| n.parse().ok())
                .is_some_and(|n| self.inodes.contains(&n))
        };
        (!links.is_empty()).then(|| links.iter().any(is))
    }
}

/// Those of this server: by what was learnt of it, by the port that they say, else by who listens there. A process of which nothing tells
/// that it is this server's is none of it.
pub(super) fn of_this_server<'a>(server: &Server, all: &'a [Process], port: u16, known: &Known, heard: &Listening) -> Vec<&'a Process> {
    let socket = |p: &&Process| known.socket.as_deref().zip(p.value(server.socket_of)).map(|(a, b)| a == Path::new(b));
    // One that has ended and that nobody has taken notice of serves nobody, and tells nothing of itself.
    let main: Vec<&Process> = all.iter().filter(|p| p.title().is_none() && p.state != 'Z').collect();
    if let Some(pid) = known.pid {
        return main.into_iter().filter(|p| p.pid == pid).collect();
    }
    let same = |a: &Path, b: &Path| a == b || std::fs::canonicalize(a).ok().is_some_and(|a| std::fs::canonicalize(b).is_ok_and(|b| a == b));
    let stands = |p: &&Process| known.data.as_deref().zip(p.data(server)).map(|(known, data)| same(known, &data));
    let mine = |p: &&Process| socket(p) != Some(false) && (socket(p) == Some(true) || stands(p) != Some(false));
    // A target that names no port is told by its socket, or by where its data are: the usual port would be a guess.
    let surely = |p: &&Process| !known.named && (socket(p) == Some(true) || stands(p) == Some(true));
    let (mut sure, mut silent) = (Vec::new(), Vec::new());
    for p in main.into_iter().filter(mine) {
        match p.port(server) {
            _ if surely(&p) => sure.push(p),
            Some(said) if said == port => sure.push(p),
            Some(_) => {}
            None => silent.push(p),
        }
    }
    if !sure.is_empty() {
        return sure;
    }
    // It says nothing of a port: whoever holds the socket does; where that may not be seen, whose socket it is. A server that names no port
    // and is not heard anywhere has the usual one.
    silent.retain(|p| match (heard.any(), heard.is_of(p.pid)) {
        (true, Some(holds)) => holds,
        (true, None) => heard.users.contains(&p.uid),
        (false, _) => port == server.port || known.data.is_some(),
    });
    silent
}

/// The port in PostgreSQL's `postmaster.pid`, its fourth line (`pidfile.h`).
fn of_pid_file(data: &Path) -> Option<u16> {
    std::fs::read_to_string(data.join("postmaster.pid")).ok()?.lines().nth(3)?.trim().parse().ok()
}

/// The last value of a setting in a configuration of `name = value` lines.
pub(in crate::engine) fn of_configuration(text: &str, name: &str) -> Option<String> {
    let value = |line: &str| {
        let (key, value) = line.split('#').next()?.split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches('\'').to_string())
    };
    text.lines().filter_map(value).next_back()
}

#[cfg(test)]
mod tests {
    use super::super::tests::SERVER;
    use super::*;

    fn process(pid: u32, arguments: &[&str]) -> Process {
        Process { pid, parent: 1, state: 'S', arguments: arguments.iter().map(|a| a.to_string()).collect(), uid: 104 }
    }

    #[test]
    fn a_directory_that_was_named_relatively_is_where_the_server_stands() {
        let p = |data: &str| Process { pid: std::process::id(), ..process(0, &["postgres", "-D", data]) };
        assert_eq!(p("p").data(&SERVER), std::env::current_dir().ok());
        assert_eq!(p("/data").data(&SERVER), Some(PathBuf::from("/data")));
    }

    #[test]
    fn arguments_are_read_in_every_spelling() {
        let p = process(1, &["/usr/lib/postgresql/15/bin/postgres", "-D", "/data", "-p5433"]);
        assert_eq!((p.value(&["-D"]), p.value(&["-p", "--port"])), (Some("/data"), Some("5433")));
        let p = process(1, &["mariadbd", "--datadir=/var/lib/mysql", "--port=3307", "--portable"]);
        assert_eq!((p.value(&["--datadir"]), p.value(&["--port"])), (Some("/var/lib/mysql"), Some("3307")));
        assert_eq!(process(1, &["mariadbd", "--portable"]).value(&["--port"]), None);
        assert_eq!(process(1, &["postgres: etl shop [local] idle in transaction"]).title(), Some("etl shop [local] idle in transaction"));
    }

    #[test]
    fn a_listener_is_told_from_a_connection() {
        let list = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   104        0 4711 1\n   \
            1: 0100007F:1539 0100007F:9999 01 00000000:00000000 00:00000000 00000000   104        0 4712 1\n";
        let heard = |port| {
            let mut l = Listening::default();
            l.read(list, port);
            l
        };
        assert_eq!(heard(0x1538), Listening { inodes: [4711].into(), users: [104].into() });
        assert!(!heard(0x1539).any());
    }

    #[test]
    fn another_server_is_never_taken_for_this_one() {
        // None of these processes is there: their files tell nothing.
        let all =
            [process(u32::MAX - 1, &["postgres", "-D", "/srv/a", "-p", "5433"]), process(u32::MAX - 2, &["postgres", "-D", "/srv/b"])];
        let pids = |port: u16, known: &Known, heard: &Listening| -> Vec<u32> {
            of_this_server(&SERVER, &all, port, known, heard).iter().map(|p| u32::MAX - p.pid).collect()
        };
        let (nothing, nobody) = (Known::default(), Listening::default());
        assert_eq!(pids(5433, &nothing, &nobody), [1], "it says its port");
        assert_eq!(pids(5432, &nothing, &nobody), [2], "it says none: the usual one");
        assert_eq!(pids(57_311, &nothing, &nobody), [0u32; 0], "nothing speaks for it");
        let theirs = |user| Listening { inodes: [1].into(), users: [user].into() };
        assert_eq!(pids(57_311, &nothing, &theirs(104)), [2], "the socket is its user's");
        assert_eq!(pids(57_311, &nothing, &theirs(1000)), [0u32; 0]);
        let known = |data: &str| Known { data: Some(data.into()), ..Known::default() };
        assert_eq!(pids(57_311, &known("/srv/b"), &nobody), [2], "its data directory is known");
        assert_eq!(pids(5433, &known("/srv/b"), &nobody), [2], "a server on its port, with other data, is another one");
        assert_eq!(pids(5432, &Known { pid: Some(u32::MAX - 1), ..Known::default() }, &nobody), [1]);
    }

    #[test]
    fn the_last_value_of_a_setting_holds() {
        let text = "port = 5432\t# (change requires restart)\n#port = 1\ndata_directory = '/var/lib/x'\nport=5433\nport_x = 9\n";
        assert_eq!(of_configuration(text, "port").as_deref(), Some("5433"));
        assert_eq!(of_configuration(text, "data_directory").as_deref(), Some("/var/lib/x"));
        assert_eq!(of_configuration(text, "nothing"), None);
    }
}
