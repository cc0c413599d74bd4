//! The connection itself as a check: what it means that none can be made.

use super::How;
use super::login::Remark;
use crate::config::Target;
use crate::engine::Session;
use crate::model::assessment::{Check, Limit, Seen};
use crate::model::recovery::{Action, Deed};
use crate::model::{Error, Fault, Finding, Kind, Obstacle, Severity};
use crate::ops::{Cx, recovery};

pub(super) const CONNECT: Check = Check {
    id: "connect",
    name: "connect",
    reads: "a login and one statement",
    means: "What nobody can reach is down, whatever its processes do.",
    limits: &[Limit { name: "took", unit: "ms", warning: 1000.0, critical: 5000.0 }],
    twice: false,
};

/// The catalogue that a login reads is locked: `lock_timeout` ends it (55P03).
pub(in crate::ops) fn is_locked_catalogue(e: &Error) -> bool {
    e.code.as_deref() == Some("55P03")
}

/// The login is right, and has no right to the database: ER_DBACCESS_DENIED_ERROR, or no CONNECT.
pub(in crate::ops) fn is_denied(e: &Error) -> bool {
    matches!(e.code.as_deref(), Some("1044" | "42501"))
}

/// All connections are taken.
pub(in crate::ops) fn is_full(e: &Error) -> bool {
    matches!(e.code.as_deref(), Some("53300" | "1040" | "08004")) && !e.message.contains("too many connections for")
}

/// The database takes no connections: somebody set it so (55000).
pub(in crate::ops) fn is_closed(e: &Error) -> bool {
    e.code.as_deref() == Some("55000")
}

/// There is no such database: PostgreSQL's and MySQL's codes.
pub(in crate::ops) fn is_missing(e: &Error) -> bool {
    matches!(e.code.as_deref(), Some("3D000" | "1049"))
}

/// The database has as many as it may have of its own limit; the server may have many more.
pub(in crate::ops) fn is_limited(e: &Error) -> bool {
    e.code.as_deref() == Some("53300") && e.message.contains("too many connections for database")
}

fn quoted(name: &str) -> String {
    crate::model::Dialect::Postgres.quote_ident(&crate::text::clean(name))
}

/// `holder` is who holds the lock of a catalogue that is locked, where that was found.
/// `entry` is what would let the account into the target's own database; `was_there`: an earlier assessment was in it.
pub(super) fn connected(
    session: &Session,
    remark: Option<Remark>,
    entry: &str,
    holder: Option<&Finding>,
    was_there: bool,
    took: f64,
    how: &How,
) -> Seen {
    let address = &session.identity().address;
    let mut seen = Seen::of(&CONNECT).says(format!("answered within {took:.0} ms")).figure("took", took);
    seen.took = took;
    let severity = Severity::of(took, how.limits.of(&CONNECT, "took"));
    if let Some(Remark::Locked(remark)) = remark {
        seen.says = remark.clone();
        let finding = match holder {
            Some(h) => Finding {
                recover: h.recover.clone(),
                ..Finding::new(Severity::Critical, CONNECT.id, address, format!("{remark}; {}", h.message)).next(&h.next)
            },
            None => Finding::new(Severity::Critical, CONNECT.id, address, remark)
                .next("Who holds the lock cannot be seen: look for the oldest transaction in the database that does not answer."),
        };
        seen.find(finding);
    } else if let Some(Remark::Limited(remark, database)) = remark {
        seen.says = remark.clone();
        let next = format!("Close what is idle there; ALTER DATABASE {} CONNECTION LIMIT -1; takes the limit away.", quoted(&database));
        seen.find(Finding::new(Severity::Critical, CONNECT.id, address, remark).next(next));
    } else if let Some(Remark::Closed(remark, database)) = remark {
        seen.says = remark.clone();
        let next = format!(
            "Find out who set it and why (a deployment, a restore). ALTER DATABASE {} ALLOW_CONNECTIONS true; lets them in again.",
            quoted(&database)
        );
        seen.find(Finding::new(Severity::Critical, CONNECT.id, address, remark).next(next));
    } else if let Some(Remark::Missing(remark, database)) = remark {
        seen.says = remark.clone();
        let database = quoted(&database);
        seen.find(match was_there {
            true => Finding::new(Severity::Critical, CONNECT.id, address, format!("{remark}; an earlier assessment was in it")).next(format!(
                "Find out whether {database} was dropped or renamed, by whom and when (the server's log, the journal); stop what still writes \
                 around it, and restore it from a backup."
            )),
            false => Finding::new(Severity::Unknown, CONNECT.id, address, remark)
                .lifts("the name of a database that is there")
                .next("The name is wrong, or it was dropped: look which there are."),
        });
    } else if let Some(Remark::Denied(remark)) = remark {
        seen.says = remark.clone();
        seen.find(
            Finding::new(Severity::Unknown, CONNECT.id, address, remark)
                .lifts(entry)
                .next("Assess again once it may: what is in that database was not looked at."),
        );
    } else if severity >= Severity::Warning {
        seen.find(
            Finding::new(severity, CONNECT.id, address, format!("a login took {took:.0} ms"))
                .next("The server or the network is overloaded: look at connections and locks."),
        );
    }
    seen
}

/// What it means that there is no connection, by the server's code or by what was in the way; and what to do next. Words are looked at where
/// they are the server's own and its code has several meanings.
pub(super) fn meaning(e: &Error) -> (Severity, String, String) {
    let said = e.message.to_lowercase();
    // A server that sent a code was reached.
    if let Some(o) = e.obstacle.filter(|o| e.code.is_none() || *o == Obstacle::Pooler) {
        return in_the_way(o, e);
    }
    let (severity, message, next) = match e.code.as_deref() {
        Some("1040" | "08004") => (
            Severity::Critical,
            format!("all connections are taken: {}", e.message),
            "One more is kept for an account with SUPER or CONNECTION ADMIN, and extra_port or admin_port has its own: log in so, or stop an \
             application.",
        ),
        Some("53300") if said.contains("too many connections for role") => (
            Severity::Critical,
            format!("this role has as many connections as it may have: {}", e.message),
            "The limit is the role's own, not the server's: close what is idle, or let a superuser take it away (ALTER ROLE … CONNECTION LIMIT -1;). Then assess again, or as another role.",
        ),
        Some("53300") if is_limited(e) => (
            Severity::Critical,
            format!("the database has as many connections as it may have: {}", e.message),
            "The limit is the database's own, not the server's: close what is idle, or take it away (ALTER DATABASE … CONNECTION LIMIT -1;).",
        ),
        Some("53300") if said.contains("too many clients") => (
            Severity::Critical,
            format!("all connections are taken, the reserved ones too: {}", e.message),
            "Stop one of the applications, or end a session of its from the server's machine: kill PID as the server's user, never kill -9.",
        ),
        Some("53300") => (
            Severity::Critical,
            format!("all connections are taken: {}", e.message),
            "Log in as a role that has reserved connections (a superuser), or stop one of the applications.",
        ),
        Some("57P03") if said.contains("shutting down") => {
            (Severity::Critical, e.message.clone(), "The server is being stopped: find out by whom before it is started again.")
        }
        Some("57P03") => (
            Severity::Critical,
            format!("the server is not ready: {}", e.message),
            "It starts or recovers: wait, and look into its log how far it is. Do not stop it again: recovery would begin anew.",
        ),
        Some("55P03" | "57014") => (
            Severity::Critical,
            format!("a login waits for a lock of the catalogue: {}", e.message),
            "Somebody holds a lock on the catalogue: ask for the lock tree in another database of the server.",
        ),
        Some("28P01" | "28000") => (
            Severity::Unknown,
            e.message.clone(),
            "The server answers, and refuses this login: check the role, its password and pg_hba.conf.",
        ),
        Some("1129") => (
            Severity::Critical,
            e.message.clone(),
            "The server blocks this host alone, after too many connections of it that were broken off (max_connect_errors). From the server's machine, \
             or any other: FLUSH HOSTS (mariadb-admin flush-hosts; MySQL: TRUNCATE TABLE performance_schema.host_cache). First see there who made them: \
             SELECT * FROM performance_schema.host_cache; a health check that only opens the port, a scanner, a client whose TLS fails.",
        ),
        Some("1045" | "1698") => (
            Severity::Unknown,
            e.message.clone(),
            "The server answers, and refuses this login: check the account, its password and the host that it may come from.",
        ),
        Some("1044" | "42501") => (
            Severity::Unknown,
            e.message.clone(),
            "The server answers: the account has no right to this database. Grant it one, or name another database.",
        ),
        Some("3D000" | "1049") => {
            (Severity::Unknown, e.message.clone(), "The server answers: the name of the database is wrong, or it was dropped.")
        }
        Some("55000") => (
            Severity::Critical,
            e.message.clone(),
            "The server answers: the database is set to take no connections. Find out who set it and why; ALTER DATABASE … ALLOW_CONNECTIONS true; lets them in.",
        ),
        Some(code) if code.starts_with("SQLITE") => of_a_file(e, code),
        _ if said.contains("could not fork") => (
            Severity::Critical,
            e.message.clone(),
            "The server may make no more processes, or there is no memory for one: end idle sessions or stop an application, from its machine if need be \
             (kill PID as the server's user, never kill -9). Then see ulimit -u, TasksMax of its service, and its memory.",
        ),
        Some("53200") => (
            Severity::Critical,
            e.message.clone(),
            "Its table of locks or its memory is full: end the session that holds thousands of locks (one transaction over very many tables or \
             partitions; pg_locks counted by pid). max_locks_per_transaction can be raised, with a restart.",
        ),
        Some(code) if code.len() == 5 => {
            (Severity::Critical, e.message.clone(), "The server answers, and refuses this login: its message says why.")
        }
        _ if e.kind == Kind::PasswordNeeded => (Severity::Unknown, e.message.clone(), "Give the target a source for its password."),
        _ if e.kind == Kind::PassphraseNeeded => {
            (Severity::Unknown, e.message.clone(), "Give the key's pass phrase in HOLDPOINT_KEY_PASSPHRASE.")
        }
        _ => (Severity::Critical, e.message.clone(), "Look at the server's process and the end of its log."),
    };
    (severity, message, next.to_string())
}

/// What it means that this is in the way.
fn in_the_way(obstacle: Obstacle, e: &Error) -> (Severity, String, String) {
    let (severity, message, next) = match obstacle {
        // Where such a login hangs is the engine's to say.
        Obstacle::LoginHangs | Obstacle::Pooler => return (Severity::Critical, e.message.clone(), e.hints.join(" ")),
        Obstacle::NoTls => (
            Severity::Unknown,
            e.message.clone(),
            "The server answers, and has no TLS: see there for ssl, its certificate and its key, which a reload reads again; or what the target requires.",
        ),
        Obstacle::Expired => (
            Severity::Critical,
            e.message.clone(),
            "Renew the server's certificate with its key and let the server read them again (a reload): until then every client that looks at \
             certificates is locked out.",
        ),
        Obstacle::Tls => (
            Severity::Unknown,
            e.message.clone(),
            "The server answers: its certificate is not the one that this target trusts. Ask who renewed it before the target trusts another (sslrootcert).",
        ),
        Obstacle::NoFile => (Severity::Unknown, e.message.clone(), "Look whether the path is right, and whether this user may read it."),
        Obstacle::AnotherProgram => (
            Severity::Unknown,
            e.message.clone(),
            "Another program answers there: look at the target's host and port, and at what sits before the server.",
        ),
        Obstacle::NoName => (
            Severity::Unknown,
            e.message.clone(),
            "The name of the host leads nowhere: look at its spelling, and whether this machine's DNS answers.",
        ),
        Obstacle::NobodyListens => (
            Severity::Critical,
            format!("nobody listens there: {}", e.message),
            "The server is not running, or listens elsewhere: look at its process and the end of its log.",
        ),
        Obstacle::NoAnswer => {
            (Severity::Critical, e.message.clone(), "The machine does not answer, or a firewall drops the packets: try another port of it.")
        }
    };
    (severity, message, next.to_string())
}

/// What the sentence on top makes something of.
fn fault(e: &Error) -> Option<Fault> {
    match e.code.as_deref() {
        None if e.obstacle == Some(Obstacle::NobodyListens) => Some(Fault::NobodyListens),
        None if e.obstacle == Some(Obstacle::LoginHangs) => Some(Fault::LoginHangs),
        Some("57P03") if !e.message.contains("shutting down") => Some(Fault::NotReady),
        _ => None,
    }
}

/// No connection. What is in the way says more than that something is. `was_there`: an earlier assessment was in that very database.
pub(super) fn seen(e: &Error, target: &str, took: f64, in_the_way: Option<&Finding>, was_there: bool) -> Seen {
    let (mut severity, mut message, mut next) = meaning(e);
    // What was there is no wrong name, and a file that was a database has been overwritten.
    let gone = e.obstacle == Some(Obstacle::NoFile) || is_missing(e) || e.code.as_deref().is_some_and(|c| c.starts_with("SQLITE_NOTADB"));
    if was_there && gone && severity == Severity::Unknown {
        severity = Severity::Critical;
        message = format!("{message}; an earlier assessment was in it");
        next = "Find out who removed, renamed or overwrote it, and when; keep what is left of it, and restore it from a backup.".into();
    }
    if let Some(f) = in_the_way.filter(|f| f.severity >= Severity::Warning) {
        message = format!("{message}; {}", f.message);
        next.clone_from(&f.next);
    }
    let mut seen = Seen::of(&CONNECT).says(message.clone());
    seen.took = took;
    let mut finding = Finding::new(severity, CONNECT.id, target, message).fault(fault(e)).next(next);
    if severity == Severity::Unknown {
        finding = finding.lifts(e.hints.first().cloned().unwrap_or_else(|| "a login that the server accepts".into()));
    }
    seen.find(finding);
    seen
}

/// A server that answers nothing may not come back: who could take its place is said with that.
pub(super) fn with_followers(mut seen: Seen, cx: &Cx, target: &Target, e: &Error) -> Seen {
    let known = cx.store.followers(&target.kept_as()).ok().flatten().is_some();
    if let Some(f) = seen.findings.first_mut().filter(|_| known && e.code.is_none()) {
        let command = recovery::command(&Action { deed: Deed::Failover, object: String::new(), value: None }, &target.name);
        f.next = format!("{} {} If it does not come back: {command} prints what to do.", f.next, recovery::followers(cx, target));
    }
    seen
}

/// What it means that a file could not be opened, by SQLite's code.
fn of_a_file(e: &Error, code: &str) -> (Severity, String, &'static str) {
    let (severity, next) = match code.split(' ').next().unwrap_or(code) {
        "SQLITE_BUSY" => (
            Severity::Critical,
            "A program has locked the whole file: let it end its transaction, or end it; never delete -wal or -journal.",
        ),
        "SQLITE_NOTADB" => {
            (Severity::Unknown, "Another kind of file lies there, or it is encrypted: look at its first bytes and at a backup.")
        }
        "SQLITE_CORRUPT" => (
            Severity::Critical,
            "Stop the programs that write it, copy the file with its -wal and -journal aside, then restore the backup or recover into a new file.",
        ),
        "SQLITE_READONLY" => (
            Severity::Critical,
            "A journal is left to be rolled back, or a log to be read, and nothing is written from here: let the program that owns the file open it.",
        ),
        "SQLITE_FULL" | "SQLITE_IOERR" => (Severity::Critical, "Look at the disk: how full it is, and what the kernel's log says of it."),
        _ => (Severity::Critical, "Look at the files and who may reach them; in WAL mode the directory has to be writable, too."),
    };
    (severity, e.message.clone(), next)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn each_failure_says_what_it_means() {
        let seen_of = |e: Error| {
            let seen = seen(&e.hint("See whether pg_authid is locked."), "shop", 1.0, None, false);
            (seen.severity, seen.findings[0].next.clone())
        };
        let meaning = |code: Option<&str>, message: &str| seen_of(Error { code: code.map(str::to_string), ..Error::connect(message) });
        // Whatever its words are.
        let by = |obstacle: Obstacle| seen_of(Error::connect("it did not work").by(obstacle));
        let (severity, next) = meaning(Some("53300"), "remaining connection slots are reserved for non-replication superuser connections");
        assert!(severity == Severity::Critical && next.contains("reserved connections"), "{next}");
        let (_, next) = meaning(Some("53300"), "sorry, too many clients already");
        assert!(!next.contains("superuser") && next.contains("never kill -9"), "who has them tried already: {next}");
        let (_, next) = meaning(Some("57P03"), "the database system is starting up");
        assert!(next.contains("Do not stop it again"), "{next}");
        let (_, next) = meaning(Some("57P03"), "the database system is shutting down");
        assert!(next.contains("by whom"), "{next}");
        let (severity, next) = by(Obstacle::LoginHangs);
        assert!(severity == Severity::Critical && next.contains("pg_authid") && !next.contains("firewall"), "{next}");
        let (_, next) = by(Obstacle::NoAnswer);
        assert!(next.contains("firewall"), "{next}");
        let (_, next) = by(Obstacle::NobodyListens);
        assert!(next.contains("not running"), "{next}");
        let (severity, next) = by(Obstacle::Tls);
        assert!(severity == Severity::Unknown && next.contains("The server answers"), "{next}");
        let (severity, next) = by(Obstacle::Expired);
        assert!(severity == Severity::Critical && next.contains("Renew"), "{next}");
        let (severity, next) =
            meaning(None, "the server at db1 refused the connection: could not fork new process for connection: Resource");
        assert!(severity == Severity::Critical && next.contains("TasksMax"), "{next}");
        let (_, next) = meaning(Some("53200"), "the server at db1 refused the connection: out of shared memory");
        assert!(next.contains("max_locks_per_transaction"), "{next}");
        let (_, next) =
            meaning(Some("55000"), "the server at db1 refused the connection: database \"shop\" is not currently accepting connections");
        assert!(next.contains("ALLOW_CONNECTIONS true"), "{next}");
        let (severity, next) = meaning(Some("1129"), "db1:3306 blocks this host: Host 'app1' is blocked because of many connection errors");
        assert!(severity == Severity::Critical && next.contains("flush-hosts") && next.contains("host_cache"), "{next}");
        let (severity, _) = meaning(Some("28P01"), "password authentication failed");
        assert_eq!(severity, Severity::Unknown, "that the login is wrong does not mean that the server is ill");
    }
}
