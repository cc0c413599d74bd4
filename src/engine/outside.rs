//! What can be seen of a server from outside, when it lets nobody in: its processes, who listens, the disk, the end of its log. Only on the
//! machine that it runs on, and only what this user may look at.

mod log;
mod processes;

pub(super) use log::in_directory;
pub(super) use processes::{of_configuration, one as process};

use super::assessing::{check, judge_disks, limit};
use crate::config::Target;
use crate::model::assessment::{Check, Limits, Seen};
use crate::model::{Dialect, Fault, Finding, Severity};
use crate::text;
use processes::{Listening, Process, of_this_server};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How an engine's server shows itself.
pub(super) struct Server {
    /// Names of its program, as `/proc/PID/comm` has them.
    pub programs: &'static [&'static str],
    /// What it is called where none of its processes is there to say.
    pub name: &'static str,
    pub port: u16,
    /// Where its socket is when nobody says otherwise.
    pub sockets: fn(&Target, u16) -> Vec<PathBuf>,
    /// Logs that its package keeps elsewhere, of the server for this port and with these data alone.
    pub packaged: fn(u16, Option<&Path>) -> Vec<PathBuf>,
    /// An argument of the program that names its data directory, and one that names its port: `-D`, `--datadir`.
    pub data: &'static [&'static str],
    pub ports: &'static [&'static str],
    /// One that names its socket's file.
    pub socket_of: &'static [&'static str],
    pub dialect: Dialect,
}

/// What a server told of itself while it answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub data: Option<PathBuf>,
    pub log: Option<PathBuf>,
    /// Its main process, where it answers now.
    pub pid: Option<u32>,
    /// The socket that the target names, and whether it names a port.
    pub socket: Option<PathBuf>,
    pub named: bool,
}

impl Known {
    /// Of places by their names ([`Seen::places`]), of the target that names this port.
    pub fn of(places: &BTreeMap<String, String>, target: &Target) -> Known {
        let of_target = Known { socket: target.socket.clone(), named: target.port.is_some(), ..Known::default() };
        // Told of a server on another port it is told of another server.
        if target.port.is_some_and(|port| places.get("port").is_some_and(|p| *p != port.to_string())) {
            return of_target;
        }
        let path = |name: &str| places.get(name).map(PathBuf::from);
        Known { data: path("data"), log: path("log"), ..of_target }
    }
}

const PROCESS: Check =
    check("process", "process", "/proc", "A server without a process is down; one that is stopped or stuck answers nobody.", &[]);
const LISTENS: Check = check("listens", "listens", "/proc/net/tcp, the socket's file", "What listens nowhere cannot be reached.", &[]);
pub(super) const DISK: Check =
    check("disk", "disk", "statvfs of its data directory", "A full disk stops a server.", &[limit("used", "%", 85.0, 95.0)]);

/// The target is on this machine, as far as its configuration says.
fn local(target: &Target) -> bool {
    let host = target.host.as_deref().unwrap_or("localhost");
    target.ssh.is_none() && (target.socket.is_some() || matches!(host, "localhost" | "127.0.0.1" | "::1") || host.starts_with("127."))
}

/// What is seen, in the order of what explains most; nothing for a server elsewhere.
pub(super) fn look(server: &Server, target: &Target, places: &BTreeMap<String, String>) -> Vec<Seen> {
    if !local(target) || !Path::new("/proc/self/stat").exists() {
        return Vec::new();
    }
    let port = target.port.unwrap_or(server.port);
    let known = Known::of(places, target);
    let all = processes::all(server.programs);
    let heard = Listening::on(port);
    let own = of_this_server(server, &all, port, &known, &heard);
    let mut out = vec![
        judge_processes(server, &own, &all, &place(target, port), heard.any()),
        judge_listening(target, port, heard.any(), &(server.sockets)(target, port)),
    ];
    let data = own.first().and_then(|p| p.data(server)).or_else(|| known.data.clone());
    if let Some(data) = &data {
        let next =
            "Make room beside the database: old dumps and logs. Never delete files of the server, its logs of transactions least of all.";
        let mut places = vec![("data", data.display().to_string())];
        // PostgreSQL's log of transactions often has a disk of its own.
        places.extend(Some(data.join("pg_wal")).filter(|p| p.exists()).map(|p| ("WAL", p.display().to_string())));
        out.extend(judge_disks(&places, &DISK, &Limits::default(), next));
    }
    let log = log::judge(server, port, own.first().copied(), data.as_deref(), &known);
    // Nobody is there, and the log has no word of an end.
    if let (true, Some(process), Some(_)) = (own.is_empty() && !heard.any(), out[0].findings.first_mut(), log.figures.get(super::SILENT)) {
        process.next = "Its log ends without a word: it was killed from outside, or the machine went down. Look for the kernel's \
                        out-of-memory killer (dmesg, journalctl -k) and at uptime; then start it: it recovers from its own log."
            .into();
    }
    out.push(log);
    out
}

/// What the target says of where its server is.
fn place(target: &Target, port: u16) -> String {
    match (&target.socket, target.port) {
        (Some(socket), None) => format!("the socket {}", socket.display()),
        _ => format!("port {port}"),
    }
}

/// `listened`: somebody listens there, so that a process which cannot be told is not one that is gone.
fn judge_processes(server: &Server, own: &[&Process], all: &[Process], place: &str, listened: bool) -> Seen {
    let name = server.name;
    let mut seen = Seen::of(&PROCESS).figure("processes", own.len() as f64);
    let Some(first) = own.first() else {
        let others =
            if all.is_empty() { String::new() } else { format!("; {} of other servers", text::counted(all.len() as u64, "program")) };
        if listened {
            let why = format!("somebody listens on {place}, and which process {name} that is cannot be told{others}");
            return Seen::blind(&PROCESS, why, "looking as the server's own user, or as root");
        }
        seen.says = format!("no process {name} for {place}{others}");
        seen.find(
            Finding::new(Severity::Critical, PROCESS.id, name, format!("no process {name} serves {place} on this machine{others}"))
                .next("The end of its log says why it stopped. Start it once that is known: a start may be what makes it worse."),
        );
        return seen;
    };
    let program = first.arguments.first().and_then(|a| Path::new(a).file_name()?.to_str()).filter(|n| server.programs.contains(n));
    let name = program.unwrap_or(name);
    seen.says = format!("{name} runs as pid {}", first.pid);
    judge_titles(&mut seen, all, first.pid);
    for p in own {
        let (told, next) = match p.state {
            'T' | 't' => ("is stopped (SIGSTOP, or a debugger holds it)", "Find out who stopped it; kill -CONT lets it go on."),
            'D' => {
                ("waits for the kernel: a disk or a network file system does not answer", "Look at the machine's disks and its kernel log.")
            }
            _ => continue,
        };
        seen.says = format!("pid {} {told}", p.pid);
        seen.find(
            Finding::new(Severity::Critical, PROCESS.id, format!("pid {}", p.pid), format!("{name} (pid {}) {told}", p.pid))
                .next(next)
                .fault(Fault::Stopped),
        );
    }
    seen
}

/// Logins at the same moment from which on it is a storm: a pool that opens its sessions makes a few.
const STORM: usize = 20;

/// What the sessions of a server do, as far as their processes say so: who logs in, and who keeps a transaction open. That is all there is to
/// see where a login hangs.
fn judge_titles(seen: &mut Seen, all: &[Process], main: u32) {
    let of = |words: &'static [&str]| -> Vec<(u32, &str)> {
        let mine = all.iter().filter(|p| p.parent == main).filter_map(|p| Some((p.pid, p.title()?)));
        mine.filter(|(_, t)| words.iter().any(|w| t.contains(w))).collect()
    };
    let logins: Vec<_> = of(&["authentication", "startup"]).into_iter().filter(|(_, t)| !t.starts_with("startup recovering")).collect();
    let login = logins.len();
    // PostgreSQL appends that word where a process waits for a lock; a login takes none but the catalogue's.
    let locked = logins.iter().filter(|(_, t)| t.ends_with(" waiting")).count();
    // Who they are, when nobody can ask the server: by user and database, those with most first.
    let mut clients: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (_, title) in all.iter().filter(|p| p.parent == main).filter_map(|p| Some((p.pid, p.title()?))) {
        let words: Vec<&str> = title.split_whitespace().collect();
        if let [user, database, from, state @ ..] = words.as_slice()
            && (*from == "[local]" || from.ends_with(')'))
        {
            let n = clients.entry(format!("{user}/{database}")).or_default();
            n.0 += 1;
            n.1 += u64::from(state == ["idle"]);
        }
    }
    let count: u64 = clients.values().map(|n| n.0).sum();
    if let Some((who, (most, idle))) = clients.iter().max_by_key(|(_, n)| n.0) {
        seen.says.push_str(&format!(", {}, most of them {}: {most}, {idle} idle", text::counted(count, "session"), text::clean(who)));
        seen.figures.insert("sessions".into(), count as f64);
    }
    let open = of(&["idle in transaction", "VACUUM", "LOCK TABLE"]);
    if locked > 0 {
        let waits = if locked == 1 { "1 login waits".to_string() } else { format!("{locked} logins wait") };
        let (holder, next) = match open.first() {
            Some((pid, title)) => (
                format!(", which pid {pid} may hold ({})", text::clean(title)),
                format!(
                    "kill {pid} on the server's machine, as its user, ends that session (its transaction is rolled back) and lets them in; never kill -9."
                ),
            ),
            None => (String::new(), "Its oldest transaction has the lock, most likely: who can still ask sees it in the lock tree.".into()),
        };
        let words = format!("{waits} for a lock of the catalogue{holder}");
        seen.find(Finding::new(Severity::Warning, PROCESS.id, "logins", words).fault(Fault::LoginsWait).next(next));
    } else if login >= STORM {
        let words = format!("{login} clients are logging in at the same moment: a storm of connections");
        seen.find(
            Finding::new(Severity::Warning, PROCESS.id, "logins", words)
                .next("Look for an application that begins anew again and again, or has no pool; let it wait longer between tries."),
        );
    }
    if login > 0 {
        seen.says.push_str(&format!(", {} not finished", text::counted(login as u64, "login")));
        seen.figures.insert("logins".into(), login as f64);
    }
    if let Some((pid, title)) = open.first() {
        let more = if open.len() > 1 { format!(" and {} more", open.len() - 1) } else { String::new() };
        seen.says.push_str(&format!(", pid {pid} ({}){more}", text::clean(title)));
    }
    for (pid, title) in open.iter().take(5) {
        let words = format!("pid {pid} may hold what others wait for: {}", text::clean(title));
        seen.find(
            Finding::new(Severity::Info, PROCESS.id, format!("pid {pid}"), words)
                .next(format!("Where logins hang, kill {pid} ends this session (its transaction is rolled back); never kill -9.")),
        );
    }
}

fn judge_listening(target: &Target, port: u16, tcp: bool, sockets: &[PathBuf]) -> Seen {
    let socket = sockets.iter().find(|s| s.exists());
    let mut seen = Seen::of(&LISTENS);
    let place = |s: &PathBuf| s.display().to_string();
    seen.says = match (tcp, socket) {
        (true, Some(s)) => format!("on port {port}, and the socket {} is there", place(s)),
        (true, None) => format!("on port {port}"),
        (false, Some(s)) => format!("nobody on port {port}; the socket {} is there", place(s)),
        (false, None) => format!("nobody on port {port}, and there is no socket"),
    };
    let reachable = match (target.socket.is_some(), target.host.is_some()) {
        (true, _) => socket.is_some(),
        (false, true) => tcp,
        (false, false) => tcp || socket.is_some(),
    };
    if reachable {
        return seen;
    }
    let next = match (tcp, socket) {
        (true, _) => "It listens on the network: connect to 127.0.0.1 instead of the socket.".to_string(),
        (false, Some(s)) => format!("Connect by the socket: its directory is {}.", s.parent().unwrap_or(s).display()),
        (false, None) => "It is not running, or still starting, or listens elsewhere.".to_string(),
    };
    seen.find(Finding::new(Severity::Warning, LISTENS.id, format!("port {port}"), seen.says.clone()).next(next));
    seen
}

/// The end of the log of a server that answers, as a check of its own.
pub(super) fn log(server: &Server, target: &Target, known: &Known, check: &Check) -> Seen {
    let port = target.port.unwrap_or(server.port);
    let all = processes::all(server.programs);
    let own = of_this_server(server, &all, port, known, &Listening::on(port));
    let data = known.data.clone().or_else(|| own.first().and_then(|p| p.data(server)));
    of_one_that_answers(log::judge(server, port, own.first().copied(), data.as_deref(), known), check)
}

/// The same of a log whose last lines the server itself gives.
pub(super) fn log_told(server: &Server, name: &str, lines: &str, check: &Check) -> Seen {
    of_one_that_answers(log::end_of(server, name, lines, None), check)
}

fn of_one_that_answers(seen: Seen, check: &Check) -> Seen {
    // When a line was written is not known: of a server that answers it is told, and no alarm. What is damaged stays so.
    let recent = seen.figures.get(log::CRASH).is_some_and(|age| *age < log::RECENT);
    let told = |f: Finding| {
        let most = match (log::is_damage(&f.message), recent) {
            (true, true) => Severity::Critical,
            (true, false) => Severity::Warning,
            // What a disk did not write may be lost, and the next write as well.
            (false, true) if f.fault == Some(Fault::Failing) => Severity::Critical,
            (false, true) if log::is_news(&f.message) => Severity::Warning,
            // Of these it is known when they were.
            (false, _) if f.object == log::LOGINS => Severity::Warning,
            (false, _) => Severity::Info,
        };
        let severity = if f.fault == Some(Fault::Failing) { most } else { f.severity.min(most) };
        Finding { check: check.id.into(), severity, ..f }
    };
    let unknown = seen.severity == Severity::Unknown;
    let findings: Vec<Finding> =
        seen.findings.into_iter().map(|f| if unknown { Finding { check: check.id.into(), ..f } } else { told(f) }).collect();
    let severity = findings.iter().map(|f| f.severity).max().unwrap_or(Severity::Ok);
    Seen { check: check.id.into(), name: check.name.into(), findings, severity, ..seen }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const SERVER: Server = Server {
        programs: &["postgres"],
        name: "postgres",
        port: 5432,
        sockets: |_, _| Vec::new(),
        packaged: |_, _| Vec::new(),
        data: &["-D"],
        ports: &["-p"],
        socket_of: &[],
        dialect: Dialect::Postgres,
    };

    fn process(pid: u32, state: char, title: &str) -> Process {
        Process { pid, parent: 1, state, arguments: vec![title.to_string()], uid: 0 }
    }

    #[test]
    fn a_stopped_process_is_told() {
        let p = process(7, 'T', "postgres");
        let seen = judge_processes(&SERVER, &[&p], &[], "port 5432", true);
        assert_eq!(seen.severity, Severity::Critical);
        assert!(seen.findings[0].next.contains("kill -CONT"), "{seen:#?}");
        let others: Vec<Process> = (1..4).map(|i| process(i, 'S', "postgres")).collect();
        assert!(judge_processes(&SERVER, &[], &others, "port 5432", false).says.contains("3 programs of other servers"));
        // Who listens there is alive, whichever process that is.
        let seen = judge_processes(&SERVER, &[], &others, "port 5432", true);
        assert!(seen.severity == Severity::Unknown && !seen.says.contains("no process"), "{seen:#?}");
    }

    #[test]
    fn who_logs_in_and_who_keeps_a_transaction_open_is_seen_from_outside() {
        let child = |pid, title: &str| Process { parent: 7, ..process(pid, 'S', title) };
        let all = [
            process(7, 'S', "postgres"),
            child(8, "postgres: checkpointer "),
            child(9, "postgres: etl shop [local] idle in transaction"),
            child(10, "postgres: app shop 10.0.0.1(4711) authentication waiting"),
            process(11, 'S', "postgres: etl other [local] idle in transaction"),
        ];
        let seen = judge_processes(&SERVER, &[&all[0]], &all, "port 5432", true);
        assert_eq!(
            seen.says,
            "postgres runs as pid 7, 2 sessions, most of them etl/shop: 1, 0 idle, 1 login not finished, pid 9 (etl shop [local] idle in transaction)"
        );
        assert_eq!((seen.severity, seen.findings.len()), (Severity::Warning, 2));
        assert!(seen.findings[1].next.contains("kill 9 "), "{seen:#?}");
        let locked = &seen.findings[0];
        assert_eq!(
            locked.message,
            "1 login waits for a lock of the catalogue, which pid 9 may hold (etl shop [local] idle in transaction)"
        );
        assert!(locked.fault == Some(Fault::LoginsWait) && locked.next.starts_with("kill 9 "), "{locked:#?}");
        // A full server is told by who has its connections; a storm of logins by their number.
        let main = process(7, 'S', "postgres");
        let idle = (100..190).map(|pid| child(pid, "postgres: app shop 10.0.0.1(4711) idle"));
        let logins = (200..225).map(|pid| child(pid, "postgres: app shop 10.0.0.1(4712) authentication"));
        let all: Vec<Process> = [main].into_iter().chain(idle).chain(logins).collect();
        let seen = judge_processes(&SERVER, &[&all[0]], &all, "port 5432", true);
        assert!(seen.says.contains("115 sessions, most of them app/shop: 115, 90 idle"), "{}", seen.says);
        assert_eq!(seen.findings[0].message, "25 clients are logging in at the same moment: a storm of connections");
    }

    #[test]
    fn what_was_told_of_a_server_on_another_port_is_not_of_this_one() {
        let places: BTreeMap<String, String> = [("port", "5433"), ("data", "/srv/a")].map(|(k, v)| (k.to_string(), v.to_string())).into();
        let target = |port| Target { port: Some(port), ..Target::bare("t", crate::config::EngineKind::Postgres) };
        assert_eq!(Known::of(&places, &target(5433)).data, Some(PathBuf::from("/srv/a")));
        assert_eq!(Known::of(&places, &target(5432)).data, None);
    }
}
