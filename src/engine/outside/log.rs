//! The end of a server's log: which file it is, and which of its lines tell of a fault.

use super::processes::Process;
use super::{Known, Server};
use crate::engine::SILENT;
use crate::engine::assessing::{age, check};
use crate::model::assessment::{Check, Seen};
use crate::model::{Fault, Finding, Severity};
use crate::text;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

pub(super) const LOG: Check = check("log", "log", "the end of its log", "The log says why a server stopped.", &[]);

/// Bytes of a log's end that are looked at, and lines of it that are told.
const TAIL: u64 = 64 * 1024;
const LINES: usize = 5;
/// Bytes of a log in which its end is looked for, where pages are written out.
const DUMPED: u64 = 2 << 20;

/// The figure with how long ago, in seconds, the last crash was of which a line tells; and up to when that is news.
pub(super) const CRASH: &str = "crash";
pub(super) const RECENT: f64 = 600.0;

/// A line that tells of the end of a process of the server, or of all of it.
fn is_crash(line: &str) -> bool {
    // Of a command for the archive, or its process, nobody else ends.
    let unclean = [
        "not properly shut down",
        "not shutdown normally",
        "Starting crash recovery",
        "Recovering after a crash",
        "Starting XA crash recovery",
    ];
    let of_a_process = line.contains("terminated by signal") && line.contains("(PID ") && !line.contains("archiver process");
    of_a_process
        || unclean.iter().any(|w| line.contains(w))
        || ["PANIC:", "got signal", "Assertion failure"].iter().any(|w| line.contains(w))
}

/// Words of lines that speak of the machine: of errors only these are told, and [`LOCKS_FULL`].
const MACHINE: [&str; 4] = ["Out of memory", "out of memory", "could not read block", "could not fork"];

/// Of those the lines that say that a disk has no room, and that it does not write or read.
const NO_ROOM: [&str; 6] = ["No space left", "disk full", "Disk is full", "errno: 28", "Errcode: 28", "error number 28"];
const FAILING: [&str; 2] = ["could not fsync", "Input/output error"];

/// What a standby's log says of a primary that no longer has the WAL that is wanted.
const REMOVED: &str = "has already been removed";

/// What a line tells of, where more follows from that.
fn fault(line: &str) -> Option<Fault> {
    let has = |words: &[&str]| words.iter().any(|w| line.contains(w));
    if has(&NO_ROOM) {
        Some(Fault::NoRoom)
    } else if has(&FAILING) && !is_damage(line) {
        Some(Fault::Failing)
    } else if line.contains(REMOVED) {
        Some(Fault::WalRemoved)
    } else {
        None
    }
}

/// What PostgreSQL says when its table of locks has no room: its own settings, not the machine, make that.
const LOCKS_FULL: &str = "out of shared memory";

fn is_the_machines(line: &str) -> bool {
    MACHINE.iter().chain(&NO_ROOM).chain(&FAILING).any(|w| line.contains(w))
}

fn is_scarce(line: &str) -> bool {
    line.contains(LOCKS_FULL) || is_the_machines(line)
}

/// A server that does not come up again by itself: it never ran, and ended nobody's session.
fn is_unstartable(line: &str) -> bool {
    ["could not locate a valid checkpoint record", "could not locate required checkpoint record"].iter().any(|w| line.contains(w))
}

/// What the server says of its own files alone: the same words of a session's SET are an error.
fn is_misconfigured(line: &str) -> bool {
    line.contains("LOG:")
        && ["unrecognized configuration parameter", "invalid value for parameter", "syntax error in file"].iter().any(|w| line.contains(w))
}

/// Words of lines that say that what is stored is damaged.
const DAMAGE: [&str; 5] = [
    "invalid page in block",
    "page corruption",
    "Page read from tablespace is corrupted",
    "index corruption in an InnoDB",
    "is corrupt; try to repair it",
];

pub(super) fn is_damage(line: &str) -> bool {
    DAMAGE.iter().any(|w| line.contains(w))
}

/// A line that is an alarm where it was written just now: a crash, or an error of the machine.
pub(super) fn is_news(line: &str) -> bool {
    is_crash(line) || is_damage(line) || is_scarce(line)
}

/// A line of PostgreSQL's formats for machines as its own log has it: `TIME [PID] FATAL:  message`. Others stay as they are.
fn plain(line: &str) -> std::borrow::Cow<'_, str> {
    if line.starts_with('{')
        && let Ok(v) = serde_json::from_str::<serde_json::Value>(line)
        && let (Some(severity), Some(message)) = (v["error_severity"].as_str(), v["message"].as_str())
    {
        return format!("{} [{}] {severity}:  {message}", v["timestamp"].as_str().unwrap_or_default(), v["pid"]).into();
    }
    // Time, user, database, process, … the twelfth is the severity, the fourteenth the message.
    let mut fields = csv::fields(line);
    match (fields.next(), fields.nth(2), fields.nth(7), fields.nth(1)) {
        (Some(time), Some(pid), Some(severity), Some(message)) if SEVERITIES.contains(&severity.as_str()) => {
            format!("{time} [{pid}] {severity}:  {message}").into()
        }
        _ => line.into(),
    }
}

const SEVERITIES: [&str; 8] = ["DEBUG", "LOG", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL", "PANIC"];

/// Fields of a line of comma-separated values.
mod csv {
    pub(super) fn fields(line: &str) -> impl Iterator<Item = String> {
        let mut rest = Some(line);
        std::iter::from_fn(move || {
            let text = rest?;
            let Some(quoted) = text.strip_prefix('"') else {
                let (field, after) = text.split_once(',').map_or((text, None), |(f, a)| (f, Some(a)));
                rest = after;
                return Some(field.to_string());
            };
            let mut field = String::new();
            let mut chars = quoted.char_indices().peekable();
            while let Some((at, c)) = chars.next() {
                match c {
                    '"' if chars.peek().is_some_and(|(_, n)| *n == '"') => {
                        field.push('"');
                        chars.next();
                    }
                    '"' => {
                        rest = quoted[at + 1..].strip_prefix(',');
                        return Some(field);
                    }
                    c => field.push(c),
                }
            }
            // It goes on in the next line, which is another one here.
            rest = None;
            Some(field)
        })
    }
}

/// Seconds at which a line says that it was written, in whatever zone: lines of one file have the same.
fn written_at(line: &str) -> Option<i64> {
    // MariaDB writes hours before ten with a blank.
    let at: jiff::civil::DateTime = line.get(..19)?.replace("  ", " 0").parse().ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

/// How long ago lines of a log were written: by their distance from the last line of all, which the file's own time dates.
fn ages(end: &str, written: Option<std::time::SystemTime>) -> impl Fn(&str) -> Option<f64> {
    let since = written.map(|w| w.elapsed().unwrap_or_default().as_secs_f64());
    let last = end.lines().rev().find_map(written_at);
    move |line| Some(since? + (last? - written_at(line)?).max(0) as f64)
}

/// How long ago the last line was written that tells of a crash.
fn crash_age(end: &str, written: Option<std::time::SystemTime>) -> Option<f64> {
    let age = ages(end, written);
    end.lines().rev().filter(|l| tells(l).is_some() && is_news(l)).find_map(age)
}

/// A line that tells of a fault; `None` for any other.
fn tells(line: &str) -> Option<Severity> {
    let has = |words: &[&str]| words.iter().any(|w| line.contains(w));
    // Statements and their errors hold values of users'; of errors only those are told that speak of the machine.
    let machine = is_scarce(line);
    // A replica's error and an event's quote the statement or the row, and a crash the statement that ran.
    let quoting = line.starts_with('\t')
        || line.starts_with("Query")
        || has(&["STATEMENT:", "DETAIL:", "CONTEXT:", "QUERY:", "HINT:", "Slave SQL", "Replica SQL", "Event Scheduler:", " on query. "]);
    // A standby hands on what its primary said to it.
    let handed_on = has(&["could not receive data from WAL stream"]);
    if quoting || (has(&["ERROR:"]) && !machine && !is_damage(line) && !handed_on) {
        return None;
    }
    if is_damage(line) {
        return Some(Severity::Critical);
    }
    // PG12 tells of the archive, in words and with its time.
    if has(&["archive command", "archiver process"]) {
        return None;
    }
    // What this server asked of another one is its own fault to tell.
    let of_its_own = has(&["could not connect to the primary", "could not receive data from WAL stream"]);
    if is_misconfigured(line) {
        return Some(Severity::Warning);
    }
    if is_crash(line) && !has(&["FATAL:", "ERROR:", "[FATAL]", "[ERROR]"]) {
        return Some(Severity::Warning);
    }
    if machine || has(&["PANIC:", "FATAL:", "[FATAL]", "[ERROR]", "Assertion failure", "got signal", "terminated by signal"]) {
        // A login that was refused is no fault of the server's.
        return (of_its_own
            || !has(&[
                "authentication failed",
                "does not exist",
                "too many clients",
                "Access denied",
                "Aborted connection",
                "administrator command",
                "the database system is",
                // A login that gave up waiting for the catalogue, as ours do: how many wait is counted.
                "canceling statement due to lock timeout",
            ]))
        .then_some(Severity::Warning);
    }
    has(&["LOG:  database system", "ready for connections", "shutting down", "Normal shutdown", "starting up", "redo "])
        .then_some(Severity::Info)
}

/// A login that the server did not let in.
fn is_refusal(line: &str) -> bool {
    let of_postgres = line.contains("FATAL:")
        && (["authentication failed", "no pg_hba.conf entry", "not permitted to log in"].iter().any(|w| line.contains(w))
            || ["role \"", "database \""].iter().any(|w| line.contains(w)) && line.ends_with("does not exist"));
    (of_postgres || line.contains("Access denied for user")) && !line.contains("could not connect to the primary")
}

/// Refused logins within a minute that are no slip of somebody's fingers.
const REFUSED: usize = 5;

/// What the finding of refused logins is about.
pub(super) const LOGINS: &str = "logins";

/// Logins that PostgreSQL refused within the last minute, where the log was written to just now. MariaDB counts them itself.
fn refused_now(end: &str, written: Option<std::time::SystemTime>) -> Option<Finding> {
    let since = written?.elapsed().unwrap_or_default().as_secs() as i64;
    let last = end.lines().rev().find_map(written_at)?;
    let lines: Vec<&str> =
        end.lines().filter(|l| is_refusal(l) && written_at(l).is_some_and(|at| last - at + since <= 60)).map(words_of).collect();
    if lines.len() < REFUSED {
        return None;
    }
    // The newest stands for all of its kind.
    let newest = *lines.last()?;
    let alike = lines.iter().filter(|l| **l == newest).count();
    let next = if newest.contains("authentication failed") {
        "What the application sends is not its password here: was it changed, or has it ended (pg_roles.rolvaliduntil)? Where no application is \
         that user, somebody is guessing passwords."
    } else if newest.contains("pg_hba.conf") {
        "No line of pg_hba.conf lets them in: pg_hba_file_rules shows the lines that are in force. Was the file changed, or the client's address?"
    } else if newest.contains("not permitted to log in") {
        "The role may not log in: ALTER ROLE … LOGIN, where that was taken from it by mistake."
    } else {
        "It was dropped or renamed, or the application has come to the wrong server."
    };
    let among = if alike == lines.len() { "all of them".into() } else { format!("{alike} of them") };
    let told = text::truncate(&text::clean(newest), 160).into_owned();
    let words = format!("{} refused within the last minute, {among} so: {told}", were(lines.len()));
    Some(Finding::new(Severity::Warning, LOG.id, LOGINS, words).next(next))
}

fn were(n: usize) -> String {
    match n {
        1 => "1 login was".into(),
        n => format!("{n} logins were"),
    }
}

/// The server wrote that it is there, and nothing of its end behind it.
fn is_silent(end: &str) -> bool {
    let last = end.lines().rev().find(|l| {
        ["ready to accept", "ready for connections", "shutting down", "shut down", "hutdown", "shutdown request"]
            .iter()
            .any(|w| l.contains(w))
            || tells(l) >= Some(Severity::Warning)
    });
    last.is_some_and(|l| l.contains("ready "))
}

/// A standby's word that its primary removed WAL is of the past where it streamed, or found nobody there, or began anew, since.
fn is_overtaken(line: &str, later: &[&str]) -> bool {
    let since = ["started streaming WAL", "could not connect to the primary server", "entering standby mode"];
    line.contains(REMOVED) && later.iter().any(|l| since.iter().any(|w| l.contains(w)))
}

/// A line without its time and process.
fn words_of(line: &str) -> &str {
    let from = ["PANIC:", "FATAL:", "ERROR:", "[ERROR]", "LOG:"].iter().filter_map(|w| line.find(w)).min();
    from.map_or(line, |at| &line[at..])
}

/// A line of a damaged page that InnoDB writes out: a thousand of them push what they are about out of a log's end.
fn is_dump(line: &str) -> bool {
    line.rsplit_once("[Note] InnoDB: ").is_some_and(|(_, rest)| rest.len() >= 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(DUMPED)))?;
    let mut bytes = Vec::new();
    file.take(DUMPED).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut room = TAIL as usize;
    let fits = |l: &&str| {
        let fits = l.len() < room;
        room = room.saturating_sub(l.len() + 1);
        fits
    };
    let mut last: Vec<&str> = text.lines().rev().filter(|l| !is_dump(l)).take_while(fits).collect();
    last.reverse();
    Ok(last.join("\n"))
}

/// Files of the log, the one last written first: what was learnt of the server; what its process writes its errors to; files among its data;
/// what its package keeps for this very server. Never a directory that other servers write to, too.
fn files(server: &Server, port: u16, process: Option<&Process>, data: Option<&Path>, known: &Known) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = Vec::new();
    let own = |dir: &Path| data.is_some_and(|d| dir.starts_with(d));
    if let Some(log) = &known.log {
        // A directory that the server writes alone.
        match log.parent().filter(|dir| own(dir) && data != Some(*dir)) {
            // A log that is written in turns lies beside those before it.
            Some(dir) => out.extend(in_directory(dir)),
            // Elsewhere others may write as well: those that are named as its own are, but for the day and the time.
            None => {
                out.push(log.clone());
                let beside = log.parent().map(in_directory).unwrap_or_default();
                out.extend(beside.into_iter().filter(|p| p != log && series(p) == series(log)));
            }
        }
    }
    if let Some(p) = process.filter(|_| out.is_empty()) {
        out.extend(std::fs::read_link(format!("/proc/{}/fd/2", p.pid)).ok().filter(|l| l.is_absolute() && l.is_file()));
        out.extend(p.value(&["--log-error", "--log_error"]).map(|l| data.map_or_else(|| PathBuf::from(l), |d| d.join(l))));
    }
    if let Some(d) = data.filter(|_| out.is_empty()) {
        out.extend([d.join("log"), d.join("pg_log")].iter().flat_map(|dir| in_directory(dir)));
        // Among the data themselves lie logs of statements as well.
        out.extend(in_directory(d).into_iter().filter(|p| p.extension().is_some_and(|e| e == "err")));
    }
    if out.is_empty() {
        out.extend((server.packaged)(port, data));
    }
    let written = |p: &PathBuf| std::fs::metadata(p).and_then(|m| m.modified()).ok();
    out.sort_by_key(|p| std::cmp::Reverse(written(p)));
    out
}

/// A log's name with `#` for the day in it, and for the time behind that: the logs of one server that are written in turns have the same.
/// Other numbers stay: `mysqld1.log` and `mysqld2.log` are of two servers, and so are `postgresql-14-main.log` and `postgresql-15-main.log`.
fn series(path: &Path) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut out = String::new();
    let mut rest = name.as_str();
    while let Some(c) = rest.chars().next() {
        let alone = !out.ends_with(|c: char| c.is_ascii_alphanumeric());
        let day = match rest.get(..10).filter(|d| d.parse::<jiff::civil::Date>().is_ok()) {
            Some(dashed) => Some(dashed.len()),
            None => rest.get(..8).filter(|d| d.bytes().all(|b| b.is_ascii_digit()) && d.parse::<jiff::civil::Date>().is_ok()).map(str::len),
        };
        if let Some(day) = day.filter(|_| alone) {
            // `_142233` or `-14`.
            let time = rest[day..].strip_prefix(['_', '-', 'T']).map_or(0, |t| t.bytes().take_while(u8::is_ascii_digit).count());
            out.push('#');
            rest = &rest[day + if matches!(time, 2 | 4 | 6) { time + 1 } else { 0 }..];
        } else if alone && rest.get(..3).is_some_and(|d| DAYS.contains(&d)) && !rest[3..].starts_with(|c: char| c.is_ascii_alphanumeric()) {
            out.push('#');
            rest = &rest[3..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// Logs by their names.
pub(in crate::engine) fn in_directory(dir: &Path) -> Vec<PathBuf> {
    let named = |p: &PathBuf| p.extension().is_some_and(|e| e == "log" || e == "err" || e == "csv" || e == "json");
    std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).filter(named).collect()
}

pub(super) fn judge(server: &Server, port: u16, process: Option<&Process>, data: Option<&Path>, known: &Known) -> Seen {
    let found = files(server, port, process, data, known);
    let read = found.iter().find_map(|p| Some((p, tail(p).ok()?)));
    let read = read.map(|(p, end)| (p, end.lines().map(plain).collect::<Vec<_>>().join("\n")));
    let Some((path, end)) = read else {
        let lifts = "read permission on the server's log (group adm on Debian), or journalctl where it logs there";
        let why = match found.first() {
            Some(p) => format!("{} cannot be read", p.display()),
            None => format!("no log of the server for port {port} was found"),
        };
        return Seen::blind(&LOG, why, lifts);
    };
    let written = std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let mut seen = end_of(server, &path.display().to_string(), &end, written);
    seen.places.insert("log".into(), path.display().to_string());
    if let Some(age) = crash_age(&end, written) {
        seen.figures.insert(CRASH.into(), age);
    }
    if is_silent(&end) {
        seen.figures.insert(SILENT.into(), 1.0);
    }
    if let Some(f) = refused_now(&end, written).filter(|_| server.dialect == crate::model::Dialect::Postgres) {
        seen.find(f);
    }
    seen
}

/// A line that tells of a fault, as it is shown.
struct Told {
    severity: Severity,
    line: String,
    /// Place in the log.
    at: usize,
    age: Option<f64>,
    times: u64,
}

impl Told {
    /// The line with how often and how long ago it came.
    fn words(&self) -> String {
        let ago = self.age.map(|a| format!("{} ago", age(a)));
        match (self.times, ago) {
            (1, None) => self.line.clone(),
            (1, Some(ago)) => format!("{} ({ago})", self.line),
            (n, None) => format!("{} ({n} times)", self.line),
            (n, Some(ago)) => format!("{} ({n} times, the last {ago})", self.line),
        }
    }
}

/// What the last lines of a log tell; `name` says which log, and `written` when its last line was written.
pub(super) fn end_of(server: &Server, name: &str, end: &str, written: Option<std::time::SystemTime>) -> Seen {
    let lines: Vec<&str> = end.lines().collect();
    let age_of = ages(end, written);
    let shown = |l: &str| text::truncate(&text::clean(&crate::sql::redact(server.dialect, l)), 200).into_owned();
    let told: Vec<Told> = lines
        .iter()
        .enumerate()
        .filter(|(at, l)| !is_overtaken(l, &lines[at + 1..]))
        .filter_map(|(at, l)| Some(Told { severity: tells(l)?, line: shown(l), at, age: age_of(l), times: 1 }))
        .collect();
    let mut seen = Seen::of(&LOG).says(format!("{name}: {}", told.last().map_or("nothing of note at its end", |t| &t.line)));
    let worst = told.iter().map(|t| t.severity).max().unwrap_or(Severity::Info);
    // The same words again and again are told once, where they were last.
    let mut worse: Vec<Told> = Vec::new();
    for t in told.into_iter().filter(|t| t.severity == worst) {
        let before = worse.iter().position(|w| words_of(&w.line) == words_of(&t.line)).map_or(0, |at| worse.remove(at).times);
        worse.push(Told { times: before + 1, ..t });
    }
    // What was said before the server last came up it has got over, unless something is damaged: that, and what is older, comes last.
    let up = lines.iter().rposition(|l| ["ready to accept", "ready for connections"].iter().any(|w| l.contains(w)));
    let is_past = |t: &Told| up.is_some_and(|up| t.at < up) && !is_damage(&t.line);
    worse.sort_by_key(|t| (is_past(t), std::cmp::Reverse(t.at)));
    for told in worse.iter().take(LINES) {
        let line = &told.line;
        let next = if is_damage(line) {
            "Stop writing, and copy the files aside before anything else; then fail over, or restore what is damaged from the backup. Reading it all \
             (a dump, CHECK TABLE) says how much it is, and whether it was mended since."
        } else if line.contains(LOCKS_FULL) {
            "Most often its table of locks was full: few transactions that lock very many tables (a dump, partitions, ORM migrations), each table \
             once. pg_locks counted by pid says whose; with them gone there is room again. For good: a higher max_locks_per_transaction (restart)."
        } else if is_the_machines(line) {
            "It is the machine's: look at its disks and its memory; what was short may have become free when the statement failed."
        } else if line.contains(REMOVED) {
            "The primary has removed the WAL that this standby needs: unless an archive still has it (restore_command), the standby has to be built \
             anew (pg_basebackup). A replication slot keeps it from happening again."
        } else if is_unstartable(line) {
            "It cannot start: files of its write-ahead log are gone or damaged. Copy the data directory aside, then fail over or restore the backup; \
             pg_resetwal makes it start with data that are wrong, and is the last resort."
        } else if is_misconfigured(line) {
            "It cannot start, or keeps what it had: mend that line of the configuration. Its own changes stand in postgresql.auto.conf, too."
        } else if is_crash(line) {
            "All sessions were ended with it: find out what ended it (memory, disk, a fault of the server) before it comes again."
        } else {
            ""
        };
        let fault = fault(line).filter(|f| match f {
            // A server that came up again has no less lost what the disk did not write, for a while.
            Fault::Failing => told.age.is_none_or(|age| age < RECENT),
            _ => !is_past(told),
        });
        seen.find(Finding::new(worst, LOG.id, name, told.words()).fault(fault).next(next));
    }
    let refused = end.lines().filter(|l| is_refusal(l)).count();
    if refused > 0 {
        seen.says.push_str(&format!("; {} at its end", text::counted(refused as u64, "refused login")));
        seen.figures.insert("refused".into(), refused as f64);
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::super::tests::SERVER;
    use super::*;

    #[test]
    fn why_a_server_does_not_start_is_told_with_its_step() {
        let typo = "2026-01-01 10:00:00 UTC [7] LOG:  unrecognized configuration parameter \"shared_bufers\" in file \"/d/postgresql.conf\" line 818";
        assert_eq!(tells(typo), Some(Severity::Warning));
        assert_eq!(tells("ERROR:  unrecognized configuration parameter \"x\""), None, "somebody's SET");
        let gone = "2026-01-01 10:00:00 UTC [7] PANIC:  could not locate a valid checkpoint record";
        assert!(tells(gone) == Some(Severity::Warning) && is_unstartable(gone) && !is_unstartable(typo));
    }

    #[test]
    fn faults_are_told_and_refused_logins_are_not() {
        assert_eq!(tells("2026-01-01 PANIC:  could not write to file: No space left on device"), Some(Severity::Warning));
        assert_eq!(tells("FATAL:  password authentication failed for user \"x\""), None);
        let standby = "FATAL:  could not connect to the primary server: FATAL:  password authentication failed for user \"repl\"";
        assert_eq!((tells(standby), is_refusal(standby)), (Some(Severity::Warning), false));
        assert_eq!(tells("2026-01-01 [ERROR] InnoDB: Operating system error number 28"), Some(Severity::Warning));
        let page = "2026-01-01 10:00:00 7 [ERROR] InnoDB: Database page corruption on disk or a failed read of file './shop/t.ibd' page [page id: space=5, page number=9].";
        assert_eq!((tells(page), is_news(page)), (Some(Severity::Critical), true));
        assert_eq!(tells("ERROR:  invalid page in block 20 of relation base/5/16385"), Some(Severity::Critical));
        assert!(end_of(&SERVER, "log", page, None).findings[0].next.starts_with("Stop writing"));
        assert_eq!(tells("LOG:  checkpoint complete"), None);
        let archive = "FATAL:  archive command was terminated by signal 15: Terminated";
        assert_eq!((tells(archive), is_crash(archive)), (None, false), "it ends no session");
        let maria = "2026-11-22  5:30:00 0 [Note] InnoDB: Starting crash recovery from checkpoint LSN=1234";
        assert_eq!((tells(maria), is_crash(maria)), (Some(Severity::Warning), true));
        assert!(written_at(maria).is_some());
        assert_eq!(tells("LOG:  database system was not properly shut down; automatic recovery in progress"), Some(Severity::Warning));
        assert!(is_crash("LOG:  checkpointer process (PID 9) was terminated by signal 9: Killed"));
        // What users sent stays out, whatever it says.
        for line in [
            "ERROR:  invalid input syntax for type integer: \"card4111SECRET\" at character 8",
            "ERROR:  mail joe@example.org FATAL: pw=hunter2",
            "STATEMENT:  select 'PANIC: hunter2'",
            "\tselect 'FATAL: hunter2'",
            "2026-01-01 [ERROR] Slave SQL: Error 'Duplicate entry '1' for key 'PRIMARY'' on query. Query: 'insert into s values ('hunter2')'",
            "2026-01-01 [ERROR] Event Scheduler: [a@b][shop.e] Duplicate entry 'hunter2' for key 'PRIMARY'",
            "Query (0x7f): select 'got signal hunter2'",
        ] {
            assert_eq!(tells(line), None, "{line}");
        }
        for line in [
            r#"{"timestamp":"2026-11-22 08:33:29.777 UTC","pid":7,"error_severity":"LOG","message":"background writer process (PID 9) was terminated by signal 9: Killed"}"#,
            r#"2026-11-22 08:33:29.777 UTC,,,7,,67,1,,2026-11-22 08:33:05 UTC,,0,LOG,00000,"background writer process (PID 9) was terminated by signal 9: Killed",,,,,,,,,"","postmaster",,0"#,
        ] {
            assert_eq!(
                plain(line),
                "2026-11-22 08:33:29.777 UTC [7] LOG:  background writer process (PID 9) was terminated by signal 9: Killed"
            );
            assert!(is_crash(&plain(line)) && tells(&plain(line)).is_some());
        }
        assert_eq!(plain("LOG:  a, b, c"), "LOG:  a, b, c");
        assert_eq!(tells("LOG:  could not fork new process for connection: Resource temporarily unavailable"), Some(Severity::Warning));
        assert_eq!(tells("ERROR:  out of shared memory"), Some(Severity::Warning));
        let removed = "FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 000000010000000000000029 has already been removed";
        assert_eq!(tells(removed), Some(Severity::Warning));
        assert!(end_of(&SERVER, "x.log", removed, None).findings[0].next.contains("pg_basebackup"));
        assert!(end_of(&SERVER, "x.log", "ERROR:  out of shared memory", None).findings[0].next.contains("max_locks_per_transaction"));
        assert!(is_news("ERROR:  could not write to file \"base/pgsql_tmp/a\": No space left on device"));
        assert_eq!(tells("ERROR:  could not extend file \"base/5/1\": No space left on device"), Some(Severity::Warning));
        let told = crate::sql::redact(crate::model::Dialect::Postgres, "ERROR: in ALTER ROLE a PASSWORD 'hush'");
        assert!(!told.contains("hush"), "{told}");
    }

    #[test]
    fn how_long_ago_a_crash_was_is_told_by_the_lines_themselves() {
        let end = "2026-01-01 10:00:00.123 CET [7] LOG:  server process (PID 9) was terminated by signal 9: Killed\n\
                   2026-01-01 10:00:02.500 CET [7] LOG:  database system is ready to accept connections\n";
        let now = std::time::SystemTime::now();
        let age = crash_age(end, Some(now)).unwrap();
        assert!((2.0..4.0).contains(&age), "{age}");
        let hour = crash_age(end, Some(now - std::time::Duration::from_secs(3600))).unwrap();
        assert!((3601.0..3604.0).contains(&hour), "{hour}");
        assert_eq!(crash_age("2026-01-01 10:00:00 LOG:  ready for connections\n", Some(now)), None);
        assert_eq!(crash_age("PANIC:  without a time\n", Some(now)), None);
    }

    #[test]
    fn the_newest_line_that_is_still_true_comes_first_with_its_age() {
        let line = |minute: u32, what: &str| format!("2026-01-01 10:{minute:02}:00 UTC [7] {what}");
        let log = [
            line(0, "FATAL:  could not open file \"a\": Permission denied"),
            line(1, "PANIC:  could not write to file: No space left on device"),
            line(10, "LOG:  database system is ready to accept connections"),
            line(20, "FATAL:  could not map anonymous shared memory: Cannot allocate memory"),
            line(30, "FATAL:  could not open file \"b\": Permission denied"),
            line(40, "FATAL:  could not open file \"b\": Permission denied"),
            line(45, "LOG:  received fast shutdown request"),
        ];
        let now = std::time::SystemTime::now();
        let seen = end_of(&SERVER, "log", &log.join("\n"), Some(now - std::time::Duration::from_secs(60)));
        let told: Vec<&str> =
            seen.findings.iter().map(|f| f.message.split_once("  could not ").unwrap().1.split(" min ").next().unwrap()).collect();
        assert_eq!(
            told,
            [
                "open file \"b\": Permission denied (2 times, the last 6",
                "map anonymous shared memory: Cannot allocate memory (26",
                "write to file: No space left on device (45",
                "open file \"a\": Permission denied (46"
            ]
        );
        assert_eq!(seen.findings[2].fault, None, "it came up since: its disk has room");
        let full = end_of(&SERVER, "log", &log[1], Some(now));
        assert_eq!(full.findings[0].fault, Some(Fault::NoRoom));
    }

    #[test]
    fn logs_that_are_written_in_turns_are_told_from_another_servers() {
        let alike = |a: &str, b: &str| series(Path::new(a)) == series(Path::new(b));
        for (a, b) in [
            ("postgresql-2026-01-01_000000.log", "postgresql-2026-01-02_131500.log"),
            ("postgresql-20260101.log", "postgresql-20261231.log"),
            ("postgresql-Mon.log", "postgresql-Sun.log"),
            ("15-main-2026-01-01.log", "15-main-2026-01-02.log"),
        ] {
            assert!(alike(a, b), "{a} {b}: {}", series(Path::new(a)));
        }
        for (a, b) in [
            ("mysqld1.log", "mysqld2.log"),
            ("error-3306.log", "error-3307.log"),
            ("postgresql-14-main.log", "postgresql-15-main.log"),
            ("postgresql-14-2026-01-01.log", "postgresql-15-2026-01-01.log"),
            ("é1.log", "é2.log"),
        ] {
            assert!(!alike(a, b), "{a} {b}: {}", series(Path::new(a)));
        }
    }

    #[test]
    fn what_a_standby_was_told_before_it_streamed_again_is_of_the_past() {
        let removed = "2026-01-01 10:00:00 UTC [7] FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 29 has already been removed";
        let refused = "2026-01-01 10:21:00 UTC [7] FATAL:  could not connect to the primary server: connection refused";
        let streams = "2026-01-01 10:20:00 UTC [7] LOG:  started streaming WAL from primary at 0/3000000 on timeline 1";
        let told =
            |lines: &[&str]| end_of(&SERVER, "s.log", &lines.join("\n"), None).findings.iter().any(|f| f.fault == Some(Fault::WalRemoved));
        assert!(told(&[streams, removed]), "it is so now");
        assert!(!told(&[removed, streams]) && !told(&[removed, refused]) && !told(&[removed, streams, refused]));
        assert!(told(&[removed, streams, removed]));
    }

    #[test]
    fn logins_that_are_refused_again_and_again_are_a_finding() {
        let line = |second: u32, what: &str| format!("2026-01-01 10:00:{second:02} UTC [7] FATAL:  {what}\n");
        let app: String = (10..30).map(|s| line(s, "password authentication failed for user \"app\"")).collect();
        let now = std::time::SystemTime::now();
        let f = refused_now(&app, Some(now)).unwrap();
        assert!(
            f.severity == Severity::Warning
                && f.message.starts_with("20 logins were refused within the last minute, all of them so: FATAL"),
            "{f:?}"
        );
        assert!(f.next.contains("rolvaliduntil"), "{f:?}");
        assert!(refused_now(&app, Some(now - std::time::Duration::from_secs(120))).is_none(), "that was before");
        let some: String = (10..13).map(|s| line(s, "password authentication failed for user \"app\"")).collect();
        assert!(refused_now(&some, Some(now)).is_none(), "a slip of somebody's");
        let gone: String = (10..30).map(|s| line(s, "database \"shop\" does not exist")).collect();
        assert!(refused_now(&gone, Some(now)).unwrap().next.contains("dropped or renamed"));
        assert!(!is_refusal("ERROR:  role \"x\" does not exist"), "a statement's");
    }

    #[test]
    fn a_log_that_says_nothing_of_an_end_is_silent() {
        let up = "LOG:  database system is ready to accept connections";
        assert!(is_silent(up) && is_silent(&format!("{up}\nLOG:  checkpoint complete")));
        assert!(!is_silent(&format!("{up}\nLOG:  received fast shutdown request\nLOG:  database system is shut down")));
        assert!(!is_silent(&format!("{up}\nPANIC:  could not write to file: No space left on device")));
        assert!(!is_silent(""));
    }

    #[test]
    fn the_log_is_the_servers_own_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let (data, other) = (dir.path().join("data"), dir.path().join("other"));
        for d in [&data, &other] {
            std::fs::create_dir_all(d.join("log")).unwrap();
        }
        std::fs::write(data.join("log/a.log"), "PANIC:  mine\n").unwrap();
        std::fs::write(other.join("log/b.log"), "PANIC:  another server's\n").unwrap();
        let known = Known { data: Some(data.clone()), log: Some(data.join("log/gone.log")), ..Known::default() };
        let seen = judge(&SERVER, 57_311, None, Some(&data), &known);
        assert!(seen.says.contains("a.log: ") && seen.says.contains("mine"), "{seen:#?}");
        assert_eq!(seen.places["log"], data.join("log/a.log").display().to_string());
        std::fs::write(
            data.join("log/a.log"),
            "22:01:00 [7] PANIC:  mine\n22:02:00 [8] PANIC:  mine\nFATAL:  password authentication failed for user \"x\"\n",
        )
        .unwrap();
        let seen = judge(&SERVER, 57_311, None, Some(&data), &known);
        assert_eq!(seen.findings.len(), 1, "{seen:#?}");
        assert_eq!(seen.findings[0].message, "22:02:00 [8] PANIC:  mine (2 times)");
        assert!(seen.says.ends_with("; 1 refused login at its end"), "{seen:#?}");
        let elsewhere = Known { log: Some(other.join("log/b.log")), ..Known::default() };
        assert!(judge(&SERVER, 57_311, None, None, &elsewhere).says.contains("another server's"), "its own, where it is known");
        // The one that was written last, of those that are named alike: what was remembered is of the day before.
        let day = |n: u64, words: &str| {
            let path = other.join(format!("log/pg-2026-01-0{n}.log"));
            std::fs::write(&path, words).unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(n * 86_400)).unwrap();
            path
        };
        let (old, _new) = (day(1, "PANIC:  of yesterday\n"), day(2, "PANIC:  of today\n"));
        let rotated = Known { log: Some(old), ..Known::default() };
        assert!(judge(&SERVER, 57_311, None, None, &rotated).says.contains("of today"));
        let seen = judge(&SERVER, 57_311, None, None, &Known::default());
        assert_eq!((seen.severity, seen.says.as_str()), (Severity::Unknown, "no log of the server for port 57311 was found"));
    }
}
